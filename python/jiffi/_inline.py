# SPDX-License-Identifier: MIT
"""ffi.inline(): C in a Python file, compiled once and loaded from a cache after.

An entry of the cache is a directory named by a hash of all that the result depends
on (source, declarations, flags, compiler, Python, jiffi):

    module.c      what was compiled, to look at
    module.so     the result, under Python's ending
    check         size and hash of module.so, written last

It is made under another name and renamed, so that it is there whole or not at all;
of two processes that make the same one the second takes what the first has put
there. What does not agree with `check` is thrown away and made again.

The way of a hit imports no more than it needs and runs no compiler.
"""

import os
import sys
import sysconfig

try:
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

from . import _jiffi
from . import __version__

_loaded = {}  # path -> True: what this process has loaded already


# --- the key -----------------------------------------------------------------------


def _compiler_words(kwds, extension):
    """The words that call the compiler, as far as they are known without
    running one. The same as direct.Toolchain goes by."""
    cxx = extension != ".c" or kwds.get("language") == "c++"
    variable = "CXX" if cxx else "CC"
    command = os.environ.get(variable) or sysconfig.get_config_var(variable)
    return (command or ("c++" if cxx else "cc")).split()


def _identity(program):
    """Path, size and time of a program: what tells one compiler from another
    without asking it."""
    if os.sep in program:
        candidates = [program]
    else:
        candidates = [os.path.join(directory, program)
                      for directory in os.environ.get("PATH", "").split(os.pathsep)]
    for path in candidates:
        try:
            st = os.stat(path)
        except OSError:
            continue
        return os.path.realpath(path), st.st_size, st.st_mtime_ns
    return program, None, None


def _content(kwds):
    """Hashes of the files that the keywords name. One that cannot be read is the
    compiler's to complain of."""
    for keyword in ("sources", "depends", "extra_objects"):
        for path in kwds.get(keyword) or ():
            try:
                with open(path, "rb") as f:
                    yield blake2b(f.read(), digest_size=16).digest()
            except OSError:
                yield None


def _files(kwds):
    """The user's own files: what a header has is only seen if `depends` names it."""
    found = []
    for key in ("sources", "depends", "extra_objects"):
        for path in kwds.get(key) or ():
            try:
                st = os.stat(path)
                found.append((os.fspath(path), st.st_size, st.st_mtime_ns))
            except OSError:
                found.append((os.fspath(path), None, None))
    return found


def _own_identity():
    st = os.stat(_jiffi.__file__)
    return __version__, st.st_size, st.st_mtime_ns


def _key(ffi, source, extension, kwds):
    """The name of the entry."""
    words = _compiler_words(kwds, extension)
    parts = (
        source, extension, sorted(kwds.items()), list(_content(kwds)), ffi._texts(),
        [getattr(other, "_assigned_source", ("?",))[0] for other in ffi._included()],
        words, _identity(words[0]),
        [os.environ.get(name) for name in ("CFLAGS", "CPPFLAGS", "LDFLAGS",
                                           "LDSHARED")],
        sys.version, sys.prefix, sysconfig.get_config_var("EXT_SUFFIX"),
        _own_identity())
    return blake2b(repr(parts).encode("utf-8", "surrogatepass"),
                   digest_size=16).hexdigest()


# --- the cache ---------------------------------------------------------------------


def cache_directory():
    """Where entries are, by $JIFFI_CACHE, $XDG_CACHE_HOME, or the home."""
    own = os.environ.get("JIFFI_CACHE")
    if own:
        return os.path.abspath(own)
    base = os.environ.get("XDG_CACHE_HOME")
    if not base or not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "jiffi")


def _paths(entry):
    suffix = sysconfig.get_config_var("EXT_SUFFIX") or ".so"
    return os.path.join(entry, "module" + suffix), os.path.join(entry, "check")


def _check_text(path):
    with open(path, "rb") as f:
        data = f.read()
    return b"%d %s\n" % (len(data), blake2b(data, digest_size=16).hexdigest().encode())


def _whole(entry):
    """Is there an entry, and is it what was written?"""
    path, check = _paths(entry)
    try:
        with open(check, "rb") as f:
            return f.read() == _check_text(path)
    except OSError:
        return False


def _load(name, path):
    """A fresh module from an extension's file."""
    if path in _loaded:
        # The same file again would be the same static tables, which belong to
        # the FFI that was first.
        return _load_copy(name, path)
    _loaded[path] = True
    # As our own extension was loaded: importlib.machinery takes longer to import
    # than the module to load.
    own = _jiffi.__spec__
    loader = type(own.loader)(name, path)
    spec = type(own)(name, loader, origin=path)
    module = loader.create_module(spec)
    module.__spec__ = spec
    module.__file__ = path
    loader.exec_module(module)
    return module


def _load_copy(name, path):
    import shutil
    import tempfile

    directory = tempfile.mkdtemp(prefix="jiffi-")
    try:
        copy = os.path.join(directory, os.path.basename(path))
        shutil.copyfile(path, copy)
        return _load(name, copy)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


# --- building ----------------------------------------------------------------------


def _own_directory(wanted):
    """`wanted`, made if it is not there, or a directory for this process alone."""
    import tempfile
    try:
        os.makedirs(wanted, mode=0o700, exist_ok=True)
        return tempfile.mkdtemp(prefix=".new-", dir=wanted), wanted
    except OSError as e:
        import atexit
        import shutil
        import warnings
        base = tempfile.mkdtemp(prefix="jiffi-")
        atexit.register(shutil.rmtree, base, True)
        warnings.warn(
            "ffi.inline(): the cache directory %r cannot be written (%s); what is "
            "compiled is kept in %r until the process ends.  Set JIFFI_CACHE to a "
            "directory that can be written." % (wanted, e.strerror or e, base),
            RuntimeWarning, stacklevel=5)
        return tempfile.mkdtemp(prefix=".new-", dir=base), base


def _line_of(source, caller):
    """(file, line) where `source` stands in the caller's Python file. Of a text that
    stands nowhere as it is (made up, or dedented) the lines are counted from its own
    first one."""
    nowhere = "<C source of ffi.inline()>", 1
    filename = caller.f_code.co_filename
    try:
        with open(filename, encoding="utf-8") as f:
            text = f.read()
    except (OSError, UnicodeDecodeError):
        return nowhere
    start = text.find(source)
    if not source.strip() or start < 0:
        return nowhere
    # Several such texts: the one that ends last before the line of the call, or
    # the first behind it.
    candidates = []
    while start >= 0:
        candidates.append(text.count("\n", 0, start) + 1)
        start = text.find(source, start + 1)
    here = caller.f_lineno
    before = [line for line in candidates if line <= here + source.count("\n") + 1]
    return filename, (before or candidates[:1])[-1]


def _build(ffi, name, source, extension, kwds, directory, where):
    """Fill `directory` with a new entry."""
    from . import build
    from .build import direct

    c_file = os.path.join(directory, "module" + extension)
    path, check = _paths(directory)
    text = build.c_source(ffi, name, source, bool(kwds.get("py_limited_api")), where,
                          c_file, kwds)
    with open(c_file, "w", encoding="utf-8") as f:
        f.write(text)
    kwds = build.source.with_flags(ffi, kwds)
    kwds.pop("py_limited_api", None)
    sources = [c_file] + [os.path.abspath(s) for s in kwds.pop("sources", ())]
    try:
        direct.build(sources, path, kwds)
    except direct.Failure as e:
        raise build.source.backend_of(ffi).VerificationError(str(e)) from None
    with open(check, "wb") as f:
        f.write(_check_text(path))


def _put(made, entry):
    """Move a new entry to its place. Who comes second leaves what is there, unless
    that is broken."""
    import shutil
    for _ in range(10):
        try:
            os.rename(made, entry)
            return entry
        except OSError:
            if _whole(entry):
                shutil.rmtree(made, ignore_errors=True)
                return entry
            # Out of the way, whole, so that nobody sees half of it.
            broken = "%s.broken-%d" % (made, os.getpid())
            try:
                os.rename(entry, broken)
            except OSError:
                continue  # another process was faster
            shutil.rmtree(broken, ignore_errors=True)
    return made  # someone breaks it all the time: this process has its own


def _make(ffi, name, source, extension, kwds, cache, caller):
    """Compile; the entry's path."""
    import shutil
    made, base = _own_directory(cache)
    try:
        _build(ffi, name, source, extension, kwds, made, _line_of(source, caller))
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return _put(made, os.path.join(base, name))


# --- the way in --------------------------------------------------------------------


def inline(ffi, source, *, source_extension=".c", **kwds):
    """FFI.inline(): see its documentation string."""
    if not isinstance(source, str):
        raise TypeError("inline(): source must be a str, not '%s'"
                        % type(source).__name__)
    name = "_jiffi_" + _key(ffi, source, source_extension, kwds)
    cache = cache_directory()
    entry = os.path.join(cache, name)
    if not _whole(entry):
        entry = _make(ffi, name, source, source_extension, kwds, cache,
                      sys._getframe(1))
    module = _load(name, _paths(entry)[0])
    # Modules made from this FFI later include this one by its name.
    sys.modules[name] = module
    module.ffi._assigned_source = (name, source, source_extension, kwds)
    origins = _jiffi._pickle_origins(ffi)
    if origins:  # how another process gets the module: _pickle.py
        module.ffi.__dict__.setdefault(
            "_inlined", (origins[0].rows, source, source_extension, kwds))
    ffi._adopt(module.ffi)
    return module.lib
