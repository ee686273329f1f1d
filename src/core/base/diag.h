/* SPDX-License-Identifier: MIT
 *
 * Diagnostics: what went wrong, where, and what was expected. A function that
 * can fail takes a `jf_Diag *` and returns a `jf_Status`; the first error wins.
 */
#ifndef JF_BASE_DIAG_H
#define JF_BASE_DIAG_H

#include "core/base/conf.h"
#include "core/base/mem.h"

typedef enum jf_Status {
    JF_OK = 0,
    JF_NOMEM,       /* memory is out */
    JF_SYNTAX,      /* the text is not C */
    JF_SEMANTIC,    /* the text is C, but contradicts itself or what is known */
    JF_UNSUPPORTED, /* meaningful, but this build, target or mode cannot */
    JF_NOT_FOUND,   /* no such library, symbol, type or member */
    JF_INCOMPLETE,  /* a type whose size is not known was needed */
    JF_SYSTEM,      /* the operating system said no; the text says why */
    /* JF_SEMANTIC told apart, by strict scopes alone */
    JF_BAD_VALUE,   /* a number that makes no sense where it stands */
    JF_BAD_TYPE,    /* a type that makes no sense where it stands */
    JF_TOO_DEEP     /* what leads on to itself, or too far */
} jf_Status;

/* A place in a source text. Lines and columns count from 1; 0 means unknown. */
typedef struct jf_Pos {
    uint32_t line;
    uint32_t column;
} jf_Pos;

/* One diagnostic. Zero-initialise, pass along, free at the end. */
typedef struct jf_Diag {
    jf_Status status; /* JF_OK while nothing was said */
    jf_Pos pos;       /* where, in `file` */
    char *file;       /* owned; NULL when there is no source text */
    char *message;    /* owned; one sentence, no newline; NULL if memory is out */
    char *source;     /* owned; the source line the position lies in, or NULL */
    char *hint;       /* owned; a second sentence that helps, or NULL */
} jf_Diag;

#define JF_DIAG_INIT {JF_OK, {0, 0}, 0, 0, 0, 0}

/* Record a failure unless one is there already. Returns `status`, so that
 * `return jf_diag_set(d, JF_SEMANTIC, "...")` reads well. `d` may be NULL. */
jf_Status jf_diag_set(jf_Diag *d, jf_Status status, const char *fmt, ...)
    JF_PRINTF(3, 4);

/* Add the place: `file` (copied, may be NULL) and the text of the line. */
void jf_diag_at(jf_Diag *d, const char *file, jf_Pos pos, const char *line,
                size_t line_length);
void jf_diag_hint(jf_Diag *d, const char *fmt, ...) JF_PRINTF(2, 3);

/* "file:line:column: error: message", the line, a caret, the hint. */
void jf_diag_print(const jf_Diag *d, jf_Buf *out);
void jf_diag_clear(jf_Diag *d);

#endif
