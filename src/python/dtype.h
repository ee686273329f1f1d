/* SPDX-License-Identifier: MIT
 *
 * C types as NumPy's. Both import NumPy and raise ImportError where it is not there.
 */
#ifndef JF_PYTHON_DTYPE_H
#define JF_PYTHON_DTYPE_H

#include "python/export.h"

/* numpy.dtype of values of `ct` (kept there): a new reference. Records have the
 * members at C's offsets, unions all at 0; bit-fields and open arrays are left out.
 * Arrays are sub-array types, of characters 'S16' or 'U16'; pointers are uintp; what
 * NumPy has no type for is a void of its size. */
PyObject *jpy_dtype(CTypeObject *ct);
#endif
