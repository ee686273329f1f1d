/* SPDX-License-Identifier: MIT
 *
 * The types of C: making, sharing, holding and printing them.
 *
 * A universe is everything one host interpreter knows: the primitives of one
 * target and the interned structural types. Calls on one universe must not
 * overlap in time (a host with threads brings its own lock).
 *
 * Lifetime. Structural types count their references (`jf_type_ref`,
 * `jf_type_unref`) and hold one on each component; at zero they leave the
 * table. Structs, unions and enums belong to a *group* (one per session) and
 * live as long as it; a reference to one is a reference to its group. When a
 * struct is completed, the structural types its members name are *pinned* to
 * the group (they may point back at the struct: counting would never end).
 */
#ifndef JF_TYPE_TYPE_H
#define JF_TYPE_TYPE_H

#include "core/base/diag.h"
#include "core/base/mem.h"
#include "core/type/oracle.h"
#include "core/type/record.h"

typedef struct jf_Universe jf_Universe;

/* What a universe asks of its host; all may be NULL. */
typedef struct jf_UniverseHooks {
    /* `t` (a FUNC) is about to be freed: drop t->u.func->host_code. */
    void (*drop_code)(void *ctx, jf_Type *t);
    /* ... and likewise its plan and its call (installed by the engine). */
    void (*drop_plan)(jf_FuncInfo *f);
    /* A group is about to be freed: drop its host. */
    void (*drop_group)(void *ctx, void *host);
    void *ctx;
} jf_UniverseHooks;

struct jf_Universe {
    const jf_Target *target;
    jf_UniverseHooks hooks;
    jf_Type *prims[JF_P_COUNT]; /* owned; NULL where the target has none */
    jf_Type **buckets;          /* interned structural types; owned */
    uint32_t n_buckets;         /* power of two */
    uint32_t n_types;           /* structural types alive */
    size_t n_groups;            /* groups alive, `common` not counted */
    jf_Group *common;           /* of types that are every session's; or NULL */
    jf_Type *file;              /* FILE, in `common`; NULL until first needed */
};

/* NULL when memory is out. */
jf_Universe *jf_universe_new(const jf_Target *target);

/* Every group must be gone and every reference given back; structural types
 * that were leaked are freed all the same. */
void jf_universe_free(jf_Universe *u);

/* Make the table wide enough for `more` types, if memory allows. */
void jf_universe_reserve(jf_Universe *u, size_t more);

/* --- groups ------------------------------------------------------------- */

struct jf_Group {
    jf_Universe *universe; /* borrowed */
    const jf_Oracle *oracle; /* numbers for its records; borrowed, or NULL */
    jf_Arena arena;        /* records, fields, names */
    jf_Arena lasting;      /* what a layout has made: a text that fails later does
                              not take it back */
    size_t refs;           /* sessions and outside references */
    jf_Type *members;      /* structs, unions, enums: linked by `chain` */
    jf_Group **needs;      /* groups of included sessions; owned references */
    uint32_t n_needs;
    jf_Type **pinned;      /* structural types pinned here; owned */
    uint32_t n_pinned, cap_pinned;
    jf_Type **held;        /* types of members outside; one reference each */
    uint32_t n_held, cap_held;
    /* Completes and lays out a record of the group that has JF_R_LAZY, or says in
     * `d` why it cannot and leaves it so. NULL: there are none. */
    jf_Status (*complete)(void *ctx, jf_Type *rec, jf_Diag *d);
    void *complete_ctx;
    void *host; /* what the host knows the group's declarations by; NULL */
};

jf_Group *jf_group_new(jf_Universe *u); /* one reference, owned by the caller */
void jf_group_ref(jf_Group *g);
void jf_group_unref(jf_Group *g);
/* `g` keeps `other` alive from now on. False: memory. */
bool jf_group_need(jf_Group *g, jf_Group *other);

/* --- references ---------------------------------------------------------- */

/* Returns `t`. Primitives are never counted. */
jf_Type *jf_type_ref(jf_Type *t);
void jf_type_unref(jf_Universe *u, jf_Type *t);

/* --- making -------------------------------------------------------------- */

/* Borrowed: lives as long as the universe. NULL: the target has none. */
jf_Type *jf_type_prim(jf_Universe *u, jf_Prim p);

/* By spelling of JF_PRIMS, exactly; NULL if there is none. */
jf_Type *jf_type_prim_named(jf_Universe *u, const char *name, size_t n);

/* FILE: one opaque struct for all sessions. Borrowed: lives as long as the
 * universe. NULL when memory is out. */
jf_Type *jf_type_file(jf_Universe *u);

/* Structural types. Each returns a new reference (owned by the caller) to the
 * interned record; NULL means memory is out. Components are borrowed. */
jf_Type *jf_type_pointer(jf_Universe *u, jf_Type *to, unsigned quals);
jf_Type *jf_type_array(jf_Universe *u, jf_Type *elem, uint64_t length,
                       unsigned quals);
jf_Type *jf_type_vector(jf_Universe *u, jf_Type *elem, uint64_t lanes);
jf_Type *jf_type_func(jf_Universe *u, jf_Type *result, jf_Type *const *params,
                      uint32_t n, unsigned flags); /* JF_T_VARIADIC ... */

/* Struct, union (kind) or enum of a group, incomplete. `tag` is copied into
 * the group; NULL for anonymous ones. Borrowed: the group's. */
jf_Type *jf_type_record(jf_Group *g, jf_Kind kind, const char *tag, size_t n);
jf_Type *jf_type_enum(jf_Group *g, const char *tag, size_t n);

/* Complete a struct or union: copies the fields (names are the group's
 * already). Takes over no references: pins or holds what the members name. */
bool jf_type_complete(jf_Group *g, jf_Type *rec, const jf_Field *fields,
                      uint32_t n, unsigned rec_flags);

/* Complete an enum: copies the items (names are the group's already); `to` is the
 * integer type behind it. False: memory. */
bool jf_type_complete_enum(jf_Group *g, jf_Type *en, jf_Type *to,
                           const jf_Enumerator *items, uint32_t n,
                           unsigned rec_flags);
/* Give an enum the size and sign of an integer type. */
void jf_type_enum_integer(jf_Type *en, jf_Type *to);

/* The same in two steps, for a parser that may still change its mind: fields and
 * flags are set by the caller (in the group's arena), this pins or holds what
 * they name. False (memory): what was pinned so far stays pinned. */
bool jf_type_pin(jf_Group *g, const jf_Type *rec);

/* Undo the completion, and everything since a mark, for a cdef that fails. */
typedef struct jf_GroupMark {
    jf_ArenaMark arena;
    jf_Type *members;
    uint32_t n_pinned, n_held;
} jf_GroupMark;
jf_GroupMark jf_group_mark(const jf_Group *g);
/* Records completed since the mark must have been made incomplete by the
 * caller (flags and fields put back); types made since must be unreferenced. */
void jf_group_rollback(jf_Group *g, jf_GroupMark m);

/* --- asking --------------------------------------------------------------- */

/* The field called `name`, looking into anonymous members; *offset receives
 * its bytes from the start of `rec`. NULL: none. Needs a laid-out record. */
const jf_Field *jf_type_field(const jf_Type *rec, const char *name, size_t n,
                              uint64_t *offset);

/* --- printing -------------------------------------------------------------- */

/* Spelling choices of jf_type_print. */
enum {
    JF_PRINT_CFFI = 4,  /* complex numbers by the names that cffi gives them */
    JF_PRINT_QUALS = 1, /* write const, volatile, restrict */
    JF_PRINT_HEADER = 2 /* as C that knows the header can read it: a record known
                           only by a typedef'd pointer to it is spelled by that */
};

/* The C spelling of `t` with `inner` in the declarator's place, as cffi writes
 * it: "int *", "int(*)[5]", "char *(*)(int, ...)". `*place`, if not NULL,
 * receives the index at which `inner` was put. */
void jf_type_print(const jf_Type *t, const char *inner, unsigned style,
                   jf_Buf *out, size_t *place);

/* For a record that JF_PRINT_HEADER spells by way of what has its type: a C
 * expression of that type, which may stand in sizeof. */
void jf_type_print_place(const jf_Type *rec, jf_Buf *out);

/* The name by which an oracle knows a record or enum: "struct foo", "foo_t",
 * "*foo_p", "struct foo.a", "v". False: it has none (nothing was written). */
bool jf_type_oracle_name(const jf_Type *t, jf_Buf *out);

#endif
