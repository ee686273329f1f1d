/* SPDX-License-Identifier: MIT
 *
 * The scanner: one pass, no allocation but for new names. It relies on the NUL
 * behind the text and never reads past it.
 */
#include "core/lex/lex.h"

#include <string.h>

/* Classes of bytes. */
enum {
    C_BAD,
    C_NUL,
    C_BLANK,
    C_NEWLINE,
    C_WORD,
    C_DIGIT,
    C_PUNCT,
    C_QUOTE,
    C_HIGH
};

/* clang-format off */
static const uint8_t class_of[256] = {
    [0] = C_NUL, [' '] = C_BLANK, ['\t'] = C_BLANK, ['\r'] = C_BLANK,
    ['\v'] = C_BLANK, ['\f'] = C_BLANK, ['\n'] = C_NEWLINE,
    ['A'] = C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD,
    C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD,
    C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD,
    ['a'] = C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD,
    C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD,
    C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD, C_WORD,
    ['_'] = C_WORD, ['$'] = C_WORD,
    ['0'] = C_DIGIT, C_DIGIT, C_DIGIT, C_DIGIT, C_DIGIT, C_DIGIT, C_DIGIT,
    C_DIGIT, C_DIGIT, C_DIGIT,
    ['"'] = C_QUOTE, ['\''] = C_QUOTE,
    ['('] = C_PUNCT, [')'] = C_PUNCT, ['['] = C_PUNCT, [']'] = C_PUNCT,
    ['{'] = C_PUNCT, ['}'] = C_PUNCT, [','] = C_PUNCT, [';'] = C_PUNCT,
    [':'] = C_PUNCT, ['.'] = C_PUNCT, ['='] = C_PUNCT, ['*'] = C_PUNCT,
    ['+'] = C_PUNCT, ['-'] = C_PUNCT, ['/'] = C_PUNCT, ['%'] = C_PUNCT,
    ['&'] = C_PUNCT, ['|'] = C_PUNCT, ['^'] = C_PUNCT, ['~'] = C_PUNCT,
    ['!'] = C_PUNCT, ['<'] = C_PUNCT, ['>'] = C_PUNCT, ['?'] = C_PUNCT,
    ['#'] = C_PUNCT,
    [128] = C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH,
    [136] = C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH,
    [144] = C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH,
    [152] = C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH,
    [160] = C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH,
    [168] = C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH,
    [176] = C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH,
    [184] = C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH,
    [192] = C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH,
    [200] = C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH,
    [208] = C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH,
    [216] = C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH,
    [224] = C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH,
    [232] = C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH,
    [240] = C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH,
    [248] = C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH, C_HIGH,
};
/* clang-format on */

static unsigned class_at(const char *p)
{
    return class_of[(unsigned char)*p];
}

/* --- text ----------------------------------------------------------------- */

/* C11 5.1.1.2 phase 2. A joined line is followed by as many empty lines as it
 * lost, so that what follows keeps its number. */
size_t jf_lex_splice(char *out, const char *text, size_t n)
{
    if (!n || !memchr(text, '\\', n)) {
        if (n)
            memcpy(out, text, n);
        out[n] = 0;
        return n;
    }
    char *o = out;
    size_t owed = 0;
    for (size_t i = 0; i < n; i++) {
        size_t cr = i + 1 < n && text[i + 1] == '\r';
        if (text[i] == '\\' && i + 1 + cr < n && text[i + 1 + cr] == '\n') {
            owed++;
            i += 1 + cr;
            continue;
        }
        *o++ = text[i];
        for (; text[i] == '\n' && owed; owed--)
            *o++ = '\n';
    }
    JF_ASSERT((size_t)(o - out) <= n);
    *o = 0;
    return (size_t)(o - out);
}

void jf_lex_init(jf_Lex *lx, jf_Names *names, const char *text, size_t n,
                 uint32_t line)
{
    JF_ASSERT(text[n] == 0);
    memset(lx, 0, sizeof *lx);
    lx->at = lx->text = text;
    lx->end = text + n;
    lx->names = names;
    lx->line = line;
    lx->first = true;
}

static void tok_bad(jf_Lex *lx, jf_Tok *t, const char *why)
{
    t->kind = JF_TK_BAD;
    t->n = 1;
    lx->error = why;
}

/* --- blanks and comments -------------------------------------------------- */

/* `p` stands behind the opening. Returns the place behind the comment. */
static const char *skip_block(jf_Lex *lx, const char *p)
{
    for (;; p++) {
        if (*p == '*' && p[1] == '/')
            return p + 2;
        if (*p == '\n')
            lx->line++;
        else if (*p == 0 && p >= lx->end)
            return NULL;
    }
}

static const char *skip_line(jf_Lex *lx, const char *p)
{
    while (*p != '\n' && (*p || p < lx->end))
        p++;
    return p;
}

/* Skip to the next token. False: `t` is set (end of line, unclosed comment). */
static bool skip_blanks(jf_Lex *lx, jf_Tok *t)
{
    const char *p = lx->at;
    for (;;) {
        unsigned c = class_at(p);
        if (c == C_BLANK) {
            p++;
        } else if (c == C_NEWLINE) {
            if (lx->directive) {
                lx->at = t->at = p;
                t->kind = JF_TK_EOL;
                t->n = 0;
                return false;
            }
            lx->line++;
            lx->first = true;
            p++;
        } else if (*p == '/' && p[1] == '*') {
            const char *open = p;
            p = skip_block(lx, p + 2);
            if (!p) {
                lx->at = lx->end;
                t->at = open;
                tok_bad(lx, t, "this comment is never closed");
                return false;
            }
        } else if (*p == '/' && p[1] == '/') {
            p = skip_line(lx, p + 2);
        } else {
            lx->at = p;
            return true;
        }
    }
}

/* --- words ---------------------------------------------------------------- */

/* Length of the UTF-8 sequence at `p`, 0 if it is none (RFC 3629). */
static unsigned utf8_length(const char *s)
{
    const unsigned char *p = (const unsigned char *)s;
    unsigned n = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
    if (*p < 0xc2 || *p > 0xf4)
        return 0;
    if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
        (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
        return 0;
    for (unsigned i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

static void lex_quoted(jf_Lex *lx, jf_Tok *t, const char *p);

static bool is_prefix(const char *s, size_t n)
{
    return (n == 1 && (*s == 'L' || *s == 'u' || *s == 'U')) ||
           (n == 2 && s[0] == 'u' && s[1] == '8');
}

static void lex_word(jf_Lex *lx, jf_Tok *t)
{
    const char *p = lx->at;
    uint32_t h = JF_NAME_SEED;
    for (;;) {
        unsigned c = class_at(p);
        while (c == C_WORD || c == C_DIGIT) {
            h = jf_name_mix(h, (unsigned char)*p);
            c = class_at(++p);
        }
        if (JF_LIKELY(c != C_HIGH))
            break;
        unsigned n = utf8_length(p);
        if (!n) {
            t->at = p;
            tok_bad(lx, t, "a byte that is not UTF-8");
            return;
        }
        for (; n; n--)
            h = jf_name_mix(h, (unsigned char)*p++);
    }
    size_t n = (size_t)(p - t->at);
    if (JF_UNLIKELY((*p == '"' || *p == '\'') && is_prefix(t->at, n))) {
        lex_quoted(lx, t, p);
        return;
    }
    t->n = (uint32_t)n;
    t->name = jf_names_intern_hashed(lx->names, t->at, n, jf_name_done(h));
    if (JF_UNLIKELY(!t->name)) {
        tok_bad(lx, t, NULL);
        return;
    }
    t->kind = t->name->token;
    lx->at = p;
}

/* C11 6.4.8: a pp-number takes more than what is a number. */
static void lex_number(jf_Lex *lx, jf_Tok *t)
{
    const char *p = lx->at;
    for (;; p++) {
        unsigned c = class_at(p);
        if (c == C_DIGIT || c == C_WORD) {
            char low = (char)(*p | 32);
            if ((low == 'e' || low == 'p') && (p[1] == '+' || p[1] == '-'))
                if (low == 'p' || !(t->at[0] == '0' && (t->at[1] | 32) == 'x'))
                    p++;
        } else if (*p == '.' && !(p[1] == '.' && p[2] == '.')) {
            continue;
        } else if (*p != '\'' ||
                   (class_at(p + 1) != C_DIGIT && class_at(p + 1) != C_WORD)) {
            break;
        }
    }
    t->kind = JF_TK_NUMBER;
    t->n = (uint32_t)(p - t->at);
    lx->at = p;
}

/* `p` stands on the opening quote. */
static void lex_quoted(jf_Lex *lx, jf_Tok *t, const char *p)
{
    char quote = *p++;
    for (; *p != quote; p++) {
        if (*p == '\n' || (*p == 0 && p >= lx->end)) {
            tok_bad(lx, t,
                    quote == '"' ? "this string is not closed on its line"
                                 : "this character constant is not closed");
            return;
        }
        if (*p == '\\' && p[1] && p[1] != '\n')
            p++;
    }
    t->kind = quote == '"' ? JF_TK_STRING : JF_TK_CHAR;
    t->n = (uint32_t)(p + 1 - t->at);
    lx->at = p + 1;
}

/* --- punctuation ---------------------------------------------------------- */

/* clang-format off */
/* Longest first within a first byte. C11 6.4.6, with its digraphs. */
static const struct {
    char text[4];
    uint8_t kind;
} puncts[] = {
    {"!=", JF_TK_NE}, {"!", JF_TK_BANG}, {"#", JF_TK_HASH},
    {"%:", JF_TK_HASH}, {"%>", JF_TK_RBRACE}, {"%", JF_TK_PERCENT},
    {"&&", JF_TK_ANDAND}, {"&", JF_TK_AMP}, {"(", JF_TK_LPAREN},
    {")", JF_TK_RPAREN}, {"*", JF_TK_STAR}, {"+", JF_TK_PLUS},
    {",", JF_TK_COMMA}, {"->", JF_TK_ARROW}, {"-", JF_TK_MINUS},
    {"...", JF_TK_DOTS}, {".", JF_TK_DOT}, {"/", JF_TK_SLASH},
    {"::", JF_TK_SCOPE}, {":>", JF_TK_RBRACKET}, {":", JF_TK_COLON},
    {";", JF_TK_SEMI}, {"<<", JF_TK_SHL}, {"<=", JF_TK_LE},
    {"<:", JF_TK_LBRACKET}, {"<%", JF_TK_LBRACE}, {"<", JF_TK_LT},
    {"==", JF_TK_EQ}, {"=", JF_TK_ASSIGN}, {">>", JF_TK_SHR},
    {">=", JF_TK_GE}, {">", JF_TK_GT}, {"?", JF_TK_QUESTION},
    {"[", JF_TK_LBRACKET}, {"]", JF_TK_RBRACKET}, {"^", JF_TK_CARET},
    {"{", JF_TK_LBRACE}, {"||", JF_TK_OROR}, {"|", JF_TK_PIPE},
    {"}", JF_TK_RBRACE}, {"~", JF_TK_TILDE},
};
/* clang-format on */

static void lex_rare(jf_Lex *lx, jf_Tok *t)
{
    for (size_t i = 0; i < JF_COUNT(puncts); i++) {
        size_t n = strlen(puncts[i].text);
        if (strncmp(puncts[i].text, lx->at, n) == 0) {
            t->kind = puncts[i].kind;
            t->n = (uint32_t)n;
            lx->at += n;
            return;
        }
    }
    tok_bad(lx, t, "a byte that C has no use for");
}

/* C23 6.7.12.1: [[ opens an attribute wherever it stands; blanks may part it. */
static void lex_bracket(jf_Lex *lx, jf_Tok *t)
{
    const char *p = lx->at + 1;
    while (class_at(p) == C_BLANK)
        p++;
    t->kind = *p == '[' ? JF_TK_LATTR : JF_TK_LBRACKET;
    t->n = *p == '[' ? (uint32_t)(p + 1 - lx->at) : 1;
    lx->at += t->n;
}

static void lex_punct(jf_Lex *lx, jf_Tok *t)
{
    static const uint8_t single[128] = {
        ['('] = JF_TK_LPAREN, [')'] = JF_TK_RPAREN, [']'] = JF_TK_RBRACKET,
        ['{'] = JF_TK_LBRACE, ['}'] = JF_TK_RBRACE, [','] = JF_TK_COMMA,
        [';'] = JF_TK_SEMI,   ['*'] = JF_TK_STAR,
    };
    unsigned char c = (unsigned char)*lx->at;
    JF_ASSERT(c < 128);
    if (JF_LIKELY(single[c])) {
        t->kind = single[c];
        t->n = 1;
        lx->at++;
    } else if (c == '[') {
        lex_bracket(lx, t);
    } else if (c == '.' && class_at(lx->at + 1) == C_DIGIT) {
        lex_number(lx, t);
    } else {
        lex_rare(lx, t);
    }
}

void jf_lex_next(jf_Lex *lx, jf_Tok *t)
{
    const char *p = lx->at;
    t->name = NULL;
    while (class_at(p) == C_BLANK)
        p++;
    lx->at = p;
    if (class_at(p) == C_NEWLINE || *p == '/') {
        if (JF_UNLIKELY(!skip_blanks(lx, t))) {
            t->line = lx->line;
            return;
        }
        p = lx->at;
    }
    unsigned c = class_at(p);
    t->at = p;
    t->line = lx->line;
    t->first = lx->first;
    lx->first = false;
    /* By hand before the switch: these two are nearly all there is. */
    if (c == C_WORD) {
        lex_word(lx, t);
        return;
    }
    if (c == C_PUNCT) {
        lex_punct(lx, t);
        return;
    }
    switch (c) {
    case C_HIGH:
        lex_word(lx, t);
        break;
    case C_DIGIT:
        lex_number(lx, t);
        break;
    case C_QUOTE:
        lex_quoted(lx, t, lx->at);
        break;
    case C_NUL:
        t->kind = lx->directive ? JF_TK_EOL : JF_TK_EOF;
        t->n = 0;
        if (lx->at < lx->end)
            tok_bad(lx, t, "a NUL byte inside the text");
        break;
    default:
        tok_bad(lx, t, "a byte that C has no use for");
    }
}
