/* SPDX-License-Identifier: MIT
 *
 * The few directives that a declaration text may hold: #define of a constant,
 * #pragma pack, #line. Everything else belongs to a preprocessor and is
 * refused by name. C11 6.10.4 and 6.10.6; GCC manual "Structure-Layout Pragmas".
 */
#include <string.h>

#include "core/parse/parser.h"

/* --- #define -------------------------------------------------------------- */

static void define_usage(Parser *p, const char *at, const char *name)
{
    jf_parse_hint(p,
                  "known are '#define %s 42' (any constant expression), "
                  "'#define %s \"text\"' and '#define %s ...'",
                  name, name, name);
    jf_parse_fail(p, at, JF_SYNTAX, "this #define of '%s' is not a constant", name);
}

static void define_value(Parser *p, jf_Symbol *sym)
{
    Value v = jf_parse_constant(p);
    if (value_is_real(&v)) {
        sym->kind = JF_SYM_FLOAT;
        sym->number = v.real;
        sym->type = jf_type_prim(p->u, JF_P_DOUBLE);
        return;
    }
    sym->kind = JF_SYM_CONSTANT;
    sym->value = v.v;
    sym->type = jf_type_prim(p->u, (jf_Prim)v.prim);
    if (jf_parse_prim_unsigned(v.prim))
        sym->flags |= JF_S_UNSIGNED;
}

static void define_string(Parser *p, jf_Symbol *sym)
{
    size_t n;
    const char *text = jf_parse_string(p, &n);
    char *copy = jf_arena_alloc(&p->scope->arena, n + 1);
    if (!copy)
        jf_parse_nomem(p);
    memcpy(copy, text, n + 1);
    sym->kind = JF_SYM_STRING;
    sym->text = copy;
    sym->text_size = n;
    sym->type = NULL;
}

/* The current token is the first of the body. */
static void define_body(Parser *p, jf_Name *name, const char *at, uint32_t line)
{
    jf_Symbol sym = {.flags = JF_S_MACRO};
    jf_Name *word = at_tok(p, JF_TK_NAME) ? p->tok.name : NULL;
    if (word && !word->symbol && word->sub)
        jf_parse_pending(p, word->sub - 1);
    if (word && word->symbol && word->symbol->kind == JF_SYM_STRING) {
        sym.kind = JF_SYM_STRING;
        sym.text = word->symbol->text;
        sym.text_size = word->symbol->text_size;
        jf_parse_next(p);
    } else if (accept_tok(p, JF_TK_DOTS)) {
        sym.kind = JF_SYM_CONSTANT;
        sym.flags |= JF_S_DOTS;
        sym.type = jf_type_prim(p->u, JF_P_INT);
    } else if (at_tok(p, JF_TK_STRING)) {
        jf_strict_define(p, name, p->tok.at);
        define_string(p, &sym);
    } else {
        const char *value = p->tok.at;
        define_value(p, &sym);
        if (sym.kind == JF_SYM_FLOAT)
            jf_strict_define(p, name, value);
    }
    if (!at_tok(p, JF_TK_EOL))
        define_usage(p, p->tok.at, name->text);
    jf_parse_given_value(p, name->text, &sym);
    jf_scope_declare(p, name, &sym, at, line);
}

static void skip_rest(Parser *p)
{
    const char *at = p->lx.at;
    while (at < p->lx.end && *at != '\n')
        at++;
    p->lx.at = at;
    p->has_ahead = false;
    jf_parse_next(p);
}

/* --- macros that wait ----------------------------------------------------- */

/* Is a word of the body, or the struct that a tag in it means, not known yet? */
static bool must_wait(const Parser *p)
{
    jf_Lex lx = p->lx;
    jf_Tok t = p->tok;
    bool tag = false;
    JF_ASSERT(!p->has_ahead);
    for (; t.kind > JF_TK_EOF; jf_lex_next(&lx, &t)) {
        if (t.kind == JF_TK_NAME) {
            const jf_Type *rec = tag ? t.name->tag : NULL;
            if (tag ? !rec || (jf_is_record(rec) &&
                               !(rec->u.rec->flags & JF_R_COMPLETE))
                    : !t.name->symbol && !t.name->builtin)
                return true;
        }
        tag =
            t.kind == JF_TK_STRUCT || t.kind == JF_TK_UNION || t.kind == JF_TK_ENUM;
    }
    return false;
}

static void put_off(Parser *p, jf_Name *name, const char *at, uint32_t line)
{
    if (p->n_pending == p->cap_pending)
        jf_parse_grow(p, &p->pending, p->n_pending, &p->cap_pending,
                      sizeof *p->pending);
    p->pending[p->n_pending++] =
        (Pending){name, at, p->tok.at, line, PENDING_WAITS};
    if (!name->sub)
        name->sub = p->n_pending;
    skip_rest(p);
}

/* At the end of the text, or when a constant expression needs it. */
void jf_parse_pending(Parser *p, uint32_t i)
{
    Pending m = p->pending[i];
    if (m.state == PENDING_DONE)
        return;
    if (m.state == PENDING_BUSY)
        jf_parse_fail(p, m.at, JF_SEMANTIC, "the value of '%s' depends on itself",
                      m.name->text);
    jf_Lex lx = p->lx;
    jf_Tok tok = p->tok, ahead = p->ahead;
    bool has_ahead = p->has_ahead;
    const char *last_end = p->last_end;
    uint32_t dead = p->dead;
    p->pending[i].state = PENDING_BUSY;
    p->lx.at = m.body;
    p->lx.line = m.line;
    p->lx.first = false;
    p->lx.directive = true;
    p->has_ahead = false;
    p->dead = 0;
    jf_parse_enter(p);
    jf_parse_next(p);
    define_body(p, m.name, m.at, m.line);
    leave_nest(p);
    p->pending[i].state = PENDING_DONE;
    p->lx = lx;
    p->tok = tok;
    p->ahead = ahead;
    p->has_ahead = has_ahead;
    p->last_end = last_end;
    p->dead = dead;
}

/* Only constants become symbols. A macro that is empty or has parameters says
 * nothing about the library; nor does one that is its own body, which system
 * headers put beside enumerators. */
static void define(Parser *p)
{
    jf_Name *name = p->tok.name;
    const char *at = p->tok.at;
    uint32_t line = p->tok.line;
    if (!name)
        jf_parse_expected(p, "a name after #define");
    const char *end = p->tok.at + p->tok.n;
    jf_parse_next(p);
    if (at_tok(p, JF_TK_EOL))
        return;
    if (at_tok(p, JF_TK_LPAREN) && p->tok.at == end) {
        skip_rest(p);
        return;
    }
    if (p->tok.name == name) {
        jf_Lex lx = p->lx;
        jf_Tok t;
        jf_lex_next(&lx, &t);
        if (t.kind == JF_TK_EOL) {
            skip_rest(p);
            return;
        }
    }
    /* A word that is a keyword elsewhere has no room for the number. */
    if (name->token == JF_TK_NAME && must_wait(p))
        put_off(p, name, at, line);
    else
        define_body(p, name, at, line);
}

/* --- #pragma pack --------------------------------------------------------- */

static void set_pack(Parser *p)
{
    const char *at = p->tok.at;
    Value v = jf_parse_integer(p, "a packing");
    if (v.v != 0 && v.v != 1 && v.v != 2 && v.v != 4 && v.v != 8 && v.v != 16)
        jf_parse_fail(p, at, JF_SEMANTIC,
                      "#pragma pack takes 0, 1, 2, 4, 8 or 16, not %lld",
                      (long long)v.v);
    p->pack = (uint16_t)v.v;
}

static bool word(const Parser *p, const char *s)
{
    return p->tok.n == strlen(s) && !memcmp(p->tok.at, s, p->tok.n);
}

/* pack(), pack(n), pack(push[, id][, n]), pack(pop[, id][, n]), pack(show) */
static void pack(Parser *p)
{
    jf_parse_next(p);
    jf_parse_enter(p);
    jf_parse_expect(p, JF_TK_LPAREN);
    bool push = word(p, "push"), pop = word(p, "pop");
    if (at_tok(p, JF_TK_RPAREN)) {
        p->pack = p->pack_default;
    } else if (push || pop) {
        const char *at = p->tok.at;
        if (push && p->n_packs == MAX_PACKS)
            jf_parse_fail(p, at, JF_UNSUPPORTED,
                          "#pragma pack(push) more than %d times", MAX_PACKS);
        if (push)
            p->packs[p->n_packs++] = p->pack;
        else if (p->n_packs)
            p->pack = p->packs[--p->n_packs];
        else
            jf_parse_fail(p, at, JF_SEMANTIC,
                          "#pragma pack(pop) without a pack(push) before it");
        jf_parse_next(p);
        while (accept_tok(p, JF_TK_COMMA)) {
            if (at_tok(p, JF_TK_NAME) && !p->tok.name->symbol)
                jf_parse_next(p); /* an identifier that nobody uses */
            else
                set_pack(p);
        }
    } else if (word(p, "show")) {
        jf_parse_next(p);
    } else {
        set_pack(p);
        if (!p->pack)
            p->pack = p->pack_default;
    }
    jf_parse_expect(p, JF_TK_RPAREN);
    leave_nest(p);
    if (!at_tok(p, JF_TK_EOL))
        jf_parse_expected(p, "the end of the line");
}

/* --- #line ---------------------------------------------------------------- */

/* The number counts the next line; see place() in parser.c. */
static void line(Parser *p, bool strict)
{
    jf_Number n;
    if (!at_tok(p, JF_TK_NUMBER) || jf_lex_number(p->tok.at, p->tok.n, &n) ||
        n.is_real || n.value > INT32_MAX)
        jf_parse_expected(p, "a line number");
    LineMark *m = jf_arena_calloc(&p->whole, sizeof *m);
    if (!m)
        jf_parse_nomem(p);
    m->line = (uint32_t)n.value;
    m->older = p->marks;
    m->file = p->marks ? p->marks->file : NULL;
    jf_parse_next(p);
    if (at_tok(p, JF_TK_STRING)) {
        size_t len;
        const char *name = jf_parse_string(p, &len);
        m->file = jf_arena_strndup(&p->whole, name, len);
        if (!m->file)
            jf_parse_nomem(p);
    }
    while (!strict && at_tok(p, JF_TK_NUMBER))
        jf_parse_next(p); /* flags of `# 1 "file" 2 3` */
    if (!at_tok(p, JF_TK_EOL))
        jf_parse_expected(p, "the end of the line");
    JF_ASSERT(p->lx.directive);
    m->at = p->tok.at;
    p->lx.line = m->line ? m->line - 1 : 0;
    p->marks = m;
}

/* The current token is `#`; afterwards it is the first one behind the line. */
void jf_parse_directive(Parser *p)
{
    const char *at = p->tok.at;
    p->lx.directive = true;
    jf_parse_next(p);
    if (at_tok(p, JF_TK_EOL)) {
        /* C11 6.10.7: nothing */
    } else if (at_tok(p, JF_TK_NUMBER)) {
        line(p, false);
    } else if (word(p, "line")) {
        jf_parse_next(p);
        line(p, true);
    } else if (word(p, "define")) {
        jf_parse_next(p);
        define(p);
    } else if (word(p, "pragma")) {
        /* the rest of a foreign pragma need not be tokens */
        p->lx.directive = true;
        jf_parse_next(p);
        if (word(p, "pack"))
            pack(p);
        else if (!at_tok(p, JF_TK_EOL))
            skip_rest(p);
    } else {
        jf_parse_fail(p, at, JF_SYNTAX,
                      "the directive '#%.*s' is not known here; only #define of "
                      "constants, #pragma and #line are",
                      (int)(p->tok.n > 40 ? 40 : p->tok.n), p->tok.at);
    }
    JF_ASSERT(at_tok(p, JF_TK_EOL));
    p->lx.directive = false;
}
