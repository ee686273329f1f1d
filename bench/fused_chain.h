/* SPDX-License-Identifier: MIT
 * Ten small functions to be called one after the other; see fused.c. */
#ifndef BENCH_FUSED_CHAIN_H
#define BENCH_FUSED_CHAIN_H

enum { CHAIN = 10 };

typedef double (*Step)(double);

extern Step volatile chain[CHAIN];
double in_c(double x); /* the ten of them, through pointers */

#endif
