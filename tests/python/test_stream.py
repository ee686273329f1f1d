# SPDX-License-Identifier: MIT
"""ffi.stream(): every kind of source and of function, against calls made here."""

import array
import io
import mmap
import os
import pathlib
import socket
import threading

import pytest

import jiffi
from stream_samples import ffi, lib

DATA = array.array("d", [i * 0.5 - 20 for i in range(103)])
BATCHES = [1, 7, 50, 103, 104, 1000]


def sums(batch, data=DATA):
    return [sum(data[i:i + batch]) for i in range(0, len(data), batch)]


def doubles(results):
    return [x for r in results for x in r]


class Reads:
    """read() only, and never as much as was asked for."""

    def __init__(self, data, most=13):
        self.file = io.BytesIO(data)
        self.most = most

    def read(self, n):
        return self.file.read(min(n, self.most))


class ReadsInto(Reads):
    def readinto(self, view):
        return self.file.readinto(memoryview(view)[:self.most])

    read = None


def from_pipe(_tmp):
    r, w = os.pipe()
    os.write(w, DATA.tobytes())
    os.close(w)
    return os.fdopen(r, "rb", buffering=0)


def from_socket(_tmp):
    a, b = socket.socketpair()
    b.sendall(DATA.tobytes())
    b.close()
    return a


def from_mmap(_tmp):
    m = mmap.mmap(-1, len(DATA) * 8)
    m[:] = DATA.tobytes()
    return m


def write(tmp):
    path = tmp / "data"
    path.write_bytes(DATA.tobytes())
    return path


def pieces(sizes):
    data = DATA.tobytes()
    at = 0
    while at < len(data):
        for size in sizes:
            yield data[at:at + size]
            at += size


SOURCES = {
    "path": write,
    "str": lambda tmp: str(write(tmp)),
    "file": lambda tmp: open(write(tmp), "rb"),
    "raw": lambda tmp: open(write(tmp), "rb", buffering=0),
    "bytesio": lambda tmp: io.BytesIO(DATA.tobytes()),
    "pipe": from_pipe,
    "socket": from_socket,
    "read": lambda tmp: Reads(DATA.tobytes()),
    "readinto": lambda tmp: ReadsInto(DATA.tobytes()),
    "bytes": lambda tmp: DATA.tobytes(),
    "bytearray": lambda tmp: bytearray(DATA.tobytes()),
    "array": lambda tmp: DATA,
    "unaligned": lambda tmp: memoryview(b"?" + DATA.tobytes())[1:],
    "strided": lambda tmp: memoryview(array.array("d", [x for v in DATA
                                                        for x in (v, 7)]))[::2],
    "mmap": from_mmap,
    "cdata": lambda tmp: ffi.new("double[]", list(DATA)),
    "pieces": lambda tmp: pieces([1, 20, 8, 0, 333]),
    "arrays": lambda tmp: iter([DATA[:50], memoryview(DATA)[50:60], DATA[60:]]),
    "cdatas": lambda tmp: (ffi.new("double[]", [v]) for v in DATA),
    "numbers": lambda tmp: iter(DATA.tolist()),
    "list": lambda tmp: DATA.tolist(),
}


@pytest.mark.parametrize("buffers", [1, 2, 3])
@pytest.mark.parametrize("name", SOURCES)
def test_sources(name, buffers, tmp_path):
    for batch in BATCHES:
        source = SOURCES[name](tmp_path)
        assert list(ffi.stream(source, lib.total, batch=batch,
                               buffers=buffers)) == sums(batch)
        if hasattr(source, "close"):
            source.close()  # not ours: it is open still, and can be closed


@pytest.mark.parametrize("name", SOURCES)
def test_items(name, tmp_path):
    source = SOURCES[name](tmp_path)
    results = list(ffi.stream(source, lib.twice, batch=10))
    assert [len(r) for r in results] == [10] * 10 + [3]
    assert all(ffi.typeof(r) is ffi.typeof("double[]") for r in results)
    assert doubles(results) == [2 * v for v in DATA]
    if hasattr(source, "close"):
        source.close()


def test_descriptor(tmp_path):
    fd = os.open(write(tmp_path), os.O_RDONLY)
    os.lseek(fd, 80, 0)
    assert list(ffi.stream(fd, lib.total, batch=50)) == sums(50, DATA[10:])
    os.close(fd)  # is still open


def test_from_where_the_file_stands(tmp_path):
    calls = []
    with open(write(tmp_path), "rb") as f:
        f.seek(80)
        s = ffi.stream(f, lib.total, batch=1000,
                       progress=lambda done, total: calls.append((done, total)))
        assert list(s) == [sum(DATA[10:])]
    assert calls == [(93, 93)]


# --- functions ----------------------------------------------------------------------

def rows(n=10):
    return [{"id": i, "v": i * 0.25} for i in range(n)]


def test_structs():
    packed = ffi.new("row[]", rows())
    for source in (packed, rows(), iter([packed[i] for i in range(10)]),
                   bytes(ffi.buffer(packed)), [(i, i * 0.25) for i in range(10)]):
        if not isinstance(source, list):
            source = list(source) if hasattr(source, "__next__") else source
        assert doubles(ffi.stream(source, lib.row_value, batch=4)) == \
            [i * i * 0.25 for i in range(10)]
        assert doubles(ffi.stream(source, lib.by_value, batch=4)) == \
            [i * 1.25 for i in range(10)]


def test_items_that_c_changes():
    packed = ffi.new("row[]", rows())
    kept = list(ffi.stream(packed, lib.shift, 0.5, batch=4))
    assert [(r.id, r.v) for k in kept for r in k] == \
        [(i + 1, i * 0.25 + 0.5) for i in range(10)]
    assert [r.id for r in packed] == list(range(10))  # the source stays as it was
    seen = [(k[0].id, len(k)) for k in
            ffi.stream(packed, lib.shift, 0.5, batch=4, copy=False)]
    assert seen == [(1, 4), (5, 4), (9, 2)]


def test_chunks_that_c_changes():
    data = array.array("d", DATA)
    assert doubles(ffi.stream(data, lib.negate_all, batch=50)) == [-v for v in DATA]
    assert data == DATA
    assert doubles(ffi.stream(data.tobytes(), lib.negate_all, batch=50)) == \
        [-v for v in DATA]
    got = [list(r) for r in ffi.stream(data, lib.negate_all, batch=50, copy=False)]
    assert doubles(got) == [-v for v in DATA]


def test_results_own_their_memory():
    results = list(ffi.stream(iter(DATA.tolist()), lib.twice, batch=10))
    assert len({int(ffi.cast("uintptr_t", r)) for r in results}) == len(results)
    s = ffi.stream(iter(DATA.tolist()), lib.twice, batch=10, copy=False)
    addresses, values = set(), []
    for r in s:
        addresses.add(int(ffi.cast("uintptr_t", r)))
        values += list(r)
    assert len(addresses) == 1 and values == [2 * v for v in DATA]


def test_void():
    before = lib.was_seen()
    assert list(ffi.stream(DATA, lib.see, batch=60)) == [None, None]
    assert lib.was_seen() - before == sum(DATA)


def test_struct_results_and_pointers():
    s = [(r.low, r.high) for r in list(ffi.stream(DATA, lib.ends, batch=60))]
    assert s == [(DATA[0], DATA[59]), (DATA[60], DATA[102])]
    # A pointer into the chunk is good until the next is asked for.
    for buffers in (1, 2):
        got = [p[0] for p in ffi.stream(DATA.tolist(), lib.first, batch=10,
                                        buffers=buffers)]
        assert got == list(DATA[::10])


def test_further_arguments():
    assert doubles(ffi.stream(DATA, lib.plus, 1.5, batch=9)) == [v + 1.5 for v in DATA]
    assert list(ffi.stream(DATA, lib.weighted, 2.0, batch=50)) == \
        [2 * s for s in sums(50)]
    square = ffi.callback("int(int)", lambda v: v * v)
    assert list(ffi.stream([1.0, 2, 3], lib.several, square, batch=2)) == [9, 16]


def test_count_of_arguments_says_which_shape():
    packed = ffi.new("row[]", rows(5))
    assert doubles(ffi.stream(packed, lib.nth, 3)) == [0, 3, 6, 9, 12]  # items
    assert list(ffi.stream(packed, lib.nth, batch=2)) == [0, 4, 4]  # row *, their number
    assert doubles(ffi.stream(packed, lib.nth, 3, how="items")) == [0, 3, 6, 9, 12]
    with pytest.raises(TypeError, match=r"nth\(\) takes 0 arguments besides a chunk"):
        ffi.stream(packed, lib.nth, 3, how="chunk")
    with pytest.raises(TypeError, match=r"nth\(\) takes 1 arguments besides an item"):
        ffi.stream(packed, lib.nth, how="items")


def test_carry():
    data = DATA.tobytes()
    want = 5
    for b in data:
        want = (want * 31 + b) % 2**64
    for batch in (1, 100, 10000):
        *_, last = ffi.stream(io.BytesIO(data), lib.running, carry=5, batch=batch)
        assert last == want
    assert list(ffi.stream(b"", lib.running, carry=5)) == []


def test_void_pointers_and_sized():
    data = bytes(range(200))
    assert list(ffi.stream(data, lib.bytes_sum, batch=150)) == \
        [sum(data[:150]), sum(data[150:])]
    sized = ffi.sized(lib.total, n="data")
    assert list(ffi.stream(DATA, sized, batch=50)) == sums(50)
    pointer = ffi.addressof(lib, "total")
    assert list(ffi.stream(DATA, pointer, batch=50)) == sums(50)
    assert list(ffi.stream(DATA, ffi.callback("double(double *, int)",
                                              lambda p, n: n), batch=50)) == [50, 50, 3]


def test_fused():
    f = ffi.fuse(lambda x: lib.twice(x) + 1, "double(double x)")
    assert doubles(ffi.stream(DATA, f, batch=50)) == [2 * v + 1 for v in DATA]


BAD_FUNCTIONS = [
    (lambda: (lib.two,), r"two\(\) fits neither: .* besides the 0 given.*'double\("),
    (lambda: (lib.was_seen,), r"was_seen\(\) fits neither"),
    (lambda: (lib.total, 1, 2), r"total\(\) fits neither"),
    (lambda: (len,), "takes a C function.*not builtin_function_or_method"),
    (lambda: (ffi.new("int *"),), "takes a C function"),
    (lambda: (ffi.cast("int(*)(const struct hidden *)", 8),),
     "items of type 'struct hidden', which cannot"),
    (lambda: (ffi.cast("int(*)(const char *)", 8),), "'char \\*', of which nobody knows"),
    (lambda: (ffi.cast("int(*)(void *)", 8),), "'void \\*', of which nobody knows"),
    (lambda: (ffi.cast("int(*)(char *)", 8),), "'char \\*'"),
    (lambda: (ffi.cast("int(*)(char **)", 8),), "items of type 'char \\*', which cannot"),
    (lambda: (ffi.cast("int(*)(int, ...)", 8),), r"has '\.\.\.'"),
]


@pytest.mark.parametrize("make,text", BAD_FUNCTIONS)
def test_bad_functions(make, text):
    with pytest.raises(TypeError, match=text):
        ffi.stream(b"", *make())


BAD_OPTIONS = [
    (dict(batch=0), ValueError, "batch must be 1 or more, not 0"),
    (dict(buffers=-1), ValueError, "buffers must be 1 or more"),
    (dict(batch="8"), TypeError, "integer"),
    (dict(how="all"), ValueError, "how must be 'items' or 'chunk', not 'all'"),
    (dict(partial="keep"), ValueError, "partial must be 'error' or 'drop'"),
    (dict(progress=3), TypeError, "progress must be True or callable, not int"),
    (dict(stop=True), TypeError, r"total\(\) returns 'double': stop=True needs"),
    (dict(how="items"), TypeError, "besides an item; there are 0"),
    (dict(speed=9), TypeError, "speed"),
]


@pytest.mark.parametrize("options,error,text", BAD_OPTIONS)
def test_bad_options(options, error, text):
    with pytest.raises(error, match=text):
        ffi.stream(DATA, lib.total, **options)


def test_bad_calls():
    with pytest.raises(TypeError, match="carry= is for functions of a chunk"):
        ffi.stream(DATA, lib.plus, how="items", carry=1)
    with pytest.raises(TypeError, match=r"twice\(\) has no pointer with its length"):
        ffi.stream(DATA, lib.twice, how="chunk")
    with pytest.raises(RuntimeError, match="null pointer"):
        ffi.stream(DATA, ffi.cast("double(*)(double)", 0))
    with pytest.raises(TypeError):
        ffi.stream(DATA)


# --- sources that do not fit ------------------------------------------------------

BAD_SOURCES = [
    (lambda: 3.5, TypeError, "reads paths.*not float"),
    (lambda: None, TypeError, "not NoneType"),
    (lambda: True, TypeError, "not bool"),
    (lambda: io.StringIO("text"), TypeError, "StringIO gives text: open it in binary"),
    (lambda: array.array("f", [1, 2]), TypeError,
     r"items must be 'double' \(8 bytes\) or single bytes, not 'f' \(4 bytes\) of a array"),
    (lambda: ffi.new("row[2]"), TypeError, "items must be 'double'"),
    (lambda: "/nonexistent/file", FileNotFoundError, "/nonexistent/file"),
    (lambda: -1, ValueError, "negative"),
    (lambda: ffi.cast("double *", 8), BufferError, "nobody knows how many items"),
]


@pytest.mark.parametrize("make,error,text", BAD_SOURCES)
def test_bad_sources(make, error, text):
    with pytest.raises(error, match=text):
        ffi.stream(make(), lib.total)
    assert not [t for t in threading.enumerate() if t.name == "jiffi.stream"]


BAD_LATER = [
    (lambda: iter([b"12345678", 3]), TypeError, "bytes-like chunks came first, now a int"),
    (lambda: iter([1.0, 2.0, "x"]), TypeError, "value 2: "),
    (lambda: iter([1.0, 2.0, b"12345678"]), TypeError, "value 2: "),
    (lambda: iter([b"12345678", array.array("f", [1])]), TypeError, "not 'f'"),
    (lambda: type("T", (), {"read": lambda self, n: "text"})(), TypeError,
     "T gives text: open it in binary mode"),
    (lambda: type("T", (), {"read": lambda self, n: bytes(n + 1)})(), ValueError,
     "T says that it has read 65 bytes into 64"),
    (lambda: type("T", (), {"readinto": lambda self, v: -1})(), ValueError,
     "T says that it has read -1 bytes"),
    (lambda: type("T", (), {"readinto": lambda self, v: None})(), BlockingIOError,
     "T does not wait for data"),
]


@pytest.mark.parametrize("buffers", [1, 2])
@pytest.mark.parametrize("make,error,text", BAD_LATER)
def test_bad_while_reading(make, error, text, buffers):
    s = ffi.stream(make(), lib.total, batch=8, buffers=buffers)
    with pytest.raises(error, match=text):
        for _ in s:
            pass
    assert list(s) == []
    assert not [t for t in threading.enumerate() if t.name == "jiffi.stream"]


# --- ends that are no whole items -----------------------------------------------------

@pytest.mark.parametrize("buffers", [1, 2])
@pytest.mark.parametrize("odd", [1, 7])
@pytest.mark.parametrize("kind", [bytes, io.BytesIO, lambda b: iter([b]),
                                  lambda b: Reads(b)])
def test_partial(kind, odd, buffers):
    for n, batch in ((4, 2), (5, 2), (0, 2), (3, 10)):
        data = DATA[:n].tobytes() + b"\xff" * odd
        s = ffi.stream(kind(data), lib.total, batch=batch, buffers=buffers)
        got = []
        with pytest.raises(ValueError, match="the source ends with %d byte.*no whole "
                           r"'double' \(8 bytes\)" % odd):
            for r in s:
                got.append(r)
        assert got == sums(batch, DATA[:n])  # what is whole comes first
        assert list(s) == []
        s = ffi.stream(kind(data), lib.total, batch=batch, buffers=buffers,
                       partial="drop")
        assert list(s) == sums(batch, DATA[:n])


@pytest.mark.parametrize("source", [b"", array.array("d"), [], iter([]), iter([b""]),
                                    io.BytesIO(), os.devnull, Reads(b"")], ids=repr)
def test_nothing(source):
    calls = []
    for f in (lib.total, lib.twice):
        s = ffi.stream(source, f, progress=lambda *a: calls.append(a))
        assert list(s) == [] and list(s) == []
    assert [c[0] for c in calls] == [0, 0]


# --- NumPy ----------------------------------------------------------------------------

def test_numpy():
    np = pytest.importorskip("numpy")
    a = np.arange(100.0)
    out = np.concatenate([np.asarray(r) for r in ffi.stream(a, lib.twice, batch=30)])
    assert (out == a * 2).all() and out.dtype == a.dtype
    assert list(ffi.stream(a[::3], lib.total, batch=10)) == sums(10, a[::3])
    assert list(ffi.stream(a.reshape(10, 10), lib.total, batch=30)) == sums(30, a)
    assert list(ffi.stream(a.reshape(10, 10).T, lib.total, batch=30)) == \
        sums(30, a.reshape(10, 10).T.ravel())
    assert list(ffi.stream((a[i:i + 7] for i in range(0, 100, 7)), lib.total,
                           batch=30)) == sums(30, a)
    assert list(ffi.stream(iter(a), lib.total, batch=30)) == sums(30, a)  # np.float64
    records = np.array([(1, 2.0), (3, 4.0)], dtype=[("id", "i4"), ("v", "f8")])
    records = records.astype(ffi.dtype("row"))
    assert doubles(ffi.stream(records, lib.row_value)) == [2, 12]
    with pytest.raises(TypeError, match="items must be 'double'"):
        ffi.stream(a.astype(">f8"), lib.total)
    for odd in (a.astype("M8[s]"), np.array([1, "x"], dtype=object)):
        with pytest.raises((TypeError, ValueError)):
            list(ffi.stream(odd, lib.total))


def test_progress():
    calls = []
    for source in (DATA, iter(DATA), DATA.tolist(), DATA.tobytes()):
        calls.clear()
        n = None if hasattr(source, "__next__") else 103
        list(ffi.stream(source, lib.total, batch=50,
                        progress=lambda *a: calls.append(a)))
        assert calls == [(50, n), (100, n), (103, n)]


def test_progress_line(capsys, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert list(ffi.stream(DATA, lib.total, batch=50, progress=True)) == sums(50)
    assert capsys.readouterr().err == "103 of 103 items\n"
    list(ffi.stream(iter(DATA), lib.total, batch=50, progress=True))
    assert capsys.readouterr().err == "103 items\n"


def test_progress_tqdm(monkeypatch):
    """With what tqdm promises: total, n, update(), close()."""
    import sys
    import types

    log = []

    class Bar:
        def __init__(self, total, **_):
            log.append(total)
            self.n = 0

        def update(self, n):
            self.n += n
            log.append(self.n)

        def close(self):
            log.append("closed")

    monkeypatch.setitem(sys.modules, "tqdm", types.SimpleNamespace(tqdm=Bar))
    list(ffi.stream(DATA, lib.total, batch=50, progress=True))
    assert log == [103, 50, 100, 103, "closed"]


def test_path_like(tmp_path):
    assert list(ffi.stream(pathlib.Path(write(tmp_path)), lib.total)) == [sum(DATA)]


