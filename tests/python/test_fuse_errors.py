# SPDX-License-Identifier: MIT
"""ffi.fuse(): what cannot be traced is refused with its line, and nothing is broken."""

import ctypes
import math
import threading

import pytest

import jiffi
from fuse_samples import ffi, lib
from jiffi import _jiffi


def branch(x):
    if lib.half(x) > 1:
        return 1
    return 2


def loop(n):
    while lib.inc(n):
        pass


def sets(x):
    p = ffi.new("point *")
    p.z = lib.half(x)


def stores_float(x):
    v = ffi.new("int[2]")
    v[0] = lib.half(x)


def leaks_memory(x):
    return ffi.addressof(lib.swap((x, 1)))


def writes_outside(x):
    ffi.new("double[2]", [lib.half(x), 1])[2] = x


outside = ffi.new("int *")


def writes_python_memory(n):
    outside[0] = lib.inc(n)


# function, what the message has
TRACE = [
    (branch, r"test_fuse_errors.py:\d+: `if lib.half\(x\) > 1:`: a branch .*ffi.where"),
    (loop, "`while lib.inc\\(n\\):`: a branch"),
    (lambda x: 0 < lib.half(x) < 1, "a branch"),
    (lambda x: max(lib.half(x), 1), "a branch"),
    (lambda x: lib.half(x) and 1, "a branch"),
    (lambda x: math.sin(lib.half(x)), "Python's floats.*ffi.cast"),
    (lambda x: float(lib.half(x)), "float"),
    (lambda x: int(lib.half(x)), r"int\(\)"),
    (lambda x: round(lib.half(x)), "round"),
    (lambda x: math.floor(lib.half(x)), "rounding"),
    (lambda n: range(lib.inc(n)), "Python's ints"),
    (lambda n: [1, 2][lib.inc(n)], "Python's ints"),
    (lambda n: "%d" % lib.inc(n), None),
    (lambda n: str(lib.inc(n)), r"str\(\)"),
    (lambda n: f"{lib.inc(n)}", "formatting"),
    (lambda n: {lib.inc(n): 1}, "a hash"),
    (lambda n: len(lib.inc(n)), r"len\(\)"),
    (lambda n: [x for x in lib.inc(n)], "iteration"),
    (lambda n: 3 in lib.inc(n), "'in'"),
    (lambda n: [lib.inc(n)], "must be a traced value, a constant or None, not list"),
    (lambda n: (lib.inc(n), 1), "not tuple"),
    (lambda n: "text", "not str"),
    (lambda x, y: lib.half(x), "'y' of fused.. is not known"),
    (lambda x: x, "'x' of fused.. is not known"),
    (lambda p: p.x, "signature"),
    (lambda p: p[0], "signature"),
    (lambda p: lib.norm1(p + 1), "signature"),
    (lambda n: ffi.cast("int", n), "signature"),
    (leaks_memory, "gone when the function returns"),
    (lambda n: ffi.new("int *"), "gone when the function returns"),
    (lambda n: ffi.new("int[]", lib.inc(n)), "fixed size"),
    (lambda n: lib.inc(n) ** lib.inc(n), "exponent"),
    (lambda n: lib.inc(n) ** 99, "exponent"),
    (lambda n: pow(lib.inc(n), 2, 3), "three arguments"),
    (lambda n: lib.make_item(n).low, "bit-field"),
    (lambda n: writes_python_memory(n), r"= lib.inc.n.`: int\(\)"),
    (lambda n: ffi.string(lib.word(n)), None),
]


@pytest.mark.parametrize("row", range(len(TRACE)))
def test_cannot_be_traced(row):
    function, message = TRACE[row]
    with pytest.raises(jiffi.TraceError if message else TypeError, match=message) as e:
        ffi.fuse(function)
    if message and message.startswith("test_fuse"):
        assert e.value.lineno == function.__code__.co_firstlineno + 1
        assert e.value.filename == __file__
    assert lib.half(3) == 1.5 and lib.inc(1) == 2  # they are called again


# function, signature, exception, message
TYPES = [
    (lambda x: lib.inc(lib.half(x)), None, TypeError, r"inc\(\) argument 1: 'int' expected"),
    (lambda x: lib.inc(x / 2), "int(int)", TypeError, "ffi.cast"),
    (lambda x: lib.inc(2.5), "int(int)", TypeError, r"inc\(\) argument 1 \('n'\)"),
    (lambda x: lib.inc(2**40), "int(int)", OverflowError, r"inc\(\) argument 1 \('n'\)"),
    (lambda x: lib.inc(x + 2**70), "int(int)", OverflowError, "64 bits"),
    (lambda x: lib.half(b"a"), "double(int)", TypeError, r"half\(\) argument 1"),
    (lambda x: lib.half(None), "double(int)", TypeError, r"half\(\) argument 1"),
    (lambda x: lib.half(), None, TypeError, "."),
    (lambda x: lib.add(x), None, TypeError, "expects 2 arguments, got 1"),
    (lambda x: lib.half(x, x), None, TypeError, "."),
    (lambda p: lib.norm1(p), "double(int *)", TypeError, "norm1.*argument 1"),
    (lambda p: lib.norm1(p[0]), "double(point *)", TypeError, "argument 1"),
    (lambda p: lib.swap(p), "point(point *)", TypeError, "argument 1"),
    (lambda c: lib.upper(c) + 1, None, TypeError, "."),
    (lambda c: lib.inc(c), "int(char)", TypeError, "argument 1"),
    (lambda x: ~lib.half(x), None, TypeError, "no bits"),
    (lambda x: lib.half(x & 1), "double(double)", TypeError, "no bits"),
    (lambda x: lib.half(x & 1), None, TypeError, "no bits"),
    (lambda x: lib.half(x) + "a", None, TypeError, "."),
    (lambda x: lib.half(x) < "a", None, TypeError, "."),
    (lambda x: lib.half(x) << 1, None, TypeError, "no bits"),
    (lambda n: lib.inc(n) << -1, None, ValueError, "negative shift count"),
    (lambda z: z + 1, "double _Complex(double _Complex)", TypeError, "."),
    (lambda x: lib.third_l(x), "long double(double)", TypeError, "argument 1"),
    (lambda p: p.z, "double(point *)", AttributeError, "no field 'z'"),
    (lambda p: p.x.y, "double(point *)", TypeError, "."),
    (sets, "void(double)", AttributeError, "no field 'z'"),
    (stores_float, "void(double)", TypeError, "assignment: 'int' expected"),
    (writes_outside, "void(double)", IndexError, "index 2"),
    (lambda x: lib.half(x), "int(double)", TypeError, "result of fused.*'int' expected"),
    (lambda x: None, "int(double)", TypeError, "returns nothing"),
    (lambda x: lib.half(x), "void(double)", TypeError, "returns a value"),
    (lambda x: lib.half(x), "double(double, int)", TypeError, "has 2 parameters"),
    (lambda x: lib.half(x), "double", TypeError, "function"),
    (lambda x: lib.half(x), "double(double, ...)", TypeError, "without '...'"),
    (lambda x: lib.half(x), "doubel(double)", jiffi.CDefError, "doubel"),
    (lambda x: lib.half(x), 5, TypeError, "string or ctype"),
    (lambda *x: lib.half(1), None, TypeError, "parameters like"),
    (lambda *, x: lib.half(x), None, TypeError, "keyword-only"),
    (lambda n: lib.sum_of(n), None, TypeError, "any number of arguments"),
    (lambda n: ffi.cast("int(*)(int)", 0)(n), None, RuntimeError, "null"),
    (lambda n: ffi.where(lib.inc(n), lib.word(n), 5), None, TypeError, "."),
    (lambda n: ffi.sized(lib.sum, n="v")(n), None, TypeError, "."),
]


@pytest.mark.parametrize("row", range(len(TYPES)))
def test_types_that_do_not_fit(row):
    function, signature, exception, message = TYPES[row]
    with pytest.raises(exception, match=message):
        ffi.fuse(function, signature)
    assert lib.half(3) == 1.5


def test_what_it_raises_comes_through():
    class Mine(Exception):
        pass

    def f(x):
        lib.half(x)
        raise Mine("here")

    with pytest.raises(Mine, match="here"):
        ffi.fuse(f)
    assert lib.half(1) == 0.5


def test_no_function():
    for what in (5, None and 1, [], lib):
        if what is not None:
            with pytest.raises(TypeError, match="takes a Python function"):
                ffi.fuse(what)


def test_values_of_another_function():
    kept = []
    ffi.fuse(lambda x: kept.append(lib.half(x)))
    with pytest.raises(jiffi.TraceError, match="belongs to another"):
        ffi.fuse(lambda y: lib.half(y) + kept[0])
    with pytest.raises(jiffi.TraceError):
        lib.half(kept[0])


def test_another_thread_is_not_traced():
    results = []

    def f(x):
        y = lib.half(x)

        def other():
            try:
                lib.half(y)
            except jiffi.TraceError as e:
                results.append(str(e))
            results.append(lib.half(8))

        t = threading.Thread(target=other)
        t.start()
        t.join()
        return y

    assert ffi.fuse(f)(2) == 1.0
    assert results[1] == 4.0 and "known only when" in results[0]


def test_cffi_has_it_not():
    import subprocess
    import sys
    code = ("from jiffi.dropin import install; install()\n"
            "import cffi\n"
            "try: cffi.FFI().fuse(lambda x: x)\n"
            "except (NotImplementedError, AttributeError): print('refused')\n")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "refused\n", done.stderr


# --- tuples that nobody but a mistaken tracer would write ---------------------------------

OPS = [
    None, 5, (), ("x",), (None,), ("param",), ("param", 9), ("param", -1), ("param", 2**70),
    ("param", "a"), ("call", 0, ()), ("call", 9, ()), ("call", -1, (0,)), ("call", 0, 5),
    ("call", 0, (0, 0)), ("call", 0, ("a",)), ("const", "i99", 1), ("const", "block", 1),
    ("const", "f64", "a"), ("const", "i32", 1.5), ("const", "i32", 2**200), ("pin", 5),
    ("local", 0, 1), ("local", 8, 3), ("local", -1, 8), ("local", 2**40, 8), ("local", 8, 0),
    ("load", "f64", 0, 0), ("load", "f64", 7, 0), ("load", 5, 0, 0), ("store", 0, 0, 0),
    ("part", "i32", 0, 0), ("cast", "zz", 0), ("cast", ffi.typeof("void"), 0),
    ("cast", ffi.typeof("point"), 0), ("not", 0), ("add", 0), ("add", 0, 5), ("shl", 0, 0),
    ("compare", "<>", 0, 0), ("compare", None, 0, 0), ("compare", "<", 0, True + 5),
    ("select", 0, 0), ("result", None), ("result", 3), ("address", 2**64),
]


@pytest.mark.parametrize("row", range(len(OPS)))
def test_no_tuple_crashes(row):
    types = (ffi.typeof("double"), ffi.typeof("double"))
    ops = (("param", 0), OPS[row], ("result", 1))
    with pytest.raises((TypeError, ValueError, OverflowError)):
        _jiffi._fuse(ffi, "f", ("x",), types, ops, (lib.half,))


def test_no_arguments_crash():
    good = dict(ffi=ffi, name="f", params=("x",), types=("double", 1), ops=(), callees=())
    double = ffi.typeof("double")
    for change in (dict(ffi=5), dict(name=None), dict(params=[]), dict(params=("x", "y")),
                   dict(types=()), dict(types=(double, (0, 0))), dict(types=(double, (0, -5))),
                   dict(types=(double, double) * 100), dict(types=(double, ffi.typeof("void"))),
                   dict(types=(double, ffi.typeof("int[3]"))), dict(types="int"),
                   dict(types=(double, "a")), dict(ops=[]), dict(ops=("param",)),
                   dict(callees=(5,)), dict(callees=(ffi.NULL,)), dict(callees=[]),
                   dict(params=(5,), types=(ffi.typeof("void"), double)),
                   dict(callees=(ffi.cast("int(*)(int)", 0),))):
        with pytest.raises((TypeError, ValueError, RuntimeError, jiffi.CDefError)):
            _jiffi._fuse(**dict(good, **change))
    for args in ((), (5,), (lib.half, 9, 1), (lib.half, -1, 1), (lib.half, 0, "a"),
                 (ffi.typeof("void"), 1), (ffi.typeof("double"), "x"), (1, 2, 3)):
        with pytest.raises((TypeError, ValueError, OverflowError)):
            _jiffi._pin(*args)
    with pytest.raises(TypeError):
        _jiffi._trace(None, 5, ())
    with pytest.raises(AttributeError):
        _jiffi._trace(None, lib.half, (1,))
    assert lib.half(1) == 0.5 and ctypes
