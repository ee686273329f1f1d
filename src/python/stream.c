/* SPDX-License-Identifier: MIT
 *
 * What ffi.stream(), which is in Python (jiffi._stream), cannot see from there: what
 * C may write to, which parameter counts which, and whether items lent by somebody
 * are those of a type.
 */
#include <string.h>

#include "python/call.h"
#include "python/convert_arg.h"
#include "python/ffi.h"

/* Append (array, length, unit in bytes) to `list`; unit 0: its items. */
static int add_pair(PyObject *list, uint32_t array, uint32_t length, uint32_t unit)
{
    PyObject *pair =
        Py_BuildValue("III", (unsigned)array, (unsigned)length, (unsigned)unit);
    int bad = pair ? PyList_Append(list, pair) : -1;
    Py_XDECREF(pair);
    return bad;
}

/* The pairs of a sized() function, or those that access() declared. New list. */
static PyObject *pairs_of(FFIObject *ffi, const FunctionInfo *f,
                          const jf_Type *type)
{
    PyObject *list = PyList_New(0);
    if (!list || !f)
        return list;
    int bad = 0;
    uint32_t n = type->u.func->n_params;
    const Sized *s = f->sized;
    for (uint32_t i = 0; s && !bad && i < n; i++)
        if (s->params[i].length >= 0)
            bad =
                add_pair(list, i, (uint32_t)s->params[i].length, s->params[i].unit);
    const char *name = f->def.ml_name;
    const jf_Symbol *sym = s ? NULL : jf_scope_find(ffi->scope, name, strlen(name));
    if (sym && sym->kind == JF_SYM_FUNCTION && sym->type->canon == type->canon)
        for (const jf_Access *a = sym->access; a && !bad; a = a->next)
            bad = add_pair(list, a->array, a->length, 0);
    if (bad)
        Py_CLEAR(list);
    return list;
}

/* For each parameter: "w" C may write where it points, "r" it may not, "i" an
 * integer, " " anything else; then the same letter for the result. New str. */
static PyObject *letters_of(const jf_Type *type)
{
    uint32_t n = type->u.func->n_params;
    PyObject *text = PyUnicode_New((Py_ssize_t)n + 1, 127);
    for (uint32_t i = 0; text && i <= n; i++) {
        const jf_Type *t = i < n ? type->u.func->params[i] : type->to;
        Py_UCS4 c = ' ';
        if (t->kind == JF_PTR)
            c = jpy_item_quals(t) & JF_Q_CONST ? 'r' : 'w';
        else if (jf_is_integral(t))
            c = 'i';
        PyUnicode_WriteChar(text, (Py_ssize_t)i, c);
    }
    return text;
}

/* ffi._stream_shape(function): (name, what to call with all of C's arguments, its
 * ctype, letters, pairs). */
PyObject *jpy_ffi__stream_shape(PyObject *self, PyObject *arg)
{
    FFIObject *ffi = (FFIObject *)self;
    CDataObject *fn = jpy_ffi_cdata(ffi->st, arg);
    if (!fn || !CType_IsFunction(fn->ctype) || fn->ctype->type->kind != JF_PTR)
        return PyErr_Format(PyExc_TypeError,
                            "ffi.stream() takes a C function (of a library, or a "
                            "pointer to one), not %.200s",
                            Py_TYPE(arg)->tp_name);
    if (!fn->data)
        return jpy_null_error(fn);
    FunctionInfo *f = jpy_function_info(fn);
    const jf_Type *type = jpy_function_type(fn);
    PyObject *call = arg;
    if (f && f->sized)
        call =
            ((CDataExt *)fn)->extra; /* the function with all of its parameters */
    PyObject *pairs = pairs_of(ffi, f, type);
    PyObject *letters = pairs ? letters_of(type) : NULL;
    PyObject *shape =
        letters ? Py_BuildValue("sOOOO", f ? f->def.ml_name : "the function", call,
                                (PyObject *)fn->ctype, letters, pairs)
                : NULL;
    Py_XDECREF(letters);
    Py_XDECREF(pairs);
    return shape;
}

/* ffi._stream_fits(ctype, view): are the items of a memoryview those of the type?
 * Single bytes are not asked about. */
PyObject *jpy_ffi__stream_fits(PyObject *self, PyObject *args)
{
    State *st = ((FFIObject *)self)->st;
    PyObject *ct;
    Py_buffer view;
    if (!PyArg_ParseTuple(args, "OO:_stream_fits", &ct, &self))
        return NULL;
    if (!Py_IS_TYPE(ct, st->ctype_type))
        return jpy_ffi_bad_type("ctype", ct);
    if (PyObject_GetBuffer(self, &view, PyBUF_FULL_RO) < 0)
        return NULL;
    const jf_Type *item = ((CTypeObject *)ct)->type;
    uint8_t code = jpy_code_of(st, item);
    int fits;
    if (jf_is_record(item))
        fits = jpy_format_is_record(st, view.format, view.itemsize, item);
    else if (item->kind == JF_ARRAY || item->kind == JF_VECTOR || code == V_POINTER)
        fits = 0;
    else
        fits = jpy_scalar_fits(code, (Py_ssize_t)item->size,
                               jpy_format_scalar(view.format), view.itemsize);
    PyBuffer_Release(&view);
    return fits < 0 ? NULL : PyBool_FromLong(fits);
}
