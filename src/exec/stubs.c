/* SPDX-License-Identifier: MIT
 *
 * Callback stubs: see exec.h. An area is code pages full of identical stubs,
 * sealed once, followed by as many data pages; stub n takes its two words from
 * the same place in the data half, so making and dropping one writes data only.
 */
#include "exec/inner.h"

#include "os/os.h"

#include <string.h>

enum { AREA_PAGES = 4 };

static void **stubs_free; /* words of the free stub last given back; [0] links */
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

/* Under the lock. */
static int stub_take(void ***words)
{
    if (stubs_free) {
        *words = stubs_free;
        stubs_free = stubs_free[0];
        return 0;
    }
    if (stubs_fresh == stubs_end) {
        int e = area_new();
        if (e)
            return e;
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
    stub->words[0] = stubs_free;
    stub->words[1] = (void *)(uintptr_t)jf_called_a_freed_callback;
    stubs_free = stub->words;
    exec_count_stubs(-1, 0);
    exec_unlock();
    stub->words = NULL;
    stub->entry = NULL;
}
