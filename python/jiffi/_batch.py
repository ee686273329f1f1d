# SPDX-License-Identifier: MIT
"""FFI.batch(): different C calls, one after the other in one crossing, as often as
wanted.

A batch is a program (see _program.py) with one parameter: the address of a block of
memory that has the inputs and gets the results.

    with ffi.batch() as b:
        x = b.input("double", 2.0)      block  0: x
        y = b(lib.sqrt, x)                     8: y
        z = b(lib.pow, y, 3) + 1              16: z
"""

import functools
import weakref

from . import _jiffi
from ._fuse import Tracer, _points_to_local
from ._program import kind
from ._traced import Place, Root, Traced, TracedArray, TracedRecord, _refuse


_BUSY = "the batch is running: C that it calls cannot use it"


class _Value(Traced):
    """What a batch computes, or an input. `value` is the result of the last run; that
    of an input can be set."""

    __slots__ = ()
    __float__ = __index__ = _refuse("a direct call",
                                    ": in a batch, write b(function, x)")

    @property
    def value(self):
        return self._tracer.batch._get(self)

    def __setattr__(self, name, value):
        if name == "value":
            self._tracer.batch._set(self, value)
        else:
            super().__setattr__(name, value)


class _Record(TracedRecord):
    """The same for structs and unions: `value` is a copy."""

    __slots__ = ()
    value = _Value.value

    def __setattr__(self, name, value):
        if name == "value":
            self._tracer.batch._set(self, value)
        else:
            super().__setattr__(name, value)


class _Tracer(Tracer):
    """Results are _Values that the batch knows as long as somebody holds them."""

    def __init__(self, ffi, batch):
        super().__init__(ffi, "batch")
        self._batch = weakref.ref(batch)

    @property
    def batch(self):
        batch = self._batch()
        if batch is None:
            raise RuntimeError("the batch is gone")
        return batch

    def add(self, op, args=(), data=None, ctype=None, num=None):
        if self.batch._fused:
            raise RuntimeError("the batch is complete since its first run: nothing can be "
                               "added to it")
        return super().add(op, args, data, ctype, num)

    def wrap(self, node):
        cls = kind(node.ctype)[1] if node.ctype is not None else None
        if cls == "array":
            return TracedArray(self, Place(Root(self, node, None), 0, node.ctype))
        if cls == "record":
            value = _Record(self, Place(Root(self, node, None), 0, node.ctype))
        else:
            value = _Value(self, node)
        self.batch._values.append(weakref.ref(value))
        return value


class _Slot:
    """A place in the block: of an input, or of a result."""

    def __init__(self, name, offset, ctype):
        self.name, self.offset, self.ctype = name, offset, ctype
        self.pin = None  # an input's: the value, kept for C
        self.is_input = False


class Batch:
    """Calls recorded to be made together: see FFI.batch().

    Recording, running and reading results may happen in any thread, runs of one batch
    take turns.
    """

    def __init__(self, ffi):
        self._ffi = ffi
        self._fused = None  # the C function, after the first run
        self._values = []  # weak references to what was handed out
        self._slots = weakref.WeakKeyDictionary()  # node or record's place -> _Slot
        self._inputs = {}  # name -> _Slot
        self._size = 0
        self._turns = _jiffi._Turns(_BUSY)
        self._tracer = _Tracer(ffi, self)
        self._block = self._tracer.add("param", (), 0, ffi.typeof("void *"))

    # --- recording

    def input(self, ctype, value=None, name=None):
        """A value that every run reads anew: set it by `.value = ...` or, by its name
        (by default "input0", "input1", ...), as run(name=...).

        ctype   the C type, as a str or CType: a number, a pointer or a struct
        value   as for a parameter of a call; buffers stay pinned until another
                value takes their place. None: must be set before the first run
        """
        ctype = self._ffi.typeof(ctype)
        name = name or "input%d" % len(self._inputs)
        if name in self._inputs:
            raise ValueError("the batch has an input '%s' already" % name)
        if kind(ctype)[1] in ("array", "void") or kind(ctype)[0] is None:
            raise TypeError("an input cannot have the type '%s'" % ctype.cname)
        offset = self._room(ctype)
        handle = self._tracer.wrap(self._tracer.add("load", (self._block,), offset, ctype))
        slot = _Slot(name, offset, ctype)
        slot.is_input = True
        if value is not None:
            slot.pin = _jiffi._pin(ctype, value)
        self._inputs[name] = slot
        self._slots[_key(handle)] = slot
        return handle

    def call(self, function, /, *args):
        """Record function(*args); returns what stands for the result, None for void.

        function  of a library, a function pointer, or from ffi.fuse()
        args      inputs, results of calls before, and all that a call takes: those are
                  converted now, kept and pinned
        """
        return self._tracer.call(function, args)

    __call__ = call

    def _room(self, ctype):
        size, align = kind(ctype)[2:]
        offset = -(-self._size // align) * align
        self._size = offset + max(size, 1)
        return offset

    # --- running

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc, tb):
        if exc_type is None and all(s.pin for s in self._inputs.values()):
            self.run()

    def run(self, **inputs):
        """Make all calls, in order; errors of inputs come before the first.

        The first run makes the machine code; nothing can be recorded after it.
        """
        with self._turns:
            self._prepare(inputs)
            self._turns.run()

    def _prepare(self, inputs):
        """Everything but the calls."""
        for name in inputs:
            if name not in self._inputs:
                raise TypeError("the batch has no input '%s'" % name)
        for name, value in inputs.items():
            self._give(self._inputs[name], value)
        for slot in self._inputs.values():
            if slot.pin is None:
                raise RuntimeError("input '%s' of the batch has no value" % slot.name)
        if self._fused is None:
            self._compile()

    def _give(self, slot, value):
        """A value for an input; it is in the block as soon as there is one."""
        pin = _jiffi._pin(slot.ctype, value)
        if self._fused is not None:
            self._write(slot, pin)
        slot.pin = pin

    def _write(self, slot, pin):
        self._ffi.memmove(self._memory + slot.offset, pin.bytes, kind(slot.ctype)[2])

    def _compile(self):
        tracer = self._tracer
        for handle in [r() for r in self._values]:
            if handle is None or _key(handle) in self._slots:
                continue
            node = handle._node
            if _points_to_local(node):
                continue
            slot = _Slot(_describe(tracer, node), 0, tracer.ctype_of(node))
            slot.offset = self._room(slot.ctype)
            tracer.add("store", (self._block, node), (slot.offset, slot.ctype))
            self._slots[_key(handle)] = slot
        out = tracer.emit()
        ffi = self._ffi
        self._bytes = ffi.new("char[]", max(self._size, 1))
        self._memory = ffi.cast("char *", self._bytes)
        self._block_at = ffi.cast("void *", self._bytes)
        for slot in self._inputs.values():
            self._write(slot, slot.pin)
        self._fused = _jiffi._fuse(ffi, "batch", ("block",),
                                   (ffi.typeof("void"), ffi.typeof("void *")),
                                   tuple(out.ops), tuple(tracer.callees), None)
        self._turns.ready(self._fused, self._block_at)
        # From now on `run` needs no Python; what has inputs comes back to this class.
        self._turns.otherwise = functools.partial(_run, weakref.ref(self))
        # `run` may outlive the batch, and writes into this memory.
        self._turns.otherwise.memory = self._bytes
        self.run = self._turns

    # --- values

    def _get(self, handle):
        with self._turns:
            slot = self._slots.get(_key(handle))
            if slot is not None and slot.is_input and slot.pin is not None:
                if kind(slot.ctype)[1] in ("pointer", "record"):
                    return slot.pin.value
                return self._read(slot.ctype, self._ffi.from_buffer(slot.pin.bytes))
            if slot is not None and slot.is_input:
                raise RuntimeError("input '%s' of the batch has no value" % slot.name)
            if not self._turns.runs:
                raise RuntimeError("%s is not there yet: the batch has not been run" % (
                    _describe(self._tracer, handle._node)))
            if slot is None:
                raise RuntimeError("%r is no result of the batch" % (handle,))
            return self._read(slot.ctype, self._memory + slot.offset)

    def _read(self, ctype, at):
        p = self._ffi.cast(_jiffi._pointer_to(ctype), at)
        if kind(ctype)[1] != "record":
            return p[0]
        copy = self._ffi.new(_jiffi._pointer_to(ctype))
        self._ffi.memmove(copy, p, kind(ctype)[2])
        return copy[0]

    def _set(self, handle, value):
        slot = self._slots.get(_key(handle))
        if slot is None or not slot.is_input:
            raise AttributeError("only inputs of a batch can be set")
        with self._turns:
            self._give(slot, value)

    def __repr__(self):
        return "<jiffi batch: %d inputs, %d calls, run %d times>" % (
            len(self._inputs), sum(n.op == "call" for n in self._tracer.nodes),
            self._turns.runs)


def _run(batch, **inputs):
    """run(name=value) of a batch, given weakly, that has been run before."""
    batch = batch()
    if batch is None:
        raise RuntimeError("the batch is gone")
    Batch.run(batch, **inputs)


def _key(handle):
    """What identifies a value in _slots and lives as long as its handles."""
    return handle._where.root if isinstance(handle, TracedRecord) else handle._node


def _describe(tracer, node):
    if node.op == "call":
        return "the result of %s()" % _jiffi._callee(tracer.callees[node.data[0]])[1]
    return "a result"


def batch(ffi):
    """FFI.batch(): see its documentation."""
    return Batch(ffi)
