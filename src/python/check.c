/* SPDX-License-Identifier: MIT
 *
 * ffi.check(): a function of C that raises where C says that it failed. Here is the
 * way of a call that succeeds; what a condition may be, and what is raised, is said in
 * _check.py, which is asked when it has been met.
 */
#include "python/call.h"

typedef enum When {
    WHEN_NEGATIVE,
    WHEN_NONZERO,
    WHEN_ZERO,
    WHEN_MINUS_ONE,
    WHEN_NULL,
    WHEN_ERRNO,     /* was set to 0 before */
    WHEN_PREDICATE, /* Checked.test, called with the result, is true */
    WHEN_IN,        /* the result is in Checked.test */
    WHEN_COUNT
} When;

typedef PyObject *(*FastFunction)(PyObject *, PyObject *const *, Py_ssize_t);

typedef struct Checked {
    PyObject_HEAD vectorcallfunc call;
    PyObject *function; /* owned: what is called */
    PyObject *test;     /* owned; NULL */
    PyObject *failed;   /* owned: failed(self, result, errno, args) raises */
    PyObject *dict;     /* owned: __name__ and so on */
    PyObject *weakrefs;
    uint8_t when; /* When */
} Checked;

/* --- has it failed? --------------------------------------------------------------- */

static int is_minus_one(PyObject *result)
{
    Py_ssize_t v;
    if (PyLong_Check(result))
        return jpy_long_small(result, &v) && v == -1;
    if (jpy_is_cdata(result))
        return ((CDataObject *)result)->data == (char *)-1;
    return PyFloat_Check(result) && PyFloat_AS_DOUBLE(result) == -1;
}

static int is_negative(PyObject *result)
{
    if (PyLong_Check(result))
        return jpy_long_sign(result) < 0;
    if (PyFloat_Check(result))
        return PyFloat_AS_DOUBLE(result) < 0;
    PyObject *zero = PyLong_FromLong(0);
    int less = zero ? PyObject_RichCompareBool(result, zero, Py_LT) : -1;
    Py_XDECREF(zero);
    return less;
}

static int ask(PyObject *predicate, PyObject *result)
{
    PyObject *o = PyObject_CallFunctionObjArgs(predicate, result, NULL);
    int yes = o ? PyObject_IsTrue(o) : -1;
    Py_XDECREF(o);
    return yes;
}

static int has_failed(const Checked *c, PyObject *result, int error)
{
    int yes;
    switch ((When)c->when) {
    case WHEN_NEGATIVE:
        return is_negative(result);
    case WHEN_NONZERO:
        return PyObject_IsTrue(result);
    case WHEN_ZERO:
        yes = PyObject_IsTrue(result);
        return yes < 0 ? yes : !yes;
    case WHEN_MINUS_ONE:
        return is_minus_one(result);
    case WHEN_NULL:
        return jpy_is_cdata(result) && !((CDataObject *)result)->data;
    case WHEN_ERRNO:
        return error != 0;
    case WHEN_PREDICATE:
        return ask(c->test, result);
    case WHEN_IN:
        return PySequence_Contains(c->test, result);
    case WHEN_COUNT:
        break;
    }
    return 0;
}

/* --- calls ------------------------------------------------------------------------ */

/* It has: takes over `result`. */
static PyObject *fail(Checked *c, PyObject *result, int error,
                      PyObject *const *args, Py_ssize_t n)
{
    PyObject *given = PyTuple_New(n), *number = PyLong_FromLong(error), *r = NULL;
    for (Py_ssize_t i = 0; given && i < n; i++)
        PyTuple_SET_ITEM(given, i, Py_NewRef(args[i]));
    if (given && number)
        r = PyObject_CallFunctionObjArgs(c->failed, (PyObject *)c, result, number,
                                         given, NULL);
    Py_XDECREF(given);
    Py_XDECREF(number);
    Py_DECREF(result);
    if (!r)
        return NULL;
    Py_DECREF(r);
    PyErr_SetString(PyExc_SystemError, "ffi.check(): nothing was raised");
    return NULL;
}

/* Library functions without CPython's way to them: their code stands in ml_meth. */
static inline PyObject *call_function(PyObject *f, PyObject *const *args,
                                      size_t nargs, PyObject *names)
{
    Py_ssize_t n = PyVectorcall_NARGS(nargs);
    if (PyCFunction_CheckExact(f) && !names) {
        int flags = PyCFunction_GET_FLAGS(f);
        PyCFunction code = PyCFunction_GET_FUNCTION(f);
        if (flags == METH_FASTCALL)
            return ((FastFunction)(uintptr_t)code)(PyCFunction_GET_SELF(f), args,
                                                   n);
        if (flags == METH_O && n == 1)
            return code(PyCFunction_GET_SELF(f), args[0]);
    }
    return PyObject_Vectorcall(f, args, nargs, names);
}

static PyObject *checked_call(PyObject *self, PyObject *const *args, size_t nargs,
                              PyObject *names)
{
    Checked *c = (Checked *)self;
    if (c->when == WHEN_ERRNO)
        jf_os_errno_set_saved(0);
    PyObject *result = call_function(c->function, args, nargs, names);
    if (!result)
        return NULL;
    int error = jf_os_errno_saved();
    int failed = has_failed(c, result, error);
    if (JF_LIKELY(!failed))
        return result;
    if (failed > 0)
        return fail(c, result, error, args, PyVectorcall_NARGS(nargs));
    Py_DECREF(result);
    return NULL;
}

/* --- the object ------------------------------------------------------------------- */

static int checked_traverse(PyObject *self, visitproc visit, void *arg)
{
    Checked *c = (Checked *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(c->function);
    Py_VISIT(c->test);
    Py_VISIT(c->failed);
    Py_VISIT(c->dict);
    return 0;
}

static int checked_clear(PyObject *self)
{
    Checked *c = (Checked *)self;
    Py_CLEAR(c->test); /* the others it could not be called without */
    Py_CLEAR(c->dict);
    return 0;
}

static void checked_dealloc(PyObject *self)
{
    Checked *c = (Checked *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (c->weakrefs)
        PyObject_ClearWeakRefs(self);
    Py_XDECREF(c->function);
    Py_XDECREF(c->test);
    Py_XDECREF(c->failed);
    Py_XDECREF(c->dict);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *checked_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<checked %R>", ((Checked *)self)->function);
}

/* As an attribute of a class it is no method, like the functions of libraries. */
static PyObject *checked_get(PyObject *self, PyObject *object, PyObject *type)
{
    (void)object;
    (void)type;
    return Py_NewRef(self);
}

static PyObject *checked_reduce(PyObject *self, PyObject *unused)
{
    (void)unused;
    PyObject *module = PyImport_ImportModule("jiffi._check");
    PyObject *r = module ? PyObject_CallMethod(module, "reduce", "O", self) : NULL;
    Py_XDECREF(module);
    return r;
}

static PyMethodDef checked_methods[] = {
    {"__reduce__", checked_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef checked_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(Checked, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Checked, weakrefs), READONLY, NULL},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Checked, call), READONLY, NULL},
    {"__wrapped__", T_OBJECT, offsetof(Checked, function), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef checked_getsets[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot checked_slots[] = {
    {Py_tp_dealloc, checked_dealloc}, {Py_tp_traverse, checked_traverse},
    {Py_tp_clear, checked_clear},     {Py_tp_repr, checked_repr},
    {Py_tp_call, PyVectorcall_Call},  {Py_tp_descr_get, checked_get},
    {Py_tp_methods, checked_methods}, {Py_tp_members, checked_members},
    {Py_tp_getset, checked_getsets},  {0, NULL},
};

static PyType_Spec checked_spec = {
    .name = "jiffi.CheckedFunction",
    .basicsize = sizeof(Checked),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
             JPY_TPFLAGS_NO_NEW,
    .slots = checked_slots,
};

/* _check(function, when, test, failed, dict): the object; everything was checked. */
static PyObject *check(PyObject *module, PyObject *args)
{
    State *st = jpy_state(module);
    PyObject *function, *test, *failed, *dict;
    unsigned char when;
    if (!PyArg_ParseTuple(args, "ObOOO!:_check", &function, &when, &test, &failed,
                          &PyDict_Type, &dict))
        return NULL;
    if (when >= WHEN_COUNT)
        return PyErr_Format(PyExc_ValueError, "_check(): no condition %d", when);
    Checked *c = (Checked *)st->check_type->tp_alloc(st->check_type, 0);
    if (!c)
        return NULL;
    c->call = checked_call;
    c->function = Py_NewRef(function);
    c->test = test == Py_None ? NULL : Py_NewRef(test);
    c->failed = Py_NewRef(failed);
    c->dict = Py_NewRef(dict);
    c->when = when;
    return (PyObject *)c;
}

PyObject *jpy_check_function(const State *st, PyObject *o)
{
    while (Py_IS_TYPE(o, st->check_type))
        o = ((Checked *)o)->function;
    return o;
}

/* _is_held(function): is it declared to keep the GIL? _aio.py asks. */
static PyObject *is_held(PyObject *module, PyObject *o)
{
    State *st = jpy_state(module);
    PyObject *fn = jpy_function_cdata(st, jpy_check_function(st, o));
    FunctionInfo *f = fn ? jpy_function_info((CDataObject *)fn) : NULL;
    return PyBool_FromLong(f && f->gil == JF_GIL_HOLD);
}

static PyMethodDef functions[] = {{"_check", check, METH_VARARGS, NULL},
                                  {"_is_held", is_held, METH_O, NULL},
                                  {NULL, NULL, 0, NULL}};

int jpy_init_check(State *st, PyObject *module)
{
    st->check_type = (PyTypeObject *)PyType_FromSpec(&checked_spec);
    if (!st->check_type)
        return -1;
    jpy_type_no_new(st->check_type);
    return PyModule_AddFunctions(module, functions);
}
