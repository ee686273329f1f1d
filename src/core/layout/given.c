/* SPDX-License-Identifier: MIT
 *
 * Layouts that a C compiler gave: taken over for records that leave something open,
 * compared with our own for all others. The numbers come from a compiled module and
 * are not trusted. The words of a mismatch are cffi's, with all of it in the hint.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/layout/layout.h"
#include "core/layout/place.h"

/* --- tables ---------------------------------------------------------------- */

/* First byte behind the member, whose type is laid out. False: overflow. */
static bool member_end(const jf_Field *f, uint64_t *end)
{
    uint64_t size = f->type->size == JF_UNKNOWN ? 0 : f->type->size;
    if (f->bits >= 0)
        size = (f->bit_shift + (uint64_t)f->bits + 7) / 8;
    if (f->offset > INT64_MAX || size > INT64_MAX - f->offset)
        return false;
    *end = f->offset + size;
    return true;
}

/* Where the offsets are given an open array may stand anywhere. */
static jf_Status given_ready(const jf_Target *target, const jf_Type *rec,
                             jf_Field *f, unsigned depth, jf_Diag *d)
{
    jf_Type *t = f->type;
    if (t->kind != JF_ARRAY || t->length != JF_UNKNOWN)
        return jf_layout_member(target, rec, f, depth, d);
    jf_Status st = jf_layout(target, t->to, d);
    if (st == JF_OK) {
        t->align = t->to->align;
        rec->u.rec->flags |= JF_R_FLEX;
    }
    return st;
}

/* Are these the numbers that the declaration alone leads to? False: memory. */
static bool note_custom(const jf_Target *target, jf_Type *rec, uint64_t size,
                        uint32_t align)
{
    jf_Record *r = rec->u.rec;
    uint64_t natural_size = 0;
    uint32_t natural_align = 1;
    size_t bytes = r->n_fields * sizeof *r->fields;
    jf_Field *given = jf_alloc(bytes ? bytes : 1);
    if (!given)
        return false;
    if (bytes)
        memcpy(given, r->fields, bytes);
    bool same = jf_place_members(target, rec, &natural_size, &natural_align) &&
                size == natural_size && align == natural_align;
    for (uint32_t i = 0; i < r->n_fields; i++)
        same = same && given[i].offset == r->fields[i].offset &&
               given[i].bit_shift == r->fields[i].bit_shift;
    if (bytes)
        memcpy(r->fields, given, bytes);
    jf_free(given);
    if (!same)
        r->flags |= JF_R_CUSTOM;
    return true;
}

jf_Status jf_layout_given(jf_Type *rec, uint64_t size, uint32_t align, jf_Diag *d)
{
    const jf_Target *target = rec->group->universe->target;
    jf_Record *r = rec->u.rec;
    JF_ASSERT(jf_is_record(rec));
    if (rec->flags & JF_T_LAID_OUT)
        return JF_OK;
    if (r->flags & JF_R_BUSY)
        return jf_layout_fail(d, JF_SEMANTIC, rec, "contains itself by value");
    if (size > INT64_MAX)
        return jf_layout_fail(d, JF_SEMANTIC, rec, "is larger than 2^63-1 bytes");
    if (!jf_is_pow2(align))
        return jf_layout_fail(d, JF_SEMANTIC, rec,
                              "is given an alignment that is no power of two");
    r->flags |= JF_R_BUSY;
    jf_Status st = JF_OK;
    for (uint32_t i = 0; i < r->n_fields && st == JF_OK; i++) {
        jf_Field *f = &r->fields[i];
        uint64_t end = 0;
        st = given_ready(target, rec, f, 0, d);
        if (st == JF_OK && (!member_end(f, &end) || end > size)) {
            char rest[120];
            snprintf(rest, sizeof rest,
                     "is given the offset %llu: it does not lie inside the %llu "
                     "bytes of the whole",
                     (unsigned long long)f->offset, (unsigned long long)size);
            st = jf_layout_fail_field(d, JF_SEMANTIC, rec, f, rest);
        }
    }
    r->flags &= (uint16_t)~JF_R_BUSY;
    if (st == JF_OK && !note_custom(target, rec, size, align))
        st = jf_diag_set(d, JF_NOMEM, "out of memory");
    if (st != JF_OK)
        return st;
    jf_layout_note_flexible(rec);
    rec->size = size;
    rec->align = align;
    rec->flags |= JF_T_LAID_OUT;
    return JF_OK;
}

/* --- open records ------------------------------------------------------------ */

/* One record whose numbers are asked for. */
typedef struct Ask {
    const jf_Target *target;
    const jf_Oracle *oracle;
    const char *name; /* the record's, for the oracle */
    unsigned depth;
    jf_Diag *d;
} Ask;

static bool is_anonymous(const jf_Field *f)
{
    return !f->name && f->bits < 0 && jf_is_record(f->type);
}

static jf_Status ask_member(const Ask *a, const jf_Type *rec, jf_Field *f)
{
    uint64_t offset = UINT64_MAX, size = 0;
    if (f->bits >= 0)
        return jf_diag_set(a->d, JF_UNSUPPORTED,
                           "%s: using both bitfields and '...;'", a->name);
    jf_Status st = given_ready(a->target, rec, f, a->depth, a->d);
    if (st != JF_OK)
        return st;
    if (!a->oracle->member(a->oracle->ctx, a->name, f->name, &offset, &size) ||
        offset == UINT64_MAX)
        return jf_layout_fail_field(a->d, JF_SEMANTIC, rec, f,
                                    "has no offset in the compiled module");
    if (size && f->type->size != JF_UNKNOWN && size != f->type->size)
        return jf_diag_set(a->d, JF_SEMANTIC,
                           "%s: wrong size for field '%s' (cdef says %llu, but C "
                           "compiler says %llu)",
                           a->name, f->name, (unsigned long long)f->type->size,
                           (unsigned long long)size);
    f->offset = offset;
    return JF_OK;
}

/* The base of an anonymous member, by those of its members that C can name: all
 * must say the same. *base is UINT64_MAX until the first one. */
static jf_Status ask_base(const Ask *a, const jf_Type *rec, uint64_t inner,
                          uint64_t *base)
{
    for (uint32_t i = 0; i < rec->u.rec->n_fields; i++) {
        const jf_Field *f = &rec->u.rec->fields[i];
        uint64_t at = inner + f->offset, offset = UINT64_MAX, size = 0;
        if (is_anonymous(f)) {
            jf_Status st = ask_base(a, f->type, at, base);
            if (st != JF_OK)
                return st;
            continue;
        }
        if (!f->name || f->bits >= 0 ||
            !a->oracle->member(a->oracle->ctx, a->name, f->name, &offset, &size) ||
            offset == UINT64_MAX)
            continue;
        if (*base == UINT64_MAX && offset >= at)
            *base = offset - at;
        if (*base == UINT64_MAX || offset - at != *base)
            return jf_diag_set(a->d, JF_SEMANTIC,
                               "%s: wrong offset for field '%s' of an anonymous "
                               "member (C compiler says %llu)",
                               a->name, f->name, (unsigned long long)offset);
    }
    return JF_OK;
}

static jf_Status ask_fields(const Ask *a, jf_Type *rec);

/* An anonymous member that leaves something open itself: from its first byte that
 * is known to its last. */
static jf_Status ask_open(const Ask *a, jf_Type *t, uint64_t *base)
{
    jf_Record *r = t->u.rec;
    uint64_t first = UINT64_MAX, last = 0;
    jf_Status st = ask_fields(a, t);
    for (uint32_t i = 0; i < r->n_fields && st == JF_OK; i++) {
        uint64_t end = 0;
        if (!member_end(&r->fields[i], &end))
            return jf_layout_fail_field(a->d, JF_SEMANTIC, t, &r->fields[i],
                                        "is given an offset beyond 2^63-1");
        first = r->fields[i].offset < first ? r->fields[i].offset : first;
        last = jf_max64(last, end);
    }
    if (st != JF_OK || !r->n_fields)
        return st;
    for (uint32_t i = 0; i < r->n_fields; i++)
        r->fields[i].offset -= first;
    *base = first;
    return jf_layout_given(t, last - first, 1, a->d);
}

static jf_Status ask_anonymous(const Ask *a, const jf_Type *rec, jf_Field *f)
{
    jf_Type *t = f->type;
    uint64_t base = UINT64_MAX;
    bool open = t->u.rec->flags & (JF_R_PARTIAL | JF_R_DOTS_ARRAY);
    jf_Status st = JF_OK;
    if (open && !(t->flags & JF_T_LAID_OUT)) {
        Ask inner = *a;
        inner.depth++;
        st = a->depth > LAYOUT_MAX_DEPTH
                 ? jf_layout_fail(a->d, JF_UNSUPPORTED, t, "is nested too deeply")
                 : ask_open(&inner, t, &base);
    } else {
        st = jf_layout_member(a->target, rec, f, a->depth, a->d);
        if (st == JF_OK)
            st = ask_base(a, t, 0, &base);
    }
    if (st == JF_OK && base == UINT64_MAX)
        st = jf_layout_fail_field(a->d, JF_SEMANTIC, rec, f,
                                  "has no member with a known offset");
    f->offset = base;
    return st;
}

/* Put the members of the anonymous member `i` in its place. False: memory. */
static bool lift(jf_Type *rec, uint32_t i)
{
    jf_Record *r = rec->u.rec;
    const jf_Record *inner = r->fields[i].type->u.rec;
    uint32_t n = inner->n_fields, behind = r->n_fields - i - 1;
    jf_Field *all =
        jf_arena_alloc(&rec->group->lasting, (i + n + behind + 1) * sizeof *all);
    if (!all)
        return false;
    memcpy(all, r->fields, i * sizeof *all);
    if (n)
        memcpy(all + i, inner->fields, n * sizeof *all);
    memcpy(all + i + n, r->fields + i + 1, behind * sizeof *all);
    r->fields = all;
    r->n_fields = i + n + behind;
    return true;
}

/* Where the members of an anonymous member do not lie as they would in one piece,
 * the header has them in another way: they are members of the whole then. */
static jf_Status ask_fields(const Ask *a, jf_Type *rec)
{
    jf_Status st = JF_OK;
    for (uint32_t i = 0; i < rec->u.rec->n_fields && st == JF_OK; i++) {
        jf_Field *f = &rec->u.rec->fields[i];
        st = is_anonymous(f) ? ask_anonymous(a, rec, f) : ask_member(a, rec, f);
        if (st != JF_SEMANTIC || !is_anonymous(f))
            continue;
        if (a->d)
            jf_diag_clear(a->d);
        st = lift(rec, i) ? JF_OK : jf_diag_set(a->d, JF_NOMEM, "out of memory");
        i--; /* its members are next */
    }
    return st;
}

jf_Status jf_layout_by_oracle(const jf_Target *target, jf_Type *rec, unsigned depth,
                              bool *known, jf_Diag *d)
{
    const jf_Oracle *o = rec->group->oracle;
    jf_Record *r = rec->u.rec;
    uint64_t size = 0, align = 0;
    jf_Buf name = JF_BUF_INIT;
    *known = jf_type_oracle_name(rec, &name) && !name.failed &&
             o->record(o->ctx, name.p, &size, &align);
    jf_Status st = name.failed ? jf_diag_set(d, JF_NOMEM, "out of memory") : JF_OK;
    if (name.failed || !*known) {
        *known = name.failed;
        jf_buf_free(&name);
        return st;
    }
    if (depth > LAYOUT_MAX_DEPTH) {
        st = jf_layout_fail(d, JF_UNSUPPORTED, rec, "is nested too deeply");
    } else {
        Ask a = {target, o, name.p, depth, d};
        jf_Field *fields = r->fields;
        uint32_t n = r->n_fields;
        r->flags |= JF_R_BUSY;
        st = ask_fields(&a, rec);
        r->flags &= (uint16_t)~JF_R_BUSY;
        if (st != JF_OK) {
            r->fields = fields;
            r->n_fields = n;
        }
    }
    if (st == JF_OK)
        st =
            jf_layout_given(rec, size, align > UINT32_MAX ? 0 : (uint32_t)align, d);
    jf_buf_free(&name);
    return st;
}

/* --- complete records ----------------------------------------------------------- */

/* What a comparison has found. The first of `kind` is the one that is told; all of
 * it goes to `all`. */
typedef enum WrongKind {
    WRONG_SIZE,
    WRONG_OFFSET,
    WRONG_TOTAL,
    WRONG_ALIGN,
    RIGHT
} WrongKind;

typedef struct Compare {
    const jf_Oracle *oracle;
    const char *name;
    WrongKind kind;
    const char *field;
    uint64_t ours, theirs;
    unsigned n; /* members that differ */
    jf_Buf all;
} Compare;

enum { MOST_LISTED = 20 };

static void differ(Compare *c, WrongKind kind, const char *field, uint64_t ours,
                   uint64_t theirs)
{
    if (ours == theirs || kind >= c->kind)
        return;
    c->kind = kind;
    c->field = field;
    c->ours = ours;
    c->theirs = theirs;
}

static void compare_members(Compare *c, const jf_Type *rec, uint64_t base)
{
    for (uint32_t i = 0; i < rec->u.rec->n_fields; i++) {
        const jf_Field *f = &rec->u.rec->fields[i];
        uint64_t at = base + f->offset, ours = f->type->size;
        uint64_t offset = UINT64_MAX, size = 0;
        if (is_anonymous(f))
            compare_members(c, f->type, at);
        if (!f->name || f->bits >= 0 ||
            !c->oracle->member(c->oracle->ctx, c->name, f->name, &offset, &size) ||
            offset == UINT64_MAX)
            continue;
        if (!size || ours == JF_UNKNOWN)
            size = ours;
        if (offset == at && size == ours)
            continue;
        differ(c, WRONG_SIZE, f->name, ours, size);
        differ(c, WRONG_OFFSET, f->name, at, offset);
        if (c->n++ >= MOST_LISTED)
            continue;
        jf_buf_printf(&c->all, "; '%s': ", f->name);
        if (ours == JF_UNKNOWN)
            jf_buf_printf(&c->all, "offset %llu, really %llu",
                          (unsigned long long)at, (unsigned long long)offset);
        else
            jf_buf_printf(&c->all, "%llu bytes at offset %llu, really %llu at %llu",
                          (unsigned long long)ours, (unsigned long long)at,
                          (unsigned long long)size, (unsigned long long)offset);
    }
}

static jf_Status tell_difference(const Compare *c, jf_Diag *d)
{
    static const char *const words[] = {"wrong size for field '",
                                        "wrong offset for "
                                        "field '",
                                        "wrong total size",
                                        "wrong total alignment"};
    bool member = c->kind == WRONG_SIZE || c->kind == WRONG_OFFSET;
    if (c->all.failed)
        return jf_diag_set(d, JF_NOMEM, "out of memory");
    jf_diag_set(d, JF_SEMANTIC,
                "%s: %s%s%s (cdef says %llu, but C compiler says %llu). fix it or "
                "use \"...;\" as the last field in the cdef for %s to make it "
                "flexible",
                c->name, words[c->kind], member ? c->field : "", member ? "'" : "",
                (unsigned long long)c->ours, (unsigned long long)c->theirs,
                c->name);
    jf_diag_hint(d, "%s%s", c->all.p, c->n > MOST_LISTED ? "; ..." : "");
    return JF_SEMANTIC;
}

jf_Status jf_layout_compare(const jf_Type *rec, uint64_t size, uint32_t align,
                            jf_Diag *d)
{
    Compare c = {rec->group->oracle, NULL, RIGHT, NULL, 0, 0, 0, JF_BUF_INIT};
    uint64_t real_size = 0, real_align = 0;
    jf_Buf name = JF_BUF_INIT;
    jf_Status st = JF_OK;
    if (!jf_type_oracle_name(rec, &name) || name.failed) {
        st = name.failed ? jf_diag_set(d, JF_NOMEM, "out of memory") : JF_OK;
    } else if (c.oracle->record(c.oracle->ctx, name.p, &real_size, &real_align)) {
        c.name = name.p;
        jf_buf_printf(&c.all,
                      "declared: %llu bytes aligned to %u, really: %llu aligned to "
                      "%llu",
                      (unsigned long long)size, (unsigned)align,
                      (unsigned long long)real_size,
                      (unsigned long long)real_align);
        compare_members(&c, rec, 0);
        differ(&c, WRONG_TOTAL, NULL, size, real_size);
        differ(&c, WRONG_ALIGN, NULL, align, real_align);
        if (c.kind != RIGHT || c.all.failed)
            st = tell_difference(&c, d);
    }
    jf_buf_free(&c.all);
    jf_buf_free(&name);
    return st;
}
