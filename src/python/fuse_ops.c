/* SPDX-License-Identifier: MIT
 *
 * Tuples of _fuse.py as instructions of a program (core/program/program.h):
 *
 *   ("param", n)             ("cast", kind, a)        ("call", callee, (a, b, ...))
 *   ("const", kind, number)  ("neg", a), ("not", a)   ("address", a)
 *   ("pin", pin)             ("add", a, b), ...       ("load", kind, a, offset)
 *   ("local", size, align)   ("compare", "<", a, b)   ("store", a, offset, b)
 *   ("select", a, b, c)      ("part", kind, a, offset)  ("result", a)
 *
 * a, b, c are numbers of earlier tuples; a kind is a word ("i32", "f64") or a ctype.
 * What is wrong with a single tuple is found here, what is wrong between them by
 * jf_program_check().
 */
#include "python/fuse.h"

#include <string.h>

/* --- kinds ------------------------------------------------------------------------- */

static bool integer_kind(uint64_t size, bool is_signed, jf_Scalar *kind)
{
    static const uint8_t kinds[] = {JF_S_I8, JF_S_I16, JF_S_I32, JF_S_I64};
    for (unsigned i = 0; i < JF_COUNT(kinds); i++)
        if (size == (uint64_t)1 << i) {
            *kind = (jf_Scalar)(kinds[i] + (is_signed ? 0 : 1));
            return true;
        }
    return false;
}

bool jpy_fuse_kind(State *st, const jf_Type *t, FuseKind *k)
{
    uint8_t code = jpy_code_of(st, t);
    if (code == V_NONE || code == V_UNKNOWN || t->size > UINT32_MAX)
        return false;
    *k = (FuseKind){JF_S_BLOCK, (uint32_t)t->size, t->align ? t->align : 1};
    if (code == V_F64)
        k->kind = JF_S_F64;
    else if (code == V_F32)
        k->kind = JF_S_F32;
    else if (code == V_POINTER)
        k->kind = JF_S_U64;
    else if (code == V_BOOL)
        k->kind = JF_S_U8;
    else if (V_IS_INT(code))
        integer_kind(t->size, (code - V_I8) % 2 == 0, &k->kind);
    else if (V_IS_CHAR(code))
        integer_kind(t->size, t->flags & JF_T_SIGNED, &k->kind);
    if (k->kind != JF_S_BLOCK)
        k->size = k->align = 0;
    return true;
}

static int read_kind(FuseBuild *b, PyObject *o, FuseKind *k)
{
    if (CType_Check(b->st, o)) {
        CTypeObject *ct = (CTypeObject *)o;
        if (jpy_layout(ct) < 0)
            return -1;
        if (jpy_fuse_kind(b->st, ct->type, k))
            return 0;
        PyErr_Format(PyExc_TypeError, "a value cannot have the type '%s'",
                     jpy_cname(ct));
        return -1;
    }
    for (int i = 0; PyUnicode_Check(o) && i < JF_S_BLOCK; i++)
        if (PyUnicode_CompareWithASCIIString(o, jf_scalar_name((jf_Scalar)i)) ==
            0) {
            *k = (FuseKind){(jf_Scalar)i, 0, 0};
            return 0;
        }
    PyErr_Format(PyExc_ValueError, "%R is no kind", o);
    return -1;
}

/* --- operands ---------------------------------------------------------------------- */

/* The value that an earlier op made. */
static int read_value(FuseBuild *b, PyObject *o, uint32_t *v)
{
    size_t i = PyLong_Check(o) ? PyLong_AsSize_t(o) : SIZE_MAX;
    if (i == SIZE_MAX && PyErr_Occurred())
        PyErr_Clear();
    if (i >= b->n || b->values[i] == JF_NO_VALUE) {
        PyErr_Format(PyExc_ValueError, "%R is no earlier value", o);
        return -1;
    }
    *v = b->values[i];
    return 0;
}

static int read_u32(PyObject *o, uint32_t *v)
{
    long long n = PyLong_AsLongLong(o);
    if (n == -1 && PyErr_Occurred())
        return -1;
    if (n < 0 || n > INT32_MAX) {
        PyErr_Format(PyExc_ValueError, "%R is out of range", o);
        return -1;
    }
    *v = (uint32_t)n;
    return 0;
}

static int read_bits(jf_Scalar kind, PyObject *o, uint64_t *bits)
{
    *bits = 0;
    if (jf_scalar_is_float(kind)) {
        double x = PyFloat_AsDouble(o);
        if (x == -1 && PyErr_Occurred())
            return -1;
        float f = (float)x;
        if (kind == JF_S_F64)
            memcpy(bits, &x, sizeof x);
        else
            memcpy(bits, &f, sizeof f);
        return 0;
    }
    if (!PyLong_Check(o)) {
        PyErr_Format(PyExc_TypeError, "%R is no integer", o);
        return -1;
    }
    *bits = PyLong_AsUnsignedLongLongMask(o);
    if (PyErr_Occurred())
        return -1;
    /* As jf_arith_extend has it: words are kept extended. */
    unsigned shift = 64 - 8 * jf_scalar_size(kind);
    if (shift && jf_scalar_is_signed(kind))
        *bits = (uint64_t)((int64_t)(*bits << shift) >> shift);
    else if (shift)
        *bits = *bits << shift >> shift;
    return 0;
}

/* --- instructions ------------------------------------------------------------------ */

static uint32_t new_value(FuseBuild *b, FuseKind k)
{
    return jf_program_value(&b->program, k.kind, k.size, k.align);
}

static uint32_t put(FuseBuild *b, FuseKind k, jf_ProgramIns ins)
{
    ins.v = new_value(b, k);
    jf_program_put(&b->program, ins);
    return ins.v;
}

static FuseKind kind_of(const FuseBuild *b, uint32_t v)
{
    const jf_ProgramValue *x = &b->program.values[v];
    FuseKind k = {(jf_Scalar)x->kind, 0, 0};
    if (x->kind == JF_S_BLOCK) {
        k.size = x->size;
        k.align = x->align;
    }
    return k;
}

static int add_param(FuseBuild *b, PyObject *o, uint32_t *v)
{
    uint32_t i;
    FuseKind k;
    if (read_u32(o, &i) < 0)
        return -1;
    if (i >= b->fn->u.func->n_params ||
        !jpy_fuse_kind(b->st, b->fn->u.func->params[i], &k)) {
        PyErr_Format(PyExc_ValueError, "there is no parameter %R", o);
        return -1;
    }
    *v = put(b, k, (jf_ProgramIns){.op = JF_PR_PARAM, .imm = i});
    return 0;
}

static int add_pin(FuseBuild *b, PyObject *o, uint32_t *v)
{
    static const FuseKind word = {JF_S_U64, 0, 0};
    FuseKind k;
    if (!Py_IS_TYPE(o, b->st->pin_type)) {
        PyErr_Format(PyExc_TypeError, "%.200s is no pinned value",
                     Py_TYPE(o)->tp_name);
        return -1;
    }
    const Pin *pin = (const Pin *)o;
    if (!jpy_fuse_kind(b->st, pin->ctype->type, &k)) {
        PyErr_SetString(PyExc_TypeError, "a pinned value without a kind");
        return -1;
    }
    if (k.kind != JF_S_BLOCK) {
        jf_ProgramIns ins = {.op = JF_PR_CONST};
        memcpy(&ins.imm, pin->cell, jf_scalar_size(k.kind));
        unsigned shift = 64 - 8 * jf_scalar_size(k.kind);
        if (shift && !jf_scalar_is_float(k.kind) && jf_scalar_is_signed(k.kind))
            ins.imm = (uint64_t)((int64_t)(ins.imm << shift) >> shift);
        *v = put(b, k, ins);
        return 0;
    }
    jf_ProgramIns at = {.op = JF_PR_CONST, .imm = (uint64_t)(uintptr_t)pin->cell};
    at.v = put(b, word, at);
    *v = put(b, k, (jf_ProgramIns){.op = JF_PR_LOAD, .a = at.v});
    return 0;
}

static int add_local(FuseBuild *b, PyObject *op, uint32_t *v)
{
    uint32_t size, align;
    if (read_u32(PyTuple_GET_ITEM(op, 1), &size) < 0 ||
        read_u32(PyTuple_GET_ITEM(op, 2), &align) < 0)
        return -1;
    if (!size || !align) {
        PyErr_SetString(PyExc_ValueError, "a local of no size");
        return -1;
    }
    *v = put(b, (FuseKind){JF_S_U64, size, align},
             (jf_ProgramIns){.op = JF_PR_LOCAL});
    return 0;
}

static int add_call(FuseBuild *b, PyObject *op, uint32_t *v)
{
    enum { MOST = 127 };
    uint32_t callee, args[MOST];
    PyObject *given = PyTuple_GET_ITEM(op, 2);
    if (read_u32(PyTuple_GET_ITEM(op, 1), &callee) < 0)
        return -1;
    if (callee >= b->n_callees || !PyTuple_Check(given)) {
        PyErr_Format(PyExc_ValueError, "there is no function %u", callee);
        return -1;
    }
    const FuseCallee *c = &b->callees[callee];
    Py_ssize_t n = PyTuple_GET_SIZE(given);
    if (n != (Py_ssize_t)c->fn->u.func->n_params || n > MOST) {
        PyErr_Format(PyExc_ValueError,
                     "%s() takes %u arguments, %d at most; not %zd", c->name,
                     (unsigned)c->fn->u.func->n_params, (int)MOST, n);
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++)
        if (read_value(b, PyTuple_GET_ITEM(given, i), &args[i]) < 0)
            return -1;
    FuseKind k = {JF_S_BLOCK, 0, 0};
    jpy_fuse_kind(b->st, c->fn->to, &k);
    *v = jf_program_call(&b->program, jf_call_plan(c->via), c->via, c->address,
                         c->name, args, k.kind);
    return 0;
}

static int add_compare(FuseBuild *b, PyObject *op, uint32_t *v)
{
    static const struct {
        const char *word;
        uint8_t cc;
    } rows[] = {{"==", JF_EQ}, {"!=", JF_NE}, {"<", JF_LT},
                {"<=", JF_LE}, {">", JF_GT},  {">=", JF_GE}};
    static const FuseKind truth = {JF_S_I32, 0, 0};
    jf_ProgramIns ins = {.op = JF_PR_COMPARE};
    PyObject *word = PyTuple_GET_ITEM(op, 1);
    size_t i = 0;
    while (i < JF_COUNT(rows) &&
           !(PyUnicode_Check(word) &&
             PyUnicode_CompareWithASCIIString(word, rows[i].word) == 0))
        i++;
    if (i == JF_COUNT(rows)) {
        PyErr_Format(PyExc_ValueError, "%R is no comparison", word);
        return -1;
    }
    ins.cc = rows[i].cc;
    if (read_value(b, PyTuple_GET_ITEM(op, 2), &ins.a) < 0 ||
        read_value(b, PyTuple_GET_ITEM(op, 3), &ins.b) < 0)
        return -1;
    *v = put(b, truth, ins);
    return 0;
}

/* (op, kind, a) and (op, kind, a, offset) */
static int add_typed(FuseBuild *b, jf_ProgramOp code, PyObject *op, uint32_t *v)
{
    FuseKind k;
    uint32_t off = 0;
    jf_ProgramIns ins = {.op = (uint8_t)code};
    if (read_kind(b, PyTuple_GET_ITEM(op, 1), &k) < 0 ||
        read_value(b, PyTuple_GET_ITEM(op, 2), &ins.a) < 0)
        return -1;
    if (PyTuple_GET_SIZE(op) > 3 && read_u32(PyTuple_GET_ITEM(op, 3), &off) < 0)
        return -1;
    ins.off = (int32_t)off;
    *v = put(b, k, ins);
    return 0;
}

static int add_const(FuseBuild *b, PyObject *op, uint32_t *v)
{
    FuseKind k;
    jf_ProgramIns ins = {.op = JF_PR_CONST};
    if (read_kind(b, PyTuple_GET_ITEM(op, 1), &k) < 0)
        return -1;
    if (k.kind == JF_S_BLOCK) {
        PyErr_SetString(PyExc_TypeError, "a constant is a number");
        return -1;
    }
    if (read_bits(k.kind, PyTuple_GET_ITEM(op, 2), &ins.imm) < 0)
        return -1;
    *v = put(b, k, ins);
    return 0;
}

static int add_store(FuseBuild *b, PyObject *op)
{
    uint32_t off;
    jf_ProgramIns ins = {.op = JF_PR_STORE, .v = JF_NO_VALUE};
    if (read_value(b, PyTuple_GET_ITEM(op, 1), &ins.a) < 0 ||
        read_u32(PyTuple_GET_ITEM(op, 2), &off) < 0 ||
        read_value(b, PyTuple_GET_ITEM(op, 3), &ins.b) < 0)
        return -1;
    ins.off = (int32_t)off;
    jf_program_put(&b->program, ins);
    return 0;
}

/* Operands only: one, two or three; the value is of the kind of the last. */
static int add_plain(FuseBuild *b, jf_ProgramOp code, PyObject *op, uint32_t *v)
{
    jf_ProgramIns ins = {.op = (uint8_t)code, .v = JF_NO_VALUE};
    uint32_t *const operands[] = {&ins.a, &ins.b, &ins.c};
    Py_ssize_t n = PyTuple_GET_SIZE(op) - 1;
    for (Py_ssize_t i = 0; i < n; i++)
        if (read_value(b, PyTuple_GET_ITEM(op, i + 1), operands[i]) < 0)
            return -1;
    if (code == JF_PR_RESULT)
        jf_program_put(&b->program, ins);
    else if (code == JF_PR_ADDRESS)
        *v = put(b, (FuseKind){JF_S_U64, 0, 0}, ins);
    else
        *v = put(b, kind_of(b, *operands[n - 1]), ins);
    return 0;
}

static const struct {
    const char *word;
    uint8_t op, n; /* n: items behind the word */
} words[] = {{"param", JF_PR_PARAM, 1},
             {"const", JF_PR_CONST, 2},
             {"pin", JF_PR_COUNT, 1},
             {"local", JF_PR_LOCAL, 2},
             {"address", JF_PR_ADDRESS, 1},
             {"load", JF_PR_LOAD, 3},
             {"store", JF_PR_STORE, 3},
             {"part", JF_PR_PART, 3},
             {"cast", JF_PR_CAST, 2},
             {"neg", JF_PR_NEG, 1},
             {"not", JF_PR_NOT, 1},
             {"add", JF_PR_ADD, 2},
             {"sub", JF_PR_SUB, 2},
             {"mul", JF_PR_MUL, 2},
             {"div", JF_PR_DIV, 2},
             {"floordiv", JF_PR_FLOORDIV, 2},
             {"floormod", JF_PR_FLOORMOD, 2},
             {"and", JF_PR_AND, 2},
             {"or", JF_PR_OR, 2},
             {"xor", JF_PR_XOR, 2},
             {"shl", JF_PR_SHL, 2},
             {"shr", JF_PR_SHR, 2},
             {"compare", JF_PR_COMPARE, 3},
             {"select", JF_PR_SELECT, 3},
             {"call", JF_PR_CALL, 2},
             {"result", JF_PR_RESULT, 1}};

static int add_one(FuseBuild *b, unsigned code, PyObject *op, uint32_t *v)
{
    switch (code) {
    case JF_PR_COUNT:
        return add_pin(b, PyTuple_GET_ITEM(op, 1), v);
    case JF_PR_PARAM:
        return add_param(b, PyTuple_GET_ITEM(op, 1), v);
    case JF_PR_CONST:
        return add_const(b, op, v);
    case JF_PR_LOCAL:
        return add_local(b, op, v);
    case JF_PR_LOAD:
    case JF_PR_PART:
    case JF_PR_CAST:
        return add_typed(b, (jf_ProgramOp)code, op, v);
    case JF_PR_STORE:
        return add_store(b, op);
    case JF_PR_COMPARE:
        return add_compare(b, op, v);
    case JF_PR_CALL:
        return add_call(b, op, v);
    default:
        return add_plain(b, (jf_ProgramOp)code, op, v);
    }
}

int jpy_fuse_op(FuseBuild *b, PyObject *op)
{
    uint32_t v = JF_NO_VALUE;
    PyObject *word = PyTuple_Check(op) && PyTuple_GET_SIZE(op) > 0
                         ? PyTuple_GET_ITEM(op, 0)
                         : Py_None;
    for (size_t i = 0; PyUnicode_Check(word) && i < JF_COUNT(words); i++) {
        if (PyUnicode_CompareWithASCIIString(word, words[i].word) != 0)
            continue;
        if (PyTuple_GET_SIZE(op) != words[i].n + 1) {
            PyErr_Format(PyExc_ValueError, "op %u (%U) has %zd items, not %d", b->n,
                         word, PyTuple_GET_SIZE(op) - 1, words[i].n);
            return -1;
        }
        if (add_one(b, words[i].op, op, &v) < 0)
            return -1;
        if (b->program.failed) {
            PyErr_NoMemory();
            return -1;
        }
        b->values[b->n++] = v;
        return 0;
    }
    PyErr_Format(PyExc_ValueError, "op %u is none: %R", b->n, op);
    return -1;
}
