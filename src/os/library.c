/* SPDX-License-Identifier: MIT
 *
 * Finding and opening libraries in this process, without running any program.
 * A bare name is tried as it is, as lib<name>.so, then under its versioned
 * names: from the dynamic linker's cache, and from the usual directories. A
 * linker script called libfoo.so fails to load as ELF and the search goes on.
 */
#include "os/os.h"

#include "os/search.h"

#include <dlfcn.h>
#include <string.h>

struct jf_OsLib {
    void *handle;
    bool adopted; /* closing is somebody else's business */
    char *name;   /* owned */
};

/* dlerror's text, or a stand-in. */
static const char *dl_text(void)
{
    const char *e = dlerror();
    return e ? e : "unknown error";
}

static jf_Status make(void *handle, bool adopted, const char *name, jf_OsLib **lib,
                      jf_Diag *d)
{
    jf_OsLib *l = jf_alloc(sizeof *l);
    char *copy = l ? jf_strndup(name, strlen(name)) : NULL;
    if (!copy) {
        jf_free(l);
        if (!adopted)
            dlclose(handle);
        return jf_diag_set(d, JF_NOMEM, "out of memory");
    }
    l->handle = handle;
    l->adopted = adopted;
    l->name = copy;
    *lib = l;
    return JF_OK;
}

/* One attempt; what failed is noted in `tried`. */
static void *attempt(const char *path, int flags, jf_Buf *tried)
{
    void *h = dlopen(path, flags);
    if (!h)
        jf_buf_printf(tried, "%s%s", tried->n ? "; " : "", dl_text());
    return h;
}

/* Does `name` look like a file name ("libz.so.1") rather than a stem ("z")? */
static bool is_file_name(const char *name)
{
    const char *so = strstr(name, ".so");
    return so && (so[3] == 0 || so[3] == '.');
}

/* The names behind the first. `found` receives the one that was opened; `failed`
 * in either buffer says that memory ran out, so that names may be missing. */
static void *search(const char *name, int flags, jf_Buf *tried, jf_Buf *found)
{
    bool file = is_file_name(name);
    void *h = NULL;
    jf_Buf base = JF_BUF_INIT;
    jf_buf_printf(&base, file ? "%s" : "lib%s.so", name);
    if (!base.failed && !file && (h = attempt(base.p, flags, tried)) != NULL)
        jf_buf_text(found, base.p);
    jf_Found list = JF_FOUND_INIT;
    if (!h && !base.failed) {
        jf_search_cache(base.p, &list);
        jf_search_directories(base.p, &list);
        jf_found_sort(&list);
    }
    for (uint32_t i = 0; !h && i < list.n; i++) {
        h = attempt(list.names[i], flags, tried);
        if (h)
            jf_buf_text(found, list.names[i]);
    }
    if (!h && !base.failed)
        jf_buf_printf(tried, "%sno other %s.* in the linker's cache or in %s",
                      tried->n ? "; " : "", base.p, jf_search_where());
    tried->failed |= base.failed || list.failed;
    jf_found_free(&list);
    jf_buf_free(&base);
    return h;
}

jf_Status jf_os_lib_open(const char *name, int flags, jf_OsLib **lib, jf_Diag *d)
{
    if (flags == 0)
        flags = RTLD_LAZY | RTLD_LOCAL;
    else if (!(flags & (RTLD_LAZY | RTLD_NOW)))
        flags |= RTLD_NOW; /* dlopen insists on one of the two */
    void *h = dlopen(name, flags);
    if (h)
        return make(h, false, name ? name : "<the program>", lib, d);
    char *first = NULL;
    const char *text = dl_text();
    first = jf_strndup(text, strlen(text));
    jf_Buf tried = JF_BUF_INIT, found = JF_BUF_INIT;
    jf_Status st = JF_OK;
    if (name && name[0] && !strchr(name, '/'))
        h = search(name, flags, &tried, &found);
    if (h && found.p && !found.failed) {
        st = make(h, false, found.p, lib, d);
    } else if (h || !first || tried.failed) {
        if (h)
            dlclose(h);
        st = jf_diag_set(d, JF_NOMEM, "out of memory");
    } else {
        st = jf_diag_set(d, JF_SYSTEM, "cannot load library '%s': %s",
                         name ? name : "<the program>", first);
        if (tried.n)
            jf_diag_hint(d, "also tried: %s", tried.p);
    }
    jf_free(first);
    jf_buf_free(&tried);
    jf_buf_free(&found);
    return st;
}

jf_Status jf_os_lib_adopt(void *handle, jf_OsLib **lib, jf_Diag *d)
{
    return make(handle, true, "<a handle>", lib, d);
}

void jf_os_lib_leave(jf_OsLib *lib)
{
    lib->adopted = true;
}

void *jf_os_lib_handle(jf_OsLib *lib)
{
    return lib->handle;
}

const char *jf_os_lib_name(const jf_OsLib *lib)
{
    return lib->name;
}

void *jf_os_lib_symbol(jf_OsLib *lib, const char *name, jf_Diag *d)
{
    dlerror();
    void *p = dlsym(lib->handle, name);
    if (!p) {
        const char *why = dl_text();
        jf_diag_set(d, JF_NOT_FOUND, "symbol '%s' not found in library '%s'", name,
                    lib->name);
        jf_diag_hint(d, "%s", why);
    }
    return p;
}

jf_Status jf_os_lib_close(jf_OsLib *lib, jf_Diag *d)
{
    jf_Status st = JF_OK;
    if (!lib)
        return JF_OK;
    if (!lib->adopted && dlclose(lib->handle))
        st = jf_diag_set(d, JF_SYSTEM, "cannot close library '%s': %s", lib->name,
                         dl_text());
    jf_free(lib->name);
    jf_free(lib);
    return st;
}

jf_OsLib *jf_os_lib_loaded(const char *name)
{
    void *h = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);
    jf_OsLib *lib = NULL;
    if (!h || make(h, false, name ? name : "<the program>", &lib, NULL) != JF_OK)
        return NULL;
    return lib;
}

jf_OsLib *jf_os_lib_of(const void *address)
{
    Dl_info info;
    if (!dladdr(address, &info) || !info.dli_fname)
        return NULL;
    jf_OsLib *lib = jf_os_lib_loaded(info.dli_fname);
    /* The program itself has no name that dlopen would know. */
    return lib ? lib : jf_os_lib_loaded(NULL);
}

bool jf_os_place(const void *address, jf_OsPlace *place)
{
    Dl_info info;
    if (!dladdr(address, &info))
        return false;
    *place = (jf_OsPlace){info.dli_fname, info.dli_fbase, info.dli_sname,
                          info.dli_saddr};
    return true;
}

void jf_os_lib_keep(const void *address)
{
    Dl_info info;
    /* One more reference, which nobody gives back. In the program itself there is
     * nothing to keep; then dlopen finds no library of that name. */
    if (dladdr(address, &info) && info.dli_fname)
        (void)dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
}
