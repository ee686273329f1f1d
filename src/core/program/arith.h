/* SPDX-License-Identifier: MIT
 *
 * Arithmetic of programs on values held in words: what run.c computes with, and
 * what machine code calls where an instruction would not do. An integer stands in
 * a word extended by its kind, a float by its bits. Nothing here traps or touches
 * errno.
 */
#ifndef JF_CORE_PROGRAM_ARITH_H
#define JF_CORE_PROGRAM_ARITH_H

#include "core/program/program.h"

/* The low bytes of `w` as an integer of kind `k`, extended to 64 bits. */
uint64_t jf_arith_extend(jf_Scalar k, uint64_t w);
/* a op b; NEG and NOT read a alone. `k` is of all of them. */
uint64_t jf_arith_op(jf_ProgramOp op, jf_Scalar k, uint64_t a, uint64_t b);
uint64_t jf_arith_cast(jf_Scalar to, jf_Scalar from, uint64_t a);
bool jf_arith_compare(jf_Cond cc, jf_Scalar k, uint64_t a, uint64_t b);
bool jf_arith_is_true(jf_Scalar k, uint64_t a); /* not zero; NaN is not */

/* Python's // and %. b == 0 gives 0. */
int64_t jf_arith_floordiv(int64_t a, int64_t b);
int64_t jf_arith_floormod(int64_t a, int64_t b);
/* b == 0 gives a / b and NaN. */
double jf_arith_floordivf(double a, double b);
double jf_arith_floormodf(double a, double b);

#endif
