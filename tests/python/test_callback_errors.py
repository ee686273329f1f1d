# SPDX-License-Identifier: MIT
"""Exceptions in callbacks: raised by the call around them, printed, or given to onerror."""

import atexit
import ctypes
import functools
import gc
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import traceback

import pytest

import jiffi
from jiffi import FFI

SOURCE = r"""
#include <pthread.h>
#include <stdarg.h>
typedef struct { int x, y; } point;
typedef struct { long v[8]; } big;
typedef int fn(int);
static fn *kept;
static int entered;
void keep(fn *f) { kept = f; }
int entries(void) { int n = entered; entered = 0; return n; }
static int go(fn *f, int v) { entered++; return f(v); }
int one(fn *f) { return go(f, 1); }
int two(fn *f, int v) { return go(f, v); }
void nothing(fn *f) { go(f, 1); }
int poke(int v) { return go(kept, v); }
double fpoke(double v) { return go(kept, (int)v) + 0.5; }
float spoke(float v) { return (float)go(kept, (int)v); }
long double lpoke(long double v) { return go(kept, (int)v); }
unsigned char bpoke(unsigned char v) { return (unsigned char)go(kept, v); }
point spoint(int v) { point p = {go(kept, v), v}; return p; }
big sbig(int v) { big b = {{go(kept, v)}}; return b; }
int *ptr(int v) { static int cell; cell = go(kept, v); return &cell; }
int zero(void) { return go(kept, 7); }
int ints(const int *p, int n) { int i, s = 0; for (i = 0; i < n; i++) s += go(kept, p[i]); return s; }
int lone(const int *p) { return go(kept, p[0]); }
int text(const char *s) { return go(kept, s[0]); }
int va(int n, ...) { va_list a; int s = 0; va_start(a, n); while (n--) s += go(kept, va_arg(a, int)); va_end(a); return s; }
long often(fn *f, int n) { long s = 0; int i; for (i = 0; i < n; i++) s += go(f, i); return s; }
long either(fn *f, fn *g, int n) { long s = 0; int i; for (i = 0; i < n; i++) s += f(i) + g(i); return s; }
typedef struct { fn *f; int v, n; } Job;
static void *job(void *p) { Job *j = p; int i, s = 0; for (i = 0; i < j->n; i++) s += j->f(j->v + i); j->v = s; return 0; }
int on_thread(fn *f, int v, int n) { pthread_t t; Job j = {f, v, n}; pthread_create(&t, 0, job, &j); pthread_join(t, 0); return j.v; }
int gil_inside(int (*ensure)(void), void (*release)(int), fn *f, int v)
{ int s = ensure(), r = go(f, v); release(s); return r + go(f, v + 1); }
"""

CDEF = """
typedef struct { int x, y; } point;
typedef struct { long v[8]; } big;
typedef int fn(int);
void keep(fn *f);
int entries(void);
int one(fn *f);
int two(fn *f, int v);
void nothing(fn *f);
int poke(int v);
double fpoke(double v);
float spoke(float v);
long double lpoke(long double v);
unsigned char bpoke(unsigned char v);
point spoint(int v);
big sbig(int v);
int *ptr(int v);
int zero(void);
int ints(const int *p, int n);
int lone(const int *p);
int text(const char *s);
int va(int n, ...);
long often(fn *f, int n);
long either(fn *f, fn *g, int n);
int on_thread(fn *f, int v, int n);
int gil_inside(int (*ensure)(void), void (*release)(int), fn *f, int v);
"""


@functools.lru_cache(maxsize=None)
def directory():
    where = tempfile.mkdtemp(prefix="jiffi-errors-")
    atexit.register(shutil.rmtree, where, True)
    return pathlib.Path(where)


@functools.lru_cache(maxsize=None)
def library():
    source, out = directory() / "errors.c", directory() / "errors.so"
    source.write_text(SOURCE)
    subprocess.run([shutil.which("cc") or "gcc", "-shared", "-fPIC", "-O1", "-pthread",
                    str(source), "-o", str(out)], check=True)
    return str(out)


@functools.lru_cache(maxsize=None)
def compiled(gil):
    """The same functions in a module that was made with a compiler."""
    ffi = FFI(gil=gil)
    ffi.cdef(CDEF + 'extern "Python" int hook(int);')
    name = "errors_" + gil
    ffi.set_source(name, SOURCE, libraries=["pthread"])
    ffi.compile(str(directory()))
    sys.path.insert(0, str(directory()))
    try:
        return __import__(name)
    finally:
        sys.path.remove(str(directory()))


class Boom(Exception):
    pass


def boom(x):
    raise Boom(x)


@pytest.fixture(params=["release", "hold", "compiled release", "compiled hold"])
def world(request):
    gil = request.param.split()[-1]
    if request.param.startswith("compiled"):
        module = compiled(gil)
        return module.ffi, module.lib
    ffi = FFI(gil=gil)
    ffi.cdef(CDEF)
    return ffi, ffi.dlopen(library())


@pytest.fixture
def plain():
    ffi = FFI(gil="release")
    ffi.cdef(CDEF)
    return ffi, ffi.dlopen(library())


@pytest.fixture
def unraisable(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)
    return seen


# --- every way into C ---------------------------------------------------------------------

# What is called, how often C calls back by itself in it.
PATHS = {
    "one pointer": lambda ffi, lib, cb: lib.one(cb),
    "no result": lambda ffi, lib, cb: lib.nothing(cb),
    "two": lambda ffi, lib, cb: lib.two(cb, 5),
    "none": lambda ffi, lib, cb: lib.zero(),
    "int": lambda ffi, lib, cb: lib.poke(3),
    "double": lambda ffi, lib, cb: lib.fpoke(3.0),
    "float": lambda ffi, lib, cb: lib.spoke(3.0),
    "long double": lambda ffi, lib, cb: lib.lpoke(3),
    "unsigned char": lambda ffi, lib, cb: lib.bpoke(3),
    "struct": lambda ffi, lib, cb: lib.spoint(3),
    "struct in memory": lambda ffi, lib, cb: lib.sbig(3),
    "pointer": lambda ffi, lib, cb: lib.ptr(3),
    "temporaries": lambda ffi, lib, cb: lib.ints([1, 2, 3], 3),
    "lone temporary": lambda ffi, lib, cb: lib.lone([1, 2, 3]),
    "bytes": lambda ffi, lib, cb: lib.text(b"abc"),
    "sized": lambda ffi, lib, cb: ffi.sized(lib.ints, n="p")([1, 2, 3]),
    "variadic": lambda ffi, lib, cb: lib.va(2, 3, 4),
    "function pointer": lambda ffi, lib, cb: ffi.addressof(lib, "poke")(3),
    "plain pointer": lambda ffi, lib, cb: ffi.cast("fn *", ffi.addressof(lib, "poke"))(3),
    "the callback itself": lambda ffi, lib, cb: cb(3),
    "often": lambda ffi, lib, cb: lib.often(cb, 20),
    "fused": lambda ffi, lib, cb: fused(ffi, lib)(3),
    "map": lambda ffi, lib, cb: ffi.map(lib.poke, ffi.new("int[20]")),
    "GIL taken by C": lambda ffi, lib, cb: lib.gil_inside(*gil_functions(), cb, 3),
}


def fused(ffi, lib):
    if not hasattr(ffi, "fuse"):
        pytest.skip("no fuse")

    @ffi.fuse("int(int)")
    def f(x):
        return lib.poke(x) + lib.poke(x)

    return f


@functools.lru_cache(maxsize=None)
def gil_functions():
    ffi = FFI()
    ffi.cdef("int PyGILState_Ensure(void); void PyGILState_Release(int);")
    python = ffi.dlopen(None)
    return (ffi.addressof(python, "PyGILState_Ensure"),
            ffi.addressof(python, "PyGILState_Release"))


def good(ffi, lib, path):
    """The next call is as if nothing had been."""
    cb = ffi.callback("int(int)", lambda x: x + 1)
    lib.keep(cb)
    PATHS[path](ffi, lib, cb)
    assert lib.two(cb, 41) == 42


@pytest.mark.parametrize("path", PATHS)
def test_raised_at_the_call(world, unraisable, path):
    ffi, lib = world
    cb = ffi.callback("int(int)", boom, error=-1)
    lib.keep(cb)
    for _ in range(3):
        with pytest.raises(Boom) as caught:
            PATHS[path](ffi, lib, cb)
        names = [f.name for f in traceback.extract_tb(caught.value.__traceback__)]
        assert names[-1] == "boom"
        assert "<lambda>" in names[:-1]
        assert names.count("boom") == 1
        if sys.version_info >= (3, 11):
            assert any("in callback boom()" in n for n in caught.value.__notes__)
    lib.entries()
    assert unraisable == []
    good(ffi, lib, path)


@pytest.mark.parametrize("path", PATHS)
def test_printed_on_demand(world, unraisable, path):
    ffi, lib = world
    cb = ffi.callback("int(int)", boom, error=0, errors="print")
    lib.keep(cb)
    lib.entries()
    PATHS[path](ffi, lib, cb)
    n = lib.entries() or 1
    assert [u.exc_type for u in unraisable] == [Boom] * n
    good(ffi, lib, path)


def test_ufunc(world, unraisable):
    np = pytest.importorskip("numpy")
    ffi, lib = world
    f = ffi.ufunc(lib.poke)
    bad = ffi.callback("int(int)", lambda x: x if x < 5 else boom(x), error=-1)
    fine = ffi.callback("int(int)", lambda x: x + 1)
    calls = [np.arange(10, dtype="i4"), np.arange(30000, dtype="i4"),
             np.arange(100, dtype="i2"), np.arange(400, dtype="i4").reshape(20, 20)[:, ::2],
             np.arange(20000, dtype="i4").astype(">i4")]
    for x in calls:
        lib.keep(bad)
        with pytest.raises(Boom):
            f(x)
        lib.keep(fine)
        assert (f(x) == x + 1).all()
    assert unraisable == []


def test_map_says_where(plain):
    ffi, lib = plain
    cb = ffi.callback("int(int)", lambda x: x if x < 500 else boom(x))
    lib.keep(cb)
    items = ffi.new("int[]", list(range(100000)))
    lib.entries()
    with pytest.raises(Boom) as caught:
        ffi.map(lib.poke, items)
    assert caught.value.args == (500,)  # the first, not a later one
    assert lib.entries() < 50000  # it did not go on to the end
    if sys.version_info >= (3, 11):
        assert any("poke() was at one of items" in n for n in caught.value.__notes__)


def test_batch(plain):
    ffi, lib = plain
    bad = ffi.callback("int(int)", boom)
    fine = ffi.callback("int(int)", lambda x: x)
    lib.keep(fine)
    with ffi.batch() as batch:
        x = batch(lib.poke, 1)
        y = batch(lib.poke, x) + 1
    assert (x.value, y.value) == (1, 2)
    lib.keep(bad)
    for _ in range(2):
        with pytest.raises(Boom):
            batch.run()
    lib.keep(fine)
    batch.run()
    assert (x.value, y.value) == (1, 2)


def test_extern_python(unraisable):
    for gil in ("release", "hold"):
        module = compiled(gil)
        module.ffi.def_extern("hook", error=-1)(boom)
        hook = module.ffi.addressof(module.lib, "hook")
        for call in (lambda: module.lib.hook(1), lambda: module.lib.often(hook, 9),
                     lambda: module.lib.one(hook)):
            with pytest.raises(Boom):
                call()
        module.ffi.def_extern("hook", error=-1, errors="print")(boom)
        assert module.lib.often(hook, 9) == -9
        assert len(unraisable) == 9
        del unraisable[:]


# --- what C sees, who runs ---------------------------------------------------------------


def test_later_callbacks_return_at_once(world):
    ffi, lib = world
    ran = []

    def f(x):
        ran.append(x)
        if x == 3:
            raise Boom(x)
        return x

    seen = []
    cb = ffi.callback("int(int)", f, error=-100)
    watch = ffi.callback("int(int)", lambda x: seen.append(x) or 0, errors="print")
    with pytest.raises(Boom):
        lib.either(cb, watch, 10)
    assert ran == [0, 1, 2, 3]
    assert seen == list(range(10))  # C went on: nothing else could be done
    ran.clear()
    lib.entries()
    with pytest.raises(Boom):
        lib.often(cb, 1000)
    assert lib.entries() == 1000
    assert ran == [0, 1, 2, 3]


def test_continue_runs_on(world, unraisable):
    """The first is raised, later ones go to the hook, each with its callback's name."""
    ffi, lib = world
    ran = []

    def f(x):
        ran.append(x)
        assert lib.two(fine, 4) == 5  # nothing is pending while Python runs
        raise Boom(x)

    fine = ffi.callback("int(int)", lambda x: x + 1)
    cb = ffi.callback("int(int)", f, errors="continue")
    with pytest.raises(Boom) as caught:
        lib.often(cb, 4)
    assert caught.value.args == (0,)
    assert ran == [0, 1, 2, 3]
    assert [u.exc_value.args for u in unraisable] == [(1,), (2,), (3,)]
    assert "callback test_continue_runs_on.<locals>.f()" in unraisable[0].err_msg
    assert lib.two(fine, 1) == 2


def test_choice_per_ffi(unraisable):
    ffi = FFI(callback_errors="print", gil="release")
    ffi.cdef(CDEF)
    lib = ffi.dlopen(library())
    assert lib.one(ffi.callback("int(int)", boom, error=-3)) == -3
    assert [u.exc_type for u in unraisable] == [Boom]
    with pytest.raises(Boom):
        lib.one(ffi.callback("int(int)", boom, errors="raise"))

    @ffi.callback("int(int)", error=-4)
    def decorated(x):
        raise Boom(x)

    @ffi.callback("int(int)", errors="raise")
    def raising(x):
        raise Boom(x)

    assert lib.one(decorated) == -4
    with pytest.raises(Boom):
        lib.one(raising)


BAD = [
    (lambda ffi: FFI(callback_errors="no"), ValueError,
     "callback_errors must be 'raise' or 'print', not 'no'"),
    (lambda ffi: FFI(callback_errors="continue"), ValueError, "callback_errors must be"),
    (lambda ffi: FFI(callback_errors=1), ValueError, "callback_errors must be"),
    (lambda ffi: ffi.callback("int(int)", boom, errors="no"), ValueError,
     "errors must be 'raise', 'print', 'continue' or 'throw', not 'no'"),
    (lambda ffi: ffi.callback("int(int)", errors="no"), ValueError, "errors must be"),
    (lambda ffi: ffi.callback("int(int)", boom, errors=True), ValueError, "errors must be"),
]


@pytest.mark.parametrize("how, kind, text", BAD)
def test_bad_choices(plain, how, kind, text):
    with pytest.raises(kind, match=text):
        how(plain[0])


def test_a_module_keeps_the_choice(unraisable):
    ffi = FFI(callback_errors="print")
    ffi.cdef("typedef int fn(int); int one(fn *f);")
    ffi.set_source("errors_print_c", "typedef int fn(int); static int one(fn *f) { return f(1); }")
    ffi.compile(str(directory()))
    other = FFI(callback_errors="print")
    other.cdef("typedef int fn(int); int one(fn *f);")
    other.set_source("errors_print_py", None)
    other.compile(str(directory()))
    sys.path.insert(0, str(directory()))
    try:
        import errors_print_c
        import errors_print_py
    finally:
        sys.path.remove(str(directory()))
    lib = errors_print_py.ffi.dlopen(library())
    for ffi, one in ((errors_print_c.ffi, errors_print_c.lib.one),
                     (errors_print_py.ffi, lib.one)):
        assert one(ffi.callback("int(int)", boom, error=-3)) == -3
    assert len(unraisable) == 2


def test_pickled_with_the_choice():
    import pickle

    text = "int errors_of_pickles(int);"
    ffi = FFI(callback_errors="print")
    ffi.cdef(text)
    same = pickle.loads(pickle.dumps(ffi))
    assert same is ffi
    raising = FFI()
    raising.cdef(text)
    data = pickle.dumps(ffi)
    del ffi, same
    gc.collect()
    again = pickle.loads(data)
    assert again is not raising
    seen = []
    hook, sys.unraisablehook = sys.unraisablehook, seen.append
    try:
        again.callback("int(int)", boom)(1)
    finally:
        sys.unraisablehook = hook
    assert len(seen) == 1


# --- onerror -------------------------------------------------------------------------------


def test_onerror_decides(world, unraisable):
    ffi, lib = world
    seen = []
    cb = ffi.callback("int(int)", boom, error=-1,
                      onerror=lambda *args: seen.append(args) or 77)
    assert lib.often(cb, 3) == 3 * 77
    assert [(k, v.args) for k, v, _ in seen] == [(Boom, (0,)), (Boom, (1,)), (Boom, (2,))]
    assert all(t.tb_frame.f_code.co_name == "boom" for _, _, t in seen)
    cb = ffi.callback("int(int)", boom, error=-1, onerror=lambda *args: None)
    assert lib.often(cb, 3) == -3
    assert unraisable == []


def test_onerror_raises(world, unraisable):
    ffi, lib = world

    def worse(kind, value, trace):
        raise ValueError("worse")

    def same(kind, value, trace):
        raise value

    def chained(kind, value, trace):
        raise KeyError("chained") from value

    cb = ffi.callback("int(int)", boom, onerror=worse)
    with pytest.raises(ValueError, match="worse") as caught:
        lib.one(cb)
    assert isinstance(caught.value.__context__, Boom)
    assert caught.value.__context__.__traceback__.tb_frame.f_code.co_name == "boom"
    with pytest.raises(Boom) as caught:
        lib.one(ffi.callback("int(int)", boom, onerror=same))
    assert caught.value.__context__ is None
    with pytest.raises(KeyError) as caught:
        lib.one(ffi.callback("int(int)", boom, onerror=chained))
    assert isinstance(caught.value.__cause__, Boom)
    with pytest.raises(TypeError) as caught:  # what onerror returns is wrong
        lib.one(ffi.callback("int(int)", boom, onerror=lambda *args: "text"))
    assert isinstance(caught.value.__context__, Boom)
    assert unraisable == []


# --- wrong results ---------------------------------------------------------------------------


def test_wrong_results(world):
    ffi, lib = world
    for value, kind in (("text", TypeError), (2**40, OverflowError), (None, TypeError)):
        with pytest.raises(kind) as caught:
            lib.one(ffi.callback("int(int)", lambda x, v=value: v))
        if sys.version_info >= (3, 11):
            assert "trying to convert the result back to C" in caught.value.__notes__[0]


# --- nested ----------------------------------------------------------------------------------


def test_nested(world, unraisable):
    """Of two calls within each other the inner one raises; Python may stop it there."""
    ffi, lib = world
    bad = ffi.callback("int(int)", boom)

    def stops(x):
        try:
            lib.one(bad)
        except Boom:
            return 10
        return 0

    def passes(x):
        return lib.one(bad)

    assert lib.often(ffi.callback("int(int)", stops), 5) == 50
    with pytest.raises(Boom) as caught:
        lib.often(ffi.callback("int(int)", passes), 5)
    names = [f.name for f in traceback.extract_tb(caught.value.__traceback__)]
    assert names[-2:] == ["passes", "boom"]

    def deep(n):
        return lib.two(again, n - 1) if n else boom(n)

    again = ffi.callback("int(int)", deep)
    with pytest.raises(Boom):
        lib.two(again, 20)
    assert unraisable == []


def test_finalizers_run_before_it_waits(world, unraisable):
    """Objects that go at the callback's end may call C: that call is not to blame."""
    ffi, lib = world
    fine = ffi.callback("int(int)", lambda x: x + 1)
    got = []

    class Last:
        def __del__(self):
            got.append(lib.two(fine, 1))

    def f(x):
        last = [Last()]
        last.append(last[0])
        raise Boom(x)

    def make():
        inner = Last()

        def g(x):
            inner  # goes with the callback, while it runs
            box.clear()
            raise Boom(x)

        return g

    box = []
    cb = ffi.callback("int(int)", f)
    with pytest.raises(Boom) as caught:
        lib.one(cb)
    del caught
    box.append(ffi.callback("int(int)", make()))
    with pytest.raises(Boom):
        lib.one(ffi.cast("fn *", box[0]))
    gc.collect()
    assert got == [2, 2]
    assert unraisable == []


# --- nobody to raise it ---------------------------------------------------------------------------


def test_threads_of_c(plain, unraisable):
    ffi, lib = plain
    cb = ffi.callback("int(int)", boom, error=-1)
    assert lib.on_thread(cb, 0, 3) == -3  # no call of ours is around it on that thread
    assert [u.exc_value.args for u in unraisable] == [(0,), (1,), (2,)]
    assert "Exception ignored in callback boom() of type 'int(*)(int)'" == unraisable[0].err_msg


def test_calls_on_threads_of_c(plain, unraisable):
    """A call made by Python on such a thread is around its callbacks."""
    ffi, lib = plain
    bad = ffi.callback("int(int)", boom)
    got = []

    def f(x):
        try:
            lib.one(bad)
        except Boom as e:
            got.append(e.args)
        if x == 2:
            raise KeyError(x)
        return x

    cb = ffi.callback("int(int)", f, error=-5)
    assert lib.on_thread(cb, 0, 5) == 0 + 1 - 5 + 3 + 4
    assert got == [(1,)] * 5
    assert [u.exc_type for u in unraisable] == [KeyError]


@pytest.mark.parametrize("loader", ["CDLL", "PyDLL"])
def test_called_by_ctypes(plain, unraisable, loader):
    ffi, lib = plain
    cb = ffi.callback("int(int)", boom, error=-9)
    address = int(ffi.cast("intptr_t", cb))
    other = getattr(ctypes, loader)(library())

    def within(x):
        return other.two(ctypes.c_void_p(address), 4)

    assert other.two(ctypes.c_void_p(address), 4) == -9
    assert [u.exc_type for u in unraisable] == [Boom]
    assert lib.one(ffi.callback("int(int)", within)) == -9
    ffi2 = FFI(gil="hold")
    ffi2.cdef(CDEF)
    assert ffi2.dlopen(library()).one(ffi.callback("int(int)", within)) == -9
    assert [u.exc_type for u in unraisable] == [Boom] * 3


def test_destructors(plain, unraisable):
    """A destructor is a call as any other; nobody can catch what it raises."""
    ffi, lib = plain
    bad = ffi.callback("int(int)", boom)
    fine = ffi.callback("int(int)", lambda x: x)
    lib.keep(bad)
    p = ffi.gc(ffi.new("int *", 3), lib.lone)
    del p
    gc.collect()
    assert [u.exc_type for u in unraisable] == [Boom]
    lib.keep(fine)
    assert lib.poke(4) == 4


def test_threads_do_not_mix(world, unraisable):
    ffi, lib = world

    def f(x):
        if x % 7 == 6:
            raise Boom(threading.get_ident())
        return x

    cb = ffi.callback("int(int)", f)
    wrong = []

    def work():
        for _ in range(200):
            try:
                lib.often(cb, 20)
                wrong.append("nothing")
            except Boom as e:
                if e.args != (threading.get_ident(),):
                    wrong.append(e)
            if lib.often(cb, 6) != 15:
                wrong.append("sum")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []
    assert unraisable == []


# --- every kind of exception ------------------------------------------------------------------


def recurse(x):
    return recurse(x) + 1


def raiser(e):
    def f(x):
        raise e

    return f


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError,
                                  StopIteration, RecursionError])
def test_kinds(world, kind):
    ffi, lib = world
    for f in (raiser(kind), raiser(kind("text"))):
        with pytest.raises(kind):
            lib.often(ffi.callback("int(int)", f), 3)
    if kind is RecursionError:
        with pytest.raises(kind):
            lib.one(ffi.callback("int(int)", recurse))


def test_the_same_object_again_and_again(world):
    """Notes do not pile up on an exception that is raised twice."""
    ffi, lib = world
    e = Boom("same")
    cb = ffi.callback("int(int)", raiser(e))
    for _ in range(5):
        with pytest.raises(Boom) as caught:
            lib.one(cb)
        assert caught.value is e
    assert len(getattr(e, "__notes__", [0])) == 1


# --- nothing is left behind ---------------------------------------------------------------------


def test_no_leaks(world):
    ffi, lib = world
    cb = ffi.callback("int(int)", boom)
    lib.keep(cb)
    with pytest.raises(Boom):
        lib.ints([1, 2, 3], 3)

    def some(n):
        for _ in range(n):
            for call in (lambda: lib.often(cb, 3), lambda: lib.ints([1, 2], 2),
                         lambda: lib.sbig(1)):
                try:
                    call()
                except Boom:
                    pass

    some(50)
    gc.collect()
    before = sys.getallocatedblocks()
    some(2000)
    gc.collect()
    assert sys.getallocatedblocks() - before < 200


def test_the_exception_is_let_go(world):
    import weakref

    class Value(Exception):
        pass

    ffi, lib = world
    seen = []

    def f(x):
        e = Value()
        seen.append(weakref.ref(e))
        raise e

    with pytest.raises(Value) as caught:
        lib.one(ffi.callback("int(int)", f))
    del caught
    gc.collect()
    assert seen[0]() is None
