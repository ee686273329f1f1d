# SPDX-License-Identifier: MIT
"""ffi.map() with threads, chunks, progress; what ends a run early; what is pinned."""

import array
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import jiffi
from map_samples import ffi, lib

N = 100_000


def ints(n=N):
    return array.array("i", range(n))


def running():
    return [t for t in threading.enumerate() if t.name == "jiffi.map"]


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("chunk", [None, 1000, 33_333, 10**9])
def test_results_are_the_same(threads, chunk):
    a = array.array("d", range(N))
    out = array.array("d", bytes(8 * N))
    assert ffi.map(lib.add, a, 0.5, out=out, threads=threads, chunk=chunk) is out
    assert all(v == i + 0.5 for i, v in enumerate(out))
    assert not running()


def test_small_and_empty():
    for n in (0, 1, 2):
        for kwds in ({"threads": 4}, {"chunk": 1}, {"progress": print}):
            if "progress" in kwds:
                kwds = {"progress": lambda done, total: None}
            assert list(ffi.map(lib.inc64, array.array("q", range(n)), **kwds)) == list(
                range(1, n + 1))


def test_chunks_of_strided_operands():
    a = memoryview(array.array("d", range(3000)))[::-3]
    out = array.array("d", bytes(8 * 2000))
    ffi.map(lib.twice, a, out=memoryview(out)[::2], threads=2, chunk=7)
    assert list(out[::2]) == [2 * v for v in a] and not any(out[1::2])


# --- the first that fails ----------------------------------------------------------------

def test_the_first_of_all_that_fail():
    """Whichever thread is first: the least index is what is told."""
    a = array.array("i", [0]) * N
    for bad in (0, 1, 777, N // 2, N - 1):
        b = a[:]
        for i in range(bad, N, 997):
            b[i] = 1 + i
        for _ in range(5):
            with pytest.raises(jiffi.MapError) as e:
                ffi.map(lib.limit, b, 0, stop=True, threads=3, chunk=50)
            assert (e.value.index, e.value.code) == (bad, 1 + bad)
            assert not running()


def test_an_early_item_that_takes_long():
    """A later chunk fails long before an earlier one does."""
    @ffi.callback("int(int)")
    def f(v):
        if v == 1:
            time.sleep(0.05)
        return v

    b = array.array("i", [0] * 100)
    b[9], b[50] = 1, 2
    with pytest.raises(jiffi.MapError) as e:
        ffi.map(f, b, stop=True, threads=2, chunk=10)
    assert e.value.index == 9


# --- progress -----------------------------------------------------------------------------

@pytest.mark.parametrize("threads", [1, 3])
def test_progress(threads):
    told, where = [], set()

    def progress(done, total):
        told.append((done, total))
        where.add(threading.get_ident())

    ffi.map(lib.inc64, array.array("q", range(N)), threads=threads, chunk=1000,
            progress=progress)
    assert where == {threading.get_ident()}
    assert told[-1] == (N, N) and all(t == N for _, t in told)
    assert [d for d, _ in told] == sorted({d for d, _ in told})
    if threads == 1:
        assert [d for d, _ in told] == list(range(1000, N + 1, 1000))


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_that_raises(threads):
    lib.note(-1)
    a = ints()

    def progress(done, total):
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        ffi.map(lib.note, a, threads=threads, chunk=100, progress=progress)
    assert not running()
    if threads == 1:
        assert lib.last() == 99
    a.append(1)  # nobody has it pinned


# --- Python in between --------------------------------------------------------------------

@pytest.mark.parametrize("threads", [1, 2, 4])
def test_callbacks(threads):
    seen = set()

    @ffi.callback("int(int)")
    def f(v):
        seen.add(threading.get_ident())
        return v + 1

    assert list(ffi.map(lib.call, f, ints(5000), threads=threads, chunk=50)) == list(
        range(1, 5001))
    assert len(seen) <= threads


def test_maps_within_maps():
    @ffi.callback("int(int)")
    def f(v):
        return sum(ffi.map(lib.limit, ints(v), -1, threads=2, chunk=3))

    assert list(ffi.map(f, array.array("i", [1, 10]), threads=2, chunk=1)) == [0, 45]


def test_other_threads_run_meanwhile():
    beats = []
    over = threading.Event()

    def beat():
        while not over.wait(0.001):
            beats.append(1)

    t = threading.Thread(target=beat)
    t.start()
    ffi.map(lib.nap, array.array("i", [20_000] * 5))
    over.set()
    t.join()
    assert len(beats) > 3


def test_what_runs_is_pinned():
    a, out = array.array("i", [2000]) * 50, array.array("i", [7]) * 50
    errors = []

    def resize():
        time.sleep(0.03)
        for x in (a, out):
            try:
                x.append(1)
            except BufferError as e:
                errors.append(e)

    t = threading.Thread(target=resize)
    t.start()
    ffi.map(lib.nap, a, out=out)
    t.join()
    assert len(errors) == 2 and len(a) == len(out) == 50


# --- Ctrl-C -------------------------------------------------------------------------------

INTERRUPTED = """
    import array, os, signal, sys, threading, time
    sys.path.insert(0, sys.argv[1])
    from map_samples import ffi, lib
    kwds = eval(sys.argv[2])
    a = array.array("i", [1000]) * 20_000  # 20 seconds
    def interrupt():
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=interrupt).start()
    begin = time.time()
    try:
        ffi.map(lib.nap, a, **kwds)
    except KeyboardInterrupt:
        names = [t.name for t in threading.enumerate()]
        a.append(1)
        print("interrupted", time.time() - begin < 10, "jiffi.map" in names)
"""


@pytest.mark.parametrize("kwds", [{}, {"threads": 2}, {"chunk": 10}, {"threads": 2, "chunk": 10}])
def test_interrupted(kwds):
    here = os.path.dirname(os.path.abspath(__file__))
    p = subprocess.run([sys.executable, "-c", textwrap.dedent(INTERRUPTED), here, repr(kwds)],
                       text=True, capture_output=True, timeout=120)
    assert p.stdout == "interrupted True False\n", p.stderr


def test_a_handler_that_raises():
    class Stop(Exception):
        pass

    def handler(*_):
        raise Stop

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(Stop):
            ffi.map(lib.nap, array.array("i", [1000]) * 20_000)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# --- the exception --------------------------------------------------------------------------

def test_map_error():
    import pickle

    e = jiffi.MapError("f", 3, 5, [1, 2])
    assert (e.function, e.index, e.code, e.out) == ("f", 3, 5, [1, 2])
    assert issubclass(jiffi.MapError, RuntimeError)
    again = pickle.loads(pickle.dumps(e))
    assert (again.function, again.index, again.code, again.out) == ("f", 3, 5, None)
    assert "jiffi.MapError" in jiffi.FFI.map.__doc__
    with pytest.raises(AttributeError):
        jiffi.MappError
