/* SPDX-License-Identifier: MIT
 *
 * Calls of a checked FFI's functions, around the path through memory: the blocks that
 * the arguments point into are counted, alive, and as long as was declared; after the
 * call their fences are looked at. Lists and texts become blocks with fences, too.
 * What C returns, and what it gives to callbacks, is looked for in the registry.
 */
#include "python/call.h"
#include "python/checked.h"

#include <string.h>

typedef PyObject *(*FastFunction)(PyObject *, PyObject *const *, Py_ssize_t);

/* A block that this call has a pointer into. */
typedef struct Guard {
    Allocation *a;  /* owned */
    Py_ssize_t arg; /* counted from 0 */
} Guard;

typedef struct CallCheck {
    CDataObject *fn;
    const char *name;
    PyObject **args; /* owned references */
    Py_ssize_t n, n_args;
    Guard *guards;
    size_t n_guards, room;
} CallCheck;

/* --- before ------------------------------------------------------------------------- */

static int guard(CallCheck *c, Allocation *a, Py_ssize_t arg)
{
    for (size_t i = 0; i < c->n_guards; i++)
        if (c->guards[i].a == a)
            return 0;
    if (c->n_guards == c->room) {
        size_t room = c->room ? 2 * c->room : 8;
        Guard *more = PyMem_Realloc(c->guards, room * sizeof *more);
        if (!more)
            return PyErr_NoMemory(), -1;
        c->guards = more;
        c->room = room;
    }
    c->guards[c->n_guards++] = (Guard){(Allocation *)Py_NewRef((PyObject *)a), arg};
    a->calls++;
    return 0;
}

/* The block and those that it points to: a function that gets the one finds the
 * others. */
static int guard_all(CallCheck *c, Allocation *a, Py_ssize_t arg)
{
    if (guard(c, a, arg) < 0)
        return -1;
    for (const Link *l = a->out; l; l = l->next_out)
        if (l->to->state == AS_ALIVE && guard(c, l->to, arg) < 0)
            return -1;
    return 0;
}

/* A list, tuple or text for a pointer: a block of ours, so that its end is watched.
 * A new reference; the value itself where it is none, or where the call will say what
 * is wrong with it. */
static PyObject *as_block(CallCheck *c, PyObject *value, Py_ssize_t i)
{
    if (!PyList_Check(value) && !PyTuple_Check(value) && !PyUnicode_Check(value))
        return Py_NewRef(value);
    if (i >= (Py_ssize_t)jpy_function_type(c->fn)->u.func->n_params)
        return Py_NewRef(value);
    CTypeObject *ct = jpy_function_ctype(c->fn, i);
    CTypeObject *array = NULL;
    PyObject *block = NULL;
    if (ct && ct->is_data_ptr && jpy_layout(ct) == 0 && ct->item_size > 0 &&
        jpy_item(ct))
        array = jpy_array_of(jpy_item(ct), JF_UNKNOWN);
    if (array)
        block = jpy_checked_new(array, value, false);
    Py_XDECREF((PyObject *)array);
    Py_XDECREF((PyObject *)ct);
    if (block)
        return block;
    if (PyErr_ExceptionMatches(PyExc_MemoryError))
        return NULL;
    PyErr_Clear();
    return Py_NewRef(value);
}

static int check_argument(CallCheck *c, Py_ssize_t i)
{
    PyObject *o = c->args[i];
    if (PyList_Check(o) || PyTuple_Check(o) || !jpy_is_cdata(o) ||
        !jpy_is_checked(o))
        return 0;
    char what[128];
    PyOS_snprintf(what, sizeof what, "%.80s() argument %zd: cannot pass", c->name,
                  i + 1);
    if (jpy_checked_alive((CheckedData *)o, what) < 0)
        return -1;
    PyOS_snprintf(what, sizeof what, "%.80s() argument %zd", c->name, i + 1);
    if (jpy_links_check(jpy_allocation(o), what) < 0)
        return -1;
    return guard_all(c, jpy_allocation(o), i);
}

/* __attribute__((access(...))): is there as much behind the pointer? */
static int check_declared(CallCheck *c, const jpy_Access *access)
{
    PyObject *o = access->array < c->n ? c->args[access->array] : NULL;
    PyObject *n = access->length < c->n ? c->args[access->length] : NULL;
    if (!o || !n || !jpy_is_cdata(o) || !jpy_is_checked(o) || !PyLong_Check(n))
        return 0;
    const CheckedData *cd = (CheckedData *)o;
    const CDataObject *base = &cd->x.base;
    CTypeObject *ct = jpy_function_ctype(c->fn, access->array);
    if (!ct || jpy_layout(ct) < 0) {
        Py_XDECREF((PyObject *)ct);
        return -1;
    }
    Py_ssize_t unit = ct->item_size > 0 ? ct->item_size : 1;
    Py_DECREF((PyObject *)ct);
    int over;
    long long count = PyLong_AsLongLongAndOverflow(n, &over);
    if (over < 0 || (!over && count <= 0) || !base->data)
        return PyErr_Clear(), 0;
    Py_ssize_t rest = jpy_checked_rest(cd, base->data);
    if (rest < 0 || (!over && count <= rest / unit))
        return 0;
    jpy_checked_raise(jpy_allocation(cd)->st->checked->bounds, jpy_allocation(cd),
                      "%s() argument %d: argument %d says that it has %S items, "
                      "there are %zd",
                      c->name, access->array + 1, access->length + 1, n,
                      rest / unit);
    return -1;
}

static int before(CallCheck *c, PyObject *const *args)
{
    c->args = PyMem_Calloc((size_t)c->n + 1, sizeof *c->args);
    if (!c->args)
        return PyErr_NoMemory(), -1;
    const FunctionInfo *f = jpy_function_info(c->fn);
    bool own = f && f->sized; /* arguments are not parameters */
    for (; c->n_args < c->n; c->n_args++) {
        c->args[c->n_args] = own ? Py_NewRef(args[c->n_args])
                                 : as_block(c, args[c->n_args], c->n_args);
        if (!c->args[c->n_args])
            return -1;
    }
    for (Py_ssize_t i = 0; i < c->n; i++)
        if (check_argument(c, i) < 0)
            return -1;
    for (uint32_t i = 0; f && !f->sized && i < f->n_access; i++)
        if (check_declared(c, &f->access[i]) < 0)
            return -1;
    return 0;
}

/* --- after -------------------------------------------------------------------------- */

/* Somebody wrote where it may not: the exception that says so, whatever else there
 * was. */
static void *overrun(CallCheck *c, const Guard *g, Py_ssize_t beyond)
{
    PyObject *before_ = PyErr_Occurred() ? jpy_exception_take() : NULL;
    if (beyond > 0)
        jpy_checked_raise(g->a->st->checked->bounds, g->a,
                          "%s() wrote %zd bytes beyond the end of the memory that "
                          "argument %zd points to",
                          c->name, beyond, g->arg + 1);
    else
        jpy_checked_raise(g->a->st->checked->bounds, g->a,
                          "%s() wrote %zd bytes before the beginning of the memory "
                          "that argument %zd points to",
                          c->name, -beyond, g->arg + 1);
    if (before_) {
        PyObject *e = jpy_exception_take();
        if (e)
            PyException_SetContext(e, before_); /* steals */
        if (e)
            jpy_exception_give(e);
    }
    return NULL;
}

static PyObject *after(CallCheck *c, PyObject *result)
{
    for (size_t i = 0; i < c->n_guards; i++) {
        Guard *g = &c->guards[i];
        g->a->calls--;
        if (g->a->state == AS_ALIVE) {
            Py_ssize_t beyond = jpy_checked_fences(g->a);
            if (beyond) {
                Py_CLEAR(result);
                overrun(c, g, beyond);
            } else {
                PyObject *e = PyErr_Occurred() ? jpy_exception_take() : NULL;
                if (g->a->size > 0)
                    jpy_links_note(g->a, g->a->base, g->a->size);
                if (e)
                    jpy_exception_give(e);
            }
        }
    }
    return result;
}

static void let_go(CallCheck *c)
{
    JpyError saved = jpy_error_take();
    for (size_t i = 0; i < c->n_guards; i++)
        Py_DECREF((PyObject *)c->guards[i].a);
    while (c->n_args)
        Py_DECREF(c->args[--c->n_args]);
    PyMem_Free(c->guards);
    PyMem_Free(c->args);
    jpy_error_put(saved);
}

/* The result with what it points into. */
static PyObject *known_result(CDataObject *fn, PyObject *o)
{
    if (!o || !jpy_is_cdata(o))
        return o;
    CDataObject *cd = (CDataObject *)o;
    if (Py_IS_TYPE(o, cd->ctype->st->cdata_own_type)) {
        PyObject *copy = jpy_checked_copy(cd->ctype, cd->data);
        Py_DECREF(o);
        return copy;
    }
    const jf_Type *to = jpy_function_type(fn)->to;
    bool readonly = to->kind == JF_PTR && (jpy_item_quals(to) & JF_Q_CONST);
    return jpy_checked_pointer(o, NULL, readonly);
}

static PyObject *checked_call(PyObject *self, PyObject *const *args, Py_ssize_t n,
                              FastFunction call)
{
    CDataObject *fn = (CDataObject *)self;
    const FunctionInfo *f = jpy_function_info(fn);
    CallCheck c = {.fn = fn, .name = f ? f->def.ml_name : "a function", .n = n};
    PyObject *result = NULL;
    if (before(&c, args) == 0)
        result = after(&c, call(self, c.args, n));
    else
        for (size_t i = 0; i < c.n_guards; i++)
            c.guards[i].a->calls--;
    let_go(&c);
    return known_result(fn, result);
}

static PyObject *checked_fast(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    return checked_call(self, args, n, jpy_slots_fast);
}

static PyObject *checked_one(PyObject *self, PyObject *arg)
{
    return checked_call(self, &arg, 1, jpy_slots_fast);
}

static PyObject *checked_variadic(PyObject *self, PyObject *const *args,
                                  Py_ssize_t n)
{
    return checked_call(self, args, n, jpy_variadic_fast);
}

PyCFunction jpy_checked_entry(const jf_Type *fn)
{
    if (fn->flags & JF_T_VARIADIC)
        return (PyCFunction)(uintptr_t)checked_variadic;
    return jpy_arity_flags(fn) == METH_O ? checked_one
                                         : (PyCFunction)(uintptr_t)checked_fast;
}

static PyObject *checked_sized(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    return checked_call(self, args, n, jpy_sized_slots);
}

static PyObject *checked_sized_one(PyObject *self, PyObject *arg)
{
    return checked_call(self, &arg, 1, jpy_sized_slots);
}

PyCFunction jpy_checked_sized_entry(int flags)
{
    return flags == METH_O ? checked_sized_one
                           : (PyCFunction)(uintptr_t)checked_sized;
}

/* With members that only a compiler knows? */
static bool is_unknown(const jf_Type *t)
{
    for (t = t->canon; t->kind == JF_ARRAY; t = t->to->canon)
        continue;
    if (!jf_is_record(t))
        return false;
    bool unknown = t->u.rec->flags & (JF_R_PARTIAL | JF_R_CUSTOM);
    for (uint32_t i = 0; !unknown && i < t->u.rec->n_fields; i++)
        unknown = is_unknown(t->u.rec->fields[i].type);
    return unknown;
}

bool jpy_checked_can_call(const jf_Type *fn)
{
    const jf_FuncInfo *f = fn->u.func;
    bool can = !is_unknown(fn->to);
    for (uint32_t i = 0; i < f->n_params; i++)
        can &= !is_unknown(f->params[i]);
    return can;
}

/* --- callbacks ------------------------------------------------------------------------ */

/* What C calls: pointers get what they point into, then the callable has them. */
static PyObject *called_back(PyObject *callable, PyObject *const *args,
                             Py_ssize_t n)
{
    PyObject *few[8], **own = few;
    if (n > 8 && !(own = PyMem_Malloc((size_t)n * sizeof *own)))
        return PyErr_NoMemory();
    Py_ssize_t done = 0;
    for (; done < n; done++) {
        own[done] = jpy_checked_pointer(Py_NewRef(args[done]), NULL, false);
        if (!own[done])
            break;
    }
    PyObject *r =
        done == n ? PyObject_Vectorcall(callable, own, (size_t)n, NULL) : NULL;
    while (done)
        Py_DECREF(own[--done]);
    if (own != few)
        PyMem_Free(own);
    return r;
}

PyObject *jpy_checked_callback(PyObject *callable)
{
    static PyMethodDef def = {"checked callback",
                              (PyCFunction)(void (*)(void))called_back,
                              METH_FASTCALL, NULL};
    return PyCFunction_New(&def, callable);
}
