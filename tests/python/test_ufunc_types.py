# SPDX-License-Identifier: MIT
"""ffi.ufunc(): which C types are items of which NumPy type, structs, what is refused."""

import pytest
import ufunc_samples

np = pytest.importorskip("numpy")

ffi, lib = ufunc_samples.load()
POINT = np.dtype([("x", "f8"), ("y", "f8")])

NUMBERS = [
    ("i8", "i1"), ("u8", "u1"), ("i16", "i2"), ("u16", "u2"), ("i32", "i4"),
    ("u32", "u4"), ("i64", "i8"), ("u64", "u8"), ("long", "l"), ("llong", "q"),
    ("c16", "u2"),
    ("f32", "f4"), ("f64", "f8"), ("ld", "g"), ("cf", "c8"), ("cd", "c16"),
    ("cld", "G"),
]


def points(n):
    p = np.zeros(n, POINT)
    p["x"], p["y"] = np.arange(n), np.arange(n) * -2.0
    return p


@pytest.mark.parametrize("name, code", NUMBERS)
@pytest.mark.parametrize("n", [0, 1, 7, 1000])
def test_numbers(name, code, n):
    u = ffi.ufunc(getattr(lib, "twice_" + name))
    a = (np.arange(n) % 60 + 1).astype(code)
    r = u(a)
    assert r.dtype == a.dtype
    np.testing.assert_array_equal(r, a * 2)
    np.testing.assert_array_equal(u(a[::-3]), a[::-3] * 2)


@pytest.mark.parametrize("name, value", [
    ("i8", -64), ("u8", 127), ("i16", -2 ** 14), ("u16", 2 ** 15 - 1),
    ("i32", -2 ** 30), ("u32", 2 ** 31 - 1), ("i64", -2 ** 62), ("u64", 2 ** 63 - 1),
])
def test_limits(name, value):
    u = ffi.ufunc(getattr(lib, "twice_" + name))
    code = dict(NUMBERS)[name]
    assert int(u(np.array([value], code))[0]) == 2 * value


def test_complex_and_long_double_parts():
    assert ffi.ufunc(lib.twice_cd)(1 + 2j) == 2 + 4j
    assert ffi.ufunc(lib.twice_cf)(np.complex64(1 - 2j)) == 2 - 4j
    third = np.longdouble(1) / 3
    assert ffi.ufunc(lib.twice_ld)(third) == third * 2
    assert ffi.ufunc(lib.twice_cld)(third + third * 1j) == 2 * third + 2 * third * 1j


def test_bool_is_0_or_1():
    u = ffi.ufunc(lib.not_bool)
    assert u.types == ["?->?"]
    a = np.arange(300) % 3 == 0
    np.testing.assert_array_equal(u(a), ~a)
    np.testing.assert_array_equal(ffi.ufunc(lib.both)(a, a[::-1]), a & a[::-1])
    assert ffi.ufunc(lib.both, identity=True).reduce(np.ones(9, bool)) == np.True_
    m = type(ffi)()
    m.cdef("_Bool as_int(int v);")  # a function that does not keep the promise
    r = m.ufunc(m.dlopen(ufunc_samples.path()).as_int)(np.arange(5, dtype="i4"))
    assert r.view("u1").tolist() == [0, 1, 1, 1, 1]


def test_characters():
    u = ffi.ufunc(lib.upper)
    a = np.array([b"a", b"Z", b"\0", b"z"], "S1")
    assert u(a).tolist() == [b"A", b"Z", b"", b"Z"] and u(a).dtype == "S1"
    assert u(b"q") == b"Q"
    with pytest.raises(TypeError, match="upper"):
        u(np.array([b"too long"]))
    with pytest.raises(TypeError, match="upper"):
        u(65)


def test_wide_characters():
    u = ffi.ufunc(lib.next_char)
    assert u(np.array(["a", "\u20ac", "\U0001f600"])).tolist() == [
        "b", "\u20ad", "\U0001f601"]
    with pytest.raises(TypeError, match="next_char"):
        u(["two", "x"])
    if ffi.sizeof("wchar_t") == 4:
        assert ffi.ufunc(lib.twice_wchar)(np.array(["a", "0"])).tolist() == ["\xc2", "`"]


def test_enums_are_integers():
    u = ffi.ufunc(lib.next_color)
    a = np.array([0, 5, 6], ffi.dtype("enum color"))
    assert u(a).tolist() == [5, 6, 6] and u(a).dtype == a.dtype
    assert u.types == ["I->I"]


def test_pointers_come_as_addresses():
    u = ffi.ufunc(lib.color_name)
    r = u(np.array([0, 5], "u4"))
    assert r.dtype == np.uintp
    assert [ffi.string(ffi.cast("char *", int(v))) for v in r] == [b"red", b"other"]


# --- structs -------------------------------------------------------------------------

@pytest.mark.parametrize("n", [0, 1, 5, 3000])
def test_struct_in_and_out(n):
    u = ffi.ufunc(lib.shift)
    assert u.types == ["Vd->V"]
    p = points(n)
    r = u(p, np.arange(n) * 0.5)
    assert r.dtype == POINT
    np.testing.assert_array_equal(r["x"], p["x"] + np.arange(n) * 0.5)
    np.testing.assert_array_equal(r["y"], p["y"] - np.arange(n) * 0.5)


def test_struct_shapes():
    u = ffi.ufunc(lib.shift)
    p = points(12).reshape(3, 4)
    r = u(p[:, ::-2].T, [1, 2, 3])
    assert r.shape == (2, 3)
    np.testing.assert_array_equal(r["x"], p[:, ::-2].T["x"] + [1, 2, 3])
    one = u(p[1, 1], 3)
    assert (one["x"], one["y"]) == (8, -13)
    out = np.zeros((3, 4), POINT)
    assert u(p, 1, out=out, where=p["x"] > 5) is out
    np.testing.assert_array_equal(out["x"], np.where(p["x"] > 5, p["x"] + 1, 0))


def test_struct_from_numbers_only():
    u = ffi.ufunc(lib.make_point)
    r = u(np.arange(4), np.float32(2))
    assert r.dtype == POINT
    assert r.tolist() == [(0, 2), (1, 2), (2, 2), (3, 2)]
    assert u(1, 2).tolist() == (1, 2)


def test_number_from_struct():
    p = points(700)
    np.testing.assert_array_equal(ffi.ufunc(lib.norm1)(p), p["x"] - p["y"])


def test_struct_methods():
    u = ffi.ufunc(lib.add_points)
    p = points(10)
    total = u.reduce(p)
    assert (total["x"], total["y"]) == (45, -90)
    assert u.accumulate(p)["x"].tolist() == np.cumsum(p["x"]).tolist()
    assert u.outer(p[:3], p[:2])["y"].tolist() == [[0, -2], [-2, -4], [-4, -6]]
    assert u.reduce(p.reshape(5, 2), axis=1)["x"].tolist() == [1, 5, 9, 13, 17]


def test_struct_by_pointer():
    p = points(900)
    np.testing.assert_array_equal(ffi.ufunc(lib.norm1_at, in_="p")(p), p["x"] - p["y"])
    swap = ffi.ufunc(lib.swap, inout="p")
    assert swap.types == ["V->V"]
    r = swap(p)
    np.testing.assert_array_equal(r["x"], p["y"])
    swap(p, out=p)
    np.testing.assert_array_equal(p, r)
    a, b = ffi.ufunc(lib.halves, out=["a", "b"])(r)
    np.testing.assert_array_equal(a["x"], r["x"] / 2)
    np.testing.assert_array_equal(b["at"], a)
    assert b["id"].tolist() == [1] * 900 and not b["rgb"].any()


def test_nested_and_padded():
    u = ffi.ufunc(lib.paint)
    d = np.zeros(50, ffi.dtype("dot"))
    d["id"], d["rgb"] = np.arange(50), 7
    r = u(d, np.arange(50, dtype="u1"))
    assert r.dtype == d.dtype
    np.testing.assert_array_equal(r["rgb"][:, 0], np.arange(50))
    assert (r["rgb"][:, 1:] == 7).all() and r["at"]["x"].tolist() == list(range(50))


def test_long_double_member():
    m = np.zeros(9, ffi.dtype("mixed"))
    m["tag"], m["n"], m["wide"] = b"a", np.arange(9), 0.5
    r = ffi.ufunc(lib.widen)(m)
    assert r["wide"].tolist() == [i + 0.5 for i in range(9)]
    assert r["tag"].tolist() == [b"b"] * 9


def test_struct_in_memory():
    b = np.zeros((6, 4), ffi.dtype("big"))
    r = ffi.ufunc(lib.fill)(b, [1, 2, 3, 4])
    np.testing.assert_array_equal(
        r["v"], np.broadcast_to(np.arange(12) * np.arange(1, 5)[:, None], (6, 4, 12)))


def test_union():
    d = np.array([0.0, 1.5, -2.5])
    e = ffi.ufunc(lib.bits_of)(d)
    assert e["d"].tolist() == d.tolist()
    np.testing.assert_array_equal(ffi.ufunc(lib.int_of)(e), d.view("i8"))


@pytest.mark.parametrize("other", [
    POINT.newbyteorder(">"), np.dtype([("x", "f4"), ("y", "f8")]),
    np.dtype([("x", "i4"), ("y", "i2")]), np.dtype({"names": ["x", "y"],
    "formats": ["f8", "f8"], "offsets": [3, 17], "itemsize": 29})])
def test_structs_of_other_layouts(other):
    p = points(40)
    q = p.astype(other)
    np.testing.assert_array_equal(ffi.ufunc(lib.norm1)(q), p["x"] - p["y"])
    np.testing.assert_array_equal(ffi.ufunc(lib.norm1_at, in_=0)(q), p["x"] - p["y"])
    out = np.zeros(40, other)
    ffi.ufunc(lib.shift)(q, 1, out=out, casting="unsafe")
    np.testing.assert_array_equal(out["x"], p["x"] + 1)


@pytest.mark.parametrize("gap", [1, 3, 8, 11])
def test_unaligned_structs_by_pointer(gap):
    size = ffi.sizeof("mixed")
    packed = np.dtype({"names": ["m"], "formats": [ffi.dtype("mixed")],
                       "offsets": [gap], "itemsize": size + gap})
    a = np.zeros(777, packed)["m"]
    a["wide"] = np.arange(777)
    r = ffi.ufunc(lib.of_aligned, in_=["wide", "m"])(np.longdouble(0.5), a)
    np.testing.assert_array_equal(r, np.arange(777) + 0.5)
    by_value = ffi.ufunc(lib.widen)(a)
    assert by_value["wide"].tolist() == list(range(777))
    out = np.zeros(777, packed)["m"]
    ffi.ufunc(lib.widen)(a, out=out)
    assert out["wide"].tolist() == list(range(777))


def test_structs_that_do_not_fit():
    u = ffi.ufunc(lib.shift)
    for bad in (np.zeros(3), np.zeros(3, "V16"), np.zeros(3, [("x", "f8")]),
                np.zeros(3, [("x", "O"), ("y", "O")]), np.zeros(3, object),
                ["a"], np.zeros(3, [("x", "f8"), ("y", "f8"), ("z", "f8")])):
        with pytest.raises(TypeError):
            u(bad, 1)
    with pytest.raises(TypeError, match="shift"):
        u(points(3), 1j)


# --- refused -----------------------------------------------------------------------------

REFUSED = [
    ("int f(int, ...);", {}, r"any number of arguments"),
    ("double f(void);", {}, r"no input"),
    ("void f(double x);", {}, r"gives nothing back.*out="),
    ("double f(double *x);", {}, r"f\(\) parameter 'x'.*out=.*inout=.*'double \*'"),
    ("double f(const double *x);", {}, r"'x'.*in_=.*fixed="),
    ("double f(double x, void *p);", {}, r"'p'.*fixed=.*'void \*'"),
    ("double f(double x, double (*g)(double));", {}, r"'g'.*fixed="),
    ("double f(double x, void *p);", {"out": "p"}, r"'p'.*'void \*'"),
    ("double f(double x, const int *p);", {"out": "p"}, r"'p'.*out=.*const"),
    ("double f(double x, const int *p);", {"inout": 1}, r"'p'.*inout=.*const"),
    ("double f(double x);", {"out": "x"}, r"'x'.*needs a pointer, not 'double'"),
    ("double f(double x);", {"in_": "x"}, r"'x'.*needs a pointer"),
    ("double f(double x);", {"out": "y"}, r"no parameter 'y'; it has x"),
    ("double f(double x);", {"out": 1}, r"no parameter 1; it has x"),
    ("double f(double x);", {"out": -1}, r"no parameter -1"),
    ("double f(double x);", {"out": 1.5}, r"out= takes names"),
    ("double f(double x);", {"out": [None]}, r"out= takes names"),
    ("double f(double x);", {"out": True}, r"out= takes names"),
    ("double f(double x, int *y);", {"out": ["y", "y"]}, r"'y'.*named twice"),
    ("double f(double x, int *y);", {"out": "y", "fixed": {"y": None}}, r"'y'.*twice"),
    ("double f(double x, int y);", {"fixed": ["y"]}, r"fixed= takes a dict"),
    ("double f(double x, int y);", {"fixed": {"y": "a"}}, r"'y'"),
    ("double f(double x, int y);", {"name": 3}, r"name= must be a str"),
    ("double f(double x, int y);", {"doc": b""}, r"doc= must be a str"),
    ("double f(double x);", {"identity": 0}, r"identity= is for.*'f' has 1 and 1"),
    ("__int128 f(__int128 x);", {}, r"'x'.*'__int128'"),
    ("_Float128 f(_Float128 x);", {}, r"'x'.*'_Float128'"),
    ("struct s; int f(struct s *p);", {"out": "p"}, r"'p'.*nobody knows of 'struct s'"),
    ("struct e {}; int f(struct e *p, int x);", {"out": "p"}, r"'p'.*'struct e'"),
    ("int f(int x, int (*p)[3]);", {"out": "p"}, r"'p'.*'int\[3\]'"),
    ("int f(int x, va_list v);", {}, r"'v'"),
]


@pytest.mark.parametrize("cdef, options, message", REFUSED)
def test_refused(cdef, options, message):
    # Any library function will do: it is never called.
    m = type(ffi)()
    m.cdef(cdef.replace(" f(", " memcpy("))
    f = m.dlopen(None).memcpy
    with pytest.raises((TypeError, ffi.error), match=message.replace(r"f\(", r"memcpy\(")
                       .replace("'f'", "'memcpy'")):
        m.ufunc(f, **options)


def test_what_is_no_function():
    for bad in (len, 3, None, ffi.NULL, ffi.new("int *"), "add", ffi):
        with pytest.raises(TypeError, match=r"ffi.ufunc\(\) takes a C function"):
            ffi.ufunc(bad)
    with pytest.raises(RuntimeError, match="null pointer"):
        ffi.ufunc(ffi.cast("int(*)(int)", 0))
    with pytest.raises(TypeError):
        ffi.ufunc()
    with pytest.raises(TypeError, match="wrong"):
        ffi.ufunc(lib.add, wrong=1)


def test_too_many_operands():
    m = type(ffi)()
    m.cdef("int f(" + ", ".join(["int"] * 70) + ");")
    f = m.cast("int(*)(" + ", ".join(["int"] * 70) + ")", 1)
    with pytest.raises(ValueError, match="operands"):
        m.ufunc(f)
