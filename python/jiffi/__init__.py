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
    CxxError,
    FFIError,
    HeldCallError,
    PkgConfigError,
    VerificationError,
    VerificationMissing,
    checked_report,
    each,
    same,
)

_CHECKED = ("BoundsError", "CheckError", "CheckWarning", "ConstError", "UseAfterFree")


def __getattr__(name):
    if name == "CallError":
        from ._check import CallError

        globals()[name] = CallError
        return CallError
    if name == "MapError":
        from ._map import MapError

        globals()[name] = MapError
        return MapError
    if name == "TraceError":
        from ._traced import TraceError

        globals()[name] = TraceError
        return TraceError
    if name in _CHECKED:
        from ._jiffi import _checked_name

        globals()[name] = _checked_name(name)
        return globals()[name]
    raise AttributeError("module 'jiffi' has no attribute %r" % name)


def features():
    """Which modes are active here, and why not the others: a dict of str to str, or
    None for what is off; print() shows it as a table, `why` has the reasons.

        print(jiffi.features())
    """
    from ._features import features

    return features()


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
    "BoundsError",
    "CDefError",
    "CheckError",
    "CheckWarning",
    "ConstError",
    "DeclarationError",
    "CxxError",
    "FFIError",
    "HeldCallError",
    "CallError",
    "MapError",
    "PkgConfigError",
    "TraceError",
    "UseAfterFree",
    "VerificationError",
    "VerificationMissing",
    "checked_report",
    "each",
    "features",
    "inline",
    "same",
]

__version__ = "0.1.0"
__version_info__ = (0, 1, 0)
