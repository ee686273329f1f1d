/* SPDX-License-Identifier: MIT
 *
 * What a session has declared, and how a text changes it: all or nothing.
 *
 * New symbols and tags stand behind marks in two arrays; what was there before
 * and changed is in the undo list. Completed records are pinned only at the
 * end, when nothing but memory can fail any more.
 */
#include <string.h>

#include "core/parse/parser.h"

jf_Scope *jf_scope_new(jf_Universe *u)
{
    jf_Scope *s = jf_calloc(sizeof *s);
    if (!s)
        return NULL;
    s->group = jf_group_new(u);
    if (!s->group) {
        jf_free(s);
        return NULL;
    }
    return s;
}

bool jf_scope_ready(jf_Scope *s)
{
    if (s->names.buckets)
        return true;
    if (!jf_names_init(&s->names, &s->group->arena, jf_parse_builtin_count()))
        return false;
    jf_parse_builtin_names(&s->names);
    return true;
}

void jf_scope_drop_symbol(jf_Scope *s, Sym *sym)
{
    if (sym->s.type)
        jf_type_unref(s->group->universe, sym->s.type);
}

void jf_scope_free(jf_Scope *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->n_syms; i++)
        jf_scope_drop_symbol(s, s->syms[i]);
    jf_names_free(&s->names);
    jf_free(s->syms);
    jf_free(s->tags);
    jf_arena_free(&s->arena);
    jf_group_unref(s->group);
    jf_free(s);
}

jf_Group *jf_scope_group(jf_Scope *s)
{
    return s->group;
}

/* --- tags ------------------------------------------------------------------ */

/* C has one space of tags (6.2.3); cffi keeps `struct x`, `union x` and `enum x`
 * apart, and so do we: the first of them is the meaning of the name `x`, others
 * are the meaning of a name that no text can spell. NULL: memory is out, or
 * without `make`, that there is none. */
jf_Name *jf_scope_tag_in(jf_Names *names, jf_Name *n, jf_Kind kind, bool make)
{
    if (!n->tag || n->tag->kind == kind)
        return n;
    char few[128], *text = n->n + 2 <= sizeof few ? few : jf_alloc(n->n + 2u);
    if (!text)
        return NULL;
    text[0] = '\1';
    text[1] = (char)('A' + (int)kind);
    memcpy(text + 2, n->text, n->n);
    jf_Name *other = make ? jf_names_intern(names, text, n->n + 2u)
                          : jf_names_find(names, text, n->n + 2u);
    if (text != few)
        jf_free(text);
    return other;
}

jf_Name *jf_scope_tag_name(Parser *p, jf_Name *name, jf_Kind kind)
{
    jf_Name *n = jf_scope_tag_in(&p->scope->names, name, kind, true);
    if (!n)
        jf_parse_nomem(p);
    return n;
}

/* --- asking --------------------------------------------------------------- */

const jf_Symbol *jf_scope_find(const jf_Scope *s, const char *name, size_t n)
{
    const jf_Name *m = jf_names_find(&s->names, name, n);
    return m ? m->symbol : NULL;
}

bool jf_scope_set_gil(jf_Scope *s, const char *name, size_t n, jf_Gil gil)
{
    const jf_Name *m = jf_names_find(&s->names, name, n);
    if (!m || !m->symbol || m->symbol->kind != JF_SYM_FUNCTION)
        return false;
    m->symbol->gil = (uint8_t)gil;
    m->symbol->gil_own = true;
    return true;
}

jf_Type *jf_scope_tag(const jf_Scope *s, jf_Kind kind, const char *name, size_t n)
{
    const jf_Name *m = jf_names_find(&s->names, name, n);
    if (!m || !m->tag)
        return NULL;
    m = jf_scope_tag_in((jf_Names *)&s->names, (jf_Name *)m, kind, false);
    return m ? m->tag : NULL;
}

void jf_scope_each(const jf_Scope *s,
                   bool (*visit)(void *ctx, const jf_Symbol *sym), void *ctx)
{
    for (uint32_t i = 0; i < s->n_syms; i++)
        if (!visit(ctx, &s->syms[i]->s))
            return;
}

void jf_scope_each_tag(const jf_Scope *s, bool (*visit)(void *ctx, jf_Type *t),
                       void *ctx)
{
    for (uint32_t i = 0; i < s->n_tags; i++)
        if (!visit(ctx, s->tags[i]->tag))
            return;
}

uint32_t jf_scope_size(const jf_Scope *s)
{
    return s->n_syms;
}

uint32_t jf_scope_version(const jf_Scope *s)
{
    return s->version;
}

/* --- did you mean --------------------------------------------------------- */

enum { LONGEST_GUESS = 64 };

static unsigned least3(unsigned a, unsigned b, unsigned c)
{
    return a < b ? (a < c ? a : c) : (b < c ? b : c);
}

/* Edits (insert, drop, change, swap of neighbours) from `a` to `b`; 99 if they
 * are more than `most`. */
static unsigned distance(const char *a, size_t n, const char *b, size_t m,
                         unsigned most)
{
    unsigned rows[3][LONGEST_GUESS + 1], least_before = 0;
    for (unsigned j = 0; j <= m; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= n; i++) {
        unsigned *now = rows[i % 3], *up = rows[(i + 2) % 3],
                 *upup = rows[(i + 1) % 3];
        unsigned least = now[0] = i;
        for (unsigned j = 1; j <= m; j++) {
            unsigned same = a[i - 1] == b[j - 1] ? 0 : 1;
            now[j] = least3(up[j] + 1, now[j - 1] + 1, up[j - 1] + same);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                upup[j - 2] + 1 < now[j])
                now[j] = upup[j - 2] + 1;
            least = now[j] < least ? now[j] : least;
        }
        if (least > most && least_before > most)
            return 99; /* it never gets less */
        least_before = least;
    }
    return rows[n % 3][m];
}

typedef struct Guess {
    const char *name; /* looked for */
    size_t n;
    uint32_t letters; /* a bit for each that is in it */
    const char *best; /* so far */
    unsigned edits;   /* to get there */
} Guess;

static uint32_t letters(const char *s, size_t n)
{
    uint32_t set = 0;
    for (size_t i = 0; i < n; i++)
        set |= 1u << (s[i] & 31);
    return set;
}

static Guess guess_new(const char *name, size_t n)
{
    /* Two edits, but never more than a third of the word. */
    Guess g = {name, n, letters(name, n), NULL, (n < 3 ? 0 : n < 6 ? 1 : 2) + 1u};
    return g;
}

static void guess_try(Guess *g, const char *word, size_t n)
{
    unsigned most = g->edits - 1;
    if (n > LONGEST_GUESS || g->n > LONGEST_GUESS || n > g->n + most ||
        g->n > n + most)
        return;
    uint32_t other = g->letters ^ letters(word, n);
    for (unsigned bits = 2 * most; other; bits--, other &= other - 1)
        if (!bits)
            return; /* an edit takes one letter and brings one at the most */
    unsigned d = distance(g->name, g->n, word, n, most);
    if (d < g->edits && d) {
        g->edits = d;
        g->best = word;
    }
}

const char *jf_scope_suggest(const jf_Scope *s, const char *name, size_t n)
{
    Guess g = guess_new(name, n);
    for (uint32_t i = 0; i < s->n_syms; i++)
        guess_try(&g, s->syms[i]->s.name, s->syms[i]->name->n);
    return g.best;
}

const char *jf_scope_suggest_type(const jf_Scope *s, const char *name, size_t n)
{
    static const char *const words[] = {
        "int",  "char",   "short", "long", "float", "double", "signed", "unsigned",
        "void", "struct", "union", "enum", "const", "extern", "static", "typedef"};
    Guess g = guess_new(name, n);
    for (size_t i = 0; i < JF_COUNT(words); i++)
        guess_try(&g, words[i], strlen(words[i]));
    for (uint32_t i = 0; i < s->n_syms; i++)
        if (s->syms[i]->s.kind == JF_SYM_TYPEDEF)
            guess_try(&g, s->syms[i]->s.name, s->syms[i]->name->n);
    for (uint32_t i = 0; i < jf_parse_builtin_count(); i++) {
        const char *word = jf_parse_builtin_each(i);
        guess_try(&g, word, strlen(word));
    }
    return g.best;
}

/* --- declaring ------------------------------------------------------------ */

const char *jf_scope_kind_word(const jf_Symbol *s)
{
    switch (s->kind) {
    case JF_SYM_TYPEDEF:
        return "typedef";
    case JF_SYM_FUNCTION:
        return "function";
    case JF_SYM_VARIABLE:
        return "variable";
    default:
        return s->flags & JF_S_MACRO        ? "macro"
               : s->flags & JF_S_ENUMERATOR ? "enumerator"
                                            : "constant";
    }
}

/* Does a second declaration say the same as the first (C11 6.7p3, p4)? */
bool jf_scope_agrees(const jf_Symbol *a, const jf_Symbol *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case JF_SYM_FUNCTION:
        if ((a->type->flags | b->type->flags) & JF_T_OLDSTYLE)
            return a->type->to->canon == b->type->to->canon;
        return a->type->canon == b->type->canon;
    case JF_SYM_VARIABLE:
        if (a->type->kind == JF_ARRAY && b->type->kind == JF_ARRAY &&
            a->type->to == b->type->to &&
            (a->type->length == JF_UNKNOWN || b->type->length == JF_UNKNOWN))
            return true;
        return a->type == b->type;
    case JF_SYM_TYPEDEF:
        if (a->flags & b->flags & (JF_S_DOTS_INT | JF_S_DOTS_FLOAT))
            return true;
        return a->type == b->type && a->quals == b->quals;
    case JF_SYM_CONSTANT:
        return a->value == b->value && ((a->flags ^ b->flags) & JF_S_DOTS) == 0 &&
               ((a->flags ^ b->flags) & JF_S_ENUMERATOR) == 0;
    case JF_SYM_FLOAT:
        return memcmp(&a->number, &b->number, sizeof a->number) == 0;
    default:
        return a->text_size == b->text_size &&
               memcmp(a->text, b->text, a->text_size) == 0;
    }
}

static void conflict(Parser *p, const jf_Symbol *old, const jf_Symbol *new,
                     const char *at)
{
    const char *was = old->type ? jf_parse_spell(p, old->type, "") : "a string";
    if (new->type && old->kind == new->kind && old->kind != JF_SYM_CONSTANT)
        jf_parse_hint(p,
                      "line %u declares it as '%s', this as '%s'; "
                      "cdef(..., override=True) takes the new one",
                      old->line, was, jf_parse_spell(p, new->type, ""));
    else
        jf_parse_hint(p,
                      "line %u declares it as a %s; cdef(..., override=True) "
                      "takes the new one",
                      old->line, jf_scope_kind_word(old));
    jf_parse_fail(p, at, JF_SEMANTIC, "multiple declarations of %s %s",
                  jf_scope_kind_word(new), old->name);
}

static Undo *push_undo(Parser *p, UndoKind kind)
{
    if (p->n_undo == p->cap_undo)
        jf_parse_grow(p, &p->undo, p->n_undo, &p->cap_undo, sizeof *p->undo);
    Undo *u = &p->undo[p->n_undo++];
    memset(u, 0, sizeof *u);
    u->kind = kind;
    return u;
}

/* An array that was declared open gets its length, `()` its parameters. */
static bool says_more(const jf_Symbol *old, const jf_Symbol *new)
{
    if (old->kind == JF_SYM_FUNCTION)
        return (old->type->flags & ~new->type->flags &JF_T_OLDSTYLE) ||
               (!old->params && new->params) || (!old->access && new->access);
    return old->kind == JF_SYM_VARIABLE && old->type != new->type &&
           old->type->length == JF_UNKNOWN;
}

Sym *jf_scope_declare(Parser *p, jf_Name *name, const jf_Symbol *proto,
                      const char *at, uint32_t line)
{
    jf_Scope *s = p->scope;
    Sym *old = sym_of(name);
    if (old && jf_scope_agrees(&old->s, proto)) {
        if (!says_more(&old->s, proto))
            return old;
    } else if (old && !p->override_) {
        conflict(p, &old->s, proto, at);
    }
    Sym *sym = jf_arena_alloc(&s->arena, sizeof *sym);
    if (!sym)
        jf_parse_nomem(p);
    sym->s = *proto;
    sym->s.name = name->text;
    if (!sym->s.link)
        sym->s.link = name->text;
    sym->s.line = line;
    sym->s.order = old ? old->s.order : s->n_syms;
    sym->name = name;
    sym->align = 0;
    if (old)
        push_undo(p, U_SYMBOL)->sym = old;
    else if (s->n_syms == s->cap_syms)
        jf_parse_grow(p, &s->syms, s->n_syms, &s->cap_syms, sizeof *s->syms);
    s->syms[sym->s.order] = sym;
    s->n_syms += !old;
    name->symbol = &sym->s;
    if (sym->s.type)
        jf_type_ref(sym->s.type);
    return sym;
}

void jf_scope_set_tag(Parser *p, jf_Name *name, jf_Type *t)
{
    jf_Scope *s = p->scope;
    JF_ASSERT(!name->tag);
    if (s->n_tags == s->cap_tags)
        jf_parse_grow(p, &s->tags, s->n_tags, &s->cap_tags, sizeof *s->tags);
    s->tags[s->n_tags++] = name;
    name->tag = t;
}

void jf_scope_replace_tag(Parser *p, jf_Name *name, jf_Type *t)
{
    Undo *u = push_undo(p, U_TAG);
    u->name = name;
    u->type = name->tag;
    name->tag = t;
}

void jf_scope_save(Parser *p, jf_Type *t)
{
    Undo *u = push_undo(p, U_TYPE);
    u->type = t;
    u->was = *t;
    if (t->kind == JF_ENUM)
        u->info.en = *t->u.en;
    else
        u->info.rec = *t->u.rec;
    p->made_types = true;
}

/* --- transactions --------------------------------------------------------- */

void jf_scope_begin(Parser *p)
{
    jf_Scope *s = p->scope;
    p->group_mark = jf_group_mark(p->group);
    p->arena_mark = jf_arena_mark(&s->arena);
    p->newest = s->names.newest;
    p->syms_before = s->n_syms;
    p->tags_before = s->n_tags;
    p->serial_before = s->serial;
}

static void release_held(Parser *p)
{
    while (p->n_held)
        jf_type_unref(p->u, p->held[--p->n_held]);
}

bool jf_scope_commit(Parser *p)
{
    for (uint32_t i = 0; i < p->n_done; i++) {
        p->pinned = true;
        if (!jf_type_pin(p->group, p->done[i]))
            return false;
    }
    for (uint32_t i = 0; i < p->n_undo; i++)
        if (p->undo[i].kind == U_SYMBOL)
            jf_scope_drop_symbol(p->scope, p->undo[i].sym);
    release_held(p);
    return true;
}

static void restore_type(const Undo *u)
{
    jf_Type *t = u->type;
    void *host = t->host;
    size_t refs = t->refs;
    *t = u->was;
    t->host = host;
    t->refs = refs;
    if (t->kind == JF_ENUM) {
        *t->u.en = u->info.en;
        return;
    }
    if (t->u.rec->index != u->info.rec.index)
        jf_free(t->u.rec->index);
    *t->u.rec = u->info.rec;
}

static bool settled(const jf_Type *t)
{
    while (t->kind == JF_ARRAY)
        t = t->to;
    return !jf_is_record(t) || t->flags & JF_T_LAID_OUT;
}

/* Sizes that rest on a record which is incomplete again are unknown again. */
static void unsettle(Parser *p)
{
    bool again = true;
    while (again) {
        again = false;
        for (jf_Type *t = p->group->members; t; t = t->chain) {
            if (!jf_is_record(t) || !(t->flags & JF_T_LAID_OUT))
                continue;
            bool sound = true;
            for (uint32_t i = 0; sound && i < t->u.rec->n_fields; i++)
                sound = settled(t->u.rec->fields[i].type);
            if (sound)
                continue;
            t->flags &= (uint8_t)~JF_T_LAID_OUT;
            t->size = JF_UNKNOWN;
            again = true;
        }
    }
    for (uint32_t i = 0; i < p->u->n_buckets; i++)
        for (jf_Type *t = p->u->buckets[i]; t; t = t->chain)
            if (t->kind == JF_ARRAY && !settled(t))
                t->size = JF_UNKNOWN;
}

void jf_scope_rollback(Parser *p)
{
    jf_Scope *s = p->scope;
    bool types = false;
    while (p->n_undo) {
        const Undo *u = &p->undo[--p->n_undo];
        if (u->kind == U_TAG) {
            u->name->tag = u->type;
            continue;
        }
        if (u->kind == U_TYPE) {
            restore_type(u);
            types = true;
            continue;
        }
        jf_scope_drop_symbol(s, sym_of(u->sym->name));
        u->sym->name->symbol = &u->sym->s;
        s->syms[u->sym->s.order] = u->sym;
    }
    while (s->n_syms > p->syms_before) {
        Sym *sym = s->syms[--s->n_syms];
        sym->name->symbol = NULL;
        jf_scope_drop_symbol(s, sym);
    }
    while (s->n_tags > p->tags_before)
        s->tags[--s->n_tags]->tag = NULL;
    s->serial = p->serial_before;
    if (types && p->laid_out)
        unsettle(p);
    release_held(p);
    jf_arena_reset(&s->arena, p->arena_mark);
    /* Types pinned half-way may be in use: then what was made stays, unseen,
     * until the group goes. */
    if (p->pinned)
        return;
    jf_names_rollback(&s->names, p->newest);
    jf_group_rollback(p->group, p->group_mark);
}
