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

#include "python/cffi/stock.h"

enum { MOST_STEPS = 1200, MOST_PARAMS = 500, DEEPEST = 200, LONG_INPUT = 500 };

typedef enum Token {
    TOK_START,
    TOK_END,
    TOK_ERROR,
    TOK_NAME,
    TOK_NUMBER,
    TOK_DOTS,
    TOK_MARK, /* one character */
    TOK_BOOL,
    TOK_CHAR,
    TOK_COMPLEX,
    TOK_CONST,
    TOK_DOUBLE,
    TOK_ENUM,
    TOK_FLOAT,
    TOK_INT,
    TOK_LONG,
    TOK_SHORT,
    TOK_SIGNED,
    TOK_STRUCT,
    TOK_UNION,
    TOK_UNSIGNED,
    TOK_VOID,
    TOK_VOLATILE,
    TOK_CDECL,
    TOK_STDCALL
} Token;

static const struct {
    const char *text;
    Token token;
} keywords[] = {
    {"_Bool", TOK_BOOL},       {"char", TOK_CHAR},
    {"_Complex", TOK_COMPLEX}, {"const", TOK_CONST},
    {"double", TOK_DOUBLE},    {"enum", TOK_ENUM},
    {"float", TOK_FLOAT},      {"int", TOK_INT},
    {"long", TOK_LONG},        {"short", TOK_SHORT},
    {"signed", TOK_SIGNED},    {"struct", TOK_STRUCT},
    {"union", TOK_UNION},      {"unsigned", TOK_UNSIGNED},
    {"void", TOK_VOID},        {"volatile", TOK_VOLATILE},
    {"__cdecl", TOK_CDECL},    {"__stdcall", TOK_STDCALL},
};

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

typedef struct Reader {
    Stock *s;
    jf_Universe *u;
    const char *input, *p; /* the token */
    size_t size;
    Token token;
    unsigned depth, steps;
    const char *message; /* what is wrong, at `p`; static */
    bool failed;         /* an exception is set instead */
} Reader;

/* --- tokens --------------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_first(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '$';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

static void next(Reader *r)
{
    const char *p = r->p + r->size;
    if (r->token == TOK_ERROR)
        return;
    while (is_space(*p))
        p++;
    r->p = p;
    r->size = 1;
    if (is_first(*p)) {
        while (is_first(p[r->size]) || is_digit(p[r->size]))
            r->size++;
        r->token = TOK_NAME;
        for (size_t i = 0; i < JF_COUNT(keywords); i++)
            if (strlen(keywords[i].text) == r->size &&
                memcmp(keywords[i].text, p, r->size) == 0)
                r->token = keywords[i].token;
    } else if (is_digit(*p)) {
        r->size = p[1] == 'x' || p[1] == 'X' ? 2 : 1;
        while (is_hex(p[r->size]))
            r->size++;
        r->token = TOK_NUMBER;
    } else if (p[0] == '.' && p[1] == '.' && p[2] == '.') {
        r->size = 3;
        r->token = TOK_DOTS;
    } else {
        r->size = *p != 0;
        r->token = *p ? TOK_MARK : TOK_END;
    }
}

static bool at(const Reader *r, char mark)
{
    return r->token == TOK_MARK && *r->p == mark;
}

/* The first thing that is wrong is what is told. */
static void *refuse(Reader *r, const char *message)
{
    if (r->token != TOK_ERROR) {
        r->token = TOK_ERROR;
        r->message = message;
    }
    return NULL;
}

/* An exception was set: no type, wherever it is noticed. */
static void *failed(Reader *r)
{
    r->failed = true;
    r->token = TOK_ERROR;
    return NULL;
}

static void *raised(Reader *r, jf_Diag *d)
{
    jpy_raise_status(r->s->ffi->st, d);
    return failed(r);
}

static void *no_memory(Reader *r)
{
    PyErr_NoMemory();
    return failed(r);
}

/* --- names ----------------------------------------------------------------------- */

static bool is_text(const Reader *r, const char *text)
{
    return strlen(text) == r->size && memcmp(text, r->p, r->size) == 0;
}

/* Names that need no declaration: C's own typedefs. Borrowed; NULL: none. */
static jf_Type *standard_type(Reader *r)
{
    if (is_text(r, "bool"))
        return jf_type_prim(r->u, JF_P_BOOL);
    if (is_text(r, "FILE"))
        return jf_type_file(r->u);
    if (is_text(r, "_cffi_float_complex_t"))
        return jf_type_prim(r->u, JF_P_CFLOAT);
    if (is_text(r, "_cffi_double_complex_t"))
        return jf_type_prim(r->u, JF_P_CDOUBLE);
    if (r->size < 6 || memcmp(r->p + r->size - 2, "_t", 2) != 0)
        return NULL;
    return jf_type_prim_named(r->u, r->p, r->size);
}

/* The types below are borrowed; NULL: refused, or failed. */
static jf_Type *typedef_name(Reader *r)
{
    Stock *s = r->s;
    jf_Diag d = JF_DIAG_INIT;
    int i = jpy_stock_find_typename(s, r->p, r->size);
    if (i >= 0) {
        jf_Type *t = jpy_stock_type(s, s->context.typenames[i].type_index, &d);
        return t ? t : raised(r, &d);
    }
    const jf_Symbol *sym = jf_scope_find(s->ffi->scope, r->p, r->size);
    if (sym && sym->kind == JF_SYM_TYPEDEF)
        return sym->type;
    jf_Type *t = standard_type(r);
    return t ? t : refuse(r, "undefined type name");
}

static jf_Type *record_name(Reader *r, jf_Kind kind)
{
    Stock *s = r->s;
    jf_Diag d = JF_DIAG_INIT;
    next(r);
    if (r->token != TOK_NAME)
        return refuse(r, "struct or union name expected");
    jf_Kind other = kind == JF_STRUCT ? JF_UNION : JF_STRUCT;
    int i = jpy_stock_find_record(s, r->p, r->size);
    if (i >= 0) {
        if (((s->context.records[i].flags & REC_UNION) != 0) != (kind == JF_UNION))
            return refuse(r, "wrong kind of tag: struct vs union");
        jf_Type *t = jpy_stock_record(s, i, &d);
        return t ? t : raised(r, &d);
    }
    jf_Type *t = jf_scope_tag(s->ffi->scope, kind, r->p, r->size);
    if (t)
        return t;
    if (kind == JF_STRUCT && is_text(r, "_IO_FILE"))
        return jf_type_file(r->u);
    return refuse(r, jf_scope_tag(s->ffi->scope, other, r->p, r->size)
                         ? "wrong kind of tag: struct vs union"
                         : "undefined struct/union name");
}

static jf_Type *enum_name(Reader *r)
{
    Stock *s = r->s;
    jf_Diag d = JF_DIAG_INIT;
    next(r);
    if (r->token != TOK_NAME)
        return refuse(r, "enum name expected");
    int i = jpy_stock_find_enum(s, r->p, r->size);
    if (i >= 0) {
        jf_Type *t = jpy_stock_enum(s, i, &d);
        return t ? t : raised(r, &d);
    }
    jf_Type *t = jf_scope_tag(s->ffi->scope, JF_ENUM, r->p, r->size);
    return t ? t : refuse(r, "undefined enum name");
}

/* --- the words in front ------------------------------------------------------------ */

typedef struct Modifiers {
    int length; /* -1 short, 1 long, 2 long long */
    int sign;   /* -1 unsigned, 1 signed */
} Modifiers;

/* False: refused. */
static bool modifiers(Reader *r, Modifiers *m)
{
    for (;; next(r)) {
        switch (r->token) {
        case TOK_SHORT:
            if (m->length)
                return refuse(r, "'short' after another 'short' or 'long'") != NULL;
            m->length = -1;
            break;
        case TOK_LONG:
            if (m->length < 0)
                return refuse(r, "'long' after 'short'") != NULL;
            if (m->length == 2)
                return refuse(r, "'long long long' is too long") != NULL;
            m->length++;
            break;
        case TOK_SIGNED:
        case TOK_UNSIGNED:
            if (m->sign)
                return refuse(r, "multiple 'signed' or 'unsigned'") != NULL;
            m->sign = r->token == TOK_SIGNED ? 1 : -1;
            break;
        default:
            return true;
        }
    }
}

/* With `short`, `long`, `signed` or `unsigned` in front; goes on to the next
 * token. */
static jf_Type *modified(Reader *r, Modifiers m)
{
    static const uint8_t ints[2][4] = {
        {JF_P_SHORT, JF_P_INT, JF_P_LONG, JF_P_LLONG},
        {JF_P_USHORT, JF_P_UINT, JF_P_ULONG, JF_P_ULLONG}};
    switch (r->token) {
    case TOK_VOID:
    case TOK_BOOL:
    case TOK_FLOAT:
    case TOK_STRUCT:
    case TOK_UNION:
    case TOK_ENUM:
    case TOK_COMPLEX:
        return refuse(r, "invalid combination of types");
    case TOK_DOUBLE:
        if (m.sign || m.length != 1)
            return refuse(r, "invalid combination of types");
        next(r);
        return jf_type_prim(r->u, JF_P_LDOUBLE);
    case TOK_CHAR:
        if (m.length)
            return refuse(r, "invalid combination of types");
        next(r);
        return jf_type_prim(r->u, m.sign < 0 ? JF_P_UCHAR : JF_P_SCHAR);
    case TOK_INT:
        next(r);
        break;
    default:
        break;
    }
    return jf_type_prim(r->u, (jf_Prim)ints[m.sign < 0][m.length + 1]);
}

/* One word, or two behind struct, union, enum. */
static jf_Type *plain(Reader *r)
{
    static const uint8_t prims[] = {
        [TOK_INT] = JF_P_INT,     [TOK_CHAR] = JF_P_CHAR,
        [TOK_VOID] = JF_P_VOID,   [TOK_BOOL] = JF_P_BOOL,
        [TOK_FLOAT] = JF_P_FLOAT, [TOK_DOUBLE] = JF_P_DOUBLE};
    jf_Type *t;
    switch (r->token) {
    case TOK_INT:
    case TOK_CHAR:
    case TOK_VOID:
    case TOK_BOOL:
    case TOK_FLOAT:
    case TOK_DOUBLE:
        t = jf_type_prim(r->u, (jf_Prim)prims[r->token]);
        break;
    case TOK_NAME:
        t = typedef_name(r);
        break;
    case TOK_STRUCT:
    case TOK_UNION:
        t = record_name(r, r->token == TOK_STRUCT ? JF_STRUCT : JF_UNION);
        break;
    case TOK_ENUM:
        t = enum_name(r);
        break;
    default:
        return refuse(r, "identifier expected");
    }
    if (t)
        next(r);
    return t;
}

/* Borrowed. */
static jf_Type *specifiers(Reader *r)
{
    while (r->token == TOK_CONST || r->token == TOK_VOLATILE)
        next(r);
    Modifiers m = {0, 0};
    if (!modifiers(r, &m))
        return NULL;
    bool is_modified = m.length || m.sign;
    jf_Type *t = is_modified ? modified(r, m) : plain(r);
    if (!t || r->token != TOK_COMPLEX)
        return t;
    if (is_modified || (t->prim != JF_P_FLOAT && t->prim != JF_P_DOUBLE))
        return refuse(r, "_Complex type combination unsupported");
    next(r);
    return jf_type_prim(r->u, t->prim == JF_P_FLOAT ? JF_P_CFLOAT : JF_P_CDOUBLE);
}

/* --- declarators ------------------------------------------------------------------------ */

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
        return refuse(r, "internal type complexity limit reached");
    Step *s = jf_calloc(sizeof *s);
    if (!s)
        return no_memory(r);
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
    return made ? made : no_memory(r);
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
        refuse(r, "internal type complexity limit reached");
    else if (!(more = jf_realloc(fn->params, (fn->n_params + 1) * sizeof *more)))
        no_memory(r);
    if (!more) {
        jf_type_unref(r->u, t);
        return false;
    }
    fn->params = more;
    fn->params[fn->n_params++] = t;
    return true;
}

/* Behind "(", up to ")"; the steps are pushed in front of `suffixes`. */
static void parameters(Reader *r, Steps *suffixes, bool is_stdcall)
{
    Step *fn = step_new(r, S_FUNCTION);
    if (!fn)
        return;
    steps_push(suffixes, fn);
    fn->flags = is_stdcall ? JF_T_STDCALL : 0;
    if (r->token == TOK_VOID) {
        const char *p = r->p + r->size;
        while (is_space(*p))
            p++;
        if (*p == ')')
            next(r);
    }
    if (at(r, ')'))
        return;
    for (;; next(r)) {
        if (r->token == TOK_DOTS) {
            fn->flags = JF_T_VARIADIC;
            next(r);
            return;
        }
        if (!add_param(r, fn) || !at(r, ','))
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
            return refuse(r, "invalid number") != NULL;
        if (errno == ERANGE || v > most)
            return refuse(r, "number too large") != NULL;
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
        return refuse(r, "integer constant too large") != NULL;
    if (how > 1)
        return refuse(r, "disagreement about this constant's value") != NULL;
    if (how < 0 || (how == 1 && v != 0))
        return refuse(r, "expected a positive integer constant") != NULL;
    *length = v;
    return true;
}

/* Behind "[". */
static void brackets(Reader *r, Steps *suffixes)
{
    uint64_t length = JF_UNKNOWN;
    if (!at(r, ']')) {
        if (!array_length(r, &length))
            return;
        next(r);
    }
    Step *s = step_new(r, S_ARRAY);
    if (!s)
        return;
    s->length = length;
    steps_push(suffixes, s);
    if (!at(r, ']'))
        refuse(r, "expected ']'");
    else
        next(r);
}

static void declarator(Reader *r, Steps *out);

/* "(*name)" and "(parameters)", as often as they come. */
static void parentheses(Reader *r, Steps *group, Steps *suffixes, bool may_group,
                        bool *is_call, bool *is_stdcall)
{
    while (at(r, '(')) {
        next(r);
        if (r->token == TOK_CDECL || r->token == TOK_STDCALL) {
            *is_call = true;
            *is_stdcall = r->token == TOK_STDCALL;
            next(r);
        }
        if (may_group && (at(r, '*') || at(r, '[') || r->token == TOK_CONST ||
                          r->token == TOK_VOLATILE)) {
            declarator(r, group);
        } else {
            parameters(r, suffixes, *is_stdcall);
            *is_call = *is_stdcall = false;
        }
        may_group = false;
        if (!at(r, ')')) {
            refuse(r, "expected ')'");
            return;
        }
        next(r);
    }
}

/* Everything behind the type's name. */
static void declarator(Reader *r, Steps *out)
{
    bool is_call = false, is_stdcall = false;
    if (r->depth >= DEEPEST) {
        refuse(r, "internal type complexity limit reached");
        return;
    }
    r->depth++;
    for (;; next(r)) {
        if (at(r, '*')) {
            Step *s = step_new(r, S_POINTER);
            if (!s)
                break;
            steps_add(out, s);
        } else if (r->token == TOK_CDECL || r->token == TOK_STDCALL) {
            is_call = true; /* a function must follow */
            is_stdcall = r->token == TOK_STDCALL;
        } else if (r->token != TOK_CONST && r->token != TOK_VOLATILE) {
            break;
        }
    }
    bool has_name = r->token == TOK_NAME;
    if (has_name)
        next(r);
    Steps group, suffixes;
    steps_init(&group);
    steps_init(&suffixes);
    parentheses(r, &group, &suffixes, !has_name, &is_call, &is_stdcall);
    if (is_call)
        refuse(r, "expected '('");
    while (at(r, '[')) {
        next(r);
        brackets(r, &suffixes);
    }
    steps_join(out, &suffixes);
    steps_join(out, &group);
    r->depth--;
}

/* --- making the type ------------------------------------------------------------------------ */

static void *no_size(Reader *r, PyObject *error, const char *what, jf_Type *t)
{
    jf_Buf b = JF_BUF_INIT;
    jf_type_print(t, "", 0, &b, NULL);
    PyErr_Format(error, what, b.failed || !b.p ? "?" : b.p);
    jf_buf_free(&b);
    return failed(r);
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
        return raised(r, &d);
    if (s->length != JF_UNKNOWN && of->size &&
        s->length > (uint64_t)PY_SSIZE_T_MAX / of->size) {
        PyErr_SetString(PyExc_OverflowError,
                        "array size would overflow a Py_ssize_t");
        return failed(r);
    }
    jf_Type *t = jf_type_array(r->u, of, s->length, 0);
    return t ? t : no_memory(r);
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
    return t ? t : no_memory(r);
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
            no_memory(r);
        jf_type_unref(r->u, t);
        t = made;
    }
    return t;
}

/* One type name with its declarator. A new reference. */
static jf_Type *whole(Reader *r)
{
    jf_Type *t = specifiers(r);
    if (!t)
        return NULL;
    Steps steps;
    steps_init(&steps);
    declarator(r, &steps);
    t = r->token != TOK_ERROR ? apply(r, t, steps.first) : NULL;
    steps_free(r, steps.first);
    return t;
}

/* --- doors -------------------------------------------------------------------------------------- */

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
    next(&r);
    jf_Type *t = whole(&r);
    if (t && r.token != TOK_END) {
        jf_type_unref(st->universe, t);
        t = refuse(&r, "unexpected symbol");
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
