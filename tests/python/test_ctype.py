# SPDX-License-Identifier: MIT
"""ctype objects: attributes by kind, identity, lifetime."""

import gc
import weakref

import pytest

from jiffi import FFI

DECLS = """
struct point { int x, y; };
struct mixed { char c; unsigned low : 3; int high : 20; double tail[2]; };
union either { int i; double d; char raw[8]; };
struct lifted { int before; struct { int in1; union { int u1; char u2; }; }; int after; };
struct open { int n; short items[]; };
struct node { struct node *next; int value; };
struct hidden;
enum level { LOW = -1, MID, HIGH = 10, SAME = 10 };
enum flags { F1 = 1, F2 = 2u };
typedef struct { int a; } unnamed;
"""

ALWAYS = ["cname", "kind"]


@pytest.fixture(scope="module")
def ffi():
    ffi = FFI()
    ffi.cdef(DECLS)
    return ffi


@pytest.mark.parametrize("text, kind, names", [
    ("void", "void", []),
    ("int", "primitive", []),
    ("double _Complex", "primitive", []),
    ("_Bool", "primitive", []),
    ("int *", "pointer", ["item"]),
    ("void *", "pointer", ["item"]),
    ("int(* *)(int)", "pointer", ["item"]),
    ("int[4]", "array", ["item", "length"]),
    ("int[]", "array", ["item", "length"]),
    ("struct point", "struct", ["fields"]),
    ("union either", "union", ["fields"]),
    ("struct hidden", "struct", ["fields"]),
    ("enum level", "enum", ["elements", "relements"]),
    ("int(*)(int, ...)", "function", ["abi", "args", "ellipsis", "result"]),
])
def test_kinds_and_dir(ffi, text, kind, names):
    t = ffi.typeof(text)
    assert t.kind == kind
    assert t.cname == text
    assert repr(t) == "<ctype '%s'>" % text
    assert sorted(dir(t)) == sorted(ALWAYS + names)
    every = {"item", "length", "fields", "args", "result", "ellipsis", "abi",
             "elements", "relements"}
    for name in every - set(names):
        with pytest.raises(AttributeError):
            getattr(t, name)


def test_pointers_and_arrays(ffi):
    t = ffi.typeof("int *[3]")
    assert t.length == 3
    assert t.item is ffi.typeof("int *")
    assert t.item.item is ffi.typeof("int")
    assert ffi.typeof("int[]").length is None


def test_functions(ffi):
    t = ffi.typeof("char *(*)(int, struct point *, ...)")
    assert t.args == (ffi.typeof("int"), ffi.typeof("struct point *"))
    assert t.result is ffi.typeof("char *")
    assert t.ellipsis is True
    assert ffi.typeof("void(*)(void)").args == ()
    assert ffi.typeof("void(*)(void)").ellipsis is False
    assert isinstance(t.abi, int)


def fields(t):
    return [(n, f.type.cname, f.offset, f.bitshift, f.bitsize, f.flags) for n, f in t.fields]


def test_fields(ffi):
    assert fields(ffi.typeof("struct mixed")) == [
        ("c", "char", 0, -1, -1, 0),
        ("low", "unsigned int", 0, 8, 3, 0),
        ("high", "int", 0, 11, 20, 0),
        ("tail", "double[2]", 8, -1, -1, 0)]
    assert fields(ffi.typeof("union either")) == [
        ("i", "int", 0, -1, -1, 0),
        ("d", "double", 0, -1, -1, 1),
        ("raw", "char[8]", 0, -1, -1, 1)]
    assert fields(ffi.typeof("struct lifted")) == [
        ("before", "int", 0, -1, -1, 0),
        ("in1", "int", 4, -1, -1, 0),
        ("u1", "int", 8, -1, -1, 0),
        ("u2", "char", 8, -1, -1, 1),
        ("after", "int", 12, -1, -1, 0)]
    assert fields(ffi.typeof("struct open"))[1] == ("items", "short[]", 4, -2, -1, 0)
    assert ffi.typeof("struct hidden").fields is None


def test_fields_of_itself(ffi):
    node = ffi.typeof("struct node")
    assert dict(node.fields)["next"].type.item is node


def test_enums(ffi):
    t = ffi.typeof("enum level")
    assert t.elements == {-1: "LOW", 0: "MID", 10: "HIGH"}
    assert t.relements == {"LOW": -1, "MID": 0, "HIGH": 10, "SAME": 10}
    t.elements.clear()  # a copy
    assert len(t.elements) == 3


def test_one_object_per_type(ffi):
    other = FFI()
    other.cdef("struct point { int x, y; };")
    assert ffi.typeof("int *") is other.typeof("const int *")
    assert ffi.typeof("int(*)(char *)") is other.typeof("int(*)(const char *)")
    assert ffi.typeof("struct point") is not other.typeof("struct point")
    assert ffi.typeof("struct point") == ffi.typeof("struct point")
    assert len({ffi.typeof("int"), ffi.typeof("int"), ffi.typeof("unsigned")}) == 2


def test_weakly_kept(ffi):
    other = FFI()
    t = other.typeof("int[77003]")
    ref = weakref.ref(t)
    assert ref() is t
    del t, other
    gc.collect()
    assert ref() is None
    assert ffi.typeof("int[77003]").length == 77003


def test_cycles_are_collected():
    ffi = FFI()
    ffi.cdef("struct node { struct node *next; };")
    t = ffi.typeof("struct node")
    assert t.fields
    ref = weakref.ref(t)
    del t, ffi
    gc.collect()
    assert ref() is None


def test_many_types_do_not_pile_up(ffi):
    gc.collect()
    before = len(gc.get_objects())
    for i in range(20000):
        ffi.typeof(ffi.new("char[%d]" % (i % 50 + 1))).item
    for i in range(2000):
        FFI().typeof("short[%d]" % (900000 + i))
    gc.collect()
    assert len(gc.get_objects()) - before < 500


def test_deep_pointers_unwind():
    ffi = FFI()
    t = ffi.typeof("int" + "*" * 200)
    chain = [t]
    while chain[-1].kind == "pointer":
        chain.append(chain[-1].item)
    assert len(chain) == 201
    del chain, t


@pytest.mark.parametrize("attempt", [
    lambda t: type(t)(), lambda t: t(), lambda t: type("Sub", (type(t),), {}),
    lambda t: setattr(t, "kind", "x"), lambda t: setattr(t, "more", 1),
])
def test_closed(ffi, attempt):
    with pytest.raises((TypeError, AttributeError)):
        attempt(ffi.typeof("int"))


def test_late_completion():
    ffi = FFI()
    ffi.cdef("struct later; typedef struct later *handle;")
    t = ffi.typeof("struct later")
    assert t.fields is None
    p = ffi.cast("handle", 0)
    with pytest.raises(AttributeError, match="points to an opaque type: cannot read fields"):
        p.x
    ffi.cdef("struct later { int x; };")
    assert [n for n, _ in t.fields] == ["x"]
    assert ffi.new("handle", [5]).x == 5
