/* SPDX-License-Identifier: MIT
 *
 * Bytes to tokens. A word is hashed while it is read and becomes a *name*: one
 * record per spelling and scope, which carries what the word means (keyword,
 * built-in type, symbol, tag), so that no later step looks a word up again.
 * This room knows C's spellings and nothing of its grammar. Rules: C11 6.4,
 * C23 for digit separators, 0b, [[ and the new keywords.
 */
#ifndef JF_LEX_LEX_H
#define JF_LEX_LEX_H

#include "core/base/mem.h"

/* --- tokens --------------------------------------------------------------- */

/* clang-format off */
/* The first three never reach the grammar. Spellings are for messages. */
#define JF_TOKENS(X)                                                           \
    X(BAD, "invalid text") X(HASH, "#") X(EOL, "end of line")                  \
    X(EOF, "end of text") X(NAME, "name") X(NUMBER, "number")                  \
    X(CHAR, "character constant") X(STRING, "string")                          \
    X(LPAREN, "(") X(RPAREN, ")") X(LBRACKET, "[") X(RBRACKET, "]")            \
    X(LATTR, "[[") X(LBRACE, "{") X(RBRACE, "}")                               \
    X(COMMA, ",") X(SEMI, ";") X(COLON, ":") X(SCOPE, "::") X(DOTS, "...")     \
    X(ASSIGN, "=") X(STAR, "*") X(PLUS, "+") X(MINUS, "-") X(SLASH, "/")       \
    X(PERCENT, "%") X(AMP, "&") X(PIPE, "|") X(CARET, "^") X(TILDE, "~")       \
    X(BANG, "!") X(LT, "<") X(GT, ">") X(LE, "<=") X(GE, ">=") X(EQ, "==")     \
    X(NE, "!=") X(ANDAND, "&&") X(OROR, "||") X(SHL, "<<") X(SHR, ">>")        \
    X(QUESTION, "?") X(DOT, ".") X(ARROW, "->")                                \
    X(BASIC, "type") X(STRUCT, "struct") X(UNION, "union") X(ENUM, "enum")     \
    X(QUAL, "qualifier") X(ATOMIC, "_Atomic") X(STORAGE, "storage class")      \
    X(TYPEOF, "typeof") X(ATTRIBUTE, "__attribute__")                          \
    X(DECLSPEC, "__declspec") X(ASM, "asm") X(ALIGNAS, "_Alignas")             \
    X(ALIGNOF, "_Alignof") X(SIZEOF, "sizeof") X(OFFSETOF, "offsetof")         \
    X(STATIC_ASSERT, "_Static_assert") X(EXTENSION, "__extension__")           \
    X(CALLCONV, "calling convention") X(IGNORED, "ignored word")               \
    X(BOOLEAN, "truth value") X(UNSUPPORTED, "unsupported word")
/* clang-format on */

typedef enum jf_Token {
#define X(id, text) JF_TK_##id,
    JF_TOKENS(X)
#undef X
    JF_TK_COUNT
} jf_Token;

extern const char *const jf_token_text[JF_TK_COUNT];

/* jf_Name.sub of BASIC: a bit each, so that a set of them is a sum. ORDER BASIC:
 * LONG may be counted twice, hence the free bit above it. */
enum {
    JF_B_VOID = 1 << 0, JF_B_BOOL = 1 << 1, JF_B_CHAR = 1 << 2,
    JF_B_INT = 1 << 3, JF_B_SHORT = 1 << 4, JF_B_LONG = 1 << 5,
    JF_B_LLONG = 1 << 6, JF_B_SIGNED = 1 << 7, JF_B_UNSIGNED = 1 << 8,
    JF_B_FLOAT = 1 << 9, JF_B_DOUBLE = 1 << 10, JF_B_COMPLEX = 1 << 11,
    JF_B_INT128 = 1 << 12, JF_B_INT64 = 1 << 13, JF_B_F16 = 1 << 14,
    JF_B_F32 = 1 << 15, JF_B_F64 = 1 << 16, JF_B_F128 = 1 << 17,
    JF_B_F32X = 1 << 18, JF_B_F64X = 1 << 19, JF_B_INT8 = 1 << 20,
    JF_B_INT16 = 1 << 21, JF_B_INT32 = 1 << 22
};

/* jf_Name.sub of STORAGE. */
enum {
    JF_ST_TYPEDEF = 1, JF_ST_EXTERN = 2, JF_ST_STATIC = 4, JF_ST_AUTO = 8,
    JF_ST_REGISTER = 16, JF_ST_INLINE = 32, JF_ST_NORETURN = 64,
    JF_ST_THREAD = 128, JF_ST_CONSTEXPR = 256
};

/* jf_Name.sub of CALLCONV. */
enum {
    JF_CC_CDECL, JF_CC_STDCALL, JF_CC_FASTCALL, JF_CC_VECTORCALL, JF_CC_THISCALL
};

/* --- names ---------------------------------------------------------------- */

struct jf_Symbol;
struct jf_Type;

typedef struct jf_Name {
    struct jf_Name *next;     /* in its bucket */
    struct jf_Name *older;    /* the one interned before; NULL: a keyword */
    const char *text;         /* NUL-terminated; as long-lived as the arena */
    uint32_t n;               /* bytes in it */
    uint32_t hash;            /* jf_name_hash */
    uint8_t token;            /* jf_Token: NAME or a keyword's */
    bool soft;                /* a keyword only where a name cannot stand */
    uint16_t builtin;         /* parser's: row of its built-in type + 1, or 0 */
    uint32_t sub;             /* which keyword of those that share a token;
                                 parser's in plain names, 0 between texts */
    uint32_t stamp;           /* parser's: last record with such a member */
    struct jf_Symbol *symbol; /* parser's: the ordinary identifier, or NULL */
    struct jf_Type *tag;      /* parser's: the struct, union or enum, or NULL */
} jf_Name;

typedef struct jf_Names {
    jf_Name **buckets; /* owned */
    uint32_t n_buckets; /* power of two */
    uint32_t n;        /* names in the table */
    jf_Name *newest;   /* chain of those interned, newest first */
    jf_Name *fixed;    /* keywords and built-in types, one block; owned */
    uint32_t n_fixed;
    jf_Arena *arena;   /* where names live; borrowed */
} jf_Names;

/* A table with the keywords, and room for `extra` more fixed names. */
bool jf_names_init(jf_Names *t, jf_Arena *arena, uint32_t extra);
void jf_names_free(jf_Names *t);
/* A fixed name; `text` is static. Returns the keyword if there is one. */
jf_Name *jf_names_fix(jf_Names *t, const char *text);
/* Make the table wide enough for `more` names, if memory allows. */
void jf_names_reserve(jf_Names *t, size_t more);
/* Find or add. NULL: memory is out. */
jf_Name *jf_names_intern(jf_Names *t, const char *s, size_t n);
/* Find; NULL: never seen, or the table is all zero yet. */
jf_Name *jf_names_find(const jf_Names *t, const char *s, size_t n);
/* Forget what was interned after `newest` was the newest (its arena memory is
 * the caller's to reset). */
void jf_names_rollback(jf_Names *t, jf_Name *newest);

/* One step of the hash, and its end: the lexer runs it while it reads. */
static inline uint32_t jf_name_mix(uint32_t h, unsigned char c)
{
    return (h * 0x01000193u) ^ c;
}

static inline uint32_t jf_name_done(uint32_t h)
{
    return h ^ (h >> 15);
}

enum { JF_NAME_SEED = 0x2545f49 };

jf_Name *jf_names_intern_hashed(jf_Names *t, const char *s, size_t n, uint32_t h);

/* --- the lexer ------------------------------------------------------------ */

typedef struct jf_Tok {
    uint8_t kind;     /* jf_Token */
    bool first;       /* first of its line */
    uint32_t n;       /* bytes of spelling */
    uint32_t line;    /* as #line has it */
    const char *at;   /* first byte, in the text */
    jf_Name *name;    /* NAME and keywords */
} jf_Tok;

typedef struct jf_Lex {
    const char *at;    /* next byte */
    const char *text;  /* the whole, spliced; NUL at `end` */
    const char *end;
    jf_Names *names;
    const char *error; /* static sentence, after a BAD token */
    uint32_t line;     /* of `at` */
    bool first;        /* nothing but blanks so far on this line */
    bool directive;    /* the end of the line is a token */
} jf_Lex;

/* Copy `text` into `out` (n + 1 bytes), joining lines that end in a backslash;
 * later lines keep their numbers. Returns the length. */
size_t jf_lex_splice(char *out, const char *text, size_t n);

/* `text` is spliced and has a NUL at text[n]. */
void jf_lex_init(jf_Lex *lx, jf_Names *names, const char *text, size_t n,
                 uint32_t line);

/* The next token. BAD: see lx->error (NULL: memory is out). */
void jf_lex_next(jf_Lex *lx, jf_Tok *t);

/* --- constants ------------------------------------------------------------ */

typedef struct jf_Number {
    uint64_t value;   /* integer */
    double real;      /* floating */
    bool is_real;
    bool is_unsigned; /* suffix u */
    bool decimal;     /* written in base ten: never becomes unsigned by itself */
    uint8_t longs;    /* l: 1, ll: 2 */
} jf_Number;

/* NULL, or what is wrong with it. Needs a copy only for floating ones. */
const char *jf_lex_number(const char *s, size_t n, jf_Number *out);

/* Prefix of a character constant or string: 0, 'L', 'u', 'U' or '8'. */
int jf_lex_prefix(const char *s);

/* Value of a character constant (C11 6.4.4.4): packed bytes for a plain one of
 * several, the code point for a prefixed one. NULL, or what is wrong. */
const char *jf_lex_char(const char *s, size_t n, unsigned char_bits,
                        int64_t *value);

/* Append the bytes a string literal stands for. NULL, or what is wrong. */
const char *jf_lex_string(const char *s, size_t n, jf_Buf *out);

#endif
