/* SPDX-License-Identifier: MIT
 *
 * The ctype object: one per canonical jf_Type. The type's `host` field is the
 * weak reference that makes it unique; what the hot paths need (size, value
 * code, item) stands in the object itself. Attributes: ctype_attr.c.
 */
#include "python/jpy.h"

#include <string.h>

/* --- value codes ---------------------------------------------------------- */

static uint8_t int_code(const jf_Type *t)
{
    bool is_signed = t->flags & JF_T_SIGNED;
    switch (t->size) {
    case 1:
        return is_signed ? V_I8 : V_U8;
    case 2:
        return is_signed ? V_I16 : V_U16;
    case 4:
        return is_signed ? V_I32 : V_U32;
    case 8:
        return is_signed ? V_I64 : V_U64;
    case 16:
        return is_signed ? V_I128 : V_U128;
    default:
        return V_UNKNOWN;
    }
}

static uint8_t float_code(const State *st, const jf_Type *t)
{
    const jf_Target *target = st->universe->target;
    bool wide = t->prim == JF_P_LDOUBLE || t->prim == JF_P_FLOAT64X;
    if (t->size == 2)
        return V_F16;
    if (t->size == 4)
        return V_F32;
    if (t->size == 8 && !wide)
        return V_F64;
    return wide ? (target->ldouble_is_f64 ? V_F64 : V_LDOUBLE) : V_F128;
}

static uint8_t complex_code(const jf_Type *t)
{
    return t->size == 8 ? V_CF32 : t->size == 16 ? V_CF64 : V_CLDOUBLE;
}

uint8_t jpy_code_of(const State *st, const jf_Type *t)
{
    switch (t->kind) {
    case JF_BOOL:
        return V_BOOL;
    case JF_INT:
        return int_code(t);
    case JF_ENUM:
        return t->to ? int_code(t->to) : V_UNKNOWN;
    case JF_CHAR:
        return t->size == 1 ? V_CHAR : t->size == 2 ? V_CHAR16 : V_CHAR32;
    case JF_FLOAT:
        return float_code(st, t);
    case JF_COMPLEX:
        return complex_code(t);
    case JF_PTR:
        return V_POINTER;
    case JF_ARRAY:
    case JF_VECTOR:
        return V_ARRAY;
    case JF_STRUCT:
    case JF_UNION:
        return V_RECORD;
    default:
        return V_NONE;
    }
}

/* --- making --------------------------------------------------------------- */

static Py_ssize_t known_size(const jf_Type *t)
{
    if (t->kind == JF_ENUM && t->to)
        t = t->to;
    return t->size > PY_SSIZE_T_MAX ? -1 : (Py_ssize_t)t->size;
}

static bool has_item(const jf_Type *t)
{
    return t->kind == JF_PTR || t->kind == JF_ARRAY || t->kind == JF_VECTOR;
}

/* What follows from the type alone; again after a layout or a completion. */
static void fill_facts(CTypeObject *ct)
{
    const jf_Type *t = ct->type;
    ct->code = jpy_code_of(ct->st, t);
    ct->size = known_size(t);
    if (!has_item(t))
        return;
    const jf_Type *to = t->to->canon;
    ct->item_code = jpy_code_of(ct->st, to);
    ct->item_size = known_size(to);
    if (ct->code == V_ARRAY)
        ct->length = t->length > PY_SSIZE_T_MAX ? -1 : (Py_ssize_t)t->length;
    ct->is_data_ptr = t->kind == JF_PTR && to->kind != JF_FUNC;
    if (t->kind == JF_PTR && to->kind == JF_FUNC)
        ct->call = jpy_call_way(to);
    ct->is_byte_ptr = t->kind == JF_PTR && ct->item_size == 1 &&
                      (V_IS_INT(ct->item_code) || ct->item_code == V_CHAR);
}

/* An enum without enumerators may be anything; say what it is taken for, unless
 * a compiler said it. */
static int warn_empty_enum(const jf_Type *t)
{
    if (t->kind != JF_ENUM || t->u.en->n_items ||
        t->u.en->flags & (JF_R_CUSTOM | JF_R_PARTIAL))
        return 0;
    jf_Buf b = JF_BUF_INIT;
    jf_type_print(t, "", 0, &b, NULL);
    int bad =
        PyErr_WarnFormat(PyExc_UserWarning, 1,
                         "'%s' has no values explicitly defined; guessing that "
                         "it is equivalent to 'unsigned int'",
                         b.p ? b.p : "enum");
    jf_buf_free(&b);
    return bad;
}

static CTypeObject *ctype_new(State *st, jf_Type *t)
{
    if (warn_empty_enum(t) < 0)
        return NULL;
    CTypeObject *ct = PyObject_GC_New(CTypeObject, st->ctype_type);
    if (!ct)
        return NULL;
    memset((char *)ct + sizeof(PyObject), 0, sizeof *ct - sizeof(PyObject));
    ct->st = st;
    st->refs++;
    ct->type = jf_type_ref(t);
    ct->item_size = -1;
    fill_facts(ct);
    t->host = ct;
    PyObject_GC_Track(ct);
    return ct;
}

/* A pointer holds what it points to. Made from the inside out, without recursion:
 * `int ****...` may be as deep as the memory allows. */
CTypeObject *jpy_ctype(State *st, jf_Type *t)
{
    t = t->canon;
    if (t->host)
        return (CTypeObject *)Py_NewRef((PyObject *)t->host);
    size_t depth = 0;
    for (const jf_Type *x = t; has_item(x) && !x->host; x = x->to->canon)
        depth++;
    jf_Type *few[16], **chain = few;
    if (depth >= JF_COUNT(few) && !(chain = PyMem_New(jf_Type *, depth + 1)))
        return (CTypeObject *)PyErr_NoMemory();
    for (size_t i = 0; i <= depth; i++, t = t->to ? t->to->canon : NULL)
        chain[i] = t;
    CTypeObject *item = NULL, *ct = NULL;
    for (size_t i = depth + 1; i--; item = ct) {
        ct = chain[i]->host ? (CTypeObject *)Py_NewRef((PyObject *)chain[i]->host)
                            : ctype_new(st, chain[i]);
        if (!ct) {
            Py_XDECREF(item);
            break;
        }
        if (item && !ct->item)
            ct->item = item;
        else
            Py_XDECREF(item);
    }
    if (chain != few)
        PyMem_Free(chain);
    return ct;
}

CTypeObject *jpy_ctype_steal(State *st, jf_Type *t)
{
    if (!t) {
        PyErr_NoMemory();
        return NULL;
    }
    CTypeObject *ct = jpy_ctype(st, t);
    jf_type_unref(st->universe, t);
    return ct;
}

/* Remember `made` in its item's `place` until one of them goes. */
static CTypeObject *remember(CTypeObject *item, CTypeObject **place,
                             CTypeObject *made)
{
    if (made && jpy_item(made) == item)
        *place = made;
    return made;
}

CTypeObject *jpy_pointer_to(CTypeObject *ct)
{
    if (ct->pointer)
        return (CTypeObject *)Py_NewRef((PyObject *)ct->pointer);
    jf_Type *t = jf_type_pointer(ct->st->universe, ct->type, 0);
    return remember(ct, &ct->pointer, jpy_ctype_steal(ct->st, t));
}

CTypeObject *jpy_array_of(CTypeObject *ct, uint64_t length)
{
    if (ct->open && length == JF_UNKNOWN)
        return (CTypeObject *)Py_NewRef((PyObject *)ct->open);
    jf_Type *t = jf_type_array(ct->st->universe, ct->type, length, 0);
    CTypeObject *made = jpy_ctype_steal(ct->st, t);
    return length == JF_UNKNOWN ? remember(ct, &ct->open, made) : made;
}

CTypeObject *jpy_item(CTypeObject *ct)
{
    if (!ct->item) {
        JF_ASSERT(has_item(ct->type));
        ct->item = jpy_ctype(ct->st, ct->type->to);
    }
    return ct->item;
}

/* --- sizes ---------------------------------------------------------------- */

/* Types that will never have a size, or not before another cdef. */
static bool sizeless(const jf_Type *t)
{
    switch (t->kind) {
    case JF_VOID:
    case JF_FUNC:
        return true;
    case JF_ARRAY:
        return t->length == JF_UNKNOWN || sizeless(t->to);
    case JF_STRUCT:
    case JF_UNION:
        return !(t->u.rec->flags & (JF_R_COMPLETE | JF_R_LAZY));
    case JF_ENUM:
        return !t->to;
    default:
        return false;
    }
}

/* Of a compiled module: then a contradiction is one between its declarations and
 * what the C compiler has found. */
static bool is_compiled(const jf_Type *t)
{
    while (t->kind == JF_ARRAY)
        t = t->to;
    return t->group && t->group->oracle;
}

static int layout_type(State *st, jf_Type *t)
{
    jf_Diag d = JF_DIAG_INIT;
    if (t->size != JF_UNKNOWN && !(jf_is_record(t) && !(t->flags & JF_T_LAID_OUT)))
        return 0;
    if (sizeless(t))
        return 0;
    if (jpy_byvalue_check_members(st, t) < 0)
        return -1;
    if (jf_layout(st->universe->target, t, &d) == JF_OK)
        return 0;
    if (d.status == JF_UNSUPPORTED)
        jpy_raise(st->verification_missing, &d);
    else if (d.status == JF_SEMANTIC && is_compiled(t))
        jpy_raise(st->ffi_error, &d);
    else if (d.status == JF_INCOMPLETE || d.status == JF_SEMANTIC)
        jpy_raise(PyExc_TypeError, &d);
    else
        jpy_raise_status(st, &d);
    return -1;
}

int jpy_layout(CTypeObject *ct)
{
    if (ct->size >= 0 && (!has_item(ct->type) || ct->item_size >= 0))
        return 0;
    jf_Type *t = ct->type;
    if (t->kind != JF_PTR && layout_type(ct->st, t) < 0)
        return -1;
    if (has_item(t) && layout_type(ct->st, t->to->canon) < 0)
        return -1;
    fill_facts(ct);
    return 0;
}

Py_ssize_t jpy_ctype_size(CTypeObject *ct)
{
    if (ct->size < 0 && jpy_layout(ct) < 0)
        return -1;
    if (ct->size < 0)
        PyErr_Format(PyExc_ValueError, "ctype '%s' is of unknown size",
                     jpy_cname(ct));
    return ct->size;
}

/* --- names ---------------------------------------------------------------- */

PyObject *jpy_ctype_name(CTypeObject *ct)
{
    if (!ct->name) {
        jf_Buf b = JF_BUF_INIT;
        jf_type_print(ct->type, "", ct->st->cffi ? JF_PRINT_CFFI : 0, &b, NULL);
        if (b.failed || !b.p)
            PyErr_NoMemory();
        else
            ct->name = PyUnicode_DecodeUTF8(b.p, (Py_ssize_t)b.n, "replace");
        jf_buf_free(&b);
    }
    return ct->name;
}

const char *jpy_cname(CTypeObject *ct)
{
    PyObject *name = jpy_ctype_name(ct);
    const char *s = name ? PyUnicode_AsUTF8(name) : NULL;
    if (!s)
        PyErr_Clear();
    return s ? s : "?";
}

/* --- the object ----------------------------------------------------------- */

static int ctype_traverse(CTypeObject *ct, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(ct));
    Py_VISIT(ct->cache);
    Py_VISIT(ct->dtype);
    Py_VISIT(ct->item);
    if (ct->fields && jf_is_record(ct->type))
        for (uint32_t i = 0; i < ct->fields->n; i++)
            Py_VISIT(ct->fields->items[i].ctype);
    return 0;
}

/* Everything dropped here is made again when somebody asks for it: the type's
 * `host` may hand this object out until it is really gone. */
static int ctype_clear(CTypeObject *ct)
{
    Py_CLEAR(ct->cache);
    Py_CLEAR(ct->dtype);
    if (ct->fields && jf_is_record(ct->type))
        for (uint32_t i = 0; i < ct->fields->n; i++)
            Py_CLEAR(ct->fields->items[i].ctype);
    else
        ct->fields = NULL;
    if (ct->item && ct->item->pointer == ct)
        ct->item->pointer = NULL;
    if (ct->item && ct->item->open == ct)
        ct->item->open = NULL;
    Py_CLEAR(ct->item);
    return 0;
}

static void ctype_dealloc(CTypeObject *ct)
{
    PyTypeObject *tp = Py_TYPE(ct);
    PyObject_GC_UnTrack(ct);
    Py_TRASHCAN_BEGIN(ct, ctype_dealloc) if (ct->type->host == ct) ct->type->host =
        NULL;
    if (ct->weakrefs)
        PyObject_ClearWeakRefs((PyObject *)ct);
    FieldTable *fields = jf_is_record(ct->type) ? ct->fields : NULL;
    ctype_clear(ct);
    jpy_fields_free(fields);
    Py_CLEAR(ct->name);
    PyMem_Free(ct->format);
    State *st = ct->st;
    jf_type_unref(st->universe, ct->type);
    PyObject_GC_Del(ct);
    jpy_state_unref(st);
    Py_DECREF(tp);
    Py_TRASHCAN_END
}

static PyObject *ctype_repr(CTypeObject *ct)
{
    PyObject *name = jpy_ctype_name(ct);
    return name ? PyUnicode_FromFormat("<ctype '%U'>", name) : NULL;
}

static PyMemberDef ctype_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(CTypeObject, weakrefs), READONLY,
     NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot ctype_slots[] = {
    {Py_tp_dealloc, ctype_dealloc},
    {Py_tp_traverse, ctype_traverse},
    {Py_tp_clear, ctype_clear},
    {Py_tp_repr, ctype_repr},
    {Py_tp_members, ctype_members},
    {Py_tp_methods, jpy_ctype_methods},
    {Py_tp_getset, jpy_ctype_getsets},
    {Py_tp_doc, "A C type: see kind, cname and what dir() shows besides."},
    {0, NULL},
};

static PyType_Spec ctype_spec = {
    .name = "jiffi.CType",
    .basicsize = sizeof(CTypeObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | JPY_TPFLAGS_NO_NEW,
    .slots = ctype_slots,
};

int jpy_init_ctype(State *st, PyObject *module)
{
    st->ctype_type = jpy_type(st, module, &ctype_spec, NULL);
    if (!st->ctype_type)
        return -1;
    jpy_type_no_new(st->ctype_type);
    if (PyModule_AddObjectRef(module, "CType", (PyObject *)st->ctype_type) < 0)
        return -1;
    return jpy_init_cfield(st, module);
}
