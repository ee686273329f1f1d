# SPDX-License-Identifier: MIT
"""Python values to C and back: every scalar, text, initialisers, casts, pointer arguments."""

import array
import math
import struct

import pytest

from jiffi import FFI

DECLS = """
struct point { int x, y; };
union either { int i; double d; struct point p; };
struct all { char c; struct point p; union either u; int row[3]; char name[4]; struct point *to; };
struct hidden;
enum level { LOW = -1, HIGH = 10 };
enum big { HUGE = 0xffffffffffffffff };
int strcmp(const char *, const char *);
double modf(double, double *);
double frexp(double, int *);
"""


@pytest.fixture(scope="module")
def ffi():
    ffi = FFI()
    ffi.cdef(DECLS)
    return ffi


INTS = [("signed char", 8, 1), ("unsigned char", 8, 0), ("short", 16, 1),
        ("unsigned short", 16, 0), ("int", 32, 1), ("unsigned", 32, 0), ("long", 64, 1),
        ("unsigned long", 64, 0), ("long long", 64, 1), ("uint64_t", 64, 0),
        ("int8_t", 8, 1), ("size_t", 64, 0), ("__int128", 128, 1),
        ("unsigned __int128", 128, 0), ("enum level", 32, 1), ("enum big", 64, 0)]


# --- integers ---------------------------------------------------------------------------


@pytest.mark.parametrize("type_, bits, is_signed", INTS)
def test_integer_range(ffi, type_, bits, is_signed):
    low = -(1 << bits - 1) if is_signed else 0
    high = (1 << bits - is_signed) - 1
    p = ffi.new(ffi.getctype(type_, "*"))
    a = ffi.new(ffi.getctype(type_, "[2]"))
    for v in (low, low + 1, -1 if is_signed else 1, 0, 1, high - 1, high, 77):
        p[0] = v
        a[1] = v
        assert (p[0], a[1], a[0]) == (v, v, 0) and type(p[0]) is int
    for v in (low - 1, high + 1, 2 ** 200, -2 ** 200):
        with pytest.raises(OverflowError, match="integer %d does not fit '" % v):
            p[0] = v
        with pytest.raises(OverflowError):
            a[0] = v
        assert int(ffi.cast(type_, v)) == (v - low) % (1 << bits) + low
    with pytest.raises(OverflowError):
        p[0] = 10 ** 6000
    assert (p[0], a[0]) == (77, 0)


class Index:
    def __int__(self):
        return 41

    __index__ = __int__


class Bad:
    def __int__(self):
        return "x"


class Raises:
    def __int__(self):
        raise KeyError("mine")


@pytest.mark.parametrize("type_, bits, is_signed", INTS)
def test_integer_types(ffi, type_, bits, is_signed):
    p = ffi.new(ffi.getctype(type_, "*"))
    for v in (True, Index(), ffi.cast("short", 41), ffi.cast("char", b"\x29"),
              ffi.cast("_Bool", 1)):
        p[0] = v
        assert p[0] == int(v)
    for v, text in ((1.0, "an integer is required"), ("1", "an integer is required"),
                    (None, "an integer is required"), (b"1", "an integer is required"),
                    (ffi.cast("double", 1), "an integer is required"),
                    (Bad(), "(integer conversion failed|__int__ returned non-int)"),
                    (ffi.new("int *"), r"int\(\) not supported on cdata 'int \*'")):
        with pytest.raises(TypeError, match=text):
            p[0] = v
    with pytest.raises(KeyError, match="mine"):
        p[0] = Raises()


def test_bool(ffi):
    p = ffi.new("_Bool *")
    p[0] = 1
    assert p[0] is True
    p[0] = False
    assert p[0] is False
    for v in (2, -1):
        with pytest.raises(OverflowError, match="integer %d does not fit '_Bool'" % v):
            p[0] = v
    ffi.cast("char *", p)[0] = b"\x07"
    with pytest.raises(ValueError, match="got a _Bool of value 7, expected 0 or 1"):
        p[0]
    for v, truth in ((2, True), (0.5, True), (0.0, False), (ffi.cast("double", -0.0), False),
                     (ffi.cast("long double", 1e-30), True), (b"\0", False), (2 ** 100, True)):
        assert int(ffi.cast("_Bool", v)) == truth


# --- floats -----------------------------------------------------------------------------


@pytest.mark.parametrize("type_, code", [("float", "f"), ("double", "d"), ("_Float16", "e")])
@pytest.mark.parametrize("value", [
    0.0, -0.0, 1.0, -2.5, 0.1, 1e-7, 6e-8, 5.96e-8, 65504.0, 1 / 3, 1e-40, 2.0 ** -14,
    1.0009765625, 2047.5, 2048.5, 4095.0, float("inf"), float("-inf")])
def test_floats(ffi, type_, code, value):
    p = ffi.new(ffi.getctype(type_, "*"), value)
    assert bytes(ffi.buffer(p)) == struct.pack("=" + code, value)
    assert p[0] == struct.unpack("=" + code, struct.pack("=" + code, value))[0]


def test_half_overflow_and_nan(ffi):
    p = ffi.new("_Float16 *")
    for v, out in ((65519.9, 65504.0), (65520.0, math.inf), (-1e300, -math.inf)):
        p[0] = v
        assert p[0] == out
    for type_ in ("_Float16", "float", "double", "_Float128", "long double"):
        assert math.isnan(float(ffi.cast(type_, math.nan)))


@pytest.mark.parametrize("type_", ["long double", "_Float128"])
@pytest.mark.parametrize("value", [0.0, -0.0, 1.5, -1 / 3, 1e300, 5e-324, 2.0 ** 1023, math.inf])
def test_wide_floats(ffi, type_, value):
    x = ffi.cast(type_, value)
    assert ffi.typeof(x) is ffi.typeof(type_)
    assert float(x) == value and math.copysign(1, float(x)) == math.copysign(1, value)
    p = ffi.new(ffi.getctype(type_, "*"), x)
    assert float(p[0]) == value
    assert bytes(ffi.buffer(p))[:10] == bytes(ffi.buffer(ffi.new(ffi.getctype(type_, "*"), p[0])))[:10]


def test_quad_layout(ffi):
    p = ffi.new("_Float128 *", -1.5)
    assert bytes(ffi.buffer(p)) == bytes(13) + b"\x80\xff\xbf"
    raw = ffi.new("unsigned char[16]", bytes(12) + b"\x00\x00\xff\x3f")
    raw[5] = 1  # far below what a double can hold
    assert float(ffi.cast("_Float128 *", raw)[0]) == 1.0


@pytest.mark.parametrize("value", ["1.0", b"1", None, [], 1j])
def test_not_a_float(ffi, value):
    p = ffi.new("double *")
    with pytest.raises(TypeError):
        p[0] = value


def test_complex(ffi):
    for type_ in ("float _Complex", "double _Complex", "long double _Complex"):
        p = ffi.new(ffi.getctype(type_, "*"), 1.5 - 2j)
        assert p[0] == 1.5 - 2j
        p[0] = 3
        assert p[0] == 3 + 0j
        with pytest.raises(TypeError):
            p[0] = "1"
    assert complex(ffi.cast("double _Complex", b"\x02")) == 2


# --- text -----------------------------------------------------------------------------------


@pytest.mark.parametrize("type_, value, bad", [
    ("char", b"a", ["a", b"ab", b"", 97, None]),
    ("wchar_t", "\U0001f600", [b"a", "ab", "", 97]),
    ("char16_t", "\uffff", ["\U0001f600", b"a", ""]),
    ("char32_t", "\U0001f600", [b"a", "ab"]),
])
def test_characters(ffi, type_, value, bad):
    p = ffi.new(ffi.getctype(type_, "*"), value)
    assert p[0] == value
    p[0] = ffi.cast(type_, value)
    assert p[0] == value
    for v in bad:
        with pytest.raises(TypeError, match="initializer for ctype '.*' must be a (bytes|unicode "
                           "string) of length 1, not "):
            p[0] = v


@pytest.mark.parametrize("type_, value, units", [
    ("char[]", b"ab", 3), ("unsigned char[]", b"\xff", 2), ("int8_t[]", b"", 1),
    ("wchar_t[]", "a\U0001f600", 3), ("char16_t[]", "a\U0001f600", 4), ("char32_t[]", "\u1234", 2),
    ("char16_t[]", "\ud800", 2),
])
def test_strings(ffi, type_, value, units):
    a = ffi.new(type_, value)
    assert len(a) == units and int(ffi.cast("long", a[units - 1])) == 0
    back = ffi.unpack(a, units - 1)
    assert (bytes(v & 255 for v in back) if isinstance(back, list) else back) == value
    fixed = type_.replace("[]", "[%d]" % (units - 1))
    ffi.new(fixed, value)  # no room for the terminator is fine
    if units > 1:
        with pytest.raises(IndexError, match="initializer (bytes|unicode) is too long for"):
            ffi.new(type_.replace("[]", "[%d]" % (units - 2)), value)


def test_bool_array(ffi):
    assert list(ffi.new("_Bool[]", b"\x01\x00")) == [True, False, False]
    with pytest.raises(ValueError, match=r"an array of _Bool can only contain \\x00 or \\x01"):
        ffi.new("_Bool[]", b"\x02")


def test_wild_char32(ffi):
    p = ffi.new("uint32_t *", 0x110000)
    with pytest.raises(ValueError, match="out of range"):
        ffi.cast("char32_t *", p)[0]


# --- initialisers -----------------------------------------------------------------------------


def test_nested(ffi):
    to = ffi.new("struct point *")
    for init in ([b"c", [1, 2], {"d": 2.5}, [1], b"abcd", to],
                 (b"c", {"y": 2, "x": 1}, {"d": 2.5}, (1,), b"abcd", to),
                 {"c": b"c", "p": (1, 2), "u": {"d": 2.5}, "row": [1], "name": b"abcd", "to": to}):
        s = ffi.new("struct all *", init)
        assert (s.c, s.p.x, s.p.y, s.u.d, list(s.row)) == (b"c", 1, 2, 2.5, [1, 0, 0])
        assert ffi.string(s.name) == b"abcd" and s.to == to
        assert ffi.new("struct all *", s[0]).u.d == 2.5


@pytest.mark.parametrize("type_, init, error, text", [
    ("struct point *", [1, 2, 3], ValueError, r"too many initializers for 'struct point' \(got 3\)"),
    ("union either *", [1, 2], ValueError, "too many initializers for 'union either'"),
    ("struct point *", {"z": 1}, KeyError, "z"),
    ("struct point *", {1: 1}, KeyError, "1"),
    ("struct point *", 5, TypeError, "must be a list or tuple or dict or struct-cdata, not int"),
    ("struct point *", "xy", TypeError, "must be a list or tuple or dict or struct-cdata, not str"),
    ("int[2]", [1, 2, 3], IndexError, r"too many initializers for 'int\[2\]' \(got 3\)"),
    ("int[2]", 3, TypeError, r"initializer for ctype 'int\[2\]' must be a list or tuple, not int"),
    ("int[2]", b"ab", TypeError, "must be a list or tuple, not bytes"),
    ("char[2]", "ab", TypeError, "must be a bytes or list or tuple, not str"),
    ("wchar_t[2]", b"ab", TypeError, "must be a unicode or list or tuple, not bytes"),
    ("int[]", -1, ValueError, "negative array length"),
    ("int[]", 2 ** 70, OverflowError, None),
    ("int[]", 2 ** 62, OverflowError, "array size would overflow a Py_ssize_t"),
    ("char[]", 2 ** 62, MemoryError, None),
    ("int[]", None, TypeError, "expected new array length or list/tuple/str, not NoneType"),
    ("int[]", 1.5, TypeError, "expected new array length or list/tuple/str, not float"),
    ("int", 1, TypeError, "expected a pointer or array ctype, got 'int'"),
    ("int(*)(int)", None, TypeError, r"expected a pointer or array ctype, got 'int\(\*\)\(int\)'"),
    ("void *", None, TypeError, "cannot instantiate ctype 'void' of unknown size"),
    ("struct hidden *", None, TypeError,
     "cannot instantiate ctype 'struct hidden' of unknown size"),
    ("int **", 0, TypeError, r"initializer for ctype 'int \*' must be a cdata pointer, not int"),
    ("int **", None, None, None),
])
def test_bad_new(ffi, type_, init, error, text):
    if error is None:
        assert ffi.new(type_, init)[0] == ffi.NULL
        return
    with pytest.raises(error, match=text):
        ffi.new(type_, init)


def test_list_that_shrinks(ffi):
    items = [0, 1, 2, 3]

    class Evil:
        def __int__(self):
            del items[:]
            return 9

    items[1] = Evil()
    assert list(ffi.new("int[4]", items)) == [0, 9, 0, 0]


# --- pointers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("target, source, ok", [
    ("int *", "int *", True), ("int *", "int[3]", True), ("void *", "int *", True),
    ("int *", "void *", True), ("char *", "signed char *", True), ("uint8_t *", "char[4]", True),
    ("char *", "int *", "implicit cast to 'char [*]' from a different pointer type"),
    ("int *", "char *", "implicit cast from 'char [*]' to a different pointer type"),
    ("int *", "unsigned *", "must be a pointer to same type, not cdata 'unsigned int [*]'"),
    ("int *", "struct point *", "must be a pointer to same type"),
    ("int(*)(int)", "void *", True),
    ("int(*)(int)", "int(*)(long)", "must be a pointer to same type"),
    ("int(*)[3]", "int(*)[3]", True),
    ("int *", "int", "must be a pointer or array, not cdata 'int'"),
])
def test_pointer_types(ffi, target, source, ok):
    box = ffi.new(ffi.getctype(target, "*"))
    value = ffi.new(source) if "[3]" == source[-3:] or "[4]" == source[-3:] else ffi.cast(source, 64)
    if ok is True:
        box[0] = value
        assert ffi.cast("void *", box[0]) == ffi.cast("void *", value)
    else:
        with pytest.raises(TypeError, match=ok):
            box[0] = value


def test_same_name_other_ffi(ffi):
    other = FFI()
    other.cdef("struct point { int x, y; };")
    with pytest.raises(TypeError, match="appears indeed to be 'struct point', but the types are "
                       "different"):
        ffi.new("struct point *", other.new("struct point *")[0])


# --- casts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_, value, text", [
    ("struct point", 1, "cannot cast to ctype 'struct point'"),
    ("void", 1, "cannot cast to ctype 'void'"),
    ("int[]", 1, r"cannot cast to ctype 'int\[\]'"),
    ("int", "ab", "cannot cast unicode string of length 2 to ctype 'int'"),
    ("int", b"ab", "must be a bytes of length 1"),
    ("int", None, "an integer is required"),
    ("double", "ab", "cannot cast unicode string of length 2 to ctype 'double'"),
    ("double", None, None), ("int *", None, None),
    ("_Bool", None, "integer/float expected"),
])
def test_bad_casts(ffi, type_, value, text):
    with pytest.raises(TypeError, match=text):
        ffi.cast(type_, value)
    with pytest.raises(TypeError):
        ffi.cast("double", ffi.new("int *"))


def test_casts(ffi):
    a = ffi.new("int[3]", [1, 2, 3])
    assert int(ffi.cast("intptr_t", a)) == int(ffi.cast("uintptr_t", ffi.cast("void *", a)))
    assert list(ffi.cast("int[2]", a + 1)) == [2, 3]
    assert int(ffi.cast("int", 3.9)) == 3 and int(ffi.cast("char", 300)) == 44
    assert int(ffi.cast("wchar_t", "\u1234")) == 0x1234 == int(ffi.cast("int", "\u1234"))
    assert float(ffi.cast("float", b"a")) == 97.0
    assert float(ffi.cast("double", ffi.cast("int", 5))) == 5.0
    assert int(ffi.cast("int", ffi.cast("enum level", 10))) == 10


# --- pointer arguments -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def total(ffi):
    """Sums of n items behind pointers of many types."""
    kept = []

    def make(type_, quals=""):
        fn = ffi.callback("double(%s %s *, int)" % (quals, type_),
                          lambda p, n: float(sum(p[i] for i in range(n))))
        kept.append(fn)
        return fn
    return make


BUFFERS = [("signed char", "b"), ("unsigned char", "B"), ("short", "h"), ("unsigned short", "H"),
           ("int", "i"), ("unsigned", "I"), ("long", "l"), ("unsigned long", "L"),
           ("long long", "q"), ("unsigned long long", "Q"), ("float", "f"), ("double", "d")]


@pytest.mark.parametrize("type_, code", BUFFERS)
def test_buffers_of_the_right_items(ffi, total, type_, code):
    fn = total(type_)
    data = array.array(code, [1, 2, 3])
    assert fn(data, 3) == 6.0
    assert fn(memoryview(data)[1:], 2) == 5.0
    assert fn([1, 2], 2) == 3.0 == fn((1, 2), 2)
    for other_type, other in BUFFERS:
        size_and_sort = (data.itemsize, code in "fd", code.islower())
        o = array.array(other, [1])
        if (o.itemsize, other in "fd", other.islower()) == size_and_sort or type_ == "unsigned char":
            fn(o, 1)
        else:
            with pytest.raises(TypeError, match="must be a buffer of '%s', not a array.array of "
                               "items '%s'" % (ffi.typeof(type_).cname, other)):
                fn(o, 1)
    data.append(4)  # nothing is pinned any more


def test_writable_and_const(ffi, total):
    frozen = memoryview(array.array("i", [1, 2])).toreadonly()
    with pytest.raises(TypeError, match="must be writable, not a read-only memoryview"):
        total("int")(frozen, 2)
    lib = ffi.dlopen(None)
    assert lib.strcmp(memoryview(b"a\0"), bytearray(b"a\0")) == 0
    out = array.array("d", [0])
    assert lib.modf(2.5, out) == 0.5 and out[0] == 2.0
    exponent = array.array("i", [0])
    assert lib.frexp(8.0, exponent) == 0.5 and exponent[0] == 4
    with pytest.raises(TypeError, match="must be a buffer of 'int'"):
        lib.frexp(8.0, out)
    with pytest.raises(TypeError, match="C-contiguous"):
        total("int")(memoryview(array.array("i", range(6)))[::2], 3)


def test_text_arguments(ffi):
    lib = ffi.dlopen(None)
    assert lib.strcmp(b"abc", b"abd") < 0
    assert lib.strcmp([b"a", b"\0"], ffi.new("char[]", b"a")) == 0
    for v in ("abc", None, 5, 1.5, {}):
        with pytest.raises(TypeError):
            lib.strcmp(b"abc", v)
    wide = ffi.callback("int(wchar_t *)", lambda p: len(ffi.string(p)))
    assert wide("h\xe9llo") == 5
    with pytest.raises(TypeError, match=r"initializer for ctype 'wchar_t \*' must be a "):
        wide(b"abc")


def test_numpy(ffi, total):
    np = pytest.importorskip("numpy")
    assert total("double")(np.arange(4.0), 4) == 6.0
    assert total("float")(np.ones((2, 2), "f4"), 4) == 4.0
    with pytest.raises(TypeError, match="must be a buffer of 'double', not a numpy.ndarray"):
        total("double")(np.arange(4, dtype="f4"), 4)
    with pytest.raises(TypeError, match="C-contiguous"):
        total("double")(np.ones((4, 4)).T[1:3, 1:3], 4)
    with pytest.raises(TypeError, match="must be a buffer of 'int'"):
        total("int")(np.arange(3, dtype=">i4"), 3)
    z = ffi.callback("double(double _Complex *)", lambda p: p[0].imag)
    assert z(np.array([1 + 2j])) == 2.0
