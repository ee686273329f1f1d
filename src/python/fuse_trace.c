/* SPDX-License-Identifier: MIT
 *
 * While a Python function is traced, calls of C functions that its thread makes are
 * not made but told to a recorder, an object of _fuse.py. Every builtin alive gets
 * another ml_meth for so long: calls by other threads, which meet it too, go on to
 * where they wanted to go. Function pointers find out in call_checked(), since their
 * ctypes forget the code that leads past it.
 */
#include "python/fuse.h"

#include <string.h>

#include "python/ffi.h"

/* Whose calls are recorded in this thread. */
typedef struct Recording {
    State *st;
    PyObject *recorder; /* borrowed from the caller of _trace(); NULL: none */
} Recording;

static _Thread_local Recording recording;

bool jpy_traces(const State *st)
{
    return recording.recorder && recording.st == st;
}

/* recorder.method(a, b); what the recorder itself calls is not recorded. */
static PyObject *tell(const char *method, PyObject *a, PyObject *b)
{
    Recording now = recording;
    recording.recorder = NULL;
    PyObject *result =
        PyObject_CallMethod(now.recorder, method, "OO", a, b ? b : Py_None);
    recording = now;
    return result;
}

PyObject *jpy_trace_record(CDataObject *fn, PyObject *const *args, Py_ssize_t n)
{
    PyObject *tuple = PyTuple_New(n);
    if (!tuple)
        return NULL;
    for (Py_ssize_t i = 0; i < n; i++)
        PyTuple_SET_ITEM(tuple, i, Py_NewRef(args[i]));
    PyObject *result = tell("call", (PyObject *)fn, tuple);
    Py_DECREF(tuple);
    return result;
}

PyObject *jpy_trace_new(CTypeObject *ct, PyObject *init)
{
    return tell("new", (PyObject *)ct, init);
}

bool jpy_is_traced(const State *st, PyObject *o)
{
    return st->traced_type && PyObject_TypeCheck(o, st->traced_type);
}

/* --- hooks -------------------------------------------------------------------------- */

static FunctionInfo *info_of(PyObject *self)
{
    return (FunctionInfo *)((CDataExt *)self)->owner;
}

static PyObject *hook_fast(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    FunctionInfo *f = info_of(self);
    if (jpy_traces(f->st))
        return jpy_trace_record((CDataObject *)self, args, n);
    return ((PyObject * (*)(PyObject *, PyObject *const *, Py_ssize_t))(
                uintptr_t)f->plain)(self, args, n);
}

static PyObject *hook_one(PyObject *self, PyObject *arg)
{
    FunctionInfo *f = info_of(self);
    if (jpy_traces(f->st))
        return jpy_trace_record((CDataObject *)self, &arg, arg ? 1 : 0);
    return f->plain(self, arg);
}

static void hook(FunctionInfo *f)
{
    f->plain = f->def.ml_meth;
    f->def.ml_meth = f->def.ml_flags & METH_FASTCALL
                         ? (PyCFunction)(uintptr_t)hook_fast
                         : hook_one;
}

void jpy_set_method(FunctionInfo *f, PyCFunction method)
{
    if (f->plain)
        f->plain = method;
    else
        f->def.ml_meth = method;
}

void jpy_trace_add(FunctionInfo *f)
{
    State *st = f->st;
    f->all_next = st->functions;
    if (f->all_next)
        f->all_next->all_prev = f;
    st->functions = f;
    if (st->traces)
        hook(f);
}

void jpy_trace_remove(FunctionInfo *f)
{
    if (f->all_prev)
        f->all_prev->all_next = f->all_next;
    else if (f->st->functions == f)
        f->st->functions = f->all_next;
    if (f->all_next)
        f->all_next->all_prev = f->all_prev;
}

/* No ctype leads past call_checked() now; it keeps it so while there are traces. */
static void forget_entries(State *st)
{
    const jf_Universe *u = st->universe;
    for (uint32_t i = 0; i < u->n_buckets; i++)
        for (jf_Type *t = u->buckets[i]; t; t = t->chain)
            if (t->kind == JF_PTR && t->host)
                ((CTypeObject *)t->host)->entry = NULL;
}

static void begin(State *st)
{
    if (st->traces++)
        return;
    forget_entries(st);
    for (FunctionInfo *f = st->functions; f; f = f->all_next)
        hook(f);
}

static void end(State *st)
{
    if (--st->traces)
        return;
    for (FunctionInfo *f = st->functions; f; f = f->all_next) {
        f->def.ml_meth = f->plain;
        f->plain = NULL;
    }
}

/* _trace(recorder, function, args): what function(*args) gives, while the calls of C
 * functions go to recorder.call(function_pointer, arguments), and those of ffi.new()
 * to recorder.new(ctype, init). */
static PyObject *trace(PyObject *module, PyObject *args)
{
    State *st = jpy_state(module);
    PyObject *recorder, *function, *values;
    if (!PyArg_ParseTuple(args, "OOO!:_trace", &recorder, &function, &PyTuple_Type,
                          &values))
        return NULL;
    Recording before = recording;
    begin(st);
    recording = (Recording){st, recorder};
    PyObject *result = PyObject_Call(function, values, NULL);
    recording = before;
    end(st);
    return result;
}

/* _traced_type(cls): instances of it stand for values while something is traced. */
static PyObject *set_traced_type(PyObject *module, PyObject *cls)
{
    if (!PyType_Check(cls))
        return jpy_ffi_bad_type("class", cls);
    Py_XSETREF(jpy_state(module)->traced_type, (PyTypeObject *)Py_NewRef(cls));
    Py_RETURN_NONE;
}

/* --- values that are the same at every call -------------------------------------------- */

static void pin_dealloc(PyObject *self)
{
    Pin *p = (Pin *)self;
    PyTypeObject *type = Py_TYPE(self);
    State *st = p->st;
    PyObject_GC_UnTrack(self);
    if (p->temps)
        jpy_temps_free(p->temps);
    PyMem_Free(p->block);
    Py_XDECREF((PyObject *)p->ctype);
    Py_XDECREF(p->args);
    PyObject_GC_Del(self);
    Py_DECREF(type);
    jpy_state_unref(st);
}

/* No tp_clear: what C reads stays as long as the code that has its address. */
static int pin_traverse(PyObject *self, visitproc visit, void *arg)
{
    Pin *p = (Pin *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT((PyObject *)p->ctype);
    Py_VISIT(p->args);
    return 0;
}

static PyObject *pin_get_value(PyObject *self, void *closure)
{
    (void)closure;
    PyObject *given = ((Pin *)self)->args;
    return Py_NewRef(PyTuple_GET_ITEM(given, PyTuple_GET_SIZE(given) - 1));
}

static PyObject *pin_get_ctype(PyObject *self, void *closure)
{
    (void)closure;
    return Py_NewRef((PyObject *)((Pin *)self)->ctype);
}

static PyObject *pin_get_bytes(PyObject *self, void *closure)
{
    (void)closure;
    Pin *p = (Pin *)self;
    return PyBytes_FromStringAndSize(p->cell, p->ctype->size);
}

/* Pickled, it is what it was made from. */
static PyObject *pin_reduce(PyObject *self, PyObject *unused)
{
    (void)unused;
    PyObject *module = PyImport_ImportModule("jiffi._jiffi");
    PyObject *make = module ? PyObject_GetAttrString(module, "_pin") : NULL;
    PyObject *result = make ? PyTuple_Pack(2, make, ((Pin *)self)->args) : NULL;
    Py_XDECREF(make);
    Py_XDECREF(module);
    return result;
}

static PyMethodDef pin_methods[] = {{"__reduce__", pin_reduce, METH_NOARGS, NULL},
                                    {NULL, NULL, 0, NULL}};

static PyGetSetDef pin_getset[] = {
    {"value", pin_get_value, NULL, "What was given.", NULL},
    {"ctype", pin_get_ctype, NULL, "As what C has it.", NULL},
    {"bytes", pin_get_bytes, NULL, "What C gets.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot pin_slots[] = {
    {Py_tp_dealloc, pin_dealloc},
    {Py_tp_traverse, pin_traverse},
    {Py_tp_getset, pin_getset},
    {Py_tp_methods, pin_methods},
    {0, NULL},
};

static PyType_Spec pin_spec = {
    .name = "jiffi._Pin",
    .basicsize = sizeof(Pin),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | JPY_TPFLAGS_NO_NEW,
    .slots = pin_slots,
};

/* A Pin with a zeroed cell. Takes over `ct`. */
static Pin *pin_new(State *st, CTypeObject *ct, PyObject *const *args, Py_ssize_t n)
{
    Py_ssize_t size = ct ? jpy_ctype_size(ct) : -1;
    Pin *p = size < 0 ? NULL : PyObject_GC_New(Pin, st->pin_type);
    if (!p) {
        Py_XDECREF((PyObject *)ct);
        return NULL;
    }
    memset((char *)p + sizeof(PyObject), 0, sizeof *p - sizeof(PyObject));
    p->st = st;
    st->refs++;
    p->ctype = ct;
    p->args = PyTuple_New(n);
    for (Py_ssize_t i = 0; p->args && i < n; i++)
        PyTuple_SET_ITEM(p->args, i, Py_NewRef(args[i]));
    PyObject_GC_Track((PyObject *)p);
    size_t align = ct->type->align > 16 ? ct->type->align : 16;
    p->block = PyMem_Calloc(1, (size_t)size + align + 16);
    if (!p->block || !p->args) {
        Py_DECREF((PyObject *)p);
        PyErr_NoMemory();
        return NULL;
    }
    p->cell = (void *)(uintptr_t)jf_round_up((uintptr_t)p->block, align);
    return p;
}

/* _pin(function_pointer, n, value): as argument n of a call. _pin(ctype, value). */
static PyObject *pin(PyObject *module, PyObject *const *args, Py_ssize_t n)
{
    State *st = jpy_state(module);
    CDataObject *fn = n == 3 ? jpy_ffi_cdata(st, args[0]) : NULL;
    int bad;
    Pin *p;
    if (fn && CType_IsFunction(fn->ctype) && PyLong_Check(args[1])) {
        size_t i = PyLong_AsSize_t(args[1]);
        if (PyErr_Occurred() || i >= jpy_function_type(fn)->u.func->n_params)
            return PyErr_Format(PyExc_ValueError, "there is no parameter %R",
                                args[1]);
        p = pin_new(st, jpy_function_ctype(fn, (Py_ssize_t)i), args, n);
        bad = p ? jpy_argument(fn, args[2], i, p->cell, &p->temps) : -1;
    } else if (n == 2 && CType_Check(st, args[0])) {
        CTypeObject *ct = (CTypeObject *)Py_NewRef(args[0]);
        p = pin_new(st, ct, args, n);
        bad = !p ? -1
              : ct->code == V_POINTER
                  ? jpy_pointer_argument(ct, 0, args[1], p->cell, &p->temps)
                  : jpy_from_object(ct, p->cell, args[1]);
    } else {
        return PyErr_Format(PyExc_TypeError,
                            "_pin() takes a function, a number and a value, or a "
                            "ctype and a value");
    }
    if (bad < 0)
        Py_CLEAR(p);
    return (PyObject *)p;
}

static PyMethodDef functions[] = {
    {"_trace", trace, METH_VARARGS, NULL},
    {"_traced_type", set_traced_type, METH_O, NULL},
    {"_pin", (PyCFunction)(void (*)(void))pin, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL}};

int jpy_init_trace(State *st, PyObject *module)
{
    st->pin_type = (PyTypeObject *)PyType_FromSpec(&pin_spec);
    if (!st->pin_type)
        return -1;
    jpy_type_no_new(st->pin_type);
    return PyModule_AddFunctions(module, functions);
}
