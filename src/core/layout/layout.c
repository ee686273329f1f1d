/* SPDX-License-Identifier: MIT
 *
 * Layout of one type: which members come first, when a failure is reported and
 * how it is worded. Where a member goes is place.c's affair.
 */
#include "core/layout/layout.h"

#include <string.h>

#include "core/base/bits.h"
#include "core/layout/place.h"

jf_Status jf_layout_fail(jf_Diag *d, jf_Status status, const jf_Type *t,
                         const char *rest)
{
    jf_Buf b = JF_BUF_INIT;
    jf_type_print(t, "", JF_PRINT_QUALS, &b, NULL);
    jf_diag_set(d, b.failed || !b.p ? JF_NOMEM : status, "'%s' %s",
                b.failed || !b.p ? "?" : b.p, rest);
    jf_Status got = b.failed || !b.p ? JF_NOMEM : status;
    jf_buf_free(&b);
    return got;
}

jf_Status jf_layout_fail_field(jf_Diag *d, jf_Status status, const jf_Type *rec,
                               const jf_Field *f, const char *rest)
{
    jf_Buf b = JF_BUF_INIT;
    if (f->name)
        jf_buf_printf(&b, "field '%s' of '", f->name);
    else
        jf_buf_printf(&b, "unnamed member %u of '",
                      (unsigned)(f - rec->u.rec->fields) + 1);
    jf_type_print(rec, "", JF_PRINT_QUALS, &b, NULL);
    jf_buf_printf(&b, "' %s", rest);
    if (b.failed)
        status = JF_NOMEM;
    jf_diag_set(d, status, "%s", b.failed ? "out of memory" : b.p);
    jf_buf_free(&b);
    return status;
}

/* --- members ---------------------------------------------------------------- */

/* C11 6.7.2.1p4: the width is at most that of the declared type, zero only
 * without a name; the type is an integer's. */
static jf_Status check_bits(const jf_Type *rec, const jf_Field *f, jf_Diag *d)
{
    if (!jf_is_integral(f->type))
        return jf_layout_fail_field(d, JF_SEMANTIC, rec, f,
                                    "is a bit-field, but its type is no integer");
    uint64_t most = f->type->kind == JF_BOOL ? 1 : f->type->size * 8;
    if ((uint64_t)f->bits > most)
        return jf_layout_fail_field(d, JF_SEMANTIC, rec, f,
                                    "is a bit-field wider than its type");
    if (f->bits == 0 && f->name)
        return jf_layout_fail_field(
            d, JF_SEMANTIC, rec, f,
            "is a bit-field of width zero and must have no name");
    if (f->bits > 64)
        return jf_layout_fail_field(d, JF_UNSUPPORTED, rec, f,
                                    "is a bit-field of more than 64 bits");
    return JF_OK;
}

/* C11 6.7.2.1p18: `[]` only at the end of a struct. Unions may have such
 * members anywhere, as GCC 15 and Microsoft's compiler allow. */
static bool may_be_open(const jf_Type *rec, const jf_Field *f)
{
    const jf_Record *r = rec->u.rec;
    return f->type->kind == JF_ARRAY && f->type->length == JF_UNKNOWN &&
           (rec->kind == JF_UNION || f == &r->fields[r->n_fields - 1]);
}

jf_Status jf_layout_member(const jf_Target *target, const jf_Type *rec, jf_Field *f,
                           unsigned depth, jf_Diag *d)
{
    jf_Type *t = f->type;
    if (may_be_open(rec, f)) {
        jf_Status st = jf_layout_at(target, t->to, depth + 1, d);
        if (st == JF_OK)
            t->align = t->to->align;
        return st;
    }
    if (t->kind == JF_ARRAY && t->length == JF_UNKNOWN)
        return jf_layout_fail_field(d, JF_INCOMPLETE, rec, f,
                                    "is a flexible array, but not the last member");
    if (t->kind == JF_FUNC)
        return jf_layout_fail_field(d, JF_SEMANTIC, rec, f,
                                    "is declared as a function");
    jf_Status st = jf_layout_at(target, t, depth + 1, d);
    if (st == JF_INCOMPLETE && d)
        jf_diag_hint(d, "It is needed by value in a member of a struct or union.");
    if (st == JF_OK && f->bits >= 0)
        st = check_bits(rec, f, d);
    return st;
}

static bool is_flexible(const jf_Type *t)
{
    if (t->kind == JF_ARRAY)
        return t->length == JF_UNKNOWN;
    return jf_is_record(t) && (t->u.rec->flags & JF_R_FLEX);
}

void jf_layout_note_flexible(jf_Type *rec)
{
    jf_Record *r = rec->u.rec;
    uint32_t i = rec->kind == JF_UNION || !r->n_fields ? 0 : r->n_fields - 1;
    for (; i < r->n_fields; i++)
        if (is_flexible(r->fields[i].type))
            r->flags |= JF_R_FLEX;
}

/* --- types ------------------------------------------------------------------- */

static jf_Status layout_record(const jf_Target *target, jf_Type *t, unsigned depth,
                               jf_Diag *d)
{
    jf_Record *r = t->u.rec;
    if (t->flags & JF_T_LAID_OUT)
        return JF_OK;
    if (r->flags & JF_R_LAZY && t->group->complete)
        return t->group->complete(t->group->complete_ctx, t, d);
    if (r->flags & JF_R_BUSY)
        return jf_layout_fail(d, JF_SEMANTIC, t, "contains itself by value");
    if (r->flags & (JF_R_PARTIAL | JF_R_DOTS_ARRAY) && t->group->oracle) {
        bool known;
        jf_Status got = jf_layout_by_oracle(target, t, depth, &known, d);
        if (known)
            return got;
    }
    if (r->flags & (JF_R_PARTIAL | JF_R_OPAQUE_DOTS | JF_R_DOTS_ARRAY))
        return jf_layout_fail(d, JF_UNSUPPORTED, t,
                              "is declared with '...': only a C compiler knows its "
                              "layout");
    if (!(r->flags & JF_R_COMPLETE))
        return jf_layout_fail(d, JF_INCOMPLETE, t,
                              "is incomplete: declared, but not defined");
    if (depth > LAYOUT_MAX_DEPTH)
        return jf_layout_fail(d, JF_UNSUPPORTED, t, "is nested too deeply");
    r->flags |= JF_R_BUSY;
    jf_Status st = JF_OK;
    for (uint32_t i = 0; i < r->n_fields && st == JF_OK; i++)
        st = jf_layout_member(target, t, &r->fields[i], depth, d);
    r->flags &= (uint16_t)~JF_R_BUSY;
    if (st != JF_OK)
        return st;
    uint64_t size = 0;
    uint32_t align = 1;
    if (!jf_place_members(target, t, &size, &align))
        return jf_layout_fail(d, JF_SEMANTIC, t, "is larger than 2^63-1 bytes");
    if (t->group->oracle) {
        st = jf_layout_compare(t, size, align, d);
        if (st != JF_OK)
            return st;
    }
    jf_layout_note_flexible(t);
    t->size = size;
    t->align = align;
    t->flags |= JF_T_LAID_OUT;
    return JF_OK;
}

static jf_Status layout_array(const jf_Target *target, jf_Type *t, unsigned depth,
                              jf_Diag *d)
{
    if (depth > LAYOUT_MAX_DEPTH)
        return jf_layout_fail(d, JF_UNSUPPORTED, t, "is nested too deeply");
    jf_Status st = jf_layout_at(target, t->to, depth + 1, d);
    if (st != JF_OK)
        return st;
    t->align = t->to->align;
    if (t->length == JF_UNKNOWN)
        return jf_layout_fail(d, JF_INCOMPLETE, t, "is an array of unknown length");
    if (t->to->size && t->length > (uint64_t)INT64_MAX / t->to->size)
        return jf_layout_fail(d, JF_SEMANTIC, t, "is larger than 2^63-1 bytes");
    t->size = t->length * t->to->size;
    return JF_OK;
}

static jf_Status layout_enum(jf_Type *t, jf_Diag *d)
{
    if (!t->to || t->to->size == JF_UNKNOWN) {
        if (t->u.en->flags & JF_R_PARTIAL)
            return jf_layout_fail(
                d, JF_UNSUPPORTED, t,
                "is declared with '...': only a C compiler knows");
        return jf_layout_fail(d, JF_INCOMPLETE, t,
                              "is incomplete: declared, but not defined");
    }
    t->size = t->to->size;
    t->align = t->to->align;
    return JF_OK;
}

jf_Status jf_layout_at(const jf_Target *target, jf_Type *t, unsigned depth,
                       jf_Diag *d)
{
    if (jf_is_record(t))
        return layout_record(target, t, depth, d);
    if (t->size != JF_UNKNOWN)
        return JF_OK;
    switch ((jf_Kind)t->kind) {
    case JF_ARRAY:
        return layout_array(target, t, depth, d);
    case JF_ENUM:
        return layout_enum(t, d);
    case JF_FUNC:
        return jf_layout_fail(d, JF_INCOMPLETE, t,
                              "is a function type: it has no size");
    default:
        return jf_layout_fail(d, JF_INCOMPLETE, t, "has no size");
    }
}

jf_Status jf_layout(const jf_Target *target, jf_Type *t, jf_Diag *d)
{
    return jf_layout_at(target, t, 0, d);
}

/* --- other rules, other numbers ------------------------------------------------- */

jf_Status jf_layout_rules(const jf_Target *target, jf_Type *rec, jf_BitRule bits,
                          bool big_endian, jf_Diag *d)
{
    jf_Target other = *target;
    other.bits = (uint8_t)bits;
    JF_ASSERT(jf_is_record(rec));
    if (rec->flags & JF_T_LAID_OUT)
        return JF_OK;
    jf_Record *r = rec->u.rec;
    jf_Status st = JF_OK;
    for (uint32_t i = 0; i < r->n_fields && st == JF_OK; i++)
        if (jf_is_record(r->fields[i].type) && r->fields[i].type != rec)
            st = jf_layout(target, r->fields[i].type, d);
    if (st == JF_OK)
        st = jf_layout(&other, rec, d);
    if (st != JF_OK || !big_endian)
        return st;
    for (uint32_t i = 0; i < r->n_fields; i++) {
        jf_Field *f = &r->fields[i];
        uint64_t all = f->type->size * 8;
        if (f->bits > 0 && f->bit_shift + (uint64_t)f->bits <= all)
            f->bit_shift = (uint16_t)(all - (uint64_t)f->bits - f->bit_shift);
    }
    return JF_OK;
}

/* --- tails -------------------------------------------------------------------- */

/* Type of the elements behind the end of `t`, and where they start. */
static const jf_Type *tail_of(const jf_Type *t, uint64_t *offset)
{
    while (jf_is_record(t)) {
        const jf_Record *r = t->u.rec;
        const jf_Field *last = NULL;
        for (uint32_t i = 0; i < r->n_fields; i++)
            if (is_flexible(r->fields[i].type))
                last = &r->fields[i];
        if (!last)
            return NULL;
        *offset += last->offset;
        t = last->type;
    }
    return t->kind == JF_ARRAY && t->length == JF_UNKNOWN ? t->to : NULL;
}

jf_Status jf_layout_flexible(const jf_Target *target, jf_Type *t, uint64_t items,
                             uint64_t *bytes, jf_Diag *d)
{
    bool open = t->kind == JF_ARRAY && t->length == JF_UNKNOWN;
    jf_Status st = jf_layout(target, open ? t->to : t, d);
    if (st != JF_OK)
        return st;
    uint64_t at = 0, size = open ? 0 : t->size;
    const jf_Type *item = items ? tail_of(t, &at) : NULL;
    if (items && !item)
        return jf_layout_fail(d, JF_SEMANTIC, t,
                              "has no flexible array at its end");
    uint64_t room = (uint64_t)INT64_MAX - at;
    if (items && item->size && items > room / item->size)
        return jf_layout_fail(d, JF_SEMANTIC, t,
                              "with its tail is larger than 2^63-1 "
                              "bytes");
    *bytes = items ? jf_max64(size, at + items * item->size) : size;
    return JF_OK;
}
