# SPDX-License-Identifier: MIT
"""Arrays of others as pointers, without copies: NumPy, buffers, what is refused."""

import array
import ctypes
import gc
import itertools
import mmap
import os
import subprocess
import sys
import threading
import time

import array_samples
import pytest

from jiffi import FFI

try:
    import numpy as np
except ImportError:
    np = None

needs_numpy = pytest.mark.skipif(np is None, reason="NumPy is not installed")


@pytest.fixture(scope="module", params=["release", "hold"])
def ffi(request):
    ffi = FFI(gil=request.param)
    ffi.cdef(array_samples.FUNCTIONS)
    return ffi


@pytest.fixture(scope="module")
def lib(ffi):
    return ffi.dlopen(array_samples.path())


def where(a):
    return a.__array_interface__["data"][0]


def refused(f, *args):
    with pytest.raises(TypeError) as e:
        f(*args)
    return str(e.value)


# --- NumPy: every type against every pointer ---------------------------------------------

NUMPY = {  # dtype -> pointers that take it, besides void, char and unsigned char
    "?": ["bool"], "i1": ["i8"], "u1": ["u8"], "i2": ["i16"], "u2": ["u16"], "i4": ["i32"],
    "u4": ["u32", "level"], "i8": ["long", "i64"], "u8": ["ulong", "u64"], "f4": ["f32"],
    "f8": ["f64", "either"], "g": ["ld"], "F": ["cf32"], "D": ["cf64"], "f2": [], "S3": [], "U2": [],
    "q": ["long", "i64"], "Q": ["ulong", "u64"],
}
ANY = ["void", "char", "u8"]


@needs_numpy
@pytest.mark.parametrize("dtype", NUMPY)
def test_numpy_types(lib, dtype):
    a = np.zeros(4, dtype)
    for c, name in array_samples.TYPES.items():
        for f in (getattr(lib, "to_" + name), getattr(lib, "at_" + name)):
            if name in ANY or name in NUMPY[dtype]:
                assert f(a) == where(a)
            else:
                message = refused(f, a)
                assert message.startswith("%s() argument 1 ('p'): " % f.__name__)
                assert "must be a buffer of '" in message
                assert "not a numpy.ndarray of dtype '%s'" % a.dtype in message


@needs_numpy
@pytest.mark.parametrize("dtype", ["M8[s]", "m8[ms]", "O", [("a", "O")], [("x", "M8[s]")]])
def test_numpy_types_that_have_no_memory_for_c(lib, dtype):
    a = np.zeros(2, dtype)
    for name in ("i64", "void", "char", "f64", "pair"):
        with pytest.raises((TypeError, ValueError), match=r"^to_%s\(\) argument 1" % name):
            getattr(lib, "to_" + name)(a)


SHAPES = [(), (0,), (1,), (5,), (0, 3), (3, 0), (2, 3), (1, 1, 1), (2, 3, 4, 5), (1,) * 20]


@needs_numpy
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(lib, shape):
    a = np.ones(shape)
    assert lib.to_f64(a) == where(a)
    assert lib.to_void(a) == where(a)
    assert lib.sum(a, a.size) == a.size
    b = a.view()
    b.flags.writeable = False
    assert lib.at_f64(b) == where(a)


@needs_numpy
def test_views(lib):
    a = np.arange(24.0).reshape(2, 3, 4)
    for v in (a[1], a[:1], a[1:, :, :], a[1, 2], a[1, 2, 1:3], a[0, 1:2], a.T.T, a.ravel(),
              a[::-1][::-1], a[:, :1, :][:1], a[..., None]):
        assert lib.to_f64(v) == where(v)
    for v in (a.T, a[:, 0], a[..., ::2], a[::-1], np.broadcast_to(1.0, (3,)),
              np.asfortranarray(a)):
        assert "must be C-contiguous; this numpy.ndarray has gaps" in refused(lib.at_f64, v)
        assert "must be C-contiguous" in refused(lib.at_void, v)
    # strides of dimensions of one item do not count
    odd = np.lib.stride_tricks.as_strided(a, (1, 3), (999, 8))
    assert lib.to_f64(odd) == where(a)


@needs_numpy
def test_read_only(lib):
    a = np.arange(3.0)
    a.flags.writeable = False
    assert lib.at_f64(a) == lib.at_void(a) == lib.at_char(a) == where(a)
    for f in (lib.to_f64, lib.to_void, lib.to_u8):
        assert "must be writable, not a read-only numpy.ndarray" in refused(f, a)


@needs_numpy
def test_byte_order(lib):
    for dtype, f in ((">f8", lib.at_f64), (">i4", lib.at_i32), (">u2", lib.at_u16),
                     (">c8", lib.at_cf32), (">g", lib.at_ld)):
        a = np.zeros(3, dtype)
        if sys.byteorder == "big" or not a.dtype.isnative:
            assert "of dtype '>" in refused(f, a)
        assert lib.at_void(a) == where(a)  # bytes are bytes
        native = np.zeros(3, a.dtype.newbyteorder("="))
        assert f(native) == where(native)
        assert f(native.view(native.dtype.newbyteorder("<"))) == where(native)


@needs_numpy
def test_misaligned(lib):
    raw = bytearray(8 * 4 + 1)
    a = np.frombuffer(raw, "f8", 4, offset=1)
    assert "must begin at a multiple of 8 bytes" in refused(lib.to_f64, a)
    assert lib.to_void(a) == where(a) == lib.to_char(a)
    assert "must begin at a multiple of 8" in refused(
        lib.to_f64, memoryview(raw)[1:33].cast("d"))
    b = np.frombuffer(raw, "i1", 3, offset=1)
    assert lib.to_i8(b) == where(b)


@needs_numpy
@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_subclasses_take_the_buffer_protocol(lib):
    class Mine(np.ndarray):
        pass
    for a in (np.ones(3).view(Mine), np.matrix([[1.0, 2]]),
              np.ma.masked_array(np.ones(3), [0, 1, 0]), np.ones(3).view(np.recarray)):
        assert lib.to_f64(a) == where(a)
        assert "of dtype 'float64'" in refused(lib.to_i32, a)


@needs_numpy
def test_matrices_by_their_last_dimension(lib):
    a = np.ones((4, 3))
    assert lib.to_row(a) == where(a) == lib.to_row(np.reshape(a, (2, 2, 3)))
    for b in (np.float64(1).reshape(()), np.ones((3, 4)), np.ones((4, 3), "f4")):
        assert "must be a buffer of 'double[3]'" in refused(lib.to_row, b)
    assert lib.at_row(np.ones(3)) != 0  # one row
    assert "must be C-contiguous" in refused(lib.to_row, np.ones((3, 4)).T)


# --- structured arrays -----------------------------------------------------------------

if np is not None:
    PAIR = np.dtype([("a", "i4"), ("b", "f8")], align=True)
    NEST = np.dtype([("p", PAIR, 2), ("c", [("r", "u1"), ("g", "u1")]), ("f", "f4", 3)],
                    align=True)
    GOOD = [
        ("pair", PAIR),
        ("pair", np.dtype({"names": ["x", "b"], "formats": ["i4", "f8"], "offsets": [0, 8]})),
        ("pair", np.dtype("V16")),
        ("nest", NEST),
        ("flags", np.dtype({"names": ["z"], "formats": ["i2"], "offsets": [2], "itemsize": 4})),
        ("either", np.dtype([("d", "f8")])),
        ("either", np.dtype({"names": ["i"], "formats": ["i4"], "itemsize": 8})),
        ("row", np.dtype(("f8", 3))),
    ]
    BAD = [
        ("pair", np.dtype([("a", "i4"), ("b", "f8")])),                  # packed
        ("pair", np.dtype([("a", "u4"), ("b", "f8")], align=True)),      # sign
        ("pair", np.dtype([("a", "i4"), ("b", "i8")], align=True)),      # sort
        ("pair", np.dtype([("b", "f8"), ("a", "i4")], align=True)),      # order
        ("pair", np.dtype([("a", ">i4"), ("b", ">f8")], align=True)),    # bytes turned
        ("pair", np.dtype({"names": ["a"], "formats": ["i4"], "itemsize": 16})),  # not all
        ("pair", np.dtype("c16")), ("pair", np.dtype("S16")), ("pair", np.dtype("V15")),
        ("pair", np.dtype([("a", "i4"), ("b", "f8"), ("c", "i8")], align=True)),
        ("nest", np.dtype([("p", PAIR, 3)])),
        ("flags", np.dtype([("x", "i2"), ("z", "i2")])),
        ("either", np.dtype([("u", "u8")])),
        ("f64", PAIR), ("i32", NEST),
    ]
else:
    GOOD = BAD = []


@pytest.mark.parametrize("name, dtype", GOOD, ids=str)
def test_structured_arrays(lib, name, dtype):
    a = np.zeros((2, 3), dtype)
    for _ in range(3):
        assert getattr(lib, "to_" + name)(a) == where(a)
    a.flags.writeable = False
    assert getattr(lib, "at_" + name)(a) == where(a)
    assert "writable" in refused(getattr(lib, "to_" + name), a)


@pytest.mark.parametrize("name, dtype", BAD, ids=str)
def test_structured_arrays_that_do_not_fit(lib, name, dtype):
    a = np.zeros(3, dtype)
    assert lib.to_void(a) == where(a)
    for _ in range(2):
        message = refused(getattr(lib, "to_" + name), a)
        assert "must be a buffer of '" in message and "of dtype " in message


@needs_numpy
def test_what_fitted_is_remembered_and_not_more(lib):
    good, bad = np.zeros(3, PAIR), np.zeros(3, [("a", "u4"), ("x", "u4"), ("b", "f8")])
    for _ in range(3):
        assert lib.to_pair(good) == where(good)
        refused(lib.to_pair, bad)
        refused(lib.to_pair, good[::2])
    wide = np.zeros(4, PAIR)
    wide["a"], wide["b"] = [1, 2, 3, 4], [0.5, 1, 2, 3]
    assert lib.pairs(wide, 4) == 20.5 == lib.pairs(wide, 4)
    assert lib.first(wide[1:], 3).b == 1.0
    raw = np.frombuffer(bytearray(33), "u1")[1:].view("V16").view(PAIR)
    message = refused(lib.to_pair, raw) if where(raw) % 8 else "multiple of 8 bytes"
    assert "multiple of 8 bytes" in message


def test_ctypes_structures(lib):
    class Pair(ctypes.Structure):
        _fields_ = [("a", ctypes.c_int), ("b", ctypes.c_double)]

    class Other(ctypes.Structure):
        _fields_ = [("a", ctypes.c_int), ("b", ctypes.c_long)]
    good, bad = (Pair * 3)(), (Other * 3)()
    assert lib.to_pair(good) == ctypes.addressof(good)
    assert lib.to_pair(good[1]) == ctypes.addressof(good) + 16
    assert "same members at the same offsets" in refused(lib.to_pair, bad)


# --- other buffers ------------------------------------------------------------------------


def test_plain_buffers(lib, tmp_path):
    data = bytearray(b"abcdefgh")
    at = array_samples.address_of(data)
    assert lib.to_void(data) == lib.to_char(data) == lib.to_u8(data) == at
    assert lib.to_void(memoryview(data)[2:]) == at + 2
    assert lib.to_i32(memoryview(data).cast("i")) == at
    assert lib.at_char(memoryview(bytes(data))) != 0
    for other in (data, memoryview(data)):
        assert "must be a buffer of 'double'" in refused(lib.to_f64, other)
    numbers = (ctypes.c_double * 3)(1, 2, 3)
    assert lib.sum(numbers, 3) == 6 and lib.to_f64(numbers) == ctypes.addressof(numbers)
    assert lib.to_i32((ctypes.c_int * 2)()) and lib.to_i64((ctypes.c_longlong * 2)())
    refused(lib.to_u32, (ctypes.c_int * 2)())
    file = tmp_path / "data"
    file.write_bytes(b"\0" * 4096)
    with open(file, "r+b") as f, mmap.mmap(f.fileno(), 4096) as m:
        assert lib.to_void(m) == lib.to_char(m) != 0
        lib.fill(4, 1.5, memoryview(m).cast("f")) == 4
        assert m[:4] == b"\0\0\xc0\x3f"
    with pytest.raises(ValueError, match="mmap closed or invalid"):
        lib.to_void(m)
    with open(file, "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as m:
        assert lib.at_void(m)
        assert "must be writable" in refused(lib.to_void, m)


def test_released_memoryview(lib):
    m = memoryview(bytearray(8))
    m.release()
    with pytest.raises(ValueError, match=r"released memoryview"):
        lib.to_void(m)


@pytest.mark.parametrize("empty", [
    b"", bytearray(), array.array("d"), memoryview(b""), [], (),
    memoryview(bytearray(8))[8:].cast("d")], ids=repr)
def test_nothing_in_it(lib, empty):
    if isinstance(empty, (bytes, bytearray)) or getattr(empty, "format", "d") == "B":
        assert lib.bytes_of(empty, 0, 3) == 0
    else:
        assert lib.sum(empty, 0) == 0.0


def test_what_is_no_array(lib):
    class Broken:
        @property
        def __dlpack__(self):
            raise KeyError("no")
    for o in (None, 5, 1.5, {}, set(), object(), Broken, np, type, len, Ellipsis):
        assert "must be a " in refused(lib.to_f64, o)
    assert "must be a cdata pointer, not Broken" in refused(lib.to_f64, Broken())


def test_function_pointers_take_them_too(ffi, lib):
    p = lib.sum_pointer
    assert p(array.array("d", [1, 2]), 2) == 3.0
    with pytest.raises(TypeError, match="argument 1.*must be a buffer of 'double'"):
        p(array.array("f", [1]), 1)
    if np is not None:
        assert p(np.arange(4.0), 4) == 6.0
        assert ffi.addressof(lib, "sum")(np.arange(4.0), 4) == 6.0
        assert "must be a buffer of 'double', not a numpy.ndarray of dtype 'int64'" in refused(
            p, np.arange(4), 4)


@needs_numpy
def test_many_arguments_keep_their_places(lib):
    i, n = np.arange(3, dtype="i4"), np.arange(2)
    lists = [0, 1, 2]
    for a, b, c, d in itertools.product([i, lists, array.array("i", lists)], repeat=4):
        assert lib.ten(3, a, b, c, d, 5.0, 2, n, [0, 1], b"\x07") == 12 + 200 + 5 + 7
    for k in (1, 2, 3, 4, 7, 8):
        args = [3, i, i, i, i, 5.0, 2, n, n, b"\x07"]
        args[k] = np.zeros(3, "f4")
        assert refused(lib.ten, *args).startswith("ten() argument %d ('" % (k + 1))


# --- what is pinned, and for how long ---------------------------------------------------------


def test_nothing_stays_pinned(lib):
    b, d = bytearray(8), array.array("d", [1])
    lib.to_void(b)
    lib.sum(d, 1)
    refused(lib.to_f64, b)
    refused(lib.to_i32, d)
    b.append(1)
    d.append(2.0)


@needs_numpy
def test_references_come_and_go_in_pairs(lib):
    arrays = [np.arange(4.0), np.zeros(2, PAIR), np.arange(3), np.zeros(2, "O")]
    before = [sys.getrefcount(a) for a in arrays]
    dtypes = [sys.getrefcount(a.dtype) for a in arrays]
    for _ in range(100):
        for a in arrays:
            for f in (lib.to_f64, lib.to_pair, lib.to_void):
                try:
                    f(a)
                except TypeError:
                    pass
    del a
    gc.collect()
    assert [sys.getrefcount(a) for a in arrays] == before
    # what fitted last is remembered once for each type of pointer
    assert all(sys.getrefcount(a.dtype) - d <= 2 for a, d in zip(arrays, dtypes))


def test_resized_in_another_thread():
    """The export holds as long as the call."""
    ffi = FFI(gil="release")
    ffi.cdef(array_samples.FUNCTIONS)
    lib = ffi.dlopen(array_samples.path())
    data, go = array.array("d", [1, 2, 3]), ffi.new("int *")
    raw = bytearray(data.tobytes())
    for owner, given in ((data, data), (raw, memoryview(raw).cast("d"))):
        seen, started = [], threading.Event()

        def other():
            started.wait()
            time.sleep(0.02)
            try:
                owner.extend(owner)
            except BufferError as e:
                seen.append(str(e))
            go[0] = 1
        go[0] = 0
        thread = threading.Thread(target=other)
        thread.start()
        started.set()
        lib.slow(given, 3, go)
        thread.join()
        assert len(seen) == 1 and "export" in seen[0]
        if given is not owner:
            given.release()
        owner.extend(owner)
    assert list(data)[:3] == [2, 3, 4]


@pytest.mark.parametrize("when", ["before NumPy", "after NumPy"])
def test_numpy_comes_later(when, tmp_path):
    """jiffi never imports NumPy; code made before it is there takes its arrays."""
    pytest.importorskip("numpy")
    script = tmp_path / "later.py"
    script.write_text("""
import sys, array
sys.path[:0] = %r
from jiffi import FFI
import array_samples
ffi = FFI(gil="hold")
ffi.cdef(array_samples.FUNCTIONS)
lib = ffi.dlopen(%r)
if %r == "before NumPy":
    for _ in range(3):
        assert lib.sum(array.array("d", [1, 2]), 2) == 3.0
        assert lib.sum([1.0], 1) == 1.0
assert "numpy" not in sys.modules
import numpy as np
for _ in range(3):
    assert lib.sum(np.ones(3), 3) == 3.0
print("good")
""" % (sys.path, array_samples.path(), when))
    done = subprocess.run([sys.executable, str(script)], stdout=subprocess.PIPE,
                          env=dict(os.environ), universal_newlines=True)
    assert done.stdout == "good\n" and done.returncode == 0


# --- compiled modules --------------------------------------------------------------------------


@needs_numpy
@pytest.mark.parametrize("gil", ["release", "hold"])
def test_compiled_wrappers(tmp_path, gil):
    ffi = FFI(gil=gil)
    source = "struct hidden;\n" + array_samples.SOURCE
    ffi.cdef("double sum(const double *data, size_t n); uintptr_t to_i32(int *p);"
             "uintptr_t to_void(void *p); uintptr_t to_u8(unsigned char *p);"
             "struct pair { int a; double b; };"
             "uintptr_t to_pair(struct pair *p); uintptr_t at_char(const char *p);")
    ffi.set_source("arrays_in_" + gil, source)
    ffi.compile(tmpdir=str(tmp_path))
    sys.path.insert(0, str(tmp_path))
    try:
        lib = __import__("arrays_in_" + gil).lib
    finally:
        sys.path.pop(0)
    a, i, p = np.arange(4.0), np.arange(3, dtype="i4"), np.zeros(2, PAIR)
    for _ in range(2):
        assert lib.sum(a, 4) == 6.0 and lib.sum(array.array("d", [1]), 1) == 1.0
        assert lib.to_i32(i) == where(i) and lib.to_void(a) == where(a) == lib.to_u8(a)
        assert lib.to_pair(p) == where(p) and lib.at_char(i) == where(i)
        assert "sum() argument 1 ('data')" in refused(lib.sum, i, 3)
        assert "of dtype 'float64'" in refused(lib.to_i32, a)
        assert "C-contiguous" in refused(lib.sum, a[::2], 2)
    a.flags.writeable = False
    assert lib.sum(a, 4) == 6.0
    assert "must be writable" in refused(lib.to_void, a)
