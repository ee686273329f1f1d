# SPDX-License-Identifier: MIT
"""C memory as NumPy arrays: asarray, dtype and back, DLPack, structured arrays."""

import gc
import weakref

import pytest

from jiffi import FFI

np = pytest.importorskip("numpy")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

ffi = FFI()
ffi.cdef("""
    struct in_ { int a; double b; };
    union u_ { int i; double d; char c[11]; };
    struct all { char c; double x; short m[2][3]; struct in_ q; union u_ u; char name[10];
        struct { int an; float af; }; int b1:3, b2:7; long double ld; double _Complex z;
        _Bool t; wchar_t w[4]; struct in_ two[2]; union { int ai; float aj; }; float end; };
    struct node { struct node *next; int *p; void *v; int (*f)(int); int n; };
    struct __attribute__((packed)) packed { char c; double d; };
    struct flex { int n; short items[]; };
    struct opaque;
""")


def same_place(a, x):
    return a.__array_interface__["data"][0] == int(ffi.cast("intptr_t", x))


# --- by the buffer protocol ----------------------------------------------------------------


@pytest.mark.parametrize("declaration, dtype, shape", [
    ("int8_t[3]", "i1", (3,)), ("uint16_t[3]", "u2", (3,)), ("int[2][3]", "i4", (2, 3)),
    ("int64_t[3]", "i8", (3,)), ("unsigned long long[3]", "u8", (3,)), ("_Bool[3]", "?", (3,)),
    ("_Float16[3]", "f2", (3,)), ("float[3]", "f4", (3,)), ("double[2][3][4]", "f8", (2, 3, 4)),
    ("long double[3]", "g", (3,)), ("float _Complex[3]", "c8", (3,)),
    ("double _Complex[3]", "c16", (3,)), ("char[3]", "S1", (3,)), ("wchar_t[3]", "U1", (3,)),
    ("int *", "i4", (1,)), ("int[0]", "i4", (0,))])
def test_asarray_of_numpy(declaration, dtype, shape):
    x = ffi.new(declaration)
    for a in (np.asarray(x), ffi.asarray(x)):
        assert (a.dtype, a.shape) == (np.dtype(dtype), shape)
        assert a.flags.writeable and a.flags.aligned and a.flags.c_contiguous
        assert same_place(a, x) or not a.size
        assert ffi.dtype(ffi.typeof(x)).base == a.dtype or declaration == "int *" or a.dtype.kind in "SU"


def test_structured_array():
    n = 1000
    x = ffi.new("struct all[]", n)
    a = np.asarray(x)
    assert a.shape == (n,) and a.itemsize == ffi.sizeof("struct all") and same_place(a, x)
    for name, field in ffi.typeof("struct all").fields:
        if name in a.dtype.names:
            assert a.dtype.fields[name][1] == field.offset
            assert a.dtype.fields[name][0].itemsize == ffi.sizeof(field.type)
    assert set(dict(ffi.typeof("struct all").fields)) - set(a.dtype.names) == {"b1", "b2", "ai", "aj"}
    a["x"] = np.arange(n)
    a["q"]["b"][5] = 2.5
    a["m"][7] = [[1, 2, 3], [4, 5, 6]]
    a["name"][3] = b"hello"
    a["w"][3] = "w\u00e9"
    assert x[999].x == 999 and x[5].q.b == 2.5 and x[7].m[1][2] == 6
    assert ffi.string(x[3].name) == b"hello" and ffi.string(x[3].w) == "w\u00e9"
    x[4].u.d = 0.5
    assert a["u"][4].tobytes()[:8] == np.float64(0.5).tobytes()


def test_asarray_has_more_than_buffers():
    """Unions with their members, pointers as integers."""
    x = ffi.new("struct all[3]")
    a = ffi.asarray(x)
    assert {"ai", "aj"} <= set(a.dtype.names) and a.dtype["u"].names == ("i", "d", "c")
    a["ai"][1] = 0x3F800000
    assert a["aj"][1] == 1.0 == x[1].aj
    keep = ffi.new("int *", 5)
    n = ffi.new("struct node[2]", [{"p": keep}])
    a = ffi.asarray(n)
    assert a["p"][0] == int(ffi.cast("uintptr_t", keep)) and a.dtype["f"] == np.uintp
    assert ffi.asarray(ffi.new("union u_[2]"))["d"].tolist() == [0, 0]
    assert np.asarray(n)["p"].tolist() == a["p"].tolist()


# --- dtype ---------------------------------------------------------------------------------


@pytest.mark.parametrize("declaration, expected", [
    ("int", "i4"), ("unsigned char", "u1"), ("char", "S1"), ("char[5]", "S5"), ("wchar_t", "U1"),
    ("wchar_t[4]", "U4"), ("char16_t[3]", ("u2", (3,))), ("int[3]", ("i4", (3,))),
    ("int[2][3]", ("i4", (2, 3))), ("char[3][5]", ("S5", (3,))), ("void *", np.uintp),
    ("int(*)(int)", np.uintp), ("__int128", "V16"), ("long double", "g"), ("_Bool", "?"),
    ("struct packed", {"names": ["c", "d"], "formats": ["S1", "f8"], "offsets": [0, 1], "itemsize": 9}),
    ("struct in_", {"names": ["a", "b"], "formats": ["i4", "f8"], "offsets": [0, 8], "itemsize": 16}),
    ("union u_", {"names": ["i", "d", "c"], "formats": ["i4", "f8", "S11"], "offsets": [0, 0, 0],
                  "itemsize": 16}),
    ("struct flex", {"names": ["n"], "formats": ["i4"], "offsets": [0], "itemsize": 4}),
])
def test_dtype(declaration, expected):
    d = ffi.dtype(declaration)
    assert d == np.dtype(expected)
    assert d.itemsize == ffi.sizeof(declaration)
    assert ffi.dtype(ffi.typeof(declaration)) == d
    assert np.zeros(3, d).nbytes == 3 * d.itemsize


def test_alignment_is_cs():
    for t in ("struct in_", "union u_", "struct packed", "struct node", "struct all"):
        assert ffi.dtype(t).alignment == ffi.alignof(t), t
    assert ffi.dtype("struct in_").isalignedstruct and not ffi.dtype("struct packed").isalignedstruct


def test_dtype_of_cdata():
    assert ffi.dtype(ffi.new("struct in_[4]")) == np.dtype((ffi.dtype("struct in_"), 4))
    with pytest.raises(TypeError, match="'struct opaque' has no size|incomplete|opaque"):
        ffi.dtype("struct opaque")
    with pytest.raises(TypeError, match="no size"):
        ffi.dtype("int[]")
    with pytest.raises(TypeError, match="no size"):
        ffi.dtype("void")
    with pytest.raises(TypeError):
        ffi.dtype(5)


SCALARS = {"char": "S1", "signed char": "i1", "unsigned short": "u2", "int": "i4", "int64_t": "i8",
           "float": "f4", "double": "f8", "long double": "g", "_Bool": "?", "float _Complex": "c8",
           "double _Complex": "c16", "_Float16": "f2", "void *": "uintp"}


def members(depth):
    """[(C with %s for the name, ...)] of a struct."""
    base = st.sampled_from(sorted(SCALARS))
    dims = st.lists(st.integers(1, 3), max_size=2)
    plain = st.tuples(base, dims).map(
        lambda t: "%s %%s%s" % (t[0], "".join("[%d]" % n for n in t[1])))
    if not depth:
        return st.lists(plain, min_size=1, max_size=5)
    nested = st.tuples(st.sampled_from(["struct", "union"]), members(depth - 1), dims).map(
        lambda t: "%s { %s; } %%s%s" % (
            t[0], "; ".join(m % ("n%d" % i) for i, m in enumerate(t[1])),
            "".join("[%d]" % n for n in t[2])))
    return st.lists(st.one_of(plain, plain, nested), min_size=1, max_size=5)


layouts = st.tuples(members(2), st.sampled_from(["", "__attribute__((packed)) "]),
                    st.sampled_from(["struct", "union"]), st.sampled_from([None, 1, 2, 4]))


def declare(layout):
    rows, packed, kind, pack = layout
    f = FFI()
    f.cdef("%s %ss { %s; };" % (kind, packed, "; ".join(
        m % ("m%d" % i) for i, m in enumerate(rows))), pack=pack)
    return f, f.typeof(kind + " s")


def same_layout(f, ctype, dtype):
    """Every member where C has it, at every depth."""
    assert dtype.itemsize == f.sizeof(ctype)
    fields = dict(ctype.fields)
    assert set(dtype.names) == set(fields)
    for name, field in fields.items():
        of, offset = dtype.fields[name][:2]
        assert offset == field.offset == f.offsetof(ctype, name)
        assert of.itemsize == f.sizeof(field.type)
        shape, item = [], field.type
        while item.kind == "array" and not (item.item.cname == "char"):
            shape.append(item.length)
            item = item.item
        assert of.shape == tuple(shape)
        if item.kind in ("struct", "union"):
            same_layout(f, item, of.base)


@settings(deadline=None, max_examples=80)
@given(layouts)
def test_layouts(layout):
    f, ctype = declare(layout)
    same_layout(f, ctype, f.dtype(ctype))
    x = f.new(f.getctype(ctype, "[3]"))
    a = f.asarray(x)
    assert a.shape == (3,) and a.dtype == f.dtype(ctype)
    if ctype.kind == "struct" and "void *" not in str(layout):
        b = np.asarray(x)  # by PEP 3118: unions are bytes there
        assert b.itemsize == a.itemsize
        for name in b.dtype.names:
            assert b.dtype.fields[name][1] == a.dtype.fields[name][1]
            assert b.dtype.fields[name][0].itemsize == a.dtype.fields[name][0].itemsize


@settings(deadline=None, max_examples=80)
@given(layouts)
def test_there_and_back(layout):
    f, ctype = declare(layout)
    dtype = f.dtype(ctype)
    assert f.struct_from(dtype, "s") == ctype  # it is declared, and the same
    g = FFI()
    back = g.struct_from(dtype, "other")
    assert g.dtype(back).itemsize == dtype.itemsize
    for name in dtype.names:
        assert g.offsetof(back, name) == f.offsetof(ctype, name)
    assert g.struct_from(dtype, "other") is back


# --- struct_from ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype, c", [
    ("i4", "int32_t"), ("u1", "uint8_t"), ("f8", "double"), ("f4", "float"), ("f2", "_Float16"),
    ("g", "long double"), ("c16", "double _Complex"), ("?", "_Bool"), ("S1", "char"),
    ("S7", "char[7]"), ("U3", "char32_t[3]"), ("V5", "unsigned char[5]"), ("M8[s]", "int64_t"),
    (("i4", (2, 3)), "int32_t[2][3]"), (("S4", (2,)), "char[2][4]")])
def test_plain_types_from(dtype, c):
    assert FFI().struct_from(np.dtype(dtype)) is ffi.typeof(c)


@pytest.mark.parametrize("spec", [
    [("a", "i4"), ("b", "f8")], {"names": ["b", "a"], "formats": ["f8", "i4"], "offsets": [8, 0]},
    {"names": ["a"], "formats": ["i4"], "offsets": [4], "itemsize": 32},
    {"names": ["a", "b"], "formats": ["u1", "i4"], "offsets": [3, 8], "itemsize": 16},
    [("a", "i4", (2,)), ("s", "S5"), ("in", [("x", "f4"), ("y", "f4", (3, 2))], (2,))],
    {"names": ["i", "f"], "formats": ["i4", "f4"], "offsets": [0, 0], "itemsize": 4},
    {"names": ["i", "f"], "formats": ["i4", "u1"], "offsets": [0, 0], "itemsize": 9},
    [("raw", "V5"), ("when", "M8[us]"), ("text", "U4")],
    {"names": ["_pad0", "b"], "formats": ["i2", "i2"], "offsets": [4, 12]},
])
def test_structs_from(spec):
    dtype = np.dtype(spec)
    f = FFI()
    t = f.struct_from(dtype, "made")
    assert f.sizeof(t) == dtype.itemsize
    for name in dtype.names:
        assert f.offsetof(t, name) == dtype.fields[name][1]
    a = np.zeros(4, dtype)
    x = f.from_buffer(f.getctype(t, "[]"), a)
    assert len(x) == 4 and f.struct_from(dtype, "made") is t
    assert f.struct_from(np.dtype((dtype, (2, 3))), "made") is f.typeof(f.getctype(t, "[2][3]"))


@pytest.mark.parametrize("spec, name, error, message", [
    (">i4" if np.little_endian else "<i4", None, TypeError, "byte order"),
    ("O", None, TypeError, "Python objects"), ([("a", "O")], "s", TypeError, "s.a: Python objects"),
    ([("a", "i4")], None, TypeError, "needs a name"), ("i4", "s", TypeError, "has no fields"),
    ([("a", "i4")], "int", TypeError, "no name in C"), ([("a", "i4")], "a b", TypeError, "no name"),
    ([("for", "i4")], "s", TypeError, "'for' is no name in C"),
    ([("a b", "i4")], "s", TypeError, "'a b' is no name"),
    ([("a", [("b", ">f8" if np.little_endian else "<f8")])], "s", TypeError, "s.a.b: .* byte order"),
    ({"names": ["a", "b"], "formats": ["i4", "i4"], "offsets": [0, 2]}, "s", TypeError,
     "field 'b' of s overlaps"),
])
def test_no_type_in_c(spec, name, error, message):
    with pytest.raises(error, match=message):
        FFI().struct_from(np.dtype(spec), name)


@pytest.mark.parametrize("declared, message", [
    ("struct s { int a; float b; };", "bytes"), ("struct s { double b; int a; };", "at offset"),
    ("struct s { int a; double c; };", "no member 'b'"), ("struct s { float a; double b; };", "s.a is"),
    ("struct s { int a; int more; double b; };", "has a member 'more'"),
    ("struct s { int a; double b[2]; };", "bytes"),
])
def test_declared_otherwise(declared, message):
    f = FFI()
    f.cdef(declared)
    with pytest.raises(ValueError, match=message):
        f.struct_from(np.dtype([("a", "i4"), ("b", "f8")], align=True), "s")


def test_declared_without_members():
    f = FFI()
    f.cdef("struct s; int take(struct s *);")
    t = f.struct_from(np.dtype([("a", "i4")]), "s")
    assert f.sizeof(t) == 4 and f.typeof("struct s") is t


# --- asarray -------------------------------------------------------------------------------


def test_pointers():
    x = ffi.new("double[10]", list(range(10)))
    p = ffi.cast("double *", x)
    assert ffi.asarray(p, 3).tolist() == [0, 1, 2]
    a = ffi.asarray(p + 2, (2, 4))
    assert a.tolist() == [[2, 3, 4, 5], [6, 7, 8, 9]]
    a[1, 1] = 70
    assert x[7] == 70
    assert ffi.asarray(p, [5]).shape == (5,) and ffi.asarray(p, ()).shape == ()
    v = ffi.cast("void *", x)
    assert ffi.asarray(v, 10, "f8").tolist() == list(x)
    assert ffi.asarray(v, 80, np.uint8).nbytes == 80
    assert ffi.asarray(v, 5, ffi.typeof("struct in_")).dtype == ffi.dtype("struct in_")
    assert ffi.asarray(x, dtype="u1").shape == (80,)
    assert ffi.asarray(x, dtype="i8").shape == (10,)
    assert ffi.asarray(x, (2, 5)).shape == (2, 5) and ffi.asarray(x, 3).shape == (3,)
    assert ffi.asarray(x, 2, ("f8", (5,))).shape == (2, 5)
    assert ffi.asarray(ffi.cast("int(*)[2]", x), 3).shape == (3, 2)
    assert not ffi.asarray(p, 3, readonly=True).flags.writeable
    assert not ffi.asarray(ffi.from_buffer("int[]", bytes(8))).flags.writeable
    assert ffi.asarray(ffi.from_buffer("int *", bytearray(8))).shape == (2,)


def test_single_values():
    s = ffi.new("struct in_ *", [1, 2.5])
    assert ffi.asarray(s).shape == (1,) and ffi.asarray(s)["b"][0] == 2.5
    assert ffi.asarray(s[0]).shape == () and ffi.asarray(s[0])["b"] == 2.5
    n = ffi.asarray(ffi.cast("int", 5))
    assert n.shape == () and n == 5 and not n.flags.writeable


def test_unaligned():
    x = ffi.new("char[17]")
    a = ffi.asarray(ffi.cast("double *", x + 1), 2)
    assert a.flags.aligned == (int(ffi.cast("intptr_t", x + 1)) % np.dtype("f8").alignment == 0)
    a[:] = [1.5, 2.5]
    assert a.sum() == 4.0
    assert ffi.asarray(ffi.new("struct packed[2]"))["d"].tolist() == [0, 0]


def test_nothing():
    assert ffi.asarray(ffi.NULL, 0, "i4").shape == (0,)
    assert ffi.asarray(ffi.cast("int *", 0), (3, 0)).shape == (3, 0)
    assert ffi.asarray(ffi.new("int[0]")).shape == (0,)


@pytest.mark.parametrize("call, error, message", [
    (lambda p, x: ffi.asarray(p), ValueError, "nobody knows how many items cdata 'double .' points to: "
        "say it with shape"),
    (lambda p, x: ffi.asarray(x, 11), ValueError, r"take 88 bytes, cdata 'double\[10\]' has 80"),
    (lambda p, x: ffi.asarray(x, 81, "u1"), ValueError, "81 bytes"),
    (lambda p, x: ffi.asarray(x, dtype="V7"), ValueError, "80 bytes .* no whole number of items of 7"),
    (lambda p, x: ffi.asarray(ffi.new("int *"), 2), ValueError, "take 8 bytes, .* has 4"),
    (lambda p, x: ffi.asarray(ffi.cast("void *", x), 3), TypeError, "no size: say it with dtype"),
    (lambda p, x: ffi.asarray(ffi.cast("struct opaque *", x), 3), TypeError, "no size"),
    (lambda p, x: ffi.asarray(ffi.NULL, 3, "i4"), ValueError, "NULL pointer: there are no 12 bytes"),
    (lambda p, x: ffi.asarray(p, -1), ValueError, "negative number: -1"),
    (lambda p, x: ffi.asarray(p, (2, -3)), ValueError, "negative"),
    (lambda p, x: ffi.asarray(p, (1 << 40, 1 << 40)), ValueError, "overflow"),
    (lambda p, x: ffi.asarray(p, 1 << 80), OverflowError, None),
    (lambda p, x: ffi.asarray(p, "x"), TypeError, None),
    (lambda p, x: ffi.asarray(p, 1.5), TypeError, None),
    (lambda p, x: ffi.asarray(p, (1,) * 33), ValueError, "more than 32"),
    (lambda p, x: ffi.asarray(p, 3, object), TypeError, "no Python objects"),
    (lambda p, x: ffi.asarray(p, 3, "no such type"), TypeError, None),
    (lambda p, x: ffi.asarray(ffi.cast("int(*)(int)", p), 3), TypeError, "a function has no items"),
    (lambda p, x: ffi.asarray(5), TypeError, "cdata"),
    (lambda p, x: ffi.asarray(), TypeError, None),
])
def test_refused(call, error, message):
    x = ffi.new("double[10]")
    with pytest.raises(error, match=message):
        call(ffi.cast("double *", x), x)


def test_lifetime():
    x = ffi.new("int[]", [1, 2, 3])
    gone = weakref.ref(x)
    a = ffi.asarray(x)
    part = a[1:]
    del x, a
    gc.collect()
    assert gone() is not None and part.tolist() == [2, 3]
    del part
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("take", [
    ffi.asarray, np.asarray, getattr(np, "from_dlpack", np.asarray), lambda x: ffi.asarray(x)[1:].T,
    lambda x: ffi.asarray(x, 3, "u1"), lambda x: np.asarray(x[2:4])])
def test_release_is_refused(take):
    log = []
    x = ffi.gc(ffi.new("int[8]"), log.append)
    a = take(x)
    with pytest.raises(BufferError, match="look at its memory"):
        ffi.release(x)
    del a
    gc.collect()
    ffi.release(x)
    assert len(log) == 1
    with pytest.raises(BufferError, match="released"):
        ffi.asarray(x)


# --- columns and DLPack --------------------------------------------------------------------


def test_columns_are_numpys():
    x = ffi.new("struct all[100]")
    a = ffi.asarray(x)
    rng = np.random.default_rng(1)
    a["x"] = rng.random(100)
    a["q"]["a"] = rng.integers(0, 100, 100)
    for path, theirs in [("x", a["x"]), ("q.a", a["q"]["a"]), ("m", a["m"]), ("two.b", a["two"]["b"])]:
        ours = np.asarray(ffi.column(x, path))
        assert ours.strides == theirs.strides and ours.dtype == theirs.dtype
        assert same_place(ours, ffi.cast("void *", theirs.__array_interface__["data"][0]))
        assert ours.tolist() == theirs.tolist() == ffi.unpack(x, fields=path)
    np.asarray(ffi.column(x, "q.b"))[:] = a["x"]
    assert ffi.unpack(x, fields="q.b") == a["x"].tolist()


def test_pack_from_arrays():
    x = ffi.new("struct all[4]")
    assert ffi.pack(x, np.arange(4), "x") == 4 and x[3].x == 3
    assert ffi.pack(x, np.arange(8.0)[::2], "x") == 4 and x[3].x == 6
    assert ffi.pack(x, np.arange(24, dtype="i2").reshape(4, 2, 3), "m") == 4 and x[3].m[1][2] == 23
    assert ffi.pack(x, np.arange(24).reshape(4, 2, 3)[:, ::-1], "m") == 4 and x[3].m[0][0] == 21
    assert ffi.pack(x, np.arange(3, dtype=">f8"), "x") == 3 and x[2].x == 2
    assert ffi.pack(x, np.array([b"ab", b"c"]), "name") == 2 and ffi.string(x[0].name) == b"ab"
    y = ffi.new("struct in_[4]")
    assert ffi.pack(y, np.asarray(y)[::-1]) == 4
    assert ffi.pack(y, np.array([(1, 2.0)], ffi.dtype("struct in_")).tolist()) == 1 and y[0].b == 2
    with pytest.raises(ValueError, match="shape"):
        ffi.pack(x, np.zeros((4, 2), "f8"), "x")
    with pytest.raises(ValueError, match="shape"):
        ffi.pack(x, np.zeros((4, 3, 2), "i2"), "m")
    with pytest.raises(IndexError, match="5 values for 4 items"):
        ffi.pack(x, np.zeros(5), "x")
    with pytest.raises(OverflowError, match="item 2"):
        ffi.pack(ffi.new("uint8_t[4]"), np.array([1, 2, 300]))
    assert ffi.pack(ffi.new("short[3]"), np.float64([1, 2]).astype("i8")) == 2


@pytest.mark.skipif(not hasattr(np, "from_dlpack"), reason="NumPy 1.23 brought from_dlpack")
@pytest.mark.parametrize("declaration, dtype", [
    ("int8_t[3]", "i1"), ("uint64_t[3]", "u8"), ("float[2][3]", "f4"), ("double[2][3][4]", "f8"),
    ("double _Complex[3]", "c16"), ("_Float16[3]", "f2")])
def test_from_dlpack(declaration, dtype):
    x = ffi.new(declaration)
    a = np.from_dlpack(x)
    assert a.dtype == dtype and a.shape == np.asarray(x).shape and same_place(a, x)
    del x
    gc.collect()
    assert not a.any()
    s = ffi.new("struct in_[5]")
    c = np.from_dlpack(ffi.column(s, "b"))
    assert c.strides == (16,) and c.shape == (5,)


def test_torch():
    torch = pytest.importorskip("torch")
    x = ffi.new("float[2][3]", [[1, 2, 3], [4, 5, 6]])
    t = torch.from_dlpack(x)
    t[1, 2] = 60
    assert x[1][2] == 60 and t.shape == (2, 3)
    assert torch.utils.dlpack.from_dlpack(ffi.to_dlpack(x)).sum() == 75
