/* SPDX-License-Identifier: MIT
 *
 * Making a plan: lay the types out, let the target's convention place each
 * value, and put the outcome into one block. Knows no convention itself.
 */
#include "core/abi/abi.h"

#include <string.h>

#include "core/abi/convention.h"
#include "core/base/bits.h"
#include "core/layout/layout.h"

/* --- what conventions call ------------------------------------------------------ */

void jf_maker_piece(jf_PlanMaker *m, jf_PlanValue *v, jf_Piece piece)
{
    if (m->failed)
        return;
    if (m->n_pieces == m->cap_pieces) {
        uint32_t cap = m->cap_pieces ? m->cap_pieces * 2 : 16;
        jf_Piece *p = jf_realloc(m->pieces, cap * sizeof *p);
        if (!p) {
            m->failed = true;
            return;
        }
        m->pieces = p;
        m->cap_pieces = cap;
    }
    if (!v->n)
        v->first = m->n_pieces;
    v->n++;
    m->pieces[m->n_pieces++] = piece;
}

void jf_maker_stack(jf_PlanMaker *m, jf_PlanValue *v, uint64_t size, uint32_t align,
                    uint32_t slot)
{
    m->stack = jf_round_up(m->stack, align);
    jf_maker_piece(m, v,
                   (jf_Piece){.place = JF_ON_STACK,
                              .size = (uint32_t)size,
                              .stack = (uint32_t)m->stack});
    m->stack = jf_round_up(m->stack + size, slot);
}

uint8_t jf_maker_extend(const jf_View *v)
{
    const jf_Type *t = v->type;
    if (!jf_is_integral(t) || t->size >= 8)
        return JF_EXT_NONE;
    if (t->kind == JF_ENUM)
        return t->to->flags & JF_T_SIGNED ? JF_EXT_SIGN : JF_EXT_ZERO;
    return t->flags & JF_T_SIGNED ? JF_EXT_SIGN : JF_EXT_ZERO;
}

jf_Status jf_maker_refuse(const jf_View *v, const char *rest, jf_Diag *d)
{
    jf_Buf b = JF_BUF_INIT;
    jf_type_print(v->type, "", JF_PRINT_QUALS, &b, NULL);
    jf_Status st = b.failed || !b.p ? JF_NOMEM : JF_UNSUPPORTED;
    jf_diag_set(d, st, "'%s' %s", st == JF_NOMEM ? "?" : b.p, rest);
    jf_buf_free(&b);
    return st;
}

/* --- values --------------------------------------------------------------------- */

static const jf_Convention *convention_of(const jf_Target *t)
{
    switch ((jf_Abi)t->abi) {
    case JF_ABI_SYSV:
        return &jf_convention_sysv;
    case JF_ABI_WIN64:
        return &jf_convention_win64;
    case JF_ABI_AAPCS64:
        return &jf_convention_aapcs64;
    case JF_ABI_APPLE64:
        return &jf_convention_apple64;
    default:
        return NULL;
    }
}

/* One piece that a host can make from one integer, pointer, float or double. */
static void note_scalar(const jf_Plan *p, const jf_Type *t, jf_PlanValue *v)
{
    bool word = jf_is_integral(t) || t->kind == JF_PTR;
    v->is_float = t->kind == JF_FLOAT && (t->size == 4 || t->size == 8);
    v->is_scalar =
        (v->is_float || (word && t->size <= 8)) && v->n == 1 && !v->indirect;
    v->is_float = v->is_float && v->is_scalar;
    (void)p;
}

/* Is there a record in it whose layout a compiler gave, other than declared? Then
 * members may be there that nobody has declared. */
static const jf_Type *find_custom(const jf_Type *t)
{
    while (t->kind == JF_ARRAY)
        t = t->to;
    if (!jf_is_record(t) || t->u.rec->flags & JF_R_CUSTOM)
        return jf_is_record(t) ? t : NULL;
    for (uint32_t i = 0; i < t->u.rec->n_fields; i++) {
        const jf_Type *inner = find_custom(t->u.rec->fields[i].type);
        if (inner)
            return inner;
    }
    return NULL;
}

static jf_Status refuse_custom(const jf_Type *t, jf_Diag *d)
{
    jf_Buf b = JF_BUF_INIT;
    jf_type_print(t, "", 0, &b, NULL);
    jf_Status st =
        b.failed
            ? jf_diag_set(d, JF_NOMEM, "out of memory")
            : jf_diag_set(d, JF_UNSUPPORTED,
                          "'%s' cannot be passed by value here: it is declared "
                          "with '...', and how it travels may depend on members "
                          "that are not declared; a function of a compiled "
                          "module can take it",
                          b.p);
    jf_buf_free(&b);
    return st;
}

/* The type a parameter has in the call: va_list is an array on SysV x86-64, so
 * that its address travels (C11 6.7.6.3p7). */
static jf_Status ready(const jf_Target *target, jf_Type *t, jf_Diag *d)
{
    jf_Status st = jf_layout(target, t, d);
    if (st == JF_OK && t->size > INT32_MAX)
        return jf_diag_set(d, JF_UNSUPPORTED,
                           "a value of more than 2^31-1 bytes cannot be passed");
    const jf_Type *custom = st == JF_OK ? find_custom(t) : NULL;
    return custom ? refuse_custom(custom, d) : st;
}

static jf_Status make_result(const jf_Convention *c, jf_PlanMaker *m,
                             const jf_Type *fn, jf_Plan *p, jf_Diag *d)
{
    jf_View v;
    jf_Type *t = fn->to;
    if (t->kind == JF_VOID)
        return JF_OK;
    jf_Status st = ready(m->target, t, d);
    if (st != JF_OK)
        return st;
    if (!jf_view_make(m, t, &v))
        return JF_NOMEM;
    p->result.size = t->size;
    p->result.align = t->align;
    st = c->result(m, &v, &p->result, d);
    note_scalar(p, t, &p->result);
    return st;
}

static jf_Status make_arg(const jf_Convention *c, jf_PlanMaker *m, jf_Type *t,
                          bool variadic, jf_Plan *p, jf_PlanValue *out, jf_Diag *d)
{
    jf_View v;
    jf_Status st = ready(m->target, t, d);
    if (st != JF_OK)
        return st;
    if (!jf_view_make(m, t, &v))
        return JF_NOMEM;
    out->size = t->size;
    out->align = t->align;
    uint64_t at = jf_round_up(p->slots_size, t->align >= 16 ? 16 : 8);
    uint64_t end = at + t->size;
    if (end > INT32_MAX || m->stack > INT32_MAX)
        return jf_diag_set(d, JF_UNSUPPORTED,
                           "the arguments of one call take more than 2^31-1 bytes");
    out->slot = (uint32_t)at;
    p->slots_size = (uint32_t)jf_round_up(end, 8);
    st = c->arg(m, &v, variadic, out, d);
    note_scalar(p, t, out);
    return st;
}

/* --- the plan --------------------------------------------------------------------- */

static jf_Plan *assemble(const jf_PlanMaker *m, const jf_Plan *head,
                         const jf_PlanValue *args)
{
    size_t args_size = head->n_args * sizeof *args;
    size_t pieces_size = m->n_pieces * sizeof *m->pieces;
    jf_Plan *p = jf_calloc(sizeof *p + args_size + pieces_size);
    if (!p)
        return NULL;
    *p = *head;
    p->args = (jf_PlanValue *)(p + 1);
    p->pieces = (jf_Piece *)(p->args + head->n_args);
    if (args_size)
        memcpy(p->args, args, args_size);
    if (pieces_size)
        memcpy(p->pieces, m->pieces, pieces_size);
    return p;
}

static void finish_head(const jf_PlanMaker *m, jf_Plan *head)
{
    head->sret = m->sret;
    head->n_gpr = (uint8_t)m->gpr;
    head->n_vec = (uint8_t)m->vec;
    head->n_pieces = m->n_pieces;
    head->stack_size = (uint32_t)jf_round_up(m->stack, 16);
    head->slots_size = (uint32_t)jf_round_up(head->slots_size, 16);
}

static jf_Status make_all(const jf_Convention *c, jf_PlanMaker *m,
                          const jf_Type *fn, jf_Type *const *extra, jf_Plan *head,
                          jf_PlanValue *args, jf_Diag *d)
{
    m->stack = c->shadow;
    jf_Status st = make_result(c, m, fn, head, d);
    for (uint32_t i = 0; i < head->n_args && st == JF_OK; i++) {
        bool variadic = i >= head->n_fixed;
        jf_Type *t = variadic ? extra[i - head->n_fixed] : fn->u.func->params[i];
        st = make_arg(c, m, t, variadic, head, &args[i], d);
        if (st == JF_OK && m->failed)
            st = JF_NOMEM;
    }
    return st == JF_OK && m->failed ? JF_NOMEM : st;
}

jf_Status jf_plan_make(const jf_Target *target, const jf_Type *fn,
                       jf_Type *const *extra, uint32_t n_extra, jf_Plan **plan,
                       jf_Diag *d)
{
    JF_ASSERT(fn->kind == JF_FUNC);
    JF_ASSERT(n_extra == 0 || extra != NULL);
    const jf_Convention *c = convention_of(target);
    *plan = NULL;
    if (!c)
        return jf_diag_set(d, JF_UNSUPPORTED, "no calling convention for %s",
                           target->name);
    jf_PlanMaker m = {.target = target};
    jf_Plan head = {.abi = target->abi,
                    .variadic = (fn->flags & JF_T_VARIADIC) != 0,
                    .n_fixed = fn->u.func->n_params,
                    .n_args = fn->u.func->n_params + n_extra};
    jf_PlanValue *args = jf_calloc((head.n_args + 1) * sizeof *args);
    jf_Status st = args ? make_all(c, &m, fn, extra, &head, args, d) : JF_NOMEM;
    if (st == JF_OK) {
        finish_head(&m, &head);
        *plan = assemble(&m, &head, args);
        st = *plan ? JF_OK : JF_NOMEM;
    }
    if (st == JF_NOMEM)
        jf_diag_set(d, JF_NOMEM, "out of memory");
    jf_free(args);
    jf_free(m.pieces);
    jf_free(m.leaves);
    return st;
}
