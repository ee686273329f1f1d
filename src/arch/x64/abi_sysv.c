/* SPDX-License-Identifier: MIT
 *
 * System V x86-64: how values travel between caller and callee. Source: System
 * V Application Binary Interface, AMD64 supplement, 3.2.3; where it leaves a
 * choice, what GCC does (tests/abi compares).
 */
#include "core/abi/convention.h"
#include "core/base/bits.h"

enum { N_GPR = 6, N_VEC = 8 };

/* 3.2.3, "Classification": the class of one eightbyte. */
typedef enum Class {
    C_NONE,
    C_INTEGER,
    C_SSE,
    C_SSEUP,
    C_X87,
    C_X87UP,
    C_MEMORY
} Class;

/* 3.2.3, aggregates, step 4: two classes that meet in one eightbyte. */
static Class merge(Class a, Class b)
{
    if (a == b || b == C_NONE)
        return a;
    if (a == C_NONE)
        return b;
    if (a == C_MEMORY || b == C_MEMORY)
        return C_MEMORY;
    if (a == C_INTEGER || b == C_INTEGER)
        return C_INTEGER;
    if (a == C_X87 || a == C_X87UP || b == C_X87 || b == C_X87UP)
        return C_MEMORY;
    return C_SSE;
}

/* Does the leaf stand at a multiple of its size, as classification wants? GCC
 * asks that of an array's first element only. */
static bool is_aligned(const jf_Leaf *l)
{
    return l->cls == JF_LEAF_BITS || l->repeat || l->size == 0 ||
           l->offset % l->size == 0;
}

/* Is there nothing to classify? GCC lets two things count that hold no bits: the
 * type of an array of no elements, or of what is in a record of no bytes, unless
 * that begins an eightbyte; and that of a zero-width bit-field which is a member
 * of a union. */
static bool is_nothing(const jf_Leaf *l)
{
    if (l->empty && (l->origin % 8 == 0 || l->offset / 8 != l->origin / 8))
        return true;
    if (l->cls == JF_LEAF_BITS && l->size == 0)
        return !l->in_union;
    if (l->ghost && (l->origin % 8 == 0 || l->offset / 8 != l->origin / 8))
        return true;
    return l->size == 0;
}

/* Merge the classes of one scalar into those of the value. */
static void classify_leaf(const jf_Leaf *l, Class cls[2])
{
    uint32_t first = l->offset / 8;
    uint32_t last = l->size ? (l->offset + l->size - 1) / 8 : first;
    if (first > 1 || last > 1) {
        JF_ASSERT(l->ghost || l->size == 0);
        return;
    }
    switch ((jf_LeafClass)l->cls) {
    case JF_LEAF_INT:
    case JF_LEAF_BITS:
        for (uint32_t i = first; i <= last; i++)
            cls[i] = merge(cls[i], C_INTEGER);
        break;
    case JF_LEAF_FLOAT:
    case JF_LEAF_VECTOR:
        cls[first] = merge(cls[first], C_SSE);
        if (last > first)
            cls[last] = merge(cls[last], C_SSEUP);
        break;
    case JF_LEAF_X87:
        cls[first] = merge(cls[first], C_X87);
        cls[last] = merge(cls[last], C_X87UP);
        break;
    case JF_LEAF_OPEN:
        break;
    }
}

/* An array of no elements that does not begin an eightbyte: GCC classifies its
 * element type there, and where that is for memory so is the whole value. */
static bool ghost_in_memory(const jf_Leaf *l)
{
    if (!l->ghost || l->origin % 8 == 0)
        return false;
    return !is_aligned(l) || (uint64_t)l->origin % 8 + l->bulk > 16;
}

/* Merge the classes of the view's scalars into those of the value. */
static void classify_leaves(const jf_View *v, Class cls[2])
{
    for (uint32_t i = 0; i < v->n; i++) {
        const jf_Leaf *l = &v->leaves[i];
        if (ghost_in_memory(l))
            cls[0] = C_MEMORY;
        else if (is_nothing(l))
            continue;
        else if (is_aligned(l))
            classify_leaf(l, cls);
        else
            cls[0] = C_MEMORY;
    }
}

/* 3.2.3, aggregates, step 5: the post-merger clean-up. */
static void clean_up(uint64_t size, Class cls[2])
{
    if (size <= 8)
        cls[1] = C_NONE; /* what holds no bits may stand behind the last byte */
    if (cls[1] == C_MEMORY || (cls[1] == C_X87UP && cls[0] != C_X87))
        cls[0] = C_MEMORY;
    if (cls[1] == C_SSEUP && cls[0] != C_SSE)
        cls[1] = C_SSE;
}

static bool has_x87(const jf_View *v)
{
    for (uint32_t i = 0; i < v->n; i++)
        if (v->leaves[i].cls == JF_LEAF_X87)
            return true;
    return false;
}

/* Classes of a record of 16 bytes that holds a long double, which begins it.
 * Here it matters which record a scalar stands in: merging and clean-up are done
 * for each one inside by itself (step 4, "classified recursively"), and X87 does
 * not merge the same way in every order. Uses the maker's leaves. */
static void classify_deep(jf_PlanMaker *m, const jf_Type *t, Class cls[2])
{
    cls[0] = cls[1] = C_NONE;
    for (uint32_t i = 0; i < t->u.rec->n_fields; i++) {
        const jf_Type *inner = t->u.rec->fields[i].type;
        jf_View part;
        if (!jf_view_field(m, t, i, &part))
            return; /* out of memory: the maker says so */
        while (inner->kind == JF_ARRAY && inner->length == 1)
            inner = inner->to;
        if (!jf_is_record(inner) || !has_x87(&part)) {
            classify_leaves(&part, cls);
            continue;
        }
        Class of_inner[2];
        classify_deep(m, inner, of_inner);
        cls[0] = merge(cls[0], of_inner[0]);
        cls[1] = merge(cls[1], of_inner[1]);
    }
    clean_up(t->size, cls);
}

/* Classes of both eightbytes; C_MEMORY in the first means the whole. */
static void classify(jf_PlanMaker *m, const jf_View *v, Class cls[2])
{
    cls[0] = cls[1] = C_NONE;
    if (v->size == 0)
        return;
    if (v->size > 16) {
        cls[0] = C_MEMORY;
    } else if (v->aggregate && has_x87(v)) {
        classify_deep(m, v->type, cls);
    } else {
        classify_leaves(v, cls);
        clean_up(v->size, cls);
    }
}

static uint32_t count(const Class cls[2], Class wanted)
{
    return (cls[0] == wanted ? 1u : 0u) + (cls[1] == wanted ? 1u : 0u);
}

/* Append the pieces of a value in registers, from the given numbers on. */
static void put_pieces(jf_PlanMaker *m, const jf_View *v, const Class cls[2],
                       uint32_t gpr, uint32_t vec, jf_PlanValue *out)
{
    for (uint32_t i = 0; i < 2 && i * 8 < v->size; i++) {
        uint32_t left = (uint32_t)v->size - i * 8;
        jf_Piece p = {.offset = i * 8, .size = left < 8 ? left : 8};
        if (cls[i] == C_INTEGER) {
            p.place = JF_IN_GPR;
            p.reg = (uint8_t)gpr++;
            p.extend = jf_maker_extend(v);
        } else if (cls[i] == C_SSE) {
            p.place = JF_IN_VEC;
            p.reg = (uint8_t)vec++;
            if (i == 0 && cls[1] == C_SSEUP)
                p.size = (uint32_t)v->size;
        } else {
            continue;
        }
        jf_maker_piece(m, out, p);
    }
}

/* Values of 32 bytes and more whose content is one vector travel in ymm or
 * zmm registers, or not, depending on how the library was compiled. */
static bool is_wide_vector(const jf_View *v)
{
    for (uint32_t i = 0; i < v->n; i++)
        if (v->leaves[i].cls == JF_LEAF_VECTOR && v->leaves[i].size > 16 &&
            v->leaves[i].size == v->size)
            return true;
    return false;
}

static jf_Status on_stack(jf_PlanMaker *m, const jf_View *v, jf_PlanValue *out,
                          jf_Diag *d)
{
    if (v->hollow) /* GCC and Clang give padding no room; in registers they do */
        return JF_OK;
    if (v->align > 16)
        return jf_maker_refuse(v,
                               "is passed on the stack and wants more than 16 "
                               "bytes of alignment there",
                               d);
    jf_maker_stack(m, out, v->size, v->align < 8 ? 8 : v->align, 8);
    return JF_OK;
}

/* An address travels in place of the value: va_list, which is an array here. */
static void pass_address(jf_PlanMaker *m, jf_PlanValue *out)
{
    out->size = 8;
    out->align = 8;
    if (m->gpr < N_GPR)
        jf_maker_piece(
            m, out,
            (jf_Piece){.place = JF_IN_GPR, .reg = (uint8_t)m->gpr++, .size = 8});
    else
        jf_maker_stack(m, out, 8, 8, 8);
}

static jf_Status sysv_arg(jf_PlanMaker *m, const jf_View *v, bool variadic,
                          jf_PlanValue *out, jf_Diag *d)
{
    Class cls[2];
    (void)variadic; /* the same places; al is told the count by n_vec */
    if (v->type->kind == JF_VALIST) {
        pass_address(m, out);
        return JF_OK;
    }
    if (is_wide_vector(v))
        return jf_maker_refuse(v,
                               "is a vector of more than 16 bytes: how it is "
                               "passed depends on compiler options",
                               d);
    classify(m, v, cls);
    if (cls[0] == C_MEMORY || cls[0] == C_X87 || cls[1] == C_X87)
        return on_stack(m, v, out, d);
    uint32_t gprs = count(cls, C_INTEGER);
    uint32_t vecs = count(cls, C_SSE);
    if (m->gpr + gprs > N_GPR || m->vec + vecs > N_VEC)
        return on_stack(m, v, out, d); /* whole, and later ones may still fit */
    put_pieces(m, v, cls, m->gpr, m->vec, out);
    m->gpr += gprs;
    m->vec += vecs;
    return JF_OK;
}

static jf_Status sysv_result(jf_PlanMaker *m, const jf_View *v, jf_PlanValue *out,
                             jf_Diag *d)
{
    Class cls[2];
    if (is_wide_vector(v))
        return jf_maker_refuse(v,
                               "is a vector of more than 16 bytes: how it is "
                               "returned depends on compiler options",
                               d);
    if (v->type->kind == JF_COMPLEX && v->n && v->leaves[0].cls == JF_LEAF_X87) {
        for (uint32_t i = 0; i < 2; i++) /* class COMPLEX_X87: st0 and st1 */
            jf_maker_piece(m, out,
                           (jf_Piece){.place = JF_IN_X87,
                                      .reg = (uint8_t)i,
                                      .size = 10,
                                      .offset = i * 16});
        return JF_OK;
    }
    classify(m, v, cls);
    if (cls[0] == C_MEMORY && v->hollow)
        return JF_OK; /* padding is not worth an address, say the compilers */
    if (cls[0] == C_MEMORY) {
        m->sret = JF_SRET_GPR0;
        m->gpr = 1;
        out->indirect = true;
    } else if (cls[0] == C_X87) {
        jf_maker_piece(m, out, (jf_Piece){.place = JF_IN_X87, .size = 10});
    } else {
        put_pieces(m, v, cls, 0, 0, out);
    }
    return JF_OK;
}

const jf_Convention jf_convention_sysv = {sysv_result, sysv_arg, 0};
