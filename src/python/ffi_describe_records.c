/* SPDX-License-Identifier: MIT
 *
 * The records and enums of FFI._declared(), and every [...]: what a generated module
 * asks the C compiler. Names are those by which jf_Oracle is asked later. What no C
 * expression can name (the types of parameters that were defined there, of results)
 * is left out: nothing can be asked about it.
 */
#include <string.h>

#include "python/describe.h"

/* --- lengths ------------------------------------------------------------------ */

/* One row for each dimension of `t` that is not known; `expr` has the type `t`.
 * `open_first`: nobody is to know the first. */
static int add_lengths(Describe *x, const char *name, const jf_Type *t,
                       const char *expr, bool open_first)
{
    jf_Buf b = JF_BUF_INIT;
    int bad = 0;
    jf_buf_text(&b, expr);
    for (int dim = 0; !bad && t->kind == JF_ARRAY; t = t->to, dim++) {
        if (b.failed) {
            PyErr_NoMemory();
            bad = -1;
        } else if (t->length == JF_UNKNOWN && (dim > 0 || !open_first)) {
            bad =
                jpy_describe_add(x->lengths, Py_BuildValue("sis", name, dim, b.p));
        }
        jf_buf_text(&b, "[0]");
    }
    jf_buf_free(&b);
    return bad;
}

int jpy_describe_symbol_lengths(Describe *x, const jf_Symbol *sym)
{
    bool is_typedef = sym->kind == JF_SYM_TYPEDEF;
    if (!(sym->flags & JF_S_DOTS) || sym->flags & JF_S_INCLUDED ||
        (!is_typedef && sym->kind != JF_SYM_VARIABLE))
        return 0;
    jf_Buf expr = JF_BUF_INIT;
    jf_buf_printf(&expr, is_typedef ? "(*(%s *)0)" : "%s", sym->name);
    if (expr.failed)
        PyErr_NoMemory();
    int bad = expr.failed ? -1
                          : add_lengths(x, sym->name, sym->type, expr.p,
                                        sym->flags & JF_S_OPEN_FIRST);
    jf_buf_free(&expr);
    return bad;
}

static int member_lengths(Describe *x, const jf_Type *rec, const jf_Field *f)
{
    jf_Buf name = JF_BUF_INIT, expr = JF_BUF_INIT;
    jf_type_oracle_name(rec, &name);
    jf_type_print_place(rec, &expr);
    jf_buf_printf(&name, ".%s", f->name);
    jf_buf_printf(&expr, ".%s", f->name);
    bool failed = name.failed || expr.failed;
    if (failed)
        PyErr_NoMemory();
    int bad = failed ? -1 : add_lengths(x, name.p, f->type, expr.p, f->dots == 2);
    jf_buf_free(&name);
    jf_buf_free(&expr);
    return bad;
}

/* --- members ------------------------------------------------------------------- */

static PyObject *dims_of(const jf_Field *f)
{
    if (!f->dots || f->type->kind != JF_ARRAY)
        Py_RETURN_NONE;
    PyObject *list = PyList_New(0);
    for (const jf_Type *t = f->type; list && t->kind == JF_ARRAY; t = t->to) {
        PyObject *n = t->length == JF_UNKNOWN
                          ? jpy_describe_word(NULL)
                          : PyLong_FromUnsignedLongLong(t->length);
        if (jpy_describe_add(list, n) < 0)
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *member(Describe *x, const jf_Field *f)
{
    PyObject *d = PyDict_New();
    bool open =
        f->type->kind == JF_ARRAY && f->type->length == JF_UNKNOWN && !f->dots;
    if (!d)
        return NULL;
    int bad = jpy_describe_put(d, "path", jpy_describe_word(f->name)) < 0 ||
              jpy_describe_put(d, "bits",
                               f->bits < 0 ? jpy_describe_word(NULL)
                                           : PyLong_FromLong(f->bits)) < 0 ||
              jpy_describe_put(d, "flexible", PyBool_FromLong(open)) < 0 ||
              jpy_describe_put(d, "dims", dims_of(f)) < 0 ||
              jpy_describe_put(
                  d, "type", jpy_describe_type(x->ffi->st, f->type, f->quals)) < 0;
    if (bad)
        Py_CLEAR(d);
    return d;
}

/* The members of anonymous ones are the record's own. `named`: that record. */
static int add_members(Describe *x, PyObject *list, const jf_Type *named,
                       const jf_Type *rec)
{
    const jf_Record *r = rec->u.rec;
    int bad = 0;
    for (uint32_t i = 0; !bad && i < r->n_fields; i++) {
        const jf_Field *f = &r->fields[i];
        if (f->name)
            bad = jpy_describe_add(list, member(x, f));
        else if (f->bits < 0 && jf_is_record(f->type))
            bad = add_members(x, list, named, f->type);
        if (!bad && f->name && f->dots)
            bad = member_lengths(x, named, f);
    }
    return bad;
}

/* --- records --------------------------------------------------------------------- */

/* Does a declaration that holds lead to it? A text that failed for want of memory
 * leaves records behind that nobody can see. */
static bool is_declared(const FFIObject *ffi, const jf_Type *t)
{
    const char *tag = t->kind == JF_ENUM ? t->u.en->tag : t->u.rec->tag;
    const char *alias = t->kind == JF_ENUM ? t->u.en->alias : t->u.rec->alias;
    if (tag)
        return jf_scope_tag(ffi->scope, (jf_Kind)t->kind, tag, strlen(tag)) == t;
    if (!alias && t->kind == JF_ENUM)
        return true;
    if (!alias && t->u.rec->outer)
        return is_declared(ffi, t->u.rec->outer);
    if (!alias)
        alias = t->u.rec->via + strspn(t->u.rec->via, "*");
    return jf_scope_find(ffi->scope, alias, strlen(alias)) != NULL;
}

static PyObject *place_of(const jf_Type *t)
{
    jf_Buf b = JF_BUF_INIT;
    jf_type_print_place(t, &b);
    return jpy_describe_buf(&b);
}

static PyObject *name_of_type(const jf_Type *t)
{
    jf_Buf b = JF_BUF_INIT;
    if (jf_is_record(t) && !t->u.rec->tag && !t->u.rec->alias)
        Py_RETURN_NONE;
    jf_type_print(t, "", 0, &b, NULL);
    return jpy_describe_buf(&b);
}

static PyObject *record(Describe *x, const jf_Type *t, PyObject *name)
{
    const jf_Record *r = t->u.rec;
    PyObject *d = PyDict_New(), *members = PyList_New(0);
    int bad =
        !d || !members || PyDict_SetItemString(d, "name", name) < 0 ||
        PyDict_SetItemString(d, "members", members) < 0 ||
        jpy_describe_put(d, "type", name_of_type(t)) < 0 ||
        jpy_describe_put(d, "expr", place_of(t)) < 0 ||
        jpy_describe_put(d, "union", PyBool_FromLong(t->kind == JF_UNION)) < 0 ||
        jpy_describe_put(d, "partial", PyBool_FromLong(r->flags & JF_R_PARTIAL)) <
            0 ||
        jpy_describe_put(d, "opaque",
                         PyBool_FromLong(!(r->flags & JF_R_COMPLETE))) < 0 ||
        jpy_describe_put(d, "packed", PyBool_FromLong(r->flags & JF_R_PACKED)) <
            0 ||
        jpy_describe_put(d, "pack", PyLong_FromLong(r->pack)) < 0 ||
        jpy_describe_put(d, "line", PyLong_FromUnsignedLong(r->line)) < 0 ||
        add_members(x, members, t, t) < 0;
    Py_XDECREF(members);
    if (bad)
        Py_CLEAR(d);
    return d;
}

static int add_record(Describe *x, const jf_Type *t)
{
    jf_Buf b = JF_BUF_INIT;
    if (t->u.rec->flags & JF_R_OPAQUE_DOTS || !jf_type_oracle_name(t, &b) ||
        !is_declared(x->ffi, t)) {
        jf_buf_free(&b);
        return 0;
    }
    PyObject *name = jpy_describe_buf(&b);
    int bad = name ? jpy_describe_add(x->records, record(x, t, name)) : -1;
    Py_XDECREF(name);
    return bad;
}

/* --- enums ------------------------------------------------------------------------- */

static PyObject *items_of(const jf_Type *t)
{
    PyObject *list = PyList_New(0);
    for (uint32_t i = 0; list && i < t->u.en->n_items; i++)
        if (jpy_describe_add(list, jpy_describe_word(t->u.en->items[i].name)) < 0)
            Py_CLEAR(list);
    return list;
}

static int add_enum(Describe *x, const jf_Type *t)
{
    jf_Buf b = JF_BUF_INIT;
    if (!(t->u.en->flags & JF_R_COMPLETE) || !is_declared(x->ffi, t))
        return 0;
    bool named = jf_type_oracle_name(t, &b);
    PyObject *name = named ? jpy_describe_buf(&b) : jpy_describe_word(NULL);
    PyObject *d = PyDict_New();
    int bad = !d || !name || PyDict_SetItemString(d, "name", name) < 0 ||
              jpy_describe_put(d, "items", items_of(t)) < 0 ||
              jpy_describe_put(d, "partial",
                               PyBool_FromLong(t->u.en->flags & JF_R_PARTIAL)) < 0;
    if (!bad && named)
        bad = jpy_describe_add(x->typedefs, Py_BuildValue("Os", name, "enum")) < 0;
    if (!bad)
        bad = PyList_Append(x->enums, d) < 0;
    Py_XDECREF(d);
    Py_XDECREF(name);
    return bad ? -1 : 0;
}

/* --- all of them -------------------------------------------------------------------- */

void jpy_describe_records(Describe *x)
{
    const jf_Type *t = jf_scope_group(x->ffi->scope)->members; /* newest first */
    for (; !x->bad && t; t = t->chain)
        x->bad = (t->kind == JF_ENUM ? add_enum(x, t) : add_record(x, t)) < 0;
    if (!x->bad)
        x->bad = PyList_Reverse(x->records) < 0 || PyList_Reverse(x->enums) < 0;
}
