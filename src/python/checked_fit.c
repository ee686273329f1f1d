/* SPDX-License-Identifier: MIT
 *
 * Types in checked mode: what may lie at a place of memory that was made as something
 * (C11 6.5p7, the types an object may be accessed by, a little wider), which pointers
 * are to const, and what a place is called.
 */
#include "python/checked.h"

/* --- fitting ---------------------------------------------------------------------- */

/* char, signed or unsigned, and what has no size: they may look at anything. */
static bool is_byte(const jf_Type *t)
{
    return t->kind == JF_VOID || t->kind == JF_FUNC || t->size == JF_UNKNOWN ||
           (t->size == 1 && jf_is_integral(t));
}

static bool scalars_fit(const jf_Type *a, const jf_Type *b)
{
    if (a->size != b->size)
        return false;
    /* An address is often kept in an integer. */
    bool a_int = jf_is_integral(a) || a->kind == JF_PTR;
    bool b_int = jf_is_integral(b) || b->kind == JF_PTR;
    return a->kind == b->kind || (a_int && b_int);
}

bool jpy_type_fits(const jf_Type *made, uint64_t offset, const jf_Type *t)
{
    made = made->canon;
    for (t = t->canon; t->kind == JF_ARRAY; t = t->to->canon)
        continue;
    if (is_byte(t) || is_byte(made) || made == t)
        return is_byte(t) || is_byte(made) || offset == 0 || offset % t->size == 0;
    if (made->kind == JF_ARRAY) {
        const jf_Type *item = made->to->canon;
        return is_byte(item) ||
               jpy_type_fits(item, item->size ? offset % item->size : 0, t);
    }
    if (!jf_is_record(made))
        return offset == 0 && scalars_fit(made, t);
    const jf_Record *r = made->u.rec;
    if (!(r->flags & JF_R_COMPLETE) || (r->flags & JF_R_CUSTOM))
        return true; /* there is more in it than is known */
    for (uint32_t i = 0; i < r->n_fields; i++) {
        const jf_Field *f = &r->fields[i];
        const jf_Type *type = f->type->canon;
        bool open = type->kind == JF_ARRAY && type->size == JF_UNKNOWN;
        if (offset >= f->offset && (open || offset - f->offset < type->size) &&
            jpy_type_fits(type, offset - f->offset, t))
            return true;
    }
    return false;
}

bool jpy_type_has_pointers(const jf_Type *t)
{
    for (t = t->canon; t->kind == JF_ARRAY; t = t->to->canon)
        continue;
    if (t->kind == JF_PTR)
        return true;
    if (!jf_is_record(t))
        return false;
    const jf_Record *r = t->u.rec;
    if (!(r->flags & JF_R_COMPLETE))
        return true;
    for (uint32_t i = 0; i < r->n_fields; i++)
        if (jpy_type_has_pointers(r->fields[i].type))
            return true;
    return false;
}

/* --- const ------------------------------------------------------------------------ */

/* The member as it was declared, which lies at `base` of something with more. */
static const jf_Field *declared(const jf_Type *rec, uint64_t base,
                                const FieldInfo *f)
{
    const jf_Record *r = rec->u.rec;
    for (uint32_t i = 0; i < r->n_fields; i++) {
        const jf_Field *d = &r->fields[i];
        const jf_Field *in = NULL;
        if (d->name && base + d->offset == (uint64_t)f->offset &&
            d->type->canon == f->type &&
            PyUnicode_CompareWithASCIIString(f->name, d->name) == 0)
            return d;
        if (!d->name && d->bits < 0 && jf_is_record(d->type->canon))
            in = declared(d->type->canon, base + d->offset, f);
        if (in)
            return in;
    }
    return NULL;
}

bool jpy_points_to_const(const jf_Type *rec, const FieldInfo *f)
{
    const jf_Field *d = f->type->kind == JF_PTR ? declared(rec, 0, f) : NULL;
    return d && d->type->kind == JF_PTR && (jpy_item_quals(d->type) & JF_Q_CONST);
}

int jpy_text_is_const(FFIObject *ffi, PyObject *type)
{
    if (!PyUnicode_Check(type))
        return 0;
    PyObject *key = PyTuple_Pack(1, type); /* no spelling of a type is a tuple */
    PyObject *hit = key ? PyDict_GetItemWithError(ffi->types, key) : NULL;
    int is_const = hit ? hit == Py_True : 0;
    Py_ssize_t n;
    const char *s =
        hit || !key || PyErr_Occurred() ? NULL : PyUnicode_AsUTF8AndSize(type, &n);
    if (s) {
        jf_Type *t = NULL;
        jf_Diag d = JF_DIAG_INIT;
        if (jf_parse_type(ffi->scope, s, (size_t)n, &t, NULL, &d) == JF_OK) {
            if (t->kind == JF_PTR || t->kind == JF_ARRAY)
                is_const = (jpy_item_quals(t) & JF_Q_CONST) != 0;
            jf_type_unref(ffi->st->universe, t);
        } else {
            jf_diag_clear(&d); /* whoever makes the type says it */
        }
        if (PyDict_SetItem(ffi->types, key, is_const ? Py_True : Py_False) < 0)
            is_const = -1;
    }
    Py_XDECREF(key);
    return PyErr_Occurred() ? -1 : is_const;
}

/* --- names of places -------------------------------------------------------------- */

/* The member of `t` that `offset` lies in; NULL. */
static const jf_Field *member_at(const jf_Type *t, uint64_t offset)
{
    const jf_Record *r = t->u.rec;
    for (uint32_t i = 0; i < r->n_fields; i++) {
        const jf_Field *f = &r->fields[i];
        const jf_Type *type = f->type->canon;
        if (offset >= f->offset &&
            (type->size == JF_UNKNOWN || offset - f->offset < type->size))
            return f;
    }
    return NULL;
}

PyObject *jpy_place_name(const Allocation *a, Py_ssize_t offset)
{
    const jf_Type *t = a->ctype->type;
    uint64_t at = (uint64_t)offset;
    bool is_pointer = t->kind == JF_PTR;
    if (is_pointer)
        t = t->to->canon;
    PyObject *name = jf_is_record(t) && is_pointer
                         ? PyUnicode_FromFormat("%s", jpy_cname(a->ctype))
                         : PyUnicode_FromString(jpy_cname(a->ctype));
    const char *dot = is_pointer ? "->" : ".";
    while (name && (t->kind == JF_ARRAY || jf_is_record(t))) {
        if (t->kind == JF_ARRAY) {
            t = t->to->canon;
            if (!t->size || t->size == JF_UNKNOWN)
                break;
            Py_SETREF(name,
                      PyUnicode_FromFormat("%U [%llu]", name,
                                           (unsigned long long)(at / t->size)));
            at %= t->size;
        } else {
            const jf_Field *f = member_at(t, at);
            if (!f)
                break;
            if (f->name) {
                Py_SETREF(name, PyUnicode_FromFormat("%U%s%s", name, dot, f->name));
                dot = ".";
            }
            at -= f->offset;
            t = f->type->canon;
        }
    }
    return name;
}
