/* SPDX-License-Identifier: MIT
 *
 * x86-64 by Zydis: what an instruction does to the way and to the stack. Allowed is
 * what is known to compute, load or store and nothing else: whole categories where
 * all of one are so, single mnemonics where not. An instruction that is new to the
 * list is not proved, whatever it is. Encodings: Intel SDM volume 2.
 */
#include "proof/inner.h"

#include <Zydis/Zydis.h>

static const char not_sure[] = "has an instruction that jiffi is not sure of";

/* --- what may be in a function ----------------------------------------------------- */

/* Categories of which every instruction computes, loads or stores. */
static bool plain_category(ZydisInstructionCategory c)
{
    switch (c) {
    case ZYDIS_CATEGORY_ADOX_ADCX:
    case ZYDIS_CATEGORY_AES:
    case ZYDIS_CATEGORY_AVX:
    case ZYDIS_CATEGORY_AVX2:
    case ZYDIS_CATEGORY_AVX2GATHER:
    case ZYDIS_CATEGORY_AVX512:
    case ZYDIS_CATEGORY_AVX512_BITALG:
    case ZYDIS_CATEGORY_AVX512_VBMI:
    case ZYDIS_CATEGORY_AVX512_VP2INTERSECT:
    case ZYDIS_CATEGORY_BINARY:
    case ZYDIS_CATEGORY_BITBYTE:
    case ZYDIS_CATEGORY_BLEND:
    case ZYDIS_CATEGORY_BMI1:
    case ZYDIS_CATEGORY_BMI2:
    case ZYDIS_CATEGORY_BROADCAST:
    case ZYDIS_CATEGORY_CMOV:
    case ZYDIS_CATEGORY_COMPRESS:
    case ZYDIS_CATEGORY_CONFLICT:
    case ZYDIS_CATEGORY_CONVERT:
    case ZYDIS_CATEGORY_EXPAND:
    case ZYDIS_CATEGORY_FCMOV:
    case ZYDIS_CATEGORY_FMA4:
    case ZYDIS_CATEGORY_FP16:
    case ZYDIS_CATEGORY_GATHER:
    case ZYDIS_CATEGORY_GFNI:
    case ZYDIS_CATEGORY_IFMA:
    case ZYDIS_CATEGORY_KMASK:
    case ZYDIS_CATEGORY_LOGICAL:
    case ZYDIS_CATEGORY_LOGICAL_FP:
    case ZYDIS_CATEGORY_LZCNT:
    case ZYDIS_CATEGORY_MMX:
    case ZYDIS_CATEGORY_NOP:
    case ZYDIS_CATEGORY_PCLMULQDQ:
    case ZYDIS_CATEGORY_PREFETCH:
    case ZYDIS_CATEGORY_ROTATE:
    case ZYDIS_CATEGORY_SCATTER:
    case ZYDIS_CATEGORY_SETCC:
    case ZYDIS_CATEGORY_SHA:
    case ZYDIS_CATEGORY_SHIFT:
    case ZYDIS_CATEGORY_SSE:
    case ZYDIS_CATEGORY_STTNI:
    case ZYDIS_CATEGORY_TBM:
    case ZYDIS_CATEGORY_VAES:
    case ZYDIS_CATEGORY_VBMI2:
    case ZYDIS_CATEGORY_VEX:
    case ZYDIS_CATEGORY_VFMA:
    case ZYDIS_CATEGORY_VPCLMULQDQ:
    case ZYDIS_CATEGORY_WIDENOP:
    case ZYDIS_CATEGORY_X87_ALU:
    case ZYDIS_CATEGORY_XOP:
        return true;
    default:
        return false;
    }
}

/* But for these, which change the state of the whole unit. */
static bool is_state(ZydisMnemonic m)
{
    return m == ZYDIS_MNEMONIC_FXSAVE || m == ZYDIS_MNEMONIC_FXSAVE64 ||
           m == ZYDIS_MNEMONIC_FXRSTOR || m == ZYDIS_MNEMONIC_FXRSTOR64;
}

/* Of categories that hold others as well. */
static bool plain_mnemonic(ZydisMnemonic m)
{
    switch (m) {
    case ZYDIS_MNEMONIC_CBW:
    case ZYDIS_MNEMONIC_CDQ:
    case ZYDIS_MNEMONIC_CDQE:
    case ZYDIS_MNEMONIC_CQO:
    case ZYDIS_MNEMONIC_CWD:
    case ZYDIS_MNEMONIC_CWDE:
    case ZYDIS_MNEMONIC_CLC:
    case ZYDIS_MNEMONIC_CLD:
    case ZYDIS_MNEMONIC_CMC:
    case ZYDIS_MNEMONIC_STC:
    case ZYDIS_MNEMONIC_STD:
    case ZYDIS_MNEMONIC_LAHF:
    case ZYDIS_MNEMONIC_SAHF:
    case ZYDIS_MNEMONIC_SALC:
    case ZYDIS_MNEMONIC_ENDBR32:
    case ZYDIS_MNEMONIC_ENDBR64:
    case ZYDIS_MNEMONIC_LEA:
    case ZYDIS_MNEMONIC_LEAVE:
    case ZYDIS_MNEMONIC_LFENCE:
    case ZYDIS_MNEMONIC_MFENCE:
    case ZYDIS_MNEMONIC_SFENCE:
    case ZYDIS_MNEMONIC_XLAT:
    case ZYDIS_MNEMONIC_NOP:
    case ZYDIS_MNEMONIC_FNOP:
    case ZYDIS_MNEMONIC_POP:
    case ZYDIS_MNEMONIC_PUSH:
    case ZYDIS_MNEMONIC_PUSHFQ:
    case ZYDIS_MNEMONIC_RDTSC:
    case ZYDIS_MNEMONIC_RDTSCP:
        return true;
    default:
        return false;
    }
}

/* What waits or leaves, in words. NULL: not known by name. */
static const char *why_not(const ZydisDecodedInstruction *i)
{
    switch (i->mnemonic) {
    case ZYDIS_MNEMONIC_SYSCALL:
    case ZYDIS_MNEMONIC_SYSENTER:
        return "makes a system call";
    case ZYDIS_MNEMONIC_INT:
    case ZYDIS_MNEMONIC_INT1:
    case ZYDIS_MNEMONIC_INT3:
    case ZYDIS_MNEMONIC_INTO:
        return "interrupts itself";
    case ZYDIS_MNEMONIC_HLT:
        return "stops the processor";
    case ZYDIS_MNEMONIC_PAUSE:
        return "pauses, as spin locks do";
    case ZYDIS_MNEMONIC_MWAIT:
    case ZYDIS_MNEMONIC_MWAITX:
    case ZYDIS_MNEMONIC_MONITOR:
    case ZYDIS_MNEMONIC_MONITORX:
    case ZYDIS_MNEMONIC_UMWAIT:
    case ZYDIS_MNEMONIC_UMONITOR:
    case ZYDIS_MNEMONIC_TPAUSE:
        return "waits for a change in memory";
    case ZYDIS_MNEMONIC_CPUID:
        return "asks for the processor's features, which virtual machines answer";
    case ZYDIS_MNEMONIC_XBEGIN:
    case ZYDIS_MNEMONIC_XEND:
    case ZYDIS_MNEMONIC_XABORT:
        return "uses a memory transaction";
    case ZYDIS_MNEMONIC_IN:
    case ZYDIS_MNEMONIC_OUT:
        return "reads or writes a port";
    case ZYDIS_MNEMONIC_IRET:
    case ZYDIS_MNEMONIC_IRETD:
    case ZYDIS_MNEMONIC_IRETQ:
    case ZYDIS_MNEMONIC_RSM:
        return "returns from an interrupt";
    case ZYDIS_MNEMONIC_RDFSBASE:
    case ZYDIS_MNEMONIC_RDGSBASE:
    case ZYDIS_MNEMONIC_WRFSBASE:
    case ZYDIS_MNEMONIC_WRGSBASE:
        return "moves the thread pointer";
    default:
        break;
    }
    switch (i->meta.category) {
    case ZYDIS_CATEGORY_SEMAPHORE:
        return "exchanges with memory";
    case ZYDIS_CATEGORY_RDRAND:
    case ZYDIS_CATEGORY_RDSEED:
        return "waits for random bits";
    case ZYDIS_CATEGORY_IOSTRINGOP:
        return "reads or writes a port";
    default:
        return NULL;
    }
}

static bool is_conditional_jump(const ZydisDecodedInstruction *i)
{
    if (i->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY)
        return false;
    bool jcc =
        (i->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && (i->opcode & 0xf0) == 0x70) ||
        (i->opcode_map == ZYDIS_OPCODE_MAP_0F && (i->opcode & 0xf0) == 0x80);
    bool count = i->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && i->opcode >= 0xe0 &&
                 i->opcode <= 0xe3; /* loopne, loope, loop, jrcxz */
    return jcc || count;
}

/* --- operands ------------------------------------------------------------------------- */

static bool is_register(const ZydisDecodedOperand *o, ZydisRegister r)
{
    return o->type == ZYDIS_OPERAND_TYPE_REGISTER && o->reg.value == r;
}

static ZydisRegister whole(ZydisRegister r)
{
    return ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r);
}

static bool writes(const ZydisDecodedOperand *o)
{
    return (o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
}

/* [rsp + n] or [rbp + n] as a distance below the stack pointer at entry. */
static bool stack_distance(const Frame *f, const ZydisDecodedOperand *o,
                           int32_t *below)
{
    if (o->type != ZYDIS_OPERAND_TYPE_MEMORY || o->mem.index != ZYDIS_REGISTER_NONE)
        return false;
    int64_t n = o->mem.disp.has_displacement ? o->mem.disp.value : 0;
    if (n < -(1 << 28) || n > 1 << 28)
        return false;
    if (o->mem.base == ZYDIS_REGISTER_RSP && f->known & K_DEPTH)
        *below = f->depth - (int32_t)n;
    else if (o->mem.base == ZYDIS_REGISTER_RBP && f->known & K_BASE)
        *below = f->base - (int32_t)n;
    else
        return false;
    return true;
}

/* The return address lies in the eight bytes from the stack pointer at entry on. */
static bool hits_return(int32_t below, int32_t bytes)
{
    return -below < 8 && -below + bytes > 0;
}

/* Only near the stack pointer's own distances is a depth followed. */
static void set_depth(Frame *f, bool known, int64_t depth)
{
    frame_lose(f, K_DEPTH);
    if (known && depth > -(1 << 28) && depth < 1 << 28) {
        f->known |= K_DEPTH;
        f->depth = (int32_t)depth;
    }
}

static void set_base(Frame *f, bool known, int32_t base)
{
    frame_lose(f, K_BASE);
    if (known) {
        f->known |= K_BASE;
        f->base = base;
    }
}

/* A known move of the stack pointer or the frame pointer; false: none of those. */
static bool move_known(Frame *f, const ZydisDecodedInstruction *i,
                       const ZydisDecodedOperand *o)
{
    bool depth = f->known & K_DEPTH, base = f->known & K_BASE;
    int32_t below = 0;
    bool to_sp = is_register(&o[0], ZYDIS_REGISTER_RSP);
    bool to_bp = is_register(&o[0], ZYDIS_REGISTER_RBP);
    if (i->mnemonic == ZYDIS_MNEMONIC_LEAVE && i->operand_width == 64) {
        set_depth(f, base, (int64_t)f->base - 8);
        set_base(f, false, 0);
        return true;
    }
    if (!to_sp && !to_bp)
        return false;
    switch (i->mnemonic) {
    case ZYDIS_MNEMONIC_ADD:
    case ZYDIS_MNEMONIC_SUB:
        if (!to_sp || o[1].type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
            return false;
        set_depth(f, depth,
                  i->mnemonic == ZYDIS_MNEMONIC_SUB ? f->depth + o[1].imm.value.s
                                                    : f->depth - o[1].imm.value.s);
        return true;
    case ZYDIS_MNEMONIC_MOV:
        if (to_sp && is_register(&o[1], ZYDIS_REGISTER_RBP))
            set_depth(f, base, f->base);
        else if (to_bp && is_register(&o[1], ZYDIS_REGISTER_RSP))
            set_base(f, depth, f->depth);
        else
            return false;
        return true;
    case ZYDIS_MNEMONIC_LEA: {
        bool known = stack_distance(f, &o[1], &below);
        if (to_sp)
            set_depth(f, known, below);
        else
            set_base(f, known, below);
        return true;
    }
    default:
        return false;
    }
}

/* Push and pop. A push that is not of eight bytes is nobody's. */
static const char *move_stack(Frame *f, const ZydisDecodedInstruction *i,
                              const ZydisDecodedOperand *o)
{
    bool push = i->meta.category == ZYDIS_CATEGORY_PUSH;
    if (!push && o[0].type == ZYDIS_OPERAND_TYPE_MEMORY)
        return not_sure; /* where it lies depends on the stack pointer behind it */
    if (i->operand_width != 64)
        return "moves the stack pointer by two bytes";
    if (push && f->known & K_DEPTH && hits_return(f->depth + 8, 8))
        return "writes over its return address";
    set_depth(f, f->known & K_DEPTH, (int64_t)f->depth + (push ? 8 : -8));
    if (!push && is_register(&o[0], ZYDIS_REGISTER_RBP))
        set_base(f, false, 0);
    if (!push && is_register(&o[0], ZYDIS_REGISTER_RSP))
        set_depth(f, false, 0);
    return NULL;
}

/* Every operand: what is written, and the stack behind it. NULL, or why not. */
static const char *operands(Step *s, const ZydisDecodedInstruction *i,
                            const ZydisDecodedOperand *o)
{
    Frame *f = &s->frame;
    Frame before = *f;
    bool pushes = i->mnemonic == ZYDIS_MNEMONIC_PUSH ||
                  i->mnemonic == ZYDIS_MNEMONIC_POP ||
                  i->mnemonic == ZYDIS_MNEMONIC_PUSHFQ;
    const char *why = pushes ? move_stack(f, i, o) : NULL;
    bool moved = pushes || move_known(f, i, o);
    for (uint32_t k = 0; k < i->operand_count && !why; k++) {
        ZydisRegister r = o[k].type == ZYDIS_OPERAND_TYPE_REGISTER
                              ? o[k].reg.value
                              : ZYDIS_REGISTER_NONE;
        int32_t below = 0;
        switch (ZydisRegisterGetClass(r)) {
        case ZYDIS_REGCLASS_SEGMENT:
        case ZYDIS_REGCLASS_CONTROL:
        case ZYDIS_REGCLASS_DEBUG:
        case ZYDIS_REGCLASS_TEST:
        case ZYDIS_REGCLASS_TABLE:
            return "uses a register of the system";
        default:
            break;
        }
        if (!writes(&o[k]))
            continue;
        if (!moved && whole(r) == ZYDIS_REGISTER_RSP)
            frame_lose(f, K_DEPTH);
        if (!moved && whole(r) == ZYDIS_REGISTER_RBP)
            frame_lose(f, K_BASE);
        if (!pushes && stack_distance(&before, &o[k], &below) &&
            hits_return(below, o[k].size / 8))
            why = "writes over its return address";
    }
    return why;
}

/* --- the way ----------------------------------------------------------------------------- */

/* The operand of a jump or call: a distance, or a pointer beside the code. */
static void branch(Step *s, const ZydisDecodedInstruction *i,
                   const ZydisDecodedOperand *o, uint64_t address)
{
    bool call = i->mnemonic == ZYDIS_MNEMONIC_CALL;
    if (i->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR) {
        s->why = "jumps to another segment";
    } else if (o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && o->imm.is_relative) {
        s->target = address + i->length + (uint64_t)o->imm.value.s;
        s->flow = call ? FLOW_CALL : FLOW_JUMP;
    } else if (o->type == ZYDIS_OPERAND_TYPE_MEMORY && o->size == 64 &&
               o->mem.base == ZYDIS_REGISTER_RIP &&
               o->mem.index == ZYDIS_REGISTER_NONE &&
               o->mem.segment == ZYDIS_REGISTER_DS) {
        s->target = address + i->length + (uint64_t)o->mem.disp.value;
        s->flow = call ? FLOW_CALL_SLOT : FLOW_JUMP_SLOT;
    } else {
        s->why = call ? "calls through a pointer"
                      : "jumps to an address that it computes";
    }
    if (call && s->frame.known & K_DEPTH && hits_return(s->frame.depth + 8, 8)) {
        s->flow = FLOW_NO;
        s->why = "writes over its return address";
    }
}

static void end(Step *s, const ZydisDecodedInstruction *i)
{
    if (i->mnemonic != ZYDIS_MNEMONIC_RET || i->opcode != 0xc3)
        s->why = "returns in an unusual way";
    else if (!(s->frame.known & K_DEPTH))
        s->why = "returns with a stack that cannot be followed";
    else if (s->frame.depth != 0)
        s->why = "returns to an address that it put there itself";
    else
        s->flow = FLOW_RETURN;
}

/* fs and gs lead to the thread's own storage; fs:0x28 read is the canary of the
 * stack protector, which is nobody's errno. */
static bool uses_tls(const ZydisDecodedInstruction *i, const ZydisDecodedOperand *o)
{
    if (!(i->attributes &
          (ZYDIS_ATTRIB_HAS_SEGMENT_FS | ZYDIS_ATTRIB_HAS_SEGMENT_GS)))
        return false;
    for (uint32_t k = 0; k < i->operand_count; k++)
        if (o[k].type == ZYDIS_OPERAND_TYPE_MEMORY &&
            o[k].mem.segment == ZYDIS_REGISTER_FS &&
            o[k].mem.base == ZYDIS_REGISTER_NONE &&
            o[k].mem.index == ZYDIS_REGISTER_NONE && o[k].mem.disp.value == 0x28 &&
            !writes(&o[k]))
            return false;
    return true;
}

/* Anything that goes on behind itself. */
static void plain(Step *s, const ZydisDecodedInstruction *i,
                  const ZydisDecodedOperand *o)
{
    ZydisInstructionCategory c = i->meta.category;
    bool data = c == ZYDIS_CATEGORY_DATAXFER;
    bool string = c == ZYDIS_CATEGORY_STRINGOP;
    if (string && i->attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE |
                                   ZYDIS_ATTRIB_HAS_REPNE))
        s->why = "repeats a string instruction";
    else if (i->mnemonic == ZYDIS_MNEMONIC_XCHG && i->raw.modrm.mod != 3 &&
             i->attributes & ZYDIS_ATTRIB_HAS_MODRM)
        s->why = "exchanges with memory";
    else if (!data && !string && !plain_category(c) && !plain_mnemonic(i->mnemonic))
        s->why = why_not(i);
    else if (is_state(i->mnemonic) ||
             i->encoding == ZYDIS_INSTRUCTION_ENCODING_MVEX ||
             i->encoding == ZYDIS_INSTRUCTION_ENCODING_3DNOW ||
             i->attributes & ZYDIS_ATTRIB_IS_PRIVILEGED)
        s->why = NULL;
    else if ((s->why = operands(s, i, o)) == NULL)
        s->flow = FLOW_NEXT;
    if (s->flow == FLOW_NO && !s->why)
        s->why = not_sure;
}

/* 66 before a branch: processors of AMD take sixteen bits, Intel's leave it unread.
 * Under a REX.W, as linkers pad calls of __tls_get_addr, it is nothing to either. */
static bool is_sixteen_bits(const ZydisDecodedInstruction *i)
{
    if (i->attributes & ZYDIS_ATTRIB_HAS_REX && i->raw.rex.W)
        return false;
    for (uint32_t k = 0; k < i->raw.prefix_count; k++)
        if (i->raw.prefixes[k].value == 0x66)
            return true;
    return false;
}

static bool is_branch(const ZydisDecodedInstruction *i)
{
    return i->meta.category == ZYDIS_CATEGORY_RET ||
           i->mnemonic == ZYDIS_MNEMONIC_CALL ||
           i->mnemonic == ZYDIS_MNEMONIC_JMP || is_conditional_jump(i);
}

static void x64_step(const uint8_t *code, size_t n, uint64_t address, Step *s)
{
    ZydisDecoder decoder;
    ZydisDecodedInstruction i;
    ZydisDecodedOperand o[ZYDIS_MAX_OPERAND_COUNT];
    s->flow = FLOW_NO;
    if (!ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64,
                                       ZYDIS_STACK_WIDTH_64)) ||
        !ZYAN_SUCCESS(
            ZydisDecoderDecodeFull(&decoder, code, n < 15 ? n : 15, &i, o))) {
        s->why = "has bytes that are no instruction";
        return;
    }
    s->size = i.length;
    s->tls = uses_tls(&i, o);
    if (i.attributes & ZYDIS_ATTRIB_HAS_LOCK) {
        s->why = "locks memory";
    } else if (is_branch(&i) && is_sixteen_bits(&i)) {
        s->why = not_sure;
    } else if (i.mnemonic == ZYDIS_MNEMONIC_UD0 ||
               i.mnemonic == ZYDIS_MNEMONIC_UD1 ||
               i.mnemonic == ZYDIS_MNEMONIC_UD2) {
        s->flow = FLOW_STOP;
    } else if (i.meta.category == ZYDIS_CATEGORY_RET) {
        end(s, &i);
        if (s->flow == FLOW_NO && why_not(&i))
            s->why = why_not(&i);
    } else if (i.mnemonic == ZYDIS_MNEMONIC_CALL ||
               i.mnemonic == ZYDIS_MNEMONIC_JMP) {
        branch(s, &i, o, address);
    } else if (is_conditional_jump(&i)) {
        branch(s, &i, o, address);
        s->flow = s->flow == FLOW_JUMP ? FLOW_BRANCH : FLOW_NO;
    } else {
        plain(s, &i, o);
    }
}

/* [endbr64] push $index; [bnd] jmp: the second half of a stub. */
static bool x64_unbound(const uint8_t *code, size_t n, uint32_t index)
{
    static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    uint32_t k, word;
    for (k = 0; k < 4 && k < n && code[k] == endbr64[k]; k++)
        ;
    size_t at = k == 4 ? 4 : 0;
    if (n < at + 7 || code[at] != 0x68)
        return false;
    word = (uint32_t)code[at + 1] | (uint32_t)code[at + 2] << 8 |
           (uint32_t)code[at + 3] << 16 | (uint32_t)code[at + 4] << 24;
    at += 5;
    return word == index &&
           (code[at] == 0xe9 || (code[at] == 0xf2 && code[at + 1] == 0xe9));
}

/* Numbers: psABI for x86-64, table of relocation types. */
const ProofCpu proof_x64 = {NULL, x64_step, x64_unbound, 7, 6, 37};
