/* SPDX-License-Identifier: MIT
 *
 * Machine code read: rows of bytes for both CPUs with what must be said of them, bytes
 * cut off and bytes at random, and functions of this process. What whole libraries
 * and hand-made functions give is in tests/proof.
 */
#include "check.h"

#include "os/os.h"
#include "proof/inner.h"

#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Row {
    const char *text; /* assembly */
    bool proved;
    bool
        tls; /* of a row that is not proved: it is, where jumps back are followed */
    const char *reason; /* part of it; "" : any */
    const char *hex;
} Row;

/* clang-format off */
static const Row rows_x64[] = {
#include "proof_rows_x64.inc"
};
static const Row rows_a64[] = {
#include "proof_rows_a64.inc"
};
/* clang-format on */

/* --- rows ---------------------------------------------------------------------------- */

static unsigned digit(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

/* Bytes of "9090 90*20 c3": the last group before the star is repeated, which is one
 * instruction of nothing (one byte, or four). */
static uint8_t *bytes_of(const char *hex, size_t *n)
{
    uint8_t *code = malloc(65536);
    *n = 0;
    while (code && *hex) {
        const char *start = hex;
        size_t first = *n;
        for (; *hex && *hex != ' ' && *hex != '*'; hex += 2)
            code[(*n)++] = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
        if (*hex == '*') {
            unsigned step = hex - start > 2 ? 4 : 1;
            long times = strtol(hex + 1, (char **)&hex, 10);
            size_t last = *n - step;
            CHECK(last >= first);
            for (long k = 1; k < times; k++, *n += step)
                memcpy(code + *n, code + last, step);
        }
        hex += *hex == ' ';
    }
    return code;
}

static void check_row(jf_ProofCpu cpu, const Row *r)
{
    jf_Proof p;
    size_t n;
    uint8_t *code = bytes_of(r->hex, &n);
    /* In a block of exactly its size: a sanitizer sees what is read beyond. */
    uint8_t *exact = malloc(n ? n : 1);
    memcpy(exact, code, n);
    jf_prove_bytes(cpu, exact, n, &p);
    bool followed = proof_follow_back && !r->proved && r->tls;
    int ok = CHECK_INT(p.proved, r->proved || followed);
    ok &= CHECK(!p.proved || followed || p.uses_tls == r->tls);
    ok &= CHECK(followed || strstr(p.reason, r->reason) != NULL);
    ok &= CHECK(strncmp(p.reason, "it ", 3) == 0);
    ok &= CHECK(p.reason[strlen(p.reason) - 1] != '.');
    if (p.proved)
        ok &= CHECK(p.instructions > 0 && p.functions > 0);
    else
        ok &= CHECK(p.at != NULL);
    if (!ok)
        printf("    %s\n    want: %s\n    got:  %s\n", r->text, r->reason,
               p.reason);
    free(exact);
    free(code);
}

/* Whatever the bytes are and wherever they end: an answer. */
static void check_cut(jf_ProofCpu cpu, const Row *r)
{
    jf_Proof p;
    size_t n;
    uint8_t *code = bytes_of(r->hex, &n);
    for (size_t k = 0; k < n && k < 64; k++) {
        uint8_t *exact = malloc(k ? k : 1);
        memcpy(exact, code, k);
        jf_prove_bytes(cpu, exact, k, &p);
        CHECK(p.reason[0]);
        CHECK(k > 0 || !p.proved);
        free(exact);
    }
    free(code);
}

/* Code of this CPU cannot be read here: nothing is proved, and it is said. */
static void check_missing(const Row *r)
{
    jf_Proof p;
    size_t n;
    uint8_t *code = bytes_of(r->hex, &n);
    jf_prove_bytes(JF_PROOF_X64, code, n, &p);
    CHECK(!p.proved);
    CHECK(strstr(p.reason, "jiffi was built without Zydis") != NULL);
    free(code);
}

static bool have_x64(void)
{
    static const uint8_t ret[] = {0xc3};
    jf_Proof p;
    jf_prove_bytes(JF_PROOF_X64, ret, 1, &p);
    return p.proved;
}

static void test_rows(void)
{
    for (size_t i = 0; i < JF_COUNT(rows_x64); i++) {
        if (have_x64()) {
            check_row(JF_PROOF_X64, &rows_x64[i]);
            check_cut(JF_PROOF_X64, &rows_x64[i]);
        } else {
            check_missing(&rows_x64[i]);
        }
    }
    for (size_t i = 0; i < JF_COUNT(rows_a64); i++) {
        check_row(JF_PROOF_A64, &rows_a64[i]);
        check_cut(JF_PROOF_A64, &rows_a64[i]);
    }
}

/* --- bytes at random -------------------------------------------------------------------- */

static uint64_t state = 88172645463325252u;

static uint64_t chance(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Pure noise, and rows with a few bytes changed. */
static void test_noise(jf_ProofCpu cpu, const Row *rows, size_t n_rows)
{
    for (int k = 0; k < 20000; k++) {
        jf_Proof p;
        size_t n = 4 + chance() % 60;
        uint8_t *code = malloc(n), *row = NULL;
        for (size_t i = 0; i < n; i++)
            code[i] = (uint8_t)chance();
        if (k & 1) {
            size_t m;
            row = bytes_of(rows[chance() % n_rows].hex, &m);
            memcpy(code, row, m < n ? m : n);
            code[chance() % n] = (uint8_t)chance();
        }
        jf_prove_bytes(cpu, code, n, &p);
        CHECK(p.reason[0] && memchr(p.reason, 0, sizeof p.reason));
        free(row);
        free(code);
    }
}

/* --- this process ------------------------------------------------------------------------- */

static void *symbol(const char *library, const char *name)
{
    void *h = dlopen(library, RTLD_LAZY);
    CHECK(h != NULL);
    return h ? dlsym(h, name) : NULL;
}

/* Of libc, by what they have to do wherever they are compiled. */
static void test_process(void)
{
    static const struct {
        const char *library, *name;
        bool proved;
    } known[] = {
        {"libc.so.6", "abs", true},     {"libc.so.6", "labs", true},
        {"libc.so.6", "div", true},     {"libm.so.6", "fabs", true},
        {"libc.so.6", "getpid", false}, {"libc.so.6", "malloc", false},
        {"libc.so.6", "qsort", false},  {"libc.so.6", "exit", false},
    };
    for (size_t i = 0; i < JF_COUNT(known); i++) {
        jf_Proof p;
        jf_prove(symbol(known[i].library, known[i].name), &p);
        if (!CHECK_INT(p.proved, known[i].proved))
            printf("    %s: %s\n", known[i].name, p.reason);
    }
    jf_Proof p;
    jf_prove(symbol("libc.so.6", "getpid"), &p);
    CHECK(strstr(p.reason, "it makes a system call at +0x") == p.reason);
    jf_prove(symbol("libc.so.6", "__errno_location"), &p);
    CHECK(p.proved && p.uses_tls);
    jf_prove(symbol("libc.so.6", "abs"), &p);
    CHECK(p.proved && !p.uses_tls && p.functions == 1);
}

/* What is no code of a library: the stack, the heap, nothing, an odd address. */
static void test_nowhere(void)
{
    char here[16] = {(char)0xc3};
    char *heap = malloc(16);
    const void *places[] = {NULL,   here,    heap, (void *)8, (void *)~(uintptr_t)0,
                            &state, rows_x64};
    memset(heap, 0xc3, 16);
    for (size_t i = 0; i < JF_COUNT(places); i++) {
        jf_Proof p;
        jf_prove(places[i], &p);
        CHECK(!p.proved);
        CHECK_STR(p.reason, "it is not in the code of a library");
        CHECK(p.at == places[i]);
    }
    free(heap);
}

/* Of glibc, and in nobody's way. */
static const char rare[] = "libBrokenLocale.so.1";

/* A library that was closed is not there, and is again when it is opened again. */
static void test_closed(void)
{
    for (int k = 0; k < 3; k++) {
        void *h = dlopen(rare, RTLD_LAZY);
        void *f = h ? dlsym(h, "__ctype_get_mb_cur_max") : NULL;
        jf_Proof p;
        if (!CHECK(f != NULL))
            return;
        jf_prove(f, &p);
        CHECK(strcmp(p.reason, "it is not in the code of a library") != 0);
        jf_prove(symbol("libc.so.6", "atoi"), &p); /* tables of others are kept */
        CHECK(!p.proved && strstr(p.reason, "it calls strto") == p.reason);
        CHECK_INT(dlclose(h), 0);
        jf_prove(f, &p);
        CHECK(!p.proved);
        CHECK_STR(p.reason, "it is not in the code of a library");
    }
}

static int memory_step(void *ctx)
{
    jf_Proof p;
    jf_prove(ctx, &p);
    jf_proof_forget();
    CHECK(p.proved || strstr(p.reason, "out of memory") != NULL);
    return p.proved;
}

static int memory_bytes_step(void *ctx)
{
    jf_Proof p;
    const Row *r = ctx;
    size_t n;
    uint8_t *code = bytes_of(r->hex, &n);
    jf_prove_bytes(JF_PROOF_A64, code, n, &p);
    free(code);
    CHECK(p.proved || strstr(p.reason, "out of memory") != NULL);
    return p.proved;
}

static void test_memory(void)
{
    jf_proof_forget();
    check_memory(memory_step, symbol("libc.so.6", "abs"));
    for (size_t i = 0; i < JF_COUNT(rows_a64); i++)
        if (rows_a64[i].proved)
            check_memory(memory_bytes_step, (void *)(uintptr_t)&rows_a64[i]);
}

/* --- several at once -------------------------------------------------------------------------- */

static void *proved_one, *other_one;

static void *prove_often(void *all_proved)
{
    for (int i = 0; i < 2000; i++) {
        jf_Proof p;
        jf_prove(proved_one, &p);
        *(int *)all_proved &= p.proved;
        jf_prove(other_one, &p);
        *(int *)all_proved &= !p.proved;
        if (i % 100 == 0)
            jf_proof_forget();
    }
    return NULL;
}

/* Somebody opens and closes libraries all the time. */
static void *open_often(void *stop)
{
    while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
        void *h = dlopen(rare, RTLD_LAZY);
        if (h)
            dlclose(h);
    }
    return NULL;
}

static void start_threads(pthread_t *threads, int *proved)
{
    proved_one = symbol("libc.so.6", "labs");
    other_one = symbol("libc.so.6", "atoi");
    for (int i = 0; i < 4; i++) {
        proved[i] = 1;
        CHECK_INT(pthread_create(&threads[i], NULL, prove_often, &proved[i]), 0);
    }
}

static void end_threads(pthread_t *threads, int *proved)
{
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        CHECK(proved[i]);
    }
}

static void test_threads(void)
{
    pthread_t threads[4], opener;
    int proved[4], stop = 0;
    CHECK_INT(pthread_create(&opener, NULL, open_often, &stop), 0);
    start_threads(threads, proved);
    end_threads(threads, proved);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_join(opener, NULL);
}

/* Children of a process in which others hold the lock go on proving. (Not while
 * others open libraries: then glibc's own locks are lost to the child.) */
static void test_fork(void)
{
    pthread_t threads[4];
    int proved[4];
    void *f = symbol("libc.so.6", "labs");
    start_threads(threads, proved);
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child == 0) {
            jf_Proof p;
            alarm(60);
            jf_prove(f, &p);
            _exit(p.proved ? 0 : 1);
        }
        int status = -1;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK_INT(status, 0);
    }
    end_threads(threads, proved);
}

int main(void)
{
    test_rows();
    proof_follow_back = false;
    test_rows();
    test_noise(JF_PROOF_A64, rows_a64, JF_COUNT(rows_a64));
    proof_follow_back = true;
    test_noise(JF_PROOF_X64, rows_x64, JF_COUNT(rows_x64));
    test_noise(JF_PROOF_A64, rows_a64, JF_COUNT(rows_a64));
    if (!jf_proof_why_not()) {
        test_process();
        test_nowhere();
        test_closed();
        test_memory();
        test_threads();
        test_fork();
    }
    return check_report("test_proof");
}
