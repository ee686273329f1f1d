/* SPDX-License-Identifier: MIT
 *
 * Plain recipe instructions as x86-64 code: moves, memory, arithmetic,
 * comparisons. See thunk.h for the registers.
 */
#include "arch/x64/thunk.h"

static X64Cc cc_of(unsigned c)
{
    static const uint8_t cc[] = {
        [JF_EQ] = X_CC_E, [JF_NE] = X_CC_NE, [JF_LT] = X_CC_L, [JF_LE] = X_CC_LE,
        [JF_GT] = X_CC_G, [JF_GE] = X_CC_GE, [JF_B] = X_CC_B,  [JF_BE] = X_CC_BE,
        [JF_A] = X_CC_A,  [JF_AE] = X_CC_AE};
    JF_ASSERT(c < JF_COUNT(cc));
    return (X64Cc)cc[c];
}

static void op_move(X64Thunk *t, const jf_Ins *in)
{
    bool vec = in->a == JF_F0 || in->a == JF_F1;
    JF_ASSERT(vec == (in->b == JF_F0 || in->b == JF_F1));
    if (in->a == in->b)
        return;
    if (vec)
        x64_movaps(t->b, t->hw[in->a], t->hw[in->b]);
    else
        x64_mov(t->b, t->hw[in->a], t->hw[in->b]);
}

static void op_store(X64Thunk *t, const jf_Ins *in)
{
    X64Mem m = x64_operand(t, in->a, in->off);
    int64_t v = (int64_t)in->imm;
    if (in->b != JF_NOREG) {
        x64_store(t->b, m, t->hw[in->b], in->w);
    } else if (in->w == 8 && !x64_fits32(v)) {
        x64_store_imm(t->b, m, (int32_t)(uint32_t)in->imm, 4);
        m.off += 4;
        x64_store_imm(t->b, m, (int32_t)(uint32_t)(in->imm >> 32), 4);
    } else {
        x64_store_imm(t->b, m, (int32_t)(uint32_t)in->imm, in->w);
    }
}

static void op_lea(X64Thunk *t, const jf_Ins *in)
{
    int d = t->hw[in->a];
    if (in->b == JF_THREAD) { /* fs:0 holds the thread pointer itself */
        x64_load(t->b, d, x64_at(X_FS, 0), 8, false);
        if (in->off)
            x64_alu_imm(t->b, X_ADD, d, in->off);
    } else if (in->b != JF_FRAME && in->off == 0) {
        if (in->a != in->b)
            x64_mov(t->b, d, t->hw[in->b]);
    } else {
        x64_lea(t->b, d, x64_operand(t, in->b, in->off));
    }
}

/* Returns true if the flags now describe the result. */
static bool op_alu(X64Thunk *t, uint32_t i, X64Alu op)
{
    const jf_Ins *in = &t->r->ins[i];
    int d = t->hw[in->a];
    if (in->b != JF_NOREG) {
        x64_alu(t->b, op, d, t->hw[in->b]);
    } else if (op == X_AND && in->imm == UINT32_MAX) {
        x64_mov32(t->b, d, d);
        return false;
    } else if (x64_fits32((int64_t)in->imm)) {
        x64_alu_imm(t->b, op, d, (int32_t)(int64_t)in->imm);
    } else {
        X64Scratch s = x64_scratch(t, i, 0, d, -1);
        x64_const(t->b, s.reg, in->imm);
        x64_alu(t->b, op, d, s.reg);
        x64_scratch_done(t, s);
    }
    return true;
}

static void op_mul(X64Thunk *t, uint32_t i)
{
    const jf_Ins *in = &t->r->ins[i];
    int d = t->hw[in->a];
    if (in->b != JF_NOREG) {
        x64_imul(t->b, d, t->hw[in->b]);
    } else if (x64_fits32((int64_t)in->imm)) {
        x64_imul_imm(t->b, d, (int32_t)(int64_t)in->imm);
    } else {
        X64Scratch s = x64_scratch(t, i, 0, d, -1);
        x64_const(t->b, s.reg, in->imm);
        x64_imul(t->b, d, s.reg);
        x64_scratch_done(t, s);
    }
}

static void op_branch(X64Thunk *t, uint32_t i)
{
    const jf_Ins *in = &t->r->ins[i];
    int a = t->hw[in->a];
    X64Cc cc = cc_of(in->c);
    if (in->b != JF_NOREG) {
        x64_alu(t->b, X_CMP, a, t->hw[in->b]);
    } else if (in->imm == 0) {
        bool known = t->flags_reg == a &&
                     (t->flags_logic || in->c == JF_EQ || in->c == JF_NE);
        if (!known)
            x64_test(t->b, a, a);
    } else if (x64_fits32((int64_t)in->imm)) {
        x64_alu_imm(t->b, X_CMP, a, (int32_t)(int64_t)in->imm);
    } else {
        X64Scratch s = x64_scratch(t, i, 0, a, -1);
        x64_const(t->b, s.reg, in->imm);
        x64_alu(t->b, X_CMP, a, s.reg);
        x64_scratch_done(t, s);
    }
    x64_jump_if(t, cc, in->label);
}

static void op_branchm(X64Thunk *t, uint32_t i)
{
    const jf_Ins *in = &t->r->ins[i];
    X64Mem m = x64_operand(t, in->a, in->off);
    if (in->b != JF_NOREG) {
        x64_cmp_mem(t->b, m, t->hw[in->b]);
    } else if (x64_fits32((int64_t)in->imm)) {
        x64_alu_mem_imm(t->b, X_CMP, m, (int32_t)(int64_t)in->imm);
    } else {
        X64Scratch s = x64_scratch(t, i, 0, m.base, -1);
        x64_const(t->b, s.reg, in->imm);
        x64_cmp_mem(t->b, m, s.reg);
        x64_scratch_done(t, s);
    }
    x64_jump_if(t, cc_of(in->c), in->label);
}

static void op_addto(X64Thunk *t, uint32_t i)
{
    const jf_Ins *in = &t->r->ins[i];
    X64Mem m = x64_operand(t, in->a, in->off);
    if (in->b != JF_NOREG) {
        x64_alu_to_mem(t->b, X_ADD, m, t->hw[in->b]);
    } else if (x64_fits32((int64_t)in->imm)) {
        x64_alu_mem_imm(t->b, X_ADD, m, (int32_t)(int64_t)in->imm);
    } else {
        X64Scratch s = x64_scratch(t, i, 0, m.base, -1);
        x64_const(t->b, s.reg, in->imm);
        x64_alu_to_mem(t->b, X_ADD, m, s.reg);
        x64_scratch_done(t, s);
    }
}

static void op_loadf(X64Thunk *t, const jf_Ins *in)
{
    X64Mem m = x64_operand(t, in->b, in->off);
    if (in->w == 4)
        x64_movd_load(t->b, t->hw[in->a], m);
    else
        x64_movq_load(t->b, t->hw[in->a], m);
}

static void op_storef(X64Thunk *t, const jf_Ins *in)
{
    X64Mem m = x64_operand(t, in->a, in->off);
    if (in->w == 4)
        x64_movd_store(t->b, m, t->hw[in->b]);
    else
        x64_movq_store(t->b, m, t->hw[in->b]);
}

static void op_return(X64Thunk *t, const jf_Ins *in)
{
    if (in->b == JF_NOREG)
        x64_const(t->b, X_RAX, in->imm);
    else if (t->hw[in->b] != X_RAX)
        x64_mov(t->b, X_RAX, t->hw[in->b]);
    x64_epilogue(t);
}

/* LONG: one case per instruction. */
void x64_op_plain(X64Thunk *t, uint32_t i)
{
    const jf_Ins *in = &t->r->ins[i];
    int flags = -1;
    bool logic = false;
    switch ((jf_Op)in->op) {
    case JF_OP_MOVE:
        op_move(t, in);
        break;
    case JF_OP_CONST:
        x64_const(t->b, t->hw[in->a], in->imm);
        break;
    case JF_OP_LOAD:
        x64_load(t->b, t->hw[in->a], x64_operand(t, in->b, in->off), in->w, in->s);
        break;
    case JF_OP_STORE:
        op_store(t, in);
        break;
    case JF_OP_LEA:
        op_lea(t, in);
        break;
    case JF_OP_EXTEND:
        if (in->w == 8)
            op_move(t, in);
        else
            x64_extend(t->b, t->hw[in->a], t->hw[in->b], in->w, in->s);
        break;
    case JF_OP_ADD:
    case JF_OP_SUB:
        if (op_alu(t, i, in->op == JF_OP_ADD ? X_ADD : X_SUB))
            flags = t->hw[in->a];
        break;
    case JF_OP_AND:
    case JF_OP_OR:
    case JF_OP_XOR:
        logic = op_alu(t, i,
                       in->op == JF_OP_AND  ? X_AND
                       : in->op == JF_OP_OR ? X_OR
                                            : X_XOR);
        flags = logic ? t->hw[in->a] : -1;
        break;
    case JF_OP_ADDM:
        x64_alu_mem(t->b, X_ADD, t->hw[in->a], x64_operand(t, in->b, in->off));
        flags = t->hw[in->a];
        break;
    case JF_OP_ADDTO:
        op_addto(t, i);
        break;
    case JF_OP_COUNTM:
        x64_alu_mem_imm(t->b, X_SUB, x64_operand(t, in->a, in->off), 1);
        x64_jump_if(t, X_CC_NE, in->label);
        break;
    case JF_OP_MUL:
        op_mul(t, i);
        break;
    case JF_OP_SHL:
        x64_shift(t->b, X_SHL, t->hw[in->a], (int)in->imm);
        break;
    case JF_OP_SHR:
        x64_shift(t->b, X_SHR, t->hw[in->a], (int)in->imm);
        break;
    case JF_OP_SAR:
        x64_shift(t->b, X_SAR, t->hw[in->a], (int)in->imm);
        break;
    case JF_OP_BRANCH:
        op_branch(t, i);
        break;
    case JF_OP_BRANCHM:
        op_branchm(t, i);
        break;
    case JF_OP_JUMP:
        x64_jump(t, in->label);
        break;
    case JF_OP_LOADF:
        op_loadf(t, in);
        break;
    case JF_OP_STOREF:
        op_storef(t, in);
        break;
    case JF_OP_CVTF:
        x64_cvt(t->b, t->hw[in->a], t->hw[in->b], in->w);
        break;
    case JF_OP_RETURN:
        op_return(t, in);
        break;
    default:
        x64_op_fn(t, i);
    }
    t->flags_reg = flags;
    t->flags_logic = logic;
}
