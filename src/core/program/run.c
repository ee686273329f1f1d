/* SPDX-License-Identifier: MIT
 *
 * A program carried out where no machine code may be made: each value has a cell
 * in memory, scalars one of 8 bytes that is filled by extension. Relies on what
 * jf_program_check has seen.
 */
#include "core/program/arith.h"

#include "core/base/bits.h"

#include <string.h>

/* Memory that an address is taken of follows the cell of that address. */
enum { CELL = 16, MOST = 1 << 30 };

/* Bytes of the memory that instruction `in` takes for itself, with what it needs
 * to be aligned. */
static uint64_t own_memory(const jf_Program *p, const jf_ProgramIns *in)
{
    if (in->op != JF_PR_LOCAL && in->op != JF_PR_ADDRESS)
        return 0;
    const jf_ProgramValue *v = &p->values[in->op == JF_PR_LOCAL ? in->v : in->a];
    return jf_round_up(v->size, 16) + (v->align > 16 ? v->align : 0);
}

static jf_Status too_big(jf_Diag *d)
{
    return jf_diag_set(d, JF_UNSUPPORTED,
                       "the values of the program take more than 2^30 bytes");
}

jf_Status jf_program_cells(const jf_Program *p, jf_ProgramCells *c, jf_Diag *d)
{
    uint64_t at = 0, slots = 0, ret = 16;
    memset(c, 0, sizeof *c);
    c->at = jf_calloc((p->n_values + 1) * sizeof *c->at);
    if (!c->at)
        return jf_diag_set(d, JF_NOMEM, "out of memory");
    for (uint32_t i = 0; i < p->n_ins && at <= MOST; i++) {
        const jf_ProgramIns *in = &p->ins[i];
        if (in->op == JF_PR_CALL) {
            const jf_Plan *plan = p->calls[in->imm].plan;
            slots = jf_max64(slots, plan->slots_size);
            ret = jf_max64(ret, jf_round_up(plan->result.size, 16));
        }
        if (in->op == JF_PR_STORE || in->op == JF_PR_RESULT || in->v == JF_NO_VALUE)
            continue;
        const jf_ProgramValue *v = &p->values[in->v];
        c->at[in->v] = (uint32_t)at;
        at += v->kind == JF_S_BLOCK ? jf_round_up(v->size, 16) : CELL;
        at += own_memory(p, in);
    }
    if (at + slots + ret > MOST) {
        jf_program_cells_free(c);
        return too_big(d);
    }
    c->slots = (uint32_t)at;
    c->ret = (uint32_t)(at + slots);
    c->size = (uint32_t)(at + slots + ret);
    return JF_OK;
}

void jf_program_cells_free(jf_ProgramCells *c)
{
    jf_free(c->at);
    memset(c, 0, sizeof *c);
}

/* --- running ---------------------------------------------------------------------- */

typedef struct Run {
    const jf_Program *p;
    const jf_ProgramCells *c;
    char *memory;
} Run;

static char *cell(const Run *r, uint32_t v)
{
    return r->memory + r->c->at[v];
}

static jf_Scalar kind_of(const Run *r, uint32_t v)
{
    return (jf_Scalar)r->p->values[v].kind;
}

static uint64_t word(const Run *r, uint32_t v)
{
    uint64_t w;
    memcpy(&w, cell(r, v), sizeof w);
    return w;
}

static char *pointer(const Run *r, uint32_t v)
{
    return (char *)(uintptr_t)word(r, v);
}

static void set_word(const Run *r, uint32_t v, uint64_t w)
{
    memcpy(cell(r, v), &w, sizeof w);
}

/* Bytes of the value itself. */
static uint32_t size_of(const Run *r, uint32_t v)
{
    jf_Scalar k = kind_of(r, v);
    return k == JF_S_BLOCK ? r->p->values[v].size : jf_scalar_size(k);
}

/* v = the value that stands at `from`. */
static void set_from(const Run *r, uint32_t v, const char *from)
{
    jf_Scalar k = kind_of(r, v);
    if (k == JF_S_BLOCK) {
        memcpy(cell(r, v), from, r->p->values[v].size);
        return;
    }
    uint64_t w = 0;
    memcpy(&w, from, jf_scalar_size(k));
    set_word(r, v, jf_scalar_is_float(k) ? w : jf_arith_extend(k, w));
}

/* The memory behind the cell of v, aligned. */
static char *own(const Run *r, uint32_t v, uint32_t align)
{
    uintptr_t at = (uintptr_t)(cell(r, v) + CELL);
    return (char *)(align > 16 ? (uintptr_t)jf_round_up(at, align) : at);
}

static void take_address(const Run *r, const jf_ProgramIns *in)
{
    bool local = in->op == JF_PR_LOCAL;
    const jf_ProgramValue *v = &r->p->values[local ? in->v : in->a];
    char *memory = own(r, in->v, v->align);
    if (local)
        memset(memory, 0, v->size);
    else
        memcpy(memory, cell(r, in->a), size_of(r, in->a));
    set_word(r, in->v, (uintptr_t)memory);
}

static void make_call(const Run *r, const jf_ProgramIns *in,
                      jf_ProgramCaller caller)
{
    const jf_ProgramCall *call = &r->p->calls[in->imm];
    char *slots = r->memory + r->c->slots, *ret = r->memory + r->c->ret;
    for (uint32_t k = 0; k < call->plan->n_args; k++) {
        uint32_t v = r->p->args[call->first_arg + k];
        memcpy(slots + call->plan->args[k].slot, cell(r, v), size_of(r, v));
    }
    caller(call, slots, ret);
    if (in->v != JF_NO_VALUE)
        set_from(r, in->v, ret);
}

/* LONG: one case per operation. */
void jf_program_run(const jf_Program *p, const jf_ProgramCells *c, void *memory,
                    const void *slots, void *ret, jf_ProgramCaller caller)
{
    const Run run = {p, c, memory}, *r = &run;
    for (uint32_t i = 0; i < p->n_ins; i++) {
        const jf_ProgramIns *in = &p->ins[i];
        switch ((jf_ProgramOp)in->op) {
        case JF_PR_PARAM:
            set_from(r, in->v, (const char *)slots + p->plan->args[in->imm].slot);
            break;
        case JF_PR_CONST:
            set_from(r, in->v, (const char *)&in->imm);
            break;
        case JF_PR_LOCAL:
        case JF_PR_ADDRESS:
            take_address(r, in);
            break;
        case JF_PR_LOAD:
            set_from(r, in->v, pointer(r, in->a) + in->off);
            break;
        case JF_PR_STORE:
            memcpy(pointer(r, in->a) + in->off, cell(r, in->b), size_of(r, in->b));
            break;
        case JF_PR_PART:
            set_from(r, in->v, cell(r, in->a) + in->off);
            break;
        case JF_PR_CAST:
            set_word(r, in->v,
                     jf_arith_cast(kind_of(r, in->v), kind_of(r, in->a),
                                   word(r, in->a)));
            break;
        case JF_PR_COMPARE:
            set_word(r, in->v,
                     jf_arith_compare((jf_Cond)in->cc, kind_of(r, in->a),
                                      word(r, in->a), word(r, in->b)));
            break;
        case JF_PR_SELECT:
            set_from(r, in->v,
                     cell(r, jf_arith_is_true(kind_of(r, in->a), word(r, in->a))
                                 ? in->b
                                 : in->c));
            break;
        case JF_PR_CALL:
            make_call(r, in, caller);
            break;
        case JF_PR_RESULT:
            memcpy(ret, cell(r, in->a), size_of(r, in->a));
            break;
        default:
            set_word(
                r, in->v,
                jf_arith_op((jf_ProgramOp)in->op, kind_of(r, in->v), word(r, in->a),
                            jf_program_reads(in->op) & 2 ? word(r, in->b) : 0));
        }
    }
}
