/* SPDX-License-Identifier: MIT
 *
 * A Python exception that travels through C++ as a C++ exception: see exec/cxx.h for
 * what C++ sees of it.
 */
#include "python/cxx.h"

#include <string.h>

struct CxxThrow {
    PyObject *exception; /* owned */
    char *text;          /* owned; what what() says */
};

/* By whichever thread the C++ exception dies on. */
static void drop(void *payload)
{
    Gil g;
    if (!jpy_gil_enter(&g, NULL))
        return; /* Python is gone, and so is its memory */
    PyObject *current = jpy_exception_take();
    Py_DECREF((PyObject *)payload);
    if (current)
        jpy_exception_give(current);
    jpy_gil_leave(&g);
}

/* "ValueError: text"; jf_alloc'ed; NULL: memory. */
static char *describe(PyObject *e)
{
    PyObject *text = PyObject_Str(e);
    if (!text)
        PyErr_Clear();
    PyObject *all = !text || PyUnicode_GET_LENGTH(text) == 0
                        ? PyUnicode_FromString(Py_TYPE(e)->tp_name)
                        : PyUnicode_FromFormat("%s: %U", Py_TYPE(e)->tp_name, text);
    PyObject *bytes =
        all ? PyUnicode_AsEncodedString(all, "utf-8", "backslashreplace") : NULL;
    const char *s = bytes ? PyBytes_AS_STRING(bytes) : Py_TYPE(e)->tp_name;
    char *copy = jf_strndup(s, strlen(s));
    PyErr_Clear();
    Py_XDECREF(bytes);
    Py_XDECREF(all);
    Py_XDECREF(text);
    return copy;
}

CxxThrow *jpy_cxx_prepare(PyObject *exception, PyObject *who)
{
    CxxThrow *t = jf_cxx_can_throw() ? jf_calloc(sizeof *t) : NULL;
    if (!t)
        return NULL;
    t->text = describe(exception);
    if (!t->text) {
        jf_free(t);
        return NULL;
    }
    PyObject *way = who ? PyUnicode_FromFormat("in %U", who) : NULL;
    if (way)
        jpy_exception_note(exception, way);
    PyErr_Clear(); /* without memory there is no note */
    Py_XDECREF(way);
    t->exception = exception;
    return t;
}

void jpy_cxx_throw(CxxThrow *t)
{
    PyObject *exception = t->exception;
    char *text = t->text;
    jf_free(t);
    jf_cxx_throw(exception, text, drop);
    Py_FatalError("jiffi: a Python exception could not be thrown through C++");
}
