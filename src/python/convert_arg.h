/* SPDX-License-Identifier: MIT
 *
 * What the files of pointer arguments share: memory that an object lends for a
 * call, and whether its items are those that a pointer type asks for.
 *
 *   convert_arg.c         who may stand for a pointer; what lives for the call
 *   convert_arg_array.c   items against types; NumPy arrays; the buffer protocol
 *   convert_arg_format.c  items of several members: PEP 3118 against a struct
 *   convert_arg_dlpack.c  DLPack: tensors
 *   convert_arg_arrow.c   the Arrow C data interface: columns
 */
#ifndef JF_PYTHON_CONVERT_ARG_H
#define JF_PYTHON_CONVERT_ARG_H

#include "python/jpy.h"

/* What one letter of a PEP 3118 format stands for. */
typedef enum Sort {
    S_OTHER,
    S_SIGNED,
    S_UNSIGNED,
    S_FLOAT,
    S_LDOUBLE,
    S_COMPLEX,
    S_BOOL,
    S_CHAR,
    S_TEXT,
    S_POINTER,
    S_OBJECT, /* a Python object: never given to C */
    S_PAD
} Sort;

extern const uint8_t jpy_letter_sorts[128], jpy_code_sorts[V_UNKNOWN + 1];
static inline Sort jpy_sort_of_letter(char c)
{
    return (Sort)jpy_letter_sorts[c & 127];
}
static inline Sort jpy_sort_of_code(uint8_t code)
{
    return (Sort)jpy_code_sorts[code];
}
/* Does a C scalar of this Code and size lie where there is such an item? */
static inline bool jpy_scalar_fits(uint8_t code, Py_ssize_t size, Sort got,
                                   Py_ssize_t got_size)
{
    Sort wanted = jpy_sort_of_code(code);
    return size == got_size && got != S_OTHER &&
           (wanted == got || (got == S_CHAR && size == 1 && wanted != S_BOOL));
}

/* --- convert_arg_format.c ------------------------------------------------- */

/* A format that is one letter with at most a prefix, in native order; S_OTHER: it
 * is not. The first of the two reads what is longer than a letter. */
Sort jpy_format_other(const char *format);
static inline Sort jpy_format_scalar(const char *format)
{
    return format && *format && !format[1] ? jpy_sort_of_letter(*format)
                                           : jpy_format_other(format);
}
/* Do items of this format, `itemsize` bytes each, lie like the struct or union
 * `rec` (laid out)? Every member must be there, at its offset, of its type. 1, 0,
 * or -1 with a MemoryError. */
int jpy_format_is_record(State *st, const char *format, Py_ssize_t itemsize,
                         const jf_Type *rec);
/* Is a Python object anywhere in an item? */
bool jpy_format_has_object(const char *format);

/* --- convert_arg_dlpack.c, convert_arg_arrow.c ---------------------------- */

/* `o` lends its items to the call as one C-contiguous run: fill `view` (obj is what
 * keeps the memory; PyBuffer_Release gives it back). 1, 0 without an exception if
 * `o` is nothing of the kind, -1 with one. */
int jpy_dlpack_view(State *st, PyObject *o, Py_buffer *view);
int jpy_arrow_view(State *st, PyObject *o, Py_buffer *view);

/* --- convert_arg_array.c -------------------------------------------------- */

/* An exact ndarray as the pointer `ct` to items with these qualifiers. 1; 0: ask
 * jpy_array_view(); -1 with an exception. */
int jpy_ndarray_pointer(CTypeObject *ct, unsigned quals, PyObject *value,
                        void **pointer);
/* Pin the items of `value`, which is no cdata, and check them against `ct`. 1; 0
 * without an exception: no array of any kind; -1 with one. */
int jpy_array_view(CTypeObject *ct, unsigned quals, PyObject *value,
                   Py_buffer *view);
/* The same for items of whatever type, contiguous or not. */
int jpy_any_view(State *st, PyObject *value, Py_buffer *view);

/* --- callback_auto.c ------------------------------------------------------ */

enum { AUTO_CALLBACKS = 16 };

/* A callback of the function pointer type `ct` for one call; jpy_auto_give() ends it.
 * NULL with an exception. */
CDataExt *jpy_auto_take(CTypeObject *ct, PyObject *callable);
void jpy_auto_give(CDataExt *cd);

/* --- convert_arg.c -------------------------------------------------------- */

/* jpy_pointer_argument() that also says how many bytes there are. */
int jpy_sized_pointer(CTypeObject *ct, unsigned quals, PyObject *value,
                      void **pointer, Py_ssize_t *bytes, Temp **temps);

/* PyBuffer_Release() with an exception in flight: a capsule's destructor may be
 * written in Python. */
static inline void jpy_view_release(Py_buffer *view)
{
    PyObject *e = PyErr_Occurred() ? jpy_exception_take() : NULL;
    PyBuffer_Release(view);
    if (e)
        jpy_exception_give(e);
}

/* Fill a view of one dimension by hand. `format` is static text; `owner` is taken
 * over. */
static inline void jpy_view_fill(Py_buffer *view, PyObject *owner, void *data,
                                 Py_ssize_t items, Py_ssize_t itemsize,
                                 const char *format, bool readonly)
{
    *view = (Py_buffer){.buf = data,
                        .obj = owner,
                        .len = items * itemsize,
                        .itemsize = itemsize,
                        .readonly = readonly,
                        .ndim = 1,
                        .format = (char *)format};
}

#endif
