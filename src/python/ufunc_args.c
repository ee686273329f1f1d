/* SPDX-License-Identifier: MIT
 *
 * What each parameter of a C function is to its ufunc: by its type, and by out=,
 * inout=, in_= and fixed=, which name parameters or give their numbers from 0. A
 * plain pointer says too little about what C does with it, so it has to be named.
 */
#include "python/dtype.h"
#include "python/ufunc.h"

#include <string.h>

/* --- whose role is what -------------------------------------------------- */

static const char *const role_words[] = {"", "in_=", "out=", "inout=", "fixed="};

/* Name of parameter `i`, not terminated; its length, 0 if nobody knows. */
static size_t param_name(const UfuncRecord *r, uint32_t i, const char **name)
{
    FunctionInfo *f = jpy_function_info(r->fn);
    return f ? jpy_signature_param(f->def.ml_doc, i, name) : 0;
}

/* "f(), parameter 'w'" of errors; NULL with an exception. */
static PyObject *param_text(const UfuncRecord *r, uint32_t i)
{
    const char *name;
    size_t n = param_name(r, i, &name);
    FunctionInfo *f = jpy_function_info(r->fn);
    PyObject *shown =
        n ? PyUnicode_DecodeUTF8(name, (Py_ssize_t)n, "replace") : NULL;
    PyObject *text = NULL;
    if (shown)
        text = PyUnicode_FromFormat("%s() parameter '%U'", f->def.ml_name, shown);
    else if (!n)
        text = PyUnicode_FromFormat("'%s' parameter %u", jpy_cname(r->fn->ctype),
                                    (unsigned)i);
    Py_XDECREF(shown);
    return text;
}

/* TypeError: "f() parameter 'w': " and the rest, where %s is the C type. -1. */
static int refuse(const UfuncRecord *r, uint32_t i, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    PyObject *what = PyUnicode_FromFormatV(format, args);
    va_end(args);
    PyObject *where = what ? param_text(r, i) : NULL;
    if (where)
        PyErr_Format(PyExc_TypeError, "ffi.ufunc(): %U: %U", where, what);
    Py_XDECREF(where);
    Py_XDECREF(what);
    return -1;
}

static int unknown_param(const UfuncRecord *r, PyObject *name, UfuncRole role)
{
    jf_Buf list = JF_BUF_INIT;
    for (uint32_t i = 0; i < r->n_params; i++) {
        const char *p;
        size_t n = param_name(r, i, &p);
        jf_buf_text(&list, i ? ", " : "");
        if (n)
            jf_buf_put(&list, p, n);
        else
            jf_buf_printf(&list, "%u", (unsigned)i);
    }
    if (list.failed)
        PyErr_NoMemory();
    else
        PyErr_Format(PyExc_TypeError,
                     "ffi.ufunc(): %s: the function has no parameter %R; it has %s",
                     role_words[role], name, list.p ? list.p : "none");
    jf_buf_free(&list);
    return -1;
}

/* The number of the parameter that `key` (a str or an int) is for; -1. */
static int param_index(const UfuncRecord *r, PyObject *key, UfuncRole role)
{
    if (PyLong_Check(key) && !PyBool_Check(key)) {
        Py_ssize_t i = PyNumber_AsSsize_t(key, PyExc_OverflowError);
        if (i == -1 && PyErr_Occurred())
            return -1;
        return i >= 0 && i < r->n_params ? (int)i : unknown_param(r, key, role);
    }
    if (!PyUnicode_Check(key)) {
        PyErr_Format(PyExc_TypeError,
                     "ffi.ufunc(): %s takes names of parameters or their numbers, "
                     "not %.200s",
                     role_words[role], Py_TYPE(key)->tp_name);
        return -1;
    }
    Py_ssize_t n;
    const char *text = PyUnicode_AsUTF8AndSize(key, &n);
    if (!text)
        return -1;
    for (uint32_t i = 0; i < r->n_params; i++) {
        const char *name;
        size_t len = param_name(r, i, &name);
        if (len && len == (size_t)n && memcmp(name, text, len) == 0)
            return (int)i;
    }
    return unknown_param(r, key, role);
}

static int set_role(UfuncRecord *r, PyObject *key, UfuncRole role)
{
    int i = param_index(r, key, role);
    if (i < 0)
        return -1;
    if (r->params[i].role != ROLE_ITEM)
        return refuse(r, (uint32_t)i, "named twice, in %s and %s",
                      role_words[r->params[i].role], role_words[role]);
    r->params[i].role = (uint8_t)role;
    return i;
}

/* `names`: NULL, None, one name or number, or several. */
static int set_roles(UfuncRecord *r, PyObject *names, UfuncRole role)
{
    if (!names || names == Py_None)
        return 0;
    if (PyUnicode_Check(names) || PyLong_Check(names))
        return set_role(r, names, role) < 0 ? -1 : 0;
    PyObject *all = PySequence_Fast(names, "");
    if (!all) {
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(PyExc_TypeError,
                         "ffi.ufunc(): %s takes names of parameters or their "
                         "numbers, not %.200s",
                         role_words[role], Py_TYPE(names)->tp_name);
        return -1;
    }
    int bad = 0;
    for (Py_ssize_t k = 0; !bad && k < PySequence_Fast_GET_SIZE(all); k++)
        bad = set_role(r, PySequence_Fast_GET_ITEM(all, k), role) < 0;
    Py_DECREF(all);
    return bad ? -1 : 0;
}

/* The values of fixed=, converted as a call would. */
static int set_fixed(UfuncRecord *r, PyObject *fixed)
{
    if (!fixed || fixed == Py_None)
        return 0;
    if (!PyDict_Check(fixed)) {
        PyErr_Format(PyExc_TypeError,
                     "ffi.ufunc(): fixed= takes a dict of parameters and values, "
                     "not %.200s",
                     Py_TYPE(fixed)->tp_name);
        return -1;
    }
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    while (PyDict_Next(fixed, &pos, &key, &value)) {
        int i = set_role(r, key, ROLE_FIXED);
        if (i < 0)
            return -1;
        size_t size = (size_t)jf_max64(r->type->u.func->params[i]->size, 16);
        r->params[i].cell = jf_calloc(size);
        if (!r->params[i].cell)
            return PyErr_NoMemory(), -1;
        if (jpy_argument(r->fn, value, (size_t)i, r->params[i].cell, &r->temps) < 0)
            return -1;
    }
    return 0;
}

/* --- items of arrays ----------------------------------------------------- */

static int refuse_type(const UfuncRecord *r, uint32_t i, const jf_Type *t,
                       const char *why)
{
    jf_Buf name = JF_BUF_INIT;
    jf_type_print(t, "", 0, &name, NULL);
    int bad = -1;
    if (name.failed)
        PyErr_NoMemory();
    else if (i < r->n_params)
        bad = refuse(r, i, "%s '%s'", why, name.p);
    else
        PyErr_Format(PyExc_TypeError, "ffi.ufunc(): the result of '%s': %s '%s'",
                     jpy_cname(r->fn->ctype), why, name.p);
    jf_buf_free(&name);
    return bad;
}

/* Structs and unions are structured items; char and char32_t strings of one
 * character, as everywhere. NumPy knows such types only with their descriptor. */
static int descr_operand(UfuncRecord *r, uint32_t i, uint8_t code, UfuncOperand *o)
{
    CTypeObject *ct = jpy_ctype(r->st, o->type);
    if (!ct)
        return -1;
    Py_ssize_t size = jpy_layout(ct) < 0 ? -2 : ct->size;
    if (size > 0)
        o->descr = (NumpyDescr *)jpy_dtype(ct);
    else if (size > -2)
        refuse_type(r, i, o->type,
                    size ? "an item needs a size, which nobody knows of"
                         : "an item needs a size, unlike");
    Py_DECREF((PyObject *)ct);
    PyObject *bytes =
        o->descr ? PyObject_GetAttrString((PyObject *)o->descr, "itemsize") : NULL;
    if (!bytes)
        return -1;
    bool fits = PyLong_AsSsize_t(bytes) == size;
    Py_DECREF(bytes);
    o->num = o->descr->type_num;
    o->is_record = code == V_RECORD;
    return fits ? 0 : refuse_type(r, i, o->type, "NumPy has no item of C type");
}

static int number_operand(UfuncRecord *r, uint32_t i, uint8_t code, UfuncOperand *o)
{
    if (code == V_POINTER)
        code = sizeof(void *) == 8 ? V_U64 : V_U32;
    o->num = jpy_numpy_type(code);
    o->is_bool = code == V_BOOL;
    return o->num >= 0 ? 0
                       : refuse_type(r, i, o->type, "NumPy has no item of C type");
}

/* Fill in `o` for items of type `t`; `i` is the parameter, n_params: the result. */
static int item_operand(UfuncRecord *r, uint32_t i, jf_Type *t, UfuncOperand *o)
{
    o->type = t->canon;
    o->in = -1;
    uint8_t code = jpy_code_of(r->st, o->type);
    bool has_descr = code == V_RECORD || code == V_CHAR || code == V_CHAR32;
    if (has_descr ? descr_operand(r, i, code, o) < 0
                  : number_operand(r, i, code, o) < 0)
        return -1;
    o->size = (uint32_t)o->type->size;
    o->align = o->type->align;
    return 0;
}

/* A pointer parameter whose item C reads or writes. */
static int pointee_operand(UfuncRecord *r, uint32_t i, UfuncRole role,
                           UfuncOperand *o)
{
    jf_Type *t = r->type->u.func->params[i];
    if (t->kind != JF_PTR)
        return refuse_type(r, i, t,
                           role == ROLE_OUT     ? "out= needs a pointer, not"
                           : role == ROLE_INOUT ? "inout= needs a pointer, not"
                                                : "in_= needs a pointer, not");
    if (role != ROLE_IN && (t->quals & JF_Q_CONST))
        return refuse(r, i, "%s, but C only reads what it points to (const)",
                      role_words[role]);
    if (t->to->kind == JF_VOID || t->to->kind == JF_FUNC)
        return refuse_type(r, i, t, "one item has to be behind it, unlike");
    if (item_operand(r, i, t->to, o) < 0)
        return -1;
    o->is_address = 1;
    return 0;
}

static int refuse_pointer(const UfuncRecord *r, uint32_t i)
{
    const jf_Type *t = r->type->u.func->params[i];
    if (t->to->kind == JF_FUNC || t->to->kind == JF_VOID)
        return refuse_type(
            r, i, t,
            "name it in fixed={...} with the value for every call: it is a");
    if (t->quals & JF_Q_CONST)
        return refuse_type(r, i, t,
                           "name it in in_= if C reads one item there, or in "
                           "fixed={...} with one value for every call: it is a");
    return refuse_type(
        r, i, t,
        "name it in out= if C writes one item there, in inout= if it "
        "reads and writes it, in in_= if it reads it, or in "
        "fixed={...} with one value for every call: it is a");
}

/* --- all together -------------------------------------------------------- */

/* Inputs in the order of the parameters; they stand first. */
static int find_inputs(UfuncRecord *r)
{
    for (uint32_t i = 0; i < r->n_params; i++) {
        UfuncParam *p = &r->params[i];
        UfuncOperand *o = &r->operands[r->n_in];
        jf_Type *t = r->type->u.func->params[i];
        if (p->role == ROLE_OUT || p->role == ROLE_FIXED)
            continue;
        if (p->role == ROLE_ITEM && t->kind == JF_PTR)
            return refuse_pointer(r, i);
        if (p->role == ROLE_ITEM ? item_operand(r, i, t, o) < 0
                                 : pointee_operand(r, i, p->role, o) < 0)
            return -1;
        if (p->role == ROLE_INOUT)
            p->operand = r->n_in; /* for find_outputs() */
        else
            r->loop_operands[p->operand = r->n_loop++] = r->n_in;
        r->n_in++;
    }
    return 0;
}

/* The result, then what C writes, in the order of the parameters. */
static int find_outputs(UfuncRecord *r)
{
    if (r->type->to->kind != JF_VOID) {
        if (item_operand(r, r->n_params, r->type->to, &r->operands[r->n_in]) < 0)
            return -1;
        r->loop_operands[r->n_loop++] = r->n_in;
        r->n_out++;
    }
    for (uint32_t i = 0; i < r->n_params; i++) {
        UfuncParam *p = &r->params[i];
        unsigned k = (unsigned)r->n_in + r->n_out;
        UfuncOperand *o = &r->operands[k];
        if (p->role != ROLE_OUT && p->role != ROLE_INOUT)
            continue;
        if (pointee_operand(r, i, p->role, o) < 0)
            return -1;
        if (p->role == ROLE_INOUT)
            o->in = (int16_t)p->operand;
        r->loop_operands[p->operand = r->n_loop++] = (uint16_t)k;
        r->n_out++;
    }
    return 0;
}

static void set_flags(UfuncRecord *r)
{
    for (unsigned k = 0; k < (unsigned)r->n_in + r->n_out; k++) {
        const UfuncOperand *o = &r->operands[k];
        r->has_bool |= k >= r->n_in && o->is_bool;
        r->has_descr |= o->descr != NULL;
        r->is_staged |= o->in >= 0 || o->is_record;
    }
}

int jpy_ufunc_operands(UfuncRecord *r, const UfuncRequest *q)
{
    uint32_t n = r->type->u.func->n_params;
    enum { MOST = 1000 }; /* NumPy takes 32 or 64 operands */
    if (n > MOST) {
        PyErr_Format(PyExc_TypeError, "ffi.ufunc(): '%s' has %u parameters",
                     jpy_cname(r->fn->ctype), (unsigned)n);
        return -1;
    }
    r->n_params = (uint16_t)n;
    r->params = jf_calloc((n + 1) * sizeof *r->params);
    r->operands = jf_calloc((2 * n + 1) * sizeof *r->operands);
    r->loop_operands = jf_calloc((n + 1) * sizeof *r->loop_operands);
    if (!r->params || !r->operands || !r->loop_operands)
        return PyErr_NoMemory(), -1;
    if (set_roles(r, q->out, ROLE_OUT) < 0 ||
        set_roles(r, q->inout, ROLE_INOUT) < 0 ||
        set_roles(r, q->in, ROLE_IN) < 0 || set_fixed(r, q->fixed) < 0 ||
        find_inputs(r) < 0 || find_outputs(r) < 0)
        return -1;
    if (!r->n_in || !r->n_out) {
        PyErr_Format(PyExc_TypeError,
                     r->n_in
                         ? "ffi.ufunc(): '%s' gives nothing back; if it writes "
                           "through a pointer, name that in out="
                         : "ffi.ufunc(): '%s' has no input: nothing to run over",
                     jpy_cname(r->fn->ctype));
        return -1;
    }
    set_flags(r);
    return 0;
}
