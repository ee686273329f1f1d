/* SPDX-License-Identifier: MIT
 *
 * Blocks of checked memory. One of ffi.new() stands between two fences, whose
 * pattern tells whether somebody wrote before or behind it; when it is freed it is
 * filled with another pattern and kept for a while, so that a pointer that is too old
 * meets neither new values nor unmapped pages, and a write through it is seen when the
 * block goes for good.
 */
#include "python/checked.h"

#include <string.h>

enum {
    FENCE = 64,       /* bytes before a block, and the fewest behind it */
    FENCE_MAX = 1024, /* ... and the most */
    FENCE_BYTE = 0xFB,
    DEAD_BYTE = 0xDD,
    QUARANTINE_BLOCKS = 4096,
    QUARANTINE_BYTES = 16 << 20
};

/* --- fences ----------------------------------------------------------------------- */

/* Behind the block up to the next multiple of 16, and as much as an off-by-some of an
 * array of this size goes beyond. */
static Py_ssize_t fence_for(Py_ssize_t room)
{
    Py_ssize_t n = room / 4;
    n = n < FENCE ? FENCE : n > FENCE_MAX ? FENCE_MAX : n;
    return (room + n + 15) / 16 * 16 - room;
}

/* The first of `n` bytes that is not `byte`; -1: all are. */
static Py_ssize_t other_than(const char *p, Py_ssize_t n, unsigned char byte)
{
    unsigned char all[64];
    memset(all, byte, sizeof all);
    for (Py_ssize_t i = 0; i < n;) {
        Py_ssize_t step =
            n - i < (Py_ssize_t)sizeof all ? n - i : (Py_ssize_t)sizeof all;
        if (memcmp(p + i, all, (size_t)step) == 0) {
            i += step;
            continue;
        }
        while ((unsigned char)p[i] == byte)
            i++;
        return i;
    }
    return -1;
}

Py_ssize_t jpy_checked_fences(Allocation *a)
{
    if (!a->block)
        return 0;
    Py_ssize_t front = other_than(a->block, FENCE, FENCE_BYTE);
    Py_ssize_t back = other_than(a->base + a->room, a->fence, FENCE_BYTE);
    if (back >= 0) { /* how far did it go? */
        const char *fence = a->base + a->room;
        back = a->fence;
        while ((unsigned char)fence[back - 1] == FENCE_BYTE)
            back--;
    }
    if (front >= 0)
        memset(a->block, FENCE_BYTE, FENCE);
    if (back >= 0)
        memset(a->base + a->room, FENCE_BYTE, (size_t)a->fence);
    if (back >= 0)
        return back + (a->room - a->size);
    return front >= 0 ? front - FENCE : 0;
}

/* --- the end of a block ------------------------------------------------------------- */

static void quarantine_evict(Checked *ck)
{
    Allocation *a = ck->first;
    ck->first = a->next;
    if (!ck->first)
        ck->last = NULL;
    a->next = NULL;
    ck->n_quarantined--;
    ck->quarantined -= (size_t)a->room;
    if (a->exports ||
        a->calls) { /* somebody looks at it still: it stays for good */
        Py_DECREF((PyObject *)a);
        return;
    }
    Py_ssize_t at = other_than(a->base, a->room, DEAD_BYTE);
    Py_ssize_t beyond = jpy_checked_fences(a);
    if (at >= 0)
        jpy_checked_tell(a, "freed memory was written to, at offset %zd", at);
    else if (beyond)
        jpy_checked_tell(a, "memory was written to %s a freed block",
                         beyond > 0 ? "behind" : "before");
    jpy_registry_remove(a);
    PyMem_RawFree(a->block);
    a->block = NULL;
    Py_DECREF((PyObject *)a);
}

static void quarantine_add(Allocation *a)
{
    Checked *ck = a->st->checked;
    memset(a->base, DEAD_BYTE, (size_t)a->room);
    a->kept = 1;
    Py_INCREF((PyObject *)a);
    if (ck->last)
        ck->last->next = a;
    else
        ck->first = a;
    ck->last = a;
    ck->n_quarantined++;
    ck->quarantined += (size_t)a->room;
    while (ck->first &&
           (ck->quarantined > ck->limit || ck->n_quarantined > ck->n_limit))
        quarantine_evict(ck);
}

/* Its life ends. Nothing of it may be used from here on, whoever still points to it.
 * The caller holds `a`. */
static void end(Allocation *a, AllocState state)
{
    if (a->state != AS_ALIVE)
        return;
    Py_ssize_t beyond = jpy_checked_fences(a);
    a->state = (uint8_t)state;
    a->st->checked->freed++;
    jpy_site_here(&a->ended);
    if (beyond > 0)
        jpy_checked_tell(a, "memory was written to %zd bytes beyond its end",
                         beyond);
    else if (beyond < 0)
        jpy_checked_tell(a, "memory was written to %zd bytes before its beginning",
                         -beyond);
    if (a->calls)
        jpy_checked_tell(a,
                         "memory was freed while a C function had a pointer to it");
    else if (a->exports && state == AS_FREED)
        jpy_checked_tell(
            a, "memory was freed while a buffer or an array looked at it");
    if (a->kind != AK_BUFFER)
        jpy_links_warn(a);
    jpy_links_drop(a);
    if (a->kind == AK_NEW && state == AS_RELEASED && a->exports) {
        return; /* whoever looks at it keeps it: until the Hold goes */
    } else if (a->kind == AK_NEW) {
        quarantine_add(a);
    } else if (a->known) {
        jpy_registry_remove(a); /* whose memory this is nobody knows any more */
    }
}

static void allocation_dealloc(PyObject *self)
{
    Allocation *a = (Allocation *)self;
    PyTypeObject *type = Py_TYPE(self);
    if (a->known)
        jpy_registry_remove(a);
    jpy_links_drop(a);
    JF_ASSERT(!a->in || !a->st->checked);
    PyMem_RawFree(a->block);
    jpy_site_clear(&a->made);
    jpy_site_clear(&a->ended);
    Py_XDECREF((PyObject *)a->under);
    CTypeObject *ct = a->ctype;
    PyObject_Free(a);
    Py_DECREF((PyObject *)ct);
    Py_DECREF((PyObject *)type);
}

static PyType_Slot allocation_slots[] = {
    {Py_tp_dealloc, allocation_dealloc},
    {0, NULL},
};

static PyType_Spec allocation_spec = {
    .name = "jiffi._Allocation",
    .basicsize = sizeof(Allocation),
    .flags = Py_TPFLAGS_DEFAULT | JPY_TPFLAGS_NO_NEW,
    .slots = allocation_slots,
};

/* --- who keeps it --------------------------------------------------------------------- */

static bool other_thread(const Allocation *a)
{
    return a->thread != PyThread_get_thread_ident();
}

static void hold_dealloc(PyObject *self)
{
    Hold *h = (Hold *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Allocation *a = h->of;
    bool runs = a->kind == AK_GC || a->kind == AK_ALLOC;
    if (runs && a->state == AS_ALIVE && other_thread(a))
        jpy_checked_tell(a,
                         "the destructor runs in another thread than the one that "
                         "made this memory");
    end(a, AS_FREED);
    if (a->block && !a->kept)
        quarantine_add(a);
    Py_XDECREF(h->keeper); /* runs the destructor */
    Py_DECREF((PyObject *)a);
    PyObject_GC_Del(self);
    Py_DECREF((PyObject *)type);
}

static int hold_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((Hold *)self)->keeper);
    return 0;
}

static PyType_Slot hold_slots[] = {
    {Py_tp_dealloc, hold_dealloc},
    {Py_tp_traverse, hold_traverse},
    {0, NULL},
};

static PyType_Spec hold_spec = {
    .name = "jiffi._Hold",
    .basicsize = sizeof(Hold),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | JPY_TPFLAGS_NO_NEW,
    .slots = hold_slots,
};

/* --- making ----------------------------------------------------------------------------- */

static Allocation *allocation_new(CTypeObject *ct, AllocKind kind)
{
    State *st = ct->st;
    Checked *ck = st->checked;
    Allocation *a = PyObject_New(Allocation, ck->alloc_type);
    if (!a)
        return NULL;
    memset((char *)a + sizeof(PyObject), 0, sizeof *a - sizeof(PyObject));
    a->st = st;
    a->ctype = (CTypeObject *)Py_NewRef((PyObject *)ct);
    a->kind = (uint8_t)kind;
    a->number = ++ck->made;
    a->thread = PyThread_get_thread_ident();
    const jf_Type *to = ct->type->kind == JF_PTR || ct->type->kind == JF_ARRAY
                            ? ct->type->to->canon
                            : ct->type;
    a->pointers = jpy_type_has_pointers(to);
    while (to->kind == JF_ARRAY)
        to = to->to->canon;
    a->raw = to->kind == JF_VOID ||
             (to->size == 1 && to->kind != JF_BOOL && !jf_is_record(to));
    jpy_site_here(&a->made);
    return a;
}

/* Takes `a` over. `keeper` is borrowed. */
static Hold *hold_new(Allocation *a, PyObject *keeper)
{
    Hold *h = PyObject_GC_New(Hold, a->st->checked->hold_type);
    if (!h) {
        a->state = AS_FREED; /* it never lived */
        Py_DECREF((PyObject *)a);
        return NULL;
    }
    h->of = a;
    h->keeper = Py_XNewRef(keeper);
    if (keeper)
        PyObject_GC_Track(h);
    return h;
}

/* `behind`: a Hold, or the cdata that has it; NULL. */
static CheckedData *data_new(CTypeObject *ct, char *data, Py_ssize_t length,
                             Allocation *a, void *behind, Form form)
{
    CheckedData *cd = PyObject_GC_New(CheckedData, ct->st->cdata_checked_type);
    if (!cd)
        return NULL;
    memset((char *)cd + sizeof(PyObject), 0, sizeof *cd - sizeof(PyObject));
    cd->x.base.ctype = (CTypeObject *)Py_NewRef((PyObject *)ct);
    cd->x.base.data = data;
    cd->x.base.length = length;
    cd->x.owner = Py_NewRef((PyObject *)a);
    cd->x.extra = Py_XNewRef((PyObject *)behind);
    cd->x.ext = EXT_CHECKED;
    cd->form = (uint8_t)form;
    /* Where no other object is behind it, no cycle can pass through it. */
    if (behind && PyObject_GC_IsTracked(behind))
        PyObject_GC_Track(cd);
    return cd;
}

/* A block of ours, cleared. A new reference, held by the caller's Hold. */
static CheckedData *block_new(CTypeObject *ct, Py_ssize_t bytes, Py_ssize_t size,
                              Py_ssize_t length)
{
    Allocation *a = allocation_new(ct, AK_NEW);
    if (!a)
        return NULL;
    a->size = size;
    a->room = bytes > 0 ? bytes : 0;
    a->fence = fence_for(a->room);
    size_t all = (size_t)FENCE + (size_t)a->room + (size_t)a->fence;
    if (a->room < PY_SSIZE_T_MAX - FENCE - FENCE_MAX - 16)
        a->block = PyMem_RawCalloc(1, all);
    if (!a->block) {
        Py_DECREF((PyObject *)a);
        return (CheckedData *)PyErr_NoMemory();
    }
    a->base = a->block + FENCE;
    memset(a->block, FENCE_BYTE, FENCE);
    memset(a->base + a->room, FENCE_BYTE, (size_t)a->fence);
    Hold *h = hold_new(a, NULL);
    if (!h)
        return NULL;
    jpy_registry_add(a);
    CheckedData *cd = data_new(ct, a->base, length, a, h, FORM_OWN);
    Py_DECREF((PyObject *)h);
    return cd;
}

PyObject *jpy_checked_new(CTypeObject *ct, PyObject *init, bool readonly)
{
    NewPlan plan;
    if (jpy_new_plan(ct, &init, &plan) < 0)
        return NULL;
    Py_ssize_t size = plan.bytes;
    if (ct->is_data_ptr && V_IS_CHAR(ct->item_code))
        size = ct->item_size; /* the rest is for a terminator */
    CheckedData *cd = block_new(ct, plan.bytes, size, plan.length);
    if (!cd)
        return NULL;
    Allocation *a = jpy_allocation(cd);
    if (init && jpy_new_fill(ct, a->base, plan, init) < 0) {
        Py_DECREF((PyObject *)cd);
        return NULL;
    }
    cd->x.readonly = readonly;
    if (init)
        jpy_links_note(a, a->base, size);
    return (PyObject *)cd;
}

PyObject *jpy_checked_copy(CTypeObject *ct, const char *data)
{
    Py_ssize_t size = jpy_ctype_size(ct);
    CheckedData *cd = size < 0 ? NULL : block_new(ct, size, size, size);
    if (!cd)
        return NULL;
    Allocation *a = jpy_allocation(cd);
    memcpy(a->base, data, (size_t)size);
    jpy_links_note(a, a->base, size);
    return (PyObject *)cd;
}

PyObject *jpy_checked_around(CDataObject *inner, AllocKind kind, Py_ssize_t size,
                             Allocation *under)
{
    static const uint8_t forms[] = {FORM_OWN, FORM_ALLOC, FORM_BUFFER, FORM_GC};
    CTypeObject *ct = inner->ctype;
    Allocation *a = allocation_new(ct, kind);
    if (!a) {
        Py_DECREF((PyObject *)inner);
        return NULL;
    }
    a->base = inner->data;
    a->size = a->room = size;
    a->under = (Allocation *)Py_XNewRef((PyObject *)under);
    CDataExt *x = (CDataExt *)inner;
    a->readonly = kind == AK_BUFFER && x->view && x->view->readonly;
    Hold *h = hold_new(a, (PyObject *)inner);
    Py_DECREF((PyObject *)inner);
    if (!h)
        return NULL;
    if (kind != AK_GC && size > 0)
        jpy_registry_add(a);
    CheckedData *cd = data_new(ct, a->base, inner->length, a, h, (Form)forms[kind]);
    Py_DECREF((PyObject *)h);
    if (cd)
        cd->x.readonly = a->readonly;
    return (PyObject *)cd;
}

PyObject *jpy_checked_foreign(CTypeObject *ct, char *data)
{
    Allocation *a = allocation_new(ct, AK_FOREIGN);
    if (!a)
        return NULL;
    a->base = data;
    a->size = a->room = -1;
    CheckedData *cd = data_new(ct, data, 0, a, NULL, FORM_PLAIN);
    Py_DECREF((PyObject *)a);
    if (cd)
        cd->x.readonly = 1;
    return (PyObject *)cd;
}

PyObject *jpy_checked_derive(CTypeObject *ct, char *data, Py_ssize_t length,
                             Allocation *a, const CheckedData *from)
{
    /* It keeps the cdata itself, as one that is not checked does: what is found by
     * that in a WeakKeyDictionary stays, too. */
    const void *behind = from && from->x.extra ? from : NULL;
    if (behind && from->form == FORM_VIEW)
        behind = from->x.extra;
    CheckedData *cd = data_new(ct, data, length, a, (void *)(uintptr_t)behind,
                               behind ? FORM_VIEW : FORM_PLAIN);
    if (cd && (a->readonly || (from && from->x.readonly)))
        cd->x.readonly = 1;
    return (PyObject *)cd;
}

/* --- release ------------------------------------------------------------------------------ */

static Hold *releasable(CDataObject *cd)
{
    CheckedData *c = (CheckedData *)cd;
    bool can =
        c->form == FORM_OWN ? cd->ctype->code != V_RECORD : c->form >= FORM_ALLOC;
    return can ? (Hold *)c->x.extra : NULL;
}

bool jpy_checked_can_release(CDataObject *cd)
{
    return releasable(cd) != NULL;
}

PyObject *jpy_checked_release(CDataObject *cd)
{
    Hold *h = releasable(cd);
    if (!h)
        return jpy_cannot_release();
    Allocation *a = h->of;
    if (a->state != AS_ALIVE) {
        if (jpy_checked_warn(a, "cdata '%s' is released a second time",
                             jpy_cname(cd->ctype)) < 0)
            return NULL;
        Py_RETURN_NONE;
    }
    if (a->exports && a->kind != AK_NEW)
        return PyErr_Format(PyExc_BufferError,
                            "cannot release cdata '%s': %u buffers, arrays or "
                            "pinned arguments look at its memory",
                            jpy_cname(cd->ctype), (unsigned)a->exports);
    if (other_thread(a) &&
        jpy_checked_warn(a,
                         "cdata '%s' is released in another thread than the one "
                         "that made it",
                         jpy_cname(cd->ctype)) < 0)
        return NULL;
    Py_INCREF((PyObject *)h);
    PyObject *r = Py_NewRef(Py_None);
    if (a->state == AS_ALIVE) { /* a warning may run anything */
        end(a, AS_RELEASED);
        if (h->keeper)
            Py_SETREF(r, jpy_release((CDataObject *)h->keeper));
    }
    Py_DECREF((PyObject *)h);
    return r;
}

int jpy_checked_forget(CDataObject *cd)
{
    Hold *h = releasable(cd);
    if (h && h->keeper)
        return jpy_gc_forget((CDataObject *)h->keeper);
    PyErr_SetString(PyExc_TypeError, "Can remove destructor only on a object "
                                     "previously returned by ffi.gc()");
    return -1;
}

/* --- the state ------------------------------------------------------------------------------ */

static int checked_init(State *st, Checked *ck, PyObject *module)
{
    ck->alloc_type = (PyTypeObject *)PyType_FromSpec(&allocation_spec);
    ck->hold_type =
        ck->alloc_type ? (PyTypeObject *)PyType_FromSpec(&hold_spec) : NULL;
    ck->ffi_classes = PyDict_New();
    if (!ck->hold_type || !ck->ffi_classes)
        return -1;
    jpy_type_no_new(ck->alloc_type);
    jpy_type_no_new(ck->hold_type);
    if (jpy_init_checked_errors(st, ck) < 0 || jpy_init_checked_class(st, ck) < 0 ||
        jpy_init_checked_buffer(st, ck, module) < 0)
        return -1;
    return jpy_init_checked_ffi(st, ck, module);
}

static void drop_classes(State *st, Checked *ck)
{
    PyObject **all[] = {(PyObject **)&ck->alloc_type,
                        (PyObject **)&ck->hold_type,
                        (PyObject **)&ck->iter_type,
                        (PyObject **)&ck->ffi_type,
                        (PyObject **)&ck->buffer_type,
                        &ck->error,
                        &ck->bounds,
                        &ck->use_after_free,
                        &ck->constant,
                        &ck->warning,
                        &ck->ffi_classes,
                        (PyObject **)&st->cdata_checked_type};
    for (size_t i = 0; i < JF_COUNT(all); i++)
        Py_CLEAR(*all[i]);
}

int jpy_checked_ready(State *st)
{
    if (st->checked)
        return 0;
    Checked *ck = PyMem_Calloc(1, sizeof *ck);
    if (!ck) {
        PyErr_NoMemory();
        return -1;
    }
    ck->limit = QUARANTINE_BYTES;
    ck->n_limit = QUARANTINE_BLOCKS;
    ck->random = 0x9E3779B97F4A7C15u;
    /* The module, by one of its types: those made here belong to it. */
    PyObject *module = PyType_GetModule(st->ffi_type);
    st->checked = ck;
    if (module && checked_init(st, ck, module) == 0)
        return 0;
    st->checked = NULL;
    drop_classes(st, ck);
    PyMem_Free(ck);
    return -1;
}

int jpy_checked_traverse(State *st, visitproc visit, void *arg)
{
    Checked *ck = st->checked;
    if (ck) {
        Py_VISIT(ck->iter_type);
        Py_VISIT(ck->ffi_type);
        Py_VISIT(ck->buffer_type);
        Py_VISIT(ck->error);
        Py_VISIT(ck->bounds);
        Py_VISIT(ck->use_after_free);
        Py_VISIT(ck->constant);
        Py_VISIT(ck->warning);
        Py_VISIT(ck->ffi_classes);
        Py_VISIT(st->cdata_checked_type);
    }
    return 0;
}

/* The module goes: its types, and what waits in the quarantine. */
void jpy_checked_clear(State *st)
{
    Checked *ck = st->checked;
    if (!ck)
        return;
    while (ck->first)
        quarantine_evict(ck);
    ck->limit = ck->n_limit = 0;
    drop_classes(st, ck);
}

void jpy_checked_free(State *st)
{
    if (st->checked)
        PyMem_Free(st->checked->links);
    PyMem_Free(st->checked);
    st->checked = NULL;
}
