/* SPDX-License-Identifier: MIT
 *
 * Layout as rows: declarations, then "size align field=offset[:shift]..." on one
 * target. The numbers are GCC's for that target (tests/layout compares many more).
 */
#include "check.h"
#include "core/layout/layout.h"
#include "core/parse/parse.h"

typedef struct Row {
    const jf_Target *target;
    const char *text;   /* declares struct or union s */
    const char *wanted; /* or the message, after '!' */
} Row;

#define X64 &jf_target_x64_linux
#define X86 &jf_target_x86_linux
#define A64 &jf_target_a64_linux
#define WIN &jf_target_x64_windows
#define MAC &jf_target_a64_apple
#define P "__attribute__((packed))"

static const Row rows[] = {
    {X64, "struct s { char a; int b; };", "8 4 a=0 b=4"},
    {X64, "struct s { char a; int b; } " P ";", "5 1 a=0 b=1"},
    {X64, "union s { char a[5]; int b; };", "8 4 a=0 b=0"},
    {X64, "struct s { };", "0 1"},
    {X64, "struct s { char n; double d[]; };", "8 8 n=0 d=8 flexible"},
    {X64, "struct s { char n; int z[0]; };", "4 4 n=0 z=4"},
    {X64, "struct s { char c; struct { int i; char k; }; char l; };",
     "16 4 c=0 i=4 k=8 l=12"},
    {X64, "struct s { char c; long double x; };", "32 16 c=0 x=16"},
    {X86, "struct s { char c; long double x; double d; };", "24 4 c=0 x=4 d=16"},
    {X86, "struct s { char c; long long x; };", "12 4 c=0 x=4"},
    {A64, "struct s { char c; long double x; };", "32 16 c=0 x=16"},
    {MAC, "struct s { char c; long double x; };", "16 8 c=0 x=8"},
    {WIN, "struct s { char c; long x; void *p; };", "16 8 c=0 x=4 p=8"},
    {X64, "struct s { int a : 3; int b : 30; char c; };", "12 4 a=0:0 b=4:0 c=8"},
    {X64, "struct s { char c; int b : 4; };", "4 4 c=0 b=0:8"},
    {X64, "struct s { char c; int : 4; };", "2 1 c=0"},
    {A64, "struct s { char c; int : 4; };", "4 4 c=0"},
    {WIN, "struct s { char c; int b : 4; };", "8 4 c=0 b=4:0"},
    {WIN, "struct s { int a : 3; short b : 3; int c : 3; };",
     "12 4 a=0:0 b=4:0 c=8:0"},
    {X64, "struct s { int a : 3; short b : 3; int c : 3; };",
     "4 4 a=0:0 b=0:3 c=0:6"},
    {X64, "struct s { char a : 4; int : 0; char b : 4; };", "5 1 a=0:0 b=4:0"},
    {A64, "struct s { char a : 4; int : 0; char b : 4; };", "8 4 a=0:0 b=4:0"},
    {X64, "struct s { int a : 7; long b : 64; } " P ";", "9 1 a=0:0 b=0:7"},
    {X64, "struct s { char c; int i " P "; short h; };", "8 2 c=0 i=1 h=6"},
    {X64, "struct s { char c; char d __attribute__((aligned(8))); };",
     "16 8 c=0 d=8"},
    {X64, "struct s { char c; } __attribute__((aligned(32)));", "32 32 c=0"},
    {X64,
     "\n#pragma pack(push, 2)\nstruct s { char c; int i; };\n#pragma pack(pop)\n",
     "6 2 c=0 i=2"},
    {X64, "struct t { int x; char y; }; struct s { struct t a[3]; char z; };",
     "28 4 a=0 z=24"},
    {X64, "struct t; struct s { struct t *ok; struct t x; };",
     "!'struct t' is incomplete: declared, but not defined"},
    {X64, "struct s { int a; ...; };",
     "!'struct s' is declared with '...': only a C compiler knows its layout"},
    {X64,
     "struct t { char x[4611686018427387904]; };"
     "struct s { struct t a, b, c; };",
     "!'struct s' is larger than 2^63-1 bytes"},
};

static void print_fields(jf_Buf *b, const jf_Type *top, const jf_Type *t)
{
    for (uint32_t i = 0; i < t->u.rec->n_fields; i++) {
        const jf_Field *f = &t->u.rec->fields[i];
        uint64_t at = 0;
        if (!f->name && f->bits < 0)
            print_fields(b, top, f->type);
        if (!f->name)
            continue;
        CHECK(jf_type_field(top, f->name, strlen(f->name), &at) == f);
        jf_buf_printf(b, " %s=%llu", f->name, (unsigned long long)at);
        if (f->bits > 0)
            jf_buf_printf(b, ":%u", f->bit_shift);
    }
}

/* The outcome of one row, as the table writes it; "?" when memory is out. */
static jf_Status outcome(const Row *r, jf_Buf *b)
{
    jf_Diag d = JF_DIAG_INIT;
    jf_Status st = JF_NOMEM;
    jf_Universe *u = jf_universe_new(r->target);
    jf_Scope *s = u ? jf_scope_new(u) : NULL;
    if (s)
        st = jf_cdef(s, r->text, strlen(r->text), NULL, &d);
    jf_Type *t = NULL;
    if (s && st == JF_OK) {
        t = jf_scope_tag(s, JF_STRUCT, "s", 1);
        t = t ? t : jf_scope_tag(s, JF_UNION, "s", 1);
        st = jf_layout(r->target, t, &d);
    }
    if (st == JF_OK) {
        jf_buf_printf(b, "%llu %u", (unsigned long long)t->size, t->align);
        print_fields(b, t, t);
        jf_buf_text(b, t->u.rec->flags & JF_R_FLEX ? " flexible" : "");
        CHECK(jf_layout(r->target, t, &d) == JF_OK);
    } else {
        jf_buf_printf(b, "!%s", d.message ? d.message : "?");
    }
    jf_diag_clear(&d);
    if (s)
        jf_scope_free(s);
    if (u)
        jf_universe_free(u);
    return st;
}

static void test_rows(void)
{
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        jf_Buf b = JF_BUF_INIT;
        outcome(&rows[i], &b);
        if (!CHECK_STR(b.p, rows[i].wanted))
            printf("    row: %s\n", rows[i].text);
        jf_buf_free(&b);
    }
}

/* --- what no declaration can say ------------------------------------------------ */

static jf_Type *record_of(jf_Group *g, const char *tag, const char *field,
                          jf_Type *t)
{
    jf_Type *r = jf_type_record(g, JF_STRUCT, tag, strlen(tag));
    jf_Field f = {.name = field, .type = t ? t : r, .bits = -1};
    CHECK(jf_type_complete(g, r, &f, 1, 0));
    return r;
}

static void test_recursion(void)
{
    jf_Universe *u = jf_universe_new(X64);
    jf_Group *g = jf_group_new(u);
    jf_Diag d = JF_DIAG_INIT;
    jf_Type *self = record_of(g, "self", "x", NULL);
    CHECK_INT(jf_layout(X64, self, &d), JF_SEMANTIC);
    CHECK_STR(d.message, "'struct self' contains itself by value");
    CHECK(self->size == JF_UNKNOWN && !(self->u.rec->flags & JF_R_BUSY));
    jf_diag_clear(&d);
    /* a chain: deep ones are refused, not a stack overflow, unless laid out on
     * the way */
    jf_Type *t = jf_type_prim(u, JF_P_INT), *at_900 = NULL;
    for (int i = 0; i < 1800; i++) {
        t = record_of(g, "chain", "x", t);
        at_900 = i == 900 ? t : at_900;
    }
    CHECK_INT(jf_layout(X64, t, &d), JF_UNSUPPORTED);
    jf_diag_clear(&d);
    CHECK_INT(jf_layout(X64, at_900, &d), JF_OK);
    CHECK_INT(jf_layout(X64, t, &d), JF_OK);
    CHECK_INT((long long)t->size, 4);
    jf_group_unref(g);
    jf_universe_free(u);
}

/* Bit-fields that the parser refuses, for those who build types by hand. */
static void test_bad_bits(void)
{
    static const struct {
        jf_Prim prim;
        int16_t bits;
        const char *name, *said;
    } bad[] = {
        {JF_P_INT, 33, "a",
         "field 'a' of 'struct s' is a bit-field wider than "
         "its type"},
        {JF_P_BOOL, 2, NULL,
         "unnamed member 1 of 'struct s' is a bit-field "
         "wider than its type"},
        {JF_P_DOUBLE, 3, "a",
         "field 'a' of 'struct s' is a bit-field, but its "
         "type is no integer"},
        {JF_P_INT, 0, "a",
         "field 'a' of 'struct s' is a bit-field of width zero "
         "and must have no name"},
        {JF_P_INT128, 65, "a",
         "field 'a' of 'struct s' is a bit-field of more "
         "than 64 bits"},
    };
    for (size_t i = 0; i < JF_COUNT(bad); i++) {
        jf_Universe *u = jf_universe_new(X64);
        jf_Group *g = jf_group_new(u);
        jf_Diag d = JF_DIAG_INIT;
        jf_Type *r = jf_type_record(g, JF_STRUCT, "s", 1);
        jf_Field f = {.name = bad[i].name,
                      .type = jf_type_prim(u, bad[i].prim),
                      .bits = bad[i].bits};
        CHECK(jf_type_complete(g, r, &f, 1, 0));
        CHECK(jf_layout(X64, r, &d) != JF_OK);
        CHECK_STR(d.message, bad[i].said);
        jf_diag_clear(&d);
        jf_group_unref(g);
        jf_universe_free(u);
    }
}

static void test_flexible(void)
{
    static const char text[] = "struct s { int n; short v[]; };"
                               "struct o { char c; struct s s; }; typedef int a[];";
    jf_Universe *u = jf_universe_new(X64);
    jf_Scope *s = jf_scope_new(u);
    jf_Diag d = JF_DIAG_INIT;
    uint64_t n = 0;
    CHECK_INT(jf_cdef(s, text, sizeof text - 1, NULL, &d), JF_OK);
    jf_Type *t = jf_scope_tag(s, JF_STRUCT, "s", 1);
    CHECK_INT(jf_layout_flexible(X64, t, 0, &n, &d), JF_OK);
    CHECK_INT((long long)n, 4);
    CHECK_INT(jf_layout_flexible(X64, t, 3, &n, &d), JF_OK);
    CHECK_INT((long long)n, 10);
    t = jf_scope_tag(s, JF_STRUCT, "o", 1);
    CHECK_INT(jf_layout_flexible(X64, t, 3, &n, &d), JF_OK);
    CHECK_INT((long long)n, 14);
    CHECK_INT(jf_layout_flexible(X64, t, UINT64_MAX / 2, &n, &d), JF_SEMANTIC);
    jf_diag_clear(&d);
    jf_Type *a = jf_scope_find(s, "a", 1)->type;
    CHECK_INT(jf_layout_flexible(X64, a, 3, &n, &d), JF_OK);
    CHECK_INT((long long)n, 12);
    CHECK_INT(jf_layout(X64, a, &d), JF_INCOMPLETE);
    jf_diag_clear(&d);
    jf_scope_free(s);
    jf_universe_free(u);
}

static void test_index(void)
{
    jf_Buf text = JF_BUF_INIT;
    jf_Universe *u = jf_universe_new(X64);
    jf_Scope *s = jf_scope_new(u);
    jf_Diag d = JF_DIAG_INIT;
    jf_buf_text(&text, "struct s {");
    for (int i = 0; i < 300; i++)
        jf_buf_printf(&text, "int f%d; struct { int g%d; };", i, i);
    jf_buf_text(&text, "};");
    CHECK_INT(jf_cdef(s, text.p, text.n, NULL, &d), JF_OK);
    jf_Type *t = jf_scope_tag(s, JF_STRUCT, "s", 1);
    CHECK_INT(jf_layout(X64, t, &d), JF_OK);
    for (int i = 0; i < 300; i++) {
        char name[8];
        uint64_t at = 0;
        int n = snprintf(name, sizeof name, "g%d", i);
        CHECK(jf_type_field(t, name, (size_t)n, &at) && at == (uint64_t)i * 8 + 4);
        name[0] = 'h';
        CHECK(!jf_type_field(t, name, (size_t)n, &at));
    }
    jf_buf_free(&text);
    jf_scope_free(s);
    jf_universe_free(u);
}

static void test_bits(void)
{
    jf_Universe *u = jf_universe_new(X64);
    for (unsigned width = 1; width <= 64; width++)
        for (unsigned shift = 0; shift < 16; shift++) {
            uint8_t bytes[12], before[12];
            jf_Field f = {.type = jf_type_prim(u, JF_P_LLONG),
                          .bits = (int16_t)width,
                          .bit_shift = (uint16_t)shift,
                          .offset = 1};
            memset(bytes, 0xa5, sizeof bytes);
            memcpy(before, bytes, sizeof bytes);
            uint64_t v = 0x9123456789abcdefu >> (64 - width);
            jf_bits_write(bytes, &f, v);
            int64_t wanted = (int64_t)(v << (64 - width)) >> (64 - width);
            CHECK((int64_t)jf_bits_read(bytes, &f) == wanted);
            f.type = jf_type_prim(u, JF_P_ULLONG);
            CHECK(jf_bits_read(bytes, &f) == v);
            for (unsigned bit = 0; bit < 96; bit++) {
                bool inside = bit >= 8 + shift && bit < 8 + shift + width;
                unsigned a = bytes[bit / 8] >> bit % 8 & 1;
                unsigned b = before[bit / 8] >> bit % 8 & 1;
                if (!inside && a != b)
                    CHECK(!"a bit outside was changed");
            }
        }
    jf_universe_free(u);
}

/* Every allocation fails once; nothing leaks, nothing is left half done. */
static void test_memory(void)
{
    for (size_t i = 0; i < JF_COUNT(rows); i++)
        for (long at = 1;; at++) {
            jf_AllocHook old = jf_mem_hook(check_alloc);
            check_count = check_live = 0;
            check_fail_at = at;
            jf_Buf b = JF_BUF_INIT;
            outcome(&rows[i], &b);
            jf_buf_free(&b);
            jf_mem_hook(old);
            CHECK_INT(check_live, 0);
            if (check_count < at)
                break;
        }
}

int main(void)
{
    test_rows();
    test_recursion();
    test_bad_bits();
    test_flexible();
    test_index();
    test_bits();
    test_memory();
    return check_report("layout");
}
