/* SPDX-License-Identifier: MIT
 *
 * The engine's loops as a side: each call of the driver becomes a run over arrays of
 * random length, steps and alignment, in which the driver's values are the last item
 * (the first, where the result stops the run) and all others are noise. The callee
 * logs what it got last, so the driver sees whether that item was passed. What lies
 * between items and behind the run must stay as it was. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/loop.h"
#include "side.h"

enum { MOST = 1000, GUARD = 64, NOISE = 0xa5 };

const char *const side_name = "loop";

static jf_Universe *universe;
static jf_Type *type;
static const jf_Plan *plan;
static uint64_t state = 0x9e3779b97f4a7c15u;

jf_Universe *side_universe(void)
{
    universe = jf_engine_universe(NULL);
    return universe;
}

static size_t chance(size_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state >> 20) % n;
}

jf_Status side_open(jf_Universe *u, const Func *f, const jf_Plan **p, jf_Diag *d)
{
    if (f->type->flags & JF_T_VARIADIC)
        return jf_diag_set(d, JF_UNSUPPORTED, "' no loop of a variadic function");
    type = f->type;
    jf_Status st = jf_plan_of(u, f->type, &plan, d);
    if (st != JF_OK)
        return st;
    *p = plan;
    /* what the engine cannot call at all it refuses here */
    jf_Call *call = NULL;
    st = jf_call_new(u, f->type, NULL, 0, &call, d);
    jf_call_free(call);
    return st;
}

void side_close(void)
{
}

void *side_callback(jf_Universe *u, const Func *f, jf_Diag *d)
{
    (void)u;
    (void)f;
    (void)d;
    return NULL;
}

static void wrong(const char *what, size_t i)
{
    printf("FAIL loop: %s %zu\n", what, i);
    fflush(stdout);
    abort();
}

/* --- operands ------------------------------------------------------------------- */

typedef struct Array {
    char *memory;  /* owned; NULL: only addresses, nothing to read */
    size_t bytes;
    char *first;
    intptr_t step;
    size_t size;
} Array;

/* Memory for n items at a random step; `exact`: one item is never written over
 * another. */
static Array array_of(size_t size, size_t n, bool exact)
{
    Array a = {.size = size};
    switch (chance(4)) {
    case 0:
        a.step = exact || size == 0 ? (intptr_t)size : 0;
        break;
    case 1:
        a.step = (intptr_t)(size + chance(40));
        break;
    case 2:
        a.step = -(intptr_t)(size + chance(40));
        break;
    default:
        a.step = (intptr_t)size;
    }
    size_t apart = (size_t)(a.step < 0 ? -a.step : a.step);
    size_t shift = chance(3) ? 0 : chance(16);
    a.bytes = 2 * GUARD + 64 + n * (apart ? apart : 1) + size;
    a.memory = aligned_alloc(64, (a.bytes + 63) / 64 * 64);
    memset(a.memory, NOISE, a.bytes);
    a.first = a.memory + GUARD + shift + (a.step < 0 && n ? (n - 1) * apart : 0);
    return a;
}

static char *item(const Array *a, size_t i)
{
    return a->first + (intptr_t)i * a->step;
}

/* Is everything still noise but the items [0, done)? */
static void check_gaps(const Array *a, size_t done)
{
    char *copy = malloc(a->bytes);
    memcpy(copy, a->memory, a->bytes);
    for (size_t i = 0; i < done; i++)
        memset(copy + (item(a, i) - a->memory), NOISE, a->size);
    for (size_t i = 0; i < a->bytes; i++)
        if ((unsigned char)copy[i] != NOISE)
            wrong("written outside of the items, byte", i);
    free(copy);
}

/* --- one run -------------------------------------------------------------------- */

typedef struct Run {
    jf_LoopArg args[MAX_ARGS * 2];
    Array arrays[MAX_ARGS * 2 + 1];
    char *operands[MAX_ARGS * 2 + 1];
    intptr_t steps[MAX_ARGS * 2 + 1];
    uint16_t n_operands;
} Run;

static void add(Run *r, Array a)
{
    r->arrays[r->n_operands] = a;
    r->operands[r->n_operands] = a.first;
    r->steps[r->n_operands++] = a.step;
}

/* Parameter `i`, whose value is in `slot`, is to be seen at item `at`. */
static void parameter(Run *r, uint32_t i, char *slot, size_t n, size_t at)
{
    size_t size = (size_t)plan->args[i].size;
    bool pointer = type->u.func->params[i]->kind == JF_PTR;
    r->args[i].operand = r->n_operands;
    switch (chance(5)) {
    case 0:
        r->args[i].how = JF_LOOP_FIXED;
        r->args[i].fixed = slot;
        return;
    case 1:
        if (pointer) { /* any address will do: the callee only logs it */
            Array a = {.step = (intptr_t)chance(100) - 50};
            memcpy(&a.first, slot, sizeof a.first);
            a.first -= (intptr_t)at * a.step;
            r->args[i].how = JF_LOOP_ADDRESS;
            add(r, a);
            return;
        }
    }
    Array a = array_of(size, n, false);
    if (n)
        memcpy(item(&a, at), slot, size);
    r->args[i].how = JF_LOOP_ITEM;
    add(r, a);
}

static bool may_stop(void)
{
    return jf_is_integral(type->to) || type->to->kind == JF_PTR;
}

static bool is_zero(const char *p, size_t n)
{
    while (n && !p[n - 1])
        n--;
    return n == 0;
}

extern void *gen_ret;

static void run(void *fn, char *slots, void *ret, size_t n, bool wanted, bool stop)
{
    Run r = {.n_operands = 0};
    size_t size = (size_t)plan->result.size;
    bool stops = stop && n && !is_zero(gen_ret, size);
    size_t at = stops || !n ? 0 : n - 1, expected = stops ? 0 : n;
    for (uint32_t i = 0; i < plan->n_args; i++)
        parameter(&r, i, slots + plan->args[i].slot, n, at);
    int result = -1;
    if (wanted) {
        result = r.n_operands;
        add(&r, array_of(size, n, true));
    }
    jf_LoopSpec spec = {.fn = type,
                        .address = fn,
                        .args = r.args,
                        .result = result,
                        .n_operands = r.n_operands,
                        .stop = stop,
                        .name = "fuzz"};
    jf_Loop *loop = NULL;
    jf_Diag d = JF_DIAG_INIT;
    if (jf_loop_new(universe, &spec, &loop, &d) != JF_OK)
        wrong(d.message, 0);
    size_t done;
    void *data;
    jf_NumPyLoop numpy = jf_loop_numpy(loop, &data);
    if (!stop && chance(2)) {
        intptr_t dimensions = (intptr_t)n;
        numpy(r.operands, &dimensions, r.steps, data);
        done = n;
    } else {
        done = jf_loop_run(loop, r.operands, r.steps, n);
    }
    if (done != expected)
        wrong("items done", done);
    if (wanted) {
        check_gaps(&r.arrays[result], stops ? 1 : n);
        if (n)
            memcpy(ret, item(&r.arrays[result], at), size);
    }
    for (uint16_t o = 0; o < r.n_operands; o++)
        free(r.arrays[o].memory);
    jf_loop_free(loop);
}

void side_call(void *fn, void *slots, void *ret)
{
    static const size_t lengths[] = {1, 2, 3, 7, MOST};
    bool is_void = type->to->kind == JF_VOID;
    run(fn, slots, ret, 0, !is_void && chance(2), false);
    if (chance(2)) /* ten results that nobody takes: st0 must not fill up */
        run(fn, slots, ret, 10, false, false);
    run(fn, slots, ret, lengths[chance(5)], !is_void, may_stop() && chance(2));
}
