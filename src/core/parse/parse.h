/* SPDX-License-Identifier: MIT
 *
 * Tokens to types, constants and symbols. A scope is what one session has
 * declared; a cdef either adds all of its declarations or none.
 */
#ifndef JF_PARSE_PARSE_H
#define JF_PARSE_PARSE_H

#include "core/base/diag.h"
#include "core/type/oracle.h"
#include "core/type/type.h"

typedef struct jf_Scope jf_Scope;

typedef enum jf_SymKind {
    JF_SYM_TYPEDEF,  /* type */
    JF_SYM_FUNCTION, /* type: FUNC */
    JF_SYM_VARIABLE, /* type */
    JF_SYM_CONSTANT, /* integer: value, and type (int unless wider) */
    JF_SYM_FLOAT,    /* #define of a floating constant: number; type double */
    JF_SYM_STRING    /* #define of a string constant: text, text_size */
} jf_SymKind;

/* Who holds the host's lock during a call. JF_GIL_DEFAULT: what the FFI says.
 * JF_GIL_AUTO: held where src/proof shows that nobody waits, else released. */
typedef enum jf_Gil {
    JF_GIL_DEFAULT, JF_GIL_RELEASE, JF_GIL_HOLD, JF_GIL_AUTO
} jf_Gil;

/* jf_Symbol.flags */
enum {
    JF_S_DOTS = 1,          /* `= ...` or `#define X ...`: the compiler knows */
    JF_S_EXTERN_PYTHON = 2, /* extern "Python" */
    JF_S_EXTERN_PYTHON_C = 4, /* extern "Python+C" */
    JF_S_STATIC = 8,        /* declared static */
    JF_S_ENUMERATOR = 16,   /* CONSTANT that came from an enum */
    JF_S_MACRO = 32,        /* CONSTANT, FLOAT, STRING that came from #define */
    JF_S_UNSIGNED = 64,     /* CONSTANT: read `value` as uint64_t */
    JF_S_DOTS_TYPE = 128,   /* typedef ... t; */
    JF_S_DOTS_FLOAT = 256,  /* typedef float... t; */
    JF_S_DOTS_POINTER = 512, /* typedef ... *t; */
    JF_S_MAY_THROW = 1024,  /* C++ exceptions are caught at its calls */
    JF_S_EXTERN = 2048,     /* declared extern */
    JF_S_INCLUDED = 4096,   /* came by jf_scope_include */
    JF_S_DISAGREES = 8192,  /* CONSTANT: the oracle has another value (`real`)
                               than the text; `value` is the text's */
    JF_S_DOTS_INT = 16384,  /* typedef int... t; */
    JF_S_OPEN_FIRST = 32768 /* DOTS, `[][...]`: the first dimension stays open */
};

/* __attribute__((access(mode, array, length))) of a function: one parameter says how
 * many items (of `void *`: bytes) there are behind another. */
typedef struct jf_Access {
    const struct jf_Access *next; /* scope's */
    uint16_t array, length;       /* parameters, counted from 0 */
} jf_Access;

typedef struct jf_Symbol {
    const char *name;    /* scope's */
    const char *link;    /* name in the library: asm label, or `name` */
    jf_Type *type;       /* borrowed: the scope holds it */
    uint8_t kind;        /* jf_SymKind */
    uint8_t quals;       /* of a variable; of a typedef'd type */
    uint8_t gil;         /* jf_Gil */
    bool real_negative;  /* `real` is below zero; else read it as uint64_t */
    uint16_t flags;      /* JF_S_* */
    bool gil_own;        /* `gil` was said of this function by itself */
    bool no_throw;       /* it was said that it throws nothing */
    uint32_t line;       /* of the declaration in its cdef */
    uint32_t order;      /* number of declaration in the scope */
    int64_t value;       /* CONSTANT */
    union {
        double number;   /* FLOAT */
        int64_t real;    /* CONSTANT with JF_S_DISAGREES: the oracle's value */
    };
    const char *text;    /* STRING: bytes, NUL-terminated; scope's */
    size_t text_size;    /* without the NUL */
    const char *const *params; /* FUNCTION: names, NULL where none; scope's.
                            NULL when no parameter is named */
    const jf_Access *access; /* FUNCTION: first of them; NULL: none */
} jf_Symbol;

typedef struct jf_CdefOptions {
    const char *file;   /* for messages; NULL: "<cdef>" */
    uint32_t line;      /* of the first line; 0: 1 */
    bool override_;     /* redefining is allowed */
    uint16_t pack;      /* #pragma pack for the whole text; 0 natural */
    bool packed;        /* every struct gets attribute packed */
    uint8_t gil;        /* jf_Gil for every function without its own */
    bool may_throw;     /* every function gets JF_S_MAY_THROW, but those that say
                           that they do not (noexcept, attribute nothrow) */
    bool terminated;    /* text[n] is a NUL: it need not be copied */
    const jf_Oracle *oracle; /* NULL: nothing is known beyond the text */
} jf_CdefOptions;

jf_Scope *jf_scope_new(jf_Universe *u); /* NULL: memory */
void jf_scope_free(jf_Scope *s);
jf_Group *jf_scope_group(jf_Scope *s);  /* borrowed */
/* From now on `s` refuses what cffi's parser refuses, in its words: strict.c. */
void jf_scope_be_strict(jf_Scope *s);

/* What `other` declares so far becomes visible in `s`, as in cffi: what it
 * declares later does not. Types are the same records. Keeps other's group (not
 * other) alive, copies its symbols.
 * JF_SEMANTIC on a name that both declare differently. */
jf_Status jf_scope_include(jf_Scope *s, jf_Scope *other, jf_Diag *d);

/* Read declarations. On any failure the scope is exactly as before. `text`
 * need not be NUL-terminated; `options` may be NULL. */
jf_Status jf_cdef(jf_Scope *s, const char *text, size_t n,
                  const jf_CdefOptions *options, jf_Diag *d);

/* Fill in what the declarations so far leave open, in place: their types stay what
 * they are. The oracle must outlive the scope's group, which lays its records out by
 * it from now on. A failure leaves the scope as it was, but for single values. */
jf_Status jf_scope_answer(jf_Scope *s, const jf_Oracle *oracle, jf_Diag *d);

/* Declare by hand what a table says instead of a text: `sym` (name, link, type,
 * kind, quals, gil, flags, value... ) is copied, its strings too; the scope holds
 * the type. JF_SEMANTIC when the name is taken by something else. */
jf_Status jf_scope_define(jf_Scope *s, const jf_Symbol *sym, jf_Diag *d);
/* The struct, union or enum called `tag`, made (incomplete) at first asking.
 * Borrowed; NULL: memory. */
jf_Type *jf_scope_make_tag(jf_Scope *s, jf_Kind kind, const char *tag, size_t n);

/* Read one type name: "struct foo *[5]", "int(*)(int, ...)". The caller owns a
 * new reference. A function type is given as a function. *quals (may be NULL)
 * receives the outermost qualifiers. */
jf_Status jf_parse_type(jf_Scope *s, const char *text, size_t n,
                        jf_Type **type, unsigned *quals, jf_Diag *d);

/* Ordinary identifiers; NULL if there is none. Borrowed until the next cdef
 * with override, or the end of the scope. Built-in typedefs (size_t, off_t,
 * FILE...) are found by jf_parse_type but are no symbols. */
const jf_Symbol *jf_scope_find(const jf_Scope *s, const char *name, size_t n);
/* A policy for one function, in place of what its declaration says. False: there is
 * no function of this name. */
bool jf_scope_set_gil(jf_Scope *s, const char *name, size_t n, jf_Gil gil);

/* Tags: kind JF_STRUCT, JF_UNION or JF_ENUM. NULL if there is none. Borrowed. */
jf_Type *jf_scope_tag(const jf_Scope *s, jf_Kind kind, const char *name, size_t n);

/* Every symbol in order of declaration (included ones first); every tagged
 * struct, union and enum. `visit` returns false to stop. */
void jf_scope_each(const jf_Scope *s,
                   bool (*visit)(void *ctx, const jf_Symbol *sym), void *ctx);
void jf_scope_each_tag(const jf_Scope *s, bool (*visit)(void *ctx, jf_Type *t),
                       void *ctx);

/* Closest declared name within two edits, for "did you mean"; NULL if none. */
const char *jf_scope_suggest(const jf_Scope *s, const char *name, size_t n);

/* Number of symbols, and a count that changes with every successful cdef. */
uint32_t jf_scope_size(const jf_Scope *s);
uint32_t jf_scope_version(const jf_Scope *s);

#endif
