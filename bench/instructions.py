#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Count the instructions of calls and of work with C memory, in one build or several.

    bench/instructions.py build/release [other/build ...] [--cases add,item_read]

Instructions do not depend on what else the machine does: this shows whether a feature
that is off costs anything, where nanoseconds drift. Needs valgrind with its headers.
Each build runs in a process of its own under callgrind, which counts only the loops; an
empty loop is taken off. A build without checked mode has no such rows.
"""

import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import border_peers  # noqa: E402
import cases  # noqa: E402
import timing  # noqa: E402
from peers import build  # noqa: E402

TURNS = 100
MARKS = """
#include <valgrind/callgrind.h>
void cg_begin(void) { CALLGRIND_START_INSTRUMENTATION; CALLGRIND_ZERO_STATS; }
void cg_end(void) { CALLGRIND_DUMP_STATS; CALLGRIND_STOP_INSTRUMENTATION; }
"""


def marks():
    """The library whose calls bracket what is counted."""
    os.makedirs(build.OUT, exist_ok=True)
    path = os.path.join(build.OUT, "libmarks.so")
    source = os.path.join(build.OUT, "marks.c")
    if not build.fresh(path, __file__):
        with open(source, "w", encoding="utf-8") as f:
            f.write(MARKS)
        build.run(build.compiler() + build.C_FLAGS + [source, "-o", path])
    return path


# --- in the child ---------------------------------------------------------------


def contestants(wanted):
    """[(name, loop, statements per loop)]"""
    found = []

    def add(name, statement, names, per=1):
        if wanted and name not in wanted:
            return
        copies = timing.COPIES if per == 1 else 1
        found.append((name, timing.compile_loop(statement, names, copies), copies * per))

    for gil in ("hold", "release"):
        names = cases.peer_jiffi(gil)
        plain = {k: v for k, v in names.items() if k != "own"}
        for case in cases.CASES:
            text = cases.statement(case, names)
            if text and "." not in case[0] and (gil == "hold" or case in cases.CASES[:7]):
                add("%s, %s" % (case[1], gil), text, plain, case[3])
    for title, options in (("", {}), ("checked: ", {"checked": True})):
        try:
            names = border_peers.checked_jiffi(**options)
        except TypeError:
            continue  # a build that knows no checked mode
        for _, what, statements, per in border_peers.CHECKED_CASES:
            add(title + what, statements[None], names, per)
    return found


def count(wanted, library):
    """What the child does: names of the dumps, in their order, on stdout."""
    import ctypes
    lib = ctypes.CDLL(library)
    begin, end = lib.cg_begin, lib.cg_end
    told = []
    for name, loop, per in [("", timing.compile_loop("pass", {}, 1), 1)] + contestants(wanted):
        loop(300)  # specialised, compiled, its free lists filled
        begin()
        loop(TURNS)
        end()
        told.append((name, per))
    print(json.dumps(told))


# --- the parent -------------------------------------------------------------------


def run(directory, wanted):
    """{case: instructions per statement} of one build."""
    with tempfile.TemporaryDirectory() as where:
        env = dict(os.environ, PYTHONPATH=os.path.join(directory, "python"),
                   PYTHONHASHSEED="0")
        out = os.path.join(where, "dump")
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--quiet",
             "--callgrind-out-file=" + out, sys.executable, os.path.abspath(__file__),
             "--child", marks(), *(["--cases", ",".join(wanted)] if wanted else []), "-"],
            env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode:
            raise SystemExit("%s: %s" % (directory, done.stderr.strip()[-800:]))
        told = json.loads(done.stdout.strip().splitlines()[-1])
        totals = []
        for i in range(1, len(told) + 1):
            with open(next(iter(glob.glob("%s.%d" % (out, i))))) as f:
                totals.append(next(int(x.split()[1]) for x in f
                                   if x.startswith(("totals:", "summary:"))))
    empty = totals[0]
    return {name: (total - empty) / (TURNS * per)
            for (name, per), total in zip(told[1:], totals[1:])}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("builds", nargs="+")
    parser.add_argument("--cases", help="titles of rows, with commas between")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    wanted = options.cases.split(",") if options.cases else None
    if options.child:
        count(wanted, options.child)
        return 0
    rows = [run(d, wanted) for d in options.builds]
    names = dict.fromkeys(n for row in rows for n in row)
    print("| instructions | %s |" % " | ".join(map(os.path.relpath, options.builds)))
    print("|---|" + "--:|" * len(rows))
    for name in names:
        print("| %s | %s |" % (name, " | ".join(
            "%.1f" % row[name] if name in row else "" for row in rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
