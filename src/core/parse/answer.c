/* SPDX-License-Identifier: MIT
 *
 * Answers that come after the text: declarations that were read without an oracle
 * get one. What they leave open is filled in where it stands, so that types keep
 * their identity: values, integer types of enums, lengths of arrays. Records are
 * laid out by the oracle when they are, as in a text that had one from the start.
 */
#include <string.h>

#include "core/parse/parser.h"

/* --- records -------------------------------------------------------------- */

/* Members with [...]: in a copy, so that a failure finds the old ones. */
static void answer_record(Parser *p, jf_Type *t)
{
    jf_Record *r = t->u.rec;
    if (!(r->flags & JF_R_DOTS_ARRAY) || t->flags & JF_T_LAID_OUT || !r->n_fields)
        return;
    jf_Field *copy = jf_arena_alloc(&p->group->arena, r->n_fields * sizeof *copy);
    if (!copy)
        jf_parse_nomem(p);
    jf_scope_save(p, t);
    memcpy(copy, r->fields, r->n_fields * sizeof *copy);
    r->fields = copy;
    jf_parse_given_members(p, t);
    if (p->n_done == p->cap_done)
        jf_parse_grow(p, &p->done, p->n_done, &p->cap_done, sizeof *p->done);
    p->done[p->n_done++] = t;
}

/* --- enums ---------------------------------------------------------------- */

/* The first of GCC's choices that holds the values. */
static jf_Type *integer_for(Parser *p, const jf_Enumerator *items, uint32_t n,
                            const bool *negative)
{
    int64_t least = 0;
    uint64_t most = 0;
    bool any = false;
    for (uint32_t i = 0; i < n; i++) {
        any |= negative[i];
        if (negative[i] && items[i].value < least)
            least = items[i].value;
        if (!negative[i] && (uint64_t)items[i].value > most)
            most = (uint64_t)items[i].value;
    }
    jf_Prim prim = any ? JF_P_LLONG : JF_P_ULLONG;
    if (any && least >= INT32_MIN && most <= INT32_MAX)
        prim = JF_P_INT;
    else if (!any && most <= UINT32_MAX)
        prim = JF_P_UINT;
    return jf_type_prim(p->u, prim);
}

static void answer_enum(Parser *p, jf_Type *t)
{
    jf_EnumInfo *e = t->u.en;
    if (!(e->flags & JF_R_PARTIAL) || !e->n_items)
        return;
    size_t bytes = e->n_items * sizeof *e->items;
    jf_Enumerator *copy = jf_arena_alloc(&p->group->arena, bytes);
    bool *negative = jf_parse_scratch(p, e->n_items * sizeof *negative);
    if (!copy)
        jf_parse_nomem(p);
    memcpy(copy, e->items, bytes);
    for (uint32_t i = 0; i < e->n_items; i++)
        if (!p->oracle->integer(p->oracle->ctx, copy[i].name, &copy[i].value,
                                &negative[i]))
            return; /* it stays open */
    jf_Type *to = jf_parse_given_enum(p, t, NULL);
    jf_scope_save(p, t);
    e->items = copy;
    jf_type_enum_integer(t, to ? to : integer_for(p, copy, e->n_items, negative));
}

/* --- symbols -------------------------------------------------------------- */

/* Not to be undone, but right by itself: so it comes last. */
static void answer_symbol(Parser *p, jf_Symbol *sym)
{
    if (sym->kind == JF_SYM_CONSTANT && sym->flags & JF_S_DOTS)
        jf_parse_given_value(p, sym->name, sym);
    if ((sym->kind != JF_SYM_VARIABLE && sym->kind != JF_SYM_TYPEDEF) ||
        !(sym->flags & JF_S_DOTS))
        return;
    jf_Type *t = jf_parse_given_lengths(p, sym->name, sym->type, false, NULL);
    if (t == sym->type)
        return;
    jf_type_ref(t);
    jf_type_unref(p->u, sym->type);
    sym->type = t;
}

void jf_parse_answers(Parser *p)
{
    for (jf_Type *t = p->group->members; t; t = t->chain) {
        if (t->kind == JF_ENUM)
            answer_enum(p, t);
        else
            answer_record(p, t);
    }
    for (uint32_t i = 0; i < p->scope->n_syms; i++)
        if (!(p->scope->syms[i]->s.flags & JF_S_INCLUDED))
            answer_symbol(p, &p->scope->syms[i]->s);
    if (!jf_scope_commit(p))
        jf_parse_nomem(p);
}
