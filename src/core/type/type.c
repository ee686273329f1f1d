/* SPDX-License-Identifier: MIT
 *
 * Universe, groups, references and interning: see type.h.
 */
#include "core/type/type.h"

#include <string.h>

#include "core/base/bits.h"

enum { FIRST_BUCKETS = 256 };

/* --- primitives ------------------------------------------------------------ */

static const struct {
    const char *name;
    uint8_t kind, sign, cls;
} prim_rows[JF_P_COUNT] = {
#define X(id, name, kind, sign, cls) {name, kind, sign, cls},
    JF_PRIMS(X)
#undef X
};

static bool prim_signed(const jf_Target *t, unsigned sign)
{
    return sign == 2 ? t->char_signed : sign == 3 ? t->wchar_signed : sign == 1;
}

static jf_Type *prim_new(const jf_Target *target, unsigned p)
{
    jf_Type *t = jf_calloc(sizeof *t);
    if (!t)
        return NULL;
    jf_SizeAlign sa = target->prim[prim_rows[p].cls];
    t->kind = prim_rows[p].kind;
    t->prim = (uint8_t)p;
    t->flags = prim_signed(target, prim_rows[p].sign) ? JF_T_SIGNED : 0;
    t->size = sa.size ? sa.size : JF_UNKNOWN;
    t->align = sa.field ? sa.field : 1;
    t->length = JF_UNKNOWN;
    t->canon = t;
    t->u.name = prim_rows[p].name;
    return t;
}

static bool prims_init(jf_Universe *u)
{
    static const uint8_t parts[][2] = {{JF_P_CFLOAT, JF_P_FLOAT},
                                       {JF_P_CDOUBLE, JF_P_DOUBLE},
                                       {JF_P_CLDOUBLE, JF_P_LDOUBLE}};
    for (unsigned p = 0; p < JF_P_COUNT; p++) {
        if (p != JF_P_VOID && !u->target->prim[prim_rows[p].cls].size)
            continue;
        u->prims[p] = prim_new(u->target, p);
        if (!u->prims[p])
            return false;
    }
    for (size_t i = 0; i < JF_COUNT(parts); i++)
        u->prims[parts[i][0]]->to = u->prims[parts[i][1]];
    return true;
}

jf_Type *jf_type_prim(jf_Universe *u, jf_Prim p)
{
    JF_ASSERT(p < JF_P_COUNT);
    return u->prims[p];
}

jf_Type *jf_type_prim_named(jf_Universe *u, const char *name, size_t n)
{
    for (unsigned p = 0; p < JF_P_COUNT; p++)
        if (strlen(prim_rows[p].name) == n && !memcmp(prim_rows[p].name, name, n))
            return u->prims[p];
    return NULL;
}

/* --- universe -------------------------------------------------------------- */

jf_Universe *jf_universe_new(const jf_Target *target)
{
    jf_Universe *u = jf_calloc(sizeof *u);
    if (!u)
        return NULL;
    u->target = target;
    u->n_buckets = FIRST_BUCKETS;
    u->buckets = jf_calloc(FIRST_BUCKETS * sizeof *u->buckets);
    if (!u->buckets || !prims_init(u)) {
        jf_universe_free(u);
        return NULL;
    }
    return u;
}

static void type_free(jf_Universe *u, jf_Type *t)
{
    if (t->kind == JF_FUNC) {
        if (t->u.func->host_code && u->hooks.drop_code)
            u->hooks.drop_code(u->hooks.ctx, t);
        if (u->hooks.drop_plan)
            u->hooks.drop_plan(t->u.func);
    }
    jf_free(t);
}

/* References to it that were leaked count as little as leaked types do. */
static void common_free(jf_Universe *u)
{
    if (!u->common)
        return;
    u->n_groups++; /* see jf_type_file */
    u->common->refs = 1;
    jf_group_unref(u->common);
}

void jf_universe_free(jf_Universe *u)
{
    if (!u)
        return;
    JF_ASSERT(u->n_groups == 0);
    for (uint32_t i = 0; u->buckets && i < u->n_buckets; i++)
        while (u->buckets[i]) {
            jf_Type *t = u->buckets[i];
            u->buckets[i] = t->chain;
            type_free(u, t);
        }
    jf_free(u->buckets);
    common_free(u);
    for (unsigned p = 0; p < JF_P_COUNT; p++)
        jf_free(u->prims[p]);
    jf_free(u);
}

/* --- interning -------------------------------------------------------------- */

/* What makes two structural types the same one. */
typedef struct Key {
    jf_Kind kind;
    unsigned flags, quals;
    jf_Type *to;
    uint64_t length;
    jf_Type *const *params;
    uint32_t n;
} Key;

/* Where a component lies, in steps of about a record. Added, not mixed in: types
 * are made one after the other, and what is derived from neighbours then stands
 * in neighbouring buckets, on the same lines of the cache. */
static uint32_t key_place(const jf_Type *t)
{
    return (uint32_t)((uintptr_t)t >> 7);
}

static uint32_t key_hash(const Key *k)
{
    uint32_t h = jf_hash_word((uint32_t)k->kind * 31u + k->flags, k->quals);
    h = jf_hash_word(h, k->length);
    if (k->kind != JF_FUNC)
        return h + key_place(k->to);
    h = jf_hash_word(h, (uintptr_t)k->to);
    for (uint32_t i = 0; i < k->n; i++)
        h += key_place(k->params[i]) * (i * 0x9e3779b2u + 1);
    return h + k->n;
}

static bool key_equals(const Key *k, const jf_Type *t)
{
    if (t->kind != k->kind || t->to != k->to || t->length != k->length ||
        t->quals != k->quals)
        return false;
    if (k->kind != JF_FUNC)
        return true;
    return t->flags == k->flags && t->u.func->n_params == k->n &&
           (k->n == 0 ||
            !memcmp(t->u.func->params, k->params, k->n * sizeof *k->params));
}

static void buckets_grow(jf_Universe *u, uint32_t n)
{
    jf_Type **b = jf_calloc(n * sizeof *b);
    if (!b)
        return; /* longer chains, nothing worse */
    for (uint32_t i = 0; i < u->n_buckets; i++)
        for (jf_Type *t = u->buckets[i], *next; t; t = next) {
            next = t->chain;
            t->chain = b[t->hash & (n - 1)];
            b[t->hash & (n - 1)] = t;
        }
    jf_free(u->buckets);
    u->buckets = b;
    u->n_buckets = n;
}

void jf_universe_reserve(jf_Universe *u, size_t more)
{
    uint32_t n = u->n_buckets;
    while (n / 2 < u->n_types + more && n < 1u << 20)
        n *= 2;
    if (n > u->n_buckets)
        buckets_grow(u, n);
}

static void unlink_type(jf_Universe *u, jf_Type *t)
{
    jf_Type **p = &u->buckets[t->hash & (u->n_buckets - 1)];
    while (*p != t)
        p = &(*p)->chain;
    *p = t->chain;
    u->n_types--;
}

/* Components of a structural type: `to`, the parameters, and `canon` if it is
 * another record. */
static uint32_t n_components(const jf_Type *t)
{
    return 2 + (t->kind == JF_FUNC ? t->u.func->n_params : 0);
}

static jf_Type *component(const jf_Type *t, uint32_t i)
{
    if (i == 0)
        return t->to;
    if (i == 1)
        return t->canon == t ? NULL : t->canon;
    return t->u.func->params[i - 2];
}

/* A record with what only functions have in the same block. */
static jf_Type *type_alloc(const Key *k)
{
    if (k->kind != JF_FUNC)
        return jf_calloc(sizeof(jf_Type));
    size_t more = sizeof(jf_FuncInfo) + k->n * sizeof(jf_Type *);
    jf_Type *t = jf_calloc(sizeof(jf_Type) + more);
    if (!t)
        return NULL;
    t->u.func = (jf_FuncInfo *)(t + 1);
    t->u.func->n_params = k->n;
    if (k->n)
        memcpy(t->u.func->params, k->params, k->n * sizeof(jf_Type *));
    return t;
}

/* Sizes that follow from the components; records may still be unknown. */
static void fill_size(jf_Universe *u, jf_Type *t)
{
    jf_SizeAlign ptr = u->target->prim[JF_C_PTR];
    t->size = JF_UNKNOWN;
    if (t->kind == JF_PTR) {
        t->size = ptr.size;
        t->align = ptr.field;
    } else if (t->kind == JF_VECTOR) {
        t->size = t->to->size * t->length;
        t->align = (uint32_t)t->size;
    } else if (t->kind == JF_ARRAY) {
        t->align = t->to->align;
        if (t->length != JF_UNKNOWN && t->to->size != JF_UNKNOWN &&
            (t->to->size == 0 || t->length <= INT64_MAX / t->to->size))
            t->size = t->length * t->to->size;
    }
}

/* How deep a walk over `t` goes and how long it takes: what is shared counts as
 * often as it is met. */
static void fill_depth(jf_Type *t, const Key *k)
{
    uint32_t depth = t->to->depth, weight = t->to->weight + 1u;
    for (uint32_t i = 0; i < k->n; i++) {
        if (k->params[i]->depth > depth)
            depth = k->params[i]->depth;
        weight += k->params[i]->weight + 1u;
        if (weight > UINT16_MAX)
            weight = UINT16_MAX;
    }
    t->depth = (uint16_t)(depth < UINT16_MAX ? depth + 1 : UINT16_MAX);
    t->weight = (uint16_t)(weight > UINT16_MAX ? UINT16_MAX : weight);
}

static jf_Type *canon_of(jf_Universe *u, jf_Type *t);

static jf_Type *intern(jf_Universe *u, const Key *k)
{
    uint32_t h = key_hash(k);
    for (jf_Type *t = u->buckets[h & (u->n_buckets - 1)]; t; t = t->chain)
        if (t->hash == h && key_equals(k, t))
            return jf_type_ref(t);
    jf_Type *t = type_alloc(k);
    if (!t)
        return NULL;
    t->kind = (uint8_t)k->kind;
    t->flags = (uint8_t)k->flags;
    t->quals = (uint8_t)k->quals;
    t->prim = JF_P_NONE;
    t->to = k->to;
    t->length = k->length;
    t->hash = h;
    t->canon = t;
    fill_size(u, t);
    fill_depth(t, k);
    jf_Type *canon = canon_of(u, t); /* a reference, or t itself */
    if (!canon) {
        type_free(u, t);
        return NULL;
    }
    t->canon = canon;
    jf_type_ref(t->to);
    for (uint32_t i = 0; i < k->n; i++)
        jf_type_ref(k->params[i]);
    t->refs = 1;
    if (u->n_types >= u->n_buckets / 2)
        buckets_grow(u, u->n_buckets * 2);
    t->chain = u->buckets[h & (u->n_buckets - 1)];
    u->buckets[h & (u->n_buckets - 1)] = t;
    u->n_types++;
    return t;
}

/* The unqualified twin of a type under construction: a new reference to it, or
 * `t` itself (no reference) where there is nothing to take away. */
static jf_Type *canon_of(jf_Universe *u, jf_Type *t)
{
    Key k = {(jf_Kind)t->kind,
             t->flags & ~(unsigned)JF_T_OLDSTYLE,
             0,
             t->to->canon,
             t->length,
             NULL,
             0};
    bool same = !t->quals && t->to->canon == t->to && !(t->flags & JF_T_OLDSTYLE);
    if (t->kind != JF_FUNC)
        return same ? t : intern(u, &k);
    uint32_t n = t->u.func->n_params;
    for (uint32_t i = 0; i < n; i++)
        same = same && t->u.func->params[i]->canon == t->u.func->params[i];
    if (same)
        return t;
    jf_Type *few[16], **params = n <= 16 ? few : jf_alloc(n * sizeof *params);
    if (!params)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        params[i] = t->u.func->params[i]->canon;
    k.params = params;
    k.n = n;
    jf_Type *canon = intern(u, &k);
    if (params != few)
        jf_free(params);
    return canon;
}

jf_Type *jf_type_pointer(jf_Universe *u, jf_Type *to, unsigned quals)
{
    Key k = {JF_PTR, 0, quals, to, JF_UNKNOWN, NULL, 0};
    return intern(u, &k);
}

jf_Type *jf_type_array(jf_Universe *u, jf_Type *elem, uint64_t length,
                       unsigned quals)
{
    Key k = {JF_ARRAY, 0, quals, elem, length, NULL, 0};
    return intern(u, &k);
}

jf_Type *jf_type_vector(jf_Universe *u, jf_Type *elem, uint64_t lanes)
{
    JF_ASSERT(elem->size != JF_UNKNOWN && jf_is_pow2(elem->size * lanes));
    Key k = {JF_VECTOR, 0, 0, elem, lanes, NULL, 0};
    return intern(u, &k);
}

jf_Type *jf_type_func(jf_Universe *u, jf_Type *result, jf_Type *const *params,
                      uint32_t n, unsigned flags)
{
    Key k = {JF_FUNC, flags, 0, result, JF_UNKNOWN, params, n};
    return intern(u, &k);
}

/* --- references -------------------------------------------------------------- */

jf_Type *jf_type_ref(jf_Type *t)
{
    if (t->group)
        jf_group_ref(t->group);
    else if (t->prim == JF_P_NONE)
        t->refs++;
    return t;
}

void jf_type_unref(jf_Universe *u, jf_Type *t)
{
    while (t && t->prim == JF_P_NONE) {
        if (t->group) {
            jf_group_unref(t->group);
            return;
        }
        JF_ASSERT(t->refs > 0);
        if (--t->refs)
            return;
        unlink_type(u, t);
        uint32_t n = n_components(t);
        for (uint32_t i = 1; i < n; i++)
            if (component(t, i))
                jf_type_unref(u, component(t, i));
        jf_Type *to = t->to; /* last, as a loop: chains may be long */
        type_free(u, t);
        t = to;
    }
}

/* --- groups ------------------------------------------------------------------- */

jf_Group *jf_group_new(jf_Universe *u)
{
    jf_Group *g = jf_calloc(sizeof *g);
    if (g) {
        g->universe = u;
        g->refs = 1;
        u->n_groups++;
    }
    return g;
}

void jf_group_ref(jf_Group *g)
{
    g->refs++;
}

bool jf_group_need(jf_Group *g, jf_Group *other)
{
    jf_Group **n = jf_realloc(g->needs, (g->n_needs + 1) * sizeof *n);
    if (!n)
        return false;
    g->needs = n;
    n[g->n_needs++] = other;
    jf_group_ref(other);
    return true;
}

/* Give back what a pinned type holds outside its group. */
static void pinned_drop_components(jf_Group *g, jf_Type *t)
{
    for (uint32_t i = 0, n = n_components(t); i < n; i++) {
        jf_Type *c = component(t, i);
        if (c && c->group != g)
            jf_type_unref(g->universe, c);
    }
}

static void group_drop_types(jf_Group *g, jf_GroupMark m)
{
    jf_Universe *u = g->universe;
    while (g->n_held > m.n_held)
        jf_type_unref(u, g->held[--g->n_held]);
    for (uint32_t i = m.n_pinned; i < g->n_pinned; i++) {
        unlink_type(u, g->pinned[i]);
        pinned_drop_components(g, g->pinned[i]);
    }
    while (g->n_pinned > m.n_pinned)
        type_free(u, g->pinned[--g->n_pinned]);
    while (g->members != m.members) {
        jf_Type *t = g->members;
        g->members = t->chain;
        if (jf_is_record(t))
            jf_free(t->u.rec->index);
    }
}

void jf_group_unref(jf_Group *g)
{
    JF_ASSERT(g->refs > 0);
    if (--g->refs)
        return;
    jf_GroupMark none = {{NULL, NULL}, NULL, 0, 0};
    g->refs = 1; /* types dropped below may mention the group */
    group_drop_types(g, none);
    for (uint32_t i = 0; i < g->n_needs; i++)
        jf_group_unref(g->needs[i]);
    if (g->host && g->universe->hooks.drop_group)
        g->universe->hooks.drop_group(g->universe->hooks.ctx, g->host);
    g->universe->n_groups--;
    jf_arena_free(&g->arena);
    jf_arena_free(&g->lasting);
    jf_free(g->needs);
    jf_free(g->pinned);
    jf_free(g->held);
    jf_free(g);
}

jf_GroupMark jf_group_mark(const jf_Group *g)
{
    jf_GroupMark m = {jf_arena_mark(&g->arena), g->members, g->n_pinned, g->n_held};
    return m;
}

void jf_group_rollback(jf_Group *g, jf_GroupMark m)
{
    size_t refs = g->refs;
    group_drop_types(g, m);
    g->refs = refs; /* types pinned and dropped since balance out */
    jf_arena_reset(&g->arena, m.arena);
}

/* --- records -------------------------------------------------------------- */

/* `more`: bytes for what belongs to it, behind it. */
static jf_Type *member_new(jf_Group *g, jf_Kind kind, size_t more)
{
    jf_Type *t = jf_arena_calloc(&g->arena, sizeof *t + more);
    if (!t)
        return NULL;
    t->kind = (uint8_t)kind;
    t->prim = JF_P_NONE;
    t->size = JF_UNKNOWN;
    t->length = JF_UNKNOWN;
    t->canon = t;
    t->group = g;
    return t;
}

static void member_link(jf_Group *g, jf_Type *t)
{
    t->chain = g->members;
    g->members = t;
}

jf_Type *jf_type_record(jf_Group *g, jf_Kind kind, const char *tag, size_t n)
{
    JF_ASSERT(kind == JF_STRUCT || kind == JF_UNION);
    jf_Type *t = member_new(g, kind, sizeof(jf_Record));
    jf_Record *r = (jf_Record *)(t + 1);
    if (!t || (tag && !(r->tag = jf_arena_strndup(&g->arena, tag, n))))
        return NULL;
    t->u.rec = r;
    member_link(g, t);
    return t;
}

jf_Type *jf_type_enum(jf_Group *g, const char *tag, size_t n)
{
    jf_Type *t = member_new(g, JF_ENUM, sizeof(jf_EnumInfo));
    jf_EnumInfo *e = (jf_EnumInfo *)(t + 1);
    if (!t || (tag && !(e->tag = jf_arena_strndup(&g->arena, tag, n))))
        return NULL;
    t->u.en = e;
    member_link(g, t);
    return t;
}

jf_Type *jf_type_file(jf_Universe *u)
{
    if (u->file)
        return u->file;
    if (!u->common) {
        u->common = jf_group_new(u);
        if (!u->common)
            return NULL;
        u->n_groups--; /* it is no session's, and goes with the universe */
    }
    u->file = jf_type_record(u->common, JF_STRUCT, NULL, 0);
    if (u->file)
        u->file->u.rec->alias = "FILE";
    return u->file;
}

static bool push_type(jf_Type ***list, uint32_t *n, uint32_t *cap, jf_Type *t)
{
    if (*n == *cap) {
        uint32_t more = *cap ? *cap * 2 : 16;
        jf_Type **p = jf_realloc(*list, more * sizeof *p);
        if (!p)
            return false;
        *list = p;
        *cap = more;
    }
    (*list)[(*n)++] = t;
    return true;
}

/* Does `t` lead, through structural types, to a type of group `g`? */
static bool leads_to_group(const jf_Type *t, const jf_Group *g)
{
    while (t) {
        if (t->group)
            return t->group == g;
        if (t->prim != JF_P_NONE)
            return false;
        if (t->kind == JF_FUNC)
            for (uint32_t i = 0; i < t->u.func->n_params; i++)
                if (leads_to_group(t->u.func->params[i], g))
                    return true;
        t = t->to;
    }
    return false;
}

/* Make `t` share the lifetime of `g`: its own references become the group's,
 * and references it holds into the group are given back. */
static bool pin(jf_Group *g, jf_Type *t)
{
    if (t->group || t->prim != JF_P_NONE || !leads_to_group(t, g))
        return true;
    if (!push_type(&g->pinned, &g->n_pinned, &g->cap_pinned, t))
        return false;
    t->group = g;
    g->refs += t->refs;
    t->refs = 0;
    bool done = true; /* the counts are put right even if memory runs out */
    for (uint32_t i = 0, n = n_components(t); i < n; i++) {
        jf_Type *c = component(t, i);
        if (!c)
            continue;
        bool was_ours = c->group == g;
        done = pin(g, c) && done;
        if (was_ours || c->group == g)
            g->refs--; /* the reference `t` held is now inside the group */
    }
    return done;
}

bool jf_type_pin(jf_Group *g, const jf_Type *rec)
{
    JF_ASSERT(jf_is_record(rec) && rec->group == g);
    for (uint32_t i = 0; i < rec->u.rec->n_fields; i++) {
        jf_Type *t = rec->u.rec->fields[i].type;
        if (t->prim != JF_P_NONE || t->group == g)
            continue;
        if (!pin(g, t))
            return false;
        if (t->group == g)
            continue;
        if (!push_type(&g->held, &g->n_held, &g->cap_held, t))
            return false;
        jf_type_ref(t);
    }
    return true;
}

bool jf_type_complete(jf_Group *g, jf_Type *rec, const jf_Field *fields, uint32_t n,
                      unsigned rec_flags)
{
    JF_ASSERT(jf_is_record(rec) && rec->group == g);
    jf_Record *r = rec->u.rec;
    jf_Field *copy = jf_arena_alloc(&g->arena, (n ? n : 1) * sizeof *copy);
    if (!copy)
        return false;
    if (n)
        memcpy(copy, fields, n * sizeof *copy);
    r->fields = copy;
    r->n_fields = n;
    if (!jf_type_pin(g, rec)) {
        r->fields = NULL;
        r->n_fields = 0;
        return false;
    }
    r->flags = (uint16_t)(r->flags | rec_flags | JF_R_COMPLETE);
    return true;
}

void jf_type_enum_integer(jf_Type *en, jf_Type *to)
{
    JF_ASSERT(en->kind == JF_ENUM && to->prim != JF_P_NONE);
    en->to = to;
    en->size = to->size;
    en->align = to->align;
    en->flags = (uint8_t)((en->flags & ~JF_T_SIGNED) | (to->flags & JF_T_SIGNED));
}

bool jf_type_complete_enum(jf_Group *g, jf_Type *en, jf_Type *to,
                           const jf_Enumerator *items, uint32_t n,
                           unsigned rec_flags)
{
    JF_ASSERT(en->kind == JF_ENUM && en->group == g);
    jf_EnumInfo *e = en->u.en;
    jf_Enumerator *copy = jf_arena_alloc(&g->arena, (n ? n : 1) * sizeof *copy);
    if (!copy)
        return false;
    if (n)
        memcpy(copy, items, n * sizeof *copy);
    e->items = copy;
    e->n_items = n;
    e->flags = (uint16_t)(e->flags | rec_flags | JF_R_COMPLETE | JF_R_CUSTOM);
    jf_type_enum_integer(en, to);
    return true;
}
