/* SPDX-License-Identifier: MIT
 *
 * Which target and encoder fit the machine this is compiled for: the one place
 * of this room that asks the compiler.
 */
#include "arch/arch.h"

#include "core/target/target.h"

const jf_Encoder *jf_host_encoder(void)
{
#if defined(__x86_64__) && !defined(_WIN32) && !defined(__ILP32__)
    return &jf_encoder_x64_sysv;
#else
    return NULL;
#endif
}

const jf_Target *jf_host_target(void)
{
#if defined(__ILP32__) && !defined(__i386__)
    return NULL; /* 64-bit registers, 32-bit pointers: x32 and its like */
#elif defined(__x86_64__) && defined(_WIN32)
    return &jf_target_x64_windows;
#elif defined(__x86_64__)
    return &jf_target_x64_linux;
#elif defined(__aarch64__) && defined(__APPLE__)
    return &jf_target_a64_apple;
#elif defined(__aarch64__) && defined(__linux__) && !defined(__AARCH64EB__)
    return &jf_target_a64_linux;
#elif defined(__i386__) && defined(__linux__)
    return &jf_target_x86_linux;
#else
    return NULL;
#endif
}
