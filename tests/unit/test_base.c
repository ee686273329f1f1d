/* SPDX-License-Identifier: MIT
 * src/core/base: arenas, buffers, diagnostics. */
#include "check.h"

#include "core/base/bits.h"
#include "core/base/diag.h"

static void test_arena(void)
{
    jf_Arena a = JF_ARENA_INIT;
    char *first = jf_arena_strndup(&a, "hello world", 5);
    CHECK_STR(first, "hello");
    jf_ArenaMark m = jf_arena_mark(&a);
    for (int i = 0; i < 1000; i++) {
        char *p = jf_arena_alloc(&a, (size_t)i * 7);
        CHECK(p && (uintptr_t)p % 16 == 0);
        memset(p, 0xee, (size_t)i * 7);
    }
    jf_arena_reset(&a, m);
    CHECK_STR(first, "hello");
    char *again = jf_arena_calloc(&a, 100000);
    CHECK(again && again[0] == 0 && again[99999] == 0);
    CHECK(jf_arena_alloc(&a, SIZE_MAX) == NULL);
    CHECK(jf_arena_alloc(&a, SIZE_MAX - 64) == NULL);
    jf_arena_free(&a);
    CHECK(a.chunk == NULL);
}

static void test_buf(void)
{
    jf_Buf b = JF_BUF_INIT;
    for (int i = 0; i < 500; i++)
        jf_buf_printf(&b, "%d,", i);
    CHECK(!b.failed && b.n == strlen(b.p));
    CHECK(!strncmp(b.p, "0,1,2,3,", 8));
    CHECK(!jf_buf_reserve(&b, SIZE_MAX - 10));
    CHECK(b.failed);
    jf_buf_text(&b, "ignored");
    jf_buf_free(&b);
}

static void test_diag(void)
{
    static const struct {
        const char *file, *line, *hint;
        jf_Pos pos;
        const char *want;
    } rows[] = {
        {NULL, NULL, NULL, {0, 0}, "no such thing"},
        {"a.h",
         "int x y;",
         NULL,
         {3, 7},
         "a.h:3:7: no such thing\n  int x y;\n        ^\n"},
        {"a.h",
         "\tq",
         "did you mean 'p'?",
         {1, 2},
         "a.h:1:2: no such thing\n  \tq\n  \t^\ndid you mean 'p'?"},
        {NULL, NULL, "say more", {0, 0}, "no such thing\nsay more"},
    };
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        jf_Diag d = JF_DIAG_INIT;
        jf_Buf b = JF_BUF_INIT;
        CHECK(jf_diag_set(&d, JF_SYNTAX, "no such %s", "thing") == JF_SYNTAX);
        CHECK(jf_diag_set(&d, JF_NOMEM, "second") == JF_NOMEM);
        CHECK(d.status == JF_SYNTAX);
        if (rows[i].pos.line)
            jf_diag_at(&d, rows[i].file, rows[i].pos, rows[i].line,
                       strlen(rows[i].line));
        if (rows[i].hint)
            jf_diag_hint(&d, "%s", rows[i].hint);
        jf_diag_print(&d, &b);
        CHECK_STR(b.p, rows[i].want);
        jf_buf_free(&b);
        jf_diag_clear(&d);
    }
}

static void test_diag_long_line(void)
{
    static char line[5001];
    memset(line, 'x', 5000);
    jf_Diag d = JF_DIAG_INIT;
    jf_Buf b = JF_BUF_INIT;
    jf_diag_set(&d, JF_SYNTAX, "bad");
    jf_diag_at(&d, "f", (jf_Pos){1, 4000}, line, 5000);
    jf_diag_print(&d, &b);
    CHECK(b.n < 200 && b.p[b.n - 2] == '^');
    jf_buf_free(&b);
    jf_diag_clear(&d);
}

static int memory_step(void *ctx)
{
    (void)ctx;
    jf_Diag d = JF_DIAG_INIT;
    jf_Buf b = JF_BUF_INIT;
    jf_Arena a = JF_ARENA_INIT;
    jf_diag_set(&d, JF_SEMANTIC, "message");
    jf_diag_at(&d, "file", (jf_Pos){1, 1}, "line", 4);
    jf_diag_hint(&d, "hint");
    jf_diag_print(&d, &b);
    bool ok = d.message && d.file && d.source && d.hint && !b.failed;
    ok = jf_arena_alloc(&a, 5000) && ok;
    jf_arena_free(&a);
    jf_buf_free(&b);
    jf_diag_clear(&d);
    return ok;
}

static void test_bits(void)
{
    CHECK_INT(jf_round_up(0, 8), 0);
    CHECK_INT(jf_round_up(1, 8), 8);
    CHECK_INT(jf_round_up(16, 16), 16);
    CHECK(jf_is_pow2(64) && !jf_is_pow2(0) && !jf_is_pow2(12));
    CHECK(jf_hash_bytes("", 0) != 0);
    CHECK(jf_hash_bytes("ab", 2) != jf_hash_bytes("ba", 2));
}

int main(void)
{
    test_arena();
    test_buf();
    test_diag();
    test_diag_long_line();
    test_bits();
    check_memory(memory_step, NULL);
    return check_report("base");
}
