# SPDX-License-Identifier: MIT
"""Calls: every kind of argument and result, errors, errno, lifetimes."""

import functools
import gc
import inspect
import os
import pydoc
import subprocess
import sys
import threading
from pathlib import Path

import call_samples
import pytest

from jiffi import FFI, features

ON = features()["calls"] == "code"


def open_samples(gil="release", more=""):
    ffi = FFI(gil=gil)
    ffi.cdef(call_samples.TYPES + call_samples.FUNCTIONS + more)
    return ffi, ffi.dlopen(call_samples.path())


@pytest.fixture(params=["release", "hold"])
def both(request):
    return open_samples(request.param)


@pytest.fixture
def ffi(both):
    return both[0]


@pytest.fixture
def lib(both):
    return both[1]


# --- integers ------------------------------------------------------------------------

INTS = [("i8", 8, True), ("u8", 8, False), ("i16", 16, True), ("u16", 16, False)]
INTS += [("i32", 32, True), ("u32", 32, False), ("i64", 64, True), ("u64", 64, False)]


@pytest.mark.parametrize("name, bits, signed", INTS)
def test_integers_at_every_edge(lib, name, bits, signed):
    same = getattr(lib, "same_" + name)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    edges = {0, 1, -1, low, high, low + 1, high - 1}
    for shift in (7, 8, 15, 16, 29, 30, 31, 32, 45, 59, 60, 61, 62, 63):
        edges |= {1 << shift, (1 << shift) - 1, -(1 << shift), -(1 << shift) - 1}
    for v in sorted(edges):
        if low <= v <= high:
            assert same(v) == v
            assert type(same(v)) is int
        else:
            with pytest.raises(OverflowError, match=f"integer {v} does not fit"):
                same(v)
    with pytest.raises(OverflowError):
        same(1 << 200)
    with pytest.raises(OverflowError):
        same(-1 << 200)


def test_integer_like_objects(lib):
    class Like:
        def __init__(self, v):
            self.v = v

        def __int__(self):
            return self.v

    class Int(int):
        pass

    assert lib.add(Int(3), True) == 4
    assert lib.add(Like(3), Like(-4)) == -1
    # a zero that is not the one zero there is
    assert lib.add(0 * 10**50, -0) == 0
    for bad in (1.5, "1", b"1", None, [], object()):
        with pytest.raises(TypeError):
            lib.add(1, bad)


def test_results_small_and_big(lib):
    for v in (*range(-7, 3), *range(254, 260), 2**30 - 1, 2**30, -(2**30), 2**31 - 1, -(2**31)):
        assert lib.same_i32(v) == v
    for v in (*range(0, 3), *range(254, 260), 2**64 - 1, 2**64 - 5, 2**63):
        assert lib.same_u64(v) == v


def test_bool(lib):
    assert lib.same_bool(True) is True
    assert lib.same_bool(False) is False
    assert lib.same_bool(1) is True
    assert lib.same_bool(0) is False
    with pytest.raises(OverflowError):
        lib.same_bool(2)
    with pytest.raises(TypeError):
        lib.same_bool("no")


def test_characters(lib):
    assert lib.same_char(b"x") == b"x"
    assert lib.same_char(b"\xff") == b"\xff"
    assert lib.same_wchar("é") == "é"
    assert lib.same_wchar("\U00012345") == "\U00012345"
    for bad in (b"xy", b"", "x", 65, None):
        with pytest.raises(TypeError):
            lib.same_char(bad)


def test_enum(ffi, lib):
    assert lib.same_color(lib.GREEN) == 5
    assert lib.same_color(lib.BLUE) == 6
    assert type(lib.same_color(0)) is int


# --- floating point --------------------------------------------------------------------


def test_floats(lib):
    assert lib.same_double(1.5) == 1.5
    assert lib.same_double(3) == 3.0
    assert lib.same_double(2**80) == 2.0**80
    assert lib.same_double(float("inf")) == float("inf")
    assert lib.same_float(0.1) != 0.1
    assert abs(lib.same_float(0.1) - 0.1) < 1e-8
    assert lib.fma3(1.5, 2.5, 3.5) == 7.25
    assert lib.fma3(1, True, 3.5) == 4.5

    class Float:
        def __float__(self):
            return 2.25

    assert lib.same_double(Float()) == 2.25
    for bad in ("1.0", None, b"1", 1j):
        with pytest.raises(TypeError):
            lib.same_double(bad)


def test_long_double(ffi, lib):
    v = lib.same_ldouble(2.5)
    assert ffi.typeof(v) is ffi.typeof("long double")
    assert float(v) == 2.5
    assert float(lib.same_ldouble(v)) == 2.5


# --- pointers ------------------------------------------------------------------------------


def test_strings(ffi, lib):
    assert lib.slen(b"hello world") == 11
    assert lib.slen(b"") == 0
    assert lib.slen(b"a\0b") == 1
    assert lib.slen(ffi.new("char[]", b"array")) == 5
    p = ffi.new("char[20]", b"pointer")
    assert lib.slen(p + 3) == 4
    assert lib.slen(bytearray(b"buffer\0")) == 6
    assert lib.slen([b"l", b"i", b"\0"]) == 2
    for bad in ("text", 5, None, 1.0, ffi.new("int *")):
        with pytest.raises(TypeError):
            lib.slen(bad)


def test_pointers(ffi, lib):
    array = ffi.new("int[5]")
    lib.store_ints(array, 5)
    assert list(array) == [0, 1, 2, 3, 4]
    assert lib.sum_ints(array, 5) == 10
    assert lib.sum_ints(array + 2, 2) == 5
    assert lib.sum_ints([1, 2, 3], 3) == 6
    assert lib.sum_ints((4, 5), 2) == 9
    assert lib.norm1([1.0, -2.0, 3], 3) == 6.0
    assert lib.same_pointer(ffi.NULL) == ffi.NULL
    assert lib.same_pointer(array) == array
    assert lib.same_int_pointer(array)[3] == 3
    assert ffi.typeof(lib.same_int_pointer(array)) is ffi.typeof("int *")
    p = ffi.new("point *", [1, 2])
    lib.move_point(p, 10)
    assert (p.x, p.y) == (11, 2)
    owned = ffi.gc(ffi.cast("point *", p), lambda _: None)
    lib.move_point(owned, 1)
    assert p.x == 12
    for bad in (None, 0, "x", ffi.new("double *"), p[0].x):
        with pytest.raises(TypeError):
            lib.sum_ints(bad, 1)


def test_buffers(lib):
    import array

    a = array.array("i", [1, 2, 3])
    assert lib.sum_ints(a, 3) == 6
    lib.store_ints(a, 3)
    assert a.tolist() == [0, 1, 2]
    assert lib.norm1(memoryview(array.array("d", [1.0, -1.5])), 2) == 2.5
    with pytest.raises(TypeError):
        lib.sum_ints(array.array("d", [1.0]), 1)
    a.append(4)  # nothing holds the buffer any more


def test_buffer_is_let_go_after_errors(lib):
    import array

    a = array.array("i", [1, 2, 3])
    for _ in range(3):
        with pytest.raises(TypeError):
            lib.sum_ints(a, "three")
    a.append(4)


def test_numpy(lib):
    np = pytest.importorskip("numpy")
    a = np.arange(4, dtype=np.float64)
    assert lib.norm1(a, 4) == 6.0
    a.flags.writeable = False
    assert lib.norm1(a, 4) == 6.0  # const double *
    with pytest.raises((TypeError, BufferError, ValueError)):
        i = np.arange(4, dtype=np.int32)
        i.flags.writeable = False
        lib.store_ints(i, 4)
    with pytest.raises(TypeError):
        lib.norm1(np.arange(4), 4)


# --- structs -----------------------------------------------------------------------------------


def test_structs(ffi, lib):
    p = lib.make_point(3, -4)
    assert (p.x, p.y) == (3, -4)
    assert ffi.typeof(p) is ffi.typeof("point")
    assert lib.point_sum(p) == -1
    assert lib.point_sum([5, 6]) == 11
    assert lib.point_sum({"y": 2}) == 2
    q = lib.same_point(p)
    q.x = 100
    assert p.x == 3
    assert lib.same_mixed([1.5, -2]).b == -2
    assert lib.same_tiny([b"q"]).c == b"q"
    assert list(lib.same_floats([[1, 2, 3]]).f) == [1.0, 2.0, 3.0]
    b = lib.make_big(10)
    assert list(b.v) == list(range(10, 18))
    assert lib.big_sum(1, b, 2) == sum(b.v) + 3
    assert list(lib.same_big(b).v) == list(b.v)
    view = ffi.new("point *", [7, 8])
    assert lib.point_sum(view[0]) == 15
    for bad in (None, 5, view, ffi.new("mixed *")[0], "xy"):
        with pytest.raises(TypeError):
            lib.point_sum(bad)


def test_unions_and_complex():
    ffi, lib = open_samples(more=call_samples.CODE_ONLY)
    if ON:
        assert lib.same_either({"d": 1.5}).d == 1.5
        assert lib.same_cdouble(1 + 2j) == 1 + 2j
        assert lib.same_cdouble(3) == 3
        return
    for f, value in ((lib.same_either, {"d": 1.5}), (lib.same_cdouble, 1 + 2j)):
        try:
            result = f(value)
        except NotImplementedError as e:
            assert str(e)
        else:
            assert getattr(result, "d", result) == (1.5 if f is lib.same_either else 1 + 2j)


def test_many_arguments(lib, ffi):
    assert lib.sum10(*range(1, 11)) == sum(i * i for i in range(1, 11))
    assert lib.sum10(*range(-5, 5)) == sum((i + 1) * (i - 5) for i in range(10))
    p = lib.make_point(3, 4)
    assert lib.mix(1, 2.0, b"abc", p, 0.5, 7) == 1 + 20 + 300 + 3000 + 40000 + 50000 + 7000000
    # each one of them by the other way
    s = ffi.new("char[]", b"abc")
    assert lib.mix(1, 2, s, [3, 4], 0.5, 7) == lib.mix(1, 2.0, b"abc", p, 0.5, 7)


# --- errors ----------------------------------------------------------------------------------------


def test_wrong_number_of_arguments(lib):
    for args in ((), (1,), (1, 2, 3)):
        with pytest.raises(TypeError, match=f"add.*expects 2 arguments, got {len(args)}"):
            lib.add(*args)
    for args in ((), (1, 2)):
        with pytest.raises(TypeError):
            lib.same_i32(*args)
    with pytest.raises(TypeError):
        lib.answer(1)
    with pytest.raises(TypeError):
        lib.add(a=1, b=2)


def test_errors_name_function_parameter_and_type(lib):
    with pytest.raises(TypeError) as e:
        lib.add(1, "two")
    assert str(e.value).startswith("add() argument 2 ('b'): ")
    assert "'int'" in str(e.value)
    assert "'two'" in str(e.value) or "str" in str(e.value)
    with pytest.raises(OverflowError) as e:
        lib.add(1 << 40, 2)
    assert str(e.value) == "add() argument 1 ('a'): integer 1099511627776 does not fit 'int'"
    with pytest.raises(TypeError) as e:
        lib.sum10(1, 2, 3, None, 5, 6, 7, 8, 9, 10)
    assert str(e.value).startswith("sum10() argument 4 ('p3'): ")
    with pytest.raises(TypeError) as e:
        lib.slen(5)
    assert "'char *'" in str(e.value)
    assert "int" in str(e.value)
    assert "slen() argument 1 ('s')" in str(e.value)


def test_exceptions_of_python_code_pass_unchanged(lib):
    class Bad:
        def __int__(self):
            raise ValueError("mine")

        __float__ = __int__

    with pytest.raises(ValueError, match="^mine$"):
        lib.add(1, Bad())
    with pytest.raises(ValueError, match="^mine$"):
        lib.fma3(1.0, Bad(), 2.0)


# --- errno, None, docs -------------------------------------------------------------------------------


def test_errno(ffi, lib):
    ffi.errno = 5
    assert lib.get_errno() == 5
    assert lib.set_errno(77) == 5
    os.path.exists("/nonexistent")  # changes the C library's errno, not ours
    assert ffi.errno == 77
    seen = []
    t = threading.Thread(target=lambda: seen.append(lib.get_errno()))
    t.start()
    t.join()
    assert seen == [0]
    assert lib.get_errno() == 77


def test_void_is_none(lib):
    assert lib.nothing() is None
    before = sys.getrefcount(None)
    for _ in range(1000):
        lib.nothing()
    assert abs(sys.getrefcount(None) - before) < 100


def test_help_and_signature(lib):
    f = lib.mix
    assert type(f).__name__ == "builtin_function_or_method"
    assert f.__name__ == "mix"
    assert str(inspect.signature(f)) == "(a, b, s, p, f, last, /)"
    assert str(inspect.signature(lib.sum_va)) == "(n, /, *args)"
    assert str(inspect.signature(lib.answer)) == "()"
    assert str(inspect.signature(lib.sum10)).startswith("(p0, p1,")
    assert f.__doc__.startswith(
        "double mix(int a, double b, const char *s, point p, float f, int64_t last)"
    ), f.__doc__
    assert lib.get_add.__doc__.startswith("int(*get_add(void))(int, int)"), lib.get_add.__doc__
    assert "double mix(int a" in pydoc.plain(pydoc.render_doc(f))


def test_python_keywords_as_parameter_names():
    ffi = FFI()
    ffi.cdef("int add(int from, int lambda);")
    add = ffi.dlopen(call_samples.path()).add
    assert str(inspect.signature(add)) == "(from_, lambda_, /)"
    assert add(1, 2) == 3


# --- function pointers ----------------------------------------------------------------------------------


def test_function_pointers(ffi, lib):
    add = lib.get_add()
    assert ffi.typeof(add) is ffi.typeof("int(*)(int, int)")
    assert add(3, 4) == 7
    assert add == lib.add
    assert lib.apply(lib.add, 5, 6) == 11
    assert lib.apply(add, 5, 6) == 11
    assert lib.apply(ffi.NULL, 5, 6) == -1
    address = int(ffi.cast("intptr_t", lib.add))
    assert ffi.cast("int(*)(int, int)", address)(1, 2) == 3
    assert ffi.cast("int(*)(void)", ffi.cast("void *", lib.answer))() == 42
    assert ffi.cast("int32_t(*)(int32_t)", ffi.addressof(lib, "same_i32"))(-9) == -9
    with pytest.raises(TypeError, match="expects 2 arguments, got 1"):
        add(1)
    with pytest.raises(TypeError, match="'int.*' argument 2"):
        add(1, "x")
    with pytest.raises(TypeError, match="keyword"):
        add(1, b=2)
    with pytest.raises(RuntimeError, match="cannot call null pointer"):
        ffi.cast("int(*)(int, int)", 0)(1, 2)
    with pytest.raises(TypeError, match="not callable"):
        ffi.new("int *")()


def test_function_pointers_in_every_way_that_python_calls(ffi, lib):
    one = ffi.cast("int32_t(*)(int32_t)", ffi.addressof(lib, "same_i32"))
    add, none = lib.get_add(), ffi.cast("int(*)(void)", ffi.addressof(lib, "answer"))
    names = FFI()
    names.cdef("int snprintf(char *, size_t, char *, ...);")
    many = ffi.cast("int(*)(char *, size_t, char *, ...)",
                    names.addressof(names.dlopen(None), "snprintf"))
    gone = ffi.cast("int32_t(*)(int32_t)", 0)
    kept = ffi.gc(one, lambda p: None)
    room = ffi.new("char[]", 20)
    for _ in range(3):  # the first call makes the code, later ones find it
        for f in one, kept:
            assert f(-7) == f(*[-7]) == f(*(-7,), **{}) == next(map(f, [-7])) == -7
        assert sorted([2, -1, 3], key=one) == [-1, 2, 3]
        assert add(3, 4) == add(*[3, 4]) == functools.partial(add, 3)(4) == 7
        assert functools.reduce(add, range(5)) == 10
        assert none() == none(*[]) == none(**{}) == 42
        assert many(room, 20, b"%d %s", ffi.cast("int", 5), ffi.new("char[]", b"x")) == 3
        assert ffi.string(room) == b"5 x"
        assert type("T", (), {"f": add})().f(5, 6) == 11  # no method: self is not passed
        for wrong in (lambda: one(), lambda: one(1, 2), lambda: none(1), lambda: add(1),
                      lambda: one(a=1), lambda: none(a=1), lambda: add(1, b=2),
                      lambda: kept(), lambda: kept(a=1), lambda: many(room)):
            with pytest.raises(TypeError):
                wrong()
        for call in (lambda: gone(1), lambda: gone(), lambda: gone(*[1]), lambda: gone(a=1)):
            with pytest.raises(RuntimeError, match="cannot call null pointer"):
                call()


# --- lifetimes and threads --------------------------------------------------------------------------------


def test_no_leaks(ffi, lib):
    objects = [10**9, 1.5, b"bytes", ffi.new("int[3]"), [1, 2, 3], lib.make_point(1, 2), "bad"]
    gc.collect()  # tracebacks of earlier tests may go at any time
    before = [sys.getrefcount(o) for o in objects]
    big, double, text, array, items, point, bad = objects
    for _ in range(200):
        lib.same_i32(big)
        lib.same_double(double)
        lib.slen(text)
        lib.sum_ints(array, 3)
        lib.sum_ints(items, 3)
        lib.same_point(point)
        lib.mix(1, double, text, point, 0.5, big)
        for f, args in ((lib.add, (1, bad)), (lib.sum_ints, (items, bad)), (lib.slen, (bad,))):
            with pytest.raises(TypeError):
                f(*args)
    del big, double, text, array, items, point, bad, f, args
    gc.collect()
    after = [sys.getrefcount(o) for o in objects]
    assert max(abs(a - b) for a, b in zip(after, before)) < 100


def test_memory_stays_flat(lib):
    try:
        import resource
    except ImportError:
        pytest.skip("no getrusage")
    if "asan" in os.environ.get("LD_PRELOAD", ""):
        pytest.skip("freed memory is kept for a while")

    def work():
        for i in range(20000):
            lib.make_big(i)
            lib.sum_ints([1, 2, 3], 3)
            lib.same_u64(2**63 + i)
            lib.get_add()

    work()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(4):
        work()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4096


def test_first_call_from_many_threads():
    for _ in range(5):
        _, lib = open_samples()
        start = threading.Barrier(4)
        results = []

        def work(lib=lib, start=start, results=results):
            start.wait()
            results.append(sum(lib.add(i, 1) for i in range(500)))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert results == [sum(range(1, 501))] * 4


@pytest.mark.skipif(not ON or bool(os.environ.get("JIFFI_JIT")), reason="machine code is off")
@pytest.mark.parametrize("file", ["test_call.py", "test_variadic.py", "test_callback.py",
                                  "test_lib.py", "test_gil.py"])
def test_everything_without_machine_code(file):
    here = Path(__file__).parent
    env = dict(os.environ, JIFFI_JIT="off", CALL_SAMPLES=call_samples.path())
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(here / file)],
        env=env, capture_output=True, text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
