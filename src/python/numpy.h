/* SPDX-License-Identifier: MIT
 *
 * The part of NumPy's binary interface that is read here, without its headers and
 * without importing it: arrays and their item types have begun with these fields
 * since NumPy 1.7, in 2.x as well (numpy/ndarraytypes.h: PyArrayObject_fields,
 * PyArray_Descr). Its functions are reached through the capsules that its own
 * headers use, by the slots that its C API fixes for good.
 */
#ifndef JF_PYTHON_NUMPY_H
#define JF_PYTHON_NUMPY_H

#include <string.h>

#include "python/jpy.h"

typedef struct NumpyDescr {
    PyObject_HEAD
    PyTypeObject *scalar;
    char kind;         /* 'i', 'u', 'f', 'c', 'b', 'V', 'O', ... */
    char type;         /* one character for each type */
    char byteorder;    /* '=' native, '|' does not matter, '<', '>' */
    char old_flags;
    int type_num;      /* NUMPY_* */
} NumpyDescr;          /* what follows differs between 1.x and 2.x */

typedef struct NumpyArray {
    PyObject_HEAD
    char *data;
    int nd;
    Py_ssize_t *dimensions; /* nd of each */
    Py_ssize_t *strides;    /* bytes */
    PyObject *base;
    NumpyDescr *descr;
    int flags;              /* NUMPY_C_CONTIGUOUS, ... */
    PyObject *weakrefs;
} NumpyArray;

enum {
    NUMPY_C_CONTIGUOUS = 0x1,
    NUMPY_ALIGNED = 0x100,
    NUMPY_WRITEABLE = 0x400
};

/* NPY_TYPES: the same numbers in every release. */
enum {
    NUMPY_BOOL, NUMPY_BYTE, NUMPY_UBYTE, NUMPY_SHORT, NUMPY_USHORT, NUMPY_INT,
    NUMPY_UINT, NUMPY_LONG, NUMPY_ULONG, NUMPY_LONGLONG, NUMPY_ULONGLONG,
    NUMPY_FLOAT, NUMPY_DOUBLE, NUMPY_LONGDOUBLE, NUMPY_CFLOAT, NUMPY_CDOUBLE,
    NUMPY_CLONGDOUBLE, NUMPY_OBJECT, NUMPY_STRING, NUMPY_UNICODE, NUMPY_VOID,
    NUMPY_DATETIME, NUMPY_TIMEDELTA, NUMPY_HALF
};
/* NumpyDescr.byteorder of items that this machine would have to turn round. */
#define NUMPY_SWAPPED (*(const unsigned char *)&(const uint16_t){1} ? '>' : '<')

/* numpy.ndarray once somebody has imported NumPy, else NULL without an exception;
 * borrowed. Remembered in the state. */
PyTypeObject *jpy_ndarray_type(State *st);
/* Is `o` exactly an ndarray? Quick; false as long as NumPy is not imported. */
static inline bool jpy_is_ndarray(State *st, PyObject *o)
{
    PyTypeObject *t = st->ndarray_type;
    return t ? Py_IS_TYPE(o, t)
             : Py_TYPE(o)->tp_name[0] == 'n' &&
                   strcmp(Py_TYPE(o)->tp_name, "numpy.ndarray") == 0 &&
                   jpy_ndarray_type(st) == Py_TYPE(o);
}
/* The type number of items with this Code (a `long` and a `long long` are both
 * NUMPY_LONG where both have 8 bytes); -1: NumPy has none. */
int jpy_numpy_type(uint8_t code);
/* Are items of type number `num`, in native byte order, of this Code? Integers by
 * size and sign; bytes and characters of one byte fit each other. */
bool jpy_numpy_fits(int num, uint8_t code);

/* What a pointer to items of this Code asks of an array, in one word: the types
 * that fit as bits 0 to 31, the flags that must be set from bit 32 on. Unlike
 * above, signs must agree. `any`: whatever it points to are just bytes. 0: only
 * jpy_array_view() can tell. */
uint64_t jpy_numpy_wants(uint8_t code, bool any, bool writable);
/* The items of an exact ndarray if they are as wanted; else NULL, no exception. */
static inline char *jpy_numpy_data(const PyObject *o, uint64_t wants)
{
    const NumpyArray *a = (const NumpyArray *)o;
    const NumpyDescr *d = a->descr;
    uint32_t flags = (uint32_t)(wants >> 32);
    if (((uint32_t)a->flags & flags) != flags || (unsigned)d->type_num > 31 ||
        !(wants >> d->type_num & 1) ||
        (flags & NUMPY_ALIGNED && d->byteorder == NUMPY_SWAPPED))
        return NULL;
    return a->data;
}

/* Items of an array. */
static inline size_t jpy_numpy_items(const PyObject *o)
{
    const NumpyArray *a = (const NumpyArray *)o;
    size_t n = 1;
    for (int i = 0; i < a->nd; i++)
        n *= (size_t)a->dimensions[i];
    return n;
}
/* Bytes of an item where the type alone says it, else 0. */
size_t jpy_numpy_size(const PyObject *o);

/* The tables of NumPy's C API, importing NumPy: NULL with an exception (ImportError
 * that says what needs NumPy: `what`, "ffi.ufunc()"). Kept for good. */
void **jpy_numpy_api(State *st, const char *what);   /* _ARRAY_API */
void **jpy_numpy_umath(State *st, const char *what); /* _UFUNC_API */

#endif
