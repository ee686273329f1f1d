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
 * A Python callback that raises within a call leaves its exception to that call,
 * which looks for it when C has returned. Modules whose jiffi_module ends before
 * `callback_errors` do not look: callbacks within their calls leave nothing, what
 * they raise goes to sys.unraisablehook.
 *
 * Import: the module's Py_mod_exec function calls jiffi_exec() below, with the name
 * of the back end ("jiffi._jiffi" or "_cffi_backend"). That calls the back end's
 *
 *   _load_module(capsule "jiffi.module" of the jiffi_module, module) -> (ffi, lib)
 *
 * which fills `types`, `*exports`, module.ffi, module.lib and sys.modules. A
 * library that embeds Python calls jiffi_embed() instead, with the GIL held.
 *
 * A module without C (set_source(name, None)) is Python, and calls the back end's
 *
 *   ffi = _load_texts(name, texts, includes=(), gil=1, abi=JIFFI_MODULE_ABI,
 *                     generator="version of jiffi")
 *
 * with `texts` a sequence of (text, packed, pack, override, gil), as an FFI keeps
 * them, `includes` a sequence of names of modules, `gil` a jf_Gil.
 *
 * Two wrappers of a function (`self` is the function's cdata, never NULL). Python
 * calls the first, which takes arguments of the plainest kinds and nothing else;
 * the second takes them all, and says what is wrong with them:
 *
 *   static PyObject *wrap_add(PyObject *self, PyObject *const *args, Py_ssize_t n)
 *   {
 *       unsigned long long a, b;
 *       unsigned way = jiffi_ways[3];     -- of symbol 3
 *       if (n != 2 || !way ||
 *           !jiffi_plain_int(args[0], sizeof(int), 1, &a) ||
 *           !jiffi_plain_int(args[1], sizeof(int), 1, &b))
 *           return slow_add(self, args, n);
 *       PyThreadState *thread = jiffi_go(self, way);
 *       int result = add((int)a, (int)b);
 *       if (jiffi_back(way, thread))      -- a callback raised
 *           return NULL;
 *       return jiffi_from_signed(result);
 *   }
 *
 * The second reads arguments by jiffi_get_int() and the like, which raise, and
 * calls between jiffi_begin_call(self, &jiffi_ways[3]) and jiffi_end_call().
 */
#ifndef JIFFI_MODULE_ABI_H
#define JIFFI_MODULE_ABI_H

#include <Python.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

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
    unsigned pack; /* cdef(pack=N); 0 natural */
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
    unsigned size; /* bytes */
    char cls;      /* 'i' signed, 'u' unsigned, 'f' floating */
} jiffi_typedef;

enum {
    JIFFI_FUNCTION = 1,     /* wrapper, flags, types, direct */
    JIFFI_VARIABLE = 2,     /* address */
    JIFFI_INTEGER = 3,      /* integer: #define, enumerator, static const int */
    JIFFI_VALUE = 4,        /* value: any other constant */
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
    unsigned char kind; /* JIFFI_FUNCTION... */
    /* [0]: jf_Gil of the function, where ffi.gil() has said one; 0: as declared. */
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
    void *(*address)(void); /* VARIABLE */
    /* INTEGER: 1 if it is below zero, else 0; *bits is the value modulo 2^64. */
    int (*integer)(unsigned long long *bits);
    void (*value)(void *out); /* VALUE: writes sizeof(type) bytes */
    jiffi_extern_python *extern_python;
} jiffi_symbol;

struct jiffi_exports;

typedef struct jiffi_module {
    unsigned abi;          /* JIFFI_MODULE_ABI */
    unsigned size;         /* sizeof(jiffi_module) as the module knows it */
    const char *name;      /* "pkg.mod" */
    const char *generator; /* version of jiffi that wrote the file */
    const struct jiffi_exports **exports; /* jiffi stores its table here */
    const jiffi_text *texts;
    const char *const *includes; /* names of modules; NULL-terminated */
    const jiffi_record *records;
    const jiffi_length *lengths;
    const jiffi_typedef *typedefs;
    const jiffi_symbol *symbols;
    unsigned n_texts, n_records, n_lengths, n_typedefs, n_symbols;
    unsigned gil; /* jf_Gil of the FFI */
    /* Of the FFI: 0 as usual, 1 "raise", 2 "print". A module that has this member
     * looks for exceptions after its calls. */
    unsigned callback_errors;
    /* Room for a JIFFI_WAY of each symbol, in their order, 0 at first: how its
     * wrapper makes calls. NULL: wrappers do as their `gil` was when they were
     * generated. */
    unsigned char *ways;
} jiffi_module;

/* How a function is called; jiffi decides when it is called first, and may decide
 * anew: it sets the byte to 0. ORDER WAY: from JIFFI_PROVED on nobody is called
 * back. */
enum {
    JIFFI_UNDECIDED = 0, /* or not by wrappers' own means: the second wrapper does it */
    JIFFI_RELEASE = 1,   /* without the GIL */
    JIFFI_HOLD = 2,      /* with it */
    JIFFI_PROVED = 3,    /* with it; it was proved that nobody waits */
    JIFFI_LEAN = 4,      /* ... and that errno is not touched */
    JIFFI_OBSERVED = 8   /* added to one of them: observe() is called */
};

/* --- what jiffi offers to wrappers ------------------------------------------ */

/* Memory that lives until the end of the call; a list, NULL at first. */
typedef struct jiffi_temps jiffi_temps;

/* What wrappers look at in every call: a module has its own, filled by `tell` below
 * when it was loaded. Until then, and where jiffi cannot tell, all is 0. */
typedef struct jiffi_near {
    unsigned size; /* sizeof(jiffi_near) as the module knows it */
    /* Where things of this thread are, seen from the thread pointer: errno, the
     * errno that Python code sees, and the thread state that is put aside while C
     * runs without the GIL. Bytes. 0: not known, and no wrapper is quick. */
    ptrdiff_t error, saved_errno, put_aside;
    /* The classes of cdata, all of which begin with a jiffi_cdata. */
    PyTypeObject *cdata[3];
    /* Python's int 0, if those from -5 to 256 stand in a row as PyLongObjects. */
    char *zero;
    PyObject *(*from_long)(long v); /* an int; if `zero` is known, none of those */
    PyObject *(*from_double)(double v);
    PyThreadState *(*let_go)(void);      /* PyEval_SaveThread */
    void (*take)(PyThreadState *thread); /* PyEval_RestoreThread */
    /* Seen from the thread pointer: the exception that a callback has left for the
     * call around it, NULL if none has. Bytes; never 0 where `error` is not. */
    ptrdiff_t pending;
    /* Calls that keep the GIL: held[0] is the function (`self`) while it runs and
     * NULL afterwards; if held[1] is not NULL then, there may be something to raise;
     * held[2] is who calls (jiffi_self()). All three are also set by hold_begin,
     * which is called if held[3] is not NULL: others wait for the GIL. */
    void (*hold_begin)(PyObject *self);
    void *volatile *held;
    int (*failed)(void); /* 1 with the exception set, if there is something to raise */
} jiffi_near;

typedef struct jiffi_cdata {
    PyObject_HEAD void *ctype;
    char *data; /* what a pointer points to; a struct's first byte */
} jiffi_cdata;

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
    /* Fills `here`, if this jiffi knows all of what the module knows of it.
     * `module` has been loaded. */
    void (*tell)(const jiffi_module *module, jiffi_near *here);
    /* Instead of hold_enter, before the call. */
    void (*hold_begin)(PyObject *self);
    /* After a call and release_leave or hold_leave: -1 with an exception that came
     * up in a callback, 0. `held`: the GIL was kept. */
    int (*call_end)(int held);
    /* JIFFI_WAY of a function. */
    unsigned (*way)(PyObject *self);
    /* Directly before (0) and after (1) the C function, and with the GIL at the end
     * of the call (2). */
    void (*observe)(PyObject *self, int when);
} jiffi_exports;

#ifndef JIFFI_MODULE_ABI_ONLY

/* --- inside a generated module ---------------------------------------------- */

/* A module need not use everything that follows. */
#if defined(__GNUC__) || defined(__clang__)
#define JIFFI_LOCAL static inline __attribute__((unused))
#define JIFFI_INLINE static inline __attribute__((unused, always_inline))
#define JIFFI_UNUSED __attribute__((unused))
#define JIFFI_LIKELY(x) __builtin_expect(!!(x), 1)
#ifdef Py_LIMITED_API /* most calls go there */
#define JIFFI_COLD __attribute__((noinline))
#else
#define JIFFI_COLD __attribute__((cold, noinline))
#endif
#else
#define JIFFI_LOCAL static inline
#define JIFFI_INLINE static inline
#define JIFFI_UNUSED
#define JIFFI_LIKELY(x) (x)
#define JIFFI_COLD
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
static jiffi_near jiffi_here JIFFI_UNUSED;

/* A METH_FASTCALL wrapper as the symbol table has it. */
typedef PyObject *(*jiffi_fast_wrapper)(PyObject *, PyObject *const *, Py_ssize_t);
#define JIFFI_FAST(f) JIFFI_CAST(PyCFunction, JIFFI_CAST(void (*)(void), (f)))

/* An int of one digit (30 bits), or of two if `two` and it is above zero, read
 * without the C API where that can be done: not with the limited API. */
#if defined(Py_LIMITED_API) || defined(PYPY_VERSION) || defined(GRAALVM_PYTHON)
JIFFI_INLINE int jiffi_digits(PyObject *o, int two, long long *v)
{
    (void)o;
    (void)two;
    (void)v;
    return 0;
}
#else
#if PY_VERSION_HEX >= 0x030c0000
/* Sign in bits 0 and 1, a mark in bit 2 (3.14), then the count of digits. */
#define JIFFI_TAG(l) ((l)->long_value.lv_tag & ~(uintptr_t)4)
#define JIFFI_DIGIT(l, i) ((long long)(l)->long_value.ob_digit[i])
enum { JIFFI_ZERO = 1, JIFFI_ONE = 8, JIFFI_MINUS_ONE = 10, JIFFI_TWO = 16 };
#else
#if PY_VERSION_HEX < 0x030b0000
#include <longintrepr.h>
#endif
#define JIFFI_TAG(l) Py_SIZE(l)
#define JIFFI_DIGIT(l, i) ((long long)(l)->ob_digit[i])
enum { JIFFI_ZERO = 0, JIFFI_ONE = 1, JIFFI_MINUS_ONE = -1, JIFFI_TWO = 2 };
#endif
JIFFI_INLINE int jiffi_digits(PyObject *o, int two, long long *v)
{
    const PyLongObject *l = JIFFI_CAST(const PyLongObject *, o);
    if (!JIFFI_LIKELY(PyLong_CheckExact(o)))
        return 0;
    if (JIFFI_LIKELY(JIFFI_TAG(l) == JIFFI_ONE))
        *v = JIFFI_DIGIT(l, 0);
    else if (JIFFI_TAG(l) == JIFFI_ZERO)
        *v = 0;
    else if (JIFFI_TAG(l) == JIFFI_MINUS_ONE)
        *v = -JIFFI_DIGIT(l, 0);
    else if (two && JIFFI_TAG(l) == JIFFI_TWO)
        *v = JIFFI_DIGIT(l, 0) | JIFFI_DIGIT(l, 1) << PyLong_SHIFT;
    else
        return 0;
    return 1;
}
#endif

/* Arguments of the plainest kinds. 1: that was one, and its value is stored; 0: it
 * was not, without an exception. */

/* An integer of `size` bytes (a constant: the compiler drops what does not apply),
 * as the bit pattern, sign-extended. */
JIFFI_INLINE int jiffi_plain_int(PyObject *o, size_t size, int is_signed,
                                 unsigned long long *bits)
{
    long long v, half = size < 4 ? 1LL << (8 * size - 1) : 0;
    if (!jiffi_digits(o, size == 8, &v))
        return 0;
    *bits = (unsigned long long)v;
    if (is_signed)
        return !half || (v >= -half && v < half);
    return v >= 0 && (!half || v < 2 * half);
}

JIFFI_INLINE int jiffi_plain_double(PyObject *o, double *v)
{
#ifndef Py_LIMITED_API
    if (JIFFI_LIKELY(PyFloat_CheckExact(o))) {
        *v = PyFloat_AS_DOUBLE(o);
        return 1;
    }
#else
    (void)o;
    (void)v;
#endif
    return 0;
}

JIFFI_INLINE int jiffi_plain_bool(PyObject *o, int *v)
{
    *v = o == Py_True;
    return *v || o == Py_False;
}

/* A cdata of exactly this type, for what a pointer points to. */
JIFFI_INLINE int jiffi_plain_cdata(PyObject *o, const void *type, void **p)
{
    PyTypeObject *c = Py_TYPE(o);
    if (c != jiffi_here.cdata[0] && c != jiffi_here.cdata[1] &&
        c != jiffi_here.cdata[2])
        return 0;
    *p = JIFFI_CAST(jiffi_cdata *, o)->data;
    return JIFFI_CAST(jiffi_cdata *, o)->ctype == type;
}

/* A struct or union, for its first byte. */
JIFFI_INLINE int jiffi_plain_record(PyObject *o, const void *type, void **p)
{
    return jiffi_plain_cdata(o, type, p) && *p;
}

/* What points to bytes: those of a bytes object as they are. */
JIFFI_INLINE int jiffi_plain_text(PyObject *o, const void *type, void **p)
{
#ifndef Py_LIMITED_API
    if (JIFFI_LIKELY(PyBytes_CheckExact(o))) {
        *p = PyBytes_AS_STRING(o);
        return 1;
    }
#endif
    return jiffi_plain_cdata(o, type, p);
}

/* Arguments of any kind: 0, or -1 with an exception. */

JIFFI_LOCAL int jiffi_get_int(PyObject *self, int i, PyObject *o, size_t size,
                              int is_signed, unsigned long long *bits)
{
    if (JIFFI_LIKELY(jiffi_plain_int(o, size, is_signed, bits)))
        return 0;
    return jiffi_api->to_int(self, i, o, (unsigned)size, is_signed, bits);
}

JIFFI_LOCAL int jiffi_get_double(PyObject *self, int i, PyObject *o, double *v)
{
    if (JIFFI_LIKELY(jiffi_plain_double(o, v)))
        return 0;
    return jiffi_api->to_double(self, i, o, v);
}

JIFFI_LOCAL int jiffi_get_text(PyObject *self, int i, PyObject *o, void *type,
                               void **p, jiffi_temps **temps)
{
    if (jiffi_plain_text(o, type, p))
        return 0;
    return jiffi_api->to_pointer(self, i, o, type, p, temps);
}

/* Results: new references. Any signed, any unsigned integer type. */
JIFFI_LOCAL PyObject *jiffi_from_signed(long long v)
{
    if (sizeof(long) == sizeof v || (v >= -0x7fffffff && v <= 0x7fffffff))
        return jiffi_api->from_long((long)v);
    return PyLong_FromLongLong(v);
}
JIFFI_LOCAL PyObject *jiffi_from_unsigned(unsigned long long v)
{
    if (v <= 0x7fffffff)
        return jiffi_api->from_long((long)v);
    return PyLong_FromUnsignedLongLong(v);
}

/* Does this jiffi have a member that was added to its table? */
#define JIFFI_HAS(member)                                                      \
    (jiffi_api->size >= offsetof(jiffi_exports, member) + sizeof jiffi_api->member)

/* Around the C function. */
typedef struct jiffi_state {
    int *error; /* &errno of this thread, or NULL: through the table */
    void *thread;
    PyObject *self; /* of jiffi_begin_call() */
    unsigned way;
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
    jiffi_state s = {NULL, NULL, NULL, 0};
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
JIFFI_LOCAL int jiffi_end(int held)
{
    return JIFFI_HAS(call_end) ? jiffi_api->call_end(held) : 0;
}
/* 0, or -1 with an exception that came up in a callback. */
JIFFI_LOCAL int jiffi_take(jiffi_state s)
{
    if (JIFFI_LIKELY(s.error != NULL)) {
        *jiffi_saved(s.error) = *s.error;
        *jiffi_aside(s.error) = NULL;
        PyEval_RestoreThread(JIFFI_CAST(PyThreadState *, s.thread));
    } else {
        jiffi_api->release_leave(s.thread);
    }
    return jiffi_end(0);
}
/* With the GIL, where nobody is called back. */
JIFFI_LOCAL jiffi_state jiffi_kept(void)
{
    jiffi_state s = {NULL, NULL, NULL, 0};
    if (JIFFI_LIKELY(jiffi_api->saved_errno != 0)) {
        s.error = jiffi_errno();
        *s.error = *jiffi_saved(s.error);
    } else {
        jiffi_api->hold_enter();
    }
    return s;
}
JIFFI_LOCAL void jiffi_kept_end(jiffi_state s)
{
    if (JIFFI_LIKELY(s.error != NULL))
        *jiffi_saved(s.error) = *s.error;
    else
        jiffi_api->hold_leave();
}
/* With the GIL. */
JIFFI_LOCAL jiffi_state jiffi_hold(PyObject *self)
{
    if (JIFFI_HAS(hold_begin))
        jiffi_api->hold_begin(self);
    return jiffi_kept();
}
JIFFI_LOCAL int jiffi_held(jiffi_state s)
{
    jiffi_kept_end(s);
    return jiffi_end(1);
}

/* As jiffi has decided, which `way` remembers where wrappers can do it themselves.
 * */
JIFFI_LOCAL jiffi_state jiffi_begin_call(PyObject *self, unsigned char *way)
{
    jiffi_state s;
    unsigned w = *way, how;
    if (!w) {
        w = JIFFI_HAS(way) ? jiffi_api->way(self) : 0u + JIFFI_RELEASE;
        if (w < JIFFI_OBSERVED && jiffi_here.saved_errno && jiffi_here.put_aside)
            *way = (unsigned char)w;
    }
    how = w & (JIFFI_OBSERVED - 1);
    s = how == JIFFI_RELEASE ? jiffi_release()
        : how == JIFFI_HOLD  ? jiffi_hold(self)
                             : jiffi_kept();
    s.self = self;
    s.way = w;
    if (w & JIFFI_OBSERVED)
        jiffi_api->observe(self, 0);
    return s;
}
/* 0, or -1 with an exception that came up in a callback. */
JIFFI_LOCAL int jiffi_end_call(jiffi_state s)
{
    unsigned how = s.way & (JIFFI_OBSERVED - 1);
    int bad = 0;
    if (s.way & JIFFI_OBSERVED)
        jiffi_api->observe(s.self, 1);
    if (how == JIFFI_RELEASE)
        bad = jiffi_take(s);
    else if (how == JIFFI_HOLD)
        bad = jiffi_held(s);
    else
        jiffi_kept_end(s);
    if (s.way & JIFFI_OBSERVED)
        jiffi_api->observe(s.self, 2);
    return bad;
}

/* The rest is for wrappers that saw jiffi_here.saved_errno (with the GIL) or
 * jiffi_here.put_aside (without it) not to be 0: then jiffi_here is filled. */

JIFFI_INLINE PyObject *jiffi_box_long(long v)
{
#ifdef Py_LIMITED_API
    return jiffi_api->from_long(v);
#else
    if ((unsigned long)v + 5 <= 261 && jiffi_here.zero) {
        PyObject *o = JIFFI_CAST(
            PyObject *, jiffi_here.zero + v * (ptrdiff_t)sizeof(PyLongObject));
        Py_INCREF(o);
        return o;
    }
    return jiffi_here.from_long(v);
#endif
}
JIFFI_INLINE PyObject *jiffi_box_signed(long long v)
{
    if (sizeof(long) == sizeof v || (v >= -0x7fffffff && v <= 0x7fffffff))
        return jiffi_box_long((long)v);
    return PyLong_FromLongLong(v);
}
JIFFI_INLINE PyObject *jiffi_box_unsigned(unsigned long long v)
{
    if (v <= 0x7fffffff)
        return jiffi_box_long((long)v);
    return PyLong_FromUnsignedLongLong(v);
}
JIFFI_INLINE PyObject *jiffi_box_double(double v)
{
    return jiffi_here.from_double(v);
}

#if defined(__linux__) && defined(__x86_64__) && defined(__LP64__)
#define JIFFI_THREAD_POINTER 1
/* The int, and the pointer, that lie at `at` from the thread pointer. */
JIFFI_INLINE int jiffi_int_at(ptrdiff_t at)
{
    int v;
    __asm__ volatile("movl %%fs:(%1), %0" : "=r"(v) : "r"(at) : "memory");
    return v;
}
JIFFI_INLINE void jiffi_put_int_at(ptrdiff_t at, int v)
{
    __asm__ volatile("movl %1, %%fs:(%0)" : : "r"(at), "r"(v) : "memory");
}
JIFFI_INLINE void jiffi_put_at(ptrdiff_t at, void *v)
{
    __asm__ volatile("movq %1, %%fs:(%0)" : : "r"(at), "r"(v) : "memory");
}
JIFFI_INLINE void *jiffi_at(ptrdiff_t at)
{
    void *v;
    __asm__ volatile("movq %%fs:(%1), %0" : "=r"(v) : "r"(at) : "memory");
    return v;
}
/* The thread, as pthread_self() has it; NULL: not known. */
JIFFI_INLINE void *jiffi_self(void)
{
    return jiffi_at(0);
}
#else
#if defined(__linux__) && defined(__aarch64__)
#define JIFFI_THREAD_POINTER 1
JIFFI_INLINE char *jiffi_thread(void)
{
    char *thread;
    __asm__("mrs %0, tpidr_el0" : "=r"(thread));
    return thread;
}
#else
#define JIFFI_THREAD_POINTER 0
JIFFI_INLINE char *jiffi_thread(void)
{
    return NULL;
}
#endif
JIFFI_INLINE int jiffi_int_at(ptrdiff_t at)
{
    return *JIFFI_CAST(int *, jiffi_thread() + at);
}
JIFFI_INLINE void jiffi_put_int_at(ptrdiff_t at, int v)
{
    *JIFFI_CAST(int *, jiffi_thread() + at) = v;
}
JIFFI_INLINE void jiffi_put_at(ptrdiff_t at, void *v)
{
    *JIFFI_CAST(void **, jiffi_thread() + at) = v;
}
JIFFI_INLINE void *jiffi_at(ptrdiff_t at)
{
    return *JIFFI_CAST(void **, jiffi_thread() + at);
}
JIFFI_INLINE void *jiffi_self(void)
{
    return NULL;
}
#endif

/* With the GIL. */
JIFFI_INLINE void jiffi_errno_out(void)
{
    jiffi_put_int_at(jiffi_here.error, jiffi_int_at(jiffi_here.saved_errno));
}
JIFFI_INLINE void jiffi_errno_in(void)
{
    jiffi_put_int_at(jiffi_here.saved_errno, jiffi_int_at(jiffi_here.error));
}

/* By a way, not 0, that jiffi_begin_call() has remembered. What the first returns
 * is for the second, which gives 1 with an exception that came up in a callback, or
 * 0. */
JIFFI_INLINE PyThreadState *jiffi_go(PyObject *self, unsigned way)
{
    PyThreadState *thread = NULL;
    if (way == JIFFI_LEAN)
        return NULL;
    if (way == JIFFI_HOLD) {
        jiffi_here.held[2] = jiffi_self();
        jiffi_here.held[0] = self;
        if (!JIFFI_LIKELY(!jiffi_here.held[3]))
            jiffi_here.hold_begin(self);
    } else if (way == JIFFI_RELEASE) {
        thread = jiffi_here.let_go();
        jiffi_put_at(jiffi_here.put_aside, thread);
    }
    jiffi_errno_out();
    return thread;
}
JIFFI_INLINE int jiffi_back(unsigned way, PyThreadState *thread)
{
    int maybe = 0;
    if (way == JIFFI_LEAN)
        return 0;
    jiffi_errno_in();
    if (way == JIFFI_HOLD) {
        jiffi_here.held[0] = NULL;
        maybe = jiffi_here.held[1] != NULL;
    } else if (way == JIFFI_RELEASE) {
        jiffi_put_at(jiffi_here.put_aside, NULL);
        jiffi_here.take(thread);
        maybe = jiffi_at(jiffi_here.pending) != NULL;
    }
    return !JIFFI_LIKELY(!maybe) && jiffi_here.failed();
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
    if (!both)
        return -1;
    Py_DECREF(both);
    jiffi_here.size = sizeof jiffi_here;
    if (JIFFI_HAS(tell))
        jiffi_api->tell(m, &jiffi_here);
    if (!JIFFI_THREAD_POINTER)
        jiffi_here.saved_errno = jiffi_here.put_aside = 0;
    return 0;
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
