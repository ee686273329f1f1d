/* SPDX-License-Identifier: MIT
 *
 * Tensors of other libraries as arrays: DLPack, taken through the C functions that
 * the type offers (DLPack 1.2 and later), else by __dlpack__(). What is lent is
 * held until the call is over; nothing is copied and no stream is waited for, since
 * only the memory of the CPU is taken. Source of the structures: dlpack.h 1.0 to
 * 1.3 and its Python specification; names here are ours.
 */
#include <string.h>

#include "python/convert_arg.h"
#include "python/dlpack.h"

typedef DLManagedTensorVersioned Managed;

/* The functions of a type. */
typedef struct Exchange {
    uint32_t major, minor;
    struct Exchange *older;
    void *allocate;
    int (*managed)(void *object, Managed **out);
    void *to_object, *borrow, *stream;
} Exchange;

enum { MAJOR = 1, MINOR = 3 };
enum { DL_CPU_FOR_CUDA = 3, DL_CPU_FOR_ROCM = 11 }; /* the CPU's, pinned */

static const char OURS[] = "jiffi.tensor", NEW[] = "dltensor_versioned",
                  OLD[] = "dltensor";

/* --- what is in a tensor -------------------------------------------------- */

static bool in_reach(int64_t device)
{
    return device == DL_CPU || device == DL_CPU_FOR_CUDA ||
           device == DL_CPU_FOR_ROCM;
}

static int refuse_device(PyObject *o, int64_t device)
{
    static const char *const names[] = {
        [2] = "CUDA",  [4] = "OpenCL", [7] = "Vulkan",
        [8] = "Metal", [10] = "ROCm",  [14] = "oneAPI"};
    const char *name =
        device >= 0 && device < (int64_t)JF_COUNT(names) ? names[device] : NULL;
    PyErr_Format(
        PyExc_TypeError,
        "this %.200s is in the memory of a device (DLPack type %lld%s%s), not "
        "of the CPU",
        Py_TYPE(o)->tp_name, (long long)device, name ? ", " : "", name ? name : "");
    return -1;
}

/* As in PEP 3118; what that has no letter for, by a name. */
static const char *format_of(const DLTensor *t)
{
    static const struct {
        uint8_t code, bits;
        const char *format;
    } formats[] = {{DL_INT, 8, "b"},       {DL_INT, 16, "h"},
                   {DL_INT, 32, "i"},      {DL_INT, 64, "q"},
                   {DL_UINT, 8, "B"},      {DL_UINT, 16, "H"},
                   {DL_UINT, 32, "I"},     {DL_UINT, 64, "Q"},
                   {DL_FLOAT, 16, "e"},    {DL_FLOAT, 32, "f"},
                   {DL_FLOAT, 64, "d"},    {DL_FLOAT, 8 * sizeof(long double), "g"},
                   {DL_COMPLEX, 64, "Zf"}, {DL_COMPLEX, 128, "Zd"},
                   {DL_BOOL, 8, "?"},      {DL_BFLOAT, 16, "bfloat16"}};
    if (t->dtype.lanes != 1)
        return "vectors";
    for (size_t i = 0; i < JF_COUNT(formats); i++)
        if (formats[i].code == t->dtype.code && formats[i].bits == t->dtype.bits)
            return formats[i].format;
    return "unnamed by PEP 3118";
}

/* Number of items; -1: there are gaps between them, or sizes make no sense. */
static int64_t contiguous_items(const DLTensor *t)
{
    int64_t n = 1;
    for (int32_t i = 0; i < t->ndim; i++)
        if (t->shape[i] == 0)
            return 0;
    for (int32_t i = t->ndim; i-- > 0;) {
        if (t->shape[i] < 0 ||
            (t->strides && t->shape[i] != 1 && t->strides[i] != n) ||
            t->shape[i] > PY_SSIZE_T_MAX / 64 / n)
            return -1;
        n *= t->shape[i];
    }
    return n;
}

/* Takes over `owner`, in any case. */
static int fill(PyObject *o, const DLTensor *t, bool readonly, PyObject *owner,
                Py_buffer *view)
{
    unsigned bits = (unsigned)t->dtype.bits * t->dtype.lanes;
    int64_t n = contiguous_items(t);
    if (!in_reach(t->device.type))
        refuse_device(o, t->device.type);
    else if (n < 0)
        PyErr_Format(
            PyExc_TypeError,
            "this %.200s must be C-contiguous; it has gaps between its items",
            Py_TYPE(o)->tp_name);
    else if (!bits || bits % 8)
        PyErr_Format(PyExc_TypeError, "this %.200s has items of %u bits",
                     Py_TYPE(o)->tp_name, bits);
    else {
        jpy_view_fill(view, owner, (char *)t->data + t->byte_offset, (Py_ssize_t)n,
                      (Py_ssize_t)bits / 8, format_of(t), readonly);
        if (sizeof(Py_ssize_t) == sizeof(int64_t)) {
            view->ndim = t->ndim;
            view->shape = (Py_ssize_t *)(void *)t->shape;
        }
        return 1;
    }
    *view = (Py_buffer){.obj = owner};
    jpy_view_release(view);
    return -1;
}

/* --- by the type's C functions -------------------------------------------- */

static void give_back(PyObject *capsule)
{
    Managed *m = PyCapsule_GetPointer(capsule, OURS);
    if (m && m->deleter)
        m->deleter(m);
}

/* The attribute of the type: a capsule, at first an int. NULL: none, or of a
 * version that is not known. No exception. */
static Exchange *exchange_of(PyTypeObject *type)
{
    PyObject *o =
        PyObject_GetAttrString((PyObject *)type, "__dlpack_c_exchange_api__");
    if (!o) {
        PyErr_Clear();
        o = PyObject_GetAttrString((PyObject *)type, "__c_dlpack_exchange_api__");
    }
    Exchange *e = NULL;
    if (o && PyCapsule_CheckExact(o))
        e = PyCapsule_GetPointer(o, "dlpack_exchange_api");
    else if (o && PyLong_CheckExact(o))
        e = PyLong_AsVoidPtr(o);
    Py_XDECREF(o);
    PyErr_Clear();
    while (e && e->major > MAJOR)
        e = e->older;
    return e && e->major == MAJOR && e->managed ? e : NULL;
}

static int by_exchange(const Exchange *e, PyObject *o, Py_buffer *view)
{
    Managed *m = NULL;
    if (e->managed(o, &m) != 0 || !m) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_BufferError, "this %.200s does not lend its items",
                         Py_TYPE(o)->tp_name);
        return -1;
    }
    PyObject *owner = PyCapsule_New(m, OURS, give_back);
    if (!owner) {
        if (m->deleter)
            m->deleter(m);
        return -1;
    }
    return fill(o, &m->tensor, m->flags & DL_READ_ONLY, owner, view);
}

/* --- by __dlpack__() ------------------------------------------------------ */

/* 0, or -1 with an exception: it is elsewhere. */
static int check_device(PyObject *o)
{
    PyObject *device = PyObject_CallMethod(o, "__dlpack_device__", NULL);
    int bad = device ? 0 : -1;
    if (device && PyTuple_Check(device) && PyTuple_GET_SIZE(device) == 2) {
        PyObject *number = PyNumber_Index(PyTuple_GET_ITEM(device, 0));
        long long type = number ? PyLong_AsLongLong(number) : -1;
        Py_XDECREF(number);
        if (PyErr_Occurred())
            bad = -1;
        else if (!in_reach(type))
            bad = refuse_device(o, type);
    } else if (device) {
        PyErr_Format(PyExc_TypeError,
                     "__dlpack_device__() of %.200s returned no pair of integers",
                     Py_TYPE(o)->tp_name);
        bad = -1;
    }
    Py_XDECREF(device);
    return bad;
}

/* Those that are older than 1.0 do not know the argument. */
static PyObject *ask(PyObject *method, PyObject *o)
{
    PyObject *args = PyTuple_Pack(1, o), *capsule = NULL;
    PyObject *names =
        Py_BuildValue("{s:(ii)}", "max_version", (int)MAJOR, (int)MINOR);
    if (args && names) {
        capsule = PyObject_Call(method, args, names);
        if (!capsule && PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyErr_Clear();
            capsule = PyObject_Call(method, args, NULL);
        }
    }
    Py_XDECREF(args);
    Py_XDECREF(names);
    return capsule;
}

/* Takes over the capsule, which is not renamed: as long as it has its first name
 * its destructor gives the tensor back. */
static int by_capsule(PyObject *o, PyObject *capsule, Py_buffer *view)
{
    if (PyCapsule_IsValid(capsule, NEW)) {
        const Managed *m = PyCapsule_GetPointer(capsule, NEW);
        if (m->major == MAJOR)
            return fill(o, &m->tensor, m->flags & DL_READ_ONLY, capsule, view);
        PyErr_Format(PyExc_BufferError,
                     "this %.200s lends its items by DLPack %u.%u; "
                     "version %d is known here",
                     Py_TYPE(o)->tp_name, (unsigned)m->major, (unsigned)m->minor,
                     (int)MAJOR);
    } else if (PyCapsule_IsValid(capsule, OLD)) {
        const DLManagedTensor *m = PyCapsule_GetPointer(capsule, OLD);
        return fill(o, &m->tensor, false, capsule, view);
    } else {
        PyErr_Format(PyExc_TypeError,
                     "__dlpack__() of %.200s returned no capsule with a tensor",
                     Py_TYPE(o)->tp_name);
    }
    *view = (Py_buffer){.obj = capsule};
    jpy_view_release(view);
    return -1;
}

int jpy_dlpack_view(State *st, PyObject *o, Py_buffer *view)
{
    PyTypeObject *type = Py_TYPE(o);
    if (type == st->tensor_type)
        return by_exchange(st->tensor_api, o, view);
    PyObject *method = PyObject_GetAttrString((PyObject *)type, "__dlpack__");
    if (!method || !PyObject_HasAttrString((PyObject *)type, "__dlpack_device__")) {
        Py_XDECREF(method);
        PyErr_Clear();
        return 0;
    }
    const Exchange *e = exchange_of(type);
    int lent;
    if (e) {
        Py_XSETREF(st->tensor_type, (PyTypeObject *)Py_NewRef(type));
        st->tensor_api = e;
        lent = by_exchange(e, o, view);
    } else if (check_device(o) < 0) {
        lent = -1;
    } else {
        PyObject *capsule = ask(method, o);
        lent = capsule ? by_capsule(o, capsule, view) : -1;
    }
    Py_DECREF(method);
    return lent;
}
