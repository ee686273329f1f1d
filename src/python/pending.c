/* SPDX-License-Identifier: MIT
 *
 * Where an exception waits between a callback and the call around it: see
 * pending.h. Which exceptions come here is callback_error.c's business.
 *
 * From Python 3.11 on the exception gets a note that tells which way it came: C has
 * no line in a traceback.
 */
#include "python/call.h"

#include <errno.h>

_Thread_local PyObject *jpy_pending JF_STATIC_TLS;
/* str: which callback it came from; owned; NULL: not known. */
static _Thread_local PyObject *pending_who JF_STATIC_TLS;
Held jpy_held;

bool jpy_pending_slot(int32_t *offset)
{
    int32_t error, saved;
    if (!JF_HAS_STATIC_TLS || !jf_os_errno_offsets(&error, &saved))
        return false;
    ptrdiff_t o = error + ((char *)&jpy_pending - (char *)&errno);
    *offset = (int32_t)o;
    return o == *offset;
}

/* --- in ------------------------------------------------------------------------- */

/* There is nobody to raise it; takes it over. */
static void unraisable(PyObject *e, PyObject *who)
{
    PyObject *text = who ? PyUnicode_FromFormat("in %U", who) : NULL;
    PyErr_Clear(); /* without memory it is told with fewer words */
    jpy_exception_give(e);
    if (text)
        jpy_write_unraisable(text);
    else
        PyErr_WriteUnraisable(NULL);
    PyErr_Clear();
    Py_XDECREF(text);
}

Earlier jpy_pending_put_aside(void)
{
    Earlier earlier = {jpy_pending, pending_who};
    if (jpy_held.trouble == &jpy_pending)
        jpy_held.trouble = NULL;
    jpy_pending = pending_who = NULL;
    return earlier;
}

void jpy_pending_put_back(Earlier earlier)
{
    PyObject *later = jpy_pending, *who = pending_who;
    if (!earlier.exception)
        return;
    jpy_pending = pending_who = NULL;
    if (later)
        unraisable(later, who);
    Py_XDECREF(who);
    jpy_pending = earlier.exception;
    pending_who = earlier.who;
}

void jpy_pending_raise(bool outer, PyObject *exception, PyObject *who)
{
    Earlier earlier = jpy_pending_put_aside();
    if (outer) {
        jpy_pending = exception;
        pending_who = Py_XNewRef(who);
    } else {
        unraisable(exception, who);
    }
    jpy_pending_put_back(earlier);
}

/* --- out ------------------------------------------------------------------------ */

bool jpy_call_failed(void)
{
    PyObject *e = jpy_pending, *who = pending_who;
    if (jpy_held.trouble == &jpy_pending)
        jpy_held.trouble = NULL;
    bool stuck = jpy_held.trouble == (void *)&jpy_held && jpy_held_raise();
    if (!e)
        return stuck;
    PyObject *context = stuck ? jpy_exception_take() : NULL;
    if (context)
        PyException_SetContext(e, context);
    jpy_pending = pending_who = NULL;
    PyObject *way = who ? PyUnicode_FromFormat("in %U", who) : NULL;
    if (way)
        jpy_exception_note(e, way);
    PyErr_Clear(); /* without memory there is no note */
    Py_XDECREF(way);
    Py_XDECREF(who);
    jpy_exception_give(e);
    return true;
}
