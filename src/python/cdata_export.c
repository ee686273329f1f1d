/* SPDX-License-Identifier: MIT
 *
 * cdata as buffers (PEP 3118): whose memory it is, how far it reaches, how its items
 * lie. An array gives its items with the dimensions of the arrays in it; a struct, a
 * union or a number is a single value without dimensions; a pointer gives the items
 * it is known to lead to (one from ffi.new, all of from_buffer's), in one dimension
 * as p[0] has it, and refuses where nobody has told how many there are.
 *
 * Who looks at memory that can be released by hand is counted where that happens:
 * in the cdata of ffi.gc, from_buffer, new_allocator and all that stand behind them.
 * The memory of ffi.new itself goes with its cdata only, which every view holds.
 */
#include "python/export.h"

#include <string.h>

#include "python/call.h"
#include "python/checked.h"

static CDataExt *as_ext(const void *o)
{
    const CDataObject *cd = o;
    return Py_IS_TYPE((PyObject *)cd, cd->ctype->st->cdata_ext_type)
               ? (CDataExt *)cd
               : NULL;
}

/* --- pins ------------------------------------------------------------------------- */

/* Has what held the memory of `x` been given back by ffi.release()? */
static bool is_released(const CDataExt *x)
{
    if (x->ext == EXT_BUFFER)
        return !x->view || !x->view->obj;
    return (x->ext == EXT_GC || x->ext == EXT_ALLOC) && !x->owner;
}

/* The next cdata that the memory of `x` depends on; NULL: there is none. */
static CDataExt *behind(const CDataExt *x)
{
    bool holds = x->ext == EXT_VIEW || x->ext == EXT_GC || x->ext == EXT_ALLOC;
    return holds && x->owner && jpy_is_cdata(x->owner) ? as_ext(x->owner) : NULL;
}

/* The library whose variable it is, at the end of the way; NULL: none. */
static Handle *library_of(CDataObject *cd)
{
    CDataExt *x = as_ext(cd);
    for (CDataExt *next = x; next; next = behind(next))
        x = next;
    bool is = x && x->ext == EXT_VIEW && x->owner &&
              Py_IS_TYPE(x->owner, cd->ctype->st->handle_type);
    return is ? (Handle *)x->owner : NULL;
}

int jpy_pin(CDataObject *cd, bool *readonly)
{
    if (jpy_is_checked(cd))
        return jpy_checked_pin(cd, readonly);
    Handle *library = library_of(cd);
    /* A number of its own, from ffi.cast: its value never changes. */
    *readonly = V_IS_PRIM(cd->ctype->code) && CDATA_HAS_INLINE(cd);
    for (CDataExt *x = as_ext(cd); x; x = behind(x)) {
        if (is_released(x)) {
            PyErr_Format(PyExc_BufferError,
                         "the memory of cdata '%s' has been released",
                         jpy_cname(cd->ctype));
            return -1;
        }
        if (x->readonly || (x->ext == EXT_BUFFER && x->view->readonly))
            *readonly = true;
    }
    if (library && !library->src) {
        PyErr_Format(PyExc_BufferError, "library '%s' has been closed",
                     library->name);
        return -1;
    }
    if (library)
        library->exports++;
    for (CDataExt *x = as_ext(cd); x; x = behind(x))
        x->exports++;
    return 0;
}

/* The way is the same as then: what is pinned keeps its owner. */
void jpy_unpin(CDataObject *cd)
{
    if (jpy_is_checked(cd)) {
        jpy_checked_unpin(cd);
        return;
    }
    Handle *library = library_of(cd);
    if (library)
        library->exports--;
    for (CDataExt *x = as_ext(cd); x; x = behind(x)) {
        JF_ASSERT(x->exports > 0);
        x->exports--;
    }
}

/* --- how far it reaches ----------------------------------------------------------- */

/* Bytes behind a pointer; -1. */
static Py_ssize_t pointer_bytes(CDataObject *cd)
{
    CDataExt *x = as_ext(cd);
    if (jpy_is_checked(cd))
        return jpy_checked_pointer_bytes(cd);
    if (!x)
        return jpy_owns_inline(cd) ? cd->length : -1;
    if (x->ext == EXT_BUFFER)
        return x->base.length;
    if (x->ext == EXT_GC && x->owner && jpy_is_cdata(x->owner) &&
        ((CDataObject *)x->owner)->data == cd->data)
        return jpy_extent_bytes((CDataObject *)x->owner);
    return jpy_owned_bytes(cd);
}

Py_ssize_t jpy_pointer_items(CDataObject *cd)
{
    Py_ssize_t size = cd->ctype->item_size, bytes = pointer_bytes(cd);
    if (bytes < 0 || size < 0)
        return -1;
    if (jpy_is_checked(cd))
        return jpy_checked_is_buffer(cd) && size ? bytes / size : 1;
    const CDataExt *x = as_ext(cd);
    while (x && x->ext == EXT_GC)
        x = behind(x);
    /* Of ffi.new: one, though there may be more bytes, for an open array at its end. */
    return x && x->ext == EXT_BUFFER && size ? bytes / size : 1;
}

Py_ssize_t jpy_extent_bytes(CDataObject *cd)
{
    if (cd->ctype->is_data_ptr)
        return pointer_bytes(cd);
    if (cd->ctype->code == V_POINTER || (cd->ctype->code == V_ARRAY && !cd->data))
        return -1;
    if (cd->ctype->size < 0 && jpy_layout(cd->ctype) < 0)
        PyErr_Clear();
    return jpy_known_size(cd);
}

Py_ssize_t jpy_extent_items(const Extent *e)
{
    Py_ssize_t n = 1;
    for (int i = 0; i < e->nd; i++)
        n *= e->shape[i];
    return n;
}

Py_ssize_t jpy_extent_size(const Extent *e)
{
    return jpy_extent_items(e) * e->item->size;
}

int jpy_extent_push(Extent *e, CTypeObject *ct, Py_ssize_t length)
{
    int first = e->nd;
    while (ct && ct->code == V_ARRAY) {
        if (e->nd == JPY_MAX_DIMS) {
            PyErr_Format(PyExc_BufferError, "'%s' has more than %d dimensions",
                         jpy_cname(ct), JPY_MAX_DIMS);
            return -1;
        }
        e->shape[e->nd++] = length >= 0 ? length : ct->length;
        length = -1;
        ct = jpy_item(ct);
    }
    if (!ct || jpy_layout(ct) < 0)
        return -1;
    if (ct->size < 0) {
        PyErr_Format(PyExc_BufferError, "items of unknown size: '%s'",
                     jpy_cname(ct));
        return -1;
    }
    Py_ssize_t step = ct->size;
    for (int i = e->nd - 1; i >= first; i--) {
        e->strides[i] = step;
        step *= e->shape[i]; /* no larger than the type itself */
    }
    e->item = ct;
    return 0;
}

static int pointer_extent(CDataObject *cd, Extent *e)
{
    CTypeObject *ct = cd->ctype;
    if (!ct->is_data_ptr) {
        PyErr_Format(PyExc_BufferError, "a function has no items: cdata '%s'",
                     jpy_cname(ct));
        return -1;
    }
    if (jpy_layout(ct) < 0)
        return -1;
    Py_ssize_t n = jpy_pointer_items(cd);
    if (ct->item_size < 0) {
        PyErr_Format(PyExc_BufferError,
                     "cdata '%s' points to items of unknown size: say what they "
                     "are with ffi.cast(), or take ffi.buffer(ptr, size)",
                     jpy_cname(ct));
        return -1;
    }
    if (n < 0 || !cd->data) {
        PyErr_Format(PyExc_BufferError,
                     cd->data ? "nobody knows how many items cdata '%s' points to: "
                                "say it with ffi.asarray(ptr, shape) or "
                                "ffi.buffer(ptr, size)"
                              : "cdata '%s' is a NULL pointer",
                     jpy_cname(ct));
        return -1;
    }
    e->nd = 1;
    e->shape[0] = n;
    e->strides[0] = ct->item_size;
    /* The items of a pointer to arrays have dimensions of their own. */
    return jpy_extent_push(e, jpy_item(ct), -1);
}

int jpy_extent(CDataObject *cd, Extent *e)
{
    CTypeObject *ct = cd->ctype;
    e->data = cd->data;
    e->nd = 0;
    e->readonly = false;
    if (ct->code == V_POINTER)
        return pointer_extent(cd, e);
    if (ct->code == V_ARRAY)
        return jpy_extent_push(e, ct, jpy_array_length(cd));
    if (ct->code == V_NONE) {
        PyErr_Format(PyExc_BufferError, "cdata '%s' has no memory to look at",
                     jpy_cname(ct));
        return -1;
    }
    return jpy_extent_push(e, ct, -1);
}

/* --- buffers ---------------------------------------------------------------------- */

/* Are the items one after the other; `last` changes slowest (Fortran)? */
static bool is_contiguous(const Extent *e, bool fortran)
{
    Py_ssize_t step = e->item->size;
    if (!jpy_extent_items(e))
        return true;
    for (int k = 0; k < e->nd; k++) {
        int i = fortran ? k : e->nd - 1 - k;
        if (e->shape[i] != 1 && e->strides[i] != step)
            return false;
        step *= e->shape[i];
    }
    return true;
}

static int refuse_flags(const Extent *e, int flags)
{
    const char *why = NULL;
    bool c = is_contiguous(e, false), f = is_contiguous(e, true);
    if ((flags & PyBUF_WRITABLE) && e->readonly)
        why = "memory of '%s' is read-only";
    else if ((flags & PyBUF_C_CONTIGUOUS) == PyBUF_C_CONTIGUOUS && !c)
        why = "items '%s' do not lie one after the other";
    else if ((flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS && !f)
        why = "items '%s' do not lie in Fortran's order";
    else if ((flags & PyBUF_ANY_CONTIGUOUS) == PyBUF_ANY_CONTIGUOUS && !c && !f)
        why = "items '%s' do not lie one after the other";
    else if ((flags & PyBUF_STRIDES) != PyBUF_STRIDES && !c)
        why = "items '%s' do not lie one after the other";
    if (!why)
        return 0;
    PyErr_Format(PyExc_BufferError, why, jpy_cname(e->item));
    return -1;
}

int jpy_buffer_fill(Py_buffer *view, PyObject *exporter, const Extent *e, int flags)
{
    const char *format = jpy_format(e->item);
    view->obj = NULL;
    if (!format || refuse_flags(e, flags) < 0)
        return -1;
    size_t bytes = (size_t)e->nd * sizeof(Py_ssize_t);
    Py_ssize_t *dims = PyMem_Malloc(2 * bytes + 1);
    if (!dims)
        return PyErr_NoMemory(), -1;
    memcpy(dims, e->shape, bytes);
    memcpy(dims + e->nd, e->strides, bytes);
    view->buf = e->data;
    view->obj = Py_NewRef(exporter);
    view->len = jpy_extent_size(e);
    view->itemsize = e->item->size;
    view->readonly = e->readonly;
    view->ndim = e->nd;
    view->format = flags & PyBUF_FORMAT ? (char *)format : NULL;
    view->shape = flags & PyBUF_ND && e->nd ? dims : NULL;
    view->strides =
        (flags & PyBUF_STRIDES) == PyBUF_STRIDES && e->nd ? dims + e->nd : NULL;
    view->suboffsets = NULL;
    view->internal = dims;
    if (!(flags & PyBUF_ND))
        view->ndim = 1; /* bytes, len of them */
    return 0;
}

void jpy_buffer_done(Py_buffer *view)
{
    PyMem_Free(view->internal);
}

int jpy_cdata_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
    CDataObject *cd = (CDataObject *)self;
    Extent e;
    bool readonly;
    view->obj = NULL;
    if (jpy_extent(cd, &e) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_BufferError) &&
            !PyErr_ExceptionMatches(PyExc_MemoryError)) {
            /* An incomplete type: consumers understand BufferError only. */
            PyErr_Clear();
            PyErr_Format(PyExc_BufferError, "'%s' has no size to be looked at",
                         jpy_cname(cd->ctype));
        }
        return -1;
    }
    if (jpy_pin(cd, &readonly) < 0)
        return -1;
    e.readonly = readonly;
    if (jpy_buffer_fill(view, self, &e, flags) == 0)
        return 0;
    jpy_unpin(cd);
    return -1;
}

void jpy_cdata_releasebuffer(PyObject *self, Py_buffer *view)
{
    jpy_buffer_done(view);
    jpy_unpin((CDataObject *)self);
}
