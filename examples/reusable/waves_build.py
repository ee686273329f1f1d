# SPDX-License-Identifier: MIT
"""Three modules over one C library; the declarations are the library's own.

    waves._types     wave_types.h: what all others share
    waves._tone      wave_tone.h, includes _types
    waves._filter    wave_filter.h, includes _types
"""

from pathlib import Path

from jiffi import FFI

HERE = Path(__file__).resolve().parent


def module(name, c_files, include=(), more="", **options):
    """The FFI of one module: declarations of include/wave_NAME.h and `more`."""
    ffi = FFI()
    for other in include:
        ffi.include(other)
    ffi.cdef((HERE / "include" / ("wave_%s.h" % name)).read_text() + more)
    ffi.set_source(
        "waves._" + name,
        '#include "wave.h"',
        sources=c_files,
        include_dirs=["include"],
        **options,
    )
    return ffi


types = module("types", ["src/types.c"])
tone = module("tone", ["src/tone.c"], include=[types], libraries=["m"])
filter_ = module("filter", ["src/filter.c"], include=[types], more="""
    extern "Python" enum wave_status waves_watch(void *user, size_t done);
""")

if __name__ == "__main__":
    for ffi in (types, tone, filter_):
        ffi.compile(verbose=True)
