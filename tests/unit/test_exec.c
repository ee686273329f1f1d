/* SPDX-License-Identifier: MIT
 *
 * Executable memory: never writable and executable, safe under threads and
 * fork, bounded, unwound through, visible to debuggers and profilers.
 */
#include "check.h"

#include "engine/engine.h"
#include "exec/exec.h"
#include "os/os.h"

#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

typedef uint64_t (*Thunk)(uint64_t p0, uint64_t p1, uint64_t p2);

static const char *self; /* path of this program */

/* A thunk that returns `value`. */
static jf_Code *constant(uint64_t value)
{
    jf_Recipe r = JF_RECIPE_INIT;
    jf_Code *c = NULL;
    char name[64];
    snprintf(name, sizeof name, "jiffi:constant %llu", (unsigned long long)value);
    jf_return(&r, JF_NOREG, value);
    CHECK_INT(jf_compile(&r, NULL, name, &c, NULL), JF_OK);
    jf_recipe_free(&r);
    return c;
}

static uint64_t run(const jf_Code *c)
{
    return ((Thunk)(uintptr_t)jf_code_entry(c))(1, 2, 3);
}

/* A thunk that calls `fn(p0)` as a helper between `saved` registers in use. */
static jf_Code *caller(void *fn, int saved)
{
    jf_Recipe r = JF_RECIPE_INIT;
    jf_Code *c = NULL;
    for (int k = 0; k < saved; k++)
        jf_const(&r, (jf_Reg)(JF_R3 - k), (uint64_t)k);
    jf_arg(&r, 0, saved == 4 ? JF_NOREG : JF_R0, 41);
    jf_helper(&r, JF_T0, (uintptr_t)fn);
    for (int k = 0; k < saved; k++) /* needed after: kept in saved registers */
        jf_arith(&r, JF_OP_ADD, JF_T0, (jf_Reg)(JF_R3 - k), 0);
    jf_arith(&r, JF_OP_ADD, JF_T0, JF_NOREG, 0);
    jf_return(&r, JF_T0, 0);
    CHECK_INT(jf_compile(&r, NULL, "jiffi:caller", &c, NULL), JF_OK);
    jf_recipe_free(&r);
    return c;
}

/* --- pages -------------------------------------------------------------------------- */

/* No mapping of this process is writable and executable. */
static void check_mappings(void)
{
    FILE *f = fopen("/proc/self/maps", "r");
    char line[512];
    int both = 0;
    CHECK(f != NULL);
    while (f && fgets(line, sizeof line, f)) {
        const char *perms = strchr(line, ' ');
        both += perms && perms[2] == 'w' && perms[3] == 'x';
    }
    if (f)
        fclose(f);
    CHECK_INT(both, 0);
}

static void test_many(void)
{
    enum { ROUNDS = 10000, ALIVE = 50 };
    jf_Code *alive[ALIVE] = {0};
    jf_ExecStats before, after;
    jf_exec_stats(&before);
    int bad = 0;
    for (unsigned k = 0; k < ROUNDS; k++) {
        jf_Code **at = &alive[k * 7 % ALIVE];
        jf_code_free(*at);
        *at = constant(k);
        bad += run(*at) != k;
    }
    CHECK_INT(bad, 0);
    check_mappings();
    jf_exec_stats(&after);
    CHECK_INT(after.blocks, before.blocks + ALIVE);
    CHECK(after.mapped_bytes <= 65536 || after.mapped_bytes == before.mapped_bytes);
    for (int k = 0; k < ALIVE; k++)
        jf_code_free(alive[k]);
    jf_exec_stats(&after);
    CHECK_INT(after.blocks, before.blocks);
    CHECK_INT(after.code_bytes, before.code_bytes);
}

/* Names for debuggers change, and their images are written anew when they are full. */
static void test_names(void)
{
    enum { ALIVE = 300, ROUNDS = 20 };
    static jf_Code *c[ALIVE];
    char name[200];
    int bad = 0;
    for (unsigned k = 0; k < ALIVE; k++)
        c[k] = constant(k + 0x200000000u);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned k = 0; k < ALIVE; k++) {
            snprintf(name, sizeof name, "jiffi:name %u of %u, %0*d", round, k,
                     (int)(k % 100 + 1), 0);
            jf_code_rename(c[k], name);
            bad += strcmp(jf_code_name(c[k]), name) != 0;
        }
        jf_code_free(c[round]);
        c[round] = constant(round + 0x200000000u);
    }
    for (unsigned k = 0; k < ALIVE; k++)
        bad += run(c[k]) != k + 0x200000000u;
    CHECK_INT(bad, 0);
    for (unsigned k = 0; k < ALIVE; k++)
        jf_code_free(c[k]);
}

/* The pool grows, keeps what it has, and gives regions back. */
static void test_growth(void)
{
    enum { BLOCKS = 9000 };
    static jf_Code *c[BLOCKS];
    jf_ExecStats full, empty;
    int bad = 0;
    for (unsigned k = 0; k < BLOCKS; k++)
        c[k] = constant(k + 0x100000000u);
    for (unsigned k = 0; k < BLOCKS; k++)
        bad += run(c[k]) != k + 0x100000000u;
    CHECK_INT(bad, 0);
    jf_exec_stats(&full);
    CHECK(full.regions >= 2);
    for (unsigned k = 0; k < BLOCKS; k += 2)
        jf_code_free(c[k]);
    for (unsigned k = 1; k < BLOCKS; k += 2)
        bad += run(c[k]) != k + 0x100000000u;
    CHECK_INT(bad, 0);
    /* A dropped block is full of traps once its page has been written. */
    jf_Code *low = constant(7), *high = constant(8);
    unsigned char *gone = jf_code_entry(high);
    CHECK_INT((uintptr_t)jf_code_entry(low) / 4096, (uintptr_t)gone / 4096);
    jf_code_free(high);
    jf_code_free(low);
    low = constant(9);
    CHECK(jf_code_entry(low) != gone);
    CHECK_INT(gone[0], 0xcc);
    CHECK_INT(gone[4], 0xcc);
    CHECK_INT(run(low), 9);
    jf_code_free(low);
    for (unsigned k = 1; k < BLOCKS; k += 2)
        jf_code_free(c[k]);
    jf_exec_stats(&empty);
    CHECK(empty.regions < full.regions);
    CHECK(empty.mapped_bytes < full.mapped_bytes);
    /* One block larger than any region so far. */
    jf_Recipe r = JF_RECIPE_INIT;
    jf_Code *big = NULL;
    jf_const(&r, JF_T0, 0);
    for (int k = 0; k < 400000; k++)
        jf_arith(&r, JF_OP_ADD, JF_T0, JF_NOREG, 1000);
    jf_return(&r, JF_T0, 0);
    CHECK_INT(jf_compile(&r, NULL, "jiffi:big", &big, NULL), JF_OK);
    CHECK_INT(run(big), 400000000);
    jf_code_free(big);
    jf_recipe_free(&r);
}

/* --- threads and fork ------------------------------------------------------------------ */

static int stop;
static const jf_Code *steady;

static void *runner(void *bad)
{
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
        *(long *)bad += run(steady) != 0x5eed;
    return NULL;
}

static void *compiler(void *bad)
{
    for (unsigned k = 0; k < 2000; k++) {
        jf_Code *c = constant(k);
        *(long *)bad += run(c) != k;
        jf_code_free(c);
    }
    return NULL;
}

/* Code runs while the page it lies in is replaced over and over. */
static void test_threads(void)
{
    pthread_t t[4];
    long bad[4] = {0};
    jf_Code *c = constant(0x5eed);
    steady = c;
    for (int k = 0; k < 4; k++)
        CHECK_INT(pthread_create(&t[k], NULL, k < 2 ? runner : compiler, &bad[k]),
                  0);
    pthread_join(t[2], NULL);
    pthread_join(t[3], NULL);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    for (int k = 0; k < 4; k++)
        CHECK_INT(bad[k], 0);
    jf_code_free(c);
}

static int stub_answer(int x)
{
    return x + 1;
}

/* Both sides of a fork make code; each runs its own. */
static void test_fork(void)
{
    int pipe_[2];
    jf_Code *shared = constant(11);
    CHECK_INT(pipe(pipe_), 0);
    fflush(stdout);
    pid_t child = fork();
    jf_Code *own = constant(child ? 100 : 200);
    jf_Stub stub;
    CHECK_INT(jf_exec_stub_new(NULL, (void *)stub_answer, &stub, NULL), JF_OK);
    int got = ((int (*)(int))(uintptr_t)stub.entry)(child ? 1 : 2);
    jf_exec_stub_free(&stub);
    uint64_t sum = run(own) + run(shared) + (uint64_t)got;
    if (!child) {
        jf_code_free(own);
        ssize_t n = write(pipe_[1], &sum, sizeof sum);
        _exit(n == sizeof sum ? 0 : 1);
    }
    uint64_t theirs = 0;
    int status = -1;
    CHECK(read(pipe_[0], &theirs, sizeof theirs) == sizeof theirs);
    waitpid(child, &status, 0);
    CHECK_INT(status, 0);
    CHECK_INT(theirs, 200 + 11 + 3);
    CHECK_INT(sum, 100 + 11 + 2);
    CHECK_INT(run(own), 100);
    close(pipe_[0]);
    close(pipe_[1]);
    jf_code_free(own);
    jf_code_free(shared);
}

/* --- stubs ------------------------------------------------------------------------------- */

static void test_stubs(void)
{
    enum { N = 3000 };
    static jf_Stub s[N];
    int bad = 0;
    for (int k = 0; k < N; k++)
        CHECK_INT(jf_exec_stub_new(&s[k], (void *)stub_answer, &s[k], NULL), JF_OK);
    for (int k = 0; k < N; k++)
        bad += ((int (*)(int))(uintptr_t)s[k].entry)(k) != k + 1;
    for (int k = 0; k < N; k++)
        jf_exec_stub_free(&s[k]);
    CHECK_INT(bad, 0);
    jf_ExecStats st;
    jf_exec_stats(&st);
    CHECK_INT(st.stubs, 0);
    size_t mapped = st.mapped_bytes;
    /* One that was freed comes back when 1,024 have been freed after it: with one in
     * use at a time, never before. */
    jf_Stub one;
    CHECK_INT(jf_exec_stub_new(NULL, (void *)stub_answer, &one, NULL), JF_OK);
    void *entry = one.entry;
    jf_exec_stub_free(&one);
    int later = 0;
    do {
        CHECK_INT(jf_exec_stub_new(NULL, (void *)stub_answer, &one, NULL), JF_OK);
        later += one.entry != entry;
        bad = one.entry == entry;
        jf_exec_stub_free(&one);
    } while (!bad && later < 100000);
    CHECK(bad && later >= 1024);
    jf_exec_stats(&st); /* and that takes no more memory */
    CHECK_INT(st.mapped_bytes, mapped);
}

/* --- unwinding ----------------------------------------------------------------------------- */

static int depth;
static void *frames[64];

static uint64_t look_back(void)
{
    depth = backtrace(frames, 64);
    return 0;
}

static void test_backtrace(void)
{
    for (int saved = 0; saved <= 4; saved++) {
        jf_Code *c = caller((void *)look_back, saved);
        run(c);
        char *entry = jf_code_entry(c);
        int crossed = 0;
        for (int k = 0; k < depth; k++)
            if ((char *)frames[k] > entry &&
                (char *)frames[k] < entry + jf_code_size(c))
                crossed = k;
        /* Two frames and more above it: run and main at least. */
        CHECK(crossed > 0 && depth > crossed + 1);
        jf_code_free(c);
    }
}

/* Null where there is no C++ compiler. */
extern int unwind_throw(int value) __attribute__((weak));
extern long unwind_catch(void *thunk, long a, long b, long c) __attribute__((weak));

static void test_exception(void)
{
    if (!unwind_throw) {
        printf("    no C++ compiler: exceptions not tested\n");
        return;
    }
    for (int saved = 0; saved <= 4; saved++) {
        jf_Code *c = caller((void *)unwind_throw, saved);
        CHECK_INT(unwind_catch(jf_code_entry(c), 3, 5, 9),
                  41 + 9 + 25 + 63 + (3 ^ 5 ^ 9));
        jf_code_free(c);
    }
}

/* long f(long x) { return (int)unwind_throw((int)x); }, as a program. */
static void test_fused_exception(void)
{
    jf_Universe *u = jf_engine_universe(NULL);
    jf_Type *i = jf_type_prim(u, JF_P_INT), *l = jf_type_prim(u, JF_P_LONG);
    jf_Type *callee = jf_type_func(u, i, &i, 1, 0);
    jf_Type *fn = jf_type_func(u, l, &l, 1, 0);
    const jf_Plan *plan = NULL;
    jf_Call *call = NULL;
    jf_Fused *f = NULL;
    jf_Diag d = JF_DIAG_INIT;
    jf_Program p;
    CHECK_INT(jf_plan_of(u, fn, &plan, &d), JF_OK);
    CHECK_INT(jf_call_new(u, callee, NULL, 0, &call, &d), JF_OK);
    jf_program_init(&p, plan);
    uint32_t x = jf_program_value(&p, JF_S_I64, 0, 0);
    uint32_t y = jf_program_value(&p, JF_S_I32, 0, 0);
    jf_program_put(&p, (jf_ProgramIns){.op = JF_PR_PARAM, .v = x});
    jf_program_put(&p, (jf_ProgramIns){.op = JF_PR_CAST, .v = y, .a = x});
    y = jf_program_call(&p, jf_call_plan(call), call,
                        (void *)(uintptr_t)unwind_throw, "throw", &y, JF_S_I32);
    x = jf_program_value(&p, JF_S_I64, 0, 0);
    jf_program_put(&p, (jf_ProgramIns){.op = JF_PR_CAST, .v = x, .a = y});
    jf_program_put(&p, (jf_ProgramIns){.op = JF_PR_RESULT, .a = x});
    if (unwind_throw &&
        CHECK_INT(jf_fused_new(u, fn, &p, "throws", true, &f, &d), JF_OK))
        CHECK_INT(unwind_catch(jf_fused_address(f), 3, 5, 9),
                  41 + 9 + 25 + 63 + (3 ^ 5 ^ 9));
    jf_fused_free(f);
    jf_program_free(&p);
    jf_call_free(call);
    jf_type_unref(u, fn);
    jf_type_unref(u, callee);
}

/* --- debuggers and profilers ------------------------------------------------------------------ */

/* gdb breaks here, below a thunk. */
uint64_t break_here(uint64_t x);
__attribute__((noinline)) uint64_t break_here(uint64_t x)
{
    __asm__ volatile("" ::: "memory");
    return x + 1;
}

static int debugged(void)
{
    jf_Code *other = constant(5), *c = caller((void *)break_here, 2);
    int bad = run(c) < 2;
    jf_code_free(c);
    jf_code_free(other);
    return bad;
}

static void test_gdb(void)
{
    char command[1024], line[512];
    if (system("command -v gdb >/dev/null 2>&1") != 0) {
        printf("    no gdb: names in backtraces not tested\n");
        return;
    }
    snprintf(
        command, sizeof command,
        "gdb -nx -batch -ex 'set debuginfod enabled off' -ex 'break break_here' "
        "-ex run -ex bt --args %s debugged 2>&1",
        self);
    FILE *f = popen(command, "r");
    int named = 0, main_seen = 0, unable = 0;
    while (f && fgets(line, sizeof line, f)) {
        named |= strstr(line, "jiffi:caller") != NULL;
        main_seen |= named && strstr(line, "main (") != NULL;
        unable |=
            strstr(line, "ptrace") != NULL || strstr(line, "not permitted") != NULL;
    }
    if (f)
        pclose(f);
    if (unable) {
        printf("    gdb may not trace here: names in backtraces not tested\n");
        return;
    }
    CHECK(named);
    CHECK(main_seen);
}

static void test_perf(void)
{
    char path[64], line[256];
    int found = 0;
    snprintf(path, sizeof path, "/tmp/perf-%ld.map", (long)getpid());
    unlink(path);
    setenv("JIFFI_PERF", "map", 1);
    jf_Code *c = constant(4711);
    unsetenv("JIFFI_PERF");
    FILE *f = fopen(path, "r");
    CHECK(f != NULL);
    while (f && fgets(line, sizeof line, f)) {
        unsigned long long at, size;
        char name[64];
        if (sscanf(line, "%llx %llx %63[^\n]", &at, &size, name) == 3)
            found |= at == (uintptr_t)jf_code_entry(c) && size == jf_code_size(c) &&
                     strcmp(name, "jiffi:constant 4711") == 0;
    }
    if (f)
        fclose(f);
    CHECK(found);
    unlink(path);
    jf_code_free(c);
}

/* --- refusal ------------------------------------------------------------------------------------ */

/* A system that lets no page become executable (Linux 6.3 and later can be told
 * so): code is off with a sentence, and calls still work through libffi. */
static int refused(void)
{
    jf_Features f;
    jf_features(&f);
    printf("%s|%s\n", f.calls, f.why_not ? f.why_not : "");
    return 0;
}

static void test_refusal(void)
{
    char line[256] = "";
    int pipe_[2];
    CHECK_INT(pipe(pipe_), 0);
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        if (prctl(65 /* PR_SET_MDWE */, 1, 0, 0, 0) != 0)
            _exit(2);
        dup2(pipe_[1], 1);
        execl(self, self, "refused", (char *)NULL);
        _exit(3);
    }
    close(pipe_[1]);
    int status = -1;
    waitpid(child, &status, 0);
    ssize_t n = read(pipe_[0], line, sizeof line - 1);
    line[n > 0 ? n : 0] = 0;
    close(pipe_[0]);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
        printf("    this kernel cannot refuse executable memory: not tested\n");
        return;
    }
    CHECK_INT(status, 0);
    CHECK(strstr(line, "|the system refuses executable memory: ") != NULL);
    CHECK(strncmp(line, "code", 4) != 0);
}

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc > 1 && strcmp(argv[1], "refused") == 0)
        return refused();
    if (!jf_can_compile()) {
        printf("test_exec: no machine code here: nothing to test\n");
        return 77;
    }
    if (argc > 1 && strcmp(argv[1], "debugged") == 0)
        return debugged();
    test_many();
    test_growth();
    test_names();
    test_threads();
    test_fork();
    test_stubs();
    test_backtrace();
    test_exception();
    test_fused_exception();
    test_gdb();
    test_perf();
    test_refusal();
    check_mappings();
    return check_report("test_exec");
}
