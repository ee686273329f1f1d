# SPDX-License-Identifier: MIT
"""Tensors by DLPack and columns by Arrow as pointers: what is lent is given back, what
cannot be a pointer is refused. Producers are made here; NumPy's, PyTorch's and pyarrow's
own are asked where they are installed."""

import ctypes
import gc

import array_samples as samples
import pytest
from array_samples import BFLOAT, BOOL, COMPLEX, FLOAT, HANDLE, INT, UINT

from jiffi import FFI


@pytest.fixture(scope="module", params=["release", "hold"])
def ffi(request):
    ffi = FFI(gil=request.param)
    ffi.cdef(samples.FUNCTIONS)
    return ffi


@pytest.fixture(scope="module")
def lib(ffi):
    return ffi.dlopen(samples.path())


BY_NAME = samples.exchange_type("ByName", "__dlpack_c_exchange_api__", True)
BY_INT = samples.exchange_type("ByInt", "__c_dlpack_exchange_api__", False)
TENSORS = [samples.NewTensor, samples.OldTensor, BY_NAME, BY_INT]
WAYS = {samples.NewTensor: [(1, 3)], samples.OldTensor: ["old"],
        BY_NAME: ["exchange"], BY_INT: ["exchange"]}


def refused(f, *args, error=TypeError):
    with pytest.raises(error) as e:
        f(*args)
    return str(e.value)


@pytest.mark.parametrize("kind", TENSORS)
def test_a_tensor_is_lent_and_given_back(ffi, lib, kind):
    t = kind(samples.doubles(6), (2, 3))
    assert lib.to_f64(t) == t.address == lib.at_void(t)
    assert lib.sum(t, 6) == 15.0 and lib.to_row(t) == t.address
    assert t.alive == 0 and t.how == WAYS[kind] * 4
    message = refused(lib.to_i32, t)
    assert message == ("to_i32() argument 1 ('p'): initializer for ctype 'int *' must be a "
                       "buffer of 'int', not a %s of items 'd' (8 bytes each)" % kind.__name__)
    assert t.alive == 0
    with ffi.from_buffer("double[]", t, require_writable=True) as view:
        assert len(view) == 6 and list(view) == [0, 1, 2, 3, 4, 5]
        assert t.alive == 1 and int(ffi.cast("uintptr_t", view)) == t.address
        view[0] = 5
    assert t.alive == 0 and t.data[0] == 5
    view = ffi.from_buffer("float[]", t)
    assert len(view) == 12 and t.alive == 1
    del view
    gc.collect()
    assert t.alive == 0


DTYPES = [  # code, bits, pointers that take it
    (INT, 8, ["i8"]), (INT, 16, ["i16"]), (INT, 32, ["i32"]), (INT, 64, ["long", "i64"]),
    (UINT, 8, []), (UINT, 16, ["u16"]), (UINT, 32, ["u32", "level"]),
    (UINT, 64, ["ulong", "u64"]), (FLOAT, 16, []), (FLOAT, 32, ["f32"]),
    (FLOAT, 64, ["f64", "either"]), (BFLOAT, 16, []), (COMPLEX, 64, ["cf32"]),
    (COMPLEX, 128, ["cf64"]), (BOOL, 8, ["bool"]), (HANDLE, 64, []), (7, 8, []),
]


@pytest.mark.parametrize("code, bits, names", DTYPES)
def test_types_of_items(lib, code, bits, names):
    t = samples.NewTensor(samples.doubles(8), (4,), code, bits)
    for name in samples.TYPES.values():
        f = getattr(lib, "to_" + name)
        if name in names or name in ("void", "char", "u8"):
            assert f(t) == t.address
        else:
            assert "must be a buffer of" in refused(f, t)
    assert t.alive == 0


SHAPES = [  # shape, strides, is it C-contiguous?
    ((), (), True), ((0,), (1,), True), ((5,), (1,), True), ((2, 3), None, True),
    ((2, 3), (3, 1), True), ((1, 3), (99, 1), True), ((2, 1), (1, 77), True),
    ((2, 0, 3), (5, 5, 5), True), ((5,), (2,), False), ((2, 3), (1, 2), False),
    ((2, 3), (4, 1), False), ((3,), (0,), False), ((3,), (-1,), False), ((-1,), None, False),
    ((1 << 40, 1 << 40), None, False),
]


@pytest.mark.parametrize("shape, strides, good", SHAPES)
@pytest.mark.parametrize("kind", TENSORS)
def test_shapes(ffi, lib, kind, shape, strides, good):
    t = kind(samples.doubles(16), shape, strides=strides)
    if good:
        assert lib.to_f64(t) == t.address
        n = 1
        for k in shape:
            n *= k
        with ffi.from_buffer("double[]", t) as view:
            assert len(view) == n
    else:
        message = refused(lib.to_f64, t)
        assert message == ("to_f64() argument 1 ('p'): this %s must be C-contiguous; it has "
                           "gaps between its items (C type 'double *', got %s)"
                           % (kind.__name__, kind.__name__))
        with pytest.raises(TypeError, match="C-contiguous"):
            ffi.from_buffer("double[]", t)
    assert t.alive == 0


@pytest.mark.parametrize("kind", TENSORS)
def test_elsewhere(ffi, lib, kind):
    for device, name in ((2, ", CUDA"), (8, ", Metal"), (99, ""), (-1, "")):
        t = kind(samples.doubles(2), (2,), device=device)
        assert "in the memory of a device (DLPack type %d%s), not of the CPU" % (device, name) \
            in refused(lib.to_f64, t)
        assert t.alive == 0
        with pytest.raises(TypeError, match="memory of a device"):
            ffi.from_buffer("double[]", t)
    for device in (3, 11):  # the CPU's own, that a device may read
        t = kind(samples.doubles(2), (2,), device=device)
        assert lib.to_f64(t) == t.address


def test_offset_lanes_flags_versions(ffi, lib):
    t = samples.NewTensor(samples.doubles(8), (3,), offset=16)
    assert lib.sum(t, 3) == 2 + 3 + 4 and lib.to_f64(t) == t.address
    t = samples.NewTensor(samples.doubles(8), (3,), offset=4)
    assert "multiple of 8 bytes" in refused(lib.to_f64, t)
    t = samples.NewTensor(samples.doubles(8), (2,), FLOAT, 32, lanes=4)
    assert "items 'vectors' (16 bytes each)" in refused(lib.to_f32, t)
    t = samples.NewTensor(samples.doubles(8), (4,), INT, 4)
    assert "has items of 4 bits" in refused(lib.to_void, t)
    for kind in (samples.NewTensor, BY_NAME):
        t = kind(samples.doubles(4), (4,), flags=1)
        assert lib.at_f64(t) == t.address and lib.sum(t, 4) == 6.0
        assert "must be writable, not a read-only %s" % kind.__name__ in refused(lib.to_f64, t)
        with ffi.from_buffer("double[]", t):
            pass
        with pytest.raises(BufferError, match="read-only"):
            ffi.from_buffer("double[]", t, require_writable=True)
        assert t.alive == 0
    t = samples.NewTensor(samples.doubles(4), (4,), version=(2, 0))
    assert "lends its items by DLPack 2.0" in refused(lib.at_f64, t, error=BufferError)
    t = samples.NewTensor(samples.doubles(4), (4,), old=True)
    assert lib.to_f64(t) == t.address and t.alive == 0


def test_exchange_of_other_versions_and_failures(lib):
    future = samples.exchange_type("Future", "__dlpack_c_exchange_api__", True, major=2)
    t = future(samples.doubles(4), (4,))
    assert lib.to_f64(t) == t.address and t.how == ["__dlpack__"] and t.alive == 0
    failing = samples.exchange_type("Failing", "__dlpack_c_exchange_api__", True, fails=True)
    t = failing(samples.doubles(4), (4,))
    assert "this Failing does not lend its items" in refused(lib.to_f64, t, error=BufferError)

    class Odd(samples.NewTensor):
        __dlpack_c_exchange_api__ = "nothing"
    t = Odd(samples.doubles(4), (4,))
    assert lib.to_f64(t) == t.address


def test_producers_that_break_the_rules(ffi, lib):
    def tensor(answer, device=(1, 0)):
        class Odd:
            def __dlpack__(self, **how):
                if isinstance(answer, Exception):
                    raise answer
                return answer

            def __dlpack_device__(self):
                return device
        return Odd()
    used = samples._api.PyCapsule_New(ctypes.addressof(samples.doubles(1)), b"used_dltensor", None)
    for answer in (None, 5, used, ()):
        assert "__dlpack__() of Odd returned no capsule with a tensor" in refused(
            lib.to_f64, tensor(answer))
    with pytest.raises(RuntimeError, match="busy"):
        lib.to_f64(tensor(RuntimeError("busy")))
    for device in (None, 5, (), (1,), ("cpu", 0), (2**70, 0)):
        with pytest.raises((TypeError, OverflowError)):
            lib.to_f64(tensor(None, device))
    with pytest.raises(TypeError):
        ffi.from_buffer("double[]", object())


def test_sized(ffi, lib):
    total = ffi.sized(lib.sum)
    for kind in TENSORS:
        t = kind(samples.doubles(6), (2, 3))
        assert total(t) == 15.0 and t.alive == 0
    a = samples.Arrow(b"g", samples.doubles(6), 4, offset=2)
    assert total(a) == 2 + 3 + 4 + 5 and a.alive == 0


# --- Arrow -------------------------------------------------------------------------------

ARROW = [(b"c", 1, ["i8"]), (b"C", 1, []), (b"s", 2, ["i16"]), (b"S", 2, ["u16"]),
         (b"i", 4, ["i32"]), (b"I", 4, ["u32", "level"]), (b"l", 8, ["long", "i64"]),
         (b"L", 8, ["ulong", "u64"]), (b"e", 2, []), (b"f", 4, ["f32"]),
         (b"g", 8, ["f64", "either"])]


@pytest.mark.parametrize("format, size, names", ARROW)
def test_columns(ffi, lib, format, size, names):
    a = samples.Arrow(format, samples.doubles(8), 3, offset=2)
    start = ctypes.addressof(a.data) + 2 * size
    for name in samples.TYPES.values():
        f, writes = getattr(lib, "at_" + name), getattr(lib, "to_" + name)
        if name in names or name in ("void", "char", "u8"):
            if start % size == 0:
                assert f(a) == start
            assert "must be writable, not a read-only Arrow" in refused(writes, a)
        else:
            assert "must be a buffer of" in refused(f, a)
    with ffi.from_buffer("char[]", a) as view:
        assert len(view) == 3 * size and a.alive == 1
    assert a.alive == 0


VALID = (ctypes.c_ubyte * 1)(0b11111101)
REFUSED = [
    (dict(nulls=1, valid=VALID), TypeError, "has 1 nulls"),
    (dict(nulls=-1, valid=VALID, length=2), TypeError, "has 1 nulls"),
    (dict(format=b"u", buffers=3), TypeError, r"no array of numbers \(Arrow format 'u'\)"),
    (dict(format=b"b"), TypeError, "no array of numbers"),
    (dict(format=b"n", buffers=0), TypeError, "no array of numbers"),
    (dict(format=b"tsn:UTC"), TypeError, r"no array of numbers \(Arrow format 'tsn:UTC'\)"),
    (dict(format=b"d:19,10"), TypeError, "no array of numbers"),
    (dict(format=b""), TypeError, "no array of numbers"),
    (dict(format=None), TypeError, "no array of numbers"),
    (dict(format=b"+s", children=2, buffers=1), TypeError, r"is nested \(Arrow format '\+s'\)"),
    (dict(format=b"i", dictionary=1), TypeError, "is dictionary-encoded"),
    (dict(released=True), ValueError, "has already been released"),
    (dict(length=-1), ValueError, "a length that cannot be"),
    (dict(length=2**62, offset=2**62), ValueError, "a length that cannot be"),
    (dict(result=(1, 2)), TypeError, "returned no pair of capsules"),
    (dict(result=5), TypeError, "returned no pair of capsules"),
]


@pytest.mark.parametrize("fields, error, text", REFUSED, ids=lambda v: str(v)[:30])
def test_columns_that_are_no_pointers(ffi, lib, fields, error, text):
    fields = dict(dict(format=b"g", data=samples.doubles(8), length=4), **fields)
    a = samples.Arrow(**fields)
    for f in (lib.at_f64, lib.at_void):
        with pytest.raises(error, match=r"^at_\w+\(\) argument 1 \('p'\): .*" + text):
            f(a)
    with pytest.raises(error, match=text):
        ffi.from_buffer("double[]", a)
    assert a.alive == 0


def test_columns_without_nulls(lib):
    for fields in (dict(nulls=0, valid=VALID), dict(nulls=-1), dict(nulls=-1, valid=VALID, offset=2)):
        a = samples.Arrow(b"g", samples.doubles(8), 3, **fields)
        assert lib.at_f64(a) == ctypes.addressof(a.data) + 8 * fields.get("offset", 0)
    empty = samples.Arrow(b"g", None, 0)
    assert lib.sum(empty, 0) == 0.0 and empty.alive == 0


# --- the real ones ---------------------------------------------------------------------------


def test_pyarrow(ffi, lib):
    pa = pytest.importorskip("pyarrow")
    a = pa.array([1.0, 2, 3, 4])
    assert lib.sum(a, 4) == 10.0 == ffi.sized(lib.sum)(a) and ffi.sized(lib.sum)(a[1:3]) == 5.0
    assert "read-only" in refused(lib.to_f64, a)
    assert "nulls" in refused(lib.sum, pa.array([1.0, None]), 2)
    for other in (pa.array(["a"]), pa.array([True]), pa.array([[1]]), pa.array([{"a": 1}]),
                  pa.array([1], pa.timestamp("s")), pa.array(["a"]).dictionary_encode()):
        with pytest.raises(TypeError, match=r"at_void\(\) argument 1"):
            lib.at_void(other)
    assert list(ffi.from_buffer("long[]", pa.array([1, 2]))) == [1, 2]
    assert lib.at_void(pa.py_buffer(b"abc"))


def test_torch(ffi, lib):
    torch = pytest.importorskip("torch")
    t = torch.arange(6, dtype=torch.float64).reshape(2, 3)
    assert lib.to_f64(t) == t.data_ptr() == lib.to_row(t)
    assert lib.sum(t, 6) == 15.0 == ffi.sized(lib.sum)(t)
    assert "C-contiguous" in refused(lib.to_f64, t.T)
    assert "must be a buffer of" in refused(lib.to_f32, t)
    assert lib.to_void(torch.zeros(2, dtype=torch.bfloat16))
    with ffi.from_buffer("double[]", t, require_writable=True) as view:
        view[0] = 7
    assert t[0, 0] == 7


def test_numpy_by_dlpack(lib):
    """What lends nothing but a NumPy array's tensor."""
    np = pytest.importorskip("numpy")
    a = np.arange(4.0)

    class Only:
        def __dlpack__(self, **how):
            return a.__dlpack__(**how)

        def __dlpack_device__(self):
            return a.__dlpack_device__()
    assert lib.to_f64(Only()) == a.__array_interface__["data"][0]
    a.flags.writeable = False
    if np.lib.NumpyVersion(np.__version__) >= "2.1.0":
        assert lib.sum(Only(), 4) == 6.0
        assert "read-only" in refused(lib.to_f64, Only())
