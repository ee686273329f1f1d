# SPDX-License-Identifier: MIT
"""FFI.fuse(): a Python function that calls C functions, run once and written down.

The extension's _trace() runs the function while every call of a C function goes to the
Tracer here, which adds a node and returns a Traced for the result. What the function
does with those becomes nodes too; _program.py makes tuples of them, and the extension a
C function of those (_fuse()).
"""

import gc
import inspect
import math
import operator

from . import _jiffi
from ._program import Emitter, Node, kind, num_of_value
from ._traced import (Place, Root, TraceError, Traced, TracedArray, TracedRecord,
                      trace_error, where)

_math = []  # [FFI, library], once it is needed


def _pow():
    """C's pow(), which is what Python's float ** is made of."""
    if not _math:
        ffi = _jiffi.FFI(gil="hold")
        ffi.cdef("double pow(double x, double y);")
        try:
            lib = ffi.dlopen(None)
            lib.pow
        except AttributeError:
            lib = ffi.dlopen("m")
        _math.extend((ffi, lib))
    return _jiffi._callee(_math[1].pow)[0]


class Tracer:
    """Writes down one program. `name` is for messages."""

    def __init__(self, ffi, name):
        self.ffi = ffi
        self.name = name
        self.nodes = []
        self.callees = []  # function-pointer cdata
        self.names = {}  # of callees, by number
        self.params = []  # (node, name)
        self.specs = {}  # param node -> its type as _fuse() takes it
        self.consts = {}

    # --- nodes

    def add(self, op, args=(), data=None, ctype=None, num=None):
        node = Node(op, args, data, ctype, num)
        if node.is_open and op not in ("call", "store"):
            node.where = where()
            if args:
                node.settle()
        self.nodes.append(node)
        return node

    def wrap(self, node):
        if node.ctype is not None:
            cls = kind(node.ctype)[1]
            if cls == "record":
                return TracedRecord(self, Place(Root(self, node, None), 0, node.ctype))
            if cls == "array":
                return TracedArray(self, Place(Root(self, node, None), 0, node.ctype))
        return Traced(self, node)

    def param(self, name, ctype=None):
        node = self.add("param", (), len(self.params), ctype)
        self.params.append((node, name))
        return self.wrap(node)

    def number(self, value):
        """Node of a Python number."""
        key = type(value), value, str(value)
        if key not in self.consts:
            self.consts[key] = self.add("num", (), value, None, num_of_value(value))
        return self.consts[key]

    def node_of(self, value):
        """The node of a Traced, or of a number; None for everything else."""
        if isinstance(value, Traced):
            if value._tracer is not self:
                raise trace_error("%r belongs to another function or batch" % (value,))
            return value._node
        if isinstance(value, (int, float)):
            return self.number(value)
        if hasattr(type(value), "__index__") and not _is_cdata(value):
            return self.number(operator.index(value))
        return None

    def name_of(self, traced):
        for node, name in self.params:
            if node is traced._node:
                return "parameter '%s' of %s()" % (name, self.name)
        return "this"

    # --- types that are open

    def want(self, node, ctype, spec=None):
        """An open node goes where C has `ctype`: so have the parameters behind it."""
        if node.op == "param":
            self.settle(node, ctype, spec)
            return
        wide, cls = ctype, kind(ctype)[1]
        if cls not in ("int", "enum", "bool", "float"):
            raise trace_error("what is computed here goes where C has '%s', but the type of "
                              "a parameter in it is not known yet: give the function a "
                              "signature" % ctype.cname)
        if cls == "float":
            wide = self.ffi.typeof("double")
        elif cls in ("int", "enum", "bool") and kind(ctype)[2] < 8:
            wide = self.ffi.typeof("int64_t")
        todo = [node]
        while todo:
            n = todo.pop()
            if n.op == "param" and n.is_open:
                self.settle(n, wide, None, False)
            elif n.op == "select":
                todo.extend(n.args[1:])
            elif n.op == "arith" and n.is_open:
                todo.extend(n.args)
        self.settle_all()

    def settle(self, node, ctype, spec=None, all_of_them=True):
        node.__init__("param", (), node.data, ctype)
        if spec:
            self.specs[node] = spec
        if all_of_them:
            self.settle_all()

    def settle_all(self):
        for n in self.nodes:
            if n.is_open and n.args:
                try:
                    n.settle()
                except TypeError as e:
                    raise trace_error(str(e), n.where) from None

    def want_integer(self, node, what):
        if node.is_open:
            self.want(node, self.ffi.typeof("int64_t"))
        if node.num is None or node.num.is_float:
            raise TypeError("%s must be an integer, not %r" % (what, Traced(self, node)))

    # --- arithmetic

    def _operands(self, *values):
        """Nodes that are numbers or open; None: something else."""
        nodes = []
        for v in values:
            n = self.node_of(v)
            if n is None or isinstance(v, TracedRecord):
                return None
            if not n.is_open and n.num is None:
                return None
            nodes.append(n)
        return nodes

    def _is_pointer(self, value):
        if isinstance(value, TracedArray):
            return True
        return isinstance(value, Traced) and not isinstance(value, TracedRecord) and \
            value._node.ctype is not None and kind(value._node.ctype)[1] == "pointer"

    def arith(self, name, a, b):
        if self._is_pointer(a) or self._is_pointer(b):
            return self._pointer_arith(name, a, b)
        nodes = self._operands(a, b)
        if nodes is None:
            return NotImplemented
        if name in ("shl", "shr") and nodes[1].op == "num" and nodes[1].data < 0:
            raise ValueError("negative shift count")
        return self.wrap(self.add("arith", tuple(nodes), (name, None)))

    def unary(self, name, a):
        nodes = self._operands(a)
        if nodes is None:
            raise TypeError("bad operand type for unary operator: %r" % (a,))
        return self.wrap(self.add("arith", tuple(nodes), (name, None)))

    def power(self, a, b):
        nodes = self._operands(a, b)
        if nodes is None:
            return NotImplemented
        base, exponent = nodes
        constant = exponent.data if exponent.op == "num" else None
        if isinstance(constant, int) and (base.num is None or not base.num.is_float):
            if constant > 64:
                raise trace_error("the exponent %d is too large: 64 at most" % constant)
            return self.wrap(self.add("arith", (base, exponent), ("pow", int(constant))))
        floats = [n for n in nodes if n.num is not None and n.num.is_float]
        if not floats:
            raise trace_error("** of integers needs a constant exponent")
        return self.wrap(self.add("arith", (base, exponent), ("pow", None)))

    def _pointer_arith(self, name, a, b):
        if name == "sub" and self._is_pointer(a) and self._is_pointer(b):
            x, y = self.node_of(a), self.node_of(b)
            if x.ctype is not y.ctype:
                raise TypeError("cannot subtract cdata '%s' and cdata '%s'"
                                % (x.ctype.cname, y.ctype.cname))
            word = self.ffi.typeof("intptr_t")
            bytes_ = self.cast(word, Traced(self, x)) - self.cast(word, Traced(self, y))
            return bytes_ // kind(x.ctype.item)[2]
        if name == "add" and self._is_pointer(b):
            a, b = b, a
        pointer, i = self.node_of(a), self.node_of(b)
        if name not in ("add", "sub") or i is None or self._is_pointer(b):
            return NotImplemented
        size = kind(pointer.ctype.item)[2]
        if size < 0:
            raise TypeError("ctype '%s' points to items of unknown size"
                            % pointer.ctype.cname)
        self.want_integer(i, "what is added to a pointer")
        if name == "sub":
            i = (-Traced(self, i))._node
        return self.wrap(self.add("index", (pointer, i), size, pointer.ctype))

    def compare(self, sign, a, b):
        if self._is_pointer(a) or self._is_pointer(b):
            x = self.node_of(a)
            y = self.node_of(b) if self._is_pointer(b) else \
                self.pin(None, None, x.ctype, b) if _is_pointer_cdata(b) else None
            if y is None:
                return NotImplemented
            return self.wrap(self.add("compare", (x, y), sign,
                                         None, num_of_value(True)))
        nodes = self._operands(a, b)
        if nodes is None:
            return NotImplemented
        return self.wrap(self.add("compare", tuple(nodes), sign, None,
                                     num_of_value(True)))

    def select(self, cond, a, b):
        test = self.node_of(cond)
        if test is None:
            return a if cond else b
        x, y = self.node_of(a), self.node_of(b)
        if x is None and y is not None and y.ctype is not None:
            x = self.coerce(a, y.ctype, "ffi.where()")
        elif y is None and x is not None and x.ctype is not None:
            y = self.coerce(b, x.ctype, "ffi.where()")
        if x is None or y is None:
            raise trace_error("ffi.where(): %r or %r is no value of C" % (a, b))
        ctype = x.ctype if x.ctype is y.ctype else None
        for n in (x, y):
            if ctype is None and not n.is_open and n.num is None:
                raise TypeError("ffi.where(): %r and %r are not of one type" % (a, b))
        if isinstance(cond, TracedRecord):
            raise TypeError("ffi.where(): the condition is %r" % (cond,))
        return self.wrap(self.add("select", (test, x, y), None, ctype))

    # --- C values

    def cast(self, ctype, value):
        node = self.node_of(value)
        cls = kind(ctype)[1]
        if node.is_open:
            raise trace_error("the type of what is cast is not known yet: give the "
                              "function a signature")
        from_ = kind(node.ctype)[1] if node.ctype is not None else "number"
        fits = cls in ("int", "enum", "bool", "float", "char") if node.num is not None else \
            cls in ("int", "enum", "pointer") if from_ == "pointer" else \
            cls in ("int", "enum", "char") if from_ == "char" else False
        if cls == "pointer" and node.num is not None:
            fits = not node.num.is_float
        if not fits or kind(ctype)[0] == "block":
            raise trace_error("%r cannot be cast to '%s'" % (value, ctype.cname))
        return self.wrap(self.add("cast", (node,), None, ctype))

    def pin(self, fn, i, ctype, value):
        """Node of a value that is the same at every call."""
        pin = _pin(fn, i, ctype, value)
        return self.add("pin", (), pin, pin.ctype)

    def pointer_to(self, place, ctype=None):
        """Node of the address of a place, as `ctype`."""
        node = place.root.fixed()
        if place.offset:
            node = self.add("index", (node, self.number(place.offset)), 1, ctype or _void_p)
        if ctype is not None and node.ctype is not ctype:
            node = self.add("decay", (node,), None, ctype)
        return node

    def store(self, address, offset, ctype, value):
        if _has_traced(value) and not isinstance(value, Traced) or \
                kind(ctype)[1] == "array":
            self.fill(Root(self, None, address), offset, ctype, value)
            return
        node = self.coerce(value, ctype, "assignment")
        self.add("store", (address, node), (offset, ctype))

    def fill(self, root, offset, ctype, init):
        """What an initialiser with traced values in it says."""
        place = Place(root, offset, ctype)
        if isinstance(init, dict):
            pairs = [(place._field(k), v) for k, v in init.items()]
        elif isinstance(init, (list, tuple)) and ctype.kind in ("struct", "union"):
            names = [n for n, f in ctype.fields][:1 if ctype.kind == "union" else None]
            if len(init) > len(names):
                raise ValueError("too many initializers for '%s' (got %d)"
                                 % (ctype.cname, len(init)))
            pairs = [(place._field(n), v) for n, v in zip(names, init)]
        elif isinstance(init, (list, tuple)) and ctype.kind == "array":
            if ctype.length is not None and len(init) > ctype.length:
                raise IndexError("too many initializers for '%s' (got %d)"
                                 % (ctype.cname, len(init)))
            pairs = [(place._at(i, ctype.item), v) for i, v in enumerate(init)]
        else:
            raise trace_error("'%s' cannot be set from %s" % (ctype.cname,
                                                              type(init).__name__))
        for to, value in pairs:
            to._write(value)

    def coerce(self, value, ctype, what, fn=None, i=None):
        """Node of `value` as C gets it where it has `ctype`, as a call converts it:
        a parameter of `fn`, or `what`."""
        if not isinstance(value, Traced) and _has_traced(value):
            if kind(ctype)[1] != "record":
                raise trace_error("%s: a list of traced values is no '%s'"
                                  % (what, ctype.cname))
            root = Root(self, None, self.add("local", (), kind(ctype)[2:], _void_p))
            self.fill(root, 0, ctype, value)
            return Place(root, 0, ctype)._node()
        if not isinstance(value, Traced):
            cls = kind(ctype)[1]
            if not isinstance(value, (int, float)) or \
                    cls not in ("int", "enum", "bool", "float"):
                return self.pin(fn, i, ctype, value)
            _pin(fn, i, ctype, value)  # the exceptions of a call
            return self.number(float(value) if cls == "float" else value)
        node = self.node_of(value)
        if node.is_open:
            self.want(node, ctype, (fn, i) if fn is not None else None)
        cls, num = kind(ctype)[1], node.num
        if num is not None and not isinstance(value, TracedRecord):
            if cls in ("int", "enum", "bool") and not num.is_float or cls == "float":
                return node
        elif cls == "pointer" and kind(node.ctype)[1] == "pointer":
            dummy = self.ffi.cast(node.ctype, 0)
            _pin(fn, i, ctype, dummy)  # TypeError where a call would raise it
            return node
        elif node.ctype is ctype and ctype.kind != "array":
            return node
        raise TypeError("%s: %s expected, got %r%s" % (
            what, "'%s'" % ctype.cname, value,
            ": write ffi.cast(\"%s\", x)" % ctype.cname
            if num is not None and num.is_float and cls in ("int", "enum") else ""))

    # --- what the extension tells while a function runs

    def call(self, fn, args):
        """lib.fn(*args)."""
        fn, name = _jiffi._callee(fn)
        ctype = self.ffi.typeof(fn)
        params = ctype.args
        if len(args) != len(params):
            raise TypeError("%s(): '%s' expects %d arguments, got %d"
                            % (name, ctype.cname, len(params), len(args)))
        nodes = tuple(
            self.coerce(v, t, "%s() argument %d" % (name, i + 1), fn, i)
            for i, (v, t) in enumerate(zip(args, params)))
        number = self.number_of(fn)
        result = None if ctype.result.kind == "void" else ctype.result
        node = self.add("call", nodes, (number, params), result)
        return None if result is None else self.wrap(node)

    def number_of(self, fn):
        for i, known in enumerate(self.callees):
            if known is fn:
                return i
        self.callees.append(fn)
        return len(self.callees) - 1

    def new(self, ctype, init):
        """ffi.new(ctype, init): memory that lives until the function returns."""
        item = ctype.item if ctype.kind == "pointer" else ctype
        word, cls, size, align = kind(item)
        if ctype.kind not in ("pointer", "array") or size <= 0:
            raise trace_error("ffi.new(\"%s\"): only memory of a fixed size can be traced"
                              % ctype.cname)
        if size > 1 << 16:
            raise trace_error("ffi.new(\"%s\"): %d bytes are too many for a fused function"
                              % (ctype.cname, size))
        node = self.add("local", (), (size, max(align, 1)),
                        ctype if ctype.kind == "pointer" else _void_p)
        if init is not None:
            if _has_traced(init):
                self.store(node, 0, item, init)
            else:
                source = self.ffi.new(ctype, init)  # the bytes it would have
                self._copy(node, source, item)
        if ctype.kind == "array":
            return TracedArray(self, Place(Root(self, None, node), 0, ctype))
        return self.wrap(node)

    def _copy(self, address, source, item):
        """The bytes at `source`, which nobody changes, to a local."""
        cls = kind(item)[1]
        if cls not in ("array", "record"):
            self.store(address, 0, item, source[0])
            return
        root = Root(self, None, self.pin(None, None, _void_p, source))
        if cls == "record":
            self.add("store", (address, self.add("load", (root.address,), 0, item)), (0, item))
            return
        for i in range(item.length):
            at = i * kind(item.item)[2]
            if kind(item.item)[1] == "array":
                raise trace_error("ffi.new(\"%s\") with an initialiser cannot be traced"
                                  % item.cname)
            value = self.add("load", (root.address,), at, item.item)
            self.add("store", (address, value), (at, item.item))

    # --- the end

    def infer(self):
        """Types of parameters that went to no C function, by what they are combined
        with; TraceError for those that remain."""
        for n in self.nodes:
            if n.op not in ("arith", "compare"):
                continue
            for a, b in (n.args, n.args[::-1]) if len(n.args) == 2 else ():
                if a.is_open and b.num is not None and (b.num.is_float or b.op != "num"):
                    self.want(a, self.ffi.typeof("double" if b.num.is_float else "int64_t"))
        for node, name in self.params:
            if node.is_open:
                raise TraceError(
                    "the type of parameter '%s' of %s() is not known, it goes to no C "
                    "function: give a signature, as in ffi.fuse(\"double(double x, int n)\")"
                    % (name, self.name))

    def ctype_of(self, node):
        """The C type of a result without a declared one."""
        if node.ctype is not None:
            return node.ctype
        return self.ffi.typeof("double" if node.num.is_float else "_Bool" if
                               node.num.is_bool else
                               "int64_t" if node.num.kind == "i64" else "uint64_t")

    def emit(self):
        out = Emitter(self.callees, _pow)
        for node in self.nodes:
            out.emit(node)
        return out


_any_ffi = _jiffi.FFI()
_void_p = _any_ffi.typeof("void *")


def _pin(fn, i, ctype, value):
    return _jiffi._pin(fn, i, value) if fn is not None else _jiffi._pin(ctype, value)


def _is_cdata(value):
    return isinstance(value, _jiffi.FFI.CData)


def _is_pointer_cdata(value):
    return _is_cdata(value) and _any_ffi.typeof(value).kind in ("pointer", "array")


def _has_traced(value):
    if isinstance(value, Traced):
        return True
    if isinstance(value, dict):
        return any(_has_traced(v) for v in value.values())
    return isinstance(value, (list, tuple)) and any(_has_traced(v) for v in value)


# --- ffi.fuse() -----------------------------------------------------------------------


def _parameters(function):
    """Names of the parameters without a default; TypeError for what C has not."""
    names = []
    for p in inspect.signature(function).parameters.values():
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise TypeError("ffi.fuse(): C functions have no parameters like '%s'" % p)
        if p.default is not p.empty:
            continue
        if p.kind == p.KEYWORD_ONLY:
            raise TypeError("ffi.fuse(): C functions have no keyword-only parameters "
                            "like '%s'" % p.name)
        names.append(p.name)
    return names


def _name(function):
    name = getattr(function, "__name__", type(function).__name__)
    return name if name.isidentifier() and name.isascii() else "fused"


def _declared(ffi, signature, names, name):
    """(result, parameters) of a signature; (None, Nones) without one."""
    if signature is None:
        return None, [None] * len(names)
    ctype = _jiffi._signature(ffi, signature)
    if len(ctype.args) != len(names):
        raise TypeError("ffi.fuse(): the signature has %d parameters, %s() has %d"
                        % (len(ctype.args), name, len(names)))
    return ctype.result, list(ctype.args)


def _result(tracer, value, declared):
    """(ctype, node or None) of what the function returned."""
    is_void = declared is not None and declared.kind == "void"
    if value is None or is_void:
        if value is not None or not (is_void or declared is None):
            raise TypeError("%s() returns %s, its signature says '%s'"
                            % (tracer.name, "nothing" if value is None else "a value",
                               declared.cname))
        return tracer.ffi.typeof("void"), None
    what = "result of %s()" % tracer.name
    if isinstance(value, Traced) or isinstance(value, (int, float)):
        node = tracer.node_of(value)
        if declared is None:
            if node.is_open:
                tracer.infer()
            declared = tracer.ctype_of(node)
    elif declared is None and _is_cdata(value):
        declared = tracer.ffi.typeof(value)
    elif declared is None:
        raise TraceError("%s must be a traced value, a constant or None, not %s"
                         % (what, type(value).__name__))
    node = tracer.coerce(value, declared, what)
    if _points_to_local(node):
        raise TraceError("%s points to memory from ffi.new(), which is gone when the "
                         "function returns" % what)
    return declared, node


def _points_to_local(node):
    while node.op in ("index", "decay"):
        node = node.args[0]
    return node.op in ("local", "address")


def _fuse(ffi, function, signature):
    names, name = _parameters(function), _name(function)
    result, types = _declared(ffi, signature, names, name)
    tracer = Tracer(ffi, name)
    args = tuple(tracer.param(n, t) for n, t in zip(names, types))
    collects = gc.isenabled()
    gc.disable()  # what it calls in this thread would become part of the function
    try:
        value = _jiffi._trace(tracer, function, args)
    finally:
        if collects:
            gc.enable()
    result, node = _result(tracer, value, result)
    tracer.infer()
    out = tracer.emit()
    if node is not None:
        out.put("result", out.convert(node, result))
    if signature is None:
        specs = []
        for p, _ in tracer.params:
            fn, i = tracer.specs.get(p, (None, None))
            specs.append(p.ctype if fn is None else (tracer.number_of(fn), i))
        signature = (result, *specs)
    fused = _jiffi._fuse(ffi, name, tuple(names), signature, tuple(out.ops),
                         tuple(tracer.callees), inspect.getdoc(function)
                         if inspect.isroutine(function) else None)
    try:
        fused.__module__ = function.__module__
    except AttributeError:
        pass
    return fused


def fuse(ffi, function=None, signature=None):
    """FFI.fuse(): see its documentation."""
    if isinstance(function, (str, _jiffi.FFI.CType)):
        if signature is not None:
            function, signature = signature, function
        else:
            function, signature = None, function
    if function is None:
        return lambda f: fuse(ffi, f, signature)
    if not callable(function):
        raise TypeError("ffi.fuse() takes a Python function, not %s"
                        % type(function).__name__)
    return _fuse(ffi, function, signature)


def fused_program(ffi, function):
    """FFI.fused_program(): the listing of a fused function."""
    known = _jiffi._fused_program(function)
    if known is None:
        raise TypeError("ffi.fused_program() takes a function from ffi.fuse(), not %r"
                        % (function,))
    return known[0]


def ffi_where(ffi, condition, a, b):
    """FFI.where(): a if condition else b."""
    for v in (condition, a, b):
        if isinstance(v, Traced):
            return v._tracer.select(condition, a, b)
    return a if condition else b
