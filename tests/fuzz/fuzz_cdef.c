/* SPDX-License-Identifier: MIT
 *
 * Any bytes as declarations. A byte 1 parts the input into several texts for
 * one scope. A text that fails must leave the scope as it was; a scope that
 * goes must take all of its types along.
 */
#include "fuzz.h"

static const char known[] =
    "struct S; typedef struct S *P; struct T { P p; int n; };"
    "enum E { A, B = 5 }; union V; P make(struct T *t, int);"
    "typedef struct S row[3]; extern struct V2 *v2[];";

/* True: the scope has changed. */
static bool one_text(jf_Scope *s, const char *text, size_t n, unsigned i)
{
    jf_CdefOptions o = {"fuzz.h",       1,   i % 3 == 2, 0, i % 5 == 4,
                        JF_GIL_DEFAULT, true};
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
        char *exact = malloc(n + tail ? n + tail : 1); /* reading past it is seen */
        MUST(exact);
        memcpy(exact, at, n);
        memcpy(exact + n, broken, tail);
        changed |= one_text(s, exact, n + tail, i);
        free(exact);
        at += n + 1;
    }
    fuzz_scope_done(changed);
    return 0;
}
