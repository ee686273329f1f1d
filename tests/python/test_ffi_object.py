# SPDX-License-Identifier: MIT
"""The FFI object: making, declaring, including, errors, documentation."""

import gc
import inspect
import pydoc
import re
import sys
import threading
import types
import warnings
import weakref
from pathlib import Path

import pytest

import jiffi
from jiffi import FFI, CDefError, FFIError


def test_version_is_the_build_files():
    meson = Path(__file__).parents[2] / "meson.build"
    version = re.search(r"version: '([^']+)'", meson.read_text()).group(1)
    assert jiffi.__version__ == version
    assert ".".join(map(str, jiffi.__version_info__)) == version


def test_error_classes_are_unrelated():
    names = ["FFIError", "CDefError", "VerificationError", "VerificationMissing", "PkgConfigError"]
    for name in names:
        cls = getattr(jiffi, name)
        assert cls.__bases__ == (Exception,)
        assert cls.__module__ == "jiffi"
        assert cls.__name__ == name
    assert FFI.error is FFIError
    assert jiffi.DeclarationError.__bases__ == (CDefError, FFIError)


def test_features():
    f = jiffi.features()
    assert set(f) >= {"target", "calls", "callbacks", "why_not", "libffi"}
    assert f["calls"] in ("code", "libffi")
    assert f["callbacks"] in ("code", "libffi")
    assert f["why_not"] is None or f["calls"] == "libffi" or f["callbacks"] == "libffi"


# --- the object -----------------------------------------------------------------


def test_subclass_without_super_init():
    class Mine(FFI):
        def __init__(self, x):
            self.x = x

    ffi = Mine(42)
    assert ffi.x == 42
    assert ffi.new("int *")[0] == 0
    assert type(ffi) is Mine


def test_subclass_of_subclass_and_mixin():
    class Mixin:
        pass

    class A(FFI):
        pass

    class B(Mixin, A):
        __slots__ = ("y",)

    ffi = B()
    ffi.y = 1
    ffi.cdef("typedef int t;")
    assert ffi.sizeof("t") == 4


def test_instance_attributes():
    ffi = FFI()
    ffi.anything = 5
    assert ffi.__dict__ == {"anything": 5}
    with pytest.raises(AttributeError):
        ffi.nothing


def test_weakref_and_cycle():
    ffi = FFI()
    ffi.me = ffi
    ref = weakref.ref(ffi)
    del ffi
    gc.collect()
    assert ref() is None


def test_types_outlive_their_ffi():
    ffi = FFI()
    ffi.cdef("struct s { int a; struct s *next; };")
    p = ffi.new("struct s *")
    del ffi
    gc.collect()
    p.a = 7
    p.next = p
    assert p.next.next.a == 7
    assert repr(p).startswith("<cdata 'struct s *' owning")


@pytest.mark.parametrize("backend", [None, sys])
def test_backend_is_ignored(backend):
    FFI(backend)
    FFI(backend=backend)


@pytest.mark.parametrize("args, kwargs", [((42,), {}), ((None, None), {}), ((), {"nope": 1})])
def test_bad_constructor(args, kwargs):
    with pytest.raises(TypeError):
        FFI(*args, **kwargs)


@pytest.mark.parametrize("gil", ["release", "hold", "auto", None])
def test_gil_choices(gil):
    ffi = FFI(gil=gil)
    ffi.cdef("int abs(int);", gil=gil)
    assert ffi.dlopen(None).abs(-3) == 3


@pytest.mark.parametrize("gil", ["", "RELEASE", "keep", 1, b"hold", object()])
def test_gil_refused(gil):
    with pytest.raises(ValueError, match="'release', 'hold' or 'auto'"):
        FFI(gil=gil)
    with pytest.raises(ValueError, match="'release', 'hold' or 'auto'"):
        FFI().cdef("int a(void);", gil=gil)


def test_constants_of_the_class():
    ffi = FFI()
    assert ffi.NULL == ffi.cast("void *", 0)
    assert FFI.NULL is ffi.NULL
    assert repr(ffi.NULL) == "<cdata 'void *' NULL>"
    assert isinstance(ffi.new("int *"), FFI.CData)
    assert isinstance(ffi.typeof("int"), FFI.CType)
    assert ffi.BVoidP is ffi.typeof("void *")
    assert ffi.BCharA is ffi.typeof("char[]")
    for name in ("LAZY", "NOW", "GLOBAL", "LOCAL"):
        assert isinstance(getattr(ffi, "RTLD_" + name), int)
    assert ffi.RTLD_NOW != ffi.RTLD_LAZY


def test_repr():
    ffi = FFI()
    assert re.match(r"<jiffi\.FFI object at 0x[0-9a-f]+: 0 names declared, 0 included>$", repr(ffi))
    ffi.cdef("typedef int a; int f(a);")
    ffi.include(FFI())
    assert "2 names declared, 1 included" in repr(ffi)


def test_errno_property():
    ffi = FFI()
    ffi.errno = 95
    assert ffi.errno == 95
    with pytest.raises(OverflowError):
        ffi.errno = 1 << 40
    with pytest.raises(TypeError):
        ffi.errno = "x"
    with pytest.raises(AttributeError):
        del ffi.errno
    assert ffi.errno == 95


def test_errno_is_by_thread():
    ffi = FFI()
    ffi.errno = 5
    seen = []

    def other():
        ffi.errno = 9
        seen.append(ffi.errno)

    t = threading.Thread(target=other)
    t.start()
    t.join()
    assert (seen, ffi.errno) == ([9], 5)


# --- documentation -----------------------------------------------------------------


def methods():
    return [n for n in dir(FFI) if not n.startswith("_") and callable(getattr(FFI, n))
            and not isinstance(getattr(FFI, n), (type, FFI.CData))]


@pytest.mark.parametrize("name", methods())
def test_every_method_is_documented(name):
    method = getattr(FFI, name)
    assert method.__doc__ and len(method.__doc__) > 30
    assert method.__text_signature__.startswith("($self")
    assert list(inspect.signature(method).parameters)[0] == "self"


def test_signatures():
    sig = lambda f: str(inspect.signature(f))
    assert sig(FFI.new) == "(self, /, cdecl, init=None)"
    assert sig(FFI.cdef) == (
        "(self, /, csource, override=False, packed=False, pack=None, *, gil=None, "
        "may_throw=False)")
    assert sig(FFI.gil) == "(self, policy_or_function, /, *functions)"
    if sys.version_info >= (3, 10):  # 3.9 has no signatures of such types
        assert sig(FFI) == (
            "(backend=None, *, gil='auto', callback_errors='raise', checked=False, "
            "may_throw=False)")
        assert sig(FFI.buffer) == "(cdata, size=-1)"


def test_help_fits_80_columns():
    text = pydoc.plain(pydoc.render_doc(FFI))
    long = [line for line in text.splitlines() if len(line) > 80]
    # pydoc puts each signature on one line, whatever its length.
    signatures = ("(self", "FFI(backend=None")
    assert [line for line in long if not any(s in line for s in signatures)] == []
    assert "C declarations, and what can be done with them." in text


# --- keyword arguments ---------------------------------------------------------------


@pytest.mark.parametrize("call, message", [
    (lambda f: f.new(), r"new\(\) missing required argument 'cdecl' \(pos 1\)"),
    (lambda f: f.new("int *", 1, 2), r"new\(\) takes at most 2 arguments \(3 given\)"),
    (lambda f: f.new("int *", cdecl="int *"), r"new\(\) got multiple values for argument 'cdecl'"),
    (lambda f: f.new("int *", value=2), r"new\(\) got an unexpected keyword argument 'value'"),
    (lambda f: f.cast("int"), r"cast\(\) missing required argument 'source' \(pos 2\)"),
    (lambda f: f.cdef(), r"cdef\(\) missing required argument 'csource'"),
    (lambda f: f.cdef("", 0, 0, 0, "hold"), r"cdef\(\) takes at most 4 arguments \(5 given\)"),
    (lambda f: f.offsetof("int"), r"offsetof\(\) expects at least 2 arguments"),
    (lambda f: f.offsetof("int", x=1), r"offsetof\(\) takes no keyword arguments"),
    (lambda f: f.addressof(), r"addressof\(\) expects at least 1 argument"),
    (lambda f: f.new(5), r"expected a string or ctype object, got 'int'"),
    (lambda f: f.new(b"int *"), r"expected a string or ctype object, got 'bytes'"),
    (lambda f: f.typeof(5), r"expected a string or cdata object, got 'int'"),
    (lambda f: f.sizeof(5), r"expected a string, ctype object or cdata object, got 'int'"),
])
def test_argument_errors(call, message):
    with pytest.raises(TypeError, match=message):
        call(FFI())


def test_keywords():
    ffi = FFI()
    assert ffi.new(init=[1, 2], cdecl="int[]")[1] == 2
    assert int(ffi.cast(source=3.5, cdecl="int")) == 3
    assert ffi.getctype(cdecl="int[5]", replace_with="*") == "int(*)[5]"


# --- cdef ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [b"int a;", None, 5, bytearray(b"int a;")])
def test_cdef_wants_str(text):
    with pytest.raises(TypeError, match="must be a string"):
        FFI().cdef(text)


@pytest.mark.parametrize("kwargs, error, message", [
    ({"packed": 2}, ValueError, "'packed' should be False or True"),
    ({"packed": True, "pack": 4}, ValueError, "cannot give both"),
    ({"pack": 3}, ValueError, "'pack' must be a power of two, not 3"),
    ({"pack": 6}, ValueError, "power of two"),
    ({"pack": -1}, ValueError, "power of two"),
    ({"pack": 1 << 20}, ValueError, "power of two"),
    ({"pack": "x"}, TypeError, None),
])
def test_cdef_options_refused(kwargs, error, message):
    ffi = FFI()
    with pytest.raises(error, match=message):
        ffi.cdef("struct s { char a; int b; };", **kwargs)
    with pytest.raises(TypeError, match="unknown size"):
        ffi.new("struct s *")  # nothing was declared


@pytest.mark.parametrize("kwargs, size", [
    ({}, 24), ({"packed": True}, 17), ({"packed": 1}, 17), ({"pack": 1}, 17),
    ({"pack": 2}, 18), ({"pack": 4}, 20), ({"pack": 8}, 24), ({"pack": 16}, 24),
    ({"pack": 0}, 24), ({"packed": False, "pack": None}, 24),
])
def test_cdef_pack(kwargs, size):
    ffi = FFI()
    ffi.cdef("struct s { char a; double b; double c; };", **kwargs)
    assert ffi.sizeof("struct s") == size


def test_cdef_error_shows_the_place():
    ffi = FFI()
    with pytest.raises(CDefError) as e:
        ffi.cdef("int fine(void);\n  int f(unknown_t x);\n")
    text = str(e.value)
    assert text.startswith("<cdef source string>:2:9:")
    assert "unknown_t" in text
    lines = text.splitlines()
    assert any(line.rstrip().endswith("^") or set(line.strip()) <= {"^", "~"} for line in lines[1:])
    assert type(e.value) is jiffi.DeclarationError
    assert (e.value.file, e.value.line, e.value.column) == ("<cdef source string>", 2, 9)


def test_failed_cdef_leaves_nothing():
    ffi = FFI()
    ffi.cdef("struct s; typedef int t;")
    with pytest.raises(CDefError):
        ffi.cdef("struct s { int a; }; typedef long u; int f(nowhere);")
    assert ffi.list_types() == (["t"], ["s"], [])
    with pytest.raises(TypeError):
        ffi.new("struct s *")
    ffi.cdef("struct s { char a; };")
    assert ffi.sizeof("struct s") == 1


@pytest.mark.parametrize("text", ["int a\0b;", "int f(", "}", "struct { int a; ", "int \ud800;"])
def test_bad_text(text):
    with pytest.raises((CDefError, UnicodeEncodeError)):
        FFI().cdef(text)


def test_override():
    ffi = FFI()
    ffi.cdef("typedef int t;")
    with pytest.raises((CDefError, FFIError)):
        ffi.cdef("typedef long t;")
    assert ffi.sizeof("t") == 4
    ffi.cdef("typedef long t;", override=True)
    assert ffi.sizeof("t") == ffi.sizeof("long")


def test_cdef_after_dlopen():
    ffi = FFI()
    lib = ffi.dlopen(None)
    with pytest.raises(AttributeError):
        lib.abs
    ffi.cdef("int abs(int);")
    assert lib.abs(-4) == 4


@pytest.mark.parametrize("text, warns", [
    ("int a;", True), ("extern int a;", False), ("static int a;", False),
    ("const int a;", False), ("int *const a;", False), ("const int *a;", True),
    ("const int a[5];", True), ("int f(void);", False),
])
def test_warning_for_storage_class(text, warns):
    with warnings.catch_warnings(record=True) as log:
        warnings.simplefilter("always")
        FFI().cdef(text)
    assert [str(w.message)[:19] for w in log] == ["Global variable 'a'"] * warns


def test_warning_as_error_names_this_file():
    with warnings.catch_warnings(record=True) as log:
        warnings.simplefilter("always")
        FFI().cdef("int a;")
    assert log[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning):
            FFI().cdef("int a;")


# --- include ------------------------------------------------------------------------------


def test_include_shares_types():
    base, a, b = FFI(), FFI(), FFI()
    base.cdef("struct s { int x; }; typedef struct s *sp; enum e { ONE = 1 }; typedef union { int i; } u;")
    a.include(base)
    b.include(base)
    for name in ("struct s", "sp", "enum e", "u", "struct s *[3]"):
        assert a.typeof(name) is b.typeof(name) is base.typeof(name)
    a.new("sp")[0] = b.new("sp", [5])[0]
    assert a.integer_const("ONE") == 1
    assert a.list_types() == (["sp", "u"], ["s"], [])


def test_include_keeps_alive_and_is_late():
    base, a = FFI(), FFI()
    base.cdef("typedef struct later later;")
    a.include(base)
    base.cdef("struct later { int x, y; };")
    assert a.sizeof("later") == 8
    ref = weakref.ref(base)
    del base
    gc.collect()
    assert ref() is not None
    del a
    gc.collect()
    assert ref() is None


@pytest.mark.parametrize("other, error", [(5, TypeError), (None, TypeError), ("x", TypeError)])
def test_include_refused(other, error):
    with pytest.raises(error, match="also of type"):
        FFI().include(other)


def test_include_self_and_clash():
    a, b = FFI(), FFI()
    with pytest.raises(ValueError):
        a.include(a)
    a.cdef("typedef int t;")
    b.cdef("typedef long t;")
    with pytest.raises((CDefError, FFIError)):
        a.include(b)
    assert a.sizeof("t") == 4
    assert ", 0 included" in repr(a)


# --- constants ---------------------------------------------------------------------------


def test_integer_const():
    ffi = FFI()
    ffi.cdef("#define A 0x10\nenum e { B = -3, C };\n#define BIG 0xffffffffffffffff\nint f(void);")
    assert [ffi.integer_const(n) for n in ("A", "B", "C", "BIG")] == [16, -3, -2, 2**64 - 1]
    assert ffi.integer_const(name="A") == 16
    with pytest.raises(AttributeError, match="integer constant 'Z' not found"):
        ffi.integer_const("Z")
    with pytest.raises(AttributeError, match="did you mean 'BIG'"):
        ffi.integer_const("BUG")
    with pytest.raises(FFIError, match="must be fetched from"):
        ffi.integer_const("f")
    with pytest.raises(TypeError):
        ffi.integer_const(5)


def test_set_unicode():
    for on, size in ((True, 4), (False, 1)):
        ffi = FFI()
        ffi.set_unicode(on)
        assert ffi.sizeof("TCHAR") == size
        assert ffi.typeof("LPTSTR") is ffi.typeof("wchar_t *" if on else "char *")
        with pytest.raises(ValueError, match="only be called once"):
            ffi.set_unicode(on)


# --- API mode: what an FFI without a module says -------------------------------------------


def test_def_extern():
    with pytest.raises(ValueError, match="only available on API-mode FFI"):
        FFI().def_extern()


# --- callbacks ------------------------------------------------------------------------------


def test_callback_forms():
    ffi = FFI()
    assert ffi.callback("int(*)(int)", lambda x: x + 1)(5) == 6
    assert ffi.callback("int(int)", lambda x: x + 2)(5) == 7

    @ffi.callback("int(int, int)")
    def add(a, b):
        return a + b

    assert add(2, 3) == 5
    assert ffi.callback(ffi.typeof("int(*)(void)"), python_callable=lambda: 9)() == 9


@pytest.mark.parametrize("cdecl, fn, kwargs, message", [
    ("int", None, {}, "expected a function ctype, got 'int'"),
    ("int *", len, {}, "expected a function ctype"),
    ("int(int)", 5, {}, "not callable"),
    ("int(int)", len, {"onerror": 5}, "callable object for 'onerror', not int"),
    (5, len, {}, "expected a string or ctype"),
])
def test_callback_refused(cdecl, fn, kwargs, message):
    with pytest.raises(TypeError, match=message):
        FFI().callback(cdecl, fn, **kwargs)


def test_callback_decorator_checks_too():
    with pytest.raises(TypeError, match="not callable"):
        FFI().callback("int(int)")(5)


# --- libraries ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [5, 2.5, object(), ["m"]])
def test_dlopen_refuses(name):
    with pytest.raises(TypeError):
        FFI().dlopen(name)


def test_dlopen_flags():
    ffi = FFI()
    with pytest.raises(TypeError):
        ffi.dlopen(None, "now")
    with pytest.raises(OverflowError):
        ffi.dlopen(None, 1 << 70)
    ffi.dlopen(None, ffi.RTLD_LAZY)
    ffi.dlopen(name=None, flags=ffi.RTLD_NOW)


@pytest.mark.parametrize("lib", [None, 5, types.ModuleType("x"), sys])
def test_dlclose_refuses(lib):
    with pytest.raises(TypeError, match=r"library from ffi.dlopen\(\)"):
        FFI().dlclose(lib)
