/* SPDX-License-Identifier: MIT
 *
 * Libraries: modules whose functions are builtins and whose constants are ints.
 * Where those come from is a LibSource's business: lib_dl.c, modgen_lib.c.
 *
 * A library is an exact module object, because the interpreter's specialiser makes
 * attribute look-ups on those the cheapest there are. Its dict first holds only
 * `__getattr__` (PEP 562), which at the first use of any name fills in all that
 * the library has; then it goes, because a module that has one is not
 * specialised (3.11). It stays while a declared name is missing, so that asking
 * for that name says why. Global variables cannot live in a dict: a library with
 * some gets the class State.lib_type, which reads and writes memory.
 */
#include "python/call.h"
#include "python/cffi/stock.h"
#include "python/checked.h"
#include "python/pickle.h"

#include <string.h>

enum { BULK_LIMIT = 4096 }; /* symbols; above, names are filled in one by one */

/* A library module's own state. */
typedef struct LibState {
    FFIObject *ffi;      /* owned */
    Handle *handle;      /* owned */
    PyObject *variables; /* dict: name -> pointer cdata; owned */
    uint8_t filled;      /* all there is was filled in, for now */
} LibState;

static LibState *lib_state(PyObject *module)
{
    return PyModule_GetState(module);
}

/* --- what a library has ------------------------------------------------------------ */

static int closed_error(Handle *h)
{
    PyErr_Format(PyExc_ValueError, "library '%s' has already been closed", h->name);
    return -1;
}

/* A variable, and not a constant that is only declared like one. */
static bool is_variable(const LibState *ls, const jf_Symbol *sym)
{
    LibSource *src = ls->handle->src;
    return sym->kind == JF_SYM_VARIABLE &&
           !(src && src->is_constant && src->is_constant(src, sym));
}

static bool is_const(const jf_Symbol *sym)
{
    unsigned quals = sym->quals;
    for (const jf_Type *t = sym->type; t->kind == JF_ARRAY; t = t->to)
        quals |= t->quals;
    return quals & JF_Q_CONST;
}

/* The pointer to a variable, kept in ls->variables; borrowed. */
static PyObject *variable(LibState *ls, const jf_Symbol *sym)
{
    PyObject *p = PyDict_GetItemString(ls->variables, sym->name);
    if (p)
        return p;
    LibSource *src = ls->handle->src;
    if (!src)
        return closed_error(ls->handle), NULL;
    char *address = src->address(src, ls->ffi, sym);
    if (!address)
        return NULL;
    State *st = ls->ffi->st;
    jf_Type *t = jf_type_pointer(st->universe, sym->type, sym->quals);
    CTypeObject *ct = t ? jpy_ctype_steal(st, t) : NULL;
    if (!ct)
        return t ? NULL : PyErr_NoMemory();
    p = jpy_cdata_view(ct, address, (PyObject *)ls->handle);
    Py_DECREF((PyObject *)ct);
    if (p)
        ((CDataExt *)p)->readonly = is_const(sym);
    int bad = p ? PyDict_SetItemString(ls->variables, sym->name, p) : -1;
    Py_XDECREF(p);
    return bad < 0 ? NULL : p;
}

/* Who has a pointer that lies in a variable may look into the library with it. */
static PyObject *variable_seen(LibState *ls, PyObject *pointer)
{
    LibSource *src = ls->handle->src;
    if (pointer && src && !src->escaped)
        src->escaped =
            jpy_type_has_pointers(((CDataObject *)pointer)->ctype->type->to);
    return pointer;
}

/* An open array reads as a pointer to its first item, as cffi has it. */
static PyObject *variable_read(LibState *ls, PyObject *pointer)
{
    CDataObject *p = (CDataObject *)variable_seen(ls, pointer);
    CTypeObject *ct = p ? jpy_item(p->ctype) : NULL;
    if (!ct)
        return NULL;
    if (!CType_IsOpen(ct))
        return jpy_to_object(ct, p->data, pointer);
    CTypeObject *item = jpy_item(ct);
    CTypeObject *to = item ? jpy_pointer_to(item) : NULL;
    PyObject *o = to ? jpy_cdata_view(to, p->data, pointer) : NULL;
    Py_XDECREF((PyObject *)to);
    return o;
}

/* What goes into the dict: a builtin or a constant; a variable goes elsewhere.
 * 0, or -1 with an exception. */
static int fill_symbol(LibState *ls, PyObject *dict, const jf_Symbol *sym)
{
    if (sym->kind == JF_SYM_TYPEDEF)
        return 0;
    if (is_variable(ls, sym))
        return variable(ls, sym) ? 0 : -1;
    if (PyDict_GetItemString(dict, sym->name))
        return 0;
    LibSource *src = ls->handle->src;
    if (!src)
        return closed_error(ls->handle);
    PyObject *o = sym->kind == JF_SYM_FUNCTION ? src->function(src, ls->ffi, sym)
                                               : src->constant(src, ls->ffi, sym);
    int bad = o ? PyDict_SetItemString(dict, sym->name, o) : -1;
    Py_XDECREF(o);
    return bad;
}

typedef struct Fill {
    LibState *ls;
    PyObject *dict;
    bool missing; /* something declared is not there */
    bool failed;  /* an exception is set */
} Fill;

static bool fill_visit(void *ctx, const jf_Symbol *sym)
{
    Fill *f = ctx;
    if (fill_symbol(f->ls, f->dict, sym) == 0)
        return true;
    State *st = f->ls->ffi->st;
    f->failed = !PyErr_ExceptionMatches(PyExc_AttributeError) &&
                !PyErr_ExceptionMatches(PyExc_NotImplementedError) &&
                !PyErr_ExceptionMatches(st->verification_missing) &&
                !PyErr_ExceptionMatches(st->ffi_error);
    if (f->failed)
        return false;
    PyErr_Clear();
    f->missing = true; /* asking for it says why */
    return true;
}

static bool is_dunder(PyObject *name)
{
    Py_ssize_t n = PyUnicode_GET_LENGTH(name);
    return n > 4 && PyUnicode_READ_CHAR(name, 0) == '_' &&
           PyUnicode_READ_CHAR(name, 1) == '_' &&
           PyUnicode_READ_CHAR(name, n - 1) == '_';
}

/* `from mod.lib import *` of a compiled module takes functions and constants: the
 * value of a variable would be that of now. */
static int set_all(PyObject *dict)
{
    PyObject *names = PyList_New(0), *name, *value;
    Py_ssize_t at = 0;
    int bad = names ? 0 : -1;
    while (bad == 0 && PyDict_Next(dict, &at, &name, &value))
        if (PyUnicode_Check(name) && !is_dunder(name))
            bad = PyList_Append(names, name);
    if (bad == 0)
        bad = PyDict_SetItemString(dict, "__all__", names);
    Py_XDECREF(names);
    return bad;
}

static int fill(LibState *ls, PyObject *module)
{
    Fill f = {ls, PyModule_GetDict(module), false, false};
    jf_scope_each(ls->ffi->scope, fill_visit, &f);
    bool compiled = ls->handle->src && !ls->handle->src->close;
    if (f.failed || (compiled && set_all(f.dict) < 0))
        return -1;
    ls->filled = 1;
    return f.missing ? 0 : PyDict_DelItemString(f.dict, "__getattr__");
}

/* --- attributes ---------------------------------------------------------------------- */

static const jf_Symbol *find_symbol(LibState *ls, PyObject *name)
{
    Py_ssize_t n;
    const char *s = PyUnicode_AsUTF8AndSize(name, &n);
    if (!s) {
        PyErr_Clear();
        return NULL;
    }
    const jf_Symbol *sym = jf_scope_find(ls->ffi->scope, s, (size_t)n);
    return sym && sym->kind != JF_SYM_TYPEDEF ? sym : NULL;
}

static PyObject *undeclared(LibState *ls, PyObject *name)
{
    Py_ssize_t n;
    const char *s = PyUnicode_AsUTF8AndSize(name, &n);
    const char *better = s && n > 2 && s[0] != '_'
                             ? jf_scope_suggest(ls->ffi->scope, s, (size_t)n)
                             : NULL;
    if (better)
        PyErr_Format(PyExc_AttributeError, "%U (not declared; did you mean '%s'?)",
                     name, better);
    else
        PyErr_SetObject(PyExc_AttributeError, name);
    return NULL;
}

/* The module's `__getattr__`; self is the Handle. */
static PyObject *lib_getattr(PyObject *self, PyObject *name)
{
    Handle *h = (Handle *)self;
    PyObject *module = h->module;
    LibState *ls = module ? lib_state(module) : NULL;
    if (!ls || !ls->ffi || !PyUnicode_Check(name)) {
        PyErr_SetObject(PyExc_AttributeError, name);
        return NULL;
    }
    const jf_Symbol *sym = find_symbol(ls, name);
    if (!sym && !ls->filled && h->src && !h->src->close &&
        PyUnicode_CompareWithASCIIString(name, "__all__") == 0) {
        if (fill(ls, module) < 0)
            return NULL;
        return Py_XNewRef(
            PyDict_GetItemString(PyModule_GetDict(module), "__all__"));
    }
    if (!sym)
        return undeclared(ls, name);
    if (!h->src)
        return closed_error(h), NULL;
    Py_INCREF(module);
    PyObject *dict = PyModule_GetDict(module), *o = NULL;
    int bad = !ls->filled && jf_scope_size(ls->ffi->scope) <= BULK_LIMIT
                  ? fill(ls, module)
                  : 0;
    if (bad == 0 && fill_symbol(ls, dict, sym) == 0) {
        if (is_variable(ls, sym))
            o = variable_read(ls, variable(ls, sym));
        else
            o = Py_XNewRef(PyDict_GetItemWithError(dict, name));
    }
    Py_DECREF(module);
    return o;
}

static bool dir_visit(void *ctx, const jf_Symbol *sym)
{
    if (sym->kind == JF_SYM_TYPEDEF)
        return true;
    PyObject *name = PyUnicode_FromString(sym->name);
    int bad = name ? PyList_Append(ctx, name) : -1;
    Py_XDECREF(name);
    return bad == 0;
}

static PyObject *lib_dir(PyObject *self, PyObject *unused)
{
    (void)unused;
    Handle *h = (Handle *)self;
    LibState *ls = h->module ? lib_state(h->module) : NULL;
    PyObject *list = PyList_New(0);
    if (list && ls && ls->ffi)
        jf_scope_each(ls->ffi->scope, dir_visit, list);
    if (PyErr_Occurred())
        Py_CLEAR(list);
    return list;
}

static PyMethodDef getattr_def = {"__getattr__", lib_getattr, METH_O, NULL};
static PyMethodDef dir_def = {"__dir__", lib_dir, METH_NOARGS, NULL};

/* Pickle finds it in the instance; a class of our own would make every attribute
 * slower. */
static PyMethodDef reduce_def = {"_reduce_library", jpy_lib_reduce, METH_O, NULL};

PyMethodDef jpy_handle_methods[] = {
    {"__getattr__", lib_getattr, METH_O, NULL},
    {"__dir__", lib_dir, METH_NOARGS, NULL},
    {"_reduce_library", jpy_lib_reduce, METH_O, NULL},
    {"__reduce__", jpy_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static int install_reduce(PyObject *module)
{
    PyObject *f =
        PyCFunction_New(&reduce_def, (PyObject *)lib_state(module)->handle);
    int bad =
        f ? PyDict_SetItemString(PyModule_GetDict(module), "__reduce_ex__", f) : -1;
    Py_XDECREF(f);
    return bad;
}

static int install(PyObject *module, PyMethodDef *def)
{
    PyObject *f = PyCFunction_New(def, (PyObject *)lib_state(module)->handle);
    int bad =
        f ? PyDict_SetItemString(PyModule_GetDict(module), def->ml_name, f) : -1;
    Py_XDECREF(f);
    return bad;
}

/* --- the class of libraries with variables --------------------------------------------- */

static PyObject *vars_getattro(PyObject *self, PyObject *name)
{
    LibState *ls = lib_state(self);
    /* Functions and constants at once; what the class has is not in the dict. */
    PyObject *o = PyDict_GetItemWithError(PyModule_GetDict(self), name);
    if (o)
        return Py_NewRef(o);
    PyObject *p =
        ls->variables ? PyDict_GetItemWithError(ls->variables, name) : NULL;
    return p ? variable_read(ls, p) : PyModule_Type.tp_getattro(self, name);
}

static int vars_setattro(PyObject *self, PyObject *name, PyObject *value)
{
    LibState *ls = lib_state(self);
    const jf_Symbol *sym = ls->ffi ? find_symbol(ls, name) : NULL;
    if (!sym) {
        if (is_dunder(name))
            return PyModule_Type.tp_setattro(self, name, value);
        undeclared(ls, name);
        return -1;
    }
    if (!ls->handle->src)
        return closed_error(ls->handle);
    bool is_var = is_variable(ls, sym);
    if (!is_var || !value || sym->quals & JF_Q_CONST) {
        PyErr_Format(PyExc_AttributeError, "cannot %s %s '%s' of library '%s'",
                     value ? "write to" : "delete",
                     is_var
                         ? sym->quals & JF_Q_CONST ? "const variable" : "variable"
                     : sym->kind == JF_SYM_FUNCTION ? "function"
                                                    : "constant",
                     sym->name, ls->handle->name);
        return -1;
    }
    CDataObject *p = (CDataObject *)variable(ls, sym);
    CTypeObject *ct = p ? jpy_item(p->ctype) : NULL;
    return ct ? jpy_from_object(ct, p->data, value) : -1;
}

static PyType_Slot vars_slots[] = {
    {Py_tp_getattro, vars_getattro},
    {Py_tp_setattro, vars_setattro},
    {0, NULL},
};

static PyType_Spec vars_spec = {
    .name = "jiffi.Library",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = vars_slots,
};

typedef struct Search {
    const LibState *ls;
    bool found;
} Search;

static bool not_variable(void *ctx, const jf_Symbol *sym)
{
    Search *s = ctx;
    s->found = is_variable(s->ls, sym);
    return !s->found;
}

/* After a cdef (or at first): look again at first use, and take the class that
 * reads variables if there are some now. */
static int lib_refresh(PyObject *module)
{
    LibState *ls = lib_state(module);
    ls->filled = 0;
    if (install(module, &getattr_def) < 0)
        return -1;
    Search has = {ls, !ls->handle->src};
    if (!has.found)
        jf_scope_each(ls->ffi->scope, not_variable, &has);
    if (!has.found || !PyModule_CheckExact(module))
        return 0;
    return PyObject_SetAttrString(module, "__class__",
                                  (PyObject *)ls->ffi->st->lib_type);
}

/* --- the module -------------------------------------------------------------------------- */

static int lib_traverse(PyObject *module, visitproc visit, void *arg)
{
    LibState *ls = lib_state(module);
    Py_VISIT((PyObject *)ls->ffi);
    Py_VISIT(ls->variables);
    return 0;
}

static int lib_clear(PyObject *module)
{
    LibState *ls = lib_state(module);
    Py_CLEAR(ls->variables);
    Py_CLEAR(ls->ffi);
    return 0;
}

static void lib_free(void *module)
{
    LibState *ls = lib_state(module);
    if (ls->handle)
        ls->handle->module = NULL;
    lib_clear(module);
    Py_CLEAR(ls->handle);
}

static PyModuleDef lib_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "library",
    .m_doc = "A C library opened by ffi.dlopen().",
    .m_size = sizeof(LibState),
    .m_traverse = lib_traverse,
    .m_clear = lib_clear,
    .m_free = lib_free,
};

static int set_text(PyObject *dict, const char *key, const char *text)
{
    PyObject *s = PyUnicode_DecodeFSDefault(text);
    int bad = s ? PyDict_SetItemString(dict, key, s) : -1;
    Py_XDECREF(s);
    return bad;
}

/* Takes over `h`. */
static PyObject *module_new(FFIObject *ffi, Handle *h)
{
    PyObject *module = PyModule_Create(&lib_def);
    if (!module) {
        Py_DECREF((PyObject *)h);
        return NULL;
    }
    LibState *ls = lib_state(module);
    ls->ffi = (FFIObject *)Py_NewRef((PyObject *)ffi);
    ls->handle = h;
    h->module = module;
    h->origin = Py_XNewRef((PyObject *)ffi->origin);
    ls->variables = PyDict_New();
    PyObject *dict = PyModule_GetDict(module);
    if (!ls->variables || set_text(dict, "__name__", h->name) < 0 ||
        (strchr(h->name, '/') && set_text(dict, "__file__", h->name) < 0) ||
        install(module, &dir_def) < 0 || lib_refresh(module) < 0 ||
        (!ffi->st->cffi && install_reduce(module) < 0)) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}

/* Remember `module` weakly; forget the ones that are gone. */
static int remember(FFIObject *ffi, PyObject *module)
{
    for (Py_ssize_t i = PyList_GET_SIZE(ffi->libs); i-- > 0;) {
        PyObject *alive = jpy_weakref_get(PyList_GET_ITEM(ffi->libs, i));
        Py_XDECREF(alive);
        if (!alive && PyList_SetSlice(ffi->libs, i, i + 1, NULL) < 0)
            return -1;
    }
    PyObject *ref = PyWeakref_NewRef(module, NULL);
    int bad = ref ? PyList_Append(ffi->libs, ref) : -1;
    Py_XDECREF(ref);
    return bad;
}

/* --- doors -------------------------------------------------------------------------------- */

PyObject *jpy_lib_module(FFIObject *ffi, LibSource *src)
{
    Handle *h = jpy_handle_new(ffi->st, src);
    PyObject *module = h ? module_new(ffi, h) : NULL;
    if (module && remember(ffi, module) < 0)
        Py_CLEAR(module);
    return module;
}

PyObject *jpy_lib_new(FFIObject *ffi, LibSource *src)
{
    return ffi->stock ? jpy_cffi_lib_new(ffi, src) : jpy_lib_module(ffi, src);
}

int jpy_is_lib(State *st, PyObject *o)
{
    (void)st;
    return PyModule_Check(o) && PyModule_GetDef(o) == &lib_def;
}

PyObject *jpy_lib_handle(PyObject *lib)
{
    return (PyObject *)lib_state(lib)->handle;
}

PyObject *jpy_lib_builtin(CDataObject *fn, PyObject *name)
{
    FunctionInfo *f = jpy_function_info(fn);
    if (!f || !PyUnicode_Check(name) ||
        PyUnicode_CompareWithASCIIString(name, f->def.ml_name) != 0)
        return NULL;
    PyObject *module = f->handle ? f->handle->module : NULL;
    PyObject *o =
        module ? PyDict_GetItemWithError(PyModule_GetDict(module), name) : NULL;
    if (o && jpy_function_cdata(f->st, o) == (PyObject *)fn)
        return Py_NewRef(o);
    return PyErr_Occurred() ? NULL : jpy_function_builtin(fn);
}

int jpy_dlclose(FFIObject *ffi, PyObject *lib)
{
    LibState *ls = lib_state(lib);
    if (ls->ffi != ffi) {
        PyErr_SetString(PyExc_ValueError, "the library was opened by another FFI");
        return -1;
    }
    if (!ls->handle->src)
        return 0;
    if (!ls->handle->src->close) {
        PyErr_Format(PyExc_ValueError,
                     "library '%s' is a compiled module and cannot be closed",
                     ls->handle->name);
        return -1;
    }
    if (ls->handle->exports) {
        PyErr_Format(PyExc_BufferError,
                     "cannot close library '%s': %zd buffers or arrays look at its "
                     "variables",
                     ls->handle->name, ls->handle->exports);
        return -1;
    }
    if (jpy_finalise(ls->handle) < 0)
        return -1;
    if (!ls->handle->src) /* one of them has closed it */
        return 0;
    PyDict_Clear(ls->variables);
    PyObject *dict = PyModule_GetDict(lib), *names = PyDict_Keys(dict);
    for (Py_ssize_t i = 0; names && i < PyList_GET_SIZE(names); i++) {
        PyObject *name = PyList_GET_ITEM(names, i);
        if (PyUnicode_Check(name) && !is_dunder(name) &&
            PyDict_DelItem(dict, name) < 0)
            PyErr_Clear();
    }
    Py_XDECREF(names);
    return names && jpy_handle_close(ls->handle) == 0 ? lib_refresh(lib) : -1;
}

PyObject *jpy_lib_addressof(FFIObject *ffi, PyObject *lib, PyObject *name)
{
    LibState *ls = lib_state(lib);
    const jf_Symbol *sym = PyUnicode_Check(name) ? find_symbol(ls, name) : NULL;
    if (sym && is_variable(ls, sym))
        return Py_XNewRef(variable_seen(ls, variable(ls, sym)));
    if (!sym || sym->kind != JF_SYM_FUNCTION) {
        PyErr_Format(PyExc_AttributeError,
                     "cffi library has no function or global variable named '%S'",
                     name);
        return NULL;
    }
    PyObject *f = PyObject_GetAttr(lib, name);
    bool plain = f && CData_Check(ffi->st, f);
    PyObject *cd =
        f ? Py_XNewRef(plain ? f : jpy_function_cdata(ffi->st, f)) : NULL;
    if (f && !cd)
        PyErr_Format(PyExc_TypeError, "'%U' of the library was replaced", name);
    Py_XDECREF(f);
    return cd;
}

int jpy_libs_refresh(FFIObject *ffi)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(ffi->libs); i++) {
        PyObject *module = jpy_weakref_get(PyList_GET_ITEM(ffi->libs, i));
        int bad = module ? lib_refresh(module) : 0;
        Py_XDECREF(module);
        if (bad < 0)
            return -1;
    }
    return 0;
}

int jpy_init_lib(State *st, PyObject *module)
{
    (void)module;
    if (jpy_init_handle(st) < 0)
        return -1;
    PyObject *bases = PyTuple_Pack(1, (PyObject *)&PyModule_Type);
    st->lib_type =
        bases ? (PyTypeObject *)PyType_FromSpecWithBases(&vars_spec, bases) : NULL;
    Py_XDECREF(bases);
    return st->lib_type ? 0 : -1;
}
