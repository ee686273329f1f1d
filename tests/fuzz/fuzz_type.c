/* SPDX-License-Identifier: MIT
 *
 * Any bytes as the name of a type. What is understood must print, and its
 * spelling must be understood as the same type (records without a tag aside).
 */
#include "fuzz.h"

static const char known[] =
    "struct S { int a; char b[3]; struct S *next; unsigned bits : 5; };"
    "typedef struct S *P; enum E { A, B = 5, C = -1 }; union V { int i; double d; "
    "};"
    "typedef int F(int, ...); typedef P row[3]; extern int var;"
    "static const int N = 7; typedef float v4 __attribute__((vector_size(16)));";

/* Spellings that are no C: "$1", and vectors in the middle of a declarator. */
static bool readable(const char *s)
{
    return !strchr(s, '$') && !strstr(s, "__attribute__") &&
           !strstr(s, "volatile") && !strstr(s, "restrict");
}

static void again(jf_Scope *s, jf_Universe *u, jf_Type *t)
{
    jf_Buf b = JF_BUF_INIT;
    jf_Type *t2 = NULL;
    jf_Diag d = JF_DIAG_INIT;
    jf_type_print(t, "", 0, &b, NULL);
    if (readable(b.p)) {
        jf_Status st = jf_parse_type(s, b.p, b.n, &t2, NULL, &d);
        if (st == JF_OK) {
            MUST(t2->canon == t->canon);
            jf_type_unref(u, t2);
        } else {
            MUST(st == JF_UNSUPPORTED); /* at the limit of nesting */
        }
    }
    jf_diag_clear(&d);
    jf_buf_free(&b);
}

static bool count_tag(void *ctx, jf_Type *t)
{
    (void)t;
    ++*(unsigned *)ctx;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    jf_Universe *u = fuzz_universe();
    jf_Scope *s = fuzz_scope(known);
    jf_Diag d = JF_DIAG_INIT;
    jf_Type *t = NULL;
    unsigned quals, tags = 0, tags_now = 0;
    char *exact = malloc(size ? size : 1);
    MUST(exact);
    if (size)
        memcpy(exact, data, size);
    uint32_t types = u->n_types, names = jf_scope_size(s);
    jf_scope_each_tag(s, count_tag, &tags);
    jf_Status st = jf_parse_type(s, exact, size, &t, &quals, &d);
    if (st == JF_OK) {
        again(s, u, t);
        jf_Diag low = JF_DIAG_INIT;
        if (jf_layout(&jf_target_x64_linux, t, &low) == JF_OK)
            MUST(t->size != JF_UNKNOWN);
        jf_diag_clear(&low);
        jf_type_unref(u, t);
    } else {
        MUST(u->n_types == types && jf_scope_size(s) == names);
    }
    jf_scope_each_tag(s, count_tag, &tags_now);
    fuzz_diag(st, &d);
    free(exact);
    fuzz_scope_done(tags != tags_now || names != jf_scope_size(s) ||
                    u->n_types != types);
    return 0;
}
