# SPDX-License-Identifier: MIT
"""FFIs, types, functions, libraries and values pickle by name: within a process, where
the same objects come back, and to another one."""

import copy
import gc
import pickle
import sys
import weakref

import pytest

import jiffi
import pickle_samples
from jiffi import FFI, _jiffi
from pickle_samples import DECLARATIONS, elsewhere, ffi, libc, libm

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
HEAD = "import pickle, sys\nload = lambda: pickle.loads(sys.stdin.buffer.read())\n"


def around(o, protocol=pickle.DEFAULT_PROTOCOL):
    return pickle.loads(pickle.dumps(o, protocol))


# --- what comes back is the same object -------------------------------------------

TYPES = ["int", "unsigned long", "_Bool", "wchar_t", "long double", "void *", "char[]",
         "FILE *", "int[3][2]", "div_t", "struct pair", "struct pair *", "div_t[4]",
         "union either", "enum color", "fn_t", "int(*)(int, ...)", "struct node",
         "struct tail", "double(*[4])(div_t)", "va_list"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_same(protocol):
    everything = [ffi, libm, libc, libm.cos, libc.div, ffi.addressof(libm, "cos"),
                  ffi.NULL] + [ffi.typeof(t) for t in TYPES]
    for o, back in zip(everything, around(everything, protocol)):
        alone = around(o, protocol)
        if o is ffi.NULL:
            assert back == alone == ffi.NULL
        else:
            assert back is o and alone is o


def test_copies():
    assert copy.copy(ffi) is ffi and copy.deepcopy(ffi) is ffi
    t = ffi.typeof("struct pair")
    assert copy.copy(t) is t and copy.deepcopy([t])[0] is t
    assert copy.copy(libm.cos) is libm.cos and copy.deepcopy(libm.cos) is libm.cos
    p = ffi.new("struct pair *", {"w": [1, 2, 3]})
    for twin in (copy.copy(p), copy.deepcopy(p), copy.copy(p[0])):
        twin.w[0] = 9
        assert p.w[0] == 1 and list(twin.w) == [9, 2, 3]


# --- values -----------------------------------------------------------------------


def make(text, init):
    return ffi.new(text, init)


VALUES = [
    ("struct pair *", {"d": (7, 8), "w": [1.5, 2, 3], "odd": 5, "even": 17}),
    ("struct pair[2]", [{"odd": 1}, {"d": (3, 4)}]),
    ("int[]", [1, 2, 3]),
    ("int[0]", []),
    ("char[]", b"hello"),
    ("char *", b"x"),
    ("wchar_t[]", "wide \U0001f600"),
    ("double *", 2.5),
    ("long double *", 2.5),
    ("union either *", {"d": 1.5}),
    ("enum color *", 5),
    ("struct tail *", (3, [7, 8, 9])),
    ("struct node *", (ffi.NULL, 3)),
    ("struct holder *", {"n": 2}),
    ("void *[3]", None),
    ("union maybe *", None),
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("text, init", VALUES, ids=[v[0] for v in VALUES])
def test_values(text, init, protocol):
    o = make(text, init)
    back = around(o, protocol)
    assert ffi.typeof(back) is ffi.typeof(o) and back != o
    assert repr(back) == repr(o)
    whole = lambda x: bytes(ffi.buffer(x))
    assert whole(back) == whole(o)
    if ffi.typeof(o).kind == "pointer" and ffi.typeof(o).item.kind in ("struct", "union"):
        inner = around(o[0], protocol)
        assert ffi.typeof(inner) is ffi.typeof(o).item
        n = ffi.sizeof(ffi.typeof(inner))
        assert whole(ffi.addressof(inner))[:n] == whole(o)[:n]


def test_flexible_arrays_keep_their_length():
    p = ffi.new("struct tail *", (2, [5, 6, 7]))
    for back in (around(p), around(p[0])):
        assert back.n == 2 and list(back.items) == [5, 6, 7]


@pytest.mark.parametrize("text, value", [
    ("int", -3), ("unsigned char", 250), ("double", 0.1), ("_Bool", 1), ("char", b"x"),
    ("enum color", 5), ("float", 0.5), ("uint64_t", 2**64 - 1), ("long double", 0.25),
    ("wchar_t", "\u20ac"), ("double _Complex", 1 + 2j)])
def test_numbers(text, value):
    o = ffi.cast(text, value)
    back = around(o)
    assert ffi.typeof(back) is ffi.typeof(o) and repr(back) == repr(o)


def test_parts_of_values_become_whole():
    a = ffi.new("struct pair[3]", [{"d": (i, i)} for i in range(3)])
    back = around([a[1], a[1].w, a[0:2]])
    assert back[0].d.quot == 1 and len(back[1]) == 3
    assert [p.d.rem for p in back[2]] == [0, 1]


def test_a_released_struct_does_not_come_back():
    alloc = ffi.new_allocator(lambda n: ffi.new("char[]", n), lambda p: None)
    p = alloc("struct pair *", {"odd": 3})
    assert around(p).odd == 3
    ffi.release(p)
    with pytest.raises(TypeError, match="released"):
        pickle.dumps(p)


# --- refusals ---------------------------------------------------------------------

KEEP = ffi.new("char[]", b"text")
ADDRESS = "is an address, which means nothing in another process"


def nested():
    h = ffi.new("struct holder *")
    getattr(h, "in").nodes[1].next = ffi.cast("struct node *", 8)
    return h[0]


def text_in():
    h = ffi.new("struct holder *")
    getattr(h, "in").text = KEEP
    return h


REFUSED = [
    (lambda: ffi.cast("int *", 8), r"'int \*': it " + ADDRESS + ". Pickle what it points to"),
    (lambda: ffi.addressof(ffi.new("div_t *")[0]), r"'div_t \*': it " + ADDRESS),
    (lambda: ffi.cast("fn_t", 8), "it " + ADDRESS),
    (lambda: ffi.new_handle(3), "handle stands for an object of this process"),
    (lambda: ffi.callback("int(*)(int)", abs), "calls a Python function of this process"),
    (lambda: ffi.gc(ffi.new("int *"), lambda p: None), "its destructor would free"),
    (lambda: ffi.from_buffer(b"abc"), "memory of another object"),
    (text_in, "'struct holder \\*': 'in.text' " + ADDRESS),
    (nested, r"'struct holder': 'in.nodes\[1\].next' " + ADDRESS),
    (lambda: ffi.new("char *[3]", [ffi.NULL, KEEP]), r"'\[1\]' " + ADDRESS),
    (lambda: ffi.new("union maybe *", {"n": 5}), "'p' " + ADDRESS),
    (lambda: ffi.new("void **", KEEP), "it " + ADDRESS),
    (lambda: ffi.typeof("hidden").fields[0][1].type, r"ctype 'struct \$\d+': no name"),
    (lambda: ffi.dlopen(ffi.cast("void *", handle())), "library was opened by a handle"),
    (lambda: ffi.dlopen(ffi.cast("void *", handle())).cos, "opened by a handle"),
]


def handle():
    import ctypes.util
    return ctypes.CDLL(ctypes.util.find_library("m"))._handle


@pytest.mark.parametrize("row", range(len(REFUSED)))
def test_refused(row):
    made, text = REFUSED[row]
    o = made()
    with pytest.raises(TypeError, match="^cannot pickle .*" + text):
        pickle.dumps(o)
    assert around(ffi) is ffi  # and the next one works


def test_closed_library():
    own = FFI()
    own.cdef("double cos(double);")
    lib = own.dlopen("m")
    cos = lib.cos
    own.dlclose(lib)
    for o in (lib, cos):
        with pytest.raises(TypeError, match="has been closed"):
            pickle.dumps(o)


def test_bytes_of_another_size():
    for data in (b"123", b"12345"):
        with pytest.raises(ValueError, match="3|5 bytes were pickled for a ctype 'int'"):
            _jiffi._pickle_restore(ffi.typeof("int"), False, data)
    with pytest.raises(ValueError):
        _jiffi._pickle_restore(ffi.typeof("int *"), False, b"12345678")
    with pytest.raises(ValueError):
        _jiffi._pickle_restore(ffi.typeof("int[]"), False, b"12345")
    with pytest.raises(ValueError):
        _jiffi._pickle_restore(ffi.typeof("int"), True, b"1234")


def test_the_way_to_a_builtin_disturbs_nobody():
    cos = ffi.addressof(libm, "cos")
    assert getattr(cos, "cos") is libm.cos
    for o, name in ((cos, "pow"), (cos, "__name__"), (ffi.new("int *"), "cos"),
                    (ffi.cast("double(*)(double)", 8), "cos")):
        with pytest.raises(AttributeError, match="has no attribute '%s'" % name):
            getattr(o, name)
    own = FFI()
    own.cdef("double cos(double);")
    lib = own.dlopen("m")
    cos = own.addressof(lib, "cos")
    del lib  # its builtin goes with it, the function does not
    gc.collect()
    assert cos.cos(0.0) == 1.0 and cos.cos.__name__ == "cos"


# --- FFIs -------------------------------------------------------------------------


def test_unchanged_or_grown():
    own = FFI()
    own.cdef("struct one { int a; };")
    before = pickle.dumps((own, own.typeof("struct one")))
    own.cdef("struct two { int b; };")
    assert pickle.loads(before) == (own, own.typeof("struct one"))


def test_equal_declarations_are_one():
    text = "struct equal { int a, b; };"
    one = FFI()
    one.cdef(text)
    data = pickle.dumps((one, one.typeof("struct equal")))
    del one
    gc.collect()
    other = FFI()
    other.cdef(text)
    back, t = pickle.loads(data)
    assert back is other and t is other.typeof("struct equal")


@pytest.mark.parametrize("change", [
    lambda f: f.cdef("struct equal2 { int a, c; };"),
    lambda f: f.cdef("struct equal2 { char a; int b; };", packed=True),
    lambda f: (f.cdef("struct equal2 { char a; int b; };"), f.cdef("int x(void);"))])
def test_other_declarations_are_others(change):
    one = FFI()
    one.cdef("struct equal2 { char a; int b; };")
    data = pickle.dumps(one)
    del one
    gc.collect()
    other = FFI()
    change(other)
    back = pickle.loads(data)
    assert back is not other and back.sizeof("struct equal2") == 8


def test_options_of_cdef():
    source = FFI(gil="hold")
    source.cdef("struct s { char a; int b; };", pack=2)
    source.cdef("struct t { char a; int b; };", packed=True)
    source.cdef("int abs(int);", gil="release")
    source.cdef("long abs(long);", override=True)
    data = pickle.dumps(source)
    out = elsewhere(HEAD + "f = load(); print(f.sizeof('struct s'), f.sizeof('struct t'), f._texts())",
                    data)
    assert out.decode() == "6 5 %s\n" % (source._texts(),)


def test_included():
    base, own = FFI(), FFI()
    base.cdef("typedef struct { int x; } base_t;")
    own.include(base)
    own.cdef("typedef struct { base_t b[2]; } own_t; base_t turn(own_t);")
    assert around((base, own)) == (base, own)
    for name in ("base_t", "own_t", "base_t(*)(own_t)"):
        assert around(own.typeof(name)) is own.typeof(name)
    v = own.new("own_t *")
    v.b[1].x = 7
    out = elsewhere(HEAD + """
v, own, b, base = load()
assert own._included() == [base] and base.typeof('base_t') is b
assert own.typeof(v).item is own.typeof('own_t') and own.typeof(v.b[1]) is b
print(v.b[1].x)""", pickle.dumps((v, own, own.typeof("base_t"), base)))
    assert out == b"7\n"


class Special(FFI):
    pass


def test_subclass():
    own = Special()
    own.cdef("struct special { int a; };")
    data = pickle.dumps((own, own.new("struct special *", [4])))
    assert pickle.loads(data)[0] is own
    del own
    gc.collect()
    back, p = pickle.loads(data)
    assert type(back) is Special and p.a == 4
    assert back.typeof(p).item is back.typeof("struct special")


def orphans():
    own = FFI()
    own.cdef("typedef struct { int a; } orphan_t; double cos(double); orphan_t none(void);")
    return own.typeof("orphan_t"), own.dlopen("m").cos, own.new("orphan_t *", [3])


def test_without_their_ffi():
    objects = orphans()
    gc.collect()
    t, cos, p = around(objects)
    assert t.cname == "orphan_t" and cos(0.0) == 1.0 and p.a == 3
    assert ffi.typeof(p).item is t
    out = elsewhere(HEAD + "t, cos, p = load(); print(cos(0.0), p.a)",
                    pickle.dumps(objects))
    assert out == b"1.0 3\n"


def test_nothing_stays():
    own = FFI()
    own.cdef("struct gone { int a; }; double cos(double);")
    lib = own.dlopen("m")
    own.lib = lib
    back = around((own, lib, lib.cos, own.new("struct gone *")))
    watched = weakref.ref(own)
    del own, lib, back
    gc.collect()
    assert watched() is None


def test_opened_for_others_stays_with_the_ffi():
    own = FFI()
    own.cdef("double sin(double);")
    data = pickle.dumps(own.dlopen("m").sin)
    sin = pickle.loads(data)
    assert pickle.loads(data) is sin
    watched = weakref.ref(own)
    del own, sin
    gc.collect()
    assert watched() is None


def test_cffi_refuses(monkeypatch):
    source = """
import sys, pickle
from jiffi import dropin
dropin.install()
import cffi
ffi = cffi.FFI()
ffi.cdef("typedef struct { int a; } P;")
for o in (ffi.new("P *"), ffi.typeof("P")):
    try:
        pickle.dumps(o)
    except TypeError as e:
        print(e)
"""
    out = elsewhere(source).decode().splitlines()
    assert len(out) == 2 and all(line.startswith("cannot pickle '") for line in out)


# --- other processes --------------------------------------------------------------


def test_elsewhere():
    p = ffi.new("struct pair *", {"d": (1, 2), "w": [1, 2, 3], "odd": 5})
    data = pickle.dumps((ffi, libm, libm.cos, libc.div, p, ffi.typeof("div_t"),
                         ffi.cast("enum color", 5)))
    out = elsewhere(HEAD + """
ffi, libm, cos, div, p, div_t, green = load()
assert libm.cos is cos and ffi.typeof("div_t") is div_t is ffi.typeof(div(7, 2))
assert ffi.typeof(p).item is ffi.typeof("struct pair")
print(cos(0.0), div(7, 2).rem, p.d.rem, list(p.w), p.odd, green, libm.LIMIT)""", data)
    assert out == b"1.0 1 2 [1.0, 2.0, 3.0] 5 <cdata 'enum color' 5: GREEN> 42\n"


def test_meets_what_the_process_has_declared_itself():
    """As with multiprocessing by spawn: the program's own FFI is that of the pickle."""
    out = elsewhere(HEAD + """
import pickle_samples as own
ffi, div, value = load()
assert ffi is own.ffi and div is own.libc.div
print(own.quotient(value))""", pickle.dumps((ffi, libc.div, libc.div(7, 2))))
    assert out == b"(True, 3)\n"


def test_comes_before_the_module_that_declares():
    """The first thing of a program that a process gets is a value, then its function."""
    out = elsewhere(HEAD + """
ffi, value = load()
import pickle_samples as own
assert ffi is own.ffi
print(own.quotient(value))""", pickle.dumps((ffi, libc.div(7, 2))))
    assert out == b"(True, 3)\n"
    missing = pickle.dumps(ffi).replace(b"pickle_samples", b"pickle_nowhere")
    out = elsewhere(HEAD + "print(load().sizeof('div_t'))", missing)
    assert out == b"8\n"


def test_each_by_itself_belongs_together():
    parts = [pickle.dumps(o) for o in (libc.div, ffi.typeof("div_t"), libc, libc.div(9, 4))]
    out = elsewhere("""
import pickle, sys
parts = pickle.loads(sys.stdin.buffer.read())
div, div_t, libc, value = map(pickle.loads, parts)
from jiffi import FFI
typeof = FFI().typeof
assert typeof(div).result is div_t is typeof(value) and libc.div is div
print(value.quot)""", pickle.dumps(parts))
    assert out == b"2\n"


def test_there_and_back():
    out = elsewhere("""
import pickle, sys
sys.stdout.buffer.write(pickle.dumps(pickle.loads(sys.stdin.buffer.read())))
""", pickle.dumps((ffi, libc.div, libc.div(7, 2), libm, ffi.typeof("fn_t"))))
    back = pickle.loads(out)
    assert back[0] is ffi and back[1] is libc.div and back[3] is libm
    assert ffi.typeof(back[2]) is ffi.typeof("div_t") and back[2].rem == 1
    assert back[4] is ffi.typeof("fn_t")


def test_no_such_library_there(tmp_path):
    data = pickle.dumps(libm.cos).replace(b"\x8c\x01m\x94", b"\x8c\x01Q\x94")
    assert b"\x8c\x01Q\x94" in data
    with pytest.raises(OSError, match="cannot load library 'Q'"):
        pickle.loads(data)


def test_paths_do_not_depend_on_the_directory(tmp_path, monkeypatch):
    import ctypes.util
    import shutil
    paths = [line.split()[-1] for line in open("/proc/self/maps")
             if "/libm.so" in line or "/libm-" in line]
    if not paths:
        pytest.skip("libm is not a file of its own")
    shutil.copy(paths[0], tmp_path / "libown.so")
    monkeypatch.chdir(tmp_path)
    own = FFI()
    own.cdef("double cos(double);")
    data = pickle.dumps(own.dlopen("./libown.so").cos)
    monkeypatch.chdir("/")
    assert elsewhere(HEAD + "print(load()(0.0))", data) == b"1.0\n"


def test_libraries_with_variables():
    assert type(libc).__name__ == "Library" and around(libc) is libc
    out = elsewhere(HEAD + "lib = load(); lib.optind = 3; print(lib.optind, lib.abs(-2))",
                    pickle.dumps(libc))
    assert out == b"3 2\n"


# --- generated modules ------------------------------------------------------------


def test_python_module(tmp_path, monkeypatch):
    own = FFI()
    own.cdef("typedef struct { int a; } mod_t; double cos(double);")
    own.set_source("pickled_mod", None)
    own.emit_python_code(str(tmp_path / "pickled_mod.py"))
    monkeypatch.syspath_prepend(str(tmp_path))
    import pickled_mod
    objects = (pickled_mod.ffi, pickled_mod.ffi.typeof("mod_t"),
               pickled_mod.ffi.dlopen("m").cos)
    back = around(objects)
    assert back[0] is pickled_mod.ffi and back[1] is objects[1] and back[2](0.0) == 1.0
    data = pickle.dumps(objects)
    assert b"typedef" not in data  # by its name
    out = elsewhere("import sys; sys.path.insert(0, %r)\n" % str(tmp_path) + HEAD + """
ffi, t, cos = load()
import pickled_mod
assert pickled_mod.ffi is ffi and ffi.typeof('mod_t') is t
print(cos(0.0))""", data)
    assert out == b"1.0\n"
    sys.modules.pop("pickled_mod", None)


@pytest.mark.once
def test_compiled_module(tmp_path, monkeypatch):
    own = FFI()
    own.cdef("typedef struct { int a; ...; } cmod_t; cmod_t make(int); extern int level;")
    own.set_source("pickled_c", """typedef struct { char c; int a; } cmod_t;
        static int level = 4;
        static cmod_t make(int a) { cmod_t v = {'x', a}; return v; }""")
    own.compile(tmpdir=str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    from pickled_c import ffi as mffi, lib
    objects = (mffi, lib, lib.make, mffi.typeof("cmod_t"), lib.make(3))
    back = around(objects)
    assert all(a is b for a, b in zip(back[:4], objects)) and back[4].a == 3
    out = elsewhere("import sys; sys.path.insert(0, %r)\n" % str(tmp_path) + HEAD + """
ffi, lib, make, t, v = load()
import pickled_c
assert pickled_c.lib is lib and lib.make is make and ffi.typeof(v) is t
print(v.a, make(5).a, lib.level)""", pickle.dumps(objects))
    assert out == b"3 5 4\n"


@pytest.mark.once
def test_inlined(tmp_path, monkeypatch):
    monkeypatch.setenv("JIFFI_CACHE", str(tmp_path))
    own = FFI()
    own.cdef("typedef struct { double a; } in_t; in_t twice(in_t);")
    lib = own.inline("typedef struct { double a; } in_t;"
                     "in_t twice(in_t v) { v.a *= 2; return v; }")
    objects = (own, lib, lib.twice, own.typeof("in_t"), own.new("in_t *", [4]))
    back = around(objects)
    assert all(a is b for a, b in zip(back[:4], objects)) and back[4].a == 4
    out = elsewhere(HEAD + """
own, lib, twice, t, p = load()
assert own.typeof('in_t') is t is own.typeof(p).item and lib.twice is twice
print(twice(p[0]).a)""", pickle.dumps(objects))
    assert out == b"8.0\n"


# --- what is made of functions ----------------------------------------------------


def test_sized():
    find = ffi.sized(libc.memchr, n="s")
    for f in (find, around(find)):
        p = f(b"hello", ord("l"))
        assert p != ffi.NULL and f(b"hello", ord("z")) == ffi.NULL
    assert find.__text_signature__ == around(find).__text_signature__
    out = elsewhere(HEAD + "print(bool(load()(b'abc', 98)))", pickle.dumps(find))
    assert out == b"True\n"


def test_ufuncs():
    np = pytest.importorskip("numpy")
    power = ffi.ufunc(libm.pow, name="power", identity=None)
    frexp = ffi.ufunc(libm.frexp, out="exp")
    assert around(np.add) is np.add and copy.copy(np.add) is np.add
    for p, f in ((around(power), around(frexp)), copy.deepcopy((power, frexp))):
        assert p([2.0, 3.0], 2).tolist() == [4.0, 9.0] and p.__name__ == "power"
        m, e = f([8.0, 1.0])
        assert m.tolist() == [0.5, 0.5] and e.tolist() == [4, 1]
    out = elsewhere(HEAD + """
p, f = load()
import numpy
assert pickle.loads(pickle.dumps(numpy.add)) is numpy.add
print(p(2, [1, 2, 3]).tolist(), pickle.loads(pickle.dumps(p))(2, 2), f(8.0)[1])""",
                    pickle.dumps((power, frexp)))
    assert out == b"[2.0, 4.0, 8.0] 4.0 4\n"


def test_ufuncs_with_addresses():
    pytest.importorskip("numpy")
    keep = ffi.new("int *")
    u = ffi.ufunc(libm.frexp, fixed={"exp": keep})
    assert around(u)(8.0) == 0.5 and keep[0] == 0  # it has an int of its own
    bad = ffi.ufunc(libm.frexp, fixed={"exp": ffi.cast("int *", keep)})
    with pytest.raises(TypeError, match="cannot pickle cdata 'int \\*'"):
        pickle.dumps(bad)


@ffi.fuse
def fused(x, y):
    return libm.pow(libm.cos(x), y) + 1.0


@ffi.fuse("double(double x)")
def of_fused(x):
    return fused(x, 2.0) * 2 + libc.div(7, 2).rem


@ffi.fuse("double(double x)")
def with_constants(x):
    exponent = ffi.new("int *")
    found = libc.memchr(b"text", 120, 4)
    return libm.frexp(x, exponent) + exponent[0] + (found != ffi.NULL)


FUSED = [(fused, (2.0, 3.0)), (of_fused, (0.0,)), (with_constants, (8.0,))]


@pytest.mark.parametrize("f, args", FUSED, ids=[f.__name__ for f, _ in FUSED])
def test_fused(f, args):
    back = around(f)
    assert back(*args) == f(*args)
    assert back.__name__ == f.__name__ and back.__doc__ == f.__doc__
    assert ffi.typeof(back) is ffi.typeof(f) and copy.deepcopy(f) is f
    out = elsewhere(HEAD + "f, args = load(); print(repr(f(*args)))", pickle.dumps((f, args)))
    assert out.decode() == "%r\n" % f(*args)


def test_ufunc_of_fused():
    np = pytest.importorskip("numpy")
    u = ffi.ufunc(of_fused)
    x = np.linspace(0, 1, 5)
    np.testing.assert_array_equal(around(u)(x), u(x))
    out = elsewhere(HEAD + "u = load(); print(u([0.0, 0.0]).tolist())", pickle.dumps(u))
    assert out.decode() == "%r\n" % u([0.0, 0.0]).tolist()
