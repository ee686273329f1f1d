# SPDX-License-Identifier: MIT
"""The library of cxx_samples.cc, compiled once per run, and its declarations."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

COMPILER = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")

DECLARATIONS = """
    typedef struct { long v[8]; } big_t;
    typedef struct { double a; long b; } pair_t;
    int alive_now(void) noexcept;
    int throws(int kind);
    int nested(void);
    int rethrown(void);
    big_t big(int fail);
    pair_t pair(int fail);
    double real(double x);
    long ten(long, long, long, long, long, long, long, long, long, long);
    long sum(const int *p, int n);
    int one(const int *p);
    int by_value(big_t b);
    int errno_and_throw(int e);
    int variadic(int n, ...);
    void nothing(int fail);
    void *pointer(int fail);
    int twice(int x);
    double halve(double x);
    int unmarked(int x) noexcept;
    int quits(int quit);
    int through(int (*f)(int), int x);
    int catches(int (*f)(int), int x, char *text, int room);
    int catches_all(int (*f)(int), int x);
    int rethrows(int (*f)(int), int x);
    int keeps(int (*f)(int), int x);
    int gives_back(void);
    void forgets(void);
    int wraps(int (*f)(int), int x);
    int uncaught(void);
"""

SOURCE = Path(__file__).with_suffix(".cc")
_made = []


def library():
    """Path of the library; skips where there is no C++ compiler."""
    if not COMPILER:
        pytest.skip("no C++ compiler")
    if not _made:
        directory = tempfile.mkdtemp()
        atexit.register(shutil.rmtree, directory, True)
        path = os.path.join(directory, "libcxxsamples.so")
        # -static-libgcc would hide the unwinder: the usual flags are what is tested.
        subprocess.run([COMPILER, "-std=c++17", "-O1", "-fPIC", "-shared", str(SOURCE),
                        "-o", path, "-lpthread"], check=True)
        _made.append(path)
    return _made[0]


def program(text, **environment):
    """Run `text` in a Python of its own, after LIBRARY and DECLARATIONS are set."""
    head = "LIBRARY = %r\nDECLARATIONS = %r\nimport jiffi\n" % (library(), DECLARATIONS)
    return subprocess.run([sys.executable, "-c", head + text], timeout=120,
                          env=dict(os.environ, **environment), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)
