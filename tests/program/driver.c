/* SPDX-License-Identifier: MIT
 *
 * Runs programs that fuzz.py drew beside the same programs as a C compiler made
 * them, and compares what they give and what they did. See fuzz.py for the text
 * that is read here.
 *
 *   driver LIBRARY TEXT code|run
 */
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse/parse.h"
#include "engine/engine.h"

enum { MOST_ARGS = 64, MOST_BYTES = 1 << 16 };

static jf_Universe *u;
static jf_Scope *scope;
static void *library;
static FILE *in;
static unsigned long checked, failed;

static void die(const char *what, const char *detail)
{
    printf("driver: %s %s\n", what, detail ? detail : "");
    exit(2);
}

static void *address_of(const char *name)
{
    void *p = dlsym(library, name);
    if (!p)
        die("no symbol", name);
    return p;
}

static jf_Type *type_of(const char *name)
{
    const jf_Symbol *s = jf_scope_find(scope, name, strlen(name));
    if (!s)
        die("not declared:", name);
    return s->type;
}

static jf_Type *parse(const char *text)
{
    jf_Diag d = JF_DIAG_INIT;
    jf_Type *t = NULL;
    if (jf_parse_type(scope, text, strlen(text), &t, NULL, &d) != JF_OK)
        die(text, d.message);
    return t;
}

/* --- one program -------------------------------------------------------------- */

/* What of a result is compared: padding is not, and a NaN is a NaN. */
typedef struct Part {
    unsigned off, size;
    char how; /* i, f */
} Part;

typedef struct Case {
    char name[64];
    jf_Program program;
    jf_Call *own;
    jf_Call *calls[256];
    unsigned n_calls;
    Part parts[64];
    unsigned n_parts;
    jf_Fused *fused;
} Case;

static unsigned number(void)
{
    unsigned n;
    if (fscanf(in, "%u", &n) != 1)
        die("a number is missing", NULL);
    return n;
}

/* f NAME n_extra TYPE... kind n args... */
static void read_call(Case *c)
{
    char name[64], text[64];
    jf_Type *extra[MOST_ARGS];
    uint32_t args[MOST_ARGS];
    jf_Diag d = JF_DIAG_INIT;
    if (fscanf(in, "%63s", name) != 1)
        die("a call without a name", NULL);
    unsigned n_extra = number();
    for (unsigned k = 0; k < n_extra; k++) {
        if (fscanf(in, "%63s", text) != 1)
            die("a type is missing", name);
        extra[k] = parse(text);
    }
    unsigned kind = number(), n = number();
    for (unsigned k = 0; k < n; k++)
        args[k] = number();
    if (c->n_calls == JF_COUNT(c->calls))
        die("too many calls", name);
    jf_Call **call = &c->calls[c->n_calls++];
    if (jf_call_new(u, type_of(name), extra, n_extra, call, &d) != JF_OK)
        die(name, d.message);
    jf_program_call(&c->program, jf_call_plan(*call), *call, address_of(name), name,
                    args, (jf_Scalar)kind);
    for (unsigned k = 0; k < n_extra; k++)
        jf_type_unref(u, extra[k]);
}

static void read_ins(Case *c)
{
    jf_ProgramIns ins = {0};
    long off;
    unsigned long long imm;
    ins.op = (uint8_t)number();
    ins.cc = (uint8_t)number();
    ins.v = number();
    ins.a = number();
    ins.b = number();
    ins.c = number();
    if (fscanf(in, "%ld %llu", &off, &imm) != 2)
        die("an instruction is cut off", NULL);
    ins.off = (int32_t)off;
    ins.imm = imm;
    jf_program_put(&c->program, ins);
}

static void start(Case *c)
{
    jf_Diag d = JF_DIAG_INIT;
    memset(c, 0, sizeof *c);
    if (fscanf(in, "%63s", c->name) != 1)
        die("a program without a name", NULL);
    if (jf_call_new(u, type_of(c->name), NULL, 0, &c->own, &d) != JF_OK)
        die(c->name, d.message);
    jf_program_init(&c->program, jf_call_plan(c->own));
}

static void compile(Case *c, bool code)
{
    jf_Diag d = JF_DIAG_INIT;
    if (jf_fused_new(u, type_of(c->name), &c->program, c->name, code, &c->fused,
                     &d) != JF_OK)
        die(c->name, d.message);
    if (code && jf_can_compile() && jf_fused_why_not(c->fused))
        die(c->name, jf_fused_why_not(c->fused));
}

static void finish(Case *c)
{
    jf_fused_free(c->fused);
    jf_program_free(&c->program);
    for (unsigned k = 0; k < c->n_calls; k++)
        jf_call_free(c->calls[k]);
    jf_call_free(c->own);
}

/* --- comparing ------------------------------------------------------------------ */

static bool is_nan(const char *p, unsigned size)
{
    float f32;
    double f64;
    long double f80;
    memcpy(&f32, p, 4);
    if (size == 4)
        return isnan(f32);
    if (size == 8) {
        memcpy(&f64, p, 8);
        return isnan(f64);
    }
    memset(&f80, 0, sizeof f80);
    memcpy(&f80, p, 10);
    return isnan(f80);
}

static bool same(const Part *p, const char *a, const char *b)
{
    a += p->off;
    b += p->off;
    if (memcmp(a, b, p->size) == 0)
        return true;
    return p->how == 'f' && is_nan(a, p->size) && is_nan(b, p->size);
}

static void show(const char *what, const char *bytes, const Part *p)
{
    printf("    %s:", what);
    for (unsigned k = 0; k < p->size; k++)
        printf(" %02x", (unsigned char)bytes[p->off + k]);
    printf("\n");
}

static void read_bytes(char *to, unsigned n)
{
    for (unsigned k = 0; k < n; k++) {
        unsigned byte;
        if (fscanf(in, "%2x", &byte) != 1)
            die("bytes are missing", NULL);
        to[k] = (char)byte;
    }
}

/* in HEX: the slots; both sides get them, and start from the same trace. */
static void run(Case *c)
{
    static _Alignas(16) char slots[2][MOST_BYTES], ret[2][MOST_BYTES];
    unsigned long long *trace = address_of("trace"), traces[2];
    unsigned n = number();
    if (n > MOST_BYTES || n < jf_call_plan(c->own)->slots_size)
        die("slots of another size", c->name);
    read_bytes(slots[0], n);
    memcpy(slots[1], slots[0], n);
    for (int side = 0; side < 2; side++) {
        *trace = 1;
        jf_call(c->own, side ? jf_fused_address(c->fused) : address_of(c->name),
                slots[side], ret[side]);
        traces[side] = *trace;
    }
    bool ok = traces[0] == traces[1];
    if (!ok)
        printf("%s: the calls differ: %llx, not %llx\n", c->name, traces[1],
               traces[0]);
    for (unsigned k = 0; k < c->n_parts; k++) {
        if (same(&c->parts[k], ret[0], ret[1]))
            continue;
        ok = false;
        printf("%s: the result differs at byte %u\n", c->name, c->parts[k].off);
        show("C  ", ret[0], &c->parts[k]);
        show("got", ret[1], &c->parts[k]);
    }
    checked++;
    failed += !ok;
    if (!ok && failed < 4) {
        jf_Buf listing = JF_BUF_INIT;
        jf_program_print(&c->program, &listing);
        printf("%s", listing.p ? listing.p : "");
        jf_buf_free(&listing);
    }
}

/* --- the text --------------------------------------------------------------------- */

static void read_cdef(void)
{
    unsigned n = number();
    char *text = malloc(n + 1);
    jf_Diag d = JF_DIAG_INIT;
    if (!text || fgetc(in) != '\n' || fread(text, 1, n, in) != n)
        die("declarations are cut off", NULL);
    if (jf_cdef(scope, text, n, NULL, &d) != JF_OK)
        die("cdef:", d.message);
    free(text);
}

static void read_part(Case *c)
{
    Part *p = &c->parts[c->n_parts++];
    if (c->n_parts > JF_COUNT(c->parts) ||
        fscanf(in, "%u %u %c", &p->off, &p->size, &p->how) != 3)
        die("a part is cut off", NULL);
}

int main(int argc, char **argv)
{
    static Case c;
    char word[16];
    if (argc != 4)
        return 2;
    library = dlopen(argv[1], RTLD_NOW);
    in = fopen(argv[2], "r");
    u = jf_engine_universe(NULL);
    scope = u ? jf_scope_new(u) : NULL;
    if (!library || !in || !scope)
        die("cannot start", library ? NULL : dlerror());
    while (fscanf(in, "%15s", word) == 1) {
        if (!strcmp(word, "cdef"))
            read_cdef();
        else if (!strcmp(word, "prog"))
            start(&c);
        else if (!strcmp(word, "v")) {
            unsigned kind = number(), size = number();
            jf_program_value(&c.program, (jf_Scalar)kind, size, number());
        } else if (!strcmp(word, "i"))
            read_ins(&c);
        else if (!strcmp(word, "f"))
            read_call(&c);
        else if (!strcmp(word, "part"))
            read_part(&c);
        else if (!strcmp(word, "make"))
            compile(&c, !strcmp(argv[3], "code"));
        else if (!strcmp(word, "in"))
            run(&c);
        else if (!strcmp(word, "end"))
            finish(&c);
        else
            die("what is this:", word);
    }
    printf("%lu runs compared, %lu differ\n", checked, failed);
    return failed || !checked;
}
