/* SPDX-License-Identifier: MIT */
#include "bytestats.h"

#include <math.h>

void bytestats_add(struct bytestats *stats, const void *bytes, size_t size)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < size; i++) {
        if (stats->total == 0 || stats->last != p[i])
            stats->runs++;
        stats->last = p[i];
        stats->count[p[i]]++;
        stats->total++;
    }
}

double bytestats_entropy(const struct bytestats *stats)
{
    double bits = 0;

    for (int i = 0; i < BYTESTATS_VALUES; i++) {
        double share = (double)stats->count[i] / (double)stats->total;
        if (share > 0)
            bits -= share * log2(share);
    }
    return bits;
}
