# SPDX-License-Identifier: MIT
"""cffi's parser is internal to it. jiffi's is in the extension."""


class Parser:
    def __init__(self, *args, **kwds):
        raise NotImplementedError(
            "cffi.cparser.Parser: jiffi reads C in its extension and has no parser in "
            "Python; ffi.cdef() and ffi.typeof() are the way to it")
