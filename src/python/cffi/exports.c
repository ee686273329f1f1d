/* SPDX-License-Identifier: MIT
 *
 * The functions that wrappers compiled by cffi call, by their numbers in the table
 * that every such module copies at its import. Signatures are those of the modules'
 * binary interface; a ctype is what jpy_stock_slot() put into the module's types.
 * An error is a value and an exception: the wrapper asks for the exception.
 */
#include <string.h>
#include <wchar.h>

#include "python/cffi/stock.h"

/* --- integers ------------------------------------------------------------ */

static int64_t out_of_range(PyObject *o, const char *what)
{
    PyErr_Clear();
    PyObject *text = PyObject_Str(o);
    if (!text)
        PyErr_Clear();
    if (text)
        PyErr_Format(PyExc_OverflowError, "integer %U does not fit '%s'", text,
                     what);
    else
        PyErr_Format(PyExc_OverflowError, "integer does not fit '%s'", what);
    Py_XDECREF(text);
    return -1;
}

/* What is no int of one digit. */
static int64_t wide_integer(PyObject *o, int64_t min, int64_t max, const char *what)
{
    PyObject *i = jpy_integer_of(o);
    if (!i)
        return -1;
    int overflow;
    long long v = PyLong_AsLongLongAndOverflow(i, &overflow);
    if (overflow || v < min || v > max)
        v = out_of_range(i, what);
    Py_DECREF(i);
    return v;
}

static inline int64_t integer(PyObject *o, int64_t min, int64_t max,
                              const char *what)
{
    Py_ssize_t v;
    if (PyLong_CheckExact(o) && jpy_long_small(o, &v) && v >= min && v <= max)
        return v;
    return wide_integer(o, min, max, what);
}

static int to_i8(PyObject *o)
{
    return (int)integer(o, INT8_MIN, INT8_MAX, "8-bit int");
}
static int to_u8(PyObject *o)
{
    return (int)integer(o, 0, UINT8_MAX, "8-bit unsigned int");
}
static int to_i16(PyObject *o)
{
    return (int)integer(o, INT16_MIN, INT16_MAX, "16-bit int");
}
static int to_u16(PyObject *o)
{
    return (int)integer(o, 0, UINT16_MAX, "16-bit unsigned int");
}
static int to_i32(PyObject *o)
{
    return (int)integer(o, INT32_MIN, INT32_MAX, "32-bit int");
}
static unsigned to_u32(PyObject *o)
{
    return (unsigned)integer(o, 0, UINT32_MAX, "32-bit unsigned int");
}
static long long to_i64(PyObject *o)
{
    return integer(o, INT64_MIN, INT64_MAX, "64-bit int");
}

static unsigned long long to_u64(PyObject *o)
{
    Py_ssize_t small;
    if (PyLong_CheckExact(o) && jpy_long_small(o, &small) && small >= 0)
        return (unsigned long long)small;
    PyObject *i = jpy_integer_of(o);
    if (!i)
        return (unsigned long long)-1;
    unsigned long long v = PyLong_AsUnsignedLongLong(i);
    if (v == (unsigned long long)-1 && PyErr_Occurred() &&
        PyErr_ExceptionMatches(PyExc_OverflowError))
        v = (unsigned long long)out_of_range(i, "64-bit unsigned int");
    Py_DECREF(i);
    return v;
}

static _Bool to_bool(PyObject *o)
{
    int64_t v = integer(o, 0, 1, "_Bool");
    return v != 0; /* -1 with an exception is true, as it was in C */
}

/* --- floating point ------------------------------------------------------ */

static long double to_long_double(PyObject *o)
{
    if (!jpy_is_cdata(o) || ((CDataObject *)o)->ctype->code != V_LDOUBLE)
        return PyFloat_AsDouble(o);
    long double v;
    memcpy(&v, ((CDataObject *)o)->data, sizeof v);
    return v;
}

/* --- characters ---------------------------------------------------------- */

/* One unit of the size that `code` says. What converts it asks a ctype for nothing
 * but its code. */
static uint32_t to_unit(PyObject *o, uint8_t code)
{
    CTypeObject ct;
    union {
        unsigned char byte;
        uint16_t half;
        uint32_t whole;
    } v;
    memset(&ct, 0, sizeof ct);
    ct.code = code;
    if (jpy_char_from_object(&ct, (char *)&v, o) < 0)
        return (uint32_t)-1;
    return code == V_CHAR ? v.byte : code == V_CHAR16 ? v.half : v.whole;
}

static int to_char(PyObject *o)
{
    return (int)to_unit(o, V_CHAR);
}

static PyObject *from_char(char c)
{
    return PyBytes_FromStringAndSize(&c, 1);
}

static PyObject *from_unit(uint32_t c, Py_ssize_t size)
{
    uint16_t half = (uint16_t)c;
    return size == 2 ? jpy_str_from16((const char *)&half, 1)
                     : jpy_str_from32((const char *)&c, 1);
}

static wchar_t to_wchar(PyObject *o)
{
    return (wchar_t)to_unit(o, sizeof(wchar_t) == 2 ? V_CHAR16 : V_CHAR32);
}
static PyObject *from_wchar(wchar_t c)
{
    return from_unit((uint32_t)c, sizeof(wchar_t));
}
/* The size that wchar_t does not have. */
static int to_other_char(PyObject *o)
{
    return (int)to_unit(o, sizeof(wchar_t) == 2 ? V_CHAR32 : V_CHAR16);
}
static PyObject *from_other_char(int c)
{
    return from_unit((uint32_t)c, 6 - (Py_ssize_t)sizeof(wchar_t));
}

/* --- pointers and everything else by its ctype --------------------------- */

static PyObject *from_pointer(char *p, CTypeObject *ct)
{
    if (ct->code == V_POINTER)
        return jpy_cdata(ct, p);
    return jpy_to_object(ct, (char *)&p, NULL);
}

static char *to_pointer(PyObject *o, CTypeObject *ct)
{
    char *p;
    void *stream = NULL;
    if (jpy_is_file_pointer(ct)) {
        int is_file = jpy_file_stream(o, &stream);
        if (is_file)
            return is_file < 0 ? NULL : stream;
    }
    return jpy_from_object(ct, (char *)&p, o) < 0 ? NULL : p;
}

static PyObject *from_value(char *p, CTypeObject *ct)
{
    if (ct->size < 0 && jpy_layout(ct) < 0)
        return NULL;
    return jpy_to_object(ct, p, NULL);
}

static int to_value(char *p, CTypeObject *ct, PyObject *o)
{
    if (ct->size < 0 && jpy_layout(ct) < 0)
        return -1;
    /* A variable of the wrapper's: what the caller leaves out is zero. */
    if (ct->code == V_RECORD && ct->size > 0 && !jpy_is_cdata(o))
        memset(p, 0, (size_t)ct->size);
    return jpy_from_object(ct, p, o);
}

static PyObject *from_record(char *p, CTypeObject *ct)
{
    if (jpy_ctype_size(ct) < 0)
        return NULL;
    return jpy_cdata_copy(ct, p);
}

/* --- arguments of pointer type ------------------------------------------- */

static int only_bools(PyObject *bytes)
{
    for (Py_ssize_t i = 0; i < PyBytes_GET_SIZE(bytes); i++)
        if ((unsigned char)PyBytes_AS_STRING(bytes)[i] > 1) {
            PyErr_SetString(PyExc_ValueError,
                            "an array of _Bool can only contain \\x00 or \\x01");
            return -1;
        }
    return 0;
}

/* 0: *out is the pointer. Above 0: so many bytes are needed, which the wrapper
 * finds and has filled by convert_array(). */
static Py_ssize_t prepare_pointer(CTypeObject *ct, PyObject *o, char **out)
{
    const jf_Type *to = ct->type->to;
    if (jpy_is_cdata(o)) {
        CDataObject *cd = (CDataObject *)o;
        const jf_Type *from = cd->ctype->type;
        if (cd->ctype == ct || (from->kind == JF_ARRAY && from->to == to)) {
            *out = cd->data;
            return 0;
        }
        return jpy_from_object(ct, (char *)out, o);
    }
    if (PyBytes_Check(o)) {
        if (!ct->is_byte_ptr && to->kind != JF_VOID)
            return jpy_from_object(ct, (char *)out, o);
        *out = PyBytes_AS_STRING(o);
        return ct->item_code == V_BOOL ? only_bools(o) : 0;
    }
    Py_ssize_t n;
    if (PyList_Check(o)) {
        n = PyList_GET_SIZE(o);
    } else if (PyTuple_Check(o)) {
        n = PyTuple_GET_SIZE(o);
    } else if (PyUnicode_Check(o)) {
        n = 0;
    } else {
        void *stream = NULL;
        int is_file = jpy_is_file_pointer(ct) ? jpy_file_stream(o, &stream) : 0;
        if (!is_file)
            return jpy_from_object(ct, (char *)out, o);
        *out = stream;
        return is_file < 0 ? -1 : 0;
    }
    if (!ct->is_data_ptr || (ct->item_size < 0 && jpy_layout(ct) < 0))
        return PyErr_Occurred() ? -1 : jpy_from_object(ct, (char *)out, o);
    if (ct->item_size <= 0)
        return jpy_from_object(ct, (char *)out, o);
    if (PyUnicode_Check(o))
        n = jpy_text_units(o, ct->item_size == 2 ? 2 : 4) + 1;
    if (n > PY_SSIZE_T_MAX / ct->item_size) {
        PyErr_SetString(PyExc_OverflowError,
                        "array size would overflow a Py_ssize_t");
        return -1;
    }
    return n ? n * ct->item_size : 1;
}

static int convert_array(char *p, CTypeObject *ct, PyObject *o)
{
    Py_ssize_t n = PyList_Check(o)      ? PyList_GET_SIZE(o)
                   : PyTuple_Check(o)   ? PyTuple_GET_SIZE(o)
                   : PyUnicode_Check(o) ? jpy_text_units(o, ct->item_size) + 1
                                        : ct->length;
    return jpy_array_from_object(ct, p, n, o);
}

/* --- the rest ------------------------------------------------------------ */

/* For verify(): numbers up to a negative one. */
static PyObject *struct_layout(Py_ssize_t nums[])
{
    PyObject *list = PyList_New(0);
    for (; list && *nums >= 0; nums++) {
        PyObject *n = PyLong_FromSsize_t(*nums);
        if (!n || PyList_Append(list, n) < 0)
            Py_CLEAR(list);
        Py_XDECREF(n);
    }
    return list;
}

static void save_errno(void)
{
    jf_os_errno_save();
}

static void restore_errno(void)
{
    jf_os_errno_restore();
}

#define ENTRY(f) (void *)(uintptr_t)(f)
void *const jpy_stock_exports[EXPORT_COUNT] = {
    NULL,
    ENTRY(to_i8),
    ENTRY(to_u8),
    ENTRY(to_i16),
    ENTRY(to_u16),
    ENTRY(to_i32),
    ENTRY(to_u32),
    ENTRY(to_i64),
    ENTRY(to_u64),
    ENTRY(to_char),
    ENTRY(from_pointer),
    ENTRY(to_pointer),
    ENTRY(struct_layout),
    ENTRY(restore_errno),
    ENTRY(save_errno),
    ENTRY(from_char),
    ENTRY(from_value),
    ENTRY(to_value),
    ENTRY(from_record),
    ENTRY(to_wchar),
    ENTRY(from_wchar),
    ENTRY(to_long_double),
    ENTRY(to_bool),
    ENTRY(prepare_pointer),
    ENTRY(convert_array),
    ENTRY(jpy_stock_call_python),
    ENTRY(to_other_char),
    ENTRY(from_other_char),
};
