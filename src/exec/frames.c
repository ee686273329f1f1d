/* SPDX-License-Identifier: MIT
 *
 * Call frame information for debuggers: where the caller's registers are at every
 * single instruction of a block, prologue and exits included. (The unwinder of the
 * run-time library only ever sees blocks at their calls; what it gets, unwind.c
 * writes.) The format is the LSB's .eh_frame with the DWARF 4 call frame
 * instructions of section 6.4.2.
 */
#include "exec/dwarf.h"
#include "exec/inner.h"

#include <string.h>

static void advance(jf_Buf *b, uint32_t bytes)
{
    if (bytes < 64) {
        dwarf_byte(b, CFA_ADVANCE | bytes);
    } else {
        dwarf_byte(b, CFA_ADVANCE4);
        dwarf_word(b, bytes);
    }
}

void exec_frames_begin(jf_Buf *out, size_t *cie)
{
    *cie = out->n;
    dwarf_word(out, 0); /* length, set below */
    dwarf_word(out, 0); /* a CIE */
    dwarf_byte(out, 1); /* version */
    dwarf_byte(out, 0); /* no augmentation: addresses are absolute */
    dwarf_byte(out, 1); /* code alignment */
    dwarf_byte(out, DATA_ALIGN);
    dwarf_byte(out, exec_cpu->return_reg);
    dwarf_def_cfa(out, exec_cpu->stack_reg, 8); /* as at a function's first byte */
    dwarf_two(out, CFA_OFFSET | exec_cpu->return_reg, 1);
    dwarf_end(out, *cie);
}

static size_t fde_begin(jf_Buf *out, size_t cie, const void *at, size_t size)
{
    size_t fde = out->n;
    uint64_t start = (uint64_t)(uintptr_t)at, length = size;
    dwarf_word(out, 0);
    dwarf_word(out, (uint32_t)(out->n - cie)); /* back to the CIE */
    jf_buf_put(out, &start, 8);
    jf_buf_put(out, &length, 8);
    return fde;
}

void exec_frames_plain(jf_Buf *out, size_t cie, const void *at, size_t size)
{
    dwarf_end(out, fde_begin(out, cie, at, size));
}

/* Each push is a step: the register's old value is on the stack after it. push rbp is
 * one byte, mov rbp, rsp three; pushes of r8 and up have a prefix. */
static uint32_t prologue(jf_Buf *b, uint32_t saved)
{
    uint32_t at = 4;
    advance(b, 1);
    dwarf_two(b, CFA_DEF_CFA_OFFSET, 16);
    dwarf_two(b, CFA_OFFSET | exec_cpu->frame_reg, 2);
    advance(b, 3);
    dwarf_two(b, CFA_DEF_CFA_REGISTER, exec_cpu->frame_reg);
    for (uint32_t k = 0; k < saved; k++) {
        unsigned reg = exec_cpu->saved_regs[k], push = reg < 8 ? 1 : 2;
        advance(b, push);
        at += push;
        dwarf_two(b, CFA_OFFSET | reg, 3 + k);
    }
    return at;
}

void exec_frames_block(jf_Buf *out, size_t cie, const Block *b)
{
    size_t fde = fde_begin(out, cie, b->pub.entry, b->pub.size);
    uint32_t at = prologue(out, b->frame.saved);
    for (uint32_t k = 0; k < b->frame.n_exits; k++) {
        const uint32_t *exit = b->frame.exits + 2 * k;
        if (exit[0] < at || exit[1] < exit[0])
            break; /* not ascending: nothing more is known */
        dwarf_byte(out, CFA_REMEMBER_STATE);
        advance(out, exit[0] - at);
        dwarf_def_cfa(out, exec_cpu->stack_reg, 8);
        dwarf_byte(out, CFA_RESTORE | exec_cpu->frame_reg);
        for (uint32_t r = 0; r < b->frame.saved; r++)
            dwarf_byte(out, CFA_RESTORE | exec_cpu->saved_regs[r]);
        advance(out, exit[1] - exit[0]);
        dwarf_byte(out, CFA_RESTORE_STATE);
        at = exit[1];
    }
    dwarf_end(out, fde);
}

void exec_frames_end(jf_Buf *out)
{
    dwarf_word(out, 0);
}
