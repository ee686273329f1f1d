/* SPDX-License-Identifier: MIT
 *
 * The cdata that holds other objects (CDataExt): views that keep memory alive,
 * ffi.gc, handles, buffers, allocators; and release, by hand or by `with`.
 */
#include "python/call.h"
#include "python/checked.h"

#include <string.h>

/* --- making --------------------------------------------------------------- */

static CDataExt *ext_alloc(CTypeObject *ct, char *data, ExtKind ext)
{
    CDataExt *x = PyObject_GC_New(CDataExt, ct->st->cdata_ext_type);
    if (!x)
        return NULL;
    memset((char *)x + sizeof(PyObject), 0, sizeof *x - sizeof(PyObject));
    Py_INCREF(ct);
    x->base.ctype = ct;
    x->base.data = data;
    x->ext = (uint8_t)ext;
    return x;
}

CDataExt *jpy_ext_new(CTypeObject *ct, char *data, ExtKind ext)
{
    CDataExt *x = ext_alloc(ct, data, ext);
    if (x)
        PyObject_GC_Track(x);
    return x;
}

/* A view of memory that a plain cdata owns. That leads nowhere, so no cycle can
 * pass through it and the collector need not know; and as p[0].x makes one every
 * time, dead ones are kept for the next. */
static PyObject *light_view(CTypeObject *ct, char *data, PyObject *owner)
{
    State *st = ct->st;
    CDataExt *x = st->free_views;
    if (x) {
        st->free_views = (CDataExt *)x->base.data;
        st->n_free_views--;
        PyObject_Init((PyObject *)x, st->cdata_ext_type);
        Py_INCREF(ct);
        x->base.ctype = ct;
        x->base.data = data;
        x->base.length = 0;
        x->readonly = 0;
    } else {
        x = ext_alloc(ct, data, EXT_VIEW);
        if (!x)
            return NULL;
    }
    x->owner = Py_NewRef(owner);
    return (PyObject *)x;
}

/* Keep a dead light view; 0 if there are enough. */
static int keep_view(CDataExt *x, State *st)
{
    enum { MAX_FREE_VIEWS = 32 };
    if (st->n_free_views == MAX_FREE_VIEWS || !JPY_REUSES_GC_OBJECTS)
        return 0;
    x->base.data = (char *)st->free_views;
    x->base.weakrefs = NULL;
    st->free_views = x;
    st->n_free_views++;
    return 1;
}

void jpy_views_drop(State *st)
{
    while (st->free_views) {
        CDataExt *x = st->free_views;
        st->free_views = (CDataExt *)x->base.data;
        PyObject_GC_Del(x);
    }
    st->n_free_views = 0;
}

PyObject *jpy_cdata_view(CTypeObject *ct, char *data, PyObject *owner)
{
    if (Py_IS_TYPE(owner, ct->st->cdata_own_type) ||
        Py_IS_TYPE(owner, ct->st->cdata_type))
        return light_view(ct, data, owner);
    if (jpy_is_checked_object(ct->st, owner))
        return jpy_checked_derive(ct, data, 0, jpy_allocation(owner),
                                  (CheckedData *)owner);
    CDataExt *x = jpy_ext_new(ct, data, EXT_VIEW);
    if (x)
        x->owner = Py_NewRef(owner);
    return (PyObject *)x;
}

PyObject *jpy_gc(CDataObject *cd, PyObject *destructor)
{
    CDataExt *x = jpy_ext_new(cd->ctype, cd->data, EXT_GC);
    if (!x)
        return NULL;
    x->owner = Py_NewRef((PyObject *)cd);
    x->extra = jpy_finaliser(x, destructor);
    if (CType_IsOpen(cd->ctype))
        x->base.length = jpy_array_length(cd);
    if (!x->extra)
        Py_CLEAR(x);
    return (PyObject *)x;
}

static CDataExt *as_ext(PyObject *o)
{
    CTypeObject *ct = ((CDataObject *)o)->ctype;
    return Py_IS_TYPE(o, ct->st->cdata_ext_type) ? (CDataExt *)o : NULL;
}

int jpy_gc_forget(CDataObject *cd)
{
    CDataExt *x = as_ext((PyObject *)cd);
    if (jpy_is_checked(cd))
        return jpy_checked_forget(cd);
    if (!x || x->ext != EXT_GC) {
        PyErr_SetString(
            PyExc_TypeError,
            "Can remove destructor only on a object previously returned "
            "by ffi.gc()");
        return -1;
    }
    Py_CLEAR(x->extra);
    return 0;
}

/* --- who owns what -------------------------------------------------------- */

int jpy_is_owning_pointer(const CDataObject *cd)
{
    if (cd->ctype->code != V_POINTER)
        return 0;
    const CDataExt *x = as_ext((PyObject *)cd);
    if (!x)
        return jpy_owns_inline(cd);
    return x->ext == EXT_ALLOC && cd->ctype->item_code == V_RECORD;
}

PyObject *jpy_owner_of(CDataObject *cd)
{
    CDataExt *x = as_ext((PyObject *)cd);
    if (!x)
        return jpy_owns_inline(cd) ? (PyObject *)cd : NULL;
    switch (x->ext) {
    case EXT_VIEW: /* what is read-only stays so in what comes of it */
        return x->readonly ? (PyObject *)cd : x->owner;
    case EXT_GC:
    case EXT_BUFFER:
    case EXT_ALLOC:
        return (PyObject *)cd;
    default:
        return NULL;
    }
}

Py_ssize_t jpy_owned_bytes(CDataObject *cd)
{
    CDataExt *x = as_ext((PyObject *)cd);
    if (jpy_is_checked(cd))
        return jpy_checked_owned_bytes(cd);
    if (!x)
        return jpy_owns_inline(cd) && cd->ctype->code != V_ARRAY ? cd->length : -1;
    bool sized = x->ext == EXT_VIEW || x->ext == EXT_ALLOC;
    return sized && x->base.length > 0 && cd->ctype->code != V_ARRAY
               ? x->base.length
               : -1;
}

PyObject *jpy_owned_record(CDataObject *cd)
{
    CTypeObject *item = jpy_item(cd->ctype);
    PyObject *o = item ? jpy_cdata_view(item, cd->data, (PyObject *)cd) : NULL;
    if (o)
        ((CDataObject *)o)->length = jpy_owned_bytes(cd);
    return o;
}

void jpy_view_const(PyObject *cd)
{
    CDataExt *x = as_ext(cd);
    if (x && x->ext == EXT_VIEW)
        x->readonly = 1;
}

/* --- ffi.new -------------------------------------------------------------- */

static int plan_pointer(CTypeObject *ct, PyObject *init, NewPlan *plan)
{
    if (ct->item_size < 0) {
        if (jpy_layout(ct) < 0)
            return -1;
        if (ct->item_size < 0) {
            CTypeObject *item = jpy_item(ct);
            if (item)
                PyErr_Format(PyExc_TypeError,
                             "cannot instantiate ctype '%s' of unknown size",
                             jpy_cname(item));
            return -1;
        }
    }
    plan->bytes = plan->length = ct->item_size;
    if (V_IS_CHAR(ct->item_code)) {
        plan->bytes *= 2; /* a terminator behind a lone character */
    } else if (ct->item_code == V_RECORD && init &&
               (ct->type->to->u.rec->flags & JF_R_FLEX) && !jpy_is_cdata(init)) {
        CTypeObject *item = jpy_item(ct);
        if (!item || jpy_record_needs(item, init, &plan->bytes) < 0)
            return -1;
        plan->length = plan->bytes;
    }
    return 0;
}

static int plan_array(CTypeObject *ct, PyObject **init, NewPlan *plan)
{
    if (!CType_IsOpen(ct)) {
        plan->bytes = plan->length = jpy_ctype_size(ct);
        return plan->bytes < 0 ? -1 : 0;
    }
    CTypeObject *item = jpy_item(ct);
    PyObject *value = *init ? *init : Py_None;
    if (!item || jpy_layout(ct) < 0)
        return -1;
    if (ct->item_size < 0) {
        PyErr_Format(PyExc_TypeError,
                     "cannot instantiate ctype '%s' of unknown size",
                     jpy_cname(item));
        return -1;
    }
    plan->length = jpy_array_needs(item, &value);
    if (plan->length < 0)
        return -1;
    if (ct->item_size && plan->length > PY_SSIZE_T_MAX / ct->item_size) {
        PyErr_SetString(PyExc_OverflowError,
                        "array size would overflow a Py_ssize_t");
        return -1;
    }
    *init = value == Py_None ? NULL : value;
    plan->bytes = plan->length * ct->item_size;
    return 0;
}

int jpy_new_plan(CTypeObject *ct, PyObject **init, NewPlan *plan)
{
    if (*init == Py_None)
        *init = NULL;
    if (ct->is_data_ptr)
        return plan_pointer(ct, *init, plan);
    if (ct->code == V_ARRAY)
        return plan_array(ct, init, plan);
    PyErr_Format(PyExc_TypeError, "expected a pointer or array ctype, got '%s'",
                 jpy_cname(ct));
    return -1;
}

int jpy_new_fill(CTypeObject *ct, char *data, NewPlan plan, PyObject *init)
{
    if (ct->code == V_ARRAY) {
        Py_ssize_t n =
            CType_IsOpen(ct) ? plan.length : (Py_ssize_t)ct->type->length;
        return jpy_array_from_object(ct, data, n, init);
    }
    return jpy_item_set(ct, data, init);
}

static PyObject *new_inline(CTypeObject *ct, PyObject *init, int clear)
{
    NewPlan plan;
    if (jpy_new_plan(ct, &init, &plan) < 0)
        return NULL;
    CDataObject *cd = jpy_cdata_inline(ct, plan.bytes, plan.length, clear);
    if (cd && init && jpy_new_fill(ct, cd->data, plan, init) < 0)
        Py_CLEAR(cd);
    return (PyObject *)cd;
}

PyObject *jpy_new(CTypeObject *ct, PyObject *init)
{
    return new_inline(ct, init, 1);
}

/* What alloc(n) gave: a cdata that points to memory. */
static CDataObject *call_alloc(PyObject *alloc, Py_ssize_t bytes)
{
    PyObject *o = PyObject_CallFunction(alloc, "n", bytes);
    if (!o)
        return NULL;
    CDataObject *cd = (CDataObject *)o;
    if (!jpy_is_cdata(o))
        PyErr_Format(PyExc_TypeError,
                     "alloc() must return a cdata object (got %.200s)",
                     Py_TYPE(o)->tp_name);
    else if (!cd->ctype->is_data_ptr && cd->ctype->code != V_ARRAY)
        PyErr_Format(PyExc_TypeError,
                     "alloc() must return a cdata pointer, not '%s'",
                     jpy_cname(cd->ctype));
    else if (!cd->data)
        PyErr_SetString(PyExc_MemoryError, "alloc() returned NULL");
    else
        return cd;
    Py_DECREF(o);
    return NULL;
}

PyObject *jpy_new_with(CTypeObject *ct, PyObject *init, PyObject *alloc,
                       PyObject *free_, int clear)
{
    if (!alloc)
        return new_inline(ct, init, clear);
    NewPlan plan;
    if (jpy_new_plan(ct, &init, &plan) < 0)
        return NULL;
    CDataObject *memory = call_alloc(alloc, plan.bytes);
    CDataExt *x = memory ? jpy_ext_new(ct, memory->data, EXT_ALLOC) : NULL;
    if (!x) {
        Py_XDECREF(memory);
        return NULL;
    }
    x->owner = (PyObject *)memory;
    x->extra = Py_XNewRef(free_);
    x->base.length = plan.length;
    if (clear)
        memset(memory->data, 0, (size_t)plan.bytes);
    if (init && jpy_new_fill(ct, memory->data, plan, init) < 0)
        Py_CLEAR(x);
    return (PyObject *)x;
}

/* --- the end -------------------------------------------------------------- */

/* Call the destructor of ffi.gc or an allocator; gives back both references. Its
 * errors have nowhere to go but sys.unraisablehook. */
static void destroy(PyObject *destructor, PyObject *owner)
{
    if (destructor) {
        JpyError saved = jpy_error_take();
        PyObject *r = PyObject_CallFunctionObjArgs(destructor, owner, NULL);
        if (!r)
            PyErr_WriteUnraisable(owner);
        Py_XDECREF(r);
        Py_DECREF(destructor);
        jpy_error_put(saved);
    }
    Py_XDECREF(owner);
}

static void destroy_now(CDataExt *x)
{
    PyObject *destructor = x->extra, *owner = x->owner;
    x->extra = NULL;
    x->owner = NULL;
    destroy(destructor, owner);
}

void jpy_gc_now(CDataExt *x)
{
    bool pointer = x->base.ctype->code == V_POINTER;
    PyObject *destructor = x->extra, *owner = Py_XNewRef(x->owner);
    x->extra = NULL;
    destroy(destructor, owner);
    if (pointer) /* who has its memory in Python keeps that */
        x->base.data = NULL;
}

static void ext_finalize(PyObject *self)
{
    CDataExt *x = (CDataExt *)self;
    /* Who looks at the memory goes with us, but perhaps after us: then jpy_ext_dealloc
     * does it. */
    if ((x->ext == EXT_GC || x->ext == EXT_ALLOC) && !x->exports)
        destroy_now(x);
}

void jpy_ext_dealloc(PyObject *self)
{
    CDataExt *x = (CDataExt *)self;
    PyTypeObject *tp = Py_TYPE(x);
    CTypeObject *ct = x->base.ctype;
    bool light = x->ext == EXT_VIEW && !PyObject_GC_IsTracked(self);
    bool calls = x->ext == EXT_GC || x->ext == EXT_ALLOC;
    PyObject_GC_UnTrack(x);
    if (x->base.weakrefs)
        PyObject_ClearWeakRefs(self);
    PyObject *destructor = x->extra, *owner = x->owner;
    if (x->view) {
        PyBuffer_Release(x->view);
        PyMem_Free(x->view);
    }
    if (x->ext == EXT_HANDLE)
        jpy_handle_gone(x);
    if (!light || !keep_view(x, ct->st))
        PyObject_GC_Del(x);
    if (!calls)
        Py_CLEAR(destructor);
    destroy(destructor, owner);
    Py_DECREF(ct);
    Py_DECREF(tp);
}

static int ext_traverse(PyObject *self, visitproc visit, void *arg)
{
    CDataExt *x = (CDataExt *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(x->base.ctype);
    Py_VISIT(x->owner);
    Py_VISIT(x->extra);
    /* CPython before 3.12 may clear a memoryview that we still look through, and
     * then crash when we let go: it must not look like ours alone. */
    if (x->view && x->view->obj && !PyMemoryView_Check(x->view->obj))
        Py_VISIT(x->view->obj);
    return 0;
}

/* Views keep their owner: no cycle consists of views alone, and the memory they
 * show must outlive them. */
static int ext_clear(PyObject *self)
{
    CDataExt *x = (CDataExt *)self;
    if (x->ext == EXT_HANDLE)
        Py_CLEAR(x->owner);
    if (x->ext == EXT_CALLBACK)
        Py_CLEAR(x->extra); /* only told of by repr() */
    if (x->view && !x->exports)
        PyBuffer_Release(x->view);
    return 0;
}

/* --- release -------------------------------------------------------------- */

static int can_release(CDataObject *cd)
{
    CDataExt *x = as_ext((PyObject *)cd);
    if (x ? x->ext == EXT_BUFFER || x->ext == EXT_GC || x->ext == EXT_ALLOC
          : jpy_owns_inline(cd) && cd->ctype->code != V_RECORD)
        return 1;
    if (jpy_is_checked(cd) && jpy_checked_can_release(cd))
        return 1;
    jpy_cannot_release();
    return 0;
}

PyObject *jpy_cannot_release(void)
{
    PyErr_SetString(
        PyExc_ValueError,
        "only 'cdata' object from ffi.new(), ffi.gc(), ffi.from_buffer() "
        "or ffi.new_allocator()() can be used with the 'with' keyword or "
        "ffi.release()");
    return NULL;
}

PyObject *jpy_release(CDataObject *cd)
{
    CDataExt *x = as_ext((PyObject *)cd);
    if (!can_release(cd))
        return NULL;
    if (jpy_is_checked(cd))
        return jpy_checked_release(cd);
    if (x && x->exports)
        return PyErr_Format(PyExc_BufferError,
                            "cannot release cdata '%s': %u buffers, arrays or "
                            "pinned arguments look at its memory",
                            jpy_cname(cd->ctype), (unsigned)x->exports);
    if (x && x->ext == EXT_BUFFER)
        PyBuffer_Release(x->view);
    else if (x)
        destroy_now(x);
    Py_RETURN_NONE;
}

PyObject *jpy_cdata_enter(PyObject *self, PyObject *noarg)
{
    (void)noarg;
    return can_release((CDataObject *)self) ? Py_NewRef(self) : NULL;
}

PyObject *jpy_cdata_exit(PyObject *self, PyObject *args)
{
    (void)args;
    return jpy_release((CDataObject *)self);
}

/* --- repr ----------------------------------------------------------------- */

static PyObject *buffer_repr(CDataExt *x)
{
    CDataObject *cd = &x->base;
    if (!x->view || !x->view->obj)
        return PyUnicode_FromFormat("<cdata '%s' buffer RELEASED>",
                                    jpy_cname(cd->ctype));
    const char *from = Py_TYPE(x->view->obj)->tp_name;
    if (cd->ctype->code == V_ARRAY)
        return PyUnicode_FromFormat(
            "<cdata '%s' buffer len %zd from '%.200s' object>",
            jpy_cname(cd->ctype), jpy_array_length(cd), from);
    return PyUnicode_FromFormat("<cdata '%s' buffer from '%.200s' object>",
                                jpy_cname(cd->ctype), from);
}

static PyObject *ext_repr(PyObject *self)
{
    CDataExt *x = (CDataExt *)self;
    CDataObject *cd = &x->base;
    bool record = cd->ctype->code == V_RECORD ||
                  (cd->ctype->is_data_ptr && cd->ctype->item_code == V_RECORD);
    if (x->ext == EXT_BUFFER)
        return buffer_repr(x);
    if (x->ext == EXT_HANDLE && x->owner)
        return PyUnicode_FromFormat("<cdata '%s' handle to %R>",
                                    jpy_cname(cd->ctype), x->owner);
    if (x->ext == EXT_CALLBACK && x->extra)
        return PyUnicode_FromFormat("<cdata '%s' calling %R>", jpy_cname(cd->ctype),
                                    x->extra);
    if (record && jpy_owned_bytes(cd) >= 0)
        return PyUnicode_FromFormat("<cdata '%s' owning %zd bytes>",
                                    jpy_cname(cd->ctype), x->base.length);
    return jpy_cdata_repr(self);
}

static PyType_Slot ext_slots[] = {
    {Py_tp_dealloc, jpy_ext_dealloc},
    {Py_tp_traverse, ext_traverse},
    {Py_tp_clear, ext_clear},
    {Py_tp_finalize, ext_finalize},
    {Py_tp_repr, ext_repr},
    {Py_tp_call, jpy_cdata_call}, /* what is not given anew may bring vectorcall */
    {Py_tp_doc,
     "A CData that keeps something alive. Check with isinstance(x, CData)."},
    {0, NULL},
};

PyType_Spec jpy_ext_spec = {
    .name = "jiffi.CData", /* as its base: which of them it is interests nobody */
    .basicsize = sizeof(CDataExt),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | JPY_TPFLAGS_NO_NEW,
    .slots = ext_slots,
};
