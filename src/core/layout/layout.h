/* SPDX-License-Identifier: MIT
 *
 * Sizes, alignments, offsets and bit-fields, by the target's rules. Layout
 * happens at first need and once: a cdef of thousands of structs lays out none.
 */
#ifndef JF_LAYOUT_LAYOUT_H
#define JF_LAYOUT_LAYOUT_H

#include "core/base/diag.h"
#include "core/type/type.h"

/* Make `t->size` and `t->align` final, and the offsets of every record inside
 * it. Succeeds at once for what is laid out already.
 *   JF_INCOMPLETE   void, function, [] array, undefined struct (named in `d`)
 *   JF_SEMANTIC     a record that contains itself by value, a size over
 *                   2^63-1, a bit-field wider than its type
 *   JF_UNSUPPORTED  a record with `...;`: only a C compiler knows
 * A failure leaves the type as it was: a later cdef may complete it. */
jf_Status jf_layout(const jf_Target *target, jf_Type *t, jf_Diag *d);

/* Bytes a variable of type `t` with `items` elements in its flexible array
 * needs (items 0: no tail). For an array type of unknown length: `items`
 * elements. JF_SEMANTIC on overflow. */
jf_Status jf_layout_flexible(const jf_Target *target, jf_Type *t, uint64_t items,
                             uint64_t *bytes, jf_Diag *d);

/* A record whose numbers a C compiler gave: its fields carry offset (and bit_shift)
 * already; size and align (a power of two) are these. Lays out the types of its
 * members by the target's rules and marks it laid out. JF_SEMANTIC (naming the
 * record and the field) when a member does not lie inside; the errors of
 * jf_layout for the members' types. A failure leaves the record as it was. */
jf_Status jf_layout_given(jf_Type *rec, uint64_t size, uint32_t align, jf_Diag *d);

/* Lay out one record (and by the target's rules the types of its members) by
 * another target's rules for bit-fields. `big_endian`: bit_shift then counts from
 * the other end of the unit; such fields are not for jf_bits_read and _write. */
jf_Status jf_layout_rules(const jf_Target *target, jf_Type *rec, jf_BitRule bits,
                          bool big_endian, jf_Diag *d);

/* --- bit-fields --------------------------------------------------------------
 *
 * A bit-field of `bits` bits begins `bit_shift` bits above the low end of the
 * byte at `offset`. Where it can be, `offset` is that of the unit of its type,
 * aligned as the type is in this record, and bit_shift + bits <= 8 * size. A
 * packed one that straddles every such unit has the offset of its first byte
 * and bit_shift < 8: with 64 bits it then lies in nine bytes. The unit of a
 * packed one may reach beyond the record. So front ends use these two, which
 * touch only bytes that hold bits of the field; `f->bits` is 1 to 64. */

/* The value, sign-extended to 64 bits where the type is signed. */
uint64_t jf_bits_read(const void *record, const jf_Field *f);
/* Store the low f->bits bits of `value`; the other bits stay. */
void jf_bits_write(void *record, const jf_Field *f, uint64_t value);

#endif
