# SPDX-License-Identifier: MIT
"""Declarations that leave something to the C compiler, in a compiled module: what it
has answered is there from the start, and what contradicts it is told in full."""

import os
import shutil

import pytest

import jiffi

CDEF = r"""
typedef int... num; typedef unsigned int... wide; typedef float... real;
typedef ... op; typedef ... *hp;
struct s {
    num a[...];
    struct { int x; ...; } m[2];
    union { int u; char v; };
    int (*cb)(int, void *);
    ...;
};
typedef struct { int q[...][3]; ...; } *tp;
typedef struct { char tail[...]; } t;
typedef enum { A, B = ..., ... } e_t;
enum wide_e { W, ... };
extern const int arr[...], grid[...][...];
typedef int vec[...];
struct holder { vec v; e_t e; ...; };
num f(const struct s *x, tp t, e_t e, real r);
struct s byval(struct s v);
op *make(void); int use(op *o); hp handle(void);
static const int K; static const long LATE = ...;
#define X ...
#define BELOW ...
#define BIG ...
#define WRONG 11
enum { RIGHT = 4, OFF = 5 };
struct bad { char a; int b; };
struct larger { int a; };
struct good { char a; int b : 3; double c; };
struct bits { int a : 3; ...; };
"""

SOURCE = r"""
typedef short num; typedef unsigned long long wide; typedef float real;
typedef struct { int z; } op; typedef op *hp;
struct s {
    double hidden; num a[7];
    struct { char c; int x; } m[2];
    union { int u; char v; };
    int (*cb)(int, void *);
};
typedef struct { int q[4][3]; char more[100]; } *tp;
typedef struct { char tail[33]; } t;
typedef enum { A = 5, B = -9 } e_t;
enum wide_e { W = 1, W2 = 0x7fffffffffff };
const int arr[] = {1, 2, 3}, grid[2][3] = {{1, 2, 3}, {4, 5, 6}};
typedef int vec[9];
struct holder { char c; vec v; e_t e; };
static num f(const struct s *x, tp t, e_t e, real r)
{ return (num)(x->a[2] + t->q[3][2] + e + (int)r); }
static struct s byval(struct s v) { v.u++; return v; }
static op one = {17};
static op *make(void) { return &one; }
static int use(op *o) { return o->z; }
static hp handle(void) { return &one; }
static const int K = 77; static const long LATE = -3;
#define X 123456789012LL
#define BELOW (-1)
#define BIG 0xffffffffffffffffULL
#define WRONG 12
enum { RIGHT = 4, OFF = 6 };
struct bad { char a; long long b; };
struct larger { int a, b; };
struct good { char a; int b : 3; double c; };
struct bits { int a : 3; };
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    if not (shutil.which("cc") or shutil.which("gcc")):
        pytest.skip("needs a C compiler")
    before = os.environ.get("JIFFI_CACHE")
    os.environ["JIFFI_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    ffi = jiffi.FFI()
    ffi.cdef(CDEF)
    try:
        yield ffi, ffi.inline(SOURCE)
    finally:
        os.environ.pop("JIFFI_CACHE")
        if before is not None:
            os.environ["JIFFI_CACHE"] = before


TYPES = [
    ("num", "int16_t", 2), ("wide", "uint64_t", 8), ("real", "float", 4),
    ("vec", "int[9]", 36), ("t", "t", 33), ("struct s", "struct s", 56),
    ("struct holder", "struct holder", 44), ("struct good", "struct good", 16),
    ("e_t", "e_t", 4), ("enum wide_e", "enum wide_e", 8),
]


@pytest.mark.parametrize("c, name, size", TYPES)
def test_types(compiled, c, name, size):
    ffi, _ = compiled
    assert ffi.typeof(c).cname == name
    assert ffi.sizeof(c) == size


OFFSETS = [
    ("struct s", "a", 8, "int16_t[7]"), ("struct s", "m", 24, None),
    ("struct s", "u", 40, "int"), ("struct s", "v", 40, "char"),
    ("struct s", "cb", 48, "int(*)(int, void *)"),
    ("struct holder", "v", 4, "int[9]"), ("struct holder", "e", 40, "e_t"),
    ("t", "tail", 0, "char[33]"), ("struct good", "c", 8, "double"),
]


@pytest.mark.parametrize("c, field, offset, name", OFFSETS)
def test_members(compiled, c, field, offset, name):
    ffi, _ = compiled
    f = dict(ffi.typeof(c).fields)[field]
    assert f.offset == offset == ffi.offsetof(c, field)
    assert name is None or f.type.cname == name


def test_inner(compiled):
    ffi, _ = compiled
    s = ffi.new("struct s *")
    assert ffi.sizeof(s.m[0]) == 8
    s.m[1].x = 5
    assert ffi.cast("int *", s)[9] == 5  # 24 + 8 + 4
    p = ffi.new("tp")
    assert ffi.sizeof(p[0]) == 148 and len(p.q) == 4


VALUES = [("K", 77), ("LATE", -3), ("X", 123456789012), ("BELOW", -1),
          ("BIG", 2**64 - 1), ("A", 5), ("B", -9), ("W", 1), ("RIGHT", 4)]


@pytest.mark.parametrize("name, value", VALUES)
def test_values(compiled, name, value):
    ffi, lib = compiled
    assert getattr(lib, name) == value
    assert ffi.integer_const(name) == value


def test_enum_elements(compiled):
    ffi, _ = compiled
    assert ffi.typeof("e_t").elements == {5: "A", -9: "B"}
    assert ffi.string(ffi.cast("e_t", -9)) == "B"


def test_variables(compiled):
    _, lib = compiled
    assert list(lib.arr) == [1, 2, 3]
    assert [list(row) for row in lib.grid] == [[1, 2, 3], [4, 5, 6]]


def test_calls(compiled):
    ffi, lib = compiled
    s, p = ffi.new("struct s *"), ffi.new("tp")
    s.a[2], p.q[3][2] = 10, 100
    assert lib.f(s, p, lib.B, 2.5) == 103
    s.u = 41
    assert lib.byval(s[0]).u == 42
    assert lib.use(lib.make()) == 17
    assert ffi.typeof(lib.handle()).kind == "pointer"


CONTRADICTIONS = [
    ("struct bad", "struct bad: wrong size for field 'b' (cdef says 4, but C compiler "
     "says 8)", "declared: 8 bytes aligned to 4, really: 16 aligned to 8; 'b': 4 bytes "
     "at offset 4, really 8 at 8"),
    ("struct larger", "struct larger: wrong total size (cdef says 4, but C compiler "
     "says 8)", "declared: 4 bytes aligned to 4, really: 8 aligned to 4"),
]


@pytest.mark.parametrize("c, message, all_of_it", CONTRADICTIONS)
def test_contradiction(compiled, c, message, all_of_it):
    ffi, _ = compiled
    for call in ffi.sizeof, lambda c: ffi.new(c + " *"), ffi.sizeof:
        with pytest.raises(jiffi.FFIError) as e:
            call(c)
        assert message in str(e.value) and all_of_it in str(e.value)
        assert 'use "...;" as the last field' in str(e.value)


def test_bits_and_dots(compiled):
    ffi, _ = compiled
    with pytest.raises((NotImplementedError, jiffi.VerificationMissing)) as e:
        ffi.new("struct bits *")
    assert "struct bits: using both bitfields and '...;'" in str(e.value)


@pytest.mark.parametrize("name, real, declared", [("WRONG", "12 (0xc)", 11),
                                                  ("OFF", "6", 5)])
def test_wrong_constant(compiled, name, real, declared):
    ffi, lib = compiled
    with pytest.raises(jiffi.FFIError) as e:
        getattr(lib, name)
    assert "the C compiler says '%s' is equal to %s" % (name, real) in str(e.value)
    assert lib.RIGHT == 4


def test_open_record_by_value(compiled):
    ffi, lib = compiled
    s = ffi.new("struct s *")
    f = ffi.addressof(lib, "byval")
    with pytest.raises(NotImplementedError, match="'struct s' cannot be passed"):
        ffi.cast("struct s(*)(struct s)", f)(s[0])
    with pytest.raises(NotImplementedError, match="'struct s' cannot be passed"):
        ffi.callback("void(struct s)", lambda s: None)
