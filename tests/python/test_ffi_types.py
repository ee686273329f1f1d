# SPDX-License-Identifier: MIT
"""typeof, sizeof, alignof, offsetof, addressof, getctype, list_types."""

import gc
import weakref

import pytest

from jiffi import FFI, CDefError

DECLS = """
struct in { char c; short s[4]; };
struct out { int a; struct in nested[3]; struct in *p; int bits : 3; double d; };
union un { char c; long l; };
struct anon { int x; struct { int y; union { int z; char w[8]; }; }; };
struct flex { int n; short tail[]; };
struct opaque;
enum color { RED, GREEN = 5 };
typedef struct in in_t;
typedef int (*fn)(int);
"""


@pytest.fixture(scope="module")
def ffi():
    ffi = FFI()
    ffi.cdef(DECLS)
    return ffi


# --- typeof -----------------------------------------------------------------------


@pytest.mark.parametrize("a, b", [
    ("int", "signed int"), ("int", " signed\tint\n"), ("unsigned long", "long unsigned int"),
    ("int *", "int*"), ("const int *", "int *"), ("int[3]", "int [ 3 ]"),
    ("int(*)(int)", "int (*) (int)"), ("char *const *", "char **"), ("in_t", "struct in"),
    ("int[2+1]", "int[3]"), ("fn", "int(*)(int)"), ("void(*)(int[3])", "void(*)(int *)"),
])
def test_same_type(ffi, a, b):
    assert ffi.typeof(a) is ffi.typeof(b)


def test_types_are_shared_between_ffis(ffi):
    other = FFI()
    for name in ("int", "int *", "char[7]", "long(*)(char *, ...)", "void *"):
        assert ffi.typeof(name) is other.typeof(name)
    other.cdef("struct in { int other; };")
    assert ffi.typeof("struct in") is not other.typeof("struct in")


def test_typeof_cdata(ffi):
    assert ffi.typeof(ffi.new("int *")) is ffi.typeof("int *")
    assert ffi.typeof(ffi.cast("short", 1)) is ffi.typeof("short")


def test_typeof_library_function(ffi):
    ffi = FFI()
    ffi.cdef("int abs(int); int printf(const char *, ...);")
    lib = ffi.dlopen(None)
    assert ffi.typeof(lib.abs) is ffi.typeof("int(*)(int)")
    assert ffi.sizeof(lib.abs) == ffi.sizeof("void *")
    assert ffi.typeof(lib.printf) is ffi.typeof("int(*)(char *, ...)")


@pytest.mark.parametrize("what", [len, "".join, test_same_type, FFI, 5, None, b"int"])
def test_typeof_refuses(ffi, what):
    with pytest.raises(TypeError):
        ffi.typeof(what)


@pytest.mark.parametrize("text", [
    "nowhere_t", "struct in {", "int[", "int)", "", "int int", "int x y", "\0", "int\0",
    "(", "*", "int[-1]", "struct", "int[3][]", "void[3]", "int(int)(int)", "1",
])
def test_bad_type_strings(ffi, text):
    with pytest.raises(CDefError) as e:
        ffi.typeof(text)
    assert str(e.value)


def test_did_you_mean(ffi):
    with pytest.raises(CDefError, match="did you mean.*'?in_t"):
        ffi.typeof("im_t")


@pytest.mark.parametrize("call", ["typeof", "sizeof", "new", "getctype", "alignof"])
def test_function_type_is_refused(ffi, call):
    for _ in range(2):  # the second time from the cache
        with pytest.raises(CDefError, match="the type 'int\\(int\\)' is a function type"):
            getattr(ffi, call)("int(int)")


def test_cache_is_cleared_by_cdef():
    ffi = FFI()
    ffi.cdef("typedef int t;")
    assert ffi.typeof("t") is ffi.typeof("int")
    with pytest.raises(CDefError):
        ffi.typeof("u")
    ffi.cdef("typedef short u;")
    assert ffi.typeof("u") is ffi.typeof("short")
    ffi.cdef("typedef char t;", override=True)
    assert ffi.typeof("t") is ffi.typeof("char")


def test_made_up_spellings_do_not_pile_up():
    ffi = FFI()
    first = weakref.ref(ffi.typeof("unsigned short[1000000]"))
    assert first() is not None
    for i in range(10000):
        ffi.typeof("unsigned short[%d]" % i)
    gc.collect()
    assert first() is None


def test_str_subclass(ffi):
    class S(str):
        pass

    assert ffi.typeof(S("int *")) is ffi.typeof("int *")


# --- sizeof, alignof ------------------------------------------------------------------


@pytest.mark.parametrize("text, size, align", [
    ("char", 1, 1), ("short", 2, 2), ("int", 4, 4), ("long long", 8, 8), ("double", 8, 8),
    ("long double", 16, 16), ("void *", 8, 8), ("fn", 8, 8), ("char[5]", 5, 1),
    ("int[2][3]", 24, 4), ("struct in", 10, 2), ("struct out", 64, 8), ("union un", 8, 8),
    ("enum color", 4, 4), ("struct flex", 4, 4), ("int[0]", 0, 4), ("_Bool", 1, 1),
])
def test_size_and_alignment(ffi, text, size, align):
    assert (ffi.sizeof(text), ffi.alignof(text)) == (size, align)
    ct = ffi.typeof(text)
    assert (ffi.sizeof(ct), ffi.alignof(ct)) == (size, align)


def test_sizeof_cdata(ffi):
    assert ffi.sizeof(ffi.new("int[]", 7)) == 28
    assert ffi.sizeof(ffi.new("int[7]")) == 28
    assert ffi.sizeof(ffi.new("struct in *")) == 8
    assert ffi.sizeof(ffi.new("struct in *")[0]) == 10
    assert ffi.sizeof(ffi.cast("short", 1)) == 2
    p = ffi.new("struct flex *", {"tail": 10})
    assert ffi.sizeof(p[0]) == 24
    assert ffi.sizeof(ffi.cast("struct flex *", p)[0]) == 4
    assert ffi.alignof(p) == 8


@pytest.mark.parametrize("text", ["void", "int[]", "struct opaque", "struct flex[]"])
def test_no_size(ffi, text):
    with pytest.raises(ValueError, match="unknown size"):
        ffi.sizeof(text)


def test_alignof_open_array(ffi):
    assert ffi.alignof("int[]") == 4
    for text in ("void", "struct opaque"):
        with pytest.raises(ValueError, match="unknown alignment"):
            ffi.alignof(text)


# --- offsetof ---------------------------------------------------------------------------


@pytest.mark.parametrize("args, offset", [
    (("struct out", "a"), 0), (("struct out", "nested"), 4), (("struct out", "p"), 40),
    (("struct out", "nested", 1), 14), (("struct out", "nested", 2, "s"), 26),
    (("struct out", "nested", 2, "s", 3), 32), (("struct out", "nested", -1), -6),
    (("struct out *", "nested"), 4), (("struct anon", "z"), 8), (("struct anon", "w", 3), 11),
    (("int[5]", 2), 8), (("int[]", 7), 28), (("int *", -2), -8), (("in_t", "s"), 2),
    (("struct in[3]", 1, "s", 1), 14),
])
def test_offsetof(ffi, args, offset):
    assert ffi.offsetof(*args) == offset
    assert ffi.offsetof(ffi.typeof(args[0]), *args[1:]) == offset


@pytest.mark.parametrize("args, error, message", [
    (("struct out", "nothing"), KeyError, "nothing"),
    (("struct out", "bits"), TypeError, "not supported for bitfields"),
    (("struct out", "p", "c"), TypeError, "expected a struct or union ctype"),
    (("struct out", 0), TypeError, "with an integer argument"),
    (("int", "a"), TypeError, "expected a struct or union ctype"),
    (("int", 0), TypeError, "with an integer argument"),
    (("struct opaque", "a"), TypeError, "struct/union is opaque"),
    (("struct opaque *", 0), TypeError, "pointer to non-opaque"),
    (("void *", 1), TypeError, "pointer to non-opaque"),
    (("fn", 0), TypeError, "with an integer argument"),
    (("int[5]", 1.5), TypeError, "field name or array index expected"),
    (("int[5]", None), TypeError, "field name or array index expected"),
    (("int[5]", 1 << 62), OverflowError, "would overflow a Py_ssize_t"),
    (("int[5]", 1 << 70), OverflowError, None),
    ((5, "a"), TypeError, "expected a string or ctype"),
    (("nowhere_t", "a"), CDefError, None),
])
def test_offsetof_refused(ffi, args, error, message):
    with pytest.raises(error, match=message):
        ffi.offsetof(*args)


# --- addressof ------------------------------------------------------------------------------


def test_addressof(ffi):
    p = ffi.new("struct out *")
    p.nested[1].s[2] = 77
    assert ffi.addressof(p[0]) == p
    assert ffi.typeof(ffi.addressof(p[0])) is ffi.typeof("struct out *")
    q = ffi.addressof(p[0], "nested", 1, "s", 2)
    assert ffi.typeof(q) is ffi.typeof("short *")
    assert q[0] == 77
    q[0] = 78
    assert p.nested[1].s[2] == 78
    assert ffi.addressof(p, "nested", 1, "s", 2) == q
    a = ffi.new("int[4]", [1, 2, 3, 4])
    assert ffi.typeof(ffi.addressof(a)) is ffi.typeof("int(*)[4]")
    assert ffi.addressof(a, 3)[0] == 4
    assert ffi.addressof(a, -1) + 1 == ffi.addressof(a, 0)


def test_addressof_keeps_memory(ffi):
    p = ffi.new("int[1000]")
    p[999] = 123
    q = ffi.addressof(p, 999)
    ref = weakref.ref(p)
    del p
    gc.collect()
    junk = [ffi.new("int[1000]", [i] * 1000) for i in range(50)]
    assert q[0] == 123 and junk
    del q
    gc.collect()
    assert ref() is None


def test_addressof_in_a_library():
    ffi = FFI()
    ffi.cdef("int abs(int); extern char **environ;")
    lib = ffi.dlopen(None)
    f = ffi.addressof(lib, "abs")
    assert ffi.typeof(f) is ffi.typeof("int(*)(int)")
    assert f(-5) == 5
    e = ffi.addressof(lib, "environ")
    assert ffi.typeof(e) is ffi.typeof("char * * *")
    assert e[0] == lib.environ
    with pytest.raises(AttributeError):
        ffi.addressof(lib, "nothing")
    for bad in ((lib,), (lib, 5), (lib, "abs", "x")):
        with pytest.raises(TypeError, match="expects the name of one"):
            ffi.addressof(*bad)


@pytest.mark.parametrize("make, path, error", [
    (lambda f: f.new("int *"), (), TypeError),
    (lambda f: f.cast("int", 3), (), TypeError),
    (lambda f: f.cast("int", 3), (0,), TypeError),
    (lambda f: f.cast("fn", 3), (), TypeError),
    (lambda f: f.cast("fn", 3), (0,), TypeError),
    (lambda f: f.new("struct out *"), ("nope",), KeyError),
    (lambda f: f.new("struct out *")[0], ("bits",), TypeError),
    (lambda f: 5, (), TypeError),
    (lambda f: "int", (), TypeError),
    (lambda f: f.typeof("int"), (), TypeError),
])
def test_addressof_refused(ffi, make, path, error):
    with pytest.raises(error):
        ffi.addressof(make(ffi), *path)


# --- getctype ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text, extra, result", [
    ("int", "", "int"), ("int", "x", "int x"), ("int", "*", "int *"), ("int", "  *  ", "int *"),
    ("int", "[5]", "int[5]"), ("int[5]", "*", "int(*)[5]"), ("int[5]", "", "int[5]"),
    ("int[5]", "[3]", "int[3][5]"), ("int[5]", "a", "int a[5]"), ("int *", "p", "int * p"),
    ("char *(*)(int)", "f", "char *(* f)(int)"), ("int(*)(int)", "*", "int(* *)(int)"),
    ("unsigned  char", "**", "unsigned char **"), ("struct in", "v", "struct in v"),
    ("int", "(*)[2]", "int(*)[2]"), ("const char *", "", "char *"), ("int[5]", "*x", "int(*x)[5]"),
    ("int", "\té\n", "int é"),
])
def test_getctype(ffi, text, extra, result):
    assert ffi.getctype(text, extra) == result
    assert ffi.getctype(ffi.typeof(text), extra) == result


def test_getctype_refuses(ffi):
    with pytest.raises(TypeError, match="replace_with"):
        ffi.getctype("int", 5)
    with pytest.raises(TypeError):
        ffi.getctype(5)


# --- list_types -----------------------------------------------------------------------------------


def test_list_types(ffi):
    assert FFI().list_types() == ([], [], [])
    assert ffi.list_types() == (
        ["fn", "in_t"], ["anon", "flex", "in", "opaque", "out"], ["un"])
