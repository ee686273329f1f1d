/* SPDX-License-Identifier: MIT
 * A plan as text, one line per value; for people and for tests. */
#include "core/abi/abi.h"

static const char *const gpr_args[][8] = {
    [JF_ABI_SYSV] = {"rdi", "rsi", "rdx", "rcx", "r8", "r9"},
    [JF_ABI_WIN64] = {"rcx", "rdx", "r8", "r9"},
    [JF_ABI_AAPCS64] = {"x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7"},
    [JF_ABI_APPLE64] = {"x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7"},
};

static const char *gpr_name(const jf_Plan *p, unsigned reg, bool result)
{
    bool intel = p->abi == JF_ABI_SYSV || p->abi == JF_ABI_WIN64;
    if (result && intel)
        return reg ? "rdx" : "rax";
    return gpr_args[p->abi][reg];
}

static void print_place(const jf_Plan *p, const jf_Piece *c, bool result,
                        jf_Buf *out)
{
    char vec = p->abi == JF_ABI_SYSV || p->abi == JF_ABI_WIN64 ? 'x' : 'v';
    const char *xmm = vec == 'x' ? "xmm" : "v";
    switch ((jf_Place)c->place) {
    case JF_IN_GPR:
        jf_buf_text(out, gpr_name(p, c->reg, result));
        break;
    case JF_IN_VEC:
        jf_buf_printf(out, "%s%u", xmm, c->reg);
        break;
    case JF_IN_BOTH:
        jf_buf_printf(out, "%s%u+%s", xmm, c->reg, gpr_name(p, c->reg, result));
        break;
    case JF_IN_X87:
        jf_buf_printf(out, "st%u", c->reg);
        break;
    case JF_ON_STACK:
        jf_buf_printf(out, "stack+%u", c->stack);
        break;
    }
}

static void print_piece(const jf_Plan *p, const jf_Piece *c, bool result,
                        jf_Buf *out)
{
    static const char *const ext[] = {"", " zero", " sign"};
    jf_buf_text(out, " ");
    print_place(p, c, result, out);
    jf_buf_printf(out, "[%u..%u]%s", c->offset, c->offset + c->size - 1,
                  ext[c->extend]);
}

static void print_value(const jf_Plan *p, const jf_PlanValue *v, bool result,
                        jf_Buf *out)
{
    if (v->indirect)
        jf_buf_text(out, " address");
    if (v->indirect && result)
        jf_buf_text(out, p->sret == JF_SRET_X8 ? " x8" : " first");
    else if (!v->n)
        jf_buf_text(out, " nothing");
    for (uint32_t i = 0; i < v->n; i++)
        print_piece(p, &p->pieces[v->first + i], result, out);
    jf_buf_text(out, "\n");
}

void jf_plan_print(const jf_Plan *p, const jf_Target *target, jf_Buf *out)
{
    JF_ASSERT(target->abi == p->abi);
    (void)target;
    for (uint32_t i = 0; i < p->n_args; i++) {
        const jf_PlanValue *v = &p->args[i];
        jf_buf_printf(out, "%s %u slot %u:", i < p->n_fixed ? "arg" : "var", i,
                      v->slot);
        print_value(p, v, false, out);
    }
    jf_buf_text(out, "result:");
    print_value(p, &p->result, true, out);
    jf_buf_printf(out, "stack %u slots %u vec %u\n", p->stack_size, p->slots_size,
                  p->n_vec);
}

void jf_plan_where(const jf_Plan *p, const jf_PlanValue *v, bool result,
                   jf_Buf *out)
{
    if (v->indirect && result) {
        jf_buf_printf(out, "memory of the caller's, its address in %s",
                      p->sret == JF_SRET_X8 ? "x8" : gpr_args[p->abi][0]);
        return;
    }
    if (!v->n) {
        jf_buf_text(out, "nowhere");
        return;
    }
    for (uint32_t i = 0; i < v->n; i++) {
        const jf_Piece *c = &p->pieces[v->first + i];
        jf_buf_text(out, i ? ", " : "");
        print_place(p, c, result, out);
        if (v->n > 1)
            jf_buf_printf(out, " (bytes %u to %u)", c->offset,
                          c->offset + c->size - 1);
    }
    if (v->indirect)
        jf_buf_text(out, ", the address of a copy");
}
