/* SPDX-License-Identifier: MIT
 *
 * Recipes that are C functions: arguments out of the places of their own plan,
 * the result into them; and what such recipes compute with: floating point,
 * division, shifts by a register. See thunk.h for the registers and the frame.
 * Rules: psABI x86-64 1.0, 3.2.3.
 */
#include "arch/x64/thunk.h"

#include "core/base/bits.h"

/* --- entering and leaving ------------------------------------------------------- */

/* `size` bytes. Touches rax and xmm15; a long copy, and then it returns true, also
 * rcx, rsi and rdi. */
static bool copy(X64Thunk *t, X64Mem to, X64Mem from, uint32_t size)
{
    enum { INLINE = 128 };
    if (size > INLINE) {
        x64_lea(t->b, X_RSI, from);
        x64_lea(t->b, X_RDI, to);
        x64_const(t->b, X_RCX, size);
        x64_rep_movsb(t->b);
        return true;
    }
    uint32_t unit = 16;
    while (unit > size && unit > 1)
        unit /= 2;
    for (uint32_t done = 0; done < size; done += unit) {
        uint32_t at = done + unit <= size ? done : size - unit; /* overlaps */
        X64Mem f = x64_at(from.base, from.off + (int32_t)at);
        X64Mem d = x64_at(to.base, to.off + (int32_t)at);
        if (unit == 16) {
            x64_movups_load(t->b, X64_TMP, f);
            x64_movups_store(t->b, d, X64_TMP);
        } else {
            x64_load(t->b, X_RAX, f, (int)unit, false);
            x64_store(t->b, d, X_RAX, (int)unit);
        }
    }
    return false;
}

/* One piece into its slot. Registers are stored by 8 bytes: a slot is a multiple
 * of that, and so is the offset of each piece in it. */
static void take_piece(X64Thunk *t, const jf_Piece *p, X64Mem slot)
{
    /* 3.2.2: the first stack argument stands above the return address. */
    X64Mem stack = x64_at(X_RBP, 16 + (int32_t)p->stack);
    slot.off += (int32_t)p->offset;
    if (p->place == JF_IN_GPR)
        x64_store(t->b, slot, x64_arg_gpr[p->reg], 8);
    else if (p->place == JF_IN_VEC && p->size > 8)
        x64_movups_store(t->b, slot, p->reg);
    else if (p->place == JF_IN_VEC)
        x64_movq_store(t->b, slot, p->reg);
    else if (p->place == JF_ON_STACK)
        t->took_long |= copy(t, slot, stack, (uint32_t)jf_round_up(p->size, 8));
    else
        t->error = "a parameter in a place that this convention has not";
}

/* Registers first: copying the others takes some. */
static void enter(X64Thunk *t, const jf_Ins *in)
{
    const jf_Plan *plan = t->own;
    if (plan->sret == JF_SRET_GPR0)
        x64_store(t->b, x64_operand(t, JF_FRAME, (int32_t)in->imm), X_RDI, 8);
    for (int stack = 0; stack < 2; stack++) {
        for (uint32_t i = 0; i < plan->n_args; i++) {
            const jf_PlanValue *v = &plan->args[i];
            X64Mem slot = x64_operand(t, JF_FRAME, in->off + (int32_t)v->slot);
            for (uint32_t k = 0; k < v->n; k++) {
                const jf_Piece *p = &plan->pieces[v->first + k];
                if (v->indirect)
                    t->error = "a parameter passed by its address";
                else if ((p->place == JF_ON_STACK) == stack)
                    take_piece(t, p, slot);
            }
        }
    }
}

/* The one piece of `v` in a register; NULL: it is not like that. */
static const jf_Piece *in_register(const jf_Plan *plan, const jf_PlanValue *v)
{
    const jf_Piece *p = &plan->pieces[v->first];
    bool is = v->is_scalar && (p->place == JF_IN_GPR || p->place == JF_IN_VEC);
    return is ? p : NULL;
}

/* The parameter in the slot that instruction `in` reads. */
static const jf_PlanValue *param_at(const X64Thunk *t, const jf_Ins *in)
{
    int64_t slot = (int64_t)in->off - t->r->ins[0].off;
    for (uint32_t k = 0; in->b == JF_FRAME && k < t->own->n_args; k++)
        if (t->own->args[k].slot == slot)
            return &t->own->args[k];
    return NULL;
}

/* Argument registers that were filled between ENTER and instruction `i`, if there
 * are nothing but scalars placed in registers there; otherwise all. */
static uint16_t filled_since_enter(const X64Thunk *t, uint32_t i)
{
    uint16_t filled = t->took_long ? UINT16_MAX : 0;
    while (--i > 0) {
        const jf_Ins *in = &t->r->ins[i];
        if (in->op == JF_OP_USE)
            continue;
        bool place = in->op == JF_OP_PLACE || in->op == JF_OP_PLACEF ||
                     in->op == JF_OP_PLACEM;
        if (!place || !in_register(t->plan, &t->plan->args[in->c]))
            return UINT16_MAX;
        filled |= x64_value_mask(t->plan, in->c);
    }
    return filled;
}

bool x64_pass_on(X64Thunk *t, uint32_t i)
{
    const jf_Ins *in = &t->r->ins[i];
    const jf_PlanValue *v = x64_is_function(t) ? param_at(t, in) : NULL;
    const jf_Piece *from = v ? in_register(t->own, v) : NULL;
    const jf_Piece *to = in_register(t->plan, &t->plan->args[in->c]);
    if (!from || !to || from->place != to->place || from->size < to->size)
        return false;
    bool vec = from->place == JF_IN_VEC;
    if (filled_since_enter(t, i) >> (from->reg + (vec ? X64_VEC_BIT : 0)) & 1)
        return false;
    if (vec && to->reg != from->reg)
        x64_movaps(t->b, to->reg, from->reg);
    else if (!vec && to->size < 8)
        x64_extend(t->b, x64_arg_gpr[to->reg], x64_arg_gpr[from->reg],
                   (int)to->size, to->extend == JF_EXT_SIGN);
    else if (!vec && to->reg != from->reg)
        x64_mov(t->b, x64_arg_gpr[to->reg], x64_arg_gpr[from->reg]);
    return true;
}

static void give_scalar(X64Thunk *t, uint32_t i)
{
    const jf_Ins *in = &t->r->ins[i];
    const jf_Piece *p = &t->own->pieces[t->own->result.first];
    int s = t->hw[in->b];
    JF_ASSERT(t->own->result.is_scalar);
    if (p->place == JF_IN_VEC && x64_in_xmm0(t, i))
        return;
    if (p->place == JF_IN_VEC)
        x64_movaps(t->b, 0, s);
    else if (p->extend != JF_EXT_NONE)
        x64_extend(t->b, X_RAX, s, (int)p->size, p->extend == JF_EXT_SIGN);
    else if (s != X_RAX)
        x64_mov(t->b, X_RAX, s);
}

/* Last piece first: x87 registers are pushed, st0 comes last. */
static void give_memory(X64Thunk *t, X64Mem m)
{
    static const uint8_t gpr[2] = {X_RAX, X_RDX};
    const jf_PlanValue *v = &t->own->result;
    for (uint32_t k = v->n; k-- > 0;) {
        const jf_Piece *p = &t->own->pieces[v->first + k];
        X64Mem at = x64_at(m.base, m.off + (int32_t)p->offset);
        if (p->place == JF_IN_GPR)
            x64_load_piece(t, gpr[p->reg], at, p->size, p->extend);
        else if (p->place == JF_IN_VEC)
            x64_load_vec(t, p->reg, at, p->size);
        else if (p->place == JF_IN_X87)
            x64_fld80(t->b, at);
        else
            t->error = "a result in a place that this convention has not";
    }
}

static void leave(X64Thunk *t, uint32_t i)
{
    const jf_Ins *in = &t->r->ins[i];
    X64Mem value = x64_operand(t, JF_FRAME, in->off);
    X64Mem hidden = x64_operand(t, JF_FRAME, (int32_t)in->imm);
    if (in->b != JF_NOREG) {
        give_scalar(t, i);
    } else if (t->own->sret != JF_SRET_NONE) {
        uint32_t size = (uint32_t)t->own->result.size;
        x64_load(t->b, X_RDX, hidden, 8, false);
        copy(t, x64_at(X_RDX, 0), value, size);
        x64_load(t->b, X_RAX, hidden, 8, false);
    } else {
        give_memory(t, value);
    }
    x64_epilogue(t);
}

/* --- integers ------------------------------------------------------------------- */

/* Does instruction `i` have to leave argument register number `k` alone? */
static bool is_kept(const X64Thunk *t, uint32_t i, int k)
{
    return ((t->busy[i] | t->light_mask) >> k & 1) != 0;
}

static void op_div(X64Thunk *t, uint32_t i)
{
    enum { RDX = 2 }; /* as an argument register */
    const jf_Ins *in = &t->r->ins[i];
    bool keep = is_kept(t, i, RDX);
    if (in->a != JF_T0 || (in->b != JF_T1 && in->b != JF_T2)) {
        t->error = "a division in other registers than T0 by T1 or T2";
        return;
    }
    if (keep)
        x64_movq_to(t->b, X64_TMP, X_RDX);
    if (in->s)
        x64_sign_rdx(t->b, in->w);
    else
        x64_const(t->b, X_RDX, 0);
    x64_div(t->b, t->hw[in->b], in->w, in->s);
    if (in->op == JF_OP_MOD)
        x64_mov(t->b, X_RAX, X_RDX);
    if (keep)
        x64_movq_from(t->b, X_RDX, X64_TMP);
}

static void op_shift(X64Thunk *t, uint32_t i)
{
    enum { RCX = 3 };
    const jf_Ins *in = &t->r->ins[i];
    bool keep = is_kept(t, i, RCX);
    int a = t->hw[in->a];
    X64Shift op = in->op == JF_OP_SHLV   ? X_SHL
                  : in->op == JF_OP_SHRV ? X_SHR
                                         : X_SAR;
    if (a == X_RCX) {
        t->error = "a shift of a value that stands in rcx";
        return;
    }
    if (keep)
        x64_movq_to(t->b, X64_TMP, X_RCX);
    if (t->hw[in->b] != X_RCX)
        x64_mov(t->b, X_RCX, t->hw[in->b]);
    x64_shift_cl(t->b, op, a);
    if (keep)
        x64_movq_from(t->b, X_RCX, X64_TMP);
}

/* --- floating point --------------------------------------------------------------- */

/* All bits set, moved up until the sign alone is left. */
static void op_negf(X64Thunk *t, const jf_Ins *in)
{
    if (in->a != in->b)
        x64_movaps(t->b, t->hw[in->a], t->hw[in->b]);
    x64_pcmpeqd(t->b, X64_TMP, X64_TMP);
    x64_psll(t->b, X64_TMP, 8 * in->w - 1, in->w);
    x64_pxor(t->b, t->hw[in->a], X64_TMP);
}

/* SDM, UCOMISD: unordered sets zero, parity and carry. So "above" and "above or
 * equal" are false there; less is greater with the operands exchanged. */
static void op_branchf(X64Thunk *t, const jf_Ins *in)
{
    bool swap = in->c == JF_LT || in->c == JF_LE;
    int a = t->hw[swap ? in->b : in->a], b = t->hw[swap ? in->a : in->b];
    x64_ucomis(t->b, a, b, in->w);
    if (in->c == JF_EQ) {
        size_t skip = x64_jcc(t->b, X_CC_P, true);
        x64_jump_if(t, X_CC_E, in->label);
        x64_patch(t->b, skip, true, t->b->n);
    } else if (in->c == JF_NE) {
        size_t take = x64_jcc(t->b, X_CC_P, true);
        size_t skip = x64_jcc(t->b, X_CC_E, true);
        x64_patch(t->b, take, true, t->b->n);
        x64_jump(t, in->label);
        x64_patch(t->b, skip, true, t->b->n);
    } else {
        bool strict = in->c == JF_LT || in->c == JF_GT;
        x64_jump_if(t, strict ? X_CC_A : X_CC_AE, in->label);
    }
}

static void op_arithmetic(X64Thunk *t, const jf_Ins *in)
{
    X64Sse op = in->op == JF_OP_ADDF   ? X_ADDS
                : in->op == JF_OP_SUBF ? X_SUBS
                : in->op == JF_OP_MULF ? X_MULS
                                       : X_DIVS;
    x64_sse(t->b, op, t->hw[in->a], t->hw[in->b], in->w);
}

void x64_op_fn(X64Thunk *t, uint32_t i)
{
    const jf_Ins *in = &t->r->ins[i];
    switch ((jf_Op)in->op) {
    case JF_OP_ENTER:
        enter(t, in);
        break;
    case JF_OP_LEAVE:
        leave(t, i);
        break;
    case JF_OP_DIV:
    case JF_OP_MOD:
        op_div(t, i);
        break;
    case JF_OP_SHLV:
    case JF_OP_SHRV:
    case JF_OP_SARV:
        op_shift(t, i);
        break;
    case JF_OP_ADDF:
    case JF_OP_SUBF:
    case JF_OP_MULF:
    case JF_OP_DIVF:
        op_arithmetic(t, in);
        break;
    case JF_OP_NEGF:
        op_negf(t, in);
        break;
    case JF_OP_INTF:
        x64_pxor(t->b, t->hw[in->a], t->hw[in->a]); /* no wait for its old value */
        x64_cvt_int(t->b, t->hw[in->a], t->hw[in->b], in->w);
        break;
    case JF_OP_TRUNCF:
        x64_cvt_trunc(t->b, t->hw[in->a], t->hw[in->b], in->w);
        break;
    case JF_OP_BITSF:
        x64_movq_to(t->b, t->hw[in->a], t->hw[in->b]);
        break;
    case JF_OP_BRANCHF:
        op_branchf(t, in);
        break;
    default:
        t->error = "an unknown instruction";
    }
}
