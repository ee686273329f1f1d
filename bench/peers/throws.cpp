// SPDX-License-Identifier: MIT
// The C++ functions that every peer calls; see throws.h.
#include "throws.h"

#include <stdexcept>

int t_add(int a, int b)
{
    if (a < 0) {
        throw std::out_of_range("a is negative");
    }
    return a + b;
}

double t_half(double x)
{
    if (x < 0) {
        throw std::out_of_range("x is negative");
    }
    return x * 0.5;
}

size_t t_length(const char *s)
{
    size_t n = 0;
    while (s[n]) {
        n++;
    }
    if (n == 0) {
        throw std::out_of_range("s is empty");
    }
    return n;
}
