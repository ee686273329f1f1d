# SPDX-License-Identifier: MIT
"""string, unpack, and the buffer type."""

import array
import gc
import random
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jiffi import FFI

ffi = FFI()
ffi.cdef("""
enum color { RED, GREEN = 5, MINUS = -1 };
struct p { int x, y; };
struct v { int n; char tail[]; };
struct opaque;
typedef int (*fn)(int);
""")
HELLO = ffi.new("char[]", b"hello")  # p + 1 keeps nothing alive, p does


# --- string ---------------------------------------------------------------------


@pytest.mark.parametrize("make, args, result", [
    (lambda: ffi.new("char[]", b"hello"), (), b"hello"),
    (lambda: ffi.new("char[]", b"he\0llo"), (), b"he"),
    (lambda: ffi.new("char[3]", b"abc"), (), b"abc"),
    (lambda: ffi.new("char[]", b"hello"), (3,), b"hel"),
    (lambda: ffi.new("char[]", b"hello"), (99,), b"hello"),
    (lambda: ffi.new("char[]", b"hello"), (-5,), b"hello"),
    (lambda: ffi.new("char[]", b"hello"), (0,), b""),
    (lambda: HELLO + 1, (2,), b"el"),
    (lambda: ffi.new("signed char[]", [65, 66, 0]), (), b"AB"),
    (lambda: ffi.new("unsigned char[]", [200, 0]), (), b"\xc8"),
    (lambda: ffi.new("uint8_t[]", [1, 2]), (), b"\1\2"),
    (lambda: ffi.new("wchar_t[]", "h\u00e9\U0001f600"), (), "h\u00e9\U0001f600"),
    (lambda: ffi.new("char16_t[]", "a\U0001f600b"), (), "a\U0001f600b"),
    (lambda: ffi.new("char32_t[]", "a\U0001f600\0b"), (), "a\U0001f600"),
    (lambda: ffi.new("char32_t[]", "abc"), (2,), "ab"),
    (lambda: ffi.new("char16_t[2]", "ab"), (), "ab"),
    (lambda: ffi.cast("char", 65), (), b"A"), (lambda: ffi.cast("char", 0), (), b"\0"),
    (lambda: ffi.cast("unsigned char", 255), (), b"\xff"),
    (lambda: ffi.cast("int8_t", -1), (), b"\xff"),
    (lambda: ffi.cast("wchar_t", "\u1234"), (), "\u1234"),
    (lambda: ffi.cast("char16_t", "x"), (), "x"),
    (lambda: ffi.cast("char32_t", 0x1F600), (), "\U0001f600"),
    (lambda: ffi.cast("enum color", 5), (), "GREEN"), (lambda: ffi.cast("enum color", -1), (), "MINUS"),
    (lambda: ffi.cast("enum color", 77), (), "77"),
])
def test_string(make, args, result):
    assert ffi.string(make(), *args) == result


@pytest.mark.parametrize("arg, error, message", [
    (5, TypeError, "expected a cdata object"), (b"x", TypeError, "expected a cdata object"),
    (ffi.cast("int", 5), TypeError, r"string\(\): unexpected cdata 'int' argument"),
    (ffi.new("int[3]"), TypeError, r"unexpected cdata 'int\[3\]'"),
    (ffi.new("_Bool[3]"), TypeError, "unexpected cdata"), (ffi.cast("_Bool", 1), TypeError, "_Bool"),
    (ffi.new("struct p *"), TypeError, "unexpected cdata"), (ffi.NULL, TypeError, r"'void \*'"),
    (ffi.new("char *[2]"), TypeError, "unexpected"), (ffi.cast("fn", 8), TypeError, "unexpected"),
    (ffi.cast("double", 1), TypeError, "double"), (ffi.cast("struct opaque *", 8), TypeError, "opaque"),
    (ffi.cast("char *", 0), RuntimeError, r"cannot use string\(\) on <cdata 'char \*' NULL>"),
])
def test_string_refused(arg, error, message):
    with pytest.raises(error, match=message):
        ffi.string(arg)


@pytest.mark.parametrize("maxlen, error", [("x", TypeError), (1.5, TypeError), (1 << 70, OverflowError)])
def test_string_bad_maxlen(maxlen, error):
    with pytest.raises(error):
        ffi.string(ffi.new("char[]", b"x"), maxlen)


# --- unpack ------------------------------------------------------------------------


@pytest.mark.parametrize("type_, values", [
    ("signed char", [-128, 127]), ("unsigned char", [0, 255]), ("short", [-32768, 32767]),
    ("unsigned short", [0, 65535]), ("int", [-2**31, 2**31 - 1]), ("unsigned int", [0, 2**32 - 1]),
    ("long", [-2**63, 2**63 - 1]), ("unsigned long", [0, 2**64 - 1]),
    ("long long", [-2**63, 5]), ("unsigned long long", [2**64 - 1]), ("float", [0.5, -2.0]),
    ("double", [0.1, 1e300]), ("_Bool", [True, False]), ("enum color", [5, -1]),
    ("__int128", [-2**127, 2**127 - 1]), ("unsigned __int128", [2**128 - 1]),
])
def test_unpack_scalars(type_, values):
    a = ffi.new(type_ + "[]", values)
    assert ffi.unpack(a, len(values)) == values == [a[i] for i in range(len(values))]
    assert [type(x) for x in ffi.unpack(a, len(values))] == [type(x) for x in a]
    assert ffi.unpack(a, 0) == []
    assert ffi.unpack(a, 1) == values[:1]


def test_unpack_text():
    assert ffi.unpack(ffi.new("char[]", b"a\0b"), 4) == b"a\0b\0"
    assert ffi.unpack(ffi.new("char16_t[]", "a\U0001f600"), 4) == "a\U0001f600\0"
    assert ffi.unpack(ffi.new("wchar_t[]", "a\0b"), 3) == "a\0b"
    assert ffi.unpack(HELLO + 3, length=3) == b"lo\0"


def test_unpack_objects():
    a = ffi.new("struct p[]", [[1, 2], [3, 4]])
    s = ffi.unpack(a, 2)
    s[1].x = 30
    assert a[1].x == 30 and ffi.typeof(s[0]) is ffi.typeof("struct p")
    b = ffi.new("int *[2]", [ffi.NULL, ffi.new("int *")])
    assert ffi.unpack(b, 2) == [b[0], b[1]]
    assert [list(x) for x in ffi.unpack(ffi.new("int[2][2]", [[1, 2], [3, 4]]), 2)] == [[1, 2], [3, 4]]


def test_unpack_unaligned():
    raw = ffi.new("char[17]")
    for i in range(8):
        p = ffi.cast("int *", raw + i)
        p[0], p[1] = 0x01020304, -5
        assert ffi.unpack(p, 2) == [0x01020304, -5]


@pytest.mark.parametrize("args, error, message", [
    ((5, 1), TypeError, "expected a cdata object"),
    ((ffi.cast("int", 5), 1), TypeError, "expected a pointer or array, got 'int'"),
    ((ffi.cast("fn", 5), 1), TypeError, "expected a pointer or array"),
    ((ffi.new("int[2]"), -1), ValueError, "'length' cannot be negative"),
    ((ffi.cast("int *", 0), 1), RuntimeError, r"cannot use unpack\(\) on <cdata 'int \*' NULL>"),
    ((ffi.cast("void *", 8), 1), ValueError, r"'void \*' points to items of unknown size"),
    ((ffi.cast("struct opaque *", 8), 1), ValueError, "items of unknown size"),
    ((ffi.new("int[2]"), "x"), TypeError, None), ((ffi.new("int[2]"), 1.0), TypeError, None),
    ((ffi.new("int[2]"), 1 << 70), OverflowError, None), ((ffi.cast("int *", 8),), ValueError, "length"),
    ((ffi.new("int[2]"), 1 << 62), MemoryError, None),
])
def test_unpack_refused(args, error, message):
    with pytest.raises(error, match=message):
        ffi.unpack(*args)


def test_unpack_bad_bool():
    memory = ffi.new("char[]", b"\2")
    a = ffi.cast("_Bool *", memory)
    with pytest.raises(ValueError):
        ffi.unpack(a, 1)


# --- buffer -----------------------------------------------------------------------------


def test_buffer_is_a_type():
    assert isinstance(ffi.buffer, type)
    b = ffi.buffer(ffi.new("int *"))
    assert type(b) is ffi.buffer is FFI.buffer
    with pytest.raises(TypeError):
        class Sub(ffi.buffer):
            pass
    with pytest.raises(TypeError):
        hash(b)
    assert repr(b).startswith("<jiffi.buffer of 4 bytes at 0x")


@pytest.mark.parametrize("make, args, size", [
    (lambda: ffi.new("int *"), (), 4), (lambda: ffi.new("int[5]"), (), 20),
    (lambda: ffi.new("int[]", 5), (), 20), (lambda: ffi.new("char[]", b"abc"), (), 4),
    (lambda: ffi.new("struct p *"), (), 8), (lambda: ffi.new("struct v *", [1, b"abc"]), (), 8),
    (lambda: ffi.new("int[5]"), (3,), 3), (lambda: ffi.new("int[5]"), (0,), 0),
    (lambda: ffi.cast("void *", 8), (5,), 5), (lambda: ffi.cast("struct p *", 8), (), 8),
    (lambda: ffi.new("int[5]"), (-1,), 20),
])
def test_buffer_size(make, args, size):
    assert len(ffi.buffer(make(), *args)) == size


@pytest.mark.parametrize("args, error, message", [
    ((), TypeError, None), ((5,), TypeError, "expected a cdata object"),
    ((ffi.cast("int", 5),), TypeError, "expected a pointer or array cdata, got 'int'"),
    ((ffi.cast("fn", 5),), TypeError, "expected a pointer or array cdata"),
    ((ffi.cast("void *", 8),), TypeError, r"don't know the size pointed to by 'void \*'"),
    ((ffi.cast("struct opaque *", 8),), TypeError, "don't know the size"),
    ((ffi.new("int *"), "x"), TypeError, None), ((ffi.new("int *"), 1 << 70), OverflowError, None),
])
def test_buffer_refused(args, error, message):
    with pytest.raises(error, match=message):
        ffi.buffer(*args)


def test_buffer_beyond_what_is_owned():
    with pytest.warns(UserWarning, match="buffer of 5 bytes over a cdata that owns only 4"):
        ffi.buffer(ffi.new("int *"), 5)


def test_buffer_read_and_write():
    a = ffi.new("char[]", b"hello")
    b = ffi.buffer(a, 5)
    assert (b[:], b[1:3], b[-1], b[:-2], b[9:], b[3:1]) == (b"hello", b"el", b"o", b"hel", b"", b"")
    assert list(b) == [b"h", b"e", b"l", b"l", b"o"]
    assert b"l" in b
    b[0] = b"J"
    b[3:5] = b"ly"
    b[5:] = b""
    assert ffi.string(a) == b"Jelly"
    b[:] = bytearray(b"12345")
    b[0:2] = array.array("b", [65, 66])
    b[2:4] = ffi.new("char[2]", b"xy")
    assert b == b"ABxy5"
    b[1:] = b[:4]
    assert b == b"AABxy"
    assert bytes(b) == bytearray(b) == memoryview(b).tobytes() == b"AABxy"
    memoryview(b)[4] = 90
    assert a[4] == b"Z"


@pytest.mark.parametrize("action, error, message", [
    (lambda b: b[4], IndexError, "buffer index out of range"),
    (lambda b: b[-5], IndexError, "buffer index out of range"),
    (lambda b: b[1 << 70], IndexError, None), (lambda b: b["x"], TypeError, "must be integers, not str"),
    (lambda b: b[1.0], TypeError, "must be integers"), (lambda b: b[::2], TypeError, "step != 1"),
    (lambda b: b[::-1], TypeError, "step != 1"),
    (lambda b: b.__setitem__(4, b"x"), IndexError, "assignment index out of range"),
    (lambda b: b.__setitem__(0, b"xy"), TypeError, "bytes of length 1"),
    (lambda b: b.__setitem__(0, 65), TypeError, "must assign a bytes of length 1, not int"),
    (lambda b: b.__setitem__(slice(0, 2), b"x"), ValueError, "must match slice length"),
    (lambda b: b.__setitem__(slice(0, 2), "xy"), TypeError, None),
    (lambda b: b.__setitem__(slice(0, 2), 5), TypeError, None),
    (lambda b: b.__setitem__(slice(0, 4, 2), b"xy"), TypeError, "step != 1"),
    (lambda b: b.__setitem__("x", b"x"), TypeError, "must be integers"),
    (lambda b: b.__delitem__(0), TypeError, "not supported for buffer"),
    (lambda b: b < "abcd", TypeError, None), (lambda b: b < 5, TypeError, None),
    (lambda b: b + b"x", TypeError, None),
])
def test_buffer_errors(action, error, message):
    b = ffi.buffer(ffi.new("char[]", b"abc"))
    with pytest.raises(error, match=message):
        action(b)
    assert b[:] == b"abc\0"


def test_buffer_keeps_alive_and_is_weakly_referenced():
    a = ffi.new("char[]", b"abc")
    ref_a = weakref.ref(a)
    b = ffi.buffer(a)
    ref_b = weakref.ref(b)
    del a
    gc.collect()
    assert ref_a() is not None and b[:3] == b"abc"
    m = memoryview(b)
    del b
    gc.collect()
    assert m[0] == 97
    del m
    gc.collect()
    assert ref_a() is None and ref_b() is None


@given(st.binary(max_size=6), st.binary(max_size=6))
@settings(deadline=None, max_examples=200)
def test_buffer_compares_like_bytes(x, y):
    bx = ffi.buffer(ffi.new("char[]", x), len(x))
    by = ffi.buffer(ffi.new("char[]", y), len(y))
    for other in (by, y, bytearray(y), memoryview(y)):
        assert (bx == other, bx != other, bx < other, bx <= other, bx > other, bx >= other) == (
            x == y, x != y, x < y, x <= y, x > y, x >= y)
    assert bx != "text" and bx != 5 and bx != None  # noqa: E711


# --- round trips ----------------------------------------------------------------------------


@given(st.binary())
@settings(deadline=None)
def test_bytes_round_trip(data):
    a = ffi.new("char[]", data)
    assert ffi.unpack(a, len(data)) == data
    assert ffi.string(a) == data.split(b"\0")[0]
    assert ffi.string(a, len(data) // 2) == data[: len(data) // 2].split(b"\0")[0]
    assert ffi.buffer(a)[:] == data + b"\0"


@given(st.text(), st.sampled_from(["char16_t", "char32_t", "wchar_t"]))
@settings(deadline=None)
def test_text_round_trip(text, type_):
    a = ffi.new(type_ + "[]", text)
    assert ffi.unpack(a, len(a) - 1) == text
    assert ffi.string(a) == text.split("\0")[0]


INTS = {"int8_t": (True, 8), "uint8_t": (False, 8), "int16_t": (True, 16), "uint16_t": (False, 16),
        "int32_t": (True, 32), "uint32_t": (False, 32), "int64_t": (True, 64), "uint64_t": (False, 64)}


@given(st.sampled_from(sorted(INTS)), st.data())
@settings(deadline=None)
def test_ints_round_trip(type_, data):
    signed, bits = INTS[type_]
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    values = data.draw(st.lists(st.integers(low, high), max_size=20))
    a = ffi.new(type_ + "[]", values)
    assert ffi.unpack(a, len(values)) == values
    b = bytearray(ffi.buffer(a))
    assert ffi.unpack(ffi.from_buffer(type_ + "[]", b), len(values)) == values
    any_int = data.draw(st.integers(-(1 << 70), 1 << 70))
    cut = any_int & ((1 << bits) - 1)
    if signed and cut >> (bits - 1):
        cut -= 1 << bits
    assert int(ffi.cast(type_, any_int)) == cut


@given(st.lists(st.floats(allow_nan=False)))
@settings(deadline=None)
def test_doubles_round_trip(values):
    a = ffi.new("double[]", values)
    assert ffi.unpack(a, len(values)) == values
    assert array.array("d", bytes(ffi.buffer(a))).tolist() == values


def test_memmove_is_memmove():
    rng = random.Random(1)
    model = bytearray(range(64))
    c = ffi.new("unsigned char[]", list(model))
    for _ in range(500):
        n = rng.randrange(64)
        s, d = rng.randrange(65 - n), rng.randrange(65 - n)
        ffi.memmove(c + d, c + s, n)
        model[d:d + n] = bytes(model[s:s + n])
        assert ffi.buffer(c)[:] == model
