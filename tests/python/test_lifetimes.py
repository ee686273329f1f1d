# SPDX-License-Identifier: MIT
"""How long callbacks and libraries live: lifetime=, callbacks of one call, finalisers
before their library closes."""

import copy
import gc
import pickle
import threading
import weakref

import pytest
from jiffi import FFI
from life_samples import CDEF, ffi, lib, path, run


def opened():
    own = FFI()
    own.cdef(CDEF)
    return own, own.dlopen(path)


class Owner:
    def __init__(self, n=1):
        self.n = n

    def method(self, x):
        return x + self.n


# --- callbacks of one call -------------------------------------------------------------


def test_for_one_call():
    assert lib.call(lambda x: x * 2, 4) == 8
    assert lib.call(Owner(3).method, 4) == 7
    assert lib.call(abs, -4) == 4
    assert lib.call(lib.status, 6) == 6  # C's own
    assert lib.call_twice(lambda x: x, lambda x: x + 1, 3) == 304

    def f(x):
        return lib.call(f, x - 1) + 1 if x else 0

    assert lib.call(f, 5) == 5  # within itself
    assert lib.call_twice(f, f, 2) == 202
    for bad in (3, "f", None, object()):
        if bad is not None:
            with pytest.raises(TypeError):
                lib.call(bad, 1)


def test_for_one_call_it_may_fail():
    def f(x):
        raise KeyError(x)

    for _ in range(3):
        with pytest.raises(KeyError):
            lib.call(f, 1)
    with pytest.raises(TypeError):
        lib.call(lambda: 0, 1)
    assert lib.call(lambda x: x, 1) == 1


def test_it_is_kept_for_the_next_call():
    def f(x):
        return 0

    lib.keep(f)  # C's copy of the address
    for _ in range(50):
        assert lib.call(f, 1) == 0
    assert lib.call_twice(f, lambda x: lib.call_kept(x), 1) == 0  # the same address
    alive = weakref.ref(f)
    del f
    gc.collect()
    assert alive() is None  # nothing holds it


def test_when_c_keeps_it():
    def compare(x):
        return 42

    lib.keep(compare)
    with pytest.raises(ReferenceError, match="one call only.*compare.*ffi.callback"):
        lib.call_kept(1)
    for k in range(40):  # never another function, whatever comes after
        assert lib.call(lambda x, k=k: k, 1) == k
    with pytest.raises(ReferenceError, match="compare"):
        lib.call_kept(1)


def test_for_one_call_from_threads():
    bad = []

    def f(x):
        return x + 1

    def work():
        for k in range(300):
            if lib.call(f, k) != k + 1:
                bad.append(k)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not bad


# --- lifetime= ---------------------------------------------------------------------------


def test_forever():
    lib.keep(ffi.callback("int(int)", lambda x: x + 5, lifetime="forever"))
    gc.collect()
    assert lib.call_kept(1) == 6

    @ffi.callback("int(int)", lifetime="forever")
    def f(x):
        return x + 6

    lib.keep(f)
    del f
    gc.collect()
    assert lib.call_kept(1) == 7
    with pytest.raises(ValueError, match="for ever"):
        ffi.callback("int(int)", abs, lifetime="for ever")


def test_as_long_as_an_object():
    o = Owner(7)
    lib.keep(ffi.callback("int(int)", o.method, lifetime=o))  # which leads back
    gc.collect()
    assert lib.call_kept(1) == 8
    assert pickle.loads(pickle.dumps(o)).n == 7 and copy.deepcopy(o).n == 7
    alive = weakref.ref(o)
    del o
    gc.collect()
    assert alive() is None
    with pytest.raises(ReferenceError):
        lib.call_kept(1)


@pytest.mark.parametrize("make", [
    lambda: ffi.new("int[4]"),
    lambda: ffi.new("big *"),
    lambda: type("Class", (), {}),
    lambda: frozenset([object()]),
    lambda: (lambda: 0),
])
def test_as_long_as_other_objects(make):
    o = make()
    lib.keep(ffi.callback("int(int)", lambda x: x + 1, lifetime=o))
    gc.collect()
    assert lib.call_kept(1) == 2
    del o
    gc.collect()
    with pytest.raises(ReferenceError):
        lib.call_kept(1)


def test_not_as_long_as_these():
    for bad in (5, 1.5, (1,), [1], {}, b"x"):
        with pytest.raises(TypeError, match="lifetime: when a '%s'" % type(bad).__name__):
            ffi.callback("int(int)", abs, lifetime=bad)


# --- libraries -----------------------------------------------------------------------------


def test_what_functions_return_stays():
    own, other = opened()
    text = other.greeting()
    address = own.addressof(other, "status")
    del other
    gc.collect()
    assert own.string(text) == b"hello from the library"
    assert address(5) == 5


def test_close_runs_finalisers_first():
    own, other = opened()
    closed = []
    things = [own.gc(other.thing_open(i), other.thing_close) for i in range(3)]
    by_python = own.gc(other.thing_open(3),
                       lambda t: closed.append(other.thing_id(t)) or other.thing_close(t))
    assert lib.thing_count() == 4
    del things[0]
    assert lib.thing_count() == 3
    own.release(by_python)
    assert closed == [3] and lib.thing_count() == 2
    own.dlclose(other)
    assert lib.thing_count() == 0
    for t in things:
        assert t == own.NULL  # released: C's memory is gone
        with pytest.raises(RuntimeError, match="null pointer"):
            t.id  # noqa: B018
    own.release(things[0])
    del things, t
    gc.collect()
    assert lib.thing_count() == 0


def test_close_and_forgotten_finalisers():
    own, other = opened()
    a = own.gc(other.thing_open(1), other.thing_close)
    pointer = own.gc(a, None)
    assert pointer is None
    b = own.gc(other.thing_open(2), own.addressof(other, "thing_close"))
    c = own.gc(other.thing_open(3), other.thing_close)
    before = lib.thing_count()
    own.dlclose(other)
    assert lib.thing_count() == before - 2
    assert b == own.NULL and c == own.NULL
    lib.thing_close(ffi.cast("thing *", int(own.cast("uintptr_t", a))))


def test_finalisers_that_fail(monkeypatch):
    import sys

    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda u: seen.append(u.exc_value))
    own, other = opened()
    x = own.gc(own.new("int *"), other.thing_close)  # a wrong argument
    own.dlclose(other)
    assert len(seen) == 1 and isinstance(seen[0], TypeError)
    with pytest.raises(ValueError, match="closed"):
        other.status(1)
    del x


def test_dlclose_within_a_finaliser():
    own, other = opened()
    holder = []

    def close(t):
        holder[0](t)
        own.dlclose(other)

    holder.append(other.thing_close)
    x = own.gc(other.thing_open(1), close)
    y = own.gc(other.thing_open(2), other.thing_close)
    before = lib.thing_count()
    own.release(x)
    assert lib.thing_count() == before - 2 and y == own.NULL
    own.dlclose(other)


ORDERS = {
    "globals": """
        a = ffi.gc(lib.thing_open(1), lib.thing_close)
    """,
    "library first": """
        a = ffi.gc(lib.thing_open(1), lib.thing_close)
        del lib, ffi
    """,
    "a name that goes early": """
        _a = ffi.gc(lib.thing_open(1), lib.thing_close)
    """,
    "in a cycle": """
        class C: pass
        c = C(); c.c = c
        c.a = ffi.gc(lib.thing_open(1), lib.thing_close)
        c.lib = lib
        del c, lib
    """,
    "in a module": """
        import sys, types
        m = types.ModuleType("m"); sys.modules["m"] = m
        m.a = ffi.gc(lib.thing_open(1), lib.thing_close)
        m.lib = lib
        del m, lib
    """,
    "in builtins": """
        import builtins
        builtins.a = ffi.gc(lib.thing_open(1), lib.thing_close)
    """,
    "from atexit": """
        import atexit
        def last():
            global a
            a = ffi.gc(lib.thing_open(1), lib.thing_close)
        atexit.register(last)
    """,
    "closed by hand": """
        a = ffi.gc(lib.thing_open(1), lib.thing_close)
        ffi.dlclose(lib)
    """,
    "closed by hand in atexit": """
        import atexit
        a = ffi.gc(lib.thing_open(1), lib.thing_close)
        atexit.register(ffi.dlclose, lib)
    """,
    "held by a callback": """
        a = ffi.gc(lib.thing_open(1), lib.thing_close)
        lib.keep(ffi.callback("int(int)", lambda x: a and 1, lifetime=lib))
        del a
    """,
}


@pytest.mark.parametrize("name", ORDERS)
def test_at_exit(name):
    out, err = run("""
        lib.be_loud()
    """ + ORDERS[name])
    assert out.splitlines() == ["close 1", "library closed, 0 things"] and err == ""
