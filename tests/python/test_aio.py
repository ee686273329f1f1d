# SPDX-License-Identifier: MIT
"""ffi.aio(): C functions to await; what C uses is held until C has come back."""

import asyncio
import concurrent.futures
import contextvars
import gc
import os
import threading
import time
import weakref

import jiffi
import pytest
from life_samples import ffi, lib, run


def start(coroutine):
    return asyncio.run(coroutine)


def test_calls():
    async def main():
        f = ffi.aio(lib.status)
        assert await f(3) == 3
        assert await asyncio.gather(*[f(i) for i in range(50)]) == list(range(50))
        text = await ffi.aio(lib.greeting)()
        assert ffi.string(text) == b"hello from the library"

    start(main())


def test_errors_come_out():
    async def main():
        f = ffi.aio(lib.status)
        for bad in ((), (1, 2), ("x",), (2**40,)):
            with pytest.raises((TypeError, OverflowError)):
                await f(*bad)
        with pytest.raises(jiffi.CallError, match="status"):
            await ffi.aio(ffi.check(lib.status))(-3)
        with pytest.raises(FileNotFoundError):
            await ffi.aio(ffi.check(lib.with_errno, errno="negative"))(-1, 2)

        def fails(x):
            raise KeyError(x)

        def stops(x):
            raise StopIteration

        with pytest.raises(KeyError):
            await ffi.aio(lib.nap_then_call)(1, fails, 5)
        with pytest.raises(RuntimeError):
            await ffi.aio(lib.call)(stops, 5)
        assert await f(1) == 1

    start(main())


def test_the_loop_goes_on():
    async def main():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.005)
                ticks += 1

        task = asyncio.ensure_future(tick())
        flag = ffi.new("int *")
        waiting = asyncio.ensure_future(ffi.aio(lib.wait_for)(flag, 10000))
        while ticks < 3:
            await asyncio.sleep(0.005)
        lib.wake_flag(flag)
        assert await waiting == 1
        task.cancel()

    start(main())


def test_arguments_live_until_c_is_back():
    async def main():
        f = ffi.aio(lib.fill_later)
        block = ffi.new("char[100000]")
        alive = weakref.ref(block)
        task = asyncio.ensure_future(f(block, 100000, 200))
        del block
        await asyncio.sleep(0.05)
        task.cancel()
        gc.collect()
        assert alive() is not None
        with pytest.raises(asyncio.CancelledError):
            await task
        del task
        for _ in range(200):
            gc.collect()
            if alive() is None:
                break
            await asyncio.sleep(0.01)
        assert alive() is None
        data = bytearray(1000)
        task = asyncio.ensure_future(f(data, 1000, 100))
        await asyncio.sleep(0.05)
        with pytest.raises(BufferError):  # pinned
            data.extend(b"x")
        assert await task == 1000
        assert data == b"x" * 1000

    start(main())


@pytest.mark.parametrize("name, how", [
    ("wake", {}),
    ("wake_flag", {"cancel_args": (0,)}),
    ("wake_flag", {"cancel_args": lambda flag, n: (flag,)}),
])
def test_cancel_function(name, how):
    async def main():
        flag = ffi.new("int *")
        f = ffi.aio(lib.wait_for, cancel=getattr(lib, name), **how)
        task = asyncio.ensure_future(f(flag, 60000))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert flag[0] == 1

    start(main())


def test_cancel_without_arguments_and_in_python():
    async def main():
        f = ffi.aio(lib.wait_global, cancel=lib.wake_global)
        task = asyncio.ensure_future(f(60000))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        threads = []

        def cancel(flag, n):
            threads.append(threading.current_thread())
            flag[0] = 1

        f = ffi.aio(lib.wait_for, cancel=cancel)
        task = asyncio.ensure_future(f(ffi.new("int *"), 60000))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(threads) == 1 and threads[0] is not threading.main_thread()

    start(main())


def test_cancel_function_that_fails():
    async def main():
        told = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: told.append(context))
        f = ffi.aio(lib.wait_for, cancel=lambda *a: 1 / 0)
        task = asyncio.ensure_future(f(ffi.new("int *"), 200))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert "wait_for" in told[0]["message"]
        assert isinstance(told[0]["exception"], ZeroDivisionError)

    start(main())


def test_a_second_cancellation_changes_nothing():
    async def main():
        flag = ffi.new("int *")
        task = asyncio.ensure_future(ffi.aio(lib.wait_for)(flag, 60000))
        await asyncio.sleep(0.05)
        for _ in range(4):
            task.cancel()
            await asyncio.sleep(0.02)
            assert not task.done()
        lib.wake_flag(flag)
        with pytest.raises(asyncio.CancelledError):
            await task

    start(main())


def test_cancelled_before_it_began():
    async def main():
        called = []
        f = ffi.aio(lib.wait_for, threads=1, cancel=lambda *a: called.append(a))
        flag, other = ffi.new("int *"), ffi.new("int *")
        first = asyncio.ensure_future(f(flag, 60000))
        second = asyncio.ensure_future(f(other, 60000))
        await asyncio.sleep(0.05)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert not called and not first.done()
        lib.wake_flag(flag)
        assert await first == 1

    start(main())


def test_timeouts():
    async def main():
        flag = ffi.new("int *")
        f = ffi.aio(lib.wait_for, cancel=lib.wake)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(f(flag, 60000), 0.05)
        assert flag[0] == 1
        if hasattr(asyncio, "timeout"):
            flag[0] = 0
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await f(flag, 60000)
            assert flag[0] == 1
        assert await asyncio.wait_for(ffi.aio(lib.status)(5), 10) == 5

    start(main())


def test_context_variables():
    name = contextvars.ContextVar("name", default="nobody")

    async def one(who):
        name.set(who)
        seen = []
        await ffi.aio(lib.nap_then_call)(5, lambda x: seen.append(name.get()) or 0, 1)
        return seen

    async def main():
        assert await asyncio.gather(one("a"), one("b")) == [["a"], ["b"]]
        assert name.get() == "nobody"

    start(main())


def test_loops_and_threads():
    f = ffi.aio(lib.status)
    bad = []

    async def main(k):
        for i in range(50):
            if await f(k + i) != k + i:
                bad.append((k, i))

    threads = [threading.Thread(target=start, args=(main(1000 * k),)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    start(main(7))
    assert not bad


def test_the_loop_is_closed_before_c_is_back():
    flag = ffi.new("int *")
    loop = asyncio.new_event_loop()
    task = loop.create_task(ffi.aio(lib.wait_for)(flag, 60000))
    loop.run_until_complete(asyncio.sleep(0.05))
    task._log_destroy_pending = False
    loop.close()
    alive = weakref.ref(flag)
    lib.wake_flag(flag)
    del flag, task, loop
    for _ in range(500):
        gc.collect()
        if alive() is None:
            break
        time.sleep(0.01)
    assert alive() is None


def test_threads_of_its_own():
    names = []

    def note(x):
        names.append(threading.current_thread().name)
        return 0

    async def main():
        f = ffi.aio(lib.nap_then_call, threads=2)
        await asyncio.gather(*[f(20, note, 1) for _ in range(6)])
        assert len(set(names)) <= 2 and all(n.startswith("jiffi-aio-") for n in names)
        with concurrent.futures.ThreadPoolExecutor(1, "mine") as pool:
            names.clear()
            await ffi.aio(lib.nap_then_call, executor=pool)(1, note, 1)
            assert names[0].startswith("mine")

    start(main())
    with pytest.raises(TypeError, match="executor="):
        ffi.aio(lib.status, executor=3, threads=2)
    with pytest.raises(ValueError, match="threads=0"):
        ffi.aio(lib.status, threads=0)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_affinity():
    cpu = min(os.sched_getaffinity(0))
    seen = []

    async def main():
        f = ffi.aio(lib.call, affinity={cpu})
        await f(lambda x: seen.append(os.sched_getaffinity(0)) or 0, 1)

    start(main())
    assert seen == [{cpu}]
    with pytest.raises(ValueError, match="may run on the CPUs"):
        ffi.aio(lib.status, affinity={100000})
    with pytest.raises(ValueError):
        ffi.aio(lib.status, affinity=set())


def test_bad_arguments():
    with pytest.raises(TypeError, match="function is expected"):
        ffi.aio(3)
    with pytest.raises(TypeError, match="cancel="):
        ffi.aio(lib.status, cancel=3)
    with pytest.raises(TypeError, match="without cancel="):
        ffi.aio(lib.status, cancel_args=(0,))
    with pytest.raises(TypeError, match="positions"):
        ffi.aio(lib.status, cancel=lib.wake, cancel_args="ab")
    own = jiffi.FFI()
    own.cdef("int abs(int);", gil="hold")
    with pytest.raises(ValueError, match="abs.*keep the GIL"):
        own.aio(own.dlopen(None).abs)


def test_what_it_looks_like():
    f = ffi.aio(lib.status)
    assert f.__name__ == "status" and f.__wrapped__ is lib.status
    assert f.__doc__ == lib.status.__doc__ and "aio" in repr(f)


def test_exit_waits_for_c():
    out, err = run("""
        import asyncio
        async def main():
            asyncio.ensure_future(ffi.aio(lib.nap_then_print)(300))
            await asyncio.sleep(0.1)
        loop = asyncio.new_event_loop()
        task = loop.create_task(main())
        loop.run_until_complete(task)
        import atexit
        print("exit")
    """)
    assert out.splitlines() == ["exit", "C is done"]


def test_interrupt():
    out, err = run("""
        import asyncio, os, signal, threading
        flag = ffi.new("int *")
        async def main():
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            await ffi.aio(lib.wait_for, cancel=lib.wake)(flag, 60000)
        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            print("interrupted", flag[0])
    """)
    assert out.splitlines() == ["interrupted 1"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_after_a_fork():
    out, err = run("""
        import asyncio, os, warnings
        warnings.simplefilter("ignore")
        f = ffi.aio(lib.status)
        async def main():
            return await f(5)
        asyncio.run(main())
        child = os.fork()
        if not child:
            os._exit(asyncio.run(main()))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """)
    assert out.split() == ["5"]
