/* SPDX-License-Identifier: MIT
 * System V x86-64: jf_Regs to registers and back. The offsets are jf_Regs';
 * the asserts below hold them to it. */
#include "bridge.h"

#include <stddef.h>

const jf_Target *const bridge_target = &jf_target_x64_linux;

JF_STATIC_ASSERT(offsetof(jf_Regs, gpr) == 0, "bridge");
JF_STATIC_ASSERT(offsetof(jf_Regs, vec) == 80, "bridge");
JF_STATIC_ASSERT(offsetof(jf_Regs, stack) == 208, "bridge");
JF_STATIC_ASSERT(offsetof(jf_Regs, ret_gpr) == 216, "bridge");
JF_STATIC_ASSERT(offsetof(jf_Regs, ret_vec) == 232, "bridge");
JF_STATIC_ASSERT(offsetof(jf_Regs, ret_x87) == 296, "bridge");
JF_STATIC_ASSERT(sizeof(jf_Regs) == 328, "bridge");

/* bridge_call(rdi fn, rsi regs, rdx stack size, rcx x87, r8 n_vec) */
__asm__(".text\n.globl bridge_call\nbridge_call:\n"
        "push %rbp\n mov %rsp,%rbp\n push %rbx\n push %r12\n"
        "mov %rsi,%rbx\n mov %rcx,%r12\n mov %rdi,%r11\n mov %r8,%rax\n"
        "sub %rdx,%rsp\n"
        "mov %rdx,%rcx\n mov 208(%rbx),%rsi\n mov %rsp,%rdi\n cld\n rep movsb\n"
        "mov (%rbx),%rdi\n mov 8(%rbx),%rsi\n mov 16(%rbx),%rdx\n"
        "mov 24(%rbx),%rcx\n mov 32(%rbx),%r8\n mov 40(%rbx),%r9\n"
        "movups 80(%rbx),%xmm0\n movups 96(%rbx),%xmm1\n"
        "movups 112(%rbx),%xmm2\n movups 128(%rbx),%xmm3\n"
        "movups 144(%rbx),%xmm4\n movups 160(%rbx),%xmm5\n"
        "movups 176(%rbx),%xmm6\n movups 192(%rbx),%xmm7\n"
        "call *%r11\n"
        "mov %rax,216(%rbx)\n mov %rdx,224(%rbx)\n"
        "movups %xmm0,232(%rbx)\n movups %xmm1,248(%rbx)\n"
        "test %r12,%r12\n jz 1f\n fstpt 296(%rbx)\n"
        "cmp $2,%r12\n jne 1f\n fstpt 312(%rbx)\n1:\n"
        "lea -16(%rbp),%rsp\n pop %r12\n pop %rbx\n pop %rbp\n ret\n");

/* A frame of 336 bytes holds the jf_Regs. */
#define ENTRY(name, load_x87)                                            \
    __asm__(".text\n.globl " name "\n" name ":\n"                        \
            "push %rbp\n mov %rsp,%rbp\n sub $336,%rsp\n"                \
            "mov %rdi,(%rsp)\n mov %rsi,8(%rsp)\n mov %rdx,16(%rsp)\n"   \
            "mov %rcx,24(%rsp)\n mov %r8,32(%rsp)\n mov %r9,40(%rsp)\n"  \
            "movups %xmm0,80(%rsp)\n movups %xmm1,96(%rsp)\n"            \
            "movups %xmm2,112(%rsp)\n movups %xmm3,128(%rsp)\n"          \
            "movups %xmm4,144(%rsp)\n movups %xmm5,160(%rsp)\n"          \
            "movups %xmm6,176(%rsp)\n movups %xmm7,192(%rsp)\n"          \
            "lea 16(%rbp),%rax\n mov %rax,208(%rsp)\n"                   \
            "movq (%rsp),%rax\n mov %rax,216(%rsp)\n"                    \
            "mov %rsp,%rdi\n call bridge_dispatch\n"                     \
            "mov 216(%rsp),%rax\n mov 224(%rsp),%rdx\n"                  \
            "movups 232(%rsp),%xmm0\n movups 248(%rsp),%xmm1\n" load_x87 \
            "leave\n ret\n")

ENTRY("bridge_entry", "");
ENTRY("bridge_entry_x87_1", "fldt 296(%rsp)\n");
ENTRY("bridge_entry_x87_2", "fldt 312(%rsp)\n fldt 296(%rsp)\n");
