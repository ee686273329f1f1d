# SPDX-License-Identifier: MIT
"""Inside gdb: stop at code that jiffi made, and at each of its instructions ask who
called. The answer must be the same at every one: place, stack, and every register that
a callee keeps. Started by tests/debug/run; prints a line for each stop.
"""

import json
import os

import gdb

KEPT = ("rip", "rsp", "rbp", "rbx", "r12", "r13", "r14", "r15")
MOST = 2000  # instructions in one call


def run(command):
    gdb.execute(command, to_string=True)


def caller():
    """The registers of whoever called the code that is running, and how many frames
    are below it (no more than 12 are counted)."""
    frame = gdb.newest_frame().older()
    if frame is None:
        return None
    registers = {r: int(frame.read_register(r)) for r in KEPT}
    depth = 0
    while frame is not None and depth < 12:
        depth, frame = depth + 1, frame.older()
    return registers, depth


def is_ours():
    name = gdb.newest_frame().name()
    return name is not None and name.startswith("jiffi:")


def walk(start, stops):
    """From the first byte of some code to its end; what is wrong, or None. Code that is
    stopped at on the way is walked through as well."""
    name, expected, n = gdb.newest_frame().name(), caller(), 0
    if not is_ours():
        return "%#x is not code of jiffi's but %s" % (start, name)
    while is_ours():
        pc = gdb.newest_frame().pc()
        if pc == expected[0]["rip"] and n:
            break  # the caller is code of ours
        if pc in stops and n:
            bad = walk(pc, stops)
            if bad:
                return bad
            continue
        if caller() != expected:
            return "%s at %#x: called by %s, and at its start by %s" % (
                gdb.newest_frame().name(), pc, caller(), expected)
        run("nexti")
        n += 1
        if n > MOST:
            return "%s does not end" % name
    here = int(gdb.newest_frame().read_register("rip"))
    if here != expected[0]["rip"]:  # it left by a jump to a helper
        if caller() != expected:
            return "%s jumped to a helper that was called by %s, not by %s" % (
                name, caller(), expected)
    print("walked %d %s" % (n, name), flush=True)
    return None


def main():
    run("set pagination off")
    run("set breakpoint pending on")
    run("set debuginfod enabled off")
    run("break getppid")
    run("run")
    run("delete")
    with open(os.environ["JIFFI_LOOK"], encoding="utf-8") as f:
        stops = json.load(f)["stops"]
    for address in stops:
        run("break *%#x" % address)
    while True:
        run("continue")
        if not gdb.selected_inferior().pid:
            break
        pc = gdb.newest_frame().pc()
        if pc not in stops:
            print("BAD stopped at %#x, which is no stop" % pc, flush=True)
            break
        bad = walk(pc, stops)
        if bad:
            print("BAD " + bad, flush=True)
    print("end", flush=True)


try:
    main()
except gdb.error as e:
    print("BAD gdb: %s" % e, flush=True)
run("kill") if gdb.selected_inferior().pid else None
