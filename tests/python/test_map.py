# SPDX-License-Identifier: MIT
"""ffi.map(): items of every kind, pointers, results, against calls one by one."""

import array
import ctypes
import mmap

import pytest

import jiffi
from map_samples import ffi, lib

LENGTHS = [0, 1, 2, 3, 7, 100, 1000]


def doubles(n, start=0.0):
    return array.array("d", [start + i * 0.75 for i in range(n)])


# --- items by value ---------------------------------------------------------------

@pytest.mark.parametrize("n", LENGTHS)
def test_doubles(n):
    a, b = doubles(n), doubles(n, 5)
    r = ffi.map(lib.add, a, b)
    assert ffi.typeof(r) is ffi.typeof("double[]") and len(r) == n
    assert list(r) == [x + y for x, y in zip(a, b)]


SCALARS = [
    ("half", "f", [1.0, -3.0, 0.25]),
    ("neg8", "b", [-127, 5, 127]),
    ("inc16", "H", [0, 65535, 7]),
    ("inc64", "q", [-1, 2**62, 0]),
    ("twice", "d", [0.5, -1e300, 3.0]),
]


@pytest.mark.parametrize("name,code,values", SCALARS)
def test_scalars(name, code, values):
    f = getattr(lib, name)
    a = array.array(code, values * 50)
    out = array.array(code, bytes(len(a) * a.itemsize))
    want = [f(v) for v in a]
    assert list(ffi.map(f, a)) == want
    assert ffi.map(f, a, out=out) is out and list(out) == want
    assert list(ffi.map(f, memoryview(a)[::-3])) == want[::-3]


def test_bools_and_chars():
    flags = memoryview(bytearray([1, 0, 1])).cast("?")
    assert list(ffi.map(lib.flip, flags)) == [False, True, False]
    assert ffi.buffer(ffi.map(lib.upper, b"abcZ"))[:] == b"ABCZ"
    assert ffi.buffer(ffi.map(lib.upper, bytearray(b"xyz")))[:] == b"XYZ"


def test_long_double_and_complex():
    a = ffi.new("long double[4]", [1.5, 3.0, 6.0, -9.0])
    assert [float(v) for v in ffi.map(lib.third, a)] == [0.5, 1.0, 2.0, -3.0]
    z = ffi.new("double _Complex[2]", [1 + 2j, -3j])
    assert list(ffi.map(lib.conjugate, z)) == [1 - 2j, 3j]


def test_enums_take_integers_of_either_sign():
    for code in "iI":
        a = array.array(code, [0, 5, 6])
        assert list(ffi.map(lib.after, a, out=array.array(code, [9, 9, 9]))) == [5, 6, 0]
    assert list(ffi.map(lib.after, ffi.new("enum color[]", [0, 5]))) == [5, 6]


def test_many_parameters():
    """More than there are registers for."""
    n = 20
    columns = [array.array(c, [i * 3 - 10 if c not in "H" else i for i in range(n)])
               for c in "idbfHqbbh"]
    want = [lib.weigh(*row) for row in zip(*columns)]
    assert list(ffi.map(lib.weigh, *columns)) == want
    halves = [c[:10] if i % 2 else c[3] for i, c in enumerate(columns)]
    want = [lib.weigh(*[c[k] if isinstance(c, array.array) else c for c in halves])
            for k in range(10)]
    assert list(ffi.map(lib.weigh, *halves)) == want


def test_one_value_for_all():
    a = doubles(5)
    assert list(ffi.map(lib.add, a, 2)) == [x + 2 for x in a]
    assert list(ffi.map(lib.add, 2.5, a)) == [x + 2.5 for x in a]
    assert list(ffi.map(lib.add, jiffi.same(1), a)) == [x + 1 for x in a]
    assert ffi.map(lib.count, out=ffi.new("int[3]"))[2] - lib.count() == -1


def test_values_in_every_buffer():
    want = [2.0, 4.0, 6.0]
    with mmap.mmap(-1, 24) as m:
        m[:] = array.array("d", [1, 2, 3]).tobytes()
        with memoryview(m) as whole, whole.cast("d") as view:
            assert list(ffi.map(lib.twice, view)) == want
    sources = [
        (ctypes.c_double * 3)(1, 2, 3),
        memoryview(array.array("d", [1, 2, 3]).tobytes()).cast("d"),
        ffi.new("double[3]", [1, 2, 3]),
        ffi.new("double[]", [1, 2, 3]),
        ffi.from_buffer("double[]", array.array("d", [1, 2, 3])),
    ]
    for s in sources:
        assert list(ffi.map(lib.twice, s)) == want, s


def test_several_dimensions_are_flat():
    t = ffi.new("double[2][3]", [[1, 2, 3], [4, 5, 6]])
    assert list(ffi.map(lib.twice, t)) == [2, 4, 6, 8, 10, 12]
    m = memoryview(doubles(6)).cast("B").cast("d", (2, 3))
    assert list(ffi.map(lib.twice, m)) == [2 * v for v in doubles(6)]


# --- structs ------------------------------------------------------------------------

def test_structs_by_value():
    p = ffi.new("point[3]", [(1, 2), (3, 4), (5, 6)])
    r = ffi.map(lib.swap, p)
    assert [(q.x, q.y) for q in r] == [(2, 1), (4, 3), (6, 5)]
    b = ffi.new("big[3]", [(i, [i, 2, 3, 4, 5]) for i in range(3)])
    g = ffi.map(lib.grow, b, array.array("i", [10, 20, 30]))
    assert [(v.id, list(v.v)) for v in g] == [
        (10, [10, 12, 13, 14, 15]), (21, [21, 22, 23, 24, 25]), (32, [32, 32, 33, 34, 35])]
    assert b[0].id == 0
    one = ffi.map(lib.grow, b[1], array.array("i", [1, 2]))
    assert [v.id for v in one] == [2, 3]
    assert ffi.map(lib.grow, {"id": 5}, array.array("i", [1]))[0].id == 6


def test_results_where_they_come_from():
    p = ffi.new("point[3]", [(1, 2), (3, 4), (5, 6)])
    assert ffi.map(lib.swap, p, out=p) is p and (p[0].x, p[0].y) == (2, 1)
    b = ffi.new("big[2]", [(1, [1, 2, 3, 4, 5]), (2, [6, 7, 8, 9, 10])])
    ffi.map(lib.turned, b, out=b)  # C writes the result while it reads the item
    assert [(v.id, list(v.v)) for v in b] == [(-1, [5, 4, 3, 2, 1]),
                                              (-2, [10, 9, 8, 7, 6])]
    ffi.map(lib.grow, b, 1, out=b)
    assert b[1].id == -1 and b[1].v[0] == 11
    a = doubles(4)
    assert ffi.map(lib.add, a, a, out=a) is a and list(a) == [2 * v for v in doubles(4)]


# --- pointers -----------------------------------------------------------------------

def test_addresses_of_items():
    p = ffi.new("point[3]", [(1, 2), (3, 4), (5, 6)])
    assert list(ffi.map(lib.norm2, p)) == [5, 25, 61]
    assert ffi.map(lib.shift, p, array.array("d", [1, 2, 3])) is None
    assert [(q.x, q.y) for q in p] == [(2, 3), (5, 6), (8, 9)]
    assert list(ffi.map(lib.norm2, p + 1, out=ffi.new("double[2]"))) == [61, 61]


def test_out_parameters():
    whole = array.array("i", [0] * 3)
    rest = ffi.map(lib.split, array.array("d", [1.5, -2.25, 3]), whole)
    assert list(rest) == [0.5, -0.25, 0] and list(whole) == [1, -2, 3]
    cell = ffi.new("int *")
    ffi.map(lib.split, array.array("d", [1.5, 7.25]), cell)
    assert cell[0] == 7


def test_rows_and_wholes():
    t = ffi.new("double[4][3]", [[i, i + 1, i + 2] for i in range(4)])
    assert list(ffi.map(lib.sum3, jiffi.each(t))) == [3, 6, 9, 12]
    flat = doubles(6)
    assert list(ffi.map(lib.sum3, memoryview(flat)[:4], out=doubles(4))) == [
        sum(flat[i:i + 3]) for i in range(4)]
    i = array.array("i", [2, 0, 1])
    assert list(ffi.map(lib.peek, jiffi.same(flat), i)) == [flat[k] for k in i]
    assert list(ffi.map(lib.peek, ffi.cast('void *', ffi.from_buffer(flat)), i)) == [flat[k] for k in i]
    assert list(ffi.map(lib.peek, jiffi.each(flat), jiffi.same(0))) == list(flat)
    assert repr(jiffi.each(1)) == "each(1)" and repr(jiffi.same("x")) == "same('x')"


def test_text_and_arrays_of_pointers():
    words = [b"", b"one", b"three"]
    kept = [ffi.new("char[]", w) for w in words]
    p = ffi.new("char *[]", kept)
    assert list(ffi.map(lib.length, p)) == [0, 3, 5]
    assert list(ffi.map(lib.length, jiffi.each(p))) == [0, 3, 5]
    assert list(ffi.map(lib.length, b"text", out=ffi.new("size_t[2]"))) == [4, 4]
    table = memoryview(b"ab\0cde\0\0\0").cast("B", (3, 3))
    assert list(ffi.map(lib.first, jiffi.each(table))) == [b"a", b"c", b"\0"]
    assert [bool(m) for m in ffi.map(lib.message, array.array("i", [1, 5]))] == [False, True]


def test_function_pointers_and_callbacks():
    f = ffi.addressof(lib, "twice")
    assert list(ffi.map(f, array.array("d", [1, 2]))) == [2, 4]

    @ffi.callback("int(int)")
    def triple(v):
        return 3 * v

    a = array.array("i", [1, 2, 3])
    assert list(ffi.map(triple, a)) == [3, 6, 9]
    assert list(ffi.map(lib.call, triple, a)) == [3, 6, 9]
    both = ffi.new("int(*[2])(int)", [triple, ffi.cast("int(*)(int)", triple)])
    assert list(ffi.map(lib.call, both, 5)) == [15, 15]


def test_errno_goes_through():
    ffi.errno = 7
    assert list(ffi.map(lib.set_errno, array.array("i", [11, 12, 13]))) == [7, 11, 12]
    assert ffi.errno == 13


def test_functions_that_hold_the_lock():
    f = jiffi.FFI(gil="hold")
    f.cdef("double sqrt(double);")
    assert list(f.map(f.dlopen("m").sqrt, array.array("d", [4, 9]))) == [2, 3]


def test_many_functions_of_one_type():
    """More loops than are kept; one that is in use stays."""
    ffi2 = jiffi.FFI()
    made = [ffi2.callback("int(int)", lambda v, k=k: v + k) for k in range(40)]
    a = array.array("i", [1, 2])
    for _ in range(2):
        for k, f in enumerate(made):
            assert list(ffi2.map(f, a)) == [1 + k, 2 + k]

    @ffi2.callback("int(int)")
    def outer(v):
        return sum(ffi2.map(f, a)[0] for f in made) + v

    assert list(ffi2.map(outer, a)) == [40 + 780 + 1, 40 + 780 + 2]


# --- stopping -----------------------------------------------------------------------

def test_stop():
    a = array.array("i", [1, 2, 30, 4, 50])
    assert list(ffi.map(lib.limit, a, 10)) == [0, 0, 30, 0, 50]
    assert list(ffi.map(lib.limit, a, 100, stop=True)) == [0] * 5
    out = array.array("i", [-1] * 5)
    with pytest.raises(jiffi.MapError) as e:
        ffi.map(lib.limit, a, 10, stop=True, out=out)
    assert (e.value.index, e.value.code, e.value.function) == (2, 30, "limit")
    assert e.value.out is out and list(out) == [0, 0, 30, -1, -1]
    assert str(e.value) == "limit() returned 30 for item 2"


@pytest.mark.parametrize("name,code,bad", [
    ("fails8", "b", -1), ("fails8", "b", 64), ("fails64", "Q", 1), ("inc64", "q", 0)])
def test_stop_sees_every_width(name, code, bad):
    quiet = -1 if name == "inc64" else 0
    a = array.array(code, [quiet] * 9)
    f = getattr(lib, name)
    ffi.map(f, a, stop=True)
    a[6] = bad
    with pytest.raises(jiffi.MapError) as e:
        ffi.map(f, a, stop=True)
    assert e.value.index == 6 and e.value.code == f(bad)


def test_stop_at_a_pointer():
    with pytest.raises(jiffi.MapError) as e:
        ffi.map(lib.message, array.array("i", [0, 1, 2, 3, 9]), stop=True)
    assert e.value.index == 3 and ffi.string(e.value.code) == b"three or more"


def test_stop_in_the_middle_of_many():
    a = array.array("i", bytes(4_000_000))
    a[500_000] = 7
    for kwds in ({}, {"threads": 2}, {"chunk": 1000}, {"threads": 3, "chunk": 777}):
        lib.note(0)
        out = array.array("i", b"\xff" * 4_000_000)
        with pytest.raises(jiffi.MapError) as e:
            ffi.map(lib.limit, a, 0, out=out, stop=True, **kwds)
        assert (e.value.index, e.value.code) == (500_000, 7)
        assert not any(out[:500_000]) and out[500_000] == 7
        if "threads" not in kwds:
            assert out[500_001] == -1 and out[999_999] == -1


# --- NumPy --------------------------------------------------------------------------

try:
    import numpy as np
except ImportError:
    np = None
numpy = pytest.mark.skipif(np is None, reason="NumPy is not there")


@numpy
def test_numpy_arrays():
    a, b = np.arange(10.0), np.arange(10.0)[::-1]
    out = np.zeros(10)
    assert ffi.map(lib.add, a, b, out=out) is out and (out == 9).all()
    table = np.arange(20.0).reshape(10, 2)
    got = ffi.map(lib.add, table[:, 0], table[:, 1], out=table[:, 1])
    assert list(got) == [4 * i + 1 for i in range(10)]
    assert (table[:, 0] == np.arange(0, 20, 2)).all()
    assert list(ffi.map(lib.twice, np.arange(6.0).reshape(2, 3))) == [0, 2, 4, 6, 8, 10]
    assert list(ffi.map(lib.add, a, np.float64(1.5))) == [v + 1.5 for v in a]
    assert list(ffi.map(lib.add, a, np.array(1.5))) == [v + 1.5 for v in a]
    assert list(ffi.map(lib.flip, np.array([True, False]))) == [False, True]


@numpy
def test_numpy_records_and_rows():
    p = np.zeros(3, dtype=[("x", float), ("y", float)])
    p["x"] = [1, 2, 3]
    assert list(ffi.map(lib.norm2, p)) == [1, 4, 9]
    ffi.map(lib.shift, p, 1.0)
    assert list(p["y"]) == [1, 1, 1]
    assert list(ffi.map(lib.norm2, p[::2])) == [5, 17]
    t = np.arange(12.0).reshape(4, 3)
    assert list(ffi.map(lib.sum3, jiffi.each(t))) == list(t.sum(axis=1))
    assert list(ffi.map(lib.sum3, jiffi.each(t[::2]))) == list(t[::2].sum(axis=1))
    names = np.array([b"ab", b"cde", b""], dtype="S8")
    assert list(ffi.map(lib.length, jiffi.each(names))) == [2, 3, 0]


@numpy
def test_tensors():
    class Tensor:
        def __init__(self, a):
            self.a = a

        def __dlpack__(self, **kwds):
            return self.a.__dlpack__(**kwds)

        def __dlpack_device__(self):
            return self.a.__dlpack_device__()

    out = np.zeros(3)
    ffi.map(lib.twice, Tensor(np.array([1.0, 2, 3])), out=Tensor(out))
    assert list(out) == [2, 4, 6]
    with pytest.raises(TypeError, match="items must be 'double'"):
        ffi.map(lib.twice, Tensor(np.zeros(3, "f4")))


@numpy
def test_unaligned_values():
    raw = np.zeros(8 * 5 + 3, np.uint8)
    a = raw[3:].view(float)
    a[:] = [1, 2, 3, 4, 5]
    assert not a.flags.aligned
    assert list(ffi.map(lib.twice, a, out=a)) == [2, 4, 6, 8, 10]
    big = np.dtype({"names": ["id", "v"], "formats": ["<i4", ("<f8", 5)],
                    "offsets": [0, 8], "itemsize": 48})
    b = np.zeros(4, dtype=[("pad", "u1"), ("b", big)])["b"]  # 49 bytes apart
    b["id"] = [1, 2, 3, 4]
    ffi.map(lib.grow, b, 10, out=b)  # results that C writes through a pointer
    assert list(b["id"]) == [11, 12, 13, 14] and (b["v"] == 10).all()
    with pytest.raises(TypeError, match="do not begin where C expects"):
        ffi.map(lib.turned, b)
