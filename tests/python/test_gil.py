# SPDX-License-Identifier: MIT
"""Who holds the GIL during a call: release, hold, and the choice by function."""

import threading
import time

import call_samples
import pytest

from jiffi import FFI


def open_samples(**options):
    ffi = FFI(**options)
    ffi.cdef(call_samples.TYPES + call_samples.FUNCTIONS)
    return ffi, ffi.dlopen(call_samples.path())


def others_run(ffi, wait_for):
    """True if another Python thread can set the flag that C waits for."""
    flag = ffi.new("int *")
    started = threading.Event()

    def setter():
        started.wait()
        time.sleep(0.01)
        flag[0] = 1

    t = threading.Thread(target=setter)
    t.start()
    started.set()
    result = wait_for(flag, 400)
    t.join()
    return bool(result)


def test_release_is_the_default():
    ffi, lib = open_samples()
    assert others_run(ffi, lib.wait_for)


def test_hold():
    ffi, lib = open_samples(gil="hold")
    assert not others_run(ffi, lib.wait_for)


def test_function_pointer_releases():
    ffi, lib = open_samples(gil="hold")
    f = ffi.cast("int(*)(volatile int *, int)", ffi.cast("void *", lib.wait_for))
    assert others_run(ffi, f)


def test_by_cdef():
    ffi = FFI()
    ffi.cdef("int wait_for(volatile int *flag, int limit_ms);", gil="hold")
    assert not others_run(ffi, ffi.dlopen(call_samples.path()).wait_for)
    ffi = FFI(gil="hold")
    ffi.cdef("int wait_for(volatile int *flag, int limit_ms);", gil="release")
    assert others_run(ffi, ffi.dlopen(call_samples.path()).wait_for)


def test_same_signature_with_both_policies():
    """Code is shared by signature and policy, not by signature alone."""
    a, b = open_samples(gil="hold"), open_samples(gil="release")
    for _ in range(2):
        assert not others_run(a[0], a[1].wait_for)
        assert others_run(b[0], b[1].wait_for)


def test_unknown_policy():
    with pytest.raises(ValueError, match="gil"):
        FFI(gil="maybe")
    with pytest.raises(ValueError, match="gil"):
        FFI().cdef("int f(void);", gil="maybe")


@pytest.mark.parametrize("gil", ["release", "hold"])
def test_threads_that_call_and_are_called(gil):
    ffi, lib = open_samples(gil=gil)
    results = []

    def work(n):
        cb = ffi.callback("int(*)(int)", lambda x: x + n)
        total = 0
        for _ in range(30):
            total += lib.call_often(cb, 20)
            total += lib.add(n, 1)
        results.append((n, total))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(results) == [
        (n, 30 * (sum(x + n for x in range(20)) + n + 1)) for n in range(4)
    ]
