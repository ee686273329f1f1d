/* SPDX-License-Identifier: MIT
 *
 * ffi.ufunc(): a C function as a numpy.ufunc. What NumPy needs is the inner loop
 * (ufunc_run.c over engine/loop.h), the types of the operands (ufunc_args.c), and
 * someone who keeps all that: the ufunc's own `obj`, which its collector visits and
 * its end gives back.
 *
 * Slots of NumPy's table _UFUNC_API and what stands in them: numpy_api.py and
 * ufunc_api_types in NumPy's sources; they never change (since 1.16 for the last).
 */
#include "python/ufunc.h"
#include "python/ffi.h"

#include <string.h>

enum { /* _UFUNC_API */
       SLOT_TYPE = 0,
       SLOT_DEFAULT_RESOLVER = 39,
       SLOT_VALIDATE_CASTING = 40,
       SLOT_NEW = 42
};
enum { /* _ARRAY_API */
       SLOT_DESCR_FROM_TYPE = 45,
       SLOT_CAN_CAST_ARRAY_TO = 274,
       SLOT_CAN_CAST_TYPE_TO = 275
};
enum { SAFE_CASTING = 2 }; /* NPY_CASTING: no, equiv, safe, same_kind, unsafe */
enum { WAS_LITERAL = 7 << 28 }; /* NPY_ARRAY_WAS_PYTHON_LITERAL, since 1.25 */

/* NumPy's words for identities: ufuncobject.h. */
enum { NO_IDENTITY = -1, IDENTITY_VALUE = -3 };

typedef PyObject *(*NewUfunc)(void **functions, void **datas, const char *types,
                              int n_types, int nin, int nout, int identity,
                              const char *name, const char *doc, int unused,
                              const char *signature, PyObject *identity_value);
typedef int (*UfuncValidate)(NumpyUfunc *u, int casting, NumpyArray **operands,
                             NumpyDescr **descrs);
typedef unsigned char (*CanCastArrayTo)(NumpyArray *a, NumpyDescr *to, int casting);
typedef unsigned char (*CanCastTypeTo)(NumpyDescr *from, NumpyDescr *to,
                                       int casting);
typedef NumpyDescr *(*DescrFromType)(int num);

/* --- types of operands --------------------------------------------------- */

static void *slot(void **table, int i)
{
    return table[i];
}

/* One new reference for each operand: there is one loop, so its types are known. */
static int fill_descrs(const UfuncRecord *r, NumpyDescr **descrs)
{
    DescrFromType of_num =
        (DescrFromType)(uintptr_t)slot(r->st->numpy_api, SLOT_DESCR_FROM_TYPE);
    int n = r->n_in + r->n_out;
    for (int i = 0; i < n; i++) {
        const UfuncOperand *o = &r->operands[i];
        descrs[i] = o->descr ? (NumpyDescr *)Py_NewRef((PyObject *)o->descr)
                             : of_num(o->num);
        if (descrs[i])
            continue;
        while (i-- > 0)
            Py_CLEAR(descrs[i]);
        return -1;
    }
    return 0;
}

static void drop_descrs(const UfuncRecord *r, NumpyDescr **descrs)
{
    for (int i = 0; i < r->n_in + r->n_out; i++)
        Py_CLEAR(descrs[i]);
}

/* Can this input go where the C function wants `to`? NumPy's rule for inputs is
 * that only what is safe goes into a loop of another type, whatever the casting is,
 * and that a number written in Python fits every type of its kind. What NumPy finds
 * out here for numbers it keeps by type alone: so only literals, which are types of
 * their own, may go by their value; for structured types it asks each time. */
static bool input_fits(const UfuncRecord *r, NumpyArray *a, NumpyDescr *to,
                       int casting)
{
    CanCastArrayTo array_to =
        (CanCastArrayTo)(uintptr_t)slot(r->st->numpy_api, SLOT_CAN_CAST_ARRAY_TO);
    CanCastTypeTo type_to =
        (CanCastTypeTo)(uintptr_t)slot(r->st->numpy_api, SLOT_CAN_CAST_TYPE_TO);
    if (casting > SAFE_CASTING)
        casting = SAFE_CASTING;
    return r->has_descr || (a->flags & WAS_LITERAL)
               ? array_to(a, to, casting)
               : type_to(a->descr, to, casting);
}

static bool inputs_fit(const UfuncRecord *r, int casting, NumpyArray **operands,
                       NumpyDescr **descrs)
{
    for (int i = 0; i < r->n_in; i++)
        if (!r->operands[i].is_record && operands[i] &&
            !input_fits(r, operands[i], descrs[i], casting))
            return false;
    return true;
}

/* NumPy asks for a loop where the types given are not those of ours. Its own
 * resolver takes no 3 for an `int` when all inputs are numbers, because 3 alone is
 * a `long`; and it cannot make structured types. */
static int resolve(NumpyUfunc *u, int casting, NumpyArray **operands,
                   PyObject *types, NumpyDescr **descrs)
{
    const UfuncRecord *r = (UfuncRecord *)u->obj;
    UfuncResolver fallback =
        (UfuncResolver)(uintptr_t)slot(r->st->numpy_umath, SLOT_DEFAULT_RESOLVER);
    UfuncValidate validate =
        (UfuncValidate)(uintptr_t)slot(r->st->numpy_umath, SLOT_VALIDATE_CASTING);
    if (types && !r->has_descr)
        return fallback(u, casting, operands, types, descrs);
    if (fill_descrs(r, descrs) < 0)
        return -1;
    if (!types && !inputs_fit(r, casting, operands, descrs)) {
        drop_descrs(r, descrs);
        if (!r->has_descr) /* it says so in its own words */
            return fallback(u, casting, operands, types, descrs);
        PyErr_Format(PyExc_TypeError,
                     "ufunc '%s' not supported for the input types, and the inputs "
                     "could not be safely coerced to those of '%s'",
                     r->text, r->fn ? jpy_cname(r->fn->ctype) : "?");
        return -1;
    }
    if (validate(u, casting, operands, descrs) < 0) {
        drop_descrs(r, descrs);
        return -1;
    }
    return 0;
}

/* --- name and documentation ---------------------------------------------- */

/* A str argument that C can have, or NULL without an exception if there is none. */
static const char *text_of(PyObject *o, const char *what, int *bad)
{
    if (!o || o == Py_None)
        return NULL;
    Py_ssize_t n;
    const char *s = PyUnicode_Check(o) ? PyUnicode_AsUTF8AndSize(o, &n) : NULL;
    if (s && strlen(s) == (size_t)n)
        return s;
    *bad = 1;
    if (s)
        PyErr_Format(PyExc_ValueError, "ffi.ufunc(): %s has a null character",
                     what);
    else if (!PyErr_Occurred())
        PyErr_Format(PyExc_TypeError, "ffi.ufunc(): %s must be a str, not %.200s",
                     what, Py_TYPE(o)->tp_name);
    return NULL;
}

/* The name of the Python function behind a callback, or NULL. */
static PyObject *callback_name(CDataObject *fn)
{
    CDataExt *x = (CDataExt *)fn;
    if (!Py_IS_TYPE((PyObject *)fn, fn->ctype->st->cdata_ext_type) ||
        x->ext != EXT_CALLBACK || !x->extra)
        return NULL;
    PyObject *name = PyObject_GetAttrString(x->extra, "__name__");
    if (!name || !PyUnicode_Check(name)) {
        PyErr_Clear();
        Py_CLEAR(name);
    }
    return name;
}

/* "double hypot(double x, double y)\n\nC function of library ..." */
static const char *c_lines(const UfuncRecord *r)
{
    FunctionInfo *f = jpy_function_info(r->fn);
    const char *doc = f ? f->def.ml_doc : NULL;
    const char *line = doc ? strstr(doc, ")\n--\n\n") : NULL;
    return line ? line + strlen(")\n--\n\n") : doc ? doc : jpy_cname(r->fn->ctype);
}

/* r->text: the name, NUL, the documentation. */
static int set_text(UfuncRecord *r, PyObject *name, PyObject *doc)
{
    int bad = 0;
    const char *n = text_of(name, "name=", &bad);
    const char *d = bad ? NULL : text_of(doc, "doc=", &bad);
    if (bad)
        return -1;
    FunctionInfo *f = jpy_function_info(r->fn);
    PyObject *found = n || f ? NULL : callback_name(r->fn);
    if (!n)
        n = f ? f->def.ml_name : found ? PyUnicode_AsUTF8(found) : "function";
    if (!n)
        PyErr_Clear(); /* a name with half a character in it */
    n = n ? n : "function";
    d = d ? d : c_lines(r);
    size_t size = strlen(n) + 1;
    r->text = jf_alloc(size + strlen(d) + 1);
    if (r->text) {
        memcpy(r->text, n, size);
        memcpy(r->text + size, d, strlen(d) + 1);
        r->doc = r->text + size;
    }
    Py_XDECREF(found);
    return r->text ? 0 : (PyErr_NoMemory(), -1);
}

/* --- making one ---------------------------------------------------------- */

static int make_loop(UfuncRecord *r)
{
    State *st = r->st;
    jf_LoopArg *args = jf_calloc((r->n_params + 1u) * sizeof *args);
    if (!args)
        return PyErr_NoMemory(), -1;
    for (unsigned i = 0; i < r->n_params; i++) {
        const UfuncParam *p = &r->params[i];
        args[i].how = p->role == ROLE_FIXED  ? JF_LOOP_FIXED
                      : p->role == ROLE_ITEM ? JF_LOOP_ITEM
                                             : JF_LOOP_ADDRESS;
        args[i].operand = p->operand;
        args[i].fixed = p->cell;
    }
    bool is_void = r->type->to->kind == JF_VOID;
    int result = -1;
    for (unsigned i = 0; !is_void && i < r->n_loop; i++)
        if (r->loop_operands[i] == r->n_in)
            result = (int)i;
    jf_LoopSpec spec = {.fn = r->type,
                        .address = r->fn->data,
                        .args = args,
                        .result = result,
                        .n_operands = r->n_loop,
                        .name = r->text};
    jf_Diag d = JF_DIAG_INIT;
    jf_Status status = jf_loop_new(st->universe, &spec, &r->loop, &d);
    jf_free(args);
    if (status != JF_OK) {
        jpy_raise_status(st, &d);
        return -1;
    }
    r->inner = jf_loop_numpy(r->loop, &r->inner_data);
    return 0;
}

static int make_types(UfuncRecord *r)
{
    unsigned n = (unsigned)r->n_in + r->n_out;
    r->types = jf_alloc(n);
    if (!r->types)
        return PyErr_NoMemory(), -1;
    for (unsigned i = 0; i < n; i++)
        r->types[i] = (char)r->operands[i].num;
    r->functions[0] = (void *)(uintptr_t)jpy_ufunc_run;
    r->datas[0] = r;
    return 0;
}

/* The ufunc over `r`, which it keeps. */
static PyObject *make_ufunc(UfuncRecord *r, PyObject *identity)
{
    State *st = r->st;
    NewUfunc new_ufunc = (NewUfunc)(uintptr_t)st->numpy_umath[SLOT_NEW];
    NumpyUfunc *u =
        (NumpyUfunc *)new_ufunc(r->functions, r->datas, r->types, 1, r->n_in,
                                r->n_out, identity ? IDENTITY_VALUE : NO_IDENTITY,
                                r->text, r->doc, 0, NULL, identity);
    if (!u)
        return NULL;
    u->obj = Py_NewRef((PyObject *)r);
    u->type_resolver = resolve;
    if (!PyObject_GC_IsTracked((PyObject *)u))
        PyObject_GC_Track((PyObject *)u); /* NumPy does not: `obj` was NULL */
    return (PyObject *)u;
}

/* What can be called over arrays at all; 0 or -1. */
static CDataObject *function_of(State *st, PyObject *o)
{
    CDataObject *fn = jpy_ffi_cdata(st, o);
    const jf_Type *t = fn ? fn->ctype->type : NULL;
    if (!fn || t->kind != JF_PTR || t->to->kind != JF_FUNC) {
        PyErr_Format(PyExc_TypeError,
                     "ffi.ufunc() takes a C function: one of a library, or a "
                     "function pointer; not %.200s",
                     fn ? jpy_cname(fn->ctype) : Py_TYPE(o)->tp_name);
        return NULL;
    }
    if (!fn->data)
        return jpy_null_error(fn), NULL;
    if (t->to->flags & JF_T_VARIADIC) {
        PyErr_Format(PyExc_TypeError,
                     "ffi.ufunc(): '%s' takes any number of arguments (...), a "
                     "ufunc needs to know how many",
                     jpy_cname(fn->ctype));
        return NULL;
    }
    return jpy_byvalue_check(st, t->to) < 0 ? NULL : fn;
}

static PyObject *origin_dict(PyObject *ffi, PyObject *function,
                             const UfuncRequest *q, PyObject *name,
                             PyObject *identity, PyObject *doc)
{
    const struct {
        const char *key;
        PyObject *value;
    } rows[] = {
        {"ffi", ffi},        {"function", function}, {"out", q->out},
        {"inout", q->inout}, {"in_", q->in},         {"fixed", q->fixed},
        {"name", name},      {"doc", doc},           {"identity", identity}};
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict && i < JF_COUNT(rows); i++) {
        PyObject *v = rows[i].value;
        if (!v || (v == Py_None && v != identity))
            continue;
        /* What the caller may change later is kept as it is now. */
        v = PyDict_Check(v)   ? PyDict_Copy(v)
            : PyList_Check(v) ? PyList_AsTuple(v)
                              : Py_NewRef(v);
        if (!v || PyDict_SetItemString(dict, rows[i].key, v) < 0)
            Py_CLEAR(dict);
        Py_XDECREF(v);
    }
    return dict;
}

static bool is_usable(State *st)
{
    PyTypeObject *t = st->numpy_umath[SLOT_TYPE];
    if (PyType_Check(t) && t->tp_basicsize >= (Py_ssize_t)sizeof(NumpyUfunc))
        return true;
    PyErr_SetString(PyExc_ImportError, "ffi.ufunc() does not know this NumPy");
    return false;
}

/* Once: from now on ours are pickled as what they were made from. */
static int register_pickle(State *st)
{
    if (st->ufuncs_pickle)
        return 0;
    PyObject *package = PyImport_ImportModule("jiffi._pickle");
    PyObject *done = package ? PyObject_CallMethod(package, "register_ufunc", "O",
                                                   st->numpy_umath[SLOT_TYPE])
                             : NULL;
    Py_XDECREF(package);
    Py_XDECREF(done);
    st->ufuncs_pickle = done != NULL;
    return done ? 0 : -1;
}

FFI_PLAIN(ufunc)
{
    static char *names[] = {"function", "out", "name",  "identity", "doc",
                            "inout",    "in_", "fixed", NULL};
    State *st = ((FFIObject *)self)->st;
    UfuncRequest q = {NULL, NULL, NULL, NULL};
    PyObject *function, *name = NULL, *identity = NULL, *doc = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OOOO$OOO:ufunc", names,
                                     &function, &q.out, &name, &identity, &doc,
                                     &q.inout, &q.in, &q.fixed))
        return NULL;
    CDataObject *fn = function_of(st, function);
    if (!fn || !jpy_numpy_api(st, "ffi.ufunc()") ||
        !jpy_numpy_umath(st, "ffi.ufunc()") || !is_usable(st))
        return NULL;
    UfuncRecord *r = jpy_ufunc_record(st, fn);
    if (!r)
        return NULL;
    PyObject *u = NULL;
    r->origin = origin_dict(self, function, &q, name, identity, doc);
    if (r->origin && set_text(r, name, doc) == 0 &&
        jpy_ufunc_operands(r, &q) == 0) {
        if (identity && (r->n_in != 2 || r->n_out != 1))
            PyErr_Format(
                PyExc_TypeError,
                "ffi.ufunc(): identity= is for functions of two inputs and "
                "one output, '%s' has %u and %u",
                r->text, r->n_in, r->n_out);
        else if (make_types(r) == 0 && make_loop(r) == 0)
            u = make_ufunc(r, identity);
    }
    Py_DECREF((PyObject *)r);
    if (u && register_pickle(st) < 0)
        Py_CLEAR(u);
    return u;
}

PyObject *jpy_ufunc_origin(PyObject *module, PyObject *arg)
{
    State *st = jpy_state(module);
    NumpyUfunc *u = (NumpyUfunc *)arg;
    if (!st->ufunc_type || !st->numpy_umath ||
        !Py_IS_TYPE(arg, (PyTypeObject *)st->numpy_umath[SLOT_TYPE]) || !u->obj ||
        !Py_IS_TYPE(u->obj, st->ufunc_type))
        Py_RETURN_NONE;
    PyObject *origin = ((UfuncRecord *)u->obj)->origin;
    if (!origin)
        Py_RETURN_NONE;
    return PyDict_Copy(origin);
}
