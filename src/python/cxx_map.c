/* SPDX-License-Identifier: MIT
 *
 * Which Python exception stands for which C++ exception: the standard's classes, and
 * what ffi.cxx_exception() was told. The nearest type that is known decides, the
 * exception's own first, then its public bases.
 */
#include "python/cxx.h"
#include "python/ffi.h"

#include <errno.h>
#include <string.h>

/* --- the standard's ------------------------------------------------------------- */

typedef struct Known {
    const char *mangled;
    PyObject **type;
    enum { PLAIN, SYSTEM } sort;
} Known;

static const Known known[] = {
    {"St9bad_alloc", &PyExc_MemoryError, PLAIN},
    {"St12out_of_range", &PyExc_IndexError, PLAIN},
    {"St16invalid_argument", &PyExc_ValueError, PLAIN},
    {"St12domain_error", &PyExc_ValueError, PLAIN},
    {"St12length_error", &PyExc_ValueError, PLAIN},
    {"St14overflow_error", &PyExc_OverflowError, PLAIN},
    {"St11range_error", &PyExc_ArithmeticError, PLAIN},
    {"St15underflow_error", &PyExc_ArithmeticError, PLAIN},
    {"St8bad_cast", &PyExc_TypeError, PLAIN},
    {"St10bad_typeid", &PyExc_TypeError, PLAIN},
    {"St12system_error", &PyExc_OSError, SYSTEM},
    {"NSt3__112system_errorE", &PyExc_OSError, SYSTEM},
    {"NSt8ios_base7failureE", &PyExc_OSError, PLAIN}, /* before C++11 */
};

static const Known *find_known(const char *mangled)
{
    for (size_t k = 0; k < JF_COUNT(known); k++)
        if (strcmp(known[k].mangled, mangled) == 0)
            return &known[k];
    return NULL;
}

/* What a std::system_error adds to std::runtime_error, which is a virtual table and a
 * pointer: a std::error_code (C++11 19.5.6.2), in both libraries. */
typedef struct SystemError {
    void *table, *text;
    int code;
    void *const *const *category; /* std::error_category */
} SystemError;

/* An errno? "generic" and "system" are the two categories whose codes are. */
static bool is_errno(const SystemError *s)
{
    enum { NAME = 2 }; /* behind the two destructors */
    const char *(*name)(const void *) =
        (const char *(*)(const void *))(uintptr_t)(*s->category)[NAME];
    const char *text = name(s->category);
    return strcmp(text, "generic") == 0 || strcmp(text, "system") == 0;
}

static PyObject *standard(const Known *k, const jf_CxxBase *base, PyObject *what)
{
    const SystemError *s = base->at;
    if (k->sort == SYSTEM && is_errno(s))
        return PyObject_CallFunction(*k->type, "iO", s->code, what);
    return PyObject_CallOneArg(*k->type, what);
}

/* --- one's own ------------------------------------------------------------------- */

/* A class gets the message, anything else the type's name and the message. */
static PyObject *own_exception(PyObject *how, PyObject *type, PyObject *what)
{
    PyObject *e = PyType_Check(how)
                      ? PyObject_CallOneArg(how, what)
                      : PyObject_CallFunctionObjArgs(how, type, what, NULL);
    if (e && !PyExceptionInstance_Check(e)) {
        PyErr_Format(
            PyExc_TypeError,
            "ffi.cxx_exception(): %R was called for C++ exception '%U' and "
            "returned %.100s, not an exception",
            how, type, Py_TYPE(e)->tp_name);
        Py_CLEAR(e);
    }
    return e;
}

/* Borrowed; NULL, perhaps with an exception. */
static PyObject *find_own(PyObject *own, const CxxBases *b, uint32_t k)
{
    if (!own || !PyDict_GET_SIZE(own))
        return NULL;
    PyObject *name = jpy_cxx_type_name(b, b->list[k].name);
    PyObject *how = name ? PyDict_GetItemWithError(own, name) : NULL;
    Py_XDECREF(name);
    return how;
}

/* --- what there is no class for ------------------------------------------------------- */

static PyObject *foreign(const State *st, const CxxBases *b)
{
    return PyObject_CallFunction(st->cxx_error, "s#", b->thrown.language,
                                 (Py_ssize_t)strlen(b->thrown.language));
}

static PyObject *other(const State *st, PyObject *type, PyObject *what,
                       PyObject *value)
{
    PyObject *text = what != Py_None ? PyUnicode_FromFormat("%U: %U", type, what)
                     : value != Py_None
                         ? PyUnicode_FromFormat("%U: %S", type, value)
                         : Py_NewRef(type);
    PyObject *e = text ? PyObject_CallOneArg(st->cxx_error, text) : NULL;
    Py_XDECREF(text);
    if (!e)
        return NULL;
    PyObject *said = what != Py_None || !PyUnicode_Check(value) ? what : value;
    if (PyObject_SetAttrString(e, "type", type) < 0 ||
        PyObject_SetAttrString(e, "value", value) < 0 ||
        PyObject_SetAttrString(e, "_what", said) < 0)
        Py_CLEAR(e);
    return e;
}

/* --- the choice -------------------------------------------------------------------------- */

static PyObject *choose(const State *st, PyObject *own, const CxxBases *b,
                        PyObject *type, PyObject *what)
{
    PyObject *text = what != Py_None ? Py_NewRef(what) : PyUnicode_FromString("");
    PyObject *e = NULL;
    bool done = !text;
    for (uint32_t k = 0; k < b->n && !done; k++) {
        PyObject *how = find_own(own, b, k);
        const Known *std = find_known(b->list[k].name);
        done = how || std || PyErr_Occurred();
        if (how) {
            Py_INCREF(how);
            e = own_exception(how, type, text);
            Py_DECREF(how);
        } else if (std && !PyErr_Occurred()) {
            e = standard(std, &b->list[k], text);
        }
    }
    Py_XDECREF(text);
    if (done)
        return e;
    PyObject *value = jpy_cxx_value(b);
    e = value ? other(st, type, what, value) : NULL;
    Py_XDECREF(value);
    return e;
}

/* std::throw_with_nested() throws a type of the library's own, derived from what it
 * was given: that is what is named. */
static const char *type_thrown(const CxxBases *b)
{
    static const char *const wrappers[] = {"St17_Nested_exceptionI",
                                           "St8__nestedI"};
    for (size_t k = 0; k < JF_COUNT(wrappers); k++)
        if (b->n > 1 &&
            strncmp(b->list[0].name, wrappers[k], strlen(wrappers[k])) == 0)
            return b->list[1].name;
    return b->list[0].name;
}

PyObject *jpy_cxx_exception(const State *st, PyObject *own, const CxxBases *b)
{
    if (!b->thrown.type)
        return foreign(st, b);
    const char *says = jf_cxx_what(b->list, b->n);
    PyObject *type = jpy_cxx_type_name(b, type_thrown(b));
    PyObject *what = !type  ? NULL
                     : says ? jpy_cxx_text(says, strlen(says))
                            : Py_NewRef(Py_None);
    PyObject *e = what ? choose(st, own, b, type, what) : NULL;
    if (e && PyObject_SetAttrString(e, "cxx_type", type) < 0)
        PyErr_Clear(); /* a class of the user's without room for it */
    Py_XDECREF(what);
    Py_XDECREF(type);
    return e;
}

/* --- FFI.cxx_exception -------------------------------------------------------------------- */

PyObject *jpy_cxx_own(FFIObject *ffi)
{
    if (!ffi->cxx)
        ffi->cxx = PyDict_New();
    return ffi->cxx;
}

static bool is_exception_class(PyObject *o)
{
    return PyType_Check(o) && PyExceptionClass_Check(o);
}

PyObject *jpy_ffi_cxx_exception(PyObject *self, PyObject *const *args,
                                Py_ssize_t nargs, PyObject *kwnames)
{
    FFIObject *ffi = (FFIObject *)self;
    if (nargs != 2 || kwnames) {
        PyErr_SetString(PyExc_TypeError,
                        "cxx_exception() takes the name of a C++ type and what to "
                        "raise for it: a class, a callable, or None");
        return NULL;
    }
    PyObject *name = args[0], *how = args[1];
    if (!PyUnicode_Check(name) || PyUnicode_GET_LENGTH(name) == 0) {
        PyErr_Format(PyExc_TypeError,
                     "cxx_exception(): expected the name of a C++ type, such as "
                     "\"ns::my_error\", got %.100R",
                     name);
        return NULL;
    }
    if (how != Py_None && !is_exception_class(how) &&
        (PyType_Check(how) || !PyCallable_Check(how))) {
        PyErr_Format(PyExc_TypeError,
                     "cxx_exception(): for '%U' expected an exception class, a "
                     "callable(type, what) that returns an exception, or None; got "
                     "%.100R",
                     name, how);
        return NULL;
    }
    PyObject *own = jpy_cxx_own(ffi);
    if (!own)
        return NULL;
    if (how != Py_None) {
        if (PyDict_SetItem(own, name, how) < 0)
            return NULL;
    } else if (PyDict_DelItem(own, name) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_KeyError))
            return NULL;
        PyErr_Clear(); /* there was none: there is none */
    }
    Py_RETURN_NONE;
}
