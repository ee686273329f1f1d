/* SPDX-License-Identifier: MIT
 *
 * Loops against the same written in C: items, addresses and fixed values; every way
 * results come; stops; steps of all kinds. Runs in every mode (JIFFI_JIT=off). What
 * random signatures do is tests/abi's business (sides loop and loop-libffi).
 */
#include "check.h"

#include "core/layout/layout.h"
#include "engine/loop.h"

static jf_Universe *u;
static jf_Group *g;

static jf_Type *prim(jf_Prim p)
{
    return jf_type_prim(u, p);
}

static jf_Type *record(jf_Type *member, uint32_t n)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    jf_Field fields[6];
    memset(fields, 0, sizeof fields);
    for (uint32_t i = 0; i < n; i++)
        fields[i] = (jf_Field){.name = names[i], .type = member, .bits = -1};
    jf_Type *t = jf_type_record(g, JF_STRUCT, NULL, 0);
    jf_Diag d = JF_DIAG_INIT;
    CHECK(jf_type_complete(g, t, fields, n, 0));
    CHECK_INT(jf_layout(u->target, t, &d), JF_OK);
    return t;
}

static jf_Loop *loop_of(jf_Type *fn, void *address, const jf_LoopArg *args,
                        int result, uint16_t n_operands, bool stop)
{
    jf_LoopSpec spec = {.fn = fn,
                        .address = address,
                        .args = args,
                        .result = result,
                        .n_operands = n_operands,
                        .stop = stop,
                        .name = "test"};
    jf_Loop *l = NULL;
    jf_Diag d = JF_DIAG_INIT;
    if (!CHECK_INT(jf_loop_new(u, &spec, &l, &d), JF_OK))
        printf("    %s\n", d.message);
    jf_diag_clear(&d);
    return l;
}

#define ITEM(o)            \
    {                      \
        JF_LOOP_ITEM, o, 0 \
    }
#define ADDRESS(o)            \
    {                         \
        JF_LOOP_ADDRESS, o, 0 \
    }
#define FIXED(p)            \
    {                       \
        JF_LOOP_FIXED, 0, p \
    }

/* --- lengths and steps -------------------------------------------------------------- */

static double fma3(double a, double b, double c)
{
    return a * b + c;
}

static const size_t lengths[] = {0, 1, 2, 3, 1000};

/* In units of 8 bytes: packed, gaps, backwards, the same item again. */
static const int step_rows[][4] = {{1, 1, 1, 1},     {2, 1, 1, 1},   {1, 1, 1, 2},
                                   {3, 2, 1, 2},     {-1, 1, -2, 1}, {0, 1, 0, 1},
                                   {-1, -1, -1, -1}, {0, 0, 0, 1}};

static void one_length(const jf_Loop *l, size_t n, const int *step, bool numpy)
{
    static double memory[4][8200];
    char *at[4];
    intptr_t steps[4];
    double *want = malloc((n + 1) * sizeof *want);
    for (int o = 0; o < 4; o++) {
        for (size_t k = 0; k < 8200; k++)
            memory[o][k] = (double)(o * 10000) + (double)k * 0.5;
        steps[o] = step[o] * 8;
        at[o] = (char *)&memory[o][step[o] < 0 ? 4100 : 0];
    }
    for (size_t k = 0; k < n; k++)
        want[k] = fma3(((double *)at[0])[(ptrdiff_t)k * step[0]],
                       ((double *)at[1])[(ptrdiff_t)k * step[1]],
                       ((double *)at[2])[(ptrdiff_t)k * step[2]]);
    if (numpy) {
        void *data;
        jf_NumPyLoop f = jf_loop_numpy(l, &data);
        intptr_t dimensions = (intptr_t)n;
        f(at, &dimensions, steps, data);
    } else {
        CHECK_INT(jf_loop_run(l, at, steps, n), n);
    }
    int wrong = 0;
    for (size_t k = 0; k < n; k++)
        wrong += ((double *)at[3])[(ptrdiff_t)k * step[3]] != want[k];
    CHECK_INT(wrong, 0);
    double *behind = (double *)at[3] + (ptrdiff_t)n * step[3];
    CHECK(*behind == 30000 + (double)(behind - memory[3]) * 0.5);
    free(want);
}

static void test_lengths(void)
{
    jf_Type *d = prim(JF_P_DOUBLE), *types[] = {d, d, d};
    jf_Type *fn = jf_type_func(u, d, types, 3, 0);
    jf_LoopArg args[] = {ITEM(0), ITEM(1), ITEM(2)};
    jf_Loop *l = loop_of(fn, (void *)fma3, args, 3, 4, false);
    for (size_t k = 0; k < JF_COUNT(lengths); k++)
        for (size_t s = 0; s < JF_COUNT(step_rows); s++)
            for (int numpy = 0; numpy < 2; numpy++)
                one_length(l, lengths[k], step_rows[s], numpy);
    jf_loop_free(l);
    jf_type_unref(u, fn);
}

/* --- more operands than registers ----------------------------------------------------- */

static long many(signed char a, double b, short c, float d, unsigned char e, long f,
                 int h, signed char i, short j, double *out)
{
    *out = b + d;
    return a + c + e + f + h + 10 * i + 100 * j;
}

static void test_many(void)
{
    static const jf_Prim ps[] = {JF_P_SCHAR, JF_P_DOUBLE, JF_P_SHORT,
                                 JF_P_FLOAT, JF_P_UCHAR,  JF_P_LONG,
                                 JF_P_INT,   JF_P_SCHAR,  JF_P_SHORT};
    jf_Type *types[10];
    for (int i = 0; i < 9; i++)
        types[i] = prim(ps[i]);
    types[9] = jf_type_pointer(u, prim(JF_P_DOUBLE), 0);
    jf_Type *fn = jf_type_func(u, prim(JF_P_LONG), types, 10, 0);
    enum { N = 50 };
    signed char a[N], i[N];
    double b[N], out[N];
    short j[N];
    float d[N];
    unsigned char e[N];
    long f[N], result[N];
    int h[N];
    for (int k = 0; k < N; k++) {
        a[k] = (signed char)(-k), i[k] = (signed char)(k - 60),
        j[k] = (short)(k - 25), b[k] = k * 0.5, d[k] = (float)k,
        e[k] = (uint8_t)(200 + k);
        f[k] = -1000000007L * k, h[k] = k - 7;
    }
    short fixed = -321;
    jf_LoopArg args[] = {ITEM(0), ITEM(1), FIXED(&fixed), ITEM(2), ITEM(3),
                         ITEM(4), ITEM(5), ITEM(6),       ITEM(7), ADDRESS(8)};
    jf_Loop *l = loop_of(fn, (void *)many, args, 9, 10, false);
    fixed = 0; /* the loop has its own */
    char *at[] = {(char *)a, (char *)b, (char *)d, (char *)e,   (char *)f,
                  (char *)h, (char *)i, (char *)j, (char *)out, (char *)result};
    intptr_t packed[] = {1, 8, 4, 1, 8, 4, 1, 2, 8, 8};
    intptr_t odd[] = {2, 16, 8, 2, 16, 8, 2, 4, 8, 8};
    for (int round = 0; round < 2; round++) {
        int n = round ? N / 2 : N, s = round ? 2 : 1, wrong = 0;
        CHECK_INT(jf_loop_run(l, at, round ? odd : packed, (size_t)n), n);
        for (int k = 0; k < n; k++) {
            double x;
            long want = many(a[k * s], b[k * s], -321, d[k * s], e[k * s], f[k * s],
                             h[k * s], i[k * s], j[k * s], &x);
            wrong += result[k] != want || out[k] != x;
        }
        CHECK_INT(wrong, 0);
    }
    jf_loop_free(l);
    jf_type_unref(u, fn);
    jf_type_unref(u, types[9]);
}

/* --- results that C writes through a pointer -------------------------------------------- */

typedef struct {
    long double a, b;
} Wide; /* aligned to 16 */

static Wide turn(const Wide *p)
{
    Wide w;
    memset(&w, 0, sizeof w);
    w.a = p->b;
    w.b = p->a;
    return w;
}

static Wide next(Wide v)
{
    v.a += 1;
    v.b += 2;
    return v;
}

static void test_memory_results(void)
{
    jf_Type *wide = record(prim(JF_P_LDOUBLE), 2);
    jf_Type *pointer = jf_type_pointer(u, wide, JF_Q_CONST);
    jf_Type *by_value = jf_type_func(u, wide, &wide, 1, 0);
    jf_Type *by_address = jf_type_func(u, wide, &pointer, 1, 0);
    jf_LoopArg item[] = {ITEM(0)}, address[] = {ADDRESS(0)};
    jf_Loop *l = loop_of(by_value, (void *)next, item, 1, 2, false);
    char raw[3 * sizeof(Wide) + 64];
    for (unsigned shift = 0; shift < 16; shift += 5) { /* where no Wide may stand */
        Wide in[3] = {{1, 2}, {3, 4}, {5, 6}}, out[3];
        char *at[] = {(char *)in, raw + shift};
        intptr_t steps[] = {sizeof(Wide), sizeof(Wide) + (shift == 10)};
        memset(raw, 0, sizeof raw);
        CHECK_INT(jf_loop_run(l, at, steps, 3), 3);
        for (int k = 0; k < 3; k++) {
            memcpy(&out[k], at[1] + k * steps[1], sizeof out[k]);
            CHECK(out[k].a == in[k].a + 1 && out[k].b == in[k].b + 2);
        }
    }
    jf_loop_free(l);
    /* The result over the argument: C must not see half of each. */
    l = loop_of(by_address, (void *)turn, address, 0, 1, false);
    Wide both[3] = {{1, 2}, {3, 4}, {5, 6}};
    char *at[] = {(char *)both};
    intptr_t steps[] = {sizeof(Wide)};
    CHECK_INT(jf_loop_run(l, at, steps, 3), 3);
    for (int k = 0; k < 3; k++)
        CHECK(both[k].a == 2 * k + 2 && both[k].b == 2 * k + 1);
    jf_loop_free(l);
    l = loop_of(by_address, (void *)turn, address, -1, 1, false);
    CHECK_INT(jf_loop_run(l, at, steps, 3), 3);
    jf_loop_free(l);
    jf_type_unref(u, by_value);
    jf_type_unref(u, by_address);
    jf_type_unref(u, pointer);
}

/* --- results nobody wants --------------------------------------------------------------- */

static int calls;

static long double half(long double v)
{
    calls++;
    return v / 2;
}

static void test_dropped(void)
{
    jf_Type *t = prim(JF_P_LDOUBLE), *fn = jf_type_func(u, t, &t, 1, 0);
    jf_LoopArg args[] = {ITEM(0)};
    jf_Loop *l = loop_of(fn, (void *)half, args, -1, 1, false);
    long double v[100];
    for (int k = 0; k < 100; k++)
        v[k] = k;
    char *at[] = {(char *)v};
    intptr_t steps[] = {sizeof v[0]};
    calls = 0;
    CHECK_INT(jf_loop_run(l, at, steps, 100), 100);
    CHECK_INT(calls, 100);
    volatile long double x = 3; /* NaN, if eight results were still on the stack */
    CHECK(x * 2 + 1 == 7);
    jf_loop_free(l);
    jf_type_unref(u, fn);
}

/* --- stops -------------------------------------------------------------------------------- */

__extension__ typedef __int128 Int128;

/* clang-format off */
#define STOPS(X)                                                                  \
    X(SCHAR, signed char)                                                         \
    X(UCHAR, unsigned char) X(SHORT, short) X(USHORT, unsigned short) X(INT, int) \
        X(UINT, unsigned) X(LONG, long) X(ULONG, unsigned long) X(BOOL, _Bool)    \
            X(INT128, Int128)
/* clang-format on */

#define X(id, type)               \
    static type same_##id(type v) \
    {                             \
        calls++;                  \
        return v;                 \
    }
STOPS(X)
#undef X

typedef struct StopRow {
    jf_Prim prim;
    void *fn;
} StopRow;

static const StopRow stop_rows[] = {
#define X(id, type) {JF_P_##id, (void *)same_##id},
    STOPS(X)
#undef X
};

/* `bit` of item `k` is set: bits of the highest byte stop as well as the lowest. */
static void one_stop(const StopRow *row, size_t n, size_t k, bool high, bool wanted)
{
    jf_Type *t = prim(row->prim), *fn = jf_type_func(u, t, &t, 1, 0);
    size_t size = (size_t)t->size;
    jf_LoopArg args[] = {ITEM(0)};
    jf_Loop *l = loop_of(fn, row->fn, args, wanted ? 1 : -1, wanted ? 2 : 1, true);
    char *in = calloc(n, size), *out = malloc(n * size);
    memset(out, 0x77, n * size);
    char *at[] = {in, out};
    intptr_t steps[] = {(intptr_t)size, (intptr_t)size};
    if (k < n)
        in[k * size + (high ? size - 1 : 0)] = row->prim == JF_P_BOOL ? 1 : 0x40;
    calls = 0;
    CHECK_INT(jf_loop_run(l, at, steps, n), k < n ? k : n);
    size_t done = k < n ? k + 1 : n;
    CHECK_INT(calls, done);
    CHECK(!wanted || !memcmp(in, out, done * size));
    for (size_t i = done * size; i < n * size; i++)
        if (!CHECK(out[i] == 0x77))
            break;
    free(in);
    free(out);
    jf_loop_free(l);
    jf_type_unref(u, fn);
}

static void test_stops(void)
{
    static const size_t where[] = {0, 1, 6, 7, 99};
    for (size_t r = 0; r < JF_COUNT(stop_rows); r++)
        for (size_t k = 0; k < JF_COUNT(where); k++)
            for (int way = 0; way < 4; way++)
                one_stop(&stop_rows[r], 8, where[k], way & 1, way & 2);
}

/* --- a loop within itself -------------------------------------------------------------------- */

static jf_Loop *self;

static int deep(int level)
{
    int in[3] = {level - 1, level - 1, level - 1}, out[3] = {0, 0, 0};
    char *at[] = {(char *)in, (char *)out};
    intptr_t steps[] = {4, 4};
    if (level == 0)
        return 1;
    jf_loop_run(self, at, steps, 3);
    return out[0] + out[1] + out[2];
}

static void test_nested(void)
{
    jf_Type *t = prim(JF_P_INT), *fn = jf_type_func(u, t, &t, 1, 0);
    jf_LoopArg args[] = {ITEM(0)};
    self = loop_of(fn, (void *)deep, args, 1, 2, false);
    CHECK_INT(deep(5), 243);
    jf_loop_free(self);
    jf_type_unref(u, fn);
}

/* --- refusals, memory --------------------------------------------------------------------------- */

static void refused(jf_Type *fn, bool stop, const char *text)
{
    jf_LoopArg args[] = {ITEM(0)};
    jf_LoopSpec spec = {.fn = fn,
                        .address = (void *)half,
                        .args = args,
                        .result = -1,
                        .n_operands = 1,
                        .stop = stop};
    jf_Loop *l = NULL;
    jf_Diag d = JF_DIAG_INIT;
    CHECK_INT(jf_loop_new(u, &spec, &l, &d), JF_UNSUPPORTED);
    CHECK(!l && d.message && strstr(d.message, text));
    jf_diag_clear(&d);
    jf_type_unref(u, fn);
}

static void test_refused(void)
{
    jf_Type *d = prim(JF_P_DOUBLE);
    refused(jf_type_func(u, d, &d, 1, 0), true, "cannot stop a loop");
    refused(jf_type_func(u, d, &d, 1, JF_T_VARIADIC), false, "'...'");
    jf_loop_free(NULL);
}

static int make_once(void *ctx)
{
    jf_Type *fn = ctx;
    double two = 2;
    jf_LoopArg args[] = {ITEM(0), FIXED(&two), ITEM(1)};
    jf_LoopSpec spec = {.fn = fn,
                        .address = (void *)fma3,
                        .args = args,
                        .result = 2,
                        .n_operands = 3,
                        .name = "fma3"};
    jf_Loop *l = NULL;
    jf_Diag d = JF_DIAG_INIT;
    jf_Status st = jf_loop_new(u, &spec, &l, &d);
    CHECK(st == JF_OK || st == JF_NOMEM);
    jf_loop_free(l);
    jf_diag_clear(&d);
    return st == JF_OK;
}

static void test_memory(void)
{
    jf_Type *d = prim(JF_P_DOUBLE), *types[] = {d, d, d};
    jf_Type *fn = jf_type_func(u, d, types, 3, 0);
    make_once(fn); /* what the type and the pool keep is there now */
    check_memory(make_once, fn);
    jf_type_unref(u, fn);
}

int main(void)
{
    u = jf_engine_universe(NULL);
    g = jf_group_new(u);
    test_lengths();
    test_many();
    test_memory_results();
    test_dropped();
    test_stops();
    test_nested();
    test_refused();
    test_memory();
    jf_group_unref(g);
    jf_universe_free(u);
    return check_report("test_loop");
}
