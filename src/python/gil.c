/* SPDX-License-Identifier: MIT
 *
 * The GIL around calls and callbacks. A call that lets go of it leaves its thread
 * state in a variable of the thread, so that a callback from inside the call
 * takes the GIL with that state at once. Everybody else (C code that let go of the
 * GIL itself, the first callback of a thread that C made) goes the long way,
 * PyGILState_Ensure.
 *
 * A thread that C made has its state kept between callbacks, in the same variable
 * (marked by bit 0, as no call of ours is around such callbacks):
 * what threading.local holds stays there, and the next callback is fast. The
 * thread's end cannot delete the state, because nobody may wait for the GIL there
 * (who holds it may wait for the thread, or Python may be gone): the record goes
 * onto a list, and the next new thread that comes from C deletes what is there.
 *
 * The variable is set only while the call is in C and without the GIL: a callback
 * clears it on its way into Python and sets it again on its way back. So calls
 * within callbacks within calls find it as if they were the first.
 */
#include "python/call.h"
#include "python/cxx.h"

#include <errno.h>
#include <stdatomic.h>

_Thread_local PyThreadState *jpy_put_aside JF_STATIC_TLS;

bool jpy_gil_slot(int32_t *offset)
{
    int32_t error, saved;
    if (!JF_HAS_STATIC_TLS || !jf_os_errno_offsets(&error, &saved))
        return false;
    ptrdiff_t o = error + ((char *)&jpy_put_aside - (char *)&errno);
    *offset = (int32_t)o;
    return o == *offset;
}

PyThreadState *jpy_gil_let_go(void)
{
    jpy_put_aside = PyEval_SaveThread();
    return jpy_put_aside;
}

void jpy_gil_take(PyThreadState *thread)
{
    jpy_put_aside = NULL;
    PyEval_RestoreThread(thread);
}

void jpy_call_begin(Around *a, CDataObject *fn, uint8_t policy)
{
    *a = (Around){.policy = policy, .fn = fn};
    if (!(policy & POLICY_HOLD))
        a->thread = jpy_gil_let_go();
    else if (!(policy & POLICY_PROVED))
        jpy_held_begin(fn);
    if (JF_UNLIKELY(policy & POLICY_OBSERVED))
        jpy_seen_begin(&a->seen);
    if (!(policy & POLICY_NO_ERRNO))
        jf_os_errno_restore();
}

bool jpy_call_run(Around *a, void (*f)(void *), void *arg)
{
    if (a->policy & POLICY_THROWS)
        a->thrown = jf_exec_catch(f, arg, a->fn->data);
    else
        jf_exec_name(f, arg, a->fn->data);
    return !a->thrown;
}

bool jpy_call_end(Around *a)
{
    if (!(a->policy & POLICY_NO_ERRNO))
        jf_os_errno_save();
    if (JF_UNLIKELY(a->policy & POLICY_OBSERVED))
        jpy_seen_end(&a->seen);
    if (a->thread)
        jpy_gil_take(a->thread);
    else if (!(a->policy & POLICY_PROVED))
        jpy_held.fn = NULL;
    if (JF_UNLIKELY(a->policy & POLICY_OBSERVED))
        jpy_seen_add(&a->seen, jpy_function_info(a->fn));
    if (JF_UNLIKELY(a->thrown != NULL)) {
        jpy_cxx_raise(a->fn, a->thrown);
        return true;
    }
    return jpy_call_failed();
}

/* --- threads that C made ----------------------------------------------------------- */

enum { ALIVE, WRITING, ENDED };

/* Lives as long as the thread, and then until it is off the list. */
typedef struct Kept {
    PyThreadState *state;  /* with the GIL only; NULL: deleted by Python itself */
    PyThreadState **aside; /* the thread's jpy_put_aside */
    long process;          /* where the thread is; a fork leaves copies behind */
    atomic_int status;     /* ALIVE: `aside` may be written to */
    struct Kept *next;
} Kept;

static _Thread_local Kept *kept JF_STATIC_TLS;
static _Atomic(Kept *) ended;
static unsigned slot;
static bool has_slot;
static jf_OsOnce slot_once = JF_OS_ONCE;

static bool change(Kept *k, int from, int to)
{
    return atomic_compare_exchange_strong(&k->status, &from, to);
}

/* The thread ends; it has no GIL. */
static void thread_ended(void *value)
{
    Kept *k = value;
    jpy_put_aside = NULL;
    kept = NULL;
    while (!change(k, ALIVE, ENDED))
        continue; /* state_deleted() is between its two lines */
    k->next = atomic_load(&ended);
    while (!atomic_compare_exchange_weak(&ended, &k->next, k))
        continue;
}

/* The state goes, with the dict that holds this capsule: Python ends, or this is
 * the child of a fork, or thread_delete() has come to it. */
static void state_deleted(PyObject *capsule)
{
    Kept *k = PyCapsule_GetPointer(capsule, NULL);
    k->state = NULL;
    if (k->process != jf_os_process_id() || !change(k, ALIVE, WRITING))
        return;
    *k->aside = NULL;
    atomic_store(&k->status, ALIVE);
}

static void after_fork(void)
{
    if (!kept)
        return;
    kept->process = jf_os_process_id();
    atomic_store(&kept->status, ALIVE); /* whoever was WRITING is not here */
}

static void slot_make(void)
{
    has_slot = jf_os_thread_slot(&slot, thread_ended) == 0 &&
               jf_os_at_fork(NULL, NULL, after_fork) == 0;
}

/* What the threads that have ended left behind; this may run anything. */
static void delete_ended(void)
{
    Kept *k = atomic_exchange(&ended, NULL);
    while (k) {
        Kept *next = k->next;
        if (k->state)
            jpy_thread_delete(k->state);
        jf_free(k);
        k = next;
    }
}

/* A record for this thread, not in the slot yet; NULL: no memory. */
static Kept *kept_new(void)
{
    Kept *k = jf_calloc(sizeof *k);
    if (!k)
        return NULL;
    k->aside = &jpy_put_aside;
    k->process = jf_os_process_id();
    if (jf_os_thread_put(slot, k) == 0)
        return k;
    jf_free(k);
    return NULL;
}

/* Keep the current state, which PyGILState_Ensure has just made. If that cannot be
 * (no memory, no slot) it goes after the callback, as without this. */
static void keep(void)
{
    jf_os_once(&slot_once, slot_make);
    if (!has_slot || (kept && kept->state))
        return; /* kept, and Python has forgotten: the thread is about to end */
    if (!kept && !(kept = kept_new()))
        return;
    PyObject *dict = PyThreadState_GetDict();
    PyObject *capsule = dict ? PyCapsule_New(kept, NULL, state_deleted) : NULL;
    if (capsule && PyDict_SetItemString(dict, "jiffi.thread", capsule) == 0) {
        kept->state = PyThreadState_Get();
        PyGILState_Ensure(); /* never released */
    }
    PyErr_Clear();
    Py_XDECREF(capsule);
    delete_ended();
}

PyGILState_STATE jpy_gil_ensure(void)
{
    bool is_new = !PyGILState_GetThisThreadState();
    PyGILState_STATE before = PyGILState_Ensure();
    if (is_new)
        keep();
    return before;
}

void jpy_gil_release(PyGILState_STATE before)
{
    if (kept && kept->state && before == PyGILState_UNLOCKED)
        jpy_put_aside = jpy_gil_idle(kept->state);
    PyGILState_Release(before);
}
