# SPDX-License-Identifier: MIT
"""FFI.stream(): a source is read in chunks, a C function runs over each, and while it
runs the next is read.

      reader thread                     whoever asks for results
   free ──> fill a chunk ──> full ──> C function (without the GIL) ──> result
    ^                                      │
    └──────────────── the chunk ───────────┘

There are `buffers` chunks and no more: when all are full or in use, the reader waits.
The thread refers to the source and the queues, never to the Stream, so that a Stream
nobody has any more ends.
"""

import operator
import queue
import sys
import threading
import time

from ._stream_source import Chunk, Memory, open_source
from ._stream_work import MISSING, choose

_PATIENCE = 1.0  # seconds that close() waits for a read that does not return


# --- reading ------------------------------------------------------------------------

class _Lending:
    """Chunks of memory that needs no reading."""

    def __init__(self, source, odd_bytes):
        self.source = source
        self.odd_bytes = odd_bytes
        self.odd = 0

    def next(self):
        """The next chunk, or None: there are no more. Raises what came behind the
        last one."""
        if self.odd:
            odd, self.odd = self.odd, 0
            self.odd_bytes(odd)
        if not self.source.more():
            return None
        chunk, odd = self.source.lend()
        if chunk is None:
            self.odd_bytes(odd)
        self.odd = odd
        return chunk

    def done(self, chunk):
        """The chunk is no longer needed."""

    def interrupt(self):
        """Another thread wants it to end: next() comes to its end."""
        self.source.over = True

    def close(self):
        """Nobody calls next() any more, or is in it."""
        self.source.close()


class _Filling:
    """Chunks filled one at a time, where results are asked for: no thread."""

    def __init__(self, source, work, batch, odd_bytes):
        self.source = source
        self.work = work
        self.batch = batch
        self.odd_bytes = odd_bytes
        self.chunk = Chunk()
        self.more = True
        self.error = None  # to be raised when the chunk has been used

    def fill(self, chunk):
        """(is there more?, what was raised or None)."""
        size = self.work.size
        try:
            chunk.prepare(self.work.ffi, self.work.array, self.batch)
            try:
                more = self.source.fill(chunk)
            finally:
                chunk.n, odd = divmod(chunk.filled, size)
            if odd:
                self.odd_bytes(odd)
            return more, None
        except BaseException as e:  # told in its place
            return False, e

    def produce(self):
        self.more, self.error = self.fill(self.chunk)
        return self.chunk

    def next(self):
        if self.error is None and self.more:
            chunk = self.produce()
            if chunk is not None and chunk.n:
                return chunk
            self.more = False
        if self.error is not None:
            error, self.error = self.error, None
            self.more = False
            try:
                raise error
            finally:
                del error  # or it would refer to itself
        return None

    def done(self, chunk):
        pass

    def interrupt(self):
        self.source.over = True

    def close(self):
        self.source.close()


def _read_ahead(filling, free, full):
    """The thread: until the source has ended, or None is free."""
    try:
        while True:
            chunk = free.get()
            if chunk is None or filling.source.over:
                return
            more, error = filling.fill(chunk)
            full.put((chunk, more, error))
            if not more:
                return
            del chunk, error
    finally:
        try:
            filling.source.close()
        finally:
            full.put((None, False, None))


class _Ahead(_Filling):
    """Chunks that a thread has filled meanwhile."""

    def __init__(self, source, work, batch, odd_bytes, buffers):
        super().__init__(source, work, batch, odd_bytes)
        self.chunk = None
        self.free = queue.SimpleQueue()
        self.full = queue.SimpleQueue()
        for _ in range(buffers):
            self.free.put(Chunk())
        self.thread = None
        self.closed = False

    def produce(self):
        if self.thread is None and not self.source.over:
            filling = _Filling(self.source, self.work, self.batch, self.odd_bytes)
            filling.chunk = None
            thread = threading.Thread(target=_read_ahead, name="jiffi.stream",
                                      args=(filling, self.free, self.full), daemon=True)
            thread.start()
            self.thread = thread
        chunk, self.more, self.error = self.full.get()
        return chunk

    def done(self, chunk):
        self.free.put(chunk)

    def interrupt(self):
        self.source.over = True
        self.free.put(None)
        self.full.put((None, False, None))  # for one who waits for a chunk

    def close(self):
        if self.closed:
            return
        self.closed = True
        self.interrupt()
        thread = self.thread
        if thread is None:
            self.source.close()
            return
        if thread is not threading.current_thread():
            thread.join(_PATIENCE)  # a read that hangs ends the thread when it returns


# --- progress -----------------------------------------------------------------------

class _Line:
    """A line on stderr that is written again and again."""

    def __init__(self):
        self.next = 0.0
        self.text = None
        self.live = sys.stderr is not None and sys.stderr.isatty()

    def report(self, done, total):
        self.text = "%d items" % done if total is None else \
            "%d of %d items" % (done, total)
        now = time.monotonic()
        if self.live and now >= self.next:
            self.next = now + 0.1
            sys.stderr.write("\r" + self.text)
            sys.stderr.flush()

    def close(self):
        if self.text is not None and sys.stderr is not None:
            sys.stderr.write(("\r" if self.live else "") + self.text + "\n")


class _Bar:
    """tqdm's."""

    def __init__(self, tqdm):
        self.tqdm = tqdm
        self.bar = None

    def report(self, done, total):
        if self.bar is None:
            self.bar = self.tqdm(total=total, unit="items", unit_scale=True)
        self.bar.update(done - self.bar.n)

    def close(self):
        if self.bar is not None:
            self.bar.close()


class _Call:
    """What the user gave."""

    def __init__(self, report):
        self.report = report

    def close(self):
        pass


def _progress(wanted):
    if wanted is None or wanted is False:
        return None
    if callable(wanted):
        return _Call(wanted)
    if wanted is not True:
        raise TypeError("ffi.stream(): progress must be True or callable, not %s" %
                        type(wanted).__name__)
    try:
        from tqdm import tqdm
    except ImportError:
        return _Line()
    return _Bar(tqdm)


# --- results ------------------------------------------------------------------------

def _results(reader, work, progress):
    """Everything, in order. It knows no Stream, see above."""
    done, reported = 0, -1
    source = reader.source

    def report():
        total = source.total
        if total is not None:
            total //= work.size
        progress.report(done, total)

    try:
        while True:
            chunk = reader.next()
            if chunk is None:
                break
            n, used = chunk.n, chunk
            if not work.keeps:
                result = work.run(chunk, done)
                reader.done(chunk)
                used = chunk = None
                yield result
                del result  # the next may take as much memory
            else:
                yield work.run(chunk, done)
                reader.done(chunk)
                used = chunk = None
            done += n
            if progress:
                reported = done
                report()
        if progress and reported < done:
            report()
    finally:
        try:
            if progress:
                progress.close()
        finally:
            reader.close()


class Stream:
    """What FFI.stream() returns: an iterator of results, and a context manager.

    It ends with the source, with the first exception, and with close(): then the
    thread that read has ended, and a file that was opened here is closed.
    """

    def __init__(self, reader, work, progress):
        self._reader = reader
        self._results = _results(reader, work, progress)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._results)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        """End it. Results that were not asked for are lost; what was read ahead of a
        file that somebody else opened is gone from there. Waits for a read that is
        under way, a second at most. May be called from anywhere, and again."""
        reader = self._reader
        if reader is None:
            return
        self._reader = None
        try:
            self._results.close()
        except ValueError:
            if not self._results.gi_running:
                raise
            reader.interrupt()  # another thread is at it, and finds the end
        else:
            reader.close()  # where nothing had been asked for

    def __del__(self):
        if getattr(self, "_reader", None) is not None:
            self.close()


def _count(name, value):
    value = operator.index(value)
    if value < 1:
        raise ValueError("ffi.stream(): %s must be 1 or more, not %d" % (name, value))
    return value


def _choice(name, value, choices):
    if value not in choices:
        raise ValueError("ffi.stream(): %s must be %s, not %r" %
                         (name, " or ".join(map(repr, choices)), value))
    return value


def stream(ffi, source, function, /, *args, batch=65536, buffers=2, how=None, copy=True,
           partial="error", stop=False, carry=MISSING, progress=None):
    """FFI.stream(): see there."""
    batch, buffers = _count("batch", batch), _count("buffers", buffers)
    if how is not None:
        _choice("how", how, ("items", "chunk"))
    drop = _choice("partial", partial, ("error", "drop")) == "drop"
    progress = _progress(progress)
    work = choose(ffi, function, args, how, carry, copy, stop)

    def odd_bytes(n):
        if not drop:
            raise ValueError("ffi.stream(): the source ends with %d byte%s that %s no "
                             "whole '%s' (%d bytes)" %
                             (n, "s" * (n > 1), "is" if n == 1 else "are",
                              work.item.cname, work.size))

    opened = open_source(source, work, batch)
    if isinstance(opened, Memory):
        reader = _Lending(opened, odd_bytes)
    elif buffers == 1:
        reader = _Filling(opened, work, batch, odd_bytes)
    else:
        reader = _Ahead(opened, work, batch, odd_bytes, buffers)
    return Stream(reader, work, progress)
