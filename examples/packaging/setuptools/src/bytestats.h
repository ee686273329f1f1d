/* SPDX-License-Identifier: MIT
 *
 * How often each byte occurs. */
#ifndef BYTESTATS_H
#define BYTESTATS_H

#include <stddef.h>

#define BYTESTATS_VALUES 256

struct bytestats {
    unsigned runs; /* of equal bytes; not declared to Python */
    int last;
    size_t count[BYTESTATS_VALUES];
    size_t total;
};

void bytestats_add(struct bytestats *stats, const void *bytes, size_t size);

/* Bits per byte, 0 to 8. */
double bytestats_entropy(const struct bytestats *stats);

#endif
