/* SPDX-License-Identifier: MIT
 *
 * How long the core takes to read N structs of five members and N functions:
 * milliseconds of processor time for several N, the best of some runs each, and per kilobyte, to
 * see that it is linear. With an argument: that N only, for a profiler.
 */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/parse/parse.h"

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void declarations(jf_Buf *b, int n)
{
    for (int i = 0; i < n; i++) {
        jf_buf_printf(b,
                      "struct s%d { int a; double b; char *c; unsigned short d[4];"
                      " struct s%d *e; };\n",
                      i, i ? i - 1 : 0);
        jf_buf_printf(b, "int f%d(struct s%d *p, int x, double y);\n", i, i);
    }
}

static double once(jf_Universe *u, const jf_Buf *text, double *free_ms)
{
    double start = now_ms();
    jf_Scope *s = jf_scope_new(u);
    jf_Diag d = JF_DIAG_INIT;
    jf_CdefOptions o = {.terminated = text->n > 0};
    if (!s || jf_cdef(s, text->p, text->n, &o, &d) != JF_OK) {
        fprintf(stderr, "cdef_core: %s\n", d.message ? d.message : "out of memory");
        exit(1);
    }
    double done = now_ms();
    jf_scope_free(s);
    *free_ms = now_ms() - done;
    return done - start;
}

static void measure(int n, int runs)
{
    jf_Universe *u = jf_universe_new(&jf_target_x64_linux);
    jf_Buf text = JF_BUF_INIT;
    double best = 1e9, best_free = 1e9, free_ms;
    declarations(&text, n);
    for (int i = 0; i < runs; i++) {
        double ms = once(u, &text, &free_ms);
        best = ms < best ? ms : best;
        best_free = free_ms < best_free ? free_ms : best_free;
    }
    printf("%6d structs and functions  %7.1f kB  %8.3f ms  %6.2f us/kB  freed in "
           "%.3f ms\n",
           n, (double)text.n / 1e3, best,
           best * 1e6 / (double)(text.n ? text.n : 1), best_free);
    jf_buf_free(&text);
    jf_universe_free(u);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        measure(atoi(argv[1]), 200);
        return 0;
    }
    static const int sizes[] = {0, 100, 1000, 5000, 20000};
    for (size_t i = 0; i < JF_COUNT(sizes); i++)
        measure(sizes[i], 20);
    return 0;
}
