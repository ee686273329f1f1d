# SPDX-License-Identifier: MIT
"""Which C the package calls, and how it is compiled."""

from jiffi import FFI

ffibuilder = FFI()

# Sizes and constants are left to the compiler, which reads the header itself.
ffibuilder.cdef("""
    #define BYTESTATS_VALUES ...

    struct bytestats {
        size_t count[...];
        size_t total;
        ...;
    };

    void bytestats_add(struct bytestats *stats, const void *bytes, size_t size);
    double bytestats_entropy(const struct bytestats *stats);
""")

ffibuilder.set_source(
    "bytestats._native",
    '#include "bytestats.h"',
    sources=["src/bytestats.c"],
    include_dirs=["src"],
    depends=["src/bytestats.h"],
    libraries=["m"],
)

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
