# SPDX-License-Identifier: MIT
"""The library of life_samples.c, compiled once per run, and its declarations."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from jiffi import FFI

CDEF = """
    typedef struct big { long v[3]; } big;
    typedef struct base base;
    typedef struct thing { int id; } thing;
    int call(int (*f)(int), int a);
    int call_twice(int (*f)(int), int (*g)(int), int a);
    void keep(int (*f)(int));
    int call_kept(int a);
    void keep_big(big (*f)(int));
    long call_big(int a);
    void keep_double(double (*f)(double));
    double call_double(double x);
    int call_kept_in_thread(int a);
    int status(int code);
    int with_errno(int result, int error);
    void *pointer_or_null(long address);
    double ratio(double x);
    unsigned count(unsigned n);
    void nothing(int error);
    const char *status_text(int code);
    base *base_open(void);
    int base_do(base *b, int what);
    const char *base_text(base *b);
    const char *last_text(void);
    int wait_for(int *flag, int milliseconds);
    void wake(int *flag, int unused);
    void wake_flag(int *flag);
    int wait_global(int milliseconds);
    void wake_global(void);
    int fill_later(char *p, int n, int milliseconds);
    int nap_then_call(int milliseconds, int (*f)(int), int a);
    int nap_then_print(int milliseconds);
    void be_loud(void);
    thing *thing_open(int id);
    void thing_close(thing *t);
    int thing_id(thing *t);
    int thing_count(void);
    const char *greeting(void);
    void call_kept_later(void);
    void keep_to_the_end(int (*f)(int));
"""


def build():
    """The path of the shared library; it goes when the process ends."""
    where = tempfile.mkdtemp(prefix="jiffi-life-")
    atexit.register(shutil.rmtree, where, ignore_errors=True)
    path = os.path.join(where, "liblife.so")
    source = Path(__file__).with_name("life_samples.c")
    subprocess.run([os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-pthread",
                    "-o", path, str(source)], check=True)
    return path


path = build()
ffi = FFI()
ffi.cdef(CDEF)
lib = ffi.dlopen(path)


def run(text, **env):
    """stdout of a Python process that runs `text` with `ffi` and `lib` of its own; it
    must end without an error. `PRELUDE` opens the library and makes it loud."""
    prelude = "from jiffi import FFI\nffi = FFI()\nffi.cdef(%r)\nlib = ffi.dlopen(%r)\n" % (
        CDEF, path)
    done = subprocess.run([sys.executable, "-c", prelude + textwrap.dedent(text)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                          env=dict(os.environ, **env), universal_newlines=True)
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    return done.stdout, done.stderr
