/* SPDX-License-Identifier: MIT
 *
 * Loops: one C function run over arrays in one crossing. Machine code made per
 * signature walks the operands; without machine code the plan is read for each
 * item. ufunc, map and streams stand on this.
 *
 *   double hypot(double x, double y)      operands   0: x   1: y   2: result
 *   int    split(double x, double *w)     operands   0: x   1: w   2: result
 *                                         w is passed the ADDRESS of its item
 *
 * An operand is an array: the address of its first item and the distance in bytes
 * from one item to the next (0: the same item again; negative: backwards).
 */
#ifndef JF_ENGINE_LOOP_H
#define JF_ENGINE_LOOP_H

#include "engine/engine.h"

typedef enum jf_LoopHow {
    JF_LOOP_ITEM,    /* the argument is the operand's item, by value */
    JF_LOOP_ADDRESS, /* ... the item's address: out-parameters, structs by pointer */
    JF_LOOP_FIXED    /* ... the same value at every call */
} jf_LoopHow;

typedef struct jf_LoopArg {
    uint8_t how;        /* jf_LoopHow */
    uint16_t operand;   /* ITEM, ADDRESS: which */
    const void *fixed;  /* FIXED: the value in memory; copied by jf_loop_new */
} jf_LoopArg;

typedef struct jf_LoopSpec {
    jf_Type *fn;            /* FUNC, not variadic; borrowed for the loop's life */
    void *address;          /* of the function */
    const jf_LoopArg *args; /* one for each parameter */
    int result;             /* operand that takes the result; -1: nobody wants it */
    uint16_t n_operands;    /* each used at least once */
    bool stop;              /* after the first item whose result, an integer or a
                               pointer, is not zero */
    const char *name;       /* for debuggers, "hypot"; copied */
} jf_LoopSpec;

typedef struct jf_Loop jf_Loop;

/* JF_UNSUPPORTED with a sentence when the function cannot be called at all. */
jf_Status jf_loop_new(jf_Universe *u, const jf_LoopSpec *spec, jf_Loop **loop,
                      jf_Diag *d);
/* Run items 0 .. n-1. Returns n, or, with `stop`, the index of the item that
 * stopped it (its outputs are written). Usable from any thread, several at once. */
size_t jf_loop_run(const jf_Loop *l, char *const *operands, const intptr_t *steps,
                   size_t n);
/* The same as NumPy's inner loop (PyUFuncGenericFunction): dimensions[0] items,
 * to be given `*data`. */
typedef void (*jf_NumPyLoop)(char **args, const intptr_t *dimensions,
                             const intptr_t *steps, void *data);
jf_NumPyLoop jf_loop_numpy(const jf_Loop *l, void **data);
void jf_loop_free(jf_Loop *l); /* nobody may be running it; NULL is fine */

#endif
