/* SPDX-License-Identifier: MIT
 *
 * Calls that are counted and timed, for `jiffi advise`: what a function does while
 * it runs, from which _advise.py tells who should keep the GIL and who should not.
 */
#ifndef JF_PYTHON_OBSERVE_H
#define JF_PYTHON_OBSERVE_H

#include "python/jpy.h"

/* One call, on the stack of who makes it. */
typedef struct Seen {
    struct Seen *outer; /* the call around it, in this thread */
    uint64_t wall, cpu; /* nanoseconds: when it began, then how long it took */
    uint64_t callbacks; /* that this thread has entered from it */
} Seen;

/* The innermost call of this thread that is observed; NULL. */
extern _Thread_local Seen *jpy_seen JF_STATIC_TLS;

/* Directly around the C function, with or without the GIL. */
void jpy_seen_begin(Seen *s);
void jpy_seen_end(Seen *s);
/* With the GIL: add it to what is known of `f`. */
void jpy_seen_add(const Seen *s, struct FunctionInfo *f);
/* jiffi_exports.observe. */
void jpy_observe_wrapper(PyObject *self, int when);
/* All that was observed; the state goes. */
void jpy_observed_free(State *st);
int jpy_init_observe(State *st, PyObject *module);

#endif
