/* SPDX-License-Identifier: MIT
 *
 * Inner header of the libffi fallback: a signature as libffi is told it.
 *
 *   planned   not the C types, but the places of our plan: so many integer
 *             registers, so many vector registers, then the stack area word by
 *             word. libffi's own idea of structs is never asked.
 *   natural   the C types themselves, for CPUs without a plan; what libffi
 *             cannot express or gets wrong is refused by name.
 */
#ifndef JF_ENGINE_FFI_SHAPE_H
#define JF_ENGINE_FFI_SHAPE_H

#include "engine/inner.h"

#include <ffi.h>

enum { FFI_MAX_GPR = 8, FFI_MAX_VEC = 8, FFI_RESULT = 64 };

typedef struct Shape {
    ffi_cif cif;
    ffi_type **args;        /* arena */
    ffi_type *result;       /* arena or libffi's */
    const jf_Plan *plan;    /* borrowed: lives as long as the shape */
    uint8_t n_gpr, n_vec;   /* planned: register arguments described */
    uint32_t n_words;       /* planned: words of the stack area */
    jf_Arena arena;
} Shape;

jf_Status ffi_shape_planned(Shape *s, const jf_Plan *plan, const jf_Type *fn,
                            jf_Diag *d);
jf_Status ffi_shape_natural(Shape *s, const jf_Plan *plan, const jf_Type *fn,
                            jf_Type *const *extra, jf_Diag *d);
void ffi_shape_free(Shape *s);

void ffi_call_planned(const Shape *s, void *fn, void *slots, void *ret);
void ffi_call_natural(const Shape *s, void *fn, void *slots, void *ret);

/* What a closure does; `cb` is the callback. */
void ffi_answer_planned(const Shape *s, jf_Callback *cb, void *result, void **args);
void ffi_answer_natural(const Shape *s, jf_Callback *cb, void *result, void **args);

jf_Status ffi_no_memory(jf_Diag *d);

#endif
