/* SPDX-License-Identifier: MIT
 *
 * Programs: how they are built, copied, printed and freed. See program.h.
 */
#include "core/program/program.h"

#include <string.h>

const char *jf_scalar_name(jf_Scalar k)
{
    static const char *const names[] = {"i8",  "u8",  "i16", "u16", "i32",  "u32",
                                        "i64", "u64", "f32", "f64", "block"};
    return k <= JF_S_BLOCK ? names[k] : "?";
}

unsigned jf_program_reads(unsigned op)
{
    switch ((jf_ProgramOp)op) {
    case JF_PR_PARAM:
    case JF_PR_CONST:
    case JF_PR_LOCAL:
    case JF_PR_CALL:
    case JF_PR_COUNT:
        return 0;
    case JF_PR_ADDRESS:
    case JF_PR_LOAD:
    case JF_PR_PART:
    case JF_PR_CAST:
    case JF_PR_NEG:
    case JF_PR_NOT:
    case JF_PR_RESULT:
        return 1;
    case JF_PR_SELECT:
        return 7;
    default:
        return 3;
    }
}

void jf_program_init(jf_Program *p, const jf_Plan *plan)
{
    memset(p, 0, sizeof *p);
    p->plan = plan;
}

void jf_program_free(jf_Program *p)
{
    jf_free(p->ins);
    jf_free(p->values);
    jf_free(p->calls);
    jf_free(p->args);
    jf_free(p->names);
    memset(p, 0, sizeof *p);
}

/* --- building ------------------------------------------------------------------- */

/* Room for `more` more items of `size` bytes; the vector, or NULL. */
static void *grow(jf_Program *p, void *items, uint32_t n, uint32_t *cap,
                  uint32_t more, size_t size)
{
    if (p->failed || more > (UINT32_MAX / 2) - n) {
        p->failed = true;
        return NULL;
    }
    if (items && n + more <= *cap)
        return items;
    uint32_t wanted = *cap ? *cap * 2 : 16;
    if (wanted < n + more)
        wanted = n + more;
    void *bigger = jf_realloc(items, wanted * size);
    if (!bigger)
        p->failed = true;
    else
        *cap = wanted;
    return bigger;
}

uint32_t jf_program_value(jf_Program *p, jf_Scalar kind, uint32_t size,
                          uint32_t align)
{
    jf_ProgramValue *v =
        grow(p, p->values, p->n_values, &p->cap_values, 1, sizeof *v);
    if (!v)
        return JF_NO_VALUE;
    p->values = v;
    v += p->n_values;
    v->kind = (uint8_t)kind;
    v->size = size ? size : jf_scalar_size(kind);
    v->align = align ? align : v->size ? v->size : 1;
    if (!align && v->align & (v->align - 1))
        v->align = 1;
    return p->n_values++;
}

void jf_program_put(jf_Program *p, jf_ProgramIns ins)
{
    jf_ProgramIns *q = grow(p, p->ins, p->n_ins, &p->cap_ins, 1, sizeof *q);
    if (!q)
        return;
    p->ins = q;
    p->ins[p->n_ins++] = ins;
}

static bool add_call(jf_Program *p, jf_ProgramCall call, const uint32_t *args)
{
    uint32_t n = call.plan->n_args;
    jf_ProgramCall *c = grow(p, p->calls, p->n_calls, &p->cap_calls, 1, sizeof *c);
    if (!c)
        return false;
    p->calls = c;
    uint32_t *a = grow(p, p->args, p->n_args, &p->cap_args, n, sizeof *a);
    if (!a)
        return false;
    p->args = a;
    call.first_arg = p->n_args;
    p->calls[p->n_calls++] = call;
    if (n)
        memcpy(p->args + p->n_args, args, n * sizeof *args);
    p->n_args += n;
    return true;
}

/* A result of no bytes (an empty struct) is a value too; void is none. */
uint32_t jf_program_call(jf_Program *p, const jf_Plan *plan, struct jf_Call *via,
                         void *address, const char *name, const uint32_t *args,
                         jf_Scalar kind)
{
    const jf_PlanValue *result = &plan->result;
    bool is_void = !result->size && !result->align;
    uint32_t v = JF_NO_VALUE, number = p->n_calls;
    jf_ProgramCall call = {
        .plan = plan, .via = via, .address = address, .name = name};
    if (!add_call(p, call, args))
        return JF_NO_VALUE;
    if (!is_void && kind == JF_S_BLOCK)
        v = jf_program_value(p, kind, (uint32_t)result->size, result->align);
    else if (!is_void)
        v = jf_program_value(p, kind, 0, 0);
    jf_program_put(p, (jf_ProgramIns){.op = JF_PR_CALL, .v = v, .imm = number});
    return v;
}

/* --- copying -------------------------------------------------------------------- */

static void *duplicate(const void *from, size_t n, size_t size, bool *ok)
{
    void *to = *ok && n ? jf_alloc(n * size) : NULL;
    if (to)
        memcpy(to, from, n * size);
    else if (n)
        *ok = false;
    return to;
}

static bool copy_names(jf_Program *p)
{
    size_t n = 0;
    for (uint32_t i = 0; i < p->n_calls; i++)
        n += p->calls[i].name ? strlen(p->calls[i].name) + 1 : 0;
    char *at = p->names = n ? jf_alloc(n) : NULL;
    if (n && !at)
        return false;
    for (uint32_t i = 0; i < p->n_calls; i++) {
        if (!p->calls[i].name)
            continue;
        size_t size = strlen(p->calls[i].name) + 1;
        memcpy(at, p->calls[i].name, size);
        p->calls[i].name = at;
        at += size;
    }
    return true;
}

jf_Status jf_program_copy(const jf_Program *p, jf_Program *copy, jf_Diag *d)
{
    bool ok = !p->failed;
    jf_program_init(copy, p->plan);
    copy->ins = duplicate(p->ins, p->n_ins, sizeof *p->ins, &ok);
    copy->values = duplicate(p->values, p->n_values, sizeof *p->values, &ok);
    copy->calls = duplicate(p->calls, p->n_calls, sizeof *p->calls, &ok);
    copy->args = duplicate(p->args, p->n_args, sizeof *p->args, &ok);
    if (ok) {
        copy->n_ins = copy->cap_ins = p->n_ins;
        copy->n_values = copy->cap_values = p->n_values;
        copy->n_calls = copy->cap_calls = p->n_calls;
        copy->n_args = copy->cap_args = p->n_args;
        ok = copy_names(copy);
    }
    if (ok)
        return JF_OK;
    jf_program_free(copy);
    return jf_diag_set(d, JF_NOMEM, "out of memory");
}

/* --- printing ------------------------------------------------------------------- */

static void print_value(uint32_t v, jf_Buf *out)
{
    if (v == JF_NO_VALUE)
        jf_buf_text(out, "v?");
    else
        jf_buf_printf(out, "v%lu", (unsigned long)v);
}

static void print_const(const jf_Program *p, const jf_ProgramIns *in, jf_Buf *out)
{
    jf_Scalar kind =
        in->v < p->n_values ? (jf_Scalar)p->values[in->v].kind : JF_S_BLOCK;
    double f64;
    float f32;
    memcpy(&f64, &in->imm, 8);
    memcpy(&f32, &in->imm, 4);
    if (jf_scalar_is_float(kind))
        jf_buf_printf(out, " %.17g", kind == JF_S_F64 ? f64 : (double)f32);
    else if (jf_scalar_is_signed(kind))
        jf_buf_printf(out, " %lld", (long long)in->imm);
    else
        jf_buf_printf(out, " %llu", (unsigned long long)in->imm);
}

static void print_call(const jf_Program *p, const jf_ProgramIns *in, jf_Buf *out)
{
    if (in->imm >= p->n_calls) {
        jf_buf_text(out, " ?");
        return;
    }
    const jf_ProgramCall *c = &p->calls[in->imm];
    jf_buf_printf(out, " %s(", c->name ? c->name : "?");
    for (uint32_t k = 0; k < c->plan->n_args; k++) {
        jf_buf_text(out, k ? ", " : "");
        print_value(p->args[c->first_arg + k], out);
    }
    jf_buf_text(out, ")");
}

static void print_operands(const jf_ProgramIns *in, jf_Buf *out)
{
    static const char *const cc[] = {"EQ", "NE", "LT", "LE", "GT", "GE"};
    const uint32_t operands[] = {in->a, in->b, in->c};
    const char *before = " ";
    for (int k = 0; k < 3; k++) {
        if (!(jf_program_reads(in->op) >> k & 1))
            continue;
        jf_buf_text(out, before);
        print_value(operands[k], out);
        before = ", ";
        if (k == 0 &&
            (in->op == JF_PR_LOAD || in->op == JF_PR_STORE || in->op == JF_PR_PART))
            jf_buf_printf(out, " + %ld", (long)in->off);
        if (k == 0 && in->op == JF_PR_COMPARE)
            jf_buf_printf(out, " %s", in->cc < JF_COUNT(cc) ? cc[in->cc] : "?");
    }
}

void jf_program_print(const jf_Program *p, jf_Buf *out)
{
    static const char *const names[] = {
#define X(name) #name,
        JF_PROGRAM_OPS(X)
#undef X
    };
    for (uint32_t i = 0; i < p->n_ins; i++) {
        const jf_ProgramIns *in = &p->ins[i];
        if (in->v != JF_NO_VALUE) {
            print_value(in->v, out);
            jf_buf_text(out, " = ");
        }
        jf_buf_text(out, in->op < JF_PR_COUNT ? names[in->op] : "?");
        if (in->op == JF_PR_CONST)
            print_const(p, in, out);
        else if (in->op == JF_PR_PARAM)
            jf_buf_printf(out, " %llu", (unsigned long long)in->imm);
        else if (in->op == JF_PR_CALL)
            print_call(p, in, out);
        else
            print_operands(in, out);
        if (in->v < p->n_values) {
            const jf_ProgramValue *v = &p->values[in->v];
            jf_buf_printf(out, "  %s", jf_scalar_name((jf_Scalar)v->kind));
            if (v->kind == JF_S_BLOCK || in->op == JF_PR_LOCAL)
                jf_buf_printf(out, " %lu align %lu", (unsigned long)v->size,
                              (unsigned long)v->align);
        }
        jf_buf_text(out, "\n");
    }
}
