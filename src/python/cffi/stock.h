/* SPDX-License-Identifier: MIT
 *
 * Modules that cffi compiled: the tables they bring, and the doors between the
 * files that read them. The numbers and the order of members are those of the
 * modules' binary interface (0x2601 to 0x28FF, 64-bit pointers).
 *
 *   context.c         the tables are checked, once, before anything reads them
 *   context_type.c    type words to types, at first need
 *   context_enum.c    integer constants, enums
 *   context_record.c  structs and unions: their members, at first need
 *   context_words.c   type strings of compiled FFIs: words
 *   context_parse.c   ... declarators
 *   context_scope.c   its names, for modules of our own that include it
 *   context_load.c    the module: ffi, lib, includes
 *   context_py.c      FFI(...) of the modules that are Python text
 *   ffi_compiled.c    the class _cffi_backend.FFI
 *   lib_api.c         the class _cffi_backend.Lib
 *   lib_stock.c       what stands in such a library
 *   exports.c         the functions that compiled wrappers call
 *   externpy.c        extern "Python"
 */
#ifndef JF_PYTHON_CFFI_STOCK_H
#define JF_PYTHON_CFFI_STOCK_H

#include "python/call.h"

/* --- the tables, as a module has them ------------------------------------ */

/* op | arg << 8; op is odd, so that an even word is the address of an object. */
typedef uintptr_t Word;

enum {
    OP_PRIMITIVE = 1,
    OP_POINTER = 3,
    OP_ARRAY = 5,
    OP_OPEN_ARRAY = 7,
    OP_RECORD = 9,
    OP_ENUM = 11,
    OP_FUNCTION = 13,
    OP_FUNCTION_END = 15,
    OP_NOOP = 17,
    OP_BITFIELD = 19,
    OP_TYPENAME = 21,
    OP_BUILTIN_V = 23,
    OP_BUILTIN_N = 25,
    OP_BUILTIN_O = 27,
    OP_CONSTANT = 29,
    OP_CONSTANT_INT = 31,
    OP_VARIABLE = 33,
    OP_DL_FUNCTION = 35,
    OP_DL_CONSTANT = 37,
    OP_VARIABLE_F = 39,
    OP_EXTERN_PYTHON = 41
};

static inline unsigned word_op(Word w)
{
    return (unsigned)(w & 0xff);
}
static inline intptr_t word_arg(Word w)
{
    return (intptr_t)w >> 8;
}

enum {
    PRIM_COUNT = 52,
    PRIM_NO_INT = -1, /* what the C compiler found is no integer we know */
    PRIM_NO_FLOAT = -2,
    PRIM_LONG_DOUBLE = -3,
    RECORD_FILE = -1 /* FILE */
};

typedef struct StockGlobal {
    const char *name;
    void *address;
    Word op;
    void *more; /* a builtin's C function; a variable's size, or 0 */
} StockGlobal;

/* StockRecord.flags */
enum {
    REC_UNION = 1,
    REC_CHECK = 2,
    REC_PACKED = 4,
    REC_EXTERNAL = 8,
    REC_OPAQUE = 16
};

typedef struct StockRecord {
    const char *name;
    int type_index;
    int flags;
    size_t size; /* (size_t)-1 opaque, (size_t)-2 not known: compute it */
    int align;   /* below zero: not known */
    int first_field;
    int n_fields;
} StockRecord;

typedef struct StockField {
    const char *name;
    size_t offset; /* (size_t)-1: not known */
    size_t size;   /* (size_t)-1: not known; bits of a bit-field */
    Word op;       /* NOOP or BITFIELD of a type */
} StockField;

typedef struct StockEnum {
    const char *name;
    int type_index;
    int prim;
    const char *items; /* "A,B,C" */
} StockEnum;

typedef struct StockTypename {
    const char *name;
    int type_index;
} StockTypename;

typedef struct StockContext {
    Word *types; /* written: words become objects, see stock_slot() */
    const StockGlobal *globals;
    const StockField *fields;
    const StockRecord *records;
    const StockEnum *enums;
    const StockTypename *typenames;
    int n_globals, n_records, n_enums, n_typenames;
    const char *const *includes; /* names of modules, NULL-terminated; or NULL */
    int n_types;
    int flags; /* 1: uses extern "Python" */
} StockContext;

/* Argument of the function behind a CONSTANT_INT or ENUM. */
typedef struct StockConstant {
    unsigned long long value;
    const StockContext *context;
    int index;
} StockConstant;

typedef struct StockExtern {
    const char *name;
    size_t result_size;
    void *reserved1, *reserved2;
} StockExtern;

/* --- a compiled FFI's own memory ----------------------------------------- */

/* Hangs on every FFIObject of the compiled class. An FFI whose names are in its
 * scope (made by our own generator) has a context without entries. */
typedef struct Stock {
    FFIObject *ffi;        /* borrowed: it owns this */
    StockContext context;  /* a copy; its tables are the module's, or `owned` */
    Word *words;           /* of the types as they were at first; owned */
    jf_Type **types;       /* one reference each; NULL until needed; owned */
    jf_Type **records;     /* borrowed from types or the group; owned vector */
    jf_Type **enums;       /* the same */
    PyObject *ffis, *libs; /* tuples, what was included; NULL: nothing */
    PyObject *keep;        /* whose bytes the tables point into; NULL */
    PyObject *externs;     /* dict: name -> body of an extern "Python" function */
    void *owned[6];        /* tables of a Python module's FFI */
    unsigned depth;        /* of the type being made */
    bool declared;         /* jpy_stock_declare() was here */
    bool filled;           /* __init__ ran */
} Stock;

/* --- context.c ----------------------------------------------------------- */

enum { STOCK_MANY = 1 << 24 }; /* entries of one table */
/* 0, or -1 with an ImportError that names module, table and entry. `words` are
 * the types' words (the module's own may be objects already). */
int jpy_stock_check(const char *module, const StockContext *c, const Word *words);

/* --- context_type.c ------------------------------------------------------ */

Stock *jpy_stock_new(FFIObject *ffi); /* empty; NULL with an exception */
/* Adopt checked tables; `words` is taken over. 0, or -1 with an exception. */
int jpy_stock_adopt(Stock *s, const StockContext *c, Word *words);
void jpy_stock_free(Stock *s);
int jpy_stock_traverse(Stock *s, visitproc visit, void *arg);
/* The type of word `i`; borrowed. NULL with a diagnostic. */
jf_Type *jpy_stock_type(Stock *s, intptr_t i, jf_Diag *d);
jf_Type *jpy_stock_record(Stock *s, intptr_t i, jf_Diag *d);
jf_Type *jpy_stock_enum(Stock *s, intptr_t i, jf_Diag *d);
jf_Type *jpy_stock_prim(jf_Universe *u, intptr_t n, jf_Diag *d);
/* "foo" of "$foo", a type without a tag; NULL: the name is a tag, or none. */
const char *jpy_stock_alias(const char *name);
/* Says so in `d`; NULL. */
jf_Type *jpy_stock_no_memory(jf_Diag *d);
/* Index of `name` in a table; -1. */
int jpy_stock_find_global(const Stock *s, const char *name, size_t n);
int jpy_stock_find_record(const Stock *s, const char *name, size_t n);
int jpy_stock_find_enum(const Stock *s, const char *name, size_t n);
int jpy_stock_find_typename(const Stock *s, const char *name, size_t n);
/* Value of a CONSTANT_INT or ENUM: 0 if it is not below zero, 1 if it is not above,
 * else the declaration has another value. */
int jpy_stock_constant(const Stock *s, int i, unsigned long long *value);
jf_Status jpy_stock_disagrees(const StockGlobal *g, int how, unsigned long long v,
                              jf_Diag *d);
/* ctype of word `i`, also put where the module's wrappers read it. Borrowed; NULL
 * with an exception. */
CTypeObject *jpy_stock_slot(Stock *s, intptr_t i);
/* ctype of word `i`, of the pointer to it if it is a function. New reference. */
CTypeObject *jpy_stock_ctype(Stock *s, intptr_t i);

/* --- context_record.c ---------------------------------------------------- */

/* Members of a record that was met before: jf_Group.complete. */
jf_Status jpy_stock_complete(void *stock, jf_Type *rec, jf_Diag *d);
/* Every record that is still without members gets them: `s` is about to go. */
void jpy_stock_complete_all(Stock *s);

/* --- context_scope.c ----------------------------------------------------- */

/* Types and integer constants become names of the FFI's scope, once. */
jf_Status jpy_stock_declare(Stock *s, jf_Diag *d);

/* --- context_parse.c ----------------------------------------------------- */

/* What jpy_ffi_type() keeps for a type string: a ctype, or a 1-tuple of the pointer
 * to it where the string names a function type. ffi.error with cffi's words. */
PyObject *jpy_stock_parse(Stock *s, PyObject *text);
/* ffi.error: where a value is wanted, a function type was given; `ct` is that of
 * the pointer to it. Returns NULL. */
CTypeObject *jpy_stock_function(FFIObject *ffi, CTypeObject *ct);

/* --- context_load.c ------------------------------------------------------ */

/* _cffi_backend._init_cffi_1_0_external_module(address) */
PyObject *jpy_stock_load(PyObject *module, PyObject *address);
/* ImportError unless the version is one that is known. */
int jpy_stock_version(const char *module, Py_ssize_t version, bool is_python);

/* --- context_py.c -------------------------------------------------------- */

int jpy_stock_init(Stock *s, PyObject *args, PyObject *kwargs);

/* --- ffi_compiled.c ------------------------------------------------------ */

/* Both classes, FFI and Lib, into the module and the State. */
int jpy_init_stock(State *st, PyObject *module);
bool jpy_is_compiled_ffi(State *st, PyObject *o);
/* An empty compiled FFI. */
FFIObject *jpy_compiled_ffi(State *st);

/* --- lib_api.c ----------------------------------------------------------- */

typedef struct LibObject {
    PyObject_HEAD FFIObject *ffi; /* owned */
    Handle *handle;               /* owned; functions hold it too */
    PyObject *dict;               /* name -> object, or a Glob; owned */
    PyObject *name;               /* str: the module's, or the library's; owned */
    PyObject *weakrefs;
} LibObject;

/* A variable in LibObject.dict. */
typedef struct GlobObject {
    PyObject_HEAD CTypeObject *ctype; /* owned */
    PyObject *name;                   /* owned */
    void *address;                    /* NULL: asked for each time */
    void *(*fetch)(void);
    PyObject *owner; /* kept alive; or NULL */
} GlobObject;

bool jpy_is_cffi_lib(State *st, PyObject *o);
PyObject *jpy_cffi_lib_new(FFIObject *ffi, LibSource *src);
PyObject *jpy_cffi_lib_addressof(State *st, PyObject *lib, PyObject *name);
int jpy_cffi_lib_close(PyObject *lib);
PyObject *jpy_lib_dir(PyObject *self, PyObject *unused);
/* Rewords the AttributeError for a symbol that an opened library lacks. */
void jpy_cffi_lib_missing(LibObject *lib, const char *symbol);
int jpy_init_cffi_lib(State *st, PyObject *module);
/* Steals nothing. */
PyObject *jpy_glob_new(State *st, PyObject *name, CTypeObject *ct, void *address,
                       void *(*fetch)(void), PyObject *owner);
/* The cached object, made at first need; borrowed. NULL without an exception: there
 * is none of that name. */
PyObject *jpy_cffi_lib_get(LibObject *lib, PyObject *name, unsigned depth);

/* --- lib_stock.c --------------------------------------------------------- */

/* What stands in a library for global `i`: new reference. */
PyObject *jpy_stock_build(LibObject *lib, int i, PyObject *name);
/* The function pointer behind a builtin whose `self` is a library; borrowed; NULL
 * without an exception: none. */
PyObject *jpy_stock_function_cdata(PyObject *builtin);
/* An integer constant of the FFI or of what it includes; NULL without an exception:
 * there is none. */
PyObject *jpy_stock_integer(FFIObject *ffi, const char *name, unsigned depth);

/* --- exports.c, externpy.c ----------------------------------------------- */

enum { EXPORT_COUNT = 28 };
extern void *const jpy_stock_exports[EXPORT_COUNT];
void jpy_stock_call_python(StockExtern *x, char *cells);
/* ffi.def_extern(name, error, onerror) */
PyObject *jpy_stock_def_extern(PyObject *self, PyObject *args, PyObject *kwargs);

#endif
