/* SPDX-License-Identifier: MIT
 * Inner header: where the versions of a library may lie; see search.c. */
#ifndef JF_OS_SEARCH_H
#define JF_OS_SEARCH_H

#include "core/base/mem.h"

/* File names or paths, to be tried in order. */
typedef struct jf_Found {
    char **names; /* owned, each owned */
    uint32_t n, cap;
    bool failed; /* memory ran out: names are missing */
} jf_Found;

#define JF_FOUND_INIT {0, 0, 0, false}

/* Append what is called `base` ("libz.so") or `base` and a version
 * ("libz.so.1.2"). What cannot be read or makes no sense appends nothing. */
void jf_search_cache(const char *base, jf_Found *list);
void jf_search_directories(const char *base, jf_Found *list);
/* The same over the bytes of a cache, for tests. */
void jf_search_cache_bytes(const char *bytes, size_t n, const char *base,
                           jf_Found *list);
/* Highest version first; of equals the one found first. */
void jf_found_sort(jf_Found *list);
void jf_found_free(jf_Found *list);
/* The directories, for messages. */
const char *jf_search_where(void);

#endif
