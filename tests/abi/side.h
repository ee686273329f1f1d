/* SPDX-License-Identifier: MIT
 *
 * What the fuzzer's driver asks of the thing under test: to call C, and to be
 * called by it. Bridges do it with a plan and a few instructions; the engine
 * with its thunks or with libffi. One call at a time.
 */
#ifndef SIDE_H
#define SIDE_H

#include "core/abi/abi.h"
#include "describe.h"

extern const char *const side_name;
/* The universe whose target this side calls for. */
jf_Universe *side_universe(void);

/* Get ready to call and be called with this signature. The plan is borrowed
 * until side_close. Not JF_OK: this side cannot, `d` says why. */
jf_Status side_open(jf_Universe *u, const Func *f, const jf_Plan **plan,
                    jf_Diag *d);
void side_close(void);

/* Call: values at plan->args[i].slot of `slots`, result to `ret`. */
void side_call(void *fn, void *slots, void *ret);

/* An address for C to call, which ends in side_handler; NULL: this side cannot
 * be called with such a signature, `d` says why. */
void *side_callback(jf_Universe *u, const Func *f, jf_Diag *d);
/* The driver's: reads `slots`, writes `ret`. */
void side_handler(void *slots, void *ret);

#endif
