/* SPDX-License-Identifier: MIT
 *
 * ffi.cast: C's casts between scalars, and an address seen as any pointer or as
 * an array of known length. Values wrap around; nothing is range checked.
 */
#include "python/jpy.h"

#include <string.h>

static int is_address(const CTypeObject *ct)
{
    return ct->code == V_POINTER || ct->code == V_ARRAY;
}

/* One character as a number: 1; 0 when `o` is no string; -1 without exception
 * when it is one of another length. */
static int char_value(PyObject *o, int64_t *v)
{
    if (PyBytes_Check(o)) {
        if (PyBytes_GET_SIZE(o) != 1)
            return -1;
        *v = (unsigned char)PyBytes_AS_STRING(o)[0];
        return 1;
    }
    if (PyUnicode_Check(o)) {
        if (PyUnicode_GET_LENGTH(o) != 1)
            return -1;
        *v = PyUnicode_READ_CHAR(o, 0);
        return 1;
    }
    return 0;
}

static PyObject *cannot_cast(PyObject *o, CTypeObject *ct)
{
    if (jpy_is_cdata(o))
        PyErr_Format(PyExc_TypeError, "cannot cast ctype '%s' to ctype '%s'",
                     jpy_cname(((CDataObject *)o)->ctype), jpy_cname(ct));
    else if (PyUnicode_Check(o))
        PyErr_Format(PyExc_TypeError,
                     "cannot cast unicode string of length %zd to ctype '%s'",
                     PyUnicode_GET_LENGTH(o), jpy_cname(ct));
    else
        PyErr_Format(PyExc_TypeError, "cannot cast %.200s object to ctype '%s'",
                     Py_TYPE(o)->tp_name, jpy_cname(ct));
    return NULL;
}

/* --- to pointers ---------------------------------------------------------- */

static PyObject *cast_address(CTypeObject *ct, PyObject *value)
{
    void *p;
    PyObject *fn = jpy_is_cdata(value) ? NULL : jpy_function_cdata(ct->st, value);
    if (!fn && PyErr_Occurred())
        return NULL;
    if (!fn && jpy_is_file_pointer(ct) && !jpy_is_cdata(value)) {
        int is_file = jpy_file_stream(value, &p);
        if (is_file)
            return is_file < 0 ? NULL : jpy_cdata(ct, p);
    }
    if (jpy_to_address(fn ? fn : value, &p) < 0)
        return NULL;
    return jpy_cdata(ct, p);
}

/* --- to integers and characters ------------------------------------------- */

/* C11 6.3.1.2: nonzero becomes 1. Floats too. */
static int truth(PyObject *o)
{
    if (jpy_is_cdata(o) && V_IS_FLOAT(((CDataObject *)o)->ctype->code))
        return PyObject_IsTrue(o);
    PyNumberMethods *nb = Py_TYPE(o)->tp_as_number;
    if (!nb || (!nb->nb_float && !nb->nb_int)) {
        PyErr_SetString(PyExc_TypeError, "integer/float expected");
        return -1;
    }
    if (PyLong_Check(o) || PyFloat_Check(o))
        return PyObject_IsTrue(o);
    PyObject *n =
        nb->nb_float && !jpy_is_cdata(o) ? nb->nb_float(o) : nb->nb_int(o);
    int yes = n ? PyObject_IsTrue(n) : -1;
    Py_XDECREF(n);
    return yes;
}

/* The value's low bytes in `raw`; 16 of them are valid. */
static int integer_bits(CTypeObject *ct, PyObject *value, unsigned char raw[16])
{
    int64_t v = 0;
    PyObject *fn = NULL;
    memset(raw, 0, 16);
    if (jpy_is_cdata(value) && is_address(((CDataObject *)value)->ctype)) {
        v = (int64_t)(uintptr_t)((CDataObject *)value)->data;
    } else if (PyBytes_Check(value) || PyUnicode_Check(value)) {
        if (char_value(value, &v) < 0) {
            if (PyUnicode_Check(value))
                cannot_cast(value, ct);
            else
                PyErr_Format(PyExc_TypeError,
                             "initializer for ctype 'char' must be a bytes of "
                             "length 1, not bytes of length %zd",
                             PyBytes_GET_SIZE(value));
            return -1;
        }
    } else if (ct->code == V_BOOL) {
        v = truth(value);
        if (v < 0)
            return -1;
    } else if (PyCFunction_Check(value) &&
               (fn = jpy_function_cdata(ct->st, value)) != NULL) {
        v = (int64_t)(uintptr_t)((CDataObject *)fn)->data;
    } else {
        return PyErr_Occurred() ? -1 : jpy_mask_bytes(value, raw, 16);
    }
    memcpy(raw, &v, 8);
    return 0;
}

static PyObject *cast_integer(CTypeObject *ct, PyObject *value)
{
    unsigned char raw[16];
    if (integer_bits(ct, value, raw) < 0)
        return NULL;
    if (ct->code == V_BOOL) {
        int any = 0;
        for (int i = 0; i < 16; i++)
            any |= raw[i];
        raw[0] = any != 0;
    }
    CDataObject *cd = jpy_cdata_prim(ct);
    if (cd)
        memcpy(cd->data, raw, (size_t)ct->size);
    return (PyObject *)cd;
}

/* --- to floats and complex ------------------------------------------------ */

/* A cdata is first read as a Python object. New reference. */
static PyObject *plain_value(CTypeObject *ct, PyObject *value)
{
    if (!jpy_is_cdata(value))
        return Py_NewRef(value);
    CDataObject *cd = (CDataObject *)value;
    if (!V_IS_PRIM(cd->ctype->code))
        return cannot_cast(value, ct);
    return jpy_to_object(cd->ctype, cd->data, NULL);
}

static int write_number(CTypeObject *ct, char *data, PyObject *o)
{
    int64_t c = 0;
    int is_char = char_value(o, &c);
    Py_complex z = {(double)c, 0.0};
    if (is_char < 0) {
        cannot_cast(o, ct);
        return -1;
    }
    if (!is_char)
        return jpy_from_object(ct, data, o);
    if (V_IS_COMPLEX(ct->code))
        jpy_write_complex(ct->code, data, z);
    else
        jpy_write_float(ct->code, data, z.real);
    return 0;
}

static PyObject *cast_number(CTypeObject *ct, PyObject *value)
{
    PyObject *o = plain_value(ct, value);
    CDataObject *cd = o ? jpy_cdata_prim(ct) : NULL;
    if (cd && write_number(ct, cd->data, o) < 0)
        Py_CLEAR(cd);
    Py_XDECREF(o);
    return (PyObject *)cd;
}

PyObject *jpy_cast(CTypeObject *ct, PyObject *value)
{
    if (ct->code == V_UNKNOWN && jpy_layout(ct) < 0)
        return NULL;
    if (ct->code == V_POINTER)
        return cast_address(ct, value);
    if (ct->code == V_ARRAY) {
        if (jpy_layout(ct) < 0)
            return NULL;
        if (ct->size >= 0)
            return cast_address(ct, value);
    }
    if (V_IS_INT(ct->code) || V_IS_CHAR(ct->code))
        return cast_integer(ct, value);
    if (V_IS_FLOAT(ct->code) || V_IS_COMPLEX(ct->code))
        return cast_number(ct, value);
    PyErr_Format(PyExc_TypeError, "cannot cast to ctype '%s'", jpy_cname(ct));
    return NULL;
}
