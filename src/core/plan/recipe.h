/* SPDX-License-Identifier: MIT
 *
 * The recipe: a thunk described in a small portable instruction set, from
 * which every encoder makes machine code. A front end writes how one argument
 * is unboxed (load, compare, branch, place, call a helper when unusual); the
 * encoder knows the registers of the convention; neither knows the other.
 *
 * A thunk is a C function `uint64_t thunk(p0, p1, p2)` of pointer-sized
 * parameters. It has
 *
 *   R0 R1 R2 R3   kept across calls; R0..R2 start as p0..p2
 *   T0 T1 T2      scratch; undefined after HELPER and FOREIGN
 *   F0 F1         scratch doubles (a float occupies the low half), likewise
 *   FRAME         base address of the thunk's own frame cells
 *   THREAD        base address of the thread's static TLS block
 *
 * and the *places* of one foreign call, laid down by a plan. A PLACE puts a
 * value into the register or stack slot the plan gives it. A HELPER between a
 * PLACE and FOREIGN keeps what was placed so far (the encoder saves it). The
 * set "placed so far" follows the written order of instructions, so cold code
 * is written where it belongs logically, between COLD and HOT; the encoder
 * moves it behind the hot path.
 *
 * A recipe can also be a C function of any type. It begins with ENTER, ends with
 * LEAVE instead of RETURN, has no R0..R3, and makes calls of several plans: USE
 * says whose places are meant from there on, in written order.
 */
#ifndef JF_PLAN_RECIPE_H
#define JF_PLAN_RECIPE_H

#include "core/base/mem.h"
#include "core/plan/plan.h"

typedef enum jf_Reg {
    JF_R0, JF_R1, JF_R2, JF_R3,
    JF_T0, JF_T1, JF_T2,
    JF_F0, JF_F1,
    JF_FRAME,  /* as a base only */
    JF_THREAD, /* as a base only */
    JF_NOREG   /* "use imm" in arithmetic and branches */
} jf_Reg;

/* Conditions: signed LT LE GT GE, unsigned B BE A AE; 64 bits wide. */
typedef enum jf_Cond {
    JF_EQ, JF_NE, JF_LT, JF_LE, JF_GT, JF_GE, JF_B, JF_BE, JF_A, JF_AE
} jf_Cond;

/* a, b, c are registers unless said otherwise; w is a width in bytes (1, 2,
 * 4, 8), s asks for sign extension (else zero extension) to 64 bits. */
#define JF_OPS(X)                                                              \
    X(MOVE)    /* a = b */                                                     \
    X(CONST)   /* a = imm */                                                   \
    X(LOAD)    /* a = [b + off], w, s */                                       \
    X(STORE)   /* [a + off] = b (or low bytes of imm), w */                       \
    X(LEA)     /* a = b + off (b may be FRAME) */                              \
    X(EXTEND)  /* a = low w bytes of b, s */                                   \
    X(ADD)     /* a = a + (b or imm); likewise: */                             \
    X(SUB)     X(MUL) X(AND) X(OR) X(XOR)                                      \
    X(ADDM)    /* a = a + [b + off] (64 bits) */                               \
    X(ADDTO)   /* [a + off] (64 bits) = [a + off] + (b or imm) */              \
    X(SHL)     /* a = a << imm; likewise: */                                   \
    X(SHR)     X(SAR)                                                          \
    X(SHLV)    /* a = a << (low 6 bits of b); likewise: */                     \
    X(SHRV)    X(SARV)                                                         \
    X(DIV)     /* a = a / b, the low w bytes (4, 8) of both, s: signed; a is   \
                  T0, b T1 or T2; the hardware traps where C is undefined */   \
    X(MOD)     /* a = a % b, likewise */                                       \
    X(BRANCH)  /* if (a cond(c) (b or imm)) goto label */                      \
    X(BRANCHM) /* if ([a + off] (64 bits) cond(c) (b or imm)) goto label */    \
    X(COUNTM)  /* [a + off] (64 bits) = [a + off] - 1; if not 0 goto label */  \
    X(BRANCHF) /* if (F a cond(c) F b) goto label, w; c EQ NE LT LE GT GE;     \
                  where one is no number, only NE holds */                     \
    X(JUMP)    /* goto label */                                                \
    X(ALIGN)   /* the label that follows is the top of a tight loop */         \
    X(LABEL)   /* label: */                                                    \
    X(COLD)    /* what follows is unlikely ... */                              \
    X(HOT)     /* ... until here; control must not fall off either end */      \
    X(LOADF)   /* F a = [b + off], w 4 or 8 */                                 \
    X(STOREF)  /* [a + off] = F b, w 4 or 8 */                                 \
    X(CVTF)    /* F a = F b converted to w (4 from 8, 8 from 4) */             \
    X(ADDF)    /* F a = F a + F b, w 4 or 8; likewise: */                      \
    X(SUBF)    X(MULF) X(DIVF)                                                 \
    X(NEGF)    /* F a = -F a, w */                                             \
    X(INTF)    /* F a = b, signed, as a float of w */                          \
    X(TRUNCF)  /* a = F b (of w) towards zero; 2^63 if that is no int64 */     \
    X(BITSF)   /* F a = the bits of b */                                       \
    X(ARG)     /* helper argument number c = b or imm */                       \
    X(ARGLEA)  /* helper argument number c = b + off */                        \
    X(ARGF)    /* helper float argument number c (0, 1) = F b, w 8 */          \
    X(HELPER)  /* a = call imm with the ARGs just given; a may be NOREG */     \
    X(HELPERF) /* F a = the same, helper returns double */                     \
    X(PLACE)   /* scalar argument c = b (already extended) */                  \
    X(PLACEF)  /* scalar argument c = F b */                                   \
    X(PLACEM)  /* argument c = the value in memory at b + off */               \
    X(PLACERET)/* the result goes to memory at b + off (plan.sret only) */     \
    X(FOREIGN) /* call address b (FRAME: the one in the cell at off; NOREG:    \
                  imm) with all that was placed; s: a C++ exception that comes \
                  out of it goes on at label, which stands later */            \
    X(CATCH)   /* first behind that label: a = the exception */                \
    X(RESULT)  /* a = integer result, upper bits undefined */                  \
    X(RESULTF) /* F a = float or double result */                              \
    X(RESULTM) /* store the result's pieces at b + off (all but sret) */       \
    X(RETURN)  /* leave with b or imm */                                       \
    X(USE)     /* PLACE, FOREIGN and RESULT follow plans[c] from here on */    \
    X(ENTER)   /* arguments of the recipe's own plan into slots at FRAME + off;\
                  the address of its result (plan.sret) to FRAME + imm */      \
    X(LEAVE)   /* return from it with T or F b, extended as the plan wants it, \
                  or (NOREG) the value at FRAME + off; imm as in ENTER */

typedef enum jf_Op {
#define X(name) JF_OP_##name,
    JF_OPS(X)
#undef X
    JF_OP_COUNT
} jf_Op;

typedef struct jf_Ins {
    uint8_t op;        /* jf_Op */
    uint8_t a, b;      /* jf_Reg */
    uint8_t w;         /* bytes */
    bool s;            /* sign-extend */
    uint16_t c;        /* argument number or jf_Cond */
    uint32_t label;
    int32_t off;       /* bytes */
    uint64_t imm;
} jf_Ins;

/* Sticky: after a failed allocation every append is a no-op. */
typedef struct jf_Recipe {
    jf_Ins *ins;          /* owned */
    uint32_t n, cap;
    uint32_t n_labels;
    uint32_t frame_size;  /* bytes of frame cells reserved so far */
    bool failed;
    bool aligned;         /* there is an ALIGN: code begins a cache line */
    bool catches;         /* every FOREIGN has a label for exceptions */
    bool names;           /* set by whoever wants it: an exception that comes out
                             ends the process, with a message that says of what */
    const jf_Plan **plans; /* of USE; the vector is owned, the plans borrowed */
    uint32_t n_plans;
} jf_Recipe;

#define JF_RECIPE_INIT {0, 0, 0, 0, 0, false, false, false, false, 0, 0}

/* Everything below lives in recipe.c; each appends one instruction. */
void jf_recipe_put(jf_Recipe *r, jf_Ins ins);
uint32_t jf_recipe_label(jf_Recipe *r); /* a new label, not yet placed */
/* Reserve `size` bytes of frame at `align` (1..16); returns the offset. */
int32_t jf_recipe_frame(jf_Recipe *r, uint32_t size, uint32_t align);
/* USE of a plan, which must outlive the encoding. */
void jf_recipe_use(jf_Recipe *r, const jf_Plan *plan);
void jf_recipe_free(jf_Recipe *r);

/* Short forms, so that recipes read like a listing. */
#define JF_INS(...) ((jf_Ins){__VA_ARGS__})
static inline void jf_move(jf_Recipe *r, jf_Reg a, jf_Reg b)
{
    jf_recipe_put(r, JF_INS(.op = JF_OP_MOVE, .a = a, .b = b));
}
static inline void jf_const(jf_Recipe *r, jf_Reg a, uint64_t imm)
{
    jf_recipe_put(r, JF_INS(.op = JF_OP_CONST, .a = a, .imm = imm));
}
static inline void jf_load(jf_Recipe *r, jf_Reg a, jf_Reg b, int32_t off, int w,
                           bool s)
{
    jf_recipe_put(r, JF_INS(.op = JF_OP_LOAD, .a = a, .b = b, .off = off,
                            .w = (uint8_t)w, .s = s));
}
static inline void jf_store(jf_Recipe *r, jf_Reg base, int32_t off, jf_Reg b, int w)
{
    jf_recipe_put(r, JF_INS(.op = JF_OP_STORE, .a = base, .b = b, .off = off,
                            .w = (uint8_t)w));
}
static inline void jf_lea(jf_Recipe *r, jf_Reg a, jf_Reg b, int32_t off)
{
    jf_recipe_put(r, JF_INS(.op = JF_OP_LEA, .a = a, .b = b, .off = off));
}
static inline void jf_arith(jf_Recipe *r, jf_Op op, jf_Reg a, jf_Reg b, uint64_t imm)
{
    jf_recipe_put(r, JF_INS(.op = (uint8_t)op, .a = a, .b = b, .imm = imm));
}
static inline void jf_extend(jf_Recipe *r, jf_Reg a, jf_Reg b, int w, bool s)
{
    jf_recipe_put(r, JF_INS(.op = JF_OP_EXTEND, .a = a, .b = b, .w = (uint8_t)w, .s = s));
}
static inline void jf_branch(jf_Recipe *r, jf_Reg a, jf_Cond cc, jf_Reg b,
                             uint64_t imm, uint32_t label)
{
    jf_recipe_put(r, JF_INS(.op = JF_OP_BRANCH, .a = a, .b = b, .c = cc,
                            .imm = imm, .label = label));
}
static inline void jf_branchm(jf_Recipe *r, jf_Reg base, int32_t off, jf_Cond cc,
                              jf_Reg b, uint64_t imm, uint32_t label)
{
    jf_recipe_put(r, JF_INS(.op = JF_OP_BRANCHM, .a = base, .b = b, .c = cc,
                            .off = off, .imm = imm, .label = label));
}
static inline void jf_jump(jf_Recipe *r, uint32_t label)
{
    jf_recipe_put(r, JF_INS(.op = JF_OP_JUMP, .label = label));
}
static inline void jf_label(jf_Recipe *r, uint32_t label)
{
    jf_recipe_put(r, JF_INS(.op = JF_OP_LABEL, .label = label));
}
static inline void jf_addm(jf_Recipe *r, jf_Reg a, jf_Reg b, int32_t off)
{
    jf_recipe_put(r, JF_INS(.op = JF_OP_ADDM, .a = a, .b = b, .off = off));
}
static inline void jf_addto(jf_Recipe *r, jf_Reg base, int32_t off, jf_Reg b,
                            uint64_t imm)
{
    jf_recipe_put(r, JF_INS(.op = JF_OP_ADDTO, .a = base, .b = b, .off = off,
                            .imm = imm));
}
static inline void jf_countm(jf_Recipe *r, jf_Reg base, int32_t off, uint32_t label)
{
    jf_recipe_put(r, JF_INS(.op = JF_OP_COUNTM, .a = base, .b = JF_NOREG,
                            .off = off, .label = label));
}
/* A label that jumps back at the end of a tight loop go to. */
static inline void jf_label_top(jf_Recipe *r, uint32_t label)
{
    r->aligned = true;
    jf_recipe_put(r, JF_INS(.op = JF_OP_ALIGN));
    jf_label(r, label);
}
static inline void jf_op(jf_Recipe *r, jf_Op op)
{
    jf_recipe_put(r, JF_INS(.op = (uint8_t)op));
}
static inline void jf_arg(jf_Recipe *r, int number, jf_Reg b, uint64_t imm)
{
    jf_recipe_put(r, JF_INS(.op = JF_OP_ARG, .c = (uint16_t)number, .b = b, .imm = imm));
}
static inline void jf_arglea(jf_Recipe *r, int number, jf_Reg b, int32_t off)
{
    jf_recipe_put(r, JF_INS(.op = JF_OP_ARGLEA, .c = (uint16_t)number, .b = b, .off = off));
}
/* `fn` as uintptr_t: the address of a C function the host keeps alive. */
static inline void jf_helper(jf_Recipe *r, jf_Reg a, uintptr_t fn)
{
    jf_recipe_put(r, JF_INS(.op = JF_OP_HELPER, .a = a, .imm = fn));
}
static inline void jf_place(jf_Recipe *r, int arg, jf_Reg b)
{
    jf_recipe_put(r, JF_INS(.op = JF_OP_PLACE, .c = (uint16_t)arg, .b = b));
}
static inline void jf_placef(jf_Recipe *r, int arg, jf_Reg b)
{
    jf_recipe_put(r, JF_INS(.op = JF_OP_PLACEF, .c = (uint16_t)arg, .b = b));
}
static inline void jf_placem(jf_Recipe *r, int arg, jf_Reg b, int32_t off)
{
    jf_recipe_put(r, JF_INS(.op = JF_OP_PLACEM, .c = (uint16_t)arg, .b = b, .off = off));
}
static inline void jf_return(jf_Recipe *r, jf_Reg b, uint64_t imm)
{
    jf_recipe_put(r, JF_INS(.op = JF_OP_RETURN, .b = b, .imm = imm));
}

#endif
