# SPDX-License-Identifier: MIT
"""Declarations that processes of the tests of pickling import, or get by pickle."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import jiffi

DECLARATIONS = """
    typedef struct { int quot, rem; } div_t;
    struct pair { div_t d; double w[3]; unsigned odd:3, even:5; };
    struct node { struct node *next; int value; };
    struct holder { int n; struct { char *text; struct node nodes[2]; } in; };
    struct tail { int n; short items[]; };
    union either { int i; double d; };
    union maybe { long n; char *p; };
    enum color { RED, GREEN = 5 };
    typedef struct { struct { int z; } inner; } hidden;
    typedef double (*fn_t)(const struct pair *, union either);

    double cos(double x);
    double pow(double x, double y);
    double frexp(double x, int *exp);
    int abs(int n);
    div_t div(int a, int b);
    char *getenv(const char *name);
    void *memchr(const void *s, int c, size_t n);
    extern int optind;
    #define LIMIT 42
"""

ffi = jiffi.FFI()
ffi.cdef(DECLARATIONS)
libm = ffi.dlopen("m")
libc = ffi.dlopen(None)
half = libc.div


def quotient(value):
    """Of a div_t by value, as a struct of the receiving process."""
    return ffi.typeof(value) is ffi.typeof("div_t"), value.quot


def answer(o):
    """What has arrived, seen from there."""
    return pickle.dumps(o)


def elsewhere(source, data=b"", check=True):
    """stdout (bytes) of a new Python that runs `source` with `data` at its stdin; jiffi
    and the tests are on its path."""
    here = os.pathsep.join([str(Path(jiffi.__file__).parents[1]), str(Path(__file__).parent)])
    run = subprocess.run([sys.executable, "-c", source], input=data, capture_output=True,
                         env=dict(os.environ, PYTHONPATH=here))
    assert not check or run.returncode == 0, run.stderr.decode()
    return run.stdout if check else run.stderr.decode()
