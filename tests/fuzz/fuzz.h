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

static inline void fuzz_type(jf_Type *t, jf_Buf *out)
{
    jf_type_print(t, "", JF_PRINT_QUALS, out, NULL);
    if (jf_is_record(t))
        jf_buf_printf(out, " %u fields %x", t->u.rec->n_fields, t->u.rec->flags);
    else if (t->kind == JF_ENUM)
        jf_buf_printf(out, " %u items %x of %llu", t->u.en->n_items, t->u.en->flags,
                      (unsigned long long)t->size);
    jf_buf_text(out, "\n");
}

static inline bool fuzz_symbol(void *ctx, const jf_Symbol *s)
{
    jf_Buf *out = ctx;
    jf_buf_printf(out, "%s %u %x %lld %g ", s->name, s->kind, s->flags,
                  (long long)s->value, s->number);
    if (s->type)
        fuzz_type(s->type, out);
    if (s->kind == JF_SYM_FUNCTION)
        MUST(s->type->kind == JF_FUNC);
    return true;
}

static inline bool fuzz_tag(void *ctx, jf_Type *t)
{
    fuzz_type(t, ctx);
    return true;
}

/* Everything a scope says of itself. */
static inline jf_Buf fuzz_digest(const jf_Scope *s)
{
    jf_Buf b = JF_BUF_INIT;
    jf_scope_each(s, fuzz_symbol, &b);
    jf_scope_each_tag(s, fuzz_tag, &b);
    MUST(!b.failed);
    return b;
}

static inline bool fuzz_layout_tag(void *ctx, jf_Type *t)
{
    jf_Diag d = JF_DIAG_INIT;
    (void)ctx;
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
