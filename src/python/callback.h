/* SPDX-License-Identifier: MIT
 *
 * What the files of callbacks share.
 *
 *   cdata --owner--> Callback --> callable
 *                       ^ |
 *                       | v owns
 *   C --> stub --> Anchor of a jf_Callback, which outlives the record
 *
 * C may keep an address that Python has let go. So what the machine code leads to is
 * not the Callback, which goes with its cdata, but an anchor of plain memory, which
 * stays until many others have been freed (jf_callback_retire) and meanwhile says
 * what was there.
 */
#ifndef JF_PYTHON_CALLBACK_H
#define JF_PYTHON_CALLBACK_H

#include "python/call.h"

#include <stdatomic.h>

typedef struct Anchor {
    struct Callback *c;  /* borrowed; read and written with the GIL; NULL: freed */
    char *text;          /* owned; what it was, once freed; NULL: nobody knows */
    int saved;           /* from errno to the saved errno, in ints; 0: unknown */
    bool cffi;           /* its errors are printed */
    atomic_uint entered; /* how often somebody went to wait for the GIL ... */
    atomic_uint arrived; /* ... and no longer needs us */
} Anchor;

/* --- callback.c ----------------------------------------------------------- */

/* jpy_callback() without an FFI. */
PyObject *jpy_callback_make(CTypeObject *ct, PyObject *callable, PyObject *error,
                            PyObject *onerror);
/* From now on it calls `callable`; NULL: nobody, and C is told so. */
void jpy_callback_lend(CDataExt *cd, PyObject *callable);

/* --- callback_gone.c ------------------------------------------------------ */

Anchor *jpy_anchor_new(const State *st); /* NULL: no memory */
/* A word for what `callable` is, which does not keep it alive: its code, or its
 * class. New reference. */
PyObject *jpy_callback_was(PyObject *callable);
/* The callback goes: C may still call it. Takes over `cb`, whose context is `a`; both
 * may be NULL. */
void jpy_anchor_leave(Anchor *a, jf_Callback *cb, CTypeObject *ct, PyObject *was);
/* Set the ReferenceError for C calling one that is gone; `was` NULL: a->text says. */
void jpy_gone_error(const Anchor *a, CTypeObject *ct, PyObject *was);

/* Around the way to the GIL, where another thread may free the callback. */
static inline bool jpy_anchor_enter(Anchor *a)
{
    if (!jpy_put_aside && jpy_thread_holds_gil())
        return false;
    atomic_fetch_add_explicit(&a->entered, 1, memory_order_relaxed);
    return true;
}
static inline void jpy_anchor_arrive(Anchor *a, bool waited)
{
    if (waited)
        atomic_fetch_add_explicit(&a->arrived, 1, memory_order_release);
}

#endif
