/* SPDX-License-Identifier: MIT
 *
 * The targets' tables. Sources: System V psABI x86-64 1.0 figure 3.1, i386
 * psABI table 2.1, AAPCS64 table 3, Apple's "Writing ARM64 code", Microsoft's
 * "x64 software conventions: types and storage". Each row is checked against
 * the target's C compiler by tests/layout.
 */
#include "core/target/target.h"

#include <string.h>

#define ROW(cls, size, align) [cls] = {size, align, align}

#define COMMON_INTS ROW(JF_C_1, 1, 1), ROW(JF_C_2, 2, 2), ROW(JF_C_4, 4, 4)

#define IEEE_FLOATS ROW(JF_C_F32, 4, 4), ROW(JF_C_CF32, 8, 4), ROW(JF_C_F16, 2, 2)

const jf_Target jf_target_x64_linux = {
    .name = "x86_64-linux-gnu",
    .arch = JF_ARCH_X64,
    .abi = JF_ABI_SYSV,
    .bits = JF_BITS_GNU,
    .char_signed = true,
    .wchar_signed = true,
    .ldouble_is_x87 = true,
    .max_align = 16,
    .prim = {COMMON_INTS, IEEE_FLOATS, ROW(JF_C_8, 8, 8), ROW(JF_C_16, 16, 16),
             ROW(JF_C_LONG, 8, 8), ROW(JF_C_PTR, 8, 8), ROW(JF_C_WCHAR, 4, 4),
             ROW(JF_C_FAST16, 8, 8), ROW(JF_C_FAST32, 8, 8), ROW(JF_C_F64, 8, 8),
             ROW(JF_C_LDOUBLE, 16, 16), ROW(JF_C_F128, 16, 16),
             ROW(JF_C_F80, 16, 16), ROW(JF_C_CF64, 16, 8),
             ROW(JF_C_CLDOUBLE, 32, 16), ROW(JF_C_CF128, 32, 16),
             ROW(JF_C_VALIST, 24, 8)},
};

const jf_Target jf_target_x64_windows = {
    .name = "x86_64-w64-mingw32",
    .arch = JF_ARCH_X64,
    .abi = JF_ABI_WIN64,
    .bits = JF_BITS_MS,
    .char_signed = true,
    .wchar_signed = false,
    .ldouble_is_x87 = true, /* mingw; Microsoft's own compiler has f64 */
    .max_align = 16,
    .prim = {COMMON_INTS, IEEE_FLOATS, ROW(JF_C_8, 8, 8), ROW(JF_C_16, 16, 16),
             ROW(JF_C_LONG, 4, 4), ROW(JF_C_PTR, 8, 8), ROW(JF_C_WCHAR, 2, 2),
             ROW(JF_C_FAST16, 2, 2), ROW(JF_C_FAST32, 4, 4), ROW(JF_C_F64, 8, 8),
             ROW(JF_C_LDOUBLE, 16, 16), ROW(JF_C_F128, 16, 16),
             ROW(JF_C_F80, 16, 16), ROW(JF_C_CF64, 16, 8),
             ROW(JF_C_CLDOUBLE, 32, 16), ROW(JF_C_CF128, 32, 16),
             ROW(JF_C_VALIST, 8, 8)},
};

const jf_Target jf_target_a64_linux = {
    .name = "aarch64-linux-gnu",
    .arch = JF_ARCH_A64,
    .abi = JF_ABI_AAPCS64,
    .bits = JF_BITS_ARM,
    .char_signed = false,
    .wchar_signed = false,
    .max_align = 16,
    .prim = {COMMON_INTS, IEEE_FLOATS, ROW(JF_C_8, 8, 8), ROW(JF_C_16, 16, 16),
             ROW(JF_C_LONG, 8, 8), ROW(JF_C_PTR, 8, 8), ROW(JF_C_WCHAR, 4, 4),
             ROW(JF_C_FAST16, 8, 8), ROW(JF_C_FAST32, 8, 8), ROW(JF_C_F64, 8, 8),
             ROW(JF_C_LDOUBLE, 16, 16), ROW(JF_C_F128, 16, 16),
             ROW(JF_C_CF64, 16, 8), ROW(JF_C_CLDOUBLE, 32, 16),
             ROW(JF_C_CF128, 32, 16), ROW(JF_C_VALIST, 32, 8)},
};

const jf_Target jf_target_a64_apple = {
    .name = "arm64-apple-macosx",
    .arch = JF_ARCH_A64,
    .abi = JF_ABI_APPLE64,
    .bits = JF_BITS_GNU,
    .char_signed = true,
    .wchar_signed = true,
    .ldouble_is_f64 = true,
    .max_align = 16,
    .prim = {COMMON_INTS, IEEE_FLOATS, ROW(JF_C_8, 8, 8), ROW(JF_C_16, 16, 16),
             ROW(JF_C_LONG, 8, 8), ROW(JF_C_PTR, 8, 8), ROW(JF_C_WCHAR, 4, 4),
             ROW(JF_C_FAST16, 2, 2), ROW(JF_C_FAST32, 4, 4), ROW(JF_C_F64, 8, 8),
             ROW(JF_C_LDOUBLE, 8, 8), ROW(JF_C_CF64, 16, 8),
             ROW(JF_C_CLDOUBLE, 16, 8), ROW(JF_C_VALIST, 8, 8)},
};

const jf_Target jf_target_x86_linux = {
    .name = "i386-linux-gnu",
    .arch = JF_ARCH_X86,
    .abi = JF_ABI_I386,
    .bits = JF_BITS_GNU,
    .char_signed = true,
    .wchar_signed = true,
    .ldouble_is_x87 = true,
    .max_align = 16,
    .prim = {COMMON_INTS, IEEE_FLOATS, [JF_C_8] = {8, 4, 4}, ROW(JF_C_LONG, 4, 4),
             ROW(JF_C_PTR, 4, 4), ROW(JF_C_WCHAR, 4, 4), ROW(JF_C_FAST16, 4, 4),
             ROW(JF_C_FAST32, 4, 4), [JF_C_F64] = {8, 4, 4},
             [JF_C_LDOUBLE] = {12, 4, 4},
             ROW(JF_C_F128, 16, 16), [JF_C_F80] = {12, 4, 4},
             [JF_C_CF64] = {16, 4, 4}, [JF_C_CLDOUBLE] = {24, 4, 4},
             ROW(JF_C_CF128, 32, 16), ROW(JF_C_VALIST, 4, 4)},
};

const jf_Target *const jf_targets[] = {
    &jf_target_x64_linux, &jf_target_x64_windows, &jf_target_a64_linux,
    &jf_target_a64_apple, &jf_target_x86_linux,   NULL,
};

static const char *const target_short[] = {
    "x64_linux", "x64_windows", "a64_linux", "a64_apple", "x86_linux",
};

const jf_Target *jf_target_find(const char *name)
{
    for (size_t i = 0; jf_targets[i]; i++)
        if (!strcmp(jf_targets[i]->name, name) || !strcmp(target_short[i], name))
            return jf_targets[i];
    return NULL;
}
