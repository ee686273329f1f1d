/* SPDX-License-Identifier: MIT
 *
 * The engine joins the rooms: plans kept per function type, thunks compiled
 * and cached, calls through slots, callbacks, and the choice between machine
 * code and libffi. Front ends talk to this header (through jiffi/host.h).
 */
#ifndef JF_ENGINE_ENGINE_H
#define JF_ENGINE_ENGINE_H

#include "core/abi/abi.h"
#include "core/plan/recipe.h"
#include "core/program/program.h"
#include "core/type/type.h"

/* --- modes ------------------------------------------------------------------- */

typedef struct jf_Features {
    const char *target;   /* triple, or "unknown" */
    const char *calls;    /* "code", "libffi" or "none" */
    const char *callbacks;/* the same */
    const char *why_not;  /* why not code: a sentence, or NULL */
    const char *libffi;   /* version of libffi, or NULL when absent */
} jf_Features;
void jf_features(jf_Features *f);

/* True when jf_compile will succeed for ordinary functions. */
bool jf_can_compile(void);

/* The host's target and universe hooks put in place: use this to make one.
 * NULL: memory is out, or jf_engine_unknown() is not NULL. */
jf_Universe *jf_engine_universe(const jf_UniverseHooks *hooks);
/* A sentence, static, when nothing is known of this CPU and system, so that no
 * type can be laid out; NULL everywhere else. */
const char *jf_engine_unknown(void);

/* --- plans ------------------------------------------------------------------- */

/* The plan of a non-variadic FUNC type; cached in the type, borrowed until the
 * type is freed. */
jf_Status jf_plan_of(jf_Universe *u, jf_Type *fn, const jf_Plan **plan, jf_Diag *d);

/* --- machine code ------------------------------------------------------------- */

typedef struct jf_Code jf_Code;

/* Encode and seal. `name` shows up in gdb and perf ("jiffi:add(int, int)").
 * JF_UNSUPPORTED when code is off. The caller owns the code. */
jf_Status jf_compile(const jf_Recipe *r, const jf_Plan *plan, const char *name,
                     jf_Code **code, jf_Diag *d);
void *jf_code_entry(const jf_Code *c);
size_t jf_code_size(const jf_Code *c);
/* What gdb and perf call it: borrowed until it is renamed or freed; copied. */
const char *jf_code_name(const jf_Code *c);
void jf_code_rename(jf_Code *c, const char *name);
void jf_code_free(jf_Code *c); /* nobody may be running it; NULL is fine */

/* --- calls through slots -------------------------------------------------------- */

/* One signature made callable from memory. Variadic calls make one per list of
 * extra types; all others of one function type are the same call, which the type
 * keeps as well. The caller owns a reference; immutable; usable from any thread. */
typedef struct jf_Call jf_Call;

jf_Status jf_call_new(jf_Universe *u, jf_Type *fn, jf_Type *const *extra,
                      uint32_t n_extra, jf_Call **call, jf_Diag *d);
const jf_Plan *jf_call_plan(const jf_Call *c);
/* Call `fn` with the values in `slots` (plan->slots_size bytes, 16-aligned, may
 * be overwritten); the result, result.size bytes, goes to `ret` (NULL if void;
 * room for at least 16 bytes otherwise). */
void jf_call(const jf_Call *c, void *fn, void *slots, void *ret);
void jf_call_free(jf_Call *c);

/* --- callbacks -------------------------------------------------------------------- */

/* C called: read arguments at plan->args[i].slot in `slots` (valid until the
 * return), write the result to `ret` (result.size bytes, zeroed, at least 16;
 * never NULL). May run on any thread, without the host's lock. errno is as C
 * left it; what the handler leaves there goes back to C. */
typedef void (*jf_Handler)(void *context, const jf_Plan *plan, void *slots, void *ret);

typedef struct jf_Callback jf_Callback;

jf_Status jf_callback_new(jf_Universe *u, jf_Type *fn, jf_Handler handler,
                          void *context, jf_Callback **cb, jf_Diag *d);
void *jf_callback_address(const jf_Callback *cb); /* give this to C */
/* What gdb and perf call it ("jiffi:on_event(int)"): copied, of use only where the
 * callback is machine code. */
void jf_callback_name(const jf_Callback *cb, const char *name);
/* After this C must not call it; the address may be handed out again. NULL is fine. */
void jf_callback_free(jf_Callback *cb);
/* The same for callers who cannot know whether C is done with it: the handler goes on
 * answering until 1,024 others have been retired; then gone(context) is asked. True:
 * the context is given back, the callback goes; false: somebody is about to run the
 * handler, so it goes on, as one retired last. `gone` runs on whichever thread retires
 * something, and must neither make nor retire callbacks. NULL is fine. */
void jf_callback_retire(jf_Callback *cb, bool (*gone)(void *context));
/* How many are answering so, for tests. */
size_t jf_callbacks_retired(void);

/* --- programs ---------------------------------------------------------------------- */

/* A program (core/program) made callable: a C function of type `fn` at an address.
 * Without machine code, or for what code cannot do, a callback runs it. */
typedef struct jf_Fused jf_Fused;

/* `fn` is the FUNC type that p->plan is the plan of; it must outlive the result.
 * `p` is checked and copied, with a reference to each call's `via` (which must not
 * be NULL). `name` as in jf_compile. `code` false: carried out by the interpreter
 * even where machine code could be made, for tests. */
jf_Status jf_fused_new(jf_Universe *u, jf_Type *fn, const jf_Program *p,
                       const char *name, bool code, jf_Fused **fused, jf_Diag *d);
void *jf_fused_address(const jf_Fused *f);
/* Its machine code; NULL: it has none. */
const jf_Code *jf_fused_code(const jf_Fused *f);
/* NULL: it is machine code. Otherwise why not: a sentence that lives as long. */
const char *jf_fused_why_not(const jf_Fused *f);
const jf_Program *jf_fused_program(const jf_Fused *f);
void jf_fused_free(jf_Fused *f); /* nobody may be running it; NULL is fine */

#endif
