/* SPDX-License-Identifier: MIT
 *
 * What a C compiler has answered to the `...` of a text: types, lengths, values. An
 * answer that makes no sense is an error at the declaration: it comes from a module
 * that may be damaged. The numbers of records are asked for when they are laid out
 * (layout/given.c). Which primitive stands for an open type is cffi's choice.
 */
#include <string.h>

#include "core/parse/parser.h"

/* --- types -------------------------------------------------------------------- */

/* By size and class. ORDER: the first that the target has and fits is taken. */
static jf_Type *prim_of(Parser *p, const uint8_t *order, size_t n, uint32_t size,
                        bool sign)
{
    for (size_t i = 0; i < n; i++) {
        jf_Type *t = jf_type_prim(p->u, (jf_Prim)order[i]);
        if (t && t->size == size && sign == !!(t->flags & JF_T_SIGNED))
            return t;
    }
    return NULL;
}

static jf_Type *integer_of(Parser *p, const jf_GivenType *g)
{
    static const uint8_t order[] = {
        JF_P_INT8,   JF_P_UINT8, JF_P_INT16,  JF_P_UINT16, JF_P_INT32,
        JF_P_UINT32, JF_P_INT64, JF_P_UINT64, JF_P_INT128, JF_P_UINT128};
    return prim_of(p, order, JF_COUNT(order), g->size, g->cls == 'i');
}

static jf_Type *float_of(Parser *p, const jf_GivenType *g)
{
    static const uint8_t order[] = {JF_P_FLOAT, JF_P_DOUBLE, JF_P_LDOUBLE,
                                    JF_P_FLOAT128, JF_P_FLOAT16};
    return prim_of(p, order, JF_COUNT(order), g->size, true);
}

JF_NORETURN static void senseless_type(Parser *p, const char *at, const char *name,
                                       const char *what, const jf_GivenType *g)
{
    const char *cls = g->cls == 'i'   ? "signed"
                      : g->cls == 'u' ? "unsigned"
                      : g->cls == 'f' ? "floating"
                                      : "unknown";
    jf_parse_fail(
        p, at, JF_SEMANTIC,
        "the compiled module says '%s' is %s and has %lu bytes: %s is like "
        "that",
        name, cls, (unsigned long)g->size, what);
}

jf_Type *jf_parse_given_type(Parser *p, const char *name, bool real, const char *at)
{
    jf_GivenType g = {0, 0};
    if (!p->oracle || !p->oracle->type(p->oracle->ctx, name, &g))
        return NULL;
    if (p->scope->strict && real && (g.cls != 'f' || g.size > 8))
        return NULL; /* to cffi it is not usable */
    /* `typedef int... t` for a floating type, or the other way round, is what the
     * header says: it is right, and the declaration was only careless. */
    jf_Type *t = g.cls == 'f' ? float_of(p, &g) : NULL;
    if (g.cls == 'i' || g.cls == 'u')
        t = integer_of(p, &g);
    if (!t)
        senseless_type(p, at, name, real ? "no floating type" : "no integer type",
                       &g);
    return t;
}

/* The integer of an enum: as the compiler names them, for calling conventions and
 * messages. */
static jf_Type *enum_integer(Parser *p, const jf_GivenType *g)
{
    static const uint8_t order[] = {JF_P_INT,   JF_P_UINT,   JF_P_LONG,  JF_P_ULONG,
                                    JF_P_LLONG, JF_P_ULLONG, JF_P_SCHAR, JF_P_UCHAR,
                                    JF_P_SHORT, JF_P_USHORT};
    if (g->cls != 'i' && g->cls != 'u')
        return NULL;
    return prim_of(p, order, JF_COUNT(order), g->size, g->cls == 'i');
}

jf_Type *jf_parse_given_enum(Parser *p, jf_Type *t, const char *at)
{
    jf_GivenType g = {0, 0};
    const char *word = t->u.en->tag ? t->u.en->tag : t->u.en->alias;
    if (!p->oracle || !word)
        return NULL;
    jf_Buf b = JF_BUF_INIT;
    jf_type_oracle_name(t, &b);
    char *name = b.failed ? NULL : jf_arena_strndup(&p->scratch, b.p, b.n);
    jf_buf_free(&b);
    if (!name)
        jf_parse_nomem(p);
    if (!p->oracle->type(p->oracle->ctx, name, &g))
        return NULL;
    jf_Type *to = enum_integer(p, &g);
    if (!to)
        senseless_type(p, at, name, "no integer type", &g);
    return to;
}

/* --- lengths -------------------------------------------------------------------- */

static jf_Type *lengths(Parser *p, const char *name, jf_Type *t, unsigned dim,
                        const char *at)
{
    uint64_t n = t->length;
    if (t->kind != JF_ARRAY)
        return t;
    jf_Type *elem = lengths(p, name, t->to, dim + 1, at);
    bool asked =
        n == JF_UNKNOWN && p->oracle->length(p->oracle->ctx, name, dim, &n);
    if (!asked && elem == t->to)
        return t;
    uint64_t size = elem->size == JF_UNKNOWN || !elem->size ? 1 : elem->size;
    if (asked && n > INT64_MAX / size)
        jf_parse_fail(p, at, JF_SEMANTIC,
                      "the compiled module says '%s' has the length %llu: that is "
                      "too large",
                      name, (unsigned long long)n);
    if (asked && !n && dim)
        jf_parse_fail(p, at, JF_SEMANTIC,
                      "the compiled module says '%s' has an inner dimension of no "
                      "length",
                      name);
    if (elem->kind == JF_ARRAY && elem->length == JF_UNKNOWN && n != JF_UNKNOWN)
        return t; /* an inner one is not known: all of it stays open */
    return jf_parse_hold(p, jf_type_array(p->u, elem, n, t->quals));
}

jf_Type *jf_parse_given_lengths(Parser *p, const char *name, jf_Type *t,
                                bool open_first, const char *at)
{
    if (!p->oracle)
        return t;
    if (!open_first || t->kind != JF_ARRAY)
        return lengths(p, name, t, 0, at);
    jf_Type *elem = lengths(p, name, t->to, 1, at);
    if (elem->kind == JF_ARRAY && elem->length == JF_UNKNOWN)
        return t;
    return jf_parse_hold(p, jf_type_array(p->u, elem, JF_UNKNOWN, t->quals));
}

void jf_parse_given_members(Parser *p, jf_Type *rec)
{
    jf_Record *r = rec->u.rec;
    bool open = false;
    if (!p->oracle || !(r->flags & JF_R_DOTS_ARRAY))
        return;
    jf_Buf b = JF_BUF_INIT;
    bool named = jf_type_oracle_name(rec, &b);
    jf_buf_text(&b, ".");
    char *prefix = b.failed ? NULL : jf_arena_strndup(&p->scratch, b.p, b.n);
    size_t n = b.n;
    jf_buf_free(&b);
    if (!prefix)
        jf_parse_nomem(p);
    for (uint32_t i = 0; named && i < r->n_fields; i++) {
        jf_Field *f = &r->fields[i];
        if (!f->dots || !f->name)
            continue;
        size_t len = strlen(f->name);
        char *name = jf_parse_scratch(p, n + len + 1);
        memcpy(name, prefix, n);
        memcpy(name + n, f->name, len + 1);
        f->type = jf_parse_given_lengths(p, name, f->type, f->dots == 2, p->tok.at);
    }
    for (uint32_t i = 0; i < r->n_fields; i++)
        for (const jf_Type *t = r->fields[i].type; t->kind == JF_ARRAY; t = t->to)
            open |= r->fields[i].dots == 1 && t->length == JF_UNKNOWN;
    if (named && !open)
        r->flags &= (uint16_t)~JF_R_DOTS_ARRAY; /* it remains PARTIAL */
}

/* --- values --------------------------------------------------------------------- */

static bool is_unsigned(const jf_Symbol *sym)
{
    return sym->flags & JF_S_UNSIGNED;
}

/* The type a constant of this value has, if it was only guessed to be int. */
static jf_Type *value_type(Parser *p, int64_t bits, bool negative)
{
    jf_Prim prim = negative             ? bits < INT32_MIN ? JF_P_LLONG : JF_P_INT
                   : bits < 0           ? JF_P_ULLONG
                   : bits <= INT32_MAX  ? JF_P_INT
                   : bits <= UINT32_MAX ? JF_P_UINT
                                        : JF_P_LLONG;
    return jf_type_prim(p->u, prim);
}

void jf_parse_given_value(Parser *p, const char *name, jf_Symbol *sym)
{
    int64_t bits = 0;
    bool negative = false;
    if (!p->oracle || sym->kind != JF_SYM_CONSTANT ||
        !p->oracle->integer(p->oracle->ctx, name, &bits, &negative))
        return;
    if (negative && bits >= 0)
        jf_parse_fail(
            p, p->tok.at, JF_SEMANTIC,
            "the compiled module says '%s' is below zero, but gives it the "
            "value %lld",
            name, (long long)bits);
    if (!(sym->flags & JF_S_DOTS)) {
        bool below = sym->value < 0 && !is_unsigned(sym);
        if (sym->value == bits && below == negative)
            return;
        sym->flags |= JF_S_DISAGREES;
        sym->real = bits;
        sym->real_negative = negative;
        return;
    }
    sym->value = bits;
    sym->flags &= (uint16_t) ~(JF_S_DOTS | JF_S_UNSIGNED);
    if (sym->flags & (JF_S_MACRO | JF_S_ENUMERATOR))
        sym->type = value_type(p, bits, negative);
    if (!negative && (bits < 0 || (sym->type && !(sym->type->flags & JF_T_SIGNED))))
        sym->flags |= JF_S_UNSIGNED;
}
