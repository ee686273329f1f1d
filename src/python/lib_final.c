/* SPDX-License-Identifier: MIT
 *
 * ffi.gc() with a function of a library as the destructor: a library that is closed
 * by hand calls it first, for everything that is still waiting, the newest first.
 * What stands in the cdata is therefore not the function but a Finaliser, which calls
 * it and is in the list of its library.
 */
#include "python/call.h"
#include "python/cdata.h"

typedef struct Finaliser {
    PyObject_HEAD PyObject *destructor; /* owned; holds the Handle */
    Handle *handle;                     /* borrowed; NULL: no longer in its list */
    CDataExt *cdata;                    /* borrowed: whose `extra` this is */
    struct Finaliser *prev, *next;
} Finaliser;

static void unlink_(Finaliser *f)
{
    if (!f->handle)
        return;
    if (f->prev)
        f->prev->next = f->next;
    else
        f->handle->finalisers = f->next;
    if (f->next)
        f->next->prev = f->prev;
    f->handle = NULL;
    f->prev = f->next = NULL;
}

static void finaliser_dealloc(PyObject *self)
{
    Finaliser *f = (Finaliser *)self;
    PyTypeObject *type = Py_TYPE(self);
    unlink_(f);
    Py_XDECREF(f->destructor);
    type->tp_free(self);
    Py_DECREF(type);
}

/* The cdata may be gone already: nobody shall find it through the list. */
static PyObject *finaliser_call(PyObject *self, PyObject *args, PyObject *kwargs)
{
    Finaliser *f = (Finaliser *)self;
    unlink_(f);
    return PyObject_Call(f->destructor, args, kwargs);
}

static PyType_Slot finaliser_slots[] = {
    {Py_tp_dealloc, finaliser_dealloc},
    {Py_tp_call, finaliser_call},
    {0, NULL},
};

static PyType_Spec finaliser_spec = {
    .name = "jiffi._Finaliser",
    .basicsize = sizeof(Finaliser),
    .flags = Py_TPFLAGS_DEFAULT | JPY_TPFLAGS_NO_NEW,
    .slots = finaliser_slots,
};

/* The library that the destructor is a function of, if it can be closed; NULL. */
static Handle *library_of(State *st, PyObject *destructor)
{
    PyObject *o = jpy_check_function(st, destructor);
    PyObject *fn = CData_Check(st, o) ? o : jpy_function_cdata(st, o);
    FunctionInfo *f = fn ? jpy_function_info((CDataObject *)fn) : NULL;
    Handle *h = f ? f->handle : NULL;
    return h && h->src && h->src->close ? h : NULL;
}

PyObject *jpy_finaliser(CDataExt *x, PyObject *destructor)
{
    State *st = x->base.ctype->st;
    Handle *h = library_of(st, destructor);
    if (!h)
        return Py_NewRef(destructor);
    Finaliser *f = (Finaliser *)st->finaliser_type->tp_alloc(st->finaliser_type, 0);
    if (!f)
        return NULL;
    f->destructor = Py_NewRef(destructor);
    f->handle = h;
    f->cdata = x;
    f->next = h->finalisers;
    if (f->next)
        f->next->prev = f;
    h->finalisers = f;
    return (PyObject *)f;
}

int jpy_finalise(Handle *h)
{
    for (Finaliser *f = h->finalisers; f; f = f->next)
        if (f->cdata->exports) {
            PyErr_Format(PyExc_BufferError,
                         "cannot close library '%s': %u buffers, arrays or pinned "
                         "arguments look at memory of cdata '%s', which it frees",
                         h->name, (unsigned)f->cdata->exports,
                         jpy_cname(f->cdata->base.ctype));
            return -1;
        }
    while (h->finalisers) {
        CDataExt *x = h->finalisers->cdata;
        Py_INCREF((PyObject *)x);
        jpy_gc_now(x);
        Py_DECREF((PyObject *)x);
    }
    return 0;
}

int jpy_init_finaliser(State *st)
{
    st->finaliser_type = (PyTypeObject *)PyType_FromSpec(&finaliser_spec);
    if (!st->finaliser_type)
        return -1;
    jpy_type_no_new(st->finaliser_type);
    return 0;
}
