# SPDX-License-Identifier: MIT
"""Ownership: gc, release and with, allocators, handles, cycles."""

import gc
import weakref

import pytest

from jiffi import FFI

ONLY = r"only 'cdata' object from ffi.new\(\), ffi.gc\(\), ffi.from_buffer\(\)"


@pytest.fixture(scope="module")
def ffi():
    ffi = FFI()
    ffi.cdef("struct point { int x, y; }; struct open { int n; int items[]; };")
    return ffi


def test_gc(ffi):
    seen = []
    p = ffi.new("int *", 7)
    q = ffi.gc(p, lambda x: seen.append(x[0]))
    assert ffi.typeof(q) is ffi.typeof("int *") and q == p and q[0] == 7
    del p, q
    assert seen == [7]
    q = ffi.gc(ffi.new("int *"), seen.append)
    assert ffi.gc(q, None) is None
    del q
    assert seen == [7]
    with pytest.raises(TypeError, match="Can remove destructor only"):
        ffi.gc(ffi.new("int *"), None)


def test_gc_keeps_the_length(ffi):
    q = ffi.gc(ffi.new("int[]", 4), lambda x: None)
    assert len(q) == 4 and ffi.sizeof(q) == 16


def test_destructor_waits_for_parts(ffi):
    seen = []
    whole = ffi.gc(ffi.new("struct point[2]"), lambda x: seen.append(1))
    part = whole[1]
    del whole
    gc.collect()
    part.x = 5
    assert seen == [] and part.x == 5
    del part
    assert seen == [1]


def test_release_gc_once(ffi):
    seen = []
    q = ffi.gc(ffi.new("int *"), lambda x: seen.append(1))
    with q as same:
        assert same is q
    assert seen == [1]
    ffi.release(q)
    del q
    assert seen == [1]


def test_errors_in_destructors(ffi, monkeypatch):
    import sys
    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: told.append(args.exc_value))
    try:
        raise KeyError("outer")
    except KeyError:
        ffi.gc(ffi.new("int *"), lambda x: 1 / 0)
    assert [type(e) for e in told] == [ZeroDivisionError]


def test_cycles(ffi):
    class Box:
        pass
    seen = []
    box = Box()
    box.p = ffi.gc(ffi.new("int *"), lambda x, box=box: seen.append(1))
    box.h = ffi.new_handle(box)
    ref = weakref.ref(box)
    del box
    gc.collect()
    gc.collect()
    assert seen == [1] and ref() is None


@pytest.mark.parametrize("make", [
    lambda f: f.new("int *"), lambda f: f.new("int[]", 3), lambda f: f.new("struct point *"),
    lambda f: f.from_buffer(bytearray(4)),
])
def test_release(ffi, make):
    with make(ffi) as p:
        assert isinstance(p, ffi.CData)
    ffi.release(p)


@pytest.mark.parametrize("make", [
    lambda f: f.cast("int *", 0), lambda f: f.new("struct point *")[0], lambda f: f.cast("int", 1),
    lambda f: f.NULL, lambda f: f.new_handle(f),
])
def test_no_release(ffi, make):
    p = make(ffi)
    with pytest.raises(ValueError, match=ONLY):
        ffi.release(p)
    with pytest.raises(ValueError, match=ONLY):
        with p:
            pass


def test_release_buffer(ffi):
    data = bytearray(4)
    p = ffi.from_buffer("int[]", data)
    assert repr(p) == "<cdata 'int[]' buffer len 1 from 'bytearray' object>"
    with pytest.raises(BufferError):
        data.append(1)
    ffi.release(p)
    data.append(1)
    assert repr(p) == "<cdata 'int[]' buffer RELEASED>"


@pytest.mark.parametrize("type_, init, size", [
    ("int *", None, 4), ("int[5]", None, 20), ("int[]", 3, 12), ("struct point *", [1, 2], 8),
    ("struct open *", [1, [2, 3]], 12), ("char *", None, 2),
])
def test_allocator(ffi, type_, init, size):
    log = []

    def alloc(n):
        log.append(("alloc", n))
        block = ffi.new("char[]", n)
        block[0:n] = b"\xff" * n
        return block

    for clear in (True, False):
        del log[:]
        new = ffi.new_allocator(alloc, lambda p: log.append(("free", ffi.typeof(p).kind)),
                                should_clear_after_alloc=clear)
        p = new(type_, init)
        assert log == [("alloc", size)]
        if init is None:
            assert bytes(ffi.buffer(p, size)) == (b"\0" if clear else b"\xff") * size
        if type_ == "struct open *":
            assert list(p.items) == [2, 3] and ffi.sizeof(p[0]) == 12
        if type_.startswith("struct"):
            part = p[0]
            del p
            assert len(log) == 1 and "owning %d bytes" % size in repr(part)
            del part
        else:
            with p:
                pass
        assert log[1:] == [("free", "array")]


def test_bad_allocators(ffi):
    for bad, error, text in (
            (lambda n: 5, TypeError, r"alloc\(\) must return a cdata object \(got int\)"),
            (lambda n: ffi.cast("int", 5), TypeError, r"alloc\(\) must return a cdata pointer, not 'int'"),
            (lambda n: ffi.NULL, MemoryError, r"alloc\(\) returned NULL"),
            (lambda n: 1 / 0, ZeroDivisionError, None)):
        with pytest.raises(error, match=text):
            ffi.new_allocator(bad)("int *")


def test_failed_new_frees(ffi):
    freed = []
    new = ffi.new_allocator(lambda n: ffi.new("char[]", n), freed.append)
    with pytest.raises(TypeError):
        new("int *", "no")
    gc.collect()
    assert len(freed) == 1


def test_release_drops_memory_of_views(ffi):
    p = ffi.new("struct point *")
    ref = weakref.ref(p)
    views = [p[0] for _ in range(100)]
    del p
    assert ref() is not None
    del views
    assert ref() is None
