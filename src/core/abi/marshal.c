/* SPDX-License-Identifier: MIT
 *
 * Values between the slots block and the registers, as a plan says, and a
 * plan's text. The same moves that thunks make in machine code.
 */
#include <string.h>

#include "core/abi/abi.h"

/* The registers of one direction. */
typedef struct Bank {
    uint64_t *gpr;
    uint8_t (*vec)[16];
    uint8_t *stack;
    uint8_t (*x87)[16];
} Bank;

static Bank arg_bank(const jf_Regs *regs)
{
    jf_Regs *r = (jf_Regs *)(uintptr_t)regs; /* written by pack only */
    return (Bank){r->gpr, r->vec, r->stack, NULL};
}

static Bank ret_bank(const jf_Regs *regs)
{
    jf_Regs *r = (jf_Regs *)(uintptr_t)regs;
    return (Bank){r->ret_gpr, r->ret_vec, NULL, r->ret_x87};
}

/* The `size` low bytes at `from` as a full register. Little-endian hosts only,
 * as every target is. */
static uint64_t load_word(const uint8_t *from, uint32_t size, uint8_t extend)
{
    uint64_t w = 0;
    JF_ASSERT(size <= 8);
    memcpy(&w, from, size);
    if (extend == JF_EXT_SIGN && size < 8) {
        unsigned shift = 64 - size * 8;
        w = (uint64_t)((int64_t)(w << shift) >> shift);
    }
    return w;
}

static void store_piece(const Bank *b, const jf_Piece *p, const uint8_t *value)
{
    const uint8_t *from = value + p->offset;
    switch ((jf_Place)p->place) {
    case JF_IN_BOTH:
    case JF_IN_GPR:
        b->gpr[p->reg] = load_word(from, p->size, p->extend);
        if (p->place == JF_IN_GPR)
            break;
        /* fall through */
    case JF_IN_VEC:
        memset(b->vec[p->reg], 0, 16);
        memcpy(b->vec[p->reg], from, p->size);
        break;
    case JF_IN_X87:
        memcpy(b->x87[p->reg], from, p->size);
        break;
    case JF_ON_STACK:
        memcpy(b->stack + p->stack, from, p->size);
        break;
    }
}

static void fetch_piece(const Bank *b, const jf_Piece *p, uint8_t *value)
{
    uint8_t *to = value + p->offset;
    switch ((jf_Place)p->place) {
    case JF_IN_GPR:
        memcpy(to, &b->gpr[p->reg], p->size);
        break;
    case JF_IN_BOTH:
    case JF_IN_VEC:
        memcpy(to, b->vec[p->reg], p->size);
        break;
    case JF_IN_X87:
        memcpy(to, b->x87[p->reg], p->size);
        break;
    case JF_ON_STACK:
        memcpy(to, b->stack + p->stack, p->size);
        break;
    }
}

void jf_plan_pack_args(const jf_Plan *p, const void *slots, void *sret,
                       jf_Regs *regs)
{
    Bank b = arg_bank(regs);
    JF_ASSERT(p->stack_size == 0 || regs->stack);
    if (p->sret != JF_SRET_NONE)
        b.gpr[p->sret == JF_SRET_X8 ? 8 : 0] = (uintptr_t)sret;
    for (uint32_t i = 0; i < p->n_args; i++) {
        const jf_PlanValue *v = &p->args[i];
        const uint8_t *value = (const uint8_t *)slots + v->slot;
        uint64_t address = (uintptr_t)value;
        for (uint32_t k = 0; k < v->n; k++)
            store_piece(&b, &p->pieces[v->first + k],
                        v->indirect ? (const uint8_t *)&address : value);
    }
}

void jf_plan_unpack_args(const jf_Plan *p, const jf_Regs *regs, void *slots)
{
    Bank b = arg_bank(regs);
    for (uint32_t i = 0; i < p->n_args; i++) {
        const jf_PlanValue *v = &p->args[i];
        uint8_t *value = (uint8_t *)slots + v->slot;
        if (v->indirect && v->n) {
            uint64_t address = 0;
            fetch_piece(&b, &p->pieces[v->first], (uint8_t *)&address);
            if (v->size)
                memcpy(value, (const void *)(uintptr_t)address, (size_t)v->size);
            continue;
        }
        for (uint32_t k = 0; k < v->n; k++)
            fetch_piece(&b, &p->pieces[v->first + k], value);
    }
}

void jf_plan_pack_result(const jf_Plan *p, const void *ret, jf_Regs *regs)
{
    Bank b = ret_bank(regs);
    if (p->sret != JF_SRET_NONE) {
        void *to = jf_plan_sret_address(p, regs);
        if (p->result.size && to != ret)
            memcpy(to, ret, (size_t)p->result.size);
        if (p->sret == JF_SRET_GPR0)
            b.gpr[0] = (uintptr_t)to; /* returned in rax as well */
        return;
    }
    for (uint32_t k = 0; k < p->result.n; k++)
        store_piece(&b, &p->pieces[p->result.first + k], ret);
}

void jf_plan_unpack_result(const jf_Plan *p, const jf_Regs *regs, void *ret)
{
    Bank b = ret_bank(regs);
    for (uint32_t k = 0; p->sret == JF_SRET_NONE && k < p->result.n; k++)
        fetch_piece(&b, &p->pieces[p->result.first + k], ret);
}

void *jf_plan_sret_address(const jf_Plan *p, const jf_Regs *regs)
{
    if (p->sret == JF_SRET_NONE)
        return NULL;
    return (void *)(uintptr_t)regs->gpr[p->sret == JF_SRET_X8 ? 8 : 0];
}
