/* SPDX-License-Identifier: MIT
 *
 * What .eh_frame is written with: the LSB's records, the DWARF 4 call frame
 * instructions of section 6.4.2. For unwind.c and frames.c.
 */
#ifndef JF_EXEC_DWARF_H
#define JF_EXEC_DWARF_H

#include "core/base/mem.h"

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
    DATA_ALIGN = 0x78, /* -8 as SLEB128 */
    DW_EH_ABSPTR = 0
};

static inline void dwarf_byte(jf_Buf *b, unsigned v)
{
    unsigned char c = (unsigned char)v;
    jf_buf_put(b, &c, 1);
}

static inline void dwarf_two(jf_Buf *b, unsigned op, unsigned operand)
{
    dwarf_byte(b, op);
    dwarf_byte(b, operand);
}

static inline void dwarf_word(jf_Buf *b, uint32_t v)
{
    jf_buf_put(b, &v, 4);
}

static inline void dwarf_def_cfa(jf_Buf *b, unsigned reg, unsigned offset)
{
    dwarf_byte(b, CFA_DEF_CFA);
    dwarf_two(b, reg, offset);
}

/* Fill up with DW_CFA_nop (0) to a multiple of 8 and set the length word. */
static inline void dwarf_end(jf_Buf *b, size_t start)
{
    while (!b->failed && (b->n - start) % 8 != 0)
        dwarf_byte(b, 0);
    if (!b->failed) {
        uint32_t length = (uint32_t)(b->n - start - 4);
        memcpy(b->p + start, &length, 4);
    }
}

#endif
