/* SPDX-License-Identifier: MIT
 *
 * extern "Python" of modules that cffi compiled: the C function is in the module,
 * ffi.def_extern() gives it its body. The module's record of it has two words for
 * us; the second is the body.
 */
#include <stdio.h>
#include <string.h>

#include "python/cffi/stock.h"

/* --- C calls ------------------------------------------------------------- */

typedef struct Call {
    const StockExtern *x;
    char *cells;
} Call;

/* A line on stderr: who called is C, and there may be no Python. */
static void nobody(void *ctx)
{
    const Call *c = ctx;
    fprintf(
        stderr,
        "extern \"Python\": function %s() called, but no code was attached to it "
        "yet with @ffi.def_extern().  Returning 0.\n",
        c->x->name ? c->x->name : "?");
    memset(c->cells, 0, c->x->result_size);
}

void jpy_stock_call_python(StockExtern *x, char *cells)
{
    Call c = {x, cells};
    jpy_extern_call((PyObject **)&x->reserved2, cells, nobody, &c);
}

/* --- ffi.def_extern ------------------------------------------------------ */

/* Such modules put 16 bytes of a complex number into a cell of 8. */
static int refuse_complex(const jf_Type *fn, const char *name)
{
    for (uint32_t i = 0; i < fn->u.func->n_params; i++) {
        const jf_Type *t = fn->u.func->params[i]->canon;
        if (t->kind != JF_COMPLEX || t->size <= 8)
            continue;
        PyErr_Format(
            PyExc_NotImplementedError,
            "ffi.def_extern('%s'): parameter %u is a complex number, which "
            "modules compiled by cffi cannot pass to Python",
            name, (unsigned)i + 1);
        return -1;
    }
    return 0;
}

static const StockGlobal *find(const Stock *s, const char *name)
{
    int i = s ? jpy_stock_find_global(s, name, strlen(name)) : -1;
    const StockGlobal *g = i < 0 ? NULL : &s->context.globals[i];
    return g && word_op(g->op) == OP_EXTERN_PYTHON ? g : NULL;
}

static int attach_to(FFIObject *ffi, PyObject *name, PyObject *callable,
                     PyObject *error, PyObject *onerror)
{
    Stock *s = ffi->stock;
    const char *text = PyUnicode_AsUTF8(name);
    const StockGlobal *g = text ? find(s, text) : NULL;
    if (!g) {
        if (text)
            PyErr_Format(
                ffi->st->ffi_error,
                "ffi.def_extern('%s'): no 'extern \"Python\"' function with "
                "this name",
                text);
        return -1;
    }
    CTypeObject *ct = jpy_stock_ctype(s, word_arg(g->op));
    PyObject *target = NULL;
    if (ct && !CType_IsFunction(ct))
        PyErr_Format(PyExc_TypeError, "expected a function ctype, got '%s'",
                     jpy_cname(ct));
    else if (ct && refuse_complex(ct->type->to, text) == 0)
        target = jpy_extern_target(ffi->st, ct, callable, error, onerror,
                                   ERRORS_DEFAULT);
    Py_XDECREF((PyObject *)ct);
    if (!target)
        return -1;
    /* The dict keeps it; a thread that is inside of the one before holds that. */
    StockExtern *x = g->address;
    PyObject *old = Py_XNewRef(PyDict_GetItem(s->externs, name));
    int bad = PyDict_SetItem(s->externs, name, target);
    if (bad == 0)
        x->reserved2 = target;
    Py_XDECREF(old);
    Py_DECREF(target);
    return bad;
}

/* The decorator; `self` is (ffi, name, error, onerror). */
static PyObject *attach(PyObject *self, PyObject *callable)
{
    PyObject *name = PyTuple_GET_ITEM(self, 1);
    name = name == Py_None ? PyObject_GetAttrString(callable, "__name__")
                           : Py_NewRef(name);
    int bad = -1;
    if (name && !PyUnicode_Check(name))
        PyErr_Format(PyExc_TypeError,
                     "ffi.def_extern(): a name must be str, not %.200s",
                     Py_TYPE(name)->tp_name);
    else if (name)
        bad = attach_to((FFIObject *)PyTuple_GET_ITEM(self, 0), name, callable,
                        PyTuple_GET_ITEM(self, 2), PyTuple_GET_ITEM(self, 3));
    Py_XDECREF(name);
    return bad < 0 ? NULL : Py_NewRef(callable);
}

static PyMethodDef decorator = {
    "def_extern_decorator", attach, METH_O,
    "Make this function the body of the extern \"Python\" function."};

PyObject *jpy_stock_def_extern(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"name", "error", "onerror", NULL};
    PyObject *name = Py_None, *error = Py_None, *onerror = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OOO:def_extern", names, &name,
                                     &error, &onerror))
        return NULL;
    FFIObject *ffi = (FFIObject *)self;
    if (ffi->oracle)
        return jpy_modgen_def_extern(ffi, name, error, onerror, Py_None);
    PyObject *bound = PyTuple_Pack(4, self, name, error, onerror);
    PyObject *f = bound ? PyCFunction_New(&decorator, bound) : NULL;
    Py_XDECREF(bound);
    return f;
}
