/* SPDX-License-Identifier: MIT
 *
 * What only the C compiler knows: answers to what declarations leave open
 * (`...`), and numbers to hold the rest against.
 */
#ifndef JF_TYPE_ORACLE_H
#define JF_TYPE_ORACLE_H

#include "core/base/conf.h"

/* A floating or integer typedef, or the integer type of an enum. */
typedef struct jf_GivenType {
    uint32_t size; /* bytes */
    char cls;      /* 'i' signed, 'u' unsigned, 'f' floating */
} jf_GivenType;

/* Given with a cdef; must outlive the scope's group. Each returns false where it
 * knows nothing: then the declaration stays open, as without an oracle. Answers
 * are not trusted: what makes no sense is an error that names the declaration.
 *
 * `name` of a record: "struct foo", "foo_t" (no tag, a typedef), "*foo_p" (what a
 * typedef'd pointer or array leads to), "v" (what a variable is made of),
 * "struct foo.a" (the type of a named member, less its stars and brackets).
 * `path` of a member: "a", also where it is reached through anonymous members; the
 * members of "struct foo.a" are asked of that record, relative to it. */
typedef struct jf_Oracle {
    void *ctx;
    bool (*record)(void *ctx, const char *name, uint64_t *size, uint64_t *align);
    /* *offset UINT64_MAX: not known (bit-field). *size 0: not known (flexible
     * array). */
    bool (*member)(void *ctx, const char *record, const char *path, uint64_t *offset,
                   uint64_t *size);
    /* A variable "v", a typedef "t", a member "struct foo.a". */
    bool (*length)(void *ctx, const char *name, unsigned dim, uint64_t *length);
    /* A typedef "t"; an enum "enum e" or "e_t". */
    bool (*type)(void *ctx, const char *name, jf_GivenType *t);
    bool (*integer)(void *ctx, const char *name, int64_t *bits, bool *negative);
} jf_Oracle;

#endif
