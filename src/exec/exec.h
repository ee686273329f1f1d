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

/* True when code can be written and run here: an encoder exists, the system
 * allows it, and JIFFI_JIT is not "off". Decided once. */
bool jf_exec_enabled(void);
/* Why not: one sentence, static; NULL when enabled. */
const char *jf_exec_why_not(void);

/* A block of sealed code. */
typedef struct jf_Block {
    void *entry;   /* first byte, 16-byte aligned */
    size_t size;   /* bytes */
} jf_Block;

/* Copy `n` bytes of position-independent code into the pool, seal them, and
 * register them for unwinding and debuggers under `name` (copied). Every block
 * keeps the frame the region's unwind record describes: rbp chain on x86-64,
 * x29 chain on AArch64, from the fourth byte on. */
jf_Status jf_exec_add(const void *code, size_t n, const char *name,
                      jf_Block **block, jf_Diag *d);
/* Nobody may be running it. Its bytes are reused. NULL is fine. */
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
void jf_exec_stub_free(jf_Stub *stub);

/* For tests and the curious. */
typedef struct jf_ExecStats {
    size_t blocks, code_bytes, mapped_bytes, stubs;
} jf_ExecStats;
void jf_exec_stats(jf_ExecStats *s);

#endif
