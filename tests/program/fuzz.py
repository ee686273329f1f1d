#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs (src/core/program) against a C compiler: random ones, every byte.

Each program is drawn once and written twice: as C source, which gcc compiles, and
as a text from which driver.c builds a jf_Program. Both are called with the same
arguments; what they give and what the C functions saw on the way is compared.

    fuzz.py --objects DIR [--how code,run,libffi] [--count 300] [--first 0] [--seed N]

--how: machine code; the interpreter behind a callback; the same with JIFFI_JIT=off.
--objects: a build directory of meson (libjiffi.a). Program K of a seed is always the
same one: `--first K --count 1` repeats it.
"""
import argparse
import ctypes
import os
import random
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
HOW = {"code": ("code", {}), "run": ("run", {}), "libffi": ("run", {"JIFFI_JIT": "off"})}

# ORDER jf_ProgramOp, jf_Scalar, jf_Cond.
OPS = ("PARAM CONST LOCAL ADDRESS LOAD STORE PART CAST NEG NOT ADD SUB MUL DIV MOD FLOORDIV "
       "FLOORMOD AND OR XOR SHL SHR COMPARE SELECT CALL RESULT").split()
KINDS = "i8 u8 i16 u16 i32 u32 i64 u64 f32 f64".split()
BLOCK = len(KINDS)
CC = ["==", "!=", "<", "<=", ">", ">="]
NONE = 0xffffffff
SIZE = dict(zip(KINDS, (1, 1, 2, 2, 4, 4, 8, 8, 4, 8)))
CTYPES = dict(zip(KINDS, (ctypes.c_int8, ctypes.c_uint8, ctypes.c_int16, ctypes.c_uint16,
                          ctypes.c_int32, ctypes.c_uint32, ctypes.c_int64, ctypes.c_uint64,
                          ctypes.c_float, ctypes.c_double)))
CTYPES["ld"] = ctypes.c_longdouble

TYPEDEFS = """typedef signed char i8; typedef unsigned char u8; typedef short i16;
typedef unsigned short u16; typedef int i32; typedef unsigned int u32; typedef long i64;
typedef unsigned long u64; typedef float f32; typedef double f64; typedef long double ld;
typedef float _Complex cf; typedef double _Complex cd; typedef long double _Complex cld;
typedef __int128 i128; typedef struct { i64 m[20]; } long_block;
"""

# What programs do, said in C once more. h() mixes a value into what was seen so far.
PREAMBLE = r"""
#include <math.h>
#include <stdarg.h>
#include <string.h>
""" + TYPEDEFS + r"""
unsigned long long trace;
static void h(const void *p, int n)
{
    for (int i = 0; i < n; i++)
        trace = (trace ^ ((const u8 *)p)[i]) * 0x9e3779b97f4a7c15u + 1;
}
#define SEEN(T) static void see_##T(T x) { h(&x, sizeof x); }
#define KEEP(T) void keep_##T(T x) { see_##T(x); }
SEEN(i8) SEEN(u8) SEEN(i16) SEEN(u16) SEEN(i32) SEEN(u32) SEEN(i64) SEEN(u64)
static void see_f32(f32 x) { if (x != x) x = 12345; h(&x, 4); }
static void see_f64(f64 x) { if (x != x) x = 12345; h(&x, 8); }
static void see_ld(ld x) { if (x != x) x = 12345; h(&x, 10); }
KEEP(i8) KEEP(u8) KEEP(i16) KEEP(u16) KEEP(i32) KEEP(u32) KEEP(i64) KEEP(u64)
KEEP(f32) KEEP(f64)
static i64 toint(f64 x)
{
    return x >= -0x1p63 && x < 0x1p63 ? (i64)x : (i64)(1ul << 63);
}
static u64 touint(f64 x)
{
    if (x >= 0x1p63)
        return x < 0x1p64 ? (u64)x : 0;
    return (u64)toint(x);
}
static i64 divs(i64 a, i64 b) { return b ? (i64)((i128)a / b) : 0; }
static i64 mods(i64 a, i64 b) { return b ? (i64)((i128)a % b) : 0; }
static u64 divu(u64 a, u64 b) { return b ? a / b : 0; }
static u64 modu(u64 a, u64 b) { return b ? a % b : 0; }
static i64 fmods(i64 a, i64 b)
{
    i128 m = b ? (i128)a % b : 0;
    if (m && (m < 0) != (b < 0))
        m += b;
    return (i64)m;
}
static i64 fdivs(i64 a, i64 b) { return b ? (i64)(((i128)a - fmods(a, b)) / b) : 0; }
static f64 fmodf_(f64 a, f64 b)
{
    f64 m = fmod(a, b);
    if (!m)
        m = copysign(0, b);
    else if ((m < 0) != (b < 0))
        m += b;
    return m;
}
static f64 fdivf_(f64 a, f64 b)
{
    if (b == 0)
        return a / b;
    f64 m = fmod(a, b), q = (a - m) / b;
    if (m != 0 && (m < 0) != (b < 0))
        q -= 1;
    if (q == 0)
        return copysign(0, a / b);
    f64 f = floor(q);
    return q - f > 0.5 ? f + 1 : f;
}
static f64 bits64(u64 w) { f64 x; memcpy(&x, &w, 8); return x; }
static f32 bits32(u32 w) { f32 x; memcpy(&x, &w, 4); return x; }
void poke_i(void *p, u32 n, u32 align)
{
    u8 *b = p;
    u32 off = (u32)((u64)p % align);
    h(&off, 4);
    h(b, n);
    for (u32 i = 0; i < n; i++)
        b[i] = b[i] * 7 + i + 1;
}
f64 poke_d(void *p, u32 n)
{
    f64 *d = p, sum = 0;
    for (u32 i = 0; i < n; i++) {
        see_f64(d[i]);
        sum += d[i];
        d[i] = d[i] * 0.5 + i;
    }
    return sum;
}
"""
CDEF = TYPEDEFS + "void poke_i(void *p, u32 n, u32 align); f64 poke_d(void *p, u32 n);\n"
CDEF += "".join("void keep_%s(%s x);\n" % (k, k) for k in KINDS)


# --- types ---------------------------------------------------------------------------

class Scalar:
    def __init__(self, kind):
        self.c, self.kind = kind, KINDS.index(kind)
        self.size = self.align = SIZE[kind]
        self.parts = [(0, kind)]
        self.is_float = kind[0] == "f"
        self.signed = kind[0] == "i"


class Block:
    """Bytes; `parts`: the scalars in it, (offset, kind or "ld")."""
    kind = BLOCK

    def __init__(self, c, size, align, parts):
        self.c, self.size, self.align, self.parts = c, size, align, parts


SCALARS = {k: Scalar(k) for k in KINDS}
BOOL = Scalar("u8")
BOOL.c = "_Bool"
SPECIAL = [Block("ld", 16, 16, [(0, "ld")]), Block("cf", 8, 4, [(0, "f32"), (4, "f32")]),
           Block("cd", 16, 8, [(0, "f64"), (8, "f64")]),
           Block("cld", 32, 16, [(0, "ld"), (16, "ld")]),
           Block("i128", 16, 16, [(0, "u64"), (8, "u64")])]

LONG = Block("long_block", 160, 8, [(8 * k, "i64") for k in range(20)])


def record(rng, name):
    """A struct of scalars and arrays of them, and its C."""
    n = rng.choice([1, 1, 2, 2, 3, 3, 4, 5, 8, 24])
    pick = rng.choice([["f32"], ["f64"], ["f32", "f64"], ["i8", "u16"], KINDS, KINDS,
                       KINDS + ["ld"]])
    fields, text = [], []
    for i in range(n):
        k, m = rng.choice(pick), rng.choice([1, 1, 1, 2, 3])
        fields.append(("m%d" % i, CTYPES[k] * m if m > 1 else CTYPES[k], k, m))
        text.append("%s m%d%s;" % (k, i, "[%d]" % m if m > 1 else ""))
    ct = type(name, (ctypes.Structure,), {"_fields_": [f[:2] for f in fields]})
    parts = []
    for fname, _, k, m in fields:
        at = getattr(ct, fname).offset
        parts += [(at + j * ctypes.sizeof(CTYPES[k]), k) for j in range(m)]
    return (Block(name, ctypes.sizeof(ct), ctypes.alignment(ct), parts),
            "typedef struct { %s } %s;\n" % (" ".join(text), name))


FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -7.25, 3.0, 1e10, -1e10, 2.0 ** 63, -2.0 ** 63,
          2.0 ** 64, 9.3e18, 1e300, -1e300, 5e-324, float("inf"), float("-inf"),
          float("nan"), 255.0, 256.5, -129.0, 4294967296.0, 2147483648.0]


def number(rng, kind):
    """The bytes of a scalar."""
    if kind in ("f32", "f64", "ld"):
        x = rng.choice(FLOATS) if rng.random() < 0.6 else rng.uniform(-1000, 1000)
        try:
            return bytes(CTYPES[kind](x))
        except OverflowError:
            return bytes(CTYPES[kind](0.25))
    bits = 8 * SIZE[kind]
    w = rng.choice([0, 1, 2, 3, (1 << bits) - 1, 1 << (bits - 1), (1 << (bits - 1)) - 1,
                    rng.getrandbits(bits), rng.getrandbits(bits), rng.getrandbits(6)])
    if kind == "u64" and rng.random() < 0.2:  # between two floats, all but half way
        w = 1 << 63 | 1 << rng.choice([10, 39]) | rng.getrandbits(1)
    return w.to_bytes(bits // 8, "little") if w < 1 << bits else b"\7" * (bits // 8)


def value_bytes(rng, t):
    if t is BOOL:
        return bytes([rng.getrandbits(1)])
    out = bytearray(rng.randbytes(t.size) if hasattr(rng, "randbytes") else t.size)
    for at, kind in t.parts:
        b = number(rng, kind)
        out[at:at + len(b)] = b
    return bytes(out)


# --- C functions that programs call ----------------------------------------------------

class Function:
    def __init__(self, rng, name, types):
        self.name, self.rng = name, rng
        self.result = None if rng.random() < 0.1 else draw_type(rng, types)
        if rng.random() < 0.1:
            self.result = BOOL
        n = rng.choice([0, 1, 1, 2, 2, 3, 4, 6, 8, 11, 14])
        floats = rng.random() < 0.15
        self.params = [SCALARS["f64"] if floats else draw_type(rng, types)
                       for _ in range(n)]
        self.extra = []
        if n and rng.random() < 0.15:
            self.extra = [SCALARS[rng.choice(["i32", "u32", "i64", "u64", "f64"])]
                          for _ in range(rng.choice([1, 2, 5, 9]))]

    def prototype(self):
        ps = ["%s a%d" % (t.c, i) for i, t in enumerate(self.params)]
        ps += ["..."] if self.extra else []
        return "%s %s(%s)" % (self.result.c if self.result else "void", self.name,
                              ", ".join(ps) or "void")

    def source(self):
        out = [self.prototype(), "{"]
        for i, t in enumerate(self.params):
            out += see(t, "a%d" % i)
        if self.extra:
            out.append("    va_list ap; va_start(ap, a%d);" % (len(self.params) - 1))
            out += ["    see_%s(va_arg(ap, %s));" % (t.c, t.c) for t in self.extra]
            out.append("    va_end(ap);")
        if self.result is BOOL:
            out.append("    return trace >> 7 & 1;")
        elif self.result:
            out.append("    %s r; memset(&r, 0, sizeof r);" % self.result.c)
            for k, (at, kind) in enumerate(self.result.parts):
                # floats that are small numbers, so that programs go on with them
                e = "(%s)(trace >> %d)" % (kind, 5 + k % 8)
                if kind[0] == "f" or kind == "ld":
                    e = "(%s)(i64)(trace >> 40) / 64 - 100000" % kind
                out.append("    { %s x = %s; memcpy((char *)&r + %d, &x, %s); }"
                           % (kind, e, at, 10 if kind == "ld" else "sizeof x"))
            out.append("    return r;")
        return "\n".join(out + ["}"]) + "\n"


def see(t, name):
    if isinstance(t, Scalar):
        return ["    see_%s(%s);" % (KINDS[t.kind], name)]
    return ["    { %s x; memset(&x, 0, sizeof x); memcpy(&x, (char *)&%s + %d, %s); see_%s(x); }"
            % (k, name, at, 10 if k == "ld" else SIZE[k], k) for at, k in t.parts]


def draw_type(rng, types):
    if rng.random() < 0.65:
        return SCALARS[rng.choice(KINDS + ["f64", "f64", "i32", "i64"])]
    return rng.choice(types)


# --- programs ---------------------------------------------------------------------------

class Region:
    """Memory whose address is value `v`. what: "i" bytes, "d" doubles, or a Block."""

    def __init__(self, v, what, size, align):
        self.v, self.what, self.size, self.align = v, what, size, align


class Program:
    passes_on = False

    def __init__(self, rng, number):
        self.rng, self.name = rng, "p_%d" % number
        self.decls, self.types = "", list(SPECIAL)
        for k in range(rng.choice([1, 2, 4])):
            t, text = record(rng, "s%d_%d" % (number, k))
            self.types.append(t)
            self.decls += text
        self.functions = [Function(rng, "f%d_%d" % (number, k), self.types)
                          for k in range(rng.choice([1, 2, 3, 5]))]
        self.keepers = {}  # blocks: what shows the trace a value of that type
        self.params = [draw_type(rng, self.types) for _ in range(rng.choice(
            [0, 1, 2, 3, 4, 6, 8, 10, 15]))]
        if rng.random() < 0.2:
            self.pass_on()
        self.text, self.c, self.n = [], [], 0
        self.values, self.regions = [], []  # (number, type)
        for i, t in enumerate(self.params):
            if rng.random() < 0.9:
                v = self.make(t, "PARAM", imm=i)
                self.c.append("    %s v%d = a%d;" % (t.c, v, i))
        steps = rng.choice([1, 3, 6, 10, 20, 40])
        if self.passes_on:
            self.call()
        for _ in range(steps):
            self.step()
        self.finish()

    def pass_on(self):
        """Words and doubles in, and at once on to a call; a long struct among them."""
        words = [SCALARS[k] for k in ("i64", "f64", "i64", "u8")]
        self.passes_on = True
        self.params = [self.rng.choice(words) for _ in range(self.rng.randint(1, 8))]
        for f in self.functions:
            f.params = [self.rng.choice(words) for _ in range(self.rng.randint(1, 8))]
        if self.rng.random() < 0.5:
            self.params.insert(self.rng.randint(0, len(self.params)), LONG)

    # what is written

    def ins(self, op, v=NONE, a=NONE, b=NONE, c=NONE, off=0, imm=0, cc=0):
        self.text.append("i %d %d %d %d %d %d %d %d" % (OPS.index(op), cc, v, a, b, c, off, imm))

    def new(self, t, keep=True, size=0, align=0):
        if isinstance(t, Block):
            size, align = t.size, t.align
        self.text.append("v %d %d %d" % (t.kind, size, align))
        self.n += 1
        if keep:
            self.values.append((self.n - 1, t))
        return self.n - 1

    def make(self, t, op, **kw):
        v = self.new(t)
        self.ins(op, v, **kw)
        return v

    def say(self, t, v, expr):
        self.c.append("    %s v%d = %s;" % (t.c, v, expr))

    # what is drawn

    def have(self, t):
        """A value of type t: one that is there, or a new one."""
        found = [v for v, u in self.values if u is t]
        if found and self.rng.random() < 0.9:
            # recent ones more often: that is what is held in registers
            return found[-1] if self.rng.random() < 0.4 else self.rng.choice(found)
        if isinstance(t, Block):
            return self.block(t)
        if t is BOOL:
            return self.truth()
        return self.constant(t)

    def constant(self, t):
        raw = number(self.rng, KINDS[t.kind])
        bits = int.from_bytes(raw, "little")
        if self.rng.random() < 0.3 and not t.is_float:
            bits |= self.rng.getrandbits(64) << 8 * t.size & (1 << 64) - 1
        v = self.make(t, "CONST", imm=bits)
        self.say(t, v, ("bits%d(%du)" % (8 * t.size, bits) if t.is_float
                        else "(%s)%duL" % (t.c, bits)))
        return v

    def block(self, t):
        r = self.local(t, t.size, t.align)
        for at, kind in t.parts:
            if kind != "ld" and self.rng.random() < 0.5:
                self.store(r, at, SCALARS[kind])
        return self.load(r, 0, t)

    def truth(self):
        v = self.compare()
        w = self.new(SCALARS["u8"], keep=False)
        self.ins("CAST", w, v)
        self.say(SCALARS["u8"], w, "(u8)v%d" % v)
        self.values.append((w, BOOL))
        return w

    def scalar(self):
        return SCALARS[self.rng.choice(KINDS)]

    # memory

    def local(self, what, size, align):
        v = self.new(SCALARS["u64"], keep=False, size=size, align=align)
        self.ins("LOCAL", v)
        self.c.append("    char l%d[%d] __attribute__((aligned(%d))) = {0}; char *v%d = l%d;"
                      % (v, max(size, 1), align, v, v))
        self.regions.append(Region(v, what, size, align))
        return self.regions[-1]

    def region(self):
        rng = self.rng
        if self.regions and rng.random() < 0.7:
            return rng.choice(self.regions)
        if rng.random() < 0.35:
            t = rng.choice(self.types + [SCALARS["f64"], SCALARS["i32"], SCALARS["u8"]])
            a = self.have(t)
            v = self.new(SCALARS["u64"], keep=False)
            self.ins("ADDRESS", v, a)
            self.c.append("    %s l%d = v%d; char *v%d = (char *)&l%d;" % (t.c, v, a, v, v))
            what = t if isinstance(t, Block) else "d" if t.is_float else "i"
            self.regions.append(Region(v, what, t.size, t.align))
            return self.regions[-1]
        if rng.random() < 0.4:
            t = rng.choice(self.types)
            return self.local(t, t.size, t.align)
        if rng.random() < 0.3:
            return self.local("d", 8 * rng.randint(1, 30), rng.choice([8, 16, 32]))
        return self.local("i", rng.choice([1, 3, 8, 17, 64, 129, 300]),
                          rng.choice([1, 2, 8, 16, 32, 64, 256]))

    def load(self, r, off, t):
        v = self.make(t, "LOAD", a=r.v, off=off)
        self.c.append("    %s v%d; memcpy(&v%d, v%d + %d, %d);" % (t.c, v, v, r.v, off, t.size))
        return v

    def store(self, r, off, t):
        b = self.have(t)
        self.ins("STORE", a=r.v, b=b, off=off)
        self.c.append("    memcpy(v%d + %d, &v%d, %d);" % (r.v, off, b, t.size))

    def memory(self):
        r, rng = self.region(), self.rng
        if isinstance(r.what, Block):
            if r.what.size and rng.random() < 0.5:
                at, t = 0, r.what
            else:
                at, kind = rng.choice(r.what.parts)
                if kind == "ld":
                    return
                t = SCALARS[kind]
        elif r.what == "d":
            at, t = 8 * rng.randrange(r.size // 8), SCALARS["f64"]
            if rng.random() < 0.4:
                return self.poke("poke_d", r, [r.size // 8], SCALARS["f64"])
        else:
            t = SCALARS[rng.choice(KINDS[:8])]
            if r.size < t.size or rng.random() < 0.4:
                return self.poke("poke_i", r, [r.size, r.align], None)
            at = rng.randint(0, r.size - t.size)
        if rng.random() < 0.5:
            self.load(r, at, t)
        else:
            self.store(r, at, t)

    def poke(self, name, r, numbers, result):
        args = [r.v]
        for n in numbers:
            args.append(self.make(SCALARS["u32"], "CONST", imm=n))
            self.say(SCALARS["u32"], args[-1], "%d" % n)
        self.call_of(name, result, args, [])

    # arithmetic

    def arithmetic(self):
        t = self.scalar()
        names = "ADD SUB MUL DIV FLOORDIV FLOORMOD NEG".split()
        if not t.is_float:
            names += "MOD NOT AND OR XOR SHL SHR".split()
        op = self.rng.choice(names)
        a = self.have(t)
        if op in ("NEG", "NOT"):
            v = self.make(t, op, a=a)
            return self.say(t, v, "(%s)(%sv%d)" % (t.c, "-" if op == "NEG" else "~", a))
        b = self.have(t)
        v = self.make(t, op, a=a, b=b)
        sign = dict(ADD="+", SUB="-", MUL="*", AND="&", OR="|", XOR="^").get(op)
        shift = dict(SHL="<<", SHR=">>").get(op)
        if sign or (t.is_float and op == "DIV"):
            e = "v%d %s v%d" % (a, sign or "/", b)
        elif shift:
            e = "v%d %s (v%d & %d)" % (a, shift, b, 8 * t.size - 1)
        else:
            name = dict(DIV="div", MOD="mod", FLOORDIV="fdiv" if t.is_float or t.signed
                        else "div", FLOORMOD="fmod" if t.is_float or t.signed else "mod")[op]
            e = "%s%s(v%d, v%d)" % (name, "f_" if t.is_float else "s" if t.signed else "u", a, b)
        self.say(t, v, "(%s)(%s)" % (t.c, e))

    def cast(self):
        t, u = self.scalar(), self.scalar()
        a = self.have(u)
        v = self.make(t, "CAST", a=a)
        e = "v%d" % a
        if u.is_float and not t.is_float:
            e = "%s(v%d)" % ("touint" if t.c == "u64" else "toint", a)
        self.say(t, v, "(%s)%s" % (t.c, e))

    def compare(self):
        t, cc = self.scalar(), self.rng.randrange(6)
        a, b = self.have(t), self.have(t)
        v = self.make(SCALARS["i32"], "COMPARE", a=a, b=b, cc=cc)
        self.say(SCALARS["i32"], v, "v%d %s v%d" % (a, CC[cc], b))
        return v

    def select(self):
        t = draw_type(self.rng, self.types)
        a = self.have(self.scalar() if self.rng.random() < 0.6 else SCALARS["i32"])
        b, c = self.have(t), self.have(t)
        v = self.make(t, "SELECT", a=a, b=b, c=c)
        self.say(t, v, "v%d != 0 ? v%d : v%d" % (a, b, c))

    def part(self):
        t = self.rng.choice(self.types)
        at, kind = self.rng.choice(t.parts)
        if kind == "ld":
            return
        a, p = self.have(t), SCALARS[kind]
        v = self.make(p, "PART", a=a, off=at)
        self.c.append("    %s v%d; memcpy(&v%d, (char *)&v%d + %d, %d);"
                      % (p.c, v, v, a, at, p.size))

    # calls

    def call_of(self, name, result, args, extra):
        kind = result.kind if result else 0
        self.text.append("f %s %d %s %d %d %s" % (
            name, len(extra), " ".join(t.c for t in extra), kind, len(args),
            " ".join(map(str, args))))
        e = "%s(%s)" % (name, ", ".join("v%d" % a for a in args))
        if not result:
            self.c.append("    %s;" % e)
            return
        self.n += 1
        self.values.append((self.n - 1, result))
        self.c.append("    %s v%d = %s;" % ("u8" if result is BOOL else result.c, self.n - 1, e))

    def call(self):
        f = self.rng.choice(self.functions)
        args = [self.have(self.other_sign(t)) for t in f.params]
        args += [self.have(t) for t in f.extra]
        self.call_of(f.name, f.result, args, f.extra)

    def other_sign(self, t):
        """An integer may be passed as the other one of its size."""
        if isinstance(t, Block) or t is BOOL or t.is_float or self.rng.random() < 0.8:
            return t
        return SCALARS[KINDS[t.kind ^ 1]]

    def keep(self, v, t):
        """Show a value to the trace: otherwise most would never be looked at."""
        if not isinstance(t, Block):
            return self.call_of("keep_" + KINDS[t.kind], None, [v], [])
        if t not in self.keepers:
            f = self.keepers[t] = Function(self.rng, "%s_k%d" % (self.name, len(self.keepers)),
                                           self.types)
            f.result, f.params, f.extra = None, [t], []
            self.functions.append(f)
        self.call_of(self.keepers[t].name, None, [v], [])

    def keep_some(self, start, chance):
        for v, t in self.values[start:]:
            if self.rng.random() < chance:
                self.keep(v, t)

    def step(self):
        start, late = len(self.values), self.rng.random() < 0.5
        self.draw()
        if not late:
            self.keep_some(start, 0.7)

    def draw(self):
        self.rng.choice([self.arithmetic, self.arithmetic, self.call, self.call, self.cast,
                         self.cast, self.compare, self.select, self.part, self.memory, self.memory])()

    def finish(self):
        rng = self.rng
        self.keep_some(0, rng.choice([0, 0.8]))
        self.result = None if rng.random() < 0.1 else draw_type(rng, self.types)
        if self.result:
            a = self.have(self.result)
            self.ins("RESULT", a=a)
            self.c.append("    return v%d;" % a)
        ps = ["%s a%d" % (t.c, i) for i, t in enumerate(self.params)]
        self.prototype = "%s %s(%s)" % (self.result.c if self.result else "void", self.name,
                                        ", ".join(ps) or "void")
        self.decls += "".join(f.prototype() + ";\n" for f in self.functions)
        self.decls += self.prototype + ";\n"

    def source(self):
        return "".join([self.decls] + [f.source() for f in self.functions] +
                       [self.prototype, "\n{\n", "\n".join(self.c), "\n}\n"])

    def slots(self):
        """The block that plan.h describes, with one set of arguments, in hex."""
        out = bytearray()
        for t in self.params:
            step = 16 if t.align >= 16 else 8
            out += bytes(-len(out) % step)
            out += value_bytes(self.rng, t)
            out += bytes(-len(out) % 8)
        out += bytes(-len(out) % 16)
        return "in %d %s" % (len(out), " ".join("%02x" % b for b in out))

    def script(self, runs):
        out = ["prog " + self.name] + self.text
        for at, kind in self.result.parts if self.result else []:
            size = 10 if kind == "ld" else SIZE[kind]
            out.append("part %d %d %s" % (at, size, "i" if kind[0] in "iu" else "f"))
        out.append("make")
        out += [self.slots() for _ in range(runs if self.params else 1)]
        return "\n".join(out + ["end"]) + "\n"


# --- running -------------------------------------------------------------------------------

def build(args, tmp):
    driver = os.path.join(tmp, "driver")
    subprocess.check_call(
        ["gcc", "-std=gnu11", "-O1", "-g", "-w", "-I" + os.path.join(ROOT, "src"),
         "-I" + os.path.join(ROOT, "include"), os.path.join(HERE, "driver.c"),
         os.path.join(args.objects, "libjiffi.a"), "-o", driver,
         "-ldl", "-lm", "-lpthread", "-lffi", *args.flags.split()])
    return driver


def batch(args, driver, tmp, numbers):
    programs = [Program(random.Random("%s/%d" % (args.seed, k)), k) for k in numbers]
    source, library = os.path.join(tmp, "p.c"), os.path.join(tmp, "p.so")
    with open(source, "w") as f:
        f.write(PREAMBLE + "".join(p.source() for p in programs))
    subprocess.check_call(["gcc", "-std=gnu11", "-O0", "-fwrapv", "-ffp-contract=off", "-w",
                           "-shared", "-fPIC", source, "-o", library, "-lm"])
    text = os.path.join(tmp, "p.txt")
    with open(text, "w") as f:
        cdef = CDEF + "".join(p.decls for p in programs)
        f.write("cdef %d\n%s\n" % (len(cdef), cdef))
        f.write("".join(p.script(args.runs) for p in programs))
    bad = 0
    for how in args.how.split(","):
        mode, env = HOW[how]
        done = subprocess.run([driver, library, text, mode], env=dict(os.environ, **env),
                              text=True, errors="replace", stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode:
            bad += 1
            print("%s: seed %s, programs %d to %d: exit %d\n%s" % (
                how, args.seed, numbers[0], numbers[-1], done.returncode, done.stdout))
    return bad


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", default=os.path.join(ROOT, "build", "dev"))
    parser.add_argument("--how", default="code,run,libffi")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--runs", type=int, default=12, help="calls of each program")
    parser.add_argument("--seed", default=str(random.randrange(10 ** 9)))
    parser.add_argument("--flags", default="", help="more for the driver's compiler")
    parser.add_argument("--keep", help="a directory to work in, and leave")
    args = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as tmp:
        tmp = args.keep or tmp
        os.makedirs(tmp, exist_ok=True)
        driver = build(args, tmp)
        todo = list(range(args.first, args.first + args.count))
        for at in range(0, len(todo), 50):
            bad += batch(args, driver, tmp, todo[at:at + 50])
    print("program fuzz: seed %s, %d programs, by %s: %s" % (
        args.seed, args.count, args.how, "%d batches failed" % bad if bad else "all the same"))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
