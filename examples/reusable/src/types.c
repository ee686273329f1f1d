/* SPDX-License-Identifier: MIT */
#include "wave.h"

const char *wave_message(enum wave_status status)
{
    switch (status) {
    case WAVE_OK:
        return "all went well";
    case WAVE_NO_MEMORY:
        return "no memory";
    case WAVE_BAD_FREQUENCY:
        return "frequency is not between 0 and half the rate";
    case WAVE_STOPPED:
        return "stopped by the watcher";
    }
    return "unknown status";
}
