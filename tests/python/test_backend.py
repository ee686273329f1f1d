# SPDX-License-Identifier: MIT
"""The functions of `_cffi_backend`: types made one by one, values of them, layouts by
the rules of other compilers, what is refused. cffi's own test_c.py has the rest."""

import ctypes
import ctypes.util
import gc
import importlib.machinery
import importlib.util
import subprocess
import sys
import textwrap
import weakref

import pytest

from jiffi import _jiffi


def load():
    """A new `_cffi_backend`, which nobody else sees."""
    loader = importlib.machinery.ExtensionFileLoader("_cffi_backend", _jiffi.__file__)
    spec = importlib.util.spec_from_loader("_cffi_backend", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


B = load()
INT, CHAR, LONG, SHORT, DOUBLE = map(
    B.new_primitive_type, ["int", "char", "long", "short", "double"])
VOID = B.new_void_type()
MSVC, ARM, BIG, PACKED, X86, LITTLE, CHECK = 1, 2, 4, 8, 0x10, 0x40, 0x80


def pointer(t):
    return B.new_pointer_type(t)


def array(t, n=None):
    return B.new_array_type(pointer(t), n)


def struct(fields, *more, kind=B.new_struct_type, name="struct s"):
    t = kind(name)
    B.complete_struct_or_union(t, fields, None, *more)
    return t


# --- the module ---------------------------------------------------------------------------


def test_two_flavours_side_by_side():
    from jiffi import FFI
    assert B.__name__ == "_cffi_backend" and B.__version__
    assert type(INT).__name__ == "CType" and type(INT).__module__ == "_cffi_backend"
    assert type(B.cast(INT, 1)) is B._CDataBase
    assert FFI().typeof("int") is not INT
    assert not isinstance(B.cast(INT, 1), FFI.CData)


def test_loaded_again():
    module = load()
    assert module is not B
    kept = module.newp(module.new_pointer_type(module.new_primitive_type("int")), 5)
    with pytest.raises(TypeError):
        B.sizeof(kept)
    del module
    gc.collect()
    assert kept[0] == 5


def test_subinterpreters():
    code = """
        import sys
        sys.path[:] = %r
        try:
            import _xxsubinterpreters as subs
            run = subs.run_string
        except ImportError:
            sys.exit(0)
        for i in range(3):
            sub = subs.create()
            run(sub, "import sys; sys.path[:] = %%r; import test_backend as t; "
                     "assert t.B.newp(t.pointer(t.INT), 7)[0] == 7" %% (sys.path,))
            subs.destroy(sub)
    """ % (sys.path,)
    if sys.version_info >= (3, 12):
        pytest.skip("needs a module that says it may be in several")
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


# --- types --------------------------------------------------------------------------------


@pytest.mark.parametrize("make, name", [
    (lambda: INT, "int"),
    (lambda: VOID, "void"),
    (lambda: pointer(pointer(CHAR)), "char * *"),
    (lambda: array(INT, 3), "int[3]"),
    (lambda: array(array(INT, 3)), "int[][3]"),
    (lambda: B.new_function_type((INT, array(CHAR)), VOID, True),
     "void(*)(int, char *, ...)"),
    (lambda: B.new_struct_type("struct foo"), "struct foo"),
    (lambda: B.new_union_type("foo_t"), "foo_t"),
    (lambda: B.new_enum_type("enum e", ("A", "B"), (1, 2), INT), "enum e"),
    (lambda: B.new_primitive_type("_cffi_double_complex_t"),
     "_cffi_double_complex_t"),
])
def test_names(make, name):
    assert make().cname == name
    assert B.getcname(make(), "").replace("  ", " ") == name


def test_structural_types_are_one():
    assert pointer(INT) is pointer(INT)
    assert B.new_function_type((INT,), INT) is B.new_function_type((INT,), INT)
    assert B.new_struct_type("struct foo") is not B.new_struct_type("struct foo")


def test_structs_go_with_their_last_reference():
    t = struct([("next", pointer(VOID)), ("x", INT)])
    ref = weakref.ref(t)
    p = B.newp(pointer(t), [B.cast(pointer(VOID), 1), 2])
    del t
    gc.collect()
    assert ref() is not None and p.x == 2
    del p
    gc.collect()
    assert ref() is None


@pytest.mark.parametrize("call, error, text", [
    (lambda: B.new_primitive_type("foo"), KeyError, "foo"),
    (lambda: B.new_pointer_type("int"), TypeError, "must be _cffi_backend.CType"),
    (lambda: B.new_array_type(INT, 3), TypeError, "must be a pointer ctype"),
    (lambda: array(INT, -1), ValueError, "negative array length"),
    (lambda: array(INT, 2 ** 62), OverflowError, "would overflow"),
    (lambda: array(B.new_struct_type("struct o"), 2), ValueError, "unknown size"),
    (lambda: B.new_function_type((), array(INT, 2)), TypeError, "invalid result"),
    (lambda: B.new_function_type((), B.new_struct_type("o")), TypeError, "opaque"),
    (lambda: B.new_function_type((VOID,), INT), TypeError, "incomplete type"),
    (lambda: B.new_function_type((3,), INT), TypeError, "tuple of ctype"),
    (lambda: B.new_enum_type("e", ("A",), (), INT), ValueError, "same size"),
    (lambda: B.new_enum_type("e", ("A",), (2 ** 40,), INT), OverflowError, "not fit"),
    (lambda: B.new_enum_type("e", ("A",), (1,), DOUBLE), TypeError, "signed or"),
    (lambda: B.sizeof("int"), TypeError, "'cdata' or 'ctype'"),
    (lambda: B.typeof("int"), TypeError, "'cdata' object"),
    (lambda: B.newp_handle(pointer(INT), 3), TypeError, "needs 'void \\*'"),
    (lambda: B._testfunc(99), ValueError, "99"),
])
def test_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()


# --- layouts --------------------------------------------------------------------------------


def places(t):
    return [(f.offset, f.bitshift, f.bitsize) for _, f in t.fields]


@pytest.mark.parametrize("flags, fields, size, align, where", [
    (X86, [("a", CHAR), ("b", LONG, 5), ("c", CHAR, 7)], 8, 8,
     [(0, -1, -1), (0, 8, 5), (2, 0, 7)]),
    (MSVC, [("a", CHAR), ("b", INT, 5), ("c", SHORT, 7)], 12, 4,
     [(0, -1, -1), (4, 0, 5), (8, 0, 7)]),
    (X86, [("a", CHAR), ("", INT, 0), ("b", CHAR)], 5, 1, [(0, -1, -1), (4, -1, -1)]),
    (ARM, [("a", CHAR), ("", INT, 0), ("b", CHAR)], 8, 4, [(0, -1, -1), (4, -1, -1)]),
    (BIG | X86, [("a", INT, 3), ("b", INT, 5)], 4, 4, [(0, 29, 3), (0, 24, 5)]),
    (PACKED, [("a", CHAR), ("b", INT)], 5, 1, [(0, -1, -1), (1, -1, -1)]),
])
def test_layout_by_rules(flags, fields, size, align, where):
    if any(f[2:] == (7,) and f[1] is CHAR for f in fields):
        fields = [(n, B.new_primitive_type("unsigned char") if t is CHAR else t, *rest)
                  for n, t, *rest in fields]
    t = struct(fields, -1, -1, flags)
    assert (B.sizeof(t), B.alignof(t)) == (size, align)
    assert places(t) == where


def test_given_offsets():
    t = struct([("a", LONG, -1, 5), ("b", CHAR, -1, 1)], 40, 4)
    assert (B.sizeof(t), B.alignof(t)) == (40, 4)
    assert places(t) == [(5, -1, -1), (1, -1, -1)]
    p = B.newp(pointer(t), {"a": -2, "b": b"x"})
    assert bytes(B.buffer(p))[5:13] == b"\xfe" + b"\xff" * 7 and p.b == b"x"


@pytest.mark.parametrize("fields, more, error, text", [
    ([("a", INT, -1, 4)], (8, 4, CHECK), None, "wrong offset for field 'a' "),
    ([("a", INT, -1, 0)], (8, 4, CHECK), None, "wrong total size"),
    ([("a", INT, -1, 0)], (4, 8, CHECK), None, "wrong total alignment"),
    ([("a", INT, -1, 4)], (7, 4), TypeError, "fields at least up to 8"),
    ([("a", INT, 40)], (), TypeError, "exceeds the width"),
    ([("a", INT, 0)], (), TypeError, "with :0"),
    ([("a", DOUBLE, 3)], (), TypeError, "cannot be a bit field"),
    ([("a", INT, 3, 0)], (), TypeError, "a fixed offset"),
    ([("a", INT), ("a", INT)], (), KeyError, "duplicate"),
    ([("a", VOID)], (), TypeError, "unknown size"),
    ([("a", 3)], (), TypeError, "CType"),
])
def test_what_fails_leaves_nothing(fields, more, error, text):
    t = B.new_struct_type("struct s")
    with pytest.raises(error or B.FFIError, match=text):
        B.complete_struct_or_union(t, fields, None, *more)
    assert t.fields is None
    B.complete_struct_or_union(t, [("a", INT)])
    assert B.sizeof(t) == 4
    with pytest.raises(TypeError, match="non-initialized"):
        B.complete_struct_or_union(t, [])


# --- values -----------------------------------------------------------------------------------


def test_paths_and_addresses():
    inner = struct([("a", INT), ("b", array(SHORT, 4))], name="struct in")
    outer = struct([("x", CHAR), ("in", array(inner, 2))], name="struct out")
    t, offset = B.typeoffsetof(outer, "in")
    assert t is array(inner, 2) and offset == 4
    assert B.typeoffsetof(t, 1) == (inner, B.sizeof(inner))
    assert B.typeoffsetof(pointer(inner), "b") == (array(SHORT, 4), 4)
    with pytest.raises(TypeError):
        B.typeoffsetof(pointer(inner), "b", 1)
    p = B.newp(pointer(outer))
    q = B.rawaddressof(pointer(SHORT), p, 8)
    q[1] = 77
    assert getattr(p, "in")[0].b[1] == 77
    with pytest.raises(TypeError):
        B.rawaddressof(INT, p, 0)


def test_memory_functions():
    p = B.newp(array(CHAR), b"hello world")
    assert B.string(p) == b"hello world" and B.string(p, 5) == b"hello"
    assert B.unpack(p, 3) == b"hel"
    B.memmove(p, b"J", 1)
    data = bytearray(b"abc")
    view = B.from_buffer(array(CHAR), data, require_writable=True)
    view[0] = b"X"
    assert data == b"Xbc" and B.string(p) == b"Jello world"
    freed = []
    q = B.gcp(p, freed.append)
    B.release(q)
    assert freed == [p]
    o = object()
    handle = B.newp_handle(pointer(VOID), o)
    assert B.from_handle(handle) is o
    B.set_errno(7)
    assert B.get_errno() == 7


def test_libraries():
    path = ctypes.util.find_library("c")
    lib = B.load_library(path, B.RTLD_NOW)
    assert repr(lib).startswith("<clibrary '")
    absolute = lib.load_function(B.new_function_type((INT,), INT), "abs")
    assert type(absolute) is B._CDataBase and absolute(-5) == 5
    with pytest.raises(AttributeError, match="'no_such' not found in library"):
        lib.load_function(B.new_function_type((), INT), "no_such")
    with pytest.raises(KeyError, match="no_such"):
        lib.read_variable(INT, "no_such")
    with pytest.raises(TypeError, match="function or pointer"):
        lib.load_function(INT, "abs")
    lib.close_lib()
    lib.close_lib()
    with pytest.raises(ValueError, match="closed"):
        lib.read_variable(INT, "stdin")
    with pytest.raises(OSError):
        B.load_library("no/such/lib.so")


# --- calls -----------------------------------------------------------------------------------------


def function(n, args, result, variadic=False):
    return B.cast(B.new_function_type(args, result, variadic), B._testfunc(n))


def test_calls():
    pair = struct([("a1", INT), ("a2", INT)])
    assert function(0, (B.new_primitive_type("signed char"),) * 2, INT)(100, 27) == 127
    assert function(4, (B.new_primitive_type("float"), DOUBLE),
                    B.new_primitive_type("float"))(1.25, 0.5) == 1.75
    result = function(11, (INT,), pair)(9)
    assert (result.a1, result.a2) == (9, 81)
    total = function(9, (INT,), INT, True)
    assert total(2, B.cast(INT, 40), B.cast(SHORT, 2)) == 42
    with pytest.raises(TypeError, match="needs to be a cdata object"):
        total(1, 42)
    before = B.get_errno()
    function(5, (), VOID)()
    assert B.get_errno() == before + 15


@pytest.mark.parametrize("make, text", [
    (lambda: struct([("a", INT)], kind=B.new_union_type), "by libffi.  Unions"),
    (lambda: struct([("a", INT, 3)]), "bit fields"),
    (lambda: struct([("a", array(INT, 0)), ("b", INT)]), "zero-length array"),
    (lambda: struct([("a", CHAR), ("b", INT)], -1, -1, PACKED), "'packed' structure"),
    (lambda: struct([("a", INT, -1, 8)], 12, 4), 'declared with "...;"'),
    (lambda: struct([("", struct([("a", INT)])), ("b", INT)]), "anonymous"),
    (lambda: B.new_primitive_type("_cffi_double_complex_t"), "complex types"),
])
def test_refused_by_value(make, text):
    t = make()
    for fn, args in ((B.new_function_type((t,), INT), (0,)),
                     (B.new_function_type((), t), ())):
        with pytest.raises(NotImplementedError, match=text):
            B.cast(fn, 1)(*args)
        with pytest.raises(NotImplementedError, match="callback with unsupported"):
            B.callback(fn, lambda *args: None)


def test_callback_errors_go_to_the_hook():
    seen = []
    hook, sys.unraisablehook = sys.unraisablehook, lambda u: seen.append(
        (u.exc_type, str(u.err_msg)))
    try:
        def fail(x):
            raise ZeroDivisionError
        f = B.callback(B.new_function_type((INT,), INT), fail, -3)
        assert f(5) == -3
    finally:
        sys.unraisablehook = hook
    assert seen[0][0] is ZeroDivisionError and "from cffi callback" in seen[0][1]
    assert ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(int(B.cast(LONG, f)))
