/* SPDX-License-Identifier: MIT
 *
 * Attributes of ctype objects, as cffi has them: which exist depends on the kind
 * of type; the others raise AttributeError and dir() leaves them out.
 */
#include "python/pickle.h"

static PyObject *absent(const char *name)
{
    PyErr_SetString(PyExc_AttributeError, name);
    return NULL;
}

static const jf_Type *func_of(const CTypeObject *ct)
{
    return ct->type->kind == JF_FUNC ? ct->type : ct->type->to;
}

static PyObject *get_kind(CTypeObject *ct, void *closure)
{
    (void)closure;
    static const char *const words[] = {
        [JF_VOID] = "void",        [JF_BOOL] = "primitive",
        [JF_INT] = "primitive",    [JF_CHAR] = "primitive",
        [JF_FLOAT] = "primitive",  [JF_COMPLEX] = "primitive",
        [JF_VALIST] = "primitive", [JF_ENUM] = "enum",
        [JF_PTR] = "pointer",      [JF_ARRAY] = "array",
        [JF_VECTOR] = "array",     [JF_FUNC] = "function",
        [JF_STRUCT] = "struct",    [JF_UNION] = "union"};
    if (CType_IsFunction(ct))
        return PyUnicode_FromString("function");
    return PyUnicode_FromString(words[ct->type->kind]);
}

static PyObject *get_cname(CTypeObject *ct, void *closure)
{
    (void)closure;
    return Py_XNewRef(jpy_ctype_name(ct));
}

static PyObject *get_item(CTypeObject *ct, void *closure)
{
    (void)closure;
    if (!ct->is_data_ptr && !CType_IsArray(ct))
        return absent("item");
    return Py_XNewRef((PyObject *)jpy_item(ct));
}

static PyObject *get_length(CTypeObject *ct, void *closure)
{
    (void)closure;
    if (!CType_IsArray(ct))
        return absent("length");
    if (CType_IsOpen(ct))
        return Py_NewRef(Py_None);
    return PyLong_FromUnsignedLongLong(ct->type->length);
}

static PyObject *get_fields(CTypeObject *ct, void *closure)
{
    (void)closure;
    if (ct->code != V_RECORD)
        return absent("fields");
    FieldTable *t = jpy_fields(ct);
    if (!t)
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    PyObject *list = PyList_New(t->n);
    for (uint32_t i = 0; list && i < t->n; i++) {
        PyObject *field = jpy_cfield(ct->st, &t->items[i]);
        PyObject *pair = field ? PyTuple_Pack(2, t->items[i].name, field) : NULL;
        Py_XDECREF(field);
        if (pair)
            PyList_SET_ITEM(list, i, pair);
        else
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *get_args(CTypeObject *ct, void *closure)
{
    (void)closure;
    if (!CType_IsFunction(ct))
        return absent("args");
    const jf_FuncInfo *f = func_of(ct)->u.func;
    PyObject *args = PyTuple_New(f->n_params);
    for (uint32_t i = 0; args && i < f->n_params; i++) {
        CTypeObject *arg = jpy_ctype(ct->st, f->params[i]);
        if (arg)
            PyTuple_SET_ITEM(args, i, (PyObject *)arg);
        else
            Py_CLEAR(args);
    }
    return args;
}

static PyObject *get_result(CTypeObject *ct, void *closure)
{
    (void)closure;
    if (!CType_IsFunction(ct))
        return absent("result");
    return (PyObject *)jpy_ctype(ct->st, func_of(ct)->to);
}

static PyObject *get_ellipsis(CTypeObject *ct, void *closure)
{
    (void)closure;
    if (!CType_IsFunction(ct))
        return absent("ellipsis");
    return PyBool_FromLong((func_of(ct)->flags & JF_T_VARIADIC) != 0);
}

/* The numbers are libffi's enum ffi_abi of the target, as cffi gives them. */
static PyObject *get_abi(CTypeObject *ct, void *closure)
{
    (void)closure;
    if (!CType_IsFunction(ct))
        return absent("abi");
    const jf_Target *target = ct->st->universe->target;
    bool stdcall = func_of(ct)->flags & JF_T_STDCALL;
    if (target->abi == JF_ABI_SYSV)
        return PyLong_FromLong(2);
    return PyLong_FromLong(target->abi == JF_ABI_I386 && stdcall ? 5 : 1);
}

/* A pair of dicts: value to name, name to value. Of two names for one value the
 * first counts. */
static PyObject *enum_dicts(CTypeObject *ct)
{
    if (ct->cache)
        return ct->cache;
    const jf_EnumInfo *e = ct->type->u.en;
    bool is_signed = ct->type->flags & JF_T_SIGNED;
    PyObject *names = PyDict_New(), *values = PyDict_New(), *pair = NULL;
    uint32_t n = names && values ? e->n_items : 0;
    for (uint32_t i = 0; i < n; i++) {
        int64_t v = e->items[i].value;
        PyObject *value = is_signed ? PyLong_FromLongLong(v)
                                    : PyLong_FromUnsignedLongLong((uint64_t)v);
        PyObject *name = PyUnicode_FromString(e->items[i].name);
        int bad = !value || !name || !PyDict_SetDefault(names, value, name) ||
                  PyDict_SetItem(values, name, value);
        Py_XDECREF(value);
        Py_XDECREF(name);
        if (bad)
            break;
    }
    if (names && values && !PyErr_Occurred())
        pair = PyTuple_Pack(2, names, values);
    Py_XDECREF(names);
    Py_XDECREF(values);
    if (pair && (e->flags & JF_R_COMPLETE))
        ct->cache = Py_NewRef(pair);
    Py_XDECREF(pair); /* the cache has it; an open enum keeps none */
    if (pair && !ct->cache)
        PyErr_Format(PyExc_TypeError, "'%s' is opaque: it has no enumerators yet",
                     jpy_cname(ct));
    return ct->cache;
}

static PyObject *get_elements(CTypeObject *ct, void *closure)
{
    if (ct->type->kind != JF_ENUM)
        return absent(closure ? "relements" : "elements");
    PyObject *pair = enum_dicts(ct);
    return pair ? PyDict_Copy(PyTuple_GET_ITEM(pair, closure ? 1 : 0)) : NULL;
}

PyObject *jpy_enum_text(CTypeObject *ct, char *data, int both)
{
    PyObject *pair = enum_dicts(ct);
    PyObject *value = pair ? jpy_to_object(ct, data, NULL) : NULL;
    if (!value)
        return NULL;
    PyObject *name = PyDict_GetItemWithError(PyTuple_GET_ITEM(pair, 0), value);
    PyObject *text = NULL;
    if (name)
        text = both ? PyUnicode_FromFormat("%S: %U", value, name) : Py_NewRef(name);
    else if (!PyErr_Occurred())
        text = PyObject_Str(value);
    Py_DECREF(value);
    return text;
}

PyGetSetDef jpy_ctype_getsets[] = {
    {"kind", (getter)get_kind, NULL, "kind", NULL},
    {"cname", (getter)get_cname, NULL, "C name", NULL},
    {"item", (getter)get_item, NULL, "pointer to, or array of", NULL},
    {"length", (getter)get_length, NULL, "array length or None", NULL},
    {"fields", (getter)get_fields, NULL, "struct or union fields", NULL},
    {"args", (getter)get_args, NULL, "function argument types", NULL},
    {"result", (getter)get_result, NULL, "function result type", NULL},
    {"ellipsis", (getter)get_ellipsis, NULL, "function has '...'", NULL},
    {"abi", (getter)get_abi, NULL, "function ABI", NULL},
    {"elements", (getter)get_elements, NULL, "enum elements", NULL},
    {"relements", (getter)get_elements, NULL, "enum elements, reverse", "r"},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyObject *ctype_dir(PyObject *self, PyObject *noarg)
{
    (void)noarg;
    PyObject *list = PyList_New(0);
    for (PyGetSetDef *g = jpy_ctype_getsets; list && g->name; g++) {
        PyObject *value = PyObject_GetAttrString(self, g->name);
        if (!value) {
            PyErr_Clear();
            continue;
        }
        Py_DECREF(value);
        PyObject *name = PyUnicode_FromString(g->name);
        if (!name || PyList_Append(list, name) < 0)
            Py_CLEAR(list);
        Py_XDECREF(name);
    }
    return list;
}

PyMethodDef jpy_ctype_methods[] = {
    {"__dir__", ctype_dir, METH_NOARGS, NULL},
    {"__reduce__", jpy_reduce, METH_NOARGS, NULL},
    {"__copy__", jpy_copy_same, METH_NOARGS, NULL},
    {"__deepcopy__", jpy_copy_same, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
