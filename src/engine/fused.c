/* SPDX-License-Identifier: MIT
 *
 * Programs made callable: machine code of the program's recipe, or a callback
 * whose handler carries the program out. Either way C sees a function of the
 * program's type at an address.
 */
#include "engine/inner.h"

#include "exec/exec.h"

#include <errno.h>
#include <string.h>

struct jf_Fused {
    jf_Program program;    /* a copy; its calls' `via` are references */
    uint32_t n_refs;       /* of the calls: how many `via` are ours */
    jf_Code *code;         /* owned; NULL: interpreted */
    jf_Callback *callback; /* owned; NULL: code */
    jf_ProgramCells cells; /* interpreted: owned */
    char *why_not;         /* interpreted: owned */
};

/* --- interpreted ------------------------------------------------------------------ */

enum { MEMORY_ON_STACK = 4096 };

static void carry_call(const jf_ProgramCall *call, void *slots, void *ret)
{
    jf_call(call->via, call->address, slots, ret);
}

/* Memory running out cannot be told to the C caller: it gets zeros. */
static void run_big(const jf_Fused *f, void *slots, void *ret)
{
    int e = errno;
    void *memory = jf_alloc(f->cells.size);
    errno = e;
    if (memory)
        jf_program_run(&f->program, &f->cells, memory, slots, ret, carry_call);
    e = errno;
    jf_free(memory);
    errno = e;
}

static void handle(void *context, const jf_Plan *plan, void *slots, void *ret)
{
    const jf_Fused *f = context;
    _Alignas(16) char memory[MEMORY_ON_STACK];
    (void)plan;
    if (f->cells.size > sizeof memory)
        run_big(f, slots, ret);
    else
        jf_program_run(&f->program, &f->cells, memory, slots, ret, carry_call);
}

static jf_Status make_callback(jf_Universe *u, jf_Type *fn, jf_Fused *f,
                               const char *why_not, jf_Diag *d)
{
    f->why_not = jf_strndup(why_not, strlen(why_not));
    if (!f->why_not)
        return jf_diag_set(d, JF_NOMEM, "out of memory");
    jf_Status st = jf_program_cells(&f->program, &f->cells, d);
    if (st == JF_OK)
        st = jf_callback_new(u, fn, handle, f, &f->callback, d);
    return st;
}

/* --- machine code ------------------------------------------------------------------- */

/* JF_UNSUPPORTED: the interpreter may still do it. */
static jf_Status make_code(jf_Fused *f, const char *name, jf_Diag *d)
{
    const jf_Program *p = &f->program;
    jf_Recipe r = JF_RECIPE_INIT;
    jf_Buf full = JF_BUF_INIT;
    if (engine_mode() != MODE_CODE)
        return jf_diag_set(d, JF_UNSUPPORTED, "no machine code here: %s",
                           jf_exec_why_not());
    for (uint32_t i = 0; i < p->n_calls; i++)
        if (p->calls[i].plan->abi != p->plan->abi)
            return jf_diag_set(d, JF_UNSUPPORTED, "a plan of another convention");
    jf_Status st = jf_program_lower(p, &r, d);
    jf_buf_printf(&full, "jiffi:fused %s", name);
    if (st == JF_OK && full.failed)
        st = jf_diag_set(d, JF_NOMEM, "out of memory");
    if (st == JF_OK)
        st = jf_compile(&r, p->plan, full.p, &f->code, d);
    jf_buf_free(&full);
    jf_recipe_free(&r);
    return st;
}

/* --- the doors ---------------------------------------------------------------------- */

static jf_Status take_calls(jf_Fused *f, jf_Diag *d)
{
    for (uint32_t i = 0; i < f->program.n_calls; i++)
        if (!f->program.calls[i].via)
            return jf_diag_set(d, JF_SEMANTIC,
                               "call %lu of the program has no call "
                               "of the engine",
                               (unsigned long)i);
    for (; f->n_refs < f->program.n_calls; f->n_refs++)
        engine_call_ref(f->program.calls[f->n_refs].via);
    return JF_OK;
}

static jf_Status fused_make(jf_Universe *u, jf_Type *fn, jf_Fused *f,
                            const char *name, bool code, jf_Diag *d)
{
    jf_Diag why = JF_DIAG_INIT;
    jf_Status st = take_calls(f, d);
    if (st != JF_OK)
        return st;
    if (!code)
        st = jf_diag_set(&why, JF_UNSUPPORTED, "the interpreter was asked for");
    else
        st = make_code(f, name, &why);
    if (st == JF_UNSUPPORTED)
        st = make_callback(u, fn, f, why.message ? why.message : "", d);
    else if (st != JF_OK)
        jf_diag_set(d, st, "%s", why.message ? why.message : "out of memory");
    jf_diag_clear(&why);
    return st;
}

jf_Status jf_fused_new(jf_Universe *u, jf_Type *fn, const jf_Program *p,
                       const char *name, bool code, jf_Fused **fused, jf_Diag *d)
{
    JF_ASSERT(fn->kind == JF_FUNC);
    if (fn->flags & JF_T_VARIADIC)
        return jf_diag_set(d, JF_UNSUPPORTED,
                           "a fused function cannot take a variable number of "
                           "arguments");
    jf_Status st = jf_program_check(p, d);
    if (st != JF_OK)
        return st;
    jf_Fused *f = jf_calloc(sizeof *f);
    if (!f)
        return jf_diag_set(d, JF_NOMEM, "out of memory");
    st = jf_program_copy(p, &f->program, d);
    if (st == JF_OK)
        st = fused_make(u, fn, f, name, code, d);
    if (st != JF_OK) {
        jf_fused_free(f);
        return st;
    }
    *fused = f;
    return JF_OK;
}

void *jf_fused_address(const jf_Fused *f)
{
    return f->code ? jf_code_entry(f->code) : jf_callback_address(f->callback);
}

const jf_Code *jf_fused_code(const jf_Fused *f)
{
    return f->code;
}

const char *jf_fused_why_not(const jf_Fused *f)
{
    return f->why_not;
}

const jf_Program *jf_fused_program(const jf_Fused *f)
{
    return &f->program;
}

void jf_fused_free(jf_Fused *f)
{
    if (!f)
        return;
    jf_code_free(f->code);
    jf_callback_free(f->callback);
    while (f->n_refs > 0)
        jf_call_free(f->program.calls[--f->n_refs].via);
    jf_program_free(&f->program);
    jf_program_cells_free(&f->cells);
    jf_free(f->why_not);
    jf_free(f);
}
