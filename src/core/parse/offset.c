/* SPDX-License-Identifier: MIT
 *
 * Where a member lies, as a constant: offsetof (C11 7.19p3), and the classic
 * macro for it, `&((struct S *)0)->member`, an address constant whose base is a
 * number (6.6p9) and which, as compilers do, counts as an integer here.
 */
#include "core/parse/parser.h"

/* --- steps ---------------------------------------------------------------- */

static uint64_t member_step(Parser *p, jf_Type **t)
{
    uint64_t offset = 0;
    const char *at = p->tok.at;
    if (!p->tok.name)
        jf_parse_expected(p, "the name of a member");
    const char *name = p->tok.name->text;
    uint32_t n = p->tok.name->n;
    if (!jf_is_record(*t))
        jf_parse_fail(p, at, JF_SEMANTIC, "'%s' has no members",
                      jf_parse_spell(p, *t, ""));
    jf_parse_layout(p, *t, at);
    const jf_Field *f = jf_type_field(*t, name, n, &offset);
    if (!f)
        jf_parse_fail(p, at, JF_SEMANTIC, "'%s' has no member '%.*s'",
                      jf_parse_spell(p, *t, ""), (int)(n > 80 ? 80 : n), name);
    if (f->bits >= 0)
        jf_parse_fail(p, at, JF_SEMANTIC, "'%.*s' is a bit-field", (int)n, name);
    *t = f->type;
    jf_parse_next(p);
    return offset;
}

/* The current token is behind the opening bracket. */
static uint64_t index_step(Parser *p, jf_Type **t)
{
    const char *at = p->tok.at;
    jf_parse_enter(p);
    Value v = jf_parse_integer(p, "an index");
    if ((*t)->kind != JF_ARRAY)
        jf_parse_fail(p, at, JF_SEMANTIC, "'%s' is not an array",
                      jf_parse_spell(p, *t, ""));
    *t = (*t)->to;
    jf_parse_layout(p, *t, at);
    jf_parse_expect(p, JF_TK_RBRACKET);
    leave_nest(p);
    return (uint64_t)v.v * (*t)->size;
}

/* Any run of `.member` and `[index]`. */
static uint64_t steps(Parser *p, jf_Type **t)
{
    uint64_t offset = 0;
    for (;;) {
        if (accept_tok(p, JF_TK_DOT))
            offset += member_step(p, t);
        else if (accept_tok(p, JF_TK_LBRACKET))
            offset += index_step(p, t);
        else
            return offset;
    }
}

/* --- offsetof ------------------------------------------------------------- */

Value jf_parse_offsetof(Parser *p)
{
    unsigned quals;
    jf_parse_next(p);
    jf_parse_enter(p);
    jf_parse_expect(p, JF_TK_LPAREN);
    jf_Type *t = jf_parse_type_name(p, &quals);
    jf_parse_expect(p, JF_TK_COMMA);
    uint64_t offset = member_step(p, &t);
    offset += steps(p, &t);
    jf_parse_expect(p, JF_TK_RPAREN);
    leave_nest(p);
    return jf_parse_size_value(p, offset);
}

/* --- addresses ------------------------------------------------------------ */

/* An object, or the value of a pointer. */
typedef struct Place {
    uint64_t at;   /* address of the object; the pointer's value */
    jf_Type *type; /* of the object; of the pointer */
    bool object;
} Place;

static Place place_of(Parser *p);

/* `*p`, and what `->` and `[` do before anything else (6.5.2.1, 6.5.3.2). */
static void follow(Parser *p, Place *o, const char *at)
{
    if (o->object || o->type->kind != JF_PTR)
        jf_parse_fail(p, at, JF_SEMANTIC,
                      "only a pointer made of a number can be followed in a "
                      "constant expression");
    o->type = o->type->to;
    o->object = true;
}

static void place_suffixes(Parser *p, Place *o)
{
    for (;;) {
        const char *at = p->tok.at;
        if (accept_tok(p, JF_TK_ARROW)) {
            follow(p, o, at);
            o->at += member_step(p, &o->type);
        } else if (at_tok(p, JF_TK_DOT) || at_tok(p, JF_TK_LBRACKET)) {
            if (!o->object)
                jf_parse_expected(p, "'->'");
            o->at += steps(p, &o->type);
        } else {
            return;
        }
    }
}

/* `(T *)number`; the current token is the parenthesis. */
static Place cast_pointer(Parser *p)
{
    Place o = {0, NULL, false};
    unsigned quals;
    jf_parse_enter(p);
    jf_parse_next(p);
    const char *at = p->tok.at;
    o.type = jf_parse_type_name(p, &quals);
    if (o.type->kind != JF_PTR)
        jf_parse_fail(p, at, JF_SEMANTIC, "'%s' is not a pointer",
                      jf_parse_spell(p, o.type, ""));
    jf_parse_expect(p, JF_TK_RPAREN);
    at = p->tok.at;
    o.at = (uint64_t)jf_parse_cast(p, o.type, jf_parse_operand(p), at).v;
    leave_nest(p);
    return o;
}

static Place place_of(Parser *p)
{
    Place o;
    const char *at = p->tok.at;
    if (at_tok(p, JF_TK_LPAREN) && jf_parse_starts_type(p, jf_parse_ahead(p)))
        return cast_pointer(p);
    jf_parse_enter(p);
    if (accept_tok(p, JF_TK_STAR)) {
        o = place_of(p);
        follow(p, &o, at);
    } else {
        jf_parse_expect(p, JF_TK_LPAREN);
        o = place_of(p);
        jf_parse_expect(p, JF_TK_RPAREN);
        place_suffixes(p, &o);
    }
    leave_nest(p);
    return o;
}

/* The current token is `&`. */
Value jf_parse_address(Parser *p)
{
    const char *at = p->tok.at;
    jf_parse_enter(p);
    jf_parse_next(p);
    Place o = place_of(p);
    if (!o.object)
        jf_parse_fail(p, at, JF_SEMANTIC,
                      "the address of a value: did you mean '&((struct S "
                      "*)0)->member'?");
    leave_nest(p);
    return jf_parse_size_value(p, o.at);
}
