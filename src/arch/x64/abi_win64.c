/* SPDX-License-Identifier: MIT
 *
 * Microsoft x64: how values travel. Source: Microsoft's "x64 calling convention"
 * pages; for types that they do not name (80-bit long double, __int128, complex
 * numbers), what GCC for mingw does (tests/abi compares).
 */
#include "core/abi/convention.h"
#include "core/base/bits.h"

enum { N_REG = 4, SHADOW = 32 };

/* "Structs and unions of size 8, 16, 32, or 64 bits are passed as if they were
 * integers of the same size"; the like holds of every other type. */
static bool fits_word(const jf_View *v)
{
    return v->size == 1 || v->size == 2 || v->size == 4 || v->size == 8;
}

static bool is_real(const jf_View *v)
{
    return v->type->kind == JF_FLOAT && (v->size == 4 || v->size == 8);
}

/* The n-th argument owns the n-th register of both kinds, whichever it uses:
 * m->gpr counts arguments. Padding (`hollow`) gets no room on the stack, as GCC has
 * it. */
static void place_word(jf_PlanMaker *m, jf_PlanValue *out, jf_Piece p, bool hollow)
{
    if (m->gpr >= N_REG) {
        if (hollow)
            return;
        jf_maker_stack(m, out, p.size, 8, 8);
        return;
    }
    p.reg = (uint8_t)m->gpr++;
    if (p.place != JF_IN_GPR)
        m->vec = m->gpr;
    jf_maker_piece(m, out, p);
}

static jf_Status win64_arg(jf_PlanMaker *m, const jf_View *v, bool variadic,
                           jf_PlanValue *out, jf_Diag *d)
{
    jf_Piece p = {.place = JF_IN_GPR, .size = (uint32_t)v->size};
    (void)d;
    if (!fits_word(v)) {
        out->indirect = true;
        p.size = 8;
    } else if (is_real(v)) {
        p.place = variadic ? JF_IN_BOTH : JF_IN_VEC;
    } else {
        p.extend = jf_maker_extend(v);
    }
    place_word(m, out, p, v->hollow && !out->indirect);
    return JF_OK;
}

/* Results: xmm0 for float, double, and 16-byte vectors and integers; rax for
 * what fits it; memory for the rest. */
static jf_Status win64_result(jf_PlanMaker *m, const jf_View *v, jf_PlanValue *out,
                              jf_Diag *d)
{
    jf_Piece p = {.place = JF_IN_GPR, .size = (uint32_t)v->size};
    bool wide =
        v->size == 16 && (v->type->kind == JF_VECTOR || v->type->kind == JF_INT);
    (void)d;
    if (wide || is_real(v)) {
        p.place = JF_IN_VEC;
        jf_maker_piece(m, out, p);
    } else if (fits_word(v)) {
        p.extend = jf_maker_extend(v);
        jf_maker_piece(m, out, p);
    } else if (!v->hollow) {
        m->sret = JF_SRET_GPR0;
        m->gpr = 1;
        out->indirect = true;
    }
    return JF_OK;
}

const jf_Convention jf_convention_win64 = {win64_result, win64_arg, SHADOW};
