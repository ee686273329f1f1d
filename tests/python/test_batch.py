# SPDX-License-Identifier: MIT
"""ffi.batch(): different calls in one crossing, run again with other inputs."""

import array
import gc
import threading

import pytest

import jiffi
from fuse_samples import ffi, lib, load


def test_results_feed_later_calls():
    with ffi.batch() as b:
        x = b.input("double", 2.0)
        y = b(lib.half, x)
        z = b.call(lib.add, y, 3)
        n = b(lib.inc, 41)
        w = z * 10 + n
    assert (x.value, y.value, z.value, n.value, w.value) == (2.0, 1.0, 4.0, 42, 82.0)
    assert type(n.value) is int
    x.value = 10
    b.run()
    assert (x.value, y.value, z.value, w.value) == (10.0, 5.0, 8.0, 122.0)


def test_named_inputs():
    b = ffi.batch()
    x, n = b.input("double", name="x"), b.input("int", 4, name="n")
    y = b(lib.add, x, n)
    for name in ("x", "n"):
        with pytest.raises(ValueError, match="has an input '%s' already" % name):
            b.input("int", name=name)
    with pytest.raises(RuntimeError, match="input 'x' of the batch has no value"):
        b.run()
    with pytest.raises(RuntimeError, match="input 'x'"):
        x.value
    b.run(x=1.5)
    assert y.value == 5.5
    b.run(x=2, n=-1)
    assert y.value == 1.0 and n.value == -1
    with pytest.raises(TypeError, match="no input 'z'"):
        b.run(x=100, z=1)
    assert x.value == 2.0
    with pytest.raises(OverflowError):
        b.run(n=2**40)
    with pytest.raises(TypeError):
        n.value = 1.5
    b.run()
    assert y.value == 1.0


def test_each_call_once_each_run_in_order():
    lib.reset()
    with ffi.batch() as b:
        first, second = b(lib.tick), b(lib.tick)
        assert b(lib.reset) is None
        third = b(lib.tick)
        assert lib.tick() == 1
    assert (first.value, second.value, third.value) == (2, 3, 1)
    b.run()
    assert (first.value, second.value, third.value) == (2, 3, 1)


def test_not_run_after_an_exception_or_without_inputs():
    lib.reset()
    with pytest.raises(KeyError):
        with ffi.batch() as b:
            t = b(lib.tick)
            raise KeyError
    assert lib.tick() == 1
    with pytest.raises(RuntimeError, match=r"the result of tick\(\) is not there yet"):
        t.value
    with ffi.batch() as b:
        x = b.input("int")
        y = b(lib.inc, x)
    with pytest.raises(RuntimeError, match="inc.*not been run"):
        y.value
    b.run(input0=3)
    assert y.value == 4


def test_complete_after_the_first_run():
    with ffi.batch() as b:
        x = b.input("double", 1)
        y = b(lib.half, x)
    for add in (lambda: b(lib.half, x), lambda: y + 1, lambda: b.input("int", 1)):
        with pytest.raises(RuntimeError, match="complete"):
            add()
    b.run()
    assert y.value == 0.5


def test_structs():
    with ffi.batch() as b:
        p = b.input("point", {"x": 1, "y": 2})
        q = b(lib.swap, p)
        s = q.x * 10 + q.y
        i = b(lib.make_item, 4)
        w = b(lib.weigh_item, i)
        r = b(lib.norm1, ffi.addressof(q))
        big = b(lib.make_big, s)
        total = b(lib.sum_big, big, big)
    assert (q.value.x, q.value.y, s.value, r.value) == (2, 1, 21, 3)
    assert list(i.value.n) == [4, 5, 6] and w.value == 14 and total.value == 42
    kept = q.value
    p.value = (5, 6)
    b.run()
    assert (q.value.x, q.value.y, s.value) == (6, 5, 65)
    assert (kept.x, kept.y) == (2, 1)  # a copy


def test_pointers_and_buffers():
    values = array.array("d", [1, 2, 3])
    whole, rest = ffi.new("int *"), ffi.new("double *")
    with ffi.batch() as b:
        v = b.input("double *", values)
        s = b(lib.sum, v, 3)
        b(lib.split, s + 0.25, whole, rest)
        t = b(lib.length, b"five!")
        u = b(lib.sum, array.array("d", [4, 5]), 2)
        w = b(lib.word, 1)
    assert (s.value, whole[0], rest[0], t.value, u.value) == (6.0, 6, 0.25, 5, 9.0)
    assert ffi.string(w.value) == b"yes"
    with pytest.raises(BufferError):
        values.append(4)
    v.value = ffi.new("double[]", [10, 20, 30])
    values.append(4)
    gc.collect()
    b.run()
    assert s.value == 60.0 and whole[0] == 60
    with pytest.raises(TypeError):
        v.value = array.array("f", [1])
    b.run(input0=values)
    assert s.value == 6.0


def test_arithmetic_casts_where():
    with ffi.batch() as b:
        x = b.input("int", 7)
        a = ffi.cast("double", x) / 2
        c = ffi.where(x > 5, x * 100, -1)
        d = b(lib.is_odd, x)
        e = ffi.cast("int", b(lib.half, x))
        f = x > 100
    assert (a.value, c.value, d.value, e.value, f.value) == (3.5, 700, True, 3, False)
    assert d.value is True
    b.run(input0=-8)
    assert (c.value, d.value, e.value) == (-1, False, -4)


def test_fused_functions_and_pointers():
    fused = ffi.fuse(lambda x: lib.half(x) + 1)
    seen = []

    @ffi.callback("int(int)")
    def python(n):
        seen.append(n)
        return n * 2

    with ffi.batch() as b:
        x = b(fused, 4)
        y = b(python, 5)
        z = b(lib.call, python, y)
    assert (x.value, y.value, z.value, seen) == (3.0, 10, 20, [5, 10])


def test_errno():
    with ffi.batch() as b:
        b(lib.fail, 33)
        e = b(lib.get_errno)
    assert e.value == 33 and ffi.errno == 33


@pytest.mark.parametrize("row", range(8))
def test_refused(row):
    b = ffi.batch()
    x = b.input("double", 1)
    y = b(lib.half, x)
    other = ffi.batch().input("int", 1)
    what, exception, message = [
        (lambda: b(lib.inc, y), TypeError, r"inc\(\) argument 1: 'int' expected"),
        (lambda: b(lib.inc, other), jiffi.TraceError, "belongs to another"),
        (lambda: b(lib.half, y, 1), TypeError, "expects 1 arguments, got 2"),
        (lambda: b(len, y), TypeError, "is no C function"),
        (lambda: lib.half(y), jiffi.TraceError, r"in a batch, write b\(function"),
        (lambda: bool(y), jiffi.TraceError, "a branch"),
        (lambda: setattr(y, "value", 3), AttributeError, "only inputs"),
        (lambda: b.input("int[3]"), TypeError, "cannot have the type"),
    ][row]
    with pytest.raises(exception, match=message):
        what()
    b.run()
    assert y.value == 0.5


def test_closed_library():
    other, olib = load()
    with other.batch() as b:
        x = b(olib.half, 3)
    other.dlclose(olib)
    with pytest.raises(ValueError, match="has already been closed"):
        b.run()
    assert x.value == 1.5


def test_two_threads_take_turns():
    with ffi.batch() as b:
        x = b.input("int64_t", 0, name="x")
        y = b(lib.neg64, x)
        z = b(lib.neg64, y + 1)
    errors = []

    def work(start):
        try:
            for i in range(300):
                b.run(x=start + i)
                assert y.value <= 0 and z.value >= -1
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=work, args=(k * 1000,)) for k in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors and z.value == -y.value - 1


def test_used_while_it_runs():
    said = []

    @ffi.callback("int(int)")
    def python(n):
        for use in (lambda: b.run(), lambda: y.value):
            try:
                use()
            except RuntimeError as e:
                said.append(str(e))
        return 1

    b = ffi.batch()
    y = b(python, 1)
    b.run()
    assert y.value == 1 and len(said) == 2 and "the batch is running" in said[0]


def test_waits_without_the_gil():
    """Two runs of a batch that calls Python: the second waits, nothing stands still."""
    entered, go = threading.Event(), threading.Event()

    @ffi.callback("int(int)")
    def python(n):
        entered.set()
        go.wait(10)
        return n

    b = ffi.batch()
    x = b.input("int", 1, name="x")
    y = b(python, x)
    first = threading.Thread(target=b.run)
    second = threading.Thread(target=b.run, kwargs={"x": 2})
    first.start()
    entered.wait(10)
    second.start()
    go.set()
    first.join()
    second.join()
    assert y.value == 2


def test_the_batch_must_live():
    b = ffi.batch()
    y = b(lib.half, 1)
    del b
    gc.collect()
    with pytest.raises(RuntimeError, match="the batch is gone"):
        y.value


def test_many_calls():
    b = ffi.batch()
    x = b.input("double", 2.0**40)
    values = [x]
    for _ in range(300):
        values.append(b(lib.half, values[-1]))
    b.run()
    assert [v.value for v in values] == [2.0 ** (40 - i) for i in range(301)]
    assert repr(b) == "<jiffi batch: 1 inputs, 300 calls, run 1 times>"


def test_run_without_the_batch():
    b = ffi.batch()
    x = b.input("double", 4.0, name="x")
    half = b(lib.half, x)
    b.run()
    run = b.run
    run(x=9.0)
    assert half.value == 4.5
    del b, x, half
    gc.collect()
    assert run() is None
    with pytest.raises(RuntimeError, match="the batch is gone"):
        run(x=1.0)
    with pytest.raises(RuntimeError, match="turn"):
        run.run()
    with pytest.raises(RuntimeError, match="turn"):
        run.__exit__(None, None, None)
    with pytest.raises(RuntimeError, match="nothing to run"):
        type(run)("busy")()
