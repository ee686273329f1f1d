# SPDX-License-Identifier: MIT
"""The library of stream_samples.c, compiled once per run, and its declarations."""

import atexit
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from jiffi import FFI

CDEF = """
    typedef struct { int32_t id; double v; } row;
    typedef struct { double low, high; } range;
    struct hidden;
    double total(const double *data, size_t n);
    double weighted(size_t n, const double *data, double by)
        __attribute__((access(read_only, 2, 1)));
    uint32_t bytes_sum(const void *data, size_t n);
    uint64_t running(uint64_t before, const uint8_t *data, unsigned n);
    range ends(const double *data, size_t n);
    void negate_all(double *data, size_t n);
    const double *first(const double *data, size_t n);
    int has_negative(const double *data, size_t n);
    char letter(const char *data, size_t n);
    double twice(double x);
    double plus(double x, double by);
    int32_t next(int32_t x);
    double row_value(const row *r);
    double by_value(row r);
    void shift(row *r, double by);
    int nth(const row *r, int by);
    int odd(int32_t x);
    void see(double x);
    double was_seen(void);
    double slow(const double *data, size_t n);
    int meet(const double *data, size_t n, volatile int *both);
    int several(const double *a, size_t n, int (*f)(int));
    double two(double a, double b);
"""


def load():
    """(ffi, lib); the shared library lives as long as the process."""
    where = tempfile.mkdtemp(prefix="jiffi-stream-")
    atexit.register(shutil.rmtree, where, ignore_errors=True)
    path = os.path.join(where, "libstream.so")
    source = Path(__file__).with_name("stream_samples.c")
    subprocess.run([os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-o", path,
                    str(source)], check=True)
    ffi = FFI()
    ffi.cdef(CDEF)
    return ffi, ffi.dlopen(path)


ffi, lib = load()
