/* SPDX-License-Identifier: MIT
 *
 * Recipes for host thunks: the machine code behind a builtin's ml_meth, one per
 * signature and GIL policy.
 *
 *   R0  self: the function's cdata     R1  arguments; METH_O: the argument
 *   R2  number of arguments            R3  a type compared with three times and more
 *   then R2 is the thread state, if the GIL is let go
 *
 * No Python object that can go away is named in the code: types are compared by
 * their jf_Type, which the signature keeps.
 */
#include "python/call_recipe.h"
#include "python/cxx.h"
#include "python/pending.h"

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

bool jpy_small_ints(uintptr_t *zero, unsigned *shift)
{
    uintptr_t at[3];
    const long values[] = {-5, 0, 256};
    for (int i = 0; i < 3; i++) {
        PyObject *o = PyLong_FromLong(values[i]);
        at[i] = jpy_address(o);
        Py_XDECREF(o);
    }
    uintptr_t step = (at[1] - at[0]) / 5;
    *zero = at[1];
    for (*shift = 4; *shift < 8; ++*shift)
        if (step == (uintptr_t)1 << *shift)
            return JPY_PLAIN_REFCOUNT && at[1] - at[0] == 5 * step &&
                   at[2] - at[1] == 256 * step;
    return false;
}

/* The integer in T0, sign or zero extended, as an int. */
static void box_int(Maker *m, bool is_unsigned64)
{
    jf_Recipe *r = &m->r;
    uint32_t big = jf_recipe_label(r);
    uintptr_t zero;
    unsigned shift;
    bool small = jpy_small_ints(&zero, &shift);
    if (small) {
        uint64_t below = is_unsigned64 ? 0 : 5;
        jf_lea(r, JF_T1, JF_T0, (int32_t)below);
        jf_branch(r, JF_T1, JF_A, JF_NOREG, 256 + below, big);
        jf_arith(r, JF_OP_SHL, JF_T1, JF_NOREG, shift);
        jf_arith(r, JF_OP_ADD, JF_T1, JF_NOREG, zero - (below << shift));
        if (!JPY_NONE_IMMORTAL) {
            jf_load(r, JF_T2, JF_T1, offsetof(PyObject, ob_refcnt), 8, false);
            jf_arith(r, JF_OP_ADD, JF_T2, JF_NOREG, 1);
            jf_store(r, JF_T1, offsetof(PyObject, ob_refcnt), JF_T2, 8);
        }
        jf_return(r, JF_T1, 0);
    }
    jf_label(r, big);
    jf_arg(r, 0, JF_T0, 0);
    jf_helper(r, JF_T0,
              is_unsigned64 ? HELPER(PyLong_FromUnsignedLong)
              : small       ? HELPER(jpy_long_big)
                            : HELPER(PyLong_FromLong));
}

/* The integer or pointer in T0 as an object. */
static void return_int(Maker *m)
{
    jf_Recipe *r = &m->r;
    const jf_Type *t = m->fn->to;
    uint64_t size = m->plan->result.size;
    bool is_signed = t->flags & JF_T_SIGNED;
    switch (t->kind) {
    case JF_BOOL:
        jf_extend(r, JF_T0, JF_T0, 1, false);
        jf_arg(r, 0, JF_T0, 0);
        jf_helper(r, JF_T0, HELPER(jpy_bool));
        break;
    case JF_INT:
    case JF_ENUM:
        jf_extend(r, JF_T0, JF_T0, (int)size, is_signed);
        box_int(m, size == 8 && !is_signed);
        break;
    case JF_PTR:
        jf_arg(r, 0, JF_R0, 0);
        jf_arg(r, 1, JF_T0, 0);
        jf_helper(r, JF_T0, HELPER(box_pointer));
        break;
    default:
        jf_store(r, JF_FRAME, m->ret, JF_T0, (int)size);
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

/* T0 = the address to call; NULL raises. */
static void load_target(Maker *m)
{
    jf_Recipe *r = &m->r;
    uint32_t null = jf_recipe_label(r);
    jf_load(r, JF_T0, JF_R0, offsetof(CDataObject, data), 8, false);
    jf_branch(r, JF_T0, JF_EQ, JF_NOREG, 0, null);
    jf_op(r, JF_OP_COLD);
    jf_label(r, null);
    jf_arg(r, 0, JF_R0, 0);
    jf_helper(r, JF_NOREG, HELPER(jpy_null_error));
    if (m->lone) /* no temporaries here */
        jf_return(r, JF_NOREG, 0);
    else
        jf_jump(r, m->fail);
    jf_op(r, JF_OP_HOT);
}

/* The GIL: as jpy_gil_let_go and jpy_gil_take do it, with one call less each. */
static void let_go(Maker *m)
{
    jf_Recipe *r = &m->r;
    if (!m->fast_gil) {
        jf_helper(r, JF_R2, HELPER(jpy_gil_let_go));
        return;
    }
    jf_helper(r, JF_R2, HELPER(PyEval_SaveThread));
    jf_store(r, JF_THREAD, m->gil_at, JF_R2, 8);
}

static void take(Maker *m)
{
    jf_Recipe *r = &m->r;
    if (m->fast_gil)
        jf_recipe_put(r, JF_INS(.op = JF_OP_STORE, .a = JF_THREAD, .b = JF_NOREG,
                                .off = m->gil_at, .w = 8));
    jf_arg(r, 0, JF_R2, 0);
    jf_helper(r, JF_NOREG,
              m->fast_gil ? HELPER(PyEval_RestoreThread) : HELPER(jpy_gil_take));
}

/* A call that keeps the GIL says so, and lets those go first who wait for the GIL in
 * callbacks: held.h. T1, T2 are free here; T0 is the target unless `lone`. */
static void held_begins(Maker *m, bool lone)
{
    jf_Recipe *r = &m->r;
    int32_t self;
    if (m->release || !m->may_fail)
        return;
    uint32_t some = jf_recipe_label(r), none = jf_recipe_label(r);
    jf_const(r, JF_T1, jpy_address(&jpy_held));
    if (jf_os_thread_self_offset(&self)) {
        jf_load(r, JF_T2, JF_THREAD, self, 8, false);
        jf_store(r, JF_T1, offsetof(Held, thread), JF_T2, 8);
    }
    jf_store(r, JF_T1, offsetof(Held, fn), JF_R0, 8);
    jf_branchm(r, JF_T1, offsetof(Held, waiting), JF_NE, JF_NOREG, 0, some);
    if (lone)
        jf_jump(r, none);
    else
        jf_op(r, JF_OP_COLD);
    jf_label(r, some);
    jf_arg(r, 0, JF_R0, 0);
    jf_helper(r, JF_NOREG, HELPER(jpy_held_yield));
    if (!lone) {
        jf_load(r, JF_T0, JF_R0, offsetof(CDataObject, data), 8, false);
        jf_jump(r, none);
        jf_op(r, JF_OP_HOT);
    }
    jf_label(r, none);
}

/* T1 is the address of jpy_held afterwards. */
static void held_ends(Maker *m)
{
    jf_const(&m->r, JF_T1, jpy_address(&jpy_held));
    jf_recipe_put(&m->r, JF_INS(.op = JF_OP_STORE, .a = JF_T1, .b = JF_NOREG,
                                .off = offsetof(Held, fn), .w = 8));
}

/* `lone`: in the copy for temporaries, where the target lies in the frame. */
static void foreign(Maker *m, bool lone)
{
    jf_Recipe *r = &m->r;
    if (!lone)
        load_target(m);
    if (m->release)
        let_go(m);
    held_begins(m, lone);
    if (m->keeps_errno && m->fast_errno)
        copy_word(m, m->errno_at, m->saved_at);
    else if (m->keeps_errno)
        jf_helper(r, JF_NOREG, HELPER(jf_os_errno_restore));
    if (lone)
        jf_load(r, JF_T0, JF_FRAME, m->target, 8, false);
    else if (m->release || (m->keeps_errno && !m->fast_errno))
        jf_load(r, JF_T0, JF_R0, offsetof(CDataObject, data), 8, false);
    if (m->plan->sret != JF_SRET_NONE)
        jf_recipe_put(r,
                      JF_INS(.op = JF_OP_PLACERET, .b = JF_FRAME, .off = m->ret));
    jf_recipe_put(r, JF_INS(.op = JF_OP_FOREIGN, .b = JF_T0,
                            .s = (m->policy & POLICY_THROWS) != 0,
                            .label = m->caught[lone]));
}

/* As a word. */
static uint64_t call_failed(void)
{
    return jpy_call_failed();
}

static void free_temps(Maker *m)
{
    jf_load(&m->r, JF_T0, JF_FRAME, m->temps, 8, false);
    jf_arg(&m->r, 0, JF_T0, 0);
    jf_helper(&m->r, JF_NOREG, HELPER(jpy_temps_free));
}

/* Leave with NULL after the call. */
static void give_up(Maker *m, bool lone)
{
    if (lone)
        free_temps(m);
    if (m->lone) /* no other temporaries here */
        jf_return(&m->r, JF_NOREG, 0);
    else
        jf_jump(&m->r, m->fail);
}

/* The result, between its register and m->ret. */
static void keep_result(Maker *m, bool back)
{
    jf_Recipe *r = &m->r;
    ResultWay way = result_way(m);
    uint8_t size = (uint8_t)m->plan->result.size;
    if (way == GIVES_INT && back)
        jf_load(r, JF_T0, JF_FRAME, m->ret, 8, false);
    else if (way == GIVES_INT)
        jf_store(r, JF_FRAME, m->ret, JF_T0, 8);
    else if (way == GIVES_FLOAT && back)
        jf_recipe_put(r, JF_INS(.op = JF_OP_LOADF, .a = JF_F0, .b = JF_FRAME,
                                .off = m->ret, .w = size));
    else if (way == GIVES_FLOAT)
        jf_recipe_put(r, JF_INS(.op = JF_OP_STOREF, .a = JF_FRAME, .b = JF_F0,
                                .off = m->ret, .w = size));
}

/* To `maybe` if a callback may have left an exception; T1 is free. */
static void branch_if_maybe(Maker *m, uint32_t maybe)
{
    jf_Recipe *r = &m->r;
    if (!m->release) {
        held_ends(m);
        jf_branchm(r, JF_T1, offsetof(Held, trouble), JF_NE, JF_NOREG, 0, maybe);
    } else if (m->fast_pending) {
        jf_branchm(r, JF_THREAD, m->pending_at, JF_NE, JF_NOREG, 0, maybe);
    } else {
        jf_jump(r, maybe);
    }
}

/* The call raises if a callback has left an exception. The copy for temporaries is
 * cold as a whole. `clean`: the result is in its register, not in m->ret. */
static void look_for_failure(Maker *m, bool lone, bool clean)
{
    jf_Recipe *r = &m->r;
    uint32_t maybe = jf_recipe_label(r), fine = jf_recipe_label(r);
    if (!m->may_fail)
        return;
    branch_if_maybe(m, maybe);
    if (lone)
        jf_jump(r, fine);
    else
        jf_op(r, JF_OP_COLD);
    jf_label(r, maybe);
    if (clean)
        keep_result(m, false);
    jf_helper(r, JF_T0, HELPER(call_failed));
    uint32_t failed = jf_recipe_label(r);
    jf_branch(r, JF_T0, JF_NE, JF_NOREG, 0, failed);
    if (clean)
        keep_result(m, true);
    jf_jump(r, fine);
    jf_label(r, failed);
    give_up(m, lone);
    if (!lone)
        jf_op(r, JF_OP_HOT);
    jf_label(r, fine);
}

/* Between the call and the result's boxing: errno, the GIL, temporaries. */
static void after(Maker *m, bool lone, bool clean)
{
    jf_Recipe *r = &m->r;
    if (m->keeps_errno && m->fast_errno)
        copy_word(m, m->saved_at, m->errno_at);
    else if (m->keeps_errno)
        jf_helper(r, JF_NOREG, HELPER(jf_os_errno_save));
    if (m->release)
        take(m);
    look_for_failure(m, lone, clean);
    if (lone)
        free_temps(m);
    if (m->lone || !m->has_temps)
        return;
    uint32_t some = jf_recipe_label(r), none = jf_recipe_label(r);
    jf_branchm(r, JF_FRAME, m->temps, JF_NE, JF_NOREG, 0, some);
    jf_op(r, JF_OP_COLD);
    jf_label(r, some);
    free_temps(m);
    jf_jump(r, none);
    jf_op(r, JF_OP_HOT);
    jf_label(r, none);
}

/* Cold: a C++ exception has come out of the call. As after(), then it is raised. */
static void caught(Maker *m, bool lone)
{
    jf_Recipe *r = &m->r;
    jf_label(r, m->caught[lone]);
    jf_recipe_put(r, JF_INS(.op = JF_OP_CATCH, .a = JF_T0));
    jf_store(r, JF_FRAME, m->ret, JF_T0, 8);
    if (m->keeps_errno && m->fast_errno)
        copy_word(m, m->saved_at, m->errno_at);
    else if (m->keeps_errno)
        jf_helper(r, JF_NOREG, HELPER(jf_os_errno_save));
    if (m->release)
        take(m);
    else if (m->may_fail)
        held_ends(m);
    jf_load(r, JF_T0, JF_FRAME, m->ret, 8, false);
    jf_arg(r, 0, JF_R0, 0);
    jf_arg(r, 1, JF_T0, 0);
    jf_helper(r, JF_NOREG, HELPER(jpy_cxx_raise));
    give_up(m, lone);
}

/* The foreign call and what follows it, up to the return. */
static void call_and_return(Maker *m, bool lone)
{
    jf_Recipe *r = &m->r;
    bool clean = (m->fast_errno || !m->keeps_errno) && !m->release && !lone &&
                 (!m->has_temps || m->lone);
    ResultWay way = result_way(m);
    foreign(m, lone);
    if (way == GIVES_INT)
        jf_recipe_put(r, JF_INS(.op = JF_OP_RESULT, .a = JF_T0));
    if (way == GIVES_FLOAT)
        jf_recipe_put(r, JF_INS(.op = JF_OP_RESULTF, .a = JF_F0));
    if (!clean)
        keep_result(m, false);
    if (way == GIVES_MEMORY && m->plan->sret == JF_SRET_NONE)
        jf_recipe_put(r, JF_INS(.op = JF_OP_RESULTM, .b = JF_FRAME, .off = m->ret));
    after(m, lone, clean);
    if (!clean)
        keep_result(m, true);
    if (way == GIVES_NONE)
        return_none(r);
    else if (way == GIVES_INT)
        return_int(m);
    else if (way == GIVES_FLOAT)
        return_float(m);
    else
        return_memory(m);
}

/* --- the whole ------------------------------------------------------------------------------ */

/* Type to keep in R3: the most frequent one, if it pays. */
static const void *choose_shared(const Maker *m)
{
    const void *types[] = {&PyLong_Type, &PyFloat_Type, m->st->cdata_own_type,
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
    m->ret = jf_recipe_frame(&m->r, (uint32_t)ret, 16);
    if (m->has_temps)
        m->temps = jf_recipe_frame(&m->r, 8, 8);
    m->lone = m->has_temps && m->flags == METH_O && !m->sized;
    if (m->lone)
        m->target = jf_recipe_frame(&m->r, 8, 8);
    return true;
}

static void check_count(Maker *m)
{
    jf_Recipe *r = &m->r;
    uint32_t wrong = jf_recipe_label(r);
    jf_branch(r, JF_R2, JF_NE, JF_NOREG,
              m->sized ? m->sized->n_given : m->plan->n_args, wrong);
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
    m->lone_tail = jf_recipe_label(r);
    if (m->policy & POLICY_THROWS) {
        m->caught[0] = jf_recipe_label(r);
        m->caught[1] = jf_recipe_label(r);
    }
    r->names = true;
    if (m->flags == METH_FASTCALL)
        check_count(m);
    m->shared = choose_shared(m);
    if (m->shared)
        jf_const(r, JF_R3, jpy_address(m->shared));
    if (m->has_temps && !m->lone)
        jf_recipe_put(r, JF_INS(.op = JF_OP_STORE, .a = JF_FRAME, .b = JF_NOREG,
                                .off = m->temps, .w = 8));
    for (uint32_t i = 0; i < m->plan->n_args; i++)
        jpy_recipe_argument(m, i);
    call_and_return(m, false);
    jf_op(r, JF_OP_COLD);
    if (m->lone) {
        jf_label(r, m->lone_tail);
        jf_place(r, 0, JF_T1);
        call_and_return(m, true);
    }
    for (int lone = 0; m->policy & POLICY_THROWS && lone <= m->lone; lone++)
        caught(m, lone);
    jf_label(r, m->fail);
    if (m->has_temps) {
        uint32_t none = jf_recipe_label(r);
        jf_branchm(r, JF_FRAME, m->temps, JF_EQ, JF_NOREG, 0, none);
        free_temps(m);
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

/* The rest is filled in here. 0, or -1 with an exception. */
static int thunk(Maker *m, uint8_t policy, jf_Code **code)
{
    *code = NULL;
    m->policy = policy;
    m->release = !(policy & POLICY_HOLD);
    m->may_fail = !(policy & POLICY_PROVED);
    m->keeps_errno = !(policy & POLICY_NO_ERRNO);
    m->fast_pending = jpy_pending_slot(&m->pending_at);
    jf_Diag d = JF_DIAG_INIT;
    jf_Status s = jf_plan_of(m->st->universe, m->fn, &m->plan, &d);
    if (s == JF_OK && lay_frame(m)) {
        m->fast_errno = jf_os_errno_offsets(&m->errno_at, &m->saved_at);
        m->fast_gil = jpy_gil_slot(&m->gil_at);
        make(m);
        s = compile(m, code, &d);
    }
    jf_recipe_free(&m->r);
    if (s == JF_OK || s == JF_UNSUPPORTED) {
        jf_diag_clear(&d);
        return 0;
    }
    jpy_raise_status(m->st, &d);
    return -1;
}

int jpy_thunk(State *st, jf_Type *fn, uint8_t policy, jf_Code **code)
{
    Maker m = {
        .r = JF_RECIPE_INIT, .st = st, .fn = fn, .flags = jpy_arity_flags(fn)};
    return thunk(&m, policy, code);
}

int jpy_sized_thunk(CDataObject *fn, jf_Code **code)
{
    FunctionInfo *f = jpy_function_info(fn);
    Maker m = {.r = JF_RECIPE_INIT,
               .st = f->st,
               .fn = f->fn,
               .flags = f->sized->flags,
               .sized = f->sized};
    m.lengths = PyMem_Calloc(f->fn->u.func->n_params, sizeof *m.lengths);
    if (!m.lengths) {
        PyErr_NoMemory();
        return -1;
    }
    int bad = thunk(&m, jpy_policy(f), code);
    PyMem_Free(m.lengths);
    return bad;
}

const char *jpy_recipe_helper(uintptr_t at)
{
    if (at == HELPER(box_pointer))
        return "make a cdata of the pointer";
    if (at == HELPER(jpy_long_big))
        return "make an int that is not a small one";
    return at == HELPER(call_failed) ? "raise what a callback left" : NULL;
}
