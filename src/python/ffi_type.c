/* SPDX-License-Identifier: MIT
 *
 * FFI methods about types: typeof, sizeof, alignof, offsetof, addressof,
 * getctype. Paths of field names and indexes are walked here.
 */
#include <string.h>

#include "python/ffi.h"

/* --- typeof, sizeof, alignof ---------------------------------------------- */

PyObject *jpy_ffi_typeof(PyObject *self, PyObject *arg)
{
    FFIObject *ffi = (FFIObject *)self;
    if (PyUnicode_Check(arg))
        return (PyObject *)jpy_ffi_type(ffi, arg, 0);
    CDataObject *cd = jpy_ffi_cdata(ffi->st, jpy_check_function(ffi->st, arg));
    if (cd)
        return Py_NewRef(cd->ctype);
    return jpy_ffi_bad_type("string or cdata object", arg);
}

/* Bytes of the value: of an array what it holds, of a struct with an open end
 * what was allocated. */
static Py_ssize_t cdata_size(CDataObject *cd)
{
    CTypeObject *ct = cd->ctype;
    if (CType_IsArray(ct) && jpy_item(ct)) {
        Py_ssize_t item = jpy_ctype_size(ct->item);
        return item < 0 ? -1 : item * jpy_array_length(cd);
    }
    if (ct->code == V_RECORD) {
        Py_ssize_t known = jpy_known_size(cd);
        if (known >= 0)
            return known;
    }
    return jpy_ctype_size(ct);
}

/* The size of a type, ValueError where it has none, or ffi.error from an FFI of a
 * compiled module: cffi's classes. */
static Py_ssize_t type_size(FFIObject *ffi, CTypeObject *ct)
{
    if (ct->size < 0 && jpy_layout(ct) < 0)
        return -1;
    if (ct->size < 0 && ffi->stock)
        PyErr_Format(ffi->st->ffi_error, "don't know the size of ctype '%U'",
                     jpy_ctype_name(ct));
    else if (ct->size < 0)
        PyErr_Format(PyExc_ValueError, "ctype '%U' is of unknown size",
                     jpy_ctype_name(ct));
    return ct->size;
}

PyObject *jpy_ffi_sizeof(PyObject *self, PyObject *arg)
{
    FFIObject *ffi = (FFIObject *)self;
    Py_ssize_t size;
    CDataObject *cd = jpy_ffi_cdata(ffi->st, arg);
    if (cd) {
        size = cdata_size(cd);
    } else {
        CTypeObject *ct = jpy_ffi_type_of(ffi, arg);
        if (!ct)
            return NULL;
        size = type_size(ffi, ct);
        Py_DECREF(ct);
    }
    return size < 0 ? NULL : PyLong_FromSsize_t(size);
}

PyObject *jpy_ffi_alignof(PyObject *self, PyObject *arg)
{
    CTypeObject *ct = jpy_ffi_type_of((FFIObject *)self, arg);
    if (!ct)
        return NULL;
    /* An open array is aligned like its items, though it has no size. */
    CTypeObject *of = ct;
    while (of && CType_IsOpen(of))
        of = jpy_item(of);
    PyObject *result = NULL;
    if (of && (of->size >= 0 || jpy_layout(of) == 0)) {
        if (of->size < 0 || of->type->align == 0)
            PyErr_Format(PyExc_ValueError, "ctype '%U' is of unknown alignment",
                         jpy_ctype_name(ct));
        else
            result = PyLong_FromUnsignedLong(of->type->align);
    }
    Py_DECREF(ct);
    return result;
}

/* --- paths ---------------------------------------------------------------- */

/* One step by name: borrowed ctype of the member. */
static CTypeObject *step_name(CTypeObject *ct, PyObject *name, bool first,
                              Py_ssize_t *offset)
{
    if (first && ct->is_data_ptr) {
        ct = jpy_item(ct);
        if (!ct)
            return NULL;
    }
    if (ct->code != V_RECORD) {
        PyErr_SetString(PyExc_TypeError, "with a field name argument, expected a "
                                         "struct or union ctype");
        return NULL;
    }
    FieldTable *table = jpy_fields(ct);
    if (!table) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "struct/union is opaque");
        return NULL;
    }
    FieldInfo *f = jpy_field_find(table, name);
    if (!f) {
        if (!PyErr_Occurred())
            PyErr_SetObject(PyExc_KeyError, name);
        return NULL;
    }
    if (f->bits >= 0) {
        PyErr_SetString(PyExc_TypeError, "not supported for bitfields");
        return NULL;
    }
    *offset += f->offset;
    return jpy_field_type(ct->st, f);
}

/* One step by index: borrowed ctype of the item. */
static CTypeObject *step_index(CTypeObject *ct, PyObject *index, Py_ssize_t *offset)
{
    if (!PyIndex_Check(index)) {
        PyErr_SetString(PyExc_TypeError, "field name or array index expected");
        return NULL;
    }
    Py_ssize_t i = PyNumber_AsSsize_t(index, PyExc_OverflowError);
    if (i == -1 && PyErr_Occurred())
        return NULL;
    CTypeObject *item = NULL;
    if (ct->is_data_ptr || CType_IsArray(ct)) {
        item = jpy_item(ct);
        if (!item || jpy_layout(item) < 0)
            return NULL;
    }
    if (!item || item->size < 0) {
        PyErr_SetString(PyExc_TypeError,
                        "with an integer argument, expected an array "
                        "ctype or a pointer to non-opaque");
        return NULL;
    }
    if (item->size > 0 &&
        (i > PY_SSIZE_T_MAX / item->size || i < PY_SSIZE_T_MIN / item->size)) {
        PyErr_SetString(PyExc_OverflowError,
                        "array offset would overflow a Py_ssize_t");
        return NULL;
    }
    *offset = (Py_ssize_t)((size_t)*offset + (size_t)(i * item->size));
    return item;
}

CTypeObject *jpy_type_step(CTypeObject *ct, PyObject *step, bool first,
                           Py_ssize_t *offset)
{
    return PyUnicode_Check(step) ? step_name(ct, step, first, offset)
                                 : step_index(ct, step, offset);
}

/* Walk fields and indexes from `ct`: borrowed ctype at the end of the path. */
static CTypeObject *walk(CTypeObject *ct, PyObject *const *path, Py_ssize_t n,
                         Py_ssize_t *offset)
{
    *offset = 0;
    for (Py_ssize_t i = 0; ct && i < n; i++)
        ct = jpy_type_step(ct, path[i], i == 0, offset);
    return ct;
}

static int no_keywords(const char *function, PyObject *kwnames)
{
    if (!kwnames || PyTuple_GET_SIZE(kwnames) == 0)
        return 0;
    PyErr_Format(PyExc_TypeError, "%s() takes no keyword arguments", function);
    return -1;
}

PyObject *jpy_ffi_offsetof(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                           PyObject *kwnames)
{
    if (no_keywords("offsetof", kwnames) < 0)
        return NULL;
    if (nargs < 2) {
        PyErr_SetString(PyExc_TypeError, "offsetof() expects at least 2 arguments");
        return NULL;
    }
    CTypeObject *ct = jpy_ffi_type((FFIObject *)self, args[0], 0);
    if (!ct)
        return NULL;
    Py_ssize_t offset;
    CTypeObject *end = walk(ct, args + 1, nargs - 1, &offset);
    Py_DECREF(ct);
    return end ? PyLong_FromSsize_t(offset) : NULL;
}

/* --- addressof ------------------------------------------------------------ */

/* Does `cd` keep memory alive, itself or through an owner? Then a pointer into
 * it does too. */
static bool holds_memory(State *st, CDataObject *cd)
{
    return CDATA_HAS_INLINE(cd) || Py_IS_TYPE((PyObject *)cd, st->cdata_ext_type) ||
           Py_IS_TYPE((PyObject *)cd, st->cdata_checked_type);
}

static PyObject *address_at(FFIObject *ffi, CDataObject *cd, PyObject *const *path,
                            Py_ssize_t n)
{
    CTypeObject *ct = cd->ctype;
    if (n == 0 && ct->type->kind == JF_PTR) {
        PyErr_SetString(PyExc_TypeError, "addressof(pointer)");
        return NULL;
    }
    if (ct->code != V_RECORD && !CType_IsArray(ct) && !ct->is_data_ptr) {
        PyErr_SetString(PyExc_TypeError,
                        "expected a cdata struct/union/array/pointer object");
        return NULL;
    }
    Py_ssize_t offset;
    ct = walk(ct, path, n, &offset);
    CTypeObject *ptr = ct ? jpy_pointer_to(ct) : NULL;
    if (!ptr)
        return NULL;
    char *at = (char *)((uintptr_t)cd->data + (uintptr_t)offset);
    PyObject *result = holds_memory(ffi->st, cd)
                           ? jpy_cdata_view(ptr, at, (PyObject *)cd)
                           : jpy_cdata(ptr, at);
    Py_DECREF(ptr);
    return result;
}

/* value._addressof((step, ...)) */
static PyObject *traced_address(PyObject *const *args, Py_ssize_t n)
{
    PyObject *path = PyTuple_New(n - 1), *result = NULL;
    for (Py_ssize_t i = 1; path && i < n; i++)
        PyTuple_SET_ITEM(path, i - 1, Py_NewRef(args[i]));
    if (path)
        result = PyObject_CallMethod(args[0], "_addressof", "(O)", path);
    Py_XDECREF(path);
    return result;
}

PyObject *jpy_ffi_addressof(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                            PyObject *kwnames)
{
    FFIObject *ffi = (FFIObject *)self;
    if (no_keywords("addressof", kwnames) < 0)
        return NULL;
    if (nargs < 1) {
        PyErr_SetString(PyExc_TypeError, "addressof() expects at least 1 argument");
        return NULL;
    }
    if (jpy_is_lib(ffi->st, args[0])) {
        if (nargs != 2 || !PyUnicode_Check(args[1])) {
            PyErr_SetString(PyExc_TypeError,
                            "addressof(library, \"name\") expects the name of one "
                            "function or variable");
            return NULL;
        }
        return jpy_lib_addressof(ffi, args[0], args[1]);
    }
    if (jpy_is_traced(ffi->st, args[0]))
        return traced_address(args, nargs);
    PyObject *o = jpy_check_function(ffi->st, args[0]);
    CDataObject *cd = jpy_ffi_cdata(ffi->st, o);
    if (cd && o != args[0] && nargs == 1)
        return Py_NewRef((PyObject *)cd);
    if (!cd)
        return jpy_ffi_bad_type("cdata object or library", args[0]);
    return address_at(ffi, cd, args + 1, nargs - 1);
}

/* --- getctype ------------------------------------------------------------- */

/* The C name with `text` in the declarator's place: in parentheses before an
 * array's brackets if it starts with a star, after a space if it is a word. */
static PyObject *declare_with(CTypeObject *ct, const char *text, size_t n)
{
    jf_Buf name = JF_BUF_INIT, out = JF_BUF_INIT;
    size_t place = 0;
    jf_type_print(ct->type, "", ct->st->cffi ? JF_PRINT_CFFI : 0, &name, &place);
    bool parens = n && text[0] == '*' && ct->type->kind == JF_ARRAY;
    bool space = n && !parens && text[0] != '[' && text[0] != '(';
    if (!name.failed && name.p) {
        jf_buf_put(&out, name.p, place);
        jf_buf_text(&out, parens ? "(" : space ? " " : "");
        jf_buf_put(&out, text, n);
        jf_buf_text(&out, parens ? ")" : "");
        jf_buf_put(&out, name.p + place, name.n - place);
    }
    PyObject *result = name.failed || out.failed || !out.p
                           ? PyErr_NoMemory()
                           : PyUnicode_FromStringAndSize(out.p, (Py_ssize_t)out.n);
    jf_buf_free(&name);
    jf_buf_free(&out);
    return result;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

PyObject *jpy_ffi_getctype(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                           PyObject *kwnames)
{
    static const ArgSpec spec = {"getctype", {"cdecl", "replace_with", NULL}, 1};
    PyObject *a[2];
    const char *text = "";
    Py_ssize_t n = 0;
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0)
        return NULL;
    if (a[1] && !PyUnicode_Check(a[1]))
        return jpy_ffi_bad_type("string for 'replace_with'", a[1]);
    if (a[1] && !(text = PyUnicode_AsUTF8AndSize(a[1], &n)))
        return NULL;
    for (; n && is_space(text[0]); n--)
        text++;
    while (n && is_space(text[n - 1]))
        n--;
    CTypeObject *ct = jpy_ffi_type((FFIObject *)self, a[0], 0);
    if (!ct)
        return NULL;
    PyObject *result = declare_with(ct, text, (size_t)n);
    Py_DECREF(ct);
    return result;
}
