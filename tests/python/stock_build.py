# SPDX-License-Identifier: MIT
"""Run by stock cffi: writes and compiles the modules that test_stock.py loads.

    python stock_build.py DIRECTORY
"""

import os
import sys

import cffi

DECLARATIONS = """
    int add(int a, int b);
    int inc(int x);
    int seven(void);
    void nothing(void);
    double mixed(double, float);
    signed char i8(signed char); uint8_t u8(uint8_t); short i16(short);
    unsigned short u16(unsigned short); unsigned int u32(unsigned int);
    int64_t i64(int64_t); uint64_t u64(uint64_t);
    _Bool negate(_Bool b);
    char next_char(char c);
    wchar_t next_wide(wchar_t c);
    long double twice(long double x);
    float _Complex cf(float _Complex a);
    double _Complex cd(double _Complex a);

    typedef struct { int x, y; char name[8]; } pt;
    struct big { long a; double d; short s; };
    struct part { int b; ...; };
    struct bits { int a:3; unsigned b:5; int c; };
    struct dots { int n; int arr[...]; ...; };
    struct tail { int n; short rest[]; };
    struct nested { union { int a; float b; }; struct { short c, d; } in; };
    struct opaque;
    union num { int i; float f; unsigned char bytes[4]; };
    pt make_pt(int x, int y);
    int sum_pt(pt p);
    int sum_ptr(const pt *p);
    struct big make_big(long);
    struct opaque *get_opaque(void);
    int use_opaque(struct opaque *);

    enum color { RED, GREEN = 5, BLUE };
    enum level { LOW = -10, HIGH = 10 };
    enum open { FIRST, SECOND, ... };
    enum color next_color(enum color);
    #define FORTY 40
    #define WRONG 41
    #define DOTS ...
    #define BELOW -17
    #define HUGE_ONE 18446744073709551615
    static const char *const HELLO;
    static const double TAU;
    static const pt CONSTANT_PT;

    extern int counter;
    extern int table[4];
    extern int unsized[];
    extern pt origin;
    extern const char *message;

    int sum(int *a, int n);
    int any(_Bool *a, int n);
    size_t length(const char *s);
    size_t wide_length(const wchar_t *s);
    int format(char *out, size_t n, const char *fmt, ...);
    int apply(int (*f)(int), int x);
    int set_errno(int e);
    typedef int... any_int;
    typedef float... any_float;
    any_int next_any(any_int);

    extern "Python" int python_sum(int, double, pt, const char *, long double);
    extern "Python" void python_nothing(void);
    extern "Python" struct big python_big(int);
    int call_python_sum(int);
    long call_python_big(int);
"""

TYPES = r"""
typedef struct { int x, y; char name[8]; } pt;
struct big { long a; double d; short s; };
struct part { double before; int b; char after[3]; };
struct bits { int a:3; unsigned b:5; int c; };
struct dots { char c; int arr[9]; int n; };
struct tail { int n; short rest[]; };
struct nested { union { int a; float b; }; struct { short c, d; } in; };
struct opaque { int z; };
union num { int i; float f; unsigned char bytes[4]; };
enum color { RED, GREEN = 5, BLUE };
enum level { LOW = -10, HIGH = 10 };
enum open { FIRST = 3, SECOND = 33, THIRD };
typedef short any_int;
typedef double any_float;
"""

SOURCE = r"""
#include <complex.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

static int add(int a, int b) { return a + b; }
static int inc(int x) { return x + 1; }
static int seven(void) { return 7; }
static void nothing(void) {}
static double mixed(double a, float b) { return a + b; }
static signed char i8(signed char a) { return a; }
static uint8_t u8(uint8_t a) { return a; }
static short i16(short a) { return a; }
static unsigned short u16(unsigned short a) { return a; }
static unsigned u32(unsigned a) { return a; }
static int64_t i64(int64_t a) { return a; }
static uint64_t u64(uint64_t a) { return a; }
static _Bool negate(_Bool b) { return !b; }
static char next_char(char c) { return c + 1; }
static wchar_t next_wide(wchar_t c) { return c + 1; }
static long double twice(long double x) { return 2 * x; }
static float _Complex cf(float _Complex a) { return a + 1; }
static double _Complex cd(double _Complex a) { return a + 1; }

static struct opaque the_opaque = { 99 };
static pt make_pt(int x, int y) { pt p = { x, y, "made" }; return p; }
static int sum_pt(pt p) { return p.x + p.y; }
static int sum_ptr(const pt *p) { return p->x + p->y; }
static struct big make_big(long a)
{
    struct big b = { a, a * 1.5, (short)a };
    return b;
}
static struct opaque *get_opaque(void) { return &the_opaque; }
static int use_opaque(struct opaque *o) { return o->z; }

static enum color next_color(enum color c) { return c == RED ? GREEN : BLUE; }
#define FORTY 40
#define WRONG 42
#define DOTS 12345
#define BELOW -17
#define HUGE_ONE 18446744073709551615ULL
#define HELLO "hello world"
#define TAU 6.28
static const pt CONSTANT_PT = { 1, 2, "const" };

int counter = 3, table[4] = { 1, 2, 3, 4 }, unsized[3] = { 7, 8, 9 };
pt origin = { 10, 20, "origin" };
const char *message = "a message";

static int sum(int *a, int n) { int s = 0; while (n--) s += *a++; return s; }
static int any(_Bool *a, int n) { int s = 0; while (n--) s += *a++; return s; }
static size_t length(const char *s) { return strlen(s); }
static size_t wide_length(const wchar_t *s) { return wcslen(s); }
static int format(char *out, size_t n, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int r = vsnprintf(out, n, fmt, ap);
    va_end(ap);
    return r;
}
static int apply(int (*f)(int), int x) { return f(x); }
static int set_errno(int e) { int old = errno; errno = e; return old; }
static any_int next_any(any_int a) { return a + 1; }

static int python_sum(int, double, pt, const char *, long double);
static struct big python_big(int);
static int call_python_sum(int n)
{
    pt p = { n, n + 1, "cell" };
    return python_sum(n, n * 0.5, p, "text", 2.5L);
}
static long call_python_big(int n) { return python_big(n).a; }
"""


def first(where):
    ffi = cffi.FFI()
    ffi.cdef(DECLARATIONS)
    ffi.set_source("stock_one", TYPES + SOURCE, extra_compile_args=["-O0", "-w"])
    ffi.compile(tmpdir=where)
    return ffi


def including(where, base):
    """Declares more on top of the first, with char16_t (another version)."""
    ffi = cffi.FFI()
    ffi.include(base)
    ffi.cdef("""
        struct pair { pt a; struct big *b; };
        int sum_pair(struct pair *p);
        char16_t next16(char16_t);
        char32_t next32(char32_t);
        enum color same_color(enum color);
    """)
    ffi.set_source("stock_two", TYPES + r"""
        #include <uchar.h>
        struct pair { pt a; struct big *b; };
        static int sum_pair(struct pair *p) { return p->a.x + (int)p->b->a; }
        static char16_t next16(char16_t c) { return c + 1; }
        static char32_t next32(char32_t c) { return c + 1; }
        static enum color same_color(enum color c) { return c; }
    """, extra_compile_args=["-O0", "-w"])  # fmt: skip
    ffi.compile(tmpdir=where)


def contradicting(where):
    """A header that is not what was declared."""
    ffi = cffi.FFI()
    ffi.cdef("""
        struct longer { int a; };
        struct moved { char a; int b; };
        struct wider { int a; short b; };
        struct loose { char a; int b; ...; };
        struct fine { int a; };
    """)
    ffi.set_source("stock_wrong", """
        struct longer { int a, more; };
        struct moved { char a; int pad; int b; };
        struct wider { long a; short b; };
        struct loose { char a; long pad; int b; };
        struct fine { int a; };
    """, extra_compile_args=["-O0", "-w"])  # fmt: skip
    ffi.compile(tmpdir=where)


def python_only(where):
    base = cffi.FFI()
    base.cdef("typedef struct { int quot, rem; } div_type; enum { BASE_ONE = 11 };")
    base.set_source("stock_base", None)
    base.compile(tmpdir=where)
    ffi = cffi.FFI()
    ffi.include(base)
    ffi.cdef("""
        int abs(int);
        double floor(double);
        size_t strlen(const char *);
        int no_such_function(int);
        extern int no_such_variable;
        extern char **environ;
        #define ANSWER 42
        enum sign { MINUS = -1, PLUS = 1 };
        struct bits { int a:3, b:29; short c; };
        union u { struct bits s; double d; };
        div_type *pass(div_type *);
    """)
    ffi.set_source("stock_text", None)
    ffi.compile(tmpdir=where)


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    base = first(sys.argv[1])
    including(sys.argv[1], base)
    contradicting(sys.argv[1])
    python_only(sys.argv[1])
