/* SPDX-License-Identifier: MIT
 *
 * numpy.dtype of C types: what PEP 3118 formats say (format.c) and more, because
 * fields of a dtype may overlap and pointers may be integers.
 */
#include "python/dtype.h"

#include <string.h>

#include "python/ffi.h"
#include "python/numpy.h"

/* Slots of NumPy's C API (numpy/__multiarray_api.h). */
enum { API_DESCR_TYPE = 3, API_DESCR_FROM_TYPE = 45 };

static const char NEEDED_BY[] = "ffi.dtype()";

/* numpy.dtype(argument); gives back the reference. */
static PyObject *call_dtype(void **api, PyObject *argument)
{
    PyObject *r =
        argument ? PyObject_CallOneArg(api[API_DESCR_TYPE], argument) : NULL;
    Py_XDECREF(argument);
    return r;
}

static PyObject *number_dtype(void **api, int num)
{
    PyObject *(*from_type)(int) =
        (PyObject * (*)(int))(uintptr_t)api[API_DESCR_FROM_TYPE];
    return from_type(num);
}

/* Text is one item, its length no dimension. */
static bool is_text(CTypeObject *ct)
{
    return ct->code == V_ARRAY && V_IS_CHAR(ct->item_code) &&
           ct->item_code != V_CHAR16;
}

static PyObject *array_dtype(void **api, CTypeObject *ct)
{
    if (is_text(ct))
        return call_dtype(
            api, PyUnicode_FromFormat(ct->item_code == V_CHAR ? "S%zd" : "U%zd",
                                      ct->length));
    PyObject *shape = PyList_New(0);
    int bad = shape ? 0 : -1;
    for (; !bad && ct && ct->code == V_ARRAY && !is_text(ct); ct = jpy_item(ct)) {
        PyObject *n = PyLong_FromSsize_t(ct->length);
        bad = n ? PyList_Append(shape, n) : -1;
        Py_XDECREF(n);
    }
    PyObject *dims = bad || !ct ? NULL : PyList_AsTuple(shape);
    PyObject *of = dims ? jpy_dtype(ct) : NULL;
    PyObject *pair = of ? PyTuple_Pack(2, of, dims) : NULL;
    Py_XDECREF(of);
    Py_XDECREF(dims);
    Py_XDECREF(shape);
    return call_dtype(api, pair);
}

/* --- records ---------------------------------------------------------------------- */

/* The three lists of a structured dtype. */
typedef struct Lists {
    PyObject *names, *formats, *offsets; /* owned */
} Lists;

static int append(PyObject *list, PyObject *o)
{
    int bad = o ? PyList_Append(list, o) : -1;
    Py_XDECREF(o);
    return bad;
}

static int add_member(State *st, FieldInfo *f, Lists *l)
{
    CTypeObject *type = jpy_field_type(st, f);
    if (!type || jpy_layout(type) < 0)
        return -1;
    if (f->bits >= 0 || type->size <= 0)
        return 0; /* has no bytes of its own */
    if (append(l->formats, jpy_dtype(type)) < 0 ||
        append(l->offsets, PyLong_FromSsize_t(f->offset)) < 0)
        return -1;
    return PyList_Append(l->names, f->name);
}

/* dtype(spec, align=True), if NumPy aligns these members as C does: else NULL, with
 * an exception only where it is not about that. */
static PyObject *aligned(void **api, CTypeObject *ct, PyObject *spec)
{
    PyObject *d = PyObject_CallFunction(api[API_DESCR_TYPE], "OO", spec, Py_True);
    if (!d) {
        if (PyErr_ExceptionMatches(PyExc_ValueError))
            PyErr_Clear();
        return NULL;
    }
    PyObject *a = PyObject_GetAttrString(d, "alignment");
    long bytes = a ? PyLong_AsLong(a) : -1;
    Py_XDECREF(a);
    if (bytes == (long)ct->type->align)
        return d;
    Py_DECREF(d);
    return NULL;
}

static PyObject *record_dtype(void **api, CTypeObject *ct)
{
    FieldTable *t = jpy_fields(ct);
    if (!t && PyErr_Occurred())
        return NULL;
    Lists l = {PyList_New(0), PyList_New(0), PyList_New(0)};
    int bad = l.names && l.formats && l.offsets ? 0 : -1;
    for (uint32_t i = 0; !bad && t && i < t->n; i++)
        bad = add_member(ct->st, &t->items[i], &l);
    PyObject *spec = NULL, *d = NULL;
    if (!bad)
        spec = Py_BuildValue("{sOsOsOsn}", "names", l.names, "formats", l.formats,
                             "offsets", l.offsets, "itemsize", ct->size);
    if (spec && PyList_GET_SIZE(l.names))
        d = aligned(api, ct, spec);
    if (spec && !d && !PyErr_Occurred())
        d = PyObject_CallOneArg(api[API_DESCR_TYPE], spec);
    Py_XDECREF(spec);
    Py_XDECREF(l.names);
    Py_XDECREF(l.formats);
    Py_XDECREF(l.offsets);
    return d;
}

/* --- every type ------------------------------------------------------------------- */

static PyObject *make_dtype(void **api, CTypeObject *ct)
{
    switch ((Code)ct->code) {
    case V_RECORD:
        return record_dtype(api, ct);
    case V_ARRAY:
        return array_dtype(api, ct);
    case V_POINTER:
        return number_dtype(api,
                            jpy_numpy_type(sizeof(void *) == 8 ? V_U64 : V_U32));
    case V_CHAR:
        return call_dtype(api, PyUnicode_FromString("S1"));
    case V_CHAR32:
        return call_dtype(api, PyUnicode_FromString("U1"));
    default:
        break;
    }
    int num = jpy_numpy_type(ct->code);
    if (num >= 0)
        return number_dtype(api, num);
    return call_dtype(api, PyUnicode_FromFormat("V%zd", ct->size));
}

PyObject *jpy_dtype(CTypeObject *ct)
{
    if (ct->dtype)
        return Py_NewRef(ct->dtype);
    void **api = jpy_numpy_api(ct->st, NEEDED_BY);
    if (!api || jpy_layout(ct) < 0)
        return NULL;
    if (ct->size < 0) {
        PyErr_Format(PyExc_TypeError, "'%s' has no size: no dtype can be it",
                     jpy_cname(ct));
        return NULL;
    }
    ct->dtype = make_dtype(api, ct);
    return Py_XNewRef(ct->dtype);
}

PyObject *jpy_ffi_dtype(PyObject *self, PyObject *arg)
{
    CTypeObject *ct = jpy_ffi_type_of((FFIObject *)self, arg);
    PyObject *d = ct ? jpy_dtype(ct) : NULL;
    Py_XDECREF(ct);
    return d;
}
