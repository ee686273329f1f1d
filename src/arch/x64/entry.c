/* SPDX-License-Identifier: MIT
 *
 * C calls in: the universal callback entry, which puts every argument register
 * into a jf_Regs on the stack, and the stub that leads to it. Places in the
 * record are taken by offsetof, never as numbers. Rules: psABI x86-64, 3.2.
 */
#include "arch/x64/thunk.h"

#include "arch/arch.h"
#include "arch/x64/entry.h"
#include "core/base/bits.h"

#define AT(member) x64_at(X_RSP, (int32_t)offsetof(jf_Regs, member))

/* The frame is rbp, then the record: 16-aligned as rsp is after the push. */
jf_Status x64_entry(void (*dispatch)(void *context, jf_Regs *regs), int x87,
                    jf_Buf *out, jf_Diag *d)
{
    JF_ASSERT(x87 >= -1 && x87 <= 2);
    bool vectors = x87 >= 0;
    x64_push(out, X_RBP);
    x64_mov(out, X_RBP, X_RSP);
    x64_alu_imm(out, X_SUB, X_RSP, (int32_t)jf_round_up(sizeof(jf_Regs), 16));
    for (int k = 0; k < X64_N_GPR; k++)
        x64_store(out, AT(gpr[k]), x64_arg_gpr[k], 8);
    for (int k = 0; vectors && k < X64_N_VEC; k++)
        x64_movups_store(out, AT(vec[k][0]), k);
    /* 3.2.2: the first stack argument stands above the return address. */
    x64_lea(out, X_RAX, x64_at(X_RBP, 16));
    x64_store(out, AT(stack), X_RAX, 8);
    x64_mov(out, X_RDI, X_R10);
    x64_mov(out, X_RSI, X_RSP);
    x64_const(out, X_RAX, (uint64_t)(uintptr_t)dispatch);
    x64_call(out, X_RAX);
    x64_load(out, X_RAX, AT(ret_gpr[0]), 8, false);
    x64_load(out, X_RDX, AT(ret_gpr[1]), 8, false);
    if (vectors) {
        x64_movups_load(out, 0, AT(ret_vec[0][0]));
        x64_movups_load(out, 1, AT(ret_vec[1][0]));
    }
    while (x87-- > 0) /* 3.2.3: real part in st0, so it is loaded last */
        x64_fld80(out, AT(ret_x87[x87][0]));
    x64_leave(out);
    x64_ret(out);
    return out->failed ? jf_diag_set(d, JF_NOMEM, "out of memory") : JF_OK;
}

/* mov r10, [rip + words]; jmp [rip + words + 8]; int3 up to the size. The
 * distances count from the end of each instruction. */
void x64_stub(int32_t distance, jf_Buf *out)
{
    size_t start = out->n;
    x64_load_rip(out, X_R10, distance - 7);
    x64_jmp_mem_rip(out, distance + 8 - 13);
    while (!out->failed && out->n < start + X64_STUB_SIZE)
        jf_buf_put(out, "\xcc", 1);
}
