#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure calls from Python to C: jiffi and its peers, side by side.

    bench/run.py [--repeats 25] [--cases add,sum10] [--peers jiffi,ext] [--quick]

All peers of a case run in one process, in turns. jiffi without machine code
(JIFFI_JIT=off) needs a second process; it runs there together with the
hand-written extension, whose figure shows whether the two processes compare.
Writes results.json, table.md, chart.svg, batch.svg and threads.svg into build/bench
(--out).
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, HERE)
import array_report  # noqa: E402
import cases  # noqa: E402
import dropin  # noqa: E402
import report  # noqa: E402
import threads_report  # noqa: E402
import timing  # noqa: E402
from peers import build  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--cases", help="names, with commas between; default: all")
    parser.add_argument("--peers", help="names, with commas between; default: all")
    parser.add_argument("--quick", action="store_true",
                        help="calls only: no cdef, import, memory")
    parser.add_argument("--out", default=os.path.join(ROOT, "build", "bench"))
    parser.add_argument("--publish", action="store_true",
                        help="put the tables into README.md and docs/benchmark.md")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(options, wanted):
    """{case: {peer: figures}}, {peer: why missing}"""
    there, missing = cases.collect(wanted)
    results = {}
    only = options.cases.split(",") if options.cases else None
    for case in cases.CASES:
        if only and case[0] not in only:
            continue
        field = []
        for name, names in there.items():
            text = cases.statement(case, names)
            if text is None:
                continue
            env = {k: v for k, v in names.items() if k != "own"}
            try:
                field.append(timing.Contestant(name, text, env, case[3],
                                               1 if case[3] > 1 else timing.COPIES))
            except Exception as e:  # said, and the rest goes on
                missing["%s/%s" % (name, case[0])] = "%s: %s" % (type(e).__name__, e)
        results[case[0]] = timing.race(field, options.repeats)
        best = sorted(results[case[0]].items(), key=lambda kv: kv[1]["min"])
        print("  %-16s %s" % (case[0], "  ".join(
            "%s %.1f" % (n, v["min"]) for n, v in best)), file=sys.stderr, flush=True)
    return results, missing


def child(words, env=None):
    full = dict(os.environ, **(env or {}))
    done = subprocess.run([sys.executable, *words], env=full, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1].strip()
        signal = "" if done.returncode > 0 else "signal %d, after: " % -done.returncode
        return None, signal + (last or "exit %d" % done.returncode)
    return json.loads(done.stdout.strip().splitlines()[-1]), None


def without_code(options, results, missing):
    """The suite again with JIFFI_JIT=off, merged under names of its own."""
    words = [os.path.join(HERE, "run.py"), "--part", "nojit", "--peers", "jiffi,ext",
             "--repeats", str(options.repeats)]
    if options.cases:
        words += ["--cases", options.cases]
    print("JIFFI_JIT=off, in a process of its own", file=sys.stderr)
    part, why = child(words, {"JIFFI_JIT": "off"})
    if part is None:
        missing["jiffi_libffi"] = "jiffi without code: " + why
        return
    for case, figures in part["results"].items():
        if "jiffi" in figures:
            results[case]["jiffi_libffi"] = figures["jiffi"]
        if "ext" in figures:
            results[case]["ext_2nd"] = figures["ext"]


def repeated(n, words, env=None):
    values = []
    for _ in range(n):
        value, why = child(words, env)
        if value is None:
            return None, why
        values.append(value)
    return values, None


def imports(n):
    """ms of a whole process, in turns; bare Python is the zero."""
    programs = {
        "python": "pass",
        "jiffi": "from jiffi import FFI; FFI().cdef('')",
        "cffi": "from cffi import FFI; FFI().cdef('')",
        "ctypes": "import ctypes",
    }
    times = {k: [] for k in programs}
    for _ in range(n):
        for name, text in programs.items():
            start = time.perf_counter()
            done = subprocess.run([sys.executable, "-c", text], stderr=subprocess.DEVNULL)
            if done.returncode == 0:
                times[name].append((time.perf_counter() - start) * 1e3)
    bare = times.pop("python")
    return {k: {"min": min(v) - min(bare),
                "median": statistics.median(v) - statistics.median(bare)}
            for k, v in times.items() if v}


def others(options, missing):
    once = os.path.join(HERE, "once.py")
    out = {"cdef": {}, "first_call_us": {}, "bytes_cdata": {}, "bytes_function": {}}
    print("cdef, first call, memory, import", file=sys.stderr)
    for peer in ("jiffi", "cffi"):
        for n in (100, 1000, 5000):
            times = 15 if peer == "jiffi" else 1 if n == 5000 else 3  # it takes 6 s
            values, why = repeated(times, [once, "cdef", peer, str(n)])
            if values is None:
                missing["cdef %d/%s" % (n, peer)] = why
            else:
                out["cdef"].setdefault(str(n), {})[peer] = min(v["ms"] for v in values)
                out["cdef"][str(n)]["bytes"] = values[0]["bytes"]
    for peer in ("jiffi", "cffi", "ctypes"):
        for key, word, env in (("bytes_cdata", "cdata", None),
                               ("bytes_function", "function", {"PYTHONMALLOC": "malloc"})):
            value, why = child([once, word, peer], env)
            if value is None:
                missing["%s/%s" % (key, peer)] = why
            else:
                out[key][peer] = value
        values, why = repeated(max(options.repeats, 7), [once, "first", peer])
        if values is None:
            missing["first call/" + peer] = why
        else:
            out["first_call_us"][peer] = {"min": min(values),
                                          "median": statistics.median(values)}
    out["import_ms"] = imports(max(options.repeats, 9))
    print("the drop-in", file=sys.stderr)
    try:
        out["dropin"] = dropin.measure(options.repeats)
    except (ImportError, build.Missing) as e:
        missing["drop-in"] = str(e)
    parts(options, missing, out)
    return out


def parts(options, missing, out):
    """What is measured in processes of its own: {key of `out`: program}."""
    for key, title, words in (
            ("arrays", "arrays and batches", ["arrays.py", "--repeats"]),
            ("border", "errors, the GIL, checks", ["border.py", "--repeats"]),
            ("threads", "many threads", ["threads.py"])):
        print(title, file=sys.stderr)
        more = [str(options.repeats)] if words[-1] == "--repeats" else []
        value, why = child([os.path.join(HERE, words[0]), "--json", *words[1:], *more])
        if value is None:
            missing[title] = why
        else:
            missing.update(value.pop("missing"))
            out[key] = value


FEATURES = ("target", "calls", "callbacks", "why_not", "libffi", "proof")


def versions():
    from importlib import metadata
    found = {}
    for name in ("cffi", "Cython", "nanobind", "pybind11", "numpy", "numba"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            pass
    try:
        import jiffi
        found["jiffi"] = getattr(jiffi, "__version__", "of this tree")
        features = getattr(jiffi, "features", None)
        if features:
            said = dict(features())
            found["jiffi features"] = ", ".join("%s: %s" % (k, said[k]) for k in FEATURES
                                                if said.get(k))
    except ImportError as e:
        found["jiffi"] = "not importable: %s" % e
    return found


def machine():
    cpu = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as f:
            cpu = next(x.split(":")[1].strip() for x in f if x.startswith("model name"))
    except (OSError, StopIteration):
        pass
    compiler = subprocess.run(build.compiler() + ["--version"], text=True,
                              stdout=subprocess.PIPE).stdout.splitlines()[0]
    return {"cpu": cpu, "cores": os.cpu_count(), "system": platform.platform(),
            "python": platform.python_version(), "compiler": compiler,
            "load": round(os.getloadavg()[0], 2), "date": time.strftime("%Y-%m-%d")}


def main():
    options = arguments()
    wanted = options.peers.split(",") if options.peers else None
    if options.part:
        results, missing = measure(options, wanted)
        print(json.dumps({"results": results, "missing": missing}))
        return 0
    data = {"machine": machine(), "versions": versions(), "repeats": options.repeats}
    for k, v in list(data["machine"].items()) + list(data["versions"].items()):
        print("%-14s %s" % (k, v))
    results, missing = measure(options, wanted)
    if not wanted or "jiffi" in wanted:
        without_code(options, results, missing)
    data.update(results=results, missing=missing,
                others={} if options.quick else others(options, missing))
    os.makedirs(options.out, exist_ok=True)
    charts = [("chart.svg", "benchmark.svg", report.chart(data))]
    curve = data["others"].get("arrays", {}).get("curve")
    if curve:
        charts.append(("batch.svg", "batch.svg", array_report.chart(curve)))
    if data["others"].get("threads"):
        charts.append(("threads.svg", "threads.svg",
                       threads_report.chart(data["others"]["threads"])))
    for name, text in [("results.json", json.dumps(data, indent=1)),
                       ("table.md", report.markdown(data))] + [
                           (name, text) for name, _, text in charts]:
        with open(os.path.join(options.out, name), "w", encoding="utf-8") as f:
            f.write(text + "\n")
    if options.publish:
        report.publish(os.path.join(ROOT, "README.md"), report.summary(data))
        report.publish(os.path.join(ROOT, "docs", "benchmark.md"),
                       report.markdown(data) + "\n\n![chart](benchmark.svg)")
        for _, name, text in charts:
            with open(os.path.join(ROOT, "docs", name), "w", encoding="utf-8") as f:
                f.write(text + "\n")
    print(report.markdown(data))
    print("written: %s/{results.json,table.md,%s}" % (
        os.path.relpath(options.out), ",".join(name for name, _, _ in charts)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
