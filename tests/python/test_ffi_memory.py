# SPDX-License-Identifier: MIT
"""new, cast, new_allocator, gc, release, handles, from_buffer, memmove."""

import array
import gc
import sys
import weakref

import pytest

from jiffi import FFI

ffi = FFI()
ffi.cdef("""
struct p { int x, y; };
struct v { int n; char tail[]; };
struct opaque;
typedef void (*destructor)(void *);
void *malloc(size_t); void free(void *);
""")
libc = ffi.dlopen(None)


# --- new, cast: the doors only; the values have tests of their own ----------------


@pytest.mark.parametrize("args, check", [
    (("int *",), lambda p: p[0] == 0), (("int *", 5), lambda p: p[0] == 5),
    (("int[3]",), lambda p: list(p) == [0, 0, 0]), (("int[]", 2), lambda p: len(p) == 2),
    (("int[]", [1, 2]), lambda p: list(p) == [1, 2]), (("int *", None), lambda p: p[0] == 0),
    (("struct p *", [1, 2]), lambda p: (p.x, p.y) == (1, 2)),
    (("struct p *", {"y": 2}), lambda p: (p.x, p.y) == (0, 2)),
    (("char[]", b"abc"), lambda p: len(p) == 4 and p[2] == b"c"),
    (("struct v *", [3, b"abc"]), lambda p: ffi.sizeof(p[0]) >= 7),
])
def test_new(args, check):
    assert check(ffi.new(*args))
    assert check(ffi.new(ffi.typeof(args[0]), *args[1:]))


@pytest.mark.parametrize("args, error", [
    (("int",), TypeError), (("struct opaque *",), TypeError), (("void *",), TypeError),
    (("struct p",), TypeError), (("int *", "x"), TypeError), (("int *", 1 << 40), OverflowError),
    (("int[]",), (TypeError, ValueError)), (("int[]", -1), ValueError),
    (("int[]", 1 << 61), (OverflowError, MemoryError)), (("int[2]", [1, 2, 3]), IndexError),
    (("destructor",), TypeError), (("struct p *", {"z": 1}), (KeyError, AttributeError)),
])
def test_new_refused(args, error):
    with pytest.raises(error):
        ffi.new(*args)


def test_cast():
    assert int(ffi.cast("unsigned char", 300)) == 44
    assert int(ffi.cast("int", -1.9)) == -1
    assert float(ffi.cast("float", 0.5)) == 0.5
    p = ffi.new("int *", 7)
    assert ffi.cast("int *", ffi.cast("intptr_t", p))[0] == 7
    assert ffi.cast("void *", libc.free) == ffi.addressof(libc, "free")
    with pytest.raises(TypeError):
        ffi.cast("int", "ab")
    with pytest.raises(TypeError):
        ffi.cast("struct p", 5)


# --- allocators ---------------------------------------------------------------------


def test_allocator_defaults():
    new = ffi.new_allocator()
    p = new("int[]", [1, 2])
    assert list(p) == [1, 2]
    assert new(cdecl="int *", init=3)[0] == 3
    with pytest.raises(TypeError):
        new()


def test_allocator_python():
    log, keep = [], []

    def alloc(size):
        keep.append(ffi.new("char[]", b"X" * (size - 1)))
        log.append(size)
        return keep[-1]

    def free(p):
        log.append(p)

    new = ffi.new_allocator(alloc, free)
    p = new("int[10]")
    assert log == [40] and p == ffi.cast("int *", keep[0])
    assert list(p) == [0] * 10
    del p
    gc.collect()
    assert log == [40, keep[0]]
    q = new("struct p *", [1, 2])
    assert log[2:] == [8] and (q.x, q.y) == (1, 2)
    s = q[0]
    del q
    gc.collect()
    assert len(log) == 3 and s.y == 2  # the struct keeps its memory
    del s
    gc.collect()
    assert log[3:] == [keep[1]]
    r = new("struct v *", [2, b"hello"])
    assert log[4:] == [10] and ffi.sizeof(r[0]) == 10
    ffi.release(r)
    assert log[5:] == [keep[2]]


def test_allocator_without_clearing():
    keep = []

    def alloc(size):
        keep.append(ffi.new("char[]", b"Z" * size))
        return keep[-1]

    p = ffi.new_allocator(alloc, should_clear_after_alloc=False)("int[4]", [1])
    assert p[0] == 1 and p[3] == 0x5A5A5A5A


def test_allocator_from_c():
    new = ffi.new_allocator(libc.malloc, libc.free)
    for _ in range(100):
        assert list(new("short[100]"))[99] == 0


@pytest.mark.parametrize("kwargs, message", [
    ({"free": len}, "cannot pass 'free' without 'alloc'"),
    ({"alloc": 5}, "'alloc' must be callable or None, not 'int'"),
    ({"alloc": len, "free": "x"}, "'free' must be callable or None, not 'str'"),
])
def test_allocator_refused(kwargs, message):
    with pytest.raises(TypeError, match=message):
        ffi.new_allocator(**kwargs)


@pytest.mark.parametrize("result, error, message", [
    (5, TypeError, r"alloc\(\) must return a cdata object \(got int\)"),
    (ffi.cast("int", 5), TypeError, r"alloc\(\) must return a cdata pointer, not 'int'"),
    (ffi.NULL, MemoryError, r"alloc\(\) returned NULL"),
])
def test_allocator_bad_result(result, error, message):
    freed = []
    with pytest.raises(error, match=message):
        ffi.new_allocator(lambda n: result, freed.append)("int *")
    assert freed == []


def test_allocator_frees_after_bad_init():
    freed = []
    mem = ffi.new("char[100]")
    with pytest.raises(TypeError):
        ffi.new_allocator(lambda n: mem, freed.append)("int *", "text")
    gc.collect()
    assert freed == [mem]


# --- gc, release ------------------------------------------------------------------------


def test_gc():
    log = []
    p = ffi.new("int *", 5)
    q = ffi.gc(p, log.append)
    assert q == p and q[0] == 5
    del q
    gc.collect()
    assert log == [p]


def test_gc_order_and_chain():
    log = []
    p = ffi.new("int *")
    q = ffi.gc(ffi.gc(p, lambda x: log.append(1)), lambda x: log.append(2), size=100)
    del q
    gc.collect()
    assert log == [2, 1]


def test_gc_remove():
    log = []
    q = ffi.gc(ffi.new("int *"), log.append)
    assert ffi.gc(q, None) is None
    del q
    gc.collect()
    assert log == []
    with pytest.raises(TypeError, match="Can remove destructor only"):
        ffi.gc(ffi.new("int *"), None)


def test_gc_array_and_c_destructor():
    a = ffi.gc(ffi.new("int[]", [1, 2, 3]), lambda a: None)
    assert len(a) == 3 and list(a) == [1, 2, 3] and ffi.sizeof(a) == 12
    for _ in range(50):
        ffi.gc(libc.malloc(100), libc.free)


@pytest.mark.parametrize("args", [(5, len), ("x", len), (None, None), (ffi.NULL, 5), (ffi.NULL, "x")])
def test_gc_refused(args):
    with pytest.raises(TypeError):
        ffi.gc(*args)


def test_release():
    log = []
    q = ffi.gc(ffi.new("int *"), log.append)
    assert ffi.release(q) is None
    assert len(log) == 1
    ffi.release(q)
    del q
    gc.collect()
    assert len(log) == 1
    buf = bytearray(b"abc")
    c = ffi.from_buffer(buf)
    with pytest.raises(BufferError):
        buf.append(1)
    ffi.release(c)
    buf.append(1)
    with ffi.new("int *") as p:
        p[0] = 1
    for bad in (5, "x", None):
        with pytest.raises(TypeError, match="expected a 'cdata' object"):
            ffi.release(bad)
    with pytest.raises(ValueError):
        ffi.release(ffi.cast("int *", 0))


# --- handles ------------------------------------------------------------------------------


def test_handles():
    obj = ["any", "thing"]
    h = ffi.new_handle(obj)
    assert ffi.typeof(h) is ffi.typeof("void *")
    assert ffi.from_handle(h) is obj
    assert ffi.from_handle(ffi.cast("void *", ffi.cast("intptr_t", h))) is obj
    assert ffi.from_handle(ffi.cast("char *", h)) is obj
    assert ffi.new_handle(obj) != h
    assert "handle to ['any', 'thing']" in repr(h)


def test_handle_holds_the_object():
    class C:
        pass

    c = C()
    ref = weakref.ref(c)
    h = ffi.new_handle(c)
    del c
    gc.collect()
    assert ffi.from_handle(h) is ref()
    del h
    gc.collect()
    assert ref() is None


def test_handle_in_a_cycle():
    class C:
        pass

    c = C()
    c.h = ffi.new_handle(c)
    ref = weakref.ref(c)
    del c
    gc.collect()
    assert ref() is None


@pytest.mark.parametrize("arg, error, message", [
    (5, TypeError, "expected a 'cdata' object"), (None, TypeError, "expected a 'cdata' object"),
    (ffi.cast("int", 5), TypeError, r"out of new_handle\(\), got 'int'"),
    (ffi.new("int *"), TypeError, r"got 'int \*'"),
    (ffi.NULL, RuntimeError, "NULL pointer"),
    (ffi.cast("void *", 0x10), RuntimeError, "is no handle"),
    (ffi.cast("void *", -1), RuntimeError, "is no handle"),
    (ffi.cast("void *", ffi.new("char[400]")), RuntimeError, "is no handle"),
    (ffi.cast("void *", id(ffi)), RuntimeError, "is no handle"),
])
def test_from_handle_refused(arg, error, message):
    with pytest.raises(error, match=message):
        ffi.from_handle(arg)


def test_dead_handle():
    h = ffi.new_handle(object())
    raw = ffi.cast("void *", int(ffi.cast("intptr_t", h)))
    del h
    gc.collect()
    with pytest.raises(RuntimeError, match="is no handle"):
        ffi.from_handle(raw)


def test_many_handles():
    hs = [ffi.new_handle(i) for i in range(5000)]
    raws = [ffi.cast("void *", int(ffi.cast("intptr_t", h))) for h in hs]
    del hs[::2]
    gc.collect()
    for i, raw in enumerate(raws):
        if i % 2:
            assert ffi.from_handle(raw) == i
        else:
            with pytest.raises(RuntimeError):
                ffi.from_handle(raw)


# --- from_buffer ---------------------------------------------------------------------------


@pytest.mark.parametrize("args, type_, length", [
    ((b"abcd",), "char[]", 4), ((bytearray(8),), "char[]", 8), ((memoryview(b"abc"),), "char[]", 3),
    (("int[]", bytearray(8)), "int[]", 2), (("int[]", bytearray(11)), "int[]", 2),
    (("int[2]", bytearray(11)), "int[2]", 2), (("int[]", array.array("i", [1, 2, 3])), "int[]", 3),
    (("struct p[]", bytearray(25)), "struct p[]", 3), (("char[]", b""), "char[]", 0),
])
def test_from_buffer(args, type_, length):
    c = ffi.from_buffer(*args)
    assert ffi.typeof(c) is ffi.typeof(type_)
    assert len(c) == length


def test_from_buffer_pointer():
    b = bytearray(b"\x01\x00\x00\x00\x02\x00\x00\x00")
    p = ffi.from_buffer("struct p *", b)
    assert (p.x, p.y) == (1, 2)
    p.y = 0x01020304
    assert b[4:] == b"\x04\x03\x02\x01"


def test_from_buffer_keywords():
    b = bytearray(4)
    ffi.from_buffer(cdecl="int *", python_buffer=b, require_writable=True)[0] = 257
    assert b == b"\x01\x01\x00\x00"
    with pytest.raises(BufferError):
        ffi.from_buffer(b"abc", require_writable=True)
    with pytest.raises(BufferError):
        ffi.from_buffer("char[]", b"abc", True)


def test_from_buffer_keeps_alive():
    class B(bytearray):
        pass

    b = B(b"abc")
    ref = weakref.ref(b)
    c = ffi.from_buffer(b)
    del b
    gc.collect()
    assert ref() is not None and c[1] == b"b"
    del c
    gc.collect()
    assert ref() is None


@pytest.mark.parametrize("args, error, message", [
    (("abc",), TypeError, "unicode object"), (("char[]", "abc"), TypeError, "unicode object"),
    ((5,), TypeError, None), (("int", b"abcd"), TypeError, "pointer or array ctype, got 'int'"),
    (("struct p", b"abcd"), TypeError, "pointer or array ctype"),
    (("destructor", b"12345678"), TypeError, "pointer or array ctype"),
    (("int[2]", b"1234567"), ValueError, r"too small \(7 bytes\) for 'int\[2\]' \(8 bytes\)"),
    (("int[][0]", b"1234567"), ZeroDivisionError, "actual length of the array"),
    ((memoryview(b"123456")[::2],), (TypeError, BufferError), None),
    ((5, b"abc"), TypeError, "expected a string or ctype object"),
])
def test_from_buffer_refused(args, error, message):
    with pytest.raises(error, match=message):
        ffi.from_buffer(*args)


def test_failed_from_buffer_lets_go():
    b = bytearray(b"123")
    with pytest.raises(ValueError):
        ffi.from_buffer("int[2]", b)
    b.append(4)


# --- memmove -----------------------------------------------------------------------------


def test_memmove():
    a, b = ffi.new("short[]", [1, 2, 3, 4]), bytearray(8)
    ffi.memmove(b, a, 4)
    assert b == b"\1\0\2\0\0\0\0\0"
    ffi.memmove(a + 1, a, 6)
    assert list(a) == [1, 1, 2, 3]
    ffi.memmove(a, b"\7\0", 2)
    assert list(a) == [7, 1, 2, 3]
    ffi.memmove(src=a, dest=ffi.buffer(a, 8), n=0)
    ffi.memmove(memoryview(b)[2:], array.array("h", [9]), 2)
    assert b == b"\1\0\t\0\0\0\0\0"
    ffi.memmove(ffi.NULL, ffi.NULL, 0)


@pytest.mark.parametrize("args, error, message", [
    ((bytearray(4), b"abcd", -1), ValueError, "negative size"),
    ((bytearray(4), b"abcde", 5), ValueError, "n is 5 but 'dest' has only 4 bytes"),
    ((bytearray(9), b"abcd", 5), ValueError, "n is 5 but 'src' has only 4 bytes"),
    ((b"abcd", b"abcd", 1), BufferError, None), ((bytearray(4), "abcd", 1), TypeError, None),
    ((bytearray(4), ffi.cast("int", 5), 1), TypeError, "expected a pointer or array ctype"),
    ((ffi.cast("destructor", 5), b"abcd", 1), TypeError, "expected a pointer or array ctype"),
    ((bytearray(4), ffi.NULL, 1), RuntimeError, "'src' is a NULL pointer"),
    ((ffi.NULL, b"abcd", 1), RuntimeError, "'dest' is a NULL pointer"),
    ((bytearray(4), b"abcd", 1.0), TypeError, None), ((bytearray(4), b"abcd", None), TypeError, None),
    ((bytearray(4), b"abcd", 1 << 70), OverflowError, None), ((bytearray(4), b"abcd"), TypeError, "'n'"),
])
def test_memmove_refused(args, error, message):
    with pytest.raises(error, match=message):
        ffi.memmove(*args)
    if isinstance(args[0], bytearray):
        args[0].append(1)  # nothing still holds the buffer


def test_references_are_given_back():
    b = bytearray(16)
    p = ffi.new("int[4]")
    key = "int[4]"
    before = [sys.getrefcount(x) for x in (b, p, key, None)]
    for _ in range(1000):
        ffi.memmove(p, b, 16)
        ffi.from_buffer(key, b)
        ffi.new(key, [1])
        ffi.gc(p, len, 5)
        ffi.cast("void *", p)
        ffi.new_handle(b)
        for bad in (lambda: ffi.new(key, b), lambda: ffi.memmove(b, p, 17)):
            try:
                bad()
            except (TypeError, ValueError):
                pass
    gc.collect()
    after = [sys.getrefcount(x) for x in (b, p, key, None)]
    assert after[:3] == before[:3]
    assert abs(after[3] - before[3]) < 500
