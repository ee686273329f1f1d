# SPDX-License-Identifier: MIT
"""Which C the package calls; meson.build says how it is compiled."""

from jiffi import FFI

ffibuilder = FFI()

ffibuilder.cdef("""
    typedef int... mandel_count;

    struct mandel_view { double left, top, step; };

    void mandel_row(struct mandel_view view, unsigned row, unsigned columns,
                    mandel_count limit, mandel_count *out);
""")

ffibuilder.set_source("mandel._native", '#include "mandel.h"')
