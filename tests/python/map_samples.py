# SPDX-License-Identifier: MIT
"""The library of map_samples.c, compiled once per run, and its declarations."""

import atexit
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from jiffi import FFI

CDEF = """
    typedef struct { double x, y; } point;
    typedef struct { int32_t id; double v[5]; } big;
    double add(double a, double b);
    double twice(double a);
    float half(float a);
    int8_t neg8(int8_t a);
    uint16_t inc16(uint16_t a);
    int64_t inc64(int64_t a);
    _Bool flip(_Bool a);
    char upper(char c);
    long double third(long double a);
    double _Complex conjugate(double _Complex z);
    int weigh(int a, double b, int8_t c, float d, uint16_t e, int64_t f, int8_t g, int8_t h,
              int16_t i);
    point swap(point p);
    big grow(big b, int32_t by);
    big turned(const big *p);
    double norm2(const point *p);
    void shift(point *p, double by);
    double split(double x, int *whole);
    double sum3(const double v[3]);
    size_t length(const char *s);
    char first(const char *s);
    int limit(int a, int most);
    int8_t fails8(int8_t a);
    uint64_t fails64(uint64_t a);
    const char *message(int a);
    int count(void);
    void note(int a);
    int last(void);
    double peek(const void *p, int i);
    int call(int (*f)(int), int a);
    int set_errno(int e);
    int nap(int microseconds);
    int many(int n, ...);
    enum color { RED, GREEN = 5, BLUE };
    enum color after(enum color c);
"""


def load():
    """(ffi, lib); the shared library lives as long as the process."""
    where = tempfile.mkdtemp(prefix="jiffi-map-")
    atexit.register(shutil.rmtree, where, ignore_errors=True)
    path = os.path.join(where, "libmap.so")
    source = Path(__file__).with_name("map_samples.c")
    subprocess.run([os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-o", path,
                    str(source)], check=True)
    ffi = FFI()
    ffi.cdef(CDEF)
    return ffi, ffi.dlopen(path)


ffi, lib = load()
