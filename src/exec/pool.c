/* SPDX-License-Identifier: MIT
 *
 * The pool of executable memory: see exec.h. No page is ever writable and
 * executable: to change a page, a fresh copy is written, sealed, and moved over
 * the old one in one step, so threads that run code in it notice nothing and a
 * forked child shares no page that either side may write.
 */
#include "exec/inner.h"

#include "core/base/bits.h"
#include "os/os.h"

#include <stdio.h>
#include <string.h>

enum { REGION_FIRST = 64 * 1024, REGION_LARGEST = 1024 * 1024, SPARE_PAGES = 16 };

const jf_ExecCpu *exec_cpu;

static struct {
    jf_OsLock lock;
    Region *regions[EXEC_CLASSES]; /* newest first */
    char *spare;                   /* pages to write copies in, writable; owned */
    size_t n_spare;
    jf_ExecStats stats;
} pool;

/* --- start --------------------------------------------------------------------- */

static jf_OsOnce pool_once = JF_OS_ONCE;
static const char *pool_why_not;
static char pool_why_text[160];

void exec_lock(void)
{
    jf_os_lock(&pool.lock);
}

void exec_unlock(void)
{
    jf_os_unlock(&pool.lock);
}

static bool env_is(const char *value, const char *a, const char *b)
{
    return value && (strcmp(value, a) == 0 || strcmp(value, b) == 0);
}

static void pool_start(void)
{
    jf_os_lock_init(&pool.lock);
    const char *mode = jf_os_getenv("JIFFI_JIT");
    if (!exec_cpu) {
        pool_why_not = "there is no encoder for this CPU and system";
    } else if (env_is(mode, "off", "0") || env_is(mode, "natural", "no")) {
        pool_why_not = "machine code is switched off by JIFFI_JIT";
    } else {
        int e = jf_os_pages_can_execute();
        if (!e)
            e = jf_os_at_fork(exec_lock, exec_unlock, exec_unlock);
        if (e) {
            snprintf(pool_why_text, sizeof pool_why_text,
                     "the system refuses executable memory: %s", strerror(e));
            pool_why_not = pool_why_text;
        }
    }
}

void jf_exec_use(const jf_ExecCpu *cpu)
{
    if (!exec_cpu)
        exec_cpu = cpu;
}

const char *jf_exec_why_not(void)
{
    jf_os_once(&pool_once, pool_start);
    return pool_why_not;
}

bool jf_exec_enabled(void)
{
    return jf_exec_why_not() == NULL;
}

void jf_exec_stats(jf_ExecStats *s)
{
    jf_os_once(&pool_once, pool_start);
    exec_lock();
    *s = pool.stats;
    exec_unlock();
}

void exec_count_stubs(int stubs, size_t mapped)
{
    pool.stats.stubs += (size_t)stubs;
    pool.stats.mapped_bytes += mapped;
}

/* --- writing --------------------------------------------------------------------- */

static bool unit_taken(const Region *r, uint32_t u)
{
    return r->taken[u / 64] >> (u % 64) & 1;
}

/* Page `index` of the region as it shall be before a block is added: what blocks
 * left behind that were dropped since the last time becomes traps. */
static void page_copy(const Region *r, size_t index, char *to)
{
    size_t page = jf_os_page_size();
    uint32_t first = (uint32_t)(index * page / EXEC_UNIT);
    if (!r->pages[index].used) {
        memset(to, exec_cpu->trap, page);
        return;
    }
    memcpy(to, r->base + index * page, page);
    for (uint32_t u = 0; u < page / EXEC_UNIT; u++)
        if (!unit_taken(r, first + u))
            memset(to + u * EXEC_UNIT, exec_cpu->trap, EXEC_UNIT);
}

/* Writable pages for a copy. Single ones, the usual case, are asked of the system
 * sixteen at a time; each is moved away when it is done. */
static int copy_new(size_t size, void **copy)
{
    size_t page = jf_os_page_size();
    if (size != page)
        return jf_os_pages_new(NULL, size, copy);
    if (!pool.n_spare) {
        void *p;
        int e = jf_os_pages_new(NULL, SPARE_PAGES * page, &p);
        if (e)
            return e;
        pool.spare = p;
        pool.n_spare = SPARE_PAGES;
    }
    pool.n_spare--;
    *copy = pool.spare + pool.n_spare * page;
    return 0;
}

/* Put `n` bytes of code at `at`, where all units are free. */
static int rewrite(Region *r, char *at, const void *code, size_t n)
{
    size_t page = jf_os_page_size();
    size_t first = (size_t)(at - r->base) / page;
    size_t end = ((size_t)(at - r->base) + n + page - 1) / page;
    char *old = r->base + first * page;
    size_t size = (end - first) * page;
    void *copy;
    int e = copy_new(size, &copy);
    if (e)
        return e;
    for (size_t k = first; k < end; k++)
        page_copy(r, k, (char *)copy + (k - first) * page);
    memcpy((char *)copy + (at - old), code, n);
    e = jf_os_pages_seal(copy, size);
    if (!e)
        e = jf_os_pages_move(copy, old, size);
    if (e) {
        jf_os_pages_free(copy, size);
        return e;
    }
    for (size_t k = first; k < end; k++)
        r->pages[k].used = true;
    return 0;
}

/* --- regions --------------------------------------------------------------------- */

static void region_free(Region *r)
{
    exec_symbols_drop(r);
    exec_unwind_drop(r);
    if (r->base) {
        jf_os_pages_free(r->base, r->size);
        pool.stats.mapped_bytes -= r->size;
        pool.stats.regions--;
    }
    jf_free(r->taken);
    jf_free(r->pages);
    jf_free(r->groups);
    jf_free(r);
}

/* Newest first. */
static Region **class_of(jf_Frame frame)
{
    return &pool.regions[(uint32_t)frame.throws * EXEC_SAVED + frame.saved];
}

/* A region with room for `need` bytes, put in front; NULL and `*error`. */
static Region *region_new(size_t need, jf_Frame frame, int *error)
{
    size_t page = jf_os_page_size();
    Region *newest = *class_of(frame);
    size_t size = newest ? newest->size * 2 : REGION_FIRST;
    size = size > REGION_LARGEST ? REGION_LARGEST : size;
    if (size < need)
        size = need;
    size = (size_t)jf_round_up(size, page);
    *error = 0;
    Region *r = jf_calloc(sizeof *r);
    if (!r)
        return NULL;
    r->size = size;
    r->frame = frame;
    r->n_units = r->free_units = (uint32_t)(size / EXEC_UNIT);
    r->taken = jf_calloc((r->n_units + 63) / 64 * sizeof *r->taken);
    r->pages = jf_calloc(size / page * sizeof *r->pages);
    r->groups = jf_calloc((size / page / EXEC_GROUP + 1) * sizeof *r->groups);
    void *base = NULL;
    if (r->taken && r->pages && r->groups) {
        *error = jf_os_pages_new(newest ? newest->base : NULL, size, &base);
        if (base)
            *error = jf_os_pages_seal(base, size);
        if (base && *error)
            jf_os_pages_free(base, size);
    }
    if (!base || *error) {
        region_free(r);
        return NULL;
    }
    r->base = base;
    pool.stats.mapped_bytes += size;
    pool.stats.regions++;
    exec_unwind_add(r);
    r->next = newest;
    *class_of(frame) = r;
    return r;
}

static void units_mark(Region *r, uint32_t first, uint32_t n, bool taken)
{
    for (uint32_t u = first; u < first + n; u++) {
        JF_ASSERT(unit_taken(r, u) != taken);
        r->taken[u / 64] ^= (uint64_t)1 << (u % 64);
    }
    if (taken) {
        r->free_units -= n;
        if (r->hint == first)
            r->hint = first + n;
    } else {
        r->free_units += n;
        if (first < r->hint)
            r->hint = first;
    }
}

/* First run of `n` free units that begins at a multiple of `align` units; false:
 * none. */
static bool units_find(const Region *r, uint32_t n, uint32_t align, uint32_t *first)
{
    if (r->free_units < n)
        return false;
    uint32_t run = 0;
    for (uint32_t u = r->hint; u < r->n_units; u++) {
        if (u % 64 == 0 && r->taken[u / 64] == UINT64_MAX) {
            run = 0;
            u += 63;
        } else if (unit_taken(r, u) || (run == 0 && u % align)) {
            run = 0;
        } else if (++run == n) {
            *first = u + 1 - n;
            return true;
        }
    }
    return false;
}

static size_t page_of(const Region *r, const void *entry)
{
    return (size_t)((const char *)entry - r->base) / jf_os_page_size();
}

static void page_insert(Region *r, Block *b)
{
    Block **at = &r->pages[page_of(r, b->pub.entry)].blocks;
    while (*at && (char *)(*at)->pub.entry < (char *)b->pub.entry)
        at = &(*at)->next;
    b->next = *at;
    *at = b;
}

static void page_remove(Region *r, Block *b)
{
    Block **at = &r->pages[page_of(r, b->pub.entry)].blocks;
    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
}

/* --- blocks ---------------------------------------------------------------------- */

static void block_free(Block *b)
{
    jf_free(b->name);
    jf_free((uint32_t *)(uintptr_t)b->frame.exits);
    jf_free(b);
}

/* With a name and exits of its own; NULL: memory. */
static Block *block_new(const char *name, jf_Frame frame)
{
    Block *b = jf_calloc(sizeof *b);
    if (!b)
        return NULL;
    size_t size = 2 * frame.n_exits * sizeof *frame.exits;
    uint32_t *exits = size ? jf_alloc(size) : NULL;
    b->frame = frame;
    b->frame.exits = exits;
    b->name = jf_strndup(name, strlen(name));
    if (!b->name || (size && !exits)) {
        block_free(b);
        return NULL;
    }
    if (size)
        memcpy(exits, frame.exits, size);
    return b;
}

/* Under the lock. Returns 0, an error number, or -1 when memory is out. */
static int add_locked(const void *code, size_t n, uint32_t align, jf_Frame frame,
                      Block *b)
{
    uint32_t units = (uint32_t)((n + EXEC_UNIT - 1) / EXEC_UNIT), first = 0;
    int e = 0;
    Region *r = *class_of(frame);
    while (r && !units_find(r, units, align / EXEC_UNIT, &first))
        r = r->next;
    if (!r) {
        r = region_new((size_t)units * EXEC_UNIT, frame, &e);
        if (!r)
            return e ? e : -1;
        first = 0;
    }
    char *at = r->base + (size_t)first * EXEC_UNIT;
    e = rewrite(r, at, code, n);
    if (e)
        return e;
    units_mark(r, first, units, true);
    b->region = r;
    b->pub.entry = at;
    b->pub.size = n;
    page_insert(r, b);
    exec_symbols_add(b);
    exec_perf_block(b);
    pool.stats.blocks++;
    pool.stats.code_bytes += n;
    return 0;
}

jf_Status jf_exec_add(const void *code, size_t n, uint32_t align, jf_Frame frame,
                      const char *name, jf_Block **block, jf_Diag *d)
{
    JF_ASSERT(n > 0 && frame.saved < EXEC_SAVED);
    JF_ASSERT(align && align % EXEC_UNIT == 0 && jf_is_pow2(align));
    if (!jf_exec_enabled())
        return jf_diag_set(d, JF_UNSUPPORTED, "no machine code here: %s",
                           jf_exec_why_not());
    if (n > INT32_MAX)
        return jf_diag_set(d, JF_UNSUPPORTED, "a block of %zu bytes of code", n);
    Block *b = block_new(name, frame);
    if (!b)
        return jf_diag_set(d, JF_NOMEM, "out of memory");
    exec_lock();
    int e = add_locked(code, n, align, frame, b);
    exec_unlock();
    if (e) {
        block_free(b);
        if (e < 0)
            return jf_diag_set(d, JF_NOMEM, "out of memory");
        return jf_diag_set(d, JF_SYSTEM, "cannot make executable memory for %s: %s",
                           name, strerror(e));
    }
    *block = &b->pub;
    return JF_OK;
}

/* An empty region is given back, unless it is the only one of its class. */
static void region_maybe_drop(Region *r)
{
    Region **at = class_of(r->frame);
    if (r->free_units != r->n_units || (*at == r && !r->next))
        return;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    region_free(r);
}

void jf_exec_drop(jf_Block *block)
{
    if (!block)
        return;
    Block *b = (Block *)block;
    Region *r = b->region;
    exec_lock();
    /* Its bytes stay, unreachable, until the page is written next: dropping
     * needs no system call that way and cannot fail. */
    page_remove(r, b);
    exec_symbols_remove(b);
    units_mark(r, (uint32_t)((size_t)((char *)b->pub.entry - r->base) / EXEC_UNIT),
               (uint32_t)((b->pub.size + EXEC_UNIT - 1) / EXEC_UNIT), false);
    pool.stats.blocks--;
    pool.stats.code_bytes -= b->pub.size;
    region_maybe_drop(r);
    exec_unlock();
    block_free(b);
}

void jf_exec_rename(jf_Block *block, const char *name)
{
    Block *b = (Block *)block;
    char *copy = jf_strndup(name, strlen(name));
    if (!copy)
        return;
    exec_lock();
    char *old = b->name;
    b->name = copy;
    exec_symbols_rename(b);
    exec_perf_block(b);
    exec_unlock();
    jf_free(old);
}

const char *jf_exec_block_name(const jf_Block *block)
{
    return ((const Block *)block)->name;
}
