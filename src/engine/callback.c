/* SPDX-License-Identifier: MIT
 *
 * C calls in. A stub leads to one of a few entries, which saves the argument
 * registers and calls a dispatch function here; that one shows the handler its
 * arguments as slots and packs the result. Where the saved registers already
 * look like the slots block, nothing is copied.
 *
 * A callback that was retired stays as it is for a good while, because C may hold its
 * address without anybody's knowing: whoever made it answers, and can say so.
 */
#include "engine/inner.h"

#include "arch/arch.h"
#include "exec/exec.h"
#include "os/os.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct jf_Callback {
    jf_Handler handler;
    void *context;
    jf_Plan *plan;       /* owned */
    uint8_t result_size; /* direct dispatch: bytes of an integer result */
    uint8_t result_sign; /* ... is sign-extended */
    jf_Stub stub;        /* with machine code */
    FfiCallback *ffi;    /* owned; without */
    void *address;
    jf_Callback *next;           /* retired: the one retired next */
    bool (*gone)(void *context); /* retired: may it go? */
};

const jf_Plan *engine_callback_plan(const jf_Callback *cb)
{
    return cb->plan;
}

void engine_answer(jf_Callback *cb, void *slots, void *ret)
{
    cb->handler(cb->context, cb->plan, slots, ret);
}

/* --- dispatch -------------------------------------------------------------------- */

enum { SLOTS_ON_STACK = 2048, RET_ON_STACK = 256 };

static void dispatch_with(jf_Callback *cb, jf_Regs *regs, void *slots, void *ret)
{
    jf_plan_unpack_args(cb->plan, regs, slots);
    cb->handler(cb->context, cb->plan, slots, ret);
    jf_plan_pack_result(cb->plan, ret, regs);
}

/* Values too big for a fixed place on the stack. Memory running out cannot be
 * told to the C caller: it gets zeros. */
static void dispatch_big(jf_Callback *cb, jf_Regs *regs)
{
    int e = errno;
    size_t ret_size = cb->plan->result.size + 16, slots = cb->plan->slots_size;
    ret_size = (ret_size + 15) & ~(size_t)15;
    char *p = jf_calloc(ret_size + slots);
    errno = e;
    if (p)
        dispatch_with(cb, regs, p + ret_size, p);
    e = errno;
    jf_free(p);
    errno = e;
}

void engine_dispatch(void *callback, jf_Regs *regs)
{
    jf_Callback *cb = callback;
    memset(regs->ret_gpr, 0, sizeof *regs - offsetof(jf_Regs, ret_gpr));
    if (cb->plan->slots_size > SLOTS_ON_STACK ||
        cb->plan->result.size > RET_ON_STACK) {
        dispatch_big(cb, regs);
    } else {
        _Alignas(16) uint8_t slots[SLOTS_ON_STACK];
        _Alignas(16) uint8_t ret[RET_ON_STACK];
        memset(ret, 0, cb->plan->result.size < 16 ? 16 : cb->plan->result.size);
        dispatch_with(cb, regs, slots, ret);
    }
}

/* Up to six integers and pointers, all in registers: the saved registers are
 * the slots, the result register is the result. ORDER REGS. */
static void dispatch_direct(void *callback, jf_Regs *regs)
{
    jf_Callback *cb = callback;
    uint8_t size = cb->result_size, sign = cb->result_sign; /* before it may go */
    regs->ret_gpr[0] = regs->ret_gpr[1] = 0;
    cb->handler(cb->context, cb->plan, regs->gpr, regs->ret_gpr);
    if (sign && size < 8) {
        unsigned shift = 64 - 8u * size;
        regs->ret_gpr[0] =
            (uint64_t)((int64_t)(regs->ret_gpr[0] << shift) >> shift);
    }
}

static bool is_direct(const jf_Plan *plan)
{
    if (plan->sret != JF_SRET_NONE || plan->variadic)
        return false;
    for (uint32_t i = 0; i < plan->n_args; i++) {
        const jf_PlanValue *v = &plan->args[i];
        const jf_Piece *p = &plan->pieces[v->first];
        if (!v->is_scalar || v->n != 1 || p->place != JF_IN_GPR || p->reg != i ||
            v->slot != 8 * i)
            return false;
    }
    const jf_PlanValue *v = &plan->result;
    return v->n == 0 || (v->is_scalar && plan->pieces[v->first].place == JF_IN_GPR);
}

/* --- entries --------------------------------------------------------------------- */

enum { ENTRY_DIRECT, ENTRY_GENERAL, ENTRY_COUNT = ENTRY_GENERAL + 3 };

/* One of each kind per process, made when first needed, kept for good: code in
 * them may be running at any time. [ENTRY_GENERAL + n] loads n x87 results. */
static jf_Block *entries[ENTRY_COUNT];
static jf_OsLock entries_lock;
static jf_OsOnce entries_once = JF_OS_ONCE;

/* Callbacks that were retired, in that order; under the same lock. */
enum { RETIRED_MAX = 1024 };
static jf_Callback *retired_first, *retired_last;
static size_t n_retired;

static void lock_entries(void)
{
    jf_os_lock(&entries_lock);
}

static void unlock_entries(void)
{
    jf_os_unlock(&entries_lock);
}

static void start_entries(void)
{
    jf_os_lock_init(&entries_lock);
    (void)jf_os_at_fork(lock_entries, unlock_entries, unlock_entries);
}

static int x87_results(const jf_Plan *plan)
{
    int n = 0;
    for (uint32_t k = 0; k < plan->result.n; k++)
        n += plan->pieces[plan->result.first + k].place == JF_IN_X87;
    return plan->sret == JF_SRET_NONE ? n : 0;
}

/* Under the lock. */
static jf_Status entry_make(int kind, jf_Diag *d)
{
    jf_Buf bytes = JF_BUF_INIT;
    bool direct = kind == ENTRY_DIRECT;
    int x87 = direct ? -1 : kind - ENTRY_GENERAL;
    jf_Frame through = {0, JF_THROUGH};
    char name[40];
    snprintf(name, sizeof name, "jiffi:callback entry (%s)",
             direct ? "integers"
             : x87  ? "long double"
                    : "any");
    jf_Status st = jf_host_encoder()->entry(
        direct ? dispatch_direct : engine_dispatch, x87, &bytes, d);
    uint32_t exits[2] = {(uint32_t)bytes.n - jf_host_encoder()->exit_size,
                         (uint32_t)bytes.n};
    through.n_exits = 1;
    through.exits = exits;
    if (st == JF_OK)
        st = jf_exec_add(bytes.p, bytes.n, 16, through, name, &entries[kind], d);
    jf_buf_free(&bytes);
    return st;
}

static jf_Status entry_for(const jf_Plan *plan, void **target, jf_Diag *d)
{
    int kind = is_direct(plan) ? ENTRY_DIRECT : ENTRY_GENERAL + x87_results(plan);
    JF_ASSERT(kind < ENTRY_COUNT);
    jf_os_once(&entries_once, start_entries);
    lock_entries();
    jf_Status st = entries[kind] ? JF_OK : entry_make(kind, d);
    if (st == JF_OK)
        *target = entries[kind]->entry;
    unlock_entries();
    return st;
}

/* --- making ---------------------------------------------------------------------- */

static jf_Status with_code(jf_Callback *cb, jf_Diag *d)
{
    void *target = NULL;
    jf_Status st = entry_for(cb->plan, &target, d);
    if (st == JF_OK)
        st = jf_exec_stub_new(cb, target, &cb->stub, d);
    cb->address = cb->stub.entry;
    return st;
}

jf_Status jf_callback_new(jf_Universe *u, jf_Type *fn, jf_Handler handler,
                          void *context, jf_Callback **out, jf_Diag *d)
{
    JF_ASSERT(fn->kind == JF_FUNC);
    if (fn->flags & JF_T_VARIADIC)
        return jf_diag_set(d, JF_UNSUPPORTED,
                           "a callback cannot take a variable number of arguments");
    jf_Callback *cb = jf_calloc(sizeof *cb);
    if (!cb)
        return jf_diag_set(d, JF_NOMEM, "out of memory");
    cb->handler = handler;
    cb->context = context;
    jf_Status st = jf_plan_make(u->target, fn, NULL, 0, &cb->plan, d);
    if (st == JF_OK && cb->plan->result.n) {
        const jf_Piece *p = &cb->plan->pieces[cb->plan->result.first];
        cb->result_size = p->size < 8 ? (uint8_t)p->size : 8;
        cb->result_sign = p->extend == JF_EXT_SIGN;
    }
    Mode mode = engine_mode();
    if (st != JF_OK)
        ;
    else if (mode == MODE_CODE)
        st = with_code(cb, d);
    else
        st = engine_ffi_callback_new(mode, cb->plan, fn, cb, &cb->ffi, &cb->address,
                                     d);
    if (st != JF_OK) {
        jf_callback_free(cb);
        return st;
    }
    *out = cb;
    return JF_OK;
}

void *jf_callback_address(const jf_Callback *cb)
{
    return cb->address;
}

void jf_callback_name(const jf_Callback *cb, const char *name)
{
    jf_exec_stub_name(&cb->stub, name);
}

void jf_callback_free(jf_Callback *cb)
{
    if (!cb)
        return;
    jf_exec_stub_free(&cb->stub);
    engine_ffi_callback_free(cb->ffi);
    jf_free(cb->plan);
    jf_free(cb);
}

/* --- retiring -------------------------------------------------------------------- */

/* Under the lock. */
static void retired_push(jf_Callback *cb)
{
    cb->next = NULL;
    if (n_retired++)
        retired_last->next = cb;
    else
        retired_first = cb;
    retired_last = cb;
}

static jf_Callback *retired_pop(void)
{
    jf_Callback *cb = retired_first;
    retired_first = cb->next;
    n_retired--;
    return cb;
}

void jf_callback_retire(jf_Callback *cb, bool (*gone)(void *context))
{
    if (!cb)
        return;
    jf_os_once(&entries_once, start_entries);
    lock_entries();
    cb->gone = gone;
    retired_push(cb);
    jf_Callback *old[2] = {NULL, NULL}; /* two: to catch up after one was busy */
    for (int k = 0; k < 2 && n_retired > RETIRED_MAX; k++) {
        jf_Callback *oldest = retired_pop();
        if (oldest->gone(oldest->context))
            old[k] = oldest;
        else
            retired_push(oldest);
    }
    unlock_entries();
    jf_callback_free(old[0]);
    jf_callback_free(old[1]);
}

size_t jf_callbacks_retired(void)
{
    jf_os_once(&entries_once, start_entries);
    lock_entries();
    size_t n = n_retired;
    unlock_entries();
    return n;
}
