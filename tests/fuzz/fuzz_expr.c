/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a constant expression: as the value of a macro, which may be of
 * any kind, and as the length of an array, which must be an integer.
 */
#include "fuzz.h"

static const char known[] =
    "struct S { int a; char b[3]; struct { short c, d[4]; } e; struct S *next; };"
    "enum E { A, B = 5, C = -1 }; typedef long long L; extern int var[4];"
    "\n#define K 1000\n#define R 2.5\n";

static void wrapped(jf_Scope *s, const char *head, const uint8_t *data, size_t size,
                    const char *tail)
{
    size_t h = strlen(head), t = strlen(tail);
    char *text = malloc(h + size + t);
    jf_Diag d = JF_DIAG_INIT;
    MUST(text);
    memcpy(text, head, h);
    if (size)
        memcpy(text + h, data, size);
    memcpy(text + h + size, tail, t);
    jf_Status st = jf_cdef(s, text, h + size + t, NULL, &d);
    fuzz_diag(st, &d);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    jf_Universe *u = fuzz_universe();
    jf_Scope *s = jf_scope_new(u);
    MUST(s && jf_cdef(s, known, sizeof known - 1, NULL, NULL) == JF_OK);
    wrapped(s, "#define M ", data, size, "\n");
    wrapped(s, "extern char array[", data, size, "];");
    wrapped(s, "struct B { long long bits : ", data, size, "; };");
    jf_scope_free(s);
    MUST(u->n_types == 0 && u->n_groups == 0);
    return 0;
}
