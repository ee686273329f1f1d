/* SPDX-License-Identifier: MIT
 *
 * May a function be called while others wait? Its machine code is read and either
 * *proves* that it comes back soon and waits for nobody, or it does not: there is no
 * guess. The rule:
 *
 *   no way through it comes by the same place twice: jumps go forward, or back to
 *   where nothing leads to them again;
 *   every call goes to a function that is proved as well (procedure linkage table
 *   and indirect functions are followed to where they lead now);
 *   no system call, no atomic access (lock prefix, xchg with memory), no indirect
 *   jump or call, no repeated string instruction, no instruction that waits;
 *   `ret` finds the stack as it was at entry: no switch to another one;
 *   the instructions on the longest way, callees included, are fewer than a limit.
 *
 * A path that ends in a function which never returns (abort, __stack_chk_fail) is
 * as good as one that ends in `ret`.
 */
#ifndef JF_PROOF_PROOF_H
#define JF_PROOF_PROOF_H

#include "core/base/diag.h"

typedef struct jf_Proof {
    bool proved;
    bool uses_tls;         /* reads or writes thread-local storage: perhaps errno */
    uint32_t instructions; /* read, callees included, each for every way to it */
    uint32_t functions;    /* likewise, itself included */
    const void *at;        /* not proved: the instruction that says no */
    char reason[160];      /* a sentence without its full stop: "it jumps back at
                              +0x12, as a loop does", "it comes back after at most 14
                              instructions, without a loop or a wait"; names symbols
                              where it can; distances are from the function named last */
} jf_Proof;

/* Read the function at `address` in this process. Never fails: what cannot be read
 * or decoded is not proved, and the reason says so. Safe from any thread; results are
 * kept by address while the library that holds it is loaded. */
void jf_prove(const void *address, jf_Proof *proof);

/* The same over bytes that are not loaded, for tests and other CPUs: `code` stands
 * for address 0 of a function of `n` bytes, calls out of it are not followed. */
typedef enum jf_ProofCpu { JF_PROOF_X64, JF_PROOF_A64 } jf_ProofCpu;
void jf_prove_bytes(jf_ProofCpu cpu, const void *code, size_t n, jf_Proof *proof);

/* Forget everything: a library was closed. */
void jf_proof_forget(void);

/* NULL: code of this CPU can be read. Otherwise why not: a sentence, static. */
const char *jf_proof_why_not(void);

#endif
