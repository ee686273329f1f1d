/* SPDX-License-Identifier: MIT
 *
 * Type strings of compiled FFIs: "int(*)(struct foo *, ...)". The grammar is
 * smaller than C's and not the one of cdefs (qualifiers are read over, lengths are
 * numbers or names of constants), and what it refuses it refuses in cffi's words,
 * with the line and a caret. Both are those of cffi's own reader.
 *
 * A declarator is read from the inside to the outside, while types are made from
 * the outside to the inside: what was read waits in a list, in the order in which
 * it is applied.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "python/cffi/context_parse.h"

enum { MOST_STEPS = 1200, MOST_PARAMS = 500, DEEPEST = 200, LONG_INPUT = 500 };

/* What a declarator does to the type, one by one. */
typedef struct Step {
    struct Step *next; /* applied after this */
    enum { S_POINTER, S_ARRAY, S_FUNCTION } what;
    uint64_t length;  /* ARRAY */
    jf_Type **params; /* FUNCTION; references; owned */
    uint32_t n_params;
    unsigned flags; /* FUNCTION: JF_T_* */
} Step;

typedef struct Steps {
    Step *first;
    Step **end; /* where the next one is hung */
} Steps;

/* --- declarators --------------------------------------------------------- */

static jf_Type *whole(Reader *r);

static void steps_init(Steps *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void steps_free(Reader *r, Step *s)
{
    while (s) {
        Step *after = s->next;
        for (uint32_t i = 0; i < s->n_params; i++)
            jf_type_unref(r->u, s->params[i]);
        jf_free(s->params);
        jf_free(s);
        s = after;
    }
}

static Step *step_new(Reader *r, int what)
{
    if (++r->steps > MOST_STEPS)
        return jpy_read_refuse(r, "internal type complexity limit reached");
    Step *s = jf_calloc(sizeof *s);
    if (!s)
        return jpy_read_no_memory(r);
    s->what = what;
    return s;
}

static void steps_add(Steps *list, Step *s)
{
    *list->end = s;
    list->end = &s->next;
}

/* All of `more` behind what is there; `more` is then empty. */
static void steps_join(Steps *list, Steps *more)
{
    if (!more->first)
        return;
    *list->end = more->first;
    list->end = more->end;
    steps_init(more);
}

/* In front of what is there. */
static void steps_push(Steps *list, Step *s)
{
    s->next = list->first;
    if (!list->first)
        list->end = &s->next;
    list->first = s;
}

/* A parameter's type as C passes it; takes over `t`. */
static jf_Type *decayed(Reader *r, jf_Type *t)
{
    jf_Type *made = t;
    if (t->kind == JF_ARRAY)
        made = jf_type_pointer(r->u, t->to, 0);
    else if (t->kind == JF_FUNC)
        made = jf_type_pointer(r->u, t, 0);
    if (made != t)
        jf_type_unref(r->u, t);
    return made ? made : jpy_read_no_memory(r);
}

static bool add_param(Reader *r, Step *fn)
{
    jf_Type *t = whole(r);
    if (t)
        t = decayed(r, t);
    if (!t)
        return false;
    jf_Type **more = NULL;
    if (fn->n_params >= MOST_PARAMS)
        jpy_read_refuse(r, "internal type complexity limit reached");
    else if (!(more = jf_realloc(fn->params, (fn->n_params + 1) * sizeof *more)))
        jpy_read_no_memory(r);
    if (!more) {
        jf_type_unref(r->u, t);
        return false;
    }
    fn->params = more;
    fn->params[fn->n_params++] = t;
    return true;
}

/* Behind "(", up to ")"; the steps are pushed in front of `suffixes`. */
static void parameters(Reader *r, Steps *suffixes)
{
    Step *fn = step_new(r, S_FUNCTION);
    if (!fn)
        return;
    steps_push(suffixes, fn);
    if (r->token == TOK_VOID) {
        const char *p = r->p + r->size;
        while (jpy_read_is_space(*p))
            p++;
        if (*p == ')')
            jpy_read_next(r);
    }
    if (jpy_read_at(r, ')'))
        return;
    for (;; jpy_read_next(r)) {
        if (r->token == TOK_DOTS) {
            fn->flags = JF_T_VARIADIC;
            jpy_read_next(r);
            return;
        }
        if (!add_param(r, fn) || !jpy_read_at(r, ','))
            return;
    }
}

/* The number in brackets. */
static bool array_length(Reader *r, uint64_t *length)
{
    const uint64_t most = (uint64_t)PY_SSIZE_T_MAX;
    if (r->token == TOK_NUMBER) {
        char *end;
        errno = 0;
        unsigned long long v = strtoull(r->p, &end, 0);
        if (end != r->p + r->size)
            return jpy_read_refuse(r, "invalid number") != NULL;
        if (errno == ERANGE || v > most)
            return jpy_read_refuse(r, "number too large") != NULL;
        *length = v;
        return true;
    }
    unsigned long long v = 0;
    int how = -1,
        i = r->token == TOK_NAME ? jpy_stock_find_global(r->s, r->p, r->size) : -1;
    unsigned op = i >= 0 ? word_op(r->s->context.globals[i].op) : 0;
    if (op == OP_CONSTANT_INT || op == OP_ENUM) {
        how = jpy_stock_constant(r->s, i, &v);
    } else if (r->token == TOK_NAME) {
        const jf_Symbol *sym = jf_scope_find(r->s->ffi->scope, r->p, r->size);
        if (sym && sym->kind == JF_SYM_CONSTANT && !(sym->flags & JF_S_DOTS)) {
            how = sym->value < 0 && !(sym->flags & JF_S_UNSIGNED);
            v = (unsigned long long)sym->value;
        }
    }
    if (how == 0 && v > most)
        return jpy_read_refuse(r, "integer constant too large") != NULL;
    if (how > 1)
        return jpy_read_refuse(r, "disagreement about this constant's value") !=
               NULL;
    if (how < 0 || (how == 1 && v != 0))
        return jpy_read_refuse(r, "expected a positive integer constant") != NULL;
    *length = v;
    return true;
}

/* Behind "[". */
static void brackets(Reader *r, Steps *suffixes)
{
    uint64_t length = JF_UNKNOWN;
    if (!jpy_read_at(r, ']')) {
        if (!array_length(r, &length))
            return;
        jpy_read_next(r);
    }
    Step *s = step_new(r, S_ARRAY);
    if (!s)
        return;
    s->length = length;
    steps_push(suffixes, s);
    if (!jpy_read_at(r, ']'))
        jpy_read_refuse(r, "expected ']'");
    else
        jpy_read_next(r);
}

static void declarator(Reader *r, Steps *out);

/* "(*name)" and "(parameters)", as often as they come. */
static void parentheses(Reader *r, Steps *group, Steps *suffixes, bool may_group,
                        bool *is_call)
{
    while (jpy_read_at(r, '(')) {
        jpy_read_next(r);
        if (r->token == TOK_CDECL || r->token == TOK_STDCALL) {
            *is_call = true; /* where pointers have 64 bits all are one */
            jpy_read_next(r);
        }
        if (may_group && (jpy_read_at(r, '*') || jpy_read_at(r, '[') ||
                          r->token == TOK_CONST || r->token == TOK_VOLATILE)) {
            declarator(r, group);
        } else {
            parameters(r, suffixes);
            *is_call = false;
        }
        may_group = false;
        if (!jpy_read_at(r, ')')) {
            jpy_read_refuse(r, "expected ')'");
            return;
        }
        jpy_read_next(r);
    }
}

/* Everything behind the type's name. */
static void declarator(Reader *r, Steps *out)
{
    bool is_call = false;
    if (r->depth >= DEEPEST) {
        jpy_read_refuse(r, "internal type complexity limit reached");
        return;
    }
    r->depth++;
    for (;; jpy_read_next(r)) {
        if (jpy_read_at(r, '*')) {
            Step *s = step_new(r, S_POINTER);
            if (!s)
                break;
            steps_add(out, s);
        } else if (r->token == TOK_CDECL || r->token == TOK_STDCALL) {
            is_call = true; /* a function must follow */
        } else if (r->token != TOK_CONST && r->token != TOK_VOLATILE) {
            break;
        }
    }
    bool has_name = r->token == TOK_NAME;
    if (has_name)
        jpy_read_next(r);
    Steps group, suffixes;
    steps_init(&group);
    steps_init(&suffixes);
    parentheses(r, &group, &suffixes, !has_name, &is_call);
    if (is_call)
        jpy_read_refuse(r, "expected '('");
    while (jpy_read_at(r, '[')) {
        jpy_read_next(r);
        brackets(r, &suffixes);
    }
    steps_join(out, &suffixes);
    steps_join(out, &group);
    r->depth--;
}

/* --- making the type ----------------------------------------------------- */

static void *no_size(Reader *r, PyObject *error, const char *what, jf_Type *t)
{
    jf_Buf b = JF_BUF_INIT;
    jf_type_print(t, "", 0, &b, NULL);
    PyErr_Format(error, what, b.failed || !b.p ? "?" : b.p);
    jf_buf_free(&b);
    return jpy_read_failed(r);
}

CTypeObject *jpy_stock_function(FFIObject *ffi, CTypeObject *ct)
{
    jf_Buf b = JF_BUF_INIT;
    jf_type_print(ct->type->to, "", JF_PRINT_CFFI, &b, NULL);
    PyErr_Format(ffi->st->ffi_error,
                 "the type '%s' is a function type, not a pointer-to-function type",
                 b.failed || !b.p ? "?" : b.p);
    jf_buf_free(&b);
    return NULL;
}

static void *is_function(Reader *r, jf_Type *t)
{
    return no_size(
        r, r->s->ffi->st->ffi_error,
        "the type '%s' is a function type, not a pointer-to-function type", t);
}

static bool has_size(Reader *r, jf_Type *t)
{
    if (t->kind == JF_VOID || (t->kind == JF_ARRAY && t->length == JF_UNKNOWN))
        return false;
    const jf_Type *e = t;
    while (e->kind == JF_ARRAY)
        e = e->to;
    (void)r;
    return !jf_is_record(e) || e->u.rec->flags & (JF_R_COMPLETE | JF_R_LAZY);
}

static jf_Type *make_array(Reader *r, const Step *s, jf_Type *of)
{
    if (of->kind == JF_FUNC)
        return is_function(r, of);
    if (!has_size(r, of))
        return no_size(r, PyExc_ValueError, "array item of unknown size: '%s'", of);
    jf_Diag d = JF_DIAG_INIT;
    if (jf_layout(r->u->target, of, &d) != JF_OK)
        return jpy_read_raised(r, &d);
    if (s->length != JF_UNKNOWN && of->size &&
        s->length > (uint64_t)PY_SSIZE_T_MAX / of->size) {
        PyErr_SetString(PyExc_OverflowError,
                        "array size would overflow a Py_ssize_t");
        return jpy_read_failed(r);
    }
    jf_Type *t = jf_type_array(r->u, of, s->length, 0);
    return t ? t : jpy_read_no_memory(r);
}

static jf_Type *make_function(Reader *r, const Step *s, jf_Type *result)
{
    if (result->kind == JF_FUNC)
        return is_function(r, result);
    if (result->kind == JF_ARRAY)
        return no_size(r, PyExc_TypeError, "invalid result type: '%s'", result);
    if (result->kind != JF_VOID && !has_size(r, result))
        return no_size(r, PyExc_TypeError, "result type '%s' is opaque", result);
    for (uint32_t i = 0; i < s->n_params; i++)
        if (s->params[i]->kind == JF_VOID)
            return no_size(r, r->s->ffi->st->ffi_error,
                           "a parameter of a function cannot be of type '%s'",
                           s->params[i]);
    jf_Type *t = jf_type_func(r->u, result, s->params, s->n_params, s->flags);
    return t ? t : jpy_read_no_memory(r);
}

/* A new reference; `t` is borrowed. */
static jf_Type *apply(Reader *r, jf_Type *t, const Step *s)
{
    jf_type_ref(t);
    for (; s && t; s = s->next) {
        jf_Type *made;
        if (s->what == S_POINTER)
            made = jf_type_pointer(r->u, t, 0);
        else
            made =
                s->what == S_ARRAY ? make_array(r, s, t) : make_function(r, s, t);
        if (!made && !r->failed)
            jpy_read_no_memory(r);
        jf_type_unref(r->u, t);
        t = made;
    }
    return t;
}

/* One type name with its declarator. A new reference. */
static jf_Type *whole(Reader *r)
{
    jf_Type *t = jpy_read_specifiers(r);
    if (!t)
        return NULL;
    Steps steps;
    steps_init(&steps);
    declarator(r, &steps);
    t = r->token != TOK_ERROR ? apply(r, t, steps.first) : NULL;
    steps_free(r, steps.first);
    return t;
}

/* --- doors --------------------------------------------------------------- */

static PyObject *bad_type(Reader *r)
{
    State *st = r->s->ffi->st;
    size_t n = strlen(r->input), column = (size_t)(r->p - r->input);
    if (n > LONG_INPUT)
        return PyErr_Format(st->ffi_error, "%s", r->message);
    jf_Buf b = JF_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        char c = r->input[i];
        jf_buf_printf(&b, "%c",
                      c >= ' ' && c < 0x7f     ? c
                      : c == '\t' || c == '\n' ? ' '
                                               : '?');
    }
    jf_buf_printf(&b, "\n%*s^", (int)column, "");
    if (b.failed)
        PyErr_NoMemory();
    else
        PyErr_Format(st->ffi_error, "%s\n%s", r->message, b.p);
    jf_buf_free(&b);
    return NULL;
}

PyObject *jpy_stock_parse(Stock *s, PyObject *text)
{
    State *st = s->ffi->st;
    Reader r = {.s = s, .u = st->universe, .token = TOK_START};
    r.input = r.p = PyUnicode_AsUTF8(text);
    if (!r.input)
        return NULL;
    jpy_read_next(&r);
    jf_Type *t = whole(&r);
    if (t && r.token != TOK_END) {
        jf_type_unref(st->universe, t);
        t = jpy_read_refuse(&r, "unexpected symbol");
    }
    if (!t)
        return r.failed ? NULL : bad_type(&r);
    if (t->kind != JF_FUNC)
        return (PyObject *)jpy_ctype_steal(st, t);
    jf_Type *pointer = jf_type_pointer(st->universe, t, 0);
    jf_type_unref(st->universe, t);
    PyObject *ct = (PyObject *)jpy_ctype_steal(st, pointer);
    PyObject *entry = ct ? PyTuple_Pack(1, ct) : NULL;
    Py_XDECREF(ct);
    return entry;
}
