/* SPDX-License-Identifier: MIT
 *
 * Callbacks that are gone while C still has their address: what is kept of them, and
 * what is said when C calls. The few Python objects here are only touched in their own
 * interpreter: the address may be called from another, and when Python is gone.
 */
#include "python/callback.h"

#include <string.h>

/* Those the engine has let go, until its lock is free: objects may do anything when
 * they go. */
static _Thread_local Anchor *let_go;

Anchor *jpy_anchor_new(const State *st)
{
    Anchor *a = jf_calloc(sizeof *a);
    if (!a)
        return (Anchor *)PyErr_NoMemory();
    int32_t error_at, saved_at;
    if (jf_os_errno_offsets(&error_at, &saved_at))
        a->saved = (saved_at - error_at) / (int)sizeof(int);
    a->cffi = st->cffi;
    a->interp = PyInterpreterState_Get();
    return a;
}

/* The engine asks; whoever is between its two counters still needs us. */
static bool anchor_gone(void *context)
{
    Anchor *a = context;
    unsigned arrived = atomic_load_explicit(&a->arrived, memory_order_acquire);
    if (atomic_load_explicit(&a->entered, memory_order_relaxed) != arrived)
        return false;
    a->next = let_go;
    let_go = a;
    return true;
}

static void anchor_free(Anchor *a)
{
    if (a->interp == PyInterpreterState_Get()) { /* else they are its loss */
        Py_XDECREF(a->was);
        Py_XDECREF(a->code);
    }
    jf_free(a->type);
    jf_free(a->error);
    jf_free(a);
}

PyObject *jpy_callback_was(PyObject *callable)
{
    PyObject *f =
        PyMethod_Check(callable) ? PyMethod_GET_FUNCTION(callable) : callable;
    if (PyFunction_Check(f))
        return Py_NewRef(PyFunction_GET_CODE(f));
    return PyUnicode_FromString(Py_TYPE(f)->tp_name);
}

/* Where Python is now. */
static void note_place(Anchor *a)
{
    PyFrameObject *frame = PyThreadState_GetFrame(PyThreadState_Get());
    if (!frame)
        return;
    a->code = (PyObject *)PyFrame_GetCode(frame);
    a->lasti = jpy_frame_lasti(frame);
    Py_DECREF((PyObject *)frame);
}

void jpy_anchor_leave(Anchor *a, jf_Callback *cb, CTypeObject *ct, PyObject *was)
{
    if (!a)
        return;
    a->c = NULL;
    if (!cb) {
        anchor_free(a);
        return;
    }
    if (Py_IsInitialized()) {
        const char *name = jpy_cname(ct);
        JpyError saved = jpy_error_take();
        a->was = Py_XNewRef(was);
        a->type = jf_strndup(name, strlen(name)); /* NULL: told with fewer words */
        note_place(a);
        jpy_error_put(saved);
    }
    jf_callback_retire(cb, anchor_gone);
    while (let_go) {
        Anchor *old = let_go;
        let_go = old->next;
        anchor_free(old);
    }
}

/* --- what is said ---------------------------------------------------------------- */

/* "int(*)(int) <function f at file:3>"; NULL with an exception. */
static PyObject *describe(const char *type, PyObject *was)
{
    if (was && PyCode_Check(was)) {
        PyCodeObject *code = (PyCodeObject *)was;
        return PyUnicode_FromFormat("%s <function %U at %U:%d>", type,
                                    jpy_code_name(code), code->co_filename,
                                    code->co_firstlineno);
    }
    return was ? PyUnicode_FromFormat("%s <%U object>", type, was)
               : PyUnicode_FromString(type);
}

/* The same with where it was freed. */
static PyObject *describe_freed(const Anchor *a)
{
    bool ours = a->interp == PyInterpreterState_Get();
    PyObject *what = describe(a->type ? a->type : "?", ours ? a->was : NULL);
    if (!what || !ours || !a->code)
        return what;
    PyCodeObject *code = (PyCodeObject *)a->code;
    PyObject *text =
        PyUnicode_FromFormat("%U, freed at %U:%d", what, code->co_filename,
                             PyCode_Addr2Line(code, a->lasti));
    Py_DECREF(what);
    return text;
}

void jpy_gone_error(const Anchor *a, CTypeObject *ct, PyObject *was)
{
    PyObject *text = ct ? describe(jpy_cname(ct), was) : describe_freed(a);
    if (!text)
        return;
    if (ct)
        PyErr_Format(
            PyExc_ReferenceError,
            "C called a callback that lived for one call only: %U; where C "
            "keeps a function, give it an ffi.callback() that lives as long",
            text);
    else
        PyErr_Format(PyExc_ReferenceError, "C called a callback that was freed: %U",
                     text);
    Py_DECREF(text);
}
