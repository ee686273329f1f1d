/* SPDX-License-Identifier: MIT
 *
 * ffi.asarray(): C memory as a numpy.ndarray, made through NumPy's C API. The base of
 * the array is a View, which keeps the cdata alive and pinned.
 */
#include "python/dtype.h"
#include "python/ffi.h"
#include "python/numpy.h"

enum { /* slots of NumPy's C API (numpy/__multiarray_api.h) */
       API_ARRAY_TYPE = 2,
       API_NEW_FROM_DESCR = 94,
       API_DESCR_CONVERTER = 174,
       API_SET_BASE = 282
};

static const char NEEDED_BY[] = "ffi.asarray()";

typedef PyObject *(*NewFromDescr)(PyTypeObject *type, PyObject *descr, int nd,
                                  const Py_ssize_t *dims, const Py_ssize_t *strides,
                                  void *data, int flags, PyObject *prototype);
typedef int (*SetBase)(PyObject *array, PyObject *base);
typedef int (*DescrConverter)(PyObject *o, PyObject **descr);

/* `shape` items of `descr` in C order, which it takes, at the bytes that `bytes` is. */
static PyObject *make_array(CDataObject *cd, const Extent *shape, PyObject *descr,
                            const Extent *bytes)
{
    void **api = jpy_numpy_api(cd->ctype->st, NEEDED_BY);
    PyObject *view = api ? jpy_view(cd, bytes) : NULL;
    if (!view) {
        Py_DECREF(descr);
        return NULL;
    }
    NewFromDescr make = (NewFromDescr)(uintptr_t)api[API_NEW_FROM_DESCR];
    SetBase set_base = (SetBase)(uintptr_t)api[API_SET_BASE];
    int flags = jpy_view_readonly(view) ? 0 : NUMPY_WRITEABLE;
    PyObject *array = make(api[API_ARRAY_TYPE], descr, shape->nd, shape->shape,
                           NULL, bytes->data, flags, NULL);
    if (!array) {
        Py_DECREF(view);
        return NULL;
    }
    if (set_base(array, view) < 0)
        Py_CLEAR(array);
    return array;
}

/* --- what was asked for ----------------------------------------------------------- */

typedef struct Request {
    CDataObject *cd;
    PyObject *descr; /* owned; NULL until known */
    bool own_descr;  /* not that of cd's items */
    Py_ssize_t itemsize;
    Py_ssize_t known; /* bytes there are, or -1 */
} Request;

static int read_descr(Request *r, PyObject *dtype)
{
    State *st = r->cd->ctype->st;
    void **api = jpy_numpy_api(st, NEEDED_BY);
    if (!api)
        return -1;
    r->own_descr = true;
    if (CType_Check(st, dtype)) {
        r->descr = jpy_dtype((CTypeObject *)dtype);
    } else {
        DescrConverter convert =
            (DescrConverter)(uintptr_t)api[API_DESCR_CONVERTER];
        if (!convert(dtype, &r->descr))
            r->descr = NULL;
    }
    if (!r->descr)
        return -1;
    PyObject *has = PyObject_GetAttrString(r->descr, "hasobject");
    int objects = has ? PyObject_IsTrue(has) : -1;
    Py_XDECREF(has);
    if (objects > 0)
        PyErr_Format(PyExc_TypeError,
                     "asarray(): memory of C has no Python objects in it: %R",
                     r->descr);
    return objects ? -1 : 0;
}

/* The items of the cdata itself: what an array is of, what a pointer points to. */
static int own_descr(Request *r)
{
    CTypeObject *ct = r->cd->ctype;
    while (ct && (ct->code == V_ARRAY || (ct == r->cd->ctype && ct->is_data_ptr)))
        ct = jpy_item(ct);
    if (!ct || jpy_layout(ct) < 0)
        return -1;
    if (ct->size < 0 || CType_IsFunction(ct)) {
        PyErr_Format(
            PyExc_TypeError,
            "asarray(): what is behind cdata '%s' has no size: say it with "
            "dtype",
            jpy_cname(r->cd->ctype));
        return -1;
    }
    r->descr = jpy_dtype(ct);
    return r->descr ? 0 : -1;
}

static int read_itemsize(Request *r)
{
    PyObject *size = PyObject_GetAttrString(r->descr, "itemsize");
    r->itemsize = size ? PyLong_AsSsize_t(size) : -1;
    Py_XDECREF(size);
    return r->itemsize < 0 ? -1 : 0;
}

static int read_shape(PyObject *shape, Extent *e)
{
    PyObject *seq = PyLong_Check(shape) || PyIndex_Check(shape)
                        ? PyTuple_Pack(1, shape)
                        : PySequence_Tuple(shape);
    if (!seq)
        return -1;
    e->nd = (int)Py_MIN(PyTuple_GET_SIZE(seq), JPY_MAX_DIMS + 1);
    int bad = 0;
    if (e->nd > JPY_MAX_DIMS) {
        PyErr_Format(PyExc_ValueError, "asarray(): shape has more than %d numbers",
                     JPY_MAX_DIMS);
        bad = -1;
    }
    for (int i = 0; !bad && i < e->nd; i++) {
        e->shape[i] =
            PyNumber_AsSsize_t(PyTuple_GET_ITEM(seq, i), PyExc_OverflowError);
        if (e->shape[i] >= 0)
            continue;
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_ValueError,
                         "asarray(): shape has a negative number: "
                         "%zd",
                         e->shape[i]);
        bad = -1;
    }
    Py_DECREF(seq);
    return bad;
}

/* The items of a pointer to arrays have dimensions of their own. */
static int add_inner(const Request *r, Extent *e)
{
    Extent inner = {.nd = 0};
    if (r->own_descr || !r->cd->ctype->is_data_ptr)
        return 0;
    if (jpy_extent_push(&inner, jpy_item(r->cd->ctype), -1) < 0)
        return -1;
    if (e->nd + inner.nd > JPY_MAX_DIMS) {
        PyErr_Format(PyExc_ValueError, "asarray(): more than %d dimensions",
                     JPY_MAX_DIMS);
        return -1;
    }
    for (int i = 0; i < inner.nd; i++)
        e->shape[e->nd++] = inner.shape[i];
    return 0;
}

/* The shape of what is there, in items of the dtype. */
static int natural_shape(Request *r, Extent *e)
{
    Extent own;
    if (r->known < 0) {
        PyErr_Format(PyExc_ValueError,
                     "asarray(): nobody knows how many items cdata '%s' points to: "
                     "say it with shape",
                     jpy_cname(r->cd->ctype));
        return -1;
    }
    if (!r->own_descr)
        return jpy_extent(r->cd, e);
    if (r->cd->ctype->item_size >= 0 || !r->cd->ctype->is_data_ptr) {
        if (jpy_extent(r->cd, &own) < 0)
            return -1;
        if (own.item->size == r->itemsize) {
            *e = own;
            return 0;
        }
    }
    if (!r->itemsize || r->known % r->itemsize) {
        PyErr_Format(PyExc_ValueError,
                     "asarray(): %zd bytes of cdata '%s' are no whole number of "
                     "items of %zd bytes",
                     r->known, jpy_cname(r->cd->ctype), r->itemsize);
        return -1;
    }
    e->nd = 1;
    e->shape[0] = r->known / r->itemsize;
    return 0;
}

/* Does the shape lie within the memory? *bytes: what it takes. */
static int check_bounds(const Request *r, const Extent *e, Py_ssize_t *bytes)
{
    Py_ssize_t all = r->itemsize;
    bool empty = false;
    for (int i = 0; i < e->nd; i++)
        empty |= e->shape[i] == 0;
    for (int i = 0; !empty && all && i < e->nd; i++) {
        if (e->shape[i] > PY_SSIZE_T_MAX / all) {
            PyErr_SetString(PyExc_ValueError,
                            "asarray(): shape would overflow a Py_ssize_t");
            return -1;
        }
        all *= e->shape[i];
    }
    *bytes = empty ? 0 : all;
    if (!r->cd->data && *bytes) {
        PyErr_Format(PyExc_ValueError,
                     "asarray(): cdata '%s' is a NULL pointer: there are no %zd "
                     "bytes behind it",
                     jpy_cname(r->cd->ctype), *bytes);
        return -1;
    }
    if (r->known >= 0 && *bytes > r->known) {
        PyErr_Format(
            PyExc_ValueError,
            "asarray(): shape and dtype take %zd bytes, cdata '%s' has %zd", *bytes,
            jpy_cname(r->cd->ctype), r->known);
        return -1;
    }
    return 0;
}

static PyObject *build(Request *r, PyObject *shape, bool readonly)
{
    Extent e = {.nd = 0};
    Extent bytes = {r->cd->data, NULL, 1, readonly, {0}, {1}};
    bytes.item = jpy_item(r->cd->ctype->st->char_array);
    if (!bytes.item || (shape ? read_shape(shape, &e) : natural_shape(r, &e)) < 0 ||
        (shape && add_inner(r, &e) < 0) || check_bounds(r, &e, &bytes.shape[0]) < 0)
        return NULL;
    PyObject *descr = r->descr;
    r->descr = NULL;
    return make_array(r->cd, &e, descr, &bytes);
}

FFI_FAST(asarray)
{
    static const ArgSpec spec = {
        "asarray", {"cdata", "shape", "dtype", "readonly", NULL}, 1};
    State *st = ((FFIObject *)self)->st;
    PyObject *a[4], *array = NULL;
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0)
        return NULL;
    for (int i = 1; i < 3; i++)
        a[i] = a[i] == Py_None ? NULL : a[i];
    int readonly = a[3] ? PyObject_IsTrue(a[3]) : 0;
    if (readonly < 0)
        return NULL;
    if (!CData_Check(st, a[0]))
        return jpy_ffi_bad_type("cdata object", a[0]);
    Request r = {.cd = (CDataObject *)a[0]};
    if (r.cd->ctype->code == V_POINTER && !r.cd->ctype->is_data_ptr) {
        PyErr_Format(PyExc_TypeError,
                     "asarray(): a function has no items: cdata "
                     "'%s'",
                     jpy_cname(r.cd->ctype));
        return NULL;
    }
    if ((a[2] ? read_descr(&r, a[2]) : own_descr(&r)) == 0 &&
        read_itemsize(&r) == 0) {
        r.known = jpy_extent_bytes(r.cd);
        array = build(&r, a[1], readonly);
    }
    Py_XDECREF(r.descr);
    return array;
}
