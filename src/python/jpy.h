/* SPDX-License-Identifier: MIT
 *
 * The Python front end's one inner header: its objects, its per-interpreter
 * state, and the doors between its files. Nothing here is seen outside
 * src/python.
 *
 *   ctype.c    the ctype object: one per canonical jf_Type, weakly kept in
 *              jf_Type.host
 *   cdata*.c   the cdata object: a ctype and an address, sometimes memory
 *   convert*.c Python values to C memory and back
 *   ffi*.c     the FFI object and its methods
 *   lib.c      libraries: real modules whose functions are real builtins
 *   call*.c    calls: recipes for host thunks, the generic path, variadics
 *   callback.c Python functions called from C
 *   err.c      the core's diagnostics as Python exceptions
 */
#ifndef JF_PYTHON_JPY_H
#define JF_PYTHON_JPY_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "jiffi/host.h"

/* Per-interpreter state: the module's state. Every ctype points to it, so that
 * whoever has a cdata, a ctype or an FFI has the state. */
typedef struct State {
    jf_Universe *universe;
    PyTypeObject *ctype_type;  /* jiffi.CType */
    PyTypeObject *cfield_type; /* jiffi.CField */
    PyTypeObject *cdata_type;  /* jiffi.CData: plain and inline-owning cdata */
    PyTypeObject *cdata_ext_type; /* its only subclass: CDataExt below */
    PyTypeObject *cdata_iter_type;
    PyTypeObject *buffer_type;
    PyTypeObject *ffi_type;
    PyTypeObject *lib_type;    /* module subclass for libraries with variables */
    PyTypeObject *function_type; /* see FunctionObject in call.c */
    PyObject *ffi_error;       /* jiffi.FFIError, also FFI.error */
    PyObject *cdef_error;      /* jiffi.CDefError */
    PyObject *verification_error, *verification_missing, *pkgconfig_error;
    struct CTypeObject *void_p; /* often needed ctypes; owned */
    struct CTypeObject *char_p;
    struct CTypeObject *char_array; /* char[] */
    struct CTypeObject *type_int;
    PyObject *null;            /* ffi.NULL: <cdata 'void *' NULL> */
} State;

/* --- ctype.c ------------------------------------------------------------------ */

typedef struct CTypeObject {
    PyObject_HEAD
    State *st;           /* borrowed: the module outlives its types */
    jf_Type *type;       /* a reference; always canonical (type->canon == type) */
    PyObject *name;      /* str, made at first need; NULL until then */
    PyObject *weakrefs;
    PyObject *cache;     /* per-ctype cache (fields dict, enum dicts...); NULL */
} CTypeObject;

/* The ctype of `t` (its canonical twin); a new reference, NULL with exception. */
CTypeObject *jpy_ctype(State *st, jf_Type *t);
/* The ctype of `t`, giving back the caller's reference on `t` in any case. */
CTypeObject *jpy_ctype_steal(State *st, jf_Type *t);
/* ctype->type's size after laying it out; -1 with an exception that names the
 * type when it has none. */
Py_ssize_t jpy_ctype_size(CTypeObject *ct);
/* `what` printed as "ctype 'int *'" in messages: borrowed str of the C name. */
PyObject *jpy_ctype_name(CTypeObject *ct);
CTypeObject *jpy_pointer_to(CTypeObject *ct);                    /* new ref */
CTypeObject *jpy_array_of(CTypeObject *ct, uint64_t length);     /* new ref */
#define CType_Check(st, o) Py_IS_TYPE((PyObject *)(o), (st)->ctype_type)
int jpy_init_ctype(State *st, PyObject *module);

/* --- cdata.c ------------------------------------------------------------------- */

/* For pointers and functions `data` is the pointer's value; for everything else
 * the address of the value. ORDER CDATA: host thunks read ctype and data. Owned
 * memory of ffi.new stands directly behind the object (16-aligned): then
 * `data` points there and the type is exactly cdata_type. */
typedef struct CDataObject {
    PyObject_HEAD
    CTypeObject *ctype; /* owned */
    char *data;
    PyObject *weakrefs;
} CDataObject;

/* What a CDataExt holds besides. */
typedef enum ExtKind {
    EXT_VIEW,     /* into memory of `owner` (p[0] of an owning pointer, ...) */
    EXT_GC,       /* ffi.gc: `owner` the cdata, `extra` the destructor */
    EXT_HANDLE,   /* ffi.new_handle: `owner` the Python object */
    EXT_BUFFER,   /* ffi.from_buffer: `view` */
    EXT_CALLBACK, /* ffi.callback: `owner` the callback record (callback.c) */
    EXT_ALLOC,    /* new_allocator: `owner` what alloc() returned, `extra` free */
    EXT_FUNCTION, /* function of a library: FunctionObject (call.c) */
    EXT_LENGTH    /* owning, inline, array of a length not in its type */
} ExtKind;

typedef struct CDataExt {
    CDataObject base;
    PyObject *owner;     /* owned or NULL */
    PyObject *extra;     /* owned or NULL */
    Py_ssize_t length;   /* items of an open array; bytes of a varsized struct */
    uint8_t ext;         /* ExtKind */
    uint8_t released;
    Py_buffer *view;     /* EXT_BUFFER: owned */
} CDataExt;

#define CData_Check(st, o)                                                     \
    (Py_IS_TYPE((PyObject *)(o), (st)->cdata_type) ||                          \
     Py_IS_TYPE((PyObject *)(o), (st)->cdata_ext_type))

/* A cdata that owns nothing. Steals no references. */
PyObject *jpy_cdata(CTypeObject *ct, char *data);
/* ... that keeps `owner` alive as long as itself. */
PyObject *jpy_cdata_view(CTypeObject *ct, char *data, PyObject *owner);
/* A struct, union, array or any value copied into memory of its own. */
PyObject *jpy_cdata_copy(CTypeObject *ct, const char *data);
/* ffi.new(ct, init); ct a pointer or an array. `init` may be NULL or None. */
PyObject *jpy_new(CTypeObject *ct, PyObject *init);
PyObject *jpy_cast(CTypeObject *ct, PyObject *value);
/* Items in an array cdata (its type's length, or its own). */
Py_ssize_t jpy_array_length(CDataObject *cd);
/* Bytes of the memory it is known to have: array, struct, owning pointer's
 * target; -1 if unknown (no exception). */
Py_ssize_t jpy_known_size(CDataObject *cd);
int jpy_init_cdata(State *st, PyObject *module);

/* --- convert.c --------------------------------------------------------------------- */

/* C value at `data` to Python: int, float, bytes of length 1, cdata ... For
 * structs and arrays the result refers to `data` (and keeps `owner`, may be
 * NULL). */
PyObject *jpy_to_object(CTypeObject *ct, char *data, PyObject *owner);
/* Python to C, as in `p[0] = value`; 0, or -1 with an exception. */
int jpy_from_object(CTypeObject *ct, char *data, PyObject *value);
/* Array initialiser (list, tuple, bytes, str, cdata) into memory for `length`
 * items. */
int jpy_array_from_object(CTypeObject *ct, char *data, Py_ssize_t length, PyObject *value);

/* Integers, with cffi's errors. `*v` receives the bit pattern. */
int jpy_to_int64(PyObject *o, CTypeObject *ct, int64_t *v);  /* range checked
                                     against the size and sign of ct */
int jpy_to_double(PyObject *o, CTypeObject *ct, double *v);
/* The pointer a non-NULL cdata, handle, or integer-like object stands for. */
int jpy_to_address(PyObject *o, void **v);

/* One argument of pointer type. Accepts cdata of the type or compatible, bytes,
 * str initialisers, lists (a temporary is made), buffers whose items fit
 * (read-only ones only where `quals` has JF_Q_CONST), API-mode functions.
 * Temporaries and pinned buffers are chained to *temps, freed after the call by
 * jpy_temps_free. */
typedef struct Temp Temp;
int jpy_pointer_argument(CTypeObject *ct, unsigned quals, PyObject *value,
                         void **pointer, Temp **temps);
void jpy_temps_free(Temp *temps);

/* --- err.c --------------------------------------------------------------------------- */

/* Raise `exc` with the diagnostic's text; clears `d`. Returns NULL always. */
PyObject *jpy_raise(PyObject *exc, jf_Diag *d);
/* Choose the exception by status: NOMEM MemoryError, SYSTEM OSError, SYNTAX and
 * SEMANTIC CDefError, NOT_FOUND ffi.error, UNSUPPORTED NotImplementedError,
 * INCOMPLETE ffi.error (TypeError where cffi says so: the caller passes it). */
PyObject *jpy_raise_status(State *st, jf_Diag *d);
int jpy_init_errors(State *st, PyObject *module);

/* --- ffi.c ------------------------------------------------------------------------------- */

typedef struct FFIObject {
    PyObject_HEAD
    State *st;
    jf_Scope *scope;      /* owned */
    PyObject *types;      /* dict: type string -> ctype; cleared by cdef */
    PyObject *libs;       /* list of weak references to libraries opened */
    PyObject *dict;       /* instance attributes */
    PyObject *weakrefs;
    PyObject *onces;      /* init_once results */
    PyObject *included;   /* list of FFIs, kept alive */
    uint8_t gil;          /* jf_Gil of this FFI */
} FFIObject;

/* ctype from a str (cached) or a ctype; new reference. Function types as such
 * (not pointers) are refused unless `allow_func`. */
CTypeObject *jpy_ffi_type(FFIObject *ffi, PyObject *str_or_ctype, int allow_func);
int jpy_init_ffi(State *st, PyObject *module);

/* --- lib.c --------------------------------------------------------------------------------- */

PyObject *jpy_dlopen(FFIObject *ffi, PyObject *name, int flags);
int jpy_dlclose(FFIObject *ffi, PyObject *lib);
/* ffi.addressof(lib, "name"). */
PyObject *jpy_lib_addressof(FFIObject *ffi, PyObject *lib, PyObject *name);
int jpy_is_lib(State *st, PyObject *o);
/* After a cdef: libraries opened earlier see the new names. */
int jpy_libs_refresh(FFIObject *ffi);
int jpy_init_lib(State *st, PyObject *module);

/* --- call.c ---------------------------------------------------------------------------------- */

/* The builtin for a library's function. `sym` gives name, parameters, policy;
 * `lib` is kept alive. */
PyObject *jpy_function(FFIObject *ffi, PyObject *lib, const jf_Symbol *sym, void *address);
/* If `o` is a builtin made by jpy_function: its function-pointer cdata
 * (borrowed); else NULL without exception. */
PyObject *jpy_function_cdata(State *st, PyObject *o);
/* Call a function-pointer cdata: CData's tp_call. */
PyObject *jpy_call_cdata(CDataObject *fn, PyObject *args, PyObject *kwargs);
/* Universe hook: free what call.c keeps in a FUNC type. */
void jpy_drop_host_code(void *ctx, jf_Type *t);
int jpy_init_call(State *st, PyObject *module);

/* --- callback.c -------------------------------------------------------------------------------- */

/* ffi.callback(ct, callable, error, onerror): a function-pointer cdata. */
PyObject *jpy_callback(FFIObject *ffi, CTypeObject *ct, PyObject *callable,
                       PyObject *error, PyObject *onerror);
int jpy_init_callback(State *st, PyObject *module);

#endif
