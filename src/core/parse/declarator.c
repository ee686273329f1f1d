/* SPDX-License-Identifier: MIT
 *
 * Declarators: C11 6.7.6 and 6.7.7. A declarator is read into a list of parts,
 * from the name outwards; the type is then built from the far end:
 *
 *   char *(*f[3])(int)     parts: [3]  *  (int)  *      base: char
 *
 * builds char, char *, function, pointer to it, array of three.
 */
#include <string.h>

#include "core/parse/parser.h"

static Part *push_part(Parser *p, PartKind kind, const char *at)
{
    if (p->n_parts == p->cap_parts)
        jf_parse_grow(p, &p->parts, p->n_parts, &p->cap_parts, sizeof *p->parts);
    Part *part = &p->parts[p->n_parts++];
    memset(part, 0, sizeof *part);
    part->kind = (uint8_t)kind;
    part->at = at;
    return part;
}

/* --- suffixes ------------------------------------------------------------- */

/* The length of a parameter's outer array means nothing (6.7.6.3p7): it may
 * mention other parameters, `static`, or `*`. */
static void skip_length(Parser *p)
{
    while (!at_tok(p, JF_TK_RBRACKET)) {
        switch (p->tok.kind) {
        case JF_TK_LPAREN:
        case JF_TK_LBRACKET:
            jf_parse_skip_balanced(p);
            break;
        case JF_TK_RPAREN:
        case JF_TK_LBRACE:
        case JF_TK_RBRACE:
        case JF_TK_SEMI:
        case JF_TK_EOF:
        case JF_TK_EOL:
            jf_parse_expected(p, "']'");
        default:
            jf_parse_next(p);
        }
    }
}

static void array_qualifiers(Parser *p, Part *part)
{
    while (at_tok(p, JF_TK_QUAL) || at_tok(p, JF_TK_STORAGE)) {
        if (at_tok(p, JF_TK_QUAL))
            part->quals |= (uint8_t)p->tok.name->sub;
        else if (p->tok.name->sub != JF_ST_STATIC)
            jf_parse_expected(p, "an array length");
        jf_parse_next(p);
    }
}

/* 6.7.6.2 */
static void array_suffix(Parser *p, bool outer_param)
{
    Part part = {.kind = PART_ARRAY, .length = JF_UNKNOWN, .at = p->tok.at};
    jf_parse_enter(p);
    jf_parse_next(p);
    if (outer_param)
        array_qualifiers(p, &part);
    if (at_tok(p, JF_TK_DOTS)) {
        jf_parse_next(p);
        part.dots = true;
    } else if (outer_param) {
        skip_length(p);
    } else if (!at_tok(p, JF_TK_RBRACKET)) {
        const char *at = p->tok.at;
        Value v = jf_parse_integer(p, "the length of an array");
        if (v.v < 0)
            jf_strict_type_text(p, JF_BAD_VALUE, "negative array length");
        if (v.v < 0)
            jf_parse_fail(p, at, JF_SEMANTIC, "the length of an array cannot be %s",
                          jf_parse_prim_unsigned(v.prim) ? "that large"
                                                         : "negative");
        part.length = (uint64_t)v.v;
    }
    jf_parse_expect(p, JF_TK_RBRACKET);
    leave_nest(p);
    *push_part(p, PART_ARRAY, part.at) = part;
}

/* Arrays and functions as parameters are pointers (6.7.6.3p7 and p8). So is
 * va_list where it is an array of one (System V x86-64 psABI, figure 3.34). */
static jf_Type *decay(Parser *p, jf_Type *t)
{
    if (t->kind == JF_VALIST && p->u->target->abi == JF_ABI_SYSV)
        return jf_parse_hold(p, jf_type_pointer(p->u, t, 0));
    if (t->kind == JF_ARRAY)
        return jf_parse_hold(p, jf_type_pointer(p->u, t->to, t->quals));
    if (t->kind == JF_FUNC)
        return jf_parse_hold(p, jf_type_pointer(p->u, t, 0));
    return t;
}

typedef struct Params {
    jf_Type **types;
    const char **names;
    uint32_t n, cap;
    bool named;
} Params;

static void params_push(Parser *p, Params *l, jf_Type *t, const char *name)
{
    if (l->n == MAX_PARAMS)
        jf_parse_fail(p, p->tok.at, JF_UNSUPPORTED, "more than %d parameters",
                      MAX_PARAMS);
    if (l->n == l->cap) {
        uint32_t cap = l->cap ? l->cap * 4 : 8;
        jf_Type **types = jf_parse_scratch(p, cap * sizeof *types);
        const char **names = jf_parse_scratch(p, cap * sizeof *names);
        if (l->n) {
            memcpy(types, l->types, l->n * sizeof *types);
            memcpy(names, l->names, l->n * sizeof *names);
        }
        l->types = types;
        l->names = names;
        l->cap = cap;
    }
    l->types[l->n] = t;
    l->names[l->n++] = name;
    l->named |= name != NULL;
}

static void one_param(Parser *p, Params *l, const jf_Name *of, bool *was_void)
{
    Specs s;
    Decl d;
    if (at_tok(p, JF_TK_NAME) && !jf_parse_starts_type(p, &p->tok)) {
        jf_strict_param(p, of, l->n);
        jf_parse_unknown_type(p, &p->tok);
    }
    jf_parse_specs(p, &s);
    if (s.storage & ~(unsigned)JF_ST_REGISTER)
        jf_parse_fail(p, s.at, JF_SYNTAX, "a parameter has no storage class");
    jf_parse_declarator(p, &s, D_NAMED | D_ABSTRACT | D_PARAM, &d);
    if (d.type->kind == JF_VOID) {
        if (l->n || d.name || d.quals || !at_tok(p, JF_TK_RPAREN))
            jf_parse_fail(p, s.at, JF_SEMANTIC,
                          "a parameter cannot have type void");
        *was_void = true;
        return;
    }
    params_push(p, l, decay(p, d.type), d.name ? d.name->text : NULL);
}

/* 6.7.6.3; the current token is behind the opening parenthesis. `of`: what is
 * declared, or NULL. */
static void func_suffix(Parser *p, const jf_Name *of, const char *at,
                        const Attrs *inner)
{
    Params l = {NULL, NULL, 0, 0, false};
    bool was_void = false, variadic = false;
    bool oldstyle = at_tok(p, JF_TK_RPAREN);
    while (!at_tok(p, JF_TK_RPAREN)) {
        if (accept_tok(p, JF_TK_DOTS)) {
            variadic = true;
            if (!l.n)
                jf_strict_only_dots(p, of, at);
            break;
        }
        one_param(p, &l, of, &was_void);
        if (!at_tok(p, JF_TK_COMMA))
            break;
        jf_parse_next(p);
        if (at_tok(p, JF_TK_RPAREN))
            jf_parse_expected(p, "a parameter");
    }
    if (!at_tok(p, JF_TK_RPAREN))
        jf_parse_expected(p, "',' or ')'");
    jf_parse_next(p);
    leave_nest(p);
    Part *part = push_part(p, PART_FUNC, at);
    part->n = l.n;
    part->params = l.types;
    part->names = l.named ? l.names : NULL;
    part->variadic = variadic;
    part->oldstyle = oldstyle;
    part->stdcall = inner->conv == JF_CC_STDCALL;
}

/* --- reading -------------------------------------------------------------- */

typedef struct Reader {
    jf_Name *name;  /* NULL until found */
    const char *at; /* its place */
    unsigned how;   /* D_* */
    Attrs *attrs;   /* of the whole declarator */
} Reader;

static void read_declarator(Parser *p, Reader *r, Attrs *conv);

/* Where a declarator may be abstract, `(` opens parameters if a type or `)`
 * follows (6.7.7, 6.7.6.3p11). */
static bool opens_params(Parser *p, unsigned how)
{
    if (!(how & D_ABSTRACT))
        return false;
    const jf_Tok *t = jf_parse_ahead(p);
    switch (t->kind) {
    case JF_TK_RPAREN:
    case JF_TK_DOTS:
        return true;
    case JF_TK_ATTRIBUTE:
    case JF_TK_DECLSPEC:
    case JF_TK_LATTR:
        return false;
    case JF_TK_NAME:
        return jf_parse_starts_type(p, t) || !(how & D_NAMED);
    default:
        return jf_parse_starts_type(p, t);
    }
}

static void skip_words(Parser *p, Attrs *a)
{
    for (;;) {
        if (at_tok(p, JF_TK_IGNORED) && !p->tok.name->soft)
            jf_parse_next(p);
        else if (at_tok(p, JF_TK_IGNORED) || at_tok(p, JF_TK_EXTENSION))
            jf_parse_next(p);
        else if (at_tok(p, JF_TK_ATTRIBUTE) || at_tok(p, JF_TK_DECLSPEC) ||
                 at_tok(p, JF_TK_LATTR) || at_tok(p, JF_TK_CALLCONV))
            jf_parse_attrs(p, a);
        else
            return;
    }
}

enum { FEW_STARS = 8 };

/* Stars with their qualifiers; they are pushed by the caller, last one first.
 * *quals has room for a few and is replaced when there are more. */
static uint32_t read_stars(Parser *p, Attrs *a, uint8_t **list)
{
    uint8_t *quals = *list;
    uint32_t n = 0;
    for (;;) {
        skip_words(p, a);
        if (!at_tok(p, JF_TK_STAR))
            return n;
        if (n == MAX_DEPTH)
            jf_parse_fail(p, p->tok.at, JF_UNSUPPORTED,
                          "this type is nested more than %d levels deep",
                          MAX_DEPTH);
        if (n == FEW_STARS) {
            *list = jf_parse_scratch(p, MAX_DEPTH);
            memcpy(*list, quals, FEW_STARS);
            quals = *list;
        }
        quals[n] = 0;
        jf_parse_next(p);
        for (;;) {
            skip_words(p, a);
            if (!at_tok(p, JF_TK_QUAL) && !at_tok(p, JF_TK_ATOMIC))
                break;
            quals[n] |= (uint8_t)p->tok.name->sub;
            jf_parse_next(p);
        }
        n++;
    }
}

static void read_core(Parser *p, Reader *r, Attrs *inner)
{
    if (at_tok(p, JF_TK_LPAREN) && !opens_params(p, r->how)) {
        jf_parse_enter(p);
        jf_parse_next(p);
        read_declarator(p, r, inner);
        if (!at_tok(p, JF_TK_RPAREN))
            jf_parse_expected(p, "')'");
        jf_parse_next(p);
        leave_nest(p);
    } else if (at_name(p) && (r->how & D_NAMED)) {
        r->name = p->tok.name;
        r->at = p->tok.at;
        jf_parse_next(p);
    } else if (!(r->how & D_ABSTRACT)) {
        jf_parse_expected(p, "a name");
    }
}

static void read_suffixes(Parser *p, Reader *r, uint32_t first, const Attrs *inner)
{
    for (;;) {
        if (p->n_parts - first > MAX_DEPTH)
            jf_parse_fail(p, p->tok.at, JF_UNSUPPORTED,
                          "this type is nested more than %d levels deep",
                          MAX_DEPTH);
        if (at_tok(p, JF_TK_LBRACKET)) {
            array_suffix(p, (r->how & D_PARAM) && p->n_parts == first);
        } else if (at_tok(p, JF_TK_LPAREN)) {
            const char *at = p->tok.at;
            jf_parse_enter(p);
            jf_parse_next(p);
            func_suffix(p, r->name, at, inner);
        } else {
            return;
        }
    }
}

static void read_declarator(Parser *p, Reader *r, Attrs *conv)
{
    uint8_t few[FEW_STARS], *quals = few;
    uint32_t first = p->n_parts;
    Attrs inner = {0};
    uint32_t stars = read_stars(p, r->attrs, &quals);
    *conv = *r->attrs; /* a convention seen so far is the enclosing function's */
    read_core(p, r, &inner);
    skip_words(p, r->attrs);
    read_suffixes(p, r, first, &inner);
    while (stars)
        push_part(p, PART_POINTER, r->at)->quals = quals[--stars];
}

/* --- building ------------------------------------------------------------- */

static void check_depth(Parser *p, const jf_Type *t, const char *at)
{
    if (t->depth > MAX_DEPTH)
        jf_parse_fail(p, at, JF_UNSUPPORTED,
                      "this type is nested more than %d levels deep", MAX_DEPTH);
    if (t->weight > MAX_WEIGHT)
        jf_parse_fail(p, at, JF_UNSUPPORTED,
                      "this type would be more than %d words long when written out",
                      MAX_WEIGHT);
}

static const char *spelled_name(const Decl *d)
{
    return d->name ? d->name->text : "";
}

static jf_Type *build_array(Parser *p, Decl *d, const Part *part, jf_Type *t,
                            unsigned quals)
{
    if (t->kind == JF_FUNC)
        jf_parse_fail(p, part->at, JF_SEMANTIC,
                      "'%s' would be an array of functions; did you mean an array "
                      "of pointers to them?",
                      spelled_name(d));
    if (t->kind == JF_VOID)
        jf_parse_fail(p, part->at, JF_SEMANTIC, "'%s' would be an array of void",
                      spelled_name(d));
    if (t->kind == JF_ARRAY && t->length == JF_UNKNOWN && !d->dots_array &&
        !d->dots_below)
        jf_parse_fail(p, part->at, JF_SEMANTIC,
                      "only the first dimension of an array may be left open");
    if (t->size != JF_UNKNOWN && t->size && part->length != JF_UNKNOWN &&
        part->length > INT64_MAX / t->size)
        jf_parse_fail(p, part->at, JF_SEMANTIC, "this array is too large");
    d->dots_array |= part->dots;
    return jf_type_array(p->u, t, part->length, quals);
}

static jf_Type *build_func(Parser *p, const Part *part, jf_Type *t)
{
    if (t->kind == JF_FUNC || t->kind == JF_ARRAY)
        jf_strict_type_text(p, JF_BAD_TYPE, "invalid result type");
    if (t->kind == JF_FUNC || t->kind == JF_ARRAY)
        jf_parse_fail(p, part->at, JF_SEMANTIC, "a function cannot return %s",
                      t->kind == JF_FUNC ? "a function" : "an array");
    for (uint32_t i = 0; i < part->n; i++)
        if (part->params[i]->depth >= MAX_DEPTH)
            check_depth(p, part->params[i], part->at);
    unsigned flags =
        (part->variadic ? JF_T_VARIADIC : 0u) |
        (part->oldstyle ? JF_T_OLDSTYLE : 0u) |
        (part->stdcall && p->u->target->arch == JF_ARCH_X86 ? JF_T_STDCALL : 0u);
    return jf_type_func(p->u, t, part->params, part->n, flags);
}

/* `first` is the part next to the name. */
static void build(Parser *p, Decl *d, jf_Type *t, unsigned quals, uint32_t first)
{
    for (uint32_t i = p->n_parts; i-- > first;) {
        Part part = p->parts[i];
        if (part.kind == PART_POINTER) {
            t = jf_parse_hold(p, jf_type_pointer(p->u, t, quals));
            quals = part.quals;
        } else if (part.kind == PART_ARRAY) {
            t = jf_parse_hold(p, build_array(p, d, &part, t, quals));
            quals = 0;
        } else {
            t = jf_parse_hold(p, build_func(p, &part, t));
            quals = 0;
        }
        check_depth(p, t, part.at);
    }
    if (p->scope->strict && p->n_parts > first) {
        const Part *outer = &p->parts[first];
        d->open_first = outer->kind == PART_ARRAY && outer->length == JF_UNKNOWN &&
                        !outer->dots;
    }
    d->type = t;
    d->quals = quals;
}

void jf_parse_declarator(Parser *p, Specs *s, unsigned how, Decl *d)
{
    memset(d, 0, sizeof *d);
    d->dots_below = s->dots_array;
    uint32_t first = p->n_parts;
    Attrs conv;
    d->at = p->tok.at;
    Reader r = {NULL, d->at, how, &d->attrs};
    if (how & D_NAMED && at_tok(p, JF_TK_NAME)) { /* the common case */
        r.name = p->tok.name;
        jf_parse_next(p);
        Attrs none = {0};
        if (at_tok(p, JF_TK_LBRACKET) || at_tok(p, JF_TK_LPAREN))
            read_suffixes(p, &r, first, &none);
    } else {
        read_declarator(p, &r, &conv);
    }
    skip_words(p, &d->attrs);
    d->name = r.name;
    d->at = r.at;
    d->plain = p->n_parts == first;
    if (!d->plain && (d->attrs.mode || d->attrs.vector_size))
        jf_parse_fail(p, d->at, JF_UNSUPPORTED,
                      "this attribute is known only on a plain declarator; put it "
                      "into a typedef");
    if (d->plain) {
        d->type = jf_parse_apply_attrs(p, s->type, &d->attrs);
        d->quals = s->quals;
        return;
    }
    Part *near = &p->parts[first];
    if (near->kind == PART_FUNC) {
        d->params = near->names;
        d->n_params = near->n;
    }
    if (s->attrs.conv == JF_CC_STDCALL || d->attrs.conv == JF_CC_STDCALL)
        for (uint32_t i = first; i < p->n_parts; i++)
            if (p->parts[i].kind == PART_FUNC) {
                p->parts[i].stdcall = true;
                break;
            }
    build(p, d, s->type, s->quals, first);
    p->n_parts = first;
}
