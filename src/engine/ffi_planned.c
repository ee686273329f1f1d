/* SPDX-License-Identifier: MIT
 *
 * libffi driven by our plan. The signature it sees has only words and doubles:
 * the integer registers, the vector registers, and (all integer registers being
 * used up then) the stack area word by word, so that every byte lands where the
 * plan wants it and libffi never classifies a struct. Results come back as the
 * struct of two words or doubles that occupies the same registers.
 */
#include "engine/ffi_shape.h"

#include "core/base/bits.h"
#include "core/target/target.h"

#include <alloca.h>
#include <string.h>

/* Registers of the convention, and what fills one of each kind. On x86-64 no
 * libffi type keeps 16 bytes in a vector register; on AArch64 long double does. */
typedef struct Registers {
    uint8_t gpr, vec;
    ffi_type *vec_type;
    uint32_t vec_bytes;
} Registers;

static Registers registers_of(const jf_Plan *plan)
{
    if (plan->abi == JF_ABI_AAPCS64)
        return (Registers){8, 8, &ffi_type_longdouble, 16};
    JF_ASSERT(plan->abi == JF_ABI_SYSV);
    return (Registers){6, 8, &ffi_type_double, 8};
}

static jf_Status refuse_wide(const jf_Type *t, const char *what, jf_Diag *d)
{
    jf_Buf name = JF_BUF_INIT;
    jf_type_print(t, "", 0, &name, NULL);
    jf_diag_set(d, JF_UNSUPPORTED,
                "%s of type '%s' travels in a 16-byte vector register, which "
                "libffi cannot fill, and machine code is off",
                what, name.p && !name.failed ? name.p : "?");
    jf_buf_free(&name);
    return JF_UNSUPPORTED;
}

/* --- the shape ------------------------------------------------------------------------ */

static ffi_type *piece_type(const jf_Piece *p, const Registers *regs)
{
    if (p->place == JF_IN_GPR)
        return &ffi_type_uint64;
    if (p->place == JF_IN_X87)
        return &ffi_type_longdouble;
    if (regs->vec_bytes == 8)
        return p->size <= 8 ? &ffi_type_double : NULL;
    return p->size <= 4   ? &ffi_type_float
           : p->size <= 8 ? &ffi_type_double
                          : &ffi_type_longdouble;
}

/* A struct of these element types; NULL: memory. */
static ffi_type *make_struct(Shape *s, ffi_type **elements, uint32_t n)
{
    ffi_type *t =
        jf_arena_calloc(&s->arena, sizeof *t + (n + 1) * sizeof *elements);
    if (!t)
        return NULL;
    t->type = FFI_TYPE_STRUCT;
    t->elements = (ffi_type **)(t + 1);
    memcpy(t->elements, elements, n * sizeof *elements);
    return t;
}

static jf_Status result_shape(Shape *s, const jf_Type *fn, const Registers *regs,
                              jf_Diag *d)
{
    const jf_PlanValue *v = &s->plan->result;
    ffi_type *e[4] = {&ffi_type_uint64, &ffi_type_uint64, &ffi_type_uint64,
                      &ffi_type_uint64};
    if (s->plan->sret == JF_SRET_X8) {
        /* Any struct that goes through memory: libffi puts our address in x8. */
        s->result = make_struct(s, e, 4);
        return s->result ? JF_OK : ffi_no_memory(d);
    }
    if (s->plan->sret == JF_SRET_GPR0) {
        s->result = &ffi_type_uint64;
        return JF_OK;
    }
    JF_ASSERT(v->n <= 4);
    for (uint32_t k = 0; k < v->n; k++) {
        const jf_Piece *p = &s->plan->pieces[v->first + k];
        e[k] = piece_type(p, regs);
        if (!e[k])
            return refuse_wide(fn->to, "a result", d);
    }
    if (v->n == 0)
        s->result = &ffi_type_void;
    else if (v->n == 1)
        s->result = e[0];
    else if (e[0] == &ffi_type_longdouble && s->plan->abi == JF_ABI_SYSV)
        s->result = &ffi_type_complex_longdouble; /* st0 and st1 */
    else
        s->result = make_struct(s, e, v->n);
    return s->result ? JF_OK : ffi_no_memory(d);
}

/* Only pieces of 16 bytes in vector registers can be too much. */
static jf_Status check_args(const jf_Plan *plan, const jf_Type *fn,
                            const Registers *regs, jf_Diag *d)
{
    for (uint32_t i = 0; i < plan->n_args; i++)
        for (uint32_t k = 0; k < plan->args[i].n; k++) {
            const jf_Piece *p = &plan->pieces[plan->args[i].first + k];
            if (p->place != JF_IN_VEC || p->size <= regs->vec_bytes)
                continue;
            if (i < fn->u.func->n_params)
                return refuse_wide(fn->u.func->params[i], "an argument", d);
            return jf_diag_set(d, JF_UNSUPPORTED,
                               "variadic argument %u travels in a 16-byte vector "
                               "register, which libffi cannot fill, and machine "
                               "code is off",
                               i + 1 - fn->u.func->n_params);
        }
    return JF_OK;
}

jf_Status ffi_shape_planned(Shape *s, const jf_Plan *plan, const jf_Type *fn,
                            jf_Diag *d)
{
    Registers regs = registers_of(plan);
    s->plan = plan;
    jf_Status st = check_args(plan, fn, &regs, d);
    if (st == JF_OK)
        st = result_shape(s, fn, &regs, d);
    if (st != JF_OK)
        return st;
    s->n_words = plan->stack_size / 8;
    s->n_vec = plan->n_vec;
    s->n_gpr = s->n_words ? regs.gpr : plan->n_gpr;
    uint32_t n = s->n_gpr + s->n_vec + s->n_words;
    s->args = jf_arena_alloc(&s->arena, (n + 1) * sizeof *s->args);
    if (!s->args)
        return ffi_no_memory(d);
    for (uint32_t k = 0; k < n; k++)
        s->args[k] = k >= s->n_gpr && k < (uint32_t)s->n_gpr + s->n_vec
                         ? regs.vec_type
                         : &ffi_type_uint64;
    if (ffi_prep_cif(&s->cif, FFI_DEFAULT_ABI, n, s->result, s->args) != FFI_OK)
        return jf_diag_set(d, JF_UNSUPPORTED, "libffi refuses this signature");
    return JF_OK;
}

/* --- calls ------------------------------------------------------------------------------ */

/* Where piece `k` of the result lies in what libffi wrote: pieces of a struct
 * of words and doubles stand one after the other, each at its own size. */
static uint32_t result_at(const Shape *s, uint32_t k)
{
    uint32_t at = 0;
    if (s->result->type == FFI_TYPE_COMPLEX)
        return k * (uint32_t)sizeof(long double);
    for (uint32_t m = 0; m < k; m++)
        at += (uint32_t)s->result->elements[m]->size;
    return at;
}

static void *piece_register(jf_Regs *regs, const jf_Piece *p)
{
    if (p->place == JF_IN_GPR)
        return &regs->ret_gpr[p->reg];
    if (p->place == JF_IN_X87)
        return regs->ret_x87[p->reg];
    return regs->ret_vec[p->reg];
}

static uint32_t piece_bytes(const jf_Piece *p)
{
    return p->place == JF_IN_GPR ? 8 : p->place == JF_IN_X87 ? 10 : p->size;
}

void ffi_call_planned(const Shape *s, void *fn, void *slots, void *ret)
{
    const jf_Plan *plan = s->plan;
    jf_Regs regs;
    _Alignas(16) uint8_t result[FFI_RESULT] = {0};
    uint32_t n = s->n_gpr + s->n_vec + s->n_words;
    void **args = alloca((n + 1) * sizeof *args);
    uint8_t *stack = alloca(plan->stack_size + 16);
    memset(&regs, 0, offsetof(jf_Regs, ret_gpr));
    memset(stack, 0, plan->stack_size);
    regs.stack = stack;
    jf_plan_pack_args(plan, slots, ret, &regs);
    for (uint32_t k = 0; k < s->n_gpr; k++)
        args[k] = &regs.gpr[k];
    for (uint32_t k = 0; k < s->n_vec; k++)
        args[s->n_gpr + k] = regs.vec[k];
    for (uint32_t k = 0; k < s->n_words; k++)
        args[s->n_gpr + s->n_vec + k] = stack + 8 * (size_t)k;
    ffi_cif *cif = (ffi_cif *)(uintptr_t)&s->cif; /* libffi only reads it */
    bool x8 = plan->sret == JF_SRET_X8;
    ffi_call(cif, FFI_FN(fn), x8 ? ret : result, args);
    if (plan->sret != JF_SRET_NONE || !plan->result.n)
        return;
    for (uint32_t k = 0; k < plan->result.n; k++) {
        const jf_Piece *p = &plan->pieces[plan->result.first + k];
        memcpy(piece_register(&regs, p), result + result_at(s, k), piece_bytes(p));
    }
    jf_plan_unpack_result(plan, &regs, ret);
}

/* --- callbacks ---------------------------------------------------------------------------- */

void ffi_answer_planned(const Shape *s, jf_Callback *cb, void *result, void **args)
{
    const jf_Plan *plan = s->plan;
    jf_Regs regs;
    uint8_t *stack = alloca(plan->stack_size + 16);
    memset(&regs, 0, sizeof regs);
    regs.stack = stack;
    for (uint32_t k = 0; k < s->n_gpr; k++)
        memcpy(&regs.gpr[k], args[k], 8);
    for (uint32_t k = 0; k < s->n_vec; k++)
        memcpy(regs.vec[k], args[s->n_gpr + k], s->args[s->n_gpr + k]->size);
    for (uint32_t k = 0; k < s->n_words; k++)
        memcpy(stack + 8 * (size_t)k, args[s->n_gpr + s->n_vec + k], 8);
    if (plan->sret == JF_SRET_X8)
        regs.gpr[8] = (uintptr_t)result;
    engine_dispatch(cb, &regs);
    if (plan->sret == JF_SRET_GPR0)
        memcpy(result, &regs.ret_gpr[0], 8);
    for (uint32_t k = 0; plan->sret == JF_SRET_NONE && k < plan->result.n; k++) {
        const jf_Piece *p = &plan->pieces[plan->result.first + k];
        memcpy((uint8_t *)result + result_at(s, k), piece_register(&regs, p),
               piece_bytes(p));
    }
}
