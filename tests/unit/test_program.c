/* SPDX-License-Identifier: MIT
 *
 * Programs: what the checker refuses, how a listing looks, operations at their
 * edges by machine code and by the interpreter, memory running out. What random
 * programs compute is compared with a C compiler by tests/program/fuzz.py.
 */
#include "check.h"

#include "engine/engine.h"

#include <errno.h>
#include <math.h>

static jf_Universe *u;

static const jf_Prim prims[] = {
    [JF_S_I8] = JF_P_SCHAR,   [JF_S_U8] = JF_P_UCHAR,     [JF_S_I16] = JF_P_SHORT,
    [JF_S_U16] = JF_P_USHORT, [JF_S_I32] = JF_P_INT,      [JF_S_U32] = JF_P_UINT,
    [JF_S_I64] = JF_P_LONG,   [JF_S_U64] = JF_P_ULONG,    [JF_S_F32] = JF_P_FLOAT,
    [JF_S_F64] = JF_P_DOUBLE, [JF_S_BLOCK] = JF_P_LDOUBLE};

static jf_Type *type(jf_Scalar k)
{
    return jf_type_prim(u, prims[k]);
}

/* A function type of `n` parameters of kind `from` that gives `to`. */
static jf_Type *function(jf_Scalar to, jf_Scalar from, uint32_t n)
{
    jf_Type *params[8];
    for (uint32_t i = 0; i < n; i++)
        params[i] = type(from);
    return jf_type_func(u, type(to), params, n, 0);
}

static const jf_Plan *plan(jf_Type *fn)
{
    const jf_Plan *p = NULL;
    jf_Diag d = JF_DIAG_INIT;
    CHECK_INT(jf_plan_of(u, fn, &p, &d), JF_OK);
    return p;
}

static uint32_t put(jf_Program *p, jf_Scalar kind, jf_ProgramIns in)
{
    in.v = jf_program_value(p, kind, 0, 0);
    jf_program_put(p, in);
    return in.v;
}

static void result(jf_Program *p, uint32_t v)
{
    jf_program_put(p,
                   (jf_ProgramIns){.op = JF_PR_RESULT, .v = JF_NO_VALUE, .a = v});
}

/* --- the checker ------------------------------------------------------------------ */

/* v0 = PARAM 0 f64, v1 = CONST i32, v2 f64, v3 block of 16, then one instruction. */
static void test_check(void)
{
    static const struct {
        jf_ProgramIns in;
        const char *want; /* NULL: it is fine */
    } rows[] = {
        {{.op = JF_PR_ADD, .v = 2, .a = 0, .b = 0}, NULL},
        {{.op = JF_PR_COUNT}, "instruction 2 (?): no operation has the number 26"},
        {{.op = JF_PR_ADD, .v = 2, .a = 0, .b = 1},
         "instruction 2 (ADD): v2 is f64, v1 is i32"},
        {{.op = JF_PR_ADD, .v = 2, .a = 0, .b = 2},
         "instruction 2 (ADD): v2 is read before it is made"},
        {{.op = JF_PR_ADD, .v = 2, .a = 0, .b = 9},
         "instruction 2 (ADD): there is no value v9"},
        {{.op = JF_PR_ADD, .v = 9, .a = 0, .b = 0},
         "instruction 2 (ADD): there is no value v9 to make"},
        {{.op = JF_PR_ADD, .v = 0, .a = 0, .b = 0},
         "instruction 2 (ADD): v0 is made twice"},
        {{.op = JF_PR_XOR, .v = 2, .a = 0, .b = 0},
         "instruction 2 (XOR): v2 is f64: wanted is an integer"},
        {{.op = JF_PR_MOD, .v = 2, .a = 0, .b = 0},
         "instruction 2 (MOD): v2 is f64: wanted is an integer"},
        {{.op = JF_PR_PARAM, .v = 2, .imm = 1},
         "instruction 2 (PARAM): the program has 1 parameters"},
        {{.op = JF_PR_PARAM, .v = 3, .imm = 0},
         "instruction 2 (PARAM): parameter 0 is v3, block of 16 bytes; wanted is a "
         "floating-point number of 8 bytes"},
        {{.op = JF_PR_LOAD, .v = 2, .a = 0},
         "instruction 2 (LOAD): v0 is f64: an address is u64"},
        {{.op = JF_PR_LOCAL, .v = 2},
         "instruction 2 (LOCAL): v2 is f64: an address is u64"},
        {{.op = JF_PR_PART, .v = 2, .a = 0},
         "instruction 2 (PART): v0 is f64: only blocks have parts"},
        {{.op = JF_PR_COMPARE, .v = 2, .a = 0, .b = 0},
         "instruction 2 (COMPARE): v2 is f64: 1 or 0 is i32"},
        {{.op = JF_PR_SELECT, .v = 2, .a = 1, .b = 0, .c = 1},
         "instruction 2 (SELECT): v2 is f64, v1 is i32"},
        {{.op = JF_PR_CAST, .v = 3, .a = 0},
         "instruction 2 (CAST): v3 is block: wanted is a number"},
        {{.op = JF_PR_CALL, .v = 2, .imm = 3},
         "instruction 2 (CALL): there is no call 3"},
        {{.op = JF_PR_RESULT, .v = JF_NO_VALUE, .a = 0},
         "instruction 2 (RESULT): it is not the last instruction"},
    };
    jf_Type *fn = function(JF_S_F64, JF_S_F64, 1);
    for (size_t k = 0; k < JF_COUNT(rows); k++) {
        jf_Program p;
        jf_Diag d = JF_DIAG_INIT;
        jf_program_init(&p, plan(fn));
        put(&p, JF_S_F64, (jf_ProgramIns){.op = JF_PR_PARAM});
        put(&p, JF_S_I32, (jf_ProgramIns){.op = JF_PR_CONST, .imm = 5});
        jf_program_value(&p, JF_S_F64, 0, 0);
        jf_program_value(&p, JF_S_BLOCK, 16, 8);
        jf_program_put(&p, rows[k].in);
        result(&p, 0);
        CHECK_INT(jf_program_check(&p, &d), rows[k].want ? JF_SEMANTIC : JF_OK);
        if (rows[k].want)
            CHECK_STR(d.message, rows[k].want);
        jf_diag_clear(&d);
        jf_program_free(&p);
    }
}

/* What a program as a whole can be wrong in. */
static void test_check_whole(void)
{
    jf_Type *fn = function(JF_S_I32, JF_S_F64, 1);
    jf_Diag d = JF_DIAG_INIT;
    jf_Program p;
    jf_Fused *f = NULL;
    jf_program_init(&p, plan(fn));
    CHECK_INT(jf_program_check(&p, &d), JF_SEMANTIC);
    CHECK_STR(d.message, "the program gives nothing, and its type says 4 bytes");
    jf_diag_clear(&d);
    uint32_t x = put(&p, JF_S_F64, (jf_ProgramIns){.op = JF_PR_PARAM});
    uint32_t y = jf_program_call(&p, plan(fn), NULL, (void *)&d, "f", &x, JF_S_I32);
    result(&p, y);
    CHECK_INT(jf_fused_new(u, fn, &p, "f", true, &f, &d), JF_SEMANTIC);
    CHECK_STR(d.message, "call 0 of the program has no call of the engine");
    jf_diag_clear(&d);
    p.args[0] = y;
    CHECK_INT(jf_program_check(&p, &d), JF_SEMANTIC);
    CHECK_STR(d.message, "instruction 1 (CALL): v1 is read before it is made");
    jf_diag_clear(&d);
    jf_program_free(&p);
}

static void test_print(void)
{
    jf_Type *fn = function(JF_S_F64, JF_S_F64, 1);
    jf_Program p;
    jf_Buf out = JF_BUF_INIT;
    jf_program_init(&p, plan(fn));
    uint32_t x = put(&p, JF_S_F64, (jf_ProgramIns){.op = JF_PR_PARAM});
    uint32_t c = put(&p, JF_S_F64,
                     (jf_ProgramIns){.op = JF_PR_CONST, .imm = 0x4004000000000000});
    uint32_t i =
        put(&p, JF_S_I8, (jf_ProgramIns){.op = JF_PR_CONST, .imm = UINT64_MAX});
    uint32_t y = jf_program_call(&p, plan(fn), NULL, &p, "sin", &x, JF_S_F64);
    uint32_t z =
        put(&p, JF_S_F64, (jf_ProgramIns){.op = JF_PR_MUL, .a = y, .b = c});
    uint32_t t =
        put(&p, JF_S_I32,
            (jf_ProgramIns){.op = JF_PR_COMPARE, .a = z, .b = x, .cc = JF_LE});
    uint32_t m = jf_program_value(&p, JF_S_U64, 24, 8);
    jf_program_put(&p, (jf_ProgramIns){.op = JF_PR_LOCAL, .v = m});
    jf_program_put(
        &p, (jf_ProgramIns){
                .op = JF_PR_STORE, .v = JF_NO_VALUE, .a = m, .b = i, .off = 3});
    z = put(&p, JF_S_F64,
            (jf_ProgramIns){.op = JF_PR_SELECT, .a = t, .b = z, .c = x});
    result(&p, z);
    jf_program_print(&p, &out);
    CHECK_STR(out.p, "v0 = PARAM 0  f64\n"
                     "v1 = CONST 2.5  f64\n"
                     "v2 = CONST -1  i8\n"
                     "v3 = CALL sin(v0)  f64\n"
                     "v4 = MUL v3, v1  f64\n"
                     "v5 = COMPARE v4 LE, v0  i32\n"
                     "v6 = LOCAL  u64 24 align 8\n"
                     "STORE v6 + 3, v2\n"
                     "v7 = SELECT v5, v4, v0  f64\n"
                     "RESULT v7\n");
    jf_buf_free(&out);
    jf_program_free(&p);
}

/* --- operations at their edges ------------------------------------------------------ */

/* One operation on two values of a kind, as a function; by code, then not. */
static void check_op(jf_ProgramIns op, jf_Scalar from, jf_Scalar to, uint64_t a,
                     uint64_t b, uint64_t want)
{
    jf_Type *fn = function(to, from, 2);
    jf_Diag d = JF_DIAG_INIT;
    for (int code = 1; code >= 0; code--) {
        _Alignas(16) uint64_t slots[2] = {a, b}, ret[2] = {0, 0};
        jf_Program p;
        jf_Fused *f = NULL;
        jf_Call *call = NULL;
        jf_program_init(&p, plan(fn));
        op.a = put(&p, from, (jf_ProgramIns){.op = JF_PR_PARAM, .imm = 0});
        op.b = put(&p, from, (jf_ProgramIns){.op = JF_PR_PARAM, .imm = 1});
        result(&p, put(&p, to, op));
        CHECK_INT(jf_call_new(u, fn, NULL, 0, &call, &d), JF_OK);
        if (CHECK_INT(jf_fused_new(u, fn, &p, "op", code, &f, &d), JF_OK))
            jf_call(call, jf_fused_address(f), slots, ret);
        uint64_t mask = jf_scalar_size(to) == 8 ? UINT64_MAX : 0;
        mask = mask ? mask : ((uint64_t)1 << 8 * jf_scalar_size(to)) - 1;
        if (!CHECK_INT(ret[0] & mask, want & mask))
            printf("    operation %d of %s, %s\n", op.op, jf_scalar_name(from),
                   code ? "code" : "interpreter");
        jf_fused_free(f);
        jf_call_free(call);
        jf_program_free(&p);
    }
}

static uint64_t f64(double x)
{
    uint64_t w;
    memcpy(&w, &x, 8);
    return w;
}

static uint64_t f32(float x)
{
    uint32_t w;
    memcpy(&w, &x, 4);
    return w;
}

static void test_integers(void)
{
    static const struct {
        uint8_t op, kind;
        uint64_t a, b, want;
    } rows[] = {
        {JF_PR_ADD, JF_S_I8, 127, 1, 128},
        {JF_PR_MUL, JF_S_U16, 0xffff, 0xffff, 1},
        {JF_PR_NEG, JF_S_I32, 0x80000000, 0, 0x80000000},
        {JF_PR_DIV, JF_S_I64, (uint64_t)1 << 63, UINT64_MAX, (uint64_t)1 << 63},
        {JF_PR_DIV, JF_S_I32, 0x80000000, 0xffffffff, 0x80000000},
        {JF_PR_DIV, JF_S_I8, 0x80, 0xff, 0x80},
        {JF_PR_DIV, JF_S_I32, 7, 0, 0},
        {JF_PR_DIV, JF_S_I32, (uint32_t)-7, 2, (uint32_t)-3},
        {JF_PR_DIV, JF_S_U32, (uint32_t)-7, 2, 0x7ffffffc},
        {JF_PR_DIV, JF_S_U64, UINT64_MAX, 3, 0x5555555555555555},
        {JF_PR_MOD, JF_S_I64, (uint64_t)1 << 63, UINT64_MAX, 0},
        {JF_PR_MOD, JF_S_I64, (uint64_t)-7, 2, (uint64_t)-1},
        {JF_PR_MOD, JF_S_U8, 200, 0, 0},
        {JF_PR_FLOORDIV, JF_S_I32, (uint32_t)-7, 2, (uint32_t)-4},
        {JF_PR_FLOORDIV, JF_S_I64, (uint64_t)1 << 63, UINT64_MAX,
         (uint64_t)1 << 63},
        {JF_PR_FLOORDIV, JF_S_I64, 5, 0, 0},
        {JF_PR_FLOORMOD, JF_S_I32, (uint32_t)-7, 2, 1},
        {JF_PR_FLOORMOD, JF_S_I32, 7, (uint32_t)-2, (uint32_t)-1},
        {JF_PR_SHL, JF_S_I32, 1, 33, 2},
        {JF_PR_SHL, JF_S_U8, 0x81, 1, 2},
        {JF_PR_SHR, JF_S_I16, 0x8000, 15, 0xffff},
        {JF_PR_SHR, JF_S_U16, 0x8000, 15, 1},
        {JF_PR_SHR, JF_S_U64, (uint64_t)1 << 63, 64, (uint64_t)1 << 63},
    };
    for (size_t k = 0; k < JF_COUNT(rows); k++)
        check_op((jf_ProgramIns){.op = rows[k].op}, (jf_Scalar)rows[k].kind,
                 (jf_Scalar)rows[k].kind, rows[k].a, rows[k].b, rows[k].want);
}

static void test_floats(void)
{
    const struct {
        uint8_t op;
        double a, b, want;
    } rows[] = {
        {JF_PR_DIV, 1, 0, INFINITY},
        {JF_PR_NEG, 0.0, 0, -0.0},
        {JF_PR_FLOORDIV, -7, 2, -4},
        {JF_PR_FLOORDIV, 7, 0, INFINITY},
        {JF_PR_FLOORDIV, -0.0, 5, -0.0},
        {JF_PR_FLOORDIV, 1, INFINITY, 0},
        {JF_PR_FLOORDIV, -1, INFINITY, -1},
        {JF_PR_FLOORMOD, -7, 2, 1},
        {JF_PR_FLOORMOD, 7, -2, -1},
        {JF_PR_FLOORMOD, 6, -2, -0.0},
        {JF_PR_FLOORMOD, -1, INFINITY, INFINITY},
    };
    errno = 7;
    for (size_t k = 0; k < JF_COUNT(rows); k++) {
        check_op((jf_ProgramIns){.op = rows[k].op}, JF_S_F64, JF_S_F64,
                 f64(rows[k].a), f64(rows[k].b), f64(rows[k].want));
        check_op((jf_ProgramIns){.op = rows[k].op}, JF_S_F32, JF_S_F32,
                 f32((float)rows[k].a), f32((float)rows[k].b),
                 f32((float)rows[k].want));
    }
    CHECK_INT(errno, 7);
}

static void test_casts(void)
{
    const uint64_t top = (uint64_t)1 << 63;
    const struct {
        uint8_t from, to;
        uint64_t a, want;
    } rows[] = {
        {JF_S_U64, JF_S_F64, top | 1 << 10 | 1, f64(0x1.0000000000001p63)},
        {JF_S_U64, JF_S_F64, top | 1 << 10, f64(0x1p63)},
        {JF_S_U64, JF_S_F32, top | (uint64_t)1 << 39 | 1, f32(0x1.000002p63f)},
        {JF_S_I64, JF_S_F32, (uint64_t)-1, f32(-1)},
        {JF_S_U32, JF_S_F64, 0xffffffff, f64(4294967295.0)},
        {JF_S_F64, JF_S_U64, f64(0x1.8p63), (uint64_t)3 << 62},
        {JF_S_F64, JF_S_U64, f64(0x1p64), 0},
        {JF_S_F64, JF_S_U64, f64(-1), UINT64_MAX},
        {JF_S_F32, JF_S_U64, f32(0x1.8p63f), (uint64_t)3 << 62},
        {JF_S_F64, JF_S_I64, f64(1e300), top},
        {JF_S_F64, JF_S_I32, f64(4294967296.0 + 5), 5},
        {JF_S_F64, JF_S_I8, f64(-129.9), (uint64_t)-129},
        {JF_S_F64, JF_S_U64, f64(NAN), top},
        {JF_S_I8, JF_S_U64, 0x80, (uint64_t)-128},
        {JF_S_U8, JF_S_I64, 0x80, 128},
        {JF_S_F64, JF_S_F32, f64(1e300), f32(INFINITY)},
    };
    for (size_t k = 0; k < JF_COUNT(rows); k++)
        check_op((jf_ProgramIns){.op = JF_PR_CAST}, (jf_Scalar)rows[k].from,
                 (jf_Scalar)rows[k].to, rows[k].a, 0, rows[k].want);
}

/* Every condition over less, equal, greater, and no number. */
static void test_comparisons(void)
{
    static const char *const holds[] = {
        [JF_EQ] = "0100", [JF_NE] = "1011", [JF_LT] = "1000",
        [JF_LE] = "1100", [JF_GT] = "0010", [JF_GE] = "0110"};
    const uint64_t a[4] = {(uint64_t)-3, 4, 5, 0}, b[4] = {4, 4, (uint64_t)-4, 0};
    const double x[4] = {-3, 4, 5, NAN}, y[4] = {4, 4, -4, 1};
    for (unsigned cc = JF_EQ; cc <= JF_GE; cc++) {
        jf_ProgramIns in = {.op = JF_PR_COMPARE, .cc = (uint8_t)cc};
        for (int k = 0; k < 4; k++) {
            uint64_t want = holds[cc][k] == '1';
            check_op(in, JF_S_F64, JF_S_I32, f64(x[k]), f64(y[k]), want);
            check_op(in, JF_S_F32, JF_S_I32, f32((float)x[k]), f32((float)y[k]),
                     want);
            if (k == 3)
                continue;
            check_op(in, JF_S_I16, JF_S_I32, a[k], b[k], want);
            /* Unsigned, what is below zero is the greater one. */
            check_op(in, JF_S_U64, JF_S_I32, b[k], a[k], want);
        }
    }
}

/* --- failures ------------------------------------------------------------------------ */

static int add(int a, int b)
{
    return a + b;
}

/* A program of one call, built, compiled, run and dropped. */
static int build_all(void *code)
{
    jf_Type *fn = function(JF_S_I32, JF_S_I32, 2);
    jf_Call *call = NULL;
    jf_Diag d = JF_DIAG_INIT;
    jf_Fused *f = NULL;
    jf_Program p;
    int done = 0;
    if (fn && jf_call_new(u, fn, NULL, 0, &call, &d) == JF_OK) {
        uint32_t x[2];
        jf_program_init(&p, jf_call_plan(call));
        x[0] = put(&p, JF_S_I32, (jf_ProgramIns){.op = JF_PR_PARAM, .imm = 0});
        x[1] = put(&p, JF_S_I32, (jf_ProgramIns){.op = JF_PR_PARAM, .imm = 1});
        result(&p, jf_program_call(&p, jf_call_plan(call), call,
                                   (void *)(uintptr_t)add, "add", x, JF_S_I32));
        jf_Status st = jf_fused_new(u, fn, &p, "sum", code != NULL, &f, &d);
        done = st == JF_OK;
        CHECK(done || st == JF_NOMEM);
        if (done)
            CHECK_INT(((int (*)(int, int))(uintptr_t)jf_fused_address(f))(2, 3), 5);
        jf_fused_free(f);
        jf_program_free(&p);
    }
    jf_call_free(call);
    jf_diag_clear(&d);
    if (fn)
        jf_type_unref(u, fn);
    return done;
}

/* More memory than machine code keeps on the stack: the interpreter has it. */
static void test_big(void)
{
    jf_Type *fn = function(JF_S_U64, JF_S_U64, 0);
    jf_Diag d = JF_DIAG_INIT;
    jf_Fused *f = NULL;
    jf_Program p;
    jf_program_init(&p, plan(fn));
    uint32_t m = jf_program_value(&p, JF_S_U64, 100000, 4096);
    jf_program_put(&p, (jf_ProgramIns){.op = JF_PR_LOCAL, .v = m});
    uint32_t c = put(&p, JF_S_U64, (jf_ProgramIns){.op = JF_PR_CONST, .imm = 4095});
    result(&p, put(&p, JF_S_U64, (jf_ProgramIns){.op = JF_PR_AND, .a = m, .b = c}));
    if (CHECK_INT(jf_fused_new(u, fn, &p, "big", true, &f, &d), JF_OK)) {
        if (jf_can_compile())
            CHECK_STR(jf_fused_why_not(f),
                      "its values take 104128 bytes, and machine code keeps no "
                      "more than 32768 on the stack");
        uint64_t rest = ((uint64_t(*)(void))(uintptr_t)jf_fused_address(f))();
        CHECK_INT(rest, 0);
        CHECK(jf_fused_program(f)->n_ins == 4);
    }
    jf_fused_free(f);
    jf_program_free(&p);
}

/* A long chain keeps one cell: 20,000 values that are read twice fit the stack. */
static void test_long(void)
{
    enum { LENGTH = 20000 };
    jf_Type *fn = function(JF_S_U32, JF_S_U32, 1);
    jf_Diag d = JF_DIAG_INIT;
    jf_Fused *f = NULL;
    jf_Program p;
    jf_program_init(&p, plan(fn));
    uint32_t x = put(&p, JF_S_U32, (jf_ProgramIns){.op = JF_PR_PARAM}), y = x,
             want = 3;
    for (int k = 0; k < LENGTH; k++) {
        uint32_t z =
            put(&p, JF_S_U32, (jf_ProgramIns){.op = JF_PR_ADD, .a = y, .b = y});
        y = put(&p, JF_S_U32, (jf_ProgramIns){.op = JF_PR_NOT, .a = z});
        y = put(&p, JF_S_U32, (jf_ProgramIns){.op = JF_PR_XOR, .a = y, .b = x});
        y = put(&p, JF_S_U32, (jf_ProgramIns){.op = JF_PR_SUB, .a = y, .b = z});
        want = (~(want + want) ^ 3) - (want + want);
    }
    result(&p, y);
    if (CHECK_INT(jf_fused_new(u, fn, &p, "long", true, &f, &d), JF_OK)) {
        CHECK(!jf_can_compile() || !jf_fused_why_not(f));
        CHECK_INT(((uint32_t(*)(uint32_t))(uintptr_t)jf_fused_address(f))(3), want);
    }
    jf_fused_free(f);
    jf_program_free(&p);
}

static long double half(double x)
{
    return x / 2;
}

/* A result that nobody takes still leaves its place: the x87 stack has eight. */
static void test_not_taken(void)
{
    jf_Type *fn = function(JF_S_BLOCK, JF_S_F64, 1);
    jf_Diag d = JF_DIAG_INIT;
    jf_Call *call = NULL;
    CHECK_INT(jf_call_new(u, fn, NULL, 0, &call, &d), JF_OK);
    for (int code = 1; code >= 0; code--) {
        jf_Fused *f = NULL;
        jf_Program p;
        jf_program_init(&p, plan(fn));
        uint32_t x = put(&p, JF_S_F64, (jf_ProgramIns){.op = JF_PR_PARAM});
        uint32_t y =
            jf_program_call(&p, jf_call_plan(call), call, (void *)(uintptr_t)half,
                            "half", &x, JF_S_BLOCK);
        for (int k = 0; k < 20; k++) /* the same call again */
            jf_program_put(&p, (jf_ProgramIns){.op = JF_PR_CALL, .v = JF_NO_VALUE});
        result(&p, y);
        if (CHECK_INT(jf_fused_new(u, fn, &p, "half", code, &f, &d), JF_OK))
            CHECK(((long double (*)(double))(uintptr_t)jf_fused_address(f))(5) ==
                  2.5L);
        jf_fused_free(f);
        jf_program_free(&p);
    }
    CHECK(half(7) + half(9) == 8);
    jf_call_free(call);
}

static void test_variadic(void)
{
    jf_Type *i = type(JF_S_I32);
    jf_Type *fn = jf_type_func(u, i, &i, 1, JF_T_VARIADIC);
    jf_Program p;
    jf_Fused *f = NULL;
    jf_Diag d = JF_DIAG_INIT;
    jf_program_init(&p, plan(fn));
    CHECK_INT(jf_fused_new(u, fn, &p, "f", true, &f, &d), JF_UNSUPPORTED);
    CHECK_STR(d.message,
              "a fused function cannot take a variable number of arguments");
    jf_diag_clear(&d);
    jf_program_free(&p);
}

int main(void)
{
    u = jf_engine_universe(NULL);
    int code = 1;
    test_check();
    test_check_whole();
    test_print();
    test_integers();
    test_floats();
    test_casts();
    test_comparisons();
    test_big();
    test_long();
    test_variadic();
    test_not_taken();
    build_all(&code); /* what is kept for good is made before blocks are counted */
    build_all(NULL);
    check_memory(build_all, &code);
    check_memory(build_all, NULL);
    return check_report("test_program");
}
