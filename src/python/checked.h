/* SPDX-License-Identifier: MIT
 *
 * Checked mode, FFI(checked=True): every cdata knows the block of memory it points
 * into, so that an access can be told from a mistake. The rules are C's: 6.2.4
 * (lifetimes), 6.5.6p8 (a pointer stays within its object), 6.7.3p6 (const).
 *
 *   cdata (CheckedData) --owner--> Allocation: where, how much, since and until when
 *        |                             ^
 *        +------extra--> Hold ---------+   the last Hold that goes frees the block
 *
 * A checked cdata is of a class of its own, whose slots check and then do what those
 * of every cdata do. So an FFI that is not checked never comes across any of this.
 *
 *   checked.c           blocks: made, freed, poisoned, kept a while; the class
 *   checked_registry.c  which block an address lies in; which of them hold pointers
 *                       into which others
 *   checked_access.c    may this be read, written, passed on?
 *   checked_slots.c     the cdata's slots and methods
 *   checked_fit.c       types: what may lie where; const
 *   checked_ffi.c       the methods of a checked FFI
 *   checked_buffer.c    its buffer type
 *   checked_call.c      its functions and callbacks
 *   checked_report.c    words: exceptions, warnings, the report
 */
#ifndef JF_PYTHON_CHECKED_H
#define JF_PYTHON_CHECKED_H

#include "python/cdata.h"

/* --- what there is -------------------------------------------------------------- */

/* A line of Python. The words are made when somebody wants to read them. */
typedef struct Site {
    PyObject *code; /* owned; NULL: unknown */
    int place;      /* see jpy_frame_site() */
} Site;

typedef enum AllocKind {
    AK_NEW,    /* ffi.new(): a block of ours, between two fences */
    AK_ALLOC,  /* new_allocator() */
    AK_BUFFER, /* from_buffer() */
    AK_GC,     /* ffi.gc() */
    AK_FOREIGN /* C's: only that it is const is known */
} AllocKind;

typedef enum AllocState { AS_ALIVE, AS_RELEASED, AS_FREED } AllocState;

/* A pointer into one block that is stored in another. */
typedef struct Link {
    struct Link *next;                /* in its bucket */
    struct Link *prev_in, *next_in;   /* of the block pointed to */
    struct Link *prev_out, *next_out; /* of the block that holds it */
    struct Allocation *from; /* that block; borrowed: it outlives its links */
    struct Allocation *to;   /* owned */
    char *cell;              /* where the pointer lies */
    char *value;             /* and what it is */
    Site site;               /* who put it there */
} Link;

typedef struct Allocation {
    PyObject_HEAD
    State *st; /* kept by ctype */
    CTypeObject *ctype;      /* owned: of the cdata that was made */
    char *base;
    Py_ssize_t size;          /* bytes; -1: not known */
    Py_ssize_t room;          /* with the terminator behind a lone character */
    char *block;              /* AK_NEW: malloc's; NULL: gone */
    Py_ssize_t fence;         /* bytes of the second fence */
    struct Allocation *under; /* AK_GC: of what it was made of; owned or NULL */
    struct Allocation *left, *right; /* in the registry */
    struct Allocation *next;         /* in the quarantine */
    Link *in, *out;                  /* pointers to it, pointers in it */
    Site made, ended;
    uint64_t number;      /* in order of birth */
    unsigned long thread; /* that made it */
    uint32_t priority;    /* in the registry */
    uint32_t exports;     /* who looks at the memory */
    uint32_t calls;       /* calls of C that have a pointer into it */
    uint8_t kind, state;
    uint8_t known;    /* it is in the registry */
    uint8_t pointers; /* values of its type have pointers in them */
    uint8_t kept;     /* it is or was in the quarantine */
    uint8_t raw;      /* bytes: anything may lie there */
    uint8_t readonly; /* AK_BUFFER: of an object nobody may write to */
} Allocation;

/* Keeps a block alive; `keeper` is the cdata that would do so unchecked. */
typedef struct Hold {
    PyObject_HEAD
    Allocation *of; /* owned */
    PyObject *keeper;             /* owned; NULL: AK_NEW */
} Hold;

/* What a checked cdata would be if it were not: who owns, how far it reaches. Its
 * base.length is the same, too. */
typedef enum Form {
    FORM_PLAIN, /* nothing */
    FORM_OWN,   /* ffi.new() */
    FORM_VIEW,  /* EXT_VIEW ... */
    FORM_ALLOC,
    FORM_BUFFER,
    FORM_GC
} Form;

typedef struct CheckedData {
    CDataExt x;   /* owner: the Allocation; extra: a Hold, or NULL; readonly */
    uint8_t form; /* Form */
} CheckedData;

/* All that checked mode keeps; made with the first checked FFI. */
typedef struct Checked {
    PyTypeObject *alloc_type, *hold_type, *iter_type, *ffi_type, *buffer_type;
    PyObject *error, *bounds, *use_after_free, *constant, *warning; /* classes */
    PyObject *ffi_classes; /* dict: class of FFIs -> its checked subclass */
    Allocation *root;      /* the registry */
    Link **links;          /* hash table by cell; link_mask + 1 buckets */
    size_t link_mask, n_links;
    Allocation *first, *last; /* the quarantine, oldest first; each owned */
    size_t quarantined, n_quarantined; /* bytes, blocks */
    size_t limit, n_limit;
    uint64_t made, freed; /* blocks so far */
    uint64_t random;
} Checked;

/* Is it one? A null pointer while there is no checked FFI is nobody's class. */
static inline bool jpy_is_checked(const void *o)
{
    const CDataObject *cd = o;
    return Py_IS_TYPE((PyObject *)cd, cd->ctype->st->cdata_checked_type);
}
/* The same of any object. */
static inline bool jpy_is_checked_object(const State *st, PyObject *o)
{
    return Py_IS_TYPE(o, st->cdata_checked_type);
}
static inline Allocation *jpy_allocation(const void *checked)
{
    return (Allocation *)((const CDataExt *)checked)->owner;
}

/* --- checked.c -------------------------------------------------------------------- */

/* Made at first need; 0, or -1 with an exception. */
int jpy_checked_ready(State *st);
int jpy_checked_traverse(State *st, visitproc visit, void *arg);
void jpy_checked_clear(State *st); /* with the module */
void jpy_checked_free(State *st);
/* ffi.new(ct, init). `readonly`: the type said const. */
PyObject *jpy_checked_new(CTypeObject *ct, PyObject *init, bool readonly);
/* A value that C returned or that is on its way there. */
PyObject *jpy_checked_copy(CTypeObject *ct, const char *data);
/* Around a cdata of ffi.gc(), from_buffer(), an allocator: takes `inner` over. */
PyObject *jpy_checked_around(CDataObject *inner, AllocKind kind, Py_ssize_t size,
                             Allocation *under);
/* The pointer `data` from C, of which only this is known. */
PyObject *jpy_checked_foreign(CTypeObject *ct, char *data);
/* A cdata into `a`. `from` (may be NULL): it holds the block if that one does, and
 * is read-only if it is. */
PyObject *jpy_checked_derive(CTypeObject *ct, char *data, Py_ssize_t length,
                             Allocation *a, const CheckedData *from);
/* ffi.release(): None, or NULL with an exception. */
PyObject *jpy_checked_release(CDataObject *cd);
bool jpy_checked_can_release(CDataObject *cd);
/* ffi.gc(cd, None) */
int jpy_checked_forget(CDataObject *cd);
/* Look at the fences of a block of ours: 0, or bytes beyond its end (negative:
 * before its beginning) where something was written. They are mended. */
Py_ssize_t jpy_checked_fences(Allocation *a);

/* --- checked_registry.c ----------------------------------------------------------- */

void jpy_registry_add(Allocation *a);
void jpy_registry_remove(Allocation *a);
/* The innermost block with this address in it, or right behind it; NULL. Borrowed. */
Allocation *jpy_registry_find(Checked *ck, const char *address);
/* The pointers that lie in these bytes of `holder`, as they are now. Never fails:
 * without memory it knows less. */
void jpy_links_note(Allocation *holder, char *from, Py_ssize_t bytes);
/* What the cell's pointer `value` belongs to; NULL: unknown. Borrowed. */
Allocation *jpy_link_target(Checked *ck, const char *cell, const char *value);
/* `holder` is gone, and its pointers with it. */
void jpy_links_drop(Allocation *holder);
/* `target` goes: warn of those who still point to it. */
void jpy_links_warn(Allocation *target);
/* `holder` is given to C (`what`): warn of pointers in it to what is freed. 0, or -1
 * with the exception that the warning was turned into. */
int jpy_links_check(Allocation *holder, const char *what);
void jpy_link_free(Checked *ck, Link *l);

/* --- checked_access.c ------------------------------------------------------------- */

/* Is its memory there? 0, or -1 with UseAfterFree. */
int jpy_checked_alive(const CheckedData *cd, const char *what);
/* May `bytes` at `at` be read, or written? 0, or -1 with an exception. `what` begins
 * its text: "cannot read". */
int jpy_checked_touch(const CheckedData *cd, const char *at, Py_ssize_t bytes,
                      bool writing, const char *what);
/* Bytes from `at` to the end of the block; -1: not known. */
Py_ssize_t jpy_checked_rest(const CheckedData *cd, const char *at);
/* A pointer that came out of memory (`cell`) or from C: the same, with what it points
 * into if that is known. Steals `o`. */
PyObject *jpy_checked_pointer(PyObject *o, const char *cell, bool readonly);
/* What was read or derived from `from`: gets its provenance. Steals `o`. */
PyObject *jpy_checked_part(PyObject *o, const CheckedData *from, const char *cell);
/* It is given to C where `ct` is wanted: alive, and of that type as far as that is
 * known. 0 or -1. */
int jpy_checked_pass(CTypeObject *ct, const CDataObject *cd);

/* The questions of cdata_own.c and cdata_export.c. */
Py_ssize_t jpy_checked_known_size(const CDataObject *cd);
Py_ssize_t jpy_checked_owned_bytes(const CDataObject *cd);
Py_ssize_t jpy_checked_pointer_bytes(const CDataObject *cd);
bool jpy_checked_is_owning_pointer(const CDataObject *cd);
bool jpy_checked_is_buffer(const CDataObject *cd);
/* The cdata of ffi.gc(), from_buffer(), an allocator that it stands for; NULL. */
CDataObject *jpy_checked_keeper(const CDataObject *cd);
int jpy_checked_pin(CDataObject *cd, bool *readonly);
void jpy_checked_unpin(CDataObject *cd);

/* --- checked_slots.c -------------------------------------------------------------- */

int jpy_init_checked_class(State *st, Checked *ck);

/* --- checked_fit.c ---------------------------------------------------------------- */

/* May a `T` lie at `offset` of memory that was made as `made` (a pointer's target, or
 * an array)? */
bool jpy_type_fits(const jf_Type *made, uint64_t offset, const jf_Type *t);
/* Are there pointers in values of `t`? */
bool jpy_type_has_pointers(const jf_Type *t);
/* Is member `f` of the record `rec` a pointer to something const? */
bool jpy_points_to_const(const jf_Type *rec, const FieldInfo *f);
/* Does the type of this text say that its items are const? 1, 0, -1. */
int jpy_text_is_const(FFIObject *ffi, PyObject *type);
/* "struct node.next", "int *[3]": what lies at `offset`; a new str. */
PyObject *jpy_place_name(const Allocation *a, Py_ssize_t offset);

/* --- checked_ffi.c, checked_buffer.c, checked_call.c ------------------------------ */

int jpy_init_checked_ffi(State *st, Checked *ck, PyObject *module);
/* The class of FFIs to make when `type` is asked for with checked=True: a new
 * reference. */
PyTypeObject *jpy_checked_ffi_class(State *st, PyTypeObject *type);
int jpy_init_checked_buffer(State *st, Checked *ck, PyObject *module);
/* How a checked FFI's function is called. */
PyCFunction jpy_checked_entry(const jf_Type *fn);
PyCFunction jpy_checked_sized_entry(int flags); /* METH_*: of ffi.sized() */
/* Can such a call be made, or only by what a C compiler made of it? */
bool jpy_checked_can_call(const jf_Type *fn);
PyObject *jpy_checked_callback(PyObject *callable);

/* --- checked_report.c ------------------------------------------------------------- */

int jpy_init_checked_errors(State *st, Checked *ck);
/* Where Python is. */
void jpy_site_here(Site *s);
void jpy_site_clear(Site *s);
bool jpy_same_line(const Site *a, const Site *b);
/* "file:line in function": new str. */
PyObject *jpy_site_text(const Site *s);
/* "; 'int[3]' (12 bytes) was allocated at ..., freed at ...": new str. */
PyObject *jpy_story(const Allocation *a);
/* Raise `type` with the text and the story behind it. Returns NULL. */
PyObject *jpy_checked_raise(PyObject *type, const Allocation *a, const char *format,
                            ...);
/* Issue a CheckWarning. 0, or -1 with the exception that it was turned into. */
int jpy_checked_warn(const Allocation *a, const char *format, ...);
/* The same where no exception can go anywhere. */
void jpy_checked_tell(const Allocation *a, const char *format, ...);
/* jiffi.checked_report(): dict. */
PyObject *jpy_checked_report(PyObject *module, PyObject *unused);
/* jiffi.CheckError, ... by name. */
PyObject *jpy_checked_name(PyObject *module, PyObject *name);

#endif
