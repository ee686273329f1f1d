#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""jiffi in a minute: real C libraries called from Python, no compiler anywhere.

    make demo        or        PYTHONPATH=build/release/python python3 examples/demo.py

Read it from top to bottom; each step declares a little C and calls it.
"""

import array
import os
import sys
import textwrap

from jiffi import FFI

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ
BOLD, DIM, GREEN, RESET = ("\033[1m", "\033[2m", "\033[32m", "\033[0m") if COLOUR else ("",) * 4


def title(text):
    print("\n%s%s%s" % (BOLD, text, RESET))


def show(call, result):
    print("  %-46s %s%s%s" % (call, GREEN, result, RESET))


# An FFI holds declarations. They are plain C, as the manual page or the header
# has them; what they declare is looked up in a library when you use it.
ffi = FFI()


def c_library():
    title("libc: strings, a variadic function, a callback")
    ffi.cdef("""
        size_t strlen(const char *s);
        int snprintf(char *to, size_t size, const char *format, ...);
        void qsort(void *base, size_t n, size_t size,
                   int (*compare)(const void *, const void *));
    """)
    libc = ffi.dlopen(None)  # None: what this process has loaded anyway

    show("strlen(b'twelve bytes')", libc.strlen(b"twelve bytes"))

    # Memory of our own: zeroed, and freed when the object goes.
    text = ffi.new("char[64]")
    libc.snprintf(text, len(text), b"%s is %d, pi is %.3f", b"the answer", 42, 3.14159)
    show("snprintf(\"%s is %d, pi is %.3f\", ...)", ffi.string(text).decode())

    # C calls back into Python: qsort asks our function for the order.
    numbers = ffi.new("int[]", [31, 4, 15, 92, 65, 35])

    @ffi.callback("int(const void *, const void *)")
    def descending(a, b):
        return ffi.cast("int *", b)[0] - ffi.cast("int *", a)[0]

    libc.qsort(numbers, len(numbers), ffi.sizeof("int"), descending)
    show("qsort(numbers, 6, 4, python_function)", list(numbers))


def structs():
    title("structs: returned by value, read by name")
    ffi.cdef("""
        typedef struct { int quot, rem; } div_t;
        div_t div(int numerator, int denominator);
        double hypot(double x, double y);
        double frexp(double x, int *exponent);
    """)
    result = ffi.dlopen(None).div(47, 5)
    show("div(47, 5)", "quot %d, rem %d" % (result.quot, result.rem))

    libm = ffi.dlopen("m")  # a name: found as the linker would find it
    show("hypot(3.0, 4.0)", libm.hypot(3.0, 4.0))
    exponent = ffi.new("int *")  # an `int` for C to write to
    show("frexp(80.0, &exponent)", "%g * 2^%d" % (libm.frexp(80.0, exponent), exponent[0]))


def zlib():
    title("zlib: buffers go in and out without a copy")
    ffi.cdef("""
        unsigned long compressBound(unsigned long size);
        int compress(unsigned char *to, unsigned long *to_size,
                     const unsigned char *from, unsigned long from_size);
        int uncompress(unsigned char *to, unsigned long *to_size,
                       const unsigned char *from, unsigned long from_size);
        unsigned long crc32(unsigned long crc, const unsigned char *data, unsigned size);
    """)
    z = ffi.dlopen("z")
    poem = b"so much depends upon a red wheel barrow " * 100
    packed = bytearray(z.compressBound(len(poem)))  # Python's own memory
    size = ffi.new("unsigned long *", len(packed))
    assert z.compress(packed, size, poem, len(poem)) == 0
    show("compress(%d bytes)" % len(poem), "%d bytes" % size[0])

    again = bytearray(len(poem))
    size2 = ffi.new("unsigned long *", len(again))
    assert z.uncompress(again, size2, packed, size[0]) == 0
    show("uncompress(...) == the poem", bytes(again) == poem)
    show("crc32(0, b'hello', 5)", "%08x" % z.crc32(0, b"hello", 5))


def sqlite():
    title("SQLite: a database in memory, a Python callback for its rows")
    ffi.cdef("""
        typedef struct sqlite3 sqlite3;
        int sqlite3_open(const char *filename, sqlite3 **db);
        int sqlite3_exec(sqlite3 *db, const char *sql,
                         int (*row)(void *, int count, char **values, char **names),
                         void *context, char **error);
        const char *sqlite3_errmsg(sqlite3 *db);
        int sqlite3_close(sqlite3 *db);
    """)
    lib = ffi.dlopen("libsqlite3.so.0")
    out = ffi.new("sqlite3 **")
    assert lib.sqlite3_open(b":memory:", out) == 0
    db = out[0]

    rows = []

    @ffi.callback("int(void *, int, char **, char **)")
    def row(context, count, values, names):
        rows.append(" ".join(ffi.string(values[i]).decode() for i in range(count)))
        return 0

    sql = b"""
        create table planet (name text, moons int);
        insert into planet values ('Mars', 2), ('Jupiter', 97), ('Saturn', 274);
        select name, moons from planet where moons > 10 order by name;
    """
    assert lib.sqlite3_exec(db, sql, row, ffi.NULL, ffi.NULL) == 0
    show("sqlite3_exec(db, \"select name, moons ...\")", ", ".join(rows))
    lib.sqlite3_exec(db, b"select * from plants", row, ffi.NULL, ffi.NULL)
    show("sqlite3_errmsg(db)", ffi.string(lib.sqlite3_errmsg(db)).decode())
    lib.sqlite3_close(db)


def arrays():
    title("arrays: a pointer parameter takes any buffer of the right items")
    ffi.cdef("void *bsearch(const void *key, const void *base, size_t n, size_t size,"
             "              int (*compare)(const double *, const double *));")
    libc = ffi.dlopen(None)
    try:
        import numpy
        values = numpy.linspace(0.0, 1.0, 11)
    except ImportError:
        values = array.array("d", [i / 10 for i in range(11)])

    @ffi.callback("int(const double *, const double *)")
    def order(a, b):
        return (a[0] > b[0]) - (a[0] < b[0])

    # `values` goes to C as it is; bsearch gives back where in it the key was found.
    found = libc.bsearch(array.array("d", [values[7]]), values, len(values), 8, order)
    start = ffi.cast("double *", ffi.from_buffer(values))
    show("bsearch(&%.1f, %s of 11 doubles, ...)" % (values[7], type(values).__name__),
         "at index %d" % (ffi.cast("double *", found) - start))


def mistakes():
    title("mistakes: exceptions that say what and where")
    from jiffi import CDefError
    libc = ffi.dlopen(None)
    for call, attempt in (
            ("strlen(42)", lambda: libc.strlen(42)),
            ("cdef('int f(sizet n);')", lambda: FFI().cdef("int f(sizet n);"))):
        try:
            attempt()
        except (TypeError, CDefError) as error:
            print("  %s" % call)
            for line in str(error).rstrip().splitlines():
                for part in textwrap.wrap(line, 74, drop_whitespace=False) or [""]:
                    print("    %s%s%s" % (DIM, part.rstrip(), RESET))


def main():
    print("%sjiffi%s calls C from Python: declarations in, machine code out." % (BOLD, RESET))
    for step in (c_library, structs, zlib, sqlite, arrays, mistakes):
        try:
            step()
        except OSError as error:  # a library that this machine does not have
            print("  skipped: %s" % str(error).splitlines()[0])
    import compare
    compare.main(title, BOLD, DIM, RESET)
    print("\nNext: docs/guide.md, `make bench` for all the figures, `make test`.")


if __name__ == "__main__":
    main()
