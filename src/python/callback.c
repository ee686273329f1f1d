/* SPDX-License-Identifier: MIT
 *
 * Python functions called from C: ffi.callback, and behind extern "Python". The
 * record of a callback is the owner of its cdata: it goes with the last reference
 * to the cdata, and C must not call the address after that. What becomes of an
 * exception is decided in callback_error.c.
 */
#include "python/callback.h"
#include "python/cxx.h"

#include <errno.h>
#include <string.h>

enum { FEW_ARGS = 8 };

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
    if (!c->anchor)
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

int jpy_callback_result(Callback *c, char *ret, PyObject *value)
{
    return put_result(c, ret, value);
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

static Failed callback_run(Callback *c, const jf_Plan *plan, char *slots, char *ret)
{
    PyObject *few[FEW_ARGS + 1], **args = few;
    uint32_t n = (uint32_t)PyTuple_GET_SIZE(c->ctypes) - 1, done = 0;
    PyObject *result = NULL;
    bool converting = false;
    Failed failed = {NULL, NULL};
    if (n > FEW_ARGS && !(args = PyMem_Malloc((n + 1) * sizeof *args))) {
        PyErr_NoMemory();
        return jpy_callback_failed(c, ret, false);
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
    if (JF_UNLIKELY(!result || converting))
        failed = jpy_callback_failed(c, ret, converting);
    while (done)
        Py_DECREF(args[--done]);
    if (--args != few)
        PyMem_Free(args);
    return failed;
}

/* The last thing of a callback: from here to the call around it no Python runs. What is
 * not NULL is thrown when nothing of us is left to be done. */
static CxxThrow *leave_failed(uint8_t errors, const Gil *gil, Failed f)
{
    CxxThrow *thrown =
        errors == ERRORS_THROW ? jpy_cxx_prepare(f.exception, f.who) : NULL;
    if (!thrown)
        jpy_pending_raise(gil->outer, f.exception, f.who);
    Py_XDECREF(f.who);
    return thrown;
}

/* Another callback of this call has failed. */
static CxxThrow *callback_again(Callback *c, const Gil *gil, const jf_Plan *plan,
                                char *slots, char *ret)
{
    if (c->errors == ERRORS_RAISE) {
        if (c->size)
            memcpy(ret, c->error, (size_t)c->size);
        return NULL;
    }
    Earlier earlier = jpy_pending_put_aside();
    CxxThrow *thrown = NULL;
    Py_INCREF(c);
    Failed f = callback_run(c, plan, slots, ret);
    uint8_t errors = c->errors;
    Py_DECREF(c);
    if (f.exception)
        thrown = leave_failed(errors, gil, f);
    jpy_pending_put_back(earlier);
    return thrown;
}

static inline CxxThrow *callback_call(Callback *c, const Gil *gil,
                                      const jf_Plan *plan, char *slots, char *ret)
{
    if (JF_UNLIKELY(jpy_seen != NULL))
        jpy_seen->callbacks++;
    if (JF_UNLIKELY(jpy_pending != NULL))
        return callback_again(c, gil, plan, slots, ret);
    CxxThrow *thrown = NULL;
    Py_INCREF(c);
    Failed f = callback_run(c, plan, slots, ret);
    uint8_t errors = c->errors;
    Py_DECREF(c);
    if (JF_UNLIKELY(f.exception != NULL))
        thrown = leave_failed(errors, gil, f);
    return thrown;
}

/* Where this thread's errno is: known after its first callback. */
static _Thread_local int *errno_cell JF_STATIC_TLS;

/* Nobody is there any more. */
static void callback_gone(const Anchor *a, const Gil *gil)
{
    const Callback *c = a->c;
    Earlier earlier = jpy_pending_put_aside();
    jpy_gone_error(a, c ? c->ctype : NULL, c ? c->was : NULL);
    if (a->cffi)
        jpy_callback_print("from a call of C", NULL, "");
    else
        jpy_pending_raise(gil->outer, jpy_exception_take(), NULL);
    jpy_pending_put_back(earlier);
}

/* The GIL is with a call that waits for this one: C gets the error value. */
static void refused(const char *error, Py_ssize_t size, char *ret)
{
    if (size)
        memcpy(ret, error, (size_t)size);
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
    CxxThrow *thrown = NULL;
    bool here = jpy_gil_is_here(), waited = !here;
    jpy_anchor_enter(a, waited);
    if (jpy_gil_enter_from(&gil, a->c,
                           here)) { /* else Python is gone: the result is zero */
        Callback *c = a->c;
        if (c && c->callable)
            thrown = callback_call(c, &gil, plan, slots, ret);
        else
            callback_gone(a, &gil); /* the result is zero */
        jpy_anchor_arrive(a, waited);
        jpy_gil_leave(&gil);
    } else {
        if (gil.way == GIL_REFUSED)
            refused(a->error, a->size, ret);
        jpy_anchor_arrive(a, waited);
    }
    if (saved)
        *error = *saved;
    else
        jf_os_errno_restore();
    if (JF_UNLIKELY(thrown != NULL))
        jpy_cxx_throw(thrown);
}

void jpy_extern_call(PyObject **target, void *cells, void (*nobody)(void *ctx),
                     void *ctx)
{
    jf_os_errno_save();
    Gil gil;
    bool done = false;
    CxxThrow *thrown = NULL;
    if (jpy_gil_enter(&gil, *target)) {
        Callback *c = (Callback *)*target;
        if (c)
            thrown = callback_call(c, &gil, NULL, cells, cells);
        done = c != NULL;
        jpy_gil_leave(&gil);
    } else if (gil.way == GIL_REFUSED && *target) {
        const Callback *c = (const Callback *)*target;
        refused(c->error, c->size, cells);
        done = true;
    }
    if (!done)
        nobody(ctx);
    jf_os_errno_restore();
    if (JF_UNLIKELY(thrown != NULL))
        jpy_cxx_throw(thrown);
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
    c->errors = st->cffi ? ERRORS_PRINT : ERRORS_RAISE;
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
                            PyObject *error, PyObject *onerror, uint8_t errors)
{
    Callback *c = callback_of(st, ct, callable, error, onerror);
    if (c && errors != ERRORS_DEFAULT)
        c->errors = errors;
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
    c->anchor->error = c->error;
    c->anchor->size = c->size;
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
    jpy_callback_called(c->cb, ct, callable);
    return (PyObject *)cd;
}

PyObject *jpy_callback(CTypeObject *ct, PyObject *callable, PyObject *error,
                       PyObject *onerror, uint8_t errors)
{
    PyObject *cd = jpy_callback_make(ct, callable, error, onerror);
    if (cd && errors != ERRORS_DEFAULT)
        ((Callback *)((CDataExt *)cd)->owner)->errors = errors;
    return cd;
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
