/* SPDX-License-Identifier: MIT
 *
 * x86-64 where Zydis was not there at build time: nothing is proved.
 */
#include "proof/inner.h"

static void none_step(const uint8_t *code, size_t n, uint64_t address, Step *s)
{
    (void)code;
    (void)n;
    (void)address;
    s->flow = FLOW_NO;
    s->why = "is x86-64 code, and jiffi was built without Zydis";
}

static bool none_unbound(const uint8_t *code, size_t n, uint32_t index)
{
    (void)code;
    (void)n;
    (void)index;
    return false;
}

const ProofCpu proof_x64 = {
    "Machine code of x86-64 cannot be read: jiffi was built without Zydis.",
    none_step,
    none_unbound,
    7,
    6,
    37};
