/* SPDX-License-Identifier: MIT
 *
 * Builds without Zydis: machine code is shown as bytes by whoever shows it.
 */
#include "engine/disasm.h"

void jf_disasm(const void *code, size_t n,
               void (*line)(void *ctx, const jf_Line *l), void *ctx)
{
    (void)code;
    (void)n;
    (void)line;
    (void)ctx;
}

const char *jf_disasm_why_not(void)
{
    return "jiffi was built without Zydis, which decodes machine code";
}

const char *jf_disasm_version(void)
{
    return NULL;
}
