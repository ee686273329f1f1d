# SPDX-License-Identifier: MIT
"""What code around cffi calls of its generator; jiffi.build does the work."""

import io
import os
import sys
import sysconfig

from jiffi import build as _build
from jiffi.build import compiler as _compiler
from jiffi.build import source as _source

from .error import VerificationError

__all__ = ["NativeIO", "Recompiler", "USE_LIMITED_API", "VERSION_BASE",
           "make_c_source", "make_py_source", "recompile"]

# Whether modules may be made for the stable ABI at all.
USE_LIMITED_API = not (sysconfig.get_config_var("Py_GIL_DISABLED")
                       and sys.version_info < (3, 15))

# Versions that modules compiled by stock cffi carry: base, with embedding, with
# char16_t and char32_t.
VERSION_BASE, VERSION_EMBEDDED, VERSION_CHAR16CHAR32 = 0x2601, 0x2701, 0x2801


class NativeIO(io.StringIO):
    """A text file in memory, which also takes ASCII bytes."""

    def write(self, s):
        return super().write(s.decode("ascii") if isinstance(s, bytes) else s)


def make_c_source(ffi, module_name, preamble, target_c_file, verbose=False):
    """Write the C of a module to a path or an open file; False if it was so already."""
    if preamble is None:
        raise AssertionError("make_c_source() needs C source")
    return _build.generate(ffi, module_name, preamble, target_c_file, verbose=verbose)


def make_py_source(ffi, module_name, target_py_file, verbose=False):
    """The same for a module in ABI mode."""
    return _build.generate(ffi, module_name, None, target_py_file, verbose=verbose)


def _recompile_py(ffi, module_name, tmpdir, c_file, call_c_compiler, verbose):
    if c_file is None:
        c_file, _ = _build.module_file(tmpdir, module_name, ".py")
    updated = make_py_source(ffi, module_name, c_file, verbose)
    return c_file if call_c_compiler else (None, updated)


def recompile(ffi, module_name, preamble, tmpdir=".", call_c_compiler=True, c_file=None,
              source_extension=".c", extradir=None, compiler_verbose=1, target=None,
              debug=None, uses_ffiplatform=True, **kwds):
    """Generate a module and compile it: the path of the result. Without the
    compiler: (the Extension or None, whether the source changed)."""
    if not isinstance(module_name, str):
        module_name = module_name.encode("ascii")
    if preamble is None:
        return _recompile_py(ffi, module_name, tmpdir, c_file, call_c_compiler,
                             compiler_verbose)
    if call_c_compiler:
        return _build.compile_c(ffi, module_name, preamble, source_extension, tmpdir,
                                compiler_verbose, target, debug, kwds)
    kwds = _source.with_flags(ffi, kwds)
    if c_file is None:
        c_file, relative = _build.module_file(tmpdir, module_name, source_extension)
        if extradir:
            relative = os.path.join(extradir, relative)
    else:
        relative = c_file
    updated = _build.generate(ffi, module_name, preamble, c_file, kwds,
                              compiler_verbose if uses_ffiplatform else 0)
    if not uses_ffiplatform:
        return None, updated
    sources = [relative] + [os.path.normpath(s) for s in kwds.pop("sources", ())]
    return _compiler.extension_class()(name=module_name, sources=sources,
                                       **kwds), updated


def _verify(ffi, module_name, preamble, *args, **kwds):
    """Compile, import, and let `ffi` work like the module's: for tests."""
    from ._imp_emulation import load_dynamic
    if module_name in sys.modules:
        raise AssertionError("module name conflict: %r" % (module_name,))
    path = recompile(ffi, module_name, preamble, *args, **kwds)
    module = load_dynamic(module_name, path)
    for name in dir(module.ffi):
        if not name.startswith("_"):
            attr = getattr(module.ffi, name)
            if attr is not getattr(ffi, name, object()):
                setattr(ffi, name, attr)
    return module.lib


class Recompiler:
    """Stock cffi's generator as an object."""

    def __init__(self, *args, **kwds):
        raise NotImplementedError(
            "cffi.recompiler.Recompiler: jiffi's generator has no such object; "
            "make_c_source(), make_py_source() and recompile() are the way to it")
