# SPDX-License-Identifier: MIT
"""What workers of test_pickle_pools.py run: they import it, or get it by cloudpickle."""

import os

from pickle_samples import ffi, libc, libm


def norm(values):
    """sum(cos(v)) over C memory, and in which process."""
    n = ffi.typeof(values).length or len(values)
    return os.getpid(), sum(libm.cos(values[i]) for i in range(n))


def swap(value):
    """A div_t, made by this process's own function, of one that has arrived."""
    assert ffi.typeof(value) is ffi.typeof("div_t")
    return os.getpid(), libc.div(value.rem, value.quot)


def apply(function, *args):
    return os.getpid(), function(*args)
