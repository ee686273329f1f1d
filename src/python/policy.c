/* SPDX-License-Identifier: MIT
 *
 * How calls of a function are made, decided once: what its declaration asks for,
 * and what its machine code proves (proof/proof.h).
 *
 *   asked for   proved                            not proved
 *   "auto"      kept, nothing is looked at        let go
 *   "hold"      kept, nothing is looked at        kept, marked as held (held.h)
 *   "release"   let go                            let go
 *
 * What "auto" keeps is kept for one call: loops over many items (map, ufuncs) let
 * go of the GIL unless "hold" was asked for.
 */
#include "python/fuse.h"

#include <string.h>

enum {
    FUSED_SHORT = 100
}; /* calls in a fused function that "auto" keeps the GIL for */

/* --- what is known of the machine code
 * --------------------------------------------- */

/* POLICY_PROVED, perhaps with POLICY_NO_ERRNO; 0. `p` receives the reason. */
static uint8_t proved_at(const void *address, jf_Proof *p)
{
    jf_prove(address, p);
    if (!p->proved)
        return 0;
    return p->uses_tls ? POLICY_PROVED : POLICY_PROVED | POLICY_NO_ERRNO;
}

/* A fused function is as its callees are: its own code does not wait. */
static uint8_t proved_fused(const Fused *fused, jf_Proof *p)
{
    uint8_t all = POLICY_PROVED | POLICY_NO_ERRNO;
    uint32_t calls = jf_fused_program(fused->fused)->n_calls;
    if (calls > FUSED_SHORT) {
        PyOS_snprintf(p->reason, sizeof p->reason, "it makes %u calls",
                      (unsigned)calls);
        return 0;
    }
    for (Py_ssize_t i = 0; all && i < PyTuple_GET_SIZE(fused->callees); i++) {
        CDataObject *fn = (CDataObject *)PyTuple_GET_ITEM(fused->callees, i);
        const FunctionInfo *f = jpy_function_info(fn);
        const Fused *inner = jpy_fused(fn);
        jf_Proof one;
        memset(&one, 0, sizeof one);
        uint8_t got = inner      ? proved_fused(inner, &one)
                      : fn->data ? proved_at(fn->data, &one)
                                 : 0;
        if (!got)
            PyOS_snprintf(p->reason, sizeof p->reason, "it calls %s(): %s",
                          f ? f->def.ml_name : "a function pointer", one.reason);
        all &= got;
    }
    if (all)
        PyOS_snprintf(p->reason, sizeof p->reason,
                      "every function that it calls is");
    return all;
}

uint8_t jpy_proved(const FunctionInfo *f, jf_Proof *p)
{
    const CDataObject *fn = &f->cdata->base;
    const Fused *fused = jpy_fused(fn);
    memset(p, 0, sizeof *p);
    if (!fn->data)
        PyOS_snprintf(p->reason, sizeof p->reason, "its library is closed");
    else
        return fused ? proved_fused(fused, p) : proved_at(fn->data, p);
    return 0;
}

/* --- the decision
 * --------------------------------------------------------------------- */

static void decide(FunctionInfo *f)
{
    uint8_t policy = f->gil == JF_GIL_HOLD ? POLICY_HOLD : 0;
    bool fixed = f->ready && !f->way; /* a compiled wrapper does as it was made */
    jf_Proof p;
    uint8_t known = !fixed && (f->gil == JF_GIL_HOLD || f->gil == JF_GIL_AUTO)
                        ? jpy_proved(f, &p)
                        : 0;
    if (known)
        policy = POLICY_HOLD | known;
    if (f->throws && !known) /* what is proved calls nobody that could throw */
        policy |= POLICY_THROWS;
    if (f->checked)
        policy |= POLICY_CHECKED;
    if (f->st->observing && !fixed && !f->sized)
        policy |= POLICY_OBSERVED;
    f->policy = policy;
    f->decided = 1;
}

uint8_t jpy_policy(FunctionInfo *f)
{
    if (!f->decided)
        decide(f);
    return f->policy;
}

uint8_t jpy_policy_of(CDataObject *fn)
{
    FunctionInfo *f = jpy_function_info(fn);
    return f ? jpy_policy(f) : 0;
}

bool jpy_holds_loops(CDataObject *fn)
{
    FunctionInfo *f = jpy_function_info(fn);
    return f && f->gil == JF_GIL_HOLD;
}
