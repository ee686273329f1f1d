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
    features,
)

__all__ = [
    "FFI",
    "CDefError",
    "DeclarationError",
    "FFIError",
    "PkgConfigError",
    "VerificationError",
    "VerificationMissing",
    "features",
]

__version__ = "0.1.0"
__version_info__ = (0, 1, 0)
