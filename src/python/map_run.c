/* SPDX-License-Identifier: MIT
 *
 * One run of ffi.map(): the loop that fits (kept with the function's type), its
 * chunks, and the object that pins the operands as long as any thread is at it.
 */
#include "python/map.h"

#include <string.h>

enum {
    LOOPS_KEPT = 16, /* for each function type */
    FIRST_CHUNK = 4  /* items, before it is known how long one takes */
};

/* --- loops ------------------------------------------------------------------------ */

static MapLoop *find_loop(const MapRun *r, uint64_t by_address)
{
    for (MapLoop *l = r->code->loops; l; l = l->next)
        if (l->address == r->fn->data && l->by_address == by_address &&
            l->stop == r->stop)
            return l;
    return NULL;
}

/* Where too many are kept, the oldest that nobody runs goes. */
static void drop_old(HostCode *c)
{
    MapLoop **victim = NULL;
    int n = 0;
    for (MapLoop **at = &c->loops; *at; at = &(*at)->next, n++)
        if (!(*at)->running)
            victim = at;
    if (n < LOOPS_KEPT || !victim)
        return;
    MapLoop *l = *victim;
    *victim = l->next;
    jf_loop_free(l->loop);
    jf_free(l);
}

void jpy_map_loops_free(MapLoop *l)
{
    while (l) {
        MapLoop *next = l->next;
        jf_loop_free(l->loop);
        jf_free(l);
        l = next;
    }
}

static const char *function_name(CDataObject *fn)
{
    FunctionInfo *f = jpy_function_info(fn);
    return f ? f->def.ml_name : "(pointer)";
}

static MapLoop *make_loop(MapRun *r, uint64_t by_address)
{
    jf_LoopArg *args = PyMem_Calloc(r->n_params + 1, sizeof *args);
    MapLoop *l = jf_calloc(sizeof *l);
    if (!args || !l) {
        PyMem_Free(args);
        jf_free(l);
        PyErr_NoMemory();
        return NULL;
    }
    for (uint32_t i = 0; i < r->n_params; i++) {
        args[i].how = r->ops[i].address ? JF_LOOP_ADDRESS : JF_LOOP_ITEM;
        args[i].operand = (uint16_t)i;
    }
    jf_LoopSpec spec = {
        .fn = jpy_function_type(r->fn),
        .address = r->fn->data,
        .args = args,
        .result = r->out ? (int)r->n_params : -1,
        .n_operands = (uint16_t)(r->n_params + (r->out ? 1 : 0)),
        .stop = r->stop,
        .name = function_name(r->fn),
    };
    jf_Diag d = JF_DIAG_INIT;
    jf_Status st = jf_loop_new(r->st->universe, &spec, &l->loop, &d);
    PyMem_Free(args);
    if (st != JF_OK) {
        jf_free(l);
        jpy_raise_status(r->st, &d);
        return NULL;
    }
    l->address = r->fn->data;
    l->by_address = by_address;
    l->stop = r->stop;
    drop_old(r->code);
    l->next = r->code->loops;
    r->code->loops = l;
    return l;
}

int jpy_map_prepare(MapRun *r)
{
    uint64_t by_address = 0;
    FunctionInfo *f = jpy_function_info(r->fn);
    uint8_t policy = jpy_policy_of(r->fn);
    r->hold = jpy_holds_loops(r->fn);
    r->code = f && f->code ? f->code
                           : jpy_host_code(r->st, jpy_function_type(r->fn), policy);
    if (!r->code)
        return -1;
    for (uint32_t i = 0; i < r->n_params; i++)
        by_address |= (uint64_t)r->ops[i].address << i;
    MapLoop *l = find_loop(r, by_address);
    if (!l)
        l = make_loop(r, by_address);
    if (!l)
        return -1;
    l->running++;
    r->loop = l;
    for (uint32_t i = 0; i <= r->n_params; i++) {
        r->at[i] = r->ops[i].data;
        r->steps[i] = r->ops[i].step;
    }
    return 0;
}

/* --- running ------------------------------------------------------------------------ */

/* Items [start, start + n), without the GIL. Returns how many were done. */
static size_t run_items(const MapRun *r, size_t start, size_t n)
{
    char *at[MAP_MAX_PARAMS + 1];
    if (start == 0)
        return jf_loop_run(r->loop->loop, r->at, r->steps, n);
    for (uint32_t i = 0; i <= r->n_params; i++)
        at[i] = r->at[i] + (ptrdiff_t)start * r->steps[i];
    return jf_loop_run(r->loop->loop, at, r->steps, n);
}

/* From one look at signals to the next: chunks that grow until they take a while.
 * Returns false when an item stopped the run, or a callback has left an exception;
 * *at is moved on, *from is where the last chunk began. */
static bool run_stretch(const MapRun *r, size_t *at, size_t *chunk, size_t *from)
{
    enum { STRETCH = 30000000, LONG_CHUNK = 5000000 }; /* nanoseconds */
    size_t n = (size_t)r->n;
    uint64_t begin = 0, before = 0, now = 0;
    for (;;) {
        size_t left = n - *at, some = left < *chunk ? left : *chunk;
        if (left > some)
            before = jf_os_nanoseconds();
        if (!begin)
            begin = before;
        size_t done = run_items(r, *from = *at, some);
        *at += done;
        if (done < some || jpy_pending)
            return false;
        if (*at == n)
            return true;
        now = jf_os_nanoseconds();
        uint64_t took = now - before;
        if (took < LONG_CHUNK / 4)
            *chunk *= 4;
        else if (took > LONG_CHUNK)
            *chunk = (size_t)((double)*chunk * (LONG_CHUNK / 2) / (double)took);
        *chunk += *chunk == 0;
        if (now - begin > STRETCH)
            return true;
    }
}

/* How the loop is called: with the GIL, or without. */
static uint8_t loop_policy(const MapRun *r)
{
    uint8_t policy = jpy_policy_of(r->fn);
    return r->hold ? policy : policy & POLICY_THROWS;
}

/* run_stretch() or run_items(), where C++ exceptions may come out. */
typedef struct Stretch {
    const MapRun *r;
    size_t *at, *chunk, *from; /* at NULL: run_items() from `start` */
    size_t start, n;
    bool go_on;
} Stretch;

static void stretch(void *arg)
{
    Stretch *s = arg;
    if (s->at)
        s->go_on = run_stretch(s->r, s->at, s->chunk, s->from);
    else if (s->n)
        s->n = run_items(s->r, s->start, s->n);
}

/* The current exception came from a callback of items [from, to). */
static void blame_items(const MapRun *r, size_t from, size_t to)
{
    PyObject *e = jpy_exception_take();
    PyObject *text = PyUnicode_FromFormat("%s() was at one of items %zu to %zu",
                                          function_name(r->fn), from, to - 1);
    if (text && to > from)
        jpy_exception_note(e, text);
    PyErr_Clear();
    Py_XDECREF(text);
    jpy_exception_give(e);
}

int jpy_map_all(MapRun *r, Py_ssize_t *done)
{
    size_t at = 0, chunk = FIRST_CHUNK, from = 0;
    bool go_on = r->n > 0, failed = false;
    uint8_t policy = loop_policy(r);
    r->active++;
    while (go_on && !failed) {
        Around around;
        Stretch s = {.r = r, .at = &at, .chunk = &chunk, .from = &from};
        jpy_call_begin(&around, r->fn, policy);
        if (!jpy_call_run(&around, stretch, &s)) /* somewhere in the last chunk */
            at += chunk < (size_t)r->n - at ? chunk : (size_t)r->n - at;
        go_on = s.go_on && at < (size_t)r->n;
        failed = jpy_call_end(&around);
        if (failed)
            blame_items(r, from, at);
        else if (go_on)
            failed = PyErr_CheckSignals() < 0;
    }
    r->active--;
    *done = (Py_ssize_t)at;
    return failed ? -1 : 0;
}

/* --- the object --------------------------------------------------------------------- */

static size_t cell_size(const jf_Type *t)
{
    return t->size == JF_UNKNOWN ? 16 : (size_t)(t->size + 31) & ~(size_t)15;
}

MapRun *jpy_map_new(State *st, CDataObject *fn)
{
    const jf_FuncInfo *f = jpy_function_type(fn)->u.func;
    size_t n = f->n_params, cells = 16;
    for (uint32_t i = 0; i < n; i++)
        cells += cell_size(f->params[i]);
    size_t lists =
        (n + 1) * (sizeof(MapOperand) + sizeof(char *) + sizeof(intptr_t));
    if (cells > PY_SSIZE_T_MAX / 2)
        return (MapRun *)PyErr_NoMemory();
    MapRun *r = PyObject_NewVar(MapRun, st->map_type, (Py_ssize_t)(lists + cells));
    if (!r)
        return NULL;
    memset((char *)r + offsetof(MapRun, st), 0,
           sizeof *r - offsetof(MapRun, st) + lists);
    st->refs++;
    r->st = st;
    r->fn = (CDataObject *)Py_NewRef((PyObject *)fn);
    r->n_params = (uint32_t)n;
    r->ops = (MapOperand *)(void *)(r + 1);
    r->at = (char **)(void *)(r->ops + n + 1);
    r->steps = (intptr_t *)(void *)(r->at + n + 1);
    r->cells = (char *)(r->steps + n + 1);
    r->cells += -(uintptr_t)r->cells & 15;
    return r;
}

void jpy_map_close(MapRun *r)
{
    if (r->active || r->closed)
        return;
    r->closed = 1;
    for (uint32_t i = 0; i <= r->n_params; i++) {
        PyBuffer_Release(&r->ops[i].view);
        Py_CLEAR(r->ops[i].owner);
    }
    if (r->loop)
        r->loop->running--;
    r->loop = NULL;
    if (r->temps)
        jpy_temps_free(r->temps);
    r->temps = NULL;
}

static void map_dealloc(PyObject *self)
{
    MapRun *r = (MapRun *)self;
    PyTypeObject *type = Py_TYPE(self);
    State *st = r->st;
    r->active = 0; /* whoever runs a chunk has a reference */
    jpy_map_close(r);
    Py_XDECREF(r->out);
    Py_DECREF((PyObject *)r->fn); /* after the loop: it keeps the type alive */
    PyObject_Free(self);
    Py_DECREF((PyObject *)type);
    jpy_state_unref(st);
}

/* run.chunk(start, count): items done. */
static PyObject *map_chunk(PyObject *self, PyObject *args)
{
    MapRun *r = (MapRun *)self;
    Py_ssize_t start, count;
    if (!PyArg_ParseTuple(args, "nn:chunk", &start, &count))
        return NULL;
    if (start < 0 || count < 0 || start > r->n || count > r->n - start) {
        PyErr_Format(PyExc_IndexError, "chunk(%zd, %zd): there are %zd items",
                     start, count, r->n);
        return NULL;
    }
    if (r->closed) {
        PyErr_SetString(PyExc_ValueError, "chunk(): the run is over");
        return NULL;
    }
    Around around;
    r->active++;
    Stretch s = {.r = r, .start = (size_t)start, .n = (size_t)count};
    jpy_call_begin(&around, r->fn, loop_policy(r));
    jpy_call_run(&around, stretch, &s);
    size_t done = s.n; /* all, where an exception came out */
    bool failed = jpy_call_end(&around);
    r->active--;
    if (failed) {
        blame_items(r, (size_t)start, (size_t)start + done);
        return NULL;
    }
    return PyLong_FromSize_t(done);
}

static Py_ssize_t map_len(PyObject *self)
{
    return ((MapRun *)self)->n;
}

static PyMethodDef methods[] = {
    {"chunk", map_chunk, METH_VARARGS,
     "chunk($self, start, count, /)\n--\n\nRun some items; returns how many were "
     "done before one stopped it."},
    {NULL, NULL, 0, NULL}};

static PyType_Slot slots[] = {{Py_tp_dealloc, map_dealloc},
                              {Py_tp_methods, methods},
                              {Py_sq_length, map_len},
                              {Py_tp_doc, "One run of FFI.map(): see jiffi._map."},
                              {0, NULL}};

PyType_Spec jpy_map_spec = {"jiffi.MapRun", sizeof(MapRun), 1,
                            Py_TPFLAGS_DEFAULT | JPY_TPFLAGS_NO_NEW, slots};
