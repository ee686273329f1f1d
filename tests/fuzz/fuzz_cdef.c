/* SPDX-License-Identifier: MIT
 *
 * Any bytes as declarations. A byte 1 parts the input into several texts for
 * one scope. A text that fails must leave the scope as it was; a scope that
 * goes must take all of its types along. Half of the texts come with an oracle
 * whose answers are drawn by lot, as from a damaged module.
 */
#include "fuzz.h"

/* --- a hostile oracle ------------------------------------------------------------ */

static uint64_t lot; /* what the answers to this text are drawn from */

static uint64_t draw(const char *what, const char *name, const char *path,
                     uint64_t more)
{
    uint64_t h = lot + more;
    for (const char *c = what; *c; c++)
        fuzz_mix(&h, (unsigned char)*c);
    for (const char *c = name; *c; c++)
        fuzz_mix(&h, (unsigned char)*c);
    for (const char *c = path; *c; c++)
        fuzz_mix(&h, (unsigned char)*c);
    return h ^ h >> 32;
}

/* Mostly small and likely numbers, now and then the edges. */
static uint64_t number(uint64_t h)
{
    static const uint64_t edges[] = {0,          1,          UINT64_MAX, INT64_MAX,
                                     1ull << 63, UINT32_MAX, 1ull << 32, 3};
    uint64_t v = h >> 8;
    switch (h % 8) {
    case 0:
        return edges[v % JF_COUNT(edges)];
    case 1:
        return v;
    case 2:
        return v % 1000;
    default:
        return 1ull << v % 6;
    }
}

static bool lot_record(void *ctx, const char *name, uint64_t *size, uint64_t *align)
{
    (void)ctx;
    *size = number(draw("size", name, "", 0)) * 4;
    *align = number(draw("align", name, "", 0));
    return draw("record", name, "", 0) % 4;
}

static bool lot_member(void *ctx, const char *record, const char *path,
                       uint64_t *offset, uint64_t *size)
{
    (void)ctx;
    *offset = number(draw("offset", record, path, 0));
    *size = draw("zero", record, path, 0) % 3
                ? 0
                : number(draw("size", record, path, 0));
    return draw("member", record, path, 0) % 8;
}

static bool lot_length(void *ctx, const char *name, unsigned dim, uint64_t *length)
{
    (void)ctx;
    *length = number(draw("n", name, "", dim));
    return draw("length", name, "", dim) % 4;
}

static bool lot_type(void *ctx, const char *name, jf_GivenType *t)
{
    (void)ctx;
    t->size = (uint32_t)number(draw("bytes", name, "", 0));
    t->cls = "iuf?"[draw("cls", name, "", 0) % 4];
    return draw("type", name, "", 0) % 4;
}

static bool lot_integer(void *ctx, const char *name, int64_t *bits, bool *negative)
{
    (void)ctx;
    *bits = (int64_t)number(draw("value", name, "", 0));
    *negative = draw("sign", name, "", 0) % 8 ? *bits < 0 : *bits >= 0;
    return draw("integer", name, "", 0) % 4;
}

static const jf_Oracle hostile = {NULL,       lot_record, lot_member,
                                  lot_length, lot_type,   lot_integer};

/* --- texts ------------------------------------------------------------------------- */

static const char known[] =
    "struct S; typedef struct S *P; struct T { P p; int n; };"
    "enum E { A, B = 5 }; union V; P make(struct T *t, int);"
    "typedef struct S row[3]; extern struct V2 *v2[];";

/* True: the scope has changed. */
static bool one_text(jf_Scope *s, const char *text, size_t n, unsigned i,
                     unsigned sum)
{
    jf_CdefOptions o = {.file = "fuzz.h",
                        .line = 1,
                        .override_ = i % 3 == 2,
                        .packed = i % 5 == 4,
                        .terminated = true,
                        .oracle = sum % 2 ? &hostile : NULL};
    jf_Diag d = JF_DIAG_INIT;
    jf_Universe *u = fuzz_universe();
    uint32_t types = u->n_types;
    uint64_t before = fuzz_digest(s);
    jf_Status st = jf_cdef(s, text, n, &o, &d);
    if (st != JF_OK) {
        MUST(fuzz_digest(s) == before && u->n_types == types);
    } else {
        jf_scope_each(s, fuzz_print_symbol, NULL);
        jf_scope_each_tag(s, fuzz_layout_tag, NULL);
    }
    fuzz_diag(st, &d);
    return st == JF_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Seven of eight inputs end in an error, whatever they say before: that
     * tests taking back, and saves making a scope. */
    static const char broken[] = "\n;)";
    jf_Scope *s = fuzz_scope(known);
    const char *at = (const char *)data, *end = at + size;
    unsigned sum = (unsigned)size;
    for (size_t i = 0; i < size; i++)
        sum += data[i];
    size_t tail = sum % 8 ? sizeof broken - 1 : 0;
    bool changed = false;
    for (unsigned i = 0; at < end; i++) {
        const char *stop = memchr(at, 1, (size_t)(end - at));
        size_t n = (size_t)((stop ? stop : end) - at);
        char *exact = malloc(n + tail + 1); /* reading past it is seen */
        MUST(exact);
        memcpy(exact, at, n);
        memcpy(exact + n, broken, tail);
        exact[n + tail] = 0;
        lot = sum / 2;
        changed |= one_text(s, exact, n + tail, i, sum / 8 + i);
        free(exact);
        at += n + 1;
    }
    fuzz_scope_done(changed);
    return 0;
}
