# SPDX-License-Identifier: MIT
"""FFI._declared(): what the generator is told of each declaration."""

import pytest

import jiffi


def declared(text, **kwargs):
    ffi = jiffi.FFI()
    ffi.cdef(text, **kwargs)
    return ffi._declared()


def only(text, name):
    return next(s for s in declared(text)["symbols"] if s["name"] == name)


SPELLINGS = [
    ("extern int v;", "int {}"),
    ("extern const int v;", "const int {}"),
    ("extern int *const v;", "int *const {}"),
    ("extern const char *volatile v;", "const char *volatile {}"),
    ("extern const char v[3];", "const char {}[3]"),
    ("extern const char *v[2][3];", "const char *{}[2][3]"),
    ("extern int (*v)(char, ...);", "int(*{})(char, ...)"),
    ("extern int (*const v)(void);", "int(*const {})()"),
    ("extern int (*v[4])(int *restrict);", "int(*{}[4])(int *)"),
    ("extern void (*(*v)(int))(long);", "void(*(*{})(int))(long)"),
    ("extern struct s *v;", "struct s *{}"),
    ("typedef struct { int a; } t; extern const t v;", "const t {}"),
    ("typedef struct { int a; } *t; extern t v;", "t {}"),
    ("typedef struct { int a; } *t; extern t *const v;", "t *const {}"),
    ("typedef struct { int a; } *t; extern const t v;", "t const {}"),
    ("typedef struct { int a; } **t; extern t v;", "t {}"),
    ("typedef ... *t; extern t v[2];", "t {}[2]"),
    ("typedef ... t; extern t *v;", "t *{}"),
    ("typedef int... t; extern const t *v;", "const t *{}"),
    ("typedef enum { A } e; extern e v;", "e {}"),
    ("enum e { A }; extern enum e *v;", "enum e *{}"),
    ("extern enum { A } v;", "unsigned int {}"),
    ("extern unsigned long long v;", "unsigned long long {}"),
    ("extern float _Complex v;", "float _Complex {}"),
    ("extern FILE *v;", "FILE *{}"),
]


@pytest.mark.parametrize("text, c", SPELLINGS)
def test_spelling(text, c):
    assert only(text, "v")["type"]["c"] == c


KINDS = [
    ("int", "int", 4, True, None),
    ("unsigned char", "int", 1, False, None),
    ("_Bool", "bool", 1, False, None),
    ("wchar_t", "char", 4, True, None),
    ("double", "float", 8, True, None),
    ("long double", "longdouble", 16, True, None),
    ("double _Complex", "complex", 16, True, None),
    ("void *", "pointer", 8, False, None),
    ("void (*)(int)", "fnptr", 8, False, None),
    ("struct whole", "record", 8, False, None),
    ("struct part", "record", None, False, None),
    ("num", "int", None, False, "int"),
    ("real", "float", None, False, "float"),
    ("opaque *", "pointer", 8, False, None),
    ("enum e", "enum", 4, False, None),
]


@pytest.mark.parametrize("c, kind, size, signed, open_", KINDS)
def test_kind(c, kind, size, signed, open_):
    param = "void (*x)(int)" if kind == "fnptr" else c + " x"
    f = only("struct whole { int a, b; }; struct part { int a; ...; };"
             "typedef int... num; typedef float... real; typedef ... opaque;"
             "enum e { A }; int f(%s);" % param, "f")
    (t,) = f["params"]
    assert (t["kind"], t["size"], t["open"]) == (kind, size, open_)
    assert t["signed"] is signed or kind in ("longdouble", "complex", "float")
    assert t["partial"] is (c == "struct part")


def test_function():
    f = only("int printf(const char *format, ...);", "printf")
    assert f["kind"] == "function" and f["variadic"] and not f["oldstyle"]
    assert f["names"] == ["format"] and f["result"]["c"] == "int {}"
    assert f["python"] is None and f["gil"] == "auto"
    assert f["params"][0]["to"]["c"] == "const char {}"
    assert only("int f();", "f")["oldstyle"]
    assert only('extern "Python" int f(int);', "f")["python"] == "Python"
    assert only('extern "Python+C" int f(int);', "f")["python"] == "Python+C"
    assert only("void f(va_list);", "f")["params"][0]["kind"] == "valist"


def test_gil():
    ffi = jiffi.FFI(gil="hold")
    ffi.cdef("int f(void);")
    ffi.cdef("int g(void);", gil="release")
    d = ffi._declared()
    assert d["gil"] == "hold"
    assert [s["gil"] for s in d["symbols"]] == ["hold", "release"]
    assert [t[4] for t in d["texts"]] == ["hold", "release"]


VALUES = [
    ("#define X 42", "constant", 42, {"macro"}),
    ("#define X 0xffffffffffffffff", "constant", 2**64 - 1, {"macro"}),
    ("#define X -5", "constant", -5, {"macro"}),
    ("#define X ...", "constant", None, {"macro", "dots"}),
    ("#define X 2.5", "float", 2.5, {"macro"}),
    ('#define X "a\\0b"', "string", b"a\0b", {"macro"}),
    ("enum { X = 3 };", "constant", 3, {"enumerator"}),
    ("enum { X, ... };", "constant", None, {"enumerator", "dots"}),
    ("static const int X;", "constant", None, {"static", "dots"}),
    ("static const int X = 7;", "constant", 7, {"static"}),
]


@pytest.mark.parametrize("text, kind, value, flags", VALUES)
def test_value(text, kind, value, flags):
    s = only(text + "\n", "X")
    assert (s["kind"], s["value"], s["flags"]) == (kind, value, flags)


RECORDS = [
    ("struct s { int a; };", "struct s", "struct s", "(*(struct s *)0)", ["a"]),
    ("union u { int a; char b : 3; };", "union u", "union u", "(*(union u *)0)",
     ["a", "b"]),
    ("typedef struct { int a; } t;", "t", "t", "(*(t *)0)", ["a"]),
    ("typedef struct { int a; } *t;", "*t", None, "(*(t)0)", ["a"]),
    ("extern struct { int a; } v;", "v", None, "v", ["a"]),
    ("struct s { struct { int x; } a; };", "struct s.a", None,
     "(*(struct s *)0).a", ["x"]),
    ("struct s { struct { int x; } *a[2]; };", "struct s.a", None,
     "(*(struct s *)0).a[0][0]", ["x"]),
    ("typedef struct { union { int u; struct { int x, y; }; }; int z; } t;", "t", "t",
     "(*(t *)0)", ["u", "x", "y", "z"]),
]


@pytest.mark.parametrize("text, name, c, expr, paths", RECORDS)
def test_record(text, name, c, expr, paths):
    r = next(r for r in declared(text)["records"] if r["name"] == name)
    assert (r["type"], r["expr"]) == (c, expr)
    assert [m["path"] for m in r["members"]] == paths
    assert not r["partial"] and not r["opaque"]
    assert [m["bits"] for m in r["members"] if m["path"] == "b"] in ([], [3])


def test_record_flags():
    rows = declared("struct o; struct p { int a; ...; }; struct f { int n, a[]; };"
                    "typedef ... opaque; typedef int... num;")["records"]
    assert [(r["name"], r["opaque"], r["partial"]) for r in rows] == [
        ("struct o", True, False), ("struct p", False, True),
        ("struct f", False, False)]
    assert [m["flexible"] for m in rows[2]["members"]] == [False, True]
    (r,) = declared("struct s { char a; int b; };", packed=True)["records"]
    assert r["packed"]
    (r,) = declared("struct s { char a; int b; };", pack=2)["records"]
    assert r["pack"] == 2


def test_lengths():
    d = declared("extern int a[...], b[2][...]; typedef char t[...][...];"
                 "struct s { int m[...]; }; extern int c[];")
    assert sorted(d["lengths"]) == [
        ("a", 0, "a"), ("b", 1, "b[0]"), ("struct s.m", 0, "(*(struct s *)0).m"),
        ("t", 0, "(*(t *)0)"), ("t", 1, "(*(t *)0)[0]")]
    (m,) = d["records"][0]["members"]
    assert m["dims"] == [None] and not m["flexible"]


def test_enums_and_typedefs():
    d = declared("enum e { A, B }; typedef enum { C, ... } f; enum { D }; enum g;"
                 "typedef int... num; typedef float... real;")
    assert d["enums"] == [
        {"name": "enum e", "items": ["A", "B"], "partial": False},
        {"name": "f", "items": ["C"], "partial": True},
        {"name": None, "items": ["D"], "partial": False}]
    assert sorted(d["typedefs"]) == [("enum e", "enum"), ("f", "enum"),
                                     ("num", "int"), ("real", "float")]


def test_included():
    a, b = jiffi.FFI(), jiffi.FFI()
    a.cdef("struct s { int x; }; int f(struct s *); typedef int... num;")
    b.include(a)
    b.cdef("int g(struct s *);")
    d = b._declared()
    assert [(s["name"], s["included"]) for s in d["symbols"]] == [
        ("f", True), ("num", True), ("g", False)]
    assert d["records"] == [] and d["typedefs"] == []
    assert [t[0] for t in d["texts"]] == ["int g(struct s *);"]


def test_texts():
    ffi = jiffi.FFI()
    ffi.cdef("struct s { char a; int b; };", packed=True)
    with pytest.raises(jiffi.CDefError):
        ffi.cdef("int broken(")
    ffi.cdef("int f(void);")
    ffi.cdef("long f(void);", override=True)
    assert ffi._declared()["texts"] == [
        ("struct s { char a; int b; };", True, 0, False, "auto"),
        ("int f(void);", False, 0, False, "auto"),
        ("long f(void);", False, 0, True, "auto")]


def test_nothing():
    assert jiffi.FFI()._declared() == {
        "texts": [], "symbols": [], "records": [], "enums": [], "lengths": [],
        "typedefs": [], "gil": "auto", "callback_errors": None}


# --- without a compiler, open types are types of their own ---------------------------


def test_open_numbers():
    ffi = jiffi.FFI()
    ffi.cdef("typedef int... num; typedef float... real; num f(num *, real);")
    assert ffi.typeof("num *").cname == "num *"
    assert ffi.typeof("num(*)(real)").cname == "num(*)(real)"
    for c in "num", "real":
        with pytest.raises(TypeError, match="'%s' of unknown size" % c):
            ffi.new(c + " *")
        with pytest.raises(ValueError, match="'%s' is of unknown size" % c):
            ffi.sizeof(c)
