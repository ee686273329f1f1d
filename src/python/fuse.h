/* SPDX-License-Identifier: MIT
 *
 * Fused functions: what their files share.
 *
 *   fuse.c        tuples to a jf_Program, the program to a builtin like a library's
 *   fuse_ops.c    one tuple, one instruction
 *   fuse_trace.c  while a Python function is traced: C calls go to a recorder;
 *                 arguments that are the same at every call, converted once
 *
 * What is traced, and the types of everything, is decided in Python: _fuse.py. Here
 * every tuple is checked, so that a wrong one is an exception.
 *
 *   builtin --m_self--> cdata (EXT_FUNCTION) --extra--> Fused --> jf_Fused
 *                                                         |
 *                                       functions it calls, values it passes
 */
#ifndef JF_PYTHON_FUSE_H
#define JF_PYTHON_FUSE_H

#include "python/call.h"

/* A library whose closing closes a fused function. */
typedef struct FusedWatch {
    struct FusedWatch *next, *prev; /* in the handle's list */
    Handle *handle;  /* borrowed: a function that is called holds it */
    CDataExt *cdata; /* borrowed: its function is watched; NULL: none */
} FusedWatch;

typedef struct Fused {
    PyObject_HEAD State *st; /* a reference */
    jf_Type *fn;             /* a reference */
    jf_Fused *fused;         /* owned */
    PyObject *callees;       /* tuple of function-pointer cdata; owned */
    PyObject *origin;        /* dict: how it was made; owned */
    FusedWatch *watches;     /* n_watches; owned */
    uint32_t n_watches;
    uint8_t gil; /* jf_Gil */
} Fused;

/* A value as C has it, kept for as long as this object lives. */
typedef struct Pin {
    PyObject_HEAD State *st; /* a reference */
    CTypeObject *ctype;      /* owned */
    PyObject *args;          /* what _pin() was given, the value last; owned */
    Temp *temps;             /* owned */
    void *cell;              /* owned (PyMem), 16-aligned */
    void *block;             /* ... the allocation it lies in */
} Pin;

/* --- fuse_ops.c ------------------------------------------------------------------ */

/* What an instruction makes, or a value travels as. */
typedef struct FuseKind {
    jf_Scalar kind;
    uint32_t size, align;
} FuseKind;

/* The kind of a value of this type; false: it has none (void, a function). */
bool jpy_fuse_kind(State *st, const jf_Type *t, FuseKind *k);

typedef struct FuseCallee {
    const jf_Type *fn; /* borrowed from the function's cdata */
    jf_Call *via;      /* owned until the program is made */
    void *address;
    const char *name; /* borrowed */
} FuseCallee;

typedef struct FuseBuild {
    State *st;
    const jf_Type *fn; /* of the program */
    jf_Program program;
    FuseCallee *callees;
    uint32_t n_callees;
    uint32_t *values; /* by op: what it made; JF_NO_VALUE */
    uint32_t n;       /* ops so far */
} FuseBuild;

/* Add ops[b->n]. 0, or -1 with an exception that names its number. */
int jpy_fuse_op(FuseBuild *b, PyObject *op);

/* --- fuse.c ---------------------------------------------------------------------- */

/* If `fn` is fused: the Fused; else NULL. Borrowed. */
Fused *jpy_fused(const CDataObject *fn);
int jpy_init_fuse(State *st, PyObject *module);

/* --- fuse_trace.c ------------------------------------------------------------------ */

int jpy_init_trace(State *st, PyObject *module);

#endif
