/* SPDX-License-Identifier: MIT
 *
 * The library that the tests of calls use: one small function for each thing that
 * can be passed, returned, or called back. */
#include <complex.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

typedef struct { int x, y; } point;
typedef struct { double a; long b; } mixed;
typedef struct { long v[8]; } big;
typedef struct { char c; } tiny;
typedef struct { float f[3]; } floats;
typedef union { int i; double d; } either;
enum color { RED, GREEN = 5, BLUE };

#define SAME(name, type) type name(type v) { return v; }
SAME(same_bool, _Bool)
SAME(same_i8, int8_t)
SAME(same_u8, uint8_t)
SAME(same_i16, int16_t)
SAME(same_u16, uint16_t)
SAME(same_i32, int32_t)
SAME(same_u32, uint32_t)
SAME(same_i64, int64_t)
SAME(same_u64, uint64_t)
SAME(same_char, char)
SAME(same_wchar, wchar_t)
SAME(same_float, float)
SAME(same_double, double)
SAME(same_ldouble, long double)
SAME(same_color, enum color)
SAME(same_pointer, void *)
SAME(same_int_pointer, int *)
SAME(same_point, point)
SAME(same_mixed, mixed)
SAME(same_big, big)
SAME(same_tiny, tiny)
SAME(same_floats, floats)
SAME(same_either, either)
SAME(same_cdouble, double _Complex)

int answer(void) { return 42; }
void nothing(void) { }
int add(int a, int b) { return a + b; }
long sum10(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j)
{
    return (long)a + 2L * b + 3L * c + 4L * d + 5L * e + 6L * f + 7L * g + 8L * h +
           9L * i + 10L * j;
}
double fma3(double a, double b, double c) { return a * b + c; }
size_t slen(const char *s) { return strlen(s); }
double mix(int a, double b, const char *s, point p, float f, int64_t last)
{
    return a + b * 10 + (double)strlen(s) * 100 + p.x * 1000 + p.y * 10000 +
           (double)f * 100000 + (double)last * 1000000;
}
int sum_ints(const int *p, int n)
{
    int total = 0;
    for (int i = 0; i < n; i++)
        total += p[i];
    return total;
}
void store_ints(int *p, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = i;
}
double norm1(const double *p, size_t n)
{
    double total = 0;
    for (size_t i = 0; i < n; i++)
        total += p[i] < 0 ? -p[i] : p[i];
    return total;
}
void move_point(point *p, int dx) { p->x += dx; }
int point_sum(point p) { return p.x + p.y; }
point make_point(int x, int y) { return (point){x, y}; }
big make_big(long first)
{
    big b;
    for (int i = 0; i < 8; i++)
        b.v[i] = first + i;
    return b;
}
long big_sum(int before, big b, int after)
{
    long total = before + after;
    for (int i = 0; i < 8; i++)
        total += b.v[i];
    return total;
}

int get_errno(void) { return errno; }
int set_errno(int e)
{
    int old = errno;
    errno = e;
    return old;
}

/* --- variadics --- */
int sum_va(int n, ...)
{
    va_list ap;
    va_start(ap, n);
    int total = 0;
    for (int i = 0; i < n; i++)
        total += va_arg(ap, int);
    va_end(ap);
    return total;
}
/* `kinds`: i int, l long long, u unsigned long long, d double, s string, p pointer,
 * P point */
int format_va(char *out, size_t size, const char *kinds, ...)
{
    va_list ap;
    va_start(ap, kinds);
    size_t n = 0;
    out[0] = 0;
    for (; *kinds && n < size; kinds++) {
        switch (*kinds) {
        case 'i':
            n += (size_t)snprintf(out + n, size - n, "i%d;", va_arg(ap, int));
            break;
        case 'l':
            n += (size_t)snprintf(out + n, size - n, "l%lld;", va_arg(ap, long long));
            break;
        case 'u':
            n += (size_t)snprintf(out + n, size - n, "u%llu;",
                                  va_arg(ap, unsigned long long));
            break;
        case 'd':
            n += (size_t)snprintf(out + n, size - n, "d%g;", va_arg(ap, double));
            break;
        case 's':
            n += (size_t)snprintf(out + n, size - n, "s%s;", va_arg(ap, char *));
            break;
        case 'p':
            n += (size_t)snprintf(out + n, size - n, "p%d;", va_arg(ap, void *) != NULL);
            break;
        case 'P': {
            point p = va_arg(ap, point);
            n += (size_t)snprintf(out + n, size - n, "P%d,%d;", p.x, p.y);
        }
        }
    }
    va_end(ap);
    return (int)n;
}

/* --- callbacks --- */
int call_int(int (*f)(int), int v) { return f(v); }
void call_void(void (*f)(void)) { f(); }
double call_double(double (*f)(double, float), double a, float b) { return f(a, b); }
point call_point(point (*f)(point, int), point p, int n) { return f(p, n); }
big call_big(big (*f)(big), big b) { return f(b); }
char call_char(char (*f)(char, int8_t, uint16_t), char c) { return f(c, -3, 60000); }
int8_t call_i8(int8_t (*f)(void)) { return f(); }
long double call_ldouble(long double (*f)(long double), long double v) { return f(v); }
const char *call_string(const char *(*f)(const char *), const char *s) { return f(s); }
int64_t call_many(int64_t (*f)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                               int64_t, double, int64_t, int64_t))
{
    return f(1, 2, 3, 4, 5, 6, 7, 8.5, 9, 10);
}
long call_often(int (*f)(int), int n)
{
    long total = 0;
    for (int i = 0; i < n; i++)
        total += f(i);
    return total;
}
int call_errno(int (*f)(int), int before)
{
    errno = before;
    f(before);
    return errno;
}

typedef struct { int (*f)(int); int result, n; } job;
static void *run_job(void *p)
{
    job *j = p;
    for (int i = 0; i < j->n; i++)
        j->result += j->f(i);
    return NULL;
}
/* As C code that uses Python itself: `ensure` and `release` are Python's. */
int call_held(int (*ensure)(void), void (*release)(int), int (*f)(int), int v)
{
    int state = ensure();
    v = f(v);
    release(state);
    return f(v);
}
/* On a thread that Python has never seen. */
int call_on_thread(int (*f)(int), int n)
{
    pthread_t t;
    job j = {f, 0, n};
    if (pthread_create(&t, NULL, run_job, &j))
        return -1;
    pthread_join(t, NULL);
    return j.result;
}

int (*get_add(void))(int, int) { return add; }
int apply(int (*f)(int, int), int a, int b) { return f ? f(a, b) : -1; }
typedef struct { int (*op)(int, int); const char *name; } entry;
entry table[2] = {{add, "add"}, {NULL, "none"}};

/* Waits until *flag is set by another thread. */
int wait_for(volatile int *flag, int limit_ms)
{
    struct timespec step = {0, 1000000};
    for (int i = 0; i < limit_ms; i++) {
        if (*flag)
            return 1;
        nanosleep(&step, NULL);
    }
    return 0;
}

/* --- variables --- */
int counter = 7;
const int fixed = 11;
double ratio = 0.5;
char letters[6] = "hello";
int numbers[4] = {1, 2, 3, 4};
point origin = {3, 4};
const char *greeting = "hi";
int (*operation)(int, int) = add;
int read_counter(void) { return counter; }
