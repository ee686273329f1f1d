/* SPDX-License-Identifier: MIT
 *
 * Members of structs, unions, and pointers to them: p.x and p.x = value. Hot:
 * the name is looked up by its address, the value converted by its code.
 */
#include "python/cdata.h"

int jpy_null_deref(CDataObject *cd)
{
    PyErr_Format(PyExc_RuntimeError,
                 "cannot dereference null pointer from cdata '%s'",
                 jpy_cname(cd->ctype));
    return -1;
}

/* --- open arrays at the end of a struct ----------------------------------- */

/* Items the memory of `cd` has for the array `f`, item size in *item; -1 when it
 * is not known how much memory there is. */
static Py_ssize_t open_items(CDataObject *cd, FieldInfo *f, CTypeObject **array)
{
    *array = jpy_field_type(cd->ctype->st, f);
    if (!*array || jpy_layout(*array) < 0)
        return -2;
    Py_ssize_t bytes = jpy_owned_bytes(cd), size = (*array)->item_size;
    if (bytes < f->offset || size <= 0 || !CType_IsOpen(*array))
        return -1;
    return (bytes - f->offset) / size;
}

static PyObject *get_open(CDataObject *cd, FieldInfo *f)
{
    CTypeObject *array;
    char *data = cd->data + f->offset;
    Py_ssize_t n = open_items(cd, f, &array);
    if (n >= 0)
        return jpy_cdata_open(array, data, n, jpy_owner_of(cd));
    CTypeObject *item = n == -1 ? jpy_item(array) : NULL;
    CTypeObject *pointer = item ? jpy_pointer_to(item) : NULL;
    PyObject *o = pointer ? jpy_cdata(pointer, data) : NULL;
    Py_XDECREF(pointer);
    return o;
}

static int set_open(CDataObject *cd, FieldInfo *f, PyObject *value)
{
    CTypeObject *array;
    Py_ssize_t n = open_items(cd, f, &array);
    if (n == -2)
        return -1;
    if (!CType_IsOpen(array))
        n = (Py_ssize_t)array->type->length;
    return jpy_array_from_object(array, cd->data + f->offset, n, value);
}

/* --- attributes ----------------------------------------------------------- */

/* Say which of the reasons it was that there is no such attribute. */
static void explain(CDataObject *cd, PyObject *name, int writing)
{
    if (!PyErr_ExceptionMatches(PyExc_AttributeError))
        return;
    PyErr_Clear();
    CTypeObject *ct = cd->ctype;
    const jf_Type *t = ct->type->kind == JF_PTR ? ct->type->to : ct->type;
    const char *text = "cdata '%s' has no attribute '%U'";
    if (ct->fields)
        text = "cdata '%s' has no field '%U'";
    else if (jf_is_record(t))
        text = writing ? "cdata '%s' points to an opaque type: cannot write fields"
                       : "cdata '%s' points to an opaque type: cannot read fields";
    PyErr_Format(PyExc_AttributeError, text, jpy_cname(ct), name);
}

/* The builtin whose cdata this is, if that is its name; an AttributeError is set. */
static PyObject *builtin_of(CDataObject *cd, PyObject *name)
{
    PyObject *type, *value, *tb;
    PyErr_Fetch(&type, &value, &tb);
    PyObject *o = jpy_lib_builtin(cd, name);
    if (!o && !PyErr_Occurred()) {
        PyErr_Restore(type, value, tb);
        return NULL;
    }
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(tb);
    return o;
}

PyObject *jpy_cdata_getattro(PyObject *self, PyObject *name)
{
    CDataObject *cd = (CDataObject *)self;
    CTypeObject *ct = cd->ctype;
    FieldTable *t = ct->fields;
    if (!t) {
        t = jpy_fields(ct);
        if (!t && PyErr_Occurred())
            return NULL;
    }
    FieldInfo *f = t ? jpy_field_find(t, name) : NULL;
    if (f) {
        if (!cd->data) {
            jpy_null_deref(cd);
            return NULL;
        }
        if (V_IS_PLAIN(f->code) && f->bits < 0)
            return jpy_load(f->code, cd->data + f->offset);
        if (f->shift == SHIFT_EMPTY_ARRAY)
            return get_open(cd, f);
        if (f->code < V_ARRAY)
            return jpy_field_get(ct->st, f, cd->data, NULL);
        PyObject *part = jpy_field_get(ct->st, f, cd->data, jpy_owner_of(cd));
        if (part && (f->quals & JF_Q_CONST))
            jpy_view_const(part);
        return part;
    }
    PyObject *o = PyObject_GenericGetAttr(self, name);
    if (!o)
        explain(cd, name, 0);
    /* Pickle takes a builtin for an attribute of what it is bound to. */
    if (!o && Py_IS_TYPE(self, ct->st->cdata_ext_type) &&
        PyErr_ExceptionMatches(PyExc_AttributeError))
        return builtin_of(cd, name);
    return o;
}

int jpy_cdata_setattro(PyObject *self, PyObject *name, PyObject *value)
{
    CDataObject *cd = (CDataObject *)self;
    CTypeObject *ct = cd->ctype;
    FieldTable *t = ct->fields;
    if (!t) {
        t = jpy_fields(ct);
        if (!t && PyErr_Occurred())
            return -1;
    }
    FieldInfo *f = t ? jpy_field_find(t, name) : NULL;
    if (f) {
        if (!value) {
            PyErr_SetString(PyExc_AttributeError, "cannot delete struct field");
            return -1;
        }
        if (!cd->data)
            return jpy_null_deref(cd);
        if (f->shift == SHIFT_EMPTY_ARRAY)
            return set_open(cd, f, value);
        return jpy_field_set(ct->st, f, cd->data, value);
    }
    int bad = PyObject_GenericSetAttr(self, name, value);
    if (bad < 0)
        explain(cd, name, 1);
    return bad;
}

PyObject *jpy_cdata_dir(PyObject *self, PyObject *noarg)
{
    (void)noarg;
    FieldTable *t = jpy_fields(((CDataObject *)self)->ctype);
    if (!t && PyErr_Occurred())
        return NULL;
    return t ? PyDict_Keys(t->by_name) : PyList_New(0);
}
