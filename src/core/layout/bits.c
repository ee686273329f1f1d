/* SPDX-License-Identifier: MIT
 *
 * Reading and writing bit-fields. Touches only the bytes that hold bits of the
 * field: its neighbours may be written by other threads (C11 3.14p3 gives
 * every separate memory location that right), and the storage unit of a packed
 * one may reach beyond the end of the record. Little-endian, as every target.
 */
#include "core/layout/layout.h"

static bool is_signed(const jf_Type *t)
{
    if (t->kind == JF_ENUM && t->to)
        t = t->to;
    return t->kind != JF_BOOL && (t->flags & JF_T_SIGNED);
}

uint64_t jf_bits_read(const void *record, const jf_Field *f)
{
    const uint8_t *p = (const uint8_t *)record + f->offset + f->bit_shift / 8;
    unsigned bits = (unsigned)f->bits, low = f->bit_shift % 8u;
    JF_ASSERT(f->bits > 0 && f->bits <= 64);
    uint64_t v = (uint64_t)*p++ >> low;
    for (unsigned have = 8 - low; have < bits; have += 8)
        v |= (uint64_t)*p++ << have;
    if (bits == 64)
        return v;
    uint64_t mask = ((uint64_t)1 << bits) - 1;
    v &= mask;
    return is_signed(f->type) && v >> (bits - 1) ? v | ~mask : v;
}

void jf_bits_write(void *record, const jf_Field *f, uint64_t value)
{
    uint8_t *p = (uint8_t *)record + f->offset + f->bit_shift / 8;
    unsigned left = (unsigned)f->bits, low = f->bit_shift % 8u;
    JF_ASSERT(f->bits > 0 && f->bits <= 64);
    while (left) {
        unsigned here = 8 - low < left ? 8 - low : left;
        uint8_t mask = (uint8_t)(((1u << here) - 1) << low);
        uint8_t bits = (uint8_t)((value << low) & mask);
        *p = (uint8_t)((*p & ~mask) | bits);
        value >>= here;
        left -= here;
        low = 0;
        p++;
    }
}
