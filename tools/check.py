#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The steps of `make test`, `make test-asan` and `make test-pythons`.

    tools/check.py [all | asan | pythons] [--only NAME,...]

Every step runs even when an earlier one failed; the failures are said again at
the end. The closing line is `N passed, M failed`; the same two numbers go to
build/result-<what> for .ci/run.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv", "bin")
sys.path.insert(0, os.path.join(ROOT, "tools"))
import pythons  # noqa: E402


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.trouble = []

    def add(self, name, passed, failed, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        if failed:
            self.trouble.append("%s: %d failed" % (name, failed))


def run(command, env=None, **kw):
    full = dict(os.environ, **(env or {}))
    full["PATH"] = VENV + os.pathsep + full.get("PATH", "")
    sys.stdout.flush()
    return subprocess.call(command, cwd=ROOT, env=full, **kw)


def simple(tally, name, command, env=None):
    """A command that passes or fails as one."""
    failed = run(command, env) != 0
    tally.add(name, int(not failed), int(failed))


# passed, failed, and how many of the failed ones may.
CLOSING = re.compile(r"^(\d+) passed, (\d+) failed(?: \((\d+) of them expected\))?")


def counted(tally, name, command, closing=CLOSING):
    """A command that says `N passed, M failed` itself, in a line of its own."""
    env = dict(os.environ, PYTHONUNBUFFERED="1")
    sys.stdout.flush()
    process = subprocess.Popen(command, cwd=ROOT, env=env, text=True, errors="replace",
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    found = None
    for line in process.stdout:
        print(line, end="", flush=True)
        found = closing.match(line) or found
    code = process.wait()
    passed, failed, *expected = (int(n or 0) for n in found.groups()) if found else (0, 1)
    failed -= sum(expected)
    tally.add(name, passed, failed or int(code != 0))


def build(tally, name, *options):
    if run(["tools/build.sh", name, *options]) == 0:
        return True
    tally.add("build " + name, 0, 1)
    return False


def unit(tally, name, env=None):
    directory = os.path.join("build", name)
    log = os.path.join(ROOT, directory, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.remove(log)
    code = run(["meson", "test", "-C", directory, "--no-rebuild", "--print-errorlogs"], env)
    passed = failed = 0
    if os.path.exists(log):
        with open(log, encoding="utf-8") as f:
            for line in f:
                ok = json.loads(line)["result"] in ("OK", "EXPECTEDFAIL", "SKIP")
                passed, failed = passed + ok, failed + (not ok)
    if code and not failed:
        failed = 1
    tally.add("unit", passed, failed)


# Compiles a lot, and neither the mode of calls nor Python's version matters to it.
NOT_ONCE = ("-m", "not once")


def pytest(tally, name, python, package, env=None, extra=()):
    """pytest over tests/python with the package found in `package`."""
    if not os.path.isdir(os.path.join(ROOT, "tests", "python")):
        return
    report = os.path.join(ROOT, "build", "pytest-%s.xml" % name.replace(" ", "-"))
    if os.path.exists(report):
        os.remove(report)
    env = dict(env or {}, PYTHONPATH=os.path.join(ROOT, package))
    code = run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                "--junitxml=" + report, *extra, "tests/python"], env)
    try:
        suite = ElementTree.parse(report).getroot().find("testsuite")
        n, bad, errors, skipped = (int(suite.get(k)) for k in
                                   ("tests", "failures", "errors", "skipped"))
    except (OSError, ElementTree.ParseError):
        n, bad, errors, skipped = 0, 1, 0, 0  # it crashed before it could report
    failed = bad + errors or int(code not in (0, 5))
    tally.add("pytest " + name, max(n - bad - errors - skipped, 0), failed, skipped)


# The same records and signatures at every run, so that a red run means a change and
# can be repeated; make fuzz-abi draws new ones.
SEED = "20261122"


def fuzzer(tally, name, script, *arguments):
    simple(tally, name, [os.path.join(VENV, "python"), script, *arguments])


def formatting(tally):
    tool = shutil.which("clang-format", path=VENV) or shutil.which("clang-format-14")
    if not tool:
        print("clang-format 14 is not installed: not checked")
        return
    simple(tally, "format", [sys.executable, "tools/fmt.py", "--check", tool])


# --- what the words of the Makefile run ---------------------------------------


def steps_all(tally):
    python = os.path.join(VENV, "python")
    if not build(tally, "dev"):
        return
    yield "unit", lambda: unit(tally, "dev")
    yield "layers", lambda: simple(tally, "layers", [python, "tools/layers.py"])
    yield "format", lambda: formatting(tally)
    yield "pytest", lambda: pytest(tally, "code", python, "build/dev/python")
    yield "pytest-libffi", lambda: pytest(tally, "libffi", python, "build/dev/python",
                                          {"JIFFI_JIT": "off"}, NOT_ONCE)
    yield "layout", lambda: fuzzer(tally, "layout fuzz", "tests/layout/fuzz.py", "--dump",
                                   "build/dev/tests/layout/layout_dump", "--seed", SEED)
    # Plans of the conventions that cannot run here through bridges, ours as it is.
    for side in ("x64", "win64", "a64", "code", "libffi"):
        yield "abi-" + side, lambda s=side: fuzzer(
            tally, "abi fuzz, " + s, "tests/abi/fuzz.py", "--objects", "build/dev",
            "--side", s, "--count", "1000", "--seed", SEED)
    yield "conformance", lambda: counted(tally, "conformance", [
        python, "tests/conformance/run", "-j", "2"])
    yield "clients", lambda: counted(
        tally, "clients", [python, "tests/clients/run", "--quick"],
        re.compile(r"^(\d+) the same on both, (\d+) not"))
    yield "packaging", lambda: counted(tally, "packaging", [python, "tests/packaging/run"])


def preload(compiler):
    """LD_PRELOAD for an uninstrumented python to load an instrumented module."""
    out = subprocess.run([compiler, "-print-file-name=libasan.so"], text=True,
                         stdout=subprocess.PIPE).stdout.strip()
    return os.path.realpath(out)


def steps_asan(tally):
    compiler = os.environ.get("CC", "cc").split()[0]
    if not build(tally, "asan", "-Dbuildtype=debug", "-Doptimization=1",
                 "-Db_sanitize=address,undefined", "-Db_lundef=false"):
        return
    env = {
        # CPython frees its own things late or never; leaks are the tests' business.
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "PYTHONMALLOC": "malloc",
    }
    yield "unit", lambda: unit(tally, "asan", dict(env, ASAN_OPTIONS="detect_leaks=1"))
    loaded = dict(env, LD_PRELOAD=preload(compiler))
    python = os.path.join(VENV, "python")
    yield "pytest", lambda: pytest(tally, "asan", python, "build/asan/python", loaded)
    yield "pytest-libffi", lambda: pytest(tally, "asan libffi", python, "build/asan/python",
                                          dict(loaded, JIFFI_JIT="off"), NOT_ONCE)


def one_python(tally, version, path, free):
    tag = "cp%s%s" % ("".join(version.split(".")[:2]), "t" if free else "")
    name = "%s%s" % (version, "t" if free else "")
    venv = os.path.join("build", "venv-" + tag)
    if run(["tools/venv.sh", venv, path, "requirements/test.txt",
            "?requirements/optional.txt"]):
        tally.add("venv " + name, 0, 1)
        return
    if build(tally, tag, "-Dpython_exe=" + path, "-Dtests=false"):
        pytest(tally, name, os.path.join(venv, "bin", "python"), "build/%s/python" % tag,
               extra=NOT_ONCE)


def steps_pythons(tally):
    found, skipped = pythons.find()
    for line in skipped:
        print("skipped:", line)
    for version, path, free in found:
        yield version, lambda v=version, p=path, f=free: one_python(tally, v, p, f)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="?", default="all", choices=["all", "asan", "pythons"])
    parser.add_argument("--only", help="names of steps, with commas between")
    options = parser.parse_args()
    only = options.only.split(",") if options.only else None
    tally = Tally()
    steps = {"all": steps_all, "asan": steps_asan, "pythons": steps_pythons}
    times = []
    for name, step in steps[options.what](tally):
        if only and name not in only:
            continue
        print("\n=== %s: %s" % (options.what, name), flush=True)
        start = time.time()
        step()
        times.append("%s %.0f s" % (name, time.time() - start))
    print("\ntimes:", ", ".join(times))
    for line in tally.trouble:
        print("FAILED", line)
    with open(os.path.join(ROOT, "build", "result-" + options.what), "w") as f:
        f.write("%d %d\n" % (tally.passed, tally.failed))
    skipped = ", %d skipped" % tally.skipped if tally.skipped else ""
    print("%d passed, %d failed%s" % (tally.passed, tally.failed, skipped))
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
