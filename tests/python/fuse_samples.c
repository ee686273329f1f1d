/* SPDX-License-Identifier: MIT
 *
 * Functions for the tests of fused functions and batches: tiny ones, of every kind of
 * parameter and result.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct { double x, y; } point;
typedef struct { int8_t tag; point at; int32_t n[3]; unsigned low : 3; } item;
typedef struct { char bytes[40]; double sum; } big;

double half(double x) { return x * 0.5; }
double add(double a, double b) { return a + b; }
float third(float x) { return x / 3; }
int inc(int n) { return n + 1; }
int8_t neg8(int8_t n) { return (int8_t)-n; }
uint16_t up16(uint16_t n) { return (uint16_t)(n + 3); }
unsigned flip32(unsigned n) { return ~n; }
int64_t neg64(int64_t n) { return (int64_t)(0 - (uint64_t)n); }
uint64_t mix64(uint64_t h) { return (h ^ (h >> 33)) * 0xff51afd7ed558ccdu; }
size_t length(const char *s) { return strlen(s); }
_Bool is_odd(int n) { return n & 1; }
int as_int(_Bool b) { return b ? 10 : 20; }
char upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c - 32) : c; }
long double third_l(long double x) { return x / 3; }

point swap(point p) { return (point){p.y, p.x}; }
double norm1(const point *p) { return p->x + p->y; }
void shift(point *p, double by) { p->x += by; p->y -= by; }
int split(double x, int *whole, double *rest)
{
    *whole = (int)x;
    *rest = x - *whole;
    return x < 0;
}
double sum(const double *v, int n)
{
    double s = 0;
    for (int i = 0; i < n; i++)
        s += v[i];
    return s;
}
item make_item(int n) { return (item){(int8_t)n, {n, n * 2}, {n, n + 1, n + 2}, 5}; }
int weigh_item(item i) { return i.tag + (int)i.at.x + i.n[2]; }
big make_big(double x)
{
    big b = {"big", x};
    return b;
}
double sum_big(big b, big c) { return b.sum + c.sum; }
void *same(void *p) { return p; }
const char *word(int n) { return n ? "yes" : "no"; }

static int calls;
int tick(void) { return ++calls; }
void reset(void) { calls = 0; }
int fail(int e)
{
    errno = e;
    return -1;
}
int get_errno(void) { return errno; }
double many(int8_t a, double b, uint16_t c, float d, int64_t e, double f, int g, double h,
            int i, double j, int k, double l)
{
    return a + b * 2 + c * 3 + d * 4 + (double)e * 5 + f * 6 + g * 7 + h * 8 + i * 9 +
           j * 10 + k * 11 + l * 12;
}
int call(int (*f)(int), int n) { return f(n); }
int sum_of(int n, ...) { return n; }
enum color { RED, GREEN = 5 };
enum color next_color(enum color c) { return c == RED ? GREEN : RED; }
