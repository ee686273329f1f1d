# SPDX-License-Identifier: MIT
"""ffi.sized(): functions that take lengths from arrays."""

import array
import gc
import inspect
import sys
import weakref

import array_samples
import pytest

from jiffi import FFI

try:
    import numpy as np
except ImportError:
    np = None

needs_numpy = pytest.mark.skipif(np is None, reason="NumPy is not installed")


@pytest.fixture(scope="module", params=["release", "hold"])
def ffi(request):
    ffi = FFI(gil=request.param)
    ffi.cdef("struct hidden;" + array_samples.FUNCTIONS)
    return ffi


@pytest.fixture(scope="module")
def lib(ffi):
    return ffi.dlopen(array_samples.path())


def refused(error, f, *args, **names):
    with pytest.raises(error) as e:
        f(*args, **names)
    return str(e.value)


def arrays(ffi, values):
    """The same doubles in everything that may hold them."""
    yield list(values)
    yield tuple(values)
    yield array.array("d", values)
    yield memoryview(array.array("d", values))
    yield ffi.new("double[]", list(values))
    yield ffi.from_buffer("double[]", array.array("d", values))
    if np is not None:
        yield np.array(values, "f8")
        yield np.array(values, "f8").reshape(1, -1, 1)


@pytest.mark.parametrize("values", [[], [1.5], [1, 2, 3], list(range(100))], ids=len)
def test_lengths_of_everything(ffi, lib, values):
    total, dot = ffi.sized(lib.sum), ffi.sized(lib.dot, n=("a", "b"))
    for a in arrays(ffi, values):
        assert total(a) == sum(values)
        for b in arrays(ffi, values):
            assert dot(a, b) == sum(x * x for x in values)


def test_null_is_empty_and_pointers_are_unknown(ffi, lib):
    total = ffi.sized(lib.sum)
    assert total(ffi.NULL) == 0.0 == total(ffi.cast("double *", 0))
    assert total(ffi.new("double *", 4.0)) == 4.0  # it is known to own one
    p = ffi.cast("double *", ffi.new("double[3]"))
    assert refused(TypeError, total, p) == (
        "sum() argument 1 ('data'): how many items this 'double *' points to is not known: an "
        "array is expected")


def test_units(ffi, lib):
    n = ffi.sized(lib.bytes_of, n="p")
    assert n(b"abc", 2) == 6 and n(bytearray(5), 1) == 5 and n(ffi.new("int[3]"), 1) == 12
    assert n(array.array("d", [1, 2]), 1) == 16 and n(ffi.NULL, 7) == 0 and n(b"", 3) == 0
    text = ffi.sized(lib.length, n="text")
    assert text(b"hello") == 5 and text(ffi.new("char[]", b"hello")) == 6
    assert text([b"a", b"b"]) == 2
    by_bytes = ffi.sized(lib.fill, n="out", bytes=True)
    out = array.array("f", [0] * 16)
    assert by_bytes(1.0, memoryview(out)[:4]) == 16 and list(out) == [1.0] * 16
    if np is not None:
        for dtype in ("?", "i1", "u2", "i4", "i8", "f2", "f4", "f8", "g", "F", "D", "S3", "U2"):
            for shape in ((), (0,), (3,), (2, 3)):
                a = np.zeros(shape, dtype)
                assert n(a, 1) == a.nbytes
        assert n(np.zeros(3, [("a", "i4"), ("b", "f8")]), 1) == 36


def test_too_long_for_the_length(ffi, lib):
    text, fill = ffi.sized(lib.length, n="text"), ffi.sized(lib.fill, n="out")
    assert text(bytes(127)) == 127
    assert refused(OverflowError, text, bytearray(128)) == (
        "length() argument 1 ('text'): it has 128 items, which are too many for 'signed char' "
        "(C type 'char *', got bytearray)")
    out = array.array("f", bytes(4 * 65535))
    assert fill(0, out) == 65535
    out.append(0)
    assert "65536 items, which are too many for 'unsigned short'" in refused(
        OverflowError, fill, 0, out)


def test_shared_lengths(ffi, lib):
    dot = ffi.sized(lib.dot, n=("a", "b"))
    for a, b in (([1, 2], [1]), ([], [1]), (array.array("d", [1]), [1, 2])):
        assert refused(ValueError, dot, a, b) == (
            "dot(): 'a' and 'b' share the length 'n', but one has %d items and the other %d"
            % (len(a), len(b)))
    ten = ffi.sized(lib.ten, n=("a", "b", "c", "d"), m=["e", "f"])
    i, e = array.array("i", [1, 2]), array.array("l", [5])
    assert ten(i, [1, 1], i, (0, 0), 2.5, e, [6], b"\x01") == 3 + 2 + 3 + 1100 + 2 + 1
    assert "'a' and 'd' share the length 'n', but one has 2 items and the other 3" in refused(
        ValueError, ten, i, i, i, [1, 2, 3], 0, e, e, b"a")
    assert "'e' and 'f' share the length 'm'" in refused(
        ValueError, ten, i, i, i, i, 0, e, [], b"a")
    data = array.array("d", [1])
    refused(ValueError, dot, data, [1, 2])
    data.append(1)  # not pinned any more


def test_several_lengths_and_places(ffi, lib):
    two = ffi.sized(lib.two, na="a", nb="b")
    assert two([1, 2], [3]) == 2001 + 6 and two([], []) == 0
    only = ffi.sized(lib.two, nb="b")
    assert only([1, 2], 2, [3]) == 2001 + 6
    ten = ffi.sized(lib.ten, m="f")
    assert ten(1, [1], [2], [3], [4], 0.0, [10], [20], b"\0") == 10 + 3000
    assert "ten() argument 7 ('e')" in refused(
        TypeError, ten, 1, [1], [2], [3], [4], 0.0, 5, [20], b"\0")
    assert "ten() argument 6 ('x')" in refused(
        TypeError, ten, 1, [1], [2], [3], [4], "x", [1], [20], b"\0")


def test_structs(ffi, lib):
    pairs, first = ffi.sized(lib.pairs, n="p"), ffi.sized(lib.first, n="p")
    items = [(1, 0.5), (2, 1.5)]
    assert pairs(items) == 3.5 == pairs(ffi.new("struct pair[]", items))
    assert first(items).b == 0.5 and first([]).a == -1
    assert first(ffi.new("struct pair *", (7, 8))).a == 7
    if np is not None:
        a = np.array(items, np.dtype([("a", "i4"), ("b", "f8")], align=True))
        for _ in range(3):
            assert pairs(a) == 3.5 and first(a[1:]).a == 2
        assert "with the same members" in refused(TypeError, pairs, np.zeros(3))
    opaque = ffi.sized(lib.opaque, n="p", bytes=True)
    assert opaque(ffi.NULL) == -1
    assert "'struct hidden *' has no items that could be counted" in refused(
        TypeError, ffi.sized, lib.opaque, n="p")


# --- making them ------------------------------------------------------------------------------

BAD = [
    ("sum", dict(n="nothing"), "sum() has no parameter 'nothing'"),
    ("sum", dict(size="data"), "sum() has no parameter 'size'"),
    ("sum", dict(n=5), "a parameter's name or a tuple of them is expected"),
    ("sum", dict(n=(5,)), "names of parameters are expected, not 'int'"),
    ("sum", dict(n="n"), "parameter 'n' of sum() is no pointer and has no length"),
    ("sum", dict(data="data"), "parameter 'data' of sum() is no integer and cannot be a length"),
    ("fill", dict(v="out"), "parameter 'v' of fill() is no integer"),
    ("dot", dict(n=("a", "a")), "parameter 'a' of dot() gives two lengths"),
    ("two", dict(na="a", nb="a"), "parameter 'a' of two() gives two lengths"),
    ("two", dict(), "nothing says which parameter of two() is a length"),
    ("two", dict(bytes=True), "nothing says which parameter of two() is a length"),
    ("two", dict(na=()), "nothing says which parameter of two() is a length"),
    ("to_f64", dict(p="p"), "parameter 'p' of to_f64() is no integer"),
    ("variadic", dict(n="x"), "variadic() is variadic"),
]


@pytest.mark.parametrize("name, pairs, text", BAD)
def test_what_cannot_be(ffi, lib, name, pairs, text):
    assert "sized(): " + text in refused(TypeError, ffi.sized, getattr(lib, name), **pairs)


def test_what_is_no_function(ffi, lib):
    for o in (5, None, "sum", len, ffi.new("int *"), ffi.typeof("int"), lib):
        assert "expected a C function" in refused(TypeError, ffi.sized, o)
    refused(TypeError, ffi.sized)
    refused(TypeError, ffi.sized, lib.sum, "n", n="data")
    refused(RuntimeError, ffi.sized, ffi.cast("double(*)(double *, size_t)", 0), p1="p0")
    again = ffi.sized(lib.sum)
    assert "takes its lengths from arrays already" in refused(TypeError, ffi.sized, again)


def test_wrong_calls(ffi, lib):
    total, dot = ffi.sized(lib.sum), ffi.sized(lib.dot, n=("a", "b"))
    refused(TypeError, total)
    refused(TypeError, total, [1.0], 1)
    assert refused(TypeError, dot, [1]) == (
        "dot() expects 2 arguments (lengths are taken from arrays), got 1")
    refused(TypeError, dot, [1], [1], 1)
    refused(TypeError, dot, [1], b=[1])
    assert refused(TypeError, dot, [1], array.array("i", [1])) == (
        "dot() argument 2 ('b'): initializer for ctype 'double *' must be a buffer of 'double', "
        "not a array.array of items 'i' (4 bytes each)")
    for bad in (5, None, "text", object(), {1}, ffi.new("int[3]"), b"12345678"):
        assert "sum() argument 1 ('data')" in refused(TypeError, total, bad)
    assert total([1.0]) == 1.0


def test_access_in_the_declaration(ffi, lib):
    """Both spellings, and any number of pairs; a usual call takes all parameters."""
    assert lib.sum([1, 2, 3], 2) == 3.0
    own = FFI()
    own.cdef("double dot(const double *a, const double *b, int n)"
             " __attribute__((access(read_only, 1, 3), access(read_only, 2, 3)));"
             "[[gnu::access(write_only, 3, 1)]] int fill(unsigned short n, float v, float *o);"
             "size_t bytes_of(const void *p, size_t n, int times)"
             " __attribute__((__access__(__read_only__, 1, 2)));"
             "int two(const int *a, int na, const short *b, int nb)"
             " __attribute__((access(read_only, 1)));")
    lib = own.dlopen(array_samples.path())
    assert own.sized(lib.dot)([1, 2], [3, 4]) == 11.0
    out = array.array("f", [0, 0])
    assert own.sized(lib.fill)(2.0, out) == 2 and list(out) == [2.0, 2.0]
    assert own.sized(lib.bytes_of)(array.array("i", [1]), 2) == 8
    assert own.sized(lib.two, na="a")([1], [2], 1) == 1001 + 3
    assert "nothing says" in refused(TypeError, own.sized, lib.two)


def test_it_is_a_builtin(ffi, lib):
    total, dot = ffi.sized(lib.sum), ffi.sized(lib.dot, n=("a", "b"))
    assert type(total) is type(len) and total.__name__ == "sum"
    assert list(inspect.signature(dot).parameters) == ["a", "b"]
    assert list(inspect.signature(total).parameters) == ["data"]
    assert "double dot(const double *a, const double *b, int n)" in dot.__doc__
    assert "n: items of a" in dot.__doc__ and "n: items of b" in dot.__doc__
    assert total.__module__ == lib.sum.__module__
    assert list(map(total, [[1], [2, 3]])) == [1.0, 5.0]
    # C sees the function as it is
    assert ffi.addressof(lib, "sum") == ffi.cast("void *", ffi.cast("uintptr_t", total.__self__))
    assert total.__self__([1, 2], 1) == 1.0 and total([1, 2]) == 3.0
    assert ffi.sized(lib.sum)([1]) == 1.0 and lib.sum([1, 2], 2) == 3.0


def test_pointers_to_functions(ffi, lib):
    total = ffi.sized(lib.sum_pointer, p1="p0")
    assert total([1, 2]) == 3.0 and "function(" in total.__doc__
    assert "has no parameter 'n'" in refused(TypeError, ffi.sized, lib.sum_pointer, n="p0")
    seen = []
    call = ffi.callback("int(int *, long)", lambda p, n: seen.append(list(p[0:n])) or n)
    sized = ffi.sized(call, p1="p0")
    alive = weakref.ref(call)
    del call
    gc.collect()
    assert alive() is not None and sized([1, 2, 3]) == 3
    assert seen == [[1, 2, 3]]
    del sized
    gc.collect()
    assert alive() is None


def test_closed_library():
    ffi = FFI()
    ffi.cdef("double sum(const double *data, size_t n);")
    lib = ffi.dlopen(array_samples.path())
    total = ffi.sized(lib.sum, n="data")
    assert total([1.0]) == 1.0
    ffi.dlclose(lib)
    assert "has already been closed" in refused(ValueError, total, [1.0])
    assert "has already been closed" in refused(ValueError, total, array.array("d", [1]))


def test_they_go_away():
    def use():
        ffi = FFI()
        ffi.cdef("struct own { int a; }; int f(struct own *p, int n);"
                 "double sum(const double *data, size_t n);")
        lib = ffi.dlopen(array_samples.path())
        total = ffi.sized(lib.sum, n="data")
        assert total([1.0, 2.0]) == 3.0
        for pairs in (dict(n="x"), dict(), dict(data="n")):
            refused(TypeError, ffi.sized, lib.sum, **pairs)
        return weakref.ref(ffi), weakref.ref(total)
    refs = [r for _ in range(20) for r in use()]
    gc.collect()
    assert not any(r() for r in refs)


@needs_numpy
def test_references_come_and_go_in_pairs(ffi, lib):
    total = ffi.sized(lib.sum)
    a, bad = np.ones(3), np.ones(3, "i4")
    before = sys.getrefcount(a), sys.getrefcount(bad)
    for _ in range(1000):
        assert total(a) == 3.0
        refused(TypeError, total, bad)
    gc.collect()
    assert (sys.getrefcount(a), sys.getrefcount(bad)) == before


def test_compiled_module(tmp_path):
    ffi = FFI()
    ffi.cdef("double sum(const double *data, size_t n) __attribute__((access(read_only, 1, 2)));"
             "double dot(const double *a, const double *b, int n);")
    ffi.set_source("sized_module", "struct hidden;\n" + array_samples.SOURCE)
    ffi.compile(tmpdir=str(tmp_path))
    sys.path.insert(0, str(tmp_path))
    try:
        module = __import__("sized_module")
    finally:
        sys.path.pop(0)
    ffi, lib = module.ffi, module.lib
    assert ffi.sized(lib.sum)([1, 2, 3]) == 6.0
    assert ffi.sized(lib.dot, n=("a", "b"))([1, 2], [3, 4]) == 11.0
    assert lib.sum([1, 2, 3], 2) == 3.0
