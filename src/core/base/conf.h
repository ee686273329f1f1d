/* SPDX-License-Identifier: MIT
 *
 * What the compiler offers. The only file of the core that may ask which
 * compiler this is; every other file uses the words defined here.
 */
#ifndef JF_BASE_CONF_H
#define JF_BASE_CONF_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Made by the build: JF_VERSION, and JF_HAVE_LIBFFI where libffi was found. */
#ifdef __has_include
#if __has_include("jf_config.h")
#include "jf_config.h"
#endif
#endif

#if defined(__GNUC__) || defined(__clang__)
#define JF_LIKELY(x) __builtin_expect(!!(x), 1)
#define JF_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define JF_NORETURN __attribute__((noreturn))
#define JF_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define JF_LIKELY(x) (x)
#define JF_UNLIKELY(x) (x)
#define JF_NORETURN
#define JF_PRINTF(f, a)
#endif

/* Behind a _Thread_local: at a fixed distance from the thread pointer in every
 * thread, also in a shared library (ELF's initial-exec model). */
#if defined(__ELF__) && (defined(__GNUC__) || defined(__clang__))
#define JF_STATIC_TLS __attribute__((tls_model("initial-exec")))
#define JF_HAS_STATIC_TLS 1
#else
#define JF_STATIC_TLS
#define JF_HAS_STATIC_TLS 0
#endif

#ifdef __cplusplus
#define JF_STATIC_ASSERT(c, m) static_assert(c, m)
#else
#define JF_STATIC_ASSERT(c, m) _Static_assert(c, m)
#endif

/* Three tiers of asserts: cheap ones stay in release builds that keep
 * assert(); expensive ones (whole-structure walks) need JF_PARANOID. */
#define JF_ASSERT(c) assert(c)
#ifdef JF_PARANOID
#define JF_ASSERT_SLOW(c) assert(c)
#else
#define JF_ASSERT_SLOW(c) ((void)0)
#endif

#define JF_COUNT(a) (sizeof(a) / sizeof((a)[0]))

#endif
