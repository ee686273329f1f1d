# SPDX-License-Identifier: MIT
"""C functions for those who call them without jiffi: ffi.address(), ffi.capsule(),
ffi.low_level_callable() and ffi.to_ctypes(), with ctypes, SciPy and numba."""

import ctypes
import gc
import math
import types
import weakref

import pytest

import jiffi
from jiffi import FFI

ffi = FFI()
ffi.cdef("""
    typedef struct { int quot, rem; } div_t;
    div_t div(int a, int b);
    double cos(double x);
    double frexp(double x, int *exp);
    long labs(long n);
    int abs(int n);
    size_t strlen(const char *s);
    void *memchr(const void *s, int c, size_t n);
    void srand(unsigned seed);
    int printf(const char *format, ...);
    double complex cexp(double complex z);
    void qsort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *));
    enum sign { MINUS = -1, PLUS = 1 };
    enum sign isalpha(enum sign c);
    _Bool isdigit(int c);
""")
libm, libc = ffi.dlopen("m"), ffi.dlopen(None)

api = ctypes.PyDLL(None)
api.PyCapsule_GetName.argtypes = [ctypes.py_object]
api.PyCapsule_GetName.restype = ctypes.c_char_p
api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
api.PyCapsule_GetPointer.restype = ctypes.c_void_p


def pointer(capsule):
    return api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))


# --- address ----------------------------------------------------------------------


def test_address():
    cos = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(ffi.address(libm.cos))
    assert cos(0.5) == math.cos(0.5)
    as_pointer = ffi.addressof(libm, "cos")
    assert ffi.address(as_pointer) == ffi.address(libm.cos)
    assert ffi.address(libm.cos) == int(ffi.cast("uintptr_t", as_pointer))
    twice = ffi.callback("int(*)(int)", lambda n: 2 * n)
    assert ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(ffi.address(twice))(4) == 8


@pytest.mark.parametrize("method", ["address", "capsule", "to_ctypes", "low_level_callable"])
@pytest.mark.parametrize("bad", [3, "cos", None, math.cos, ffi.new("int *"), ffi],
                         ids=lambda b: type(b).__name__)
def test_no_function(method, bad):
    with pytest.raises(TypeError, match="expected a C function"):
        getattr(ffi, method)(bad)


@pytest.mark.parametrize("method", ["address", "capsule", "to_ctypes", "low_level_callable"])
def test_closed_or_null(method):
    own = FFI()
    own.cdef("double cos(double);")
    lib = own.dlopen("m")
    cos = lib.cos
    own.dlclose(lib)
    with pytest.raises(ValueError, match="closed"):
        getattr(own, method)(cos)
    with pytest.raises(RuntimeError, match="null pointer"):
        getattr(own, method)(ffi.cast("int(*)(int)", 0))


# --- capsules ---------------------------------------------------------------------


@pytest.mark.parametrize("function, name", [
    (libm.cos, "double (double)"), (libm.frexp, "double (double, int *)"),
    (libc.labs, "long (long)"), (libc.div, "div_t (int, int)"),
    (libc.strlen, "size_t (char *)"), (libc.srand, "void (unsigned int)"),
    (libc.memchr, "void * (void *, int, size_t)"),
    (libc.qsort, "void (void *, size_t, size_t, int(*)(void *, void *))"),
    (ffi.cast("int(*)(void)", 8), "int ()")])
def test_capsule(function, name):
    capsule = ffi.capsule(function)
    found = api.PyCapsule_GetName(capsule).decode()
    assert found.replace("* (", "*(") == name.replace("* (", "*(")
    assert pointer(capsule) == ffi.address(function)
    own = ffi.capsule(function, "a name of its own")
    assert api.PyCapsule_GetName(own) == b"a name of its own"
    assert pointer(own) == ffi.address(function)


def test_capsule_arguments():
    assert api.PyCapsule_GetName(ffi.capsule(function=libm.cos, name=None)) == b"double (double)"
    for bad in (3, b"name"):
        with pytest.raises(TypeError, match="expected a str"):
            ffi.capsule(libm.cos, bad)
    with pytest.raises(UnicodeEncodeError):
        ffi.capsule(libm.cos, "\ud800")


def throwaway():
    """A function that nobody else holds, and how to see whether it is alive."""
    def python(n):
        return n + 1
    callback = ffi.callback("int(*)(int)", python)
    return callback, weakref.ref(callback)


@pytest.mark.parametrize("method", ["capsule", "to_ctypes"])
def test_keeps_the_function(method):
    callback, alive = throwaway()
    address = ffi.address(callback)
    held = getattr(ffi, method)(callback)
    del callback
    gc.collect()
    assert alive()
    assert ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(address)(4) == 5
    del held
    gc.collect()
    assert not alive()


# --- ctypes -----------------------------------------------------------------------


def test_to_ctypes():
    assert ffi.to_ctypes(libm.cos)(0.5) == math.cos(0.5)
    assert ffi.to_ctypes(libm.cos).__name__ == "cos"
    n = ctypes.c_int()
    assert ffi.to_ctypes(libm.frexp)(8.0, ctypes.byref(n)) == 0.5 and n.value == 4
    assert ffi.to_ctypes(libc.strlen)(b"hello") == 5
    assert ffi.to_ctypes(libc.srand)(1) is None
    assert ffi.to_ctypes(libc.labs)(-2**40) == 2**40


@pytest.mark.parametrize("function, result, params", [
    (libc.abs, "c_int32", ["c_int32"]), (libc.srand, None, ["c_uint32"]),
    (libc.isalpha, "c_int32", ["c_int32"]), (libc.isdigit, "c_bool", ["c_int32"]),
    (libc.memchr, "c_void_p", ["c_void_p", "c_int32", "c_uint64"]),
    (libc.qsort, None, ["c_void_p", "c_uint64", "c_uint64", "c_void_p"])])
def test_ctypes_of_types(function, result, params):
    made = ffi.to_ctypes(function)
    assert made.restype is (result and getattr(ctypes, result))
    assert list(made.argtypes) == [getattr(ctypes, p) for p in params]


@pytest.mark.parametrize("function, text", [
    (libc.printf, "'printf' takes any number"), (libm.cexp, "'cexp' passes .*_Complex"),
    (libc.div, "'div' passes a value of type 'div_t'")])
def test_ctypes_has_no_type_for(function, text):
    with pytest.raises(TypeError, match=text):
        ffi.to_ctypes(function)


# --- SciPy ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JIFFI_CACHE", str(tmp_path_factory.mktemp("cache")))
        return jiffi.inline(
            """double scaled(double x, void *factor);
               double several(int n, double *x);
               int weighted(double *in, intptr_t n, double *out, void *weights);""",
            """#include <stdint.h>
               double scaled(double x, void *factor) { return x * *(double *)factor; }
               double several(int n, double *x) { return n == 2 ? x[0] * x[1] : -1; }
               int weighted(double *in, intptr_t n, double *out, void *weights)
               {
                   *out = 0;
                   for (intptr_t i = 0; i < n; i++)
                       *out += in[i] * ((double *)weights)[i];
                   return 1;
               }""")


def test_quad():
    integrate = pytest.importorskip("scipy.integrate")
    found = integrate.quad(ffi.low_level_callable(libm.cos), 0, 1)[0]
    assert found == pytest.approx(math.sin(1), rel=1e-12)


def test_scipy_refuses_what_it_cannot_call():
    integrate = pytest.importorskip("scipy.integrate")
    with pytest.raises(ValueError, match="long \\(long\\)"):
        integrate.quad(ffi.low_level_callable(libc.labs), 0, 1)
    with pytest.raises(TypeError, match="expected a pointer or array cdata as user_data"):
        ffi.low_level_callable(libm.cos, ffi.new("div_t *")[0])
    with pytest.raises(ValueError, match="user_data is a NULL pointer"):
        ffi.low_level_callable(libm.cos, ffi.NULL)


@pytest.mark.once
def test_quad_with_user_data(compiled):
    integrate = pytest.importorskip("scipy.integrate")
    factor = ffi.new("double *", 3.0)
    alive = weakref.ref(factor)
    callable_ = ffi.low_level_callable(compiled.scaled, factor)
    assert callable_.signature == "double (double, void *)"
    del factor
    gc.collect()
    assert alive()
    assert integrate.quad(callable_, 0, 1)[0] == pytest.approx(1.5)
    found = integrate.nquad(ffi.low_level_callable(compiled.several), [[0, 1], [0, 2]])[0]
    assert found == pytest.approx(1.0)


@pytest.mark.once
def test_generic_filter(compiled):
    ndimage = pytest.importorskip("scipy.ndimage")
    np = pytest.importorskip("numpy")
    weights = ffi.new("double[]", [0, 1, 0, 1, -4, 1, 0, 1, 0])
    image = np.arange(30.0).reshape(5, 6)**2
    found = ndimage.generic_filter(image, ffi.low_level_callable(compiled.weighted, weights),
                                   size=3)
    np.testing.assert_allclose(found, ndimage.correlate(
        image, np.array(list(weights)).reshape(3, 3)))


def test_as_cython_exports_functions():
    scipy = pytest.importorskip("scipy")
    integrate = pytest.importorskip("scipy.integrate")
    module = types.ModuleType("exporting")
    module.__pyx_capi__ = {"f": ffi.capsule(libm.cos)}
    found = integrate.quad(scipy.LowLevelCallable.from_cython(module, "f"), 0, 1)[0]
    assert found == pytest.approx(math.sin(1))


def test_fused_in_scipy():
    integrate = pytest.importorskip("scipy.integrate")

    @ffi.fuse("double(double x)")
    def squared(x):
        return libm.cos(x) * libm.cos(x)

    found = integrate.quad(ffi.low_level_callable(squared), 0, math.pi)[0]
    assert found == pytest.approx(math.pi / 2)
    assert ffi.to_ctypes(squared)(0.0) == 1.0


# --- numba ------------------------------------------------------------------------


@pytest.mark.once
def test_numba():
    numba = pytest.importorskip("numba")
    np = pytest.importorskip("numpy")
    cos, frexp, labs = map(ffi.to_ctypes, (libm.cos, libm.frexp, libc.labs))

    @numba.njit
    def work(values, exponent):
        total = 0.0
        for v in values:
            total += cos(v) + frexp(v, exponent.ctypes) + labs(-3)
        return total, exponent[0]

    values = np.array([0.5, 1.0, 8.0])
    total, last = work(values, np.zeros(1, np.int32))
    assert total == pytest.approx(np.cos(values).sum() + 1.5 + 9) and last == 4
