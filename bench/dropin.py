#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The drop-in against stock cffi: import, cdef, calls in ABI mode.

    bench/dropin.py [--repeats 15]

The same program text runs on both. Calls are measured in one process that holds
both packages (the second is imported after the first was taken out of
sys.modules), in turns; import and cdef in processes of their own, in turns.
`measure()` is what bench/run.py calls. PYTHONPATH has to lead to jiffi, and stock
cffi has to be installed.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import cases  # noqa: E402
import once  # noqa: E402
import timing  # noqa: E402
from peers import build  # noqa: E402

NAMES = ("cffi", "_cffi_backend")
IMPORTS = {
    "python": "pass",
    "import": "from cffi import FFI; FFI().cdef('')",
    "module": "import cffi",
}


def path():
    import jiffi.dropin
    return jiffi.dropin.path()


def forget():
    """Take cffi out of sys.modules; what it made lives on."""
    for name in list(sys.modules):
        if name.split(".")[0] in NAMES:
            del sys.modules[name]


def both():
    """{"stock": module cffi, "dropin": module cffi}"""
    forget()
    import cffi as stock
    forget()
    sys.path.insert(0, path())
    try:
        import cffi as ours
    finally:
        sys.path.remove(path())
        forget()
    if not getattr(ours, "__jiffi__", None) or getattr(stock, "__jiffi__", None):
        raise build.Missing("the two cffi are not the two that they should be")
    return {"stock": stock, "dropin": ours}


def abi_names(cffi):
    """Like cases.peer_cffi_abi."""
    ffi = cffi.FFI()
    ffi.cdef(build.CDEF)
    lib = ffi.dlopen(build.callee())
    names = cases.cffi_names(cases.functions(cases.common(), lib), ffi)
    names["cb"] = ffi.callback("int(int, int)", cases.python_callback)
    return names


def calls(repeats):
    """{case: {"stock": figures, "dropin": figures}}"""
    there = {k: abi_names(m) for k, m in both().items()}
    results = {}
    for case in cases.CASES:
        field = []
        for name, names in there.items():
            text = cases.statement(case, names)
            if text is not None:
                env = {k: v for k, v in names.items() if k != "own"}
                field.append(timing.Contestant(name, text, env, case[3],
                                               1 if case[3] > 1 else timing.COPIES))
        results[case[0]] = timing.race(field, repeats)
    return results


def declarations(n):
    """n declarations of the kind that in-line clients have: opaque pointers, enums,
    structs, callbacks, functions, constants; about one in three is a function."""
    kinds = (
        "typedef struct _Object%d Object%d;\n",
        "typedef enum { KIND%d_NONE, KIND%d_SOME = 5, KIND%d_ALL } Kind%d;\n",
        "Object%d *object%d_new(const char *name, Kind%d kind, double x, double y);\n",
        "typedef struct { int x, y; double width; Object%d *parent; } Box%d;\n",
        "typedef int (*notify%d_t)(Object%d *object, void *data);\n",
        "void object%d_connect(Object%d *o, notify%d_t f, void *data, Box%d *box);\n",
        "#define LIMIT%d 0x%d\n",
        "int object%d_get_box(const Object%d *o, Box%d *box, unsigned long flags[4]);\n")
    return "".join(k.replace("%d", str(i // len(kinds)))
                   for i, k in zip(range(n), kinds * (n // len(kinds) + 1)))


def one_cdef(n):
    """Run in a process of its own: ms of a cdef of n declarations, cffi imported."""
    import cffi
    text = declarations(n)
    ffi = cffi.FFI()
    start = time.thread_time()
    ffi.cdef(text)
    return (time.thread_time() - start) * 1e3


def process(words, dropin):
    """(what a child prints, ms of CPU it took), or None."""
    env = dict(os.environ)
    if dropin:
        env["PYTHONPATH"] = os.pathsep.join([path(), env.get("PYTHONPATH", "")])
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *words], env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        return None
    return done.stdout, (after.ru_utime + after.ru_stime - before.ru_utime
                         - before.ru_stime) * 1e3


def imports(repeats):
    """ms of CPU of whole processes, in turns; bare Python taken off."""
    times = {}
    for _ in range(repeats):
        for name, text in IMPORTS.items():
            for side in (False, True):
                done = process(["-c", text], side)
                if done:
                    times.setdefault((name, side), []).append(done[1])
    return {name: {"dropin" if side else "stock":
                   min(v) - min(times["python", side]) for (n, side), v in times.items()
                   if n == name} for name in IMPORTS if name != "python"}


def cdefs(repeats):
    """{n: {"stock": ms, "dropin": ms}}"""
    out = {}
    for n, times in ((100, repeats), (1000, repeats), (5000, 3)):
        for _ in range(times):
            for side in (False, True):
                done = process([os.path.abspath(__file__), "--cdef", str(n)], side)
                if done:
                    row, ms = out.setdefault(str(n), {}), json.loads(done[0])
                    key = "dropin" if side else "stock"
                    row[key] = min(ms, row.get(key, ms))
    return out


def measure(repeats):
    # As pip leaves it behind: bytecode is there on both sides.
    subprocess.call([sys.executable, "-m", "compileall", "-q", os.path.dirname(path())])
    return {"calls": calls(repeats), "import_ms": imports(max(repeats, 9)),
            "cdef_ms": cdefs(min(repeats, 7))}


# --- the report ---------------------------------------------------------------


def ratio(row, key=None):
    a, b = row.get("dropin"), row.get("stock")
    if key:
        a, b = (a or {}).get(key), (b or {}).get(key)
    return a / b if a is not None and b else None


def call_ratios(data):
    return {c[0]: ratio(data["calls"].get(c[0], {}), "min") for c in cases.CASES}


def targets(data):
    """[(what, ratio or None, limit)], as report.targets wants them."""
    rows = [("drop-in, import and empty cdef: cffi", ratio(data["import_ms"]["import"]),
             1 / 20)]
    for n, row in data["cdef_ms"].items():
        rows.append(("drop-in, cdef of %s declarations: cffi" % n, ratio(row), 1 / 20))
    measured = call_ratios(data)
    plain = [measured[c[0]] for c in cases.CALLS if measured[c[0]]]
    rows.append(("drop-in, calls in ABI mode (geometric mean of %d): cffi" % len(plain),
                 statistics.geometric_mean(plain) if plain else None, 1 / 3))
    rows += [("drop-in, %s: cffi ABI" % c[1], measured[c[0]], 1.0) for c in cases.CASES
             if c[0] not in [x[0] for x in cases.CALLS]]
    return rows


def markdown(data):
    lines = ["", "The drop-in and stock cffi, the same program on both:", "",
             "| | drop-in | cffi | ratio |", "|---|--:|--:|--:|"]

    def line(what, form, row):
        if ratio(row) is not None:
            lines.append("| %s | %s | %s | %.3f |" % (
                what, form % row["dropin"], form % row["stock"], ratio(row)))

    line("import cffi and an empty cdef, ms", "%.2f", data["import_ms"]["import"])
    for n, row in data["cdef_ms"].items():
        line("cdef of %s declarations, ms" % n, "%.2f", row)
    for case in cases.CASES:
        row = {k: v["min"] for k, v in data["calls"].get(case[0], {}).items()}
        line(case[1] + ", ns", "%.0f", row)
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--cdef", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cdef:
        print(one_cdef(options.cdef))
        return 0
    data = measure(options.repeats)
    print(markdown(data))
    missed = [(w, r, limit) for w, r, limit in targets(data) if r is None or r > limit]
    print()
    for what, r, limit in missed:
        print("missed: %s: %s, at most %.3f" % (what, "-" if r is None else "%.3f" % r, limit))
    return 0


if __name__ == "__main__":
    sys.exit(main())
