/* SPDX-License-Identifier: MIT
 *
 * Inner header of the x86-64 thunk encoder: the state of one encoding, shared
 * by thunk.c (frame, order, jumps), thunk_ops.c (plain instructions) and
 * thunk_place.c (arguments, calls, results), thunk_fn.c (recipes that are C
 * functions, floating point, division).
 *
 * Registers. T0..T2 are rax, r10, r11; F0, F1 are xmm8, xmm9; xmm15 (and 13, 14
 * in long copies) is the encoder's own. An R lives in one of two ways:
 *
 *   saved   in rbx, r12, r13, r14, in order of first use; kept by the prologue
 *   light   in a caller-saved register that nothing overwrites before the R's
 *           last use (its own parameter register, an unused T, an argument
 *           register), stored before and loaded after each helper call; only
 *           for an R that is not needed after FOREIGN or after a helper in hot
 *           code, in a recipe without loops
 *
 * Frame, from high to low addresses:
 *
 *   rbp+8    return address
 *   rbp      caller's rbp
 *   rbp-8*k  saved registers, k = 1..n_saved, always in the same order: the
 *            unwind record of a block depends on their number only
 *            frame cells (16-aligned start)
 *            spill: placed argument registers and light Rs during helper calls
 *   rsp      outgoing stack area of the foreign call
 */
#ifndef JF_ARCH_X64_THUNK_H
#define JF_ARCH_X64_THUNK_H

#include "arch/x64/enc.h"
#include "core/plan/recipe.h"

enum {
    X64_N_GPR = 6,    /* integer argument registers (psABI 3.2.3) */
    X64_N_VEC = 8,    /* vector argument registers */
    X64_N_SAVED = 4,  /* callee-saved registers we use */
    X64_VEC_BIT = 8,  /* register masks: bit 0..5 general, bit 8..15 vector */
    X64_TMP = 15,     /* xmm15 */
    X64_LINE = 64     /* bytes of a cache line */
};

extern const uint8_t x64_arg_gpr[X64_N_GPR];

/* A jump whose distance is not known yet. */
typedef struct X64Fix {
    uint32_t at;    /* offset of the distance in the buffer */
    uint32_t label;
} X64Fix;

typedef struct X64Thunk {
    const jf_Recipe *r;
    const jf_Plan *plan;  /* of the foreign call; NULL: there is none */
    const jf_Plan *own;   /* of the recipe, if it is a function */
    jf_Buf *b;
    size_t start;         /* where the thunk begins in `b` */

    uint8_t hw[JF_NOREG]; /* hardware number of each jf_Reg */
    uint8_t n_saved;      /* saved registers */
    uint8_t is_light;     /* bit n: Rn is light */
    uint16_t light_mask;  /* argument registers lent to light Rs */
    uint32_t last_use[4]; /* of each R, by written order */

    int32_t cells;        /* FRAME is rbp + cells */
    int32_t spill;        /* spill area is at rbp + spill */
    uint16_t spill_mask;  /* argument registers that have a spill cell */
    uint32_t frame;       /* rsp is rbp - frame */
    bool calls;           /* some instruction calls something */

    uint16_t *placed;     /* by instruction: argument registers placed before */
    uint16_t *busy;       /* by instruction: argument registers not to touch */
    uint32_t *label_at;   /* by label: offset in the buffer */
    X64Fix *fix;          /* by jump, in order of emission */
    bool *is_short;       /* by jump: one byte of distance suffices */
    uint32_t n_fix;
    jf_Buf *exits;        /* see arch.h; NULL: nobody asks */

    bool took_long;       /* ENTER lost the registers of general arguments */
    bool in_args;         /* between the first ARG and its HELPER */
    int flags_reg;        /* hardware register whose value the flags describe;
                             -1: none */
    bool flags_logic;     /* by and, or, xor: carry and overflow are clear */
    const char *error;    /* first thing that cannot be encoded, or NULL */
} X64Thunk;

/* Memory at jf_Reg `base` plus `off`. */
X64Mem x64_operand(const X64Thunk *t, int base, int32_t off);
/* Argument registers of value number `arg`; `arg` < 0: of the hidden pointer. */
uint16_t x64_value_mask(const jf_Plan *plan, int arg);

/* A general register that holds nothing of value at instruction `i` and is
 * neither `no1` nor `no2` (hardware numbers or -1), nor in `also` (mask of
 * argument registers). If all are taken, one is put aside in xmm15; give it
 * back with x64_scratch_done, which leaves the flags alone. */
typedef struct X64Scratch {
    uint8_t reg;
    bool aside;
} X64Scratch;
X64Scratch x64_scratch(X64Thunk *t, uint32_t i, uint16_t also, int no1, int no2);
void x64_scratch_done(X64Thunk *t, X64Scratch s);

/* Is the recipe a C function of its own plan? */
static inline bool x64_is_function(const X64Thunk *t)
{
    return t->r->n && t->r->ins[0].op == JF_OP_ENTER;
}
/* The USE at `i` has been reached. */
static inline void x64_use(X64Thunk *t, uint32_t i)
{
    JF_ASSERT(t->r->ins[i].c < t->r->n_plans);
    t->plan = t->r->plans[t->r->ins[i].c];
}

/* `size` bytes at `m`, 1 to 8, into general register `d`, which is not the base
 * unless that is one load; into vector register `d`, up to 16. */
void x64_load_piece(X64Thunk *t, int d, X64Mem m, uint32_t size, uint8_t extend);
void x64_load_vec(X64Thunk *t, int d, X64Mem m, uint32_t size);

/* The PLACEM at `i` passes on a parameter of the recipe that is still in the
 * register it came in: true, and done. */
bool x64_pass_on(X64Thunk *t, uint32_t i);
bool x64_in_xmm0(const X64Thunk *t, uint32_t i);

/* One instruction each; `i` is its index. */
void x64_op_plain(X64Thunk *t, uint32_t i);
void x64_op_place(X64Thunk *t, uint32_t i);
void x64_op_helper(X64Thunk *t, uint32_t i);
void x64_op_result(X64Thunk *t, uint32_t i);
void x64_op_fn(X64Thunk *t, uint32_t i);
void x64_jump(X64Thunk *t, uint32_t label);
void x64_landing(X64Thunk *t, uint32_t label);
void x64_jump_if(X64Thunk *t, X64Cc cc, uint32_t label);
void x64_epilogue(X64Thunk *t);

#endif
