# SPDX-License-Identifier: MIT
"""`jiffi advise`: run a program, watch its C calls, say who should keep the GIL.

    jiffi advise [--json FILE] SCRIPT [ARGUMENT...]
    jiffi advise [--json FILE] -m MODULE [ARGUMENT...]

The program runs as `python SCRIPT` or `python -m MODULE` would run it, and its exit
status stays what it is. Every call of a library's function, and of a module that jiffi
compiled, is counted and timed (observe.c), which makes it slower by about a
microsecond. What is seen goes to stderr when the program ends, however it ends; child
processes report nothing. Calls by ffi.map(), ufuncs and ffi.stream(), through function
pointers, by ffi.sized(), and by programs that use cffi's own names are not seen.
"""

import atexit
import json
import os
import runpy
import sys
import textwrap
import types

_jiffi = sys.modules["jiffi._jiffi"]

OFTEN = 1000          # calls, below which nothing is gained
FAST = 0.999          # share of calls of a microsecond at most
BLOCKED_NS = 1000000  # waited in one call: others could have run
WIDTH = 80

USAGE = """\
usage: jiffi advise [--json FILE] SCRIPT [ARGUMENT...]
       jiffi advise [--json FILE] -m MODULE [ARGUMENT...]

Run a program and say which C functions would gain from gil="hold", and which
ones block other threads because of it.

  --json FILE  write what was seen, and the advice, as JSON
"""


# --- what to say -------------------------------------------------------------------


def name_of(row):
    return "%s%s()" % (
        os.path.basename(row["library"]).partition(".so")[0] + "." if row["library"]
        else "", row["name"])


def would_gain(row):
    """It lets the GIL go, and always comes back at once without calling back."""
    return (not row["hold"] and row["calls"] >= OFTEN and not row["callbacks"]
            and row["fast"] >= FAST * row["calls"])


def blocked(row):
    """It kept the GIL because it was told to, and waited."""
    return row["hold"] and not row["proved"] and row["longest_wait_ns"] >= BLOCKED_NS


def analyse(rows, saved_ns):
    """{"gain": [...], "blocked": [...], "proved": n, "functions": rows}, the most
    important first. `saved_ns`: what a call saves by keeping the GIL."""
    gain = [dict(row, saves_ns=saved_ns * row["calls"]) for row in rows if would_gain(row)]
    waits = [row for row in rows if blocked(row)]
    return {
        "release_ns": saved_ns,
        "gain": sorted(gain, key=lambda row: -row["saves_ns"]),
        "blocked": sorted(waits, key=lambda row: -row["waited_ns"]),
        "proved": sum(row["hold"] and row["proved"] for row in rows),
        "functions": rows,
    }


def duration(ns):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return "%.3g %s" % (ns / size, unit)
    return "%d ns" % ns


def count(n, what):
    return "{:,} {}{}".format(n, what, "" if n == 1 else "s")


def table(head, rows):
    """Lines of columns; the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in [head] + rows) for i in range(len(head))]
    widths[0] = min(widths[0], WIDTH - 2 - sum(w + 2 for w in widths[1:]))
    return ["  " + row[0].ljust(widths[0]) + "".join(
        "  " + cell.rjust(w) for cell, w in zip(row[1:], widths[1:]))
        for row in [head] + rows]


def paragraph(text, indent=""):
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def _gain_lines(found):
    rows = [[name_of(r), "{:,}".format(r["calls"]), duration(r["wall_ns"] // r["calls"]),
             duration(r["longest_ns"]), duration(r["saves_ns"])] for r in found]
    lines = paragraph("Would gain from gil='hold': they let the GIL go, come back at once "
                      "and call nobody back.")
    head, *body = table(["function", "calls", "mean", "longest", "would save"], rows)
    lines.append(head)
    for row, line in zip(found, body):
        lines.append(line)
        why = ("it was asked to release" if row["asked"] == "release"
               else "not proved: " + row["reason"])
        lines += paragraph(why, "      ")
    names = ", ".join(repr(r["name"]) for r in found)
    return lines + paragraph("Say it, if they never wait for another thread: "
                             "ffi.gil('hold', %s)" % names)


def _blocked_lines(found):
    rows = [[name_of(r), "{:,}".format(r["calls"]), duration(r["waited_ns"]),
             duration(r["longest_wait_ns"])] for r in found]
    lines = paragraph("Blocked while they held the GIL: they waited, and no other thread "
                      "could run Python in that time.")
    lines += table(["function", "calls", "waited", "longest"], rows)
    names = ", ".join(repr(r["name"]) for r in found)
    return lines + paragraph("Let them release it: ffi.gil('release', %s)" % names)


def text_of(advice, program):
    """The report, at most 80 columns where names allow it."""
    rows = advice["functions"]
    calls = sum(r["calls"] for r in rows)
    lines = paragraph("jiffi advise: %s: %s of %s, %d of which proved not to wait." % (
        program, count(calls, "call"), count(len(rows), "C function"), advice["proved"]))
    if advice["gain"]:
        lines += [""] + _gain_lines(advice["gain"])
    if advice["blocked"]:
        lines += [""] + _blocked_lines(advice["blocked"])
    if not advice["gain"] and not advice["blocked"]:
        lines += paragraph("Nothing to change." if rows else "It called no C function "
                           "that can be observed.")
    lines += [""] + paragraph(
        "Letting the GIL go costs %s a call here. Times are of the C code alone; "
        "observing made every call slower." % duration(advice["release_ns"]))
    return "\n".join(lines) + "\n"


# --- running -----------------------------------------------------------------------


def _report(program, saved_ns, process, json_file):
    if os.getpid() != process:  # a fork of it
        return
    advice = analyse(_jiffi._observed(), saved_ns)
    if json_file is not None:
        with open(json_file, "w", encoding="utf-8") as f:
            json.dump(advice, f, indent=1)
    sys.stdout.flush()
    sys.stderr.write("\n" + text_of(advice, program))
    sys.stderr.flush()


def _without_us(hook):
    """Tracebacks begin in the program, as without us."""
    ours = (__file__, runpy.__file__)

    def show(kind, value, trace):
        first = trace
        while first is not None and (
                first.tb_frame.f_code.co_filename in ours
                or first.tb_frame.f_globals.get("__package__") == "jiffi"
                or first.tb_frame.f_code.co_filename.startswith("<frozen runpy")):
            first = first.tb_next
        hook(kind, value.with_traceback(first or trace), first or trace)
    return show


def _run_script(path):
    with open(path, "rb") as f:
        code = compile(f.read(), path, "exec", dont_inherit=True)
    module = types.ModuleType("__main__")
    module.__dict__.update(__file__=path, __builtins__=__builtins__, __spec__=None,
                           __loader__=None, __package__=None, __cached__=None)
    sys.modules["__main__"] = module
    exec(code, module.__dict__)


def _options(argv):
    """(json file or None, module or None, what follows). Exits on mistakes."""
    argv, json_file, module = list(argv), None, None
    while argv and argv[0].startswith("-") and argv[0] != "-":
        option, value = argv.pop(0), None
        if option in ("-h", "--help"):
            sys.stdout.write(USAGE)
            sys.exit(0)
        if option == "--":
            break
        if option.startswith("--json="):
            option, value = "--json", option[len("--json="):]
        if option not in ("--json", "-m"):
            sys.exit(USAGE + "jiffi advise: error: unknown option %s" % option)
        if value is None and not argv:
            sys.exit(USAGE + "jiffi advise: error: %s needs an argument" % option)
        value = argv.pop(0) if value is None else value
        if option == "-m":
            module = value
            break
        json_file = os.path.abspath(value)
    if module is None and not argv:
        sys.exit(USAGE + "jiffi advise: error: which program?")
    return json_file, module, argv


def main(argv):
    json_file, module, rest = _options(argv)
    program = "-m " + module if module is not None else rest[0]
    if module is None and not os.path.isfile(rest[0]):
        sys.exit("jiffi advise: error: there is no file '%s'" % rest[0])
    saved_ns = _jiffi._observe()
    atexit.register(_report, program, saved_ns, os.getpid(), json_file)
    sys.excepthook = _without_us(sys.excepthook)
    if module is not None:
        sys.argv = [module] + rest
        sys.path[0] = os.getcwd()
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return
    sys.argv = rest
    sys.path[0] = os.path.dirname(os.path.abspath(rest[0]))
    _run_script(rest[0])
