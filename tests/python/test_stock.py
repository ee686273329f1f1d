# SPDX-License-Identifier: MIT
"""Modules that cffi compiled, on jiffi: every kind of thing they can hold.

What is expected here is what the same modules give on cffi.
"""

import gc
import io
import sys
import types
import weakref

import pytest
import stock_samples as stock


@pytest.fixture
def one():
    return stock.module("stock_one")


# --- the module -------------------------------------------------------------------


def test_what_a_module_has(one):
    backend = stock.backend()
    assert type(one.ffi) is backend.FFI and type(one.lib) is backend.Lib
    assert repr(one.lib) == "<Lib object for 'stock_one'>"
    assert sys.modules["stock_one"] is one and sys.modules["stock_one.lib"] is one.lib
    assert isinstance(one.lib, types.ModuleType)
    assert one.lib.__name__ == "stock_one.lib"
    from stock_one.lib import add

    assert add is one.lib.add


def test_names(one):
    names = dir(one.lib)
    assert names == sorted(names)
    assert {"add", "counter", "RED", "FORTY", "python_sum"} <= set(names)
    assert set(names) - set(one.lib.__all__) == {
        "counter", "table", "unsized", "origin", "message"}  # fmt: skip
    for missing in ("no_such", "__nothing__", ""):
        with pytest.raises(AttributeError) as e:
            getattr(one.lib, missing)
        assert str(e.value) == ("cffi library 'stock_one' has no function, constant or "
                                "global variable named '%s'" % missing)  # fmt: skip


def test_the_dict(one):
    everything = set(dir(one.lib)) - {"WRONG"}
    with pytest.raises(one.ffi.error, match="'WRONG' is equal to 42"):
        one.lib.__dict__
    for name in everything:
        getattr(one.lib, name)


def test_weak_references(one):
    assert weakref.ref(one.lib)() is one.lib
    assert weakref.ref(one.ffi)() is one.ffi


# --- calls ------------------------------------------------------------------------

CALLS = [
    ("add", (2, 3), 5), ("add", (-2, True), -1), ("inc", (2**31 - 2,), 2**31 - 1),
    ("seven", (), 7), ("nothing", (), None), ("mixed", (1, 2.5), 3.5),
    ("i8", (-128,), -128), ("u8", (255,), 255), ("i16", (-(2**15),), -(2**15)),
    ("u16", (2**16 - 1,), 2**16 - 1), ("u32", (2**32 - 1,), 2**32 - 1),
    ("i64", (-(2**63),), -(2**63)), ("u64", (2**64 - 1,), 2**64 - 1),
    ("negate", (0,), True), ("negate", (True,), False),
    ("next_char", (b"a",), b"b"), ("next_wide", ("\u00e9",), "\u00ea"),
    ("next_wide", ("\U0001f600",), "\U0001f601"),
    ("cf", (1 + 2j,), 2 + 2j), ("cd", (1.5,), 2.5 + 0j), ("next_any", (5,), 6),
    ("sum_pt", ([3, 4],), 7), ("sum_pt", ({"y": 9},), 9), ("sum_ptr", ([[3, 5]],), 8),
    ("sum", ([1, 2, 3], 3), 6), ("sum", ((1, 2), 2), 3), ("sum", ([], 0), 0),
    ("length", (b"hello",), 5), ("wide_length", ("caf\u00e9",), 4),
    ("any", (b"\0\1\1", 3), 2), ("next_color", (0,), 5),
]  # fmt: skip


@pytest.mark.parametrize("name, args, result", CALLS, ids=lambda v: str(v)[:20])
def test_calls(one, name, args, result):
    got = getattr(one.lib, name)(*args)
    assert got == result and type(got) is type(result)


ERRORS = [
    ("add", (1,), TypeError, "add expected 2 arguments, got 1"),
    ("seven", (1,), TypeError, "seven() takes no arguments (1 given)"),
    ("add", (1, "x"), TypeError, "an integer is required"),
    ("inc", (1.5,), TypeError, "an integer is required"),
    ("inc", (2**31,), OverflowError, "integer 2147483648 does not fit '32-bit int'"),
    ("i8", (128,), OverflowError, "integer 128 does not fit '8-bit int'"),
    ("u8", (256,), OverflowError, "integer 256 does not fit '8-bit unsigned int'"),
    ("i16", (-40000,), OverflowError, "integer -40000 does not fit '16-bit int'"),
    ("u32", (-1,), OverflowError, "integer -1 does not fit '32-bit unsigned int'"),
    ("u64", (-1,), OverflowError, ""), ("u64", (2**64,), OverflowError, ""),
    ("i64", (2**63,), OverflowError, ""),
    ("negate", (2,), OverflowError, "integer 2 does not fit '_Bool'"),
    ("next_char", (b"ab",), TypeError,
     "initializer for ctype 'char' must be a bytes of length 1, not bytes"),
    ("next_wide", (b"a",), TypeError,
     "initializer for ctype 'char32_t' must be a unicode string of length 1, not "
     "bytes"),
    ("length", ("text",), TypeError,
     "initializer for ctype 'char *' must be a cdata pointer, not str"),
    ("length", (5,), TypeError,
     "initializer for ctype 'char *' must be a cdata pointer, not int"),
    ("sum_pt", (5,), TypeError,
     "initializer for ctype 'pt' must be a list or tuple or dict or struct-cdata, "
     "not int"),
    ("any", (b"\2", 1), ValueError,
     "an array of _Bool can only contain \\x00 or \\x01"),
    ("mixed", ("a", 1), TypeError, "must be real number, not str"),
]  # fmt: skip


@pytest.mark.parametrize("name, args, error, text", ERRORS, ids=lambda v: str(v)[:20])
def test_refused(one, name, args, error, text):
    with pytest.raises(error) as e:
        getattr(one.lib, name)(*args)
    if name != "length" or args == (5,):
        assert text in str(e.value)
    assert one.lib.add(1, 2) == 3


def test_long_double(one):
    x = one.lib.twice(2.5)
    assert one.ffi.typeof(x) is one.ffi.typeof("long double") and float(x) == 5.0
    assert float(one.lib.twice(x)) == 10.0


def test_a_function_stands_for_its_pointer(one):
    ffi, lib = one.ffi, one.lib
    assert lib.add.__name__ == "add"
    assert lib.add.__doc__ == "int add(int, int);\n\nCFFI C function from stock_one.lib"
    assert ffi.typeof(lib.add) is ffi.typeof("int(*)(int, int)")
    pointer = ffi.addressof(lib, "inc")
    assert pointer(5) == 6 and ffi.addressof(lib, "inc") == pointer
    assert lib.apply(lib.inc, 5) == 6 and lib.apply(pointer, 6) == 7
    assert lib.apply(ffi.callback("int(int)", lambda x: x * 3), 5) == 15
    with pytest.raises(TypeError):
        lib.apply(lambda x: x, 5)


def test_variadic(one):
    out = one.ffi.new("char[]", 40)
    n = one.lib.format(out, 40, b"%d-%s", one.ffi.cast("int", 7),
                       one.ffi.new("char[]", b"x"))  # fmt: skip
    assert one.ffi.string(out) == b"7-x" and n == 3


def test_errno(one):
    one.ffi.errno = 77
    assert one.lib.set_errno(33) == 77
    assert one.ffi.errno == 33


# --- types ------------------------------------------------------------------------


def test_structs(one):
    ffi, lib = one.ffi, one.lib
    p = lib.make_pt(3, 4)
    assert (p.x, p.y, ffi.string(p.name)) == (3, 4, b"made")
    assert lib.sum_pt(p) == lib.sum_ptr(ffi.addressof(p)) == 7
    big = lib.make_big(7)
    assert (big.a, big.d, big.s) == (7, 10.5, 7)
    assert ffi.sizeof("struct part") == 16 and ffi.offsetof("struct part", "b") == 8
    bits = ffi.new("struct bits *", [-4, 31, 9])
    assert (bits.a, bits.b, bits.c) == (-4, 31, 9)
    fields = dict(ffi.typeof("struct bits").fields)
    assert (fields["b"].bitshift, fields["b"].bitsize) == (3, 5)
    dots = ffi.new("struct dots *")
    assert len(dots.arr) == 9 and ffi.offsetof("struct dots", "n") == 40
    tail = ffi.new("struct tail *", [2, [5, 6, 7]])
    assert [tail.rest[i] for i in range(3)] == [5, 6, 7] and ffi.sizeof(tail[0]) == 10
    nested = ffi.new("struct nested *", {"b": 1.0})
    assert nested.a == 0x3F800000
    u = ffi.new("union num *", {"i": 1})
    assert ffi.typeof("union num").kind == "union" and bytes(u.bytes) == b"\1\0\0\0"
    opaque = lib.get_opaque()
    assert lib.use_opaque(opaque) == 99
    with pytest.raises(TypeError):
        opaque[0]
    with pytest.raises(ffi.error, match="don't know the size of ctype 'struct opaque'"):
        ffi.sizeof("struct opaque")


def test_enums_and_constants(one):
    ffi, lib = one.ffi, one.lib
    assert (lib.RED, lib.GREEN, lib.BLUE, lib.LOW) == (0, 5, 6, -10)
    assert (lib.FIRST, lib.SECOND) == (3, 33)
    assert ffi.typeof("enum color").elements == {0: "RED", 5: "GREEN", 6: "BLUE"}
    assert ffi.typeof("enum level").relements == {"LOW": -10, "HIGH": 10}
    assert ffi.string(ffi.cast("enum color", 5)) == "GREEN"
    assert (lib.FORTY, lib.DOTS, lib.BELOW) == (40, 12345, -17)
    assert lib.HUGE_ONE == 2**64 - 1
    assert ffi.string(lib.HELLO) == b"hello world" and lib.TAU == 6.28
    assert lib.CONSTANT_PT.y == 2
    for _ in range(2):
        with pytest.raises(ffi.error) as e:
            lib.WRONG
        assert str(e.value) == ("the C compiler says 'WRONG' is equal to 42 (0x2a), "
                                "but the cdef disagrees")  # fmt: skip
    assert ffi.integer_const("FORTY") == 40
    with pytest.raises(AttributeError, match="integer constant 'nope' not found"):
        ffi.integer_const("nope")
    with pytest.raises(ffi.error, match="must be fetched from its original 'lib'"):
        ffi.integer_const("add")
    for name in ("RED", "add", "HELLO"):
        with pytest.raises(AttributeError) as e:
            setattr(lib, name, 1)
        assert str(e.value) == "cannot write to function or constant '%s'" % name


def test_variables(one):
    ffi, lib = one.ffi, one.lib
    assert lib.counter == 3
    lib.counter = -8
    assert lib.counter == -8 and ffi.addressof(lib, "counter")[0] == -8
    ffi.addressof(lib, "counter")[0] = 3
    assert lib.counter == 3
    lib.table[1] = 20
    assert list(lib.table) == [1, 20, 3, 4] and len(lib.table) == 4
    lib.table = [1, 2, 3, 4]
    assert lib.table[1] == 2
    assert lib.unsized[2] == 9
    assert lib.origin.x == 10 and ffi.string(lib.message) == b"a message"
    with pytest.raises(OverflowError):
        lib.counter = 2**40
    with pytest.raises(TypeError):
        lib.counter = "x"
    with pytest.raises(AttributeError, match="C attribute cannot be deleted"):
        del lib.counter
    with pytest.raises(AttributeError, match="cannot take the address of the constant"):
        ffi.addressof(lib, "FORTY")


def test_given_types(one):
    ffi = one.ffi
    assert ffi.sizeof("any_int") == 2
    assert ffi.typeof("any_float") is ffi.typeof("double")
    types, structs, unions = ffi.list_types()
    assert types == ["any_float", "any_int", "pt"] and "nested" in structs
    assert unions == ["num"]
    assert not hasattr(ffi, "cdef") and not hasattr(ffi, "verify")


# Taken from cffi: the text, what is wrong, and below which character.
STRINGS = [
    ("struct nope", "undefined struct/union name", 7),
    ("foo_t", "undefined type name", 0),
    ("int[", "expected a positive integer constant", 4),
    ("int(*)(foo)", "undefined type name", 7), ("", "identifier expected", 0),
    ("unsigned float", "invalid combination of types", 9),
    ("long long long", "'long long long' is too long", 10),
    ("short long", "'long' after 'short'", 6),
    ("unsigned signed", "multiple 'signed' or 'unsigned'", 9),
    ("struct color", "undefined struct/union name", 7),
    ("struct num", "wrong kind of tag: struct vs union", 7),
    ("enum RED", "undefined enum name", 5), ("enum", "enum name expected", 4),
    ("int[BELOW]", "expected a positive integer constant", 4),
    ("int[HUGE_ONE]", "integer constant too large", 4),
    ("int[WRONG]", "disagreement about this constant's value", 4),
    ("int[99999999999999999999]", "number too large", 4),
    ("int[09]", "invalid number", 4),
    ("int[5", "expected ']'", 5), ("int(int", "expected ')'", 7),
    ("int __stdcall", "expected '('", 13), ("int *, int", "unexpected symbol", 5),
    ("int _Complex", "_Complex type combination unsupported", 4),
    ("5", "identifier expected", 0),
]  # fmt: skip


@pytest.mark.parametrize("text, why, at", STRINGS)
def test_type_strings_refused(one, text, why, at):
    with pytest.raises(one.ffi.error) as e:
        one.ffi.typeof(text)
    assert str(e.value) == "%s\n%s\n%s^" % (why, text, " " * at)


@pytest.mark.parametrize("text, name", [
    ("int[FORTY]", "int[40]"), ("pt*(*)(pt, ...)", "pt *(*)(pt, ...)"),
    ("int(*(*)(int))[3]", "int(*(*)(int))[3]"), ("const char *const *", "char * *"),
    ("int *x[0x10]", "int *[16]"), ("FILE *", "FILE *"), ("bool", "_Bool"),
    ("unsigned", "unsigned int"), ("long int unsigned *", None),
    ("int(*)(int[5], int(char))", "int(*)(int *, int(*)(char))"),
    ("void(*)(void)", "void(*)()"), ("enum color", "enum color"),
])  # fmt: skip
def test_type_strings(one, text, name):
    if name is None:
        with pytest.raises(one.ffi.error, match="unexpected symbol"):
            one.ffi.typeof(text)
    else:
        assert one.ffi.typeof(text).cname == name


def test_function_types_are_no_values(one):
    with pytest.raises(one.ffi.error) as e:
        one.ffi.typeof("int(int)")
    assert "is a function type, not a pointer-to-function type" in str(e.value)
    assert one.ffi.callback("int(int)", lambda x: x)(4) == 4


# --- extern "Python" --------------------------------------------------------------


def test_extern_python(one, capfd):
    ffi, lib = one.ffi, one.lib
    seen = []

    @ffi.def_extern()
    def python_sum(n, half, p, text, wide):
        name = ffi.string(p.name)
        seen.append((n, half, p.x, p.y, name, ffi.string(text), float(wide)))
        return n * 2

    assert lib.call_python_sum(21) == 42
    assert seen == [(21, 10.5, 21, 22, b"cell", b"text", 2.5)]
    assert ffi.typeof(lib.python_sum).kind == "function"

    assert lib.call_python_big(5) == 0
    assert "function" in capfd.readouterr().err

    @ffi.def_extern(name="python_big")
    def anything(n):
        return [n, 2.0, 3]

    assert lib.call_python_big(5) == 5
    with pytest.raises(ffi.error, match="no 'extern \"Python\"' function with"):
        ffi.def_extern(name="add")(python_sum)


def test_extern_python_that_fails(one, monkeypatch):
    ffi, lib = one.ffi, one.lib
    told, caught = [], []
    monkeypatch.setattr(sys, "unraisablehook", lambda u: told.append(u.exc_value))

    @ffi.def_extern(error=-7)
    def python_sum(*args):
        return 1 // 0

    assert lib.call_python_sum(1) == -7 and isinstance(told[0], ZeroDivisionError)
    ffi.def_extern("python_sum", onerror=lambda *e: caught.append(e) or -9)(python_sum)
    assert lib.call_python_sum(1) == -9 and caught[0][0] is ZeroDivisionError


# --- modules that include, contradict, or are Python ------------------------------


def test_include(one):
    two = stock.module("stock_two")
    ffi, lib = two.ffi, two.lib
    assert ffi.typeof("pt") is one.ffi.typeof("pt")
    assert ffi.typeof("struct big") is one.ffi.typeof("struct big")
    assert lib.add is one.lib.add and lib.FORTY == 40 and lib.counter == one.lib.counter
    big = one.ffi.new("struct big *", [100])
    assert lib.sum_pair(ffi.new("struct pair *", [[1, 2], big])) == 101
    assert ffi.integer_const("FORTY") == 40 and lib.same_color(lib.BLUE) == 6
    assert lib.next16("a") == "b" and lib.next32("\U0001f600") == "\U0001f601"
    with pytest.raises(TypeError, match="larger-than-0xFFFF character"):
        lib.next16("\U0001f600")
    assert "add" not in dir(lib)


def test_included_by_a_module_of_ours(one):
    """Its declarations are text, and use what the compiled module's tables have."""
    two = stock.module("stock_two")
    backend = stock.backend()
    text = "struct mine { pt p; struct pair *q; enum color c; int many[FORTY]; };"
    rows = [(text, False, 0, False, 0)]
    ffi = backend._load_texts("mine", rows, includes=("stock_one", "stock_two"))
    assert type(ffi) is backend.FFI
    fields = dict(ffi.typeof("struct mine").fields)
    assert fields["p"].type is one.ffi.typeof("pt")
    assert fields["q"].type is two.ffi.typeof("struct pair *")
    assert fields["c"].type is one.ffi.typeof("enum color")
    assert ffi.sizeof("struct mine") == 192 and fields["many"].type.length == 40
    assert "pair" not in dir(one.lib) and dir(one.lib).count("FORTY") == 1


@pytest.mark.parametrize("name, why", [
    ("longer", "wrong total size (cdef says 4, but C compiler says 8)"),
    ("moved", "wrong offset for field 'b' (cdef says 4, but C compiler says 8)"),
    ("wider", "wrong size for field 'a' (cdef says 4, but C compiler says 8)"),
])  # fmt: skip
def test_contradiction(name, why):
    ffi = stock.module("stock_wrong").ffi
    for use in (ffi.sizeof, ffi.alignof, lambda t: ffi.new(t + " *")):
        with pytest.raises(ffi.error) as e:
            use("struct " + name)
        assert str(e.value) == (
            "struct %s: %s. fix it or use \"...;\" as the last field in the cdef for "
            "struct %s to make it flexible" % (name, why, name))  # fmt: skip
    pointer = "struct %s *" % name  # whoever only hands it on is not concerned
    assert ffi.sizeof(pointer) == ffi.alignof(pointer) == 8
    p = ffi.cast(pointer, 16)
    back = ffi.callback("%s(%s)" % (pointer, pointer), lambda p: p)
    assert back(p) == p and ffi.new(pointer + "[1]", [p])[0] == p
    with pytest.raises(ffi.error):
        p[0]
    assert ffi.sizeof("struct fine") == 4
    assert ffi.offsetof("struct loose", "b") == 16 and ffi.sizeof("struct loose") == 24


def test_python_module():
    text = stock.module("stock_text")
    ffi = text.ffi
    lib = ffi.dlopen(None)
    assert lib.abs(-5) == 5 and type(lib.abs) is ffi.CData
    assert lib.strlen(b"four") == 4 and lib.ANSWER == 42 and lib.MINUS == -1
    assert lib.environ != ffi.NULL
    assert ffi.sizeof("union u") == 8 and ffi.new("struct bits *", [-4, 1, 2]).a == -4
    base = stock.module("stock_base").ffi
    assert ffi.typeof("div_type") is base.typeof("div_type")
    assert ffi.integer_const("BASE_ONE") == 11 and lib.BASE_ONE == 11
    for name in ("no_such_function", "no_such_variable"):
        with pytest.raises(ffi.error, match="symbol '%s' not found in library" % name):
            getattr(lib, name)
    ffi.dlclose(lib)
    with pytest.raises(ffi.error, match="has been closed"):
        lib.abs


# --- tables that are wrong --------------------------------------------------------


def poke(table, i, **values):
    def spoil(t):
        for name, value in values.items():
            setattr(getattr(t, table)[i], name, value)

    return spoil


def word(i, value):
    return lambda t: t.types.__setitem__(i, value)


def attribute(name, value):
    return lambda t: setattr(t, name, value)


SPOILED = [
    (attribute("version", 0x2600), "unknown version tag 0x2600"),
    (attribute("version", 0x2900), "unknown version tag 0x2900"),
    (attribute("counts", {"globals": -1}), "table of globals says that it has -1"),
    (attribute("counts", {"types": 2**30}), "table of types says that it has"),
    (attribute("lost", ("records",)), "table of struct_unions"),
    (word(9, 0), "types entry 9 has an operation not known"),
    (word(4, stock.op("TYPENAME")), "types entry 4 has an operation not known"),
    (word(4, stock.op("PRIMITIVE", 52)), "types entry 4 is a primitive type not known"),
    (word(4, stock.op("PRIMITIVE", -4)), "types entry 4 is a primitive type not known"),
    (word(2, stock.op("POINTER", 12)), "types entry 2 names a type that is not there"),
    (word(2, stock.op("POINTER", -1)), "types entry 2 names a type that is not there"),
    (word(2, stock.op("POINTER", 8)), "types entry 2 names a type that is not there"),
    (word(2, stock.op("POINTER", 2)), "types entry 2 contains itself"),
    (word(1, stock.op("NOOP", 0)), "types entry 0 contains itself"),
    (word(5, stock.op("RECORD", 1)), "types entry 5 names a struct that is not there"),
    (word(6, stock.op("ENUM", 5)), "types entry 6 names an enum that is not there"),
    (word(3, stock.op("FUNCTION_END", 8)), "calling convention not known"),
    (attribute("types", [stock.op("FUNCTION", 1), stock.op("PRIMITIVE", 7)]),
     "types entry 1 leaves a function without its end"),
    (word(2, stock.op("FUNCTION", 4)), "function inside of a function"),
    (word(7, stock.op("FUNCTION_END")), "ends a function that was not begun"),
    (word(8, 2**63), "array of a length out of range"),
    (word(11, stock.op("ARRAY", 4)), "array without a length"),
    (poke("globals", 0, name=None), "globals entry 0 has no name"),
    (poke("globals", 1, name=b"A"), "globals entry 1 ('A') is out of order"),
    (poke("globals", 1, op=stock.op("POINTER", 1)),
     "globals entry 1 ('FIVE') has an op"),
    (poke("globals", 2, op=stock.op("BUILTIN_O", 4)),
     "('call') names a type that is not"),
    (poke("globals", 2, address=None), "globals entry 2 ('call') has no address"),
    (poke("globals", 3, op=stock.op("VARIABLE", 99)),
     "('var') names a type that is not"),
    (poke("records", 0, flags=64), "('point') has flags not known"),
    (poke("records", 0, type_index=4), "('point') is not at its place in the types"),
    (poke("records", 0, n=-1), "('point') has a number of members out of range"),
    (poke("records", 0, first=-1), "('point') has members that are not there"),
    (poke("records", 0, size=2**63), "('point') has a size out of range"),
    (poke("records", 0, align=3), "('point') has an alignment out of range"),
    (poke("fields", 1, name=None), "('point') has a member without a name"),
    (poke("fields", 1, op=stock.op("POINTER", 4)),
     "member with an operation not known"),
    (poke("fields", 1, op=stock.op("NOOP", 77)), "a member whose type is not there"),
    (poke("fields", 1, op=stock.op("BITFIELD", 4), size=65),
     "bit-field of a width out of"),
    (poke("fields", 1, offset=2**63), "a member at an offset out of range"),
    (poke("enums", 0, prim=99), "enums entry 0 ('e') is of a primitive type not known"),
    (poke("enums", 0, items=None), "enums entry 0 ('e') has no enumerators"),
    (poke("enums", 0, type_index=5), "('e') is not at its place in the types"),
    (poke("typenames", 0, type_index=8), "typenames entry 0 ('ten') names a type"),
]  # fmt: skip


@pytest.mark.parametrize("spoil, why", SPOILED, ids=[why[:40] for _, why in SPOILED])
def test_spoiled_tables(spoil, why):
    t = stock.Tables()
    spoil(t)
    with pytest.raises(ImportError) as e:
        t.load()
    assert "'spoiled'" in str(e.value) and why in str(e.value)
    assert not any(t.exports)  # nothing was handed out


def test_the_same_tables_in_order():
    t = stock.Tables()
    m = t.load()
    assert m.__name__ == "spoiled"
    assert (m.lib.A, m.lib.FIVE, m.lib.var) == (5, 5, 17)
    assert m.ffi.sizeof("ten") == 40 and m.ffi.sizeof("struct point") == 8
    assert m.ffi.typeof("enum e").elements == {5: "A"}
    assert m.ffi.typeof(m.lib.call).cname == "int(*)(int, struct point *)"
    assert t.exports[24] and not t.exports[25]


LATER = [
    (poke("globals", 0, name=b"AA"), "enum e",
     "the enumerator 'A' is not in the module"),
    (poke("globals", 0, address=stock.address(stock.disagrees)), "enum e",
     "says 'A' is equal to 7"),
    (poke("records", 0, flags=stock.EXTERNAL, n=0, first=-1), "struct point",
     "'struct point' should come from ffi.include() but was not found"),
    (poke("enums", 0, prim=-1), "enum e", "integer type with an unexpected size"),
    (poke("fields", 0, op=stock.op("NOOP", 5)), "struct point",
     "contains itself by value"),
    (poke("fields", 0, op=stock.op("NOOP", 9)), "struct point",
     "struct point: wrong size for field 'x' (cdef says -1, but C compiler says 4)"),
    (poke("records", 0, flags=0, size=2), "struct point",
     "struct point cannot be of size"),
]  # fmt: skip


@pytest.mark.parametrize("spoil, type_, why", LATER,
                         ids=[why[:40] for _, _, why in LATER])  # fmt: skip
def test_spoiled_and_seen_later(spoil, type_, why):
    t = stock.Tables()
    spoil(t)
    m = t.load()
    for _ in range(2):
        with pytest.raises((m.ffi.error, TypeError, NotImplementedError)) as e:
            m.ffi.sizeof(type_)
        assert why in str(e.value)
    assert m.lib.FIVE == 5 and m.ffi.sizeof("ten") == 40


def test_a_flood_of_spoiled_tables():
    """Whatever the numbers say, there is an answer."""
    import random

    random.seed(5)
    fine = 0
    for _ in range(1500):
        t = stock.Tables()
        for _ in range(random.randint(1, 3)):
            table = random.choice(["types", "types", "records", "fields", "enums",
                                   "typenames", "globals"])  # fmt: skip
            rows = getattr(t, table)
            i = random.randrange(len(rows))
            known = stock.op(random.choice(list(stock.OPS)), random.randint(-2, 12))
            any_number = random.getrandbits(31)
            odd = random.choice([-2, -1, 0, 1, 2, 5, 12, 2**31 - 1, any_number])
            if table == "types":
                rows[i] = random.choice([known, known, odd % 2**64])
                continue
            numbers = [n for n, kind in rows[i]._fields_
                       if kind not in (stock.ctypes.c_char_p, stock.ctypes.c_void_p)
                       and n not in ("first", "n")]  # fmt: skip
            name = random.choice(numbers)
            if table == "globals":  # what an address is for, nobody can check
                known = rows[i].op & 255 | known & ~255
            setattr(rows[i], name, known if name == "op" else odd)
        try:
            m = t.load()
        except ImportError:
            continue
        fine += 1
        for name in dir(m.lib):
            try:
                getattr(m.lib, name)
            except (m.ffi.error, TypeError, ValueError, NotImplementedError):
                pass
        for text in ("struct point", "enum e", "ten", "struct point *[3]"):
            try:
                m.ffi.typeof(text)
                m.ffi.sizeof(text)
                m.ffi.typeof(text).fields
            except (m.ffi.error, TypeError, ValueError, NotImplementedError,
                    AttributeError, OverflowError):  # fmt: skip
                pass
    assert fine > 100


def test_of_python_modules():
    FFI = stock.backend().FFI
    with pytest.raises(ImportError, match="'m' has unknown version 0x1"):
        FFI("m", _version=1, _types=b"\0\0\0\1")
    with pytest.raises(ImportError, match="globals entry 0 is too short"):
        FFI("m", _version=0x2601, _types=b"", _globals=(b"\0", 0))
    with pytest.raises(ImportError, match="types entry 0 has an operation not known"):
        FFI("m", _version=0x2601, _types=b"\0\0\0\2")
    with pytest.raises(ImportError, match="struct_unions entry 0 is no tuple"):
        FFI("m", _version=0x2601, _types=b"", _struct_unions=(5,))
    with pytest.raises(ImportError, match="includes a int"):
        FFI("m", _version=0x2601, _types=b"", _includes=(5,))
    ffi = FFI()
    with pytest.raises(ValueError, match="more than once"):
        ffi.__init__()
    assert ffi.sizeof("int[3]") == 12


def test_python_ffis_go():
    FFI = stock.backend().FFI
    rows = dict(_version=0x2601, _types=b"\0\0\7\1\0\0\0\t",
                _struct_unions=((b"\0\0\0\1\0\0\0\2s", b"\0\0\0\x11a"),))  # fmt: skip
    ffi = FFI("m", **rows)
    late, used = FFI("m", **rows).typeof("struct s"), ffi.new("struct s *", [7])
    ref = weakref.ref(ffi)
    del ffi
    gc.collect()
    assert ref() is None
    assert used.a == 7 and late.fields[0][0] == "a"


def test_capsule():
    import ctypes

    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    slots = (ctypes.c_void_p * 25).from_address(get(stock.backend()._C_API, b"cffi"))
    assert not slots[0] and all(slots[1:])
    to_i32 = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object)(slots[5])
    assert to_i32(-5) == -5
    layout = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p)(slots[12])
    numbers = (ctypes.c_ssize_t * 4)(8, 4, 0, -1)
    assert layout(ctypes.addressof(numbers)) == [8, 4, 0]


def test_streams_go_to_file_pointers(one):
    with pytest.raises(TypeError):
        one.lib.sum_ptr(io.StringIO())
