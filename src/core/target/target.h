/* SPDX-License-Identifier: MIT
 *
 * What differs between targets, as data. A target is a value: every one of
 * them is compiled into every build and tested on every host.
 */
#ifndef JF_TARGET_TARGET_H
#define JF_TARGET_TARGET_H

#include "core/base/conf.h"

typedef enum jf_Arch { JF_ARCH_X64, JF_ARCH_A64, JF_ARCH_X86 } jf_Arch;

/* Calling convention of plain C functions on the target. */
typedef enum jf_Abi {
    JF_ABI_SYSV,    /* System V x86-64 psABI */
    JF_ABI_WIN64,   /* Microsoft x64 */
    JF_ABI_AAPCS64, /* Procedure Call Standard for the Arm 64-bit Architecture */
    JF_ABI_APPLE64, /* the same as Apple changed it */
    JF_ABI_I386     /* layout only: no plans are made for it */
} jf_Abi;

/* How bit-fields are laid out. */
typedef enum jf_BitRule {
    JF_BITS_GNU, /* PCC_BITFIELD_TYPE_MATTERS; an unnamed one aligns nothing */
    JF_BITS_ARM, /* the same, but unnamed and zero-width ones align the struct */
    JF_BITS_MS   /* a new storage unit whenever the declared size changes */
} jf_BitRule;

/* Size and alignment class of a primitive; the column of jf_Target.prim. */
typedef enum jf_SizeClass {
    JF_C_NONE, JF_C_1, JF_C_2, JF_C_4, JF_C_8, JF_C_16, /* fixed integers */
    JF_C_LONG, JF_C_PTR, JF_C_WCHAR, JF_C_FAST16, JF_C_FAST32,
    JF_C_F16, JF_C_F32, JF_C_F64, JF_C_LDOUBLE, JF_C_F128, JF_C_F80,
    JF_C_CF32, JF_C_CF64, JF_C_CLDOUBLE, JF_C_CF128, JF_C_VALIST,
    JF_C_COUNT
} jf_SizeClass;

typedef struct jf_SizeAlign {
    uint8_t size;  /* bytes; 0: the target has no such type */
    uint8_t align; /* bytes, alone (_Alignof) */
    uint8_t field; /* bytes, as a struct member (i386 caps it at 4) */
} jf_SizeAlign;

typedef struct jf_Target {
    const char *name;     /* triple as compilers spell it */
    uint8_t arch;         /* jf_Arch */
    uint8_t abi;          /* jf_Abi */
    uint8_t bits;         /* jf_BitRule */
    bool char_signed;     /* is plain char signed */
    bool wchar_signed;    /* is wchar_t signed */
    bool ldouble_is_f64;  /* long double has the format of double */
    bool ldouble_is_x87;  /* long double is the 80-bit x87 format */
    uint8_t max_align;    /* bytes: __BIGGEST_ALIGNMENT__ / attribute aligned */
    jf_SizeAlign prim[JF_C_COUNT];
} jf_Target;

extern const jf_Target jf_target_x64_linux;
extern const jf_Target jf_target_x64_windows;
extern const jf_Target jf_target_a64_linux;
extern const jf_Target jf_target_a64_apple;
extern const jf_Target jf_target_x86_linux;

/* All of them, NULL-terminated. */
extern const jf_Target *const jf_targets[];

/* By triple or by the short names used above ("x64_linux"); NULL if unknown. */
const jf_Target *jf_target_find(const char *name);

#endif
