/* SPDX-License-Identifier: MIT
 *
 * FFI.string: C text as a Python object.
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
