/* SPDX-License-Identifier: MIT
 *
 * What users meet where nothing can be called: a CPU that is not known at all,
 * and i386, whose types are laid out but which has no convention yet. This
 * program has its own idea of the host (arch/host.c is not linked in); the
 * argument says which.
 */
#include "check.h"

#include "arch/arch.h"
#include "core/target/target.h"
#include "engine/engine.h"
#include "jiffi.h"

static const jf_Target *pretended;

const jf_Encoder *jf_host_encoder(void)
{
    return NULL;
}

const jf_Target *jf_host_target(void)
{
    return pretended;
}

static void check_features(const char *target, const char *why)
{
    jf_Features f;
    const char *said;
    jf_features(&f);
    CHECK_STR(f.target, target);
    CHECK_STR(f.calls, "none");
    CHECK_STR(f.callbacks, "none");
    CHECK(f.why_not && strstr(f.why_not, why));
    CHECK(!jf_can_compile());
    CHECK_STR(jiffi_mode(&said), "none");
    CHECK(said && strstr(said, why));
}

static void test_unknown(void)
{
    CHECK(jf_engine_unknown() != NULL);
    CHECK(jf_engine_universe(NULL) == NULL);
    CHECK(jiffi_open() == NULL);
    check_features("unknown", "not known");
    jf_Recipe r = JF_RECIPE_INIT;
    jf_Code *code = NULL;
    jf_Diag d = JF_DIAG_INIT;
    CHECK_INT(jf_compile(&r, NULL, "nothing", &code, &d), JF_UNSUPPORTED);
    CHECK(d.message && strstr(d.message, "no encoder for this CPU"));
    jf_diag_clear(&d);
    jf_recipe_free(&r);
}

static void answer(void *context, const jf_Plan *plan, void *slots, void *ret)
{
    (void)context, (void)plan, (void)slots, (void)ret;
}

static void test_i386(void)
{
    static const char refusal[] = "no calling convention for i386-linux-gnu";
    CHECK(jf_engine_unknown() == NULL);
    check_features("i386-linux-gnu", refusal);
    jf_Universe *u = jf_engine_universe(NULL);
    jf_Type *fn = jf_type_func(u, jf_type_prim(u, JF_P_INT), NULL, 0, 0);
    jf_Diag d = JF_DIAG_INIT;
    jf_Call *call = NULL;
    jf_Callback *cb = NULL;
    const jf_Plan *plan = NULL;
    CHECK_INT(jf_call_new(u, fn, NULL, 0, &call, &d), JF_UNSUPPORTED);
    CHECK_STR(d.message, refusal);
    CHECK_INT(jf_callback_new(u, fn, answer, NULL, &cb, &d), JF_UNSUPPORTED);
    CHECK_STR(d.message, refusal);
    CHECK_INT(jf_plan_of(u, fn, &plan, &d), JF_UNSUPPORTED);
    CHECK_STR(d.message, refusal);
    jf_diag_clear(&d);
    jf_type_unref(u, fn);
    jf_universe_free(u);
    /* Types are read and laid out all the same. */
    jiffi_Session *s = jiffi_open();
    uint64_t size = 0;
    CHECK(s != NULL);
    CHECK_INT(jiffi_sizeof(s, "struct { char *p; long long n; }", &size, NULL),
              JIFFI_OK);
    CHECK_INT(size, 12);
    CHECK_INT(jiffi_cdef(s, "int abs(int);"), JIFFI_OK);
    CHECK(jiffi_function(s, jiffi_library(s, NULL), "abs") == NULL);
    CHECK(strstr(jiffi_error(s), refusal) != NULL);
    jiffi_close(s);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "i386") == 0) {
        pretended = &jf_target_x86_linux;
        test_i386();
        return check_report("test_unknown_cpu i386");
    }
    test_unknown();
    return check_report("test_unknown_cpu");
}
