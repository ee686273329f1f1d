# SPDX-License-Identifier: MIT
"""setuptools' keywords `jiffi_modules=` and `cffi_modules=`.

    setup(..., setup_requires=["jiffi"], jiffi_modules=["build_foo.py:ffibuilder"])

Each item names a Python file and, in it, an FFI that set_source() was called on,
or a function that returns one. C modules become extensions whose source is written
when build_ext runs; set_source(name, None) becomes a module that build_py writes.
"""

import os
import sys
import sysconfig

from . import cli


def _error(message):
    from distutils.errors import DistutilsSetupError
    raise DistutilsSetupError(message)


def _run_file(filename, names):
    # Not an import: the package's __init__ may want the module we are to make.
    with open(filename, encoding="utf-8") as f:
        text = f.read()
    exec(compile(text, filename, "exec"), names, names)


def _find_ffi(spec, keyword, ffi_classes):
    """The FFI that "path/build.py:name" stands for."""
    if not isinstance(spec, str):
        _error("argument to '%s=...' must be a str or a list of str, not %r"
               % (keyword, type(spec).__name__))
    filename, colon, variable = spec.rpartition(":")
    if not colon or ":" in filename:
        _error("%r must be of the form 'path/build.py:ffi_variable'" % (spec,))
    if not os.path.exists(filename):
        hint = ""
        rewritten = filename.replace(".", "/") + ".py"
        if os.path.exists(rewritten):
            hint = " (rewrite %s to [%r])" % (keyword, rewritten + ":" + variable)
        _error("%r does not name an existing file%s" % (filename, hint))
    names = {"__name__": "__cffi__", "__file__": filename}
    _run_file(filename, names)
    if variable not in names:
        _error("%r: object %r not found in module" % (spec, variable))
    ffi, classes = names[variable], ffi_classes or cli.ffi_classes()
    if not isinstance(ffi, classes) and callable(ffi):
        ffi = ffi()
    if not isinstance(ffi, classes):
        _error("%r is not an FFI instance (got %r)" % (spec, type(ffi).__name__))
    if not hasattr(ffi, "_assigned_source"):
        _error("%r: the set_source() method was not called" % (spec,))
    return ffi


def limited_api(kwds, default):
    """Settle `py_limited_api`: the word of set_source(), else `default`; never in a
    debug build or in a free-threaded one, which have no stable ABI."""
    free_threaded = sysconfig.get_config_var("Py_GIL_DISABLED")
    if free_threaded and sys.version_info < (3, 15):
        kwds["py_limited_api"] = False
    elif "py_limited_api" not in kwds:
        kwds["py_limited_api"] = bool(
            default and not hasattr(sys, "gettotalrefcount"))
    return kwds


def _log(message):
    import logging
    logging.getLogger("jiffi").info(message)


def _generate(ffi, module_name, source, path, kwds=()):
    from jiffi import build
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    _log("generating module %r" % path)
    if not build.generate(ffi, module_name, source, path, kwds):
        _log("already up-to-date")


def _add_c_module(dist, ffi, module_name, source, extension, kwds):
    from setuptools import Extension
    from setuptools.command.build_ext import build_ext

    placeholder = "$PLACEHOLDER"
    ext = Extension(name=module_name,
                    sources=[placeholder] + list(kwds.pop("sources", ())), **kwds)
    if dist.ext_modules is None:
        dist.ext_modules = []
    dist.ext_modules.append(ext)
    base = dist.cmdclass.get("build_ext", build_ext)

    class build_ext_with_source(base):
        def run(self):
            if ext.sources[0] == placeholder:
                # A hook for subclasses: called just before the C is written.
                os.makedirs(self.build_temp, exist_ok=True)
                pre_run = getattr(self, "pre_run", None)
                if pre_run is not None:
                    pre_run(ext, ffi)
                path = os.path.join(self.build_temp, module_name + extension)
                _generate(ffi, module_name, source, path, kwds)
                ext.sources[0] = path
            base.run(self)

    dist.cmdclass["build_ext"] = build_ext_with_source


def _add_py_module(dist, ffi, module_name):
    from setuptools.command.build_ext import build_ext
    from setuptools.command.build_py import build_py

    parts = module_name.split(".")
    base_py = dist.cmdclass.get("build_py", build_py)
    base_ext = dist.cmdclass.get("build_ext", build_ext)

    class build_py_with_module(base_py):
        def run(self):
            base_py.run(self)
            _generate(ffi, module_name, None,
                      os.path.join(self.build_lib, *parts) + ".py")

        def get_source_files(self):
            # For sdist, which must not look for what is not there yet.
            saved = self.py_modules
            try:
                if saved:
                    self.py_modules = [m for m in saved if m != module_name]
                return base_py.get_source_files(self)
            finally:
                self.py_modules = saved

    class build_ext_with_module(base_ext):
        def run(self):
            base_ext.run(self)
            if self.inplace:
                command = self.get_finalized_command("build_py")
                directory = command.get_package_dir(".".join(parts[:-1]))
                _generate(ffi, module_name, None,
                          os.path.join(directory, parts[-1] + ".py"))

    dist.cmdclass["build_py"] = build_py_with_module
    dist.cmdclass["build_ext"] = build_ext_with_module
    # Without this `install --record` misses the module.
    if dist.py_modules is None:
        dist.py_modules = []
    dist.py_modules.append(module_name)


def add_module(dist, spec, keyword, abi3, ffi_classes=None):
    """One item of the keyword's list. `abi3`: is the stable ABI the default?
    `ffi_classes`: what an FFI may be, if not those of cli.py."""
    from jiffi import build
    ffi = _find_ffi(spec, keyword, ffi_classes)
    name, source, extension, kwds = build.source.assigned(ffi, keyword)
    if source is None:
        _add_py_module(dist, ffi, name)
        return
    build.source.add_unicode_flags(ffi, kwds)
    _add_c_module(dist, ffi, name, source, extension, limited_api(kwds, abi3))


def _add_modules(dist, keyword, value, abi3):
    for spec in [value] if isinstance(value, str) else value:
        add_module(dist, spec, keyword, abi3)


def jiffi_modules(dist, attr, value):
    """Version-specific modules, unless set_source() got py_limited_api=True."""
    assert attr == "jiffi_modules"
    _add_modules(dist, attr, value, abi3=False)


def cffi_modules(dist, attr, value):
    """cffi's keyword, with cffi's default: modules for the stable ABI.

    Where stock cffi is installed too its own handler is called as well, for the
    same list: it is left to do the work.
    """
    assert attr == "cffi_modules"
    if _stock_handler():
        return
    _add_modules(dist, attr, value, abi3=True)


def _stock_handler():
    """Whether another distribution handles `cffi_modules` too."""
    from importlib import metadata
    group = "distutils.setup_keywords"
    points = metadata.entry_points()
    if hasattr(points, "select"):
        points = points.select(group=group, name="cffi_modules")
    else:  # Python 3.9
        points = [p for p in points.get(group, ()) if p.name == "cffi_modules"]
    return any(not p.value.startswith("jiffi.") for p in points)
