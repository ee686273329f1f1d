/* SPDX-License-Identifier: MIT
 *
 * A ufunc at work, and what it keeps alive. NumPy calls the inner loop with or
 * without the GIL, as it likes: here the function's own policy is put in place,
 * libraries that were closed are found out, and the few operands that C cannot be
 * led to directly are copied, some at a time.
 *
 * What NumPy may do with operands (its iterator's COPY_IF_OVERLAP with elementwise
 * access): inputs and outputs are the same memory item by item, or do not overlap;
 * in accumulate() an output is an input one item later.
 */
#include "python/cxx.h"
#include "python/ufunc.h"

#include <string.h>

/* --- the record ---------------------------------------------------------- */

static int record_traverse(PyObject *self, visitproc visit, void *arg)
{
    UfuncRecord *r = (UfuncRecord *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT((PyObject *)r->fn);
    Py_VISIT(r->origin);
    return 0;
}

/* The function goes, so the loop must not run any more: it looks at `fn`. */
static int record_clear(PyObject *self)
{
    UfuncRecord *r = (UfuncRecord *)self;
    Py_CLEAR(r->fn);
    Py_CLEAR(r->origin);
    return 0;
}

static void record_dealloc(PyObject *self)
{
    UfuncRecord *r = (UfuncRecord *)self;
    PyTypeObject *type = Py_TYPE(self);
    State *st = r->st;
    PyObject_GC_UnTrack(self);
    jf_loop_free(r->loop);
    for (unsigned i = 0; r->params && i < r->n_params; i++)
        jf_free(r->params[i].cell);
    for (unsigned i = 0; r->operands && i < (unsigned)r->n_in + r->n_out; i++)
        Py_XDECREF((PyObject *)r->operands[i].descr);
    jf_free(r->params);
    jf_free(r->operands);
    jf_free(r->loop_operands);
    jf_free(r->types);
    jf_free(r->text);
    if (r->temps)
        jpy_temps_free(r->temps);
    record_clear(self);
    jf_type_unref(st->universe, r->type);
    type->tp_free(self);
    Py_DECREF(type);
    jpy_state_unref(st);
}

static PyType_Slot record_slots[] = {
    {Py_tp_dealloc, record_dealloc},
    {Py_tp_traverse, record_traverse},
    {Py_tp_clear, record_clear},
    {0, NULL},
};

static PyType_Spec record_spec = {
    .name = "jiffi._UfuncRecord",
    .basicsize = sizeof(UfuncRecord),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | JPY_TPFLAGS_NO_NEW,
    .slots = record_slots,
};

UfuncRecord *jpy_ufunc_record(State *st, CDataObject *fn)
{
    if (!st->ufunc_type) {
        st->ufunc_type = (PyTypeObject *)PyType_FromSpec(&record_spec);
        if (!st->ufunc_type)
            return NULL;
        jpy_type_no_new(st->ufunc_type);
    }
    UfuncRecord *r = (UfuncRecord *)st->ufunc_type->tp_alloc(st->ufunc_type, 0);
    if (!r)
        return NULL;
    r->st = st;
    st->refs++;
    r->fn = (CDataObject *)Py_NewRef((PyObject *)fn);
    r->type = jf_type_ref(jpy_function_type(fn));
    r->hold = jpy_holds_loops(fn);
    r->throws = (jpy_policy_of(fn) & POLICY_THROWS) != 0;
    return r;
}

/* --- C++ exceptions -------------------------------------------------------- */

/* What came out of the loop that this thread runs; NULL. */
static _Thread_local void *thrown JF_STATIC_TLS;

/* f(arg), which calls the function. False: an exception came out. */
static bool run_loop(const UfuncRecord *r, void (*f)(void *), void *arg)
{
    if (r->throws)
        thrown = jf_exec_catch(f, arg, r->fn->data);
    else
        jf_exec_name(f, arg, r->fn->data);
    return !thrown;
}

/* --- operands that are copied -------------------------------------------- */

enum { BLOCK = 8192, BLOCK_ALIGN = 64 }; /* bytes of copies at a time */

/* One loop operand in one run. */
typedef struct Stage {
    char *at; /* the operand itself ... */
    intptr_t step;
    char *from; /* its items before the call come from here; NULL: nobody reads
                       them */
    intptr_t from_step;
    size_t size;   /* of an item */
    size_t offset; /* of its copies in the block */
    bool is_copied, is_output;
} Stage;

/* NumPy aligns numbers; members of packed structured arrays it leaves where they
 * are. */
static bool is_misaligned(const UfuncOperand *o, const char *at, intptr_t step)
{
    return o->is_record && (((uintptr_t)at | (uintptr_t)step) & (o->align - 1));
}

static void stage_plan(const UfuncRecord *r, char *const *args,
                       const intptr_t *steps, unsigned i, Stage *s)
{
    unsigned k = r->loop_operands[i];
    const UfuncOperand *o = &r->operands[k];
    *s = (Stage){.at = args[k], .step = steps[k], .size = o->size};
    s->is_output = k >= r->n_in;
    s->is_copied = is_misaligned(o, s->at, s->step);
    if (!s->is_output || s->is_copied) {
        s->from = s->at;
        s->from_step = s->step;
    }
    if (o->in < 0 || (args[o->in] == s->at && steps[o->in] == s->step))
        return; /* nothing goes in, or it is there already */
    s->from = args[o->in];
    s->from_step = steps[o->in];
    s->is_copied = true;
}

/* First and last byte of n items of a step. */
static void extent(const char *at, intptr_t step, size_t size, size_t n,
                   uintptr_t *low, uintptr_t *high)
{
    uintptr_t a = (uintptr_t)at, b = a + (uintptr_t)(step * (intptr_t)(n - 1));
    *low = a < b ? a : b;
    *high = (a < b ? b : a) + size - 1;
}

/* Does what is written at `s` meet anything that is read as input? Then one item's
 * result may be the next one's input: no copies of several. */
static bool meets_input(const UfuncRecord *r, char *const *args,
                        const intptr_t *steps, size_t n)
{
    for (unsigned o = r->n_in; o < (unsigned)r->n_in + r->n_out; o++) {
        uintptr_t low, high, l, h;
        extent(args[o], steps[o], r->operands[o].size, n, &low, &high);
        for (unsigned i = 0; i < r->n_in; i++) {
            extent(args[i], steps[i], r->operands[i].size, n, &l, &h);
            if (l <= high && low <= h)
                return true;
        }
    }
    return false;
}

static void copy_items(char *to, intptr_t to_step, const char *from,
                       intptr_t from_step, size_t size, size_t n)
{
    for (size_t i = 0; i < n; i++, to += to_step, from += from_step)
        memcpy(to, from, size);
}

typedef struct Chunk {
    const UfuncRecord *r;
    char **at;
    intptr_t *step;
    size_t n;
} Chunk;

static void one_chunk(void *arg)
{
    const Chunk *c = arg;
    jf_loop_run(c->r->loop, c->at, c->step, c->n);
}

/* `n` items in chunks that fit `block`, which has `chunk` items of each copy. */
static void run_chunks(const UfuncRecord *r, Stage *stages, size_t n, size_t chunk,
                       char *block, char **at, intptr_t *step)
{
    for (size_t done = 0; done < n; done += chunk) {
        size_t now = n - done < chunk ? n - done : chunk;
        for (unsigned i = 0; i < r->n_loop; i++) {
            Stage *s = &stages[i];
            at[i] = s->is_copied ? block + s->offset : s->at;
            step[i] = s->is_copied ? (intptr_t)s->size : s->step;
            if (s->is_copied && s->from)
                copy_items(at[i], step[i], s->from, s->from_step, s->size, now);
        }
        Chunk c = {r, at, step, now};
        bool whole = run_loop(r, one_chunk, &c);
        for (unsigned i = 0; i < r->n_loop; i++) {
            Stage *s = &stages[i];
            if (s->is_copied && s->is_output)
                copy_items(s->at, s->step, at[i], step[i], s->size, now);
            s->at += s->step * (intptr_t)now;
            if (s->from)
                s->from += s->from_step * (intptr_t)now;
        }
        if (!whole || jpy_pending)
            break;
    }
}

/* False: memory. */
static bool run_staged(const UfuncRecord *r, char *const *args,
                       const intptr_t *steps, size_t n)
{
    Stage stages[r->n_loop];
    char *at[r->n_loop];
    intptr_t step[r->n_loop];
    size_t item = 0;
    for (unsigned i = 0; i < r->n_loop; i++) {
        stage_plan(r, args, steps, i, &stages[i]);
        item += stages[i].is_copied ? stages[i].size : 0;
    }
    size_t chunk = !item ? n : BLOCK / item;
    if (chunk > n)
        chunk = n;
    if (item && (chunk < 1 || meets_input(r, args, steps, n)))
        chunk = 1;
    size_t bytes = 0;
    for (unsigned i = 0; i < r->n_loop; i++) {
        stages[i].offset = bytes;
        if (stages[i].is_copied)
            bytes += (stages[i].size * chunk + BLOCK_ALIGN - 1) / BLOCK_ALIGN *
                     BLOCK_ALIGN;
    }
    char *memory = bytes ? jf_alloc(bytes + BLOCK_ALIGN) : NULL;
    if (bytes && !memory)
        return false;
    uintptr_t aligned =
        ((uintptr_t)memory + BLOCK_ALIGN - 1) & -(uintptr_t)BLOCK_ALIGN;
    run_chunks(r, stages, n, chunk, (char *)aligned, at, step);
    jf_free(memory);
    return true;
}

/* --- the inner loop ------------------------------------------------------ */

/* A _Bool in NumPy's memory is 0 or 1, whatever C has put there. */
static void settle_bools(const UfuncRecord *r, char *const *args,
                         const intptr_t *steps, intptr_t n)
{
    for (unsigned o = r->n_in; o < (unsigned)r->n_in + r->n_out; o++) {
        if (!r->operands[o].is_bool)
            continue;
        unsigned char *p = (unsigned char *)args[o];
        for (intptr_t i = 0; i < n; i++, p += steps[o])
            *p = *p != 0;
    }
}

typedef struct Inner {
    const UfuncRecord *r;
    char **args;
    const intptr_t *dimensions, *steps;
} Inner;

static void run_inner(void *arg)
{
    const Inner *i = arg;
    i->r->inner(i->args, i->dimensions, i->steps, i->r->inner_data);
}

static bool run(const UfuncRecord *r, char **args, const intptr_t *dimensions,
                const intptr_t *steps)
{
    Inner inner = {r, args, dimensions, steps};
    if (!r->is_staged)
        run_loop(r, run_inner, &inner);
    else if (!run_staged(r, args, steps, (size_t)dimensions[0]))
        return false;
    if (JF_UNLIKELY(r->has_bool))
        settle_bools(r, args, steps, dimensions[0]);
    return true;
}

/* NumPy looks for an exception after its loops, also after those that ran without
 * the GIL; but it may run some more before it does. */
static _Thread_local bool has_failed JF_STATIC_TLS;

typedef enum Failure { NO_MEMORY, NO_FUNCTION, IN_CALLBACK, THROWN } Failure;

static void fail(const UfuncRecord *r, Failure how)
{
    Gil g;
    if (!jpy_gil_enter(&g, NULL))
        return;
    has_failed = true;
    void *out = thrown;
    thrown = NULL;
    if (out && !PyErr_Occurred())
        jpy_cxx_raise(r->fn, out);
    else if (out)
        jf_cxx_end(out);
    else if (PyErr_Occurred())
        ; /* the first one says it */
    else if (how == IN_CALLBACK)
        jpy_call_failed();
    else if (how == NO_MEMORY)
        PyErr_NoMemory();
    else if (r->fn)
        jpy_null_error(r->fn);
    else
        PyErr_Format(PyExc_RuntimeError, "ufunc '%s' is being freed", r->text);
    jpy_gil_leave(&g);
}

/* Is an exception of an earlier loop of this run still there? */
static bool fails_still(void)
{
    Gil g;
    if (!jpy_gil_enter(&g, NULL))
        return true;
    has_failed = PyErr_Occurred() != NULL;
    jpy_gil_leave(&g);
    return has_failed;
}

/* NumPy has let go of the GIL, as calls do: callbacks take it with the same state. */
static bool run_without(const UfuncRecord *r, char **args,
                        const intptr_t *dimensions, const intptr_t *steps)
{
    jpy_put_aside = PyGILState_GetThisThreadState();
    bool ok = run(r, args, dimensions, steps);
    jpy_put_aside = NULL;
    return ok;
}

void jpy_ufunc_run(char **args, const intptr_t *dimensions, const intptr_t *steps,
                   void *record)
{
    const UfuncRecord *r = record;
    if (dimensions[0] <= 0 || (JF_UNLIKELY(has_failed) && fails_still()))
        return;
    if (JF_UNLIKELY(!r->fn || !r->fn->data)) {
        fail(r, NO_FUNCTION);
        return;
    }
    bool ok;
    Gil g;
    if (r->hold) {
        if (!jpy_gil_enter(&g, NULL))
            return;
        jpy_held.fn = r->fn;
        ok = run(r, args, dimensions, steps);
        jpy_held.fn = NULL;
        if (JF_UNLIKELY(jpy_pending != NULL || thrown))
            fail(r, thrown ? THROWN : IN_CALLBACK);
        jpy_gil_leave(&g);
    } else if (jpy_thread_holds_gil()) {
        PyThreadState *thread = jpy_gil_let_go();
        ok = run(r, args, dimensions, steps);
        jpy_gil_take(thread);
    } else {
        ok = run_without(r, args, dimensions, steps);
    }
    if (JF_UNLIKELY(!ok))
        fail(r, NO_MEMORY);
    if (JF_UNLIKELY(jpy_pending != NULL || thrown))
        fail(r, thrown ? THROWN : IN_CALLBACK);
}
