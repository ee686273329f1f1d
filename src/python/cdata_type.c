/* SPDX-License-Identifier: MIT
 *
 * The three classes of cdata: CData, and its subclasses for those that own memory or
 * hold other objects. None can be subclassed or instantiated from Python.
 *
 * CData alone is called without a tuple (CDataObject.call): lib.f in place of cffi,
 * function pointers. Its subclasses give tp_call anew, because since 3.12 who
 * inherits it inherits that as well.
 */
#include "python/export.h"
#include "python/pickle.h"

PyObject *jpy_cdata_call(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return jpy_call_cdata((CDataObject *)self, args, kwargs);
}

/* The first NOT_CFFI are not for cffi's flavour: see exporting(). */
enum { NOT_CFFI = 3 };
static PyMethodDef cdata_methods[] = {
    {"__reduce__", jpy_reduce, METH_NOARGS, NULL},
    {"__dlpack__", (PyCFunction)(void (*)(void))jpy_cdata_dlpack,
     METH_VARARGS | METH_KEYWORDS, NULL},
    {"__dlpack_device__", jpy_dlpack_device, METH_NOARGS, NULL},
    {"__dir__", jpy_cdata_dir, METH_NOARGS, NULL},
    {"__complex__", jpy_cdata_complex, METH_NOARGS, NULL},
    {"__enter__", jpy_cdata_enter, METH_NOARGS, NULL},
    {"__exit__", jpy_cdata_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef cdata_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(CDataObject, weakrefs), READONLY,
     NULL},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(CDataObject, call), READONLY,
     NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot cdata_slots[] = {
    {Py_tp_dealloc, jpy_cdata_dealloc},
    {Py_tp_repr, jpy_cdata_repr},
    {Py_tp_hash, jpy_cdata_hash},
    {Py_tp_richcompare, jpy_cdata_compare},
    {Py_tp_call, jpy_cdata_call},
    {Py_tp_getattro, jpy_cdata_getattro},
    {Py_tp_setattro, jpy_cdata_setattro},
    {Py_tp_iter, jpy_cdata_iter},
    {Py_tp_methods, cdata_methods},
    {Py_tp_members, cdata_members},
    {Py_nb_add, jpy_cdata_add},
    {Py_nb_subtract, jpy_cdata_subtract},
    {Py_nb_bool, jpy_cdata_bool},
    {Py_nb_int, jpy_cdata_int},
    {Py_nb_float, jpy_cdata_float},
    {Py_mp_length, jpy_cdata_len},
    {Py_mp_subscript, jpy_cdata_subscript},
    {Py_mp_ass_subscript, jpy_cdata_ass_subscript},
    {Py_bf_getbuffer, jpy_cdata_getbuffer},
    {Py_bf_releasebuffer, jpy_cdata_releasebuffer},
    {Py_tp_doc, "A value or an address in C. Check with isinstance(x, ffi.CData):\n"
                "some are of a subclass."},
    {0, NULL},
};

static PyType_Spec cdata_spec = {
    .name = "jiffi.CData",
    .basicsize = sizeof(CDataObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_VECTORCALL |
             JPY_TPFLAGS_NO_NEW,
    .slots = cdata_slots,
};

static PyType_Slot own_slots[] = {
    {Py_tp_dealloc, jpy_cdata_dealloc},
    {Py_tp_call, jpy_cdata_call},
    {Py_tp_doc, "A CData that owns memory. Check with isinstance(x, CData)."},
    {0, NULL},
};

static PyType_Spec own_spec = {
    .name = "jiffi.CData", /* as its base: which of them it is interests nobody */
    .basicsize = sizeof(CDataObject),
    .flags = Py_TPFLAGS_DEFAULT | JPY_TPFLAGS_NO_NEW,
    .slots = own_slots,
};

/* CData. cffi's shows its memory to nobody: what takes buffers must refuse it. */
static PyTypeObject *exporting(State *st, PyObject *module)
{
    PyType_Slot slots[JF_COUNT(cdata_slots)], *s = slots;
    PyType_Spec spec = cdata_spec;
    for (size_t i = 0; i < JF_COUNT(cdata_slots); i++) {
        int slot = cdata_slots[i].slot;
        if (st->cffi && (slot == Py_bf_getbuffer || slot == Py_bf_releasebuffer))
            continue;
        *s = cdata_slots[i];
        if (st->cffi && slot == Py_tp_methods)
            s->pfunc = cdata_methods + NOT_CFFI;
        s++;
    }
    spec.slots = slots;
    return jpy_type(st, module, &spec, NULL);
}

int jpy_init_cdata(State *st, PyObject *module)
{
    st->cdata_type = exporting(st, module);
    if (!st->cdata_type)
        return -1;
    jpy_type_no_new(st->cdata_type);
    PyObject *bases = PyTuple_Pack(1, st->cdata_type); /* 3.9 takes no lone type */
    if (!bases)
        return -1;
    st->cdata_own_type = jpy_type(st, module, &own_spec, bases);
    if (st->cdata_own_type)
        st->cdata_ext_type = jpy_type(st, module, &jpy_ext_spec, bases);
    Py_DECREF(bases);
    if (!st->cdata_ext_type)
        return -1;
    jpy_type_no_new(st->cdata_own_type);
    jpy_type_no_new(st->cdata_ext_type);
    /* The base was open for two subclasses and is now closed. */
    st->cdata_type->tp_flags &= ~Py_TPFLAGS_BASETYPE;
    PyType_Modified(st->cdata_type);
    if (PyModule_AddObjectRef(module, "CData", (PyObject *)st->cdata_type) < 0)
        return -1;
    return jpy_init_cdata_iter(st, module);
}
