/* SPDX-License-Identifier: MIT
 *
 * Recipes for arguments. The usual kind is unboxed inline: an exact int of one
 * digit, an exact float, a cdata of exactly the type, bytes for char pointers.
 * Whatever else, good or bad, is one call of jpy_argument(), the same that the
 * slots path uses. Registers: see call_recipe.c.
 */
#include "python/call_recipe.h"

/* --- pieces ---------------------------------------------------------------------- */

/* The register that holds argument `i` as an object. */
static jf_Reg load_object(Maker *m, uint32_t i)
{
    if (m->flags == METH_O)
        return JF_R1;
    if (m->sized)
        i = (uint32_t)m->sized->params[i].position;
    jf_load(&m->r, JF_T0, JF_R1, (int32_t)(i * sizeof(PyObject *)), 8, false);
    return JF_T0;
}

/* Go to `label` if the object's type is not `type` (or is, for JF_EQ). */
static void branch_type(Maker *m, jf_Reg object, jf_Cond cc, const void *type,
                        uint32_t label)
{
    jf_Reg reg = type == m->shared ? JF_R3 : JF_NOREG;
    jf_branchm(&m->r, object, (int32_t)offsetof(PyObject, ob_type), cc, reg,
               reg == JF_NOREG ? jpy_address(type) : 0, label);
}

/* Convert argument `i` into the frame's cell by this C function. */
static void convert_by(Maker *m, jf_Reg object, uint32_t i, uintptr_t function)
{
    jf_Recipe *r = &m->r;
    jf_arg(r, 0, JF_R0, 0);
    jf_arg(r, 1, object, 0);
    jf_arg(r, 2, JF_NOREG, i);
    jf_arglea(r, 3, JF_FRAME, m->cell);
    if (m->has_temps)
        jf_arglea(r, 4, JF_FRAME, m->temps);
    else
        jf_arg(r, 4, JF_NOREG, 0);
    jf_helper(r, JF_T0, function);
    jf_extend(r, JF_T0, JF_T0, 4, false);
    jf_branch(r, JF_T0, JF_NE, JF_NOREG, 0, m->fail);
}

static void convert(Maker *m, jf_Reg object, uint32_t i)
{
    convert_by(m, object, i, (uintptr_t)jpy_argument);
}

/* --- arguments --------------------------------------------------------------------- */

typedef struct Range {
    uint64_t max; /* of one digit: 0 if every digit fits */
    int64_t min;  /* of a negative digit: 0 if every one fits */
} Range;

static Range range_of(uint64_t size, bool is_signed)
{
    if (size >= 4)
        return (Range){0, 0};
    unsigned bits = (unsigned)size * 8 - is_signed;
    return (Range){((uint64_t)1 << bits) - 1, -((int64_t)1 << bits)};
}

/* Behind the hot path of an int: zero, a negative digit, two digits; else C. */
static void int_cold(Maker *m, jf_Reg object, uint32_t i, uint64_t size,
                     bool is_signed, uint32_t unusual, uint32_t slow,
                     uint32_t place)
{
    jf_Recipe *r = &m->r;
    Range range = range_of(size, is_signed);
    uint32_t not_zero = jf_recipe_label(r), not_negative = jf_recipe_label(r);
    jf_label(r, unusual);
    jf_load(r, JF_T1, object, JPY_LONG_TAG_OFFSET, 8, false);
    if (JPY_LONG_NOISE)
        jf_arith(r, JF_OP_AND, JF_T1, JF_NOREG, ~JPY_LONG_NOISE);
    jf_branch(r, JF_T1, JF_NE, JF_NOREG, JPY_LONG_ZERO, not_zero);
    jf_const(r, JF_T1, 0);
    jf_jump(r, place);
    jf_label(r, not_zero);
    if (is_signed) {
        jf_branch(r, JF_T1, JF_NE, JF_NOREG, JPY_LONG_NEGATIVE, not_negative);
        jf_load(r, JF_T2, object, JPY_LONG_DIGIT_OFFSET, 4, false);
        jf_const(r, JF_T1, 0);
        jf_arith(r, JF_OP_SUB, JF_T1, JF_T2, 0);
        if (range.min)
            jf_branch(r, JF_T1, JF_LT, JF_NOREG, (uint64_t)range.min, slow);
        jf_jump(r, place);
    }
    jf_label(r, not_negative);
    if (size == 8) {
        jf_branch(r, JF_T1, JF_NE, JF_NOREG, JPY_LONG_TWO, slow);
        jf_load(r, JF_T1, object, JPY_LONG_DIGIT_OFFSET, 4, false);
        jf_load(r, JF_T2, object, JPY_LONG_DIGIT_OFFSET + 4, 4, false);
        jf_arith(r, JF_OP_SHL, JF_T2, JF_NOREG, PyLong_SHIFT);
        jf_arith(r, JF_OP_OR, JF_T1, JF_T2, 0);
        jf_jump(r, place);
    }
    jf_label(r, slow);
    convert(m, object, i);
    jf_load(r, JF_T1, JF_FRAME, m->cell, (int)size, is_signed);
    jf_jump(r, place);
}

static void arg_int(Maker *m, uint32_t i, uint64_t size, bool is_signed)
{
    jf_Recipe *r = &m->r;
    Range range = range_of(size, is_signed);
    uint32_t unusual = jf_recipe_label(r), slow = jf_recipe_label(r);
    uint32_t place = jf_recipe_label(r);
    jf_Reg object = load_object(m, i);
    branch_type(m, object, JF_NE, &PyLong_Type, slow);
    if (JPY_LONG_NOISE) {
        jf_load(r, JF_T1, object, JPY_LONG_TAG_OFFSET, 8, false);
        jf_arith(r, JF_OP_AND, JF_T1, JF_NOREG, ~JPY_LONG_NOISE);
        jf_branch(r, JF_T1, JF_NE, JF_NOREG, JPY_LONG_POSITIVE, unusual);
    } else {
        jf_branchm(r, object, JPY_LONG_TAG_OFFSET, JF_NE, JF_NOREG,
                   JPY_LONG_POSITIVE, unusual);
    }
    jf_load(r, JF_T1, object, JPY_LONG_DIGIT_OFFSET, 4, false);
    if (range.max)
        jf_branch(r, JF_T1, JF_A, JF_NOREG, range.max, slow);
    jf_op(r, JF_OP_COLD);
    int_cold(m, object, i, size, is_signed, unusual, slow, place);
    jf_op(r, JF_OP_HOT);
    jf_label(r, place);
    jf_place(r, (int)i, JF_T1);
}

static void arg_bool(Maker *m, uint32_t i)
{
    jf_Recipe *r = &m->r;
    uint32_t place = jf_recipe_label(r), other = jf_recipe_label(r);
    jf_Reg object = load_object(m, i);
    jf_const(r, JF_T1, 1);
    jf_branch(r, object, JF_EQ, JF_NOREG, jpy_address(Py_True), place);
    jf_const(r, JF_T1, 0);
    jf_branch(r, object, JF_NE, JF_NOREG, jpy_address(Py_False), other);
    jf_op(r, JF_OP_COLD);
    jf_label(r, other);
    convert(m, object, i);
    jf_load(r, JF_T1, JF_FRAME, m->cell, 1, false);
    jf_jump(r, place);
    jf_op(r, JF_OP_HOT);
    jf_label(r, place);
    jf_place(r, (int)i, JF_T1);
}

static void arg_float(Maker *m, uint32_t i, int size)
{
    jf_Recipe *r = &m->r;
    uint32_t place = jf_recipe_label(r), other = jf_recipe_label(r);
    jf_Reg object = load_object(m, i);
    branch_type(m, object, JF_NE, &PyFloat_Type, other);
    jf_recipe_put(r, JF_INS(.op = JF_OP_LOADF, .a = JF_F0, .b = object, .w = 8,
                            .off = offsetof(PyFloatObject, ob_fval)));
    if (size == 4)
        jf_recipe_put(r, JF_INS(.op = JF_OP_CVTF, .a = JF_F0, .b = JF_F0, .w = 4));
    jf_op(r, JF_OP_COLD);
    jf_label(r, other);
    convert(m, object, i);
    jf_recipe_put(r, JF_INS(.op = JF_OP_LOADF, .a = JF_F0, .b = JF_FRAME,
                            .w = (uint8_t)size, .off = m->cell));
    jf_jump(r, place);
    jf_op(r, JF_OP_HOT);
    jf_label(r, place);
    jf_placef(r, (int)i, JF_F0);
}

/* T1 = data of the object if it is a cdata of exactly this type, and of one of the
 * first two classes, or for `ext` of the third. */
static void load_cdata(Maker *m, jf_Reg object, bool ext, const jf_Type *t,
                       uint32_t other)
{
    jf_Recipe *r = &m->r;
    if (ext) {
        branch_type(m, object, JF_NE, m->st->cdata_ext_type, other);
    } else {
        uint32_t same = jf_recipe_label(r);
        branch_type(m, object, JF_EQ, m->st->cdata_own_type, same);
        branch_type(m, object, JF_NE, m->st->cdata_type, other);
        jf_label(r, same);
    }
    jf_load(r, JF_T1, object, offsetof(CDataObject, ctype), 8, false);
    jf_branchm(r, JF_T1, offsetof(CTypeObject, type), JF_NE, JF_NOREG,
               jpy_address(t->canon), other);
    jf_load(r, JF_T1, object, offsetof(CDataObject, data), 8, false);
}

/* Bytes are passed as they are where one byte, or anything, is pointed to. */
static bool takes_bytes(const jf_Type *t)
{
    const jf_Type *to = t->to;
    return to->kind == JF_VOID ||
           ((to->kind == JF_CHAR || to->kind == JF_INT) && to->size == 1);
}

/* The only argument is in T1. If it needed no temporary go on at `place`; else to
 * the copy of the call that frees it. */
static void lone_with_temps(Maker *m, uint32_t place)
{
    jf_Recipe *r = &m->r;
    uint32_t good = jf_recipe_label(r);
    jf_branchm(r, JF_FRAME, m->temps, JF_EQ, JF_NOREG, 0, place);
    jf_load(r, JF_T0, JF_R0, offsetof(CDataObject, data), 8, false);
    jf_branch(r, JF_T0, JF_NE, JF_NOREG, 0, good);
    jf_arg(r, 0, JF_R0, 0);
    jf_helper(r, JF_NOREG, (uintptr_t)jpy_null_error);
    jf_jump(r, m->fail);
    jf_label(r, good);
    jf_store(r, JF_FRAME, m->target, JF_T0, 8);
    jf_jump(r, m->lone_tail);
}

/* T1 = the items of a NumPy array, and on to `place`, if the object is one that is
 * as the parameter wants it. NumPy's class is read where the state keeps it, since it
 * comes later or never. */
static void load_ndarray(Maker *m, jf_Reg object, uint64_t wants, uint32_t place)
{
    jf_Recipe *r = &m->r;
    uint32_t other = jf_recipe_label(r);
    jf_const(r, JF_T2, jpy_address(&m->st->ndarray_type));
    jf_load(r, JF_T2, JF_T2, 0, 8, false);
    jf_branchm(r, object, (int32_t)offsetof(PyObject, ob_type), JF_NE, JF_T2, 0,
               other);
    jf_arg(r, 0, object, 0);
    jf_arg(r, 1, JF_NOREG, wants);
    jf_helper(r, JF_T1, (uintptr_t)jpy_ndarray_items);
    jf_branch(r, JF_T1, JF_NE, JF_NOREG, 0, place);
    jf_label(r, other);
}

static void arg_pointer(Maker *m, uint32_t i, const jf_Type *t)
{
    jf_Recipe *r = &m->r;
    uint32_t place = jf_recipe_label(r), other = jf_recipe_label(r);
    uint32_t ext = jf_recipe_label(r), slow = jf_recipe_label(r);
    jf_Reg object = load_object(m, i);
    bool bytes = takes_bytes(t);
    if (bytes) {
        branch_type(m, object, JF_NE, &PyBytes_Type, other);
        jf_lea(r, JF_T1, object, offsetof(PyBytesObject, ob_sval));
    } else {
        load_cdata(m, object, false, t, ext);
    }
    jf_op(r, JF_OP_COLD);
    jf_label(r, other);
    if (bytes) {
        load_cdata(m, object, false, t, ext);
        jf_jump(r, place);
    }
    jf_label(r, ext);
    load_cdata(m, object, true, t, slow);
    jf_jump(r, place);
    jf_label(r, slow);
    uint64_t wants = jpy_pointer_wants(m->st, t);
    if (wants) {
        load_ndarray(m, object, wants, place);
        object = load_object(m, i); /* no longer there */
    }
    if (m->lone)
        jf_recipe_put(r, JF_INS(.op = JF_OP_STORE, .a = JF_FRAME, .b = JF_NOREG,
                                .off = m->temps, .w = 8));
    convert(m, object, i);
    jf_load(r, JF_T1, JF_FRAME, m->cell, 8, false);
    if (m->lone)
        lone_with_temps(m, place);
    else
        jf_jump(r, place);
    jf_op(r, JF_OP_HOT);
    jf_label(r, place);
    jf_place(r, (int)i, JF_T1);
}

/* An array and its length, which goes into the parameter for it, or is compared with
 * what is there already. */
static void arg_sized(Maker *m, uint32_t i)
{
    jf_Recipe *r = &m->r;
    int32_t n = m->sized->params[i].length;
    convert_by(m, load_object(m, i), i, (uintptr_t)jpy_sized_argument);
    jf_load(r, JF_T1, JF_FRAME, m->cell, 8, false);
    jf_place(r, (int)i, JF_T1);
    jf_load(r, JF_T1, JF_FRAME, m->cell + (int32_t)offsetof(SizedCell, length), 8,
            false);
    if (!m->lengths[n]) {
        m->lengths[n] = jf_recipe_frame(r, 8, 8);
        jf_store(r, JF_FRAME, m->lengths[n], JF_T1, 8);
        jf_place(r, n, JF_T1);
        return;
    }
    uint32_t differ = jf_recipe_label(r);
    jf_load(r, JF_T2, JF_FRAME, m->lengths[n], 8, false);
    jf_branch(r, JF_T1, JF_NE, JF_T2, 0, differ);
    jf_op(r, JF_OP_COLD);
    jf_label(r, differ);
    jf_arg(r, 0, JF_R0, 0);
    jf_arg(r, 1, JF_NOREG, i);
    jf_arg(r, 2, JF_T1, 0);
    jf_arg(r, 3, JF_T2, 0);
    jf_helper(r, JF_NOREG, (uintptr_t)jpy_sized_mismatch);
    jf_jump(r, m->fail);
    jf_op(r, JF_OP_HOT);
}

static void arg_record(Maker *m, uint32_t i, const jf_Type *t)
{
    jf_Recipe *r = &m->r;
    uint32_t place = jf_recipe_label(r), other = jf_recipe_label(r);
    uint32_t ext = jf_recipe_label(r);
    jf_Reg object = load_object(m, i);
    load_cdata(m, object, false, t, ext);
    jf_op(r, JF_OP_COLD);
    jf_label(r, ext);
    load_cdata(m, object, true, t, other);
    jf_branch(r, JF_T1, JF_NE, JF_NOREG, 0, place);
    jf_label(r, other);
    convert(m, object, i);
    jf_lea(r, JF_T1, JF_FRAME, m->cell);
    jf_jump(r, place);
    jf_op(r, JF_OP_HOT);
    jf_label(r, place);
    jf_placem(r, (int)i, JF_T1, 0);
}

/* No usual kind: characters, long double, complex, __int128, va_list. */
static void arg_other(Maker *m, uint32_t i, const jf_Type *t)
{
    jf_Recipe *r = &m->r;
    const jf_PlanValue *v = &m->plan->args[i];
    convert(m, load_object(m, i), i);
    if (v->is_scalar && !v->is_float) {
        jf_load(r, JF_T1, JF_FRAME, m->cell, (int)v->size, t->flags & JF_T_SIGNED);
        jf_place(r, (int)i, JF_T1);
    } else {
        jf_placem(r, (int)i, JF_FRAME, m->cell);
    }
}

void jpy_recipe_argument(Maker *m, uint32_t i)
{
    const jf_Type *t = m->fn->u.func->params[i];
    const jf_PlanValue *v = &m->plan->args[i];
    if (m->sized && m->sized->params[i].position < 0)
        return; /* a length: the array puts it there */
    if (m->sized && m->sized->params[i].length >= 0)
        arg_sized(m, i);
    else if (v->is_scalar && v->is_float && (v->size == 4 || v->size == 8))
        arg_float(m, i, (int)v->size);
    else if (t->kind == JF_BOOL)
        arg_bool(m, i);
    else if (v->is_scalar && (t->kind == JF_INT || t->kind == JF_ENUM))
        arg_int(m, i, v->size, t->flags & JF_T_SIGNED);
    else if (v->is_scalar && t->kind == JF_PTR)
        arg_pointer(m, i, t);
    else if (jf_is_record(t))
        arg_record(m, i, t);
    else
        arg_other(m, i, t);
}

const void *jpy_recipe_usual_type(const Maker *m, uint32_t i)
{
    const jf_Type *t = m->fn->u.func->params[i];
    const jf_PlanValue *v = &m->plan->args[i];
    if (v->is_scalar && v->is_float)
        return &PyFloat_Type;
    if (v->is_scalar && (t->kind == JF_INT || t->kind == JF_ENUM))
        return &PyLong_Type;
    if (t->kind == JF_PTR && takes_bytes(t))
        return &PyBytes_Type;
    return t->kind == JF_PTR || jf_is_record(t) ? m->st->cdata_own_type : NULL;
}
