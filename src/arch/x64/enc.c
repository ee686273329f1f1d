/* SPDX-License-Identifier: MIT
 *
 * x86-64 instruction encodings: see enc.h. Instruction formats follow the
 * Intel SDM, volume 2: prefixes (2.1.1), REX (2.2.1), ModRM and SIB (2.1.5).
 */
#include "arch/x64/enc.h"

static void byte(jf_Buf *b, unsigned v)
{
    unsigned char c = (unsigned char)v;
    jf_buf_put(b, &c, 1);
}

static void word32(jf_Buf *b, uint32_t v)
{
    unsigned char c[4] = {(unsigned char)v, (unsigned char)(v >> 8),
                          (unsigned char)(v >> 16), (unsigned char)(v >> 24)};
    jf_buf_put(b, c, 4);
}

static void opcode(jf_Buf *b, unsigned op)
{
    if (op > 0xffff)
        byte(b, op >> 16 & 0xff);
    if (op > 0xff)
        byte(b, op >> 8 & 0xff);
    byte(b, op & 0xff);
}

/* Modifiers of the two general forms below. */
enum { W64 = 1, BYTE_REG = 2, P66 = 4, PF2 = 8, PF3 = 16 };

/* Mandatory prefixes stand before REX, REX right before the opcode (2.2.1). */
static void prefixes(jf_Buf *b, int mods, int reg, int rm, bool rm_is_reg)
{
    if (mods & P66)
        byte(b, 0x66);
    if (mods & PF2)
        byte(b, 0xf2);
    if (mods & PF3)
        byte(b, 0xf3);
    unsigned rex = (mods & W64 ? 8u : 0) | (reg >= 8 ? 4u : 0) | (rm >= 8 ? 1u : 0);
    /* Without REX, byte registers 4..7 mean ah..bh (2.2.1.2). */
    int narrow = rm_is_reg ? rm : reg;
    bool high = (mods & BYTE_REG) && narrow >= 4 && narrow < 8;
    if (rex || high)
        byte(b, 0x40 | rex);
}

/* reg, rm both registers. */
static void op_rr(jf_Buf *b, int mods, unsigned op, int reg, int rm)
{
    prefixes(b, mods, reg, rm, true);
    opcode(b, op);
    byte(b, 0xc0u | (unsigned)(reg & 7) << 3 | (unsigned)(rm & 7));
}

/* reg, [m]. */
static void op_rm(jf_Buf *b, int mods, unsigned op, int reg, X64Mem m)
{
    unsigned r = (unsigned)(reg & 7) << 3;
    if (m.base == X_FS) {
        byte(b, 0x64);
        prefixes(b, mods, reg, 0, false);
        opcode(b, op);
        byte(b, 0x04 | r); /* SIB with neither base nor index: disp32 */
        byte(b, 0x25);
        word32(b, (uint32_t)m.off);
        return;
    }
    prefixes(b, mods, reg, m.base, false);
    opcode(b, op);
    unsigned base = m.base & 7u;
    /* rbp and r13 have no form without displacement (2.1.5, table 2-2). */
    unsigned mod = m.off == 0 && base != X_RBP ? 0u : x64_fits8(m.off) ? 1u : 2u;
    byte(b, mod << 6 | r | base);
    if (base == X_RSP)
        byte(b, 0x24);
    if (mod == 1)
        byte(b, (unsigned)m.off & 0xff);
    else if (mod == 2)
        word32(b, (uint32_t)m.off);
}

/* --- general registers -------------------------------------------------------- */

void x64_mov(jf_Buf *b, int d, int s)
{
    op_rr(b, W64, 0x89, s, d);
}

void x64_mov32(jf_Buf *b, int d, int s)
{
    op_rr(b, 0, 0x89, s, d);
}

void x64_const(jf_Buf *b, int d, uint64_t imm)
{
    if (imm == 0) {
        op_rr(b, 0, 0x31, d, d);
    } else if (imm <= UINT32_MAX) {
        prefixes(b, 0, 0, d, true);
        byte(b, 0xb8u + (unsigned)(d & 7));
        word32(b, (uint32_t)imm);
    } else if (x64_fits32((int64_t)imm)) {
        op_rr(b, W64, 0xc7, 0, d);
        word32(b, (uint32_t)imm);
    } else {
        prefixes(b, W64, 0, d, true);
        byte(b, 0xb8u + (unsigned)(d & 7));
        word32(b, (uint32_t)imm);
        word32(b, (uint32_t)(imm >> 32));
    }
}

void x64_extend(jf_Buf *b, int d, int s, int w, bool sign)
{
    JF_ASSERT(w == 1 || w == 2 || w == 4);
    if (w == 4 && !sign)
        op_rr(b, 0, 0x89, s, d);
    else if (w == 4)
        op_rr(b, W64, 0x63, d, s);
    else if (sign)
        op_rr(b, W64 | (w == 1 ? BYTE_REG : 0), w == 1 ? 0x0fbe : 0x0fbf, d, s);
    else
        op_rr(b, w == 1 ? BYTE_REG : 0, w == 1 ? 0x0fb6 : 0x0fb7, d, s);
}

void x64_load(jf_Buf *b, int d, X64Mem m, int w, bool sign)
{
    JF_ASSERT(w == 1 || w == 2 || w == 4 || w == 8);
    if (w == 8)
        op_rm(b, W64, 0x8b, d, m);
    else if (w == 4)
        op_rm(b, sign ? W64 : 0, sign ? 0x63 : 0x8b, d, m);
    else if (sign)
        op_rm(b, W64, w == 1 ? 0x0fbe : 0x0fbf, d, m);
    else
        op_rm(b, 0, w == 1 ? 0x0fb6 : 0x0fb7, d, m);
}

void x64_load_low(jf_Buf *b, int d, X64Mem m, int w)
{
    JF_ASSERT(w == 1 || w == 2);
    op_rm(b, w == 1 ? BYTE_REG : P66, w == 1 ? 0x8a : 0x8b, d, m);
}

void x64_store(jf_Buf *b, X64Mem m, int s, int w)
{
    JF_ASSERT(w == 1 || w == 2 || w == 4 || w == 8);
    int mods = w == 8 ? W64 : w == 2 ? P66 : w == 1 ? BYTE_REG : 0;
    op_rm(b, mods, w == 1 ? 0x88 : 0x89, s, m);
}

void x64_store_imm(jf_Buf *b, X64Mem m, int32_t imm, int w)
{
    int mods = w == 8 ? W64 : w == 2 ? P66 : 0;
    op_rm(b, mods, w == 1 ? 0xc6 : 0xc7, 0, m);
    if (w == 1) {
        byte(b, (unsigned)imm & 0xff);
    } else if (w == 2) {
        byte(b, (unsigned)imm & 0xff);
        byte(b, (unsigned)imm >> 8 & 0xff);
    } else {
        word32(b, (uint32_t)imm);
    }
}

void x64_lea(jf_Buf *b, int d, X64Mem m)
{
    JF_ASSERT(m.base != X_FS);
    op_rm(b, W64, 0x8d, d, m);
}

void x64_alu(jf_Buf *b, X64Alu op, int d, int s)
{
    op_rr(b, W64, (unsigned)op << 3 | 1, s, d);
}

void x64_alu_imm(jf_Buf *b, X64Alu op, int d, int32_t imm)
{
    if (x64_fits8(imm)) {
        op_rr(b, W64, 0x83, (int)op, d);
        byte(b, (unsigned)imm & 0xff);
    } else {
        op_rr(b, W64, 0x81, (int)op, d);
        word32(b, (uint32_t)imm);
    }
}

void x64_alu_mem(jf_Buf *b, X64Alu op, int d, X64Mem m)
{
    op_rm(b, W64, (unsigned)op << 3 | 3, d, m);
}

void x64_alu_to_mem(jf_Buf *b, X64Alu op, X64Mem m, int s)
{
    op_rm(b, W64, (unsigned)op << 3 | 1, s, m);
}

void x64_cmp_mem(jf_Buf *b, X64Mem m, int s)
{
    x64_alu_to_mem(b, X_CMP, m, s);
}

void x64_alu_mem_imm(jf_Buf *b, X64Alu op, X64Mem m, int32_t imm)
{
    op_rm(b, W64, x64_fits8(imm) ? 0x83 : 0x81, (int)op, m);
    if (x64_fits8(imm))
        byte(b, (unsigned)imm & 0xff);
    else
        word32(b, (uint32_t)imm);
}

void x64_test(jf_Buf *b, int d, int s)
{
    op_rr(b, W64, 0x85, s, d);
}

void x64_imul(jf_Buf *b, int d, int s)
{
    op_rr(b, W64, 0x0faf, d, s);
}

void x64_imul_imm(jf_Buf *b, int d, int32_t imm)
{
    op_rr(b, W64, x64_fits8(imm) ? 0x6b : 0x69, d, d);
    if (x64_fits8(imm))
        byte(b, (unsigned)imm & 0xff);
    else
        word32(b, (uint32_t)imm);
}

void x64_shift(jf_Buf *b, X64Shift op, int d, int count)
{
    JF_ASSERT(count >= 0 && count < 64);
    op_rr(b, W64, 0xc1, (int)op, d);
    byte(b, (unsigned)count);
}

void x64_shift_cl(jf_Buf *b, X64Shift op, int d)
{
    op_rr(b, W64, 0xd3, (int)op, d);
}

void x64_sign_rdx(jf_Buf *b, int w)
{
    prefixes(b, w == 8 ? W64 : 0, 0, 0, true);
    byte(b, 0x99);
}

void x64_div(jf_Buf *b, int s, int w, bool sign)
{
    op_rr(b, w == 8 ? W64 : 0, 0xf7, sign ? 7 : 6, s);
}

void x64_push(jf_Buf *b, int r)
{
    prefixes(b, 0, 0, r, true);
    byte(b, 0x50u + (unsigned)(r & 7));
}

void x64_pop(jf_Buf *b, int r)
{
    prefixes(b, 0, 0, r, true);
    byte(b, 0x58u + (unsigned)(r & 7));
}

void x64_ret(jf_Buf *b)
{
    byte(b, 0xc3);
}

void x64_leave(jf_Buf *b)
{
    byte(b, 0xc9);
}

void x64_call(jf_Buf *b, int r)
{
    op_rr(b, 0, 0xff, 2, r);
}

void x64_call_mem(jf_Buf *b, X64Mem m)
{
    op_rm(b, 0, 0xff, 2, m);
}

void x64_jmp_reg(jf_Buf *b, int r)
{
    op_rr(b, 0, 0xff, 4, r);
}

/* ModRM 00 xxx 101 is rip-relative, counted from the next instruction (2.2.1.6). */
void x64_jmp_mem_rip(jf_Buf *b, int32_t disp)
{
    byte(b, 0xff);
    byte(b, 0x25);
    word32(b, (uint32_t)disp);
}

void x64_load_rip(jf_Buf *b, int d, int32_t disp)
{
    prefixes(b, W64, d, 0, false);
    byte(b, 0x8b);
    byte(b, 0x05u | (unsigned)(d & 7) << 3);
    word32(b, (uint32_t)disp);
}

void x64_rep_movsb(jf_Buf *b)
{
    byte(b, 0xf3);
    byte(b, 0xa4);
}

/* SDM volume 2B, NOP, table 4-12. */
void x64_nop(jf_Buf *b, int bytes)
{
    static const unsigned char forms[9][9] = {
        {0x90},
        {0x66, 0x90},
        {0x0f, 0x1f, 0x00},
        {0x0f, 0x1f, 0x40},
        {0x0f, 0x1f, 0x44},
        {0x66, 0x0f, 0x1f, 0x44},
        {0x0f, 0x1f, 0x80},
        {0x0f, 0x1f, 0x84},
        {0x66, 0x0f, 0x1f, 0x84},
    };
    JF_ASSERT(bytes >= 1 && bytes <= 9);
    jf_buf_put(b, forms[bytes - 1], (size_t)bytes);
}

size_t x64_nop_distance(jf_Buf *b)
{
    static const unsigned char head[3] = {0x0f, 0x1f,
                                          0x80}; /* nop [rax + disp32] */
    jf_buf_put(b, head, sizeof head);
    size_t at = b->n;
    word32(b, 0);
    return at;
}

size_t x64_jmp(jf_Buf *b, bool is_short)
{
    byte(b, is_short ? 0xeb : 0xe9);
    size_t at = b->n;
    if (is_short)
        byte(b, 0);
    else
        word32(b, 0);
    return at;
}

size_t x64_jcc(jf_Buf *b, X64Cc cc, bool is_short)
{
    if (is_short) {
        byte(b, 0x70u | (unsigned)cc);
    } else {
        byte(b, 0x0f);
        byte(b, 0x80u | (unsigned)cc);
    }
    size_t at = b->n;
    if (is_short)
        byte(b, 0);
    else
        word32(b, 0);
    return at;
}

void x64_patch(jf_Buf *b, size_t at, bool is_short, size_t target)
{
    if (b->failed)
        return;
    int64_t d = (int64_t)target - (int64_t)(at + (is_short ? 1 : 4));
    JF_ASSERT(is_short ? x64_fits8(d) : x64_fits32(d));
    for (int i = 0; i < (is_short ? 1 : 4); i++)
        b->p[at + (size_t)i] = (char)(d >> (8 * i) & 0xff);
}

/* --- vector registers ---------------------------------------------------------- */

void x64_movaps(jf_Buf *b, int d, int s)
{
    op_rr(b, 0, 0x0f28, d, s);
}

void x64_movups_load(jf_Buf *b, int d, X64Mem m)
{
    op_rm(b, 0, 0x0f10, d, m);
}

void x64_movups_store(jf_Buf *b, X64Mem m, int s)
{
    op_rm(b, 0, 0x0f11, s, m);
}

void x64_movq_load(jf_Buf *b, int d, X64Mem m)
{
    op_rm(b, PF3, 0x0f7e, d, m);
}

void x64_movq_store(jf_Buf *b, X64Mem m, int s)
{
    op_rm(b, P66, 0x0fd6, s, m);
}

void x64_movd_load(jf_Buf *b, int d, X64Mem m)
{
    op_rm(b, P66, 0x0f6e, d, m);
}

void x64_movd_store(jf_Buf *b, X64Mem m, int s)
{
    op_rm(b, P66, 0x0f7e, s, m);
}

void x64_movq_to(jf_Buf *b, int d, int s)
{
    op_rr(b, P66 | W64, 0x0f6e, d, s);
}

void x64_movq_from(jf_Buf *b, int d, int s)
{
    op_rr(b, P66 | W64, 0x0f7e, s, d);
}

void x64_pinsrw(jf_Buf *b, int d, X64Mem m, int word)
{
    op_rm(b, P66, 0x0fc4, d, m);
    byte(b, (unsigned)word);
}

void x64_pextrw(jf_Buf *b, int d, int s, int word)
{
    op_rr(b, P66, 0x0fc5, d, s);
    byte(b, (unsigned)word);
}

void x64_pxor(jf_Buf *b, int d, int s)
{
    op_rr(b, P66, 0x0fef, d, s);
}

void x64_psrldq(jf_Buf *b, int d, int bytes)
{
    op_rr(b, P66, 0x0f73, 3, d);
    byte(b, (unsigned)bytes);
}

void x64_cvt(jf_Buf *b, int d, int s, int to)
{
    op_rr(b, to == 4 ? PF2 : PF3, 0x0f5a, d, s);
}

void x64_sse(jf_Buf *b, X64Sse op, int d, int s, int w)
{
    op_rr(b, w == 4 ? PF3 : PF2, 0x0f00u | (unsigned)op, d, s);
}

void x64_ucomis(jf_Buf *b, int d, int s, int w)
{
    op_rr(b, w == 4 ? 0 : P66, 0x0f2e, d, s);
}

void x64_cvt_int(jf_Buf *b, int d, int s, int w)
{
    op_rr(b, W64 | (w == 4 ? PF3 : PF2), 0x0f2a, d, s);
}

void x64_cvt_trunc(jf_Buf *b, int d, int s, int w)
{
    op_rr(b, W64 | (w == 4 ? PF3 : PF2), 0x0f2c, d, s);
}

void x64_pcmpeqd(jf_Buf *b, int d, int s)
{
    op_rr(b, P66, 0x0f76, d, s);
}

void x64_psll(jf_Buf *b, int d, int bits, int w)
{
    op_rr(b, P66, w == 4 ? 0x0f72 : 0x0f73, 6, d);
    byte(b, (unsigned)bits);
}

/* --- x87 ----------------------------------------------------------------------- */

void x64_fld80(jf_Buf *b, X64Mem m)
{
    op_rm(b, 0, 0xdb, 5, m);
}

void x64_fstp80(jf_Buf *b, X64Mem m)
{
    op_rm(b, 0, 0xdb, 7, m);
}
