/* SPDX-License-Identifier: MIT
 * src/core/parse: what is refused, where, in which words; that a refusal changes
 * nothing; hostile sizes; memory that runs out at every single place. */
#include "check.h"

#include "core/parse/parse.h"

static jf_Universe *universe;

static jf_Status cdef(jf_Scope *s, const char *text, size_t n, jf_Diag *d)
{
    return jf_cdef(s, text, n, NULL, d);
}

/* --- what a scope says of itself ------------------------------------------ */

static bool put_symbol(void *ctx, const jf_Symbol *s)
{
    jf_Buf *b = ctx;
    jf_buf_printf(b, "%s %u %x %lld ", s->name, s->kind, s->flags,
                  (long long)s->value);
    if (s->type)
        jf_type_print(s->type, "", JF_PRINT_QUALS, b, NULL);
    jf_buf_text(b, "\n");
    return true;
}

static bool put_tag(void *ctx, jf_Type *t)
{
    jf_Buf *b = ctx;
    jf_type_print(t, "", 0, b, NULL);
    if (t->kind == JF_ENUM)
        jf_buf_printf(b, " %u %x\n", t->u.en->n_items, t->u.en->flags);
    else
        jf_buf_printf(b, " %u %x %d\n", t->u.rec->n_fields, t->u.rec->flags,
                      (t->u.rec->flags & JF_R_COMPLETE) || t->size == JF_UNKNOWN);
    return true;
}

static char *digest(const jf_Scope *s)
{
    jf_Buf b = JF_BUF_INIT;
    jf_buf_printf(&b, "%u %u\n", jf_scope_size(s), jf_scope_version(s));
    jf_scope_each(s, put_symbol, &b);
    jf_scope_each_tag(s, put_tag, &b);
    return b.p; /* the caller's */
}

/* --- messages ------------------------------------------------------------- */

static const char prelude[] =
    "struct S { int a; }; struct Open; typedef int known_type; enum E { EA };"
    "int f(int); extern int var;\n#define N 7\n";

static const struct {
    const char *text;
    jf_Status status;
    unsigned line, column;
    const char *message, *hint; /* parts of them */
} errors[] = {
    {"foo bar;", JF_SEMANTIC, 1, 1, "unknown type name 'foo'", "declare it"},
    {"int x;\n  know_type y;", JF_SEMANTIC, 2, 3, "unknown type name 'know_type'",
     "'known_type'"},
    {"S *p;", JF_SEMANTIC, 1, 1, "unknown type name 'S'", "'struct S'"},
    {"int g(int a, siz_t n);", JF_SEMANTIC, 1, 14, "unknown type name 'siz_t'",
     "'size_t'"},
    {"unsinged x;", JF_SEMANTIC, 1, 1, "unknown type name", "'unsigned'"},
    {"int g(int)\nint h(int);", JF_SYNTAX, 1, 11, "expected ';'", NULL},
    {"int g(int", JF_SYNTAX, 1, 10, "expected ',' or ')'", NULL},
    {"int g(int,);", JF_SYNTAX, 1, 11, "expected a parameter", NULL},
    {"int;", JF_SYNTAX, 1, 1, "does not declare", NULL},
    {"typedef int;", JF_SYNTAX, 1, 1, "typedef does not declare any name", NULL},
    {"int 3;", JF_SYNTAX, 1, 5, "expected a name, got '3'", NULL},
    {"int x y;", JF_SYNTAX, 1, 7, "expected ';'", NULL},
    {"struct S { int b; };", JF_SEMANTIC, 1, 8, "duplicate declaration of struct S",
     "line 1"},
    {"union S { int b; }; union S { int b; };", JF_SEMANTIC, 1, 27,
     "duplicate declaration of union S", "line 1"},
    {"enum E { Q };", JF_SEMANTIC, 1, 6, "duplicate declaration of enum E", NULL},
    {"int f(long);", JF_SEMANTIC, 1, 5, "multiple declarations of function f",
     "'int(int)'"},
    {"extern long var;", JF_SEMANTIC, 1, 13,
     "multiple declarations of variable var", "override"},
    {"typedef long known_type;", JF_SEMANTIC, 1, 14,
     "multiple declarations of typedef known_type", NULL},
    {"int N;", JF_SEMANTIC, 1, 5, "multiple declarations of variable N", "macro"},
    {"\n#define N 8\n", JF_SEMANTIC, 2, 9, "multiple declarations of macro N",
     NULL},
    {"enum { EA = 3 };", JF_SEMANTIC, 1, 8,
     "multiple declarations of enumerator EA", NULL},
    {"struct T { int a; char a; };", JF_SEMANTIC, 1, 24, "duplicate member 'a'",
     NULL},
    {"struct T { int a; union { int b, a; }; };", JF_SEMANTIC, 1, 19,
     "duplicate member 'a'", NULL},
    {"struct T { struct { int a; } x; int y, x; };", JF_SEMANTIC, 1, 40,
     "duplicate member 'x'", NULL},
    {"struct T { struct T t; };", JF_SEMANTIC, 1, 21, "did you mean a pointer",
     NULL},
    {"struct T { void v; };", JF_SEMANTIC, 1, 17, "member 'v' has type void", NULL},
    {"struct T { int f(int); };", JF_SEMANTIC, 1, 16, "(*f)", NULL},
    {"struct T { int a[]; int b; };", JF_SEMANTIC, 1, 25, "must be the last", NULL},
    {"struct T { int a : 33; };", JF_SEMANTIC, 1, 20, "has 33 bits", NULL},
    {"struct T { float a : 3; };", JF_SEMANTIC, 1, 22, "has type 'float'", NULL},
    {"struct T { int a : 0; };", JF_SEMANTIC, 1, 20, "has no bits", NULL},
    {"struct T { int a }", JF_SYNTAX, 1, 18, "expected ';' after the member", NULL},
    {"struct T { int a;", JF_SYNTAX, 1, 18, "expected '}'", NULL},
    {"struct T { static int a; };", JF_SYNTAX, 1, 12, "storage class", NULL},
    {"struct;", JF_SYNTAX, 1, 7, "expected a tag or '{'", NULL},
    {"enum { A, 3 };", JF_SYNTAX, 1, 11, "expected an enumerator", NULL},
    {"enum Z : unsigned char { A = 256 };", JF_SEMANTIC, 1, 26, "does not fit",
     NULL},
    {"int a[-1];", JF_SEMANTIC, 1, 7, "negative", NULL},
    {"int a[1.5];", JF_SEMANTIC, 1, 7, "must be an integer", NULL},
    {"int a[n];", JF_SEMANTIC, 1, 7, "'n' is not declared", NULL},
    {"int a[var];", JF_SEMANTIC, 1, 7, "'var' is not a constant", NULL},
    {"int a[1 / 0];", JF_SEMANTIC, 1, 9, "division by zero", NULL},
    {"int a[1 << 32];", JF_SEMANTIC, 1, 9, "shift by 32", NULL},
    {"int a[sizeof(struct Open)];", JF_INCOMPLETE, 1, 14, "", NULL},
    {"int a[offsetof(struct S, z)];", JF_SEMANTIC, 1, 26, "no member 'z'", NULL},
    {"int a[3][];", JF_SEMANTIC, 1, 6, "first dimension", NULL},
    {"int a[0x7fffffffffffffff];", JF_SEMANTIC, 1, 6, "too large", NULL},
    {"int a[99999999999999999999];", JF_SYNTAX, 1, 7, "64 bits", NULL},
    {"int a[089];", JF_SYNTAX, 1, 7, "octal", NULL},
    {"int a[3q];", JF_SYNTAX, 1, 7, "suffix", NULL},
    {"int a['\\q'];", JF_SYNTAX, 1, 7, "escape", NULL},
    {"void v;", JF_SEMANTIC, 1, 6, "has type void", NULL},
    {"void a[3];", JF_SEMANTIC, 1, 7, "array of void", NULL},
    {"int a[3](int);", JF_SEMANTIC, 1, 6, "array of functions", NULL},
    {"int g(int)(int);", JF_SEMANTIC, 1, 6, "cannot return a function", NULL},
    {"int g(int)[3];", JF_SEMANTIC, 1, 6, "cannot return an array", NULL},
    {"int g(void, int);", JF_SEMANTIC, 1, 7, "type void", NULL},
    {"int g(...);", JF_SYNTAX, 1, 6, "not correct C", NULL},
    {"signed double d;", JF_SEMANTIC, 1, 1, "'signed double' is not a type", NULL},
    {"long long long x;", JF_SYNTAX, 1, 11, "stands twice", NULL},
    {"int char x;", JF_SEMANTIC, 1, 1, "'int char' is not a type", NULL},
    {"struct S int x;", JF_SYNTAX, 1, 10, "cannot follow", NULL},
    {"_Decimal64 d;", JF_UNSUPPORTED, 1, 1, "'_Decimal64' is not supported", NULL},
    {"int x /* open", JF_SYNTAX, 1, 7, "never closed", NULL},
    {"int x = \"open;\n\"", JF_SYNTAX, 1, 9, "not closed", NULL},
    {"int x @;", JF_SYNTAX, 1, 7, "no use for", NULL},
    {"int \xff;", JF_SYNTAX, 1, 5, "UTF-8", NULL},
    {"\n#include <stdio.h>\n", JF_SYNTAX, 2, 1, "'#include' is not known", NULL},
    {"int #define X\n;", JF_SYNTAX, 1, 5, "not the first", NULL},
    {"#define X Y\n#define Y (X)\n", JF_SEMANTIC, 1, 9, "depends on itself", NULL},
    {"int a;\n#define X Y\n\n#define Y var\n", JF_SEMANTIC, 4, 11,
     "'var' is not a constant", NULL},
    {"#define X Y\nint a[X];\n#define Y 3\n", JF_SEMANTIC, 1, 11,
     "'Y' is not declared", NULL},
    {"#define X Y\nenum { X, Y };\n", JF_SEMANTIC, 1, 9,
     "multiple declarations of macro X", NULL},
    {"#define X sizeof(struct Open)\n", JF_INCOMPLETE, 1, 18, "Open", NULL},
    {"#define X &((struct S *)0)\n", JF_SEMANTIC, 1, 11, "did you mean", NULL},
    {"#define X &((struct S *)0)->none\n", JF_SEMANTIC, 1, 29, "no member", NULL},
    {"#define X &((int *)0)->none\n", JF_SEMANTIC, 1, 24, "has no members", NULL},
    {"#define X &((struct S)0)->a\n", JF_SEMANTIC, 1, 14, "not a pointer", NULL},
    {"#define X &(*(struct S *)0)->a\n", JF_SEMANTIC, 1, 28, "only a pointer",
     NULL},
    {"#define X &7\n", JF_SYNTAX, 1, 12, "expected '('", NULL},
    {"#define X 1 2\n", JF_SYNTAX, 1, 13, "not a constant", NULL},
    {"#define X foo\n", JF_SEMANTIC, 1, 11, "'foo' is not declared", NULL},
    {"#define X -\n", JF_SYNTAX, 1, 12, "expected a constant expression", NULL},
    {"#pragma pack(3)\n", JF_SEMANTIC, 1, 14, "not 3", NULL},
    {"#pragma pack(pop)\n", JF_SEMANTIC, 1, 14, "without a pack(push)", NULL},
    {"# 30 \"a.h\"\nint x;\nfoo y;", JF_SEMANTIC, 31, 1, "unknown type", NULL},
    {"#line 5\n\nfoo y;", JF_SEMANTIC, 6, 1, "unknown type", NULL},
    {"int a; \\\nfoo y;", JF_SEMANTIC, 1, 8, "unknown type", NULL},
    {"int a; \\\n\nfoo y;", JF_SEMANTIC, 3, 1, "unknown type", NULL},
    {"_Static_assert(sizeof(int) == 8, \"no\");", JF_SEMANTIC, 1, 1, "failed: no",
     NULL},
    {"... x;", JF_SYNTAX, 1, 1, "expected a type", NULL},
    {"typedef ... **x;", JF_SYNTAX, 1, 15, "unsupported usage of '...'", NULL},
    {"extern \"Rust\" int x(void);", JF_SYNTAX, 1, 8, "unknown linkage", NULL},
    {"extern \"Python\" int x;", JF_SEMANTIC, 1, 21, "cannot declare", NULL},
    {"extern \"C\" { int x;", JF_SYNTAX, 1, 20, "expected '}'", NULL},
    {"int x __attribute__((aligned(3)));", JF_SEMANTIC, 1, 30, "power of two",
     NULL},
    {"int g(void) __attribute__((ms_abi));", JF_UNSUPPORTED, 1, 28, "another ABI",
     NULL},
    {"int g(void) __attribute__((jiffi_gil(\"x\")));", JF_SEMANTIC, 1, 38,
     "unknown policy", NULL},
    {"}", JF_SYNTAX, 1, 1, "expected a type, got '}'", NULL},
    {"int f(int a) { return ( a; }", JF_SYNTAX, 1, 28, "expected ')'", NULL},
};

static int has(const char *text, const char *part)
{
    return !part || (text && strstr(text, part));
}

static void test_errors(void)
{
    for (size_t i = 0; i < JF_COUNT(errors); i++) {
        jf_Diag d = JF_DIAG_INIT;
        jf_Scope *s = jf_scope_new(universe);
        CHECK_INT(cdef(s, prelude, strlen(prelude), NULL), JF_OK);
        char *before = digest(s);
        uint32_t types = universe->n_types;
        int ok = CHECK_INT(cdef(s, errors[i].text, strlen(errors[i].text), &d),
                           errors[i].status);
        ok &= CHECK_INT(d.pos.line, errors[i].line);
        ok &= CHECK_INT(d.pos.column, errors[i].column);
        ok &= CHECK(has(d.message, errors[i].message));
        ok &= CHECK(has(d.hint, errors[i].hint));
        ok &= CHECK(d.file && d.source);
        char *after = digest(s);
        ok &= CHECK_STR(after, before);
        ok &= CHECK_INT(universe->n_types, types);
        if (!ok)
            printf("    for: %s\n    got: %s (%s)\n", errors[i].text,
                   d.message ? d.message : "", d.hint ? d.hint : "");
        jf_free(before);
        jf_free(after);
        jf_diag_clear(&d);
        jf_scope_free(s);
    }
}

static void test_type_errors(void)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "expected a type"},
        {"int x y", "expected the end of the type"},
        {"foo *", "unknown type name"},
        {"int(foo *)", "expected ')'"},
        {"static int", "storage class"},
        {"int[...]", "unsupported '[...]' here"},
        {"...", "expected a type"},
        {"int *)", "expected the end"},
        {"int;", "expected the end"},
        {"f", "unknown type name 'f'"},
    };
    jf_Scope *s = jf_scope_new(universe);
    CHECK_INT(cdef(s, prelude, strlen(prelude), NULL), JF_OK);
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        jf_Diag d = JF_DIAG_INIT;
        jf_Type *t = NULL;
        CHECK(jf_parse_type(s, rows[i].text, strlen(rows[i].text), &t, NULL, &d) !=
              JF_OK);
        if (!CHECK(has(d.message, rows[i].message)))
            printf("    for: %s\n    got: %s\n", rows[i].text, d.message);
        jf_diag_clear(&d);
    }
    jf_scope_free(s);
}

static void test_print(void)
{
    static const char text[] = "int a;\nint g(int n, siz_t m);\n";
    jf_CdefOptions o = {.file = "api.h", .line = 10};
    jf_Diag d = JF_DIAG_INIT;
    jf_Buf b = JF_BUF_INIT;
    jf_Scope *s = jf_scope_new(universe);
    CHECK_INT(jf_cdef(s, text, sizeof text - 1, &o, &d), JF_SEMANTIC);
    jf_diag_print(&d, &b);
    CHECK_STR(b.p, "api.h:11:14: unknown type name 'siz_t'\n"
                   "  int g(int n, siz_t m);\n"
                   "               ^\n"
                   "did you mean 'size_t'?");
    jf_buf_free(&b);
    jf_diag_clear(&d);
    jf_scope_free(s);
}

/* --- transactions --------------------------------------------------------- */

static const char later_fails[] =
    "struct Open { struct S *s; struct Open *o; int n[sizeof(struct Whole)]; };"
    "union Fresh { struct Open *p; }; enum Fwd { F1 = 3 }; int added(struct Open "
    "*);"
    "typedef struct { union Fresh *u; } anon; int x[sizeof(struct Open)]; broken";

static void test_rollback(void)
{
    jf_Scope *s = jf_scope_new(universe);
    static const char first[] =
        "struct Open; struct Open *make(struct Open *, int); enum Fwd; enum Fwd "
        "*fp;"
        "struct Holder { struct Open *list[3]; enum Fwd *e; };"
        "struct Whole { struct Open2 o; }; extern struct Open arr[2];";
    CHECK_INT(cdef(s, first, sizeof first - 1, NULL), JF_OK);
    char *before = digest(s);
    uint32_t types = universe->n_types;
    for (int i = 0; i < 3; i++) {
        CHECK(cdef(s, later_fails, sizeof later_fails - 1, NULL) != JF_OK);
        char *after = digest(s);
        CHECK_STR(after, before);
        CHECK_INT(universe->n_types, types);
        jf_free(after);
    }
    /* a size that was known for a moment is unknown again */
    static const char moment[] =
        "struct Open2 { int q; }; char c[sizeof(struct Whole)];"
        "struct Open { int r; }; char e[sizeof arr]; broken";
    CHECK(cdef(s, moment, sizeof moment - 1, NULL) != JF_OK);
    char *after = digest(s);
    CHECK_STR(after, before);
    CHECK(jf_scope_find(s, "arr", 3)->type->size == JF_UNKNOWN);
    jf_free(after);
    static const char good[] =
        "struct Open2 { char q[5]; }; char c[sizeof(struct Whole)];"
        "struct Open { struct Open *next; };";
    CHECK_INT(cdef(s, good, sizeof good - 1, NULL), JF_OK);
    CHECK_INT(jf_scope_find(s, "c", 1)->type->length, 5);
    jf_free(before);
    jf_scope_free(s);
}

static void test_override(void)
{
    jf_CdefOptions o = {.override_ = true};
    jf_Scope *s = jf_scope_new(universe);
    static const char one[] = "int f(int); typedef int t; int last;";
    static const char two[] = "long f(long *); typedef char *t;";
    static const char bad[] = "char f(char); typedef t u; broken";
    CHECK_INT(jf_cdef(s, one, sizeof one - 1, NULL, NULL), JF_OK);
    CHECK_INT(jf_cdef(s, two, sizeof two - 1, NULL, NULL), JF_SEMANTIC);
    CHECK_INT(jf_cdef(s, two, sizeof two - 1, &o, NULL), JF_OK);
    CHECK_INT(jf_scope_size(s), 3);
    CHECK_INT(jf_scope_find(s, "f", 1)->type->to->prim, JF_P_LONG);
    CHECK(jf_cdef(s, bad, sizeof bad - 1, &o, NULL) != JF_OK);
    CHECK_INT(jf_scope_find(s, "f", 1)->type->to->prim, JF_P_LONG);
    CHECK_INT(jf_scope_size(s), 3);
    jf_scope_free(s);
}

/* `struct X`, `union X` and `enum X` are three things. */
static void test_tags(void)
{
    static const char one[] =
        "struct X { int a; }; union X { int b; double c; }; enum X { XA };"
        "struct Y { struct X x; union X *y; enum X z; };";
    static const char bad[] = "enum Y { YA }; union Y { int a; }; broken";
    static const char own[] = "union Z *z; enum X; enum X2 { X2A };";
    jf_Scope *a = jf_scope_new(universe), *b = jf_scope_new(universe);
    CHECK_INT(cdef(a, one, sizeof one - 1, NULL), JF_OK);
    CHECK(jf_scope_tag(a, JF_STRUCT, "X", 1)->u.rec->n_fields == 1);
    CHECK(jf_scope_tag(a, JF_UNION, "X", 1)->u.rec->n_fields == 2);
    CHECK(jf_scope_tag(a, JF_ENUM, "X", 1)->u.en->n_items == 1);
    CHECK_STR(jf_scope_tag(a, JF_UNION, "X", 1)->u.rec->tag, "X");
    char *before = digest(a);
    CHECK(cdef(a, bad, sizeof bad - 1, NULL) != JF_OK);
    char *after = digest(a);
    CHECK_STR(after, before);
    CHECK(!jf_scope_tag(a, JF_ENUM, "Y", 1) && !jf_scope_tag(a, JF_UNION, "Y", 1));
    jf_free(before);
    jf_free(after);
    CHECK_INT(jf_scope_include(b, a, NULL), JF_OK);
    CHECK(jf_scope_tag(a, JF_UNION, "X", 1) == jf_scope_tag(b, JF_UNION, "X", 1));
    CHECK(jf_scope_tag(a, JF_ENUM, "X", 1) == jf_scope_tag(b, JF_ENUM, "X", 1));
    jf_scope_free(b);
    b = jf_scope_new(universe); /* one tag of its own, two that come */
    CHECK_INT(cdef(b, own, sizeof own - 1, NULL), JF_OK);
    CHECK_INT(jf_scope_include(b, a, NULL), JF_SEMANTIC);
    CHECK(!jf_scope_tag(b, JF_STRUCT, "X", 1));
    jf_scope_free(b);
    jf_scope_free(a);
}

/* FILE is one type whoever asks, and outlives who asked. */
static void test_file(void)
{
    static const char own[] = "typedef struct { int fd; } FILE;";
    jf_Scope *a = jf_scope_new(universe), *b = jf_scope_new(universe);
    jf_Type *one = NULL, *two = NULL, *three = NULL;
    CHECK_INT(jf_parse_type(a, "FILE *", 6, &one, NULL, NULL), JF_OK);
    jf_scope_free(a);
    CHECK_INT(jf_parse_type(b, "FILE *", 6, &two, NULL, NULL), JF_OK);
    CHECK(one == two);
    CHECK_INT(cdef(b, own, sizeof own - 1, NULL), JF_OK);
    CHECK_INT(jf_parse_type(b, "FILE *", 6, &three, NULL, NULL), JF_OK);
    CHECK(one != three);
    jf_type_unref(universe, one);
    jf_type_unref(universe, two);
    jf_type_unref(universe, three);
    jf_scope_free(b);
}

static void test_include(void)
{
    static const char base[] =
        "struct S { int a; }; typedef struct S *P; int f(P p);"
        "\n#define K 3\n#define T \"t\"\n";
    static const char more[] =
        "struct R { struct S s[K]; P p; }; int g(struct S *);";
    static const char clash[] = "int f(void);";
    jf_Scope *a = jf_scope_new(universe), *b = jf_scope_new(universe);
    jf_Diag d = JF_DIAG_INIT;
    CHECK_INT(cdef(a, base, sizeof base - 1, NULL), JF_OK);
    CHECK_INT(jf_scope_include(b, a, NULL), JF_OK);
    CHECK_INT(cdef(b, more, sizeof more - 1, NULL), JF_OK);
    CHECK(jf_scope_tag(a, JF_STRUCT, "S", 1) == jf_scope_tag(b, JF_STRUCT, "S", 1));
    CHECK_STR(jf_scope_find(b, "f", 1)->params[0], "p");
    CHECK_STR(jf_scope_find(b, "T", 1)->text, "t");
    CHECK_INT(jf_scope_include(b, a, NULL), JF_OK); /* twice does no harm */
    CHECK_INT(jf_scope_include(b, b, NULL), JF_SEMANTIC);
    jf_scope_free(a); /* b keeps what it needs */
    CHECK_INT(jf_scope_tag(b, JF_STRUCT, "R", 1)->u.rec->n_fields, 2);
    jf_Scope *c = jf_scope_new(universe);
    CHECK_INT(cdef(c, clash, sizeof clash - 1, NULL), JF_OK);
    CHECK_INT(jf_scope_include(c, b, &d), JF_SEMANTIC);
    CHECK(has(d.message, "function f"));
    CHECK_INT(jf_scope_size(c), 1);
    jf_diag_clear(&d);
    jf_scope_free(b);
    jf_scope_free(c);
}

/* --- hostile sizes -------------------------------------------------------- */

static void test_huge(void)
{
    enum { MEGA = 1000000 };
    static const char *const units[] = {"(",
                                        "[",
                                        "{",
                                        "*",
                                        "int (",
                                        "int x[",
                                        "struct {",
                                        "int f(int (",
                                        "-",
                                        "((((",
                                        "__attribute__((",
                                        "[[",
                                        "sizeof(",
                                        "struct s { struct s {",
                                        "int(*(",
                                        "a,",
                                        "#define X (\n",
                                        "/*",
                                        "\"",
                                        "'",
                                        "\\\n",
                                        "0",
                                        "1+",
                                        "typedef int *",
                                        "enum {",
                                        "_Alignas(",
                                        "typeof(",
                                        "extern \"C\" {",
                                        "(int)",
                                        "1?",
                                        "x::",
                                        "\xc3\xa9",
                                        "void(*f)(",
                                        "union { struct {",
                                        "__asm__("};
    char *text = malloc(MEGA + 64);
    for (size_t i = 0; i < JF_COUNT(units); i++)
        for (int head = 0; head < 4; head++) {
            static const char *const heads[] = {"", "int ", "int x[", "#define X "};
            size_t n = strlen(heads[head]), u = strlen(units[i]);
            memcpy(text, heads[head], n);
            for (; n + u <= MEGA; n += u)
                memcpy(text + n, units[i], u);
            jf_Diag d = JF_DIAG_INIT;
            jf_Scope *s = jf_scope_new(universe);
            jf_Type *t = NULL;
            if (cdef(s, text, n, &d) != JF_OK)
                CHECK(d.message && d.pos.line);
            jf_diag_clear(&d);
            if (jf_parse_type(s, text, n, &t, NULL, &d) == JF_OK)
                jf_type_unref(universe, t);
            jf_diag_clear(&d);
            jf_scope_free(s);
        }
    free(text);
}

/* Types that grow through typedefs: each step is small, the sum is not. */
static void test_growth(void)
{
    static const char *const steps[] = {"typedef t%d *t%d;", "typedef t%d t%d[1];",
                                        "typedef int (*t%2$d)(t%1$d, t%1$d);",
                                        "typedef t%d (*t%d)(void);"};
    for (size_t k = 0; k < JF_COUNT(steps); k++) {
        jf_Scope *s = jf_scope_new(universe);
        jf_Status st = cdef(s, "typedef int t0;", 15, NULL);
        int i = 1;
        for (; st == JF_OK && i < 100000; i++) {
            char text[80];
            snprintf(text, sizeof text, steps[k], i - 1, i);
            st = cdef(s, text, strlen(text), NULL);
        }
        CHECK_INT(st, JF_UNSUPPORTED);
        jf_scope_free(s);
    }
}

static void test_nul(void)
{
    static const char text[] = "int a;\0int b;";
    jf_Diag d = JF_DIAG_INIT;
    jf_Scope *s = jf_scope_new(universe);
    CHECK_INT(cdef(s, text, sizeof text - 1, &d), JF_SYNTAX);
    CHECK(has(d.message, "NUL"));
    CHECK_INT(d.pos.column, 7);
    jf_diag_clear(&d);
    jf_scope_free(s);
}

/* --- memory --------------------------------------------------------------- */

static const char *memory_text;

static int memory_step(void *ctx)
{
    (void)ctx;
    jf_Universe *u = jf_universe_new(&jf_target_x64_linux);
    jf_Scope *s = u ? jf_scope_new(u) : NULL;
    int done = 0;
    if (s && cdef(s, prelude, strlen(prelude), NULL) == JF_OK) {
        jf_Diag d = JF_DIAG_INIT;
        long fail_at = check_fail_at;
        check_fail_at = 0; /* the digests are the test's own */
        long count = check_count;
        char *before = digest(s);
        check_count = count;
        check_fail_at = fail_at;
        jf_Status st = cdef(s, memory_text, strlen(memory_text), &d);
        if (st == JF_OK) {
            jf_Type *t = NULL;
            st = jf_parse_type(s, "struct New *(*)(struct Newer *, struct T[3])",
                               44, &t, NULL, &d);
            if (st == JF_OK)
                jf_type_unref(u, t);
            done = st == JF_OK;
        } else {
            CHECK_INT(st, JF_NOMEM);
            check_fail_at = 0;
            char *after = digest(s);
            CHECK_STR(after, before);
            /* and it works when memory is there again */
            CHECK_INT(cdef(s, memory_text, strlen(memory_text), NULL), JF_OK);
            jf_free(after);
        }
        jf_free(before);
        jf_diag_clear(&d);
    }
    jf_scope_free(s);
    if (u)
        CHECK_INT(u->n_groups, 0);
    jf_universe_free(u);
    return done;
}

static void test_memory(void)
{
    static const char *const texts[] = {
        "union S { int s; }; enum S { SA, SB = 2, SC, ... }; FILE *files[2];",
        "int g(int a, char *b, struct S *(*c)(struct S *, int));",
        "struct T { struct S *s; struct T *t; union { int a : 3; float f; }; "
        "struct Open *o; struct Open *(*m)(struct T *); char tail[]; };"
        "struct Open { struct T *t; int n[N]; }; typedef struct { int q; } anon;"
        "typedef struct T *list[4]; extern list many; int f(int);",
        "enum X { X1, X2, X3 = 1 << 8 }; FILE *fopen(const char *, LPCSTR);"
        "int h(void) __asm__(\"h2\"); typedef float v4 "
        "__attribute__((vector_size(16)));"
        "\n#define LATE (X3 + N2)\n#define N2 sizeof(struct Late)\n"
        "struct Late { int a; };"
        "\n# 12 \"x.h\"\n#define STR \"a\" \"b\"\n#define Z sizeof(struct S)\n",
    };
    for (size_t i = 0; i < JF_COUNT(texts); i++) {
        memory_text = texts[i];
        check_memory(memory_step, NULL);
    }
}

int main(void)
{
    universe = jf_universe_new(&jf_target_x64_linux);
    test_errors();
    test_type_errors();
    test_print();
    test_rollback();
    test_override();
    test_tags();
    test_file();
    test_include();
    test_growth();
    test_nul();
    test_huge();
    CHECK_INT(universe->n_types, 0);
    CHECK_INT(universe->n_groups, 0);
    jf_universe_free(universe);
    test_memory();
    return check_report("parse_errors");
}
