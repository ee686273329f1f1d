/* SPDX-License-Identifier: MIT
 *
 * Functions for streams: of a chunk, of an item, that write, that fail, that wait.
 */
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

typedef struct {
    int32_t id;
    double v;
} row;
typedef struct {
    double low, high;
} range;

double total(const double *data, size_t n)
{
    double t = 0;
    for (size_t i = 0; i < n; i++)
        t += data[i];
    return t;
}

double weighted(size_t n, const double *data, double by)
{
    return total(data, n) * by;
}

uint32_t bytes_sum(const void *data, size_t n)
{
    uint32_t t = 0;
    for (size_t i = 0; i < n; i++)
        t += ((const uint8_t *)data)[i];
    return t;
}

uint64_t running(uint64_t before, const uint8_t *data, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        before = before * 31 + data[i];
    return before;
}

range ends(const double *data, size_t n)
{
    range r = {data[0], data[n - 1]};
    return r;
}

void negate_all(double *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        data[i] = -data[i];
}

const double *first(const double *data, size_t n)
{
    return n ? data : NULL;
}

int has_negative(const double *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (data[i] < 0)
            return (int)i + 1;
    return 0;
}

char letter(const char *data, size_t n)
{
    return n && data[0] == 'x' ? 'x' : 0;
}

double twice(double x)
{
    return 2 * x;
}

double plus(double x, double by)
{
    return x + by;
}

int32_t next(int32_t x)
{
    return x + 1;
}

double row_value(const row *r)
{
    return r->id * r->v;
}

double by_value(row r)
{
    return r.id + r.v;
}

void shift(row *r, double by)
{
    r->id++;
    r->v += by;
}

int nth(const row *r, int by)
{
    return r->id * by;
}

int odd(int32_t x)
{
    return x % 2 ? x : 0;
}

static double seen;

void see(double x)
{
    seen += x;
}

double was_seen(void)
{
    return seen;
}

/* As many milliseconds as the first item says. */
double slow(const double *data, size_t n)
{
    usleep((useconds_t)(data[0] * 1000));
    return (double)n;
}

/* Say that this runs; 1 when the other side has answered, within 30 seconds. */
int meet(const double *data, size_t n, volatile int *both)
{
    (void)data;
    (void)n;
    both[0] = 1;
    for (int i = 0; i < 30000 && !both[1]; i++)
        usleep(1000);
    return both[1];
}

int several(const double *a, size_t n, int (*f)(int))
{
    return f ? f((int)(a[0] + (double)n)) : -1;
}

double two(double a, double b)
{
    return a + b;
}
