# SPDX-License-Identifier: MIT
"""Making modules with a C compiler: set_source(), compile() and their kin.

The functions here are the methods of FFI of the same name (the extension calls
them with the FFI in front); c_source() and compile_c() are for other front ends
of the generator.

    source.py     what set_source() and embedding_api() were told
    c_writer.py   a module's C, from spelling.py, wrappers.py, tables.py and
                  embedding.py
    py_writer.py  a module's Python, where set_source() got no C
    output.py     files that are written only when they change
    compiler.py   C to a shared library: with setuptools, else by direct.py
    pkgconfig.py  flags from pkg-config
    verifier.py   ffi.verify(): a module for an FFI that exists
"""

import os
import sys

from . import compiler, output, py_writer
from .c_writer import c_source
from .source import (assigned, backend_of, embedding_api, embedding_init_code,
                     embedding_of, set_source, set_source_pkgconfig, with_flags)

__all__ = [
    "c_source", "compile", "compile_c", "distutils_extension", "embedding_api",
    "embedding_init_code", "emit_c_code", "emit_python_code", "generate",
    "set_source", "set_source_pkgconfig", "verify"]


def module_file(directory, module_name, extension):
    """directory/pkg/mod.c for "pkg.mod", with its directories made; and the same
    relative to `directory`."""
    relative = os.path.join(*module_name.split(".")) + extension
    path = os.path.join(directory, relative)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    return path, relative


def generate(ffi, module_name, source, path_or_file, kwds=(), verbose=0):
    """Write the module's C, or its Python where `source` is None. True if the file
    was changed; an open file always is."""
    if verbose:
        print("generating %s" % (path_or_file,))
    if source is None:
        text = py_writer.python_source(ffi, module_name)
    else:
        text = c_source(ffi, module_name, source,
                        bool(dict(kwds).get("py_limited_api")))
    changed = output.write(path_or_file, text)
    if verbose and not changed:
        print("(already up-to-date)")
    return changed


def compile_c(ffi, module_name, source, source_extension=".c", tmpdir=".", verbose=0,
              target=None, debug=None, kwds=()):
    """Generate the C of a module into `tmpdir` and compile it; the path of the
    result."""
    path, relative = module_file(tmpdir, module_name, source_extension)
    kwds = with_flags(ffi, kwds)
    generate(ffi, module_name, source, path, kwds, verbose)
    embedding = embedding_of(ffi) is not None
    if target is None:
        target = "%s.*" % module_name if embedding else "*"
    try:
        return compiler.compile_extension(
            module_name, relative, kwds, tmpdir, target, verbose, debug, embedding)
    except compiler.BuildFailure as e:
        raise backend_of(ffi).VerificationError(str(e)) from None


def compile(ffi, tmpdir=".", verbose=0, target=None, debug=None):
    name, source, extension, kwds = assigned(ffi, "compile")
    tmpdir = os.fspath(tmpdir)
    if source is None:
        path, _ = module_file(tmpdir, name, ".py")
        generate(ffi, name, None, path, verbose=verbose)
        return path
    return compile_c(ffi, name, source, extension, tmpdir, verbose, target, debug,
                     kwds)


def emit_c_code(ffi, filename):
    name, source, _, kwds = assigned(ffi, "emit_c_code")
    if source is None:
        raise TypeError("emit_c_code() is only for C extension modules, not for "
                        "dlopen()-style pure Python modules")
    generate(ffi, name, source, filename, kwds)


def emit_python_code(ffi, filename):
    name, source, _, _ = assigned(ffi, "emit_python_code")
    if source is not None:
        raise TypeError("emit_python_code() is only for dlopen()-style pure Python "
                        "modules, not for C extension modules")
    generate(ffi, name, None, filename)


def distutils_extension(ffi, tmpdir="build", verbose=True):
    if not hasattr(ffi, "_assigned_source") and hasattr(ffi, "verifier"):
        return ffi.verifier.get_extension()  # as in cffi; tmpdir is ignored
    name, source, extension, kwds = assigned(ffi, "distutils_extension")
    if source is None:
        raise TypeError("distutils_extension() is only for C extension modules, not "
                        "for dlopen()-style pure Python modules")
    extension_class = compiler.extension_class()
    path, _ = module_file(tmpdir, name, extension)
    kwds = with_flags(ffi, kwds)
    changed = generate(ffi, name, source, path, kwds)
    if verbose:
        sys.stderr.write("%s: %r\n" % ("regenerated" if changed else "not modified",
                                       path))
    sources = [path] + [os.path.normpath(s) for s in kwds.pop("sources", ())]
    return extension_class(name=name, sources=sources, **kwds)


def verify(ffi, *args, **kwds):
    from . import verifier
    return verifier.verify(ffi, *args, **kwds)
