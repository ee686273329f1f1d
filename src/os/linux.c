/* SPDX-License-Identifier: MIT
 *
 * Linux: pages, errno by thread, locks. Libraries are in library.c. What only
 * this system has (mremap onto a mapping, the thread pointer in fs or
 * tpidr_el0) is used here and nowhere else.
 */
#include "os/os.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* --- pages --------------------------------------------------------------------- */

size_t jf_os_page_size(void)
{
    static size_t size;
    if (!size) {
        long n = sysconf(_SC_PAGESIZE);
        size = n > 0 ? (size_t)n : 4096;
    }
    return size;
}

int jf_os_pages_new(void *near, size_t size, void **pages)
{
    JF_ASSERT(size && size % jf_os_page_size() == 0);
    void *p = mmap(near, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                   -1, 0);
    if (p == MAP_FAILED)
        return errno;
    *pages = p;
    return 0;
}

int jf_os_pages_free(void *pages, size_t size)
{
    return munmap(pages, size) ? errno : 0;
}

int jf_os_pages_seal(void *pages, size_t size)
{
    if (mprotect(pages, size, PROT_READ | PROT_EXEC))
        return errno;
    __builtin___clear_cache((char *)pages, (char *)pages + size);
    return 0;
}

int jf_os_pages_move(void *from, void *at, size_t size)
{
    void *p = mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, at);
    if (p == MAP_FAILED)
        return errno;
    JF_ASSERT(p == at);
    return 0;
}

/* Hardened kernels and policies (SELinux execmem, PaX mprotect) refuse the
 * mprotect; nothing needs to run to find out. The move is tried as well, since
 * seccomp filters may refuse mremap. */
int jf_os_pages_can_execute(void)
{
    size_t size = jf_os_page_size();
    void *at = NULL, *from = NULL;
    int e = jf_os_pages_new(NULL, size, &at);
    if (e)
        return e;
    e = jf_os_pages_new(NULL, size, &from);
    if (!e) {
        memset(from, 0xcc, 64);
        e = jf_os_pages_seal(from, size);
        if (!e)
            e = jf_os_pages_move(from, at, size);
        if (e)
            jf_os_pages_free(from, size);
    }
    jf_os_pages_free(at, size);
    return e;
}

/* --- errno ---------------------------------------------------------------------- */

/* Initial-exec: at a fixed distance from the thread pointer in every thread. */
static _Thread_local int os_saved_errno __attribute__((tls_model("initial-exec")));

uint64_t jf_os_nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t jf_os_cpu_nanoseconds(void)
{
    uint64_t n;
    return jf_os_clock_read(CLOCK_THREAD_CPUTIME_ID, &n) ? n : 0;
}

void *jf_os_thread_self(void)
{
    return (void *)pthread_self();
}

bool jf_os_thread_self_offset(int32_t *offset)
{
    *offset = 0;
#if defined(__x86_64__)
    return true; /* the psABI: fs:0 points to itself, and is what pthread_self() gives */
#else
    return false;
#endif
}

bool jf_os_thread_clock(void *thread, int *clock)
{
    clockid_t id;
    if (!thread || pthread_getcpuclockid((pthread_t)thread, &id) != 0)
        return false;
    *clock = id;
    return true;
}

bool jf_os_clock_read(int clock, uint64_t *nanoseconds)
{
    struct timespec t;
    if (clock_gettime(clock, &t) != 0)
        return false;
    *nanoseconds = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    return true;
}

void jf_os_nap(uint64_t nanoseconds)
{
    struct timespec t = {.tv_sec = (time_t)(nanoseconds / 1000000000u),
                         .tv_nsec = (long)(nanoseconds % 1000000000u)};
    nanosleep(&t, NULL);
}

int jf_os_errno_saved(void)
{
    return os_saved_errno;
}

void jf_os_errno_set_saved(int value)
{
    os_saved_errno = value;
}

void jf_os_errno_save(void)
{
    os_saved_errno = errno;
}

void jf_os_errno_restore(void)
{
    errno = os_saved_errno;
}

#if defined(__x86_64__) && !defined(__ILP32__)
static char *thread_pointer(void)
{
    char *p;
    __asm__ volatile("mov %%fs:0, %0" : "=r"(p));
    return p;
}
#elif defined(__aarch64__)
static char *thread_pointer(void)
{
    char *p;
    __asm__ volatile("mrs %0, tpidr_el0" : "=r"(p));
    return p;
}
#else
static char *thread_pointer(void)
{
    return NULL;
}
#endif

typedef struct Offsets {
    ptrdiff_t error; /* errno from the thread pointer */
    ptrdiff_t saved; /* os_saved_errno likewise */
    bool valid;
} Offsets;

static Offsets offsets;
static pthread_once_t offsets_once = PTHREAD_ONCE_INIT;

static void *offsets_measure(void *result)
{
    Offsets *o = result;
    char *tp = thread_pointer();
    o->error = (char *)&errno - tp;
    o->saved = (char *)&os_saved_errno - tp;
    o->valid = tp && o->error == (int32_t)o->error && o->saved == (int32_t)o->saved;
    return NULL;
}

/* A C library could keep errno in memory of its own for each thread: two
 * threads must agree before emitted code may rely on the distance. */
static void offsets_find(void)
{
    Offsets here, there = {0, 0, false};
    pthread_t thread;
    offsets_measure(&here);
    if (!here.valid || pthread_create(&thread, NULL, offsets_measure, &there))
        return;
    pthread_join(thread, NULL);
    if (there.valid && there.error == here.error && there.saved == here.saved)
        offsets = here;
}

bool jf_os_errno_offsets(int32_t *errno_offset, int32_t *saved_offset)
{
    pthread_once(&offsets_once, offsets_find);
    if (!offsets.valid)
        return false;
    *errno_offset = (int32_t)offsets.error;
    *saved_offset = (int32_t)offsets.saved;
    return true;
}

/* --- locks ----------------------------------------------------------------------- */

JF_STATIC_ASSERT(sizeof(pthread_mutex_t) <= sizeof(jf_OsLock), "a mutex fits");
JF_STATIC_ASSERT(_Alignof(pthread_mutex_t) <= _Alignof(jf_OsLock),
                 "and is aligned");

void jf_os_lock_init(jf_OsLock *l)
{
    pthread_mutex_init((pthread_mutex_t *)(void *)l, NULL);
}

void jf_os_lock(jf_OsLock *l)
{
    pthread_mutex_lock((pthread_mutex_t *)(void *)l);
}

void jf_os_unlock(jf_OsLock *l)
{
    pthread_mutex_unlock((pthread_mutex_t *)(void *)l);
}

int jf_os_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    return pthread_atfork(prepare, parent, child);
}

void jf_os_once(jf_OsOnce *once, void (*init)(void))
{
    JF_STATIC_ASSERT(sizeof(pthread_once_t) <= sizeof(jf_OsOnce), "it fits");
    pthread_once((pthread_once_t *)(void *)once, init);
}

int jf_os_thread_slot(unsigned *slot, void (*ended)(void *value))
{
    pthread_key_t key;
    int e = pthread_key_create(&key, ended);
    if (!e)
        *slot = key;
    return e;
}

int jf_os_thread_put(unsigned slot, void *value)
{
    return pthread_setspecific(slot, value);
}

const char *jf_os_getenv(const char *name)
{
    return getenv(name);
}

long jf_os_process_id(void)
{
    return (long)getpid();
}
