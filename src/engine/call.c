/* SPDX-License-Identifier: MIT
 *
 * Calls through slots: the values stand in memory, a thunk of a few moves puts
 * them where the convention wants them. Without machine code libffi does it.
 */
#include "engine/inner.h"

#include "core/type/record.h"

#include <stdatomic.h>
#include <string.h>

typedef uint64_t (*Thunk)(void *fn, void *slots, void *ret);

struct jf_Call {
    Thunk thunk;        /* first: the call path reads nothing else; NULL: libffi */
    jf_Code *code;      /* owned; NULL with libffi */
    FfiCall *ffi;       /* owned; NULL with code */
    jf_Plan *plan;      /* owned */
    atomic_size_t refs; /* callers, and the function type that keeps it */
};

/* R0 the function, R1 the slots, R2 the result's memory. */
static void slots_recipe(jf_Recipe *r, const jf_Plan *plan)
{
    for (uint32_t i = 0; i < plan->n_args; i++) {
        const jf_PlanValue *v = &plan->args[i];
        const jf_Piece *p = &plan->pieces[v->first];
        bool word =
            v->is_scalar && !v->is_float && p->place == JF_ON_STACK && p->size < 8;
        if (word) { /* the whole stack word gets a defined value */
            jf_load(r, JF_T0, JF_R1, (int32_t)v->slot, (int)p->size,
                    p->extend == JF_EXT_SIGN);
            jf_place(r, (int)i, JF_T0);
        } else if (v->n) {
            jf_placem(r, (int)i, JF_R1, (int32_t)v->slot);
        }
    }
    if (plan->sret != JF_SRET_NONE)
        jf_recipe_put(r, JF_INS(.op = JF_OP_PLACERET, .b = JF_R2));
    jf_recipe_put(r, JF_INS(.op = JF_OP_FOREIGN, .b = JF_R0));
    if (plan->sret == JF_SRET_NONE && plan->result.n)
        jf_recipe_put(r, JF_INS(.op = JF_OP_RESULTM, .b = JF_R2));
    jf_return(r, JF_NOREG, 0);
}

/* "jiffi:slots int(int, int)", for debuggers. */
static void thunk_name(const jf_Type *fn, const char *what, jf_Buf *out)
{
    jf_buf_printf(out, "jiffi:%s ", what);
    jf_type_print(fn, "", 0, out, NULL);
}

static jf_Status compile_slots(const jf_Type *fn, jf_Call *c, jf_Diag *d)
{
    jf_Recipe r = JF_RECIPE_INIT;
    jf_Buf name = JF_BUF_INIT;
    slots_recipe(&r, c->plan);
    thunk_name(fn, "slots", &name);
    jf_Status st = JF_NOMEM;
    if (name.failed || !name.p)
        jf_diag_set(d, JF_NOMEM, "out of memory");
    else
        st = jf_compile(&r, c->plan, name.p, &c->code, d);
    jf_buf_free(&name);
    jf_recipe_free(&r);
    if (st == JF_OK)
        c->thunk = (Thunk)(uintptr_t)jf_code_entry(c->code);
    return st;
}

static jf_Status call_make(jf_Universe *u, jf_Type *fn, jf_Type *const *extra,
                           uint32_t n_extra, jf_Call **call, jf_Diag *d)
{
    jf_Call *c = jf_calloc(sizeof *c);
    if (!c)
        return jf_diag_set(d, JF_NOMEM, "out of memory");
    atomic_init(&c->refs, 1);
    jf_Status st = jf_plan_make(u->target, fn, extra, n_extra, &c->plan, d);
    Mode mode = engine_mode();
    if (st != JF_OK)
        ;
    else if (mode == MODE_CODE)
        st = compile_slots(fn, c, d);
    else
        st = engine_ffi_call_new(mode, c->plan, fn, extra, &c->ffi, d);
    if (st != JF_OK) {
        jf_call_free(c);
        return st;
    }
    *call = c;
    return JF_OK;
}

/* Calls with no extra types differ in nothing but the function type: the type
 * keeps the first one, everybody else gets the same. */
jf_Status jf_call_new(jf_Universe *u, jf_Type *fn, jf_Type *const *extra,
                      uint32_t n_extra, jf_Call **call, jf_Diag *d)
{
    JF_ASSERT(fn->kind == JF_FUNC);
    if (n_extra)
        return call_make(u, fn, extra, n_extra, call, d);
    jf_FuncInfo *f = fn->u.func;
    jf_Status st = f->call ? JF_OK : call_make(u, fn, NULL, 0, &f->call, d);
    if (st == JF_OK) {
        atomic_fetch_add_explicit(&f->call->refs, 1, memory_order_relaxed);
        *call = f->call;
    }
    return st;
}

jf_Call *engine_call_ref(jf_Call *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

const jf_Plan *jf_call_plan(const jf_Call *c)
{
    return c->plan;
}

void jf_call(const jf_Call *c, void *fn, void *slots, void *ret)
{
    if (JF_LIKELY(c->thunk != NULL))
        c->thunk(fn, slots, ret);
    else
        engine_ffi_call(c->ffi, fn, slots, ret);
}

void jf_call_free(jf_Call *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    jf_code_free(c->code);
    engine_ffi_call_free(c->ffi);
    jf_free(c->plan);
    jf_free(c);
}
