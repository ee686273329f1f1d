/* SPDX-License-Identifier: MIT
 *
 * What the files of this room share. A parser reads one text into one scope.
 * The first error leaves by longjmp to the one setjmp in cdef.c; whatever must
 * then be given back is listed in the parser, never only in a C local:
 *
 *   held     a reference on every structural type made so far
 *   undo     what was changed in the scope and in older records
 *   scratch  memory of the running declaration
 */
#ifndef JF_PARSE_PARSER_H
#define JF_PARSE_PARSER_H

#include <setjmp.h>

#include "core/lex/lex.h"
#include "core/parse/parse.h"

enum {
    MAX_NEST = 200,      /* brackets within brackets, of any kind */
    MAX_DEPTH = 240,     /* derivations in one type */
    MAX_WEIGHT = 20000,  /* names, stars and brackets in a type's spelling */
    MAX_PARAMS = 4096,   /* parameters of one function */
    MAX_PACKS = 64       /* #pragma pack(push) */
};

/* --- the scope ------------------------------------------------------------ */

typedef struct Sym {
    jf_Symbol s;       /* first: a jf_Symbol * is a Sym * */
    jf_Name *name;     /* whose meaning it is */
    uint32_t align;    /* TYPEDEF: attribute aligned on it; 0: none */
} Sym;

struct jf_Scope {
    jf_Group *group;   /* one reference, owned */
    jf_Names names;    /* live in the group's arena: members are named by them;
                          empty before the first text: jf_scope_ready() */
    jf_Arena arena;    /* symbols and their texts */
    Sym **syms;        /* in order of declaration; owned array */
    uint32_t n_syms, cap_syms;
    jf_Name **tags;    /* names of structs, unions, enums in order; owned array */
    uint32_t n_tags, cap_tags;
    uint32_t version;  /* successful cdefs */
    uint32_t serial;   /* last number given to an anonymous type */
    uint32_t stamp;    /* last one given to a record's members */
    bool strict;       /* refuse what cffi refuses: strict.c */
};

static inline Sym *sym_of(const jf_Name *n)
{
    return (Sym *)n->symbol;
}

/* --- the parser ----------------------------------------------------------- */

typedef enum UndoKind { U_SYMBOL, U_TYPE, U_TAG } UndoKind;

/* One change to what was there before. */
typedef struct Undo {
    UndoKind kind;
    Sym *sym;      /* SYMBOL: the one that was replaced */
    jf_Name *name; /* TAG */
    jf_Type *type; /* TYPE: a record or enum; TAG: what it stood for */
    jf_Type was;   /* TYPE: as it was */
    union {
        jf_Record rec;
        jf_EnumInfo en;
    } info;        /* TYPE: likewise */
} Undo;

/* A line directive: from `at` on, the next line is `line` of `file`. */
typedef struct LineMark {
    const char *at;
    const char *file; /* scratch of the whole text; NULL: as before */
    uint32_t line;
    struct LineMark *older;
} LineMark;

/* Attributes gathered around one declaration. */
/* What a declaration says of C++ exceptions. */
enum { JF_THROWS_UNSAID, JF_THROWS_YES, JF_THROWS_NO };

typedef struct Attrs {
    uint32_t align;        /* aligned, _Alignas, __declspec(align): bytes; 0 none */
    uint64_t vector_size;  /* bytes; 0: none */
    uint8_t mode;          /* jf_Prim for integers by size in bits; see attr.c */
    uint8_t gil;           /* jf_Gil */
    uint8_t throws;        /* JF_THROWS_* */
    uint8_t conv;          /* JF_CC_* */
    bool packed;
    jf_Access *access;     /* of functions: scratch; as written, so 0 is none */
    const char *at;        /* of the first one, for messages; NULL: none */
} Attrs;

/* `...` in place of a type. */
enum { DOTS_NONE, DOTS_TYPE, DOTS_INT, DOTS_FLOAT };

typedef struct Specs {
    jf_Type *type;      /* borrowed: held by the parser */
    unsigned quals;
    unsigned storage;   /* JF_ST_* */
    uint32_t align;     /* a typedef's own alignment */
    uint8_t dots;       /* DOTS_* */
    bool dots_array;    /* a typedef with [...] whose length is not known */
    bool defines;       /* struct S {...} or enum {...} stood here, or a tag */
    jf_Type *fresh;     /* tag-less record or enum defined here, or NULL */
    const char *at;     /* first byte, for messages */
    Attrs attrs;
} Specs;

/* One step from a name to the type it is declared with. */
typedef enum PartKind { PART_POINTER, PART_ARRAY, PART_FUNC } PartKind;

typedef struct Part {
    uint8_t kind;        /* PartKind */
    uint8_t quals;       /* POINTER: the pointer's own; ARRAY in a parameter */
    bool variadic, oldstyle, stdcall; /* FUNC */
    bool dots;           /* ARRAY: [...] */
    uint32_t n;          /* FUNC: parameters */
    uint64_t length;     /* ARRAY; JF_UNKNOWN: [] */
    jf_Type **params;    /* FUNC: scratch */
    const char **names;  /* FUNC: scratch; NULL if none is named */
    const char *at;      /* for messages */
} Part;

/* What a declarator may be. */
enum { D_NAMED = 1, D_ABSTRACT = 2, D_PARAM = 4, D_FIELD = 8 };

typedef struct Decl {
    jf_Name *name;       /* NULL: abstract */
    const char *at;      /* the name's place, or the declarator's */
    jf_Type *type;       /* borrowed: held by the parser */
    unsigned quals;      /* of the declared thing itself */
    bool dots_array;     /* [...] in it */
    bool dots_below;     /* [...] in the typedef it is made of */
    bool open_first;     /* in a strict scope: [] before it, which stays open */
    bool plain;          /* no star, bracket or parameter list */
    const char **params; /* names of a function's parameters; scratch or NULL */
    uint32_t n_params;
    Attrs attrs;
} Decl;

/* Is it an array of open length, by itself or by the typedef of its items? */
static inline bool is_dots_array(const Decl *d)
{
    return d->dots_array || (d->dots_below && d->type->kind == JF_ARRAY);
}

/* A macro that waits. While it does, the name's `sub` is its number + 1. */
typedef struct Pending {
    jf_Name *name;
    const char *at;   /* the name's place */
    const char *body; /* its first byte, in the text */
    uint32_t line;
    uint8_t state;    /* PENDING_* */
} Pending;

enum { PENDING_WAITS, PENDING_BUSY, PENDING_DONE };

/* A member's name and the stamp it bore before. */
typedef struct Stamp {
    jf_Name *name;
    uint32_t old;
} Stamp;

typedef struct Parser {
    jmp_buf out;            /* see jf_parse_fail */
    const char *text;       /* spliced; NUL-terminated */
    char *own;              /* a copy of it, if it was long; owned */
    bool in_place;          /* the caller's text may serve as it is */
    size_t text_size;
    jf_Scope *scope;
    jf_Group *group;
    jf_Universe *u;
    jf_Diag *diag;
    const char *file;       /* of the text */
    uint32_t first_line;
    jf_Lex lx;
    jf_Tok tok;             /* the current token */
    jf_Tok ahead;           /* the one after it, if looked at */
    bool has_ahead;
    const char *last_end;   /* end of the token before */
    uint32_t nest;          /* open brackets */
    uint32_t dead;          /* > 0: the operand is not evaluated */
    LineMark *marks;        /* newest first */
    jf_Arena scratch;       /* dropped after each outer declaration */
    jf_ArenaMark scratch_mark; /* its beginning: the first chunk stays */
    jf_Arena whole;         /* dropped after the text */
    jf_Type **held;         /* references to give back at the end; owned */
    uint32_t n_held, cap_held;
    Undo *undo;             /* owned array */
    uint32_t n_undo, cap_undo;
    jf_Type **done;         /* records completed in this text, to be pinned */
    uint32_t n_done, cap_done;
    Part *parts;            /* stack of declarator parts; owned array */
    uint32_t n_parts, cap_parts;
    jf_Field *fields;       /* stack of fields of open records; owned array */
    uint32_t n_fields, cap_fields;
    Stamp *stamps;          /* stack of marked member names; owned array */
    uint32_t n_stamps, cap_stamps;
    jf_Enumerator *items;   /* stack of enumerators; owned array */
    uint32_t n_items, cap_items;
    Pending *pending;       /* macros that name what is not known yet; owned */
    uint32_t n_pending, cap_pending;
    uint16_t packs[MAX_PACKS]; /* #pragma pack stack */
    uint32_t n_packs;
    uint16_t pack;          /* in force; 0: natural */
    uint16_t pack_default;  /* cdef(pack=) */
    bool packed_all;        /* cdef(packed=True) */
    bool override_;
    bool laid_out;          /* jf_layout was called */
    bool pinned;            /* the group may hold types of this text */
    bool made_types;        /* a record or enum was made or changed */
    bool is_type;           /* the text is the name of a type */
    bool unusable;          /* the record being read stays incomplete: strict.c */
    const jf_Oracle *oracle; /* NULL: none */
    uint8_t gil;            /* default of functions in this text */
    bool may_throw;         /* likewise */
    uint16_t python;        /* JF_S_EXTERN_PYTHON... inside such a block */
    jf_GroupMark group_mark;
    jf_ArenaMark arena_mark;
    jf_Name *newest;        /* names known before */
    uint32_t syms_before, tags_before, serial_before;
} Parser;

/* --- errors and memory (parser.c) ----------------------------------------- */

/* Leave with a diagnostic at `at` (NULL: no place). */
JF_NORETURN void jf_parse_fail(Parser *p, const char *at, jf_Status status,
                               const char *fmt, ...) JF_PRINTF(4, 5);
/* The same with a hint already set by jf_parse_hint. */
void jf_parse_hint(Parser *p, const char *fmt, ...) JF_PRINTF(2, 3);
/* Leave with the diagnostic that a lower room wrote, placed at `at`. */
JF_NORETURN void jf_parse_fail_low(Parser *p, const char *at, jf_Status status);
JF_NORETURN void jf_parse_nomem(Parser *p);
/* "expected X, got Y" at the current token. */
JF_NORETURN void jf_parse_expected(Parser *p, const char *what);
void *jf_parse_scratch(Parser *p, size_t size);
/* Keep the reference `t` until the end of the text; NULL means memory is out. */
jf_Type *jf_parse_hold(Parser *p, jf_Type *t);
/* Room for one more item in a vector of the parser. */
void jf_parse_grow(Parser *p, void *vector, uint32_t n, uint32_t *cap, size_t size);
/* C spelling for messages; scratch. */
const char *jf_parse_spell(Parser *p, const jf_Type *t, const char *name);

/* --- tokens (parser.c) ---------------------------------------------------- */

void jf_parse_next(Parser *p);
const jf_Tok *jf_parse_ahead(Parser *p);
/* Skip to behind the bracket that closes the one at the current token. */
void jf_parse_skip_balanced(Parser *p);
void jf_parse_enter(Parser *p); /* one bracket deeper, or fail */

static inline bool at_tok(const Parser *p, jf_Token kind)
{
    return p->tok.kind == kind;
}

static inline bool accept_tok(Parser *p, jf_Token kind)
{
    if (p->tok.kind != kind)
        return false;
    jf_parse_next(p);
    return true;
}

static inline void leave_nest(Parser *p)
{
    JF_ASSERT(p->nest > 0);
    p->nest--;
}

/* Take `kind` or fail with "expected ... after ...". */
void jf_parse_expect(Parser *p, jf_Token kind);
/* Is the current token a word that may name something here? */
static inline bool at_name(const Parser *p)
{
    return p->tok.kind == JF_TK_NAME || (p->tok.name && p->tok.name->soft);
}

/* --- declarations --------------------------------------------------------- */

/* Does `t` begin a type? (decl.c) */
bool jf_parse_starts_type(const Parser *p, const jf_Tok *t);
void jf_parse_specs(Parser *p, Specs *s);
void jf_parse_declarator(Parser *p, Specs *s, unsigned how, Decl *d);
/* specifiers and an abstract declarator */
jf_Type *jf_parse_type_name(Parser *p, unsigned *quals);
void jf_parse_static_assert(Parser *p);
JF_NORETURN void jf_parse_unknown_type(Parser *p, const jf_Tok *t);
/* Lay `t` out, or fail at `at`. */
void jf_parse_layout(Parser *p, jf_Type *t, const char *at);

void jf_parse_record(Parser *p, Specs *s);
void jf_parse_enum(Parser *p, Specs *s);

/* Any run of attributes: __attribute__, [[ ]], __declspec, _Alignas. */
void jf_parse_attrs(Parser *p, Attrs *a);
void jf_parse_conv(Parser *p, Attrs *a, const jf_Tok *t);
/* vector_size and mode change the type itself. */
jf_Type *jf_parse_apply_attrs(Parser *p, jf_Type *t, const Attrs *a);
/* Text of one or more adjacent strings; scratch. */
const char *jf_parse_string(Parser *p, size_t *n);

/* Strict scopes (strict.c): each fails where it applies, and returns otherwise. */
void jf_strict_define(Parser *p, const jf_Name *name, const char *text);
void jf_strict_body(Parser *p, const char *at);
void jf_strict_open_bits(Parser *p, const jf_Type *rec);
void jf_strict_late_enum(Parser *p, const jf_Name *tag);
JF_NORETURN void jf_strict_only_dots(Parser *p, const jf_Name *of, const char *at);
void jf_strict_param(Parser *p, const jf_Name *of, uint32_t i);
void jf_strict_unknown(Parser *p, const jf_Tok *t);
void jf_strict_type_text(Parser *p, jf_Status status, const char *message);
void jf_strict_partial_bits(Parser *p);
/* A bit-field that C does not allow: true, the record shall stay incomplete, so
 * that its first use fails. */
bool jf_strict_bad_bits(Parser *p);
/* An opaque record of an included scope gets a body: true. */
bool jf_strict_reopens(const Parser *p, const jf_Type *rec);
bool jf_strict_counted_again(const Parser *p, const jf_Symbol *old,
                             const jf_Symbol *sym);

/* Type of a built-in typedef name; NULL: it is none. (builtin.c) */
jf_Type *jf_parse_builtin(Parser *p, const jf_Name *name, unsigned *quals);
/* Number of fixed names that builtin.c adds, and the adding. */
uint32_t jf_parse_builtin_count(void);
void jf_parse_builtin_names(jf_Names *t);
const char *jf_parse_builtin_each(uint32_t i);

/* --- constant expressions (expr.c) ---------------------------------------- */

typedef struct Value {
    int64_t v;       /* bit pattern, extended from its type */
    double real;
    uint8_t prim;    /* INT UINT LONG ULONG LLONG ULLONG, or DOUBLE */
} Value;

static inline bool value_is_real(const Value *v)
{
    return v->prim == JF_P_DOUBLE;
}

bool jf_parse_prim_unsigned(unsigned prim);
/* C's constant-expression: no comma, no assignment. */
Value jf_parse_constant(Parser *p);
Value jf_parse_cast(Parser *p, jf_Type *t, Value v, const char *at);
/* What may stand behind a cast. */
Value jf_parse_operand(Parser *p);
/* A size_t. */
Value jf_parse_size_value(const Parser *p, uint64_t n);
/* offsetof(...) and &((T *)0)->m. (offset.c) */
Value jf_parse_offsetof(Parser *p);
Value jf_parse_address(Parser *p);
/* An integer, or fail saying `what` it is for. */
Value jf_parse_integer(Parser *p, const char *what);

/* --- the scope's changes (scope.c) ---------------------------------------- */

/* Declare; fills in name, order, line. Fails on a conflict. */
Sym *jf_scope_declare(Parser *p, jf_Name *name, const jf_Symbol *proto,
                      const char *at, uint32_t line);
/* The name that stands for the tag `name` of this kind. */
jf_Name *jf_scope_tag_name(Parser *p, jf_Name *name, jf_Kind kind);
void jf_scope_set_tag(Parser *p, jf_Name *name, jf_Type *t);
void jf_scope_replace_tag(Parser *p, jf_Name *name, jf_Type *t);
/* Before a record or enum that may be older than this text changes. */
void jf_scope_save(Parser *p, jf_Type *t);
void jf_scope_begin(Parser *p);
/* False: memory; then jf_scope_rollback is due. */
bool jf_scope_commit(Parser *p);
void jf_scope_rollback(Parser *p);
/* "typedef", "macro"...: for messages. */
const char *jf_scope_kind_word(const jf_Symbol *s);
/* Does a second declaration say the same as the first (C11 6.7p3, p4)? */
bool jf_scope_agrees(const jf_Symbol *a, const jf_Symbol *b);
void jf_scope_drop_symbol(jf_Scope *s, Sym *sym);
/* Fill the table of names, before anything is added; false: memory is out. Scopes
 * of modules that a compiler made often need none: 26 KB each. */
bool jf_scope_ready(jf_Scope *s);
/* The name whose meaning the tag `n` of this kind is. NULL: memory is out, or
 * without `make`, that there is none. */
jf_Name *jf_scope_tag_in(jf_Names *names, jf_Name *n, jf_Kind kind, bool make);
const char *jf_scope_suggest_type(const jf_Scope *s, const char *name, size_t n);

/* --- what the oracle knows (oracle.c); each does nothing without one --------- */

/* The type of `typedef int... name`; NULL: not known. */
jf_Type *jf_parse_given_type(Parser *p, const char *name, bool real, const char *at);
/* `t` with the lengths of its [...] dimensions, as far as they are known. */
jf_Type *jf_parse_given_lengths(Parser *p, const char *name, jf_Type *t,
                                bool open_first,
                                const char *at);
/* Members with [...] of a record that has all of its names. */
void jf_parse_given_members(Parser *p, jf_Type *rec);
/* The integer type of an enum that has a name; NULL: not known. */
jf_Type *jf_parse_given_enum(Parser *p, jf_Type *t, const char *at);
/* Fill in a CONSTANT with JF_S_DOTS, or hold it against the oracle's value. */
void jf_parse_given_value(Parser *p, const char *name, jf_Symbol *sym);
/* All that the scope's declarations leave open, and commit. (answer.c) */
void jf_parse_answers(Parser *p);

/* `#` at the beginning of a line: the whole directive. (directive.c) */
void jf_parse_directive(Parser *p);
/* Declare a macro whose value had to wait. */
void jf_parse_pending(Parser *p, uint32_t i);

#endif
