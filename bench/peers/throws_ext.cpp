// SPDX-License-Identifier: MIT
// The functions of throws.h as an extension written by hand: try and catch around each
// call, METH_FASTCALL and METH_O. The GIL is kept unless the name ends in _nogil.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <climits>
#include <stdexcept>

#include "throws.h"

// What is being handled, as Python's exception. Needs the GIL.
static PyObject *raise()
{
    try {
        throw;
    } catch (const std::out_of_range &e) {
        PyErr_SetString(PyExc_IndexError, e.what());
    } catch (const std::bad_alloc &) {
        PyErr_NoMemory();
    } catch (const std::exception &e) {
        PyErr_SetString(PyExc_RuntimeError, e.what());
    } catch (...) {
        PyErr_SetString(PyExc_RuntimeError, "unknown C++ exception");
    }
    return nullptr;
}

// The GIL is let go; taken back where a scope ends, by an exception as well.
struct Released {
    PyThreadState *state = PyEval_SaveThread();
    ~Released()
    {
        PyEval_RestoreThread(state);
    }
};

static bool as_int(PyObject *o, int *v)
{
    long n = PyLong_AsLong(o);
    if (n == -1 && PyErr_Occurred()) {
        return false;
    }
    if (n < INT_MIN || n > INT_MAX) {
        PyErr_SetString(PyExc_OverflowError, "does not fit an int");
        return false;
    }
    *v = (int)n;
    return true;
}

static bool two_ints(PyObject *const *args, Py_ssize_t n, int *a, int *b)
{
    if (n != 2) {
        PyErr_SetString(PyExc_TypeError, "t_add() takes 2 arguments");
        return false;
    }
    return as_int(args[0], a) && as_int(args[1], b);
}

static PyObject *py_add(PyObject *, PyObject *const *args, Py_ssize_t n)
{
    int a, b;
    if (!two_ints(args, n, &a, &b)) {
        return nullptr;
    }
    try {
        return PyLong_FromLong(t_add(a, b));
    } catch (...) {
        return raise();
    }
}

static PyObject *py_add_nogil(PyObject *, PyObject *const *args, Py_ssize_t n)
{
    int a, b, r;
    if (!two_ints(args, n, &a, &b)) {
        return nullptr;
    }
    try {
        Released released;
        r = t_add(a, b);
    } catch (...) {
        return raise();
    }
    return PyLong_FromLong(r);
}

static PyObject *py_half(PyObject *, PyObject *o)
{
    double x = PyFloat_AsDouble(o);
    if (x == -1.0 && PyErr_Occurred()) {
        return nullptr;
    }
    try {
        return PyFloat_FromDouble(t_half(x));
    } catch (...) {
        return raise();
    }
}

static PyObject *py_half_nogil(PyObject *, PyObject *o)
{
    double x = PyFloat_AsDouble(o);
    if (x == -1.0 && PyErr_Occurred()) {
        return nullptr;
    }
    try {
        Released released;
        x = t_half(x);
    } catch (...) {
        return raise();
    }
    return PyFloat_FromDouble(x);
}

static PyObject *py_length(PyObject *, PyObject *o)
{
    char *s = PyBytes_AsString(o);
    if (!s) {
        return nullptr;
    }
    try {
        return PyLong_FromSize_t(t_length(s));
    } catch (...) {
        return raise();
    }
}

static PyObject *py_length_nogil(PyObject *, PyObject *o)
{
    char *s = PyBytes_AsString(o);
    size_t n;
    if (!s) {
        return nullptr;
    }
    try {
        Released released;
        n = t_length(s);
    } catch (...) {
        return raise();
    }
    return PyLong_FromSize_t(n);
}

static PyMethodDef methods[] = {
    {"t_add", (PyCFunction)(void (*)(void))py_add, METH_FASTCALL, nullptr},
    {"t_add_nogil", (PyCFunction)(void (*)(void))py_add_nogil, METH_FASTCALL,
     nullptr},
    {"t_half", py_half, METH_O, nullptr},
    {"t_half_nogil", py_half_nogil, METH_O, nullptr},
    {"t_length", py_length, METH_O, nullptr},
    {"t_length_nogil", py_length_nogil, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

static PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                                 "throws_ext",
                                 nullptr,
                                 -1,
                                 methods,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr};

PyMODINIT_FUNC PyInit_throws_ext(void)
{
    return PyModule_Create(&definition);
}
