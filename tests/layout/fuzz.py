#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Layout against C compilers: random structs and unions, every number compared.

Each compiler turns sizeof, _Alignof, offsetof and objects with one bit-field set
into constants in a section of an object file; nothing is run, so that cross
compilers serve as well. `layout_dump` prints jf_layout's opinion of the same
records. A compiler that is missing is named and its rows are skipped.

    fuzz.py --dump path/to/layout_dump [--count 2000] [--seed N] [--target T]
"""
import argparse
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "abi"))
import cgen  # noqa: E402

ALL64 = ["BOOL", "LDOUBLE", "INT128", "UINT128", "FLOAT16", "FLOAT128", "CFLOAT",
         "CDOUBLE", "CLDOUBLE"]
NO128 = ["BOOL", "LDOUBLE", "CFLOAT", "CDOUBLE", "CLDOUBLE", "FLOAT128"]
# target, compiler and options, prefix of its binutils, rare types, bits of long
TARGETS = [
    ("x64_linux", ["gcc"], "", ALL64, 64),
    ("x86_linux", ["gcc", "-m32"], "", NO128, 32),
    ("a64_linux", ["aarch64-linux-gnu-gcc"], "aarch64-linux-gnu-", ALL64, 64),
    ("x64_windows", ["x86_64-w64-mingw32-gcc"], "x86_64-w64-mingw32-", ALL64, 32),
]


def leaves(rec):
    """(name, is bit-field) of all members that can be named, in order."""
    for f in rec.fields:
        if f.name:
            yield f.name, f.bits > 0
        elif f.bits < 0 and isinstance(f.type, cgen.Record):
            yield from leaves(f.type)


def source(recs):
    prog = cgen.Program()
    for r in recs:
        prog.add(r)
    out = [cgen.PREAMBLE] + prog.text
    keep = '__attribute__((section(".jfd"), used)) const '
    for r in recs:
        c = r.c("").strip()
        nums = ["sizeof(%s)" % c, "_Alignof(%s)" % c]
        for name, bits in leaves(r):
            if bits:
                out.append("%s%s b_%d_%s = {.%s = -1};" % (keep, c, r.number, name, name))
            else:
                nums.append("__builtin_offsetof(%s, %s)" % (c, name))
        out.append("%sunsigned long long n_%d[] = {%s};" % (keep, r.number, ", ".join(nums)))
    return "\n".join(out), "\n".join(prog.notes), cgen.PREAMBLE + "\n".join(prog.text)


def compiler_says(target, recs, text, tmp):
    """{record number: line as layout_dump would print it}"""
    _, cc, prefix, _, _ = target
    c, o, raw = (os.path.join(tmp, "x" + e) for e in (".c", ".o", ".bin"))
    with open(c, "w") as f:
        f.write(text)
    subprocess.run(cc + ["-w", "-Wno-packed-bitfield-compat", "-std=gnu11", "-c", c, "-o", o], check=True)
    subprocess.run([prefix + "objcopy", "-O", "binary", "-j", ".jfd", o, raw], check=True)
    nm = subprocess.run([prefix + "nm", o], check=True, capture_output=True, text=True).stdout
    at = {m[2]: int(m[1], 16)
          for m in re.finditer(r"^([0-9a-f]+) \w (\w+)$", nm, re.M)}
    with open(raw, "rb") as f:
        data = f.read()
    said = {}
    for r in recs:
        where = at["n_%d" % r.number]
        n = 2 + sum(not bits for _, bits in leaves(r))
        nums = list(struct.unpack_from("<%dQ" % n, data, where))
        size, align = nums[:2]
        rest = iter(nums[2:])
        words = [str(r.number), str(size), str(align)]
        for name, bits in leaves(r):
            if bits:
                b = at["b_%d_%s" % (r.number, name)]
                words.append("%s=%s" % (name, data[b:b + size].hex()))
            else:
                words.append("%s=%d" % (name, next(rest)))
        said[r.number] = " ".join(words)
    return said


def jiffi_says(dump, target, words, text):
    out = subprocess.run([dump, target[0]] + words, input=text, capture_output=True, text=True)
    if out.returncode:
        return {"crash": "exit %d: %s" % (out.returncode, out.stderr[-2000:])}
    return {int(line.split()[0]): line for line in out.stdout.splitlines()}


def compare(dump, target, recs, tmp):
    """[(record, compiler's line, our line)] where they differ."""
    text, notes, decls = source(recs)
    theirs = compiler_says(target, recs, text, tmp)
    bad = []
    # from the description, and as a user would: by parsing the declarations
    for words, given in (([], notes), (["cdef"], decls)):
        ours = jiffi_says(dump, target, words, given)
        if "crash" in ours:
            bad.append((recs[0], theirs[recs[0].number], " ".join(words + [ours["crash"]])))
            continue
        bad += [(r, theirs[r.number], " ".join(words + [ours.get(r.number, "nothing")]))
                for r in recs if theirs[r.number] != ours.get(r.number)]
    return bad


def renumber(rec):
    for i, (inner, _) in enumerate(rec.inner()):
        inner.number = i + 1
    rec.number = 0


def shrink(dump, target, bad, tmp):
    again = True
    while again:
        again = False
        for c in cgen.smaller(bad[0]):
            try:
                got = compare(dump, target, [c], tmp)
            except subprocess.CalledProcessError:
                continue
            if got:
                bad, again = got[0], True
                break
    return bad


def run_target(args, target, tmp):
    name, cc, _, rare, long_bits = target
    if not shutil.which(cc[0]):
        print("%s: %s is not installed: skipped" % (name, cc[0]))
        return 0
    probe = subprocess.run(cc + ["-x", "c", "-c", "-", "-o", os.devnull], input="int x;",
                           capture_output=True, text=True)
    if probe.returncode:
        print("%s: %s does not work here: skipped" % (name, " ".join(cc)))
        return 0
    rng = random.Random("%s %d" % (name, args.seed))
    done = 0
    bad = 0
    while done < args.count:
        maker = cgen.Maker(rng, rare, vectors=name != "x86_linux", big=True,
                           width_long=long_bits)
        recs = [maker.record() for _ in range(min(500, args.count - done))]
        got = compare(args.dump, target, recs, tmp)
        done += len(recs)
        bad += len(got)
        for case in got[:args.show]:
            rec, theirs, ours = shrink(args.dump, target, case, tmp)
            print("%s: seed %d differs:\n%s\n  %s: %s\n  jiffi: %s" % (
                name, args.seed, source([rec])[0].split("\n", cgen.PREAMBLE.count("\n"))[-1]
                .split("__attribute__((section")[0], cc[0], theirs, ours))
        if got and args.stop:
            break
    print("%s: %d records, %d differ (%s, seed %d)" % (name, done, bad, " ".join(cc), args.seed))
    return bad


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--dump", required=True)
    p.add_argument("--count", type=int, default=2000, help="records per target")
    p.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    p.add_argument("--target")
    p.add_argument("--show", type=int, default=3, help="differences shrunk and shown")
    p.add_argument("--stop", action="store_true", help="at the first batch that differs")
    args = p.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as tmp:
        for target in TARGETS:
            if args.target in (None, target[0]):
                bad += run_target(args, target, tmp)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
