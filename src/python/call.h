/* SPDX-License-Identifier: MIT
 *
 * What the files of calls and libraries share, inside the Python front end.
 *
 *   lib module --__dict__--> builtin --m_self--> cdata (EXT_FUNCTION)
 *       |                       | m_ml              | owner
 *       |                       v                   v
 *     Handle <--------------- PyMethodDef in a FunctionInfo --> FUNC type
 *                                                                 | host_code
 *                                                                 v
 *                                                  HostCode (thunk, slots call)
 *
 * A HostCode is shared by every function of the signature and GIL policy, and is
 * freed with the function type. It holds no Python object: a type would never be
 * freed if it kept the ctype of a struct that names the type.
 */
#ifndef JF_PYTHON_CALL_H
#define JF_PYTHON_CALL_H

#include "python/jpy.h"
#include "python/held.h"
#include "python/observe.h"
#include "python/pending.h"

/* --- code of one signature --------------------------------------------------- */

/* How a call is made: policy.c decides it once per function, from what was declared
 * and what its machine code proves. 0: the GIL is let go. */
enum {
    POLICY_HOLD = 1,     /* the GIL is kept */
    POLICY_PROVED = 2,   /* with HOLD: it was proved that the function waits for nobody
                            and calls nobody back */
    POLICY_NO_ERRNO = 4, /* with PROVED: it touches no thread-local storage */
    POLICY_THROWS = 8,   /* C++ exceptions are caught at the call */
    POLICY_OBSERVED = 16,/* through memory, counted and timed: jiffi advise */
    POLICY_CHECKED = 32  /* through memory; arguments and results have provenance */
};

typedef struct HostCode {
    struct HostCode *next; /* other policies of the same signature; owned */
    uint8_t policy;        /* key: POLICY_* */
    jf_Code *code;         /* owned; NULL: no machine code */
    jf_Call *call;         /* owned; the slots path, made at first need */
    struct Variant *variants; /* owned; calls through `...` made so far */
    struct MapLoop *loops;    /* owned; of ffi.map(): map.h */
    PyCFunction entry;     /* what ml_meth becomes: thunk or C function */
    char *names;           /* owned: whose code it is, "add/sub"; NULL: nobody's yet */
    uint8_t n_names;       /* functions named there */
    uint8_t has_pointers;  /* function pointers are called by it too */
} HostCode;

/* --- a library's function ------------------------------------------------------ */

typedef struct Handle Handle; /* below */

/* ffi.sized(): a parameter of C as Python's arguments fill it. */
typedef struct SizedParam {
    int32_t position; /* of its argument; -1: a length, taken from an array */
    int32_t length;   /* an array: the parameter that gets its length; -1 */
    uint64_t wants;   /* an array: jpy_numpy_wants(), 0 */
    uint32_t unit;    /* an array: bytes of what is counted */
} SizedParam;

typedef struct Sized {
    uint32_t n_given;    /* arguments that Python gives */
    int flags;           /* METH_O or METH_FASTCALL */
    jf_Code *code;       /* owned; NULL: not made, or no machine code */
    char *text;          /* owned: a doc with all of C's parameters ... */
    const char *names;   /* ... which begins here */
    SizedParam params[]; /* C's, in order */
} Sized;

/* One parameter says how many items are behind another: counted from 0. */
typedef struct jpy_Access {
    uint16_t array, length;
} jpy_Access;

typedef struct FunctionInfo {
    PyObject_HEAD
    PyMethodDef def;     /* of the builtin; its name and doc lie in `text` */
    State *st;           /* a reference */
    Handle *handle;      /* owned; NULL: not from a library */
    jf_Type *fn;         /* a reference: FUNC with its qualifiers */
    HostCode *code;      /* borrowed from fn; NULL before the first call */
    CDataExt *cdata;     /* borrowed: our owner */
    PyObject *ctypes;    /* tuple: result, parameters; NULL until needed */
    struct FunctionInfo *prev, *next; /* in handle's list */
    char *text;          /* owned: name, NUL, doc */
    Sized *sized;        /* owned; NULL: every parameter has its argument */
    uint8_t gil;         /* jf_Gil: what was declared */
    uint8_t throws;      /* JF_S_MAY_THROW was declared */
    PyObject *cxx;       /* of its FFI, if it throws: owned; NULL */
    uint8_t decided;     /* `policy` is */
    uint8_t policy;      /* POLICY_*: ask jpy_policy() */
    struct Observed *observed; /* observe.c; borrowed; NULL: not called yet */
    uint8_t checked;     /* of a checked FFI: checked_call.c */
    uint32_t n_access;   /* ... what it declares of lengths; owned */
    struct jpy_Access *access;
    uint8_t ready;       /* ml_meth is a compiled wrapper and stays */
    unsigned char *way;  /* ... which looks here for the policy: module_abi.h; NULL: it
                            does not */
    struct FunctionInfo *all_prev, *all_next; /* in st->functions */
    PyCFunction plain;   /* what ml_meth is when nothing is traced; NULL: nothing is */
} FunctionInfo;

/* NULL for a function pointer that is no library's function. */
static inline FunctionInfo *jpy_function_info(CDataObject *fn)
{
    State *st = fn->ctype->st;
    if (!Py_IS_TYPE((PyObject *)fn, st->cdata_ext_type) ||
        ((CDataExt *)fn)->ext != EXT_FUNCTION)
        return NULL;
    return (FunctionInfo *)((CDataExt *)fn)->owner;
}

/* The function type to convert by: with qualifiers if they are known. */
static inline jf_Type *jpy_function_type(CDataObject *fn)
{
    FunctionInfo *f = jpy_function_info(fn);
    return f ? f->fn : fn->ctype->type->to;
}

/* --- lib_handle.c ------------------------------------------------------------------------ */

/* The open library. Functions and views of variables hold it, not the module. */
struct Handle {
    PyObject_HEAD State *st; /* a reference */
    LibSource *src;          /* owned; NULL when closed */
    FunctionInfo *first;     /* functions made and still alive; borrowed */
    struct FusedWatch *watches; /* fused functions that call into it; borrowed */
    uint8_t gil;             /* jf_Gil given to dlopen(); JF_GIL_DEFAULT */
    uint8_t may_throw;       /* so was may_throw=True */
    Py_ssize_t exports;      /* who looks at its variables: jpy_pin() in export.h */
    struct Finaliser
        *finalisers;         /* ffi.gc() by its functions, newest first; borrowed */
    PyObject *module;        /* borrowed; NULL when it is gone */
    char *name;              /* owned */
    PyObject *origin;        /* Origin of its FFI: pickle.h; owned; NULL */
};

/* Takes over `src`, in any case, and becomes its keeper; NULL with an exception. */
Handle *jpy_handle_new(State *st, LibSource *src);
/* 0, or -1 with an exception. Its functions raise from now on. */
int jpy_handle_close(Handle *h);
int jpy_init_handle(State *st);
/* The function is closed with the library from now on, or no longer. */
void jpy_handle_track(Handle *h, FunctionInfo *f);
void jpy_handle_forget(Handle *h, FunctionInfo *f);
extern PyMethodDef jpy_handle_methods[]; /* lib.c */
/* lib_final.c: what stands in `x` for this destructor of ffi.gc(); a new reference. */
PyObject *jpy_finaliser(CDataExt *x, PyObject *destructor);
/* Call those that are functions of this library, which is about to be closed. 0, or
 * -1 with a BufferError and nothing called. */
int jpy_finalise(Handle *h);
int jpy_init_finaliser(State *st);
/* The library's name; "?" if nothing better. */
const char *jpy_handle_name(Handle *h);

/* --- signature.c -------------------------------------------------------------------- */

/* "name", NUL, "name(a, b, /)\n--\n\nint name(int a, int b)\n..."; jf_alloc'ed;
 * NULL when memory is out. *doc receives where the second part begins. */
char *jpy_signature(const State *st, const jf_Symbol *sym, const char *library,
                    const char **doc);
/* Name of parameter `i` in such a doc, not terminated; its length, 0 if none. */
size_t jpy_signature_param(const char *doc, uint32_t i, const char **name);

/* --- call.c ------------------------------------------------------------------------- */

/* `f` is called by this jf_Gil from now on, also through builtins there are already;
 * calls under way end as they began. */
void jpy_set_policy(FunctionInfo *f, uint8_t gil);
/* Another builtin of this function of a library. */
PyObject *jpy_function_builtin(CDataObject *fn);
/* The code for calling `fn`, made at first need; NULL with an exception. */
HostCode *jpy_host_code(State *st, jf_Type *fn, uint8_t policy);
/* How a builtin of this type is called: METH_O or METH_FASTCALL. */
int jpy_arity_flags(const jf_Type *fn);

/* --- policy.c ------------------------------------------------------------------------ */

/* POLICY_* of a function of a library, decided at the first call. */
uint8_t jpy_policy(FunctionInfo *f);
/* The same for any function pointer: what is no library's function lets go. */
uint8_t jpy_policy_of(CDataObject *fn);
/* POLICY_PROVED, perhaps with POLICY_NO_ERRNO, or 0; *p receives the reason. */
uint8_t jpy_proved(const FunctionInfo *f, jf_Proof *p);
/* Do loops over many items keep the GIL? Only where "hold" was asked for: what was
 * proved is short, not many times it. */
bool jpy_holds_loops(CDataObject *fn);

/* The code that calls of `fn` use, made now if need be; NULL with an exception. */
HostCode *jpy_function_code(CDataObject *fn);

/* --- call_name.c ---------------------------------------------------------------------- */

/* A function of this name uses the code too (NULL: a function pointer); debuggers see
 * it in the name of the code. `fn`: its type. */
void jpy_code_join(HostCode *c, const jf_Type *fn, const char *name);
/* Code of one function alone. */
void jpy_code_call(jf_Code *code, const jf_Type *fn, const char *name);
/* A callback is called as what it calls; NULL: that changes. */
void jpy_callback_called(const jf_Callback *cb, const CTypeObject *ct,
                         PyObject *callable);

/* --- gil.c --------------------------------------------------------------------------- */

/* The thread state that this thread's call has put aside; NULL: none. With bit 0 set
 * (jpy_gil_idle) no call of ours has: C runs here by itself, or for a module that does
 * not look for exceptions. */
extern _Thread_local PyThreadState *jpy_put_aside JF_STATIC_TLS;
static inline PyThreadState *jpy_gil_idle(PyThreadState *thread)
{
    return (PyThreadState *)((uintptr_t)thread | 1);
}
static inline PyThreadState *jpy_gil_state(PyThreadState *aside)
{
    return (PyThreadState *)((uintptr_t)aside & ~(uintptr_t)1);
}
/* Where that is, from the thread pointer. False: emitted code cannot get there and
 * calls the two below. */
bool jpy_gil_slot(int32_t *offset);
/* Around a call: PyEval_SaveThread and PyEval_RestoreThread, and callbacks know. */
PyThreadState *jpy_gil_let_go(void);
void jpy_gil_take(PyThreadState *thread);

/* PyGILState_Ensure and PyGILState_Release, except that a thread that C made keeps
 * its thread state until it ends. */
PyGILState_STATE jpy_gil_ensure(void);
void jpy_gil_release(PyGILState_STATE state);

/* Around C that jiffi itself runs: errno and, by the policy of `fn`, the GIL. Use
 * jpy_call_end() on the same thread: true, with the exception set, if the call has to
 * raise. */
typedef struct Around {
    PyThreadState *thread; /* NULL: the GIL was kept */
    uint8_t policy;        /* POLICY_* */
    CDataObject *fn;       /* borrowed */
    void *thrown;          /* the C++ exception that came out; NULL */
    Seen seen;             /* with POLICY_OBSERVED */
} Around;
void jpy_call_begin(Around *a, CDataObject *fn, uint8_t policy);
/* f(arg), which calls the function: the only C that may throw in between. False: it
 * has, and was not run to its end. Where the policy says nothing of that, the process
 * ends with a message. */
bool jpy_call_run(Around *a, void (*f)(void *), void *arg);
bool jpy_call_end(Around *a);

/* Around a callback, whichever thread it comes from. */
typedef struct Gil {
    PyThreadState *aside; /* what jpy_put_aside was, and is again afterwards */
    void *held;           /* GIL_HELD: what jpy_held.fn was */
    void *thread;         /* ... and jpy_held.thread */
    PyGILState_STATE state;
    enum { GIL_HELD, GIL_TAKEN, GIL_ENSURED, GIL_REFUSED } way;
    bool outer; /* a call of ours is around it: what fails here is raised there */
} Gil;

/* This thread has the GIL, and no call of ours has put its state aside. */
static inline bool jpy_gil_is_here(void)
{
    return !jpy_put_aside && jpy_thread_holds_gil();
}

/* False: Python is gone, or (GIL_REFUSED) the GIL is with a call that waits for this
 * thread: held.h. `who`: the Callback, for its message; NULL. `here`:
 * jpy_gil_is_here(). */
static inline bool jpy_gil_enter_from(Gil *g, void *who, bool here)
{
    PyThreadState *aside = jpy_put_aside, *mine = jpy_gil_state(aside);
    g->aside = aside;
    g->held = g->thread = NULL; /* for compilers that cannot see the latter unused */
    g->way = GIL_HELD;
    g->state = PyGILState_LOCKED; /* for compilers that cannot see it unused */
    g->outer = mine && mine == aside;
    if (here) {
        g->held = jpy_held.fn;
        g->thread = jpy_held.thread;
        g->outer = g->held != NULL;
        jpy_held.fn = NULL;
        if (JF_UNLIKELY(g->outer && jpy_held.trouble == (void *)&jpy_held))
            jpy_held_note();
        return true;
    }
    if (!Py_IsInitialized())
        return false;
    if (mine && jpy_thread_is_current(mine)) { /* C has taken it by itself */
        jpy_put_aside = NULL;
        return true;
    }
    if (!jpy_held_arrive(who)) {
        g->way = GIL_REFUSED;
        return false;
    }
    if (mine) {
        jpy_put_aside = NULL;
        g->way = GIL_TAKEN;
        PyEval_RestoreThread(mine);
    } else {
        g->way = GIL_ENSURED;
        g->state = jpy_gil_ensure();
    }
    jpy_held_arrived();
    return true;
}

static inline bool jpy_gil_enter(Gil *g, void *who)
{
    return jpy_gil_enter_from(g, who, jpy_gil_is_here());
}

static inline void jpy_gil_leave(const Gil *g)
{
    if (g->way == GIL_ENSURED) {
        jpy_gil_release(g->state);
        return;
    }
    jpy_put_aside = g->aside; /* before: without the GIL it may become NULL */
    if (g->way == GIL_TAKEN) {
        PyEval_SaveThread();
    } else if (g->held) {
        jpy_held_begin_on(g->thread, g->held);
        if (jpy_pending)
            jpy_held.trouble = &jpy_pending;
    }
}

/* --- call_slots.c -------------------------------------------------------------------- */

/* ctype of the result (i = -1) or of parameter i; new reference. */
CTypeObject *jpy_function_ctype(CDataObject *fn, Py_ssize_t i);
/* One argument to C at `cell` (the parameter's size, at least 8 bytes). 0, or -1
 * with an exception that names function and parameter. */
int jpy_argument(CDataObject *fn, PyObject *value, size_t i, void *cell,
                 Temp **temps);
/* The result at `mem` as an object; records are copied. */
PyObject *jpy_result(CDataObject *fn, char *mem);
/* Put "f() argument 2 ('b'): " before the current exception's text, and type and
 * value behind it if it names no type. */
void jpy_blame_argument(CDataObject *fn, size_t i, PyObject *value);
/* TypeError: how many were expected, how many given. Returns NULL. */
PyObject *jpy_arity_error(CDataObject *fn, Py_ssize_t given);
/* RuntimeError, or ValueError when the library was closed. Returns NULL. */
PyObject *jpy_null_error(CDataObject *fn);

/* The call proper: `block` holds the slots; the result goes to `ret`. 0, or -1 with
 * the exception that came up in it. */
int jpy_call_block(const jf_Call *call, CDataObject *fn, uint8_t policy, void *block,
                    void *ret);
/* Everything through memory: what builtins do where there is no machine code. */
PyObject *jpy_slots_one(PyObject *self, PyObject *arg);
PyObject *jpy_slots_fast(PyObject *self, PyObject *const *args, Py_ssize_t n);

/* The slots call of this signature, made at first need; NULL with an exception. */
HostCode *jpy_slots_code(CDataObject *fn);

/* --- call_sized.c --------------------------------------------------------- */

/* What an array gives: its pointer, and its length in the parameter's units. */
typedef struct SizedCell {
    void *pointer;
    uint64_t length;
} SizedCell;

/* Argument for parameter `i`, which is an array whose length another one gets. 0,
 * or -1 with an exception. */
int jpy_sized_argument(CDataObject *fn, PyObject *value, size_t i, SizedCell *cell,
                       Temp **temps);
/* ValueError: the array of parameter `i` has `got` items, one before it `had`. */
void jpy_sized_mismatch(CDataObject *fn, size_t i, uint64_t got, uint64_t had);
/* The call through memory. */
PyObject *jpy_sized_slots(PyObject *self, PyObject *const *args, Py_ssize_t n);
void jpy_sized_free(Sized *s);
/* The name of parameter `i`, "p<i>" without one. */
PyObject *jpy_sized_param_name(const Sized *s, uint32_t i);
/* Machine code for it, as jpy_thunk(). */
int jpy_sized_thunk(CDataObject *fn, jf_Code **code);

/* --- call_recipe.c -------------------------------------------------------------------- */

/* Machine code for `fn`. 0: *code is it, or NULL where only the slots path can do
 * this signature; -1 with an exception. */
int jpy_thunk(State *st, jf_Type *fn, uint8_t policy, jf_Code **code);
/* Small ints (-5 to 256) are kept by Python, one behind the other since 3.11. True if
 * so: the address of the int 0, and the distance from one to the next as a shift. */
bool jpy_small_ints(uintptr_t *zero, unsigned *shift);

/* --- cffi/byvalue.c --------------------------------------------------------------------- */

/* In cffi's flavour: NotImplementedError for what cffi cannot pass by value. Each 0,
 * or -1 with the exception. */
int jpy_byvalue_check(State *st, jf_Type *fn);
int jpy_byvalue_check_extra(State *st, jf_Type *t); /* behind `...` */
int jpy_byvalue_check_callback(State *st, CTypeObject *ct);

/* --- map_run.c ------------------------------------------------------------ */

void jpy_map_loops_free(struct MapLoop *l);

/* --- fuse.c, fuse_trace.c ------------------------------------------------- */

/* Fused functions raise from now on: a library they call into is closed. */
void jpy_fused_close(struct FusedWatch *w);
/* Is `fn` one of those? *name receives the library's. */
bool jpy_fused_closed(const CDataObject *fn, const char **name);
/* A builtin is made, with its ml_meth; it goes; it gets another ml_meth. */
void jpy_trace_add(FunctionInfo *f);
void jpy_trace_remove(FunctionInfo *f);
void jpy_set_method(FunctionInfo *f, PyCFunction method);
/* The call as the recorder sees it; jpy_traces() is true. */
PyObject *jpy_trace_record(CDataObject *fn, PyObject *const *args, Py_ssize_t n);

/* --- call_variadic.c ------------------------------------------------------------------- */

struct Variant;
void jpy_variants_free(struct Variant *v);
PyObject *jpy_variadic_fast(PyObject *self, PyObject *const *args, Py_ssize_t n);

#endif
