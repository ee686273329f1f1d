/* SPDX-License-Identifier: MIT
 *
 * The functions of `_cffi_backend` that work on values: newp, cast, string,
 * from_buffer and so on. cffi's own front end is written over them; they take
 * ctypes where FFI's methods take strings too. Most are a check of the first
 * argument and then that method, on an FFI that declares nothing.
 */
#include "python/cffi/backend.h"

#include <string.h>

CTypeObject *jpy_backend_ctype(State *st, const char *function, int position,
                               PyObject *o)
{
    if (CType_Check(st, o))
        return (CTypeObject *)o;
    PyErr_Format(PyExc_TypeError,
                 "%s() argument %d must be _cffi_backend.CType, "
                 "not %.200s",
                 function, position, Py_TYPE(o)->tp_name);
    return NULL;
}

/* --- FFI's methods with stricter arguments -------------------------------- */

/* What the first argument of a function has to be. */
typedef enum First { ANY, CTYPE, CDATA, CTYPE_OR_CDATA } First;

static int check_first(State *st, const char *function, First first, PyObject *o)
{
    bool ctype = CType_Check(st, o), cdata = CData_Check(st, o);
    switch (first) {
    case ANY:
        return 0;
    case CTYPE:
        return jpy_backend_ctype(st, function, 1, o) ? 0 : -1;
    case CDATA:
        if (cdata)
            return 0;
        PyErr_Format(PyExc_TypeError, "expected a 'cdata' object, not '%.200s'",
                     Py_TYPE(o)->tp_name);
        return -1;
    case CTYPE_OR_CDATA:
        if (ctype || cdata)
            return 0;
        PyErr_SetString(PyExc_TypeError, "expected a 'cdata' or 'ctype' object");
        return -1;
    }
    return 0;
}

/* A function of the module over the method of FFI with the same arguments. */
#define OVER(name, method, first)                                      \
    static PyObject *b_##name(PyObject *module, PyObject *const *args, \
                              Py_ssize_t nargs, PyObject *kwnames)     \
    {                                                                  \
        State *st = jpy_state(module);                                 \
        if (nargs && check_first(st, #name, first, args[0]) < 0)       \
            return NULL;                                               \
        return jpy_ffi_##method(st->backend, args, nargs, kwnames);    \
    }
#define OVER_ONE(name, method, first)                          \
    static PyObject *b_##name(PyObject *module, PyObject *arg) \
    {                                                          \
        State *st = jpy_state(module);                         \
        return check_first(st, #name, first, arg) < 0          \
                   ? NULL                                      \
                   : jpy_ffi_##method(st->backend, arg);       \
    }

OVER(newp, new, CTYPE)
OVER(cast, cast, CTYPE)
OVER(callback, callback, CTYPE)
OVER(string, string, ANY)
OVER(unpack, unpack, ANY)
OVER(memmove, memmove, ANY)
OVER(gcp, gc, ANY)
OVER_ONE(alignof, alignof, CTYPE)
OVER_ONE(sizeof, sizeof, CTYPE_OR_CDATA)
OVER_ONE(typeof, typeof, CDATA)
OVER_ONE(from_handle, from_handle, ANY)
OVER_ONE(release, release, ANY)
#undef OVER
#undef OVER_ONE

/* The type comes first and is not optional. */
static PyObject *b_from_buffer(PyObject *module, PyObject *const *args,
                               Py_ssize_t nargs, PyObject *kwnames)
{
    static const ArgSpec spec = {
        "from_buffer", {"cdecl", "python_buffer", "require_writable", NULL}, 2};
    State *st = jpy_state(module);
    PyObject *a[3];
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0 ||
        !jpy_backend_ctype(st, "from_buffer", 1, a[0]))
        return NULL;
    return jpy_ffi_from_buffer(st->backend, a, a[2] ? 3 : 2, NULL);
}

static PyObject *b_newp_handle(PyObject *module, PyObject *args)
{
    State *st = jpy_state(module);
    PyObject *ct, *o;
    if (!PyArg_UnpackTuple(args, "newp_handle", 2, 2, &ct, &o) ||
        !jpy_backend_ctype(st, "newp_handle", 1, ct))
        return NULL;
    if ((CTypeObject *)ct == st->void_p)
        return jpy_ffi_new_handle(st->backend, o);
    PyErr_Format(PyExc_TypeError, "needs 'void *', got '%U'",
                 jpy_ctype_name((CTypeObject *)ct));
    return NULL;
}

static PyObject *b_get_errno(PyObject *module, PyObject *unused)
{
    (void)unused;
    return PyObject_GetAttrString(jpy_state(module)->backend, "errno");
}

static PyObject *b_set_errno(PyObject *module, PyObject *value)
{
    if (PyObject_SetAttrString(jpy_state(module)->backend, "errno", value) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* --- paths and addresses -------------------------------------------------- */

static PyObject *b_typeoffsetof(PyObject *module, PyObject *args)
{
    PyObject *o, *step;
    int following = 0;
    if (!PyArg_ParseTuple(args, "OO|i:typeoffsetof", &o, &step, &following))
        return NULL;
    CTypeObject *ct = jpy_backend_ctype(jpy_state(module), "typeoffsetof", 1, o);
    Py_ssize_t offset = 0;
    if (ct)
        ct = jpy_type_step(ct, step, !following, &offset);
    return ct ? Py_BuildValue("(On)", (PyObject *)ct, offset) : NULL;
}

static PyObject *b_rawaddressof(PyObject *module, PyObject *args)
{
    State *st = jpy_state(module);
    PyObject *type, *value;
    Py_ssize_t offset;
    if (!PyArg_ParseTuple(args, "OOn:rawaddressof", &type, &value, &offset))
        return NULL;
    CTypeObject *ct = jpy_backend_ctype(st, "rawaddressof", 1, type);
    if (!ct || check_first(st, "rawaddressof", CDATA, value) < 0)
        return NULL;
    CDataObject *cd = (CDataObject *)value;
    if (cd->ctype->code != V_RECORD && !CType_IsArray(cd->ctype) &&
        !cd->ctype->is_data_ptr) {
        PyErr_SetString(PyExc_TypeError,
                        "expected a cdata struct/union/array/pointer object");
        return NULL;
    }
    if (!ct->is_data_ptr) {
        PyErr_SetString(PyExc_TypeError, "expected a pointer ctype");
        return NULL;
    }
    return jpy_cdata(ct, (char *)((uintptr_t)cd->data + (uintptr_t)offset));
}

/* The C name with a text in the declarator's place, just so. */
static PyObject *b_getcname(PyObject *module, PyObject *args)
{
    PyObject *o;
    const char *text;
    if (!PyArg_ParseTuple(args, "Os:getcname", &o, &text))
        return NULL;
    CTypeObject *ct = jpy_backend_ctype(jpy_state(module), "getcname", 1, o);
    if (!ct)
        return NULL;
    jf_Buf name = JF_BUF_INIT;
    size_t place = 0;
    jf_type_print(ct->type, "", JF_PRINT_CFFI, &name, &place);
    jf_Buf out = JF_BUF_INIT;
    if (!name.failed && name.p) {
        jf_buf_put(&out, name.p, place);
        jf_buf_text(&out, text);
        jf_buf_put(&out, name.p + place, name.n - place);
    }
    PyObject *result = name.failed || out.failed || !out.p
                           ? PyErr_NoMemory()
                           : PyUnicode_FromStringAndSize(out.p, (Py_ssize_t)out.n);
    jf_buf_free(&out);
    jf_buf_free(&name);
    return result;
}

/* --- about the module ----------------------------------------------------- */

static PyObject *b_get_types(PyObject *module, PyObject *unused)
{
    (void)unused;
    State *st = jpy_state(module);
    return PyTuple_Pack(2, st->cdata_type, st->ctype_type);
}

/* Names that every cdef knows, and what they stand for. */
static PyObject *b_get_common_types(PyObject *module, PyObject *dict)
{
    (void)module;
    static const char *const common[][2] = {{"FILE", "struct _IO_FILE"},
                                            {"bool", "_Bool"}};
    if (!PyDict_Check(dict)) {
        PyErr_Format(PyExc_TypeError,
                     "_get_common_types() argument must be dict, "
                     "not %.200s",
                     Py_TYPE(dict)->tp_name);
        return NULL;
    }
    for (size_t i = 0; i < JF_COUNT(common); i++) {
        PyObject *value = PyUnicode_FromString(common[i][1]);
        int bad = value ? PyDict_SetItemString(dict, common[i][0], value) : -1;
        Py_XDECREF(value);
        if (bad < 0)
            return NULL;
    }
    Py_RETURN_NONE;
}

/* clang-format off */
#define FAST(name)                                                             \
    {#name, (PyCFunction)(void (*)(void))b_##name,                             \
     METH_FASTCALL | METH_KEYWORDS, NULL}
#define ONE(name) {#name, b_##name, METH_O, NULL}
#define ARGS(name) {#name, b_##name, METH_VARARGS, NULL}

static PyMethodDef functions[] = {
    ONE(alignof),
    FAST(callback),
    FAST(cast),
    {"complete_struct_or_union", jpy_backend_complete, METH_VARARGS, NULL},
    FAST(from_buffer),
    ONE(from_handle),
    FAST(gcp),
    {"get_errno", b_get_errno, METH_NOARGS, NULL},
    ARGS(getcname),
    {"load_library", jpy_backend_load_library, METH_VARARGS, NULL},
    FAST(memmove),
    FAST(newp),
    ARGS(newp_handle),
    ARGS(rawaddressof),
    ONE(release),
    ONE(set_errno),
    ONE(sizeof),
    FAST(string),
    ONE(typeof),
    ARGS(typeoffsetof),
    FAST(unpack),
    {"_get_common_types", b_get_common_types, METH_O, NULL},
    {"_get_types", b_get_types, METH_NOARGS, NULL},
    {"_testbuff", jpy_backend_testbuff, METH_VARARGS, NULL},
    {"_testfunc", jpy_backend_testfunc, METH_O, NULL},
    {NULL}
};
/* clang-format on */
#undef FAST
#undef ONE
#undef ARGS

/* dlopen's flags, which ffi objects have too; the names of the calling
 * conventions, as numbers that ctype.abi shows. */
static int add_constants(State *st, PyObject *module)
{
    static const char *const flags[] = {
        "RTLD_LAZY",     "RTLD_NOW",    "RTLD_GLOBAL",  "RTLD_LOCAL",
        "RTLD_NODELETE", "RTLD_NOLOAD", "RTLD_DEEPBIND"};
    for (size_t i = 0; i < JF_COUNT(flags); i++) {
        PyObject *v = PyObject_GetAttrString(st->backend, flags[i]);
        int bad = v ? PyModule_AddObjectRef(module, flags[i], v) : 0;
        if (!v)
            PyErr_Clear(); /* this system has no such flag */
        Py_XDECREF(v);
        if (bad < 0)
            return -1;
    }
    jf_Type *result = jf_type_prim(st->universe, JF_P_VOID);
    jf_Type *fn = jf_type_func(st->universe, result, NULL, 0, 0);
    CTypeObject *ct = fn ? jpy_ctype_steal(st, fn) : NULL;
    PyObject *abi = ct ? PyObject_GetAttrString((PyObject *)ct, "abi") : NULL;
    Py_XDECREF((PyObject *)ct);
    if (!fn)
        PyErr_NoMemory();
    int bad = abi && PyModule_AddObjectRef(module, "FFI_DEFAULT_ABI", abi) == 0 &&
                      PyModule_AddObjectRef(module, "FFI_CDECL", abi) == 0
                  ? 0
                  : -1;
    Py_XDECREF(abi);
    return bad;
}

/* cffi has a type for each way a cdata can own something; here there is one type
 * and a word in it. The names are there for who imports them. */
static int add_names(State *st, PyObject *module)
{
    static const char *const names[] = {
        "_cffi_backend.__CDataOwn", "_cffi_backend.__CDataOwnGC",
        "_cffi_backend.__CDataFromBuf", "_cffi_backend.__CDataGCP"};
    static PyType_Slot slots[] = {
        {Py_tp_doc, "A name of cffi's: no object has this type."}, {0, NULL}};
    for (size_t i = 0; i < JF_COUNT(names); i++) {
        PyType_Spec spec = {.name = names[i],
                            .basicsize = sizeof(PyObject),
                            .flags = Py_TPFLAGS_DEFAULT | JPY_TPFLAGS_NO_NEW,
                            .slots = slots};
        PyTypeObject *type = jpy_type(st, module, &spec, NULL);
        if (!type)
            return -1;
        jpy_type_no_new(type);
        int bad = PyModule_AddObjectRef(module, strchr(names[i], '.') + 1,
                                        (PyObject *)type);
        Py_DECREF((PyObject *)type);
        if (bad < 0)
            return -1;
    }
    return PyModule_AddObjectRef(module, "__CData_iterator",
                                 (PyObject *)st->cdata_iter_type);
}

int jpy_init_backend(State *st, PyObject *module)
{
    st->backend = PyObject_CallNoArgs((PyObject *)st->ffi_type);
    if (!st->backend || PyModule_AddFunctions(module, functions) < 0 ||
        add_constants(st, module) < 0 || add_names(st, module) < 0 ||
        PyModule_AddObjectRef(module, "_CDataBase", (PyObject *)st->cdata_type) < 0)
        return -1;
    return jpy_init_backend_types(st, module) < 0 ||
                   jpy_init_backend_lib(st, module) < 0
               ? -1
               : 0;
}
