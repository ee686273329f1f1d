/* SPDX-License-Identifier: MIT
 * Inner header: callback entry and stub of x86-64; see entry.c. */
#ifndef JF_ARCH_X64_ENTRY_H
#define JF_ARCH_X64_ENTRY_H

#include "core/base/diag.h"
#include "core/plan/plan.h"

enum { X64_STUB_SIZE = 16 };

jf_Status x64_entry(void (*dispatch)(void *context, jf_Regs *regs), int x87,
                    jf_Buf *out, jf_Diag *d);
void x64_stub(int32_t distance, jf_Buf *out);

#endif
