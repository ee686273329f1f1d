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

pytestmark = pytest.mark.once
NAMES = iter("_errors%d" % i for i in range(1000000))
QUICK = {"extra_compile_args": ["-O0"]}


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


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(autouse=True)
def goes_on(tmp_path, shared, monkeypatch):
    """After every test something right can still be made (the first one compiles)."""
    with monkeypatch.context() as own:
        own.setenv("JIFFI_CACHE", str(tmp_path / "cache"))
        yield own
    monkeypatch.setenv("JIFFI_CACHE", str(shared))
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


# --- modules that are not what they were ---------------------------------------------

DECLARED = """
    typedef int... count;
    struct open { int a; short names[...]; ...; };
    struct strict { int a; double b; };
    enum e { A, B, ... };
    #define X ...
    extern int table[...];
    int larger(int a, int b);
    double half(struct strict s);
    extern "Python" int back(int);
"""
SOURCE = """
    typedef long count;
    struct open { int b; int a; short names[7]; };
    struct strict { int a; double b; };
    enum e { A, B };
    #define X 5
    int table[4];
    static int larger(int a, int b) { return a > b ? a : b; }
    static double half(struct strict s) { return s.b / 2; }
"""


def use(module):
    """Everything that the module offers, one after the other."""
    ffi, lib = module.ffi, module.lib
    for name in ("count", "struct open", "struct strict", "enum e"):
        ffi.sizeof(name)
    ffi.new("struct open *").names[6] = 1
    ffi.new("struct strict *", {"a": 1, "b": 2.0})
    ffi.def_extern("back")(lambda n: n)
    return (lib.A, lib.B, lib.X, len(lib.table), lib.larger(1, 2), lib.half([1, 3.0]),
            [lib.table[i] for i in range(len(lib.table))])


def test_undamaged(tmp_path):
    module = build(tmp_path, DECLARED, SOURCE, lambda text: text + "\n")
    assert use(module) == (0, 1, 5, 4, 2, 1.5, [0, 0, 0, 0])


def replaced(old, new):
    """A change of the generated C: `old` is a pattern that has to be there."""
    def change(text):
        assert re.search(old, text, re.M), "the generated C has no " + old
        return re.sub(old, new, text, count=1, flags=re.M)
    return change


COUNTS = r"^    (\d+), (\d+), (\d+), (\d+), (\d+), (\d+),$"
DAMAGE = {
    "version of a later jiffi": (
        replaced(r"^#define JIFFI_MODULE_ABI \d+", "#define JIFFI_MODULE_ABI 99"),
        ImportError, "99"),
    "version zero": (
        replaced(r"^#define JIFFI_MODULE_ABI \d+", "#define JIFFI_MODULE_ABI 0"),
        ImportError, "interface 0"),
    "module record too short": (
        replaced(r"^    JIFFI_MODULE_ABI, sizeof\(jiffi_module\)", "    JIFFI_MODULE_ABI, 8"),
        ImportError, "incomplete"),
    "no texts": (
        replaced(COUNTS, r"    0, \2, \3, \4, \5, \6,"), CDefError, "count"),
    "text cut off": (
        replaced(r'^    "    struct strict \{ int a.*', r'    "struct strict { int",'),
        CDefError, "struct"),
    "text of something else": (
        replaced(r'^    "    struct strict \{ int a.*', r'    "%n%n $ ]][[",'),
        CDefError, "expected a type"),
    "no records": (
        replaced(COUNTS, r"    \1, 0, \3, \4, \5, \6,"), Exception, "struct open"),
    "no lengths": (
        replaced(COUNTS, r"    \1, \2, 0, \4, \5, \6,"), TypeError, "int"),
    "no typedefs": (
        replaced(COUNTS, r"    \1, \2, \3, 0, \5, \6,"), Exception, "count|enum e"),
    "no symbols": (
        replaced(COUNTS, r"    \1, \2, \3, \4, 0, \6,"), Exception, "back"),
    "a table that is not there": (
        replaced("jiffi_records, jiffi_lengths", "NULL, jiffi_lengths"),
        ImportError, "records"),
    "member table not there": (
        replaced("jiffi_members_struct_strict, 2", "NULL, 2"), ImportError, "records"),
    "alignment of three": (
        replaced(r"JIFFI_ALIGNOF\(struct strict\)", "3"), ImportError, "alignment"),
    "size beyond memory": (
        replaced(r'"struct open", sizeof\(struct open\)', '"struct open", ~(size_t)0'),
        ImportError, "size"),
    "size of nothing": (
        replaced(r'"struct open", sizeof\(struct open\)', '"struct open", 0'),
        Exception, "struct open"),
    "member outside": (
        replaced(r"offsetof\(struct open, names\)", "1000"), Exception, "struct open"),
    "member at the end of memory": (
        replaced(r"offsetof\(struct open, names\)", "(size_t)-3"), Exception, "struct open"),
    "member of another size": (
        replaced(r"sizeof\(\(\(struct strict \*\)0\)->b\)", "2"), Exception, "struct strict"),
    "length beyond memory": (
        replaced(r'\{"table", 0, .*\}', '{"table", 0, ((size_t)-1) / 2}'),
        Exception, "table|size"),
    "length of a member beyond its struct": (
        replaced(r'\{"struct open.names", 0, .*\}', '{"struct open.names", 0, 1000000}'),
        Exception, "struct open"),
    "typedef of three bytes": (
        replaced(r"\(unsigned\)sizeof\(count\)", "3"), ImportError, "typedefs"),
    "typedef of no class": (
        replaced(r"JIFFI_IS_SIGNED\(count\) \? 'i' : 'u'", "'x'"), ImportError, "typedefs"),
    "symbol of no kind": (
        replaced(r'"X", JIFFI_INTEGER', '"X", 77'), ImportError, "symbols"),
    "symbol of another kind": (
        replaced(r'"larger", JIFFI_FUNCTION', '"larger", JIFFI_VARIABLE'),
        ImportError, "symbols"),
    "symbols out of order": (
        replaced(r'\{"X", JIFFI_INTEGER', '{"zzz", JIFFI_INTEGER'), ImportError, "order"),
    "name that is not there": (
        replaced(r'\{"X", JIFFI_INTEGER', '{NULL, JIFFI_INTEGER'), ImportError, "name"),
    "included module that is not there": (
        replaced(r"jiffi_texts, NULL,", "jiffi_texts, no_includes,"), ImportError,
        "no_such_module"),
}


@pytest.mark.parametrize("row", DAMAGE)
def test_damaged_module(tmp_path, row):
    change, kind, words = DAMAGE[row]

    def with_includes(text):
        return change(text).replace(
            "static const jiffi_module jiffi_this",
            'static const char *const no_includes[] = {"no_such_module", NULL};\n'
            "static const jiffi_module jiffi_this", 1)

    with pytest.raises(kind) as e:
        use(build(tmp_path, DECLARED, SOURCE, with_includes))
    assert not isinstance(e.value, (AssertionError, VerificationError)), e.value
    assert re.search(words, str(e.value)), e.value


# --- a header that says something else -------------------------------------------------


CONTRADICTIONS = [
    # declared, in the header, words of the message
    ("struct s { int a; int b; };", "struct s { int a; long b; };",
     ["struct s", "8", "16", "b"]),
    ("struct s { int a; int b; };", "struct s { int b; int a; };", ["struct s", "a", "4"]),
    ("struct s { int a; };", "struct s { int a; int more; };", ["struct s", "4", "8"]),
    ("struct s { char a; int b; };",
     "struct s { char a; int b; } __attribute__((packed));", ["struct s", "8", "5"]),
    ("union s { int a; };", "union s { int a; double b; };", ["union s", "4", "8"]),
    ("struct s { char a[4]; };", "struct s { char a[8]; };", ["struct s", "4", "8"]),
    ("typedef struct { int a; } s;", "typedef struct { long a; } s;", ["s", "4", "8"]),
    ("struct s { int a : 3; int b : 5; };", "struct s { int a : 3; int x[4]; int b : 5; };",
     ["struct s"]),
]


@pytest.mark.parametrize("declared, header, words", CONTRADICTIONS)
def test_contradicting_header(tmp_path, declared, header, words):
    """What is declared and what there is, for the struct and each member."""
    name = re.search(r"(?:struct|union) s\b|s(?=;$)", declared).group()
    with pytest.raises((ImportError, CDefError, FFI.error, VerificationError)) as e:
        module = build(tmp_path, declared, header)
        module.ffi.sizeof(name)
    for word in words:
        assert word in str(e.value), str(e.value)


@pytest.mark.parametrize("declared, header", [
    ("enum e { A, B };", "enum e { A = 5, B };"),
    ("#define X 5", "#define X 6"),
    ("static const int X = 5;", "static const int X = 6;"),
    ("int f(int a);", "static int f(int a, int b) { return a + b; }"),
    ("extern int v;", "double v;"),
    ("extern int v[3];", "int v[5];"),
    ("extern char *v;", "double *v;"),
    ("struct s { int *v; };", "struct s { float *v; };"),
])
def test_contradicting_values(tmp_path, declared, header):
    names = re.findall(r"\b(A|X|f|v)\b", declared)
    try:
        got = getattr(build(tmp_path, declared, header).lib, names[0], "no attribute")
    except (ImportError, CDefError, FFI.error, VerificationError) as error:
        assert names[0] in str(error), str(error)
    else:
        raise AssertionError("no error: %r" % (got,))
