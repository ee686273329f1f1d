/* SPDX-License-Identifier: MIT
 *
 * Calls through slots and callbacks, against functions compiled by the C
 * compiler: structs of every small size, both register classes, x87, memory
 * results, variadics. Runs in every mode (JIFFI_JIT=off, natural): what libffi
 * cannot do must be refused with a sentence.
 */
#include "check.h"

#include "core/layout/layout.h"
#include "engine/engine.h"
#include "exec/exec.h"

#include <complex.h>
#include <errno.h>
#include <float.h>
#include <pthread.h>
#include <stdarg.h>

static jf_Universe *u;
static jf_Group *g;

/* --- types ---------------------------------------------------------------------- */

static jf_Type *prim(jf_Prim p)
{
    return jf_type_prim(u, p);
}

static jf_Type *record(jf_Kind kind, jf_Type *const *types, uint32_t n)
{
    jf_Field fields[16];
    jf_Type *t = jf_type_record(g, kind, NULL, 0);
    memset(fields, 0, sizeof fields);
    for (uint32_t i = 0; i < n; i++) {
        fields[i].name = "m";
        fields[i].type = types[i];
        fields[i].bits = -1;
    }
    jf_Diag d = JF_DIAG_INIT;
    CHECK(jf_type_complete(g, t, fields, n, 0));
    CHECK_INT(jf_layout(u->target, t, &d), JF_OK);
    return t;
}

/* "dl" -> struct { double; long; }; one letter per member. */
static jf_Prim letter(char c)
{
    switch (c) {
    case 'c':
        return JF_P_CHAR;
    case 's':
        return JF_P_SHORT;
    case 'i':
        return JF_P_INT;
    case 'l':
        return JF_P_LONG;
    case 'f':
        return JF_P_FLOAT;
    case 'd':
        return JF_P_DOUBLE;
    case 'D':
        return JF_P_LDOUBLE;
    case 'F':
        return JF_P_CFLOAT;
    case 'Z':
        return JF_P_CDOUBLE;
    case 'C':
        return JF_P_CLDOUBLE;
    case 'q':
        return JF_P_INT128;
    case 'b':
        return JF_P_BOOL;
    case 'S':
        return JF_P_SCHAR;
    case 'U':
        return JF_P_UINT;
    default:
        return JF_P_VOID;
    }
}

static jf_Type *struct_of(const char *letters)
{
    jf_Type *m[16];
    uint32_t n = (uint32_t)strlen(letters);
    for (uint32_t i = 0; i < n; i++)
        m[i] = prim(letter(letters[i]));
    return record(JF_STRUCT, m, n);
}

static jf_Type *bytes_struct(uint64_t n)
{
    jf_Type *a = jf_type_array(u, prim(JF_P_CHAR), n, 0);
    jf_Type *t = record(JF_STRUCT, &a, 1);
    jf_type_unref(u, a);
    return t;
}

/* libffi is told the types themselves. */
static bool is_natural(void)
{
    const char *mode = getenv("JIFFI_JIT");
    return mode && strcmp(mode, "natural") == 0;
}

/* --- one call --------------------------------------------------------------------- */

typedef struct Slots {
    _Alignas(16) uint8_t at[8192];
    _Alignas(16) uint8_t ret[4096];
} Slots;

static Slots slots;

/* Call `fn` with the values at `args`; false if it was refused with a text that
 * holds `refusal` (then that is what is expected). */
static bool call(jf_Type *result, jf_Type *const *types, uint32_t n, uint32_t fixed,
                 void *fn, const void *const *args)
{
    jf_Type *t =
        jf_type_func(u, result, types, fixed, fixed < n ? JF_T_VARIADIC : 0);
    jf_Diag d = JF_DIAG_INIT;
    jf_Call *c = NULL;
    jf_Status st = jf_call_new(u, t, types + fixed, n - fixed, &c, &d);
    if (st == JF_OK) {
        const jf_Plan *p = jf_call_plan(c);
        memset(&slots, 0xee, sizeof slots);
        for (uint32_t i = 0; i < n; i++)
            memcpy(slots.at + p->args[i].slot, args[i], p->args[i].size);
        jf_call(c, fn, slots.at, slots.ret);
        /* Nothing is written behind a result. */
        if (p->result.size)
            CHECK_INT(slots.ret[p->result.size < 16 ? 16 : p->result.size], 0xee);
    } else {
        CHECK_INT(st, JF_UNSUPPORTED);
        CHECK(!jf_can_compile());
        CHECK(d.message && strstr(d.message, "libffi"));
    }
    jf_diag_clear(&d);
    jf_call_free(c);
    jf_type_unref(u, t);
    return st == JF_OK;
}

/* --- structs of n bytes, back and forth --------------------------------------------- */

/* clang-format off */
#define SIZES(X)                                                               \
    X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) \
    X(15) X(16) X(17) X(18) X(19) X(20) X(23) X(24) X(31) X(32) X(33) X(40)    \
    X(63) X(127) X(128) X(129) X(130) X(131) X(200) X(1000)
/* clang-format on */

#define X(n)                                                                 \
    typedef struct {                                                         \
        char c[n];                                                           \
    } C##n;                                                                  \
    static C##n next##n(int i, C##n v, double x, C##n w)                     \
    {                                                                        \
        for (int k = 0; k < n; k++)                                          \
            v.c[k] = (char)(v.c[k] + w.c[k] + i + (int)x);                   \
        return v;                                                            \
    }                                                                        \
    static void through##n(void *f, char *out, const char *a, const char *b) \
    {                                                                        \
        C##n v, w;                                                           \
        memcpy(&v, a, n);                                                    \
        memcpy(&w, b, n);                                                    \
        v = ((C##n(*)(int, C##n, double, C##n))f)(3, v, 4.0, w);             \
        memcpy(out, &v, n);                                                  \
    }
SIZES(X)
#undef X

typedef struct SizeRow {
    int n;
    void *next;
    void (*through)(void *f, char *out, const char *a, const char *b);
} SizeRow;

static const SizeRow size_rows[] = {
#define X(n) {n, (void *)next##n, through##n},
    SIZES(X)
#undef X
};

static void answer_bytes(void *context, const jf_Plan *p, void *s, void *ret)
{
    int n = *(int *)context;
    char *at = s;
    for (int k = 0; k < n; k++)
        ((char *)ret)[k] = (char)(at[p->args[1].slot + (unsigned)k] +
                                  at[p->args[3].slot + (unsigned)k] +
                                  *(int *)(at + p->args[0].slot) +
                                  (int)*(double *)(at + p->args[2].slot));
}

static void test_bytes(void)
{
    for (size_t r = 0; r < JF_COUNT(size_rows); r++) {
        int n = size_rows[r].n, i = 3;
        double x = 4;
        char a[1000], b[1000], want[1000], out[1001];
        for (int k = 0; k < n; k++) {
            a[k] = (char)(k * 7 + 1);
            b[k] = (char)(k * 3 + n);
            want[k] = (char)(a[k] + b[k] + 7);
        }
        jf_Type *t = bytes_struct((uint64_t)n);
        jf_Type *types[] = {prim(JF_P_INT), t, prim(JF_P_DOUBLE), t};
        const void *args[] = {&i, a, &x, b};
        if (call(t, types, 4, 4, size_rows[r].next, args))
            CHECK(memcmp(slots.ret, want, (size_t)n) == 0);
        jf_Type *fn = jf_type_func(u, t, types, 4, 0);
        jf_Callback *cb = NULL;
        jf_Diag d = JF_DIAG_INIT;
        if (jf_callback_new(u, fn, answer_bytes, &n, &cb, &d) == JF_OK) {
            out[n] = 0x55;
            size_rows[r].through(jf_callback_address(cb), out, a, b);
            CHECK(memcmp(out, want, (size_t)n) == 0);
            CHECK_INT(out[n], 0x55);
        } else {
            CHECK(!jf_can_compile() && d.message);
        }
        jf_diag_clear(&d);
        jf_callback_free(cb);
        jf_type_unref(u, fn);
    }
}

/* --- identity functions of every kind ------------------------------------------------ */

/* clang-format off */
#define STRUCTS(X)                                                             \
    X(dl, double a; long b;) X(ld, long a; double b;)                          \
    X(fff, float a; float b; float c;) X(fid, float a; int b; double c;)       \
    X(dd, double a; double b;) X(ll, long a; long b;) X(f, float a;)           \
    X(ff, float a; float b;) X(ffff, float a; float b; float c; float d;)      \
    X(lc, long a; char b;) X(dc, double a; char b;) X(D, long double a;)       \
    X(ddd, double a; double b; double c;) X(cD, char a; long double b;)        \
    X(F, float _Complex a;) X(Z, double _Complex a;)                           \
    X(C, long double _Complex a;) X(q, __int128 a;) X(fc, float a; char b;)
/* clang-format on */

#define X(name, members) \
    typedef struct {     \
        members          \
    } S_##name;
STRUCTS(X)
#undef X

typedef __int128 I128;
typedef float _Complex FC;
typedef double _Complex DC;
typedef long double _Complex LC;
typedef long double LD;

/* Second argument of eleven, so that it meets full and empty registers. */
/* clang-format off */
#define IDENTITIES(X)                                                          \
    X(S_dl) X(S_ld) X(S_fff) X(S_fid) X(S_dd) X(S_ll) X(S_f) X(S_ff) X(S_ffff) \
    X(S_lc) X(S_dc) X(S_D) X(S_ddd) X(S_cD) X(S_F) X(S_Z) X(S_C) X(S_q)        \
    X(S_fc) X(I128) X(FC) X(DC) X(LC) X(LD) X(float) X(char)
/* clang-format on */

/* Bytes of a long double that mean something: x87 or IEEE binary128. */
enum { LD_BYTES = LDBL_MANT_DIG == 64 ? 10 : 16 };

static double got_sum;

#define X(T)                                                                      \
    static T pick_##T(long which, T a, double x, T b, long y, T c, T d, double z, \
                      T e)                                                        \
    {                                                                             \
        got_sum = x + (double)y + z;                                              \
        return which == 0   ? a                                                   \
               : which == 1 ? b                                                   \
               : which == 2 ? c                                                   \
               : which == 3 ? d                                                   \
                            : e;                                                  \
    }                                                                             \
    static void back_##T(void *f, long which, const char *v, char *out)           \
    {                                                                             \
        T a[5], r;                                                                \
        memcpy(a, v, sizeof a);                                                   \
        r = ((T(*)(long, T, double, T, long, T, T, double, T))f)(                 \
            which, a[0], 1.5, a[1], 20, a[2], a[3], 4.25, a[4]);                  \
        memcpy(out, &r, sizeof r);                                                \
    }
IDENTITIES(X)
#undef X

typedef struct PickRow {
    const char *name;
    size_t size;
    void *pick;
    void (*back)(void *f, long which, const char *v, char *out);
} PickRow;

static const PickRow pick_rows[] = {
#define X(T) {#T, sizeof(T), (void *)pick_##T, back_##T},
    IDENTITIES(X)
#undef X
};

static jf_Type *pick_type(const char *name)
{
    static const struct {
        const char *name;
        char letter;
    } scalars[] = {{"I128", 'q'}, {"FC", 'F'},    {"DC", 'Z'},  {"LC", 'C'},
                   {"LD", 'D'},   {"float", 'f'}, {"char", 'c'}};
    if (name[0] == 'S' && name[1] == '_')
        return struct_of(name + 2);
    for (size_t i = 0; i < JF_COUNT(scalars); i++)
        if (strcmp(scalars[i].name, name) == 0)
            return prim(letter(scalars[i].letter));
    return NULL;
}

/* Bytes that are a sane value of any of these types: doubles and long doubles
 * are copied through x87 registers on the way. */
static void fill(const char *name, char *v, size_t size, int seed)
{
    memset(v, 0, size);
    if (strchr("DC", name[0]) || strchr(name, 'D') || strstr(name, "_C") ||
        strstr(name, "LC"))
        for (size_t at = 0; at + 16 <= size; at += 16) {
            long double x = seed + (long double)at / 3;
            memcpy(v + at, &x, LD_BYTES);
        }
    else
        for (size_t k = 0; k < size; k++)
            v[k] = (char)(17 * seed + (int)k % 100 + 1);
}

/* Two values as far as their meaning goes: padding is left out. */
static bool same(const char *name, const char *a, const char *b, size_t size)
{
    bool x87 = strcmp(name, "S_D") == 0 || strcmp(name, "LD") == 0 ||
               strcmp(name, "LC") == 0 || strcmp(name, "S_C") == 0 ||
               strcmp(name, "S_cD") == 0;
    if (strcmp(name, "S_lc") == 0 || strcmp(name, "S_dc") == 0)
        return memcmp(a, b, 9) == 0;
    if (strcmp(name, "S_fc") == 0)
        return memcmp(a, b, 5) == 0;
    if (strcmp(name, "S_cD") == 0)
        return a[0] == b[0] && memcmp(a + 16, b + 16, LD_BYTES) == 0;
    for (size_t at = 0; x87 && at < size; at += 16)
        if (memcmp(a + at, b + at, LD_BYTES) != 0)
            return false;
    return x87 || memcmp(a, b, size) == 0;
}

static void answer_pick(void *context, const jf_Plan *p, void *s, void *ret)
{
    static const int position[] = {1, 3, 5, 6, 8};
    char *at = s;
    long which = *(long *)(at + p->args[0].slot);
    size_t size = *(size_t *)context;
    got_sum = *(double *)(at + p->args[2].slot) +
              (double)*(long *)(at + p->args[4].slot) +
              *(double *)(at + p->args[7].slot);
    memcpy(ret, at + p->args[position[which]].slot, size);
}

static void pick_one(const PickRow *row, jf_Type *t, long which)
{
    char v[5 * 64], out[64] = {0};
    double x = 1.5, z = 4.25;
    long y = 20;
    size_t size = row->size;
    for (int k = 0; k < 5; k++)
        fill(row->name, v + (size_t)k * size, size, k + 1);
    jf_Type *types[] = {
        prim(JF_P_LONG),   t, prim(JF_P_DOUBLE), t, prim(JF_P_LONG), t, t,
        prim(JF_P_DOUBLE), t};
    const void *args[] = {&which,       v,  &x,          v + size, &y, v + 2 * size,
                          v + 3 * size, &z, v + 4 * size};
    const char *want = v + (size_t)which * size;
    got_sum = 0;
    if (call(t, types, 9, 9, row->pick, args)) {
        if (!CHECK(same(row->name, (char *)slots.ret, want, size)))
            printf("    %s, value %ld\n", row->name, which);
        CHECK(got_sum == 25.75);
    }
    jf_Type *fn = jf_type_func(u, t, types, 9, 0);
    jf_Callback *cb = NULL;
    jf_Diag d = JF_DIAG_INIT;
    if (jf_callback_new(u, fn, answer_pick, &size, &cb, &d) == JF_OK) {
        got_sum = 0;
        row->back(jf_callback_address(cb), which, v, out);
        if (!CHECK(same(row->name, out, want, size)))
            printf("    %s, value %ld, called back\n", row->name, which);
        CHECK(got_sum == 25.75);
    } else {
        CHECK(!jf_can_compile() && d.message && strstr(d.message, "libffi"));
    }
    jf_diag_clear(&d);
    jf_callback_free(cb);
    jf_type_unref(u, fn);
}

static void test_picks(void)
{
    for (size_t r = 0; r < JF_COUNT(pick_rows); r++) {
        jf_Type *t = pick_type(pick_rows[r].name);
        CHECK_INT(t->size, pick_rows[r].size);
        for (long which = 0; which < 5; which++)
            pick_one(&pick_rows[r], t, which);
    }
}

/* --- particular signatures -------------------------------------------------------------- */

static double corrupted(double x, long a, long b, long c, long d, long e, S_ld s)
{
    return x + (double)(a + b + c + d + e + s.a) + s.b;
}

/* The integer half of a struct in the last general register: libffi up to 3.4.4
 * overwrites xmm0 when it is told the struct. */
static void test_last_register(void)
{
    jf_Type *t = struct_of("ld"), *l = prim(JF_P_LONG);
    jf_Type *types[] = {prim(JF_P_DOUBLE), l, l, l, l, l, t};
    double x = 1000;
    long n = 2;
    S_ld s = {30, 0.5};
    const void *args[] = {&x, &n, &n, &n, &n, &n, &s};
    if (call(prim(JF_P_DOUBLE), types, 7, 7, (void *)corrupted, args))
        CHECK(*(double *)slots.ret == 1040.5);
}

static void test_variadic(void)
{
    char text[100];
    char *to = text;
    size_t n = sizeof text;
    const char *format = "%d %g %s %Lg %ld %g %g %c";
    int i = -5;
    double x = 2.5;
    const char *s = "text";
    long double ld = 0.125L;
    long l = 1L << 40;
    int c = 'z';
    jf_Type *p = jf_type_pointer(u, prim(JF_P_CHAR), 0);
    jf_Type *d = prim(JF_P_DOUBLE);
    jf_Type *types[] = {p,
                        prim(JF_P_SIZE),
                        p,
                        prim(JF_P_INT),
                        d,
                        p,
                        prim(JF_P_LDOUBLE),
                        prim(JF_P_LONG),
                        d,
                        d,
                        prim(JF_P_INT)};
    const void *args[] = {&to, &n, &format, &i, &x, &s, &ld, &l, &x, &x, &c};
    CHECK(call(prim(JF_P_INT), types, 11, 3, (void *)snprintf, args));
    CHECK_STR(text, "-5 2.5 text 0.125 1099511627776 2.5 2.5 z");
    CHECK_INT(*(int *)slots.ret, (long long)strlen(text));
    jf_type_unref(u, p);
}

static int from_list(int count, va_list ap)
{
    int sum = 0;
    while (count-- > 0)
        sum += va_arg(ap, int);
    return sum;
}

static int with_list(int count, ...)
{
    va_list ap;
    va_start(ap, count);
    /* Where va_list is an array, what travels is its address. */
    void *list = &ap;
    bool is_array = u->target->abi == JF_ABI_SYSV;
    const void *args[] = {&count, is_array ? (void *)&list : list};
    jf_Type *types[] = {prim(JF_P_INT), prim(JF_P_VALIST)};
    bool ok = call(prim(JF_P_INT), types, 2, 2, (void *)from_list, args);
    va_end(ap);
    return ok ? *(int *)slots.ret : -1;
}

/* Small integers reach C extended, and come back from callbacks extended. */
static long widths(signed char a, unsigned char b, short c, unsigned short d, int e,
                   unsigned f, _Bool g2, signed char h, unsigned char i, short j)
{
    return a + b + c + d + e + (long)f + g2 + h + i + j;
}

static void test_widths(void)
{
    static const jf_Prim prims[] = {JF_P_SCHAR, JF_P_UCHAR, JF_P_SHORT, JF_P_USHORT,
                                    JF_P_INT,   JF_P_UINT,  JF_P_BOOL,  JF_P_SCHAR,
                                    JF_P_UCHAR, JF_P_SHORT};
    jf_Type *types[10];
    for (int k = 0; k < 10; k++)
        types[k] = prim(prims[k]);
    signed char a = -1;
    unsigned char b = 255;
    short c = -300;
    unsigned short d = 65535;
    int e = -70000;
    unsigned f = 4000000000u;
    _Bool t = 1;
    const void *args[] = {&a, &b, &c, &d, &e, &f, &t, &a, &b, &c};
    CHECK(call(prim(JF_P_LONG), types, 10, 10, (void *)widths, args));
    CHECK_INT(*(long *)slots.ret, widths(a, b, c, d, e, f, t, a, b, c));
}

static void answer_minus_one(void *context, const jf_Plan *p, void *s, void *ret)
{
    (void)context, (void)s;
    memset(ret, 0xff, p->result.size);
}

static void test_extension(void)
{
    static const struct {
        jf_Prim prim;
        long want;
    } rows[] = {{JF_P_SCHAR, -1},     {JF_P_UCHAR, 255}, {JF_P_SHORT, -1},
                {JF_P_USHORT, 65535}, {JF_P_INT, -1},    {JF_P_LONG, -1}};
    for (size_t k = 0; k < JF_COUNT(rows); k++)
        for (int with_double = 0; with_double < 2; with_double++) {
            jf_Type *types[] = {prim(JF_P_DOUBLE)};
            jf_Type *fn = jf_type_func(u, prim(rows[k].prim), types,
                                       (uint32_t)with_double, 0);
            jf_Callback *cb;
            CHECK_INT(jf_callback_new(u, fn, answer_minus_one, NULL, &cb, NULL),
                      JF_OK);
            void *f = jf_callback_address(cb);
            long got =
                rows[k].prim == JF_P_LONG     ? ((long (*)(double))f)(1)
                : rows[k].prim == JF_P_SCHAR  ? ((signed char (*)(double))f)(1)
                : rows[k].prim == JF_P_UCHAR  ? ((unsigned char (*)(double))f)(1)
                : rows[k].prim == JF_P_SHORT  ? ((short (*)(double))f)(1)
                : rows[k].prim == JF_P_USHORT ? ((unsigned short (*)(double))f)(1)
                                              : ((int (*)(double))f)(1);
            CHECK_INT(got, rows[k].want);
            jf_callback_free(cb);
            jf_type_unref(u, fn);
        }
}

static void answer_errno(void *context, const jf_Plan *p, void *s, void *ret)
{
    (void)context, (void)p, (void)s;
    *(int *)ret = errno;
    errno = 77;
}

static void test_errno(void)
{
    jf_Type *fn = jf_type_func(u, prim(JF_P_INT), NULL, 0, 0);
    jf_Callback *cb;
    CHECK_INT(jf_callback_new(u, fn, answer_errno, NULL, &cb, NULL), JF_OK);
    errno = 33;
    int got = ((int (*)(void))jf_callback_address(cb))();
    CHECK_INT(errno, 77);
    CHECK_INT(got, 33);
    jf_callback_free(cb);
    jf_type_unref(u, fn);
}

/* --- refusals ------------------------------------------------------------------------------ */

static void test_refusals(void)
{
    jf_Type *members[] = {prim(JF_P_INT), prim(JF_P_DOUBLE)};
    jf_Type *un = record(JF_UNION, members, 2);
    jf_Type *fn = jf_type_func(u, prim(JF_P_INT), &un, 1, 0);
    jf_Features f;
    jf_features(&f);
    jf_Diag d = JF_DIAG_INIT;
    jf_Call *c = NULL;
    jf_Status st = jf_call_new(u, fn, NULL, 0, &c, &d);
    if (is_natural()) {
        CHECK_INT(st, JF_UNSUPPORTED);
        CHECK(d.message && strstr(d.message, "libffi knows no unions"));
    } else {
        CHECK_INT(st, JF_OK); /* by our plan libffi passes it as well */
    }
    jf_call_free(c);
    jf_diag_clear(&d);
    jf_type_unref(u, fn);
    jf_Type *v = jf_type_vector(u, prim(JF_P_FLOAT), 4);
    fn = jf_type_func(u, prim(JF_P_INT), &v, 1, 0);
    c = NULL;
    st = jf_call_new(u, fn, NULL, 0, &c, &d);
    bool fits =
        jf_can_compile() || (u->target->abi == JF_ABI_AAPCS64 && !is_natural());
    CHECK_INT(st, fits ? JF_OK : JF_UNSUPPORTED);
    CHECK(fits || (d.message && strstr(d.message, "libffi")));
    jf_call_free(c);
    jf_diag_clear(&d);
    jf_type_unref(u, fn);
    jf_type_unref(u, v);
    jf_Callback *cb = NULL;
    fn = jf_type_func(u, prim(JF_P_INT), members, 1, JF_T_VARIADIC);
    CHECK_INT(jf_callback_new(u, fn, answer_errno, NULL, &cb, &d), JF_UNSUPPORTED);
    jf_diag_clear(&d);
    jf_type_unref(u, fn);
    CHECK(f.target && f.calls && f.callbacks);
    CHECK((f.why_not == NULL) == jf_can_compile());
    CHECK_STR(f.calls, jf_can_compile() ? "code" : "libffi");
}

/* --- threads and memory ---------------------------------------------------------------------- */

static int add_up(int a, int b, double c)
{
    return a + b + (int)c;
}

typedef struct Work {
    jf_Call *call;
    void *fn; /* a callback that any thread may be in */
    int bad;
} Work;

static void answer_add(void *context, const jf_Plan *p, void *s, void *ret)
{
    char *at = s;
    (void)context;
    *(int *)ret =
        add_up(*(int *)(at + p->args[0].slot), *(int *)(at + p->args[1].slot),
               *(double *)(at + p->args[2].slot));
}

static void *work_run(void *arg)
{
    Work *w = arg;
    const jf_Plan *p = jf_call_plan(w->call);
    for (int k = 0; k < 100000; k++) {
        _Alignas(16) uint8_t at[64], ret[16];
        double x = 3;
        memcpy(at + p->args[0].slot, &k, 4);
        memcpy(at + p->args[1].slot, &k, 4);
        memcpy(at + p->args[2].slot, &x, 8);
        jf_call(w->call, w->fn, at, ret);
        w->bad += *(int *)ret != 2 * k + 3;
    }
    return NULL;
}

static void test_threads(void)
{
    jf_Type *types[] = {prim(JF_P_INT), prim(JF_P_INT), prim(JF_P_DOUBLE)};
    jf_Type *fn = jf_type_func(u, prim(JF_P_INT), types, 3, 0);
    jf_Callback *cb;
    jf_Call *c;
    CHECK_INT(jf_call_new(u, fn, NULL, 0, &c, NULL), JF_OK);
    CHECK_INT(jf_callback_new(u, fn, answer_add, NULL, &cb, NULL), JF_OK);
    Work w[3];
    pthread_t t[3];
    for (int k = 0; k < 3; k++) {
        w[k] = (Work){c, jf_callback_address(cb), 0};
        CHECK(pthread_create(&t[k], NULL, work_run, &w[k]) == 0);
    }
    for (int k = 0; k < 3; k++) {
        pthread_join(t[k], NULL);
        CHECK_INT(w[k].bad, 0);
    }
    jf_callback_free(cb);
    jf_call_free(c);
    jf_type_unref(u, fn);
}

/* --- retiring ----------------------------------------------------------------------------- */

typedef struct Retired {
    int calls; /* of the handler */
    int asked; /* may it go */
    int busy;  /* how often the answer is no */
    bool gone;
} Retired;

static void answer_retired(void *context, const jf_Plan *plan, void *slots,
                           void *ret)
{
    (void)plan;
    (void)slots;
    (void)ret; /* zeros */
    ((Retired *)context)->calls++;
}

static bool retired_gone(void *context)
{
    Retired *r = context;
    r->asked++;
    r->gone = r->asked > r->busy;
    return r->gone;
}

/* Calls of a retired callback come to its handler until 1,024 more are retired. */
static void test_retired(void)
{
    enum { N = 1024 };
    static Retired all[2][3 * N];
    jf_Type *member = prim(JF_P_LONG), *members[] = {member, member, member};
    jf_Type *results[] = {prim(JF_P_INT), record(JF_STRUCT, members, 3)};
    for (int kind = 0; kind < 2; kind++) {
        jf_Type *args[] = {prim(JF_P_INT)};
        jf_Type *fn = jf_type_func(u, results[kind], args, 1, 0);
        void *first = NULL;
        Retired *r = all[kind]; /* they go on answering after this */
        r[0].busy = 1;
        for (int k = 0; k < 3 * N; k++) {
            jf_Callback *cb = NULL;
            CHECK_INT(jf_callback_new(u, fn, answer_retired, &r[k], &cb, NULL),
                      JF_OK);
            if (!k)
                first = jf_callback_address(cb);
            CHECK(!k || r[0].gone || jf_callback_address(cb) != first);
            jf_callback_retire(cb, retired_gone);
            CHECK(jf_callbacks_retired() <= N);
            if (r[0].gone)
                continue;
            long big[3] = {1, 1, 1};
            if (kind) {
                typedef struct Big {
                    long v[3];
                } Big;
                Big b = ((Big(*)(int))(uintptr_t)first)(7);
                memcpy(big, &b, sizeof big);
            } else {
                big[0] = ((int (*)(int))(uintptr_t)first)(7);
                big[1] = big[2] = 0;
            }
            CHECK(big[0] == 0 && big[1] == 0 && big[2] == 0);
        }
        CHECK_INT(r[0].asked, 2); /* the first time it was busy */
        CHECK_INT(r[1].asked, 1);
        CHECK(r[0].calls >= 2 * N && r[1].calls == 0);
        CHECK(r[N].gone && !r[3 * N - 1].gone);
        jf_type_unref(u, fn);
    }
    jf_callback_retire(NULL, retired_gone);
}

/* --- sharing ------------------------------------------------------------------------------ */

/* A thousand calls of one type are one piece of code, which goes with the last
 * call or the type, whichever is later; extra types make calls of their own. */
static void test_sharing(void)
{
    enum { N = 1000 };
    static jf_Call *calls[N];
    jf_Type *types[] = {prim(JF_P_SHORT), prim(JF_P_DOUBLE), prim(JF_P_SHORT)};
    jf_Type *fn = jf_type_func(u, prim(JF_P_LONG), types, 3, 0);
    jf_ExecStats before, after;
    size_t one = jf_can_compile() ? 1 : 0;
    jf_exec_stats(&before);
    for (int k = 0; k < N; k++) {
        CHECK_INT(jf_call_new(u, fn, NULL, 0, &calls[k], NULL), JF_OK);
        CHECK(calls[k] == calls[0]);
    }
    jf_exec_stats(&after);
    CHECK_INT(after.blocks - before.blocks, one);
    for (int k = 1; k < N; k++)
        jf_call_free(calls[k]);
    jf_type_unref(u, fn);
    jf_exec_stats(&after);
    CHECK_INT(after.blocks - before.blocks, one);
    jf_call_free(calls[0]);
    jf_exec_stats(&after);
    CHECK_INT(after.blocks, before.blocks);

    jf_Type *open = jf_type_func(u, prim(JF_P_INT), types, 1, JF_T_VARIADIC);
    jf_Call *more[3];
    CHECK_INT(jf_call_new(u, open, types + 1, 1, &more[0], NULL), JF_OK);
    CHECK_INT(jf_call_new(u, open, NULL, 0, &more[1], NULL), JF_OK);
    CHECK_INT(jf_call_new(u, open, NULL, 0, &more[2], NULL), JF_OK);
    CHECK(more[0] != more[1] && more[1] == more[2]);
    CHECK_INT(jf_call_plan(more[0])->n_args, 2);
    CHECK_INT(jf_call_plan(more[1])->n_args, 1);
    jf_exec_stats(&after);
    CHECK_INT(after.blocks - before.blocks, 2 * one);
    for (int k = 0; k < 3; k++)
        jf_call_free(more[k]);
    jf_type_unref(u, open);
    jf_exec_stats(&after);
    CHECK_INT(after.blocks, before.blocks);
}

/* --- memory running out --------------------------------------------------------------------- */

/* A type of its own each time, with a call and a callback. */
static int memory_step(void *ctx)
{
    jf_Type *fn = jf_type_func(u, prim(JF_P_LONG), ctx, 4, 0);
    if (!fn)
        return 0;
    jf_Call *c = NULL;
    jf_Callback *cb = NULL;
    jf_Diag d = JF_DIAG_INIT;
    jf_Status st = jf_call_new(u, fn, NULL, 0, &c, &d);
    if (st == JF_OK)
        st = jf_callback_new(u, fn, answer_pick, NULL, &cb, &d);
    if (st != JF_OK)
        CHECK_INT(st, JF_NOMEM);
    jf_callback_free(cb);
    jf_call_free(c);
    jf_diag_clear(&d);
    jf_type_unref(u, fn);
    return st == JF_OK;
}

static void test_memory(void)
{
    jf_Type *s = struct_of("dl");
    jf_Type *types[] = {prim(JF_P_LONG), s, prim(JF_P_DOUBLE), s};
    jf_Type *fn = jf_type_func(u, s, types, 4, 0);
    jf_Call *keep; /* regions and entries exist before counting starts */
    jf_Callback *cb;
    CHECK_INT(jf_call_new(u, fn, NULL, 0, &keep, NULL), JF_OK);
    CHECK_INT(jf_callback_new(u, fn, answer_pick, NULL, &cb, NULL), JF_OK);
    check_memory(memory_step, types);
    jf_callback_free(cb);
    jf_call_free(keep);
    jf_type_unref(u, fn);
}

int main(void)
{
    u = jf_engine_universe(NULL);
    g = jf_group_new(u);
    test_bytes();
    test_picks();
    test_last_register();
    test_variadic();
    int sum = with_list(3, 10, 20, 12);
    /* libffi has no word for a va_list that is a struct (AArch64). */
    CHECK(sum == 42 || (is_natural() && u->target->abi == JF_ABI_AAPCS64));
    test_widths();
    test_extension();
    test_errno();
    test_refusals();
    test_threads();
    test_retired();
    test_sharing();
    test_memory();
    jf_group_unref(g);
    jf_universe_free(u);
    return check_report("test_engine");
}
