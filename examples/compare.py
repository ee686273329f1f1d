# SPDX-License-Identifier: MIT
"""The closing table of the demo: the same calls through jiffi and its peers.

The callees are libc's and libm's. The hand-written extension is compiled on the
spot when there is a compiler; peers that are missing are named. `make bench` has
the whole story and more peers.
"""

import os
import subprocess
import sys
import sysconfig
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "bench"))
import timing  # noqa: E402

CDEF = """
    int toupper(int c);
    double difftime(long a, long b);
    double fma(double x, double y, double z);
    size_t strlen(const char *s);
"""
CALLS = [
    ("toupper(97)", "an int"),
    ("difftime(2000, 1000)", "two longs"),
    ("fma(1.5, 2.5, 3.5)", "three doubles"),
    ("strlen(b'hello')", "a string"),
]
NAMES = ("toupper", "difftime", "fma", "strlen")

EXTENSION = r"""
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include <time.h>

static PyObject *x_toupper(PyObject *self, PyObject *o)
{
    long c = PyLong_AsLong(o);
    if (c == -1 && PyErr_Occurred())
        return NULL;
    if (c < INT_MIN || c > INT_MAX)
        return PyErr_Format(PyExc_OverflowError, "does not fit an int");
    return PyLong_FromLong(toupper((int)c));
}
static PyObject *x_strlen(PyObject *self, PyObject *o)
{
    char *s = PyBytes_AsString(o);
    return s ? PyLong_FromSize_t(strlen(s)) : NULL;
}
static PyObject *x_difftime(PyObject *self, PyObject *const *v, Py_ssize_t n)
{
    if (n != 2)
        return PyErr_Format(PyExc_TypeError, "difftime() takes 2 arguments");
    long a = PyLong_AsLong(v[0]);
    if (a == -1 && PyErr_Occurred())
        return NULL;
    long b = PyLong_AsLong(v[1]);
    if (b == -1 && PyErr_Occurred())
        return NULL;
    return PyFloat_FromDouble(difftime(a, b));
}
static PyObject *x_fma(PyObject *self, PyObject *const *v, Py_ssize_t n)
{
    double d[3];
    if (n != 3)
        return PyErr_Format(PyExc_TypeError, "fma() takes 3 arguments");
    for (int i = 0; i < 3; i++) {
        d[i] = PyFloat_AsDouble(v[i]);
        if (d[i] == -1 && PyErr_Occurred())
            return NULL;
    }
    return PyFloat_FromDouble(fma(d[0], d[1], d[2]));
}
static PyMethodDef methods[] = {
    {"toupper", x_toupper, METH_O, NULL},
    {"strlen", x_strlen, METH_O, NULL},
    {"difftime", (PyCFunction)(void (*)(void))x_difftime, METH_FASTCALL, NULL},
    {"fma", (PyCFunction)(void (*)(void))x_fma, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL}};
static PyModuleDef def = {PyModuleDef_HEAD_INIT, "demo_ext", NULL, -1, methods};
PyMODINIT_FUNC PyInit_demo_ext(void) { return PyModule_Create(&def); }
"""


class Two:
    """libc's and libm's functions under one roof, for peers that open each."""

    def __init__(self, libc, libm):
        for name in NAMES:
            setattr(self, name, getattr(libm if name == "fma" else libc, name))


def jiffi(gil):
    import jiffi
    ffi = jiffi.FFI(gil=gil)
    ffi.cdef(CDEF)
    return Two(ffi.dlopen(None), ffi.dlopen("m"))


def cffi():
    from cffi import FFI
    ffi = FFI()
    ffi.cdef(CDEF)
    return Two(ffi.dlopen(None), ffi.dlopen("libm.so.6"))


def ctypes():
    import ctypes as c
    libs = Two(c.CDLL(None), c.CDLL("libm.so.6"))
    for name, result, arguments in (
            ("toupper", c.c_int, [c.c_int]), ("difftime", c.c_double, [c.c_long] * 2),
            ("fma", c.c_double, [c.c_double] * 3), ("strlen", c.c_size_t, [c.c_char_p])):
        f = getattr(libs, name)
        f.restype, f.argtypes = result, arguments
    return libs


def extension(directory):
    """-fno-builtin: the C compiler shall call the functions, not know them."""
    source = os.path.join(directory, "demo_ext.c")
    with open(source, "w") as f:
        f.write(EXTENSION)
    product = os.path.join(directory, "demo_ext" + sysconfig.get_config_var("EXT_SUFFIX"))
    subprocess.run([*os.environ.get("CC", "cc").split(), "-O2", "-fno-builtin", "-fPIC",
                    "-shared", "-isystem", sysconfig.get_path("include"), source,
                    "-o", product, "-lm"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sys.path.insert(0, directory)
    import demo_ext
    return demo_ext


def main(title, bold, dim, reset):
    title("what a call costs (ns, measured just now; shorter is better)")
    there, missing = [], []
    with tempfile.TemporaryDirectory() as directory:
        for name, make in (("jiffi", lambda: jiffi("auto")),
                           ("jiffi, hold", lambda: jiffi("hold")),
                           ("jiffi, release", lambda: jiffi("release")),
                           ("extension in C", lambda: extension(directory)),
                           ("cffi, ABI mode", cffi), ("ctypes", ctypes)):
            try:
                there.append((name, make()))
            except (ImportError, OSError, subprocess.CalledProcessError) as e:
                missing.append("%s (%s)" % (name, str(e).splitlines()[0][:50]))
    results = {}
    for call, _ in CALLS:
        field = [timing.Contestant(name, call, {n: getattr(lib, n) for n in NAMES})
                 for name, lib in there]
        for name, figures in timing.race(field, 5).items():
            results.setdefault(name, []).append(figures["min"])
    print("  %s%-17s%s%s" % (dim, "", "".join("%15s" % t for _, t in CALLS), reset))
    print("  %s%-17s%s%s" % (dim, "", "".join("%15s" % c.split("(")[0] for c, _ in CALLS), reset))
    for name, _ in there:
        strong = bold if name.startswith("jiffi") else ""
        print("  %s%-17s%s%s" % (strong, name, "".join(
            "%15.1f" % ns for ns in results[name]), reset if strong else ""))
    print("  %sThe extension keeps the GIL. jiffi keeps it where the function's machine code"
          "\n  proves that nobody has to wait for it, or where told to; cffi and ctypes let it"
          "\n  go in every call.%s" % (dim, reset))
    for line in missing:
        print("  %smissing: %s%s" % (dim, line, reset))
