/* SPDX-License-Identifier: MIT
 *
 * The versions of a library on this machine: entries of /etc/ld.so.cache (the
 * format glibc calls "glibc-ld.so.cache1.1", see its dl-cache.h) and files in
 * the directories the dynamic linker looks into. Nothing in the cache is
 * trusted: every offset is checked against the file's size.
 */
#include "os/search.h"

#include "core/base/bits.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MULTIARCH "x86_64-linux-gnu"
#elif defined(__aarch64__)
#define MULTIARCH "aarch64-linux-gnu"
#else
#define MULTIARCH "."
#endif

/* --- the list ------------------------------------------------------------------ */

static bool append(jf_Found *list, const char *dir, size_t dir_n, const char *name)
{
    if (list->n == list->cap) {
        uint32_t cap = list->cap ? list->cap * 2 : 8;
        char **p = jf_realloc(list->names, cap * sizeof *p);
        if (!p) {
            list->failed = true;
            return false;
        }
        list->names = p;
        list->cap = cap;
    }
    size_t n = strlen(name), slash = dir_n ? 1 : 0;
    char *s = jf_alloc(dir_n + slash + n + 1);
    if (!s) {
        list->failed = true;
        return false;
    }
    if (dir_n) {
        memcpy(s, dir, dir_n);
        s[dir_n] = '/';
    }
    memcpy(s + dir_n + slash, name, n + 1);
    list->names[list->n++] = s;
    return true;
}

void jf_found_free(jf_Found *list)
{
    for (uint32_t i = 0; i < list->n; i++)
        jf_free(list->names[i]);
    jf_free(list->names);
    *list = (jf_Found)JF_FOUND_INIT;
}

/* What follows `base` in `name`: "" or ".1.2"; NULL: another library. */
static const char *version_of(const char *name, const char *base)
{
    size_t n = strlen(base);
    if (strncmp(name, base, n) != 0)
        return NULL;
    const char *v = name + n;
    if (*v && (v[0] != '.' || v[1] < '0' || v[1] > '9'))
        return NULL;
    return v;
}

/* Versions, number by number: 1.10 above 1.9. */
static int compare(const char *a, const char *b)
{
    const char *va = strstr(a, ".so"), *vb = strstr(b, ".so");
    va = va ? va + 3 : "";
    vb = vb ? vb + 3 : "";
    while (*va == '.' && *vb == '.') {
        char *ea, *eb;
        unsigned long na = strtoul(va + 1, &ea, 10), nb = strtoul(vb + 1, &eb, 10);
        if (na != nb)
            return na < nb ? -1 : 1;
        if (ea == va + 1 || eb == vb + 1)
            break;
        va = ea;
        vb = eb;
    }
    return (*va == '.') - (*vb == '.');
}

/* Lists are short; insertion keeps the order of equals. */
void jf_found_sort(jf_Found *list)
{
    for (uint32_t i = 1; i < list->n; i++) {
        char *x = list->names[i];
        uint32_t k = i;
        for (; k > 0 && compare(list->names[k - 1], x) < 0; k--)
            list->names[k] = list->names[k - 1];
        list->names[k] = x;
    }
}

/* --- the cache ------------------------------------------------------------------- */

enum {
    CACHE_MAGIC = 20,  /* bytes of magic and version */
    CACHE_HEADER = 48, /* magic, count, length of strings, flags, reserve */
    CACHE_ENTRY = 24,  /* flags, name, path, os version, hardware word */
    OLD_HEADER = 16,   /* magic of the older format, count */
    OLD_ENTRY = 12
};

static uint32_t word_at(const char *p)
{
    uint32_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

/* An older table may stand first; the newer begins 8-aligned behind it. */
static size_t cache_start(const char *p, size_t n)
{
    static const char old_magic[] = "ld.so-1.7.0";
    if (n < OLD_HEADER || memcmp(p, old_magic, sizeof old_magic - 1) != 0)
        return 0;
    uint64_t at = OLD_HEADER + (uint64_t)word_at(p + 12) * OLD_ENTRY;
    at = jf_round_up(at, 8);
    return at < n ? (size_t)at : n;
}

/* The text at `off`, if it ends within the file. */
static const char *cache_text(const char *p, size_t n, uint32_t off)
{
    if (off >= n || !memchr(p + off, 0, n - off))
        return NULL;
    return p + off;
}

void jf_search_cache_bytes(const char *bytes, size_t n, const char *base,
                           jf_Found *list)
{
    size_t start = cache_start(bytes, n);
    const char *p = bytes + start;
    n -= start;
    if (n < CACHE_HEADER || memcmp(p, "glibc-ld.so.cache1.1", CACHE_MAGIC) != 0)
        return;
    uint32_t count = word_at(p + CACHE_MAGIC);
    if (count > (n - CACHE_HEADER) / CACHE_ENTRY)
        return;
    for (uint32_t i = 0; i < count; i++) {
        const char *e = p + CACHE_HEADER + (size_t)i * CACHE_ENTRY;
        const char *name = cache_text(p, n, word_at(e + 4));
        if (!name || !version_of(name, base))
            continue;
        /* By its name, not its path: the linker knows which of several copies
         * (hardware variants, other ABIs) is for this process. */
        if (!append(list, NULL, 0, name))
            return;
    }
}

void jf_search_cache(const char *base, jf_Found *list)
{
    int fd = open("/etc/ld.so.cache", O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size < 64 << 20) {
        size_t n = (size_t)st.st_size, got = 0;
        char *bytes = jf_alloc(n);
        list->failed |= !bytes;
        while (bytes && got < n) {
            ssize_t r = read(fd, bytes + got, n - got);
            if (r <= 0)
                break;
            got += (size_t)r;
        }
        if (bytes)
            jf_search_cache_bytes(bytes, got, base, list);
        jf_free(bytes);
    }
    close(fd);
}

/* --- directories ------------------------------------------------------------------- */

#define DIRECTORIES                          \
    "/lib/" MULTIARCH ":/usr/lib/" MULTIARCH \
    ":/lib64:/usr/lib64:/lib:/usr/lib:/usr/local/lib"

const char *jf_search_where(void)
{
    return "LD_LIBRARY_PATH:" DIRECTORIES;
}

static void list_directory(const char *dir, size_t n, const char *base,
                           jf_Found *list)
{
    char path[1024];
    if (n == 0 || n >= sizeof path)
        return;
    memcpy(path, dir, n);
    path[n] = 0;
    DIR *handle = opendir(path);
    if (!handle)
        return;
    for (struct dirent *e; (e = readdir(handle)) != NULL;) {
        const char *v = version_of(e->d_name, base);
        if (v && !append(list, dir, n, e->d_name))
            break;
    }
    closedir(handle);
}

static void list_path(const char *path, const char *base, jf_Found *list)
{
    while (path && *path) {
        size_t n = strcspn(path, ":");
        list_directory(path, n, base, list);
        path += n + (path[n] == ':');
    }
}

void jf_search_directories(const char *base, jf_Found *list)
{
    list_path(getenv("LD_LIBRARY_PATH"), base, list);
    list_path(DIRECTORIES, base, list);
}
