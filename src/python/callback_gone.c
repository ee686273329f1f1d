/* SPDX-License-Identifier: MIT
 *
 * Callbacks that are gone while C still has their address: what is kept of them, and
 * what is said when C calls. Nothing here is a Python object once the callback is
 * freed: the address may be called when Python is gone, or from another interpreter.
 */
#include "python/callback.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 400 }; /* bytes of a description; longer names are cut */

Anchor *jpy_anchor_new(const State *st)
{
    Anchor *a = jf_calloc(sizeof *a);
    if (!a)
        return (Anchor *)PyErr_NoMemory();
    int32_t error_at, saved_at;
    if (jf_os_errno_offsets(&error_at, &saved_at))
        a->saved = (saved_at - error_at) / (int)sizeof(int);
    a->cffi = st->cffi;
    return a;
}

/* The engine asks; whoever is between its two counters still needs us. */
static bool anchor_gone(void *context)
{
    Anchor *a = context;
    unsigned arrived = atomic_load_explicit(&a->arrived, memory_order_acquire);
    if (atomic_load_explicit(&a->entered, memory_order_relaxed) != arrived)
        return false;
    jf_free(a->text);
    jf_free(a);
    return true;
}

PyObject *jpy_callback_was(PyObject *callable)
{
    PyObject *f =
        PyMethod_Check(callable) ? PyMethod_GET_FUNCTION(callable) : callable;
    if (PyFunction_Check(f))
        return Py_NewRef(PyFunction_GET_CODE(f));
    return Py_NewRef((PyObject *)Py_TYPE(f));
}

/* --- the description ------------------------------------------------------------- */

static const char *text_of(PyObject *str)
{
    const char *s = str && PyUnicode_Check(str) ? PyUnicode_AsUTF8(str) : NULL;
    if (!s)
        PyErr_Clear();
    return s ? s : "?";
}

/* "int(*)(int) <function f at file:3>" */
static int describe(char *out, size_t size, CTypeObject *ct, PyObject *was)
{
    if (was && PyCode_Check(was)) {
        PyCodeObject *code = (PyCodeObject *)was;
        return snprintf(out, size, "%.120s <function %.80s at %.120s:%d>",
                        jpy_cname(ct), text_of(jpy_code_name(code)),
                        text_of(code->co_filename), code->co_firstlineno);
    }
    const char *kind =
        was && PyType_Check(was) ? ((PyTypeObject *)was)->tp_name : "?";
    return snprintf(out, size, "%.120s <%.100s object>", jpy_cname(ct), kind);
}

/* ", freed at file:12": where Python is now. */
static void describe_place(char *out, size_t size)
{
    PyFrameObject *frame = PyThreadState_GetFrame(PyThreadState_Get());
    if (!frame)
        return;
    PyCodeObject *code = PyFrame_GetCode(frame);
    snprintf(out, size, ", freed at %.120s:%d", text_of(code->co_filename),
             PyFrame_GetLineNumber(frame));
    Py_DECREF((PyObject *)code);
    Py_DECREF((PyObject *)frame);
}

static char *description(CTypeObject *ct, PyObject *was)
{
    char text[TEXT_MAX + 160];
    JpyError saved = jpy_error_take();
    int n = describe(text, TEXT_MAX, ct, was);
    if (n >= TEXT_MAX)
        n = TEXT_MAX - 1;
    if (n >= 0)
        describe_place(text + n, sizeof text - (size_t)n);
    jpy_error_put(saved);
    return n < 0 ? NULL : jf_strndup(text, strlen(text));
}

void jpy_anchor_leave(Anchor *a, jf_Callback *cb, CTypeObject *ct, PyObject *was)
{
    if (!a)
        return;
    a->c = NULL;
    if (cb && Py_IsInitialized())
        a->text = description(ct, was); /* NULL: it is told with fewer words */
    if (cb)
        jf_callback_retire(cb, anchor_gone);
    else
        jf_free(a);
}

void jpy_gone_error(const Anchor *a, CTypeObject *ct, PyObject *was)
{
    char text[TEXT_MAX] = "";
    if (!was) {
        PyErr_Format(PyExc_ReferenceError, "C called a callback that was freed: %s",
                     a->text ? a->text : "its name is not known");
        return;
    }
    describe(text, sizeof text, ct, was);
    PyErr_Format(
        PyExc_ReferenceError,
        "C called a callback that lived for one call only: %s; where C keeps "
        "a function, give it an ffi.callback() that lives as long",
        text);
}
