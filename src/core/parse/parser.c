/* SPDX-License-Identifier: MIT
 *
 * What every file of this room stands on: errors with their places, memory that
 * is given back however a parse ends, and the stream of tokens with the
 * directives taken out.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/parse/parser.h"

/* --- errors --------------------------------------------------------------- */

/* Where `at` is, counting lines from the last line directive before it. */
static void place(Parser *p, const char *at)
{
    const LineMark *m = p->marks;
    while (m && m->at > at)
        m = m->older;
    const char *from = m ? m->at : p->text;
    uint32_t line = m ? m->line - 1 : p->first_line;
    const char *start = from;
    for (const char *c = from; c < at; c++)
        if (*c == '\n') {
            line++;
            start = c + 1;
        }
    while (start > p->text && start[-1] != '\n')
        start--;
    const char *end = memchr(start, '\n', (size_t)(p->text + p->text_size - start));
    if (!end)
        end = p->text + p->text_size;
    jf_Pos pos = {line ? line : 1, (uint32_t)(at - start) + 1};
    jf_diag_at(p->diag, m && m->file ? m->file : p->file, pos, start,
               (size_t)(end - start));
}

void jf_parse_fail(Parser *p, const char *at, jf_Status status, const char *fmt,
                   ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    jf_diag_set(p->diag, status, "%s", text);
    if (at)
        place(p, at);
    longjmp(p->out, (int)status);
}

void jf_parse_fail_low(Parser *p, const char *at, jf_Status status)
{
    place(p, at);
    longjmp(p->out, (int)status);
}

void jf_parse_hint(Parser *p, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    jf_diag_hint(p->diag, "%s", text);
}

void jf_parse_nomem(Parser *p)
{
    jf_diag_set(p->diag, JF_NOMEM, "out of memory");
    longjmp(p->out, JF_NOMEM);
}

/* What the current token is, for "got ...". */
static const char *got(const Parser *p, char out[static 64])
{
    if (at_tok(p, JF_TK_EOF))
        return "the end of the text";
    if (at_tok(p, JF_TK_EOL))
        return "the end of the line";
    int n = (int)(p->tok.n > 40 ? 40 : p->tok.n);
    snprintf(out, 64, "'%.*s'%s", n, p->tok.at, p->tok.n > 40 ? "..." : "");
    return out;
}

void jf_parse_expected(Parser *p, const char *what)
{
    char buf[64];
    const char *at = p->tok.at;
    /* What is missing at the end of a line is missing there. */
    if (p->tok.first && p->last_end > p->text && p->last_end < at)
        at = p->last_end;
    jf_parse_fail(p, at, JF_SYNTAX, "expected %s, got %s", what, got(p, buf));
}

void jf_parse_expect(Parser *p, jf_Token kind)
{
    if (JF_LIKELY(p->tok.kind == kind)) {
        jf_parse_next(p);
        return;
    }
    char what[32];
    snprintf(what, sizeof what, "'%s'", jf_token_text[kind]);
    jf_parse_expected(p, what);
}

/* --- memory --------------------------------------------------------------- */

void *jf_parse_scratch(Parser *p, size_t size)
{
    void *m = jf_arena_alloc(&p->scratch, size);
    if (!m)
        jf_parse_nomem(p);
    return m;
}

void jf_parse_grow(Parser *p, void *vector, uint32_t n, uint32_t *cap, size_t size)
{
    void *old, *bigger;
    uint32_t more = *cap ? *cap * 2 : 16;
    JF_ASSERT(n == *cap);
    if (more < n || more > SIZE_MAX / size)
        jf_parse_nomem(p);
    memcpy(&old, vector, sizeof old);
    bigger = jf_realloc(old, more * size);
    if (!bigger)
        jf_parse_nomem(p);
    memcpy(vector, &bigger, sizeof bigger);
    *cap = more;
}

jf_Type *jf_parse_hold(Parser *p, jf_Type *t)
{
    if (!t)
        jf_parse_nomem(p);
    if (p->n_held == p->cap_held) {
        uint32_t cap = p->cap_held ? p->cap_held * 2 : 32;
        jf_Type **held = jf_realloc(p->held, cap * sizeof *held);
        if (!held) {
            jf_type_unref(p->u, t);
            jf_parse_nomem(p);
        }
        p->held = held;
        p->cap_held = cap;
    }
    p->held[p->n_held++] = t;
    return t;
}

const char *jf_parse_spell(Parser *p, const jf_Type *t, const char *name)
{
    enum { LONGEST = 200 };
    jf_Buf b = JF_BUF_INIT;
    if (t->weight > 1000)
        return "a very long type";
    jf_type_print(t, name, JF_PRINT_QUALS, &b, NULL);
    bool cut = b.n > LONGEST;
    char *s =
        b.failed ? NULL : jf_arena_strndup(&p->scratch, b.p, cut ? LONGEST : b.n);
    jf_buf_free(&b);
    if (!s)
        jf_parse_nomem(p);
    if (cut)
        memcpy(s + LONGEST - 3, "...", 3);
    return s;
}

/* --- tokens --------------------------------------------------------------- */

/* A `#` first on its line: the directive is done and gone. */
static void directive(Parser *p, const jf_Tok *hash)
{
    jf_Tok was = p->tok;
    const char *last_end = p->last_end;
    uint32_t dead = p->dead;
    if (p->lx.directive || !hash->first)
        jf_parse_fail(p, hash->at, JF_SYNTAX,
                      "a '#' that is not the first of its line");
    p->tok = *hash;
    p->dead = 0;
    jf_parse_directive(p);
    JF_ASSERT(!p->has_ahead);
    p->tok = was;
    p->dead = dead;
    p->last_end = last_end;
}

static void fetch(Parser *p, jf_Tok *t)
{
    for (;;) {
        jf_lex_next(&p->lx, t);
        if (JF_LIKELY(t->kind > JF_TK_HASH))
            return;
        if (t->kind == JF_TK_HASH) {
            jf_Tok hash = *t;
            directive(p, &hash);
        } else if (p->lx.error) {
            jf_parse_fail(p, t->at, JF_SYNTAX, "%s", p->lx.error);
        } else {
            jf_parse_nomem(p);
        }
    }
}

void jf_parse_next(Parser *p)
{
    p->last_end = p->tok.at + p->tok.n;
    if (p->has_ahead) {
        p->tok = p->ahead;
        p->has_ahead = false;
    } else {
        fetch(p, &p->tok);
    }
}

const jf_Tok *jf_parse_ahead(Parser *p)
{
    if (!p->has_ahead) {
        fetch(p, &p->ahead);
        p->has_ahead = true;
    }
    return &p->ahead;
}

void jf_parse_enter(Parser *p)
{
    if (++p->nest > MAX_NEST)
        jf_parse_fail(p, p->tok.at, JF_UNSUPPORTED,
                      "brackets are nested more than %d levels deep", MAX_NEST);
}

static void skip_open(Parser *p, uint8_t *closers, uint32_t *n, jf_Token closer)
{
    if (*n == MAX_NEST)
        jf_parse_fail(p, p->tok.at, JF_UNSUPPORTED,
                      "brackets are nested more than %d levels deep", MAX_NEST);
    closers[(*n)++] = (uint8_t)closer;
}

void jf_parse_skip_balanced(Parser *p)
{
    uint8_t closers[MAX_NEST];
    uint32_t n = 0;
    do {
        switch (p->tok.kind) {
        case JF_TK_LPAREN:
            skip_open(p, closers, &n, JF_TK_RPAREN);
            break;
        case JF_TK_LATTR:
            skip_open(p, closers, &n, JF_TK_RBRACKET);
            skip_open(p, closers, &n, JF_TK_RBRACKET);
            break;
        case JF_TK_LBRACKET:
            skip_open(p, closers, &n, JF_TK_RBRACKET);
            break;
        case JF_TK_LBRACE:
            skip_open(p, closers, &n, JF_TK_RBRACE);
            break;
        case JF_TK_RPAREN:
        case JF_TK_RBRACKET:
        case JF_TK_RBRACE:
        case JF_TK_EOF:
        case JF_TK_EOL: {
            char what[8];
            snprintf(what, sizeof what, "'%s'", jf_token_text[closers[n - 1]]);
            if (p->tok.kind != closers[n - 1])
                jf_parse_expected(p, what);
            n--;
            break;
        }
        default:
            break;
        }
        jf_parse_next(p);
    } while (n);
}
