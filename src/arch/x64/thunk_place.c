/* SPDX-License-Identifier: MIT
 *
 * Arguments into their places, helper and foreign calls, results out of theirs.
 * Where a piece lives is read from the plan; see thunk.h for the frame. Values
 * are never read or written beyond their last byte: they may end a page.
 */
#include "arch/x64/thunk.h"

#include "core/base/bits.h"

/* --- arguments ----------------------------------------------------------------- */

/* `size` bytes at `m` into general register `d`, upper bytes zero or anything.
 * Odd sizes are put together from the top: a 32-bit load, shifts, and loads
 * that replace only the low byte or word. `d` is not the base of `m`. */
void x64_load_piece(X64Thunk *t, int d, X64Mem m, uint32_t size, uint8_t extend)
{
    JF_ASSERT(size >= 1 && size <= 8);
    if (size == 1 || size == 2 || size == 4 || size == 8) {
        x64_load(t->b, d, m, (int)size, extend == JF_EXT_SIGN);
        return;
    }
    JF_ASSERT(d != m.base);
    uint32_t rest = size == 3 ? 1 : size - 4;
    X64Mem at = m;
    at.off += (int32_t)rest;
    x64_load(t->b, d, at, size == 3 ? 2 : 4, false);
    while (rest) {
        uint32_t step = rest >= 2 ? 2 : 1;
        rest -= step;
        at.off = m.off + (int32_t)rest;
        x64_shift(t->b, X_SHL, d, (int)(8 * step));
        x64_load_low(t->b, d, at, (int)step);
    }
}

/* `size` bytes at `m` into vector register `d`. Halves of _Float16 structs are
 * put in word by word. */
void x64_load_vec(X64Thunk *t, int d, X64Mem m, uint32_t size)
{
    if (size == 16) {
        x64_movups_load(t->b, d, m);
        return;
    }
    uint32_t done = size >= 8 ? 8 : size >= 4 ? 4 : 0;
    if (done == 8)
        x64_movq_load(t->b, d, m);
    else if (done == 4)
        x64_movd_load(t->b, d, m);
    else
        x64_pxor(t->b, d, d);
    if (size % 2)
        t->error = "a vector piece of odd size";
    for (; done + 2 <= size; done += 2) {
        X64Mem at = m;
        at.off += (int32_t)done;
        x64_pinsrw(t->b, d, at, (int)(done / 2));
    }
}

static void copy_block(X64Thunk *t, X64Mem to, X64Mem from, uint32_t size)
{
    /* rdi, rsi, rcx may hold arguments or anything else: keep them aside. */
    x64_movq_to(t->b, 13, X_RDI);
    x64_movq_to(t->b, 14, X_RSI);
    x64_movq_to(t->b, X64_TMP, X_RCX);
    x64_lea(t->b, X_RSI, from); /* first: the base may be rcx */
    x64_lea(t->b, X_RDI, to);
    x64_const(t->b, X_RCX, size);
    x64_rep_movsb(t->b);
    x64_movq_from(t->b, X_RCX, X64_TMP);
    x64_movq_from(t->b, X_RSI, 14);
    x64_movq_from(t->b, X_RDI, 13);
}

/* `size` bytes into the outgoing area. Tails of 4 and more bytes are copied
 * with an overlap; smaller values go through a scratch register. */
static void copy_to_stack(X64Thunk *t, uint32_t i, uint16_t own, uint32_t stack,
                          X64Mem from, const jf_Piece *p)
{
    enum { INLINE = 128 };
    X64Mem to = x64_at(X_RSP, (int32_t)stack);
    uint32_t size = p->size;
    if (size < 4) {
        X64Scratch s = x64_scratch(t, i, own, from.base, -1);
        x64_load_piece(t, s.reg, from, size, p->extend);
        x64_store(t->b, to, s.reg, 8);
        x64_scratch_done(t, s);
        return;
    }
    if (size > INLINE && from.base != X_FS) {
        copy_block(t, to, from, size);
        return;
    }
    uint32_t unit = size >= 16 ? 16 : size >= 8 ? 8 : 4;
    for (uint32_t done = 0; done < size;) {
        uint32_t at = done + unit <= size ? done : size - unit;
        X64Mem f = x64_at(from.base, from.off + (int32_t)at);
        X64Mem d = x64_at(X_RSP, to.off + (int32_t)at);
        if (unit == 16) {
            x64_movups_load(t->b, X64_TMP, f);
            x64_movups_store(t->b, d, X64_TMP);
        } else if (unit == 8) {
            x64_movq_load(t->b, X64_TMP, f);
            x64_movq_store(t->b, d, X64_TMP);
        } else {
            x64_movd_load(t->b, X64_TMP, f);
            x64_movd_store(t->b, d, X64_TMP);
        }
        done = at + unit;
    }
}

/* The address of the value itself is what is passed. */
static void place_address(X64Thunk *t, uint32_t i, const jf_Piece *p, X64Mem m)
{
    if (p->place == JF_IN_GPR) {
        x64_lea(t->b, x64_arg_gpr[p->reg], m);
        return;
    }
    X64Scratch s = x64_scratch(t, i, 0, m.base, -1);
    x64_lea(t->b, s.reg, m);
    x64_store(t->b, x64_at(X_RSP, (int32_t)p->stack), s.reg, 8);
    x64_scratch_done(t, s);
}

static void place_memory(X64Thunk *t, uint32_t i)
{
    const jf_Ins *in = &t->r->ins[i];
    const jf_PlanValue *v = &t->plan->args[in->c];
    X64Mem m = x64_operand(t, in->b, in->off);
    uint16_t own = x64_value_mask(t->plan, in->c);
    for (uint32_t k = 0; k < v->n; k++) {
        const jf_Piece *p = &t->plan->pieces[v->first + k];
        X64Mem at = m;
        at.off += (int32_t)p->offset;
        if (v->indirect)
            place_address(t, i, p, m);
        else if (p->place == JF_IN_GPR)
            x64_load_piece(t, x64_arg_gpr[p->reg], at, p->size, p->extend);
        else if (p->place == JF_IN_VEC)
            x64_load_vec(t, p->reg, at, p->size);
        else if (p->place == JF_ON_STACK)
            copy_to_stack(t, i, own, p->stack, at, p);
        else
            t->error = "an argument in a place that this convention has not";
    }
}

static void store_wide(X64Thunk *t, X64Mem m, uint64_t imm)
{
    x64_store_imm(t->b, m, (int32_t)(uint32_t)imm, 4);
    m.off += 4;
    x64_store_imm(t->b, m, (int32_t)(uint32_t)(imm >> 32), 4);
}

static void place_scalar(X64Thunk *t, const jf_Ins *in)
{
    const jf_PlanValue *v = &t->plan->args[in->c];
    JF_ASSERT(v->n == 1);
    const jf_Piece *p = &t->plan->pieces[v->first];
    JF_ASSERT(p->place == JF_IN_GPR || p->place == JF_ON_STACK);
    X64Mem to = x64_at(X_RSP, (int32_t)p->stack);
    if (in->b == JF_NOREG && p->place == JF_IN_GPR)
        x64_const(t->b, x64_arg_gpr[p->reg], in->imm);
    else if (in->b == JF_NOREG && x64_fits32((int64_t)in->imm))
        x64_store_imm(t->b, to, (int32_t)(int64_t)in->imm, 8);
    else if (in->b == JF_NOREG)
        store_wide(t, to, in->imm);
    else if (p->place == JF_ON_STACK)
        x64_store(t->b, to, t->hw[in->b], 8);
    else if (t->hw[in->b] != x64_arg_gpr[p->reg])
        x64_mov(t->b, x64_arg_gpr[p->reg], t->hw[in->b]);
}

/* Does xmm0 still have the float that the PLACEF or LEAVE at `i` gives, because it
 * is the result of the call before? */
bool x64_in_xmm0(const X64Thunk *t, uint32_t i)
{
    uint32_t k = i;
    while (k-- > 0 &&
           (t->r->ins[k].op == JF_OP_USE || t->r->ins[k].op == JF_OP_STOREF))
        ;
    return k < i && t->r->ins[k].op == JF_OP_RESULTF &&
           t->r->ins[k].a == t->r->ins[i].b;
}

/* Is the result that the RESULTF at `i` takes given on from xmm0 and nowhere read
 * before it is undefined? */
static bool stays_in_xmm0(const X64Thunk *t, uint32_t i)
{
    uint32_t k = i + 1;
    while (k < t->r->n && t->r->ins[k].op == JF_OP_USE)
        k++;
    if (k == t->r->n || t->r->ins[k].b != t->r->ins[i].a)
        return false;
    if (t->r->ins[k].op == JF_OP_LEAVE)
        return true;
    const jf_Ins *in = &t->r->ins[k];
    const jf_Plan *plan = k > i + 1 ? t->r->plans[t->r->ins[k - 1].c] : t->plan;
    if (in->op != JF_OP_PLACEF || x64_value_mask(plan, in->c) != 1u << X64_VEC_BIT)
        return false;
    while (++k < t->r->n) {
        const jf_Ins *more = &t->r->ins[k];
        if (more->op == JF_OP_FOREIGN)
            return true;
        if (more->op != JF_OP_PLACE && more->op != JF_OP_PLACEM &&
            (more->op != JF_OP_PLACEF || more->b == t->r->ins[i].a))
            return false;
    }
    return false;
}

static void place_float(X64Thunk *t, uint32_t i)
{
    const jf_Ins *in = &t->r->ins[i];
    const jf_PlanValue *v = &t->plan->args[in->c];
    JF_ASSERT(v->n == 1);
    const jf_Piece *p = &t->plan->pieces[v->first];
    JF_ASSERT(p->place == JF_IN_VEC || p->place == JF_ON_STACK);
    if (p->place == JF_IN_VEC && p->reg == 0 && x64_in_xmm0(t, i))
        return;
    if (p->place == JF_IN_VEC)
        x64_movaps(t->b, p->reg, t->hw[in->b]);
    else if (p->size == 4)
        x64_movd_store(t->b, x64_at(X_RSP, (int32_t)p->stack), t->hw[in->b]);
    else
        x64_movq_store(t->b, x64_at(X_RSP, (int32_t)p->stack), t->hw[in->b]);
}

void x64_op_place(X64Thunk *t, uint32_t i)
{
    const jf_Ins *in = &t->r->ins[i];
    if (in->op == JF_OP_PLACE)
        place_scalar(t, in);
    else if (in->op == JF_OP_PLACEF)
        place_float(t, i);
    else if (in->op == JF_OP_PLACEM && !x64_pass_on(t, i))
        place_memory(t, i);
    else if (in->op == JF_OP_PLACEM)
        ;
    else /* psABI 3.2.3: the address of the result is the first argument */
        x64_lea(t->b, X_RDI, x64_operand(t, in->b, in->off));
}

/* --- helpers ------------------------------------------------------------------- */

/* Store, or load, what a helper call at `i` would lose: argument registers in
 * their order, light Rs that are needed later, vector registers. ORDER SPILL:
 * spill_size in thunk.c counts the same cells. */
static void spill(X64Thunk *t, uint32_t i, bool load)
{
    int32_t at = t->spill;
    for (int k = 0; k < X64_N_GPR; k++) {
        if (t->placed[i] >> k & 1) {
            if (load)
                x64_load(t->b, x64_arg_gpr[k], x64_at(X_RBP, at), 8, false);
            else
                x64_store(t->b, x64_at(X_RBP, at), x64_arg_gpr[k], 8);
        }
        at += t->spill_mask >> k & 1 ? 8 : 0;
    }
    for (int k = 0; k < 4; k++) {
        if (!(t->is_light >> k & 1))
            continue;
        bool written =
            load && t->r->ins[i].op == JF_OP_HELPER && t->r->ins[i].a == k;
        if (t->last_use[k] > i && load && !written)
            x64_load(t->b, t->hw[k], x64_at(X_RBP, at), 8, false);
        else if (t->last_use[k] > i && !load)
            x64_store(t->b, x64_at(X_RBP, at), t->hw[k], 8);
        at += 8;
    }
    at = t->spill + (int32_t)jf_round_up((uint64_t)(at - t->spill), 16);
    for (int k = 0; k < X64_N_VEC; k++) {
        int bit = X64_VEC_BIT + k;
        if (t->placed[i] >> bit & 1) {
            if (load)
                x64_movups_load(t->b, k, x64_at(X_RBP, at));
            else
                x64_movups_store(t->b, x64_at(X_RBP, at), k);
        }
        at += t->spill_mask >> bit & 1 ? 16 : 0;
    }
}

static void helper_argument(X64Thunk *t, const jf_Ins *in)
{
    if (in->op == JF_OP_ARGF) {
        x64_movaps(t->b, in->c, t->hw[in->b]);
        return;
    }
    int d = x64_arg_gpr[in->c];
    if (in->op == JF_OP_ARGLEA && in->b == JF_THREAD) {
        x64_load(t->b, d, x64_at(X_FS, 0), 8, false);
        x64_alu_imm(t->b, X_ADD, d, in->off);
    } else if (in->op == JF_OP_ARGLEA) {
        x64_lea(t->b, d, x64_operand(t, in->b, in->off));
    } else if (in->b == JF_NOREG) {
        x64_const(t->b, d, in->imm);
    } else if (d != t->hw[in->b]) {
        x64_mov(t->b, d, t->hw[in->b]);
    }
}

void x64_op_helper(X64Thunk *t, uint32_t i)
{
    const jf_Ins *in = &t->r->ins[i];
    if (!t->in_args) {
        spill(t, i, false);
        t->in_args = true;
    }
    if (in->op != JF_OP_HELPER && in->op != JF_OP_HELPERF) {
        helper_argument(t, in);
        return;
    }
    x64_const(t->b, X_RAX, in->imm);
    x64_call(t->b, X_RAX);
    if (in->op == JF_OP_HELPERF)
        x64_movaps(t->b, t->hw[in->a], 0);
    else if (in->a != JF_NOREG && t->hw[in->a] != X_RAX)
        x64_mov(t->b, t->hw[in->a], X_RAX);
    spill(t, i, true);
    t->in_args = false;
}

/* --- the foreign call and its result --------------------------------------------- */

static void foreign(X64Thunk *t, const jf_Ins *in)
{
    int target = X_R11;
    if (in->b == JF_NOREG)
        x64_const(t->b, X_R11, in->imm);
    else if (in->b != JF_FRAME)
        target = t->hw[in->b];
    if (t->plan->variadic) {
        /* psABI 3.2.3: al is an upper bound of the vector registers used. */
        if (target == X_RAX) {
            x64_mov(t->b, X_R11, X_RAX);
            target = X_R11;
        }
        x64_const(t->b, X_RAX, t->plan->n_vec);
    }
    if (in->b == JF_FRAME)
        x64_call_mem(t->b, x64_operand(t, JF_FRAME, in->off));
    else
        x64_call(t->b, target);
    if (in->s)
        x64_landing(t, in->label);
}

/* Low `size` bytes of general register `s` to memory; `s` is lost. */
static void store_piece(X64Thunk *t, X64Mem m, int s, uint32_t size)
{
    while (size) {
        uint32_t step = size >= 8 ? 8 : size >= 4 ? 4 : size >= 2 ? 2 : 1;
        x64_store(t->b, m, s, (int)step);
        size -= step;
        m.off += (int32_t)step;
        if (size)
            x64_shift(t->b, X_SHR, s, (int)(8 * step));
    }
}

/* After a call every argument register is free: rcx carries the tails. */
static void store_vec(X64Thunk *t, X64Mem m, int s, uint32_t size)
{
    if (size == 16) {
        x64_movups_store(t->b, m, s);
        return;
    }
    uint32_t done = size >= 8 ? 8 : size >= 4 ? 4 : 0;
    if (done == 8)
        x64_movq_store(t->b, m, s);
    else if (done == 4)
        x64_movd_store(t->b, m, s);
    if (size % 2)
        t->error = "a vector piece of odd size";
    for (; done + 2 <= size; done += 2) {
        X64Mem at = m;
        at.off += (int32_t)done;
        x64_pextrw(t->b, X_RCX, s, (int)(done / 2));
        x64_store(t->b, at, X_RCX, 2);
    }
}

static void result_memory(X64Thunk *t, const jf_Ins *in)
{
    static const uint8_t gpr[2] = {X_RAX, X_RDX}; /* psABI 3.2.3 */
    if (t->plan->sret != JF_SRET_NONE)
        return;
    const jf_PlanValue *v = &t->plan->result;
    for (uint32_t k = 0; k < v->n; k++) {
        const jf_Piece *p = &t->plan->pieces[v->first + k];
        X64Mem m = x64_operand(t, in->b, in->off);
        m.off += (int32_t)p->offset;
        if (p->place == JF_IN_GPR)
            store_piece(t, m, gpr[p->reg], p->size);
        else if (p->place == JF_IN_VEC)
            store_vec(t, m, p->reg, p->size);
        else if (p->place == JF_IN_X87) /* popped in order: st0 comes first */
            x64_fstp80(t->b, m);
        else
            t->error = "a result in a place that this convention has not";
    }
}

void x64_op_result(X64Thunk *t, uint32_t i)
{
    const jf_Ins *in = &t->r->ins[i];
    if (in->op == JF_OP_FOREIGN) {
        foreign(t, in);
    } else if (in->op == JF_OP_CATCH) { /* DWARF's register 0: see exec/guard.c */
        if (t->hw[in->a] != X_RAX)
            x64_mov(t->b, t->hw[in->a], X_RAX);
    } else if (in->op == JF_OP_RESULTM) {
        result_memory(t, in);
    } else if (in->op == JF_OP_RESULTF) {
        if (!stays_in_xmm0(t, i))
            x64_movaps(t->b, t->hw[in->a], 0);
    } else if (t->hw[in->a] != X_RAX) {
        x64_mov(t->b, t->hw[in->a], X_RAX);
    }
}
