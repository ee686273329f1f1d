/* SPDX-License-Identifier: MIT
 *
 * Callbacks that wait for a held call of another thread: see held.h. How long is
 * JIFFI_HELD_TIMEOUT, in seconds (1; "inf": for ever). A call whose thread uses the
 * CPU is at work and gets ten times as much: what it computes is not thrown away
 * for somebody else's callback.
 */
#include "python/held.h"

#include <stdlib.h>

#include "python/call.h"
#include "python/callback.h"

enum {
    NAP_FIRST = 50000, /* nanoseconds */
    NAP_LAST = 5000000,
    SETTLE = 200000, /* until a store of another CPU is surely seen */
    BUSY_SHARE = 20, /* a thread that has that part of a CPU is at work ... */
    BUSY_FACTOR = 10 /* ... and has so many times as long */
};

static const double SECOND = 1e9;

/* Seconds; read once. */
static double timeout(void)
{
    static _Atomic(double) known;
    double t = known;
    if (t > 0)
        return t;
    const char *text = jf_os_getenv("JIFFI_HELD_TIMEOUT");
    char *end = NULL;
    t = text ? strtod(text, &end) : 0;
    if (!text || end == text || *end || !(t > 0))
        t = 1;
    return known = t;
}

/* --- the callback's side
 * ------------------------------------------------------------ */

/* One held call, as somebody who waits sees it. */
typedef struct Watch {
    void *fn;
    uint64_t begin; /* since when */
    uint64_t cpu;   /* CPU time of its thread then */
    int clock;      /* ... by this one */
    bool has_clock;
} Watch;

static void watch(Watch *w, void *fn)
{
    *w = (Watch){.fn = fn, .begin = jf_os_nanoseconds()};
    w->has_clock = jf_os_thread_clock(jpy_held.thread, &w->clock) &&
                   jf_os_clock_read(w->clock, &w->cpu);
}

static bool is_too_long(const Watch *w)
{
    double waited = (double)(jf_os_nanoseconds() - w->begin), limit;
    uint64_t cpu;
    limit = timeout() * SECOND;
    if (waited < limit)
        return false;
    bool busy = w->has_clock && jf_os_clock_read(w->clock, &cpu) &&
                (double)(cpu - w->cpu) > waited / BUSY_SHARE;
    return !busy || waited > limit * BUSY_FACTOR;
}

/* Leave the trouble for the held call. False: it has ended meanwhile, after all. */
static bool give_up(const Watch *w, void *who)
{
    void *none = NULL, *mine = &jpy_held;
    jpy_held.stuck_who = who;
    jpy_held.stuck_fn = w->fn;
    bool told = atomic_compare_exchange_strong(&jpy_held.trouble, &none, mine);
    jf_os_nap(SETTLE);
    if (jpy_held.fn == w->fn)
        return true;
    /* Either this takes the trouble back, or the call has raised it. */
    return told && !atomic_compare_exchange_strong(&jpy_held.trouble, &mine, NULL);
}

bool jpy_held_wait(void *who)
{
    uint64_t nap = NAP_FIRST;
    void *fn = jpy_held.fn;
    Watch w;
    for (watch(&w, fn); fn; fn = jpy_held.fn) {
        if (fn != w.fn)
            watch(&w, fn);
        bool known = jpy_held.trouble == (void *)&jpy_held; /* by an earlier one */
        if ((known || is_too_long(&w)) && give_up(&w, who)) {
            jpy_held_arrived();
            return false;
        }
        jf_os_nap(nap);
        nap = nap * 2 > NAP_LAST ? NAP_LAST : nap * 2;
    }
    return true;
}

/* --- the held call's side
 * ------------------------------------------------------------- */

/* Who waits has seen no held call, or sees none now, and takes the GIL at once. The
 * count is wrong only where a thread was ended on its way: then a while is enough.
 * */
void jpy_held_yield(void *fn)
{
    uint64_t begin = jf_os_nanoseconds(), limit = (uint64_t)SECOND;
    do {
        jpy_held.fn = NULL;
        PyThreadState *thread = jpy_gil_let_go();
        jf_os_nap(NAP_FIRST);
        jpy_gil_take(thread);
        jpy_held.thread = jf_os_thread_self();
        jpy_held.fn = fn;
    } while (atomic_load(&jpy_held.waiting) && jf_os_nanoseconds() - begin < limit);
}

bool jpy_held_raise(void)
{
    void *mine = &jpy_held;
    if (!atomic_compare_exchange_strong(&jpy_held.trouble, &mine, NULL))
        return false;
    CDataObject *fn = jpy_held.stuck_fn;
    const FunctionInfo *f = jpy_function_info(fn);
    const char *name = f ? f->def.ml_name : "the function";
    const Callback *c = jpy_held.stuck_who;
    PyObject *who = c ? jpy_callback_who(c) : NULL;
    if (!who) {
        PyErr_Clear();
        who = PyUnicode_FromString("a callback");
    }
    if (who)
        PyErr_Format(
            fn->ctype->st->held_error,
            "%s() was called with gil='hold' and waited for another thread, where "
            "C called %U: it cannot have the GIL that %s() keeps, and C got its "
            "error value. Use ffi.gil('release', ...) for %s()",
            name, who, name, name);
    Py_XDECREF(who);
    return true;
}

void jpy_held_note(void)
{
    if (!jpy_held_raise())
        return;
    PyObject *e = jpy_exception_take();
    jpy_pending_raise(true, e, NULL); /* to the hook if one waits already */
}

/* --- start
 * ------------------------------------------------------------------------- */

/* The threads that waited are not here. */
static void after_fork(void)
{
    atomic_store(&jpy_held.waiting, 0);
}

static void at_fork(void)
{
    jf_os_at_fork(NULL, NULL, after_fork);
}

int jpy_init_held(State *st, PyObject *module)
{
    static jf_OsOnce once = JF_OS_ONCE;
    jf_os_once(&once, at_fork);
    st->held_error =
        PyErr_NewExceptionWithDoc("jiffi.HeldCallError",
                                  "A C function that was called with gil='hold' "
                                  "waited for another thread, and "
                                  "that thread called back into Python.",
                                  PyExc_RuntimeError, NULL);
    return st->held_error
               ? PyModule_AddObjectRef(module, "HeldCallError", st->held_error)
               : -1;
}
