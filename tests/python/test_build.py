# SPDX-License-Identifier: MIT
"""set_source() and compile(): modules made by the C compiler.

One large module of every kind of declaration is compiled as C and as C++ and
called; its text compiles without a warning by every compiler at hand. Small ones
follow for what needs a module of its own.
"""

import importlib.util
import io
import os
import shutil
import subprocess
import sys
import sysconfig

import pytest

from jiffi import FFI, PkgConfigError, VerificationError

QUICK = {"extra_compile_args": ["-O0", "-w"]}
STRICT = ["-Wall", "-Wextra", "-Wconversion", "-Werror"]

CDEF = r"""
    typedef struct { int x, y; } point;
    typedef int... handle;
    typedef float... real;
    typedef ... hidden;
    typedef ... *secret;
    typedef struct { int number; ...; } *boxed;
    enum color { RED, GREEN = 5, BLUE = ... };
    typedef enum { LOW = -2, HIGH } level;
    struct partial { short last; const char *name; ...; };
    struct lengths { int a[...]; int b[...][3]; ...; };
    struct whole { unsigned char c; unsigned bits : 3; double d[2]; };
    struct outer { int before; struct { int in; char more[2]; } inner;
                   union { int i; float f; }; };
    struct tail { int n; char text[]; };
    typedef int row[...];
    typedef int matrix[...][...];
    struct pointers { row *r; matrix *m; };

    int add(int a, int b);
    long long add_all(signed char a, unsigned char b, short c, unsigned short d,
                      unsigned e, long f, unsigned long g, long long h);
    void nothing(void);
    int answer(void);
    _Bool is_not(_Bool b);
    char next_char(char c);
    float half(float f);
    double fma3(double a, double b, double c);
    long double wide(long double x);
    const char *skip(const char *s, int n);
    int sum(const int *items, int n);
    point move(point p, int dx);
    struct whole *identity(struct whole *w);
    enum color mix(enum color a, level b);
    handle same_handle(handle h);
    real same_real(real r);
    hidden *make_hidden(void);
    int use_hidden(hidden *h);
    secret make_secret(void);
    int use_secret(secret s);
    int call(int (*f)(int), int x);
    int (*get(void))(int);
    int variadic(int n, ...);
    int from_macro(int x);
    int x0(int x);
    int result(int args, int self);
    int fail(int code);
    int pick(row *r, matrix *m);
    row *same_row(row *r);

    #define FORTY_TWO 42
    #define MINUS ...
    #define HUGE_ONE ...
    #define BIT ...
    static const int SEVEN;
    static const double RATIO;
    static const char *const GREETING;
    static const point ORIGIN;

    extern int counter;
    extern const int fixed;
    extern int table[3];
    extern int open_table[...];
    extern const char *where;
    extern point corner;
"""

SOURCE = r"""
    #include <stdarg.h>
    #include <stdbool.h>
    #include <errno.h>
    #include <string.h>
    #ifdef __cplusplus
    extern "C" {
    #endif
    typedef struct { int x, y; } point;
    typedef unsigned short handle;
    typedef float real;
    typedef struct { int kept; } hidden;
    typedef struct { int kept; } *secret;
    typedef struct { double extra; int number; } *boxed;
    enum color { RED, GREEN = 5, BLUE = 77 };
    typedef enum { LOW = -2, HIGH } level;
    struct partial { char more[40]; const char *name; short last; };
    struct lengths { char c; int a[4]; int b[2][3]; };
    struct whole { unsigned char c; unsigned bits : 3; double d[2]; };
    struct outer { int before; struct { int in; char more[2]; } inner;
                   union { int i; float f; }; };
    struct tail { int n; char text[]; };
    typedef int row[6];
    typedef int matrix[2][7];
    struct pointers { row *r; matrix *m; };

    static int add(int a, int b) { return a + b; }
    static long long add_all(signed char a, unsigned char b, short c,
        unsigned short d, unsigned e, long f, unsigned long g, long long h)
    {
        return a + b + c + d + (long long)e + f + (long long)g + h;
    }
    static int count_calls;
    static void nothing(void) { count_calls++; }
    static int answer(void) { return 42; }
    static bool is_not(bool b) { return !b; }
    static char next_char(char c) { return (char)(c + 1); }
    static float half(float f) { return f / 2; }
    static double fma3(double a, double b, double c) { return a * b + c; }
    static long double wide(long double x) { return x + 1; }
    static const char *skip(const char *s, int n) { return s + n; }
    static int sum(const int *items, int n)
    {
        int all = 0;
        while (n--)
            all += *items++;
        return all;
    }
    static point move(point p, int dx) { p.x += dx; return p; }
    static struct whole *identity(struct whole *w) { return w; }
    static enum color mix(enum color a, level b) { return b == LOW ? a : BLUE; }
    static handle same_handle(handle h) { return h; }
    static real same_real(real r) { return r; }
    static hidden the_hidden = {123};
    static hidden *make_hidden(void) { return &the_hidden; }
    static int use_hidden(hidden *h) { return h->kept; }
    static secret make_secret(void) { return (secret)&the_hidden; }
    static int use_secret(secret s) { return s->kept; }
    static int call(int (*f)(int), int x) { return f(x); }
    static int twice(int x) { return 2 * x; }
    typedef int (*unary)(int);
    static unary get(void) { return twice; }
    static int variadic(int n, ...)
    {
        va_list args;
        int all = 0;
        va_start(args, n);
        while (n--)
            all += va_arg(args, int);
        va_end(args);
        return all;
    }
    #define from_macro(x) ((x) + 1000)
    static int x0(int x) { return x + 1; }
    static int result(int args, int self) { return args * self; }
    static int pick(row *r, matrix *m) { return (*r)[5] + (*m)[1][6]; }
    static row *same_row(row *r) { return r; }
    static int fail(int code) { errno = code; return -1; }

    #define FORTY_TWO 42
    #define MINUS (-3)
    #define HUGE_ONE 0xffffffffffffffffULL
    #define BIT (1u << 31)
    #define SEVEN 7
    #define RATIO 0.75
    #define GREETING "hello"
    static const point ORIGIN = {3, 4};

    static int counter = 10;
    static const int fixed = 11;
    static int table[3] = {1, 2, 3};
    static int open_table[5] = {5, 4, 3, 2, 1};
    static const char *where = "here";
    static point corner = {8, 9};
    #ifdef __cplusplus
    }
    #endif
"""


def declared(cdef, **kwds):
    ffi = FFI(**kwds)
    ffi.cdef(cdef)
    return ffi


def load(path, name):
    spec = importlib.util.spec_from_file_location(name, str(path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COUNT = iter(range(1000000))


def make(directory, cdef, source, extension=".c", gil="release", **kwds):
    """Compile and import."""
    name = "_build%d" % next(COUNT)
    ffi = declared(cdef, gil=gil)
    ffi.set_source(name, source, extension, **dict(QUICK, **kwds))
    return load(ffi.compile(tmpdir=str(directory)), name)


@pytest.fixture(scope="module", params=["C, release", "C, hold", "C++", "limited"])
def everything(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp("everything")
    if request.param == "C++":
        if not shutil.which("c++") and not shutil.which("g++"):
            pytest.skip("no C++ compiler")
        return make(directory, CDEF, SOURCE, ".cpp")
    if request.param == "limited":
        return make(directory, CDEF, SOURCE, py_limited_api=True)
    return make(directory, CDEF, SOURCE, gil=request.param.split()[1])


# --- no warning from any compiler ------------------------------------------------------


@pytest.mark.parametrize("compiler", [
    "gcc -std=c11", "clang -std=c11", "g++ -std=c++17", "clang++ -std=c++17"])
@pytest.mark.parametrize("limited", [False, True], ids=["full", "limited"])
def test_no_warnings(tmp_path, compiler, limited):
    command = compiler.split()
    if not shutil.which(command[0]):
        pytest.skip("no " + command[0])
    ffi = declared(CDEF + """
        extern "Python" int python_adds(int, point, long double, real);
        extern "Python+C" point python_makes(void);
    """)
    source = SOURCE + """
    static int python_adds(int, point, long double, real);
    extern point python_makes(void);
    int user(void); int user(void) { return python_adds(1, corner, 2, 3); }
    """
    ffi.set_source("pkg.warnings", source, py_limited_api=limited)
    path = tmp_path / ("warnings.cpp" if "++" in compiler else "warnings.c")
    ffi.emit_c_code(str(path))
    done = subprocess.run(
        command + STRICT + ["-fsyntax-only", "-O1", str(path),
                            "-I" + sysconfig.get_path("include")],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout


# --- calls -----------------------------------------------------------------------------


@pytest.mark.parametrize("name, arguments, expected", [
    ("add", (1000, -2000), -1000),
    ("add", (2**31 - 1, -1), 2**31 - 2),
    ("add_all", (-1, 255, -3, 65535, 2**32 - 1, -5, 7, -2**40),
     -1 + 255 - 3 + 65535 + 2**32 - 1 - 5 + 7 - 2**40),
    ("nothing", (), None),
    ("answer", (), 42),
    ("is_not", (True,), False),
    ("is_not", (0,), True),
    ("next_char", (b"a",), b"b"),
    ("half", (3,), 1.5),
    ("half", (0.5,), 0.25),
    ("fma3", (1.5, 2, 0.25), 3.25),
    ("sum", ([1, 2, 3], 3), 6),
    ("mix", (5, -2), 5),
    ("mix", (0, -1), 77),
    ("same_handle", (65535,), 65535),
    ("same_real", (0.5,), 0.5),
    ("from_macro", (1,), 1001),
    ("x0", (5,), 6),
    ("result", (6, 7), 42),
])
def test_call(everything, name, arguments, expected):
    value = getattr(everything.lib, name)(*arguments)
    assert value == expected and type(value) is type(expected)


@pytest.mark.parametrize("name, arguments, error, words", [
    ("add", (1,), TypeError, "expects 2 arguments, got 1"),
    ("add", (1, "x"), TypeError, "add() argument 2"),
    ("add", (1.5, 1), TypeError, "add() argument 1"),
    ("add", (2**31, 1), OverflowError, "2147483648 does not fit 'int'"),
    ("add_all", (128, 0, 0, 0, 0, 0, 0, 0), OverflowError, "does not fit"),
    ("add_all", (0, -1, 0, 0, 0, 0, 0, 0), OverflowError, "does not fit"),
    ("add_all", (0, 0, 0, 65536, 0, 0, 0, 0), OverflowError, "does not fit"),
    ("same_handle", (65536,), OverflowError, "does not fit"),
    ("same_handle", (-1,), OverflowError, "does not fit"),
    ("is_not", (2,), OverflowError, "does not fit"),
    ("half", ("x",), TypeError, "half() argument 1"),
    ("sum", ([1, "x"], 2), TypeError, "sum() argument 1"),
    ("move", (1, 2), TypeError, "move() argument 1"),
    ("answer", (1,), TypeError, "expects 0 arguments"),
    ("x0", (1, 2), TypeError, "exactly one argument"),
])
def test_bad_arguments(everything, name, arguments, error, words):
    with pytest.raises(error) as e:
        getattr(everything.lib, name)(*arguments)
    assert words in str(e.value)


def test_pointers(everything):
    ffi, lib = everything.ffi, everything.lib
    text = ffi.new("char[]", b"abcdef")
    assert ffi.string(lib.skip(text, 2)) == b"cdef"
    w = ffi.new("struct whole *")
    assert lib.identity(w) == w
    assert lib.identity(ffi.NULL) == ffi.NULL
    with pytest.raises(TypeError):
        lib.identity(text)
    assert lib.use_hidden(lib.make_hidden()) == 123
    assert lib.use_secret(lib.make_secret()) == 123
    assert lib.call(ffi.callback("int(int)", lambda x: x * 5), 3) == 15
    assert lib.call(lib.get(), 21) == 42
    assert lib.call(lib.x0, 1) == 2  # a function of the library as a pointer
    assert lib.call(ffi.addressof(lib, "from_macro"), 1) == 1001


def test_records_by_value(everything):
    p = everything.lib.move({"x": 1, "y": 2}, 10)
    assert (p.x, p.y) == (11, 2)
    assert float(everything.lib.wide(1)) == 2


def test_pointers_to_arrays(everything):
    ffi, lib = everything.ffi, everything.lib
    assert ffi.sizeof("row") == 24
    assert ffi.typeof("matrix").item is ffi.typeof("int[7]")
    r = ffi.new("row *", [0, 0, 0, 0, 0, 40])
    m = ffi.new("int[2][7]")
    m[1][6] = 2
    assert lib.pick(r, ffi.cast("matrix *", m)) == 42
    assert lib.same_row(r)[0][5] == 40


def test_variadic(everything):
    ints = [everything.ffi.cast("int", i) for i in (1, 2, 3)]
    assert everything.lib.variadic(3, *ints) == 6


def test_errno(everything):
    everything.ffi.errno = 0
    assert everything.lib.fail(33) == -1
    assert everything.ffi.errno == 33


def test_builtin(everything):
    f = everything.lib.add
    assert type(f) is type(len) and f.__name__ == "add"
    assert f.__doc__.startswith("int add(int a, int b)")
    assert everything.ffi.typeof(f).cname == "int(*)(int, int)"


# --- what the compiler knows ------------------------------------------------------------


def test_types(everything):
    ffi = everything.ffi
    assert ffi.sizeof("handle") == 2 and int(ffi.cast("handle", -1)) == 65535
    assert ffi.sizeof("real") == 4
    assert ffi.sizeof("struct partial") == 56
    assert ffi.offsetof("struct partial", "name") == 40
    assert ffi.offsetof("struct partial", "last") == 48
    assert ffi.sizeof("struct lengths") == 44
    assert ffi.typeof("struct lengths").fields[0][1].type.length == 4
    assert ffi.typeof("struct lengths").fields[1][1].type.length == 2
    box = ffi.typeof("boxed").item
    assert ffi.sizeof(box) == 16 and ffi.offsetof(box, "number") == 8
    assert ffi.offsetof("struct outer", "inner", "more") == 8
    with pytest.raises((TypeError, ffi.error)):
        ffi.new("hidden *")


@pytest.mark.parametrize("name, expected", [
    ("RED", 0), ("GREEN", 5), ("BLUE", 77), ("LOW", -2), ("HIGH", -1),
    ("FORTY_TWO", 42), ("MINUS", -3), ("HUGE_ONE", 2**64 - 1), ("BIT", 2**31),
    ("SEVEN", 7), ("RATIO", 0.75), ("counter", 10), ("fixed", 11)])
def test_constants(everything, name, expected):
    assert getattr(everything.lib, name) == expected


def test_other_constants(everything):
    assert everything.ffi.string(everything.lib.GREETING) == b"hello"
    assert everything.lib.ORIGIN.y == 4


def test_variables(everything):
    ffi, lib = everything.ffi, everything.lib
    lib.counter = 99
    assert lib.counter == 99 and ffi.addressof(lib, "counter")[0] == 99
    lib.counter = 10
    assert list(lib.table) == [1, 2, 3]
    assert len(lib.open_table) == 5 and lib.open_table[4] == 1
    assert ffi.string(lib.where) == b"here"
    lib.corner.x = 80
    assert lib.corner.x == 80


# --- headers that disagree ---------------------------------------------------------------


@pytest.mark.parametrize("cdef, source, words", [
    ("struct s { int a; };", "struct s { long a, b; };", "struct s"),
    ("struct s { int a, b; };", "struct s { int b, a; };", "a"),
    ("typedef struct { char c; } t;", "typedef struct { int c; } t;", "t"),
])
def test_disagreeing_record(tmp_path, cdef, source, words):
    """Whenever it is said: at the latest when the type is used."""
    name = cdef.split()[1] if not cdef.startswith("typedef") else "t"
    with pytest.raises(Exception) as e:
        module = make(tmp_path, cdef, source)
        module.ffi.new("struct s *" if name == "s" else "t *")
    assert words in str(e.value) and not isinstance(e.value, AssertionError)


def test_disagreeing_constant(tmp_path):
    module = make(tmp_path, "#define A 5\n#define B 6", "#define A 5\n#define B 7")
    assert module.lib.A == 5
    with pytest.raises(module.ffi.error, match="B"):
        module.lib.B


@pytest.mark.parametrize("cdef, source", [
    ("struct s { char *p; };", "struct s { long p; };"),
    ("struct s { int a; };", "struct s { int b; };"),
    ("typedef int... t;", "typedef double t;"),
    ("#define X ...", "#define X 1.5"),
    ("int f(int);", "int f(char *p) { return *p; }"),
    ("extern int v;", "char *v;"),
])
def test_does_not_compile(tmp_path, cdef, source):
    ffi = declared(cdef)
    ffi.set_source("_disagrees", source, extra_compile_args=["-Werror"])
    with pytest.raises(VerificationError):
        ffi.compile(tmpdir=str(tmp_path))


# --- include -------------------------------------------------------------------------------


def test_include(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    base = declared("typedef struct { int v; } shared; int get_v(shared *);\n"
                    "#define SHARED 5\ntypedef int... number;")
    base.set_source("_included_base", """
        typedef struct { int v; } shared; typedef short number;
        static int get_v(shared *s) { return s->v; }
        #define SHARED 5
    """, **QUICK)
    user = FFI()
    user.include(base)
    user.cdef("void set_v(shared *, int); number same(number);")
    user.set_source("_included_user", """
        typedef struct { int v; } shared; typedef short number;
        static void set_v(shared *s, int v) { s->v = v; }
        static number same(number n) { return n; }
    """, **QUICK)
    base.compile(tmpdir=str(tmp_path))
    user.compile(tmpdir=str(tmp_path))
    import _included_user
    import _included_base
    s = _included_user.ffi.new("shared *")
    _included_user.lib.set_v(s, 12)
    assert _included_base.lib.get_v(s) == 12
    assert _included_user.ffi.typeof("shared") is _included_base.ffi.typeof("shared")
    assert _included_user.lib.same(-4) == -4
    assert _included_user.lib.SHARED == 5


def test_include_of_an_opaque_struct():
    """Its members would belong to the FFI that goes first."""
    base = declared("struct later; struct later *f(void);")
    user = FFI()
    user.include(base)
    for _ in range(2):
        with pytest.raises(NotImplementedError, match="'struct later' is opaque in the"):
            user.cdef("int g(void); struct later { int x; };")
    user.cdef("int g(void);")
    base.cdef("struct later { int x; };")
    assert user.sizeof("struct later") == 4


def test_include_without_set_source():
    base = declared("typedef int number;")
    user = FFI()
    user.include(base)
    user.set_source("_no_base", "")
    with pytest.raises(VerificationError, match="has not been prepared with set_source"):
        user.emit_c_code(io.StringIO())


def test_include_of_python_module():
    base = declared("typedef int number;")
    base.set_source("_python_base", None)
    user = FFI()
    user.include(base)
    user.set_source("_c_user", "")
    with pytest.raises(VerificationError, match="Python-based"):
        user.emit_c_code(io.StringIO())


# --- files -----------------------------------------------------------------------------------


def test_package_and_sources(tmp_path, monkeypatch):
    (tmp_path / "more.c").write_text("int elsewhere(void) { return VALUE; }")
    (tmp_path / "headers").mkdir()
    (tmp_path / "headers" / "elsewhere.h").write_text("int elsewhere(void);")
    ffi = declared("int elsewhere(void);")
    ffi.set_source("pkg_b.mod", '#include "elsewhere.h"', sources=["more.c"],
                   include_dirs=["headers"], define_macros=[("VALUE", "8")])
    path = ffi.compile(tmpdir=str(tmp_path))
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    assert path == str(tmp_path / "pkg_b" / ("mod" + suffix))
    (tmp_path / "pkg_b" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    from pkg_b.mod import lib
    assert lib.elsewhere() == 8


@pytest.mark.parametrize("target, expected", [
    ("*", "_target0" + sysconfig.get_config_var("EXT_SUFFIX")),
    ("foo.*", "foo.so"), ("bar.baz", "bar.baz")])
def test_target(tmp_path, target, expected):
    ffi = FFI()
    ffi.set_source("_target0", "", **QUICK)
    path = ffi.compile(tmpdir=str(tmp_path), target=target)
    assert path == str(tmp_path / expected) and os.path.exists(path)


def test_without_setuptools(tmp_path, monkeypatch):
    """The compiler is called directly, with the same result."""
    from jiffi.build import compiler
    monkeypatch.setattr(compiler, "have_setuptools", lambda: False)
    (tmp_path / "more.c").write_text("int elsewhere(void) { return VALUE; }")
    ffi = declared("int elsewhere(void); double cos(double);")
    ffi.set_source("pkg_d.mod", "#include <math.h>\nint elsewhere(void);",
                   sources=["more.c"], define_macros=[("VALUE", "8")],
                   libraries=["m"], **QUICK)
    path = ffi.compile(tmpdir=str(tmp_path))
    assert path.startswith(str(tmp_path / "pkg_d"))
    lib = load(path, "pkg_d.mod").lib
    assert lib.elsewhere() == 8 and lib.cos(0) == 1


def test_unchanged_file_is_left(tmp_path):
    ffi = declared("int f(void);")
    ffi.set_source("_same", "int f(void) { return 1; }")
    path = tmp_path / "same.c"
    ffi.emit_c_code(str(path))
    os.utime(str(path), (1, 1))
    ffi.emit_c_code(str(path))
    assert path.stat().st_mtime == 1
    out = io.StringIO()
    ffi.emit_c_code(out)
    assert out.getvalue() == path.read_text()
    assert sorted(os.listdir(str(tmp_path))) == ["same.c"]


def test_emit_is_refused_for_the_other_mode():
    ffi = FFI()
    ffi.set_source("_c", "")
    with pytest.raises(TypeError, match="emit_python_code"):
        ffi.emit_python_code(io.StringIO())
    ffi = FFI()
    ffi.set_source("_py", None)
    with pytest.raises(TypeError, match="emit_c_code"):
        ffi.emit_c_code(io.StringIO())
    with pytest.raises(TypeError, match="distutils_extension"):
        ffi.distutils_extension()


def test_distutils_extension(tmp_path, capsys):
    pytest.importorskip("setuptools")
    ffi = declared("int f(void);")
    ffi.set_source("pkg.ext", "int f(void) { return 1; }", libraries=["m"])
    where = str(tmp_path / "out")
    ext = ffi.distutils_extension(where)
    assert ext.name == "pkg.ext" and ext.libraries == ["m"]
    assert ext.sources == [os.path.join(where, "pkg", "ext.c")]
    assert "regenerated" in capsys.readouterr().err
    ffi.distutils_extension(where)
    assert "not modified" in capsys.readouterr().err


def test_keywords_are_not_changed(tmp_path):
    libraries = ["m"]
    ffi = FFI()
    ffi.set_source("_kept", "", libraries=libraries, **QUICK)
    ffi.compile(tmpdir=str(tmp_path))
    assert libraries == ["m"] and ffi._assigned_source[3]["libraries"] == ["m"]


def test_warnings_of_the_compiler_are_shown(tmp_path, capfd):
    ffi = FFI()
    ffi.set_source("_warned", "#warning see this line")
    ffi.compile(tmpdir=str(tmp_path))
    assert "see this line" in capfd.readouterr().err


def test_name_that_is_not_ascii(tmp_path):
    ffi = declared("int f(void);")
    ffi.set_source("_größe", "int f(void) { return 3; }", **QUICK)
    assert load(ffi.compile(tmpdir=str(tmp_path)), "_größe").lib.f() == 3


# --- pkg-config --------------------------------------------------------------------------------


def fake_pkgconfig(directory, script):
    path = directory / "pkg-config"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)


def test_pkgconfig(tmp_path, monkeypatch):
    fake_pkgconfig(tmp_path, """
        test "$1" = --print-errors || exit 9
        case "$2" in
        --cflags) echo "-I/inc/$3 -DNAME=$3 -DPLAIN -O1";;
        --libs) echo "-L/lib/$3 -l$3 -Wl,-s";;
        esac
    """)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    ffi = FFI()
    ffi.set_source_pkgconfig("_pkgs", ["a", "b"], "", libraries=["own"])
    assert ffi._assigned_source[3] == {
        "libraries": ["own", "a", "b"],
        "include_dirs": ["/inc/a", "/inc/b"],
        "library_dirs": ["/lib/a", "/lib/b"],
        "define_macros": [("NAME", "a"), ("PLAIN", None), ("NAME", "b"),
                          ("PLAIN", None)],
        "extra_compile_args": ["-O1", "-O1"],
        "extra_link_args": ["-Wl,-s", "-Wl,-s"]}


@pytest.mark.parametrize("script, words", [
    ("echo no such package: $3 >&2; exit 1", "no such package: a"),
    ("echo '-Ia\\\\ b'", "backslash"),
])
def test_pkgconfig_errors(tmp_path, monkeypatch, script, words):
    fake_pkgconfig(tmp_path, script)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    ffi = FFI()
    with pytest.raises(PkgConfigError, match=words):
        ffi.set_source_pkgconfig("_pkgs", ["a"], "")
    ffi.set_source("_pkgs", "")  # nothing was kept of it


def test_no_pkgconfig(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PkgConfigError, match="cannot run pkg-config"):
        FFI().set_source_pkgconfig("_pkgs", ["a"], "")
    with pytest.raises(TypeError, match="must be a list"):
        FFI().set_source_pkgconfig("_pkgs", "a", "")


# --- cost -----------------------------------------------------------------------------------------


def test_import_stays_cheap():
    """Nothing of the generator is imported before it is used."""
    code = ("import sys, jiffi; f = jiffi.FFI(); f.cdef('int abs(int);');"
            "f.dlopen(None).abs(-1);"
            "print([m for m in sys.modules if m.startswith('jiffi.')])")
    out = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE,
                         text=True, check=True).stdout
    assert out.strip() == "['jiffi._jiffi']"
