/* SPDX-License-Identifier: MIT
 *
 * Between a module that jiffi generated and jiffi: everything both sides know.
 * The generator puts this file, as it is, at the head of the C (or C++) it
 * writes, and src/python/module*.c reads it; it needs nothing but Python.h.
 *
 *   declarations as text  +  what only the compiler knows  =  ffi and lib
 *   (jiffi_text)             (jiffi_record, jiffi_length,
 *                             jiffi_typedef, jiffi_symbol)
 *
 * The text is read again when the module is imported, and every question that it
 * leaves open (`...`) is answered from the tables. All tables are sorted by
 * `name` (strcmp), except texts and includes. All pointers are to static data.
 */
#ifndef JIFFI_MODULE_ABI_H
#define JIFFI_MODULE_ABI_H

#include <Python.h>
#include <stddef.h>
#include <string.h>
#include <errno.h>

/* Raised when the meaning of a structure below changes. New members go to the
 * end of jiffi_module or jiffi_exports and leave it as it is. */
#define JIFFI_MODULE_ABI 1

/* --- what the module says ---------------------------------------------------- */

/* One ffi.cdef(). */
typedef struct jiffi_text {
    const char *const *lines; /* pieces, NULL-terminated; joined they are the
                                 text: a literal may not be long in C */
    unsigned char packed;     /* cdef(packed=True) */
    unsigned char override_;  /* cdef(override=True) */
    unsigned char gil;        /* jf_Gil */
    unsigned char reserved;
    unsigned pack;            /* cdef(pack=N); 0 natural */
} jiffi_text;

/* A member: its path from the record, "a" or, through members with names whose
 * type has none, "a.b". */
typedef struct jiffi_member {
    const char *name;
    size_t offset; /* bytes; (size_t)-1 for a bit-field */
    size_t size;   /* bytes; 0 for a bit-field and for a flexible array */
} jiffi_member;

/* A struct or union: "struct foo", "foo_t" (no tag, a typedef), "*foo_p" (what
 * the typedef'd pointer points to) or "struct foo.a" (the type of a member). */
typedef struct jiffi_record {
    const char *name;
    size_t size, align;          /* bytes */
    const jiffi_member *members; /* in the order of their declaration */
    unsigned n_members;
} jiffi_record;

/* `[...]`: the length of dimension `dim` (0 the outermost) of a variable "v", a
 * typedef "t", a member "struct foo.a". Sorted by name, then dim. */
typedef struct jiffi_length {
    const char *name;
    unsigned dim;
    size_t length;
} jiffi_length;

/* `typedef int... t;`, `typedef float... t;`, and the integer behind an enum
 * ("enum e", "e_t"). */
typedef struct jiffi_typedef {
    const char *name;
    unsigned size;  /* bytes */
    char cls;       /* 'i' signed, 'u' unsigned, 'f' floating */
} jiffi_typedef;

enum {
    JIFFI_FUNCTION = 1,   /* wrapper, flags, types, direct */
    JIFFI_VARIABLE = 2,   /* address */
    JIFFI_INTEGER = 3,    /* integer: #define, enumerator, static const int */
    JIFFI_VALUE = 4,      /* value: any other constant */
    JIFFI_EXTERN_PYTHON = 5 /* extern_python, direct */
};

/* `extern "Python"`: filled by ffi.def_extern, read by the C function. */
typedef struct jiffi_extern_python {
    const char *name;
    size_t result_size; /* bytes; 0 for void */
    void *target;       /* jiffi's; NULL until def_extern */
    void *reserved;
} jiffi_extern_python;

typedef struct jiffi_symbol {
    const char *name;
    unsigned char kind;     /* JIFFI_FUNCTION... */
    unsigned char reserved[3];
    int flags;              /* METH_NOARGS, METH_O or METH_FASTCALL */
    PyCFunction wrapper;    /* NULL: called through `direct` by jiffi itself
                               (variadic functions) */
    void **types;           /* room for ctypes that jiffi fills in before the
                               wrapper is called: result, then parameters */
    void (*direct)(void);   /* the C function, or a C function that calls the
                               macro; by this address C calls it */
    void *(*address)(void);          /* VARIABLE */
    /* INTEGER: 1 if it is below zero, else 0; *bits is the value modulo 2^64. */
    int (*integer)(unsigned long long *bits);
    void (*value)(void *out);        /* VALUE: writes sizeof(type) bytes */
    jiffi_extern_python *extern_python;
} jiffi_symbol;

struct jiffi_exports;

typedef struct jiffi_module {
    unsigned abi;            /* JIFFI_MODULE_ABI */
    unsigned size;           /* sizeof(jiffi_module) as the module knows it */
    const char *name;        /* "pkg.mod" */
    const char *generator;   /* version of jiffi that wrote the file */
    const struct jiffi_exports **exports; /* jiffi stores its table here */
    const jiffi_text *texts;
    const char *const *includes; /* names of modules; NULL-terminated */
    const jiffi_record *records;
    const jiffi_length *lengths;
    const jiffi_typedef *typedefs;
    const jiffi_symbol *symbols;
    unsigned n_texts, n_records, n_lengths, n_typedefs, n_symbols;
    unsigned gil;            /* jf_Gil of the FFI */
} jiffi_module;

/* --- what jiffi offers to wrappers --------------------------------------------- */

/* Memory that lives until the end of the call; a list, NULL at first. */
typedef struct jiffi_temps jiffi_temps;

/* Every function with an `int` result gives 0, or -1 with an exception. `self` is
 * the wrapper's first argument, `i` the number of the parameter (0 the first),
 * and messages name the function and the parameter by them. */
typedef struct jiffi_exports {
    unsigned abi;  /* JIFFI_MODULE_ABI */
    unsigned size; /* sizeof(jiffi_exports) as jiffi knows it */
    /* Integers of any kind: `size` bytes, range checked, the bit pattern. */
    int (*to_int)(PyObject *self, int i, PyObject *o, unsigned size, int is_signed,
                  unsigned long long *bits);
    int (*to_double)(PyObject *self, int i, PyObject *o, double *v);
    /* Any type by value: writes sizeof(type) bytes to `out`. */
    int (*to_value)(PyObject *self, int i, PyObject *o, void *type, void *out);
    /* A pointer argument; temporaries and pinned buffers go to *temps. */
    int (*to_pointer)(PyObject *self, int i, PyObject *o, void *type, void **p,
                      jiffi_temps **temps);
    void (*free_temps)(jiffi_temps *temps);
    /* Results: new references. A record is copied. */
    PyObject *(*from_pointer)(void *type, void *p);
    PyObject *(*from_value)(void *type, const void *value);
    /* TypeError: expected and given number of arguments. Returns NULL. */
    PyObject *(*bad_count)(PyObject *self, Py_ssize_t given);
    /* Around the C function: errno, and (release) the GIL. What release_enter
     * returns goes to release_leave. */
    void *(*release_enter)(void);
    void (*release_leave)(void *);
    void (*hold_enter)(void);
    void (*hold_leave)(void);
    /* Call the Python function behind `x`. `cells`: one per parameter, 8 bytes
     * each, holding the value, or its address where the value is larger than 8
     * bytes or a record; the result comes back at `cells` (room for
     * result_size). Any thread, without the GIL. */
    void (*call_python)(jiffi_extern_python *x, void *cells);
} jiffi_exports;

#endif
