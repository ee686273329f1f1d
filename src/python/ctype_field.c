/* SPDX-License-Identifier: MIT
 *
 * Members of structs and unions as Python sees them. Members of anonymous ones
 * are lifted into the record around them. A name is found by the address of its
 * interned string; names built at run time go through a dict.
 */
#include "python/jpy.h"

/* --- building ------------------------------------------------------------- */

/* How many members are seen, anonymous ones lifted. */
static uint32_t count_fields(const jf_Type *rec)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < rec->u.rec->n_fields; i++) {
        const jf_Field *f = &rec->u.rec->fields[i];
        if (f->name)
            n++;
        else if (f->bits < 0 && jf_is_record(f->type->canon))
            n += count_fields(f->type->canon);
    }
    return n;
}

/* C11 6.7.2.1p18: an array of unknown (or, as an extension, of no) items. */
static bool is_open(const jf_Type *t)
{
    return t->kind == JF_ARRAY && (t->length == JF_UNKNOWN || t->length == 0);
}

static int fill_one(State *st, FieldTable *t, const jf_Field *f, uint64_t base,
                    uint8_t flags)
{
    FieldInfo *info = &t->items[t->n];
    info->name = PyUnicode_FromString(f->name);
    if (!info->name)
        return -1;
    PyUnicode_InternInPlace(&info->name);
    info->type = f->type->canon;
    info->offset = (Py_ssize_t)(base + f->offset);
    info->bits = f->bits;
    info->shift = f->bits >= 0              ? (int16_t)f->bit_shift
                  : is_open(f->type->canon) ? SHIFT_EMPTY_ARRAY
                                            : SHIFT_REGULAR;
    info->code = jpy_code_of(st, info->type);
    info->flags = flags;
    if (st->cffi && f->bits >= 0 && info->type->kind == JF_CHAR)
        info->flags |= FIELD_UNSIGNED; /* to cffi char has no sign */
    info->quals = f->quals;
    for (const jf_Type *a = f->type; a->kind == JF_ARRAY; a = a->to)
        info->quals |= a->quals; /* `const int x[2][3]`: of the items */
    t->n++;
    return 0;
}

static int fill(State *st, FieldTable *t, const jf_Type *rec, uint64_t base,
                uint8_t flags)
{
    const jf_Record *r = rec->u.rec;
    for (uint32_t i = 0; i < r->n_fields; i++) {
        const jf_Field *f = &r->fields[i];
        uint8_t own = flags;
        if (rec->kind == JF_UNION && i > 0)
            own |= FIELD_NOT_IN_CTOR;
        if (f->name) {
            if (fill_one(st, t, f, base, own) < 0)
                return -1;
        } else if (f->bits < 0 && jf_is_record(f->type->canon)) {
            if (fill(st, t, f->type->canon, base + f->offset, own) < 0)
                return -1;
        }
    }
    return 0;
}

static int index_names(FieldTable *t)
{
    t->by_name = PyDict_New();
    if (!t->by_name)
        return -1;
    for (uint32_t i = 0; i < t->n; i++) {
        PyObject *number = PyLong_FromUnsignedLong(i);
        int bad = !number || PyDict_SetItem(t->by_name, t->items[i].name, number);
        Py_XDECREF(number);
        if (bad)
            return -1;
        uint32_t c = jpy_field_cell(t, t->items[i].name);
        while (t->cells[c].name)
            c = (c + 1) & t->mask;
        t->cells[c].name = t->items[i].name;
        t->cells[c].field = &t->items[i];
    }
    return 0;
}

static FieldTable *table_new(State *st, const jf_Type *rec)
{
    uint32_t n = count_fields(rec), cells = 4;
    while (cells < 2 * n)
        cells *= 2;
    FieldTable *t = PyMem_Calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->items = PyMem_Calloc(n ? n : 1, sizeof *t->items);
    t->cells = PyMem_Calloc(cells, sizeof *t->cells);
    t->mask = cells - 1;
    t->flex = (rec->u.rec->flags & JF_R_FLEX) != 0;
    if (!t->items || !t->cells) {
        PyErr_NoMemory();
    } else if (fill(st, t, rec, 0, 0) == 0 && index_names(t) == 0) {
        return t;
    }
    jpy_fields_free(t);
    return NULL;
}

void jpy_fields_free(FieldTable *t)
{
    if (!t)
        return;
    for (uint32_t i = 0; t->items && i < t->n; i++) {
        Py_XDECREF(t->items[i].name);
        Py_XDECREF(t->items[i].ctype);
    }
    Py_XDECREF(t->by_name);
    PyMem_Free(t->items);
    PyMem_Free(t->cells);
    PyMem_Free(t);
}

/* --- asking --------------------------------------------------------------- */

FieldTable *jpy_fields(CTypeObject *ct)
{
    if (ct->fields)
        return ct->fields;
    if (ct->type->kind == JF_PTR && jf_is_record(ct->type->to->canon)) {
        CTypeObject *item = jpy_item(ct);
        if (!item)
            return NULL;
        ct->fields = jpy_fields(item);
        return ct->fields;
    }
    if (ct->code != V_RECORD ||
        !(ct->type->u.rec->flags & (JF_R_COMPLETE | JF_R_LAZY)))
        return NULL;
    if (jpy_layout(ct) < 0)
        return NULL;
    ct->fields = table_new(ct->st, ct->type);
    if (!ct->fields && !PyErr_Occurred())
        PyErr_NoMemory();
    return ct->fields;
}

FieldInfo *jpy_field_search(FieldTable *t, PyObject *name)
{
    for (uint32_t c = jpy_field_cell(t, name); t->cells[c].name;
         c = (c + 1) & t->mask)
        if (t->cells[c].name == name)
            return t->cells[c].field;
    if (PyUnicode_CheckExact(name) && PyUnicode_CHECK_INTERNED(name))
        return NULL; /* equal interned strings are the same string */
    PyObject *number = PyDict_GetItemWithError(t->by_name, name);
    if (!number) {
        PyErr_Clear(); /* an unhashable key is no name either */
        return NULL;
    }
    return &t->items[PyLong_AsSize_t(number)];
}

CTypeObject *jpy_field_type(State *st, FieldInfo *f)
{
    if (!f->ctype)
        f->ctype = jpy_ctype(st, f->type);
    return f->ctype;
}

/* --- CField --------------------------------------------------------------- */

typedef struct CFieldObject {
    PyObject_HEAD PyObject *type; /* owned */
    Py_ssize_t offset;
    short bitshift;
    short bitsize;
    unsigned char flags;
} CFieldObject;

PyObject *jpy_cfield(State *st, FieldInfo *f)
{
    CTypeObject *type = jpy_field_type(st, f);
    CFieldObject *o = type ? PyObject_New(CFieldObject, st->cfield_type) : NULL;
    if (!o)
        return NULL;
    o->type = Py_NewRef((PyObject *)type);
    o->offset = f->offset;
    o->bitshift = f->shift;
    o->bitsize = f->bits;
    o->flags = f->flags & FIELD_NOT_IN_CTOR;
    return (PyObject *)o;
}

static void cfield_dealloc(CFieldObject *o)
{
    PyTypeObject *tp = Py_TYPE(o);
    Py_DECREF(o->type);
    PyObject_Free(o);
    Py_DECREF(tp);
}

static PyObject *cfield_repr(CFieldObject *o)
{
    if (o->bitsize >= 0)
        return PyUnicode_FromFormat("<cfield %R offset %zd, bits %d at %d>",
                                    o->type, o->offset, o->bitsize, o->bitshift);
    return PyUnicode_FromFormat("<cfield %R offset %zd>", o->type, o->offset);
}

#define OFF(x) offsetof(CFieldObject, x)
static PyMemberDef cfield_members[] = {
    {"type", T_OBJECT, OFF(type), READONLY, "ctype of the member"},
    {"offset", T_PYSSIZET, OFF(offset), READONLY, "bytes from the start"},
    {"bitshift", T_SHORT, OFF(bitshift), READONLY,
     "bits above the low end of the storage unit; -1: no bit-field; -2: an array "
     "without length"},
    {"bitsize", T_SHORT, OFF(bitsize), READONLY, "width of a bit-field, or -1"},
    {"flags", T_UBYTE, OFF(flags), READONLY,
     "1: a union member that initialisers skip"},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot cfield_slots[] = {
    {Py_tp_dealloc, cfield_dealloc},
    {Py_tp_repr, cfield_repr},
    {Py_tp_members, cfield_members},
    {Py_tp_doc, "Where a member of a struct or union lies."},
    {0, NULL},
};

static PyType_Spec cfield_spec = {
    .name = "jiffi.CField",
    .basicsize = sizeof(CFieldObject),
    .flags = Py_TPFLAGS_DEFAULT | JPY_TPFLAGS_NO_NEW,
    .slots = cfield_slots,
};

int jpy_init_cfield(State *st, PyObject *module)
{
    st->cfield_type = jpy_type(st, module, &cfield_spec, NULL);
    if (!st->cfield_type)
        return -1;
    jpy_type_no_new(st->cfield_type);
    return PyModule_AddObjectRef(module, "CField", (PyObject *)st->cfield_type);
}
