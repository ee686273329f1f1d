/* SPDX-License-Identifier: MIT
 *
 * What the files of cdata share among themselves: the slots of the two types and
 * a few questions about ownership.
 */
#ifndef JF_PYTHON_CDATA_H
#define JF_PYTHON_CDATA_H

#include "python/jpy.h"

/* --- cdata.c -------------------------------------------------------------- */

/* Memory of its own behind the object; `length`: see CDataObject. */
CDataObject *jpy_cdata_inline(CTypeObject *ct, Py_ssize_t bytes, Py_ssize_t length,
                              int clear);
/* Memory of ffi.new (or a struct a call returned), not a casted primitive. */
int jpy_owns_inline(const CDataObject *cd);
void jpy_cdata_dealloc(PyObject *self);
PyObject *jpy_cdata_call(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *jpy_cdata_repr(PyObject *self);
int jpy_cdata_bool(PyObject *self);
PyObject *jpy_cdata_int(PyObject *self);
PyObject *jpy_cdata_float(PyObject *self);
PyObject *jpy_cdata_complex(PyObject *self, PyObject *noarg);
PyObject *jpy_cdata_compare(PyObject *v, PyObject *w, int op);
Py_hash_t jpy_cdata_hash(PyObject *self);

/* --- cdata_own.c ---------------------------------------------------------- */

/* What ffi.new() allocates. */
typedef struct NewPlan {
    Py_ssize_t bytes;  /* of memory */
    Py_ssize_t length; /* bytes known, or items of an open array */
} NewPlan;
/* For ffi.new(ct, *init): 0 or -1; *init becomes NULL where it said only how much. */
int jpy_new_plan(CTypeObject *ct, PyObject **init, NewPlan *plan);
/* Put `init` there. 0 or -1. */
int jpy_new_fill(CTypeObject *ct, char *data, NewPlan plan, PyObject *init);
/* ValueError: what release() and `with` are for. Returns NULL. */
PyObject *jpy_cannot_release(void);

/* A view that may be declared const is: nobody gets to write there by a buffer. */
void jpy_view_const(PyObject *cd);
/* What a view into `cd` has to keep alive; NULL: nothing is known to own it. */
PyObject *jpy_owner_of(CDataObject *cd);
/* Bytes of memory it is known to own: pointers from ffi.new, p[0] of such; else
 * -1. */
Py_ssize_t jpy_owned_bytes(CDataObject *cd);
/* p[0] of an owning pointer to a struct: the struct, holding the memory. */
PyObject *jpy_owned_record(CDataObject *cd);
/* Is it a pointer that came from ffi.new or an allocator: only [0] exists. */
int jpy_is_owning_pointer(const CDataObject *cd);
void jpy_ext_dealloc(PyObject *self);
/* Call the destructor of ffi.gc() now: a pointer is NULL afterwards. */
void jpy_gc_now(CDataExt *x);
extern PyType_Spec jpy_ext_spec;
PyObject *jpy_cdata_enter(PyObject *self, PyObject *noarg);
PyObject *jpy_cdata_exit(PyObject *self, PyObject *args);

/* --- cdata_item.c --------------------------------------------------------- */

Py_ssize_t jpy_cdata_len(PyObject *self);
PyObject *jpy_cdata_subscript(PyObject *self, PyObject *key);
int jpy_cdata_ass_subscript(PyObject *self, PyObject *key, PyObject *value);
PyObject *jpy_cdata_add(PyObject *v, PyObject *w);
PyObject *jpy_cdata_subtract(PyObject *v, PyObject *w);
PyObject *jpy_cdata_iter(PyObject *self);
int jpy_init_cdata_iter(State *st, PyObject *module);

/* --- cdata_attr.c --------------------------------------------------------- */

PyObject *jpy_cdata_getattro(PyObject *self, PyObject *name);
int jpy_cdata_setattro(PyObject *self, PyObject *name, PyObject *value);
PyObject *jpy_cdata_dir(PyObject *self, PyObject *noarg);

/* "cannot dereference null pointer from cdata 'T'". Returns -1. */
int jpy_null_deref(CDataObject *cd);

#endif
