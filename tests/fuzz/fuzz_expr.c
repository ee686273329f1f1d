/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a constant expression: as the value of a macro, which may be of
 * any kind, as the length of an array or as the width of a bit-field, which must
 * be integers. The input's ends say which.
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
    static const struct {
        const char *head, *tail;
    } places[] = {{"#define M ", "\n"},
                  {"extern char array[", "];"},
                  {"struct B { long long bits : ", "; };"}};
    jf_Scope *s = fuzz_scope(known);
    unsigned i = (size ? data[0] + data[size - 1] : 0u) % JF_COUNT(places);
    fuzz_scope_done(wrapped(s, places[i].head, data, size, places[i].tail));
    return 0;
}
