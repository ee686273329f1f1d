/* SPDX-License-Identifier: MIT
 *
 * ffi.sized(): a function's builtin that takes lengths from arrays. `sum(data)`
 * calls `sum(const double *data, size_t n)` with the items' address and their
 * number; the pairs are named once, or said by access() in the declaration. Arrays
 * that share a length must be of one length.
 *
 * The builtin has a FunctionInfo and a thunk of its own (call_recipe.c); what is
 * behind it, its cdata, still is the function with all of its parameters.
 */
#include <string.h>

#include "python/call.h"
#include "python/checked.h"
#include "python/convert_arg.h"
#include "python/ffi.h"
#include "python/numpy.h"

enum { SMALL_BLOCK = 1024 }; /* bytes of slots and result kept on the stack */

/* --- one array ------------------------------------------------------------ */

static uint64_t largest(const jf_Type *integer)
{
    unsigned bits = (unsigned)integer->size * 8 - !!(integer->flags & JF_T_SIGNED);
    return bits >= 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
}

/* The usual one, without asking anybody. */
static bool from_ndarray(const SizedParam *p, PyObject *value, SizedCell *cell)
{
    char *data = jpy_numpy_data(value, p->wants);
    size_t size = data ? jpy_numpy_size(value) : 0;
    if (!size)
        return false;
    size_t n = jpy_numpy_items(value);
    cell->pointer = data;
    cell->length = size == p->unit ? n : n * size / p->unit;
    return true;
}

int jpy_sized_argument(CDataObject *fn, PyObject *value, size_t i, SizedCell *cell,
                       Temp **temps)
{
    FunctionInfo *f = jpy_function_info(fn);
    const SizedParam *p = &f->sized->params[i];
    const jf_Type *type = f->fn->u.func->params[i];
    const jf_Type *counter = f->fn->u.func->params[p->length];
    if (!(p->wants && jpy_is_ndarray(f->st, value) &&
          from_ndarray(p, value, cell))) {
        CTypeObject *ct = jpy_function_ctype(fn, (Py_ssize_t)i);
        if (!ct)
            return -1;
        Py_ssize_t bytes = 0;
        int bad = jpy_sized_pointer(ct, jpy_item_quals(type), value, &cell->pointer,
                                    &bytes, temps);
        Py_DECREF(ct);
        cell->length = (uint64_t)bytes / p->unit;
        if (bad < 0) {
            jpy_blame_argument(fn, i, value);
            return -1;
        }
    }
    if (cell->length <= largest(counter))
        return 0;
    PyErr_Format(PyExc_OverflowError,
                 "it has %llu items, which are too many for '%s'",
                 (unsigned long long)cell->length, counter->u.name);
    jpy_blame_argument(fn, i, value);
    return -1;
}

PyObject *jpy_sized_param_name(const Sized *s, uint32_t i)
{
    const char *name;
    size_t n = jpy_signature_param(s->names, i, &name);
    return n ? PyUnicode_DecodeUTF8(name, (Py_ssize_t)n, "replace")
             : PyUnicode_FromFormat("p%u", (unsigned)i);
}

void jpy_sized_mismatch(CDataObject *fn, size_t i, uint64_t got, uint64_t had)
{
    FunctionInfo *f = jpy_function_info(fn);
    const Sized *s = f->sized;
    size_t first = 0;
    while (s->params[first].length != s->params[i].length)
        first++;
    PyObject *a = jpy_sized_param_name(s, (uint32_t)first),
             *b = jpy_sized_param_name(s, (uint32_t)i);
    PyObject *n = jpy_sized_param_name(s, (uint32_t)s->params[i].length);
    if (a && b && n)
        PyErr_Format(
            PyExc_ValueError,
            "%s(): '%U' and '%U' share the length '%U', but one has %llu items "
            "and the other %llu",
            f->def.ml_name, a, b, n, (unsigned long long)had,
            (unsigned long long)got);
    Py_XDECREF(a);
    Py_XDECREF(b);
    Py_XDECREF(n);
}

/* --- through memory ------------------------------------------------------- */

static void store_length(char *slot, uint64_t size, uint64_t n)
{
    uint32_t n4 = (uint32_t)n;
    uint16_t n2 = (uint16_t)n;
    uint8_t n1 = (uint8_t)n;
    memcpy(slot,
           size == 8   ? (void *)&n
           : size == 4 ? (void *)&n4
           : size == 2 ? (void *)&n2
                       : (void *)&n1,
           size);
}

/* All arguments into `block`; 0, or -1 with an exception. */
static int fill_slots(CDataObject *fn, const jf_Plan *plan, PyObject *const *args,
                      char *block, Temp **temps)
{
    FunctionInfo *f = jpy_function_info(fn);
    const Sized *s = f->sized;
    uint32_t n = f->fn->u.func->n_params;
    for (uint32_t i = 0; i < n; i++) {
        const SizedParam *p = &s->params[i];
        char *slot = block + plan->args[i].slot;
        if (p->position < 0)
            continue;
        if (p->length < 0) {
            if (jpy_argument(fn, args[p->position], i, slot, temps) < 0)
                return -1;
            continue;
        }
        SizedCell cell, other = {NULL, 0};
        if (jpy_sized_argument(fn, args[p->position], i, &cell, temps) < 0)
            return -1;
        memcpy(slot, &cell.pointer, sizeof cell.pointer);
        uint32_t first = 0;
        while (s->params[first].length != p->length)
            first++;
        char *at = block + plan->args[p->length].slot;
        uint64_t size = plan->args[p->length].size;
        if (first == i) {
            store_length(at, size, cell.length);
            continue;
        }
        store_length((char *)&other.pointer, size, cell.length);
        if (memcmp(at, &other.pointer, size) != 0) {
            memcpy(&other.length, at, size); /* the rest of it is zero */
            jpy_sized_mismatch(fn, i, cell.length, other.length);
            return -1;
        }
    }
    return 0;
}

PyObject *jpy_sized_slots(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    CDataObject *fn = (CDataObject *)self;
    if (n != (Py_ssize_t)jpy_function_info(fn)->sized->n_given)
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
    if (fill_slots(fn, plan, args, block, &temps) == 0) {
        bool is_void = jpy_function_type(fn)->to->kind == JF_VOID;
        if (!fn->data) {
            jpy_null_error(fn);
        } else {
            if (jpy_call_block(c->call, fn, c->policy, block,
                               is_void ? NULL : block + at) == 0)
                result = jpy_result(fn, block + at);
        }
    }
    if (temps)
        jpy_temps_free(temps);
    if (block != small)
        PyMem_Free(block);
    return result;
}

static PyObject *slots_one(PyObject *self, PyObject *arg)
{
    return jpy_sized_slots(self, &arg, 1);
}

/* --- the first call ------------------------------------------------------- */

typedef PyObject *(*FastFunction)(PyObject *, PyObject *const *, Py_ssize_t);

static PyCFunction as_method(FastFunction f)
{
    return (PyCFunction)(uintptr_t)f;
}

/* What ml_meth is from now on. */
static PyCFunction settle(PyObject *self)
{
    CDataObject *fn = (CDataObject *)self;
    FunctionInfo *f = jpy_function_info(fn);
    Sized *s = f->sized;
    if (f->checked) {
        jpy_set_method(f, jpy_checked_sized_entry(s->flags));
        return f->def.ml_meth;
    }
    bool fresh = !s->code && jf_can_compile();
    if (fresh && jpy_sized_thunk(fn, &s->code) < 0)
        return NULL;
    if (fresh && s->code)
        jpy_code_call(s->code, f->fn, f->def.ml_name);
    PyCFunction method = s->code ? (PyCFunction)(uintptr_t)jf_code_entry(s->code)
                         : s->flags == METH_O ? slots_one
                                              : as_method(jpy_sized_slots);
    jpy_set_method(f, method);
    return method;
}

static PyObject *first_one(PyObject *self, PyObject *arg)
{
    PyCFunction entry = settle(self);
    return entry ? entry(self, arg) : NULL;
}

static PyObject *first_fast(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    PyCFunction entry = settle(self);
    return entry ? ((FastFunction)(uintptr_t)entry)(self, args, n) : NULL;
}

void jpy_sized_free(Sized *s)
{
    if (!s)
        return;
    jf_code_free(s->code);
    jf_free(s->text);
    jf_free(s);
}

/* --- which parameters ----------------------------------------------------- */

/* What ffi.sized() works on. */
typedef struct Making {
    FFIObject *ffi;
    CDataObject *fn;
    jf_Type *type;
    const char *name; /* of the function */
    Sized *s;
    bool bytes;
} Making;

/* The parameter of this name; -1 with a TypeError. */
static int32_t find_param(const Making *m, PyObject *name)
{
    uint32_t n = m->type->u.func->n_params;
    if (!PyUnicode_Check(name)) {
        PyErr_Format(PyExc_TypeError,
                     "sized(): names of parameters are expected, not '%.200s'",
                     Py_TYPE(name)->tp_name);
        return -1;
    }
    for (uint32_t i = 0; i < n; i++) {
        PyObject *known = jpy_sized_param_name(m->s, i);
        int same = known ? PyUnicode_Compare(known, name) == 0 : -1;
        Py_XDECREF(known);
        if (same)
            return same < 0 ? -1 : (int32_t)i;
    }
    PyErr_Format(PyExc_TypeError, "sized(): %s() has no parameter '%U'", m->name,
                 name);
    return -1;
}

/* Bytes of what is counted behind pointer `t`; 0 with an exception. */
static uint32_t counted_unit(const Making *m, jf_Type *t)
{
    if (m->bytes || t->to->kind == JF_VOID)
        return 1;
    CTypeObject *ct = jpy_ctype(m->ffi->st, t);
    CTypeObject *item = ct ? jpy_item(ct) : NULL;
    Py_ssize_t size = item && jpy_layout(item) == 0 ? item->size : -1;
    if (!PyErr_Occurred() && (size <= 0 || size > UINT32_MAX))
        PyErr_Format(PyExc_TypeError,
                     "sized(): '%s' has no items that could be counted (bytes=True "
                     "counts bytes)",
                     jpy_cname(ct));
    Py_XDECREF((PyObject *)ct);
    return PyErr_Occurred() ? 0 : (uint32_t)size;
}

/* 0, or -1 with an exception. */
static int add_pair(Making *m, int32_t length, int32_t array)
{
    jf_Type *t = m->type->u.func->params[array];
    const jf_Type *n = m->type->u.func->params[length];
    SizedParam *a = &m->s->params[array], *l = &m->s->params[length];
    PyObject *an = jpy_sized_param_name(m->s, (uint32_t)array);
    PyObject *ln = jpy_sized_param_name(m->s, (uint32_t)length);
    int bad = -1;
    if (!an || !ln)
        ;
    else if (n->kind != JF_INT || n->size > 8)
        PyErr_Format(
            PyExc_TypeError,
            "sized(): parameter '%U' of %s() is no integer and cannot be a "
            "length",
            ln, m->name);
    else if (t->kind != JF_PTR || t->to->kind == JF_FUNC)
        PyErr_Format(
            PyExc_TypeError,
            "sized(): parameter '%U' of %s() is no pointer and has no length", an,
            m->name);
    else if (a->length >= 0)
        PyErr_Format(PyExc_TypeError,
                     "sized(): parameter '%U' of %s() gives two lengths", an,
                     m->name);
    else if ((a->unit = counted_unit(m, t)) != 0) {
        a->length = length;
        a->wants = jpy_pointer_wants(m->ffi->st, t);
        l->position = -1;
        bad = 0;
    }
    Py_XDECREF(an);
    Py_XDECREF(ln);
    return bad;
}

/* n="data", n=("a", "b"). */
static int named_pairs(Making *m, PyObject *name, PyObject *value)
{
    int32_t length = find_param(m, name);
    if (length < 0)
        return -1;
    if (PyUnicode_Check(value)) {
        int32_t array = find_param(m, value);
        return array < 0 ? -1 : add_pair(m, length, array);
    }
    PyObject *list = PySequence_Fast(
        value, "sized(): a parameter's name or a tuple of them is expected");
    int bad = list ? 0 : -1;
    for (Py_ssize_t i = 0; bad == 0 && i < PySequence_Fast_GET_SIZE(list); i++) {
        int32_t array = find_param(m, PySequence_Fast_GET_ITEM(list, i));
        bad = array < 0 ? -1 : add_pair(m, length, array);
    }
    Py_XDECREF(list);
    return bad;
}

/* What access() in the declaration says. */
static int declared_pairs(Making *m)
{
    const jf_Symbol *sym = jf_scope_find(m->ffi->scope, m->name, strlen(m->name));
    if (!sym || sym->kind != JF_SYM_FUNCTION || sym->type->canon != m->type->canon)
        return 0;
    for (const jf_Access *a = sym->access; a; a = a->next)
        if (m->s->params[a->array].length < 0 &&
            add_pair(m, (int32_t)a->length, (int32_t)a->array) < 0)
            return -1;
    return 0;
}

static int read_pairs(Making *m, PyObject *kwargs)
{
    PyObject *key, *value;
    Py_ssize_t at = 0, pairs = 0;
    while (kwargs && PyDict_Next(kwargs, &at, &key, &value)) {
        if (PyBool_Check(value) &&
            PyUnicode_CompareWithASCIIString(key, "bytes") == 0)
            m->bytes = value == Py_True;
        else
            pairs++;
    }
    for (at = 0; pairs && PyDict_Next(kwargs, &at, &key, &value);)
        if (!PyBool_Check(value) ||
            PyUnicode_CompareWithASCIIString(key, "bytes") != 0)
            if (named_pairs(m, key, value) < 0)
                return -1;
    if (!pairs && declared_pairs(m) < 0)
        return -1;
    /* Positions: what is no length, in order. */
    uint32_t n = m->type->u.func->n_params, given = 0;
    for (uint32_t i = 0; i < n; i++) {
        SizedParam *p = &m->s->params[i];
        if (p->position >= 0)
            p->position = (int32_t)given++;
        else if (p->length >= 0) {
            PyErr_Format(PyExc_TypeError,
                         "sized(): a parameter of %s() cannot be array and length",
                         m->name);
            return -1;
        }
    }
    m->s->n_given = given;
    m->s->flags = given == 1 ? METH_O : METH_FASTCALL;
    if (given < n)
        return 0;
    PyErr_Format(
        PyExc_TypeError,
        "sized(): nothing says which parameter of %s() is a length: name it as in "
        "sized(f, n=\"data\"), or declare it with __attribute__((access(...)))",
        m->name);
    return -1;
}

/* --- the builtin ---------------------------------------------------------- */

/* Name, NUL, doc: the signature as Python has it, C's declaration, the lengths. */
static char *make_text(const Making *m)
{
    uint32_t n = m->type->u.func->n_params;
    jf_Buf b = JF_BUF_INIT;
    jf_buf_put(&b, m->name, strlen(m->name) + 1);
    jf_buf_printf(&b, "%s(", m->name);
    const char *name, *rest = strstr(m->s->names, ")\n--\n");
    for (uint32_t i = 0; i < n; i++) {
        size_t len = jpy_signature_param(m->s->names, i, &name);
        if (m->s->params[i].position >= 0)
            jf_buf_printf(&b, "%.*s, ", (int)len, name);
    }
    jf_buf_printf(&b, "/%s\n", rest ? rest : ")\n--\n\n");
    for (uint32_t i = 0; i < n; i++) {
        const SizedParam *p = &m->s->params[i];
        if (p->length < 0)
            continue;
        size_t len = jpy_signature_param(m->s->names, (uint32_t)p->length, &name);
        jf_buf_printf(&b, "\n%.*s: %s of ", (int)len, name,
                      p->unit == 1 && m->bytes ? "bytes" : "items");
        len = jpy_signature_param(m->s->names, i, &name);
        jf_buf_printf(&b, "%.*s", (int)len, name);
    }
    if (b.failed) {
        jf_buf_free(&b);
        PyErr_NoMemory();
        return NULL;
    }
    return b.p;
}

/* A Sized in which every parameter has its argument, and all names are known. */
static int start(Making *m)
{
    FunctionInfo *f = jpy_function_info(m->fn);
    uint32_t n = m->type->u.func->n_params;
    Sized *s = m->s = jf_calloc(sizeof *s + n * sizeof *s->params);
    jf_Symbol sym = {.name = m->name, .type = m->type, .kind = JF_SYM_FUNCTION};
    if (s && f && strstr(f->def.ml_doc, ")\n--\n")) {
        size_t size = strlen(f->def.ml_doc) + 1;
        s->text = jf_alloc(size);
        if (s->text)
            s->names = memcpy(s->text, f->def.ml_doc, size);
    } else if (s) {
        s->text = jpy_signature(m->ffi->st, &sym, NULL, &s->names);
    }
    if (!s || !s->text) {
        PyErr_NoMemory();
        return -1;
    }
    for (uint32_t i = 0; i < n; i++)
        s->params[i] = (SizedParam){.position = 0, .length = -1};
    return 0;
}

/* Takes over m->s. */
static PyObject *make(Making *m)
{
    FunctionInfo *old = jpy_function_info(m->fn);
    char *text = make_text(m);
    jf_Symbol sym = {.name = m->name,
                     .type = m->type,
                     .kind = JF_SYM_FUNCTION,
                     .gil = old ? old->gil : JF_GIL_RELEASE,
                     .flags = old && old->throws ? JF_S_MAY_THROW : 0};
    PyObject *builtin =
        text ? jpy_function_ready(
                   m->ffi, old ? (PyObject *)old->handle : NULL, &sym, m->fn->data,
                   m->s->flags == METH_O ? first_one : as_method(first_fast),
                   m->s->flags)
             : NULL;
    if (!builtin) {
        jf_free(text);
        jpy_sized_free(m->s);
        return NULL;
    }
    CDataExt *cd = (CDataExt *)PyCFunction_GET_SELF(builtin);
    FunctionInfo *f = (FunctionInfo *)cd->owner;
    jf_free(f->text);
    f->text = text;
    f->def.ml_name = text;
    f->def.ml_doc = text + strlen(text) + 1;
    f->sized = m->s;
    cd->extra = Py_NewRef((PyObject *)m->fn); /* a callback lives as long */
    return builtin;
}

PyObject *jpy_ffi_sized(PyObject *self, PyObject *args, PyObject *kwargs)
{
    Making m = {.ffi = (FFIObject *)self};
    PyObject *o;
    if (!PyArg_ParseTuple(args, "O:sized", &o))
        return NULL;
    m.fn = jpy_ffi_cdata(m.ffi->st, o);
    if (!m.fn)
        return PyErr_Occurred() ? NULL : jpy_ffi_bad_type("C function", o);
    if (!CType_IsFunction(m.fn->ctype) || m.fn->ctype->type->kind != JF_PTR) {
        PyErr_Format(PyExc_TypeError, "sized(): expected a C function, got '%U'",
                     jpy_ctype_name(m.fn->ctype));
        return NULL;
    }
    FunctionInfo *f = jpy_function_info(m.fn);
    m.type = jpy_function_type(m.fn);
    m.name = f ? f->def.ml_name : "function";
    if (!m.fn->data)
        return jpy_null_error(m.fn);
    if (m.type->flags & JF_T_VARIADIC) {
        PyErr_Format(PyExc_TypeError, "sized(): %s() is variadic", m.name);
        return NULL;
    }
    if ((f && f->sized) || jpy_byvalue_check(m.ffi->st, m.type) < 0) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_TypeError,
                         "sized(): %s() takes its lengths from arrays "
                         "already",
                         m.name);
        return NULL;
    }
    if (start(&m) < 0 || read_pairs(&m, kwargs) < 0) {
        jpy_sized_free(m.s);
        return NULL;
    }
    return make(&m);
}
