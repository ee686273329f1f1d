# SPDX-License-Identifier: MIT
"""Random C types, as C text and in the notation of describe.h.

The two are written side by side from one tree, so that a differential test needs
no parser. A `Random` is the only source of chance: a seed names a run.
"""

import copy

# Primitives: id in JF_PRIMS -> C spelling.
PRIMS = {
    "BOOL": "_Bool", "CHAR": "char", "SCHAR": "signed char",
    "UCHAR": "unsigned char", "SHORT": "short", "USHORT": "unsigned short",
    "INT": "int", "UINT": "unsigned", "LONG": "long", "ULONG": "unsigned long",
    "LLONG": "long long", "ULLONG": "unsigned long long", "FLOAT": "float",
    "DOUBLE": "double", "LDOUBLE": "long double", "INT128": "__int128",
    "UINT128": "unsigned __int128", "FLOAT16": "_Float16",
    "FLOAT128": "_Float128", "CFLOAT": "float _Complex",
    "CDOUBLE": "double _Complex", "CLDOUBLE": "long double _Complex",
}
INTS = ["CHAR", "SCHAR", "UCHAR", "SHORT", "USHORT", "INT", "UINT", "LONG",
        "ULONG", "LLONG", "ULLONG"]
FLOATS = ["FLOAT", "DOUBLE"]
RARE = ["LDOUBLE", "INT128", "UINT128", "FLOAT16", "FLOAT128", "CFLOAT",
        "CDOUBLE", "CLDOUBLE", "BOOL"]

# Enums: id of the type GNU C gives them -> their one enumerator.
ENUMS = {"INT": "-1", "UINT": "1", "ULLONG": "1ull << 40"}
PREAMBLE = "".join("enum e_%s { E_%s = %s };\n" % (k, k, v)
                   for k, v in ENUMS.items())
VECTORS = {("FLOAT", 2), ("FLOAT", 4), ("DOUBLE", 2), ("INT", 4), ("CHAR", 8),
           ("CHAR", 16), ("SHORT", 4), ("LLONG", 2)}
for _id, _n in sorted(VECTORS):
    PREAMBLE += "typedef %s v_%s_%d __attribute__((vector_size(%d * sizeof(%s))));\n" % (
        PRIMS[_id], _id, _n, _n, PRIMS[_id])


class Prim:
    def __init__(self, ident):
        self.id = ident

    def c(self, name):
        return "%s %s" % (PRIMS[self.id], name)

    def desc(self):
        return "i:" + self.id


class Enum:
    def __init__(self, ident):
        self.id = ident

    def c(self, name):
        return "enum e_%s %s" % (self.id, name)

    def desc(self):
        # an enum of 8 bytes is unsigned long on LP64 and unsigned long long
        # elsewhere: of one size, which is all that layout and plans ask
        return "e:" + self.id


class Ptr:
    def c(self, name):
        return "void *" + name

    def desc(self):
        return "p"


class Array:
    def __init__(self, n, of):
        self.n, self.of = n, of

    def c(self, name):
        return self.of.c("%s[%s]" % (name, "" if self.n is None else self.n))

    def desc(self):
        head = "f" if self.n is None else "a:%d" % self.n
        return head + " " + self.of.desc()


class Vector:
    def __init__(self, ident, n):
        self.id, self.n = ident, n

    def c(self, name):
        return "v_%s_%d %s" % (self.id, self.n, name)

    def desc(self):
        return "v:%d i:%s" % (self.n, self.id)


class Field:
    def __init__(self, name, type_, bits=-1, packed=0, align=0):
        self.name, self.type, self.bits = name, type_, bits
        self.packed, self.align = packed, align

    def c(self):
        attrs = []
        if self.packed:
            attrs.append("packed")
        if self.align:
            attrs.append("aligned(%d)" % self.align)
        tail = " __attribute__((%s))" % ", ".join(attrs) if attrs else ""
        name = self.name or ""
        if self.bits >= 0:
            return "%s : %d%s;" % (self.type.c(name), self.bits, tail)
        if not self.name:
            return "%s%s;" % (self.type.inline(), tail)
        return "%s%s;" % (self.type.c(name), tail)

    def desc(self):
        return "%s %d %d %d %s" % (self.name or "-", self.bits, self.packed,
                                   self.align, self.type.desc())


class Record:
    def __init__(self, number, kind, fields, packed=0, pack=0, align=0):
        self.number, self.kind, self.fields = number, kind, fields
        self.packed, self.pack, self.align = packed, pack, align

    def c(self, name):
        return "%s s%d %s" % (self.kind, self.number, name)

    def desc(self):
        return "s:%d" % self.number

    def body(self):
        attrs = []
        if self.packed:
            attrs.append("packed")
        if self.align:
            attrs.append("aligned(%d)" % self.align)
        return "{ %s }%s" % (" ".join(f.c() for f in self.fields),
                             " __attribute__((%s))" % ", ".join(attrs) if attrs else "")

    def inline(self):
        return "%s %s" % (self.kind, self.body())

    def inner(self):
        """Records that must be described before this one, inner ones first."""
        for f in self.fields:
            t = f.type
            while isinstance(t, Array):
                t = t.of
            if isinstance(t, Record):
                yield from t.inner()
                yield t, f.name is None

    def define(self):
        text = "%s s%d %s;" % (self.kind, self.number, self.body())
        if self.pack:
            text = "\n#pragma pack(push, %d)\n%s\n#pragma pack(pop)" % (self.pack, text)
        return text

    def describe(self):
        return "%s %d %d %d %d %d %s" % (
            self.kind, self.number, 4 if self.packed else 0, self.pack, self.align,
            len(self.fields), " ".join(f.desc() for f in self.fields))


class Program:
    """Records in the order in which C must see them."""

    def __init__(self):
        self.seen = set()
        self.text, self.notes = [], []

    def add(self, rec, anonymous=False):
        for inner, anon in rec.inner():
            self._one(inner, anon)
        self._one(rec, anonymous)

    def _one(self, rec, anonymous):
        if rec.number in self.seen:
            return
        self.seen.add(rec.number)
        if not anonymous:
            self.text.append(rec.define())
        self.notes.append(rec.describe())


class Maker:
    """Draws types. `allow`: rare primitives the target has; `big`: also fields
    that only layout can take (huge arrays, wide alignments)."""

    def __init__(self, rng, allow=(), vectors=False, big=False, width_long=64):
        self.rng, self.allow = rng, [p for p in RARE if p in allow]
        self.vectors, self.big, self.width_long = vectors, big, width_long
        self.next_record = 0

    def width(self, ident):
        return {"CHAR": 8, "SCHAR": 8, "UCHAR": 8, "SHORT": 16, "USHORT": 16,
                "INT": 32, "UINT": 32, "LLONG": 64, "ULLONG": 64, "BOOL": 1,
                }.get(ident, self.width_long)

    def scalar(self):
        r = self.rng.random()
        if r < 0.5:
            return Prim(self.rng.choice(INTS))
        if r < 0.75:
            return Prim(self.rng.choice(FLOATS))
        if r < 0.8:
            return Ptr()
        if r < 0.85:
            return Enum(self.rng.choice(sorted(ENUMS)))
        if self.vectors and r < 0.88:
            return Vector(*self.rng.choice(sorted(VECTORS)))
        return Prim(self.rng.choice(self.allow or INTS))

    def bitfield(self, name):
        rng = self.rng
        t = Enum(rng.choice(sorted(ENUMS))) if rng.random() < 0.1 else None
        if not t:
            t = Prim(rng.choice(INTS + ["BOOL"]))
        most = self.width(t.id)
        named = rng.random() < 0.8
        bits = rng.choice([1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 63, 64,
                           rng.randint(1, most)])
        bits = min(bits, most)
        if not named and rng.random() < 0.5:
            bits = 0
        return Field(name if named else None, t, bits)

    def array_of(self, depth):
        n = self.rng.choice([1, 1, 2, 2, 3, 4, 5, 7, 9])
        if self.rng.random() < 0.04:
            n = 0
        if self.big and self.rng.random() < 0.02:
            n = 100000
        of = self.record(depth + 1) if depth < 2 and self.rng.random() < 0.2 else self.scalar()
        if self.rng.random() < 0.1:
            of = Array(self.rng.randint(1, 3), of)
        return Array(n, of)

    def field(self, name, depth, last, pack):
        rng = self.rng
        r = rng.random()
        if r < self.p_bits:
            f = self.bitfield(name)
        elif r < self.p_bits + 0.12:
            f = Field(name, self.array_of(depth))
        elif depth < 3 and r < self.p_bits + 0.24:
            if rng.random() < 0.45:
                f = Field(None, self.record(depth + 1, prefix=name + "_", pack=pack))
            else:
                f = Field(name, self.record(depth + 1))
        elif last and rng.random() < 0.06:
            f = Field(name, Array(None, self.scalar()))
        else:
            f = Field(name, self.scalar())
        if rng.random() < self.p_attr:
            if rng.random() < 0.5 and (f.name or f.bits > 0):
                f.packed = 1
            elif f.name:
                f.align = rng.choice([1, 2, 4, 8, 16] + ([32, 64] if self.big else []))
        return f

    def record(self, depth=0, prefix="f", pack=None):
        rng = self.rng
        # one temper per record: plain ones stay frequent
        keep = getattr(self, "p_bits", 0), getattr(self, "p_attr", 0)
        self.p_bits = rng.choice([0, 0, 0.15, 0.6])
        self.p_attr = rng.choice([0, 0, 0, 0.15])
        kind = "union" if rng.random() < 0.2 else "struct"
        n = rng.choice([1, 1, 2, 2, 2, 3, 3, 4, 5, 6])
        if rng.random() < 0.02:
            n = 0
        if self.big and rng.random() < 0.05:
            n = 12
        if pack is None:
            pack = rng.choice([1, 2, 4, 8, 16]) if rng.random() < 0.1 else 0
        fields = [self.field("%s%d" % (prefix, i), depth,
                             i == n - 1 and i > 0 and kind == "struct" and depth == 0, pack)
                  for i in range(n)]
        if fields and isinstance(fields[-1].type, Array) and fields[-1].type.n is None:
            if not any(f.name for f in fields[:-1]):
                fields[0] = Field("%s0" % prefix, Prim("SHORT"))
        packed = int(rng.random() < 0.1)
        align = 0
        if rng.random() < 0.06:
            align = rng.choice([2, 4, 8, 16] + ([32, 64] if self.big else []))
        self.p_bits, self.p_attr = keep
        number = self.next_record
        self.next_record += 1
        return Record(number, kind, fields, packed, pack, align)


def says_nothing(t):
    """No member has a name: gcc's caller and callee disagree on such a record
    before `...` when it lands on the stack."""
    while isinstance(t, Array):
        if t.n == 0:
            return True
        t = t.of
    return isinstance(t, Record) and all(
        says_nothing(f.type) or (f.bits >= 0 and not f.name) for f in t.fields)


def is_c(rec):
    """A flexible array needs a named member before it."""
    ok = True
    for r in [rec] + [i for i, _ in rec.inner()]:
        for i, f in enumerate(r.fields):
            if isinstance(f.type, Array) and f.type.n is None:
                ok = ok and i == len(r.fields) - 1 and any(g.name for g in r.fields[:-1])
    return ok


def smaller(rec):
    """Copies of a record with one thing taken away, for shrinking."""
    yield from filter(is_c, _smaller(rec))


def _smaller(rec):

    def variants(r):
        for i in range(len(r.fields)):
            if len(r.fields) > 1:
                c = copy.deepcopy(r)
                del c.fields[i]
                yield c
        for i, f in enumerate(r.fields):
            for change in ({"align": 0}, {"packed": 0}):
                if any(getattr(f, k) != v for k, v in change.items()):
                    c = copy.deepcopy(r)
                    for k, v in change.items():
                        setattr(c.fields[i], k, v)
                    yield c
            if isinstance(f.type, Record):
                for v in variants(f.type):
                    c = copy.deepcopy(r)
                    c.fields[i].type = v
                    yield c
            elif isinstance(f.type, Array):
                c = copy.deepcopy(r)
                c.fields[i].type = f.type.of
                if isinstance(f.type.of, Array) or f.name:
                    yield c
            elif f.bits < 0 and not (isinstance(f.type, Prim) and f.type.id == "CHAR"):
                c = copy.deepcopy(r)
                c.fields[i].type = Prim("CHAR")
                yield c
        for change in ({"align": 0}, {"packed": 0}):
            if any(getattr(r, k) != v for k, v in change.items()):
                c = copy.deepcopy(r)
                for k, v in change.items():
                    setattr(c, k, v)
                yield c

    yield from variants(rec)


class Reader:
    """The notation of describe.h back into a tree: for rows kept as text."""

    def __init__(self, text):
        self.words = text.split()
        self.records = {}

    def number(self):
        return int(self.words.pop(0))

    def type(self):
        word = self.words.pop(0)
        kind, _, rest = word.partition(":")
        if kind == "i":
            return None if rest == "VOID" else Prim(rest)
        if kind == "p":
            return Ptr()
        if kind == "e":
            return Enum(rest)
        if kind == "s":
            return self.records[int(rest)]
        if kind == "v":
            return Vector(self.type().id, int(rest))
        return Array(int(rest) if kind == "a" else None, self.type())

    def field(self):
        name = self.words.pop(0)
        bits, packed, align = self.number(), self.number(), self.number()
        return Field(None if name == "-" else name, self.type(), bits, packed, align)

    def record(self, kind):
        k, flags, pack, align, n = (self.number() for _ in range(5))
        fields = [self.field() for _ in range(n)]
        self.records[k] = Record(k, kind, fields, int(flags & 4 != 0), pack, align)

    def func(self):
        """(result, params, extra or None) of the one `func` at the end."""
        while True:
            word = self.words.pop(0)
            if word == "func":
                break
            self.record(word)
        self.number()
        variadic, n, x = self.number(), self.number(), self.number()
        result = self.type()
        params = [self.type() for _ in range(n)]
        extra = [self.type() for _ in range(x)]
        return result, params, extra if variadic else None
