/* SPDX-License-Identifier: MIT
 *
 * The class of checked cdata: its slots look whether what they are asked for may be
 * done, let those of every cdata do it, and tell the result where it belongs.
 */
#include "python/checked.h"
#include "python/export.h"

/* --- errors ----------------------------------------------------------------------- */

/* An IndexError that an array has raised becomes a BoundsError with the story. */
static void *bounds(const CheckedData *cd)
{
    if (!PyErr_ExceptionMatches(PyExc_IndexError))
        return NULL;
    Allocation *a = jpy_allocation(cd);
    Checked *ck = a->st->checked;
    PyObject *e = jpy_exception_take();
    PyObject *text = e ? PyObject_Str(e) : NULL;
    if (text && Py_TYPE(e) == (PyTypeObject *)PyExc_IndexError) {
        jpy_checked_raise(ck->bounds, a, "%U", text);
        Py_DECREF(e);
    } else if (e) {
        jpy_exception_give(e);
    }
    Py_XDECREF(text);
    return NULL;
}

/* --- items ------------------------------------------------------------------------ */

/* The bytes that `key`, an int or a slice, stands for. 1; 0: the slot of every cdata
 * says why not; -1 with an exception. */
static int range_of(CDataObject *cd, PyObject *key, char **at, Py_ssize_t *bytes)
{
    CTypeObject *ct = cd->ctype;
    Py_ssize_t first, n = 1;
    if (!cd->data || (ct->code != V_ARRAY && !ct->is_data_ptr))
        return 0;
    if (jpy_layout(ct) < 0)
        return -1;
    if (PySlice_Check(key)) {
        const PySliceObject *s = (PySliceObject *)key;
        if (!PyLong_Check(s->start) || !PyLong_Check(s->stop) || s->step != Py_None)
            return 0;
        Py_ssize_t stop = PyLong_AsSsize_t(s->stop);
        first = PyLong_AsSsize_t(s->start);
        if (PyErr_Occurred()) {
            PyErr_Clear();
            return 0;
        }
        if (first > stop || ct->item_size < 0)
            return 0;
        n = stop - first;
    } else {
        first = PyLong_AsSsize_t(key);
        if (first == -1 && PyErr_Occurred()) {
            PyErr_Clear();
            return 0;
        }
    }
    Py_ssize_t size = ct->item_size < 0 ? 0 : ct->item_size;
    if (first && !PySlice_Check(key) && jpy_checked_is_owning_pointer(cd)) {
        const Allocation *a = jpy_allocation(cd);
        jpy_checked_raise(a->st->checked->bounds, a,
                          "cdata '%s' can only be indexed by 0", jpy_cname(ct));
        return -1;
    }
    if (ct->code == V_ARRAY && (first < 0 || first + n > jpy_array_length(cd)))
        return 0;
    if (size && (n > PY_SSIZE_T_MAX / size || first > PY_SSIZE_T_MAX / size ||
                 first < PY_SSIZE_T_MIN / size))
        return 0;
    *at = (char *)((uintptr_t)cd->data + (uintptr_t)(first * size));
    *bytes = n * size;
    return 1;
}

/* The key with what its __index__ says, asked once: that may run anything. A new
 * reference. */
static PyObject *settled(PyObject *key)
{
    if (PyLong_CheckExact(key) || !PyIndex_Check(key)) {
        if (!PySlice_Check(key))
            return Py_NewRef(key);
        PySliceObject *s = (PySliceObject *)key;
        PyObject *start = PyIndex_Check(s->start) ? PyNumber_Index(s->start)
                                                  : Py_NewRef(s->start);
        PyObject *stop = start && PyIndex_Check(s->stop) ? PyNumber_Index(s->stop)
                                                         : Py_NewRef(s->stop);
        PyObject *k = start && stop ? PySlice_New(start, stop, s->step) : NULL;
        Py_XDECREF(start);
        Py_XDECREF(stop);
        return k;
    }
    return PyNumber_Index(key);
}

/* p[0] of what owns a struct: the struct, which owns it too. */
static PyObject *owned_record(CheckedData *c)
{
    CDataObject *cd = &c->x.base;
    CTypeObject *item = jpy_item(cd->ctype);
    return item ? jpy_checked_derive(item, cd->data, jpy_checked_owned_bytes(cd),
                                     jpy_allocation(c), c)
                : NULL;
}

static PyObject *checked_subscript(PyObject *self, PyObject *key)
{
    CheckedData *c = (CheckedData *)self;
    CDataObject *cd = &c->x.base;
    char *at = NULL;
    Py_ssize_t bytes;
    key = settled(key);
    if (!key)
        return NULL;
    PyObject *o = NULL;
    int known = range_of(cd, key, &at, &bytes);
    if (known < 0 ||
        (known && jpy_checked_touch(c, at, bytes, false, "cannot read") < 0))
        goto done;
    if (known && at == cd->data && cd->ctype->item_code == V_RECORD &&
        !PySlice_Check(key) && jpy_checked_is_owning_pointer(cd)) {
        o = owned_record(c);
        goto done;
    }
    o = jpy_cdata_subscript(self, key);
    if (!o)
        bounds(c);
    o = jpy_checked_part(o, c, PySlice_Check(key) ? NULL : at);
done:
    Py_DECREF(key);
    return o;
}

static int checked_ass_subscript(PyObject *self, PyObject *key, PyObject *value)
{
    CheckedData *c = (CheckedData *)self;
    char *at = NULL;
    Py_ssize_t bytes = 0;
    key = settled(key);
    if (!key)
        return -1;
    int known = value ? range_of(&c->x.base, key, &at, &bytes) : 0, bad = -1;
    if (known >= 0 &&
        (!known || jpy_checked_touch(c, at, bytes, true, "cannot write") == 0)) {
        bad = jpy_cdata_ass_subscript(self, key, value);
        if (bad)
            bounds(c);
        if (known)
            jpy_links_note(jpy_allocation(c), at, bytes);
    }
    Py_DECREF(key);
    return bad;
}

/* --- members ---------------------------------------------------------------------- */

/* The member `name`, and its bytes; NULL without an exception: there is none. */
static FieldInfo *member_of(CDataObject *cd, PyObject *name, Py_ssize_t *bytes)
{
    FieldTable *t = jpy_fields(cd->ctype);
    FieldInfo *f = t ? jpy_field_find(t, name) : NULL;
    if (!f || !cd->data)
        return NULL;
    *bytes = f->type->size == JF_UNKNOWN || f->shift == SHIFT_EMPTY_ARRAY
                 ? 0
                 : (Py_ssize_t)f->type->size;
    if (f->bits >= 0) { /* what lies around it may be outside the struct */
        *bytes = (f->shift + f->bits + 7) / 8;
        if (*bytes > (Py_ssize_t)f->type->size)
            *bytes = (Py_ssize_t)f->type->size;
    }
    return f;
}

static const jf_Type *record_of(const CDataObject *cd)
{
    const jf_Type *t = cd->ctype->type;
    return t->kind == JF_PTR ? t->to->canon : t;
}

static PyObject *checked_getattro(PyObject *self, PyObject *name)
{
    CheckedData *c = (CheckedData *)self;
    CDataObject *cd = &c->x.base;
    Py_ssize_t bytes;
    FieldInfo *f = member_of(cd, name, &bytes);
    if (!f)
        return PyErr_Occurred() ? NULL : jpy_cdata_getattro(self, name);
    char *at = cd->data + f->offset;
    if (jpy_checked_touch(c, at, bytes, false, "cannot read a member of") < 0)
        return NULL;
    PyObject *o = jpy_cdata_getattro(self, name);
    if (f->code == V_POINTER)
        return jpy_checked_pointer(o, at, jpy_points_to_const(record_of(cd), f));
    o = jpy_checked_part(o, c, NULL);
    if (o && (f->quals & JF_Q_CONST) && jpy_is_cdata(o) && jpy_is_checked(o))
        ((CheckedData *)o)->x.readonly = 1;
    return o;
}

static int checked_setattro(PyObject *self, PyObject *name, PyObject *value)
{
    CheckedData *c = (CheckedData *)self;
    CDataObject *cd = &c->x.base;
    Allocation *a = jpy_allocation(c);
    Py_ssize_t bytes;
    FieldInfo *f = value ? member_of(cd, name, &bytes) : NULL;
    if (!f)
        return PyErr_Occurred() ? -1 : jpy_cdata_setattro(self, name, value);
    char *at = cd->data + f->offset;
    if (jpy_checked_touch(c, at, bytes, true, "cannot write a member of") < 0)
        return -1;
    if (f->quals & JF_Q_CONST) {
        jpy_checked_raise(a->st->checked->constant, a,
                          "cannot write a member of cdata '%s': '%U' is const",
                          jpy_cname(cd->ctype), name);
        return -1;
    }
    int bad = jpy_cdata_setattro(self, name, value);
    jpy_links_note(a, at, bytes);
    if (bad)
        bounds(c);
    return bad;
}

/* --- arithmetic ------------------------------------------------------------------- */

/* p + n points into the same block, and does not keep it: as without checks. */
static PyObject *moved(PyObject *o, PyObject *v, PyObject *w)
{
    if (!o || !jpy_is_cdata(o))
        return o;
    PyObject *from = jpy_is_cdata(v) && jpy_is_checked(v) ? v : w;
    CDataObject *cd = (CDataObject *)o;
    PyObject *c =
        jpy_checked_derive(cd->ctype, cd->data, 0, jpy_allocation(from), NULL);
    Py_DECREF(o);
    if (c && ((CheckedData *)from)->x.readonly)
        ((CheckedData *)c)->x.readonly = 1;
    return c;
}

static PyObject *checked_add(PyObject *v, PyObject *w)
{
    return moved(jpy_cdata_add(v, w), v, w);
}

static PyObject *checked_subtract(PyObject *v, PyObject *w)
{
    return moved(jpy_cdata_subtract(v, w), v, w);
}

/* --- iteration -------------------------------------------------------------------- */

typedef struct CheckedIter {
    PyObject_HEAD CheckedData *array; /* owned */
    Py_ssize_t at, end;               /* items */
} CheckedIter;

static PyObject *iter_next(PyObject *self)
{
    CheckedIter *it = (CheckedIter *)self;
    CDataObject *cd = &it->array->x.base;
    if (it->at >= it->end)
        return NULL;
    char *p = cd->data + it->at++ * cd->ctype->item_size;
    if (jpy_checked_touch(it->array, p, cd->ctype->item_size, false,
                          "cannot read") < 0)
        return NULL;
    return jpy_checked_part(jpy_item_get(cd->ctype, p, NULL), it->array, p);
}

static void iter_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_DECREF((PyObject *)((CheckedIter *)self)->array);
    PyObject_Free(self);
    Py_DECREF((PyObject *)type);
}

static PyObject *checked_iter(PyObject *self)
{
    CDataObject *cd = (CDataObject *)self;
    State *st = cd->ctype->st;
    if (cd->ctype->code != V_ARRAY)
        return jpy_cdata_iter(self);
    if (jpy_layout(cd->ctype) < 0)
        return NULL;
    CheckedIter *it = PyObject_New(CheckedIter, st->checked->iter_type);
    if (!it)
        return NULL;
    it->array = (CheckedData *)Py_NewRef(self);
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
    .basicsize = sizeof(CheckedIter),
    .flags = Py_TPFLAGS_DEFAULT | JPY_TPFLAGS_NO_NEW,
    .slots = iter_slots,
};

/* --- the rest --------------------------------------------------------------------- */

static PyObject *checked_repr(PyObject *self)
{
    CheckedData *c = (CheckedData *)self;
    CDataObject *cd = &c->x.base;
    const Allocation *a = jpy_allocation(c);
    const Hold *h = (Hold *)c->x.extra;
    const char *name = jpy_cname(cd->ctype);
    bool record = cd->ctype->code == V_RECORD ||
                  (cd->ctype->is_data_ptr && cd->ctype->item_code == V_RECORD);
    if (c->form == FORM_BUFFER && h && h->keeper)
        return PyObject_Repr(h->keeper);
    if (a->state != AS_ALIVE)
        return PyUnicode_FromFormat(
            "<cdata '%s%s' %p, %s>", name, cd->ctype->code == V_RECORD ? " &" : "",
            cd->data, a->state == AS_RELEASED ? "released" : "freed");
    if (c->form == FORM_OWN)
        return PyUnicode_FromFormat("<cdata '%s' owning %zd bytes>", name,
                                    jpy_known_size(cd));
    if (record && jpy_checked_owned_bytes(cd) >= 0)
        return PyUnicode_FromFormat("<cdata '%s' owning %zd bytes>", name,
                                    cd->length);
    return jpy_cdata_repr(self);
}

static int checked_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
    CheckedData *c = (CheckedData *)self;
    Extent e;
    view->obj = NULL;
    if (jpy_extent(&c->x.base, &e) == 0) {
        Py_ssize_t n = jpy_extent_size(&e);
        const Allocation *a = jpy_allocation(c);
        if (a->state == AS_ALIVE &&
            jpy_checked_touch(c, e.data, n, false, "cannot lend") < 0) {
            PyErr_Clear();
            jpy_checked_raise(PyExc_BufferError, a,
                              "cannot lend cdata '%s': its %zd bytes are not all "
                              "within the block",
                              jpy_cname(c->x.base.ctype), n);
            return -1;
        }
    } else {
        PyErr_Clear();
    }
    return jpy_cdata_getbuffer(self, view, flags);
}

static int checked_traverse(PyObject *self, visitproc visit, void *arg)
{
    CheckedData *c = (CheckedData *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(c->x.base.ctype);
    Py_VISIT(c->x.extra);
    return 0;
}

static PyType_Slot checked_slots[] = {
    {Py_tp_dealloc, jpy_ext_dealloc},
    {Py_tp_traverse, checked_traverse},
    {Py_tp_repr, checked_repr},
    {Py_tp_call, jpy_cdata_call},
    {Py_tp_getattro, checked_getattro},
    {Py_tp_setattro, checked_setattro},
    {Py_tp_iter, checked_iter},
    {Py_nb_add, checked_add},
    {Py_nb_subtract, checked_subtract},
    {Py_mp_subscript, checked_subscript},
    {Py_mp_ass_subscript, checked_ass_subscript},
    {Py_tp_doc, "A CData of a checked FFI. Check with isinstance(x, CData)."},
    {Py_bf_getbuffer, checked_getbuffer}, /* the last two: not for cffi */
    {Py_bf_releasebuffer, jpy_cdata_releasebuffer},
    {0, NULL},
};

int jpy_init_checked_class(State *st, Checked *ck)
{
    PyType_Slot slots[JF_COUNT(checked_slots)];
    size_t n = JF_COUNT(checked_slots) - (st->cffi ? 3 : 1);
    for (size_t i = 0; i < n; i++)
        slots[i] = checked_slots[i];
    slots[n] = (PyType_Slot){0, NULL};
    PyType_Spec spec = {
        .name = "jiffi.CData",
        .basicsize = sizeof(CheckedData),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | JPY_TPFLAGS_NO_NEW,
        .slots = slots,
    };
    PyObject *module = PyType_GetModule(st->ffi_type);
    PyObject *bases = PyTuple_Pack(1, st->cdata_type);
    if (!bases)
        return -1;
    /* The base is closed for all but us. */
    st->cdata_type->tp_flags |= Py_TPFLAGS_BASETYPE;
    st->cdata_checked_type = jpy_type(st, module, &spec, bases);
    st->cdata_type->tp_flags &= ~Py_TPFLAGS_BASETYPE;
    Py_DECREF(bases);
    ck->iter_type = jpy_type(st, module, &iter_spec, NULL);
    if (!st->cdata_checked_type || !ck->iter_type)
        return -1;
    jpy_type_no_new(st->cdata_checked_type);
    jpy_type_no_new(ck->iter_type);
    return 0;
}
