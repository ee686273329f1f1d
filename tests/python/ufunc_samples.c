/* SPDX-License-Identifier: MIT
 *
 * The library that the tests of ufuncs use: functions of each shape and type that an
 * array's items can go through. */
#include <complex.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <uchar.h>
#include <wchar.h>

typedef struct { double x, y; } point;
typedef struct { char tag; int32_t n; long double wide; } mixed;
typedef struct { double v[12]; } big;
typedef struct { int32_t id; point at; uint8_t rgb[3]; } dot;
typedef union { int64_t i; double d; } either;
enum color { RED, GREEN = 5, BLUE };

/* --- numbers: each type in, the same type out -------------------------------- */

#define TWICE(name, type) type twice_##name(type v) { return v + v; }
TWICE(i8, int8_t)
TWICE(u8, uint8_t)
TWICE(i16, int16_t)
TWICE(u16, uint16_t)
TWICE(i32, int32_t)
TWICE(u32, uint32_t)
TWICE(i64, int64_t)
TWICE(u64, uint64_t)
TWICE(long, long)
TWICE(llong, long long)
TWICE(wchar, wchar_t)
TWICE(c16, char16_t)
TWICE(f32, float)
TWICE(f64, double)
TWICE(ld, long double)
TWICE(cf, float complex)
TWICE(cd, double complex)
TWICE(cld, long double complex)

_Bool not_bool(_Bool v) { return !v; }
_Bool both(_Bool a, _Bool b) { return a && b; }
int as_int(int v) { return v; } /* declared as _Bool(int) as well */
char upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c - 32) : c; }
char32_t next_char(char32_t c) { return c + 1; }
enum color next_color(enum color c) { return c == RED ? GREEN : BLUE; }
const char *color_name(enum color c) { return c == RED ? "red" : "other"; }

/* --- shapes -------------------------------------------------------------------- */

double add(double a, double b) { return a + b; }
double sub(double a, double b) { return a - b; }
int32_t add_i32(int32_t a, int32_t b) { return (int32_t)((uint32_t)a + (uint32_t)b); }
int64_t add_i64(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }
double fma3(double a, double b, double c) { return a * b + c; }
double mix(int8_t a, float b, int64_t c, double d, uint16_t e)
{
    return a + b + (double)c + d + e;
}
double many(double a, double b, double c, double d, double e, double f, double g,
            double h, double i, double j, int k, int l, int m, int n, int o, int p,
            int q, int r)
{
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i +
           10 * j + 11. * k + 12. * l + 13. * m + 14. * n + 15. * o + 16. * p +
           17. * q + 18. * r;
}

double split(double x, double *whole)
{
    *whole = (double)(int64_t)x;
    return x - *whole;
}
void divide(int32_t a, int32_t b, int32_t *quotient, int32_t *remainder)
{
    *quotient = b ? a / b : 0;
    *remainder = b ? a % b : a;
}
int tell(int16_t a, _Bool *is_odd, float *half, uint8_t *low)
{
    *is_odd = a & 1;
    *half = a / 2.0f;
    *low = (uint8_t)a;
    return -a;
}
void grow(double by, double *total, double *before)
{
    *before = *total;
    *total += by;
}
void add_to(double *total, double x) { *total += x; }
double peek(const double *p, double x) { return *p * x; }
void nothing(double x) { (void)x; }
double constant(void) { return 7; }
int sum_of(int n, ...) { return n; }

typedef struct { double scale; long calls; } context;
double scaled(double x, context *ctx)
{
    ctx->calls++;
    return x * ctx->scale;
}
double at(const double *table, int32_t n, int32_t i)
{
    return i >= 0 && i < n ? table[i] : -1;
}
double call(double (*f)(double, void *), double x, void *data) { return f(x, data); }
double add_data(double x, void *data) { return x + *(double *)data; }

/* --- structs --------------------------------------------------------------------- */

point shift(point p, double by) { return (point){p.x + by, p.y - by}; }
point make_point(double x, double y) { return (point){x, y}; }
double norm1(point p) { return (p.x < 0 ? -p.x : p.x) + (p.y < 0 ? -p.y : p.y); }
double norm1_at(const point *p) { return norm1(*p); }
void swap(point *p) { *p = (point){p->y, p->x}; }
point add_points(point a, point b) { return (point){a.x + b.x, a.y + b.y}; }
mixed widen(mixed m) { m.wide += m.n; m.tag++; return m; }
big fill(big b, double v)
{
    for (int i = 0; i < 12; i++)
        b.v[i] += v * i;
    return b;
}
dot paint(dot d, uint8_t red) { d.rgb[0] = red; d.at.x = d.id; return d; }
either bits_of(double d) { return (either){.d = d}; }
int64_t int_of(either e) { return e.i; }
void halves(point p, point *a, dot *b)
{
    *a = (point){p.x / 2, p.y / 2};
    memset(b, 0, sizeof *b);
    b->id = 1;
    b->at = *a;
}
double of_aligned(const long double *wide, const mixed *m)
{
    return (double)(*wide + m->wide);
}

/* --- waiting ------------------------------------------------------------------------ */

int wait_for(volatile int *flag, int ms)
{
    struct timespec t = {0, 1000000};
    for (int i = 0; i < ms && !*flag; i++)
        nanosleep(&t, NULL);
    return *flag;
}
int wait_ms(int ms, volatile int *flag) { return wait_for(flag, ms); }
