/* SPDX-License-Identifier: MIT
 *
 * The hand-written extension: what a careful person writes against CPython's
 * API for the functions of callee.h. METH_NOARGS, METH_O and METH_FASTCALL;
 * PyLong_AsLong with a range check, PyFloat_AsDouble, PyBytes_AS_STRING. Each
 * function also exists with the GIL released around the call (`_nogil`).
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <limits.h>

#include "callee.h"

static int as_int(PyObject *o, int *v)
{
    long n = PyLong_AsLong(o);
    if (n == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (n < INT_MIN || n > INT_MAX) {
        PyErr_SetString(PyExc_OverflowError, "does not fit an int");
        return -1;
    }
    *v = (int)n;
    return 0;
}

static int as_double(PyObject *o, double *v)
{
    *v = PyFloat_AsDouble(o);
    return *v == -1.0 && PyErr_Occurred() ? -1 : 0;
}

static int arity(const char *name, Py_ssize_t n, Py_ssize_t want)
{
    if (n == want) {
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "%s() takes %zd arguments, not %zd", name, want,
                 n);
    return -1;
}

static PyObject *py_nothing(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    nothing();
    Py_RETURN_NONE;
}

static PyObject *py_nothing_nogil(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    Py_BEGIN_ALLOW_THREADS;
    nothing();
    Py_END_ALLOW_THREADS;
    Py_RETURN_NONE;
}

static PyObject *py_add(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    int a, b;
    (void)self;
    if (arity("add", n, 2) || as_int(args[0], &a) || as_int(args[1], &b)) {
        return NULL;
    }
    return PyLong_FromLong(add(a, b));
}

static PyObject *py_add_nogil(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    int a, b, r;
    (void)self;
    if (arity("add", n, 2) || as_int(args[0], &a) || as_int(args[1], &b)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    r = add(a, b);
    Py_END_ALLOW_THREADS;
    return PyLong_FromLong(r);
}

static PyObject *py_fma3(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    double a, b, c;
    (void)self;
    if (arity("fma3", n, 3) || as_double(args[0], &a) || as_double(args[1], &b) ||
        as_double(args[2], &c)) {
        return NULL;
    }
    return PyFloat_FromDouble(fma3(a, b, c));
}

static PyObject *py_fma3_nogil(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    double a, b, c, r;
    (void)self;
    if (arity("fma3", n, 3) || as_double(args[0], &a) || as_double(args[1], &b) ||
        as_double(args[2], &c)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    r = fma3(a, b, c);
    Py_END_ALLOW_THREADS;
    return PyFloat_FromDouble(r);
}

static PyObject *py_slen(PyObject *self, PyObject *o)
{
    (void)self;
    char *s = PyBytes_AsString(o);
    return s ? PyLong_FromSize_t(slen(s)) : NULL;
}

static PyObject *py_slen_nogil(PyObject *self, PyObject *o)
{
    (void)self;
    char *s = PyBytes_AsString(o);
    if (!s) {
        return NULL;
    }
    size_t r;
    Py_BEGIN_ALLOW_THREADS;
    r = slen(s);
    Py_END_ALLOW_THREADS;
    return PyLong_FromSize_t(r);
}

static int ten(PyObject *const *args, Py_ssize_t n, int *v)
{
    if (arity("sum10", n, 10)) {
        return -1;
    }
    for (int i = 0; i < 10; i++) {
        if (as_int(args[i], &v[i])) {
            return -1;
        }
    }
    return 0;
}

static PyObject *py_sum10(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    int v[10];
    (void)self;
    if (ten(args, n, v)) {
        return NULL;
    }
    return PyLong_FromLong(
        sum10(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9]));
}

static PyObject *py_sum10_nogil(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    int v[10], r;
    (void)self;
    if (ten(args, n, v)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    r = sum10(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9]);
    Py_END_ALLOW_THREADS;
    return PyLong_FromLong(r);
}

/* A struct as an extension would wrap it: an object that holds it. */
typedef struct {
    PyObject_HEAD struct point p;
} PointObject;

static int point_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"x", "y", NULL};
    PointObject *o = (PointObject *)self;
    return PyArg_ParseTupleAndKeywords(args, kwargs, "|ii", names, &o->p.x,
                                       &o->p.y) -
           1;
}

static PyObject *point_get_x(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromLong(((PointObject *)self)->p.x);
}

static int point_set_x(PyObject *self, PyObject *v, void *unused)
{
    (void)unused;
    if (!v) {
        PyErr_SetString(PyExc_AttributeError, "x cannot be deleted");
        return -1;
    }
    return as_int(v, &((PointObject *)self)->p.x);
}

static PyGetSetDef point_getset[] = {
    {"x", point_get_x, point_set_x, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyTypeObject PointType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "bench_ext.Point",
    .tp_basicsize = sizeof(PointObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = point_init,
    .tp_getset = point_getset,
};

typedef struct {
    PyObject_HEAD struct pair p;
} PairObject;

static int pair_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"a", "b", NULL};
    PairObject *o = (PairObject *)self;
    return PyArg_ParseTupleAndKeywords(args, kwargs, "|dd", names, &o->p.a,
                                       &o->p.b) -
           1;
}

static PyTypeObject PairType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "bench_ext.Pair",
    .tp_basicsize = sizeof(PairObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = pair_init,
};

static PyObject *py_norm1(PyObject *self, PyObject *o)
{
    (void)self;
    if (!PyObject_TypeCheck(o, &PointType)) {
        return PyErr_Format(PyExc_TypeError, "norm1() needs a Point");
    }
    return PyLong_FromLong(norm1(&((PointObject *)o)->p));
}

static PyObject *py_pair_sum(PyObject *self, PyObject *o)
{
    (void)self;
    if (!PyObject_TypeCheck(o, &PairType)) {
        return PyErr_Format(PyExc_TypeError, "pair_sum() needs a Pair");
    }
    return PyFloat_FromDouble(pair_sum(((PairObject *)o)->p));
}

static PyObject *py_first_byte(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    Py_buffer view;
    int len;
    (void)self;
    if (arity("first_byte", n, 2) || as_int(args[1], &len) ||
        PyObject_GetBuffer(args[0], &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    int r = first_byte(view.buf, len);
    PyBuffer_Release(&view);
    return PyLong_FromLong(r);
}

static PyObject *py_first_double(PyObject *self, PyObject *const *args,
                                 Py_ssize_t n)
{
    Py_buffer view;
    int len;
    (void)self;
    if (arity("first_double", n, 2) || as_int(args[1], &len) ||
        PyObject_GetBuffer(args[0], &view, PyBUF_ND | PyBUF_FORMAT) < 0) {
        return NULL;
    }
    double r = 0;
    if (view.format && view.format[0] == 'd' && !view.format[1]) {
        r = first_double(view.buf, len);
    } else {
        PyErr_SetString(PyExc_TypeError, "first_double() needs doubles");
    }
    PyBuffer_Release(&view);
    return PyErr_Occurred() ? NULL : PyFloat_FromDouble(r);
}

static PyObject *callee_object;

static int trampoline(int a, int b)
{
    PyObject *args[2] = {PyLong_FromLong(a), PyLong_FromLong(b)};
    int r = 0;
    PyObject *o = args[0] && args[1]
                      ? PyObject_Vectorcall(callee_object, args, 2, NULL)
                      : NULL;
    Py_XDECREF(args[0]);
    Py_XDECREF(args[1]);
    if (!o || as_int(o, &r)) {
        PyErr_WriteUnraisable(callee_object);
    }
    Py_XDECREF(o);
    return r;
}

/* As libraries call back: the GIL is let go by the call and taken by each. */
static int trampoline_gil(int a, int b)
{
    PyGILState_STATE s = PyGILState_Ensure();
    int r = trampoline(a, b);
    PyGILState_Release(s);
    return r;
}

static PyObject *py_call_many(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    int count;
    (void)self;
    if (arity("call_many", n, 2) || as_int(args[1], &count)) {
        return NULL;
    }
    callee_object = args[0];
    return PyLong_FromLong(call_many(trampoline, count));
}

static PyObject *py_call_many_nogil(PyObject *self, PyObject *const *args,
                                    Py_ssize_t n)
{
    int count, r;
    (void)self;
    if (arity("call_many", n, 2) || as_int(args[1], &count)) {
        return NULL;
    }
    callee_object = args[0];
    Py_BEGIN_ALLOW_THREADS;
    r = call_many(trampoline_gil, count);
    Py_END_ALLOW_THREADS;
    return PyLong_FromLong(r);
}

/* What batches call for each item, as functions of their own. */

static PyObject *py_absolute(PyObject *self, PyObject *arg)
{
    double x;
    (void)self;
    return as_double(arg, &x) ? NULL : PyFloat_FromDouble(absolute(x));
}

static PyObject *py_plus(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    double a, b;
    (void)self;
    if (arity("plus", n, 2) || as_double(args[0], &a) || as_double(args[1], &b)) {
        return NULL;
    }
    return PyFloat_FromDouble(plus(a, b));
}

static PyObject *py_negate(PyObject *self, PyObject *arg)
{
    int a;
    (void)self;
    return as_int(arg, &a) ? NULL : PyLong_FromLong(negate(a));
}

static PyObject *py_add3(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    int a, b, c;
    (void)self;
    if (arity("add3", n, 3) || as_int(args[0], &a) || as_int(args[1], &b) ||
        as_int(args[2], &c)) {
        return NULL;
    }
    return PyLong_FromLong(add3(a, b, c));
}

/* What the GIL may be kept for, and what not. */

static PyObject *py_looped(PyObject *self, PyObject *arg)
{
    int a;
    (void)self;
    return as_int(arg, &a) ? NULL : PyLong_FromLong(looped(a));
}

static PyObject *py_looped_nogil(PyObject *self, PyObject *arg)
{
    int a, r;
    (void)self;
    if (as_int(arg, &a)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    r = looped(a);
    Py_END_ALLOW_THREADS;
    return PyLong_FromLong(r);
}

static PyObject *py_locked(PyObject *self, PyObject *arg)
{
    int a;
    (void)self;
    return as_int(arg, &a) ? NULL : PyLong_FromLong(locked(a));
}

static PyObject *py_locked_nogil(PyObject *self, PyObject *arg)
{
    int a, r;
    (void)self;
    if (as_int(arg, &a)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    r = locked(a);
    Py_END_ALLOW_THREADS;
    return PyLong_FromLong(r);
}

static PyObject *py_straight(PyObject *self, PyObject *arg)
{
    double x;
    (void)self;
    return as_double(arg, &x) ? NULL : PyFloat_FromDouble(straight(x));
}

static PyObject *py_straight_nogil(PyObject *self, PyObject *arg)
{
    double x;
    (void)self;
    if (as_double(arg, &x)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    x = straight(x);
    Py_END_ALLOW_THREADS;
    return PyFloat_FromDouble(x);
}

static PyObject *py_spin(PyObject *self, PyObject *arg)
{
    int n;
    (void)self;
    return as_int(arg, &n) ? NULL : PyFloat_FromDouble(spin(n));
}

static PyObject *py_spin_nogil(PyObject *self, PyObject *arg)
{
    int n;
    double x;
    (void)self;
    if (as_int(arg, &n)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    x = spin(n);
    Py_END_ALLOW_THREADS;
    return PyFloat_FromDouble(x);
}

static PyObject *py_nap(PyObject *self, PyObject *arg)
{
    int us;
    (void)self;
    return as_int(arg, &us) ? NULL : PyLong_FromLong(nap(us));
}

static PyObject *py_nap_nogil(PyObject *self, PyObject *arg)
{
    int us, r;
    (void)self;
    if (as_int(arg, &us)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    r = nap(us);
    Py_END_ALLOW_THREADS;
    return PyLong_FromLong(r);
}

/* An error code as an extension turns it into an exception. */
static PyObject *py_status(PyObject *self, PyObject *arg)
{
    int a;
    (void)self;
    if (as_int(arg, &a)) {
        return NULL;
    }
    int r = status(a);
    return r < 0 ? PyErr_SetFromErrno(PyExc_OSError) : PyLong_FromLong(r);
}

/* clang-format off */
#define ONE(name) {#name, py_##name, METH_O, NULL}
#define FAST(name)                                                             \
    {#name, (PyCFunction)(void (*)(void))py_##name, METH_FASTCALL, NULL}
/* clang-format on */

static PyMethodDef methods[] = {
    {"nothing", py_nothing, METH_NOARGS, NULL},
    {"nothing_nogil", py_nothing_nogil, METH_NOARGS, NULL},
    FAST(add),
    FAST(add_nogil),
    FAST(fma3),
    FAST(fma3_nogil),
    {"slen", py_slen, METH_O, NULL},
    {"slen_nogil", py_slen_nogil, METH_O, NULL},
    FAST(sum10),
    FAST(sum10_nogil),
    {"norm1", py_norm1, METH_O, NULL},
    {"pair_sum", py_pair_sum, METH_O, NULL},
    FAST(first_byte),
    FAST(first_double),
    FAST(call_many),
    FAST(call_many_nogil),
    {"absolute", py_absolute, METH_O, NULL},
    FAST(plus),
    {"negate", py_negate, METH_O, NULL},
    FAST(add3),
    ONE(looped),
    ONE(looped_nogil),
    ONE(locked),
    ONE(locked_nogil),
    ONE(straight),
    ONE(straight_nogil),
    ONE(spin),
    ONE(spin_nogil),
    ONE(nap),
    ONE(nap_nogil),
    ONE(status),
    {NULL, NULL, 0, NULL},
};

static PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "bench_ext",
                                 .m_size = -1, .m_methods = methods};

PyMODINIT_FUNC PyInit_bench_ext(void)
{
    PyObject *m = PyModule_Create(&definition);
    if (!m || PyType_Ready(&PointType) < 0 || PyType_Ready(&PairType) < 0) {
        return NULL;
    }
    Py_INCREF(&PointType);
    Py_INCREF(&PairType);
    if (PyModule_AddObject(m, "Point", (PyObject *)&PointType) < 0 ||
        PyModule_AddObject(m, "Pair", (PyObject *)&PairType) < 0) {
        return NULL;
    }
    return m;
}
