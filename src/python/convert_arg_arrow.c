/* SPDX-License-Identifier: MIT
 *
 * Columns of Arrow as arrays, by the two capsules of __arrow_c_array__(): numbers
 * without nulls give their values, from the array's own offset on. They are never
 * written to, since whoever has an Arrow array may count on it. Source: Arrow's
 * "C data interface" and "PyCapsule interface".
 */
#include <string.h>

#include "python/convert_arg.h"

typedef struct Schema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    struct Schema **children, *dictionary;
    void (*release)(struct Schema *);
    void *private_data;
} Schema;

typedef struct Column {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct Column **children, *dictionary;
    void (*release)(struct Column *);
    void *private_data;
} Column;

/* Arrow's letters for numbers as those of PEP 3118. */
static const char *number_format(const char *arrow, Py_ssize_t *size)
{
    static const struct {
        char arrow, size;
        const char *format;
    } formats[] = {{'c', 1, "b"}, {'C', 1, "B"}, {'s', 2, "h"}, {'S', 2, "H"},
                   {'i', 4, "i"}, {'I', 4, "I"}, {'l', 8, "q"}, {'L', 8, "Q"},
                   {'e', 2, "e"}, {'f', 4, "f"}, {'g', 8, "d"}};
    for (size_t i = 0; arrow && i < JF_COUNT(formats); i++)
        if (arrow[0] == formats[i].arrow && !arrow[1]) {
            *size = formats[i].size;
            return formats[i].format;
        }
    return NULL;
}

/* Zeros in the bits that say what is there. */
static int64_t count_nulls(const Column *a)
{
    const unsigned char *valid =
        a->n_buffers > 0 ? (const unsigned char *)a->buffers[0] : NULL;
    if (a->null_count >= 0)
        return a->null_count;
    if (!valid)
        return 0;
    int64_t n = 0;
    for (int64_t i = a->offset; i < a->offset + a->length; i++)
        n += !(valid[i / 8] >> i % 8 & 1);
    return n;
}

static int read_array(PyObject *o, const Schema *s, const Column *a,
                      PyObject *owner, Py_buffer *view)
{
    const char *tp = Py_TYPE(o)->tp_name;
    Py_ssize_t size = 0;
    const char *format = number_format(s->format, &size);
    if (!s->release || !a->release)
        PyErr_Format(PyExc_ValueError, "this %.200s has already been released", tp);
    else if (s->dictionary || a->dictionary)
        PyErr_Format(
            PyExc_TypeError,
            "this %.200s is dictionary-encoded: it has no array of its values", tp);
    else if (s->n_children || a->n_children)
        PyErr_Format(
            PyExc_TypeError,
            "this %.200s is nested (Arrow format '%.50s'): it has no array of "
            "values",
            tp, s->format);
    else if (!format || a->n_buffers != 2)
        PyErr_Format(PyExc_TypeError,
                     "this %.200s is no array of numbers (Arrow format '%.50s')",
                     tp, s->format ? s->format : "");
    else if (count_nulls(a))
        PyErr_Format(
            PyExc_TypeError,
            "this %.200s has %lld nulls, of which C would see what happens to "
            "lie there",
            tp, (long long)count_nulls(a));
    else if (a->length < 0 || a->offset < 0 || a->length > PY_SSIZE_T_MAX / size ||
             a->offset > PY_SSIZE_T_MAX / size - a->length)
        PyErr_Format(PyExc_ValueError, "this %.200s has a length that cannot be",
                     tp);
    else {
        const char *values = a->buffers[1];
        jpy_view_fill(view, Py_NewRef(owner),
                      (char *)values + (values ? a->offset * size : 0),
                      (Py_ssize_t)a->length, size, format, true);
        return 1;
    }
    return -1;
}

int jpy_arrow_view(State *st, PyObject *o, Py_buffer *view)
{
    (void)st;
    static const char SCHEMA[] = "arrow_schema", ARRAY[] = "arrow_array";
    PyObject *method =
        PyObject_GetAttrString((PyObject *)Py_TYPE(o), "__arrow_c_array__");
    if (!method) {
        PyErr_Clear();
        return 0;
    }
    PyObject *pair = PyObject_CallFunctionObjArgs(method, o, NULL);
    Py_DECREF(method);
    if (!pair)
        return -1;
    int lent = -1;
    PyObject *owner = PyTuple_Check(pair) && PyTuple_GET_SIZE(pair) == 2
                          ? PyTuple_GET_ITEM(pair, 1)
                          : NULL;
    if (owner && PyCapsule_IsValid(PyTuple_GET_ITEM(pair, 0), SCHEMA) &&
        PyCapsule_IsValid(owner, ARRAY))
        lent =
            read_array(o, PyCapsule_GetPointer(PyTuple_GET_ITEM(pair, 0), SCHEMA),
                       PyCapsule_GetPointer(owner, ARRAY), owner, view);
    else
        PyErr_Format(PyExc_TypeError,
                     "__arrow_c_array__() of %.200s returned no pair of capsules",
                     Py_TYPE(o)->tp_name);
    Py_buffer rest = {.obj = pair}; /* its capsules give back what nobody took */
    jpy_view_release(&rest);
    return lent;
}
