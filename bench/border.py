#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What safety at the border costs: C++ exceptions, the GIL, checked mode, errors.

    bench/border.py [--repeats 9] [--sections cxx,gil] [--json]

Every peer of a case is measured in turns, in one process. `measure()` gives the
figures; bench/run.py runs this file in a process of its own (--json) and puts
them beside the rest. PYTHONPATH has to lead to jiffi.
"""

import argparse
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import border_peers  # noqa: E402
import border_report  # noqa: E402
import timing  # noqa: E402


def say(text):
    print("  " + text, file=sys.stderr, flush=True)


def collect(section, peers, missing):
    """{peer: names}; who is not there is named."""
    there = {}
    for name, title, make in peers:
        try:
            there[name] = make()
        except Exception as e:  # said, and the rest goes on
            missing["%s/%s" % (section, title)] = "%s: %s" % (type(e).__name__, e)
    return there


def field(case, there, wall, missing, section):
    """The contestants of one case."""
    ident, title, statements, per = case
    found = []
    for name, names in there.items():
        text = statements.get(name, statements.get(None)) if name in statements or \
            None in statements else None
        if not text or not usable(text, names):
            continue
        try:
            copies = 1 if per > 1 else timing.COPIES
            found.append(timing.Contestant(name, text, names, per, copies, wall))
        except Exception as e:  # said, and the rest goes on
            missing["%s/%s/%s" % (section, title, name)] = "%s: %s" % (
                type(e).__name__, e)
    return found


def usable(text, names):
    """A peer that lacks the function of a case is left out of it."""
    code = compile(text, "<case>", "exec")
    known = set(names) | set(dir(__builtins__)) | {"x", "i"}
    return set(code.co_names) <= known | {"errno"}


def measure(repeats, wanted=None):
    """{section: {case: {peer: figures}}}, with "missing": {what: why}."""
    out = {"missing": {}}
    for ident, title, _, cases, peers, often, wall in border_peers.SECTIONS:
        if wanted and ident not in wanted:
            continue
        there = collect(ident, peers, out["missing"])
        rows = out.setdefault(ident, {})
        for case in cases:
            contestants = field(case, there, wall, out["missing"], ident)
            rows[case[0]] = timing.race(contestants, repeats, often)
            say("%-34s %s" % ("%s: %s" % (title, case[1]), "  ".join(
                "%s %.1f" % (n, v["min"]) for n, v in sorted(
                    rows[case[0]].items(), key=lambda kv: kv[1]["min"]))))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--sections", help="names, with commas between; default: all")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    data = measure(options.repeats, options.sections and options.sections.split(","))
    if options.json:
        print(json.dumps(data))
        return 0
    print("\n".join(border_report.markdown(data)))
    for what, ratio, limit in border_report.targets(data):
        print("%s: %s, at most %.3g" % (what, "-" if ratio is None else "%.3f" % ratio, limit))
    for what, why in data["missing"].items():
        print("missing: %s: %s" % (what, why))
    return 0


if __name__ == "__main__":
    sys.exit(main())
