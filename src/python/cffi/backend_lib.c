/* SPDX-License-Identifier: MIT
 *
 * CLibrary: what load_library() returns. It declares nothing: who asks for a
 * function or a variable says its type.
 */
#include "python/cffi/backend.h"

#include <string.h>

typedef struct CLibrary {
    PyObject_HEAD State
        *st;       /* borrowed: the type holds the module, the module the state */
    jf_OsLib *lib; /* owned; NULL once closed */
    char *name;    /* owned */
} CLibrary;

static int clib_close(CLibrary *self)
{
    jf_OsLib *lib = self->lib;
    jf_Diag d = JF_DIAG_INIT;
    self->lib = NULL;
    if (!lib || jf_os_lib_close(lib, &d) == JF_OK)
        return 0;
    jpy_raise_status(self->st, &d);
    return -1;
}

static void clib_dealloc(PyObject *o)
{
    CLibrary *self = (CLibrary *)o;
    PyTypeObject *type = Py_TYPE(o);
    if (clib_close(self) < 0)
        PyErr_WriteUnraisable(NULL);
    jf_free(self->name);
    type->tp_free(o);
    Py_DECREF(type);
}

static PyObject *clib_repr(PyObject *o)
{
    return PyUnicode_FromFormat("<clibrary '%s'>", ((CLibrary *)o)->name);
}

/* The address of `name`; NULL with an exception of class `missing`. */
static char *address(CLibrary *self, const char *what, const char *name,
                     PyObject *missing)
{
    if (!self->lib) {
        PyErr_Format(PyExc_ValueError, "library '%s' has already been closed",
                     self->name);
        return NULL;
    }
    jf_Diag d = JF_DIAG_INIT;
    char *p = jf_os_lib_symbol(self->lib, name, &d);
    if (!p)
        PyErr_Format(missing, "%s '%s' not found in library '%s': %s", what, name,
                     self->name, d.hint ? d.hint : "no address");
    jf_diag_clear(&d);
    return p;
}

static PyObject *clib_load_function(PyObject *o, PyObject *args)
{
    CLibrary *self = (CLibrary *)o;
    PyObject *type;
    const char *name;
    if (!PyArg_ParseTuple(args, "Os:load_function", &type, &name))
        return NULL;
    CTypeObject *ct = jpy_backend_ctype(self->st, "load_function", 1, type);
    if (!ct)
        return NULL;
    if (ct->code != V_POINTER && !CType_IsArray(ct)) {
        PyErr_Format(PyExc_TypeError,
                     "function or pointer or array cdata expected, got '%U'",
                     jpy_ctype_name(ct));
        return NULL;
    }
    char *p = address(self, "function/symbol", name, PyExc_AttributeError);
    if (!p)
        return NULL;
    if (!CType_IsOpen(ct))
        return jpy_cdata(ct, p);
    CTypeObject *item = jpy_item(ct), *to = item ? jpy_pointer_to(item) : NULL;
    PyObject *result = to ? jpy_cdata(to, p) : NULL;
    Py_XDECREF((PyObject *)to);
    return result;
}

static PyObject *clib_read_variable(PyObject *o, PyObject *args)
{
    CLibrary *self = (CLibrary *)o;
    PyObject *type;
    const char *name;
    if (!PyArg_ParseTuple(args, "Os:read_variable", &type, &name))
        return NULL;
    CTypeObject *ct = jpy_backend_ctype(self->st, "read_variable", 1, type);
    char *p = ct ? address(self, "variable", name, PyExc_KeyError) : NULL;
    return p ? jpy_to_object(ct, p, NULL) : NULL;
}

static PyObject *clib_write_variable(PyObject *o, PyObject *args)
{
    CLibrary *self = (CLibrary *)o;
    PyObject *type, *value;
    const char *name;
    if (!PyArg_ParseTuple(args, "OsO:write_variable", &type, &name, &value))
        return NULL;
    CTypeObject *ct = jpy_backend_ctype(self->st, "write_variable", 1, type);
    char *p = ct ? address(self, "variable", name, PyExc_KeyError) : NULL;
    if (!p || jpy_from_object(ct, p, value) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *clib_close_lib(PyObject *o, PyObject *unused)
{
    (void)unused;
    if (clib_close((CLibrary *)o) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef clib_methods[] = {
    {"load_function", clib_load_function, METH_VARARGS, NULL},
    {"read_variable", clib_read_variable, METH_VARARGS, NULL},
    {"write_variable", clib_write_variable, METH_VARARGS, NULL},
    {"close_lib", clib_close_lib, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL}};

static PyType_Slot clib_slots[] = {
    {Py_tp_dealloc, clib_dealloc},
    {Py_tp_repr, clib_repr},
    {Py_tp_methods, clib_methods},
    {0, NULL},
};

static PyType_Spec clib_spec = {
    .name = "_cffi_backend.CLibrary",
    .basicsize = sizeof(CLibrary),
    .flags = Py_TPFLAGS_DEFAULT | JPY_TPFLAGS_NO_NEW,
    .slots = clib_slots,
};

PyObject *jpy_backend_load_library(PyObject *module, PyObject *args)
{
    State *st = jpy_state(module);
    PyObject *name;
    int flags = 0;
    if (!PyArg_ParseTuple(args, "O|i:load_library", &name, &flags))
        return NULL;
    jf_OsLib *lib = jpy_dl_open(st, name, flags);
    if (!lib)
        return NULL;
    CLibrary *self = (CLibrary *)st->clibrary_type->tp_alloc(st->clibrary_type, 0);
    if (!self) {
        jf_os_lib_close(lib, NULL);
        return NULL;
    }
    const char *found = jf_os_lib_name(lib);
    self->st = st;
    self->lib = lib;
    self->name = jf_strndup(found && *found ? found : "<None>",
                            found && *found ? strlen(found) : 6);
    if (self->name)
        return (PyObject *)self;
    Py_DECREF((PyObject *)self);
    return PyErr_NoMemory();
}

int jpy_init_backend_lib(State *st, PyObject *module)
{
    st->clibrary_type = jpy_type(st, module, &clib_spec, NULL);
    if (!st->clibrary_type)
        return -1;
    jpy_type_no_new(st->clibrary_type);
    return PyModule_AddObjectRef(module, "CLibrary", (PyObject *)st->clibrary_type);
}
