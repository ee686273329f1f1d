/* SPDX-License-Identifier: MIT
 *
 * `throw 42`, `throw "text"`, `throw std::string(...)`: what was thrown, as a Python
 * value. Types by their names in the Itanium C++ ABI, 5.1.5; std::string as libstdc++
 * and libc++ lay it out.
 */
#include "python/cxx.h"

#include <string.h>

PyObject *jpy_cxx_text(const char *text, size_t n)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)n, "backslashreplace");
}

/* libc++: three words; the lowest bit of the first byte says whether they are
 * capacity, length and pointer, or else a length and the text itself. */
static PyObject *libcxx_string(const unsigned char *s)
{
    const size_t *words = (const size_t *)(const void *)s;
    if (s[0] & 1)
        return jpy_cxx_text((const char *)words[2], words[1]);
    return jpy_cxx_text((const char *)s + 1, s[0] >> 1);
}

static PyObject *text_of(const char *name, void *object)
{
    const size_t *words = object;
    if (strcmp(name, "PKc") == 0 || strcmp(name, "Pc") == 0) {
        const char *text = *(const char **)object;
        return text ? jpy_cxx_text(text, strlen(text)) : Py_NewRef(Py_None);
    }
    if (strcmp(name, "NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE") == 0)
        return jpy_cxx_text((const char *)words[0], words[1]);
    if (strcmp(name, "Ss") == 0) /* the one before C++11: length before the text */
        return jpy_cxx_text((const char *)words[0], ((const size_t *)words[0])[-3]);
    if (strcmp(name,
               "NSt3__112basic_stringIcNS_11char_traitsIcEENS_9allocatorIcEEEE") ==
        0)
        return libcxx_string(object);
    return NULL;
}

static PyObject *number_of(char type, const void *o)
{
    switch (type) {
    case 'b':
        return PyBool_FromLong(*(const unsigned char *)o);
    case 'c': /* char, as a number it is one of these two; as text it is neither */
        return jpy_cxx_text(o, 1);
    case 'a':
        return PyLong_FromLong(*(const signed char *)o);
    case 'h':
        return PyLong_FromLong(*(const unsigned char *)o);
    case 's':
        return PyLong_FromLong(*(const short *)o);
    case 't':
        return PyLong_FromLong(*(const unsigned short *)o);
    case 'i':
        return PyLong_FromLong(*(const int *)o);
    case 'j':
        return PyLong_FromUnsignedLong(*(const unsigned *)o);
    case 'l':
        return PyLong_FromLong(*(const long *)o);
    case 'm':
        return PyLong_FromUnsignedLong(*(const unsigned long *)o);
    case 'x':
        return PyLong_FromLongLong(*(const long long *)o);
    case 'y':
        return PyLong_FromUnsignedLongLong(*(const unsigned long long *)o);
    case 'f':
        return PyFloat_FromDouble(*(const float *)o);
    case 'd':
        return PyFloat_FromDouble(*(const double *)o);
    default:
        return NULL;
    }
}

PyObject *jpy_cxx_value(const CxxBases *b)
{
    const char *name = b->n ? b->list[0].name : "";
    PyObject *value = NULL;
    if (name[0] && !name[1])
        value = number_of(name[0], b->thrown.object);
    else if (name[0])
        value = text_of(name, b->thrown.object);
    if (!value && !PyErr_Occurred())
        value = Py_NewRef(Py_None);
    return value;
}
