/* SPDX-License-Identifier: MIT
 *
 * Memory: one pair of hooks that every allocation of the core goes through,
 * arenas that are dropped whole, and growable byte vectors.
 *
 * Every function that allocates may fail and says so by NULL or false; nothing
 * here aborts. Tests install hooks that fail at the n-th call.
 */
#ifndef JF_BASE_MEM_H
#define JF_BASE_MEM_H

#include "core/base/conf.h"

/* realloc-shaped hook: `size` 0 frees and returns NULL; `old` NULL allocates.
 * Must be callable from any thread. */
typedef void *(*jf_AllocHook)(void *old, size_t size);

/* Install `hook` (NULL restores the C library's) and return the one before. */
jf_AllocHook jf_mem_hook(jf_AllocHook hook);

void *jf_alloc(size_t size);            /* owned by the caller; not zeroed */
void *jf_calloc(size_t size);           /* owned by the caller; zeroed */
void *jf_realloc(void *old, size_t size);
void jf_free(void *p);
char *jf_strndup(const char *s, size_t n); /* owned; NUL-terminated */

/* --- arena ------------------------------------------------------------- */

typedef struct jf_ArenaChunk jf_ArenaChunk;

/* Memory that is given back all at once, or back to a mark. */
typedef struct jf_Arena {
    jf_ArenaChunk *chunk; /* newest chunk, owned */
    char *at;             /* next free byte in it */
    char *end;            /* one past its last byte */
} jf_Arena;

typedef struct jf_ArenaMark {
    jf_ArenaChunk *chunk;
    char *at;
} jf_ArenaMark;

#define JF_ARENA_INIT {0, 0, 0}

/* 16-byte aligned, not zeroed; NULL when memory is out. */
void *jf_arena_alloc(jf_Arena *a, size_t size);
void *jf_arena_calloc(jf_Arena *a, size_t size);
char *jf_arena_strndup(jf_Arena *a, const char *s, size_t n);
jf_ArenaMark jf_arena_mark(const jf_Arena *a);
void jf_arena_reset(jf_Arena *a, jf_ArenaMark m); /* drop all since the mark */
void jf_arena_free(jf_Arena *a);                  /* drop all */

/* --- growable bytes ----------------------------------------------------- */

/* A text or code buffer with a sticky failure: append freely, test once. */
typedef struct jf_Buf {
    char *p;     /* owned; NUL-terminated whenever n > 0 was appended as text */
    size_t n;    /* bytes used */
    size_t cap;  /* bytes allocated */
    bool failed; /* an allocation failed; contents are then incomplete */
} jf_Buf;

#define JF_BUF_INIT {0, 0, 0, false}

bool jf_buf_reserve(jf_Buf *b, size_t more);
void jf_buf_put(jf_Buf *b, const void *data, size_t n);
void jf_buf_text(jf_Buf *b, const char *s);
void jf_buf_printf(jf_Buf *b, const char *fmt, ...) JF_PRINTF(2, 3);
void jf_buf_free(jf_Buf *b);

#endif
