/* SPDX-License-Identifier: MIT
 *
 * Python functions given where C wants a function pointer: a callback that lives for
 * the call. Between calls its code rests here, under the function it was made for:
 * calling lib.qsort(a, n, 4, compare) again makes nothing. It never serves another
 * function: when C has kept the address, what it gets to hear is that nobody is
 * there, not somebody else.
 *
 * What rests holds no function, only a weak reference to know it by.
 */
#include "python/callback.h"
#include "python/convert_arg.h"

/* One of the few that rest; CDataExt.exports counts the calls that use it. */
struct AutoCallback {
    PyObject *ref; /* weak, to the callable; owned; NULL: empty */
    CDataExt *cd;  /* owned */
};

static void auto_forget(struct AutoCallback *a)
{
    PyObject *ref = a->ref;
    CDataExt *cd = a->cd;
    a->ref = NULL;
    a->cd = NULL;
    Py_XDECREF(ref);
    Py_XDECREF((PyObject *)cd);
}

void jpy_autos_drop(State *st)
{
    for (unsigned i = 0; st->autos && i < AUTO_CALLBACKS; i++)
        auto_forget(&st->autos[i]);
    PyMem_Free(st->autos);
    st->autos = NULL;
}

static bool is_of(const struct AutoCallback *a, CTypeObject *ct, PyObject *callable)
{
    if (!a->cd || a->cd->base.ctype != ct)
        return false;
    PyObject *o = jpy_weakref_get(a->ref);
    Py_XDECREF(o); /* the caller holds it, if it is the one */
    return o == callable;
}

/* Keep `cd`, if `callable` can be known again. */
static void auto_keep(State *st, CDataExt *cd, PyObject *callable)
{
    if (!st->autos &&
        !(st->autos = PyMem_Calloc(AUTO_CALLBACKS, sizeof *st->autos)))
        return;
    PyObject *ref =
        PyMethod_Check(callable) ? NULL : PyWeakref_NewRef(callable, NULL);
    if (!ref) {
        PyErr_Clear();
        return;
    }
    struct AutoCallback old = st->autos[st->auto_next];
    st->autos[st->auto_next].ref = ref;
    st->autos[st->auto_next].cd = (CDataExt *)Py_NewRef((PyObject *)cd);
    st->auto_next = (st->auto_next + 1) % AUTO_CALLBACKS;
    auto_forget(&old);
}

CDataExt *jpy_auto_take(CTypeObject *ct, PyObject *callable)
{
    State *st = ct->st;
    CDataExt *cd = NULL;
    for (unsigned i = 0; st->autos && !cd && i < AUTO_CALLBACKS; i++)
        if (is_of(&st->autos[i], ct, callable))
            cd = (CDataExt *)Py_NewRef((PyObject *)st->autos[i].cd);
    if (!cd) {
        cd = (CDataExt *)jpy_callback_make(ct, callable, Py_None, Py_None);
        if (!cd)
            return NULL;
        Py_CLEAR(cd->extra); /* nobody looks at it */
        auto_keep(st, cd, callable);
    }
    if (!cd->exports++)
        jpy_callback_lend(cd, callable);
    return cd;
}

void jpy_auto_give(CDataExt *cd)
{
    if (!--cd->exports)
        jpy_callback_lend(cd, NULL);
    Py_DECREF((PyObject *)cd);
}
