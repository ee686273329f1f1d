/* SPDX-License-Identifier: MIT
 *
 * Type strings of compiled FFIs: tokens, and the words in front of a declarator.
 * Names are looked up in the module's tables, then in the scope (of modules that
 * our own generator wrote). The rules and the words are those of cffi's reader.
 */
#include <string.h>

#include "python/cffi/context_parse.h"

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

/* --- tokens -------------------------------------------------------------- */

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

void jpy_read_next(Reader *r)
{
    const char *p = r->p + r->size;
    if (r->token == TOK_ERROR)
        return;
    while (jpy_read_is_space(*p))
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

bool jpy_read_at(const Reader *r, char mark)
{
    return r->token == TOK_MARK && *r->p == mark;
}

void *jpy_read_refuse(Reader *r, const char *message)
{
    if (r->token != TOK_ERROR) {
        r->token = TOK_ERROR;
        r->message = message;
    }
    return NULL;
}

void *jpy_read_failed(Reader *r)
{
    r->failed = true;
    r->token = TOK_ERROR;
    return NULL;
}

void *jpy_read_raised(Reader *r, jf_Diag *d)
{
    jpy_raise_status(r->s->ffi->st, d);
    return jpy_read_failed(r);
}

void *jpy_read_no_memory(Reader *r)
{
    PyErr_NoMemory();
    return jpy_read_failed(r);
}

/* --- names --------------------------------------------------------------- */

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
        return t ? t : jpy_read_raised(r, &d);
    }
    const jf_Symbol *sym = jf_scope_find(s->ffi->scope, r->p, r->size);
    if (sym && sym->kind == JF_SYM_TYPEDEF)
        return sym->type;
    jf_Type *t = standard_type(r);
    return t ? t : jpy_read_refuse(r, "undefined type name");
}

static jf_Type *record_name(Reader *r, jf_Kind kind)
{
    Stock *s = r->s;
    jf_Diag d = JF_DIAG_INIT;
    jpy_read_next(r);
    if (r->token != TOK_NAME)
        return jpy_read_refuse(r, "struct or union name expected");
    jf_Kind other = kind == JF_STRUCT ? JF_UNION : JF_STRUCT;
    int i = jpy_stock_find_record(s, r->p, r->size);
    if (i >= 0) {
        if (((s->context.records[i].flags & REC_UNION) != 0) != (kind == JF_UNION))
            return jpy_read_refuse(r, "wrong kind of tag: struct vs union");
        jf_Type *t = jpy_stock_record(s, i, &d);
        return t ? t : jpy_read_raised(r, &d);
    }
    jf_Type *t = jf_scope_tag(s->ffi->scope, kind, r->p, r->size);
    if (t)
        return t;
    if (kind == JF_STRUCT && is_text(r, "_IO_FILE"))
        return jf_type_file(r->u);
    return jpy_read_refuse(r, jf_scope_tag(s->ffi->scope, other, r->p, r->size)
                                  ? "wrong kind of tag: struct vs union"
                                  : "undefined struct/union name");
}

static jf_Type *enum_name(Reader *r)
{
    Stock *s = r->s;
    jf_Diag d = JF_DIAG_INIT;
    jpy_read_next(r);
    if (r->token != TOK_NAME)
        return jpy_read_refuse(r, "enum name expected");
    int i = jpy_stock_find_enum(s, r->p, r->size);
    if (i >= 0) {
        jf_Type *t = jpy_stock_enum(s, i, &d);
        return t ? t : jpy_read_raised(r, &d);
    }
    jf_Type *t = jf_scope_tag(s->ffi->scope, JF_ENUM, r->p, r->size);
    return t ? t : jpy_read_refuse(r, "undefined enum name");
}

/* --- the words in front -------------------------------------------------- */

typedef struct Modifiers {
    int length; /* -1 short, 1 long, 2 long long */
    int sign;   /* -1 unsigned, 1 signed */
} Modifiers;

/* False: refused. */
static bool modifiers(Reader *r, Modifiers *m)
{
    for (;; jpy_read_next(r)) {
        switch (r->token) {
        case TOK_SHORT:
            if (m->length)
                return jpy_read_refuse(
                           r, "'short' after another 'short' or 'long'") != NULL;
            m->length = -1;
            break;
        case TOK_LONG:
            if (m->length < 0)
                return jpy_read_refuse(r, "'long' after 'short'") != NULL;
            if (m->length == 2)
                return jpy_read_refuse(r, "'long long long' is too long") != NULL;
            m->length++;
            break;
        case TOK_SIGNED:
        case TOK_UNSIGNED:
            if (m->sign)
                return jpy_read_refuse(r, "multiple 'signed' or 'unsigned'") !=
                       NULL;
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
        return jpy_read_refuse(r, "invalid combination of types");
    case TOK_DOUBLE:
        if (m.sign || m.length != 1)
            return jpy_read_refuse(r, "invalid combination of types");
        jpy_read_next(r);
        return jf_type_prim(r->u, JF_P_LDOUBLE);
    case TOK_CHAR:
        if (m.length)
            return jpy_read_refuse(r, "invalid combination of types");
        jpy_read_next(r);
        return jf_type_prim(r->u, m.sign < 0 ? JF_P_UCHAR : JF_P_SCHAR);
    case TOK_INT:
        jpy_read_next(r);
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
        return jpy_read_refuse(r, "identifier expected");
    }
    if (t)
        jpy_read_next(r);
    return t;
}

/* Borrowed. */
jf_Type *jpy_read_specifiers(Reader *r)
{
    while (r->token == TOK_CONST || r->token == TOK_VOLATILE)
        jpy_read_next(r);
    Modifiers m = {0, 0};
    if (!modifiers(r, &m))
        return NULL;
    bool is_modified = m.length || m.sign;
    jf_Type *t = is_modified ? modified(r, m) : plain(r);
    if (!t || r->token != TOK_COMPLEX)
        return t;
    if (is_modified || (t->prim != JF_P_FLOAT && t->prim != JF_P_DOUBLE))
        return jpy_read_refuse(r, "_Complex type combination unsupported");
    jpy_read_next(r);
    return jf_type_prim(r->u, t->prim == JF_P_FLOAT ? JF_P_CFLOAT : JF_P_CDOUBLE);
}
