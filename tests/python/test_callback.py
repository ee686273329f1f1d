# SPDX-License-Identifier: MIT
"""Python functions called from C."""

import ctypes
import gc
import os
import subprocess
import sys
import threading
import weakref

import call_samples
import pytest

import jiffi
from jiffi import FFI


@pytest.fixture(params=["release", "hold"])
def both(request):
    ffi = FFI(gil=request.param)
    ffi.cdef(call_samples.TYPES + call_samples.FUNCTIONS)
    return ffi, ffi.dlopen(call_samples.path())


@pytest.fixture
def gil(request, both):
    return request.node.callspec.params["both"]


@pytest.fixture
def ffi(both):
    return both[0]


@pytest.fixture
def lib(both):
    return both[1]


@pytest.fixture
def unraisable(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)
    return seen


def test_ints(ffi, lib):
    cb = ffi.callback("int(*)(int)", lambda x: x * 2)
    assert lib.call_int(cb, 21) == 42
    assert lib.call_int(cb, -(2**30)) == -(2**31)
    assert cb(4) == 8
    assert lib.call_often(cb, 1000) == 999000


def test_repr_and_type(ffi):
    def f(x):
        return x

    cb = ffi.callback("int(*)(int)", f)
    assert ffi.typeof(cb) is ffi.typeof("int(*)(int)")
    assert repr(cb) == f"<cdata 'int(*)(int)' calling {f!r}>"


def test_decorator(ffi, lib):
    @ffi.callback("int(int, int)")
    def minus(a, b):
        return a - b

    assert lib.apply(minus, 5, 7) == -2


def test_kinds_of_values(ffi, lib):
    seen = []

    def note(result):
        def f(*args):
            seen.append(args)
            return result

        return f

    cb = ffi.callback("void(*)(void)", note(None))
    assert lib.call_void(cb) is None
    cb = ffi.callback("double(*)(double, float)", lambda a, b: a + b)
    assert lib.call_double(cb, 1.5, 0.25) == 1.75
    cb = ffi.callback("char(*)(char, int8_t, uint16_t)", note(b"r"))
    assert lib.call_char(cb, b"c") == b"r"
    cb = ffi.callback("int8_t(*)(void)", note(-5))
    assert lib.call_i8(cb) == -5
    cb = ffi.callback("long double(*)(long double)", lambda v: float(v) * 2)
    assert float(lib.call_ldouble(cb, 1.25)) == 2.5
    assert seen == [(), (b"c", -3, 60000), ()]
    keep = ffi.new("char[]", b"answer")
    cb = ffi.callback("const char *(*)(const char *)", lambda s: keep + len(ffi.string(s)))
    assert ffi.string(lib.call_string(cb, b"ab")) == b"swer"
    cb = ffi.callback(
        "int64_t(*)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, double,"
        " int64_t, int64_t)",
        note(-(2**60)),
    )
    assert lib.call_many(cb) == -(2**60)
    assert seen[-1] == (1, 2, 3, 4, 5, 6, 7, 8.5, 9, 10)


def test_structs(ffi, lib):
    kept = []

    def f(p, n):
        kept.append(p)
        return [p.y + n, p.x + n]

    cb = ffi.callback("point(*)(point, int)", f)
    r = lib.call_point(cb, [1, 2], 10)
    assert (r.x, r.y) == (12, 11)
    assert (kept[0].x, kept[0].y) == (1, 2)  # a copy: C's is gone
    cb = ffi.callback("big(*)(big)", lambda b: {"v": [v * 2 for v in b.v]})
    assert list(lib.call_big(cb, lib.make_big(1)).v) == [2, 4, 6, 8, 10, 12, 14, 16]


def test_exception_is_printed_on_demand(ffi, lib, unraisable):
    """As cffi does it: C gets the error value, the call goes on. (Raised at the call,
    which is usual: test_callback_errors.py.)"""
    def f(x):
        raise ZeroDivisionError("inside")

    cb = ffi.callback("int(*)(int)", f, errors="print")
    assert lib.call_int(cb, 1) == 0
    assert lib.call_int(ffi.callback("int(*)(int)", f, error=-66, errors="print"), 1) == -66
    assert len(unraisable) == 2
    assert unraisable[0].exc_type is ZeroDivisionError
    assert "inside" in str(unraisable[0].exc_value)
    assert unraisable[0].exc_traceback.tb_frame.f_code.co_name == "f" or (
        unraisable[0].exc_traceback.tb_next is None
    )
    assert unraisable[0].err_msg == f"Exception ignored from cffi callback {f!r}"


def test_bad_result(ffi, lib, unraisable):
    def cb(kind, f, error=None):
        return ffi.callback(kind, f, error=error, errors="print")

    assert lib.call_int(cb("int(*)(int)", lambda x: "no", error=3), 1) == 3
    assert lib.call_int(cb("int(*)(int)", lambda x: 2**40, error=4), 1) == 4
    assert lib.call_void(cb("void(*)(void)", lambda: 1)) is None
    assert [u.exc_type for u in unraisable] == [TypeError, OverflowError, TypeError]
    for u in unraisable:
        assert u.err_msg.endswith(", trying to convert the result back to C")


def test_onerror(ffi, lib, unraisable):
    seen = []

    def f(x):
        raise KeyError("k")

    def onerror(kind, value, trace):
        seen.append((kind, value, trace))
        return 55 if len(seen) < 2 else None

    cb = ffi.callback("int(*)(int)", f, error=-1, onerror=onerror)
    assert lib.call_int(cb, 1) == 55
    assert lib.call_int(cb, 1) == -1
    assert unraisable == []
    kind, value, trace = seen[0]
    assert kind is KeyError
    assert value.args == ("k",)
    assert trace.tb_frame.f_code.co_name == "f"

    def worse(*args):
        raise ValueError("worse")

    cb = ffi.callback("int(*)(int)", f, error=-2, onerror=worse, errors="print")
    assert lib.call_int(cb, 1) == -2
    assert [u.exc_type for u in unraisable] == [KeyError, ValueError]
    assert "during handling of the above exception by 'onerror'" in unraisable[1].err_msg


def test_refused(ffi):
    with pytest.raises(TypeError, match="callable"):
        ffi.callback("int(*)(int)", 5)
    with pytest.raises(TypeError, match="onerror"):
        ffi.callback("int(*)(int)", lambda x: x, onerror=5)
    with pytest.raises(TypeError, match="function ctype"):
        ffi.callback("int", lambda x: x)
    with pytest.raises(NotImplementedError):
        ffi.callback("int(*)(int, ...)", lambda x: x)
    with pytest.raises(OverflowError):
        ffi.callback("int8_t(*)(int)", lambda x: x, error=300)
    with pytest.raises(TypeError):
        ffi.callback("int(*)(int)", lambda x: x, error="x")


def test_errno_survives(ffi, lib):
    def f(x):
        assert ffi.errno == x
        ffi.errno = x + 1
        return 0

    cb = ffi.callback("int(*)(int)", f)
    assert lib.call_errno(cb, 40) == 41


def test_foreign_thread(ffi, lib, gil):
    seen = set()

    def f(x):
        seen.add(threading.get_ident())
        return x

    cb = ffi.callback("int(*)(int)", f)
    if gil == "hold":  # the caller waits for a thread that waits for the GIL
        with pytest.raises(jiffi.HeldCallError, match="call_on_thread"):
            lib.call_on_thread(cb, 50)
        assert not seen
        return
    assert lib.call_on_thread(cb, 50) == sum(range(50))
    assert threading.get_ident() not in seen


@pytest.fixture
def releasing():
    ffi = FFI()
    ffi.cdef(call_samples.TYPES + call_samples.FUNCTIONS)
    return ffi, ffi.dlopen(call_samples.path())


def thread_states():
    """How many this interpreter has."""
    api = ctypes.PyDLL(None)
    for name in ("PyInterpreterState_Get", "PyInterpreterState_ThreadHead",
                 "PyThreadState_Next"):
        getattr(api, name).restype = ctypes.c_void_p
    n = 0
    state = api.PyInterpreterState_ThreadHead(
        ctypes.c_void_p(api.PyInterpreterState_Get()))
    while state:
        n += 1
        state = api.PyThreadState_Next(ctypes.c_void_p(state))
    return n


def test_foreign_thread_keeps_its_locals(releasing):
    """As long as it lives, and not longer."""
    ffi, lib = releasing
    local = threading.local()
    seen = []

    class Value:
        pass

    def f(x):
        if not hasattr(local, "value"):
            local.value = Value()
            seen.append(weakref.ref(local.value))
            local.n = 0
        local.n += 1
        return local.n

    cb = ffi.callback("int(*)(int)", f)
    for _ in range(3):
        assert lib.call_on_thread(cb, 10) == sum(range(1, 11))
    assert not hasattr(local, "value")
    lib.call_on_thread(ffi.callback("int(*)(int)", lambda x: x), 1)
    gc.collect()
    assert [r() for r in seen] == [None] * 3


def test_foreign_threads_come_and_go(releasing):
    ffi, lib = releasing
    cb = ffi.callback("int(*)(int)", lambda x: lib.add(x, 1))
    before = thread_states()
    for _ in range(200):
        assert lib.call_on_thread(cb, 3) == 6
    assert thread_states() <= before + 1


def test_foreign_threads_at_once(releasing):
    """Each from a Python thread of its own; what is inside calls C and back."""
    ffi, lib = releasing
    inner = ffi.callback("int(*)(int)", lambda x: lib.add(x, 1))
    cb = ffi.callback("int(*)(int)", lambda x: lib.call_int(inner, x))
    before, sums = thread_states(), []

    def work():
        for _ in range(20):
            sums.append(lib.call_on_thread(cb, 5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sums == [15] * 80
    assert lib.call_on_thread(cb, 1) == 1
    assert thread_states() <= before + 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_foreign_thread_forks(releasing):
    """In the child the thread goes on with its state; the parent's are not there."""
    done = run(f"""
import os, sys, threading, warnings
warnings.simplefilter("ignore")  # from 3.12 on Python warns about every such fork
sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
import call_samples
import jiffi
from jiffi import FFI
ffi = FFI()
ffi.cdef(call_samples.TYPES + call_samples.FUNCTIONS)
lib = ffi.dlopen(call_samples.path())
local = threading.local()
def f(x):
    if x == 0:
        local.n = 40
        pid = os.fork()
        if not pid:
            lib.call_on_thread(inner, 3)
            return 1
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    local.n += 1
    if x == 2 and os.getpid() != parent:
        os._exit(local.n)
    return local.n
parent = os.getpid()
inner = ffi.callback("int(*)(int)", lambda x: x)
lib.call_on_thread(inner, 3)
print(lib.call_on_thread(ffi.callback("int(*)(int)", f), 3))
""")
    assert (done.returncode, done.stdout, done.stderr) == (0, "125\n", "")


def test_nested(ffi, lib):
    def f(n):
        return 1 if n <= 1 else n * lib.call_int(cb, n - 1)

    cb = ffi.callback("int(*)(int)", f)
    assert lib.call_int(cb, 10) == 3628800


def test_calls_between_callbacks(ffi, lib):
    """What a call within a callback leaves behind does not disturb the next one."""
    inner = ffi.callback("int(*)(int)", lambda x: lib.add(x, 1) + len([x]))

    def f(x):
        return lib.call_int(inner, x) + lib.call_often(inner, 3)

    cb = ffi.callback("int(*)(int)", f)
    assert lib.call_often(cb, 50) == sum(x + 2 + 9 for x in range(50))


def test_c_takes_the_gil_itself(ffi, lib):
    ffi.cdef("int PyGILState_Ensure(void); void PyGILState_Release(int);")
    python = ffi.dlopen(None)
    ensure = ffi.addressof(python, "PyGILState_Ensure")
    release = ffi.addressof(python, "PyGILState_Release")
    cb = ffi.callback("int(*)(int)", lambda x: lib.add(x, 1))
    for _ in range(3):
        assert lib.call_held(ensure, release, cb, 5) == 7


def test_threads_take_turns(ffi, lib, gil):
    """Callbacks of several Python threads at once, each with calls inside."""
    def f(x):
        return lib.call_int(same, x)

    same = ffi.callback("int(*)(int)", lambda x: x)
    cb = ffi.callback("int(*)(int)", f)
    sums = []
    threads = [threading.Thread(target=lambda: sums.append(lib.call_often(cb, 2000)))
               for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sums == [sum(range(2000))] * 4


def test_freed_with_the_cdata(ffi):
    class F:
        def __call__(self, x):
            return x

    f = F()
    ref = weakref.ref(f)
    cb = ffi.callback("int(*)(int)", f)
    del f
    gc.collect()
    assert ref() is not None
    del cb
    gc.collect()
    assert ref() is None


def test_cycle_is_collected(ffi):
    class F:
        def __call__(self, x):
            return x

    f = F()
    f.cb = ffi.callback("int(*)(int)", f)
    ref = weakref.ref(f)
    del f
    gc.collect()
    assert ref() is None


def test_dropping_itself_while_running(ffi, lib):
    box = []

    def f(x):
        box.clear()
        gc.collect()
        return x + 1

    box.append(ffi.callback("int(*)(int)", f))
    assert lib.call_int(ffi.cast("int(*)(int)", box[0]), 5) == 6


def test_many(ffi, lib):
    cbs = [ffi.callback("int(*)(int)", lambda x, i=i: x + i) for i in range(3000)]
    assert [lib.call_int(cb, 1) for cb in cbs] == list(range(1, 3001))
    assert len({int(ffi.cast("intptr_t", cb)) for cb in cbs}) == 3000


def test_no_leaks(ffi, lib, unraisable):
    value = 10**6

    def f(x):
        return value

    def bad(x):
        return "bad"

    good = ffi.callback("int(*)(int)", f)
    wrong = ffi.callback("int(*)(int)", bad, errors="print")
    lib.call_int(good, 1)
    before = sys.getrefcount(value), sys.getrefcount(f), sys.getrefcount(bad)
    for _ in range(300):
        lib.call_int(good, 1)
        lib.call_int(wrong, 1)
        unraisable.clear()
    assert (sys.getrefcount(value), sys.getrefcount(f), sys.getrefcount(bad)) == before


def run(script):
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(map(os.path.abspath, sys.path)))
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env)


def test_unraisable_text_for_people():
    script = """
import jiffi
from jiffi import FFI
ffi = FFI()
def boom(x):
    raise ValueError("seen")
cb = ffi.callback("int(*)(int)", boom, errors="print")
cb(1)
"""
    done = run(script)
    assert done.returncode == 0
    assert done.stderr.startswith("Exception ignored from cffi callback <function boom at 0x")
    assert "ValueError: seen" in done.stderr


def test_called_while_python_shuts_down():
    script = """
import atexit, ctypes
import jiffi
from jiffi import FFI
ffi = FFI()
ffi.cdef("int atexit(void (*f)(void));")
cb = ffi.callback("void(*)(void)", lambda: print("late"))
lib = ffi.dlopen(None)
print("start", flush=True)
import builtins
builtins.keep = (cb, lib, ffi)
"""
    done = run(script)
    assert done.returncode == 0
    assert done.stdout == "start\n"
