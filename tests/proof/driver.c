/* SPDX-License-Identifier: MIT
 *
 * Asks for functions of a library what jf_prove says. Names come from standard input,
 * one a line; each answer is a line: name, yes or no, tls or -, instructions, functions,
 * nanoseconds of the thread's own time, reason; with tabs between. Names that the
 * library does not have are left out.
 *
 *   driver [--now] [--cold] [--back] LIBRARY
 *
 * --now: its slots are filled when it is loaded. --cold: each function is asked for as
 * the first one, with nothing remembered. --back: jumps back are followed.
 */
#include "proof/inner.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static long long nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void ask(void *library, const char *name, bool cold)
{
    jf_Proof p;
    void *address = dlsym(library, name);
    if (!address)
        return;
    if (cold)
        jf_proof_forget();
    long long start = nanoseconds();
    jf_prove(address, &p);
    long long end = nanoseconds();
    printf("%s\t%s\t%s\t%u\t%u\t%lld\t%s\n", name, p.proved ? "yes" : "no",
           p.uses_tls ? "tls" : "-", p.instructions, p.functions, end - start, p.reason);
}

int main(int argc, char **argv)
{
    bool now = false, cold = false;
    char name[1024];
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        now |= strcmp(argv[i], "--now") == 0;
        cold |= strcmp(argv[i], "--cold") == 0;
        proof_follow_back &= strcmp(argv[i], "--strict") != 0;
    }
    if (i + 1 != argc)
        return 2;
    if (jf_proof_why_not()) {
        printf("%s\n", jf_proof_why_not());
        return 3;
    }
    void *library = dlopen(argv[i], now ? RTLD_NOW : RTLD_LAZY);
    if (!library) {
        printf("%s\n", dlerror());
        return 4;
    }
    while (fgets(name, sizeof name, stdin)) {
        name[strcspn(name, "\n")] = 0;
        ask(library, name, cold);
    }
    return 0;
}
