/* SPDX-License-Identifier: MIT
 * src/core/parse: declarations and types as rows of text and what they mean. */
#include "check.h"

#include "core/layout/layout.h"
#include "core/parse/parse.h"

static jf_Universe *universe;

static char *spell(const jf_Type *t)
{
    static char out[2048];
    jf_Buf b = JF_BUF_INIT;
    jf_type_print(t, "", JF_PRINT_QUALS, &b, NULL);
    snprintf(out, sizeof out, "%s", b.p ? b.p : "");
    jf_buf_free(&b);
    return out;
}

static jf_Status cdef(jf_Scope *s, const char *text, jf_Diag *d)
{
    return jf_cdef(s, text, strlen(text), NULL, d);
}

static void must(jf_Scope *s, const char *text)
{
    jf_Diag d = JF_DIAG_INIT;
    if (!CHECK_INT(cdef(s, text, &d), JF_OK))
        printf("    %s\n    %s\n", text, d.message);
    jf_diag_clear(&d);
}

/* --- types ---------------------------------------------------------------- */

static const char prelude[] =
    "struct S { int a; char b[3]; struct S *next; }; union U { int i; double d; };"
    "enum E { EA, EB = 5 }; typedef struct S S_t; typedef struct { int x; } anon;"
    "typedef int fn(int); typedef int arr[4]; typedef const char *cstr;"
    "\n#define N 7\n";

static void test_types(void)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"int", "int"},
        {"signed", "int"},
        {"unsigned", "unsigned int"},
        {"long unsigned int long", "unsigned long long"},
        {"int long", "long"},
        {"long signed", "long"},
        {"short int unsigned", "unsigned short"},
        {"char", "char"},
        {"char signed", "signed char"},
        {"unsigned char", "unsigned char"},
        {"double long", "long double"},
        {"_Bool", "_Bool"},
        {"bool", "_Bool"},
        {"double _Complex", "double _Complex"},
        {"_Complex float", "float _Complex"},
        {"long _Complex double", "long double _Complex"},
        {"double complex", "double _Complex"},
        {"unsigned __int128", "unsigned __int128"},
        {"__int128_t", "__int128"},
        {"_Float16", "_Float16"},
        {"_Float32", "_Float32"},
        {"_Float64", "_Float64"},
        {"_Float128", "_Float128"},
        {"__float128", "_Float128"},
        {"_Float32x", "_Float32x"},
        {"_Float64x", "_Float64x"},
        {"__int64", "long long"},
        {"unsigned __int8", "unsigned char"},
        {"size_t", "size_t"},
        {"uint8_t", "uint8_t"},
        {"char16_t", "char16_t"},
        {"char32_t *", "char32_t *"},
        {"wchar_t[3]", "wchar_t[3]"},
        {"char8_t", "char8_t"},
        {"off_t", "long"},
        {"pid_t", "int"},
        {"mode_t", "unsigned int"},
        {"time_t", "long"},
        {"socklen_t *", "unsigned int *"},
        {"u_int", "unsigned int"},
        {"__builtin_va_list", "va_list"},
        {"FILE *", "FILE *"},
        {"struct _IO_FILE *", "struct _IO_FILE *"},
        {"DWORD", "unsigned long"},
        {"LPCSTR", "const char *"},
        {"HANDLE", "void *"},
        {"PHKEY", "void * *"},
        {"UINT_PTR", "unsigned long long"},
        {"int const", "int"}, /* the outermost qualifier is apart */
        {"const int *", "const int *"},
        {"int const *const *", "const int * const *"},
        {"const volatile char *restrict", "const volatile char *"},
        {"int *[3]", "int *[3]"},
        {"int (*)[3]", "int(*)[3]"},
        {"int[2][3]", "int[2][3]"},
        {"int[][3]", "int[][3]"},
        {"int[N + 1]", "int[8]"},
        {"int(int)", "int(int)"},
        {"int()", "int()"},
        {"int(void)", "int()"},
        {"int(*)(int, ...)", "int(*)(int, ...)"},
        {"char *(*(*)[3])(int, char const *)",
         "char *(*(*)[3])(int, const char *)"},
        {"int (*(*)(void))(long)", "int(*(*)())(long)"},
        {"void (int[], fn, const arr)", "void(int *, int(*)(int), const int *)"},
        {"void(int n, int[n], int[static n * 2], int[const])",
         "void(int, int *, int *, int *)"},
        {"void(int [*], double m[3][4])", "void(int *, double(*)[4])"},
        {"struct S", "struct S"},
        {"S_t *", "struct S *"},
        {"anon *", "anon *"},
        {"enum E", "enum E"},
        {"union U[2]", "union U[2]"},
        {"struct undeclared *", "struct undeclared *"},
        {"const arr *", "const int(*)[4]"},
        {"cstr const *", "const char * const *"},
        {"_Atomic int *", "int *"},
        {"_Atomic(int) *", "int *"},
        {"typeof(int *) *", "int * *"},
        {"__typeof__(N)", "int"},
        {"__extension__ int", "int"},
        {"int __attribute__((unused)) *", "int *"},
        {"int __stdcall(int)", "int(int)"},
        {"int (__stdcall *)(int)", "int(*)(int)"},
        {"int (WINAPI *)(int)", "int(*)(int)"},
        {"float __attribute__((vector_size(16)))",
         "float __attribute__((vector_size(16)))"},
        {"unsigned __attribute__((mode(DI)))", "unsigned long"},
        {"struct { int a; }", "struct $1"},
        {"int /* c */ * // d\n", "int *"},
        {"int \\\n*", "int *"},
        {"int(int (x))", "int(int)"},
        {"int(int (size_t))", "int(int(*)(size_t))"},
        {"int<:3:>", "int[3]"},
        {"int cb(int x)", "int(int)"}, /* a name is read over, as in cffi */
    };
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        jf_Scope *s = jf_scope_new(universe);
        jf_Diag d = JF_DIAG_INIT;
        jf_Type *t = NULL;
        must(s, prelude);
        if (CHECK_INT(
                jf_parse_type(s, rows[i].text, strlen(rows[i].text), &t, NULL, &d),
                JF_OK)) {
            if (!CHECK_STR(spell(t), rows[i].want))
                printf("    for: %s\n", rows[i].text);
            jf_type_unref(universe, t);
        } else {
            printf("    for: %s\n    %s\n", rows[i].text, d.message);
        }
        jf_diag_clear(&d);
        jf_scope_free(s);
    }
}

static void test_quals(void)
{
    static const struct {
        const char *text;
        unsigned quals;
    } rows[] = {
        {"int", 0},
        {"const int", JF_Q_CONST},
        {"const int *", 0},
        {"const int *const", JF_Q_CONST},
        {"int volatile const", JF_Q_CONST | JF_Q_VOLATILE},
        {"char *restrict", JF_Q_RESTRICT},
        {"_Atomic int", JF_Q_ATOMIC},
    };
    jf_Scope *s = jf_scope_new(universe);
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        jf_Type *t = NULL;
        unsigned quals = 99;
        CHECK_INT(
            jf_parse_type(s, rows[i].text, strlen(rows[i].text), &t, &quals, NULL),
            JF_OK);
        CHECK_INT(quals, rows[i].quals);
        jf_type_unref(universe, t);
    }
    jf_scope_free(s);
}

/* --- symbols -------------------------------------------------------------- */

static void test_symbols(void)
{
    static const struct {
        const char *text, *name;
        jf_SymKind kind;
        const char *type;
        long long value;
        unsigned flags;
    } rows[] = {
        {"int f(int);", "f", JF_SYM_FUNCTION, "int(int)", 0, 0},
        {"fn g;", "g", JF_SYM_FUNCTION, "int(int)", 0, 0},
        {"int *h(void), k;", "k", JF_SYM_VARIABLE, "int", 0, 0},
        {"extern arr a2;", "a2", JF_SYM_VARIABLE, "int[4]", 0, JF_S_EXTERN},
        {"const char *const names[];", "names", JF_SYM_VARIABLE,
         "const char * const[]", 0, 0},
        {"static const int C = 42;", "C", JF_SYM_CONSTANT, "int", 42, JF_S_STATIC},
        {"static const unsigned char C = 300;", "C", JF_SYM_CONSTANT,
         "unsigned char", 44, JF_S_STATIC | JF_S_UNSIGNED},
        {"static const long C = -1;", "C", JF_SYM_CONSTANT, "long", -1,
         JF_S_STATIC},
        {"static const int C = ...;", "C", JF_SYM_CONSTANT, "int", 0,
         JF_S_STATIC | JF_S_DOTS},
        {"static const int C;", "C", JF_SYM_CONSTANT, "int", 0,
         JF_S_STATIC | JF_S_DOTS},
        {"static const double PI = 3.25;", "PI", JF_SYM_FLOAT, "double", 0,
         JF_S_STATIC},
        {"\n#define X (N << 3)\n", "X", JF_SYM_CONSTANT, "int", 56, JF_S_MACRO},
        {"\n#define X 0xffffffff", "X", JF_SYM_CONSTANT, "unsigned int", 0xffffffff,
         JF_S_MACRO | JF_S_UNSIGNED},
        {"\n#define X ...\n", "X", JF_SYM_CONSTANT, "int", 0,
         JF_S_MACRO | JF_S_DOTS},
        {"\n#define X 1.5f\n", "X", JF_SYM_FLOAT, "double", 0, JF_S_MACRO},
        {"\n#define X \"a\" \"b\"\n", "X", JF_SYM_STRING, NULL, 0, JF_S_MACRO},
        {"# define X \\\n 3\n", "X", JF_SYM_CONSTANT, "int", 3, JF_S_MACRO},
        {"#define X (Y + Z)\n#define Z (N * Y)\n#define Y 2\n", "X",
         JF_SYM_CONSTANT, "int", 16, JF_S_MACRO},
        {"#define X LATER\nenum { LATER = 9 };", "X", JF_SYM_CONSTANT, "int", 9,
         JF_S_MACRO},
        {"#define X Y\n#define Y 4\nextern int a[X];", "a", JF_SYM_VARIABLE,
         "int[4]", 0, JF_S_EXTERN},
        {"#define X (uint)sizeof(struct L)\nstruct L { int a[5]; };", "X",
         JF_SYM_CONSTANT, "unsigned int", 20, JF_S_MACRO | JF_S_UNSIGNED},
        {"#define X Y\n#define X Y\n#define Y \"s\"\n", "X", JF_SYM_STRING, NULL, 0,
         JF_S_MACRO},
        {"struct Q {\n#define X Y\nint b; };\n#define Y 1.5\n", "X", JF_SYM_FLOAT,
         "double", 0, JF_S_MACRO},
        {"#define GUARD_H\n#define M(a, b) a ## b @\n#define X 1\n", "X",
         JF_SYM_CONSTANT, "int", 1, JF_S_MACRO},
        {"enum { Q = 3,\n#define Q Q\nR };", "R", JF_SYM_CONSTANT, "int", 4,
         JF_S_ENUMERATOR},
        {"enum { Q, R = -3, T };", "T", JF_SYM_CONSTANT, "int", -2,
         JF_S_ENUMERATOR},
        {"enum { Q = 0xfffffffffffffffful };", "Q", JF_SYM_CONSTANT,
         "unsigned long long", -1, JF_S_ENUMERATOR | JF_S_UNSIGNED},
        {"enum { Q = ..., R };", "Q", JF_SYM_CONSTANT, "int", 0,
         JF_S_ENUMERATOR | JF_S_DOTS},
        {"typedef int *ip;", "ip", JF_SYM_TYPEDEF, "int *", 0, 0},
        {"typedef struct { int q; } n1, *n2;", "n2", JF_SYM_TYPEDEF, "n1 *", 0, 0},
        {"typedef ... o;", "o", JF_SYM_TYPEDEF, "o", 0, JF_S_DOTS_TYPE},
        {"typedef int... o;", "o", JF_SYM_TYPEDEF, "o", 0, JF_S_DOTS_INT},
        {"typedef unsigned long... o;", "o", JF_SYM_TYPEDEF, "o", 0, JF_S_DOTS_INT},
        {"typedef double... o;", "o", JF_SYM_TYPEDEF, "o", 0, JF_S_DOTS_FLOAT},
        {"extern \"Python\" int cb(int);", "cb", JF_SYM_FUNCTION, "int(int)", 0,
         JF_S_EXTERN_PYTHON},
        {"extern \"Python+C\" { int c1(int); int c2(void); } int c3(void);", "c2",
         JF_SYM_FUNCTION, "int()", 0, JF_S_EXTERN_PYTHON_C},
        {"extern \"Python+C\" { int c1(int); } int c3(void);", "c3",
         JF_SYM_FUNCTION, "int()", 0, 0},
        {"extern \"C\" { extern \"C\" int c4(int); }", "c4", JF_SYM_FUNCTION,
         "int(int)", 0, 0},
        {"static inline int no(int a) { return \"}\"[a]; } int yes(void);", "yes",
         JF_SYM_FUNCTION, "int()", 0, 0},
        {"int garr[...];", "garr", JF_SYM_VARIABLE, "int[]", 0, JF_S_DOTS},
        {"int (f)(int), (*pf)(void);", "pf", JF_SYM_VARIABLE, "int(*)()", 0, 0},
        {"int WINAPI w(int x);", "w", JF_SYM_FUNCTION, "int(int)", 0, 0},
        {"_Static_assert(sizeof(struct S) == 16, \"S\"); int after;", "after",
         JF_SYM_VARIABLE, "int", 0, 0},
        {"int f(); int f(int);", "f", JF_SYM_FUNCTION, "int(int)", 0, 0},
        {"extern int a[]; extern int a[4];", "a", JF_SYM_VARIABLE, "int[4]", 0,
         JF_S_EXTERN},
        {"int complex; int CALLBACKS;", "complex", JF_SYM_VARIABLE, "int", 0, 0},
        {"typedef unsigned long size_t; size_t n;", "n", JF_SYM_VARIABLE,
         "unsigned long", 0, 0},
        {"int \303\251t\303\251;", "\303\251t\303\251", JF_SYM_VARIABLE, "int", 0,
         0},
        {"__extension__ typedef long long ll; ll v;", "v", JF_SYM_VARIABLE,
         "long long", 0, 0},
        {"_Noreturn void die(int) __attribute__((noreturn, cold));", "die",
         JF_SYM_FUNCTION, "void(int)", 0, 0},
        {"_Thread_local int tl; ;;", "tl", JF_SYM_VARIABLE, "int", 0, 0},
        {"__declspec(dllimport) int di(void);", "di", JF_SYM_FUNCTION, "int()", 0,
         0},
        {"[[deprecated(\"x\")]] [[gnu::pure]] int at(int [[maybe_unused]]);", "at",
         JF_SYM_FUNCTION, "int(int)", 0, 0},
        {"char *strchr(const char *__s, int) __asm__(\"\" \"sc\") "
         "__attribute__((__pure__)) __attribute__ ((__nonnull__ (1)));",
         "strchr", JF_SYM_FUNCTION, "char *(const char *, int)", 0, 0},
    };
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        jf_Scope *s = jf_scope_new(universe);
        must(s, prelude);
        must(s, rows[i].text);
        const jf_Symbol *y = jf_scope_find(s, rows[i].name, strlen(rows[i].name));
        if (CHECK(y != NULL)) {
            CHECK_INT(y->kind, rows[i].kind);
            CHECK_INT(y->value, rows[i].value);
            CHECK_INT(y->flags, rows[i].flags);
            CHECK_STR(y->name, rows[i].name);
            if (rows[i].type)
                CHECK_STR(spell(y->type), rows[i].type);
            else
                CHECK(!y->type);
        } else {
            printf("    in: %s\n", rows[i].text);
        }
        jf_scope_free(s);
    }
}

/* What access() says of lengths, wherever it stands; what makes no sense is read
 * over. */
static void test_access(void)
{
    static const struct {
        const char *text;
        int pairs[2][2]; /* array, length; -1: no such pair */
    } rows[] = {
        {"double f(const double *a, int n) __attribute__((access(read_only, 1, "
         "2)));",
         {{0, 1}, {-1}}},
        {"__attribute__((__access__(__write_only__, 2, 1))) int f(int n, void *p);",
         {{1, 0}, {-1}}},
        {"[[gnu::access(none, 1), gnu::access(read_write, 3, 2)]] void f(char *s, "
         "long n, "
         "float *p);",
         {{2, 1}, {-1}}},
        {"void f(int *a, int *b, int n) __attribute__((access(read_only, 1, 3), "
         "access(write_only, 2, 3)));",
         {{0, 2}, {1, 2}}},
        {"void f(int *a, int n) __attribute__((access(read_only, 1, 3)));",
         {{-1}, {-1}}},
        {"void f(int *a, int n) __attribute__((access(read_only, 2, 1)));",
         {{-1}, {-1}}},
        {"void f(int *a, int n) __attribute__((access(read_only, 0, 99999)));",
         {{-1}, {-1}}},
        {"void f(int *a, int n); void f(int *, int) "
         "__attribute__((access(read_only, 1, 2)));",
         {{0, 1}, {-1}}},
    };
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        jf_Scope *s = jf_scope_new(universe), *other = jf_scope_new(universe);
        must(s, rows[i].text);
        jf_Diag d = JF_DIAG_INIT;
        CHECK_INT(jf_scope_include(other, s, &d), JF_OK);
        jf_scope_free(s);
        const jf_Access *a = jf_scope_find(other, "f", 1)->access;
        for (int k = 0; k < 2 && rows[i].pairs[k][0] >= 0;
             k++, a = a ? a->next : a) {
            CHECK_INT(a ? a->array : -1, rows[i].pairs[k][0]);
            CHECK_INT(a ? a->length : -1, rows[i].pairs[k][1]);
        }
        CHECK(!a);
        jf_scope_free(other);
    }
}

static void test_details(void)
{
    jf_Scope *s = jf_scope_new(universe);
    must(s, "int f(int a, long, char *c) __asm__(\"f_2\");\n"
            "int g(int) __attribute__((jiffi_gil(\"hold\")));\n"
            "[[jiffi::gil(\"release\")]] int h(int);\n"
            "# 40 \"x.h\"\nint late;\n#define T \"a\\0b\"\n");
    const jf_Symbol *f = jf_scope_find(s, "f", 1);
    CHECK_STR(f->link, "f_2");
    CHECK_STR(f->params[0], "a");
    CHECK(!f->params[1]);
    CHECK_STR(f->params[2], "c");
    CHECK_INT(f->line, 1);
    CHECK_INT(jf_scope_find(s, "g", 1)->gil, JF_GIL_HOLD);
    CHECK(!jf_scope_find(s, "g", 1)->params);
    CHECK_INT(jf_scope_find(s, "h", 1)->gil, JF_GIL_RELEASE);
    CHECK_INT(jf_scope_find(s, "late", 4)->line, 40);
    CHECK_INT(jf_scope_find(s, "T", 1)->text_size, 3);
    CHECK(!memcmp(jf_scope_find(s, "T", 1)->text, "a\0b", 4));
    CHECK_STR(jf_scope_suggest(s, "lat", 3), "late");
    CHECK(!jf_scope_suggest(s, "entirely", 8));
    CHECK_INT(jf_scope_size(s), 5);
    CHECK_INT(jf_scope_version(s), 1);
    jf_scope_free(s);
}

/* --- records and enums ---------------------------------------------------- */

/* name:type[:bits][@offset], in order; `-` for no name */
static void describe(const jf_Type *t, char *out, size_t room)
{
    jf_Buf b = JF_BUF_INIT;
    for (uint32_t i = 0; i < t->u.rec->n_fields; i++) {
        const jf_Field *f = &t->u.rec->fields[i];
        jf_buf_printf(&b, "%s%s ", i ? "; " : "", f->name ? f->name : "-");
        jf_type_print(f->type, "", JF_PRINT_QUALS, &b, NULL);
        if (f->bits >= 0)
            jf_buf_printf(&b, ":%d", f->bits);
        if (f->align)
            jf_buf_printf(&b, " a%u", f->align);
        if (f->packed)
            jf_buf_text(&b, " p");
    }
    snprintf(out, room, "%s", b.p ? b.p : "");
    jf_buf_free(&b);
}

static void test_records(void)
{
    static const struct {
        const char *text, *fields;
        int size, align;
        unsigned flags;
    } rows[] = {
        {"struct T { int a, *b; char c[3]; };", "a int; b int *; c char[3]", 24, 8,
         0},
        {"struct T { int a : 3, : 2, b : 5; unsigned : 0; };",
         "a int:3; - int:2; b int:5; - unsigned int:0", 4, 4, 0},
        {"struct T { union { int i; float f; }; struct { char c; } s; };",
         "- union $1; s struct $2", 8, 4, 0},
        {"struct T { char c; int tail[]; };", "c char; tail int[]", 4, 4,
         JF_R_FLEX},
        {"struct T { char c; int i; } __attribute__((packed));", "c char; i int", 5,
         1, JF_R_PACKED},
        {"struct __attribute__((packed, aligned(8))) T { char c; int i; };",
         "c char; i int", 8, 8, JF_R_PACKED},
        {"struct T { char c; int i __attribute__((packed)); };", "c char; i int p",
         5, 1, 0},
        {"struct T { _Alignas(16) char c; int i __attribute__((aligned(8))); };",
         "c char a16; i int a8", 16, 16, 0},
        {"\n#pragma pack(push, 2)\nstruct T { char c; int i; };\n#pragma "
         "pack(pop)\n",
         "c char; i int", 6, 2, 0},
        {"typedef int lo __attribute__((aligned(1))); struct T { char c; lo i; };",
         "c char; i int a1 p", 5, 1, 0},
        {"struct T { int a; ...; };", "a int", -1, 0, JF_R_PARTIAL},
        {"struct T { int a[...]; int b; };", "a int[]; b int", -1, 0,
         JF_R_PARTIAL | JF_R_DOTS_ARRAY},
        {"struct T { struct In { int x; } in; struct In *p; };",
         "in struct In; p struct In *", 16, 8, 0},
        {"struct T { struct Later l; }; struct Later { double d; };",
         "l struct Later", 8, 8, 0},
        {"struct T { };", "", 0, 1, 0},
        {"struct T { int x; ; _Static_assert(1, \"\"); int y; };", "x int; y int",
         8, 4, 0},
        {"struct T { int (*cb)(struct T *, void *); const char *const n; };",
         "cb int(*)(struct T *, void *); n const char *", 16, 8, 0},
        {"struct T { struct A { int q; } a; struct B { int q; } b; int q; };",
         "a struct A; b struct B; q int", 12, 4, 0},
    };
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        char out[512];
        jf_Diag d = JF_DIAG_INIT;
        jf_Scope *s = jf_scope_new(universe);
        must(s, rows[i].text);
        jf_Type *t = jf_scope_tag(s, JF_STRUCT, "T", 1);
        if (CHECK(t != NULL)) {
            describe(t, out, sizeof out);
            CHECK_STR(out, rows[i].fields);
            CHECK_INT(t->u.rec->flags, rows[i].flags | JF_R_COMPLETE);
            jf_Status st = jf_layout(&jf_target_x64_linux, t, &d);
            CHECK_INT(st, rows[i].size < 0 ? JF_UNSUPPORTED : JF_OK);
            if (st == JF_OK) {
                CHECK_INT(t->size, rows[i].size);
                CHECK_INT(t->align, rows[i].align);
            }
        }
        jf_diag_clear(&d);
        jf_scope_free(s);
    }
}

static void test_enums(void)
{
    static const struct {
        const char *text, *integer, *items;
    } rows[] = {
        {"enum T { A, B };", "unsigned int", "A=0 B=1"},
        {"enum T { A = -1, B };", "int", "A=-1 B=0"},
        {"enum T { A = 0xffffffff, };", "unsigned int", "A=4294967295"},
        {"enum T { A = 0x7fffffff, B };", "unsigned int",
         "A=2147483647 B=2147483648"},
        {"enum T { A = -1, B = 0xffffffff };", "long", "A=-1 B=4294967295"},
        {"enum T { A = 1ull << 40 };", "unsigned long", "A=1099511627776"},
        {"enum T : unsigned char { A = 255 };", "unsigned char", "A=255"},
        {"enum T : int64_t { A };", "int64_t", "A=0"},
        {"enum __attribute__((packed)) T { A = 200 };", "unsigned char", "A=200"},
        {"enum T { A, B = A + 5, C = sizeof(int) * B };", "unsigned int",
         "A=0 B=5 C=20"},
        {"enum T { A, ... };", "unsigned int", "A=0"},
        {"enum T;", "unsigned int", ""},
        {"enum T *f(void); enum T { A = -2 };", "int", "A=-2"},
    };
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        jf_Buf b = JF_BUF_INIT;
        jf_Scope *s = jf_scope_new(universe);
        must(s, rows[i].text);
        jf_Type *t = jf_scope_tag(s, JF_ENUM, "T", 1);
        if (CHECK(t != NULL)) {
            for (uint32_t k = 0; k < t->u.en->n_items; k++)
                jf_buf_printf(&b, "%s%s=%lld", k ? " " : "", t->u.en->items[k].name,
                              (long long)t->u.en->items[k].value);
            CHECK_STR(spell(t->to), rows[i].integer);
            CHECK_STR(b.p ? b.p : "", rows[i].items);
        }
        jf_buf_free(&b);
        jf_scope_free(s);
    }
}

/* Which enumerators only a C compiler could number. */
static void test_partial_enums(void)
{
    static const struct {
        const char *text, *unknown;
    } rows[] = {
        {"enum T { A, B, C };", ""},
        {"enum T { A, B, C, ... };", "ABC"},
        {"enum T { A, B = 5, C, ... };", "AC"},
        {"enum T { A = ..., B, C = 3 };", "AB"},
        {"enum T { A = 1, B = ..., C = 3 };", "B"},
        {"enum T { A = 1, B = 2, ... }; enum { C };", ""},
    };
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        jf_Scope *s = jf_scope_new(universe);
        char got[4] = "", *to = got;
        must(s, rows[i].text);
        for (const char *name = "ABC"; *name; name++) {
            const jf_Symbol *sym = jf_scope_find(s, name, 1);
            if (sym && sym->flags & JF_S_DOTS)
                *to++ = *name;
        }
        CHECK_STR(got, rows[i].unknown);
        jf_scope_free(s);
    }
}

/* --- constant expressions ------------------------------------------------- */

static void test_constants(void)
{
    static const struct {
        const char *text;
        long long value;
        const char *type;
    } rows[] = {
        {"1 + 2 * 3", 7, "int"},
        {"(1 + 2) * 3 % 4", 1, "int"},
        {"-7 / 2", -3, "int"},
        {"-7 % 2", -1, "int"},
        {"1 << 31", -2147483647 - 1, "int"},
        {"1u << 31", 2147483648, "unsigned int"},
        {"-1 >> 1", -1, "int"},
        {"-1 < 0u", 0, "int"},
        {"-1 > 0ul", 1, "int"},
        {"2147483647 + 1", -2147483647 - 1, "int"},
        {"2147483648", 2147483648, "long"},
        {"0x80000000", 2147483648, "unsigned int"},
        {"18446744073709551615ull", -1, "unsigned long long"},
        {"(-9223372036854775807 - 1) / -1", -9223372036854775807 - 1, "long"},
        {"(-9223372036854775807 - 1) % -1", 0, "long"},
        {"1 ? 2 : 1 / 0", 2, "int"},
        {"0 && 1 / 0", 0, "int"},
        {"1 || 1 / 0", 1, "int"},
        {"5 ?: 1 / 0", 5, "int"},
        {"1 ? -1 : 0u", 4294967295, "unsigned int"},
        {"!0 + ~0", 0, "int"},
        {"'a'", 97, "int"},
        {"'ab'", 24930, "int"},
        {"'\\xff'", -1, "int"},
        {"u'\\xffff'", 65535, "int"},
        {"L'\\u20ac'", 8364, "int"},
        {"L'\303\251'", 233, "int"},
        {"'\\0'", 0, "int"},
        {"'\\377'", -1, "int"},
        {"U'\\U0001F600'", 128512, "unsigned int"},
        {"0b101", 5, "int"},
        {"1'000'000", 1000000, "int"},
        {"0777", 511, "int"},
        {"10i64", 10, "long long"},
        {"sizeof(int)", 4, "unsigned long"},
        {"sizeof(struct S)", 16, "unsigned long"},
        {"sizeof(struct S *[3])", 24, "unsigned long"},
        {"sizeof 1ll", 8, "unsigned long"},
        {"sizeof(1 + 'a')", 4, "unsigned long"},
        {"sizeof \"abc\"", 4, "unsigned long"},
        {"sizeof(var)", 16, "unsigned long"},
        {"sizeof var", 16, "unsigned long"},
        {"_Alignof(struct S)", 8, "unsigned long"},
        {"__alignof__(char)", 1, "unsigned long"},
        {"offsetof(struct S, next)", 8, "unsigned long"},
        {"__builtin_offsetof(struct S, b[2])", 6, "unsigned long"},
        {"(unsigned char)300", 44, "int"},
        {"(signed char)200", -56, "int"},
        {"(_Bool)7", 1, "int"},
        {"(int)2.9", 2, "int"},
        {"(int)-2.9f", -2, "int"},
        {"(enum E)5", 5, "unsigned int"},
        {"(long)(void *)8", 8, "long"},
        {"EB + N", 12, "int"},
        {"EB == 5 ? N : 0", 7, "int"},
        {"(uint16_t)-1", 65535, "int"},
        {"(1, 2) == 0 || 1", 0, NULL},
        {"1 < 2.5", 1, "int"},
        {"true + true", 2, "int"},
        {"&((struct S *)0)->next", 8, "unsigned long"},
        {"(size_t)&((struct S *)0)->b[2]", 6, "unsigned long"},
        {"(int)(size_t)&(((S_t *)0)->b)", 4, "int"},
        {"&(*(struct S *)16).next", 24, "unsigned long"},
        {"(char *)&((S_t *)0)->b - (char *)0", 4, "unsigned long"},
        {"&((anon *)0)->x == 0", 1, "int"},
    };
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        char text[256];
        jf_Diag d = JF_DIAG_INIT;
        jf_Scope *s = jf_scope_new(universe);
        must(s, prelude);
        must(s, "extern int var[4];");
        snprintf(text, sizeof text, "#define X %s\n", rows[i].text);
        jf_Status st = cdef(s, text, &d);
        CHECK_INT(st, rows[i].type ? JF_OK : JF_SYNTAX);
        const jf_Symbol *y = jf_scope_find(s, "X", 1);
        if (rows[i].type && CHECK(y != NULL)) {
            CHECK_INT(y->kind, JF_SYM_CONSTANT);
            if (!CHECK_INT(y->value, rows[i].value) ||
                !CHECK_STR(spell(y->type), rows[i].type))
                printf("    for: %s\n", rows[i].text);
        } else if (rows[i].type) {
            printf("    for: %s: %s\n", rows[i].text, d.message);
        }
        jf_diag_clear(&d);
        jf_scope_free(s);
    }
}

int main(void)
{
    universe = jf_universe_new(&jf_target_x64_linux);
    test_types();
    test_quals();
    test_symbols();
    test_access();
    test_details();
    test_records();
    test_enums();
    test_partial_enums();
    test_constants();
    CHECK_INT(universe->n_types, 0);
    CHECK_INT(universe->n_groups, 0);
    jf_universe_free(universe);
    return check_report("parse");
}
