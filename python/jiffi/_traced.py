# SPDX-License-Identifier: MIT
"""What stands for values while a program is written down (see _fuse.py, _batch.py).

A Traced has a node; arithmetic on it adds nodes. Whatever would need the value now is
refused with the line that asks for it. Structs and arrays are places: in memory at an
address, or inside a value that is copied to memory when it is first written to.
"""

import linecache
import operator
import sys

from . import _jiffi
from ._program import kind


class TraceError(TypeError):
    """What a function does cannot become part of a C function.

    filename, lineno  where, or None
    """

    def __init__(self, message, filename=None, lineno=None):
        super().__init__(message)
        self.filename = filename
        self.lineno = lineno


def where():
    """(file, line) of the user's code that is running; None: there is none."""
    frame = sys._getframe(1)
    while frame and frame.f_globals.get("__name__", "").startswith("jiffi."):
        frame = frame.f_back
    return (frame.f_code.co_filename, frame.f_lineno) if frame else None


def trace_error(message, place=None):
    """A TraceError that begins with file, line and what stands there."""
    place = place or where()
    if not place:
        return TraceError(message)
    text = linecache.getline(*place).strip()
    return TraceError("%s:%d: %s%s" % (place[0], place[1],
                                       "`%s`: " % text if text else "", message), *place)


def _refuse(what, hint):
    def method(self, *args, **kwds):
        raise trace_error("%s needs a value that is known only when the function is "
                          "called%s" % (what, hint))

    return method


_WHERE = ": write ffi.where(condition, a, b) for a value that depends on a condition"
_CAST = ": write ffi.cast(\"double\", x) or ffi.cast(\"long\", x)"


def _binary(name, swap=False):
    def method(self, other):
        return self._tracer.arith(name, other, self) if swap else \
            self._tracer.arith(name, self, other)

    return method


def _compare(sign):
    def method(self, other):
        return self._tracer.compare(sign, self, other)

    return method


def _unary(name):
    def method(self):
        return self._tracer.unary(name, self)

    return method


class Traced:
    """A value of a program: a number, a pointer or what C knows of it."""

    __slots__ = ("_tracer", "_node", "__weakref__")

    def __init__(self, tracer, node):
        object.__setattr__(self, "_tracer", tracer)
        object.__setattr__(self, "_node", node)

    def __repr__(self):
        ctype = self._node.ctype
        return "<traced %s>" % (repr(ctype.cname) if ctype else
                                self._node.num.kind if self._node.num else "value")

    # --- what cannot be known yet

    __bool__ = _refuse("a branch", _WHERE)
    __float__ = _refuse("float(), or a function that takes Python's floats,", _CAST)
    __int__ = __trunc__ = _refuse("int()", _CAST)
    __index__ = _refuse("an index, or a function that takes Python's ints,", _CAST)
    __round__ = _refuse("round()", _CAST)
    __floor__ = __ceil__ = _refuse("rounding", ": x // 1, or C's floor()")
    __complex__ = _refuse("complex()", "")
    __str__ = _refuse("str()", "")
    __format__ = _refuse("formatting", "")
    __bytes__ = _refuse("bytes()", "")
    __hash__ = _refuse("a hash", "")
    __len__ = _refuse("len()", "")
    __iter__ = _refuse("iteration", "")
    __contains__ = _refuse("'in'", "")
    __enter__ = _refuse("'with'", "")
    __reduce_ex__ = _refuse("copying or pickling", "")

    # --- arithmetic

    __add__, __radd__ = _binary("add"), _binary("add", True)
    __sub__, __rsub__ = _binary("sub"), _binary("sub", True)
    __mul__, __rmul__ = _binary("mul"), _binary("mul", True)
    __truediv__, __rtruediv__ = _binary("div"), _binary("div", True)
    __floordiv__, __rfloordiv__ = _binary("floordiv"), _binary("floordiv", True)
    __mod__, __rmod__ = _binary("floormod"), _binary("floormod", True)
    __and__, __rand__ = _binary("and"), _binary("and", True)
    __or__, __ror__ = _binary("or"), _binary("or", True)
    __xor__, __rxor__ = _binary("xor"), _binary("xor", True)
    __lshift__, __rlshift__ = _binary("shl"), _binary("shl", True)
    __rshift__, __rrshift__ = _binary("shr"), _binary("shr", True)
    __neg__, __invert__, __abs__ = _unary("neg"), _unary("not"), _unary("abs")

    def __pos__(self):
        return self._tracer.arith("add", self, 0)

    def __pow__(self, other, modulo=None):
        if modulo is not None:
            raise trace_error("pow() with three arguments cannot be traced")
        return self._tracer.power(self, other)

    def __rpow__(self, other):
        return self._tracer.power(other, self)

    def __divmod__(self, other):
        return self // other, self % other

    def __rdivmod__(self, other):
        return other // self, other % self

    __eq__, __ne__ = _compare("=="), _compare("!=")
    __lt__, __le__ = _compare("<"), _compare("<=")
    __gt__, __ge__ = _compare(">"), _compare(">=")

    # --- C

    def _cast(self, ctype):
        """ffi.cast(ctype, self)."""
        return self._tracer.cast(ctype, self)

    def _addressof(self, path):
        """ffi.addressof(self, *path)."""
        if not path:
            raise TypeError("addressof(): expected a struct, an array or a pointer and a "
                            "path, not %r" % self)
        return self._place(0)._step(path, True)

    def _place(self, index):
        """What self[index] is, self being a pointer to data."""
        ctype = self._node.ctype
        if ctype is None:
            raise trace_error("the type of %s is not known yet: give the function a "
                              "signature" % self._tracer.name_of(self))
        if ctype.kind != "pointer" or kind(ctype.item)[2] < 0:
            raise TypeError("cdata of type '%s' cannot be indexed" % ctype.cname)
        return Place(Root(self._tracer, None, self._node), 0, ctype.item)._at(index, ctype.item)

    def __getitem__(self, index):
        return self._place(index)._read()

    def __setitem__(self, index, value):
        self._place(index)._write(value)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self._place(0)._field(name)._read()

    def __setattr__(self, name, value):
        self._place(0)._field(name)._write(value)

    def __call__(self, *args):
        raise trace_error("a function whose address is known only when the fused function "
                          "is called cannot be called in it")


class Root:
    """Where places are: at an address, or in a value (both nodes, one at a time)."""

    __slots__ = ("tracer", "value", "address", "__weakref__")

    def __init__(self, tracer, value, address):
        self.tracer, self.value, self.address = tracer, value, address

    def fixed(self):
        """The address, whatever it was before."""
        if self.address is None:
            self.address = self.tracer.add("address", (self.value,))
        return self.address


class Place:
    """A typed place, `offset` bytes from its root."""

    __slots__ = ("root", "offset", "ctype")

    def __init__(self, root, offset, ctype):
        self.root, self.offset, self.ctype = root, offset, ctype

    def _read(self):
        """Its value: a number or pointer as it is now, a struct or array as the place."""
        tracer, cls = self.root.tracer, kind(self.ctype)[1]
        if cls == "record":
            return TracedRecord(tracer, self)
        if cls == "array":
            return TracedArray(tracer, self)
        return tracer.wrap(self._node())

    def _node(self):
        """A node with the value as it is now."""
        root = self.root
        if root.address is None and self.offset == 0 and root.value.ctype is self.ctype:
            return root.value
        op, of = ("part", root.value) if root.address is None else ("load", root.address)
        return root.tracer.add(op, (of,), self.offset, self.ctype)

    def _write(self, value):
        self.root.tracer.store(self.root.fixed(), self.offset, self.ctype, value)

    def _field(self, name):
        ctype = self.ctype
        field = dict(ctype.fields or ()).get(name) if ctype.kind in ("struct", "union") \
            else None
        if field is None:
            raise AttributeError("cdata '%s' has no field '%s'" % (ctype.cname, name))
        if field.bitsize >= 0:
            raise trace_error("'%s' is a bit-field: that cannot be traced" % name)
        return Place(self.root, self.offset + field.offset, field.type)

    def _at(self, index, item):
        """The item number `index` from here on."""
        size = kind(item)[2]
        if isinstance(index, Traced):
            tracer = self.root.tracer
            at = tracer.node_of(index)
            tracer.want_integer(at, "an index")
            base = tracer.pointer_to(self)
            return Place(Root(tracer, None, tracer.add("index", (base, at), size)), 0, item)
        offset = self.offset + operator.index(index) * size
        if not 0 <= offset < 1 << 31:  # negative ones: from an address of its own
            tracer = self.root.tracer
            at = tracer.number(operator.index(index))
            base = tracer.pointer_to(self)
            return Place(Root(tracer, None, tracer.add("index", (base, at), size)), 0, item)
        return Place(self.root, offset, item)

    def _step(self, path, first=False):
        """The address at the end of a path of names and numbers."""
        place = self
        for step in path:
            if isinstance(step, str):
                place = place._field(step)
            elif kind(place.ctype)[1] == "array":
                place = place._at(step, place.ctype.item)
            elif first:
                place = place._at(step, place.ctype)
            else:
                raise TypeError("cdata '%s' has no items" % place.ctype.cname)
            first = False
        tracer = self.root.tracer
        return tracer.wrap(tracer.pointer_to(place, _jiffi._pointer_to(place.ctype)))


class TracedRecord(Traced):
    """A struct or union, by value or in memory: its fields are read and written."""

    __slots__ = ("_where",)

    def __init__(self, tracer, place):
        object.__setattr__(self, "_tracer", tracer)
        object.__setattr__(self, "_where", place)

    def __repr__(self):
        return "<traced %r>" % self._where.ctype.cname

    @property
    def _node(self):
        return self._where._node()

    def _addressof(self, path):
        return self._where._step(path)

    def __getitem__(self, index):
        raise TypeError("cdata of type '%s' cannot be indexed" % self._where.ctype.cname)

    __setitem__ = __getitem__

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self._where._field(name)._read()

    def __setattr__(self, name, value):
        self._where._field(name)._write(value)


class TracedArray(TracedRecord):
    """An array in memory or in a struct; passed on, the address of its first item."""

    __slots__ = ()

    @property
    def _node(self):
        tracer, place = self._tracer, self._where
        return tracer.pointer_to(place, _jiffi._pointer_to(place.ctype.item))

    def __len__(self):
        if self._where.ctype.length is None:
            raise trace_error("the length of '%s' is not known" % self._where.ctype.cname)
        return self._where.ctype.length

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index):
        return self._item(index)._read()

    def __setitem__(self, index, value):
        self._item(index)._write(value)

    def _item(self, index):
        ctype = self._where.ctype
        if not isinstance(index, Traced):
            i = operator.index(index)
            if i < 0 or (ctype.length is not None and i >= ctype.length):
                raise IndexError("index %d outside '%s'" % (i, ctype.cname))
        return self._where._at(index, ctype.item)

    def __getattr__(self, name):
        raise AttributeError("cdata '%s' has no field '%s'" % (self._where.ctype.cname, name))

    def __setattr__(self, name, value):
        self.__getattr__(name)


_jiffi._traced_type(Traced)
