/* SPDX-License-Identifier: MIT
 *
 * Any bytes as declarations. A byte 1 parts the input into several texts for
 * one scope. A text that fails must leave the scope as it was; a scope that
 * goes must take all of its types along.
 */
#include "fuzz.h"

static const char known[] = "struct S; typedef struct S *P; struct T { P p; int n; };"
                            "enum E { A, B = 5 }; union V; P make(struct T *t, int);"
                            "typedef struct S row[3]; extern struct V2 *v2[];";

static void one_text(jf_Scope *s, const char *text, size_t n, unsigned i)
{
    jf_CdefOptions o = {"fuzz.h", 1, i % 3 == 2, 0, i % 5 == 4, JF_GIL_DEFAULT, true};
    jf_Diag d = JF_DIAG_INIT;
    uint32_t size = jf_scope_size(s), version = jf_scope_version(s);
    jf_Buf before = fuzz_digest(s);
    jf_Status st = jf_cdef(s, text, n, &o, &d);
    if (st != JF_OK) {
        jf_Buf after = fuzz_digest(s);
        MUST(jf_scope_size(s) == size && jf_scope_version(s) == version);
        MUST(before.n == after.n && !memcmp(before.p, after.p, after.n));
        jf_buf_free(&after);
    }
    jf_buf_free(&before);
    fuzz_diag(st, &d);
    jf_scope_each_tag(s, fuzz_layout_tag, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    jf_Universe *u = fuzz_universe();
    jf_Scope *s = jf_scope_new(u);
    const char *at = (const char *)data, *end = at + size;
    MUST(s && jf_cdef(s, known, sizeof known - 1, NULL, NULL) == JF_OK);
    for (unsigned i = 0; at < end; i++) {
        const char *stop = memchr(at, 1, (size_t)(end - at));
        size_t n = (size_t)((stop ? stop : end) - at);
        char *exact = malloc(n ? n : 1); /* so that reading past it is seen */
        MUST(exact);
        memcpy(exact, at, n);
        one_text(s, exact, n, i);
        free(exact);
        at += n + 1;
    }
    jf_scope_free(s);
    MUST(u->n_types == 0 && u->n_groups == 0);
    return 0;
}
