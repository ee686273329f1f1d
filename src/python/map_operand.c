/* SPDX-License-Identifier: MIT
 *
 * Python objects as operands of ffi.map(). The rule, in this order:
 *
 *   same(x)               the same value at every call, converted as in a call
 *   each(x)               along the first dimension of array x: the value x[i], or,
 *                         for a pointer, the address of x[i], which may be a row
 *   bytes, str            for a pointer: text, the same at every call
 *   an array              item by item, all dimensions in a row: the item, or, for
 *                         a pointer, its address; an array of such pointers is
 *                         passed item by item
 *   everything else       the same value at every call
 *
 * Arrays are what has a buffer of at least one dimension, lends its items through
 * DLPack or Arrow, or is an array cdata. For `void *` and pointers to bytes, an
 * array could mean itself or its items: there each() or same() must be said.
 */
#include <string.h>

#include "python/convert_arg.h"
#include "python/map.h"
#include "python/numpy.h"

/* Who an operand is for; `i` == n_params: the results. */
typedef struct Place {
    MapRun *r;
    uint32_t i;
    const jf_Type *item; /* what the items must be */
    bool address;        /* their address is what is passed */
    bool any;            /* whatever they are, they are bytes */
    bool written;
    bool rows; /* each(): along the first dimension only */
} Place;

/* --- refusals ------------------------------------------------------------------- */

/* "f() argument 2 ('b'): ", or "f() out: ", before the current exception's text. */
static int blame(const Place *p, PyObject *value)
{
    if (p->i < p->r->n_params) {
        jpy_blame_argument(p->r->fn, p->i, value);
        return -1;
    }
    PyObject *e = jpy_exception_take();
    if (!e)
        return -1;
    PyObject *type = (PyObject *)Py_TYPE(e);
    PyErr_Format(type, "out: %S", e);
    Py_DECREF(e);
    return -1;
}

/* The C name of a type: new str. */
static PyObject *type_name(State *st, const jf_Type *t)
{
    CTypeObject *ct = jpy_ctype(st, (jf_Type *)(uintptr_t)t);
    PyObject *name = ct ? Py_XNewRef(jpy_ctype_name(ct)) : NULL;
    Py_XDECREF((PyObject *)ct);
    return name;
}

/* "array.array of items 'f' (4 bytes each)" */
static int bad_items(const Place *p, PyObject *value, const Py_buffer *view)
{
    PyObject *name = type_name(p->r->st, p->item);
    PyObject *dtype = jpy_is_ndarray(p->r->st, value)
                          ? PyObject_GetAttrString(value, "dtype")
                          : NULL;
    PyErr_Clear();
    if (name && dtype)
        PyErr_Format(PyExc_TypeError, "items must be '%U', not those of dtype '%S'",
                     name, dtype);
    else if (name && view)
        PyErr_Format(
            PyExc_TypeError,
            "items must be '%U' (%zd bytes), not '%.100s' (%zd bytes) of a "
            "%.200s",
            name, (Py_ssize_t)p->item->size, view->format ? view->format : "B",
            view->itemsize, Py_TYPE(value)->tp_name);
    else if (name)
        PyErr_Format(PyExc_TypeError, "items must be '%U', not those of a %.200s",
                     name, Py_TYPE(value)->tp_name);
    Py_XDECREF(name);
    Py_XDECREF(dtype);
    return blame(p, value);
}

static int refuse(const Place *p, PyObject *value, const char *text)
{
    PyErr_Format(PyExc_TypeError, text, Py_TYPE(value)->tp_name);
    return blame(p, value);
}

/* --- items ---------------------------------------------------------------------- */

static bool is_byte(uint8_t code, const jf_Type *t)
{
    return code == V_CHAR || (code == V_U8 && t->kind == JF_INT);
}

/* How many of the view's last dimensions belong to an item; -1: its shape is
 * another. */
static int item_dims(const jf_Type **item, const Py_buffer *view)
{
    int n = 0;
    const jf_Type *t = *item;
    for (; t->kind == JF_ARRAY || t->kind == JF_VECTOR; t = t->to)
        n++;
    if (n > view->ndim || (n && !view->shape))
        return -1;
    int k = view->ndim - n;
    for (t = *item; k < view->ndim; t = t->to, k++)
        if (t->length != (uint64_t)view->shape[k])
            return -1;
    *item = t->canon;
    return n;
}

/* Items of a cdata that are pointers: their type is known better than by a letter. */
static bool same_pointer(const Place *p, PyObject *value)
{
    const jf_Type *t = ((CDataObject *)value)->ctype->type;
    while (t->kind == JF_ARRAY)
        t = t->to;
    const jf_Type *a = t->canon, *b = p->item->canon;
    return a == b || (a->kind == JF_PTR && b->kind == JF_PTR &&
                      (a->to->kind == JF_VOID || b->to->kind == JF_VOID));
}

/* 1 and the dimensions of an item, 0, or -1 with an exception. */
static int items_fit(const Place *p, PyObject *value, const Py_buffer *view,
                     int *dims)
{
    State *st = p->r->st;
    const jf_Type *item = p->item;
    *dims = 0;
    if (p->any)
        return !jpy_format_has_object(view->format);
    if (item->kind == JF_ARRAY || item->kind == JF_VECTOR)
        *dims = item_dims(&item, view);
    if (*dims < 0)
        return 0;
    if (jf_is_record(item))
        return jpy_format_is_record(st, view->format, view->itemsize, item);
    uint8_t code = jpy_code_of(st, item);
    if (code == V_POINTER && CData_Check(st, value))
        return same_pointer(p, value);
    Sort sort = jpy_format_scalar(view->format);
    bool integer = sort == S_UNSIGNED || sort == S_SIGNED;
    if (integer && (code == V_CHAR || item->kind == JF_ENUM)) /* of either sign */
        return view->itemsize == (Py_ssize_t)item->size;
    return jpy_scalar_fits(code, (Py_ssize_t)item->size, sort, view->itemsize);
}

/* Is the view in a row from dimension `from` on? */
static bool is_packed(const Py_buffer *v, int from)
{
    Py_ssize_t size = v->itemsize;
    for (int k = v->ndim; v->strides && k-- > from;) {
        if (v->shape[k] > 1 && v->strides[k] != size)
            return false;
        size *= v->shape[k];
    }
    return true;
}

/* Length and step of what is one item each; `dims` belong to an item. */
static int lay_out(const Place *p, PyObject *value, MapOperand *o, int dims)
{
    const Py_buffer *v = &o->view;
    int lead = p->rows ? 1 : v->ndim - dims;
    Py_ssize_t row = v->itemsize, n = 1;
    if (!p->rows && lead > 1 && !is_packed(v, 0))
        return refuse(p, value,
                      "an array of several dimensions must be C-contiguous; this "
                      "%.200s has gaps between its items");
    if (!is_packed(v, lead))
        return refuse(p, value, "a row of this %.200s has gaps between its items");
    for (int k = lead; k < v->ndim; k++)
        row *= v->shape[k];
    for (int k = 0; k < lead; k++)
        n *= v->shape ? v->shape[k] : v->len / v->itemsize;
    o->data = v->buf;
    o->n = n;
    o->size = row;
    o->step = lead == 1 && v->strides ? v->strides[0] : row;
    return 0;
}

static int check_place(const Place *p, PyObject *value, MapOperand *o,
                       bool readonly)
{
    if (readonly && p->written)
        return refuse(p, value,
                      p->i == p->r->n_params
                          ? "must be writable, not a read-only %.200s"
                          : "must be writable, not a read-only %.200s (declare the "
                            "parameter const if C only reads)");
    const jf_Type *item = p->item;
    while (item->kind == JF_ARRAY)
        item = item->to;
    uintptr_t where = (uintptr_t)o->data | (uintptr_t)o->step;
    if (p->address && !p->any && o->n && item->align > 1 && where % item->align)
        return refuse(p, value,
                      "the items of this %.200s do not begin where C expects them "
                      "(alignment)");
    Py_ssize_t step = o->step < 0 ? -o->step : o->step;
    if (p->written && o->n > 1 && step < o->size) {
        PyErr_Format(PyExc_ValueError,
                     "items of %zd bytes that are %zd bytes apart overlap", o->size,
                     step);
        return blame(p, value);
    }
    o->address = p->address;
    o->written = p->written;
    return 0;
}

/* --- arrays ----------------------------------------------------------------------- */

/* Exact NumPy arrays of plain items in one dimension, as they lie. 1, or 0: the long
 * way has to say what to make of it. */
static int take_ndarray(const Place *p, PyObject *value, MapOperand *o)
{
    const NumpyArray *a = (const NumpyArray *)value;
    uint8_t code = jpy_code_of(p->r->st, p->item);
    if (a->nd != 1 || p->any || !V_IS_PRIM(code) ||
        a->descr->byteorder == NUMPY_SWAPPED ||
        !jpy_numpy_fits(a->descr->type_num, code))
        return 0;
    o->owner = Py_NewRef(value);
    o->data = a->data;
    o->n = a->dimensions[0];
    o->step = a->strides[0];
    o->size = (Py_ssize_t)p->item->size;
    return 1;
}

/* 1; 0 without an exception: no array; -1. */
static int take_array(const Place *p, PyObject *value, MapOperand *o)
{
    bool numpy = jpy_is_ndarray(p->r->st, value);
    if (numpy && take_ndarray(p, value, o))
        return check_place(p, value, o,
                           !(((NumpyArray *)value)->flags & NUMPY_WRITEABLE)) < 0
                   ? -1
                   : 1;
    int lent = jpy_any_view(p->r->st, value, &o->view);
    if (lent < 0) /* NumPy has no format for some items: say which */
        return numpy && PyErr_ExceptionMatches(PyExc_ValueError)
                   ? bad_items(p, value, NULL)
                   : blame(p, value);
    if (!lent)
        return 0;
    if (o->view.ndim == 0) { /* NumPy's single numbers have buffers too */
        PyBuffer_Release(&o->view);
        return 0;
    }
    int dims;
    int fit = items_fit(p, value, &o->view, &dims);
    if (fit <= 0)
        return fit < 0 ? -1 : bad_items(p, value, &o->view);
    if (o->view.ndim <= dims) { /* a single item is a value */
        PyBuffer_Release(&o->view);
        return 0;
    }
    if (lay_out(p, value, o, dims) < 0 ||
        check_place(p, value, o, o->view.readonly) < 0)
        return -1;
    return 1;
}

/* Without looking closely: may `value` be an array? */
static bool may_be_array(State *st, PyObject *value)
{
    if (CData_Check(st, value))
        return ((CDataObject *)value)->ctype->code == V_ARRAY;
    if (jpy_is_ndarray(st, value))
        return ((NumpyArray *)value)->nd > 0;
    if (PyLong_Check(value) || PyFloat_Check(value) || PyUnicode_Check(value) ||
        PyComplex_Check(value) || PyList_Check(value) || PyTuple_Check(value) ||
        PyDict_Check(value) || value == Py_None)
        return false;
    if (!PyObject_CheckBuffer(value))
        return !st->cffi && (PyObject_HasAttrString(value, "__dlpack__") ||
                             PyObject_HasAttrString(value, "__arrow_c_array__"));
    return true; /* or a number of NumPy's: without dimensions */
}

/* --- one parameter -------------------------------------------------------------- */

static int take_value(MapRun *r, uint32_t i, PyObject *value, char *cell)
{
    MapOperand *o = &r->ops[i];
    if (jpy_argument(r->fn, value, i, cell, &r->temps) < 0)
        return -1;
    o->data = cell;
    o->n = -1;
    o->step = 0;
    return 0;
}

static int not_array(const Place *p, PyObject *value)
{
    return refuse(p, value, "each() takes an array, not a %.200s");
}

static int take_items(Place *p, PyObject *value, bool each)
{
    int took = take_array(p, value, &p->r->ops[p->i]);
    if (took == 0 && each)
        return not_array(p, value);
    return took;
}

/* An array for a pointer parameter: addresses of its items, unless its items are
 * such pointers themselves. */
static int take_addresses(Place *p, PyObject *value, const jf_Type *pointer,
                          bool each)
{
    State *st = p->r->st;
    if (CData_Check(st, value)) {
        Place items = {.r = p->r, .i = p->i, .item = pointer};
        const jf_Type *t = ((CDataObject *)value)->ctype->type;
        if (t->kind == JF_ARRAY && t->to->kind == JF_PTR &&
            same_pointer(&items, value) && pointer->to->kind != JF_VOID) {
            items.rows = each;
            return take_items(&items, value, each);
        }
    }
    const jf_Type *to = pointer->to->canon;
    p->item = to;
    p->address = true;
    p->written = !(pointer->quals & JF_Q_CONST);
    p->any = to->kind == JF_VOID || is_byte(jpy_code_of(st, to), to);
    if (p->any && !each)
        return refuse(p, value,
                      "this %.200s could mean its address or those of its items: "
                      "say jiffi.same(x) or jiffi.each(x)");
    if (!p->any && to->size == JF_UNKNOWN && !jf_is_record(to))
        return refuse(p, value, "no %.200s has items of a type without a size");
    return take_items(p, value, each);
}

int jpy_map_operand(MapRun *r, uint32_t i, PyObject *value, char *cell)
{
    const jf_Type *t = jpy_function_type(r->fn)->u.func->params[i];
    Place p = {.r = r, .i = i, .item = t->canon};
    bool each = Py_IS_TYPE(value, r->st->map_each_type);
    if (Py_IS_TYPE(value, r->st->map_same_type))
        return take_value(r, i, ((MapWrapper *)value)->value, cell);
    if (each)
        value = ((MapWrapper *)value)->value;
    bool text = !each && t->kind == JF_PTR &&
                (PyBytes_Check(value) || PyUnicode_Check(value));
    if (text || !may_be_array(r->st, value))
        return each ? not_array(&p, value) : take_value(r, i, value, cell);
    p.rows = each;
    int took = t->kind == JF_PTR ? take_addresses(&p, value, t, each)
                                 : take_items(&p, value, each);
    if (took < 0)
        return -1;
    return took ? 0 : take_value(r, i, value, cell);
}

int jpy_map_out(MapRun *r, PyObject *value)
{
    const jf_Type *t = jpy_function_type(r->fn)->to->canon;
    Place p = {.r = r, .i = r->n_params, .item = t, .written = true};
    int took = may_be_array(r->st, value)
                   ? take_array(&p, value, &r->ops[r->n_params])
                   : 0;
    if (took == 0)
        return refuse(&p, value, "must be an array for the results, not a %.200s");
    return took < 0 ? -1 : 0;
}
