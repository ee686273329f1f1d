/* SPDX-License-Identifier: MIT
 *
 * Structs and unions of compiled modules get their members when somebody asks for
 * them. What the module says of sizes and offsets came from the C compiler; what
 * it leaves open (bit-fields, structs without a name) follows from the rules, and
 * a struct that was declared in full must agree with both. Messages are cffi's.
 */
#include <string.h>

#include "python/cffi/stock.h"

#define NOT_GIVEN ((size_t)-1)

typedef struct Build {
    Stock *s;
    jf_Type *rec;
    const StockRecord *r;
    const StockField *given; /* of the record's members */
    jf_Diag *d;
} Build;

/* The entry that `rec` was made from; NULL: none. */
static const StockRecord *entry_of(const Stock *s, const jf_Type *rec)
{
    const jf_Record *r = rec->u.rec;
    for (int i = 0; i < s->context.n_records; i++) /* by name would need its "$" */
        if (s->records[i] == rec && !(s->context.records[i].flags & REC_EXTERNAL))
            return r ? &s->context.records[i] : NULL;
    return NULL;
}

/* --- members ------------------------------------------------------------- */

static bool fill_field(Build *b, const StockField *given, jf_Field *f)
{
    jf_Arena *arena = &b->rec->group->arena;
    f->type = jpy_stock_type(b->s, word_arg(given->op), b->d);
    if (!f->type)
        return false;
    f->bits = word_op(given->op) == OP_BITFIELD ? (int16_t)given->size : -1;
    if (*given->name &&
        !(f->name = jf_arena_strndup(arena, given->name, strlen(given->name)))) {
        jf_diag_set(b->d, JF_NOMEM, "out of memory");
        return false;
    }
    return true;
}

static jf_Status add_fields(Build *b)
{
    uint32_t n = (uint32_t)b->r->n_fields, made = 0;
    jf_Field *fields = jf_calloc((n ? n : 1) * sizeof *fields);
    while (fields && made < n && fill_field(b, &b->given[made], &fields[made]))
        made++;
    bool ok = fields && made == n &&
              jf_type_complete(b->rec->group, b->rec, fields, n,
                               b->r->flags & REC_PACKED ? JF_R_PACKED : 0);
    jf_free(fields);
    if (ok)
        return JF_OK;
    return b->d && b->d->status != JF_OK
               ? b->d->status
               : jf_diag_set(b->d, JF_NOMEM, "out of memory");
}

/* --- what was given against what follows --------------------------------- */

/* A number of the declaration and the same of the C compiler. False: they differ
 * and may not. */
static bool agree(Build *b, const char *what, const char *field, int64_t cdef,
                  int64_t compiler, bool *custom)
{
    if (cdef == compiler)
        return true;
    *custom = true;
    if (!(b->r->flags & REC_CHECK))
        return true;
    jf_Buf name = JF_BUF_INIT;
    jf_type_print(b->rec, "", 0, &name, NULL);
    const char *s = name.failed || !name.p ? "?" : name.p;
    jf_diag_set(b->d, JF_NOT_FOUND,
                "%s: %s%s%s (cdef says %lld, but C compiler says %lld). fix it or "
                "use \"...;\" as the last field in the cdef for %s to make it "
                "flexible",
                s, what, field ? field : "", field ? "'" : "", (long long)cdef,
                (long long)compiler, s);
    jf_buf_free(&name);
    return false;
}

static int64_t size_of(const jf_Type *t)
{
    return t->size == JF_UNKNOWN ? -1 : (int64_t)t->size;
}

static bool check_sizes(Build *b, bool *custom)
{
    jf_Record *rec = b->rec->u.rec;
    const jf_Target *target = b->s->ffi->st->universe->target;
    for (uint32_t i = 0; i < rec->n_fields; i++) {
        jf_Field *f = &rec->fields[i];
        if (f->bits >= 0 || b->given[i].offset == NOT_GIVEN)
            continue;
        bool open = f->type->kind == JF_ARRAY && f->type->length == JF_UNKNOWN;
        if (!open && jf_layout(target, f->type, b->d) != JF_OK)
            return false;
        if (!agree(b, "wrong size for field '", b->given[i].name, size_of(f->type),
                   (int64_t)b->given[i].size, custom))
            return false;
    }
    return true;
}

static bool check_offsets(Build *b, bool *custom)
{
    jf_Record *rec = b->rec->u.rec;
    for (uint32_t i = 0; i < rec->n_fields; i++)
        if (b->given[i].offset != NOT_GIVEN &&
            !agree(b, "wrong offset for field '", b->given[i].name,
                   (int64_t)rec->fields[i].offset, (int64_t)b->given[i].offset,
                   custom))
            return false;
    return b->r->size >= (size_t)-2 ||
           agree(b, "wrong total size", NULL, size_of(b->rec), (int64_t)b->r->size,
                 custom);
}

/* --- as the C compiler has it -------------------------------------------- */

static uint64_t round_up(uint64_t v, uint64_t align)
{
    return (v + align - 1) / align * align;
}

/* One bit-field behind what ends at bit `at`, as GCC places it. */
static uint64_t place_bits(Build *b, jf_Field *f, uint64_t at)
{
    bool packed = b->r->flags & REC_PACKED;
    uint64_t align = packed ? 1 : f->type->align, unit = f->type->size * 8;
    if (f->bits == 0)
        return round_up(at, align * 8);
    uint64_t start = at / 8 / align * align;
    if (at - start * 8 + (uint64_t)f->bits > unit) {
        start = round_up(at, align * 8) / 8;
        at = start * 8;
    }
    f->offset = start;
    f->bit_shift = (uint16_t)(at - start * 8);
    return at + (uint64_t)f->bits;
}

/* Members at the offsets that were given, the rest behind them. */
static jf_Status place_given(Build *b)
{
    jf_Record *rec = b->rec->u.rec;
    uint64_t at = 0, align = 1, end = 0; /* in bits, bytes, bytes */
    for (uint32_t i = 0; i < rec->n_fields; i++) {
        jf_Field *f = &rec->fields[i];
        uint64_t own = b->r->flags & REC_PACKED ? 1 : f->type->align;
        own = own ? own : 1;
        at = b->rec->kind == JF_UNION ? 0 : at;
        if (f->bits < 0 || f->name)
            align = own > align ? own : align;
        if (f->bits >= 0) {
            at = place_bits(b, f, at);
        } else {
            f->offset = b->given[i].offset == NOT_GIVEN
                            ? round_up((at + 7) / 8, own)
                            : b->given[i].offset;
            f->bit_shift = 0;
            at =
                8 * (f->offset + (f->type->size == JF_UNKNOWN ? 0 : f->type->size));
        }
        end = (at + 7) / 8 > end ? (at + 7) / 8 : end;
    }
    if (b->r->align > 0)
        align = (uint64_t)b->r->align;
    uint64_t size = b->r->size >= (size_t)-2 ? round_up(end, align) : b->r->size;
    if (size < end) {
        jf_Buf name = JF_BUF_INIT;
        jf_type_print(b->rec, "", 0, &name, NULL);
        jf_diag_set(
            b->d, JF_SEMANTIC,
            "%s cannot be of size %lld: there are fields at least up to %lld",
            name.failed || !name.p ? "?" : name.p, (long long)size, (long long)end);
        jf_buf_free(&name);
        return JF_SEMANTIC;
    }
    rec->flags |= JF_R_PARTIAL;
    return jf_layout_given(b->rec, size, (uint32_t)align, b->d);
}

static void forget_layout(jf_Type *rec)
{
    rec->flags &= (uint8_t)~JF_T_LAID_OUT;
    rec->size = JF_UNKNOWN;
    rec->align = 0;
}

/* By the rules; false where the rules have no answer, which matters only if none
 * was given. */
static bool place_natural(Build *b, bool *custom)
{
    jf_Diag own = JF_DIAG_INIT;
    jf_Diag *d = b->r->size == (size_t)-2 || b->r->flags & REC_CHECK ? b->d : &own;
    bool ok = jf_layout(b->s->ffi->st->universe->target, b->rec, d) == JF_OK;
    jf_diag_clear(&own);
    if (!ok)
        *custom = true;
    return ok || d == &own;
}

static jf_Status lay_out(Build *b)
{
    bool custom = false;
    if (!check_sizes(b, &custom) || !place_natural(b, &custom))
        return b->d ? b->d->status : JF_NOT_FOUND;
    if (b->rec->flags & JF_T_LAID_OUT) {
        if (!check_offsets(b, &custom))
            return b->d ? b->d->status : JF_NOT_FOUND;
        if (b->r->align > 0 && !agree(b, "wrong total alignment", NULL,
                                      b->rec->align, b->r->align, &custom))
            return b->d ? b->d->status : JF_NOT_FOUND;
    }
    if (!custom)
        return JF_OK;
    forget_layout(b->rec);
    return place_given(b);
}

/* --- doors --------------------------------------------------------------- */

jf_Status jpy_stock_complete(void *stock, jf_Type *rec, jf_Diag *d)
{
    Stock *s = stock;
    jf_Diag own = JF_DIAG_INIT;
    Build b = {s, rec, entry_of(s, rec), NULL, d ? d : &own};
    jf_Record *r = rec->u.rec;
    if (!b.r)
        return jf_diag_set(d, JF_INCOMPLETE, "a struct has lost its module");
    b.given = s->context.fields + b.r->first_field;
    r->flags &= (uint16_t)~JF_R_LAZY;
    r->flags |= JF_R_BUSY;
    jf_Status st = r->fields ? JF_OK : add_fields(&b);
    r->flags &= (uint16_t)~JF_R_BUSY;
    r->flags |= JF_R_COMPLETE;
    if (st == JF_OK)
        st = lay_out(&b);
    if (st != JF_OK) { /* the next one who asks is told again */
        forget_layout(rec);
        r->flags &= (uint16_t) ~(JF_R_COMPLETE | JF_R_PARTIAL);
        r->flags |= JF_R_LAZY;
    }
    jf_diag_clear(&own);
    return st;
}

void jpy_stock_complete_all(Stock *s)
{
    jf_Group *g = jf_scope_group(s->ffi->scope);
    for (int i = 0; s->records && i < s->context.n_records; i++) {
        jf_Type *t = s->records[i];
        if (!t || t->group != g || !(t->u.rec->flags & JF_R_LAZY))
            continue;
        jpy_stock_complete(s, t, NULL);
        t->u.rec->flags &= (uint16_t)~JF_R_LAZY;
    }
}
