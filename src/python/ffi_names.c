/* SPDX-License-Identifier: MIT
 *
 * FFI methods about what was declared, and what happens once: integer_const,
 * list_types, set_unicode, init_once; and def_extern, which belongs to modules.
 */
#include <string.h>

#include "python/ffi.h"

/* --- constants ------------------------------------------------------------ */

PyObject *jpy_ffi_integer_const(PyObject *self, PyObject *const *args,
                                Py_ssize_t nargs, PyObject *kwnames)
{
    static const ArgSpec spec = {"integer_const", {"name", NULL}, 1};
    FFIObject *ffi = (FFIObject *)self;
    PyObject *name;
    if (jpy_ffi_args(&spec, args, nargs, kwnames, &name) < 0)
        return NULL;
    if (!PyUnicode_Check(name))
        return jpy_ffi_bad_type("string", name);
    Py_ssize_t n;
    const char *s = PyUnicode_AsUTF8AndSize(name, &n);
    if (!s)
        return NULL;
    const jf_Symbol *sym = jf_scope_find(ffi->scope, s, (size_t)n);
    if (!sym) {
        const char *near = jf_scope_suggest(ffi->scope, s, (size_t)n);
        PyErr_Format(PyExc_AttributeError,
                     near ? "integer constant '%U' not found; did you mean '%s'?"
                          : "integer constant '%U' not found",
                     name, near);
        return NULL;
    }
    if (sym->kind != JF_SYM_CONSTANT || (sym->flags & JF_S_DOTS)) {
        PyErr_Format(
            ffi->st->ffi_error,
            "function, global variable or non-integer constant '%U' must be "
            "fetched from its original 'lib' object",
            name);
        return NULL;
    }
    return sym->flags & JF_S_UNSIGNED
               ? PyLong_FromUnsignedLongLong((uint64_t)sym->value)
               : PyLong_FromLongLong(sym->value);
}

/* --- list_types ----------------------------------------------------------- */

typedef struct Names {
    PyObject *typedefs, *structs, *unions; /* lists */
    int status;
} Names;

static bool add_name(Names *names, PyObject *list, const char *name)
{
    PyObject *s = PyUnicode_FromString(name);
    names->status = s ? PyList_Append(list, s) : -1;
    Py_XDECREF(s);
    return names->status == 0;
}

static bool add_typedef(void *ctx, const jf_Symbol *sym)
{
    Names *names = ctx;
    return sym->kind != JF_SYM_TYPEDEF ||
           add_name(names, names->typedefs, sym->name);
}

static bool add_tag(void *ctx, jf_Type *t)
{
    Names *names = ctx;
    if (!jf_is_record(t) || !t->u.rec->tag)
        return true;
    return add_name(names, t->kind == JF_STRUCT ? names->structs : names->unions,
                    t->u.rec->tag);
}

PyObject *jpy_ffi_list_types(PyObject *self, PyObject *unused)
{
    (void)unused;
    FFIObject *ffi = (FFIObject *)self;
    Names names = {PyList_New(0), PyList_New(0), PyList_New(0), 0};
    PyObject *result = NULL;
    if (names.typedefs && names.structs && names.unions) {
        jf_scope_each(ffi->scope, add_typedef, &names);
        if (names.status == 0)
            jf_scope_each_tag(ffi->scope, add_tag, &names);
        if (names.status == 0 && PyList_Sort(names.typedefs) == 0 &&
            PyList_Sort(names.structs) == 0 && PyList_Sort(names.unions) == 0)
            result = PyTuple_Pack(3, names.typedefs, names.structs, names.unions);
    }
    Py_XDECREF(names.typedefs);
    Py_XDECREF(names.structs);
    Py_XDECREF(names.unions);
    return result;
}

/* --- set_unicode ---------------------------------------------------------- */

static const char unicode_on[] =
    "typedef wchar_t TBYTE; typedef wchar_t TCHAR; typedef const wchar_t *LPCTSTR;"
    "typedef const wchar_t *PCTSTR; typedef wchar_t *LPTSTR; typedef wchar_t "
    "*PTSTR;"
    "typedef TBYTE *PTBYTE; typedef TCHAR *PTCHAR;";
static const char unicode_off[] =
    "typedef char TBYTE; typedef char TCHAR; typedef const char *LPCTSTR;"
    "typedef const char *PCTSTR; typedef char *LPTSTR; typedef char *PTSTR;"
    "typedef TBYTE *PTBYTE; typedef TCHAR *PTCHAR;";

PyObject *jpy_ffi_set_unicode(PyObject *self, PyObject *arg)
{
    FFIObject *ffi = (FFIObject *)self;
    int on = PyObject_IsTrue(arg);
    if (on < 0)
        return NULL;
    const jf_Symbol *tchar = jf_scope_find(ffi->scope, "TCHAR", 5);
    if (tchar && tchar->kind == JF_SYM_TYPEDEF) {
        PyErr_SetString(PyExc_ValueError, "set_unicode() can only be called once");
        return NULL;
    }
    if (jpy_ffi_declare(ffi, on ? unicode_on : unicode_off) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* --- init_once ------------------------------------------------------------ */

/* What the dictionary holds for a tag until its function has returned: a
 * capsule around one of these. Afterwards: a 1-tuple of the result. */
typedef struct Once {
    PyThread_type_lock lock;
    unsigned long running; /* thread inside of the function; 0: none */
} Once;

static const char once_name[] = "jiffi.once";

static void once_free(PyObject *capsule)
{
    Once *once = PyCapsule_GetPointer(capsule, once_name);
    if (once) {
        PyThread_free_lock(once->lock);
        PyMem_Free(once);
    }
}

static PyObject *once_new(void)
{
    Once *once = PyMem_Malloc(sizeof *once);
    if (!once)
        return PyErr_NoMemory();
    once->running = 0;
    once->lock = PyThread_allocate_lock();
    if (!once->lock) {
        PyMem_Free(once);
        return PyErr_NoMemory();
    }
    PyObject *capsule = PyCapsule_New(once, once_name, once_free);
    if (!capsule) {
        PyThread_free_lock(once->lock);
        PyMem_Free(once);
    }
    return capsule;
}

/* With the tag's lock held: the result, by calling `func` if nobody has. */
static PyObject *once_run(FFIObject *ffi, Once *once, PyObject *func, PyObject *tag)
{
    PyObject *entry = PyDict_GetItemWithError(ffi->onces, tag);
    if (entry && PyTuple_CheckExact(entry))
        return Py_NewRef(PyTuple_GET_ITEM(entry, 0));
    if (PyErr_Occurred())
        return NULL;
    once->running = PyThread_get_thread_ident();
    PyObject *result = PyObject_CallObject(func, NULL);
    once->running = 0;
    if (!result)
        return NULL;
    PyObject *done = PyTuple_Pack(1, result);
    if (!done || PyDict_SetItem(ffi->onces, tag, done) < 0)
        Py_CLEAR(result);
    Py_XDECREF(done);
    return result;
}

PyObject *jpy_ffi_init_once(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                            PyObject *kwnames)
{
    static const ArgSpec spec = {"init_once", {"func", "tag", NULL}, 2};
    FFIObject *ffi = (FFIObject *)self;
    PyObject *a[2];
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0)
        return NULL;
    PyObject *entry = PyDict_GetItemWithError(ffi->onces, a[1]);
    if (entry && PyTuple_CheckExact(entry))
        return Py_NewRef(PyTuple_GET_ITEM(entry, 0));
    if (PyErr_Occurred())
        return NULL;
    if (entry) {
        Py_INCREF(entry);
    } else {
        /* The tag's own __eq__ may let other threads run: setdefault decides
         * whose lock it is. */
        PyObject *fresh = once_new();
        if (!fresh)
            return NULL;
        entry = Py_XNewRef(PyDict_SetDefault(ffi->onces, a[1], fresh));
        Py_DECREF(fresh);
        if (!entry)
            return NULL;
    }
    if (PyTuple_CheckExact(entry)) {
        PyObject *result = Py_NewRef(PyTuple_GET_ITEM(entry, 0));
        Py_DECREF(entry);
        return result;
    }
    Once *once = PyCapsule_GetPointer(entry, once_name);
    PyObject *result = NULL;
    if (once && once->running == PyThread_get_thread_ident()) {
        PyErr_Format(
            PyExc_RuntimeError,
            "init_once(): the function for tag %R called init_once() with the "
            "same tag",
            a[1]);
    } else if (once) {
        Py_BEGIN_ALLOW_THREADS PyThread_acquire_lock(once->lock, WAIT_LOCK);
        Py_END_ALLOW_THREADS result = once_run(ffi, once, a[0], a[1]);
        PyThread_release_lock(once->lock);
    }
    Py_DECREF(entry);
    return result;
}

/* --- features ------------------------------------------------------------- */

PyObject *jpy_ffi_features(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    jf_Features f;
    jf_features(&f);
    return Py_BuildValue("{szszszszsz}", "target", f.target, "calls", f.calls,
                         "callbacks", f.callbacks, "why_not", f.why_not, "libffi",
                         f.libffi);
}

/* --- API mode ------------------------------------------------------------- */

PyObject *jpy_ffi_def_extern(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"name", "error", "onerror", "errors", NULL};
    PyObject *name = Py_None, *error = Py_None, *onerror = Py_None;
    PyObject *errors = Py_None;
    FFIObject *ffi = (FFIObject *)self;
    if (!ffi->oracle) /* refuses */
        return jpy_modgen_def_extern(ffi, name, error, onerror, errors);
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OOOO:def_extern", names, &name,
                                     &error, &onerror, &errors))
        return NULL;
    return jpy_modgen_def_extern(ffi, name, error, onerror, errors);
}
