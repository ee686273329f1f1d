/* SPDX-License-Identifier: MIT
 *
 * An open library as what keeps it open: the module, its functions and the views
 * of its variables hold one Handle. Closing it makes every function of it that is
 * still around refuse to be called.
 */
#include "python/call.h"

#include <string.h>

/* --- Handle ---------------------------------------------------------------------- */

void jpy_handle_track(Handle *h, FunctionInfo *f)
{
    f->next = h->first;
    if (f->next)
        f->next->prev = f;
    h->first = f;
}

void jpy_handle_forget(Handle *h, FunctionInfo *f)
{
    if (f->prev)
        f->prev->next = f->next;
    else if (h->first == f)
        h->first = f->next;
    if (f->next)
        f->next->prev = f->prev;
    f->prev = f->next = NULL;
}

const char *jpy_handle_name(Handle *h)
{
    return h->name;
}

/* Functions made before see NULL from now on and raise: no jump goes to code that
 * is gone. */
int jpy_handle_close(Handle *h)
{
    for (FunctionInfo *f = h->first; f; f = f->next)
        f->cdata->base.data = NULL;
    jpy_fused_close(h->watches);
    LibSource *src = h->src;
    h->src = NULL;
    return src && src->close ? src->close(src) : 0;
}

static void handle_dealloc(PyObject *self)
{
    Handle *h = (Handle *)self;
    PyTypeObject *type = Py_TYPE(self);
    State *st = h->st;
    JF_ASSERT(!h->first && !h->finalisers);
    if (jpy_handle_close(h) < 0)
        PyErr_WriteUnraisable(NULL);
    jf_free(h->name);
    Py_XDECREF(h->origin);
    type->tp_free(self);
    Py_DECREF(type);
    jpy_state_unref(st);
}

static PyObject *handle_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<library '%s'>", ((Handle *)self)->name);
}

static PyType_Slot handle_slots[] = {
    {Py_tp_methods, jpy_handle_methods},
    {Py_tp_dealloc, handle_dealloc},
    {Py_tp_repr, handle_repr},
    {0, NULL},
};

static PyType_Spec handle_spec = {
    .name = "jiffi._Handle",
    .basicsize = sizeof(Handle),
    .flags = Py_TPFLAGS_DEFAULT | JPY_TPFLAGS_NO_NEW,
    .slots = handle_slots,
};

Handle *jpy_handle_new(State *st, LibSource *src)
{
    Handle *h = (Handle *)st->handle_type->tp_alloc(st->handle_type, 0);
    if (!h) {
        if (src->close)
            src->close(src);
        return NULL;
    }
    h->st = st;
    st->refs++;
    h->src = src;
    h->name = jf_strndup(src->name, strlen(src->name));
    if (!h->name) {
        Py_DECREF((PyObject *)h);
        PyErr_NoMemory();
        return NULL;
    }
    src->keeper = (PyObject *)h;
    return h;
}

int jpy_init_handle(State *st)
{
    st->handle_type = (PyTypeObject *)PyType_FromSpec(&handle_spec);
    if (!st->handle_type)
        return -1;
    jpy_type_no_new(st->handle_type);
    return jpy_init_finaliser(st);
}
