/* SPDX-License-Identifier: MIT
 *
 * FFI.string and FFI.unpack: C text and arrays as Python objects, all at once.
 */
#include <string.h>

#include "python/ffi.h"

/* --- string --------------------------------------------------------------- */

static PyObject *null_error(const char *function, CDataObject *cd)
{
    PyErr_Format(PyExc_RuntimeError, "cannot use %s() on %R", function,
                 (PyObject *)cd);
    return NULL;
}

/* Units of `size` bytes up to a zero one, at most `most` (-1: no bound). */
static Py_ssize_t text_length(const char *p, int size, Py_ssize_t most)
{
    Py_ssize_t n = 0;
    if (size == 1) {
        if (most < 0)
            return (Py_ssize_t)strlen(p);
        const char *zero = memchr(p, 0, (size_t)most);
        return zero ? zero - p : most;
    }
    for (; most < 0 || n < most; n++) {
        uint32_t unit = 0;
        memcpy(&unit, p + n * size, (size_t)size);
        if (!unit)
            break;
    }
    return n;
}

static PyObject *text_object(uint8_t code, const char *p, Py_ssize_t n)
{
    if (code == V_CHAR16)
        return jpy_str_from16(p, n);
    if (code == V_CHAR32)
        return jpy_str_from32(p, n);
    return PyBytes_FromStringAndSize(p, n);
}

/* Bytes of one unit of text of this kind of value; 0: it is no text. Integers
 * of one byte are, whatever their sign; _Bool is not. */
static int text_unit(uint8_t code)
{
    switch (code) {
    case V_CHAR:
    case V_I8:
    case V_U8:
        return 1;
    case V_CHAR16:
        return 2;
    case V_CHAR32:
        return 4;
    default:
        return 0;
    }
}

static PyObject *string_of_array(CDataObject *cd, int unit, Py_ssize_t most)
{
    if (!cd->data)
        return null_error("string", cd);
    if (most < 0 && CType_IsArray(cd->ctype))
        most = jpy_array_length(cd);
    Py_ssize_t n = text_length(cd->data, unit, most < 0 ? -1 : most);
    return text_object(cd->ctype->item_code, cd->data, n);
}

PyObject *jpy_ffi_string(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames)
{
    static const ArgSpec spec = {"string", {"cdata", "maxlen", NULL}, 1};
    State *st = ((FFIObject *)self)->st;
    PyObject *a[2];
    Py_ssize_t most = -1;
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0 ||
        jpy_ffi_ssize(a[1], &most) < 0)
        return NULL;
    if (!CData_Check(st, a[0]))
        return jpy_ffi_bad_type("cdata object", a[0]);
    CDataObject *cd = (CDataObject *)a[0];
    CTypeObject *ct = cd->ctype;
    if (ct->is_data_ptr || CType_IsArray(ct)) {
        CTypeObject *item = jpy_item(ct);
        if (!item)
            return NULL;
        int unit = item->type->kind == JF_ENUM ? 0 : text_unit(ct->item_code);
        if (unit)
            return string_of_array(cd, unit, most);
    } else if (ct->type->kind == JF_ENUM) {
        return jpy_enum_text(ct, cd->data, 0);
    } else if (text_unit(ct->code)) {
        return text_object(ct->code, cd->data, 1);
    }
    PyErr_Format(PyExc_TypeError, "string(): unexpected cdata '%U' argument",
                 jpy_ctype_name(ct));
    return NULL;
}

/* --- unpack --------------------------------------------------------------- */

/* One loop per kind of item, so that the switch is outside of it. Values are
 * read by memcpy: the memory need not be aligned. */
#define UNPACK(name, ctype, make)                                         \
    static int unpack_##name(PyObject *list, const char *p, Py_ssize_t n) \
    {                                                                     \
        for (Py_ssize_t i = 0; i < n; i++) {                              \
            ctype v;                                                      \
            memcpy(&v, p + (size_t)i * sizeof v, sizeof v);               \
            PyObject *o = make;                                           \
            if (!o)                                                       \
                return -1;                                                \
            PyList_SET_ITEM(list, i, o);                                  \
        }                                                                 \
        return 0;                                                         \
    }
UNPACK(i8, int8_t, PyLong_FromLong(v))
UNPACK(u8, uint8_t, PyLong_FromLong(v))
UNPACK(i16, int16_t, PyLong_FromLong(v))
UNPACK(u16, uint16_t, PyLong_FromLong(v))
UNPACK(i32, int32_t, PyLong_FromLong(v))
UNPACK(u32, uint32_t, PyLong_FromUnsignedLong(v))
UNPACK(i64, int64_t, PyLong_FromLongLong(v))
UNPACK(u64, uint64_t, PyLong_FromUnsignedLongLong(v))
UNPACK(f32, float, PyFloat_FromDouble((double)v))
UNPACK(f64, double, PyFloat_FromDouble(v))
#undef UNPACK

static int unpack_any(PyObject *list, CTypeObject *item, char *p, Py_ssize_t n,
                      PyObject *owner)
{
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *o = jpy_to_object(item, p + i * item->size, owner);
        if (!o)
            return -1;
        PyList_SET_ITEM(list, i, o);
    }
    return 0;
}

static int unpack_items(PyObject *list, CDataObject *cd, CTypeObject *item,
                        Py_ssize_t n)
{
    switch (item->code) {
    case V_I8:
        return unpack_i8(list, cd->data, n);
    case V_U8:
        return unpack_u8(list, cd->data, n);
    case V_I16:
        return unpack_i16(list, cd->data, n);
    case V_U16:
        return unpack_u16(list, cd->data, n);
    case V_I32:
        return unpack_i32(list, cd->data, n);
    case V_U32:
        return unpack_u32(list, cd->data, n);
    case V_I64:
        return unpack_i64(list, cd->data, n);
    case V_U64:
        return unpack_u64(list, cd->data, n);
    case V_F32:
        return unpack_f32(list, cd->data, n);
    case V_F64:
        return unpack_f64(list, cd->data, n);
    default:
        return unpack_any(list, item, cd->data, n, (PyObject *)cd);
    }
}

PyObject *jpy_ffi_unpack(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames)
{
    static const ArgSpec spec = {"unpack", {"cdata", "length", NULL}, 2};
    State *st = ((FFIObject *)self)->st;
    PyObject *a[2];
    Py_ssize_t n = 0;
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0 ||
        jpy_ffi_ssize(a[1], &n) < 0)
        return NULL;
    if (!CData_Check(st, a[0]))
        return jpy_ffi_bad_type("cdata object", a[0]);
    CDataObject *cd = (CDataObject *)a[0];
    CTypeObject *ct = cd->ctype;
    if (!ct->is_data_ptr && !CType_IsArray(ct)) {
        PyErr_Format(PyExc_TypeError, "expected a pointer or array, got '%U'",
                     jpy_ctype_name(ct));
        return NULL;
    }
    if (n < 0) {
        PyErr_SetString(PyExc_ValueError, "'length' cannot be negative");
        return NULL;
    }
    if (!cd->data)
        return null_error("unpack", cd);
    CTypeObject *item = jpy_item(ct);
    if (!item || jpy_layout(item) < 0)
        return NULL;
    if (V_IS_CHAR(item->code))
        return text_object(item->code, cd->data, n);
    if (item->size < 0) {
        PyErr_Format(PyExc_ValueError, "'%U' points to items of unknown size",
                     jpy_ctype_name(ct));
        return NULL;
    }
    PyObject *list = PyList_New(n);
    if (list && unpack_items(list, cd, item, n) < 0)
        Py_CLEAR(list);
    return list;
}
