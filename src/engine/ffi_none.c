/* SPDX-License-Identifier: MIT
 * Stands in for the libffi fallback in builds without libffi: refuses. */
#include "engine/inner.h"

#include "exec/exec.h"

static jf_Status refuse(jf_Diag *d)
{
    const char *why = jf_exec_why_not();
    return jf_diag_set(d, JF_UNSUPPORTED,
                       "no calls are possible: %s, and this build has no libffi",
                       why ? why : "machine code is off");
}

const char *engine_ffi_version(void)
{
    return NULL;
}

jf_Status engine_ffi_call_new(Mode mode, const jf_Plan *plan, const jf_Type *fn,
                              jf_Type *const *extra, FfiCall **call, jf_Diag *d)
{
    (void)mode, (void)plan, (void)fn, (void)extra, (void)call;
    return refuse(d);
}

void engine_ffi_call(const FfiCall *call, void *fn, void *slots, void *ret)
{
    (void)call, (void)fn, (void)slots, (void)ret;
}

void engine_ffi_call_free(FfiCall *call)
{
    (void)call;
}

jf_Status engine_ffi_callback_new(Mode mode, const jf_Plan *plan, const jf_Type *fn,
                                  jf_Callback *cb, FfiCallback **out,
                                  void **address, jf_Diag *d)
{
    (void)mode, (void)plan, (void)fn, (void)cb, (void)out, (void)address;
    return refuse(d);
}

void engine_ffi_callback_free(FfiCallback *cb)
{
    (void)cb;
}
