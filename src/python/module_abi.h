/* SPDX-License-Identifier: MIT
 *
 * Between a module that jiffi generated and jiffi: everything both sides know.
 * The generator puts this file, as it is, at the head of the C (or C++) it
 * writes, and src/python/modgen*.c reads it; it needs nothing but Python.h.
 *
 *   declarations as text  +  what only the compiler knows  =  ffi and lib
 *   (jiffi_text)             (jiffi_record, jiffi_length,
 *                             jiffi_typedef, jiffi_symbol)
 *
 * The text is read again when the module is imported, and every question that it
 * leaves open (`...`) is answered from the tables. All tables are sorted by
 * `name` (strcmp), except texts and includes. All pointers are to static data.
 *
 * Import: the module's Py_mod_exec function calls jiffi_exec() below, with the name
 * of the back end ("jiffi._jiffi" or "_cffi_backend"). That calls the back end's
 *
 *   _load_module(capsule "jiffi.module" of the jiffi_module, module) -> (ffi, lib)
 *
 * which fills `types`, `*exports`, module.ffi, module.lib and sys.modules. A library
 * that embeds Python calls jiffi_embed() instead, with the GIL held.
 *
 * A module without C (set_source(name, None)) is Python, and calls the back end's
 *
 *   ffi = _load_texts(name, texts, includes=(), gil=1, abi=JIFFI_MODULE_ABI,
 *                     generator="version of jiffi")
 *
 * with `texts` a sequence of (text, packed, pack, override, gil), as an FFI keeps
 * them, `includes` a sequence of names of modules, `gil` a jf_Gil.
 *
 * A wrapper (`self` is the function's cdata, never NULL):
 *
 *   static void *types_add[3];
 *   static PyObject *wrap_add(PyObject *self, PyObject *const *args, Py_ssize_t n)
 *   {
 *       unsigned long long bits;
 *       if (n != 2)
 *           return jiffi_api->bad_count(self, n);
 *       if (jiffi_get_int(self, 0, args[0], sizeof(int), 1, &bits) < 0)
 *           return NULL;
 *       int a = (int)bits;
 *       if (jiffi_get_int(self, 1, args[1], sizeof(int), 1, &bits) < 0)
 *           return NULL;
 *       int b = (int)bits;
 *       jiffi_state s = jiffi_release();  -- or jiffi_hold()
 *       int result = add(a, b);
 *       jiffi_take(s);                    -- or jiffi_held(s)
 *       return jiffi_from_signed(result);
 *   }
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
    int flags;              /* METH_O (one parameter), METH_FASTCALL (any number) or
                               METH_NOARGS (none; METH_FASTCALL is quicker) */
    PyCFunction wrapper;    /* NULL: called through `direct` by jiffi itself
                               (variadic functions) */
    void **types;           /* room for ctypes that jiffi fills in before the
                               wrapper is called: result, then parameters; NULL:
                               the wrapper needs none */
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

/* --- what jiffi offers to wrappers ------------------------------------------ */

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
    /* Python ints, sooner than Python itself makes them. */
    PyObject *(*from_long)(long v);
    /* Where things of this thread are, seen from its errno: the errno that Python
     * code sees, and the thread state that is put aside while C runs without the
     * GIL. Bytes; 0: not known, then the functions above do the work. */
    ptrdiff_t saved_errno, put_aside;
    /* errno itself, seen from the thread pointer. Bytes; 0: not known. */
    ptrdiff_t error;
    /* Python's ints from -5 to 256, where they stand in a row: the int 0, and the
     * bytes from one to the next. NULL: they do not. */
    char *zero;
    ptrdiff_t small_step;
} jiffi_exports;

#ifndef JIFFI_MODULE_ABI_ONLY

/* --- inside a generated module ---------------------------------------------- */

/* A module need not use everything that follows. */
#if defined(__GNUC__) || defined(__clang__)
#define JIFFI_LOCAL static inline __attribute__((unused))
#define JIFFI_UNUSED __attribute__((unused))
#define JIFFI_LIKELY(x) __builtin_expect(!!(x), 1)
#else
#define JIFFI_LOCAL static inline
#define JIFFI_UNUSED
#define JIFFI_LIKELY(x) (x)
#endif
#ifdef __cplusplus
#define JIFFI_CAST(type, x) reinterpret_cast<type>(x)
#else
#define JIFFI_CAST(type, x) ((type)(x))
#endif

#ifndef METH_FASTCALL /* the limited API before 3.10 keeps it to itself */
#define METH_FASTCALL 0x0080
#endif

/* What jiffi offers; jiffi_module.exports points here. */
static const jiffi_exports *jiffi_api JIFFI_UNUSED;

/* A METH_FASTCALL wrapper as the symbol table has it. */
typedef PyObject *(*jiffi_fast_wrapper)(PyObject *, PyObject *const *, Py_ssize_t);
#define JIFFI_FAST(f) JIFFI_CAST(PyCFunction, JIFFI_CAST(void (*)(void), (f)))

/* An int of few digits (30 bits), read without the C API where that can be done:
 * not with the limited API. */
#if defined(Py_LIMITED_API) || defined(PYPY_VERSION) || defined(GRAALVM_PYTHON)
JIFFI_LOCAL int jiffi_small(PyObject *o, Py_ssize_t *v)
{
    (void)o;
    (void)v;
    return 0;
}
#elif PY_VERSION_HEX >= 0x030c0000
JIFFI_LOCAL int jiffi_small(PyObject *o, Py_ssize_t *v)
{
    const PyLongObject *l = JIFFI_CAST(const PyLongObject *, o);
    if (!PyLong_CheckExact(o) || l->long_value.lv_tag >= 16)
        return 0;
    *v = (Py_ssize_t)(1 - (Py_ssize_t)(l->long_value.lv_tag & 3)) *
         (Py_ssize_t)l->long_value.ob_digit[0];
    return 1;
}
#else
#if PY_VERSION_HEX < 0x030b0000
#include <longintrepr.h>
#endif
JIFFI_LOCAL int jiffi_small(PyObject *o, Py_ssize_t *v)
{
    Py_ssize_t n;
    if (!PyLong_CheckExact(o))
        return 0;
    n = Py_SIZE(o);
    if (JIFFI_LIKELY(n == 1)) {
        *v = (Py_ssize_t)JIFFI_CAST(PyLongObject *, o)->ob_digit[0];
        return 1;
    }
    if (n < -1 || n > 1)
        return 0;
    *v = n ? n * (Py_ssize_t)JIFFI_CAST(PyLongObject *, o)->ob_digit[0] : 0;
    return 1;
}
#endif

/* An integer argument of `size` bytes (a constant: the compiler drops what does not
 * apply), as the bit pattern, sign-extended; 0, or -1 with an exception. */
JIFFI_LOCAL int jiffi_get_int(PyObject *self, int i, PyObject *o, size_t size,
                              int is_signed, unsigned long long *bits)
{
    Py_ssize_t v = 0;
    if (JIFFI_LIKELY(jiffi_small(o, &v))) {
        Py_ssize_t half = size < 4 ? (Py_ssize_t)1 << (8 * size - 1) : 0;
        if (is_signed ? !half || (v >= -half && v < half)
                      : v >= 0 && (!half || v < 2 * half)) {
            *bits = (unsigned long long)v;
            return 0;
        }
    }
    return jiffi_api->to_int(self, i, o, (unsigned)size, is_signed, bits);
}

/* A floating argument. */
JIFFI_LOCAL int jiffi_get_double(PyObject *self, int i, PyObject *o, double *v)
{
#ifndef Py_LIMITED_API
    if (JIFFI_LIKELY(PyFloat_CheckExact(o))) {
        *v = PyFloat_AS_DOUBLE(o);
        return 0;
    }
#endif
    return jiffi_api->to_double(self, i, o, v);
}

/* An argument that points to bytes: those of a bytes object as they are. */
JIFFI_LOCAL int jiffi_get_text(PyObject *self, int i, PyObject *o, void *type,
                               void **p, jiffi_temps **temps)
{
#ifndef Py_LIMITED_API
    if (PyBytes_CheckExact(o)) {
        *p = PyBytes_AS_STRING(o);
        return 0;
    }
#endif
    return jiffi_api->to_pointer(self, i, o, type, p, temps);
}

/* One of Python's small ints, or NULL. */
JIFFI_LOCAL PyObject *jiffi_kept(long long v)
{
    PyObject *o = NULL;
    if ((unsigned long long)v + 5 <= 261 && jiffi_api->zero) {
        o = JIFFI_CAST(PyObject *,
                       jiffi_api->zero + (ptrdiff_t)v * jiffi_api->small_step);
        Py_INCREF(o);
    }
    return o;
}
/* Results: any signed, any unsigned integer type. */
JIFFI_LOCAL PyObject *jiffi_from_signed(long long v)
{
    PyObject *o = jiffi_kept(v);
    if (o)
        return o;
    if (sizeof(long) == sizeof v || (v >= -0x7fffffff && v <= 0x7fffffff))
        return jiffi_api->from_long((long)v);
    return PyLong_FromLongLong(v);
}
JIFFI_LOCAL PyObject *jiffi_from_unsigned(unsigned long long v)
{
    PyObject *o = v <= 256 ? jiffi_kept((long long)v) : NULL;
    if (o)
        return o;
    if (v <= 0x7fffffff)
        return jiffi_api->from_long((long)v);
    return PyLong_FromUnsignedLongLong(v);
}

/* Around the C function. */
typedef struct jiffi_state {
    int *error;      /* &errno of this thread, or NULL: through the table */
    void *thread;
} jiffi_state;

/* &errno; where it can be found, without a call. */
JIFFI_LOCAL int *jiffi_errno(void)
{
#if defined(__linux__) && defined(__x86_64__) && defined(__LP64__)
    char *thread;
    if (JIFFI_LIKELY(jiffi_api->error != 0)) {
        __asm__("movq %%fs:0, %0" : "=r"(thread));
        return JIFFI_CAST(int *, thread + jiffi_api->error);
    }
#elif defined(__linux__) && defined(__aarch64__)
    char *thread;
    if (JIFFI_LIKELY(jiffi_api->error != 0)) {
        __asm__("mrs %0, tpidr_el0" : "=r"(thread));
        return JIFFI_CAST(int *, thread + jiffi_api->error);
    }
#endif
    return &errno;
}
JIFFI_LOCAL int *jiffi_saved(int *error)
{
    return JIFFI_CAST(int *, JIFFI_CAST(char *, error) + jiffi_api->saved_errno);
}
JIFFI_LOCAL void **jiffi_aside(int *error)
{
    return JIFFI_CAST(void **, JIFFI_CAST(char *, error) + jiffi_api->put_aside);
}
/* Without the GIL. */
JIFFI_LOCAL jiffi_state jiffi_release(void)
{
    jiffi_state s = {NULL, NULL};
    if (JIFFI_LIKELY(jiffi_api->put_aside != 0)) {
        s.error = jiffi_errno();
        s.thread = PyEval_SaveThread();
        *jiffi_aside(s.error) = s.thread;
        *s.error = *jiffi_saved(s.error);
    } else {
        s.thread = jiffi_api->release_enter();
    }
    return s;
}
JIFFI_LOCAL void jiffi_take(jiffi_state s)
{
    if (JIFFI_LIKELY(s.error != NULL)) {
        *jiffi_saved(s.error) = *s.error;
        *jiffi_aside(s.error) = NULL;
        PyEval_RestoreThread(JIFFI_CAST(PyThreadState *, s.thread));
    } else {
        jiffi_api->release_leave(s.thread);
    }
}
/* With the GIL. */
JIFFI_LOCAL jiffi_state jiffi_hold(void)
{
    jiffi_state s = {NULL, NULL};
    if (JIFFI_LIKELY(jiffi_api->saved_errno != 0)) {
        s.error = jiffi_errno();
        *s.error = *jiffi_saved(s.error);
    } else {
        jiffi_api->hold_enter();
    }
    return s;
}
JIFFI_LOCAL void jiffi_held(jiffi_state s)
{
    if (JIFFI_LIKELY(s.error != NULL))
        *jiffi_saved(s.error) = *s.error;
    else
        jiffi_api->hold_leave();
}

/* The module's Py_mod_exec. `backend`: "jiffi._jiffi" or "_cffi_backend". */
JIFFI_LOCAL int jiffi_exec(PyObject *module, const jiffi_module *m,
                           const char *backend)
{
    PyObject *jiffi = PyImport_ImportModule(backend), *both = NULL;
    PyObject *capsule = PyCapsule_New((void *)m, "jiffi.module", NULL);
    if (jiffi && capsule)
        both = PyObject_CallMethod(jiffi, "_load_module", "OO", capsule, module);
    Py_XDECREF(capsule);
    Py_XDECREF(jiffi);
    Py_XDECREF(both);
    return both ? 0 : -1;
}

/* In a library that embeds Python: make the module `m` and let it be imported by
 * its name. The GIL is held. 0, or -1 with an exception. */
JIFFI_LOCAL int jiffi_embed(const jiffi_module *m, const char *backend)
{
    PyObject *module = PyModule_New(m->name);
    int bad = !module || jiffi_exec(module, m, backend) < 0 ||
              PyDict_SetItemString(PyImport_GetModuleDict(), m->name, module) < 0;
    Py_XDECREF(module);
    return bad ? -1 : 0;
}

#endif /* JIFFI_MODULE_ABI_ONLY */
#endif
