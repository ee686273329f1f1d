/* SPDX-License-Identifier: MIT
 *
 * The cdata object: a ctype, an address, and one word: how to call it, or how much
 * there is of the memory that stands behind it in the same block. What holds other
 * objects is a CDataExt (cdata_own.c).
 */
#include "python/checked.h"

#include <string.h>

/* --- making --------------------------------------------------------------- */

int jpy_is_cdata(PyObject *o)
{
    destructor d = Py_TYPE(o)->tp_dealloc;
    return d == jpy_cdata_dealloc || d == jpy_ext_dealloc;
}

/* Bytes behind the object up to which clearing them here is cheapest. */
enum { SMALL_INLINE = 512 };

/* Give raw memory the head of a cdata. `call` or `length` is still to be set. */
static CDataObject *cdata_init(CDataObject *cd, CTypeObject *ct, PyTypeObject *type)
{
    if (!cd)
        return (CDataObject *)PyErr_NoMemory();
    PyObject_Init((PyObject *)cd, type);
    Py_INCREF(ct);
    cd->ctype = ct;
    cd->weakrefs = NULL;
    return cd;
}

PyObject *jpy_cdata(CTypeObject *ct, char *data)
{
    JF_ASSERT(!CType_IsOpen(ct));
    CDataObject *cd =
        cdata_init(PyObject_Malloc(sizeof(CDataObject)), ct, ct->st->cdata_type);
    if (cd) {
        cd->data = data;
        cd->call = data ? ct->call : NULL;
    }
    return (PyObject *)cd;
}

PyObject *jpy_cdata_open(CTypeObject *ct, char *data, Py_ssize_t length,
                         PyObject *owner)
{
    JF_ASSERT(CType_IsOpen(ct));
    if (owner) {
        PyObject *o = jpy_cdata_view(ct, data, owner);
        if (o)
            ((CDataObject *)o)->length = length;
        return o;
    }
    CDataObject *cd = cdata_init(PyObject_Malloc(sizeof(CDataObject)), ct,
                                 ct->st->cdata_own_type);
    if (cd) {
        cd->data = data;
        cd->length = length;
    }
    return (PyObject *)cd;
}

CDataObject *jpy_cdata_inline(CTypeObject *ct, Py_ssize_t bytes, Py_ssize_t length,
                              int clear)
{
    if (bytes > PY_SSIZE_T_MAX - (Py_ssize_t)CDATA_INLINE)
        return (CDataObject *)PyErr_NoMemory();
    size_t all = CDATA_INLINE + (size_t)bytes;
    /* Large blocks come zeroed from the system without being touched. */
    CDataObject *cd = bytes > SMALL_INLINE && clear ? PyObject_Calloc(1, all)
                                                    : PyObject_Malloc(all);
    bool number = V_IS_PRIM(ct->code);
    cd = cdata_init(cd, ct, number ? ct->st->cdata_type : ct->st->cdata_own_type);
    if (cd) {
        if (bytes <= SMALL_INLINE && clear)
            memset((char *)cd + CDATA_INLINE, 0, (size_t)bytes);
        cd->data = (char *)cd + CDATA_INLINE;
        if (number)
            cd->call = NULL;
        else
            cd->length = length;
    }
    return cd;
}

CDataObject *jpy_cdata_prim(CTypeObject *ct)
{
    JF_ASSERT(ct->size >= 0);
    return jpy_cdata_inline(ct, ct->size, ct->size, 1);
}

PyObject *jpy_cdata_copy(CTypeObject *ct, const char *data)
{
    Py_ssize_t size = jpy_ctype_size(ct);
    if (size < 0)
        return NULL;
    CDataObject *cd = jpy_cdata_inline(ct, size, size, 0);
    if (cd)
        memcpy(cd->data, data, (size_t)size);
    return (PyObject *)cd;
}

void jpy_cdata_dealloc(PyObject *self)
{
    CDataObject *cd = (CDataObject *)self;
    PyTypeObject *tp = Py_TYPE(cd);
    if (cd->weakrefs)
        PyObject_ClearWeakRefs(self);
    Py_DECREF(cd->ctype);
    PyObject_Free(cd);
    Py_DECREF(tp);
}

/* --- sizes ---------------------------------------------------------------- */

int jpy_owns_inline(const CDataObject *cd)
{
    return CDATA_HAS_INLINE(cd) && !V_IS_PRIM(cd->ctype->code);
}

static int is_ext(const CDataObject *cd)
{
    return Py_IS_TYPE((PyObject *)cd, cd->ctype->st->cdata_ext_type);
}

Py_ssize_t jpy_array_length(CDataObject *cd)
{
    if (cd->ctype->length >= 0)
        return cd->ctype->length;
    return cd->length;
}

Py_ssize_t jpy_known_size(CDataObject *cd)
{
    CTypeObject *ct = cd->ctype;
    if (ct->code == V_ARRAY)
        return ct->item_size < 0 ? -1 : jpy_array_length(cd) * ct->item_size;
    if (is_ext(cd)) {
        CDataExt *x = (CDataExt *)cd;
        if ((x->ext == EXT_VIEW || x->ext == EXT_ALLOC) && cd->length > 0)
            return cd->length;
    } else if (jpy_owns_inline(cd)) {
        return cd->length;
    } else if (jpy_is_checked(cd)) {
        return jpy_checked_known_size(cd);
    }
    return ct->code == V_RECORD || V_IS_PRIM(ct->code) ? ct->size : -1;
}

/* --- repr ----------------------------------------------------------------- */

static PyObject *value_text(CDataObject *cd)
{
    CTypeObject *ct = cd->ctype;
    if (ct->type->kind == JF_ENUM)
        return jpy_enum_text(ct, cd->data, 1);
    if (ct->code == V_LDOUBLE) {
        long double v;
        char text[128];
        memcpy(&v, cd->data, sizeof v);
        PyOS_snprintf(text, sizeof text, "%LE", v);
        return PyUnicode_FromString(text);
    }
    PyObject *o = ct->code == V_F128
                      ? PyFloat_FromDouble(jpy_read_float(V_F128, cd->data))
                      : jpy_to_object(ct, cd->data, NULL);
    PyObject *s = o ? PyObject_Repr(o) : NULL;
    Py_XDECREF(o);
    return s;
}

PyObject *jpy_cdata_repr(PyObject *self)
{
    CDataObject *cd = (CDataObject *)self;
    CTypeObject *ct = cd->ctype;
    PyObject *text;
    if (V_IS_PRIM(ct->code) || (ct->code == V_UNKNOWN && jpy_layout(ct) == 0)) {
        text = value_text(cd);
    } else if (jpy_owns_inline(cd)) {
        return PyUnicode_FromFormat("<cdata '%s' owning %zd bytes>", jpy_cname(ct),
                                    jpy_known_size(cd));
    } else if (CType_IsOpen(ct)) {
        text = PyUnicode_FromFormat("sliced length %zd", jpy_array_length(cd));
    } else if (cd->data) {
        text = PyUnicode_FromFormat("%p", cd->data);
    } else {
        text = PyUnicode_FromString("NULL");
    }
    if (!text)
        return NULL;
    PyObject *r = PyUnicode_FromFormat("<cdata '%s%s' %U>", jpy_cname(ct),
                                       ct->code == V_RECORD ? " &" : "", text);
    Py_DECREF(text);
    return r;
}

/* --- as a number ---------------------------------------------------------- */

int jpy_cdata_bool(PyObject *self)
{
    CDataObject *cd = (CDataObject *)self;
    uint8_t code = cd->ctype->code;
    if (V_IS_FLOAT(code)) {
        if (code != V_LDOUBLE)
            return jpy_read_float(code, cd->data) != 0.0;
        long double v; /* may be too small for a double */
        memcpy(&v, cd->data, sizeof v);
        return v != 0.0L;
    }
    if (V_IS_COMPLEX(code)) {
        Py_complex c = jpy_read_complex(code, cd->data);
        return c.real != 0.0 || c.imag != 0.0;
    }
    if (!V_IS_PRIM(code))
        return cd->data != NULL;
    for (Py_ssize_t i = 0; i < cd->ctype->size; i++)
        if (cd->data[i])
            return 1;
    return 0;
}

static PyObject *char_as_int(CDataObject *cd)
{
    uint16_t u16;
    uint32_t u32;
    if (cd->ctype->code == V_CHAR)
        return PyLong_FromLong((unsigned char)cd->data[0]);
    if (cd->ctype->code == V_CHAR16) {
        memcpy(&u16, cd->data, 2);
        return PyLong_FromLong(u16);
    }
    memcpy(&u32, cd->data, 4);
    if (cd->ctype->type->flags & JF_T_SIGNED)
        return PyLong_FromLong((int32_t)u32);
    return PyLong_FromUnsignedLong(u32);
}

PyObject *jpy_cdata_float(PyObject *self)
{
    CDataObject *cd = (CDataObject *)self;
    if (V_IS_FLOAT(cd->ctype->code))
        return PyFloat_FromDouble(jpy_read_float(cd->ctype->code, cd->data));
    PyErr_Format(PyExc_TypeError, "float() not supported on cdata '%s'",
                 jpy_cname(cd->ctype));
    return NULL;
}

PyObject *jpy_cdata_int(PyObject *self)
{
    CDataObject *cd = (CDataObject *)self;
    uint8_t code = cd->ctype->code;
    if (code == V_BOOL)
        return PyLong_FromLong(cd->data[0] != 0);
    if (V_IS_INT(code))
        return jpy_to_object(cd->ctype, cd->data, NULL);
    if (V_IS_CHAR(code))
        return char_as_int(cd);
    if (V_IS_FLOAT(code)) {
        PyObject *f = jpy_cdata_float(self);
        PyObject *i = f ? PyNumber_Long(f) : NULL;
        Py_XDECREF(f);
        return i;
    }
    PyErr_Format(PyExc_TypeError, "int() not supported on cdata '%s'",
                 jpy_cname(cd->ctype));
    return NULL;
}

PyObject *jpy_cdata_complex(PyObject *self, PyObject *noarg)
{
    (void)noarg;
    CDataObject *cd = (CDataObject *)self;
    if (V_IS_COMPLEX(cd->ctype->code))
        return PyComplex_FromCComplex(jpy_read_complex(cd->ctype->code, cd->data));
    PyErr_Format(PyExc_TypeError, "complex() not supported on cdata '%s'",
                 jpy_cname(cd->ctype));
    return NULL;
}

/* --- comparing ------------------------------------------------------------ */

static int compare_addresses(const char *a, const char *b, int op)
{
    uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    switch (op) {
    case Py_EQ:
        return x == y;
    case Py_NE:
        return x != y;
    case Py_LT:
        return x < y;
    case Py_LE:
        return x <= y;
    case Py_GT:
        return x > y;
    default:
        return x >= y;
    }
}

/* A primitive cdata as the Python value it holds; anything else as it is. */
static PyObject *comparable(PyObject *o)
{
    if (!jpy_is_cdata(o))
        return Py_NewRef(o);
    CDataObject *cd = (CDataObject *)o;
    PyObject *v = jpy_to_object(cd->ctype, cd->data, NULL);
    if (v && jpy_is_cdata(v)) {
        Py_DECREF(v);
        PyErr_Format(PyExc_NotImplementedError,
                     "cannot use <cdata '%s'> in a comparison",
                     jpy_cname(cd->ctype));
        return NULL;
    }
    return v;
}

static int is_address_like(PyObject *o)
{
    return jpy_is_cdata(o) && !V_IS_PRIM(((CDataObject *)o)->ctype->code);
}

PyObject *jpy_cdata_compare(PyObject *v, PyObject *w, int op)
{
    if (PyCFunction_Check(w)) { /* perhaps a library's function */
        PyObject *fn = jpy_function_cdata(((CDataObject *)v)->ctype->st, w);
        if (!fn && PyErr_Occurred())
            return NULL;
        w = fn ? fn : w;
    }
    int v_is = is_address_like(v), w_is = is_address_like(w);
    if (v_is && w_is)
        return PyBool_FromLong(compare_addresses(((CDataObject *)v)->data,
                                                 ((CDataObject *)w)->data, op));
    if (v_is || w_is)
        Py_RETURN_NOTIMPLEMENTED;
    PyObject *a = comparable(v), *b = a ? comparable(w) : NULL;
    PyObject *r = b ? PyObject_RichCompare(a, b, op) : NULL;
    Py_XDECREF(a);
    Py_XDECREF(b);
    return r;
}

Py_hash_t jpy_cdata_hash(PyObject *self)
{
    CDataObject *cd = (CDataObject *)self;
    if (V_IS_PRIM(cd->ctype->code)) {
        PyObject *v = jpy_to_object(cd->ctype, cd->data, NULL);
        if (!v)
            return -1;
        Py_hash_t h =
            jpy_is_cdata(v) ? jpy_hash_pointer(cd->data) : PyObject_Hash(v);
        Py_DECREF(v);
        return h;
    }
    return jpy_hash_pointer(cd->data);
}
