# SPDX-License-Identifier: MIT
"""Calls through `...`."""

import gc
import sys

import call_samples
import pytest

from jiffi import FFI


@pytest.fixture(scope="module")
def ffi():
    ffi = FFI()
    ffi.cdef(call_samples.TYPES + call_samples.FUNCTIONS)
    return ffi


@pytest.fixture(scope="module")
def lib(ffi):
    return ffi.dlopen(call_samples.path())


def fmt(ffi, lib, kinds, *args):
    out = ffi.new("char[300]")
    lib.format_va(out, 300, kinds, *args)
    return ffi.string(out)


ROWS = [
    (b"i", [5], b"i5;"),
    (b"i", [-1], b"i-1;"),
    (b"i", [True], b"i1;"),
    (b"i", [2**31 - 1], b"i2147483647;"),
    (b"l", [2**31], b"l2147483648;"),
    (b"l", [-(2**31) - 1], b"l-2147483649;"),
    (b"l", [-(2**63)], b"l-9223372036854775808;"),
    (b"u", [2**64 - 1], b"u18446744073709551615;"),
    (b"d", [1.5], b"d1.5;"),
    (b"s", [b"bytes"], b"sbytes;"),
    (b"idslid", [1, 2.5, b"x", 2**40, 3, 4.5], b"i1;d2.5;sx;l1099511627776;i3;d4.5;"),
    (b"d" * 12, [float(i) for i in range(12)], b"".join(b"d%d;" % i for i in range(12))),
    (b"i" * 12, list(range(12)), b"".join(b"i%d;" % i for i in range(12))),
]


@pytest.mark.parametrize("kinds, args, expected", ROWS)
def test_plain_values(ffi, lib, kinds, args, expected):
    for _ in range(2):  # made, then found again
        assert fmt(ffi, lib, kinds, *args) == expected


def test_cdata(ffi, lib):
    assert fmt(ffi, lib, b"i", ffi.cast("int", -7)) == b"i-7;"
    assert fmt(ffi, lib, b"i", ffi.cast("short", -7)) == b"i-7;"
    assert fmt(ffi, lib, b"i", ffi.cast("unsigned char", 200)) == b"i200;"
    assert fmt(ffi, lib, b"i", ffi.cast("char", b"A")) == b"i65;"
    assert fmt(ffi, lib, b"i", ffi.cast("_Bool", 1)) == b"i1;"
    assert fmt(ffi, lib, b"i", ffi.cast("enum color", 5)) == b"i5;"
    assert fmt(ffi, lib, b"l", ffi.cast("long long", -(2**40))) == b"l-1099511627776;"
    assert fmt(ffi, lib, b"d", ffi.cast("float", 0.5)) == b"d0.5;"
    assert fmt(ffi, lib, b"d", ffi.cast("double", 0.25)) == b"d0.25;"
    assert fmt(ffi, lib, b"s", ffi.new("char[]", b"array")) == b"sarray;"
    assert fmt(ffi, lib, b"pp", ffi.NULL, ffi.new("int[3]")) == b"p0;p1;"
    assert fmt(ffi, lib, b"p", lib.add) == b"p1;"
    assert fmt(ffi, lib, b"Pi", ffi.new("point *", [3, 4])[0], 9) == b"P3,4;i9;"


def test_sums(lib):
    assert lib.sum_va(0) == 0
    assert lib.sum_va(3, 1, 2, 3) == 6
    assert lib.sum_va(40, *range(40)) == sum(range(40))


@pytest.mark.parametrize("bad, hint", [
    ("text", "encode"), (None, "NULL"), ([1], "list"), (object(), "object"), (1j, "complex"),
])
def test_refused(lib, bad, hint):
    with pytest.raises(TypeError, match="variadic part") as e:
        lib.sum_va(1, bad)
    assert hint in str(e.value)
    assert "sum_va() argument 2" in str(e.value)


def test_errors(lib):
    with pytest.raises(OverflowError):
        lib.sum_va(1, 2**64)
    with pytest.raises(OverflowError):
        lib.sum_va(1, -(2**63) - 1)
    with pytest.raises(TypeError, match="expects at least 1 arguments, got 0"):
        lib.sum_va()
    with pytest.raises(TypeError, match=r"sum_va\(\) argument 1 \('n'\)"):
        lib.sum_va("x", 1)


def test_no_leaks(ffi, lib):
    out = ffi.new("char[300]")
    objects = [b"bytes", 2.5, 10**12, ffi.cast("short", 3), "bad"]
    gc.collect()  # tracebacks of earlier tests may go at any time
    before = [sys.getrefcount(o) for o in objects]
    for _ in range(100):
        lib.format_va(out, 300, b"sdli", *objects[:4])
        with pytest.raises(TypeError):
            lib.format_va(out, 300, b"sdli", *objects)
    gc.collect()
    after = [sys.getrefcount(o) for o in objects]
    assert max(abs(a - b) for a, b in zip(after, before)) < 50


def test_more_lists_of_types_than_are_kept(ffi, lib):
    values = {"i": 1, "d": 0.5, "s": b"x"}
    for n in range(300):
        kinds = "".join("ids"[n // 3**k % 3] for k in range(6))
        assert fmt(ffi, lib, kinds.encode(), *[values[k] for k in kinds]) == "".join(
            {"i": "i1;", "d": "d0.5;", "s": "sx;"}[k] for k in kinds
        ).encode()


def test_through_a_pointer(ffi, lib):
    f = ffi.cast("int(*)(int, ...)", ffi.addressof(lib, "sum_va"))
    assert f(2, 20, 22) == 42
