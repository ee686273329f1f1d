/* SPDX-License-Identifier: MIT
 * src/core/parse/oracle.c and src/core/layout/given.c: what a compiler has answered
 * to the `...` of a text, right, wrong and senseless. */
#include "check.h"

#include "core/layout/layout.h"
#include "core/parse/parse.h"

static jf_Universe *universe;

/* --- an oracle over rows of text --------------------------------------------------- */

/* "record NAME SIZE ALIGN", "member RECORD|PATH OFFSET SIZE", "length NAME|DIM N",
 * "type NAME SIZE CLS", "integer NAME VALUE": lines; names may hold spaces, numbers
 * are the last words. */
typedef struct Rows {
    const char *text;
} Rows;

/* The line "word name ": what follows it; NULL if there is none. */
static const char *row(const Rows *r, const char *word, const char *name)
{
    char want[200];
    size_t n = (size_t)snprintf(want, sizeof want, "%s %s ", word, name);
    for (const char *at = r->text; at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (!strncmp(at, want, n))
            return at + n;
    }
    return NULL;
}

static uint64_t number(const char **at)
{
    char *end;
    bool below = **at == '-';
    uint64_t v = strtoull(*at + below, &end, 0);
    *at = end + (*end == ' ');
    return below ? 0 - v : v;
}

static bool rows_record(void *ctx, const char *name, uint64_t *size,
                        uint64_t *align)
{
    const char *at = row(ctx, "record", name);
    if (!at)
        return false;
    *size = number(&at);
    *align = number(&at);
    return true;
}

static bool rows_member(void *ctx, const char *record, const char *path,
                        uint64_t *offset, uint64_t *size)
{
    char name[150];
    snprintf(name, sizeof name, "%s|%s", record, path);
    const char *at = row(ctx, "member", name);
    if (!at)
        return false;
    *offset = number(&at);
    *size = number(&at);
    return true;
}

static bool rows_length(void *ctx, const char *name, unsigned dim, uint64_t *length)
{
    char full[150];
    snprintf(full, sizeof full, "%s|%u", name, dim);
    const char *at = row(ctx, "length", full);
    if (at)
        *length = number(&at);
    return at != NULL;
}

static bool rows_type(void *ctx, const char *name, jf_GivenType *t)
{
    const char *at = row(ctx, "type", name);
    if (!at)
        return false;
    t->size = (uint32_t)number(&at);
    t->cls = *at;
    return true;
}

static bool rows_integer(void *ctx, const char *name, int64_t *bits, bool *negative)
{
    const char *at = row(ctx, "integer", name);
    if (!at)
        return false;
    *negative = *at == '-';
    *bits = (int64_t)number(&at);
    return true;
}

static jf_Oracle oracle_of(Rows *r)
{
    return (jf_Oracle){r,           rows_record, rows_member,
                       rows_length, rows_type,   rows_integer};
}

static jf_Status declare(jf_Scope *s, const char *text, const jf_Oracle *o,
                         jf_Diag *d)
{
    jf_CdefOptions options = {.oracle = o};
    return jf_cdef(s, text, strlen(text), &options, d);
}

static char *spell(const jf_Type *t, unsigned style)
{
    static char out[512];
    jf_Buf b = JF_BUF_INIT;
    jf_type_print(t, "", style, &b, NULL);
    snprintf(out, sizeof out, "%s", b.p ? b.p : "");
    jf_buf_free(&b);
    return out;
}

static const jf_Symbol *find(const jf_Scope *s, const char *name)
{
    return jf_scope_find(s, name, strlen(name));
}

/* --- symbols ------------------------------------------------------------------------ */

static void test_symbols(void)
{
    static const struct {
        const char *text, *rows, *name, *type;
        int64_t value;
        unsigned flags;
    } rows[] = {
        {"typedef int... t;", "type t 2 u", "t", "uint16_t", 0, 0},
        {"typedef int... t;", "type t 8 i", "t", "int64_t", 0, 0},
        {"typedef float... t;", "type t 4 f", "t", "float", 0, 0},
        {"typedef float... t;", "type t 16 f", "t", "long double", 0, 0},
        {"typedef int... t;", "type t 8 f", "t", "double", 0,
         0}, /* only careless */
        {"typedef int... t;", "", "t", "t", 0, JF_S_DOTS_INT},
        {"typedef float... t;", "", "t", "t", 0, JF_S_DOTS_FLOAT},
        {"typedef int... t; t f(t *);", "", "f", "t(t *)", 0, 0},
        {"typedef int... t; typedef int... t;", "", "t", "t", 0, JF_S_DOTS_INT},
        {"typedef int... t; t f(t *);", "type t 1 u", "f", "uint8_t(uint8_t *)", 0,
         0},
        {"typedef ... t;", "type t 4 i", "t", "t", 0, JF_S_DOTS_TYPE},
        {"typedef int t[...];", "length t|0 5", "t", "int[5]", 0, 0},
        {"typedef int t[...];", "", "t", "int[]", 0, JF_S_DOTS},
        {"extern int v[...];", "length v|0 0", "v", "int[0]", 0, JF_S_EXTERN},
        {"extern const int v[...][...];", "length v|0 3\nlength v|1 4", "v",
         "int[3][4]", 0, JF_S_EXTERN},
        {"extern char v[2][...];", "length v|1 7", "v", "char[2][7]", 0,
         JF_S_EXTERN},
        {"extern char v[...][7];", "length v|0 2", "v", "char[2][7]", 0,
         JF_S_EXTERN},
        {"extern char v[...][...];", "length v|0 2", "v", "char[][]", 0,
         JF_S_EXTERN | JF_S_DOTS},
        {"#define X ...\n", "integer X 42", "X", "int", 42, JF_S_MACRO},
        {"#define X ...\n", "integer X -7", "X", "int", -7, JF_S_MACRO},
        {"#define X ...\n", "integer X 0xffffffffffffffff", "X",
         "unsigned long long", -1, JF_S_MACRO | JF_S_UNSIGNED},
        {"#define X ...\n", "integer X 0x80000000", "X", "unsigned int",
         0x80000000ll, JF_S_MACRO | JF_S_UNSIGNED},
        {"#define X ...\n", "", "X", "int", 0, JF_S_MACRO | JF_S_DOTS},
        {"#define N ...\nextern int v[N];", "integer N 9", "v", "int[9]", 0,
         JF_S_EXTERN},
        {"static const int X;", "integer X 5", "X", "int", 5, JF_S_STATIC},
        {"static const long X = ...;", "integer X -5", "X", "long", -5,
         JF_S_STATIC},
        {"static const unsigned char X;", "integer X 200", "X", "unsigned char",
         200, JF_S_STATIC | JF_S_UNSIGNED},
        {"#define X 11\n", "integer X 12", "X", "int", 11,
         JF_S_MACRO | JF_S_DISAGREES},
        {"#define X 12\n", "integer X 12", "X", "int", 12, JF_S_MACRO},
        {"#define X 0xffffffffffffffff\n", "integer X -1", "X", "unsigned long", -1,
         JF_S_MACRO | JF_S_UNSIGNED | JF_S_DISAGREES},
        {"static const int X = 4;", "integer X 5", "X", "int", 4,
         JF_S_STATIC | JF_S_DISAGREES},
        {"enum { A, B = 5 };", "integer A 0\ninteger B 6", "B", "int", 5,
         JF_S_ENUMERATOR | JF_S_DISAGREES},
        {"enum { A, B, C };", "integer C 9", "C", "int", 2,
         JF_S_ENUMERATOR | JF_S_DISAGREES},
        {"enum { A, B, ... };", "integer A 3\ninteger B -4", "B", "int", -4,
         JF_S_ENUMERATOR},
        {"enum { A = ..., B };", "integer A 3", "B", "int", 4,
         JF_S_ENUMERATOR | JF_S_DOTS},
        {"enum { A = ..., B };", "integer A 3\ninteger B 4", "B", "int", 4,
         JF_S_ENUMERATOR},
        {"enum { A = 2, B, ... };", "integer A 2\ninteger B 70000000000", "B",
         "long long", 70000000000, JF_S_ENUMERATOR},
    };
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        jf_Scope *s = jf_scope_new(universe);
        Rows r = {rows[i].rows};
        jf_Oracle o = oracle_of(&r);
        jf_Diag d = JF_DIAG_INIT;
        if (!CHECK_INT(declare(s, rows[i].text, &o, &d), JF_OK))
            printf("    %s\n    %s\n", rows[i].text, d.message);
        const jf_Symbol *y = find(s, rows[i].name);
        if (CHECK(y != NULL)) {
            bool ok = CHECK_STR(spell(y->type, 0), rows[i].type);
            ok = CHECK_INT(y->value, rows[i].value) && ok;
            if (!CHECK_INT(y->flags, rows[i].flags) || !ok)
                printf("    %s\n", rows[i].text);
        }
        jf_diag_clear(&d);
        jf_scope_free(s);
    }
}

static void test_disagreement(void)
{
    Rows r = {"integer X 12\ninteger Y -3\ninteger Z 0xffffffffffffffff"};
    jf_Oracle o = oracle_of(&r);
    jf_Scope *s = jf_scope_new(universe);
    CHECK_INT(declare(s, "#define X 11\n#define Y 4\n#define Z 0\n", &o, NULL),
              JF_OK);
    CHECK(find(s, "X")->real == 12 && !find(s, "X")->real_negative);
    CHECK(find(s, "Y")->real == -3 && find(s, "Y")->real_negative);
    CHECK(find(s, "Z")->real == -1 && !find(s, "Z")->real_negative);
    jf_scope_free(s);
}

static void test_enums(void)
{
    static const struct {
        const char *text, *rows, *name;
        uint64_t size;
        bool sign;
        int64_t first;
    } rows[] = {
        {"enum e { A, ... };", "type enum e 1 u\ninteger A 9", "enum e", 1, false,
         9},
        {"enum e { A = 300 };", "type enum e 2 i", "enum e", 2, true, 300},
        {"typedef enum { A, ... } e_t;", "type e_t 8 u\ninteger A 7", "e_t", 8,
         false, 7},
        {"enum e; extern enum e *p; enum e { A };", "type enum e 8 i", "enum e", 8,
         true, 0},
        {"enum e { A, B, ... };", "integer A -1", "enum e", 4, true, -1},
        {"enum e { A = ... };", "integer A 0x100000000", "enum e", 8, false,
         0x100000000},
    };
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        jf_Scope *s = jf_scope_new(universe);
        Rows r = {rows[i].rows};
        jf_Oracle o = oracle_of(&r);
        jf_Type *t = NULL;
        CHECK_INT(declare(s, rows[i].text, &o, NULL), JF_OK);
        const char *name = rows[i].name;
        if (CHECK_INT(jf_parse_type(s, name, strlen(name), &t, NULL, NULL),
                      JF_OK)) {
            CHECK_INT(t->size, rows[i].size);
            CHECK_INT(!!(t->flags & JF_T_SIGNED), rows[i].sign);
            CHECK_INT(t->u.en->items[0].value, rows[i].first);
            jf_type_unref(universe, t);
        }
        jf_scope_free(s);
    }
}

/* --- records -------------------------------------------------------------------------- */

typedef struct RecordRow {
    const char *text, *rows, *name;
    int status; /* of the layout */
    uint64_t size, align;
    const char *fields; /* "name type offset, ..." of the outermost */
    const char *message, *hint;
} RecordRow;

static const RecordRow record_rows[] = {
    {"struct s { int b; char a; ...; };",
     "record struct s 24 8\nmember struct s|a 3 1\nmember struct s|b 8 4",
     "struct s", JF_OK, 24, 8, "b int 8, a char 3, ", NULL, NULL},
    {"typedef struct { int a; ...; } t;", "record t 12 4\nmember t|a 8 4", "t",
     JF_OK, 12, 4, "a int 8, ", NULL, NULL},
    {"typedef struct { int a; ...; } *t; typedef t u;",
     "record *t 12 4\nmember *t|a 4 4", "u", JF_OK, 12, 4, "a int 4, ", NULL, NULL},
    {"struct s { int a[...]; char b; };",
     "record struct s 24 4\nmember struct s|a 0 20\nmember struct s|b 20 1\n"
     "length struct s.a|0 5",
     "struct s", JF_OK, 24, 4, "a int[5] 0, b char 20, ", NULL, NULL},
    {"typedef struct { short a[...][...]; int c[]; } t;",
     "record t 16 4\nmember t|a 2 12\nmember t|c 16 0\n"
     "length t.a|0 2\nlength t.a|1 3",
     "t", JF_OK, 16, 4, "a short[2][3] 2, c int[] 16, ", NULL, NULL},
    {"union u { int a; ...; };", "record union u 64 8\nmember union u|a 0 4",
     "union u", JF_OK, 64, 8, "a int 0, ", NULL, NULL},
    /* the type of a member has no name of its own */
    {"struct s { struct { int x; ...; } a[2]; int b; };",
     "record struct s 40 4\nmember struct s|a 4 32\nmember struct s|b 36 4\n"
     "record struct s.a 16 4\nmember struct s.a|x 8 4",
     "struct s", JF_OK, 40, 4, "a struct $1[2] 4, b int 36, ", NULL, NULL},
    {"typedef struct { struct { char x[...]; } a; } t;",
     "record t 9 1\nmember t|a 0 9\nrecord t.a 9 1\nmember t.a|x 0 9\n"
     "length t.a.x|0 9",
     "t", JF_OK, 9, 1, "a struct $2 0, ", NULL, NULL},
    /* anonymous members */
    {"struct s { int a; struct { char x; int y; }; ...; };",
     "record struct s 32 8\nmember struct s|a 0 4\nmember struct s|x 16 1\n"
     "member struct s|y 20 4",
     "struct s", JF_OK, 32, 8, "a int 0, - struct $1 16, ", NULL, NULL},
    {"struct s { int a; union { char x; int y; ...; }; };",
     "record struct s 32 8\nmember struct s|a 0 4\nmember struct s|x 8 1\n"
     "member struct s|y 8 4",
     "struct s", JF_OK, 32, 8, "a int 0, - union $1 8, ", NULL, NULL},
    {"struct s { struct { char x; int y; }; ...; };",
     "record struct s 32 8\nmember struct s|x 16 1\nmember struct s|y 24 4",
     "struct s", JF_OK, 32, 8, "x char 16, y int 24, ", NULL, NULL},
    /* within one that is complete otherwise */
    {"struct in { int x; ...; }; struct s { struct in a; char b; };",
     "record struct in 20 4\nmember struct in|x 0 4\nrecord struct s 24 4\n"
     "member struct s|a 0 20\nmember struct s|b 20 1",
     "struct s", JF_OK, 24, 4, "a struct in 0, b char 20, ", NULL, NULL},
    /* complete ones are ours, and compared */
    {"struct s { char a; int b; };",
     "record struct s 8 4\nmember struct s|a 0 1\nmember struct s|b 4 4",
     "struct s", JF_OK, 8, 4, "a char 0, b int 4, ", NULL, NULL},
    {"struct s { char a; int b; };", "", "struct s", JF_OK, 8, 4,
     "a char 0, b int 4, ", NULL, NULL},
    {"struct s { int a[5]; };", "record struct s 24 4\nmember struct s|a 0 24",
     "struct s", JF_SEMANTIC, 0, 0, NULL,
     "struct s: wrong size for field 'a' (cdef says 20, but C compiler says 24). "
     "fix "
     "it or use \"...;\" as the last field in the cdef for struct s to make it "
     "flexible",
     "declared: 20 bytes aligned to 4, really: 24 aligned to 4; 'a': 20 bytes at "
     "offset 0, really 24 at 0"},
    {"struct s { char a; int b; };",
     "record struct s 12 4\nmember struct s|a 0 1\nmember struct s|b 8 4",
     "struct s", JF_SEMANTIC, 0, 0, NULL,
     "struct s: wrong offset for field 'b' (cdef says 4, but C compiler says 8). "
     "fix "
     "it or use \"...;\" as the last field in the cdef for struct s to make it "
     "flexible",
     "declared: 8 bytes aligned to 4, really: 12 aligned to 4; 'b': 4 bytes at "
     "offset 4, really 4 at 8"},
    {"struct s { int a; };", "record struct s 8 4\nmember struct s|a 0 4",
     "struct s", JF_SEMANTIC, 0, 0, NULL,
     "struct s: wrong total size (cdef says 4, but C compiler says 8). fix it or "
     "use "
     "\"...;\" as the last field in the cdef for struct s to make it flexible",
     "declared: 4 bytes aligned to 4, really: 8 aligned to 4"},
    {"struct s { int a; struct { char x; char y; }; };",
     "record struct s 8 4\nmember struct s|a 0 4\nmember struct s|x 4 1\n"
     "member struct s|y 6 1",
     "struct s", JF_SEMANTIC, 0, 0, NULL,
     "struct s: wrong offset for field 'y' (cdef says 5, but C compiler says 6). "
     "fix "
     "it or use \"...;\" as the last field in the cdef for struct s to make it "
     "flexible",
     "declared: 8 bytes aligned to 4, really: 8 aligned to 4; 'y': 1 bytes at "
     "offset "
     "5, really 1 at 6"},
    {"struct s { int a : 3; int b; };",
     "record struct s 8 4\nmember struct s|a 0xffffffffffffffff 0\n"
     "member struct s|b 4 4",
     "struct s", JF_OK, 8, 4, "a int 0, b int 4, ", NULL, NULL},
    {"typedef int v[...]; struct s { v a; char b; v c[2]; };",
     "length v|0 3\nrecord struct s 40 4\nmember struct s|a 0 12\n"
     "member struct s|b 12 1\nmember struct s|c 16 24",
     "struct s", JF_OK, 40, 4, "a int[3] 0, b char 12, c int[2][3] 16, ", NULL,
     NULL},
    {"typedef int v[...]; struct s { v a; char b; v c[2]; ...; };", "", "struct s",
     JF_UNSUPPORTED, 0, 0, NULL,
     "'struct s' is declared with '...': only a C compiler knows its layout", NULL},
    /* what makes no sense */
    {"struct s { int a : 3; ...; };", "record struct s 8 4", "struct s",
     JF_UNSUPPORTED, 0, 0, NULL, "struct s: using both bitfields and '...;'", NULL},
    {"struct s { int a; ...; };", "record struct s 8 4", "struct s", JF_SEMANTIC, 0,
     0, NULL, "field 'a' of 'struct s' has no offset in the compiled module", NULL},
    {"struct s { int a; ...; };", "record struct s 8 4\nmember struct s|a 6 4",
     "struct s", JF_SEMANTIC, 0, 0, NULL,
     "field 'a' of 'struct s' is given the offset 6: it does not lie inside the 8 "
     "bytes of the whole",
     NULL},
    {"struct s { int a; ...; };", "record struct s 8 4\nmember struct s|a 0 8",
     "struct s", JF_SEMANTIC, 0, 0, NULL,
     "struct s: wrong size for field 'a' (cdef says 4, but C compiler says 8)",
     NULL},
    {"struct s { int a; ...; };", "record struct s 8 3\nmember struct s|a 0 4",
     "struct s", JF_SEMANTIC, 0, 0, NULL,
     "'struct s' is given an alignment that is no power of two", NULL},
    {"struct s { int a; ...; };",
     "record struct s 8 0x100000004\n"
     "member struct s|a 0 4",
     "struct s", JF_SEMANTIC, 0, 0, NULL,
     "'struct s' is given an alignment that is no power of two", NULL},
    {"struct s { int a; ...; };",
     "record struct s 0x8000000000000000 4\nmember struct s|a 0 4", "struct s",
     JF_SEMANTIC, 0, 0, NULL, "'struct s' is larger than 2^63-1 bytes", NULL},
    {"struct s { union { int x; ...; }; };",
     "record struct s 8 4\nmember struct s|x 0xfffffffffffffffe 4", "struct s",
     JF_SEMANTIC, 0, 0, NULL,
     "field 'x' of 'struct s' is given the offset 18446744073709551614: it does "
     "not "
     "lie inside the 8 bytes of the whole",
     NULL},
    {"struct s { int a[...]; };", "record struct s 8 4\nmember struct s|a 0 8",
     "struct s", JF_OK, 8, 4, "a int[] 0, ", NULL, NULL},
    {"struct s { int a[...]; char b; };",
     "record struct s 8 4\nmember struct s|a 0 4\nmember struct s|b 4 1",
     "struct s", JF_OK, 8, 4, "a int[] 0, b char 4, ", NULL, NULL},
    {"struct s { int a; ...; };", "", "struct s", JF_UNSUPPORTED, 0, 0, NULL,
     "'struct s' is declared with '...': only a C compiler knows its layout", NULL},
};

static void check_fields(const jf_Type *t, const char *want)
{
    jf_Buf b = JF_BUF_INIT;
    for (uint32_t i = 0; i < t->u.rec->n_fields; i++) {
        const jf_Field *f = &t->u.rec->fields[i];
        jf_buf_printf(&b, "%s %s %llu, ", f->name ? f->name : "-",
                      spell(f->type, 0), (unsigned long long)f->offset);
    }
    CHECK_STR(b.p, want);
    jf_buf_free(&b);
}

static void test_records(void)
{
    for (size_t i = 0; i < JF_COUNT(record_rows); i++) {
        const RecordRow *r = &record_rows[i];
        jf_Scope *s = jf_scope_new(universe);
        Rows rows = {r->rows};
        jf_Oracle o = oracle_of(&rows);
        jf_Diag d = JF_DIAG_INIT;
        jf_Type *t = NULL;
        long failed = check_failed;
        CHECK_INT(declare(s, r->text, &o, &d), JF_OK);
        CHECK_INT(jf_parse_type(s, r->name, strlen(r->name), &t, NULL, &d), JF_OK);
        jf_Type *rec = t->kind == JF_PTR ? t->to : t;
        for (int again = 0; again < 2; again++) { /* a failure changes nothing */
            CHECK_INT(jf_layout(universe->target, rec, &d), r->status);
            if (r->message)
                CHECK_STR(d.message, r->message);
            if (r->hint)
                CHECK_STR(d.hint, r->hint);
            jf_diag_clear(&d);
        }
        CHECK_INT(rec->size, r->status == JF_OK ? r->size : JF_UNKNOWN);
        if (r->status == JF_OK) {
            CHECK_INT(rec->align, r->align);
            check_fields(rec, r->fields);
        }
        if (check_failed > failed)
            printf("    %s\n", r->text);
        jf_type_unref(universe, t);
        jf_diag_clear(&d);
        jf_scope_free(s);
    }
}

/* What a layout has made of a record stays when the text that asked for it fails:
 * here its anonymous member is not in one piece. */
static void test_lasting(void)
{
    static const char rows[] = "record struct s 32 8\nmember struct s|x 16 1\n"
                               "member struct s|y 24 4";
    Rows r = {rows};
    jf_Oracle o = oracle_of(&r);
    jf_Scope *s = jf_scope_new(universe);
    jf_Diag d = JF_DIAG_INIT;
    CHECK_INT(declare(s, "struct s { struct { char x; int y; }; ...; };", &o, &d),
              JF_OK);
    CHECK_INT(declare(s, "extern char v[sizeof(struct s)]; ;)", &o, &d), JF_SYNTAX);
    jf_diag_clear(&d);
    CHECK_INT(declare(s, "struct t { int more[100]; }; int f(struct t *);", &o, &d),
              JF_OK);
    jf_Type *t = jf_scope_tag(s, JF_STRUCT, "s", 1);
    CHECK_INT(jf_layout(universe->target, t, &d), JF_OK);
    check_fields(t, "x char 16, y int 24, ");
    jf_scope_free(s);
}

/* --- senseless answers at the declaration ------------------------------------------------ */

static void test_senseless(void)
{
    static const struct {
        const char *text, *rows, *message;
    } rows[] = {
        {"typedef int... t;", "type t 3 i",
         "the compiled module says 't' is signed and has 3 bytes: no integer type "
         "is "
         "like that"},
        {"typedef float... t;", "type t 8 x",
         "the compiled module says 't' is unknown and has 8 bytes: no floating "
         "type "
         "is like that"},
        {"typedef float... t;", "type t 7 f",
         "the compiled module says 't' is floating and has 7 bytes: no floating "
         "type "
         "is like that"},
        {"enum e { A };", "type enum e 16 i",
         "the compiled module says 'enum e' is signed and has 16 bytes: no integer "
         "type is like that"},
        {"extern int v[...];", "length v|0 0x4000000000000000",
         "the compiled module says 'v' has the length 4611686018427387904: that is "
         "too large"},
        {"extern int v[...][...];", "length v|0 4\nlength v|1 0",
         "the compiled module says 'v' has an inner dimension of no length"},
        {"struct s { int a[...]; };", "length struct s.a|0 -1",
         "the compiled module says 'struct s.a' has the length "
         "18446744073709551615: "
         "that is too large"},
        {"enum e : char { A = ... };", "integer A 300",
         "the value of this enumerator does not fit its type 'char'"},
        {"enum e : char { A, ... };", "integer A 300",
         "the value of this enumerator does not fit its type 'char'"},
    };
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        jf_Scope *s = jf_scope_new(universe);
        Rows r = {rows[i].rows};
        jf_Oracle o = oracle_of(&r);
        jf_Diag d = JF_DIAG_INIT;
        CHECK_INT(declare(s, rows[i].text, &o, &d), JF_SEMANTIC);
        CHECK_STR(d.message, rows[i].message);
        CHECK(d.pos.line == 1);
        CHECK_INT(jf_scope_size(s), 0);
        CHECK(!jf_scope_group(s)->oracle);
        jf_diag_clear(&d);
        jf_scope_free(s);
    }
}

/* --- names --------------------------------------------------------------------------------- */

static void test_names(void)
{
    static const struct {
        const char *text, *type, *oracle, *place, *spelled;
    } rows[] = {
        {"struct s { int a; };", "struct s", "struct s", "(*(struct s *)0)",
         "struct s"},
        {"typedef struct { int a; } t;", "t", "t", "(*(t *)0)", "t"},
        {"typedef struct { int a; } *t;", "t", "*t", "(*(t)0)", "t"},
        {"typedef struct { int a; } **t;", "t", "**t", "(**(t)0)", "t"},
        {"typedef struct { int a; } *t, u;", "u", "u", "(*(u *)0)", "u"},
        {"typedef struct { int a; } *t; typedef t *u;", "u", "*t", "(*(t)0)",
         "t *"},
        {"typedef struct { int a; } *t; typedef const t *u;", "u", "*t", "(*(t)0)",
         "const t *"},
        {"extern struct { int a; } v; typedef __typeof__(v) *u;", "u", "v", "v",
         "__typeof__(v) *"},
        {"struct s { struct { int a; } m[3], *p; }; typedef ... x;", "struct s",
         "struct s", "(*(struct s *)0)", "struct s"},
        {"typedef ... t;", "t", "t", "(*(t *)0)", "t"},
        {"typedef ... *t;", "t", "*t", "(*(t)0)", "t"},
        {"typedef int... t;", "t *", "t", "(*(t *)0)", "t *"},
    };
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        jf_Scope *s = jf_scope_new(universe);
        jf_Diag d = JF_DIAG_INIT;
        jf_Type *t = NULL;
        jf_Buf name = JF_BUF_INIT, place = JF_BUF_INIT;
        if (!CHECK_INT(declare(s, rows[i].text, NULL, &d), JF_OK))
            printf("    %s\n", d.message);
        CHECK_INT(
            jf_parse_type(s, rows[i].type, strlen(rows[i].type), &t, NULL, &d),
            JF_OK);
        jf_Type *rec = t;
        while (rec->kind == JF_PTR)
            rec = rec->to;
        CHECK(jf_type_oracle_name(rec, &name));
        jf_type_print_place(rec, &place);
        CHECK_STR(name.p, rows[i].oracle);
        CHECK_STR(place.p, rows[i].place);
        CHECK_STR(spell(t, JF_PRINT_HEADER | JF_PRINT_QUALS), rows[i].spelled);
        jf_buf_free(&name);
        jf_buf_free(&place);
        jf_type_unref(universe, t);
        jf_scope_free(s);
    }
}

/* A member's type, through an anonymous one and an array. */
static void test_inner_names(void)
{
    static const char text[] =
        "typedef struct { union { struct { int x; } a[2], *p; }; } t;";
    jf_Scope *s = jf_scope_new(universe);
    jf_Buf name = JF_BUF_INIT, place = JF_BUF_INIT;
    CHECK_INT(declare(s, text, NULL, NULL), JF_OK);
    const jf_Type *t = find(s, "t")->type, *u = t->u.rec->fields[0].type;
    const jf_Type *a = u->u.rec->fields[0].type->to;
    CHECK(!jf_type_oracle_name(u, &name) && !name.n);
    CHECK(jf_type_oracle_name(a, &name));
    jf_type_print_place(a, &place);
    CHECK_STR(name.p, "t.a");
    CHECK_STR(place.p, "(*(t *)0).a[0]");
    jf_buf_free(&name);
    jf_buf_free(&place);
    jf_scope_free(s);
}

/* --- memory ---------------------------------------------------------------------------------- */

static int one_memory(void *unused)
{
    static const char text[] =
        "typedef int... n; struct s { n a[...]; struct { char x; }; struct { int "
        "y; "
        "...; } m; ...; }; enum e { A, B, ... }; typedef float... f; extern n "
        "v[...];"
        "struct c { int a; char b; }; typedef struct { int q; ...; } *p; ";
    static const char rows[] =
        "type n 4 i\nlength struct s.a|0 3\nrecord struct s 40 4\n"
        "member struct s|a 0 12\nmember struct s|x 12 1\nmember struct s|m 16 8\n"
        "record struct s.m 8 4\nmember struct s.m|y 4 4\ninteger A 4\ninteger B 5\n"
        "type enum e 4 u\nlength v|0 4\nrecord struct c 12 4\nmember struct c|a 4 "
        "4\n"
        "record *p 8 4\nmember *p|q 4 4";
    (void)unused;
    Rows r = {rows};
    jf_Oracle o = oracle_of(&r);
    jf_Universe *u = jf_universe_new(&jf_target_x64_linux);
    jf_Scope *s = u ? jf_scope_new(u) : NULL;
    int done = 0;
    if (s) {
        jf_Diag d = JF_DIAG_INIT;
        jf_Status st = declare(s, text, &o, &d);
        jf_Type *t = st == JF_OK ? jf_scope_tag(s, JF_STRUCT, "s", 1) : NULL;
        jf_Type *c = st == JF_OK ? jf_scope_tag(s, JF_STRUCT, "c", 1) : NULL;
        CHECK(st == JF_OK || st == JF_NOMEM);
        if (t)
            st = jf_layout(u->target, t, &d);
        CHECK(st == JF_OK || st == JF_NOMEM);
        done = st == JF_OK && jf_layout(u->target, c, &d) == JF_SEMANTIC && d.hint;
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
    test_symbols();
    test_disagreement();
    test_enums();
    test_records();
    test_lasting();
    test_senseless();
    test_names();
    test_inner_names();
    CHECK_INT(universe->n_types, 0);
    CHECK_INT(universe->n_groups, 0);
    jf_universe_free(universe);
    check_memory(one_memory, NULL);
    return check_report("oracle");
}
