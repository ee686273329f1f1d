# SPDX-License-Identifier: MIT
"""Call C from Python with no compiler.

    from jiffi import FFI
    ffi = FFI()
    ffi.cdef("double sqrt(double);")
    lib = ffi.dlopen("m")
    lib.sqrt(2.0)

The API is a superset of cffi's in-line API. Everything is in the extension
_jiffi; nothing else is imported here, so that importing stays cheap.
"""

from ._jiffi import (
    FFI,
    CDefError,
    DeclarationError,
    FFIError,
    PkgConfigError,
    VerificationError,
    VerificationMissing,
    each,
    features,
    same,
)


def __getattr__(name):
    if name == "MapError":
        from ._map import MapError

        globals()[name] = MapError
        return MapError
    if name == "TraceError":
        from ._traced import TraceError

        globals()[name] = TraceError
        return TraceError
    raise AttributeError("module 'jiffi' has no attribute %r" % name)


def inline(cdef, source, **kwds):
    """Declare `cdef` and compile `source`: FFI.inline() for a library whose types
    nobody asks for. Returns the library; the keywords are those of FFI.inline().

        lib = jiffi.inline("int add(int, int);",
                           "int add(int a, int b) { return a + b; }")
    """
    ffi = FFI()
    ffi.cdef(cdef)
    return ffi.inline(source, **kwds)


__all__ = [
    "FFI",
    "CDefError",
    "DeclarationError",
    "FFIError",
    "MapError",
    "PkgConfigError",
    "TraceError",
    "VerificationError",
    "VerificationMissing",
    "each",
    "features",
    "inline",
    "same",
]

__version__ = "0.1.0"
__version_info__ = (0, 1, 0)
