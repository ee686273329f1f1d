/* SPDX-License-Identifier: MIT
 *
 * Finding NumPy without its headers: its array type if it is there, the tables of
 * its C API if somebody asks for them, its type numbers. See numpy.h.
 */
#include "python/numpy.h"

#include <string.h>

PyTypeObject *jpy_ndarray_type(State *st)
{
    if (st->ndarray_type)
        return st->ndarray_type;
    PyObject *modules = PyImport_GetModuleDict(); /* borrowed */
    PyObject *numpy =
        modules ? PyDict_GetItemString(modules, "numpy") : NULL; /* borrowed */
    PyObject *type = numpy ? PyObject_GetAttrString(numpy, "ndarray") : NULL;
    if (!type) {
        PyErr_Clear(); /* not imported, or only in part: no arrays yet */
        return NULL;
    }
    if (PyType_Check(type) &&
        ((PyTypeObject *)type)->tp_basicsize >= (Py_ssize_t)sizeof(NumpyArray))
        st->ndarray_type =
            (PyTypeObject *)Py_NewRef(type); /* NumPy is never unloaded */
    Py_DECREF(type);
    return st->ndarray_type;
}

/* Integers of each size as NumPy numbers them on this platform: C's own types. */
static int integer_type(size_t size, bool is_unsigned)
{
    int num = size == sizeof(char)        ? NUMPY_BYTE
              : size == sizeof(short)     ? NUMPY_SHORT
              : size == sizeof(long)      ? NUMPY_LONG
              : size == sizeof(int)       ? NUMPY_INT
              : size == sizeof(long long) ? NUMPY_LONGLONG
                                          : -1;
    return num < 0 ? -1 : num + is_unsigned;
}

int jpy_numpy_type(uint8_t code)
{
    switch ((Code)code) {
    case V_BOOL:
        return NUMPY_BOOL;
    case V_I8:
    case V_CHAR:
        return NUMPY_BYTE;
    case V_U8:
        return NUMPY_UBYTE;
    case V_I16:
        return integer_type(2, false);
    case V_U16:
    case V_CHAR16:
        return integer_type(2, true);
    case V_I32:
        return integer_type(4, false);
    case V_U32:
    case V_CHAR32:
        return integer_type(4, true);
    case V_I64:
        return integer_type(8, false);
    case V_U64:
        return integer_type(8, true);
    case V_F16:
        return NUMPY_HALF;
    case V_F32:
        return NUMPY_FLOAT;
    case V_F64:
        return NUMPY_DOUBLE;
    case V_LDOUBLE:
        return NUMPY_LONGDOUBLE;
    case V_CF32:
        return NUMPY_CFLOAT;
    case V_CF64:
        return NUMPY_CDOUBLE;
    case V_CLDOUBLE:
        return NUMPY_CLONGDOUBLE;
    default:
        return -1;
    }
}

/* Twins: `long` and `long long`, or `int` and `long`, of one size. */
static int canonical(int num)
{
    if (num == NUMPY_LONGLONG || num == NUMPY_ULONGLONG)
        return integer_type(sizeof(long long), num == NUMPY_ULONGLONG);
    if (num == NUMPY_INT || num == NUMPY_UINT)
        return integer_type(sizeof(int), num == NUMPY_UINT);
    return num;
}

bool jpy_numpy_fits(int num, uint8_t code)
{
    int want = jpy_numpy_type(code);
    if (want < 0)
        return false;
    bool is_byte = num == NUMPY_BYTE || num == NUMPY_UBYTE;
    if (is_byte && (code == V_CHAR || code == V_I8 || code == V_U8))
        return true;
    return canonical(num) == want;
}

/* --- arrays as pointers ------------------------------------------------------- */

#define BIT(num) ((uint32_t)1 << (num))

/* C's own integer types of this size, as bits. NPY_TYPES: the unsigned twin comes
 * next. */
#define INTEGERS(size)                                \
    ((size == sizeof(char) ? BIT(NUMPY_BYTE) : 0) |   \
     (size == sizeof(short) ? BIT(NUMPY_SHORT) : 0) | \
     (size == sizeof(int) ? BIT(NUMPY_INT) : 0) |     \
     (size == sizeof(long) ? BIT(NUMPY_LONG) : 0) |   \
     (size == sizeof(long long) ? BIT(NUMPY_LONGLONG) : 0))

static const uint32_t fitting[V_UNKNOWN + 1] = {
    [V_BOOL] = BIT(NUMPY_BOOL),          [V_I8] = INTEGERS(1),
    [V_U8] = INTEGERS(1) << 1,           [V_I16] = INTEGERS(2),
    [V_U16] = INTEGERS(2) << 1,          [V_I32] = INTEGERS(4),
    [V_U32] = INTEGERS(4) << 1,          [V_I64] = INTEGERS(8),
    [V_U64] = INTEGERS(8) << 1,          [V_F16] = BIT(NUMPY_HALF),
    [V_F32] = BIT(NUMPY_FLOAT),          [V_F64] = BIT(NUMPY_DOUBLE),
    [V_LDOUBLE] = BIT(NUMPY_LONGDOUBLE), [V_CF32] = BIT(NUMPY_CFLOAT),
    [V_CF64] = BIT(NUMPY_CDOUBLE),       [V_CLDOUBLE] = BIT(NUMPY_CLONGDOUBLE),
};

uint64_t jpy_numpy_wants(uint8_t code, bool any, bool writable)
{
    /* No objects, and no dates: NumPy gives out no buffer of them either. */
    uint32_t types = any ? (BIT(NUMPY_OBJECT) - 1) | BIT(NUMPY_STRING) |
                               BIT(NUMPY_UNICODE) | BIT(NUMPY_HALF)
                         : fitting[code];
    uint32_t flags = NUMPY_C_CONTIGUOUS | (any ? 0 : NUMPY_ALIGNED) |
                     (writable ? NUMPY_WRITEABLE : 0);
    return types ? (uint64_t)flags << 32 | types : 0;
}

size_t jpy_numpy_size(const PyObject *o)
{
    static const uint8_t sizes[] = {sizeof(bool),
                                    1,
                                    1,
                                    sizeof(short),
                                    sizeof(short),
                                    sizeof(int),
                                    sizeof(int),
                                    sizeof(long),
                                    sizeof(long),
                                    sizeof(long long),
                                    sizeof(long long),
                                    sizeof(float),
                                    sizeof(double),
                                    sizeof(long double),
                                    2 * sizeof(float),
                                    2 * sizeof(double),
                                    2 * sizeof(long double)};
    unsigned num = (unsigned)((const NumpyArray *)o)->descr->type_num;
    return num < JF_COUNT(sizes) ? sizes[num] : num == NUMPY_HALF ? 2 : 0;
}

/* --- its C API --------------------------------------------------------------- */

/* The table in capsule `name` of NumPy's core module, which moved in 2.0. */
static void **table(const char *name, const char *what)
{
    PyObject *core = PyImport_ImportModule("numpy._core._multiarray_umath");
    if (!core && PyErr_ExceptionMatches(PyExc_ImportError)) {
        PyErr_Clear();
        core = PyImport_ImportModule("numpy.core._multiarray_umath");
    }
    if (!core) {
        if (PyErr_ExceptionMatches(PyExc_ModuleNotFoundError)) {
            PyErr_Clear();
            PyErr_Format(PyExc_ImportError,
                         "%s needs NumPy, which is not installed", what);
        }
        return NULL;
    }
    PyObject *capsule = PyObject_GetAttrString(core, name);
    Py_DECREF(core);
    void **found = capsule ? PyCapsule_GetPointer(capsule, NULL) : NULL;
    Py_XDECREF(capsule); /* the module keeps it */
    return found;
}

void **jpy_numpy_api(State *st, const char *what)
{
    if (!st->numpy_api)
        st->numpy_api = table("_ARRAY_API", what);
    return st->numpy_api;
}

void **jpy_numpy_umath(State *st, const char *what)
{
    if (!st->numpy_umath)
        st->numpy_umath = table("_UFUNC_API", what);
    return st->numpy_umath;
}
