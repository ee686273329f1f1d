# SPDX-License-Identifier: MIT
"""Callbacks that C calls after they were freed: zeros for C, a named error for Python,
with machine code and with libffi."""

import gc
import os
import subprocess
import sys

import pytest
from life_samples import ffi, lib, run


def plus_one(x):
    return x + 1


@pytest.fixture
def unraisable(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda u: seen.append(u.exc_value))
    return seen


def test_freed():
    cb = ffi.callback("int(int)", plus_one)
    lib.keep(cb)
    assert lib.call_kept(3) == 4
    del cb
    gc.collect()
    with pytest.raises(ReferenceError) as e:
        lib.call_kept(3)
    text = str(e.value)
    assert "int(*)(int) <function plus_one at %s:%d>" % (
        __file__, plus_one.__code__.co_firstlineno) in text
    assert "freed at %s:" % __file__ in text
    assert lib.status(3) == 3  # the next call works
    with pytest.raises(ReferenceError):
        lib.call_kept(3)


def test_other_callables():
    class Thing:
        def method(self, x):
            return x

        def __call__(self, x):
            return x

    for callable_, name in [(Thing().method, "method at "), (Thing(), "<Thing object>"),
                            (abs, "<builtin_function_or_method object>"),
                            (lambda x: x, "<lambda> at ")]:
        lib.keep(ffi.callback("int(int)", callable_))
        with pytest.raises(ReferenceError) as e:
            lib.call_kept(3)
        assert name in str(e.value)


def test_results_are_zeros(unraisable):
    """cffi's flavour prints, so that what C got is seen."""
    _cffi_backend = pytest.importorskip("jiffi.dropin")
    done = subprocess.run([sys.executable, "-c", """if 1:
        import sys
        import jiffi.dropin; jiffi.dropin.install()
        import cffi
        from life_samples import CDEF, path
        ffi = cffi.FFI(); ffi.cdef(CDEF); lib = ffi.dlopen(path)
        seen = []
        sys.unraisablehook = lambda u: seen.append(u.exc_value)
        lib.keep(ffi.callback("int(int)", lambda x: 5))
        lib.keep_big(ffi.callback("big(int)", lambda x: ([1, 2, 3],)))
        lib.keep_double(ffi.callback("double(double)", lambda x: 0.5))
        assert (lib.call_kept(1), lib.call_big(1), lib.call_double(2.0)) == (0, 0, 0.0)
        assert len(seen) == 3 and all(type(e) is ReferenceError for e in seen), seen
        print("fine")
        """], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(
            [os.environ.get("PYTHONPATH", ""), os.path.dirname(__file__)])), timeout=120)
    assert done.stdout == "fine\n", done.stdout
    assert not unraisable


def test_all_kinds_of_results():
    lib.keep_big(ffi.callback("big(int)", lambda x: ([1, 2, 3],)))
    with pytest.raises(ReferenceError, match=r"big\(\*\)\(int\)"):
        lib.call_big(1)
    lib.keep_double(ffi.callback("double(double)", lambda x: 0.5))
    with pytest.raises(ReferenceError, match=r"double\(\*\)\(double\)"):
        lib.call_double(2.0)


def test_from_another_thread(unraisable):
    lib.keep(ffi.callback("int(int)", plus_one))
    assert lib.call_kept_in_thread(5) == 0
    assert [type(e) for e in unraisable] == [ReferenceError]


def test_addresses_come_back_late():
    """A freed address is nobody else's until 1,024 others have been freed."""
    cb = ffi.callback("int(int)", plus_one)
    freed = int(ffi.cast("uintptr_t", cb))
    lib.keep(cb)
    del cb
    for _ in range(1000):
        cb = ffi.callback("int(int)", lambda x: 77)
        assert int(ffi.cast("uintptr_t", cb)) != freed
        del cb
    with pytest.raises(ReferenceError, match="plus_one"):
        lib.call_kept(3)


def test_memory_is_bounded():
    def some(n):
        for _ in range(n):
            ffi.callback("int(int)", plus_one)

    def used():
        with open("/proc/self/statm") as f:
            return int(f.read().split()[1])

    if not os.path.exists("/proc/self/statm"):
        pytest.skip("no /proc")
    some(5000)
    before = used()
    some(20000)
    assert used() - before < 200  # pages


def test_collected_in_a_cycle():
    class Owner:
        def method(self, x):
            return x

    o = Owner()
    o.cb = ffi.callback("int(int)", o.method)
    lib.keep(o.cb)
    del o
    gc.collect()
    with pytest.raises(ReferenceError, match="method"):
        lib.call_kept(1)


def test_freed_while_it_runs():
    holder = []

    def f(x):
        holder.clear()
        gc.collect()
        return x + 10

    holder.append(ffi.callback("int(int)", f))
    lib.keep(holder[0])
    assert lib.call_kept(1) == 11
    with pytest.raises(ReferenceError):
        lib.call_kept(1)


def test_when_python_is_gone():
    out, err = run("""
        import sys
        lib.keep(ffi.callback("int(int)", lambda x: x + 1))
        lib.call_kept_later()
        lib.keep_to_the_end(ffi.callback("int(int)", lambda x: x + 1, lifetime="forever"))
    """)
    assert out.splitlines() in (["exit: 0", "destructor: 0"], ["destructor: 0", "exit: 0"])
    assert err == ""


def test_forever_at_exit():
    out, err = run("""
        import atexit
        def f(x):
            return x + 1
        lib.keep(ffi.callback("int(int)", f, lifetime="forever"))
        atexit.register(lambda: print(lib.call_kept(5), flush=True))
        lib.call_kept_later()
    """)
    assert out.splitlines() == ["6", "exit: 0"] and err == ""


def test_names_are_those_of_before():
    def f(x):
        return x

    lib.keep(ffi.callback("int(int)", f))
    f.__name__ = "g"
    with pytest.raises(ReferenceError, match="function "):
        lib.call_kept(1)
