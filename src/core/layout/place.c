/* SPDX-License-Identifier: MIT
 *
 * Where members go. Knows the two families of rules for bit-fields, GNU's (with
 * Arm's addition) and Microsoft's, and what packed, pack and aligned do to each;
 * knows nothing of completeness or messages. Sources: System V psABI x86-64
 * 3.1.2, AAPCS64 10.1.8, GCC's manual on -mms-bitfields and on the attributes;
 * where these are silent, what the compilers do (tests/layout compares).
 */
#include "core/layout/place.h"

#include "core/base/bits.h"

/* The state of one record under construction. Positions count bits: a size of
 * 2^63-1 bytes needs 66 of them, so whole bytes and bits are kept apart. */
typedef struct Place {
    const jf_Target *target;
    const jf_Record *rec;
    bool is_union;
    uint64_t bytes; /* whole bytes used */
    unsigned bit;   /* 0..7: bits used of the next one */
    uint64_t end;   /* union: bytes of its largest member */
    uint32_t align; /* of the record so far, bytes */
    /* Microsoft's rule: the run of bit-fields being filled */
    uint64_t run_size; /* bytes of its declared type; 0: no run */
    uint64_t run_left; /* bits left in its unit */
    bool after_bits;   /* the previous member was a bit-field of width > 0 */
    bool failed;       /* too large */
} Place;

static void advance(Place *p, uint64_t bytes, uint64_t bits)
{
    uint64_t all = p->bit + bits;
    if (bytes > INT64_MAX || p->bytes + bytes + all / 8 > INT64_MAX) {
        p->failed = true;
        return;
    }
    p->bytes += bytes + all / 8;
    p->bit = all % 8;
}

static void align_to(Place *p, uint64_t align)
{
    if (p->bit) {
        p->bytes++;
        p->bit = 0;
    }
    p->bytes = jf_round_up(p->bytes, align);
    if (p->bytes > INT64_MAX)
        p->failed = true;
}

static void grow_align(Place *p, uint32_t align)
{
    if (align > p->align)
        p->align = align;
}

static bool is_packed(const Place *p, const jf_Field *f)
{
    return (p->rec->flags & JF_R_PACKED) || f->packed;
}

/* #pragma pack(n) is an upper bound on every alignment, asked for or natural. */
static uint32_t cap(const Place *p, uint32_t align)
{
    return p->rec->pack && p->rec->pack < align ? p->rec->pack : align;
}

/* Alignment of an ordinary member. Packed brings it to 1, `aligned` up again. */
static uint32_t member_align(const Place *p, const jf_Field *f)
{
    uint32_t a = is_packed(p, f) ? 1 : f->type->align;
    if (f->align > a)
        a = f->align;
    return cap(p, a ? a : 1);
}

static void place_plain(Place *p, jf_Field *f)
{
    uint32_t a = member_align(p, f);
    grow_align(p, a);
    align_to(p, a);
    f->offset = p->bytes;
    f->bit_shift = 0;
    if (f->type->size != JF_UNKNOWN) /* not for flexible arrays */
        advance(p, f->type->size, 0);
}

/* Describe the bit-field that begins at the current position: by the aligned
 * unit of its type if it lies inside one, by its first byte otherwise. */
static void set_unit(const Place *p, jf_Field *f, uint64_t align)
{
    uint64_t base = p->bytes & ~(align - 1);
    uint64_t shift = (p->bytes - base) * 8 + p->bit;
    if (shift + (uint64_t)f->bits > f->type->size * 8) {
        base = p->bytes;
        shift = p->bit;
    }
    f->offset = base;
    f->bit_shift = (uint16_t)shift;
}

/* --- GNU and Arm ------------------------------------------------------------- */

/* psABI 3.1.2: a bit-field lies inside a unit of its declared type, aligned as
 * that type is; a zero-width one moves on to the next boundary of its type.
 * AAPCS64 10.1.8: there, unnamed ones align the whole record as well. */
static void place_bits_gnu(Place *p, jf_Field *f)
{
    uint32_t natural = f->type->align;
    uint32_t a = p->rec->pack ? cap(p, natural) : is_packed(p, f) ? 1 : natural;
    bool aligns = f->name || p->target->bits == JF_BITS_ARM;
    if (f->bits == 0) {
        align_to(p, jf_max64(natural, f->align));
        f->offset = p->bytes;
        f->bit_shift = 0;
        if (aligns)
            grow_align(p, natural);
        return;
    }
    uint32_t want = cap(p, f->align ? f->align : 1);
    if (f->align)
        align_to(p, want);
    bool tight = is_packed(p, f) || p->rec->pack; /* then units do not matter */
    if (!tight) {
        uint64_t into = (p->bytes % a) * 8 + p->bit;
        uint64_t units = (into + (uint64_t)f->bits + a * 8 - 1) / (a * 8);
        if (units > f->type->size / a)
            align_to(p, a);
    }
    if (aligns) {
        grow_align(p, a);
        grow_align(p, want);
    }
    set_unit(p, f, tight ? 1 : a);
    advance(p, 0, (uint64_t)f->bits);
}

/* --- Microsoft ---------------------------------------------------------------- */

/* The unit of a run is used up whole, even if bits are left. */
static void end_run(Place *p)
{
    if (p->run_size)
        advance(p, 0, p->run_left);
    p->run_size = 0;
    p->run_left = 0;
}

/* Neighbours whose declared types have the same size share a unit of that size
 * while there is room. A zero-width one ends a run, and does nothing elsewhere. */
static void place_bits_ms(Place *p, jf_Field *f)
{
    uint32_t a = is_packed(p, f) ? 1 : f->type->align;
    if (f->align > a)
        a = f->align;
    a = cap(p, a);
    if (f->bits == 0) {
        if (p->after_bits) {
            end_run(p);
            align_to(p, a);
            grow_align(p, cap(p, f->type->align)); /* packed or not */
        }
        p->after_bits = false;
        f->offset = p->bytes;
        f->bit_shift = 0;
        return;
    }
    if (p->run_size != f->type->size || p->run_left < (uint64_t)f->bits) {
        /* GCC takes the next unit of a run where the last one ends, and that is no
         * boundary where a packed member began the run. */
        bool next = p->run_size == f->type->size && !f->align;
        end_run(p);
        if (!next)
            align_to(p, a);
        p->run_size = f->type->size;
        p->run_left = f->type->size * 8;
    }
    if (!is_packed(p, f))
        grow_align(p, a);
    uint64_t used = f->type->size * 8 - p->run_left;
    f->offset = p->bytes - used / 8;
    f->bit_shift = (uint16_t)used;
    p->run_left -= (uint64_t)f->bits;
    p->after_bits = true;
    advance(p, 0, (uint64_t)f->bits);
}

/* --- the record ---------------------------------------------------------------- */

static void place_one(Place *p, jf_Field *f)
{
    if (p->is_union) {
        p->bytes = 0;
        p->bit = 0;
    }
    if (f->bits < 0) {
        if (p->target->bits == JF_BITS_MS)
            end_run(p);
        p->after_bits = false;
        place_plain(p, f);
    } else if (p->target->bits == JF_BITS_MS) {
        place_bits_ms(p, f);
    } else {
        place_bits_gnu(p, f);
    }
    if (p->is_union) {
        p->run_size = 0; /* and the rest of its unit is not used up */
        p->run_left = 0;
        p->after_bits = false;
        p->end = jf_max64(p->end, p->bytes + (p->bit != 0));
    }
}

bool jf_place_members(const jf_Target *target, jf_Type *rec, uint64_t *size,
                      uint32_t *align)
{
    jf_Record *r = rec->u.rec;
    Place p = {
        .target = target, .rec = r, .is_union = rec->kind == JF_UNION, .align = 1};
    for (uint32_t i = 0; i < r->n_fields && !p.failed; i++)
        place_one(&p, &r->fields[i]);
    end_run(&p);
    grow_align(&p, r->want_align);
    if (p.is_union) {
        p.bytes = p.end;
        p.bit = 0;
    }
    align_to(&p, p.align);
    *size = p.bytes;
    *align = p.align;
    return !p.failed;
}
