/* SPDX-License-Identifier: MIT
 *
 * The plan: where each piece of each argument and of the result lives when a
 * function of one type is called by one target's convention. Decided once per
 * function type, then read by every thunk, callback and fallback.
 *
 *   struct { double x; long n; } f(int a, struct { float p[3]; } b, ...)
 *
 *   arg 0  a   slot 0    [GPR 0  bytes 0..3, sign-extended]
 *   arg 1  b   slot 8    [VEC 0  bytes 0..7] [VEC 1  bytes 8..11]
 *   result               [VEC 0  bytes 0..7] [GPR 0  bytes 8..15]
 *
 * Slots. The values of a call in memory stand in one block, argument by
 * argument, each at `slot` bytes from its start: a multiple of 8, or of 16 for
 * types aligned to 16 and more. The result stands in a place of its own.
 */
#ifndef JF_PLAN_PLAN_H
#define JF_PLAN_PLAN_H

#include "core/base/conf.h"

/* Where a piece lives. Registers count from 0 in the order the convention
 * hands them out: GPR 0 is rdi (SysV), rcx (Win64), x0 (AAPCS64); results count
 * in result order: GPR 0 is rax or x0, GPR 1 rdx or x1; VEC n is xmm n or v n. */
typedef enum jf_Place {
    JF_IN_GPR,
    JF_IN_VEC,
    JF_IN_BOTH, /* Win64 variadic floats: VEC n and GPR n */
    JF_IN_X87,  /* results only: st(reg) */
    JF_ON_STACK
} jf_Place;

/* How the bytes of a register above the value are filled. */
typedef enum jf_Extend { JF_EXT_NONE, JF_EXT_ZERO, JF_EXT_SIGN } jf_Extend;

typedef struct jf_Piece {
    uint8_t place;   /* jf_Place */
    uint8_t reg;     /* register number within its class */
    uint8_t extend;  /* jf_Extend, for sizes 1, 2, 4 in a GPR */
    uint8_t pad;     /* 0 */
    uint32_t size;   /* bytes of the value: 1..8 GPR, 1..16 VEC, any on stack;
                        sizes 3, 5, 6, 7 occur: never read beyond them */
    uint32_t offset; /* where in the value these bytes begin */
    uint32_t stack;  /* ON_STACK: offset in the outgoing argument area */
} jf_Piece;

typedef struct jf_PlanValue {
    uint32_t first;  /* index of its first piece */
    uint8_t n;       /* pieces; 0: nothing is passed (empty struct, void) */
    bool indirect;   /* the one piece carries the address of a copy, which the
                        caller makes and owns; results: see jf_Plan.sret */
    bool is_float;   /* scalar that a host unboxes as a float (4 or 8 bytes) */
    bool is_scalar;  /* integer, pointer, float, double: one piece, no memory */
    uint32_t align;  /* bytes; of the copy or the stack slot */
    uint64_t size;   /* bytes of the value */
    uint32_t slot;   /* offset in the slots block; results: 0 */
} jf_PlanValue;

typedef enum jf_Sret {
    JF_SRET_NONE, /* the result comes in registers */
    JF_SRET_GPR0, /* the caller passes the result's address as GPR 0 and every
                     other argument moves on (SysV, Win64) */
    JF_SRET_X8    /* ... in x8, arguments stay (AAPCS64) */
} jf_Sret;

typedef struct jf_Plan {
    uint8_t abi;         /* jf_Abi it was made for */
    uint8_t sret;        /* jf_Sret */
    bool variadic;       /* called through `...` */
    uint8_t n_gpr;       /* argument registers used, hidden one included */
    uint8_t n_vec;       /* vector argument registers used: al on SysV */
    uint32_t n_args;
    uint32_t n_fixed;    /* arguments before `...`; n_args if not variadic */
    uint32_t n_pieces;
    uint32_t stack_size; /* bytes of the outgoing area, a multiple of 16; on
                            Win64 the 32 bytes of shadow space are included and
                            come first */
    uint32_t slots_size; /* bytes of the slots block, a multiple of 16 */
    jf_PlanValue result;
    jf_PlanValue *args;  /* n_args; inside the same allocation */
    jf_Piece *pieces;    /* n_pieces; the result's come first */
} jf_Plan;


/* The registers of one call, in memory: what a callback entry saves, and what
 * the libffi fallback fills. ORDER REGS: the entry code of src/arch stores by
 * these offsets (offsetof, never a number). */
typedef struct jf_Regs {
    uint64_t gpr[10];     /* arguments in plan order; [8] is x8 on AArch64 */
    uint8_t vec[8][16];   /* low 16 bytes of each vector argument register */
    uint8_t *stack;       /* the incoming or outgoing stack area */
    uint64_t ret_gpr[2];  /* result: rax, rdx / x0, x1 */
    uint8_t ret_vec[4][16];
    uint8_t ret_x87[2][16]; /* result: st0, st1 as 80-bit values */
} jf_Regs;

#endif
