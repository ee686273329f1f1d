/* SPDX-License-Identifier: MIT
 *
 * Rows of the Mandelbrot set. */
#ifndef MANDEL_H
#define MANDEL_H

#include <stdint.h>

typedef uint16_t mandel_count;

struct mandel_view {
    double left, top, step;
};

/* How many steps each point of a row takes to leave; `limit` if it stays. */
void mandel_row(struct mandel_view view, unsigned row, unsigned columns,
                mandel_count limit, mandel_count *out);

#endif
