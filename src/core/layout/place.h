/* SPDX-License-Identifier: MIT
 * What the files of this room share: where members go, whose numbers count, and
 * how failures are worded. */
#ifndef JF_LAYOUT_PLACE_H
#define JF_LAYOUT_PLACE_H

#include "core/base/diag.h"
#include "core/type/type.h"

/* Structs in structs in structs: real headers stay below ten. */
enum { LAYOUT_MAX_DEPTH = 1000 };

/* Fill offset and bit_shift of every member of the record, whose types are laid
 * out. False: the size would exceed 2^63-1 bytes. (place.c) */
bool jf_place_members(const jf_Target *target, jf_Type *rec, uint64_t *size,
                      uint32_t *align);

/* --- layout.c ------------------------------------------------------------------ */

/* Report "'T' rest"; returns the status. */
jf_Status jf_layout_fail(jf_Diag *d, jf_Status status, const jf_Type *t,
                         const char *rest);
/* The same for a member: "field 'x' of 'struct s' ...". */
jf_Status jf_layout_fail_field(jf_Diag *d, jf_Status status, const jf_Type *rec,
                               const jf_Field *f, const char *rest);
jf_Status jf_layout_at(const jf_Target *target, jf_Type *t, unsigned depth,
                       jf_Diag *d);
/* Lay out the type of a member, and see whether it may be one. */
jf_Status jf_layout_member(const jf_Target *target, const jf_Type *rec, jf_Field *f,
                           unsigned depth, jf_Diag *d);
void jf_layout_note_flexible(jf_Type *rec);

/* --- given.c ------------------------------------------------------------------- */

/* Lay a partial record out by the numbers of its group's oracle. *known false: it
 * has none for this record, and nothing happened. */
jf_Status jf_layout_by_oracle(const jf_Target *target, jf_Type *rec, unsigned depth,
                              bool *known, jf_Diag *d);
/* Hold a complete record, placed by our rules, against the oracle's numbers. */
jf_Status jf_layout_compare(const jf_Type *rec, uint64_t size, uint32_t align,
                            jf_Diag *d);

#endif
