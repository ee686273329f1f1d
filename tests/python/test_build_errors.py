# SPDX-License-Identifier: MIT
"""What can go wrong between a declaration and a compiled module.

Everything through the user's door: set_source, compile, import, inline. Each row
says what is done wrong and which words the answer has to have; afterwards the
same process compiles and runs something that is right.
"""

import importlib.util
import os
import pathlib
import re
import sys
import warnings

import pytest

from jiffi import FFI, CDefError, VerificationError

NAMES = iter("_errors%d" % i for i in range(1000000))
QUICK = {"extra_compile_args": ["-O0", "-w"]}


def load(path, name):
    """Import an extension module from where it is."""
    spec = importlib.util.spec_from_file_location(name, str(path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build(tmp_path, cdef, source, change=None, **kwds):
    """Compile (after `change` was made to the generated C) and import."""
    name = next(NAMES)
    ffi = FFI()
    ffi.cdef(cdef)
    if change is None:
        ffi.set_source(name, source, **dict(QUICK, **kwds))
        return load(ffi.compile(tmpdir=str(tmp_path)), name)
    ffi.set_source(name, source)
    generated = tmp_path / (name + "_generated.c")
    ffi.emit_c_code(str(generated))
    text = generated.read_text()
    changed = change(text)
    assert changed != text, "nothing to change in the generated C"
    generated.write_text(changed)
    return load(compiled(tmp_path, name, generated), name)


def compiled(tmp_path, name, c_file):
    """The C file as it is, compiled to an extension module."""
    from jiffi.build import direct
    output = tmp_path / (name + direct.module_suffix())
    direct.build([str(c_file)], str(output), {"extra_compile_args": ["-O0", "-w"]})
    return output


@pytest.fixture(autouse=True)
def goes_on(tmp_path, monkeypatch):
    """After every test something right can still be made."""
    monkeypatch.setenv("JIFFI_CACHE", str(tmp_path / "cache"))
    with monkeypatch.context() as own:
        yield own
    ffi = FFI()
    ffi.cdef("int right(int);")
    assert ffi.inline("int right(int n) { return n + 1; }", **QUICK).right(1) == 2


@pytest.fixture
def powerless():
    """Give up root's right to write everywhere, if we have it, for one test."""
    linux = FFI()
    linux.cdef("""
        struct cap_header { unsigned version; int pid; };
        struct cap_set { unsigned effective, permitted, inheritable; };
        int capget(struct cap_header *, struct cap_set *);
        int capset(struct cap_header *, const struct cap_set *);
    """)
    libc = linux.dlopen(None)
    header = linux.new("struct cap_header *", [0x20080522, 0])
    sets = linux.new("struct cap_set[2]")
    assert libc.capget(header, sets) == 0
    had = sets[0].effective
    sets[0].effective &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert libc.capset(header, sets) == 0
    yield
    sets[0].effective = had
    assert libc.capset(header, sets) == 0


def read_only(tmp_path):
    """A directory that nobody may write into; the powerless() fixture sees to root."""
    directory = tmp_path / "read-only"
    directory.mkdir()
    directory.chmod(0o500)
    return directory


# --- names ---------------------------------------------------------------------------


@pytest.mark.parametrize("name, words", [
    ("", "empty"),
    ("my-module", "'my-module' is no identifier"),
    ("pkg.", "a part of it is empty"),
    (".mod", "a part of it is empty"),
    ("pkg..mod", "a part of it is empty"),
    ("3d", "'3d' is no identifier"),
    ("pkg.class", "'class' is a keyword"),
    ("a b", "'a b' is no identifier"),
    ("pkg/mod", "use a dotted name"),
    ("a\0b", "no identifier"),
    ('x"); system("', "no identifier"),
])
def test_module_name(name, words):
    ffi = FFI()
    with pytest.raises(ValueError) as e:
        ffi.set_source(name, "")
    assert words in str(e.value)
    ffi.set_source("right", "")  # nothing was kept of it


@pytest.mark.parametrize("name", [None, 5, b"mod"])
def test_module_name_type(name):
    with pytest.raises(TypeError, match="module_name"):
        FFI().set_source(name, "")


@pytest.mark.parametrize("method", ["compile", "distutils_extension"])
def test_without_set_source(method):
    with pytest.raises(ValueError, match=r"set_source\(\) must be called before %s" % method):
        getattr(FFI(), method)()


def test_set_source_twice():
    ffi = FFI()
    ffi.set_source("one", "")
    with pytest.raises(ValueError, match="several times"):
        ffi.set_source("two", "")


# --- the compiler --------------------------------------------------------------------


def fails(tmp_path, cdef, source, **kwds):
    """The text of the VerificationError that compile() raises."""
    ffi = FFI()
    ffi.cdef(cdef)
    ffi.set_source(next(NAMES), source, **kwds)
    with pytest.raises(VerificationError) as e:
        ffi.compile(tmpdir=str(tmp_path))
    return str(e.value)


def test_no_compiler(tmp_path, goes_on):
    goes_on.setenv("CC", "/nonexistent/cc")
    said = fails(tmp_path, "int f(void);", "int f(void) { return 1; }")
    assert "cannot run the compiler '/nonexistent/cc': No such file or directory" in said


def test_no_compiler_inline(goes_on):
    goes_on.setenv("CC", "/nonexistent/cc")
    ffi = FFI()
    ffi.cdef("int f(void);")
    with pytest.raises(VerificationError, match="compiler.*'/nonexistent/cc'"):
        ffi.inline("int f(void) { return 1; }")


def test_compiler_that_does_nothing(tmp_path, goes_on):
    """It says that all went well, and there is no file."""
    goes_on.setenv("CC", "true")
    goes_on.setenv("LDSHARED", "true")
    ffi = FFI()
    ffi.cdef("int f(void);")
    with pytest.raises((VerificationError, OSError), match="."):
        ffi.inline("int f(void) { return 1; }")


@pytest.mark.parametrize("source, words", [
    ("int f(void) {\n    return 1 +;\n}", "error"),
    ("int f(void) { return undeclared; }", "undeclared"),
    ("#include <no/such/header.h>", "no/such/header.h"),
    ("#error just no", "just no"),
    ("int f(void) { return 1;", "error"),
    ("}", "error"),
    ("", "f"),  # declared, and nobody defines it
    ("double f(char *p) { return *p; }", "f"),
    ("int g;\n", "f"),
])
def test_c_errors(tmp_path, source, words):
    assert words in fails(tmp_path, "int f(void);", source)


def test_library_that_is_not_there(tmp_path):
    said = fails(tmp_path, "int f(void);", "int f(void) { return 1; }",
                 libraries=["no_such_library_at_all"])
    assert "LinkError" in said and "no_such_library_at_all" in said


def test_source_file_that_is_not_there(tmp_path):
    said = fails(tmp_path, "int f(void);", "int f(void);", sources=["no_such_file.c"])
    assert "no_such_file.c" in said


def test_undefined_function(tmp_path):
    """The linker of a shared object lets it pass, the loader does not."""
    with pytest.raises(ImportError, match="nobody_defines_this"):
        build(tmp_path, "int nobody_defines_this(void);", "int nobody_defines_this(void);")


def test_unknown_keyword(tmp_path):
    """setuptools warns and goes on; without it the keyword is refused."""
    ffi = FFI()
    ffi.cdef("int f(void);")
    ffi.set_source(next(NAMES), "int f(void) { return 1; }", no_such_keyword=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            ffi.compile(tmpdir=str(tmp_path))
            said = " ".join(str(w.message) for w in caught)
        except VerificationError as error:
            said = str(error)
    assert "no_such_keyword" in said


LINES = """
    int f(void)
    {
        return one_that_is_missing;
    }
"""


def test_lines_of_inline():
    """The compiler's message has the lines of this file."""
    ffi = FFI()
    ffi.cdef("int f(void);")
    with pytest.raises(VerificationError) as e:
        ffi.inline("""
            int f(void)
            {
                return one_that_is_missing;
            }
        """)
    text = pathlib.Path(__file__).read_text().split("\n")
    line = [i for i, t in enumerate(text, 1) if t.strip() == "return one_that_is_missing;"][1]
    assert "%s:%d:" % (os.path.basename(__file__), line) in str(e.value)


def test_lines_of_set_source(tmp_path):
    """The message names a file that is there, and the line in it."""
    said = fails(tmp_path, "int f(void);", LINES)
    where = re.search(r"([^\s:]+\.c):(\d+):\d+: error: .*one_that_is_missing", said)
    text = (tmp_path / os.path.basename(where.group(1))).read_text().split("\n")
    assert text[int(where.group(2)) - 1].strip() == "return one_that_is_missing;"


# --- files ---------------------------------------------------------------------------


def test_compile_into_read_only(tmp_path, powerless):
    ffi = FFI()
    ffi.cdef("int f(void);")
    ffi.set_source("read_only", "int f(void) { return 1; }", **QUICK)
    directory = read_only(tmp_path)
    with pytest.raises(OSError, match="read-only"):
        ffi.compile(tmpdir=str(directory))
    assert os.listdir(str(directory)) == []
    where = tmp_path / "elsewhere"
    where.mkdir()
    assert load(ffi.compile(tmpdir=str(where)), "read_only").lib.f() == 1


def test_compile_into_a_file(tmp_path):
    ffi = FFI()
    ffi.set_source("in_a_file", "")
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OSError, match="file"):
        ffi.compile(tmpdir=str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "kept"


def one_inline(number):
    ffi = FFI()
    ffi.cdef("int number(void);")
    return ffi.inline("int number(void) { return %d; }" % number, **QUICK).number()


def test_read_only_cache(tmp_path, goes_on, powerless):
    """What is compiled serves this process; the warning says what to do."""
    directory = read_only(tmp_path)
    for number, cache in enumerate((directory, directory / "below")):
        goes_on.setenv("JIFFI_CACHE", str(cache))
        with pytest.warns(RuntimeWarning, match="read-only.*JIFFI_CACHE"):
            assert one_inline(number) == number
    assert os.listdir(str(directory)) == []


def test_cache_is_a_file(tmp_path, goes_on):
    (tmp_path / "file").write_text("kept")
    goes_on.setenv("JIFFI_CACHE", str(tmp_path / "file"))
    with pytest.warns(RuntimeWarning, match="JIFFI_CACHE"):
        assert one_inline(5) == 5
    assert (tmp_path / "file").read_text() == "kept"


def libraries(directory):
    return sorted(p for p in directory.rglob("*") if p.suffix == ".so")


def half(path):
    path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])


def but_one(path):
    path.write_bytes(path.read_bytes()[:-1])


def empty(path):
    path.write_bytes(b"")


def garbage(path):
    path.write_bytes(b"\x7fELF" + bytes(range(256)) * 50)


def directory_instead(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [half, but_one, empty, garbage, directory_instead],
                         ids=lambda f: f.__name__)
def test_damaged_cache_file(tmp_path, damage):
    """It is made again; another process, because this one has it loaded."""
    import subprocess
    code = ("import sys; sys.path.insert(0, %r); import test_build_errors as t\n"
            "print(t.one_inline(7))" % os.path.dirname(os.path.abspath(__file__)))

    def say():
        return subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120).stdout

    assert say() == "7\n"
    (made,) = libraries(tmp_path / "cache")
    damage(made)
    assert say() == "7\n"
    assert say() == "7\n"


def test_changed_files_are_not_stale(tmp_path):
    """Files that the keywords name count by their content."""
    header, source = tmp_path / "number.h", tmp_path / "number.c"

    def number():
        ffi = FFI()
        ffi.cdef("int number(void);")
        return ffi.inline('#include "number.h"\nint other(void);\n'
                          "static int number(void) { return NUMBER + other(); }",
                          sources=[str(source)], depends=[str(header)],
                          include_dirs=[str(tmp_path)], **QUICK).number()

    header.write_text("#define NUMBER 1\n")
    source.write_text("int other(void) { return 10; }\n")
    assert number() == 11
    header.write_text("#define NUMBER 2\n")
    assert number() == 12
    source.write_text("int other(void) { return 20; }\n")
    assert number() == 22
    assert number() == 22
