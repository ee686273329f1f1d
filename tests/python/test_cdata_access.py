# SPDX-License-Identifier: MIT
"""cdata: items, members, slices, arithmetic, comparison, numbers, repr."""

import gc
import sys
import weakref

import pytest

from jiffi import FFI

DECLS = """
struct point { int x, y; };
struct outer { struct point in; struct point many[3]; struct point *to; int row[4]; };
struct bits { int a : 3; unsigned b : 5; int one : 1; unsigned long long wide : 40; _Bool f : 1; };
struct __attribute__((packed)) tight { unsigned a : 7; unsigned b : 32; unsigned c : 9; };
struct open { int n; short items[]; };
struct nest { char c; struct open tail; };
struct hidden;
struct lifted { int before; union { int u; float f; }; };
enum level { LOW = -1, MID, HIGH = 10 };
typedef float vec __attribute__((vector_size(16)));
"""


@pytest.fixture(scope="module")
def ffi():
    ffi = FFI()
    ffi.cdef(DECLS)
    return ffi


# --- members ------------------------------------------------------------------------


def test_members(ffi):
    p = ffi.new("struct point *")
    assert (p.x, p.y) == (0, 0)
    p.x, p.y = 3, -4
    assert (p.x, p[0].y) == (3, -4)
    p[0].y = 9
    assert p.y == 9
    assert dir(p) == dir(p[0]) == ["x", "y"]
    assert dir(ffi.new("int *")) == []


def test_names_built_at_run_time(ffi):
    p = ffi.new("struct point *", [1, 2])
    assert getattr(p, "".join(["", "x"])) == 1
    setattr(p, "".join(["", "y"]), 7)
    assert p.y == 7
    with pytest.raises(AttributeError):
        getattr(p, "".join(["n", "o", str(gc.get_count())]))


def test_nested_members_share_memory(ffi):
    o = ffi.new("struct outer *")
    getattr(o, "in").x = 5
    assert getattr(o[0], "in").x == 5
    o.many[2].y = 8
    assert o.many[2].y == 8
    o.row[1] = 4
    assert list(o.row) == [0, 4, 0, 0]
    setattr(o, "in", {"x": 1, "y": 2})
    o.many = [[1], [2, 3]]
    assert [(p.x, p.y) for p in o.many] == [(1, 0), (2, 3), (0, 8)]
    o.to = o.many
    assert o.to[1].y == 3
    o.to = ffi.NULL
    assert o.to == ffi.NULL


def test_struct_copies(ffi):
    a = ffi.new("struct point *", [1, 2])
    b = ffi.new("struct point *")
    b[0] = a[0]
    assert (b.x, b.y) == (1, 2)
    a[0] = a[0]
    many = ffi.new("struct point[2]", [a[0], b[0]])
    many[1] = {"x": 7}
    assert (many[1].x, many[1].y) == (7, 2)
    with pytest.raises(TypeError, match="initializer for ctype 'struct point' must be a "
                       r"list or tuple or dict or struct-cdata, not cdata 'struct point \*'"):
        b[0] = a


def test_lifted_members(ffi):
    p = ffi.new("struct lifted *", {"before": 1, "f": 1.0})
    assert p.u == 0x3f800000
    p.u = 0
    assert p.f == 0.0


@pytest.mark.parametrize("name, values, bad", [
    ("a", [-4, 3, 0], [4, -5, 2 ** 70]),
    ("b", [0, 31], [32, -1]),
    ("one", [0, -1], [2, -2]),
    ("wide", [0, 2 ** 40 - 1, 12345678901], [2 ** 40, -1]),
    ("f", [0, 1], [2, -1]),
])
def test_bit_fields(ffi, name, values, bad):
    p = ffi.new("struct bits *")
    for v in values:
        setattr(p, name, v)
        assert getattr(p, name) == v
        others = [n for n in dir(p) if n != name]
        assert [getattr(p, n) for n in others] == [0] * len(others)
    for v in bad:
        with pytest.raises(OverflowError, match="outside the range allowed by the bit field"):
            setattr(p, name, v)
    with pytest.raises(TypeError):
        setattr(p, name, 1.0)


def test_one_bit_takes_one(ffi):
    p = ffi.new("struct bits *")
    p.one = 1
    assert p.one == -1


def test_straddling_bit_fields(ffi):
    p = ffi.new("struct tight *")
    assert ffi.sizeof("struct tight") == 6
    p.b = 0xdeadbeef
    p.c = 0x155
    assert (p.a, p.b, p.c) == (0, 0xdeadbeef, 0x155)
    p.a = 0x7f
    p.b = 0
    assert (p.a, p.b, p.c) == (0x7f, 0, 0x155)


# --- open arrays ------------------------------------------------------------------------


@pytest.mark.parametrize("init, n", [
    ([3, [1, 2, 3]], 3), ({"items": 5}, 5), ((1, (4,)), 1), ({"n": 2}, 0),
])
def test_open_arrays(ffi, init, n):
    p = ffi.new("struct open *", init)
    assert ffi.sizeof(p[0]) == max(ffi.sizeof("struct open"), 4 + 2 * n)
    assert repr(p) == "<cdata 'struct open *' owning %d bytes>" % ffi.sizeof(p[0])
    assert len(p.items) == n == len(p[0].items)
    for i in range(n):
        p.items[i] = i + 10
    assert list(p.items) == list(range(10, 10 + n))
    with pytest.raises(IndexError):
        p.items[n]
    with pytest.raises(IndexError):
        p.items = [0] * (n + 1)


def test_open_array_of_unknown_size(ffi):
    p = ffi.new("struct open *", [1, [5, 6]])
    q = ffi.cast("struct open *", p)
    assert repr(q.items).startswith("<cdata 'short *' 0x")
    assert q.items[1] == 6


def test_open_array_deeper(ffi):
    p = ffi.new("struct nest *", [b"a", [2, [7, 8]]])
    assert ffi.sizeof(p[0]) >= 4 + 4 + 4
    assert p.tail.items[1] == 8


# --- items and slices ----------------------------------------------------------------------


def test_items(ffi):
    a = ffi.new("int[5]", [1, 2, 3])
    assert [a[i] for i in range(5)] == [1, 2, 3, 0, 0]
    assert len(a) == 5 and list(a) == [1, 2, 3, 0, 0]
    p = ffi.cast("int *", a)
    p[4] = 9
    assert a[4] == 9 and (p + 4)[0] == 9 and (p + 5)[-1] == 9
    assert a[True] == 2


@pytest.mark.parametrize("make, key, error, text", [
    ("int[5]", 5, IndexError, r"index too large for cdata 'int\[5\]' \(expected 5 < 5\)"),
    ("int[5]", -1, IndexError, "negative index"),
    ("int[5]", 2 ** 70, IndexError, "cannot fit 'int' into an index-sized integer"),
    ("int[5]", "x", TypeError, None),
    ("int[5]", 1.0, TypeError, None),
    ("int *", 1, IndexError, r"cdata 'int \*' can only be indexed by 0"),
    ("int[5]", slice(1, None), IndexError, "slice stop must be specified"),
    ("int[5]", slice(None, 1), IndexError, "slice start must be specified"),
    ("int[5]", slice(0, 4, 2), IndexError, "slice with step not supported"),
    ("int[5]", slice(3, 2), IndexError, "slice start > stop"),
    ("int[5]", slice(-1, 2), IndexError, "negative index"),
    ("int[5]", slice(0, 6), IndexError, r"index too large \(expected 6 <= 5\)"),
])
def test_bad_items(ffi, make, key, error, text):
    a = ffi.new(make)
    with pytest.raises(error, match=text):
        a[key]
    with pytest.raises(error, match=text):
        a[key] = [] if isinstance(key, slice) else 0


def test_not_indexable(ffi):
    for x in (ffi.cast("int", 3), ffi.new("struct point *")[0]):
        for use in (lambda: x[0], lambda: x[0:1], lambda: len(x), lambda: iter(x),
                    lambda: x + 1):
            with pytest.raises(TypeError):
                use()
    with pytest.raises(TypeError, match="'del x.n.' not supported"):
        del ffi.new("int[2]")[0]
    with pytest.raises(AttributeError, match="cannot delete struct field"):
        del ffi.new("struct point *").x


def test_null(ffi):
    p = ffi.cast("struct point *", 0)
    for use in (lambda: p.x, lambda: p[0], lambda: p[0:2], lambda: setattr(p, "x", 1),
                lambda: p.__setitem__(0, [1])):
        with pytest.raises(RuntimeError,
                           match=r"cannot dereference null pointer from cdata 'struct point \*'"):
            use()


def test_slices(ffi):
    a = ffi.new("int[5]", [0, 1, 2, 3, 4])
    s = a[1:4]
    assert repr(s) == "<cdata 'int[]' sliced length 3>" and len(s) == 3
    s[0] = 10
    assert a[1] == 10
    with pytest.raises(IndexError):
        s[3]
    a[0:2] = [7, 8]
    a[2:5] = iter((4, 5, 6))
    assert list(a) == [7, 8, 4, 5, 6]
    a[0:3] = a[2:5]
    assert list(a) == [4, 5, 6, 5, 6]
    assert list(ffi.cast("int *", a)[-0:2]) == [4, 5]
    with pytest.raises(ValueError, match="need 3 values to unpack, got 2"):
        a[0:3] = [1, 2]
    with pytest.raises(ValueError, match="got more than 1 values to unpack"):
        a[0:1] = [1, 2]
    c = ffi.new("char[]", b"hello")
    c[0:2] = b"HE"
    c[2:4] = bytearray(b"LL")
    assert ffi.string(c) == b"HELLo"
    with pytest.raises(ValueError, match="need a string of length 2, got 3"):
        c[0:2] = b"abc"


def test_vectors_are_arrays(ffi):
    v = ffi.new("vec *", [1, 2, 3, 4])
    assert list(v[0]) == [1.0, 2.0, 3.0, 4.0]
    v[0][1] = 9
    assert v[0][1] == 9.0 and len(v[0]) == 4


# --- arithmetic and comparison ------------------------------------------------------------------


def test_arithmetic(ffi):
    a = ffi.new("short[10]")
    p = a + 3
    assert ffi.typeof(p) is ffi.typeof("short *")
    assert p - a == 3 and (p - 1) - a == 2 and (2 + a) - a == 2
    assert (a + 1) - (a + 4) == -3
    v = ffi.cast("void *", a)
    assert ffi.cast("char *", v + 6) == ffi.cast("char *", p)
    with pytest.raises(TypeError, match=r"cannot subtract cdata 'short \*' and cdata 'int \*'"):
        p - ffi.cast("int *", a)
    with pytest.raises(ValueError, match="not a multiple of the item size"):
        ffi.cast("short *", ffi.cast("char *", a) + 1) - p
    with pytest.raises(TypeError, match="points to items of unknown size"):
        ffi.cast("struct hidden *", a) + 1
    with pytest.raises(TypeError):
        1 - p
    with pytest.raises(TypeError):
        p + 1.5


def test_comparison(ffi):
    a = ffi.new("int[4]")
    p = ffi.cast("int *", a)
    assert p == a and not p != a and p < p + 1 and p + 1 > a and p <= a and p >= a
    assert p != 0 and not p == 0
    with pytest.raises(TypeError):
        p < 5
    assert ffi.cast("int", 5) == 5 == ffi.cast("long", 5)
    assert ffi.cast("int", 5) < 6 and ffi.cast("char", b"b") == b"b"
    assert ffi.cast("double", 1.5) == 1.5
    assert hash(p) == hash(a) and hash(ffi.cast("int", 5)) == hash(5)
    assert {ffi.cast("int", 5): 1}[5] == 1
    with pytest.raises(NotImplementedError, match="cannot use <cdata 'long double'> in a"):
        ffi.cast("long double", 1) == 1


@pytest.mark.parametrize("type_, value, truth", [
    ("int", 0, False), ("int", 256, True), ("char", b"\0", False), ("double", 0.0, False),
    ("double", -0.0, False), ("float", 1e-30, True), ("long double", 0, False),
    ("void *", 0, False), ("void *", 1, True), ("_Bool", 1, True), ("double _Complex", 0j, False),
    ("double _Complex", 1j, True),
])
def test_truth(ffi, type_, value, truth):
    assert bool(ffi.cast(type_, value)) is truth


@pytest.mark.parametrize("type_, value, number", [
    ("int", -5, -5), ("unsigned char", 300, 44), ("char", b"\xff", 255), ("wchar_t", "\u1234", 0x1234),
    ("char16_t", "\uffff", 0xffff), ("float", 2.75, 2), ("_Bool", 7, 1), ("enum level", 10, 10),
    ("__int128", -2 ** 100, -2 ** 100), ("unsigned __int128", -1, 2 ** 128 - 1),
    ("long double", 3.5, 3),
])
def test_int(ffi, type_, value, number):
    i = int(ffi.cast(type_, value))
    assert i == number and type(i) is int


def test_float_and_complex(ffi):
    assert float(ffi.cast("float", 1.5)) == 1.5
    assert float(ffi.cast("long double", 1.25)) == 1.25
    assert complex(ffi.cast("float _Complex", 1 + 2j)) == 1 + 2j
    for use in (lambda: float(ffi.cast("int", 1)), lambda: complex(ffi.cast("double", 1)),
                lambda: int(ffi.new("int *")), lambda: float(ffi.new("int *"))):
        with pytest.raises(TypeError, match=r"(int|float|complex)\(\) not supported on cdata"):
            use()


# --- repr -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make, text", [
    (lambda f: f.cast("int", 42), "<cdata 'int' 42>"),
    (lambda f: f.cast("char", b"a"), "<cdata 'char' b'a'>"),
    (lambda f: f.cast("double", 2.5), "<cdata 'double' 2.5>"),
    (lambda f: f.cast("_Bool", 2), "<cdata '_Bool' True>"),
    (lambda f: f.cast("enum level", 10), "<cdata 'enum level' 10: HIGH>"),
    (lambda f: f.cast("enum level", 7), "<cdata 'enum level' 7>"),
    (lambda f: f.cast("long double", 1.5), "<cdata 'long double' 1.500000E+00>"),
    (lambda f: f.cast("void *", 0), "<cdata 'void *' NULL>"),
    (lambda f: f.NULL, "<cdata 'void *' NULL>"),
    (lambda f: f.cast("int *", 0x1234), "<cdata 'int *' 0x1234>"),
    (lambda f: f.new("int *"), "<cdata 'int *' owning 4 bytes>"),
    (lambda f: f.new("char *"), "<cdata 'char *' owning 1 bytes>"),
    (lambda f: f.new("int[]", 5), "<cdata 'int[]' owning 20 bytes>"),
    (lambda f: f.new("int[3]"), "<cdata 'int[3]' owning 12 bytes>"),
    (lambda f: f.new("struct point *"), "<cdata 'struct point *' owning 8 bytes>"),
    (lambda f: f.new("struct point *")[0], "<cdata 'struct point' owning 8 bytes>"),
    (lambda f: f.cast("struct point *", 16)[0], "<cdata 'struct point &' 0x10>"),
    (lambda f: f.new("double _Complex *", 1j)[0], "1j"),
])
def test_repr(ffi, make, text):
    assert repr(make(ffi)) == text


def test_sizes_of_objects(ffi):
    # Python's allocator hands out multiples of 16: the sixth word costs nothing.
    assert sys.getsizeof(ffi.cast("int *", 1)) == 48 or hasattr(sys, "_is_gil_enabled")


# --- lifetime ---------------------------------------------------------------------------------------


def test_parts_keep_the_whole(ffi):
    p = ffi.new("struct outer *")
    p.many[1].x = 77
    ref = weakref.ref(p)
    part = p[0].many[1:3][0]
    del p
    gc.collect()
    assert ref() is not None and part.x == 77
    part = None
    assert ref() is None


def test_weakrefs_and_deletion(ffi):
    for make in ("int *", "int[]", "struct point *"):
        x = ffi.new(make, 3 if make == "int[]" else None)
        ref = weakref.ref(x)
        assert ref() is x
        del x
        assert ref() is None


def test_no_leak(ffi):
    int_p = ffi.typeof("int *")
    p = ffi.new("struct outer *")
    before = sys.getrefcount(int_p), sys.getrefcount(ffi.typeof("struct point"))
    for _ in range(1000):
        ffi.new(int_p)
        p.many[1].x
        p.row[0:2]
        p[0]
        p.to
        for use in (lambda: p.row[9], lambda: p.nothing, lambda: ffi.new(int_p, "x")):
            with pytest.raises((IndexError, AttributeError, TypeError)):
                use()
    gc.collect()
    assert (sys.getrefcount(int_p), sys.getrefcount(ffi.typeof("struct point"))) == before


NOT_FUNCTIONS = [
    lambda f: f.new("int *"), lambda f: f.new("int[10]"), lambda f: f.new("int[]", 1000),
    lambda f: f.new("struct outer *").many, lambda f: f.new("struct point *")[0],
    lambda f: f.new("int[]", 1000)[0:999], lambda f: f.cast("int *", 4096)[0:999],
    lambda f: f.cast("int", 7), lambda f: f.cast("double", 7), lambda f: f.NULL,
    lambda f: f.cast("int *", 4096), lambda f: f.cast("struct point *", 4096)[0],
    lambda f: f.from_buffer(bytearray(999)), lambda f: f.new_handle(f),
    lambda f: f.gc(f.new("int[]", 999), len), lambda f: f.new_allocator()("char[]", 999),
    lambda f: f.new("int(**)(int)"), lambda f: f.cast("long double", 1),
]


@pytest.mark.parametrize("make", NOT_FUNCTIONS)
@pytest.mark.parametrize("call", [
    lambda o: o(), lambda o: o(1), lambda o: o(1, 2), lambda o: o(a=1), lambda o: o(*[1]),
    lambda o: next(map(o, [1])), lambda o: sorted([2, 1], key=o)])
def test_what_is_no_function_is_not_called(ffi, make, call):
    value = make(ffi)
    with pytest.raises(TypeError, match="is not callable"):
        call(value)


@pytest.mark.parametrize("attempt", [
    lambda f: f.CData(), lambda f: type("Sub", (f.CData,), {}), lambda f: f.cast("int", 1)(),
    lambda f: f.new("int *")(),
    # CPython 3.9 has no immutable heap types: there the name would be set.
    *([lambda f: setattr(f.CData, "x", 1)] if sys.version_info >= (3, 10) else []),
])
def test_closed(ffi, attempt):
    with pytest.raises(TypeError):
        attempt(ffi)
