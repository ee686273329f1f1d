/* SPDX-License-Identifier: MIT
 *
 * Between the two halves of the reader of type strings: words (context_words.c)
 * and what stands behind them (context_parse.c).
 */
#ifndef JF_PYTHON_CFFI_CONTEXT_PARSE_H
#define JF_PYTHON_CFFI_CONTEXT_PARSE_H

#include "python/cffi/stock.h"

typedef enum Token {
    TOK_START,
    TOK_END,
    TOK_ERROR,
    TOK_NAME,
    TOK_NUMBER,
    TOK_DOTS,
    TOK_MARK, /* one character */
    TOK_BOOL,
    TOK_CHAR,
    TOK_COMPLEX,
    TOK_CONST,
    TOK_DOUBLE,
    TOK_ENUM,
    TOK_FLOAT,
    TOK_INT,
    TOK_LONG,
    TOK_SHORT,
    TOK_SIGNED,
    TOK_STRUCT,
    TOK_UNION,
    TOK_UNSIGNED,
    TOK_VOID,
    TOK_VOLATILE,
    TOK_CDECL,
    TOK_STDCALL
} Token;

typedef struct Reader {
    Stock *s;
    jf_Universe *u;
    const char *input, *p; /* the token */
    size_t size;
    Token token;
    unsigned depth, steps;
    const char *message; /* what is wrong, at `p`; static */
    bool failed;         /* an exception is set instead */
} Reader;

static inline bool jpy_read_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* To the next token. */
void jpy_read_next(Reader *r);
/* Is it this character? */
bool jpy_read_at(const Reader *r, char mark);
/* These give NULL, and no token is read any more. Refused: what is wrong, at the
 * token; the first thing that is wrong is what is told. */
void *jpy_read_refuse(Reader *r, const char *message);
/* An exception was set. */
void *jpy_read_failed(Reader *r);
/* Sets it. */
void *jpy_read_raised(Reader *r, jf_Diag *d);
void *jpy_read_no_memory(Reader *r);
/* "const unsigned long", "struct foo", "foo_t": borrowed; NULL as above. */
jf_Type *jpy_read_specifiers(Reader *r);

#endif
