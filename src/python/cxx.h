/* SPDX-License-Identifier: MIT
 *
 * C++ exceptions as Python exceptions, and the way back.
 *
 *   lib.f() --> C++ throws --> frame that catches (src/exec) --> jpy_cxx_raise()
 *                                                                     |
 *   what C++ threw: std::bad_alloc ...  MemoryError ...  <-- cxx.c, cxx_map.c
 *   what a callback threw through C++: the same Python exception again
 */
#ifndef JF_PYTHON_CXX_H
#define JF_PYTHON_CXX_H

#include "python/call.h"

/* --- cxx.c ------------------------------------------------------------------ */

/* Raise what came out of a call of `fn`; the exception (struct _Unwind_Exception *)
 * is used up. With the GIL, and after it was taken back. What a callback of the same
 * call left pending becomes its context. */
void jpy_cxx_raise(CDataObject *fn, void *exception);

/* The types of one exception, the most derived first. */
typedef struct CxxBases {
    jf_CxxThrown thrown;
    jf_CxxBase list[JF_CXX_BASES];
    uint32_t n;
    const void *exception; /* for its library; NULL: not at hand */
} CxxBases;

/* The readable name of a type ("std::string", not what it is short for); NULL with an
 * exception. */
PyObject *jpy_cxx_type_name(const CxxBases *b, const char *mangled);

/* The mappings of this FFI, which its functions share: a dict, borrowed; NULL with an
 * exception. */
PyObject *jpy_cxx_own(FFIObject *ffi);

/* --- cxx_map.c ----------------------------------------------------------------- */

/* What Python raises for it: a new exception; NULL with one set. `own`: the FFI's
 * mappings, a dict of type name to class or callable, or NULL. */
PyObject *jpy_cxx_exception(const State *st, PyObject *own, const CxxBases *b);

/* --- cxx_value.c ----------------------------------------------------------------- */

/* What was thrown, if it is a number, text or std::string: a new reference; None
 * otherwise; NULL with an exception. */
PyObject *jpy_cxx_value(const CxxBases *b);
/* Text of C++ as str, whatever bytes it has. */
PyObject *jpy_cxx_text(const char *text, size_t n);

/* --- cxx_throw.c ------------------------------------------------------------------ */

/* An exception on its way through C++. */
typedef struct CxxThrow CxxThrow;

/* With the GIL, when a callback has failed: ready to be thrown; takes `exception`
 * over. `who`: str, which callback, for a note; NULL. NULL: it cannot be thrown here (no C++ in this process, or memory); then
 * `exception` is still the caller's and no exception is set. */
CxxThrow *jpy_cxx_prepare(PyObject *exception, PyObject *who);
/* Without the GIL and with nothing left to clean up in the frames between here and C:
 * throws, and does not return. */
void jpy_cxx_throw(CxxThrow *t);

int jpy_init_cxx(State *st, PyObject *module);

#endif
