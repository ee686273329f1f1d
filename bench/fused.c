/* SPDX-License-Identifier: MIT
 *
 * What a chain of ten C calls costs below any host language: written in C through
 * function pointers, as one fused function of machine code, as the same program
 * carried out by the interpreter, and as ten calls through slots. Prints the best
 * of many rounds, which take turns; asserts nothing.
 *
 *   meson test -C build --benchmark fused -v
 */
#include "engine/engine.h"
#include "fused_chain.h"

#include <stdio.h>
#include <time.h>

enum { ROUNDS = 60, CALLS = 40000, WAYS = 4 };

static jf_Call *call;

static double by_slots(double x)
{
    _Alignas(16) double slots[2] = {x, 0}, ret[2] = {x, 0};
    for (int k = 0; k < CHAIN; k++) {
        slots[0] = ret[0];
        jf_call(call, (void *)(uintptr_t)chain[k], slots, ret);
    }
    return ret[0];
}

static jf_Fused *fuse(jf_Universe *u, jf_Type *fn, bool code)
{
    jf_Diag d = JF_DIAG_INIT;
    jf_Program p;
    jf_Fused *f = NULL;
    jf_program_init(&p, jf_call_plan(call));
    uint32_t v = jf_program_value(&p, JF_S_F64, 0, 0);
    jf_program_put(&p, (jf_ProgramIns){.op = JF_PR_PARAM, .v = v});
    for (int k = 0; k < CHAIN; k++)
        v = jf_program_call(&p, jf_call_plan(call), call,
                            (void *)(uintptr_t)chain[k], "step", &v, JF_S_F64);
    jf_program_put(&p,
                   (jf_ProgramIns){.op = JF_PR_RESULT, .v = JF_NO_VALUE, .a = v});
    if (jf_fused_new(u, fn, &p, "chain", code, &f, &d) != JF_OK)
        printf("%s\n", d.message ? d.message : "out of memory");
    else if (code && jf_fused_why_not(f))
        printf("not machine code: %s\n", jf_fused_why_not(f));
    jf_program_free(&p);
    return f;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double time_one(Step volatile *way)
{
    double start = now(), x = 1;
    for (int k = 0; k < CALLS; k++)
        x = (*way)(x);
    double each = (now() - start) / CALLS;
    return x > 1e300 ? 0 : each; /* the result is used */
}

int main(void)
{
    static const char *const names[WAYS] = {"in C", "fused", "interpreted",
                                            "ten calls through slots"};
    jf_Universe *u = jf_engine_universe(NULL);
    jf_Type *f64 = jf_type_prim(u, JF_P_DOUBLE);
    jf_Type *fn = jf_type_func(u, f64, &f64, 1, 0);
    jf_Diag d = JF_DIAG_INIT;
    double best[WAYS] = {1e9, 1e9, 1e9, 1e9};
    if (jf_call_new(u, fn, NULL, 0, &call, &d) != JF_OK)
        return 1;
    jf_Fused *code = fuse(u, fn, true), *run = fuse(u, fn, false);
    if (!code || !run)
        return 1;
    Step volatile ways[WAYS] = {in_c, (Step)(uintptr_t)jf_fused_address(code),
                                (Step)(uintptr_t)jf_fused_address(run), by_slots};
    for (int round = 0; round < ROUNDS; round++) {
        for (int k = 0; k < WAYS; k++) {
            double each = time_one(&ways[k]);
            best[k] = each < best[k] ? each : best[k];
        }
    }
    for (int k = 0; k < WAYS; k++)
        printf("%-24s %7.1f ns  %5.2f of C\n", names[k], best[k],
               best[k] / best[0]);
    jf_fused_free(code);
    jf_fused_free(run);
    jf_call_free(call);
    return 0;
}
