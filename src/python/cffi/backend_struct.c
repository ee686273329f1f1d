/* SPDX-License-Identifier: MIT
 *
 * complete_struct_or_union(): members for a struct or union made by name. The
 * core lays it out, by the rules for bit-fields that the flags ask for; offsets,
 * size and alignment that the caller brings (from a C compiler) win over that, or
 * are held against it.
 *
 * The layout is tried on a record of the same members that nobody sees: a failure
 * leaves the real one as it was.
 */
#include "python/cffi/backend.h"

#include <string.h>

/* The numbers are cffi's interface. */
enum {
    S_MSVC = 0x01, /* Microsoft's rules */
    S_ARM = 0x02,  /* GCC's on Arm */
    S_BIG_ENDIAN = 0x04,
    S_PACKED = 0x08,
    S_X86 = 0x10, /* GCC's elsewhere */
    S_LITTLE_ENDIAN = 0x40,
    S_CHECK = 0x80 /* given numbers must be those computed */
};

/* One call. */
typedef struct Completion {
    State *st;
    CTypeObject *ct;
    PyObject *list;      /* of (name, ctype[, bits[, offset]]) */
    jf_Field *fields;    /* n of them; owned */
    Py_ssize_t *offsets; /* given ones; -1 none; owned */
    uint32_t n;
    Py_ssize_t size; /* given; -1 none */
    int align;       /* given; -1 none */
    int sflags;      /* S_* */
    int pack;        /* 0 none */
} Completion;

static const char *field_name(const jf_Field *f)
{
    return f->name ? f->name : "";
}

/* --- reading the list ----------------------------------------------------- */

static int wrong_field(const Completion *c, const jf_Field *f, const char *what)
{
    PyErr_Format(PyExc_TypeError, "field '%U.%s' %s", jpy_ctype_name(c->ct),
                 field_name(f), what);
    return -1;
}

static int check_bits(const Completion *c, const jf_Field *f, CTypeObject *ct,
                      Py_ssize_t offset)
{
    if (offset >= 0)
        return wrong_field(c, f, "is a bitfield, but a fixed offset is specified");
    if (!jf_is_integral(ct->type)) {
        PyErr_Format(PyExc_TypeError,
                     "field '%U.%s' declared as '%U' cannot be a bit field",
                     jpy_ctype_name(c->ct), field_name(f), jpy_ctype_name(ct));
        return -1;
    }
    if (f->bits > 8 * ct->size) {
        PyErr_Format(PyExc_TypeError,
                     "bit field '%U.%s' is declared '%U:%d', which exceeds the "
                     "width of the type",
                     jpy_ctype_name(c->ct), field_name(f), jpy_ctype_name(ct),
                     f->bits);
        return -1;
    }
    if (f->bits == 0 && f->name)
        return wrong_field(c, f, "is declared with :0");
    return 0;
}

static int read_field(Completion *c, Py_ssize_t i)
{
    PyObject *name, *type;
    int bits = -1;
    Py_ssize_t offset = -1, n;
    if (!PyArg_ParseTuple(PyList_GET_ITEM(c->list, i), "UO|in:list item", &name,
                          &type, &bits, &offset))
        return -1;
    CTypeObject *ct = jpy_backend_ctype(c->st, "complete_struct_or_union", 2, type);
    const char *s = ct ? PyUnicode_AsUTF8AndSize(name, &n) : NULL;
    if (!s || jpy_layout(ct) < 0)
        return -1;
    jf_Field *f = &c->fields[i];
    f->type = ct->type;
    f->bits = (int16_t)(bits < 0 ? -1 : bits > INT16_MAX ? INT16_MAX : bits);
    if (n || (bits < 0 && ct->code != V_RECORD)) {
        f->name = jf_arena_strndup(&c->ct->type->group->arena, s, (size_t)n);
        if (!f->name)
            return PyErr_NoMemory(), -1;
    }
    c->offsets[i] = offset;
    bool open = CType_IsOpen(ct) && bits < 0 && (i == c->n - 1 || offset >= 0);
    if (ct->size < 0 && !open) {
        PyErr_Format(PyExc_TypeError,
                     "field '%U.%s' has ctype '%U' of unknown size",
                     jpy_ctype_name(c->ct), s, jpy_ctype_name(ct));
        return -1;
    }
    for (Py_ssize_t k = 0; f->name && k < i; k++) {
        if (c->fields[k].name && strcmp(c->fields[k].name, f->name) == 0) {
            PyErr_Format(PyExc_KeyError, "duplicate field name '%s'", s);
            return -1;
        }
    }
    return bits >= 0 ? check_bits(c, f, ct, offset) : 0;
}

/* --- laying out ----------------------------------------------------------- */

static int layout(Completion *c, jf_Type *rec)
{
    jf_BitRule rule = (jf_BitRule)c->st->universe->target->bits;
    if (c->sflags & S_MSVC)
        rule = JF_BITS_MS;
    else if (c->sflags & S_ARM)
        rule = JF_BITS_ARM;
    else if (c->sflags & S_X86)
        rule = JF_BITS_GNU;
    jf_Diag d = JF_DIAG_INIT;
    if (jf_layout_rules(c->st->universe->target, rec, rule,
                        c->sflags & S_BIG_ENDIAN, &d) == JF_OK)
        return 0;
    jpy_raise_status(c->st, &d);
    return -1;
}

/* GCC lets a packed bit-field begin amidst a byte and end beyond its unit; cffi
 * has no such fields, and says so. */
static int check_packed_bits(const Completion *c, const jf_Type *rec)
{
    if (!c->pack || (c->sflags & S_MSVC))
        return 0;
    for (uint32_t i = 0; i < c->n; i++) {
        const jf_Field *f = &rec->u.rec->fields[i];
        uint64_t size = 8 * f->type->size, unit = f->type->align;
        if (f->bits <= 0)
            continue;
        if ((uint64_t)c->pack < unit)
            unit = (uint64_t)c->pack;
        uint64_t at = f->offset * 8 + f->bit_shift, used = at % (8 * unit);
        if (used + (uint64_t)f->bits > size && used % 8) {
            PyErr_Format(PyExc_NotImplementedError,
                         "with 'packed', gcc would compile field '%U.%s' to reuse "
                         "some bits in the previous field",
                         jpy_ctype_name(c->ct), field_name(f));
            return -1;
        }
    }
    return 0;
}

/* A number of the C compiler's that differs from ours. */
static int differs(const Completion *c, const char *what, const char *field,
                   Py_ssize_t ours, Py_ssize_t theirs)
{
    if (ours == theirs || !(c->sflags & S_CHECK))
        return 0;
    PyObject *name = jpy_ctype_name(c->ct);
    PyErr_Format(
        c->st->ffi_error,
        "%U: wrong %s%s%s%s (cdef says %zd, but C compiler says %zd). fix "
        "it or use \"...;\" as the last field in the cdef for %U to make it "
        "flexible",
        name, what, field ? " for field '" : "", field ? field : "",
        field ? "'" : "", ours, theirs, name);
    return -1;
}

/* Bytes from the start to the end of a member. */
static uint64_t field_end(const jf_Field *f)
{
    uint64_t size = f->type->size == JF_UNKNOWN ? 0 : f->type->size;
    if (f->bits >= 0)
        size = (f->bit_shift + (uint64_t)f->bits + 7) / 8;
    return f->offset + size;
}

/* The offsets of `trial`, but those that were given; what comes behind a given one
 * follows it, as far as nothing else is said. *end: bytes up to the last one's. */
static int place(Completion *c, const jf_Type *trial, uint64_t *end)
{
    bool moved = false;
    uint64_t at = 0;
    *end = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        jf_Field *f = &c->fields[i];
        *f = trial->u.rec->fields[i];
        uint64_t align = f->type->align ? f->type->align : 1;
        if (c->pack && (uint64_t)c->pack < align)
            align = (uint64_t)c->pack;
        if (trial->kind == JF_UNION)
            at = 0;
        if (moved)
            f->offset = jf_round_up(at, align);
        if (c->offsets[i] >= 0) {
            if (differs(c, "offset", field_name(f), (Py_ssize_t)f->offset,
                        c->offsets[i]) < 0)
                return -1;
            moved |= f->offset != (uint64_t)c->offsets[i];
            f->offset = (uint64_t)c->offsets[i];
        }
        at = field_end(f);
        *end = jf_max64(*end, at);
    }
    return 0;
}

static int finish(Completion *c, const jf_Type *trial)
{
    uint64_t end;
    if (place(c, trial, &end) < 0)
        return -1;
    uint64_t align = trial->align, size = jf_round_up(end, align);
    if (trial->kind == JF_STRUCT || trial->size > size)
        size = jf_max64(size, end <= trial->size ? trial->size : size);
    if (size == 0)
        size = 1; /* as if it had a member: cffi's way, not GCC's */
    if (c->size >= 0) {
        if (differs(c, "total size", NULL, (Py_ssize_t)size, c->size) < 0)
            return -1;
        if ((uint64_t)c->size < end) {
            PyErr_Format(
                PyExc_TypeError,
                "%U cannot be of size %zd: there are fields at least up to %zd",
                jpy_ctype_name(c->ct), c->size, (Py_ssize_t)end);
            return -1;
        }
        size = (uint64_t)c->size;
    }
    if (c->align >= 0) {
        if (differs(c, "total alignment", NULL, (Py_ssize_t)align, c->align) < 0)
            return -1;
        align = (uint64_t)c->align;
    }
    jf_Type *rec = c->ct->type;
    jf_Diag d = JF_DIAG_INIT;
    if (!jf_type_complete(rec->group, rec, c->fields, c->n,
                          c->pack == 1 ? JF_R_PACKED : 0)) {
        PyErr_NoMemory();
        return -1;
    }
    rec->u.rec->pack = (uint16_t)(c->pack > 1 ? c->pack : 0);
    if (jf_layout_given(rec, size, (uint32_t)align, &d) == JF_OK)
        return jpy_layout(c->ct);
    rec->u.rec->flags &= (uint16_t)~JF_R_COMPLETE;
    jpy_raise_status(c->st, &d);
    return -1;
}

/* An open array amidst the others, which only a given offset allows, counts as
 * one of no items while the layout is tried. */
static int layout_trial(Completion *c, jf_Type *trial)
{
    jf_Field *fields = trial->u.rec->fields;
    int bad = 0;
    for (uint32_t i = 0; i + 1 < c->n && bad == 0; i++) {
        jf_Type *t = fields[i].type;
        if (t->kind != JF_ARRAY || t->length != JF_UNKNOWN)
            continue;
        jf_Type *empty = jf_type_array(c->st->universe, t->to, 0, 0);
        if (empty)
            fields[i].type = empty;
        else
            PyErr_NoMemory(), bad = -1;
    }
    if (bad == 0)
        bad = layout(c, trial);
    for (uint32_t i = 0; i < c->n; i++) {
        if (fields[i].type == c->fields[i].type)
            continue;
        jf_type_unref(c->st->universe, fields[i].type);
        fields[i].type = c->fields[i].type;
    }
    return bad;
}

static int complete(Completion *c)
{
    jf_Type *rec = c->ct->type;
    for (uint32_t i = 0; i < c->n; i++) {
        if (read_field(c, i) < 0)
            return -1;
    }
    jf_Type *trial = jf_type_record(rec->group, (jf_Kind)rec->kind, NULL, 0);
    if (!trial || !jf_type_complete(rec->group, trial, c->fields, c->n,
                                    c->pack == 1 ? JF_R_PACKED : 0)) {
        PyErr_NoMemory();
        return -1;
    }
    trial->u.rec->pack = (uint16_t)(c->pack > 1 ? c->pack : 0);
    return layout_trial(c, trial) < 0 || check_packed_bits(c, trial) < 0 ||
                   finish(c, trial) < 0
               ? -1
               : 0;
}

PyObject *jpy_backend_complete(PyObject *module, PyObject *args)
{
    Completion c = {.st = jpy_state(module), .size = -1, .align = -1};
    PyObject *type, *ignored = NULL;
    if (!PyArg_ParseTuple(args, "OO!|Oniii:complete_struct_or_union", &type,
                          &PyList_Type, &c.list, &ignored, &c.size, &c.align,
                          &c.sflags, &c.pack))
        return NULL;
    c.ct = jpy_backend_ctype(c.st, "complete_struct_or_union", 1, type);
    if (!c.ct)
        return NULL;
    if (c.ct->code != V_RECORD ||
        c.ct->type->u.rec->flags & (JF_R_COMPLETE | JF_R_OPAQUE_DOTS)) {
        PyErr_SetString(
            PyExc_TypeError,
            "first arg must be a non-initialized struct or union ctype");
        return NULL;
    }
    if (c.sflags & S_PACKED)
        c.pack = 1;
    if (c.pack < 0)
        c.pack = 0;
    c.n = (uint32_t)PyList_GET_SIZE(c.list);
    c.fields = PyMem_Calloc((size_t)c.n + 1, sizeof *c.fields);
    c.offsets = PyMem_Calloc((size_t)c.n + 1, sizeof *c.offsets);
    int bad = c.fields && c.offsets ? complete(&c) : -1;
    if (bad < 0 && !PyErr_Occurred())
        PyErr_NoMemory();
    PyMem_Free(c.fields);
    PyMem_Free(c.offsets);
    if (bad < 0)
        return NULL;
    Py_RETURN_NONE;
}
