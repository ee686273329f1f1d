# SPDX-License-Identifier: MIT
"""gil="auto": held where it is proved that nobody waits; ffi.gil() says and asks."""

import os
import pickle
import subprocess
import sys
import threading

import gil_samples
import pytest

import jiffi
from jiffi import FFI


def opened(**options):
    ffi = FFI(**options)
    ffi.cdef(gil_samples.DECLARED)
    return ffi, ffi.dlopen(gil_samples.path())


def can_prove():
    ffi, lib = opened()
    return ffi.gil(lib.add).proved


proves = pytest.mark.skipif(not can_prove(), reason="machine code cannot be read here")

# function, call, result; is it proved?
ROWS = [
    ("add", (2, 3), 5, True),
    ("half", (3.0,), 1.5, True),
    ("pick", (-4,), 4, True),
    ("sum_to", (4,), 10, False),     # a loop
    ("nap", (0,), None, False),      # a system call
    ("on_thread", None, None, False),
    ("jump", None, None, False),     # calls what it is given
]
IDS = [row[0] for row in ROWS]


def in_api_mode(tmp_path, gil=None, cdef=gil_samples.DECLARED, said=()):
    name = "_gil_%d" % in_api_mode.count
    in_api_mode.count += 1
    ffi = FFI(gil=gil) if gil else FFI()
    ffi.cdef(cdef)
    for policy, names in said:
        ffi.gil(policy, *names)
    ffi.set_source(name, gil_samples.SOURCE)
    ffi.compile(str(tmp_path))
    sys.path.insert(0, str(tmp_path))
    try:
        module = __import__(name)
    finally:
        sys.path.remove(str(tmp_path))
    return module.ffi, module.lib


in_api_mode.count = 0


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    return in_api_mode(tmp_path_factory.mktemp("gil"))


@pytest.fixture(params=["abi", "api"])
def both(request):
    return opened() if request.param == "abi" else request.getfixturevalue("compiled")


@proves
@pytest.mark.parametrize("name,args,result,proved", ROWS, ids=IDS)
def test_auto(both, name, args, result, proved):
    ffi, lib = both
    function = getattr(lib, name)
    for _ in range(2):
        if args is not None:
            assert function(*args) == result
        policy = ffi.gil(function)
        assert (policy.asked, policy.proved) == ("auto", proved)
        assert policy.decided == ("hold" if proved else "release")
        assert len(policy.reason) > 10


def test_what_is_said_shows_in_the_policy():
    ffi, lib = opened()
    policy = ffi.gil(lib.nap)
    assert tuple(policy) == ("auto", "release", False, policy.reason)
    ffi.gil("hold", lib.nap)
    assert ffi.gil(lib.nap)[:3] == ("hold", "hold", False)
    ffi.gil("release", "nap", lib.add)
    assert ffi.gil(lib.nap)[:2] == ffi.gil(lib.add)[:2] == ("release", "release")


POLICIES = [("release", True), ("hold", False), ("auto", True)]


@pytest.mark.parametrize("policy,runs", POLICIES)
def test_said_of_a_function_that_was_called(both, policy, runs):
    """At once, also in builtins that are held elsewhere."""
    ffi, lib = both
    nap = lib.nap
    nap(0)
    try:
        ffi.gil(policy, lib.nap)
        assert waits_for_python(ffi, nap) is runs
        again = ffi.addressof(lib, "nap")
        assert waits_for_python(ffi, again) is runs
    finally:
        ffi.gil("auto", lib.nap)


def waits_for_python(ffi, nap):
    """Does another thread run within nap()? On a busy machine not at every time."""
    return any(another_runs(nap) for _ in range(5))


def another_runs(nap):
    started, ran = threading.Event(), []

    def other():
        started.set()
        ran.append("began")
        for _ in range(200):
            if "over" in ran:
                return
            ran.append("in")
            pause.wait(0.002)

    pause = threading.Event()
    t = threading.Thread(target=other)
    t.start()
    started.wait()
    before = len(ran)
    nap(60)
    within = len(ran) - before
    ran.append("over")
    t.join()
    return within > 3


@pytest.mark.parametrize("policy,runs", POLICIES)
@pytest.mark.parametrize("how", ["ffi", "cdef", "dlopen", "attribute", "gnu", "name"])
def test_every_place_to_say_it(how, policy, runs):
    text = "void nap(int ms)%s;"
    ffi = FFI(gil=policy) if how == "ffi" else FFI()
    if how == "attribute":
        ffi.cdef('[[jiffi::gil("%s")]] void nap(int ms);' % policy)
    elif how == "gnu":
        ffi.cdef(text % (' __attribute__((jiffi_gil("%s")))' % policy))
    else:
        ffi.cdef(text % "", gil=policy if how == "cdef" else None)
    if how == "name":
        ffi.gil(policy, "nap")
    lib = ffi.dlopen(gil_samples.path(), gil=policy if how == "dlopen" else None)
    assert ffi.gil(lib.nap).asked == policy
    assert waits_for_python(ffi, lib.nap) is runs


# who says "hold", who says "release", what comes of it
ORDER = [
    (dict(), "", "auto"),
    (dict(ffi="hold"), "", "hold"),
    (dict(ffi="hold", cdef="release"), "", "release"),
    (dict(cdef="release", dlopen="hold"), "", "hold"),
    (dict(ffi="release", dlopen="hold"), ' __attribute__((jiffi_gil("auto")))', "auto"),
    (dict(dlopen="hold", name="release"), "", "release"),
]


@pytest.mark.parametrize("said,attribute,asked", ORDER)
def test_the_nearest_word_counts(said, attribute, asked):
    ffi = FFI(gil=said.get("ffi"))
    ffi.cdef("int add(int a, int b)%s;" % attribute, gil=said.get("cdef"))
    if "name" in said:
        ffi.gil(said["name"], "add")
    lib = ffi.dlopen(gil_samples.path(), gil=said.get("dlopen"))
    assert ffi.gil(lib.add).asked == asked and lib.add(1, 2) == 3


def test_by_name_in_open_libraries_too():
    ffi = FFI()
    ffi.cdef(gil_samples.DECLARED)
    a, b = (ffi.dlopen(gil_samples.path()) for _ in range(2))
    assert a.add(1, 1) == b.add(1, 1) == 2
    ffi.gil("release", "add", "nap")
    c = ffi.dlopen(gil_samples.path())
    for lib in (a, b, c):
        assert ffi.gil(lib.add).asked == ffi.gil(lib.nap).asked == "release"
        assert ffi.gil(lib.half).asked == "auto" and lib.add(1, 1) == 2
    ffi.gil("hold", a.add)
    assert [ffi.gil(lib.add).asked for lib in (a, b, c)] == ["hold", "release", "release"]


MISTAKES = [
    ((), TypeError, "a policy and functions"),
    (("hold",), TypeError, "expects functions behind the policy"),
    (("perhaps", "add"), ValueError, "'release', 'hold' or 'auto', not 'perhaps'"),
    ((None, "add"), ValueError, "'release', 'hold' or 'auto', not None"),
    (("hold", "on_thred"), AttributeError,
     "no function 'on_thred' is declared; did you mean 'on_thread'"),
    (("hold", ""), AttributeError, "no function '' is declared"),
    (("hold", 5), TypeError, "functions of libraries or their names, not int"),
    (("hold", len), TypeError, "functions of libraries or their names, not builtin"),
    ((5,), TypeError, "functions of libraries or their names, not int"),
    (("hold", "\ud800"), UnicodeEncodeError, ""),
]


@pytest.mark.parametrize("args,error,text", MISTAKES)
def test_mistakes(args, error, text):
    ffi, lib = opened()
    with pytest.raises(error, match=text or None):
        ffi.gil(*args)
    with pytest.raises(error):
        ffi.gil(*args[:1], lib.nap, "add", *args[1:]) if len(args) > 1 else ffi.gil(*args)
    assert ffi.gil(lib.add).asked == ffi.gil(lib.nap).asked == "auto"  # nothing changed


def test_function_pointers_and_sized_functions_are_refused():
    ffi, lib = opened()
    pointer = ffi.cast("int(*)(int, int)", ffi.cast("void *", lib.add))
    with pytest.raises(TypeError, match=r"'int\(\*\)\(int, int\)' is a function pointer"):
        ffi.gil("hold", pointer)
    with pytest.raises(TypeError, match="function pointer"):
        ffi.gil(pointer)
    for bad in ("maybe", 5):
        with pytest.raises(ValueError, match="'release', 'hold' or 'auto', not"):
            ffi.dlopen(gil_samples.path(), gil=bad)
    ffi.cdef("int strnlen(const char *s, size_t n);")
    sized = ffi.sized(ffi.dlopen(None).strnlen, n="s")
    with pytest.raises(ValueError, match="call gil.. on the function that sized"):
        ffi.gil("hold", sized)
    assert ffi.gil(sized).asked == "auto"


@proves
def test_errno_is_left_alone_by_what_does_not_touch_it(both):
    ffi, lib = both
    ffi.errno = 42
    assert lib.add(1, 2) == 3 and ffi.errno == 42
    assert lib.last_error() == 42
    lib.fail_with(7)
    assert ffi.errno == 7 and lib.half(3.0) == 1.5 and lib.last_error() == 7


def test_closed_library():
    ffi, lib = opened()
    add = lib.add
    ffi.dlclose(lib)
    assert "closed" in ffi.gil(add).reason and ffi.gil(add).decided == "release"
    with pytest.raises(ValueError, match="closed"):
        add(1, 2)


@proves
def test_a_decision_stays_when_the_library_is_closed():
    ffi, lib = opened()
    assert lib.add(1, 2) == 3 and ffi.gil(lib.add).decided == "hold"
    add = lib.add
    ffi.dlclose(lib)
    assert ffi.gil(add).decided == "hold"


@proves
def test_fused_functions_are_as_what_they_call():
    ffi, lib = opened()

    @ffi.fuse("int(int, int)")
    def quick(a, b):
        return lib.add(lib.pick(a), b)

    @ffi.fuse("int(int, int)")
    def slow(a, b):
        return lib.add(lib.sum_to(a), b)

    assert quick(3, 4) == 7 and slow(3, 4) == 10
    assert ffi.gil(quick)[:3] == ("auto", "hold", True)
    assert ffi.gil(slow).decided == "release"
    ffi.gil("hold", lib.sum_to)

    @ffi.fuse("int(int, int)")
    def told(a, b):
        return lib.add(lib.sum_to(a), b)

    assert told(3, 4) == 10 and ffi.gil(told)[:3] == ("hold", "hold", False)


def test_long_loops_over_proved_functions_let_go():
    """One call is short; so many of them are not."""
    ffi, lib = opened()
    data = ffi.new("int[]", 20_000_000)
    out = ffi.new("int[]", 20_000_000)
    calls = []
    done = threading.Event()

    def other():
        while not done.is_set():
            calls.append(1)
            done.wait(0.001)

    t = threading.Thread(target=other)
    t.start()
    try:
        before = len(calls)
        ffi.map(lib.pick, data, out=out, threads=1)
        within = len(calls) - before
    finally:
        done.set()
        t.join()
    assert within > 2


def test_pickles_carry_it():
    ffi = FFI(gil="hold")
    ffi.cdef(gil_samples.DECLARED)
    ffi.gil("release", "nap", "sum_to")
    lib = ffi.dlopen(gil_samples.path(), gil="auto")
    data = pickle.dumps((lib.add, lib.nap))
    code = ("import pickle, sys, jiffi\n"
            "add, nap = pickle.loads(bytes.fromhex(sys.argv[1]))\n"
            "ffi = jiffi.FFI()\n"
            "print(ffi.gil(add).asked, ffi.gil(nap).asked)\n")
    out = subprocess.run([sys.executable, "-c", code, data.hex()], check=True,
                         capture_output=True, text=True)
    assert out.stdout.split() == ["auto", "release"]


@pytest.mark.parametrize("gil", ["release", "hold", "auto"])
def test_modules_carry_it(tmp_path, gil):
    ffi, lib = in_api_mode(tmp_path, gil, said=[("hold" if gil == "release" else "release",
                                                 ("half", "nap"))])
    other = "hold" if gil == "release" else "release"
    assert ffi.gil(lib.add).asked == gil and ffi.gil(lib.half).asked == other
    assert lib.add(1, 2) == 3 and lib.half(1.0) == 0.5
    assert waits_for_python(ffi, lib.nap) is (other == "release")
    assert ffi.gil(lib.half).decided == other


def test_modules_of_python_carry_it(tmp_path):
    ffi = FFI()
    ffi.cdef("int add(int a, int b);", gil="release")
    ffi.set_source("_gil_python", None)
    ffi.compile(str(tmp_path))
    sys.path.insert(0, str(tmp_path))
    try:
        import _gil_python
    finally:
        sys.path.remove(str(tmp_path))
    lib = _gil_python.ffi.dlopen(gil_samples.path())
    assert _gil_python.ffi.gil(lib.add).asked == "release"


def test_threads_that_change_it_and_call():
    ffi, lib = opened()
    stop, bad = threading.Event(), []

    def call():
        while not stop.is_set():
            if lib.add(2, 3) != 5 or lib.sum_to(3) != 6:
                bad.append(1)

    threads = [threading.Thread(target=call) for _ in range(3)]
    for t in threads:
        t.start()
    for i in range(300):
        ffi.gil(("hold", "release", "auto")[i % 3], lib.add, "sum_to")
    stop.set()
    for t in threads:
        t.join()
    assert not bad


def test_cffi_flavour_releases():
    code = ("import jiffi.dropin, sys\n"
            "jiffi.dropin.install()\n"
            "import cffi, time, threading\n"
            "ffi = cffi.FFI()\n"
            "ffi.cdef('void nap(int ms);')\n"
            "lib = ffi.dlopen(sys.argv[1])\n"
            "n = []\n"
            "t = threading.Thread(target=lambda: [n.append(time.sleep(.002)) for _ in "
            "range(10)])\n"
            "t.start(); before = len(n); lib.nap(100); print(len(n) - before)\n"
            "t.join()\n")
    out = subprocess.run([sys.executable, "-c", code, gil_samples.path()], check=True,
                         capture_output=True, text=True)
    assert int(out.stdout) > 3


def test_without_machine_code():
    if os.environ.get("JIFFI_JIT") == "off":
        pytest.skip("this is that run")
    out = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__,
         "-k", "not without_machine_code"],
        env=dict(os.environ, JIFFI_JIT="off"), capture_output=True, text=True)
    assert out.returncode == 0, out.stdout[-3000:]


def test_names():
    assert issubclass(jiffi.HeldCallError, RuntimeError)
    assert type(opened()[0].gil(opened()[1].add)).__name__ == "GilPolicy"
