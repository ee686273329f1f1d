/* SPDX-License-Identifier: MIT
 *
 * new_handle and from_handle. The pointer that goes through C is not an address
 * but a ticket: the number of a slot and how often that slot was used before.
 * So from_handle() follows no pointer it was given: a handle that is gone, or
 * that never was one, is an exception and not a crash.
 *
 *   bit  0        4                    INDEX_BITS + 4        47 (or 32)
 *        | 0000   | slot               | use, from 1         |
 *
 * The four zero bits are for C code that keeps marks in the low bits of
 * pointers; nothing above bit 46 is set, for code that keeps them there.
 */
#include "python/ffi.h"

enum {
    LOW_BITS = 4,
    INDEX_BITS = sizeof(void *) == 8 ? 28 : 18,
    USE_BITS = (sizeof(void *) == 8 ? 47 : 32) - LOW_BITS - INDEX_BITS,
    NO_SLOT = -1
};

typedef struct Slot {
    CDataExt
        *handle;  /* borrowed: it gives the slot back when it dies; NULL: free */
    int32_t next; /* next free slot, or NO_SLOT */
    uint32_t use; /* 1 .. 2^USE_BITS - 1, then 1 again */
} Slot;

struct HandleTable {
    Slot *slots;
    int32_t n, cap;
    int32_t free; /* first free slot, or NO_SLOT */
};

static char *ticket_of(const HandleTable *t, int32_t i)
{
    uintptr_t v = ((uintptr_t)t->slots[i].use << INDEX_BITS) | (uintptr_t)i;
    return (char *)(v << LOW_BITS);
}

/* The slot a ticket names, if it is still in use by that ticket's handle. */
static Slot *slot_of(const HandleTable *t, const char *ticket)
{
    uintptr_t v = (uintptr_t)ticket;
    uintptr_t i = (v >> LOW_BITS) & (((uintptr_t)1 << INDEX_BITS) - 1);
    if (!t || i >= (uintptr_t)t->n || ticket_of(t, (int32_t)i) != ticket)
        return NULL;
    return t->slots[i].handle ? &t->slots[i] : NULL;
}

/* A free slot, or NO_SLOT with MemoryError. */
static int32_t slot_take(State *st)
{
    HandleTable *t = st->handles;
    if (!t) {
        t = st->handles = PyMem_Calloc(1, sizeof *t);
        if (!t)
            return PyErr_NoMemory(), NO_SLOT;
        t->free = NO_SLOT;
    }
    int32_t i = t->free;
    if (i != NO_SLOT) {
        t->free = t->slots[i].next;
        return i;
    }
    if (t->n == t->cap) {
        int32_t cap = t->cap ? t->cap * 2 : 16;
        Slot *slots = cap > 1 << INDEX_BITS
                          ? NULL
                          : PyMem_Realloc(t->slots, (size_t)cap * sizeof *slots);
        if (!slots)
            return PyErr_NoMemory(), NO_SLOT;
        t->slots = slots;
        t->cap = cap;
    }
    t->slots[t->n] = (Slot){NULL, NO_SLOT, 0};
    return t->n++;
}

void jpy_handle_gone(CDataExt *x)
{
    HandleTable *t = x->base.ctype->st->handles;
    Slot *slot = slot_of(t, x->base.data);
    if (!slot || slot->handle != x)
        return;
    slot->handle = NULL;
    slot->next = t->free;
    t->free = (int32_t)(slot - t->slots);
}

void jpy_handles_free(State *st)
{
    if (st->handles)
        PyMem_Free(st->handles->slots);
    PyMem_Free(st->handles);
    st->handles = NULL;
}

PyObject *jpy_ffi_new_handle(PyObject *self, PyObject *arg)
{
    State *st = ((FFIObject *)self)->st;
    CDataExt *x = jpy_ext_new(st->void_p, NULL, EXT_HANDLE);
    if (!x)
        return NULL;
    int32_t i = slot_take(st);
    if (i == NO_SLOT) {
        Py_DECREF(x);
        return NULL;
    }
    Slot *slot = &st->handles->slots[i];
    slot->use = (slot->use + 1) & ((1u << USE_BITS) - 1);
    slot->use += slot->use == 0;
    slot->handle = x;
    x->base.data = ticket_of(st->handles, i);
    x->owner = Py_NewRef(arg);
    return (PyObject *)x;
}

PyObject *jpy_ffi_from_handle(PyObject *self, PyObject *arg)
{
    State *st = ((FFIObject *)self)->st;
    if (!CData_Check(st, arg)) {
        PyErr_SetString(PyExc_TypeError, "expected a 'cdata' object");
        return NULL;
    }
    CDataObject *cd = (CDataObject *)arg;
    const jf_Type *t = cd->ctype->type;
    if (t->kind != JF_PTR || (t->to->kind != JF_VOID && !cd->ctype->is_byte_ptr)) {
        PyErr_Format(
            PyExc_TypeError,
            "expected a 'cdata' object with a 'void *' out of new_handle(), "
            "got '%U'",
            jpy_ctype_name(cd->ctype));
        return NULL;
    }
    if (!cd->data) {
        PyErr_SetString(PyExc_RuntimeError,
                        "cannot use from_handle() on NULL pointer");
        return NULL;
    }
    Slot *slot = slot_of(st->handles, cd->data);
    if (!slot || !slot->handle->owner) {
        PyErr_Format(
            PyExc_RuntimeError,
            "from_handle(): %p is no handle: it did not come from new_handle(), "
            "or the cdata that new_handle() returned is gone",
            (void *)cd->data);
        return NULL;
    }
    return Py_NewRef(slot->handle->owner);
}
