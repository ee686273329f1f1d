/* SPDX-License-Identifier: MIT
 *
 * Machine code as text, by Zydis: see disasm.h. Beside the text it follows constants
 * through registers, because emitted code calls by register: `mov rax, <address>;
 * call rax`. Rules: Zydis 4's headers.
 */
#include "engine/disasm.h"

#include "arch/arch.h"

#include <Zydis/Zydis.h>
#include <stdio.h>
#include <string.h>

enum { N_GPR = 16 };

typedef struct Reader {
    uint64_t known[N_GPR]; /* constants in registers ... */
    uint16_t has;          /* ... of which bit n says that register n has one */
} Reader;

static bool is_x64(void)
{
    const jf_Encoder *e = jf_host_encoder();
    return e && e->elf_machine == 62; /* EM_X86_64 */
}

/* Number of the 64-bit register that `r` is, or a part of; -1: none. */
static int gpr_of(ZydisRegister r)
{
    ZydisRegister wide =
        ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r);
    return wide >= ZYDIS_REGISTER_RAX && wide <= ZYDIS_REGISTER_R15
               ? (int)(wide - ZYDIS_REGISTER_RAX)
               : -1;
}

static void branch(const Reader *s, const ZydisDisassembledInstruction *z,
                   jf_Line *l, size_t n)
{
    const ZydisDecodedOperand *to = &z->operands[0];
    bool call = z->info.meta.category == ZYDIS_CATEGORY_CALL;
    if (to->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && to->imm.is_relative) {
        uint64_t target = l->offset + l->size + (uint64_t)to->imm.value.s;
        if (target < n && !call) {
            l->kind = JF_LINE_JUMP;
            l->value = target;
        }
        return;
    }
    int reg = to->type == ZYDIS_OPERAND_TYPE_REGISTER ? gpr_of(to->reg.value) : -1;
    l->kind = JF_LINE_CALL;
    l->is_tail = !call;
    l->value = reg >= 0 && (s->has >> reg & 1) ? s->known[reg] : 0;
}

static void memory(const ZydisDecodedOperand *o, jf_Line *l)
{
    if (o->mem.segment == ZYDIS_REGISTER_FS) {
        l->kind = JF_LINE_THREAD;
    } else if (o->mem.base != ZYDIS_REGISTER_NONE &&
               o->mem.index == ZYDIS_REGISTER_NONE) {
        l->kind = JF_LINE_MEMORY;
        snprintf(l->base, sizeof l->base, "%s",
                 ZydisRegisterGetString(o->mem.base));
    }
    l->value = o->mem.disp.has_displacement ? (uint64_t)o->mem.disp.value : 0;
    l->writes = (o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
}

/* What the instruction leaves in registers. */
static void follow(Reader *s, const ZydisDisassembledInstruction *z, jf_Line *l)
{
    const ZydisDecodedOperand *o = z->operands;
    if (z->info.meta.category == ZYDIS_CATEGORY_CALL) {
        s->has = 0;
        return;
    }
    for (int k = 0; k < z->info.operand_count; k++)
        if (o[k].type == ZYDIS_OPERAND_TYPE_REGISTER &&
            (o[k].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) &&
            gpr_of(o[k].reg.value) >= 0)
            s->has &= (uint16_t) ~(1u << gpr_of(o[k].reg.value));
    bool constant = z->info.mnemonic == ZYDIS_MNEMONIC_MOV &&
                    o[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
                    o[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
    int reg = constant ? gpr_of(o[0].reg.value) : -1;
    if (reg < 0)
        return;
    s->known[reg] = o[0].size == 64 ? o[1].imm.value.u : (uint32_t)o[1].imm.value.u;
    s->has |= (uint16_t)(1u << reg);
    l->kind = JF_LINE_CONST;
    l->value = s->known[reg];
}

static void describe(Reader *s, const ZydisDisassembledInstruction *z, jf_Line *l,
                     size_t n)
{
    switch (z->info.meta.category) {
    case ZYDIS_CATEGORY_CALL:
    case ZYDIS_CATEGORY_COND_BR:
    case ZYDIS_CATEGORY_UNCOND_BR:
        branch(s, z, l, n);
        break;
    default:
        for (int k = 0; k < z->info.operand_count_visible; k++)
            if (z->operands[k].type == ZYDIS_OPERAND_TYPE_MEMORY)
                memory(&z->operands[k], l);
    }
    follow(s, z, l);
}

void jf_disasm(const void *code, size_t n,
               void (*line)(void *ctx, const jf_Line *l), void *ctx)
{
    Reader s = {.has = 0};
    const unsigned char *p = code;
    ZydisDisassembledInstruction z;
    for (size_t at = 0; is_x64() && at < n;) {
        jf_Line l = {.offset = (uint32_t)at, .size = 1};
        /* Offsets, not addresses: jumps read as places in the listing. */
        if (ZYAN_SUCCESS(ZydisDisassembleIntel(ZYDIS_MACHINE_MODE_LONG_64, at,
                                               p + at, n - at, &z))) {
            l.size = z.info.length;
            snprintf(l.text, sizeof l.text, "%s", z.text);
            describe(&s, &z, &l, n);
        } else {
            snprintf(l.text, sizeof l.text, "db 0x%02x", p[at]);
        }
        line(ctx, &l);
        at += l.size;
    }
}

const char *jf_disasm_why_not(void)
{
    return is_x64() ? NULL : "machine code of this CPU is not decoded";
}

const char *jf_disasm_version(void)
{
    static char text[40];
    ZyanU64 v = ZydisGetVersion();
    snprintf(text, sizeof text, "Zydis %u.%u.%u", (unsigned)ZYDIS_VERSION_MAJOR(v),
             (unsigned)ZYDIS_VERSION_MINOR(v), (unsigned)ZYDIS_VERSION_PATCH(v));
    return text;
}
