/* SPDX-License-Identifier: MIT
 *
 * What stands in the library of a module that cffi compiled: wrappers as builtins,
 * constants, variables, extern "Python". A wrapper reads ctypes from the module's
 * table of types without looking, so that a function is handed out only when its
 * result and its parameters stand there.
 */
#include <string.h>

#include "python/cffi/stock.h"

enum { DEEPEST_INCLUDE = 100 };

/* --- integer constants --------------------------------------------------- */

static PyObject *integer(Stock *s, int i)
{
    unsigned long long v;
    int how = jpy_stock_constant(s, i, &v);
    if (how == 0)
        return PyLong_FromUnsignedLongLong(v);
    if (how == 1)
        return PyLong_FromLongLong((long long)v);
    jf_Diag d = JF_DIAG_INIT;
    jpy_stock_disagrees(&s->context.globals[i], how, v, &d);
    return jpy_raise_status(s->ffi->st, &d);
}

static PyObject *integer_declared(FFIObject *ffi, const jf_Symbol *sym)
{
    if (sym->kind == JF_SYM_CONSTANT)
        return jpy_declared_constant(ffi->st, sym);
    return PyErr_Format(
        ffi->st->ffi_error,
        "function, global variable or non-integer constant '%s' must "
        "be fetched from its original 'lib' object",
        sym->name);
}

PyObject *jpy_stock_integer(FFIObject *ffi, const char *name, unsigned depth)
{
    Stock *s = ffi->stock;
    size_t n = strlen(name);
    int i = s ? jpy_stock_find_global(s, name, n) : -1;
    if (i >= 0) {
        unsigned op = word_op(s->context.globals[i].op);
        if (op == OP_CONSTANT_INT || op == OP_ENUM)
            return integer(s, i);
        return PyErr_Format(
            ffi->st->ffi_error,
            "function, global variable or non-integer constant '%s' "
            "must be fetched from its original 'lib' object",
            name);
    }
    const jf_Symbol *sym = jf_scope_find(ffi->scope, name, n);
    if (sym && sym->kind != JF_SYM_TYPEDEF)
        return integer_declared(ffi, sym);
    if (depth > DEEPEST_INCLUDE)
        return PyErr_Format(PyExc_RuntimeError,
                            "recursion overflow in ffi.include() delegations");
    for (Py_ssize_t k = 0; s && s->ffis && k < PyTuple_GET_SIZE(s->ffis); k++) {
        FFIObject *other = (FFIObject *)PyTuple_GET_ITEM(s->ffis, k);
        PyObject *o = jpy_stock_integer(other, name, depth + 1);
        if (o || PyErr_Occurred())
            return o;
    }
    return NULL;
}

/* --- functions ----------------------------------------------------------- */

/* A slot may send the reader on to another: that one is read as well. */
static bool fill_slot(Stock *s, intptr_t i)
{
    for (; word_op(s->words[i]) == OP_NOOP; i = word_arg(s->words[i]))
        if (!jpy_stock_slot(s, i))
            return false;
    return jpy_stock_slot(s, i) != NULL;
}

static bool fill_slots(Stock *s, intptr_t fn)
{
    if (!fill_slot(s, word_arg(s->words[fn])))
        return false;
    for (intptr_t i = fn + 1; word_op(s->words[i]) != OP_FUNCTION_END; i++)
        if (!fill_slot(s, i))
            return false;
    return true;
}

static PyObject *builtin(LibObject *lib, const StockGlobal *g, int flags)
{
    Stock *s = lib->ffi->stock;
    intptr_t at = word_arg(g->op);
    jf_Diag d = JF_DIAG_INIT;
    jf_Type *fn = jpy_stock_type(s, at, &d);
    if (!fn)
        return jpy_raise_status(lib->ffi->st, &d);
    if (!fill_slots(s, at))
        return NULL;
    jf_Symbol sym = {.name = g->name, .link = g->name, .type = fn};
    sym.kind = JF_SYM_FUNCTION;
    PyObject *f =
        jpy_function_ready(lib->ffi, (PyObject *)lib->handle, &sym, g->more,
                           (PyCFunction)(uintptr_t)g->address, flags);
    if (!f)
        return NULL;
    /* What CPython says of the function names the type of its `self`, which such a
     * wrapper does not look at: it is the library, as in cffi. What the builtin is
     * made of lives as long as the module. */
    PyObject *cd = Py_XNewRef(jpy_function_cdata(lib->ffi->st, f));
    PyObject *own = PyCFunction_NewEx(((PyCFunctionObject *)f)->m_ml,
                                      (PyObject *)lib, lib->name);
    Py_DECREF(f);
    if (!own)
        Py_XDECREF(cd);
    return own;
}

PyObject *jpy_stock_function_cdata(PyObject *o)
{
    PyMethodDef *def = ((PyCFunctionObject *)o)->m_ml;
    if (def->ml_meth == jpy_lib_dir)
        return NULL; /* the one method of a library */
    char *info = (char *)def - offsetof(FunctionInfo, def);
    return (PyObject *)((FunctionInfo *)info)->cdata;
}

/* --- in a library that was opened ---------------------------------------- */

static void *opened_address(LibObject *lib, const StockGlobal *g, jf_Type *type)
{
    LibSource *src = lib->handle->src;
    State *st = lib->ffi->st;
    if (!src) {
        PyErr_Format(st->ffi_error, "library '%U' has been closed", lib->name);
        return NULL;
    }
    if (!src->address) {
        PyErr_Format(st->ffi_error, "'%s' of the module '%U' has no address",
                     g->name, lib->name);
        return NULL;
    }
    jf_Symbol sym = {.name = g->name, .link = g->name, .type = type};
    sym.kind = JF_SYM_VARIABLE;
    void *p = src->address(src, lib->ffi, &sym);
    if (!p)
        jpy_cffi_lib_missing(lib, g->name);
    return p;
}

static PyObject *opened_function(LibObject *lib, const StockGlobal *g)
{
    Stock *s = lib->ffi->stock;
    State *st = lib->ffi->st;
    jf_Diag d = JF_DIAG_INIT;
    jf_Type *fn = jpy_stock_type(s, word_arg(g->op), &d);
    if (!fn)
        return jpy_raise_status(st, &d);
    if (fn->kind == JF_PTR)
        fn = fn->to;
    if (fn->kind != JF_FUNC)
        return PyErr_Format(st->ffi_error, "'%s' is declared as no function",
                            g->name);
    LibSource *src = lib->handle->src;
    if (!src)
        return PyErr_Format(st->ffi_error, "library '%U' has been closed",
                            lib->name);
    if (!src->function)
        return PyErr_Format(st->ffi_error, "'%s' of the module '%U' has no address",
                            g->name, lib->name);
    jf_Symbol sym = {.name = g->name, .link = g->name, .type = fn};
    sym.kind = JF_SYM_FUNCTION;
    PyObject *f = src->function(src, lib->ffi, &sym);
    if (!f)
        jpy_cffi_lib_missing(lib, g->name);
    return f;
}

/* --- constants and variables --------------------------------------------- */

static PyObject *constant(LibObject *lib, const StockGlobal *g, CTypeObject *ct)
{
    if (ct->size < 0 && jpy_layout(ct) < 0)
        return NULL;
    if (ct->size <= 0)
        return PyErr_Format(
            lib->ffi->st->ffi_error,
            "constant '%s' is of type '%s', whose size is not known", g->name,
            jpy_cname(ct));
    if (word_op(g->op) == OP_DL_CONSTANT) {
        char *p = g->address ? g->address : opened_address(lib, g, ct->type);
        return p ? jpy_to_object(ct, p, (PyObject *)lib->handle) : NULL;
    }
    /* What refers to it may outlive the module's dict, which is for ever: never
     * freed, once per constant. */
    char *p = PyMem_Calloc(1, (size_t)ct->size);
    if (!p)
        return PyErr_NoMemory();
    ((void (*)(char *))(uintptr_t)g->address)(p);
    return jpy_to_object(ct, p, NULL);
}

static PyObject *variable(LibObject *lib, const StockGlobal *g, CTypeObject *ct,
                          PyObject *name)
{
    State *st = lib->ffi->st;
    if (word_op(g->op) == OP_VARIABLE_F)
        return jpy_glob_new(st, name, ct, NULL,
                            (void *(*)(void))(uintptr_t)g->address, NULL);
    Py_ssize_t size = (Py_ssize_t)(intptr_t)g->more;
    if (ct->size < 0 && jpy_layout(ct) < 0)
        return NULL;
    if (size && ct->size > 0 && size != ct->size)
        return PyErr_Format(st->ffi_error,
                            "global variable '%s' should be %zd bytes according to "
                            "the cdef, but is actually %zd",
                            g->name, ct->size, size);
    void *p = g->address ? g->address : opened_address(lib, g, ct->type);
    return p ? jpy_glob_new(st, name, ct, p, NULL, (PyObject *)lib->handle) : NULL;
}

static PyObject *typed(LibObject *lib, const StockGlobal *g, PyObject *name)
{
    CTypeObject *ct = jpy_stock_ctype(lib->ffi->stock, word_arg(g->op));
    if (!ct)
        return NULL;
    PyObject *o;
    switch (word_op(g->op)) {
    case OP_CONSTANT:
    case OP_DL_CONSTANT:
        o = constant(lib, g, ct);
        break;
    case OP_EXTERN_PYTHON:
        o = CType_IsFunction(ct)
                ? jpy_cdata(ct, g->more)
                : PyErr_Format(lib->ffi->st->ffi_error,
                               "'%s' is declared as no function", g->name);
        break;
    default:
        o = variable(lib, g, ct, name);
        break;
    }
    Py_DECREF((PyObject *)ct);
    return o;
}

PyObject *jpy_stock_build(LibObject *lib, int i, PyObject *name)
{
    const StockGlobal *g = &lib->ffi->stock->context.globals[i];
    switch (word_op(g->op)) {
    case OP_BUILTIN_V:
        return builtin(lib, g, METH_VARARGS);
    case OP_BUILTIN_N:
        return builtin(lib, g, METH_NOARGS);
    case OP_BUILTIN_O:
        return builtin(lib, g, METH_O);
    case OP_CONSTANT_INT:
    case OP_ENUM:
        return integer(lib->ffi->stock, i);
    case OP_DL_FUNCTION:
        return opened_function(lib, g);
    default:
        return typed(lib, g, name);
    }
}
