/* SPDX-License-Identifier: MIT
 *
 * What the files of the FFI type share: reading keyword arguments of fast
 * methods, and the list of methods. The documentation strings stand in
 * ffi_doc.h, the table that joins them in ffi.c.
 */
#ifndef JF_PYTHON_FFI_H
#define JF_PYTHON_FFI_H

#include "python/jpy.h"

enum { FFI_MAX_ARGS = 6 };

/* The parameters of one method, by position. */
typedef struct ArgSpec {
    const char *function;
    const char *names[FFI_MAX_ARGS + 1]; /* NULL-terminated */
    uint8_t required;
} ArgSpec;

/* Sort positional and keyword arguments into out[0 .. number of names): NULL
 * where one was not given. Borrowed references. 0, or -1 with a TypeError that
 * names the function and the parameter. */
int jpy_ffi_args(const ArgSpec *spec, PyObject *const *args, Py_ssize_t nargs,
                 PyObject *kwnames, PyObject **out);

/* An argument as Py_ssize_t or as int; -1 with an exception (floats are
 * refused; OverflowError out of range). `o` NULL leaves *v alone. */
int jpy_ffi_ssize(PyObject *o, Py_ssize_t *v);
int jpy_ffi_int(PyObject *o, int *v);

/* The cdata that `o` is, or the one a library's builtin function stands for;
 * borrowed. NULL without an exception if it is neither. */
CDataObject *jpy_ffi_cdata(State *st, PyObject *o);

/* ctype of a str, ctype or cdata (of a library's function too). New reference. */
CTypeObject *jpy_ffi_type_of(FFIObject *ffi, PyObject *o);

/* One step of a path: a member by name (of a struct; at the `first` step also of
 * what a pointer points to), or an item by number. Borrowed ctype of what is
 * there, *offset grown; NULL with an exception. */
CTypeObject *jpy_type_step(CTypeObject *ct, PyObject *step, bool first,
                           Py_ssize_t *offset);

/* "expected a string or ctype object, got 'int'". Returns NULL. */
void *jpy_ffi_bad_type(const char *expected, PyObject *got);

/* gil= of FFI() and cdef(): 0, or -1 with a ValueError that lists the choices. */
int jpy_ffi_read_gil(PyObject *o, uint8_t *gil);
/* errors= of callbacks, callback_errors= of FFI() (`one`: of a callback, which has more
 * choices): the same. */
int jpy_ffi_read_errors(PyObject *o, bool one, uint8_t *errors);
/* The word; None for ERRORS_DEFAULT. New reference. */
PyObject *jpy_ffi_errors_word(uint8_t errors);
/* A cdef of our own. 0 or -1 with an exception. */
int jpy_ffi_declare(FFIObject *ffi, const char *text);

#define FFI_FAST(name)                                                         \
    PyObject *jpy_ffi_##name(PyObject *self, PyObject *const *args,            \
                             Py_ssize_t nargs, PyObject *kwnames)
#define FFI_ONE(name) PyObject *jpy_ffi_##name(PyObject *self, PyObject *arg)

/* ffi.c */
FFI_FAST(cdef);
FFI_FAST(dlopen);
FFI_ONE(dlclose);
FFI_ONE(include);
FFI_FAST(callback);
/* cxx_map.c */
FFI_FAST(cxx_exception);
/* ffi_gil.c */
PyObject *jpy_ffi_gil(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
/* ffi_memory.c */
FFI_FAST(new);
FFI_FAST(cast);
FFI_FAST(new_allocator);
FFI_FAST(from_buffer);
FFI_FAST(memmove);
FFI_FAST(gc);
FFI_ONE(release);
/* ffi_handle.c */
FFI_ONE(new_handle);
FFI_ONE(from_handle);
/* ffi_type.c */
FFI_ONE(typeof);
FFI_ONE(sizeof);
FFI_ONE(alignof);
FFI_FAST(offsetof);
FFI_FAST(addressof);
FFI_FAST(getctype);
/* ffi_names.c */
FFI_FAST(integer_const);
PyObject *jpy_ffi_list_types(PyObject *self, PyObject *unused);
FFI_FAST(init_once);
FFI_ONE(set_unicode);
/* Called rarely: positional arguments as a tuple. */
#define FFI_PLAIN(name)                                                        \
    PyObject *jpy_ffi_##name(PyObject *self, PyObject *args, PyObject *kwargs)
FFI_PLAIN(def_extern);
PyObject *jpy_ffi_features(PyObject *module, PyObject *unused);
/* ffi_build.c */
FFI_PLAIN(compile);
FFI_PLAIN(distutils_extension);
FFI_PLAIN(embedding_api);
FFI_PLAIN(embedding_init_code);
FFI_PLAIN(emit_c_code);
FFI_PLAIN(emit_python_code);
FFI_PLAIN(aio);
FFI_PLAIN(batch);
FFI_PLAIN(explain);
FFI_PLAIN(check);
FFI_PLAIN(fuse);
FFI_PLAIN(fused_program);
FFI_PLAIN(inline);
FFI_PLAIN(where);
FFI_PLAIN(set_source);
FFI_PLAIN(set_source_pkgconfig);
FFI_PLAIN(stream);
FFI_PLAIN(struct_from);
FFI_PLAIN(low_level_callable);
FFI_PLAIN(to_ctypes);
FFI_PLAIN(verify);
PyObject *jpy_ffi__included(PyObject *self, PyObject *unused);
PyObject *jpy_ffi__texts(PyObject *self, PyObject *unused);
/* explain.c */
FFI_ONE(_explain);
/* features.c */
PyObject *jpy_features_more(PyObject *module, PyObject *unused);
FFI_ONE(_adopt);

/* stream.c */
FFI_ONE(_stream_shape);
PyObject *jpy_ffi__stream_fits(PyObject *self, PyObject *args);
/* ffi_adapt.c */
FFI_ONE(address);
FFI_FAST(capsule);
FFI_ONE(_data_capsule);
/* call_sized.c */
FFI_PLAIN(sized);
/* ffi_describe.c */
PyObject *jpy_ffi__declared(PyObject *self, PyObject *unused);
/* map.c */
FFI_FAST(map);

/* ufunc.c */
FFI_PLAIN(ufunc);
/* What a ufunc was made from: a dict of "ffi", "function" and those arguments of
 * ffi.ufunc() that were given; None for everything else. */
PyObject *jpy_ufunc_origin(PyObject *module, PyObject *ufunc);
/* ffi_string.c */
FFI_FAST(string);
/* ffi_bulk.c */
FFI_FAST(unpack);
FFI_FAST(pack);
FFI_FAST(column);
/* asarray.c, dtype.c */
FFI_FAST(asarray);
FFI_ONE(dtype);

/* dlpack_out.c */
FFI_FAST(to_dlpack);

/* ffi_object.c: the life of every class of FFIs */
PyObject *jpy_ffi_make(PyTypeObject *type, PyObject *args, PyObject *kwargs);
int jpy_ffi_traverse(PyObject *self, visitproc visit, void *arg);
int jpy_ffi_clear(PyObject *self);
void jpy_ffi_dealloc(PyObject *self);
PyObject *jpy_ffi_get_errno(PyObject *self, void *closure);
int jpy_ffi_set_errno(PyObject *self, PyObject *value, void *closure);

/* ffi_buffer.c */
typedef struct BufferObject {
    PyObject_HEAD
    char *data;
    Py_ssize_t size;
    PyObject *owner; /* the cdata */
    PyObject *weakrefs;
} BufferObject;
PyObject *jpy_buffer_call(PyObject *type, PyObject *const *args, size_t nargsf,
                          PyObject *kwnames);
PyObject *jpy_buffer_new(PyTypeObject *type, PyObject *args, PyObject *kwargs);
int jpy_init_buffer(State *st, PyObject *module);
/* Contiguous bytes of a cdata pointer or array, or of a Python buffer. view->obj
 * is NULL and view->len -1 for a cdata. Release with PyBuffer_Release. */
int jpy_ffi_get_bytes(State *st, PyObject *o, Py_buffer *view, bool writable);

#endif
