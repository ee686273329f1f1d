/* SPDX-License-Identifier: MIT
 *
 * Numbers between Python and C memory: integers of 1 to 16 bytes with range
 * checks, floats of 2 to 16 bytes, complex. Formats: IEEE 754-2008 binary16
 * and binary128 are converted by hand, the others are the C compiler's own.
 */
#include "python/jpy.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* --- integers ------------------------------------------------------------- */

int jpy_overflow(PyObject *value, CTypeObject *ct)
{
    PyErr_Clear();
    PyObject *text = PyObject_Str(value);
    if (text) {
        PyErr_Format(PyExc_OverflowError, "integer %U does not fit '%s'", text,
                     jpy_cname(ct));
        Py_DECREF(text);
    } else { /* too many digits to be printed */
        PyErr_Clear();
        PyErr_Format(PyExc_OverflowError, "integer does not fit '%s'",
                     jpy_cname(ct));
    }
    return -1;
}

static int is_float_like(PyObject *o)
{
    if (PyFloat_Check(o))
        return 1;
    return jpy_is_cdata(o) && V_IS_FLOAT(((CDataObject *)o)->ctype->code);
}

/* An int from anything that int() takes, unless `strict` and it is a float. */
static PyObject *integer_from(PyObject *o, int strict)
{
    if (PyLong_Check(o))
        return Py_NewRef(o);
    PyNumberMethods *nb = Py_TYPE(o)->tp_as_number;
    if ((strict && is_float_like(o)) || !nb || !nb->nb_int) {
        PyErr_SetString(PyExc_TypeError, "an integer is required");
        return NULL;
    }
    PyObject *i = nb->nb_int(o);
    if (i && !PyLong_Check(i)) {
        PyErr_SetString(PyExc_TypeError, "integer conversion failed");
        Py_CLEAR(i);
    }
    return i;
}

PyObject *jpy_integer_of(PyObject *o)
{
    return integer_from(o, 1);
}

int jpy_mask_bytes(PyObject *integer, unsigned char *p, size_t n)
{
    PyObject *i = integer_from(integer, 0);
    if (!i)
        return -1;
    int bad = 0;
    uint64_t low;
    if (n <= 8) {
        low = PyLong_AsUnsignedLongLongMask(i);
        bad = low == (uint64_t)-1 && PyErr_Occurred();
        memcpy(p, &low, n);
    } else { /* i mod 2**128, which is never negative */
        PyObject *bits = PyLong_FromLong(128), *one = PyLong_FromLong(1);
        PyObject *end = bits && one ? PyNumber_Lshift(one, bits) : NULL;
        PyObject *rest = end ? PyNumber_Remainder(i, end) : NULL;
        bad = !rest || jpy_long_to_bytes(rest, p, n, 0) < 0;
        Py_XDECREF(bits);
        Py_XDECREF(one);
        Py_XDECREF(end);
        Py_XDECREF(rest);
    }
    Py_DECREF(i);
    return bad ? -1 : 0;
}

/* Bounds by code; V_U64 and wider are handled apart. */
static const struct {
    int64_t min, max;
} ranges[] = {
    [V_BOOL] = {0, 1},         [V_I8] = {INT8_MIN, INT8_MAX},
    [V_U8] = {0, UINT8_MAX},   [V_I16] = {INT16_MIN, INT16_MAX},
    [V_U16] = {0, UINT16_MAX}, [V_I32] = {INT32_MIN, INT32_MAX},
    [V_U32] = {0, UINT32_MAX}, [V_I64] = {INT64_MIN, INT64_MAX},
    [V_U64] = {0, INT64_MAX},
};

static int int64_from_int(PyObject *i, CTypeObject *ct, int64_t *v)
{
    Py_ssize_t small;
    long long wide;
    int overflow = 0;
    if (jpy_long_small(i, &small)) {
        wide = small;
    } else {
        wide = PyLong_AsLongLongAndOverflow(i, &overflow);
        if (wide == -1 && !overflow && PyErr_Occurred())
            return -1;
    }
    if (!overflow && wide >= ranges[ct->code].min && wide <= ranges[ct->code].max) {
        *v = wide;
        return 0;
    }
    if (ct->code == V_U64 && overflow > 0) {
        unsigned long long u = PyLong_AsUnsignedLongLong(i);
        if (u != (unsigned long long)-1 || !PyErr_Occurred()) {
            *v = (int64_t)u;
            return 0;
        }
    }
    return jpy_overflow(i, ct);
}

int jpy_to_int64(PyObject *o, CTypeObject *ct, int64_t *v)
{
    JF_ASSERT(ct->code >= V_BOOL && ct->code <= V_U64);
    if (PyLong_Check(o))
        return int64_from_int(o, ct, v);
    PyObject *i = jpy_integer_of(o);
    if (!i)
        return -1;
    int bad = int64_from_int(i, ct, v);
    Py_DECREF(i);
    return bad;
}

int jpy_to_double(PyObject *o, CTypeObject *ct, double *v)
{
    (void)ct;
    *v = PyFloat_AsDouble(o);
    return *v == -1.0 && PyErr_Occurred() ? -1 : 0;
}

/* --- binary16 and binary128 ----------------------------------------------- */

static double half_to_double(uint16_t h)
{
    unsigned exponent = h >> 10 & 31, fraction = h & 1023;
    double v;
    if (exponent == 31)
        v = fraction ? NAN : INFINITY;
    else if (exponent == 0)
        v = ldexp(fraction, -24);
    else
        v = ldexp(1024 + fraction, (int)exponent - 25);
    return h & 0x8000 ? -v : v;
}

/* Round to nearest, ties to even, as the default of IEEE 754 4.3.1. */
static uint16_t double_to_half(double v)
{
    uint16_t sign = signbit(v) ? 0x8000 : 0;
    if (isnan(v))
        return sign | 0x7e00;
    v = fabs(v);
    if (v >= 65520.0) /* half way between the largest finite and 2**16 */
        return sign | 0x7c00;
    if (v < 0x1p-14) /* subnormal: units of 2**-24 */
        return (uint16_t)(sign | (unsigned)nearbyint(ldexp(v, 24)));
    int exponent;
    double fraction = frexp(v, &exponent); /* 0.5 <= fraction < 1 */
    unsigned bits = (unsigned)nearbyint(ldexp(fraction, 11)); /* 1024..2048 */
    /* a carry to 2048 runs into the exponent, as it should */
    return (uint16_t)(sign | (((unsigned)(exponent + 14) << 10) + bits - 1024));
}

static double quad_to_double(const char *p)
{
    uint64_t low, high;
    memcpy(&low, p, 8);
    memcpy(&high, p + 8, 8);
    int exponent = (int)(high >> 48 & 0x7fff);
    uint64_t top = high & 0xffffffffffff; /* 48 bits, then 64 in `low` */
    double v;
    if (exponent == 0x7fff) {
        v = top | low ? NAN : INFINITY;
    } else {
        /* 62 bits of the significand, the last one sticky: rounded once */
        uint64_t m = (exponent ? (uint64_t)1 << 61 : 0) | top << 13 | low >> 51;
        m |= (low & 0x7ffffffffffff) != 0;
        v = ldexp((double)m, (exponent ? exponent : 1) - 16383 - 61);
    }
    return high >> 63 ? -v : v;
}

static void double_to_quad(double v, char *p)
{
    uint64_t high = signbit(v) ? (uint64_t)1 << 63 : 0, low = 0;
    if (isnan(v)) {
        high |= (uint64_t)0x7fff8 << 44;
    } else if (isinf(v)) {
        high |= (uint64_t)0x7fff << 48;
    } else if (v != 0) {
        int exponent;
        uint64_t m =
            (uint64_t)ldexp(frexp(fabs(v), &exponent), 53); /* bit 52 set */
        high |= (uint64_t)(exponent - 1 + 16383) << 48 | (m & 0xfffffffffffff) >> 4;
        low = m << 60;
    }
    memcpy(p, &low, 8);
    memcpy(p + 8, &high, 8);
}

/* --- floats and complex --------------------------------------------------- */

double jpy_read_float(uint8_t code, const char *data)
{
    float f;
    double d;
    long double l;
    uint16_t h;
    switch (code) {
    case V_F16:
        memcpy(&h, data, 2);
        return half_to_double(h);
    case V_F32:
        memcpy(&f, data, 4);
        return f;
    case V_F64:
        memcpy(&d, data, 8);
        return d;
    case V_LDOUBLE:
        memcpy(&l, data, sizeof l);
        return (double)l;
    default:
        JF_ASSERT(code == V_F128);
        return quad_to_double(data);
    }
}

void jpy_write_float(uint8_t code, char *data, double value)
{
    float f = (float)value;
    long double l = value;
    uint16_t h;
    switch (code) {
    case V_F16:
        h = double_to_half(value);
        memcpy(data, &h, 2);
        break;
    case V_F32:
        memcpy(data, &f, 4);
        break;
    case V_F64:
        memcpy(data, &value, 8);
        break;
    case V_LDOUBLE:
        memset(data, 0, sizeof l); /* x87: ten bytes count, no stray padding */
        memcpy(data, &l, sizeof l > 10 && LDBL_MANT_DIG == 64 ? 10 : sizeof l);
        break;
    default:
        JF_ASSERT(code == V_F128);
        double_to_quad(value, data);
    }
}

static uint8_t part_code(uint8_t code, size_t *size)
{
    *size = code == V_CF32 ? 4 : code == V_CF64 ? 8 : sizeof(long double);
    return code == V_CF32 ? V_F32 : code == V_CF64 ? V_F64 : V_LDOUBLE;
}

Py_complex jpy_read_complex(uint8_t code, const char *data)
{
    size_t size;
    uint8_t part = part_code(code, &size);
    Py_complex c = {jpy_read_float(part, data), jpy_read_float(part, data + size)};
    return c;
}

void jpy_write_complex(uint8_t code, char *data, Py_complex value)
{
    size_t size;
    uint8_t part = part_code(code, &size);
    jpy_write_float(part, data, value.real);
    jpy_write_float(part, data + size, value.imag);
}
