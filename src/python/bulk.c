/* SPDX-License-Identifier: MIT
 *
 * Many items at once, with any steps between them: C memory to Python lists and
 * back. One loop per kind of number, so that the switch is outside of it; values are
 * read and written by memcpy, as the memory need not be aligned.
 */
#include <string.h>

#include "python/export.h"

/* The items of dimension 0, each with one dimension less. */
static Extent row_of(const Extent *e, Py_ssize_t i)
{
    Extent row = *e;
    row.data = e->data + i * e->strides[0];
    row.nd = e->nd - 1;
    memmove(row.shape, e->shape + 1, (size_t)row.nd * sizeof *row.shape);
    memmove(row.strides, e->strides + 1, (size_t)row.nd * sizeof *row.strides);
    return row;
}

/* How C lays out complex numbers (C11 6.2.5p13). */
typedef struct Complex32 {
    float re, im;
} Complex32;
typedef struct Complex64 {
    double re, im;
} Complex64;

/* --- to lists --------------------------------------------------------------------- */

#define READ(name, ctype, make)                                            \
    static int read_##name(PyObject *list, const char *p, Py_ssize_t step) \
    {                                                                      \
        Py_ssize_t n = PyList_GET_SIZE(list);                              \
        for (Py_ssize_t i = 0; i < n; i++, p += step) {                    \
            ctype v;                                                       \
            memcpy(&v, p, sizeof v);                                       \
            PyObject *o = make;                                            \
            if (!o)                                                        \
                return -1;                                                 \
            PyList_SET_ITEM(list, i, o);                                   \
        }                                                                  \
        return 0;                                                          \
    }
READ(i8, int8_t, PyLong_FromLong(v))
READ(u8, uint8_t, PyLong_FromLong(v))
READ(i16, int16_t, PyLong_FromLong(v))
READ(u16, uint16_t, PyLong_FromLong(v))
READ(i32, int32_t, PyLong_FromLong(v))
READ(u32, uint32_t, PyLong_FromUnsignedLong(v))
READ(i64, int64_t, PyLong_FromLongLong(v))
READ(u64, uint64_t, PyLong_FromUnsignedLongLong(v))
READ(f32, float, PyFloat_FromDouble((double)v))
READ(f64, double, PyFloat_FromDouble(v))
READ(boolean, uint8_t, jpy_bool(v))
READ(cf32, Complex32, PyComplex_FromDoubles((double)v.re, (double)v.im))
READ(cf64, Complex64, PyComplex_FromDoubles(v.re, v.im))
#undef READ

static int read_any(PyObject *list, const Extent *e, PyObject *owner)
{
    for (Py_ssize_t i = 0; i < e->shape[0]; i++) {
        PyObject *o = jpy_to_object(e->item, e->data + i * e->strides[0], owner);
        if (!o)
            return -1;
        PyList_SET_ITEM(list, i, o);
    }
    return 0;
}

static int read_items(PyObject *list, const Extent *e, PyObject *owner)
{
    static int (*const readers[])(PyObject *, const char *, Py_ssize_t) = {
        [V_BOOL] = read_boolean, [V_I8] = read_i8,   [V_U8] = read_u8,
        [V_I16] = read_i16,      [V_U16] = read_u16, [V_I32] = read_i32,
        [V_U32] = read_u32,      [V_I64] = read_i64, [V_U64] = read_u64,
        [V_F32] = read_f32,      [V_F64] = read_f64, [V_CF32] = read_cf32,
        [V_CF64] = read_cf64,    [V_UNKNOWN] = NULL};
    if (readers[e->item->code])
        return readers[e->item->code](list, e->data, e->strides[0]);
    return read_any(list, e, owner);
}

/* `inside` an item, characters side by side are text. */
static PyObject *to_list(const Extent *e, PyObject *owner, bool inside)
{
    if (e->nd == 0)
        return jpy_to_object(e->item, e->data, owner);
    if (inside && e->nd == 1 && V_IS_CHAR(e->item->code)) {
        if (e->item->code == V_CHAR)
            return PyBytes_FromStringAndSize(e->data, e->shape[0]);
        return e->item->code == V_CHAR16 ? jpy_str_from16(e->data, e->shape[0])
                                         : jpy_str_from32(e->data, e->shape[0]);
    }
    PyObject *list = PyList_New(e->shape[0]);
    if (!list)
        return NULL;
    int bad = 0;
    if (e->nd == 1) {
        bad = read_items(list, e, owner);
    } else {
        for (Py_ssize_t i = 0; !bad && i < e->shape[0]; i++) {
            Extent row = row_of(e, i);
            PyObject *o = to_list(&row, owner, true);
            if (!o)
                bad = -1;
            else
                PyList_SET_ITEM(list, i, o);
        }
    }
    if (bad)
        Py_CLEAR(list);
    return list;
}

PyObject *jpy_bulk_list(const Extent *e, PyObject *owner)
{
    return to_list(e, owner, false);
}

/* --- from lists ------------------------------------------------------------------- */

int jpy_bulk_at(Py_ssize_t i)
{
    PyObject *const known[] = {PyExc_TypeError, PyExc_OverflowError,
                               PyExc_ValueError, PyExc_IndexError};
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    bool ours = false;
    for (size_t k = 0; k < JF_COUNT(known); k++)
        ours |= type == known[k];
    PyObject *text = ours && value ? PyObject_Str(value) : NULL;
    if (!text) { /* somebody's own exception stays what it is */
        PyErr_Clear();
        PyErr_Restore(type, value, trace);
        return -1;
    }
    PyErr_Format(type, "item %zd: %U", i, text);
    Py_DECREF(text);
    Py_DECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
    return -1;
}

/* Small ints go straight in; `fits` says whether `v` does. What is neither goes the
 * way of p[0] = value, which may run Python code that changes the list. */
#define WRITE(name, ctype, quick, take, fits)                                    \
    static Py_ssize_t write_##name(const Extent *e, PyObject *seq, Py_ssize_t n) \
    {                                                                            \
        char *p = e->data;                                                       \
        Py_ssize_t i = 0, step = e->strides[0];                                  \
        for (; i < n && i < PySequence_Fast_GET_SIZE(seq); i++, p += step) {     \
            PyObject *o = PySequence_Fast_GET_ITEM(seq, i);                      \
            take;                                                                \
            if (quick && fits) {                                                 \
                ctype c = (ctype)v;                                              \
                memcpy(p, &c, sizeof c);                                         \
                continue;                                                        \
            }                                                                    \
            Py_INCREF(o);                                                        \
            int bad = jpy_from_object(e->item, p, o);                            \
            Py_DECREF(o);                                                        \
            if (bad < 0)                                                         \
                return jpy_bulk_at(i);                                           \
        }                                                                        \
        return i;                                                                \
    }
#define IS_SMALL PyLong_CheckExact(o) && jpy_long_small(o, &v)
#define WRITE_INT(name, ctype, low, high) \
    WRITE(name, ctype, IS_SMALL, Py_ssize_t v = 0, (v >= (low) && v <= (high)))
#define IS_FLOAT PyFloat_CheckExact(o)
#define WRITE_FLOAT(name, ctype)                                                 \
    WRITE(name, ctype, IS_FLOAT, double v = IS_FLOAT ? PyFloat_AS_DOUBLE(o) : 0, \
          true)
WRITE_INT(i8, int8_t, INT8_MIN, INT8_MAX)
WRITE_INT(u8, uint8_t, 0, UINT8_MAX)
WRITE_INT(i16, int16_t, INT16_MIN, INT16_MAX)
WRITE_INT(u16, uint16_t, 0, UINT16_MAX)
WRITE_INT(i32, int32_t, INT32_MIN, INT32_MAX)
WRITE_INT(u32, uint32_t, 0, INT32_MAX)
WRITE_INT(i64, int64_t, PY_SSIZE_T_MIN, PY_SSIZE_T_MAX)
WRITE_INT(u64, uint64_t, 0, PY_SSIZE_T_MAX)
WRITE_FLOAT(f32, float)
WRITE_FLOAT(f64, double)
WRITE(any, char, false, char v = 0, true)
#undef WRITE_FLOAT
#undef IS_FLOAT
#undef WRITE_INT
#undef IS_SMALL
#undef WRITE

typedef Py_ssize_t Writer(const Extent *e, PyObject *seq, Py_ssize_t n);

static Writer *writer_of(uint8_t code)
{
    static Writer *const writers[] = {
        [V_I8] = write_i8,   [V_U8] = write_u8,   [V_I16] = write_i16,
        [V_U16] = write_u16, [V_I32] = write_i32, [V_U32] = write_u32,
        [V_I64] = write_i64, [V_U64] = write_u64, [V_F32] = write_f32,
        [V_F64] = write_f64, [V_UNKNOWN] = NULL};
    return writers[code] ? writers[code] : write_any;
}

static Py_ssize_t fill(const Extent *e, PyObject *values, bool fewer, bool inside);

/* The values are a sequence of rows or of items. */
static Py_ssize_t fill_from_sequence(const Extent *e, PyObject *seq, bool fewer)
{
    Py_ssize_t n = PySequence_Fast_GET_SIZE(seq);
    if (n > e->shape[0] || (n < e->shape[0] && !fewer)) {
        PyErr_Format(PyExc_IndexError, "%zd values for %zd items", n, e->shape[0]);
        return -1;
    }
    if (e->nd == 1)
        return writer_of(e->item->code)(e, seq, n);
    Py_ssize_t i = 0;
    for (; i < n && i < PySequence_Fast_GET_SIZE(seq); i++) {
        PyObject *o = Py_NewRef(PySequence_Fast_GET_ITEM(seq, i));
        Extent row = row_of(e, i);
        Py_ssize_t done = fill(&row, o, false, true);
        Py_DECREF(o);
        if (done < 0)
            return jpy_bulk_at(i);
    }
    return i;
}

/* --- from buffers ----------------------------------------------------------------- */

static void copy_block(const Extent *to, const char *from, const Py_ssize_t *steps)
{
    Py_ssize_t size = to->item->size, n = to->nd ? to->shape[0] : 1;
    if (to->nd > 1) {
        for (Py_ssize_t i = 0; i < n; i++) {
            Extent row = row_of(to, i);
            copy_block(&row, from + i * steps[0], steps + 1);
        }
    } else if (!to->nd || (to->strides[0] == size && steps[0] == size)) {
        memmove(to->data, from, (size_t)(n * size));
    } else if (size == 8) { /* the most frequent one, and the compiler knows it */
        for (Py_ssize_t i = 0; i < n; i++)
            memcpy(to->data + i * to->strides[0], from + i * steps[0], 8);
    } else {
        for (Py_ssize_t i = 0; i < n; i++)
            memcpy(to->data + i * to->strides[0], from + i * steps[0],
                   (size_t)size);
    }
}

/* The bytes a block with these steps lies in. */
static void range_of(const char *p, int nd, const Py_ssize_t *shape,
                     const Py_ssize_t *steps, Py_ssize_t size, uintptr_t range[2])
{
    range[0] = (uintptr_t)p;
    range[1] = (uintptr_t)p + (size_t)size;
    for (int i = 0; i < nd; i++) {
        Py_ssize_t way = shape[i] ? (shape[i] - 1) * steps[i] : 0;
        range[way > 0] += (uintptr_t)way;
    }
}

/* The whole view into as many items at the start of `e`. */
static int copy_buffer(const Extent *e, Py_buffer *view)
{
    Extent to = *e;
    uintptr_t a[2], b[2];
    if (to.nd)
        to.shape[0] = view->shape[0];
    range_of(to.data, to.nd, to.shape, to.strides, to.item->size, a);
    range_of(view->buf, view->ndim, view->shape, view->strides, view->itemsize, b);
    bool flat = to.nd <= 1 && PyBuffer_IsContiguous(view, 'C') &&
                (!to.nd || to.strides[0] == to.item->size);
    if (flat || a[1] <= b[0] || b[1] <= a[0]) {
        copy_block(&to, view->buf, view->strides);
        return 0;
    }
    /* Both are parts of the same memory: what is read must not be written yet. */
    char *copy = PyMem_Malloc((size_t)view->len + 1);
    Py_ssize_t steps[JPY_MAX_DIMS], step = view->itemsize;
    int bad = copy ? PyBuffer_ToContiguous(copy, view, view->len, 'C') : -1;
    for (int i = to.nd - 1; i >= 0; i--) {
        steps[i] = step;
        step *= to.shape[i];
    }
    if (!copy)
        PyErr_NoMemory();
    else if (!bad)
        copy_block(&to, copy, steps);
    PyMem_Free(copy);
    return bad;
}

/* 1: the view's items can be copied as they are; 0: not; -1 with an exception: the
 * dimensions do not agree. */
static int check_buffer(const Extent *e, const Py_buffer *view, bool fewer)
{
    if (view->suboffsets || !jpy_format_fits(e->item, view->format, view->itemsize))
        return 0;
    bool same = view->ndim == e->nd;
    for (int i = 1; same && i < e->nd; i++)
        same = view->shape[i] == e->shape[i];
    if (!same) {
        PyErr_Format(PyExc_ValueError,
                     "a buffer of %d dimensions does not have the shape of the "
                     "items, which have %d",
                     view->ndim, e->nd);
        return -1;
    }
    Py_ssize_t n = e->nd ? view->shape[0] : 0, room = e->nd ? e->shape[0] : 0;
    if (n <= room && (fewer || n == room))
        return 1;
    PyErr_Format(PyExc_IndexError, "%zd values for %zd items", n, room);
    return -1;
}

/* What does not fit as it is goes by way of Python objects. */
static Py_ssize_t fill_converted(const Extent *e, PyObject *values, bool fewer,
                                 bool inside)
{
    PyObject *m = PyMemoryView_FromObject(values);
    PyObject *list = m ? PyObject_CallMethod(m, "tolist", NULL) : NULL;
    Py_XDECREF(m);
    if (!list && PyErr_ExceptionMatches(PyExc_NotImplementedError)) {
        /* The formats that memoryview does not know: NumPy and ours do. */
        PyErr_Clear();
        list = PyObject_CallMethod(values, "tolist", NULL);
    }
    if (!list)
        return -1;
    Py_ssize_t n = fill(e, list, fewer, inside);
    Py_DECREF(list);
    return n;
}

static Py_ssize_t fill_from_buffer(const Extent *e, PyObject *values, bool fewer,
                                   bool inside)
{
    Py_buffer view;
    if (PyObject_GetBuffer(values, &view, PyBUF_FULL_RO) < 0)
        return -1;
    int fits = check_buffer(e, &view, fewer);
    Py_ssize_t n = e->nd && view.ndim ? view.shape[0] : 1;
    if (fits > 0)
        fits = copy_buffer(e, &view) < 0 ? -1 : 1;
    PyBuffer_Release(&view);
    if (fits)
        return fits < 0 ? -1 : n;
    return fill_converted(e, values, fewer, inside);
}

/* --- everything ------------------------------------------------------------------- */

/* Text into the characters of one item; the rest becomes zero. */
static Py_ssize_t fill_text(const Extent *e, PyObject *text)
{
    Py_ssize_t size = e->item->size, room = e->shape[0];
    Py_ssize_t n = size == 1 ? PyBytes_GET_SIZE(text) : jpy_text_units(text, size);
    if (n > room) {
        PyErr_Format(PyExc_IndexError, "%zd characters for %zd", n, room);
        return -1;
    }
    if (size == 1)
        memcpy(e->data, PyBytes_AS_STRING(text), (size_t)n);
    else if (jpy_text_write(text, size, e->data, n) < 0)
        return -1;
    memset(e->data + n * size, 0, (size_t)((room - n) * size));
    return room;
}

static Py_ssize_t fill(const Extent *e, PyObject *values, bool fewer, bool inside)
{
    if (!e->nd)
        return jpy_from_object(e->item, e->data, values) < 0 ? -1 : 1;
    if (inside && e->nd == 1 && V_IS_CHAR(e->item->code) &&
        (e->item->code == V_CHAR ? PyBytes_Check(values) : PyUnicode_Check(values)))
        return fill_text(e, values);
    if (PyList_Check(values) || PyTuple_Check(values))
        return fill_from_sequence(e, values, fewer);
    if (PyObject_CheckBuffer(values))
        return fill_from_buffer(e, values, fewer, inside);
    PyObject *list = PySequence_List(values);
    if (!list)
        return -1;
    Py_ssize_t n = fill_from_sequence(e, list, fewer);
    Py_DECREF(list);
    return n;
}

Py_ssize_t jpy_bulk_fill(const Extent *e, PyObject *values, bool fewer)
{
    return fill(e, values, fewer, false);
}
