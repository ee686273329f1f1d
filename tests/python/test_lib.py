# SPDX-License-Identifier: MIT
"""Libraries: attributes, variables, closing, lifetimes."""

import gc
import os
import pathlib
import sys
import types
import weakref

import call_samples
import pytest

from jiffi import FFI


def open_lib(text, name=None):
    ffi = FFI()
    ffi.cdef(text)
    return ffi, ffi.dlopen(name or call_samples.path())


VARIABLES = call_samples.TYPES + call_samples.VARIABLES + """
    int read_counter(void);
    int add(int, int);
"""


# --- the module ----------------------------------------------------------------------


def test_exact_module_without_variables():
    _, lib = open_lib("int add(int, int); int answer(void);")
    assert type(lib) is types.ModuleType
    assert "__getattr__" in lib.__dict__
    assert lib.add(1, 2) == 3
    # all there is was filled in at once, and nothing stands in the way of look-ups
    assert "answer" in lib.__dict__
    assert "__getattr__" not in lib.__dict__
    assert lib.__name__ == call_samples.path()
    assert "libsamples.so" in repr(lib)


def test_dir_and_weakref():
    ffi, lib = open_lib(
        "int add(int, int); typedef int number; enum e { A, B }; extern int counter;"
        "\n#define N 3\n"
    )
    assert dir(lib) == ["A", "B", "N", "add", "counter"]
    ref = weakref.ref(lib)
    assert ref() is lib
    del lib
    gc.collect()
    assert ref() is None


def test_constants():
    ffi, lib = open_lib("""
        #define SMALL 12
        #define HUGE_ 0xffffffffffffffff
        #define NEGATIVE -5
        enum color { RED, GREEN = 5, BLUE };
        static const int FIXED = 99;
        int add(int, int);
    """)
    assert lib.SMALL == 12
    assert lib.HUGE_ == 2**64 - 1
    assert lib.NEGATIVE == -5
    assert (lib.RED, lib.GREEN, lib.BLUE) == (0, 5, 6)
    assert lib.FIXED == 99
    assert type(lib) is types.ModuleType


def test_missing_and_undeclared():
    ffi, lib = open_lib("int add(int, int); int no_such_function(void);")
    for _ in range(2):
        with pytest.raises(AttributeError) as e:
            lib.no_such_function
        assert str(e.value).startswith("function/symbol 'no_such_function' not found in library '")
        assert call_samples.path() in str(e.value)
    assert lib.add(1, 2) == 3
    with pytest.raises(AttributeError, match="nothing_like_it"):
        lib.nothing_like_it
    with pytest.raises(AttributeError) as e:
        lib.no_such_functio
    assert "no_such_function" in str(e.value)
    assert not hasattr(lib, "absent")
    _, whole = open_lib("int add(int, int);")
    whole.add
    with pytest.raises(AttributeError):
        whole.absent


def test_cdef_after_dlopen():
    ffi, lib = open_lib("int add(int, int);")
    assert lib.add(1, 2) == 3
    add = lib.add
    with pytest.raises(AttributeError):
        lib.answer
    ffi.cdef("int answer(void);")
    assert lib.answer() == 42
    assert lib.add is add
    ffi.cdef("extern int counter;")
    assert lib.counter == 7
    assert isinstance(lib, types.ModuleType)


def test_more_functions_than_are_filled_in_at_once():
    text = "".join(f"int f{i}(int);" for i in range(5000)) + "int add(int, int);"
    _, lib = open_lib(text)
    assert lib.add(2, 2) == 4
    assert lib.__dict__["add"] is lib.add
    with pytest.raises(AttributeError, match="'f7' not found"):
        lib.f7


def test_same_builtin_every_time():
    _, lib = open_lib("int add(int, int);")
    assert lib.add is lib.add
    assert lib.add.__name__ == "add"
    assert lib.add.__module__ == call_samples.path()


def test_asm_label():
    _, lib = open_lib('int plus(int, int) __asm__("add");')
    assert lib.plus(2, 3) == 5


# --- opening ---------------------------------------------------------------------------


def test_names():
    for name in (None, "m", "libm.so.6"):
        ffi = FFI()
        ffi.cdef("double sqrt(double);")
        assert ffi.dlopen(name).sqrt(9.0) == 3.0
    ffi = FFI()
    ffi.cdef("int add(int, int);")
    assert ffi.dlopen(pathlib.Path(call_samples.path())).add(1, 2) == 3
    assert ffi.dlopen(os.fsencode(call_samples.path())).add(1, 2) == 3
    assert ffi.dlopen(call_samples.path(), ffi.RTLD_NOW).add(1, 2) == 3


def test_cannot_open():
    ffi = FFI()
    with pytest.raises(OSError, match="no_such_library_here"):
        ffi.dlopen("no_such_library_here")
    with pytest.raises(OSError, match="nowhere"):
        ffi.dlopen("/nowhere/libx.so")
    with pytest.raises(ValueError):
        ffi.dlopen("a\0b")
    for bad in (5, 1.5, [], ffi.new("int *")):
        with pytest.raises(TypeError):
            ffi.dlopen(bad)
    with pytest.raises(RuntimeError):
        ffi.dlopen(ffi.cast("void *", 0))


def test_existing_handle():
    ffi = FFI()
    ffi.cdef("void *dlopen(const char *, int); int dlclose(void *); int answer(void);")
    own = ffi.dlopen(None)
    handle = own.dlopen(call_samples.path().encode(), 2)
    lib = ffi.dlopen(handle)
    assert lib.answer() == 42
    del lib
    gc.collect()
    assert own.dlclose(handle) == 0  # ours to close


# --- variables --------------------------------------------------------------------------


def test_variables():
    ffi, lib = open_lib(VARIABLES)
    assert lib.counter == 7
    lib.counter = 8
    assert lib.read_counter() == 8
    lib.counter = 7
    assert lib.fixed == 11
    assert lib.ratio == 0.5
    assert ffi.string(lib.letters) == b"hello"
    assert ffi.typeof(lib.letters) is ffi.typeof("char[6]")
    assert ffi.typeof(lib.numbers) is ffi.typeof("int *")
    assert lib.numbers[3] == 4
    assert (lib.origin.x, lib.origin.y) == (3, 4)
    lib.origin.x = 33
    assert lib.origin.x == 33
    lib.origin = [3, 4]
    assert lib.origin.x == 3
    assert ffi.string(lib.greeting) == b"hi"
    assert lib.operation(2, 3) == 5
    assert lib.table[0].op(2, 3) == 5
    assert ffi.string(lib.table[1].name) == b"none"
    assert lib.add(1, 2) == 3
    assert isinstance(lib, types.ModuleType)


def test_write_errors():
    ffi, lib = open_lib(VARIABLES + "\n#define CONSTANT 5\n")
    with pytest.raises(OverflowError):
        lib.counter = 2**31
    with pytest.raises(TypeError):
        lib.counter = "x"
    assert lib.counter == 7
    for name in ("fixed", "add", "CONSTANT"):
        with pytest.raises(AttributeError, match=name):
            setattr(lib, name, 1)
    with pytest.raises(AttributeError, match="nothing"):
        lib.nothing = 1
    with pytest.raises(AttributeError):
        del lib.counter


def test_missing_variable():
    ffi, lib = open_lib("extern int no_such_variable; int add(int, int);")
    with pytest.raises(AttributeError, match="variable 'no_such_variable' not found"):
        lib.no_such_variable
    with pytest.raises(AttributeError, match="variable 'no_such_variable' not found"):
        lib.no_such_variable = 1
    assert lib.add(1, 2) == 3


def test_addressof():
    ffi, lib = open_lib(VARIABLES)
    p = ffi.addressof(lib, "counter")
    assert ffi.typeof(p) is ffi.typeof("int *")
    p[0] = 9
    assert lib.counter == 9
    p[0] = 7
    f = ffi.addressof(lib, "add")
    assert ffi.typeof(f) is ffi.typeof("int(*)(int, int)")
    assert f(1, 2) == 3
    assert f == lib.add
    with pytest.raises(AttributeError, match="nothing"):
        ffi.addressof(lib, "nothing")


# --- where cffi takes a function -------------------------------------------------------------


def test_builtin_serves_as_cdata():
    ffi, lib = open_lib("int add(int, int); int apply(int (*f)(int, int), int, int);")
    assert ffi.typeof(lib.add) is ffi.typeof("int(*)(int, int)")
    assert ffi.cast("void *", lib.add) == ffi.addressof(lib, "add")
    assert lib.apply(lib.add, 3, 4) == 7
    s = ffi.new("int(**)(int, int)", lib.add)
    assert s[0](3, 4) == 7
    s[0] = lib.add
    assert s[0] == lib.add
    with pytest.raises(TypeError):
        lib.apply(len, 1, 2)


# --- closing -------------------------------------------------------------------------------------


def test_dlclose():
    ffi, lib = open_lib(VARIABLES)
    add, pointer = lib.add, ffi.addressof(lib, "add")
    assert add(1, 2) == 3
    ffi.dlclose(lib)
    for f in (add, pointer):
        with pytest.raises(ValueError, match="library '.*' has already been closed"):
            f(1, 2)
    for name in ("add", "counter", "read_counter"):
        with pytest.raises(ValueError, match="has already been closed"):
            getattr(lib, name)
    with pytest.raises(ValueError, match="has already been closed"):
        lib.counter = 5
    ffi.dlclose(lib)  # does nothing


def test_dlclose_before_the_first_call():
    ffi, lib = open_lib("int add(int, int); int answer(void); int same_i32(int);"
                        "size_t slen(const char *); int sum_va(int, ...);")
    functions = [(lib.add, (1, 2)), (lib.answer, ()), (lib.same_i32, (1,)), (lib.slen, (b"",)),
                 (lib.slen, ([b"a"],)), (lib.sum_va, (1, 2))]
    ffi.dlclose(lib)
    for f, args in functions:
        for _ in range(2):
            with pytest.raises(ValueError, match="has already been closed"):
                f(*args)


def test_dlclose_of_something_else():
    ffi, lib = open_lib("int add(int, int);")
    with pytest.raises((TypeError, ValueError)):
        FFI().dlclose(lib)
    with pytest.raises(TypeError):
        ffi.dlclose(5)
    with pytest.raises(TypeError):
        ffi.dlclose(os)
    assert lib.add(1, 2) == 3


def is_loaded(path):
    with open("/proc/self/maps") as f:
        return path in f.read()


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="no /proc")
@pytest.mark.parametrize("what", ["builtin", "pointer", "variable", "array"])
def test_what_came_from_a_library_keeps_it_open(tmp_path, what):
    copy = str(tmp_path / f"lib{what}.so")
    with open(call_samples.path(), "rb") as f, open(copy, "wb") as to:
        to.write(f.read())
    ffi, lib = open_lib(VARIABLES, copy)
    assert is_loaded(copy)
    keep = {
        "builtin": lambda: lib.add,
        "pointer": lambda: ffi.addressof(lib, "add"),
        "variable": lambda: ffi.addressof(lib, "counter"),
        "array": lambda: lib.letters,
    }[what]()
    del lib
    gc.collect()
    assert is_loaded(copy)
    if what in ("builtin", "pointer"):
        assert keep(2, 2) == 4
    del keep
    gc.collect()
    assert not is_loaded(copy)


def test_no_leaks():
    ffi, lib = open_lib("int add(int, int); int no_such_function(void);")
    lib.add
    before = sys.getrefcount(lib), sys.getrefcount(lib.add)
    for _ in range(100):
        lib.add
        dir(lib)
        ffi.addressof(lib, "add")
        with pytest.raises(AttributeError):
            lib.no_such_function
    assert (sys.getrefcount(lib), sys.getrefcount(lib.add)) == before
    before = sys.getrefcount(ffi)
    for _ in range(50):
        ffi.dlopen(call_samples.path()).add(1, 2)
    gc.collect()
    assert sys.getrefcount(ffi) == before


def test_ffi_and_library_in_a_cycle():
    ffi, lib = open_lib("int add(int, int);")
    lib.add(1, 2)
    ffi.lib = lib
    lib.ffi = ffi
    ref = weakref.ref(ffi)
    del ffi, lib
    gc.collect()
    assert ref() is None
