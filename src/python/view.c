/* SPDX-License-Identifier: MIT
 *
 * jiffi.View: a block of equal items anywhere in C memory, with any steps between
 * them: a column of an array of structs, what stands behind a NumPy array. It is a
 * sequence, a typed buffer and a DLPack tensor; it keeps the cdata alive and pinned.
 */
#include <string.h>

#include "python/export.h"
#include "python/ffi.h"
#include "python/ffi_doc.h"

typedef struct ViewObject {
    PyObject_VAR_HEAD CDataObject *owner; /* owned, pinned; NULL when cleared */
    CTypeObject *item;                    /* owned */
    char *data;
    PyObject *weakrefs;
    int nd;
    bool readonly;
    Py_ssize_t dims[]; /* shape, then strides: nd of each */
} ViewObject;

static void extent_of(const ViewObject *v, Extent *e)
{
    e->data = v->data;
    e->item = v->item;
    e->nd = v->nd;
    e->readonly = v->readonly;
    memcpy(e->shape, v->dims, (size_t)v->nd * sizeof *v->dims);
    memcpy(e->strides, v->dims + v->nd, (size_t)v->nd * sizeof *v->dims);
}

PyObject *jpy_view(CDataObject *cd, const Extent *e)
{
    bool readonly;
    if (jpy_pin(cd, &readonly) < 0)
        return NULL;
    PyTypeObject *type = cd->ctype->st->view_type;
    ViewObject *v = (ViewObject *)type->tp_alloc(type, 2 * e->nd);
    if (!v) {
        jpy_unpin(cd);
        return NULL;
    }
    v->owner = (CDataObject *)Py_NewRef((PyObject *)cd);
    v->item = (CTypeObject *)Py_NewRef((PyObject *)e->item);
    v->data = e->data;
    v->nd = e->nd;
    v->readonly = readonly || e->readonly;
    memcpy(v->dims, e->shape, (size_t)e->nd * sizeof *v->dims);
    memcpy(v->dims + e->nd, e->strides, (size_t)e->nd * sizeof *v->dims);
    return (PyObject *)v;
}

bool jpy_view_readonly(PyObject *view)
{
    return ((ViewObject *)view)->readonly;
}

/* The owner stays until the end: what looks at the view looks at its memory. */
static int view_traverse(ViewObject *v, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(v));
    Py_VISIT(v->owner);
    Py_VISIT(v->item);
    return 0;
}

static void view_dealloc(ViewObject *v)
{
    PyTypeObject *type = Py_TYPE(v);
    PyObject_GC_UnTrack(v);
    if (v->weakrefs)
        PyObject_ClearWeakRefs((PyObject *)v);
    if (v->owner) {
        jpy_unpin(v->owner);
        Py_DECREF((PyObject *)v->owner);
    }
    Py_XDECREF((PyObject *)v->item);
    type->tp_free((PyObject *)v);
    Py_DECREF(type);
}

static PyObject *dims_tuple(const ViewObject *v, int first)
{
    PyObject *t = PyTuple_New(v->nd);
    for (int i = 0; t && i < v->nd; i++) {
        PyObject *o = PyLong_FromSsize_t(v->dims[first + i]);
        if (!o)
            Py_CLEAR(t);
        else
            PyTuple_SET_ITEM(t, i, o);
    }
    return t;
}

static PyObject *view_repr(ViewObject *v)
{
    PyObject *shape = dims_tuple(v, 0);
    if (!shape)
        return NULL;
    PyObject *r =
        PyUnicode_FromFormat("<jiffi.View of '%s', shape %R%s>", jpy_cname(v->item),
                             shape, v->readonly ? ", read-only" : "");
    Py_DECREF(shape);
    return r;
}

/* --- items ------------------------------------------------------------------------ */

static Py_ssize_t view_length(ViewObject *v)
{
    if (v->nd)
        return v->dims[0];
    PyErr_SetString(PyExc_TypeError, "a view of a single value has no len()");
    return -1;
}

/* What `key` selects along the first dimension: a row, or with a slice fewer. */
static int select_part(ViewObject *v, PyObject *key, Extent *e)
{
    extent_of(v, e);
    if (PyTuple_Check(key) && !PyTuple_GET_SIZE(key))
        return 0;
    if (!v->nd) {
        PyErr_SetString(PyExc_TypeError,
                        "a view of a single value has no items: take view[()]");
        return -1;
    }
    if (PySlice_Check(key)) {
        Py_ssize_t start, stop, step;
        if (PySlice_Unpack(key, &start, &stop, &step) < 0)
            return -1;
        Py_ssize_t n = PySlice_AdjustIndices(e->shape[0], &start, &stop, step);
        if (n) /* else `start` may lie outside */
            e->data += start * e->strides[0];
        e->shape[0] = n;
        e->strides[0] *=
            n > 1 ? step : 1; /* no overflow where nothing is stepped */
        return 0;
    }
    if (!PyIndex_Check(key)) {
        PyErr_Format(PyExc_TypeError,
                     "view indices must be integers or slices, not %.200s",
                     Py_TYPE(key)->tp_name);
        return -1;
    }
    Py_ssize_t i = PyNumber_AsSsize_t(key, PyExc_IndexError);
    if (i == -1 && PyErr_Occurred())
        return -1;
    if (i < 0)
        i += e->shape[0];
    if (i < 0 || i >= e->shape[0]) {
        PyErr_Format(PyExc_IndexError, "index out of range for %zd items",
                     e->shape[0]);
        return -1;
    }
    e->data += i * e->strides[0];
    e->nd--;
    memmove(e->shape, e->shape + 1, (size_t)e->nd * sizeof *e->shape);
    memmove(e->strides, e->strides + 1, (size_t)e->nd * sizeof *e->strides);
    return 0;
}

static PyObject *view_subscript(ViewObject *v, PyObject *key)
{
    Extent e;
    if (select_part(v, key, &e) < 0)
        return NULL;
    if (e.nd)
        return jpy_view(v->owner, &e);
    return jpy_to_object(v->item, e.data, (PyObject *)v->owner);
}

static PyObject *view_item(ViewObject *v, Py_ssize_t i)
{
    if (v->nd == 1 && i >= 0 && i < v->dims[0])
        return jpy_to_object(v->item, v->data + i * v->dims[1],
                             (PyObject *)v->owner);
    PyObject *key = PyLong_FromSsize_t(i), *o = NULL;
    if (key) {
        o = view_subscript(v, key);
        Py_DECREF(key);
    }
    return o;
}

static int view_assign(ViewObject *v, PyObject *key, PyObject *value)
{
    Extent e;
    if (!value) {
        PyErr_SetString(PyExc_TypeError, "items of a view cannot be deleted");
        return -1;
    }
    if (v->readonly) {
        PyErr_Format(PyExc_TypeError, "this memory of '%s' is read-only",
                     jpy_cname(v->item));
        return -1;
    }
    if (select_part(v, key, &e) < 0)
        return -1;
    return jpy_bulk_fill(&e, value, false) < 0 ? -1 : 0;
}

static PyObject *view_tolist(ViewObject *v, PyObject *noarg)
{
    (void)noarg;
    Extent e;
    extent_of(v, &e);
    return jpy_bulk_list(&e, (PyObject *)v->owner);
}

/* --- as a buffer ------------------------------------------------------------------ */

static int view_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
    Extent e;
    extent_of((ViewObject *)self, &e);
    return jpy_buffer_fill(view, self, &e, flags);
}

static void view_releasebuffer(PyObject *self, Py_buffer *view)
{
    (void)self;
    jpy_buffer_done(view);
}

/* --- the type --------------------------------------------------------------------- */

static PyObject *get_shape(ViewObject *v, void *closure)
{
    (void)closure;
    return dims_tuple(v, 0);
}

static PyObject *get_strides(ViewObject *v, void *closure)
{
    (void)closure;
    return dims_tuple(v, v->nd);
}

static PyObject *get_readonly(ViewObject *v, void *closure)
{
    (void)closure;
    return PyBool_FromLong(v->readonly);
}

static PyGetSetDef view_getsets[] = {
    {"shape", (getter)get_shape, NULL, "items in each dimension", NULL},
    {"strides", (getter)get_strides, NULL, "bytes from one item to the next", NULL},
    {"readonly", (getter)get_readonly, NULL, "may nobody write there?", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

#define OFF(x) offsetof(ViewObject, x)
static PyMemberDef view_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, OFF(weakrefs), READONLY, NULL},
    {"item", T_OBJECT, OFF(item), READONLY, "ctype of an item"},
    {"obj", T_OBJECT, OFF(owner), READONLY, "the cdata whose memory it is"},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef view_methods[] = {
    {"tolist", (PyCFunction)view_tolist, METH_NOARGS,
     "The items as a list, of lists where there are more dimensions."},
    {"__dlpack__", (PyCFunction)(void (*)(void))jpy_cdata_dlpack,
     METH_VARARGS | METH_KEYWORDS, NULL},
    {"__dlpack_device__", jpy_dlpack_device, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot view_slots[] = {
    {Py_tp_dealloc, view_dealloc},
    {Py_tp_traverse, view_traverse},
    {Py_tp_repr, view_repr},
    {Py_tp_methods, view_methods},
    {Py_tp_members, view_members},
    {Py_tp_getset, view_getsets},
    {Py_sq_length, view_length},
    {Py_sq_item, view_item},
    {Py_mp_length, view_length},
    {Py_mp_subscript, view_subscript},
    {Py_mp_ass_subscript, view_assign},
    {Py_bf_getbuffer, view_getbuffer},
    {Py_bf_releasebuffer, view_releasebuffer},
    {Py_tp_doc, "Items in C memory with steps between them: see ffi.column()."},
    {0, NULL},
};

static PyType_Spec view_spec = {
    .name = "jiffi.View",
    .basicsize = offsetof(ViewObject, dims),
    .itemsize = sizeof(Py_ssize_t),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | JPY_TPFLAGS_NO_NEW,
    .slots = view_slots,
};

int jpy_init_view(State *st, PyObject *module)
{
    st->view_type = jpy_type(st, module, &view_spec, NULL);
    if (!st->view_type)
        return -1;
    jpy_type_no_new(st->view_type);
    return 0;
}
