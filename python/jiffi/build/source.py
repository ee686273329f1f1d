# SPDX-License-Identifier: MIT
"""What set_source() and its kin say about the module to be made.

The answers are kept as attributes of the FFI, under the names that cffi uses
for them, because programs look there: `_assigned_source` is the 4-tuple of
set_source()'s arguments, `_embedding` the code of embedding_init_code().
"""

import keyword
import os
import re
import sys
import sysconfig

from . import pkgconfig


def backend_of(ffi):
    """The extension module that `ffi` comes from: jiffi's own or cffi's name.

    It has the exception classes, and the generated module imports it.
    """
    from jiffi import _jiffi
    if isinstance(ffi, _jiffi.FFI):
        return _jiffi
    import _cffi_backend
    return _cffi_backend


def check_module_name(name):
    """ValueError for a name that no import statement could spell."""
    if not isinstance(name, str):
        raise TypeError("'module_name' must be a string")
    if os.sep in name or (os.altsep and os.altsep in name):
        raise ValueError("'module_name' must not contain '/': use a dotted name "
                         "to make a 'package.module' location")
    for part in name.split("."):
        if not part.isidentifier() or keyword.iskeyword(part):
            raise ValueError(
                "set_source(): module name %r cannot be imported: %s" % (
                    name, "a part of it is empty" if not part else
                    "%r is %s" % (part, "a keyword" if part.isidentifier()
                                  else "no identifier")))


def set_source(ffi, module_name, source, source_extension=".c", **kwds):
    if hasattr(ffi, "_assigned_source"):
        raise ValueError(
            "set_source() cannot be called several times per ffi object")
    check_module_name(module_name)
    if source is not None and not isinstance(source, str):
        raise TypeError("set_source(): source must be a str or None, not '%s'"
                        % type(source).__name__)
    ffi._assigned_source = (str(module_name), source, source_extension, kwds)


def set_source_pkgconfig(ffi, module_name, pkgconfig_libs, source,
                         source_extension=".c", **kwds):
    if not isinstance(pkgconfig_libs, list):
        raise TypeError(
            "the pkgconfig_libs argument must be a list of package names")
    flags = pkgconfig.flags_from_pkgconfig(
        pkgconfig_libs, backend_of(ffi).PkgConfigError)
    pkgconfig.merge_flags(kwds, flags)
    set_source(ffi, module_name, source, source_extension, **kwds)


def assigned(ffi, method):
    """(module_name, source, source_extension, a copy of the keywords)."""
    try:
        name, source, extension, kwds = ffi._assigned_source
    except AttributeError:
        raise ValueError(
            "set_source() must be called before %s()" % method) from None
    return name, source, extension, dict(kwds)


# --- embedding ----------------------------------------------------------------


def embedding_of(ffi):
    """The start-up code of an embedded module, or None for a plain one."""
    return getattr(ffi, "_embedding", None)


def embedding_api(ffi, csource, packed=False, pack=None):
    # To the parser these are functions that Python implements and C calls.
    # The directive keeps line numbers right in messages.
    if not isinstance(csource, str):
        raise TypeError("cdef() argument must be a string")
    ffi.cdef('extern "Python+C" {\n# 1\n%s\n}' % csource,
             packed=packed, pack=pack)
    if embedding_of(ffi) is None:
        ffi._embedding = ""


def _dedent(text):
    """`text` from its first line that is not blank, without the indentation
    that all lines have. Blank lines do not count."""
    blank = re.match(r"\s*\n", text)
    lines = (text[blank.end():] if blank else text).splitlines() or [""]
    indent = re.match(r"\s*", lines[0]).group()
    for line in lines[1:]:
        if line.strip():
            while not line.startswith(indent):
                indent = indent[:-1]
    return "".join(line[len(indent):] + "\n" for line in lines)


def embedding_init_code(ffi, pysource):
    if embedding_of(ffi):
        raise ValueError("embedding_init_code() can only be called once")
    pysource = _dedent(pysource)
    compile(pysource, "cffi_init", "exec")
    ffi._embedding = pysource


def _python_library():
    """The name of libpython for the linker."""
    if sys.platform == "win32":
        name = "python%d%d" % sys.version_info[:2]
        return name + ("_d" if hasattr(sys, "gettotalrefcount") else "")
    return "python%d.%d%s" % (sys.version_info[:2] + (
        getattr(sys, "abiflags", ""),))


def add_embedding_flags(kwds):
    """A library that starts Python is linked with it, extensions are not."""
    def ensure(key, value):
        kwds[key] = list(kwds.get(key, ()))
        if value not in kwds[key]:
            kwds[key].append(value)

    ensure("libraries", _python_library())
    where = sysconfig.get_config_var("LIBDIR")
    if where and sysconfig.get_config_var("Py_ENABLE_SHARED"):
        ensure("library_dirs", where)
    if sys.platform == "win32":
        ensure("extra_link_args", "/MANIFEST")


def add_unicode_flags(ffi, kwds):
    """After set_unicode(True) the headers of Windows get the macros for it."""
    if "TCHAR" not in ffi.list_types()[0]:
        return
    if ffi.typeof("TCHAR") is not ffi.typeof("wchar_t"):
        return
    macros = kwds.get("define_macros", ())
    if not isinstance(macros, (list, tuple)):
        raise TypeError("'define_macros' must be a list or tuple")
    kwds["define_macros"] = list(macros) + [("UNICODE", "1"), ("_UNICODE", "1")]


def mark_throwing(ffi, declared, kwds=None):
    """set_source(may_throw=True): what ffi._declared() says, as if each cdef() had
    said it. `kwds`: set_source()'s, None for those that the FFI knows."""
    if kwds is None:
        kwds = getattr(ffi, "_assigned_source", (None, None, None, {}))[3]
    if kwds.get("may_throw"):
        declared["texts"] = [
            row[:4] + (row[4] if "may_throw" in row[4] else row[4] + " may_throw",)
            for row in declared["texts"]]
    return declared


def with_flags(ffi, kwds):
    """A copy of set_source()'s keywords with what the FFI adds to them, for the
    compiler."""
    kwds = dict(kwds)
    kwds.pop("may_throw", None)
    add_unicode_flags(ffi, kwds)
    if embedding_of(ffi) is not None:
        add_embedding_flags(kwds)
    return kwds
