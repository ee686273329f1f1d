/* SPDX-License-Identifier: MIT
 *
 * The flat view of a value: its scalars with their offsets, wherever they stand
 * in structs, unions and arrays. What each of them means for a convention is the
 * convention's affair.
 */
#include "core/abi/convention.h"

#include "core/base/bits.h"

static void put(jf_PlanMaker *m, jf_Leaf leaf)
{
    for (uint32_t i = 0; i < m->n_leaves; i++) {
        const jf_Leaf *l = &m->leaves[i];
        if (l->offset == leaf.offset && l->size == leaf.size &&
            l->cls == leaf.cls && l->named == leaf.named && l->align == leaf.align)
            return; /* a union says it again */
    }
    if (m->n_leaves == m->cap_leaves) {
        uint32_t cap = m->cap_leaves ? m->cap_leaves * 2 : 32;
        jf_Leaf *p = jf_realloc(m->leaves, cap * sizeof *p);
        if (!p) {
            m->failed = true;
            return;
        }
        m->leaves = p;
        m->cap_leaves = cap;
    }
    m->leaves[m->n_leaves++] = leaf;
}

static void put_scalar(jf_PlanMaker *m, const jf_Type *t, uint32_t offset,
                       jf_LeafClass cls)
{
    uint32_t size = (uint32_t)t->size;
    put(m, (jf_Leaf){offset, size, (uint8_t)cls, true, t->align});
}

static jf_LeafClass float_class(const jf_PlanMaker *m, const jf_Type *t)
{
    bool is_long = t->prim == JF_P_LDOUBLE || t->prim == JF_P_FLOAT64X;
    return is_long && m->target->ldouble_is_x87 ? JF_LEAF_X87 : JF_LEAF_FLOAT;
}

static void walk(jf_PlanMaker *m, const jf_Type *t, uint32_t offset);

static void walk_field(jf_PlanMaker *m, const jf_Field *f, uint32_t offset)
{
    offset += (uint32_t)f->offset;
    if (f->bits < 0) {
        walk(m, f->type, offset);
        return;
    }
    uint32_t first = f->bit_shift / 8u;
    uint32_t end = f->bits ? (f->bit_shift + (uint32_t)f->bits + 7) / 8 : first;
    put(m,
        (jf_Leaf){offset + first, end - first, JF_LEAF_BITS, f->name != NULL, 1});
}

static void walk_array(jf_PlanMaker *m, const jf_Type *t, uint32_t offset)
{
    uint64_t n = t->length == JF_UNKNOWN ? 0 : t->length;
    if (n == 0 || t->to->size == 0) {
        put(m, (jf_Leaf){offset, 0, JF_LEAF_EMPTY, true, t->to->align});
        return;
    }
    for (uint64_t i = 0; i < n; i++)
        walk(m, t->to, offset + (uint32_t)(i * t->to->size));
}

static void walk(jf_PlanMaker *m, const jf_Type *t, uint32_t offset)
{
    switch ((jf_Kind)t->kind) {
    case JF_ARRAY:
        walk_array(m, t, offset);
        break;
    case JF_STRUCT:
    case JF_UNION:
        for (uint32_t i = 0; i < t->u.rec->n_fields; i++)
            walk_field(m, &t->u.rec->fields[i], offset);
        break;
    case JF_FLOAT:
        put_scalar(m, t, offset, float_class(m, t));
        break;
    case JF_COMPLEX:
        put_scalar(m, t->to, offset, float_class(m, t->to));
        put_scalar(m, t->to, offset + (uint32_t)t->to->size, float_class(m, t->to));
        break;
    case JF_VECTOR:
        put_scalar(m, t, offset, JF_LEAF_VECTOR);
        break;
    default:
        put_scalar(m, t, offset, JF_LEAF_INT);
        break;
    }
}

/* AAPCS64 5.9: the natural alignment of a composite is the largest of its
 * members', and attributes on the whole do not count. */
static uint32_t inner_align(const jf_Type *t)
{
    if (!jf_is_record(t))
        return t->align;
    const jf_Record *r = t->u.rec;
    uint32_t most = 1;
    for (uint32_t i = 0; i < r->n_fields; i++) {
        const jf_Field *f = &r->fields[i];
        uint32_t a = f->type->align;
        if ((r->flags & JF_R_PACKED) || f->packed)
            a = 1;
        if (f->align > a)
            a = f->align;
        if (r->pack && r->pack < a)
            a = r->pack;
        if (a > most)
            most = a;
    }
    return most;
}

bool jf_view_make(jf_PlanMaker *m, const jf_Type *t, jf_View *v)
{
    m->n_leaves = 0;
    *v = (jf_View){.type = t,
                   .size = t->size,
                   .align = t->align,
                   .inner = inner_align(t),
                   .aggregate = jf_is_record(t)};
    if (t->size <= JF_VIEW_MAX)
        walk(m, t, 0);
    v->leaves = m->leaves;
    v->n = m->n_leaves;
    return !m->failed;
}
