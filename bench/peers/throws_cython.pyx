# SPDX-License-Identifier: MIT
# cython: language_level=3
"""The functions of throws.h through Cython's `except +`, the GIL kept unless said."""

cdef extern from "throws.h":
    int c_add "t_add"(int, int) except + nogil
    double c_half "t_half"(double) except + nogil
    size_t c_length "t_length"(const char *) except + nogil


def t_add(int a, int b):
    return c_add(a, b)


def t_add_nogil(int a, int b):
    cdef int r
    with nogil:
        r = c_add(a, b)
    return r


def t_half(double x):
    return c_half(x)


def t_half_nogil(double x):
    cdef double r
    with nogil:
        r = c_half(x)
    return r


def t_length(const char *s):
    return c_length(s)


def t_length_nogil(const char *s):
    cdef size_t r
    with nogil:
        r = c_length(s)
    return r
