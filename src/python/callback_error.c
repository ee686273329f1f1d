/* SPDX-License-Identifier: MIT
 *
 * What becomes of an exception in a callback: jpy_callback_failed() decides, by the
 * callback's errors= and onerror=. What is to be raised waits in pending.c.
 *
 *   errors      onerror raises or is not given         onerror returns
 *   "raise"     raised at the call around it           C gets what it returned
 *   "continue"  the same
 *   "print"     sys.unraisablehook                     the same
 *
 * The texts of what is printed are cffi's: programs look for them.
 */
#include "python/callback.h"

#include <string.h>

static const char CONVERTING[] = ", trying to convert the result back to C";

/* --- printed ---------------------------------------------------------------------- */

void jpy_callback_print(const char *where, PyObject *callable, const char *more)
{
    PyObject *e = jpy_exception_take();
    PyObject *text = callable
                         ? PyUnicode_FromFormat("%s%R%s", where, callable, more)
                         : PyUnicode_FromString(where);
    if (!text)
        PyErr_Clear();
    if (e)
        jpy_exception_give(e);
    if (text)
        jpy_write_unraisable(text);
    else
        PyErr_WriteUnraisable(callable);
    PyErr_Clear();
    Py_XDECREF(text);
}

/* --- raised ----------------------------------------------------------------------- */

/* "callback cmp() of type 'int(*)(int)'"; NULL without an exception: no memory. */
static PyObject *who_of(const Callback *c, bool converting)
{
    const char *more = converting ? CONVERTING : "";
    const char *type = jpy_cname(c->ctype);
    PyObject *f = c->callable, *text;
    PyObject *name = f ? PyObject_GetAttrString(f, "__qualname__") : NULL;
    PyErr_Clear();
    if (name && PyUnicode_Check(name))
        text =
            PyUnicode_FromFormat("callback %U() of type '%s'%s", name, type, more);
    else
        text = PyUnicode_FromFormat("callback %.200s of type '%s'%s",
                                    f ? Py_TYPE(f)->tp_name : "?", type, more);
    PyErr_Clear();
    Py_XDECREF(name);
    return text;
}

PyObject *jpy_callback_who(const Callback *c)
{
    return who_of(c, false);
}

/* `first` was being handled when `second` was raised: said by the end of second's chain
 * of contexts, unless it is in it. Takes over nothing. */
static void chain(PyObject *second, PyObject *first)
{
    enum { MOST = 1000 }; /* a chain may be a ring */
    PyObject *last = Py_NewRef(second);
    for (int i = 0; i < MOST && last != first; i++) {
        PyObject *next = PyException_GetContext(last);
        if (!next) {
            PyException_SetContext(last, Py_NewRef(first));
            break;
        }
        Py_SETREF(last, next);
    }
    Py_DECREF(last);
}

/* --- the decision ------------------------------------------------------------------- */

/* Let onerror have the exception; what it returns, if not None, is the result. NULL if
 * that went well, else what it raised; references. */
static PyObject *ask_onerror(Callback *c, char *ret, PyObject *e)
{
    PyObject *trace = PyException_GetTraceback(e);
    PyObject *r = PyObject_CallFunctionObjArgs(c->onerror, (PyObject *)Py_TYPE(e),
                                               e, trace ? trace : Py_None, NULL);
    if (r && r != Py_None)
        jpy_callback_result(c, ret, r);
    Py_XDECREF(r);
    Py_XDECREF(trace);
    return jpy_exception_take();
}

static void print_both(const Callback *c, const char *more, PyObject *e,
                       PyObject *second)
{
    jpy_exception_give(Py_NewRef(e));
    jpy_callback_print("from cffi callback ", c->callable, more);
    if (!second)
        return;
    jpy_exception_give(Py_NewRef(second));
    jpy_callback_print("during handling of the above exception by 'onerror'", NULL,
                       "");
}

Failed jpy_callback_failed(Callback *c, char *ret, bool converting)
{
    Failed f = {NULL, NULL};
    PyObject *e = jpy_exception_take(), *second = NULL;
    if (c->size)
        memcpy(ret, c->error, (size_t)c->size);
    if (!e) { /* a callable that breaks Python's rules */
        PyErr_SetString(PyExc_SystemError,
                        "a callback failed without setting an exception");
        e = jpy_exception_take();
    }
    if (c->onerror) {
        second = ask_onerror(c, ret, e);
        if (!second) {
            Py_DECREF(e);
            return f;
        }
        if (c->size)
            memcpy(ret, c->error, (size_t)c->size);
    }
    if (c->errors == ERRORS_PRINT) {
        print_both(c, converting ? CONVERTING : "", e, second);
    } else {
        if (second)
            chain(second, e);
        f.exception = Py_NewRef(second ? second : e);
        f.who = who_of(c, converting);
    }
    Py_XDECREF(second);
    Py_DECREF(e);
    return f;
}
