# SPDX-License-Identifier: MIT
"""A call that keeps the GIL and waits for a thread that calls back: it is found out."""

import os
import subprocess
import sys
import threading
import time

import gil_samples
import pytest

from jiffi import FFI, HeldCallError


def opened(**options):
    ffi = FFI(**options)
    ffi.cdef(gil_samples.DECLARED)
    return ffi, ffi.dlopen(gil_samples.path())


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    path = tmp_path_factory.mktemp("held")
    ffi = FFI(gil="hold")
    ffi.cdef(gil_samples.DECLARED)
    ffi.set_source("_gil_held", gil_samples.SOURCE)
    ffi.compile(str(path))
    sys.path.insert(0, str(path))
    try:
        import _gil_held
    finally:
        sys.path.remove(str(path))
    return _gil_held.ffi, _gil_held.lib


@pytest.fixture(params=["abi", "api"])
def held(request):
    return opened(gil="hold") if request.param == "abi" else (
        request.getfixturevalue("compiled"))


def plus_one(x):
    return x + 1


def test_it_raises_and_c_gets_the_error_value(held):
    ffi, lib = held
    calls = []
    cb = ffi.callback("int(int)", lambda x: calls.append(x) or 1, error=-7)
    with pytest.raises(HeldCallError) as e:
        lib.on_thread(cb, 3)
    text = str(e.value)
    assert "on_thread() was called with gil='hold'" in text and "int(*)(int)" in text
    assert "release" in text and calls == []
    assert lib.add(1, 2) == 3  # the next call works


@pytest.mark.parametrize("gil", ["release", "auto"])
def test_it_works_without_the_gil(gil):
    ffi, lib = opened(gil=gil)
    cb = ffi.callback("int(int)", plus_one)
    assert lib.on_thread(cb, 3) == 6
    assert ffi.gil(lib.on_thread).decided == "release"


def test_release_helps(held):
    ffi, lib = held
    cb = ffi.callback("int(int)", plus_one, error=0)
    with pytest.raises(HeldCallError, match="plus_one"):
        lib.on_thread(cb, 2)
    ffi.gil("release", lib.on_thread)
    assert lib.on_thread(cb, 3) == 6
    ffi.gil("hold", lib.on_thread)
    with pytest.raises(HeldCallError):
        lib.on_thread(cb, 2)


def test_callbacks_of_its_own_thread_run(held):
    ffi, lib = held
    assert lib.jump(ffi.callback("int(int)", plus_one), 5) == 7

    def inner(x):
        return lib.add(x, 1) if x else 0

    assert lib.jump(ffi.callback("int(int)", inner), 5) == 7


def test_between_two_callbacks_that_gave_up(held):
    """The one of its own thread runs no Python any more: the call is going to raise."""
    ffi, lib = held
    calls = []

    def f(x):
        calls.append(x)
        return 0

    with pytest.raises(HeldCallError, match="twice_on_thread"):
        lib.twice_on_thread(ffi.callback("int(int)", f), 1)
    assert calls == []
    assert lib.jump(ffi.callback("int(int)", f), 1) == 1 and calls == [1]


def test_who_is_at_work_is_waited_for():
    """The callback of a detached thread comes late; the call that computes is left
    alone, though it takes longer than the time that one who waits would get."""
    ffi, lib = opened(gil="hold")
    calls = []
    cb = ffi.callback("int(int)", lambda x: calls.append(x) or 0)
    assert lib.spin_on_thread(cb, 1500) == 0
    for _ in range(500):
        if calls:
            break
        time.sleep(0.01)
    assert calls == [0]


def test_short_held_calls_do_not_starve_callbacks():
    """Many held calls of the same function are not one long call."""
    ffi, lib = opened(gil="hold")
    ffi.gil("release", lib.start, lib.finish)
    cb = ffi.callback("int(int)", plus_one, error=-1000000)
    begin = time.monotonic()
    for _ in range(5):
        assert lib.start(cb, 200) == 0
        for i in range(2000):
            assert lib.short_held(i) == i
        assert lib.finish() == sum(range(1, 201))
    assert time.monotonic() - begin < 60


def test_many_threads_of_both_kinds():
    """Held calls, released calls with callbacks, callbacks of C's own threads."""
    ffi, lib = opened(gil="release")
    hffi, hlib = opened(gil="hold")
    cb, hcb = ffi.callback("int(int)", plus_one), hffi.callback("int(int)", plus_one)
    bad = []

    def released():
        for _ in range(40):
            if lib.on_thread(cb, 5) != 15 or lib.jump(cb, 1) != 3:
                bad.append("released")

    def kept():
        for i in range(2000):
            if hlib.short_held(i) != i or hlib.jump(hcb, 1) != 3:
                bad.append("kept")

    threads = [threading.Thread(target=f) for f in (released, kept, released, kept)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not bad


PROGRAM = """
import sys, time
sys.path.insert(0, {here!r})
import gil_samples
from jiffi import FFI, HeldCallError
ffi = FFI(gil="hold")
ffi.cdef(gil_samples.DECLARED)
lib = ffi.dlopen({path!r})
cb = ffi.callback("int(int)", lambda x: 1, error=-1)
begin = time.monotonic()
try:
    lib.on_thread(cb, 2)
except HeldCallError as e:
    print("held", time.monotonic() - begin)
"""

# the variable, and about how long it then takes
TIMEOUTS = [("0.05", 0.05), ("2", 2.0), ("nonsense", 1.0), ("-3", 1.0)]


@pytest.mark.parametrize("value,seconds", TIMEOUTS)
def test_timeout(value, seconds):
    here = os.path.dirname(os.path.abspath(__file__))
    out = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(here=here, path=gil_samples.path())],
        env=dict(os.environ, JIFFI_HELD_TIMEOUT=value), capture_output=True, text=True,
        check=True)
    word, took = out.stdout.split()
    assert word == "held" and float(took) >= seconds


def test_forks_forget_who_waited():
    ffi, lib = opened(gil="hold")
    with pytest.raises(HeldCallError):
        lib.on_thread(ffi.callback("int(int)", plus_one, error=0), 1)
    pid = os.fork()
    if not pid:
        os._exit(0 if lib.short_held(4) == 4 else 1)
    assert os.waitpid(pid, 0)[1] == 0


def test_without_machine_code():
    if os.environ.get("JIFFI_JIT") == "off":
        pytest.skip("this is that run")
    out = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__,
         "-k", "not without_machine_code and not timeout"],
        env=dict(os.environ, JIFFI_JIT="off"), capture_output=True, text=True)
    assert out.returncode == 0, out.stdout[-3000:]
