# SPDX-License-Identifier: MIT
"""C in a Python file: compiled when it is new, loaded from the cache from then on.

    PYTHONPATH=build/dev/python python3 examples/inline.py
"""

from array import array

from jiffi import FFI

ffi = FFI(gil="hold")
ffi.cdef("""
    struct summary { double mean, spread; size_t peaks; };
    struct summary summarize(const double *values, size_t n);
""")

# Lines are counted from here: a compiler's message names this file's lines.
lib = ffi.inline("""
    #include <math.h>
    #include <stddef.h>

    struct summary { double mean, spread; size_t peaks; };

    static struct summary summarize(const double *values, size_t n)
    {
        struct summary s = { 0, 0, 0 };
        for (size_t i = 0; i < n; i++)
            s.mean += values[i] / (double)n;
        for (size_t i = 0; i < n; i++)
            s.spread += (values[i] - s.mean) * (values[i] - s.mean) / (double)n;
        s.spread = sqrt(s.spread);
        for (size_t i = 1; i + 1 < n; i++)
            s.peaks += values[i] > values[i - 1] && values[i] > values[i + 1];
        return s;
    }
""", libraries=["m"], extra_compile_args=["-O3"])

values = array("d", [1, 3, 2, 5, 4, 6, 1, 2])
s = lib.summarize(values, len(values))
print("mean %.3f, spread %.3f, %d peaks" % (s.mean, s.spread, s.peaks))
