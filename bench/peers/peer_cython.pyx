# SPDX-License-Identifier: MIT
# cython: language_level=3, boundscheck=False, wraparound=False
"""The functions of callee.h through Cython, the GIL kept unless said."""

cdef extern from "callee.h":
    cdef struct point:
        int x
        int y
    cdef struct pair:
        double a
        double b
    void c_nothing "nothing"() nogil
    int c_add "add"(int, int) nogil
    double c_fma3 "fma3"(double, double, double) nogil
    size_t c_slen "slen"(const char *) nogil
    int c_sum10 "sum10"(int, int, int, int, int, int, int, int, int, int) nogil
    int c_norm1 "norm1"(const point *) nogil
    double c_pair_sum "pair_sum"(pair) nogil
    int c_first_byte "first_byte"(const unsigned char *, int) nogil
    double c_first_double "first_double"(const double *, int) nogil
    int c_call_many "call_many"(int (*)(int, int) noexcept, int)


def nothing():
    c_nothing()


def add(int a, int b):
    return c_add(a, b)


def add_nogil(int a, int b):
    cdef int r
    with nogil:
        r = c_add(a, b)
    return r


def fma3(double a, double b, double c):
    return c_fma3(a, b, c)


def slen(const char *s):
    return c_slen(s)


def sum10(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j):
    return c_sum10(a, b, c, d, e, f, g, h, i, j)


cdef class Point:
    cdef point p

    def __init__(self, int x=0, int y=0):
        self.p.x = x
        self.p.y = y

    @property
    def x(self):
        return self.p.x

    @x.setter
    def x(self, int v):
        self.p.x = v


cdef class Pair:
    cdef pair p

    def __init__(self, double a=0, double b=0):
        self.p.a = a
        self.p.b = b


def norm1(Point p not None):
    return c_norm1(&p.p)


def pair_sum(Pair p not None):
    return c_pair_sum(p.p)


def first_byte(const unsigned char[::1] v not None, int n):
    return c_first_byte(&v[0], n)


def first_double(const double[::1] v not None, int n):
    return c_first_double(&v[0], n)


cdef object target = None


cdef int trampoline(int a, int b) noexcept:
    return target(a, b)


def call_many(fn, int n):
    global target
    target = fn
    return c_call_many(trampoline, n)
