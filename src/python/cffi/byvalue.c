/* SPDX-License-Identifier: MIT
 *
 * What cffi refuses to pass by value where it calls through libffi: functions of
 * dlopen(), function pointers, variadic functions, callbacks. jiffi can pass it
 * all; programs written for cffi may count on the refusal, and its tests do. And
 * what it refuses in a compiled module's structs with function pointers. The words
 * are those of cffi 2.1.
 */
#include "python/call.h"

static const char API_MODE[] =
    " are only supported as %s if the function is 'API mode' and non-variadic "
    "(i.e. "
    "declared inside ffibuilder.cdef()+ffibuilder.set_source() and not taking a "
    "final '...' argument)";

/* "ctype 'T' not supported as <place><reason>  <what> are only supported ..." */
static int refuse(State *st, jf_Type *t, const char *place, const char *reason,
                  const char *what)
{
    CTypeObject *ct = jpy_ctype(st, t);
    PyObject *tail = PyUnicode_FromFormat(API_MODE, place);
    if (ct && tail)
        PyErr_Format(PyExc_NotImplementedError,
                     "ctype '%s' not supported as %s%s.  %s%U", jpy_cname(ct),
                     place, reason, what, tail);
    Py_XDECREF(tail);
    Py_XDECREF((PyObject *)ct);
    return -1;
}

static int refuse_struct(State *st, jf_Type *t, const char *place,
                         const char *reason)
{
    return refuse(st, t, place, reason, "Such structs");
}

/* Did packing move anything? */
static bool is_repacked(const jf_Type *t)
{
    const jf_Record *r = t->u.rec;
    uint32_t align = 1;
    if (!(r->flags & JF_R_PACKED) && !r->pack)
        return false;
    for (uint32_t i = 0; i < r->n_fields; i++) {
        const jf_Field *f = &r->fields[i];
        if (f->bits >= 0)
            continue;
        align = f->type->align > align ? f->type->align : align;
        if (f->type->align && f->offset % f->type->align)
            return true;
    }
    return t->size % align != 0;
}

static int check(State *st, jf_Type *t, const char *place);

static int check_struct(State *st, jf_Type *t, const char *place)
{
    const jf_Record *r = t->u.rec;
    bool anonymous = false, bits = false, empty = false;
    for (uint32_t i = 0; i < r->n_fields; i++) {
        const jf_Field *f = &r->fields[i];
        const jf_Type *a = f->type;
        anonymous |= !f->name && f->bits < 0 && jf_is_record(a);
        bits |= f->bits >= 0;
        for (; a->kind == JF_ARRAY; a = a->to)
            empty |= a->length == 0 || a->length == JF_UNKNOWN;
    }
    if (anonymous || r->flags & JF_R_CUSTOM)
        return refuse_struct(
            st, t, place,
            ".  It is a struct declared with \"...;\", but the C calling "
            "convention may depend on the missing fields; or, it contains "
            "anonymous struct/unions");
    if (is_repacked(t))
        return refuse_struct(st, t, place,
                             ".  It is a 'packed' structure, with a different "
                             "layout than expected by libffi");
    if (bits)
        return refuse_struct(st, t, place,
                             ".  It is a struct with bit fields, which libffi does "
                             "not support");
    if (empty)
        return refuse_struct(st, t, place,
                             ".  It is a struct with a zero-length array, which "
                             "libffi does not support");
    for (uint32_t i = 0; i < r->n_fields; i++) {
        jf_Type *a = r->fields[i].type;
        while (a->kind == JF_ARRAY)
            a = a->to;
        if (check(st, a, "argument") < 0)
            return -1;
    }
    return 0;
}

/* 0, or -1 with an exception. */
static int check(State *st, jf_Type *t, const char *place)
{
    CTypeObject *ct;
    int status = -1;
    if (t->kind != JF_COMPLEX && t->kind != JF_VECTOR && !jf_is_record(t))
        return 0;
    ct = jpy_ctype(st, t);
    if (!ct || jpy_layout(ct) < 0)
        ;
    else if (ct->size <= 0)
        PyErr_Format(PyExc_TypeError,
                     ct->size < 0 ? "ctype '%s' has incomplete type"
                                  : "ctype '%s' has size 0",
                     jpy_cname(ct));
    else if (t->kind == JF_STRUCT)
        status = check_struct(st, t, place);
    else if (t->kind == JF_UNION)
        status = refuse(st, t, place, " by libffi", "Unions");
    else
        PyErr_Format(PyExc_NotImplementedError,
                     "ctype '%s' (size %zd) not supported as %s%s", jpy_cname(ct),
                     ct->size, place,
                     t->kind == JF_COMPLEX
                         ? " (the support for complex types inside libffi is "
                           "mostly missing at this point, so CFFI only supports "
                           "complex types as arguments or return value in "
                           "API-mode functions)"
                         : "");
    Py_XDECREF((PyObject *)ct);
    return status;
}

/* --- members that are function pointers ------------------------------------ */

/* A record whose members are being looked at, and the ones that led there. */
typedef struct Path {
    const jf_Type *rec;
    const struct Path *up;
    unsigned depth;
} Path;

enum { PATH_MAX_DEPTH = 1000 };

static int check_members(State *st, jf_Type *rec, const Path *up);

static int too_deep(void)
{
    PyErr_SetString(
        PyExc_RuntimeError,
        "type-building recursion too deep or infinite.  This is known to occur "
        "e.g. "
        "in ``struct s { void(*callable)(struct s); }''.  Please report if you get "
        "this error and really need support for your case.");
    return -1;
}

/* cffi makes a function pointer's type ready to be called when it is met, and so
 * lays out what goes in and out by value. */
static int check_passed(State *st, jf_Type *t, const char *format, const Path *up)
{
    if (!jf_is_record(t))
        return 0;
    if (t->u.rec->flags & (JF_R_COMPLETE | JF_R_LAZY))
        return check_members(st, t, up);
    CTypeObject *ct = jpy_ctype(st, t);
    if (ct)
        PyErr_Format(PyExc_TypeError, format, jpy_cname(ct));
    Py_XDECREF((PyObject *)ct);
    return -1;
}

static int check_member(State *st, jf_Type *t, const Path *up)
{
    while (t->kind == JF_ARRAY || t->kind == JF_PTR)
        t = t->to;
    if (t->kind != JF_FUNC)
        return 0;
    const jf_FuncInfo *f = t->u.func;
    int bad = check_passed(st, t->to, "result type '%s' is opaque", up);
    for (uint32_t i = 0; bad == 0 && !(t->flags & JF_T_VARIADIC) && i < f->n_params;
         i++)
        bad = check_passed(st, f->params[i], "ctype '%s' has incomplete type", up);
    return bad;
}

static int check_members(State *st, jf_Type *rec, const Path *up)
{
    const Path here = {rec, up, up ? up->depth + 1 : 0};
    const jf_Record *r = rec->u.rec;
    if (rec->flags & JF_T_LAID_OUT || !rec->group || !rec->group->oracle)
        return 0;
    for (const Path *p = up; p; p = p->up)
        if (p->rec == rec)
            return too_deep();
    if (here.depth > PATH_MAX_DEPTH)
        return too_deep();
    for (uint32_t i = 0; i < r->n_fields; i++)
        if (check_member(st, r->fields[i].type, &here) < 0)
            return -1;
    return 0;
}

int jpy_byvalue_check_members(State *st, jf_Type *rec)
{
    if (!st->cffi || !jf_is_record(rec))
        return 0;
    if (!(rec->u.rec->flags & JF_R_REOPENED))
        return check_members(st, rec, NULL);
    CTypeObject *ct = jpy_ctype(st, rec);
    const char *name = ct ? jpy_cname(ct) : "";
    if (ct)
        PyErr_Format(
            PyExc_NotImplementedError,
            "'%s' is opaque in the ffi.include(), but no longer in the ffi "
            "doing the include (workaround: don't use ffi.include() but "
            "duplicate the declarations of everything using %s)",
            name, name);
    Py_XDECREF((PyObject *)ct);
    return -1;
}

/* --- calls ------------------------------------------------------------------- */

int jpy_byvalue_check(State *st, jf_Type *fn)
{
    if (!st->cffi)
        return 0;
    const jf_FuncInfo *f = fn->u.func;
    int bad = check(st, fn->to, "return value");
    for (uint32_t i = 0; bad == 0 && i < f->n_params; i++)
        bad = check(st, f->params[i], "argument");
    return bad;
}

int jpy_byvalue_check_extra(State *st, jf_Type *t)
{
    return st->cffi ? check(st, t, "argument") : 0;
}

int jpy_byvalue_check_callback(State *st, CTypeObject *ct)
{
    if (jpy_byvalue_check(st, ct->type->to) == 0)
        return 0;
    if (!PyErr_ExceptionMatches(PyExc_NotImplementedError))
        return -1;
    PyErr_Clear();
    PyErr_Format(PyExc_NotImplementedError,
                 "%s: callback with unsupported argument or return type or "
                 "with '...'",
                 jpy_cname(ct));
    return -1;
}
