/* SPDX-License-Identifier: MIT
 *
 * FFI.unpack, pack and column: many items or one member of many structs at once.
 * What is read and written is decided here, the loops stand in bulk.c. The memory is
 * pinned meanwhile: a conversion may run Python code that releases it.
 */
#include <string.h>

#include "python/export.h"
#include "python/ffi.h"

/* --- which items ------------------------------------------------------------------ */

/* The items of a pointer or array, `length` of them (NULL: all). `lax`: more than
 * there are is the caller's business, as in cffi, and items are not looked into. */
static int rows_of(const char *function, CDataObject *cd, PyObject *length,
                   bool lax, Extent *e)
{
    CTypeObject *ct = cd->ctype;
    CTypeObject *item = ct->is_data_ptr || CType_IsArray(ct) ? jpy_item(ct) : NULL;
    Py_ssize_t n = -1;
    if (PyErr_Occurred() || (length && jpy_ffi_ssize(length, &n) < 0))
        return -1;
    if (!item) {
        PyErr_Format(PyExc_TypeError, "expected a pointer or array, got '%U'",
                     jpy_ctype_name(ct));
        return -1;
    }
    if (length && n < 0) {
        PyErr_SetString(PyExc_ValueError, "'length' cannot be negative");
        return -1;
    }
    if (!cd->data) {
        PyErr_Format(PyExc_RuntimeError, "cannot use %s() on %R", function,
                     (PyObject *)cd);
        return -1;
    }
    if (jpy_layout(item) < 0)
        return -1;
    if (item->size < 0) {
        PyErr_Format(PyExc_ValueError, "'%U' points to items of unknown size",
                     jpy_ctype_name(ct));
        return -1;
    }
    if (jpy_layout(ct) < 0)
        return -1;
    Py_ssize_t known =
        CType_IsArray(ct) ? jpy_array_length(cd) : jpy_pointer_items(cd);
    if (!length && known < 0) {
        PyErr_Format(PyExc_ValueError,
                     "%s(): nobody knows how many items cdata '%s' points to: say "
                     "it with length",
                     function, jpy_cname(ct));
        return -1;
    }
    if (!lax && length && known >= 0 && n > known) {
        PyErr_Format(PyExc_IndexError, "%s(): length is %zd, cdata '%s' has %zd",
                     function, n, jpy_cname(ct), known);
        return -1;
    }
    e->data = cd->data;
    e->item = item;
    e->nd = 1;
    e->shape[0] = length ? n : known;
    e->strides[0] = item->size;
    e->readonly = false;
    return lax ? 0 : jpy_extent_push(e, item, -1);
}

/* One name of a path: *ct becomes the member's type, e->data its place. */
static int enter(State *st, Extent *e, PyObject *name, bool last, FieldInfo **bits)
{
    CTypeObject *ct = e->item;
    FieldTable *t = ct->code == V_RECORD ? jpy_fields(ct) : NULL;
    if (!t && PyErr_Occurred())
        return -1;
    FieldInfo *f = t ? jpy_field_find(t, name) : NULL;
    if (!f) {
        PyErr_Format(PyExc_KeyError, "'%s' has no member %R", jpy_cname(ct), name);
        return -1;
    }
    if (f->quals & JF_Q_CONST)
        e->readonly = true;
    if (f->bits >= 0) {
        if (bits && last) {
            *bits = f;
            return 0;
        }
        PyErr_Format(PyExc_TypeError,
                     "'%s.%U' is a bit-field: it has no address of its own",
                     jpy_cname(ct), name);
        return -1;
    }
    CTypeObject *type = jpy_field_type(st, f);
    if (!type)
        return -1;
    if (CType_IsOpen(type)) {
        PyErr_Format(PyExc_TypeError,
                     "'%s.%U' is an array without length: its items are no part of "
                     "the struct",
                     jpy_cname(ct), name);
        return -1;
    }
    e->data += f->offset;
    return jpy_extent_push(e, type, -1);
}

int jpy_extent_member(State *st, Extent *e, PyObject *path, FieldInfo **bits)
{
    if (bits)
        *bits = NULL;
    if (!PyUnicode_Check(path)) {
        PyErr_Format(PyExc_TypeError, "the name of a member is a str, not %.200s",
                     Py_TYPE(path)->tp_name);
        return -1;
    }
    PyObject *dot = PyUnicode_FromString(".");
    PyObject *names = dot ? PyUnicode_Split(path, dot, -1) : NULL;
    Py_XDECREF(dot);
    if (!names)
        return -1;
    Py_ssize_t n = PyList_GET_SIZE(names);
    int bad = 0;
    for (Py_ssize_t i = 0; !bad && i < n; i++)
        bad = enter(st, e, PyList_GET_ITEM(names, i), i == n - 1, bits);
    Py_DECREF(names);
    return bad;
}

/* --- bit-fields: one by one ------------------------------------------------------- */

static char *row_data(const Extent *e, Py_ssize_t i, Extent *row)
{
    *row = *e;
    row->nd--;
    memmove(row->shape, e->shape + 1, (size_t)row->nd * sizeof *row->shape);
    memmove(row->strides, e->strides + 1, (size_t)row->nd * sizeof *row->strides);
    return row->data += i * e->strides[0];
}

static PyObject *bits_list(const Extent *e, const FieldInfo *f)
{
    Extent row;
    if (!e->nd)
        return jpy_bits_get(f, e->data);
    PyObject *list = PyList_New(e->shape[0]);
    for (Py_ssize_t i = 0; list && i < e->shape[0]; i++) {
        row_data(e, i, &row);
        PyObject *o = bits_list(&row, f);
        if (o)
            PyList_SET_ITEM(list, i, o);
        else
            Py_CLEAR(list);
    }
    return list;
}

static Py_ssize_t bits_fill(State *st, const Extent *e, FieldInfo *f,
                            PyObject *values)
{
    Extent row;
    if (!e->nd)
        return jpy_field_set(st, f, e->data, values) < 0 ? -1 : 1;
    PyObject *list = PySequence_List(values);
    Py_ssize_t n = list ? PyList_GET_SIZE(list) : -1;
    if (n > e->shape[0]) {
        PyErr_Format(PyExc_IndexError, "%zd values for %zd items", n, e->shape[0]);
        n = -1;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        row_data(e, i, &row);
        if (bits_fill(st, &row, f, PyList_GET_ITEM(list, i)) < 0)
            n = jpy_bulk_at(i);
    }
    Py_XDECREF(list);
    return n;
}

/* --- unpack ----------------------------------------------------------------------- */

static PyObject *unpack_member(CDataObject *cd, const Extent *rows, PyObject *path)
{
    Extent e = *rows;
    FieldInfo *bits;
    if (jpy_extent_member(cd->ctype->st, &e, path, &bits) < 0)
        return NULL;
    return bits ? bits_list(&e, bits) : jpy_bulk_list(&e, (PyObject *)cd);
}

static PyObject *unpack_members(CDataObject *cd, const Extent *rows,
                                PyObject *fields)
{
    if (!PyTuple_Check(fields) && !PyList_Check(fields))
        return unpack_member(cd, rows, fields);
    Py_ssize_t n = PySequence_Fast_GET_SIZE(fields);
    PyObject *all = PyTuple_New(n);
    for (Py_ssize_t i = 0; all && i < n && i < PySequence_Fast_GET_SIZE(fields);
         i++) {
        PyObject *o = unpack_member(cd, rows, PySequence_Fast_GET_ITEM(fields, i));
        if (o)
            PyTuple_SET_ITEM(all, i, o);
        else
            Py_CLEAR(all);
    }
    return all;
}

static PyObject *unpack(CDataObject *cd, PyObject *length, PyObject *fields)
{
    Extent e;
    if (rows_of("unpack", cd, length, !fields, &e) < 0)
        return NULL;
    if (fields)
        return unpack_members(cd, &e, fields);
    switch ((Code)e.item->code) {
    case V_CHAR:
        return PyBytes_FromStringAndSize(e.data, e.shape[0]);
    case V_CHAR16:
        return jpy_str_from16(e.data, e.shape[0]);
    case V_CHAR32:
        return jpy_str_from32(e.data, e.shape[0]);
    default:
        return jpy_bulk_list(&e, (PyObject *)cd);
    }
}

FFI_FAST(unpack)
{
    static const ArgSpec cffi = {"unpack", {"cdata", "length", NULL}, 2};
    static const ArgSpec ours = {"unpack", {"cdata", "length", "fields", NULL}, 1};
    State *st = ((FFIObject *)self)->st;
    PyObject *a[3] = {NULL, NULL, NULL};
    if (jpy_ffi_args(st->cffi ? &cffi : &ours, args, nargs, kwnames, a) < 0)
        return NULL;
    if (!CData_Check(st, a[0]))
        return jpy_ffi_bad_type("cdata object", a[0]);
    for (int i = 1; i < 3 && !st->cffi; i++)
        a[i] = a[i] == Py_None ? NULL : a[i];
    CDataObject *cd = (CDataObject *)a[0];
    bool readonly;
    if (!a[2]) /* cffi's way: nothing that is run here can release anything */
        return unpack(cd, a[1], NULL);
    if (jpy_pin(cd, &readonly) < 0)
        return NULL;
    PyObject *result = unpack(cd, a[1], a[2]);
    jpy_unpin(cd);
    return result;
}

/* --- pack ------------------------------------------------------------------------- */

static Py_ssize_t pack_member(CDataObject *cd, const Extent *rows, PyObject *values,
                              PyObject *path)
{
    Extent e = *rows;
    FieldInfo *bits = NULL;
    if (path && jpy_extent_member(cd->ctype->st, &e, path, &bits) < 0)
        return -1;
    if (e.readonly) {
        PyErr_Format(PyExc_TypeError, "pack(): memory of cdata '%s' is read-only",
                     jpy_cname(cd->ctype));
        return -1;
    }
    return bits ? bits_fill(cd->ctype->st, &e, bits, values)
                : jpy_bulk_fill(&e, values, true);
}

/* As many items as there are; where nobody knows that, as many as values. */
static int rows_for(CDataObject *cd, PyObject *values, Extent *e)
{
    PyObject *length = NULL;
    if (cd->ctype->is_data_ptr && jpy_layout(cd->ctype) == 0 &&
        jpy_pointer_items(cd) < 0) {
        Py_ssize_t n = PyObject_Size(values);
        length = n < 0 ? NULL : PyLong_FromSsize_t(n);
        if (!length)
            return -1;
    }
    int bad = rows_of("pack", cd, length, false, e);
    Py_XDECREF(length);
    return bad;
}

static Py_ssize_t pack_column(CDataObject *cd, PyObject *values, PyObject *path)
{
    Extent e;
    bool readonly;
    if (jpy_pin(cd, &readonly) < 0)
        return -1;
    /* What can only be gone through once is kept: its number has to be known. */
    PyObject *list = PyObject_CheckBuffer(values) || PySequence_Check(values) ||
                             jpy_is_cdata(values)
                         ? Py_NewRef(values)
                         : PySequence_List(values);
    Py_ssize_t n = -1;
    if (list && rows_for(cd, list, &e) == 0) {
        e.readonly |= readonly;
        n = pack_member(cd, &e, list, path);
    }
    Py_XDECREF(list);
    jpy_unpin(cd);
    return n;
}

/* A column of values for each name; the number of the longest. */
static Py_ssize_t pack_columns(CDataObject *cd, PyObject *values, PyObject *fields)
{
    PyObject *columns =
        PySequence_Fast(values, "pack(): with a tuple of names, the values are a "
                                "sequence of columns");
    Py_ssize_t most = columns ? 0 : -1;
    if (columns &&
        PySequence_Fast_GET_SIZE(columns) != PySequence_Fast_GET_SIZE(fields)) {
        PyErr_Format(PyExc_ValueError, "pack(): %zd columns for %zd names",
                     PySequence_Fast_GET_SIZE(columns),
                     PySequence_Fast_GET_SIZE(fields));
        most = -1;
    }
    for (Py_ssize_t i = 0; most >= 0 && i < PySequence_Fast_GET_SIZE(fields) &&
                           i < PySequence_Fast_GET_SIZE(columns);
         i++) {
        PyObject *column = Py_NewRef(PySequence_Fast_GET_ITEM(columns, i));
        Py_ssize_t n = pack_column(cd, column, PySequence_Fast_GET_ITEM(fields, i));
        Py_DECREF(column);
        most = n < 0 ? -1 : Py_MAX(n, most);
    }
    Py_XDECREF(columns);
    return most;
}

FFI_FAST(pack)
{
    static const ArgSpec spec = {"pack", {"cdata", "values", "fields", NULL}, 2};
    State *st = ((FFIObject *)self)->st;
    PyObject *a[3];
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0)
        return NULL;
    if (!CData_Check(st, a[0]))
        return jpy_ffi_bad_type("cdata object", a[0]);
    CDataObject *cd = (CDataObject *)a[0];
    bool several = a[2] && (PyTuple_Check(a[2]) || PyList_Check(a[2]));
    Py_ssize_t n = several ? pack_columns(cd, a[1], a[2])
                           : pack_column(cd, a[1], a[2] == Py_None ? NULL : a[2]);
    return n < 0 ? NULL : PyLong_FromSsize_t(n);
}

/* --- column ----------------------------------------------------------------------- */

FFI_FAST(column)
{
    static const ArgSpec spec = {"column", {"cdata", "field", "length", NULL}, 2};
    State *st = ((FFIObject *)self)->st;
    PyObject *a[3];
    Extent e;
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0)
        return NULL;
    if (!CData_Check(st, a[0]))
        return jpy_ffi_bad_type("cdata object", a[0]);
    CDataObject *cd = (CDataObject *)a[0];
    if (rows_of("column", cd, a[2] == Py_None ? NULL : a[2], false, &e) < 0 ||
        jpy_extent_member(st, &e, a[1], NULL) < 0)
        return NULL;
    return jpy_view(cd, &e);
}
