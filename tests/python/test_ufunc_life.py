# SPDX-License-Identifier: MIT
"""ffi.ufunc(): what a ufunc keeps alive and gives back, threads and the GIL, closed
libraries, modules made with a compiler, life without NumPy."""

import gc
import os
import subprocess
import sys
import textwrap
import threading
import time
import weakref

import pytest
import ufunc_samples

import jiffi

np = pytest.importorskip("numpy")

ffi, lib = ufunc_samples.load()
origin = jiffi._jiffi._ufunc_origin


def run(code, *args):
    """Run Python code in a process of its own; it must print "ok" and nothing else."""
    folder = os.path.dirname(__file__)
    env = dict(os.environ)
    env["PYTHONPATH"] = os.pathsep.join([folder, *sys.path])
    r = subprocess.run([sys.executable, "-c", textwrap.dedent(code), *args],
                       capture_output=True, text=True, env=env)
    assert (r.returncode, r.stdout.strip()) == (0, "ok"), r.stdout + r.stderr


# --- kept and given back ------------------------------------------------------------

def test_it_keeps_all_it_needs():
    m, n = ufunc_samples.load()
    u = m.ufunc(n.add, name="".join(["pl", "us"]), doc="".join(["A", "dds."]))
    v = m.ufunc(m.cast("double(*)(double, double)", n.sub))
    keep = n  # for `v`: a cast owns nothing
    del m, n
    gc.collect()
    assert u(1, 2) == 3 and v(1, 2) == -1
    assert u.__name__ == "plus" and "Adds." in u.__doc__ and u.types == ["dd->d"]
    del keep


def test_fixed_values_live_and_die_with_it():
    class Table(np.ndarray):
        pass

    table = np.arange(4.0).view(Table)
    gone = weakref.ref(table)
    u = ffi.ufunc(lib.at, fixed={"table": table, "n": 4})
    del table
    gc.collect()
    assert gone() is not None and u(np.int32(3)) == 3
    origin(u)["fixed"].clear()  # a copy
    gc.collect()
    assert gone() is not None
    del u
    gc.collect()
    assert gone() is None


def test_a_cycle_through_a_callback_is_collected():
    class Thing:
        pass

    thing = Thing()
    f = ffi.callback("double(double)", lambda x: x + thing.more)
    thing.more = 1
    thing.ufunc = ffi.ufunc(f)
    assert thing.ufunc(1) == 2
    gone = weakref.ref(thing)
    del thing, f
    gc.collect()
    assert gone() is None


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc")
@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""),
                    reason="AddressSanitizer keeps what was freed for a while")
def test_memory_stays_flat():
    run("""
        import gc, os
        import numpy as np, ufunc_samples
        ffi, lib = ufunc_samples.load()
        def resident():
            gc.collect()
            with open("/proc/self/statm") as f:
                return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")
        def work():
            for i in range(500):
                u = ffi.ufunc(lib.add, name="a%d" % i, identity=0)
                u([1.0, 2.0], 3), u.reduce([1.0, 2.0]), u(1, np.float32(2))
                v = ffi.ufunc(lib.at, fixed={"table": [1.5] * 50, "n": 50})
                v(np.int32(3))
                w = ffi.ufunc(lib.shift)
                w(np.zeros(2, ffi.dtype("point")), 1)
                for bad in ({"out": "a"}, {"fixed": {"a": ""}}):
                    try:
                        ffi.ufunc(lib.add, **bad)
                    except TypeError:
                        pass
        work(); work()
        before = resident()
        work(); work()
        grown = resident() - before
        print("ok" if grown < 400000 else grown)
    """)


def test_origin():
    u = ffi.ufunc(lib.fma3, name="f", fixed={"b": 2}, doc="D", identity=0)
    assert origin(u) == {"ffi": ffi, "function": lib.fma3, "name": "f",
                         "fixed": {"b": 2}, "doc": "D", "identity": 0}
    names = ["quotient", "remainder"]
    v = ffi.ufunc(lib.divide, names)
    names.clear()
    assert origin(v) == {"ffi": ffi, "function": lib.divide,
                         "out": ("quotient", "remainder")}
    assert origin(ffi.ufunc(lib.add, identity=None))["identity"] is None
    for other in (np.add, np.frompyfunc(len, 1, 1), len, None, 3, lib.add):
        assert origin(other) is None


# --- libraries that close ------------------------------------------------------------

def test_closed_library():
    m, n = ufunc_samples.load()
    u, p = m.ufunc(n.add, identity=0), m.ufunc(n.shift)
    add = n.add
    x, out = np.arange(1000.0), np.full(1000, 5.0)
    pts = np.zeros(3, m.dtype("point"))
    assert u(1, 2) == 3
    m.dlclose(n)
    for use in (lambda: u(1, 2), lambda: u(x, x, out=out), lambda: u.reduce(x),
                lambda: u.accumulate(x), lambda: u.at(x, [0], 1), lambda: p(pts, 1),
                lambda: u.outer(x, x), lambda: u(np.ones((40, 3, 50))[:, :2], 1)):
        with pytest.raises(ValueError, match="has already been closed"):
            use()
    assert (out == 5).all()
    with pytest.raises(ValueError, match="has already been closed"):
        m.ufunc(add)
    assert u([], []).shape == (0,)  # nothing to call


# --- threads --------------------------------------------------------------------------

def others_run(gil, n, wait=400):
    """True if another Python thread sets the flag that C waits for in a ufunc."""
    m, l = ufunc_samples.load(gil=gil)
    flag = m.new("int *")
    u = m.ufunc(l.wait_ms, fixed={"flag": flag})
    started = threading.Event()

    def setter():
        started.wait()
        time.sleep(0.01)
        flag[0] = 1

    t = threading.Thread(target=setter)
    t.start()
    ms = np.zeros(n, "i4")
    ms[0] = wait
    started.set()
    result = u(ms)
    t.join()
    return bool(result[0])


@pytest.mark.parametrize("n", [1, 100, 5000])
def test_the_policy_holds_for_any_size(n):
    assert others_run("release", n)
    assert not others_run("hold", n, 60)


@pytest.mark.parametrize("n", [1, 499, 20000])
def test_hold_means_that_the_gil_is_held(n):
    m = jiffi.FFI(gil="hold")
    m.cdef("int PyGILState_Check(int unused);")
    try:
        check = m.dlopen(None).PyGILState_Check
    except AttributeError:
        pytest.skip("Python's own functions cannot be found")
    u = m.ufunc(check)
    assert (u(np.zeros(n, "i4")) == 1).all()
    assert (u(np.zeros((n, 3, 2), "i4")[:, ::2]) == 1).all()


@pytest.mark.parametrize("gil", ["release", "hold"])
def test_threads_share_a_ufunc(gil):
    m, l = ufunc_samples.load(gil=gil)
    u, wrong = m.ufunc(l.grow, inout="total", out="before"), []
    cb = m.ufunc(m.callback("double(double, double)", lambda a, b: a - b))

    def work(k):
        for i in range(30):
            total, before = u(float(k), np.arange(4000.0))
            if not ((total == np.arange(4000.0) + k).all() and
                    (cb(np.arange(600.0), k) == np.arange(600.0) - k).all()):
                wrong.append((k, i))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_a_callback_that_raises():
    lines = []
    f = ffi.callback("double(double)", lambda x: 1 / x, error=-1.0,
                     onerror=lambda *e: lines.append(e[0]))
    assert ffi.ufunc(f)([2.0, 0.0, 4.0]).tolist() == [0.5, -1, 0.25]
    assert lines == [ZeroDivisionError]


# --- modules made with a compiler --------------------------------------------------------

def test_compiled_function(tmp_path, monkeypatch):
    monkeypatch.setenv("JIFFI_CACHE", str(tmp_path))
    m = jiffi.FFI()
    m.cdef("""
        typedef struct { char hidden[...]; int a; ...; } pair;
        double half(double x, double *rest);
        int twice(pair *p);
        pair same(pair p);
    """)
    n = m.inline("""
        typedef struct { char hidden[5]; int a; double b; } pair;
        static double half(double x, double *rest) { *rest = x / 4; return x / 2; }
        static int twice(pair *p) { p->b = p->a; return p->a *= 2; }
        static pair same(pair p) { return p; }
    """, extra_compile_args=["-O0"])
    a, b = m.ufunc(n.half, out="rest")(np.arange(9.0))
    assert a.tolist() == (np.arange(9) / 2).tolist() and (b == a / 2).all()
    p = np.zeros(3, m.dtype("pair"))
    p["a"] = [1, 2, 3]
    a, p = m.ufunc(n.twice, inout="p")(p)
    assert p.dtype.itemsize == 24 and a.tolist() == p["a"].tolist() == [2, 4, 6]
    with pytest.raises(NotImplementedError, match="'pair' cannot be passed by value"):
        m.ufunc(n.same)


# --- without NumPy -------------------------------------------------------------------------

def test_jiffi_does_not_import_numpy():
    run("""
        import sys, jiffi
        ffi = jiffi.FFI()
        ffi.cdef("int abs(int);")
        lib = ffi.dlopen(None)
        try:
            ffi.ufunc(3)
        except TypeError:
            pass
        assert jiffi._jiffi._ufunc_origin(lib) is None
        print("no" if "numpy" in sys.modules else "ok")
    """)


@pytest.mark.parametrize("hide", [
    "sys.modules['numpy'] = None",
    "sys.path[:] = []; sys.modules['numpy'] = types.ModuleType('numpy')",
    "sys.meta_path.insert(0, NoNumPy())",
])
def test_without_numpy(hide):
    run("""
        import sys, types, jiffi
        class NoNumPy:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] == "numpy":
                    raise ModuleNotFoundError("No module named 'numpy'", name="numpy")
        ffi = jiffi.FFI()
        ffi.cdef("int abs(int);")
        lib = ffi.dlopen(None)
        exec(sys.argv[1])
        for i in range(2):
            try:
                ffi.ufunc(lib.abs)
            except ImportError as e:
                assert str(e) == "ffi.ufunc() needs NumPy, which is not installed", e
                continue
            assert False
        print("ok")
    """, hide)


@pytest.mark.parametrize("api", ["None", "3", "object()"])
def test_a_numpy_that_is_none(api):
    """Whatever stands where NumPy's tables should be: an error, no crash."""
    run("""
        import sys, types, jiffi
        core = types.ModuleType("numpy._core._multiarray_umath")
        core._ARRAY_API = core._UFUNC_API = eval(sys.argv[1])
        for name in ("numpy", "numpy._core"):
            sys.modules[name] = types.ModuleType(name)
            sys.modules[name].__path__ = []
        sys.modules[core.__name__] = core
        ffi = jiffi.FFI()
        ffi.cdef("int abs(int);")
        try:
            ffi.ufunc(ffi.dlopen(None).abs)
        except (ImportError, ValueError, TypeError) as e:
            print("ok")
    """, api)


def test_interpreter_ends_with_ufuncs_alive():
    run("""
        import ufunc_samples, numpy as np
        ffi, lib = ufunc_samples.load()
        u = ffi.ufunc(lib.add)
        np.kept = u
        cb = ffi.ufunc(ffi.callback("double(double)", lambda x: x))
        cb.__dict__ if hasattr(cb, "__dict__") else None
        class Last:
            def __del__(self):
                try:
                    u(1, 2), cb(1)
                except Exception:
                    pass
        last = Last()
        last.me = last
        print("ok")
    """)
