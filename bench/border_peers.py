# SPDX-License-Identifier: MIT
"""Who is measured at the border between Python and C, and with which statements.

A section is a table: its cases are the rows, its peers the columns. A peer is a
function that gives the names for its statements; it may raise Missing or
ImportError. A case is (id, title, {peer or None: statement}, calls per statement),
None standing for all peers that are not named.
"""

import array
import asyncio
import ctypes
import os

from peers import build
from peers.build import Missing

LOOPED = "looped(4)"


def take(source, wanted, suffix=""):
    """{name: function} of those that `source` has, without the suffix."""
    return {n: getattr(source, n + suffix) for n in wanted if hasattr(source, n + suffix)}


def jiffi_ffi(cdef, **options):
    import jiffi
    ffi = jiffi.FFI(**options)
    ffi.cdef(cdef)
    return ffi


def stock():
    try:
        import cffi
    except ImportError:
        raise Missing("cffi is not installed") from None
    ffi = cffi.FFI()
    ffi.cdef(build.CDEF)
    return ffi, ffi.dlopen(build.callee())


# --- C++ that throws ------------------------------------------------------------

THROWING = ("t_add", "t_half", "t_length")
CATCH = "try:\n    t_add(-1, 2)\nexcept IndexError:\n    pass"
CXX_CASES = [
    ("add", "two ints", {None: "t_add(1000, 2000)"}, 1),
    ("half", "a double", {None: "t_half(1.5)"}, 1),
    ("length", "a string", {None: "t_length(b'hello world')"}, 1),
    # An unmarked function must not throw: it would end the process.
    ("catch", "two ints, it throws and is caught",
     {None: CATCH, "unmarked": None, "unmarked_release": None}, 1),
]


def cxx_jiffi(gil, marked):
    import jiffi
    ffi = jiffi.FFI(gil=gil)
    if marked:
        ffi.cdef(build.CDEF_THROWS, may_throw=True)
    else:
        ffi.cdef(build.CDEF_THROWS)
    return take(ffi.dlopen(build.throws()), THROWING)


CXX_PEERS = [
    ("unmarked", "jiffi, not marked", lambda: cxx_jiffi("hold", False)),
    ("marked", "jiffi, may_throw", lambda: cxx_jiffi("hold", True)),
    ("ext", "extension, try and catch", lambda: take(build.throws_ext(), THROWING)),
    ("nanobind", "nanobind", lambda: take(build.throws_nanobind(), THROWING)),
    ("cython", "Cython, except +", lambda: take(build.throws_cython(), THROWING)),
    ("pybind11", "pybind11", lambda: take(build.throws_pybind11(), THROWING)),
    ("unmarked_release", "jiffi, not marked, released",
     lambda: cxx_jiffi("release", False)),
    ("marked_release", "jiffi, may_throw, released", lambda: cxx_jiffi("release", True)),
    ("ext_nogil", "extension, released",
     lambda: take(build.throws_ext(), THROWING, "_nogil")),
    ("nanobind_nogil", "nanobind, released",
     lambda: take(build.throws_nanobind(), THROWING, "_nogil")),
    ("cython_nogil", "Cython, released",
     lambda: take(build.throws_cython(), THROWING, "_nogil")),
]

# --- the GIL ----------------------------------------------------------------------

GIL_FUNCTIONS = ("nothing", "add", "straight", "looped", "locked")
GIL_CASES = [
    ("nothing", "no arguments (proved)", {None: "nothing()"}, 1),
    ("add", "two ints (proved)", {None: "add(1000, 2000)"}, 1),
    ("looped", "a loop of four turns", {None: LOOPED}, 1),
    ("locked", "takes and gives back a lock", {None: "locked(1000)"}, 1),
]


def gil_jiffi(gil):
    ffi = jiffi_ffi(build.CDEF, gil=gil)
    return take(ffi.dlopen(build.callee()), GIL_FUNCTIONS)


def gil_ctypes(loader):
    lib = loader(build.callee())
    i = ctypes.c_int
    for name, result, arguments in (("nothing", None, []), ("add", i, [i, i]),
                                    ("looped", i, [i]), ("locked", i, [i])):
        f = getattr(lib, name)
        f.restype, f.argtypes = result, arguments
    return take(lib, GIL_FUNCTIONS)


def gil_cffi(api):
    lib = build.cffi_api().lib if api else stock()[1]
    return take(lib, GIL_FUNCTIONS)


GIL_PEERS = [
    ("auto", "jiffi, auto", lambda: gil_jiffi("auto")),
    ("hold", "jiffi, hold", lambda: gil_jiffi("hold")),
    ("release", "jiffi, release", lambda: gil_jiffi("release")),
    ("ext", "extension, kept", lambda: take(build.ext(), GIL_FUNCTIONS)),
    ("ext_nogil", "extension, released",
     lambda: take(build.ext(), GIL_FUNCTIONS, "_nogil")),
    ("cffi_api", "cffi API", lambda: gil_cffi(True)),
    ("cffi_abi", "cffi ABI", lambda: gil_cffi(False)),
    ("ctypes", "ctypes, CDLL", lambda: gil_ctypes(ctypes.CDLL)),
    ("pydll", "ctypes, PyDLL (kept)", lambda: gil_ctypes(ctypes.PyDLL)),
]

# --- checked mode -------------------------------------------------------------------

CHECKED_CASES = [
    ("call", "call, two ints", {None: "add(1000, 2000)"}, 1),
    ("pointer", "call, pointer to struct", {None: "norm1(p)"}, 1),
    ("inside", "call, derived pointer", {None: "first_double(dp, 4)"}, 1),
    ("new", "new struct", {None: "new('struct point *')"}, 1),
    ("field_read", "field read", {None: "p.x"}, 1),
    ("field_write", "field write", {None: "p.x = 7"}, 1),
    ("item_read", "item read", {None: "items[3]"}, 1),
    ("item_write", "item write", {None: "items[3] = 7"}, 1),
    ("plus", "pointer + 1", {None: "dp + 1"}, 1),
    ("loop", "loop over an array, per item", {None: "for x in many:\n    pass"}, 1000),
    ("walk", "items by index, per item",
     {None: "for i in indexes:\n    many[i]"}, 1000),
]


def memory(ffi, lib):
    """What the statements of CHECKED_CASES name."""
    doubles = ffi.new("double[8]")
    names = take(lib, ("add", "norm1", "first_double"))
    names.update(ffi=ffi, new=ffi.new, p=ffi.new("struct point *", [3, -4]),
                 items=ffi.new("int[10]"), many=ffi.new("int[1000]"), doubles=doubles,
                 dp=doubles + 2, indexes=range(1000))
    return names


def checked_jiffi(**options):
    ffi = jiffi_ffi(build.CDEF, gil="hold", **options)
    return memory(ffi, ffi.dlopen(build.callee()))


CHECKED_PEERS = [
    ("off", "jiffi", lambda: checked_jiffi()),
    ("on", "jiffi, checked", lambda: checked_jiffi(checked=True)),
    ("cffi_abi", "cffi ABI", lambda: memory(*stock())),
]

# --- callbacks and error codes ----------------------------------------------------------


class Failed(Exception):
    pass


def python_callback(a, b):
    return a


CALLBACK_CASES = [
    ("call", "per call from C", {None: "call_many(cb, 1000)"}, 1000),
]


def callback_jiffi(gil, **policy):
    ffi = jiffi_ffi(build.CDEF, gil=gil)
    return {"cb": ffi.callback("int(int, int)", python_callback, **policy),
            "call_many": ffi.dlopen(build.callee()).call_many}


def callback_cffi(api):
    if api:
        module = build.cffi_api()
        module.ffi.def_extern("py_callback")(python_callback)
        return {"cb": module.lib.py_callback, "call_many": module.lib.call_many}
    ffi, lib = stock()
    return {"cb": ffi.callback("int(int, int)", python_callback),
            "call_many": lib.call_many}


def callback_ext(suffix):
    return {"cb": python_callback,
            "call_many": getattr(build.ext(), "call_many" + suffix)}


CALLBACK_PEERS = [
    ("raise", "jiffi, raised", lambda: callback_jiffi("release")),
    ("print", "jiffi, printed", lambda: callback_jiffi("release", errors="print")),
    ("raise_hold", "jiffi, raised, GIL kept", lambda: callback_jiffi("hold")),
    ("print_hold", "jiffi, printed, GIL kept",
     lambda: callback_jiffi("hold", errors="print")),
    ("ext", "extension, kept", lambda: callback_ext("")),
    ("ext_nogil", "extension, released", lambda: callback_ext("_nogil")),
    ("cffi_api", "cffi API", lambda: callback_cffi(True)),
    ("cffi_abi", "cffi ABI", lambda: callback_cffi(False)),
]

BY_HAND = "if status(5) < 0:\n    raise OSError(ffi.errno, strerror(ffi.errno))"
CATCH_STATUS = "try:\n    status(-5)\nexcept OSError:\n    pass"
CATCH_BY_HAND = ("try:\n    if status(-5) < 0:\n"
                 "        raise OSError(ffi.errno, strerror(ffi.errno))\n"
                 "except OSError:\n    pass")
CHECK_CASES = [
    ("passes", "it succeeds",
     {None: "status(5)", "hand": BY_HAND, "cffi_api": BY_HAND}, 1),
    ("fails", "it fails, and is caught",
     {None: CATCH_STATUS, "bare": "status(-5)", "hand": CATCH_BY_HAND,
      "cffi_api": CATCH_BY_HAND}, 1),
]


def check_jiffi(checked):
    ffi = jiffi_ffi(build.CDEF, gil="hold")
    status = ffi.dlopen(build.callee()).status
    return {"ffi": ffi, "strerror": os.strerror,
            "status": ffi.check(status, errno="negative") if checked else status}


def check_cffi():
    module = build.cffi_api()
    return {"ffi": module.ffi, "strerror": os.strerror, "status": module.lib.status}


CHECK_PEERS = [
    ("bare", "jiffi, not checked", lambda: check_jiffi(False)),
    ("check", "jiffi, ffi.check", lambda: check_jiffi(True)),
    ("hand", "jiffi, checked in Python", lambda: check_jiffi(False)),
    ("cffi_api", "cffi API, checked in Python", check_cffi),
    ("ext", "extension", lambda: {"status": build.ext().status}),
]

# --- asyncio ------------------------------------------------------------------------------

AIO_CASES = [
    ("turn", "one after the other", {None: "turns(100)"}, 100),
    ("gather", "100 at a time", {None: "gather(100)"}, 100),
]


class Loop:
    """Calls awaited on an event loop of its own; `call()` gives an awaitable."""

    def __init__(self, call):
        self.loop = asyncio.new_event_loop()
        self.call = call

    def names(self):
        return {"turns": self.turns, "gather": self.gather}

    def turns(self, n):
        async def run():
            for _ in range(n):
                await self.call()
        self.loop.run_until_complete(run())

    def gather(self, n):
        async def run():
            await asyncio.gather(*[self.call() for _ in range(n)])
        self.loop.run_until_complete(run())


def aio_jiffi():
    ffi = jiffi_ffi(build.CDEF)
    add = ffi.aio(ffi.dlopen(build.callee()).add)
    return Loop(lambda: add(1000, 2000)).names()


def to_thread(add):
    return Loop(lambda: asyncio.to_thread(add, 1000, 2000)).names()


def aio_thread():
    ffi = jiffi_ffi(build.CDEF)
    return to_thread(ffi.dlopen(build.callee()).add)


AIO_PEERS = [
    ("aio", "ffi.aio", aio_jiffi),
    ("thread", "asyncio.to_thread, jiffi", aio_thread),
    ("cffi_api", "asyncio.to_thread, cffi API",
     lambda: to_thread(build.cffi_api().lib.add)),
]

SECTIONS = [
    # id, title, unit, cases, peers, peers whose figures limits are about, by the wall
    ("cxx", "C++ that may throw", "ns", CXX_CASES, CXX_PEERS,
     ("unmarked", "marked", "nanobind", "marked_release", "nanobind_nogil"), False),
    ("gil", "the GIL", "ns", GIL_CASES, GIL_PEERS, ("auto", "hold", "release"), False),
    ("checked", "checked mode", "ns", CHECKED_CASES, CHECKED_PEERS, (), False),
    ("callback", "a callback, its exceptions", "ns", CALLBACK_CASES, CALLBACK_PEERS,
     ("raise", "print"), False),
    ("check", "an error code as an exception", "ns", CHECK_CASES, CHECK_PEERS, (), False),
    ("aio", "awaiting a call", "us", AIO_CASES, AIO_PEERS, ("aio", "cffi_api"), True),
]
