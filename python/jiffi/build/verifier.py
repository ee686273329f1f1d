# SPDX-License-Identifier: MIT
"""ffi.verify(), cffi's first way to a compiled module: declare, then hand over the C
source; the module is compiled where the program runs, kept beside it and found
again by a checksum of everything that went into it.

The module is one that jiffi generates anyhow (c_writer.py). What is special is that
it is loaded into the FFI that asked for it: src/python/verify.c.

cffi.verifier is this module: programs change its globals and override methods of
Verifier, so names with an underscore are kept as cffi has them.
"""

import binascii
import importlib.machinery
import importlib.util
import io
import os
import shutil
import sys
import tempfile
import threading

from . import compiler, output
from .c_writer import CWriter
from .source import add_unicode_flags, backend_of

# A part of the checksum: modules made by another generator are not taken over.
_GENERATION = "jiffi 1"

FILE_NAMES = ["sources", "include_dirs", "library_dirs", "extra_objects", "depends"]

_FORCE_GENERIC_ENGINE = False  # there is one engine; the word goes into names
_TMPDIR = None

_loading = threading.RLock()
_loaded = {}  # identity of a file -> the FFI it was loaded for: both stay for good


# --- where files go ------------------------------------------------------------------


def _get_so_suffixes():
    return importlib.machinery.EXTENSION_SUFFIXES[:] or [".so"]


def _caller_dir_pycache():
    """set_tmpdir()'s, $CFFI_TMPDIR, or __pycache__ beside the first caller that is
    neither cffi nor we."""
    if _TMPDIR:
        return _TMPDIR
    if os.environ.get("CFFI_TMPDIR"):
        return os.environ["CFFI_TMPDIR"]
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get(
            "__name__", "").split(".")[0] in ("jiffi", "cffi"):
        frame = frame.f_back
    return os.path.abspath(os.path.join(
        os.path.dirname(frame.f_code.co_filename), "__pycache__"))


def set_tmpdir(dirname):
    """Where modules go that are not told otherwise, instead of __pycache__."""
    global _TMPDIR
    _TMPDIR = dirname


def cleanup_tmpdir(tmpdir=None, keep_so=False):
    """Remove what verify() left in `tmpdir`: sources, and with them the modules
    unless `keep_so`; and what distutils left in its "build"."""
    tmpdir = tmpdir or _caller_dir_pycache()
    endings = (".c",) if keep_so else (".c", _get_so_suffixes()[0].lower())
    try:
        names = os.listdir(tmpdir)
    except OSError:
        return
    for name in names:
        if name.lower().startswith("_cffi_") and name.lower().endswith(endings):
            try:
                os.unlink(os.path.join(tmpdir, name))
            except OSError:
                pass
    for directory, _, files in os.walk(os.path.join(tmpdir, "build")):
        for name in files:
            try:
                os.unlink(os.path.join(directory, name))
            except OSError:
                pass


def _make_directory_of(path):
    if os.path.dirname(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)


def _relative(path):
    """`path` as seen from here, where that stays below."""
    try:
        short = os.path.relpath(path)
    except ValueError:  # another drive
        return path
    return path if short.startswith(os.pardir) else short


# --- what is declared -------------------------------------------------------------------


def _check_declared(declared, errors):
    """Refuse what verify() never knew, or could not be called."""
    for name, kind in declared["typedefs"]:
        if kind in ("int", "float"):
            raise errors.VerificationError(
                "feature not supported with ffi.verify(), but only with "
                "ffi.set_source(): 'typedef %s... %s'" % (kind, name))
    for symbol in declared["symbols"]:
        if symbol["kind"] != "function" or symbol["included"]:
            continue
        if symbol["python"]:
            raise errors.VerificationError(
                "feature not supported with ffi.verify(), but only with "
                "ffi.set_source(): 'extern \"Python\"'")
        _check_function(symbol, errors)


def _check_function(symbol, errors):
    result = symbol["result"]
    if result.get("open") == "type":
        raise TypeError("function %s: %r is used as result type, but is opaque" % (
            symbol["name"], result["c"].replace("{}", "").strip()))
    for t in symbol["params"]:
        # cffi has no words for what a typedef leaves without a name two stars away.
        of, stars = t, 0
        while of["kind"] in ("pointer", "array"):
            of, stars = of["to"], stars + 1
        if (errors.__name__ == "_cffi_backend" and stars > 1 and
                of["kind"] == "record" and of["c"].startswith("__typeof__")):
            raise errors.VerificationError(
                "in argument of %s: unknown type name" % symbol["name"])


class _Writer(CWriter):
    """A module for an FFI that exists: no module is included, but the enumerators
    that came by ffi.include() are constants of the library too."""

    def _wanted(self):
        return [s for s in self.declared["symbols"]
                if not s["included"] or "enumerator" in s["flags"]]

    def _included(self):
        return []


class VCPythonEngine:
    """The name of the one engine, as cffi's programs ask for it."""
    _class_key = "x"
    _gen_python_module = True
    _mark = "_cffi_python_module"


class VGenericEngine(VCPythonEngine):
    """The same again: cffi has a second one for interpreters without C API."""
    _class_key = "g"
    _gen_python_module = False
    _mark = "_cffi_generic_module"


def _locate_engine_class(ffi, force_generic_engine):
    if force_generic_engine or _FORCE_GENERIC_ENGINE:
        return VGenericEngine
    return VCPythonEngine


def _flatten(value):
    """Keywords as text, the same for equal ones."""
    if isinstance(value, dict):
        return "{%s}" % ",".join("%s:%s" % (_flatten(k), _flatten(v))
                                 for k, v in sorted(value.items()))
    if isinstance(value, (list, tuple)):
        return "[%s]" % ",".join(map(_flatten, value))
    if isinstance(value, (str, int)):
        return repr(value)
    raise TypeError("the keywords to verify() must be made of strings, numbers, "
                    "lists, tuples and dicts; got %r" % (value,))


# --- the library --------------------------------------------------------------------------


def _library(module, ffi, declared, engine):
    """What verify() returns: functions and constants are attributes, variables are
    properties of a class of its own, as in cffi."""
    lib = module.lib
    variables = {s["name"] for s in declared["symbols"] if s["kind"] == "variable"}

    class FFILibrary:
        _cffi_ffi = ffi

        def __dir__(self):
            return sorted(shown)

    def shared(name):
        return property(lambda self: getattr(lib, name),
                        lambda self, value: setattr(lib, name, value))

    setattr(FFILibrary, engine._mark, module)
    library, shown = FFILibrary(), []
    for name in dir(lib):
        if name.startswith("__"):
            continue
        shown.append(name)
        value = getattr(lib, name)
        if name in variables and name not in vars(lib):
            setattr(FFILibrary, name, shared(name))
        else:
            setattr(library, name, value)
    return library


# --- Verifier -----------------------------------------------------------------------------


class Verifier:
    """One call of verify(). The file names may be changed before they are used."""

    def __init__(self, ffi, preamble, tmpdir=None, modulename=None, ext_package=None,
                 tag="", force_generic_engine=False, source_extension=".c",
                 flags=None, relative_to=None, **kwds):
        self._errors = backend_of(ffi)
        self._declared = ffi._declared()
        _check_declared(self._declared, self._errors)
        self.ffi = ffi
        self.preamble = preamble
        self.flags = flags
        self._vengine = _locate_engine_class(ffi, force_generic_engine)
        if modulename and tag:
            raise TypeError("can't specify both 'modulename' and 'tag'")
        if not modulename:
            modulename = "_cffi_%s_%s%s" % (tag, self._vengine._class_key,
                                            self._checksum(kwds))
        self.kwds = self.make_relative_to(kwds, relative_to)
        self.tmpdir = tmpdir or _caller_dir_pycache()
        self.sourcefilename = os.path.join(self.tmpdir, modulename + source_extension)
        self.modulefilename = os.path.join(self.tmpdir,
                                           modulename + _get_so_suffixes()[0])
        self.ext_package = ext_package
        self._has_source = False
        self._has_module = False
        self._lock = threading.RLock()

    def _checksum(self, kwds):
        from jiffi import __version__
        texts, gil = self.ffi._texts()
        included = [other._texts() for other in self.ffi._included()]
        key = "\0".join(["%d.%d" % sys.version_info[:2], _GENERATION, __version__,
                         self._errors.__name__, self.preamble, _flatten(kwds),
                         repr((texts, gil, included))]).encode("utf-8")
        return "%x%x" % (binascii.crc32(key[0::2]), binascii.crc32(key[1::2]))

    # --- what programs call ---

    def write_source(self, file=None):
        """Write the C source to `file`, or to self.sourcefilename."""
        with self._lock:
            if self._has_source and file is None:
                raise self._errors.VerificationError("source code already written")
            self._write_source(file)

    def compile_module(self):
        """Compile the source, written first if it is not, to self.modulefilename."""
        with self._lock:
            if self._has_module:
                raise self._errors.VerificationError("module already compiled")
            if not self._has_source:
                self._write_source()
            self._compile_module()

    def load_library(self):
        """The library; what is missing on the way there is made first."""
        with self._lock:
            if not self._has_module:
                self._locate_module()
            if not self._has_module:
                if not self._has_source:
                    self._write_source()
                self._compile_module()
            return self._load_library()

    def get_module_name(self):
        """The last part of the module's name."""
        return os.path.basename(self.modulefilename).split(".", 1)[0]

    def get_extension(self):
        """For setup(ext_modules=[...]): the source is written now."""
        with self._lock:
            if not self._has_source:
                self._write_source()
        kwds = dict(self.kwds)
        sources = [_relative(self.sourcefilename)]
        sources += [os.path.normpath(s) for s in kwds.pop("sources", ())]
        return compiler.extension_class()(name=self.get_module_name(),
                                          sources=sources, **kwds)

    def generates_python_module(self):
        return self._vengine._gen_python_module

    def make_relative_to(self, kwds, relative_to):
        """`kwds` with file names as seen from the directory of `relative_to`."""
        if not relative_to or not os.path.dirname(relative_to):
            return kwds
        kwds = dict(kwds)
        for key in FILE_NAMES:
            if key not in kwds:
                continue
            if not isinstance(kwds[key], (list, tuple)):
                raise TypeError("keyword '%s' should be a list or tuple" % (key,))
            kwds[key] = [os.path.join(os.path.dirname(relative_to), name)
                         for name in kwds[key]]
        return kwds

    # --- how ---

    def _locate_module(self):
        """A module that was compiled before: in tmpdir, or installed."""
        if not os.path.isfile(self.modulefilename):
            path = None
            if self.ext_package:
                try:
                    package = __import__(self.ext_package, None, None, ["__doc__"])
                except ImportError:
                    return
                path = package.__path__
            spec = importlib.machinery.PathFinder.find_spec(
                self.get_module_name(), path)
            if spec is None or not spec.origin or not isinstance(
                    spec.loader, importlib.machinery.ExtensionFileLoader):
                return
            self.modulefilename = spec.origin
        self._has_module = True

    def _source(self):
        return _Writer(self.ffi, self.get_module_name(), self.preamble).text()

    def _write_source(self, file=None):
        if file is not None:
            file.write(self._source())
            return
        _make_directory_of(self.sourcefilename)
        output.write(self.sourcefilename, self._source())
        self._has_source = True

    def _compile_module(self):
        # Paths are meant from here, the compiler runs in the source's directory.
        kwds = dict(self.kwds)
        for key in FILE_NAMES:
            if key in kwds:
                kwds[key] = [os.path.abspath(name) for name in kwds[key]]
        directory, name = os.path.split(os.path.abspath(self.sourcefilename))
        try:
            made = compiler.compile_extension(self.get_module_name(), name, kwds,
                                              directory)
        except compiler.BuildFailure as e:
            raise self._errors.VerificationError(str(e)) from None
        wanted = os.path.abspath(self.modulefilename)
        if os.path.realpath(made) != os.path.realpath(wanted):
            _make_directory_of(wanted)
            shutil.move(made, wanted)
        self._has_module = True

    def _import(self, path):
        """The module at `path`, loaded into self.ffi."""
        name = self.get_module_name()
        loader = importlib.machinery.ExtensionFileLoader(name, path)
        spec = importlib.util.spec_from_file_location(name, path, loader=loader)

        def load():
            module = importlib.util.module_from_spec(spec)
            loader.exec_module(module)
            return module

        old = sys.getdlopenflags() if hasattr(sys, "getdlopenflags") else None
        if self.flags is not None and old is not None:
            sys.setdlopenflags(self.flags)
        try:
            return self._errors._verify(self.ffi, load)
        except ImportError as e:
            raise self._errors.VerificationError("importing %r: %s" % (path, e)) \
                from e
        finally:
            if old is not None:
                sys.setdlopenflags(old)
            sys.modules.pop(name + ".lib", None)

    def _load_library(self):
        path = os.path.abspath(self.modulefilename)
        with _loading:
            status = os.stat(path)
            key = (status.st_dev, status.st_ino, status.st_mtime_ns)
            if _loaded.setdefault(key, self.ffi) is self.ffi:
                module = self._import(path)
            else:
                # The static data of a loaded file belong to one FFI: a copy of it
                # is another file.
                with tempfile.TemporaryDirectory() as directory:
                    copy = os.path.join(directory, os.path.basename(path))
                    shutil.copy(path, copy)
                    module = self._import(copy)
        return _library(module, self.ffi, self._declared, self._vengine)


def verify(ffi, source="", tmpdir=None, **kwds):
    """Compile `source` with wrappers for what `ffi` declares, or find that it was
    done before; hold the declarations against it; return the library."""
    add_unicode_flags(ffi, kwds)
    ffi.verifier = Verifier(ffi, source, tmpdir or _caller_dir_pycache(), **kwds)
    # The library lives as long as the FFI.
    ffi.verifier._library = ffi.verifier.load_library()
    return ffi.verifier._library


NativeIO = io.StringIO
