/* SPDX-License-Identifier: MIT
 *
 * Library functions as real builtins, function pointers as callables, and the
 * code that both share per signature. Knows nothing of single arguments.
 *
 * A builtin's ml_meth is first one of two C functions that make the code and
 * put the code's address in their own place: CPython reads ml_meth at every call
 * (also in its specialised instructions), so that the second call goes straight
 * to machine code.
 */
#include "python/call.h"
#include "python/cffi/stock.h"
#include "python/checked.h"
#include "python/cxx.h"

#include <string.h>

typedef PyObject *(*FastFunction)(PyObject *, PyObject *const *, Py_ssize_t);

static PyCFunction as_method(FastFunction f)
{
    return (PyCFunction)(uintptr_t)f;
}

static PyObject *call_fast(PyCFunction f, PyObject *self, PyObject *const *args,
                           Py_ssize_t n)
{
    return ((FastFunction)(uintptr_t)f)(self, args, n);
}

/* --- code per signature and policy ----------------------------------------------- */

int jpy_arity_flags(const jf_Type *fn)
{
    if (fn->flags & JF_T_VARIADIC)
        return METH_FASTCALL;
    /* METH_NOARGS has no specialised instruction, METH_FASTCALL has one. */
    return fn->u.func->n_params == 1 ? METH_O : METH_FASTCALL;
}

static PyCFunction slots_entry(const jf_Type *fn, uint8_t policy)
{
    if (policy & POLICY_CHECKED)
        return jpy_checked_entry(fn);
    if (fn->flags & JF_T_VARIADIC)
        return as_method(jpy_variadic_fast);
    return jpy_arity_flags(fn) == METH_O ? jpy_slots_one
                                         : as_method(jpy_slots_fast);
}

/* Is everything that this policy asks for said by instructions? */
static bool is_thunk(const jf_Type *fn, uint8_t policy)
{
    return !(fn->flags & JF_T_VARIADIC) &&
           !(policy & (POLICY_OBSERVED | POLICY_CHECKED)) && jf_can_compile();
}

HostCode *jpy_host_code(State *st, jf_Type *fn, uint8_t policy)
{
    JF_ASSERT(fn->kind == JF_FUNC);
    for (HostCode *c = fn->u.func->host_code; c; c = c->next)
        if (c->policy == policy)
            return c;
    jf_Code *code = NULL;
    if (jpy_byvalue_check(st, fn) < 0)
        return NULL;
    if (policy & POLICY_THROWS && jf_exec_no_catch()) {
        PyErr_Format(PyExc_NotImplementedError, "%s; declare it without may_throw",
                     jf_exec_no_catch());
        return NULL;
    }
    if (is_thunk(fn, policy) && jpy_thunk(st, fn, policy, &code) < 0)
        return NULL;
    HostCode *c = jf_calloc(sizeof *c);
    if (!c) {
        jf_code_free(code);
        PyErr_NoMemory();
        return NULL;
    }
    c->policy = policy;
    c->code = code;
    c->entry = code ? (PyCFunction)(uintptr_t)jf_code_entry(code)
                    : slots_entry(fn, policy);
    c->next = fn->u.func->host_code;
    fn->u.func->host_code = c;
    return c;
}

void jpy_drop_host_code(void *ctx, jf_Type *t)
{
    (void)ctx;
    HostCode *c = t->u.func->host_code;
    t->u.func->host_code = NULL;
    while (c) {
        HostCode *next = c->next;
        jf_code_free(c->code);
        jf_call_free(c->call);
        jpy_variants_free(c->variants);
        jpy_map_loops_free(c->loops);
        jf_free(c->names);
        jf_free(c);
        c = next;
    }
}

/* --- the first call of a builtin ---------------------------------------------------- */

static PyCFunction first_call(PyObject *self)
{
    FunctionInfo *f = jpy_function_info((CDataObject *)self);
    JF_ASSERT(f);
    if (!f->code) {
        f->code = jpy_host_code(f->st, f->fn, jpy_policy(f));
        if (!f->code)
            return NULL;
        jpy_code_join(f->code, f->fn, f->def.ml_name);
        if (!f->ready)
            jpy_set_method(f, f->code->entry);
    }
    return f->code->entry;
}

static PyObject *first_one(PyObject *self, PyObject *arg)
{
    PyCFunction entry = first_call(self);
    return entry ? entry(self, arg) : NULL;
}

static PyObject *first_fast(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    PyCFunction entry = first_call(self);
    return entry ? call_fast(entry, self, args, n) : NULL;
}

void jpy_set_policy(FunctionInfo *f, uint8_t gil)
{
    f->gil = gil;
    f->decided = 0;
    f->code = NULL;
    if (f->way)
        *f->way = 0; /* the wrapper asks at its next call */
    else if (!f->ready)
        jpy_set_method(f, f->def.ml_flags == METH_O ? first_one
                                                    : as_method(first_fast));
}

/* --- builtins ----------------------------------------------------------------------- */

static void info_dealloc(PyObject *self)
{
    FunctionInfo *f = (FunctionInfo *)self;
    PyTypeObject *type = Py_TYPE(self);
    State *st = f->st;
    if (f->handle) {
        jpy_handle_forget(f->handle, f);
        Py_DECREF((PyObject *)f->handle);
    }
    Py_XDECREF(f->ctypes);
    Py_XDECREF(f->cxx);
    jpy_trace_remove(f);
    if (f->fn)
        jf_type_unref(st->universe, f->fn);
    jf_free(f->text);
    jpy_sized_free(f->sized);
    PyMem_Free(f->access);
    type->tp_free(self);
    Py_DECREF(type);
    jpy_state_unref(st);
}

static PyType_Slot info_slots[] = {
    {Py_tp_dealloc, info_dealloc},
    {0, NULL},
};

static PyType_Spec info_spec = {
    .name = "jiffi._FunctionInfo",
    .basicsize = sizeof(FunctionInfo),
    .flags = Py_TPFLAGS_DEFAULT | JPY_TPFLAGS_NO_NEW,
    .slots = info_slots,
};

/* What is declared of lengths, for a checked FFI. 0 or -1. */
static int keep_access(FunctionInfo *f, const jf_Symbol *sym)
{
    uint32_t n = 0;
    for (const jf_Access *a = sym->access; a; a = a->next)
        n++;
    f->access = n ? PyMem_Calloc(n, sizeof *f->access) : NULL;
    if (n && !f->access)
        return PyErr_NoMemory(), -1;
    for (const jf_Access *a = sym->access; a; a = a->next)
        f->access[f->n_access++] = (jpy_Access){a->array, a->length};
    return 0;
}

static FunctionInfo *info_new(FFIObject *ffi, PyObject *handle,
                              const jf_Symbol *sym)
{
    State *st = ffi->st;
    PyTypeObject *type = st->function_type;
    FunctionInfo *f = (FunctionInfo *)type->tp_alloc(type, 0);
    if (!f)
        return NULL;
    f->st = st;
    st->refs++;
    f->fn = jf_type_ref(sym->type);
    f->gil = sym->gil != JF_GIL_DEFAULT ? sym->gil : ffi->gil;
    if (handle && ((Handle *)handle)->gil != JF_GIL_DEFAULT && !sym->gil_own)
        f->gil = ((Handle *)handle)->gil;
    f->throws = (sym->flags & JF_S_MAY_THROW) ||
                (handle && ((Handle *)handle)->may_throw && !sym->no_throw);
    if (f->throws && !(f->cxx = Py_XNewRef(jpy_cxx_own(ffi)))) {
        Py_DECREF(f);
        return NULL;
    }
    f->checked = ffi->checked;
    const char *doc;
    f->text = jpy_signature(
        st, sym, handle ? jpy_handle_name((Handle *)handle) : NULL, &doc);
    if (!f->text) {
        Py_DECREF(f);
        PyErr_NoMemory();
        return NULL;
    }
    if (f->checked && keep_access(f, sym) < 0) {
        Py_DECREF(f);
        return NULL;
    }
    f->def.ml_name = f->text;
    f->def.ml_doc = doc;
    f->def.ml_flags = jpy_arity_flags(f->fn);
    f->def.ml_meth = f->def.ml_flags == METH_O ? first_one : as_method(first_fast);
    return f;
}

PyObject *jpy_function_ready(FFIObject *ffi, PyObject *lib, const jf_Symbol *sym,
                             void *address, PyCFunction wrapper, int flags)
{
    State *st = ffi->st;
    JF_ASSERT(sym->kind == JF_SYM_FUNCTION && sym->type->kind == JF_FUNC);
    jf_Type *pointer = jf_type_pointer(st->universe, sym->type, 0);
    CTypeObject *ct = pointer ? jpy_ctype_steal(st, pointer) : NULL;
    if (!ct)
        return pointer ? NULL : PyErr_NoMemory();
    FunctionInfo *f = info_new(ffi, lib, sym);
    CDataExt *cd = f ? jpy_ext_new(ct, address, EXT_FUNCTION) : NULL;
    Py_DECREF(ct);
    if (!cd) {
        Py_XDECREF((PyObject *)f);
        return NULL;
    }
    cd->owner = (PyObject *)f;
    f->cdata = cd;
    if (wrapper) {
        f->def.ml_meth = wrapper;
        f->def.ml_flags = flags;
        f->ready = 1;
    }
    jpy_trace_add(f);
    if (lib) {
        f->handle = (Handle *)Py_NewRef(lib);
        jpy_handle_track(f->handle, f);
    }
    PyObject *module =
        lib ? PyUnicode_FromString(jpy_handle_name(f->handle)) : NULL;
    PyObject *builtin = NULL;
    if (module || !lib)
        builtin = PyCFunction_NewEx(&f->def, (PyObject *)cd, module);
    Py_XDECREF(module);
    Py_DECREF((PyObject *)cd);
    return builtin;
}

PyObject *jpy_function_builtin(CDataObject *fn)
{
    FunctionInfo *f = jpy_function_info(fn);
    PyObject *module =
        f->handle ? PyUnicode_FromString(jpy_handle_name(f->handle)) : NULL;
    PyObject *builtin = NULL;
    if (module || !f->handle)
        builtin = PyCFunction_NewEx(&f->def, (PyObject *)fn, module);
    Py_XDECREF(module);
    return builtin;
}

PyObject *jpy_function(FFIObject *ffi, PyObject *lib, const jf_Symbol *sym,
                       void *address)
{
    return jpy_function_ready(ffi, lib, sym, address, NULL, 0);
}

PyObject *jpy_function_cdata(State *st, PyObject *o)
{
    if (!PyCFunction_CheckExact(o))
        return NULL;
    PyObject *self = PyCFunction_GET_SELF(o);
    if (self && st->cffi_lib_type && Py_IS_TYPE(self, st->cffi_lib_type))
        return jpy_stock_function_cdata(o);
    if (!self || !Py_IS_TYPE(self, st->cdata_ext_type) ||
        ((CDataExt *)self)->ext != EXT_FUNCTION)
        return NULL;
    return self;
}

/* --- function pointers ---------------------------------------------------------------- */

static HostCode *pointer_code(CDataObject *fn)
{
    FunctionInfo *f = jpy_function_info(fn);
    if (!f) { /* no declaration, no policy but the default */
        jf_Type *type = fn->ctype->type->to;
        HostCode *c = jpy_host_code(fn->ctype->st, type, 0);
        if (c)
            jpy_code_join(c, type, NULL);
        return c;
    }
    return first_call((PyObject *)fn) ? f->code : NULL;
}

HostCode *jpy_function_code(CDataObject *fn)
{
    return pointer_code(fn);
}

/* The call with everything checked. */
static PyObject *call_checked(CDataObject *fn, PyObject *const *args, Py_ssize_t n,
                              Py_ssize_t keywords)
{
    CTypeObject *ct = fn->ctype;
    if (!fn->data)
        return jpy_null_error(fn);
    if (keywords) {
        PyErr_SetString(PyExc_TypeError,
                        "a cdata function cannot be called with keyword arguments");
        return NULL;
    }
    int flags = jpy_arity_flags(ct->type->to);
    if (flags == METH_O && n != 1)
        return jpy_arity_error(fn, n);
    if (jpy_traces(ct->st))
        return jpy_trace_record(fn, args, n);
    HostCode *code = pointer_code(fn);
    if (!code)
        return NULL;
    PyObject *self = (PyObject *)fn;
    if (Py_IS_TYPE(self, ct->st->cdata_type) && !ct->st->traces)
        ct->entry = code->entry;
    if (flags == METH_O)
        return code->entry(self, args[0]);
    return call_fast(code->entry, self, args, n);
}

/* The rest of the next two, out of their way. */
static PyObject *call_unusual(PyObject *self, PyObject *const *args, size_t nargs,
                              PyObject *names)
{
    return call_checked((CDataObject *)self, args, PyVectorcall_NARGS(nargs),
                        names ? PyTuple_GET_SIZE(names) : 0);
}

/* What Python calls in a plain cdata: no tuple is made, and the code, which is
 * that of builtins, is found through the ctype. */
static PyObject *call_one(PyObject *self, PyObject *const *args, size_t nargs,
                          PyObject *names)
{
    const CDataObject *fn = (CDataObject *)self;
    PyCFunction entry = fn->ctype->entry;
    if (names || !entry || PyVectorcall_NARGS(nargs) != 1 || !fn->data)
        return call_unusual(self, args, nargs, names);
    return entry(self, args[0]);
}

static PyObject *call_many(PyObject *self, PyObject *const *args, size_t nargs,
                           PyObject *names)
{
    const CDataObject *fn = (CDataObject *)self;
    PyCFunction entry = fn->ctype->entry;
    if (names || !entry || !fn->data)
        return call_unusual(self, args, nargs, names);
    return call_fast(entry, self, args, PyVectorcall_NARGS(nargs));
}

vectorcallfunc jpy_call_way(const jf_Type *fn)
{
    return jpy_arity_flags(fn) == METH_O ? call_one : call_many;
}

PyObject *jpy_call_cdata(CDataObject *fn, PyObject *args, PyObject *kwargs)
{
    CTypeObject *ct = fn->ctype;
    if (ct->type->kind == JF_PTR && ct->type->to->kind == JF_FUNC)
        return call_checked(fn, &PyTuple_GET_ITEM(args, 0), PyTuple_GET_SIZE(args),
                            kwargs ? PyDict_GET_SIZE(kwargs) : 0);
    PyErr_Format(PyExc_TypeError, "cdata '%s' is not callable", jpy_cname(ct));
    return NULL;
}

int jpy_init_call(State *st, PyObject *module)
{
    (void)module;
    st->function_type = (PyTypeObject *)PyType_FromSpec(&info_spec);
    if (!st->function_type)
        return -1;
    jpy_type_no_new(st->function_type);
    return 0;
}
