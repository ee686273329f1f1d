/* SPDX-License-Identifier: MIT
 * AArch64: jf_Regs to registers and back. The offsets are jf_Regs'; the asserts
 * below hold them to it. */
#include "bridge.h"

#include <stddef.h>

const jf_Target *const bridge_target = &jf_target_a64_linux;

JF_STATIC_ASSERT(offsetof(jf_Regs, gpr) == 0, "bridge");
JF_STATIC_ASSERT(offsetof(jf_Regs, vec) == 80, "bridge");
JF_STATIC_ASSERT(offsetof(jf_Regs, stack) == 208, "bridge");
JF_STATIC_ASSERT(offsetof(jf_Regs, ret_gpr) == 216, "bridge");
JF_STATIC_ASSERT(offsetof(jf_Regs, ret_vec) == 232, "bridge");
JF_STATIC_ASSERT(sizeof(jf_Regs) == 328, "bridge");

/* bridge_call(x0 fn, x1 regs, x2 stack size, ...) */
__asm__(".text\n.globl bridge_call\nbridge_call:\n"
        "stp x29,x30,[sp,-32]!\n mov x29,sp\n str x19,[sp,16]\n"
        "mov x19,x1\n mov x16,x0\n"
        "sub sp,sp,x2\n ldr x9,[x19,208]\n mov x10,sp\n"
        "1: cbz x2,2f\n ldr x11,[x9],8\n str x11,[x10],8\n sub x2,x2,8\n b 1b\n2:\n"
        "add x9,x19,80\n"
        "ldp q0,q1,[x9]\n ldp q2,q3,[x9,32]\n ldp q4,q5,[x9,64]\n"
        "ldp q6,q7,[x9,96]\n"
        "ldp x0,x1,[x19]\n ldp x2,x3,[x19,16]\n ldp x4,x5,[x19,32]\n"
        "ldp x6,x7,[x19,48]\n ldr x8,[x19,64]\n"
        "blr x16\n"
        "str x0,[x19,216]\n str x1,[x19,224]\n add x9,x19,232\n"
        "str q0,[x9]\n str q1,[x9,16]\n str q2,[x9,32]\n str q3,[x9,48]\n"
        "mov sp,x29\n ldr x19,[sp,16]\n ldp x29,x30,[sp],32\n ret\n");

/* The entry's frame: 336 bytes of jf_Regs, x29 and x30 above them. */
__asm__(".text\n.globl bridge_entry\nbridge_entry:\n"
        ".globl bridge_entry_x87_1\nbridge_entry_x87_1:\n"
        ".globl bridge_entry_x87_2\nbridge_entry_x87_2:\n"
        "stp x29,x30,[sp,-16]!\n mov x29,sp\n sub sp,sp,336\n"
        "stp x0,x1,[sp]\n stp x2,x3,[sp,16]\n stp x4,x5,[sp,32]\n"
        "stp x6,x7,[sp,48]\n str x8,[sp,64]\n add x9,sp,80\n"
        "stp q0,q1,[x9]\n stp q2,q3,[x9,32]\n stp q4,q5,[x9,64]\n"
        "stp q6,q7,[x9,96]\n add x9,x29,16\n str x9,[sp,208]\n"
        "mov x0,sp\n bl bridge_dispatch\n"
        "ldr x0,[sp,216]\n ldr x1,[sp,224]\n add x9,sp,232\n"
        "ldr q0,[x9]\n ldr q1,[x9,16]\n ldr q2,[x9,32]\n ldr q3,[x9,48]\n"
        "mov sp,x29\n ldp x29,x30,[sp],16\n ret\n");
