# SPDX-License-Identifier: MIT
"""What the debugger looks at: run by tests/debug/run, with the name of a scenario.

Each scenario calls getppid(), which nothing else here does, where the debugger is to
stop; what it needs to know by then stands in the file named by JIFFI_LOOK, as JSON.
"""

import itertools
import json
import os
import sys

from jiffi import FFI

CDEF = """
int getppid(void);
int getpid(void);
int abs(int);
long labs(long);
size_t strlen(const char *);
int memcmp(const void *, const void *, size_t);
typedef struct { int quot, rem; } div_t;
div_t div(int, int);
void qsort(void *, size_t, size_t, int (*)(const void *, const void *));
double hypot(double x, double y);
double fmin(double x, double y);
"""


def library(gil):
    ffi = FFI()
    ffi.cdef(CDEF, gil=gil)
    return ffi, ffi.dlopen("m")


def tell(what):
    with open(os.environ["JIFFI_LOOK"], "w", encoding="utf-8") as f:
        json.dump(what, f)


def attempt(function, *args):
    """Errors are a way through the code as well."""
    try:
        function(*args)
    except (TypeError, OverflowError, ValueError):
        pass


def nested():
    """Python, C, Python, C."""
    ffi, lib = library("release")

    @ffi.callback("int(const void *, const void *)")
    def compare_two(a, b):
        lib.getppid()
        return 0

    tell({"callback": int(ffi.cast("intptr_t", compare_two))})
    lib.qsort(ffi.new("int[2]"), 2, 4, compare_two)


def steps():
    """Calls of many kinds, after the addresses of their code are told."""
    calls, at = [], {}
    for gil in ("release", "hold", "auto"):
        ffi, lib = library(gil)
        calls += [
            (lib.abs, 5), (lib.abs, 10 ** 12), (lib.abs, 2.5), (lib.abs, -3),
            (lib.labs, -(2 ** 40)), (lib.hypot, 3.0, 4.0), (lib.hypot, 3, 4.0),
            (lib.hypot, 1.0), (lib.strlen, b"abc"), (lib.strlen, 3),
            (lib.memcmp, b"ab", bytearray(b"ac"), 2), (lib.memcmp, b"ab", 1, 2),
            (lib.div, 7, 2), (lib.getpid,)]
        wide = ffi.cast("int(*)(int, double, int, int, int, int, int, int, char)",
                        ffi.addressof(lib, "getpid"))
        calls.append((wide, 1, 2.0, 3, 4, 5, 6, 7, 8, b"9"))
        fused = ffi.fuse("double(double, double)")(
            lambda x, y, lib=lib: lib.fmin(lib.hypot(x, y), 2.5) * 2)
        at["fused " + gil] = ffi.explain(fused).facts["fused"].get("entry", 0)
        calls.append((fused, 3.0, 4.0))
        for number, call in enumerate(calls):
            facts = ffi.explain(call[0]).facts
            if facts["kind"] != "callback":
                at["%s %d" % (gil, number)] = facts["entry"]

        @ffi.callback("int(int, int)")
        def on_two(a, b):
            return a - b

        @ffi.callback("double(double, int)", error=1.5)
        def on_mixed(a, b):
            return a + b

        for i, callback in enumerate((on_two, on_mixed)):
            at["callback %s %d" % (gil, i)] = int(ffi.cast("intptr_t", callback))
            # By the code of function pointers, which is not stopped at.
            calls.append((callback, 3, 4))
    for function, *args in calls:
        attempt(function, *args)
    tell({"stops": sorted(set(at.values()) - {0})})
    lib.getppid()
    for function, *args in calls:
        attempt(function, *args)


def many():
    """2,000 signatures, so that there are many pages of code."""
    ffi, lib = library("release")
    target = ffi.addressof(lib, "getpid")
    kinds = ("int", "double", "char", "long", "void *", "float", "short")
    values = {"int": 1, "double": 2.0, "char": b"c", "long": 3, "void *": ffi.NULL,
              "float": 4.0, "short": 5}
    kept, signatures = [], itertools.product(kinds, repeat=4)
    for signature in itertools.islice(signatures, 2000):
        function = ffi.cast("int(*)(%s)" % ", ".join(signature), target)
        function(*(values[kind] for kind in signature))
        kept.append(function)
    tell({"functions": len(kept)})
    lib.getppid()


if __name__ == "__main__":
    {"nested": nested, "steps": steps, "many": many}[sys.argv[1]]()
