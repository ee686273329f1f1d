/* SPDX-License-Identifier: MIT
 *
 * struct, union and enum: C11 6.7.2.1 to 6.7.2.3, C23 6.7.3.3 for enums with a
 * type of their own, and cffi's `...` inside the braces. Sizes and offsets are
 * none of this file's business.
 */
#include <string.h>

#include "core/parse/parser.h"

static const char *kind_word(unsigned kind)
{
    return kind == JF_STRUCT ? "struct" : kind == JF_UNION ? "union" : "enum";
}

/* --- members -------------------------------------------------------------- */

typedef struct Body {
    jf_Type *rec;            /* being defined */
    uint32_t first;          /* its first field in p->fields */
    uint32_t marks;          /* its first mark in p->stamps */
    uint32_t stamp;          /* marks the names of its members */
    unsigned flags;          /* JF_R_* found inside */
    const char *late_at;     /* a member behind an open array; NULL: none */
    const char *late, *open; /* the names of the two */
} Body;

/* A name bears the stamp of the innermost open record with such a member; the
 * one it bore before comes back when that record is closed. */
static void mark_member(Parser *p, Body *b, jf_Name *name, const char *at)
{
    if (name->stamp == b->stamp)
        jf_parse_fail(p, at, JF_SEMANTIC, "duplicate member '%s'", name->text);
    if (p->n_stamps == p->cap_stamps)
        jf_parse_grow(p, &p->stamps, p->n_stamps, &p->cap_stamps,
                      sizeof *p->stamps);
    p->stamps[p->n_stamps++] = (Stamp){name, name->stamp};
    name->stamp = b->stamp;
}

static void unmark_members(Parser *p, const Body *b)
{
    while (p->n_stamps > b->marks) {
        Stamp s = p->stamps[--p->n_stamps];
        s.name->stamp = s.old;
    }
}

/* Members of an anonymous member are the outer record's too (6.7.2.1p13). */
static void mark_inner(Parser *p, Body *b, const jf_Type *t, const char *at)
{
    for (uint32_t i = 0; i < t->u.rec->n_fields; i++) {
        const jf_Field *f = &t->u.rec->fields[i];
        if (!f->name) {
            if (jf_is_record(f->type))
                mark_inner(p, b, f->type, at);
            continue;
        }
        jf_Name *n = jf_names_intern(&p->scope->names, f->name, strlen(f->name));
        if (!n)
            jf_parse_nomem(p);
        mark_member(p, b, n, at);
    }
}

static jf_Field *push_field(Parser *p, jf_Type *t)
{
    if (p->n_fields == p->cap_fields)
        jf_parse_grow(p, &p->fields, p->n_fields, &p->cap_fields,
                      sizeof *p->fields);
    jf_Field *f = &p->fields[p->n_fields++];
    memset(f, 0, sizeof *f);
    f->type = t;
    f->bits = -1;
    return f;
}

/* 6.7.2.1p4 */
static int16_t bit_width(Parser *p, const Decl *d)
{
    const char *at = p->tok.at;
    Value v = jf_parse_integer(p, "the width of a bit-field");
    const char *name = d->name ? d->name->text : "";
    if (!jf_is_integral(d->type) && jf_strict_bad_bits(p))
        return 0;
    if (!jf_is_integral(d->type))
        jf_parse_fail(p, at, JF_SEMANTIC, "bit-field '%s' has type '%s'", name,
                      jf_parse_spell(p, d->type, ""));
    uint64_t most = d->type->kind == JF_BOOL      ? 1
                    : d->type->size != JF_UNKNOWN ? d->type->size * 8
                                                  : 32;
    if ((v.v < 0 || (uint64_t)v.v > most || (v.v == 0 && d->name)) &&
        jf_strict_bad_bits(p))
        return 0;
    if (v.v < 0 || (uint64_t)v.v > most)
        jf_parse_fail(p, at, JF_SEMANTIC,
                      "bit-field '%s' has %lld bits; its type '%s' has %llu", name,
                      (long long)v.v, jf_parse_spell(p, d->type, ""),
                      (unsigned long long)most);
    if (v.v == 0 && d->name)
        jf_parse_fail(p, at, JF_SEMANTIC, "bit-field '%s' has no bits", name);
    return (int16_t)v.v;
}

static void check_member(Parser *p, Body *b, const Decl *d)
{
    const char *name = d->name ? d->name->text : "";
    const jf_Type *t = d->type;
    while (t->kind == JF_ARRAY)
        t = t->to;
    if (t->kind == JF_FUNC)
        jf_parse_fail(p, d->at, JF_SEMANTIC,
                      "member '%s' is a function; a pointer to one needs "
                      "parentheses: (*%s)",
                      name, name);
    if (t->kind == JF_VOID)
        jf_parse_fail(p, d->at, JF_SEMANTIC, "member '%s' has type void", name);
    if (t == b->rec)
        jf_parse_fail(
            p, d->at, JF_SEMANTIC,
            "member '%s' would contain the %s it is part of; did you mean "
            "a pointer?",
            name, kind_word(b->rec->kind));
    if (jf_is_record(t) && t->u.rec->flags & JF_R_PARTIAL)
        b->flags |= JF_R_PARTIAL;
    if (p->n_fields > b->first && b->rec->kind == JF_STRUCT &&
        p->fields[p->n_fields - 1].type->kind == JF_ARRAY &&
        p->fields[p->n_fields - 1].type->length == JF_UNKNOWN && !b->late_at) {
        b->late_at = d->at;
        b->late = name;
        b->open = p->fields[p->n_fields - 1].name;
    }
}

/* At the closing brace: a member behind an open array is for `...;` alone, where the
 * compiler says where it lies. */
static void check_body(Parser *p, const Body *b)
{
    bool partial = b->flags & (JF_R_DOTS_ARRAY | JF_R_PARTIAL);
    for (uint32_t i = b->first; partial && i < p->n_fields; i++)
        if (p->fields[i].bits >= 0)
            jf_strict_open_bits(p, b->rec);
    if (b->late_at && !partial)
        jf_parse_fail(p, b->late_at, JF_SEMANTIC,
                      "'%s' follows '%s', an array of open length, which must be "
                      "the last member",
                      b->late, b->open ? b->open : "");
}

/* A record that was defined in the middle of another has its name by way of the
 * member: "struct foo.a". */
static void belongs_to(jf_Type *rec, const jf_Type *t, jf_Type *outer,
                       const char *name)
{
    while (name && t != rec && (t->kind == JF_PTR || t->kind == JF_ARRAY))
        t = t->to;
    if (!rec || t != rec || !jf_is_record(rec) || rec->u.rec->outer)
        return;
    rec->u.rec->outer = outer;
    rec->u.rec->via = name;
}

static void one_member(Parser *p, Body *b, Specs *s)
{
    Decl d;
    int16_t bits = -1;
    if (at_tok(p, JF_TK_COLON)) {
        memset(&d, 0, sizeof d);
        d.type = s->type;
        d.quals = s->quals;
        d.at = p->tok.at;
        d.plain = true;
    } else {
        jf_parse_declarator(p, s, D_NAMED | D_FIELD, &d);
    }
    if (accept_tok(p, JF_TK_COLON)) {
        bits = bit_width(p, &d);
        jf_parse_attrs(p, &d.attrs);
    }
    check_member(p, b, &d);
    if (is_dots_array(&d))
        b->flags |= JF_R_DOTS_ARRAY | JF_R_PARTIAL;
    if (s->fresh && d.name)
        belongs_to(s->fresh, d.type, b->rec, d.name->text);
    if (d.name)
        mark_member(p, b, d.name, d.at);
    jf_Field *f = push_field(p, d.type);
    f->name = d.name ? d.name->text : NULL;
    f->bits = bits;
    f->quals = (uint8_t)d.quals;
    f->dots = is_dots_array(&d) ? d.open_first ? 2 : 1 : 0;
    f->packed = s->attrs.packed || d.attrs.packed;
    f->align = s->attrs.align > d.attrs.align ? s->attrs.align : d.attrs.align;
    if (d.plain && s->align && !f->align) {
        /* A typedef may lower the alignment as well: exactly its own. */
        f->packed = 1;
        f->align = s->align;
    }
}

/* A member without a declarator: an anonymous struct or union, a tag, an enum. */
static void bare_member(Parser *p, Body *b, Specs *s)
{
    if (jf_is_record(s->type) && s->fresh == s->type) {
        Decl d = {.type = s->type, .at = s->at};
        check_member(p, b, &d);
        mark_inner(p, b, s->type, s->at);
        belongs_to(s->fresh, s->type, b->rec, NULL);
        jf_Field *f = push_field(p, s->type);
        f->quals = (uint8_t)s->quals;
        f->packed = s->attrs.packed;
        f->align = s->attrs.align;
        if (s->type->u.rec->flags & JF_R_PARTIAL)
            b->flags |= JF_R_PARTIAL;
    } else if (!s->defines) {
        jf_parse_expected(p, "the name of a member");
    }
    jf_parse_next(p);
}

static void member_line(Parser *p, Body *b)
{
    Specs s;
    if (accept_tok(p, JF_TK_SEMI))
        return;
    if (at_tok(p, JF_TK_STATIC_ASSERT)) {
        jf_parse_static_assert(p);
        return;
    }
    if (at_tok(p, JF_TK_DOTS)) {
        for (uint32_t i = b->first; i < p->n_fields; i++)
            if (p->fields[i].bits >= 0)
                jf_strict_partial_bits(p);
        b->flags |= JF_R_PARTIAL;
        jf_parse_next(p);
        jf_parse_expect(p, JF_TK_SEMI);
        return;
    }
    jf_parse_specs(p, &s);
    if (s.storage)
        jf_parse_fail(p, s.at, JF_SYNTAX, "a member has no storage class");
    if (at_tok(p, JF_TK_SEMI)) {
        bare_member(p, b, &s);
        return;
    }
    do {
        jf_parse_attrs(p, &s.attrs);
        one_member(p, b, &s);
    } while (accept_tok(p, JF_TK_COMMA));
    if (at_tok(p, JF_TK_RBRACE) || !at_tok(p, JF_TK_SEMI))
        jf_parse_expected(p, "';' after the member");
    jf_parse_next(p);
}

/* --- records -------------------------------------------------------------- */

static void take_fields(Parser *p, Body *b, const Attrs *a)
{
    jf_Record *r = b->rec->u.rec;
    uint32_t n = p->n_fields - b->first;
    jf_Field *copy = NULL;
    if (n) {
        copy = jf_arena_alloc(&p->group->arena, n * sizeof *copy);
        if (!copy)
            jf_parse_nomem(p);
        memcpy(copy, p->fields + b->first, n * sizeof *copy);
        const jf_Type *last = copy[n - 1].type;
        if (!(b->flags & JF_R_DOTS_ARRAY) &&
            ((last->kind == JF_ARRAY && last->length == JF_UNKNOWN) ||
             (jf_is_record(last) && last->u.rec->flags & JF_R_FLEX)))
            b->flags |= JF_R_FLEX;
    }
    p->n_fields = b->first;
    if (p->n_done == p->cap_done)
        jf_parse_grow(p, &p->done, p->n_done, &p->cap_done, sizeof *p->done);
    p->done[p->n_done++] = b->rec;
    r->fields = copy;
    r->n_fields = n;
    r->pack = p->pack;
    r->want_align = a->align;
    if (a->packed || p->packed_all)
        b->flags |= JF_R_PACKED;
    r->flags = (uint16_t)((r->flags & ~(unsigned)JF_R_OPAQUE_DOTS) | b->flags |
                          JF_R_COMPLETE);
}

/* The current token is `{`. */
static void record_body(Parser *p, Specs *s, Attrs *a, uint32_t line, bool existed)
{
    Body b = {.rec = s->type,
              .first = p->n_fields,
              .marks = p->n_stamps,
              .stamp = ++p->scope->stamp};
    jf_Record *r = s->type->u.rec;
    jf_parse_enter(p);
    jf_parse_next(p);
    if (existed)
        jf_scope_save(p, s->type);
    r->line = line;
    for (;;) {
        if (at_tok(p, JF_TK_RBRACE))
            break;
        if (at_tok(p, JF_TK_EOF))
            jf_parse_expected(p, "'}'");
        member_line(p, &b);
    }
    unmark_members(p, &b);
    check_body(p, &b);
    jf_parse_next(p);
    leave_nest(p);
    jf_parse_attrs(p, a);
    if (p->unusable)
        p->n_fields = b.first;
    else
        take_fields(p, &b, a);
    p->unusable = false;
}

/* The tag's type, or a new one. *fresh: it is new. */
static jf_Type *tagged(Parser *p, jf_Kind kind, jf_Name *tag, bool *fresh)
{
    jf_Name *name = jf_scope_tag_name(p, tag, kind);
    jf_Type *t = name->tag;
    *fresh = !t;
    if (t)
        return t;
    t = kind == JF_ENUM ? jf_type_enum(p->group, NULL, 0)
                        : jf_type_record(p->group, kind, NULL, 0);
    if (!t)
        jf_parse_nomem(p);
    if (kind == JF_ENUM) /* names live as long as the group */
        t->u.en->tag = tag->text;
    else
        t->u.rec->tag = tag->text;
    p->made_types = true;
    jf_scope_set_tag(p, name, t);
    return t;
}

static jf_Type *anonymous(Parser *p, jf_Kind kind)
{
    jf_Type *t = kind == JF_ENUM ? jf_type_enum(p->group, NULL, 0)
                                 : jf_type_record(p->group, kind, NULL, 0);
    if (!t)
        jf_parse_nomem(p);
    p->made_types = true;
    uint32_t serial = ++p->scope->serial;
    if (kind == JF_ENUM)
        t->u.en->serial = serial;
    else
        t->u.rec->serial = serial;
    return t;
}

/* A record of its own under the tag of an included one. */
static jf_Type *reopened(Parser *p, jf_Kind kind, jf_Name *tag, bool *fresh)
{
    jf_Type *t = jf_type_record(p->group, kind, NULL, 0);
    if (!t)
        jf_parse_nomem(p);
    t->u.rec->tag = tag->text;
    t->u.rec->flags |= JF_R_REOPENED;
    p->made_types = true;
    jf_scope_replace_tag(p, jf_scope_tag_name(p, tag, kind), t);
    *fresh = true;
    return t;
}

/* The optional tag behind struct, union, enum. */
static jf_Name *read_tag(Parser *p)
{
    if (!at_name(p))
        return NULL;
    jf_Name *tag = p->tok.name;
    jf_parse_next(p);
    return tag;
}

void jf_parse_record(Parser *p, Specs *s)
{
    jf_Kind kind = at_tok(p, JF_TK_STRUCT) ? JF_STRUCT : JF_UNION;
    uint32_t line = p->tok.line;
    Attrs a = {0};
    bool fresh = true;
    jf_parse_next(p);
    jf_parse_attrs(p, &a);
    const char *at = p->tok.at;
    jf_Name *tag = read_tag(p);
    bool body = at_tok(p, JF_TK_LBRACE);
    if (!tag && !body)
        jf_parse_expected(p, kind == JF_STRUCT ? "a tag or '{' after 'struct'"
                                               : "a tag or '{' after 'union'");
    s->type = tag ? tagged(p, kind, tag, &fresh) : anonymous(p, kind);
    s->defines = true;
    if (!tag)
        s->fresh = s->type;
    if (!body)
        return;
    if (jf_strict_reopens(p, s->type))
        s->type = reopened(p, kind, tag, &fresh);
    if (s->type->u.rec->flags & JF_R_COMPLETE && s->type->group != p->group)
        jf_parse_fail(p, at, JF_SEMANTIC, "'%s %s' is defined in an included FFI",
                      kind_word(kind), tag->text);
    if (s->type->group != p->group) /* members would not live as long as it */
        jf_parse_fail(
            p, at, JF_UNSUPPORTED,
            "'%s %s' is opaque in the ffi.include(), but no longer in the "
            "ffi doing the include (workaround: don't use ffi.include() but "
            "duplicate the declarations of everything using %s %s)",
            kind_word(kind), tag->text, kind_word(kind), tag->text);
    if (s->type->u.rec->flags & JF_R_COMPLETE) {
        if (s->type->u.rec->line)
            jf_parse_hint(p, "it was defined at line %u before",
                          s->type->u.rec->line);
        jf_parse_fail(p, at, JF_SEMANTIC, "duplicate declaration of %s %s",
                      kind_word(kind), tag->text);
    }
    record_body(p, s, &a, line, !fresh);
}

/* --- enums ---------------------------------------------------------------- */

typedef struct EnumBody {
    jf_Type *type;
    uint32_t first; /* its first item in p->items */
    bool any_negative;
    bool fixed;    /* has an underlying type */
    uint64_t most; /* largest value that is not negative */
    int64_t least; /* smallest */
    unsigned flags;
    struct Counted *counted;
} EnumBody;

/* An enumerator without a value of its own; scratch. */
typedef struct Counted {
    Sym *sym;
    jf_Name *name;
    uint32_t item; /* its place in p->items */
    struct Counted *older;
} Counted;

static void check_fixed(Parser *p, const EnumBody *e, Value v, const char *at)
{
    const jf_Type *to = e->type->to;
    unsigned bits = (unsigned)to->size * 8;
    bool negative = v.v < 0 && !jf_parse_prim_unsigned(v.prim);
    bool sign = to->flags & JF_T_SIGNED;
    uint64_t top = bits >= 64 ? UINT64_MAX : (1ull << bits) - 1;
    bool fits = negative ? sign && (bits >= 64 || v.v >= -(int64_t)(top / 2) - 1)
                         : (uint64_t)v.v <= (sign ? top / 2 : top);
    if (to->kind == JF_BOOL)
        fits = !negative && (uint64_t)v.v <= 1;
    if (!fits)
        jf_parse_fail(p, at, JF_SEMANTIC,
                      "the value of this enumerator does not fit its type '%s'",
                      jf_parse_spell(p, to, ""));
}

static void note_value(EnumBody *e, Value v)
{
    if (v.v < 0 && !jf_parse_prim_unsigned(v.prim)) {
        e->any_negative = true;
        e->least = v.v < e->least ? v.v : e->least;
    } else if ((uint64_t)v.v > e->most) {
        e->most = (uint64_t)v.v;
    }
}

/* The value behind the last one (6.7.2.2p3); wider when int is full. */
static Value next_value(Parser *p, Value v, const char *at)
{
    if (v.v == INT64_MAX && !jf_parse_prim_unsigned(v.prim))
        v.prim = JF_P_ULLONG;
    else if (v.v == -1 && jf_parse_prim_unsigned(v.prim))
        jf_parse_fail(p, at, JF_SEMANTIC, "the value of this enumerator overflows");
    v.v = (int64_t)((uint64_t)v.v + 1);
    return v;
}

static unsigned constant_prim(Value v)
{
    if (v.v < 0)
        return jf_parse_prim_unsigned(v.prim) ? JF_P_ULLONG
               : v.v < INT32_MIN              ? JF_P_LLONG
                                              : JF_P_INT;
    return v.v <= INT32_MAX ? JF_P_INT : v.v <= UINT32_MAX ? JF_P_UINT : JF_P_LLONG;
}

static void push_item(Parser *p, EnumBody *e, jf_Name *name, Value v)
{
    if (p->n_items == p->cap_items)
        jf_parse_grow(p, &p->items, p->n_items, &p->cap_items, sizeof *p->items);
    p->items[p->n_items].name = name->text;
    p->items[p->n_items++].value = v.v;
    note_value(e, v);
}

/* What the oracle has put into `sym`. */
static Value given_value(const jf_Symbol *sym)
{
    bool large = sym->value < 0 && sym->flags & JF_S_UNSIGNED;
    return (Value){sym->value, 0, large ? JF_P_ULLONG : JF_P_LLONG};
}

/* Enumerators without a value of their own, now that the whole list is read: where
 * something is left out, what was only counted is not known. */
static void settle_counted(Parser *p, EnumBody *e, const char *at)
{
    for (Counted *c = e->counted; c; c = c->older) {
        jf_Symbol *sym = &c->sym->s;
        if (e->flags & JF_R_PARTIAL)
            sym->flags |= JF_S_DOTS;
        jf_parse_given_value(p, c->name->text, sym);
        if (!(e->flags & JF_R_PARTIAL) || sym->flags & JF_S_DOTS)
            continue;
        p->items[c->item].value = sym->value;
        note_value(e, given_value(sym));
        if (e->fixed)
            check_fixed(p, e, given_value(sym), at);
    }
}

static void enumerator(Parser *p, EnumBody *e, Value *next)
{
    jf_Name *name = p->tok.name;
    const char *at = p->tok.at;
    uint32_t line = p->tok.line;
    jf_Symbol sym = {.kind = JF_SYM_CONSTANT, .flags = JF_S_ENUMERATOR};
    Attrs ignored = {0};
    if (!at_name(p))
        jf_parse_expected(p, "an enumerator");
    jf_parse_next(p);
    jf_parse_attrs(p, &ignored);
    bool own = accept_tok(p, JF_TK_ASSIGN);
    if (own) {
        if (accept_tok(p, JF_TK_DOTS)) {
            sym.flags |= JF_S_DOTS;
            e->flags |= JF_R_PARTIAL;
            jf_parse_given_value(p, name->text, &sym);
            if (!(sym.flags & JF_S_DOTS))
                *next = given_value(&sym);
        } else {
            *next = jf_parse_integer(p, "the value of an enumerator");
        }
    }
    if (e->fixed)
        check_fixed(p, e, *next, at);
    unsigned prim = constant_prim(*next);
    sym.value = next->v;
    sym.type = jf_type_prim(p->u, (jf_Prim)prim);
    if (jf_parse_prim_unsigned(prim))
        sym.flags |= JF_S_UNSIGNED;
    if (own && !(sym.flags & JF_S_DOTS))
        jf_parse_given_value(p, name->text, &sym);
    const Sym *old = sym_of(name);
    if (old && !own && jf_strict_counted_again(p, &old->s, &sym))
        sym.flags |= JF_S_DOTS;
    Sym *made = jf_scope_declare(p, name, &sym, at, line);
    if (!own && made != old) {
        Counted *c = jf_parse_scratch(p, sizeof *c);
        *c = (Counted){made, name, p->n_items, e->counted};
        e->counted = c;
    }
    push_item(p, e, name, *next);
    if (at_tok(p, JF_TK_COMMA))
        *next = next_value(p, *next, p->tok.at);
}

/* As GCC chooses: the first of unsigned int, int, unsigned long, long ... that
 * holds all values; packed takes the smallest of all. */
static jf_Type *enum_integer(Parser *p, const EnumBody *e, bool packed)
{
    static const uint8_t order[] = {
        JF_P_UCHAR, JF_P_SCHAR, JF_P_USHORT, JF_P_SHORT,  JF_P_UINT,
        JF_P_INT,   JF_P_ULONG, JF_P_LONG,   JF_P_ULLONG, JF_P_LLONG};
    for (size_t i = packed ? 0 : 4; i < JF_COUNT(order); i++) {
        jf_Type *t = jf_type_prim(p->u, (jf_Prim)order[i]);
        bool sign = t->flags & JF_T_SIGNED;
        uint64_t top = t->size == 8 ? UINT64_MAX : (1ull << (t->size * 8)) - 1;
        if (sign != e->any_negative)
            continue;
        if (e->most <= (sign ? top / 2 : top) &&
            (!sign || e->least >= -(int64_t)(top / 2) - 1))
            return t;
    }
    return NULL;
}

static void enum_body(Parser *p, Specs *s, Attrs *a, bool fixed, const char *at)
{
    EnumBody e = {s->type, p->n_items, false, fixed, 0, 0, 0, NULL};
    Value next = {0, 0, JF_P_INT};
    jf_parse_enter(p);
    jf_parse_next(p);
    while (!at_tok(p, JF_TK_RBRACE)) {
        if (accept_tok(p, JF_TK_DOTS)) {
            e.flags |= JF_R_PARTIAL;
            break;
        }
        enumerator(p, &e, &next);
        if (!accept_tok(p, JF_TK_COMMA))
            break;
    }
    if (!at_tok(p, JF_TK_RBRACE))
        jf_parse_expected(p, "',' or '}'");
    jf_parse_next(p);
    leave_nest(p);
    jf_parse_attrs(p, a);
    settle_counted(p, &e, at);
    jf_Type *to = fixed ? s->type->to : jf_parse_given_enum(p, s->type, at);
    if (!to)
        to = enum_integer(p, &e, a->packed);
    if (!to)
        jf_parse_fail(p, at, JF_SEMANTIC,
                      "no integer type holds all values of this enum");
    if (s->type->to && s->type->size != to->size)
        jf_parse_fail(p, at, JF_UNSUPPORTED,
                      "this enum was used before with a size of %llu bytes; its "
                      "values need %llu",
                      (unsigned long long)s->type->size,
                      (unsigned long long)to->size);
    jf_EnumInfo *en = s->type->u.en;
    uint32_t n = p->n_items - e.first;
    en->items = jf_arena_alloc(&p->group->arena, (n ? n : 1) * sizeof *en->items);
    if (!en->items) {
        en->n_items = 0;
        jf_parse_nomem(p);
    }
    if (n)
        memcpy(en->items, p->items + e.first, n * sizeof *en->items);
    en->n_items = n;
    p->n_items = e.first;
    en->flags = (uint16_t)(en->flags | e.flags | JF_R_COMPLETE);
    jf_type_enum_integer(s->type, to);
}

/* C23 6.7.3.3: enum tag : type */
static bool underlying(Parser *p, jf_Type *t)
{
    Specs s;
    const char *at = p->tok.at;
    if (!at_tok(p, JF_TK_COLON))
        return false;
    const jf_Tok *ahead = jf_parse_ahead(p);
    if (!jf_parse_starts_type(p, ahead) && ahead->kind != JF_TK_NAME)
        return false; /* a bit-field of enum type */
    jf_parse_next(p);
    jf_parse_specs(p, &s);
    if (!jf_is_integral(s.type) || s.type->kind == JF_ENUM || s.type->size > 8)
        jf_parse_fail(p, at, JF_SEMANTIC, "an enum cannot have the type '%s'",
                      jf_parse_spell(p, s.type, ""));
    if (t->u.en->flags & JF_R_COMPLETE && t->to != s.type)
        jf_parse_fail(p, at, JF_SEMANTIC, "this enum has type '%s' already",
                      jf_parse_spell(p, t->to, ""));
    jf_scope_save(p, t);
    jf_type_enum_integer(t, s.type);
    return true;
}

void jf_parse_enum(Parser *p, Specs *s)
{
    Attrs a = {0};
    bool fresh = true;
    jf_parse_next(p);
    jf_parse_attrs(p, &a);
    const char *at = p->tok.at;
    jf_Name *tag = read_tag(p);
    if (!tag && !at_tok(p, JF_TK_LBRACE) && !at_tok(p, JF_TK_COLON))
        jf_parse_expected(p, "a tag or '{' after 'enum'");
    s->type = tag ? tagged(p, JF_ENUM, tag, &fresh) : anonymous(p, JF_ENUM);
    s->defines = true;
    if (!tag)
        s->fresh = s->type;
    bool fixed = underlying(p, s->type);
    if (at_tok(p, JF_TK_LBRACE)) {
        if (s->type->u.en->flags & JF_R_COMPLETE)
            jf_parse_fail(p, at, JF_SEMANTIC, "duplicate declaration of enum %s",
                          tag ? tag->text : "");
        if (!fresh && tag)
            jf_strict_late_enum(p, tag);
        jf_scope_save(p, s->type);
        enum_body(p, s, &a, fixed, at);
    } else if (!tag) {
        jf_parse_expected(p, "'{'");
    } else if (!s->type->to) {
        /* Not defined yet: of the size of int, as cffi guesses. */
        jf_Type *to = jf_parse_given_enum(p, s->type, at);
        jf_type_enum_integer(s->type, to ? to : jf_type_prim(p->u, JF_P_UINT));
    }
}
