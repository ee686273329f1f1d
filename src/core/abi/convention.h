/* SPDX-License-Identifier: MIT
 *
 * Between core/abi and the conventions in src/arch: the flat view of a value,
 * made once, and the counters of one call under construction.
 */
#ifndef JF_ABI_CONVENTION_H
#define JF_ABI_CONVENTION_H

#include "core/base/diag.h"
#include "core/plan/plan.h"
#include "core/type/record.h"

/* --- the flat view ------------------------------------------------------------ */

typedef enum jf_LeafClass {
    JF_LEAF_INT,    /* integer, pointer, enum, _Bool; 1..16 bytes */
    JF_LEAF_FLOAT,  /* _Float16 to _Float128, also parts of complex numbers */
    JF_LEAF_X87,    /* 80-bit long double */
    JF_LEAF_VECTOR, /* vector_size */
    JF_LEAF_BITS,   /* the bytes a bit-field touches; size 0 for width 0 */
    JF_LEAF_OPEN    /* a flexible array; size 0 */
} jf_LeafClass;

typedef struct jf_Leaf {
    uint32_t offset;  /* bytes from the start of the value */
    uint32_t size;    /* bytes */
    uint8_t cls;      /* jf_LeafClass */
    bool named;       /* false: an unnamed bit-field */
    bool in_union;    /* stands in a union; BITS: is a direct member of one */
    bool repeat;      /* in an array's second element or a later one */
    bool is_complex;  /* one of the parts of a complex number */
    bool ghost;       /* scalar of an array of no elements: it is not there, but
                         compilers look at its type */
    bool empty;       /* stands in a struct or union of no bytes */
    uint32_t origin;  /* ghost, empty: offset of that array, struct or union */
    uint32_t bulk;    /* ghost: bytes of one element of that array */
} jf_Leaf;

/* Values up to this size are flattened; no convention looks inside others. */
enum { JF_VIEW_MAX = 64 };

typedef struct jf_View {
    const jf_Type *type; /* as passed; for messages and scalars */
    uint64_t size;       /* bytes */
    uint32_t align;      /* bytes */
    uint32_t inner;      /* alignment asked for by members only, without
                            attribute aligned on the whole (AAPCS64) */
    bool aggregate;      /* struct or union */
    bool hollow;         /* no scalar with a name inside: all is padding */
    jf_Leaf *leaves;     /* no two alike; owned by the maker; empty if larger
                            than JF_VIEW_MAX */
    uint32_t n;
} jf_View;

/* --- a plan under construction -------------------------------------------------- */

typedef struct jf_PlanMaker {
    const jf_Target *target;
    uint32_t gpr, vec;   /* argument registers given out so far */
    uint64_t stack;      /* bytes of the outgoing area so far */
    jf_Piece *pieces;    /* owned */
    uint32_t n_pieces, cap_pieces;
    jf_Leaf *leaves;     /* owned; the view's */
    uint32_t n_leaves, cap_leaves;
    uint8_t sret;        /* jf_Sret */
    bool failed;         /* memory is out */
} jf_PlanMaker;

/* Append a piece to the value being placed. Sticky failure. */
void jf_maker_piece(jf_PlanMaker *m, jf_PlanValue *v, jf_Piece piece);
/* A piece on the stack, `slot` bytes rounded for the next one. */
void jf_maker_stack(jf_PlanMaker *m, jf_PlanValue *v, uint64_t size,
                    uint32_t align, uint32_t slot);
/* Fill of a register above a value of this type. */
uint8_t jf_maker_extend(const jf_View *v);
/* "'struct s' ... <rest>", JF_UNSUPPORTED. */
jf_Status jf_maker_refuse(const jf_View *v, const char *rest, jf_Diag *d);

typedef struct jf_Convention {
    /* Called first; sets m->sret and out->indirect, or appends pieces. */
    jf_Status (*result)(jf_PlanMaker *m, const jf_View *v, jf_PlanValue *out,
                        jf_Diag *d);
    /* `variadic`: the argument stands behind `...`. */
    jf_Status (*arg)(jf_PlanMaker *m, const jf_View *v, bool variadic,
                     jf_PlanValue *out, jf_Diag *d);
    uint32_t shadow; /* bytes at the start of the outgoing area */
} jf_Convention;

extern const jf_Convention jf_convention_sysv;    /* arch/x64/abi_sysv.c */
extern const jf_Convention jf_convention_win64;   /* arch/x64/abi_win64.c */
extern const jf_Convention jf_convention_aapcs64; /* arch/a64/abi_aapcs64.c */
extern const jf_Convention jf_convention_apple64; /* the same file */

/* core/abi/view.c: flatten `t`, which is laid out. False: memory. */
bool jf_view_make(jf_PlanMaker *m, const jf_Type *t, jf_View *v);
/* The same for the i-th member of a record alone, at its place in the record.
 * Either makes the leaves of views made before invalid. */
bool jf_view_field(jf_PlanMaker *m, const jf_Type *rec, uint32_t i, jf_View *v);

#endif
