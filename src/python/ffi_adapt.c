/* SPDX-License-Identifier: MIT
 *
 * C functions for those who call them without us: as a number, and as a capsule,
 * which is how SciPy, Cython and others hand C functions around. SciPy compares the
 * capsule's name with the signatures it takes, letter by letter; Cython likewise.
 * What is made of capsules in Python is in jiffi._adapters.
 */
#include <string.h>

#include "python/call.h"
#include "python/ffi.h"

/* What a capsule keeps. */
typedef struct Kept {
    PyObject *object; /* owned: the function, or what owns the memory */
    char name[];
} Kept;

/* The function-pointer cdata behind `o`; borrowed. NULL with an exception. */
static CDataObject *function_of(FFIObject *ffi, PyObject *o, const char *method)
{
    CDataObject *fn = jpy_ffi_cdata(ffi->st, o);
    if (!fn && PyErr_Occurred())
        return NULL;
    if (!fn || fn->ctype->type->kind != JF_PTR || !CType_IsFunction(fn->ctype)) {
        PyErr_Format(PyExc_TypeError,
                     "ffi.%s(): expected a C function (of a library, fused, or a "
                     "function pointer), not %.200s '%.200s'",
                     method, fn ? "cdata" : "an object of class",
                     fn ? jpy_cname(fn->ctype) : Py_TYPE(o)->tp_name);
        return NULL;
    }
    if (!fn->data)
        return jpy_null_error(fn), NULL;
    return fn;
}

FFI_ONE(address)
{
    CDataObject *fn = function_of((FFIObject *)self, arg, "address");
    return fn ? PyLong_FromVoidPtr(fn->data) : NULL;
}

static void let_go(PyObject *capsule)
{
    Kept *kept = PyCapsule_GetContext(capsule);
    Py_DECREF(kept->object);
    PyMem_Free(kept);
}

/* `name` NULL: without one. */
static PyObject *make_capsule(void *address, const char *name, PyObject *object)
{
    size_t n = name ? strlen(name) : 0;
    Kept *kept = PyMem_Malloc(sizeof *kept + n + 1);
    if (!kept)
        return PyErr_NoMemory();
    memcpy(kept->name, name ? name : "", n + 1);
    PyObject *capsule = PyCapsule_New(address, name ? kept->name : NULL, NULL);
    if (!capsule || PyCapsule_SetContext(capsule, kept) < 0 ||
        PyCapsule_SetDestructor(capsule, let_go) < 0) {
        PyMem_Free(kept);
        Py_XDECREF(capsule);
        return NULL;
    }
    kept->object = Py_NewRef(object);
    return capsule;
}

/* As SciPy and Cython write it: "double (double, void *)". */
static PyObject *signature_capsule(CDataObject *fn, PyObject *o)
{
    jf_Buf b = JF_BUF_INIT;
    jf_type_print(fn->ctype->type->to, " ", 0, &b, NULL);
    PyObject *capsule =
        b.failed ? PyErr_NoMemory() : make_capsule(fn->data, b.p, o);
    jf_buf_free(&b);
    return capsule;
}

FFI_FAST(capsule)
{
    static const ArgSpec spec = {"capsule", {"function", "name", NULL}, 1};
    PyObject *a[2];
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0)
        return NULL;
    CDataObject *fn = function_of((FFIObject *)self, a[0], "capsule");
    if (!fn)
        return NULL;
    if (!a[1] || a[1] == Py_None)
        return signature_capsule(fn, a[0]);
    if (!PyUnicode_Check(a[1]))
        return jpy_ffi_bad_type("str as the capsule's name", a[1]);
    const char *name = PyUnicode_AsUTF8(a[1]);
    return name ? make_capsule(fn->data, name, a[0]) : NULL;
}

/* ffi._data_capsule(cdata): a capsule without name of what a pointer or an array
 * leads to: user data for scipy.LowLevelCallable. */
PyObject *jpy_ffi__data_capsule(PyObject *self, PyObject *arg)
{
    State *st = ((FFIObject *)self)->st;
    CDataObject *cd = CData_Check(st, arg) ? (CDataObject *)arg : NULL;
    if (!cd || (!cd->ctype->is_data_ptr && cd->ctype->code != V_ARRAY))
        return jpy_ffi_bad_type("pointer or array cdata as user_data", arg);
    if (!cd->data) {
        PyErr_SetString(PyExc_ValueError,
                        "user_data is a NULL pointer: leave it out");
        return NULL;
    }
    return make_capsule(cd->data, NULL, arg);
}
