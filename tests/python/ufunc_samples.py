# SPDX-License-Identifier: MIT
"""The library of ufunc_samples.c, compiled once per run, and its declarations."""

import atexit
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from jiffi import FFI

CDEF = """
    typedef struct { double x, y; } point;
    typedef struct { char tag; int32_t n; long double wide; } mixed;
    typedef struct { double v[12]; } big;
    typedef struct { int32_t id; point at; uint8_t rgb[3]; } dot;
    typedef union { int64_t i; double d; } either;
    enum color { RED, GREEN = 5, BLUE };
    int8_t twice_i8(int8_t v);
    uint8_t twice_u8(uint8_t v);
    int16_t twice_i16(int16_t v);
    uint16_t twice_u16(uint16_t v);
    int32_t twice_i32(int32_t v);
    uint32_t twice_u32(uint32_t v);
    int64_t twice_i64(int64_t v);
    uint64_t twice_u64(uint64_t v);
    long twice_long(long v);
    long long twice_llong(long long v);
    wchar_t twice_wchar(wchar_t v);
    char16_t twice_c16(char16_t v);
    float twice_f32(float v);
    double twice_f64(double v);
    long double twice_ld(long double v);
    float _Complex twice_cf(float _Complex v);
    double _Complex twice_cd(double _Complex v);
    long double _Complex twice_cld(long double _Complex v);
    _Bool not_bool(_Bool v);
    _Bool both(_Bool a, _Bool b);
    char upper(char c);
    char32_t next_char(char32_t c);
    enum color next_color(enum color c);
    const char *color_name(enum color c);
    double add(double a, double b);
    double sub(double a, double b);
    int32_t add_i32(int32_t a, int32_t b);
    int64_t add_i64(int64_t a, int64_t b);
    double fma3(double a, double b, double c);
    double mix(int8_t a, float b, int64_t c, double d, uint16_t e);
    double many(double, double, double, double, double, double, double, double,
                double, double, int, int, int, int, int, int, int, int);
    double split(double x, double *whole);
    void divide(int32_t a, int32_t b, int32_t *quotient, int32_t *remainder);
    int tell(int16_t a, _Bool *is_odd, float *half, uint8_t *low);
    void grow(double by, double *total, double *before);
    void add_to(double *total, double x);
    double peek(const double *p, double x);
    void nothing(double x);
    double constant(void);
    int sum_of(int n, ...);
    typedef struct { double scale; long calls; } context;
    double scaled(double x, context *ctx);
    double at(const double *table, int32_t n, int32_t i);
    double call(double (*f)(double, void *), double x, void *data);
    double add_data(double x, void *data);
    point shift(point p, double by);
    point make_point(double x, double y);
    double norm1(point p);
    double norm1_at(const point *p);
    void swap(point *p);
    point add_points(point a, point b);
    mixed widen(mixed m);
    big fill(big b, double v);
    dot paint(dot d, uint8_t red);
    either bits_of(double d);
    int64_t int_of(either e);
    void halves(point p, point *a, dot *b);
    double of_aligned(const long double *wide, const mixed *m);
    int wait_ms(int ms, volatile int *flag);
"""

_path = None


def path():
    """Where the compiled library lies; compiles it at the first call."""
    global _path
    if _path is None:
        folder = tempfile.mkdtemp(prefix="jiffi-ufunc-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        out = os.path.join(folder, "ufunc_samples.so")
        source = Path(__file__).with_name("ufunc_samples.c")
        subprocess.run([os.environ.get("CC", "cc"), "-O1", "-g", "-shared", "-fPIC",
                        "-o", out, str(source)], check=True)
        _path = out
    return _path


def load(cdef=CDEF, **options):
    """An FFI with these declarations, and the library."""
    ffi = FFI(**options)
    ffi.cdef(cdef)
    return ffi, ffi.dlopen(path())
