# SPDX-License-Identifier: MIT
"""C++ exceptions that come out of functions marked may_throw."""

import errno
import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
from array import array

import pytest

import jiffi
from cxx_samples import DECLARATIONS, library, program


def opened(**options):
    ffi = jiffi.FFI(**options)
    ffi.cdef(DECLARATIONS, may_throw=True)
    return ffi, ffi.dlopen(library())


@pytest.fixture(params=["auto", "hold", "release"])
def both(request):
    return opened(gil=request.param)


@pytest.fixture(scope="module")
def lib():
    return opened()[1]


# number of throws(): class, type in C++, what() or None for one nobody fixes
STANDARD = [
    (0, MemoryError, "std::bad_alloc", "std::bad_alloc"),
    (1, IndexError, "std::out_of_range", "out_of_range"),
    (2, ValueError, "std::invalid_argument", "invalid_argument"),
    (3, ValueError, "std::domain_error", "domain_error"),
    (4, ValueError, "std::length_error", "length_error"),
    (5, OverflowError, "std::overflow_error", "overflow_error"),
    (6, ArithmeticError, "std::range_error", "range_error"),
    (7, ArithmeticError, "std::underflow_error", "underflow_error"),
    (8, TypeError, "std::bad_cast", "std::bad_cast"),
    (9, TypeError, "std::bad_typeid", "std::bad_typeid"),
    (17, MemoryError, "std::bad_array_new_length", None),
    (16, OSError, "std::ios_base::failure", None),
    (22, IndexError, "ns::out", "out"),
    (23, ValueError, "ns::both", "both"),
]
OTHERS = [
    (10, "std::bad_function_call", "bad_function_call"),
    (11, "std::logic_error", "logic_error"),
    (12, "std::runtime_error", "runtime_error"),
    (18, "std::exception", "std::exception"),
    (19, "std::bad_optional_access", "bad optional access"),
    (20, "ns::my_error", "my_error"),
    (21, "ns::deeper", "deeper"),
    (24, "ns::diamond", "diamond"),
    (38, "ns::bad_text", "\\xff\\xfe text"),
]
VALUES = [
    (26, "int", 42), (27, "char const*", "text"), (28, "std::string", "string"),
    (29, "double", 2.5), (30, "bool", True), (31, "ns::point", None),
    (32, "int*", None), (33, "ns::color", None), (34, "char", "x"),
    (35, "unsigned long long", 12345678901234567890), (36, "short", -3),
    (37, "decltype(nullptr)", None), (39, "char const*", None), (40, "float", 1.5),
    (41, "long", -5), (42, "std::string", "s" * 200), (25, "ns::hidden", None),
]


@pytest.mark.parametrize("kind, wanted, name, what", STANDARD)
def test_standard_classes(both, kind, wanted, name, what):
    with pytest.raises(wanted) as caught:
        both[1].throws(kind)
    assert type(caught.value) is wanted
    assert caught.value.cxx_type == name
    if what is not None:
        assert str(caught.value) == what
    assert both[1].alive_now() == 0


@pytest.mark.parametrize("kind, name, what", OTHERS)
def test_other_exceptions(lib, kind, name, what):
    with pytest.raises(jiffi.CxxError) as caught:
        lib.throws(kind)
    e = caught.value
    assert isinstance(e, RuntimeError)
    assert (e.type, e.cxx_type, e.what(), e.value) == (name, name, what, None)
    assert str(e) == "%s: %s" % (name, what)


@pytest.mark.parametrize("kind, name, value", VALUES)
def test_other_values(lib, kind, name, value):
    with pytest.raises(jiffi.CxxError) as caught:
        lib.throws(kind)
    e = caught.value
    assert (e.type, e.value) == (name, value)
    assert type(e.value) is type(value)
    assert e.what() == (value if isinstance(value, str) else None)
    assert str(e) == (name if value is None else "%s: %s" % (name, value))


def test_system_error(lib):
    with pytest.raises(FileNotFoundError) as caught:
        lib.throws(13)
    assert caught.value.errno == errno.ENOENT
    assert caught.value.cxx_type == "std::system_error"
    assert "opening" in caught.value.strerror
    with pytest.raises(PermissionError):
        lib.throws(14)
    with pytest.raises(OSError) as caught:  # codes of other categories are no errno
        lib.throws(15)
    assert caught.value.errno is None
    assert str(caught.value) == "own message"


def test_no_throw_returns(both):
    assert both[1].throws(1000) == 1000
    assert both[1].real(2.0) == 4.0


def test_destructors_run(both):
    ffi, lib = both
    for call in (lambda: lib.big(1), lambda: lib.pair(1), lambda: lib.real(-1.0),
                 lambda: lib.ten(1, 2, 3, 4, 5, 6, 7, 8, 9, 0),
                 lambda: lib.sum([1, 2, -3], 3), lambda: lib.one([-1]),
                 lambda: lib.by_value({"v": [1]}), lambda: lib.nothing(1),
                 lambda: lib.pointer(1), lambda: lib.variadic(1, ffi.cast("int", -1))):
        with pytest.raises(Exception) as caught:
            call()
        assert hasattr(caught.value, "cxx_type")
        assert lib.alive_now() == 0


def test_every_way_of_passing(both):
    ffi, lib = both
    assert list(lib.big(0).v)[:3] == [1, 2, 3]
    assert (lib.pair(0).a, lib.pair(0).b) == (1.5, 2)
    assert lib.ten(1, 2, 3, 4, 5, 6, 7, 8, 9, 10) == 55
    assert lib.sum([1, 2, 3], 3) == 6 and lib.one([5]) == 5
    assert lib.variadic(2, ffi.cast("int", 1), ffi.cast("int", 2)) == 3
    assert lib.nothing(0) is None and lib.pointer(0) != ffi.NULL
    with pytest.raises(ValueError, match="^ten 45$"):
        lib.ten(1, 2, 3, 4, 5, 6, 7, 8, 9, 0)
    with pytest.raises(IndexError, match="^item 2$"):
        lib.sum([1, 2, -3], 3)
    with pytest.raises(ArithmeticError, match="^variadic$"):
        lib.variadic(1, ffi.cast("int", -1))
    p = ffi.new("int[]", [1, -2])
    with pytest.raises(IndexError, match="^item 1$"):
        lib.sum(p, 2)
    with pytest.raises(IndexError, match="^one$"):
        lib.one(p + 1)
    assert lib.by_value({}) == 0


def test_errno_is_kept(both):
    ffi, lib = both
    with pytest.raises(jiffi.CxxError):
        lib.errno_and_throw(77)
    assert ffi.errno == 77


def test_nested_exceptions_are_causes(lib):
    with pytest.raises(jiffi.CxxError) as caught:
        lib.nested()
    e = caught.value
    assert (e.what(), e.type) == ("outer", "ns::my_error")
    assert type(e.__cause__) is ValueError and str(e.__cause__) == "middle"
    inner = e.__cause__.__cause__
    assert type(inner) is IndexError and str(inner) == "inner"
    assert inner.__cause__ is None


def test_second_owner_of_an_exception(lib):
    with pytest.raises(IndexError, match="^kept$"):
        lib.rethrown()
    assert lib.uncaught() == 0


def test_the_process_counts_them_as_caught(lib):
    for _ in range(3):
        with pytest.raises(jiffi.CxxError):
            lib.throws(20)
        assert lib.uncaught() == 0


def test_pickles(lib):
    with pytest.raises(jiffi.CxxError) as caught:
        lib.throws(20)
    e = pickle.loads(pickle.dumps(caught.value))
    assert (e.type, e.what(), str(e)) == ("ns::my_error", "my_error",
                                          "ns::my_error: my_error")


# --- what is marked -----------------------------------------------------------------

MARKS = [
    ("int throws(int);", {"may_throw": True}, True),
    ("int throws(int);", {}, False),
    ("int throws(int) noexcept;", {"may_throw": True}, False),
    ("int throws(int) noexcept(true);", {"may_throw": True}, False),
    ("int throws(int) noexcept(false);", {}, True),
    ("int throws(int) throw();", {"may_throw": True}, False),
    ("__attribute__((may_throw)) int throws(int);", {}, True),
    ("int throws(int) __attribute__((may_throw));", {}, True),
    ("int throws(int) __attribute__((jiffi_may_throw));", {}, True),
    ("[[jiffi::may_throw]] int throws(int);", {}, True),
    ("int throws(int) __attribute__((nothrow));", {"may_throw": True}, False),
    ("int __attribute__((__nothrow__)) throws(int);", {"may_throw": True}, False),
]


@pytest.mark.parametrize("text, options, marked", MARKS)
def test_marks(text, options, marked):
    done = program("""
ffi = jiffi.FFI()
ffi.cdef(%r, **%r)
try:
    ffi.dlopen(LIBRARY).throws(20)
except jiffi.CxxError as e:
    print(e)
""" % (text, options))
    if marked:
        assert done.returncode == 0, done.stderr
        assert done.stdout == "ns::my_error: my_error\n"
    else:
        assert done.returncode == -signal.SIGABRT


def test_words_of_cxx_are_no_keywords():
    ffi = jiffi.FFI()
    ffi.cdef("typedef struct { int noexcept; int throw; } s; int may_throw(int nothrow);")
    assert [name for name, _ in ffi.typeof("s").fields] == ["noexcept", "throw"]


@pytest.mark.parametrize("how", ["FFI", "dlopen", "include"])
def test_marked_as_a_whole(how):
    ffi = jiffi.FFI(may_throw=how == "FFI")
    ffi.cdef("int throws(int kind); int unmarked(int) noexcept;")
    if how == "include":
        marked = jiffi.FFI()
        marked.cdef("typedef int number;", may_throw=True)
        ffi = jiffi.FFI()
        ffi.include(marked)
        ffi.cdef("number throws(number kind);", may_throw=True)
    lib = ffi.dlopen(library(), may_throw=how == "dlopen")
    with pytest.raises(IndexError):
        lib.throws(1)


def test_library_that_is_marked_leaves_noexcept_alone():
    done = program("""
ffi = jiffi.FFI()
ffi.cdef("int unmarked(int) noexcept;")
ffi.dlopen(LIBRARY, may_throw=True).unmarked(-1)
""")
    assert done.returncode == -signal.SIGABRT
    assert "unmarked() of libcxxsamples.so" in done.stderr


@pytest.mark.parametrize("jit", ["on", "off"])
@pytest.mark.parametrize("gil", ["hold", "release"])
def test_unmarked_is_named(jit, gil):
    done = program("""
ffi = jiffi.FFI(gil=%r)
ffi.cdef(DECLARATIONS)
lib = ffi.dlopen(LIBRARY)
print(lib.unmarked(5), flush=True)
lib.unmarked(-1)
""" % gil, JIFFI_JIT=jit)
    assert done.returncode == -signal.SIGABRT
    assert done.stdout == "5\n"
    assert ("jiffi: C++ exception std::runtime_error: 'boom' came out of unmarked() of "
            "libcxxsamples.so, which is not declared may_throw") in done.stderr


def test_exit_of_a_thread_is_no_exception():
    done = program("""
import threading, time
ffi = jiffi.FFI()
ffi.cdef(DECLARATIONS, may_throw=True)
lib = ffi.dlopen(LIBRARY)
started = []
def work():
    started.append(1)
    lib.quits(1)
    started.append(2)
threading.Thread(target=work, daemon=True).start()
time.sleep(0.5)
print(started, lib.alive_now(), lib.quits(0), flush=True)
import os
os._exit(0)
""")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[1] 0 1\n"


# --- one's own ------------------------------------------------------------------------

class MyError(Exception):
    pass


def test_own_class(both):
    ffi, lib = both
    assert ffi.cxx_exception("ns::my_error", MyError) is None
    for kind, what in ((20, "my_error"), (21, "deeper")):  # derived ones too
        with pytest.raises(MyError, match="^%s$" % what) as caught:
            lib.throws(kind)
        assert caught.value.cxx_type in ("ns::my_error", "ns::deeper")
    with pytest.raises(jiffi.CxxError):
        lib.throws(12)
    ffi.cxx_exception("ns::my_error", None)
    ffi.cxx_exception("ns::my_error", None)
    with pytest.raises(jiffi.CxxError):
        lib.throws(20)


def test_nearest_type_decides():
    ffi, lib = opened()
    ffi.cxx_exception("std::exception", MyError)
    with pytest.raises(MyError):
        lib.throws(20)
    with pytest.raises(IndexError):
        lib.throws(22)
    ffi.cxx_exception("std::out_of_range", MyError)
    with pytest.raises(MyError):
        lib.throws(22)
    ffi.cxx_exception("ns::out", KeyError)
    with pytest.raises(KeyError):
        lib.throws(22)
    with pytest.raises(jiffi.CxxError):  # a private base is nobody's business
        lib.throws(25)
    ffi.cxx_exception("int", ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        lib.throws(26)


def test_own_callable():
    ffi, lib = opened()
    seen = []

    def make(kind, what):
        seen.append((kind, what))
        return MyError(what.upper())

    ffi.cxx_exception("ns::my_error", make)
    with pytest.raises(MyError, match="^DEEPER$"):
        lib.throws(21)
    assert seen == [("ns::deeper", "deeper")]
    ffi.cxx_exception("ns::my_error", lambda kind, what: 5)
    with pytest.raises(TypeError, match="returned int, not an exception"):
        lib.throws(21)
    ffi.cxx_exception("ns::my_error", lambda kind, what: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        lib.throws(21)
    assert lib.uncaught() == 0 and lib.alive_now() == 0


def test_mappings_are_of_one_ffi():
    ffi, lib = opened()
    other = opened()[1]
    ffi.cxx_exception("ns::my_error", MyError)
    with pytest.raises(jiffi.CxxError):
        other.throws(20)


@pytest.mark.parametrize("args, message", [
    (("ns::e",), "takes the name"),
    (("ns::e", MyError, 1), "takes the name"),
    ((5, MyError), "expected the name of a C\\+\\+ type"),
    (("", MyError), "expected the name of a C\\+\\+ type"),
    (("ns::e", int), "expected an exception class"),
    (("ns::e", 5), "expected an exception class"),
])
def test_bad_mappings(args, message):
    with pytest.raises(TypeError, match=message):
        jiffi.FFI().cxx_exception(*args)


# --- other ways to call ------------------------------------------------------------------

def test_pointer_of_a_library():
    ffi, lib = opened()
    f = ffi.addressof(lib, "throws")
    with pytest.raises(IndexError):
        f(1)
    for _ in range(3):
        with pytest.raises(IndexError):
            f(1)


def test_map():
    ffi, lib = opened()
    assert list(ffi.map(lib.twice, array("i", [1, 2, 3]))) == [2, 4, 6]
    for n in (3, 100, 5000):
        with pytest.raises(ValueError, match="negative: -7") as caught:
            ffi.map(lib.twice, array("i", [1] * n + [-7] + [1] * 20))
        assert caught.value.cxx_type == "std::domain_error"


def test_map_with_threads():
    ffi, lib = opened()
    with pytest.raises(ValueError, match="negative: -7"):
        ffi.map(lib.twice, array("i", [1] * 300000 + [-7] + [1] * 20), threads=2)


def test_ufunc():
    numpy = pytest.importorskip("numpy")
    ffi, lib = opened()
    half = ffi.ufunc(lib.halve)
    assert half(numpy.array([2.0, 4.0])).tolist() == [1.0, 2.0]
    values = numpy.ones(10000)
    values[9000] = -1
    for array in (values, values[::3], values[9000:]):
        with pytest.raises(ValueError, match="^halve$"):
            half(array)
    assert half(4.0) == 2.0


def test_fused():
    ffi, lib = opened()
    fused = ffi.fuse(lambda x: lib.twice(lib.twice(x)), "int(int)")
    assert fused(2) == 8
    with pytest.raises(ValueError, match="negative: -3"):
        fused(-3)
    assert fused(3) == 12


def test_fused_of_unmarked_is_named():
    done = program("""
ffi = jiffi.FFI()
ffi.cdef(DECLARATIONS)
lib = ffi.dlopen(LIBRARY)
ffi.fuse(lambda x: lib.unmarked(x), "int(int)")(-1)
""")
    assert done.returncode == -signal.SIGABRT
    assert "is not declared may_throw" in done.stderr


@pytest.mark.parametrize("checked", [False, True])
def test_sized_and_checked(checked):
    ffi, lib = opened(checked=checked)
    total = ffi.sized(lib.sum, n="p")
    assert total([1, 2, 3]) == 6
    for call in (lambda: total([1, 2, -3]), lambda: lib.sum([1, 2, -3], 3)):
        with pytest.raises(IndexError, match="^item 2$"):
            call()
    with pytest.raises(ArithmeticError):
        lib.variadic(1, ffi.cast("int", -1))
    with pytest.raises(ValueError):
        lib.big(1)
    assert lib.alive_now() == 0


def test_from_many_threads(lib):
    wrong = []

    def work(kind):
        for k in range(300):
            try:
                lib.throws(kind)
                wrong.append("returned")
            except (IndexError, ValueError) as e:
                if str(e) != ("out_of_range", "invalid_argument")[kind - 1]:
                    wrong.append(e)

    threads = [threading.Thread(target=work, args=(1 + k % 2,)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == [] and lib.alive_now() == 0


def test_nothing_is_leaked():
    done = program("""
import gc
ffi = jiffi.FFI()
ffi.cdef(DECLARATIONS, may_throw=True)
lib = ffi.dlopen(LIBRARY)
def rss():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4
def some(n):
    for _ in range(n):
        try:
            lib.throws(20)
        except jiffi.CxxError:
            pass
        try:
            lib.sum([1] * 50 + [-1], 51)
        except IndexError:
            pass
some(3000)
gc.collect()
before = rss()
some(50000)
gc.collect()
print(rss() - before, lib.alive_now())
""")
    assert done.returncode == 0, done.stderr
    grown, alive = map(int, done.stdout.split())
    assert alive == 0
    assert grown < 2000, "%d KB for 100,000 exceptions" % grown


# --- modules, pickles ---------------------------------------------------------------------

def test_module_without_a_compiler(tmp_path, monkeypatch):
    ffi = jiffi.FFI()
    ffi.cdef("int throws(int kind);", may_throw=True)
    ffi.set_source("_cxx_abi_module", None)
    ffi.compile(str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    import _cxx_abi_module as module
    module.ffi.cxx_exception("ns::my_error", MyError)
    lib = module.ffi.dlopen(library())
    with pytest.raises(MyError):
        lib.throws(20)


@pytest.mark.parametrize("how", ["cdef", "set_source"])
def test_compiled_module(tmp_path, monkeypatch, how):
    name = "_cxx_api_" + how
    path = library()
    ffi = jiffi.FFI()
    text = "int throws(int kind); int twice(int x); int alive_now(void) noexcept;"
    ffi.cdef(text, may_throw=how == "cdef")
    more = {"may_throw": True} if how == "set_source" else {}
    ffi.set_source(name, text.replace(" noexcept", ""), libraries=["cxxsamples"],
                   library_dirs=[os.path.dirname(path)],
                   runtime_library_dirs=[os.path.dirname(path)], **more)
    ffi.compile(str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    module = __import__(name)
    assert module.lib.twice(4) == 8 and module.lib.alive_now() == 0
    with pytest.raises(ValueError, match="negative: -1"):
        module.lib.twice(-1)
    with pytest.raises(IndexError):
        module.lib.throws(1)
    again = pickle.loads(pickle.dumps(module.lib.twice))
    with pytest.raises(ValueError):
        again(-1)


def test_pickled_function_is_marked(tmp_path):
    ffi, lib = opened()
    data = pickle.dumps(lib.twice)
    code = ("import pickle\nf = pickle.loads(%r)\nassert f(4) == 8\n"
            "try:\n    f(-1)\nexcept ValueError as e:\n    print(e)\n" % data)
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True, timeout=60)
    assert done.stdout == "negative: -1\n", done.stderr


def test_everything_goes():
    ffi, lib = opened()
    ffi.cxx_exception("ns::my_error", MyError)
    with pytest.raises(MyError):
        lib.throws(20)
    del ffi, lib
    gc.collect()
