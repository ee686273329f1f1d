/* SPDX-License-Identifier: MIT
 *
 * What the fuzz targets share: one universe for the process, a digest of a
 * scope, and a check that fails loudly in every build.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/layout/layout.h"
#include "core/parse/parse.h"

#define MUST(c)                                                                \
    ((c) ? (void)0 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #c), abort()))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline jf_Universe *fuzz_universe(void)
{
    static jf_Universe *u;
    if (!u)
        u = jf_universe_new(&jf_target_x64_linux);
    MUST(u);
    return u;
}

/* A scope with `known` declared. A new one costs more than most inputs, so it is
 * kept for as long as inputs leave it as it was: see fuzz_scope_done. */
static inline jf_Scope **fuzz_kept(void)
{
    static jf_Scope *kept;
    return &kept;
}

static inline jf_Scope *fuzz_scope(const char *known)
{
    jf_Scope **kept = fuzz_kept();
    if (!*kept) {
        *kept = jf_scope_new(fuzz_universe());
        MUST(*kept);
        MUST(jf_cdef(*kept, known, strlen(known), NULL, NULL) == JF_OK);
    }
    return *kept;
}

/* `changed`: the next input needs a new one. A scope that goes must take all of
 * its types along. */
static inline void fuzz_scope_done(bool changed)
{
    static unsigned used;
    jf_Scope **kept = fuzz_kept();
    jf_Universe *u = fuzz_universe();
    if (++used % 1024 && !changed)
        return;
    jf_scope_free(*kept);
    *kept = NULL;
    MUST(u->n_types == 0 && u->n_groups == 0);
}

/* FNV-1a, eight bytes at a time: only equality is asked of it. */
static inline void fuzz_mix(uint64_t *h, uint64_t v)
{
    *h = (*h ^ v) * 0x100000001b3u;
    *h ^= *h >> 29;
}

static inline bool fuzz_tag(void *ctx, jf_Type *t)
{
    fuzz_mix(ctx, (uintptr_t)t);
    if (t->kind == JF_ENUM) {
        fuzz_mix(ctx, t->size);
        fuzz_mix(ctx, t->u.en->n_items + ((uint64_t)t->u.en->flags << 32));
        fuzz_mix(ctx, (uintptr_t)t->u.en->items);
    } else { /* not the size: a layout once made may stay */
        fuzz_mix(ctx, t->u.rec->n_fields + ((uint64_t)t->u.rec->flags << 32));
        fuzz_mix(ctx, (uintptr_t)t->u.rec->fields);
    }
    return true;
}

static inline bool fuzz_symbol(void *ctx, const jf_Symbol *s)
{
    fuzz_mix(ctx, (uintptr_t)s);
    fuzz_mix(ctx, (uintptr_t)s->type);
    fuzz_mix(ctx, (uint64_t)s->value);
    fuzz_mix(ctx, s->kind + ((uint64_t)s->flags << 8));
    MUST(s->kind != JF_SYM_FUNCTION || s->type->kind == JF_FUNC);
    return true;
}

/* Everything a scope says of itself: equal only if nothing has changed. */
static inline uint64_t fuzz_digest(const jf_Scope *s)
{
    uint64_t h = jf_scope_version(s);
    fuzz_mix(&h, jf_scope_size(s));
    jf_scope_each(s, fuzz_symbol, &h);
    jf_scope_each_tag(s, fuzz_tag, &h);
    return h;
}

/* What was understood can be spelled. */
static inline void fuzz_print(const jf_Type *t)
{
    jf_Buf b = JF_BUF_INIT;
    jf_type_print(t, "", JF_PRINT_QUALS, &b, NULL);
    MUST(b.n && !b.failed);
    jf_buf_free(&b);
}

static inline bool fuzz_print_symbol(void *ctx, const jf_Symbol *s)
{
    (void)ctx;
    if (s->type)
        fuzz_print(s->type);
    return true;
}

static inline bool fuzz_layout_tag(void *ctx, jf_Type *t)
{
    jf_Diag d = JF_DIAG_INIT;
    (void)ctx;
    fuzz_print(t);
    if (jf_layout(&jf_target_x64_linux, t, &d) == JF_OK)
        MUST(t->size != JF_UNKNOWN);
    else
        MUST(d.message);
    jf_diag_clear(&d);
    return true;
}

/* A failure must say something, and where. */
static inline void fuzz_diag(jf_Status st, jf_Diag *d)
{
    jf_Buf b = JF_BUF_INIT;
    MUST((st == JF_OK) == (d->status == JF_OK));
    if (st != JF_OK) {
        MUST(d->message && d->pos.line && d->pos.column);
        jf_diag_print(d, &b);
    }
    jf_buf_free(&b);
    jf_diag_clear(d);
}

#endif
