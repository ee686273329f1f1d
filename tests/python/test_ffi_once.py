# SPDX-License-Identifier: MIT
"""init_once: exactly once, in whatever thread comes first."""

import threading
import time

import pytest

from jiffi import FFI


def test_once():
    ffi, calls = FFI(), []
    for _ in range(3):
        assert ffi.init_once(lambda: calls.append(1) or "result", "tag") == "result"
    assert ffi.init_once(func=lambda: 5, tag="other") == 5
    assert calls == [1]
    assert FFI().init_once(lambda: "own", "tag") == "own"


def test_result_none_is_kept():
    ffi, calls = FFI(), []
    assert ffi.init_once(lambda: calls.append(1), 0) is None
    assert ffi.init_once(lambda: calls.append(1), 0) is None
    assert calls == [1]


def test_failure_is_not_kept():
    ffi = FFI()
    with pytest.raises(ZeroDivisionError):
        ffi.init_once(lambda: 1 / 0, "tag")
    assert ffi.init_once(lambda: 7, "tag") == 7


@pytest.mark.parametrize("args", [(), (len,), (5, "tag"), (len, [])])
def test_bad_arguments(args):
    with pytest.raises(TypeError):
        FFI().init_once(*args)


def test_recursion_is_an_error():
    ffi = FFI()
    with pytest.raises(RuntimeError, match="called init_once\\(\\) with the same tag"):
        ffi.init_once(lambda: ffi.init_once(lambda: 1, "t"), "t")
    assert ffi.init_once(lambda: ffi.init_once(lambda: 1, "u"), "t") == 1


@pytest.mark.parametrize("failures", [0, 2])
def test_threads(failures):
    ffi, calls, results, errors = FFI(), [], [], []
    start = threading.Barrier(8)

    def init():
        calls.append(1)
        time.sleep(0.02)
        if len(calls) <= failures:
            raise KeyError
        return object()

    def run():
        start.wait()
        try:
            results.append(ffi.init_once(init, "tag"))
        except KeyError:
            errors.append(1)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(calls) == failures + 1
    assert len(errors) == failures
    assert len(results) == 8 - failures
    assert len(set(map(id, results))) == 1


def test_tag_with_a_slow_eq():
    class Tag:
        def __hash__(self):
            return 1

        def __eq__(self, other):
            time.sleep(0.001)
            return True

    ffi, calls = FFI(), []
    threads = [threading.Thread(target=ffi.init_once, args=(lambda: calls.append(1), Tag()))
               for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert calls == [1]
