/* SPDX-License-Identifier: MIT
 *
 * Python functions called from C: ffi.callback, and behind extern "Python". The
 * record of a callback is the owner of its cdata: it goes with the last reference
 * to the cdata, and C must not call the address after that. What becomes of an exception is decided in one place,
 * callback_failed().
 */
#include "python/callback.h"

#include <errno.h>
#include <string.h>

enum { FEW_ARGS = 8 };

typedef struct Callback {
    PyObject_HEAD CTypeObject *ctype; /* owned: the function pointer's */
    PyObject *callable;               /* owned; NULL: cleared, or lent back */
    PyObject *onerror;                /* owned; NULL: none */
    PyObject *ctypes;                 /* tuple: result, parameters */
    uint8_t *codes;                   /* owned: Code of each parameter */
    uint8_t is_even;                  /* slot of parameter i: 8 * i */
    jf_Callback *cb;                  /* owned; NULL: extern "Python" */
    Anchor *anchor;                   /* owned; what cb leads to; NULL likewise */
    PyObject *was;                    /* jpy_callback_was(callable) */
    char *error;     /* owned: the result C gets after an exception */
    Py_ssize_t size; /* bytes of the result; 0: void */
    uint8_t code;    /* Code of the result */
} Callback;

/* --- the object -------------------------------------------------------------------- */

static int callback_traverse(PyObject *self, visitproc visit, void *arg)
{
    Callback *c = (Callback *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(c->callable);
    Py_VISIT(c->onerror);
    return 0;
}

static int callback_clear(PyObject *self)
{
    Callback *c = (Callback *)self;
    Py_CLEAR(c->callable);
    Py_CLEAR(c->onerror);
    return 0;
}

static void callback_dealloc(PyObject *self)
{
    Callback *c = (Callback *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    jpy_anchor_leave(c->anchor, c->cb, c->ctype, c->was);
    callback_clear(self);
    Py_XDECREF(c->was);
    Py_XDECREF(c->ctypes);
    Py_XDECREF((PyObject *)c->ctype);
    jf_free(c->error);
    jf_free(c->codes);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *callback_repr(PyObject *self)
{
    return PyUnicode_FromFormat("calling %R", ((Callback *)self)->callable);
}

static PyType_Slot callback_slots[] = {
    {Py_tp_dealloc, callback_dealloc},
    {Py_tp_traverse, callback_traverse},
    {Py_tp_clear, callback_clear},
    {Py_tp_repr, callback_repr},
    {0, NULL},
};

static PyType_Spec callback_spec = {
    .name = "jiffi._Callback",
    .basicsize = sizeof(Callback),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | JPY_TPFLAGS_NO_NEW,
    .slots = callback_slots,
};

/* --- values ---------------------------------------------------------------------------- */

static CTypeObject *param_ctype(Callback *c, uint32_t i)
{
    return (CTypeObject *)PyTuple_GET_ITEM(c->ctypes, (Py_ssize_t)i + 1);
}

/* The value at `p` as an object of its own: records are copied, C's are gone when
 * the callback returns. */
static PyObject *value_at(Callback *c, uint32_t i, char *p)
{
    CTypeObject *ct = param_ctype(c, i);
    switch (ct->code) {
    case V_F64: {
        double v;
        memcpy(&v, p, sizeof v);
        return PyFloat_FromDouble(v);
    }
    case V_POINTER: {
        char *v;
        memcpy(&v, p, sizeof v);
        return jpy_cdata(ct, v);
    }
    case V_RECORD:
    case V_ARRAY:
        return jpy_cdata_copy(ct, p);
    default:
        return jpy_to_object(ct, p, NULL);
    }
}

/* What the callable returned into `ret`. A void function may return None only. */
static int put_value(Callback *c, char *ret, PyObject *value)
{
    CTypeObject *ct = (CTypeObject *)PyTuple_GET_ITEM(c->ctypes, 0);
    if (ct->type->kind != JF_VOID)
        return jpy_from_object(ct, ret, value);
    if (value == Py_None)
        return 0;
    PyErr_Format(PyExc_TypeError,
                 "callback with the return type 'void' must return None");
    return -1;
}

static inline int put_result(Callback *c, char *ret, PyObject *value)
{
    Py_ssize_t small;
    if (c->code != V_I32 || !PyLong_CheckExact(value) ||
        !jpy_long_small(value, &small))
        return put_value(c, ret, value);
    int32_t v = (int32_t)small; /* 30 bits */
    memcpy(ret, &v, sizeof v);
    return 0;
}

/* --- exceptions ------------------------------------------------------------------------- */

/* Hand the current exception to sys.unraisablehook. */
static void print_exception(const char *where, PyObject *callable, const char *more)
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

/* Let onerror have the exception; what it returns, if not None, is the result. */
static void ask_onerror(Callback *c, char *ret, const char *more)
{
    PyObject *e = jpy_exception_take();
    PyObject *trace = e ? PyException_GetTraceback(e) : NULL;
    PyObject *r = PyObject_CallFunctionObjArgs(
        c->onerror, e ? (PyObject *)Py_TYPE(e) : Py_None, e ? e : Py_None,
        trace ? trace : Py_None, NULL);
    if (r && r != Py_None)
        put_result(c, ret, r);
    Py_XDECREF(r);
    Py_XDECREF(trace);
    if (!PyErr_Occurred()) {
        Py_XDECREF(e);
        return;
    }
    PyObject *second = jpy_exception_take();
    if (e) {
        jpy_exception_give(e);
        print_exception("from cffi callback ", c->callable, more);
    }
    jpy_exception_give(second);
    print_exception("during handling of the above exception by 'onerror'", NULL,
                    "");
}

/* The one place that decides what becomes of an exception: C gets the error value,
 * the exception goes to onerror or is printed. */
static void callback_failed(Callback *c, char *ret, bool converting)
{
    const char *more = converting ? ", trying to convert the result back to C" : "";
    if (c->size)
        memcpy(ret, c->error, (size_t)c->size);
    if (c->onerror)
        ask_onerror(c, ret, more);
    else
        print_exception("from cffi callback ", c->callable, more);
}

/* --- C calls -------------------------------------------------------------------------------- */

/* The usual kinds without a look at their ctypes. */
static inline PyObject *argument(Callback *c, uint32_t i, char *p)
{
    if (c->codes[i] != V_I32)
        return value_at(c, i, p);
    int32_t v;
    memcpy(&v, p, sizeof v);
    return jpy_long(v);
}

/* PyObject_Vectorcall; Python functions without its checks of what C returns. */
static inline PyObject *call(PyObject *f, PyObject *const *args, size_t n)
{
    return PyFunction_Check(f)
               ? ((PyFunctionObject *)f)->vectorcall(f, args, n, NULL)
               : PyObject_Vectorcall(f, args, n, NULL);
}

/* Where parameter `i` is. Without a plan (extern "Python") there is one cell of 8
 * bytes for each: the value, or the address of what is larger or a record. */
static char *argument_at(Callback *c, const jf_Plan *plan, char *slots, uint32_t i)
{
    if (plan)
        return slots + plan->args[i].slot;
    CTypeObject *ct = param_ctype(c, i);
    bool by_value = ct->size <= 8 && ct->code != V_RECORD;
    return by_value ? slots + 8 * i : *(char **)(slots + 8 * i);
}

static void callback_run(Callback *c, const jf_Plan *plan, char *slots, char *ret)
{
    PyObject *few[FEW_ARGS + 1], **args = few;
    uint32_t n = (uint32_t)PyTuple_GET_SIZE(c->ctypes) - 1, done = 0;
    PyObject *result = NULL;
    bool converting = false;
    if (n > FEW_ARGS && !(args = PyMem_Malloc((n + 1) * sizeof *args))) {
        PyErr_NoMemory();
        callback_failed(c, ret, false);
        return;
    }
    args++; /* one cell before the arguments is the callee's to use */
    for (; done < n; done++) {
        char *p = c->is_even ? slots + 8 * done : argument_at(c, plan, slots, done);
        JF_ASSERT(p == argument_at(c, plan, slots, done));
        if (!(args[done] = argument(c, done, p)))
            break;
    }
    if (done == n)
        result = call(c->callable, args, n | PY_VECTORCALL_ARGUMENTS_OFFSET);
    if (result) {
        converting = put_result(c, ret, result) < 0;
        Py_DECREF(result);
    }
    if (!result || converting)
        callback_failed(c, ret, converting);
    while (done)
        Py_DECREF(args[--done]);
    if (--args != few)
        PyMem_Free(args);
}

/* Where this thread's errno is: known after its first callback. */
static _Thread_local int *errno_cell JF_STATIC_TLS;

/* Nobody is there any more. */
static void callback_gone(const Anchor *a)
{
    const Callback *c = a->c;
    jpy_gone_error(a, c ? c->ctype : NULL, c ? c->was : NULL);
    print_exception("from a call of C", NULL, "");
}

static void callback_entry(void *context, const jf_Plan *plan, void *slots,
                           void *ret)
{
    Anchor *a = context;
    int *error = errno_cell ? errno_cell : (errno_cell = &errno), *saved = NULL;
    if (a->saved)
        *(saved = error + a->saved) = *error;
    else
        jf_os_errno_save();
    Gil gil;
    bool waited = jpy_anchor_enter(a);
    if (jpy_gil_enter(&gil)) { /* else Python is gone: the result is zero */
        Callback *c = a->c;
        if (c && c->callable) {
            Py_INCREF(c);
            callback_run(c, plan, slots, ret);
            Py_DECREF(c);
        } else {
            callback_gone(a); /* the result is zero */
        }
        jpy_anchor_arrive(a, waited);
        jpy_gil_leave(&gil);
    } else {
        jpy_anchor_arrive(a, waited);
    }
    if (saved)
        *error = *saved;
    else
        jf_os_errno_restore();
}

void jpy_extern_call(PyObject **target, void *cells, void (*nobody)(void *ctx),
                     void *ctx)
{
    jf_os_errno_save();
    Gil gil;
    bool done = false;
    if (jpy_gil_enter(&gil)) {
        Callback *c = (Callback *)Py_XNewRef(*target);
        if (c) {
            callback_run(c, NULL, cells, cells);
            Py_DECREF((PyObject *)c);
            done = true;
        }
        jpy_gil_leave(&gil);
    }
    if (!done)
        nobody(ctx);
    jf_os_errno_restore();
}

/* --- making one ------------------------------------------------------------------------------ */

static PyObject *signature_ctypes(State *st, jf_Type *fn)
{
    uint32_t n = fn->u.func->n_params;
    PyObject *tuple = PyTuple_New((Py_ssize_t)n + 1);
    for (uint32_t i = 0; tuple && i <= n; i++) {
        CTypeObject *ct = jpy_ctype(st, i ? fn->u.func->params[i - 1] : fn->to);
        if (!ct || (ct->size < 0 && jpy_layout(ct) < 0)) {
            Py_XDECREF((PyObject *)ct);
            Py_CLEAR(tuple);
            break;
        }
        PyTuple_SET_ITEM(tuple, (Py_ssize_t)i, (PyObject *)ct);
    }
    return tuple;
}

/* Everything but the code. */
static Callback *callback_new(State *st, CTypeObject *ct, PyObject *callable,
                              PyObject *error, PyObject *onerror)
{
    Callback *c = (Callback *)st->callback_type->tp_alloc(st->callback_type, 0);
    if (!c)
        return NULL;
    c->ctype = (CTypeObject *)Py_NewRef((PyObject *)ct);
    c->callable = Py_NewRef(callable);
    c->onerror = onerror != Py_None ? Py_NewRef(onerror) : NULL;
    c->was = jpy_callback_was(callable);
    c->ctypes = signature_ctypes(st, ct->type->to);
    if (!c->ctypes) {
        Py_DECREF((PyObject *)c);
        return NULL;
    }
    CTypeObject *result = (CTypeObject *)PyTuple_GET_ITEM(c->ctypes, 0);
    c->code = result->code;
    c->size = result->type->kind == JF_VOID || result->size < 0 ? 0 : result->size;
    c->error = jf_calloc((size_t)c->size + 16);
    c->codes = jf_calloc((size_t)PyTuple_GET_SIZE(c->ctypes));
    if (!c->error || !c->codes)
        PyErr_NoMemory();
    c->is_even = 1;
    for (uint32_t i = 0; c->codes && i < ct->type->to->u.func->n_params; i++) {
        c->codes[i] = param_ctype(c, i)->code;
        c->is_even &= (size_t)param_ctype(c, i)->size <= 8;
    }
    if (!c->error || !c->codes ||
        (error != Py_None && put_result(c, c->error, error) < 0)) {
        Py_DECREF((PyObject *)c);
        return NULL;
    }
    return c;
}

/* Everything but the code, of what the user gave. */
static Callback *callback_of(State *st, CTypeObject *ct, PyObject *callable,
                             PyObject *error, PyObject *onerror)
{
    if (ct->type->kind != JF_PTR || ct->type->to->kind != JF_FUNC)
        PyErr_Format(PyExc_TypeError, "expected a function ctype, got '%s'",
                     jpy_cname(ct));
    else if (!PyCallable_Check(callable))
        PyErr_Format(PyExc_TypeError, "expected a callable object, not %.200s",
                     Py_TYPE(callable)->tp_name);
    else if (onerror != Py_None && !PyCallable_Check(onerror))
        PyErr_Format(PyExc_TypeError,
                     "expected a callable object for 'onerror', not %.200s",
                     Py_TYPE(onerror)->tp_name);
    else if (ct->type->to->flags & JF_T_VARIADIC)
        PyErr_Format(PyExc_NotImplementedError,
                     "%s: callback with unsupported argument or return type or "
                     "with '...'",
                     jpy_cname(ct));
    else
        return callback_new(st, ct, callable, error, onerror);
    return NULL;
}

PyObject *jpy_extern_target(State *st, CTypeObject *ct, PyObject *callable,
                            PyObject *error, PyObject *onerror)
{
    Callback *c = callback_of(st, ct, callable, error, onerror);
    for (uint32_t i = 0; c && i < ct->type->to->u.func->n_params; i++)
        c->is_even &= param_ctype(c, i)->code != V_RECORD;
    return (PyObject *)c;
}

PyObject *jpy_callback_make(CTypeObject *ct, PyObject *callable, PyObject *error,
                            PyObject *onerror)
{
    State *st = ct->st;
    Callback *c = callback_of(st, ct, callable, error, onerror);
    if (c && jpy_byvalue_check_callback(st, ct) < 0) {
        Py_DECREF((PyObject *)c);
        return NULL;
    }
    if (!c)
        return NULL;
    jf_Diag d = JF_DIAG_INIT;
    CDataExt *cd = NULL;
    c->anchor = jpy_anchor_new(st);
    if (!c->anchor) {
        Py_DECREF((PyObject *)c);
        return NULL;
    }
    c->anchor->c = c;
    if (jf_callback_new(st->universe, ct->type->to, callback_entry, c->anchor,
                        &c->cb, &d) != JF_OK)
        jpy_raise_status(st, &d);
    else
        cd = jpy_ext_new(ct, jf_callback_address(c->cb), EXT_CALLBACK);
    if (!cd) {
        Py_DECREF((PyObject *)c);
        return NULL;
    }
    cd->owner = (PyObject *)c;
    cd->extra = Py_NewRef(callable);
    return (PyObject *)cd;
}

PyObject *jpy_callback(FFIObject *ffi, CTypeObject *ct, PyObject *callable,
                       PyObject *error, PyObject *onerror)
{
    (void)ffi;
    return jpy_callback_make(ct, callable, error, onerror);
}

void jpy_callback_lend(CDataExt *cd, PyObject *callable)
{
    Callback *c = (Callback *)cd->owner;
    Py_XSETREF(c->callable, Py_XNewRef(callable));
}

int jpy_init_callback(State *st, PyObject *module)
{
    (void)module;
    st->callback_type = (PyTypeObject *)PyType_FromSpec(&callback_spec);
    if (!st->callback_type)
        return -1;
    jpy_type_no_new(st->callback_type);
    return 0;
}
