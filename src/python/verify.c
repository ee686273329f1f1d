/* SPDX-License-Identifier: MIT
 *
 * ffi.verify(): a compiled module is made of what an FFI declares already, so that
 * the module's answers go to that FFI and its types stay what they are. Everything
 * is held against the C compiler's numbers at once, in cffi's words. The rest of
 * verify() is Python: jiffi/build/verifier.py.
 */
#include <string.h>

#include "python/modgen.h"

typedef struct Check {
    State *st;
    const jf_Scope *scope;
    const jf_Oracle *oracle;
    const char *name; /* of the record, as its table has it */
    int status;       /* -1 with an exception */
} Check;

/* --- records -------------------------------------------------------------- */

static int differ(Check *c, const char *what, const char *field, uint64_t ours,
                  uint64_t theirs)
{
    if (ours == theirs)
        return 0;
    PyErr_Format(c->st->verification_error,
                 "%s: wrong %s%s%s%s (we have %llu, but C compiler says %llu)",
                 c->name, what, field ? " for field '" : "", field ? field : "",
                 field ? "'" : "", (unsigned long long)ours,
                 (unsigned long long)theirs);
    return -1;
}

static int check_members(Check *c, const jf_Type *t, uint64_t base)
{
    for (uint32_t i = 0; i < t->u.rec->n_fields; i++) {
        const jf_Field *f = &t->u.rec->fields[i];
        uint64_t offset, size = 0, at = base + f->offset;
        if (!f->name && f->bits < 0 && jf_is_record(f->type)) {
            if (check_members(c, f->type, at) < 0)
                return -1;
            continue;
        }
        if (!f->name || f->bits >= 0 ||
            !c->oracle->member(c->oracle->ctx, c->name, f->name, &offset, &size))
            continue;
        if (differ(c, "offset", f->name, at, offset) < 0)
            return -1;
        if (size && f->type->size != JF_UNKNOWN &&
            differ(c, "size", f->name, f->type->size, size) < 0)
            return -1;
    }
    return 0;
}

/* A complete one, which our own rules have laid out; those that contain an open one
 * have no layout yet. */
static int check_record(Check *c, jf_Type *t)
{
    uint64_t size, align;
    const uint16_t open = JF_R_PARTIAL | JF_R_DOTS_ARRAY | JF_R_OPAQUE_DOTS;
    if (t->u.rec->flags & open || !(t->u.rec->flags & JF_R_COMPLETE))
        return 0;
    jf_Diag d = JF_DIAG_INIT;
    jf_Status st = jf_layout(c->st->universe->target, t, &d);
    jf_diag_clear(&d);
    if (st != JF_OK || !c->oracle->record(c->oracle->ctx, c->name, &size, &align))
        return 0;
    return differ(c, "total size", NULL, t->size, size) < 0 ||
                   differ(c, "total alignment", NULL, t->align, align) < 0 ||
                   check_members(c, t, 0) < 0
               ? -1
               : 0;
}

/* One that is open, by the numbers that it has now. */
static int check_open(Check *c, jf_Type *t)
{
    uint64_t size, align;
    if (!c->oracle->record(c->oracle->ctx, c->name, &size, &align))
        return 0;
    jf_Diag d = JF_DIAG_INIT;
    jf_Status st = jf_layout(c->st->universe->target, t, &d);
    if (st == JF_OK)
        return 0;
    if (st == JF_NOMEM)
        jpy_raise_status(c->st, &d);
    else
        jpy_raise(c->st->verification_error, &d);
    return -1;
}

static int each_record(Check *c, jf_Group *g, int (*check)(Check *, jf_Type *))
{
    for (jf_Type *t = g->members; t; t = t->chain) {
        if (!jf_is_record(t))
            continue;
        jf_Buf name = JF_BUF_INIT;
        int bad = 0;
        bool named = jf_type_oracle_name(t, &name);
        c->name = name.p;
        if (name.failed)
            PyErr_NoMemory(), bad = -1;
        else if (named)
            bad = check(c, t);
        jf_buf_free(&name);
        if (bad < 0)
            return -1;
    }
    return 0;
}

/* --- values --------------------------------------------------------------- */

static PyObject *number(int64_t bits, bool is_signed)
{
    return is_signed ? PyLong_FromLongLong(bits)
                     : PyLong_FromUnsignedLongLong((unsigned long long)bits);
}

/* `prefix`: "enum foo: ", or "". */
static int check_value(Check *c, const char *prefix, const jf_Symbol *sym)
{
    int64_t bits = 0;
    bool negative = false, below = sym->value < 0 && !(sym->flags & JF_S_UNSIGNED);
    if (sym->kind != JF_SYM_CONSTANT || sym->flags & (JF_S_DOTS | JF_S_INCLUDED) ||
        !c->oracle->integer(c->oracle->ctx, sym->name, &bits, &negative) ||
        (bits == sym->value && negative == below))
        return 0;
    PyObject *real = number(bits, negative), *ours = number(sym->value, below);
    if (real && ours)
        PyErr_Format(c->st->verification_error,
                     "%s%s has the real value %S, not %S", prefix, sym->name, real,
                     ours);
    Py_XDECREF(real);
    Py_XDECREF(ours);
    return -1;
}

static int check_enums(Check *c, jf_Group *g)
{
    for (jf_Type *t = g->members; t; t = t->chain) {
        if (t->kind != JF_ENUM)
            continue;
        const jf_EnumInfo *e = t->u.en;
        jf_Buf prefix = JF_BUF_INIT;
        jf_buf_printf(&prefix, "enum %s: ",
                      e->tag     ? e->tag
                      : e->alias ? e->alias
                                 : "(anonymous)");
        int bad = prefix.failed ? -1 : 0;
        if (bad < 0)
            PyErr_NoMemory();
        for (uint32_t i = 0; bad == 0 && i < e->n_items; i++) {
            const char *name = e->items[i].name;
            const jf_Symbol *sym = jf_scope_find(c->scope, name, strlen(name));
            bad = sym ? check_value(c, prefix.p, sym) : 0;
        }
        jf_buf_free(&prefix);
        if (bad < 0)
            return -1;
    }
    return 0;
}

static bool visit_constant(void *ctx, const jf_Symbol *sym)
{
    Check *c = ctx;
    if (!(sym->flags & JF_S_ENUMERATOR))
        c->status = check_value(c, "", sym);
    return c->status == 0;
}

/* --- all of it ------------------------------------------------------------ */

int jpy_verify_take(FFIObject *ffi, ModGen *g)
{
    jf_Group *group = jf_scope_group(ffi->scope);
    const jf_Oracle *before = group->oracle;
    Check c = {.st = ffi->st, .scope = ffi->scope, .oracle = &g->oracle};
    group->oracle = NULL; /* laid out by our own rules, then compared */
    int bad = each_record(&c, group, check_record) < 0 || check_enums(&c, group) < 0
                  ? -1
                  : 0;
    if (bad == 0) {
        jf_scope_each(ffi->scope, visit_constant, &c);
        bad = c.status;
    }
    group->oracle = before;
    jf_Diag d = JF_DIAG_INIT;
    if (bad == 0 && jf_scope_answer(ffi->scope, &g->oracle, &d) != JF_OK) {
        jpy_raise_status(ffi->st, &d);
        bad = -1;
    }
    if (bad == 0 && (bad = each_record(&c, group, check_open)) < 0)
        group->oracle = before;
    if (bad < 0)
        return -1;
    ffi->oracle = &g->oracle;
    PyDict_Clear(ffi->types);
    return jpy_libs_refresh(ffi);
}

/* _verify(ffi, load): call load(), which imports a module that was generated from
 * what `ffi` declares; the module gets that FFI instead of one of its own. */
static PyObject *verify(PyObject *self, PyObject *args)
{
    State *st = jpy_state(self);
    PyObject *o, *load;
    if (!PyArg_UnpackTuple(args, "_verify", 2, 2, &o, &load))
        return NULL;
    if (!PyObject_TypeCheck(o, st->ffi_type)) {
        PyErr_Format(PyExc_TypeError, "_verify() needs an FFI, not %.200s",
                     Py_TYPE(o)->tp_name);
        return NULL;
    }
    FFIObject *outer = st->verifying;
    st->verifying = (FFIObject *)o;
    PyObject *result = PyObject_CallNoArgs(load);
    st->verifying = outer;
    return result;
}

static PyMethodDef functions[] = {
    {"_verify", verify, METH_VARARGS,
     "_verify(ffi, load) -> load()\n\nThe generated module that load() imports "
     "answers for what `ffi` declares."},
    {NULL, NULL, 0, NULL}};

int jpy_init_verify(State *st, PyObject *module)
{
    (void)st;
    return PyModule_AddFunctions(module, functions);
}
