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
 * not the Callback, which goes with its cdata, but an anchor, which stays until many
 * others have been freed (jf_callback_retire) and meanwhile says what was there.
 */
#ifndef JF_PYTHON_CALLBACK_H
#define JF_PYTHON_CALLBACK_H

#include "python/call.h"

#include <stdatomic.h>

typedef struct Callback {
    PyObject_HEAD CTypeObject *ctype; /* owned: the function pointer's */
    PyObject *callable;               /* owned; NULL: cleared, or lent back */
    PyObject *onerror;                /* owned; NULL: none */
    PyObject *ctypes;                 /* tuple: result, parameters */
    uint8_t *codes;                   /* owned: Code of each parameter */
    uint8_t is_even;                  /* slot of parameter i: 8 * i */
    uint8_t errors;                   /* ERRORS_*, not DEFAULT */
    jf_Callback *cb;                  /* owned; NULL: extern "Python" */
    struct Anchor *anchor;            /* owned; what cb leads to; NULL likewise */
    PyObject *was;                    /* jpy_callback_was(callable) */
    char *error;     /* the result C gets after an exception; anchor's or owned */
    Py_ssize_t size; /* bytes of the result; 0: void */
    uint8_t code;    /* Code of the result */
} Callback;

typedef struct Anchor {
    struct Callback *c;  /* borrowed; read and written with the GIL; NULL: freed */
    struct Anchor *next; /* about to be given back */
    char *error;         /* owned: the callback's, for threads without the GIL */
    Py_ssize_t size;
    /* Once freed: */
    char *type;                 /* owned; the C type's name */
    PyObject *was;              /* owned; jpy_callback_was() */
    PyObject *code;             /* owned; where it was freed; NULL: nobody knows */
    int lasti;                  /* ... in that code */
    PyInterpreterState *interp; /* whose objects these are */
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

/* What `value` is for C, to `ret`: 0, or -1 with an exception. */
int jpy_callback_result(Callback *c, char *ret, PyObject *value);

/* --- callback_error.c ----------------------------------------------------- */

/* What a failed callback leaves for the call around it; references. */
typedef struct Failed {
    PyObject *exception; /* NULL: nothing */
    PyObject *who;       /* str: which callback; NULL: not known */
} Failed;

/* The one place that decides what becomes of an exception, the current one: C gets
 * the error value at `ret`. `converting`: the result was at fault. */
Failed jpy_callback_failed(Callback *c, char *ret, bool converting);
/* str: which callback; NULL with an exception, or without. */
PyObject *jpy_callback_who(const Callback *c);
/* Give the current exception to sys.unraisablehook: "Exception ignored <where><repr of
 * callable><more>"; callable may be NULL. */
void jpy_callback_print(const char *where, PyObject *callable, const char *more);

/* --- callback_gone.c ------------------------------------------------------ */

Anchor *jpy_anchor_new(const State *st); /* NULL: no memory */
/* A word for what `callable` is, which does not keep it alive: its code, or the name
 * of its class. New reference; NULL with an exception. */
PyObject *jpy_callback_was(PyObject *callable);
/* The callback goes: C may still call it. Takes over `cb`, whose context is `a`; both
 * may be NULL. */
void jpy_anchor_leave(Anchor *a, jf_Callback *cb, CTypeObject *ct, PyObject *was);
/* Set the ReferenceError for C calling one that is gone; `ct` NULL: it was freed, and
 * `a` says what it was. */
void jpy_gone_error(const Anchor *a, CTypeObject *ct, PyObject *was);

/* Around the way to the GIL, where another thread may free the callback. */
static inline void jpy_anchor_enter(Anchor *a, bool waits)
{
    if (waits)
        atomic_fetch_add_explicit(&a->entered, 1, memory_order_relaxed);
}
static inline void jpy_anchor_arrive(Anchor *a, bool waited)
{
    if (waited)
        atomic_fetch_add_explicit(&a->arrived, 1, memory_order_release);
}

#endif
