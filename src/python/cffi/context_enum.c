/* SPDX-License-Identifier: MIT
 *
 * Integer constants and enums of compiled modules. Their values are what the C
 * compiler found: each is asked from a function of the module, which also says
 * whether the declaration has the same.
 */
#include <string.h>

#include "python/cffi/stock.h"

/* --- integer constants --------------------------------------------------- */

int jpy_stock_constant(const Stock *s, int i, unsigned long long *value)
{
    const StockGlobal *g = &s->context.globals[i];
    int (*ask)(StockConstant *) = (int (*)(StockConstant *))(uintptr_t)g->address;
    StockConstant c = {0, &s->context, i};
    int how = ask(&c);
    *value = c.value;
    return how;
}

jf_Status jpy_stock_disagrees(const StockGlobal *g, int how, unsigned long long v,
                              jf_Diag *d)
{
    char text[64];
    if (how == 2)
        PyOS_snprintf(text, sizeof text, "%llu (0x%llx)", v, v);
    else
        PyOS_snprintf(text, sizeof text, "%lld", (long long)v);
    return jf_diag_set(d, JF_NOT_FOUND,
                       "the C compiler says '%s' is equal to %s, but the cdef "
                       "disagrees",
                       g->name, text);
}

/* --- enums --------------------------------------------------------------- */

/* The enumerator at `p`, of `n` bytes. */
static bool enumerator(Stock *s, const char *p, size_t n, jf_Enumerator *item,
                       jf_Diag *d)
{
    int g = jpy_stock_find_global(s, p, n);
    if (g < 0 || (word_op(s->context.globals[g].op) != OP_ENUM &&
                  word_op(s->context.globals[g].op) != OP_CONSTANT_INT)) {
        jf_diag_set(d, JF_NOT_FOUND, "the enumerator '%.*s' is not in the module",
                    (int)(n > 200 ? 200 : n), p);
        return false;
    }
    unsigned long long v;
    int how = jpy_stock_constant(s, g, &v);
    if (how != 0 && how != 1) {
        jpy_stock_disagrees(&s->context.globals[g], how, v, d);
        return false;
    }
    item->name = jf_arena_strndup(&jf_scope_group(s->ffi->scope)->arena, p, n);
    item->value = (int64_t)v;
    if (!item->name)
        jpy_stock_no_memory(d);
    return item->name != NULL;
}

static jf_Type *enum_new(Stock *s, const StockEnum *e, jf_Diag *d)
{
    jf_Type *to = jpy_stock_prim(s->ffi->st->universe, e->prim, d);
    if (!to)
        return NULL;
    uint32_t n = *e->items != 0, made = 0;
    for (const char *p = e->items; *p; p++)
        n += *p == ',';
    jf_Group *g = jf_scope_group(s->ffi->scope);
    jf_Enumerator *items = jf_calloc((n ? n : 1) * sizeof *items);
    const char *alias = jpy_stock_alias(e->name), *p = e->items;
    jf_Type *t = NULL;
    if (items && e->name[0] != '$')
        t = jf_scope_make_tag(s->ffi->scope, JF_ENUM, e->name, strlen(e->name));
    else if (items)
        t = jf_type_enum(g, alias ? NULL : e->name, strlen(e->name));
    if (!t)
        jpy_stock_no_memory(d);
    if (t && alias &&
        !(t->u.en->alias = jf_arena_strndup(&g->arena, alias, strlen(alias))))
        t = jpy_stock_no_memory(d);
    for (; t && made < n; made++) {
        size_t length = strcspn(p, ",");
        if (!enumerator(s, p, length, &items[made], d))
            t = NULL;
        p += length + 1;
    }
    if (t && !jf_type_complete_enum(g, t, to, items, n, 0))
        t = jpy_stock_no_memory(d);
    jf_free(items);
    return t;
}

/* An included module has the same enum in its own tables: that is the one. */
static jf_Type *enum_included(PyObject *ffis, const StockEnum *e, unsigned depth,
                              jf_Diag *d)
{
    size_t n = strlen(e->name);
    jf_Type *t = NULL;
    Py_ssize_t count =
        ffis && depth < 100 && e->name[0] != '$' ? PyTuple_GET_SIZE(ffis) : 0;
    for (Py_ssize_t k = 0; !t && d->status == JF_OK && k < count; k++) {
        FFIObject *ffi = (FFIObject *)PyTuple_GET_ITEM(ffis, k);
        Stock *s = ffi->stock;
        int i = s ? jpy_stock_find_enum(s, e->name, n) : -1;
        if (i >= 0)
            t = jpy_stock_enum(s, i, d);
        else if (!(t = jf_scope_tag(ffi->scope, JF_ENUM, e->name, n)) && s)
            t = enum_included(s->ffis, e, depth + 1, d);
    }
    return t;
}

jf_Type *jpy_stock_enum(Stock *s, intptr_t i, jf_Diag *d)
{
    if (s->enums[i])
        return s->enums[i];
    const StockEnum *e = &s->context.enums[i];
    jf_Type *t = enum_included(s->ffis, e, 0, d);
    jf_Group *g = jf_scope_group(s->ffi->scope);
    if (t && t->group != g && !jf_group_need(g, t->group))
        return jpy_stock_no_memory(d);
    if (!t && d->status == JF_OK)
        t = enum_new(s, e, d);
    return s->enums[i] = t;
}
