/* SPDX-License-Identifier: MIT
 *
 * The type FFI.buffer: the bytes behind a pointer or an array as a mutable
 * sequence of bytes of length 1, and as a buffer for whoever takes one.
 */
#include <string.h>

#include "python/ffi.h"
#include "python/ffi_doc.h"

/* --- making --------------------------------------------------------------- */

/* Bytes behind `cd`; -1 with an exception. */
static Py_ssize_t natural_size(CDataObject *cd)
{
    CTypeObject *ct = cd->ctype;
    Py_ssize_t size = jpy_known_size(cd);
    if (size < 0 && jpy_item(ct) && jpy_layout(ct->item) == 0)
        size = ct->item->size;
    if (size < 0 && !PyErr_Occurred())
        PyErr_Format(PyExc_TypeError, "don't know the size pointed to by '%U'",
                     jpy_ctype_name(ct));
    return size;
}

/* More than an owned object has: allowed, as in cffi, with its warning. */
static int warn_beyond(CDataObject *cd, Py_ssize_t size)
{
    if (!CDATA_HAS_INLINE(cd))
        return 0;
    Py_ssize_t known = jpy_known_size(cd);
    if (known < 0 || size <= known)
        return 0;
    return PyErr_WarnFormat(
        PyExc_UserWarning, 1,
        "ffi.buffer(cdata, bytes): creating a buffer of %zd bytes "
        "over a cdata that owns only %zd bytes.  This will crash if "
        "you access the extra memory",
        size, known);
}

static PyObject *buffer_of(PyTypeObject *type, PyObject *o, Py_ssize_t size)
{
    State *st = jpy_state(PyType_GetModule(type));
    if (!CData_Check(st, o))
        return jpy_ffi_bad_type("cdata object", o);
    CDataObject *cd = (CDataObject *)o;
    if (!cd->ctype->is_data_ptr && !CType_IsArray(cd->ctype)) {
        PyErr_Format(PyExc_TypeError, "expected a pointer or array cdata, got '%U'",
                     jpy_ctype_name(cd->ctype));
        return NULL;
    }
    if (size >= 0) {
        if (warn_beyond(cd, size) < 0)
            return NULL;
    } else if ((size = natural_size(cd)) < 0) {
        return NULL;
    }
    BufferObject *b = (BufferObject *)type->tp_alloc(type, 0);
    if (!b)
        return NULL;
    b->data = cd->data;
    b->size = size;
    b->owner = Py_NewRef(o);
    return (PyObject *)b;
}

/* buffer(cdata, size): the way of ordinary calls, without a tuple. */
PyObject *jpy_buffer_call(PyObject *type, PyObject *const *args, size_t nargsf,
                          PyObject *kwnames)
{
    static const ArgSpec spec = {"buffer", {"cdata", "size", NULL}, 1};
    PyObject *a[2];
    Py_ssize_t size = -1;
    if (jpy_ffi_args(&spec, args, PyVectorcall_NARGS(nargsf), kwnames, a) < 0 ||
        jpy_ffi_ssize(a[1], &size) < 0)
        return NULL;
    return buffer_of((PyTypeObject *)type, a[0], size);
}

PyObject *jpy_buffer_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"cdata", "size", NULL};
    PyObject *o;
    Py_ssize_t size = -1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|n:buffer", names, &o, &size))
        return NULL;
    return buffer_of(type, o, size);
}

static int buffer_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((BufferObject *)self)->owner);
    return 0;
}

static int buffer_clear(PyObject *self)
{
    Py_CLEAR(((BufferObject *)self)->owner);
    return 0;
}

static void buffer_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (((BufferObject *)self)->weakrefs)
        PyObject_ClearWeakRefs(self);
    buffer_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *buffer_repr(PyObject *self)
{
    BufferObject *b = (BufferObject *)self;
    if (b->owner && ((CDataObject *)b->owner)->ctype->st->cffi)
        return PyUnicode_FromFormat("<%s object at %p>", Py_TYPE(self)->tp_name,
                                    (void *)self);
    return PyUnicode_FromFormat("<%s of %zd bytes at %p>", Py_TYPE(self)->tp_name,
                                b->size, (void *)b->data);
}

/* --- items and slices ----------------------------------------------------- */

static Py_ssize_t buffer_length(PyObject *self)
{
    return ((BufferObject *)self)->size;
}

static PyObject *buffer_item(PyObject *self, Py_ssize_t i)
{
    BufferObject *b = (BufferObject *)self;
    if (i < 0 || i >= b->size) {
        PyErr_SetString(PyExc_IndexError, "buffer index out of range");
        return NULL;
    }
    return PyBytes_FromStringAndSize(b->data + i, 1);
}

/* The key as a range of bytes: an index gives a range of one and *single. 0, or
 * -1 with an exception. */
static int buffer_range(BufferObject *b, PyObject *key, Py_ssize_t *start,
                        Py_ssize_t *n, bool *single)
{
    *single = PyIndex_Check(key);
    if (*single) {
        Py_ssize_t i = PyNumber_AsSsize_t(key, PyExc_IndexError);
        if (i == -1 && PyErr_Occurred())
            return -1;
        *start = i < 0 ? i + b->size : i;
        *n = 1;
        return 0;
    }
    if (!PySlice_Check(key)) {
        PyErr_Format(PyExc_TypeError, "buffer indices must be integers, not %.200s",
                     Py_TYPE(key)->tp_name);
        return -1;
    }
    Py_ssize_t stop, step;
    if (PySlice_Unpack(key, start, &stop, &step) < 0)
        return -1;
    *n = PySlice_AdjustIndices(b->size, start, &stop, step);
    if (step != 1) {
        PyErr_SetString(PyExc_TypeError,
                        "buffer doesn't support slicing with step != 1");
        return -1;
    }
    return 0;
}

static PyObject *buffer_subscript(PyObject *self, PyObject *key)
{
    BufferObject *b = (BufferObject *)self;
    Py_ssize_t start, n;
    bool single;
    if (buffer_range(b, key, &start, &n, &single) < 0)
        return NULL;
    if (single)
        return buffer_item(self, start);
    return PyBytes_FromStringAndSize(b->data + start, n);
}

static int assign_item(BufferObject *b, Py_ssize_t i, PyObject *value)
{
    if (i < 0 || i >= b->size) {
        PyErr_SetString(PyExc_IndexError, "buffer assignment index out of range");
        return -1;
    }
    if (!PyBytes_Check(value) || PyBytes_GET_SIZE(value) != 1) {
        PyErr_Format(PyExc_TypeError, "must assign a bytes of length 1, not %.200s",
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    b->data[i] = PyBytes_AS_STRING(value)[0];
    return 0;
}

static int buffer_assign(PyObject *self, PyObject *key, PyObject *value)
{
    BufferObject *b = (BufferObject *)self;
    Py_ssize_t start, n;
    bool single;
    if (!value) {
        PyErr_SetString(PyExc_TypeError,
                        "'del x[n]' not supported for buffer objects");
        return -1;
    }
    if (buffer_range(b, key, &start, &n, &single) < 0)
        return -1;
    if (single)
        return assign_item(b, start, value);
    Py_buffer src;
    if (jpy_ffi_get_bytes(jpy_state(PyType_GetModule(Py_TYPE(self))), value, &src,
                          false) < 0)
        return -1;
    /* A cdata pointer has no length of its own: it is taken to be long enough,
     * as in memmove(). */
    int status = src.len < 0 || src.len == n ? 0 : -1;
    if (status < 0)
        PyErr_SetString(PyExc_ValueError,
                        "right operand length must match slice length");
    else if (n)
        memmove(b->data + start, src.buf, (size_t)n);
    PyBuffer_Release(&src);
    return status;
}

static int buffer_get(PyObject *self, Py_buffer *view, int flags)
{
    BufferObject *b = (BufferObject *)self;
    return PyBuffer_FillInfo(view, self, b->data, b->size, 0, flags);
}

/* --- comparing: as bytes do, with anything that has bytes but str --------- */

static PyObject *buffer_compare(PyObject *self, PyObject *other, int op)
{
    Py_buffer a, b;
    if (PyUnicode_Check(other))
        Py_RETURN_NOTIMPLEMENTED;
    if (PyObject_GetBuffer(self, &a, PyBUF_SIMPLE) < 0)
        return NULL;
    if (PyObject_GetBuffer(other, &b, PyBUF_SIMPLE) < 0) {
        PyErr_Clear();
        PyBuffer_Release(&a);
        Py_RETURN_NOTIMPLEMENTED;
    }
    Py_ssize_t n = a.len < b.len ? a.len : b.len;
    int sign = n ? memcmp(a.buf, b.buf, (size_t)n) : 0;
    if (sign == 0)
        sign = (a.len > b.len) - (a.len < b.len);
    PyBuffer_Release(&a);
    PyBuffer_Release(&b);
    Py_RETURN_RICHCOMPARE(sign, 0, op);
}

/* --- the type ------------------------------------------------------------- */

static PyMemberDef buffer_members[] = {{"__weaklistoffset__", T_PYSSIZET,
                                        offsetof(BufferObject, weakrefs), READONLY,
                                        NULL},
                                       {NULL, 0, 0, 0, NULL}};

static PyType_Slot buffer_slots[] = {{Py_tp_doc, DOC_buffer},
                                     {Py_tp_new, jpy_buffer_new},
                                     {Py_tp_dealloc, buffer_dealloc},
                                     {Py_tp_traverse, buffer_traverse},
                                     {Py_tp_clear, buffer_clear},
                                     {Py_tp_repr, buffer_repr},
                                     {Py_tp_richcompare, buffer_compare},
                                     {Py_tp_members, buffer_members},
                                     {Py_sq_length, buffer_length},
                                     {Py_sq_item, buffer_item},
                                     {Py_mp_length, buffer_length},
                                     {Py_mp_subscript, buffer_subscript},
                                     {Py_mp_ass_subscript, buffer_assign},
                                     {Py_bf_getbuffer, buffer_get},
                                     {0, NULL}};

static PyType_Spec buffer_spec = {"jiffi.buffer", sizeof(BufferObject), 0,
                                  Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                                  buffer_slots};

int jpy_init_buffer(State *st, PyObject *module)
{
    st->buffer_type = jpy_type(st, module, &buffer_spec, NULL);
    if (!st->buffer_type)
        return -1;
    st->buffer_type->tp_vectorcall = jpy_buffer_call;
    return PyModule_AddObjectRef(module, "buffer", (PyObject *)st->buffer_type);
}
