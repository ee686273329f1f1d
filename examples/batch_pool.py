# SPDX-License-Identifier: MIT
"""C functions and C structs in other processes: multiprocessing, nothing else.

    python examples/batch_pool.py

Functions, types and libraries pickle by name, structs and arrays by their bytes.
"""

import multiprocessing
import os

from jiffi import FFI

ffi = FFI()
ffi.cdef("""
    typedef struct { int quot, rem; } div_t;
    div_t div(int numerator, int denominator);
    double cos(double x);
""")
libc = ffi.dlopen(None)
libm = ffi.dlopen("m")


def invert(value):
    """A struct that came by value; this process's own function takes its members."""
    return os.getpid(), libc.div(value.quot, value.rem)


def mean(numbers):
    """Of an array that came by value."""
    return sum(numbers) / len(numbers)


def main():
    for way in ("fork", "spawn"):
        if way not in multiprocessing.get_all_start_methods():
            continue
        with multiprocessing.get_context(way).Pool(2) as pool:
            # A C function as it is: no wrapper, no lambda.
            cosines = pool.map(libm.cos, [0.0, 0.5, 1.0])
            assert cosines == [libm.cos(x) for x in (0.0, 0.5, 1.0)]

            # Structs there, structs back, of the same type.
            back = pool.map(invert, [libc.div(17, 5), libc.div(29, 6)])
            assert all(pid != os.getpid() for pid, _ in back)
            assert all(ffi.typeof(v) is ffi.typeof("div_t") for _, v in back)
            pairs = [(v.quot, v.rem) for _, v in back]
            assert pairs == [(1, 1), (0, 4)]

            columns = [ffi.new("double[]", [i, i + 1.0]) for i in range(3)]
            means = pool.map(mean, columns)
            assert means == [0.5, 1.5, 2.5]
        print("%s: cos %s, div %s, means %s" % (
            way, [round(c, 3) for c in cosines], pairs, means))

    try:
        multiprocessing.reduction.ForkingPickler.dumps(ffi.new("int *") + 1)
    except TypeError as error:
        print(error)


if __name__ == "__main__":
    main()
