/* SPDX-License-Identifier: MIT
 *
 * Frames that C++ exceptions end in, where no machine code is made: one small
 * function in assembly per way of ending, and how a landing pad is told to the
 * personality. No tables: the instruction behind a call does nothing and carries
 * the distance to where an exception goes on.
 *
 *   x86-64    nop [rax + distance], from the end of that instruction
 *   AArch64   movz xzr, #words, from that instruction
 *
 * The exception arrives in DWARF's register 0, rax or x0. Rules: Itanium C++ ABI,
 * "Exception Handling", 1.2 and 1.6; LSB 5.0 core, 10.6 (.eh_frame: personality
 * encodings, 0x1b is a distance of four bytes); SDM volume 2B, NOP; Arm ARM, MOVZ.
 */
#include "exec/inner.h"

#include <string.h>

#if defined(__x86_64__) && defined(__ELF__) && !defined(__ILP32__)

#define CAN_CATCH 1
#define GUARD_TARGET 0

#define TEXT(x) #x
#define GUARD(name, personality)                                                                                                                   \
    __asm__(".pushsection .text\n"                                                                                                                 \
            ".p2align 4\n"                                                                                                                         \
            ".globl " TEXT(name) "\n"                                                                                                              \
                                 ".hidden " TEXT(                                                                                                  \
                                     name) "\n"                                                                                                    \
                                           ".hidden " TEXT(                                                                                        \
                                               personality) "\n"                                                                                   \
                                                            ".type " TEXT(name) ", @function\n" TEXT(                                              \
                                                                name) ":\n"                                                                        \
                                                                      ".cfi_"                                                                      \
                                                                      "startproc"                                                                  \
                                                                      "\n"                                                                         \
                                                                      ".cfi_"                                                                      \
                                                                      "personalit"                                                                 \
                                                                      "y "                                                                         \
                                                                      "0x1b,"                                                                      \
                                                                      " " TEXT(                                                                    \
                                                                          personality) "\n"                                                        \
                                                                                       "pushq %rbp\n"                                              \
                                                                                       ".cfi_def_cfa_offset 16\n"                                  \
                                                                                       ".cfi_offset 6, -16\n"                                      \
                                                                                       "movq %rsp, %rbp\n"                                         \
                                                                                       ".cfi_def_cfa_register 6\n"                                 \
                                                                                       "pushq %rdx\n" /* for the message: see exec_guard_target */ \
                                                                                       "pushq %rdx\n"                                              \
                                                                                       "movq %rdi, %rax\n"                                         \
                                                                                       "movq %rsi, %rdi\n"                                         \
                                                                                       "call *%rax\n"                                              \
                                                                                       ".byte 0x0f, 0x1f, 0x80\n"                                  \
                                                                                       ".long 2\n"                                                 \
                                                                                       "xorl %eax, %eax\n" /* these are the two bytes */           \
                                                                                       "leave\n"                                                   \
                                                                                       ".cfi_def_cfa 7, 8\n"                                       \
                                                                                       "ret\n"                                                     \
                                                                                       ".cfi_endproc\n"                                            \
                                                                                       ".size " TEXT(name) ", .-" TEXT(                            \
                                                                                           name) "\n"                                              \
                                                                                                 ".popsection\n")

GUARD(exec_guard_catches, exec_personality_catches);
GUARD(exec_guard_names, exec_personality_guard);

uintptr_t exec_landing(uintptr_t ip)
{
    static const unsigned char nop[3] = {0x0f, 0x1f, 0x80};
    const char *at = (const char *)ip; /* NOLINT: code is read as data */
    int32_t distance;
    if (memcmp(at, nop, sizeof nop) != 0)
        return 0;
    memcpy(&distance, at + sizeof nop, sizeof distance);
    return ip + sizeof nop + sizeof distance + (uintptr_t)(intptr_t)distance;
}

#elif defined(__aarch64__) && defined(__ELF__) && !defined(__ILP32__)

#define CAN_CATCH 1
#define GUARD_TARGET 16

#define TEXT(x) #x
#define GUARD(name, personality)                                                                                               \
    __asm__(".pushsection .text\n"                                                                                             \
            ".p2align 4\n"                                                                                                     \
            ".globl " TEXT(name) "\n"                                                                                          \
                                 ".hidden " TEXT(                                                                              \
                                     name) "\n"                                                                                \
                                           ".hidden " TEXT(                                                                    \
                                               personality) "\n"                                                               \
                                                            ".type " TEXT(name) ", %function\n" TEXT(                          \
                                                                name) ":\n"                                                    \
                                                                      ".cfi_"                                                  \
                                                                      "startproc"                                              \
                                                                      "\n"                                                     \
                                                                      ".cfi_"                                                  \
                                                                      "personalit"                                             \
                                                                      "y "                                                     \
                                                                      "0x1b,"                                                  \
                                                                      " " TEXT(                                                \
                                                                          personality) "\n"                                    \
                                                                                       "stp x29, x30, [sp, #-32]!\n"           \
                                                                                       ".cfi_def_cfa_offset 32\n"              \
                                                                                       ".cfi_offset 29, -32\n"                 \
                                                                                       ".cfi_offset 30, -24\n"                 \
                                                                                       "mov x29, sp\n"                         \
                                                                                       "stp x2, x2, [sp, #16]\n"               \
                                                                                       "mov x3, x0\n"                          \
                                                                                       "mov x0, x1\n"                          \
                                                                                       "blr x3\n"                              \
                                                                                       ".inst 0xd280005f\n" /* movz xzr, #2 */ \
                                                                                       "mov x0, xzr\n"                         \
                                                                                       "ldp x29, x30, [sp], #32\n"             \
                                                                                       ".cfi_def_cfa_offset 0\n"               \
                                                                                       ".cfi_restore 29\n"                     \
                                                                                       ".cfi_restore 30\n"                     \
                                                                                       "ret\n"                                 \
                                                                                       ".cfi_endproc\n"                        \
                                                                                       ".size " TEXT(name) ", .-" TEXT(        \
                                                                                           name) "\n"                          \
                                                                                                 ".popsection\n")

GUARD(exec_guard_catches, exec_personality_catches);
GUARD(exec_guard_names, exec_personality_guard);

uintptr_t exec_landing(uintptr_t ip)
{
    uint32_t word;
    memcpy(&word, (const char *)ip, sizeof word); /* NOLINT: code is read as data */
    if ((word & 0xffe0001fu) != 0xd280001fu)
        return 0;
    return ip + 4 * (word >> 5 & 0xffff);
}

#else

#define CAN_CATCH 0
#define GUARD_TARGET 0

void *exec_guard_catches(void (*f)(void *), void *arg, const void *target)
{
    (void)target;
    f(arg);
    return NULL;
}

void *exec_guard_names(void (*f)(void *), void *arg, const void *target)
{
    return exec_guard_catches(f, arg, target);
}

uintptr_t exec_landing(uintptr_t ip)
{
    (void)ip;
    return 0;
}

#endif

/* Where above the stack pointer `target` stands. */
enum { TARGET_AT = GUARD_TARGET };

const void *exec_guard_target(uintptr_t sp)
{
    return *(const void *const *)(sp + TARGET_AT); /* NOLINT */
}

bool exec_can_guard(void)
{
    return CAN_CATCH;
}
