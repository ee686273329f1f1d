/* SPDX-License-Identifier: MIT
 *
 * Any bytes through the lexer alone: tokens must come in order, cover the text
 * without overlap, and end; constants must have a value or an error.
 */
#include "core/lex/lex.h"
#include "fuzz.h"

static void constant(const jf_Tok *t)
{
    jf_Number n;
    int64_t v;
    jf_Buf b = JF_BUF_INIT;
    if (t->kind == JF_TK_NUMBER)
        jf_lex_number(t->at, t->n, &n);
    else if (t->kind == JF_TK_CHAR)
        jf_lex_char(t->at, t->n, 1, &v);
    else if (t->kind == JF_TK_STRING)
        jf_lex_string(t->at, t->n, &b);
    jf_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static jf_Arena arena;
    static jf_Names names;
    if (!names.buckets)
        MUST(jf_names_init(&names, &arena, 0));
    jf_ArenaMark mark = jf_arena_mark(&arena);
    jf_Name *newest = names.newest;
    char *text = malloc(size + 1);
    MUST(text);
    size_t n = jf_lex_splice(text, (const char *)data, size);
    MUST(n <= size);
    for (int directive = 0; directive < 2; directive++) {
        jf_Lex lx;
        jf_Tok t;
        jf_lex_init(&lx, &names, text, n, 1);
        lx.directive = directive;
        const char *last = text;
        do {
            jf_lex_next(&lx, &t);
            MUST(t.kind < JF_TK_COUNT && t.at >= last && t.at <= text + n);
            if (t.kind == JF_TK_BAD)
                break;
            last = t.at + t.n;
            MUST(last <= text + n);
            MUST(!t.name || (t.name->n == t.n && !memcmp(t.name->text, t.at, t.n)));
            constant(&t);
        } while (t.kind != JF_TK_EOF && t.kind != JF_TK_EOL);
    }
    free(text);
    jf_names_rollback(&names, newest);
    jf_arena_reset(&arena, mark);
    return 0;
}
