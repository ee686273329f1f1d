/* SPDX-License-Identifier: MIT
 *
 * The FFI object itself: its life, its class attributes, and the table of its
 * methods. The methods are in the other ffi files, by topic.
 */
#include <stdlib.h>
#include <string.h>

#include "python/cffi/stock.h"
#include "python/checked.h"
#include "python/export.h"
#include "python/ffi.h"
#include "python/ffi_doc.h"
#include "python/pickle.h"

/* --- life ----------------------------------------------------------------- */

/* The state belongs to the module that made the FFI type. `type` may be a
 * subclass; ours is the last one, going up, that is freed by jpy_ffi_dealloc. */
static State *state_of(PyTypeObject *type)
{
    PyTypeObject *ours = NULL;
    for (; type; type = type->tp_base) {
        if (type->tp_dealloc == jpy_ffi_dealloc)
            ours = type;
    }
    JF_ASSERT(ours);
    PyObject *module = PyType_GetModule(ours);
    return module ? jpy_state(module) : NULL;
}

PyObject *jpy_ffi_make(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)args;
    (void)kwargs;
    State *st = state_of(type);
    if (!st)
        return NULL;
    FFIObject *ffi = (FFIObject *)type->tp_alloc(type, 0);
    if (!ffi)
        return NULL;
    ffi->st = st;
    st->refs++;
    ffi->gil = st->cffi ? JF_GIL_RELEASE : JF_GIL_AUTO;
    ffi->scope = jf_scope_new(st->universe);
    if (!ffi->scope)
        PyErr_NoMemory();
    else if (st->cffi)
        jf_scope_be_strict(ffi->scope);
    ffi->types = PyDict_New();
    ffi->libs = PyList_New(0);
    ffi->onces = PyDict_New();
    ffi->included = PyList_New(0);
    if (ffi->scope && !st->cffi && (ffi->origin = jpy_origin_new(ffi)) != NULL)
        jpy_origin_own(ffi);
    if (ffi->scope && ffi->types && ffi->libs && ffi->onces && ffi->included &&
        (ffi->origin || st->cffi))
        return (PyObject *)ffi;
    Py_DECREF(ffi);
    return NULL;
}

/* FFI(checked=...): 1, 0, or -1 with an exception. What is not said, the class says
 * (of a checked FFI's type), and else the environment. */
static int wants_checks(State *st, PyTypeObject *type, PyObject *kwargs)
{
    PyObject *o = kwargs ? PyDict_GetItemString(kwargs, "checked") : NULL;
    if (o && o != Py_None)
        return PyObject_IsTrue(o);
    if (st->checked && PyType_IsSubtype(type, st->checked->ffi_type))
        return 1;
    const char *all = getenv("JIFFI_CHECKED");
    return all && *all && strcmp(all, "0") != 0;
}

static PyObject *ffi_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    State *st = state_of(type);
    int checked = st ? wants_checks(st, type, kwargs) : -1;
    if (checked <= 0)
        return checked < 0 ? NULL : jpy_ffi_make(type, args, kwargs);
    PyTypeObject *class_ = jpy_checked_ffi_class(st, type);
    PyObject *ffi = class_ ? jpy_ffi_make(class_, args, kwargs) : NULL;
    Py_XDECREF((PyObject *)class_);
    if (ffi)
        ((FFIObject *)ffi)->checked = 1;
    return ffi;
}

static int ffi_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *ours[] = {"backend", "gil",       "callback_errors",
                           "checked", "may_throw", NULL};
    static char *theirs[] = {"backend", "gil", NULL};
    FFIObject *ffi = (FFIObject *)self;
    PyObject *backend = Py_None, *gil = Py_None, *errors = NULL;
    PyObject *checked = NULL; /* ffi_new() has looked at it */
    int may_throw = 0;
    bool cffi = ffi->st->cffi;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, cffi ? "|O$O:FFI" : "|O$OOOp:FFI", cffi ? theirs : ours,
            &backend, &gil, &errors, &checked, &may_throw) ||
        jpy_ffi_read_errors(errors, false, &ffi->callback_errors) < 0)
        return -1;
    if (PyLong_Check(backend) || PyUnicode_Check(backend) ||
        PyBytes_Check(backend)) {
        PyErr_Format(
            PyExc_TypeError,
            "FFI(): backend must be None or a back end of cffi, not '%.200s'",
            Py_TYPE(backend)->tp_name);
        return -1;
    }
    ffi->may_throw = may_throw != 0;
    return jpy_ffi_read_gil(gil, &ffi->gil);
}

int jpy_ffi_traverse(PyObject *self, visitproc visit, void *arg)
{
    FFIObject *ffi = (FFIObject *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(ffi->types);
    Py_VISIT(ffi->libs);
    Py_VISIT(ffi->dict);
    Py_VISIT(ffi->onces);
    Py_VISIT(ffi->included);
    Py_VISIT(ffi->build);
    Py_VISIT(ffi->cxx);
    return 0;
}

int jpy_ffi_clear(PyObject *self)
{
    FFIObject *ffi = (FFIObject *)self;
    /* The lists stay: methods called by destructors still find them. */
    if (ffi->types)
        PyDict_Clear(ffi->types);
    if (ffi->onces)
        PyDict_Clear(ffi->onces);
    if (ffi->included)
        PyList_SetSlice(ffi->included, 0, PyList_GET_SIZE(ffi->included), NULL);
    if (ffi->build)
        PyList_SetSlice(ffi->build, 0, PyList_GET_SIZE(ffi->build), NULL);
    Py_CLEAR(ffi->dict);
    return 0;
}

void jpy_ffi_dealloc(PyObject *self)
{
    FFIObject *ffi = (FFIObject *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    jpy_origin_leave(ffi);
    if (ffi->weakrefs)
        PyObject_ClearWeakRefs(self);
    Py_CLEAR(ffi->dict);
    Py_CLEAR(ffi->types);
    Py_CLEAR(ffi->libs);
    Py_CLEAR(ffi->onces);
    Py_CLEAR(ffi->included);
    Py_CLEAR(ffi->build);
    Py_CLEAR(ffi->cxx);
    Py_CLEAR(ffi->texts);
    jpy_stock_free(ffi->stock);
    if (ffi->scope)
        jf_scope_free(ffi->scope);
    if (ffi->st)
        jpy_state_unref(ffi->st);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *ffi_repr(PyObject *self)
{
    FFIObject *ffi = (FFIObject *)self;
    return PyUnicode_FromFormat(
        "<%s object at %p: %u names declared, %zd included>",
        Py_TYPE(self)->tp_name, (void *)self, (unsigned)jf_scope_size(ffi->scope),
        PyList_GET_SIZE(ffi->included));
}

/* --- errno ---------------------------------------------------------------- */

PyObject *jpy_ffi_get_errno(PyObject *self, void *closure)
{
    (void)self;
    (void)closure;
    return PyLong_FromLong(jf_os_errno_saved());
}

int jpy_ffi_set_errno(PyObject *self, PyObject *value, void *closure)
{
    (void)self;
    (void)closure;
    if (!value) {
        PyErr_SetString(PyExc_AttributeError, "cannot delete ffi.errno");
        return -1;
    }
    long v = PyLong_AsLong(value);
    if (v == -1 && PyErr_Occurred())
        return -1;
    if (v < INT_MIN || v > INT_MAX) {
        PyErr_SetString(PyExc_OverflowError, "errno value too large");
        return -1;
    }
    jf_os_errno_set_saved((int)v);
    return 0;
}

/* --- the type ------------------------------------------------------------- */

/* clang-format off */
#define AS_FUNCTION(name) (PyCFunction)(void (*)(void))jpy_ffi_##name
#define FAST(name)                                                             \
    {#name, AS_FUNCTION(name), METH_FASTCALL | METH_KEYWORDS, DOC_##name}
#define ONE(name) {#name, jpy_ffi_##name, METH_O, DOC_##name}
#define PLAIN(name)                                                            \
    {#name, AS_FUNCTION(name), METH_VARARGS | METH_KEYWORDS, DOC_##name}

static PyMethodDef ffi_methods[] = {
    ONE(address),
    FAST(addressof),
    ONE(alignof),
    FAST(asarray),
    PLAIN(aio),
    PLAIN(batch),
    PLAIN(check),
    FAST(callback),
    FAST(capsule),
    FAST(cast),
    FAST(cdef),
    FAST(column),
    PLAIN(compile),
    FAST(cxx_exception),
    PLAIN(def_extern),
    PLAIN(distutils_extension),
    ONE(dlclose),
    FAST(dlopen),
    ONE(dtype),
    PLAIN(embedding_api),
    PLAIN(embedding_init_code),
    PLAIN(emit_c_code),
    PLAIN(emit_python_code),
    PLAIN(explain),
    {"_explain", jpy_ffi__explain, METH_O, NULL},
    FAST(from_buffer),
    PLAIN(fuse),
    PLAIN(fused_program),
    ONE(from_handle),
    FAST(gc),
    FAST(getctype),
    {"gil", AS_FUNCTION(gil), METH_FASTCALL, DOC_gil},
    ONE(include),
    FAST(init_once),
    PLAIN(inline),
    FAST(integer_const),
    {"list_types", jpy_ffi_list_types, METH_NOARGS, DOC_list_types},
    PLAIN(low_level_callable),
    FAST(map),
    FAST(memmove),
    FAST(new),
    FAST(new_allocator),
    ONE(new_handle),
    FAST(offsetof),
    FAST(pack),
    ONE(release),
    PLAIN(set_source),
    PLAIN(set_source_pkgconfig),
    ONE(set_unicode),
    PLAIN(sized),
    ONE(sizeof),
    FAST(string),
    PLAIN(stream),
    PLAIN(struct_from),
    PLAIN(to_ctypes),
    FAST(to_dlpack),
    ONE(typeof),
    PLAIN(ufunc),
    FAST(unpack),
    PLAIN(verify),
    PLAIN(where),
    {"_adopt", jpy_ffi__adopt, METH_O, NULL},
    {"_data_capsule", jpy_ffi__data_capsule, METH_O, NULL},
    {"_included", jpy_ffi__included, METH_NOARGS, NULL},
    {"_declared", jpy_ffi__declared, METH_NOARGS, NULL},
    {"_stream_fits", jpy_ffi__stream_fits, METH_VARARGS, NULL},
    {"_stream_shape", jpy_ffi__stream_shape, METH_O, NULL},
    {"_texts", jpy_ffi__texts, METH_NOARGS, NULL},
    {"__reduce__", jpy_reduce, METH_NOARGS, NULL},
    {"__copy__", jpy_copy_same, METH_NOARGS, NULL},
    {"__deepcopy__", jpy_copy_same, METH_O, NULL},
    {NULL}
};
/* clang-format on */

static PyObject *get_checked(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((FFIObject *)self)->checked);
}

/* In place of cffi, whose FFI has no such name, programs may use it as theirs. */
static int set_checked(PyObject *self, PyObject *value, void *closure)
{
    FFIObject *ffi = (FFIObject *)self;
    (void)closure;
    (void)value;
    if (ffi->st->cffi)
        return 0;
    PyErr_SetString(PyExc_AttributeError,
                    "FFI.checked is read-only: say FFI(checked=True)");
    return -1;
}

static PyGetSetDef ffi_getset[] = {
    {"checked", get_checked, set_checked,
     "Are its memory, pointers and calls checked? FFI(checked=True).", NULL},
    {"errno", jpy_ffi_get_errno, jpy_ffi_set_errno, DOC_errno, NULL},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyMemberDef ffi_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(FFIObject, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(FFIObject, weakrefs), READONLY,
     NULL},
    {NULL, 0, 0, 0, NULL}};

static PyType_Slot ffi_slots[] = {{Py_tp_doc, DOC_FFI},
                                  {Py_tp_new, ffi_new},
                                  {Py_tp_init, ffi_init},
                                  {Py_tp_dealloc, jpy_ffi_dealloc},
                                  {Py_tp_traverse, jpy_ffi_traverse},
                                  {Py_tp_clear, jpy_ffi_clear},
                                  {Py_tp_repr, ffi_repr},
                                  {Py_tp_methods, ffi_methods},
                                  {Py_tp_getset, ffi_getset},
                                  {Py_tp_members, ffi_members},
                                  {0, NULL}};

static PyType_Spec ffi_spec = {
    "jiffi.FFI", sizeof(FFIObject), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE, ffi_slots};

/* dlopen's flags under the names Python's os module has them by: what the
 * system lacks is left out, and the four that cffi always has are 0 then. */
static int add_flags(PyObject *type)
{
    static const char *const names[] = {
        "RTLD_LAZY",     "RTLD_NOW",    "RTLD_GLOBAL",  "RTLD_LOCAL",
        "RTLD_NODELETE", "RTLD_NOLOAD", "RTLD_DEEPBIND"};
    PyObject *os = PyImport_ImportModule("os");
    int status = os ? 0 : -1;
    for (size_t i = 0; status == 0 && i < JF_COUNT(names); i++) {
        PyObject *v = PyObject_GetAttrString(os, names[i]);
        if (!v) {
            PyErr_Clear();
            v = i < 4 ? PyLong_FromLong(0) : NULL;
        }
        if (v)
            status = PyObject_SetAttrString(type, names[i], v);
        else if (PyErr_Occurred())
            status = -1;
        Py_XDECREF(v);
    }
    Py_XDECREF(os);
    return status;
}

/* ffi.NULL and friends, on the class. */
static int add_constants(State *st)
{
    PyObject *type = (PyObject *)st->ffi_type;
    if (!st->null) {
        Py_INCREF(st->void_p);
        st->null = jpy_cdata(st->void_p, NULL);
        if (!st->null)
            return -1;
    }
    const struct {
        const char *name;
        PyObject *value;
    } all[] = {{"NULL", st->null},
               {"CData", (PyObject *)st->cdata_type},
               {"CType", (PyObject *)st->ctype_type},
               {"buffer", (PyObject *)st->buffer_type},
               {"error", st->ffi_error},
               {"BVoidP", (PyObject *)st->void_p},
               {"BCharA", (PyObject *)st->char_array}};
    for (size_t i = 0; i < JF_COUNT(all); i++) {
        if (all[i].value &&
            PyObject_SetAttrString(type, all[i].name, all[i].value) < 0)
            return -1;
    }
    return add_flags(type);
}

static PyMethodDef functions[] = {
    {"features", jpy_ffi_features, METH_NOARGS, DOC_features},
    {"_features", jpy_features_more, METH_NOARGS, NULL},
    {"checked_report", jpy_checked_report, METH_NOARGS, DOC_checked_report},
    {"_checked_name", jpy_checked_name, METH_O, NULL},
    {"_ufunc_origin", jpy_ufunc_origin, METH_O, NULL},
    {NULL, NULL, 0, NULL}};

int jpy_init_ffi(State *st, PyObject *module)
{
    if (jpy_init_buffer(st, module) < 0 || jpy_init_view(st, module) < 0)
        return -1;
    st->ffi_type = jpy_type(st, module, &ffi_spec, NULL);
    if (!st->ffi_type)
        return -1;
    if (add_constants(st) < 0)
        return -1;
    if (PyModule_AddFunctions(module, functions) < 0)
        return -1;
    /* `_cffi_backend.FFI` is another class; this one is below cffi.FFI. */
    return PyModule_AddObjectRef(module, st->cffi ? "_InlineFFI" : "FFI",
                                 (PyObject *)st->ffi_type);
}
