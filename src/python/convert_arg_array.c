/* SPDX-License-Identifier: MIT
 *
 * Arrays of others as pointers: whether their items are those of the pointer's
 * type, may be written, stand one behind the other and begin where such an item
 * may. Exact NumPy arrays are looked at directly, everything else lends a buffer:
 * PEP 3118, DLPack, or Arrow's C data interface.
 *
 * Signs and sizes must agree: an array of int is no `unsigned *`. `void *`,
 * `char *` and `unsigned char *` take items of any type but Python objects (C11
 * 6.5p7).
 */
#include <string.h>

#include "python/convert_arg.h"
#include "python/numpy.h"

/* --- items ---------------------------------------------------------------- */

static bool takes_any(const jf_Type *to, uint8_t code)
{
    return to->kind == JF_VOID || code == V_CHAR ||
           (code == V_U8 && to->kind == JF_INT);
}

static const jf_Type *item_type(const CTypeObject *ct)
{
    return ct->type->to->canon;
}

uint64_t jpy_pointer_wants(const State *st, const jf_Type *pointer)
{
    const jf_Type *to = pointer->to->canon;
    uint8_t code = jpy_code_of(st, to);
    return jpy_numpy_wants(code, takes_any(to, code),
                           !(pointer->quals & JF_Q_CONST));
}

uint64_t jpy_item_wants(const CTypeObject *ct, unsigned quals)
{
    return jpy_numpy_wants(ct->item_code, takes_any(item_type(ct), ct->item_code),
                           !(quals & JF_Q_CONST));
}

unsigned jpy_item_quals(const jf_Type *pointer)
{
    unsigned quals = pointer->quals;
    for (const jf_Type *t = pointer->to; t->kind == JF_ARRAY; t = t->to)
        quals |= t->quals; /* those of an array are its elements' */
    return quals;
}

char *jpy_ndarray_items(const PyObject *array, uint64_t wants)
{
    return jpy_numpy_data(array, wants);
}

/* Are the last dimensions those of the C array `*item`? Then *item becomes what it
 * is an array of. */
static bool same_shape(const jf_Type **item, const Py_buffer *view)
{
    int n = 0;
    const jf_Type *t = *item;
    for (; t->kind == JF_ARRAY || t->kind == JF_VECTOR; t = t->to)
        n++;
    if (n > view->ndim || (n && !view->shape))
        return false;
    int k = view->ndim - n;
    for (t = *item; k < view->ndim; t = t->to, k++)
        if (t->length != (uint64_t)view->shape[k])
            return false;
    *item = t->canon;
    return true;
}

/* 1, 0, or -1 with an exception. */
static int items_fit(const CTypeObject *ct, const Py_buffer *view)
{
    const jf_Type *item = item_type(ct);
    if (takes_any(item, ct->item_code))
        return !jpy_format_has_object(view->format);
    if (ct->item_code != V_RECORD && ct->item_code != V_ARRAY)
        return jpy_scalar_fits(ct->item_code, ct->item_size,
                               jpy_format_scalar(view->format), view->itemsize);
    if (ct->item_code == V_ARRAY && !same_shape(&item, view))
        return 0;
    if (jf_is_record(item))
        return jpy_format_is_record(ct->st, view->format, view->itemsize, item);
    return jpy_scalar_fits(jpy_code_of(ct->st, item), (Py_ssize_t)item->size,
                           jpy_format_scalar(view->format), view->itemsize);
}

static bool is_aligned(const CTypeObject *ct, const void *p)
{
    const jf_Type *item = item_type(ct);
    while (item->kind == JF_ARRAY)
        item = item->to;
    return item->align < 2 || ((uintptr_t)p & (item->align - 1)) == 0;
}

/* --- refusals ------------------------------------------------------------- */

/* "a numpy.ndarray of dtype '>i4'", or by the format. New str, NULL with an
 * exception. */
static PyObject *description(State *st, PyObject *value, const Py_buffer *view)
{
    const char *tp = Py_TYPE(value)->tp_name;
    PyObject *dtype = NULL, *text;
    if (st->ndarray_type && PyObject_TypeCheck(value, st->ndarray_type))
        dtype = PyObject_GetAttrString(value, "dtype");
    if (dtype)
        text = PyUnicode_FromFormat("a %.200s of dtype '%S'", tp, dtype);
    else
        text = PyUnicode_FromFormat("a %.200s of items '%.100s' (%zd bytes each)",
                                    tp, view && view->format ? view->format : "B",
                                    view ? view->itemsize : (Py_ssize_t)1);
    Py_XDECREF(dtype);
    return text;
}

typedef enum Refusal { R_ITEMS, R_GAPS, R_READ_ONLY, R_UNALIGNED } Refusal;

static int refuse(CTypeObject *ct, PyObject *value, const Py_buffer *view,
                  Refusal why)
{
    const char *cname = jpy_cname(ct), *tp = Py_TYPE(value)->tp_name;
    PyObject *got;
    switch (why) {
    case R_GAPS:
        PyErr_Format(
            PyExc_TypeError,
            "initializer for ctype '%s' must be C-contiguous; this %.200s has "
            "gaps between its items",
            cname, tp);
        break;
    case R_READ_ONLY:
        PyErr_Format(PyExc_TypeError,
                     "initializer for ctype '%s' must be writable, not a read-only "
                     "%.200s (declare the parameter const if C only reads)",
                     cname, tp);
        break;
    case R_UNALIGNED:
        PyErr_Format(
            PyExc_TypeError,
            "initializer for ctype '%s' must begin at a multiple of %u bytes, "
            "which this %.200s does not",
            cname, (unsigned)item_type(ct)->align, tp);
        break;
    case R_ITEMS:
        got = jpy_item(ct) ? description(ct->st, value, view) : NULL;
        if (got)
            PyErr_Format(
                PyExc_TypeError,
                "initializer for ctype '%s' must be a buffer of '%s'%s, not %U",
                cname, jpy_cname(ct->item),
                ct->item_code == V_RECORD
                    ? " with the same members at the same offsets"
                    : "",
                got);
        Py_XDECREF(got);
        break;
    }
    return -1;
}

/* The first thing that is wrong with a pinned view. 0, or -1 with the exception. */
static int check(CTypeObject *ct, unsigned quals, PyObject *value,
                 const Py_buffer *view)
{
    bool plain =
        view->ndim == 1 && (!view->strides || view->strides[0] == view->itemsize);
    if (!plain && !PyBuffer_IsContiguous(view, 'C'))
        return refuse(ct, value, view, R_GAPS);
    int fit = items_fit(ct, view);
    if (fit <= 0)
        return fit < 0 ? -1 : refuse(ct, value, view, R_ITEMS);
    if (view->readonly && !(quals & JF_Q_CONST))
        return refuse(ct, value, view, R_READ_ONLY);
    if (view->len && !is_aligned(ct, view->buf))
        return refuse(ct, value, view, R_UNALIGNED);
    return 0;
}

/* Why an exact ndarray of numbers was not taken. */
static int refuse_ndarray(CTypeObject *ct, PyObject *value, uint64_t wants)
{
    const NumpyArray *a = (NumpyArray *)value;
    uint32_t flags = (uint32_t)(wants >> 32), types = (uint32_t)wants;
    bool swapped = flags & NUMPY_ALIGNED && a->descr->byteorder == NUMPY_SWAPPED;
    if (!(a->flags & NUMPY_C_CONTIGUOUS))
        return refuse(ct, value, NULL, R_GAPS);
    if ((unsigned)a->descr->type_num > 31 || !(types >> a->descr->type_num & 1) ||
        swapped)
        return refuse(ct, value, NULL, R_ITEMS);
    return refuse(ct, value, NULL,
                  a->flags & (int)(flags & NUMPY_WRITEABLE) ||
                          !(flags & NUMPY_WRITEABLE)
                      ? R_UNALIGNED
                      : R_READ_ONLY);
}

/* --- NumPy arrays --------------------------------------------------------- */

/* Structured arrays: an item type that fits is remembered with the pointer's ctype,
 * and the array is taken at once when it comes again. */
static bool known_dtype(const CTypeObject *ct, unsigned quals, const NumpyArray *a)
{
    int flags = NUMPY_C_CONTIGUOUS | NUMPY_ALIGNED |
                (quals & JF_Q_CONST ? 0 : NUMPY_WRITEABLE);
    return ct->cache == (PyObject *)a->descr && (a->flags & flags) == flags &&
           is_aligned(ct, a->data);
}

int jpy_ndarray_pointer(CTypeObject *ct, unsigned quals, PyObject *value,
                        void **pointer)
{
    uint64_t wants = jpy_item_wants(ct, quals);
    NumpyArray *a = (NumpyArray *)value;
    void *data = wants ? jpy_numpy_data(value, wants) : NULL;
    if (!data && ct->item_code == V_RECORD && known_dtype(ct, quals, a))
        data = a->data;
    if (data) {
        *pointer = data;
        return 1;
    }
    int num = a->descr->type_num;
    bool exports = (num >= 0 && num < NUMPY_OBJECT) || num == NUMPY_STRING ||
                   num == NUMPY_UNICODE || num == NUMPY_HALF || num == NUMPY_VOID;
    if (!exports)
        return refuse(ct, value, NULL, R_ITEMS);
    if (wants && num != NUMPY_VOID && a->data)
        return refuse_ndarray(ct, value, wants);
    return 0;
}

/* --- everything that lends a buffer --------------------------------------- */

int jpy_any_view(State *st, PyObject *value, Py_buffer *view)
{
    if (PyObject_CheckBuffer(value))
        return PyObject_GetBuffer(value, view, PyBUF_RECORDS_RO) < 0 ? -1 : 1;
    if (st->cffi) /* cffi knows nothing of the rest */
        return 0;
    if (Py_TYPE(value) == st->tensor_type)
        return jpy_dlpack_view(st, value, view);
    int lent = jpy_arrow_view(st, value, view);
    return lent ? lent : jpy_dlpack_view(st, value, view);
}

int jpy_array_view(CTypeObject *ct, unsigned quals, PyObject *value,
                   Py_buffer *view)
{
    if (ct->item_size < 0 && jpy_layout(ct) < 0)
        return -1;
    int lent = jpy_any_view(ct->st, value, view);
    if (lent <= 0)
        return lent;
    if (check(ct, quals, value, view) < 0) {
        jpy_view_release(view);
        return -1;
    }
    if (ct->item_code == V_RECORD && jpy_is_ndarray(ct->st, value))
        Py_XSETREF(ct->cache, Py_NewRef((PyObject *)((NumpyArray *)value)->descr));
    return 1;
}
