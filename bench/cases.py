# SPDX-License-Identifier: MIT
"""What is measured, and each peer's way to do it.

A peer is a dict of names for the statements of CASES; `lib` is what stands left
of the dot, `own` holds the statements that this peer has to write differently.
A case whose names a peer lacks is left out for that peer.
"""

import array
import ctypes
import re
import types

from peers import build
from peers.build import Missing

FUNCTIONS = ("nothing", "add", "fma3", "slen", "sum10", "norm1", "pair_sum",
             "first_byte", "first_double", "call_many")
TEN = ", ".join(str(1000 * i) for i in range(1, 11))

# id, title, statement, calls per statement
CALLS = [
    ("noarg", "no arguments", "nothing()"),
    ("add", "two ints", "add(1000, 2000)"),
    ("fma3", "three doubles", "fma3(1.5, 2.5, 3.5)"),
    ("slen", "a string", "slen(b'hello world')"),
    ("sum10", "ten ints", "sum10(%s)" % TEN),
    ("norm1", "pointer to struct", "norm1(p)"),
    ("pair_sum", "struct by value", "pair_sum(s)"),
]
CASES = (
    [(i, t, s, 1) for i, t, s in CALLS]
    + [("lib." + i, t + ", lib.f(...)", "lib." + s, 1) for i, t, s in CALLS]
    + [
        ("pointer", "cdata pointer", "first_double(dp, 4)", 1),
        ("bytearray", "bytearray to pointer", "first_byte(ba, 8)", 1),
        ("array", "array.array to pointer", "first_double(ar, 4)", 1),
        ("numpy", "NumPy array to pointer", "first_double(nd, 4)", 1),
        ("new_struct", "new struct", "new('struct point *')", 1),
        ("new_array", "new int[10]", "new('int[10]')", 1),
        ("field_read", "field read", "p.x", 1),
        ("field_write", "field write", "p.x = 7", 1),
        ("item_read", "item read", "items[3]", 1),
        ("item_write", "item write", "items[3] = 7", 1),
        ("callback", "callback, per call from C", "call_many(cb, 1000)", 1000),
    ])


def numpy_array():
    try:
        import numpy
    except ImportError:
        return None
    return numpy.arange(8, dtype=float)


def python_callback(a, b):
    return a


def common():
    names = {"ba": bytearray(range(16)), "ar": array.array("d", range(8)),
             "own": {}, "cb": python_callback}
    nd = numpy_array()
    if nd is not None:
        names["nd"] = nd
    return names


def functions(names, lib, suffix=""):
    """Take the callees from `lib`, those with `suffix` where there are such."""
    if suffix:
        module = types.ModuleType("nogil")
        for f in FUNCTIONS:
            if hasattr(lib, f + suffix):
                setattr(module, f, getattr(lib, f + suffix))
        lib = module
    names["lib"] = lib
    for f in FUNCTIONS:
        if hasattr(lib, f):
            names[f] = getattr(lib, f)
    return names


def pointer(ffi):
    """A double * and what owns its memory."""
    owner = ffi.new("double[8]")
    return {"dp": owner + 0, "owner": owner}


# --- the peers --------------------------------------------------------------


def peer_jiffi(gil):
    import jiffi
    ffi = jiffi.FFI(gil=gil)
    ffi.cdef(build.CDEF)
    names = functions(common(), ffi.dlopen(build.callee()))
    names.update(ffi=ffi, new=ffi.new, p=ffi.new("struct point *", [3, -4]),
                 s=ffi.new("struct pair *", [1.5, 2.5])[0], items=ffi.new("int[10]"),
                 cb=ffi.callback("int(int, int)", python_callback), **pointer(ffi))
    return names


def cffi_names(names, ffi):
    names.update(ffi=ffi, new=ffi.new, from_buffer=ffi.from_buffer,
                 p=ffi.new("struct point *", [3, -4]),
                 s=ffi.new("struct pair *", [1.5, 2.5])[0], items=ffi.new("int[10]"),
                 **pointer(ffi))
    names["own"] = {
        "bytearray": "first_byte(from_buffer('unsigned char[]', ba), 8)",
        "array": "first_double(from_buffer('double[]', ar), 4)",
        "numpy": "first_double(from_buffer('double[]', nd), 4)",
    }
    return names


def peer_jiffi_api(gil):
    module = build.jiffi_api(gil)
    ffi = module.ffi
    names = functions(common(), module.lib)
    names.update(ffi=ffi, new=ffi.new, p=ffi.new("struct point *", [3, -4]),
                 s=ffi.new("struct pair *", [1.5, 2.5])[0], items=ffi.new("int[10]"),
                 **pointer(ffi))
    ffi.def_extern("py_callback")(python_callback)
    names["cb"] = module.lib.py_callback
    return names


def peer_cffi_api():
    module = build.cffi_api()
    names = cffi_names(functions(common(), module.lib), module.ffi)
    module.ffi.def_extern("py_callback")(python_callback)
    names["cb"] = module.lib.py_callback
    return names


def peer_cffi_abi():
    try:
        import cffi
    except ImportError:
        raise Missing("cffi is not installed") from None
    ffi = cffi.FFI()
    ffi.cdef(build.CDEF)
    names = cffi_names(functions(common(), ffi.dlopen(build.callee())), ffi)
    names["cb"] = ffi.callback("int(int, int)", python_callback)
    return names


def peer_ctypes():
    class Point(ctypes.Structure):
        _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_int)]

    class Pair(ctypes.Structure):
        _fields_ = [("a", ctypes.c_double), ("b", ctypes.c_double)]

    i, d = ctypes.c_int, ctypes.c_double
    kind = ctypes.CFUNCTYPE(i, i, i)
    lib = ctypes.CDLL(build.callee())
    for name, result, arguments in (
            ("nothing", None, []), ("add", i, [i, i]), ("fma3", d, [d, d, d]),
            ("slen", ctypes.c_size_t, [ctypes.c_char_p]), ("sum10", i, [i] * 10),
            ("norm1", i, [ctypes.POINTER(Point)]), ("pair_sum", d, [Pair]),
            ("first_byte", i, [ctypes.POINTER(ctypes.c_ubyte), i]),
            ("first_double", d, [ctypes.POINTER(d), i]), ("call_many", i, [kind, i])):
        f = getattr(lib, name)
        f.restype, f.argtypes = result, arguments
    names = functions(common(), lib)
    names.update(Point=Point, IntArray=i * 10, p=Point(3, -4), s=Pair(1.5, 2.5),
                 items=(i * 10)(), Bytes=ctypes.c_ubyte * 16, Doubles=d * 8,
                 dp=ctypes.cast((d * 8)(), ctypes.POINTER(d)), cb=kind(python_callback))
    names["own"] = {
        "bytearray": "first_byte(Bytes.from_buffer(ba), 8)",
        "array": "first_double(Doubles.from_buffer(ar), 4)",
        "numpy": "first_ndpointer(nd, 4)",
        "new_struct": "Point()", "new_array": "IntArray()",
    }
    if "nd" in names:
        from numpy.ctypeslib import ndpointer
        f = ctypes.CDLL(build.callee()).first_double
        f.restype, f.argtypes = d, [ndpointer(float, ndim=1, flags="C"), i]
        names["first_ndpointer"] = f
    return names


def module_peer(module, suffix=""):
    names = functions(common(), module, suffix)
    names.update(Point=module.Point, p=module.Point(3, -4), s=module.Pair(1.5, 2.5))
    names["own"] = {"new_struct": "Point()", "new_array": ""}
    if suffix:
        names["own"].update(new_struct="", field_read="", field_write="")
    return names


PEERS = [
    # name, what it is, how to get it
    ("jiffi_auto", "jiffi, as it comes", lambda: peer_jiffi("auto")),
    ("jiffi", "jiffi, GIL kept", lambda: peer_jiffi("hold")),
    ("jiffi_release", "jiffi, GIL released", lambda: peer_jiffi("release")),
    ("jiffi_api", "jiffi, compiled, GIL kept", lambda: peer_jiffi_api("hold")),
    ("jiffi_api_release", "jiffi, compiled, GIL released",
     lambda: peer_jiffi_api("release")),
    ("ext", "hand-written extension", lambda: module_peer(build.ext())),
    ("ext_nogil", "the same, GIL released", lambda: module_peer(build.ext(), "_nogil")),
    ("cffi_api", "cffi, API mode", peer_cffi_api),
    ("cffi_abi", "cffi, ABI mode", peer_cffi_abi),
    ("ctypes", "ctypes", peer_ctypes),
    ("cython", "Cython", lambda: module_peer(build.cython())),
    ("nanobind", "nanobind", lambda: module_peer(build.nanobind())),
    ("pybind11", "pybind11", lambda: module_peer(build.pybind11())),
]


def collect(wanted=None):
    """({name: names}, {name: why missing})"""
    there, missing = {}, {}
    for name, title, make in PEERS:
        if wanted and name not in wanted:
            continue
        try:
            there[name] = make()
        except (Missing, ImportError) as e:
            missing[name] = "%s: %s" % (title, e)
    return there, missing


NAME = re.compile(r"(?<![.\w'])[A-Za-z_]\w*")
STRING = re.compile(r"b?'[^']*'")


def statement(case, names):
    """The peer's statement for a case, or None when it has no way to do it."""
    ident, _, default, _ = case
    text = names["own"].get(ident, default)
    if not text:
        return None
    used = set(NAME.findall(STRING.sub("''", text)))
    if not used <= set(names):
        return None
    if "lib" in used and not hasattr(names["lib"], text.split(".")[1].split("(")[0]):
        return None
    return text


