/* SPDX-License-Identifier: MIT
 *
 * Finding libraries, and errno by thread. The linker's cache is fed as bytes,
 * whole, cut off and spoilt; each copy stands in a block of exactly its size, so
 * that a sanitizer sees the first byte read beyond.
 */
#include "check.h"

#include "os/os.h"
#include "os/search.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the linker's cache ------------------------------------------------------------ */

/* A cache of glibc's newer format over cache_names. */
typedef struct Cache {
    char at[1024];
    size_t n;
} Cache;

static void put_word(Cache *c, uint32_t w)
{
    memcpy(c->at + c->n, &w, sizeof w);
    c->n += sizeof w;
}

static void put_bytes(Cache *c, const char *p, size_t n)
{
    memcpy(c->at + c->n, p, n);
    c->n += n;
}

static const char *const cache_names[] = {
    "libz.so.1", "libz.so.1.10", "libz.so.1.9",  "libzz.so.1",   "libz.so",
    "libz.so.x", "libz.so-1",    "libzstd.so.1", "libz.so.1.9.1"};

/* `old`: the older table stands in front, with that many entries. */
static Cache cache_make(int old)
{
    Cache c = {.n = 0};
    uint32_t count = JF_COUNT(cache_names);
    if (old >= 0) {
        put_bytes(&c, "ld.so-1.7.0", 12);
        put_word(&c, (uint32_t)old);
        c.n += (size_t)old * 12;
        c.n = (c.n + 7) & ~(size_t)7;
    }
    size_t start = c.n;
    put_bytes(&c, "glibc-ld.so.cache1.1", 20);
    put_word(&c, count);
    put_word(&c, 0);
    c.n = start + 48;
    uint32_t text = 48 + 24 * count;
    for (uint32_t i = 0; i < count; i++) {
        size_t at = c.n;
        put_word(&c, 1);
        put_word(&c, text);
        put_word(&c, text);
        c.n = at + 24;
        text += (uint32_t)strlen(cache_names[i]) + 1;
    }
    for (uint32_t i = 0; i < count; i++)
        put_bytes(&c, cache_names[i], strlen(cache_names[i]) + 1);
    return c;
}

/* Search the first `n` bytes for libz; the number of names found. */
static uint32_t cache_search(const Cache *c, size_t n, jf_Found *list)
{
    jf_Found own = JF_FOUND_INIT;
    char *bytes = malloc(n ? n : 1);
    memcpy(bytes, c->at, n);
    jf_search_cache_bytes(bytes, n, "libz.so", list ? list : &own);
    free(bytes);
    uint32_t found = list ? list->n : own.n;
    jf_found_free(&own);
    return found;
}

static void test_cache(void)
{
    static const char *const want[] = {"libz.so.1.10", "libz.so.1.9.1",
                                       "libz.so.1.9", "libz.so.1", "libz.so"};
    static const int olds[] = {-1, 0, 1, 2, 5};
    for (size_t k = 0; k < JF_COUNT(olds); k++) {
        Cache c = cache_make(olds[k]);
        jf_Found list = JF_FOUND_INIT;
        CHECK_INT(cache_search(&c, c.n, &list), JF_COUNT(want));
        jf_found_sort(&list);
        for (uint32_t i = 0; i < list.n; i++)
            CHECK_STR(list.names[i], want[i]);
        jf_found_free(&list);
        /* Cut off anywhere: fewer names, nothing read beyond. The last name is
         * gone as soon as its end is. */
        for (size_t n = 0; n < c.n; n++)
            CHECK(cache_search(&c, n, NULL) < JF_COUNT(want));
    }
}

typedef struct HostileRow {
    size_t at; /* of the word, in a cache without an older table */
    uint32_t word;
    uint32_t found;
} HostileRow;

static void test_hostile(void)
{
    enum { COUNT = 20, FIRST = 48 + 4 };
    static const HostileRow rows[] = {
        {COUNT, 0, 0},
        {COUNT, 1, 1},
        {COUNT, 1000, 0},
        {COUNT, UINT32_MAX, 0},
        {COUNT, 0x0aaaaaab, 0}, /* times 24 it is 8 in 32 bits */
        {FIRST, UINT32_MAX, 4},
        {FIRST, 0x7fffffff, 4},
        {FIRST, 4000, 4},
        {FIRST, 0, 4},
        {FIRST + 4, UINT32_MAX, 5}, /* paths are not looked at */
        {0, 0, 0},
    };
    for (size_t k = 0; k < JF_COUNT(rows); k++) {
        Cache c = cache_make(-1);
        memcpy(c.at + rows[k].at, &rows[k].word, 4);
        if (!CHECK_INT(cache_search(&c, c.n, NULL), rows[k].found))
            printf("    row %zu\n", k);
    }
    /* An older table that claims to be larger than the file. */
    static const uint32_t counts[] = {3, 100, 0x15555555, 0x7fffffff, UINT32_MAX};
    for (size_t k = 0; k < JF_COUNT(counts); k++) {
        Cache c = cache_make(2);
        memcpy(c.at + 12, &counts[k], 4);
        CHECK_INT(cache_search(&c, c.n, NULL), 0);
    }
    /* Whatever the bytes are. */
    uint64_t x = 88172645463325252u;
    for (int k = 0; k < 20000; k++) {
        Cache c = cache_make(k % 3 - 1);
        for (int m = 0; m < 4; m++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            c.at[x % 100 + (x >> 8) % (c.n - 100)] = (char)(x >> 32);
        }
        cache_search(&c, c.n, NULL);
    }
}

static int cache_step(void *ctx)
{
    Cache *c = ctx;
    jf_Found list = JF_FOUND_INIT;
    jf_search_cache_bytes(c->at, c->n, "libz.so", &list);
    bool all = list.n == 5;
    CHECK(all != list.failed);
    jf_found_free(&list);
    return all;
}

/* --- directories ------------------------------------------------------------------- */

/* A directory in LD_LIBRARY_PATH, and the real libm. */
static char dir[] = "/tmp/jiffi-test-os-XXXXXX";
static char libm_path[1024];

static const char *in_dir(const char *name)
{
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", getenv("LD_LIBRARY_PATH"), name);
    return path;
}

static void write_script(const char *name)
{
    FILE *f = fopen(in_dir(name), "w");
    CHECK(f != NULL);
    if (!f)
        return;
    fputs("/* GNU ld script */\nGROUP ( /lib/libjfscript.so.1 )\n", f);
    fclose(f);
}

/* A copy: links out of the directory mean something else under an emulator. */
static void write_library(const char *name)
{
    static char bytes[65536];
    size_t n;
    FILE *from = fopen(libm_path, "rb"), *to = fopen(in_dir(name), "wb");
    CHECK(from && to);
    while (from && to && (n = fread(bytes, 1, sizeof bytes, from)) > 0)
        CHECK(fwrite(bytes, 1, n, to) == n);
    if (from)
        fclose(from);
    if (to)
        fclose(to);
}

static const char *const files[] = {"libjfscript.so", "libjfscript.so.2",
                                    "libjfscript.so.1", "libjfbad.so",
                                    "libjfbad.so.3"};

static void find_libm(void)
{
    jf_OsLib *lib = NULL;
    Dl_info info;
    CHECK_INT(jf_os_lib_open("m", 0, &lib, NULL), JF_OK);
    void *cos = jf_os_lib_symbol(lib, "cos", NULL);
    CHECK(cos && dladdr(cos, &info));
    snprintf(libm_path, sizeof libm_path, "%s", info.dli_fname);
    jf_os_lib_close(lib, NULL);
}

/* libfoo.so is a linker script, as developer packages have it, and so is the
 * highest version: the next candidate is opened. */
static void test_scripts(void)
{
    write_script("libjfscript.so");
    write_script("libjfscript.so.2");
    write_library("libjfscript.so.1");
    static const char *const spellings[] = {"jfscript", "libjfscript.so"};
    for (size_t k = 0; k < JF_COUNT(spellings); k++) {
        jf_OsLib *lib = NULL;
        jf_Diag d = JF_DIAG_INIT;
        if (!CHECK_INT(jf_os_lib_open(spellings[k], 0, &lib, &d), JF_OK)) {
            printf("    %s: %s: %s\n", spellings[k], d.message, d.hint);
            jf_diag_clear(&d);
            continue;
        }
        CHECK_STR(jf_os_lib_name(lib), in_dir("libjfscript.so.1"));
        CHECK(jf_os_lib_symbol(lib, "cos", NULL) != NULL);
        jf_os_lib_close(lib, NULL);
    }
}

/* Nothing but scripts: every candidate is named with its fault. */
static void test_all_bad(void)
{
    write_script("libjfbad.so");
    write_script("libjfbad.so.3");
    jf_OsLib *lib = NULL;
    jf_Diag d = JF_DIAG_INIT;
    CHECK_INT(jf_os_lib_open("jfbad", 0, &lib, &d), JF_SYSTEM);
    CHECK(d.message && strstr(d.message, "cannot load library 'jfbad': "));
    CHECK(d.hint && strstr(d.hint, "also tried: ") == d.hint);
    const char *newer = d.hint ? strstr(d.hint, in_dir("libjfbad.so.3")) : NULL;
    CHECK(newer && strstr(newer, in_dir("libjfbad.so: ")));
    CHECK(newer && strstr(newer, "linker's cache"));
    jf_diag_clear(&d);
}

static int open_step(void *ctx)
{
    jf_OsLib *lib = NULL;
    jf_Diag d = JF_DIAG_INIT;
    jf_Status st = jf_os_lib_open(ctx, 0, &lib, &d);
    CHECK(st == JF_OK || st == JF_NOMEM);
    jf_os_lib_close(lib, NULL);
    jf_diag_clear(&d);
    return st == JF_OK;
}

static void test_directories(void)
{
    find_libm();
    test_scripts();
    test_all_bad();
    char name[] = "jfscript";
    check_memory(open_step, name);
    for (size_t k = 0; k < JF_COUNT(files); k++)
        CHECK_INT(unlink(in_dir(files[k])), 0);
    CHECK_INT(rmdir(getenv("LD_LIBRARY_PATH")), 0);
}

/* --- libraries of the system ---------------------------------------------------------- */

static void test_libraries(void)
{
    static const char *const rows[] = {"c", "m", "libc.so.6", "libm.so.6",
                                       "pthread"};
    for (size_t k = 0; k < JF_COUNT(rows); k++) {
        jf_OsLib *lib = NULL;
        jf_Diag d = JF_DIAG_INIT;
        if (!CHECK_INT(jf_os_lib_open(rows[k], 0, &lib, &d), JF_OK))
            printf("    %s: %s\n", rows[k], d.message);
        jf_diag_clear(&d);
        if (rows[k][0] == 'm' && lib)
            CHECK(jf_os_lib_symbol(lib, "cos", NULL) != NULL);
        jf_os_lib_close(lib, NULL);
    }
    jf_Diag d = JF_DIAG_INIT;
    jf_OsLib *lib = NULL;
    CHECK_INT(jf_os_lib_open("no_such_thing", 0, &lib, &d), JF_SYSTEM);
    CHECK(strstr(d.message, "cannot load library 'no_such_thing': ") == d.message);
    CHECK(d.hint && strstr(d.hint, "libno_such_thing.so"));
    CHECK(d.hint && strstr(d.hint, "linker's cache"));
    jf_diag_clear(&d);
    CHECK_INT(jf_os_lib_open("./no/such/path.so", 0, &lib, &d), JF_SYSTEM);
    CHECK(d.hint == NULL);
    jf_diag_clear(&d);
    CHECK_INT(jf_os_lib_open(NULL, 0, &lib, &d), JF_OK);
    CHECK(jf_os_lib_symbol(lib, "strlen", &d) == (void *)strlen ||
          jf_os_lib_symbol(lib, "strlen", &d) != NULL);
    CHECK(jf_os_lib_symbol(lib, "no_such_symbol_at_all", &d) == NULL);
    CHECK(strstr(d.message, "symbol 'no_such_symbol_at_all' not found"));
    jf_diag_clear(&d);
    jf_os_lib_close(lib, NULL);
}

/* --- errno ------------------------------------------------------------------------------ */

static void *errno_thread(void *bad)
{
    int32_t e, s;
    char *tp = __builtin_thread_pointer();
    if (!jf_os_errno_offsets(&e, &s))
        return NULL;
    jf_os_errno_set_saved(5);
    errno = 6;
    *(int *)bad += *(int *)(void *)(tp + e) != 6 || *(int *)(void *)(tp + s) != 5;
    jf_os_errno_restore();
    *(int *)bad += errno != 5;
    errno = 9;
    jf_os_errno_save();
    *(int *)bad += jf_os_errno_saved() != 9;
    return NULL;
}

static void test_errno(void)
{
    int bad = 0;
    pthread_t t;
    int32_t e, s;
    CHECK(jf_os_errno_offsets(&e, &s));
    errno_thread(&bad);
    CHECK_INT(pthread_create(&t, NULL, errno_thread, &bad), 0);
    pthread_join(t, NULL);
    CHECK_INT(bad, 0);
}

/* The dynamic linker reads LD_LIBRARY_PATH when a program starts: this one starts
 * itself again. Where that cannot be (under an emulator), only our own search
 * sees the directory, which it reads each time. */
static void start_again(char **argv)
{
    if (getenv("TEST_OS_AGAIN"))
        return;
    CHECK(mkdtemp(dir) != NULL);
    setenv("TEST_OS_AGAIN", "1", 1);
    setenv("LD_LIBRARY_PATH", dir, 1);
    execv("/proc/self/exe", argv);
}

int main(int argc, char **argv)
{
    (void)argc;
    start_again(argv);
    test_cache();
    test_hostile();
    Cache c = cache_make(1);
    check_memory(cache_step, &c);
    test_directories();
    test_libraries();
    test_errno();
    return check_report("test_os");
}
