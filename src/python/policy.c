/* SPDX-License-Identifier: MIT
 *
 * How calls of a function are made, decided once: what its declaration asks for,
 * and what its machine code proves.
 */
#include "python/call.h"

uint8_t jpy_policy(FunctionInfo *f)
{
    if (!f->decided) {
        f->policy = f->gil == JF_GIL_HOLD ? POLICY_HOLD : 0;
        f->decided = 1;
    }
    return f->policy;
}

uint8_t jpy_policy_of(CDataObject *fn)
{
    FunctionInfo *f = jpy_function_info(fn);
    return f ? jpy_policy(f) : 0;
}
