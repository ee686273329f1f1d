/* SPDX-License-Identifier: MIT
 *
 * The side that proves plans, independent of every encoder: values go through
 * jf_plan_pack_args and its sisters, and the dozen instructions of bridge_*.c
 * move a jf_Regs into the registers and back.
 */
#include <stdlib.h>
#include <string.h>

#include "bridge.h"
#include "core/layout/layout.h"
#include "side.h"

const char *const side_name = "bridge";

static jf_Plan *plan;
static uint8_t *stack_copy;

jf_Universe *side_universe(void)
{
    return jf_universe_new(bridge_target);
}

jf_Status side_open(jf_Universe *u, const Func *f, const jf_Plan **out, jf_Diag *d)
{
    jf_Status st = jf_plan_make(u->target, f->type, f->extra, f->n_extra, &plan, d);
    *out = plan;
    if (st == JF_OK)
        stack_copy = aligned_alloc(64, (plan->stack_size + 127) / 64 * 64);
    return st;
}

void side_close(void)
{
    jf_free(plan);
    free(stack_copy);
    plan = NULL;
    stack_copy = NULL;
}

void side_call(void *fn, void *slots, void *ret)
{
    jf_Regs regs;
    memset(&regs, 0xa5, sizeof regs);
    memset(stack_copy, 0x5a, plan->stack_size);
    regs.stack = stack_copy;
    jf_plan_pack_args(plan, slots, ret, &regs);
    unsigned x87 = 0;
    for (uint32_t i = 0; i < plan->result.n; i++)
        x87 += plan->pieces[plan->result.first + i].place == JF_IN_X87;
    bridge_call(fn, &regs, plan->stack_size, x87, plan->n_vec);
    jf_plan_unpack_result(plan, &regs, ret);
}

void *side_callback(jf_Universe *u, const Func *f, jf_Diag *d)
{
    (void)u;
    (void)f;
    (void)d;
    unsigned x87 = 0;
    for (uint32_t i = 0; i < plan->result.n; i++)
        x87 += plan->pieces[plan->result.first + i].place == JF_IN_X87;
    return x87 == 2 ? bridge_entry_x87_2 : x87 ? bridge_entry_x87_1 : bridge_entry;
}

/* Called by the entries with the registers as C left them. */
void bridge_dispatch(jf_Regs *regs)
{
    uint8_t *slots = aligned_alloc(64, (plan->slots_size + 127) / 64 * 64);
    uint8_t *ret = aligned_alloc(64, (size_t)(plan->result.size + 127) / 64 * 64);
    memset(slots, 0x33, plan->slots_size);
    memset(ret, 0x44, (size_t)plan->result.size);
    jf_plan_unpack_args(plan, regs, slots);
    side_handler(slots, ret);
    jf_plan_pack_result(plan, ret, regs);
    free(slots);
    free(ret);
}
