# SPDX-License-Identifier: MIT
"""ffi.stream(): what overlaps and what waits, errors in their places, early ends, and
that nothing is left: no thread, no open file, no memory."""

import array
import gc
import io
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref

import pytest

import jiffi
from stream_samples import ffi, lib

BATCH = 10


def running():
    return [t for t in threading.enumerate() if t.name == "jiffi.stream"]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert not running()


class Source(io.RawIOBase):
    """`chunks` chunks of BATCH doubles; tells `log` of every read; `fail` is raised in
    the place of chunk number `at`."""

    def __init__(self, chunks, log=None, fail=None, at=-1, before=None):
        super().__init__()
        self.chunks = chunks
        self.log = [] if log is None else log
        self.fail = fail
        self.at = at
        self.before = before
        self.n = 0

    def readable(self):
        return True

    def readinto(self, view):
        if self.n == self.at:
            raise self.fail
        if self.n == self.chunks:
            return 0
        if self.before:
            self.before(self.n)
        data = array.array("d", [self.n]) * BATCH
        view[:len(data) * 8] = data.tobytes()
        self.log.append(("read", self.n))
        self.n += 1
        return len(data) * 8


# --- overlap ------------------------------------------------------------------------

def test_reading_goes_on_while_c_runs():
    """C waits for chunk 1 to have been read, which only a reader beside it can do."""
    second = threading.Event()

    def before(n):
        if n == 2:  # chunk 1 is in its buffer
            second.set()

    seen = []

    @ffi.callback("double(const double *, size_t)")
    def wait(data, n):
        if data[0] == 0:
            seen.append(second.wait(30))
        return data[0]

    source = Source(5, before=before)
    assert list(ffi.stream(source, wait, batch=BATCH, buffers=3)) == [0, 1, 2, 3, 4]
    assert seen == [True]


def test_c_runs_without_the_gil():
    """C waits, in C, for what Python does when it reads the next chunk; and that waits
    for C to have begun."""
    meeting = ffi.new("int[2]")

    def before(n):
        if n == 1:
            deadline = time.monotonic() + 30
            while not meeting[0] and time.monotonic() < deadline:
                time.sleep(0.001)
            meeting[1] = 1

    s = ffi.stream(Source(3, before=before), lib.meet, meeting, batch=BATCH)
    assert list(s) == [1, 1, 1]


@pytest.mark.parametrize("buffers", [1, 2, 3, 5])
def test_a_slow_consumer_holds_the_reader_back(buffers):
    log = []
    s = ffi.stream(Source(20, log), lib.total, batch=BATCH, buffers=buffers)
    for k in range(20):
        assert next(s) == k * BATCH
        # Results own their memory, so that chunk k's buffer is free again.
        most = k + 1 + (buffers if buffers > 1 else 0)
        deadline = time.monotonic() + 30
        while len(log) < min(most, 20) and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.002)  # an impatient reader would go on
        assert len(log) == min(most, 20)
    assert list(s) == []


def test_chunks_in_use_are_not_read_into():
    """A result that refers to its chunk keeps it: one buffer less for the reader."""
    log = []
    s = ffi.stream(Source(20, log), lib.first, batch=BATCH, buffers=2)
    for k in range(20):
        p = next(s)
        deadline = time.monotonic() + 30
        while len(log) < min(k + 2, 20) and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.002)
        assert len(log) == min(k + 2, 20)
        assert all(p[i] == k for i in range(BATCH))
    s.close()


def test_pool():
    """As many buffers as were asked for, used again and again."""
    seen = set()

    class Watched(Source):
        def readinto(self, view):
            seen.add(int(ffi.cast("uintptr_t", ffi.from_buffer(view))))
            return super().readinto(view)

    for buffers in (1, 2, 4):
        seen.clear()
        assert len(list(ffi.stream(Watched(50), lib.total, batch=BATCH,
                                   buffers=buffers))) == 50
        assert 1 <= len(seen) <= buffers


# --- errors ---------------------------------------------------------------------------

class Odd(Exception):
    pass


@pytest.mark.parametrize("buffers", [1, 2, 4])
@pytest.mark.parametrize("at", [0, 1, 5])
@pytest.mark.parametrize("error", [Odd("read"), OSError(5, "disk"), SystemExit(3),
                                   KeyboardInterrupt()], ids=repr)
def test_error_of_the_source(buffers, at, error):
    s = ffi.stream(Source(10, fail=error, at=at), lib.total, batch=BATCH,
                   buffers=buffers)
    got = []
    with pytest.raises(type(error)) as e:
        for r in s:
            got.append(r)
    assert e.value is error
    assert got == [k * BATCH for k in range(at)]
    assert next(s, "end") == "end"


@pytest.mark.parametrize("buffers", [1, 2])
def test_error_in_the_midst_of_a_chunk(buffers):
    """What is whole before it is delivered."""

    def values(n):
        yield from map(float, range(n))
        raise Odd

    def pieces():
        yield array.array("d", [1, 2, 3]).tobytes() + b"odd"
        raise Odd

    for source, want in ((values(14), [45, 46]), (values(10), [45]), (values(0), []),
                         (pieces(), [6])):
        s = ffi.stream(source, lib.total, batch=10, buffers=buffers)
        got = []
        with pytest.raises(Odd):
            for r in s:
                got.append(r)
        assert got == want


@pytest.mark.parametrize("buffers", [1, 2])
def test_stop(buffers):
    for bad in (0, 9, 10, 57, 99):
        values = [0] * 100
        values[bad] = 7
        values[-1] = values[-1] or 9
        for source in (values, array.array("i", values)):
            s = ffi.stream(source, lib.odd, batch=10, stop=True, buffers=buffers)
            got = []
            with pytest.raises(jiffi.MapError) as e:
                for r in s:
                    got.append(list(r))
            e = e.value
            assert (e.function, e.index, e.code) == ("odd", bad, 7 if bad < 99 else 7)
            assert str(e) == "odd() returned 7 for item %d" % bad
            assert list(e.out)[:bad % 10 + 1] == [0] * (bad % 10) + [7]
            assert got == [[0] * 10] * (bad // 10)
            assert list(s) == []


def test_stop_by_chunks():
    data = array.array("d", [1.0] * 40)
    data[23] = -1
    s = ffi.stream(data, lib.has_negative, batch=10, stop=True)
    assert next(s) == next(s) == 0
    with pytest.raises(jiffi.MapError) as e:
        next(s)
    assert (e.value.index, e.value.code, e.value.function) == (20, 4, "has_negative")
    assert list(ffi.stream(data, lib.has_negative, batch=10)) == [0, 0, 4, 0]
    with pytest.raises(jiffi.MapError) as e:
        list(ffi.stream(data, lib.first, batch=10, stop=True))
    assert e.value.index == 0 and e.value.code[0] == 1.0
    assert list(ffi.stream(b"abc", lib.letter, stop=True)) == [b"\0"]
    with pytest.raises(jiffi.MapError, match=r"letter\(\) returned b'x' for item 1"):
        list(ffi.stream(b"axb", lib.letter, batch=1, stop=True))


def test_error_of_the_call():
    """Arguments that do not fit are told at the first chunk, and end it."""
    s = ffi.stream(Source(5), lib.plus, "much", batch=BATCH)
    with pytest.raises(TypeError, match="plus"):
        next(s)
    assert list(s) == []


@pytest.mark.parametrize("buffers", [1, 2])
def test_progress_that_raises(buffers):
    def progress(done, total):
        if done == 3 * BATCH:
            raise Odd

    s = ffi.stream(Source(9), lib.total, batch=BATCH, progress=progress, buffers=buffers)
    got = []
    with pytest.raises(Odd):
        for r in s:
            got.append(r)
    assert got == [0, 10, 20]  # none is lost
    assert list(s) == [] and not running()


# --- ends -----------------------------------------------------------------------------

@pytest.fixture
def path(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(array.array("d", range(1000)).tobytes())
    return path


def open_files(path):
    there = os.path.realpath(path)
    return [f for f in os.listdir("/proc/self/fd")
            if os.path.realpath("/proc/self/fd/" + f) == there]


def leave_by_break(s):
    for _ in s:
        break


def leave_by_raise(s):
    with pytest.raises(Odd):
        for _ in s:
            raise Odd


def leave_by_with(s):
    with s as same:
        assert same is s
        next(s)


def leave_by_close(s):
    next(s)
    s.close()
    s.close()
    assert list(s) == []


def leave_at_the_end(s):
    assert len(list(s)) == 100
    assert list(s) == []


def leave_untouched(s):
    iter(s)


def close_untouched(s):
    s.close()
    assert list(s) == []


LEAVE = [leave_by_break, leave_by_raise, leave_by_with, leave_by_close,
         leave_at_the_end, leave_untouched, close_untouched]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("buffers", [1, 2, 3])
@pytest.mark.parametrize("leave", LEAVE)
@pytest.mark.parametrize("function", ["total", "first", "twice"])
def test_ends(path, leave, buffers, function):
    gc.disable()  # nothing may wait for the collector
    try:
        s = ffi.stream(path, getattr(lib, function), batch=BATCH, buffers=buffers)
        alive = weakref.ref(s)
        leave(s)
        del s
        assert alive() is None
        assert not running() and not open_files(path)
    finally:
        gc.enable()


def test_files_of_others_stay_open(path):
    with open(path, "rb") as f:
        assert next(ffi.stream(f, lib.total, batch=BATCH)) == 45
        assert not running() and not f.closed
        f.seek(0)
        assert len(list(ffi.stream(f, lib.total, batch=BATCH))) == 100


def test_memory_is_let_go():
    data = bytearray(array.array("d", range(100)).tobytes())
    s = ffi.stream(data, lib.total, batch=BATCH)
    next(s)
    with pytest.raises(BufferError):
        data.append(1)
    s.close()
    gc.collect()
    data.append(1)


def test_close_from_another_thread():
    """One waits for a result, another ends it."""
    r, w = os.pipe()
    got = []
    with os.fdopen(r, "rb", buffering=0) as f, os.fdopen(w, "wb", buffering=0) as g:
        s = ffi.stream(f, lib.total, batch=BATCH)
        t = threading.Thread(target=lambda: got.append(list(s)))
        t.start()
        g.write(bytes(80))
        while not running():
            time.sleep(0.001)
        s.close()
        t.join(30)
        assert not t.is_alive() and got in ([[]], [[0.0]])
        g.write(bytes(80))  # the read that nobody waits for comes to its end
        for t in running():
            t.join(30)


@pytest.mark.parametrize("make", [lambda: array.array("d", [1.0] * 10**6),
                                  lambda: Source(10**6)])
@pytest.mark.parametrize("buffers", [1, 2])
def test_close_while_results_are_taken(make, buffers):
    s = ffi.stream(make(), lib.total, batch=BATCH, buffers=buffers)
    got = []
    t = threading.Thread(target=lambda: got.extend(s))
    t.start()
    while not got:
        time.sleep(0.001)
    s.close()
    t.join(30)
    assert not t.is_alive() and 0 < len(got) <= 10**6
    assert list(s) == []


def test_close_does_not_wait_for_ever():
    """A read that does not return keeps its thread, not the one who closes."""
    go = threading.Event()
    s = ffi.stream(Source(9, before=lambda n: n == 1 and go.wait(60)), lib.total,
                   batch=BATCH)
    assert next(s) == 0
    s.close()
    assert len(running()) == 1 and list(s) == []
    go.set()
    for t in running():
        t.join(30)


def test_two_threads_ask():
    """One at a time: the other is told, and nothing is lost."""
    s = ffi.stream(Source(200), lib.total, batch=BATCH)
    got, refused = [], []

    def ask():
        while True:
            try:
                r = next(s, None)
            except ValueError as e:
                refused.append(str(e))
                continue
            if r is None:
                return
            got.append(r)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(got) == [k * BATCH for k in range(200)]
    assert set(refused) <= {"generator already executing"}


def test_a_stream_as_source():
    """Results of one are pieces for another."""
    inner = ffi.stream(Source(9), lib.twice, batch=BATCH)
    assert list(ffi.stream(inner, lib.total, batch=2 * BATCH)) == \
        [sum(2 * k * BATCH for k in pair) for pair in ([0, 1], [2, 3], [4, 5], [6, 7],
                                                       [8])]


def test_collected_with_the_memoryview_it_looks_through():
    """CPython before 3.12 clears memoryviews that are looked through."""
    for _ in range(10):
        view = memoryview(bytearray(64))[8:]
        chunk = ffi.from_buffer("double[]", view)
        ring = [view, chunk]
        ring.append(ring)
        del view, chunk, ring
        gc.collect()


def test_nothing_leaks():
    def run():
        list(ffi.stream(Source(5), lib.twice, batch=BATCH))
        leave_by_break(ffi.stream(Source(5), lib.twice, batch=BATCH, copy=False))
        with pytest.raises(Odd):
            list(ffi.stream(Source(5, fail=Odd(), at=2), lib.total, batch=BATCH))

    for _ in range(3):
        run()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(20):
        run()
    gc.collect()
    assert len(gc.get_objects()) - before < 20


# --- processes of their own ----------------------------------------------------------

HEAD = """
    import array, io, os, signal, sys, threading, time
    from stream_samples import ffi, lib
"""


def python(source, **kwds):
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    return subprocess.run([sys.executable, "-W", "error", "-c",
                           textwrap.dedent(HEAD) + textwrap.dedent(source)],
                          capture_output=True, text=True, env=env, timeout=100, **kwds)


@pytest.mark.parametrize("where", ["waits for data", "in C"])
def test_ctrl_c(where):
    """Ends the loop, whether it waits for the source or C runs; then all goes on."""
    sleep, ms = (0.1, 0) if where == "waits for data" else (0, 100)
    r = python("""
        chunk = memoryview(array.array("d", [%d] * 10)).cast("B")
        class Slow(io.RawIOBase):
            def readinto(self, view):
                time.sleep(%g)
                view[:80] = chunk
                return 80
        threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        results = 0
        try:
            for r in ffi.stream(Slow(), lib.slow, batch=10):
                results += 1
        except KeyboardInterrupt:
            print("interrupted", results > 0)
        print([t.name for t in threading.enumerate() if t.name == "jiffi.stream"])
        print(list(ffi.stream(array.array("d", [1, 2]), lib.total)))
    """ % (ms, sleep))
    assert (r.stdout, r.stderr) == ("interrupted True\n[]\n[3.0]\n", ""), r.stderr


def test_left_at_exit():
    """A stream that is alive, or whose source hangs, does not keep the process."""
    r = python("""
        r, w = os.pipe()
        os.write(w, bytes(80))
        s = ffi.stream(r, lib.total, batch=10)
        print(next(s))
        forever = ffi.stream(iter(float, 1), lib.total, batch=1000)
        print(next(forever))
    """)
    assert (r.returncode, r.stdout, r.stderr) == (0, "0.0\n0.0\n", "")


def test_example():
    """examples/stream.py runs, and says what it should."""
    example = pathlib.Path(__file__).resolve().parents[2] / "examples" / "stream.py"
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    r = subprocess.run([sys.executable, str(example)], capture_output=True, text=True,
                       env=env, timeout=100)
    assert r.returncode == 0, r.stderr
    assert "energy  138000000 J" in r.stdout and "in all  40 J" in r.stdout
    assert "16000000" in r.stderr or "16.0M/16.0M" in r.stderr  # plain, or of tqdm


@pytest.mark.once
def test_constant_memory(tmp_path):
    """1 GB from a generator of pieces and 1 GB from a file (with holes)."""
    with open(tmp_path / "large", "wb") as f:
        f.truncate(1 << 30)
    r = python("""
        import resource
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        piece = array.array("d", [1.0]) * 50000
        def pieces():
            for _ in range((1 << 27) // 50000):
                yield piece
        list(ffi.stream(iter([piece] * 10), lib.total))
        before = peak()
        whole = (1 << 27) // 50000 * 50000
        assert sum(ffi.stream(pieces(), lib.total)) == whole
        assert sum(ffi.stream(%r, lib.total)) == 0
        n = 0
        for r in ffi.stream(pieces(), lib.twice):
            n += len(r)
            if n > 1 << 24:
                break
        print(peak() - before)
    """ % str(tmp_path / "large"))
    assert r.stderr == ""
    assert int(r.stdout) < 8192  # KiB; a chunk has 512
