# SPDX-License-Identifier: MIT
"""C functions over arrays larger than a process: Dask, on one machine.

    pip install "dask[array]" distributed numpy
    python examples/batch_dask.py

ffi.ufunc() gives a numpy.ufunc, which Dask takes as NumPy's own. Workers get functions
by name, and open the library themselves.
"""

import os
import tempfile

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster

from jiffi import FFI

ffi = FFI()
ffi.cdef("""
    double hypot(double x, double y);
    double cbrt(double x);
""")
libm = ffi.dlopen("m")
hypot = ffi.ufunc(libm.hypot)


def roots(block):
    """Of one partition: any Python around calls of C, here ffi.ufunc() on the spot."""
    return ffi.ufunc(libm.cbrt)(block)


def main():
    with tempfile.TemporaryDirectory() as space, LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1",
            dashboard_address=None, local_directory=space) as cluster, \
            Client(cluster) as client:
        workers = set(client.run(os.getpid).values())
        assert len(workers) == 2 and os.getpid() not in workers

        # An expression over chunks; each is one crossing into C.
        x = da.arange(1_000_000, chunks=100_000, dtype="f8")
        y = x[::-1]
        length = hypot(x, y).sum().compute()
        wanted = np.hypot(np.arange(1e6), np.arange(1e6)[::-1]).sum()
        assert abs(length - wanted) < 1e-6 * wanted
        print("sum of hypot over %d chunks: %.6g" % (x.numblocks[0], length))

        # A function of each partition.
        cubes = da.arange(10, chunks=5, dtype="f8")**3
        found = cubes.map_blocks(roots, dtype="f8").compute()
        assert np.allclose(found, np.arange(10))
        print("cube roots:", found.round(9).tolist())

        # The C function itself, as a task.
        tasks = client.map(libm.cbrt, [1.0, 8.0, 27.0])
        by_task = np.round(client.gather(tasks), 9).tolist()
        assert by_task == [1.0, 2.0, 3.0]
        print("by %d workers: %s" % (len(workers), by_task))


if __name__ == "__main__":
    main()
