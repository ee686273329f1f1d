/* SPDX-License-Identifier: MIT
 *
 * Calls through memory: every argument is converted into its slot, the engine
 * moves the slots to where the convention wants them. This is the whole call
 * where there is no machine code, and the source of what machine code calls when
 * an argument is not of the usual kind, so that both behave the same.
 */
#include "python/call.h"

#include <string.h>

enum { SMALL_BLOCK = 1024 }; /* bytes of slots and result kept on the stack */

/* --- types ----------------------------------------------------------------------- */

static PyObject *make_ctypes(FunctionInfo *f)
{
    jf_FuncInfo *func = f->fn->u.func;
    PyObject *tuple = PyTuple_New((Py_ssize_t)func->n_params + 1);
    if (!tuple)
        return NULL;
    for (uint32_t i = 0; i <= func->n_params; i++) {
        CTypeObject *ct = jpy_ctype(f->st, i ? func->params[i - 1] : f->fn->to);
        if (!ct) {
            Py_DECREF(tuple);
            return NULL;
        }
        PyTuple_SET_ITEM(tuple, (Py_ssize_t)i, (PyObject *)ct);
    }
    return tuple;
}

CTypeObject *jpy_function_ctype(CDataObject *fn, Py_ssize_t i)
{
    FunctionInfo *f = jpy_function_info(fn);
    if (!f) {
        jf_Type *type = fn->ctype->type->to;
        return jpy_ctype(fn->ctype->st, i < 0 ? type->to : type->u.func->params[i]);
    }
    if (!f->ctypes && !(f->ctypes = make_ctypes(f)))
        return NULL;
    return (CTypeObject *)Py_NewRef(PyTuple_GET_ITEM(f->ctypes, i + 1));
}

/* --- errors ------------------------------------------------------------------------ */

PyObject *jpy_arity_error(CDataObject *fn, Py_ssize_t given)
{
    const jf_Type *type = jpy_function_type(fn);
    FunctionInfo *f = jpy_function_info(fn);
    const char *least = type->flags & JF_T_VARIADIC ? "at least " : "";
    if (f && f->sized) {
        PyErr_Format(
            PyExc_TypeError,
            "%s() expects %u arguments (lengths are taken from arrays), got "
            "%zd",
            f->def.ml_name, (unsigned)f->sized->n_given, given);
        return NULL;
    }
    if (fn->ctype->st->cffi)
        f = NULL; /* cffi names the type alone */
    PyErr_Format(PyExc_TypeError, "%s%s'%s' expects %s%u arguments, got %zd",
                 f ? f->def.ml_name : "", f ? "(): " : "", jpy_cname(fn->ctype),
                 least, (unsigned)type->u.func->n_params, given);
    return NULL;
}

PyObject *jpy_null_error(CDataObject *fn)
{
    FunctionInfo *f = jpy_function_info(fn);
    const char *closed;
    if (f && jpy_fused_closed(fn, &closed))
        PyErr_Format(PyExc_ValueError,
                     "library '%s', which %s() calls, has already been closed",
                     closed, f->def.ml_name);
    else if (f && f->handle)
        PyErr_Format(PyExc_ValueError, "library '%s' has already been closed",
                     jpy_handle_name(f->handle));
    else
        PyErr_Format(PyExc_RuntimeError,
                     "cannot call null pointer pointer from cdata '%s'",
                     jpy_cname(fn->ctype));
    return NULL;
}

/* "add() argument 2 ('b')"; NULL with an exception. */
static PyObject *argument_name(CDataObject *fn, size_t i)
{
    FunctionInfo *f = jpy_function_info(fn);
    if (!f)
        return PyUnicode_FromFormat("'%s' argument %zu", jpy_cname(fn->ctype),
                                    i + 1);
    const char *name, *doc = f->sized ? f->sized->names : f->def.ml_doc;
    size_t n = jpy_signature_param(doc, (uint32_t)i, &name);
    size_t number = i + 1; /* as Python counts */
    if (f->sized && i < f->fn->u.func->n_params &&
        f->sized->params[i].position >= 0)
        number = (size_t)f->sized->params[i].position + 1;
    if (!n || i >= f->fn->u.func->n_params)
        return PyUnicode_FromFormat("%s() argument %zu", f->def.ml_name, number);
    PyObject *param = PyUnicode_DecodeUTF8(name, (Py_ssize_t)n, "replace");
    if (!param)
        return NULL;
    PyObject *text = PyUnicode_FromFormat("%s() argument %zu ('%U')",
                                          f->def.ml_name, number, param);
    Py_DECREF(param);
    return text;
}

/* The text of an exception that C code has just raised: one str argument, one of
 * the classes that conversions raise, no traceback. Borrowed; NULL: leave it. */
static PyObject *plain_text(PyObject *e)
{
    PyObject *type = (PyObject *)Py_TYPE(e);
    if (type != PyExc_TypeError && type != PyExc_OverflowError &&
        type != PyExc_ValueError && type != PyExc_IndexError &&
        type != PyExc_NotImplementedError && type != PyExc_BufferError)
        return NULL;
    PyObject *trace = PyException_GetTraceback(e);
    Py_XDECREF(trace);
    PyObject *args = ((PyBaseExceptionObject *)e)->args;
    if (trace || !args || PyTuple_GET_SIZE(args) != 1 ||
        !PyUnicode_CheckExact(PyTuple_GET_ITEM(args, 0)))
        return NULL;
    return PyTuple_GET_ITEM(args, 0);
}

/* " (C type 'int', got 'x')", unless `text` has the type already. */
static PyObject *type_and_value(CDataObject *fn, size_t i, PyObject *value,
                                PyObject *text)
{
    if (i >= jpy_function_type(fn)->u.func->n_params)
        return PyUnicode_FromString("");
    CTypeObject *ct = jpy_function_ctype(fn, (Py_ssize_t)i);
    const char *c = ct ? jpy_cname(ct) : "";
    PyObject *quoted = PyUnicode_FromFormat("'%s'", c);
    int named = quoted ? PyUnicode_Contains(text, quoted) : 0;
    Py_XDECREF(quoted);
    PyObject *more;
    if (named < 0)
        PyErr_Clear();
    if (named > 0)
        more = PyUnicode_FromString("");
    else if (PyLong_CheckExact(value) || PyFloat_CheckExact(value) ||
             PyUnicode_CheckExact(value) || PyBytes_CheckExact(value) ||
             value == Py_None)
        more = PyUnicode_FromFormat(" (C type '%s', got %.60R)", c, value);
    else
        more = PyUnicode_FromFormat(" (C type '%s', got %.100s)", c,
                                    Py_TYPE(value)->tp_name);
    Py_XDECREF((PyObject *)ct);
    return more;
}

void jpy_blame_argument(CDataObject *fn, size_t i, PyObject *value)
{
    if (fn->ctype->st->cffi)
        return; /* cffi's messages do not say which argument */
    PyObject *e = jpy_exception_take();
    if (!e)
        return;
    PyObject *text = plain_text(e);
    PyObject *name = text ? argument_name(fn, i) : NULL;
    PyObject *more = name ? type_and_value(fn, i, value, text) : NULL;
    if (!more) {
        Py_XDECREF(name);
        PyErr_Clear();
        jpy_exception_give(e);
        return;
    }
    PyErr_Format((PyObject *)Py_TYPE(e), "%U: %U%U", name, text, more);
    Py_DECREF(more);
    Py_DECREF(name);
    Py_DECREF(e);
}

/* --- one argument, the result ---------------------------------------------------------- */

int jpy_argument(CDataObject *fn, PyObject *value, size_t i, void *cell,
                 Temp **temps)
{
    jf_Type *type = jpy_function_type(fn)->u.func->params[i];
    CTypeObject *ct = jpy_function_ctype(fn, (Py_ssize_t)i);
    if (!ct)
        return -1;
    if (ct->code == V_RECORD) /* what the initialiser leaves out is zero */
        memset(cell, 0, (size_t)type->size);
    int bad = type->kind == JF_PTR ? jpy_pointer_argument(ct, jpy_item_quals(type),
                                                          value, cell, temps)
                                   : jpy_from_object(ct, cell, value);
    Py_DECREF(ct);
    if (bad < 0)
        jpy_blame_argument(fn, i, value);
    return bad;
}

PyObject *jpy_result(CDataObject *fn, char *mem)
{
    jf_Type *type = jpy_function_type(fn)->to;
    if (type->kind == JF_VOID)
        Py_RETURN_NONE;
    CTypeObject *ct = jpy_function_ctype(fn, -1);
    if (!ct)
        return NULL;
    PyObject *o = jf_is_record(type) || type->kind == JF_VECTOR
                      ? jpy_cdata_copy(ct, mem)
                      : jpy_to_object(ct, mem, NULL);
    Py_DECREF(ct);
    return o;
}

/* --- the call ------------------------------------------------------------------------ */

typedef struct BlockCall {
    const jf_Call *call;
    void *target, *block, *ret;
} BlockCall;

static void run_block(void *arg)
{
    const BlockCall *c = arg;
    jf_call(c->call, c->target, c->block, c->ret);
}

int jpy_call_block(const jf_Call *call, CDataObject *fn, uint8_t policy,
                   void *block, void *ret)
{
    void *target = fn->data;
    Around around;
    BlockCall c = {call, target, block, ret};
    jpy_call_begin(&around, fn, policy);
    jpy_call_run(&around, run_block, &c);
    return jpy_call_end(&around) ? -1 : 0;
}

HostCode *jpy_slots_code(CDataObject *fn)
{
    FunctionInfo *f = jpy_function_info(fn);
    State *st = fn->ctype->st;
    HostCode *c = f && f->code
                      ? f->code
                      : jpy_host_code(st, jpy_function_type(fn), jpy_policy_of(fn));
    if (!c || c->call)
        return c;
    jf_Diag d = JF_DIAG_INIT;
    if (jf_call_new(st->universe, jpy_function_type(fn), NULL, 0, &c->call, &d) !=
        JF_OK) {
        jpy_raise_status(st, &d);
        return NULL;
    }
    return c;
}

PyObject *jpy_slots_fast(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    CDataObject *fn = (CDataObject *)self;
    if (n != (Py_ssize_t)jpy_function_type(fn)->u.func->n_params)
        return jpy_arity_error(fn, n);
    HostCode *c = jpy_slots_code(fn);
    if (!c)
        return NULL;
    const jf_Plan *plan = jf_call_plan(c->call);
    size_t at = (size_t)jf_round_up(plan->slots_size, 16);
    size_t total = at + (size_t)jf_round_up(jf_max64(plan->result.size, 32), 16);
    _Alignas(16) char small[SMALL_BLOCK];
    char *block = total <= SMALL_BLOCK ? small : PyMem_Malloc(total);
    if (!block)
        return PyErr_NoMemory();
    Temp *temps = NULL;
    PyObject *result = NULL;
    for (Py_ssize_t i = 0; i < n; i++)
        if (jpy_argument(fn, args[i], (size_t)i, block + plan->args[i].slot,
                         &temps) < 0)
            goto done;
    if (!fn->data) {
        jpy_null_error(fn);
        goto done;
    }
    bool is_void = jpy_function_type(fn)->to->kind == JF_VOID;
    if (jpy_call_block(c->call, fn, c->policy, block,
                       is_void ? NULL : block + at) == 0)
        result = jpy_result(fn, block + at);
done:
    if (temps)
        jpy_temps_free(temps);
    if (block != small)
        PyMem_Free(block);
    return result;
}

PyObject *jpy_slots_one(PyObject *self, PyObject *arg)
{
    return jpy_slots_fast(self, &arg, 1);
}
