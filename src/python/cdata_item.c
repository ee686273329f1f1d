/* SPDX-License-Identifier: MIT
 *
 * Pointers and arrays as sequences: a[i], a[i:j], len, iteration, p + n, p - q.
 * Arrays are range checked; pointers are as free as in C, but for NULL.
 */
#include "python/cdata.h"

#include <string.h>

static int cannot_index(CDataObject *cd)
{
    PyErr_Format(PyExc_TypeError, "cdata of type '%s' cannot be indexed",
                 jpy_cname(cd->ctype));
    return -1;
}

/* --- one item ------------------------------------------------------------- */

static int index_of(PyObject *key, Py_ssize_t *i)
{
    if (PyLong_CheckExact(key) && jpy_long_small(key, i))
        return 0;
    *i = PyNumber_AsSsize_t(key, PyExc_IndexError);
    return *i == -1 && PyErr_Occurred() ? -1 : 0;
}

static inline Py_ssize_t length_of(CDataObject *cd)
{
    return cd->ctype->length >= 0 ? cd->ctype->length : jpy_array_length(cd);
}

static int check_array(CDataObject *cd, Py_ssize_t i)
{
    Py_ssize_t n = length_of(cd);
    if (i >= 0 && i < n)
        return 0;
    if (i < 0)
        PyErr_SetString(PyExc_IndexError, "negative index");
    else
        PyErr_Format(PyExc_IndexError,
                     "index too large for cdata '%s' (expected %zd < %zd)",
                     jpy_cname(cd->ctype), i, n);
    return -1;
}

static int check_pointer(CDataObject *cd, Py_ssize_t i)
{
    if (!cd->ctype->is_data_ptr)
        return cannot_index(cd);
    if (i != 0 && jpy_is_owning_pointer(cd)) {
        PyErr_Format(PyExc_IndexError, "cdata '%s' can only be indexed by 0",
                     jpy_cname(cd->ctype));
        return -1;
    }
    return cd->data ? 0 : jpy_null_deref(cd);
}

/* The address of item `key`, checked; NULL with an exception. */
static char *item_address(CDataObject *cd, PyObject *key)
{
    CTypeObject *ct = cd->ctype;
    Py_ssize_t i;
    if (index_of(key, &i) < 0)
        return NULL;
    if (ct->code == V_ARRAY) {
        if (check_array(cd, i) < 0)
            return NULL;
    } else if (ct->code != V_POINTER) {
        cannot_index(cd);
        return NULL;
    } else if (check_pointer(cd, i) < 0) {
        return NULL;
    }
    if (ct->item_size < 0) {
        if (jpy_layout(ct) < 0)
            return NULL;
        if (ct->item_size < 0 && i != 0) {
            PyErr_Format(PyExc_TypeError,
                         "ctype '%s' points to items of unknown size",
                         jpy_cname(ct));
            return NULL;
        }
    }
    return cd->data + i * ct->item_size;
}

/* --- slices --------------------------------------------------------------- */

static int slice_end(PyObject *o, const char *missing, Py_ssize_t *v)
{
    if (o == Py_None) {
        PyErr_SetString(PyExc_IndexError, missing);
        return -1;
    }
    *v = PyNumber_AsSsize_t(o, PyExc_IndexError);
    return *v == -1 && PyErr_Occurred() ? -1 : 0;
}

static int slice_bounds(CDataObject *cd, PyObject *key, Py_ssize_t *start,
                        Py_ssize_t *n)
{
    PySliceObject *s = (PySliceObject *)key;
    Py_ssize_t stop;
    if (slice_end(s->start, "slice start must be specified", start) < 0 ||
        slice_end(s->stop, "slice stop must be specified", &stop) < 0)
        return -1;
    const char *wrong = NULL;
    if (s->step != Py_None)
        wrong = "slice with step not supported";
    else if (*start > stop)
        wrong = "slice start > stop";
    else if (cd->ctype->code == V_ARRAY && *start < 0)
        wrong = "negative index";
    if (wrong) {
        PyErr_SetString(PyExc_IndexError, wrong);
        return -1;
    }
    *n = stop - *start;
    if (cd->ctype->code == V_ARRAY) {
        if (stop > jpy_array_length(cd)) {
            PyErr_Format(PyExc_IndexError, "index too large (expected %zd <= %zd)",
                         stop, jpy_array_length(cd));
            return -1;
        }
    } else if (!cd->ctype->is_data_ptr) {
        return cannot_index(cd);
    } else if (!cd->data) {
        return jpy_null_deref(cd);
    }
    if (cd->ctype->item_size >= 0)
        return 0;
    if (jpy_layout(cd->ctype) < 0)
        return -1;
    if (cd->ctype->item_size >= 0)
        return 0;
    PyErr_Format(PyExc_TypeError, "ctype '%s' points to items of unknown size",
                 jpy_cname(cd->ctype));
    return -1;
}

static PyObject *get_slice(CDataObject *cd, PyObject *key)
{
    Py_ssize_t start, n;
    if (slice_bounds(cd, key, &start, &n) < 0)
        return NULL;
    CTypeObject *item = jpy_item(cd->ctype);
    CTypeObject *array = item ? jpy_array_of(item, JF_UNKNOWN) : NULL;
    if (!array)
        return NULL;
    PyObject *o = jpy_cdata_open(array, cd->data + start * cd->ctype->item_size, n,
                                 jpy_owner_of(cd));
    Py_DECREF(array);
    return o;
}

static int set_slice_bytes(char *to, Py_ssize_t n, PyObject *value)
{
    const char *from = PyBytes_Check(value) ? PyBytes_AS_STRING(value)
                                            : PyByteArray_AS_STRING(value);
    Py_ssize_t got = PyBytes_Check(value) ? PyBytes_GET_SIZE(value)
                                          : PyByteArray_GET_SIZE(value);
    if (got != n) {
        PyErr_Format(PyExc_ValueError, "need a string of length %zd, got %zd", n,
                     got);
        return -1;
    }
    memcpy(to, from, (size_t)n);
    return 0;
}

static int set_slice_items(CTypeObject *ct, char *to, Py_ssize_t n, PyObject *value)
{
    PyObject *it = PyObject_GetIter(value);
    if (!it)
        return -1;
    int bad = 0;
    for (Py_ssize_t i = 0; !bad && i < n; i++) {
        PyObject *item = PyIter_Next(it);
        if (!item) {
            if (!PyErr_Occurred())
                PyErr_Format(PyExc_ValueError, "need %zd values to unpack, got %zd",
                             n, i);
            bad = -1;
            break;
        }
        bad = jpy_item_set(ct, to + i * ct->item_size, item);
        Py_DECREF(item);
    }
    PyObject *more = bad ? NULL : PyIter_Next(it);
    if (more) {
        Py_DECREF(more);
        PyErr_Format(PyExc_ValueError, "got more than %zd values to unpack", n);
    }
    Py_DECREF(it);
    return PyErr_Occurred() ? -1 : 0;
}

static int set_slice(CDataObject *cd, PyObject *key, PyObject *value)
{
    CTypeObject *ct = cd->ctype;
    Py_ssize_t start, n;
    if (slice_bounds(cd, key, &start, &n) < 0)
        return -1;
    char *to = cd->data + start * ct->item_size;
    if (jpy_is_cdata(value)) {
        CDataObject *from = (CDataObject *)value;
        if (from->ctype->code == V_ARRAY &&
            from->ctype->type->to->canon == ct->type->to->canon &&
            jpy_array_length(from) == n) {
            memmove(to, from->data, (size_t)(n * ct->item_size));
            return 0;
        }
    }
    if (ct->item_code == V_CHAR &&
        (PyBytes_Check(value) || PyByteArray_Check(value)))
        return set_slice_bytes(to, n, value);
    return set_slice_items(ct, to, n, value);
}

/* --- the mapping ---------------------------------------------------------- */

PyObject *jpy_cdata_subscript(PyObject *self, PyObject *key)
{
    CDataObject *cd = (CDataObject *)self;
    Py_ssize_t i;
    /* The everyday case: a number out of an array of numbers. */
    if (V_IS_PLAIN(cd->ctype->item_code) && cd->ctype->code == V_ARRAY &&
        PyLong_CheckExact(key) && jpy_long_small(key, &i) && i >= 0 &&
        i < length_of(cd))
        return jpy_load(cd->ctype->item_code, cd->data + i * cd->ctype->item_size);
    if (PySlice_Check(key))
        return get_slice(cd, key);
    char *p = item_address(cd, key);
    if (!p)
        return NULL;
    if (cd->ctype->item_code < V_ARRAY)
        return jpy_item_get(cd->ctype, p, NULL);
    if (cd->ctype->item_code == V_RECORD && jpy_is_owning_pointer(cd))
        return jpy_owned_record(cd);
    return jpy_item_get(cd->ctype, p, jpy_owner_of(cd));
}

int jpy_cdata_ass_subscript(PyObject *self, PyObject *key, PyObject *value)
{
    CDataObject *cd = (CDataObject *)self;
    if (!value) {
        PyErr_SetString(PyExc_TypeError,
                        "'del x[n]' not supported for cdata objects");
        return -1;
    }
    if (PySlice_Check(key))
        return set_slice(cd, key, value);
    char *p = item_address(cd, key);
    return p ? jpy_item_set(cd->ctype, p, value) : -1;
}

Py_ssize_t jpy_cdata_len(PyObject *self)
{
    CDataObject *cd = (CDataObject *)self;
    if (cd->ctype->code == V_ARRAY)
        return jpy_array_length(cd);
    PyErr_Format(PyExc_TypeError, "cdata of type '%s' has no len()",
                 jpy_cname(cd->ctype));
    return -1;
}

/* --- arithmetic ----------------------------------------------------------- */

/* The pointer type of a pointer, or what an array decays to: a new reference. */
static CTypeObject *decayed(CTypeObject *ct)
{
    if (ct->is_data_ptr)
        return (CTypeObject *)Py_NewRef((PyObject *)ct);
    CTypeObject *item = jpy_item(ct);
    return item ? jpy_pointer_to(item) : NULL;
}

/* Bytes to step by; void counts as one, as in GNU C. */
static Py_ssize_t step_of(CTypeObject *ct)
{
    if (ct->item_size < 0 && jpy_layout(ct) < 0)
        return -1;
    if (ct->item_size >= 0)
        return ct->item_size;
    if (ct->type->to->kind == JF_VOID)
        return 1;
    PyErr_Format(PyExc_TypeError, "ctype '%s' points to items of unknown size",
                 jpy_cname(ct));
    return -1;
}

static PyObject *move(CDataObject *cd, PyObject *number, int sign)
{
    Py_ssize_t n = PyNumber_AsSsize_t(number, PyExc_OverflowError);
    if (n == -1 && PyErr_Occurred())
        return NULL;
    if (!cd->ctype->is_data_ptr && cd->ctype->code != V_ARRAY)
        return PyErr_Format(PyExc_TypeError, "cannot add a cdata '%s' and a number",
                            jpy_cname(cd->ctype));
    Py_ssize_t step = step_of(cd->ctype);
    CTypeObject *ct = step < 0 ? NULL : decayed(cd->ctype);
    if (!ct)
        return NULL;
    size_t bytes = (size_t)n * (size_t)step;
    uintptr_t at = (uintptr_t)cd->data + (sign < 0 ? 0 - bytes : bytes);
    PyObject *o = jpy_cdata(ct, (char *)at);
    Py_DECREF(ct);
    return o;
}

PyObject *jpy_cdata_add(PyObject *v, PyObject *w)
{
    if (jpy_is_cdata(v))
        return move((CDataObject *)v, w, 1);
    return move((CDataObject *)w, v, 1);
}

/* The message takes an array for the pointer it becomes. */
static PyObject *cannot_subtract(CTypeObject *a, CTypeObject *b)
{
    CTypeObject *item = b->code == V_ARRAY ? jpy_item(b) : NULL;
    CTypeObject *of = item ? jpy_pointer_to(item) : (CTypeObject *)Py_NewRef(b);
    if (of && !PyErr_Occurred())
        PyErr_Format(PyExc_TypeError, "cannot subtract cdata '%s' and cdata '%s'",
                     jpy_cname(a), jpy_cname(of));
    Py_XDECREF((PyObject *)of);
    return NULL;
}

static PyObject *distance(CDataObject *v, CDataObject *w)
{
    CTypeObject *a = v->ctype, *b = w->ctype;
    bool fits = a->is_data_ptr &&
                (b == a ||
                 (b->code == V_ARRAY && b->type->to->canon == a->type->to->canon));
    Py_ssize_t step = 0;
    if (fits) {
        if (jpy_layout(a) < 0)
            return NULL;
        step = a->type->to->kind == JF_VOID ? 1 : a->item_size;
    }
    if (step <= 0)
        return cannot_subtract(a, b);
    Py_ssize_t bytes = (Py_ssize_t)((uintptr_t)v->data - (uintptr_t)w->data);
    if (bytes % step == 0)
        return PyLong_FromSsize_t(bytes / step);
    PyErr_SetString(PyExc_ValueError,
                    "pointer subtraction: the distance between the two pointers is "
                    "not a multiple of the item size");
    return NULL;
}

PyObject *jpy_cdata_subtract(PyObject *v, PyObject *w)
{
    if (!jpy_is_cdata(v))
        Py_RETURN_NOTIMPLEMENTED;
    if (jpy_is_cdata(w))
        return distance((CDataObject *)v, (CDataObject *)w);
    return move((CDataObject *)v, w, -1);
}

/* --- iteration ------------------------------------------------------------ */

typedef struct IterObject {
    PyObject_HEAD CDataObject *array; /* owned */
    Py_ssize_t at, end;               /* items */
} IterObject;

static PyObject *iter_next(IterObject *it)
{
    if (it->at >= it->end)
        return NULL;
    CTypeObject *ct = it->array->ctype;
    char *p = it->array->data + it->at++ * ct->item_size;
    return jpy_item_get(ct, p,
                        ct->item_code < V_ARRAY ? NULL : jpy_owner_of(it->array));
}

static void iter_dealloc(IterObject *it)
{
    PyTypeObject *tp = Py_TYPE(it);
    Py_DECREF(it->array);
    PyObject_Free(it);
    Py_DECREF(tp);
}

PyObject *jpy_cdata_iter(PyObject *self)
{
    CDataObject *cd = (CDataObject *)self;
    if (cd->ctype->code != V_ARRAY)
        return PyErr_Format(PyExc_TypeError,
                            "cdata '%s' does not support iteration",
                            jpy_cname(cd->ctype));
    if (jpy_layout(cd->ctype) < 0)
        return NULL;
    IterObject *it = PyObject_New(IterObject, cd->ctype->st->cdata_iter_type);
    if (!it)
        return NULL;
    Py_INCREF(cd);
    it->array = cd;
    it->at = 0;
    it->end = jpy_array_length(cd);
    return (PyObject *)it;
}

static PyType_Slot iter_slots[] = {
    {Py_tp_dealloc, iter_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, iter_next},
    {0, NULL},
};

static PyType_Spec iter_spec = {
    .name = "jiffi.CDataIterator",
    .basicsize = sizeof(IterObject),
    .flags = Py_TPFLAGS_DEFAULT | JPY_TPFLAGS_NO_NEW,
    .slots = iter_slots,
};

int jpy_init_cdata_iter(State *st, PyObject *module)
{
    st->cdata_iter_type = jpy_type(st, module, &iter_spec, NULL);
    if (!st->cdata_iter_type)
        return -1;
    jpy_type_no_new(st->cdata_iter_type);
    return 0;
}
