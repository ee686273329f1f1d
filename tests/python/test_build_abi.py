# SPDX-License-Identifier: MIT
"""set_source(name, None): modules that need no compiler."""

import ast
import io
import pathlib
import sys

import pytest

from jiffi import FFI, VerificationError

COUNT = iter(range(1000000))


@pytest.fixture
def importable(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def make(directory, *cdefs, include=(), name=None, **kwds):
    """Write the module and import it."""
    name = name or "_abi%d" % next(COUNT)
    ffi = FFI(**kwds)
    for other in include:
        ffi.include(other)
    for cdef in cdefs:
        options = {}
        if isinstance(cdef, tuple):
            cdef, options = cdef
        ffi.cdef(cdef, **options)
    ffi.set_source(name, None)
    assert ffi.compile(tmpdir=str(directory)) == str(
        directory / (name.replace(".", "/") + ".py"))
    return ffi, __import__(name, fromlist=["ffi"])


def test_function(importable):
    _, module = make(importable, "int abs(int); double sqrt(double);\n#define A 5")
    assert type(module.ffi) is FFI
    lib = module.ffi.dlopen("m")
    assert lib.sqrt(9) == 3 and lib.abs(-5) == 5 and lib.A == 5
    assert not hasattr(module, "lib")


def test_types(importable):
    _, module = make(importable, """
        typedef struct { char c; int i; } plain;
        enum e { A = 3, B };
    """, ("typedef struct { char c; int i; } tight;", {"packed": True}),
        ("typedef struct { char c; int i; } two;", {"pack": 2}))
    ffi = module.ffi
    assert [ffi.sizeof(t) for t in ("plain", "tight", "two")] == [8, 5, 6]
    assert ffi.typeof("enum e").relements == {"A": 3, "B": 4}


def test_gil(importable):
    ffi, module = make(importable, "int abs(int);", ("int labs(int);", {"gil": "release"}),
                       gil="hold")
    words = {s["name"]: s["gil"] for s in module.ffi._declared()["symbols"]}
    assert module.ffi._declared()["gil"] == "hold"
    assert words == {s["name"]: s["gil"] for s in ffi._declared()["symbols"]}
    assert words["labs"] == "release"


@pytest.mark.parametrize("text", [
    "/* \u00e4\u00f6\u00fc \u4e2d */ int abs(int);",
    '/* """ " \\" \\ */ int abs(int);',
    "/* \\n \\x00 \\N{DASH} {} %s %% */ int abs(int); /* \"*/",
    "int abs(int);\r\n/* \r */",
    "\n\n\tint\n  abs(int);\n",
])
def test_text_is_kept(importable, text):
    _, module = make(importable, text)
    written = ast.parse(pathlib.Path(module.__file__).read_bytes())
    (rows,) = [node for node in ast.walk(written) if isinstance(node, ast.List)]
    assert ast.literal_eval(rows)[0][0] == text
    assert module.ffi.dlopen(None).abs(-1) == 1


def test_include(importable):
    base, base_module = make(importable, "typedef struct { int a; } shared;",
                             name="_abi_base")
    _, module = make(importable, "typedef struct { shared s; } own;", include=[base])
    assert module.ffi.typeof("shared") is base_module.ffi.typeof("shared")
    assert module.ffi.sizeof("own") == 4


def test_package(importable):
    (importable / "abi_pkg").mkdir()
    (importable / "abi_pkg" / "__init__.py").write_text("")
    _, module = make(importable, "int abs(int);", name="abi_pkg.mod")
    assert module.__name__ == "abi_pkg.mod"
    assert module.ffi.dlopen(None).abs(-3) == 3


@pytest.mark.parametrize("cdef, words", [
    ("typedef int... t;", "'typedef t'"),
    ("typedef float... t;", "'typedef t'"),
    ("#define X ...", "'#define X ...'"),
    ("static const int X = ...;", "X"),
    ("struct s { int a; ...; };", "struct s"),
    ("enum e { A, B = ... };", "B|enum e"),
    ("extern int v[...];", "v"),
    ('extern "Python" int f(int);', "extern \"Python\""),
])
def test_what_needs_a_compiler(cdef, words):
    ffi = FFI()
    ffi.cdef(cdef)
    ffi.set_source("_abi_refused", None)
    with pytest.raises(VerificationError, match=words):
        ffi.emit_python_code(io.StringIO())


def test_opaque_types_are_fine(importable):
    _, module = make(importable, "typedef ... hidden; typedef struct s *p; "
                                 "hidden *f(p); int abs(int);")
    assert module.ffi.dlopen(None).abs(-1) == 1
    with pytest.raises(TypeError, match="hidden"):
        module.ffi.new("hidden *")


def test_include_of_c_module():
    base = FFI()
    base.set_source("_c_base", "")
    ffi = FFI()
    ffi.include(base)
    ffi.set_source("_abi_user", None)
    with pytest.raises(VerificationError, match="C-based"):
        ffi.emit_python_code(io.StringIO())


def test_embedding_needs_c():
    ffi = FFI()
    ffi.embedding_api("int f(int);")
    ffi.set_source("_abi_embedding", None)
    with pytest.raises(VerificationError, match="embedding_api"):
        ffi.emit_python_code(io.StringIO())


def test_module_of_another_version(importable):
    ffi, _ = make(importable, "int abs(int);")
    out = io.StringIO()
    ffi.emit_python_code(out)
    text = out.getvalue()
    assert ", abi=1," in text
    (importable / "_abi_other.py").write_text(text.replace(", abi=1,", ", abi=999,"))
    with pytest.raises(ImportError, match="999"):
        import _abi_other  # noqa: F401
    assert "_abi_other" not in sys.modules
