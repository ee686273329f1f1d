/* SPDX-License-Identifier: MIT
 *
 * The header that C programs include: the guard, the system headers, and the
 * declarations, which are in files of their own. */
#ifndef WAVE_H
#define WAVE_H

#include <stddef.h>

#include "wave_types.h"

#include "wave_filter.h"
#include "wave_tone.h"

#endif
