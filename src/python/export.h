/* SPDX-License-Identifier: MIT
 *
 * C memory as others look at it: how far it reaches and how its items lie
 * (cdata_export.c), what PEP 3118 calls them (format.c), what NumPy and DLPack
 * call them (dtype.h, dlpack_out.c); views with steps (view.c); lists of it and from
 * lists (bulk.c). Whoever looks pins
 * the memory: ffi.release() refuses it until the last one has let go.
 */
#ifndef JF_PYTHON_EXPORT_H
#define JF_PYTHON_EXPORT_H

#include "python/cdata.h"

enum { JPY_MAX_DIMS = 32 }; /* NumPy 1.x takes no more */

/* A block of equal items. */
typedef struct Extent {
    char *data;
    CTypeObject *item;               /* borrowed; no array (vectors are arrays) */
    int nd;                          /* 0: a single value */
    bool readonly;
    Py_ssize_t shape[JPY_MAX_DIMS];
    Py_ssize_t strides[JPY_MAX_DIMS]; /* bytes */
} Extent;

/* --- format.c ----------------------------------------------------------------- */

/* The PEP 3118 format of one value of a type, which is laid out here: borrowed,
 * lives as long as the ctype. NULL with an exception. */
const char *jpy_format(CTypeObject *ct);
/* Are the buffer's items values of `ct` as they lie in memory? Native byte order,
 * the same size, the same kind of number; records by their whole format. */
bool jpy_format_fits(CTypeObject *ct, const char *format, Py_ssize_t itemsize);
/* Is it one letter in native byte order ("d", "@d", "=d")? That letter ("Z" of
 * complex numbers left out, and *complex set); 0: it is not. NULL means "B". */
char jpy_format_letter(const char *format, bool *complex);

/* --- cdata_export.c ------------------------------------------------------------- */

/* Items of `cd`: an array with the arrays in it, a struct or number as a single
 * value, a pointer's items where it is known how many. 0, or -1 with BufferError. */
int jpy_extent(CDataObject *cd, Extent *e);
/* The dimensions of array type `ct` behind the e->nd that are there, and its item;
 * `length` for the first (-1: the type says). Strides of the new ones are set. */
int jpy_extent_push(Extent *e, CTypeObject *ct, Py_ssize_t length);
/* Items a pointer is known to lead to, laid out; -1 (without an exception). */
Py_ssize_t jpy_pointer_items(CDataObject *cd);
/* Bytes that are known to be behind `cd`, or -1 (without an exception). */
Py_ssize_t jpy_extent_bytes(CDataObject *cd);
/* Bytes of all items. */
Py_ssize_t jpy_extent_size(const Extent *e);
Py_ssize_t jpy_extent_items(const Extent *e);
/* Nobody may release the memory of `cd` from here on. 0, or -1 with a BufferError:
 * it is released already. *readonly: it is known that nobody may write there. */
int jpy_pin(CDataObject *cd, bool *readonly);
void jpy_unpin(CDataObject *cd);
/* Fill in `view` with `e` for `exporter`, whose jpy_buffer_done() frees it. */
int jpy_buffer_fill(Py_buffer *view, PyObject *exporter, const Extent *e, int flags);
void jpy_buffer_done(Py_buffer *view);
int jpy_cdata_getbuffer(PyObject *self, Py_buffer *view, int flags);
void jpy_cdata_releasebuffer(PyObject *self, Py_buffer *view);

/* --- bulk.c --------------------------------------------------------------------- */

/* The items as lists in lists, those that are no numbers as cdata that keep `owner`
 * (may be NULL); a row of characters within an item is one bytes or str. */
PyObject *jpy_bulk_list(const Extent *e, PyObject *owner);
/* Values from a list, tuple, buffer or any iterable into the items: as many as there
 * are, and where `fewer` is set also less in the first dimension. How many, or -1
 * with an exception that names the item; what stands before that is written. */
Py_ssize_t jpy_bulk_fill(const Extent *e, PyObject *values, bool fewer);
/* Put the index before the text of the TypeError, ... that a value has raised.
 * Returns -1. */
int jpy_bulk_at(Py_ssize_t i);

/* --- ffi_bulk.c ----------------------------------------------------------------- */

/* Go to a member "a.b" of the items. *bits: it is a bit-field, and `e` stays at the
 * record that has it; bits NULL: such are refused. 0, or -1 with an exception. */
int jpy_extent_member(State *st, Extent *e, PyObject *path, FieldInfo **bits);

/* --- view.c --------------------------------------------------------------------- */

/* A jiffi.View of the block, which pins `cd`; `e` is copied. */
PyObject *jpy_view(CDataObject *cd, const Extent *e);
bool jpy_view_readonly(PyObject *view);
int jpy_init_view(State *st, PyObject *module);

/* --- dlpack_out.c --------------------------------------------------------------- */

/* __dlpack__ of anything with a buffer; __dlpack_device__: the CPU. */
PyObject *jpy_cdata_dlpack(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *jpy_dlpack_device(PyObject *self, PyObject *noarg);

#endif
