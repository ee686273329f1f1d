# SPDX-License-Identifier: MIT
"""Time single statements: many per turn of a loop, the loop's own cost taken off.

A statement is compiled into a function of its own whose free names are local
variables, as in real code that is hot. Contestants are measured in turns, so
that a slow spell of the machine hits all of them. The clock is the CPU time of
this thread: what other processes do in between is not counted.
"""

import gc
import statistics
import textwrap
from itertools import repeat
from time import perf_counter, thread_time

COPIES = 20          # times the statement stands in the loop's body
TARGET = 0.012       # seconds that one repeat should take


def compile_loop(statement, env, copies=COPIES, clock=thread_time):
    """A function n -> seconds for n turns of `copies` statements."""
    names = sorted(k for k in env if k.isidentifier())
    arguments = ", ".join("%s=%s" % (k, k) for k in names)
    body = "\n".join([textwrap.indent(statement, " " * 8)] * copies) or "        pass"
    source = ("def loop(_n, _repeat=_repeat, _clock=_clock, %s):\n"
              "    _t = _clock()\n"
              "    for _ in _repeat(None, _n):\n%s\n"
              "    return _clock() - _t\n" % (arguments, body))
    space = dict(env, _repeat=repeat, _clock=clock)
    exec(compile(source, "<%s>" % statement, "exec"), space)
    return space["loop"]


EMPTY = compile_loop("pass", {}, 1)


class Contestant:
    """One statement of one peer. `per`: how many calls one statement is. `wall`:
    by the clock on the wall, for what runs in several threads."""

    def __init__(self, name, statement, env, per=1, copies=COPIES, wall=False):
        self.name, self.statement = name, statement
        self.per, self.copies = per, copies
        self.loop = compile_loop(statement, env, copies,
                                 perf_counter if wall else thread_time)
        self.samples = []
        self.turns = self.calibrate()

    def calibrate(self):
        turns = 1
        self.loop(1)
        while True:
            seconds = self.loop(turns)
            if seconds > TARGET / 4:
                return max(1, int(turns * TARGET / seconds))
            turns *= 4

    def measure(self):
        empty = min(EMPTY(self.turns) for _ in range(2))
        if self.copies == 1:
            self.loop(1)  # whoever was before has filled the caches
        seconds = max(self.loop(self.turns) - empty, 0)
        self.samples.append(seconds / (self.turns * self.copies * self.per) * 1e9)


def race(contestants, repeats=9, often=()):
    """{name: {"min": ns, "median": ns}}: every contestant, in turns; those named in
    `often` three times a turn, among themselves."""
    was = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for _ in range(repeats):
            for c in contestants:
                c.measure()
            for c in [c for c in contestants if c.name in often] * 2:
                c.measure()
    finally:
        if was:
            gc.enable()
    return {c.name: {"min": min(c.samples), "median": statistics.median(c.samples),
                     "n": len(c.samples)} for c in contestants}
