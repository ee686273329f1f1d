# SPDX-License-Identifier: MIT
"""Measurements that need a process of their own; prints one JSON value.

    python bench/once.py cdef PEER N       ms for N structs and N functions
    python bench/once.py first PEER        us from cdef to the first call's result
    python bench/once.py cdata PEER        bytes per cdata, by kind
    python bench/once.py function PEER     bytes per bound function

PEER is jiffi, cffi or ctypes. The modules are imported before the clock starts.
"""

import ctypes
import gc
import itertools
import json
import os
import sys
from time import perf_counter

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from peers import build  # noqa: E402


def module(peer):
    return __import__(peer)


def declarations(n):
    """Text with n structs and n functions, some 110 bytes for each pair."""
    return "".join(
        "struct s%d { int a; double b[4]; char *name; struct s%d *next; };\n"
        "int fn%d(struct s%d *p, int n, const char *s);\n" % (i, i, i, i) for i in range(n))


def cdef(peer, n):
    text = declarations(n)
    m = module(peer)
    times = []
    # Three at most, one when it takes seconds: the runner repeats the process.
    while len(times) < 3 and sum(times) < 2:
        ffi = m.FFI()
        start = perf_counter()
        ffi.cdef(text)
        times.append(perf_counter() - start)
    return {"ms": min(times) * 1e3, "bytes": len(text)}


def first(peer):
    path = build.callee()
    m = module(peer)
    start = perf_counter()
    if peer == "ctypes":
        f = m.CDLL(path).add
        f.restype, f.argtypes = m.c_int, [m.c_int, m.c_int]
    else:
        ffi = m.FFI()
        ffi.cdef("int add(int a, int b);")
        f = ffi.dlopen(path).add
    assert f(1, 2) == 3
    return (perf_counter() - start) * 1e6


def resident():
    """Bytes of private memory: what the process would not have otherwise."""
    gc.collect()
    with open("/proc/self/statm") as f:
        fields = f.read().split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGESIZE")


kept = []  # nothing is freed between measurements, so no memory is found again


def grown(n, make):
    """Bytes per object that `make` returns, the list's own slot taken off."""
    objects = [None] * n
    for i in range(n):
        objects[i] = i % 7  # the list's pages are touched
    kept.extend((objects, [make() for _ in range(1000)]))
    before = resident()
    for i in range(n):
        objects[i] = make()
    return round((resident() - before) / n, 1)


class Mallinfo2(ctypes.Structure):
    _fields_ = [(k, ctypes.c_size_t) for k in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks",
        "uordblks", "fordblks", "keepcost")]


def in_use():
    """Bytes in use by malloc, and bytes of executable memory of no file. Exact
    when Python's own allocator is out of the way (PYTHONMALLOC=malloc)."""
    gc.collect()
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = Mallinfo2
    info = libc.mallinfo2()
    code = 0
    with open("/proc/self/maps") as f:
        for line in f:
            words = line.split(None, 5)
            path = words[5].strip() if len(words) > 5 else ""
            if "x" in words[1] and (not path or "memfd" in path or "deleted" in path
                                    or path.startswith("[anon")):
                low, high = (int(x, 16) for x in words[0].split("-"))
                code += high - low
    return info.uordblks + info.hblkhd, code


def cdata(peer):
    n = 200000
    m = module(peer)
    if peer == "ctypes":
        class Point(m.Structure):
            _fields_ = [("x", m.c_int), ("y", m.c_int)]
        pointer = m.POINTER(m.c_int)
        kinds = {"new struct of 8 bytes": Point, "new int": m.c_int,
                 "pointer": pointer, "new int[10]": m.c_int * 10}
    else:
        ffi = m.FFI()
        ffi.cdef("struct point { int x, y; };")
        point, one = ffi.typeof("struct point *"), ffi.typeof("int *")
        ten = ffi.typeof("int[10]")
        kinds = {"new struct of 8 bytes": lambda: ffi.new(point),
                 "new int": lambda: ffi.new(one),
                 "pointer": lambda: ffi.cast(one, 4096),
                 "new int[10]": lambda: ffi.new(ten)}
    return {k: grown(n, make) for k, make in kinds.items()}


KINDS = ("int", "long", "double")


def library(n):
    """A library with n functions f0... that take six integers or doubles."""
    path = os.path.join(build.OUT, "many%d.so" % n)
    if not os.path.exists(path):
        c = path[:-3] + ".c"
        with open(c, "w") as f:
            for i in range(n):
                f.write("int f%d(void) { return %d; }\n" % (i, i))
        build.run(build.compiler() + ["-O1", "-shared", "-fPIC", c, "-o", path])
    return path


def signatures(n, distinct):
    lists = list(itertools.product(KINDS, repeat=6))
    return [lists[i % len(lists)] if distinct else ("int",) * 6 for i in range(n)]


def function(peer):
    n = 729
    path = library(n)
    m = module(peer)
    out = {}
    for distinct in (False, True):
        kinds = signatures(n, distinct)
        if peer == "ctypes":
            lib = m.CDLL(path)
            before = in_use()
            fs = []
            for i, k in enumerate(kinds):
                f = getattr(lib, "f%d" % i)
                f.restype = m.c_int
                f.argtypes = [getattr(m, "c_" + x) for x in k]
                fs.append(f)
        else:
            text = "".join("int f%d(%s);\n" % (i, ", ".join(k)) for i, k in enumerate(kinds))
            ffi = m.FFI()
            ffi.cdef(text)
            lib = ffi.dlopen(path)
            before = in_use()
            fs = [getattr(lib, "f%d" % i) for i in range(n)]
        looked = in_use()
        start = perf_counter()
        for f in fs:
            f(1, 2, 3, 4, 5, 6)
        seconds = perf_counter() - start
        called = in_use()
        kept.append((lib, fs))
        label = "distinct signatures" if distinct else "one signature"
        out[label] = {"look-up": round((looked[0] - before[0]) / n),
                      "first call": round((called[0] - looked[0]) / n),
                      "code pages": round((called[1] - before[1]) / n),
                      "us per first call": round(seconds / n * 1e6, 2)}
    return out


def main(argv):
    words = {"cdef": cdef, "first": first, "cdata": cdata, "function": function}
    result = words[argv[0]](argv[1], *(int(x) for x in argv[2:]))
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
