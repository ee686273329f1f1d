/* SPDX-License-Identifier: MIT */
#include "wave.h"

#include <stdlib.h>

struct wave_filter {
    double hertz, last;
};

enum wave_status wave_filter_new(double hertz, wave_filter **out)
{
    if (!(hertz > 0))
        return WAVE_BAD_FREQUENCY;
    *out = malloc(sizeof **out);
    if (!*out)
        return WAVE_NO_MEMORY;
    (*out)->hertz = hertz;
    (*out)->last = 0;
    return WAVE_OK;
}

void wave_filter_free(wave_filter *filter)
{
    free(filter);
}

static void run(wave_filter *filter, const struct wave_block *block, size_t from,
                size_t to)
{
    double share =
        filter->hertz / (filter->hertz + block->rate / 6.283185307179586);

    for (size_t i = from; i < to; i++) {
        filter->last += share * (block->samples[i] - filter->last);
        block->samples[i] = filter->last;
    }
}

enum wave_status wave_filter_run(wave_filter *filter, struct wave_block *block)
{
    if (filter->hertz >= block->rate / 2)
        return WAVE_BAD_FREQUENCY;
    run(filter, block, 0, block->count);
    return WAVE_OK;
}

enum wave_status wave_filter_watched(
    wave_filter *filter, struct wave_block *block, size_t step,
    enum wave_status (*watch)(void *user, size_t done), void *user)
{
    if (filter->hertz >= block->rate / 2)
        return WAVE_BAD_FREQUENCY;
    for (size_t done = 0; done < block->count;) {
        size_t left = block->count - done;
        size_t next = done + (step && step < left ? step : left);
        enum wave_status status;
        run(filter, block, done, next);
        done = next;
        status = watch(user, done);
        if (status != WAVE_OK)
            return status;
    }
    return WAVE_OK;
}
