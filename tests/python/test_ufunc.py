# SPDX-License-Identifier: MIT
"""ffi.ufunc(): shapes, casts, methods and outputs, against NumPy's own and loops."""

import math

import pytest
import ufunc_samples

np = pytest.importorskip("numpy")

ffi, lib = ufunc_samples.load()
LITERALS = tuple(map(int, np.__version__.split(".")[:2])) >= (1, 25)


@pytest.fixture(scope="module")
def libm():
    m = type(ffi)()
    m.cdef("""
        double hypot(double x, double y);
        double modf(double x, double *whole);
        double frexp(double x, int *exponent);
        double ldexp(double x, int exponent);
        double pow(double x, double y);
        float powf(float x, float y);
        double copysign(double, double);
    """)
    return m, m.dlopen("m")


def values(*shape):
    n = math.prod(shape)
    return (np.arange(n, dtype=float) * 1.25 - n / 3).reshape(shape)


# --- what it is -------------------------------------------------------------------

def test_it_is_a_ufunc():
    u = ffi.ufunc(lib.add)
    assert type(u) is np.ufunc
    assert (u.nin, u.nout, u.nargs, u.ntypes, u.types) == (2, 1, 3, 1, ["dd->d"])
    assert u.__name__ == "add" and repr(u) == "<ufunc 'add'>"
    assert "double add(double a, double b)" in u.__doc__
    assert u.identity is None and u.signature is None


def test_name_and_doc():
    u = ffi.ufunc(lib.add, name="plus", doc="Adds.\n\nTwice.")
    assert repr(u) == "<ufunc 'plus'>"
    assert u.__doc__.endswith("Adds.\n\nTwice.")
    assert ffi.ufunc(lib.add, None, "plus").__name__ == "plus"


@pytest.mark.parametrize("theirs, ours, inputs", [
    ("hypot", "hypot", 2), ("copysign", "copysign", 2)])
def test_against_numpy(libm, theirs, ours, inputs):
    m, lm = libm
    u = m.ufunc(getattr(lm, ours))
    args = [values(40, 25), values(25)[::-1]][:inputs]
    np.testing.assert_array_equal(u(*args), getattr(np, theirs)(*args))


def test_against_math(libm):
    m, lm = libm
    x = np.abs(values(500)) + 0.5
    assert m.ufunc(lm.pow)(x, 1.5).tolist() == [math.pow(v, 1.5) for v in x]
    assert m.ufunc(lm.ldexp)(x, 3).tolist() == [math.ldexp(v, 3) for v in x]
    mantissa, exponent = m.ufunc(lm.frexp, out="exponent")(x)
    assert list(zip(mantissa, exponent)) == [math.frexp(v) for v in x]
    assert exponent.dtype == np.int32
    fraction, whole = m.ufunc(lm.modf, out="whole")(-x)
    assert list(zip(fraction, whole)) == [math.modf(-v) for v in x]


# --- shapes -----------------------------------------------------------------------

SHAPES = [
    ((), ()), ((1,), (7,)), ((0,), (0,)), ((0,), (1,)), ((3, 0, 2), (3, 1, 1)),
    ((4, 5), (5,)), ((4, 1), (1, 5)), ((2, 3, 4), (3, 1)), ((1000,), (1000,)),
    ((50, 60), (50, 60)), ((2, 1, 3, 1, 2), (4, 1, 3, 1)),
]


@pytest.mark.parametrize("left, right", SHAPES)
def test_broadcasting(left, right):
    a, b = values(*left), values(*right) + 1
    np.testing.assert_array_equal(ffi.ufunc(lib.sub)(a, b), a - b)


STRIDES = [
    lambda a: a, lambda a: a[::2, 1:], lambda a: a[::-1, ::-3], lambda a: a.T,
    lambda a: np.asfortranarray(a), lambda a: a[:, :1], lambda a: a[5:5],
    lambda a: np.broadcast_to(a[0], a.shape), lambda a: a.astype(">f8"),
    lambda a: a.astype("f4"), lambda a: a.astype("i4"), lambda a: a[None, ..., None],
    lambda a: np.ma.masked_array(a, mask=a > 3), lambda a: a.tolist(),
]


@pytest.mark.parametrize("view", range(len(STRIDES)))
def test_strides(view):
    a = STRIDES[view](values(12, 10))
    np.testing.assert_array_equal(ffi.ufunc(lib.add)(a, 2), np.add(a, 2.0))
    np.testing.assert_array_equal(ffi.ufunc(lib.add)(a, a), np.add(a, a))


def test_unaligned_memory():
    raw = np.zeros(8 * 20 + 1, "u1")
    a = raw[1:].view("f8")
    a[:] = np.arange(20)
    assert ffi.ufunc(lib.twice_f64)(a).tolist() == (np.arange(20) * 2.0).tolist()


def test_many_operands():
    args = [float(i) for i in range(18)]
    u = ffi.ufunc(lib.many)
    assert u.nin == 18
    many = [np.full(30, v) if i < 10 else np.full(30, i, "i4")
            for i, v in enumerate(args)]
    want = sum((i + 1) * v for i, v in enumerate(args))
    assert u(*many).tolist() == [want] * 30


def test_mixed_types():
    u = ffi.ufunc(lib.mix)
    assert u.types == ["bfldH->d"]
    r = u(np.arange(-3, 3, dtype="i1"), np.float32(0.5), np.arange(6), 0.25,
          np.arange(6, dtype="u2"))
    assert r.tolist() == [i - 3 + 0.5 + i + 0.25 + i for i in range(6)]


# --- out, where, casting ------------------------------------------------------------

def test_out_and_where():
    u = ffi.ufunc(lib.add)
    x, out = values(4, 6), np.full((4, 6), -1.0)
    mask = x > 0
    got = u(x, 1, out=out, where=mask)
    assert got is out
    np.testing.assert_array_equal(out, np.where(mask, x + 1, -1))
    u(x, x, out=x)
    u(x, x, x)
    np.testing.assert_array_equal(x, values(4, 6) * 4)


def test_overlap_that_is_not_item_by_item():
    x = np.arange(3000.0)
    ffi.ufunc(lib.add)(x[:-1], x[1:], out=x[1:])
    np.testing.assert_array_equal(x[1:], np.arange(2999) * 2.0 + 1)


def test_out_of_another_type():
    u = ffi.ufunc(lib.add)
    f4 = np.zeros(5, "f4")
    u(np.arange(5), 1, out=f4)
    assert f4.tolist() == [1, 2, 3, 4, 5]
    i4 = np.zeros(5, "i4")
    with pytest.raises(TypeError, match="same_kind"):
        u(np.arange(5), 1, out=i4)
    u(np.arange(5), 1, out=i4, casting="unsafe")
    assert i4.tolist() == [1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="read-only"):
        f4.flags.writeable = False
        u(f4, 1, out=f4)


def test_inputs_are_cast_only_safely():
    u = ffi.ufunc(lib.add_i32)
    a = np.arange(5, dtype="i4")
    assert u(a, a.astype("i2")).tolist() == [0, 2, 4, 6, 8]
    assert u(a, 7).tolist() == [7, 8, 9, 10, 11]
    for bad in (a.astype("i8"), a.astype("f4"), a.astype("c8"), a.astype("M8[s]"),
                a.astype("U3")):
        with pytest.raises(TypeError):
            u(bad, a)
    wide = a.astype("i8")
    assert u(wide, wide, dtype="i4").tolist() == [0, 2, 4, 6, 8]
    with pytest.raises(TypeError):  # what was cast by wish changes nothing
        u(wide, wide)


@pytest.mark.skipif(not LITERALS, reason="this NumPy has no weak literals")
def test_literals_fit_every_type_of_their_kind():
    u = ffi.ufunc(lib.add_i32)
    assert u(3, 4) == 7 and u(3, 4).dtype == np.int32
    with pytest.raises(OverflowError):
        u(2 ** 40, 1)
    with pytest.raises(TypeError):
        u(1.5, 1)
    with pytest.raises(TypeError):  # 3 and 4 were allowed, their type is not
        u(np.int64(3), np.int64(4))
    with pytest.raises(TypeError):
        u(np.arange(3), np.arange(3))


@pytest.mark.parametrize("bad", [
    [object()], ["x"], [None], [1 + 2j], np.array([1, None], object)])
def test_refused_by_numpy(bad):
    with pytest.raises(TypeError, match="add"):
        ffi.ufunc(lib.add)(bad, 1)


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="broadcast"):
        ffi.ufunc(lib.add)(np.zeros(3), np.zeros(4))
    with pytest.raises((TypeError, ValueError), match="argument"):
        ffi.ufunc(lib.add)(1)


def test_subclasses_and_overrides():
    class Mine(np.ndarray):
        pass

    class Other:
        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            return ufunc.__name__, method

    u = ffi.ufunc(lib.add)
    assert type(u(np.zeros(2).view(Mine), 1)) is Mine
    assert u(Other(), 1) == ("add", "__call__")
    assert u.reduce(Other()) == ("add", "reduce")


def test_floating_point_errors():
    u = ffi.ufunc(lib.add)
    with np.errstate(over="raise"), pytest.raises(FloatingPointError, match="add"):
        u(1e308, [1e308])


# --- methods ------------------------------------------------------------------------

def test_reduce():
    u = ffi.ufunc(lib.add, identity=0)
    a = values(6, 7, 3)
    for axis in (0, 1, 2, -1):
        np.testing.assert_allclose(u.reduce(a, axis=axis), a.sum(axis=axis))
    np.testing.assert_allclose(u.reduce(a, axis=(0, 2)), a.sum(axis=(0, 2)))
    np.testing.assert_allclose(u.reduce(a, axis=None, keepdims=True),
                               a.sum(keepdims=True))
    assert u.reduce([]) == 0 and u.identity == 0
    assert u.reduce(np.zeros((0, 3))).tolist() == [0, 0, 0]
    assert u.reduce(a, axis=1, where=a > 0, initial=2).shape == (6, 3)
    x = np.arange(100000.0)
    assert u.reduce(x) == np.sum(x)


def test_reduce_without_identity():
    u = ffi.ufunc(lib.sub)
    assert u.reduce([10.0, 1, 2]) == 7
    with pytest.raises(ValueError, match="no identity"):
        u.reduce([])
    with pytest.raises(ValueError, match="reorderable"):
        u.reduce(values(3, 3), axis=(0, 1))
    assert ffi.ufunc(lib.add, identity=None).reduce(values(3, 4), axis=(0, 1)) == \
        pytest.approx(values(3, 4).sum())


def test_accumulate_outer_at_reduceat():
    u, i = ffi.ufunc(lib.add), ffi.ufunc(lib.add_i64)
    a = values(5, 4)
    for axis in (0, 1):
        np.testing.assert_array_equal(u.accumulate(a, axis), np.add.accumulate(a, axis))
    np.testing.assert_array_equal(u.accumulate(np.arange(5000.0)),
                                  np.cumsum(np.arange(5000.0)))
    np.testing.assert_array_equal(u.outer(a, a[0]), np.add.outer(a, a[0]))
    x, y = np.zeros(4), np.zeros(4, int)
    u.at(x, [0, 0, 3], [1, 2, 4])
    i.at(y, [0, 0, 3], [1, 2, 4])
    assert x.tolist() == [3, 0, 0, 4] and y.tolist() == [3, 0, 0, 4]
    np.testing.assert_array_equal(u.reduceat(a, [0, 2, 3], axis=0),
                                  np.add.reduceat(a, [0, 2, 3], axis=0))
    assert i.reduce(np.arange(1000)) == 499500


@pytest.mark.parametrize("name, options", [
    ("twice_f64", {}), ("fma3", {}), ("split", {"out": "whole"})])
def test_methods_need_two_inputs_and_one_output(name, options):
    u = ffi.ufunc(getattr(lib, name), **options)
    with pytest.raises(ValueError):
        u.reduce([1.0, 2.0])


# --- several outputs -----------------------------------------------------------------

@pytest.mark.parametrize("out", ["whole", ["whole"], ("whole",), 1, [1]])
def test_out_parameter(out):
    u = ffi.ufunc(lib.split, out=out)
    assert u.types == ["d->dd"]
    x = values(11, 13)
    fraction, whole = u(x)
    np.testing.assert_array_equal(whole, np.trunc(x))
    np.testing.assert_array_equal(fraction, x - np.trunc(x))
    a, b = np.zeros((2, 11, 13))
    u(x[:, ::-1], out=(a, b))
    np.testing.assert_array_equal(b[:, ::-1], whole)


def test_no_result_but_outs():
    u = ffi.ufunc(lib.divide, out=["remainder", "quotient"])
    assert u.types == ["ii->ii"]
    a, b = np.arange(50, dtype="i4"), np.arange(1, 51, dtype="i4")[::-1]
    quotient, remainder = u(a, b)
    np.testing.assert_array_equal(quotient, a // b)
    np.testing.assert_array_equal(remainder, a % b)


def test_outs_of_several_types():
    u = ffi.ufunc(lib.tell, out=["is_odd", "half", "low"])
    assert u.types == ["h->i?fB"]
    x = np.arange(-300, 300, dtype="i2")
    negative, odd, half, low = u(x)
    np.testing.assert_array_equal(negative, -x.astype("i4"))
    np.testing.assert_array_equal(odd, x % 2 == 1)
    np.testing.assert_array_equal(half, x / np.float32(2))
    np.testing.assert_array_equal(low, x.astype("u1"))


def test_inout():
    u = ffi.ufunc(lib.grow, inout="total", out="before")
    assert u.types == ["dd->dd"]
    by, total = values(3000), values(3000)[::-1].copy()
    kept = total.copy()
    after, before = u(by, total)
    np.testing.assert_array_equal(after, by + total)
    np.testing.assert_array_equal(before, kept)
    np.testing.assert_array_equal(total, kept)
    u(by, total, out=(total, before))  # in place
    np.testing.assert_array_equal(total, after)
    total[:] = kept
    u(by, total, out=(by, before))     # over the other input
    np.testing.assert_array_equal(by, after)
    np.testing.assert_array_equal(u(1.0, values(4, 5)[:, ::2])[0],
                                  values(4, 5)[:, ::2] + 1)


def test_inout_reduces():
    u = ffi.ufunc(lib.add_to, inout=[0], identity=0)
    x = np.arange(3000.0)
    assert u.reduce(x) == x.sum()
    np.testing.assert_array_equal(u.accumulate(x), np.cumsum(x))
    np.testing.assert_array_equal(u.accumulate(x.reshape(30, 100), axis=1),
                                  np.cumsum(x.reshape(30, 100), axis=1))
    np.testing.assert_array_equal(u(x, x[::-1]), x + x[::-1])


def test_in_by_address():
    u = ffi.ufunc(lib.peek, in_="p")
    assert u.types == ["dd->d"]
    np.testing.assert_array_equal(u(values(9, 2), [1, 3]), values(9, 2) * [1, 3])


# --- fixed arguments --------------------------------------------------------------------

def test_fixed_number():
    u = ffi.ufunc(lib.fma3, fixed={"b": 2, 2: 0.5})
    assert u.types == ["d->d"]
    np.testing.assert_array_equal(u(values(30)), values(30) * 2 + 0.5)


def test_fixed_pointer_is_kept():
    ctx = ffi.new("context *", {"scale": 3})
    u = ffi.ufunc(lib.scaled, fixed={"ctx": ctx})
    np.testing.assert_array_equal(u(values(30)), values(30) * 3)
    assert ctx.calls == 30
    del ctx
    blocks = [ffi.new("context *", {"scale": 100}) for _ in range(100)]
    np.testing.assert_array_equal(u(values(30)), values(30) * 3)
    assert all(b.calls == 0 for b in blocks)


def test_fixed_array():
    table = np.arange(10.0) ** 2
    fixed = {"table": table, "n": 10}
    u = ffi.ufunc(lib.at, fixed=fixed)
    fixed.clear()
    assert u(np.array([3, -1, 9, 10], "i4")).tolist() == [9, -1, 81, -1]
    listed = ffi.ufunc(lib.at, fixed={"table": [1.5, 2.5], "n": 2})
    assert listed(np.array([1, 0, 2], "i4")).tolist() == [2.5, 1.5, -1]


def test_fixed_callback():
    data = ffi.new("double *", 10)
    f = ffi.callback("double(double, void *)",
                     lambda x, p: x + ffi.cast("double *", p)[0])
    u = ffi.ufunc(lib.call, fixed={"f": f, "data": data})
    assert u([1.0, 2.0]).tolist() == [11, 12]
    direct = ffi.ufunc(lib.call, fixed={"f": lib.add_data, "data": data})
    assert direct(np.arange(5000.0))[-1] == 5009


# --- other functions than those of a library -----------------------------------------------

def test_function_pointers():
    p = ffi.addressof(lib, "add")
    assert ffi.ufunc(p)(1, 2) == 3
    q = ffi.cast("int32_t(*)(int32_t, int32_t)", lib.add_i32)
    u = ffi.ufunc(q)
    assert u.types == ["ii->i"] and "int32_t(*)(int32_t, int32_t)" in u.__doc__
    split = ffi.cast("double(*)(double, double *)", lib.split)
    assert ffi.ufunc(split, out=1)(2.5) == (0.5, 2)
    with pytest.raises(TypeError, match="it has 0, 1"):
        ffi.ufunc(split, out="whole")


def test_callbacks():
    @ffi.callback("double(double, double)")
    def plus(a, b):
        return a + b

    u = ffi.ufunc(plus, identity=0)
    assert repr(u) == "<ufunc 'plus'>"
    x = values(2000)
    np.testing.assert_array_equal(u(x, x[::-1]), x + x[::-1])
    assert u.reduce(np.arange(1000.0)) == 499500 and u(1, 2) == 3


def test_fused_functions():
    if not hasattr(ffi, "fuse"):
        pytest.skip("no ffi.fuse()")
    fused = ffi.fuse(lambda x, y: lib.add(lib.twice_f64(x), y) * 3,
                     signature="double(double x, double y)")
    u = ffi.ufunc(fused, name="chain", identity=0)
    del fused
    x = values(900)
    np.testing.assert_array_equal(u(x, 0.5), (2 * x + 0.5) * 3)
    assert u.reduce([1.0]) == 3 and repr(u) == "<ufunc 'chain'>"


@pytest.mark.skipif(not hasattr(np.ufunc, "resolve_dtypes"), reason="not in this NumPy")
def test_resolve_dtypes():
    f4, i4, f8, point = map(np.dtype, ("f4", "i4", "f8", ffi.dtype("point")))
    assert ffi.ufunc(lib.add).resolve_dtypes((f4, int, None)) == (f8, f8, f8)
    assert ffi.ufunc(lib.add_i32).resolve_dtypes((int, int, None)) == (i4, i4, i4)
    shift = ffi.ufunc(lib.shift)
    assert shift.resolve_dtypes((point, f4, None)) == (point, f8, point)
    with pytest.raises(TypeError, match="shift"):
        shift.resolve_dtypes((point, complex, None))
    with pytest.raises(TypeError, match="shift"):
        shift.resolve_dtypes((f8, float, None))


def test_a_ufunc_within_a_ufunc():
    inner = ffi.ufunc(lib.add, identity=0)
    outer = ffi.ufunc(ffi.callback("double(double, double)",
                                   lambda a, b: inner.reduce(np.full(int(a), b))))
    assert outer(np.full(700, 600.0), 2).tolist() == [1200] * 700
