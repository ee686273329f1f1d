/* SPDX-License-Identifier: MIT
 *
 * Call frame information for debuggers: where the caller's registers are at every
 * single instruction of a block, prologue and exits included. (The unwinder of the
 * run-time library only ever sees blocks at their calls; what it gets, unwind.c
 * writes.) The format is the LSB's .eh_frame with the DWARF 4 call frame
 * instructions of section 6.4.2.
 */
#include "exec/inner.h"

#include <string.h>

enum {
    CFA_ADVANCE = 0x40, /* low six bits: bytes */
    CFA_ADVANCE4 = 0x04,
    CFA_OFFSET = 0x80,  /* low six bits: register */
    CFA_RESTORE = 0xc0, /* low six bits: register */
    CFA_REMEMBER_STATE = 0x0a,
    CFA_RESTORE_STATE = 0x0b,
    CFA_DEF_CFA = 0x0c,
    CFA_DEF_CFA_REGISTER = 0x0d,
    CFA_DEF_CFA_OFFSET = 0x0e,
    DATA_ALIGN = 0x78 /* -8 as SLEB128 */
};

static void byte(jf_Buf *b, unsigned v)
{
    unsigned char c = (unsigned char)v;
    jf_buf_put(b, &c, 1);
}

static void word32(jf_Buf *b, uint32_t v)
{
    jf_buf_put(b, &v, 4);
}

static void two(jf_Buf *b, unsigned op, unsigned operand)
{
    byte(b, op);
    byte(b, operand);
}

static void advance(jf_Buf *b, uint32_t bytes)
{
    if (bytes < 64) {
        byte(b, CFA_ADVANCE | bytes);
    } else {
        byte(b, CFA_ADVANCE4);
        word32(b, bytes);
    }
}

static void def_cfa(jf_Buf *b, unsigned reg, unsigned offset)
{
    byte(b, CFA_DEF_CFA);
    two(b, reg, offset);
}

/* Fill up with DW_CFA_nop (0) to a multiple of 8 and set the length word. */
static void record_end(jf_Buf *b, size_t start)
{
    while (!b->failed && (b->n - start) % 8 != 0)
        byte(b, 0);
    if (!b->failed) {
        uint32_t length = (uint32_t)(b->n - start - 4);
        memcpy(b->p + start, &length, 4);
    }
}

void exec_frames_begin(jf_Buf *out, size_t *cie)
{
    *cie = out->n;
    word32(out, 0); /* length, set below */
    word32(out, 0); /* a CIE */
    byte(out, 1);   /* version */
    byte(out, 0);   /* no augmentation: addresses are absolute */
    byte(out, 1);   /* code alignment */
    byte(out, DATA_ALIGN);
    byte(out, exec_cpu->return_reg);
    def_cfa(out, exec_cpu->stack_reg, 8); /* as at a function's first byte */
    two(out, CFA_OFFSET | exec_cpu->return_reg, 1);
    record_end(out, *cie);
}

static size_t fde_begin(jf_Buf *out, size_t cie, const void *at, size_t size)
{
    size_t fde = out->n;
    uint64_t start = (uint64_t)(uintptr_t)at, length = size;
    word32(out, 0);
    word32(out, (uint32_t)(out->n - cie)); /* back to the CIE */
    jf_buf_put(out, &start, 8);
    jf_buf_put(out, &length, 8);
    return fde;
}

void exec_frames_plain(jf_Buf *out, size_t cie, const void *at, size_t size)
{
    record_end(out, fde_begin(out, cie, at, size));
}

/* Each push is a step: the register's old value is on the stack after it. push rbp is
 * one byte, mov rbp, rsp three; pushes of r8 and up have a prefix. */
static uint32_t prologue(jf_Buf *b, uint32_t saved)
{
    uint32_t at = 4;
    advance(b, 1);
    two(b, CFA_DEF_CFA_OFFSET, 16);
    two(b, CFA_OFFSET | exec_cpu->frame_reg, 2);
    advance(b, 3);
    two(b, CFA_DEF_CFA_REGISTER, exec_cpu->frame_reg);
    for (uint32_t k = 0; k < saved; k++) {
        unsigned reg = exec_cpu->saved_regs[k], push = reg < 8 ? 1 : 2;
        advance(b, push);
        at += push;
        two(b, CFA_OFFSET | reg, 3 + k);
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
        byte(out, CFA_REMEMBER_STATE);
        advance(out, exit[0] - at);
        def_cfa(out, exec_cpu->stack_reg, 8);
        byte(out, CFA_RESTORE | exec_cpu->frame_reg);
        for (uint32_t r = 0; r < b->frame.saved; r++)
            byte(out, CFA_RESTORE | exec_cpu->saved_regs[r]);
        advance(out, exit[1] - exit[0]);
        byte(out, CFA_RESTORE_STATE);
        at = exit[1];
    }
    record_end(out, fde);
}

void exec_frames_end(jf_Buf *out)
{
    word32(out, 0);
}
