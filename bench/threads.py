#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many Python threads calling C in one process: throughput and latencies.

    bench/threads.py [--seconds 0.5] [--rounds 2] [--threads 1,16,64] [--json]

A cell is a function, a peer and a number of threads. Each thread calls the function
in a loop until the cell's time is over; what is kept is the time from one return to
the next, so that waiting for the GIL counts wherever it happens. Beside them runs a
*bystander*: a Python thread that asks for a sleep of 1 ms again and again, and sees
how late it wakes up. All peers take turns, in `rounds` rounds.

A call that keeps the GIL ends by itself: the waits are bounded, and nobody waits for
another Python thread. PYTHONPATH has to lead to jiffi.
"""

import argparse
import array
import ctypes
import gc
import json
import os
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import border_peers  # noqa: E402
import threads_report  # noqa: E402
from peers import build  # noqa: E402

FUNCTIONS = ("straight", "spin", "nap")
# id, title, function, its argument (None: found out so that it takes so many us)
JOBS = [("1us", "1 us, arithmetic without a jump", "straight", 0.5, None),
        ("100us", "100 us, a loop", "spin", None, 100),
        ("wait", "waits for 1 ms", "nap", 1000, None)]
NAP = 0.001
ENOUGH = 200000  # samples for a percentile, evenly taken out of all


def say(text):
    print("  " + text, file=sys.stderr, flush=True)


# --- the peers --------------------------------------------------------------------


def jiffi(gil):
    ffi = border_peers.jiffi_ffi(build.CDEF, gil=gil)
    return border_peers.take(ffi.dlopen(build.callee()), FUNCTIONS)


def with_ctypes():
    lib = ctypes.CDLL(build.callee())
    for name, result, argument in (("straight", ctypes.c_double, ctypes.c_double),
                                   ("spin", ctypes.c_double, ctypes.c_long),
                                   ("nap", ctypes.c_int, ctypes.c_int)):
        f = getattr(lib, name)
        f.restype, f.argtypes = result, [argument]
    return border_peers.take(lib, FUNCTIONS)


def with_ext(suffix):
    return border_peers.take(build.ext(), FUNCTIONS, suffix)


def with_cffi(api):
    lib = build.cffi_api().lib if api else border_peers.stock()[1]
    return border_peers.take(lib, FUNCTIONS)


MAKE = {
    "auto": lambda: jiffi("auto"), "hold": lambda: jiffi("hold"),
    "release": lambda: jiffi("release"), "ext": lambda: with_ext(""),
    "ext_nogil": lambda: with_ext("_nogil"), "cffi_api": lambda: with_cffi(True),
    "cffi_abi": lambda: with_cffi(False), "ctypes": with_ctypes,
}


def peers(missing):
    """{peer: {function: callable}}"""
    there = {}
    for name, title in threads_report.PEERS:
        try:
            there[name] = MAKE[name]()
        except Exception as e:  # said, and the rest goes on
            missing["threads/" + title] = "%s: %s" % (type(e).__name__, e)
    return there


# --- one cell ------------------------------------------------------------------------


class Cell:
    """The samples of one cell over all rounds, nanoseconds."""

    def __init__(self):
        self.calls = 0
        self.seconds = 0.0
        self.turns = array.array("q")
        self.late = array.array("q")

    def run(self, function, argument, n, seconds):
        """One round with n threads."""
        clock, span = [], int(seconds * 1e9)
        ready = threading.Barrier(n + 2, lambda: clock.append(time.perf_counter_ns()))
        samples = [array.array("q") for _ in range(n)]
        done = [0] * n
        workers = [threading.Thread(target=work, args=(
            function, argument, ready, clock, span, samples[i], done, i)) for i in range(n)]
        workers.append(threading.Thread(target=stand_by,
                                        args=(ready, clock, span, self.late)))
        for w in workers:
            w.start()
        ready.wait()
        for w in workers:
            w.join()
        self.calls += sum(done)
        self.seconds += seconds
        for s in samples:
            self.turns.extend(s)

    def figures(self):
        return {"calls_per_s": self.calls / self.seconds, "us": percentiles(self.turns),
                "late_us": percentiles(self.late)}


def work(function, argument, ready, clock, span, samples, done, i):
    """A thread's calls. A thread that is let run late has waited from the begin; what is
    under way at the end is a sample, as leaving it out would hide the longest waits, but
    no call that was done in time. The body of the loop is what all peers pay alike."""
    now, keep = time.perf_counter_ns, samples.append
    function(argument)  # the first call of a peer may make code
    ready.wait()
    last = clock[0]
    end = last + span
    while True:
        function(argument)
        t = now()
        keep(t - last)
        if t >= end:
            break
        last = t
    done[i] = len(samples) - 1


def stand_by(ready, clock, span, late):
    """Somebody who has nothing to do with C and wants to run every millisecond."""
    ready.wait()
    last = clock[0]
    end = last + span
    while last < end:
        time.sleep(NAP)
        now = time.perf_counter_ns()
        late.append(now - last - int(NAP * 1e9))
        last = now


def percentiles(samples):
    """{"p50": us, ...} of nanoseconds; {} of nothing."""
    if not samples:
        return {}
    ordered = sorted(samples[::max(1, len(samples) // ENOUGH)])
    found = {name: ordered[int(part * len(ordered))] / 1e3
             for name, part in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))}
    return dict(found, max=max(samples) / 1e3)


def turns_for(function, us):
    """The argument for which function(argument) takes so many microseconds."""
    n, best = 1000, None
    for _ in range(20):
        begin = time.perf_counter_ns()
        function(n)
        took = time.perf_counter_ns() - begin
        best = took if best is None else min(best, took)
    return max(1, int(n * us * 1e3 / best))


# --- all cells -------------------------------------------------------------------------


def measure(seconds, rounds, counts):
    missing = {}
    there = peers(missing)
    out = {"seconds": seconds, "rounds": rounds, "switch_ms": sys.getswitchinterval() * 1e3,
           "cells": {}, "missing": missing}
    gc.collect()
    gc.disable()
    try:
        for job, title, name, argument, us in JOBS:
            if argument is None:
                argument = turns_for(build.ext().spin, us)
            for n in counts:
                cells = {p: Cell() for p in there}
                for _ in range(rounds):
                    for p, cell in cells.items():
                        cell.run(there[p][name], argument, n, seconds)
                row = {p: cell.figures() for p, cell in cells.items()}
                out["cells"]["%s/%d" % (job, n)] = row
                say("%-34s %2d threads  %s" % (title, n, "  ".join(
                    "%s %.0f/s %.0f us" % (p, v["calls_per_s"], v["late_us"].get("p99", 0))
                    for p, v in row.items())))
    finally:
        gc.enable()
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=0.5, help="of a cell, in one round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", default="1,16,64")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--chart", help="where to write the chart")
    options = parser.parse_args()
    data = measure(options.seconds, options.rounds,
                   [int(n) for n in options.threads.split(",")])
    if options.chart:
        with open(options.chart, "w", encoding="utf-8") as f:
            f.write(threads_report.chart(data) + "\n")
    if options.json:
        print(json.dumps(data))
        return 0
    print("\n".join(threads_report.markdown(data)))
    for what, why in data["missing"].items():
        print("missing: %s: %s" % (what, why))
    return 0


if __name__ == "__main__":
    sys.exit(main())
