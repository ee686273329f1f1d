# SPDX-License-Identifier: MIT
"""ffi.fuse(): what a fused function gives is what its Python function gives."""

import array
import gc
import inspect
import math
import os
import pickle
import pydoc
import subprocess
import sys
import threading

import pytest

from fuse_samples import ffi, lib, load
from jiffi import _jiffi


def out_params(x):
    whole, rest = ffi.new("int *"), ffi.new("double *")
    negative = lib.split(x, whole, rest)
    return whole[0] * 1000 + rest[0] + negative


def local_struct(x):
    p = ffi.new("point *", {"x": x, "y": 2})
    lib.shift(p, 0.5)
    p.y = p.y * 10
    p.x += 1
    return lib.norm1(p) + p[0].x


def local_array(x, n):
    v = ffi.new("double[4]", [1, 2, 3, 4])
    v[0] = x
    v[n] = v[n] * 100
    return lib.sum(v, 4)


def mutated(n):
    i = lib.make_item(n)
    i.n[2] = 70
    at = i.at
    at.x = i.at.x + 0.5
    i.tag = 3
    return lib.weigh_item(i) * 1000 + i.at.x


def chosen(x):
    y = lib.half(x)
    return ffi.where(y > 1, y, ffi.where(y < -1, -y, 7.0))


points = ffi.new("point[]", [(1, 2), (3, 4)])
POINTS = ffi.cast("point *", points)

# function, signature or None, arguments to try
SAME = [
    (lambda x: lib.half(lib.half(lib.half(x))), None, [(9.0,), (-0.0,), (math.inf,)]),
    (lambda x, y: lib.add(x, y) * lib.half(x - y) / 3, None, [(1.5, 2.5), (-3, 4)]),
    (lambda x: lib.add(x // 2, x % 2), None, [(7.5,), (-7.5,), (0.5,)]),
    (lambda x: lib.half(-x) + abs(x) + +x, None, [(2.5,), (-2.5,)]),
    (lambda x: lib.half(x) ** 2 + 2 ** lib.half(x), None, [(3.0,), (-1.1,), (0.1,)]),
    (lambda n: lib.inc(n) ** 3 - n ** 0, None, [(5,), (-4,)]),
    (lambda n: lib.inc(n * 2 - 1) // 3 % 5, None, [(10,), (-11,)]),
    (lambda n: lib.inc(n) / 4, None, [(6,), (-3,)]),
    (lambda n: divmod(lib.inc(n), 7)[0] * 10 + divmod(lib.inc(n), 7)[1], None, [(-20,), (20,)]),
    (lambda n: (lib.inc(n) & 12 | 1) ^ ~n, None, [(9,), (-9,)]),
    (lambda n: (lib.inc(n) << 3) >> 1, None, [(9,), (-9,)]),
    (lambda n: 100 >> lib.inc(n), None, [(1,), (3,)]),
    (lambda h: (h ^ (h >> 33)) * 0xff51afd7ed558ccd & 0xffffffffffffffff, "uint64_t(uint64_t)",
     [(0xfedcba9876543210,), (1,)]),
    (lambda h: lib.mix64(lib.mix64(h) + 0) >> 1, None, [(0xfedcba9876543210,)]),
    (lambda n: lib.neg8(n) * 1000, None, [(-127,), (100,)]),
    (lambda n: lib.up16(n) - 70000, None, [(65000,)]),
    (lambda n: lib.flip32(n) + 1, None, [(0,), (7,)]),
    (lambda n: lib.neg64(n) - 1, None, [(2**62,), (-(2**62),)]),
    (lambda s: lib.length(s) - 10, None, [(b"abc",), (b"0123456789ab",)]),
    (lambda x: lib.third(x) * 3, None, [(1.0,), (0.25,)]),
    (lambda x: lib.third(x + 0.0), "float(float)", [(1.0,)]),
    (lambda n: lib.as_int(lib.is_odd(n)), None, [(3,), (4,)]),
    (lambda n: lib.is_odd(n) & (n > 3), None, [(3,), (5,), (4,)]),
    (lambda n: (lib.inc(n) == 4) + (n != 2) * 10, None, [(3,), (2,)]),
    (lambda x: lib.half(x) <= 1.0, None, [(2.0,), (2.1,), (math.nan,)]),
    (lambda c: lib.upper(lib.upper(c)), None, [(b"q",), (b"Z",)]),
    (lambda x: lib.half(3) + lib.add(1, 2.5), "double(int)", [(1,)]),
    (out_params, None, [(2.25,), (-7.5,)]),
    (local_struct, "double(double)", [(1.25,)]),
    (local_array, "double(double, int)", [(10.0, 1), (10.0, 0)]),
    (mutated, None, [(4,), (-4,)]),
    (chosen, None, [(9.0,), (-9.0,), (0.5,)]),
    (lambda x, y: lib.swap({"x": x, "y": y * 2}).x, "double(double, double)", [(1.0, 2.0)]),
    (lambda x: lib.sum_big(lib.make_big(x), lib.make_big(lib.half(x))), None, [(3.0,)]),
    (lambda n: lib.make_item(n).n[1] * 100 + lib.make_item(n).at.y, None, [(5,)]),
    (lambda n: lib.next_color(lib.next_color(n)), None, [(5,), (0,)]),
    (lambda a, b: lib.many(a, b, 3, b, 5, 6.0, a, 8, 9, b, 11, 12), None, [(-3, 0.5)]),
    (lambda n: lib.inc(ffi.where(n > 1, n, 5)), None, [(1,), (2,)]),
    (lambda p: p.x * 10 + p[1].y + (p + 1).x, "double(point *)",
     [(POINTS,)]),
    (lambda p: lib.norm1(p + 1) + lib.norm1(ffi.addressof(p[0])), "double(point *)",
     [(POINTS,)]),
    (lambda p, q: (q - p) * 10 + (p == q) + (p != ffi.NULL), "long(point *, point *)",
     [(lambda a: (a, a + 3))(ffi.new("point[4]"))]),
    (lambda v, i: v[i] + v[i + 1] * 2, "double(double *, int)",
     [(ffi.new("double[]", [1, 2, 4]), 1), (ffi.new("double[]", [1, 2, 4]), 0)]),
    (lambda x: ffi.cast("int", lib.half(x)), "int(double)", [(9.0,), (-9.0,)]),
]


def number(value):
    """For comparing: cdata numbers by value, NaN as itself."""
    if isinstance(value, ffi.CData):
        value = int(value)
    return repr(value) if isinstance(value, float) else value


@pytest.mark.parametrize("row", range(len(SAME)))
def test_same(row):
    function, signature, rows = SAME[row]
    fused = ffi.fuse(function, signature)
    for args in rows:
        got, want = fused(*args), function(*args)
        assert number(got) == number(want), ffi.fused_program(fused)
        assert isinstance(got, bool) == isinstance(want, bool)


def test_forms():
    @ffi.fuse
    def a(x):
        """What a does."""
        return lib.half(x)

    @ffi.fuse("double(int n)")
    def b(n):
        return lib.half(n)

    @ffi.fuse(signature="double(*)(double)")
    def c(x):
        return lib.half(x)

    d = ffi.fuse("double(double)", lambda x: lib.half(x))
    e = ffi.fuse(lambda x: x * 2, ffi.typeof("double(*)(double)"))
    assert (a(3), b(3), c(3), d(3), e(3)) == (1.5, 1.5, 1.5, 1.5, 6.0)
    assert type(a) is type(lib.half) and a.__name__ == "a" and a.__module__ == __name__
    assert str(inspect.signature(a)) == "(x, /)"
    assert "double a(double x)" in a.__doc__ and "What a does." in a.__doc__
    assert "double b(int n)" in pydoc.render_doc(b)
    assert d.__name__ == "fused"
    assert ffi.typeof(b) is ffi.typeof("double(*)(int)")
    assert ffi.cast("double(*)(double)", c.__self__)(3) == 1.5


def test_defaults_stay():
    def f(x, k=3, *, lib=lib):
        return lib.half(x) * k

    fused = ffi.fuse(f)
    assert fused(3) == f(3) and str(inspect.signature(fused)) == "(x, /)"


def test_const_stays_in_inferred_types():
    fused = ffi.fuse(lambda v, n: lib.sum(v, n))
    values = array.array("d", [1, 2, 3])
    assert fused(memoryview(values).toreadonly(), 3) == 6.0
    assert "const double *v" in fused.__doc__


def test_called_once_each_time():
    lib.reset()
    fused = ffi.fuse(lambda: lib.tick() * 100 + lib.tick())
    assert lib.tick() == 1  # nothing was called while it was traced
    assert fused() == 203 and fused() == 405


def test_nothing_and_constants():
    lib.reset()

    @ffi.fuse
    def twice():
        lib.tick()
        lib.tick()

    assert twice() is None and lib.tick() == 3
    assert ffi.fuse(lambda: 5)() == 5 and ffi.fuse(lambda: 2.5)() == 2.5
    assert ffi.fuse(lambda: True)() is True
    assert ffi.typeof(ffi.fuse(lambda: 2**63)) is ffi.typeof("uint64_t(*)(void)")


def test_in_fused_in_callback_in_map():
    f = ffi.fuse(lambda x: lib.half(x) + 1)
    g = ffi.fuse(lambda x, y: f(x) * f(y))
    assert g(2, 4) == (2 / 2 + 1) * (4 / 2 + 1)
    inc2 = ffi.fuse(lambda n: lib.inc(lib.inc(n)), "int(int)")
    assert lib.call(inc2, 5) == 7
    values = array.array("d", range(100))
    assert list(ffi.map(f, values)) == [f(v) for v in values]
    assert list(ffi.map(g, values, values)) == [g(v, v) for v in values]


def test_in_ufunc():
    np = pytest.importorskip("numpy")
    f = ffi.fuse(lambda x, y: lib.add(lib.half(x), y) / 3)
    u = ffi.ufunc(f)
    a, b = np.arange(12.0).reshape(3, 4), np.arange(4.0)
    assert (u(a, b) == (a / 2 + b) / 3).all()
    del f
    gc.collect()
    assert u(1.0, 1.0) == 0.5


def test_function_pointers():
    seen = []

    @ffi.callback("int(int)")
    def python(n):
        seen.append(n)
        return n * 10

    plain = ffi.cast("int(*)(int)", ffi.addressof(lib, "inc"))
    fused = ffi.fuse(lambda n: python(plain(n)) + plain(1))
    assert fused(4) == 52 and seen == [5]
    assert plain(1) == 2
    with_callback = ffi.fuse(lambda n: lib.call(python, n))
    assert with_callback(3) == 30


def test_constants_are_kept():
    fused = ffi.fuse(lambda n: lib.sum(array.array("d", [1.5, 2, 3]), n))
    point = ffi.fuse(lambda: lib.norm1(ffi.addressof(lib.swap((1.25, 2)))))
    text = ffi.fuse(lambda: lib.length(b"four" * 10))
    by_value = ffi.fuse(lambda: lib.swap({"x": 1, "y": 4}).x)
    gc.collect()
    junk = [bytes(50) for _ in range(1000)]
    assert fused(3) == 6.5 and point() == 3.25 and text() == 40 and by_value() == 4
    del junk


def test_pinned_arrays_stay_where_they_are():
    values = array.array("d", [1, 2])
    fused = ffi.fuse(lambda n: lib.sum(values, n))
    with pytest.raises(BufferError):
        values.append(3)
    values[0] = 5
    assert fused(2) == 7
    del fused
    gc.collect()
    values.append(3)


def test_errno():
    fused = ffi.fuse(lambda e: lib.fail(e) * 100 + lib.get_errno(), "int(int)")
    assert fused(17) == -83 and ffi.errno == 17
    ffi.errno = 5
    assert ffi.fuse(lambda: lib.get_errno())() == 5


def test_structs_in_and_out():
    f = ffi.fuse(lambda p: lib.swap(lib.swap(p)))
    assert f((1, 2)).y == 2 and ffi.typeof(f) is ffi.typeof("point(*)(point)")
    g = ffi.fuse(lambda n: lib.make_item(n).at)
    assert (g(3).x, g(3).y) == (3, 6)
    h = ffi.fuse(lambda x: lib.third_l(lib.third_l(x)))
    assert float(h(18.0)) == 2.0


def test_pointer_results():
    f = ffi.fuse(lambda p: lib.same(p))
    p = ffi.new("int *")
    assert f(p) == p
    assert ffi.string(ffi.fuse(lambda n: lib.word(lib.inc(n)))(-1)) == b"no"


def test_writes_through_parameters():
    @ffi.fuse("void(point *p, double by)")
    def move(p, by):
        lib.shift(p, by)
        p.x, p.y = p.y, p.x + 1
        p[1] = lib.swap(p[0])

    p = ffi.new("point[2]", [(1, 2)])
    move(p, 0.5)
    assert [(q.x, q.y) for q in p] == [(1.5, 2.5), (2.5, 1.5)]


def test_gil_policy():
    release, rlib = load("release")
    assert ffi.fuse(lambda x: lib.half(x))(1) == 0.5
    for f in (lambda x: rlib.half(x), lambda x: lib.half(rlib.half(x))):
        assert ffi.fuse(f, "double(double)")(4) == f(4)
        assert release.fuse(f, "double(double)")(4) == f(4)


def test_closed_library():
    other, olib = load()
    f = other.fuse(lambda x: olib.half(x))
    g = other.fuse(lambda x: lib.half(x) + f(x))
    assert g(2) == 2
    other.dlclose(olib)
    for closed in (f, g):
        with pytest.raises(ValueError, match="libfuse_samples.*has already been closed"):
            closed(2)
    with pytest.raises(ValueError, match="closed"):
        ffi.fuse(lambda x: f(x), "double(double)")


def test_keeps_its_library():
    def make():
        other, olib = load()
        return other.fuse(lambda x: olib.half(x) + 1)

    f = make()
    gc.collect()
    assert f(4) == 3


def test_other_threads_call_meanwhile():
    started, done, results = threading.Event(), threading.Event(), []

    def other():
        started.wait()
        results.extend((lib.half(3), lib.inc(1), ffi.addressof(lib, "inc")(2)))
        done.set()

    def traced(x):
        started.set()
        assert done.wait(10)
        return lib.half(x)

    thread = threading.Thread(target=other)
    thread.start()
    fused = ffi.fuse(traced)
    thread.join()
    assert results == [1.5, 2, 3] and fused(4) == 2.0


def test_fuse_while_fusing():
    def outer(x):
        inner = ffi.fuse(lambda y: lib.half(y) + 1)
        return inner(lib.half(x))

    assert ffi.fuse(outer)(8) == 3.0 and lib.half(3) == 1.5


def test_new_library_while_fusing():
    def f(x):
        return load()[1].half(x)

    assert ffi.fuse(f, "double(double)")(3) == 1.5


def test_collector_is_left_as_it_was():
    assert gc.isenabled()
    ffi.fuse(lambda x: lib.half(x))
    assert gc.isenabled()
    gc.disable()
    try:
        ffi.fuse(lambda x: lib.half(x))
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_origin_makes_it_again():
    f = ffi.fuse(lambda x, n: lib.add(lib.half(x), n) * 2)
    again = _jiffi._fuse(**_jiffi._fused_origin(f))
    assert again(3, 4) == f(3, 4) and again.__doc__ == f.__doc__
    assert _jiffi._fused_origin(lib.half) is None and _jiffi._fused_origin(3) is None
    assert ffi.fused_program(again) == ffi.fused_program(f)
    with pytest.raises(TypeError, match="ffi.fuse"):
        ffi.fused_program(lib.half)


def test_pickled_with_constants():
    f = ffi.fuse(lambda n: lib.length(b"four") * n ** 2 + lib.half(5), "double(int)")
    assert pickle.loads(pickle.dumps(f))(3) == f(3) == 38.5
    with pytest.raises(Exception, match="address"):
        pickle.dumps(ffi.fuse(lambda: lib.norm1(POINTS)))


def test_where_without_tracing():
    assert ffi.where(True, 1, 2) == 1 and ffi.where([], 1, 2) == 2


def test_integers_wrap_and_divide_by_zero_gives_zero():
    f = ffi.fuse(lambda n: lib.neg64(n) + 1)
    assert f(-(2**63) + 1) == -(2**63)
    g = ffi.fuse(lambda n: 7 // n * 10 + 7 % n, "int64_t(int64_t)")
    assert g(0) == 0 and g(2) == 31


def test_interpreted_gives_the_same():
    origin = _jiffi._fused_origin(ffi.fuse(out_params))
    slow = _jiffi._fuse(code=False, **origin)
    assert "interpreter" in _jiffi._fused_program(slow)[1]
    for x in (2.25, -7.5):
        assert slow(x) == out_params(x)


LEAKS = """
from fuse_samples import ffi, lib
def work(n):
    for i in range(n):
        f = ffi.fuse(lambda x: lib.half(x) * i + lib.add(x, 1))
        assert f(2) == i + 3
        try:
            ffi.fuse(lambda x: int(lib.half(x)))
        except TypeError:
            pass
        with ffi.batch() as b:
            x = b.input("double", 2.0)
            y = b(lib.half, x)
        assert y.value == 1
work(1000)
before = resident()
work(1000)
print(resident() - before)
"""


def test_memory_stays_flat():
    from test_leaks import HARNESS, LIMIT, STATM
    if not os.path.exists(STATM) or "asan" in os.environ.get("LD_PRELOAD", ""):
        pytest.skip("memory cannot be measured here")
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    done = subprocess.run([sys.executable, "-c", HARNESS + LEAKS], env=env,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < LIMIT
