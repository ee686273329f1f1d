# SPDX-License-Identifier: MIT
"""Checked mode: every kind of misuse is told, with the places; what is right stays right."""

import gc
import os
import re
import subprocess
import sys
import threading
import warnings

import pytest
from checked_samples import CDEF, library

import jiffi
from jiffi import FFI, BoundsError, CheckError, CheckWarning, ConstError, FFIError, UseAfterFree

HERE = r"test_checked\.py:\d+ in "


@pytest.fixture(scope="module")
def ffi():
    ffi = FFI(checked=True)
    ffi.cdef(CDEF)
    return ffi


@pytest.fixture(scope="module")
def lib(ffi):
    return ffi.dlopen(library())


def freed(ffi, type="int[4]"):
    """A pointer into memory that is gone."""
    p = ffi.new(type)
    return p + 1 if ffi.typeof(p).kind == "array" else p + 0


def released(ffi, type="int[4]"):
    p = ffi.new(type)
    ffi.release(p)
    return p


def put(target, key, value):
    target[key] = value


# What is done, the exception, parts of its text.
MISUSE = [
    # bounds, directly and through derived pointers
    (lambda f, l: f.new("int[3]")[3], BoundsError, ["index too large", "'int[3]' (12 bytes)"]),
    (lambda f, l: f.new("int[3]")[-1], BoundsError, ["negative index", "allocated at"]),
    (lambda f, l: f.new("int *")[1], BoundsError, ["can only be indexed by 0"]),
    (lambda f, l: (f.new("int[]", 3), lambda p: (p + 1)[2]), BoundsError,
     ["cannot read cdata 'int *'", "4 bytes at offset 12 of a block of 12", "of 3 items"]),
    (lambda f, l: (f.new("int[3]"), lambda p: (p + 1)[-2]), BoundsError, ["offset -4"]),
    (lambda f, l: (f.new("int[3]"), lambda p: put(p + 3, 0, 1)), BoundsError, ["cannot write"]),
    (lambda f, l: (f.new("int[3]"), lambda p: (p + 1)[0:3]), BoundsError, ["12 bytes at offset 4"]),
    (lambda f, l: (f.new("int[3]"), lambda p: put(p + 1, slice(0, 3), [1, 2, 3])), BoundsError,
     ["cannot write"]),
    (lambda f, l: (f.new("char[3]"), lambda p: f.cast("int *", p)[0]), BoundsError,
     ["4 bytes at offset 0 of a block of 3"]),
    (lambda f, l: (f.new("int[2]"), lambda p: list(f.cast("int[3]", p))), BoundsError, ["offset 8"]),
    (lambda f, l: (f.new("struct base *"), lambda p: f.cast("struct derived *", p).tail[0]),
     BoundsError, ["cannot read a member of cdata 'struct derived *'"]),
    (lambda f, l: (f.new("struct node *"), lambda p: p[0].row[3]), BoundsError, ["index too large"]),
    (lambda f, l: (f.new("struct node[2]"), lambda p: f.addressof(p, 1)[1]), BoundsError, ["offset"]),
    (lambda f, l: (f.new("char[3]", b"abc"), lambda p: f.string(p + 0)), BoundsError,
     ["does not end within the block"]),
    (lambda f, l: (f.new("int[3]"), lambda p: f.unpack(p + 1, 3)), BoundsError, ["cannot unpack"]),
    (lambda f, l: (f.new("int[3]"), lambda p: f.pack(p + 1, [1, 2, 3])), BoundsError, ["pack"]),
    (lambda f, l: (f.new("int[3]"), lambda p: f.buffer(p, 13)), BoundsError, ["13 bytes"]),
    (lambda f, l: (f.new("int[3]"), lambda p: f.memmove(p, bytes(13), 13)), BoundsError, ["copy to"]),
    (lambda f, l: (f.new("int[3]"), lambda p: f.memmove(bytearray(13), p, 13)), BoundsError,
     ["cannot copy from"]),
    (lambda f, l: (f.from_buffer(bytearray(8)), lambda p: (p + 4)[4]), BoundsError,
     ["was taken from a buffer at"]),
    # C goes beyond
    (lambda f, l: l.fill(f.new("char[4]"), 7), BoundsError,
     ["fill() wrote 3 bytes beyond the end", "argument 1"]),
    (lambda f, l: l.fill_at(f.new("char[4]"), -2, 2), BoundsError,
     ["fill_at() wrote 2 bytes before the beginning"]),
    (lambda f, l: l.fill_node(f.new("struct node *"), 64), BoundsError, ["'struct node *'"]),
    (lambda f, l: l.fill([b"a", b"b"], 3), BoundsError, ["1 bytes beyond"]),
    (lambda f, l: l.sum(f.new("int[3]"), 4), BoundsError,
     ["argument 2 says that it has 4 items, there are 3"]),
    # use after free, after release
    (lambda f, l: freed(f)[0], UseAfterFree,
     ["cannot read cdata 'int *': its memory has been freed", "and freed at"]),
    (lambda f, l: put(freed(f), 0, 1), UseAfterFree, ["cannot write"]),
    (lambda f, l: freed(f, "struct node *").value, UseAfterFree, ["member"]),
    (lambda f, l: f.string(freed(f, "char[4]")), UseAfterFree, ["text"]),
    (lambda f, l: f.buffer(freed(f), 4), UseAfterFree, ["buffer"]),
    (lambda f, l: f.memmove(bytearray(4), freed(f), 4), UseAfterFree, ["copy"]),
    (lambda f, l: f.unpack(freed(f), 1), UseAfterFree, ["unpack"]),
    (lambda f, l: l.itself(freed(f)), UseAfterFree, ["itself() argument 1: cannot pass"]),
    (lambda f, l: released(f)[0], UseAfterFree, ["released at"]),
    (lambda f, l: list(released(f)), UseAfterFree, ["released"]),
    (lambda f, l: memoryview(released(f)), BufferError, ["has been released"]),
    (lambda f, l: l.sum(released(f), 4), UseAfterFree, ["sum() argument 1"]),
    # const
    (lambda f, l: put(f.new("const int[2]"), 0, 1), ConstError, ["it is const"]),
    (lambda f, l: put(f.new("readonly"), 0, 1), ConstError, ["it is const"]),
    (lambda f, l: (f.new("const int[2]"), lambda p: f.memmove(p + 1, bytes(4), 4)), ConstError,
     ["cannot copy to"]),
    (lambda f, l: (f.new("const char[2]"), lambda p: put(f.buffer(p), 0, b"x")), ConstError, ["const"]),
    (lambda f, l: (f.new("struct node *"), lambda p: setattr(p, "fixed", 1)), ConstError,
     ["'fixed' is const"]),
    (lambda f, l: (f.new("int *"), lambda p: put(l.itself_const(p), 0, 1)), ConstError, ["const"]),
    (lambda f, l: put(f.from_buffer(b"abc"), 0, b"x"), ConstError, ["it is read-only"]),
    # by way of void *
    (lambda f, l: (f.new("struct base *"), lambda p: f.cast("float *", f.cast("void *", p))),
     CheckError, ["a 'void *' becomes 'float *'", "no 'float' lies at offset 0"]),
    (lambda f, l: (f.new("struct base *"), lambda p: l.sum_nodes(f.cast("void *", p))), CheckError,
     ["'struct node *'", "'struct base *'"]),
    (lambda f, l: (f.new("struct base *"), lambda p: setattr(
        f.new("struct node *"), "next", f.cast("void *", p))), CheckError, ["'struct base *'"]),
]


@pytest.mark.parametrize("number", range(len(MISUSE)))
def test_misuse(ffi, lib, number):
    call, error, parts = MISUSE[number]
    with pytest.raises(error) as caught:
        got = call(ffi, lib)
        if isinstance(got, tuple):
            got[1](got[0])
    text = str(caught.value)
    for part in parts:
        assert part in text
    if error is not BufferError:
        assert isinstance(caught.value, FFIError) and re.search(HERE, text), text
    assert ffi.new("int *", 3)[0] == 3  # the next one works


def test_right_or_wrong(ffi):
    assert ffi.string(ffi.new("char[3]", b"abc")) == b"abc"  # bounded by its length
    p = ffi.new("int *")
    q = ffi.cast("const int *", ffi.addressof(p, 0))
    assert q[0] == 0
    with pytest.raises(ConstError):
        q[0] = 1
    ffi.cast("int *", q)[0] = 5  # a cast says so
    assert q[0] == 5
    n = ffi.new("int[4]")
    with pytest.raises(CheckError, match="offset 0 of this memory"):
        ffi.cast("double *", ffi.cast("void *", n))
    assert ffi.cast("double *", n)  # A* to B*: it was said


def test_classes():
    assert issubclass(BoundsError, (CheckError, IndexError)) and issubclass(BoundsError, IndexError)
    assert issubclass(ConstError, TypeError) and issubclass(CheckError, FFIError)
    assert issubclass(UseAfterFree, CheckError) and issubclass(CheckWarning, RuntimeWarning)


def test_who_is_checked(monkeypatch):
    monkeypatch.delenv("JIFFI_CHECKED", raising=False)
    assert not FFI().checked and FFI(checked=True).checked and not FFI(checked=False).checked
    monkeypatch.setenv("JIFFI_CHECKED", "1")
    assert FFI().checked and not FFI(checked=False).checked
    monkeypatch.setenv("JIFFI_CHECKED", "0")
    assert not FFI().checked

    class Mine(FFI):
        def new(self, *args):
            return super().new(*args)
    mine = Mine(checked=True)
    assert isinstance(mine, Mine) and mine.checked
    with pytest.raises(BoundsError):
        mine.new("int[2]")[2]


FITS = [
    ("struct derived *", "struct base *"), ("struct derived *", "int *"),
    ("struct derived *", "unsigned int *"), ("struct base[3]", "struct base *"),
    ("struct base *", "char *"), ("struct base *", "unsigned char *"), ("int[4]", "int *"),
    ("char[32]", "struct base *"), ("int *[2]", "struct node **"), ("int[2][3]", "int *"),
    ("struct pair *", "void **"), ("uintptr_t *", "void **"), ("struct base *", "void *"),
]


@pytest.mark.parametrize("made, seen", FITS)
def test_void_pointers_that_fit(ffi, made, seen):
    p = ffi.new(made)
    assert ffi.cast(seen, ffi.cast("void *", p)) == p


def test_pointers_of_c_are_known(ffi, lib):
    p = ffi.new("int[4]", [1, 2, 3, 4])
    q = lib.itself(p + 1)
    assert q[2] == 4
    with pytest.raises(BoundsError):
        q[3]
    pair = lib.pair_of(p, p + 3)
    assert pair.b[0] == 4
    with pytest.raises(BoundsError):
        pair.b[1]
    with pytest.raises(BoundsError):
        ffi.cast("int *", int(ffi.cast("uintptr_t", p)))[4]
    seen = []

    @ffi.callback("int(int *)")
    def back(x):
        seen.append(x[3])
        with pytest.raises(BoundsError):
            x[4]
        return 7
    assert lib.call(back, p) == 7 and seen == [4]
    assert lib.shared[3] == 4


def test_temporaries(ffi, lib):
    node = ffi.new("struct node *")
    with pytest.warns(CheckWarning, match=r"'struct node \*->next' points to \(stored at .*" + HERE):
        node.next = ffi.new("struct node *")
    with pytest.raises(UseAfterFree, match="freed at"):
        node.next.value
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # C, which would follow it, is not entered
        with pytest.raises(CheckWarning, match=r"sum_nodes\(\) argument 1 is given memory that"):
            lib.sum_nodes(node)
    with pytest.warns(CheckWarning, match=r"'int \*\[2\] \[1\]'"):
        both = ffi.new("int *[2]", [ffi.NULL, ffi.new("int *")])
    with pytest.raises(UseAfterFree):
        both[1][0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        node.next = ffi.NULL
        last = ffi.new("struct node *", {"value": 4})
        node.next = last
        assert lib.sum_nodes(node) == 4
        node.next = ffi.NULL
        del last
        assert lib.sum_nodes(node) == 0

        def function():  # both go at the end: no mistake
            a = ffi.new("struct node *")
            b = ffi.new("struct node *")
            b.next = a
        function()


def test_stored_by_c(ffi, lib):
    a, b = ffi.new("struct node *"), ffi.new("struct node *", {"value": 8})
    lib.store(a, b)
    assert a.next.value == 8
    del b
    with pytest.raises(UseAfterFree):
        a.next.value


def test_release(ffi):
    p = ffi.new("int[3]")
    q = p + 1
    with p:
        q[0] = 5
    with pytest.raises(UseAfterFree, match="released"):
        q[0]
    with pytest.warns(CheckWarning, match="a second time"):
        ffi.release(p)
    assert "released" in repr(p)
    view_of = ffi.new("int[3]", [1, 2, 3])
    view = memoryview(view_of)
    ffi.release(view_of)  # the view keeps what it looks at
    assert view.tolist() == [1, 2, 3]


def test_gc_and_allocators(ffi, lib):
    gone = []
    p = ffi.gc(ffi.new("int[2]", [7, 8]), lambda x: gone.append(x[1]))
    q = p + 1
    assert q[0] == 8
    with pytest.raises(BoundsError):
        q[1]
    ffi.release(p)
    assert gone == [8]
    with pytest.raises(UseAfterFree, match=r"put under ffi.gc\(\) at"):
        q[0]
    blocks = []

    def alloc(n):
        blocks.append(bytearray(n))
        return ffi.from_buffer(blocks[-1])
    new = ffi.new_allocator(alloc, lambda p: blocks.pop())
    p = new("int[3]", [1, 2, 3])
    q = p + 2
    with pytest.raises(BoundsError):
        q[1]
    del p
    with pytest.raises(UseAfterFree):
        q[0]
    assert not blocks


def test_threads(ffi):
    def released_by(make):
        p = make()
        told = []

        def work():
            with warnings.catch_warnings(record=True) as w:
                warnings.simplefilter("always")
                ffi.release(p)
            told.extend(str(x.message) for x in w if x.category is CheckWarning)
        t = threading.Thread(target=work)
        t.start()
        t.join()
        return told
    assert "another thread" in released_by(lambda: ffi.new("int *"))[0]
    assert "another thread" in released_by(lambda: ffi.gc(ffi.new("int *"), lambda p: None))[0]


def test_report(ffi):
    p = ffi.new("double[5]")
    report = jiffi.checked_report()
    row = report["alive"][-1]
    assert row[1:3] == ("double[5]", 40) and re.search(HERE, row[3])
    assert report["bytes"] >= 40 and report["made"] > report["freed"]
    number = row[0]
    del p
    after = jiffi.checked_report()
    assert number not in [r[0] for r in after["alive"]] and after["freed"] > report["freed"]
    assert after["quarantined"] and after["quarantined_bytes"]


def test_the_quarantine_ends(ffi):
    """Large and many blocks: memory goes back, and old pointers are still known."""
    old = freed(ffi)
    for _ in range(40):
        ffi.new("char[]", 1 << 20)
    for _ in range(5000):
        ffi.new("int *")
    report = jiffi.checked_report()
    assert report["quarantined"] <= 4096 and report["quarantined_bytes"] <= 16 << 20
    with pytest.raises(UseAfterFree):
        old[0]


def test_writes_after_free(ffi, lib):
    p = ffi.new("char[8]")
    plain = FFI(checked=False)
    at = plain.cast("char *", int(ffi.cast("uintptr_t", p)))
    del p
    at[2] = b"x"
    with pytest.warns(CheckWarning, match="freed memory was written to, at offset 2"):
        for _ in range(40):
            ffi.new("char[]", 1 << 20)


def test_with_ffis_that_are_not_checked(ffi):
    plain = FFI(checked=False)
    p = ffi.new("int[3]", [1, 2, 3])
    assert plain.sizeof(p) == 12 and plain.unpack(p, 3) == [1, 2, 3]
    q = plain.addressof(p, 1)
    assert isinstance(p, plain.CData) and q[0] == 2
    assert bytes(plain.buffer(p))[:4] == b"\1\0\0\0"
    plain.memmove(bytearray(12), p, 12)
    del p
    assert q[0] == 2
    plain.release(ffi.new("int *"))


def test_nothing_stays(ffi):
    class Owner(bytearray):
        pass
    gc.collect()
    before = jiffi.checked_report()
    b = Owner(8)
    p = ffi.gc(ffi.from_buffer(b), lambda p: None)
    b.p = p  # a cycle
    del b, p
    gc.collect()
    gc.collect()
    assert jiffi.checked_report()["made"] - before["made"] == \
        jiffi.checked_report()["freed"] - before["freed"]


# --- correct programs --------------------------------------------------------------------

# Where checked mode is meant to differ: references that the quarantine keeps, a class of
# its own, errors for what is only warned of or goes unnoticed without it.
DIFFERENT = """test_no_leak test_buffer_is_a_type test_buffer_beyond_what_is_owned
    test_references_are_given_back test_length_of_the_whole test_subclass_without_super_init
    test_conversion_that_releases_the_memory test_null_is_empty_and_pointers_are_unknown
    test_everything_without_machine_code""".split()

SAME = "cdata_access cdata_own ffi_memory ffi_string convert call lib arrays_sized arrays_out_bulk"


@pytest.mark.parametrize("name", SAME.split())
def test_correct_programs_run_as_ever(name):
    here = os.path.dirname(os.path.abspath(__file__))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore",
         "-k", " and ".join("not " + d for d in DIFFERENT),
         os.path.join(here, "test_%s.py" % name)],
        env=dict(os.environ, JIFFI_CHECKED="1"), stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
