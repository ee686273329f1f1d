/* SPDX-License-Identifier: MIT
 *
 * The doors between the files of `_cffi_backend`.
 *
 *   flavour.c  the module and its State
 */
#ifndef JF_PYTHON_CFFI_BACKEND_H
#define JF_PYTHON_CFFI_BACKEND_H

#include "python/jpy.h"

#endif
