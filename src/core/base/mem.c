/* SPDX-License-Identifier: MIT
 * Memory hooks, arenas and buffers: see mem.h. */
#include "core/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *mem_libc(void *old, size_t size)
{
    if (size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, size);
}

static jf_AllocHook mem_current = mem_libc;

jf_AllocHook jf_mem_hook(jf_AllocHook hook)
{
    jf_AllocHook before = mem_current;
    mem_current = hook ? hook : mem_libc;
    return before;
}

/* Larger requests are arithmetic gone wrong, or an attack: refused before the
 * system is asked. */
static const size_t alloc_most = sizeof(size_t) > 4
                                     ? (size_t)1 << (sizeof(size_t) * 8 - 25)
                                     : SIZE_MAX / 2;

void *jf_alloc(size_t size)
{
    return jf_realloc(NULL, size);
}

void *jf_calloc(size_t size)
{
    void *p = jf_alloc(size);
    if (p)
        memset(p, 0, size);
    return p;
}

void *jf_realloc(void *old, size_t size)
{
    if (size > alloc_most)
        return NULL;
    return mem_current(old, size ? size : 1);
}

void jf_free(void *p)
{
    if (p)
        mem_current(p, 0);
}

char *jf_strndup(const char *s, size_t n)
{
    char *p = jf_alloc(n + 1);
    if (p) {
        memcpy(p, s, n);
        p[n] = 0;
    }
    return p;
}

/* --- arena ------------------------------------------------------------- */

enum { ARENA_ALIGN = 16, ARENA_FIRST = 1024, ARENA_LARGEST = 256 * 1024 };

struct jf_ArenaChunk {
    _Alignas(ARENA_ALIGN) jf_ArenaChunk *older; /* owned */
    char *end; /* one past the last byte of this chunk */
};

JF_STATIC_ASSERT(sizeof(jf_ArenaChunk) % ARENA_ALIGN == 0,
                 "chunk header keeps the alignment");

static bool arena_grow(jf_Arena *a, size_t need)
{
    size_t last = a->chunk ? (size_t)(a->end - (char *)a->chunk) : ARENA_FIRST / 2;
    size_t size = last >= ARENA_LARGEST ? ARENA_LARGEST : last * 2;
    if (need > SIZE_MAX - sizeof(jf_ArenaChunk))
        return false;
    if (size < need + sizeof(jf_ArenaChunk))
        size = need + sizeof(jf_ArenaChunk);
    jf_ArenaChunk *c = jf_alloc(size);
    if (!c)
        return false;
    c->older = a->chunk;
    c->end = (char *)c + size;
    a->chunk = c;
    a->at = (char *)(c + 1);
    a->end = c->end;
    return true;
}

void *jf_arena_alloc(jf_Arena *a, size_t size)
{
    if (size > SIZE_MAX - ARENA_ALIGN)
        return NULL;
    size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if ((size_t)(a->end - a->at) < size && !arena_grow(a, size))
        return NULL;
    void *p = a->at;
    a->at += size;
    return p;
}

void *jf_arena_calloc(jf_Arena *a, size_t size)
{
    void *p = jf_arena_alloc(a, size);
    if (p)
        memset(p, 0, size);
    return p;
}

char *jf_arena_strndup(jf_Arena *a, const char *s, size_t n)
{
    char *p = jf_arena_alloc(a, n + 1);
    if (p) {
        memcpy(p, s, n);
        p[n] = 0;
    }
    return p;
}

jf_ArenaMark jf_arena_mark(const jf_Arena *a)
{
    jf_ArenaMark m = {a->chunk, a->at};
    return m;
}

void jf_arena_reset(jf_Arena *a, jf_ArenaMark m)
{
    while (a->chunk != m.chunk) {
        jf_ArenaChunk *older = a->chunk->older;
        jf_free(a->chunk);
        a->chunk = older;
    }
    a->at = m.at;
    a->end = a->chunk ? a->chunk->end : NULL;
}

void jf_arena_free(jf_Arena *a)
{
    jf_ArenaMark empty = {NULL, NULL};
    jf_arena_reset(a, empty);
}

/* --- growable bytes ----------------------------------------------------- */

bool jf_buf_reserve(jf_Buf *b, size_t more)
{
    if (b->failed)
        return false;
    if (b->cap - b->n >= more)
        return true;
    size_t cap = b->cap ? b->cap : 64;
    while (cap - b->n < more) {
        if (cap > SIZE_MAX / 2) {
            b->failed = true;
            return false;
        }
        cap *= 2;
    }
    char *p = jf_realloc(b->p, cap);
    if (!p) {
        b->failed = true;
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

void jf_buf_put(jf_Buf *b, const void *data, size_t n)
{
    if (!jf_buf_reserve(b, n + 1))
        return;
    memcpy(b->p + b->n, data, n);
    b->n += n;
    b->p[b->n] = 0;
}

void jf_buf_text(jf_Buf *b, const char *s)
{
    jf_buf_put(b, s, strlen(s));
}

void jf_buf_printf(jf_Buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n >= 0 && jf_buf_reserve(b, (size_t)n + 1)) {
        vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

void jf_buf_free(jf_Buf *b)
{
    jf_free(b->p);
    b->p = NULL;
    b->n = b->cap = 0;
    b->failed = false;
}
