/* SPDX-License-Identifier: MIT
 *
 * Encodings: each instruction against the bytes that an assembler makes of the
 * same text, and whole thunks against what a disassembler reads in them.
 */
#include "check.h"

#include "arch/arch.h"
#include "arch/x64/enc.h"
#include "arch/x64/entry.h"

#include <unistd.h>

/* --- single instructions ------------------------------------------------------------ */

static void hex(const jf_Buf *b, char *out)
{
    out[0] = 0;
    for (size_t i = 0; i < b->n; i++)
        sprintf(out + 2 * i, "%02x", (unsigned char)b->p[i]);
}

#define ROW(call, text, want)                \
    {                                        \
        jf_Buf buf = JF_BUF_INIT, *b = &buf; \
        call;                                \
        hex(b, got);                         \
        if (!CHECK_STR(got, want))           \
            printf("    %s\n", text);        \
        jf_buf_free(b);                      \
    }

static void test_rows(void)
{
    char got[64];
/* clang-format off */
#include "enc_rows.inc"
    /* clang-format on */
}

static void test_jumps(void)
{
    static const struct {
        bool is_short;
        size_t target;
        const char *want;
    } rows[] = {{true, 0, "ebfe"},
                {true, 129, "eb7f"},
                {false, 0, "e9fbffffff"},
                {false, 1000, "e9e3030000"}};
    char got[64];
    for (size_t k = 0; k < JF_COUNT(rows); k++) {
        jf_Buf b = JF_BUF_INIT;
        size_t at = x64_jmp(&b, rows[k].is_short);
        x64_patch(&b, at, rows[k].is_short, rows[k].target);
        hex(&b, got);
        CHECK_STR(got, rows[k].want);
        jf_buf_free(&b);
    }
    jf_Buf b = JF_BUF_INIT;
    x64_patch(&b, x64_jcc(&b, X_CC_NE, true), true, 12);
    x64_patch(&b, x64_jcc(&b, X_CC_BE, false), false, 0);
    hex(&b, got);
    CHECK_STR(got, "750a0f86f8ffffff");
    jf_buf_free(&b);
    x64_stub(0x4000, &b);
    hex(&b, got);
    CHECK_STR(got, "4c8b15f93f0000ff25fb3f0000cccccc");
    CHECK_INT(b.n, X64_STUB_SIZE);
    jf_buf_free(&b);
}

/* --- whole thunks --------------------------------------------------------------------- */

/* A plan of integers and doubles in registers, and words on the stack. */
typedef struct TestPlan {
    jf_Plan plan;
    jf_PlanValue args[8];
    jf_Piece pieces[9];
} TestPlan;

static const jf_Plan *plan_of(TestPlan *p, const char *places)
{
    memset(p, 0, sizeof *p);
    p->plan.args = p->args;
    p->plan.pieces = p->pieces;
    p->plan.result =
        (jf_PlanValue){.first = 0, .n = 1, .is_scalar = true, .size = 4};
    p->pieces[0] = (jf_Piece){.place = JF_IN_GPR, .size = 4};
    uint32_t stack = 0;
    for (uint32_t i = 0; places[i]; i++) {
        jf_Piece *k = &p->pieces[i + 1];
        p->args[i] = (jf_PlanValue){
            .first = i + 1, .n = 1, .is_scalar = true, .size = 8, .slot = 8 * i};
        k->size = 8;
        if (places[i] == 'g') {
            k->place = JF_IN_GPR;
            k->reg = p->plan.n_gpr++;
        } else if (places[i] == 'v') {
            k->place = JF_IN_VEC;
            k->reg = p->plan.n_vec++;
        } else {
            k->place = JF_ON_STACK;
            k->stack = stack;
            stack += 8;
        }
        p->plan.n_args = i + 1;
    }
    p->plan.stack_size = (stack + 15) & ~15u;
    return &p->plan;
}

/* The instructions objdump sees, separated by "; ", spaces made single. */
static bool disassemble(const jf_Buf *code, char *out, size_t room)
{
    char path[] = "/tmp/jiffi-enc-XXXXXX", command[256], line[256];
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, code->p, code->n) != (ssize_t)code->n)
        return false;
    close(fd);
    snprintf(command, sizeof command,
             "objdump -D -b binary -mi386:x86-64 -Mintel --no-show-raw-insn %s "
             "2>/dev/null | sed -n 's/^ *[0-9a-f]*:[ \t]*//p'",
             path);
    FILE *f = popen(command, "r");
    size_t n = 0;
    while (f && fgets(line, sizeof line, f)) {
        for (char *p = line; *p && *p != '\n' && n + 4 < room; p++)
            if (*p != ' ' || (n && out[n - 1] != ' '))
                out[n++] = *p;
        while (n && out[n - 1] == ' ')
            n--;
        out[n++] = ';';
        out[n++] = ' ';
    }
    out[n ? n - 2 : 0] = 0;
    if (f)
        pclose(f);
    unlink(path);
    return n > 0;
}

static void check_listing(jf_Recipe *r, const jf_Plan *plan, uint32_t saved,
                          const char *want)
{
    static char text[4096];
    jf_Buf code = JF_BUF_INIT;
    jf_Diag d = JF_DIAG_INIT;
    uint32_t n = 99;
    CHECK_INT(jf_encoder_x64_sysv.thunk(r, plan, &code, &n, NULL, &d), JF_OK);
    CHECK_INT(n, saved);
    if (disassemble(&code, text, sizeof text))
        CHECK_STR(text, want);
    jf_buf_free(&code);
    jf_diag_clear(&d);
    jf_recipe_free(r);
}

static void test_listings(void)
{
    TestPlan p;
    jf_Recipe r = JF_RECIPE_INIT;
    /* Slots: two words from memory, a call, the result stored. */
    plan_of(&p, "gg");
    jf_placem(&r, 0, JF_R1, 0);
    jf_placem(&r, 1, JF_R1, 8);
    jf_recipe_put(&r, JF_INS(.op = JF_OP_FOREIGN, .b = JF_R0));
    jf_recipe_put(&r, JF_INS(.op = JF_OP_RESULTM, .b = JF_R2));
    jf_return(&r, JF_NOREG, 0);
    check_listing(&r, &p.plan, 1,
                  "push rbp; mov rbp,rsp; push rbx; sub rsp,0x8; mov r11,rdi; "
                  "mov rbx,rdx; mov rdi,QWORD PTR [rsi]; "
                  "mov rsi,QWORD PTR [rsi+0x8]; call r11; "
                  "mov DWORD PTR [rbx],eax; xor eax,eax; add rsp,0x8; pop rbx; "
                  "pop rbp; ret");
    /* A type test with a cold helper between two places; a tail jump. */
    plan_of(&p, "gv");
    uint32_t odd = jf_recipe_label(&r), place = jf_recipe_label(&r);
    jf_load(&r, JF_T0, JF_R1, 0, 8, false);
    jf_place(&r, 0, JF_T0);
    jf_load(&r, JF_T0, JF_R1, 8, 8, false);
    jf_branchm(&r, JF_T0, 8, JF_NE, JF_NOREG, 0x123456789a, odd);
    jf_recipe_put(
        &r, JF_INS(.op = JF_OP_LOADF, .a = JF_F0, .b = JF_T0, .off = 16, .w = 8));
    jf_op(&r, JF_OP_COLD);
    jf_label(&r, odd);
    jf_arg(&r, 0, JF_T0, 0);
    jf_recipe_put(&r, JF_INS(.op = JF_OP_HELPERF, .a = JF_F0, .imm = 0x1000));
    jf_jump(&r, place);
    jf_op(&r, JF_OP_HOT);
    jf_label(&r, place);
    jf_placef(&r, 1, JF_F0);
    jf_recipe_put(&r, JF_INS(.op = JF_OP_FOREIGN, .b = JF_R0));
    jf_recipe_put(&r, JF_INS(.op = JF_OP_RESULT, .a = JF_T0));
    jf_arg(&r, 0, JF_T0, 0);
    jf_helper(&r, JF_T0, 0x2000);
    jf_return(&r, JF_T0, 0);
    check_listing(&r, &p.plan, 0,
                  "push rbp; mov rbp,rsp; sub rsp,0x20; mov r11,rdi; "
                  "mov rax,QWORD PTR [rsi]; mov rdi,rax; "
                  "mov rax,QWORD PTR [rsi+0x8]; movabs r9,0x123456789a; "
                  "cmp QWORD PTR [rax+0x8],r9; jne 0x3d; "
                  "movq xmm8,QWORD PTR [rax+0x10]; movaps xmm0,xmm8; call r11; "
                  "mov rdi,rax; leave; mov eax,0x2000; jmp rax; "
                  "mov QWORD PTR [rbp-0x20],rdi; mov QWORD PTR [rbp-0x18],r11; "
                  "mov rdi,rax; mov eax,0x1000; call rax; movaps xmm8,xmm0; "
                  "mov rdi,QWORD PTR [rbp-0x20]; mov r11,QWORD PTR [rbp-0x18]; "
                  "jmp 0x2b");
}

/* double f(double x, int n) { return g(h(x), n) * 2; }: what comes in is passed on
 * from where it is, a result goes from call to call in xmm0, n waits in its slot. */
static void test_function(void)
{
    TestPlan own, h, g;
    jf_Recipe r = JF_RECIPE_INIT;
    plan_of(&own, "vg");
    plan_of(&h, "v");
    plan_of(&g, "vg");
    TestPlan *const all[] = {&own, &h, &g};
    for (int k = 0; k < 3; k++) {
        all[k]->pieces[0] = (jf_Piece){.place = JF_IN_VEC, .size = 8};
        all[k]->plan.result.is_float = true;
    }
    int32_t slots = jf_recipe_frame(&r, 16, 16);
    jf_recipe_put(&r, JF_INS(.op = JF_OP_ENTER, .off = slots));
    jf_recipe_use(&r, &h.plan);
    jf_placem(&r, 0, JF_FRAME, slots);
    jf_recipe_put(&r, JF_INS(.op = JF_OP_FOREIGN, .b = JF_NOREG, .imm = 0x1000));
    jf_recipe_put(&r, JF_INS(.op = JF_OP_RESULTF, .a = JF_F0));
    jf_recipe_use(&r, &g.plan);
    jf_placef(&r, 0, JF_F0);
    jf_placem(&r, 1, JF_FRAME, slots + 8);
    jf_recipe_put(&r, JF_INS(.op = JF_OP_FOREIGN, .b = JF_NOREG, .imm = 0x2000));
    jf_recipe_put(&r, JF_INS(.op = JF_OP_RESULTF, .a = JF_F0));
    jf_recipe_put(&r, JF_INS(.op = JF_OP_ADDF, .a = JF_F0, .b = JF_F0, .w = 8));
    jf_recipe_put(&r, JF_INS(.op = JF_OP_LEAVE, .b = JF_F0));
    check_listing(&r, &own.plan, 0,
                  "push rbp; mov rbp,rsp; sub rsp,0x10; "
                  "movq QWORD PTR [rbp-0x10],xmm0; mov QWORD PTR [rbp-0x8],rdi; "
                  "mov r11d,0x1000; call r11; mov rdi,QWORD PTR [rbp-0x8]; "
                  "mov r11d,0x2000; call r11; movaps xmm8,xmm0; "
                  "addsd xmm8,xmm8; movaps xmm0,xmm8; leave; ret");
}

int main(void)
{
    test_rows();
    test_jumps();
    test_listings();
    test_function();
    return check_report("test_enc");
}
