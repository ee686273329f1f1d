# SPDX-License-Identifier: MIT
"""cdata as buffers (PEP 3118) and as DLPack tensors: formats, shapes, who keeps what."""

import array
import ctypes
import gc
import importlib.machinery
import importlib.util
import io
import struct
import subprocess
import sys
import threading
import weakref

import pytest

from jiffi import FFI, _jiffi

ffi = FFI()
ffi.cdef("""
    struct in_ { int a; double b; };
    union u_ { int i; double d; char c[11]; };
    struct all { char c; double x; short m[2][3]; struct in_ q; union u_ u; char name[10];
        struct { int an; float af; }; int b1:3, b2:7; long double ld; double _Complex z;
        _Bool t; wchar_t w[4]; struct in_ two[2]; union { int ai; float aj; }; char16_t k[3];
        __int128 big; float end; };
    struct node { struct node *next; int *p; void *v; int (*f)(int); char *s; void **pp;
        int **q; int (*ar)[3]; int (**ff)(void); };
    struct __attribute__((packed)) packed { char c; double d; };
    struct flex { int n; short items[]; };
    struct empty {};
    struct con { int n; const int fixed[3]; const struct in_ one; struct in_ other; };
    struct opaque;
    enum colour { RED, GREEN = -5 };
    typedef float f4 __attribute__((vector_size(16)));
    struct vec { f4 v; };
""")

LONG = "l" if struct.calcsize("l") == 8 else "q"
WIDE = {2: "H", 4: "w"}[ffi.sizeof("wchar_t")]
ADDRESS = {4: "I", 8: "L"}[ffi.sizeof("void *")]


# --- formats ---------------------------------------------------------------------------


@pytest.mark.parametrize("declaration, fmt, shape", [
    ("signed char[3]", "b", (3,)), ("unsigned char[3]", "B", (3,)), ("char[3]", "c", (3,)),
    ("short[2]", "h", (2,)), ("uint16_t[2]", "H", (2,)), ("int[2]", "i", (2,)),
    ("unsigned[2]", "I", (2,)), ("int64_t[2]", LONG, (2,)), ("size_t[2]", LONG.upper(), (2,)),
    ("unsigned long long[2]", LONG.upper(), (2,)), ("_Bool[2]", "?", (2,)),
    ("_Float16[2]", "e", (2,)), ("float[2]", "f", (2,)), ("double[2]", "d", (2,)),
    ("long double[2]", "g", (2,)), ("float _Complex[2]", "Zf", (2,)),
    ("double _Complex[2]", "Zd", (2,)), ("long double _Complex[2]", "Zg", (2,)),
    ("wchar_t[2]", WIDE, (2,)), ("char16_t[2]", "H", (2,)), ("char32_t[2]", "w", (2,)),
    ("enum colour[2]", "i", (2,)), ("__int128[2]", "16x", (2,)), ("int[0]", "i", (0,)),
    ("double[2][3][4]", "d", (2, 3, 4)), ("char[3][5]", "c", (3, 5)),
    ("f4[2]", "f", (2, 4)), ("int *", "i", (1,)), ("int(*)[3]", "i", (1, 3)),
    ("struct in_ *", "^T{i:a:4xd:b:}", (1,)), ("struct in_[2][2]", "^T{i:a:4xd:b:}", (2, 2)),
    ("struct packed[2]", "^T{c:c:d:d:}", (2,)), ("union u_[3]", "16x", (3,)),
    ("struct flex[2]", "^T{i:n:}", (2,)), ("struct empty[2]", "^T{}", (2,)),
    ("struct vec[2]", "^T{(4)f:v:}", (2,)),
    ("void *[2]", ADDRESS, (2,)), ("int **[2]", ADDRESS, (2,)), ("int(*[2])(int)", ADDRESS, (2,)),
    ("struct node *[2]", ADDRESS, (2,)), ("struct opaque *[2]", ADDRESS, (2,)),
    ("struct node *", "^T{L:next:L:p:L:v:L:f:L:s:L:pp:L:q:L:ar:L:ff:}".replace("L", ADDRESS), (1,)),
])
def test_format(declaration, fmt, shape):
    x = ffi.new(declaration)
    m = memoryview(x)
    assert (m.format, m.shape, m.readonly) == (fmt, shape, False)
    item = ffi.typeof(x).item
    while item.kind in ("array", "vector") and m.ndim > 1:
        item = item.item
    assert m.itemsize == ffi.sizeof(item) and m.contiguous
    assert m.nbytes == ffi.sizeof(x if ffi.typeof(x).kind == "array" else ffi.typeof(x).item)


def test_format_of_everything():
    assert memoryview(ffi.new("struct all[2]")).format == (
        "^T{c:c:7xd:x:(2,3)h:m:4xT{i:a:4xd:b:}:q:16x:u:10s:name:2xi:an:f:af:12x"
        "g:ld:Zd:z:?:t:3x4" + WIDE + ":w:4x(2)T{i:a:4xd:b:}:two:4x(3)H:k:14x16x:big:f:end:12x}")


def text_size(fmt):
    """Bytes that a format of letters, counts and T{} stands for, nothing aligned."""
    sizes = dict(x=1, c=1, b=1, s=1, h=2, H=2, u=2, i=4, f=4, w=4, d=8, l=8, q=8, g=16, P=8)
    sizes["?"] = 1
    at = total = 0
    count = ""
    while at < len(fmt):
        ch = fmt[at]
        at += 1
        if ch == "^":
            continue
        if ch == ":":
            at = fmt.index(":", at) + 1
        elif ch == "(":
            end = fmt.index(")", at)
            n = 1
            for part in fmt[at:end].split(","):
                n *= int(part)
            count, at = str(n), end + 1
        elif ch.isdigit():
            # a dimension before a count multiplies it
            digits = ch
            while fmt[at].isdigit():
                digits += fmt[at]
                at += 1
            count = str(int(digits) * int(count or 1))
        elif ch == "T":
            depth, end = 1, at + 1
            while depth:
                depth += {"{": 1, "}": -1}.get(fmt[end], 0)
                end += 1
            total += int(count or 1) * text_size(fmt[at + 1:end - 1])
            at, count = end, ""
        elif ch == "Z":
            total += int(count or 1) * 2 * sizes[fmt[at]]
            at, count = at + 1, ""
        else:
            total += int(count or 1) * sizes[ch]
            count = ""
    return total


@pytest.mark.parametrize("name", ["all", "in_", "packed", "con", "flex", "vec"])
def test_format_adds_up(name):
    assert text_size(memoryview(ffi.new("struct %s *" % name)).format) == ffi.sizeof("struct " + name)


# --- values and extents ------------------------------------------------------------------


@pytest.mark.parametrize("declaration, values", [
    ("int[]", [1, -2, 3]), ("double[]", [0.5, -1.25]), ("uint64_t[]", [0, 2**64 - 1]),
    ("_Bool[]", [True, False]), ("short[2][2]", [[1, 2], [3, 4]]), ("char[]", [b"a", b"\0"]),
    ("int *", [7])])
def test_values(declaration, values):
    x = ffi.new(declaration, values if declaration != "int *" else 7)
    assert memoryview(x).tolist() == values


def test_same_memory():
    x = ffi.new("int[4]")
    m = memoryview(x)
    m[2] = 77
    assert x[2] == 77
    x[0] = -1
    assert m[0] == -1 and m.tolist() == [-1, 0, 77, 0]
    p = ffi.new("double *", 2.5)
    m = memoryview(p)
    m[0] = 3.5
    assert p[0] == 3.5


def test_a_struct_is_a_single_value():
    s = ffi.new("struct in_ *", [1, 2.0])[0]
    m = memoryview(s)
    assert m.ndim == 0 and m.shape == () and m.nbytes == 16
    assert struct.unpack("i4xd", m.tobytes()) == (1, 2.0)
    assert memoryview(ffi.new("struct in_[3]")[1]).ndim == 0


def test_a_number_never_changes():
    n = ffi.cast("int", -2)
    m = memoryview(n)
    assert m.readonly and m.ndim == 0 and m[()] == -2


def test_slices_and_parts():
    x = ffi.new("int[10]", list(range(10)))
    assert memoryview(x[2:5]).tolist() == [2, 3, 4]
    s = ffi.new("struct all *")
    s.m[1][2] = 5
    assert memoryview(s.m).tolist() == [[0, 0, 0], [0, 0, 5]]
    assert memoryview(s.two).shape == (2,)


def test_flexible_array():
    s = ffi.new("struct flex *", [3, [1, 2, 3]])
    assert memoryview(s).shape == (1,) and memoryview(s).nbytes == 4
    assert memoryview(s.items).tolist() == [1, 2, 3]


def test_from_buffer():
    b = bytearray(range(8))
    x = ffi.from_buffer("uint16_t[]", b)
    m = memoryview(x)
    assert m.shape == (4,) and not m.readonly
    m[0] = 0xFFFF
    m.release()
    assert b[:2] == b"\xff\xff"
    p = ffi.from_buffer("uint32_t *", b)
    assert memoryview(p).shape == (2,)
    assert memoryview(ffi.from_buffer(b"abc")).readonly
    assert memoryview(ffi.from_buffer("struct in_[]", bytes(32))[1]).readonly


@pytest.mark.parametrize("make, message", [
    (lambda: ffi.cast("int *", ffi.new("int[3]")), r"how many items cdata 'int \*' points to: "
        r"say it with ffi.asarray\(ptr, shape\) or ffi.buffer\(ptr, size\)"),
    (lambda: ffi.NULL, "items of unknown size"),
    (lambda: ffi.cast("int *", 0), "NULL"),
    (lambda: ffi.cast("struct opaque *", 8), "items of unknown size"),
    (lambda: ffi.cast("int(*)(int)", 8), "a function has no items"),
    (lambda: ffi.new("int[3]") + 1, "nobody knows"),
])
def test_refused(make, message):
    x = make()
    with pytest.raises(BufferError, match=message):
        memoryview(x)
    with pytest.raises(BufferError, match=message):
        bytes(x)


def test_too_many_dimensions():
    x = ffi.new("char" + "[1]" * 33)
    with pytest.raises(BufferError, match="more than 32 dimensions"):
        memoryview(x)
    assert memoryview(ffi.new("char" + "[1]" * 32)).ndim == 32


# --- who takes buffers -------------------------------------------------------------------


def test_consumers():
    x = ffi.new("int[]", [1, 2, 3])
    raw = struct.pack("3i", 1, 2, 3)
    assert bytes(x) == raw and bytearray(x) == raw
    out = io.BytesIO()
    out.write(x)
    assert out.getvalue() == raw
    assert io.BytesIO(struct.pack("3i", 7, 8, 9)).readinto(x) == 12
    assert list(x) == [7, 8, 9]
    assert struct.unpack_from("3i", x) == (7, 8, 9)
    struct.pack_into("i", x, 4, 55)
    assert x[1] == 55
    assert b"".join([ffi.new("char[]", b"ab"), b"c"]) == b"ab\0c"
    assert array.array("i", bytes(x)).tolist() == [7, 55, 9]
    assert (ctypes.c_int * 3).from_buffer(x)[1] == 55
    assert ffi.from_buffer("int[]", x)[1] == 55
    assert int.from_bytes(ffi.new("uint8_t[]", [1, 2]), "little") == 513


def test_what_stays():
    x = ffi.new("int[]", [1, 2, 3])
    assert len(x) == 3 and hash(x) == hash(ffi.cast("void *", x))
    assert list(x) == [1, 2, 3] and x != b"abc"
    with pytest.raises(TypeError):
        len(ffi.new("int *"))
    assert ffi.buffer(x)[:] == bytes(x)
    y = ffi.new("int[3]")
    ffi.memmove(y, x, 12)
    assert list(y) == [1, 2, 3]
    with pytest.raises(TypeError):
        float(x)
    assert int(ffi.cast("int", 5)) == 5 and float(ffi.cast("float", 1.5)) == 1.5


def test_pointer_arguments_are_checked_as_cdata():
    f = FFI()
    f.cdef("size_t strlen(const char *); void *memset(void *, int, size_t);")
    lib = f.dlopen(None)
    assert lib.strlen(f.new("char[]", b"four")) == 4
    with pytest.raises(TypeError, match="implicit cast to 'char"):
        lib.strlen(f.new("int[4]"))
    x = f.new("int[4]")
    lib.memset(x, 1, 4)
    assert x[0] == 0x01010101
    other = FFI()
    assert lib.strlen(other.new("char[]", b"xy")) == 2


@pytest.mark.parametrize("flags, ok", [
    ("SIMPLE", True), ("WRITABLE", True), ("ND", True), ("STRIDES", True),
    ("C_CONTIGUOUS", True), ("F_CONTIGUOUS", False), ("ANY_CONTIGUOUS", True),
    ("FULL", True)])
def test_flags(flags, ok):
    """What a request leaves out is left out of the view."""
    bits = dict(SIMPLE=0, WRITABLE=1, ND=8, STRIDES=0x18, C_CONTIGUOUS=0x38, F_CONTIGUOUS=0x58,
                ANY_CONTIGUOUS=0x98, FULL=0x11D)[flags]
    view = (ctypes.c_char * 512)()
    x = ffi.new("short[2][3]")
    get = ctypes.pythonapi.PyObject_GetBuffer
    get.argtypes = [ctypes.py_object, ctypes.c_void_p, ctypes.c_int]
    release = ctypes.pythonapi.PyBuffer_Release
    release.argtypes = [ctypes.c_void_p]
    if not ok:
        with pytest.raises(BufferError, match="Fortran"):
            get(x, view, bits)
        return
    get(x, view, bits)
    fields = "PPnniiPPPPP"  # buf obj len itemsize readonly ndim format shape strides ...
    got = struct.unpack_from("@" + fields, view)
    assert got[2:5] == (12, 2, 0)
    assert got[5] == (2 if bits & 8 else 1)
    assert bool(got[6]) == bool(bits & 4)
    assert bool(got[7]) == bool(bits & 8)
    assert bool(got[8]) == (bits & 0x18 == 0x18)
    release(view)


def test_writable_is_refused_for_constants():
    x = ffi.from_buffer(b"abc")
    with pytest.raises((BufferError, TypeError), match="read-only|read-write"):
        io.BytesIO(b"xyz").readinto(x)
    assert x[0] == b"a"


# --- lifetimes ---------------------------------------------------------------------------


def test_the_owner_stays():
    x = ffi.new("int[]", [1, 2, 3])
    gone = weakref.ref(x)
    m = memoryview(x)
    del x
    gc.collect()
    assert gone() is not None and m.tolist() == [1, 2, 3]
    del m
    assert gone() is None
    s = ffi.new("struct all *")
    gone = weakref.ref(s)
    m = memoryview(s.two)
    del s
    assert gone() is not None
    m.release()
    del m
    assert gone() is None


def test_release_of_plain_memory():
    """It goes with the cdata, never before: nothing to refuse."""
    x = ffi.new("int[]", [1, 2])
    m = memoryview(x)
    ffi.release(x)
    assert m.tolist() == [1, 2]


@pytest.mark.parametrize("look", [
    lambda x: memoryview(x), lambda x: memoryview(x[0:2]), lambda x: ffi.column(x, "a"),
    lambda x: memoryview(x[1]), lambda x: memoryview(ffi.column(x, "b"))],
    ids=["array", "slice", "column", "item", "view of column"])
@pytest.mark.parametrize("kind", ["gc", "buffer", "allocator", "gc of buffer"])
def test_release_is_refused(kind, look):
    log = []
    keep = bytearray(48)
    if kind == "allocator":
        x = ffi.new_allocator(lambda n: ffi.new("char[]", n), log.append)("struct in_[3]")
    elif kind == "gc":
        x = ffi.gc(ffi.new("struct in_[3]"), log.append)
    else:
        x = ffi.from_buffer("struct in_[]", keep)
        if kind == "gc of buffer":
            x = ffi.gc(x, log.append)
    m = look(x)
    with pytest.raises(BufferError, match="cannot release cdata 'struct in_.*look at its memory"):
        ffi.release(x)
    with pytest.raises(BufferError):
        with x:
            pass
    assert not log
    if kind == "buffer":
        with pytest.raises(BufferError):
            keep.append(1)
    del m
    ffi.release(x)
    assert bool(log) == (kind not in ("buffer",))
    with pytest.raises(BufferError, match="has been released"):
        memoryview(x)
    with pytest.raises(BufferError, match="has been released"):
        ffi.column(x, "a")


def test_what_is_behind_cannot_be_released():
    inner = ffi.from_buffer("int[]", bytearray(8))
    outer = ffi.gc(inner, lambda x: None)
    m = memoryview(outer)
    with pytest.raises(BufferError):
        ffi.release(inner)
    m.release()
    ffi.release(inner)
    with pytest.raises(BufferError, match="released"):
        memoryview(outer)


def test_cycle_with_a_view():
    """A destructor that knows a view of what it destroys."""
    class Box:
        def done(self, p):
            log.append(p[1])

    log = []
    box = Box()
    box.view = memoryview(ffi.gc(ffi.new("int[]", [1, 2]), box.done))
    del box
    gc.collect()
    gc.collect()
    assert log == [2]  # once, when nobody looked any more


def test_threads_look_and_let_go():
    x = ffi.gc(ffi.new("int[64]"), lambda p: None)

    def work():
        for _ in range(300):
            m = memoryview(x)
            assert m[3] == 0
            m.release()
    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    ffi.release(x)


# --- const -------------------------------------------------------------------------------


def test_const_members():
    s = ffi.new("struct con *", [1, [1, 2, 3], [4, 5.0]])
    assert memoryview(s.fixed).readonly and memoryview(s.one).readonly
    assert memoryview(s.fixed[0:2]).readonly
    assert not memoryview(s.other).readonly and not memoryview(s).readonly
    assert ffi.column(ffi.new("struct con[3]"), "fixed").readonly
    assert not ffi.column(ffi.new("struct con[3]"), "other.b").readonly
    with pytest.raises(TypeError, match="read-only"):
        ffi.pack(ffi.new("struct con[3]"), [[1, 2, 3]], "fixed")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("variables")
    source = folder / "variables.c"
    source.write_text("""
        const int fixed[2][3] = {{1, 2, 3}, {4, 5, 6}}; int open_to_all[4];
        const struct in_ { int a; double b; } one = {7, 8.5}; struct in_ other; """)
    path = str(folder / "variables.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", path, str(source)], check=True)
    return path


def test_variables_of_libraries(library):
    f = FFI()
    f.cdef("""struct in_ { int a; double b; }; extern const int fixed[2][3]; extern int open_to_all[4];
              extern const struct in_ one; extern struct in_ other;""")
    lib = f.dlopen(library)
    assert memoryview(lib.fixed).tolist() == [[1, 2, 3], [4, 5, 6]]
    for x in (lib.fixed, lib.fixed[1], lib.fixed[0:1], f.addressof(lib, "fixed")[0], lib.one):
        assert memoryview(x).readonly, x
    for x in (lib.open_to_all, lib.open_to_all[1:3], lib.other):
        assert not memoryview(x).readonly, x
    memoryview(lib.open_to_all)[3] = 9
    assert lib.open_to_all[3] == 9


def test_a_library_is_not_closed_under_a_view(library):
    f = FFI()
    f.cdef("extern int open_to_all[4];")
    lib = f.dlopen(library)
    x = lib.open_to_all
    m = memoryview(x)
    with pytest.raises(BufferError, match="cannot close library .*look at its variables"):
        f.dlclose(lib)
    assert m.tolist() == list(lib.open_to_all)
    m.release()
    f.dlclose(lib)
    with pytest.raises(BufferError, match="has been closed"):
        memoryview(x)


# --- DLPack ------------------------------------------------------------------------------


class Tensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device", ctypes.c_int32 * 2), ("ndim", ctypes.c_int32),
                ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
                ("byte_offset", ctypes.c_uint64)]


class Old(ctypes.Structure):
    _fields_ = [("tensor", Tensor), ("ctx", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


class Versioned(ctypes.Structure):
    _fields_ = [("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("ctx", ctypes.c_void_p),
                ("deleter", ctypes.c_void_p), ("flags", ctypes.c_uint64), ("tensor", Tensor)]


api = ctypes.PyDLL(None)
api.PyCapsule_GetName.restype = ctypes.c_char_p
api.PyCapsule_GetName.argtypes = [ctypes.py_object]
api.PyCapsule_GetPointer.restype = ctypes.c_void_p
api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
api.PyCapsule_SetName.argtypes = [ctypes.py_object, ctypes.c_char_p]


def tensor(capsule):
    name = api.PyCapsule_GetName(capsule)
    kind = {b"dltensor": Old, b"dltensor_versioned": Versioned}[name]
    return kind.from_address(api.PyCapsule_GetPointer(capsule, name))


@pytest.mark.parametrize("declaration, code, bits", [
    ("int8_t[2]", 0, 8), ("short[2]", 0, 16), ("int[2]", 0, 32), ("int64_t[2]", 0, 64),
    ("uint8_t[2]", 1, 8), ("uint64_t[2]", 1, 64), ("_Float16[2]", 2, 16), ("float[2]", 2, 32),
    ("double[2]", 2, 64), ("float _Complex[2]", 5, 64), ("double _Complex[2]", 5, 128),
    ("_Bool[2]", 6, 8), ("enum colour[2]", 0, 32), ("double *", 2, 64)])
@pytest.mark.parametrize("version", [None, (1, 0), (1, 7), (2, 0), (0, 8)])
def test_dlpack(declaration, code, bits, version):
    x = ffi.new(declaration)
    assert x.__dlpack_device__() == (1, 0)
    capsule = x.__dlpack__(max_version=version)
    t = tensor(capsule)
    if version and version[0] >= 1:
        assert (t.major, t.flags) == (1, 0)
    else:
        assert isinstance(t, Old)
    t = t.tensor
    assert t.data == int(ffi.cast("intptr_t", x)) and t.byte_offset == 0
    assert list(t.device) == [1, 0] and t.ndim == 1 and t.strides[0] == 1
    assert (t.code, t.bits, t.lanes) == (code, bits, 1)
    assert t.shape[0] == (2 if declaration != "double *" else 1)


def test_dlpack_shapes():
    x = ffi.new("short[2][3][4]")
    capsule = ffi.to_dlpack(x)
    t = tensor(capsule).tensor
    assert t.shape[:3] == [2, 3, 4] and t.strides[:3] == [12, 4, 1]
    s = ffi.new("struct in_[5]")
    capsule = ffi.column(s, "b").__dlpack__()
    t = tensor(capsule).tensor
    assert t.shape[0] == 5 and t.strides[0] == 2
    capsule = ffi.to_dlpack(array.array("d", [1, 2, 3]))
    t = tensor(capsule).tensor
    assert t.shape[0] == 3 and (t.code, t.bits) == (2, 64)


def test_dlpack_keeps_and_lets_go():
    x = ffi.gc(ffi.new("int[4]"), lambda p: None)
    capsule = ffi.to_dlpack(x)
    with pytest.raises(BufferError):
        ffi.release(x)
    del capsule  # nobody took it
    capsule = x.__dlpack__(max_version=(1, 0))
    t = tensor(capsule)
    api.PyCapsule_SetName(capsule, b"used_dltensor_versioned")
    del capsule
    with pytest.raises(BufferError):
        ffi.release(x)
    deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(t.deleter)  # without the GIL ...
    thread = threading.Thread(target=deleter, args=(ctypes.addressof(t),))  # ... elsewhere
    thread.start()
    thread.join()
    ffi.release(x)


def test_dlpack_read_only_and_copies():
    x = ffi.from_buffer("short[]", bytes(8))
    with pytest.raises(BufferError, match="read-only memory needs DLPack 1.0"):
        x.__dlpack__()
    assert tensor(x.__dlpack__(max_version=(1, 0))).flags == 1
    y = ffi.new("int[]", [1, 2, 3])
    capsule = y.__dlpack__(max_version=(1, 0), copy=True)
    t = tensor(capsule)
    assert t.flags == 2 and t.tensor.data != int(ffi.cast("intptr_t", y))
    assert list((ctypes.c_int * 3).from_address(t.tensor.data)) == [1, 2, 3]
    assert tensor(y.__dlpack__(copy=False)).tensor.data == int(ffi.cast("intptr_t", y))
    s = ffi.new("struct in_[3]", [[0, 1.5], [0, 2.5], [0, 3.5]])
    capsule = ffi.column(s, "b").__dlpack__(copy=True)
    t = tensor(capsule).tensor
    assert t.strides[0] == 1
    assert list((ctypes.c_double * 3).from_address(t.data)) == [1.5, 2.5, 3.5]


@pytest.mark.parametrize("make, kwargs, error, message", [
    (lambda: ffi.new("int[2]"), dict(stream=1), BufferError, "stream must be None"),
    (lambda: ffi.new("int[2]"), dict(dl_device=(2, 0)), BufferError, r"only be \(1, 0\)"),
    (lambda: ffi.new("int[2]"), dict(dl_device=1), TypeError, "dl_device"),
    (lambda: ffi.new("int[2]"), dict(max_version=1), TypeError, "max_version"),
    (lambda: ffi.new("int[2]"), dict(max_version=("a", "b")), TypeError, None),
    (lambda: ffi.new("struct in_[2]"), {}, BufferError, r"no type for items '\^T"),
    (lambda: ffi.new("long double[2]"), {}, BufferError, "no type for items 'g'"),
    (lambda: ffi.new("__int128[2]"), {}, BufferError, "no type"),
    (lambda: ffi.new("wchar_t[2]"), {}, BufferError, "no type"),
    (lambda: ffi.cast("int *", ffi.new("int[2]")), {}, BufferError, "nobody knows"),
])
def test_dlpack_refused(make, kwargs, error, message):
    with pytest.raises(error, match=message):
        make().__dlpack__(**kwargs)


def test_dlpack_steps_over_whole_items():
    x = ffi.new("struct packed[3]")
    with pytest.raises(BufferError, match="9 bytes are no multiple of 8"):
        ffi.to_dlpack(ffi.column(x, "d"))
    capsule = ffi.to_dlpack(ffi.column(x, "c"))
    assert tensor(capsule).tensor.strides[0] == 9


# --- in place of cffi --------------------------------------------------------------------


def test_cffi_shows_nothing():
    loader = importlib.machinery.ExtensionFileLoader("_cffi_backend", _jiffi.__file__)
    spec = importlib.util.spec_from_loader("_cffi_backend", loader)
    b = importlib.util.module_from_spec(spec)
    loader.exec_module(b)
    old = b.FFI()
    x = old.new("int[]", [1, 2, 3])
    for take in (memoryview, old.from_buffer):
        with pytest.raises(TypeError):
            take(x)
    assert bytes(x) == b"\1\2\3"  # its items, one by one
    assert not hasattr(x, "__dlpack__") and not hasattr(x, "__buffer__")
    with pytest.raises(TypeError):
        old.unpack(x)
    assert old.unpack(x, 3) == [1, 2, 3]
    if sys.version_info >= (3, 12):
        assert hasattr(ffi.new("int[2]"), "__buffer__")
