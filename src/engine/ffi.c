/* SPDX-License-Identifier: MIT
 *
 * The libffi fallback's doors: calls and closures over a shape. See
 * ffi_shape.h for the two ways a signature is described to libffi.
 */
#include "engine/ffi_shape.h"

#include <string.h>

struct FfiCall {
    Shape shape;
    Mode mode;
};

struct FfiCallback {
    Shape shape;
    Mode mode;
    jf_Callback *cb;      /* borrowed: owns us */
    ffi_closure *closure; /* libffi's; owned */
};

const char *engine_ffi_version(void)
{
    return JF_LIBFFI_VERSION;
}

jf_Status ffi_no_memory(jf_Diag *d)
{
    return jf_diag_set(d, JF_NOMEM, "out of memory");
}

void ffi_shape_free(Shape *s)
{
    jf_arena_free(&s->arena);
}

static jf_Status shape_make(Mode mode, Shape *s, const jf_Plan *plan,
                            const jf_Type *fn, jf_Type *const *extra, jf_Diag *d)
{
    if (mode == MODE_PLANNED)
        return ffi_shape_planned(s, plan, fn, d);
    return ffi_shape_natural(s, plan, fn, extra, d);
}

/* --- calls ------------------------------------------------------------------------ */

jf_Status engine_ffi_call_new(Mode mode, const jf_Plan *plan, const jf_Type *fn,
                              jf_Type *const *extra, FfiCall **call, jf_Diag *d)
{
    FfiCall *c = jf_calloc(sizeof *c);
    if (!c)
        return ffi_no_memory(d);
    c->mode = mode;
    jf_Status st = shape_make(mode, &c->shape, plan, fn, extra, d);
    if (st != JF_OK) {
        engine_ffi_call_free(c);
        return st;
    }
    *call = c;
    return JF_OK;
}

void engine_ffi_call(const FfiCall *call, void *fn, void *slots, void *ret)
{
    if (call->mode == MODE_PLANNED)
        ffi_call_planned(&call->shape, fn, slots, ret);
    else
        ffi_call_natural(&call->shape, fn, slots, ret);
}

void engine_ffi_call_free(FfiCall *call)
{
    if (!call)
        return;
    ffi_shape_free(&call->shape);
    jf_free(call);
}

/* --- callbacks ---------------------------------------------------------------------- */

static void closure_run(ffi_cif *cif, void *result, void **args, void *user)
{
    FfiCallback *c = user;
    (void)cif;
    if (c->mode == MODE_PLANNED)
        ffi_answer_planned(&c->shape, c->cb, result, args);
    else
        ffi_answer_natural(&c->shape, c->cb, result, args);
}

jf_Status engine_ffi_callback_new(Mode mode, const jf_Plan *plan, const jf_Type *fn,
                                  jf_Callback *cb, FfiCallback **out,
                                  void **address, jf_Diag *d)
{
    FfiCallback *c = jf_calloc(sizeof *c);
    void *code = NULL;
    if (!c)
        return ffi_no_memory(d);
    c->mode = mode;
    c->cb = cb;
    jf_Status st = shape_make(mode, &c->shape, plan, fn, NULL, d);
    if (st == JF_OK) {
        c->closure = ffi_closure_alloc(sizeof *c->closure, &code);
        if (!c->closure)
            st = jf_diag_set(d, JF_SYSTEM,
                             "libffi cannot make closures here: the system "
                             "refuses the memory they need");
        else if (ffi_prep_closure_loc(c->closure, &c->shape.cif, closure_run, c,
                                      code) != FFI_OK)
            st = jf_diag_set(d, JF_UNSUPPORTED,
                             "libffi refuses a closure of this signature");
    }
    if (st != JF_OK) {
        engine_ffi_callback_free(c);
        return st;
    }
    *out = c;
    *address = code;
    return JF_OK;
}

void engine_ffi_callback_free(FfiCallback *c)
{
    if (!c)
        return;
    if (c->closure)
        ffi_closure_free(c->closure);
    ffi_shape_free(&c->shape);
    jf_free(c);
}
