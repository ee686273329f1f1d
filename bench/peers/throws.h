/* SPDX-License-Identifier: MIT
 *
 * C++ functions that every peer calls: they throw std::out_of_range for a negative
 * number and for an empty string, and do next to nothing else. In a shared library
 * of their own, with C's names, so that every peer calls the very same code.
 */
#ifndef BENCH_THROWS_H
#define BENCH_THROWS_H

#include <stddef.h>

extern "C" {
int t_add(int a, int b);
double t_half(double x);
size_t t_length(const char *s);
}

#endif
