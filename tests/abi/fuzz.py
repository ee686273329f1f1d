#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Calls against C compilers: random signatures, both directions, every byte.

For each batch one C file is made: callees that log their arguments, and callers.
It is linked with driver.c and one side:

    x64      plans of SysV, by a bridge of a few instructions
    win64    plans of Win64, by a bridge, against gcc's ms_abi on Linux
    a64      plans of AAPCS64, by a bridge, under qemu-aarch64
    code     the engine with machine code
    libffi   the engine with JIFFI_JIT=off
    loop, loop-libffi  the same, each call a run over arrays
    a64-libffi  the engine on AArch64, under qemu-aarch64 (make test-a64)

    fuzz.py --objects DIR [--side x64,code] [--count 2000] [--seed N]

--objects: a build directory of meson (libjiffi.a); bridges build the core's few
files themselves. Failures are shrunk, shown, and printed as rows for rows.txt,
which is run first, always.
"""
import argparse
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile

import cgen

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
X64_RARE = ["BOOL", "LDOUBLE", "INT128", "UINT128", "FLOAT16", "FLOAT128", "CFLOAT",
            "CDOUBLE", "CLDOUBLE"]
CORE = ["base/mem.c", "base/diag.c", "target/target.c", "type/type.c", "type/print.c",
        "type/field.c", "layout/layout.c", "layout/given.c", "layout/place.c", "layout/bits.c",
        "abi/plan.c", "abi/view.c", "abi/marshal.c", "abi/print.c"]
CONVENTIONS = ["x64/abi_sysv.c", "x64/abi_win64.c", "a64/abi_aapcs64.c"]


class Side:
    def __init__(self, name, cc="gcc", own=(), runner=(), attr="", rare=X64_RARE,
                 engine=False, env=None, long_bits=64, defines=(), libffi=("-lffi",)):
        self.name, self.cc, self.own, self.runner = name, cc, own, list(runner)
        self.attr, self.rare, self.engine = attr, rare, engine
        self.env, self.long_bits, self.defines = env or {}, long_bits, list(defines)
        self.libffi = list(libffi)


SIDES = {s.name: s for s in [
    Side("x64", own=["bridge.c", "bridge_x64.c"]),
    Side("win64", own=["bridge.c", "bridge_win64.c"], attr="__attribute__((ms_abi)) ",
         defines=["-DMS"]),
    Side("a64", cc="aarch64-linux-gnu-gcc", own=["bridge.c", "bridge_a64.c"],
         runner=["qemu-aarch64"]),
    Side("code", own=["side_engine.c"], engine=True),
    Side("libffi", own=["side_engine.c"], engine=True, env={"JIFFI_JIT": "off"}),
    Side("loop", own=["side_loop.c"], engine=True),
    Side("loop-libffi", own=["side_loop.c"], engine=True, env={"JIFFI_JIT": "off"}),
    Side("a64-libffi", cc="aarch64-linux-gnu-gcc", own=["side_engine.c"], engine=True,
         runner=["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"],
         libffi=["-L" + os.path.join(ROOT, "build/a64-root/usr/lib/aarch64-linux-gnu"),
                 "-l:libffi.a"]),
]}


# --- signatures -------------------------------------------------------------------

class Func:
    def __init__(self, result, params, extra=None):
        self.result, self.params, self.extra = result, params, extra

    def types(self):
        return [t for t in [self.result] + self.params + (self.extra or []) if t]

    def desc(self, number):
        ts = [self.result.desc() if self.result else "i:VOID"]
        ts += [t.desc() for t in self.params + (self.extra or [])]
        return "func %d %d %d %d %s" % (number, self.extra is not None, len(self.params),
                                        len(self.extra or []), " ".join(ts))

    def prototype(self, name):
        ps = [t.c("a%d" % i) for i, t in enumerate(self.params)]
        if self.extra is not None:
            ps.append("...")
        head = "%s(%s)" % (name, ", ".join(ps) or "void")
        return self.result.c(head) if self.result else "void " + head

    def records(self):
        for t in self.types():
            while isinstance(t, cgen.Array):
                t = t.of
            if isinstance(t, cgen.Record):
                yield t


class SignatureMaker(cgen.Maker):
    def value(self):
        r = self.rng.random()
        if r < 0.45:
            return self.scalar()
        return self.passable()

    def passable(self):
        """A record, mostly small: those are passed in interesting ways."""
        for _ in range(4):
            rec = self.record()
            if sum(1 for _ in rec.inner()) < 3 or self.rng.random() < 0.3:
                break
        return rec

    def extra(self):
        """Behind `...`: promoted scalars, and records."""
        t = self.value()
        if isinstance(t, cgen.Prim) and t.id in ("CHAR", "SCHAR", "UCHAR", "SHORT", "USHORT",
                                                 "BOOL", "FLOAT", "FLOAT16"):
            return cgen.Prim(self.rng.choice(["INT", "DOUBLE", "LLONG"]))
        return t

    def func(self):
        rng = self.rng
        n = rng.choice([0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16])
        result = None if rng.random() < 0.1 else self.value()
        params = [self.value() for _ in range(n)]
        extra = None
        if n and rng.random() < 0.15 and not any(map(cgen.says_nothing, params)):
            extra = [self.extra() for _ in range(rng.choice([0, 1, 2, 3, 5, 8]))]
            extra = [t for t in extra if not cgen.says_nothing(t)]
        return Func(result, params, extra)


# --- the generated file ---------------------------------------------------------------

def source(side, funcs):
    prog = cgen.Program()
    for f in funcs:
        for r in f.records():
            prog.add(r)
    out = ["#include <stdarg.h>\n#include <string.h>",
           "extern void **gen_log, **gen_in, *gen_ret, *gen_out;", cgen.PREAMBLE]
    if side.name == "win64":
        out.append("#undef va_list\n#undef va_start\n#undef va_end\n"
                   "#define va_list __builtin_ms_va_list\n"
                   "#define va_start __builtin_ms_va_start\n"
                   "#define va_end __builtin_ms_va_end")
    out += prog.text
    notes = list(prog.notes)
    for k, f in enumerate(funcs):
        notes.append(f.desc(k))
        out += callee(side, f, k) + caller(side, f, k)
        sizes = ["sizeof(%s)" % (t.c("").strip()) if t else "0"
                 for t in [f.result] + f.params + (f.extra or [])]
        out.append("static const unsigned z_%d[] = {%s};" % (k, ", ".join(sizes)))
    out.append("typedef struct { void *fn; void (*caller)(void *); const unsigned *z; } Row;")
    out.append("const Row gen_rows[] = {%s};" % ", ".join(
        "{(void *)f_%d, c_%d, z_%d}" % (k, k, k) for k in range(len(funcs))))
    out.append("const char gen_notes[] =\n%s;" % "\n".join('"%s\\n"' % n for n in notes))
    return "\n".join(out) + "\n"


def callee(side, f, k):
    out = ["%s%s\n{" % (side.attr, f.prototype("f_%d" % k))]
    for i in range(len(f.params)):
        out.append("    memcpy(gen_log[%d], &a%d, sizeof a%d);" % (i, i, i))
    if f.extra is not None:
        out.append("    va_list ap;\n    va_start(ap, a%d);" % (len(f.params) - 1))
        for i, t in enumerate(f.extra):
            if side.name == "win64":
                # gcc on Linux forgets, in va_arg only, that ms_abi passes by
                # address what is not 1, 2, 4 or 8 bytes
                c = t.c("").strip()
                out.append("    if (sizeof(%s) & (sizeof(%s) - 1) || sizeof(%s) - 1u > 7)\n"
                           "        memcpy(gen_log[%d], va_arg(ap, void *), sizeof(%s));\n    else"
                           % (c, c, c, len(f.params) + i, c))
            out.append("    { %s = va_arg(ap, %s); memcpy(gen_log[%d], &x, sizeof x); }"
                       % (t.c("x"), t.c("").strip(), len(f.params) + i))
        out.append("    va_end(ap);")
    if f.result:
        out.append("    %s;\n    memcpy(&r, gen_ret, sizeof r);\n    return r;" % f.result.c("r"))
    return out + ["}"]


def caller(side, f, k):
    out = ["static void c_%d(void *fn)\n{" % k]
    ts = f.params + (f.extra or [])
    for i, t in enumerate(ts):
        out.append("    %s; memcpy(&a%d, gen_in[%d], sizeof a%d);" % (t.c("a%d" % i), i, i, i))
    out.append("    typedef %s%s;" % (side.attr, f.prototype("F")))
    call = "((F *)fn)(%s)" % ", ".join("a%d" % i for i in range(len(ts)))
    if f.result:
        out.append("    %s = %s;\n    memcpy(gen_out, &r, sizeof r);" % (f.result.c("r"), call))
    else:
        out.append("    %s;" % call)
    return out + ["}"]


# --- running ----------------------------------------------------------------------------

class Bench:
    """A side's objects, compiled once, in a temporary directory."""

    def __init__(self, side, args, tmp):
        self.side, self.args = side, args
        self.dir = os.path.join(tmp, side.name)
        os.makedirs(self.dir)
        self.flags = ["-std=gnu11", "-O1", "-g", "-I" + os.path.join(ROOT, "src"),
                      "-I" + os.path.join(ROOT, "include"), "-I" + HERE, "-w"] + side.defines
        files = [os.path.join(HERE, f) for f in ["driver.c", "describe.c"] + list(side.own)]
        if not side.engine:
            files += [os.path.join(ROOT, "src", "core", f) for f in CORE]
            files += [os.path.join(ROOT, "src", "arch", f) for f in CONVENTIONS]
        self.objects = []
        for i, f in enumerate(files):
            o = os.path.join(self.dir, "o%d.o" % i)
            subprocess.run([side.cc] + self.flags + ["-c", f, "-o", o], check=True)
            self.objects.append(o)
        self.tail = []
        if side.engine:
            self.tail += [os.path.join(args.objects, "libjiffi.a")] + side.libffi
            self.tail += ["-ldl", "-lm", "-lpthread"]
        elif side.runner:
            self.tail.append("-static")

    def run(self, funcs, seed):
        """{index: what went wrong} and the driver's last lines."""
        c, exe = os.path.join(self.dir, "gen.c"), os.path.join(self.dir, "gen")
        with open(c, "w") as f:
            f.write(source(self.side, funcs))
        subprocess.run([self.side.cc] + self.flags + [
            "-Wno-psabi", "-Wno-packed-bitfield-compat", self.args.opt, c] + self.objects +
            ["-o", exe] + self.tail, check=True)
        bad, totals, first = {}, [], 0
        while first < len(funcs):
            try:
                p = subprocess.run(self.side.runner + [exe, str(first), str(seed)], text=True,
                                   capture_output=True, timeout=120, errors="replace",
                                   env=dict(os.environ, **self.side.env))
                code, out, err = p.returncode, p.stdout, p.stderr
            except subprocess.TimeoutExpired as e:
                code, out, err = -1, (e.stdout or b"").decode(), "time is out"
            at, done = None, False
            for line in out.splitlines():
                word = line.split(" ", 2)
                if word[0] == "at":
                    at = int(word[1])
                elif word[0] == "FAIL":
                    bad.setdefault(int(word[1]), line)
                elif line.startswith("  ") and at in bad:
                    bad[at] += "\n" + line
                elif word[0] == "refused":
                    totals.append(line)
                elif word[0] == "done":
                    totals.append(line)
                    done = True
            if done:
                break
            if at is None:
                raise SystemExit("%s: the driver does not run: exit %d\n%s" % (
                    self.side.name, code, err[-2000:]))
            bad.setdefault(at, "crash: exit %d %s" % (code, err[-1500:]))
            totals.append("crashed %d" % at)
            first = at + 1
        return bad, totals


def smaller(f):
    for i in range(len(f.params)):
        if f.extra is None or len(f.params) > 1:
            c = copy.deepcopy(f)
            del c.params[i]
            yield c
    for i in range(len(f.extra or [])):
        c = copy.deepcopy(f)
        del c.extra[i]
        yield c
    if f.result:
        c = copy.deepcopy(f)
        c.result = None
        yield c
    places = [("params", i) for i in range(len(f.params))]
    places += [("extra", i) for i in range(len(f.extra or []))]
    for where, i in places + ([("result", None)] if f.result else []):
        t = getattr(f, where) if i is None else getattr(f, where)[i]
        options = []
        if isinstance(t, cgen.Record):
            options = list(cgen.smaller(t))
            options += [f.type for f in t.fields if isinstance(f.type, cgen.Record) and f.name]
        for o in options:
            c = copy.deepcopy(f)
            if i is None:
                c.result = o
            else:
                getattr(c, where)[i] = o
            yield c


def renumber(f):
    """Distinct numbers after copies were changed."""
    f = copy.deepcopy(f)
    n = 0
    for r in f.records():
        for inner, _ in list(r.inner()) + [(r, False)]:
            inner.number = n
            n += 1
    return f


def shrink(bench, f, seed, why):
    again = True
    f = renumber(f)
    while again:
        again = False
        for c in smaller(f):
            c = renumber(c)
            try:
                bad, _ = bench.run([c], seed)
            except subprocess.CalledProcessError:
                continue
            if bad:
                f, why, again = c, bad[0], True
                break
    return f, why


def show(f):
    prog = cgen.Program()
    for r in f.records():
        prog.add(r)
    return "\n".join(prog.text + [f.prototype("f") + ";" + (
        "  /* extra: %s */" % ", ".join(t.c("").strip() for t in f.extra) if f.extra else "")])


def as_row(side, f):
    prog = cgen.Program()
    for r in f.records():
        prog.add(r)
    return "%s | %s" % (side.name, " ".join(prog.notes + [f.desc(0)]))


def rows(side):
    """The signatures of rows.txt that this side can say."""
    out = []
    with open(os.path.join(HERE, "rows.txt")) as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                text = line.split("|", 1)[1]
                out.append(Func(*cgen.Reader(text).func()))
    # numbers are per row: make them differ in one file
    n = 0
    for f in out:
        for r in f.records():
            for inner, _ in list(r.inner()) + [(r, False)]:
                if not hasattr(inner, "seen"):
                    inner.seen, inner.number = True, n
                    n += 1
    return out


def run_rows(bench, side, args):
    kept = rows(side)
    bad, _ = bench.run(kept, args.seed)
    for k in sorted(bad):
        print("%s: row of rows.txt:\n%s\n%s\n" % (side.name, show(kept[k]), bad[k]))
    print("%s: %d rows, %d failed" % (side.name, len(kept), len(bad)))
    return len(bad)


def run_side(side, args, tmp):
    if not shutil.which(side.cc) or (side.runner and not shutil.which(side.runner[0])):
        print("%s: %s is not installed: skipped" % (side.name, " ".join([side.cc] + side.runner)))
        return 0
    bench = Bench(side, args, tmp)
    rng = random.Random("%s %d" % (side.name, args.seed))
    done = refused = 0
    failed = run_rows(bench, side, args)
    why = {}
    while done < args.count:
        n = min(250, args.count - done)
        maker = SignatureMaker(rng, side.rare, vectors=args.vectors, width_long=side.long_bits)
        funcs = [maker.func() for _ in range(n)]
        bad, totals = bench.run(funcs, args.seed)
        done += n
        failed += len(bad)
        for line in totals:
            if line.startswith("refused"):
                refused += 1
                reason = line.split(" ", 2)[2].split("' ", 1)[-1]
                why[reason] = why.get(reason, 0) + 1
        for k in sorted(bad)[:max(0, args.show)]:
            args.show -= 1
            f, text = shrink(bench, funcs[k], args.seed, bad[k])
            print("%s: seed %d:\n%s\n%s\nrow: %s\n" % (
                side.name, args.seed, show(f), text, as_row(side, f)), flush=True)
        if bad and args.stop:
            break
    print("%s: %d signatures, %d failed, %d refused (seed %d)" % (
        side.name, done, failed, refused, args.seed))
    for reason, n in sorted(why.items()):
        print("    %d: %s" % (n, reason))
    sys.stdout.flush()
    return failed


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--objects", default=os.path.join(ROOT, "build"))
    p.add_argument("--side", default="x64")
    p.add_argument("--count", type=int, default=2000, help="per side; 0: 1000 on each side in turns, without end")
    p.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    p.add_argument("--opt", default="-O1")
    p.add_argument("--no-vectors", dest="vectors", action="store_false")
    p.add_argument("--show", type=int, default=3)
    p.add_argument("--stop", action="store_true", help="at the first batch that fails")
    args = p.parse_args()
    endless = args.count == 0
    args.count = args.count or 1000
    bad = 0
    with tempfile.TemporaryDirectory() as tmp:
        while True:
            for name in args.side.split(","):
                bad += run_side(SIDES[name], args, tmp)
            if not endless or (bad and args.stop):
                return 1 if bad else 0
            args.seed += 1  # the sides in turns, for as long as it is let


if __name__ == "__main__":
    sys.exit(main())
