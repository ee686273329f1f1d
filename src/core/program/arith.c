/* SPDX-License-Identifier: MIT
 *
 * Arithmetic of programs: see arith.h. Python's // and % of floats follow its
 * language reference, 6.7: the remainder has the divisor's sign, and
 * a == (a // b) * b + a % b as nearly as floats can say.
 */
#include "core/program/arith.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* --- words and floats ------------------------------------------------------------- */

static double as_float(jf_Scalar k, uint64_t w)
{
    float f32;
    double f64;
    memcpy(&f32, &w, sizeof f32);
    memcpy(&f64, &w, sizeof f64);
    return k == JF_S_F32 ? (double)f32 : f64;
}

static uint64_t from_f64(double x)
{
    uint64_t w;
    memcpy(&w, &x, sizeof w);
    return w;
}

static uint64_t from_f32(float x)
{
    uint32_t w;
    memcpy(&w, &x, sizeof w);
    return w;
}

uint64_t jf_arith_extend(jf_Scalar k, uint64_t w)
{
    unsigned shift = 64 - 8 * jf_scalar_size(k);
    if (shift == 64)
        return w;
    w <<= shift;
    return jf_scalar_is_signed(k) ? (uint64_t)((int64_t)w >> shift) : w >> shift;
}

/* --- integers --------------------------------------------------------------------- */

int64_t jf_arith_floordiv(int64_t a, int64_t b)
{
    if (b == 0)
        return 0;
    if (b == -1)
        return (int64_t)(0 - (uint64_t)a);
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

int64_t jf_arith_floormod(int64_t a, int64_t b)
{
    if (b == 0 || b == -1)
        return 0;
    int64_t rest = a % b;
    return rest && (a < 0) != (b < 0) ? rest + b : rest;
}

static uint64_t divide_signed(jf_ProgramOp op, int64_t a, int64_t b)
{
    bool remainder = op == JF_PR_MOD;
    if (op == JF_PR_FLOORDIV)
        return (uint64_t)jf_arith_floordiv(a, b);
    if (op == JF_PR_FLOORMOD)
        return (uint64_t)jf_arith_floormod(a, b);
    if (b == 0)
        return 0;
    if (b == -1)
        return remainder ? 0 : 0 - (uint64_t)a;
    return (uint64_t)(remainder ? a % b : a / b);
}

static uint64_t divide(jf_ProgramOp op, jf_Scalar k, uint64_t a, uint64_t b)
{
    if (jf_scalar_is_signed(k))
        return divide_signed(op, (int64_t)a, (int64_t)b);
    if (b == 0)
        return 0;
    return op == JF_PR_DIV || op == JF_PR_FLOORDIV ? a / b : a % b;
}

static uint64_t integer_op(jf_ProgramOp op, jf_Scalar k, uint64_t a, uint64_t b)
{
    unsigned count = (unsigned)b & (8 * jf_scalar_size(k) - 1);
    switch (op) {
    case JF_PR_NEG:
        return 0 - a;
    case JF_PR_NOT:
        return ~a;
    case JF_PR_ADD:
        return a + b;
    case JF_PR_SUB:
        return a - b;
    case JF_PR_MUL:
        return a * b;
    case JF_PR_AND:
        return a & b;
    case JF_PR_OR:
        return a | b;
    case JF_PR_XOR:
        return a ^ b;
    case JF_PR_SHL:
        return a << count;
    case JF_PR_SHR:
        return jf_scalar_is_signed(k) ? (uint64_t)((int64_t)a >> count)
                                      : a >> count;
    default:
        return divide(op, k, a, b);
    }
}

/* --- floats ----------------------------------------------------------------------- */

/* fmod with errno left alone. */
static double rest_of(double a, double b)
{
    int e = errno;
    double rest = fmod(a, b);
    errno = e;
    return rest;
}

double jf_arith_floormodf(double a, double b)
{
    double rest = rest_of(a, b);
    if (rest == 0)
        return copysign(0.0, b);
    return (rest < 0) != (b < 0) ? rest + b : rest; /* a NaN stays one */
}

double jf_arith_floordivf(double a, double b)
{
    if (b == 0)
        return a / b;
    double rest = rest_of(a, b);
    double whole = (a - rest) / b; /* all but whole */
    if (rest != 0 && (rest < 0) != (b < 0))
        whole -= 1;
    if (whole == 0)
        return copysign(0.0, a / b);
    double down = floor(whole);
    return whole - down > 0.5 ? down + 1 : down;
}

static double f64_op(jf_ProgramOp op, double a, double b)
{
    switch (op) {
    case JF_PR_NEG:
        return -a;
    case JF_PR_ADD:
        return a + b;
    case JF_PR_SUB:
        return a - b;
    case JF_PR_MUL:
        return a * b;
    case JF_PR_DIV:
        return a / b;
    case JF_PR_FLOORDIV:
        return jf_arith_floordivf(a, b);
    default:
        return jf_arith_floormodf(a, b);
    }
}

uint64_t jf_arith_op(jf_ProgramOp op, jf_Scalar k, uint64_t a, uint64_t b)
{
    if (!jf_scalar_is_float(k))
        return jf_arith_extend(k, integer_op(op, k, a, b));
    double x = f64_op(op, as_float(k, a), as_float(k, b));
    /* One operation on floats, done in double and rounded, is the float's own:
     * double has more than twice its digits. */
    return k == JF_S_F32 ? from_f32((float)x) : from_f64(x);
}

/* --- conversions, comparisons ------------------------------------------------------ */

static uint64_t float_to_word(jf_Scalar to, double x)
{
    const double top = 9223372036854775808.0; /* 2^63 */
    const uint64_t none = (uint64_t)1 << 63;
    if (x >= -top && x < top)
        return (uint64_t)(int64_t)x;
    if (to == JF_S_U64 && x >= top && x < 2 * top)
        return (uint64_t)(int64_t)(x - top) ^ none;
    /* Unsigned, what fits nowhere takes the second way too, and none ^ none is 0. */
    return to == JF_S_U64 && x >= top ? 0 : none;
}

uint64_t jf_arith_cast(jf_Scalar to, jf_Scalar from, uint64_t a)
{
    bool is_signed = jf_scalar_is_signed(from);
    if (jf_scalar_is_float(from)) {
        double x = as_float(from, a);
        if (to == JF_S_F64)
            return from_f64(x);
        if (to == JF_S_F32)
            return from_f32((float)x);
        return jf_arith_extend(to, float_to_word(to, x));
    }
    if (to == JF_S_F64)
        return from_f64(is_signed ? (double)(int64_t)a : (double)a);
    if (to == JF_S_F32)
        return from_f32(is_signed ? (float)(int64_t)a : (float)a);
    return jf_arith_extend(to, a);
}

static bool holds(jf_Cond cc, int order)
{
    switch (cc) {
    case JF_EQ:
        return order == 0;
    case JF_NE:
        return order != 0;
    case JF_LT:
        return order < 0;
    case JF_LE:
        return order <= 0;
    case JF_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

bool jf_arith_compare(jf_Cond cc, jf_Scalar k, uint64_t a, uint64_t b)
{
    if (jf_scalar_is_float(k)) {
        double x = as_float(k, a), y = as_float(k, b);
        if (x != x || y != y)
            return cc == JF_NE;
        return holds(cc, (x > y) - (x < y));
    }
    if (jf_scalar_is_signed(k))
        return holds(cc, ((int64_t)a > (int64_t)b) - ((int64_t)a < (int64_t)b));
    return holds(cc, (a > b) - (a < b));
}

bool jf_arith_is_true(jf_Scalar k, uint64_t a)
{
    return jf_scalar_is_float(k) ? as_float(k, a) != 0 : a != 0;
}
