/* SPDX-License-Identifier: MIT
 *
 * Prints what jf_layout says of described records, one line each, in the form
 * that fuzz.py makes of a compiler's numbers:
 *   K size align field=offset... field=hex bytes with only that bit-field set
 *
 *   layout_dump <target> < description
 *   layout_dump <target> cdef < declarations     (tags s0, s1, ...)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../abi/describe.h"
#include "core/layout/layout.h"
#include "core/parse/parse.h"

static void dump_bits(const jf_Type *top, uint64_t base, const jf_Field *f)
{
    /* room in front and behind: a write outside shows as a crash under ASan */
    uint8_t *bytes = calloc(1, (size_t)top->size + (top->size == 0));
    jf_bits_write(bytes + base, f, UINT64_MAX);
    printf(" %s=", f->name);
    for (uint64_t i = 0; i < top->size; i++)
        printf("%02x", bytes[i]);
    free(bytes);
}

static void dump_fields(const jf_Type *top, const jf_Type *t, uint64_t base)
{
    for (uint32_t i = 0; i < t->u.rec->n_fields; i++) {
        const jf_Field *f = &t->u.rec->fields[i];
        uint64_t offset = 0;
        if (!f->name && f->bits < 0)
            dump_fields(top, f->type, base + f->offset);
        if (!f->name)
            continue;
        if (jf_type_field(top, f->name, strlen(f->name), &offset) != f ||
            offset != base + f->offset)
            printf(" LOOKUP-%s", f->name);
        if (f->bits > 0)
            dump_bits(top, base, f);
        else
            printf(" %s=%llu", f->name, (unsigned long long)(base + f->offset));
    }
}

static char *read_all(FILE *in)
{
    size_t n = 0, cap = 1 << 16;
    char *text = malloc(cap);
    for (size_t got; (got = fread(text + n, 1, cap - n - 1, in)) > 0;) {
        n += got;
        if (cap - n < 4096)
            text = realloc(text, cap *= 2);
    }
    text[n] = 0;
    return text;
}

static void dump_record(const jf_Target *target, unsigned k, jf_Type *t)
{
    jf_Diag diag = JF_DIAG_INIT;
    if (jf_layout(target, t, &diag) != JF_OK) {
        printf("%u failed: %s\n", k, diag.message);
        jf_diag_clear(&diag);
        return;
    }
    printf("%u %llu %u", k, (unsigned long long)t->size, t->align);
    dump_fields(t, t, 0);
    printf("\n");
}

static int dump_described(const jf_Target *target, const char *text)
{
    Described d;
    describe_read(jf_universe_new(target), text, &d);
    for (uint32_t k = 0; k < d.n_records; k++)
        if (d.records[k])
            dump_record(target, k, d.records[k]);
    describe_free(&d);
    return 0;
}

/* Anonymous records have numbers, too: gaps are skipped, up to a million. */
static int dump_declared(const jf_Target *target, const char *text)
{
    jf_Universe *u = jf_universe_new(target);
    jf_Scope *s = jf_scope_new(u);
    jf_Diag diag = JF_DIAG_INIT;
    jf_Status st = jf_cdef(s, text, strlen(text), NULL, &diag);
    if (st != JF_OK)
        fprintf(stderr, "cdef: %u: %s\n%s\n", diag.pos.line, diag.message,
                diag.source ? diag.source : "");
    for (unsigned k = 0; st == JF_OK && k < 1000000; k++) {
        char tag[16];
        size_t n = (size_t)snprintf(tag, sizeof tag, "s%u", k);
        jf_Type *t = jf_scope_tag(s, JF_STRUCT, tag, n);
        t = t ? t : jf_scope_tag(s, JF_UNION, tag, n);
        if (t)
            dump_record(target, k, t);
    }
    jf_diag_clear(&diag);
    jf_scope_free(s);
    jf_universe_free(u);
    return st != JF_OK;
}

int main(int argc, char **argv)
{
    const jf_Target *target = argc > 1 ? jf_target_find(argv[1]) : NULL;
    if (!target) {
        fprintf(stderr, "usage: layout_dump <target> [cdef] < text\n");
        return 2;
    }
    char *text = read_all(stdin);
    bool cdef = argc > 2 && !strcmp(argv[2], "cdef");
    int rc = cdef ? dump_declared(target, text) : dump_described(target, text);
    free(text);
    return rc;
}
