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
jf_Status jf_layout_flexible(const jf_Target *target, jf_Type *t,
                             uint64_t items, uint64_t *bytes, jf_Diag *d);

#endif
