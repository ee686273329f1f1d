/* SPDX-License-Identifier: MIT
 *
 * The flat view of a value: its scalars with their offsets, wherever they stand
 * in structs, unions and arrays. What each of them means for a convention is the
 * convention's affair.
 */
#include "core/abi/convention.h"

#include "core/base/bits.h"

/* One walk over one value. */
typedef struct Walk {
    jf_PlanMaker *m;
    bool ghost;      /* inside an array of no elements */
    bool empty;      /* inside a struct or union of no bytes */
    uint32_t origin; /* the outermost such array's or record's offset */
    uint32_t bulk;   /* ghost: bytes of one element of that array */
    bool in_union;   /* inside a union, however deep */
    bool repeat;     /* behind the first element of an array */
    bool is_complex; /* at the parts of a complex number */
} Walk;

static bool same_leaf(const jf_Leaf *a, const jf_Leaf *b)
{
    return a->offset == b->offset && a->size == b->size && a->cls == b->cls &&
           a->named == b->named && a->in_union == b->in_union &&
           a->ghost == b->ghost && a->empty == b->empty && a->origin == b->origin &&
           a->bulk == b->bulk;
}

static void put(Walk *w, jf_Leaf leaf)
{
    jf_PlanMaker *m = w->m;
    leaf.ghost = w->ghost;
    leaf.repeat = w->repeat;
    leaf.empty = w->empty;
    leaf.origin = w->ghost || w->empty ? w->origin : 0;
    leaf.bulk = w->ghost ? w->bulk : 0;
    for (uint32_t i = 0; i < m->n_leaves; i++)
        if (same_leaf(&m->leaves[i], &leaf))
            return; /* a union says it again */
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

static void put_scalar(Walk *w, const jf_Type *t, uint32_t offset, jf_LeafClass cls)
{
    put(w, (jf_Leaf){.offset = offset,
                     .size = (uint32_t)t->size,
                     .cls = (uint8_t)cls,
                     .named = true,
                     .in_union = w->in_union,
                     .is_complex = w->is_complex});
}

static jf_LeafClass float_class(const Walk *w, const jf_Type *t)
{
    bool is_long = t->prim == JF_P_LDOUBLE || t->prim == JF_P_FLOAT64X;
    return is_long && w->m->target->ldouble_is_x87 ? JF_LEAF_X87 : JF_LEAF_FLOAT;
}

static void walk(Walk *w, const jf_Type *t, uint32_t offset);

/* GCC takes a bit-field for an ordinary integer of `bytes` bytes, which must be
 * aligned to count, where it fills one that is in its place (c.f. its
 * DECL_BIT_FIELD); in a union, always. 0: it remains a bit-field. */
static uint32_t whole_bytes(const jf_Field *f, const jf_Type *rec)
{
    uint64_t w = (uint64_t)f->bits, at = f->offset * 8 + f->bit_shift;
    bool packed = f->packed || (rec->u.rec->flags & JF_R_PACKED);
    if (!w)
        return 0;
    if (rec->kind == JF_UNION)
        return w <= 8 ? 1 : w <= 16 ? 2 : w <= 32 ? 4 : 8;
    if (!jf_is_pow2(w) || w < 8 || at % w || (packed && w > 8))
        return 0;
    return (uint32_t)w / 8;
}

static void walk_field(Walk *w, const jf_Field *f, const jf_Type *rec,
                       uint32_t offset)
{
    offset += (uint32_t)f->offset;
    if (f->bits < 0) {
        walk(w, f->type, offset);
        return;
    }
    uint32_t first = f->bit_shift / 8u;
    uint32_t end = f->bits ? (f->bit_shift + (uint32_t)f->bits + 7) / 8 : first;
    uint32_t whole = whole_bytes(f, rec);
    put(w, (jf_Leaf){.offset = offset + first,
                     .size = whole ? whole : end - first,
                     .cls = whole ? JF_LEAF_INT : JF_LEAF_BITS,
                     .named = f->name != NULL,
                     .in_union = rec->kind == JF_UNION});
}

static void walk_array(Walk *w, const jf_Type *t, uint32_t offset)
{
    if (t->length == JF_UNKNOWN) {
        put(w, (jf_Leaf){.offset = offset, .cls = JF_LEAF_OPEN, .named = true});
        return;
    }
    bool ghost = w->ghost, repeat = w->repeat;
    if (!ghost && t->length == 0) {
        w->ghost = true;
        w->bulk = t->to->size < UINT32_MAX ? (uint32_t)t->to->size : UINT32_MAX;
        if (!w->empty)
            w->origin = offset;
    }
    uint64_t n = t->length == 0 || t->to->size == 0 ? 1 : t->length;
    for (uint64_t i = 0; i < n; i++) {
        w->repeat = repeat || i > 0;
        walk(w, t->to, offset + (uint32_t)(i * t->to->size));
    }
    w->repeat = repeat;
    w->ghost = ghost;
}

static void walk_record(Walk *w, const jf_Type *t, uint32_t offset)
{
    bool in_union = w->in_union, empty = w->empty;
    if (w->ghost && t->size > JF_VIEW_MAX) {
        /* One scalar that fits no register says what matters of it. */
        put(w, (jf_Leaf){.offset = offset, .size = 2 * JF_VIEW_MAX, .named = true});
        return;
    }
    if (t->size == 0 && !empty) {
        w->empty = true;
        if (!w->ghost)
            w->origin = offset;
    }
    w->in_union = in_union || t->kind == JF_UNION;
    for (uint32_t i = 0; i < t->u.rec->n_fields; i++)
        walk_field(w, &t->u.rec->fields[i], t, offset);
    w->empty = empty;
    w->in_union = in_union;
}

static void walk(Walk *w, const jf_Type *t, uint32_t offset)
{
    switch ((jf_Kind)t->kind) {
    case JF_ARRAY:
        walk_array(w, t, offset);
        break;
    case JF_STRUCT:
    case JF_UNION:
        walk_record(w, t, offset);
        break;
    case JF_FLOAT:
        put_scalar(w, t, offset, float_class(w, t));
        break;
    case JF_COMPLEX:
        w->is_complex = true;
        put_scalar(w, t->to, offset, float_class(w, t->to));
        put_scalar(w, t->to, offset + (uint32_t)t->to->size, float_class(w, t->to));
        w->is_complex = false;
        break;
    case JF_VECTOR:
        put_scalar(w, t, offset, JF_LEAF_VECTOR);
        break;
    default:
        put_scalar(w, t, offset, JF_LEAF_INT);
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

/* Are there nothing but unnamed bit-fields and arrays of no elements inside? */
static bool is_hollow(const jf_Type *t)
{
    for (; t->kind == JF_ARRAY; t = t->to)
        if (t->length == 0 || t->length == JF_UNKNOWN)
            return true;
    if (!jf_is_record(t))
        return false;
    for (uint32_t i = 0; i < t->u.rec->n_fields; i++) {
        const jf_Field *f = &t->u.rec->fields[i];
        if (f->bits >= 0 ? f->name != NULL : !is_hollow(f->type))
            return false;
    }
    return true;
}

bool jf_view_make(jf_PlanMaker *m, const jf_Type *t, jf_View *v)
{
    m->n_leaves = 0;
    *v = (jf_View){.type = t,
                   .size = t->size,
                   .align = t->align,
                   .inner = inner_align(t),
                   .aggregate = jf_is_record(t),
                   .hollow = is_hollow(t)};
    Walk w = {.m = m};
    if (t->size <= JF_VIEW_MAX)
        walk(&w, t, 0);
    v->leaves = m->leaves;
    v->n = m->n_leaves;
    return !m->failed;
}

bool jf_view_field(jf_PlanMaker *m, const jf_Type *rec, uint32_t i, jf_View *v)
{
    JF_ASSERT(jf_is_record(rec) && i < rec->u.rec->n_fields);
    m->n_leaves = 0;
    Walk w = {.m = m, .in_union = rec->kind == JF_UNION};
    walk_field(&w, &rec->u.rec->fields[i], rec, 0);
    *v = (jf_View){.type = rec, .size = rec->size, .aggregate = true};
    v->leaves = m->leaves;
    v->n = m->n_leaves;
    return !m->failed;
}
