/* SPDX-License-Identifier: MIT
 *
 * Types from the short notation the generators print next to their C: the
 * differential tests then need no parser, and cannot be fooled by one.
 *
 *   struct K FLAGS PACK ALIGN N  then N fields:  NAME BITS PACKED ALIGN type
 *   union  K ...                 NAME is - where there is none
 *   func   K VARIADIC N X result params extras     (N named, X more)
 *   type:  i:ID (a primitive of JF_PRIMS)  p (void *)  s:K  e:ID (enum of ID)
 *          a:N type (array)  f type (flexible array)  v:N type (vector)
 */
#ifndef DESCRIBE_H
#define DESCRIBE_H

#include "core/type/type.h"

enum { MAX_ARGS = 64 };

typedef struct Func {
    unsigned number;
    jf_Type *type;                 /* FUNC */
    jf_Type *extra[MAX_ARGS];
    uint32_t n_extra;
} Func;

typedef struct Described {
    jf_Universe *u;
    jf_Group *g;
    jf_Type **records; /* by number; NULL where there is none */
    uint32_t n_records;
    Func *funcs;       /* in order */
    uint32_t n_funcs;
} Described;

/* Exits with a message when the text is wrong: it was made by a program. Takes
 * over the universe; describe_free gives everything back. */
void describe_read(jf_Universe *u, const char *text, Described *out);
void describe_free(Described *o);

#endif
