/* SPDX-License-Identifier: MIT
 *
 * Recipes for host thunks: the machine code behind a builtin's ml_meth, one per
 * signature and GIL policy.
 *
 *   R0  self: the function's cdata     R1  arguments; METH_O: the argument
 *   R2  number of arguments            R3  a type compared with three times and more
 *   then R1 holds the result, R2 the thread state, where calls come between
 *
 * No Python object that can go away is named in the code: types are compared by
 * their jf_Type, which the signature keeps.
 */
#include "python/call_recipe.h"

enum {
    MAX_FRAME = 1 << 15, /* bytes; above, the slots path does it */
    SHARE_TYPE = 3       /* from so many comparisons on a type is kept in R3 */
};

#define HELPER(f) ((uintptr_t)(f))

/* --- results ----------------------------------------------------------------------------- */

typedef enum ResultWay {
    GIVES_NONE,
    GIVES_INT,
    GIVES_FLOAT,
    GIVES_MEMORY
} ResultWay;

static ResultWay result_way(const Maker *m)
{
    const jf_Type *t = m->fn->to;
    const jf_PlanValue *v = &m->plan->result;
    if (t->kind == JF_VOID)
        return GIVES_NONE;
    if (v->is_scalar && v->is_float)
        return GIVES_FLOAT;
    return v->is_scalar ? GIVES_INT : GIVES_MEMORY;
}

static PyObject *box_pointer(CDataObject *fn, char *p)
{
    CTypeObject *ct = jpy_function_ctype(fn, -1);
    if (!ct)
        return NULL;
    PyObject *o = jpy_cdata(ct, p);
    Py_DECREF((PyObject *)ct);
    return o;
}

static void return_none(jf_Recipe *r)
{
    if (JPY_NONE_IMMORTAL) {
        jf_return(r, JF_NOREG, jpy_address(Py_None));
        return;
    }
    jf_const(r, JF_T0, jpy_address(Py_None));
    if (JPY_PLAIN_REFCOUNT) {
        jf_load(r, JF_T1, JF_T0, offsetof(PyObject, ob_refcnt), 8, false);
        jf_arith(r, JF_OP_ADD, JF_T1, JF_NOREG, 1);
        jf_store(r, JF_T0, offsetof(PyObject, ob_refcnt), JF_T1, 8);
    } else {
        jf_arg(r, 0, JF_T0, 0);
        jf_helper(r, JF_NOREG, HELPER(Py_IncRef));
        jf_const(r, JF_T0, jpy_address(Py_None));
    }
    jf_return(r, JF_T0, 0);
}

/* The integer or pointer in `value` as an object. */
static void return_int(Maker *m, jf_Reg value)
{
    jf_Recipe *r = &m->r;
    const jf_Type *t = m->fn->to;
    uint64_t size = m->plan->result.size;
    bool is_signed = t->flags & JF_T_SIGNED;
    switch (t->kind) {
    case JF_BOOL:
        jf_extend(r, JF_T0, value, 1, false);
        jf_arg(r, 0, JF_T0, 0);
        jf_helper(r, JF_T0, HELPER(PyBool_FromLong));
        break;
    case JF_INT:
    case JF_ENUM:
        jf_extend(r, JF_T0, value, (int)size, is_signed);
        jf_arg(r, 0, JF_T0, 0);
        jf_helper(r, JF_T0,
                  size == 8 && !is_signed ? HELPER(PyLong_FromUnsignedLong)
                                          : HELPER(PyLong_FromLong));
        break;
    case JF_PTR:
        jf_arg(r, 0, JF_R0, 0);
        jf_arg(r, 1, value, 0);
        jf_helper(r, JF_T0, HELPER(box_pointer));
        break;
    default:
        jf_store(r, JF_FRAME, m->ret, value, (int)size);
        jf_arg(r, 0, JF_R0, 0);
        jf_arglea(r, 1, JF_FRAME, m->ret);
        jf_helper(r, JF_T0, HELPER(jpy_result));
    }
    jf_return(r, JF_T0, 0);
}

static void return_float(Maker *m)
{
    jf_Recipe *r = &m->r;
    if (m->plan->result.size == 4)
        jf_recipe_put(r, JF_INS(.op = JF_OP_CVTF, .a = JF_F0, .b = JF_F0, .w = 8));
    jf_recipe_put(r, JF_INS(.op = JF_OP_ARGF, .b = JF_F0, .w = 8));
    jf_helper(r, JF_T0, HELPER(PyFloat_FromDouble));
    jf_return(r, JF_T0, 0);
}

static void return_memory(Maker *m)
{
    jf_Recipe *r = &m->r;
    jf_arg(r, 0, JF_R0, 0);
    jf_arglea(r, 1, JF_FRAME, m->ret);
    jf_helper(r, JF_T0, HELPER(jpy_result));
    jf_return(r, JF_T0, 0);
}

/* --- the call ------------------------------------------------------------------------------ */

static void copy_word(Maker *m, int32_t to, int32_t from)
{
    jf_load(&m->r, JF_T1, JF_THREAD, from, 4, false);
    jf_store(&m->r, JF_THREAD, to, JF_T1, 4);
}

static void foreign(Maker *m)
{
    jf_Recipe *r = &m->r;
    const int32_t data = offsetof(CDataObject, data);
    uint32_t null = jf_recipe_label(r);
    jf_load(r, JF_T0, JF_R0, data, 8, false);
    jf_branch(r, JF_T0, JF_EQ, JF_NOREG, 0, null);
    jf_op(r, JF_OP_COLD);
    jf_label(r, null);
    jf_arg(r, 0, JF_R0, 0);
    jf_helper(r, JF_NOREG, HELPER(jpy_null_error));
    jf_jump(r, m->fail);
    jf_op(r, JF_OP_HOT);
    if (m->release)
        jf_helper(r, JF_R2, HELPER(PyEval_SaveThread));
    if (m->fast_errno)
        copy_word(m, m->errno_at, m->saved_at);
    else
        jf_helper(r, JF_NOREG, HELPER(jf_os_errno_restore));
    if (m->release || !m->fast_errno)
        jf_load(r, JF_T0, JF_R0, data, 8, false);
    if (m->plan->sret != JF_SRET_NONE)
        jf_recipe_put(r,
                      JF_INS(.op = JF_OP_PLACERET, .b = JF_FRAME, .off = m->ret));
    jf_recipe_put(r, JF_INS(.op = JF_OP_FOREIGN, .b = JF_T0));
}

/* Between the call and the result's boxing: errno, the GIL, temporaries. */
static void after(Maker *m)
{
    jf_Recipe *r = &m->r;
    if (m->fast_errno)
        copy_word(m, m->saved_at, m->errno_at);
    else
        jf_helper(r, JF_NOREG, HELPER(jf_os_errno_save));
    if (m->release) {
        jf_arg(r, 0, JF_R2, 0);
        jf_helper(r, JF_NOREG, HELPER(PyEval_RestoreThread));
    }
    if (!m->has_temps)
        return;
    uint32_t some = jf_recipe_label(r), none = jf_recipe_label(r);
    jf_branchm(r, JF_FRAME, m->temps, JF_NE, JF_NOREG, 0, some);
    jf_op(r, JF_OP_COLD);
    jf_label(r, some);
    jf_load(r, JF_T0, JF_FRAME, m->temps, 8, false);
    jf_arg(r, 0, JF_T0, 0);
    jf_helper(r, JF_NOREG, HELPER(jpy_temps_free));
    jf_jump(r, none);
    jf_op(r, JF_OP_HOT);
    jf_label(r, none);
}

static void call_and_return(Maker *m)
{
    jf_Recipe *r = &m->r;
    bool clean = m->fast_errno && !m->release && !m->has_temps;
    ResultWay way = result_way(m);
    jf_Reg value = clean ? JF_T0 : JF_R1;
    foreign(m);
    if (way == GIVES_INT)
        jf_recipe_put(r, JF_INS(.op = JF_OP_RESULT, .a = value));
    if (way == GIVES_FLOAT)
        jf_recipe_put(r, JF_INS(.op = JF_OP_RESULTF, .a = JF_F0));
    if (way == GIVES_FLOAT && !clean)
        jf_recipe_put(r, JF_INS(.op = JF_OP_STOREF, .a = JF_FRAME, .b = JF_F0,
                                .off = m->ret, .w = (uint8_t)m->plan->result.size));
    if (way == GIVES_MEMORY && m->plan->sret == JF_SRET_NONE)
        jf_recipe_put(r, JF_INS(.op = JF_OP_RESULTM, .b = JF_FRAME, .off = m->ret));
    after(m);
    if (way == GIVES_FLOAT && !clean)
        jf_recipe_put(r, JF_INS(.op = JF_OP_LOADF, .a = JF_F0, .b = JF_FRAME,
                                .off = m->ret, .w = (uint8_t)m->plan->result.size));
    switch (way) {
    case GIVES_NONE:
        return_none(r);
        break;
    case GIVES_INT:
        return_int(m, value);
        break;
    case GIVES_FLOAT:
        return_float(m);
        break;
    case GIVES_MEMORY:
        return_memory(m);
    }
}

/* --- the whole ------------------------------------------------------------------------------ */

/* Type to keep in R3: the most frequent one, if it pays. */
static const void *choose_shared(const Maker *m)
{
    const void *types[] = {&PyLong_Type, &PyFloat_Type, m->st->cdata_type,
                           &PyBytes_Type};
    unsigned best = SHARE_TYPE - 1;
    const void *shared = NULL;
    for (size_t k = 0; k < JF_COUNT(types); k++) {
        unsigned n = 0;
        for (uint32_t i = 0; i < m->plan->n_args; i++)
            n += jpy_recipe_usual_type(m, i) == types[k];
        if (n > best) {
            best = n;
            shared = types[k];
        }
    }
    return shared;
}

/* Frame cells; false: the frame would be too big. */
static bool lay_frame(Maker *m)
{
    uint64_t cell = 16, ret = 32;
    for (uint32_t i = 0; i < m->plan->n_args; i++) {
        if (m->plan->args[i].size > cell)
            cell = m->plan->args[i].size;
        m->has_temps |= m->fn->u.func->params[i]->kind == JF_PTR;
    }
    if (m->plan->result.size > ret)
        ret = m->plan->result.size;
    if (cell > MAX_FRAME || ret > MAX_FRAME || m->plan->stack_size > MAX_FRAME)
        return false;
    m->cell = jf_recipe_frame(&m->r, (uint32_t)cell, 16);
    ResultWay way = result_way(m);
    const jf_Type *to = m->fn->to;
    if (way == GIVES_MEMORY || way == GIVES_FLOAT || to->kind == JF_CHAR)
        m->ret = jf_recipe_frame(&m->r, (uint32_t)ret, 16);
    if (m->has_temps)
        m->temps = jf_recipe_frame(&m->r, 8, 8);
    return true;
}

static void check_count(Maker *m)
{
    jf_Recipe *r = &m->r;
    uint32_t wrong = jf_recipe_label(r);
    jf_branch(r, JF_R2, JF_NE, JF_NOREG, m->plan->n_args, wrong);
    jf_op(r, JF_OP_COLD);
    jf_label(r, wrong);
    jf_arg(r, 0, JF_R0, 0);
    jf_arg(r, 1, JF_R2, 0);
    jf_helper(r, JF_NOREG, HELPER(jpy_arity_error));
    jf_return(r, JF_NOREG, 0);
    jf_op(r, JF_OP_HOT);
}

static void make(Maker *m)
{
    jf_Recipe *r = &m->r;
    m->fail = jf_recipe_label(r);
    if (m->flags == METH_FASTCALL)
        check_count(m);
    m->shared = choose_shared(m);
    if (m->shared)
        jf_const(r, JF_R3, jpy_address(m->shared));
    if (m->has_temps)
        jf_recipe_put(r, JF_INS(.op = JF_OP_STORE, .a = JF_FRAME, .b = JF_NOREG,
                                .off = m->temps, .w = 8));
    for (uint32_t i = 0; i < m->plan->n_args; i++)
        jpy_recipe_argument(m, i);
    call_and_return(m);
    jf_op(r, JF_OP_COLD);
    jf_label(r, m->fail);
    if (m->has_temps) {
        uint32_t none = jf_recipe_label(r);
        jf_load(r, JF_T0, JF_FRAME, m->temps, 8, false);
        jf_branch(r, JF_T0, JF_EQ, JF_NOREG, 0, none);
        jf_arg(r, 0, JF_T0, 0);
        jf_helper(r, JF_NOREG, HELPER(jpy_temps_free));
        jf_label(r, none);
    }
    jf_return(r, JF_NOREG, 0);
    jf_op(r, JF_OP_HOT);
}

/* "jiffi:int(int, char *)", for debuggers. */
static jf_Status compile(Maker *m, jf_Code **code, jf_Diag *d)
{
    jf_Buf name = JF_BUF_INIT;
    jf_buf_text(&name, "jiffi:");
    jf_type_print(m->fn, "", 0, &name, NULL);
    jf_Status s = m->r.failed || name.failed
                      ? jf_diag_set(d, JF_NOMEM, "out of memory")
                      : jf_compile(&m->r, m->plan, name.p, code, d);
    jf_buf_free(&name);
    return s;
}

int jpy_thunk(State *st, jf_Type *fn, uint8_t gil, jf_Code **code)
{
    Maker m = {.r = JF_RECIPE_INIT,
               .st = st,
               .fn = fn,
               .flags = jpy_arity_flags(fn),
               .release = gil != JF_GIL_HOLD};
    *code = NULL;
    jf_Diag d = JF_DIAG_INIT;
    jf_Status s = jf_plan_of(st->universe, fn, &m.plan, &d);
    if (s == JF_OK && lay_frame(&m)) {
        m.fast_errno = jf_os_errno_offsets(&m.errno_at, &m.saved_at);
        make(&m);
        s = compile(&m, code, &d);
    }
    jf_recipe_free(&m.r);
    if (s == JF_OK || s == JF_UNSUPPORTED) {
        jf_diag_clear(&d);
        return 0;
    }
    jpy_raise_status(st, &d);
    return -1;
}
