/* SPDX-License-Identifier: MIT */
#include "mandel.h"

static mandel_count steps(double x, double y, mandel_count limit)
{
    double re = 0, im = 0;
    mandel_count n = 0;

    while (n < limit && re * re + im * im <= 4) {
        double next = re * re - im * im + x;
        im = 2 * re * im + y;
        re = next;
        n++;
    }
    return n;
}

void mandel_row(struct mandel_view view, unsigned row, unsigned columns,
                mandel_count limit, mandel_count *out)
{
    for (unsigned i = 0; i < columns; i++)
        out[i] =
            steps(view.left + i * view.step, view.top - row * view.step, limit);
}
