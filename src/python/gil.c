/* SPDX-License-Identifier: MIT
 *
 * The GIL around calls and callbacks. A call that lets go of it leaves its thread
 * state in a variable of the thread, so that a callback from inside the call
 * takes the GIL with that state at once. Everybody else (threads that C made, C
 * code that let go of the GIL itself) goes the long way, PyGILState_Ensure.
 *
 * The variable is set only while the call is in C and without the GIL: a callback
 * clears it on its way into Python and sets it again on its way back. So calls
 * within callbacks within calls find it as if they were the first.
 */
#include "python/call.h"

#include <errno.h>

_Thread_local PyThreadState *jpy_put_aside JF_STATIC_TLS;

bool jpy_gil_slot(int32_t *offset)
{
    int32_t error, saved;
    if (!JF_HAS_STATIC_TLS || !jf_os_errno_offsets(&error, &saved))
        return false;
    ptrdiff_t o = error + ((char *)&jpy_put_aside - (char *)&errno);
    *offset = (int32_t)o;
    return o == *offset;
}

PyThreadState *jpy_gil_let_go(void)
{
    jpy_put_aside = PyEval_SaveThread();
    return jpy_put_aside;
}

void jpy_gil_take(PyThreadState *thread)
{
    jpy_put_aside = NULL;
    PyEval_RestoreThread(thread);
}
