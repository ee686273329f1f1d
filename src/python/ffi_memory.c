/* SPDX-License-Identifier: MIT
 *
 * FFI methods that make and move memory: new, cast, new_allocator, gc,
 * release, from_buffer, memmove. The objects are cdata.c's; what is
 * decided here is who keeps what alive, and what is refused.
 */
#include <string.h>

#include "python/convert_arg.h"
#include "python/ffi.h"
#include "python/ffi_doc.h"

/* --- new, cast ------------------------------------------------------------ */

PyObject *jpy_ffi_new(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                      PyObject *kwnames)
{
    static const ArgSpec spec = {"new", {"cdecl", "init", NULL}, 1};
    FFIObject *ffi = (FFIObject *)self;
    PyObject *a[2];
    if (JF_LIKELY(!kwnames && nargs >= 1 && nargs <= 2)) {
        a[0] = args[0];
        a[1] = nargs == 2 ? args[1] : NULL;
    } else if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0) {
        return NULL;
    }
    CTypeObject *ct = jpy_ffi_type(ffi, a[0], 0);
    if (!ct)
        return NULL;
    PyObject *result = JF_UNLIKELY(ffi->st->traces > 0) && jpy_traces(ffi->st)
                           ? jpy_trace_new(ct, a[1])
                           : jpy_new(ct, a[1]);
    Py_DECREF(ct);
    return result;
}

PyObject *jpy_ffi_cast(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames)
{
    static const ArgSpec spec = {"cast", {"cdecl", "source", NULL}, 2};
    PyObject *a[2];
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0)
        return NULL;
    CTypeObject *ct = jpy_ffi_type((FFIObject *)self, a[0], 0);
    if (!ct)
        return NULL;
    PyObject *result = jpy_is_traced(((FFIObject *)self)->st, a[1])
                           ? PyObject_CallMethod(a[1], "_cast", "O", ct)
                           : jpy_cast(ct, a[1]);
    Py_DECREF(ct);
    return result;
}

/* What new_allocator() returns: `self` is (ffi, alloc, free, clear). */
static PyObject *allocator_new(PyObject *self, PyObject *const *args,
                               Py_ssize_t nargs, PyObject *kwnames)
{
    static const ArgSpec spec = {"allocator", {"cdecl", "init", NULL}, 1};
    PyObject *a[2], *alloc = PyTuple_GET_ITEM(self, 1),
                    *free_ = PyTuple_GET_ITEM(self, 2);
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0)
        return NULL;
    CTypeObject *ct = jpy_ffi_type((FFIObject *)PyTuple_GET_ITEM(self, 0), a[0], 0);
    if (!ct)
        return NULL;
    PyObject *result = jpy_new_with(ct, a[1], alloc == Py_None ? NULL : alloc,
                                    free_ == Py_None ? NULL : free_,
                                    PyTuple_GET_ITEM(self, 3) == Py_True);
    Py_DECREF(ct);
    return result;
}

static PyMethodDef allocator_def = {"allocator",
                                    (PyCFunction)(void (*)(void))allocator_new,
                                    METH_FASTCALL | METH_KEYWORDS, DOC_allocator};

PyObject *jpy_ffi_new_allocator(PyObject *self, PyObject *const *args,
                                Py_ssize_t nargs, PyObject *kwnames)
{
    static const ArgSpec spec = {
        "new_allocator", {"alloc", "free", "should_clear_after_alloc", NULL}, 0};
    PyObject *a[3];
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0)
        return NULL;
    for (int i = 0; i < 2; i++) {
        if (!a[i])
            a[i] = Py_None;
        if (a[i] != Py_None && !PyCallable_Check(a[i])) {
            PyErr_Format(PyExc_TypeError,
                         "new_allocator(): '%s' must be callable or None, "
                         "not '%.200s'",
                         spec.names[i], Py_TYPE(a[i])->tp_name);
            return NULL;
        }
    }
    if (a[0] == Py_None && a[1] != Py_None) {
        PyErr_SetString(PyExc_TypeError, "cannot pass 'free' without 'alloc'");
        return NULL;
    }
    int clear = a[2] ? PyObject_IsTrue(a[2]) : 1;
    if (clear < 0)
        return NULL;
    PyObject *bound = PyTuple_Pack(4, self, a[0], a[1], clear ? Py_True : Py_False);
    if (!bound)
        return NULL;
    PyObject *result = PyCFunction_New(&allocator_def, bound);
    Py_DECREF(bound);
    return result;
}

/* --- gc, release ---------------------------------------------------------- */

PyObject *jpy_ffi_gc(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                     PyObject *kwnames)
{
    static const ArgSpec spec = {"gc", {"cdata", "destructor", "size", NULL}, 2};
    State *st = ((FFIObject *)self)->st;
    PyObject *a[3];
    Py_ssize_t size = 0; /* an estimate, for collectors that weigh objects */
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0 ||
        jpy_ffi_ssize(a[2], &size) < 0)
        return NULL;
    CDataObject *cd = jpy_ffi_cdata(st, a[0]);
    if (!cd)
        return jpy_ffi_bad_type("cdata object", a[0]);
    if (a[1] == Py_None) {
        if (jpy_gc_forget(cd) < 0)
            return NULL;
        Py_RETURN_NONE;
    }
    if (!PyCallable_Check(a[1])) {
        PyErr_Format(PyExc_TypeError,
                     "gc(): the destructor must be callable, not '%.200s'",
                     Py_TYPE(a[1])->tp_name);
        return NULL;
    }
    return jpy_gc(cd, a[1]);
}

PyObject *jpy_ffi_release(PyObject *self, PyObject *arg)
{
    if (!CData_Check(((FFIObject *)self)->st, arg)) {
        PyErr_SetString(PyExc_TypeError, "expected a 'cdata' object");
        return NULL;
    }
    return jpy_release((CDataObject *)arg);
}

/* --- buffers of Python objects -------------------------------------------- */

static int get_contiguous(State *st, PyObject *o, Py_buffer *view, bool writable)
{
    if (PyObject_CheckBuffer(o) || st->cffi) {
        if (PyObject_GetBuffer(o, view, writable ? PyBUF_WRITABLE : PyBUF_SIMPLE) <
            0)
            return -1;
    } else {
        int lent = jpy_any_view(st, o, view); /* tensors, columns */
        if (lent == 0)
            lent = PyObject_GetBuffer(o, view, PyBUF_SIMPLE); /* says why not */
        if (lent < 0)
            return -1;
    }
    if (PyBuffer_IsContiguous(view, 'A') && !(writable && view->readonly))
        return 0;
    if (!PyBuffer_IsContiguous(view, 'A'))
        PyErr_SetString(PyExc_TypeError, "contiguous buffer expected");
    else
        PyErr_Format(PyExc_BufferError, "this %.200s is read-only",
                     Py_TYPE(o)->tp_name);
    jpy_view_release(view);
    return -1;
}

/* Items of `ct` that `view` has room for; -1 with an exception. */
static Py_ssize_t buffer_items(CTypeObject *ct, const Py_buffer *view)
{
    const jf_Type *t = ct->type;
    if (t->kind == JF_PTR)
        return view->len;
    if (t->length != JF_UNKNOWN) {
        Py_ssize_t need = jpy_ctype_size(ct);
        if (need < 0)
            return -1;
        if (view->len < need) {
            PyErr_Format(PyExc_ValueError,
                         "buffer is too small (%zd bytes) for '%U' (%zd bytes)",
                         view->len, jpy_ctype_name(ct), need);
            return -1;
        }
        return (Py_ssize_t)t->length;
    }
    if (!jpy_item(ct))
        return -1;
    Py_ssize_t item = jpy_ctype_size(ct->item);
    if (item < 0)
        return -1;
    if (item == 0) {
        PyErr_Format(
            PyExc_ZeroDivisionError,
            "from_buffer('%U', ..): the actual length of the array cannot be "
            "computed",
            jpy_ctype_name(ct));
        return -1;
    }
    return view->len / item; /* a partial last item is left out */
}

static PyObject *cdata_of_buffer(CTypeObject *ct, PyObject *o, bool writable)
{
    if (!ct->is_data_ptr && !CType_IsArray(ct)) {
        PyErr_Format(PyExc_TypeError, "expected a pointer or array ctype, got '%U'",
                     jpy_ctype_name(ct));
        return NULL;
    }
    if (PyUnicode_Check(o)) {
        PyErr_SetString(PyExc_TypeError, "from_buffer() cannot return the address "
                                         "of a unicode object");
        return NULL;
    }
    Py_buffer *view = PyMem_Malloc(sizeof *view);
    if (!view)
        return PyErr_NoMemory();
    if (get_contiguous(ct->st, o, view, writable) < 0) {
        PyMem_Free(view);
        return NULL;
    }
    Py_ssize_t items = buffer_items(ct, view);
    CDataExt *x = items < 0 ? NULL : jpy_ext_new(ct, view->buf, EXT_BUFFER);
    if (!x) {
        jpy_view_release(view);
        PyMem_Free(view);
        return NULL;
    }
    x->base.length = items;
    x->view = view;
    return (PyObject *)x;
}

PyObject *jpy_ffi_from_buffer(PyObject *self, PyObject *const *args,
                              Py_ssize_t nargs, PyObject *kwnames)
{
    static const ArgSpec spec = {
        "from_buffer", {"cdecl", "python_buffer", "require_writable", NULL}, 1};
    FFIObject *ffi = (FFIObject *)self;
    PyObject *a[3];
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0)
        return NULL;
    int writable = a[2] ? PyObject_IsTrue(a[2]) : 0;
    if (writable < 0)
        return NULL;
    if (!a[1])
        return cdata_of_buffer(ffi->st->char_array, a[0], writable);
    CTypeObject *ct = jpy_ffi_type(ffi, a[0], 0);
    if (!ct)
        return NULL;
    PyObject *result = cdata_of_buffer(ct, a[1], writable);
    Py_DECREF(ct);
    return result;
}

int jpy_ffi_get_bytes(State *st, PyObject *o, Py_buffer *view, bool writable)
{
    if (!CData_Check(st, o))
        return get_contiguous(st, o, view, writable);
    CDataObject *cd = (CDataObject *)o;
    if (!cd->ctype->is_data_ptr && !CType_IsArray(cd->ctype)) {
        PyErr_Format(PyExc_TypeError, "expected a pointer or array ctype, got '%U'",
                     jpy_ctype_name(cd->ctype));
        return -1;
    }
    view->buf = cd->data;
    view->obj = NULL;
    view->len = -1;
    return 0;
}

/* cffi copies beyond the end of a Python buffer; here its length is known. */
static int check_room(const Py_buffer *view, const char *what, Py_ssize_t n)
{
    if (view->len < 0 || n <= view->len)
        return 0;
    PyErr_Format(PyExc_ValueError,
                 "memmove(): n is %zd but '%s' has only %zd bytes", n, what,
                 view->len);
    return -1;
}

static int check_null(const Py_buffer *view, const char *what, Py_ssize_t n)
{
    if (view->buf || n == 0)
        return 0;
    PyErr_Format(PyExc_RuntimeError, "memmove(): '%s' is a NULL pointer", what);
    return -1;
}

PyObject *jpy_ffi_memmove(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                          PyObject *kwnames)
{
    static const ArgSpec spec = {"memmove", {"dest", "src", "n", NULL}, 3};
    State *st = ((FFIObject *)self)->st;
    PyObject *a[3];
    Py_buffer dest, src;
    Py_ssize_t n = 0;
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0 ||
        jpy_ffi_ssize(a[2], &n) < 0)
        return NULL;
    if (n < 0) {
        PyErr_SetString(PyExc_ValueError, "negative size");
        return NULL;
    }
    if (jpy_ffi_get_bytes(st, a[1], &src, false) < 0)
        return NULL;
    if (jpy_ffi_get_bytes(st, a[0], &dest, true) < 0) {
        PyBuffer_Release(&src);
        return NULL;
    }
    int status = 0;
    if (check_room(&dest, "dest", n) < 0 || check_room(&src, "src", n) < 0 ||
        check_null(&dest, "dest", n) < 0 || check_null(&src, "src", n) < 0)
        status = -1;
    else if (n > 0)
        memmove(dest.buf, src.buf, (size_t)n);
    PyBuffer_Release(&dest);
    PyBuffer_Release(&src);
    if (status < 0)
        return NULL;
    Py_RETURN_NONE;
}
