/* SPDX-License-Identifier: MIT */
#include "edit.h"

#include <stdlib.h>

static size_t least(size_t a, size_t b, size_t c)
{
    size_t n = a < b ? a : b;

    return n < c ? n : c;
}

size_t edit_distance(const uint32_t *a, size_t a_length, const uint32_t *b,
                     size_t b_length, const unsigned cost[EDIT_KINDS])
{
    size_t *row = calloc(b_length + 1, sizeof *row);
    size_t result;

    if (!row)
        return (size_t)-1;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j * cost[EDIT_INSERT];
    for (size_t i = 1; i <= a_length; i++) {
        size_t corner = row[0];
        row[0] = i * cost[EDIT_DELETE];
        for (size_t j = 1; j <= b_length; j++) {
            size_t above = row[j];
            size_t same = a[i - 1] == b[j - 1] ? 0 : cost[EDIT_REPLACE];
            row[j] = least(above + cost[EDIT_DELETE],
                           row[j - 1] + cost[EDIT_INSERT], corner + same);
            corner = above;
        }
    }
    result = row[b_length];
    free(row);
    return result;
}
