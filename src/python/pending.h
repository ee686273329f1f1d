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

#include "python/jpy.h"

/* Owned; NULL: nothing. Read and written with the GIL held. */
extern _Thread_local PyObject *jpy_pending JF_STATIC_TLS;

/* The call that keeps the GIL and may call back: there is one at most, as there is
 * one GIL. Written by its thunk, read by callbacks. */
typedef struct Held {
    void *volatile fn;      /* CDataObject, borrowed: the function that runs; NULL */
    void *volatile trouble; /* not NULL: jpy_call_failed() has something to raise */
} Held;
extern Held jpy_held;

/* From the thread pointer to jpy_pending; false: emitted code cannot get there and
 * asks jpy_call_failed() every time. */
bool jpy_pending_slot(int32_t *offset);

/* After a call, with the GIL: true if it has to raise, and then the exception is set:
 * this thread's pending one, or the trouble of the held call; both are cleared. True
 * whenever one of the two words is not NULL. */
bool jpy_call_failed(void);

#endif
