/* SPDX-License-Identifier: MIT
 *
 * The encoders: recipe + plan to bytes. An encoder never sees a type, never
 * allocates executable memory, and runs on every host (its bytes only on its
 * own). No host tests here: arch/host.c says which one fits this CPU.
 */
#ifndef JF_ARCH_ARCH_H
#define JF_ARCH_ARCH_H

#include "core/base/diag.h"
#include "core/plan/recipe.h"

typedef struct jf_Encoder {
    const char *name; /* "x86-64 SysV" */
    uint8_t abi;      /* jf_Abi whose plans it encodes */

    /* Append the machine code of the recipe to `out`; `plan` may be NULL when
     * the recipe has no PLACE and no FOREIGN. Position-independent.
     * `*saved` receives the number of callee-saved registers the prologue
     * keeps: with it exec finds the unwind record that fits the frame. `exits`
     * (NULL: nobody asks) receives two uint32_t per way out, ascending, counted
     * from the thunk's first byte: where the frame is gone, and the byte behind
     * the jump that follows.
     * JF_NOMEM, or JF_UNSUPPORTED with a sentence. */
    jf_Status (*thunk)(const jf_Recipe *r, const jf_Plan *plan, jf_Buf *out,
                       uint32_t *saved, jf_Buf *exits, jf_Diag *d);

    /* Append the universal callback entry: saves the argument registers into a
     * jf_Regs on the stack, calls `dispatch(context, regs)` with the context
     * found in the static-chain register, reloads the result registers from
     * it. `x87`: how many x87 results are loaded (0, 1, 2); -1: vector
     * registers are left alone as well, for integers and pointers only. It keeps no
     * callee-saved registers, and ends in `exit_size` bytes without a frame. */
    jf_Status (*entry)(void (*dispatch)(void *context, jf_Regs *regs), int x87,
                       jf_Buf *out, jf_Diag *d);

    /* Append one callback stub whose two words lie `distance` bytes after the
     * stub's first byte. Exactly `stub_size` bytes. */
    void (*stub)(int32_t distance, jf_Buf *out);
    uint32_t stub_size;
    uint32_t exit_size;

    /* For exec: what describes this CPU's frames. Registers are DWARF's. */
    uint8_t trap;          /* a byte that stops whoever runs it */
    uint8_t frame_reg;
    uint8_t return_reg;
    uint8_t stack_reg;
    uint8_t saved_regs[4]; /* in the order of the prologue's pushes */
    uint16_t elf_machine;
} jf_Encoder;

extern const jf_Encoder jf_encoder_x64_sysv;

/* The encoder for the CPU and system this was compiled for; NULL: none. */
const jf_Encoder *jf_host_encoder(void);
/* The target of this process; NULL: one whose rules are not known. */
const struct jf_Target *jf_host_target(void);

#endif
