/* SPDX-License-Identifier: MIT
 *
 * The C functions that every peer calls. They do next to nothing, so that what
 * is measured is the call; they live in a shared library of their own, so that
 * no peer's compiler can look into them.
 */
#ifndef BENCH_CALLEE_H
#define BENCH_CALLEE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct point {
    int x, y;
};
struct pair {
    double a, b;
};

void nothing(void);
int add(int a, int b);
double fma3(double a, double b, double c);
size_t slen(const char *s);
int sum10(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j);
int norm1(const struct point *p);
double pair_sum(struct pair p);
int first_byte(const unsigned char *p, int n);
double first_double(const double *p, int n);
int call_many(int (*fn)(int, int), int n);

/* For batches, beside add() and fma3(). */
double absolute(double x);
double plus(double a, double b);
int negate(int a);
int add3(int a, int b, int c);
double work(double x);

/* What the GIL may be kept for, and what not: a loop, a lock, some 1 us of arithmetic
 * without a jump, arithmetic as long as is asked for, a wait. */
int looped(int n);
int locked(int a);
double straight(double x);
double spin(long n);
int nap(int us);
/* 0, or -1 with errno. */
int status(int a);

#ifdef __cplusplus
}
#endif

#endif
