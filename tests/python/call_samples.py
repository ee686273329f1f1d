# SPDX-License-Identifier: MIT
"""The library of call_samples.c, compiled once per run, and its declarations."""

import atexit
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

TYPES = """
    typedef struct { int x, y; } point;
    typedef struct { double a; long b; } mixed;
    typedef struct { long v[8]; } big;
    typedef struct { char c; } tiny;
    typedef struct { float f[3]; } floats;
    typedef union { int i; double d; } either;
    enum color { RED, GREEN = 5, BLUE };
"""

FUNCTIONS = """
    _Bool same_bool(_Bool v);
    int8_t same_i8(int8_t v);
    uint8_t same_u8(uint8_t v);
    int16_t same_i16(int16_t v);
    uint16_t same_u16(uint16_t v);
    int32_t same_i32(int32_t v);
    uint32_t same_u32(uint32_t v);
    int64_t same_i64(int64_t v);
    uint64_t same_u64(uint64_t v);
    char same_char(char v);
    wchar_t same_wchar(wchar_t v);
    float same_float(float v);
    double same_double(double v);
    long double same_ldouble(long double v);
    enum color same_color(enum color v);
    void *same_pointer(void *v);
    int *same_int_pointer(int *v);
    point same_point(point v);
    mixed same_mixed(mixed v);
    big same_big(big v);
    tiny same_tiny(tiny v);
    floats same_floats(floats v);
    int answer(void);
    void nothing(void);
    int add(int a, int b);
    long sum10(int, int, int, int, int, int, int, int, int, int);
    double fma3(double a, double b, double c);
    size_t slen(const char *s);
    double mix(int a, double b, const char *s, point p, float f, int64_t last);
    int sum_ints(const int *p, int n);
    void store_ints(int *p, int n);
    double norm1(const double *p, size_t n);
    void move_point(point *p, int dx);
    int point_sum(point p);
    point make_point(int x, int y);
    big make_big(long first);
    long big_sum(int before, big b, int after);
    int get_errno(void);
    int set_errno(int e);
    int sum_va(int n, ...);
    int format_va(char *out, size_t size, const char *kinds, ...);
    int call_int(int (*f)(int), int v);
    void call_void(void (*f)(void));
    double call_double(double (*f)(double, float), double a, float b);
    point call_point(point (*f)(point, int), point p, int n);
    big call_big(big (*f)(big), big b);
    char call_char(char (*f)(char, int8_t, uint16_t), char c);
    int8_t call_i8(int8_t (*f)(void));
    long double call_ldouble(long double (*f)(long double), long double v);
    const char *call_string(const char *(*f)(const char *), const char *s);
    int64_t call_many(int64_t (*f)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                                   int64_t, double, int64_t, int64_t));
    long call_often(int (*f)(int), int n);
    int call_errno(int (*f)(int), int before);
    int call_held(int (*ensure)(void), void (*release)(int), int (*f)(int), int v);
    int call_on_thread(int (*f)(int), int n);
    int (*get_add(void))(int, int);
    int apply(int (*f)(int, int), int a, int b);
    int wait_for(volatile int *flag, int limit_ms);
    int read_counter(void);
"""

# libffi passes no unions and no complex numbers by value.
CODE_ONLY = """
    either same_either(either v);
    double _Complex same_cdouble(double _Complex v);
"""

VARIABLES = """
    extern int counter;
    extern const int fixed;
    extern double ratio;
    extern char letters[6];
    extern int numbers[];
    extern point origin;
    extern const char *greeting;
    extern int (*operation)(int, int);
    typedef struct { int (*op)(int, int); const char *name; } entry;
    extern entry table[2];
"""

_path = None


def path():
    """The compiled library's path; compiled at the first call of a process, or
    found through the environment by the processes that tests start."""
    global _path
    _path = _path or os.environ.get("CALL_SAMPLES")
    if _path is None:
        folder = tempfile.mkdtemp(prefix="jiffi-samples-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        _path = os.path.join(folder, "libsamples.so")
        source = Path(__file__).with_name("call_samples.c")
        compiler = os.environ.get("CC", "cc").split()
        subprocess.run(
            [*compiler, "-shared", "-fPIC", "-O1", "-pthread", "-o", _path, str(source)],
            check=True,
        )
        os.environ["CALL_SAMPLES"] = _path
    return _path
