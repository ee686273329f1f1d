/* SPDX-License-Identifier: MIT
 * The side that a user gets: thunks and entries of machine code, or libffi when
 * JIFFI_JIT is off. */
#include <string.h>

#include "engine/engine.h"
#include "side.h"

const char *const side_name = "engine";

static jf_Call *call;
static jf_Callback *callback;

jf_Universe *side_universe(void)
{
    return jf_engine_universe(NULL);
}

jf_Status side_open(jf_Universe *u, const Func *f, const jf_Plan **plan, jf_Diag *d)
{
    jf_Status st = jf_call_new(u, f->type, f->extra, f->n_extra, &call, d);
    if (st == JF_OK)
        *plan = jf_call_plan(call);
    return st;
}

void side_close(void)
{
    jf_callback_free(callback);
    jf_call_free(call);
    callback = NULL;
    call = NULL;
}

void side_call(void *fn, void *slots, void *ret)
{
    jf_call(call, fn, slots, ret);
}

static void handler(void *context, const jf_Plan *plan, void *slots, void *ret)
{
    (void)context;
    (void)plan;
    side_handler(slots, ret);
}

void *side_callback(jf_Universe *u, const Func *f, jf_Diag *d)
{
    if (f->type->flags & JF_T_VARIADIC)
        return NULL; /* no callback can know what stands behind `...` */
    if (jf_callback_new(u, f->type, handler, NULL, &callback, d) != JF_OK) {
        callback = NULL;
        return NULL;
    }
    return jf_callback_address(callback);
}
