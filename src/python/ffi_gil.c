/* SPDX-License-Identifier: MIT
 *
 * ffi.gil(): who keeps the GIL while a function runs, said and asked for single
 * functions. What becomes of it is policy.c's business.
 *
 *   ffi.gil("hold", lib.f, "g")    from now on; by name also where no library is
 * open
 *   ffi.gil(lib.f)                 what was asked for, what was decided, and why
 */
#include "python/call.h"
#include "python/ffi.h"
#include "python/pickle.h"

#include <string.h>

static const char *const words[] = {"default", "release", "hold", "auto"};

/* --- asking
 * ----------------------------------------------------------------------- */

static PyStructSequence_Field fields[] = {
    {"asked", "what was asked for: 'auto', 'hold' or 'release'"},
    {"decided", "what calls do: 'hold' or 'release'"},
    {"proved", "True if the machine code shows that it waits for nobody"},
    {"reason", "a sentence of the proof, or why there is none"},
    {NULL, NULL}};

static PyStructSequence_Desc desc = {
    "jiffi.GilPolicy", "Who keeps the GIL in calls of a function: FFI.gil().",
    fields, 4};

static PyObject *policy_of(State *st, FunctionInfo *f)
{
    if (!st->gil_type && !(st->gil_type = PyStructSequence_NewType(&desc)))
        return NULL;
    uint8_t policy = jpy_policy(f);
    jf_Proof p;
    bool proved = jpy_proved(f, &p) != 0;
    PyObject *o = PyStructSequence_New(st->gil_type);
    PyObject *values[] = {
        PyUnicode_FromString(words[f->gil ? f->gil : JF_GIL_RELEASE]),
        PyUnicode_FromString(policy & POLICY_HOLD ? "hold" : "release"),
        PyBool_FromLong(proved),
        PyUnicode_DecodeUTF8(p.reason, (Py_ssize_t)strlen(p.reason), "replace")};
    for (Py_ssize_t i = 0; i < 4; i++) {
        if (!o || !values[i]) {
            Py_XDECREF(values[i]);
            continue;
        }
        PyStructSequence_SET_ITEM(o, i, values[i]);
    }
    if (o && PyErr_Occurred())
        Py_CLEAR(o);
    return o;
}

/* --- saying
 * ----------------------------------------------------------------------- */

/* A library's function, or a fused one; NULL with an exception. */
static FunctionInfo *function_of(FFIObject *ffi, PyObject *o)
{
    CDataObject *fn = jpy_ffi_cdata(ffi->st, o);
    FunctionInfo *f = fn ? jpy_function_info(fn) : NULL;
    if (f)
        return f;
    if (fn && fn->ctype->type->kind == JF_PTR &&
        fn->ctype->type->to->kind == JF_FUNC)
        PyErr_Format(PyExc_TypeError,
                     "gil(): '%s' is a function pointer: calls through it always "
                     "release the GIL; a library's function can be told",
                     jpy_cname(fn->ctype));
    else
        PyErr_Format(
            PyExc_TypeError,
            "gil() expects functions of libraries or their names, not %.200s",
            Py_TYPE(o)->tp_name);
    return NULL;
}

/* Can calls of `f` be told? */
static int may_change(FunctionInfo *f)
{
    const char *why =
        f->sized ? "call gil() on the function that sized() was given"
        : f->ready && !f->way
            ? "its module was generated for one policy: generate it again"
            : NULL;
    if (!why)
        return 0;
    PyErr_Format(PyExc_ValueError, "gil(): %s() stays as it is: %s", f->def.ml_name,
                 why);
    return -1;
}

/* Every function of this name in the FFI's libraries. */
static int change_named(FFIObject *ffi, const char *name, uint8_t gil)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(ffi->libs); i++) {
        PyObject *lib = jpy_weakref_get(PyList_GET_ITEM(ffi->libs, i));
        if (!lib)
            continue;
        Handle *h = (Handle *)jpy_lib_handle(lib);
        for (FunctionInfo *f = h->first; f; f = f->next)
            if (!f->sized && !strcmp(f->def.ml_name, name) && (f->way || !f->ready))
                jpy_set_policy(f, gil);
        Py_DECREF(lib);
    }
    return 0;
}

static int undeclared(FFIObject *ffi, PyObject *name)
{
    Py_ssize_t n;
    const char *s = PyUnicode_AsUTF8AndSize(name, &n);
    const char *better = s ? jf_scope_suggest(ffi->scope, s, (size_t)n) : NULL;
    if (s && better)
        PyErr_Format(PyExc_AttributeError,
                     "gil(): no function '%U' is declared; did you mean '%s'?",
                     name, better);
    else if (s)
        PyErr_Format(PyExc_AttributeError, "gil(): no function '%U' is declared",
                     name);
    return -1;
}

/* One of the functions: only looked at, or changed. */
static int say(FFIObject *ffi, PyObject *o, uint8_t gil, bool change)
{
    if (!PyUnicode_Check(o)) {
        FunctionInfo *f = function_of(ffi, o);
        if (!f || may_change(f) < 0)
            return -1;
        if (change)
            jpy_set_policy(f, gil);
        return 0;
    }
    Py_ssize_t n;
    const char *name = PyUnicode_AsUTF8AndSize(o, &n);
    if (!name)
        return -1;
    const jf_Symbol *sym = jf_scope_find(ffi->scope, name, (size_t)n);
    if (!sym || sym->kind != JF_SYM_FUNCTION)
        return undeclared(ffi, o);
    if (!change)
        return 0;
    jf_scope_set_gil(ffi->scope, name, (size_t)n, (jf_Gil)gil);
    return change_named(ffi, name, gil);
}

/* For pickles: what was said by name is part of what the FFI is. */
static int remember(FFIObject *ffi, uint8_t gil, PyObject *const *args,
                    Py_ssize_t n)
{
    PyObject *row = NULL, *names = PyList_New(0), *all = NULL;
    int bad = names ? 0 : -1;
    for (Py_ssize_t i = 0; bad == 0 && i < n; i++)
        if (PyUnicode_Check(args[i]))
            bad = PyList_Append(names, args[i]);
    if (bad == 0 && PyList_GET_SIZE(names)) {
        all = PyList_AsTuple(names);
        row = all ? Py_BuildValue("sO", words[gil], all) : NULL;
        bad = row ? jpy_origin_add(ffi, row) : -1;
    }
    Py_XDECREF(names);
    Py_XDECREF(all);
    Py_XDECREF(row);
    return bad;
}

PyObject *jpy_ffi_gil(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    FFIObject *ffi = (FFIObject *)self;
    uint8_t gil = JF_GIL_DEFAULT;
    if (n == 1 && !PyUnicode_Check(args[0])) {
        FunctionInfo *f = function_of(ffi, args[0]);
        return f ? policy_of(ffi->st, f) : NULL;
    }
    if (n < 2) {
        PyErr_SetString(
            PyExc_TypeError,
            n ? "gil() expects functions behind the policy"
              : "gil() expects a policy and functions, or one function");
        return NULL;
    }
    if (jpy_ffi_read_gil(args[0], &gil) < 0)
        return NULL;
    if (!gil) {
        PyErr_SetString(PyExc_ValueError,
                        "gil must be 'release', 'hold' or 'auto', not None");
        return NULL;
    }
    for (Py_ssize_t i = 1; i < n; i++)
        if (say(ffi, args[i], gil, false) < 0)
            return NULL; /* nothing was changed */
    if (remember(ffi, gil, args + 1, n - 1) < 0)
        return NULL;
    for (Py_ssize_t i = 1; i < n; i++)
        if (say(ffi, args[i], gil, true) < 0)
            return NULL;
    Py_RETURN_NONE;
}
