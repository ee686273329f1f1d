# SPDX-License-Identifier: MIT
"""cffi's package, by jiffi: the same names, the same behaviour, other machinery.

Nothing but the extension is loaded here. The submodules that stock cffi has are
there too, loaded when they are asked for, as attributes as well.
"""

from _cffi_backend import (CDefError, FFIError, PkgConfigError, VerificationError,
                           VerificationMissing, __version__)
from .api import FFI

__all__ = ["FFI", "VerificationError", "VerificationMissing", "CDefError",
           "FFIError"]

__version_info__ = tuple(int(n) for n in __version__.split("."))

# Part of the names of the modules that ffi.verify() writes.
__version_verifier_modules__ = "0.8.6"

__jiffi__ = True

_SUBMODULES = frozenset((
    "backend_ctypes", "cffi_opcode", "commontypes", "cparser", "error", "ffiplatform",
    "gen_src", "lock", "model", "pkgconfig", "recompiler", "setuptools_ext",
    "vengine_cpy", "vengine_gen", "verifier"))


def __getattr__(name):
    if name in _SUBMODULES:
        from importlib import import_module
        return import_module("." + name, __name__)
    raise AttributeError("module %r has no attribute %r" % (__name__, name))


def __dir__():
    return sorted(set(globals()) | _SUBMODULES)
