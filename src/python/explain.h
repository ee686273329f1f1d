/* SPDX-License-Identifier: MIT
 *
 * What the files of explain() share: explain.c gathers facts, explain_code.c reads the
 * machine code.
 */
#ifndef JF_PYTHON_EXPLAIN_H
#define JF_PYTHON_EXPLAIN_H

#include "python/call.h"

/* What the code is about. */
typedef struct Explained {
    State *st;
    const jf_Type *fn;  /* FUNC */
    const void *target; /* the C function; NULL: several */
} Explained;

/* List of (offset, bytes, text, comment) for each instruction; empty where there is no
 * disassembler. */
PyObject *jpy_explain_lines(const void *code, size_t n, const Explained *what);
/* dict[key] = value, whose reference is taken over, and which may be NULL: -1. */
int jpy_explain_put(PyObject *dict, const char *key, PyObject *value);

#endif
