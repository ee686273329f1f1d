# SPDX-License-Identifier: MIT
"""Compile the callees and those peers that need a compiler.

Everything goes to build/bench/<python>; a product newer than its source is
kept. `make(name)` gives the imported module or raises Missing with the reason.
"""

import importlib
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OUT = os.path.join(ROOT, "build", "bench", "cp%d%d" % sys.version_info[:2])
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
INCLUDE = sysconfig.get_path("include")
LIBRARY = os.path.join(OUT, "libcallee.so")
C_FLAGS = ["-O2", "-fPIC", "-shared", "-DNDEBUG", "-Wall", "-I", HERE]
THROWS = os.path.join(OUT, "libthrows.so")
LINK = ["-L", OUT, "-lcallee", "-Wl,-rpath," + OUT]
LINK_THROWS = ["-lthrows"]

CDEF = """
    struct point { int x, y; };
    struct pair { double a, b; };
    void nothing(void);
    int add(int a, int b);
    double fma3(double a, double b, double c);
    size_t slen(const char *s);
    int sum10(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j);
    int norm1(const struct point *p);
    double pair_sum(struct pair p);
    int first_byte(const unsigned char *p, int n);
    double first_double(const double *p, int n);
    int call_many(int (*fn)(int, int), int n);
    double absolute(double x);
    double plus(double a, double b);
    int negate(int a);
    int add3(int a, int b, int c);
    double work(double x);
    int looped(int n);
    int locked(int a);
    double straight(double x);
    double spin(long n);
    int nap(int us);
    int status(int a);
"""

# C++ that throws: the same three for every peer.
CDEF_THROWS = """
    int t_add(int a, int b);
    double t_half(double x);
    size_t t_length(const char *s);
"""

# What batches call for each item: name, type of all items, parameters.
ELEMENTWISE = [("absolute", "double", 1), ("plus", "double", 2), ("fma3", "double", 3),
               ("negate", "int", 1), ("add", "int", 2), ("add3", "int", 3)]


class Missing(Exception):
    pass


def run(command):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Missing("%s failed: %s" % (os.path.basename(command[0]),
                                         done.stdout.strip()[-600:]))


def compiler(cxx=False):
    name = os.environ.get("CXX" if cxx else "CC")
    if name:
        return shlex.split(name)
    for name in ("c++", "g++", "clang++") if cxx else ("cc", "gcc", "clang"):
        if shutil.which(name):
            return [name]
    raise Missing("no C++ compiler" if cxx else "no C compiler")


def fresh(product, *sources):
    return os.path.exists(product) and all(
        os.path.getmtime(s) < os.path.getmtime(product) for s in sources)


def source(name):
    return os.path.join(HERE, name)


def callee():
    os.makedirs(OUT, exist_ok=True)
    if not fresh(LIBRARY, source("callee.c"), source("callee.h")):
        run(compiler() + C_FLAGS + ["-pthread", source("callee.c"), "-o", LIBRARY])
    return LIBRARY


def throws():
    os.makedirs(OUT, exist_ok=True)
    if not fresh(THROWS, source("throws.cpp"), source("throws.h")):
        run(compiler(True) + C_FLAGS + ["-std=c++17", source("throws.cpp"), "-o", THROWS])
    return THROWS


def load(name):
    if OUT not in sys.path:
        sys.path.insert(0, OUT)
    importlib.invalidate_caches()
    return importlib.import_module(name)


def extension(name, path, cxx=False, flags=(), also=(), link=()):
    callee()
    product = os.path.join(OUT, name + SUFFIX)
    if not fresh(product, path, source("callee.h"), source("throws.h"), __file__):
        run(compiler(cxx) + C_FLAGS + ["-isystem", INCLUDE, *flags, path, *also,
                                       "-o", product, *LINK, *link])
    return load(name)


def ext():
    return extension("bench_ext", source("ext.c"))


def cython(name="peer_cython", cxx=False, link=()):
    try:
        import Cython  # noqa: F401
    except ImportError:
        raise Missing("Cython is not installed") from None
    callee()
    path = os.path.join(OUT, name + (".cpp" if cxx else ".c"))
    if not fresh(path, source(name + ".pyx")):
        run([sys.executable, "-m", "cython", "-3", *(["--cplus"] if cxx else []),
             source(name + ".pyx"), "-o", path])
    return extension(name, path, cxx, ["-w"], (), link)


def loops():
    return extension("bench_loops", source("loops.c"))


def cython_loops():
    """A module of functions NAME and NAME_strided: loops over typed memoryviews."""
    try:
        import Cython  # noqa: F401
    except ImportError:
        raise Missing("Cython is not installed") from None
    callee()
    lines = ["# cython: language_level=3, boundscheck=False, wraparound=False",
             'cdef extern from "callee.h":']
    lines += ['    %s c_%s "%s"(%s) nogil' % (item, name, name, ", ".join([item] * n))
              for name, item, n in ELEMENTWISE]
    for name, item, n in ELEMENTWISE:
        for suffix, layout in (("", "::1"), ("_strided", ":")):
            lines += ["", "def %s%s(%s):" % (name, suffix, ", ".join(
                          "%s[%s] %s" % (item, layout, x) for x in "abc"[:n] + "o")),
                      "    cdef Py_ssize_t i",
                      "    for i in range(o.shape[0]):",
                      "        o[i] = c_%s(%s)" % (name, ", ".join(
                          "%s[i]" % x for x in "abc"[:n]))]
    pyx = os.path.join(OUT, "peer_cython_loops.pyx")
    text = "\n".join(lines) + "\n"
    c_file = os.path.join(OUT, "peer_cython_loops.c")
    if not fresh(pyx, __file__):
        with open(pyx, "w", encoding="utf-8") as f:
            f.write(text)
    if not fresh(c_file, pyx):
        run([sys.executable, "-m", "cython", "-3", pyx, "-o", c_file])
    return extension("peer_cython_loops", c_file, flags=["-w"])


def nanobind(name="peer_nanobind", also=()):
    try:
        import nanobind as nb
    except ImportError:
        raise Missing("nanobind is not installed") from None
    base = os.path.dirname(nb.__file__)
    flags = ["-std=c++17", "-fvisibility=hidden", "-fno-strict-aliasing", "-w",
             "-I", nb.include_dir(), "-I", os.path.join(base, "ext", "robin_map", "include")]
    return extension(name, source(name + ".cpp"), True, flags,
                     [os.path.join(base, "src", "nb_combined.cpp")], also)


def pybind11(name="peer_pybind11", also=()):
    try:
        import pybind11 as pb
    except ImportError:
        raise Missing("pybind11 is not installed") from None
    return extension(name, source(name + ".cpp"), True, ["-std=c++17",
                     "-fvisibility=hidden", "-w", "-I", pb.get_include()], (), also)


def throws_ext():
    throws()
    return extension("throws_ext", source("throws_ext.cpp"), True, ["-std=c++17"], (),
                     LINK_THROWS)


def throws_nanobind():
    throws()
    return nanobind("throws_nanobind", LINK_THROWS)


def throws_pybind11():
    throws()
    return pybind11("throws_pybind11", LINK_THROWS)


def throws_cython():
    throws()
    return cython("throws_cython", True, LINK_THROWS)


def cffi_api():
    try:
        import cffi
    except ImportError:
        raise Missing("cffi is not installed") from None
    callee()
    builder = cffi.FFI()
    builder.cdef(CDEF + 'extern "Python" int py_callback(int, int);')
    builder.set_source("peer_cffi", '#include "callee.h"')
    c_file = os.path.join(OUT, "peer_cffi.c")
    if not fresh(os.path.join(OUT, "peer_cffi" + SUFFIX), __file__):
        builder.emit_c_code(c_file)
    return extension("peer_cffi", c_file, flags=["-w"])


def jiffi_api(gil):
    import jiffi
    if not hasattr(jiffi.FFI, "emit_c_code"):
        raise Missing("this jiffi makes no modules")
    callee()
    name = "peer_jiffi_" + gil
    builder = jiffi.FFI(gil=gil)
    builder.cdef(CDEF + 'extern "Python" int py_callback(int, int);')
    builder.set_source(name, '#include "callee.h"')
    c_file = os.path.join(OUT, name + ".c")
    builder.emit_c_code(c_file)  # leaves a file alone that it would not change
    return extension(name, c_file)
