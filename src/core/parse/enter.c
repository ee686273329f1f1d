/* SPDX-License-Identifier: MIT
 *
 * What enters a scope otherwise than by its own texts: the declarations of
 * another one (cffi's ffi.include), and those of a table. Rules of include are
 * cffi's: names that both declare must be declared alike.
 */
#include <string.h>

#include "core/parse/parser.h"

/* --- copies ----------------------------------------------------------------- */

static bool own_access(jf_Scope *s, jf_Symbol *sym)
{
    const jf_Access **at = &sym->access;
    for (const jf_Access *from = sym->access; from; from = from->next) {
        jf_Access *made = jf_arena_alloc(&s->arena, sizeof *made);
        if (!made)
            return false;
        *made = *from;
        *at = made;
        at = &made->next;
    }
    return true;
}

/* What `sym` points to becomes the scope's. `names`: the names of parameters are
 * copied as well (those of another scope live as long as its group). */
static bool own_texts(jf_Scope *s, jf_Symbol *sym, const char *name, bool names)
{
    bool plain = !sym->link || !strcmp(sym->link, name);
    sym->name = name;
    sym->link =
        plain ? name : jf_arena_strndup(&s->arena, sym->link, strlen(sym->link));
    if (sym->text)
        sym->text = jf_arena_strndup(&s->arena, sym->text, sym->text_size);
    if (!sym->link || (sym->kind == JF_SYM_STRING && !sym->text) ||
        !own_access(s, sym))
        return false;
    if (!sym->params)
        return true;
    uint32_t n = sym->type->u.func->n_params;
    const char **params = jf_arena_alloc(&s->arena, (n ? n : 1) * sizeof *params);
    if (!params)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        const char *p = sym->params[i];
        params[i] = p && names ? jf_arena_strndup(&s->arena, p, strlen(p)) : p;
        if (p && !params[i])
            return false;
    }
    sym->params = params;
    return true;
}

/* There is room in s->syms. */
static void bind(jf_Scope *s, jf_Name *n, Sym *sym)
{
    sym->s.order = s->n_syms;
    s->syms[s->n_syms++] = sym;
    n->symbol = &sym->s;
    if (sym->s.type)
        jf_type_ref(sym->s.type);
}

static bool reserve(void *vector, uint32_t n, uint32_t *cap, uint32_t more,
                    size_t size)
{
    if (*cap - n >= more)
        return true;
    if (more > UINT32_MAX / 2 - n)
        return false;
    uint32_t room = n + more > *cap * 2 ? n + more : *cap * 2;
    void *bigger = jf_realloc(*(void **)vector, room * size);
    if (!bigger)
        return false;
    memcpy(vector, &bigger, sizeof bigger);
    *cap = room;
    return true;
}

/* --- include -------------------------------------------------------------- */

/* Bind one symbol of another scope; JF_NOMEM or JF_OK. */
static jf_Status include_symbol(jf_Scope *s, const Sym *from)
{
    jf_Name *n = jf_names_intern(&s->names, from->s.name, from->name->n);
    Sym *sym = n && !n->symbol ? jf_arena_alloc(&s->arena, sizeof *sym) : NULL;
    if (!n)
        return JF_NOMEM;
    if (n->symbol)
        return JF_OK;
    if (!sym)
        return JF_NOMEM;
    *sym = *from;
    sym->name = n;
    sym->s.flags |= JF_S_INCLUDED;
    if (!own_texts(s, &sym->s, n->text, false))
        return JF_NOMEM;
    bind(s, n, sym);
    return JF_OK;
}

static jf_Status include_check(jf_Scope *s, jf_Scope *other, jf_Diag *d)
{
    for (uint32_t i = 0; i < other->n_syms; i++) {
        const jf_Symbol *theirs = &other->syms[i]->s;
        const jf_Symbol *ours =
            jf_scope_find(s, theirs->name, other->syms[i]->name->n);
        if (ours && !jf_scope_agrees(ours, theirs))
            return jf_diag_set(
                d, JF_SEMANTIC,
                "multiple declarations of %s %s: both FFIs declare it, "
                "but not alike",
                jf_scope_kind_word(theirs), theirs->name);
    }
    for (uint32_t i = 0; i < other->n_tags; i++) {
        const jf_Type *theirs = other->tags[i]->tag;
        const char *tag =
            theirs->kind == JF_ENUM ? theirs->u.en->tag : theirs->u.rec->tag;
        const jf_Type *ours =
            jf_scope_tag(s, (jf_Kind)theirs->kind, tag, strlen(tag));
        if (ours && ours != theirs)
            return jf_diag_set(d, JF_SEMANTIC,
                               "multiple declarations of the tag %s: both FFIs "
                               "declare it",
                               tag);
    }
    return JF_OK;
}

/* The name whose meaning as a tag the type is, or would be. */
static jf_Name *tag_name_of(jf_Names *names, const jf_Type *t)
{
    const char *tag = t->kind == JF_ENUM ? t->u.en->tag : t->u.rec->tag;
    jf_Name *n = jf_names_intern(names, tag, strlen(tag));
    return n ? jf_scope_tag_in(names, n, (jf_Kind)t->kind, true) : NULL;
}

static bool include_tags(jf_Scope *s, jf_Scope *other)
{
    for (uint32_t i = 0; i < other->n_tags; i++) {
        jf_Type *theirs = other->tags[i]->tag;
        jf_Name *n = tag_name_of(&s->names, theirs);
        if (!n)
            return false;
        if (n->tag)
            continue;
        n->tag = theirs;
        s->tags[s->n_tags++] = n;
    }
    return true;
}

jf_Status jf_scope_include(jf_Scope *s, jf_Scope *other, jf_Diag *d)
{
    if (s == other)
        return jf_diag_set(d, JF_SEMANTIC, "an FFI cannot include itself");
    jf_Status st = include_check(s, other, d);
    if (st != JF_OK)
        return st;
    uint32_t syms = s->n_syms, tags = s->n_tags;
    bool ok =
        jf_scope_ready(s) &&
        reserve(&s->syms, s->n_syms, &s->cap_syms, other->n_syms,
                sizeof *s->syms) &&
        reserve(&s->tags, s->n_tags, &s->cap_tags, other->n_tags, sizeof *s->tags);
    for (uint32_t i = 0; ok && i < other->n_syms; i++)
        ok = include_symbol(s, other->syms[i]) == JF_OK;
    ok = ok && include_tags(s, other) && jf_group_need(s->group, other->group);
    if (ok) {
        s->version++;
        return JF_OK;
    }
    while (s->n_syms > syms) {
        Sym *sym = s->syms[--s->n_syms];
        sym->name->symbol = NULL;
        jf_scope_drop_symbol(s, sym);
    }
    while (s->n_tags > tags)
        s->tags[--s->n_tags]->tag = NULL;
    return jf_diag_set(d, JF_NOMEM, "out of memory");
}

/* --- tables ------------------------------------------------------------------- */

jf_Status jf_scope_define(jf_Scope *s, const jf_Symbol *from, jf_Diag *d)
{
    jf_Name *n = jf_scope_ready(s)
                     ? jf_names_intern(&s->names, from->name, strlen(from->name))
                     : NULL;
    if (!n)
        return jf_diag_set(d, JF_NOMEM, "out of memory");
    if (n->symbol && jf_scope_agrees(n->symbol, from))
        return JF_OK;
    if (n->symbol)
        return jf_diag_set(d, JF_SEMANTIC,
                           "multiple declarations of %s %s: it was declared as a "
                           "%s before",
                           jf_scope_kind_word(from), from->name,
                           jf_scope_kind_word(n->symbol));
    Sym *sym = jf_arena_calloc(&s->arena, sizeof *sym);
    if (!sym || !reserve(&s->syms, s->n_syms, &s->cap_syms, 1, sizeof *s->syms))
        return jf_diag_set(d, JF_NOMEM, "out of memory");
    sym->s = *from;
    sym->name = n;
    if (!own_texts(s, &sym->s, n->text, true))
        return jf_diag_set(d, JF_NOMEM, "out of memory");
    bind(s, n, sym);
    s->version++;
    return JF_OK;
}

jf_Type *jf_scope_make_tag(jf_Scope *s, jf_Kind kind, const char *tag, size_t n)
{
    jf_Name *word = jf_scope_ready(s) ? jf_names_intern(&s->names, tag, n) : NULL;
    jf_Name *name = word ? jf_scope_tag_in(&s->names, word, kind, true) : NULL;
    if (!name)
        return NULL;
    if (name->tag)
        return name->tag;
    if (!reserve(&s->tags, s->n_tags, &s->cap_tags, 1, sizeof *s->tags))
        return NULL;
    jf_Type *t = kind == JF_ENUM ? jf_type_enum(s->group, NULL, 0)
                                 : jf_type_record(s->group, kind, NULL, 0);
    if (!t)
        return NULL;
    if (kind == JF_ENUM) /* names live as long as the group */
        t->u.en->tag = word->text;
    else
        t->u.rec->tag = word->text;
    s->tags[s->n_tags++] = name;
    name->tag = t;
    s->version++;
    return t;
}
