/* SPDX-License-Identifier: MIT
 *
 * The unit tests' whole harness: count, compare, and say where it differed.
 * A test program calls CHECK... and ends with `return check_report("name")`.
 */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"

static int check_passed, check_failed;

static inline int check_that(int ok, const char *what, const char *file, int line)
{
    if (ok)
        check_passed++;
    else {
        check_failed++;
        printf("%s:%d: failed: %s\n", file, line, what);
    }
    return ok;
}

static inline int check_text(const char *got, const char *want, const char *file,
                             int line)
{
    int ok = got && want && !strcmp(got, want);
    check_that(ok, "texts differ", file, line);
    if (!ok)
        printf("    want: %s\n    got:  %s\n", want ? want : "(null)",
               got ? got : "(null)");
    return ok;
}

static inline int check_int(long long got, long long want, const char *what,
                            const char *file, int line)
{
    int ok = got == want;
    check_that(ok, what, file, line);
    if (!ok)
        printf("    want: %lld\n    got:  %lld\n", want, got);
    return ok;
}

#define CHECK(c) check_that(!!(c), #c, __FILE__, __LINE__)
#define CHECK_STR(got, want) check_text((got), (want), __FILE__, __LINE__)
#define CHECK_INT(got, want)                                                   \
    check_int((long long)(got), (long long)(want), #got, __FILE__, __LINE__)

static inline int check_report(const char *name)
{
    printf("%s: %d passed, %d failed\n", name, check_passed, check_failed);
    return check_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* --- allocation failure -------------------------------------------------------- */

/* Counts live blocks; fails the `check_fail_at`-th allocation (0: none). */
static long check_live, check_count, check_fail_at;

static inline void *check_alloc(void *old, size_t size)
{
    if (!size) {
        check_live -= old != NULL;
        free(old);
        return NULL;
    }
    if (++check_count == check_fail_at)
        return NULL;
    void *p = realloc(old, size);
    check_live += p && !old;
    return p;
}

/* Run `step(ctx)` with the 1st, 2nd, 3rd ... allocation failing until it
 * returns true; it must give back all it took either way. */
static inline void check_memory(int (*step)(void *ctx), void *ctx)
{
    jf_AllocHook before = jf_mem_hook(check_alloc);
    int done = 0;
    for (long at = 1; !done && at < 100000; at++) {
        check_live = check_count = 0;
        check_fail_at = at;
        done = step(ctx);
        if (!CHECK_INT(check_live, 0))
            printf("    allocation %ld was made to fail\n", at);
    }
    check_fail_at = 0;
    CHECK(done);
    jf_mem_hook(before);
}

#endif
