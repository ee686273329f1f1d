/* SPDX-License-Identifier: MIT
 *
 * Callback stubs: see exec.h. An area is code pages full of identical stubs,
 * sealed once, followed by as many data pages; stub n takes its two words from
 * the same place in the data half, so making and dropping one writes data only.
 *
 * Who frees a stub may be wrong about C being done with it. So stubs come back in
 * the order they were freed, and only while many others wait: for a good while a
 * freed address leads to a trap with a telling name, not to somebody else.
 */
#include "exec/inner.h"

#include "os/os.h"

#include <string.h>

enum {
    AREA_PAGES = 4,
    STUBS_RESTING = 1024 /* freed stubs that stay unused */
};

static void *
    *stubs_oldest; /* words of the stub freed first; [0] leads to the next */
static void **stubs_newest; /* ... and of the last */
static size_t stubs_resting;
static char
    *stubs_fresh;       /* words of the next stub never used, in the newest area */
static char *stubs_end; /* end of that area */

static size_t area_size(void)
{
    return AREA_PAGES * jf_os_page_size();
}

/* Who calls a stub after its end lands here, and debuggers show this name. */
static void jf_called_a_freed_callback(void)
{
    __builtin_trap();
}

/* Under the lock: an area of fresh stubs. 0, an error number, -1: memory. */
static int area_new(void)
{
    size_t size = area_size();
    jf_Buf one = JF_BUF_INIT;
    exec_cpu->stub((int32_t)size, &one);
    if (one.failed) {
        jf_buf_free(&one);
        return -1;
    }
    JF_ASSERT(one.n == exec_cpu->stub_size && one.n >= 2 * sizeof(void *));
    JF_ASSERT(jf_os_page_size() % one.n == 0);
    void *base = NULL;
    int e = jf_os_pages_new(NULL, 2 * size, &base);
    for (size_t at = 0; !e && at + one.n <= size; at += one.n)
        memcpy((char *)base + at, one.p, one.n);
    jf_buf_free(&one);
    if (!e)
        e = jf_os_pages_seal(base, size);
    if (e) {
        if (base)
            jf_os_pages_free(base, 2 * size);
        return e;
    }
    stubs_fresh = (char *)base + size;
    stubs_end = stubs_fresh + size;
    exec_count_stubs(0, 2 * size);
    return 0;
}

/* The first stub of each page is nobody's: where others have their context it has the
 * page's names for debuggers; NULL: memory was out. */
static SymFile *names_of(void **words, size_t *index)
{
    size_t page = jf_os_page_size();
    size_t offset = (size_t)((uintptr_t)words & (page - 1));
    *index = offset / exec_cpu->stub_size;
    return *(SymFile **)(void *)((char *)words - offset);
}

static void page_begin(void **words)
{
    words[0] = exec_symbols_stubs((char *)words - area_size(), exec_cpu->stub_size);
    words[1] = (void *)(uintptr_t)jf_called_a_freed_callback;
}

/* Under the lock; NULL: nobody's any more. */
static void stub_name(void **words, const char *name)
{
    size_t index;
    SymFile *names = names_of(words, &index);
    if (names)
        exec_symbols_stub(names, index, name);
}

/* Under the lock. */
static int stub_take(void ***words)
{
    if (stubs_resting > STUBS_RESTING) {
        *words = stubs_oldest;
        stubs_oldest = stubs_oldest[0];
        stubs_resting--;
        stub_name(*words, NULL);
        return 0;
    }
    if (stubs_fresh == stubs_end) {
        int e = area_new();
        if (e)
            return e;
    }
    if ((uintptr_t)stubs_fresh % jf_os_page_size() == 0) {
        page_begin((void **)(void *)stubs_fresh);
        stubs_fresh += exec_cpu->stub_size;
    }
    *words = (void **)(void *)stubs_fresh;
    stubs_fresh += exec_cpu->stub_size;
    if (stubs_fresh + exec_cpu->stub_size > stubs_end)
        stubs_fresh = stubs_end;
    return 0;
}

jf_Status jf_exec_stub_new(void *context, void *target, jf_Stub *stub, jf_Diag *d)
{
    if (!jf_exec_enabled())
        return jf_diag_set(d, JF_UNSUPPORTED, "no machine code here: %s",
                           jf_exec_why_not());
    void **words = NULL;
    exec_lock();
    int e = stub_take(&words);
    if (!e)
        exec_count_stubs(1, 0);
    exec_unlock();
    if (e < 0)
        return jf_diag_set(d, JF_NOMEM, "out of memory");
    if (e)
        return jf_diag_set(d, JF_SYSTEM, "cannot make callback stubs: %s",
                           strerror(e));
    words[0] = context;
    words[1] = target;
    stub->words = words;
    stub->entry = (char *)words - area_size();
    return JF_OK;
}

void jf_exec_stub_free(jf_Stub *stub)
{
    if (!stub->words)
        return;
    exec_lock();
    stub->words[0] = NULL;
    stub->words[1] = (void *)(uintptr_t)jf_called_a_freed_callback;
    if (stubs_resting++)
        stubs_newest[0] = stub->words;
    else
        stubs_oldest = stub->words;
    stubs_newest = stub->words;
    exec_count_stubs(-1, 0);
    exec_unlock();
    stub->words = NULL;
    stub->entry = NULL;
}

void jf_exec_stub_name(const jf_Stub *stub, const char *name)
{
    if (!stub->words)
        return;
    exec_lock();
    stub_name(stub->words, name);
    exec_perf_stub(stub->entry, exec_cpu->stub_size, name);
    exec_unlock();
}
