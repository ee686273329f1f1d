/* SPDX-License-Identifier: MIT
 *
 * AArch64: how values travel, for Linux and as Apple changed it. Sources:
 * Procedure Call Standard for the Arm 64-bit Architecture, 6.8.2 (rules A to C)
 * and 6.9; Apple's "Writing ARM64 code for Apple platforms". Where these are
 * silent, what GCC does on Linux (tests/abi compares).
 */
#include "core/abi/convention.h"
#include "core/base/bits.h"

enum { N_GPR = 8, N_VEC = 8, MAX_HFA = 4 };

/* What a value is to the rules. */
typedef enum Shape {
    S_WORD,  /* integer or pointer of up to 8 bytes */
    S_PAIR,  /* 16-byte integer */
    S_VEC,   /* one to four registers v: float, vector, HFA, HVA */
    S_SMALL, /* composite of up to 16 bytes */
    S_LARGE  /* composite that travels as an address */
} Shape;

typedef struct Seen {
    Shape shape;
    uint32_t n;    /* S_VEC: registers; S_SMALL: double-words */
    uint32_t part; /* S_VEC: bytes of each */
} Seen;

static bool is_vec_leaf(const jf_Leaf *l)
{
    return (l->cls == JF_LEAF_FLOAT || l->cls == JF_LEAF_VECTOR) && l->size <= 16;
}

/* A struct (no union) that is one vector or one complex number is passed as
 * that; GCC lets neither empty arrays nor bit-fields of width zero spoil it. */
static uint32_t whole_value(const jf_View *v, uint32_t *part)
{
    uint32_t n = 0, vectors = 0, parts = 0;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < v->n; i++) {
        const jf_Leaf *l = &v->leaves[i];
        if (l->cls == JF_LEAF_OPEN || (l->in_union && !l->ghost && !l->empty))
            return 0;
        if (l->ghost || l->size == 0)
            continue;
        n++;
        vectors += l->cls == JF_LEAF_VECTOR;
        parts += l->cls == JF_LEAF_FLOAT && l->is_complex;
        bytes += l->size;
        *part = l->size;
    }
    bool one = (n == 1 && vectors == 1) || (n == 2 && parts == 2);
    return one && bytes == v->size && *part <= 16 ? n : 0;
}

/* How many parts of `part` bytes fill `t`, whose scalars all have that size;
 * JF_UNKNOWN if there is padding at any level. The flat view cannot tell: in a
 * union another member may lie over the gap. */
static uint64_t count_parts(const jf_Type *t, uint32_t part)
{
    uint64_t n = 0;
    if (t->kind == JF_ARRAY) {
        n = t->length ? count_parts(t->to, part) : 0;
        return n == JF_UNKNOWN ? n : n * t->length;
    }
    if (!jf_is_record(t))
        return t->size / part;
    for (uint32_t i = 0; i < t->u.rec->n_fields; i++) {
        const jf_Field *f = &t->u.rec->fields[i];
        uint64_t m = f->bits < 0 ? count_parts(f->type, part) : 0;
        if (m == JF_UNKNOWN)
            return m;
        n = t->kind == JF_STRUCT ? n + m : m > n ? m : n;
    }
    return n * part == t->size ? n : JF_UNKNOWN;
}

/* 5.9.5: one to four members of one fundamental or vector type and nothing
 * else: no padding, no empty arrays. */
static uint32_t homogeneous(const jf_View *v, uint32_t *part)
{
    uint32_t n = whole_value(v, part);
    const jf_Leaf *first = NULL;
    if (n)
        return n;
    for (uint32_t i = 0; i < v->n; i++) {
        const jf_Leaf *l = &v->leaves[i];
        if (l->cls == JF_LEAF_BITS && l->size == 0 && !l->in_union)
            continue; /* of width zero: no member, unless of a union */
        first = first ? first : l;
        if (l->ghost || !is_vec_leaf(l) || l->size != first->size ||
            l->cls != first->cls)
            return 0;
        n++;
    }
    if (n == 0 || n > MAX_HFA || count_parts(v->type, first->size) != n)
        return 0;
    *part = first->size;
    return n;
}

static Seen look(const jf_View *v)
{
    jf_Kind kind = (jf_Kind)v->type->kind;
    bool composite = v->aggregate || kind == JF_VALIST || kind == JF_COMPLEX;
    uint32_t part = 0;
    uint32_t n = homogeneous(v, &part);
    if (n)
        return (Seen){S_VEC, n, part};
    if (v->size > 16)
        return (Seen){S_LARGE, 1, 8};
    if (composite || kind == JF_VECTOR)
        return (Seen){S_SMALL, (uint32_t)(v->size + 7) / 8, 8};
    return v->size > 8 ? (Seen){S_PAIR, 2, 8} : (Seen){S_WORD, 1, 8};
}

/* Pieces in consecutive registers of one kind. */
static void in_registers(jf_PlanMaker *m, const jf_View *v, const Seen *s,
                         jf_Place place, uint32_t reg, jf_PlanValue *out)
{
    uint64_t size = s->shape == S_LARGE ? 8 : v->size;
    for (uint32_t i = 0; i < s->n; i++) {
        uint64_t left = size - i * s->part;
        jf_Piece p = {.place = (uint8_t)place,
                      .reg = (uint8_t)(reg + i),
                      .size = left < s->part ? (uint32_t)left : s->part,
                      .offset = i * s->part};
        if (s->shape == S_WORD)
            p.extend = jf_maker_extend(v);
        jf_maker_piece(m, out, p);
    }
}

/* Rules C.4 to C.6 and C.14 to C.17: double-words, or 16 bytes where the type
 * is aligned so. Apple packs named arguments to their own alignment. */
static jf_Status on_stack(jf_PlanMaker *m, const jf_View *v, const Seen *s,
                          bool apple, bool variadic, jf_PlanValue *out)
{
    uint64_t size = s->shape == S_LARGE ? 8 : v->size;
    uint32_t align = s->shape == S_LARGE ? 8 : v->inner;
    if (apple && !variadic && (s->shape == S_WORD || s->shape == S_VEC)) {
        align = s->shape == S_WORD ? v->align : s->part;
        jf_maker_stack(m, out, size, align, 1);
        return JF_OK;
    }
    if (size)
        jf_maker_stack(m, out, size, align >= 16 ? 16 : 8, 8);
    return JF_OK;
}

static jf_Status arg(jf_PlanMaker *m, const jf_View *v, bool apple, bool variadic,
                     jf_PlanValue *out)
{
    Seen s = look(v);
    out->indirect = s.shape == S_LARGE;
    if (v->size == 0)
        return JF_OK;
    if (apple && variadic)
        return on_stack(m, v, &s, apple, variadic, out);
    if (s.shape == S_VEC) {
        if (m->vec + s.n <= N_VEC) { /* C.1, C.2 */
            in_registers(m, v, &s, JF_IN_VEC, m->vec, out);
            m->vec += s.n;
            return JF_OK;
        }
        m->vec = N_VEC; /* C.3 */
        return on_stack(m, v, &s, apple, variadic, out);
    }
    if ((s.shape == S_PAIR || s.shape == S_SMALL) && v->inner >= 16)
        m->gpr = (uint32_t)jf_round_up(m->gpr, 2); /* C.8, C.10 */
    if (m->gpr + s.n <= N_GPR) {                   /* C.9 to C.12 */
        in_registers(m, v, &s, JF_IN_GPR, m->gpr, out);
        m->gpr += s.n;
        return JF_OK;
    }
    m->gpr = N_GPR; /* C.13 */
    return on_stack(m, v, &s, apple, variadic, out);
}

static jf_Status aapcs64_arg(jf_PlanMaker *m, const jf_View *v, bool variadic,
                             jf_PlanValue *out, jf_Diag *d)
{
    (void)d;
    return arg(m, v, false, variadic, out);
}

static jf_Status apple64_arg(jf_PlanMaker *m, const jf_View *v, bool variadic,
                             jf_PlanValue *out, jf_Diag *d)
{
    (void)d;
    return arg(m, v, true, variadic, out);
}

/* 6.9: a result comes back where it would go as the only argument; one that
 * would travel as an address goes to memory that x8 points at. */
static jf_Status result(jf_PlanMaker *m, const jf_View *v, jf_PlanValue *out,
                        jf_Diag *d)
{
    Seen s = look(v);
    (void)d;
    if (s.shape == S_LARGE) {
        m->sret = JF_SRET_X8;
        out->indirect = true;
    } else {
        in_registers(m, v, &s, s.shape == S_VEC ? JF_IN_VEC : JF_IN_GPR, 0, out);
    }
    return JF_OK;
}

const jf_Convention jf_convention_aapcs64 = {result, aapcs64_arg, 0};
const jf_Convention jf_convention_apple64 = {result, apple64_arg, 0};
