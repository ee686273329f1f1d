/* SPDX-License-Identifier: MIT
 *
 * The questions of checked mode: is the memory there, is there as much of it, may it
 * be written; where a pointer got its value from; and what those who ask every cdata
 * how far it reaches are told of a checked one.
 */
#include "python/checked.h"

#include <string.h>

/* --- may it be touched? ------------------------------------------------------------- */

/* Not alive, or what it was made of is not. */
static const Allocation *dead(const Allocation *a)
{
    for (; a; a = a->under)
        if (a->state != AS_ALIVE)
            return a;
    return NULL;
}

int jpy_checked_alive(const CheckedData *cd, const char *what)
{
    const Allocation *a = dead(jpy_allocation(cd));
    if (!a)
        return 0;
    jpy_checked_raise(a->st->checked->use_after_free, a,
                      "%s cdata '%s': its memory has been %s", what,
                      jpy_cname(cd->x.base.ctype),
                      a->state == AS_RELEASED ? "released" : "freed");
    return -1;
}

int jpy_checked_touch(const CheckedData *cd, const char *at, Py_ssize_t bytes,
                      bool writing, const char *what)
{
    const Allocation *a = jpy_allocation(cd);
    if (jpy_checked_alive(cd, what) < 0)
        return -1;
    if (writing && cd->x.readonly) {
        jpy_checked_raise(a->st->checked->constant, a, "%s cdata '%s': it is %s",
                          what, jpy_cname(cd->x.base.ctype),
                          a->readonly ? "read-only" : "const");
        return -1;
    }
    Py_ssize_t offset = (Py_ssize_t)((uintptr_t)at - (uintptr_t)a->base);
    if (a->size < 0 || !bytes ||
        (offset >= 0 && offset <= a->room && bytes <= a->room - offset))
        return 0;
    jpy_checked_raise(a->st->checked->bounds, a,
                      "%s cdata '%s': %zd bytes at offset %zd of a block of %zd",
                      what, jpy_cname(cd->x.base.ctype), bytes, offset, a->size);
    return -1;
}

Py_ssize_t jpy_checked_rest(const CheckedData *cd, const char *at)
{
    const Allocation *a = jpy_allocation(cd);
    Py_ssize_t offset = (Py_ssize_t)((uintptr_t)at - (uintptr_t)a->base);
    if (a->size < 0)
        return -1;
    return offset >= 0 && offset <= a->size ? a->size - offset : 0;
}

/* --- where it comes from -------------------------------------------------------------- */

/* A plain cdata as a checked one into `a`. Steals `o`. */
static PyObject *adopt(PyObject *o, Allocation *a, const CheckedData *from)
{
    CDataObject *cd = (CDataObject *)o;
    Py_ssize_t length = CType_IsOpen(cd->ctype) ? cd->length : 0;
    PyObject *c = jpy_checked_derive(cd->ctype, cd->data, length, a, from);
    Py_DECREF(o);
    return c;
}

static bool is_plain_pointer(PyObject *o)
{
    if (!o || !jpy_is_cdata(o))
        return false;
    const CDataObject *cd = (CDataObject *)o;
    return Py_IS_TYPE(o, cd->ctype->st->cdata_type) && cd->ctype->is_data_ptr;
}

PyObject *jpy_checked_pointer(PyObject *o, const char *cell, bool readonly)
{
    if (!is_plain_pointer(o) || !((CDataObject *)o)->data)
        return o;
    CDataObject *cd = (CDataObject *)o;
    Checked *ck = cd->ctype->st->checked;
    Allocation *a = jpy_registry_find(ck, cd->data);
    if (!a || a->state != AS_ALIVE) {
        Allocation *was = jpy_link_target(ck, cell, cd->data);
        a = was ? was : a;
    }
    if (!a && readonly) {
        PyObject *c = jpy_checked_foreign(cd->ctype, cd->data);
        Py_DECREF(o);
        o = c;
    } else if (a) {
        o = adopt(o, a, NULL);
    }
    if (o && readonly)
        ((CheckedData *)o)->x.readonly = 1;
    return o;
}

PyObject *jpy_checked_part(PyObject *o, const CheckedData *from, const char *cell)
{
    if (!o || !jpy_is_cdata(o) || jpy_is_checked(o))
        return o;
    CDataObject *cd = (CDataObject *)o;
    uint8_t code = cd->ctype->code;
    if (cell && code == V_POINTER)
        return jpy_checked_pointer(o, cell, false);
    if (cd->ctype->is_data_ptr || code == V_ARRAY || code == V_RECORD)
        return adopt(o, jpy_allocation(from), from);
    return o;
}

/* --- to C ------------------------------------------------------------------------------- */

int jpy_checked_pass(CTypeObject *ct, const CDataObject *cd)
{
    const CheckedData *c = (const CheckedData *)cd;
    const Allocation *a = jpy_allocation(c);
    if (jpy_checked_alive(c, "cannot pass") < 0)
        return -1;
    if (cd->ctype == ct || !ct->is_data_ptr || a->size < 0 || a->raw)
        return 0;
    const jf_Type *from = cd->ctype->type;
    if (from->kind != JF_PTR || from->to->kind != JF_VOID)
        return 0; /* types were compared */
    uintptr_t offset = (uintptr_t)cd->data - (uintptr_t)a->base;
    if (offset >= (uintptr_t)a->size)
        return 0;
    const jf_Type *made = a->ctype->type;
    if (made->kind == JF_PTR)
        made = made->to;
    if (made->kind == JF_VOID || jpy_type_fits(made, offset, ct->type->to))
        return 0;
    jpy_checked_raise(a->st->checked->error, a,
                      "a 'void *' becomes '%s', but no '%s' lies at offset %zd of "
                      "this memory",
                      jpy_cname(ct), jpy_item(ct) ? jpy_cname(jpy_item(ct)) : "?",
                      (Py_ssize_t)offset);
    return -1;
}

/* --- what every cdata is asked ---------------------------------------------------------- */

static Form form_of(const CDataObject *cd)
{
    return (Form)((const CheckedData *)cd)->form;
}

CDataObject *jpy_checked_keeper(const CDataObject *cd)
{
    if (form_of(cd) < FORM_ALLOC)
        return NULL;
    const Hold *h = (const Hold *)((const CDataExt *)cd)->extra;
    return h ? (CDataObject *)h->keeper : NULL;
}

Py_ssize_t jpy_checked_known_size(const CDataObject *cd)
{
    Form form = form_of(cd);
    if (form == FORM_OWN)
        return cd->length;
    if ((form == FORM_VIEW || form == FORM_ALLOC) && cd->length > 0)
        return cd->length;
    uint8_t code = cd->ctype->code;
    return code == V_RECORD || V_IS_PRIM(code) ? cd->ctype->size : -1;
}

Py_ssize_t jpy_checked_owned_bytes(const CDataObject *cd)
{
    Form form = form_of(cd);
    if (cd->ctype->code == V_ARRAY)
        return -1;
    if (form == FORM_OWN)
        return cd->length;
    bool sized = form == FORM_VIEW || form == FORM_ALLOC;
    return sized && cd->length > 0 ? cd->length : -1;
}

Py_ssize_t jpy_checked_pointer_bytes(const CDataObject *cd)
{
    Form form = form_of(cd);
    if (form == FORM_BUFFER)
        return cd->length;
    if (form == FORM_GC)
        return ((CheckedData *)cd)->x.owner ? jpy_allocation(cd)->size : -1;
    return jpy_checked_owned_bytes(cd);
}

bool jpy_checked_is_owning_pointer(const CDataObject *cd)
{
    Form form = form_of(cd);
    return cd->ctype->code == V_POINTER &&
           (form == FORM_OWN ||
            (form == FORM_ALLOC && cd->ctype->item_code == V_RECORD));
}

bool jpy_checked_is_buffer(const CDataObject *cd)
{
    const CDataObject *inner =
        form_of(cd) == FORM_GC ? jpy_checked_keeper(cd) : NULL;
    if (inner) { /* of something of from_buffer()? */
        PyObject *of = ((CDataExt *)inner)->owner;
        return of && jpy_is_cdata(of) && jpy_is_checked(of) &&
               jpy_checked_is_buffer((CDataObject *)of);
    }
    return form_of(cd) == FORM_BUFFER;
}

int jpy_checked_pin(CDataObject *cd, bool *readonly)
{
    CheckedData *c = (CheckedData *)cd;
    if (dead(jpy_allocation(c))) {
        PyErr_Format(PyExc_BufferError, "the memory of cdata '%s' has been %s",
                     jpy_cname(cd->ctype),
                     dead(jpy_allocation(c))->state == AS_RELEASED ? "released"
                                                                   : "freed");
        return -1;
    }
    *readonly = c->x.readonly;
    for (Allocation *a = jpy_allocation(c); a; a = a->under)
        a->exports++;
    return 0;
}

void jpy_checked_unpin(CDataObject *cd)
{
    for (Allocation *a = jpy_allocation(cd); a; a = a->under)
        a->exports--;
}
