/* SPDX-License-Identifier: MIT
 *
 * Calls through `...`: the types of the extra arguments come from the values.
 * C11 6.5.2.2 paragraphs 6 and 7: behind the ellipsis the default promotions are
 * performed, small integers to int, float to double. A cdata brings its type; a
 * plain Python value takes the type its C spelling would have.
 */
#include "python/call.h"

#include <string.h>

enum { FEW = 16, SMALL_BLOCK = 1024, MAX_VARIANTS = 64 };

/* --- the type of one extra argument -------------------------------------------- */

static jf_Type *prim(State *st, jf_Prim p)
{
    return jf_type_ref(jf_type_prim(st->universe, p));
}

/* Default argument promotions; a new reference. */
static jf_Type *promoted(State *st, jf_Type *t)
{
    switch (t->kind) {
    case JF_BOOL:
    case JF_INT:
    case JF_CHAR:
    case JF_ENUM:
        /* C11 6.3.1.1: every value of a type narrower than int fits in int */
        return t->size < 4 ? prim(st, JF_P_INT) : jf_type_ref(t);
    case JF_FLOAT:
        return t->size < 8 ? prim(st, JF_P_DOUBLE) : jf_type_ref(t);
    case JF_ARRAY:
        return jf_type_pointer(st->universe, t->to, 0);
    default:
        return jf_type_ref(t);
    }
}

/* An int takes the first of int, long long, unsigned long long that holds it. */
static jf_Type *int_type(State *st, PyObject *value)
{
    int over;
    long long v = PyLong_AsLongLongAndOverflow(value, &over);
    if (v == -1 && PyErr_Occurred())
        return NULL;
    if (over < 0) {
        PyErr_Format(PyExc_OverflowError, "integer %S does not fit 'long long'",
                     value);
        return NULL;
    }
    if (over > 0) {
        unsigned long long u = PyLong_AsUnsignedLongLong(value);
        if (u == (unsigned long long)-1 && PyErr_Occurred()) {
            PyErr_Clear();
            PyErr_Format(PyExc_OverflowError,
                         "integer %S does not fit 'unsigned long long'", value);
            return NULL;
        }
        return prim(st, JF_P_ULLONG);
    }
    return prim(st, v >= INT32_MIN && v <= INT32_MAX ? JF_P_INT : JF_P_LLONG);
}

/* New reference; NULL with an exception. *value is replaced by the function
 * pointer when it is a library's function (borrowed). */
static jf_Type *extra_type(State *st, PyObject **value, Py_ssize_t number)
{
    PyObject *fn = jpy_function_cdata(st, *value);
    if (fn)
        *value = fn;
    PyObject *v = *value;
    jf_Type *t;
    if (CData_Check(st, v)) {
        t = promoted(st, ((CDataObject *)v)->ctype->type);
        if (t && jpy_byvalue_check_extra(st, t) < 0) {
            jf_type_unref(st->universe, t);
            return NULL;
        }
    } else if (st->cffi) {
        PyErr_Format(PyExc_TypeError,
                     "argument %zd passed in the variadic part needs to be a cdata "
                     "object (got %.200s)",
                     number, Py_TYPE(v)->tp_name);
        return NULL;
    } else if (PyLong_Check(v))
        return int_type(st, v); /* bool too */
    else if (PyFloat_Check(v))
        t = prim(st, JF_P_DOUBLE);
    else if (PyBytes_Check(v))
        t = jf_type_ref(st->char_p->type);
    else {
        PyErr_Format(
            PyExc_TypeError,
            "argument %zd passed in the variadic part needs to be a cdata object "
            "(got %.200s)%s",
            number, Py_TYPE(v)->tp_name,
            PyUnicode_Check(v) ? "; pass bytes, as in s.encode()"
            : v == Py_None     ? "; pass ffi.NULL for a null pointer"
                               : ", an int, a float or bytes");
        return NULL;
    }
    if (!t)
        PyErr_NoMemory();
    return t;
}

/* --- converting ------------------------------------------------------------------- */

static int put_extra(State *st, jf_Type *t, PyObject *value, void *cell,
                     Temp **temps)
{
    CTypeObject *ct = jpy_ctype(st, t);
    if (!ct)
        return -1;
    int bad;
    if (t->kind == JF_PTR)
        bad = jpy_pointer_argument(ct, JF_Q_CONST, value, cell, temps);
    else if (CData_Check(st, value) && ((CDataObject *)value)->ctype->type != t) {
        /* a promoted cdata: read it by its own type, write it by the wider one */
        CDataObject *cd = (CDataObject *)value;
        PyObject *plain = t->kind == JF_INT
                              ? PyNumber_Long(value)
                              : jpy_to_object(cd->ctype, cd->data, NULL);
        bad = plain ? jpy_from_object(ct, cell, plain) : -1;
        Py_XDECREF(plain);
    } else {
        bad = jpy_from_object(ct, cell, value);
    }
    Py_DECREF((PyObject *)ct);
    return bad;
}

/* --- calls per list of extra types --------------------------------------------------- */

/* Kept with the signature. The key holds no struct and no pointer to one (all data
 * pointers travel alike, as void *): a signature must not keep alive the structs
 * that may name it. */
struct Variant {
    struct Variant *next; /* owned */
    jf_Call *call;        /* owned */
    uint32_t n;
    jf_Type *key[]; /* primitives, or void *, which the State keeps */
};

void jpy_variants_free(struct Variant *v)
{
    while (v) {
        struct Variant *next = v->next;
        jf_call_free(v->call);
        jf_free(v);
        v = next;
    }
}

/* What stands for `t` in a key; NULL: calls with it are not kept. */
static jf_Type *key_of(State *st, jf_Type *t)
{
    if (t->kind == JF_PTR)
        return st->void_p->type;
    if (t->kind == JF_ENUM)
        return t->to;
    return t->kind <= JF_COMPLEX && t->kind != JF_VOID ? t : NULL;
}

/* A call of `fn` with these extra types: *kept tells whether the signature has it
 * (else the caller frees it). NULL with an exception. */
static jf_Call *variant(State *st, HostCode *c, jf_Type *fn, jf_Type *const *types,
                        jf_Type **key, uint32_t n, bool *kept)
{
    *kept = true;
    for (uint32_t i = 0; i < n; i++) {
        key[i] = key_of(st, types[i]);
        *kept = *kept && key[i];
    }
    uint32_t count = 0;
    for (struct Variant *v = *kept ? c->variants : NULL; v; v = v->next, count++)
        if (v->n == n && !memcmp(v->key, key, n * sizeof *key))
            return v->call;
    *kept = *kept && count < MAX_VARIANTS;
    struct Variant *v = *kept ? jf_alloc(sizeof *v + n * sizeof *key) : NULL;
    if (*kept && !v)
        return (jf_Call *)PyErr_NoMemory();
    jf_Call *call = NULL;
    jf_Diag d = JF_DIAG_INIT;
    if (jf_call_new(st->universe, fn, types, n, &call, &d) != JF_OK) {
        jf_free(v);
        jpy_raise_status(st, &d);
        return NULL;
    }
    if (v) {
        v->call = call;
        v->n = n;
        memcpy(v->key, key, n * sizeof *key);
        v->next = c->variants;
        c->variants = v;
    }
    return call;
}

/* --- the call --------------------------------------------------------------------------- */

typedef struct Extras {
    PyObject **values; /* borrowed */
    jf_Type **types;   /* references */
    jf_Type **key;     /* borrowed */
    uint32_t n;
    void *few[3 * FEW];
    void **heap; /* owned; NULL: few serves */
} Extras;

static int extras_init(Extras *e, CDataObject *fn, PyObject *const *args,
                       uint32_t n, Py_ssize_t fixed)
{
    State *st = fn->ctype->st;
    e->n = 0;
    e->heap = n > FEW ? PyMem_Malloc(3 * n * sizeof(void *)) : NULL;
    if (n > FEW && !e->heap) {
        PyErr_NoMemory();
        return -1;
    }
    void **p = e->heap ? e->heap : e->few;
    e->values = (PyObject **)p;
    e->types = (jf_Type **)(p + n);
    e->key = (jf_Type **)(p + 2 * n);
    for (; e->n < n; e->n++) {
        e->values[e->n] = args[fixed + e->n];
        e->types[e->n] = extra_type(st, &e->values[e->n], fixed + e->n + 1);
        if (!e->types[e->n]) {
            jpy_blame_argument(fn, (size_t)fixed + e->n, args[fixed + e->n]);
            return -1;
        }
    }
    return 0;
}

static void extras_free(State *st, Extras *e)
{
    for (uint32_t i = 0; i < e->n; i++)
        jf_type_unref(st->universe, e->types[i]);
    PyMem_Free(e->heap);
}

/* Arguments into `block`, the call, the result. */
static PyObject *call_with(CDataObject *fn, uint8_t policy, const jf_Call *call,
                           PyObject *const *args, const Extras *e)
{
    State *st = fn->ctype->st;
    const jf_Plan *plan = jf_call_plan(call);
    uint32_t fixed = jpy_function_type(fn)->u.func->n_params;
    size_t at = (size_t)jf_round_up(plan->slots_size, 16);
    size_t total = at + (size_t)jf_round_up(jf_max64(plan->result.size, 32), 16);
    _Alignas(16) char small[SMALL_BLOCK];
    char *block = total <= SMALL_BLOCK ? small : PyMem_Malloc(total);
    if (!block)
        return PyErr_NoMemory();
    Temp *temps = NULL;
    PyObject *result = NULL;
    int bad = 0;
    for (uint32_t i = 0; i < fixed && bad == 0; i++)
        bad = jpy_argument(fn, args[i], i, block + plan->args[i].slot, &temps);
    for (uint32_t i = 0; i < e->n && bad == 0; i++) {
        bad = put_extra(st, e->types[i], e->values[i],
                        block + plan->args[fixed + i].slot, &temps);
        if (bad < 0)
            jpy_blame_argument(fn, fixed + i, e->values[i]);
    }
    if (bad == 0 && !fn->data) {
        jpy_null_error(fn);
    } else if (bad == 0) {
        bool is_void = jpy_function_type(fn)->to->kind == JF_VOID;
        if (jpy_call_block(call, fn, policy, block, is_void ? NULL : block + at) ==
            0)
            result = jpy_result(fn, block + at);
    }
    if (temps)
        jpy_temps_free(temps);
    if (block != small)
        PyMem_Free(block);
    return result;
}

PyObject *jpy_variadic_fast(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    CDataObject *fn = (CDataObject *)self;
    State *st = fn->ctype->st;
    jf_Type *type = jpy_function_type(fn);
    Py_ssize_t fixed = (Py_ssize_t)type->u.func->n_params;
    if (n < fixed)
        return jpy_arity_error(fn, n);
    if (n > UINT16_MAX) {
        PyErr_SetString(PyExc_TypeError, "too many arguments");
        return NULL;
    }
    FunctionInfo *f = jpy_function_info(fn);
    HostCode *c =
        f && f->code ? f->code : jpy_host_code(st, type, jpy_policy_of(fn));
    if (!c)
        return NULL;
    Extras e;
    PyObject *result = NULL;
    if (extras_init(&e, fn, args, (uint32_t)(n - fixed), fixed) == 0) {
        bool kept;
        jf_Call *call = variant(st, c, type, e.types, e.key, e.n, &kept);
        if (call)
            result = call_with(fn, c->policy, call, args, &e);
        if (call && !kept)
            jf_call_free(call);
    }
    extras_free(st, &e);
    return result;
}
