# SPDX-License-Identifier: MIT
"""Python exceptions that travel through C++ frames: errors="throw"."""

import gc
import signal
import threading
import traceback
import weakref

import pytest

import jiffi
from cxx_samples import DECLARATIONS, library, program

# What libffi's closures let through is the same; run with JIFFI_JIT=off as well.


class Odd(Exception):
    pass


@pytest.fixture(params=["auto", "hold", "release"])
def both(request):
    ffi = jiffi.FFI(gil=request.param)
    ffi.cdef(DECLARATIONS, may_throw=True)
    return ffi, ffi.dlopen(library())


def fails(x):
    raise Odd("x is %d" % x)


def test_same_exception_arrives(both):
    ffi, lib = both
    made = []

    def f(x):
        made.append(Odd("mine"))
        raise made[0]

    callback = ffi.callback("int(int)", f, errors="throw")
    for call in (lib.through, lib.rethrows):
        made.clear()
        with pytest.raises(Odd) as caught:
            call(callback, 5)
        assert caught.value is made[0]
        assert lib.alive_now() == 0 and lib.uncaught() == 0
        names = [entry.name for entry in traceback.extract_tb(caught.value.__traceback__)]
        assert names[0] == "test_same_exception_arrives" and names[-1] == "f"


def test_cxx_sees_a_std_exception(both):
    ffi, lib = both
    callback = ffi.callback("int(int)", fails, errors="throw")
    text = ffi.new("char[]", 100)
    assert lib.catches(callback, 7, text, 100) == -1
    assert ffi.string(text) == b"Odd: x is 7"
    assert lib.catches_all(callback, 7) == -2
    assert lib.alive_now() == 0 and lib.uncaught() == 0


def test_no_exception_returns(both):
    ffi, lib = both
    callback = ffi.callback("int(int)", lambda x: x * 2, errors="throw")
    assert lib.through(callback, 5) == 11
    with pytest.raises(TypeError):  # a result that is no int
        lib.through(ffi.callback("int(int)", lambda x: "no", errors="throw"), 5)


def test_exception_is_dropped_with_the_cxx_one(both):
    ffi, lib = both
    seen = []

    def f(x):
        e = Odd()
        seen.append(weakref.ref(e))
        raise e

    callback = ffi.callback("int(int)", f, errors="throw")
    assert lib.catches_all(callback, 1) == -2
    gc.collect()
    assert seen[0]() is None
    assert lib.keeps(callback, 1) == 0  # in a std::exception_ptr
    gc.collect()
    assert seen[1]() is not None
    with pytest.raises(Odd) as caught:
        lib.gives_back()
    assert caught.value is seen[1]()
    del caught
    lib.forgets()
    gc.collect()
    assert seen[1]() is None


def test_dropped_on_another_thread(both):
    ffi, lib = both
    seen = []

    def f(x):
        e = Odd()
        seen.append(weakref.ref(e))
        raise e

    lib.keeps(ffi.callback("int(int)", f, errors="throw"), 1)
    t = threading.Thread(target=lib.forgets)
    t.start()
    t.join()
    gc.collect()
    assert seen[0]() is None


def test_nested_in_a_cxx_exception(both):
    ffi, lib = both
    with pytest.raises(jiffi.CxxError) as caught:
        lib.wraps(ffi.callback("int(int)", fails, errors="throw"), 3)
    assert caught.value.what() == "wrapped"
    assert type(caught.value.__cause__) is Odd


def test_through_two_thunks(both):
    ffi, lib = both
    inner = ffi.callback("int(int)", fails, errors="throw")
    outer = ffi.callback("int(int)", lambda x: lib.through(inner, x + 1), errors="throw")
    with pytest.raises(Odd, match="^x is 2"):
        lib.through(outer, 1)
    assert lib.alive_now() == 0


def test_cxx_exception_through_python(both):
    """C++ throws below a callback, the callback lets it go: the same object again."""
    ffi, lib = both
    callback = ffi.callback("int(int)", lib.twice, errors="throw")
    with pytest.raises(ValueError, match="negative: -4") as caught:
        lib.through(callback, -4)
    assert caught.value.cxx_type == "std::domain_error"

    def handles(x):
        try:
            return lib.twice(x)
        except ValueError:
            return 100

    assert lib.through(ffi.callback("int(int)", handles), -4) == 101


def test_pending_exception_is_the_context(both):
    """One callback fails and C++ gets its error value; then C++ throws."""
    ffi, lib = both

    def f(x):
        raise Odd("pending")

    plain = ffi.callback("int(int)", f, error=-1)
    thrower = ffi.callback("int(int)", lambda x: lib.twice(lib.through(plain, x) - 9),
                           errors="throw")
    with pytest.raises(Odd, match="pending"):
        lib.through(thrower, 1)


def test_errors_of_onerror(both):
    ffi, lib = both

    def onerror(kind, value, trace):
        raise KeyError("onerror") from value

    with pytest.raises(KeyError) as caught:
        lib.through(ffi.callback("int(int)", fails, onerror=onerror, errors="throw"), 1)
    assert type(caught.value.__cause__) is Odd
    calm = ffi.callback("int(int)", fails, onerror=lambda *a: 41, errors="throw")
    assert lib.through(calm, 1) == 42


def test_many(both):
    ffi, lib = both
    callback = ffi.callback("int(int)", fails, errors="throw")
    for x in range(2000):
        with pytest.raises(Odd):
            lib.through(callback, x)
    assert lib.alive_now() == 0


def test_every_result_type_unwinds(both):
    ffi, lib = both
    ffi.cdef("typedef double (*dd)(double);")
    function = ffi.callback("int(int)", fails, errors="throw")
    assert lib.catches_all(function, 1) == -2


def test_unmarked_function_around_it():
    done = program("""
ffi = jiffi.FFI()
ffi.cdef(DECLARATIONS)
lib = ffi.dlopen(LIBRARY)
@ffi.callback("int(int)", errors="throw")
def f(x):
    raise ValueError("boom")
lib.through(f, 1)
""")
    assert done.returncode == -signal.SIGABRT
    assert "jiffi::PythonException: 'ValueError: boom'" in done.stderr
    assert "through() of libcxxsamples.so" in done.stderr


def test_python_ends_while_cxx_has_one():
    done = program("""
ffi = jiffi.FFI()
ffi.cdef(DECLARATIONS, may_throw=True)
lib = ffi.dlopen(LIBRARY)
@ffi.callback("int(int)", errors="throw")
def f(x):
    raise ValueError("boom")
lib.keeps(f, 1)
print("end")
""")
    assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr


def test_without_cxx_in_the_process():
    """Nothing can be thrown: it is raised at the call around, as errors="raise"."""
    done = program("""
ffi = jiffi.FFI()
ffi.cdef("void qsort(void *, size_t, size_t, int (*)(const void *, const void *));")
c = ffi.dlopen(None)
@ffi.callback("int(const void *, const void *)", errors="throw")
def f(a, b):
    raise ValueError("boom")
try:
    c.qsort(ffi.new("int[]", [3, 2, 1]), 3, 4, f)
except ValueError as e:
    print(e)
""")
    assert (done.returncode, done.stdout) == (0, "boom\n"), done.stderr
