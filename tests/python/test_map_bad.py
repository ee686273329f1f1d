# SPDX-License-Identifier: MIT
"""ffi.map() refuses what it cannot run, by name, and nothing is written then."""

import array
import ctypes

import pytest

import jiffi
from map_samples import ffi, lib

A = array.array("d", [1, 2, 3, 4])
READ_ONLY = memoryview(A.tobytes()).cast("d")


def released():
    m = memoryview(bytearray(32)).cast("d")
    m.release()
    return m


def rows_with_gaps():
    return memoryview(bytearray(96)).cast("d", (4, 3))[::2]


# function, operands, keywords, exception, what it says
REFUSED = [
    ("twice", (), {}, TypeError, r"expects 1 arguments, got 0"),
    ("twice", (A, A), {}, TypeError, r"expects 1 arguments, got 2"),
    ("many", (A,), {}, TypeError, r"with '\.\.\.'"),
    ("twice", (1.0,), {}, ValueError, r"no operand is an array"),
    ("note", (1,), {}, ValueError, r"no operand is an array"),
    ("twice", (array.array("f", [1]),), {}, TypeError,
     r"twice\(\) argument 1 \('a'\): items must be 'double' \(8 bytes\), not 'f'"),
    ("twice", (array.array("q", [1]),), {}, TypeError, r"not 'q'"),
    ("inc16", (array.array("h", [1]),), {}, TypeError, r"'uint16_t'.*not 'h'"),
    ("twice", (memoryview(bytearray(8)),), {}, TypeError, r"not 'B' \(1 bytes\)"),
    ("twice", (b"12345678",), {}, TypeError, r"items must be 'double'"),
    ("twice", ((ctypes.c_double.__ctype_be__ * 2)(1, 2),), {}, TypeError, r"'>d'|<d"),
    ("twice", ("x",), {}, TypeError, r"argument 1 \('a'\).*str"),
    ("twice", ([1.0],), {}, TypeError, r"argument 1 \('a'\).*list"),
    ("twice", (None,), {}, TypeError, r"argument 1 \('a'\)"),
    ("twice", (jiffi.each(5),), {}, TypeError, r"each\(\) takes an array, not a int"),
    ("twice", (jiffi.each(jiffi.each(A)),), {}, TypeError, r"each\(\) takes an array"),
    ("twice", (ffi.new("float[2]"),), {}, TypeError, r"items must be 'double'"),
    ("add", (A, A[:3]), {}, ValueError,
     r"argument 1 \('a'\) has 4 items, argument 2 \('b'\) has 3"),
    ("add", (A, 1), {"out": array.array("d", [0])}, ValueError,
     r"argument 1 \('a'\) has 4 items, out has 1"),
    ("twice", (A,), {"out": READ_ONLY}, TypeError,
     r"^out: must be writable, not a read-only memoryview"),
    ("twice", (A,), {"out": array.array("f", [0] * 4)}, TypeError, r"^out: items must be"),
    ("twice", (A,), {"out": 5}, TypeError, r"^out: must be an array .* not a int"),
    ("twice", (A,), {"out": ffi.new("double *")}, TypeError, r"^out: must be an array"),
    ("note", (array.array("i", [1]),), {"out": A}, TypeError, r"out is for results"),
    ("shift", (memoryview(bytes(64)), 1), {}, TypeError, r"items must be 'point'"),
    ("split", (A, memoryview(bytes(16)).cast("i")), {}, TypeError,
     r"argument 2 \('whole'\): must be writable, not a read-only memoryview"),
    ("split", (A, memoryview(bytearray(19))[3:].cast("i")), {}, TypeError,
     r"do not begin where C expects"),
    ("split", (A, array.array("l", [0] * 4)), {}, TypeError, r"items must be 'int'"),
    ("split", (A, None), {}, TypeError, r"argument 2"),
    ("length", (bytearray(b"ab"),), {}, TypeError, r"say jiffi\.same\(x\) or jiffi\.each"),
    ("peek", (A, 0), {}, TypeError, r"say jiffi\.same\(x\) or jiffi\.each"),
    ("sum3", (jiffi.each(memoryview(A)[::2]), ), {"out": 1}, TypeError, r"^out"),
    ("twice", (memoryview(bytearray(96)).cast("d", (4, 3)),),
     {"out": memoryview(bytearray(80)).cast("d")}, ValueError, r"has 12 items, out has 10"),
    ("limit", (1, 1), {"stop": True}, ValueError, r"no operand is an array"),
    ("twice", (A,), {"stop": True}, TypeError, r"stop=True needs"),
    ("note", (array.array("i", [1]),), {"stop": True}, TypeError, r"stop=True needs"),
    ("twice", (A,), {"threads": 0}, ValueError, r"threads must be 1 or more, not 0"),
    ("twice", (A,), {"threads": 1.5}, TypeError, r"float"),
    ("twice", (A,), {"chunk": -1}, ValueError, r"chunk must be 1 or more"),
    ("twice", (A,), {"progress": 3}, TypeError, r"progress must be callable, not int"),
    ("twice", (A,), {"output": A}, TypeError, r"unexpected keyword argument 'output'"),
]


@pytest.mark.parametrize("name,operands,kwds,exception,text", REFUSED)
def test_refused(name, operands, kwds, exception, text):
    before = A.tobytes()
    with pytest.raises(exception, match=text):
        ffi.map(getattr(lib, name), *operands, **kwds)
    assert A.tobytes() == before
    assert list(ffi.map(lib.twice, A)) == [2, 4, 6, 8]


@pytest.mark.parametrize("what", [None, 5, len, "twice", ffi.new("int *"), lib])
def test_no_function(what):
    with pytest.raises(TypeError, match="takes a C function"):
        ffi.map(what, A)


def test_nothing_stays_pinned():
    a = array.array("d", [1, 2])
    ffi.map(lib.twice, a, out=a)
    for operands in ((a, array.array("f", [1])), (a, array.array("d", [1])), (a, "x")):
        with pytest.raises((TypeError, ValueError)):
            ffi.map(lib.add, *operands)
        with pytest.raises((TypeError, ValueError)):
            ffi.map(lib.add, *operands[::-1], out=a)
    a.append(0)  # BufferError if somebody had it


def test_nothing_at_all():
    with pytest.raises(TypeError, match="missing required argument 'function'"):
        ffi.map()
    with pytest.raises((RuntimeError, ValueError), match="NULL|null"):
        ffi.map(ffi.cast("double(*)(double)", 0), A)


def test_released_memoryview():
    with pytest.raises(ValueError, match="released"):
        ffi.map(lib.twice, released())
    with pytest.raises(ValueError, match="released"):
        ffi.map(lib.twice, A, out=released())


def test_released_cdata():
    c = ffi.from_buffer("double[]", bytearray(32))
    ffi.release(c)
    with pytest.raises((BufferError, ValueError), match="released|null|NULL|unknown"):
        ffi.map(lib.twice, A, out=c)


def test_closed_library():
    other = jiffi.FFI()
    other.cdef("double sqrt(double);")
    m = other.dlopen("m")
    sqrt = m.sqrt
    assert list(other.map(sqrt, A))[3] == 2
    other.dlclose(m)
    with pytest.raises(ValueError, match="closed"):
        other.map(sqrt, A)


# --- memory that is shared in part ---------------------------------------------------

def test_overlap():
    a = array.array("d", range(10))
    m = memoryview(a)
    for read, write in ((m[:9], m[1:]), (m[1:], m[:9]), (m[:5], m[4:9]), (m[::-1], m),
                        (m[:5], m[:9:2])):
        with pytest.raises(ValueError, match=r"^out, which is written to, and "
                                             r"argument 1 \('a'\) share memory in part"):
            ffi.map(lib.twice, read, out=write)
    assert list(a) == list(range(10))
    ffi.map(lib.twice, m[::2], out=m[1::2])  # other items of one array
    assert list(a) == [0, 0, 2, 4, 4, 8, 6, 12, 8, 16]
    ffi.map(lib.twice, m[:5], out=m[5:])
    ffi.map(lib.twice, m[::-2], out=m[::-2])


def test_overlap_of_pointers():
    p = ffi.new("point[4]")
    v = ffi.from_buffer("double[]", ffi.buffer(p))
    with pytest.raises(ValueError, match=r"argument 1 \('p'\), which is written to"):
        ffi.map(lib.shift, p, memoryview(v)[:4])
    with pytest.raises(ValueError, match="share memory"):
        ffi.map(lib.norm2, p, out=memoryview(v)[:4])
    assert list(ffi.map(lib.norm2, p)) == [0] * 4


def test_results_on_top_of_each_other():
    np = pytest.importorskip("numpy")
    one = np.zeros(1)
    with pytest.raises(ValueError, match="^out: items of 8 bytes that are 0 bytes apart"):
        ffi.map(lib.twice, A, out=np.lib.stride_tricks.as_strided(one, (4,), (0,)))
    spread = np.broadcast_to(np.ones(1), (4,))
    assert list(ffi.map(lib.add, A, spread)) == [2, 3, 4, 5]  # reading is fine


# --- NumPy ---------------------------------------------------------------------------

def test_numpy_refused():
    np = pytest.importorskip("numpy")
    frozen = np.zeros(4)
    frozen.flags.writeable = False
    rows = [
        (lib.twice, (np.zeros(4, ">f8"),), {}, r"items must be 'double'.*>f8"),
        (lib.twice, (np.zeros(4, "f4"),), {}, r"items must be 'double'.*float32|'f'"),
        (lib.twice, (np.zeros(4, object),), {}, r"items must be 'double'.*object|'O'"),
        (lib.twice, (np.zeros(4, "M8[s]"),), {}, r"items must be 'double'.*datetime64"),
        (lib.twice, (A,), {"out": frozen}, r"out: must be writable"),
        (lib.twice, (np.zeros((4, 4))[:, :2],), {}, r"C-contiguous; this numpy.ndarray"),
        (lib.sum3, (jiffi.each(np.zeros((4, 6))[:, ::2]),), {}, r"a row of this .* gaps"),
        (lib.norm2, (np.zeros(4, [("x", "f8"), ("y", "f4"), ("z", "f4")]),), {},
         r"items must be 'point'"),
        (lib.length, (jiffi.each(np.zeros(2, object)),), {}, r"items must be 'char'"),
        (lib.split, (A, frozen[:4].view("i8").astype("i4")[::2]), {}, r"4 items|int"),
    ]
    for f, operands, kwds, text in rows:
        with pytest.raises((TypeError, ValueError), match=text):
            ffi.map(f, *operands, **kwds)


def test_the_stub_object_cannot_be_made():
    for t in (type(jiffi.each(A)), type(jiffi.same(A))):
        with pytest.raises(TypeError):
            t()
