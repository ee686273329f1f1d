/* SPDX-License-Identifier: MIT
 *
 * Machine code as text, for people who want to see what was made. Intel's syntax; with
 * each instruction the figures that a front end can say more about.
 */
#ifndef JF_ENGINE_DISASM_H
#define JF_ENGINE_DISASM_H

#include "core/base/conf.h"

typedef enum jf_LineKind {
    JF_LINE_PLAIN,
    JF_LINE_CONST, /* `value` goes into a register */
    JF_LINE_CALL,  /* a call of, or a jump to, `value`: the constant that was loaded
                        into the register last; 0: not known */
    JF_LINE_JUMP,  /* within the code, to offset `value` */
    JF_LINE_THREAD, /* memory at `value` (signed) from the thread pointer */
    JF_LINE_MEMORY  /* memory at `value` (signed) from register `base` */
} jf_LineKind;

typedef struct jf_Line {
    uint32_t offset, size; /* bytes */
    jf_LineKind kind;
    uint64_t value;
    char base[8];  /* MEMORY: "rbx" */
    bool is_tail;  /* CALL: by a jump; the code ends here */
    bool writes;   /* THREAD, MEMORY: the memory is written */
    char text[96]; /* "mov rax, [rdi+0x10]" */
} jf_Line;

/* Each instruction of `n` bytes at `code` in turn; bytes that are none are shown as
 * "db 0x..". Decodes the CPU of this process. */
void jf_disasm(const void *code, size_t n,
               void (*line)(void *ctx, const jf_Line *l), void *ctx);
/* NULL: there is a disassembler. Otherwise why not: a sentence, static. */
const char *jf_disasm_why_not(void);
/* Its name and version, "Zydis 4.0.0", static; NULL: there is none. */
const char *jf_disasm_version(void);

#endif
