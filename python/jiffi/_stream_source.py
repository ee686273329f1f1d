# SPDX-License-Identifier: MIT
"""Where FFI.stream() reads: files, sockets, iterators, memory.

A source fills chunks of a pool (`fill`), or, where items lie in memory and C only
reads them, makes chunks of what is there (`lend`). What was read before an error
counts: it is in the chunk when the error arrives.
"""

import io
import itertools
import os
import stat

_END = object()


class Chunk:
    """A buffer of the pool. data: cdata T[n]; n: whole items in it."""

    def __init__(self):
        self.array = None  # T[batch], made by the first who fills it
        self.view = None  # memoryview of its bytes
        self.filled = 0  # bytes
        self.n = 0

    def prepare(self, ffi, array, batch):
        if self.array is None:
            self.array = ffi.new(array, batch)
            self.view = memoryview(ffi.buffer(self.array))
        self.filled = self.n = 0

    @property
    def data(self):
        return self.array if self.n == len(self.array) else self.array[0:self.n]


class Lent:
    """A chunk in somebody else's memory."""

    def __init__(self, data, n):
        self.data = data
        self.n = n


class _Source:
    """total  bytes that will come, or None: nobody knows
    over   set by the one who reads no further: fill() may leave early
    """

    total = None
    over = False

    def fill(self, chunk):
        """Read until the chunk is full; False: the source has ended."""
        raise NotImplementedError

    def close(self):
        """Nothing is read any more."""


class Reader(_Source):
    """A file, a socket: `into(view)` returns how many bytes it has put there."""

    def __init__(self, into, name, mine=None):
        self.into = into
        self.name = name  # for errors
        self.mine = mine  # a file to be closed, or None

    def fill(self, chunk):
        view = chunk.view
        end = len(view)
        while chunk.filled < end:
            if self.over:
                return False
            got = self.into(view[chunk.filled:] if chunk.filled else view)
            if got is None:
                raise BlockingIOError("ffi.stream(): %s does not wait for data (it is "
                                      "in non-blocking mode)" % self.name)
            if not 0 <= got <= end - chunk.filled:
                raise ValueError("ffi.stream(): %s says that it has read %r bytes into "
                                 "%d" % (self.name, got, end - chunk.filled))
            if not got:
                return False
            chunk.filled += got
        return True

    def close(self):
        if self.mine is not None:
            self.mine.close()


def _by_read(read, name):
    """readinto() of an object that has read() only."""

    def into(view):
        data = read(len(view))
        if data is None:
            return None
        if isinstance(data, str):
            raise TypeError("ffi.stream(): %s gives text: open it in binary mode" % name)
        n = len(data)
        if n > len(view):
            return n  # refused by who asked
        view[:n] = data
        return n

    return into


def _file_left(f):
    """Bytes from where a plain file stands to its end, or None."""
    try:
        if type(getattr(f, "raw", f)) is not io.FileIO:
            return None  # packed, or in memory: fileno() says nothing
        found = os.fstat(f.fileno())
        if stat.S_ISREG(found.st_mode):
            return max(found.st_size - f.tell(), 0)
    except (OSError, ValueError):
        pass
    return None


class _Items:
    """What is known of the items: ffi, their ctype, bytes of one, whole arrays."""

    def __init__(self, work):
        self.ffi = work.ffi
        self.item = work.item
        self.size = work.size
        self.array = work.array

    def view(self, x):
        """memoryview of a buffer of at least one dimension, or None: x is no such
        thing. TypeError for items that are not ours; single bytes always are."""
        try:
            view = memoryview(x)
        except TypeError:
            if isinstance(x, (str, int, float, type(None))) or not (
                    hasattr(x, "__dlpack__") or hasattr(x, "__arrow_c_array__")):
                return None
            # Whoever lends without a buffer says what its items are to from_buffer.
            return memoryview(self.ffi.from_buffer(self.array, x))
        if view.ndim == 0:
            return None
        if view.itemsize == 1 and view.format in ("B", "b", "c"):
            return view
        if not self.ffi._stream_fits(self.item, view):
            raise TypeError("ffi.stream(): items must be '%s' (%d bytes) or single "
                            "bytes, not '%s' (%d bytes) of a %s" %
                            (self.item.cname, self.size, view.format, view.itemsize,
                             type(x).__name__))
        return view

    def flat(self, view):
        """The view's bytes in a row: a view of them, or, where there are gaps, a
        copy."""
        if not view.c_contiguous:
            return memoryview(view.tobytes())
        return memoryview(self.ffi.buffer(self.ffi.from_buffer("char[]", view)))


class Pieces(_Source):
    """An iterator, of bytes-like pieces of any length or of values; the first says
    which."""

    def __init__(self, items, iterator, known):
        self.items = items
        self.iterator = iterator
        self.known = known  # len() of what is iterated over, or None
        self.values = None
        self.left = None  # bytes of a piece that are still to come
        self.at = 0  # values before this chunk

    def fill(self, chunk):
        if self.values is None:
            first = next(self.iterator, _END)
            if first is _END:
                return False
            self.values = self.items.view(first) is None
            self.iterator = itertools.chain([first], self.iterator)
            if self.values and self.known is not None:
                self.total = self.known * self.items.size
        return self._values(chunk) if self.values else self._pieces(chunk)

    def _pieces(self, chunk):
        end = len(chunk.view)
        while chunk.filled < end:
            if self.over:
                return False
            if not self.left:
                piece = next(self.iterator, _END)
                if piece is _END:
                    return False
                view = self.items.view(piece)
                if view is None:
                    raise TypeError("ffi.stream(): bytes-like chunks came first, now a "
                                    "%s" % type(piece).__name__)
                self.left = self.items.flat(view)
                continue
            some = min(len(self.left), end - chunk.filled)
            chunk.view[chunk.filled:chunk.filled + some] = self.left[:some]
            self.left = self.left[some:]
            chunk.filled += some
        return True

    def _values(self, chunk):
        room = len(chunk.array)
        values = []
        try:
            # What came before an exception is in the list.
            values.extend(itertools.islice(self.iterator, room))
        finally:
            self._store(chunk, values)
        return len(values) == room

    def _store(self, chunk, values):
        n = len(values)
        try:
            chunk.array[0:n] = values
        except Exception:
            for n, value in enumerate(values):  # which one?
                try:
                    chunk.array[n] = value
                except Exception as e:
                    chunk.filled = n * self.items.size
                    raise type(e)("ffi.stream(): value %d: %s" % (self.at + n, e)) from e
            n = len(values)
        chunk.filled = n * self.items.size
        self.at += n

    def close(self):
        self.iterator = self.left = None


class Memory(_Source):
    """Items where they lie."""

    def __init__(self, items, view, batch):
        self.items = items
        self.bytes = items.flat(view)
        self.step = batch * items.size
        self.total = len(self.bytes)
        self.start = 0

    def lend(self):
        """(chunk or None, bytes behind its last whole item)."""
        items = self.items
        here = self.bytes[self.start:self.start + self.step]
        n, odd = divmod(len(here), items.size)
        self.start += len(here)
        if not n:
            return None, odd
        here = here[:n * items.size]
        return Lent(items.ffi.from_buffer(items.array, here), n), odd

    def more(self):
        return self.start < self.total and not self.over

    def close(self):
        self.bytes = None


def _aligned(items, view):
    ffi = items.ffi
    start = int(ffi.cast("uintptr_t", ffi.from_buffer("char[]", view)))
    return start % ffi.alignof(items.item) == 0


def _from_memory(items, x, view, batch, writes):
    if view.c_contiguous and not writes and (not view.nbytes or _aligned(items, view)):
        return Memory(items, view, batch)
    if view.c_contiguous:
        source = Pieces(items, iter([view]), None)
    else:  # gaps are left out bit by bit: a copy of everything may be too much
        some = max(1, batch * items.size * view.shape[0] // (view.nbytes or 1))
        source = Pieces(items, (view[i:i + some] for i in range(0, len(view), some)),
                        None)
    source.total = view.nbytes
    return source


def open_source(x, work, batch):
    """The source that `x` is; TypeError if it is none."""
    items = _Items(work)
    if isinstance(x, (str, os.PathLike)):
        f = open(x, "rb", buffering=0)
    elif isinstance(x, int) and not isinstance(x, bool):
        f = io.FileIO(x, "rb", closefd=False)
    else:
        f = None
    if f is not None:
        source = Reader(f.readinto, repr(x), f)
        source.total = _file_left(f)
        return source
    view = items.view(x)
    if view is not None:
        return _from_memory(items, x, view, batch, work.writes)
    name = type(x).__name__
    if isinstance(x, io.TextIOBase):
        raise TypeError("ffi.stream(): %s gives text: open it in binary mode" % name)
    for method in ("readinto", "recv_into"):
        into = getattr(x, method, None)
        if callable(into):
            source = Reader(into, name)
            source.total = _file_left(x)
            return source
    if callable(getattr(x, "read", None)):
        return Reader(_by_read(x.read, name), name)
    try:
        iterator = iter(x)
    except TypeError:
        raise TypeError("ffi.stream() reads paths, binary files, file descriptors, "
                        "buffers and iterables, not %s" % name) from None
    return Pieces(items, iterator, len(x) if hasattr(x, "__len__") else None)
