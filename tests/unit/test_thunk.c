/* SPDX-License-Identifier: MIT
 *
 * Every recipe instruction, run: arithmetic and comparisons over edge values in
 * every register, memory at all widths, helper calls between placed arguments.
 */
#include "check.h"

#include "core/layout/layout.h"
#include "engine/engine.h"

#include <sys/mman.h>
#include <unistd.h>

typedef uint64_t (*Thunk)(uint64_t p0, uint64_t p1, uint64_t p2);

static jf_Universe *u;
static jf_Code *last_code;

static const uint64_t edges[] = {0,
                                 1,
                                 2,
                                 7,
                                 127,
                                 128,
                                 255,
                                 0x7fff,
                                 0x8000,
                                 0xffff,
                                 0x7fffffff,
                                 0x80000000,
                                 0xffffffff,
                                 0x100000000,
                                 0x7fffffffffffffff,
                                 0x8000000000000000,
                                 0xffffffffffffffff,
                                 0xffffffff80000000,
                                 0xffffffff7fffffff,
                                 0xfffffffffffffff0,
                                 0x123456789abcdef0,
                                 0xffffffffffffff80,
                                 0xffffffffffffff7f};

/* Compile and forget the thunk before. */
static Thunk made(jf_Recipe *r, const jf_Plan *plan)
{
    jf_Diag d = JF_DIAG_INIT;
    jf_code_free(last_code);
    last_code = NULL;
    if (jf_compile(r, plan, "jiffi:test", &last_code, &d) != JF_OK) {
        CHECK_STR(d.message, "no error");
        jf_diag_clear(&d);
        exit(1);
    }
    jf_recipe_free(r);
    return (Thunk)(uintptr_t)jf_code_entry(last_code);
}

/* --- arithmetic ------------------------------------------------------------------ */

static uint64_t model(jf_Op op, uint64_t a, uint64_t b)
{
    switch (op) {
    case JF_OP_ADD:
        return a + b;
    case JF_OP_SUB:
        return a - b;
    case JF_OP_MUL:
        return a * b;
    case JF_OP_AND:
        return a & b;
    case JF_OP_OR:
        return a | b;
    case JF_OP_XOR:
        return a ^ b;
    case JF_OP_SHL:
        return a << b;
    case JF_OP_SHR:
        return a >> b;
    default:
        return (uint64_t)((int64_t)a >> b);
    }
}

/* a = p0; b = p1; a op= b; return a, in the given registers. */
static Thunk binary(jf_Op op, jf_Reg a, jf_Reg b)
{
    jf_Recipe r = JF_RECIPE_INIT;
    /* By way of the frame, so that no register is lost on the way. */
    int32_t at = jf_recipe_frame(&r, 16, 8);
    jf_store(&r, JF_FRAME, at, JF_R0, 8);
    jf_store(&r, JF_FRAME, at + 8, JF_R1, 8);
    jf_load(&r, b, JF_FRAME, at + 8, 8, false);
    jf_load(&r, a, JF_FRAME, at, 8, false);
    jf_arith(&r, op, a, b, 0);
    jf_return(&r, a, 0);
    return made(&r, NULL);
}

static void test_arithmetic(void)
{
    static const jf_Op ops[] = {JF_OP_ADD, JF_OP_SUB, JF_OP_MUL,
                                JF_OP_AND, JF_OP_OR,  JF_OP_XOR};
    int bad = 0;
    for (size_t o = 0; o < JF_COUNT(ops); o++)
        for (int a = JF_R0; a <= JF_T2; a++)
            for (int b = JF_R0; b <= JF_T2; b++) {
                Thunk f = binary(ops[o], (jf_Reg)a, (jf_Reg)b);
                for (size_t i = 0; i < JF_COUNT(edges); i++)
                    for (size_t k = 0; k < JF_COUNT(edges); k++) {
                        uint64_t y = edges[k], x = a == b ? edges[i] : edges[i];
                        uint64_t want = model(ops[o], x, a == b ? x : y);
                        bad += f(x, y, 0) != want;
                    }
            }
    CHECK_INT(bad, 0);
}

static void test_immediates(void)
{
    static const jf_Op ops[] = {JF_OP_ADD, JF_OP_SUB, JF_OP_MUL,
                                JF_OP_AND, JF_OP_OR,  JF_OP_XOR,
                                JF_OP_SHL, JF_OP_SHR, JF_OP_SAR};
    int bad = 0;
    for (size_t o = 0; o < JF_COUNT(ops); o++)
        for (size_t k = 0; k < JF_COUNT(edges); k++)
            for (int a = JF_R0; a <= JF_T2; a++) {
                uint64_t imm = ops[o] >= JF_OP_SHL && ops[o] <= JF_OP_SAR
                                   ? edges[k] & 63
                                   : edges[k];
                jf_Recipe r = JF_RECIPE_INIT;
                jf_move(&r, (jf_Reg)a, JF_R0);
                jf_arith(&r, ops[o], (jf_Reg)a, JF_NOREG, imm);
                jf_return(&r, (jf_Reg)a, 0);
                Thunk f = made(&r, NULL);
                for (size_t i = 0; i < JF_COUNT(edges); i++)
                    bad += f(edges[i], 0, 0) != model(ops[o], edges[i], imm);
            }
    CHECK_INT(bad, 0);
    for (size_t k = 0; k < JF_COUNT(edges); k++) {
        jf_Recipe r = JF_RECIPE_INIT;
        jf_const(&r, JF_T1, edges[k]);
        jf_return(&r, JF_T1, 0);
        CHECK(made(&r, NULL)(5, 6, 7) == edges[k]);
        jf_return(&r, JF_NOREG, edges[k]);
        CHECK(made(&r, NULL)(5, 6, 7) == edges[k]);
    }
}

/* --- conditions -------------------------------------------------------------------- */

static bool holds(jf_Cond c, uint64_t a, uint64_t b)
{
    int64_t x = (int64_t)a, y = (int64_t)b;
    switch (c) {
    case JF_EQ:
        return a == b;
    case JF_NE:
        return a != b;
    case JF_LT:
        return x < y;
    case JF_LE:
        return x <= y;
    case JF_GT:
        return x > y;
    case JF_GE:
        return x >= y;
    case JF_B:
        return a < b;
    case JF_BE:
        return a <= b;
    case JF_A:
        return a > b;
    default:
        return a >= b;
    }
}

/* return cond ? 1 : 0, the taken branch in cold code when `cold`. */
static Thunk chooser(jf_Cond c, bool memory, jf_Reg b, uint64_t imm, bool cold)
{
    jf_Recipe r = JF_RECIPE_INIT;
    uint32_t yes = jf_recipe_label(&r);
    int32_t at = jf_recipe_frame(&r, 8, 8);
    jf_store(&r, JF_FRAME, at, JF_R0, 8);
    if (memory)
        jf_branchm(&r, JF_FRAME, at, c, b, imm, yes);
    else
        jf_branch(&r, JF_R0, c, b, imm, yes);
    if (!cold)
        jf_return(&r, JF_NOREG, 0);
    else
        jf_op(&r, JF_OP_COLD);
    jf_label(&r, yes);
    jf_return(&r, JF_NOREG, 1);
    if (cold) {
        jf_op(&r, JF_OP_HOT);
        jf_return(&r, JF_NOREG, 0);
    }
    return made(&r, NULL);
}

static void test_conditions(void)
{
    int bad = 0;
    for (int c = JF_EQ; c <= JF_AE; c++)
        for (int memory = 0; memory < 2; memory++) {
            Thunk f = chooser((jf_Cond)c, memory, JF_R1, 0, c & 1);
            for (size_t i = 0; i < JF_COUNT(edges); i++)
                for (size_t k = 0; k < JF_COUNT(edges); k++)
                    bad += f(edges[i], edges[k], 0) !=
                           holds((jf_Cond)c, edges[i], edges[k]);
            for (size_t k = 0; k < JF_COUNT(edges); k++) {
                f = chooser((jf_Cond)c, memory, JF_NOREG, edges[k], !(c & 1));
                for (size_t i = 0; i < JF_COUNT(edges); i++)
                    bad +=
                        f(edges[i], 0, 0) != holds((jf_Cond)c, edges[i], edges[k]);
            }
        }
    CHECK_INT(bad, 0);
}

/* Branches right behind an instruction that has set the flags already. */
static void test_flags(void)
{
    static const jf_Op ops[] = {JF_OP_AND, JF_OP_OR, JF_OP_XOR, JF_OP_ADD,
                                JF_OP_SUB};
    int bad = 0;
    for (size_t o = 0; o < JF_COUNT(ops); o++)
        for (int c = JF_EQ; c <= JF_AE; c++)
            for (size_t k = 0; k < JF_COUNT(edges); k++) {
                jf_Recipe r = JF_RECIPE_INIT;
                uint32_t yes = jf_recipe_label(&r);
                jf_move(&r, JF_T1, JF_R0);
                jf_arith(&r, ops[o], JF_T1, JF_NOREG, edges[k]);
                jf_branch(&r, JF_T1, (jf_Cond)c, JF_NOREG, 0, yes);
                jf_return(&r, JF_NOREG, 0);
                jf_label(&r, yes);
                jf_return(&r, JF_NOREG, 1);
                Thunk f = made(&r, NULL);
                for (size_t i = 0; i < JF_COUNT(edges); i++)
                    bad += f(edges[i], 0, 0) !=
                           holds((jf_Cond)c, model(ops[o], edges[i], edges[k]), 0);
            }
    CHECK_INT(bad, 0);
}

/* sum = 0; do sum += p0; while (p0--); with the far label some 300 bytes away. */
static void test_loops(void)
{
    for (int padding = 0; padding < 60; padding += 20) {
        jf_Recipe r = JF_RECIPE_INIT;
        uint32_t again = jf_recipe_label(&r), out = jf_recipe_label(&r);
        jf_const(&r, JF_R1, 0);
        jf_label(&r, again);
        jf_branch(&r, JF_R0, JF_EQ, JF_NOREG, 0, out);
        jf_arith(&r, JF_OP_ADD, JF_R1, JF_R0, 0);
        for (int k = 0; k < padding; k++)
            jf_arith(&r, JF_OP_XOR, JF_R1, JF_NOREG, 0x12345678);
        jf_arith(&r, JF_OP_SUB, JF_R0, JF_NOREG, 1);
        jf_jump(&r, again);
        jf_label(&r, out);
        jf_return(&r, JF_R1, 0);
        CHECK_INT(made(&r, NULL)(100, 0, 0), 5050);
    }
}

/* --- memory ------------------------------------------------------------------------- */

static void test_memory(void)
{
    static const int widths[] = {1, 2, 4, 8};
    int bad = 0;
    for (int w = 0; w < 4; w++)
        for (int s = 0; s < 2; s++)
            for (int32_t off = -200; off <= 200; off += 100) {
                jf_Recipe r = JF_RECIPE_INIT;
                jf_load(&r, JF_T2, JF_R0, off, widths[w], s);
                jf_return(&r, JF_T2, 0);
                Thunk load = made(&r, NULL);
                jf_Recipe e = JF_RECIPE_INIT;
                jf_Code *first = last_code;
                last_code = NULL;
                jf_extend(&e, JF_R0, JF_R0, widths[w], s);
                jf_return(&e, JF_R0, 0);
                Thunk extend = made(&e, NULL);
                for (size_t k = 0; k < JF_COUNT(edges); k++) {
                    uint64_t v = edges[k], want = v;
                    int shift = 64 - 8 * widths[w];
                    want = s ? (uint64_t)((int64_t)(v << shift) >> shift)
                             : v << shift >> shift;
                    char *p = (char *)&v - off;
                    bad += load((uintptr_t)p, 0, 0) != want;
                    bad += extend(v, 0, 0) != want;
                }
                jf_code_free(first);
            }
    CHECK_INT(bad, 0);
    for (int w = 0; w < 4; w++)
        for (size_t k = 0; k < JF_COUNT(edges); k++)
            for (int reg = 0; reg < 2; reg++) {
                jf_Recipe r = JF_RECIPE_INIT;
                jf_recipe_put(&r, JF_INS(.op = JF_OP_STORE, .a = JF_R0,
                                         .b = reg ? JF_R1 : JF_NOREG, .off = 8,
                                         .w = (uint8_t)widths[w], .imm = edges[k]));
                jf_return(&r, JF_NOREG, 0);
                uint64_t got[3] = {1, 0x1111111111111111, 2}, want = got[1];
                made(&r, NULL)((uintptr_t)got, edges[k], 0);
                memcpy(&want, &edges[k], (size_t)widths[w]);
                bad += got[0] != 1 || got[2] != 2 || got[1] != want;
            }
    CHECK_INT(bad, 0);
}

static void test_floats(void)
{
    jf_Recipe r = JF_RECIPE_INIT; /* [R0+8] = (float)[R0]; [R0+16] = (double)that */
    jf_recipe_put(&r, JF_INS(.op = JF_OP_LOADF, .a = JF_F1, .b = JF_R0, .w = 8));
    jf_recipe_put(&r, JF_INS(.op = JF_OP_CVTF, .a = JF_F0, .b = JF_F1, .w = 4));
    jf_recipe_put(
        &r, JF_INS(.op = JF_OP_STOREF, .a = JF_R0, .b = JF_F0, .off = 8, .w = 4));
    jf_recipe_put(
        &r, JF_INS(.op = JF_OP_LOADF, .a = JF_F1, .b = JF_R0, .off = 8, .w = 4));
    jf_recipe_put(&r, JF_INS(.op = JF_OP_CVTF, .a = JF_F1, .b = JF_F1, .w = 8));
    jf_move(&r, JF_F0, JF_F1);
    jf_recipe_put(
        &r, JF_INS(.op = JF_OP_STOREF, .a = JF_R0, .b = JF_F0, .off = 16, .w = 8));
    jf_return(&r, JF_NOREG, 0);
    double v[3] = {1.1, 0, 0};
    float f;
    made(&r, NULL)((uintptr_t)v, 0, 0);
    memcpy(&f, &v[1], 4);
    CHECK(f == 1.1f && v[2] == (double)1.1f);
}

/* --- helpers and places ---------------------------------------------------------------- */

static uint64_t helper_calls;

/* Leaves rubbish in every register it may. */
static uint64_t helper6(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                        uint64_t f)
{
    helper_calls++;
    __asm__ volatile("pcmpeqd %%xmm0,%%xmm0; movaps %%xmm0,%%xmm1;"
                     "movaps %%xmm0,%%xmm2; movaps %%xmm0,%%xmm3;"
                     "movaps %%xmm0,%%xmm4; movaps %%xmm0,%%xmm5;"
                     "movaps %%xmm0,%%xmm6; movaps %%xmm0,%%xmm7;"
                     "mov $-1,%%r10; mov $-1,%%r11; mov $-1,%%r9;"
                     "mov $-1,%%r8; mov $-1,%%rdi; mov $-1,%%rsi"
                     :
                     :
                     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
                       "xmm7", "r8", "r9", "r10", "r11", "rdi", "rsi");
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f;
}

static double helper_f(double x)
{
    return x * 2;
}

static uint64_t got_ints[10];
static double got_floats[10];

static uint64_t callee(uint64_t a, double k, uint64_t b, double l, uint64_t c,
                       double m, uint64_t d, double n, uint64_t e, double o,
                       uint64_t f, double p, uint64_t g, double q, uint64_t h,
                       double r, uint64_t i, double s, uint64_t j, double t)
{
    uint64_t ints[] = {a, b, c, d, e, f, g, h, i, j};
    double floats[] = {k, l, m, n, o, p, q, r, s, t};
    memcpy(got_ints, ints, sizeof ints);
    memcpy(got_floats, floats, sizeof floats);
    return 0x0123456789abcdef;
}

/* Arguments taken from [R1], a helper between any two of them: `mode` 0 none,
 * 1 in cold code that is skipped, 2 in cold code that runs, 3 in hot code. */
static void place_all(jf_Recipe *r, int n, int mode)
{
    for (int i = 0; i < 2 * n; i++) {
        uint32_t cold = jf_recipe_label(r), back = jf_recipe_label(r);
        if (mode == 1 || mode == 2) {
            jf_branch(r, JF_R2, JF_EQ, JF_NOREG, 12345, cold);
            jf_op(r, JF_OP_COLD);
            jf_label(r, cold);
        }
        if (mode) {
            for (int k = 0; k < 6; k++)
                jf_arg(r, k, k & 1 ? JF_NOREG : JF_R2, (uint64_t)k);
            jf_helper(r, JF_T1, (uintptr_t)helper6);
            jf_store(r, JF_R1, 8 * (2 * n + i), JF_T1, 8);
        }
        if (mode == 1 || mode == 2) {
            jf_jump(r, back);
            jf_op(r, JF_OP_HOT);
            jf_label(r, back);
        }
        if (i & 1) {
            jf_recipe_put(r, JF_INS(.op = JF_OP_LOADF, .a = JF_F0, .b = JF_R1,
                                    .off = 8 * i, .w = 8));
            jf_placef(r, i, JF_F0);
        } else {
            jf_load(r, JF_T0, JF_R1, 8 * i, 8, false);
            jf_place(r, i, JF_T0);
        }
    }
}

static jf_Type *mixed_type(int n)
{
    jf_Type *p[20];
    for (int i = 0; i < 2 * n; i++)
        p[i] = jf_type_prim(u, i & 1 ? JF_P_DOUBLE : JF_P_ULONG);
    return jf_type_func(u, jf_type_prim(u, JF_P_ULONG), p, (uint32_t)(2 * n), 0);
}

static void test_places(void)
{
    for (int n = 1; n <= 10; n++)
        for (int mode = 0; mode < 4; mode++) {
            jf_Type *fn = mixed_type(n);
            jf_Diag d = JF_DIAG_INIT;
            const jf_Plan *plan;
            CHECK_INT(jf_plan_of(u, fn, &plan, &d), JF_OK);
            jf_Recipe r = JF_RECIPE_INIT;
            place_all(&r, n, mode);
            jf_recipe_put(&r, JF_INS(.op = JF_OP_FOREIGN, .b = JF_R0));
            jf_recipe_put(&r, JF_INS(.op = JF_OP_RESULT, .a = JF_T2));
            jf_return(&r, JF_T2, 0);
            uint64_t in[41] = {0};
            uint64_t which = mode == 2 ? 12345 : 7;
            for (int i = 0; i < n; i++) {
                double x = 100.5 + i;
                in[2 * i] = 0x1111111111111111u * (unsigned)(i + 1);
                memcpy(&in[2 * i + 1], &x, 8);
            }
            in[4 * n] = 99;
            helper_calls = 0;
            uint64_t got = made(&r, plan)((uintptr_t)callee, (uintptr_t)in, which);
            int bad = got != 0x0123456789abcdef || in[4 * n] != 99;
            for (int i = 0; i < n; i++)
                bad += got_ints[i] != in[2 * i] || got_floats[i] != 100.5 + i;
            bool called = mode >= 2;
            bad += helper_calls != (called ? 2u * (unsigned)n : 0);
            for (int i = 0; called && i < 2 * n; i++)
                bad += in[2 * n + i] != which * (1 + 3 + 5) + 2 * 1 + 4 * 3 + 6 * 5;
            if (bad)
                printf("    n %d mode %d\n", n, mode);
            CHECK_INT(bad, 0);
            jf_type_unref(u, fn);
        }
}

/* Results of helpers go to any register, doubles to F; frame addresses hold. */
static void test_helpers(void)
{
    for (int a = JF_R0; a <= JF_T2; a++) {
        jf_Recipe r = JF_RECIPE_INIT;
        int32_t cell = jf_recipe_frame(&r, 24, 16);
        jf_store(&r, JF_FRAME, cell + 16, JF_R1, 8);
        for (int k = 0; k < 6; k++)
            jf_arg(&r, k, JF_NOREG, (uint64_t)k + 1);
        jf_helper(&r, (jf_Reg)a, (uintptr_t)helper6);
        jf_load(&r, a == JF_T0 ? JF_T1 : JF_T0, JF_FRAME, cell + 16, 8, false);
        jf_arith(&r, JF_OP_ADD, (jf_Reg)a, a == JF_T0 ? JF_T1 : JF_T0, 0);
        jf_return(&r, (jf_Reg)a, 0);
        CHECK_INT(made(&r, NULL)(1, 1000, 3), 1000 + 1 + 4 + 9 + 16 + 25 + 36);
    }
    jf_Recipe r = JF_RECIPE_INIT; /* a helper whose result is returned: a jump */
    for (int k = 0; k < 6; k++)
        jf_arg(&r, k, k < 3 ? (jf_Reg)(JF_R0 + k) : JF_NOREG, 1);
    jf_helper(&r, JF_T0, (uintptr_t)helper6);
    jf_return(&r, JF_T0, 0);
    CHECK_INT(made(&r, NULL)(1, 10, 100), 1 + 20 + 300 + 15);
    for (int k = 0; k < 3; k++) /* parameters in the wrong order */
        jf_arg(&r, k, (jf_Reg)(JF_R2 - k), 0);
    for (int k = 3; k < 6; k++)
        jf_arg(&r, k, JF_NOREG, 0);
    jf_helper(&r, JF_T0, (uintptr_t)helper6);
    jf_return(&r, JF_T0, 0);
    CHECK_INT(made(&r, NULL)(1, 10, 100), 100 + 20 + 3);
    jf_recipe_put(&r, JF_INS(.op = JF_OP_LOADF, .a = JF_F0, .b = JF_R0, .w = 8));
    jf_recipe_put(&r, JF_INS(.op = JF_OP_ARGF, .b = JF_F0, .w = 8));
    jf_recipe_put(
        &r, JF_INS(.op = JF_OP_HELPERF, .a = JF_F1, .imm = (uintptr_t)helper_f));
    jf_recipe_put(&r, JF_INS(.op = JF_OP_STOREF, .a = JF_R0, .b = JF_F1, .w = 8));
    jf_return(&r, JF_NOREG, 0);
    double x = 21.25;
    made(&r, NULL)((uintptr_t)&x, 0, 0);
    CHECK(x == 42.5);
    for (int k = 0; k < 7; k++)
        jf_arg(&r, k, JF_NOREG, 0);
    jf_helper(&r, JF_T0, (uintptr_t)helper6);
    jf_return(&r, JF_T0, 0);
    jf_Diag d = JF_DIAG_INIT;
    jf_Code *c;
    CHECK_INT(jf_compile(&r, NULL, "x", &c, &d), JF_UNSUPPORTED);
    CHECK_STR(d.message, "cannot encode a helper with more than six arguments");
    jf_diag_clear(&d);
    jf_recipe_free(&r);
}

/* A frame of many pages, touched at both ends. */
static void test_big_frame(void)
{
    jf_Recipe r = JF_RECIPE_INIT;
    int32_t at = jf_recipe_frame(&r, 100000, 16);
    jf_store(&r, JF_FRAME, at, JF_R0, 8);
    jf_store(&r, JF_FRAME, at + 99992, JF_R1, 8);
    jf_load(&r, JF_T0, JF_FRAME, at, 8, false);
    jf_load(&r, JF_T1, JF_FRAME, at + 99992, 8, false);
    jf_arith(&r, JF_OP_SUB, JF_T0, JF_T1, 0);
    jf_return(&r, JF_T0, 0);
    CHECK_INT(made(&r, NULL)(1000, 1, 0), 999);
}

static _Thread_local int tls_word __attribute__((tls_model("initial-exec")));

static void test_thread(void)
{
    char *tp = __builtin_thread_pointer();
    int32_t off = (int32_t)((char *)&tls_word - tp);
    jf_Recipe r = JF_RECIPE_INIT;
    jf_load(&r, JF_T0, JF_THREAD, off, 4, true);
    jf_store(&r, JF_THREAD, off, JF_R0, 4);
    jf_branchm(&r, JF_THREAD, off & ~7, JF_EQ, JF_NOREG, 0x7777777777777777,
               jf_recipe_label(&r));
    jf_return(&r, JF_T0, 0);
    jf_label(&r, 0);
    jf_lea(&r, JF_T0, JF_THREAD, off);
    jf_return(&r, JF_T0, 0);
    tls_word = -5;
    CHECK_INT((int64_t)made(&r, NULL)(17, 0, 0), -5);
    CHECK_INT(tls_word, 17);
    jf_lea(&r, JF_R3, JF_THREAD, off);
    jf_return(&r, JF_R3, 0);
    CHECK(made(&r, NULL)(0, 0, 0) == (uintptr_t)&tls_word);
}

/* --- values that end a page -------------------------------------------------------------- */

/* clang-format off */
#define SIZES(X)                                                               \
    X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) \
    X(15) X(16) X(17) X(18) X(19) X(21) X(23) X(25) X(31) X(33) X(100) X(129)  \
    X(135) X(300)
/* clang-format on */

#define X(n)                        \
    typedef struct {                \
        unsigned char c[n];         \
    } B##n;                         \
    static B##n add_one##n(B##n v)  \
    {                               \
        for (int k = 0; k < n; k++) \
            v.c[k]++;               \
        return v;                   \
    }
SIZES(X)
#undef X

/* Copy the argument from the very end of a page and the result to the end of
 * another: reading or writing one byte more faults. */
static void test_page_end(jf_Group *g)
{
    static const struct {
        unsigned n;
        void *fn;
    } rows[] = {
#define X(n) {n, (void *)add_one##n},
        SIZES(X)
#undef X
    };
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *base =
        mmap(NULL, 4 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mprotect(base, page, PROT_READ | PROT_WRITE) == 0);
    CHECK(mprotect(base + 2 * page, page, PROT_READ | PROT_WRITE) == 0);
    for (size_t k = 0; k < JF_COUNT(rows); k++) {
        unsigned n = rows[k].n;
        jf_Type *a = jf_type_array(u, jf_type_prim(u, JF_P_UCHAR), n, 0);
        jf_Type *t = jf_type_record(g, JF_STRUCT, NULL, 0);
        jf_Field f = {.name = "c", .type = a, .bits = -1};
        CHECK(jf_type_complete(g, t, &f, 1, 0));
        jf_type_unref(u, a);
        CHECK_INT(jf_layout(u->target, t, NULL), JF_OK);
        jf_Type *fn = jf_type_func(u, t, &t, 1, 0);
        const jf_Plan *plan;
        CHECK_INT(jf_plan_of(u, fn, &plan, NULL), JF_OK);
        jf_Recipe r = JF_RECIPE_INIT;
        jf_placem(&r, 0, JF_R1, 0);
        if (plan->sret != JF_SRET_NONE)
            jf_recipe_put(&r, JF_INS(.op = JF_OP_PLACERET, .b = JF_R2));
        jf_recipe_put(&r, JF_INS(.op = JF_OP_FOREIGN, .b = JF_R0));
        jf_recipe_put(&r, JF_INS(.op = JF_OP_RESULTM, .b = JF_R2));
        jf_return(&r, JF_NOREG, 0);
        unsigned char *from = (unsigned char *)base + page - n;
        unsigned char *to = (unsigned char *)base + 3 * page - n;
        int bad = 0;
        memset(base + 2 * page, 0xaa, page);
        for (unsigned i = 0; i < n; i++)
            from[i] = (unsigned char)(i * 3 + n);
        made(&r, plan)((uintptr_t)rows[k].fn, (uintptr_t)from, (uintptr_t)to);
        for (unsigned i = 0; i < n; i++)
            bad += to[i] != (unsigned char)(i * 3 + n + 1);
        CHECK_INT(bad, 0);
        CHECK_INT(to[-1], 0xaa);
        jf_type_unref(u, fn);
    }
    munmap(base, 4 * page);
}

/* Compiling fails cleanly wherever memory runs out. */
static int compile_step(void *ctx)
{
    const jf_Plan *plan = ctx;
    jf_Recipe r = JF_RECIPE_INIT;
    jf_Code *c = NULL;
    jf_Diag d = JF_DIAG_INIT;
    place_all(&r, 10, 2);
    jf_recipe_put(&r, JF_INS(.op = JF_OP_FOREIGN, .b = JF_R0));
    jf_return(&r, JF_NOREG, 0);
    jf_Status st = jf_compile(&r, plan, "jiffi:memory", &c, &d);
    if (st == JF_OK)
        jf_code_free(c);
    else
        CHECK_INT(st, JF_NOMEM);
    jf_recipe_free(&r);
    jf_diag_clear(&d);
    return st == JF_OK;
}

/* --- what only functions of many calls need ------------------------------------------ */

static long six(long a, long b, long c, long d, long e, long f)
{
    return a + 10 * b + 100 * c + 1000 * d + 10000 * e + 100000 * f;
}

/* Divisions and shifts leave placed arguments alone, rdx and rcx among them. */
static void test_kept(void)
{
    static const struct {
        jf_Op op;
        int w;
        bool s;
        uint64_t a, b, want;
    } rows[] = {
        {JF_OP_DIV, 8, true, (uint64_t)-100, 7, (uint64_t)-14},
        {JF_OP_DIV, 8, false, (uint64_t)-100, 7, 2635249153387078788},
        {JF_OP_DIV, 4, true, (uint32_t)-100, 7, (uint32_t)-14},
        {JF_OP_DIV, 4, false, (uint32_t)-100, 7, 613566742},
        {JF_OP_MOD, 8, true, (uint64_t)-100, 7, (uint64_t)-2},
        {JF_OP_MOD, 4, false, (uint32_t)-100, 7, 2},
        {JF_OP_SHLV, 8, false, 3, 66, 12},
        {JF_OP_SHRV, 8, false, (uint64_t)-1, 60, 15},
        {JF_OP_SARV, 8, false, (uint64_t)1 << 63, 63, UINT64_MAX},
    };
    jf_Type *word = jf_type_prim(u, JF_P_LONG);
    jf_Type *params[6] = {word, word, word, word, word, word};
    jf_Type *fn = jf_type_func(u, word, params, 6, 0);
    const jf_Plan *plan = NULL;
    jf_Diag d = JF_DIAG_INIT;
    CHECK_INT(jf_plan_of(u, fn, &plan, &d), JF_OK);
    for (size_t k = 0; k < JF_COUNT(rows); k++) {
        jf_Recipe r = JF_RECIPE_INIT;
        uint64_t out[2] = {0, 0};
        for (int n = 0; n < 6; n++)
            jf_recipe_put(&r, JF_INS(.op = JF_OP_PLACE, .c = (uint16_t)n,
                                     .b = JF_NOREG, .imm = (uint64_t)n + 1));
        jf_const(&r, JF_T0, rows[k].a);
        jf_const(&r, JF_T1, rows[k].b);
        jf_recipe_put(&r, JF_INS(.op = (uint8_t)rows[k].op, .a = JF_T0, .b = JF_T1,
                                 .w = (uint8_t)rows[k].w, .s = rows[k].s));
        jf_store(&r, JF_R0, 0, JF_T0, 8);
        jf_recipe_put(&r, JF_INS(.op = JF_OP_FOREIGN, .b = JF_R1));
        jf_recipe_put(&r, JF_INS(.op = JF_OP_RESULT, .a = JF_T0));
        jf_return(&r, JF_T0, 0);
        uint64_t got = made(&r, plan)((uintptr_t)out, (uintptr_t)six, 0);
        CHECK_INT(got, 654321);
        CHECK_INT(out[0], rows[k].want);
    }
    jf_type_unref(u, fn);
}

/* R0 to R3 are a thunk's; a function has none. */
static void test_function_refused(void)
{
    jf_Recipe r = JF_RECIPE_INIT;
    jf_Type *fn = jf_type_func(u, jf_type_prim(u, JF_P_VOID), NULL, 0, 0);
    const jf_Plan *plan = NULL;
    jf_Code *c;
    jf_Diag d = JF_DIAG_INIT;
    CHECK_INT(jf_plan_of(u, fn, &plan, &d), JF_OK);
    jf_op(&r, JF_OP_ENTER);
    jf_move(&r, JF_T0, JF_R2);
    jf_recipe_put(&r, JF_INS(.op = JF_OP_LEAVE, .b = JF_NOREG));
    CHECK_INT(jf_compile(&r, plan, "x", &c, &d), JF_UNSUPPORTED);
    CHECK_STR(d.message, "cannot encode registers that are kept, in a recipe that "
                         "is a C function");
    jf_diag_clear(&d);
    jf_recipe_free(&r);
    jf_type_unref(u, fn);
}

int main(void)
{
    u = jf_engine_universe(NULL);
    if (!jf_can_compile()) {
        printf("test_thunk: no machine code here: nothing to test\n");
        jf_universe_free(u);
        return 77;
    }
    test_arithmetic();
    test_immediates();
    test_conditions();
    test_flags();
    test_loops();
    test_memory();
    test_floats();
    test_places();
    test_helpers();
    test_kept();
    test_function_refused();
    test_big_frame();
    test_thread();
    jf_Group *g = jf_group_new(u);
    test_page_end(g);
    jf_group_unref(g);
    jf_Type *fn = mixed_type(10);
    const jf_Plan *plan;
    CHECK_INT(jf_plan_of(u, fn, &plan, NULL), JF_OK);
    /* A block that stays, so that regions and symbol pages exist already. */
    jf_Code *keep[5] = {0};
    jf_Recipe r = JF_RECIPE_INIT;
    jf_return(&r, JF_NOREG, 0);
    CHECK_INT(jf_compile(&r, NULL, "jiffi:keep", &keep[0], NULL), JF_OK);
    jf_recipe_free(&r);
    check_memory(compile_step, (void *)(uintptr_t)plan);
    jf_code_free(keep[0]);
    jf_type_unref(u, fn);
    jf_code_free(last_code);
    jf_universe_free(u);
    return check_report("test_thunk");
}
