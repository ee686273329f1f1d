/* SPDX-License-Identifier: MIT
 *
 * Plans as rows: a function `f`, and what jf_plan_print says of it. tests/abi
 * compares thousands more with compilers; these are for reading.
 */
#include "check.h"
#include "core/abi/abi.h"
#include "core/layout/layout.h"
#include "core/parse/parse.h"

typedef struct Row {
    const jf_Target *target;
    const char *text;   /* declares f; `e` is the type of extra arguments */
    unsigned extra;     /* arguments of type e behind `...` */
    const char *wanted; /* or the message, after '!' */
} Row;

#define X64 &jf_target_x64_linux
#define X86 &jf_target_x86_linux
#define A64 &jf_target_a64_linux
#define WIN &jf_target_x64_windows
#define MAC &jf_target_a64_apple

static const Row rows[] = {
    /* System V */
    {X64, "int f(int a, double b, void *c, unsigned char d);", 0,
     "arg 0 slot 0: rdi[0..3] sign\n"
     "arg 1 slot 8: xmm0[0..7]\n"
     "arg 2 slot 16: rsi[0..7]\n"
     "arg 3 slot 24: rdx[0..0] zero\n"
     "result: rax[0..3] sign\n"
     "stack 0 slots 32 vec 1\n"},
    {X64, "struct s { double x; long n; }; struct s f(struct s a);", 0,
     "arg 0 slot 0: xmm0[0..7] rdi[8..15]\n"
     "result: xmm0[0..7] rax[8..15]\n"
     "stack 0 slots 16 vec 1\n"},
    /* a struct that does not fit whole goes whole; later ones still fit */
    {X64,
     "struct s { long a, b; }; void f(long, long, long, long, long, "
     "struct s x, long y, char z);",
     0,
     "arg 0 slot 0: rdi[0..7]\narg 1 slot 8: rsi[0..7]\n"
     "arg 2 slot 16: rdx[0..7]\narg 3 slot 24: rcx[0..7]\n"
     "arg 4 slot 32: r8[0..7]\n"
     "arg 5 slot 40: stack+0[0..15]\n"
     "arg 6 slot 56: r9[0..7]\n"
     "arg 7 slot 64: stack+16[0..0]\n"
     "result: nothing\n"
     "stack 32 slots 80 vec 0\n"},
    {X64, "struct s { char c[17]; }; struct s f(int);", 0,
     "arg 0 slot 0: rsi[0..3] sign\n"
     "result: address first\n"
     "stack 0 slots 16 vec 0\n"},
    {X64, "struct s { float a, b, c; }; float f(struct s);", 0,
     "arg 0 slot 0: xmm0[0..7] xmm1[8..11]\n"
     "result: xmm0[0..3]\nstack 0 slots 16 vec 2\n"},
    {X64, "struct s { int i; float f; }; struct s f(struct s);", 0,
     "arg 0 slot 0: rdi[0..7]\n"
     "result: rax[0..7]\nstack 0 slots 16 vec 0\n"},
    {X64,
     "struct s { char c; int i; } __attribute__((packed)); struct s f(struct s);",
     0,
     "arg 0 slot 0: stack+0[0..4]\n"
     "result: address first\nstack 16 slots 16 vec 0\n"},
    {X64, "long double f(long double, _Complex double);", 0,
     "arg 0 slot 0: stack+0[0..15]\n"
     "arg 1 slot 16: xmm0[0..7] xmm1[8..15]\n"
     "result: st0[0..9]\nstack 16 slots 32 vec 2\n"},
    {X64, "long double _Complex f(float _Complex);", 0,
     "arg 0 slot 0: xmm0[0..7]\n"
     "result: st0[0..9] st1[16..25]\nstack 0 slots 16 vec 1\n"},
    {X64, "__int128 f(int, int, int, int, int, __int128, int);", 0,
     "arg 0 slot 0: rdi[0..3] sign\narg 1 slot 8: rsi[0..3] sign\n"
     "arg 2 slot 16: rdx[0..3] sign\narg 3 slot 24: rcx[0..3] sign\n"
     "arg 4 slot 32: r8[0..3] sign\n"
     "arg 5 slot 48: stack+0[0..15]\n"
     "arg 6 slot 64: r9[0..3] sign\n"
     "result: rax[0..7] rdx[8..15]\nstack 16 slots 80 vec 0\n"},
    {X64, "typedef float v __attribute__((vector_size(16))); v f(v, _Float128);", 0,
     "arg 0 slot 0: xmm0[0..15]\narg 1 slot 16: xmm1[0..15]\n"
     "result: xmm0[0..15]\nstack 0 slots 32 vec 2\n"},
    {X64, "typedef float v __attribute__((vector_size(32))); void f(v);", 0,
     "!'float __attribute__((vector_size(32)))' is a vector of more than 16 bytes: "
     "how it is passed depends on compiler options"},
    {X64, "struct s { }; int f(struct s, int);", 0,
     "arg 0 slot 0: nothing\narg 1 slot 0: rdi[0..3] sign\n"
     "result: rax[0..3] sign\nstack 0 slots 16 vec 0\n"},
    {X64, "typedef double e; int f(const char *, ...);", 2,
     "arg 0 slot 0: rdi[0..7]\nvar 1 slot 8: xmm0[0..7]\n"
     "var 2 slot 16: xmm1[0..7]\n"
     "result: rax[0..3] sign\nstack 0 slots 32 vec 2\n"},
    {X64, "union u { double d; long l; }; void f(union u);", 0,
     "arg 0 slot 0: rdi[0..7]\nresult: nothing\nstack 0 slots 16 vec 0\n"},
    {X64, "struct s; void f(struct s);", 0,
     "!'struct s' is incomplete: declared, but not defined"},
    {X86, "void f(void);", 0, "!no calling convention for i386-linux-gnu"},
    /* Microsoft x64 */
    {WIN, "double f(int, double, float, char, int);", 0,
     "arg 0 slot 0: rcx[0..3] sign\narg 1 slot 8: xmm1[0..7]\n"
     "arg 2 slot 16: xmm2[0..3]\narg 3 slot 24: r9[0..0] sign\n"
     "arg 4 slot 32: stack+32[0..3]\n"
     "result: xmm0[0..7]\nstack 48 slots 48 vec 3\n"},
    {WIN,
     "struct s { char c[3]; }; struct t { float x, y; }; "
     "struct s f(struct s, struct t);",
     0,
     "arg 0 slot 0: address rdx[0..7]\narg 1 slot 8: r8[0..7]\n"
     "result: address first\nstack 32 slots 16 vec 0\n"},
    {WIN, "typedef double e; int f(int, ...);", 1,
     "arg 0 slot 0: rcx[0..3] sign\nvar 1 slot 8: xmm1+rdx[0..7]\n"
     "result: rax[0..3] sign\nstack 32 slots 16 vec 2\n"},
    {WIN, "__int128 f(long double);", 0,
     "arg 0 slot 0: address rcx[0..7]\n"
     "result: xmm0[0..15]\nstack 32 slots 16 vec 0\n"},
    /* AArch64 */
    {A64, "struct s { float a, b, c; }; struct s f(struct s, double, int);", 0,
     "arg 0 slot 0: v0[0..3] v1[4..7] v2[8..11]\n"
     "arg 1 slot 16: v3[0..7]\narg 2 slot 24: x0[0..3] sign\n"
     "result: v0[0..3] v1[4..7] v2[8..11]\nstack 0 slots 32 vec 4\n"},
    {A64, "struct s { long a, b, c; }; struct s f(struct s);", 0,
     "arg 0 slot 0: address x0[0..7]\n"
     "result: address x8\nstack 0 slots 32 vec 0\n"},
    {A64, "void f(int, __int128, long double);", 0,
     "arg 0 slot 0: x0[0..3] sign\narg 1 slot 16: x2[0..7] x3[8..15]\n"
     "arg 2 slot 32: v0[0..15]\n"
     "result: nothing\nstack 0 slots 48 vec 1\n"},
    {A64, "void f(long,long,long,long,long,long,long,long, char, char);", 0,
     "arg 0 slot 0: x0[0..7]\narg 1 slot 8: x1[0..7]\n"
     "arg 2 slot 16: x2[0..7]\narg 3 slot 24: x3[0..7]\n"
     "arg 4 slot 32: x4[0..7]\narg 5 slot 40: x5[0..7]\n"
     "arg 6 slot 48: x6[0..7]\narg 7 slot 56: x7[0..7]\n"
     "arg 8 slot 64: stack+0[0..0]\narg 9 slot 72: stack+8[0..0]\n"
     "result: nothing\nstack 16 slots 80 vec 0\n"},
    /* Apple: stack arguments keep their own size; variadic ones go there */
    {MAC, "void f(long,long,long,long,long,long,long,long, char, short);", 0,
     "arg 0 slot 0: x0[0..7]\narg 1 slot 8: x1[0..7]\n"
     "arg 2 slot 16: x2[0..7]\narg 3 slot 24: x3[0..7]\n"
     "arg 4 slot 32: x4[0..7]\narg 5 slot 40: x5[0..7]\n"
     "arg 6 slot 48: x6[0..7]\narg 7 slot 56: x7[0..7]\n"
     "arg 8 slot 64: stack+0[0..0]\narg 9 slot 72: stack+2[0..1]\n"
     "result: nothing\nstack 16 slots 80 vec 0\n"},
    /* these two as clang -target arm64-apple-macosx has them */
    {MAC,
     "typedef struct { float a, b, c; } h; void f(double, double, double, double, "
     "double, double, double, double, float, h, double);",
     0,
     "arg 0 slot 0: v0[0..7]\narg 1 slot 8: v1[0..7]\n"
     "arg 2 slot 16: v2[0..7]\narg 3 slot 24: v3[0..7]\n"
     "arg 4 slot 32: v4[0..7]\narg 5 slot 40: v5[0..7]\n"
     "arg 6 slot 48: v6[0..7]\narg 7 slot 56: v7[0..7]\n"
     "arg 8 slot 64: stack+0[0..3]\narg 9 slot 72: stack+4[0..11]\n"
     "arg 10 slot 88: stack+16[0..7]\n"
     "result: nothing\nstack 32 slots 96 vec 8\n"},
    {MAC, "typedef struct { float a, b, c; } e; void f(int, ...);", 2,
     "arg 0 slot 0: x0[0..3] sign\nvar 1 slot 8: stack+0[0..11]\n"
     "var 2 slot 24: stack+16[0..11]\n"
     "result: nothing\nstack 32 slots 48 vec 0\n"},
    {MAC, "typedef int e; int f(const char *, ...);", 2,
     "arg 0 slot 0: x0[0..7]\nvar 1 slot 8: stack+0[0..3]\n"
     "var 2 slot 16: stack+8[0..3]\n"
     "result: x0[0..3] sign\nstack 16 slots 32 vec 0\n"},
};

static jf_Status plan_of(const Row *r, jf_Scope *s, jf_Plan **p, jf_Diag *d)
{
    jf_Type *extra[4] = {NULL};
    jf_Status st = jf_cdef(s, r->text, strlen(r->text), NULL, d);
    if (st != JF_OK)
        return st;
    for (unsigned i = 0; i < r->extra; i++)
        extra[i] = jf_scope_find(s, "e", 1)->type;
    return jf_plan_make(r->target, jf_scope_find(s, "f", 1)->type, extra, r->extra,
                        p, d);
}

static void outcome(const Row *r, jf_Buf *b)
{
    jf_Diag d = JF_DIAG_INIT;
    jf_Plan *p = NULL;
    jf_Universe *u = jf_universe_new(r->target);
    jf_Scope *s = u ? jf_scope_new(u) : NULL;
    if (s && plan_of(r, s, &p, &d) == JF_OK)
        jf_plan_print(p, r->target, b);
    else
        jf_buf_printf(b, "!%s", d.message ? d.message : "?");
    jf_free(p);
    jf_diag_clear(&d);
    if (s)
        jf_scope_free(s);
    if (u)
        jf_universe_free(u);
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

/* What goes in comes out, on every target, whatever the host is. */
static void test_round_trip(void)
{
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        jf_Diag d = JF_DIAG_INIT;
        jf_Plan *p = NULL;
        jf_Universe *u = jf_universe_new(rows[i].target);
        jf_Scope *s = jf_scope_new(u);
        if (plan_of(&rows[i], s, &p, &d) == JF_OK) {
            uint8_t in[512], out[512], stack[256];
            jf_Regs regs;
            memset(&regs, 0, sizeof regs);
            regs.stack = stack;
            CHECK(p->slots_size <= sizeof in && p->stack_size <= sizeof stack);
            for (size_t k = 0; k < sizeof in; k++)
                in[k] = (uint8_t)(k * 37 + 1);
            memset(out, 0, sizeof out);
            jf_plan_pack_args(p, in, in, &regs);
            jf_plan_unpack_args(p, &regs, out);
            for (uint32_t k = 0; k < p->n_args; k++)
                CHECK(!memcmp(in + p->args[k].slot, out + p->args[k].slot,
                              (size_t)p->args[k].size));
            CHECK(jf_plan_sret_address(p, &regs) ==
                  (p->sret == JF_SRET_NONE ? NULL : (void *)in));
        }
        jf_free(p);
        jf_diag_clear(&d);
        jf_scope_free(s);
        jf_universe_free(u);
    }
}

/* Every allocation fails once; nothing leaks. */
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
    test_round_trip();
    test_memory();
    return check_report("plan");
}
