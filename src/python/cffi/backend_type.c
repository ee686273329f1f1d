/* SPDX-License-Identifier: MIT
 *
 * The functions of `_cffi_backend` that make types one at a time. A struct, union
 * or enum made here has a group to itself: it goes when nothing names it.
 */
#include "python/cffi/backend.h"

#include <string.h>

/* --- names ---------------------------------------------------------------- */

static PyObject *b_new_primitive_type(PyObject *module, PyObject *name)
{
    static const char *const complexes[][2] = {
        {"_cffi_float_complex_t", "float _Complex"},
        {"_cffi_double_complex_t", "double _Complex"}};
    State *st = jpy_state(module);
    Py_ssize_t n;
    const char *s = PyUnicode_AsUTF8AndSize(name, &n);
    if (!s)
        return NULL;
    const char *known = s;
    for (size_t i = 0; i < JF_COUNT(complexes); i++) {
        if (strcmp(s, complexes[i][0]) == 0)
            known = complexes[i][1];
    }
    jf_Type *t = jf_type_prim_named(st->universe, known, strlen(known));
    if (t && t->kind != JF_VOID && t->kind != JF_VALIST)
        return (PyObject *)jpy_ctype(st, t);
    PyErr_SetObject(PyExc_KeyError, name);
    return NULL;
}

static PyObject *b_new_void_type(PyObject *module, PyObject *unused)
{
    (void)unused;
    State *st = jpy_state(module);
    return (PyObject *)jpy_ctype(st, jf_type_prim(st->universe, JF_P_VOID));
}

/* --- pointers and arrays -------------------------------------------------- */

static PyObject *b_new_pointer_type(PyObject *module, PyObject *o)
{
    CTypeObject *ct =
        jpy_backend_ctype(jpy_state(module), "new_pointer_type", 1, o);
    return ct ? (PyObject *)jpy_pointer_to(ct) : NULL;
}

static PyObject *b_new_array_type(PyObject *module, PyObject *args)
{
    PyObject *o, *length;
    if (!PyArg_UnpackTuple(args, "new_array_type", 2, 2, &o, &length))
        return NULL;
    CTypeObject *ptr = jpy_backend_ctype(jpy_state(module), "new_array_type", 1, o);
    if (!ptr)
        return NULL;
    if (!ptr->is_data_ptr) {
        PyErr_SetString(PyExc_TypeError, "first arg must be a pointer ctype");
        return NULL;
    }
    Py_ssize_t n = -1;
    if (length != Py_None) {
        n = PyNumber_AsSsize_t(length, PyExc_OverflowError);
        if (n == -1 && PyErr_Occurred())
            return NULL;
        if (n < 0) {
            PyErr_SetString(PyExc_ValueError, "negative array length");
            return NULL;
        }
    }
    CTypeObject *item = jpy_item(ptr);
    if (!item || jpy_layout(item) < 0)
        return NULL;
    if (item->size < 0) {
        PyErr_Format(PyExc_ValueError, "array item of unknown size: '%U'",
                     jpy_ctype_name(item));
        return NULL;
    }
    if (n > 0 && item->size > 0 && n > PY_SSIZE_T_MAX / item->size) {
        PyErr_SetString(PyExc_OverflowError,
                        "array size would overflow a Py_ssize_t");
        return NULL;
    }
    CTypeObject *ct = jpy_array_of(item, n < 0 ? JF_UNKNOWN : (uint64_t)n);
    if (ct && n >= 0 && jpy_layout(ct) < 0)
        Py_CLEAR(ct);
    return (PyObject *)ct;
}

/* --- functions ------------------------------------------------------------ */

static int check_result(CTypeObject *ct)
{
    if (jpy_layout(ct) < 0)
        return -1;
    if ((ct->size >= 0 || ct->type->kind == JF_VOID) && !CType_IsArray(ct))
        return 0;
    PyErr_Format(PyExc_TypeError,
                 ct->code == V_RECORD ? "result type '%U' is opaque"
                                      : "invalid result type: '%U'",
                 jpy_ctype_name(ct));
    return -1;
}

/* The type a parameter has: arrays have become pointers. New reference. */
static CTypeObject *parameter(State *st, PyObject *o, bool fixed)
{
    if (!CType_Check(st, o)) {
        PyErr_SetString(PyExc_TypeError, "expected a tuple of ctype objects");
        return NULL;
    }
    CTypeObject *ct = (CTypeObject *)o;
    if (CType_IsArray(ct)) {
        CTypeObject *item = jpy_item(ct);
        return item ? jpy_pointer_to(item) : NULL;
    }
    if (jpy_layout(ct) < 0)
        return NULL;
    if (ct->type->kind == JF_VOID || (fixed && ct->size <= 0)) {
        PyErr_Format(PyExc_TypeError,
                     ct->size < 0 ? "ctype '%U' has incomplete type"
                                  : "ctype '%U' has size 0",
                     jpy_ctype_name(ct));
        return NULL;
    }
    return (CTypeObject *)Py_NewRef(o);
}

static PyObject *function_type(State *st, PyObject *args, CTypeObject *result,
                               unsigned flags)
{
    Py_ssize_t n = PyTuple_GET_SIZE(args), done = 0;
    size_t bytes = (size_t)(n + 1) * sizeof(void *);
    jf_Type **params = PyMem_Malloc(bytes);
    CTypeObject **held = PyMem_Malloc(bytes);
    PyObject *ct = NULL;
    if (!params || !held)
        PyErr_NoMemory();
    for (; params && held && done < n; done++) {
        held[done] =
            parameter(st, PyTuple_GET_ITEM(args, done), !(flags & JF_T_VARIADIC));
        if (!held[done])
            break;
        params[done] = held[done]->type;
    }
    if (params && held && done == n) {
        jf_Type *fn =
            jf_type_func(st->universe, result->type, params, (uint32_t)n, flags);
        jf_Type *ptr = fn ? jf_type_pointer(st->universe, fn, 0) : NULL;
        if (fn)
            jf_type_unref(st->universe, fn);
        ct = ptr ? (PyObject *)jpy_ctype_steal(st, ptr) : PyErr_NoMemory();
    }
    while (done)
        Py_DECREF((PyObject *)held[--done]);
    PyMem_Free(held);
    PyMem_Free(params);
    return ct;
}

static PyObject *b_new_function_type(PyObject *module, PyObject *args)
{
    State *st = jpy_state(module);
    PyObject *params, *result;
    int ellipsis = 0, abi = 0;
    if (!PyArg_ParseTuple(args, "O!O|ii:new_function_type", &PyTuple_Type, &params,
                          &result, &ellipsis, &abi))
        return NULL;
    CTypeObject *ct = jpy_backend_ctype(st, "new_function_type", 2, result);
    if (!ct || check_result(ct) < 0)
        return NULL;
    return function_type(st, params, ct, ellipsis ? JF_T_VARIADIC : 0);
}

/* --- structs, unions, enums ----------------------------------------------- */

static const char *const words[] = {
    [JF_STRUCT] = "struct ", [JF_UNION] = "union ", [JF_ENUM] = "enum "};

/* A type of a group of its own, under a name that may be anything: what does not
 * read "struct tag" is the name of a typedef. */
static jf_Type *named_type(State *st, jf_Kind kind, const char *name)
{
    jf_Group *g = jf_group_new(st->universe);
    size_t skip = strlen(words[kind]);
    bool tagged = strncmp(name, words[kind], skip) == 0 && name[skip];
    const char *tag = tagged ? name + skip : NULL;
    size_t n = tag ? strlen(tag) : 0;
    char *alias =
        g && !tag ? jf_arena_strndup(&g->arena, name, strlen(name)) : NULL;
    jf_Type *t = NULL;
    if (g && (tag || alias))
        t = kind == JF_ENUM ? jf_type_enum(g, tag, n)
                            : jf_type_record(g, kind, tag, n);
    if (t && alias && kind == JF_ENUM)
        t->u.en->alias = alias;
    else if (t && alias)
        t->u.rec->alias = alias;
    if (t)
        jf_type_ref(t);
    else
        PyErr_NoMemory();
    if (g)
        jf_group_unref(g);
    return t;
}

static PyObject *new_record(PyObject *module, jf_Kind kind, PyObject *name)
{
    const char *s = PyUnicode_AsUTF8(name);
    jf_Type *t = s ? named_type(jpy_state(module), kind, s) : NULL;
    return t ? (PyObject *)jpy_ctype_steal(jpy_state(module), t) : NULL;
}

static PyObject *b_new_struct_type(PyObject *module, PyObject *name)
{
    return new_record(module, JF_STRUCT, name);
}

static PyObject *b_new_union_type(PyObject *module, PyObject *name)
{
    return new_record(module, JF_UNION, name);
}

/* Names and values into `items`, whose names become the group's. */
static int read_items(jf_Type *en, CTypeObject *base, PyObject *names,
                      PyObject *values, jf_Enumerator *items)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        Py_ssize_t n;
        if (!PyUnicode_Check(name)) {
            PyErr_SetString(PyExc_TypeError,
                            "enumerators must be a list of strings");
            return -1;
        }
        const char *s = PyUnicode_AsUTF8AndSize(name, &n);
        if (!s ||
            jpy_to_int64(PyTuple_GET_ITEM(values, i), base, &items[i].value) < 0)
            return -1;
        items[i].name = jf_arena_strndup(&en->group->arena, s, (size_t)n);
        if (!items[i].name) {
            PyErr_NoMemory();
            return -1;
        }
    }
    return 0;
}

static PyObject *enum_type(State *st, const char *name, CTypeObject *base,
                           PyObject *names, PyObject *values)
{
    Py_ssize_t n = PyTuple_GET_SIZE(names);
    jf_Type *en = named_type(st, JF_ENUM, name);
    jf_Enumerator *items = en ? PyMem_Calloc((size_t)n + 1, sizeof *items) : NULL;
    bool ok = items && read_items(en, base, names, values, items) == 0;
    if (ok &&
        !jf_type_complete_enum(en->group, en, base->type, items, (uint32_t)n, 0))
        ok = false;
    if (!ok && !PyErr_Occurred())
        PyErr_NoMemory();
    PyMem_Free(items);
    if (ok)
        return (PyObject *)jpy_ctype_steal(st, en);
    if (en)
        jf_type_unref(st->universe, en);
    return NULL;
}

static PyObject *b_new_enum_type(PyObject *module, PyObject *args)
{
    State *st = jpy_state(module);
    const char *name;
    PyObject *names, *values, *o;
    if (!PyArg_ParseTuple(args, "sO!O!O:new_enum_type", &name, &PyTuple_Type,
                          &names, &PyTuple_Type, &values, &o))
        return NULL;
    CTypeObject *base = jpy_backend_ctype(st, "new_enum_type", 4, o);
    if (!base)
        return NULL;
    if (PyTuple_GET_SIZE(names) != PyTuple_GET_SIZE(values)) {
        PyErr_SetString(PyExc_ValueError, "tuple args must have the same size");
        return NULL;
    }
    if (base->type->kind != JF_INT || base->type->size > 8) {
        PyErr_SetString(PyExc_TypeError,
                        "expected a primitive signed or unsigned base type");
        return NULL;
    }
    return enum_type(st, name, base, names, values);
}

/* --- the table ------------------------------------------------------------ */

int jpy_init_backend_types(State *st, PyObject *module)
{
    (void)st;
    static PyMethodDef functions[] = {
        {"new_array_type", b_new_array_type, METH_VARARGS, NULL},
        {"new_enum_type", b_new_enum_type, METH_VARARGS, NULL},
        {"new_function_type", b_new_function_type, METH_VARARGS, NULL},
        {"new_pointer_type", b_new_pointer_type, METH_O, NULL},
        {"new_primitive_type", b_new_primitive_type, METH_O, NULL},
        {"new_struct_type", b_new_struct_type, METH_O, NULL},
        {"new_union_type", b_new_union_type, METH_O, NULL},
        {"new_void_type", b_new_void_type, METH_NOARGS, NULL},
        {NULL, NULL, 0, NULL}};
    return PyModule_AddFunctions(module, functions);
}
