/* SPDX-License-Identifier: MIT
 *
 * Arguments of pointer type: what a caller may give where C wants a `T *`. A
 * cdata, bytes, a str or list (copied into memory that lives for the call), and
 * any buffer whose items fit T, pinned for the call (PEP 3118).
 */
#include "python/jpy.h"

#include <string.h>

/* Something that must outlive the call: memory, or a pinned buffer. */
struct Temp {
    Temp *next;
    State *st;
    int has_view;
    Py_buffer view;
};
enum { TEMP_DATA = (sizeof(Temp) + 15) / 16 * 16, MAX_FREE_TEMPS = 16 };

static Temp *temp_new(State *st, size_t bytes)
{
    Temp *t;
    if (!bytes && st->free_temps) {
        t = st->free_temps;
        st->free_temps = t->next;
        st->n_free_temps--;
    } else {
        t = PyMem_Malloc(TEMP_DATA + bytes);
        if (!t)
            return (Temp *)PyErr_NoMemory();
    }
    t->st = st;
    t->has_view = 0;
    return t;
}

void jpy_temp_drop(State *st)
{
    Temp *t = st->free_temps;
    st->free_temps = t->next;
    st->n_free_temps--;
    PyMem_Free(t);
}

void jpy_temps_free(Temp *t)
{
    while (t) {
        Temp *next = t->next;
        if (!t->has_view) {
            PyMem_Free(t);
        } else {
            PyBuffer_Release(&t->view);
            if (t->st->n_free_temps < MAX_FREE_TEMPS) {
                t->next = t->st->free_temps;
                t->st->free_temps = t;
                t->st->n_free_temps++;
            } else {
                PyMem_Free(t);
            }
        }
        t = next;
    }
}

/* --- buffers -------------------------------------------------------------- */

/* What one letter of a PEP 3118 format stands for. */
typedef enum Sort {
    S_OTHER,
    S_SIGNED,
    S_UNSIGNED,
    S_FLOAT,
    S_COMPLEX,
    S_BOOL,
    S_CHAR,
    S_TEXT,
    S_POINTER
} Sort;

static Sort sort_of_letter(char c)
{
    switch (c) {
    case 'b':
    case 'h':
    case 'i':
    case 'l':
    case 'q':
    case 'n':
        return S_SIGNED;
    case 'B':
    case 'H':
    case 'I':
    case 'L':
    case 'Q':
    case 'N':
        return S_UNSIGNED;
    case 'e':
    case 'f':
    case 'd':
    case 'g':
        return S_FLOAT;
    case '?':
        return S_BOOL;
    case 'c':
        return S_CHAR;
    case 'u':
    case 'w':
        return S_TEXT;
    case 'P':
        return S_POINTER;
    default:
        return S_OTHER;
    }
}

static int big_endian(void)
{
    const uint16_t one = 1;
    return *(const unsigned char *)&one == 0;
}

static Sort sort_of_format(const char *format)
{
    if (!format)
        return S_UNSIGNED; /* PEP 3118: no format means bytes */
    if (*format == '@' || *format == '=' || *format == (big_endian() ? '>' : '<') ||
        (*format == '!' && big_endian()))
        format++;
    if (*format == 'Z' && sort_of_letter(format[1]) == S_FLOAT && !format[2])
        return S_COMPLEX;
    return *format && !format[1] ? sort_of_letter(*format) : S_OTHER;
}

static Sort sort_of_code(uint8_t code)
{
    if (code == V_BOOL)
        return S_BOOL;
    if (V_IS_INT(code)) /* ORDER CODE: signed ones stand first in each pair */
        return (code - V_I8) % 2 ? S_UNSIGNED : S_SIGNED;
    if (V_IS_FLOAT(code))
        return S_FLOAT;
    if (V_IS_COMPLEX(code))
        return S_COMPLEX;
    if (V_IS_CHAR(code))
        return code == V_CHAR ? S_CHAR : S_TEXT;
    return code == V_POINTER ? S_POINTER : S_OTHER;
}

/* void, char and unsigned char may look at any memory (C11 6.5p7). */
static int takes_any_item(const CTypeObject *ct)
{
    return ct->type->to->kind == JF_VOID || ct->item_code == V_CHAR ||
           (ct->item_code == V_U8 && ct->type->to->kind == JF_INT);
}

static int item_fits(const CTypeObject *ct, const Py_buffer *view)
{
    if (takes_any_item(ct))
        return 1;
    Sort got = sort_of_format(view->format);
    if (ct->item_size != view->itemsize || got == S_OTHER)
        return 0;
    Sort wanted = sort_of_code(ct->item_code);
    if (wanted == got)
        return 1;
    return got == S_CHAR && ct->item_size == 1 && wanted != S_BOOL;
}

static int buffer_error(CTypeObject *ct, PyObject *value, const Py_buffer *view)
{
    const char *format = view->format ? view->format : "B";
    if (!PyBuffer_IsContiguous(view, 'C'))
        PyErr_Format(
            PyExc_TypeError,
            "initializer for ctype '%s' must be C-contiguous; this %.200s has "
            "gaps between its items",
            jpy_cname(ct), Py_TYPE(value)->tp_name);
    else if (item_fits(ct, view))
        PyErr_Format(PyExc_TypeError,
                     "initializer for ctype '%s' must be writable, not a read-only "
                     "%.200s (declare the parameter const if C only reads)",
                     jpy_cname(ct), Py_TYPE(value)->tp_name);
    else
        PyErr_Format(PyExc_TypeError,
                     "initializer for ctype '%s' must be a buffer of '%s', not a "
                     "%.200s of items '%.50s' (%zd bytes each)",
                     jpy_cname(ct), jpy_cname(jpy_item(ct)),
                     Py_TYPE(value)->tp_name, format, view->itemsize);
    return -1;
}

static int from_buffer(CTypeObject *ct, unsigned quals, PyObject *value,
                       void **pointer, Temp **temps)
{
    if (ct->item_size < 0 && jpy_layout(ct) < 0)
        return -1;
    Temp *t = temp_new(ct->st, 0);
    if (!t)
        return -1;
    if (PyObject_GetBuffer(value, &t->view, PyBUF_RECORDS_RO) < 0) {
        PyMem_Free(t);
        return -1;
    }
    t->has_view = 1;
    t->next = NULL;
    bool contiguous = t->view.ndim == 1 && t->view.strides &&
                      t->view.strides[0] == t->view.itemsize;
    if ((contiguous || PyBuffer_IsContiguous(&t->view, 'C')) &&
        item_fits(ct, &t->view) && (!t->view.readonly || (quals & JF_Q_CONST))) {
        *pointer = t->view.buf;
        t->next = *temps;
        *temps = t;
        return 0;
    }
    buffer_error(ct, value, &t->view);
    jpy_temps_free(t);
    return -1;
}

/* --- lists and strings ---------------------------------------------------- */

static int from_initialiser(CTypeObject *ct, PyObject *value, Py_ssize_t n,
                            void **pointer, Temp **temps)
{
    if (n > (PY_SSIZE_T_MAX - (Py_ssize_t)TEMP_DATA) / ct->item_size) {
        PyErr_SetString(PyExc_OverflowError,
                        "array size would overflow a Py_ssize_t");
        return -1;
    }
    size_t bytes = (size_t)(n * ct->item_size);
    Temp *t = temp_new(ct->st, bytes ? bytes : 1);
    if (!t)
        return -1;
    char *data = (char *)t + TEMP_DATA;
    memset(data, 0, bytes);
    t->next = *temps;
    *temps = t; /* from here on the caller frees it */
    *pointer = data;
    return jpy_array_from_object(ct, data, n, value);
}

static int check_bools(PyObject *bytes)
{
    for (Py_ssize_t i = 0; i < PyBytes_GET_SIZE(bytes); i++)
        if ((unsigned char)PyBytes_AS_STRING(bytes)[i] > 1) {
            PyErr_SetString(PyExc_ValueError,
                            "an array of _Bool can only contain \\x00 or \\x01");
            return -1;
        }
    return 0;
}

/* Everything but cdata. */
static int from_python(CTypeObject *ct, unsigned quals, PyObject *value,
                       void **pointer, Temp **temps)
{
    if (!ct->is_data_ptr)
        return jpy_from_object(ct, (char *)pointer, value);
    if (PyBytes_Check(value)) {
        if (!ct->is_byte_ptr && ct->type->to->kind != JF_VOID)
            return jpy_convert_error(value, ct, "cdata pointer");
        if (ct->item_code == V_BOOL && check_bools(value) < 0)
            return -1;
        *pointer = PyBytes_AS_STRING(value);
        return 0;
    }
    Py_ssize_t n = PyList_Check(value)      ? PyList_GET_SIZE(value)
                   : PyTuple_Check(value)   ? PyTuple_GET_SIZE(value)
                   : PyUnicode_Check(value) ? 0
                                            : -1;
    if (n >= 0) {
        if (ct->item_size < 0 && jpy_layout(ct) < 0)
            return -1;
        if (PyUnicode_Check(value))
            n = jpy_text_units(value, ct->item_size) + 1;
        if (ct->item_size > 0)
            return from_initialiser(ct, value, n, pointer, temps);
    } else if (PyObject_CheckBuffer(value)) {
        return from_buffer(ct, quals, value, pointer, temps);
    } else if (jpy_is_file_pointer(ct)) {
        int is_file = jpy_file_stream(value, pointer);
        if (is_file)
            return is_file < 0 ? -1 : 0;
    }
    return jpy_from_object(ct, (char *)pointer, value);
}

int jpy_pointer_argument(CTypeObject *ct, unsigned quals, PyObject *value,
                         void **pointer, Temp **temps)
{
    if (!jpy_is_cdata(value))
        return from_python(ct, quals, value, pointer, temps);
    CDataObject *cd = (CDataObject *)value;
    const jf_Type *from = cd->ctype->type;
    if (cd->ctype == ct ||
        (from->kind == JF_ARRAY && ct->is_data_ptr && from->to == ct->type->to)) {
        *pointer = cd->data;
        return 0;
    }
    return jpy_from_object(ct, (char *)pointer, value);
}
