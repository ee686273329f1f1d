/* SPDX-License-Identifier: MIT
 *
 * What the two files of host thunk recipes share: call_recipe_args.c unboxes the
 * arguments, call_recipe.c makes the call and boxes the result.
 */
#ifndef JF_PYTHON_CALL_RECIPE_H
#define JF_PYTHON_CALL_RECIPE_H

#include "python/call.h"

typedef struct Maker {
    jf_Recipe r;
    State *st;                  /* borrowed */
    jf_Type *fn;                /* borrowed */
    const jf_Plan *plan;        /* borrowed */
    int flags;                  /* METH_* */
    const Sized *sized;         /* ffi.sized(): borrowed; NULL: a usual call */
    int32_t *lengths;           /* by parameter: the frame cell of a length that an
                                   array gave; 0: none yet; with `sized` */
    uint8_t policy;             /* POLICY_* */
    bool release;               /* let go of the GIL around the call */
    bool keeps_errno;           /* C may touch errno: it gets and gives Python's */
    bool may_fail;              /* a callback may have left an exception */
    bool fast_pending;          /* which is within reach of machine code */
    int32_t pending_at;         /* from THREAD, if fast_pending */
    bool fast_errno;            /* errno is within reach of machine code */
    int32_t errno_at, saved_at; /* from THREAD, if fast_errno */
    bool fast_gil;              /* so is where the thread state is put aside */
    int32_t gil_at;             /* from THREAD, if fast_gil */
    const void *shared;         /* type object in R3; NULL: none */
    bool has_temps;
    bool lone;            /* METH_O and a pointer: temporaries are rare and known
                             before the call, which then is a copy off the path */
    uint32_t lone_tail;   /* label of that copy */
    int32_t target;       /* frame: address to call, if lone */
    int32_t temps; /* frame: Temp *, if has_temps */
    int32_t cell;  /* frame: one converted argument */
    int32_t ret;   /* frame: a result in memory */
    uint32_t fail; /* label: free what there is, return NULL */
    uint32_t caught[2]; /* labels: a C++ exception came out of the call; [1]: of the
                           copy, if lone */
} Maker;

static inline uintptr_t jpy_address(const void *p)
{
    return (uintptr_t)p;
}

/* The type object that argument `i` is compared with first; NULL: none. */
const void *jpy_recipe_usual_type(const Maker *m, uint32_t i);
/* What a helper does that only call_recipe.c knows; NULL: it is none. */
const char *jpy_recipe_helper(uintptr_t at);
/* Unbox argument `i` and put it into its place. */
void jpy_recipe_argument(Maker *m, uint32_t i);

#endif
