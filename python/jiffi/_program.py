# SPDX-License-Identifier: MIT
"""Programs of C calls, as FFI.fuse() and FFI.batch() write them down: nodes, the
numbers they stand for, and the tuples that the extension makes a function of.

A *node* is one step: a parameter, a constant, a call, a sum. Nodes stand in a list in
the order in which they happened, each names earlier ones. What type a node has is
known when it is made, except behind a parameter whose type is still open.

Numbers are Python's, as far as 64 bits go. A node that is an integer carries the
range it can have, found from the C types it comes from: what cannot be negative and
may be 2^63 or more is worked out unsigned, everything else signed.
"""

from . import _jiffi

I64 = (-(1 << 63), (1 << 63) - 1)
U64 = (0, (1 << 64) - 1)
_WRAPPING = ("add", "sub", "mul", "and", "or", "xor", "shl", "neg", "not", "pow")
_UNARY = ("shr", "abs")  # not wrapping, by the kind of their first operand
_BITS = ("and", "or", "xor", "shl", "shr", "not")
_kinds = {}  # ctype -> (kind, class, size, align)


def kind(ctype):
    """How its values travel: (word or None, class, bytes or -1, alignment). Class is
    int, enum, bool, float, char, pointer, record, array, void or other."""
    known = _kinds.get(ctype)
    if known is None:
        if len(_kinds) > 1000:
            _kinds.clear()
        known = _jiffi._kind(ctype)
        if known[2] >= 0 or known[1] == "void":
            _kinds[ctype] = known
    return known


class Num:
    """A number: float, or an integer from lo to hi; is_bool: True or False."""

    __slots__ = ("is_float", "is_bool", "lo", "hi")

    def __init__(self, lo=0, hi=0, is_float=False, is_bool=False):
        self.lo, self.hi, self.is_float, self.is_bool = lo, hi, is_float, is_bool

    @property
    def kind(self):
        """The kind it is worked out in."""
        if self.is_float:
            return "f64"
        return "u64" if self.lo >= 0 and self.hi > I64[1] else "i64"


FLOAT = Num(is_float=True)
BOOL = Num(0, 1, is_bool=True)


def num_of_ctype(ctype):
    """The Num of a ctype's values; None: they are no numbers."""
    word, cls, size, _ = kind(ctype)
    if cls == "float":
        return FLOAT
    if cls == "bool":
        return BOOL
    if cls not in ("int", "enum"):
        return None
    bits = 8 * size
    return Num(0, (1 << bits) - 1) if word[0] == "u" else Num(-(1 << bits - 1),
                                                            (1 << bits - 1) - 1)


def num_of_value(value):
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, float):
        return FLOAT
    if not I64[0] <= value <= U64[1]:
        raise OverflowError("the integer %d does not fit 64 bits" % value)
    return Num(value, value)


def common(*nums):
    """The kind in which integers of all these ranges are compared and divided."""
    lo, hi = min(n.lo for n in nums), max(n.hi for n in nums)
    return "u64" if lo >= 0 and hi > I64[1] else "i64"


def _clamp(lo, hi, word=None):
    word = word or ("u64" if lo >= 0 and hi > I64[1] else "i64")
    low, high = U64 if word == "u64" else I64
    return Num(low, high) if lo > high or hi < low else Num(max(lo, low), min(hi, high))


def _mask(*nums):
    """2^k - 1 for the least k that holds all their values without signs."""
    widest = max(max(n.hi, ~n.lo if n.lo < 0 else 0) for n in nums)
    return (1 << widest.bit_length()) - 1


def _range(op, a, b):
    """(lo, hi) of integers a op b, without any limit."""
    if op == "add":
        return a.lo + b.lo, a.hi + b.hi
    if op == "sub":
        return a.lo - b.hi, a.hi - b.lo
    if op == "mul":
        ends = [x * y for x in (a.lo, a.hi) for y in (b.lo, b.hi)]
        return min(ends), max(ends)
    if op == "neg":
        return -a.hi, -a.lo
    if op == "not":
        return ~a.hi, ~a.lo
    if op == "abs":
        return 0, max(a.hi, -a.lo)
    if op == "floordiv":
        if a.lo >= 0 and b.lo >= 0:
            return 0, a.hi
        most = max(a.hi, -a.lo)
        return -most, most
    if op == "floormod":
        return min(b.lo + 1, 0), max(b.hi - 1, 0)
    if op == "and" and max(a.lo, b.lo) >= 0:
        return 0, min(n.hi for n in (a, b) if n.lo >= 0)
    if op in ("and", "or", "xor"):
        mask = _mask(a, b)
        return (0 if min(a.lo, b.lo) >= 0 else -mask - 1), mask
    if op == "shl":
        most = min(max(b.hi, 0), 64)
        return min(a.lo, a.lo << most), max(a.hi, a.hi << most)
    assert op == "shr"
    least = min(b.lo, 64) if b.lo == b.hi and b.lo >= 0 else 0
    return a.lo >> least, a.hi >> least if a.hi >= 0 else -1


def arith_num(op, a, b, exponent=None):
    """The Num of a op b; TypeError where Python has none."""
    if op == "div":
        return FLOAT
    if a.is_float or (b is not None and b.is_float):
        if op in _BITS:
            raise TypeError("floats have no bits: ~ & | ^ << >> are for integers")
        return FLOAT
    if op == "pow":
        if exponent is None or exponent < 0:
            return FLOAT
        most = max(a.hi, -a.lo) ** exponent
        least = -most if a.lo < 0 and exponent % 2 else 0
        return _clamp(least, most)
    if op in ("and", "or", "xor") and a.is_bool and b.is_bool:
        return BOOL
    lo, hi = _range(op, a, b)
    return _clamp(lo, hi, None if op in _WRAPPING else
                  common(a) if op in _UNARY else common(a, b))


class Node:
    """One step.

    op      param, num, pin, call, arith, compare, select, cast, load, store, part,
            local, address, index, decay
    args    earlier nodes; data: what else the step needs
    ctype   of its value, if a C type is what it has
    num     its Num, if it is a number; a node without both is open, or gives nothing
    where   (file, line) in the user's function
    """

    __slots__ = ("op", "args", "data", "ctype", "num", "where", "__weakref__")

    def __init__(self, op, args=(), data=None, ctype=None, num=None, where=None):
        self.op, self.args, self.data = op, args, data
        self.ctype, self.num, self.where = ctype, num, where
        if ctype is not None and num is None:
            self.num = num_of_ctype(ctype)

    @property
    def is_open(self):
        return self.ctype is None and self.num is None

    def settle(self):
        """Find the Num of arithmetic whose operands are known by now."""
        nums = [n.num for n in self.args]
        if None in nums:
            return
        if self.op == "arith":
            name, exponent = self.data
            self.num = arith_num(name, nums[0], nums[1] if len(nums) > 1 else None,
                                 exponent)
        elif self.op == "select":
            _, a, b = nums
            if a.is_float or b.is_float:
                self.num = FLOAT
            elif a.is_bool and b.is_bool:
                self.num = BOOL
            else:
                self.num = _clamp(min(a.lo, b.lo), max(a.hi, b.hi))


class Emitter:
    """Nodes to tuples. `callees` may grow by functions that arithmetic needs."""

    def __init__(self, callees, pow_function):
        self.ops = []
        self.at = {}  # node -> (number of its op, kind)
        self.consts = {}
        self.callees = callees
        self.pow_function = pow_function

    def put(self, *op):
        self.ops.append(op)
        return len(self.ops) - 1

    def const(self, word, value):
        if word[0] == "f":
            value = float(value)
        key = word, value, str(value)  # 0.0 and -0.0 are equal
        if key not in self.consts:
            self.consts[key] = self.put("const", word, value)
        return self.consts[key]

    def value(self, node, word=None):
        """Number of the op that has this node's value, as kind `word`."""
        if node.op == "num":
            return self.const(word or node.num.kind, node.data)
        at, have = self.at[node]
        return at if word in (None, have) else self.put("cast", word, at)

    def truth(self, node):
        """1 or 0, i32."""
        word = self.at[node][1] if node.op != "num" else node.num.kind
        return self.put("compare", "!=", self.value(node, word), self.const(word, 0))

    def convert(self, node, ctype):
        """As a value of this C type."""
        word, cls = kind(ctype)[:2]
        if word == "block":
            return self.value(node)
        if cls == "bool" and not (node.ctype is ctype or node.num is BOOL):
            return self.put("cast", word, self.truth(node))
        return self.value(node, word)

    def emit(self, node):
        """The ops of one node, whose arguments are there."""
        made = getattr(self, "emit_" + node.op)(node)
        if made is not None:
            self.at[node] = made

    def emit_num(self, node):
        return None

    def emit_param(self, node):
        return self.put("param", node.data), kind(node.ctype)[0]

    def emit_pin(self, node):
        return self.put("pin", node.data), kind(node.ctype)[0]

    def emit_call(self, node):
        number, params = node.data
        args = tuple(self.convert(n, t) for n, t in zip(node.args, params))
        at = self.put("call", number, args)
        return (at, kind(node.ctype)[0]) if node.ctype is not None else None

    def emit_cast(self, node):
        return self.convert(node.args[0], node.ctype), kind(node.ctype)[0]

    emit_decay = emit_cast

    def emit_load(self, node):
        at = self.put("load", node.ctype, self.value(node.args[0]), node.data)
        return at, kind(node.ctype)[0]

    def emit_part(self, node):
        at = self.put("part", node.ctype, self.value(node.args[0]), node.data)
        return at, kind(node.ctype)[0]

    def emit_store(self, node):
        to, value = node.args
        offset, ctype = node.data
        self.put("store", self.value(to), offset, self.convert(value, ctype))

    def emit_local(self, node):
        return self.put("local", *node.data), "u64"

    def emit_address(self, node):
        return self.put("address", self.value(node.args[0])), "u64"

    def emit_index(self, node):
        pointer, i = node.args
        step = self.put("mul", self.value(i, "u64"), self.const("u64", node.data))
        return self.put("add", self.value(pointer), step), "u64"

    def emit_compare(self, node):
        a, b = node.args
        word = self.shared(a, b)
        return self.put("compare", node.data, self.value(a, word),
                        self.value(b, word)), "i32"

    def shared(self, a, b):
        if a.num is None:  # pointers
            return "u64"
        return "f64" if a.num.is_float or b.num.is_float else common(a.num, b.num)

    def emit_select(self, node):
        cond, a, b = node.args
        if node.ctype is not None:
            word = kind(node.ctype)[0]
            a, b = self.convert(a, node.ctype), self.convert(b, node.ctype)
        else:
            word = node.num.kind
            a, b = self.value(a, word), self.value(b, word)
        return self.put("select", self.value(cond), a, b), word

    def emit_arith(self, node):
        name, exponent = node.data
        word = node.num.kind
        if name == "pow":
            return self.power(node, exponent, word), word
        if not node.num.is_float and name not in _WRAPPING:
            word = common(*[n.num for n in node.args[:1 if name in _UNARY else 2]])
        a = self.value(node.args[0], word)
        if name == "abs":
            return self.absolute(a, word), word
        if len(node.args) == 1:
            return self.put(name, a), word
        if name in ("shl", "shr"):
            return self.shift(name, node, a, word), word
        return self.put(name, a, self.value(node.args[1], word)), word

    def absolute(self, a, word):
        below = self.put("compare", "<", a, self.const(word, 0))
        other = self.put("add", a, self.const(word, 0)) if word == "f64" else a
        return self.put("select", below, self.put("neg", a), other)  # -0.0 + 0.0 is 0.0

    def shift(self, name, node, a, word):
        count = node.args[1]
        if count.op == "num" and count.data > 63:
            if name == "shl" or word == "u64":
                return self.const(word, 0)
            return self.put("shr", a, self.const(word, 63))
        return self.put(name, a, self.value(count, word))

    def power(self, node, exponent, word):
        if word == "f64":
            number = len(self.callees)
            for i, f in enumerate(self.callees):
                if f is self.pow_function():
                    number = i
            if number == len(self.callees):
                self.callees.append(self.pow_function())
            return self.put("call", number, (self.value(node.args[0], "f64"),
                                             self.value(node.args[1], "f64")))
        base, result = self.value(node.args[0], word), None
        while exponent:
            if exponent & 1:
                result = base if result is None else self.put("mul", result, base)
            exponent >>= 1
            if exponent:
                base = self.put("mul", base, base)
        return self.const(word, 1) if result is None else result
