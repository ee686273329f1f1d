/* SPDX-License-Identifier: MIT */
#include "wave.h"

#include <math.h>

enum wave_status wave_tone(struct wave_block *out, double hertz, double volume)
{
    double turn = 6.283185307179586 * hertz / out->rate;

    if (!(hertz > 0 && hertz < out->rate / 2))
        return WAVE_BAD_FREQUENCY;
    for (size_t i = 0; i < out->count; i++)
        out->samples[i] = volume * sin(turn * (double)i);
    return WAVE_OK;
}
