/* SPDX-License-Identifier: MIT
 * Microsoft x64 on a System V host: jf_Regs to the registers of gcc's ms_abi and
 * back. bridge_call and bridge_dispatch themselves are called the host's way.
 * The offsets are jf_Regs'; bridge_x64.c's asserts hold for them. */
#include "bridge.h"

#include <stddef.h>

/* The rules of Win64, and the types of the host: gcc's ms_abi on Linux has long
 * of 8 bytes and lays records out the GNU way. */
static jf_Target mixed;
const jf_Target *const bridge_target = &mixed;

__attribute__((constructor)) static void mix(void)
{
    mixed = jf_target_x64_linux;
    mixed.abi = JF_ABI_WIN64;
    mixed.name = "x86_64-linux-gnu with ms_abi";
}

JF_STATIC_ASSERT(offsetof(jf_Regs, vec) == 80, "bridge");
JF_STATIC_ASSERT(offsetof(jf_Regs, stack) == 208, "bridge");
JF_STATIC_ASSERT(offsetof(jf_Regs, ret_gpr) == 216, "bridge");
JF_STATIC_ASSERT(offsetof(jf_Regs, ret_vec) == 232, "bridge");

/* bridge_call(rdi fn, rsi regs, rdx stack size, ...) */
__asm__(".text\n.globl bridge_call\nbridge_call:\n"
        "push %rbp\n mov %rsp,%rbp\n push %rbx\n push %r12\n"
        "mov %rsi,%rbx\n mov %rdi,%r11\n sub %rdx,%rsp\n"
        "mov %rdx,%rcx\n mov 208(%rbx),%rsi\n mov %rsp,%rdi\n cld\n rep movsb\n"
        "mov (%rbx),%rcx\n mov 8(%rbx),%rdx\n mov 16(%rbx),%r8\n"
        "mov 24(%rbx),%r9\n"
        "movups 80(%rbx),%xmm0\n movups 96(%rbx),%xmm1\n"
        "movups 112(%rbx),%xmm2\n movups 128(%rbx),%xmm3\n"
        "call *%r11\n mov %rax,216(%rbx)\n movups %xmm0,232(%rbx)\n"
        "lea -16(%rbp),%rsp\n pop %r12\n pop %rbx\n pop %rbp\n ret\n");

/* rdi, rsi and xmm6 to xmm15 belong to the caller here and are kept. */
__asm__(".text\n.globl bridge_entry\nbridge_entry:\n"
        ".globl bridge_entry_x87_1\nbridge_entry_x87_1:\n"
        ".globl bridge_entry_x87_2\nbridge_entry_x87_2:\n"
        "push %rbp\n mov %rsp,%rbp\n push %rdi\n push %rsi\n sub $496,%rsp\n"
        "mov %rcx,(%rsp)\n mov %rdx,8(%rsp)\n mov %r8,16(%rsp)\n"
        "mov %r9,24(%rsp)\n"
        "movups %xmm0,80(%rsp)\n movups %xmm1,96(%rsp)\n"
        "movups %xmm2,112(%rsp)\n movups %xmm3,128(%rsp)\n"
        "movups %xmm6,336(%rsp)\n movups %xmm7,352(%rsp)\n"
        "movups %xmm8,368(%rsp)\n movups %xmm9,384(%rsp)\n"
        "movups %xmm10,400(%rsp)\n movups %xmm11,416(%rsp)\n"
        "movups %xmm12,432(%rsp)\n movups %xmm13,448(%rsp)\n"
        "movups %xmm14,464(%rsp)\n movups %xmm15,480(%rsp)\n"
        "lea 16(%rbp),%rax\n mov %rax,208(%rsp)\n"
        "mov %rsp,%rdi\n call bridge_dispatch\n"
        "mov 216(%rsp),%rax\n movups 232(%rsp),%xmm0\n"
        "movups 336(%rsp),%xmm6\n movups 352(%rsp),%xmm7\n"
        "movups 368(%rsp),%xmm8\n movups 384(%rsp),%xmm9\n"
        "movups 400(%rsp),%xmm10\n movups 416(%rsp),%xmm11\n"
        "movups 432(%rsp),%xmm12\n movups 448(%rsp),%xmm13\n"
        "movups 464(%rsp),%xmm14\n movups 480(%rsp),%xmm15\n"
        "lea -16(%rbp),%rsp\n pop %rsi\n pop %rdi\n pop %rbp\n ret\n");
