/* SPDX-License-Identifier: MIT
 *
 * Fused functions: _fuse(ffi, name, params, types, ops, callees, doc) makes a C
 * function of a program and gives a builtin for it, made and called as those of
 * libraries are. What it calls it keeps alive; when a library that it calls into is
 * closed, it is closed too.
 */
#include "python/fuse.h"

#include <string.h>

#include "python/ffi.h"

/* --- who closes it ------------------------------------------------------------------ */

Fused *jpy_fused(const CDataObject *fn)
{
    State *st = fn->ctype->st;
    if (!Py_IS_TYPE((PyObject *)fn, st->cdata_ext_type))
        return NULL;
    PyObject *extra = ((const CDataExt *)fn)->extra;
    return extra && st->fused_type && Py_IS_TYPE(extra, st->fused_type)
               ? (Fused *)extra
               : NULL;
}

void jpy_fused_close(FusedWatch *w)
{
    for (; w; w = w->next)
        if (w->cdata)
            w->cdata->base.data = NULL;
}

static bool closed_of(const Fused *f, const char **name)
{
    for (uint32_t i = 0; i < f->n_watches; i++)
        if (!f->watches[i].handle->src) {
            *name = jpy_handle_name(f->watches[i].handle);
            return true;
        }
    return false;
}

bool jpy_fused_closed(const CDataObject *fn, const char **name)
{
    const Fused *f = jpy_fused(fn);
    return f && closed_of(f, name);
}

static void watch(Fused *f, Handle *h)
{
    for (uint32_t i = 0; i < f->n_watches; i++)
        if (f->watches[i].handle == h)
            return;
    FusedWatch *w = &f->watches[f->n_watches++];
    w->handle = h;
    w->cdata = NULL;
    w->prev = NULL;
    w->next = h->watches;
    if (w->next)
        w->next->prev = w;
    h->watches = w;
}

static void unwatch(Fused *f)
{
    while (f->n_watches > 0) {
        FusedWatch *w = &f->watches[--f->n_watches];
        if (w->prev)
            w->prev->next = w->next;
        else
            w->handle->watches = w->next;
        if (w->next)
            w->next->prev = w->prev;
    }
}

/* How many handles this callee brings, at most; with `f` they are watched. */
static uint32_t watch_callee(Fused *f, CDataObject *fn)
{
    const FunctionInfo *info = jpy_function_info(fn);
    const Fused *inner = jpy_fused(fn);
    if (f && info && info->handle)
        watch(f, info->handle);
    for (uint32_t i = 0; f && inner && i < inner->n_watches; i++)
        watch(f, inner->watches[i].handle);
    return (info && info->handle ? 1 : 0) + (inner ? inner->n_watches : 0);
}

/* --- the object behind the cdata ------------------------------------------------------ */

static void fused_dealloc(PyObject *self)
{
    Fused *f = (Fused *)self;
    PyTypeObject *type = Py_TYPE(self);
    State *st = f->st;
    PyObject_GC_UnTrack(self);
    unwatch(f);
    jf_free(f->watches);
    jf_fused_free(f->fused);
    if (f->fn)
        jf_type_unref(st->universe, f->fn);
    Py_XDECREF(f->callees);
    Py_XDECREF(f->origin);
    PyObject_GC_Del(self);
    Py_DECREF(type);
    jpy_state_unref(st);
}

/* No tp_clear: what it calls must outlive it, and no cycle is of these alone. */
static int fused_traverse(PyObject *self, visitproc visit, void *arg)
{
    Fused *f = (Fused *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(f->callees);
    Py_VISIT(f->origin);
    return 0;
}

static PyType_Slot fused_slots[] = {
    {Py_tp_dealloc, fused_dealloc},
    {Py_tp_traverse, fused_traverse},
    {0, NULL},
};

static PyType_Spec fused_spec = {
    .name = "jiffi._Fused",
    .basicsize = sizeof(Fused),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | JPY_TPFLAGS_NO_NEW,
    .slots = fused_slots,
};

/* --- callees -------------------------------------------------------------------------- */

/* The function pointer that may be called from a program; borrowed. */
static CDataObject *callee_cdata(State *st, PyObject *o)
{
    CDataObject *fn = jpy_ffi_cdata(st, o);
    const jf_Type *t = fn ? fn->ctype->type : NULL;
    const FunctionInfo *info = fn ? jpy_function_info(fn) : NULL;
    if (!fn || t->kind != JF_PTR || t->to->kind != JF_FUNC)
        PyErr_Format(PyExc_TypeError, "%.200s is no C function",
                     Py_TYPE(o)->tp_name);
    else if (t->to->flags & JF_T_VARIADIC)
        PyErr_Format(PyExc_TypeError, "'%s' takes any number of arguments (...)",
                     jpy_cname(fn->ctype));
    else if (info && info->sized)
        PyErr_Format(PyExc_TypeError, "%s() takes lengths from arrays (ffi.sized)",
                     info->def.ml_name);
    else if (!fn->data)
        jpy_null_error(fn);
    else
        return fn;
    return NULL;
}

/* Fill in f->callees and b->callees. */
static int read_callees(Fused *f, FuseBuild *b, PyObject *list)
{
    Py_ssize_t n = PyTuple_GET_SIZE(list);
    uint32_t handles = 0;
    f->callees = PyTuple_New(n);
    b->callees = jf_calloc(((size_t)n + 1) * sizeof *b->callees);
    if (!f->callees || !b->callees)
        return PyErr_NoMemory(), -1;
    f->gil = JF_GIL_AUTO;
    for (Py_ssize_t i = 0; i < n; i++) {
        CDataObject *fn = callee_cdata(f->st, PyTuple_GET_ITEM(list, i));
        if (!fn)
            return -1;
        PyTuple_SET_ITEM(f->callees, i, Py_NewRef((PyObject *)fn));
        FunctionInfo *info = jpy_function_info(fn);
        FuseCallee *c = &b->callees[b->n_callees];
        c->fn = jpy_function_type(fn);
        c->address = fn->data;
        c->name = info ? info->def.ml_name : "pointer";
        jf_Diag d = JF_DIAG_INIT;
        if (jf_call_new(f->st->universe, jpy_function_type(fn), NULL, 0, &c->via,
                        &d) != JF_OK)
            return jpy_raise_status(f->st, &d), -1;
        b->n_callees++;
        if (!(jpy_policy_of(fn) & POLICY_HOLD))
            f->gil = JF_GIL_RELEASE;
        else if (f->gil == JF_GIL_AUTO && jpy_holds_loops(fn))
            f->gil = JF_GIL_HOLD;
        handles += watch_callee(NULL, fn);
    }
    f->watches = jf_calloc((handles + 1) * sizeof *f->watches);
    if (!f->watches)
        return PyErr_NoMemory(), -1;
    for (Py_ssize_t i = 0; i < n; i++)
        watch_callee(f, (CDataObject *)PyTuple_GET_ITEM(f->callees, i));
    return 0;
}

/* --- its type -------------------------------------------------------------------------- */

/* A type as it is written: a ctype, or (callee, n): that of a callee's parameter,
 * with its qualifiers. A reference. */
static jf_Type *read_type(const FuseBuild *b, PyObject *o)
{
    int callee, param;
    if (CType_Check(b->st, o)) {
        CTypeObject *ct = (CTypeObject *)o;
        return jpy_layout(ct) < 0 ? NULL : jf_type_ref(ct->type);
    }
    if (!PyTuple_Check(o) || !PyArg_ParseTuple(o, "ii", &callee, &param)) {
        PyErr_Format(PyExc_TypeError, "%R is no type", o);
        return NULL;
    }
    if (callee < 0 || (uint32_t)callee >= b->n_callees || param < 0 ||
        (uint32_t)param >= b->callees[callee].fn->u.func->n_params) {
        PyErr_Format(PyExc_ValueError, "there is no parameter %R", o);
        return NULL;
    }
    return jf_type_ref(b->callees[callee].fn->u.func->params[param]);
}

/* Result, then parameters. */
static jf_Type *type_of_list(const FuseBuild *b, PyObject *list)
{
    enum { MOST = 127 };
    State *st = b->st;
    jf_Type *types[MOST + 1], *fn = NULL;
    Py_ssize_t n = PyTuple_GET_SIZE(list), i = 0;
    if (n < 1 || n > MOST) {
        PyErr_Format(PyExc_ValueError, "a function of %zd parameters", n - 1);
        return NULL;
    }
    for (; i < n; i++) {
        types[i] = read_type(b, PyTuple_GET_ITEM(list, i));
        if (!types[i])
            break;
        uint8_t kind = types[i]->kind;
        if (kind == JF_FUNC || kind == JF_ARRAY || (i && kind == JF_VOID)) {
            PyErr_SetString(PyExc_TypeError, "no type for a parameter or result");
            i++;
            break;
        }
    }
    if (!PyErr_Occurred()) {
        fn = jf_type_func(st->universe, types[0], types + 1, (uint32_t)n - 1, 0);
        if (!fn)
            PyErr_NoMemory();
    }
    while (i-- > 0)
        jf_type_unref(st->universe, types[i]);
    return fn;
}

/* A declaration "double(const double *x, int n)", a ctype, or a list. */
static jf_Type *type_of(const FuseBuild *b, FFIObject *ffi, PyObject *o)
{
    jf_Type *t = NULL;
    Py_ssize_t n;
    if (PyTuple_Check(o))
        return type_of_list(b, o);
    if (PyUnicode_Check(o)) {
        const char *text = PyUnicode_AsUTF8AndSize(o, &n);
        jf_Diag d = JF_DIAG_INIT;
        if (text &&
            jf_parse_type(ffi->scope, text, (size_t)n, &t, NULL, &d) != JF_OK)
            return jpy_raise(ffi->st->cdef_error, &d), NULL;
    } else if (CType_Check(b->st, o)) {
        t = jf_type_ref(((CTypeObject *)o)->type);
    } else {
        return jpy_ffi_bad_type("string or ctype object", o);
    }
    if (t && t->kind == JF_PTR && t->to->kind == JF_FUNC) {
        jf_Type *to = jf_type_ref(t->to);
        jf_type_unref(b->st->universe, t);
        t = to;
    }
    if (t && t->kind == JF_FUNC && !(t->flags & JF_T_VARIADIC))
        return t;
    if (t) {
        jf_type_unref(b->st->universe, t);
        PyErr_Format(PyExc_TypeError,
                     "expected the type of a function without '...', got %R", o);
    }
    return NULL;
}

/* --- the function ---------------------------------------------------------------------- */

/* Put `doc` behind the declaration that help() shows. */
static int add_doc(FunctionInfo *info, PyObject *doc)
{
    const char *more = doc == Py_None ? NULL : PyUnicode_AsUTF8(doc);
    if (!more)
        return PyErr_Occurred() ? -1 : 0;
    size_t at = (size_t)(info->def.ml_doc - info->text);
    size_t n = at + strlen(info->def.ml_doc);
    char *text = jf_realloc(info->text, n + strlen(more) + 3);
    if (!text)
        return PyErr_NoMemory(), -1;
    memcpy(text + n, "\n\n", 2);
    strcpy(text + n + 2, more);
    info->text = text;
    info->def.ml_name = text;
    info->def.ml_doc = text + at;
    return 0;
}

/* What comes out of a function that it calls comes out of it. */
static bool may_throw(const Fused *f)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(f->callees); i++) {
        CDataObject *fn = (CDataObject *)PyTuple_GET_ITEM(f->callees, i);
        const FunctionInfo *info = jpy_function_info(fn);
        if (info && info->throws)
            return true;
    }
    return false;
}

static PyObject *make_builtin(FFIObject *ffi, Fused *f, const char *name,
                              PyObject *params, PyObject *doc)
{
    uint32_t n = f->fn->u.func->n_params;
    const char *names[128] = {NULL};
    if (PyTuple_GET_SIZE(params) != (Py_ssize_t)n || n > JF_COUNT(names)) {
        PyErr_Format(PyExc_TypeError, "%zd parameters are named, the type has %u",
                     PyTuple_GET_SIZE(params), (unsigned)n);
        return NULL;
    }
    for (uint32_t i = 0; i < n; i++)
        if (!(names[i] = PyUnicode_AsUTF8(PyTuple_GET_ITEM(params, i))))
            return NULL;
    jf_Symbol sym = {.name = name,
                     .link = name,
                     .type = f->fn,
                     .kind = JF_SYM_FUNCTION,
                     .gil = f->gil,
                     .flags = may_throw(f) ? JF_S_MAY_THROW : 0,
                     .params = names};
    PyObject *builtin = jpy_function(ffi, NULL, &sym, jf_fused_address(f->fused));
    if (!builtin)
        return NULL;
    CDataExt *cd = (CDataExt *)PyCFunction_GET_SELF(builtin);
    cd->extra = Py_NewRef((PyObject *)f);
    for (uint32_t i = 0; i < f->n_watches; i++)
        f->watches[i].cdata = cd;
    if (add_doc((FunctionInfo *)cd->owner, doc) < 0)
        Py_CLEAR(builtin);
    return builtin;
}

/* The program, and what C makes of it. */
static int build(Fused *f, FuseBuild *b, const char *name, PyObject *ops, int code)
{
    State *st = f->st;
    const jf_Plan *plan;
    jf_Diag d = JF_DIAG_INIT;
    if (jf_plan_of(st->universe, f->fn, &plan, &d) != JF_OK)
        return jpy_raise_status(st, &d), -1;
    Py_ssize_t n = PyTuple_GET_SIZE(ops);
    b->fn = f->fn;
    b->values = jf_calloc(((size_t)n + 1) * sizeof *b->values);
    if (!b->values || n > INT32_MAX)
        return PyErr_NoMemory(), -1;
    jf_program_init(&b->program, plan);
    for (Py_ssize_t i = 0; i < n; i++)
        if (jpy_fuse_op(b, PyTuple_GET_ITEM(ops, i)) < 0)
            return -1;
    jf_Status s =
        jf_fused_new(st->universe, f->fn, &b->program, name, code, &f->fused, &d);
    if (s == JF_SEMANTIC)
        return jpy_raise(PyExc_ValueError, &d), -1;
    return s == JF_OK ? 0 : (jpy_raise_status(st, &d), -1);
}

static void build_free(FuseBuild *b)
{
    jf_program_free(&b->program);
    for (uint32_t i = 0; i < b->n_callees; i++)
        jf_call_free(b->callees[i].via);
    jf_free(b->callees);
    jf_free(b->values);
}

static PyObject *fuse(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"ffi",     "name", "params", "types", "ops",
                            "callees", "doc",  "code",   NULL};
    State *st = jpy_state(module);
    PyObject *ffi, *params, *types, *ops, *callees, *doc = Py_None, *builtin = NULL;
    const char *name;
    int code = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!sO!OO!O!|Op:_fuse", names,
                                     st->ffi_type, &ffi, &name, &PyTuple_Type,
                                     &params, &types, &PyTuple_Type, &ops,
                                     &PyTuple_Type, &callees, &doc, &code))
        return NULL;
    Fused *f = PyObject_GC_New(Fused, st->fused_type);
    if (!f)
        return NULL;
    memset((char *)f + sizeof(PyObject), 0, sizeof *f - sizeof(PyObject));
    f->st = st;
    st->refs++;
    FuseBuild b = {.st = st};
    PyObject_GC_Track((PyObject *)f);
    if (read_callees(f, &b, callees) == 0 &&
        (f->fn = type_of(&b, (FFIObject *)ffi, types)) &&
        build(f, &b, name, ops, code) == 0) {
        f->origin = Py_BuildValue("{sOsssOsOsOsOsO}", "ffi", ffi, "name", name,
                                  "params", params, "types", types, "ops", ops,
                                  "callees", callees, "doc", doc);
        if (f->origin)
            builtin = make_builtin((FFIObject *)ffi, f, name, params, doc);
    }
    build_free(&b);
    Py_DECREF((PyObject *)f);
    return builtin;
}

/* --- asking ------------------------------------------------------------------------------ */

static Fused *fused_of(PyObject *module, PyObject *o)
{
    CDataObject *fn = jpy_ffi_cdata(jpy_state(module), o);
    return fn ? jpy_fused(fn) : NULL;
}

/* The arguments of _fuse() that made this function, as a dict; None for others. */
static PyObject *fused_origin(PyObject *module, PyObject *o)
{
    Fused *f = fused_of(module, o);
    return f ? PyDict_Copy(f->origin) : Py_NewRef(Py_None);
}

/* (listing, why it is not machine code or None); None for others. */
static PyObject *fused_program(PyObject *module, PyObject *o)
{
    Fused *f = fused_of(module, o);
    if (!f)
        Py_RETURN_NONE;
    jf_Buf text = JF_BUF_INIT;
    jf_program_print(jf_fused_program(f->fused), &text);
    PyObject *result =
        text.failed ? PyErr_NoMemory()
                    : Py_BuildValue("s#z", text.p ? text.p : "", (Py_ssize_t)text.n,
                                    jf_fused_why_not(f->fused));
    jf_buf_free(&text);
    return result;
}

/* How a ctype's values travel: (kind, class, size, align), for _fuse.py. */
static PyObject *kind_of_ctype(PyObject *module, PyObject *o)
{
    State *st = jpy_state(module);
    FuseKind k;
    if (!CType_Check(st, o))
        return jpy_ffi_bad_type("ctype object", o);
    CTypeObject *ct = (CTypeObject *)o;
    uint8_t code = ct->code;
    const char *class = code == V_BOOL                   ? "bool"
                        : V_IS_INT(code)                 ? "int"
                        : V_IS_CHAR(code)                ? "char"
                        : code == V_F32 || code == V_F64 ? "float"
                        : code == V_POINTER              ? "pointer"
                        : code == V_RECORD               ? "record"
                        : code == V_ARRAY                ? "array"
                        : code == V_NONE                 ? "void"
                                                         : "other";
    if (ct->type->kind == JF_ENUM && V_IS_INT(code))
        class = "enum";
    if (jpy_layout(ct) < 0)
        return NULL;
    if (!jpy_fuse_kind(st, ct->type, &k))
        return Py_BuildValue("zsnn", NULL, class, (Py_ssize_t)-1, (Py_ssize_t)1);
    if (k.kind == JF_S_BLOCK && V_IS_INT(code))
        class = "other";
    return Py_BuildValue("ssnn", jf_scalar_name(k.kind), class, ct->size,
                         (Py_ssize_t)(ct->type->align ? ct->type->align : 1));
}

/* _signature(ffi, declaration or ctype): the ctype of pointers to such a function. */
static PyObject *signature(PyObject *module, PyObject *args)
{
    State *st = jpy_state(module);
    PyObject *ffi, *o;
    if (!PyArg_ParseTuple(args, "O!O:_signature", st->ffi_type, &ffi, &o))
        return NULL;
    if (PyTuple_Check(o))
        return jpy_ffi_bad_type("string or ctype object", o);
    FuseBuild b = {.st = st};
    jf_Type *fn = type_of(&b, (FFIObject *)ffi, o);
    jf_Type *pointer = fn ? jf_type_pointer(st->universe, fn, 0) : NULL;
    if (!fn)
        return NULL;
    jf_type_unref(st->universe, fn);
    return pointer ? (PyObject *)jpy_ctype_steal(st, pointer) : PyErr_NoMemory();
}

static PyObject *pointer_to(PyObject *module, PyObject *o)
{
    if (!CType_Check(jpy_state(module), o))
        return jpy_ffi_bad_type("ctype object", o);
    return (PyObject *)jpy_pointer_to((CTypeObject *)o);
}

/* _callee(o): (function pointer, name); TypeError for what no program can call. */
static PyObject *callee(PyObject *module, PyObject *o)
{
    CDataObject *fn = callee_cdata(jpy_state(module), o);
    const FunctionInfo *info = fn ? jpy_function_info(fn) : NULL;
    return fn ? Py_BuildValue("Os", fn, info ? info->def.ml_name : "pointer")
              : NULL;
}

static PyMethodDef functions[] = {{"_fuse", (PyCFunction)(void (*)(void))fuse,
                                   METH_VARARGS | METH_KEYWORDS, NULL},
                                  {"_fused_origin", fused_origin, METH_O, NULL},
                                  {"_fused_program", fused_program, METH_O, NULL},
                                  {"_kind", kind_of_ctype, METH_O, NULL},
                                  {"_callee", callee, METH_O, NULL},
                                  {"_pointer_to", pointer_to, METH_O, NULL},
                                  {"_signature", signature, METH_VARARGS, NULL},
                                  {NULL, NULL, 0, NULL}};

int jpy_init_fuse(State *st, PyObject *module)
{
    if (st->cffi)
        return 0;
    st->fused_type = (PyTypeObject *)PyType_FromSpec(&fused_spec);
    if (!st->fused_type)
        return -1;
    jpy_type_no_new(st->fused_type);
    if (jpy_init_trace(st, module) < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
