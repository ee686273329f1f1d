# SPDX-License-Identifier: MIT
"""What FFI.stream() does with a chunk: which shape of C function it has been given,
what its items are, and the call.

A chunk is what _stream_source.py makes: `data` is a cdata T[n], `n` its items.
"""

import jiffi

from ._map import MapError

MISSING = object()  # carry= was not given


def _refuse(name, text, *args):
    raise TypeError("ffi.stream(): %s() %s" % (name, text % args))


class _Shape:
    """A C function: name, str; call, what takes all of its arguments; params and
    result, ctypes; writes, a bool for each parameter: C may write where it points.
    """

    def __init__(self, ffi, function):
        name, call, ctype, letters, pairs = ffi._stream_shape(function)
        self.ffi = ffi
        self.name = name
        self.call = call
        self.ctype = ctype
        self.params = ctype.args
        self.result = ctype.result
        self.letters = letters
        self.pairs = pairs
        self.writes = [c == "w" for c in letters]
        self.stops = letters[-1] != " "
        if ctype.ellipsis:
            _refuse(name, "has '...' and cannot be run over a stream: '%s'",
                    ctype.cname)

    def pair(self):
        """(pointer, length, unit) of a chunk function: what sized() or access() says,
        else the first pointer that has an integer directly behind it; or None."""
        if len(self.pairs) > 1:
            return None
        if self.pairs:
            return self.pairs[0]
        for i in range(len(self.params) - 1):
            if self.letters[i] in "rw" and self.letters[i + 1] == "i":
                to = self.params[i].item
                if to.kind == "void" or _size(self.ffi, to):
                    return i, i + 1, 0
        return None


def _size(ffi, ctype):
    """Bytes of an item, or 0: there can be none of it."""
    if ctype.kind in ("void", "function"):
        return 0
    try:
        return ffi.sizeof(ctype)
    except Exception:  # declared, but not what is in it
        return 0


def choose(ffi, function, args, how, carry, copy, stop):
    """The work for this function and these further arguments. TypeError, naming it,
    when neither shape fits."""
    shape = _Shape(ffi, function)
    pair = shape.pair()
    left = len(shape.params) - len(args) - (carry is not MISSING)
    if how is None:
        how = "chunk" if pair and left == 2 else "items"
        if left not in (1, 2) or left == 2 and not pair:
            _refuse(shape.name, "fits neither: a function of one item has 1 parameter "
                    "besides the %d given, a function of a chunk has a pointer with its "
                    "length behind it; this is '%s'",
                    len(shape.params) - left, shape.ctype.cname)
    if stop and not shape.stops:
        _refuse(shape.name, "returns '%s': stop=True needs an integer or a pointer",
                shape.result.cname)
    if how == "chunk":
        if not pair:
            _refuse(shape.name, "has no pointer with its length behind it (or several "
                    "that are declared): '%s'", shape.ctype.cname)
        if left != 2:
            _refuse(shape.name, "takes %d arguments besides a chunk and its length; "
                    "there are %d", len(shape.params) - 2, len(shape.params) - left)
        return _Chunks(ffi, shape, pair, args, carry, copy, stop)
    if carry is not MISSING:
        _refuse(shape.name, "is called for each item: carry= is for functions of a "
                "chunk and its length")
    if left != 1:
        _refuse(shape.name, "takes %d arguments besides an item; there are %d",
                len(shape.params) - 1, len(shape.params) - left)
    return _Items(ffi, shape, args, copy, stop)


class _Work:
    """item       ctype of the items
    size       bytes of one
    writes     C may write to the items
    keeps      results may refer to the chunk: it must stay until the next one
    """

    def __init__(self, ffi, shape, item, writes, copy, stop):
        self.ffi = ffi
        self.shape = shape
        self.item = item
        self.size = _size(ffi, item)
        self.writes = writes
        self.copy = copy
        self.stop = stop
        self.keeps = False
        if item.kind in ("pointer", "function") or not self.size:
            _refuse(shape.name, "has items of type '%s', which cannot come from a "
                    "stream", item.cname)
        try:
            self.array = ffi.typeof(ffi.getctype(item, "[]"))
        except ffi.error:
            self.array = None
        if self.array is None or self.array.item is not item:
            _refuse(shape.name, "has items of type '%s', which has no name in this FFI",
                    item.cname)

    def give_items(self, chunk):
        """The items themselves, as C has changed them."""
        if not self.copy:
            return chunk.data
        mine = self.ffi.new(self.array, chunk.n)
        self.ffi.memmove(mine, chunk.data, chunk.n * self.size)
        return mine


class _Items(_Work):
    """One call for each item: an array of results for each chunk."""

    def __init__(self, ffi, shape, args, copy, stop):
        item, writes = shape.params[0], False
        if item.kind == "pointer":
            writes = shape.writes[0]
            item = item.item
            if item.kind == "void" or item.cname == "char":
                _refuse(shape.name, "takes a '%s', of which nobody knows where it ends: "
                        "a function of one item has a pointer to one",
                        shape.params[0].cname)
        super().__init__(ffi, shape, item, writes, copy, stop)
        self.rest = [jiffi.same(x) for x in args]
        self.void = shape.result.kind == "void"
        self.keeps = not copy and self.void and writes
        self.out = None
        self.results = None
        if not copy and not self.void:
            self.results = ffi.typeof(ffi.getctype(shape.result, "[]"))

    def run(self, chunk, start):
        out = None
        if self.results is not None:
            if self.out is None or len(self.out) < chunk.n:
                self.out = self.ffi.new(self.results, chunk.n)
            out = self.out if len(self.out) == chunk.n else self.out[0:chunk.n]
        try:
            r = self.ffi.map(self.shape.call, jiffi.each(chunk.data), *self.rest,
                             out=out, stop=self.stop)
        except MapError as e:
            e.index += start
            e.args = (e.function, e.index) + e.args[2:]
            raise
        return self.give_items(chunk) if self.void and self.writes else r


class _Chunks(_Work):
    """One call, and one result, for each chunk."""

    def __init__(self, ffi, shape, pair, args, carry, copy, stop):
        self.pointer, self.length, self.unit = pair
        item = shape.params[self.pointer].item
        if item.kind == "void":
            item = ffi.typeof("unsigned char")
        super().__init__(ffi, shape, item, shape.writes[self.pointer], copy, stop)
        self.void = shape.result.kind == "void"
        self.keeps = (shape.result.kind == "pointer" or
                      not copy and self.void and self.writes)
        free = [i for i in range(len(shape.params)) if i not in pair[:2]]
        self.args = [None] * len(shape.params)
        self.carried = -1
        if carry is not MISSING:
            self.carried = free.pop(0)
            self.args[self.carried] = carry
        for i, value in zip(free, args):
            self.args[i] = value

    def run(self, chunk, start):
        self.args[self.pointer] = chunk.data
        self.args[self.length] = chunk.n * self.size // (self.unit or self.size)
        try:
            r = self.shape.call(*self.args)
        finally:
            self.args[self.pointer] = None
        if self.stop and (ord(r) if isinstance(r, (bytes, str)) else r):
            raise MapError(self.shape.name, start, r)
        if self.carried >= 0:
            self.args[self.carried] = r
        return self.give_items(chunk) if self.void and self.writes else r
