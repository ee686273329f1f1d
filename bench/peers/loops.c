/* SPDX-License-Identifier: MIT
 *
 * The loop that a C programmer writes for a batch: the function comes as a
 * pointer at run time and lies in another shared library, the items stand in
 * arrays. It is the limit for whatever else runs over arrays. Items that lie side
 * by side have a loop of their own. Addresses and steps (in bytes) come as ints:
 *
 *     d2(function, n, out, step, a, step, b, step)
 *
 * for two doubles; i3 for three ints. The GIL is kept.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "callee.h"

typedef double (*D1)(double);
typedef double (*D2)(double, double);
typedef double (*D3)(double, double, double);
typedef int (*I1)(int);
typedef int (*I2)(int, int);
typedef int (*I3)(int, int, int);

typedef struct {
    void *fn;
    Py_ssize_t n;
    char *at[4]; /* the results first */
    Py_ssize_t step[4];
    int packed; /* all items lie side by side */
} Run;

/* Reads `operands` arrays of items of `size` bytes. -1 with an exception set. */
static int read_run(Run *r, PyObject *const *args, Py_ssize_t n, int operands,
                    Py_ssize_t size)
{
    if (n != 2 + 2 * operands) {
        PyErr_SetString(PyExc_TypeError, "wrong number of arguments");
        return -1;
    }
    r->fn = PyLong_AsVoidPtr(args[0]);
    r->n = PyLong_AsSsize_t(args[1]);
    r->packed = 1;
    for (int i = 0; i < operands; i++) {
        r->at[i] = PyLong_AsVoidPtr(args[2 + 2 * i]);
        r->step[i] = PyLong_AsSsize_t(args[3 + 2 * i]);
        r->packed &= r->step[i] == size;
    }
    return PyErr_Occurred() ? -1 : 0;
}

static PyObject *py_d1(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    Run r;
    (void)self;
    if (read_run(&r, args, n, 2, sizeof(double))) {
        return NULL;
    }
    D1 f = (D1)r.fn;
    double *o = (double *)r.at[0], *a = (double *)r.at[1];
    if (r.packed) {
        for (Py_ssize_t i = 0; i < r.n; i++) {
            o[i] = f(a[i]);
        }
        Py_RETURN_NONE;
    }
    for (Py_ssize_t i = 0; i < r.n; i++) {
        *o = f(*a);
        o = (double *)((char *)o + r.step[0]);
        a = (double *)((char *)a + r.step[1]);
    }
    Py_RETURN_NONE;
}

static PyObject *py_d2(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    Run r;
    (void)self;
    if (read_run(&r, args, n, 3, sizeof(double))) {
        return NULL;
    }
    D2 f = (D2)r.fn;
    double *o = (double *)r.at[0], *a = (double *)r.at[1], *b = (double *)r.at[2];
    if (r.packed) {
        for (Py_ssize_t i = 0; i < r.n; i++) {
            o[i] = f(a[i], b[i]);
        }
        Py_RETURN_NONE;
    }
    for (Py_ssize_t i = 0; i < r.n; i++) {
        *o = f(*a, *b);
        o = (double *)((char *)o + r.step[0]);
        a = (double *)((char *)a + r.step[1]);
        b = (double *)((char *)b + r.step[2]);
    }
    Py_RETURN_NONE;
}

static PyObject *py_d3(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    Run r;
    (void)self;
    if (read_run(&r, args, n, 4, sizeof(double))) {
        return NULL;
    }
    D3 f = (D3)r.fn;
    double *o = (double *)r.at[0], *a = (double *)r.at[1], *b = (double *)r.at[2];
    double *c = (double *)r.at[3];
    if (r.packed) {
        for (Py_ssize_t i = 0; i < r.n; i++) {
            o[i] = f(a[i], b[i], c[i]);
        }
        Py_RETURN_NONE;
    }
    for (Py_ssize_t i = 0; i < r.n; i++) {
        *o = f(*a, *b, *c);
        o = (double *)((char *)o + r.step[0]);
        a = (double *)((char *)a + r.step[1]);
        b = (double *)((char *)b + r.step[2]);
        c = (double *)((char *)c + r.step[3]);
    }
    Py_RETURN_NONE;
}

static PyObject *py_i1(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    Run r;
    (void)self;
    if (read_run(&r, args, n, 2, sizeof(int))) {
        return NULL;
    }
    I1 f = (I1)r.fn;
    int *o = (int *)r.at[0], *a = (int *)r.at[1];
    if (r.packed) {
        for (Py_ssize_t i = 0; i < r.n; i++) {
            o[i] = f(a[i]);
        }
        Py_RETURN_NONE;
    }
    for (Py_ssize_t i = 0; i < r.n; i++) {
        *o = f(*a);
        o = (int *)((char *)o + r.step[0]);
        a = (int *)((char *)a + r.step[1]);
    }
    Py_RETURN_NONE;
}

static PyObject *py_i2(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    Run r;
    (void)self;
    if (read_run(&r, args, n, 3, sizeof(int))) {
        return NULL;
    }
    I2 f = (I2)r.fn;
    int *o = (int *)r.at[0], *a = (int *)r.at[1], *b = (int *)r.at[2];
    if (r.packed) {
        for (Py_ssize_t i = 0; i < r.n; i++) {
            o[i] = f(a[i], b[i]);
        }
        Py_RETURN_NONE;
    }
    for (Py_ssize_t i = 0; i < r.n; i++) {
        *o = f(*a, *b);
        o = (int *)((char *)o + r.step[0]);
        a = (int *)((char *)a + r.step[1]);
        b = (int *)((char *)b + r.step[2]);
    }
    Py_RETURN_NONE;
}

static PyObject *py_i3(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    Run r;
    (void)self;
    if (read_run(&r, args, n, 4, sizeof(int))) {
        return NULL;
    }
    I3 f = (I3)r.fn;
    int *o = (int *)r.at[0], *a = (int *)r.at[1], *b = (int *)r.at[2];
    int *c = (int *)r.at[3];
    if (r.packed) {
        for (Py_ssize_t i = 0; i < r.n; i++) {
            o[i] = f(a[i], b[i], c[i]);
        }
        Py_RETURN_NONE;
    }
    for (Py_ssize_t i = 0; i < r.n; i++) {
        *o = f(*a, *b, *c);
        o = (int *)((char *)o + r.step[0]);
        a = (int *)((char *)a + r.step[1]);
        b = (int *)((char *)b + r.step[2]);
        c = (int *)((char *)c + r.step[3]);
    }
    Py_RETURN_NONE;
}

/* Ten calls in a chain. */
static double chain(double x)
{
    x = plus(x, 1.5);
    x = plus(x, 1.5);
    x = plus(x, 1.5);
    x = plus(x, 1.5);
    x = plus(x, 1.5);
    x = plus(x, 1.5);
    x = plus(x, 1.5);
    x = plus(x, 1.5);
    x = plus(x, 1.5);
    return plus(x, 1.5);
}

static PyObject *py_chain(PyObject *self, PyObject *arg)
{
    double x = PyFloat_AsDouble(arg);
    (void)self;
    if (x == -1.0 && PyErr_Occurred()) {
        return NULL;
    }
    return PyFloat_FromDouble(chain(x));
}

/* clang-format off */
#define FAST(name)                                                             \
    {#name, (PyCFunction)(void (*)(void))py_##name, METH_FASTCALL, NULL}
/* clang-format on */

static PyMethodDef methods[] = {
    FAST(d1),
    FAST(d2),
    FAST(d3),
    FAST(i1),
    FAST(i2),
    FAST(i3),
    {"chain", py_chain, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "bench_loops",
                                 .m_size = -1, .m_methods = methods};

PyMODINIT_FUNC PyInit_bench_loops(void)
{
    PyObject *m = PyModule_Create(&definition);
    if (m && PyModule_AddObject(m, "chain_address",
                                PyLong_FromVoidPtr((void *)chain)) < 0) {
        return NULL;
    }
    return m;
}
