/* SPDX-License-Identifier: MIT
 *
 * Initialisers: arrays from lists, tuples, bytes and str; structs and unions
 * from lists, tuples and dicts, nested; and how much memory a struct needs whose
 * last member is an open array.
 */
#include "python/jpy.h"

#include <string.h>

/* --- arrays --------------------------------------------------------------- */

static Py_ssize_t sequence_size(PyObject *o)
{
    return PyList_Check(o) ? PyList_GET_SIZE(o) : PyTuple_GET_SIZE(o);
}

static PyObject *sequence_item(PyObject *o, Py_ssize_t i)
{
    return PyList_Check(o) ? PyList_GET_ITEM(o, i) : PyTuple_GET_ITEM(o, i);
}

/* A conversion may run Python code that shortens the list: look every time. */
static int array_from_items(CTypeObject *ct, char *data, Py_ssize_t length,
                            PyObject *items)
{
    Py_ssize_t n = sequence_size(items);
    if (length >= 0 && n > length) {
        PyErr_Format(PyExc_IndexError, "too many initializers for '%s' (got %zd)",
                     jpy_cname(ct), n);
        return -1;
    }
    for (Py_ssize_t i = 0; i < n && i < sequence_size(items); i++) {
        PyObject *item = Py_NewRef(sequence_item(items, i));
        int bad = jpy_item_set(ct, data + i * ct->item_size, item);
        Py_DECREF(item);
        if (bad < 0)
            return -1;
    }
    return 0;
}

static int check_bools(const char *p, Py_ssize_t n)
{
    for (Py_ssize_t i = 0; i < n; i++)
        if ((unsigned char)p[i] > 1) {
            PyErr_SetString(PyExc_ValueError,
                            "an array of _Bool can only contain \\x00 or \\x01");
            return -1;
        }
    return 0;
}

static int too_long(CTypeObject *ct, const char *what, Py_ssize_t n)
{
    PyErr_Format(PyExc_IndexError,
                 "initializer %s is too long for '%s' (got %zd characters)", what,
                 jpy_cname(ct), n);
    return -1;
}

/* The terminator is written where there is room for it (C11 6.7.9p14). */
static int array_from_bytes(CTypeObject *ct, char *data, Py_ssize_t length,
                            PyObject *bytes)
{
    Py_ssize_t n = PyBytes_GET_SIZE(bytes);
    if (length >= 0 && n > length)
        return too_long(ct, "bytes", n);
    if (ct->item_code == V_BOOL && check_bools(PyBytes_AS_STRING(bytes), n) < 0)
        return -1;
    memcpy(data, PyBytes_AS_STRING(bytes), (size_t)(n == length ? n : n + 1));
    return 0;
}

static int array_from_str(CTypeObject *ct, char *data, Py_ssize_t length,
                          PyObject *str)
{
    Py_ssize_t n = jpy_text_units(str, ct->item_size);
    if (length >= 0 && n > length)
        return too_long(ct, "unicode", n);
    return jpy_text_write(str, ct->item_size, data, n == length ? n : n + 1);
}

static int is_byte_item(const CTypeObject *ct)
{
    return ct->item_size == 1 &&
           (V_IS_INT(ct->item_code) || ct->item_code == V_CHAR);
}

int jpy_array_from_object(CTypeObject *ct, char *data, Py_ssize_t length,
                          PyObject *value)
{
    const char *expected = "list or tuple";
    if (ct->item_size < 0) {
        if (jpy_layout(ct) < 0)
            return -1;
        if (ct->item_size < 0) {
            PyErr_Format(PyExc_TypeError, "ctype '%s' has items of unknown size",
                         jpy_cname(ct));
            return -1;
        }
    }
    if (PyList_Check(value) || PyTuple_Check(value))
        return array_from_items(ct, data, length, value);
    if (is_byte_item(ct)) {
        if (PyBytes_Check(value))
            return array_from_bytes(ct, data, length, value);
        expected = "bytes or list or tuple";
    } else if (V_IS_CHAR(ct->item_code)) {
        if (PyUnicode_Check(value))
            return array_from_str(ct, data, length, value);
        expected = "unicode or list or tuple";
    }
    if (CType_IsArray(ct) && jpy_is_cdata(value) &&
        ((CDataObject *)value)->ctype == ct) {
        CDataObject *cd = (CDataObject *)value;
        Py_ssize_t n = jpy_array_length(cd);
        if (length >= 0 && n > length) {
            PyErr_Format(PyExc_IndexError,
                         "too many initializers for '%s' (got %zd)", jpy_cname(ct),
                         n);
            return -1;
        }
        memmove(data, cd->data, (size_t)(n * ct->item_size));
        return 0;
    }
    return jpy_convert_error(value, ct, expected);
}

Py_ssize_t jpy_array_needs(CTypeObject *item, PyObject **value)
{
    PyObject *v = *value;
    if (PyList_Check(v) || PyTuple_Check(v))
        return sequence_size(v);
    if (PyBytes_Check(v))
        return PyBytes_GET_SIZE(v) + 1;
    if (PyUnicode_Check(v))
        return jpy_text_units(v, item->size) + 1;
    Py_ssize_t n = PyNumber_AsSsize_t(v, PyExc_OverflowError);
    if (n == -1 && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(PyExc_TypeError,
                         "expected new array length or list/tuple/str, not %.200s",
                         Py_TYPE(v)->tp_name);
        return -1;
    }
    if (n < 0) {
        PyErr_SetString(PyExc_ValueError, "negative array length");
        return -1;
    }
    *value = Py_None;
    return n;
}

/* --- structs -------------------------------------------------------------- */

/* A member given to an initialiser; open arrays may be given a bare length,
 * which leaves them as they are (zero). */
static int init_field(State *st, FieldInfo *f, char *data, PyObject *value)
{
    if (f->type->kind == JF_ARRAY && f->type->length == JF_UNKNOWN) {
        CTypeObject *ct = jpy_field_type(st, f);
        CTypeObject *item = ct ? jpy_item(ct) : NULL;
        if (!item || jpy_array_needs(item, &value) < 0)
            return -1;
        if (value == Py_None)
            return 0;
    }
    return jpy_field_set(st, f, data, value);
}

static int grow(Py_ssize_t offset, Py_ssize_t item, Py_ssize_t n, Py_ssize_t *bytes)
{
    if (item > 0 && n > (PY_SSIZE_T_MAX - offset) / item) {
        PyErr_SetString(PyExc_OverflowError,
                        "array size would overflow a Py_ssize_t");
        return -1;
    }
    if (offset + item * n > *bytes)
        *bytes = offset + item * n;
    return 0;
}

/* The memory one member needs beyond the fixed size of the struct. */
static int measure_field(State *st, FieldInfo *f, PyObject *value,
                         Py_ssize_t *bytes)
{
    bool open = f->type->kind == JF_ARRAY && f->type->length == JF_UNKNOWN;
    if (!open && f->code != V_RECORD)
        return 0;
    CTypeObject *ct = jpy_field_type(st, f);
    if (!ct)
        return -1;
    if (open) {
        CTypeObject *item = jpy_item(ct);
        if (!item || (item->size < 0 && jpy_layout(item) < 0))
            return -1;
        Py_ssize_t n = jpy_array_needs(item, &value);
        return n < 0 ? -1 : grow(f->offset, item->size, n, bytes);
    }
    FieldTable *t = jpy_fields(ct);
    if (!t)
        return PyErr_Occurred() ? -1 : 0;
    if (!t->flex || jpy_is_cdata(value))
        return 0;
    Py_ssize_t inner = ct->size;
    if (jpy_record_needs(ct, value, &inner) < 0)
        return -1;
    return grow(f->offset, 1, inner, bytes);
}

/* One walk over the initialiser for both purposes: `bytes` NULL fills `data`,
 * else only the size is found. */
static int each_field(CTypeObject *ct, FieldInfo *f, char *data, PyObject *value,
                      Py_ssize_t *bytes)
{
    Py_INCREF(value);
    int bad = bytes ? measure_field(ct->st, f, value, bytes)
                    : init_field(ct->st, f, data, value);
    Py_DECREF(value);
    return bad;
}

static int record_from_items(CTypeObject *ct, FieldTable *t, char *data,
                             PyObject *items, Py_ssize_t *bytes)
{
    Py_ssize_t n = sequence_size(items);
    uint32_t at = 0;
    for (Py_ssize_t i = 0; i < n && i < sequence_size(items); i++) {
        while (at < t->n && (t->items[at].flags & FIELD_NOT_IN_CTOR))
            at++;
        if (at == t->n) {
            PyErr_Format(PyExc_ValueError,
                         "too many initializers for '%s' (got %zd)", jpy_cname(ct),
                         n);
            return -1;
        }
        if (each_field(ct, &t->items[at++], data, sequence_item(items, i), bytes) <
            0)
            return -1;
    }
    return 0;
}

static int record_from_dict(CTypeObject *ct, FieldTable *t, char *data,
                            PyObject *dict, Py_ssize_t *bytes)
{
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    while (PyDict_Next(dict, &pos, &key, &value)) {
        FieldInfo *f = jpy_field_find(t, key);
        if (!f) {
            PyErr_SetObject(PyExc_KeyError, key);
            return -1;
        }
        if (each_field(ct, f, data, value, bytes) < 0)
            return -1;
    }
    return 0;
}

static int record_walk(CTypeObject *ct, char *data, PyObject *init,
                       Py_ssize_t *bytes)
{
    FieldTable *t = jpy_fields(ct);
    if (!t) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_TypeError, "'%s' is opaque", jpy_cname(ct));
        return -1;
    }
    if (PyList_Check(init) || PyTuple_Check(init))
        return record_from_items(ct, t, data, init, bytes);
    if (PyDict_Check(init))
        return record_from_dict(ct, t, data, init, bytes);
    return jpy_convert_error(init, ct,
                             bytes ? "list or tuple or dict"
                                   : "list or tuple or dict or struct-cdata");
}

int jpy_record_from_object(CTypeObject *ct, char *data, PyObject *init)
{
    return record_walk(ct, data, init, NULL);
}

int jpy_record_needs(CTypeObject *rec, PyObject *init, Py_ssize_t *bytes)
{
    return record_walk(rec, NULL, init, bytes);
}
