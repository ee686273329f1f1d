# SPDX-License-Identifier: MIT
"""Exceptions in callbacks, in programs of their own: how they end, and what cffi's flavour prints."""

import os
import subprocess
import sys

import pytest

from test_callback_errors import library

HEAD = """
import sys
sys.path.insert(0, {here!r})
import test_callback_errors as t
from jiffi import FFI
ffi = FFI(gil={gil!r})
ffi.cdef(t.CDEF)
lib = ffi.dlopen({library!r})
"""

SCRIPTS = [
    # (what runs, exit status, stdout, part of stderr)
    ("""
def f(x):
    sys.exit(41)
lib.often(ffi.callback("int(int)", f), 3)
print("not here")
""", 41, "", ""),
    ("""
import os, signal
def f(x):
    os.kill(os.getpid(), signal.SIGINT)
    for i in range(100000):
        pass
    return x
cb = ffi.callback("int(int)", f)
try:
    lib.often(cb, 5)
    print("not here")
except KeyboardInterrupt:
    print("interrupted")
""", 0, "interrupted\n", ""),
    ("""
cb = ffi.callback("int(int)", t.boom)
lib.one(cb)
""", 1, "", "Boom: 1"),
    ("""
cb = ffi.callback("int(int)", t.boom)
import atexit
def last():
    try:
        lib.one(cb)
    except t.Boom:
        print("last")
atexit.register(last)
""", 0, "last\n", ""),
    # a thread that is inside of C, an exception waiting, when Python ends
    ("""
import threading, time
ffi.cdef("int usleep(unsigned);")
libc = ffi.dlopen(None)
reached = threading.Event()
def f(x):
    if x == 0:
        raise t.Boom(x)
    return x
def g(x):
    reached.set()
    libc.usleep(300000)
    return x
a = ffi.callback("int(int)", f)
b = ffi.callback("int(int)", g, errors="continue")
threading.Thread(target=lambda: lib.either(a, b, 2), daemon=True).start()
reached.wait()
print("end")
""", 0, "end\n", ""),
]


def start(script, gil="release", **env):
    path = os.pathsep.join([os.path.abspath(p) for p in sys.path if p])
    text = HEAD.format(here=os.path.dirname(os.path.abspath(__file__)), gil=gil,
                       library=library()) + script
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True,
                          env=dict(os.environ, PYTHONPATH=path, **env))


@pytest.mark.parametrize("gil", ["release", "hold"])
@pytest.mark.parametrize("script, status, out, error", SCRIPTS)
def test_programs(script, status, out, error, gil):
    if gil == "hold" and "usleep" in script:
        pytest.skip("the main thread would wait for the call")
    done = start(script, gil)
    assert (done.returncode, done.stdout) == (status, out), done.stderr
    assert error in done.stderr


# --- in place of cffi ---------------------------------------------------------------------------


def test_cffi_prints():
    """The drop-in has cffi's behaviour and cffi's keywords."""
    done = start("""
import importlib.machinery, importlib.util
import jiffi._jiffi as m
loader = importlib.machinery.ExtensionFileLoader("_cffi_backend", m.__file__)
spec = importlib.util.spec_from_loader("_cffi_backend", loader)
backend = importlib.util.module_from_spec(spec)
loader.exec_module(backend)
ffi = backend.FFI()
cb = ffi.callback("int(int)", t.boom, -8)
print(cb(1))
for wrong in (lambda: ffi.callback("int(int)", t.boom, errors="raise"),):
    try:
        wrong()
    except TypeError as e:
        print("refused")
""")
    assert done.stdout == "-8\nrefused\n", done.stderr
    assert "from cffi callback <function boom" in done.stderr
