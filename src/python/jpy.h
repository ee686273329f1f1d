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
 *   lib_dl.c   what dlopen() finds
 *   modgen*.c  modules that jiffi generated, at run time (modgen.h)
 *   call*.c    calls: recipes for host thunks, the generic path, variadics
 *   callback.c Python functions called from C
 *   err.c      the core's diagnostics as Python exceptions
 */
#ifndef JF_PYTHON_JPY_H
#define JF_PYTHON_JPY_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "jiffi/host.h"
#include "python/compat.h"

/* Per-interpreter state. Every ctype points to it, so that whoever has a cdata,
 * a ctype or an FFI has the state. It counts its users: the module holds one
 * reference and every ctype another, because the collector may clear the module
 * before the last ctype goes. An FFI needs none (a group that is still alive
 * keeps the universe). The module's own state is one pointer: jpy_state(). */
typedef struct State {
    jf_Universe *universe;
    size_t refs;
    bool cffi; /* this is `_cffi_backend`: where cffi and jiffi differ, cffi's way.
                  Types, FFIs and libraries of the two never meet. */
    PyTypeObject *ctype_type;  /* jiffi.CType */
    PyTypeObject *cfield_type; /* jiffi.CField */
    PyTypeObject *cdata_type;  /* jiffi.CData: plain cdata, and numbers */
    PyTypeObject *cdata_own_type; /* a subclass: CDataObject.length */
    PyTypeObject *cdata_ext_type; /* the other: CDataExt below */
    PyTypeObject *cdata_iter_type;
    PyTypeObject *buffer_type;
    PyTypeObject *view_type;   /* jiffi.View: view.c */
    PyTypeObject *ffi_type;
    PyTypeObject *lib_type;    /* module subclass for libraries with variables */
    PyTypeObject *function_type; /* FunctionInfo: call.h */
    PyTypeObject *handle_type; /* Handle: lib.c */
    PyTypeObject *callback_type; /* Callback: callback.c */
    PyTypeObject *cffi_ffi_type, *cffi_lib_type, *cffi_glob_type; /* cffi/stock.h */
    PyObject *ffi_error;       /* jiffi.FFIError, also FFI.error */
    PyObject *cdef_error;      /* jiffi.DeclarationError: a CDefError, an FFIError */
    PyObject *verification_error, *verification_missing, *pkgconfig_error;
    PyTypeObject *clibrary_type; /* CLibrary: cffi/backend_lib.c; NULL in jiffi */
    struct FFIObject *verifying; /* for whom a module is loaded: verify.c; borrowed */
    PyObject *backend;         /* the FFI behind _cffi_backend's functions; NULL
                                  in jiffi */
    struct CTypeObject *void_p; /* often needed ctypes; owned */
    struct CTypeObject *char_p;
    struct CTypeObject *char_array; /* char[] */
    struct CTypeObject *type_int;
    PyObject *null;            /* ffi.NULL: <cdata 'void *' NULL> */
    PyObject *modules;         /* modgen.c: list of what it keeps of each module */
    struct HandleTable *handles; /* ffi.new_handle: ffi_handle.c; NULL until used */
    struct CDataExt *free_views; /* a few dead views, chained by their data */
    unsigned n_free_views;
    struct Temp *free_temps;   /* a few blocks kept for jpy_pointer_argument */
    unsigned n_free_temps;
    struct AutoCallback *autos; /* callback_auto.c: AUTO_CALLBACKS; owned; NULL */
    unsigned auto_next;        /* the one whose place the next new one takes */
    PyTypeObject *tensor_type; /* convert_arg_dlpack.c: the last class that offered C
                                  functions, owned; NULL */
    const void *tensor_api;    /* ... which are static */
    PyTypeObject *ndarray_type; /* numpy.c: owned; NULL until NumPy is imported */
    PyTypeObject *check_type; /* check.c */
    PyTypeObject *finaliser_type;                           /* lib_final.c */
    PyTypeObject *map_type, *map_each_type, *map_same_type; /* map.h */
    PyTypeObject *ufunc_type; /* UfuncRecord: ufunc.h; NULL until needed */
    PyTypeObject *origin_type; /* Origin: pickle.h */
    struct Origin *origins;    /* of the FFIs that are alive; borrowed */
    bool ufuncs_pickle;        /* _pickle.register_ufunc() was called */
    void **numpy_api, **numpy_umath; /* its C API; NULL until asked for */
    struct FunctionInfo *functions; /* all alive: fuse_trace.c; borrowed */
    uint32_t traces;           /* Python functions being traced, in all threads */
    PyTypeObject *fused_type, *pin_type; /* fuse.h */
    PyTypeObject *traced_type; /* _fuse.py's; NULL until it is imported */
    PyTypeObject *cdata_checked_type; /* checked.h: NULL until there is a checked FFI */
    struct Checked *checked;   /* all that checked mode keeps; NULL until then */
    PyTypeObject *gil_type;    /* jiffi.GilPolicy: ffi_gil.c; NULL until needed */
    PyObject *held_error;      /* jiffi.HeldCallError */
    struct Observed *observed; /* what was seen of functions: observe.c; owned */
    bool observing;            /* ... calls are counted and timed */
    PyObject *cxx_error;       /* jiffi.CxxError */
} State;

static inline State *jpy_state(PyObject *module)
{
    return *(State **)PyModule_GetState(module);
}
void jpy_state_unref(State *st);
void jpy_views_drop(State *st); /* free st->free_views */
void jpy_autos_drop(State *st); /* ... and st->autos */

/* --- module.c, cffi/flavour.c ------------------------------------------------ */

/* What jiffi._jiffi and _cffi_backend have in common: exec, traverse, clear, free. */
int jpy_module_exec(PyObject *module, bool cffi);
int jpy_module_traverse(PyObject *module, visitproc visit, void *arg);
int jpy_module_clear(PyObject *module);
void jpy_module_free(void *module);
/* The name that `name` ("jiffi.CType") has in this flavour: static text. */
const char *jpy_flavour_name(const State *st, const char *name);
/* A heap type by its name in this flavour. */
PyTypeObject *jpy_type(State *st, PyObject *module, PyType_Spec *spec,
                       PyObject *bases);

/* --- ctype.c ------------------------------------------------------------------ */

/* How a value in memory becomes a Python object and back: one flat switch. An
 * enum has the code of its integer type. ORDER CODE: the integer codes stand in
 * pairs (signed, unsigned) by size; V_IS_* below count on it. */
typedef enum Code {
    V_NONE, /* void, function, va_list: no value */
    V_BOOL,
    V_I8, V_U8, V_I16, V_U16, V_I32, V_U32, V_I64, V_U64, V_I128, V_U128,
    V_CHAR, V_CHAR16, V_CHAR32, /* wchar_t is one of them */
    V_F16, V_F32, V_F64, V_LDOUBLE, V_F128,
    V_CF32, V_CF64, V_CLDOUBLE,
    V_POINTER, /* to data or to a function */
    V_ARRAY,   /* vectors too */
    V_RECORD,
    V_UNKNOWN  /* an enum without values yet */
} Code;
#define V_IS_INT(c) ((c) >= V_BOOL && (c) <= V_U128)
#define V_IS_CHAR(c) ((c) >= V_CHAR && (c) <= V_CHAR32)
#define V_IS_FLOAT(c) ((c) >= V_F16 && (c) <= V_F128)
#define V_IS_COMPLEX(c) ((c) >= V_CF32 && (c) <= V_CLDOUBLE)
#define V_IS_PRIM(c) ((c) >= V_BOOL && (c) <= V_CLDOUBLE)
/* Becomes a Python number or string without a ctype. */
#define V_IS_PLAIN(c) (V_IS_PRIM(c) && (c) != V_LDOUBLE && (c) != V_F128)

typedef struct FieldTable FieldTable;

typedef struct CTypeObject {
    PyObject_HEAD
    State *st;           /* a reference (see State) */
    jf_Type *type;       /* a reference; always canonical (type->canon == type) */
    PyObject *name;      /* str, made at first need; NULL until then */
    PyObject *weakrefs;
    PyObject *cache;     /* per-ctype cache: enum dicts; NULL until needed */
    Py_ssize_t size;     /* bytes of a value; -1 while or if unknown */
    Py_ssize_t item_size; /* PTR, ARRAY, VECTOR: bytes of an item; -1 unknown */
    struct CTypeObject *item; /* owned; of PTR, ARRAY, VECTOR, at first need:
                                 jpy_item(); NULL until then */
    struct CTypeObject *pointer; /* weak: the pointer to this and the open array */
    struct CTypeObject *open;    /* of this, while they live; they hold `item` */
    vectorcallfunc call; /* PTR to FUNC: of plain cdata; NULL: not callable */
    PyCFunction entry;   /* PTR to FUNC: the code behind it, borrowed from the type;
                            NULL before the first call */
    Py_ssize_t length;   /* ARRAY, VECTOR: items; -1 for an open array */
    FieldTable *fields;  /* records: owned; PTR to record: item's; NULL until
                            first needed: jpy_fields() */
    char *format;        /* PEP 3118, of what has more than a letter: jpy_format();
                            owned (PyMem), until the end; NULL until then */
    PyObject *dtype;     /* NumPy's, of records: jpy_dtype(); owned; NULL till then */
    uint8_t code;        /* Code of a value of this type */
    uint8_t item_code;   /* PTR, ARRAY, VECTOR: Code of an item */
    uint8_t is_data_ptr; /* PTR to anything but a function */
    uint8_t is_byte_ptr; /* PTR to an integer or character of one byte */
} CTypeObject;

/* PTR to a function, or a FUNC itself. */
static inline int CType_IsFunction(const CTypeObject *ct)
{
    const jf_Type *t = ct->type;
    return t->kind == JF_FUNC || (t->kind == JF_PTR && t->to->kind == JF_FUNC);
}
/* ARRAY or VECTOR. */
static inline int CType_IsArray(const CTypeObject *ct)
{
    return ct->code == V_ARRAY;
}
/* `T[]`: the length is not in the type but in the cdata. */
static inline int CType_IsOpen(const CTypeObject *ct)
{
    return ct->code == V_ARRAY && ct->type->length == JF_UNKNOWN;
}

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
/* What a pointer, array or vector is of: borrowed from `ct`; NULL with exception. */
CTypeObject *jpy_item(CTypeObject *ct);
/* Lay `ct` out if that is still to do; 0, or -1 with the core's exception. What
 * has no size at all (void, an open array, an opaque struct) succeeds, and
 * ct->size stays -1. */
int jpy_layout(CTypeObject *ct);
/* What cffi refuses of a record before it is laid out; 0, or -1 with its error. */
int jpy_byvalue_check_members(State *st, jf_Type *rec);
/* UTF-8 of the C name for messages; never NULL. Valid while `ct` lives. */
const char *jpy_cname(CTypeObject *ct);
/* Name of the enumerator with the value at `data`; without one the number.
 * `both`: "value: NAME". New str. */
PyObject *jpy_enum_text(CTypeObject *ct, char *data, int both);
#define CType_Check(st, o) Py_IS_TYPE((PyObject *)(o), (st)->ctype_type)
int jpy_init_ctype(State *st, PyObject *module);
/* Code of a value of `t`, which need not have a ctype yet. */
uint8_t jpy_code_of(const State *st, const jf_Type *t);
extern PyMethodDef jpy_ctype_methods[]; /* ctype_attr.c */
extern PyGetSetDef jpy_ctype_getsets[];

/* --- ctype_field.c ---------------------------------------------------------- */

enum { SHIFT_REGULAR = -1, SHIFT_EMPTY_ARRAY = -2 }; /* FieldInfo.shift */
/* FieldInfo.flags */
enum {
    FIELD_NOT_IN_CTOR = 1, /* union member but the first */
    FIELD_UNSIGNED = 2     /* bit-field that reads as unsigned, whatever its type */
};

/* One member as Python sees it: those of anonymous members are lifted. */
typedef struct FieldInfo {
    PyObject *name;      /* interned; owned */
    CTypeObject *ctype;  /* owned; NULL until needed: jpy_field_type() */
    jf_Type *type;       /* canonical; borrowed from the record's type */
    Py_ssize_t offset;   /* bytes from the start of the record */
    int16_t shift;       /* bit-field: from the low end of its unit; SHIFT_* */
    int16_t bits;        /* width of a bit-field; -1 */
    uint8_t code;        /* Code */
    uint8_t flags;       /* FIELD_* */
    uint8_t quals;       /* JF_Q_* of the member */
} FieldInfo;

typedef struct FieldCell {
    PyObject *name;      /* NULL: empty */
    FieldInfo *field;
} FieldCell;

struct FieldTable {
    FieldInfo *items;    /* in order of declaration; owned */
    FieldCell *cells;    /* by address of the interned name; mask + 1 of them */
    uint32_t n;
    uint32_t mask;
    PyObject *by_name;   /* dict: name -> index, for names not interned */
    uint8_t flex;        /* an open array at the end, however deep */
};

/* The table of a struct, union, or pointer to one. NULL with an exception, or
 * NULL without when the type is opaque (or no record at all). */
FieldTable *jpy_fields(CTypeObject *ct);
/* NULL without exception when there is no such field. */
FieldInfo *jpy_field_search(FieldTable *t, PyObject *name);
static inline uint32_t jpy_field_cell(const FieldTable *t, const PyObject *name)
{
    return (uint32_t)((uintptr_t)name >> 4 ^ (uintptr_t)name >> 12) & t->mask;
}
static inline FieldInfo *jpy_field_find(FieldTable *t, PyObject *name)
{
    const FieldCell *c = &t->cells[jpy_field_cell(t, name)];
    return c->name == name ? c->field : jpy_field_search(t, name);
}
CTypeObject *jpy_field_type(State *st, FieldInfo *f); /* borrowed */
void jpy_fields_free(FieldTable *t);
/* A jiffi.CField of this member. */
PyObject *jpy_cfield(State *st, FieldInfo *f);
int jpy_init_cfield(State *st, PyObject *module);

/* --- cdata.c ------------------------------------------------------------------- */

/* For pointers and functions `data` is the pointer's value; for everything else
 * the address of the value. ORDER CDATA: host thunks read ctype and data. Owned
 * memory stands directly behind the object (16-aligned): then `data` points there,
 * and the class is cdata_own_type, or cdata_type for a number.
 *
 * Python reads `call` of everything whose class says that it can be called without
 * a tuple, and calls what is not NULL: so the word has another meaning only in
 * classes that do not say so. */
typedef struct CDataObject {
    PyObject_HEAD
    CTypeObject *ctype; /* owned */
    char *data;
    PyObject *weakrefs;
    union {
        vectorcallfunc call; /* cdata_type: ctype->call; NULL: not callable, or NULL */
        Py_ssize_t length;   /* cdata_own_type: bytes of its memory, or items of an
                                open array; cdata_ext_type: see CDataExt */
    };
} CDataObject;

/* Where memory of its own begins. */
#define CDATA_INLINE ((sizeof(CDataObject) + 15) / 16 * 16)
#define CDATA_HAS_INLINE(cd) ((cd)->data == (char *)(cd) + CDATA_INLINE)

/* What a CDataExt holds besides. */
typedef enum ExtKind {
    EXT_VIEW,     /* into memory of `owner` (p[0] of an owning pointer, ...) */
    EXT_GC,       /* ffi.gc: `owner` the cdata, `extra` the destructor */
    EXT_HANDLE,   /* ffi.new_handle: `owner` the Python object */
    EXT_BUFFER,   /* ffi.from_buffer: `view` */
    EXT_CALLBACK, /* ffi.callback: `owner` the callback record (callback.c),
                     `extra` the Python callable, for repr() */
    EXT_ALLOC,    /* new_allocator: `owner` what alloc() returned, `extra` free */
    EXT_FUNCTION, /* function of a library: FunctionObject (call.c) */
    EXT_CHECKED   /* only of cdata_checked_type: CheckedData (checked.h) */
} ExtKind;

typedef struct CDataExt {
    CDataObject base;    /* length: items of an open array; EXT_VIEW and EXT_ALLOC
                            of a record: bytes of it */
    PyObject *owner;     /* owned or NULL */
    PyObject *extra;     /* owned or NULL */
    uint8_t ext;         /* ExtKind */
    uint8_t readonly;    /* EXT_VIEW: declared const (variables of libraries) */
    uint32_t exports;    /* who looks at the memory: jpy_pin() in export.h */
    Py_buffer *view;     /* EXT_BUFFER: owned */
} CDataExt;

#define CData_Check(st, o)                                                     \
    (Py_IS_TYPE((PyObject *)(o), (st)->cdata_type) ||                          \
     Py_IS_TYPE((PyObject *)(o), (st)->cdata_own_type) ||                      \
     Py_IS_TYPE((PyObject *)(o), (st)->cdata_ext_type) ||                      \
     Py_IS_TYPE((PyObject *)(o), (st)->cdata_checked_type))

/* Any cdata at all, of whichever interpreter: for operands of unknown type. */
int jpy_is_cdata(PyObject *o);

/* A cdata that owns nothing. Steals no references. `ct` not an open array. */
PyObject *jpy_cdata(CTypeObject *ct, char *data);
/* An open array of `length` items; `owner` may be NULL. */
PyObject *jpy_cdata_open(CTypeObject *ct, char *data, Py_ssize_t length,
                         PyObject *owner);
/* A primitive in memory of its own (`<cdata 'int' 42>`): data is NOT yet set. */
CDataObject *jpy_cdata_prim(CTypeObject *ct);
/* A CDataExt with everything but ctype, data and ext zero; tracked by the
 * collector. Fill in owner, extra, view at once. */
CDataExt *jpy_ext_new(CTypeObject *ct, char *data, ExtKind ext);
/* ... that keeps `owner` alive as long as itself. */
PyObject *jpy_cdata_view(CTypeObject *ct, char *data, PyObject *owner);
/* A struct, union, array or any value copied into memory of its own. */
PyObject *jpy_cdata_copy(CTypeObject *ct, const char *data);
/* ffi.new(ct, init); ct a pointer or an array. `init` may be NULL or None. */
PyObject *jpy_new(CTypeObject *ct, PyObject *init);
/* ffi.new_allocator(alloc, free, clear)(ct, init): `alloc` and `free_` may be
 * NULL. */
PyObject *jpy_new_with(CTypeObject *ct, PyObject *init, PyObject *alloc,
                       PyObject *free_, int clear);
/* ffi.gc(cd, destructor); destructor not None. */
PyObject *jpy_gc(CDataObject *cd, PyObject *destructor);
/* ffi.gc(cd, None): forget the destructor; TypeError if `cd` is no gc cdata. */
int jpy_gc_forget(CDataObject *cd);
/* ffi.release(cd), cd.__exit__(): None, or NULL with exception. */
PyObject *jpy_release(CDataObject *cd);
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
/* The same for scalars that need no ctype: V_IS_PLAIN. */
PyObject *jpy_load(uint8_t code, const char *data);
/* The _Bool in the low byte: a bool, or NULL with a ValueError. */
PyObject *jpy_bool(unsigned long v);
/* Python to C, as in `p[0] = value`; 0, or -1 with an exception. */
int jpy_from_object(CTypeObject *ct, char *data, PyObject *value);
/* Array initialiser (list, tuple, bytes, str, cdata) into memory for `length`
 * items (-1: as many as there are). `ct`: ARRAY, or PTR to the items. */
int jpy_array_from_object(CTypeObject *ct, char *data, Py_ssize_t length, PyObject *value);

/* A member, bit-field or not: `record` is the address of the struct. */
PyObject *jpy_field_get(State *st, FieldInfo *f, char *record, PyObject *owner);
int jpy_field_set(State *st, FieldInfo *f, char *record, PyObject *value);
/* An item of the array or pointer type `ct`. */
PyObject *jpy_item_get(CTypeObject *ct, char *data, PyObject *owner);
int jpy_item_set(CTypeObject *ct, char *data, PyObject *value);
/* Items a new open array needs for this initialiser; an integer means so many,
 * and *value becomes None. -1 with exception. */
Py_ssize_t jpy_array_needs(CTypeObject *item, PyObject **value);
/* Bytes a struct with an open array at its end needs for this initialiser. */
int jpy_record_needs(CTypeObject *rec, PyObject *init, Py_ssize_t *bytes);

/* Wide characters: str from char16_t / char32_t units (pairs are joined). */
PyObject *jpy_str_from16(const char *p, Py_ssize_t n);
PyObject *jpy_str_from32(const char *p, Py_ssize_t n);

/* "initializer for ctype 'T' must be a `expected`, not Y". Returns -1. */
int jpy_convert_error(PyObject *value, CTypeObject *ct, const char *expected);

/* Raise OverflowError "integer N does not fit 'T'". Returns -1. */
int jpy_overflow(PyObject *value, CTypeObject *ct);
/* An int (new reference) from anything but a float: TypeError otherwise. */
PyObject *jpy_integer_of(PyObject *o);
/* The low `n` bytes of an int, two's complement, no range check: casts. */
int jpy_mask_bytes(PyObject *integer, unsigned char *p, size_t n);
/* Floats of every format in memory. */
double jpy_read_float(uint8_t code, const char *data);
void jpy_write_float(uint8_t code, char *data, double value);
Py_complex jpy_read_complex(uint8_t code, const char *data);
void jpy_write_complex(uint8_t code, char *data, Py_complex value);
/* One character: 0, or -1 with cffi's TypeError. `code`: V_CHAR... */
int jpy_char_from_object(CTypeObject *ct, char *data, PyObject *value);
/* Units a str needs in char16_t or char32_t (by item size 2 or 4), without the
 * terminator; and the units themselves. */
Py_ssize_t jpy_text_units(PyObject *str, Py_ssize_t size);
int jpy_text_write(PyObject *str, Py_ssize_t size, char *data, Py_ssize_t units);
/* Bit-fields. */
PyObject *jpy_bits_get(const FieldInfo *f, const char *record);
int jpy_bits_set(State *st, FieldInfo *f, char *record, PyObject *value);
/* Struct or union from list, tuple or dict (not from cdata). */
int jpy_record_from_object(CTypeObject *ct, char *data, PyObject *init);

/* Integers, with cffi's errors. `*v` receives the bit pattern. */
int jpy_to_int64(PyObject *o, CTypeObject *ct, int64_t *v);  /* range checked
                                     against the size and sign of ct */
int jpy_to_double(PyObject *o, CTypeObject *ct, double *v);
/* The pointer a non-NULL cdata, handle, or integer-like object stands for. */
int jpy_to_address(PyObject *o, void **v);

/* `FILE *`, and the stream of a Python file object: convert_file.c. */
int jpy_is_file_pointer(const CTypeObject *ct);
int jpy_file_stream(PyObject *o, void **stream);

/* One argument of pointer type. Accepts cdata of the type or compatible, bytes,
 * str initialisers, lists (a temporary is made), arrays of others whose items fit
 * (read-only ones only where `quals` has JF_Q_CONST), API-mode functions.
 * Temporaries and pinned buffers are chained to *temps, freed after the call by
 * jpy_temps_free. */
typedef struct Temp Temp;
int jpy_pointer_argument(CTypeObject *ct, unsigned quals, PyObject *value,
                         void **pointer, Temp **temps);
void jpy_temps_free(Temp *temps);
void jpy_temp_drop(State *st); /* free one block of st->free_temps */
/* What a parameter of this pointer type asks of a NumPy array, for jpy_numpy_data();
 * 0: nothing that it could tell. */
uint64_t jpy_pointer_wants(const State *st, const jf_Type *pointer);
uint64_t jpy_item_wants(const CTypeObject *ct, unsigned quals);
/* The qualifiers that those of pointer type are given: of what it points to. */
unsigned jpy_item_quals(const jf_Type *pointer);
/* jpy_numpy_data() for machine code. */
char *jpy_ndarray_items(const PyObject *array, uint64_t wants);

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
    PyObject *texts;      /* list of (text, packed, pack, override, gil): every
                             successful cdef of its own, for the generator */
    PyObject *build;      /* what jiffi.build keeps here; NULL */
    void *oracle;         /* jf_Oracle of a compiled module; NULL; never freed */
    uint8_t gil;          /* jf_Gil of this FFI */
    uint8_t may_throw;    /* FFI(may_throw=True): of every cdef */
    PyObject *cxx;        /* cxx_exception(): dict; NULL: nothing throws. cxx.h */
    uint8_t callback_errors; /* ERRORS_* of its callbacks; DEFAULT: the flavour's */
    struct Stock *stock;  /* cffi/stock.h; owned; NULL but for cffi's compiled FFIs */
    struct Origin *origin; /* pickle.h; owned; NULL in cffi's flavour */
    uint8_t checked;      /* FFI(checked=True): checked.h */
} FFIObject;

/* ctype from a str (cached) or a ctype; new reference. Function types as such
 * (not pointers) are refused unless `allow_func`. */
CTypeObject *jpy_ffi_type(FFIObject *ffi, PyObject *str_or_ctype, int allow_func);
int jpy_init_ffi(State *st, PyObject *module);

/* --- ffi_handle.c ---------------------------------------------------------------------- */

typedef struct HandleTable HandleTable;
/* An EXT_HANDLE cdata dies: nobody may find its object any more. */
void jpy_handle_gone(CDataExt *x);
void jpy_handles_free(State *st);

/* --- lib.c --------------------------------------------------------------------------------- */

/* Where the things of a library come from: dlopen (lib.c), a module that jiffi
 * generated (modgen_lib.c), a module that cffi compiled (cffi/). */
typedef struct LibSource LibSource;
typedef void *(*Fetch)(void); /* where a variable is, each time anew */
struct LibSource {
    const char *name; /* "pkg.mod" */
    /* Address of a function or variable; NULL with an exception. */
    void *(*address)(LibSource *src, FFIObject *ffi, const jf_Symbol *sym);
    /* For a variable that need not stay where it is; may be NULL, or give NULL. */
    Fetch (*fetch)(LibSource *src, const jf_Symbol *sym);
    /* What stands in the library for a function, and for a constant: new
     * references. */
    PyObject *(*function)(LibSource *src, FFIObject *ffi, const jf_Symbol *sym);
    PyObject *(*constant)(LibSource *src, FFIObject *ffi, const jf_Symbol *sym);
    /* Is this VARIABLE a constant in truth (`static const double x`)? NULL: no. */
    bool (*is_constant)(LibSource *src, const jf_Symbol *sym);
    /* Close and free. 0, or -1 with an exception. NULL: static, never closed. */
    int (*close)(LibSource *src);
    PyObject *given;  /* what dlopen() was given, str or None; owned, given back by
                         close(); NULL: nothing that means anything elsewhere */
    int flags;        /* ... and how to open it */
    bool escaped;     /* there may be pointers into it that do not keep it: do not
                         unload it because nobody has it any more */
    PyObject *keeper; /* borrowed: the Handle (call.h) that functions and views of
                         variables hold; set by jpy_handle_new */
};
/* A library of what `ffi` declares (not of what it includes, unless `src` says so)
 * over `src`, which it takes over: an exact module as dlopen gives, in cffi's
 * flavour a Lib (cffi/lib_api.c). */
PyObject *jpy_lib_new(FFIObject *ffi, LibSource *src);
/* The same as a module, whatever the flavour. */
PyObject *jpy_lib_module(FFIObject *ffi, LibSource *src);

/* lib_dl.c: what dlopen() finds; NULL with an exception. */
LibSource *jpy_dl_source(State *st, PyObject *name, int flags);
/* dlopen: a str, a path, None, or a handle as `void *`; NULL with an exception. */
jf_OsLib *jpy_dl_open(State *st, PyObject *name, int flags);
/* A constant as the declaration has it; NULL with an exception where it has `...`. */
PyObject *jpy_declared_constant(State *st, const jf_Symbol *sym);
/* `gil`: jf_Gil for its functions; JF_GIL_DEFAULT: as they are declared. */
PyObject *jpy_dlopen(FFIObject *ffi, PyObject *name, int flags, uint8_t gil,
                     bool may_throw);
int jpy_dlclose(FFIObject *ffi, PyObject *lib);
/* ffi.addressof(lib, "name"). */
PyObject *jpy_lib_addressof(FFIObject *ffi, PyObject *lib, PyObject *name);
int jpy_is_lib(State *st, PyObject *o);
/* The Handle (call.h) of a library; borrowed. */
PyObject *jpy_lib_handle(PyObject *lib);
/* The builtin that the library has for one of its functions, or another: what
 * getattr(cdata, its name) gives. NULL without an exception if that is not it. */
PyObject *jpy_lib_builtin(CDataObject *fn, PyObject *name);
/* After a cdef: libraries opened earlier see the new names. */
int jpy_libs_refresh(FFIObject *ffi);
int jpy_init_lib(State *st, PyObject *module);

/* --- call.c ---------------------------------------------------------------------------------- */

/* The builtin for a library's function. `sym` gives name, parameters, policy;
 * `lib` is kept alive. */
PyObject *jpy_function(FFIObject *ffi, PyObject *lib, const jf_Symbol *sym, void *address);
/* The same over a compiled wrapper; `flags`: METH_NOARGS, METH_O, METH_FASTCALL.
 * `address` is where C finds the function. */
PyObject *jpy_function_ready(FFIObject *ffi, PyObject *lib, const jf_Symbol *sym,
                             void *address, PyCFunction wrapper, int flags);
/* If `o` is a builtin made by jpy_function: its function-pointer cdata
 * (borrowed); else NULL without exception. */
PyObject *jpy_function_cdata(State *st, PyObject *o);
/* Call a function-pointer cdata: CData's tp_call. */
PyObject *jpy_call_cdata(CDataObject *fn, PyObject *args, PyObject *kwargs);
/* How Python calls a plain cdata of the pointer to `fn`, a FUNC. */
vectorcallfunc jpy_call_way(const jf_Type *fn);
/* Universe hook: free what call.c keeps in a FUNC type. */
void jpy_drop_host_code(void *ctx, jf_Type *t);
int jpy_init_call(State *st, PyObject *module);

/* --- modgen.c ------------------------------------------------------------------------------ */

/* Nobody is loaded any more by this state; `gone`: the state is freed next. */
void jpy_modgen_forget(State *st, bool gone);
/* ffi.def_extern of a module's FFI: the decorator. */
PyObject *jpy_modgen_def_extern(FFIObject *ffi, PyObject *name, PyObject *error,
                                PyObject *onerror, PyObject *errors);
int jpy_init_modgen(State *st, PyObject *module);
int jpy_init_verify(State *st, PyObject *module);

/* --- map_operand.c ------------------------------------------------------------------------- */

int jpy_init_map(State *st, PyObject *module);

/* --- fuse.c, fuse_trace.c ------------------------------------------------------------------ */

int jpy_init_fuse(State *st, PyObject *module);
int jpy_init_batch_run(State *st, PyObject *module);
/* This thread traces a Python function: what is called and made is only recorded. */
bool jpy_traces(const State *st);
/* ffi.new() while it does. */
PyObject *jpy_trace_new(CTypeObject *ct, PyObject *init);
/* Does `o` stand for a value of a program (_fuse.py)? */
bool jpy_is_traced(const State *st, PyObject *o);

/* --- check.c ------------------------------------------------------------------------------- */

/* The function that ffi.check() made `o` of; anything else as it is. Borrowed. */
PyObject *jpy_check_function(const State *st, PyObject *o);
int jpy_init_check(State *st, PyObject *module);

/* --- callback.c -------------------------------------------------------------------------------- */

/* What becomes of an exception: errors= of ffi.callback() and ffi.def_extern(),
 * callback_errors= of FFI(). */
enum {
    ERRORS_DEFAULT, /* RAISE; cffi's flavour: PRINT */
    ERRORS_RAISE,   /* at the call around it; until then no other callback runs */
    ERRORS_PRINT,   /* sys.unraisablehook, in cffi's words; always runs */
    ERRORS_CONTINUE,/* as RAISE, but it runs although another has failed */
    ERRORS_THROW    /* through C++ as a C++ exception: cxx.h; always runs */
};
/* ffi.callback(): a function-pointer cdata. */
PyObject *jpy_callback(CTypeObject *ct, PyObject *callable, PyObject *error,
                       PyObject *onerror, uint8_t errors);
/* The same without code of its own, for extern "Python": what C calls then gives
 * jpy_extern_call the place where this object is, and the arguments in cells of 8
 * bytes (larger values and records: their address); the result comes back at
 * `cells`. From any thread. Without an object there: nobody(ctx), without the GIL. */
PyObject *jpy_extern_target(State *st, CTypeObject *ct, PyObject *callable,
                            PyObject *error, PyObject *onerror, uint8_t errors);
void jpy_extern_call(PyObject **target, void *cells, void (*nobody)(void *ctx),
                     void *ctx);
int jpy_init_callback(State *st, PyObject *module);

#endif
