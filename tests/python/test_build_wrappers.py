# SPDX-License-Identifier: MIT
"""Wrappers of compiled modules: the plain one, the one behind it, and the thunk of
ABI mode give the same.

Every function is called by its name (the wrapper) and through its address (the
thunk), with values on both sides of every border of what is plain.
"""

import errno
import threading

import pytest

from jiffi import FFI
from test_build import make

SIZES = {"signed char": 8, "short": 16, "int": 32, "long": 64, "long long": 64}
INTS = [name for plain in SIZES for name in (
    plain, "unsigned " + plain.replace("signed ", ""))]


def word(name):
    return name.replace(" ", "_")


CDEF = "".join("%s id_%s(%s x);\n%s second_%s(int, %s x);\n" % (
    t, word(t), t, t, word(t), t) for t in INTS) + """
    typedef struct { double a, b; } pair;
    typedef struct { char text[3]; } three;
    typedef union { int i; float f; } either;
    enum color { RED, GREEN = 5, BLUE = -7 };
    double id_double(double x);
    float id_float(float x);
    _Bool id_bool(_Bool x);
    enum color id_color(enum color x);
    int both(_Bool b, double d, short s, const char *p, pair *q, pair r);
    pair swapped(pair p);
    three turned(three t);
    either same(either e);
    pair *id_pair(pair *p);
    const pair *id_const(const pair *p);
    const char *id_text(const char *s);
    void *id_void(void *p);
    int apply(int (*f)(int), int x);
    int twice(int x);
    void none(void);
    int zero(void);
    unsigned char two_hundred(void);
    int swap_errno(int e);
    int wait_for(volatile int *flag);
    """

SOURCE = """
    #include <errno.h>
    #include <stdbool.h>
""" + "".join("static %s id_%s(%s x) { return x; }\n"
              "static %s second_%s(int y, %s x) { return y ? x : x; }\n" % (
                  t, word(t), t, t, word(t), t) for t in INTS) + """
    typedef struct { double a, b; } pair;
    typedef struct { char text[3]; } three;
    typedef union { int i; float f; } either;
    enum color { RED, GREEN = 5, BLUE = -7 };
    static double id_double(double x) { return x; }
    static float id_float(float x) { return x; }
    static bool id_bool(bool x) { return x; }
    static enum color id_color(enum color x) { return x; }
    static int both(bool b, double d, short s, const char *p, pair *q, pair r)
    {
        return b + (int)d + s + p[0] + (int)q->a + (int)r.b;
    }
    static pair swapped(pair p) { pair r = {p.b, p.a}; return r; }
    static three turned(three t) { three r = {{t.text[2], t.text[1], t.text[0]}}; return r; }
    static either same(either e) { return e; }
    static pair *id_pair(pair *p) { return p; }
    static const pair *id_const(const pair *p) { return p; }
    static const char *id_text(const char *s) { return s; }
    static void *id_void(void *p) { return p; }
    static int apply(int (*f)(int), int x) { return f(x); }
    static int twice(int x) { return 2 * x; }
    static void none(void) { }
    static int zero(void) { return 0; }
    static unsigned char two_hundred(void) { return 200; }
    static int swap_errno(int e) { int old = errno; errno = e; return old; }
    static int wait_for(volatile int *flag)
    {
        long n = 0;
        while (!*flag && n < 4000000000L)
            n++;
        return *flag;
    }
"""


@pytest.fixture(scope="module", params=["hold", "release", "C++", "limited"])
def module(request, tmp_path_factory):
    kwds = {"C++": {"extension": ".cpp"}, "limited": {"py_limited_api": True},
            "hold": {"gil": "hold", "extra_compile_args": ["-O2", "-w"]}}
    return make(tmp_path_factory.mktemp("wrappers"), CDEF, SOURCE,
                **kwds.get(request.param, {}))


def outcome(call, *arguments):
    """What can be compared: the result, or the exception."""
    try:
        result = call(*arguments)
    except Exception as e:
        return type(e).__name__
    return type(result).__name__, result


class Index:
    def __index__(self):
        return 3


class Int(int):
    pass


class Float(float):
    pass


BORDERS = sorted({s * (1 << n) + d for n in (0, 7, 8, 15, 16, 29, 30, 31, 32, 59, 60, 63, 64)
                  for s in (1, -1) for d in (-1, 0, 1)} | {0, 255, 256, 257, -5, -6})
ODD = [True, False, None, 1.0, "x", b"x", Index(), Int(9), Int(1 << 40), object()]


@pytest.mark.parametrize("t", INTS)
def test_integers(module, t):
    lib, ffi = module.lib, module.ffi
    name = "id_" + word(t)
    wrapper, thunk = getattr(lib, name), ffi.addressof(lib, name)
    second = getattr(lib, "second_" + word(t))
    bits = SIZES[t.replace("unsigned ", "", 1) if t != "unsigned char" else "signed char"]
    low, high = (0, 1 << bits) if "unsigned" in t else (-1 << bits - 1, 1 << bits - 1)
    for v in BORDERS:
        expected = ("int", v) if low <= v < high else "OverflowError"
        assert outcome(wrapper, v) == outcome(thunk, v) == outcome(second, 1, v) == expected
    for v in ODD:
        assert outcome(wrapper, v) == outcome(thunk, v) == outcome(second, 1, v), v


def test_a_result_of_zero_is_the_zero(module):
    """Small results are Python's own ints, however they were made."""
    lib = module.lib
    for v in (-5, -1, 0, 1, 256):
        assert lib.id_int(v) == v == lib.id_int(Int(v))
        assert lib.id_int(v) + 1 == v + 1 and bool(lib.id_int(v)) is bool(v)
    assert lib.zero() == 0 and not lib.zero() and lib.zero() + 1 == 1
    assert lib.two_hundred() == 200
    assert not lib.id_color(0) and repr(lib.id_bool(0)) == "False"
    assert lib.apply(module.ffi.addressof(lib, "twice"), 0) == 0


@pytest.mark.parametrize("name, values", [
    ("id_double", [0.0, -1.5, 1e300, Float(2.5), 3, 1 << 70, 1 << 2000, None, "1", True]),
    ("id_float", [0.5, -1.5, 1e300, Float(2.5), 3, None]),
    ("id_bool", [True, False, 0, 1, 2, -1, 0.0, None, Int(1)]),
    ("id_color", [0, 5, -7, 6, 1 << 31, 1 << 32, None, "RED", 1.5]),
])
def test_other_numbers(module, name, values):
    wrapper = getattr(module.lib, name)
    thunk = module.ffi.addressof(module.lib, name)
    for v in values:
        assert outcome(wrapper, v) == outcome(thunk, v), v


def pointers(ffi):
    """Every class of cdata, of the type and of others."""
    owned = ffi.new("pair *", [1.5, 2.5])
    freed = ffi.gc(owned, lambda p: None)
    several = ffi.new("pair[2]")
    yield from [owned, freed, several, several + 1, ffi.cast("pair *", owned), ffi.NULL,
                ffi.cast("pair *", 0), ffi.new("int *"), owned[0], None, 0, "x",
                ffi.new("const pair *", [1, 2]), ffi.cast("void *", owned)]


@pytest.mark.parametrize("name", ["id_pair", "id_const", "id_void"])
def test_pointers(module, name):
    lib, ffi = module.lib, module.ffi
    wrapper, thunk = getattr(lib, name), ffi.addressof(lib, name)
    for p in pointers(ffi):
        assert outcome(wrapper, p) == outcome(thunk, p), p
    p = ffi.new("pair *")
    assert wrapper(p) == p and wrapper(ffi.cast("pair *", p)) == p


def test_text(module):
    lib, ffi = module.lib, module.ffi
    kept = ffi.new("char[]", b"kept")
    assert ffi.string(lib.id_text(kept)) == b"kept"
    assert ffi.string(lib.id_text(ffi.cast("const char *", kept))) == b"kept"
    text = b"bytes"
    assert ffi.string(lib.id_text(text)) == text
    for bad in ("str", 1.5, ffi.new("int *")):
        assert outcome(lib.id_text, bad) == outcome(ffi.addressof(lib, "id_text"), bad)


def test_structs_by_value(module):
    lib, ffi = module.lib, module.ffi
    owned = ffi.new("pair *", [1.5, 2.5])
    array = ffi.new("pair[2]", [[1, 2], [3, 4]])
    for p, expected in [(owned[0], (2.5, 1.5)), (array[1], (4, 3)),
                        (lib.swapped(owned[0]), (1.5, 2.5)),
                        (ffi.cast("pair *", owned)[0], (2.5, 1.5)),
                        ([7, 8], (8, 7)), ({"a": 9}, (0, 9))]:
        result = lib.swapped(p)
        assert (result.a, result.b) == expected
    for bad in (owned, None, 1, ffi.new("either *")[0], ffi.NULL):
        assert outcome(lib.swapped, bad) == outcome(ffi.addressof(lib, "swapped"), bad)
    # The struct need not be aligned.
    memory = ffi.new("char[40]")
    for shift in range(8):
        odd = ffi.cast("pair *", memory + shift)
        odd[0] = owned[0]
        assert lib.swapped(odd[0]).a == 2.5
    assert bytes(ffi.buffer(ffi.addressof(lib.turned(ffi.new("three *", [b"abc"])[0])))) == b"cba"
    assert lib.same(ffi.new("either *", {"i": -3})[0]).i == -3


def test_many_kinds_in_one_call(module):
    lib, ffi = module.lib, module.ffi
    q = ffi.new("pair *", [100, 200])
    good = [True, 2.5, 30, b"A", q, q[0]]
    assert lib.both(*good) == 1 + 2 + 30 + 65 + 100 + 200
    thunk = ffi.addressof(lib, "both")
    for i, others in enumerate([(0, 1, 2, "x"), (2, None), (1 << 15, -1, Index(), 1.0),
                                (bytearray(b"A"), "A", ffi.new("char[]", b"A")),
                                ([[1, 2]], None, q[0]),
                                ([1, 2], {"b": 3}, q, None)]):
        for other in others:
            arguments = good[:i] + [other] + good[i + 1:]
            assert outcome(lib.both, *arguments) == outcome(thunk, *arguments), (i, other)


def test_counts(module):
    lib = module.lib
    for call, good in ((lib.none, ()), (lib.id_int, (1,)), (lib.second_int, (1, 2)),
                       (lib.both, (True, 1.0, 1, b"", module.ffi.new("pair *"), [1, 2]))):
        for wrong in (good[:-1], good + (1,), good + (1, 2, 3)):
            if len(wrong) == len(good):
                continue
            with pytest.raises(TypeError):
                call(*wrong)
        call(*good)
    assert lib.none() is None


def test_errno_in_both(module):
    lib, ffi = module.lib, module.ffi
    for argument in (errno.EBADF, Int(errno.ENOENT)):  # the plain way, and the other
        ffi.errno = 77
        assert lib.swap_errno(argument) == 77
        assert ffi.errno == argument
    seen = []

    def thread():
        ffi.errno = 5
        seen.append((lib.swap_errno(6), ffi.errno, lib.swap_errno(Int(7)), ffi.errno))

    t = threading.Thread(target=thread)
    ffi.errno = 99
    t.start()
    t.join()
    assert seen == [(5, 6, 6, 7)] and ffi.errno == 99


def test_the_gil_is_let_go_in_both(tmp_path):
    module = make(tmp_path, CDEF, SOURCE)  # "release"
    for plain in (True, False):
        flag = module.ffi.new("int *")
        argument = module.ffi.cast("volatile int *", flag) if plain else flag
        timer = threading.Timer(0.05, flag.__setitem__, (0, 1))
        timer.start()
        assert module.lib.wait_for(argument) == 1
        timer.join()


def test_the_module_of_one_ffi_refuses_the_types_of_another(module):
    other = FFI()
    other.cdef("typedef struct { double a, b; } pair;")
    p = other.new("pair *", [1, 2])
    for bad, call in ((p, module.lib.id_pair), (p[0], module.lib.swapped)):
        name = "id_pair" if call == module.lib.id_pair else "swapped"
        assert outcome(call, bad) == outcome(module.ffi.addressof(module.lib, name), bad)


def test_a_module_that_knows_more_than_jiffi(tmp_path, monkeypatch):
    """It does without what this jiffi cannot tell it."""
    from jiffi.build import c_writer
    text = c_writer.module_abi_h()
    line = "jiffi_here.size = sizeof jiffi_here;"
    assert text.count(line) == 1
    monkeypatch.setattr(c_writer, "module_abi_h",
                        lambda: text.replace(line, "jiffi_here.size = 10000;"))
    module = make(tmp_path, CDEF, SOURCE)
    p = module.ffi.new("pair *", [1, 2])
    assert module.lib.id_int(5) == 5 and module.lib.id_pair(p) == p
    assert module.lib.swapped(p[0]).a == 2 and module.lib.id_double(1.5) == 1.5
