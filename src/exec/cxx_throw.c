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

static bool runtime_fill(Runtime *r)
{
    void *allocate = exec_cxx_door("__cxa_allocate_exception");
    void *throw_ = exec_cxx_door("__cxa_throw");
    void *records = exec_cxx_door("_ZTVN10__cxxabiv120__si_class_type_infoE");
    void *base = exec_cxx_door("_ZTISt9exception");
    if (!allocate || !throw_ || !records || !base)
        return false;
    r->allocate = (void *(*)(size_t))(uintptr_t)allocate;
    r->throw_ = (void (*)(void *, void *, void (*)(void *)))(uintptr_t)throw_;
    r->record.table = (const char *)records + 2 * sizeof(void *);
    r->record.name = "N5jiffi15PythonExceptionE";
    r->record.base = base;
    r->table.destroy = carrier_destroy;
    r->table.destroy_free = carrier_destroy_free;
    r->table.what = carrier_what;
    return true;
}

/* The first C++ library that is found; it stays, as its records are pointed at. */
static Runtime *runtime_find(void)
{
    Runtime r;
    memset(&r, 0, sizeof r);
    if (!runtime_fill(&r))
        return NULL;
    jf_os_once(&throw_once, throw_start);
    jf_os_lock(&throw_lock);
    uint32_t k = 0;
    while (k < n_runtimes && runtimes[k].throw_ != r.throw_)
        k++;
    if (k == n_runtimes && k < MAX_RUNTIMES) {
        jf_os_lib_keep(r.record.table);
        runtimes[k] = r;
        runtimes[k].table.type = &runtimes[k].record;
        n_runtimes++;
    }
    jf_os_unlock(&throw_lock);
    return k < MAX_RUNTIMES ? &runtimes[k] : NULL;
}

bool jf_cxx_can_throw(void)
{
    return runtime_find() != NULL;
}

void jf_cxx_throw(void *payload, char *text, void (*drop)(void *payload))
{
    Runtime *r = runtime_find();
    if (!r)
        return;
    Carrier *c = r->allocate(sizeof *c); /* ends the process where it cannot */
    *c = (Carrier){&r->table.destroy, payload, drop, text};
    r->throw_(c, &r->record, carrier_destroy);
}
