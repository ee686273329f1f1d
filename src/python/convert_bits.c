/* SPDX-License-Identifier: MIT
 *
 * Bit-fields. Only the bytes that hold bits of the field are touched: a packed
 * field may straddle its declared type, and may end on the last byte of memory.
 * Bits count from the low end of little-endian storage.
 */
#include "python/jpy.h"

#include <string.h>

/* The first byte, and how far into it the field begins. */
static size_t first_byte(const FieldInfo *f, unsigned *shift)
{
    *shift = (unsigned)f->shift & 7;
    return (size_t)f->offset + ((size_t)f->shift >> 3);
}

static int is_signed(const FieldInfo *f)
{
    return (f->type->flags & JF_T_SIGNED) && !(f->flags & FIELD_UNSIGNED);
}

/* `bits` (at most 128) of memory into `out`, zero-extended. */
static void take_bits(const unsigned char *p, unsigned shift, unsigned bits,
                      unsigned char out[17])
{
    unsigned n = (shift + bits + 7) / 8;
    memset(out, 0, 17);
    memcpy(out, p, n);
    for (unsigned i = 0; shift && i < 16; i++)
        out[i] = (unsigned char)(out[i] >> shift | out[i + 1] << (8 - shift));
    out[16] = 0;
    if (bits < 128) {
        out[bits / 8] &= (unsigned char)((1u << bits % 8) - 1);
        memset(out + bits / 8 + 1, 0, 16 - bits / 8);
    }
}

static void put_bits(unsigned char *p, unsigned shift, unsigned bits,
                     const unsigned char *value)
{
    for (unsigned i = 0; i < bits; i++) {
        unsigned at = shift + i;
        unsigned char mask = (unsigned char)(1u << at % 8);
        if (value[i / 8] >> i % 8 & 1)
            p[at / 8] |= mask;
        else
            p[at / 8] &= (unsigned char)~mask;
    }
}

PyObject *jpy_bits_get(const FieldInfo *f, const char *record)
{
    unsigned shift;
    unsigned char raw[17];
    unsigned bits = (unsigned)f->bits;
    const char *at = record + first_byte(f, &shift);
    take_bits((const unsigned char *)at, shift, bits, raw);
    if (bits > 64) {
        if (is_signed(f) && raw[(bits - 1) / 8] >> (bits - 1) % 8 & 1)
            for (unsigned i = bits; i < 128; i++)
                raw[i / 8] |= (unsigned char)(1u << i % 8);
        return jpy_long_from_bytes(raw, 16, is_signed(f));
    }
    uint64_t v;
    memcpy(&v, raw, 8);
    if (!is_signed(f))
        return PyLong_FromUnsignedLongLong(v);
    uint64_t sign = (uint64_t)1 << (bits - 1);
    return PyLong_FromLongLong((int64_t)((v ^ sign) - sign));
}

/* 2**n - 1, or -2**n. */
static PyObject *power(unsigned n, int negative)
{
    unsigned char raw[17] = {0};
    raw[n / 8] = (unsigned char)(1u << n % 8);
    PyObject *p = jpy_long_from_bytes(raw, 17, 0);
    PyObject *one = p ? PyLong_FromLong(1) : NULL;
    PyObject *r = !one       ? NULL
                  : negative ? PyNumber_Negative(p)
                             : PyNumber_Subtract(p, one);
    Py_XDECREF(p);
    Py_XDECREF(one);
    return r;
}

static int out_of_range(PyObject *value, PyObject *low, PyObject *high)
{
    PyErr_Format(PyExc_OverflowError,
                 "value %S outside the range allowed by the bit field width: "
                 "%S <= x <= %S",
                 value, low, high);
    return -1;
}

static int set_int(FieldInfo *f, char *record, PyObject *value)
{
    unsigned bits = (unsigned)f->bits, shift;
    bool one_bit = is_signed(f) && bits == 1; /* `int x : 1` may be given 1 */
    PyObject *low = is_signed(f) ? power(bits - 1, 1) : PyLong_FromLong(0);
    PyObject *high = power(is_signed(f) && !one_bit ? bits - 1 : bits, 0);
    int below = low ? PyObject_RichCompareBool(value, low, Py_LT) : -1;
    int above = high ? PyObject_RichCompareBool(value, high, Py_GT) : -1;
    int bad = below < 0 || above < 0 ? -1 : 0;
    if (!bad && (below || above))
        bad = out_of_range(value, low, high);
    Py_XDECREF(low);
    Py_XDECREF(high);
    unsigned char raw[17];
    if (bad || jpy_long_to_bytes(value, raw, 17, 1) < 0)
        return -1;
    char *at = record + first_byte(f, &shift);
    put_bits((unsigned char *)at, shift, bits, raw);
    return 0;
}

int jpy_bits_set(State *st, FieldInfo *f, char *record, PyObject *value)
{
    (void)st;
    Py_ssize_t v;
    if (PyLong_Check(value) && jpy_long_small(value, &v) && f->bits < 32) {
        int64_t end = (int64_t)1 << (f->bits - is_signed(f));
        if (v < end && v >= (is_signed(f) ? -end : 0)) {
            unsigned shift;
            uint64_t raw = (uint64_t)(int64_t)v;
            char *at = record + first_byte(f, &shift);
            put_bits((unsigned char *)at, shift, (unsigned)f->bits,
                     (const unsigned char *)&raw);
            return 0;
        }
    }
    PyObject *i = jpy_integer_of(value);
    if (!i)
        return -1;
    int bad = set_int(f, record, i);
    Py_DECREF(i);
    return bad;
}
