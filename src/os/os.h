/* SPDX-License-Identifier: MIT
 *
 * What the core asks of the operating system: pages, libraries, thread slots,
 * locks. One contract, one file per system. Functions return 0 for success and
 * the system's error number otherwise.
 */
#ifndef JF_OS_OS_H
#define JF_OS_OS_H

#include "core/base/conf.h"
#include "core/base/diag.h"

/* --- pages ----------------------------------------------------------------- */

size_t jf_os_page_size(void);

/* Fresh private zeroed pages, readable and writable. `near` is a hint (NULL:
 * anywhere). `size` is a multiple of the page size. */
int jf_os_pages_new(void *near, size_t size, void **pages);
int jf_os_pages_free(void *pages, size_t size);
/* Readable and executable, not writable, from now on; caches are in order. */
int jf_os_pages_seal(void *pages, size_t size);
/* Replace the pages at `at` by the ones at `from` in one step: whoever runs
 * code there sees the old bytes or the new ones. `from` is gone afterwards. */
int jf_os_pages_move(void *from, void *at, size_t size);
/* May this process execute pages it wrote? 0: yes. */
int jf_os_pages_can_execute(void);

/* --- libraries --------------------------------------------------------------- */

typedef struct jf_OsLib jf_OsLib;

/* `name` NULL: the running program. `flags`: as dlopen's, 0: lazy and local.
 * Names without a slash are also tried as lib<name>.so and by the linker's
 * cache (so that "m" and "sqlite3" work); the diagnostic lists what was tried. */
jf_Status jf_os_lib_open(const char *name, int flags, jf_OsLib **lib, jf_Diag *d);
/* A handle that somebody else opened; closing it does nothing. */
jf_Status jf_os_lib_adopt(void *handle, jf_OsLib **lib, jf_Diag *d);
/* From now on closing it does nothing but free `lib`: the library stays loaded. */
void jf_os_lib_leave(jf_OsLib *lib);
void *jf_os_lib_handle(jf_OsLib *lib);
/* The path or name it was found under; borrowed. */
const char *jf_os_lib_name(const jf_OsLib *lib);
/* Address of a symbol; NULL and a diagnostic if it is not there, with the
 * loader's own words as the hint. */
void *jf_os_lib_symbol(jf_OsLib *lib, const char *name, jf_Diag *d);
jf_Status jf_os_lib_close(jf_OsLib *lib, jf_Diag *d); /* frees `lib` */
/* A handle of a library that is loaded already, which closing gives back: the one
 * that `address` lies in; the one of that name. NULL: no such. */
jf_OsLib *jf_os_lib_of(const void *address);
jf_OsLib *jf_os_lib_loaded(const char *name);
/* What lies at an address. Texts are borrowed from the loader, NULL if unknown. */
typedef struct jf_OsPlace {
    const char *library; /* path */
    const void *base;    /* where the library begins */
    const char *symbol;  /* the exported one that begins there or before */
    const void *start;   /* where that begins */
} jf_OsPlace;
bool jf_os_place(const void *address, jf_OsPlace *place);
/* Whatever is closed, the library that `address` lies in stays loaded. */
void jf_os_lib_keep(const void *address);

/* --- errno, by thread ---------------------------------------------------------- */

/* Each thread's saved errno: what C left behind in the last call. */
int jf_os_errno_saved(void);
void jf_os_errno_set_saved(int value);
void jf_os_errno_save(void);    /* saved = errno */
void jf_os_errno_restore(void); /* errno = saved */

/* Offsets of errno and of the saved errno from the thread pointer, where both
 * lie in static TLS so that emitted code may use them. False: it may not. */
bool jf_os_errno_offsets(int32_t *errno_offset, int32_t *saved_offset);

/* --- time ----------------------------------------------------------------------- */

/* Nanoseconds since some moment, never backwards. */
uint64_t jf_os_nanoseconds(void);
/* CPU time of this thread; 0: not known. */
uint64_t jf_os_cpu_nanoseconds(void);
/* This thread; where emitted code finds the same word, from the thread pointer
 * (false: nowhere). */
void *jf_os_thread_self(void);
bool jf_os_thread_self_offset(int32_t *offset);
/* The clock of a thread's CPU time; the thread (NULL: not known) has not ended. False:
 * there is none. */
bool jf_os_thread_clock(void *thread, int *clock);
/* False: its thread has ended. */
bool jf_os_clock_read(int clock, uint64_t *nanoseconds);
void jf_os_nap(uint64_t nanoseconds);

/* --- locks ---------------------------------------------------------------------- */

typedef struct jf_OsLock { void *opaque[8]; } jf_OsLock;
void jf_os_lock_init(jf_OsLock *l);
void jf_os_lock(jf_OsLock *l);
void jf_os_unlock(jf_OsLock *l);

/* Run `init` once per process, whoever comes first; JF_OS_ONCE starts one. */
typedef struct jf_OsOnce { int opaque[2]; } jf_OsOnce;
#define JF_OS_ONCE {{0, 0}}
void jf_os_once(jf_OsOnce *once, void (*init)(void));
/* Run `child` in the child after every fork. 0 or the error number. */
int jf_os_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

/* --- threads that end ------------------------------------------------------------ */

/* A slot with a value for each thread; `ended` is called with the thread's value,
 * by the thread, when it ends and the value is not NULL. There are few slots. */
int jf_os_thread_slot(unsigned *slot, void (*ended)(void *value));
int jf_os_thread_put(unsigned slot, void *value);

/* --- the process ------------------------------------------------------------------ */

const char *jf_os_getenv(const char *name); /* borrowed; NULL: not set */
long jf_os_process_id(void);

#endif
