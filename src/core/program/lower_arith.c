/* SPDX-License-Identifier: MIT
 *
 * Program -> recipe: arithmetic, comparisons, conversions. What they compute is
 * said in program.h; arith.c says the same in C, and helps where one instruction
 * would not do.
 */
#include "core/program/lower.h"

#include "core/program/arith.h"

/* --- division --------------------------------------------------------------------- */

/* Helper (T0, T1), result in T0. */
static void help(Lower *l, uintptr_t helper)
{
    jf_arg(l->r, 0, JF_T0, 0);
    jf_arg(l->r, 1, JF_T1, 0);
    jf_helper(l->r, JF_T0, helper);
}

/* The divisors 0 and -1, which the hardware does not do, leave by cold code. */
static void divide(Lower *l, const jf_ProgramIns *in, bool remainder)
{
    jf_Recipe *r = l->r;
    jf_Scalar k = lower_kind(l, in->v);
    uint64_t b = 0;
    bool is_signed = jf_scalar_is_signed(k);
    bool known = lower_constant(l, in->b, &b) && b != 0;
    uint32_t zero = jf_recipe_label(r), minus = jf_recipe_label(r);
    uint32_t end = jf_recipe_label(r);
    if (!known)
        jf_branch(r, JF_T1, JF_EQ, JF_NOREG, 0, zero);
    if (is_signed && (!known || b == UINT64_MAX))
        jf_branch(r, JF_T1, JF_EQ, JF_NOREG, UINT64_MAX, minus);
    jf_recipe_put(r, JF_INS(.op = remainder ? JF_OP_MOD : JF_OP_DIV, .a = JF_T0,
                            .b = JF_T1, .w = jf_scalar_size(k) == 8 ? 8 : 4,
                            .s = is_signed));
    jf_op(r, JF_OP_COLD);
    jf_label(r, zero);
    jf_const(r, JF_T0, 0);
    jf_jump(r, end);
    jf_label(r, minus);
    if (remainder) {
        jf_const(r, JF_T0, 0);
    } else {
        jf_arith(r, JF_OP_XOR, JF_T0, JF_NOREG, UINT64_MAX);
        jf_arith(r, JF_OP_ADD, JF_T0, JF_NOREG, 1);
    }
    jf_jump(r, end);
    jf_op(r, JF_OP_HOT);
    jf_label(r, end);
}

/* --- integers --------------------------------------------------------------------- */

/* T0 = T0 op b, b a constant or T1. */
static void simple(Lower *l, const jf_ProgramIns *in, jf_Op op)
{
    uint64_t bits = 0;
    if (lower_constant(l, in->b, &bits)) {
        lower_get(l, JF_T0, in->a);
        jf_arith(l->r, op, JF_T0, JF_NOREG, bits);
    } else {
        lower_get_two(l, in->a, in->b);
        jf_arith(l->r, op, JF_T0, JF_T1, 0);
    }
}

/* T0 stands extended: what a shift to the right brings in is what there should be. */
static void shift(Lower *l, const jf_ProgramIns *in)
{
    uint64_t bits = 0, mask = 8 * (unsigned)lower_size(l, in->v) - 1;
    bool is_signed = jf_scalar_is_signed(lower_kind(l, in->v));
    bool left = in->op == JF_PR_SHL;
    if (lower_constant(l, in->b, &bits)) {
        lower_get(l, JF_T0, in->a);
        jf_arith(l->r,
                 left        ? JF_OP_SHL
                 : is_signed ? JF_OP_SAR
                             : JF_OP_SHR,
                 JF_T0, JF_NOREG, bits & mask);
        return;
    }
    lower_get_two(l, in->a, in->b);
    jf_arith(l->r, JF_OP_AND, JF_T1, JF_NOREG, mask);
    jf_arith(l->r,
             left        ? JF_OP_SHLV
             : is_signed ? JF_OP_SARV
                         : JF_OP_SHRV,
             JF_T0, JF_T1, 0);
}

static void unary(Lower *l, const jf_ProgramIns *in)
{
    lower_get(l, JF_T0, in->a);
    jf_arith(l->r, JF_OP_XOR, JF_T0, JF_NOREG, UINT64_MAX);
    if (in->op == JF_PR_NEG)
        jf_arith(l->r, JF_OP_ADD, JF_T0, JF_NOREG, 1);
}

static void integer(Lower *l, const jf_ProgramIns *in)
{
    static const uint8_t ops[JF_PR_COUNT] = {
        [JF_PR_ADD] = JF_OP_ADD, [JF_PR_SUB] = JF_OP_SUB, [JF_PR_MUL] = JF_OP_MUL,
        [JF_PR_AND] = JF_OP_AND, [JF_PR_OR] = JF_OP_OR,   [JF_PR_XOR] = JF_OP_XOR};
    bool is_signed = jf_scalar_is_signed(lower_kind(l, in->v));
    bool whole = in->op == JF_PR_DIV || in->op == JF_PR_FLOORDIV;
    switch ((jf_ProgramOp)in->op) {
    case JF_PR_NEG:
    case JF_PR_NOT:
        unary(l, in);
        break;
    case JF_PR_SHL:
    case JF_PR_SHR:
        shift(l, in);
        break;
    case JF_PR_DIV:
    case JF_PR_MOD:
    case JF_PR_FLOORDIV:
    case JF_PR_FLOORMOD:
        lower_get_two(l, in->a, in->b);
        if (in->op == JF_PR_DIV || in->op == JF_PR_MOD || !is_signed)
            divide(l, in, !whole);
        else
            help(l, whole ? (uintptr_t)jf_arith_floordiv
                          : (uintptr_t)jf_arith_floormod);
        break;
    default:
        simple(l, in, (jf_Op)ops[in->op]);
    }
    lower_set_low(l, in->v);
}

/* --- floats ----------------------------------------------------------------------- */

static void helpf(Lower *l, uintptr_t helper, int w)
{
    if (w == 4) {
        lower_f(l, JF_OP_CVTF, JF_F0, JF_F0, 8);
        lower_f(l, JF_OP_CVTF, JF_F1, JF_F1, 8);
    }
    jf_recipe_put(l->r, JF_INS(.op = JF_OP_ARGF, .b = JF_F0, .c = 0, .w = 8));
    jf_recipe_put(l->r, JF_INS(.op = JF_OP_ARGF, .b = JF_F1, .c = 1, .w = 8));
    jf_recipe_put(l->r, JF_INS(.op = JF_OP_HELPERF, .a = JF_F0, .imm = helper));
    if (w == 4)
        lower_f(l, JF_OP_CVTF, JF_F0, JF_F0, 4);
}

static void floating(Lower *l, const jf_ProgramIns *in)
{
    static const uint8_t ops[JF_PR_COUNT] = {[JF_PR_ADD] = JF_OP_ADDF,
                                             [JF_PR_SUB] = JF_OP_SUBF,
                                             [JF_PR_MUL] = JF_OP_MULF,
                                             [JF_PR_DIV] = JF_OP_DIVF};
    int w = lower_size(l, in->v);
    if (in->op == JF_PR_NEG) {
        lower_getf(l, JF_F0, in->a);
        lower_f(l, JF_OP_NEGF, JF_F0, JF_F0, w);
    } else {
        lower_get_two(l, in->a, in->b);
        if (in->op == JF_PR_FLOORDIV)
            helpf(l, (uintptr_t)jf_arith_floordivf, w);
        else if (in->op == JF_PR_FLOORMOD)
            helpf(l, (uintptr_t)jf_arith_floormodf, w);
        else
            lower_f(l, (jf_Op)ops[in->op], JF_F0, JF_F1, w);
    }
    lower_set(l, in->v);
}

void lower_arithmetic(Lower *l, const jf_ProgramIns *in)
{
    if (lower_is_float(l, in->v))
        floating(l, in);
    else
        integer(l, in);
}

/* --- comparisons ------------------------------------------------------------------- */

static jf_Cond unsigned_cc(jf_Cond cc)
{
    static const uint8_t as[] = {[JF_EQ] = JF_EQ, [JF_NE] = JF_NE, [JF_LT] = JF_B,
                                 [JF_LE] = JF_BE, [JF_GT] = JF_A,  [JF_GE] = JF_AE};
    return (jf_Cond)as[cc];
}

void lower_compare(Lower *l, const jf_ProgramIns *in)
{
    jf_Cond cc = (jf_Cond)in->cc;
    uint32_t yes = jf_recipe_label(l->r);
    lower_get_two(l, in->a, in->b);
    jf_const(l->r, JF_T2, 1);
    if (lower_is_float(l, in->a))
        lower_branchf(l, JF_F0, cc, JF_F1, lower_size(l, in->a), yes);
    else
        jf_branch(l->r, JF_T0,
                  jf_scalar_is_signed(lower_kind(l, in->a)) ? cc : unsigned_cc(cc),
                  JF_T1, 0, yes);
    jf_const(l->r, JF_T2, 0);
    jf_label(l->r, yes);
    jf_move(l->r, JF_T0, JF_T2);
    lower_set(l, in->v);
}

/* --- conversions ------------------------------------------------------------------- */

/* F0 = T0, unsigned. From 2^63 on half of it is converted, its last bit kept in
 * sight for the rounding, and doubled. */
static void from_unsigned(Lower *l, int w)
{
    jf_Recipe *r = l->r;
    uint32_t big = jf_recipe_label(r), end = jf_recipe_label(r);
    jf_branch(r, JF_T0, JF_LT, JF_NOREG, 0, big);
    lower_f(l, JF_OP_INTF, JF_F0, JF_T0, w);
    jf_op(r, JF_OP_COLD);
    jf_label(r, big);
    jf_move(r, JF_T1, JF_T0);
    jf_arith(r, JF_OP_AND, JF_T1, JF_NOREG, 1);
    jf_arith(r, JF_OP_SHR, JF_T0, JF_NOREG, 1);
    jf_arith(r, JF_OP_OR, JF_T0, JF_T1, 0);
    lower_f(l, JF_OP_INTF, JF_F0, JF_T0, w);
    lower_f(l, JF_OP_ADDF, JF_F0, JF_F0, w);
    jf_jump(r, end);
    jf_op(r, JF_OP_HOT);
    jf_label(r, end);
}

/* T0 = F0 as a uint64_t. */
static void to_unsigned(Lower *l, int w)
{
    const uint64_t top = w == 4 ? 0x5f000000 : 0x43e0000000000000; /* 2^63 */
    jf_Recipe *r = l->r;
    uint32_t big = jf_recipe_label(r), end = jf_recipe_label(r);
    jf_const(r, JF_T1, top);
    lower_f(l, JF_OP_BITSF, JF_F1, JF_T1, 0);
    lower_branchf(l, JF_F0, JF_GE, JF_F1, w, big);
    lower_f(l, JF_OP_TRUNCF, JF_T0, JF_F0, w);
    jf_op(r, JF_OP_COLD);
    jf_label(r, big);
    lower_f(l, JF_OP_SUBF, JF_F0, JF_F1, w);
    lower_f(l, JF_OP_TRUNCF, JF_T0, JF_F0, w);
    jf_arith(r, JF_OP_XOR, JF_T0, JF_NOREG, (uint64_t)1 << 63);
    jf_jump(r, end);
    jf_op(r, JF_OP_HOT);
    jf_label(r, end);
}

void lower_cast(Lower *l, const jf_ProgramIns *in)
{
    jf_Scalar from = lower_kind(l, in->a), to = lower_kind(l, in->v);
    int from_size = lower_size(l, in->a), to_size = lower_size(l, in->v);
    if (!jf_scalar_is_float(from)) {
        lower_get(l, JF_T0, in->a);
        if (!jf_scalar_is_float(to)) {
            lower_set_low(l, in->v);
            return;
        }
        if (from == JF_S_U64)
            from_unsigned(l, to_size);
        else
            lower_f(l, JF_OP_INTF, JF_F0, JF_T0, to_size);
        lower_set(l, in->v);
        return;
    }
    lower_getf(l, JF_F0, in->a);
    if (jf_scalar_is_float(to)) {
        if (from_size != to_size)
            lower_f(l, JF_OP_CVTF, JF_F0, JF_F0, to_size);
        lower_set(l, in->v);
        return;
    }
    if (to == JF_S_U64)
        to_unsigned(l, from_size);
    else
        lower_f(l, JF_OP_TRUNCF, JF_T0, JF_F0, from_size);
    lower_set_low(l, in->v);
}
