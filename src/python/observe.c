/* SPDX-License-Identifier: MIT
 *
 * Functions observed: see observe.h. From _observe() on, every function of a
 * library is called through memory (compiled wrappers: through their second half),
 * and what is seen of it is kept in a record that outlives it.
 *
 * CPU time is that of the thread: what a call took and did not use, it waited.
 * Reading it is a system call, so it is read outside of what the other clock
 * measures.
 */
#include "python/observe.h"

#include <string.h>

#include "python/call.h"

enum {
    SHORT = 1000,
    TURNS = 2000
}; /* nanoseconds; of the clocks, to measure them */

struct Observed {
    struct Observed *next;
    char *name, *library; /* owned; library NULL: fused */
    const char *asked;    /* static */
    char reason[160];     /* of the proof */
    bool hold, proved;
    uint64_t calls, fast; /* all; those of SHORT at most */
    uint64_t wall, longest;
    uint64_t waited, longest_wait; /* not on the CPU */
    uint64_t callbacks;
};

_Thread_local Seen *jpy_seen JF_STATIC_TLS;
static uint64_t clock_cost; /* of what lies between two readings */

/* --- one call
 * ----------------------------------------------------------------------- */

void jpy_seen_begin(Seen *s)
{
    s->outer = jpy_seen;
    s->callbacks = 0;
    jpy_seen = s;
    s->cpu = jf_os_cpu_nanoseconds();
    s->wall = jf_os_nanoseconds();
}

void jpy_seen_end(Seen *s)
{
    uint64_t wall = jf_os_nanoseconds() - s->wall;
    s->wall = wall > clock_cost ? wall - clock_cost : 0;
    s->cpu = jf_os_cpu_nanoseconds() - s->cpu;
    jpy_seen = s->outer;
}

static char *copy(const char *s)
{
    return s ? jf_strndup(s, strlen(s)) : NULL;
}

/* The record of `f`; NULL without memory. A function that was decided anew gets
 * another. */
static struct Observed *record_of(FunctionInfo *f)
{
    static const char *const words[] = {"release", "release", "hold", "auto"};
    bool hold = jpy_policy(f) & POLICY_HOLD;
    const char *asked = words[f->gil <= JF_GIL_AUTO ? f->gil : 0];
    struct Observed *o = f->observed;
    if (o && o->hold == hold && o->asked == asked)
        return o;
    o = jf_calloc(sizeof *o);
    if (!o)
        return NULL;
    jf_Proof p;
    o->proved = jpy_proved(f, &p) != 0;
    memcpy(o->reason, p.reason, sizeof o->reason);
    o->name = copy(f->def.ml_name);
    o->library = copy(f->handle ? jpy_handle_name(f->handle) : NULL);
    o->asked = asked;
    o->hold = hold;
    o->next = f->st->observed;
    f->st->observed = o;
    return f->observed = o;
}

static void most(uint64_t *longest, uint64_t n)
{
    if (n > *longest)
        *longest = n;
}

void jpy_seen_add(const Seen *s, FunctionInfo *f)
{
    struct Observed *o = record_of(f);
    if (!o)
        return;
    uint64_t waited = s->wall > s->cpu ? s->wall - s->cpu : 0;
    o->calls++;
    o->fast += s->wall <= SHORT;
    o->wall += s->wall;
    o->waited += waited;
    o->callbacks += s->callbacks;
    most(&o->longest, s->wall);
    most(&o->longest_wait, waited);
}

/* --- compiled wrappers
 * ---------------------------------------------------------------- */

/* Calls that have returned and not been added yet: at most one in a thread. */
static _Thread_local Seen *returned;

void jpy_observe_wrapper(PyObject *self, int when)
{
    FunctionInfo *f = jpy_function_info((CDataObject *)self);
    if (when == 0) {
        Seen *s = jf_alloc(sizeof *s);
        if (s)
            jpy_seen_begin(s);
    } else if (when == 1 && jpy_seen) {
        returned = jpy_seen;
        jpy_seen_end(returned);
    } else if (when == 2 && returned) {
        Seen *s = returned;
        returned = NULL;
        jpy_seen_add(s, f);
        jf_free(s);
    }
}

/* --- Python's side
 * -------------------------------------------------------------------- */

static uint64_t cost_of_clocks(void)
{
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < TURNS; i++) {
        uint64_t before = jf_os_nanoseconds(), n = jf_os_nanoseconds() - before;
        if (n < least)
            least = n;
    }
    return least;
}

/* What it costs to let go of the GIL and to take it, nanoseconds. */
static uint64_t cost_of_release(void)
{
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < TURNS / 10; i++) {
        uint64_t before = jf_os_nanoseconds();
        for (int j = 0; j < 100; j++)
            jpy_gil_take(jpy_gil_let_go());
        uint64_t n = (jf_os_nanoseconds() - before) / 100;
        if (n < least)
            least = n;
    }
    return least;
}

/* _observe() -> nanoseconds that a call saves if it keeps the GIL */
static PyObject *observe(PyObject *module, PyObject *unused)
{
    State *st = jpy_state(module);
    (void)unused;
    clock_cost = cost_of_clocks();
    st->observing = true;
    for (FunctionInfo *f = st->functions; f; f = f->all_next)
        if (!f->sized)
            jpy_set_policy(f, f->gil);
    return PyLong_FromUnsignedLongLong(cost_of_release());
}

/* _observed() -> list of dicts */
static PyObject *observed(PyObject *module, PyObject *unused)
{
    (void)unused;
    PyObject *list = PyList_New(0);
    for (struct Observed *o = jpy_state(module)->observed; list && o; o = o->next) {
        PyObject *row = Py_BuildValue(
            "{szszszszsOsOsKsKsKsKsKsKsK}", "name", o->name ? o->name : "?",
            "library", o->library, "asked", o->asked, "reason", o->reason, "hold",
            o->hold ? Py_True : Py_False, "proved", o->proved ? Py_True : Py_False,
            "calls", o->calls, "fast", o->fast, "wall_ns", o->wall, "longest_ns",
            o->longest, "waited_ns", o->waited, "longest_wait_ns", o->longest_wait,
            "callbacks", o->callbacks);
        if (!row || PyList_Append(list, row) < 0)
            Py_CLEAR(list);
        Py_XDECREF(row);
    }
    return list;
}

void jpy_observed_free(State *st)
{
    while (st->observed) {
        struct Observed *o = st->observed;
        st->observed = o->next;
        jf_free(o->name);
        jf_free(o->library);
        jf_free(o);
    }
}

static PyMethodDef functions[] = {{"_observe", observe, METH_NOARGS, NULL},
                                  {"_observed", observed, METH_NOARGS, NULL},
                                  {NULL, NULL, 0, NULL}};

int jpy_init_observe(State *st, PyObject *module)
{
    return st->cffi ? 0 : PyModule_AddFunctions(module, functions);
}
