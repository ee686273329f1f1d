/* SPDX-License-Identifier: MIT
 *
 * What the two files behind FFI._declared() share: see ffi_describe.c for the shape
 * of the data.
 */
#ifndef JF_PYTHON_DESCRIBE_H
#define JF_PYTHON_DESCRIBE_H

#include "python/ffi.h"

typedef struct Describe {
    FFIObject *ffi;
    PyObject *symbols, *records, *enums, *lengths, *typedefs; /* lists */
    bool bad; /* an exception is set */
} Describe;

/* Each takes over `value`, and fails with the exception set if it is NULL. */
int jpy_describe_put(PyObject *dict, const char *key, PyObject *value);
int jpy_describe_add(PyObject *list, PyObject *value);
/* str, or None for NULL. */
PyObject *jpy_describe_word(const char *text);
/* str; gives the buffer back. */
PyObject *jpy_describe_buf(jf_Buf *b);
/* TYPE; `quals` are those of the thing that has it. */
PyObject *jpy_describe_type(State *st, jf_Type *t, unsigned quals);

/* ffi_describe_records.c: fill records, enums, and their part of lengths and
 * typedefs; the [...] of one symbol. */
void jpy_describe_records(Describe *x);
int jpy_describe_symbol_lengths(Describe *x, const jf_Symbol *sym);

#endif
