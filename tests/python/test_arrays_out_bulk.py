# SPDX-License-Identifier: MIT
"""unpack, pack and column: many items, or a member of many structs, at once."""

import array
import gc
import itertools
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jiffi import FFI

ffi = FFI()
ffi.cdef("""
    struct v { float x, y; };
    struct p { char c; double x; short m[2][3]; struct v pos; char name[6]; wchar_t wide[4];
        struct { int an; }; int b1:3; unsigned b2:7; _Bool t; struct v vs[3]; int *ptr;
        double _Complex z; long double ld; int64_t big; union { int i; float f; } u; };
    struct open { int n; int items[]; };
    struct c { const int fixed; int free; };
    struct opaque;
""")


# --- unpack --------------------------------------------------------------------------------


@pytest.mark.parametrize("item, values", [
    ("signed char", [-128, 127]), ("uint8_t", [0, 255]), ("short", [-1, 1]),
    ("uint16_t", [65535, 0]), ("int", [-2**31, 5]), ("unsigned", [2**32 - 1, 0]),
    ("int64_t", [-2**63, 2**63 - 1]), ("uint64_t", [2**64 - 1, 3]), ("_Bool", [True, False]),
    ("float", [0.5, -2.0]), ("double", [1e300, -0.1]), ("_Float16", [1.5, -2.0]),
    ("float _Complex", [1 + 2j, -3j]), ("double _Complex", [1e300 - 2j, 0j])])
def test_scalars(item, values):
    x = ffi.new(item + "[]", values)
    assert ffi.unpack(x) == ffi.unpack(x, 2) == ffi.unpack(x, length=2) == values
    assert ffi.unpack(ffi.cast(item + " *", x), 1) == values[:1]
    assert [type(v) for v in ffi.unpack(x)] == [type(v) for v in values]
    y = ffi.new(item + "[4]")
    assert ffi.pack(y, values) == 2
    assert ffi.unpack(y) == values + [type(values[0])(0)] * 2
    assert ffi.pack(ffi.cast(item + " *", y) + 2, tuple(values)) == 2
    assert ffi.unpack(y) == values + values
    assert ffi.pack(y, x) == 2 and ffi.pack(y, iter(values)) == 2


def test_length_of_the_whole():
    assert ffi.unpack(ffi.new("char[]", b"ab")) == b"ab\0"
    assert ffi.unpack(ffi.new("int *", 5)) == [5]
    assert ffi.unpack(ffi.from_buffer("uint16_t *", b"\1\0\2\0")) == [1, 2]
    assert [s.n for s in ffi.unpack(ffi.new("struct open *", [2, [1, 2]]))] == [2]
    with pytest.raises(ValueError, match="nobody knows how many items .* say it with length"):
        ffi.unpack(ffi.cast("int *", ffi.new("int[3]")))
    with pytest.raises(IndexError, match=r"length is 4, cdata 'struct v\[3\]' has 3"):
        ffi.unpack(ffi.new("struct v[3]"), 4, "x")


def filled(n=4):
    x = ffi.new("struct p[]", n)
    for i in range(n):
        x[i].c = b"abcdefgh"[i:i + 1]
        x[i].x = i + 0.5
        x[i].m = [[i, 1, 2], [3, 4, -i]]
        x[i].pos = [i, -i]
        x[i].name = b"n%d" % i
        x[i].wide = "w%d" % i
        x[i].an = 10 * i
        x[i].b1 = i - 2
        x[i].b2 = 100 + i
        x[i].t = i % 2
        x[i].vs = [[i, 1], [i, 2], [i, 3]]
        x[i].z = complex(i, 1)
        x[i].ld = i + 0.25
        x[i].big = i << 40
        x[i].u.f = i
    return x


FIELDS = [
    ("c", [b"a", b"b", b"c", b"d"]), ("x", [0.5, 1.5, 2.5, 3.5]),
    ("m", [[[i, 1, 2], [3, 4, -i]] for i in range(4)]), ("pos.x", [0.0, 1.0, 2.0, 3.0]),
    ("name", [b"n%d\0\0\0\0" % i for i in range(4)]), ("wide", ["w%d\0\0" % i for i in range(4)]),
    ("an", [0, 10, 20, 30]), ("b1", [-2, -1, 0, 1]), ("b2", [100, 101, 102, 103]),
    ("t", [False, True, False, True]), ("vs.y", [[1.0, 2.0, 3.0]] * 4),
    ("z", [1j, 1 + 1j, 2 + 1j, 3 + 1j]), ("big", [i << 40 for i in range(4)]),
    ("u.f", [0.0, 1.0, 2.0, 3.0]),
]


@pytest.mark.parametrize("field, values", FIELDS)
def test_fields_there_and_back(field, values):
    x = filled()
    assert ffi.unpack(x, 4, field) == ffi.unpack(x, fields=field) == values
    assert ffi.unpack(ffi.cast("struct p *", x), 3, field) == values[:3]
    assert ffi.unpack(x[1:3], fields=field) == values[1:3]
    y = ffi.new("struct p[4]")
    assert ffi.pack(y, values, field) == 4
    assert ffi.unpack(y, fields=field) == values
    # nothing else was written
    once = ffi.new("struct p[4]")
    for f, v in FIELDS:
        if f != field and not {f, field} <= {"b1", "b2"} and f.split(".")[0] != field.split(".")[0]:
            assert ffi.unpack(y, fields=f) == ffi.unpack(once, fields=f), f


@pytest.mark.parametrize("field, values", [f for f in FIELDS if f[0] not in ("b1", "b2")])
def test_columns(field, values):
    x = filled()
    c = ffi.column(x, field)
    if field not in ("name", "wide"):
        assert c.tolist() == values
    assert len(c) == 4 and c.obj is x and not c.readonly
    assert c.strides[0] == ffi.sizeof("struct p")
    assert c.shape[0] == 4 and len(memoryview(c).shape) == len(c.shape)
    y = ffi.new("struct p[4]")
    ffi.column(y, field)[:] = c
    assert ffi.unpack(y, fields=field) == values
    ffi.column(y, field)[1:3] = c[::-1][0:2]
    assert ffi.unpack(y, fields=field)[1:3] == [values[3], values[2]]


def test_structs_whole():
    x = filled()
    assert [s.x for s in ffi.unpack(x)] == [0.5, 1.5, 2.5, 3.5]
    assert ffi.unpack(x, 2, "pos")[1].x == 1.0
    assert [v.y for v in ffi.unpack(x, 1, "vs")[0]] == [1.0, 2.0, 3.0]
    assert ffi.column(x, "pos")[3].x == 3.0
    y = ffi.new("struct p[4]")
    ffi.pack(y, [(1, 2), {"y": 3}], "pos")
    assert (y[0].pos.x, y[0].pos.y, y[1].pos.y) == (1, 2, 3)
    ffi.pack(y, x)
    assert bytes(y) == bytes(x)


def test_several_fields():
    x = filled()
    xs, names = ffi.unpack(x, fields=("x", "name"))
    assert xs == [0.5, 1.5, 2.5, 3.5] and names[2] == b"n2\0\0\0\0"
    assert ffi.unpack(x, 1, ["x"]) == ([0.5],)
    y = ffi.new("struct p[4]")
    assert ffi.pack(y, (xs[:3], names), ("x", "name")) == 4
    assert ffi.unpack(y, fields="x") == [0.5, 1.5, 2.5, 0.0]
    with pytest.raises(ValueError, match="1 columns for 2 names"):
        ffi.pack(y, (xs,), ("x", "name"))
    assert ffi.pack(y, (), ()) == 0


def test_arrays_of_arrays():
    x = ffi.new("struct v[2][3]")
    c = ffi.column(x, "y")
    assert c.shape == (2, 3) and c.strides == (24, 8)
    c[1] = [1, 2, 3]
    assert x[1][2].y == 3.0 and c.tolist() == [[0, 0, 0], [1, 2, 3]]
    assert ffi.unpack(x, fields="y") == c.tolist()
    assert ffi.pack(x, [[7, 8, 9]], "x") == 1 and x[0][1].x == 8


# --- pack ----------------------------------------------------------------------------------


@pytest.mark.parametrize("item", ["double", "int", "uint8_t", "int64_t", "float"])
@pytest.mark.parametrize("code", "bBhHiIlLqQfd")
def test_buffers_of_every_kind(item, code):
    """Copied where items fit, else converted one by one, with C's checks."""
    x = ffi.new(item + "[5]")
    source = array.array(code, [1, 2, 3])
    if code in "fd" and item not in ("double", "float"):
        with pytest.raises(TypeError, match="item 0"):
            ffi.pack(x, source)
        return
    assert ffi.pack(x, source) == 3
    assert ffi.unpack(x) == [1, 2, 3, 0, 0]
    assert ffi.pack(x, memoryview(source)[::2]) == 2
    assert ffi.unpack(x) == [1, 3, 3, 0, 0]


def test_text():
    x = ffi.new("char[4]")
    assert ffi.pack(x, b"abc") == 3
    assert ffi.unpack(x) == b"abc\0"
    w = ffi.new("wchar_t[4]")
    assert ffi.pack(w, "h\u00e9") == 2 and ffi.string(w) == "h\u00e9"
    y = filled()
    ffi.pack(y, [b"", b"123456"], "name")
    assert ffi.unpack(y, fields="name")[:3] == [b"\0" * 6, b"123456", b"n2\0\0\0\0"]
    with pytest.raises(IndexError, match="item 1: 7 characters for 6"):
        ffi.pack(y, [b"", b"1234567"], "name")


@pytest.mark.parametrize("item, values, error, message", [
    ("int", [1, 2, 3, 4, 5], IndexError, "^5 values for 4 items$"),
    ("int", range(9), IndexError, "9 values"), ("int", array.array("i", range(5)), IndexError, "5 val"),
    ("int", iter(range(5)), IndexError, "5 values"),
    ("uint8_t", [1, 2, 256], OverflowError, "^item 2: integer 256 does not fit"),
    ("uint8_t", [1, -1], OverflowError, "item 1"), ("signed char", [128], OverflowError, "item 0"),
    ("short", [0, 1 << 40], OverflowError, "item 1"), ("int", [2**31], OverflowError, "item 0"),
    ("uint64_t", [0, -1], OverflowError, "item 1"), ("int64_t", [1 << 63], OverflowError, "item 0"),
    ("int", [0, 1.5], TypeError, "item 1"), ("double", [0.0, "x"], TypeError, "item 1"),
    ("int *", [ffi.NULL, 0], TypeError, "item 1"), ("uint8_t", array.array("i", [1, 300]), OverflowError, "item 1"),
    ("int", 5, TypeError, None), ("int", None, TypeError, None),
    ("double", [b"x"], TypeError, "item 0"), ("_Bool", [2], OverflowError, "item 0"),
])
def test_refused_values(item, values, error, message):
    x = ffi.new(item + "[4]")
    with pytest.raises(error, match=message):
        ffi.pack(x, values)


def test_what_stands_before_an_error_is_written():
    x = ffi.new("int[4]", [9, 9, 9, 9])
    with pytest.raises(OverflowError):
        ffi.pack(x, [1, 2, 1 << 40, 3])
    assert list(x) == [1, 2, 9, 9]
    with pytest.raises(IndexError):
        ffi.pack(x, [5] * 5)
    assert list(x) == [1, 2, 9, 9]


@pytest.mark.parametrize("call, error, message", [
    (lambda x: ffi.unpack(x, fields="nope"), KeyError, "has no member 'nope'"),
    (lambda x: ffi.unpack(x, fields="x.y"), KeyError, "'double' has no member 'y'"),
    (lambda x: ffi.unpack(x, fields="pos."), KeyError, "no member ''"),
    (lambda x: ffi.unpack(x, fields=5), TypeError, "is a str, not int"),
    (lambda x: ffi.unpack(x, -1, "x"), ValueError, "negative"),
    (lambda x: ffi.column(x, "b1"), TypeError, r"'struct p.b1' is a bit-field"),
    (lambda x: ffi.column(x, "b1.x"), TypeError, "bit-field"),
    (lambda x: ffi.column(x, "x", 5), IndexError, "length is 5"),
    (lambda x: ffi.column(ffi.cast("struct p *", x), "x"), ValueError, "nobody knows"),
    (lambda x: ffi.column(ffi.new("struct open[2]"), "items"), TypeError, "without length"),
    (lambda x: ffi.column(ffi.cast("struct p *", 0), "x", 1), RuntimeError, "NULL"),
    (lambda x: ffi.column(ffi.cast("struct opaque *", 8), "x", 1), ValueError, "unknown size"),
    (lambda x: ffi.column(x[0], "x"), TypeError, "expected a pointer or array"),
    (lambda x: ffi.column(5, "x"), TypeError, "cdata"),
    (lambda x: ffi.pack(x, [1], "b1.q"), TypeError, "bit-field"),
    (lambda x: ffi.pack(x, [99], "b1"), OverflowError, "item 0: value 99 outside"),
    (lambda x: ffi.pack(x, [1] * 5, "b1"), IndexError, "5 values for 4 items"),
    (lambda x: ffi.pack(x, [[[1, 2, 3]]], "m"), IndexError, "item 0: 1 values for 2 items"),
    (lambda x: ffi.pack(ffi.new("struct c[2]"), [1], "fixed"), TypeError, "read-only"),
    (lambda x: ffi.pack(ffi.from_buffer("int[]", bytes(8)), [1]), TypeError, "read-only"),
    (lambda x: ffi.pack(ffi.cast("int *", 0), [1]), RuntimeError, "NULL"),
    (lambda x: ffi.pack([1], [1]), TypeError, "cdata"),
])
def test_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(filled())


def test_conversion_that_changes_the_list():
    """Python code that runs in the middle may do what it likes with the list."""
    x = ffi.new("int[6]")

    class Shrink:
        def __index__(self):
            del values[:]
            return 7

    class Grow:
        def __index__(self):
            values.extend([1] * 1000)
            return 8
        __int__ = __index__
    Shrink.__int__ = Shrink.__index__
    values = [1, Shrink(), 3, 4]
    assert ffi.pack(x, values) == 2 and list(x)[:3] == [1, 7, 0]
    values = [1, Grow(), 3, 4]
    assert ffi.pack(x, values) == 4 and list(x) == [1, 8, 3, 4, 0, 0]


def test_conversion_that_releases_the_memory():
    x = ffi.gc(ffi.new("int[4]"), lambda p: None)

    class Release:
        def __index__(self):
            ffi.release(x)
            return 1
        __int__ = __index__
    with pytest.raises(BufferError):
        ffi.pack(x, [1, Release()])
    ffi.release(x)
    with pytest.raises(BufferError, match="released"):
        ffi.pack(x, [1])


class Mine(Exception):
    pass


def test_an_exception_of_ones_own():
    class Raises:
        def __float__(self):
            raise Mine("as it is")
    with pytest.raises(Mine, match="^as it is$"):
        ffi.pack(ffi.new("double[3]"), [1, Raises()])


@settings(deadline=None, max_examples=100)
@given(st.integers(2, 12).flatmap(lambda n: st.tuples(
    st.just(n), st.integers(0, n), st.integers(0, n), st.integers(1, 4), st.booleans())))
def test_overlapping_copies(case):
    """From one part of an array into another, as if all were read first."""
    n, start, target, step, backwards = case
    x = ffi.new("int[]", list(range(n)))
    source = memoryview(x)[start::step]
    wanted = list(range(n))[start::step]
    if backwards:
        source, wanted = source[::-1], wanted[::-1]
    m = min(n - target, len(source))
    assert ffi.pack(x + target, source[:m]) == m
    expected = list(range(n))
    expected[target:target + m] = wanted[:m]
    assert list(x) == expected


def test_reversed_columns_of_one_array():
    x = ffi.new("struct v[5]", [[i, 10 + i] for i in range(5)])
    c = ffi.column(x, "x")
    c[:] = c[::-1]
    assert c.tolist() == [4, 3, 2, 1, 0]
    c[1:] = c[:-1]
    assert c.tolist() == [4, 4, 3, 2, 1]
    c[:-1] = ffi.column(x, "y")[1:]
    assert c.tolist() == [11, 12, 13, 14, 1]


# --- views ---------------------------------------------------------------------------------


def test_view_as_a_sequence():
    x = ffi.new("struct v[4]", [[i, -i] for i in range(4)])
    c = ffi.column(x, "x")
    assert (c[0], c[-1], list(c), 2.0 in c) == (0.0, 3.0, [0, 1, 2, 3], True)
    assert repr(c) == "<jiffi.View of 'float', shape (4,)>"
    assert c[1:3].tolist() == [1, 2] and c[::-2].tolist() == [3, 1] and c[5:].tolist() == []
    assert c[::-1][::-1].tolist() == c.tolist() and list(reversed(c)) == [3, 2, 1, 0]
    assert c.item is ffi.typeof("float")
    c[-1] = 8
    assert x[3].x == 8
    c[0:2] = (5, 6)
    assert [v.x for v in x] == [5, 6, 2, 8]
    m = memoryview(c)
    assert m.tolist() == [5, 6, 2, 8] and m.strides == (8,) and not m.contiguous
    assert memoryview(c[1:2]).contiguous
    with pytest.raises(BufferError, match="do not lie one after the other"):
        ffi.from_buffer(c)
    assert ffi.from_buffer("float[]", c[1:2])[0] == 6
    assert ffi.column(x, "x", 0).tolist() == []
    for wrong, error in [(4, IndexError), (-5, IndexError), ("x", TypeError), (1.0, TypeError),
                         (1 << 80, IndexError)]:
        with pytest.raises(error):
            c[wrong]
        with pytest.raises(error):
            c[wrong] = 1
    with pytest.raises(IndexError, match="1 values for 2 items"):
        c[0:2] = [1]
    with pytest.raises(TypeError, match="cannot be deleted"):
        del c[0]
    with pytest.raises(TypeError):
        type(c)()


def test_view_of_constants():
    c = ffi.column(ffi.new("struct c[3]"), "fixed")
    assert c.readonly and "read-only" in repr(c) and memoryview(c).readonly
    with pytest.raises(TypeError, match="read-only"):
        c[0] = 1
    with pytest.raises(TypeError, match="read-only"):
        c[1:] = [1, 2]


def test_view_keeps_its_memory():
    x = ffi.new("struct v[3]")
    gone = weakref.ref(x)
    c = ffi.column(x, "y")
    part = c[1:]
    m = memoryview(part)
    del x, c, part
    gc.collect()
    assert gone() is not None
    assert m.tolist() == [0, 0]
    del m
    gc.collect()
    assert gone() is None


def test_item_of_a_view_keeps_its_memory():
    x = ffi.new("struct p[3]")
    gone = weakref.ref(x)
    pos = ffi.column(x, "pos")[1]
    ps = ffi.unpack(x, fields="pos")
    del x
    gc.collect()
    assert gone() is not None and pos.x == 0 and ps[0].x == 0
    del pos, ps
    gc.collect()
    assert gone() is None


def test_large():
    n = 100_000
    x = ffi.new("struct v[]", n)
    ffi.pack(x, range(n), "y")
    assert ffi.unpack(x, fields="y") == list(map(float, range(n)))
    assert sum(ffi.column(x, "y")) == n * (n - 1) / 2
    assert ffi.pack(x, itertools.repeat(0.0, n), "y") == n
    assert not any(ffi.unpack(x, n, "y"))
