# SPDX-License-Identifier: MIT
"""lib of a generated module: functions, variables, constants, what is refused."""

import inspect
import threading

import module_samples
import pytest

from jiffi import FFI


@pytest.fixture(scope="module")
def ffi():
    return module_samples.sample().ffi


@pytest.fixture(scope="module")
def lib():
    return module_samples.sample().lib


# --- calls -----------------------------------------------------------------------

CALLS = [
    ("add", (1000, 2000), 3000),
    ("add", (-1, 1), 0),
    ("add", (2**31 - 1, 0), 2**31 - 1),
    ("add", (-(2**31), 0), -(2**31)),
    ("add", (True, False), 1),
    ("add_held", (3, 4), 7),
    ("answer", (), 42),
    ("plain_answer", (), 42),
    ("negate", (5,), -5),
    ("scale", (2, 3.5), 7.0),
    ("scale", (0.5, 4), 2.0),
    ("low", (255, -1), 254),
    ("low", (0, 127), 127),
    ("big", (2**64 - 2,), 2**64 - 1),
    ("big", (0,), 1),
    ("big", (2**31 - 1,), 2**31),
    ("length", (b"hello",), 5),
    ("length", ([b"a", b"b", b"\0"],), 2),
    ("length", (bytearray(b"abc\0"),), 3),
    ("touch", ([1],), None),
    ("flip", (True,), False),
    ("flip", (0,), True),
    ("twice_number", (-300,), -600),
]


@pytest.mark.parametrize("name, args, result", CALLS)
def test_calls(lib, name, args, result):
    got = getattr(lib, name)(*args)
    assert got == result
    assert type(got) is type(result)


class Number:
    def __int__(self):
        return 7


class Broken:
    def __int__(self):
        raise LookupError("from __int__")


REFUSED = [
    ("add", (1,), "add(): 'int(*)(int, int)' expects 2 arguments, got 1"),
    ("add", (), "expects 2 arguments, got 0"),
    ("answer", (1,), "answer(): 'int(*)()' expects 0 arguments, got 1"),
    ("add", (1, "x"), "add() argument 2 ('b'): an integer is required (C type 'int', got 'x')"),
    ("add", (1, 2**31), "add() argument 2 ('b'): integer 2147483648 does not fit 'int'"),
    ("add", (-(2**31) - 1, 1), "add() argument 1 ('a'): integer -2147483649 does not fit 'int'"),
    ("add", (1.5, 1), "add() argument 1 ('a'): an integer is required"),
    ("add", (None, 1), "got None"),
    ("add", (Broken(), 1), "from __int__"),
    ("low", (256, 0), "low() argument 1 ('c'): integer 256 does not fit 'unsigned char'"),
    ("low", (-1, 0), "does not fit 'unsigned char'"),
    ("low", (0, 128), "low() argument 2 ('d'): integer 128 does not fit 'signed char'"),
    ("big", (-1,), "big() argument 1 ('a'): integer -1 does not fit 'unsigned long long'"),
    ("big", (2**64,), "does not fit 'unsigned long long'"),
    ("scale", (2, "x"), "scale() argument 2 ('b'): must be real number, not str"),
    ("touch", (3,), "touch() argument 1 ('p'): initializer for ctype 'int *' must be a "),
    ("touch", (b"ab",), "touch() argument 1 ('p')"),
    ("length", ("text",), "length() argument 1 ('s')"),
    ("move", (7, 1), "move() argument 1 ('p'): initializer for ctype 'struct point' must be a "),
    ("move", ((1, 2, 3, 4), 1), "too many"),
    ("flip", (2,), "flip() argument 1 ('b'): integer 2 does not fit '_Bool'"),
    ("apply", (3, 1, 2), "apply() argument 1 ('f')"),
]

@pytest.mark.parametrize("name, args, message", REFUSED)
def test_refused_as_without_a_compiler(ffi, lib, name, args, message):
    """The words are those of the same function called through its address."""
    with pytest.raises(Exception) as e:
        getattr(lib, name)(*args)
    assert message in str(e.value)
    with pytest.raises(type(e.value)) as direct:
        ffi.addressof(lib, name)(*args)
    assert str(direct.value) == str(e.value)


def test_int_method(lib):
    assert lib.add(Number(), 1) == 8
    assert lib.low(Number(), 0) == 7


def test_no_keywords(lib):
    with pytest.raises(TypeError, match="keyword"):
        lib.add(a=1, b=2)


def test_records_and_pointers(ffi, lib):
    p = ffi.new("point *", (1, 2, 3.5))
    moved = lib.move(p[0], 5)
    assert (moved.x, moved.y, moved.z) == (6, 2, 3.5)
    assert p.x == 1
    assert lib.move({"x": 4}, 1).x == 5
    assert ffi.typeof(moved) is ffi.typeof("struct point")
    assert lib.same(p) == p
    assert ffi.typeof(lib.same(p)) is ffi.typeof("point *")
    assert lib.same(ffi.NULL) == ffi.NULL
    n = ffi.new("int *", 4)
    lib.touch(n)
    assert n[0] == 5
    values = [1, 2]
    assert lib.touch(values) is None
    assert values == [1, 2]


def test_errno(ffi, lib):
    for f in (lib.set_errno, lib.set_errno_held):
        ffi.errno = 33
        assert f(44) == 33
        assert ffi.errno == 44


def test_variadic(ffi, lib):
    assert lib.sum(0) == 0
    assert lib.sum(3, *[ffi.cast("int", i) for i in (1, 2, 30)]) == 33


def test_threads(lib):
    """Calls that let go of the GIL, from several threads at once."""
    wrong = []

    def work(n):
        for i in range(3000):
            if lib.add(n, i) != n + i or lib.set_errno(n) < 0:
                wrong.append((n, i))

    threads = [threading.Thread(target=work, args=(1000 * k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


# --- functions as objects -------------------------------------------------------------


def test_function_objects(ffi, lib):
    f = lib.add
    assert type(f) is type(len)
    assert f.__name__ == "add"
    assert f.__module__ == "sample.lib"
    assert str(inspect.signature(f)) == "(a, b, /)"
    assert f.__doc__.startswith("int add(int a, int b)\n")
    assert "sample.lib" in f.__doc__
    assert lib.add is f
    assert ffi.typeof(f) is ffi.typeof("int(*)(int, int)")
    address = ffi.addressof(lib, "add")
    assert address == ffi.cast("int(*)(int, int)", f)
    assert address(4, 5) == 9
    assert ffi.cast("intptr_t", f) == ffi.cast("intptr_t", address)


def test_functions_as_arguments(ffi, lib):
    assert lib.apply(lib.add, 10, 20) == 30
    assert lib.apply(ffi.addressof(lib, "add"), 10, 20) == 30
    times = ffi.callback("int(int, int)", lambda a, b: a * b)
    assert lib.apply(times, 10, 20) == 200
    holder = ffi.new("int(*[1])(int, int)", [lib.add])
    assert holder[0](1, 2) == 3


def test_function_outlives_everything():
    sample = module_samples.load("-DSAMPLE_OWN=3", name="sample")
    add, length = sample.lib.add, sample.lib.length
    del sample
    assert add(1, 2) == 3
    assert length(b"abc") == 3


# --- variables -------------------------------------------------------------------------------


def test_variables(ffi, lib):
    lib.counter = 9
    assert lib.counter == 9
    pointer = ffi.addressof(lib, "counter")
    assert ffi.typeof(pointer) is ffi.typeof("int *")
    pointer[0] = 5
    assert lib.counter == 5
    lib.ratio = 0.25
    assert lib.ratio == 0.25
    assert ffi.string(lib.label) == b"text"
    assert list(lib.table) == [1, 2, 3, 4]
    lib.table[1] = 7
    assert lib.table[1] == 7
    lib.table = [1, 2, 3, 4]
    assert ffi.typeof(lib.table) is ffi.typeof("int[4]")
    for value, error in (("x", TypeError), (2**40, OverflowError)):
        with pytest.raises(error):
            lib.counter = value
    assert lib.counter == 5


# --- constants ---------------------------------------------------------------------------------

CONSTANTS = [
    ("SIZE", 12), ("BELOW", -3), ("TOP", 2**64 - 1), ("LIMIT", 99), ("THIRD", 0.25),
    ("half", 0.5), ("RED", 0), ("GREEN", 12),
]  # fmt: skip


@pytest.mark.parametrize("name, value", CONSTANTS)
def test_constants(lib, name, value):
    got = getattr(lib, name)
    assert got == value
    assert type(got) is type(value)


def test_constants_of_other_types(ffi, lib):
    assert ffi.string(lib.greeting) == b"hello"
    assert (lib.origin.x, lib.origin.y, lib.origin.z) == (1, 2, 3.0)
    assert ffi.integer_const("LIMIT") == 99
    assert ffi.typeof("enum color").relements == {"RED": 0, "GREEN": 12}


def test_value_that_disagrees(ffi, lib):
    """The text says 8, the compiler 7: an error at each use, and at no other."""
    for _ in range(2):
        with pytest.raises(FFI.error) as e:
            lib.WRONG
        assert str(e.value) == (
            "the C compiler says 'WRONG' is equal to 7 (0x7), but the cdef disagrees"
        )
    assert lib.SIZE == 12


# --- names -----------------------------------------------------------------------------------------


def test_names(lib):
    names = dir(lib)
    assert names == sorted(names)
    for name in ("add", "counter", "half", "LIMIT", "RED", "twice"):
        assert name in names
    assert "point" not in names and "number" not in names
    assert len(lib.__all__) == len(set(lib.__all__))
    left_out = {"counter", "label", "ratio", "table", "not_in_table", "WRONG"}
    assert set(lib.__all__) == set(names) - left_out


def test_star_import():
    module_samples.sample()
    names = {}
    exec("from sample.lib import *", names)
    assert names["add"](1, 2) == 3
    assert names["half"] == 0.5
    assert names["LIMIT"] == 99


MISSING = [
    ("not_in_table", "named 'not_in_table': it was not declared when the module was compiled"),
    ("addd", "did you mean 'add'?"),
    ("nothing_of_the_kind", "nothing_of_the_kind"),
]


@pytest.mark.parametrize("name, message", MISSING)
def test_missing_names(lib, name, message):
    with pytest.raises(AttributeError) as e:
        getattr(lib, name)
    assert message in str(e.value)
    assert not hasattr(lib, name)


NOT_WRITABLE = ["add", "half", "SIZE", "greeting", "RED"]


@pytest.mark.parametrize("name", NOT_WRITABLE)
def test_not_writable(lib, name):
    with pytest.raises(AttributeError, match="cannot write to .* '%s' of library 'sample.lib'" % name):
        setattr(lib, name, 3)
    with pytest.raises(AttributeError):
        delattr(lib, name)


@pytest.mark.parametrize("name", ["half", "SIZE", "nope"])
def test_no_address(ffi, lib, name):
    with pytest.raises(AttributeError, match="'%s'" % name):
        ffi.addressof(lib, name)


def test_not_closed(ffi, lib):
    with pytest.raises(ValueError, match="'sample.lib' is a compiled module and cannot be closed"):
        ffi.dlclose(lib)
    assert lib.add(1, 1) == 2
