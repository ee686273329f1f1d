/* SPDX-License-Identifier: MIT
 *
 * AArch64 by masks: every instruction is one word, and the Arm ARM (DDI 0487, chapter
 * C4) groups them by bits 28:25. Branches and system instructions are told one by
 * one; arithmetic is let through by group; loads and stores but for those that are
 * atomic or exclusive; SVE, SME and whatever else has no line here is not proved.
 */
#include "proof/inner.h"

#include <string.h>

static const char not_sure[] = "has an instruction that jiffi is not sure of";
static const char atomic[] = "has an atomic instruction";

/* Bits hi..lo of a word. */
static uint32_t bits(uint32_t w, int hi, int lo)
{
    return w >> lo & (uint32_t)((1ull << (hi - lo + 1)) - 1);
}

static int64_t signed_bits(uint32_t w, int hi, int lo)
{
    uint32_t n = (uint32_t)(hi - lo + 1), v = bits(w, hi, lo);
    return (int64_t)((uint64_t)v << (64 - n)) >> (64 - n);
}

static bool is(uint32_t w, uint32_t mask, uint32_t value)
{
    return (w & mask) == value;
}

static uint32_t word_at(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
           (uint32_t)p[3] << 24;
}

/* --- registers ----------------------------------------------------------------------- */

enum { FP = 29, LR = 30, SP = 31 };

static void set_depth(Frame *f, bool known, int64_t depth)
{
    frame_lose(f, K_DEPTH);
    if (known && depth > -(1 << 28) && depth < 1 << 28) {
        f->known |= K_DEPTH;
        f->depth = (int32_t)depth;
    }
}

/* A register that no rule below follows is written: 31 is nobody here. */
static void written(Frame *f, uint32_t r)
{
    if (r == FP)
        frame_lose(f, K_BASE);
    if (r == LR)
        frame_lose(f, K_HERE);
}

/* Is `r` the stack or the frame pointer, and how far below the entry's? */
static bool known_place(const Frame *f, uint32_t r, int32_t *below)
{
    *below = r == SP ? f->depth : f->base;
    return (r == SP && f->known & K_DEPTH) || (r == FP && f->known & K_BASE);
}

/* --- arithmetic ----------------------------------------------------------------------- */

/* add, sub with an immediate: the way in which sp and x29 are moved. */
static void add_immediate(Step *s, uint32_t w)
{
    Frame *f = &s->frame;
    uint32_t rd = bits(w, 4, 0), rn = bits(w, 9, 5);
    int32_t n = (int32_t)bits(w, 21, 10) << (bits(w, 22, 22) ? 12 : 0), below;
    bool sub = bits(w, 30, 30), flags = bits(w, 29, 29), wide = bits(w, 31, 31);
    bool known = known_place(f, rn, &below) && wide && !flags;
    below += sub ? n : -n;
    if (rd == SP && !flags) {
        set_depth(f, known, below);
    } else {
        written(f, rd);
        if (rd == FP && known) {
            f->known |= K_BASE;
            f->base = below;
        }
    }
}

static void immediate(Step *s, uint32_t w)
{
    s->flow = FLOW_NEXT;
    uint32_t group = bits(w, 25, 23), rd = bits(w, 4, 0);
    if (group == 3) { /* add, sub with memory tags */
        s->flow = FLOW_NO;
        s->why = not_sure;
    } else if (group == 2) {
        add_immediate(s, w);
    } else if (group == 4 && rd == SP && bits(w, 30, 29) != 3) {
        set_depth(&s->frame, false, 0); /* and sp, x9, #-64 */
    } else {
        written(&s->frame, rd);
    }
}

static void of_registers(Step *s, uint32_t w)
{
    uint32_t rd = bits(w, 4, 0);
    s->flow = FLOW_NEXT;
    if (is(w, 0xffe0fc00, 0x9ac01000)) { /* irg: a random tag */
        s->flow = FLOW_NO;
        s->why = not_sure;
    } else if (is(w, 0x3f200000, 0x0b200000) && rd == SP) {
        set_depth(&s->frame, false, 0); /* add sp, sp, x0: extended, no flags */
    } else {
        written(&s->frame, rd);
    }
}

/* Floating point and vectors; some results go to a general register. */
static void of_vectors(Step *s, uint32_t w)
{
    /* By the first byte: vectors, scalars, floating point, SHA-3 and -512. */
    static const uint8_t known[] = {0x0e, 0x4e, 0x2e, 0x6e, 0x0f, 0x4f, 0x2f, 0x6f,
                                    0x5e, 0x7e, 0x5f, 0x7f, 0x1e, 0x9e, 0x1f, 0xce};
    if (!memchr(known, (int)bits(w, 31, 24), sizeof known)) {
        s->why = not_sure;
        return;
    }
    s->flow = FLOW_NEXT;
    if (is(w, 0x5f20fc00, 0x1e200000) || is(w, 0x5f200000, 0x1e000000) ||
        is(w, 0xbfe0ec00, 0x0e002c00))
        written(&s->frame, bits(w, 4, 0));
}

/* --- loads and stores ------------------------------------------------------------------- */

typedef struct Access {
    bool store, vector;
    uint32_t rt, rt2, rn; /* rt2 32: only one register */
    uint32_t size;        /* bytes, of each */
    int64_t offset;       /* from rn, of the access */
    bool exact;           /* `offset` is known */
    bool writeback;       /* rn moves by `move` */
    int64_t move;
} Access;

/* The return address, where it is saved, and the registers that change. */
static void do_access(Step *s, const Access *a)
{
    Frame *f = &s->frame;
    int32_t below = 0;
    bool known = a->exact && known_place(f, a->rn, &below);
    uint32_t regs[2] = {a->rt, a->rt2};
    for (int k = 0; k < 2; k++) {
        if (regs[k] == 32)
            continue;
        int64_t at = known ? below - a->offset - (int64_t)a->size * k : 0;
        bool link = !a->vector && regs[k] == LR;
        bool hits = known && f->known & K_LINK && -at < -(int64_t)f->link + 8 &&
                    -at + a->size > -(int64_t)f->link;
        if (a->store && link && known && f->known & K_HERE && a->size == 8) {
            f->known |= K_LINK;
            f->link = (int32_t)at;
        } else if (a->store && hits) {
            frame_lose(f, K_LINK);
        } else if (!a->store && link && known && f->known & K_LINK &&
                   a->size == 8 && at == f->link) {
            f->known |= K_HERE;
        } else if (!a->store && !a->vector) {
            written(f, regs[k]);
        }
    }
    if (!a->writeback)
        return;
    if (a->rn == SP)
        set_depth(f, f->known & K_DEPTH && a->exact, f->depth - a->move);
    else
        written(f, a->rn);
}

/* ldp, stp: opc(2) 101 V mode(3) L imm7 Rt2 Rn Rt; mode 0 none, 1 post, 2 offset, 3 pre */
static void pair(Step *s, uint32_t w)
{
    uint32_t opc = bits(w, 31, 30), mode = bits(w, 24, 23);
    Access a = {.store = !bits(w, 22, 22),
                .vector = bits(w, 26, 26),
                .rt = bits(w, 4, 0),
                .rt2 = bits(w, 14, 10),
                .rn = bits(w, 9, 5),
                .exact = true};
    if (opc == 3 || (opc == 1 && !a.vector && a.store)) { /* stgp: memory tags */
        s->why = not_sure;
        return;
    }
    a.size = a.vector ? 4u << opc : opc == 2 ? 8 : 4;
    a.move = signed_bits(w, 21, 15) * (int64_t)a.size;
    a.writeback = mode == 1 || mode == 3;
    a.offset = mode == 1 ? 0 : a.move;
    s->flow = FLOW_NEXT;
    do_access(s, &a);
}

/* ldr, str of one register: size(2) 111 V 0 m opc(2) ... */
static void single(Step *s, uint32_t w)
{
    uint32_t size = bits(w, 31, 30), opc = bits(w, 23, 22), mode = bits(w, 11, 10);
    bool far = bits(w, 24, 24);
    Access a = {.vector = bits(w, 26, 26),
                .rt = bits(w, 4, 0),
                .rt2 = 32,
                .rn = bits(w, 9, 5),
                .exact = true};
    a.store = a.vector ? !(opc & 1) : opc == 0;
    a.size = a.vector && opc & 2 ? 16 : 1u << size;
    bool prefetch = !a.vector && size == 3 && opc == 2;
    if (far) {
        a.offset = (int64_t)bits(w, 21, 10) * a.size;
    } else if (bits(w, 21, 21)) {
        if (mode != 2) { /* ldadd, swp, ldraa ...; ldapr is only ordered */
            bool ordered = is(w, 0x3ffffc00, 0x38bfc000);
            s->why = mode == 0 && !a.vector ? atomic : not_sure;
            if (!ordered)
                return;
            a.store = false;
        }
        a.exact = mode == 0; /* a register's distance is not known */
    } else {
        a.move = signed_bits(w, 20, 12);
        a.writeback = mode & 1;
        a.offset = mode == 1 ? 0 : a.move;
    }
    s->flow = FLOW_NEXT;
    s->why = NULL;
    if (!prefetch)
        do_access(s, &a);
}

/* Structures of vectors: only the base may change. */
static void structure(Step *s, uint32_t w)
{
    if (!is(w, 0xbfbf0000, 0x0c000000) && !is(w, 0xbfa00000, 0x0c800000) &&
        !is(w, 0xbf9f0000, 0x0d000000) && !is(w, 0xbf800000, 0x0d800000)) {
        s->why = not_sure;
        return;
    }
    s->flow = FLOW_NEXT;
    if (bits(w, 23, 23)) {
        Access a = {.vector = true,
                    .rt = 32,
                    .rt2 = 32,
                    .rn = bits(w, 9, 5),
                    .writeback = true};
        do_access(s, &a);
    }
}

/* Ordered loads and stores pass; exclusives and compare-and-swap do not. */
static void exclusive(Step *s, uint32_t w)
{
    bool ordered = bits(w, 23, 23) && !bits(w, 21, 21);
    if (!ordered) {
        s->why = atomic;
        return;
    }
    s->flow = FLOW_NEXT;
    Access a = {.store = !bits(w, 22, 22),
                .rt = bits(w, 4, 0),
                .rt2 = 32,
                .rn = bits(w, 9, 5),
                .size = 1u << bits(w, 31, 30),
                .exact = true};
    do_access(s, &a);
}

static void load_store(Step *s, uint32_t w)
{
    Access literal = {
        .vector = bits(w, 26, 26), .rt = bits(w, 4, 0), .rt2 = 32, .rn = 32};
    Access ordered = {.store = bits(w, 23, 22) == 0,
                      .rt = bits(w, 4, 0),
                      .rt2 = 32,
                      .rn = bits(w, 9, 5),
                      .size = 1u << bits(w, 31, 30),
                      .offset = signed_bits(w, 20, 12),
                      .exact = true};
    if (is(w, 0x3f000000, 0x08000000)) {
        exclusive(s, w);
    } else if (is(w, 0xbe000000, 0x0c000000)) {
        structure(s, w);
    } else if (is(w, 0x3b000000, 0x18000000)) {
        s->flow = FLOW_NEXT;
        if (literal.vector || bits(w, 31, 30) != 3) /* otherwise a prefetch */
            do_access(s, &literal);
    } else if (is(w, 0x3f200c00, 0x19000000)) { /* ldapur, stlur */
        s->flow = FLOW_NEXT;
        do_access(s, &ordered);
    } else if (is(w, 0x3a000000, 0x28000000)) {
        pair(s, w);
    } else if (is(w, 0x3a000000, 0x38000000)) {
        single(s, w);
    } else {
        s->why = not_sure;
    }
}

/* --- branches and the system --------------------------------------------------------------- */

static void jump(Step *s, Flow flow, uint64_t address, int64_t words)
{
    s->flow = flow;
    s->target = address + (uint64_t)(words * 4);
}

static void come_back(Step *s)
{
    Frame *f = &s->frame;
    if (!(f->known & K_HERE))
        s->why = "returns to an address that cannot be followed";
    else if (!(f->known & K_DEPTH) || f->depth)
        s->why = "returns with another stack than it came with";
    else
        s->flow = FLOW_RETURN;
}

/* Hints: nop, pointer authentication, bti, csdb. The others wait or wake. */
static void hint(Step *s, uint32_t w)
{
    uint32_t n = bits(w, 11, 5);
    bool auth =
        n == 7 || n == 8 || n == 10 || n == 12 || n == 14 || (n >= 24 && n < 32);
    bool bti = n >= 32 && n < 40 && !(n & 1);
    if (n == 0 || n == 20 || auth || bti)
        s->flow = FLOW_NEXT;
    else
        s->why = n == 1             ? "yields, as spin locks do"
                 : n == 2 || n == 3 ? "waits for an event"
                 : n == 4 || n == 5 ? "wakes other processors"
                                    : not_sure;
}

/* System registers that are the thread's own affair. */
static void system_register(Step *s, uint32_t w)
{
    uint32_t r = w & 0xffffffe0;
    bool plain = r == 0xd53b4200 || r == 0xd51b4200 || /* nzcv */
                 r == 0xd53b4400 || r == 0xd51b4400 || /* fpcr */
                 r == 0xd53b4420 || r == 0xd51b4420 || /* fpsr */
                 r == 0xd53b00e0;                      /* dczid_el0 */
    bool thread = r == 0xd53bd040 || r == 0xd53bd060;  /* tpidr_el0, tpidrro_el0 */
    if (!plain && !thread) {
        s->why = "uses a register of the system";
        return;
    }
    s->flow = FLOW_NEXT;
    s->tls = thread;
    if (bits(w, 21, 21))
        written(&s->frame, bits(w, 4, 0));
}

static void branch_system(Step *s, uint32_t w, uint64_t address)
{
    s->why = not_sure;
    if (is(w, 0xfc000000, 0x14000000)) {
        jump(s, FLOW_JUMP, address, signed_bits(w, 25, 0));
    } else if (is(w, 0xfc000000, 0x94000000)) {
        jump(s, FLOW_CALL, address, signed_bits(w, 25, 0));
        frame_lose(&s->frame, K_HERE);
    } else if (is(w, 0xff000000, 0x54000000) || is(w, 0x7e000000, 0x34000000)) {
        jump(s, FLOW_BRANCH, address, signed_bits(w, 23, 5));
    } else if (is(w, 0x7e000000, 0x36000000)) {
        jump(s, FLOW_BRANCH, address, signed_bits(w, 18, 5));
    } else if (w == 0xd65f03c0 || w == 0xd65f0bff || w == 0xd65f0fff) {
        come_back(s);                           /* ret, retaa, retab */
    } else if (is(w, 0xfe000000, 0xd6000000)) { /* br, blr, braa, eret ... */
        s->why = bits(w, 22, 21) == 1 ? "calls through a pointer"
                                      : "jumps to an address that it computes";
    } else if (is(w, 0xffe0001f, 0xd4000001)) {
        s->why = "makes a system call";
    } else if (is(w, 0xffe0001f, 0xd4200000)) {
        s->flow = FLOW_STOP; /* brk */
    } else if (is(w, 0xff000000, 0xd4000000)) {
        s->why = "interrupts itself";
    } else if (is(w, 0xfffff01f, 0xd503201f)) {
        hint(s, w);
    } else if (is(w, 0xfffff0ff, 0xd50330bf)) {
        s->flow = FLOW_NEXT; /* dmb */
    } else if (is(w, 0xffd00000, 0xd5100000)) {
        system_register(s, w);
    }
}

/* --- the linkage table ------------------------------------------------------------------------ */

/* adrp x16, page; ldr x17, [x16, #n]; add x16, x16, #n; br x17: a stub. The linker's
 * bridge to code far away: adrp x16; add x16, x16, #n; br x16. */
static bool stub(const uint8_t *code, size_t n, uint64_t address, Step *s)
{
    uint32_t w = word_at(code);
    if (n < 12 || !is(w, 0x9f00001f, 0x90000010))
        return false;
    int64_t page = signed_bits(w, 23, 5) * 4 + bits(w, 30, 29);
    uint64_t to = (address & ~(uint64_t)4095) + (uint64_t)(page * 4096);
    uint32_t second = word_at(code + 4), third = word_at(code + 8);
    if (is(second, 0xffc003ff, 0x91000210) && third == 0xd61f0200) {
        s->flow = FLOW_JUMP;
        s->size = 12;
        s->target = to + bits(second, 21, 10);
        return true;
    }
    if (n < 16 || !is(second, 0xffc003ff, 0xf9400211) ||
        !is(third, 0xffc003ff, 0x91000210) || word_at(code + 12) != 0xd61f0220)
        return false;
    s->flow = FLOW_JUMP_SLOT;
    s->size = 16;
    s->target = to + (uint64_t)bits(second, 21, 10) * 8;
    return true;
}

/* Slots not filled yet lead to the head of the table, which saves x16 and x30. */
static bool a64_unbound(const uint8_t *code, size_t n, uint32_t index)
{
    (void)index;
    if (n >= 8 && word_at(code) == 0xd503245f) /* bti c */
        code += 4;
    else if (n < 4)
        return false;
    return word_at(code) == 0xa9bf7bf0; /* stp x16, x30, [sp, #-16]! */
}

static void a64_step(const uint8_t *code, size_t n, uint64_t address, Step *s)
{
    s->flow = FLOW_NO;
    s->size = 4;
    if (n < 4 || address & 3) {
        s->why = "has bytes that are no instruction";
        return;
    }
    uint32_t w = word_at(code);
    if (stub(code, n, address, s))
        return;
    if (bits(w, 31, 16) == 0)
        s->flow = FLOW_STOP; /* udf */
    else if (is(w, 0x1c000000, 0x10000000))
        immediate(s, w);
    else if (is(w, 0x1c000000, 0x14000000))
        branch_system(s, w, address);
    else if (is(w, 0x0a000000, 0x08000000))
        load_store(s, w);
    else if (is(w, 0x0e000000, 0x0a000000))
        of_registers(s, w);
    else if (is(w, 0x0e000000, 0x0e000000))
        of_vectors(s, w);
    else
        s->why = not_sure;
}

/* Numbers: ELF for the Arm 64-bit architecture, dynamic relocations. */
const ProofCpu proof_a64 = {NULL, a64_step, a64_unbound, 1026, 1025, 1032};
