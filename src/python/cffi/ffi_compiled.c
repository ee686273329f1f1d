/* SPDX-License-Identifier: MIT
 *
 * _cffi_backend.FFI: the FFI objects that come from modules. They are FFIObjects
 * as all others, with fewer methods (nothing can be declared) and with type
 * strings of their own grammar (context_parse.c).
 */
#include "python/cffi/stock.h"
#include "python/ffi.h"
#include "python/ffi_doc.h"

bool jpy_is_compiled_ffi(State *st, PyObject *o)
{
    return PyObject_TypeCheck(o, st->cffi_ffi_type);
}

/* --- life ---------------------------------------------------------------- */

static PyObject *compiled_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    FFIObject *ffi = (FFIObject *)jpy_ffi_make(type, args, kwargs);
    if (ffi && !(ffi->stock = jpy_stock_new(ffi)))
        Py_CLEAR(ffi);
    return (PyObject *)ffi;
}

static int compiled_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return jpy_stock_init(((FFIObject *)self)->stock, args, kwargs);
}

FFIObject *jpy_compiled_ffi(State *st)
{
    return (FFIObject *)compiled_new(st->cffi_ffi_type, NULL, NULL);
}

static int compiled_traverse(PyObject *self, visitproc visit, void *arg)
{
    int bad = jpy_stock_traverse(((FFIObject *)self)->stock, visit, arg);
    return bad ? bad : jpy_ffi_traverse(self, visit, arg);
}

/* --- methods of its own -------------------------------------------------- */

static PyObject *addressof(PyObject *self, PyObject *const *args, Py_ssize_t n,
                           PyObject *kwnames)
{
    State *st = ((FFIObject *)self)->st;
    if (n < 1 || !jpy_is_cffi_lib(st, args[0]))
        return jpy_ffi_addressof(self, args, n, kwnames);
    if (n != 2 || kwnames || !PyUnicode_Check(args[1])) {
        PyErr_SetString(
            PyExc_TypeError,
            "addressof(lib, name): the second argument must be a str, and "
            "the last");
        return NULL;
    }
    return jpy_cffi_lib_addressof(st, args[0], args[1]);
}

static PyObject *dlopen(PyObject *self, PyObject *const *args, Py_ssize_t n,
                        PyObject *kwnames)
{
    static const ArgSpec spec = {"dlopen", {"name", "flags", NULL}, 1};
    FFIObject *ffi = (FFIObject *)self;
    PyObject *a[2];
    int flags = 0;
    if (jpy_ffi_args(&spec, args, n, kwnames, a) < 0 ||
        jpy_ffi_int(a[1], &flags) < 0)
        return NULL;
    LibSource *src = jpy_dl_source(ffi->st, a[0], flags);
    return src ? jpy_cffi_lib_new(ffi, src) : NULL;
}

static PyObject *dlclose(PyObject *self, PyObject *lib)
{
    State *st = ((FFIObject *)self)->st;
    if (!jpy_is_cffi_lib(st, lib))
        return PyErr_Format(PyExc_TypeError,
                            "argument 1 must be _cffi_backend.Lib, not %.200s",
                            Py_TYPE(lib)->tp_name);
    if (jpy_cffi_lib_close(lib) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *integer_const(PyObject *self, PyObject *const *args, Py_ssize_t n,
                               PyObject *kwnames)
{
    static const ArgSpec spec = {"integer_const", {"name", NULL}, 1};
    PyObject *a[1];
    if (jpy_ffi_args(&spec, args, n, kwnames, a) < 0)
        return NULL;
    const char *name = PyUnicode_AsUTF8(a[0]);
    PyObject *o = name ? jpy_stock_integer((FFIObject *)self, name, 0) : NULL;
    if (!o && !PyErr_Occurred())
        PyErr_Format(PyExc_AttributeError, "integer constant '%.200s' not found",
                     name);
    return o;
}

static int append_text(PyObject *list, const char *text)
{
    PyObject *s = PyUnicode_FromString(text);
    int bad = s ? PyList_Append(list, s) : -1;
    Py_XDECREF(s);
    return bad;
}

static PyObject *list_types(PyObject *self, PyObject *unused)
{
    FFIObject *ffi = (FFIObject *)self;
    const StockContext *c = &ffi->stock->context;
    if (!c->n_types)
        return jpy_ffi_list_types(self, unused);
    PyObject *types = PyList_New(0), *structs = PyList_New(0),
             *unions = PyList_New(0);
    int bad = !types || !structs || !unions;
    for (int i = 0; !bad && i < c->n_typenames; i++)
        bad = append_text(types, c->typenames[i].name);
    for (int i = 0; !bad && i < c->n_records; i++) {
        const StockRecord *r = &c->records[i];
        if (*r->name != '$')
            bad = append_text(r->flags & REC_UNION ? unions : structs, r->name);
    }
    PyObject *all = bad ? NULL : PyTuple_Pack(3, types, structs, unions);
    Py_XDECREF(types);
    Py_XDECREF(structs);
    Py_XDECREF(unions);
    return all;
}

/* --- the class ----------------------------------------------------------- */

/* clang-format off */
#define AS_FUNCTION(name) (PyCFunction)(void (*)(void))name
#define FAST(name)                                                             \
    {#name, AS_FUNCTION(jpy_ffi_##name), METH_FASTCALL | METH_KEYWORDS, DOC_##name}
#define ONE(name) {#name, jpy_ffi_##name, METH_O, DOC_##name}
#define OWN_FAST(name)                                                         \
    {#name, AS_FUNCTION(name), METH_FASTCALL | METH_KEYWORDS, DOC_##name}

static PyMethodDef methods[] = {
    OWN_FAST(addressof),
    ONE(alignof),
    FAST(callback),
    FAST(cast),
    {"def_extern", AS_FUNCTION(jpy_stock_def_extern),
     METH_VARARGS | METH_KEYWORDS, DOC_def_extern},
    {"dlclose", dlclose, METH_O, DOC_dlclose},
    OWN_FAST(dlopen),
    FAST(from_buffer),
    ONE(from_handle),
    FAST(gc),
    FAST(getctype),
    FAST(init_once),
    OWN_FAST(integer_const),
    {"list_types", list_types, METH_NOARGS, DOC_list_types},
    FAST(memmove),
    FAST(new),
    FAST(new_allocator),
    ONE(new_handle),
    FAST(offsetof),
    ONE(release),
    ONE(sizeof),
    FAST(string),
    ONE(typeof),
    FAST(unpack),
    {NULL, NULL, 0, NULL}
};
/* clang-format on */

static PyGetSetDef getset[] = {
    {"errno", jpy_ffi_get_errno, jpy_ffi_set_errno, DOC_errno, NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyMemberDef members[] = {{"__weaklistoffset__", T_PYSSIZET,
                                 offsetof(FFIObject, weakrefs), READONLY, NULL},
                                {NULL, 0, 0, 0, NULL}};

static PyType_Slot slots[] = {{Py_tp_doc, "The types of a compiled module."},
                              {Py_tp_new, compiled_new},
                              {Py_tp_init, compiled_init},
                              {Py_tp_dealloc, jpy_ffi_dealloc},
                              {Py_tp_traverse, compiled_traverse},
                              {Py_tp_clear, jpy_ffi_clear},
                              {Py_tp_methods, methods},
                              {Py_tp_getset, getset},
                              {Py_tp_members, members},
                              {0, NULL}};

static PyType_Spec spec = {
    "_cffi_backend.FFI", sizeof(FFIObject), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE, slots};

/* What the classes of FFIs have in common besides methods. */
static int copy_constants(PyObject *from, PyObject *to)
{
    static const char *const names[] = {
        "NULL",       "CData",         "CType",       "buffer",
        "error",      "RTLD_LAZY",     "RTLD_NOW",    "RTLD_GLOBAL",
        "RTLD_LOCAL", "RTLD_NODELETE", "RTLD_NOLOAD", "RTLD_DEEPBIND"};
    for (size_t i = 0; i < JF_COUNT(names); i++) {
        PyObject *v = PyObject_GetAttrString(from, names[i]);
        if (!v) {
            PyErr_Clear(); /* the system lacks it */
            continue;
        }
        int bad = PyObject_SetAttrString(to, names[i], v);
        Py_DECREF(v);
        if (bad < 0)
            return -1;
    }
    return 0;
}

static PyMethodDef functions[] = {
    {"_init_cffi_1_0_external_module", jpy_stock_load, METH_O,
     "What modules compiled by cffi call when they are imported."},
    {NULL, NULL, 0, NULL}};

int jpy_init_stock(State *st, PyObject *module)
{
    if (jpy_init_cffi_lib(st, module) < 0)
        return -1;
    PyObject *type = PyType_FromModuleAndSpec(module, &spec, NULL);
    if (!type)
        return -1;
    st->cffi_ffi_type = (PyTypeObject *)type;
    if (copy_constants((PyObject *)st->ffi_type, type) < 0 ||
        PyModule_AddFunctions(module, functions) < 0)
        return -1;
    PyObject *capsule =
        PyCapsule_New((void *)(uintptr_t)jpy_stock_exports, "cffi", NULL);
    int bad = capsule ? PyModule_AddObjectRef(module, "_C_API", capsule) : -1;
    Py_XDECREF(capsule);
    if (bad < 0)
        return -1;
    return PyModule_AddObjectRef(module, "FFI", type);
}
