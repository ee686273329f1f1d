/* SPDX-License-Identifier: MIT
 *
 * _cffi_backend.Lib: `lib` of compiled modules, and what dlopen() gives for FFIs
 * that come from modules. It looks like a module, but its variables are read and
 * written in memory, so that every look-up passes here; what was found once stays
 * in a dict. Behaviour and messages are cffi's.
 */
#include <string.h>

#include "python/cffi/stock.h"

enum { DEEPEST_INCLUDE = 100 };

bool jpy_is_cffi_lib(State *st, PyObject *o)
{
    return Py_IS_TYPE(o, st->cffi_lib_type);
}

/* --- variables ----------------------------------------------------------- */

PyObject *jpy_glob_new(State *st, PyObject *name, CTypeObject *ct, void *address,
                       void *(*fetch)(void), PyObject *owner)
{
    GlobObject *g = PyObject_New(GlobObject, st->cffi_glob_type);
    if (!g)
        return NULL;
    g->name = Py_NewRef(name);
    g->ctype = (CTypeObject *)Py_NewRef((PyObject *)ct);
    g->address = address;
    g->fetch = fetch;
    g->owner = Py_XNewRef(owner);
    return (PyObject *)g;
}

static void glob_dealloc(PyObject *self)
{
    GlobObject *g = (GlobObject *)self;
    PyTypeObject *type = Py_TYPE(self);
    Py_DECREF(g->name);
    Py_DECREF((PyObject *)g->ctype);
    Py_XDECREF(g->owner);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* What a pointer points to may be without a layout, or wrong. */
static bool laid_out(CTypeObject *ct)
{
    return ct->size >= 0 || jpy_layout(ct) == 0;
}

/* Where the variable is now: each thread may have its own. */
static char *glob_address(GlobObject *g)
{
    void *p = g->address;
    if (!p) {
        PyThreadState *thread = jpy_gil_let_go();
        jf_os_errno_restore();
        p = g->fetch();
        jf_os_errno_save();
        jpy_gil_take(thread);
    }
    if (!p)
        PyErr_Format(g->ctype->st->ffi_error,
                     "global variable '%U' is at address NULL", g->name);
    return p;
}

static PyObject *glob_read(GlobObject *g)
{
    char *p = glob_address(g);
    return p && laid_out(g->ctype) ? jpy_to_object(g->ctype, p, g->owner) : NULL;
}

static int glob_write(GlobObject *g, PyObject *value)
{
    char *p = glob_address(g);
    return p && laid_out(g->ctype) ? jpy_from_object(g->ctype, p, value) : -1;
}

static PyObject *glob_pointer(GlobObject *g)
{
    char *p = glob_address(g);
    CTypeObject *to = p ? jpy_pointer_to(g->ctype) : NULL;
    PyObject *o = !to        ? NULL
                  : g->owner ? jpy_cdata_view(to, p, g->owner)
                             : jpy_cdata(to, p);
    Py_XDECREF((PyObject *)to);
    return o;
}

static PyType_Slot glob_slots[] = {
    {Py_tp_dealloc, glob_dealloc},
    {0, NULL},
};

static PyType_Spec glob_spec = {
    .name = "_cffi_backend.__FFIGlobSupport",
    .basicsize = sizeof(GlobObject),
    .flags = Py_TPFLAGS_DEFAULT | JPY_TPFLAGS_NO_NEW,
    .slots = glob_slots,
};

/* --- what a library has -------------------------------------------------- */

/* What a library that was opened lacks is told in other words, and as ffi.error. */
void jpy_cffi_lib_missing(LibObject *lib, const char *symbol)
{
    if (!PyErr_ExceptionMatches(PyExc_AttributeError) || !lib->handle->src ||
        !lib->handle->src->close)
        return;
    PyObject *e = jpy_exception_take(), *text = e ? PyObject_Str(e) : NULL;
    const char *why = text ? PyUnicode_AsUTF8(text) : NULL;
    why = why ? strstr(why, "': ") : NULL; /* after the library's name */
    PyErr_Clear();
    PyErr_Format(lib->ffi->st->ffi_error, "symbol '%s' not found in library '%U'%s",
                 symbol, lib->name, why ? why + 1 : "");
    Py_XDECREF(text);
    Py_XDECREF(e);
}

/* A variable, or a constant that is one in the library that was opened. */
static PyObject *variable(LibObject *lib, const jf_Symbol *declared, PyObject *name)
{
    LibSource *src = lib->handle->src;
    State *st = lib->ffi->st;
    jf_Symbol sym = *declared;
    bool is_constant = src->close && sym.flags & JF_S_STATIC;
    sym.flags &= (uint16_t)~JF_S_STATIC;
    Fetch fetch = src->fetch ? src->fetch(src, &sym) : NULL;
    void *p = fetch ? NULL : src->address(src, lib->ffi, &sym);
    CTypeObject *ct = p || fetch ? jpy_ctype(st, sym.type) : NULL;
    PyObject *o = NULL, *keeper = (PyObject *)lib->handle;
    if (ct && is_constant)
        o = laid_out(ct) ? jpy_to_object(ct, p, keeper) : NULL;
    else if (ct)
        o = jpy_glob_new(st, name, ct, p, fetch, keeper);
    Py_XDECREF((PyObject *)ct);
    return o;
}

static PyObject *from_symbol(LibObject *lib, const jf_Symbol *sym, PyObject *name)
{
    LibSource *src = lib->handle->src;
    PyObject *o;
    if (!src)
        return PyErr_Format(lib->ffi->st->ffi_error, "library '%U' has been closed",
                            lib->name);
    if (sym->kind == JF_SYM_FUNCTION)
        o = src->function(src, lib->ffi, sym);
    else if (sym->kind != JF_SYM_VARIABLE ||
             (src->is_constant && src->is_constant(src, sym)))
        o = src->constant(src, lib->ffi, sym);
    else
        o = variable(lib, sym, name);
    if (!o)
        jpy_cffi_lib_missing(lib, sym->name);
    return o;
}

/* From what was included: a new reference; NULL without an exception: nothing. */
static PyObject *from_included(LibObject *lib, PyObject *name, const char *s,
                               unsigned depth)
{
    Stock *stock = lib->ffi->stock;
    if (!stock || !stock->libs)
        return NULL;
    if (depth > DEEPEST_INCLUDE)
        return PyErr_Format(PyExc_RuntimeError,
                            "recursion overflow in ffi.include() delegations");
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(stock->libs); i++) {
        PyObject *other = PyTuple_GET_ITEM(stock->libs, i);
        PyObject *o;
        if (other == Py_None) /* a Python module: it has an ffi, and no lib */
            o = jpy_stock_integer((FFIObject *)PyTuple_GET_ITEM(stock->ffis, i), s,
                                  depth + 1);
        else
            o = Py_XNewRef(jpy_cffi_lib_get((LibObject *)other, name, depth + 1));
        if (o || PyErr_Occurred())
            return o;
    }
    return NULL;
}

static PyObject *build(LibObject *lib, PyObject *name, unsigned depth)
{
    Py_ssize_t n;
    const char *s = PyUnicode_AsUTF8AndSize(name, &n);
    if (!s)
        return NULL;
    if (lib->ffi->stock) {
        int i = jpy_stock_find_global(lib->ffi->stock, s, (size_t)n);
        if (i >= 0)
            return jpy_stock_build(lib, i, name);
    }
    const jf_Symbol *sym = jf_scope_find(lib->ffi->scope, s, (size_t)n);
    if (sym && sym->kind != JF_SYM_TYPEDEF && !(sym->flags & JF_S_INCLUDED))
        return from_symbol(lib, sym, name);
    return from_included(lib, name, s, depth);
}

PyObject *jpy_cffi_lib_get(LibObject *lib, PyObject *name, unsigned depth)
{
    PyObject *o = PyDict_GetItemWithError(lib->dict, name);
    if (o || PyErr_Occurred())
        return o;
    o = build(lib, name, depth);
    if (!o)
        return NULL;
    int bad = PyDict_SetItem(lib->dict, name, o);
    Py_DECREF(o); /* the dict has it */
    return bad < 0 ? NULL : o;
}

/* The same with an exception in any case. */
static PyObject *get_or_raise(LibObject *lib, PyObject *name)
{
    PyObject *o = jpy_cffi_lib_get(lib, name, 0);
    if (!o && !PyErr_Occurred())
        PyErr_Format(
            PyExc_AttributeError,
            "cffi library '%U' has no function, constant or global variable "
            "named '%U'",
            lib->name, name);
    return o;
}

/* --- names --------------------------------------------------------------- */

typedef struct Names {
    LibObject *lib;
    PyObject *list; /* owned by the caller */
    bool variables; /* these too */
} Names;

static bool add_name(Names *n, const char *name)
{
    PyObject *s = PyUnicode_FromString(name);
    int bad = s ? PyList_Append(n->list, s) : -1;
    Py_XDECREF(s);
    return bad == 0;
}

static bool visit_symbol(void *ctx, const jf_Symbol *sym)
{
    Names *n = ctx;
    if (sym->kind == JF_SYM_TYPEDEF || sym->flags & JF_S_INCLUDED ||
        (sym->kind == JF_SYM_VARIABLE && !n->variables))
        return true;
    return add_name(n, sym->name);
}

static PyObject *names(LibObject *lib, bool variables)
{
    Names n = {lib, PyList_New(0), variables};
    Stock *s = lib->ffi->stock;
    for (int i = 0; n.list && s && i < s->context.n_globals; i++) {
        unsigned op = word_op(s->context.globals[i].op);
        if (!variables && (op == OP_VARIABLE || op == OP_VARIABLE_F))
            continue;
        if (!add_name(&n, s->context.globals[i].name))
            break;
    }
    if (n.list && !PyErr_Occurred() && !(s && s->context.n_types))
        jf_scope_each(lib->ffi->scope, visit_symbol, &n);
    if (n.list && !PyErr_Occurred())
        PyList_Sort(n.list);
    if (PyErr_Occurred())
        Py_CLEAR(n.list);
    return n.list;
}

static PyObject *whole_dict(LibObject *lib)
{
    PyObject *list = names(lib, true), *dict = list ? PyDict_New() : NULL;
    for (Py_ssize_t i = 0; dict && i < PyList_GET_SIZE(list); i++) {
        PyObject *name = PyList_GET_ITEM(list, i), *o = get_or_raise(lib, name);
        if (!o || PyDict_SetItem(dict, name, o) < 0)
            Py_CLEAR(dict);
    }
    Py_XDECREF(list);
    return dict;
}

/* Names that every module has. NULL without an exception: `name` is none. */
static PyObject *module_like(LibObject *lib, const char *name)
{
    if (strcmp(name, "__all__") == 0)
        return names(lib, false);
    if (strcmp(name, "__dict__") == 0)
        return whole_dict(lib);
    if (strcmp(name, "__class__") == 0)
        return Py_NewRef(
            (PyObject *)&PyModule_Type); /* help() then shows it well */
    if (strcmp(name, "__name__") == 0)
        return PyUnicode_FromFormat("%U.lib", lib->name);
    if (strcmp(name, "__loader__") == 0 || strcmp(name, "__spec__") == 0)
        return Py_NewRef(Py_None);
    return NULL;
}

/* --- the object ---------------------------------------------------------- */

static PyObject *lib_getattro(PyObject *self, PyObject *name)
{
    LibObject *lib = (LibObject *)self;
    PyObject *o = jpy_cffi_lib_get(lib, name, 0);
    if (o) {
        if (Py_IS_TYPE(o, lib->ffi->st->cffi_glob_type))
            return glob_read((GlobObject *)o);
        return Py_NewRef(o);
    }
    if (PyErr_Occurred())
        return NULL;
    const char *s = PyUnicode_AsUTF8(name);
    o = s ? module_like(lib, s) : NULL;
    if (!o && !PyErr_Occurred())
        get_or_raise(lib, name);
    return o;
}

static int lib_setattro(PyObject *self, PyObject *name, PyObject *value)
{
    LibObject *lib = (LibObject *)self;
    PyObject *o = get_or_raise(lib, name);
    if (!o)
        return -1;
    if (!value)
        PyErr_SetString(PyExc_AttributeError, "C attribute cannot be deleted");
    else if (Py_IS_TYPE(o, lib->ffi->st->cffi_glob_type))
        return glob_write((GlobObject *)o, value);
    else
        PyErr_Format(PyExc_AttributeError,
                     "cannot write to function or constant '%U'", name);
    return -1;
}

PyObject *jpy_lib_dir(PyObject *self, PyObject *unused)
{
    (void)unused;
    return names((LibObject *)self, true);
}

static PyObject *lib_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<Lib object for '%U'>", ((LibObject *)self)->name);
}

static int lib_traverse(PyObject *self, visitproc visit, void *arg)
{
    LibObject *lib = (LibObject *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(lib->dict);
    Py_VISIT((PyObject *)lib->ffi);
    return 0;
}

static void lib_dealloc(PyObject *self)
{
    LibObject *lib = (LibObject *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (lib->weakrefs)
        PyObject_ClearWeakRefs(self);
    Py_XDECREF(lib->dict);
    Py_XDECREF(lib->name);
    Py_XDECREF((PyObject *)lib->handle);
    Py_XDECREF((PyObject *)lib->ffi);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef lib_methods[] = {
    {"__dir__", jpy_lib_dir, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef lib_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(LibObject, weakrefs), READONLY,
     NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot lib_slots[] = {
    {Py_tp_dealloc, lib_dealloc},   {Py_tp_traverse, lib_traverse},
    {Py_tp_repr, lib_repr},         {Py_tp_getattro, lib_getattro},
    {Py_tp_setattro, lib_setattro}, {Py_tp_methods, lib_methods},
    {Py_tp_members, lib_members},   {0, NULL},
};

static PyType_Spec lib_spec = {
    .name = "_cffi_backend.Lib",
    .basicsize = sizeof(LibObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | JPY_TPFLAGS_NO_NEW,
    .slots = lib_slots,
};

/* --- doors --------------------------------------------------------------- */

PyObject *jpy_cffi_lib_new(FFIObject *ffi, LibSource *src)
{
    State *st = ffi->st;
    Handle *h = jpy_handle_new(st, src);
    if (!h)
        return NULL;
    LibObject *lib = (LibObject *)st->cffi_lib_type->tp_alloc(st->cffi_lib_type, 0);
    if (!lib) {
        Py_DECREF((PyObject *)h);
        return NULL;
    }
    lib->handle = h;
    lib->ffi = (FFIObject *)Py_NewRef((PyObject *)ffi);
    lib->dict = PyDict_New();
    lib->name = PyUnicode_DecodeFSDefault(h->name);
    if (lib->dict && lib->name)
        return (PyObject *)lib;
    Py_DECREF((PyObject *)lib);
    return NULL;
}

/* To cffi what is const in an opened library is a constant: it has no address. */
static int refuse_const(LibObject *lib, PyObject *name)
{
    Py_ssize_t n;
    LibSource *src = lib->handle->src;
    if (!src || !src->close)
        return 0; /* a compiled module */
    const char *s = PyUnicode_AsUTF8AndSize(name, &n);
    if (!s)
        return -1;
    const jf_Symbol *sym = jf_scope_find(lib->ffi->scope, s, (size_t)n);
    if (!sym || sym->kind != JF_SYM_VARIABLE || !(sym->quals & JF_Q_CONST) ||
        sym->type->kind == JF_ARRAY)
        return 0;
    PyErr_Format(PyExc_AttributeError,
                 "cffi library '%U' has no function or global variable named '%U'",
                 lib->name, name);
    return -1;
}

PyObject *jpy_cffi_lib_addressof(State *st, PyObject *self, PyObject *name)
{
    LibObject *lib = (LibObject *)self;
    PyObject *o = get_or_raise(lib, name);
    if (!o || refuse_const(lib, name) < 0)
        return NULL;
    if (Py_IS_TYPE(o, st->cffi_glob_type))
        return glob_pointer((GlobObject *)o);
    CDataObject *cd = CData_Check(st, o) ? (CDataObject *)o
                                         : (CDataObject *)jpy_function_cdata(st, o);
    if (cd &&
        CType_IsFunction(cd->ctype)) /* without an address of its own: itself */
        return Py_NewRef(cd->data ? (PyObject *)cd : o);
    PyErr_Format(PyExc_AttributeError,
                 "cannot take the address of the constant '%U'", name);
    return NULL;
}

int jpy_cffi_lib_close(PyObject *self)
{
    LibObject *lib = (LibObject *)self;
    LibSource *src = lib->handle->src;
    if (!src || !src->close)
        return 0; /* closed already, or a module's own */
    PyDict_Clear(lib->dict);
    return jpy_handle_close(lib->handle);
}

int jpy_init_cffi_lib(State *st, PyObject *module)
{
    st->cffi_lib_type = (PyTypeObject *)PyType_FromSpec(&lib_spec);
    st->cffi_glob_type = (PyTypeObject *)PyType_FromSpec(&glob_spec);
    if (!st->cffi_lib_type || !st->cffi_glob_type)
        return -1;
    jpy_type_no_new(st->cffi_lib_type);
    jpy_type_no_new(st->cffi_glob_type);
    if (PyModule_AddObjectRef(module, "__FFIGlobSupport",
                              (PyObject *)st->cffi_glob_type) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "Lib", (PyObject *)st->cffi_lib_type);
}
