/* SPDX-License-Identifier: MIT
 *
 * Inner header of the engine: how it is decided what makes calls, and the
 * doors of the libffi fallback (ffi_*.c, or ffi_none.c where libffi is absent).
 */
#ifndef JF_ENGINE_INNER_H
#define JF_ENGINE_INNER_H

#include "engine/engine.h"

typedef enum Mode {
    MODE_CODE,    /* machine code made here */
    MODE_PLANNED, /* libffi, driven by our plans */
    MODE_NATURAL, /* libffi, with its own idea of the types */
    MODE_NONE     /* neither */
} Mode;

Mode engine_mode(void);

/* One more owner; returns `c`. */
jf_Call *engine_call_ref(jf_Call *c);

/* The frame of a callback: reads registers, calls the handler, fills results. */
void engine_dispatch(void *callback, jf_Regs *regs);
/* The same once the arguments are in slots. */
void engine_answer(jf_Callback *cb, void *slots, void *ret);
const jf_Plan *engine_callback_plan(const jf_Callback *cb);

/* --- libffi ------------------------------------------------------------------------ */

/* Its version, or NULL when the build has none. */
const char *engine_ffi_version(void);

typedef struct FfiCall FfiCall;
/* `extra`: the types behind `...`. */
jf_Status engine_ffi_call_new(Mode mode, const jf_Plan *plan, const jf_Type *fn,
                              jf_Type *const *extra, FfiCall **call, jf_Diag *d);
void engine_ffi_call(const FfiCall *call, void *fn, void *slots, void *ret);
void engine_ffi_call_free(FfiCall *call);

typedef struct FfiCallback FfiCallback;
jf_Status engine_ffi_callback_new(Mode mode, const jf_Plan *plan, const jf_Type *fn,
                                  jf_Callback *cb, FfiCallback **out,
                                  void **address, jf_Diag *d);
void engine_ffi_callback_free(FfiCallback *cb);

#endif
