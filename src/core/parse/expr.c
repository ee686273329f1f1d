/* SPDX-License-Identifier: MIT
 *
 * Constant expressions: C11 6.6 over the operators of 6.5, with the integer
 * promotions (6.3.1.1) and usual conversions (6.3.1.8) of the target's sizes.
 * Signed overflow wraps, as compilers do; division by zero and shifts by more
 * than the width are errors, unless the operand is not evaluated (6.5.13p4).
 */
#include <math.h>
#include <string.h>

#include "core/layout/layout.h"
#include "core/parse/parser.h"

static Value unary(Parser *p);
static Value conditional(Parser *p);

/* --- types of values ------------------------------------------------------ */

bool jf_parse_prim_unsigned(unsigned prim)
{
    return prim == JF_P_UINT || prim == JF_P_ULONG || prim == JF_P_ULLONG;
}

static unsigned prim_bits(const Parser *p, unsigned prim)
{
    return (unsigned)p->u->prims[prim]->size * 8;
}

/* Cut `v` to `bits` and extend it again. */
static int64_t wrap(uint64_t v, unsigned bits, bool sign)
{
    JF_ASSERT(bits && bits <= 64);
    v <<= 64 - bits;
    return sign ? (int64_t)v >> (64 - bits) : (int64_t)(v >> (64 - bits));
}

static Value make_int(const Parser *p, uint64_t v, unsigned prim)
{
    Value r = {0, 0, (uint8_t)prim};
    r.v = wrap(v, prim_bits(p, prim), !jf_parse_prim_unsigned(prim));
    return r;
}

static Value make_real(double d)
{
    Value r = {0, d, JF_P_DOUBLE};
    return r;
}

static double as_real(const Value *v)
{
    if (value_is_real(v))
        return v->real;
    return jf_parse_prim_unsigned(v->prim) ? (double)(uint64_t)v->v : (double)v->v;
}

static bool is_true(const Value *v)
{
    return value_is_real(v) ? v->real != 0 : v->v != 0;
}

/* The type two operands meet in. ORDER PRIM: by rank, unsigned behind signed. */
static unsigned common_prim(const Parser *p, unsigned a, unsigned b)
{
    if (a == JF_P_DOUBLE || b == JF_P_DOUBLE)
        return JF_P_DOUBLE;
    unsigned high = a > b ? a : b, low = a > b ? b : a;
    if (jf_parse_prim_unsigned(high) || !jf_parse_prim_unsigned(low) ||
        prim_bits(p, high) > prim_bits(p, low))
        return high;
    return high + 1; /* the unsigned type of the signed one's rank */
}

JF_STATIC_ASSERT(JF_P_UINT == JF_P_INT + 1 && JF_P_LONG == JF_P_UINT + 1 &&
                     JF_P_ULONG == JF_P_LONG + 1 && JF_P_LLONG == JF_P_ULONG + 1 &&
                     JF_P_ULLONG == JF_P_LLONG + 1,
                 "ranks ascend, each unsigned type behind its signed one");

static Value convert(const Parser *p, Value v, unsigned prim)
{
    if (prim == JF_P_DOUBLE)
        return make_real(as_real(&v));
    JF_ASSERT(!value_is_real(&v));
    return make_int(p, (uint64_t)v.v, prim);
}

/* --- casts ---------------------------------------------------------------- */

static int64_t real_to_int(Parser *p, double d, unsigned bits, bool sign,
                           const char *at)
{
    double top = ldexp(1, (int)(sign ? bits - 1 : bits));
    d = trunc(d);
    if (!(d < top && d >= (sign ? -top : 0))) {
        if (p->dead)
            return 0;
        jf_parse_fail(p, at, JF_SEMANTIC, "this number does not fit the type");
    }
    return sign ? (int64_t)d : (int64_t)(uint64_t)d;
}

/* What an integer type narrower than int is promoted to, or itself. */
static unsigned promoted(const Parser *p, unsigned bits, bool sign)
{
    if (bits < prim_bits(p, JF_P_INT))
        return JF_P_INT;
    if (bits == prim_bits(p, JF_P_INT))
        return sign ? JF_P_INT : JF_P_UINT;
    if (bits == prim_bits(p, JF_P_LONG))
        return sign ? JF_P_LONG : JF_P_ULONG;
    return sign ? JF_P_LLONG : JF_P_ULLONG;
}

Value jf_parse_cast(Parser *p, jf_Type *t, Value v, const char *at)
{
    if (t->kind == JF_FLOAT) {
        double d = as_real(&v);
        return make_real(t->size == 4 ? (double)(float)d : d);
    }
    if (t->kind == JF_BOOL)
        return make_int(p, is_true(&v), JF_P_INT);
    if (t->kind == JF_PTR && !value_is_real(&v)) {
        unsigned bits = (unsigned)t->size * 8;
        return make_int(p, (uint64_t)wrap((uint64_t)v.v, bits, false),
                        promoted(p, bits, false));
    }
    if (!jf_is_integral(t) || t->size == JF_UNKNOWN || t->size > 8)
        jf_parse_fail(p, at, JF_SEMANTIC,
                      "a constant expression cannot be cast to '%s'",
                      jf_parse_spell(p, t, ""));
    unsigned bits = (unsigned)t->size * 8;
    bool sign = t->flags & JF_T_SIGNED;
    int64_t i = value_is_real(&v) ? real_to_int(p, v.real, bits, sign, at) : v.v;
    Value r = {wrap((uint64_t)i, bits, sign), 0, 0};
    r.prim = (uint8_t)(t->prim == JF_P_LLONG || t->prim == JF_P_ULLONG
                           ? t->prim
                           : promoted(p, bits, sign));
    return r;
}

/* --- primary expressions -------------------------------------------------- */

/* C11 6.4.4.1p5: the first type of the list that holds the value. */
static Value number(Parser *p)
{
    jf_Number n;
    const char *bad = jf_lex_number(p->tok.at, p->tok.n, &n);
    if (bad)
        jf_parse_fail(p, p->tok.at, JF_SYNTAX, "%s", bad);
    jf_parse_next(p);
    if (n.is_real)
        return make_real(n.real);
    unsigned rank = n.longs == 2 ? JF_P_LLONG : n.longs == 1 ? JF_P_LONG : JF_P_INT;
    for (unsigned prim = rank; prim <= JF_P_ULLONG; prim++) {
        bool uns = jf_parse_prim_unsigned(prim);
        unsigned bits = prim_bits(p, prim) - !uns;
        if (uns ? n.decimal && !n.is_unsigned && prim != JF_P_ULLONG
                : n.is_unsigned)
            continue;
        if (bits == 64 || n.value >> bits == 0)
            return make_int(p, n.value, prim);
    }
    return make_int(p, n.value, JF_P_ULLONG);
}

static Value character(Parser *p)
{
    int64_t v;
    int prefix = jf_lex_prefix(p->tok.at);
    const jf_Target *target = p->u->target;
    const char *bad = jf_lex_char(p->tok.at, p->tok.n, target->char_signed, &v);
    if (bad)
        jf_parse_fail(p, p->tok.at, JF_SYNTAX, "%s", bad);
    jf_parse_next(p);
    if (prefix == 'L')
        v = wrap((uint64_t)v, target->prim[JF_C_WCHAR].size * 8u,
                 target->wchar_signed);
    else if (prefix == 'u')
        v = (uint16_t)v;
    return make_int(p, (uint64_t)v, prefix == 'U' ? JF_P_UINT : JF_P_INT);
}

Value jf_parse_size_value(const Parser *p, uint64_t n)
{
    unsigned bits = p->u->target->prim[JF_C_PTR].size * 8u;
    return make_int(p, n, promoted(p, bits, false));
}

static Value named_constant(Parser *p)
{
    jf_Name *n = p->tok.name;
    if (!n->symbol && n->token == JF_TK_NAME && n->sub)
        jf_parse_pending(p, n->sub - 1);
    const jf_Symbol *s = n->symbol;
    if (!s) {
        if (n->token == JF_TK_BOOLEAN) {
            jf_parse_next(p);
            return make_int(p, n->sub, JF_P_INT);
        }
        const char *near = jf_scope_suggest(p->scope, n->text, n->n);
        if (near)
            jf_parse_hint(p, "did you mean '%s'?", near);
        jf_parse_fail(p, p->tok.at, JF_SEMANTIC, "'%s' is not declared", n->text);
    }
    if (s->kind == JF_SYM_CONSTANT && s->flags & JF_S_DOTS)
        jf_parse_fail(p, p->tok.at, JF_UNSUPPORTED,
                      "the value of '%s' is known to the C compiler only", n->text);
    if (s->kind == JF_SYM_FLOAT) {
        jf_parse_next(p);
        return make_real(s->number);
    }
    if (s->kind != JF_SYM_CONSTANT)
        jf_parse_fail(p, p->tok.at, JF_SEMANTIC, "'%s' is not a constant", n->text);
    jf_parse_next(p);
    bool sign = !(s->flags & JF_S_UNSIGNED);
    unsigned bits =
        s->type && s->type->size <= 8 ? (unsigned)s->type->size * 8 : 64;
    Value v = {s->value, 0, (uint8_t)promoted(p, bits, sign)};
    return v;
}

static Value parenthesized(Parser *p)
{
    jf_parse_enter(p);
    jf_parse_next(p);
    Value v = jf_parse_constant(p);
    jf_parse_expect(p, JF_TK_RPAREN);
    leave_nest(p);
    return v;
}

static Value primary(Parser *p)
{
    switch (p->tok.kind) {
    case JF_TK_NUMBER:
        return number(p);
    case JF_TK_CHAR:
        return character(p);
    case JF_TK_LPAREN:
        return parenthesized(p);
    case JF_TK_OFFSETOF:
        return jf_parse_offsetof(p);
    case JF_TK_DOTS:
        jf_parse_fail(p, p->tok.at, JF_SYNTAX,
                      "'...' cannot stand for a value in this place");
    default:
        if (at_name(p))
            return named_constant(p);
        jf_parse_expected(p, "a constant expression");
    }
}

/* --- unary ---------------------------------------------------------------- */

/* Size of what stands behind sizeof without being a type. */
static uint64_t operand_size(Parser *p)
{
    if (at_tok(p, JF_TK_STRING)) {
        size_t n;
        jf_parse_string(p, &n);
        return n + 1;
    }
    bool paren = at_tok(p, JF_TK_LPAREN);
    const jf_Tok *t = paren ? jf_parse_ahead(p) : &p->tok;
    if (t->kind == JF_TK_NAME && t->name->symbol &&
        t->name->symbol->kind == JF_SYM_VARIABLE) {
        jf_Type *type = t->name->symbol->type;
        if (paren)
            jf_parse_next(p);
        const char *at = p->tok.at;
        jf_parse_next(p);
        if (paren)
            jf_parse_expect(p, JF_TK_RPAREN);
        jf_parse_layout(p, type, at);
        return type->size;
    }
    p->dead++;
    Value v = unary(p);
    p->dead--;
    return p->u->prims[v.prim]->size;
}

static Value size_of(Parser *p)
{
    bool alignof_ = at_tok(p, JF_TK_ALIGNOF);
    const char *at = p->tok.at;
    jf_parse_next(p);
    if (at_tok(p, JF_TK_LPAREN) && jf_parse_starts_type(p, jf_parse_ahead(p))) {
        unsigned quals;
        jf_parse_enter(p);
        jf_parse_next(p);
        at = p->tok.at;
        jf_Type *t = jf_parse_type_name(p, &quals);
        jf_parse_expect(p, JF_TK_RPAREN);
        leave_nest(p);
        jf_parse_layout(p, t, at);
        return jf_parse_size_value(p, alignof_ ? t->align : t->size);
    }
    if (at_tok(p, JF_TK_LPAREN) && jf_parse_ahead(p)->kind == JF_TK_NAME &&
        !jf_parse_ahead(p)->name->symbol)
        jf_parse_unknown_type(p, jf_parse_ahead(p));
    if (alignof_)
        jf_parse_expected(p, "'(' and a type");
    return jf_parse_size_value(p, operand_size(p));
}

static Value negated(Parser *p, jf_Token op, Value v, const char *at)
{
    switch (op) {
    case JF_TK_MINUS:
        return value_is_real(&v) ? make_real(-v.real)
                                 : make_int(p, 0 - (uint64_t)v.v, v.prim);
    case JF_TK_BANG:
        return make_int(p, !is_true(&v), JF_P_INT);
    case JF_TK_TILDE:
        if (value_is_real(&v))
            jf_parse_fail(p, at, JF_SEMANTIC, "'~' needs an integer");
        return make_int(p, ~(uint64_t)v.v, v.prim);
    default:
        return v;
    }
}

static Value unary(Parser *p)
{
    const char *at = p->tok.at;
    jf_Token op = (jf_Token)p->tok.kind;
    switch (op) {
    case JF_TK_MINUS:
    case JF_TK_PLUS:
    case JF_TK_BANG:
    case JF_TK_TILDE: {
        jf_parse_enter(p);
        jf_parse_next(p);
        Value v = unary(p);
        leave_nest(p);
        return negated(p, op, v, at);
    }
    case JF_TK_SIZEOF:
    case JF_TK_ALIGNOF: {
        jf_parse_enter(p);
        Value v = size_of(p);
        leave_nest(p);
        return v;
    }
    case JF_TK_AMP:
        return jf_parse_address(p);
    case JF_TK_EXTENSION:
        jf_parse_enter(p);
        jf_parse_next(p);
        Value e = unary(p);
        leave_nest(p);
        return e;
    case JF_TK_LPAREN:
        if (jf_parse_starts_type(p, jf_parse_ahead(p))) {
            unsigned quals;
            jf_parse_enter(p);
            jf_parse_next(p);
            jf_Type *t = jf_parse_type_name(p, &quals);
            jf_parse_expect(p, JF_TK_RPAREN);
            Value v = unary(p);
            leave_nest(p);
            return jf_parse_cast(p, t, v, at);
        }
        return primary(p);
    default:
        return primary(p);
    }
}

/* --- binary --------------------------------------------------------------- */

/* Binding strength of a binary operator, 0 for none; C11 6.5.5 to 6.5.14. */
static unsigned strength(unsigned token)
{
    switch (token) {
    case JF_TK_STAR:
    case JF_TK_SLASH:
    case JF_TK_PERCENT:
        return 10;
    case JF_TK_PLUS:
    case JF_TK_MINUS:
        return 9;
    case JF_TK_SHL:
    case JF_TK_SHR:
        return 8;
    case JF_TK_LT:
    case JF_TK_GT:
    case JF_TK_LE:
    case JF_TK_GE:
        return 7;
    case JF_TK_EQ:
    case JF_TK_NE:
        return 6;
    case JF_TK_AMP:
        return 5;
    case JF_TK_CARET:
        return 4;
    case JF_TK_PIPE:
        return 3;
    case JF_TK_ANDAND:
        return 2;
    case JF_TK_OROR:
        return 1;
    default:
        return 0;
    }
}

static Value real_binary(Parser *p, jf_Token op, double a, double b, const char *at)
{
    switch (op) {
    case JF_TK_STAR:
        return make_real(a * b);
    case JF_TK_SLASH:
        if (b == 0 && !p->dead)
            jf_parse_fail(p, at, JF_SEMANTIC, "division by zero");
        return make_real(b == 0 ? 0 : a / b);
    case JF_TK_PLUS:
        return make_real(a + b);
    case JF_TK_MINUS:
        return make_real(a - b);
    case JF_TK_LT:
        return make_int(p, a < b, JF_P_INT);
    case JF_TK_GT:
        return make_int(p, a > b, JF_P_INT);
    case JF_TK_LE:
        return make_int(p, a <= b, JF_P_INT);
    case JF_TK_GE:
        return make_int(p, a >= b, JF_P_INT);
    case JF_TK_EQ:
        return make_int(p, a == b, JF_P_INT);
    case JF_TK_NE:
        return make_int(p, a != b, JF_P_INT);
    default:
        jf_parse_fail(p, at, JF_SEMANTIC, "'%s' needs integers", jf_token_text[op]);
    }
}

static Value divide(Parser *p, jf_Token op, Value a, Value b, const char *at)
{
    unsigned prim = a.prim;
    uint64_t r;
    if (b.v == 0) {
        if (!p->dead)
            jf_parse_fail(p, at, JF_SEMANTIC, "division by zero");
        return a;
    }
    if (jf_parse_prim_unsigned(prim))
        r = op == JF_TK_SLASH ? (uint64_t)a.v / (uint64_t)b.v
                              : (uint64_t)a.v % (uint64_t)b.v;
    else if (b.v == -1) /* INT64_MIN / -1 traps in hardware; here it wraps */
        r = op == JF_TK_SLASH ? 0 - (uint64_t)a.v : 0;
    else
        r = (uint64_t)(op == JF_TK_SLASH ? a.v / b.v : a.v % b.v);
    return make_int(p, r, prim);
}

/* 6.5.7: the type is the promoted left operand's. */
static Value shift(Parser *p, jf_Token op, Value a, Value b, const char *at)
{
    unsigned bits = prim_bits(p, a.prim);
    if ((uint64_t)b.v >= bits) {
        if (!p->dead)
            jf_parse_fail(p, at, JF_SEMANTIC,
                          "a shift by %lld in a type of %u bits", (long long)b.v,
                          bits);
        return a;
    }
    if (op == JF_TK_SHL)
        return make_int(p, (uint64_t)a.v << b.v, a.prim);
    if (jf_parse_prim_unsigned(a.prim))
        return make_int(p, (uint64_t)a.v >> b.v, a.prim);
    return make_int(p, (uint64_t)(a.v >> b.v), a.prim);
}

static bool compare(jf_Token op, int64_t a, int64_t b, bool uns)
{
    bool less = uns ? (uint64_t)a < (uint64_t)b : a < b;
    switch (op) {
    case JF_TK_LT:
        return less;
    case JF_TK_GE:
        return !less;
    case JF_TK_GT:
        return !less && a != b;
    case JF_TK_LE:
        return less || a == b;
    case JF_TK_EQ:
        return a == b;
    default:
        return a != b;
    }
}

static Value binary_op(Parser *p, jf_Token op, Value a, Value b, const char *at)
{
    unsigned prim = common_prim(p, a.prim, b.prim);
    if (prim == JF_P_DOUBLE)
        return real_binary(p, op, as_real(&a), as_real(&b), at);
    if (op == JF_TK_SHL || op == JF_TK_SHR)
        return shift(p, op, a, b, at);
    a = convert(p, a, prim);
    b = convert(p, b, prim);
    uint64_t x = (uint64_t)a.v, y = (uint64_t)b.v;
    switch (op) {
    case JF_TK_STAR:
        return make_int(p, x * y, prim);
    case JF_TK_SLASH:
    case JF_TK_PERCENT:
        return divide(p, op, a, b, at);
    case JF_TK_PLUS:
        return make_int(p, x + y, prim);
    case JF_TK_MINUS:
        return make_int(p, x - y, prim);
    case JF_TK_AMP:
        return make_int(p, x & y, prim);
    case JF_TK_CARET:
        return make_int(p, x ^ y, prim);
    case JF_TK_PIPE:
        return make_int(p, x | y, prim);
    default:
        return make_int(p, compare(op, a.v, b.v, jf_parse_prim_unsigned(prim)),
                        JF_P_INT);
    }
}

static Value binary(Parser *p, unsigned least)
{
    jf_parse_enter(p);
    Value a = unary(p);
    for (;;) {
        jf_Token op = (jf_Token)p->tok.kind;
        const char *at = p->tok.at;
        unsigned s = strength(op);
        if (s < least || !s)
            break;
        jf_parse_next(p);
        if (op == JF_TK_ANDAND || op == JF_TK_OROR) {
            bool decided = is_true(&a) == (op == JF_TK_OROR);
            p->dead += decided;
            Value b = binary(p, s + 1);
            p->dead -= decided;
            a = make_int(p, decided ? is_true(&a) : is_true(&b), JF_P_INT);
        } else {
            Value b = binary(p, s + 1);
            a = binary_op(p, op, a, b, at);
        }
    }
    leave_nest(p);
    return a;
}

/* 6.5.15 */
static Value conditional(Parser *p)
{
    Value c = binary(p, 1);
    if (!at_tok(p, JF_TK_QUESTION))
        return c;
    bool yes = is_true(&c);
    jf_parse_enter(p);
    jf_parse_next(p);
    Value a = c;
    if (!at_tok(p, JF_TK_COLON)) { /* GNU: c ?: b */
        p->dead += !yes;
        a = conditional(p);
        p->dead -= !yes;
    }
    jf_parse_expect(p, JF_TK_COLON);
    p->dead += yes;
    Value b = conditional(p);
    p->dead -= yes;
    leave_nest(p);
    return convert(p, yes ? a : b, common_prim(p, a.prim, b.prim));
}

Value jf_parse_constant(Parser *p)
{
    return conditional(p);
}

Value jf_parse_operand(Parser *p)
{
    return unary(p);
}

Value jf_parse_integer(Parser *p, const char *what)
{
    const char *at = p->tok.at;
    Value v = jf_parse_constant(p);
    if (value_is_real(&v))
        jf_parse_fail(p, at, JF_SEMANTIC, "%s must be an integer", what);
    return v;
}
