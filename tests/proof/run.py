#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What jf_prove says of functions on both sides of the line, and of whole libraries.

    run.py --driver BUILD/tests/proof/proof_driver [--cc gcc] [--runner "qemu-aarch64 ..."]
           [--only hand,libraries] [--show PATTERN] [--cold] [--strict]

hand: functions_c.txt and functions_x64.txt, compiled into a library that is loaded with
slots of its linkage table filled at once and with slots that are not, and a third time
with every jump back taken for a loop (proof_follow_back).
libraries: every function that libm, libz, libsqlite3, libcrypto and libc export gets an
answer; the shares that are proved are printed, and known ones compared.

Prints a line for each failure and `N passed, M failed`; 0 when none failed. Figures are
printed and not tested: they are of this machine's libraries.
"""
import argparse
import collections
import os
import re
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import elf  # noqa: E402

Row = collections.namedtuple("Row", "name verdict how reason body")
Answer = collections.namedtuple("Answer", "verdict tls instructions functions ns reason")
HEAD = re.compile(r"^(\w+): (yes|tls|no)([^:]*):(.*)$")
FLAGS = ["-O1", "-fno-inline", "-fPIC", "-fno-stack-clash-protection", "-fno-stack-protector",
         "-fcf-protection=none", "-U_FORTIFY_SOURCE", "-w"]

# By what they have to do on any machine: a known verdict, and part of its reason.
KNOWN = {
    "libm.so.6": [("fabs", "yes", ""), ("fabsf", "yes", ""), ("copysign", "yes", "")],
    "libz.so.1": [("zlibVersion", "yes", ""), ("compressBound", "yes", ""),
                  ("crc32", "no", ""), ("deflate", "no", ""), ("gzopen", "no", ""),
                  ("adler32", "no", ""), ("inflate", "no", "")],
    "libsqlite3.so.0": [("sqlite3_libversion", "yes", ""),
                        ("sqlite3_libversion_number", "yes", ""),
                        ("sqlite3_sourceid", "yes", ""), ("sqlite3_step", "no", ""),
                        ("sqlite3_open", "no", ""), ("sqlite3_exec", "no", "")],
    "libcrypto.so.3": [("OPENSSL_version_major", "yes", ""), ("BN_num_bits_word", "yes", ""),
                       ("SHA256_Update", "no", ""), ("RAND_bytes", "no", ""),
                       ("CRYPTO_malloc", "no", ""), ("BIO_read", "no", "")],
    "libc.so.6": [("abs", "yes", ""), ("labs", "yes", ""), ("llabs", "yes", ""),
                  ("div", "yes", ""), ("htonl", "yes", ""), ("ffs", "yes", ""),
                  ("__errno_location", "yes", ""),
                  ("getpid", "no", "it makes a system call at +0x"),
                  ("read", "no", ""), ("write", "no", ""), ("malloc", "no", ""),
                  ("free", "no", ""), ("printf", "no", ""), ("qsort", "no", ""),
                  ("memcpy", "no", ""), ("strlen", "no", ""), ("exit", "no", ""),
                  ("pthread_mutex_lock", "no", ""), ("sleep", "no", ""),
                  ("longjmp", "no", ""), ("swapcontext", "no", ""),
                  ("syscall", "no", "makes a system call"), ("vfork", "no", "")],
}


class Report:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, ok, text):
        self.passed += bool(ok)
        self.failed += not ok
        if not ok:
            print("FAIL", text)


# --- the functions made by hand -----------------------------------------------------


def read_rows(path):
    """The rows of a file; comments and blank lines stand between them."""
    rows, body = [], None
    with open(os.path.join(HERE, path), encoding="utf-8") as f:
        for line in f:
            head = HEAD.match(line)
            if head:
                body = []
                name, verdict, how, reason = head.groups()
                rows.append(Row(name, verdict, how.split(), reason.strip(), body))
            elif body is not None and not re.match(r"# |#$", line):
                body.append(line)
    return rows


def assembly(rows):
    """One .S of all rows, in their order."""
    out = []
    for row in rows:
        out.append("    .text\n    .p2align 4\n")
        if "local" not in row.how:
            out.append("    .globl %s\n" % row.name)
        if "notype" not in row.how:
            out.append("    .type %s, @function\n" % row.name)
        out.append("%s:\n%s" % (row.name, "".join(row.body)))
        if "nosize" not in row.how and "notype" not in row.how:
            out.append("    .size %s, . - %s%s\n" % (row.name, row.name,
                                                      " - 1" if "short" in row.how else ""))
    return "".join(out) + "    .section .note.GNU-stack, \"\", @progbits\n"


def compile_rows(cc, where, cpu):
    """(rows, objects): what can be asked for on this CPU."""
    rows, objects = [], []

    def build(name, text, flags):
        path = os.path.join(where, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        subprocess.run(cc + flags + ["-c", path, "-o", path + ".o"], check=True)
        objects.append(path + ".o")

    for row in read_rows("functions_c.txt"):
        if {"x64", "a64"} & set(row.how) - {cpu}:
            continue
        flags = [f for f in FLAGS if cpu == "x64" or "cf-protection" not in f]
        build(row.name + ".c", "".join(row.body),
              flags + [f for f in row.how if f.startswith("-")])
        rows.append(row)
    if cpu == "x64":
        mine = [r for r in read_rows("functions_x64.txt") if "last" not in r.how]
        build("x64.S", assembly(mine), [])
        rows += [r for r in mine if "local" not in r.how]
    return rows, objects


def at_the_end(options, report, where):
    """Functions behind which no code stands: each in a library of its own."""
    rows = [r for r in read_rows("functions_x64.txt") if "last" in r.how]
    for row in rows:
        path = os.path.join(where, row.name)
        with open(path + ".S", "w", encoding="utf-8") as f:
            f.write(assembly([row]))
        subprocess.run(options.cc + ["-shared", "-nostdlib", path + ".S", "-o", path + ".so"],
                       check=True)
        answers, _ = ask(options, path + ".so", [row.name])
        check_row(report, "last", row, answers.get(row.name))
    return len(rows)


def ask(options, library, names, *flags):
    """{name: Answer}, and how the driver ended."""
    command = options.runner + [options.driver, *flags, library]
    done = subprocess.run(command, input="\n".join(names) + "\n", text=True,
                          stdout=subprocess.PIPE, errors="replace", timeout=600)
    answers = {}
    for line in done.stdout.splitlines():
        parts = line.split("\t")
        if len(parts) == 7:
            answers[parts[0]] = Answer(parts[1], parts[2] == "tls", *map(int, parts[3:6]),
                                       parts[6])
    if done.returncode:
        print(done.stdout[-500:])
    return answers, done.returncode


def hand(options, report):
    cpu = options.cpu
    with tempfile.TemporaryDirectory() as where:
        other = os.path.join(where, "libother.so")
        subprocess.run(options.cc + ["-O1", "-fPIC", "-shared", "-fno-inline",
                                     "-fno-optimize-sibling-calls", "-Wl,-z,lazy",
                                     os.path.join(HERE, "other.c"), "-o", other], check=True)
        rows, objects = compile_rows(options.cc, where, cpu)
        for how in "lazy", "now", "lazy strict":
            library = os.path.join(where, "libcases_%s.so" % how.split()[0])
            subprocess.run(options.cc + ["-shared", "-Wl,-Bsymbolic", "-Wl,-z," + how.split()[0],
                                         *objects, "-L" + where, "-lother", "-lm",
                                         "-Wl,-rpath," + where, "-o", library], check=True)
            answers, status = ask(options, library, [r.name for r in rows],
                                  *({"now": ["--now"], "lazy strict": ["--strict"]}.get(how, [])))
            report.check(status == 0, "%s: the driver ended with %d" % (how, status))
            for row in rows:
                check_row(report, how, row, answers.get(row.name))
        alone = at_the_end(options, report, where) if cpu == "x64" else 0
        print("%d functions made by hand, %d of them on the side of the proved" % (
            len(rows) + alone, sum(r.verdict != "no" for r in rows)))


def check_row(report, how, row, got):
    if got is None:
        report.check(False, "%s (%s): no answer" % (row.name, how))
        return
    if "back" in row.how and how == "lazy strict" and "it jumps back" in got.reason:
        report.check(got.verdict == "no", "%s (%s): %s" % (row.name, how, got))
        return
    want = "no" if row.verdict == "no" else "yes"
    report.check(got.verdict == want and row.reason in got.reason and
                 (want == "no" or got.tls == (row.verdict == "tls")),
                 "%s (%s)\n    want: %s %s\n    got:  %s%s %s" % (
                     row.name, how, row.verdict, row.reason, got.verdict,
                     " tls" if got.tls else "", got.reason))


# --- whole libraries ---------------------------------------------------------------------


def libraries(options, report):
    for soname in KNOWN:
        path = elf.find(soname)
        if not path:
            print("%s: not here, left out" % soname)
            continue
        names = elf.functions(path)
        flags = ["--" + f for f in ("cold", "strict") if getattr(options, f)]
        answers, status = ask(options, path, names, *flags)
        report.check(status == 0, "%s: the driver ended with %d" % (soname, status))
        # Old versions of symbols are not found by name alone.
        report.check(len(answers) > 0.8 * len(names), "%s: %d answers for %d names" % (
            soname, len(answers), len(names)))
        for name, a in answers.items():
            report.check(a.reason.startswith("it ") and (a.verdict == "no" or
                         0 < a.instructions), "%s: %s" % (name, a))
            if options.show and re.search(options.show, name):
                print(soname, name, *a)
        for name, verdict, reason in KNOWN[soname]:
            a = answers.get(name)
            report.check(a and a.verdict == verdict and reason in a.reason,
                         "%s of %s: want %s, got %s" % (name, soname, verdict, a))
        shares(soname, answers)


def shares(soname, answers):
    proved = [a for a in answers.values() if a.verdict == "yes"]
    times = sorted(a.ns / 1000 for a in answers.values())
    slowest = max(answers, key=lambda n: answers[n].ns)
    print("%-16s %5d functions, %5d proved: %4.1f %%; %d of them may touch errno; an answer: "
          "median %.1f us, mean %.1f us, worst %.0f us (%s)" % (
              soname, len(answers), len(proved), 100 * len(proved) / len(answers),
              sum(a.tls for a in proved), times[len(times) // 2], sum(times) / len(times),
              times[-1], slowest))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--driver", required=True)
    parser.add_argument("--cc", default=os.environ.get("CC", "cc"), type=shlex.split)
    parser.add_argument("--runner", default="", type=shlex.split)
    parser.add_argument("--only", default="hand,libraries")
    parser.add_argument("--show", help="answers for functions of libraries, by name")
    parser.add_argument("--cold", action="store_true", help="nothing remembered in between")
    parser.add_argument("--strict", action="store_true",
                        help="libraries with every jump back taken for a loop: other shares")
    options = parser.parse_args()
    machine = subprocess.run(options.cc + ["-dumpmachine"], text=True, check=True,
                             stdout=subprocess.PIPE).stdout
    options.cpu = "a64" if machine.startswith("aarch64") else "x64"
    report = Report()
    done = subprocess.run(options.runner + [options.driver, "/nowhere"], text=True,
                          stdout=subprocess.PIPE)
    if done.returncode == 3:
        print("skipped:", done.stdout.strip())
        print("1 passed, 0 failed")
        return 0
    if "hand" in options.only:
        hand(options, report)
    if "libraries" in options.only:
        libraries(options, report)
    print("%d passed, %d failed" % (report.passed, report.failed))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
