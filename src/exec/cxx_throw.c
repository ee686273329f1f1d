/* SPDX-License-Identifier: MIT
 *
 * One type of exception that is thrown from here: derived from std::exception, so
 * that C++ sees it as such, with records written by hand for each C++ library of the
 * process. See cxx.h.
 */
#include "exec/cxx.h"

#include "core/base/mem.h"
#include "exec/cxx_inner.h"
#include "os/os.h"

#include <string.h>

enum { MAX_RUNTIMES = 4 };

/* C++ ABI 2.9.5: __si_class_type_info. */
typedef struct Record {
    const void *table;
    const char *name;
    const void *base;
} Record;

/* 2.5.2: offset to the top and type record, then what the object points at. */
typedef struct Table {
    intptr_t to_top;
    const Record *type;
    void (*destroy)(void *object);
    void (*destroy_free)(void *object);
    const char *(*what)(void *object);
} Table;

/* The object: its first word is its virtual table. */
typedef struct Carrier {
    const void *table;
    void *payload;
    void (*drop)(void *payload);
    char *text; /* owned */
} Carrier;

typedef struct Runtime {
    void *(*allocate)(size_t);
    void (*throw_)(void *, void *, void (*)(void *));
    Record record;
    Table table;
} Runtime;

static jf_OsOnce throw_once = JF_OS_ONCE;
static jf_OsLock throw_lock;
static Runtime runtimes[MAX_RUNTIMES]; /* never freed: exceptions point at them */
static uint32_t n_runtimes;

static void throw_start(void)
{
    jf_os_lock_init(&throw_lock);
}

/* --- the object ------------------------------------------------------------------------- */

static void carrier_destroy(void *object)
{
    Carrier *c = object;
    void *payload = c->payload;
    c->payload = NULL;
    if (payload)
        c->drop(payload);
    jf_free(c->text);
    c->text = NULL;
}

/* `delete` of one: nobody has made it with `new`. */
static void carrier_destroy_free(void *object)
{
    carrier_destroy(object);
}

static const char *carrier_what(void *object)
{
    const Carrier *c = object;
    return c->text ? c->text : "an exception of the host language";
}

void *jf_cxx_payload(const jf_CxxThrown *t)
{
    for (uint32_t k = 0; k < MAX_RUNTIMES; k++)
        if (t->type == &runtimes[k].record)
            return ((Carrier *)t->object)->payload;
    return NULL;
}

/* --- the library -------------------------------------------------------------------------- */

static bool runtime_fill(Runtime *r, void *(*door)(jf_OsLib *, const char *),
                         jf_OsLib *lib)
{
    void *allocate = door(lib, "__cxa_allocate_exception");
    void *throw_ = door(lib, "__cxa_throw");
    void *records = door(lib, "_ZTVN10__cxxabiv120__si_class_type_infoE");
    void *base = door(lib, "_ZTISt9exception");
    if (!allocate || !throw_ || !records || !base)
        return false;
    r->allocate = (void *(*)(size_t))(uintptr_t)allocate;
    r->throw_ = (void (*)(void *, void *, void (*)(void *)))(uintptr_t)throw_;
    r->record.table = (const char *)records + 2 * sizeof(void *);
    r->record.name = "N5jiffi15PythonExceptionE";
    r->record.base = base;
    r->table.type = &r->record;
    r->table.destroy = carrier_destroy;
    r->table.destroy_free = carrier_destroy_free;
    r->table.what = carrier_what;
    return true;
}

static void *door_in(jf_OsLib *lib, const char *name)
{
    return jf_os_lib_symbol(lib, name, NULL);
}

static void *door_anywhere(jf_OsLib *lib, const char *name)
{
    (void)lib;
    return exec_cxx_door(name);
}

/* The C++ library that the code at `caller` was linked with, else any. NULL: none,
 * or too many. */
static Runtime *runtime_of(const void *caller)
{
    Runtime r;
    memset(&r, 0, sizeof r);
    jf_OsLib *lib = caller ? jf_os_lib_of(caller) : NULL;
    bool found = lib && runtime_fill(&r, door_in, lib);
    if (found)
        jf_os_lib_leave(lib); /* its records are pointed at from here on */
    jf_os_lib_close(lib, NULL);
    if (!found && !runtime_fill(&r, door_anywhere, NULL))
        return NULL;
    jf_os_once(&throw_once, throw_start);
    jf_os_lock(&throw_lock);
    uint32_t k = 0;
    while (k < n_runtimes && runtimes[k].throw_ != r.throw_)
        k++;
    if (k == n_runtimes && k < MAX_RUNTIMES) {
        runtimes[k] = r;
        runtimes[k].table.type = &runtimes[k].record;
        n_runtimes++;
    }
    jf_os_unlock(&throw_lock);
    return k < MAX_RUNTIMES ? &runtimes[k] : NULL;
}

const char *jf_cxx_throw(void *payload, const char *text,
                         void (*drop)(void *payload), const void *caller)
{
    Runtime *r = runtime_of(caller);
    if (!r)
        return "there is no C++ library in this process that could throw";
    char *copy = jf_strndup(text, strlen(text));
    if (!copy)
        return "memory is out";
    Carrier *c = r->allocate(sizeof *c); /* ends the process where it cannot */
    *c = (Carrier){&r->table.destroy, payload, drop, copy};
    r->throw_(c, &r->record, carrier_destroy);
    return NULL; /* not reached */
}
