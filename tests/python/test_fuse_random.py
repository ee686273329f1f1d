# SPDX-License-Identifier: MIT
"""ffi.fuse() against Python: random functions of C calls and arithmetic, made and run
both ways; wherever Python's result fits 64 bits all along, the fused one is the same."""

import math
import os
import struct

import pytest

from fuse_samples import ffi, lib
from jiffi import _jiffi

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies

INT_CALLS = {"inc": 32, "neg8": 8, "up16": -16, "flip32": -32, "neg64": 64, "mix64": -64}
FLOAT_CALLS = ["half", "third"]


class OutOfRange(Exception):
    """Python's value is one that 64 bits do not hold, or that C's call does not take."""


def in_64(n, low=-(2**63), high=2**63 - 1):
    """In Python's run: an integer must fit; while tracing: whatever."""
    if type(n) in (int, bool) and not low <= n <= high:
        raise OutOfRange
    return n


def call_int(name, n):
    bits = INT_CALLS[name]
    if type(n) in (int, bool):
        in_64(n, -(1 << bits - 1) if bits > 0 else 0,
              (1 << bits - 1) - 1 if bits > 0 else (1 << -bits) - 1)
        if bits == 64 and n == -(2**63):
            raise OutOfRange
    # More than 63 bits of result count as unsigned only while nothing negative joins.
    return in_64(getattr(lib, name)(n))


def call_float(name, x):
    if name == "third" and type(x) in (int, float, bool):
        try:
            struct.pack("f", x)
        except OverflowError:
            raise OutOfRange from None
    return getattr(lib, name)(x)


def divide(op, a, b):
    if type(b) in (int, float, bool):
        if b == 0:
            raise OutOfRange
        if op == "/" and type(a) in (int, bool) and type(b) in (int, bool) and \
                max(abs(a), abs(b)) > 2**53:
            raise OutOfRange
    return a / b if op == "/" else a // b if op == "//" else a % b


def compare(op, a, b):
    if type(a) is not type(b) and float in (type(a), type(b)) and \
            max(abs(int(v)) for v in (a, b) if type(v) in (int, bool)) > 2**53:
        raise OutOfRange
    return {"<": a < b, "<=": a <= b, "==": a == b, "!=": a != b}[op] if \
        op != ">" else a > b


def compare_safe(op, a, b):
    for v in (a, b):
        if isinstance(v, float) and not math.isfinite(v):
            return compare_plain(op, a, b)
    return compare(op, a, b)


def compare_plain(op, a, b):
    return a < b if op == "<" else a <= b if op == "<=" else a == b if op == "==" else \
        a != b if op == "!=" else a > b


ints = st.one_of(
    st.sampled_from(["n", "m"]),
    st.integers(-200, 200), st.integers(-(2**62), 2**62))
floats = st.one_of(
    st.sampled_from(["x", "y"]),
    st.floats(allow_nan=False, allow_infinity=False, width=32))


def grow_ints(children):
    return st.one_of(
        st.tuples(st.just("call_int"), st.sampled_from(sorted(INT_CALLS)), children),
        st.tuples(st.sampled_from("+-*&|^"), children, children),
        st.tuples(st.sampled_from(["//", "%"]), children, children),
        st.tuples(st.sampled_from(["neg", "abs", "not"]), children),
        st.tuples(st.sampled_from(["<<", ">>"]), children, st.integers(0, 70)),
        st.tuples(st.just("**"), children, st.integers(0, 5)),
        st.tuples(st.just("where"), children, children, children),
        st.tuples(st.just("compare"), st.sampled_from(["<", "<=", "==", "!=", ">"]),
                  children, children))


int_trees = st.recursive(ints, grow_ints, max_leaves=12)


def grow_floats(children):
    either = st.one_of(children, int_trees)
    return st.one_of(
        st.tuples(st.just("call_float"), st.sampled_from(FLOAT_CALLS), either),
        st.tuples(st.sampled_from(["+", "-", "*"]), children, either),
        st.tuples(st.sampled_from(["/", "//", "%"]), either, children),
        st.tuples(st.just("/"), int_trees, int_trees),
        st.tuples(st.sampled_from(["neg", "abs"]), children),
        st.tuples(st.just("where"), either, children, children))


float_trees = st.recursive(floats, grow_floats, max_leaves=10)


def evaluate(t, env):
    """The value of a tree, in Python or while tracing."""
    if isinstance(t, str):
        return env[t]
    if not isinstance(t, tuple):
        return t
    op = t[0]
    if op in ("call_int", "call_float"):
        v = evaluate(t[2], env)
        return call_int(t[1], v) if op == "call_int" else call_float(t[1], v)
    if op == "compare":
        return compare_safe(t[1], evaluate(t[2], env), evaluate(t[3], env))
    a = [evaluate(x, env) for x in t[1:]]
    if op in ("/", "//", "%"):
        return in_64(divide(op, *a))
    if op == "where":
        if type(a[1]) is not type(a[2]) and float in (type(a[1]), type(a[2])):
            raise OutOfRange  # where() gives one type
        return ffi.where(*a)
    if op == "<<" and type(a[0]) in (int, bool) and a[1] > 63 and a[0]:
        raise OutOfRange
    result = (a[0] + a[1] if op == "+" else a[0] - a[1] if op == "-" else
              a[0] * a[1] if op == "*" else a[0] & a[1] if op == "&" else
              a[0] | a[1] if op == "|" else a[0] ^ a[1] if op == "^" else
              a[0] << a[1] if op == "<<" else a[0] >> a[1] if op == ">>" else
              a[0] ** a[1] if op == "**" else -a[0] if op == "neg" else
              abs(a[0]) if op == "abs" else ~a[0])
    return in_64(result)


def bits(v):
    if isinstance(v, float):
        return "nan" if v != v else struct.pack("d", v)
    return int(v)


def check(tree, values):
    def f(n, m, x, y):
        return evaluate(tree, {"n": n, "m": m, "x": x, "y": y})

    signature = "(int64_t n, int m, double x, float y)"
    try:
        fused = ffi.fuse(f, _signature(f, signature))
    except OutOfRange:  # constants alone
        return
    slow = _jiffi._fuse(code=False, **_jiffi._fused_origin(fused))
    for row in values:
        try:
            want = f(*row)
        except (OutOfRange, OverflowError):
            continue
        got = fused(*row)
        assert bits(got) == bits(want), (row, ffi.fused_program(fused))
        assert bits(slow(*row)) == bits(want)


def _signature(f, params):
    """The result is double for floats, else as wide as there is."""
    try:
        is_float = isinstance(f(1, 2, 1.0, 2.0), float)
    except (OutOfRange, OverflowError):
        is_float = None
    if is_float is None:
        raise OutOfRange
    return ("double" if is_float else "int64_t") + params


def rows():
    single = st.floats(width=32, allow_nan=False, allow_infinity=False)
    return st.lists(st.tuples(
        st.one_of(st.integers(-50, 50), st.integers(-(2**63), 2**63 - 1)),
        st.one_of(st.integers(-50, 50), st.integers(-(2**31), 2**31 - 1)),
        st.one_of(single, st.floats(-10, 10)), single), min_size=3, max_size=8)


SETTINGS = hypothesis.settings(max_examples=int(os.environ.get("JIFFI_EXAMPLES", 60)), deadline=None, derandomize="JIFFI_EXAMPLES" not in os.environ,
                               suppress_health_check=list(hypothesis.HealthCheck))


@SETTINGS
@hypothesis.given(int_trees, rows())
def test_integers(tree, values):
    check(tree, values)


@SETTINGS
@hypothesis.given(float_trees, rows())
def test_floats(tree, values):
    check(tree, values)
