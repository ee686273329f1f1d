/* SPDX-License-Identifier: MIT
 *
 * The doors between the files of `_cffi_backend`.
 *
 *   flavour.c         the module and its State
 *   backend.c         its functions: values, memory, text
 *   backend_type.c    ... that make types
 *   backend_struct.c  ... that give structs their members
 *   backend_lib.c     CLibrary: what load_library() returns
 *   backend_test.c    C functions that cffi's own tests call
 */
#ifndef JF_PYTHON_CFFI_BACKEND_H
#define JF_PYTHON_CFFI_BACKEND_H

#include "python/ffi.h"

/* "load_library() argument 1 must be _cffi_backend.CType, not int": the argument
 * as a ctype, borrowed; NULL with the TypeError. */
CTypeObject *jpy_backend_ctype(State *st, const char *function, int position,
                               PyObject *o);

/* Each: 0, or -1 with an exception. */
int jpy_init_backend(State *st, PyObject *module);
int jpy_init_backend_types(State *st, PyObject *module);
int jpy_init_backend_lib(State *st, PyObject *module);

/* backend_struct.c */
PyObject *jpy_backend_complete(PyObject *module, PyObject *args);
/* backend_lib.c */
PyObject *jpy_backend_load_library(PyObject *module, PyObject *args);
/* backend_test.c */
PyObject *jpy_backend_testfunc(PyObject *module, PyObject *arg);
PyObject *jpy_backend_testbuff(PyObject *module, PyObject *args);

#endif
