/* SPDX-License-Identifier: MIT
 * Where members go, by the target's rules; for layout.c only. */
#ifndef JF_LAYOUT_PLACE_H
#define JF_LAYOUT_PLACE_H

#include "core/type/record.h"

/* Fill offset and bit_shift of every member of the record, whose types are laid
 * out. False: the size would exceed 2^63-1 bytes. */
bool jf_place_members(const jf_Target *target, jf_Type *rec, uint64_t *size,
                      uint32_t *align);

#endif
