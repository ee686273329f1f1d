# SPDX-License-Identifier: MIT
"""ffi.explain() and `jiffi explain`: how calls are made, for people."""

import os
import subprocess
import sys

import pytest

import jiffi
from jiffi import FFI

FOUND = jiffi.features()
CODE = FOUND["calls"] == "code"
LISTS = CODE and FOUND["disassembly"] is not None
X64 = FOUND["target"].startswith("x86_64")
PLACE = os.path.dirname(os.path.dirname(jiffi.__file__))

needs_code = pytest.mark.skipif(not CODE, reason="no machine code")
needs_lists = pytest.mark.skipif(not LISTS, reason="no disassembler, or no code")
sysv = pytest.mark.skipif(not X64, reason="places are those of x86-64")


def library(gil="auto"):
    ffi = FFI()
    ffi.cdef("""
        int abs(int value);
        long labs(long value);
        int toupper(int c);
        int tolower(int c);
        int isalpha(int c);
        int isdigit(int c);
        double hypot(double x, double y);
        double fmin(double x, double y);
        unsigned sleep(unsigned seconds);
        size_t strlen(const char *s);
        int snprintf(char *out, size_t n, const char *format, ...);
        typedef struct { int quot, rem; } div_t;
        typedef struct { long quot, rem; } ldiv_t;
        div_t div(int a, int b);
        ldiv_t ldiv(long a, long b);
        double frexp(double x, int *exponent);
    """, gil=gil)
    return ffi, ffi.dlopen("m")


# --- places ------------------------------------------------------------------------


@sysv
@pytest.mark.parametrize("name, args, result", [
    ("abs", [("value", "int", "rdi")], ("int", "rax")),
    ("hypot", [("x", "double", "xmm0"), ("y", "double", "xmm1")], ("double", "xmm0")),
    ("frexp", [("x", "double", "xmm0"), ("exponent", "int *", "rdi")],
     ("double", "xmm0")),
    ("ldiv", [("a", "long", "rdi"), ("b", "long", "rsi")],
     ("ldiv_t", "rax (bytes 0 to 7), rdx (bytes 8 to 15)")),
])
def test_places(name, args, result):
    ffi, lib = library()
    facts = ffi.explain(getattr(lib, name)).facts
    assert facts["args"] == args
    assert facts["result"] == result


@sysv
@pytest.mark.parametrize("c_type, places, result", [
    ("int(*)(int, int, int, int, int, int, int, double, char)",
     ["rdi", "rsi", "rdx", "rcx", "r8", "r9", "stack+0", "xmm0", "stack+8"], "rax"),
    ("void(*)(struct mixed)", ["xmm0 (bytes 0 to 7), rdi (bytes 8 to 15)"], "nowhere"),
    ("struct big(*)(struct big)", ["stack+0"],
     "memory of the caller's, its address in rdi"),
    ("long double(*)(long double)", ["stack+0"], "st0"),
    ("float(*)(struct none)", ["nowhere"], "xmm0"),
])
def test_places_of_pointers(c_type, places, result):
    ffi = FFI()
    ffi.cdef("struct mixed { double x; long n; }; struct big { long a[3]; };"
             "struct none { };")
    facts = ffi.explain(ffi.cast(c_type, 0)).facts
    assert [where for _, _, where in facts["args"]] == places
    assert facts["result"][1] == result
    assert facts["way"] == "closed"


# --- the text -----------------------------------------------------------------------


def test_text():
    ffi, lib = library()
    text = ffi.explain(lib.hypot)
    assert isinstance(text, str) and repr(text) == str(text)
    assert text.splitlines()[0] == "double hypot(double x, double y)"
    assert max(map(len, text.splitlines())) <= 80
    for word in ("where", "GIL", "errno", "C++", "made by"):
        assert "\n  %s " % word in text
    assert "libm" in text


@pytest.mark.parametrize("gil, says", [
    ("release", 'let go around the call; gil is "release"'),
    ("hold", 'kept; gil is "hold"'),
    ("auto", 'gil is "auto"'),
])
def test_policy(gil, says):
    ffi, lib = library(gil)
    text = ffi.explain(lib.abs, code=False)
    assert says in " ".join(text.split())
    assert text.facts["declared"] == gil
    assert text.facts["policy"]["hold"] == (
        gil == "hold" or gil == "auto" and text.facts["proof"][0])


@pytest.mark.skipif(not FOUND["proof"], reason="nothing is proved here")
def test_proof_and_its_reason():
    ffi, lib = library()
    proved, wait = ffi.explain(lib.abs).facts, ffi.explain(lib.sleep).facts
    assert proved["policy"]["proved"] and proved["policy"]["no_errno"]
    assert proved["proof"][2] > 0
    assert not wait["policy"]["proved"] and not wait["policy"]["hold"]
    assert len(wait["proof"][1]) > 10
    assert wait["proof"][1] in " ".join(ffi.explain(lib.sleep).split())


def test_where_it_is():
    ffi, lib = library()
    facts = ffi.explain(lib.abs).facts
    assert facts["address"] == int(ffi.cast("intptr_t", ffi.addressof(lib, "abs")))
    assert "libc" in facts["library"] and facts["symbol"] == "abs"
    assert facts["offset"] == 0


# --- the code -----------------------------------------------------------------------


@needs_code
def test_code_is_made_and_nothing_is_called():
    ffi = FFI()
    ffi.cdef("unsigned sleep(unsigned);", gil="release")
    lib = ffi.dlopen(None)
    facts = ffi.explain(lib.sleep).facts
    assert facts["way"] == "code" and facts["size"] > 20
    assert facts["code_name"].startswith("jiffi:")  # with those who used it before
    assert "sleep" in facts["code_name"] or "/..." in facts["code_name"]


@needs_lists
def test_listing():
    ffi, lib = library("release")
    text = ffi.explain(lib.hypot)
    lines = text.facts["lines"]
    at = 0
    for offset, code, words, _ in lines:
        assert offset == at and code and words
        at += len(code)
    assert at == text.facts["size"]
    comments = [comment for *_, comment in lines]
    for comment in ("PyFloat_Type", "PyEval_SaveThread", "PyEval_RestoreThread",
                    "call the C function", "raise: the wrong number of arguments",
                    "convert an unusual argument", "PyFloat_FromDouble, and return"):
        assert comment in comments, comments
    if FOUND["errno"]:
        assert "write errno" in comments and "write ffi.errno" in comments
    assert "; call the C function" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "the code:" not in ffi.explain(lib.hypot, code=False)


@needs_lists
def test_listing_of_a_proved_function():
    """No GIL, no errno: none of their words."""
    ffi, lib = library()
    facts = ffi.explain(lib.abs).facts
    if not facts["policy"]["no_errno"]:
        pytest.skip("not proved here")
    comments = [comment for *_, comment in facts["lines"]]
    assert "call the C function" in comments
    assert not [c for c in comments if "errno" in c or "PyEval" in c]


def test_without_code():
    done = subprocess.run([sys.executable, "-m", "jiffi", "explain", "m",
                           "double hypot(double, double)"], text=True,
                          env=dict(os.environ, PYTHONPATH=PLACE, JIFFI_JIT="off"),
                          stdout=subprocess.PIPE, check=True)
    assert "libffi: machine code is switched off by JIFFI_JIT" in " ".join(
        done.stdout.split())


# --- other functions -----------------------------------------------------------------


def test_variadic():
    ffi, lib = library()
    text = ffi.explain(lib.snprintf)
    assert text.facts["way"] in ("memory", "libffi")
    assert text.facts["why"] and text.facts["why"] in " ".join(text.split())


def test_pointer():
    ffi, lib = library()
    pointer = ffi.cast("int(*)(int)", ffi.addressof(lib, "abs"))
    facts = ffi.explain(pointer).facts
    assert facts["kind"] == "pointer" and facts["symbol"] == "abs"
    assert "policy" not in facts
    assert "a function pointer has no policy" in " ".join(ffi.explain(pointer).split())
    # The address of a library's function is that function.
    assert ffi.explain(ffi.addressof(lib, "abs")).facts["kind"] == "function"


def test_callback():
    ffi = FFI()

    @ffi.callback("int(int, double)", error=-7)
    def on_event(a, b):
        return a

    text = ffi.explain(on_event)
    flat = " ".join(text.split())
    assert "on_event" in text and __file__ in flat.replace(" ", "")
    assert "C gets -7" in flat
    assert text.facts["kind"] == "callback" and text.facts["errors"] == "raise"
    assert text.facts["address"] == int(ffi.cast("intptr_t", on_event))


def test_callback_choices():
    ffi = FFI()

    def trouble(kind, value, trace):
        return None

    quiet = ffi.callback("void(void)", lambda: None, onerror=trouble)
    text = " ".join(ffi.explain(quiet).split())
    assert "onerror gets it" in text and "trouble" in text
    assert "C gets" not in text


def test_fused():
    ffi, lib = library()

    @ffi.fuse("double(double, double)")
    def twice(x, y):
        return lib.fmin(x, y) * 2

    text = ffi.explain(twice)
    assert text.facts["kind"] == "fused"
    assert "CALL fmin" in text
    assert "what it does:" in text
    if CODE:
        assert text.facts["fused"]["code_name"] == "jiffi:fused twice"
    else:
        assert text.facts["fused"]["why"] in " ".join(text.split())


def test_sized():
    ffi = FFI()
    ffi.cdef("void *memchr(const void *s, int c, size_t n);")
    lib = ffi.dlopen(None)
    find = ffi.sized(lib.memchr, n="s")
    find(b"abc", 98)
    text = ffi.explain(find)
    assert text.facts["kind"] == "sized"
    assert len(text.facts["args"]) == 3


def test_compiled_wrapper(tmp_path, monkeypatch):
    monkeypatch.setenv("JIFFI_CACHE", str(tmp_path))
    ffi = FFI()
    ffi.cdef("int explain_add(int a, int b);")
    try:
        lib = ffi.inline("static int explain_add(int a, int b) { return a + b; }")
    except jiffi.VerificationError:
        pytest.skip("no C compiler")
    text = ffi.explain(lib.explain_add)
    assert text.facts["way"] == "wrapper"
    assert "C that was compiled with the module" in " ".join(text.split())


def test_closed_library():
    ffi, lib = library()
    function = lib.abs
    ffi.dlclose(lib)
    assert "nothing: its library is closed" in " ".join(ffi.explain(function).split()) or (
        ffi.explain(function).facts["way"] == "closed")


@pytest.mark.parametrize("wrong", [None, 3, "abs", print, FFI().new("int *"), abs])
def test_wrong(wrong):
    with pytest.raises(TypeError, match="explain.. takes a function of a library"):
        FFI().explain(wrong)


# --- names ---------------------------------------------------------------------------


def name_of(ffi, function):
    return ffi.explain(function).facts["code_name"]


@needs_code
def test_names_grow_to_three():
    """One after the other comes to use the code of a signature of its own."""
    ffi = FFI()
    ffi.cdef("struct own1; int abs(struct own1 *); int toupper(struct own1 *);"
             "int tolower(struct own1 *); int isalpha(struct own1 *); int isdigit(struct own1 *);", gil="release")
    lib = ffi.dlopen(None)
    # `names` grows as functions are explained, which is when they are made ready.
    wanted = ["abs", "abs/toupper", "abs/toupper/tolower", "abs/toupper/tolower/...",
              "abs/toupper/tolower/..."]
    for function, names in zip(("abs", "toupper", "tolower", "isalpha", "isdigit"), wanted):
        assert name_of(ffi, getattr(lib, function)) == "jiffi:%s(struct own1 *)" % names
    assert name_of(ffi, lib.abs) == "jiffi:abs/toupper/tolower/...(struct own1 *)"


@needs_code
def test_names_come_once():
    ffi = FFI()
    ffi.cdef("struct own2; int abs(struct own2 *);", gil="release")
    for _ in range(3):
        assert name_of(ffi, ffi.dlopen(None).abs) == "jiffi:abs(struct own2 *)"


@needs_code
def test_names_of_pointers():
    ffi = FFI()
    ffi.cdef("struct own3; int abs(struct own3 *); int toupper(struct own3 *);", gil="release")
    lib = ffi.dlopen(None)
    pointer = ffi.cast("int(*)(struct own3 *)", ffi.addressof(lib, "toupper"))
    assert name_of(ffi, pointer) == "jiffi:int(struct own3 *)"
    assert name_of(ffi, lib.abs) == "jiffi:abs/*(struct own3 *)"
    assert name_of(ffi, pointer) == "jiffi:abs/*(struct own3 *)"
    assert name_of(ffi, lib.toupper) == "jiffi:abs/*/toupper(struct own3 *)"


@needs_code
def test_policies_have_code_of_their_own():
    names = set()
    for gil in ("release", "hold"):
        ffi = FFI()
        ffi.cdef("struct own4; int abs(struct own4 *);", gil=gil)
        facts = ffi.explain(ffi.dlopen(None).abs).facts
        names.add((facts["entry"], facts["code_name"]))
    assert len(names) == 2
    assert {name for _, name in names} == {"jiffi:abs(struct own4 *)"}


# --- the command line ----------------------------------------------------------------


def command(*words, cwd=None):
    """(status, output, errors) of `jiffi explain words`."""
    done = subprocess.run([sys.executable, "-m", "jiffi", "explain", *words], text=True,
                          env=dict(os.environ, PYTHONPATH=PLACE), cwd=cwd,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout, done.stderr


def test_command_with_a_declaration():
    status, out, err = command("m", "double hypot(double x, double y)", "--gil", "hold")
    assert (status, err) == (0, "")
    assert out.startswith("double hypot(double x, double y)\n")
    assert 'gil is "hold"' in out


def test_command_with_several():
    status, out, _ = command("-", "int abs(int); int toupper(int);", "--no-code")
    assert status == 0
    assert "int abs(int)" in out and "int toupper(int)" in out and "the code" not in out


def test_command_with_a_module(tmp_path):
    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "native.py").write_text(
        "from jiffi import FFI\nffi = FFI()\nffi.cdef('int abs(int n);')\n"
        "lib = ffi.dlopen(None)\n")
    for path in ("pack.native:lib.abs", "pack.native.lib.abs"):
        status, out, err = command(path, "--no-code", cwd=tmp_path)
        assert (status, err) == (0, ""), err
        assert out.startswith("int abs(int n)\n")


@pytest.mark.parametrize("words, status, says", [
    ((), 2, "required"),
    (("m", "int f(void)", "more"), 2, "unrecognized"),
    (("m", "int f(void)", "--gil", "never"), 2, "invalid choice"),
    (("os", "--gil", "hold"), 2, "--gil needs a declaration"),
    (("m", "int x y"), 1, "expected ';'"),
    (("m", "typedef int t;"), 1, "declares no function"),
    (("nolibrary_at_all", "int f(void)"), 1, "cannot load library"),
    (("m", "int no_such_function_here(void)"), 1, "no_such_function_here"),
    (("m",), 1, "there is no module 'm'"),
    (("no_such_package.lib.f",), 1, "no_such_package"),
    (("no_such_package:lib.f",), 1, "there is no module 'no_such_package'"),
    (("os:nothing",), 1, "os has no 'nothing'"),
    (("os:path",), 1, "takes a function of a library"),
])
def test_command_mistakes(words, status, says):
    code, out, err = command(*words)
    assert code == status, err
    assert says in err and out == ""
    assert "Traceback" not in err
