/* SPDX-License-Identifier: MIT
 *
 * ffi.buffer of a checked FFI: a subclass that looks whether the memory is there
 * before it does what its base does, and that lends it only while nobody releases it.
 */
#include "python/checked.h"
#include "python/ffi.h"

static const CheckedData *owner_of(PyObject *self)
{
    PyObject *o = ((BufferObject *)self)->owner;
    return o && jpy_is_checked(o) ? (CheckedData *)o : NULL;
}

static PyTypeObject *base_of(PyObject *self)
{
    return jpy_state(PyType_GetModule(Py_TYPE(self)))->buffer_type;
}

static int check(PyObject *self, bool writing, const char *what)
{
    const BufferObject *b = (BufferObject *)self;
    const CheckedData *cd = owner_of(self);
    return cd ? jpy_checked_touch(cd, b->data, b->size, writing, what) : 0;
}

static PyObject *made(PyObject *self)
{
    if (self && check(self, false, "cannot make a buffer of") < 0)
        Py_CLEAR(self);
    return self;
}

static PyObject *buffer_call(PyObject *type, PyObject *const *args, size_t nargsf,
                             PyObject *kwnames)
{
    return made(jpy_buffer_call(type, args, nargsf, kwnames));
}

static PyObject *buffer_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return made(jpy_buffer_new(type, args, kwargs));
}

static PyObject *buffer_item(PyObject *self, Py_ssize_t i)
{
    if (check(self, false, "cannot read the buffer of") < 0)
        return NULL;
    return base_of(self)->tp_as_sequence->sq_item(self, i);
}

static PyObject *buffer_subscript(PyObject *self, PyObject *key)
{
    if (check(self, false, "cannot read the buffer of") < 0)
        return NULL;
    return base_of(self)->tp_as_mapping->mp_subscript(self, key);
}

static int buffer_assign(PyObject *self, PyObject *key, PyObject *value)
{
    const BufferObject *b = (BufferObject *)self;
    if (check(self, true, "cannot write into the buffer of") < 0)
        return -1;
    if (value &&
        jpy_is_checked_object(jpy_state(PyType_GetModule(Py_TYPE(self))), value)) {
        /* As in memmove(): as many bytes as the slice has. */
        const CheckedData *from = (CheckedData *)value;
        Py_ssize_t start = 0, stop = 0, step = 1, n = 0;
        if (PySlice_Check(key)) {
            if (PySlice_Unpack(key, &start, &stop, &step) < 0)
                return -1;
            n = PySlice_AdjustIndices(b->size, &start, &stop, step);
        }
        if (from->x.base.data && jpy_checked_touch(from, from->x.base.data, n,
                                                   false, "cannot copy from") < 0)
            return -1;
    }
    int bad = base_of(self)->tp_as_mapping->mp_ass_subscript(self, key, value);
    const CheckedData *cd = owner_of(self);
    if (cd)
        jpy_links_note(jpy_allocation(cd), b->data, b->size);
    return bad;
}

static int buffer_get(PyObject *self, Py_buffer *view, int flags)
{
    BufferObject *b = (BufferObject *)self;
    const CheckedData *cd = owner_of(self);
    bool readonly = false;
    view->obj = NULL;
    if (cd && jpy_checked_pin((CDataObject *)cd, &readonly) < 0)
        return -1;
    int bad = PyBuffer_FillInfo(view, self, b->data, b->size, readonly, flags);
    if (bad && cd)
        jpy_checked_unpin((CDataObject *)cd);
    return bad;
}

static void buffer_release(PyObject *self, Py_buffer *view)
{
    (void)view;
    const CheckedData *cd = owner_of(self);
    if (cd)
        jpy_checked_unpin((CDataObject *)cd);
}

int jpy_init_checked_buffer(State *st, Checked *ck, PyObject *module)
{
    PyTypeObject *base = st->buffer_type;
    PyType_Slot slots[] = {
        {Py_tp_new, buffer_new},
        {Py_tp_dealloc, (void *)(uintptr_t)base->tp_dealloc},
        {Py_tp_traverse, (void *)(uintptr_t)base->tp_traverse},
        {Py_tp_clear, (void *)(uintptr_t)base->tp_clear},
        {Py_sq_item, buffer_item},
        {Py_mp_subscript, buffer_subscript},
        {Py_mp_ass_subscript, buffer_assign},
        {Py_bf_getbuffer, buffer_get},
        {Py_bf_releasebuffer, buffer_release},
        {0, NULL},
    };
    PyType_Spec spec = {"jiffi.buffer", sizeof(BufferObject), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};
    PyObject *bases = PyTuple_Pack(1, base);
    if (!bases)
        return -1;
    base->tp_flags |= Py_TPFLAGS_BASETYPE;
    ck->buffer_type = jpy_type(st, module, &spec, bases);
    base->tp_flags &= ~Py_TPFLAGS_BASETYPE;
    Py_DECREF(bases);
    if (!ck->buffer_type)
        return -1;
    ck->buffer_type->tp_vectorcall = buffer_call;
    return 0;
}
