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

/* True: the scope has changed. */
static bool wrapped(jf_Scope *s, const char *head, const uint8_t *data, size_t size,
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
    return st == JF_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    jf_Scope *s = fuzz_scope(known);
    bool changed = wrapped(s, "#define M ", data, size, "\n");
    changed |= wrapped(s, "extern char array[", data, size, "];");
    changed |= wrapped(s, "struct B { long long bits : ", data, size, "; };");
    fuzz_scope_done(changed);
    return 0;
}
