/* SPDX-License-Identifier: MIT
 *
 * Program -> recipe: the walk, values and their places, memory, calls. See lower.h
 * for where values are. Relies on what jf_program_check has seen.
 */
#include "core/program/lower.h"

#include "core/base/bits.h"
#include "core/program/arith.h"

#include <string.h>

/* --- places ----------------------------------------------------------------------- */

int32_t lower_frame(Lower *l, uint64_t size, uint32_t align)
{
    l->memory += size + align;
    if (l->memory > LOWER_MOST)
        return 0;
    return jf_recipe_frame(l->r, (uint32_t)size, align);
}

int32_t lower_place(Lower *l, uint32_t v)
{
    const jf_ProgramValue *x = &l->p->values[v];
    if (l->at[v] >= 0)
        return l->at[v];
    if (x->kind == JF_S_BLOCK) {
        l->at[v] = lower_frame(l, x->size, 16);
    } else {
        l->at[v] = l->n_cells ? l->cells[--l->n_cells] : lower_frame(l, 8, 8);
        l->owner[v] = 1;
    }
    return l->at[v];
}

/* Instruction `i` has read `v`: was it the last one? */
static void has_read(Lower *l, uint32_t i, uint32_t v)
{
    if (l->last[v] != i + 1 || !l->owner[v])
        return;
    l->owner[v] = 0;
    l->cells[l->n_cells++] = l->at[v];
}

bool lower_constant(const Lower *l, uint32_t v, uint64_t *bits)
{
    if (!l->constant[v])
        return false;
    jf_Scalar k = lower_kind(l, v);
    uint64_t imm = l->p->ins[l->constant[v] - 1].imm;
    *bits = k == JF_S_F32           ? (uint32_t)imm
            : jf_scalar_is_float(k) ? imm
                                    : jf_arith_extend(k, imm);
    return true;
}

/* --- registers -------------------------------------------------------------------- */

void lower_get(Lower *l, jf_Reg reg, uint32_t v)
{
    uint64_t bits;
    if (l->held == v) {
        if (reg != JF_T0)
            jf_move(l->r, reg, JF_T0);
    } else if (lower_constant(l, v, &bits)) {
        jf_const(l->r, reg, bits);
    } else {
        jf_load(l->r, reg, JF_FRAME, lower_place(l, v), lower_size(l, v),
                jf_scalar_is_signed(lower_kind(l, v)));
    }
}

/* Constants come by T1, which holds nothing from one instruction to the next. */
void lower_getf(Lower *l, jf_Reg reg, uint32_t v)
{
    uint64_t bits;
    if (l->held == v) {
        if (reg != JF_F0)
            jf_move(l->r, reg, JF_F0);
    } else if (lower_constant(l, v, &bits)) {
        jf_const(l->r, JF_T1, bits);
        lower_f(l, JF_OP_BITSF, reg, JF_T1, 0);
    } else {
        jf_recipe_put(l->r, JF_INS(.op = JF_OP_LOADF, .a = reg, .b = JF_FRAME,
                                   .off = lower_place(l, v),
                                   .w = (uint8_t)lower_size(l, v)));
    }
}

/* What is held is moved out of the way of `a` before that is loaded. */
void lower_get_two(Lower *l, uint32_t a, uint32_t b)
{
    if (lower_is_float(l, a)) {
        lower_getf(l, JF_F1, b);
        lower_getf(l, JF_F0, a);
    } else {
        lower_get(l, JF_T1, b);
        lower_get(l, JF_T0, a);
    }
}

void lower_set(Lower *l, uint32_t v)
{
    l->held = v;
    if (l->last[v] <= l->next + 1)
        return;
    int32_t at = lower_place(l, v);
    if (lower_is_float(l, v))
        jf_recipe_put(l->r, JF_INS(.op = JF_OP_STOREF, .a = JF_FRAME, .b = JF_F0,
                                   .off = at, .w = (uint8_t)lower_size(l, v)));
    else
        jf_store(l->r, JF_FRAME, at, JF_T0, lower_size(l, v));
}

void lower_set_low(Lower *l, uint32_t v)
{
    if (lower_size(l, v) < 8)
        jf_extend(l->r, JF_T0, JF_T0, lower_size(l, v),
                  jf_scalar_is_signed(lower_kind(l, v)));
    lower_set(l, v);
}

/* --- memory ----------------------------------------------------------------------- */

/* `size` bytes by way of T1. A long copy is a helper's, after which no register
 * holds anything; then true. The bases are not T1. */
static bool copy(Lower *l, jf_Reg to, int32_t to_off, jf_Reg from, int32_t from_off,
                 uint32_t size)
{
    enum { INLINE = 64 };
    if (size > INLINE) {
        jf_arglea(l->r, 0, to, to_off);
        jf_arglea(l->r, 1, from, from_off);
        jf_arg(l->r, 2, JF_NOREG, size);
        jf_helper(l->r, JF_NOREG, (uintptr_t)memmove);
        l->held = JF_NO_VALUE;
        return true;
    }
    for (uint32_t step = 8, done = 0; done < size; done += step) {
        while (step > size - done)
            step /= 2;
        jf_load(l->r, JF_T1, from, from_off + (int32_t)done, (int)step, false);
        jf_store(l->r, to, to_off + (int32_t)done, JF_T1, (int)step);
    }
    return false;
}

static void zero(Lower *l, jf_Reg base, int32_t off, uint32_t size)
{
    enum { INLINE = 128 };
    if (size > INLINE) {
        jf_arglea(l->r, 0, base, off);
        jf_arg(l->r, 1, JF_NOREG, 0);
        jf_arg(l->r, 2, JF_NOREG, size);
        jf_helper(l->r, JF_NOREG, (uintptr_t)memset);
        l->held = JF_NO_VALUE;
        return;
    }
    for (uint32_t step = 8, done = 0; done < size; done += step) {
        while (step > size - done)
            step /= 2;
        jf_recipe_put(l->r, JF_INS(.op = JF_OP_STORE, .a = base, .b = JF_NOREG,
                                   .off = off + (int32_t)done, .w = (uint8_t)step));
    }
}

/* T0 = the address of FRAME + at, moved up to a multiple of `align`. */
static void address(Lower *l, int32_t at, uint32_t align)
{
    jf_lea(l->r, JF_T0, JF_FRAME, at);
    if (align > 16) {
        jf_arith(l->r, JF_OP_ADD, JF_T0, JF_NOREG, align - 1);
        jf_arith(l->r, JF_OP_AND, JF_T0, JF_NOREG, ~(uint64_t)(align - 1));
    }
}

static int32_t own_memory(Lower *l, const jf_ProgramValue *x)
{
    return lower_frame(l, (uint64_t)x->size + (x->align > 16 ? x->align : 0),
                       x->align > 16 ? 16 : x->align);
}

static void do_local(Lower *l, const jf_ProgramIns *in)
{
    const jf_ProgramValue *x = &l->p->values[in->v];
    int32_t at = own_memory(l, x);
    if (x->align <= 16) {
        zero(l, JF_FRAME, at, x->size);
    } else {
        address(l, at, x->align);
        zero(l, JF_T0, 0, x->size);
    }
    address(l, at, x->align);
    lower_set(l, in->v);
}

/* [base + off] = v; the base is FRAME or T0. Returns what copy() does. */
static bool store_value(Lower *l, jf_Reg base, int32_t off, uint32_t v)
{
    const jf_ProgramValue *x = &l->p->values[v];
    if (x->kind == JF_S_BLOCK)
        return copy(l, base, off, JF_FRAME, lower_place(l, v), x->size);
    if (lower_is_float(l, v)) {
        lower_getf(l, JF_F0, v);
        jf_recipe_put(l->r, JF_INS(.op = JF_OP_STOREF, .a = base, .b = JF_F0,
                                   .off = off, .w = (uint8_t)lower_size(l, v)));
    } else {
        lower_get(l, JF_T1, v);
        jf_store(l->r, base, off, JF_T1, lower_size(l, v));
    }
    return false;
}

static void do_address(Lower *l, const jf_ProgramIns *in)
{
    const jf_ProgramValue *x = &l->p->values[in->a];
    int32_t at = own_memory(l, x);
    if (x->align <= 16) {
        store_value(l, JF_FRAME, at, in->a);
    } else {
        if (l->held == in->a && !lower_is_float(l, in->a))
            jf_store(l->r, JF_FRAME, lower_place(l, in->a), JF_T0,
                     lower_size(l, in->a));
        if (!lower_is_float(l, in->a))
            l->held = JF_NO_VALUE;
        address(l, at, x->align);
        store_value(l, JF_T0, 0, in->a);
    }
    address(l, at, x->align);
    lower_set(l, in->v);
}

static void do_load(Lower *l, const jf_ProgramIns *in)
{
    const jf_ProgramValue *x = &l->p->values[in->v];
    lower_get(l, JF_T0, in->a);
    if (x->kind == JF_S_BLOCK) {
        copy(l, JF_FRAME, lower_place(l, in->v), JF_T0, in->off, x->size);
        l->held = JF_NO_VALUE;
        return;
    }
    if (lower_is_float(l, in->v))
        jf_recipe_put(l->r,
                      JF_INS(.op = JF_OP_LOADF, .a = JF_F0, .b = JF_T0,
                             .off = in->off, .w = (uint8_t)lower_size(l, in->v)));
    else
        jf_load(l->r, JF_T0, JF_T0, in->off, lower_size(l, in->v),
                jf_scalar_is_signed(lower_kind(l, in->v)));
    lower_set(l, in->v);
}

/* The address is brought last: what is stored may be held where it goes. */
static void do_store(Lower *l, const jf_ProgramIns *in)
{
    const jf_ProgramValue *x = &l->p->values[in->b];
    if (x->kind != JF_S_BLOCK && !lower_is_float(l, in->b)) {
        lower_get_two(l, in->a, in->b);
        jf_store(l->r, JF_T0, in->off, JF_T1, lower_size(l, in->b));
    } else {
        if (x->kind != JF_S_BLOCK)
            lower_getf(l, JF_F0, in->b);
        lower_get(l, JF_T0, in->a);
        if (x->kind != JF_S_BLOCK)
            jf_recipe_put(l->r, JF_INS(.op = JF_OP_STOREF, .a = JF_T0, .b = JF_F0,
                                       .off = in->off,
                                       .w = (uint8_t)lower_size(l, in->b)));
        else
            store_value(l, JF_T0, in->off, in->b);
    }
    l->held = JF_NO_VALUE;
}

/* --- choice ----------------------------------------------------------------------- */

/* A register in which `v` is not zero exactly if it is true. */
static jf_Reg truth(Lower *l, uint32_t v)
{
    if (!lower_is_float(l, v)) {
        if (l->held == v)
            return JF_T0;
        lower_get(l, JF_T1, v);
        return JF_T1;
    }
    /* The bits of a float without its sign. */
    uint64_t bits;
    if (lower_constant(l, v, &bits)) {
        jf_const(l->r, JF_T1, bits);
    } else {
        if (l->held == v)
            jf_recipe_put(l->r, JF_INS(.op = JF_OP_STOREF, .a = JF_FRAME,
                                       .b = JF_F0, .off = lower_place(l, v),
                                       .w = (uint8_t)lower_size(l, v)));
        jf_load(l->r, JF_T1, JF_FRAME, lower_place(l, v), lower_size(l, v), false);
    }
    jf_arith(l->r, JF_OP_SHL, JF_T1, JF_NOREG,
             lower_kind(l, v) == JF_S_F32 ? 33 : 1);
    return JF_T1;
}

/* `v` to where the chosen one goes: a block's cell, T0 or F0. */
static void choose(Lower *l, const jf_ProgramIns *in, uint32_t v)
{
    if (l->p->values[v].kind == JF_S_BLOCK)
        copy(l, JF_FRAME, lower_place(l, in->v), JF_FRAME, lower_place(l, v),
             l->p->values[v].size);
    else if (lower_is_float(l, v))
        lower_getf(l, JF_F0, v);
    else
        lower_get(l, JF_T0, v);
}

static void do_select(Lower *l, const jf_ProgramIns *in)
{
    uint32_t other = jf_recipe_label(l->r), end = jf_recipe_label(l->r);
    uint32_t held = l->held;
    jf_branch(l->r, truth(l, in->a), JF_EQ, JF_NOREG, 0, other);
    choose(l, in, in->b);
    jf_jump(l->r, end);
    jf_label(l->r, other);
    l->held = held;
    choose(l, in, in->c);
    jf_label(l->r, end);
    l->held = JF_NO_VALUE;
    if (l->p->values[in->v].kind != JF_S_BLOCK)
        lower_set(l, in->v);
}

/* --- calls ------------------------------------------------------------------------ */

static uint64_t extend_as(const jf_Piece *p, uint64_t w)
{
    unsigned shift = 64 - 8 * p->size;
    if (!shift)
        return w;
    w <<= shift;
    return p->extend == JF_EXT_SIGN ? (uint64_t)((int64_t)w >> shift) : w >> shift;
}

/* Scalar `v` as argument `k`. T0 and F0 may hold another argument: T1 and F1 are
 * used. A stack word that a small integer stands in is filled whole. */
static void place_scalar(Lower *l, const jf_Piece *p, int k, uint32_t v)
{
    uint64_t bits;
    bool is_float = lower_is_float(l, v);
    bool differs =
        p->extend != JF_EXT_NONE && !is_float &&
        jf_scalar_is_signed(lower_kind(l, v)) != (p->extend == JF_EXT_SIGN);
    if (lower_constant(l, v, &bits) && (!is_float || p->place == JF_ON_STACK)) {
        jf_recipe_put(l->r, JF_INS(.op = JF_OP_PLACE, .c = (uint16_t)k,
                                   .b = JF_NOREG, .imm = extend_as(p, bits)));
    } else if (is_float && (l->held == v || lower_constant(l, v, &bits))) {
        jf_Reg reg = l->held == v ? JF_F0 : JF_F1;
        lower_getf(l, reg, v);
        jf_placef(l->r, k, reg);
    } else if (l->held == v && !differs) {
        jf_place(l->r, k, JF_T0);
    } else if (is_float || (l->held != v && p->place == JF_IN_GPR)) {
        jf_placem(l->r, k, JF_FRAME, lower_place(l, v));
    } else {
        lower_get(l, JF_T1, v);
        if (differs)
            jf_extend(l->r, JF_T1, JF_T1, (int)p->size, p->extend == JF_EXT_SIGN);
        jf_place(l->r, k, JF_T1);
    }
}

/* The result of a call, which has just returned. `room`: where it went or may go,
 * if it is not a scalar. */
static void take_result(Lower *l, const jf_ProgramIns *in, const jf_Plan *plan,
                        int32_t room)
{
    const jf_PlanValue *x = &plan->result;
    l->held = JF_NO_VALUE;
    if (!x->is_scalar) {
        if (x->n && plan->sret == JF_SRET_NONE)
            jf_recipe_put(l->r,
                          JF_INS(.op = JF_OP_RESULTM, .b = JF_FRAME, .off = room));
    } else if (in->v == JF_NO_VALUE) {
        return;
    } else if (x->is_float) {
        jf_recipe_put(l->r, JF_INS(.op = JF_OP_RESULTF, .a = JF_F0));
        lower_set(l, in->v);
    } else {
        jf_recipe_put(l->r, JF_INS(.op = JF_OP_RESULT, .a = JF_T0));
        lower_set_low(l, in->v);
    }
}

static void do_call(Lower *l, const jf_ProgramIns *in)
{
    const jf_ProgramCall *call = &l->p->calls[in->imm];
    const jf_Plan *plan = call->plan;
    int32_t room = 0;
    jf_recipe_use(l->r, plan);
    for (uint32_t k = 0; k < plan->n_args; k++) {
        uint32_t v = l->p->args[call->first_arg + k];
        const jf_PlanValue *x = &plan->args[k];
        if (x->is_scalar)
            place_scalar(l, &plan->pieces[x->first], (int)k, v);
        else if (x->n)
            jf_placem(l->r, (int)k, JF_FRAME, lower_place(l, v));
    }
    /* A result that nobody wants still has to go somewhere. */
    if (!plan->result.is_scalar && plan->result.size)
        room = in->v != JF_NO_VALUE ? lower_place(l, in->v)
                                    : lower_frame(l, plan->result.size, 16);
    if (plan->sret != JF_SRET_NONE)
        jf_recipe_put(l->r,
                      JF_INS(.op = JF_OP_PLACERET, .b = JF_FRAME, .off = room));
    jf_recipe_put(l->r, JF_INS(.op = JF_OP_FOREIGN, .b = JF_NOREG,
                               .imm = (uintptr_t)call->address));
    take_result(l, in, plan, room);
}

/* --- the walk --------------------------------------------------------------------- */

static void leave(Lower *l, jf_Reg reg, int32_t off)
{
    jf_recipe_put(l->r, JF_INS(.op = JF_OP_LEAVE, .b = reg, .off = off,
                               .imm = (uint64_t)l->hidden));
}

static void do_result(Lower *l, const jf_ProgramIns *in)
{
    if (!l->p->plan->result.is_scalar) {
        leave(l, JF_NOREG, lower_place(l, in->a));
    } else if (lower_is_float(l, in->a)) {
        lower_getf(l, JF_F0, in->a);
        leave(l, JF_F0, 0);
    } else {
        lower_get(l, JF_T0, in->a);
        leave(l, JF_T0, 0);
    }
}

/* Instructions that only say where a value is. */
static bool is_silent(unsigned op)
{
    return op == JF_PR_PARAM || op == JF_PR_CONST || op == JF_PR_PART;
}

static void do_silent(Lower *l, const jf_ProgramIns *in, uint32_t i)
{
    if (in->op == JF_PR_PARAM)
        l->at[in->v] = l->slots + (int32_t)l->p->plan->args[in->imm].slot;
    else if (in->op == JF_PR_CONST)
        l->constant[in->v] = i + 1;
    else
        l->at[in->v] = lower_place(l, in->a) + in->off;
}

static void do_one(Lower *l, const jf_ProgramIns *in)
{
    switch ((jf_ProgramOp)in->op) {
    case JF_PR_LOCAL:
        do_local(l, in);
        break;
    case JF_PR_ADDRESS:
        do_address(l, in);
        break;
    case JF_PR_LOAD:
        do_load(l, in);
        break;
    case JF_PR_STORE:
        do_store(l, in);
        break;
    case JF_PR_CAST:
        lower_cast(l, in);
        break;
    case JF_PR_COMPARE:
        lower_compare(l, in);
        break;
    case JF_PR_SELECT:
        do_select(l, in);
        break;
    case JF_PR_CALL:
        do_call(l, in);
        break;
    case JF_PR_RESULT:
        do_result(l, in);
        break;
    default:
        lower_arithmetic(l, in);
    }
}

static void will_read(Lower *l, uint32_t i, uint32_t v)
{
    l->last[v] = i + 1;
}

/* `visit` every value that instruction `i` reads. */
static void each_read(Lower *l, uint32_t i,
                      void (*visit)(Lower *l, uint32_t i, uint32_t v))
{
    const jf_ProgramIns *in = &l->p->ins[i];
    const uint32_t operands[] = {in->a, in->b, in->c};
    for (int k = 0; k < 3; k++)
        if (jf_program_reads(in->op) >> k & 1)
            visit(l, i, operands[k]);
    if (in->op != JF_PR_CALL)
        return;
    const jf_ProgramCall *call = &l->p->calls[in->imm];
    for (uint32_t k = 0; k < call->plan->n_args; k++)
        visit(l, i, l->p->args[call->first_arg + k]);
}

static void walk(Lower *l)
{
    const jf_Program *p = l->p;
    const jf_Plan *plan = p->plan;
    l->slots = lower_frame(l, plan->slots_size, 16);
    l->hidden = plan->sret != JF_SRET_NONE ? lower_frame(l, 8, 8) : 0;
    jf_recipe_put(l->r, JF_INS(.op = JF_OP_ENTER, .off = l->slots,
                               .imm = (uint64_t)l->hidden));
    for (uint32_t i = 0; i < p->n_ins; i++) {
        if (is_silent(p->ins[i].op)) {
            do_silent(l, &p->ins[i], i);
            continue;
        }
        for (l->next = i + 1; l->next < p->n_ins; l->next++)
            if (!is_silent(p->ins[l->next].op))
                break;
        do_one(l, &p->ins[i]);
        each_read(l, i, has_read);
    }
    if (!p->n_ins || p->ins[p->n_ins - 1].op != JF_PR_RESULT)
        leave(l, JF_NOREG, 0);
}

jf_Status jf_program_lower(const jf_Program *p, jf_Recipe *r, jf_Diag *d)
{
    Lower l = {.p = p, .r = r, .held = JF_NO_VALUE};
    size_t n = p->n_values + 1;
    l.at = jf_calloc(n * (2 * sizeof *l.at + 2 * sizeof *l.last + 1));
    if (!l.at)
        return jf_diag_set(d, JF_NOMEM, "out of memory");
    memset(l.at, 0xff, n * sizeof *l.at);
    l.last = (uint32_t *)(l.at + n);
    l.constant = l.last + n;
    l.cells = (int32_t *)(l.constant + n);
    l.owner = (uint8_t *)(l.cells + n);
    for (uint32_t i = 0; i < p->n_ins; i++)
        each_read(&l, i, will_read);
    walk(&l);
    jf_free(l.at);
    if (r->failed)
        return jf_diag_set(d, JF_NOMEM, "out of memory");
    if (l.memory > LOWER_MOST)
        return jf_diag_set(d, JF_UNSUPPORTED,
                           "its values take %llu bytes, and machine code keeps "
                           "no more than %d on the stack",
                           (unsigned long long)l.memory, LOWER_MOST);
    return JF_OK;
}
