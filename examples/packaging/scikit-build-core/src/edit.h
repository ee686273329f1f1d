/* SPDX-License-Identifier: MIT
 *
 * The least cost of turning one string into another. */
#ifndef EDIT_H
#define EDIT_H

#include <stddef.h>
#include <stdint.h>

enum edit_kind { EDIT_INSERT, EDIT_DELETE, EDIT_REPLACE, EDIT_KINDS };

/* (size_t)-1 if there is no memory. */
size_t edit_distance(const uint32_t *a, size_t a_length, const uint32_t *b,
                     size_t b_length, const unsigned cost[EDIT_KINDS]);

#endif
