/* SPDX-License-Identifier: MIT
 *
 * Declaration specifiers: C11 6.7 to 6.7.3. The words of a basic type may come
 * in any order (6.7.2p2), so they are gathered as a set and looked up once.
 */
#include <string.h>

#include "core/layout/layout.h"
#include "core/parse/parser.h"

/* --- basic types ---------------------------------------------------------- */

#define U JF_B_UNSIGNED
#define L JF_B_LONG
#define LL JF_B_LLONG

/* The sets that are types; `signed` and a needless `int` are taken out before. */
static const struct {
    uint32_t set;
    uint8_t prim;
} basic_rows[] = {
    {JF_B_INT, JF_P_INT},
    {JF_B_CHAR, JF_P_CHAR},
    {U | JF_B_INT, JF_P_UINT},
    {L, JF_P_LONG},
    {U | L, JF_P_ULONG},
    {U | JF_B_CHAR, JF_P_UCHAR},
    {JF_B_VOID, JF_P_VOID},
    {JF_B_DOUBLE, JF_P_DOUBLE},
    {JF_B_FLOAT, JF_P_FLOAT},
    {JF_B_SHORT, JF_P_SHORT},
    {U | JF_B_SHORT, JF_P_USHORT},
    {LL, JF_P_LLONG},
    {U | LL, JF_P_ULLONG},
    {JF_B_BOOL, JF_P_BOOL},
    {JF_B_SIGNED | JF_B_CHAR, JF_P_SCHAR},
    {L | JF_B_DOUBLE, JF_P_LDOUBLE},
    {JF_B_INT128, JF_P_INT128},
    {U | JF_B_INT128, JF_P_UINT128},
    {JF_B_INT64, JF_P_LLONG},
    {U | JF_B_INT64, JF_P_ULLONG},
    {JF_B_INT32, JF_P_INT},
    {U | JF_B_INT32, JF_P_UINT},
    {JF_B_INT16, JF_P_SHORT},
    {U | JF_B_INT16, JF_P_USHORT},
    {JF_B_INT8, JF_P_SCHAR},
    {U | JF_B_INT8, JF_P_UCHAR},
    {JF_B_F16, JF_P_FLOAT16},
    {JF_B_F32, JF_P_FLOAT32},
    {JF_B_F64, JF_P_FLOAT64},
    {JF_B_F128, JF_P_FLOAT128},
    {JF_B_F32X, JF_P_FLOAT32X},
    {JF_B_F64X, JF_P_FLOAT64X},
    {JF_B_COMPLEX, JF_P_CDOUBLE}, /* GNU: plain _Complex is double */
    {JF_B_COMPLEX | JF_B_FLOAT, JF_P_CFLOAT},
    {JF_B_COMPLEX | JF_B_DOUBLE, JF_P_CDOUBLE},
    {JF_B_COMPLEX | JF_B_DOUBLE | L, JF_P_CLDOUBLE},
    {JF_B_COMPLEX | JF_B_F32, JF_P_CFLOAT},
    {JF_B_COMPLEX | JF_B_F64, JF_P_CDOUBLE},
    {JF_B_COMPLEX | JF_B_F32X, JF_P_CDOUBLE},
};

#undef U
#undef L
#undef LL

static unsigned basic_prim(uint32_t set)
{
    const uint32_t ints = JF_B_SHORT | JF_B_LONG | JF_B_LLONG | JF_B_INT64 |
                          JF_B_INT32 | JF_B_INT16 | JF_B_INT8 | JF_B_INT128;
    if (set & JF_B_SIGNED && !(set & (JF_B_CHAR | JF_B_UNSIGNED))) {
        set &= ~(uint32_t)JF_B_SIGNED;
        if (!(set & ~(uint32_t)JF_B_INT))
            set |= JF_B_INT;
        else if (!(set & ints))
            return JF_P_NONE; /* signed double */
    }
    if (set == JF_B_UNSIGNED)
        set |= JF_B_INT;
    if (set & (JF_B_SHORT | JF_B_LONG | JF_B_LLONG))
        set &= ~(uint32_t)JF_B_INT;
    for (size_t i = 0; i < JF_COUNT(basic_rows); i++)
        if (basic_rows[i].set == set)
            return basic_rows[i].prim;
    return JF_P_NONE;
}

/* Add a word to the set; false: it cannot stand twice. */
static bool basic_add(uint32_t *set, uint32_t bit)
{
    if (bit == JF_B_LONG && (*set & JF_B_LONG)) {
        *set = (*set & ~(uint32_t)JF_B_LONG) | JF_B_LLONG;
        return true;
    }
    if ((*set & bit) || (bit == JF_B_LONG && (*set & JF_B_LLONG)))
        return false;
    *set |= bit;
    return true;
}

static jf_Type *basic_type(Parser *p, uint32_t set, const char *at)
{
    unsigned prim = basic_prim(set);
    int n = (int)(p->last_end - at);
    if (prim == JF_P_NONE)
        jf_parse_fail(p, at, JF_SEMANTIC, "'%.*s' is not a type", n > 80 ? 80 : n,
                      at);
    jf_Type *t = jf_type_prim(p->u, (jf_Prim)prim);
    if (!t)
        jf_parse_fail(p, at, JF_UNSUPPORTED, "the target %s has no type '%.*s'",
                      p->u->target->name, n > 80 ? 80 : n, at);
    return t;
}

/* --- names of types ------------------------------------------------------- */

bool jf_parse_starts_type(const Parser *p, const jf_Tok *t)
{
    (void)p;
    switch (t->kind) {
    case JF_TK_NAME:
        if (t->name->symbol)
            return t->name->symbol->kind == JF_SYM_TYPEDEF;
        return t->name->builtin != 0;
    case JF_TK_BASIC:
        return !t->name->soft || !t->name->symbol;
    case JF_TK_STRUCT:
    case JF_TK_UNION:
    case JF_TK_ENUM:
    case JF_TK_QUAL:
    case JF_TK_ATOMIC:
    case JF_TK_STORAGE:
    case JF_TK_TYPEOF:
    case JF_TK_ATTRIBUTE:
    case JF_TK_DECLSPEC:
    case JF_TK_ALIGNAS:
    case JF_TK_EXTENSION:
    case JF_TK_LATTR:
    case JF_TK_UNSUPPORTED:
        return true;
    default:
        return false;
    }
}

void jf_parse_unknown_type(Parser *p, const jf_Tok *t)
{
    JF_ASSERT(t->name);
    const jf_Name *n = t->name;
    jf_strict_unknown(p, t);
    if (n->tag) {
        const char *word = n->tag->kind == JF_STRUCT  ? "struct"
                           : n->tag->kind == JF_UNION ? "union"
                                                      : "enum";
        jf_parse_hint(p, "did you mean '%s %s'?", word, n->text);
    } else if (n->symbol) {
        jf_parse_hint(p, "'%s' is declared, but not as a type", n->text);
    } else {
        const char *near = jf_scope_suggest_type(p->scope, n->text, n->n);
        if (near)
            jf_parse_hint(p, "did you mean '%s'?", near);
        else
            jf_parse_hint(p, "declare it first, for example with 'typedef ... %s;'",
                          n->text);
    }
    jf_parse_fail(p, t->at, JF_SEMANTIC, "unknown type name '%s'", n->text);
}

/* A typedef name or built-in type; false if the current name is none. */
static bool named_type(Parser *p, Specs *s)
{
    const jf_Name *n = p->tok.name;
    const Sym *sym = sym_of(n);
    if (sym) {
        if (sym->s.kind != JF_SYM_TYPEDEF)
            return false;
        s->type = sym->s.type;
        s->quals |= sym->s.quals;
        s->align = sym->align;
        s->dots_array = sym->s.flags & JF_S_DOTS;
        return true;
    }
    unsigned quals = 0;
    s->type = n->builtin ? jf_parse_builtin(p, n, &quals) : NULL;
    s->quals |= quals;
    return s->type != NULL;
}

/* typeof(type-name), typeof(name of a variable or constant expression). */
static void typeof_type(Parser *p, Specs *s)
{
    bool unqual = p->tok.name->sub;
    jf_parse_next(p);
    jf_parse_enter(p);
    jf_parse_expect(p, JF_TK_LPAREN);
    if (jf_parse_starts_type(p, &p->tok)) {
        unsigned quals = 0;
        s->type = jf_parse_type_name(p, &quals);
        s->quals |= unqual ? 0 : quals;
    } else if (at_tok(p, JF_TK_NAME) && p->tok.name->symbol &&
               p->tok.name->symbol->type &&
               jf_parse_ahead(p)->kind == JF_TK_RPAREN) {
        s->type = p->tok.name->symbol->type;
        s->quals |= unqual ? 0 : p->tok.name->symbol->quals;
        jf_parse_next(p);
    } else {
        Value v = jf_parse_constant(p);
        s->type = jf_type_prim(p->u, (jf_Prim)v.prim);
    }
    jf_parse_expect(p, JF_TK_RPAREN);
    leave_nest(p);
}

/* C11 6.7.2.4: _Atomic(type), or the qualifier. */
static void atomic_spec(Parser *p, Specs *s)
{
    jf_parse_next(p);
    s->quals |= JF_Q_ATOMIC;
    if (s->type || !at_tok(p, JF_TK_LPAREN))
        return;
    unsigned quals = 0;
    jf_parse_enter(p);
    jf_parse_next(p);
    s->type = jf_parse_type_name(p, &quals);
    jf_parse_expect(p, JF_TK_RPAREN);
    leave_nest(p);
}

/* cffi: `int...`, `float...` and `...` in place of a type, in typedefs only. */
static void dots_type(Parser *p, Specs *s, uint32_t set)
{
    const uint32_t reals = JF_B_FLOAT | JF_B_DOUBLE;
    if (!(s->storage & JF_ST_TYPEDEF))
        jf_parse_fail(p, p->tok.at, JF_SYNTAX,
                      "'...' can stand for a type only in a typedef");
    if (p->scope->strict && set & JF_B_LONG && set & JF_B_DOUBLE)
        jf_parse_fail(p, p->tok.at, JF_SYNTAX, "'long double...' is not supported");
    if (p->scope->strict && set == JF_B_VOID)
        jf_parse_fail(p, p->tok.at, JF_SYNTAX, "'void...' is not a type");
    s->dots = !set ? DOTS_TYPE : set & reals ? DOTS_FLOAT : DOTS_INT;
    jf_parse_next(p);
    if (s->dots != DOTS_TYPE) { /* until the name is known: declare_typedef */
        s->type = jf_type_prim(p->u, s->dots == DOTS_INT ? JF_P_INT : JF_P_DOUBLE);
        return;
    }
    s->type = jf_type_record(p->group, JF_STRUCT, NULL, 0);
    if (!s->type)
        jf_parse_nomem(p);
    p->made_types = true;
    s->type->u.rec->flags = JF_R_OPAQUE_DOTS;
    s->type->u.rec->serial = ++p->scope->serial;
    s->fresh = s->type;
}

/* --- specifiers ----------------------------------------------------------- */

static void add_basic(Parser *p, Specs *s, uint32_t *set)
{
    if (s->type)
        jf_parse_fail(p, p->tok.at, JF_SYNTAX, "'%s' cannot follow a complete type",
                      p->tok.name->text);
    if (!basic_add(set, p->tok.name->sub))
        jf_parse_fail(p, p->tok.at, JF_SYNTAX, "'%s' stands twice in this type",
                      p->tok.name->text);
    jf_parse_next(p);
}

/* A soft word such as `complex` is a type word only next to one. */
static bool soft_basic(const Parser *p, uint32_t set)
{
    if (!p->tok.name->soft)
        return true;
    if (p->tok.name->symbol)
        return false;
    return p->tok.name->sub != JF_B_COMPLEX ||
           set & (JF_B_FLOAT | JF_B_DOUBLE | JF_B_LONG) || set == 0;
}

/* One specifier; false: the current token is none. */
static bool one_spec(Parser *p, Specs *s, uint32_t *set)
{
    switch (p->tok.kind) { /* LONG: one case per kind of token */
    case JF_TK_BASIC:
        if (!soft_basic(p, *set) || (p->tok.name->soft && s->type))
            return false;
        add_basic(p, s, set);
        return true;
    case JF_TK_NAME:
        if (*set || s->type || !named_type(p, s))
            return false;
        jf_parse_next(p);
        return true;
    case JF_TK_QUAL:
        s->quals |= p->tok.name->sub;
        jf_parse_next(p);
        return true;
    case JF_TK_STORAGE:
        if (p->tok.name->soft && (*set || s->type))
            return false;
        s->storage |= p->tok.name->sub;
        jf_parse_next(p);
        return true;
    case JF_TK_STRUCT:
    case JF_TK_UNION:
    case JF_TK_ENUM:
        if (*set || s->type)
            jf_parse_fail(p, p->tok.at, JF_SYNTAX,
                          "'%s' cannot follow a complete type; is a ';' missing?",
                          p->tok.name->text);
        if (p->tok.kind == JF_TK_ENUM)
            jf_parse_enum(p, s);
        else
            jf_parse_record(p, s);
        return true;
    case JF_TK_ATOMIC:
        atomic_spec(p, s);
        return true;
    case JF_TK_TYPEOF:
        if (*set || s->type)
            return false;
        typeof_type(p, s);
        return true;
    case JF_TK_ATTRIBUTE:
    case JF_TK_DECLSPEC:
    case JF_TK_ALIGNAS:
    case JF_TK_LATTR:
    case JF_TK_CALLCONV:
        jf_parse_attrs(p, &s->attrs);
        return true;
    case JF_TK_EXTENSION:
    case JF_TK_IGNORED:
        jf_parse_next(p);
        return true;
    case JF_TK_DOTS:
        if (s->type || s->dots || !(s->storage & JF_ST_TYPEDEF))
            return false;
        dots_type(p, s, *set);
        *set = 0;
        return true;
    case JF_TK_UNSUPPORTED:
        jf_parse_fail(p, p->tok.at, JF_UNSUPPORTED, "'%s' is not supported",
                      p->tok.name->text);
    default:
        return false;
    }
}

/* Qualifiers of an array are its elements' (6.7.3p9). */
static jf_Type *qualify_array(Parser *p, jf_Type *t, unsigned quals)
{
    if (t->kind != JF_ARRAY)
        return t;
    jf_Type *elem = qualify_array(p, t->to, quals);
    unsigned q = elem->kind == JF_ARRAY ? t->quals : t->quals | quals;
    return jf_parse_hold(p, jf_type_array(p->u, elem, t->length, q));
}

void jf_parse_specs(Parser *p, Specs *s)
{
    uint32_t set = 0;
    memset(s, 0, sizeof *s);
    s->at = p->tok.at;
    while (one_spec(p, s, &set))
        ;
    if (set)
        s->type = basic_type(p, set, s->at);
    if (!s->type) {
        if (at_tok(p, JF_TK_NAME))
            jf_parse_unknown_type(p, &p->tok);
        if (s->storage & (JF_ST_AUTO | JF_ST_CONSTEXPR))
            jf_parse_fail(p, s->at, JF_UNSUPPORTED, "a type must be written here");
        jf_parse_expected(p, "a type");
    }
    s->type = jf_parse_apply_attrs(p, s->type, &s->attrs);
    if (s->quals && s->type->kind == JF_ARRAY) {
        s->type = qualify_array(p, s->type, s->quals);
        s->quals = 0;
    }
}

jf_Type *jf_parse_type_name(Parser *p, unsigned *quals)
{
    Specs s;
    Decl d;
    jf_parse_specs(p, &s);
    if (s.storage)
        jf_parse_fail(p, s.at, JF_SYNTAX,
                      "a storage class has no place in the name of a type");
    jf_parse_declarator(p, &s, D_ABSTRACT, &d);
    *quals = d.quals;
    return d.type;
}

void jf_parse_layout(Parser *p, jf_Type *t, const char *at)
{
    p->laid_out = true;
    jf_Diag low = JF_DIAG_INIT;
    jf_Status st = jf_layout(p->u->target, t, &low);
    if (st == JF_OK)
        return;
    if (p->diag && p->diag->status == JF_OK)
        *p->diag = low;
    else
        jf_diag_clear(&low);
    jf_parse_fail_low(p, at, st);
}

/* C11 6.7.10 */
void jf_parse_static_assert(Parser *p)
{
    const char *at = p->tok.at;
    size_t n = 0;
    const char *text = NULL;
    jf_parse_next(p);
    jf_parse_enter(p);
    jf_parse_expect(p, JF_TK_LPAREN);
    Value v = jf_parse_integer(p, "a static assertion");
    if (accept_tok(p, JF_TK_COMMA))
        text = jf_parse_string(p, &n);
    jf_parse_expect(p, JF_TK_RPAREN);
    leave_nest(p);
    jf_parse_expect(p, JF_TK_SEMI);
    if (!v.v)
        jf_parse_fail(p, at, JF_SEMANTIC, "static assertion failed%s%s",
                      text ? ": " : "", text ? text : "");
}
