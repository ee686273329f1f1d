/* SPDX-License-Identifier: MIT
 *
 * What objects are for another process: where their declarations come from. An
 * Origin is the texts of one FFI, as they were given; it lives as long as anything
 * that was declared by them: the FFI, its types (jf_Group.host), open libraries
 * (Handle.origin). What is pickled and how is jiffi._pickle's business, in Python.
 */
#ifndef JF_PYTHON_PICKLE_H
#define JF_PYTHON_PICKLE_H

#include "python/jpy.h"

/* Refers to nothing but text and other Origins: it can be in no cycle, and the
 * collector need not know. */
typedef struct Origin {
    PyObject_HEAD State *st;    /* a reference */
    FFIObject *ffi;             /* borrowed; NULL once it is gone */
    struct Origin *prev, *next; /* in st->origins, while `ffi` is there */
    PyObject *rows;   /* list: a row of _declared()["texts"] for each cdef, an
                             Origin for each include, in order */
    PyObject *module; /* str: the generated module whose `ffi` it is; NULL */
    uint8_t gil;      /* jf_Gil of the FFI; kept here when it goes */
    uint8_t callback_errors; /* ERRORS_*, likewise */
} Origin;

/* For a new FFI. NULL with an exception. */
Origin *jpy_origin_new(FFIObject *ffi);
/* The FFI dies. Gives back its reference. */
void jpy_origin_leave(FFIObject *ffi);
/* The types of ffi->scope are of this origin. */
void jpy_origin_own(FFIObject *ffi);
/* The FFI was told another row: a tuple, or the FFI it includes. 0 or -1. */
int jpy_origin_add(FFIObject *ffi, PyObject *row);
/* All its declarations are those of `other` now. 0 or -1. */
int jpy_origin_adopt(FFIObject *ffi, FFIObject *other);
int jpy_origin_module(FFIObject *ffi, const char *name);
/* Universe hook: a group is gone. */
void jpy_drop_group(void *ctx, void *host);

/* __reduce__, __copy__, __deepcopy__ of FFI, CType and CData. */
PyObject *jpy_reduce(PyObject *self, PyObject *unused);
PyObject *jpy_copy_same(PyObject *self, PyObject *unused);
/* `__reduce_ex__` of a library: `self` is its Handle. */
PyObject *jpy_lib_reduce(PyObject *self, PyObject *protocol);
int jpy_init_pickle(State *st, PyObject *module);

#endif
