/* SPDX-License-Identifier: MIT
 * Between bridge.c and the instructions of one convention. */
#ifndef BRIDGE_H
#define BRIDGE_H

#include "core/plan/plan.h"
#include "core/target/target.h"

extern const jf_Target *const bridge_target;

/* Load the argument registers and `stack_size` bytes of stack, call, store the
 * result registers; `x87` values are taken off the x87 stack. */
void bridge_call(void *fn, jf_Regs *regs, uint64_t stack_size, uint64_t x87,
                 uint64_t n_vec);

/* What C calls: never with these types. Each saves the argument registers, calls
 * bridge_dispatch and loads the result registers (and 0, 1, 2 x87 values). */
void bridge_entry(void);
void bridge_entry_x87_1(void);
void bridge_entry_x87_2(void);
void bridge_dispatch(jf_Regs *regs);

#endif
