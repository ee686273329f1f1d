# SPDX-License-Identifier: MIT
"""jiffi under cffi's names: how it gets there, and where it behaves as cffi does.

Every test is a process of its own: in this one, `cffi` may be another package.
"""

import os
import subprocess
import sys
import textwrap

import pytest

import jiffi
import jiffi.dropin

PACKAGES = os.path.dirname(os.path.dirname(os.path.abspath(jiffi.__file__)))


def environment(*path):
    env = dict(os.environ)
    env["PYTHONPATH"] = os.pathsep.join(path)
    return env


def run(code, *path, status=0, arguments=("-c",), cwd=None):
    """What the program prints; `path` is its PYTHONPATH."""
    done = subprocess.run([sys.executable] + list(arguments) + [textwrap.dedent(code)]
                          if code is not None else
                          [sys.executable] + list(arguments),
                          env=environment(*path), cwd=cwd, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    assert done.returncode == status, done.stdout
    return done.stdout.strip()


def dropin(code):
    """With the drop-in's directory first on the path, and jiffi on it."""
    return run(code, jiffi.dropin.path(), PACKAGES)


OURS = """
import cffi, _cffi_backend
assert cffi.__jiffi__ and _cffi_backend.__jiffi__
assert cffi.__version__ == _cffi_backend.__version__
print("ours")
"""


def a_program(tmp_path, name="program.py"):
    path = tmp_path / name
    path.write_text("import sys, os\n" + OURS +
                    "print(__name__, sys.argv[1:], sys.path[0])\n")
    return str(path)


# --- the ways to it ---------------------------------------------------------------


def test_path():
    directory = jiffi.dropin.path()
    assert sorted(n for n in os.listdir(directory) if not n.startswith("__")
                  and n != "meson.build") == ["_cffi_backend.py", "cffi"]
    assert run(OURS, directory) == "ours"  # jiffi itself is not on the path


def test_path_finds_jiffi():
    # what needs jiffi.build works where only the one directory is on the path
    assert run("import cffi; import jiffi, cffi.recompiler; print(jiffi.__file__)",
               jiffi.dropin.path()) == os.path.abspath(jiffi.__file__)


def test_child_inherits():
    assert run("""
        import subprocess, sys
        subprocess.check_call([sys.executable, "-c", %r])
        """ % OURS, jiffi.dropin.path()) == "ours"


def test_install():
    assert run("import jiffi.dropin; jiffi.dropin.install()\n" + OURS,
               PACKAGES) == "ours"


def test_install_twice_keeps_one_entry():
    assert run("""
        import sys, jiffi.dropin
        jiffi.dropin.install(); jiffi.dropin.install()
        print(sys.path.count(jiffi.dropin.path()))
        """, PACKAGES) == "1"


def test_install_for_children():
    assert run("""
        import subprocess, sys, jiffi.dropin
        jiffi.dropin.install(children=True)
        subprocess.check_call([sys.executable, "-c", %r])
        """ % OURS, PACKAGES) == "ours"


@pytest.mark.parametrize("name", ["cffi", "_cffi_backend"])
def test_install_too_late(tmp_path, name):
    (tmp_path / (name + ".py")).write_text("__version__ = '1.0'\n")
    text = run("""
        import %s, jiffi.dropin
        try:
            jiffi.dropin.install()
        except ImportError as e:
            print(e.name, e)
        assert jiffi.dropin.path() not in __import__("sys").path
        """ % name, str(tmp_path), PACKAGES)
    assert text.startswith("%s jiffi.dropin.install(): '%s' was imported before, from "
                           "%s" % (name, name, tmp_path))


def test_run_script(tmp_path):
    path = a_program(tmp_path)
    out = run(None, PACKAGES, arguments=["-m", "jiffi.dropin", path, "a", "-b"])
    assert out.split("\n") == ["ours", "__main__ ['a', '-b'] %s" % tmp_path]


def test_run_module(tmp_path):
    a_program(tmp_path, "prog_of_dropin.py")
    out = run(None, PACKAGES, cwd=str(tmp_path),
              arguments=["-m", "jiffi.dropin", "-m", "prog_of_dropin", "x"])
    assert out.split("\n")[0] == "ours"
    assert "__main__ ['x']" in out


def test_run_code():
    out = run(None, PACKAGES, arguments=["-m", "jiffi.dropin", "-c", OURS +
                                         "import sys; print(__name__, sys.argv)", "z"])
    assert out == "ours\n__main__ ['-c', 'z']"


@pytest.mark.parametrize("arguments, text", [
    ([], "usage: python -m jiffi.dropin"),
    (["-m"], "argument expected for the -m option"),
    (["-x"], "unknown option -x"),
])
def test_run_badly(arguments, text):
    for status in (1, 2):
        done = subprocess.run([sys.executable, "-m", "jiffi.dropin"] + arguments,
                              env=environment(PACKAGES), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    assert done.returncode in (1, 2) and text in done.stdout


def test_import_is_cheap():
    extra = dropin("""
        import sys
        before = set(sys.modules)
        import cffi
        cffi.FFI().cdef("int f(int);")
        print(*sorted(set(sys.modules) - before))
        """).split()
    assert set(extra) <= {"cffi", "cffi.api", "cffi.error", "_cffi_backend"}


# --- the package -----------------------------------------------------------------------


def test_names():
    assert dropin("""
        import cffi, _cffi_backend
        assert cffi.FFI is cffi.api.FFI
        for name in ("CDefError", "FFIError", "VerificationError",
                     "VerificationMissing", "PkgConfigError"):
            c = getattr(cffi, name)
            assert c.__module__ == "cffi" and c is getattr(cffi.error, name), c
            assert issubclass(c, Exception)
        assert not issubclass(cffi.CDefError, cffi.FFIError)
        assert not issubclass(cffi.FFIError, cffi.CDefError)
        print(cffi.FFI, cffi.__version_info__ == tuple(
            int(n) for n in cffi.__version__.split(".")))
        """) == "<class 'cffi.api.FFI'> True"


@pytest.mark.parametrize("name", [
    "api", "backend_ctypes", "cffi_opcode", "commontypes", "cparser", "error",
    "ffiplatform", "gen_src", "lock", "model", "pkgconfig", "recompiler",
    "setuptools_ext", "vengine_cpy", "vengine_gen"])
def test_submodules(name):
    assert dropin("""
        import cffi, importlib
        attribute = getattr(cffi, %r)
        assert importlib.import_module("cffi." + %r) is attribute
        print(attribute.__name__)
        """ % (name, name)) == "cffi." + name


@pytest.mark.parametrize("expression", [
    "cffi.cparser.Parser()", "cffi.model.PointerType(None)",
    "cffi.recompiler.Recompiler(None, 'x')"])
def test_internals_say_so(expression):
    assert "jiffi" in dropin("""
        import cffi
        try:
            %s
        except NotImplementedError as e:
            print(e)
        """ % expression)


# --- side by side ------------------------------------------------------------------------


def test_both_in_one_process():
    assert dropin("""
        import cffi, jiffi
        text = "struct point { int x, y; }; double fabs(double); int abs(int);"
        ours, theirs = jiffi.FFI(), cffi.FFI()
        for ffi in ours, theirs:
            ffi.cdef(text)
            lib = ffi.dlopen(None)
            assert lib.abs(-5) == 5 and lib.fabs(-2.5) == 2.5
        assert type(ours.dlopen(None).abs) is type(len)
        assert type(theirs.dlopen(None).abs) is theirs.CData
        assert ours.typeof("int") is not theirs.typeof("int")
        p = theirs.new("struct point *", [1, 2])
        for wrong in (lambda: ours.sizeof(p), lambda: ours.new("struct point *", p[0]),
                      lambda: ours.addressof(p[0])):
            try:
                wrong()
            except TypeError:
                continue
            raise AssertionError(wrong)
        assert not issubclass(cffi.CDefError, jiffi.CDefError)
        print("fine")
        """) == "fine"


# --- as cffi has it --------------------------------------------------------------------------


SAYS = """
import cffi
ffi = cffi.FFI()
try:
    %s
except Exception as e:
    print(type(e).__name__, e)
"""


@pytest.mark.parametrize("code, text", [
    ("ffi.cdef(' x y z ')", 'CDefError cannot parse "x y z"\n<cdef source string>:1:'),
    ("ffi.cdef('\\n\\nint f(;')",
     'CDefError cannot parse "int f(;"\n<cdef source string>:3:'),
    ("ffi.cdef('# 7 \"foo.h\"\\n a b c')", "CDefError parse error\nfoo.h:7:"),
    ("ffi.cdef('int f(...);')", "CDefError <cdef source string>:1: f: a function with "
     "only '(...)' as argument is not correct C"),
    ("ffi.cdef('void f(void) {}')",
     "CDefError <cdef source string>:1: unexpected <FuncDef>: this construct"),
    ("ffi.cdef('#define A \"x\"')",
     "CDefError only supports one of the following syntax:\n  #define A ..."),
    ("ffi.cdef('#define A 1.5')",
     "CDefError only supports one of the following syntax:\n  #define A ..."),
    ("ffi.cdef('typedef enum e t; enum e { A };')",
     "NotImplementedError enum e: the '{}' declaration should appear on the first"),
    ("ffi.typeof('nothing')", "CDefError unknown identifier 'nothing'"),
    ("ffi.cast('int[-5]', 0)", "ValueError"),
    ("ffi.cdef('struct s { float x:1; };'); ffi.new('struct s *')", "TypeError"),
    ("ffi.cdef('int abs(int);'); ffi.dlopen(None).abs()",
     "TypeError 'int(*)(int)' expects 1 arguments, got 0"),
    ("ffi.cdef('int abs(int);'); ffi.dlopen(None).abs('x')",
     "TypeError an integer is required"),
    ("ffi.cdef('int printf(char *, ...);'); ffi.dlopen(None).printf(b'%d', 5)",
     "TypeError argument 2 passed in the variadic part needs to be a cdata object "
     "(got int)"),
    ("ffi.cdef('static const float pi = 3.5;'); ffi.dlopen(None).pi",
     "NotImplementedError non-integer constant 'pi' cannot be accessed from a dlopen()"),
    ("ffi.cdef('union u { int a; }; union u abs(int);'); ffi.dlopen(None).abs(1)",
     "NotImplementedError ctype 'union u' not supported as return value by libffi.  "
     "Unions are only supported as return value if the function is 'API mode'"),
    ("ffi.cdef('struct b { int x:3; };'); ffi.callback('void(struct b)', print)",
     "NotImplementedError void(*)(struct b): callback with unsupported argument"),
    ("a = cffi.FFI(); a.cdef('struct s;'); ffi.include(a); "
     "ffi.cdef('struct s { int x; };'); ffi.new('struct s *')",
     "NotImplementedError 'struct s' is opaque in the ffi.include(), but no longer in"),
    ("ffi.cdef('enum a { A, ... }; enum b { A, ... };'); ffi.set_source('m', ''); "
     "ffi.emit_c_code('never_written.c')",
     "VerificationError duplicate declaration of const 'A'"),
    ("ffi.cdef('typedef struct { int x; } **sp; void f(sp);'); "
     "ffi.set_source('m', ''); ffi.emit_c_code('never_written.c')",
     "VerificationError cannot generate 'sp' in argument of f: unknown type name"),
])
def test_refusals(code, text):
    assert dropin(SAYS % code).startswith(text)


MODULE = """
import cffi, sys
ffi = cffi.FFI()
source = "typedef int t; struct a { void (*f)(t); }; struct b { int (*f)(struct b); };" \
         "struct c { void (*f)(struct d *); struct c *c; };"
ffi.cdef(source.replace("typedef int", "typedef ..."))
ffi.set_source("members_of_functions", "struct d;" + source)
where = %r
ffi.compile(where)
sys.path.insert(0, where)
from members_of_functions import ffi
for name in "abcab":
    try:
        print(len(ffi.typeof("struct " + name).fields))
    except Exception as e:
        print(type(e).__name__, str(e)[:32])
"""


def test_functions_with_records_by_value(tmp_path):
    # cffi lays out what a member's function takes by value: see byvalue.c
    where = str(tmp_path)
    lines = dropin(MODULE % where).splitlines()
    incomplete = "TypeError ctype 't' has incomplete type"
    endless = "RuntimeError type-building recursion too deep"
    assert lines == [incomplete, endless, "2", incomplete, endless]


def test_library_outlives_its_object():
    # functions are plain pointers: what drops the library must not unload it
    assert dropin("""
        import cffi, gc
        def get():
            ffi = cffi.FFI()
            ffi.cdef("double ceil(double);")
            return ffi.dlopen("m").ceil
        f = get()
        gc.collect()
        print(f(2.5))
        """) == "3.0"


def test_function_of_addressof():
    assert dropin("""
        import cffi
        ffi = cffi.FFI()
        ffi.cdef("int abs(int);")
        lib = ffi.dlopen(None)
        print(ffi.addressof(lib, "abs") == lib.abs, lib.abs(-3))
        """) == "True 3"
