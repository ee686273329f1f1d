/* SPDX-License-Identifier: MIT
 *
 * Function type + target -> plan. The conventions themselves stand in
 * src/arch/<arch>/abi_<name>.c, one file each; this room lays the types out,
 * picks the convention and gives it a classified view of each value.
 */
#ifndef JF_ABI_ABI_H
#define JF_ABI_ABI_H

#include "core/base/diag.h"
#include "core/plan/plan.h"
#include "core/type/type.h"

/* Plan a call of FUNC type `fn` with `n_extra` more arguments of the given
 * types behind `...` (already promoted; NULL when not variadic). One block,
 * owned by the caller, freed by jf_free.
 *   JF_INCOMPLETE   a parameter or result whose size is unknown
 *   JF_UNSUPPORTED  the target has no convention here, or none for this type */
jf_Status jf_plan_make(const jf_Target *target, const jf_Type *fn,
                       jf_Type *const *extra, uint32_t n_extra,
                       jf_Plan **plan, jf_Diag *d);

/* Values between the slots block and the registers, as the plan says. Used by
 * callbacks and by the fallback; thunks do the same in machine code. `ret` is
 * the result's memory (result.size bytes, or NULL for void). For indirect
 * values pack stores the address of the value in `slots` (the copy is the slot
 * itself) and unpack copies the value out. regs->stack must be set. */
void jf_plan_pack_args(const jf_Plan *p, const void *slots, void *sret,
                       jf_Regs *regs);
void jf_plan_unpack_args(const jf_Plan *p, const jf_Regs *regs, void *slots);
void jf_plan_pack_result(const jf_Plan *p, const void *ret, jf_Regs *regs);
void jf_plan_unpack_result(const jf_Plan *p, const jf_Regs *regs, void *ret);

/* Callbacks: where the caller wants a result that goes through memory; NULL
 * when it comes in registers. */
void *jf_plan_sret_address(const jf_Plan *p, const jf_Regs *regs);

/* Where a value of the plan goes, for people: "rdi", "xmm0", "stack+8" (from the stack
 * pointer at the call), "rax (bytes 0 to 7), xmm0 (bytes 8 to 15)", "nowhere". */
void jf_plan_where(const jf_Plan *p, const jf_PlanValue *v, bool result,
                   jf_Buf *out);
/* One line per value, for tests: "arg 0 slot 0: rdi[0..3] sign". */
void jf_plan_print(const jf_Plan *p, const jf_Target *target, jf_Buf *out);

#endif
