# SPDX-License-Identifier: MIT
"""jiffi advise: the program runs as without it, and what it should change is said."""

import json
import os
import signal
import subprocess
import sys
import time

import gil_samples
import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
HEAD = """
import sys
sys.path.append(%r)
import gil_samples
from jiffi import FFI
ffi = FFI()
ffi.cdef(gil_samples.DECLARED)
lib = ffi.dlopen(%r)
""" % (HERE, gil_samples.path())


def run(*args, status=0, **options):
    out = subprocess.run([sys.executable, "-m", "jiffi", "advise", *map(str, args)],
                         capture_output=True, text=True, **options)
    assert out.returncode == status, out.stderr
    return out


def advise(tmp_path, text, *args, status=0):
    """(result, what the JSON file says)"""
    script, report = tmp_path / "script.py", tmp_path / "report.json"
    script.write_text(HEAD + text)
    out = run("--json", report, script, *args, status=status)
    assert max(map(len, out.stderr.splitlines())) <= 80 or "Traceback" in out.stderr
    return out, json.loads(report.read_text())


def names(rows):
    return sorted(row["name"] for row in rows)


SUMS = "for i in range(3000): lib.sum_to(3); lib.pick(3); lib.half(2.0)\n"

# what the program does; who would gain; who blocked
ROWS = [
    (SUMS, ["sum_to"], []),
    ("for i in range(900): lib.sum_to(3)\n", [], []),             # too seldom
    ("for i in range(1500): lib.sum_to(20000)\n", [], []),        # too long
    ("ffi.gil('hold', lib.sum_to)\n" + SUMS, [], []),
    ("ffi.gil('release', lib.pick)\n" + SUMS, ["pick", "sum_to"], []),
    ("ffi.gil('hold', lib.nap)\nfor i in range(3): lib.nap(5)\n", [], ["nap"]),
    ("for i in range(3): lib.nap(5)\n", [], []),                  # released
    ("f = ffi.callback('int(int)', lambda x: x)\n"
     "for i in range(2000): lib.jump(f, i)\n", [], []),           # calls back
    ("pass\n", [], []),
]


@pytest.mark.parametrize("text,gain,waits", ROWS)
def test_advice(tmp_path, text, gain, waits):
    out, found = advise(tmp_path, text)
    # A machine that is busy with others may stop any function.
    assert set(names(found["gain"])) <= set(gain) and names(found["blocked"]) == waits
    for word in names(found["gain"]):
        assert "%s()" % word in out.stderr and "ffi.gil('hold'" in out.stderr
    for word in waits:
        assert "%s()" % word in out.stderr and "ffi.gil('release', '%s'" % word in out.stderr
    if not found["gain"] and not waits:
        assert "Nothing to change" in out.stderr or "no C function" in out.stderr


def test_what_is_counted(tmp_path):
    _, found = advise(tmp_path, "for i in range(50): lib.pick(i)\n"
                                "f = ffi.callback('int(int)', lambda x: lib.add(x, 1))\n"
                                "for i in range(7): lib.jump(f, i)\nlib.nap(20)\n")
    rows = {row["name"]: row for row in found["functions"]}
    assert {n: r["calls"] for n, r in rows.items()} == {
        "pick": 50, "jump": 7, "add": 7, "nap": 1}
    assert rows["jump"]["callbacks"] == 7 and rows["nap"]["callbacks"] == 0
    assert rows["nap"]["waited_ns"] >= 15e6 and rows["nap"]["longest_ns"] >= 20e6
    assert not rows["nap"]["proved"] and rows["nap"]["reason"]


def test_the_reason_is_said(tmp_path):
    out, found = advise(tmp_path, "for i in range(20000): lib.sum_to(2)\n")
    if found["gain"]:
        words = " ".join(out.stderr.split())
        assert "not proved: " + found["gain"][0]["reason"] in words
    assert found["functions"][0]["asked"] == "auto"


def test_compiled_modules_are_observed(tmp_path):
    text = ("ffi = FFI()\nffi.cdef(gil_samples.DECLARED)\n"
            "ffi.set_source('_advised', gil_samples.SOURCE)\n"
            "ffi.compile(%r)\nsys.path.insert(0, %r)\nimport _advised\n"
            "for i in range(5): assert _advised.lib.add(i, 1) == i + 1\n"
            "for i in range(5): assert _advised.lib.half(i) == i / 2\n"
            "f = _advised.ffi.callback('int(int)', lambda x: x)\n"
            "assert _advised.lib.jump(f, 3) == 4\n" % (str(tmp_path), str(tmp_path)))
    _, found = advise(tmp_path, text)
    rows = {row["name"]: row for row in found["functions"]}
    assert {n: r["calls"] for n, r in rows.items()} == {"add": 5, "half": 5, "jump": 1}
    assert rows["jump"]["callbacks"] == 1


def test_results_and_exceptions_are_the_same(tmp_path):
    out, _ = advise(tmp_path, """
def f(x):
    raise KeyError("inside")
cb = ffi.callback("int(int)", f)
for call in (lambda: lib.add(2, 3), lambda: lib.half(3.0), lambda: lib.fail_with(7),
             lambda: ffi.errno, lambda: lib.last_error(), lambda: lib.jump(cb, 1),
             lambda: lib.add(1), lambda: lib.add(2**40, 1), lambda: lib.nap(0)):
    try:
        print(call())
    except Exception as e:
        print(type(e).__name__)
""")
    assert out.stdout.split() == ["5", "1.5", "-1", "7", "7", "KeyError", "TypeError",
                                  "OverflowError", "None"]


# the end of the program, exit status, in its output
ENDS = [
    ("sys.exit()", 0, ""),
    ("sys.exit(5)", 5, ""),
    ("sys.exit('words')", 1, "words"),
    ("raise ValueError('unhappy')", 1, "ValueError: unhappy"),
    ("import threading; threading.Thread(target=lambda: lib.add(1, 2)).start()", 0, ""),
    ("import atexit; atexit.register(lambda: print(lib.add(1, 2)))", 0, ""),
]


@pytest.mark.parametrize("end,status,text", ENDS)
def test_ends(tmp_path, end, status, text):
    out, found = advise(tmp_path, "lib.add(1, 2)\n" + end + "\n", status=status)
    assert text in out.stderr and "jiffi advise:" in out.stderr
    assert "_advise.py" not in out.stderr
    assert names(found["functions"]) == ["add"]


def test_interrupt(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(HEAD + "lib.add(1, 2)\nprint('ready', flush=True)\n"
                             "import time\ntime.sleep(60)\n")
    p = subprocess.Popen([sys.executable, "-m", "jiffi", "advise", str(script)],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         preexec_fn=lambda: signal.signal(signal.SIGINT,
                                                          signal.default_int_handler))
    assert p.stdout.readline() == "ready\n"
    time.sleep(0.2)
    p.send_signal(signal.SIGINT)
    _, err = p.communicate(timeout=60)
    assert p.returncode != 0 and "KeyboardInterrupt" in err
    assert "1 call of 1 C function" in " ".join(err.split())


def test_the_program_sees_what_it_would_see(tmp_path):
    text = ("import os, sys\n"
            "print(sys.argv[1:], __name__, __file__ == sys.argv[0],\n"
            "      sys.modules['__main__'].__dict__ is globals(),\n"
            "      os.path.samefile(sys.path[0], os.path.dirname(__file__)),\n"
            "      __spec__, __package__)\n")
    (tmp_path / "show.py").write_text(text)
    args = ["a", "--json", "x", "-m"]
    with_us = run(tmp_path / "show.py", *args)
    without = subprocess.run([sys.executable, str(tmp_path / "show.py"), *args],
                             capture_output=True, text=True, check=True)
    assert with_us.stdout == without.stdout


def test_modules(tmp_path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").write_text("")
    (tmp_path / "pkg" / "tool.py").write_text(
        HEAD + "lib.add(1, 2)\nprint(sys.argv[1:], __name__, __package__)\n"
               "print(sys.argv[0] == __file__)\n")
    out = run("-m", "pkg.tool", "-v", "x", cwd=tmp_path)
    assert out.stdout == "['-v', 'x'] __main__ pkg\nTrue\n"
    assert "-m pkg.tool: 1 call of 1" in out.stderr


def test_children_say_nothing(tmp_path):
    out, found = advise(tmp_path, """
import multiprocessing, os, subprocess
lib.add(1, 2)
pid = os.fork()
if not pid:
    lib.add(1, 2)
    sys.exit(0)
os.waitpid(pid, 0)
subprocess.run([sys.executable, "-c", "import jiffi"], check=True)
def work(x):
    return lib.add(x, 1)
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(work, [1, 2, 3]) == [2, 3, 4]
""")
    assert out.stderr.count("jiffi advise:") == 1
    assert found["functions"][0]["calls"] == 1


MISTAKES = [
    ((), "which program?"),
    (("--json",), "--json needs an argument"),
    (("-m",), "-m needs an argument"),
    (("--fast", "x.py"), "unknown option --fast"),
    (("no_such_file.py",), "there is no file 'no_such_file.py'"),
]


@pytest.mark.parametrize("args,text", MISTAKES)
def test_mistakes(args, text):
    assert text in run(*args, status=1).stderr


def test_help():
    assert "jiffi advise [--json FILE] SCRIPT" in run("--help").stdout
    out = subprocess.run([sys.executable, "-m", "jiffi", "--help"], capture_output=True,
                         text=True, check=True)
    assert "advise" in out.stdout


def test_threads_are_observed(tmp_path):
    _, found = advise(tmp_path, """
import threading
def work():
    for i in range(500):
        assert lib.add(i, 1) == i + 1
threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
""")
    assert found["functions"][0]["calls"] == 2000
