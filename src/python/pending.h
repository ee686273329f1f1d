/* SPDX-License-Identifier: MIT
 *
 * Exceptions on their way from a callback to the call around it.
 *
 *   lib.f() --> C --> callback --> Python raises
 *      ^                 | jpy_pending = exception; C gets the error value
 *      |                 v
 *   raised here <-- C <--+      later callbacks of this call: error value at once
 *
 * A thread has one such word. It belongs to the innermost call of ours: it is NULL
 * whenever Python runs, because a callback puts it aside on its way into Python.
 * Calls that are proved to call nobody back do not look at it.
 */
#ifndef JF_PYTHON_PENDING_H
#define JF_PYTHON_PENDING_H

#include <stdatomic.h>

#include "python/jpy.h"

/* Owned; NULL: nothing. Written with the GIL held. */
extern _Thread_local PyObject *jpy_pending JF_STATIC_TLS;

/* The call that keeps the GIL and may call back: there is one at most, as there is
 * one GIL. Written by its thunk, read by callbacks. */
typedef struct Held {
    void *volatile fn; /* CDataObject, borrowed: the function that runs; NULL */
    _Atomic(void *)
        trouble; /* not NULL: jpy_call_failed() may have something to raise;
                               for a pending exception, the address of the thread's
                               jpy_pending; for a callback that gave up (held.h) the
                               address of this struct */
    void *volatile thread; /* jf_os_thread_self() of who calls; NULL: not known */
    _Atomic(uint64_t)
        waiting;     /* callbacks of other threads on their way to the GIL */
    void *stuck_fn;  /* of the trouble: the CDataObject that was called ... */
    void *stuck_who; /* ... and the Callback that gave up; NULL; both borrowed */
} Held;
extern Held jpy_held;

/* From the thread pointer to jpy_pending; false: emitted code cannot get there and
 * asks jpy_call_failed() every time. */
bool jpy_pending_slot(int32_t *offset);

/* After a call, with the GIL: true if it has to raise, and then the exception is set:
 * this thread's pending one, or the trouble of the held call. False: the trouble is
 * another thread's, whose C code let go of the GIL within its held call. */
bool jpy_call_failed(void);

/* An exception of a callback that is about to return to C: it waits for the call
 * around it (`outer`: Gil.outer) if none waits there yet, else sys.unraisablehook gets
 * it. Takes over `exception`. `who` tells which callback, "callback cmp() of type
 * 'int(*)(int)'"; borrowed; NULL: not known. With the GIL, and last of all: while
 * Python runs nothing may be pending. */
void jpy_pending_raise(bool outer, PyObject *exception, PyObject *who);
/* Around Python that runs although an exception waits. If another one does at the end,
 * that one goes to sys.unraisablehook. */
typedef struct Earlier {
    PyObject *exception, *who;
} Earlier;
Earlier jpy_pending_put_aside(void);
void jpy_pending_put_back(Earlier earlier);

#endif
