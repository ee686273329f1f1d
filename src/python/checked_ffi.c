/* SPDX-License-Identifier: MIT
 *
 * The class of checked FFIs: a subclass of FFI whose methods that make memory or look
 * at it are these. What they are called with and what they return is the same.
 */
#include "python/checked.h"
#include "python/ffi.h"
#include "python/ffi_doc.h"

#include <string.h>

/* --- making memory ------------------------------------------------------------------ */

static PyObject *checked_new(PyObject *self, PyObject *const *args,
                             Py_ssize_t nargs, PyObject *kwnames)
{
    static const ArgSpec spec = {"new", {"cdecl", "init", NULL}, 1};
    FFIObject *ffi = (FFIObject *)self;
    PyObject *a[2];
    if (ffi->st->traces && jpy_traces(ffi->st))
        return jpy_ffi_new(self, args, nargs, kwnames);
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0)
        return NULL;
    CTypeObject *ct = jpy_ffi_type(ffi, a[0], 0);
    if (!ct)
        return NULL;
    int readonly = jpy_text_is_const(ffi, a[0]);
    PyObject *o = readonly < 0 ? NULL : jpy_checked_new(ct, a[1], readonly);
    Py_DECREF((PyObject *)ct);
    return o;
}

/* Where the address of what is cast came from, if it has one; NULL. */
static const CheckedData *origin(const State *st, PyObject *o)
{
    return jpy_is_checked_object(st, o) ? (CheckedData *)o : NULL;
}

static PyObject *checked_cast(PyObject *self, PyObject *const *args,
                              Py_ssize_t nargs, PyObject *kwnames)
{
    static const ArgSpec spec = {"cast", {"cdecl", "source", NULL}, 2};
    FFIObject *ffi = (FFIObject *)self;
    PyObject *a[2];
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0)
        return NULL;
    PyObject *o = jpy_ffi_cast(self, a, 2, NULL);
    if (!o || !jpy_is_cdata(o))
        return o;
    CDataObject *cd = (CDataObject *)o;
    CTypeObject *ct = cd->ctype;
    const CheckedData *from = origin(ffi->st, a[1]);
    if (!ct->is_data_ptr && ct->code != V_ARRAY)
        return o;
    int readonly = jpy_text_is_const(ffi, a[0]);
    if (readonly < 0) {
        Py_DECREF(o);
        return NULL;
    }
    if (!from)
        return jpy_checked_pointer(o, NULL, readonly);
    Allocation *alloc = jpy_allocation(from);
    if (alloc->state == AS_ALIVE && jpy_checked_pass(ct, &from->x.base) < 0) {
        Py_DECREF(o);
        return NULL;
    }
    PyObject *c = jpy_checked_derive(ct, cd->data, 0, alloc, NULL);
    Py_DECREF(o);
    if (c)
        ((CheckedData *)c)->x.readonly = readonly || alloc->readonly;
    return c;
}

/* What there is of memory that an allocator gave for `inner`. */
static Py_ssize_t size_of(CDataObject *inner)
{
    Py_ssize_t known = jpy_known_size(inner);
    if (known < 0)
        known = inner->ctype->item_size;
    bool lone = inner->ctype->is_data_ptr && V_IS_CHAR(inner->ctype->item_code);
    return lone ? 2 * known : known; /* the terminator */
}

/* `self` is (ffi, alloc, free, clear), as in the one that is not checked. */
static PyObject *checked_allocator(PyObject *self, PyObject *const *args,
                                   Py_ssize_t nargs, PyObject *kwnames)
{
    static const ArgSpec spec = {"allocator", {"cdecl", "init", NULL}, 1};
    PyObject *a[2], *plain = PyTuple_GET_ITEM(self, 1);
    FFIObject *ffi = (FFIObject *)PyTuple_GET_ITEM(self, 0);
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0)
        return NULL;
    PyObject *inner = PyObject_Vectorcall(plain, a, a[1] ? 2 : 1, NULL);
    if (!inner)
        return NULL;
    CDataObject *cd = (CDataObject *)inner;
    if (!Py_IS_TYPE(inner, ffi->st->cdata_ext_type)) { /* no alloc() of their own */
        Py_DECREF(inner);
        return checked_new((PyObject *)ffi, a, a[1] ? 2 : 1, NULL);
    }
    int readonly = jpy_text_is_const(ffi, a[0]);
    PyObject *o = jpy_checked_around(cd, AK_ALLOC, size_of(cd), NULL);
    if (o && readonly)
        ((CheckedData *)o)->x.readonly = 1;
    if (o)
        jpy_links_note(jpy_allocation(o), cd->data, size_of(cd));
    return o;
}

static PyMethodDef allocator_def = {"allocator",
                                    (PyCFunction)(void (*)(void))checked_allocator,
                                    METH_FASTCALL | METH_KEYWORDS, DOC_allocator};

static PyObject *checked_new_allocator(PyObject *self, PyObject *const *args,
                                       Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *plain = jpy_ffi_new_allocator(self, args, nargs, kwnames);
    PyObject *bound = plain ? PyTuple_Pack(2, self, plain) : NULL;
    Py_XDECREF(plain);
    PyObject *f = bound ? PyCFunction_New(&allocator_def, bound) : NULL;
    Py_XDECREF(bound);
    return f;
}

static PyObject *checked_gc(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                            PyObject *kwnames)
{
    static const ArgSpec spec = {"gc", {"cdata", "destructor", "size", NULL}, 2};
    State *st = ((FFIObject *)self)->st;
    PyObject *a[3];
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0)
        return NULL;
    PyObject *o = jpy_ffi_gc(self, args, nargs, kwnames);
    if (!o || o == Py_None)
        return o;
    CDataObject *inner = (CDataObject *)o;
    CTypeObject *ct = inner->ctype;
    if (!ct->is_data_ptr && ct->code != V_ARRAY && ct->code != V_RECORD)
        return o;
    const CheckedData *from = origin(st, a[0]);
    Py_ssize_t size = -1;
    if (from)
        size = jpy_checked_rest(from, from->x.base.data);
    PyObject *c =
        jpy_checked_around(inner, AK_GC, size, from ? jpy_allocation(from) : NULL);
    if (c && from && from->x.readonly)
        ((CheckedData *)c)->x.readonly = 1;
    return c;
}

static PyObject *checked_from_buffer(PyObject *self, PyObject *const *args,
                                     Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *o = jpy_ffi_from_buffer(self, args, nargs, kwnames);
    if (!o)
        return NULL;
    const CDataExt *x = (CDataExt *)o;
    return jpy_checked_around((CDataObject *)o, AK_BUFFER, x->view->len, NULL);
}

static PyObject *checked_addressof(PyObject *self, PyObject *const *args,
                                   Py_ssize_t nargs, PyObject *kwnames)
{
    State *st = ((FFIObject *)self)->st;
    const CheckedData *from = nargs ? origin(st, args[0]) : NULL;
    if (from && jpy_checked_alive(from, "cannot take an address in") < 0)
        return NULL;
    return jpy_ffi_addressof(self, args, nargs, kwnames);
}

/* --- looking at it -------------------------------------------------------------------- */

/* Text: up to its end, which must be in the block unless `most` is. */
static int check_text(const CheckedData *cd, Py_ssize_t most)
{
    const CDataObject *base = &cd->x.base;
    const CTypeObject *ct = base->ctype;
    Py_ssize_t unit = ct->item_size, n = 0;
    if (!base->data || (!ct->is_data_ptr && ct->code != V_ARRAY) || unit <= 0 ||
        unit > 4)
        return 0;
    if (jpy_checked_alive(cd, "cannot read the text of") < 0)
        return -1;
    if (most < 0 && ct->code == V_ARRAY)
        most = jpy_array_length((CDataObject *)base);
    const Allocation *a = jpy_allocation(cd);
    if (a->size < 0)
        return 0;
    uintptr_t offset = (uintptr_t)base->data - (uintptr_t)a->base;
    Py_ssize_t room =
        offset < (uintptr_t)a->room ? a->room - (Py_ssize_t)offset : 0;
    for (; most < 0 || n < most; n++) {
        uint32_t one = 0;
        if ((n + 1) * unit > room)
            break;
        memcpy(&one, base->data + n * unit, (size_t)unit);
        if (!one)
            return 0;
    }
    if (n == most)
        return 0;
    jpy_checked_raise(
        a->st->checked->bounds, a,
        "cannot read the text of cdata '%s' at offset %zd: it does not "
        "end within the block",
        jpy_cname(base->ctype), (Py_ssize_t)offset);
    return -1;
}

static PyObject *checked_string(PyObject *self, PyObject *const *args,
                                Py_ssize_t nargs, PyObject *kwnames)
{
    static const ArgSpec spec = {"string", {"cdata", "maxlen", NULL}, 1};
    PyObject *a[2];
    Py_ssize_t most = -1;
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0 ||
        jpy_ffi_ssize(a[1], &most) < 0)
        return NULL;
    const CheckedData *cd = origin(((FFIObject *)self)->st, a[0]);
    if (cd && check_text(cd, most) < 0)
        return NULL;
    return jpy_ffi_string(self, args, nargs, kwnames);
}

/* `length` items, or those that there are. */
static int check_items(const CheckedData *cd, PyObject *length, bool writing,
                       const char *what)
{
    CDataObject *base = (CDataObject *)&cd->x.base;
    CTypeObject *ct = base->ctype;
    Py_ssize_t n = 0;
    if (!base->data || (!ct->is_data_ptr && ct->code != V_ARRAY))
        return 0;
    if (jpy_layout(ct) < 0)
        return -1;
    if (length && length != Py_None) {
        if (jpy_ffi_ssize(length, &n) < 0)
            return -1;
    } else if (ct->code == V_ARRAY) {
        n = jpy_array_length(base);
    }
    if (n < 0 || ct->item_size <= 0 || n > PY_SSIZE_T_MAX / ct->item_size)
        return 0;
    return jpy_checked_touch(cd, base->data, n * ct->item_size, writing, what);
}

static PyObject *checked_unpack(PyObject *self, PyObject *const *args,
                                Py_ssize_t nargs, PyObject *kwnames)
{
    static const ArgSpec spec = {"unpack", {"cdata", "length", "fields", NULL}, 1};
    PyObject *a[3];
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0)
        return NULL;
    const CheckedData *cd = origin(((FFIObject *)self)->st, a[0]);
    if (cd && check_items(cd, a[1], false, "cannot unpack") < 0)
        return NULL;
    PyObject *o = jpy_ffi_unpack(self, args, nargs, kwnames);
    if (!o || !cd || !PyList_CheckExact(o))
        return o;
    /* Pointers in it come out of this memory. */
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(o); i++) {
        PyObject *item = PyList_GET_ITEM(o, i);
        if (!jpy_is_cdata(item) || !((CDataObject *)item)->ctype->is_data_ptr ||
            !Py_IS_TYPE(item, ((CDataObject *)item)->ctype->st->cdata_type))
            continue;
        item = jpy_checked_pointer(Py_NewRef(item), NULL, false);
        if (!item) {
            Py_DECREF(o);
            return NULL;
        }
        PyList_SetItem(o, i, item);
    }
    return o;
}

static PyObject *checked_pack(PyObject *self, PyObject *const *args,
                              Py_ssize_t nargs, PyObject *kwnames)
{
    static const ArgSpec spec = {"pack", {"cdata", "values", "fields", NULL}, 2};
    PyObject *a[3], *length = NULL;
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0)
        return NULL;
    const CheckedData *cd = origin(((FFIObject *)self)->st, a[0]);
    if (cd && cd->x.base.ctype->is_data_ptr && !a[2]) {
        Py_ssize_t n = PyObject_Size(a[1]);
        PyErr_Clear(); /* the method says it */
        length = n > 0 ? PyLong_FromSsize_t(n) : NULL;
    }
    int bad = cd ? check_items(cd, length, true, "cannot pack values into") : 0;
    Py_XDECREF(length);
    PyObject *o = bad ? NULL : jpy_ffi_pack(self, args, nargs, kwnames);
    if (o && cd) {
        Allocation *alloc = jpy_allocation(cd);
        Py_ssize_t rest = jpy_checked_rest(cd, cd->x.base.data);
        if (rest > 0)
            jpy_links_note(alloc, cd->x.base.data, rest);
    }
    return o;
}

static PyObject *checked_memmove(PyObject *self, PyObject *const *args,
                                 Py_ssize_t nargs, PyObject *kwnames)
{
    static const ArgSpec spec = {"memmove", {"dest", "src", "n", NULL}, 3};
    const State *st = ((FFIObject *)self)->st;
    PyObject *a[3];
    Py_ssize_t n = 0;
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0 ||
        jpy_ffi_ssize(a[2], &n) < 0)
        return NULL;
    const CheckedData *to = origin(st, a[0]), *from = origin(st, a[1]);
    bool is_data = n >= 0;
    if (is_data && from && from->x.base.data &&
        jpy_checked_touch(from, from->x.base.data, n, false, "cannot copy from") <
            0)
        return NULL;
    if (is_data && to && to->x.base.data &&
        jpy_checked_touch(to, to->x.base.data, n, true, "cannot copy to") < 0)
        return NULL;
    PyObject *o = jpy_ffi_memmove(self, args, nargs, kwnames);
    if (o && to && n > 0)
        jpy_links_note(jpy_allocation(to), to->x.base.data, n);
    return o;
}

/* --- the class ------------------------------------------------------------------------ */

/* ffi.callback() with the callable at `at`: its pointers are looked for. */
static PyObject *callback_of(PyObject *self, PyObject *const *args,
                             Py_ssize_t nargs, PyObject *kwnames, Py_ssize_t at)
{
    Py_ssize_t all = nargs + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
    PyObject *callable = args[at];
    PyObject *wrapped = jpy_checked_callback(callable);
    PyObject **own = wrapped ? PyMem_Malloc((size_t)all * sizeof *own) : NULL;
    if (!own) {
        Py_XDECREF(wrapped);
        return wrapped ? PyErr_NoMemory() : NULL;
    }
    memcpy(own, args, (size_t)all * sizeof *own);
    own[at] = wrapped;
    PyObject *o = jpy_ffi_callback(self, own, nargs, kwnames);
    PyMem_Free(own);
    Py_DECREF(wrapped);
    if (o && Py_IS_TYPE(o, ((FFIObject *)self)->st->cdata_ext_type)) {
        CDataExt *x = (CDataExt *)o; /* repr() tells of the callable */
        if (x->ext == EXT_CALLBACK && x->extra)
            Py_SETREF(x->extra, Py_NewRef(callable));
    }
    return o;
}

/* The decorator; `self` is (ffi, type, names, values...). */
static PyObject *decorate(PyObject *self, PyObject *callable)
{
    enum { MOST = 16 };
    PyObject *args[MOST];
    PyObject *names = PyTuple_GET_ITEM(self, 2);
    Py_ssize_t n = PyTuple_GET_SIZE(self) - 3;
    args[0] = PyTuple_GET_ITEM(self, 1);
    args[1] = callable;
    for (Py_ssize_t i = 0; i < n; i++)
        args[2 + i] = PyTuple_GET_ITEM(self, 3 + i);
    PyObject *ffi = PyTuple_GET_ITEM(self, 0);
    if (!PyCallable_Check(callable))
        return jpy_ffi_callback(ffi, args, 2, n ? names : NULL);
    return callback_of(ffi, args, 2, n ? names : NULL, 1);
}

static PyMethodDef decorate_def = {"callback", decorate, METH_O, NULL};

static PyObject *checked_callback(PyObject *self, PyObject *const *args,
                                  Py_ssize_t nargs, PyObject *kwnames)
{
    Py_ssize_t names = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    for (Py_ssize_t i = 0; i < names; i++) {
        if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, i),
                                             "python_callable") == 0)
            return PyCallable_Check(args[nargs + i])
                       ? callback_of(self, args, nargs, kwnames, nargs + i)
                       : jpy_ffi_callback(self, args, nargs, kwnames);
    }
    if (nargs >= 2 && PyCallable_Check(args[1]))
        return callback_of(self, args, nargs, kwnames, 1);
    /* Whatever is wrong is said now, as is the use of a type by name. */
    PyObject *plain = jpy_ffi_callback(self, args, nargs, kwnames);
    if (!plain || nargs != 1 || names > 8)
        return plain;
    PyObject *bound = PyTuple_New(3 + names);
    if (bound) {
        PyTuple_SET_ITEM(bound, 0, Py_NewRef(self));
        PyTuple_SET_ITEM(bound, 1, Py_NewRef(args[0]));
        PyTuple_SET_ITEM(bound, 2, Py_NewRef(kwnames ? kwnames : Py_None));
        for (Py_ssize_t i = 0; i < names; i++)
            PyTuple_SET_ITEM(bound, 3 + i, Py_NewRef(args[1 + i]));
    }
    Py_DECREF(plain);
    PyObject *f = bound ? PyCFunction_New(&decorate_def, bound) : NULL;
    Py_XDECREF(bound);
    return f;
}

/* clang-format off */
#define FAST(name)                                                             \
    {#name, (PyCFunction)(void (*)(void))checked_##name,                       \
     METH_FASTCALL | METH_KEYWORDS, DOC_##name}

static PyMethodDef methods[] = {
    FAST(addressof),
    FAST(callback),
    FAST(cast),
    FAST(from_buffer),
    FAST(gc),
    FAST(memmove),
    FAST(new),
    FAST(new_allocator),
    FAST(pack),
    FAST(string),
    FAST(unpack),
    {NULL, NULL, 0, NULL},
};
/* clang-format on */

static PyType_Slot slots[] = {
    {Py_tp_doc, DOC_FFI},
    {Py_tp_methods, methods},
    {Py_tp_dealloc, jpy_ffi_dealloc},
    {Py_tp_traverse, jpy_ffi_traverse},
    {Py_tp_clear, jpy_ffi_clear},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "jiffi.FFI", /* as its base */
    .basicsize = sizeof(FFIObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .slots = slots,
};

int jpy_init_checked_ffi(State *st, Checked *ck, PyObject *module)
{
    PyObject *bases = PyTuple_Pack(1, st->ffi_type);
    if (!bases)
        return -1;
    ck->ffi_type = jpy_type(st, module, &spec, bases);
    Py_DECREF(bases);
    if (!ck->ffi_type)
        return -1;
    PyObject *type = (PyObject *)ck->ffi_type; /* pickle asks what it stands for */
    if (PyObject_SetAttrString(type, "_unchecked", (PyObject *)st->ffi_type) < 0)
        return -1;
    return PyObject_SetAttrString(type, "buffer", (PyObject *)ck->buffer_type);
}

PyTypeObject *jpy_checked_ffi_class(State *st, PyTypeObject *type)
{
    if (jpy_checked_ready(st) < 0)
        return NULL;
    Checked *ck = st->checked;
    if (type == st->ffi_type || PyType_IsSubtype(type, ck->ffi_type))
        return (PyTypeObject *)Py_NewRef(
            (PyObject *)(type == st->ffi_type ? ck->ffi_type : type));
    PyObject *made = PyDict_GetItemWithError(ck->ffi_classes, (PyObject *)type);
    if (made || PyErr_Occurred())
        return (PyTypeObject *)Py_XNewRef(made);
    /* A subclass of the user's: its methods first, then ours. */
    const char *name = strrchr(type->tp_name, '.');
    made = PyObject_CallFunction((PyObject *)&PyType_Type, "s(OO){sO}",
                                 name ? name + 1 : type->tp_name, type,
                                 ck->ffi_type, "_unchecked", type);
    if (made && PyDict_SetItem(ck->ffi_classes, (PyObject *)type, made) < 0)
        Py_CLEAR(made);
    return (PyTypeObject *)made;
}
