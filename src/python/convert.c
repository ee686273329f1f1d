/* SPDX-License-Identifier: MIT
 *
 * One C value in memory to a Python object, and back: the flat switches over the
 * value code. Which Python types go with which C types, and the texts of the
 * errors, follow cffi.
 */
#include "python/checked.h"

#include <string.h>

/* --- C to Python ---------------------------------------------------------- */

static PyObject *load_bool(const char *data)
{
    unsigned v = *(const unsigned char *)data;
    if (v < 2)
        return Py_NewRef(v ? Py_True : Py_False);
    PyErr_Format(PyExc_ValueError, "got a _Bool of value %u, expected 0 or 1", v);
    return NULL;
}

PyObject *jpy_bool(unsigned long v)
{
    unsigned char byte = (unsigned char)v;
    return load_bool((const char *)&byte);
}

/* LONG: one flat switch over the codes that need no ctype. */
PyObject *jpy_load(uint8_t code, const char *data)
{
    int8_t i8;
    uint8_t u8;
    int16_t i16;
    uint16_t u16;
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    uint64_t u64;
    double d;
    switch (code) {
    case V_BOOL:
        return load_bool(data);
    case V_I8:
        memcpy(&i8, data, 1);
        return PyLong_FromLong(i8);
    case V_U8:
        memcpy(&u8, data, 1);
        return PyLong_FromLong(u8);
    case V_I16:
        memcpy(&i16, data, 2);
        return PyLong_FromLong(i16);
    case V_U16:
        memcpy(&u16, data, 2);
        return PyLong_FromLong(u16);
    case V_I32:
        memcpy(&i32, data, 4);
        return PyLong_FromLong(i32);
    case V_U32:
        memcpy(&u32, data, 4);
        return PyLong_FromLongLong(u32);
    case V_I64:
        memcpy(&i64, data, 8);
        return PyLong_FromLongLong(i64);
    case V_U64:
        memcpy(&u64, data, 8);
        return PyLong_FromUnsignedLongLong(u64);
    case V_I128:
    case V_U128:
        return jpy_long_from_bytes((const unsigned char *)data, 16, code == V_I128);
    case V_CHAR:
        return PyBytes_FromStringAndSize(data, 1);
    case V_CHAR16:
        return jpy_str_from16(data, 1);
    case V_CHAR32:
        return jpy_str_from32(data, 1);
    case V_F64:
        memcpy(&d, data, 8);
        return PyFloat_FromDouble(d);
    case V_F16:
    case V_F32:
        return PyFloat_FromDouble(jpy_read_float(code, data));
    default:
        JF_ASSERT(V_IS_COMPLEX(code));
        return PyComplex_FromCComplex(jpy_read_complex(code, data));
    }
}

/* Formats wider than Python's float stay a cdata. */
static PyObject *load_wide_float(CTypeObject *ct, const char *data)
{
    CDataObject *cd = jpy_cdata_prim(ct);
    if (cd)
        memcpy(cd->data, data, (size_t)ct->size);
    return (PyObject *)cd;
}

static PyObject *view(CTypeObject *ct, char *data, PyObject *owner)
{
    return owner ? jpy_cdata_view(ct, data, owner) : jpy_cdata(ct, data);
}

/* An open array becomes a pointer to its first item: the length is unknown. */
static PyObject *load_open_array(CTypeObject *ct, char *data)
{
    CTypeObject *item = jpy_item(ct);
    CTypeObject *ptr = item ? jpy_pointer_to(item) : NULL;
    PyObject *o = ptr ? jpy_cdata(ptr, data) : NULL;
    Py_XDECREF(ptr);
    return o;
}

PyObject *jpy_to_object(CTypeObject *ct, char *data, PyObject *owner)
{
    char *p;
    switch (ct->code) {
    case V_POINTER:
        memcpy(&p, data, sizeof p);
        return jpy_cdata(ct, p);
    case V_ARRAY:
        if (CType_IsOpen(ct))
            return load_open_array(ct, data);
        return view(ct, data, owner);
    case V_RECORD:
        if (!(ct->type->u.rec->flags & (JF_R_COMPLETE | JF_R_LAZY)))
            break;
        return view(ct, data, owner);
    case V_LDOUBLE:
    case V_F128:
        return load_wide_float(ct, data);
    case V_NONE:
        break;
    case V_UNKNOWN:
        if (jpy_layout(ct) < 0)
            return NULL;
        if (ct->code == V_UNKNOWN)
            break;
        return jpy_load(ct->code, data);
    default:
        return jpy_load(ct->code, data);
    }
    PyErr_Format(PyExc_TypeError, "cdata '%s' is opaque", jpy_cname(ct));
    return NULL;
}

PyObject *jpy_field_get(State *st, FieldInfo *f, char *record, PyObject *owner)
{
    char *data = record + f->offset;
    if (f->bits >= 0)
        return jpy_bits_get(f, record);
    if (V_IS_PLAIN(f->code))
        return jpy_load(f->code, data);
    CTypeObject *ct = jpy_field_type(st, f);
    return ct ? jpy_to_object(ct, data, owner) : NULL;
}

/* --- errors --------------------------------------------------------------- */

int jpy_convert_error(PyObject *value, CTypeObject *ct, const char *expected)
{
    if (!jpy_is_cdata(value)) {
        PyErr_Format(PyExc_TypeError,
                     "initializer for ctype '%s' must be a %s, not %.200s",
                     jpy_cname(ct), expected, Py_TYPE(value)->tp_name);
        return -1;
    }
    CTypeObject *got = ((CDataObject *)value)->ctype;
    if (strcmp(jpy_cname(ct), jpy_cname(got)) != 0)
        PyErr_Format(PyExc_TypeError,
                     "initializer for ctype '%s' must be a %s, not cdata '%s'",
                     jpy_cname(ct), expected, jpy_cname(got));
    else if (ct != got)
        PyErr_Format(
            PyExc_TypeError,
            "initializer for ctype '%s' appears indeed to be '%s', but the "
            "types are different (check that you are not e.g. mixing up "
            "different ffi instances)",
            jpy_cname(ct), jpy_cname(got));
    else
        PyErr_Format(PyExc_TypeError, "initializer for ctype '%s' must be a %s",
                     jpy_cname(ct), expected);
    return -1;
}

/* --- Python to C: pointers ------------------------------------------------ */

static bool is_void_or_char(const jf_Type *pointer)
{
    const jf_Type *to = pointer->to->canon;
    return to->kind == JF_VOID || (to->kind == JF_CHAR && to->size == 1);
}

/* May a pointer of type `from` go where a `ct` is expected? cffi: the same type,
 * or one of them is `void *`, or both point to single bytes and one of them is
 * `char *`. */
static int check_pointer(CTypeObject *ct, const jf_Type *from, PyObject *value)
{
    const jf_Type *to = ct->type;
    if (from == to || from->to->kind == JF_VOID || to->to->kind == JF_VOID)
        return 0;
    if (!is_void_or_char(from) && !is_void_or_char(to))
        return jpy_convert_error(value, ct, "pointer to same type");
    if (ct->is_byte_ptr && from->to->canon->size == 1)
        return 0;
    PyErr_SetString(
        PyExc_TypeError,
        is_void_or_char(to)
            ? "implicit cast to 'char *' from a different pointer type."
              "(check that the types are as you expect; use an explicit "
              "ffi.cast() if they are correct)"
            : "implicit cast from 'char *' to a different pointer type: "
              "(check that the types are as you expect; use an explicit "
              "ffi.cast() if they are correct)");
    return -1;
}

/* Arrays stand for a pointer to their first item, without making that type. */
static int check_array(CTypeObject *ct, CTypeObject *from, PyObject *value)
{
    if (!ct->is_data_ptr)
        return jpy_convert_error(value, ct, "pointer to same type");
    if (from->type->to->canon == ct->type->to)
        return 0;
    jf_Type as_pointer = {.kind = JF_PTR, .to = from->type->to->canon};
    return check_pointer(ct, &as_pointer, value);
}

static int store_pointer(CTypeObject *ct, char *data, PyObject *value)
{
    if (!jpy_is_cdata(value)) {
        PyObject *fn = jpy_function_cdata(ct->st, value);
        if (!fn)
            return PyErr_Occurred() ? -1
                                    : jpy_convert_error(value, ct, "cdata pointer");
        value = fn;
    }
    CDataObject *cd = (CDataObject *)value;
    if (cd->ctype != ct) {
        if (cd->ctype->code == V_POINTER) {
            if (check_pointer(ct, cd->ctype->type, value) < 0 ||
                (jpy_is_checked(cd) && jpy_checked_pass(ct, cd) < 0))
                return -1;
        } else if (cd->ctype->code == V_ARRAY) {
            if (check_array(ct, cd->ctype, value) < 0)
                return -1;
        } else {
            return jpy_convert_error(value, ct, "pointer or array");
        }
    }
    memcpy(data, &cd->data, sizeof cd->data);
    return 0;
}

int jpy_to_address(PyObject *o, void **v)
{
    if (jpy_is_cdata(o)) {
        CDataObject *cd = (CDataObject *)o;
        if (cd->ctype->code == V_POINTER || cd->ctype->code == V_ARRAY) {
            *v = cd->data;
            return 0;
        }
    }
    uint64_t bits;
    if (jpy_mask_bytes(o, (unsigned char *)&bits, 8) < 0)
        return -1;
    *v = (void *)(uintptr_t)bits;
    return 0;
}

/* --- Python to C: scalars ------------------------------------------------- */

static int store_int(CTypeObject *ct, char *data, PyObject *value)
{
    int64_t v;
    if (jpy_to_int64(value, ct, &v) < 0)
        return -1;
    switch (ct->size) {
    case 1:
        memcpy(data, &v, 1);
        break;
    case 2:
        memcpy(data, &v, 2);
        break;
    case 4:
        memcpy(data, &v, 4);
        break;
    default:
        memcpy(data, &v, 8);
    }
    return 0;
}

static int store_int128(CTypeObject *ct, char *data, PyObject *value)
{
    PyObject *i = jpy_integer_of(value);
    if (!i)
        return -1;
    unsigned char raw[16];
    int is_signed = ct->code == V_I128, bad = -1;
    if (is_signed || jpy_long_sign(i) >= 0)
        bad = jpy_long_to_bytes(i, raw, 16, is_signed);
    if (bad)
        bad = jpy_overflow(i, ct);
    else
        memcpy(data, raw, 16);
    Py_DECREF(i);
    return bad;
}

static int store_float(CTypeObject *ct, char *data, PyObject *value)
{
    double v;
    if (jpy_is_cdata(value) && ((CDataObject *)value)->ctype->code == ct->code &&
        (ct->code == V_LDOUBLE || ct->code == V_F128)) {
        memcpy(data, ((CDataObject *)value)->data, (size_t)ct->size);
        return 0;
    }
    if (jpy_to_double(value, ct, &v) < 0)
        return -1;
    jpy_write_float(ct->code, data, v);
    return 0;
}

static int store_complex(CTypeObject *ct, char *data, PyObject *value)
{
    Py_complex c = PyComplex_AsCComplex(value);
    if (c.real == -1.0 && PyErr_Occurred())
        return -1;
    jpy_write_complex(ct->code, data, c);
    return 0;
}

static int store_record(CTypeObject *ct, char *data, PyObject *value)
{
    if (ct->size < 0 && jpy_layout(ct) < 0)
        return -1;
    if (jpy_is_cdata(value) && ((CDataObject *)value)->ctype == ct &&
        ct->size >= 0) {
        memmove(data, ((CDataObject *)value)->data, (size_t)ct->size);
        return 0;
    }
    return jpy_record_from_object(ct, data, value);
}

int jpy_from_object(CTypeObject *ct, char *data, PyObject *value)
{
    switch (ct->code) {
    case V_POINTER:
        return store_pointer(ct, data, value);
    case V_ARRAY:
        return jpy_array_from_object(
            ct, data, CType_IsOpen(ct) ? -1 : (Py_ssize_t)ct->type->length, value);
    case V_RECORD:
        return store_record(ct, data, value);
    case V_I128:
    case V_U128:
        return store_int128(ct, data, value);
    case V_CHAR:
    case V_CHAR16:
    case V_CHAR32:
        return jpy_char_from_object(ct, data, value);
    case V_F16:
    case V_F32:
    case V_F64:
    case V_LDOUBLE:
    case V_F128:
        return store_float(ct, data, value);
    case V_CF32:
    case V_CF64:
    case V_CLDOUBLE:
        return store_complex(ct, data, value);
    case V_UNKNOWN:
        if (jpy_layout(ct) < 0)
            return -1;
        if (ct->code != V_UNKNOWN)
            return jpy_from_object(ct, data, value);
        break;
    case V_NONE:
        break;
    default:
        return store_int(ct, data, value);
    }
    PyErr_Format(PyExc_TypeError, "cdata '%s' is opaque", jpy_cname(ct));
    return -1;
}

/* The everyday integer and float, without a ctype; 0 when the long way round is
 * needed (for the error, too). */
static int store_quick(uint8_t code, char *data, PyObject *value)
{
    Py_ssize_t v;
    if (PyFloat_CheckExact(value) && code == V_F64) {
        memcpy(data, &((PyFloatObject *)value)->ob_fval, 8);
        return 1;
    }
    if (!PyLong_CheckExact(value) || !jpy_long_small(value, &v))
        return 0;
    switch (code) {
    case V_I8:
        return v == (int8_t)v ? (memcpy(data, &v, 1), 1) : 0;
    case V_U8:
        return v == (uint8_t)v ? (memcpy(data, &v, 1), 1) : 0;
    case V_I16:
        return v == (int16_t)v ? (memcpy(data, &v, 2), 1) : 0;
    case V_U16:
        return v == (uint16_t)v ? (memcpy(data, &v, 2), 1) : 0;
    case V_I32:
        return v == (int32_t)v ? (memcpy(data, &v, 4), 1) : 0;
    case V_U32:
        return v == (Py_ssize_t)(uint32_t)v ? (memcpy(data, &v, 4), 1) : 0;
    case V_I64:
        return memcpy(data, &v, 8), 1;
    case V_U64:
        return v >= 0 ? (memcpy(data, &v, 8), 1) : 0;
    default:
        return 0;
    }
}

int jpy_field_set(State *st, FieldInfo *f, char *record, PyObject *value)
{
    char *data = record + f->offset;
    if (f->bits >= 0)
        return jpy_bits_set(st, f, record, value);
    if (store_quick(f->code, data, value))
        return 0;
    CTypeObject *ct = jpy_field_type(st, f);
    return ct ? jpy_from_object(ct, data, value) : -1;
}

int jpy_item_set(CTypeObject *ct, char *data, PyObject *value)
{
    if (store_quick(ct->item_code, data, value))
        return 0;
    CTypeObject *item = jpy_item(ct);
    return item ? jpy_from_object(item, data, value) : -1;
}

PyObject *jpy_item_get(CTypeObject *ct, char *data, PyObject *owner)
{
    if (V_IS_PLAIN(ct->item_code))
        return jpy_load(ct->item_code, data);
    CTypeObject *item = jpy_item(ct);
    return item ? jpy_to_object(item, data, owner) : NULL;
}
