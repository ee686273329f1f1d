/* SPDX-License-Identifier: MIT
 * Recipes grow by appending: see recipe.h. */
#include "core/plan/recipe.h"

#include "core/base/bits.h"

void jf_recipe_put(jf_Recipe *r, jf_Ins ins)
{
    if (r->failed)
        return;
    if (r->n == r->cap) {
        uint32_t cap = r->cap ? r->cap * 2 : 64;
        jf_Ins *p = jf_realloc(r->ins, cap * sizeof *p);
        if (!p) {
            r->failed = true;
            return;
        }
        r->ins = p;
        r->cap = cap;
    }
    r->ins[r->n++] = ins;
    r->catches |= ins.op == JF_OP_FOREIGN && ins.s;
}

uint32_t jf_recipe_label(jf_Recipe *r)
{
    return r->n_labels++;
}

int32_t jf_recipe_frame(jf_Recipe *r, uint32_t size, uint32_t align)
{
    JF_ASSERT(align <= 16);
    uint32_t at = (uint32_t)jf_round_up(r->frame_size, align);
    r->frame_size = at + size;
    return (int32_t)at;
}

/* A plan used before keeps its number. At most 65535: `c` of an instruction. */
static bool plan_number(jf_Recipe *r, const jf_Plan *plan, uint16_t *number)
{
    uint32_t k = 0;
    while (k < r->n_plans && r->plans[k] != plan)
        k++;
    *number = (uint16_t)k;
    if (k < r->n_plans)
        return true;
    const jf_Plan **p =
        k > UINT16_MAX ? NULL : jf_realloc(r->plans, (k + 1) * sizeof *p);
    if (!p)
        return false;
    r->plans = p;
    r->plans[r->n_plans++] = plan;
    return true;
}

void jf_recipe_use(jf_Recipe *r, const jf_Plan *plan)
{
    uint16_t number = 0;
    if (!r->failed && !plan_number(r, plan, &number))
        r->failed = true;
    jf_recipe_put(r, (jf_Ins){.op = JF_OP_USE, .c = number});
}

void jf_recipe_free(jf_Recipe *r)
{
    jf_free(r->ins);
    jf_free(r->plans);
    *r = (jf_Recipe)JF_RECIPE_INIT;
}
