/* SPDX-License-Identifier: MIT
 *
 * x86-64 instructions as named functions: each appends the bytes of one
 * instruction. Knows encodings (Intel SDM volume 2, chapters 2 and 3-5),
 * refuses to know what they are used for.
 */
#ifndef JF_ARCH_X64_ENC_H
#define JF_ARCH_X64_ENC_H

#include "core/base/mem.h"

/* General registers by hardware number. */
typedef enum X64Reg {
    X_RAX, X_RCX, X_RDX, X_RBX, X_RSP, X_RBP, X_RSI, X_RDI,
    X_R8, X_R9, X_R10, X_R11, X_R12, X_R13, X_R14, X_R15,
    X_FS /* as a base only: the thread's own block, absolute displacement */
} X64Reg;

typedef struct X64Mem {
    uint8_t base; /* X64Reg, or X_FS */
    int32_t off;
} X64Mem;

static inline X64Mem x64_at(int base, int32_t off)
{
    X64Mem m = {(uint8_t)base, off};
    return m;
}

/* The /n of the classic two-operand group. */
typedef enum X64Alu {
    X_ADD = 0, X_OR = 1, X_AND = 4, X_SUB = 5, X_XOR = 6, X_CMP = 7
} X64Alu;

/* The /n of the shift group. */
typedef enum X64Shift { X_SHL = 4, X_SHR = 5, X_SAR = 7 } X64Shift;

/* Low four bits of Jcc. */
typedef enum X64Cc {
    X_CC_B = 2, X_CC_AE = 3, X_CC_E = 4, X_CC_NE = 5, X_CC_BE = 6, X_CC_A = 7,
    X_CC_P = 10, X_CC_NP = 11,
    X_CC_L = 12, X_CC_GE = 13, X_CC_LE = 14, X_CC_G = 15
} X64Cc;

static inline bool x64_fits8(int64_t v)
{
    return v >= -128 && v <= 127;
}
static inline bool x64_fits32(int64_t v)
{
    return v >= INT32_MIN && v <= INT32_MAX;
}

/* --- general registers; 64 bits wide unless said otherwise -------------------- */

void x64_mov(jf_Buf *b, int d, int s);
void x64_mov32(jf_Buf *b, int d, int s); /* upper half becomes zero */
void x64_const(jf_Buf *b, int d, uint64_t imm); /* shortest form; flags undefined */
void x64_extend(jf_Buf *b, int d, int s, int w, bool sign); /* w 1, 2, 4 */
void x64_load(jf_Buf *b, int d, X64Mem m, int w, bool sign);
void x64_load_low(jf_Buf *b, int d, X64Mem m, int w); /* w 1, 2: rest is kept */
void x64_store(jf_Buf *b, X64Mem m, int s, int w);
void x64_store_imm(jf_Buf *b, X64Mem m, int32_t imm, int w); /* 8: sign-extended */
void x64_lea(jf_Buf *b, int d, X64Mem m); /* base not X_FS */
void x64_alu(jf_Buf *b, X64Alu op, int d, int s);
void x64_alu_imm(jf_Buf *b, X64Alu op, int d, int32_t imm);
void x64_alu_mem(jf_Buf *b, X64Alu op, int d, X64Mem m);
void x64_alu_to_mem(jf_Buf *b, X64Alu op, X64Mem m, int s); /* [m] = [m] op s */
void x64_cmp_mem(jf_Buf *b, X64Mem m, int s);            /* [m] against s */
void x64_alu_mem_imm(jf_Buf *b, X64Alu op, X64Mem m, int32_t imm);
void x64_test(jf_Buf *b, int d, int s);
void x64_imul(jf_Buf *b, int d, int s);
void x64_imul_imm(jf_Buf *b, int d, int32_t imm);
void x64_shift(jf_Buf *b, X64Shift op, int d, int count);
void x64_shift_cl(jf_Buf *b, X64Shift op, int d);       /* by cl */
/* w 4, 8: the sign of rax into all of rdx, and rdx:rax / s, rest to rdx */
void x64_sign_rdx(jf_Buf *b, int w);
void x64_div(jf_Buf *b, int s, int w, bool sign);
void x64_push(jf_Buf *b, int r);
void x64_pop(jf_Buf *b, int r);
void x64_ret(jf_Buf *b);
void x64_leave(jf_Buf *b);
void x64_call(jf_Buf *b, int r);
void x64_call_mem(jf_Buf *b, X64Mem m);
void x64_jmp_reg(jf_Buf *b, int r);
void x64_jmp_mem_rip(jf_Buf *b, int32_t disp);          /* jmp [rip + disp] */
void x64_load_rip(jf_Buf *b, int d, int32_t disp);      /* mov d, [rip + disp] */
void x64_rep_movsb(jf_Buf *b);
void x64_nop(jf_Buf *b, int bytes); /* 1 to 9 in one instruction */
/* One of 7 bytes that ends in a distance, as a long jump does: see x64_patch. */
size_t x64_nop_distance(jf_Buf *b);

/* Jumps with room for the distance; the return value is the place of the
 * distance, which x64_patch fills once the target is known. */
size_t x64_jmp(jf_Buf *b, bool is_short);
size_t x64_jcc(jf_Buf *b, X64Cc cc, bool is_short);
void x64_patch(jf_Buf *b, size_t at, bool is_short, size_t target);

/* --- vector registers ----------------------------------------------------------- */

void x64_movaps(jf_Buf *b, int d, int s);
void x64_movups_load(jf_Buf *b, int d, X64Mem m);
void x64_movups_store(jf_Buf *b, X64Mem m, int s);
void x64_movq_load(jf_Buf *b, int d, X64Mem m);   /* 8 bytes, rest zero */
void x64_movq_store(jf_Buf *b, X64Mem m, int s);
void x64_movd_load(jf_Buf *b, int d, X64Mem m);   /* 4 bytes, rest zero */
void x64_movd_store(jf_Buf *b, X64Mem m, int s);
void x64_movq_to(jf_Buf *b, int d, int s);        /* xmm d = general s */
void x64_movq_from(jf_Buf *b, int d, int s);      /* general d = xmm s */
void x64_pinsrw(jf_Buf *b, int d, X64Mem m, int word);
void x64_pextrw(jf_Buf *b, int d, int s, int word); /* general d, zero-extended */
void x64_pxor(jf_Buf *b, int d, int s);
void x64_psrldq(jf_Buf *b, int d, int bytes);
void x64_cvt(jf_Buf *b, int d, int s, int to);    /* to 4: sd to ss; 8: ss to sd */

/* Scalars of w 4 or 8 bytes. */
typedef enum X64Sse {
    X_ADDS = 0x58, X_MULS = 0x59, X_SUBS = 0x5c, X_DIVS = 0x5e
} X64Sse;
void x64_sse(jf_Buf *b, X64Sse op, int d, int s, int w);
void x64_ucomis(jf_Buf *b, int d, int s, int w);
void x64_cvt_int(jf_Buf *b, int d, int s, int w);   /* xmm d = general s */
void x64_cvt_trunc(jf_Buf *b, int d, int s, int w); /* general d = xmm s */
void x64_pcmpeqd(jf_Buf *b, int d, int s);
void x64_psll(jf_Buf *b, int d, int bits, int w);   /* each w bytes of d */

/* --- x87 ------------------------------------------------------------------------ */

void x64_fld80(jf_Buf *b, X64Mem m);
void x64_fstp80(jf_Buf *b, X64Mem m);

#endif
