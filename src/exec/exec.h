/* SPDX-License-Identifier: MIT
 *
 * Executable memory: blocks of code that are never writable while they can be
 * run, callback stubs, unwind records, and names for gdb and perf.
 *
 * One pool per process, safe from any thread. After fork() parent and child
 * have pools of their own: pages are private, a write in one is not seen by
 * the other.
 */
#ifndef JF_EXEC_EXEC_H
#define JF_EXEC_EXEC_H

#include "core/base/diag.h"

/* What this room must know of the CPU; the engine fills it from the encoder.
 * Register numbers are DWARF's. */
typedef struct jf_ExecCpu {
    void (*stub)(int32_t distance, jf_Buf *out); /* see arch.h */
    uint32_t stub_size;    /* bytes of one stub; at least two words */
    uint8_t trap;          /* byte that unused code memory is filled with */
    uint8_t frame_reg;     /* register that points at the saved frame register */
    uint8_t return_reg;    /* column of the return address */
    uint8_t stack_reg;     /* stack pointer */
    uint8_t saved_regs[4]; /* callee-saved registers in the order of pushes */
    uint16_t elf_machine;  /* e_machine of in-memory symbol files */
} jf_ExecCpu;

/* Tell the room which CPU this is; NULL: one without an encoder. The first call
 * counts; nothing else works before it. */
void jf_exec_use(const jf_ExecCpu *cpu);

/* True when code can be written and run here: an encoder exists, the system
 * allows it, and JIFFI_JIT is not "off". Decided once. */
bool jf_exec_enabled(void);
/* Why not: one sentence, static; NULL when enabled. */
const char *jf_exec_why_not(void);

/* A block of sealed code. */
typedef struct jf_Block {
    void *entry;   /* first byte, aligned as was asked */
    size_t size;   /* bytes */
} jf_Block;

/* Copy `n` bytes of position-independent code into the pool, at a multiple of
 * `align` (a power of two, 16 to a page), seal them, and register them for unwinding and debuggers under `name` (copied). Every block
 * keeps an rbp chain (x29 on AArch64) with its first `saved` callee-saved
 * registers right below the frame register: blocks of equal `saved` share
 * regions, so that one unwind record describes all blocks of a region. */
jf_Status jf_exec_add(const void *code, size_t n, uint32_t align, uint32_t saved,
                      const char *name, jf_Block **block, jf_Diag *d);
/* Nobody may be running it. Its bytes become traps, or another block, when the
 * page they are in is written next. NULL is fine. */
void jf_exec_drop(jf_Block *block);

/* --- callback stubs ----------------------------------------------------------- */

/* A small piece of code at a fixed address that loads its two words and jumps:
 * `target` is jumped to with `context` in the convention's static-chain
 * register (r10 on SysV). Making and dropping one writes data, not code. */
typedef struct jf_Stub {
    void *entry;   /* what C calls */
    void **words;  /* [0] context, [1] target: written by the owner */
} jf_Stub;

jf_Status jf_exec_stub_new(void *context, void *target, jf_Stub *stub, jf_Diag *d);
/* Calling it traps from now on; the address is somebody else's after 1,024 more have
 * been freed, not before. */
void jf_exec_stub_free(jf_Stub *stub);

/* For tests and the curious. */
typedef struct jf_ExecStats {
    size_t blocks, code_bytes, mapped_bytes, regions, stubs;
} jf_ExecStats;
void jf_exec_stats(jf_ExecStats *s);

#endif
