/* SPDX-License-Identifier: MIT
 *
 * Characters and strings: bytes for char, str for wchar_t, char16_t and
 * char32_t. In 16-bit units a character above U+FFFF is a surrogate pair (The
 * Unicode Standard, 3.9, D91); lone surrogates pass through both ways.
 */
#include "python/jpy.h"

#include <string.h>

PyObject *jpy_str_from16(const char *p, Py_ssize_t n)
{
    Py_ssize_t pairs = 0;
    uint16_t a, b;
    for (Py_ssize_t i = 0; i + 1 < n; i++) {
        memcpy(&a, p + 2 * i, 2);
        memcpy(&b, p + 2 * i + 2, 2);
        pairs += (a & 0xfc00) == 0xd800 && (b & 0xfc00) == 0xdc00;
    }
    if (!pairs)
        return PyUnicode_FromKindAndData(PyUnicode_2BYTE_KIND, p, n);
    PyObject *s = PyUnicode_New(n - pairs, 0x10ffff);
    Py_UCS4 *out = s ? PyUnicode_4BYTE_DATA(s) : NULL;
    for (Py_ssize_t i = 0; out && i < n; i++) {
        memcpy(&a, p + 2 * i, 2);
        *out = a;
        if ((a & 0xfc00) == 0xd800 && i + 1 < n) {
            memcpy(&b, p + 2 * i + 2, 2);
            if ((b & 0xfc00) == 0xdc00) {
                *out = 0x10000 + ((Py_UCS4)(a & 0x3ff) << 10) + (b & 0x3ff);
                i++;
            }
        }
        out++;
    }
    return s;
}

PyObject *jpy_str_from32(const char *p, Py_ssize_t n)
{
    for (Py_ssize_t i = 0; i < n; i++) {
        uint32_t c;
        memcpy(&c, p + 4 * i, 4);
        if (c > 0x10ffff) {
            PyErr_Format(PyExc_ValueError,
                         "char32_t out of range for conversion to unicode: 0x%x",
                         (unsigned)c);
            return NULL;
        }
    }
    return PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, p, n);
}

Py_ssize_t jpy_text_units(PyObject *str, Py_ssize_t size)
{
    Py_ssize_t n = PyUnicode_GET_LENGTH(str), units = n;
    if (size != 2 || PyUnicode_KIND(str) != PyUnicode_4BYTE_KIND)
        return n;
    const Py_UCS4 *data = PyUnicode_4BYTE_DATA(str);
    for (Py_ssize_t i = 0; i < n; i++)
        units += data[i] > 0xffff;
    return units;
}

int jpy_text_write(PyObject *str, Py_ssize_t size, char *data, Py_ssize_t units)
{
    Py_ssize_t n = PyUnicode_GET_LENGTH(str), at = 0;
    int kind = PyUnicode_KIND(str);
    const void *chars = PyUnicode_DATA(str);
    for (Py_ssize_t i = 0; i < n; i++) {
        uint32_t c = PyUnicode_READ(kind, chars, i);
        if (size == 4) {
            memcpy(data + 4 * at++, &c, 4);
            continue;
        }
        uint16_t u = (uint16_t)c;
        if (c > 0xffff) {
            u = (uint16_t)(0xd800 | (c - 0x10000) >> 10);
            memcpy(data + 2 * at++, &u, 2);
            u = (uint16_t)(0xdc00 | (c & 0x3ff));
        }
        memcpy(data + 2 * at++, &u, 2);
    }
    if (at < units) /* room for the terminator */
        memset(data + at * size, 0, (size_t)size);
    return 0;
}

static int wrong(PyObject *value, const char *type, const char *expected,
                 const char *got)
{
    PyErr_Format(PyExc_TypeError,
                 "initializer for ctype '%s' must be a %s of length 1, not %.200s",
                 type, expected, got ? got : Py_TYPE(value)->tp_name);
    return -1;
}

static int byte_from_object(char *data, PyObject *value)
{
    if (PyBytes_Check(value) && PyBytes_GET_SIZE(value) == 1) {
        *data = PyBytes_AS_STRING(value)[0];
        return 0;
    }
    if (jpy_is_cdata(value) && ((CDataObject *)value)->ctype->code == V_CHAR) {
        *data = *((CDataObject *)value)->data;
        return 0;
    }
    return wrong(value, "char", "bytes", NULL);
}

int jpy_char_from_object(CTypeObject *ct, char *data, PyObject *value)
{
    const char *got = NULL;
    char text[80];
    if (ct->code == V_CHAR)
        return byte_from_object(data, value);
    Py_ssize_t size = ct->code == V_CHAR16 ? 2 : 4;
    if (PyUnicode_Check(value)) {
        Py_ssize_t n = PyUnicode_GET_LENGTH(value);
        if (n == 1 && jpy_text_units(value, size) == 1)
            return jpy_text_write(value, size, data, 1);
        got = "larger-than-0xFFFF character";
        if (n != 1) {
            PyOS_snprintf(text, sizeof text, "unicode string of length %ld",
                          (long)n);
            got = text;
        }
    } else if (jpy_is_cdata(value) &&
               ((CDataObject *)value)->ctype->code == ct->code) {
        memcpy(data, ((CDataObject *)value)->data, (size_t)size);
        return 0;
    }
    return wrong(value, size == 2 ? "char16_t" : "char32_t", "unicode string", got);
}
