# SPDX-License-Identifier: MIT
"""jiffi.features(): which modes are active in this process, and why not the others."""

import os
import sys
import sysconfig
import textwrap

from . import _jiffi

WIDTH = 80

# What each key is about, in the order of the table.
TITLES = {
    "version": "jiffi",
    "target": "target",
    "python": "Python",
    "gil": "the interpreter's lock",
    "calls": "calls",
    "callbacks": "callbacks",
    "libffi": "libffi",
    "errno": "errno in machine code",
    "proof": 'proofs for gil="auto"',
    "disassembly": "listings in explain",
    "cxx": "C++ exceptions",
    "cxx_runtime": "C++ libraries loaded",
    "numpy": "NumPy's fast paths",
    "gdb": "names and frames for gdb",
    "perf": "names for perf",
    "checked": "checked mode",
}


class Features(dict):
    """A dict of str to str, None for what is off. `why` has a sentence for each of
    those; str() is a table."""

    def __init__(self, values, why):
        super().__init__(values)
        self.why = why

    def __str__(self):
        return table(self)


def table(found):
    width = max(map(len, TITLES.values())) + 2
    lines = []
    for key, title in TITLES.items():
        value, why = found[key], found.why.get(key)
        text = value if value is not None else "off: " + why
        lines.append(textwrap.fill(
            text, WIDTH, initial_indent=title.ljust(width), break_on_hyphens=False,
            subsequent_indent=" " * width, break_long_words=False))
    return "\n".join(lines)


def cxx_runtimes():
    """Names of the C++ libraries in this process, sorted."""
    found = set()
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            for line in maps:
                name = os.path.basename(line.rstrip("\n").split(" ")[-1])
                if name.startswith(("libstdc++.so", "libc++.so", "libc++abi.so")):
                    found.add(name)
    except OSError:
        pass
    return sorted(found)


def lock():
    """(what the interpreter's lock is, why it is not off)"""
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "held while Python runs"
    enabled = getattr(sys, "_is_gil_enabled", lambda: True)()
    return ("a free-threaded build, with its lock switched on: jiffi needs it"
            if enabled else "a free-threaded build without its lock")


def numpy_state(values, why):
    numpy = sys.modules.get("numpy")
    if numpy is None:
        why["numpy"] = "NumPy is not imported; they come with it"
    values["numpy"] = getattr(numpy, "__version__", None) and "NumPy " + numpy.__version__


def code_state(values, why, more):
    """What only machine code has."""
    code = values["calls"] == "code"
    no_code = values["why_not"] or "there is no machine code here"
    values["errno"] = "read and written in place" if code and more["errno"] else None
    if not code:
        why["errno"] = no_code
    elif not more["errno"]:
        why["errno"] = ("errno is not at a fixed distance from the thread pointer: "
                        "functions are called for it")
    values["gdb"] = "on: bt, disassemble, info symbol" if code else None
    if not code:
        why["gdb"] = no_code
    wanted = os.environ.get("JIFFI_PERF") in ("1", "map")
    values["perf"] = "/tmp/perf-%d.map" % os.getpid() if code and wanted else None
    if not values["perf"]:
        why["perf"] = no_code if not code else "JIFFI_PERF=1 switches it on"


def cxx_state(values, why, more):
    values["cxx"] = "caught where may_throw is declared"
    if more["catch_why_not"]:
        values["cxx"], why["cxx"] = None, more["catch_why_not"]
    runtimes = cxx_runtimes()
    values["cxx_runtime"] = ", ".join(runtimes) or None
    if not runtimes:
        why["cxx_runtime"] = "nothing that was loaded so far is written in C++"


def reading_state(values, why, more):
    """What needs machine code to be read."""
    no_proof, no_listing = more["proof_why_not"], more["disasm_why_not"]
    values["proof"] = None if no_proof else "on" + (
        ", by " + more["decoder"] if more["decoder"] else "")
    if no_proof:
        why["proof"] = no_proof
    values["disassembly"] = None if no_listing else more["decoder"]
    if no_listing:
        why["disassembly"] = no_listing


def features():
    """Which modes are active in this process, as a dict of str to str or None; its
    attribute `why` has a sentence for each that is off, and print() shows a table.

    The keys of before 0.2 are as they were: target, calls and callbacks ("code",
    "libffi" or "none"), why_not (no machine code: a sentence, else None), libffi."""
    from . import __version__
    more, why = _jiffi._features(), {}
    values = _jiffi.features()
    values["version"] = __version__
    values["python"] = "%s %s" % (sys.implementation.name, sys.version.split()[0])
    values["gil"] = lock()
    for key in ("calls", "callbacks"):
        if values[key] != "code":
            why[key] = values["why_not"]
    if not values["libffi"]:
        why["libffi"] = "jiffi was built without it"
    code_state(values, why, more)
    reading_state(values, why, more)
    cxx_state(values, why, more)
    numpy_state(values, why)
    checked = os.environ.get("JIFFI_CHECKED", "0")
    values["checked"] = "on for every FFI: JIFFI_CHECKED" if checked not in ("", "0") else None
    if not values["checked"]:
        why["checked"] = "FFI(checked=True) or JIFFI_CHECKED=1 switch it on"
    return Features(values, {k: sentence(v) for k, v in why.items()})


def sentence(text):
    """With its full stop."""
    return text if text.endswith(".") else text + "."
