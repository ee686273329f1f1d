/* SPDX-License-Identifier: MIT
 * Small arithmetic on sizes and words; no allocation, no failure. */
#ifndef JF_BASE_BITS_H
#define JF_BASE_BITS_H

#include "core/base/conf.h"

static inline uint64_t jf_round_up(uint64_t n, uint64_t align)
{
    JF_ASSERT(align && (align & (align - 1)) == 0);
    return (n + align - 1) & ~(align - 1);
}

static inline bool jf_is_pow2(uint64_t n)
{
    return n && (n & (n - 1)) == 0;
}

static inline uint64_t jf_max64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline uint64_t jf_min64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Mix a word into a hash. */
static inline uint32_t jf_hash_word(uint32_t h, uint64_t w)
{
    uint64_t x = (w ^ h) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(x ^ (x >> 32));
}

/* Hash of a byte string; never 0, so that 0 can mean "empty cell". */
static inline uint32_t jf_hash_bytes(const char *s, size_t n)
{
    uint32_t h = (uint32_t)n * 0x85ebca6bu + 0x1234567u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * 0x01000193u;
    h ^= h >> 15;
    return h ? h : 1;
}

#endif
