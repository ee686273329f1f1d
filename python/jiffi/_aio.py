# SPDX-License-Identifier: MIT
"""FFI.aio(): C functions to await.

A call runs in a thread, so that the event loop goes on. Whatever happens to who waits
for it (cancelled, timed out, the loop closed), the thread and its call hold the
arguments until C has come back: nothing is freed under C. A cancellation is passed on
to C, if there is a function for that, and goes on when C has returned.

Threads are made when they are needed, and named "jiffi-aio-0" and so on. When Python
exits, the calls that run are waited for; those that wait for a thread are dropped.
"""

import asyncio
import atexit
import contextvars
import itertools
import os
import queue
import threading
import weakref

from . import _jiffi

_numbers = itertools.count()
_pools = weakref.WeakSet()


class _Pool:
    """Threads for calls; at most `threads`, each on the CPUs `affinity` (or any)."""

    def __init__(self, threads, affinity=None):
        self.most = threads
        self.affinity = affinity
        self._reset()
        _pools.add(self)

    def _reset(self):
        self.queue = queue.SimpleQueue()
        self.lock = threading.Lock()
        self.threads = []
        self.idle = 0  # threads that wait, less the jobs that are on their way
        self.over = False

    def submit(self, call):
        with self.lock:
            if self.over:
                raise RuntimeError("ffi.aio(): Python is about to exit")
            self.queue.put(call)
            self.idle -= 1
            if self.idle >= 0 or len(self.threads) >= self.most:
                return
            self.idle += 1  # the new one
            thread = threading.Thread(
                target=_work,
                args=(self.queue, self.lock, weakref.ref(self), self.affinity),
                name="jiffi-aio-%d" % next(_numbers),
                daemon=True,
            )
            self.threads.append(thread)
            thread.start()

    def stop(self, wait):
        with self.lock:
            self.over = True
            threads = list(self.threads)
            for _ in threads:
                self.queue.put(None)
        if wait:
            for thread in threads:
                thread.join()

    def __del__(self):
        self.stop(False)


def _work(jobs, lock, pool, affinity):
    if affinity is not None:
        os.sched_setaffinity(0, affinity)
    while True:
        call = jobs.get()
        if call is None:
            return
        here = pool()
        if here is not None and here.over:
            continue  # Python exits
        del here
        call.run()
        del call
        here = pool()
        if here is not None:
            with lock:
                here.idle += 1
        del here


@atexit.register
def _exit():
    for pool in list(_pools):
        pool.stop(True)


def _forked():
    for pool in list(_pools):
        pool._reset()  # the threads are the parent's


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class _Call:
    """One call of C, from the moment it is asked for until C has come back."""

    __slots__ = (
        "function", "args", "context", "loop", "future", "lock", "state", "result",
        "error", "delivered",
    )  # fmt: skip

    WAITS, RUNS, OVER = range(3)

    def __init__(self, function, args, loop):
        self.function = function
        self.args = args
        self.context = contextvars.copy_context()
        self.loop = loop
        self.future = loop.create_future()  # the loop's: who waits now
        self.lock = threading.Lock()
        self.state = self.WAITS
        self.result = self.error = None
        self.delivered = False  # the loop knows that C has come back

    def run(self):
        """In a thread."""
        with self.lock:
            if self.state != self.WAITS:
                return
            self.state = self.RUNS
        try:
            self.result = self.context.run(self.function, *self.args)
        except BaseException as e:
            self.error = e
        with self.lock:
            self.state = self.OVER
        self.args = self.function = None
        try:
            self.loop.call_soon_threadsafe(self.deliver)
        except RuntimeError:  # the loop is closed: nobody waits
            _nobody(self.error)
        finally:
            self.loop = None

    def drop(self):
        """True: C was not called yet and will not be."""
        with self.lock:
            if self.state != self.WAITS:
                return False
            self.state = self.OVER
        self.args = self.function = None
        return True

    def deliver(self):
        """In the loop."""
        self.delivered = True
        if self.future.done():
            return
        error = self.error
        if error is None:
            self.future.set_result(self.result)
            return
        if isinstance(error, StopIteration):  # a future cannot hold one
            other = RuntimeError("C function raised StopIteration")
            other.__cause__ = error
            error = other
        self.future.set_exception(error)


def _nobody(error):
    if error is not None:
        threading.excepthook(
            threading.ExceptHookArgs(
                (type(error), error, error.__traceback__, threading.current_thread())
            )
        )


class AioFunction:
    """A C function to await: what FFI.aio() returns."""

    def __init__(self, function, submit, cancel, cancel_args):
        self.__wrapped__ = function
        self.__name__ = getattr(function, "__name__", repr(function))
        self.__qualname__ = getattr(function, "__qualname__", self.__name__)
        self.__doc__ = getattr(function, "__doc__", None)
        self.__module__ = getattr(function, "__module__", None)
        self._submit = submit
        self._cancel = cancel
        self._cancel_args = cancel_args

    def __repr__(self):
        return "<aio %r>" % (self.__wrapped__,)

    async def __call__(self, *args):
        call = _Call(self.__wrapped__, args, asyncio.get_running_loop())
        self._submit(call)
        try:
            return await call.future
        except asyncio.CancelledError as e:
            if call.delivered or call.drop():
                raise
            cancelled = e
        except GeneratorExit:  # the loop is gone; C may still be told
            if not call.delivered and not call.drop() and self._cancel is not None:
                self._tell(call, args, None)
            raise
        finally:
            e = None
        await self._finish(call, args)
        try:
            raise cancelled
        finally:
            cancelled = None

    async def _finish(self, call, args):
        """Cancelled while C runs: tell it, and wait until it has come back."""
        loop = asyncio.get_running_loop()
        told = None
        if self._cancel is not None:
            told = loop.create_future()
            self._tell(call, args, told)
        while not call.delivered:
            call.future = loop.create_future()
            try:
                await call.future
            except BaseException as e:
                # Another cancellation changes nothing, nor does what C says to it.
                if isinstance(e, GeneratorExit):
                    raise
        while told is not None and not told.done():
            try:
                await asyncio.shield(told)
            except asyncio.CancelledError:
                pass

    def _tell(self, call, args, told):
        """Call the cancel function from a thread of its own; `told` is done then."""
        loop = call.loop

        def tell():
            error = None
            try:
                call.context.copy().run(self._cancel, *self._cancel_args(args))
            except BaseException as e:
                error = e
            try:
                loop.call_soon_threadsafe(over, error)
            except RuntimeError:
                _nobody(error)

        def over(error):
            if error is not None:
                loop.call_exception_handler(
                    {
                        "message": "ffi.aio(%s): the cancel function failed"
                        % self.__name__,
                        "exception": error,
                    }
                )
            if told is not None and not told.done():
                told.set_result(None)

        threading.Thread(target=tell, name="jiffi-aio-cancel", daemon=True).start()


def _cpus(affinity):
    if not hasattr(os, "sched_setaffinity"):
        raise NotImplementedError("ffi.aio(): this system has no affinity of threads")
    cpus = frozenset(affinity)
    if not cpus or not cpus <= os.sched_getaffinity(0):
        raise ValueError(
            "ffi.aio(): affinity=%s, but this process may run on the CPUs %s"
            % (sorted(cpus), sorted(os.sched_getaffinity(0)))
        )
    return cpus


def _submitter(ffi, threads, affinity, executor):
    if executor is not None:
        if threads is not None or affinity is not None:
            raise TypeError("ffi.aio(): executor= brings its own threads")
        return lambda call: executor.submit(call.run)
    if threads is None and affinity is None:
        pool = getattr(ffi, "_aio_pool", None)
        if pool is None:
            pool = ffi._aio_pool = _Pool(min(32, (os.cpu_count() or 1) + 4))
        return pool.submit
    cpus = None if affinity is None else _cpus(affinity)
    if threads is None:
        threads = len(cpus)
    if not isinstance(threads, int) or threads < 1:
        raise ValueError("ffi.aio(): threads=%r is not a positive int" % (threads,))
    return _Pool(threads, cpus).submit


def _chooser(ffi, cancel, cancel_args):
    """The cancel function's arguments, as a function of the call's."""
    if callable(cancel_args):
        return lambda args: tuple(cancel_args(*args))
    if cancel_args is not None:
        places = tuple(cancel_args)
        if not all(isinstance(i, int) for i in places):
            raise TypeError(
                "ffi.aio(): cancel_args= is a function or positions of arguments, "
                "not %r" % (cancel_args,)
            )
        return lambda args: tuple(args[i] for i in places)
    try:
        none = not ffi.typeof(cancel).args
    except (TypeError, AttributeError):
        none = False
    return (lambda args: ()) if none else (lambda args: args)


def aio(ffi, function, *, threads=None, affinity=None, cancel=None, cancel_args=None,
        executor=None):  # fmt: skip
    """See FFI.aio()."""
    if not callable(function):
        raise TypeError("ffi.aio(): a function is expected, not %r" % (function,))
    if _jiffi._is_held(function):
        raise ValueError(
            "ffi.aio(): %s() is declared to keep the GIL (gil=\"hold\"): the event loop "
            "would stand still while it runs; call it directly"
            % getattr(function, "__name__", function)
        )
    if cancel is None and cancel_args is not None:
        raise TypeError("ffi.aio(): cancel_args= without cancel=")
    if cancel is not None and not callable(cancel):
        raise TypeError("ffi.aio(): cancel=%r is not callable" % (cancel,))
    return AioFunction(
        function,
        _submitter(ffi, threads, affinity, executor),
        cancel,
        None if cancel is None else _chooser(ffi, cancel, cancel_args),
    )
