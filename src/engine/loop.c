/* SPDX-License-Identifier: MIT
 *
 * One C function over arrays of operands: see loop.h. Where machine code may be
 * made, loop_code.c writes the whole loop; everywhere else the values of one item
 * at a time are put into slots and called through jf_call.
 */
#include "engine/loop_inner.h"

#include "engine/inner.h"

#include <string.h>

/* --- item by item ----------------------------------------------------------------- */

static void put_argument(const jf_Loop *l, uint32_t i, char *const *at, char *slots)
{
    const jf_PlanValue *v = &l->plan->args[i];
    const jf_LoopArg *a = &l->args[i];
    char *slot = slots + v->slot;
    if (a->how == JF_LOOP_ADDRESS)
        memcpy(slot, &at[a->operand], sizeof at[0]);
    else if (a->how == JF_LOOP_FIXED)
        memcpy(slot, a->fixed, (size_t)v->size);
    else
        memcpy(slot, at[a->operand], (size_t)v->size);
}

static bool is_zero(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

/* `at` is moved on; `slots` and `ret` are scratch. */
static size_t run_items(const jf_Loop *l, char **at, const intptr_t *steps,
                        size_t n, char *slots, char *ret)
{
    size_t size = (size_t)l->plan->result.size;
    for (size_t k = 0; k < n; k++) {
        for (uint32_t i = 0; i < l->plan->n_args; i++)
            put_argument(l, i, at, slots);
        jf_call(l->call, l->address, slots, ret);
        if (l->result >= 0)
            memcpy(at[l->result], ret, size);
        if (l->stop && !is_zero(ret, size))
            return k;
        for (unsigned o = 0; o < l->n_operands; o++)
            at[o] += steps[o];
    }
    return n;
}

/* The scratch of one run is on the stack, whatever its size: so are the arguments
 * that the call will lay down there, and nothing can fail once a run has begun. */
static size_t run_generic(const jf_Loop *l, char *const *operands,
                          const intptr_t *steps, size_t n)
{
    enum { ALIGN = 64 };
    size_t ret_at = l->plan->slots_size;
    size_t at_at = ret_at + (((size_t)l->plan->result.size + 31) & ~(size_t)15);
    size_t size = at_at + l->n_operands * sizeof(char *);
    char scratch[size + ALIGN];
    char *p = (char *)(((uintptr_t)scratch + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
    char **at = (char **)(void *)(p + at_at);
    memcpy(at, operands, l->n_operands * sizeof *at);
    return run_items(l, at, steps, n, p, p + ret_at);
}

static void numpy_generic(char **args, const intptr_t *dimensions,
                          const intptr_t *steps, void *data)
{
    run_generic(data, args, steps, (size_t)dimensions[0]);
}

/* --- the door --------------------------------------------------------------------- */

/* Whether a result can say "stop". */
static bool can_stop(const jf_Type *result)
{
    return jf_is_integral(result) || result->kind == JF_PTR;
}

static jf_Status check(const jf_LoopSpec *s, jf_Diag *d)
{
    const jf_FuncInfo *f = s->fn->u.func;
    JF_ASSERT(s->fn->kind == JF_FUNC);
    if (s->fn->flags & JF_T_VARIADIC)
        return jf_diag_set(
            d, JF_UNSUPPORTED,
            "a function with '...' has no loop: its arguments differ "
            "from call to call");
    if (s->stop && !can_stop(s->fn->to))
        return jf_diag_set(
            d, JF_UNSUPPORTED,
            "the result is no integer or pointer: it cannot stop a loop");
    for (uint32_t i = 0; i < f->n_params; i++)
        JF_ASSERT(s->args[i].how == JF_LOOP_FIXED ||
                  s->args[i].operand < s->n_operands);
    JF_ASSERT(s->result < (int)s->n_operands);
    return JF_OK;
}

/* The arguments and the values of fixed ones, in one block. */
static jf_Status copy_args(jf_Loop *l, const jf_LoopSpec *s, jf_Diag *d)
{
    enum { ALIGN = 16 };
    uint32_t n = l->plan->n_args;
    size_t at = (n * sizeof(jf_LoopArg) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    size_t size = at;
    for (uint32_t i = 0; i < n; i++)
        if (s->args[i].how == JF_LOOP_FIXED)
            size +=
                ((size_t)l->plan->args[i].size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    l->args = jf_alloc(size ? size : 1);
    if (!l->args)
        return jf_diag_set(d, JF_NOMEM, "out of memory");
    char *p = (char *)l->args + at;
    for (uint32_t i = 0; i < n; i++) {
        l->args[i] = s->args[i];
        if (s->args[i].how != JF_LOOP_FIXED)
            continue;
        memcpy(p, s->args[i].fixed, (size_t)l->plan->args[i].size);
        l->args[i].fixed = p;
        p += ((size_t)l->plan->args[i].size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    }
    return JF_OK;
}

/* Code; and what code cannot do, item by item, unless that cannot either. */
static jf_Status make(jf_Universe *u, jf_Loop *l, const jf_LoopSpec *s, jf_Diag *d)
{
    if (engine_mode() == MODE_CODE) {
        jf_Diag why = JF_DIAG_INIT;
        jf_Status st = engine_loop_code(l, s->fn, s->name, &why);
        if (st == JF_OK)
            l->thunk = (LoopThunk)(uintptr_t)jf_code_entry(l->code);
        if (st != JF_OK && st != JF_UNSUPPORTED)
            jf_diag_set(d, st, "%s", why.message ? why.message : "out of memory");
        jf_diag_clear(&why);
        if (st != JF_UNSUPPORTED)
            return st;
    }
    return jf_call_new(u, s->fn, NULL, 0, &l->call, d);
}

jf_Status jf_loop_new(jf_Universe *u, const jf_LoopSpec *spec, jf_Loop **loop,
                      jf_Diag *d)
{
    jf_Status st = check(spec, d);
    if (st != JF_OK)
        return st;
    jf_Loop *l = jf_calloc(sizeof *l);
    if (!l)
        return jf_diag_set(d, JF_NOMEM, "out of memory");
    l->address = spec->address;
    l->result = spec->result;
    l->n_operands = spec->n_operands;
    l->stop = spec->stop;
    st = jf_plan_of(u, spec->fn, &l->plan, d);
    if (st == JF_OK)
        st = copy_args(l, spec, d);
    if (st == JF_OK)
        st = make(u, l, spec, d);
    if (st != JF_OK) {
        jf_loop_free(l);
        return st;
    }
    *loop = l;
    return JF_OK;
}

size_t jf_loop_run(const jf_Loop *l, char *const *operands, const intptr_t *steps,
                   size_t n)
{
    if (JF_UNLIKELY(!l->thunk))
        return run_generic(l, operands, steps, n);
    intptr_t dimensions = (intptr_t)n;
    size_t done = l->thunk(operands, &dimensions, steps);
    return l->stop ? done : n;
}

jf_NumPyLoop jf_loop_numpy(const jf_Loop *l, void **data)
{
    *data = NULL;
    if (l->thunk)
        return (jf_NumPyLoop)(uintptr_t)l->thunk;
    *data = (void *)(uintptr_t)l; /* the run does not write to it */
    return numpy_generic;
}

void jf_loop_free(jf_Loop *l)
{
    if (!l)
        return;
    jf_code_free(l->code);
    jf_call_free(l->call);
    jf_free(l->args);
    jf_free(l);
}
