/* SPDX-License-Identifier: MIT
 *
 * The names of a module that cffi compiled, declared in its FFI's scope: for
 * modules of our own generator that include it, because their declarations are
 * read as text. Structs, unions, enums, typedefs and integer constants; functions
 * and variables are the libraries' affair.
 */
#include <string.h>

#include "python/cffi/stock.h"

static jf_Status define(Stock *s, const char *name, jf_SymKind kind, jf_Type *t,
                        int64_t value, unsigned flags, jf_Diag *d)
{
    jf_Symbol sym = {.name = name, .link = name, .type = t, .value = value};
    sym.kind = (uint8_t)kind;
    sym.flags = (uint16_t)flags;
    return jf_scope_define(s->ffi->scope, &sym, d);
}

static jf_Status define_constant(Stock *s, int i, jf_Diag *d)
{
    const StockGlobal *g = &s->context.globals[i];
    unsigned op = word_op(g->op);
    if (op != OP_CONSTANT_INT && op != OP_ENUM)
        return JF_OK;
    unsigned long long v;
    int how = jpy_stock_constant(s, i, &v);
    if (how != 0 && how != 1)
        return JF_OK; /* who asks for it is told */
    bool is_int = how == 1 ? (long long)v >= INT_MIN : v <= INT_MAX;
    bool is_long = how == 1 || v <= INT64_MAX;
    jf_Prim prim = is_int ? JF_P_INT : is_long ? JF_P_LONG : JF_P_ULONG;
    return define(
        s, g->name, JF_SYM_CONSTANT, jf_type_prim(s->ffi->st->universe, prim),
        (int64_t)v,
        (op == OP_ENUM ? JF_S_ENUMERATOR : 0u) | (is_long ? 0u : JF_S_UNSIGNED), d);
}

static jf_Status define_all(Stock *s, jf_Diag *d)
{
    const StockContext *c = &s->context;
    for (int i = 0; i < c->n_records; i++) /* each that has a tag declares itself */
        if (!(c->records[i].flags & REC_EXTERNAL) && !jpy_stock_record(s, i, d))
            return d->status;
    for (int i = 0; i < c->n_enums; i++)
        if (!jpy_stock_enum(s, i, d))
            return d->status;
    jf_Status st = JF_OK;
    for (int i = 0; st == JF_OK && i < c->n_typenames; i++) {
        jf_Type *t = jpy_stock_type(s, c->typenames[i].type_index, d);
        st = t ? define(s, c->typenames[i].name, JF_SYM_TYPEDEF, t, 0, 0, d)
               : d->status;
    }
    for (int i = 0; st == JF_OK && i < c->n_globals; i++)
        st = define_constant(s, i, d);
    return st;
}

jf_Status jpy_stock_declare(Stock *s, jf_Diag *d)
{
    if (s->declared || !s->context.n_types)
        return JF_OK;
    jf_Status st = JF_OK;
    for (Py_ssize_t i = 0; s->ffis && st == JF_OK && i < PyTuple_GET_SIZE(s->ffis);
         i++) {
        FFIObject *other = (FFIObject *)PyTuple_GET_ITEM(s->ffis, i);
        st = other->stock ? jpy_stock_declare(other->stock, d) : JF_OK;
        if (st == JF_OK)
            st = jf_scope_include(s->ffi->scope, other->scope, d);
    }
    if (st == JF_OK)
        st = define_all(s, d);
    s->declared = st == JF_OK;
    return st;
}
