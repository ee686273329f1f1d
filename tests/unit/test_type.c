/* SPDX-License-Identifier: MIT
 * src/core/type: interning, lifetimes, spelling. */
#include "check.h"

#include "core/type/type.h"

static jf_Universe *universe(void)
{
    return jf_universe_new(&jf_target_x64_linux);
}

/* --- spelling ------------------------------------------------------------------- */

/* Build from a word of steps, innermost first: p pointer, c pointer to const,
 * 3 array of 3, [ open array, f function(int, char *), v function(int, ...),
 * n function(). */
static jf_Type *build(jf_Universe *u, const char *steps)
{
    jf_Type *i = jf_type_prim(u, JF_P_INT);
    jf_Type *cp = jf_type_pointer(u, jf_type_prim(u, JF_P_CHAR), 0);
    jf_Type *two[2] = {i, cp}, *t = i;
    for (; *steps; steps++) {
        jf_Type *in = t;
        switch (*steps) {
        case 'p':
            t = jf_type_pointer(u, in, 0);
            break;
        case 'c':
            t = jf_type_pointer(u, in, JF_Q_CONST);
            break;
        case '3':
            t = jf_type_array(u, in, 3, 0);
            break;
        case '[':
            t = jf_type_array(u, in, JF_UNKNOWN, 0);
            break;
        case 'f':
            t = jf_type_func(u, in, two, 2, 0);
            break;
        case 'v':
            t = jf_type_func(u, in, two, 1, JF_T_VARIADIC);
            break;
        default:
            t = jf_type_func(u, in, NULL, 0, 0);
        }
        jf_type_unref(u, in);
    }
    jf_type_unref(u, cp);
    return t;
}

static void test_print(void)
{
    static const struct {
        const char *steps, *inner, *plain, *qualified;
    } rows[] = {
        {"", "", "int", "int"},
        {"", "x", "int x", "int x"},
        {"f", "f", "int f(int, char *)", "int f(int, char *)"},
        {"p", "", "int *", "int *"},
        {"pp", "", "int * *", "int * *"},
        {"c", "x", "int *x", "const int *x"},
        {"cp", "", "int * *", "const int * *"},
        {"3", "", "int[3]", "int[3]"},
        {"3[", "", "int[][3]", "int[][3]"},
        {"3p", "", "int(*)[3]", "int(*)[3]"},
        {"p3", "", "int *[3]", "int *[3]"},
        {"fp", "", "int(*)(int, char *)", "int(*)(int, char *)"},
        {"fp", "cb", "int(*cb)(int, char *)", "int(*cb)(int, char *)"},
        {"f", "", "int(int, char *)", "int(int, char *)"},
        {"vp", "", "int(*)(int, ...)", "int(*)(int, ...)"},
        {"npn", "f", "int(*f())()", "int(*f())()"},
        {"fp3p", "", "int(*(*)[3])(int, char *)", "int(*(*)[3])(int, char *)"},
    };
    jf_Universe *u = universe();
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        jf_Type *t = build(u, rows[i].steps);
        jf_Buf b = JF_BUF_INIT;
        jf_type_print(t, rows[i].inner, 0, &b, NULL);
        CHECK_STR(b.p, rows[i].plain);
        b.n = 0;
        jf_type_print(t, rows[i].inner, JF_PRINT_QUALS, &b, NULL);
        CHECK_STR(b.p, rows[i].qualified);
        jf_buf_free(&b);
        jf_type_unref(u, t);
    }
    CHECK_INT(u->n_types, 0);
    jf_universe_free(u);
}

/* --- interning -------------------------------------------------------------------- */

static void test_intern(void)
{
    static const char *const steps[] = {"p", "c",  "pp", "3",
                                        "[", "fp", "vp", "cfp"};
    jf_Universe *u = universe();
    for (size_t i = 0; i < JF_COUNT(steps); i++)
        for (size_t j = 0; j < JF_COUNT(steps); j++) {
            jf_Type *a = build(u, steps[i]), *b = build(u, steps[j]);
            CHECK((a == b) == (i == j));
            CHECK(a->canon->canon == a->canon);
            jf_type_unref(u, a);
            jf_type_unref(u, b);
        }
    jf_Type *a = build(u, "cp3"), *b = build(u, "pp3");
    CHECK(a != b && a->canon == b && b->canon == b);
    jf_type_unref(u, b);
    CHECK(a->canon->kind == JF_ARRAY); /* held by `a` */
    jf_type_unref(u, a);
    CHECK_INT(u->n_types, 0);
    jf_universe_free(u);
}

/* A million distinct array types, used and dropped, leave nothing behind. */
static void test_no_leak(void)
{
    jf_Universe *u = universe();
    jf_Type *i = jf_type_prim(u, JF_P_INT);
    for (uint64_t n = 0; n < 1000000; n++)
        jf_type_unref(u, jf_type_array(u, i, n, 0));
    CHECK_INT(u->n_types, 0);
    CHECK_INT(u->n_buckets, 256);
    jf_universe_free(u);
}

/* --- groups -------------------------------------------------------------------------- */

/* struct node { struct node *next; int (*cmp)(struct node *, char *); int v[4]; } */
static bool make_node(jf_Universe *u, jf_Group *g, jf_Type *node)
{
    jf_Type *i = jf_type_prim(u, JF_P_INT);
    jf_Type *p = jf_type_pointer(u, node, 0);
    jf_Type *cp = jf_type_pointer(u, jf_type_prim(u, JF_P_CHAR), JF_Q_CONST);
    jf_Type *two[2] = {p, cp};
    jf_Type *fn = p && cp ? jf_type_func(u, i, two, 2, 0) : NULL;
    jf_Type *fp = fn ? jf_type_pointer(u, fn, 0) : NULL;
    jf_Type *v = jf_type_array(u, i, 4, 0);
    bool ok = false;
    if (fp && v) {
        jf_Field f[] = {{.name = "next", .type = p, .bits = -1},
                        {.name = "cmp", .type = fp, .bits = -1},
                        {.name = "v", .type = v, .bits = -1}};
        ok = jf_type_complete(g, node, f, 3, 0);
    }
    jf_type_unref(u, v);
    jf_type_unref(u, fp);
    jf_type_unref(u, fn);
    jf_type_unref(u, cp);
    jf_type_unref(u, p);
    return ok;
}

static void test_group_cycle(void)
{
    jf_Universe *u = universe();
    jf_Group *g = jf_group_new(u);
    jf_Type *node = jf_type_record(g, JF_STRUCT, "node", 4);
    jf_Type *early = jf_type_pointer(u, node, 0); /* held from outside */
    CHECK(make_node(u, g, node));
    CHECK(early->group == g);
    CHECK(node->u.rec->fields[0].type == early);
    CHECK_INT(u->n_types, 8); /* five, and three unqualified twins */
    jf_group_unref(g);        /* the session ends; `early` keeps the group */
    CHECK_INT(u->n_groups, 1);
    CHECK_STR(early->to->u.rec->fields[1].name, "cmp");
    jf_type_unref(u, early);
    CHECK_INT(u->n_groups, 0);
    CHECK_INT(u->n_types, 0);
    jf_universe_free(u);
}

/* Types over a struct that no member names count themselves. */
static void test_group_outside(void)
{
    jf_Universe *u = universe();
    jf_Group *g = jf_group_new(u);
    jf_Type *s = jf_type_record(g, JF_STRUCT, "s", 1);
    for (uint64_t n = 1; n < 1000; n++)
        jf_type_unref(u, jf_type_array(u, s, n, 0));
    CHECK_INT(u->n_types, 0);
    jf_Type *p = jf_type_pointer(u, s, 0);
    jf_group_unref(g);
    CHECK_INT(u->n_groups, 1);
    jf_type_unref(u, p);
    CHECK_INT(u->n_groups, 0);
    jf_universe_free(u);
}

static void test_group_need(void)
{
    jf_Universe *u = universe();
    jf_Group *a = jf_group_new(u), *b = jf_group_new(u);
    jf_Type *s = jf_type_record(a, JF_STRUCT, "s", 1);
    CHECK(make_node(u, a, s));
    CHECK(jf_group_need(b, a));
    jf_group_unref(a);
    jf_Type *t = jf_type_record(b, JF_UNION, "t", 1);
    jf_Type *p = jf_type_pointer(u, s, 0);
    jf_Field f = {.name = "s", .type = p, .bits = -1};
    CHECK(jf_type_complete(b, t, &f, 1, 0));
    CHECK(p->group == a);
    jf_type_unref(u, p);
    CHECK_INT(u->n_groups, 2);
    jf_group_unref(b);
    CHECK_INT(u->n_groups, 0);
    CHECK_INT(u->n_types, 0);
    jf_universe_free(u);
}

static void test_rollback(void)
{
    jf_Universe *u = universe();
    jf_Group *g = jf_group_new(u);
    jf_Type *old = jf_type_record(g, JF_STRUCT, "old", 3);
    jf_GroupMark m = jf_group_mark(g);
    jf_Type *node = jf_type_record(g, JF_STRUCT, "node", 4);
    CHECK(make_node(u, g, node));
    jf_group_rollback(g, m);
    CHECK(g->members == old);
    CHECK_INT(u->n_types, 0);
    CHECK_INT(g->refs, 1);
    jf_group_unref(g);
    CHECK_INT(u->n_groups, 0);
    jf_universe_free(u);
}

static int memory_step(void *ctx)
{
    (void)ctx;
    jf_Universe *u = universe();
    if (!u)
        return 0;
    jf_Group *g = jf_group_new(u);
    jf_Type *s = g ? jf_type_record(g, JF_STRUCT, "node", 4) : NULL;
    int ok = s && make_node(u, g, s);
    if (g)
        jf_group_unref(g);
    CHECK_INT(u->n_groups, 0);
    jf_universe_free(u);
    return ok;
}

/* --- targets ----------------------------------------------------------------------- */

static void test_targets(void)
{
    static const struct {
        const char *target;
        jf_Prim prim;
        unsigned size, align;
        bool is_signed;
    } rows[] = {
        {"x64_linux", JF_P_LONG, 8, 8, true},
        {"x64_windows", JF_P_LONG, 4, 4, true},
        {"x86_linux", JF_P_LLONG, 8, 4, true},
        {"x86_linux", JF_P_LDOUBLE, 12, 4, true},
        {"a64_linux", JF_P_CHAR, 1, 1, false},
        {"a64_apple", JF_P_CHAR, 1, 1, true},
        {"a64_apple", JF_P_LDOUBLE, 8, 8, true},
        {"x64_windows", JF_P_WCHAR, 2, 2, false},
        {"x86_64-linux-gnu", JF_P_WCHAR, 4, 4, true},
        {"x64_linux", JF_P_INT128, 16, 16, true},
        {"x64_linux", JF_P_FAST16, 8, 8, true},
    };
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        const jf_Target *t = jf_target_find(rows[i].target);
        if (!CHECK(t != NULL))
            continue;
        jf_Universe *u = jf_universe_new(t);
        jf_Type *p = jf_type_prim(u, rows[i].prim);
        CHECK_INT(p->size, rows[i].size);
        CHECK_INT(p->align, rows[i].align);
        CHECK_INT(!!(p->flags & JF_T_SIGNED), rows[i].is_signed);
        jf_universe_free(u);
    }
    CHECK(jf_target_find("vax") == NULL);
    jf_Universe *u = jf_universe_new(jf_target_find("x86_linux"));
    CHECK(jf_type_prim(u, JF_P_INT128) == NULL);
    CHECK(jf_type_prim_named(u, "unsigned long", 13) == u->prims[JF_P_ULONG]);
    CHECK(jf_type_prim_named(u, "unsigned longer", 15) == NULL);
    jf_universe_free(u);
}

int main(void)
{
    test_print();
    test_intern();
    test_no_leak();
    test_group_cycle();
    test_group_outside();
    test_group_need();
    test_rollback();
    check_memory(memory_step, NULL);
    test_targets();
    return check_report("type");
}
