# SPDX-License-Identifier: MIT
"""The library of fuse_samples.c, compiled once per run, and its declarations."""

import atexit
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from jiffi import FFI

CDEF = """
    typedef struct { double x, y; } point;
    typedef struct { int8_t tag; point at; int32_t n[3]; unsigned low : 3; } item;
    typedef struct { char bytes[40]; double sum; } big;
    double half(double x); double add(double a, double b); float third(float x);
    int inc(int n); int8_t neg8(int8_t n); uint16_t up16(uint16_t n);
    unsigned flip32(unsigned n); int64_t neg64(int64_t n); uint64_t mix64(uint64_t h);
    size_t length(const char *s); _Bool is_odd(int n); int as_int(_Bool b);
    char upper(char c); long double third_l(long double x);
    point swap(point p); double norm1(const point *p); void shift(point *p, double by);
    int split(double x, int *whole, double *rest);
    double sum(const double *v, int n);
    item make_item(int n); int weigh_item(item i);
    big make_big(double x); double sum_big(big b, big c);
    void *same(void *p); const char *word(int n);
    int tick(void); void reset(void); int fail(int e); int get_errno(void);
    double many(int8_t a, double b, uint16_t c, float d, int64_t e, double f, int g,
                double h, int i, double j, int k, double l);
    int call(int (*f)(int), int n);
    int sum_of(int n, ...);
    enum color { RED, GREEN = 5 };
    enum color next_color(enum color c);
"""


def load(gil="hold"):
    """A new (ffi, lib)."""
    ffi = FFI(gil=gil)
    ffi.cdef(CDEF)
    return ffi, ffi.dlopen(PATH)


def _compile():
    where = tempfile.mkdtemp(prefix="jiffi-fuse-")
    atexit.register(shutil.rmtree, where, ignore_errors=True)
    path = os.path.join(where, "libfuse_samples.so")
    source = Path(__file__).with_name("fuse_samples.c")
    subprocess.run([os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-o", path,
                    str(source)], check=True)
    return path


PATH = _compile()
ffi, lib = load()
