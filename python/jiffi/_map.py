# SPDX-License-Identifier: MIT
"""What of FFI.map() is better said in Python: several threads, progress, and the
exception for an item that stopped a run.

The extension checks and pins the operands and hands over a *run*: `len(run)` items,
of which `run.chunk(start, count)` calls some without the GIL and returns how many
were done before one of them stopped it (count: none did). This file is imported
when threads, chunk or progress are given, or when a run was stopped.
"""

import threading
import time

_FIRST = 4  # items of the first chunk, when nobody says how many
_SHORT, _LONG = 0.005, 0.030  # seconds a chunk should take


class MapError(RuntimeError):
    """FFI.map(..., stop=True) met a result that was not 0.

    function  its name, a str
    index     of the item, an int; the first of all that failed
    code      what the function returned: an int, or a pointer cdata
    out       the array of results: defined up to index, and behind it as it was
              (with several threads, items behind it may have been called)
    """

    def __init__(self, function, index, code, out=None):
        super().__init__(function, index, code, out)
        self.function = function
        self.index = index
        self.code = code
        self.out = out

    def __str__(self):
        return "%s() returned %s for item %d" % (self.function, self.code, self.index)

    def __reduce__(self):  # C arrays stay where they are
        code = self.code if isinstance(self.code, (int, bytes, str)) else None
        return type(self), (self.function, self.index, code, None)


class _Work:
    """The chunks of one run, handed out in order to whoever asks.

    When one fails, all that come before it have been handed out already and are
    run to their ends; none behind it is begun. So the least index that failed is the
    first of all.
    """

    def __init__(self, run, threads, chunk):
        self.run = run
        self.total = len(run)
        self.threads = threads
        self.chunk = chunk  # items; 0: by the time they take
        self.lock = threading.Lock()
        self.next = 0  # first item that nobody has
        self.done = 0  # items done so far
        self.stopped = self.total  # least index that failed
        self.error = None  # what was raised in another thread
        self.over = False  # hand out nothing more
        self.news = None  # Event for the one who reports progress

    def take(self, size):
        """(start, count); count 0: there is nothing left to do."""
        with self.lock:
            start = self.next
            if self.over or start >= self.total:
                return start, 0
            left = self.total - start
            if not self.chunk:  # the last chunks are small, so that all end at once
                size = min(size, left // self.threads + 1)
            count = min(size, left)
            self.next = start + count
            return start, count

    def give(self, start, count, done):
        with self.lock:
            self.done += done
            if done < count:
                self.stopped = min(self.stopped, start + done)
                self.over = True
        if self.news:
            self.news.set()

    def chunks(self):
        """Run chunks until there are no more; yields after each."""
        size = self.chunk or _FIRST
        while True:
            start, count = self.take(size)
            if not count:
                return
            before = time.perf_counter()
            done = self.run.chunk(start, count)
            took = time.perf_counter() - before
            self.give(start, count, done)
            if not self.chunk:
                if took < _SHORT:
                    size *= 4
                elif took > _LONG:
                    size = max(1, int(size * _LONG / 2 / took))
            yield

    def worker(self):
        try:
            for _ in self.chunks():
                pass
        except BaseException as e:  # told by the thread that called map()
            self.error = e
            self.over = True
        finally:
            if self.news:
                self.news.set()


def _wait(threads, work, report):
    """Until all have ended, passing on what is done meanwhile."""
    while any(t.is_alive() for t in threads):
        if report:
            work.news.wait(0.05)
            work.news.clear()
            report()
        else:
            for t in threads:
                t.join()


def _abandon(threads, work):
    """Until all have ended their chunks, whatever comes in between."""
    work.over = True
    for t in threads:
        while t.is_alive():
            try:
                t.join()
            except KeyboardInterrupt:
                continue


def drive(run, threads, chunk, progress):
    """All items of `run`, in `threads` threads (this is one of them), `chunk` items
    at a time (0: as many as take some milliseconds); progress(done, total) or None
    is called here, between chunks. Returns the index of the first item that stopped
    it, or len(run). What progress raises, and KeyboardInterrupt, ends the run: when
    this function is left, nothing runs any more.
    """
    work = _Work(run, threads, chunk)
    last = [-1]

    def report():
        if work.done != last[0]:
            last[0] = work.done
            progress(last[0], work.total)

    others = []
    try:
        if threads > 1:
            parts = -(-work.total // chunk) if chunk else work.total // _FIRST + 1
            work.news = threading.Event() if progress else None
            for _ in range(min(threads, parts) - 1):
                t = threading.Thread(target=work.worker, name="jiffi.map")
                t.start()
                others.append(t)
        for _ in work.chunks():
            if progress:
                report()
        _wait(others, work, report if progress else None)
    finally:
        if others:
            _abandon(others, work)
    if work.error is not None:
        raise work.error
    if progress:
        report()
    return work.stopped
