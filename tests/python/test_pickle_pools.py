# SPDX-License-Identifier: MIT
"""C functions and values in other processes, by what people use for that:
multiprocessing, concurrent.futures, joblib, Dask. What does it with cloudpickle sends
functions of __main__ by value, with the libraries they use."""

import concurrent.futures
import math
import multiprocessing
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import jiffi
import pool_work
from pickle_samples import elsewhere, ffi, libc, libm

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""),
                       reason="other programs' processes"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded"),
]

NUMBERS = [0.5 * i for i in range(20)]
WAYS = [w for w in ("fork", "spawn") if w in multiprocessing.get_all_start_methods()]


@pytest.fixture(autouse=True)
def path_of_workers(monkeypatch):
    """Processes that start anew find jiffi and these files."""
    here = [str(Path(jiffi.__file__).parents[1]), str(Path(__file__).parent)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(here))


def pairs(n):
    return [libc.div(3 * i + 1, 3) for i in range(1, n)]


def check_pairs(values, back, ours=False):
    assert all(ours or pid != os.getpid() for pid, _ in back)
    for v, (_, w) in zip(values, back):
        assert ffi.typeof(w) is ffi.typeof("div_t")
        assert (w.quot, w.rem) == divmod(v.rem, v.quot)


@pytest.mark.parametrize("way", WAYS)
def test_multiprocessing(way):
    with multiprocessing.get_context(way).Pool(2) as pool:
        assert pool.map(libm.cos, NUMBERS) == [math.cos(x) for x in NUMBERS]
        assert pool.starmap(libm.pow, zip(NUMBERS, NUMBERS)) == [x**x for x in NUMBERS]
        values = pairs(8)
        check_pairs(values, pool.map(pool_work.swap, values))
        array = ffi.new("double[]", NUMBERS)
        pid, total = pool.apply(pool_work.norm, (array,))
        assert pid != os.getpid() and total == sum(map(math.cos, NUMBERS))
        pid, (f, t) = pool.apply(pool_work.apply, (tuple, [libm.cos, ffi.typeof("fn_t")]))
        assert pid != os.getpid() and f is libm.cos and t is ffi.typeof("fn_t")


@pytest.mark.parametrize("way", WAYS)
def test_executor(way):
    context = multiprocessing.get_context(way)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(libc.abs, range(-5, 5))) == [5, 4, 3, 2, 1, 0, 1, 2, 3, 4]
        values = pairs(5)
        check_pairs(values, list(pool.map(pool_work.swap, values)))
        job = pool.submit(libm.cos, ffi.cast("double *", 8))
        with pytest.raises(TypeError, match="cannot pickle cdata 'double \\*'"):
            job.result(60)
        job = pool.submit(libm.cos, "text")  # errors come back, too
        with pytest.raises(TypeError, match="cos\\(\\)"):
            job.result(60)


@pytest.mark.parametrize("way", WAYS)
def test_ufunc_in_pool(way):
    np = pytest.importorskip("numpy")
    power = ffi.ufunc(libm.pow)
    with multiprocessing.get_context(way).Pool(2) as pool:
        parts = pool.starmap(power, [(np.arange(5.0) + i, 2.0) for i in range(4)])
    assert [p.tolist() for p in parts] == [((np.arange(5) + i)**2).tolist() for i in range(4)]


def test_queue():
    context = multiprocessing.get_context(WAYS[0])
    queue = context.SimpleQueue()
    queue.put((libm.cos, ffi.new("struct pair *", {"odd": 3})))
    cos, p = queue.get()
    assert cos is libm.cos and p.odd == 3


# --- cloudpickle ------------------------------------------------------------------

SCRIPT = """
import sys
from jiffi import FFI
ffi = FFI()
ffi.cdef("typedef struct { int quot, rem; } div_t; div_t div(int, int);"
         "double cos(double); double missing(void); extern int optind;")
small = FFI()
small.cdef("double cos(double); double sin(double); double never(double);")
lib = ffi.dlopen(None)
libm = small.dlopen("m")
libm.cos

def work(n):
    v = lib.div(n, 3)
    p = ffi.new("div_t *", v)
    return p.quot, ffi.typeof(v) is ffi.typeof("div_t"), libm.sin(0.0) + libm.cos(0.0)
"""


def test_cloudpickle():
    pytest.importorskip("cloudpickle")
    data = elsewhere(SCRIPT + "import cloudpickle\n"
                     "sys.stdout.buffer.write(cloudpickle.dumps((work, libm.cos, ffi)))")
    out = elsewhere("""
import pickle, sys
work, cos, ffi = pickle.loads(sys.stdin.buffer.read())
names = work.__globals__
assert ffi is names["ffi"] and names["libm"].cos is cos
print(work(7), sorted(n for n in dir(names["libm"]) if n[0] != "_"))
try:
    names["libm"].never
except AttributeError as e:
    print(e)
import cloudpickle
again = pickle.loads(cloudpickle.dumps(names["libm"]))
print(again.sin(0.0))
""", data).decode()
    assert out.startswith("(2, True, 1.0) ['cos', 'never', 'sin']\n")
    assert "'never' not found in library" in out and out.endswith("0.0\n")


def test_joblib():
    joblib = pytest.importorskip("joblib")
    with joblib.parallel_config(backend="loky", n_jobs=2):
        run = joblib.Parallel()
        assert run(joblib.delayed(libm.cos)(x) for x in NUMBERS) == [
            math.cos(x) for x in NUMBERS]
        values = pairs(6)
        check_pairs(values, run(joblib.delayed(pool_work.swap)(v) for v in values))
        # A function that no other process can import: by value, with its library.
        cos = libm.cos
        back = run(joblib.delayed(lambda x: (os.getpid(), cos(x) + libm.pow(x, 2)))(x)
                   for x in NUMBERS)
        assert [v for _, v in back] == [math.cos(x) + x**2 for x in NUMBERS]
        assert all(pid != os.getpid() for pid, _ in back)
    from joblib.externals.loky import get_reusable_executor
    get_reusable_executor().shutdown(wait=True)


# --- Dask -------------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes"])
def test_dask_array(scheduler):
    np = pytest.importorskip("numpy")
    da = pytest.importorskip("dask.array")
    power = ffi.ufunc(libm.pow)
    frexp = ffi.ufunc(libm.frexp, out="exp")
    x = np.arange(1.0, 13.0).reshape(3, 4)
    d = da.from_array(x, chunks=(2, 2))
    results = {
        "ufunc": power(d, 2.0), "blocks": d.map_blocks(power, 2.0, dtype="f8"),
        "elemwise": da.core.elemwise(power, d, d, dtype="f8"),
        "part": da.map_blocks(lambda b: frexp(b)[1], d, dtype="i4"),
        "sum": power(d, 2.0).sum(axis=0)}
    wanted = {
        "ufunc": x**2, "blocks": x**2, "elemwise": x**x,
        "part": np.frexp(x)[1], "sum": (x**2).sum(axis=0)}
    import dask
    got, = dask.compute(results, scheduler=scheduler, num_workers=2)
    for name in wanted:
        np.testing.assert_array_equal(got[name], wanted[name], err_msg=name)


def test_dask_distributed():
    """A cluster on this machine. Workers start anew and import nothing of ours but by
    pickle."""
    pytest.importorskip("distributed")
    run = subprocess.run([sys.executable, str(Path(__file__).with_name("dask_cluster.py"))],
                         capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.splitlines()[-1] == "done"


# --- examples ---------------------------------------------------------------------


@pytest.mark.parametrize("name, needs, line", [
    ("batch_pool", "multiprocessing", "spawn: cos [1.0, 0.878, 0.54], div [(1, 1), (0, 4)], "
     "means [0.5, 1.5, 2.5]"),
    ("batch_dask", "distributed", "by 2 workers: [1.0, 2.0, 3.0]")])
def test_examples(name, needs, line):
    pytest.importorskip(needs)
    path = Path(__file__).resolve().parents[2] / "examples" / (name + ".py")
    run = subprocess.run([sys.executable, str(path)], capture_output=True, text=True,
                         timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    assert line in run.stdout.splitlines()
