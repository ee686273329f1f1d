/* SPDX-License-Identifier: MIT
 *
 * The C spelling of types, in the manner of cffi: one space before a star, no
 * space before brackets, "(*)" where a pointer meets an array or a function.
 */
#include <string.h>

#include "core/type/type.h"

/* Qualifiers, each with a space `before` or after it: "const int", "* const". */
static void put_quals(unsigned q, bool before, jf_Buf *out)
{
    static const char *const words[] = {"const", "volatile", "restrict"};
    static const unsigned bits[] = {JF_Q_CONST, JF_Q_VOLATILE, JF_Q_RESTRICT};
    for (size_t i = 0; i < JF_COUNT(bits); i++)
        if (q & bits[i])
            jf_buf_printf(out, before ? " %s" : "%s ", words[i]);
}

static void put_tagged(const char *word, const char *tag, const char *alias,
                       uint32_t serial, jf_Buf *out)
{
    if (tag)
        jf_buf_printf(out, "%s %s", word, tag);
    else if (alias)
        jf_buf_text(out, alias);
    else
        jf_buf_printf(out, "%s $%u", word, serial);
}

/* A struct or union that no declaration can name. */
static bool is_nameless(const jf_Type *t)
{
    return jf_is_record(t) && !t->u.rec->tag && !t->u.rec->alias;
}

/* Pointers and brackets between the type of a member and the record. */
static unsigned levels_to(const jf_Type *t, const jf_Type *rec)
{
    unsigned n = 0;
    for (; t != rec && (t->kind == JF_PTR || t->kind == JF_ARRAY); t = t->to)
        n++;
    return t == rec ? n : 0;
}

void jf_type_print_place(const jf_Type *rec, jf_Buf *out)
{
    const jf_Record *r = rec->u.rec;
    if (!is_nameless(rec)) {
        jf_buf_text(out, "(*(");
        jf_type_print(rec, " *", JF_PRINT_HEADER, out, NULL);
        jf_buf_text(out, ")0)");
    } else if (r->outer) {
        jf_type_print_place(r->outer, out);
        const jf_Record *o = r->outer->u.rec;
        for (uint32_t i = 0; r->via && i < o->n_fields; i++) {
            const jf_Field *f = &o->fields[i];
            if (!f->name || strcmp(f->name, r->via) != 0)
                continue;
            jf_buf_printf(out, ".%s", r->via);
            for (unsigned n = levels_to(f->type, rec); n; n--)
                jf_buf_text(out, "[0]");
        }
    } else if (r->via && *r->via == '*') {
        size_t stars = strspn(r->via, "*");
        jf_buf_printf(out, "(%.*s(%s)0)", (int)stars, r->via, r->via + stars);
    } else {
        jf_buf_text(out, r->via ? r->via : "0");
    }
}

static bool oracle_name(const jf_Type *t, bool prefix, jf_Buf *out)
{
    if (t->kind == JF_ENUM) {
        const jf_EnumInfo *e = t->u.en;
        if (e->tag)
            jf_buf_printf(out, "enum %s", e->tag);
        else if (e->alias)
            jf_buf_text(out, e->alias);
        return e->tag || e->alias;
    }
    const jf_Record *r = t->u.rec;
    if (r->tag)
        jf_buf_printf(out, "%s %s", t->kind == JF_STRUCT ? "struct" : "union",
                      r->tag);
    else if (r->alias)
        jf_buf_text(out, r->alias);
    else if (r->outer && (r->via || prefix)) {
        if (!oracle_name(r->outer, true, out))
            return false;
        if (r->via)
            jf_buf_printf(out, ".%s", r->via);
    } else if (!r->outer && r->via)
        jf_buf_text(out, r->via);
    else
        return false;
    return true;
}

bool jf_type_oracle_name(const jf_Type *t, jf_Buf *out)
{
    size_t n = out->n;
    if (oracle_name(t, false, out))
        return true;
    out->n = n;
    return false;
}

/* A pointer, or pointer to pointer..., that a typedef'd name stands for, though
 * what it leads to has none. */
static const char *pointer_name(const jf_Type *t)
{
    size_t stars = 0;
    for (; t->kind == JF_PTR && !t->quals; t = t->to)
        stars++;
    const char *via = is_nameless(t) && !t->u.rec->outer ? t->u.rec->via : NULL;
    return via && strspn(via, "*") == stars ? via + stars : NULL;
}

static void put_base(const jf_Type *t, unsigned style, jf_Buf *out)
{
    if ((style & JF_PRINT_HEADER) && is_nameless(t) &&
        (t->u.rec->outer || t->u.rec->via)) {
        jf_buf_text(out, "__typeof__(");
        jf_type_print_place(t, out);
        jf_buf_text(out, ")");
    } else if ((style & JF_PRINT_HEADER) && t->kind == JF_ENUM && t->to &&
               !t->u.en->tag && !t->u.en->alias) {
        jf_buf_text(out, t->to->u.name);
    } else if (t->kind == JF_STRUCT)
        put_tagged("struct", t->u.rec->tag, t->u.rec->alias, t->u.rec->serial, out);
    else if (t->kind == JF_UNION)
        put_tagged("union", t->u.rec->tag, t->u.rec->alias, t->u.rec->serial, out);
    else if (t->kind == JF_ENUM)
        put_tagged("enum", t->u.en->tag, t->u.en->alias, t->u.en->serial, out);
    else if (style & JF_PRINT_CFFI && t->prim == JF_P_CFLOAT)
        jf_buf_text(out, "_cffi_float_complex_t");
    else if (style & JF_PRINT_CFFI && t->prim == JF_P_CDOUBLE)
        jf_buf_text(out, "_cffi_double_complex_t");
    else
        jf_buf_text(out, t->u.name);
}

/* One step of the declarator, from the outside in: what stands left of the
 * inner text and what stands right of it. */
static void put_params(const jf_Type *t, unsigned style, jf_Buf *out)
{
    jf_buf_text(out, "(");
    for (uint32_t i = 0; i < t->u.func->n_params; i++) {
        if (i)
            jf_buf_text(out, ", ");
        jf_type_print(t->u.func->params[i], "", style, out, NULL);
    }
    if (t->flags & JF_T_VARIADIC)
        jf_buf_text(out, t->u.func->n_params ? ", ..." : "...");
    jf_buf_text(out, ")");
}

static void put_suffix(const jf_Type *t, unsigned style, jf_Buf *out)
{
    if (t->kind == JF_FUNC)
        put_params(t, style, out);
    else if (t->length == JF_UNKNOWN)
        jf_buf_text(out, "[]");
    else
        jf_buf_printf(out, "[%llu]", (unsigned long long)t->length);
}

/* Left half, then right half, around one place: the declarator is read from
 * the innermost step outwards, so the left half recurses first. */
static void put_left(const jf_Type *t, unsigned quals, unsigned style, jf_Buf *out)
{
    bool q = style & JF_PRINT_QUALS;
    switch (t->kind) {
    case JF_PTR: {
        const jf_Type *to = t->to;
        const char *name = style & JF_PRINT_HEADER ? pointer_name(t) : NULL;
        if (name) {
            if (q)
                put_quals(quals, false, out);
            jf_buf_text(out, name);
            break;
        }
        put_left(to, t->quals, style, out);
        jf_buf_text(out, to->kind == JF_ARRAY || to->kind == JF_FUNC ? "(*" : " *");
        if (q)
            put_quals(quals, true, out);
        break;
    }
    case JF_ARRAY:
        put_left(t->to, t->quals, style, out);
        break;
    case JF_FUNC:
        put_left(t->to, 0, style, out);
        break;
    case JF_VECTOR:
        put_left(t->to, 0, style, out);
        jf_buf_printf(out, " __attribute__((vector_size(%llu)))",
                      (unsigned long long)t->size);
        break;
    default:
        if (q)
            put_quals(quals, false, out);
        put_base(t, style, out);
    }
}

static void put_right(const jf_Type *t, unsigned style, jf_Buf *out)
{
    if (t->kind == JF_PTR) {
        if (t->to->kind == JF_ARRAY || t->to->kind == JF_FUNC)
            jf_buf_text(out, ")");
        put_right(t->to, style, out);
    } else if (t->kind == JF_ARRAY || t->kind == JF_FUNC) {
        put_suffix(t, style, out);
        put_right(t->to, style, out);
    }
}

static bool is_word(char c)
{
    return c == '_' || (c >= '0' && c <= '9') ||
           ((c | 32) >= 'a' && (c | 32) <= 'z');
}

void jf_type_print(const jf_Type *t, const char *inner, unsigned style, jf_Buf *out,
                   size_t *place)
{
    put_left(t, 0, style, out);
    if (out->n && is_word(out->p[out->n - 1]) && is_word(*inner))
        jf_buf_text(out, " ");
    if (place)
        *place = out->n;
    jf_buf_text(out, inner);
    put_right(t, style, out);
}
