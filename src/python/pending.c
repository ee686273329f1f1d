/* SPDX-License-Identifier: MIT
 *
 * Where an exception waits between a callback and the call around it: see
 * pending.h. What goes in is callback.c's business.
 */
#include "python/pending.h"

#include <errno.h>

_Thread_local PyObject *jpy_pending JF_STATIC_TLS;
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

bool jpy_call_failed(void)
{
    PyObject *e = jpy_pending;
    jpy_held.trouble = NULL;
    if (!e)
        return false;
    jpy_pending = NULL;
    jpy_exception_give(e);
    return true;
}
