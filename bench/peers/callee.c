/* SPDX-License-Identifier: MIT
 *
 * The C functions that every peer calls; see callee.h.
 */
#include "callee.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

void nothing(void)
{
}

int add(int a, int b)
{
    return a + b;
}

double fma3(double a, double b, double c)
{
    return a * b + c;
}

/* Not strlen: its cost for a short string is the loop below and no dispatch. */
size_t slen(const char *s)
{
    size_t n = 0;
    while (s[n]) {
        n++;
    }
    return n;
}

int sum10(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j)
{
    return a + b + c + d + e + f + g + h + i + j;
}

int norm1(const struct point *p)
{
    return (p->x < 0 ? -p->x : p->x) + (p->y < 0 ? -p->y : p->y);
}

double pair_sum(struct pair p)
{
    return p.a + p.b;
}

int first_byte(const unsigned char *p, int n)
{
    return n > 0 ? p[0] : -1;
}

double first_double(const double *p, int n)
{
    return n > 0 ? p[0] : -1.0;
}

int call_many(int (*fn)(int, int), int n)
{
    int sum = 0;
    for (int i = 0; i < n; i++) {
        sum = fn(sum & 1023, i & 1023);
    }
    return sum;
}

double absolute(double x)
{
    return x < 0 ? -x : x;
}

double plus(double a, double b)
{
    return a + b;
}

int negate(int a)
{
    return (int)-(unsigned)a;
}

int add3(int a, int b, int c)
{
    return a + b + c;
}

/* Some forty nanoseconds of arithmetic, each step waiting for the one before. */
double work(double x)
{
    for (int i = 0; i < 16; i++) {
        x = x * 0.5 + 1.0;
    }
    return x;
}

/* The empty statement keeps the compiler from making a formula of it. */
int looped(int n)
{
    int sum = 0;
    for (int i = 0; i < n; i++) {
        sum += i;
        __asm__ volatile("" : "+r"(sum));
    }
    return sum;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int locked(int a)
{
    pthread_mutex_lock(&lock);
    int r = a + 1;
    pthread_mutex_unlock(&lock);
    return r;
}

#define STEP x = 1.0 / (x + 1.0);
#define TEN STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP

double straight(double x)
{
    TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN return x;
}

double spin(long n)
{
    double x = 1.0;
    for (long i = 0; i < n; i++) {
        STEP
    }
    return x;
}

int nap(int us)
{
    struct timespec t = {us / 1000000, us % 1000000 * 1000L};
    return nanosleep(&t, NULL);
}

int status(int a)
{
    if (a < 0) {
        errno = EINVAL;
        return -1;
    }
    return 0;
}
