/* SPDX-License-Identifier: MIT
 *
 * Inner header of program -> recipe: where values are while the instructions are
 * written, shared by lower.c (the walk, memory, calls) and lower_arith.c.
 *
 * A value has a place in the frame, its own size and no more, where whoever needs
 * it finds it: parameters in the slots block that ENTER filled, parts inside their
 * block, all others in a cell that is made when the value is first stored, and is
 * another's after the last instruction that reads the value (not blocks'). The
 * value made last is also *held*, an integer in T0 (extended by its kind), a float
 * in F0; when nobody but the next instruction reads it, that is all it gets.
 */
#ifndef JF_CORE_PROGRAM_LOWER_H
#define JF_CORE_PROGRAM_LOWER_H

#include "core/program/program.h"

typedef struct Lower {
    const jf_Program *p;
    jf_Recipe *r;
    int32_t *at;         /* by value: its offset in the frame; -1: none yet */
    uint32_t *last;      /* by value: the last instruction that reads it, plus 1 */
    uint32_t *constant;  /* by value: the CONST that makes it, plus 1; 0: other */
    int32_t *cells;      /* cells that nobody needs any more: n_cells of them */
    uint32_t n_cells;
    uint8_t *owner;      /* by value: its place is a cell of its own */
    uint32_t held;       /* the value in T0 or F0; JF_NO_VALUE */
    uint32_t next;       /* number of the next instruction that emits anything */
    int32_t slots;       /* the program's arguments */
    int32_t hidden;      /* cell: where its result goes, if through memory */
    uint64_t memory;     /* bytes of frame wanted so far */
} Lower;

/* Machine code keeps what it needs on the stack: programs that need more are
 * carried out in memory of their own. */
enum { LOWER_MOST = 32 * 1024 };

static inline jf_Scalar lower_kind(const Lower *l, uint32_t v)
{
    return (jf_Scalar)l->p->values[v].kind;
}
static inline bool lower_is_float(const Lower *l, uint32_t v)
{
    return jf_scalar_is_float(lower_kind(l, v));
}
static inline int lower_size(const Lower *l, uint32_t v)
{
    return (int)jf_scalar_size(lower_kind(l, v));
}

/* The place of `v` in the frame, made at the first asking. */
int32_t lower_place(Lower *l, uint32_t v);
/* Frame of `size` bytes; 0 when that is too much, which is said at the end. */
int32_t lower_frame(Lower *l, uint64_t size, uint32_t align);
/* Integer or pointer `v` into `reg`, extended; float `v` into `reg`. */
void lower_get(Lower *l, jf_Reg reg, uint32_t v);
void lower_getf(Lower *l, jf_Reg reg, uint32_t v);
/* a into T0 and b into T1, or F0 and F1, whatever is held. */
void lower_get_two(Lower *l, uint32_t a, uint32_t b);
/* `v` has been made, in T0 or F0: hold it, store it if that is not enough. */
void lower_set(Lower *l, uint32_t v);
/* lower_set of a T0 whose upper bits are anything. */
void lower_set_low(Lower *l, uint32_t v);
/* The bits of a constant; false: `v` is none. */
bool lower_constant(const Lower *l, uint32_t v, uint64_t *bits);

/* lower_arith.c */
void lower_arithmetic(Lower *l, const jf_ProgramIns *in);
void lower_cast(Lower *l, const jf_ProgramIns *in);
void lower_compare(Lower *l, const jf_ProgramIns *in);

/* Short forms of what recipe.h has none for. */
static inline void lower_f(Lower *l, jf_Op op, jf_Reg a, jf_Reg b, int w)
{
    jf_recipe_put(l->r, JF_INS(.op = (uint8_t)op, .a = a, .b = b, .w = (uint8_t)w));
}
static inline void lower_branchf(Lower *l, jf_Reg a, jf_Cond cc, jf_Reg b, int w,
                                 uint32_t label)
{
    jf_recipe_put(l->r, JF_INS(.op = JF_OP_BRANCHF, .a = a, .b = b, .c = cc,
                               .w = (uint8_t)w, .label = label));
}

#endif
