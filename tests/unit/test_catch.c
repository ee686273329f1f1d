/* SPDX-License-Identifier: MIT
 *
 * Frames that exceptions end in: the guards of every CPU, and emitted code where
 * there is an encoder. What is thrown is no C++ exception, so that C suffices.
 */
#include "check.h"

#include "core/layout/layout.h"
#include "engine/engine.h"
#include "exec/cxx.h"
#include "exec/exec.h"

#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>

static int cleaned;

static void cleanup(_Unwind_Reason_Code why, struct _Unwind_Exception *e)
{
    (void)why;
    (void)e;
    cleaned++;
}

static struct _Unwind_Exception thrown = {.exception_class =
                                              0x4a46544553540000, /* "JFTEST" */
                                          .exception_cleanup = cleanup};

static long throws_or_adds(long a, long b)
{
    if (a < 0) {
        _Unwind_RaiseException(&thrown);
        abort(); /* nobody catches */
    }
    return a + b;
}

/* --- guards ------------------------------------------------------------------------ */

typedef struct Job {
    long a, result;
    bool guarded; /* with another guard inside */
    void *inner;
} Job;

static void run(void *arg)
{
    Job *j = arg;
    j->result = throws_or_adds(j->a, 1);
}

static void run_guarded(void *arg)
{
    Job *j = arg;
    j->inner = jf_exec_catch(run, j, NULL);
    j->result = -5;
}

static void test_guard(void)
{
    /* Live across the call in callee-saved registers, most likely. */
    for (long k = 0; k < 100; k++) {
        Job good = {.a = k}, bad = {.a = -1 - k, .result = 77}, deep = bad;
        long w = k * 3, x = k * 5, y = k * 7, z = k ^ 9;
        void *none = jf_exec_catch(run, &good, NULL);
        void *some = jf_exec_catch(run, &bad, NULL);
        void *outer = jf_exec_catch(run_guarded, &deep, NULL);
        CHECK(none == NULL && some == &thrown && outer == NULL);
        CHECK(deep.inner == &thrown && deep.result == -5);
        CHECK_INT(good.result, k + 1);
        CHECK_INT(bad.result, 77);
        CHECK_INT(w + x + y + z, k * 15 + (k ^ 9));
    }
    jf_exec_name(run, &(Job){.a = 1}, NULL);
}

static void test_foreign_exception(void)
{
    jf_CxxThrown t;
    char text[100];
    jf_cxx_read(&thrown, &t);
    CHECK(t.type == NULL && t.object == NULL);
    CHECK_STR(t.language, "JFTEST");
    jf_cxx_describe(&thrown, text, sizeof text);
    CHECK_STR(text, "an exception of class 'JFTEST'");
    int before = cleaned;
    jf_cxx_begin(&thrown);
    CHECK_INT(cleaned, before);
    jf_cxx_end(&thrown);
    CHECK_INT(cleaned, before + 1);
}

/* The message of a frame that names, and that _Unwind_RaiseException returns. */
static void test_named(void)
{
    int ends[2];
    char text[512];
    CHECK_INT(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        jf_exec_name(run, &(Job){.a = -1}, (const void *)(uintptr_t)throws_or_adds);
        _exit(3);
    }
    close(ends[1]);
    ssize_t n = read(ends[0], text, sizeof text - 1);
    text[n > 0 ? n : 0] = 0;
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK(strstr(text, "jiffi: an exception of class 'JFTEST' came out of") ==
          text);
    CHECK(strstr(text, "not declared may_throw") != NULL);
}

/* --- emitted code ------------------------------------------------------------------- */

typedef uint64_t (*Thunk)(long a, long b, uint64_t *seen);

/* thunk(a, b, seen): fn(a, b); where that throws, *seen = a and the exception is
 * what is returned. `extra` registers are in use across the call. */
static jf_Code *catching(const jf_Plan *plan, int extra)
{
    jf_Recipe r = JF_RECIPE_INIT;
    jf_Code *c = NULL;
    uint32_t caught = jf_recipe_label(&r);
    if (extra)
        jf_const(&r, JF_R3, 1000);
    jf_place(&r, 0, JF_R0);
    jf_place(&r, 1, JF_R1);
    jf_recipe_put(&r, JF_INS(.op = JF_OP_FOREIGN, .b = JF_NOREG, .s = true,
                             .imm = (uintptr_t)throws_or_adds, .label = caught));
    jf_recipe_put(&r, JF_INS(.op = JF_OP_RESULT, .a = JF_T1));
    if (extra)
        jf_arith(&r, JF_OP_ADD, JF_T1, JF_R3, 0);
    jf_return(&r, JF_T1, 0);
    jf_op(&r, JF_OP_COLD);
    jf_label(&r, caught);
    jf_recipe_put(&r, JF_INS(.op = JF_OP_CATCH, .a = JF_T2));
    jf_store(&r, JF_R2, 0, JF_R0, 8);
    jf_return(&r, JF_T2, 0);
    jf_op(&r, JF_OP_HOT);
    CHECK(r.catches);
    CHECK_INT(jf_compile(&r, plan, "jiffi:catching", &c, NULL), JF_OK);
    jf_recipe_free(&r);
    return c;
}

static void test_thunk(void)
{
    jf_Universe *u = jf_engine_universe(NULL);
    jf_Type *l = jf_type_prim(u, JF_P_LONG), *params[2] = {l, l};
    jf_Type *fn = jf_type_func(u, l, params, 2, 0);
    const jf_Plan *plan = NULL;
    CHECK_INT(jf_plan_of(u, fn, &plan, NULL), JF_OK);
    for (int extra = 0; extra < 2; extra++) {
        jf_Code *c = catching(plan, extra);
        Thunk f = (Thunk)(uintptr_t)jf_code_entry(c);
        uint64_t seen = 5;
        CHECK_INT((long)f(40, 2, &seen), extra ? 1042 : 42);
        CHECK_INT((long)seen, 5);
        for (int k = 0; k < 3; k++) {
            seen = 5;
            CHECK(f(-7, 2, &seen) == (uint64_t)(uintptr_t)&thrown);
            CHECK_INT((long)seen, -7);
        }
        jf_code_free(c);
    }
    jf_type_unref(u, fn);
}

int main(void)
{
    bool code = jf_can_compile(); /* also starts everything */
    if (jf_exec_no_catch()) {
        printf("test_catch: %s\n", jf_exec_no_catch());
        return 77;
    }
    test_guard();
    test_foreign_exception();
    test_named();
    if (code)
        test_thunk();
    return check_report("test_catch");
}
