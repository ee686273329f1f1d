/* SPDX-License-Identifier: MIT
 *
 * extern "Python": C functions of a generated module whose bodies are Python's.
 * ffi.def_extern() gives one its body; C may call it before, after, and from any
 * thread. What becomes of exceptions is callback.c's business.
 */
#include <stdio.h>
#include <string.h>

#include "python/ffi.h"
#include "python/modgen.h"

/* --- C calls ---------------------------------------------------------------------------- */

typedef struct Call {
    jiffi_extern_python *x;
    void *cells;
} Call;

/* As cffi has it: a line on stderr, because who called is C. */
static void nobody(void *ctx)
{
    Call *c = ctx;
    fprintf(stderr,
            "extern \"Python\": function %s.%s() called, but no code was attached "
            "to it yet with @ffi.def_extern().  Returning 0.\n",
            jpy_modgen_owner(c->x), c->x->name ? c->x->name : "?");
    memset(c->cells, 0, c->x->result_size);
}

void jpy_modgen_call_python(jiffi_extern_python *x, void *cells)
{
    Call c = {x, cells};
    jpy_extern_call((PyObject **)&x->target, cells, nobody, &c);
}

/* --- ffi.def_extern ------------------------------------------------------------------------ */

/* The row and the type of an extern "Python" function; NULL with an exception. */
static CTypeObject *declared(FFIObject *ffi, ModGen *g, const char *name,
                             const jiffi_symbol **row)
{
    State *st = ffi->st;
    const jf_Symbol *sym = jf_scope_find(ffi->scope, name, strlen(name));
    *row = jpy_modgen_symbol(g->m, name);
    if (!*row || (*row)->kind != JIFFI_EXTERN_PYTHON || !sym ||
        sym->kind != JF_SYM_FUNCTION) {
        PyErr_Format(st->ffi_error,
                     "ffi.def_extern('%s'): no 'extern \"Python\"' function with "
                     "this name",
                     name);
        return NULL;
    }
    jf_Type *t = jf_type_pointer(st->universe, sym->type, 0);
    if (!t)
        return (CTypeObject *)PyErr_NoMemory();
    return jpy_ctype_steal(st, t);
}

/* The decorator; `self` is (ffi, name, error, onerror, errors). */
static PyObject *attach(PyObject *self, PyObject *callable)
{
    FFIObject *ffi = (FFIObject *)PyTuple_GET_ITEM(self, 0);
    ModGen *g = jpy_modgen_of(ffi);
    uint8_t how = ffi->callback_errors;
    if (jpy_ffi_read_errors(PyTuple_GET_ITEM(self, 4), true, &how) < 0)
        return NULL;
    if (!g || !g->entry) {
        PyErr_SetString(PyExc_RuntimeError,
                        "ffi.def_extern(): the module is not loaded any more");
        return NULL;
    }
    PyObject *name = PyTuple_GET_ITEM(self, 1);
    name = name == Py_None ? PyObject_GetAttrString(callable, "__name__")
                           : Py_NewRef(name);
    const char *text = NULL;
    if (name && PyUnicode_Check(name))
        text = PyUnicode_AsUTF8(name);
    else if (name)
        PyErr_Format(PyExc_TypeError,
                     "ffi.def_extern(): a name must be str, not %.200s",
                     Py_TYPE(name)->tp_name);
    const jiffi_symbol *row;
    CTypeObject *ct = text ? declared(ffi, g, text, &row) : NULL;
    PyObject *target = NULL;
    if (ct)
        target = jpy_extern_target(ffi->st, ct, callable, PyTuple_GET_ITEM(self, 2),
                                   PyTuple_GET_ITEM(self, 3), how);
    Py_XDECREF((PyObject *)ct);
    PyObject *externs = PyTuple_GET_ITEM(g->entry, ENTRY_EXTERNS);
    PyObject *old = target ? Py_XNewRef(PyDict_GetItem(externs, name)) : NULL;
    int bad = target ? PyDict_SetItem(externs, name, target) : -1;
    if (bad == 0)
        row->extern_python->target = target; /* the dict holds it */
    Py_XDECREF(old);
    Py_XDECREF(target);
    Py_XDECREF(name);
    return bad < 0 ? NULL : Py_NewRef(callable);
}

static PyMethodDef decorator = {
    "def_extern_decorator", attach, METH_O,
    "Make this function the body of the extern \"Python\" function."};

PyObject *jpy_modgen_def_extern(FFIObject *ffi, PyObject *name, PyObject *error,
                                PyObject *onerror, PyObject *errors)
{
    uint8_t how;
    if (!jpy_modgen_of(ffi)) {
        PyErr_SetString(PyExc_ValueError,
                        "ffi.def_extern() is only available on API-mode FFI "
                        "objects");
        return NULL;
    }
    if (jpy_ffi_read_errors(errors, true, &how) < 0)
        return NULL;
    PyObject *bound =
        PyTuple_Pack(5, (PyObject *)ffi, name, error, onerror, errors);
    PyObject *f = bound ? PyCFunction_New(&decorator, bound) : NULL;
    Py_XDECREF(bound);
    return f;
}
