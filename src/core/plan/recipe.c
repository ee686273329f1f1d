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

void jf_recipe_free(jf_Recipe *r)
{
    jf_free(r->ins);
    *r = (jf_Recipe)JF_RECIPE_INIT;
}
