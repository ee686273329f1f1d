#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The steps of `make test`, `make test-asan` and `make test-pythons`.

    tools/check.py [all] [asan] [pythons] [--only NAME,...] [--jobs N]

As many steps at a time as there are cores, each single-threaded and each in
processes of its own, so that none has to know of the others. What a step says goes
to build/check/NAME.log and is shown in the order of the plan: the step whose turn it
is as it speaks, the ones behind it when their turn comes. Long steps stand first.

Every step runs even when an earlier one failed; the failures are said again at the
end. The closing line is `N passed, M failed`; the two numbers also go to build/result.
"""

import argparse
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
import xml.etree.ElementTree as ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv", "bin")
LOGS = os.path.join(ROOT, "build", "check")
sys.path.insert(0, os.path.join(ROOT, "tools"))
import pythons  # noqa: E402


class Step:
    """A name and a function of this object, which runs commands and counts."""

    def __init__(self, name, work):
        self.name, self.work = name, work
        self.passed = self.failed = self.skipped = 0
        self.trouble = []
        self.seconds = self.cpu = 0.0
        self.jobs = 1  # what a command of this step may use
        self.log = os.path.join(LOGS, name + ".log")
        self.done = threading.Event()

    def add(self, name, passed, failed, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        if failed:
            self.trouble.append("%s: %d failed" % (name, failed))

    def say(self, text):
        with open(self.log, "a", encoding="utf-8") as f:
            f.write(text + "\n")

    def run(self, command, env=None):
        """The command's status; its output goes to the log, its time to ours."""
        full = dict(os.environ, PYTHONUNBUFFERED="1", JOBS=str(self.jobs), **(env or {}))
        full["PATH"] = VENV + os.pathsep + full.get("PATH", "")
        with open(self.log, "ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=full, stdout=log,
                                       stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
            # Not process.wait(): nothing else says what one child has used.
            _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.cpu += used.ru_utime + used.ru_stime
        if process.returncode < 0:
            self.say("%s: killed by signal %d" % (command[0], -process.returncode))
        return process.returncode

    def begin(self):
        start = time.time()
        try:
            self.work(self)
        except Exception:  # of this file's own making, or no such program
            self.say(traceback.format_exc())
            self.add(self.name, 0, 1)
        self.seconds = time.time() - start
        self.done.set()


def follow(step):
    """Show what the step says until it is done."""
    with open(step.log, "rb") as log:
        last = False
        while True:
            text = log.read()
            sys.stdout.buffer.write(text)
            sys.stdout.flush()
            if last:
                break
            last = step.done.wait(0.3)


def run_steps(what, steps, jobs):
    """All of them, `jobs` at a time; whether none failed."""
    waiting = queue.SimpleQueue()
    os.makedirs(LOGS, exist_ok=True)
    for step in steps:
        open(step.log, "wb").close()
        step.jobs = max(1, jobs // len(steps))
        waiting.put(step)

    def lane():
        while True:
            try:
                waiting.get_nowait().begin()
            except queue.Empty:
                return

    # Daemons: an interrupted run must not start what is still waiting.
    for _ in range(min(jobs, len(steps))):
        threading.Thread(target=lane, daemon=True).start()
    for step in steps:
        print("\n=== %s: %s" % (what, step.name), flush=True)
        follow(step)
    return not any(step.failed for step in steps)


# --- what steps are made of ---------------------------------------------------


def simple(step, name, command, env=None):
    """A command that passes or fails as one."""
    failed = step.run(command, env) != 0
    step.add(name, int(not failed), int(failed))


# passed, failed, and how many of the failed ones may.
CLOSING = re.compile(r"^(\d+) passed, (\d+) failed(?: \((\d+) of them expected\))?")


def counted(step, name, command, closing=CLOSING):
    """A command that says `N passed, M failed` itself, in a line of its own."""
    before = os.path.getsize(step.log)
    code = step.run(command)
    found = None
    with open(step.log, encoding="utf-8", errors="replace") as log:
        log.seek(before)
        for line in log:
            found = closing.match(line) or found
    passed, failed, *expected = (int(n or 0) for n in found.groups()) if found else (0, 1)
    failed -= sum(expected)
    step.add(name, passed, failed or int(code != 0))


def build(step, name, *options):
    if step.run(["tools/build.sh", name, *options]) == 0:
        return True
    step.add("build " + name, 0, 1)
    return False


def unit(step, name, env=None):
    directory = os.path.join("build", name)
    log = os.path.join(ROOT, directory, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.remove(log)
    code = step.run(["meson", "test", "-C", directory, "--no-rebuild", "--print-errorlogs"],
                    env)
    passed = failed = 0
    if os.path.exists(log):
        with open(log, encoding="utf-8") as f:
            for line in f:
                ok = json.loads(line)["result"] in ("OK", "EXPECTEDFAIL", "SKIP")
                passed, failed = passed + ok, failed + (not ok)
    if code and not failed:
        failed = 1
    step.add("unit", passed, failed)


# Compiles a lot, and neither the mode of calls nor Python's version matters to it.
NOT_ONCE = ("-m", "not once")


def pytest(step, name, python, package, env=None, extra=()):
    """pytest over tests/python with the package found in `package`."""
    report = os.path.join(ROOT, "build", "pytest-%s.xml" % name.replace(" ", "-"))
    if os.path.exists(report):
        os.remove(report)
    env = dict(env or {}, PYTHONPATH=os.path.join(ROOT, package))
    code = step.run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                     "--junitxml=" + report, *extra, "tests/python"], env)
    try:
        suite = ElementTree.parse(report).getroot().find("testsuite")
        n, bad, errors, skipped = (int(suite.get(k)) for k in
                                   ("tests", "failures", "errors", "skipped"))
    except (OSError, ElementTree.ParseError):
        n, bad, errors, skipped = 0, 1, 0, 0  # it crashed before it could report
    failed = bad + errors or int(code != 0)
    step.add("pytest " + name, max(n - bad - errors - skipped, 0), failed, skipped)


# The same records and signatures at every run, so that a red run means a change and
# can be repeated; make fuzz-abi draws new ones.
SEED = "20261122"


def fuzzer(step, name, script, *arguments):
    simple(step, name, [os.path.join(VENV, "python"), script, *arguments])


def formatting(step):
    tool = shutil.which("clang-format", path=VENV) or shutil.which("clang-format-14")
    if not tool:
        step.say("clang-format 14 is not installed: not checked")
        return
    simple(step, "format", [sys.executable, "tools/fmt.py", "--check", tool])


# --- the plans: what is built first, and the steps --------------------------------

PYTHON = os.path.join(VENV, "python")


def first_dev():
    return [Step("build dev", lambda s: build(s, "dev")), first_batch()]


def first_batch():
    """SciPy, Dask and others, while the compiler runs: mostly waiting for the disk."""
    return Step("venv batch", lambda s: s.run(
        ["tools/venv.sh", ".venv", PYTHON, "?requirements/batch.txt"]))


def steps_all():
    yield Step("unit", lambda s: unit(s, "dev"))
    yield Step("layers", lambda s: simple(s, "layers", [PYTHON, "tools/layers.py"]))
    yield Step("format", formatting)
    yield Step("conformance", lambda s: counted(s, "conformance", [
        PYTHON, "tests/conformance/run", "-j", str(s.jobs)]))
    yield Step("pytest", lambda s: pytest(s, "code", PYTHON, "build/dev/python"))
    yield Step("pytest-libffi", lambda s: pytest(
        s, "libffi", PYTHON, "build/dev/python", {"JIFFI_JIT": "off"}, NOT_ONCE))
    yield Step("debug", lambda s: counted(s, "debug", [
        PYTHON, "tests/debug/run", "--package", "build/dev/python"]))
    yield Step("packaging", lambda s: counted(s, "packaging", [
        PYTHON, "tests/packaging/run"]))
    yield Step("clients", lambda s: counted(
        s, "clients", [PYTHON, "tests/clients/run", "--quick"],
        re.compile(r"^(\d+) the same on both, (\d+) not")))
    yield Step("layout", lambda s: fuzzer(
        s, "layout fuzz", "tests/layout/fuzz.py", "--dump",
        "build/dev/tests/layout/layout_dump", "--seed", SEED))
    yield Step("proof", lambda s: counted(s, "proof", [
        PYTHON, "tests/proof/run.py", "--driver", "build/dev/tests/proof/proof_driver"]))
    yield Step("program-fuzz", lambda s: fuzzer(
        s, "program fuzz", "tests/program/fuzz.py", "--objects", "build/dev",
        "--count", "300", "--seed", SEED))
    # Plans of the conventions that cannot run here through bridges, ours as it is.
    for side in ("win64", "a64", "x64", "libffi", "code", "loop",
                 "loop-libffi"):
        yield Step("abi-" + side, lambda s, side=side: fuzzer(
            s, "abi fuzz, " + side, "tests/abi/fuzz.py", "--objects", "build/dev",
            "--side", side, "--count", "1000", "--seed", SEED))


def preload(compiler):
    """LD_PRELOAD for an uninstrumented python to load an instrumented module."""
    out = subprocess.run([compiler, "-print-file-name=libasan.so"], text=True,
                         stdout=subprocess.PIPE).stdout.strip()
    return os.path.realpath(out)


def first_asan():
    return Step("build asan", lambda s: build(
        s, "asan", "-Dbuildtype=debug", "-Doptimization=1",
        "-Db_sanitize=address,undefined", "-Db_lundef=false"))


def steps_asan():
    env = {
        # CPython frees its own things late or never; leaks are the tests' business.
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "PYTHONMALLOC": "malloc",
    }
    loaded = dict(env, LD_PRELOAD=preload(os.environ.get("CC", "cc").split()[0]))
    yield Step("asan-unit", lambda s: unit(s, "asan", dict(env, ASAN_OPTIONS="detect_leaks=1")))
    yield Step("asan-pytest", lambda s: pytest(
        s, "asan", PYTHON, "build/asan/python", loaded))
    yield Step("asan-pytest-libffi", lambda s: pytest(
        s, "asan libffi", PYTHON, "build/asan/python", dict(loaded, JIFFI_JIT="off"),
        NOT_ONCE))


def one_python(step, version, path, free):
    """A version's own environment and extension; the core is that of build/dev, for
    no Python is in it."""
    tag = "cp%s%s" % ("".join(version.split(".")[:2]), "t" if free else "")
    venv = os.path.join("build", "venv-" + tag)
    if step.run(["tools/venv.sh", venv, path, "requirements/test.txt",
                 "?requirements/optional.txt"]):
        step.add("venv " + step.name, 0, 1)
    elif build(step, tag, "-Dpython_exe=" + path, "-Dtests=false", "-Ddebug=false",
               "-Dcore=" + os.path.join(ROOT, "build", "dev", "libjiffi.a")):
        pytest(step, step.name, os.path.join(venv, "bin", "python"),
               "build/%s/python" % tag, extra=NOT_ONCE)


def steps_pythons(but=None):
    """One step for each CPython, but not for the version that `but` says."""
    found, skipped = pythons.find()
    for line in skipped:
        print("skipped:", line)
    for version, path, free in found:
        name = version + ("t" if free else "")
        if name == but:
            print("%s: not again, for the other steps run on it" % name)
            continue
        yield Step(name, lambda s, v=version, p=path, f=free: one_python(s, v, p, f))


def own_version():
    """Of .venv, as `pythons` names versions."""
    return subprocess.run([PYTHON, "-c", "import platform, sysconfig; print(platform."
                           "python_version() + 't' * bool(sysconfig.get_config_var("
                           "'Py_GIL_DISABLED')))"], text=True, check=True,
                          stdout=subprocess.PIPE).stdout.strip()


def plan(words):
    """(what is built first: lists of steps side by side; the steps)"""
    first, steps = [], []
    if set(words) & {"all", "pythons"}:
        first.append(first_dev())
    if "asan" in words:
        first.append([first_asan()])
        steps += steps_asan()
    if "all" in words:
        steps += steps_all()
    if "pythons" in words:
        # Behind the longest of the others, before the shortest.
        more = list(steps_pythons(own_version() if "all" in words else None))
        at = next((i + 1 for i, s in enumerate(steps) if s.name == "conformance"), len(steps))
        steps[at:at] = more
    return first, steps


def finish(what, steps):
    """The end of the report; the status."""
    passed, failed, skipped = (sum(getattr(s, k) for s in steps) for k in
                               ("passed", "failed", "skipped"))
    ran = [s for s in steps if s.done.is_set()]
    print("\nseconds (of them on a core): " + ", ".join(
        "%s %.0f (%.0f)" % (s.name, s.seconds, s.cpu) for s in ran))
    print("%s: %.0f s on a core" % (what, sum(s.cpu for s in ran)))
    if len(ran) < len(steps):
        print("not run: " + ", ".join(s.name for s in steps if s not in ran))
    for step in steps:
        for line in step.trouble:
            print("FAILED", line)
    with open(os.path.join(ROOT, "build", "result"), "w") as f:
        f.write("%d %d\n" % (passed, failed))
    print("%d passed, %d failed%s" % (passed, failed,
                                      ", %d skipped" % skipped if skipped else ""))
    return 1 if failed or not passed else 0


def main():
    # A shell's background jobs ignore Ctrl-C, and what they start inherits that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="*", help="all (default), asan, pythons")
    parser.add_argument("--only", help="names of steps, with commas between")
    parser.add_argument("--jobs", type=int, default=min(8, len(os.sched_getaffinity(0))),
                        help="steps at a time (default: as many as there are cores)")
    options = parser.parse_args()
    words = options.what or ["all"]
    if set(words) - {"all", "asan", "pythons"}:
        parser.error("there are: all, asan, pythons")
    what = " ".join(words)
    first, steps = plan(words)
    if options.only:
        only = options.only.split(",")
        unknown = set(only) - {s.name for s in steps}
        if unknown:
            parser.error("no step %s; there are %s" % (
                min(unknown), ", ".join(s.name for s in steps)))
        steps = [s for s in steps if s.name in only]
    # What cannot be built cannot be tested.
    if all(run_steps(what, group, options.jobs * len(group)) for group in first):
        run_steps(what, steps, options.jobs)
    return finish(what, sum(first, []) + steps)


if __name__ == "__main__":
    sys.exit(main())
