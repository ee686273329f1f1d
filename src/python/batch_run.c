/* SPDX-License-Identifier: MIT
 *
 * Running a batch (python/jiffi/_batch.py): who has it, and the way of a run that
 * changes nothing, which is one call of a C function.
 *
 *   turns = _jiffi._Turns("message when the owner comes again")
 *   with turns: ...                    one thread at a time; the others wait
 *   with turns: turns.run()            function(argument), as part of a turn
 *   turns.ready(function, argument)    from now on turns() calls function(argument)
 *   turns.otherwise = callable         what turns(name=value) calls, and turns()
 *                                      before ready()
 */
#include "python/jpy.h"

typedef struct TurnsObject {
    PyObject_HEAD vectorcallfunc call;
    PyThread_type_lock lock; /* owned */
    unsigned long owner;     /* thread that has it; 0: none */
    unsigned long long runs;
    PyObject *busy;                /* str: message of the RuntimeError */
    PyObject *function, *argument; /* NULL before ready() */
    PyObject *otherwise;           /* NULL until set */
} TurnsObject;

static const char NOT_OURS[] = "it is another thread's turn, or nobody's";
static const char NOTHING[] = "there is nothing to run";

/* --- taking turns --------------------------------------------------------------- */

/* Waits with the GIL released, a while at a time, so that Ctrl-C is heard. */
static int wait_for(TurnsObject *t)
{
    for (;;) {
        PyLockStatus status;
        Py_BEGIN_ALLOW_THREADS status =
            PyThread_acquire_lock_timed(t->lock, 50 * 1000, 1);
        Py_END_ALLOW_THREADS if (status == PY_LOCK_ACQUIRED) return 0;
        if (PyErr_CheckSignals() < 0)
            return -1;
    }
}

static int take(TurnsObject *t)
{
    unsigned long me = PyThread_get_thread_ident();
    if (t->owner == me) {
        PyErr_SetObject(PyExc_RuntimeError, t->busy);
        return -1;
    }
    if (!PyThread_acquire_lock(t->lock, NOWAIT_LOCK) && wait_for(t) < 0)
        return -1;
    t->owner = me;
    return 0;
}

static void give(TurnsObject *t)
{
    t->owner = 0;
    PyThread_release_lock(t->lock);
}

static PyObject *turns_enter(PyObject *self, PyObject *Py_UNUSED(none))
{
    return take((TurnsObject *)self) < 0 ? NULL : Py_NewRef(self);
}

static PyObject *turns_exit(PyObject *self, PyObject *const *Py_UNUSED(args),
                            Py_ssize_t Py_UNUSED(n))
{
    TurnsObject *t = (TurnsObject *)self;
    if (t->owner != PyThread_get_thread_ident()) {
        PyErr_SetString(PyExc_RuntimeError,
                        "it is another thread's turn, or nobody's");
        return NULL;
    }
    give(t);
    Py_RETURN_NONE;
}

/* --- running -------------------------------------------------------------------- */

static PyObject *run_once(TurnsObject *t)
{
    PyObject *result = PyObject_Vectorcall(t->function, &t->argument, 1, NULL);
    t->runs += result != NULL;
    return result;
}

static PyObject *turns_call(PyObject *self, PyObject *const *args, size_t nargsf,
                            PyObject *kwnames)
{
    TurnsObject *t = (TurnsObject *)self;
    if (!t->function || kwnames || PyVectorcall_NARGS(nargsf)) {
        if (!t->otherwise) {
            PyErr_SetString(PyExc_RuntimeError, NOTHING);
            return NULL;
        }
        return PyObject_Vectorcall(t->otherwise, args,
                                   (size_t)PyVectorcall_NARGS(nargsf), kwnames);
    }
    if (take(t) < 0)
        return NULL;
    PyObject *result = run_once(t);
    give(t);
    return result;
}

/* For who has the turn. */
static PyObject *turns_run(PyObject *self, PyObject *Py_UNUSED(none))
{
    TurnsObject *t = (TurnsObject *)self;
    if (!t->function || t->owner != PyThread_get_thread_ident()) {
        PyErr_SetString(PyExc_RuntimeError, t->function ? NOT_OURS : NOTHING);
        return NULL;
    }
    return run_once(t);
}

static PyObject *turns_ready(PyObject *self, PyObject *args)
{
    TurnsObject *t = (TurnsObject *)self;
    PyObject *function, *argument;
    if (!PyArg_ParseTuple(args, "OO:ready", &function, &argument))
        return NULL;
    Py_XSETREF(t->function, Py_NewRef(function));
    Py_XSETREF(t->argument, Py_NewRef(argument));
    Py_RETURN_NONE;
}

/* --- the type ------------------------------------------------------------------- */

static PyObject *turns_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"busy", NULL};
    PyObject *busy;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "U:_Turns", names, &busy))
        return NULL;
    PyThread_type_lock lock = PyThread_allocate_lock();
    if (!lock)
        return PyErr_NoMemory();
    TurnsObject *t = (TurnsObject *)type->tp_alloc(type, 0);
    if (!t) {
        PyThread_free_lock(lock);
        return NULL;
    }
    t->lock = lock;
    t->busy = Py_NewRef(busy);
    t->call = turns_call;
    return (PyObject *)t;
}

static int turns_traverse(PyObject *self, visitproc visit, void *arg)
{
    TurnsObject *t = (TurnsObject *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(t->function);
    Py_VISIT(t->argument);
    Py_VISIT(t->otherwise);
    return 0;
}

static int turns_clear(PyObject *self)
{
    TurnsObject *t = (TurnsObject *)self;
    Py_CLEAR(t->function);
    Py_CLEAR(t->argument);
    Py_CLEAR(t->otherwise);
    return 0;
}

static void turns_dealloc(PyObject *self)
{
    TurnsObject *t = (TurnsObject *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    turns_clear(self);
    Py_XDECREF(t->busy);
    if (t->lock)
        PyThread_free_lock(t->lock);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef turns_methods[] = {
    {"__enter__", turns_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))turns_exit, METH_FASTCALL, NULL},
    {"run", turns_run, METH_NOARGS, NULL},
    {"ready", turns_ready, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL}};

static PyMemberDef turns_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(TurnsObject, call), READONLY,
     NULL},
    {"otherwise", T_OBJECT, offsetof(TurnsObject, otherwise), 0, NULL},
    {"runs", T_ULONGLONG, offsetof(TurnsObject, runs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL}};

static PyType_Slot turns_slots[] = {
    {Py_tp_new, turns_new},           {Py_tp_dealloc, turns_dealloc},
    {Py_tp_traverse, turns_traverse}, {Py_tp_clear, turns_clear},
    {Py_tp_call, PyVectorcall_Call},  {Py_tp_methods, turns_methods},
    {Py_tp_members, turns_members},   {0, NULL}};

static PyType_Spec turns_spec = {"jiffi._Turns", sizeof(TurnsObject), 0,
                                 Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
                                     Py_TPFLAGS_HAVE_VECTORCALL,
                                 turns_slots};

int jpy_init_batch_run(State *st, PyObject *module)
{
    PyTypeObject *type = jpy_type(st, module, &turns_spec, NULL);
    int status =
        type ? PyModule_AddObjectRef(module, "_Turns", (PyObject *)type) : -1;
    Py_XDECREF(type);
    return status;
}
