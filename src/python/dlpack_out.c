/* SPDX-License-Identifier: MIT
 *
 * Numbers in memory as DLPack tensors, for np.from_dlpack, torch.from_dlpack and the
 * like: __dlpack__ of cdata and views, ffi.to_dlpack() of anything with a buffer. The
 * tensor holds the buffer (PEP 3118) it was made from and gives it back in its
 * deleter, which may be called on any thread, with or without the GIL.
 */
#include <string.h>

#include "python/dlpack.h"
#include "python/export.h"
#include "python/ffi.h"

static const char OLD[] = "dltensor", NEW[] = "dltensor_versioned";

/* One block: both heads over the same tensor, its dimensions behind. */
typedef struct Exported {
    union {
        DLManagedTensor old;
        DLManagedTensorVersioned versioned;
    } head;
    Py_buffer view;
    char *copy;     /* owned; NULL: the tensor is the view's own memory */
    int64_t dims[]; /* shape, strides */
} Exported;

/* --- the end ---------------------------------------------------------------------- */

static void exported_free(Exported *x)
{
    PyMem_RawFree(x->copy);
    PyMem_RawFree(x);
}

/* After the interpreter's end nobody can be told: the memory stays. */
static void exported_gone(Exported *x)
{
    if (!Py_IsInitialized())
        return;
    PyGILState_STATE gil = PyGILState_Ensure();
    JpyError saved = jpy_error_take();
    PyBuffer_Release(&x->view);
    jpy_error_put(saved);
    PyGILState_Release(gil);
    exported_free(x);
}

static void delete_old(DLManagedTensor *self)
{
    exported_gone(self->ctx);
}

static void delete_versioned(DLManagedTensorVersioned *self)
{
    exported_gone(self->ctx);
}

/* A capsule that nobody took. */
static void capsule_gone(PyObject *capsule)
{
    const char *name = PyCapsule_GetName(capsule);
    if (name && (strcmp(name, OLD) == 0 || strcmp(name, NEW) == 0))
        exported_gone(PyCapsule_GetContext(capsule));
}

/* --- making ----------------------------------------------------------------------- */

/* 0, or -1 with an exception: tensors are of plain numbers. */
static int read_dtype(const Py_buffer *view, DLDataType *t)
{
    static const struct {
        const char *letters;
        uint8_t code;
    } kinds[] = {{"bhilqn", DL_INT},
                 {"BHILQN", DL_UINT},
                 {"efd", DL_FLOAT},
                 {"?", DL_BOOL},
                 {"c", (char)-1 < 0 ? DL_INT : DL_UINT}};
    bool complex;
    char letter = jpy_format_letter(view->format, &complex);
    t->bits = (uint8_t)(8 * view->itemsize);
    t->lanes = 1;
    for (size_t i = 0; letter && i < JF_COUNT(kinds); i++) {
        if (!strchr(kinds[i].letters, letter))
            continue;
        t->code = kinds[i].code;
        if (!complex)
            return 0;
        t->code = DL_COMPLEX;
        if (kinds[i].code == DL_FLOAT)
            return 0;
    }
    PyErr_Format(PyExc_BufferError,
                 "DLPack has no type for items '%.100s' (%zd bytes each)",
                 view->format ? view->format : "B", view->itemsize);
    return -1;
}

/* Bytes are stepped over item by item in a tensor. */
static int read_dims(const Py_buffer *view, int64_t *dims)
{
    for (int i = 0; i < view->ndim; i++) {
        dims[i] = view->shape[i];
        if (view->strides[i] % view->itemsize) {
            PyErr_Format(PyExc_BufferError,
                         "DLPack steps over whole items: %zd bytes are no multiple "
                         "of %zd",
                         view->strides[i], view->itemsize);
            return -1;
        }
        dims[view->ndim + i] = view->strides[i] / view->itemsize;
    }
    return 0;
}

static int copy_items(Exported *x)
{
    Py_ssize_t n = x->view.len;
    x->copy = PyMem_RawMalloc(n ? (size_t)n : 1);
    if (!x->copy)
        return PyErr_NoMemory(), -1;
    if (PyBuffer_ToContiguous(x->copy, &x->view, n, 'C') < 0)
        return -1;
    int64_t step = 1;
    for (int i = x->view.ndim - 1; i >= 0; i--) {
        x->dims[x->view.ndim + i] = step;
        step *= x->dims[i];
    }
    return 0;
}

static PyObject *capsule_of(Exported *x, bool versioned)
{
    DLTensor *t = versioned ? &x->head.versioned.tensor : &x->head.old.tensor;
    t->data = x->copy ? x->copy : x->view.buf;
    t->device = (DLDevice){DL_CPU, 0};
    t->ndim = x->view.ndim;
    t->shape = x->dims;
    t->strides = x->dims + x->view.ndim;
    t->byte_offset = 0;
    if (versioned) {
        DLManagedTensorVersioned *v = &x->head.versioned;
        v->major = 1;
        v->minor = 0;
        v->ctx = x;
        v->deleter = delete_versioned;
        v->flags = x->copy ? DL_IS_COPIED : x->view.readonly ? DL_READ_ONLY : 0;
    } else {
        x->head.old.ctx = x;
        x->head.old.deleter = delete_old;
    }
    PyObject *capsule =
        PyCapsule_New(&x->head, versioned ? NEW : OLD, capsule_gone);
    if (capsule)
        PyCapsule_SetContext(capsule, x); /* cannot fail for a capsule */
    return capsule;
}

/* Everything that can fail before there is a capsule. */
static int fill(Exported *x, bool versioned, bool copy)
{
    DLDataType *t =
        versioned ? &x->head.versioned.tensor.dtype : &x->head.old.tensor.dtype;
    if (read_dtype(&x->view, t) < 0 || read_dims(&x->view, x->dims) < 0)
        return -1;
    if (copy)
        return copy_items(x);
    if (!x->view.readonly || versioned)
        return 0;
    PyErr_SetString(PyExc_BufferError,
                    "read-only memory needs DLPack 1.0: the consumer asked for an "
                    "older version, which cannot say so");
    return -1;
}

static PyObject *to_dlpack(PyObject *o, bool versioned, bool copy)
{
    Py_buffer view;
    if (PyObject_GetBuffer(o, &view, PyBUF_FULL_RO) < 0)
        return NULL;
    Exported *x = NULL;
    if (view.suboffsets)
        PyErr_SetString(PyExc_BufferError, "DLPack knows no indirect dimensions");
    else if (!(x = PyMem_RawCalloc(1, sizeof *x +
                                          2 * (size_t)view.ndim * sizeof(int64_t))))
        PyErr_NoMemory();
    if (x) {
        x->view = view; /* `shape` may point into `view`: read while it is there */
        PyObject *capsule =
            fill(x, versioned, copy) < 0 ? NULL : capsule_of(x, versioned);
        if (capsule)
            return capsule;
        exported_free(x);
    }
    PyBuffer_Release(&view);
    return NULL;
}

/* --- the protocol ----------------------------------------------------------------- */

/* (major, minor) or None: may a versioned tensor be given? -1 with an exception. */
static int takes_versions(PyObject *max_version)
{
    if (!max_version || max_version == Py_None)
        return 0;
    if (!PyTuple_Check(max_version) || PyTuple_GET_SIZE(max_version) != 2) {
        PyErr_SetString(PyExc_TypeError,
                        "max_version must be None or a tuple of two integers");
        return -1;
    }
    long major = PyLong_AsLong(PyTuple_GET_ITEM(max_version, 0));
    return major == -1 && PyErr_Occurred() ? -1 : major >= 1;
}

static int check_device(PyObject *device)
{
    int type, id;
    if (!device || device == Py_None)
        return 0;
    if (!PyTuple_Check(device) || !PyArg_ParseTuple(device, "ii", &type, &id)) {
        PyErr_Clear();
        PyErr_SetString(PyExc_TypeError,
                        "dl_device must be None or a tuple of two integers");
        return -1;
    }
    if (type == DL_CPU && id == 0)
        return 0;
    PyErr_SetString(PyExc_BufferError,
                    "memory of C is on the CPU: dl_device can only be (1, 0)");
    return -1;
}

PyObject *jpy_cdata_dlpack(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"stream", "max_version", "dl_device", "copy", NULL};
    PyObject *stream = NULL, *max = NULL, *device = NULL, *copy = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$OOOO:__dlpack__", names,
                                     &stream, &max, &device, &copy))
        return NULL;
    if (stream && stream != Py_None) {
        PyErr_SetString(PyExc_BufferError,
                        "memory of C is on the CPU: stream must be None");
        return NULL;
    }
    int versioned = takes_versions(max);
    int copies = copy && copy != Py_None ? PyObject_IsTrue(copy) : 0;
    if (versioned < 0 || copies < 0 || check_device(device) < 0)
        return NULL;
    return to_dlpack(self, versioned, copies);
}

PyObject *jpy_dlpack_device(PyObject *self, PyObject *noarg)
{
    (void)self, (void)noarg;
    return Py_BuildValue("ii", DL_CPU, 0);
}

FFI_FAST(to_dlpack)
{
    static const ArgSpec spec = {"to_dlpack", {"buffer", "max_version", NULL}, 1};
    PyObject *a[2];
    (void)self;
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0)
        return NULL;
    int versioned = takes_versions(a[1]);
    return versioned < 0 ? NULL : to_dlpack(a[0], versioned, false);
}
