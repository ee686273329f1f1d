# SPDX-License-Identifier: MIT
"""ffi.inline(): C in a Python file, and its cache."""

import importlib.util
import os
import subprocess
import sys
import textwrap
import time

import pytest

import jiffi
from jiffi import FFI, VerificationError

QUICK = {"extra_compile_args": ["-O0"]}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    directory = tmp_path / "cache"
    monkeypatch.setenv("JIFFI_CACHE", str(directory))
    return directory


def declared(cdef, **kwds):
    ffi = FFI(**kwds)
    ffi.cdef(cdef)
    return ffi


def entries(cache):
    return sorted(p.name for p in cache.iterdir()) if cache.exists() else []


@pytest.fixture
def compiler_runs(monkeypatch):
    """A list that grows with every compilation."""
    from jiffi.build import direct
    runs, build = [], direct.build

    def counted(*args, **kwds):
        runs.append(args)
        return build(*args, **kwds)

    monkeypatch.setattr(direct, "build", counted)
    return runs


def test_add(cache):
    ffi = declared("int add(int a, int b);")
    lib = ffi.inline("int add(int a, int b) { return a + b; }", **QUICK)
    assert lib.add(2, 3) == 5
    (entry,) = entries(cache)
    assert entry.startswith("_jiffi_")
    assert {"check", "module.c"} < set(os.listdir(str(cache / entry)))


def test_types_are_those_of_the_ffi():
    ffi = declared("typedef struct { int x; ...; } P; int get(P *); P make(int);")
    lib = ffi.inline("""
        typedef struct { double first; int x; } P;
        static int get(P *p) { return p->x; }
        static P make(int x) { P p = {0, x}; return p; }
    """, **QUICK)
    assert ffi.sizeof("P") == 16 and ffi.offsetof("P", "x") == 8
    assert lib.get(ffi.new("P *", {"x": 7})) == 7
    p = lib.make(8)
    assert ffi.typeof(p) is ffi.typeof("P") and p.x == 8
    assert lib.get(ffi.addressof(p)) == 8


def test_second_library_of_the_same_ffi():
    ffi = declared("typedef struct { int x; } P; P make(int);")
    first = ffi.inline("typedef struct { int x; } P; P make(int x) { P p = {x}; return p; }",
                       **QUICK)
    ffi.cdef("int get(P *);")
    second = ffi.inline("typedef struct { int x; } P; int get(P *p) { return p->x; }",
                        **QUICK)
    p = first.make(9)
    assert second.get(ffi.addressof(p)) == 9
    assert first.make(3).x == 3


def test_include():
    base = declared("typedef struct { int x; } P;")
    base.inline("typedef struct { int x; } P;", **QUICK)
    ffi = FFI()
    ffi.include(base)
    ffi.cdef("int get(P *);")
    lib = ffi.inline("typedef struct { int x; } P; int get(P *p) { return p->x; }",
                     **QUICK)
    assert lib.get(base.new("P *", [4])) == 4


def test_everything_else_of_a_library():
    ffi = declared("""
        #define N ...
        extern int counter;
        extern "Python" int python(int);
        int use(int);
    """)
    lib = ffi.inline("""
        #define N 12
        static int counter = 3;
        static int python(int);
        static int use(int x) { return python(x) + counter; }
    """, **QUICK)
    assert lib.N == 12 and lib.counter == 3

    @ffi.def_extern()
    def python(x):
        return x * 10

    lib.counter = 4
    assert lib.use(2) == 24


def test_cxx():
    ffi = declared("int shortest(int, int);")
    lib = ffi.inline("""
        #include <algorithm>
        static int shortest(int a, int b) { return std::min(a, b); }
    """, source_extension=".cpp", **QUICK)
    assert lib.shortest(4, 3) == 3


def test_module_function():
    lib = jiffi.inline("int add(int, int);", "int add(int a, int b) { return a + b; }",
                       **QUICK)
    assert lib.add(1, 2) == 3


# --- what is compiled again and what is not ------------------------------------------------

ADD = "int add(int a, int b) { return a + b; }"


def make(source=ADD, cdef="int add(int a, int b);", gil="release", **kwds):
    return declared(cdef, gil=gil).inline(source, **dict(QUICK, **kwds))


def test_hit(cache, compiler_runs):
    for i in range(3):
        assert make().add(i, 1) == i + 1
    assert len(compiler_runs) == 1 and len(entries(cache)) == 1


@pytest.mark.parametrize("other", [
    {"source": ADD + " "},
    {"cdef": "int add(int, int);"},
    {"gil": "hold"},
    {"define_macros": [("X", "1")]},
    {"extra_compile_args": ["-O1"]},
    {"libraries": ["m"]},
], ids=str)
def test_miss(cache, compiler_runs, other):
    make()
    assert make(**other).add(1, 1) == 2
    assert len(compiler_runs) == 2 and len(entries(cache)) == 2


@pytest.mark.parametrize("keyword", ["sources", "depends"])
def test_files_that_change(tmp_path, compiler_runs, keyword):
    path = tmp_path / "more.c"
    for number in (1, 22):
        path.write_text("int more(void) { return %d; }\n" % number)
        source = "int more(void);" if keyword == "sources" else '#include "more.c"'
        kwds = {keyword: [str(path)], "include_dirs": [str(tmp_path)]}
        for _ in range(2):
            assert make(source, "int more(void);", **kwds).more() == number
    assert len(compiler_runs) == 2


@pytest.mark.parametrize("variable", ["CFLAGS", "CPPFLAGS", "LDFLAGS"])
def test_environment(compiler_runs, monkeypatch, variable):
    make()
    monkeypatch.setenv(variable, "-g")
    make()
    assert len(compiler_runs) == 2


def test_another_compiler(tmp_path, compiler_runs, monkeypatch):
    """A compiler that changes, under the same name, is another one."""
    import sysconfig
    cc = sysconfig.get_config_var("CC")
    script = tmp_path / "cc"
    for text in ("#!/bin/sh\nexec %s \"$@\"\n", "#!/bin/sh\n# new\nexec %s \"$@\"\n"):
        script.write_text(text % cc)
        script.chmod(0o755)
        monkeypatch.setenv("CC", str(script))
        make()
        make()
    assert len(compiler_runs) == 2


def test_no_compiler_on_a_hit(tmp_path):
    """The second process does not even look for the generator."""
    program = textwrap.dedent("""
        import sys, subprocess
        from jiffi import FFI
        ffi = FFI(); ffi.cdef("int add(int a, int b);")
        if len(sys.argv) > 1:
            subprocess.Popen = None
        print(ffi.inline(%r, extra_compile_args=["-O0"]).add(1, 2))
        print([m for m in ("jiffi.build", "subprocess", "setuptools", "tempfile")
               if m in sys.modules and len(sys.argv) > 1 and m != "subprocess"])
    """ % ADD)
    for args in ([], ["hit"]):
        out = subprocess.run([sys.executable, "-c", program] + args, text=True,
                             stdout=subprocess.PIPE, check=True).stdout
        assert out == "3\n[]\n"


def test_read_only_cache_with_the_entry(cache, compiler_runs):
    make()
    os.chmod(str(cache), 0o500)
    try:
        assert make().add(1, 2) == 3
    finally:
        os.chmod(str(cache), 0o700)
    assert len(compiler_runs) == 1


# --- races and damage -------------------------------------------------------------------------


def test_race(cache):
    """Processes that all start at the same moment, and find nothing."""
    go = time.time() + 1.5
    program = textwrap.dedent("""
        import time
        from jiffi import FFI
        ffi = FFI(); ffi.cdef("int add(int a, int b);")
        time.sleep(max(0, %r - time.time()))
        print(ffi.inline(%r, extra_compile_args=["-O0"]).add(1, 2))
    """ % (go, ADD))
    running = [subprocess.Popen([sys.executable, "-W", "error", "-c", program],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True) for _ in range(4)]
    assert [p.communicate()[0] for p in running] == ["3\n"] * 4
    assert len(entries(cache)) == 1


@pytest.mark.parametrize("broken", ["check", "module.so", "both", "empty"])
def test_broken_entry(cache, compiler_runs, broken):
    make()
    (entry,) = entries(cache)
    directory = cache / entry
    shared = [p for p in directory.iterdir() if p.name.endswith((".so", ".pyd"))][0]
    if broken in ("check", "both", "empty"):
        (directory / "check").unlink()
    if broken in ("module.so", "both"):
        copy = shared.read_bytes()[:1000]
        shared.unlink()  # it is loaded: not to be written into
        shared.write_bytes(copy)
    if broken == "empty":
        for path in directory.iterdir():
            path.unlink()
    assert make().add(1, 2) == 3
    assert len(compiler_runs) == 2 and entries(cache) == [entry]
    assert make().add(1, 2) == 3
    assert len(compiler_runs) == 2


def test_failure_leaves_nothing(cache):
    with pytest.raises(VerificationError, match="CompileError"):
        make("int add(int a, int b) { return a + ; }")
    assert entries(cache) == []
    assert make().add(1, 2) == 3


def test_directories(monkeypatch, tmp_path):
    from jiffi._inline import cache_directory
    monkeypatch.delenv("JIFFI_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_directory() == str(tmp_path / "xdg" / "jiffi")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_directory() == str(tmp_path / "home" / ".cache" / "jiffi")


# --- errors --------------------------------------------------------------------------------------


def test_line_in_an_imported_file(tmp_path):
    path = tmp_path / "with_c.py"
    path.write_text(textwrap.dedent('''\
        from jiffi import FFI

        SOURCE = """
        int f(void)
        {
            return missing;
        }
        """

        def go():
            ffi = FFI()
            ffi.cdef("int f(void);")
            ffi.inline(SOURCE)
    '''))
    spec = importlib.util.spec_from_file_location("with_c", str(path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(VerificationError) as e:
        module.go()
    assert "%s:6:" % path in str(e.value) and "missing" in str(e.value)


def test_generated_text_is_named_too():
    """A text that stands nowhere in the file: its own lines are counted."""
    with pytest.raises(VerificationError, match=r"C source of ffi\.inline\(\)>:4:\d+: error"):
        make("\n".join(["int add(int a, int b)", "{", "return a +", "; }"]))


@pytest.mark.parametrize("source", [None, b"int f;", 5])
def test_source_type(source):
    with pytest.raises(TypeError, match="source must be a str"):
        FFI().inline(source)


def test_unknown_keyword():
    with pytest.raises(VerificationError, match="no_such_keyword"):
        make(no_such_keyword=1)
