# SPDX-License-Identifier: MIT
"""A program with a Dask cluster of two processes on loopback; test_pickle_pools.py runs
it, because workers that are spawned run its file again."""

import math
import os
import tempfile

from jiffi import FFI

ffi = FFI()
ffi.cdef("""
    typedef struct { int quot, rem; } div_t;
    div_t div(int a, int b);
    double cos(double x);
    double pow(double x, double y);
    double ldexp(double x, int n);
""")
libm = ffi.dlopen("m")
libc = ffi.dlopen(None)


def on_partition(values, scale):
    """Of a list of numbers: by value, with both libraries in its globals."""
    out = ffi.new("double[]", len(values))
    for i, v in enumerate(values):
        out[i] = libm.ldexp(v, scale) + libc.div(7, 2).rem
    return out


def main():
    import dask
    import dask.array as da
    import distributed
    import numpy as np

    dask.config.set({"distributed.comm.timeouts.connect": "60s"})  # busy machines
    with tempfile.TemporaryDirectory() as space, distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1",
            dashboard_address=None, local_directory=space) as cluster, \
            distributed.Client(cluster) as client:
        pids = client.run(os.getpid)
        assert len(set(pids.values()) - {os.getpid()}) == 2

        jobs = client.map(libm.cos, [0.1 * i for i in range(50)], pure=False)
        assert client.gather(jobs) == [math.cos(0.1 * i) for i in range(50)]

        parts = client.map(on_partition, [[1.0, 2.0], [3.0], []], scale=3)
        back = client.gather(parts)
        assert [list(b) for b in back] == [[9.0, 17.0], [25.0], []]
        assert all(ffi.typeof(b) is ffi.typeof("double[]") for b in back)

        v = client.submit(libc.div, 9, 4).result()
        assert ffi.typeof(v) is ffi.typeof("div_t") and (v.quot, v.rem) == (2, 1)
        quot = client.submit(lambda s: s.quot, v).result()
        assert quot == 2

        x = da.arange(1000.0, chunks=100)
        power = ffi.ufunc(libm.pow)
        assert power(x, 2.0).sum().compute() == float((np.arange(1000.0)**2).sum())
        half = x.map_blocks(ffi.ufunc(libm.ldexp), -1, dtype="f8")
        np.testing.assert_array_equal(half.compute(), np.arange(1000.0) / 2)
    print("done")


if __name__ == "__main__":
    main()
