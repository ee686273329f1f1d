/* SPDX-License-Identifier: MIT
 *
 * A call that keeps the GIL and is entered from another thread: its C waits for a
 * thread whose callback waits for the GIL. The callback finds out, gives up (C gets
 * its error value), and the call raises jiffi.HeldCallError when it returns.
 *
 *   held call                         callback on another thread
 *   fn = itself                       waiting++
 *   if waiting: let go of the GIL     while fn stays what it is: nap;
 *      until nobody waits                too long? trouble = &jpy_held, give up
 *   C                                 take the GIL
 *   fn = NULL; trouble? raise         waiting--
 *
 * Who waits is counted before it looks at `fn`, and a call that begins looks at the
 * count after it has set `fn`: so a callback that has seen no held call meets none
 * on its way to the GIL, and what it sees for long is one call, not many short
 * ones. The emitted code has no fence between its two; what its store buffer hides
 * for some nanoseconds would have to be the beginning of a call that waits for this
 * callback.
 */
#ifndef JF_PYTHON_HELD_H
#define JF_PYTHON_HELD_H

#include <stdatomic.h>

#include "python/pending.h"

/* A callback of another thread wants the GIL. False: it must not wait for it, and C
 * gets the error value; `who` (a Callback, or NULL) is named by the exception.
 * After true, call jpy_held_arrived() with the GIL. Without the GIL. */
bool jpy_held_wait(void *who);

static inline bool jpy_held_arrive(void *who)
{
    atomic_fetch_add(&jpy_held.waiting, 1);
    return JF_LIKELY(!jpy_held.fn) || jpy_held_wait(who);
}

static inline void jpy_held_arrived(void)
{
    atomic_fetch_sub(&jpy_held.waiting, 1);
}

/* Others wait: let them have the GIL before `fn` begins. With the GIL. */
void jpy_held_yield(void *fn);

/* `thread`: jf_os_thread_self(). */
static inline void jpy_held_begin_on(void *thread, void *fn)
{
    jpy_held.thread = thread;
    jpy_held.fn = fn;
    if (JF_UNLIKELY(atomic_load_explicit(&jpy_held.waiting, memory_order_relaxed)))
        jpy_held_yield(fn);
}

static inline void jpy_held_begin(void *fn)
{
    jpy_held_begin_on(jf_os_thread_self(), fn);
}

/* Raise what a callback that gave up left behind: true, with the exception set, if
 * there is something. With the GIL, before anything else runs. */
bool jpy_held_raise(void);
/* The same where Python is about to run in a callback of the held call itself: the
 * exception becomes its pending one. */
void jpy_held_note(void);
int jpy_init_held(State *st, PyObject *module);

#endif
