# SPDX-License-Identifier: MIT
"""How objects of jiffi go to another process, or into a file.

Everything goes by name: an FFI as the texts it was given, a type as its spelling in an
FFI, a function as its name in a library, that as what dlopen() was given. Values go as
their bytes. An address means nothing elsewhere, so what is one is refused.

An FFI is found again before it is made: by a key that it got when it was first pickled
(in the process that made it, and in those forked from it, that is the very object), then
by what it declares. So types and functions that are unpickled one by one belong
together, also with those that the process has made by the same texts itself. A module
that has the FFI as a global is imported before anything is made, as pickle imports the
modules of functions: else it would come too late with its own FFI.

This module is imported when the first object is pickled or unpickled. The names of the
functions with a single underscore stand in pickles: they must stay.
"""

import copyreg
import importlib
import os
import sys
import threading
import types
import weakref

from . import _jiffi
from ._jiffi import FFI

_lock = threading.RLock()
_keys = weakref.WeakKeyDictionary()  # FFI -> its key, bytes
_homes = weakref.WeakKeyDictionary()  # FFI -> name of the module it is a global of, or None
_by_key = weakref.WeakValueDictionary()  # key -> FFI; several keys may lead to one
_plain = FFI()  # for types without declarations
_Origin = type(_jiffi._pickle_origins(_plain)[0])
_Handle = type(_jiffi._pickle_library(_plain.dlopen(None))[0])


def _refuse(text, *args):
    raise TypeError(text % args)


def _after_fork():
    """Whoever held the lock is not there any more."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


# --- declarations ------------------------------------------------------------------


def _origin(ffi):
    return _jiffi._pickle_origins(ffi)[0]


def _key_of(ffi):
    with _lock:
        key = _keys.get(ffi)
        if key is None:
            # Random, because processes that are forked go on making FFIs.
            key = _keys[ffi] = os.urandom(16)
            _by_key[key] = ffi
        return key


def _home_of(ffi):
    """The module that another process may import to get this FFI."""
    if ffi not in _homes:
        home = None
        for name, module in list(sys.modules.items()):
            names = vars(module) if isinstance(module, types.ModuleType) else {}
            if (name not in ("__main__", "__mp_main__")
                    and any(v is ffi for v in list(names.values()))):
                home = name
                break
        _homes[ffi] = home
    return _homes[ffi]


def _reduce_ffi(ffi):
    origin = _origin(ffi)
    assigned = ffi.__dict__.get("_inlined")
    if assigned is not None:
        return _inlined, (origin.module, origin.gil) + assigned
    if origin.module is not None:
        return _module_ffi, (origin.module,)
    plain = (_key_of(ffi), _home_of(ffi), _class(ffi), origin.gil, origin.rows)
    return _ffi, plain + (True,) if ffi.checked else plain


def _reduce_origin(origin):
    ffi = origin.ffi
    if ffi is not None:
        return _same, (ffi,)
    if origin.module is not None:
        return _module_ffi, (origin.module,)
    return _ffi, (b"", None, FFI, origin.gil, origin.rows)


def _same(ffi):
    return ffi


def _equal(mine, theirs):
    """Rows of an Origin and of a pickle: the same text, or the same FFI included."""
    if isinstance(mine, tuple):
        return mine == theirs
    return mine.ffi is theirs


def _class(ffi):
    """The class that somebody named: that of a checked FFI stands behind it."""
    return getattr(type(ffi), "_unchecked", type(ffi))


def _declares(ffi, cls, gil, rows, grown):
    """Does the FFI consist of `rows`? `grown`: it may have got more since."""
    origin = _origin(ffi)
    mine = origin.rows
    return (_class(ffi) is cls and origin.gil == gil and origin.module is None
            and (len(mine) == len(rows) or grown and len(mine) > len(rows))
            and all(map(_equal, mine, rows)))


def _make(cls, gil, rows, checked=None):
    """A new FFI. Of a subclass: what its own __init__() does is not repeated."""
    ffi = cls.__new__(cls, checked=checked) if checked else cls.__new__(cls)
    gil, _, errors = gil.partition(" ")
    FFI.__init__(ffi, gil=gil, callback_errors=errors or None)
    for row in rows:
        if isinstance(row, tuple) and len(row) == 2:
            ffi.gil(row[0], *row[1])
        elif isinstance(row, tuple):
            text, packed, pack, override, own_gil = row
            policy, _, throws = own_gil.partition(" ")
            ffi.cdef(text, override=override, packed=packed, pack=pack,
                     gil=policy if policy != "default" else None,
                     may_throw=bool(throws))
        else:
            ffi.include(row)
    return ffi


def _ffi(key, home, cls, gil, rows, checked=None):
    """The FFI of these rows: (text, packed, pack, override, gil), one to include, or
    (policy, names) as ffi.gil() has them. `gil` is a word, or two: "auto print" of
    FFI(callback_errors="print")."""
    with _lock:
        ffi = _by_key.get(key)
        if ffi is not None and _declares(ffi, cls, gil, rows, True):
            return ffi
    if home is not None and home not in sys.modules:
        try:
            importlib.import_module(home)
        except Exception:  # it is not there, or another one: the texts are enough
            pass
    with _lock:
        for ffi in _jiffi._pickle_ffis():
            if ffi is not _plain and _declares(ffi, cls, gil, rows, False):
                break
        else:
            ffi = _make(cls, gil, rows, checked)
        if key:
            _by_key[key] = ffi
            _keys.setdefault(ffi, key)
        return ffi


def _module_ffi(name):
    """The `ffi` of a generated module."""
    return _module(name).ffi


def _module(name):
    return sys.modules.get(name) or importlib.import_module(name)


def _inlined(name, gil, rows, source, extension, kwds):
    """The FFI behind ffi.inline(): taken from the cache, or compiled."""
    module = sys.modules.get(name)
    if module is not None:
        return module.ffi
    ffi = _make(FFI, gil, rows)
    ffi.inline(source, source_extension=extension, **kwds)
    return ffi._included()[0]


# --- types -------------------------------------------------------------------------


def _named(ffi, ctype):
    """(name, is the item of what it names) of the type in `ffi`; None: it has none."""
    name = ctype.cname
    try:
        if ffi.typeof(name) is ctype:
            return name, False
        pointer = ffi.getctype(ctype, "*")
        if ctype.kind == "function" and ffi.typeof(pointer).item is ctype:
            return pointer, True
    except (ffi.error, _jiffi.CDefError, AttributeError, TypeError):
        pass
    return None


def _reduce_type(ctype):
    origins = _jiffi._pickle_origins(ctype)
    if not origins:
        named = _named(_plain, ctype)
        if named:
            return _type, (None,) + named
    for origin in origins:
        ffi = origin.ffi
        if ffi is not None:
            named = _named(ffi, ctype)
            if named:
                return _type, (ffi,) + named
            continue
        # Its FFI is gone; the type that comes back belongs to another.
        twin = _make(FFI, origin.gil, _revive(origin))
        try:
            if twin.typeof(ctype.cname).cname == ctype.cname:
                return _type, (origin, ctype.cname, False)
        except (twin.error, _jiffi.CDefError):
            pass
    _refuse("cannot pickle ctype '%s': no name leads to it in another process. Declare "
            "it by a tag or a typedef, and keep the FFI that declares it", ctype.cname)


def _revive(origin):
    """The rows of an Origin, with FFIs in the place of Origins."""
    return [row if isinstance(row, tuple) else _call(_reduce_origin(row))
            for row in origin.rows]


def _call(reduced):
    function, args = reduced
    if function is _ffi:
        args, rows = args[:-1], args[-1]
        args += (tuple(
            row if isinstance(row, tuple) else _call(_reduce_origin(row))
            for row in rows),)
    return function(*args)


def _type(ffi, name, item):
    ctype = (ffi or _plain).typeof(name)
    return ctype.item if item else ctype


# --- values ------------------------------------------------------------------------

_WHY = {
    "pointer": "it is an address, which means nothing in another process. Pickle what "
               "it points to: p[0], or an array of it",
    "handle": "a handle stands for an object of this process. Pickle that: "
              "ffi.from_handle(p)",
    "callback": "it calls a Python function of this process. Pickle that, and make a "
                "callback of it where it is needed",
    "gc": "its destructor would free in another process what belongs to this one. "
          "Pickle what it points to: p[0], or a copy by ffi.new()",
    "buffer": "it looks into the memory of another object. Pickle that one, and call "
              "ffi.from_buffer() again; or a copy by ffi.new()",
    "released": "its memory has been released",
}


def _reduce_cdata(cdata):
    kind, data, path = _jiffi._pickle_cdata(cdata)
    if kind == "function":
        return _reduce_function(cdata)
    ctype = _jiffi.FFI.typeof(_plain, cdata)
    if kind == "null":
        return _null, (ctype,)
    if kind in _WHY:
        _refuse("cannot pickle cdata '%s': %s", ctype.cname, _WHY[kind])
    if path is not None:
        _refuse("cannot pickle cdata '%s': %s is an address, which means nothing in "
                "another process. Set it to NULL in a copy, and pickle what it points "
                "to by itself", ctype.cname, "'%s'" % path if path else "it")
    return _value, (ctype, kind == "own", data)


def _null(ctype):
    return _plain.cast(ctype, 0)


def _value(ctype, own, data):
    return _jiffi._pickle_restore(ctype, own, data)


# --- libraries and functions -------------------------------------------------------

_GIL = (None, "release", "hold", "auto")  # by jf_Gil


def _library_name(handle, what):
    """The arguments of _open(), by which another process gets this library."""
    origins = _jiffi._pickle_origins(handle)
    handle, key, _, name = _jiffi._pickle_library(handle)
    if key == "closed":
        _refuse("cannot pickle %s: library '%s' has been closed", what, name)
    if key is None or not origins:
        _refuse("cannot pickle %s: its library was opened by a handle, an address that "
                "means nothing in another process. Open it by its name", what)
    origin = origins[0]
    if key == "module":
        if origin.module is None:
            _refuse("cannot pickle %s: it is of a module that ffi.verify() has made, "
                    "which has no name elsewhere. Use ffi.inline() or a module", what)
        return origin, None, -1, 0
    return (origin,) + key


def _open(ffi, name, flags, gil):
    """The library: the one that is open, or one that stays open with the FFI."""
    if flags == -1:
        return _module(_origin(ffi).module).lib
    with _lock:
        for library in _jiffi._pickle_libs(ffi):
            if _jiffi._pickle_library(library)[1] == (name, flags, gil):
                return library
        library = ffi.dlopen(name, flags, gil=_GIL[gil & 7],
                             may_throw=bool(gil & 8))
        _jiffi._pickle_keep(ffi, library)
        return library


def reduce_library(handle):
    """__reduce_ex__() of a library."""
    name = _jiffi._pickle_library(handle)[3]
    return _open, _library_name(handle, "library '%s'" % name)


def _reduce_handle(handle):
    name = _jiffi._pickle_library(handle)[3]
    return _handle, _library_name(handle, "library '%s'" % name)


def _handle(ffi, name, flags, gil):
    return _jiffi._pickle_library(_open(ffi, name, flags, gil))[0]


def _reduce_function(cdata):
    handle, name, sized, base = _jiffi._pickle_function(cdata)
    if base is not None:
        return _sized, (base, sized)
    if handle is None:
        fused = _jiffi._fused_origin(cdata)
        if fused is not None:
            return _fused, (fused,)
        _refuse("cannot pickle function '%s': it is of no library that has a name", name)
    return _function, _library_name(handle, "function '%s'" % name) + (name,)


def _function(ffi, library, flags, gil, name):
    """What a library's builtin is bound to; pickle asks it for the builtin by name."""
    return ffi.addressof(_open(ffi, library, flags, gil), name)


def _sized(base, pairs):
    """The same of a builtin from ffi.sized()."""
    lengths = {}
    for length, array, _ in pairs:
        lengths[length] = lengths.get(length, ()) + (array,)
    in_bytes = all(unit == 1 for _, _, unit in pairs)
    return _plain.sized(base, bytes=in_bytes, **lengths).__self__


def _fused(origin):
    """The same of a builtin from ffi.fuse()."""
    return _jiffi._fuse(**origin).__self__


# --- ufuncs ------------------------------------------------------------------------


def register_ufunc(cls):
    """Called at the first ffi.ufunc(): NumPy pickles ufuncs by their name in a module,
    and goes on doing so for those that are not ours."""
    others = copyreg.dispatch_table.get(cls)

    def reduce_ufunc(ufunc):
        origin = _jiffi._ufunc_origin(ufunc)
        if origin is not None:
            return _ufunc, (origin,)
        return others(ufunc) if others else ufunc.__name__

    copyreg.pickle(cls, reduce_ufunc)


def _ufunc(origin):
    origin = dict(origin)
    ffi, function = origin.pop("ffi"), origin.pop("function")
    return ffi.ufunc(function, **origin)


# --- the way in --------------------------------------------------------------------


def reduce(o):
    """__reduce__() of FFI, CType, CData and what stands behind them."""
    if isinstance(o, FFI.CData):
        return _reduce_cdata(o)
    if isinstance(o, FFI.CType):
        return _reduce_type(o)
    if isinstance(o, FFI):
        return _reduce_ffi(o)
    if isinstance(o, _Origin):
        return _reduce_origin(o)
    if isinstance(o, _Handle):
        return _reduce_handle(o)
    raise TypeError("cannot pickle '%s' object" % type(o).__name__)
