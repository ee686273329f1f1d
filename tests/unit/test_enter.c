/* SPDX-License-Identifier: MIT
 * src/core/parse/enter.c and given layouts: what tables declare, without text. */
#include "check.h"

#include "core/layout/layout.h"
#include "core/parse/parse.h"

static jf_Universe *universe;

static const jf_Symbol *find(const jf_Scope *s, const char *name)
{
    return jf_scope_find(s, name, strlen(name));
}

static jf_Type *make(jf_Scope *s, jf_Kind kind, const char *tag)
{
    return jf_scope_make_tag(s, kind, tag, strlen(tag));
}

/* --- symbols --------------------------------------------------------------- */

static void test_define(void)
{
    jf_Scope *s = jf_scope_new(universe);
    jf_Diag d = JF_DIAG_INIT;
    jf_Type *i = jf_type_prim(universe, JF_P_INT);
    jf_Type *params[2] = {i, i};
    jf_Type *f = jf_type_func(universe, i, params, 2, 0);
    char name[] = "add", first[] = "a";
    const char *words[2] = {first, NULL};
    jf_Symbol sym = {.name = name, .type = f, .kind = JF_SYM_FUNCTION};
    sym.params = words;
    CHECK_INT(jf_scope_define(s, &sym, &d), JF_OK);
    jf_type_unref(universe, f);
    memset(name, 'x', 3);
    first[0] = 'x';
    const jf_Symbol *got = find(s, "add");
    if (CHECK(got)) {
        CHECK_STR(got->link, "add");
        CHECK_STR(got->params[0], "a");
        CHECK(!got->params[1]);
        CHECK_INT(got->type->u.func->n_params, 2);
        CHECK_INT(got->order, 0);
    }
    jf_Symbol n = {.name = "N", .type = i, .kind = JF_SYM_CONSTANT, .value = 7};
    CHECK_INT(jf_scope_define(s, &n, &d), JF_OK);
    CHECK_INT(jf_scope_define(s, &n, &d), JF_OK); /* the same again */
    CHECK_INT(jf_scope_size(s), 2);
    n.value = 8;
    CHECK_INT(jf_scope_define(s, &n, &d), JF_SEMANTIC);
    CHECK_STR(d.message,
              "multiple declarations of constant N: it was declared as a "
              "constant before");
    jf_diag_clear(&d);
    jf_Symbol v = {.name = "v", .link = "real_v", .type = i};
    v.kind = JF_SYM_VARIABLE;
    CHECK_INT(jf_scope_define(s, &v, &d), JF_OK);
    CHECK_STR(find(s, "v")->link, "real_v");
    jf_Symbol t = {
        .name = "T", .kind = JF_SYM_STRING, .text = "a\0b", .text_size = 3};
    CHECK_INT(jf_scope_define(s, &t, &d), JF_OK);
    CHECK_INT(memcmp(find(s, "T")->text, "a\0b", 4), 0);
    /* texts see them */
    CHECK_INT(jf_cdef(s, "enum { M = N + 1 };", 19, NULL, &d), JF_OK);
    CHECK_INT(find(s, "M")->value, 8);
    jf_scope_free(s);
    jf_diag_clear(&d);
}

static void test_make_tag(void)
{
    jf_Scope *s = jf_scope_new(universe);
    jf_Type *a = make(s, JF_STRUCT, "a"), *u = make(s, JF_UNION, "a");
    jf_Type *e = make(s, JF_ENUM, "e");
    CHECK(a && u && e && a != u);
    CHECK(make(s, JF_STRUCT, "a") == a);
    CHECK(jf_scope_tag(s, JF_UNION, "a", 1) == u);
    CHECK_STR(a->u.rec->tag, "a");
    jf_Enumerator items[] = {{"E1", 1}, {"E2", -2}};
    CHECK(jf_type_complete_enum(jf_scope_group(s), e,
                                jf_type_prim(universe, JF_P_INT), items, 2, 0));
    CHECK_INT(e->size, 4);
    CHECK_INT(e->u.en->items[1].value, -2);
    CHECK(e->flags & JF_T_SIGNED);
    jf_Type *got = NULL;
    CHECK_INT(jf_parse_type(s, "struct a *", 10, &got, NULL, NULL), JF_OK);
    CHECK(got && got->to == a);
    jf_type_unref(universe, got);
    jf_scope_free(s);
}

static bool count_own(void *ctx, const jf_Symbol *sym)
{
    int *n = ctx;
    n[sym->flags & JF_S_INCLUDED ? 1 : 0]++;
    return true;
}

static void test_included(void)
{
    jf_Scope *a = jf_scope_new(universe), *b = jf_scope_new(universe);
    static const char one[] = "int f(int x); enum { A, B };",
                      two[] = "int g(void);";
    int n[2] = {0, 0};
    CHECK_INT(jf_cdef(a, one, sizeof one - 1, NULL, NULL), JF_OK);
    CHECK_INT(jf_scope_include(b, a, NULL), JF_OK);
    CHECK_INT(jf_cdef(b, two, sizeof two - 1, NULL, NULL), JF_OK);
    jf_scope_each(b, count_own, n);
    CHECK_INT(n[0], 1);
    CHECK_INT(n[1], 3);
    jf_scope_free(a);
    CHECK_STR(find(b, "f")->params[0], "x");
    jf_scope_free(b);
}

/* --- given layouts -------------------------------------------------------------- */

typedef struct Given {
    uint64_t size;
    uint32_t align;
    uint64_t offset_a, offset_b;
    int16_t bits_b;
    uint16_t shift_b;
    int status;
    const char *message;
} Given;

static const Given given_rows[] = {
    {16, 8, 0, 12, -1, 0, JF_OK, NULL},
    {16, 8, 12, 0, -1, 0, JF_OK, NULL}, /* any order */
    {8, 4, 0, 0, -1, 0, JF_OK, NULL},   /* even over one another */
    {12, 1, 4, 8, 3, 29, JF_OK, NULL},
    {16, 8, 0, 13, -1, 0, JF_SEMANTIC,
     "field 'b' of 'struct s' is given the offset 13: it does not lie inside the "
     "16 "
     "bytes of the whole"},
    {12, 1, 4, 8, 3, 30, JF_SEMANTIC,
     "field 'b' of 'struct s' is given the offset 8: it does not lie inside the 12 "
     "bytes of the whole"},
    {16, 8, UINT64_MAX - 2, 0, -1, 0, JF_SEMANTIC,
     "field 'a' of 'struct s' is given the offset 18446744073709551613: it does "
     "not "
     "lie inside the 16 bytes of the whole"},
    {UINT64_MAX, 8, 0, 4, -1, 0, JF_SEMANTIC,
     "'struct s' is larger than 2^63-1 bytes"},
    {16, 12, 0, 4, -1, 0, JF_SEMANTIC,
     "'struct s' is given an alignment that is no power of two"},
    {16, 0, 0, 4, -1, 0, JF_SEMANTIC,
     "'struct s' is given an alignment that is no power of two"},
};

static void test_given(void)
{
    for (size_t i = 0; i < JF_COUNT(given_rows); i++) {
        const Given *g = &given_rows[i];
        jf_Scope *s = jf_scope_new(universe);
        jf_Diag d = JF_DIAG_INIT;
        jf_Type *t = make(s, JF_STRUCT, "s"), *n = jf_type_prim(universe, JF_P_INT);
        jf_Field f[2] = {
            {.name = "a", .type = n, .offset = g->offset_a, .bits = -1},
            {.name = "b", .type = n, .offset = g->offset_b}};
        f[1].bits = g->bits_b;
        f[1].bit_shift = g->shift_b;
        CHECK(jf_type_complete(jf_scope_group(s), t, f, 2, 0));
        CHECK_INT(jf_layout_given(t, g->size, g->align, &d), g->status);
        if (g->message)
            CHECK_STR(d.message, g->message);
        if (g->status == JF_OK) {
            uint64_t at;
            CHECK_INT(jf_layout(universe->target, t, NULL), JF_OK);
            CHECK_INT(t->size, g->size);
            CHECK_INT(t->align, g->align);
            CHECK(jf_type_field(t, "b", 1, &at) && at == g->offset_b);
        } else {
            CHECK_INT(t->size, JF_UNKNOWN);
        }
        jf_diag_clear(&d);
        jf_scope_free(s);
    }
}

/* Members that are records are laid out on the way; what has no size is named. */
static void test_given_members(void)
{
    static const char text[] = "struct in { char c; int n; }; struct no;";
    jf_Scope *s = jf_scope_new(universe);
    jf_Diag d = JF_DIAG_INIT;
    CHECK_INT(jf_cdef(s, text, sizeof text - 1, NULL, NULL), JF_OK);
    jf_Type *in = make(s, JF_STRUCT, "in"), *no = make(s, JF_STRUCT, "no");
    jf_Type *t = make(s, JF_STRUCT, "t"), *bad = make(s, JF_STRUCT, "bad");
    jf_Type *open = jf_type_array(universe, in, JF_UNKNOWN, 0);
    jf_Field f[2] = {{.name = "a", .type = in, .offset = 4, .bits = -1},
                     {.name = "b", .type = open, .offset = 12, .bits = -1}};
    CHECK(jf_type_complete(jf_scope_group(s), t, f, 2, 0));
    CHECK_INT(jf_layout_given(t, 12, 4, &d), JF_OK);
    CHECK_INT(in->size, 8);
    CHECK(t->u.rec->flags & JF_R_FLEX);
    f[0].type = no;
    CHECK(jf_type_complete(jf_scope_group(s), bad, f, 1, 0));
    CHECK_INT(jf_layout_given(bad, 12, 4, &d), JF_INCOMPLETE);
    CHECK_STR(d.message, "'struct no' is incomplete: declared, but not defined");
    jf_diag_clear(&d);
    jf_type_unref(universe, open);
    jf_scope_free(s);
}

/* Bit-fields by chosen rules, on any target. Expected: what GCC and Microsoft's
 * compiler do with  struct { char a; int b : 3; int : 0; char c; short d : 9; }. */
static void test_rules(void)
{
    static const char text[] =
        "struct s { char a; int b : 3; int : 0; char c; short d : 9; };";
    static const struct {
        jf_BitRule rule;
        bool big;
        uint64_t size, align, c, d;
        unsigned b_shift;
    } rows[] = {
        {JF_BITS_GNU, false, 8, 4, 4, 6, 8},
        {JF_BITS_ARM, false, 8, 4, 4, 6, 8},
        {JF_BITS_MS, false, 12, 4, 8, 10, 0},
        {JF_BITS_GNU, true, 8, 4, 4, 6, 21},
    };
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        jf_Scope *s = jf_scope_new(universe);
        CHECK_INT(jf_cdef(s, text, sizeof text - 1, NULL, NULL), JF_OK);
        jf_Type *t = jf_scope_tag(s, JF_STRUCT, "s", 1);
        CHECK_INT(
            jf_layout_rules(universe->target, t, rows[i].rule, rows[i].big, NULL),
            JF_OK);
        const jf_Field *f = t->u.rec->fields;
        CHECK_INT(t->size, rows[i].size);
        CHECK_INT(t->align, rows[i].align);
        CHECK_INT(f[1].bit_shift, rows[i].b_shift);
        CHECK_INT(f[3].offset, rows[i].c);
        CHECK_INT(f[4].offset, rows[i].d);
        jf_scope_free(s);
    }
}

/* --- memory ------------------------------------------------------------------------ */

static int one_memory(void *unused)
{
    (void)unused;
    jf_Universe *u = jf_universe_new(&jf_target_x64_linux);
    jf_Scope *s = u ? jf_scope_new(u) : NULL;
    int done = 0;
    if (s) {
        jf_Diag d = JF_DIAG_INIT;
        const char *names[] = {"first"};
        jf_Type *i = jf_type_prim(u, JF_P_INT);
        jf_Type *f = jf_type_func(u, i, &i, 1, 0);
        jf_Symbol sym = {.name = "f", .link = "g", .type = f, .params = names};
        jf_Type *t = f ? make(s, JF_STRUCT, "s") : NULL;
        sym.kind = JF_SYM_FUNCTION;
        jf_Field fields[1] = {{.name = "f", .bits = -1}};
        fields[0].type = t ? jf_type_pointer(u, t, 0) : NULL;
        done = fields[0].type && jf_scope_define(s, &sym, &d) == JF_OK &&
               make(s, JF_ENUM, "e") &&
               jf_type_complete(jf_scope_group(s), t, fields, 1, 0) &&
               jf_layout_given(t, 8, 8, &d) == JF_OK;
        if (fields[0].type)
            jf_type_unref(u, fields[0].type);
        if (f)
            jf_type_unref(u, f);
        jf_diag_clear(&d);
    }
    jf_scope_free(s);
    if (u)
        jf_universe_free(u);
    return done;
}

int main(void)
{
    universe = jf_universe_new(&jf_target_x64_linux);
    test_define();
    test_make_tag();
    test_included();
    test_given();
    test_given_members();
    test_rules();
    CHECK_INT(universe->n_types, 0);
    CHECK_INT(universe->n_groups, 0);
    jf_universe_free(universe);
    check_memory(one_memory, NULL);
    return check_report("enter");
}
