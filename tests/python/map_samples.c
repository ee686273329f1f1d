/* SPDX-License-Identifier: MIT
 *
 * The library that the tests of ffi.map() use. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

typedef struct { double x, y; } point;
typedef struct { int32_t id; double v[5]; } big;

double add(double a, double b) { return a + b; }
double twice(double a) { return 2 * a; }
float half(float a) { return a / 2; }
int8_t neg8(int8_t a) { return (int8_t)-a; }
uint16_t inc16(uint16_t a) { return (uint16_t)(a + 1); }
int64_t inc64(int64_t a) { return a + 1; }
_Bool flip(_Bool a) { return !a; }
char upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c - 32) : c; }
long double third(long double a) { return a / 3; }
double _Complex conjugate(double _Complex z) { return ~z; }
int weigh(int a, double b, int8_t c, float d, uint16_t e, int64_t f, int8_t g, int8_t h,
          int16_t i)
{
    return (int)(a + b + c + d + e + f + 10 * g + 100 * h + 1000 * i);
}
point swap(point p) { return (point){p.y, p.x}; }
big grow(big b, int32_t by)
{
    b.id += by;
    for (int i = 0; i < 5; i++)
        b.v[i] += by;
    return b;
}
big turned(const big *p)
{
    big b = {-p->id, {0}};
    for (int i = 0; i < 5; i++)
        b.v[i] = p->v[4 - i];
    return b;
}
double norm2(const point *p) { return p->x * p->x + p->y * p->y; }
void shift(point *p, double by) { p->x += by; p->y += by; }
double split(double x, int *whole) { *whole = (int)x; return x - *whole; }
double sum3(const double v[3]) { return v[0] + v[1] + v[2]; }
size_t length(const char *s) { size_t n = 0; while (s[n]) n++; return n; }
char first(const char *s) { return *s; }
int limit(int a, int most) { return a > most ? a : 0; }
int8_t fails8(int8_t a) { return a; }
uint64_t fails64(uint64_t a) { return a << 40; }
const char *message(int a) { return a < 3 ? NULL : "three or more"; }
static int seen;
int count(void) { return ++seen; }
void note(int a) { seen = a; }
int last(void) { return seen; }
double peek(const void *p, int i) { return ((const double *)p)[i]; }
int call(int (*f)(int), int a) { return f(a); }
int set_errno(int e) { int was = errno; errno = e; return was; }
int nap(int microseconds)
{
    struct timespec t = {0, microseconds * 1000L};
    return nanosleep(&t, NULL);
}
enum color { RED, GREEN = 5, BLUE };
enum color after(enum color c) { return c == GREEN ? BLUE : c == RED ? GREEN : RED; }
int many(int n, ...) { return n; }
