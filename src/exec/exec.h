/* SPDX-License-Identifier: MIT
 *
 * Executable memory: blocks of code that are never writable while they can be
 * run, callback stubs, unwind records, and names for gdb and perf. And what is
 * done with C++ exceptions that come out of calls.
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

/* What becomes of a C++ exception that comes out of a call in a block. */
typedef enum jf_Throws {
    JF_THROUGH, /* it passes through, to whoever called the block */
    JF_NAMED,   /* the process ends, with a message that names the function */
    JF_CAUGHT   /* it goes on where the instruction behind the call says */
} jf_Throws;

/* What kind of frame a block has: an rbp chain (x29 on AArch64) with its first `saved`
 * callee-saved registers right below the frame register. Blocks that agree in that
 * share regions, so that one unwind record describes all blocks of a region. */
typedef struct jf_Frame {
    uint32_t saved;
    jf_Throws throws;
    uint32_t n_exits;      /* for debuggers; not part of the kind */
    const uint32_t *exits; /* n_exits pairs, ascending, from the block's first byte:
                              where the frame is gone again, and the byte behind the
                              jump out that follows */
} jf_Frame;

/* Copy `n` bytes of position-independent code into the pool, at a multiple of
 * `align` (a power of two, 16 to a page), seal them, and register them for unwinding
 * and debuggers under `name` (copied). */
jf_Status jf_exec_add(const void *code, size_t n, uint32_t align, jf_Frame frame,
                      const char *name, jf_Block **block, jf_Diag *d);
/* Debuggers and profilers call it `name` (copied) from now on. Memory running out
 * costs the new name, nothing else. */
void jf_exec_rename(jf_Block *block, const char *name);
/* What they call it: borrowed until it is renamed or dropped. */
const char *jf_exec_block_name(const jf_Block *block);
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
/* What debuggers and profilers call it (copied, cut off after 79 bytes); a new stub
 * has no name. */
void jf_exec_stub_name(const jf_Stub *stub, const char *name);

/* --- C++ exceptions ------------------------------------------------------------- */

/* Run f(arg), which calls `target` of C or C++. NULL; or the exception that came
 * out, a struct _Unwind_Exception *, which is the caller's from here on. */
void *jf_exec_catch(void (*f)(void *), void *arg, const void *target);
/* Run f(arg); an exception that comes out ends the process with a message that
 * names `target`. */
void jf_exec_name(void (*f)(void *), void *arg, const void *target);
/* Why exceptions cannot be caught here: a sentence, static; NULL: they can. */
const char *jf_exec_no_catch(void);

/* For tests and the curious. */
typedef struct jf_ExecStats {
    size_t blocks, code_bytes, mapped_bytes, regions, stubs;
} jf_ExecStats;
void jf_exec_stats(jf_ExecStats *s);

#endif
