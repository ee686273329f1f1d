/* SPDX-License-Identifier: MIT
 *
 * Arguments of pointer type: what a caller may give where C wants a `T *`. A
 * cdata, bytes, a str or list (copied into memory that lives for the call), and
 * arrays whose items fit T, pinned for the call: convert_arg_array.c.
 */
#include <string.h>

#include "python/checked.h"
#include "python/convert_arg.h"
#include "python/numpy.h"

/* Something that must outlive the call: memory, a pinned buffer, or a callback. */
struct Temp {
    Temp *next;
    State *st;
    int has_view;
    Py_buffer view;
    CDataExt *callback; /* with no view and no memory; NULL */
};
enum { TEMP_DATA = (sizeof(Temp) + 15) / 16 * 16, MAX_FREE_TEMPS = 16 };

static Temp *temp_new(State *st, size_t bytes)
{
    Temp *t;
    if (!bytes && st->free_temps) {
        t = st->free_temps;
        st->free_temps = t->next;
        st->n_free_temps--;
    } else {
        t = PyMem_Malloc(TEMP_DATA + bytes);
        if (!t)
            return (Temp *)PyErr_NoMemory();
    }
    t->st = st;
    t->has_view = 0;
    t->callback = NULL;
    return t;
}

void jpy_temp_drop(State *st)
{
    Temp *t = st->free_temps;
    st->free_temps = t->next;
    st->n_free_temps--;
    PyMem_Free(t);
}

/* A block without bytes behind it. */
static void temp_free(Temp *t)
{
    State *st = t->st;
    if (st->n_free_temps == MAX_FREE_TEMPS) {
        PyMem_Free(t);
        return;
    }
    t->next = st->free_temps;
    st->free_temps = t;
    st->n_free_temps++;
}

void jpy_temps_free(Temp *t)
{
    while (t) {
        Temp *next = t->next;
        if (t->has_view) {
            jpy_view_release(&t->view);
            temp_free(t);
        } else if (t->callback) {
            jpy_auto_give(t->callback);
            temp_free(t);
        } else {
            PyMem_Free(t);
        }
        t = next;
    }
}

/* --- arrays ------------------------------------------------------------------ */

/* 1, 0: no array of any kind, -1 with an exception. */
static int from_array(CTypeObject *ct, unsigned quals, PyObject *value,
                      void **pointer, Temp **temps)
{
    if (jpy_is_ndarray(ct->st, value)) { /* which the caller holds */
        int taken = jpy_ndarray_pointer(ct, quals, value, pointer);
        if (taken)
            return taken;
    }
    Temp *t = temp_new(ct->st, 0);
    if (!t)
        return -1;
    int lent = jpy_array_view(ct, quals, value, &t->view);
    if (lent <= 0) {
        temp_free(t);
        return lent;
    }
    t->has_view = 1;
    t->next = *temps;
    *temps = t;
    *pointer = t->view.buf;
    return 1;
}

/* --- lists and strings ---------------------------------------------------- */

static int from_initialiser(CTypeObject *ct, PyObject *value, Py_ssize_t n,
                            void **pointer, Temp **temps)
{
    if (n > (PY_SSIZE_T_MAX - (Py_ssize_t)TEMP_DATA) / ct->item_size) {
        PyErr_SetString(PyExc_OverflowError,
                        "array size would overflow a Py_ssize_t");
        return -1;
    }
    size_t bytes = (size_t)(n * ct->item_size);
    Temp *t = temp_new(ct->st, bytes ? bytes : 1);
    if (!t)
        return -1;
    char *data = (char *)t + TEMP_DATA;
    memset(data, 0, bytes);
    t->next = *temps;
    *temps = t; /* from here on the caller frees it */
    *pointer = data;
    return jpy_array_from_object(ct, data, n, value);
}

static int check_bools(PyObject *bytes)
{
    for (Py_ssize_t i = 0; i < PyBytes_GET_SIZE(bytes); i++)
        if ((unsigned char)PyBytes_AS_STRING(bytes)[i] > 1) {
            PyErr_SetString(PyExc_ValueError,
                            "an array of _Bool can only contain \\x00 or \\x01");
            return -1;
        }
    return 0;
}

/* A Python function where C wants a pointer to one. */
static int from_function(CTypeObject *ct, PyObject *value, void **pointer,
                         Temp **temps)
{
    if (ct->st->cffi || ct->type->to->kind != JF_FUNC || !PyCallable_Check(value) ||
        jpy_function_cdata(ct->st, value))
        return jpy_from_object(ct, (char *)pointer, value);
    Temp *t = temp_new(ct->st, 0);
    if (!t)
        return -1;
    t->callback = jpy_auto_take(ct, value);
    if (!t->callback) {
        temp_free(t);
        return -1;
    }
    t->next = *temps;
    *temps = t;
    *pointer = t->callback->base.data;
    return 0;
}

/* Everything but cdata. */
static int from_python(CTypeObject *ct, unsigned quals, PyObject *value,
                       void **pointer, Temp **temps)
{
    if (!ct->is_data_ptr)
        return from_function(ct, value, pointer, temps);
    if (PyBytes_Check(value)) {
        if (!ct->is_byte_ptr && ct->type->to->kind != JF_VOID)
            return jpy_convert_error(value, ct, "cdata pointer");
        if (ct->item_code == V_BOOL && check_bools(value) < 0)
            return -1;
        *pointer = PyBytes_AS_STRING(value);
        return 0;
    }
    Py_ssize_t n = PyList_Check(value)      ? PyList_GET_SIZE(value)
                   : PyTuple_Check(value)   ? PyTuple_GET_SIZE(value)
                   : PyUnicode_Check(value) ? 0
                                            : -1;
    if (n >= 0) {
        if (ct->item_size < 0 && jpy_layout(ct) < 0)
            return -1;
        if (PyUnicode_Check(value))
            n = jpy_text_units(value, ct->item_size) + 1;
        if (ct->item_size > 0)
            return from_initialiser(ct, value, n, pointer, temps);
    } else {
        int taken = from_array(ct, quals, value, pointer, temps);
        if (!taken && jpy_is_file_pointer(ct))
            taken = jpy_file_stream(value, pointer);
        if (taken)
            return taken < 0 ? -1 : 0;
    }
    return jpy_from_object(ct, (char *)pointer, value);
}

int jpy_pointer_argument(CTypeObject *ct, unsigned quals, PyObject *value,
                         void **pointer, Temp **temps)
{
    if (!jpy_is_cdata(value))
        return from_python(ct, quals, value, pointer, temps);
    CDataObject *cd = (CDataObject *)value;
    const jf_Type *from = cd->ctype->type;
    if (jpy_is_checked(cd) && jpy_checked_pass(ct, cd) < 0)
        return -1;
    if (cd->ctype == ct ||
        (from->kind == JF_ARRAY && ct->is_data_ptr && from->to == ct->type->to)) {
        *pointer = cd->data;
        return 0;
    }
    return jpy_from_object(ct, (char *)pointer, value);
}

/* --- with a length -------------------------------------------------------- */

static int no_length(CTypeObject *ct)
{
    PyErr_Format(
        PyExc_TypeError,
        "how many items this '%s' points to is not known: an array is expected",
        jpy_cname(ct));
    return -1;
}

/* Bytes of what has been taken without pinning it; -1 with an exception. */
static Py_ssize_t bytes_of(CTypeObject *ct, PyObject *value, void *pointer)
{
    if (jpy_is_cdata(value)) {
        CDataObject *cd = (CDataObject *)value;
        Py_ssize_t size = pointer ? jpy_known_size(cd) : 0;
        return size < 0 ? no_length(cd->ctype) : size;
    }
    if (PyBytes_Check(value))
        return PyBytes_GET_SIZE(value);
    if (PyList_Check(value) || PyTuple_Check(value))
        return PySequence_Size(value) * ct->item_size;
    if (PyUnicode_Check(value))
        return jpy_text_units(value, ct->item_size) * ct->item_size;
    Py_buffer view; /* NumPy's, not pinned: strings, or items that fit `ct` */
    if (!jpy_is_ndarray(ct->st, value))
        return no_length(ct);
    if (jpy_numpy_size(value))
        return (Py_ssize_t)(jpy_numpy_items(value) * jpy_numpy_size(value));
    if (PyObject_GetBuffer(value, &view, PyBUF_RECORDS_RO) < 0)
        return -1;
    PyBuffer_Release(&view);
    return view.len;
}

int jpy_sized_pointer(CTypeObject *ct, unsigned quals, PyObject *value,
                      void **pointer, Py_ssize_t *bytes, Temp **temps)
{
    Temp *before = *temps;
    if (jpy_pointer_argument(ct, quals, value, pointer, temps) < 0)
        return -1;
    *bytes = *temps != before && (*temps)->has_view ? (*temps)->view.len
                                                    : bytes_of(ct, value, *pointer);
    return *bytes < 0 ? -1 : 0;
}
