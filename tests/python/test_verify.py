# SPDX-License-Identifier: MIT
"""ffi.verify(): the C source with the declarations, compiled where it is used."""

import os
import sys
import sysconfig

import pytest

import jiffi
from jiffi import FFI, VerificationError
from jiffi.build import verifier

pytestmark = pytest.mark.skipif(not sysconfig.get_config_var("CC"), reason="no compiler")


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    monkeypatch.setenv("CFLAGS", "-O0")
    monkeypatch.setenv("CFFI_TMPDIR", str(tmp_path / "made"))


def verified(cdef, source, **kwds):
    ffi = FFI()
    ffi.cdef(cdef)
    return ffi, ffi.verify(source, **kwds)


# --- what is left open ------------------------------------------------------------------


def test_everything_open_is_filled_in():
    ffi = FFI()
    ffi.cdef("""
        struct part { int b; char name[...]; ...; };
        struct whole { struct part p; int last; };
        enum open { ONE, TWO = ..., ... };
        #define LIMIT ...
        static const long long BIG;
        extern int numbers[...];
        extern double factor;
        static char *const TEXT;
        int sum(struct part *p);
        struct part make(int b);
        int total(int n, ...);
    """)
    part = ffi.typeof("struct part")
    pointer = ffi.typeof("struct part *")
    lib = ffi.verify("""
        #include <stdarg.h>
        struct part { long pad; char name[7]; int b, c; };
        struct whole { struct part p; int last; };
        enum open { ZERO, TWO, ONE = -5 };
        #define LIMIT 0x80000000u
        #define BIG (-0x7fffffffffffffffLL - 1)
        #define TEXT "text"
        int numbers[3] = {1, 2, 3};
        double factor = 0.5;
        static int sum(struct part *p) { return p->b + p->c; }
        static struct part make(int b) { struct part p = {0}; p.b = b; return p; }
        static int total(int n, ...) {
            va_list l; int t = 0;
            va_start(l, n); while (n--) t += va_arg(l, int); va_end(l);
            return t;
        }
    """)
    assert ffi.typeof("struct part") is part and ffi.typeof("struct part *") is pointer
    assert ffi.sizeof(part) == 24 and ffi.offsetof("struct part", "b") == 16
    assert ffi.sizeof("struct whole") == 32
    assert len(ffi.new(pointer).name) == 7
    assert (lib.ONE, lib.TWO) == (-5, 1)
    assert ffi.string(ffi.cast("enum open", -5)) == "ONE"
    assert lib.LIMIT == 0x80000000 and lib.BIG == -2 ** 63
    assert ffi.string(lib.TEXT) == b"text"
    assert list(lib.numbers) == [1, 2, 3] and lib.factor == 0.5
    lib.factor = 3
    assert lib.factor == 3.0
    assert lib.sum(ffi.new("struct part *", {"b": 5})) == 5
    made = lib.make(8)
    assert made.b == 8 and ffi.typeof(made) is part
    assert lib.total(2, ffi.cast("int", 40), ffi.cast("int", 2)) == 42
    assert "sum" in dir(lib) and "factor" in dir(lib)


def test_values_from_before_are_of_the_same_types():
    ffi = FFI()
    ffi.cdef("struct s { int x; }; int get(struct s *);")
    p = ffi.new("struct s *", [7])
    lib = ffi.verify("struct s { int x; }; int get(struct s *s) { return s->x; }")
    assert lib.get(p) == 7


def test_twice_and_more_declarations():
    ffi, first = verified("int f(int); #define N ...".replace(" #", "\n#"),
                          "#define N 5\nstatic int f(int x) { return x + N; }")
    ffi.cdef("struct s { int x; ...; }; int g(struct s *s);")
    second = ffi.verify("#define N 5\nstatic int f(int x) { return x - N; }\n"
                        "struct s { char c; int x; };\n"
                        "static int g(struct s *s) { return s->x; }")
    assert first.f(1) == 6 and second.f(1) == -4 and first.N == second.N == 5
    assert second.g(ffi.new("struct s *", [3])) == 3


def test_the_same_module_for_two():
    cdef, source = "struct s { int x; }; struct s *id(struct s *);", (
        "struct s { int x; }; struct s *id(struct s *s) { return s; }")
    (ffi1, lib1), (ffi2, lib2) = verified(cdef, source), verified(cdef, source)
    assert ffi1.verifier.modulefilename == ffi2.verifier.modulefilename
    for ffi, lib in ((ffi1, lib1), (ffi2, lib2), (ffi1, lib1)):
        p = ffi.new("struct s *", [4])
        assert lib.id(p) == p and ffi.typeof(lib.id(p)) is ffi.typeof("struct s *")
    assert ffi1.verify(source).id(ffi1.NULL) == ffi1.NULL


def test_included_types():
    one, lib1 = verified("typedef struct { int x; ...; } foo_t; enum e { A, ... };",
                         "typedef struct { int y, x; } foo_t; enum e { B, A };")
    two = FFI()
    two.include(one)
    two.cdef("int get(foo_t *);")
    lib = two.verify("typedef struct { int y, x; } foo_t; enum e { B, A };"
                     "static int get(foo_t *f) { return f->x; }")
    assert lib.get(one.new("foo_t *", {"x": 3})) == 3
    assert lib.get(two.new("foo_t *", {"x": 4})) == 4
    assert lib.A == lib1.A == 1


# --- what does not fit -----------------------------------------------------------------------


@pytest.mark.parametrize("cdef, source, text", [
    ("struct s { char x; int y; };", "struct s { int y; char x; };",
     "struct s: wrong offset for field 'x' (we have 0, but C compiler says 4)"),
    ("struct s { int x; };", "struct s { int x, y; };",
     "struct s: wrong total size (we have 4, but C compiler says 8)"),
    ("struct s { char x; int y; };", "struct s { char x; short p, y; char q[3]; };",
     None),
    ("typedef struct { short x; int y; } t;", "typedef struct { int x, y; } t;",
     "t: wrong size for field 'x' (we have 2, but C compiler says 4)"),
    ("enum e { A, B };", "enum e { B, A };",
     "enum e: A has the real value 1, not 0"),
    ("#define N 5", "#define N 6", "N has the real value 6, not 5"),
    ("static const int N = -1;", "#define N 0xffffffffu",
     "N has the real value 4294967295, not -1"),
    ("typedef int... t;", "typedef long t;",
     "feature not supported with ffi.verify(), but only with ffi.set_source(): "
     "'typedef int... t'"),
    ('extern "Python" int f(int);', "",
     "feature not supported with ffi.verify(), but only with ffi.set_source(): "
     "'extern \"Python\"'"),
])
def test_contradictions(cdef, source, text):
    ffi = FFI()
    ffi.cdef(cdef)
    with pytest.raises(VerificationError) as e:
        ffi.verify(source)
    assert text is None or str(e.value) == text
    ffi.cdef("int abs(int);")  # nothing is lost
    assert ffi.dlopen(None).abs(-3) == 3


def test_compile_error():
    with pytest.raises(VerificationError, match="(?s)CompileError.*no_such_type"):
        verified("int f(int);", "no_such_type f(int x) { return x; }")


def test_opaque_result():
    with pytest.raises(TypeError, match="function f: 'foo_t' is used as result type"):
        verified("typedef ... foo_t; foo_t f(void);", "typedef struct { int x; } foo_t;")


# --- files ------------------------------------------------------------------------------------


def test_a_module_that_is_there_is_not_compiled(tmp_path, monkeypatch):
    cdef, source = "int f(int);", "static int f(int x) { return x * 3; }"
    ffi, lib = verified(cdef, source, tag="mine")
    name = ffi.verifier.get_module_name()
    assert name.startswith("_cffi_mine_x")
    assert sorted(os.listdir(tmp_path / "made"))[0].startswith(name)
    verifier.cleanup_tmpdir(str(tmp_path / "made"), keep_so=True)
    assert not os.path.exists(ffi.verifier.sourcefilename)
    monkeypatch.setattr(verifier.compiler, "compile_extension", None)
    assert verified(cdef, source, tag="mine")[1].f(4) == 12
    verifier.cleanup_tmpdir(str(tmp_path / "made"))
    assert not os.path.exists(ffi.verifier.modulefilename)


def test_names_and_places(tmp_path):
    ffi, lib = verified("int f(void);", "static int f(void) { return OK; }",
                        modulename="a_name", tmpdir=str(tmp_path / "elsewhere"),
                        define_macros=[("OK", "1")])
    v = ffi.verifier
    assert lib.f() == 1 and v.get_module_name() == "a_name"
    assert v.sourcefilename == str(tmp_path / "elsewhere" / "a_name.c")
    assert v.get_extension().name == "a_name"
    with pytest.raises(TypeError, match="both 'modulename' and 'tag'"):
        ffi.verify("", modulename="x", tag="y")
    with pytest.raises(VerificationError, match="already compiled"):
        v.compile_module()


def test_relative_to(tmp_path):
    (tmp_path / "more.h").write_text("#define MORE 11\n")
    _, lib = verified("#define MORE ...", '#include "more.h"', include_dirs=["."],
                      relative_to=str(tmp_path / "module.py"))
    assert lib.MORE == 11


@pytest.mark.parametrize("change", [dict(tag="t"), dict(define_macros=[("A", "1")])])
def test_the_name_depends_on_everything(change):
    def name(cdef="int f(int);", source="//1\n", **kwds):
        ffi = FFI()
        ffi.cdef(cdef)
        return verifier.Verifier(ffi, source, **kwds).get_module_name()
    assert name() == name() != name(**change)
    assert len({name(), name("int f(long);"), name(source="//2\n")}) == 3


def test_cffi_has_the_same_functions():
    import subprocess
    import jiffi.dropin
    code = """if True:
        import cffi, cffi.verifier, jiffi.build.verifier
        assert cffi.verifier is jiffi.build.verifier
        ffi = cffi.FFI()
        ffi.cdef("int f(int); extern int v;")
        lib = ffi.verify("int v = 5; static int f(int x) { return x + v; }")
        assert isinstance(ffi.verifier, cffi.verifier.Verifier)
        assert lib.f(2) == 7 and lib.v == 5 and vars(lib)["f"] is lib.f
        lib.v = 6
        assert lib.f(2) == 8 and dir(lib) == ["f", "v"]
        assert hasattr(lib, "_cffi_python_module")
        assert type(lib).__name__ == "FFILibrary"
        try:
            ffi.verify("no C")
        except cffi.VerificationError as e:
            assert "CompileError" in str(e)
    """
    path = [jiffi.dropin.path(), os.path.dirname(os.path.dirname(jiffi.__file__))]
    subprocess.run([sys.executable, "-c", code], check=True,
                   env=dict(os.environ, PYTHONPATH=os.pathsep.join(path)))
