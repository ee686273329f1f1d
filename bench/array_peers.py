# SPDX-License-Identifier: MIT
"""Who runs a C function over arrays, and how: the peers of arrays.py.

A Batch holds the arrays of one case. A peer is a function of (tools, batch) that
gives (statement, names, items per statement) or None when it has no way to do it;
it raises Missing, ImportError or whatever its package raises. What a peer needs
besides the arrays (views, lists, compiled functions) is made here, outside of what
is measured, always in the form that is best for the peer.
"""

import array
import ctypes
import functools

from peers import build
from peers.build import Missing

FEW = 20000  # items for peers that take one at a time; they cost the same each
NUMPY_NAMES = {"absolute": "fabs", "plus": "add", "negate": "negative", "add": "add",
               "hypot": "hypot"}
C_TYPES = {"double": ctypes.c_double, "int": ctypes.c_int}
CODES = {"double": "d", "int": "i"}


class Tools:
    """jiffi's names and the peers' modules, each made at first use."""

    def __init__(self):
        import jiffi
        self.ffi = jiffi.FFI()
        self.ffi.cdef(build.CDEF + "double hypot(double x, double y);")
        self.lib = self.ffi.dlopen(build.callee())
        try:
            self.math = self.ffi.dlopen(None)
            self.math.hypot
        except AttributeError:
            self.math = self.ffi.dlopen("m")
        self.held = jiffi.FFI(gil="hold")
        self.held.cdef(build.CDEF)
        self.held_lib = self.held.dlopen(build.callee())
        try:
            import numpy
        except ImportError:
            numpy = None
        self.numpy = numpy

    def need_numpy(self):
        if self.numpy is None:
            raise Missing("NumPy is not installed")
        return self.numpy

    def function(self, name):
        return getattr(self.math if name == "hypot" else self.lib, name)

    def address(self, name):
        return int(self.ffi.cast("uintptr_t", self.ffi.addressof(
            self.math if name == "hypot" else self.lib, name)))

    @functools.lru_cache(None)
    def ufunc(self, name):
        self.need_numpy()
        return self.ffi.ufunc(self.function(name))

    @functools.lru_cache(None)
    def vectorized(self, name, item, count):
        """numba's ufunc around the same C function, through its address."""
        self.need_numpy()
        try:
            import numba
        except ImportError as e:
            raise Missing("numba cannot be imported: %s" % e) from None
        kind = C_TYPES[item]
        call = ctypes.CFUNCTYPE(kind, *[kind] * count)(self.address(name))
        space = {"call": call}
        names = ", ".join("abc"[:count])
        exec("def body(%s): return call(%s)" % (names, names), space)
        word = {"double": "float64", "int": "int32"}[item]
        kinds = "%s(%s)" % (word, ", ".join([word] * count))
        return numba.vectorize([kinds], nopython=True)(space["body"])

    @functools.lru_cache(None)
    def ext(self):
        return build.ext()

    @functools.lru_cache(None)
    def loops(self):
        return build.loops()

    @functools.lru_cache(None)
    def cython(self):
        return build.cython_loops()

    @functools.lru_cache(None)
    def cffi(self):
        return build.cffi_api().lib


class Batch:
    """`count` arrays of n items and one for results, side by side or with gaps."""

    def __init__(self, tools, name, item, count, n, strided):
        self.name, self.item, self.count, self.n = name, item, count, n
        self.strided = strided
        step = 2 if strided else 1
        code = CODES[item]
        pattern = array.array(code, [k % 7 + k % 3 for k in range(21)])
        self.kept = [pattern * (n * step // 21 + 1) for _ in range(count)]
        self.kept.append(array.array(code, bytes(pattern.itemsize * n * step)))
        self.views = [memoryview(a)[:n * step:step] for a in self.kept]
        if tools.numpy is not None:
            self.views = [tools.numpy.asarray(v) for v in self.views]
        self.step = step * pattern.itemsize
        self.addresses = [a.buffer_info()[0] for a in self.kept]

    def names(self, **more):
        return dict(zip("abc"[:self.count] + "o", self.views), **more)

    @property
    def inputs(self):
        return ", ".join("abc"[:self.count])

    def few(self):
        """Arrays of the first items, side by side as loops like them best, and how
        many: ({"a": array, ...}, count)."""
        m = min(self.n, FEW)
        rows = [array.array(v.typecode, v[:m * 2:2] if self.strided else v[:m])
                for v in self.kept[:-1]]
        return dict(zip("abc", rows)), m


def peer_c(t, b):
    words = [b.addresses[-1], b.step]
    for address in b.addresses[:-1]:
        words += [address, b.step]
    f = getattr(t.loops(), "%s%d" % (b.item[0], b.count))
    return "f(fn, n, *words)", {"f": f, "fn": t.address(b.name), "n": b.n,
                                "words": words}, b.n


def peer_map(t, b):
    return ("map(f, %s, out=o)" % b.inputs,
            b.names(map=t.ffi.map, f=t.function(b.name)), b.n)


def peer_ufunc(t, b):
    return "f(%s, o)" % b.inputs, b.names(f=t.ufunc(b.name)), b.n


def peer_numpy(t, b):
    if b.name not in NUMPY_NAMES:
        return None
    f = getattr(t.need_numpy(), NUMPY_NAMES[b.name])
    return "f(%s, o)" % b.inputs, b.names(f=f), b.n


def peer_numba(t, b):
    return ("f(%s, o)" % b.inputs, b.names(f=t.vectorized(b.name, b.item, b.count)),
            b.n)


def peer_cython(t, b):
    f = getattr(t.cython(), b.name + ("_strided" if b.strided else ""), None)
    return f and ("f(%s, o)" % b.inputs, b.names(f=f), b.n)


def loop(f, b, lists=False):
    """From arrays to an array: array('d', [f(x, y) for x, y in zip(a, b)]). With
    `lists`, from lists to a list, which leaves out what arrays cost."""
    names, m = b.few()
    xs = ", ".join("xyz"[:b.count])
    over = "a" if b.count == 1 else "zip(%s)" % b.inputs
    text = "[f(%s) for %s in %s]" % (xs, xs, over)
    if lists:
        return text, dict({k: v.tolist() for k, v in names.items()}, f=f), m
    names.update(f=f, array=array.array)
    return "array('%s', %s)" % (CODES[b.item], text), names, m


def peer_ext_lists(t, b):
    f = getattr(t.ext(), b.name, None)
    return f and loop(f, b, True)


def peer_ext(t, b):
    f = getattr(t.ext(), b.name, None)
    return f and loop(f, b)


def peer_jiffi_loop(t, b):
    f = getattr(t.held_lib, b.name, None)
    return f and loop(f, b)


def peer_cffi(t, b):
    f = getattr(t.cffi(), b.name, None)
    return f and loop(f, b)


def peer_np_vectorize(t, b):
    f = getattr(t.ext(), b.name, None)
    if f is None:
        return None
    np, m = t.need_numpy(), min(b.n, FEW)
    names = dict(zip("abc", [v[:m] for v in b.views[:-1]]))
    kind = {"double": float, "int": np.intc}[b.item]
    return "f(%s)" % b.inputs, dict(names, f=np.vectorize(f, otypes=[kind])), m


PEERS = [
    # name, column, what it is, how to get it
    ("c", "C loop", "a loop in C over a function pointer", peer_c),
    ("map", "ffi.map", "jiffi", peer_map),
    ("ufunc", "ffi.ufunc", "jiffi", peer_ufunc),
    ("numba", "numba", "numba's @vectorize over the same address", peer_numba),
    ("cython", "Cython", "a loop in Cython", peer_cython),
    ("numpy", "NumPy's own", "NumPy's ufunc, which calls no function", peer_numpy),
    ("ext", "loop, ext.", "a comprehension over the extension", peer_ext),
    ("ext_lists", "loop, ext., lists", "the same from lists to a list", peer_ext_lists),
    ("jiffi_loop", "loop, jiffi", "a comprehension over jiffi", peer_jiffi_loop),
    ("cffi", "loop, cffi", "a comprehension over cffi in API mode", peer_cffi),
    ("vectorize", "np.vectorize", "np.vectorize over the extension", peer_np_vectorize),
]


def same(t, b, contestants):
    """Raise if what a peer wrote is not what the function gives."""
    f = t.function(b.name)
    k = b.n - 1
    want = f(*[v[k].item() if hasattr(v[k], "item") else v[k] for v in b.views[:-1]])
    for name, loop_function in contestants:
        b.kept[-1][k * (2 if b.strided else 1)] = 99
        loop_function(1)
        got = b.kept[-1][k * (2 if b.strided else 1)]
        if got != want:
            raise AssertionError("%s of %s: %r, not %r" % (name, b.name, got, want))
