/* SPDX-License-Identifier: MIT
 *
 * Reading C++ exceptions: see cxx.h.
 */
#include "exec/cxx.h"

#include "exec/cxx_inner.h"
#include "os/os.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the exception ------------------------------------------------------------------- */

/* What a runtime puts before the unwinder's header, from its end (2.2.1): for a
 * second owner of an object (std::rethrow_exception) the type's place, or the one
 * before it, has the object instead. */
typedef struct Header {
    void *primary; /* libc++abi: of a second owner */
    void *type;    /* std::type_info; libstdc++: the object, of a second owner */
    void *destructor, *unexpected, *terminate, *next;
    int32_t handlers, selector;
    void *action, *data, *catch_temp, *adjusted;
} Header;

static const Header *header_of(const struct _Unwind_Exception *e)
{
    return (const Header *)((const char *)e - sizeof(Header));
}

void jf_cxx_read_object(void *object, jf_CxxThrown *t)
{
    const struct _Unwind_Exception *e =
        (const struct _Unwind_Exception *)object - 1;
    jf_cxx_read(e, t);
}

void jf_cxx_read(const void *exception, jf_CxxThrown *t)
{
    const struct _Unwind_Exception *e = exception;
    uint64_t class = e->exception_class;
    memset(t, 0, sizeof *t);
    for (int k = 0; k < 8; k++)
        t->language[k] = (char)(class >> (56 - 8 * k) & 0xff);
    bool gnu = class >> 8 == CLASS_GNU, llvm = class >> 8 == CLASS_LLVM;
    if ((!gnu && !llvm) || (class & 0xff) > 1)
        return;
    const Header *h = header_of(e);
    if (class & 1) {
        t->object = gnu ? h->type : h->primary;
        h = header_of((const struct _Unwind_Exception *)t->object - 1);
    } else {
        t->object = (void *)(uintptr_t)(e + 1);
    }
    t->type = h->type;
}

/* --- types --------------------------------------------------------------------------- */

typedef struct TypeInfo {
    const void *const *table; /* virtual table, past its two head words */
    const char *name;
    const struct TypeInfo *base; /* one base: __si_class_type_info */
} TypeInfo;

typedef struct BaseRow {
    const TypeInfo *type;
    intptr_t offset; /* low 8 bits: flags */
} BaseRow;

typedef struct ManyInfo { /* __vmi_class_type_info */
    const void *const *table;
    const char *name;
    uint32_t flags, n;
    BaseRow rows[];
} ManyInfo;

enum { BASE_VIRTUAL = 1, BASE_PUBLIC = 2, BASE_SHIFT = 8 };

/* What record `t` is: the name of the type of its own. Which library's table it has
 * does not matter that way. */
static bool record_is(const TypeInfo *t, const char *name)
{
    const TypeInfo *own = t->table ? t->table[-1] : NULL;
    return own && own->name && strcmp(own->name, name) == 0;
}

const char *exec_type_name(const void *type)
{
    const char *name = ((const TypeInfo *)type)->name;
    return name[0] == '*' ? name + 1 : name; /* GCC: a name that is not unique */
}

static bool known(const jf_CxxBase *out, uint32_t n, const void *type,
                  const void *at)
{
    for (uint32_t k = 0; k < n; k++)
        if (out[k].type == type && out[k].at == at)
            return true;
    return false;
}

static uint32_t add_base(jf_CxxBase *out, uint32_t n, uint32_t room,
                         const TypeInfo *type, void *at)
{
    if (n < room && !known(out, n, type, at))
        out[n++] = (jf_CxxBase){exec_type_name(type), type, at};
    return n;
}

/* 2.5.2: the distance to a virtual base stands in the object's virtual table. */
static void *base_at(const BaseRow *row, void *object)
{
    intptr_t offset = row->offset >> BASE_SHIFT;
    if (row->offset & BASE_VIRTUAL) {
        const char *table = *(const char *const *)object;
        memcpy(&offset, table + offset, sizeof offset);
    }
    return (char *)object + offset;
}

uint32_t jf_cxx_bases(const void *type, void *object, jf_CxxBase *out,
                      uint32_t room)
{
    uint32_t n = add_base(out, 0, room, type, object);
    for (uint32_t k = 0; k < n; k++) {
        const TypeInfo *t = out[k].type;
        if (record_is(t, "N10__cxxabiv120__si_class_type_infoE")) {
            n = add_base(out, n, room, t->base, out[k].at);
        } else if (record_is(t, "N10__cxxabiv121__vmi_class_type_infoE")) {
            const ManyInfo *m = (const ManyInfo *)t;
            for (uint32_t i = 0; i < m->n; i++)
                if (m->rows[i].offset & BASE_PUBLIC)
                    n = add_base(out, n, room, m->rows[i].type,
                                 base_at(&m->rows[i], out[k].at));
        }
    }
    return n;
}

const char *jf_cxx_what(const jf_CxxBase *bases, uint32_t n)
{
    enum { WHAT = 2 }; /* behind the two destructors */
    for (uint32_t k = 0; k < n; k++)
        if (strcmp(bases[k].name, "St9exception") == 0) {
            void *const *table = *(void *const *const *)bases[k].at;
            const char *(*what)(void *) =
                (const char *(*)(void *))(uintptr_t)table[WHAT];
            return what(bases[k].at);
        }
    return NULL;
}

/* --- the library that threw ----------------------------------------------------------- */

/* What a C++ library has for exceptions of its own. Looking it up takes far longer
 * than throwing, so it is kept, by the code that destroys its exceptions; the library
 * then stays loaded. Never freed: a process has one or two of them. */
typedef struct Doors {
    const void *code;
    void *begin, *end, *demangle; /* NULL: it has no such */
    struct Doors *next;
} Doors;

static _Atomic(Doors *) all_doors;

/* A door of the library that `mine` lies in, and of no other. */
static void *own_door(jf_OsLib *lib, const jf_OsPlace *mine, const char *name)
{
    jf_OsPlace found;
    void *p = jf_os_lib_symbol(lib, name, NULL);
    return p && jf_os_place(p, &found) && mine->base == found.base ? p : NULL;
}

static void look_up(Doors *d)
{
    jf_OsPlace mine;
    jf_OsLib *lib = d->code ? jf_os_lib_of(d->code) : NULL;
    if (lib && jf_os_place(d->code, &mine)) {
        d->begin = own_door(lib, &mine, "__cxa_begin_catch");
        d->end = own_door(lib, &mine, "__cxa_end_catch");
        d->demangle = own_door(lib, &mine, "__cxa_demangle");
    }
    jf_os_lib_close(lib, NULL);
}

static Doors doors_of(const struct _Unwind_Exception *e)
{
    Doors d = {.code = (const void *)(uintptr_t)e->exception_cleanup};
    for (const Doors *k = all_doors; k; k = k->next)
        if (k->code == d.code)
            return *k;
    look_up(&d);
    Doors *kept = d.begin ? jf_alloc(sizeof *kept) : NULL;
    if (kept) { /* twice, if two threads are here: either will do */
        jf_os_lib_keep(d.code);
        *kept = d;
        kept->next = all_doors;
        while (!atomic_compare_exchange_weak(&all_doors, &kept->next, kept))
            ;
    }
    return d;
}

void *exec_cxx_door(const char *name)
{
    static const char *const usual[] = {NULL, "libstdc++.so.6", "libc++abi.so.1",
                                        "libc++.so.1"};
    void *p = NULL;
    for (size_t k = 0; k < sizeof usual / sizeof *usual && !p; k++) {
        jf_OsLib *lib = jf_os_lib_loaded(usual[k]);
        p = lib ? jf_os_lib_symbol(lib, name, NULL) : NULL;
        jf_os_lib_close(lib, NULL);
    }
    return p;
}

typedef char *(*Demangle)(const char *, char *, size_t *, int *);

char *jf_cxx_demangle(const void *near, const char *name)
{
    void *door = near ? doors_of(near).demangle : NULL;
    if (!door)
        door = exec_cxx_door("__cxa_demangle");
    int status = 0;
    char *text =
        door ? ((Demangle)(uintptr_t)door)(name, NULL, NULL, &status) : NULL;
    char *copy = text ? jf_strndup(text, strlen(text)) : NULL;
    free(text); /* the C library's: __cxa_demangle's contract */
    return copy;
}

/* Is it counted as a C++ exception by a library whose doors are open to us? */
static Doors counted_by(const struct _Unwind_Exception *e)
{
    jf_CxxThrown t;
    jf_cxx_read(e, &t);
    return t.type ? doors_of(e) : (Doors){0};
}

void jf_cxx_begin(void *exception)
{
    void *door = counted_by(exception).begin;
    if (door)
        ((void *(*)(void *))(uintptr_t)door)(exception);
}

void jf_cxx_end(void *exception)
{
    struct _Unwind_Exception *e = exception;
    Doors d = counted_by(e);
    if (d.begin && d.end)
        ((void (*)(void))(uintptr_t)d.end)();
    else if (e->exception_cleanup) /* what _Unwind_DeleteException does */
        e->exception_cleanup(_URC_FOREIGN_EXCEPTION_CAUGHT, e);
}

/* --- in words --------------------------------------------------------------------------- */

void jf_cxx_describe(const void *exception, char *out, size_t room)
{
    jf_CxxThrown t;
    jf_CxxBase bases[JF_CXX_BASES];
    jf_cxx_read(exception, &t);
    if (!t.type) {
        snprintf(out, room, "an exception of class '%s'", t.language);
        return;
    }
    uint32_t n = jf_cxx_bases(t.type, t.object, bases, JF_CXX_BASES);
    const char *what = jf_cxx_what(bases, n);
    char *plain = jf_cxx_demangle(exception, bases[0].name);
    const char *name = plain ? plain : bases[0].name;
    if (what)
        snprintf(out, room, "C++ exception %.300s: '%s'", name, what);
    else
        snprintf(out, room, "C++ exception %.300s", name);
    jf_free(plain);
}
