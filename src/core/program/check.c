/* SPDX-License-Identifier: MIT
 *
 * Is a program what program.h says it is? Everything that run.c and lower.c take
 * for granted is looked at here, once; they look at nothing again.
 */
#include "core/program/program.h"

#include <stdarg.h>
#include <stdio.h>

typedef struct Check {
    const jf_Program *p;
    jf_Diag *d;
    uint8_t *made; /* by value: it has been made */
    uint32_t i;    /* the instruction looked at */
} Check;

static const char *op_name(unsigned op)
{
    static const char *const names[] = {
#define X(name) #name,
        JF_PROGRAM_OPS(X)
#undef X
    };
    return op < JF_PR_COUNT ? names[op] : "?";
}

/* "instruction 4 (CALL): ", then the rest. */
static jf_Status bad(Check *c, const char *fmt, ...) JF_PRINTF(2, 3);
static jf_Status bad(Check *c, const char *fmt, ...)
{
    char text[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return jf_diag_set(c->d, JF_SEMANTIC, "instruction %lu (%s): %s",
                       (unsigned long)c->i, op_name(c->p->ins[c->i].op), text);
}

static const jf_ProgramValue *value(const Check *c, uint32_t v)
{
    return &c->p->values[v];
}

static const char *kind_name(const Check *c, uint32_t v)
{
    return jf_scalar_name((jf_Scalar)value(c, v)->kind);
}

/* `v` may be read here. */
static jf_Status check_read(Check *c, uint32_t v)
{
    if (v >= c->p->n_values)
        return bad(c, "there is no value v%lu", (unsigned long)v);
    if (!c->made[v])
        return bad(c, "v%lu is read before it is made", (unsigned long)v);
    return JF_OK;
}

static jf_Status check_make(Check *c, uint32_t v)
{
    enum { MOST = 1 << 30, MOST_ALIGN = 4096 };
    bool local = c->p->ins[c->i].op == JF_PR_LOCAL;
    if (v >= c->p->n_values)
        return bad(c, "there is no value v%lu to make", (unsigned long)v);
    const jf_ProgramValue *x = value(c, v);
    if (c->made[v])
        return bad(c, "v%lu is made twice", (unsigned long)v);
    if (x->kind > JF_S_BLOCK)
        return bad(c, "v%lu has no kind", (unsigned long)v);
    if (!x->align || x->align > MOST_ALIGN || (x->align & (x->align - 1)))
        return bad(c, "v%lu is aligned to %lu", (unsigned long)v,
                   (unsigned long)x->align);
    if (x->size > MOST)
        return bad(c, "v%lu takes more than 2^30 bytes", (unsigned long)v);
    if (x->kind != JF_S_BLOCK && !local &&
        x->size != jf_scalar_size((jf_Scalar)x->kind))
        return bad(c, "v%lu is %s and has %lu bytes", (unsigned long)v,
                   kind_name(c, v), (unsigned long)x->size);
    c->made[v] = 1;
    return JF_OK;
}

/* Does value `v` travel where the plan has `x`? */
static bool fits(const Check *c, uint32_t v, const jf_PlanValue *x)
{
    const jf_ProgramValue *mine = value(c, v);
    uint32_t size = jf_scalar_size((jf_Scalar)mine->kind);
    if (mine->kind == JF_S_BLOCK)
        return !x->is_scalar && mine->size == x->size;
    return x->is_scalar && size == x->size &&
           x->is_float == jf_scalar_is_float((jf_Scalar)mine->kind);
}

static jf_Status misfit(Check *c, uint32_t v, const jf_PlanValue *x,
                        const char *what, uint32_t number)
{
    const char *kind = !x->is_scalar ? "block"
                       : x->is_float ? "floating-point number"
                                     : "word";
    return bad(c, "%s %lu is v%lu, %s of %lu bytes; wanted is a %s of %llu bytes",
               what, (unsigned long)number, (unsigned long)v, kind_name(c, v),
               (unsigned long)value(c, v)->size, kind, (unsigned long long)x->size);
}

static jf_Status check_param(Check *c, const jf_ProgramIns *in)
{
    const jf_Plan *plan = c->p->plan;
    if (in->imm >= plan->n_args)
        return bad(c, "the program has %lu parameters",
                   (unsigned long)plan->n_args);
    if (!fits(c, in->v, &plan->args[in->imm]))
        return misfit(c, in->v, &plan->args[in->imm], "parameter",
                      (uint32_t)in->imm);
    return JF_OK;
}

static jf_Status check_call(Check *c, const jf_ProgramIns *in)
{
    const jf_Program *p = c->p;
    if (in->imm >= p->n_calls)
        return bad(c, "there is no call %llu", (unsigned long long)in->imm);
    const jf_ProgramCall *call = &p->calls[in->imm];
    const jf_Plan *plan = call->plan;
    if (!call->address)
        return bad(c, "%s has no address", call->name ? call->name : "a function");
    if (call->first_arg > p->n_args || plan->n_args > p->n_args - call->first_arg)
        return bad(c, "its arguments are not all there");
    for (uint32_t k = 0; k < plan->n_args; k++) {
        uint32_t v = p->args[call->first_arg + k];
        jf_Status st = check_read(c, v);
        if (st == JF_OK && !fits(c, v, &plan->args[k]))
            st = misfit(c, v, &plan->args[k], "argument", k);
        if (st != JF_OK)
            return st;
    }
    if (in->v == JF_NO_VALUE)
        return JF_OK;
    jf_Status st = check_make(c, in->v);
    if (st == JF_OK && !fits(c, in->v, &plan->result))
        st = misfit(c, in->v, &plan->result, "result", 0);
    return st;
}

static jf_Status check_result(Check *c, const jf_ProgramIns *in)
{
    if (c->i + 1 != c->p->n_ins)
        return bad(c, "it is not the last instruction");
    if (!fits(c, in->a, &c->p->plan->result))
        return misfit(c, in->a, &c->p->plan->result, "result", 0);
    return JF_OK;
}

static jf_Status same_kind(Check *c, uint32_t v, uint32_t a)
{
    if (value(c, v)->kind == value(c, a)->kind &&
        (value(c, v)->kind != JF_S_BLOCK || value(c, v)->size == value(c, a)->size))
        return JF_OK;
    return bad(c, "v%lu is %s, v%lu is %s", (unsigned long)v, kind_name(c, v),
               (unsigned long)a, kind_name(c, a));
}

static jf_Status want_scalar(Check *c, uint32_t v, bool float_too)
{
    jf_Scalar k = (jf_Scalar)value(c, v)->kind;
    if (k == JF_S_BLOCK || (!float_too && jf_scalar_is_float(k)))
        return bad(c, "v%lu is %s: wanted is %s", (unsigned long)v,
                   jf_scalar_name(k), float_too ? "a number" : "an integer");
    return JF_OK;
}

static jf_Status want_word(Check *c, uint32_t v)
{
    if (value(c, v)->kind == JF_S_U64)
        return JF_OK;
    return bad(c, "v%lu is %s: an address is u64", (unsigned long)v,
               kind_name(c, v));
}

static jf_Status check_part(Check *c, const jf_ProgramIns *in)
{
    const jf_ProgramValue *whole = value(c, in->a), *part = value(c, in->v);
    if (whole->kind != JF_S_BLOCK)
        return bad(c, "v%lu is %s: only blocks have parts", (unsigned long)in->a,
                   kind_name(c, in->a));
    if (in->off < 0 || whole->size < part->size ||
        (uint32_t)in->off > whole->size - part->size)
        return bad(c, "%lu bytes at %ld of v%lu, which has %lu",
                   (unsigned long)part->size, (long)in->off, (unsigned long)in->a,
                   (unsigned long)whole->size);
    return JF_OK;
}

/* Kinds of what is read and made, both of which are there. */
static jf_Status check_kinds(Check *c, const jf_ProgramIns *in)
{
    jf_Status st;
    switch ((jf_ProgramOp)in->op) {
    case JF_PR_PARAM:
        return check_param(c, in);
    case JF_PR_CONST:
        return want_scalar(c, in->v, true);
    case JF_PR_LOCAL:
    case JF_PR_ADDRESS:
        return want_word(c, in->v);
    case JF_PR_LOAD:
    case JF_PR_STORE:
        return want_word(c, in->a);
    case JF_PR_PART:
        return check_part(c, in);
    case JF_PR_CAST:
        st = want_scalar(c, in->a, true);
        return st == JF_OK ? want_scalar(c, in->v, true) : st;
    case JF_PR_COMPARE:
        if (in->cc > JF_GE)
            return bad(c, "no condition it knows");
        if (value(c, in->v)->kind != JF_S_I32)
            return bad(c, "v%lu is %s: 1 or 0 is i32", (unsigned long)in->v,
                       kind_name(c, in->v));
        st = want_scalar(c, in->a, true);
        return st == JF_OK ? same_kind(c, in->a, in->b) : st;
    case JF_PR_SELECT:
        st = want_scalar(c, in->a, true);
        st = st == JF_OK ? same_kind(c, in->v, in->b) : st;
        return st == JF_OK ? same_kind(c, in->v, in->c) : st;
    case JF_PR_RESULT:
        return check_result(c, in);
    default: { /* arithmetic */
        bool floats = in->op == JF_PR_NEG || in->op == JF_PR_ADD ||
                      in->op == JF_PR_SUB || in->op == JF_PR_MUL ||
                      in->op == JF_PR_DIV || in->op == JF_PR_FLOORDIV ||
                      in->op == JF_PR_FLOORMOD;
        st = want_scalar(c, in->v, floats);
        st = st == JF_OK ? same_kind(c, in->v, in->a) : st;
        if (st == JF_OK && jf_program_reads(in->op) & 2)
            st = same_kind(c, in->v, in->b);
        return st;
    }
    }
}

static jf_Status check_one(Check *c)
{
    const jf_ProgramIns *in = &c->p->ins[c->i];
    const uint32_t operands[] = {in->a, in->b, in->c};
    if (in->op >= JF_PR_COUNT)
        return bad(c, "no operation has the number %u", (unsigned)in->op);
    if (in->op == JF_PR_CALL)
        return check_call(c, in);
    jf_Status st = JF_OK;
    for (int k = 0; k < 3 && st == JF_OK; k++)
        if (jf_program_reads(in->op) >> k & 1)
            st = check_read(c, operands[k]);
    if (st == JF_OK && in->op != JF_PR_STORE && in->op != JF_PR_RESULT)
        st = check_make(c, in->v);
    return st == JF_OK ? check_kinds(c, in) : st;
}

jf_Status jf_program_check(const jf_Program *p, jf_Diag *d)
{
    Check c = {.p = p, .d = d, .made = jf_calloc(p->n_values + 1)};
    jf_Status st = JF_OK;
    if (p->failed || !c.made)
        st = jf_diag_set(d, JF_NOMEM, "out of memory");
    for (; c.i < p->n_ins && st == JF_OK; c.i++)
        st = check_one(&c);
    jf_free(c.made);
    bool gives = p->n_ins && p->ins[p->n_ins - 1].op == JF_PR_RESULT;
    if (st == JF_OK && !gives && p->plan->result.size)
        st = jf_diag_set(d, JF_SEMANTIC,
                         "the program gives nothing, and its type says %llu bytes",
                         (unsigned long long)p->plan->result.size);
    return st;
}
