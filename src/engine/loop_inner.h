/* SPDX-License-Identifier: MIT
 *
 * Inner header of the loops: the record, and the recipe that loop_code.c writes.
 */
#ifndef JF_ENGINE_LOOP_INNER_H
#define JF_ENGINE_LOOP_INNER_H

#include "engine/loop.h"

typedef size_t (*LoopThunk)(char *const *operands, const intptr_t *dimensions,
                            const intptr_t *steps);

struct jf_Loop {
    LoopThunk thunk;     /* NULL: item by item through `call` */
    jf_Code *code;       /* owned; NULL without machine code */
    jf_Call *call;       /* owned; NULL with machine code */
    const jf_Plan *plan; /* the function type's */
    void *address;
    jf_LoopArg *args; /* owned; the fixed values stand behind them */
    int result;
    uint16_t n_operands;
    bool stop;
};

/* Fills l->code; everything else of `l` stands. JF_UNSUPPORTED: not in code. */
jf_Status engine_loop_code(jf_Loop *l, const jf_Type *fn, const char *name,
                           jf_Diag *d);

#endif
