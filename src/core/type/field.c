/* SPDX-License-Identifier: MIT
 *
 * Finding a member by name, through anonymous members (C11 6.7.2.1p13: the
 * members of an anonymous struct or union are members of the containing one).
 * Records of many fields get a hash index at the first look-up.
 */
#include <string.h>

#include "core/base/bits.h"
#include "core/type/type.h"

enum { FEW = 8, MAX_PATH = 64 };

/* Open addressing; `cells` is a power of two, at least twice the names. */
typedef struct Cell {
    const jf_Field *field; /* NULL: empty */
    uint64_t offset;       /* from the start of the record */
    uint32_t hash;
} Cell;

typedef struct Index {
    uint32_t cells;
    Cell cell[];
} Index;

static bool is_anonymous(const jf_Field *f)
{
    return !f->name && f->bits < 0 && jf_is_record(f->type);
}

static bool has_name(const jf_Field *f, const char *name, size_t n)
{
    return f->name && !strncmp(f->name, name, n) && !f->name[n];
}

static uint64_t count_names(const jf_Type *rec, unsigned depth)
{
    uint64_t n = 0;
    const jf_Record *r = rec->u.rec;
    for (uint32_t i = 0; i < r->n_fields; i++)
        if (r->fields[i].name)
            n++;
        else if (is_anonymous(&r->fields[i]) && depth < MAX_PATH)
            n += count_names(r->fields[i].type, depth + 1);
    return n;
}

/* A name that is there already stays: the first member of a name wins. */
static void index_put(Index *x, const jf_Field *f, uint64_t offset)
{
    size_t n = strlen(f->name);
    uint32_t h = jf_hash_bytes(f->name, n), i = h & (x->cells - 1);
    for (; x->cell[i].field; i = (i + 1) & (x->cells - 1))
        if (x->cell[i].hash == h && has_name(x->cell[i].field, f->name, n))
            return;
    x->cell[i] = (Cell){f, offset, h};
}

static void index_fill(Index *x, const jf_Type *rec, uint64_t base, unsigned depth)
{
    const jf_Record *r = rec->u.rec;
    for (uint32_t i = 0; i < r->n_fields; i++) {
        const jf_Field *f = &r->fields[i];
        if (f->name)
            index_put(x, f, base + f->offset);
        else if (is_anonymous(f) && depth < MAX_PATH)
            index_fill(x, f->type, base + f->offset, depth + 1);
    }
}

/* NULL when memory is out: the look-up then walks. */
static Index *index_of(const jf_Type *rec)
{
    jf_Record *r = rec->u.rec;
    if (r->index)
        return r->index;
    uint64_t cells = 32;
    while (cells < count_names(rec, 0) * 2)
        cells *= 2;
    if (cells > UINT32_MAX / 2)
        return NULL;
    Index *x = jf_calloc(sizeof *x + (size_t)cells * sizeof(Cell));
    if (!x)
        return NULL;
    x->cells = (uint32_t)cells;
    index_fill(x, rec, 0, 0);
    r->index = x;
    return x;
}

static const jf_Field *walk(const jf_Type *rec, const char *name, size_t n,
                            uint64_t *offset, unsigned depth)
{
    const jf_Record *r = rec->u.rec;
    for (uint32_t i = 0; i < r->n_fields; i++) {
        const jf_Field *f = &r->fields[i];
        const jf_Field *found = NULL;
        uint64_t inner = 0;
        if (has_name(f, name, n))
            found = f;
        else if (is_anonymous(f) && depth < MAX_PATH)
            found = walk(f->type, name, n, &inner, depth + 1);
        if (found) {
            *offset = found == f ? f->offset : f->offset + inner;
            return found;
        }
    }
    return NULL;
}

const jf_Field *jf_type_field(const jf_Type *rec, const char *name, size_t n,
                              uint64_t *offset)
{
    uint64_t ignored;
    if (!offset)
        offset = &ignored;
    if (!jf_is_record(rec))
        return NULL;
    JF_ASSERT(rec->flags & JF_T_LAID_OUT);
    Index *x = rec->u.rec->n_fields > FEW ? index_of(rec) : NULL;
    if (!x)
        return walk(rec, name, n, offset, 0);
    uint32_t h = jf_hash_bytes(name, n);
    for (uint32_t i = h & (x->cells - 1); x->cell[i].field;
         i = (i + 1) & (x->cells - 1))
        if (x->cell[i].hash == h && has_name(x->cell[i].field, name, n)) {
            *offset = x->cell[i].offset;
            return x->cell[i].field;
        }
    return NULL;
}
