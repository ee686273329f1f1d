/* SPDX-License-Identifier: MIT
 *
 * What one call costs below any host language: add(int, int) through a pointer,
 * through a slots thunk, through libffi, and a callback of two pointers. Prints
 * the best of seven rounds in nanoseconds; asserts nothing.
 *
 *   meson test -C build --benchmark slots -v
 */
#include "engine/engine.h"

#include <stdio.h>
#include <time.h>

enum { ROUNDS = 7, CALLS = 2000000 };

static int add(int a, int b)
{
    return a + b;
}

static void answer(void *context, const jf_Plan *plan, void *slots, void *ret)
{
    (void)context, (void)plan, (void)slots;
    *(int *)ret = 1;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

typedef struct Case {
    jf_Call *call;
    int (*volatile direct)(int, int);
    int (*volatile back)(void *, void *);
} Case;

static double time_one(Case *c, int which)
{
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        _Alignas(16) long slots[2] = {1000, 2000}, ret[2] = {0};
        volatile int sum = 0;
        double start = now();
        for (int k = 0; k < CALLS; k++) {
            if (which == 0)
                sum = c->direct(k, 2);
            else if (which == 1)
                jf_call(c->call, (void *)add, slots, ret);
            else
                sum = c->back(&slots, &ret);
        }
        double each = (now() - start) / CALLS;
        best = each < best ? each : best;
        (void)sum;
    }
    return best;
}

int main(void)
{
    jf_Universe *u = jf_engine_universe(NULL);
    jf_Type *i = jf_type_prim(u, JF_P_INT), *p = jf_type_pointer(u, i, 0);
    jf_Type *ints[] = {i, i}, *pointers[] = {p, p};
    jf_Type *f = jf_type_func(u, i, ints, 2, 0);
    jf_Type *b = jf_type_func(u, i, pointers, 2, 0);
    jf_Callback *cb = NULL;
    Case c = {.direct = add};
    jf_Features features;
    jf_features(&features);
    if (jf_call_new(u, f, NULL, 0, &c.call, NULL) != JF_OK ||
        jf_callback_new(u, b, answer, NULL, &cb, NULL) != JF_OK)
        return 1;
    c.back = (int (*)(void *, void *))jf_callback_address(cb);
    printf("calls by %s: direct %.2f, slots %.2f, callback %.2f ns\n",
           features.calls, time_one(&c, 0), time_one(&c, 1), time_one(&c, 2));
    jf_callback_free(cb);
    jf_call_free(c.call);
    jf_type_unref(u, f);
    jf_type_unref(u, b);
    jf_type_unref(u, p);
    jf_universe_free(u);
    return 0;
}
