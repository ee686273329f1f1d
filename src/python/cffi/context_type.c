/* SPDX-License-Identifier: MIT
 *
 * Type words to types, each at its first need: importing a module makes none. The
 * words were checked (context.c), so what can fail here is memory, what the C
 * compiler found, and what was included.
 */
#include <string.h>

#include "python/cffi/stock.h"

enum { DEEPEST = 1000 };

/* --- life ---------------------------------------------------------------- */

Stock *jpy_stock_new(FFIObject *ffi)
{
    Stock *s = jf_calloc(sizeof *s);
    if (!s)
        return (Stock *)PyErr_NoMemory();
    s->ffi = ffi;
    s->externs = PyDict_New();
    if (!s->externs) {
        jf_free(s);
        return NULL;
    }
    return s;
}

int jpy_stock_adopt(Stock *s, const StockContext *c, Word *words)
{
    s->context = *c;
    s->words = words;
    s->types = jf_calloc(((size_t)c->n_types + 1) * sizeof *s->types);
    s->records = jf_calloc(((size_t)c->n_records + 1) * sizeof *s->records);
    s->enums = jf_calloc(((size_t)c->n_enums + 1) * sizeof *s->enums);
    if (s->types && s->records && s->enums) {
        jf_Group *g = jf_scope_group(s->ffi->scope);
        g->complete = jpy_stock_complete;
        g->complete_ctx = s;
        return 0;
    }
    PyErr_NoMemory();
    return -1;
}

void jpy_stock_free(Stock *s)
{
    if (!s)
        return;
    jf_Group *g = s->ffi->scope ? jf_scope_group(s->ffi->scope) : NULL;
    if (g && g->complete_ctx == s) {
        jpy_stock_complete_all(s);
        g->complete = NULL;
    }
    jf_Universe *u = s->ffi->st->universe;
    for (int i = 0; s->types && i < s->context.n_types; i++)
        if (s->types[i])
            jf_type_unref(u, s->types[i]);
    jf_free(s->words);
    jf_free(s->types);
    jf_free(s->records);
    jf_free(s->enums);
    for (size_t i = 0; i < JF_COUNT(s->owned); i++)
        jf_free(s->owned[i]);
    Py_XDECREF(s->ffis);
    Py_XDECREF(s->libs);
    Py_XDECREF(s->keep);
    Py_XDECREF(s->externs);
    jf_free(s);
}

int jpy_stock_traverse(Stock *s, visitproc visit, void *arg)
{
    if (!s)
        return 0;
    Py_VISIT(s->ffis);
    Py_VISIT(s->libs);
    Py_VISIT(s->keep);
    Py_VISIT(s->externs);
    return 0;
}

/* --- names --------------------------------------------------------------- */

static int search(const void *table, size_t size, int n, const char *name,
                  size_t length)
{
    int low = 0, high = n;
    while (low < high) {
        int middle = low + (high - low) / 2;
        const char *at =
            *(const char *const *)((const char *)table + (size_t)middle * size);
        int order = strncmp(at, name, length);
        if (order == 0 && at[length])
            order = 1; /* longer */
        if (order == 0)
            return middle;
        if (order > 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

int jpy_stock_find_global(const Stock *s, const char *name, size_t n)
{
    const StockContext *c = &s->context;
    return search(c->globals, sizeof *c->globals, c->n_globals, name, n);
}

int jpy_stock_find_record(const Stock *s, const char *name, size_t n)
{
    const StockContext *c = &s->context;
    return search(c->records, sizeof *c->records, c->n_records, name, n);
}

int jpy_stock_find_enum(const Stock *s, const char *name, size_t n)
{
    const StockContext *c = &s->context;
    return search(c->enums, sizeof *c->enums, c->n_enums, name, n);
}

int jpy_stock_find_typename(const Stock *s, const char *name, size_t n)
{
    const StockContext *c = &s->context;
    return search(c->typenames, sizeof *c->typenames, c->n_typenames, name, n);
}

/* "$foo" is a struct that has no tag but the typedef foo; "$1" has neither. */
const char *jpy_stock_alias(const char *name)
{
    bool is_alias =
        name[0] == '$' && name[1] != '$' && !(name[1] >= '0' && name[1] <= '9');
    return is_alias ? name + 1 : NULL;
}

/* --- primitive types ----------------------------------------------------- */

static const uint8_t prims[PRIM_COUNT] = {
    JF_P_VOID,     JF_P_BOOL,    JF_P_CHAR,     JF_P_SCHAR,    JF_P_UCHAR,
    JF_P_SHORT,    JF_P_USHORT,  JF_P_INT,      JF_P_UINT,     JF_P_LONG,
    JF_P_ULONG,    JF_P_LLONG,   JF_P_ULLONG,   JF_P_FLOAT,    JF_P_DOUBLE,
    JF_P_LDOUBLE,  JF_P_WCHAR,   JF_P_INT8,     JF_P_UINT8,    JF_P_INT16,
    JF_P_UINT16,   JF_P_INT32,   JF_P_UINT32,   JF_P_INT64,    JF_P_UINT64,
    JF_P_INTPTR,   JF_P_UINTPTR, JF_P_PTRDIFF,  JF_P_SIZE,     JF_P_SSIZE,
    JF_P_LEAST8,   JF_P_ULEAST8, JF_P_LEAST16,  JF_P_ULEAST16, JF_P_LEAST32,
    JF_P_ULEAST32, JF_P_LEAST64, JF_P_ULEAST64, JF_P_FAST8,    JF_P_UFAST8,
    JF_P_FAST16,   JF_P_UFAST16, JF_P_FAST32,   JF_P_UFAST32,  JF_P_FAST64,
    JF_P_UFAST64,  JF_P_INTMAX,  JF_P_UINTMAX,  JF_P_CFLOAT,   JF_P_CDOUBLE,
    JF_P_CHAR16,   JF_P_CHAR32,
};

jf_Type *jpy_stock_prim(jf_Universe *u, intptr_t n, jf_Diag *d)
{
    if (n >= 0)
        return jf_type_prim(u, (jf_Prim)prims[n]);
    jf_diag_set(d, JF_NOT_FOUND, "%s",
                n == PRIM_NO_INT ? "primitive integer type with an unexpected size "
                                   "(or not an integer type at all)"
                : n == PRIM_NO_FLOAT
                    ? "primitive floating-point type with an unexpected size (or "
                      "not a float type at all)"
                    : "primitive floating-point type is 'long double', not "
                      "supported for now with the syntax 'typedef double... xxx;'");
    return NULL;
}

/* --- structs and unions -------------------------------------------------- */

jf_Type *jpy_stock_no_memory(jf_Diag *d)
{
    jf_diag_set(d, JF_NOMEM, "out of memory");
    return NULL;
}

static jf_Kind kind_of(const StockRecord *r)
{
    return r->flags & REC_UNION ? JF_UNION : JF_STRUCT;
}

/* A record by that name which `ffi` itself has; NULL without a diagnostic: none. */
static jf_Type *record_in(FFIObject *ffi, const StockRecord *wanted, jf_Diag *d)
{
    Stock *s = ffi->stock;
    size_t n = strlen(wanted->name);
    if (s && s->context.n_records) {
        int i = jpy_stock_find_record(s, wanted->name, n);
        if (i < 0)
            return NULL;
        const StockRecord *r = &s->context.records[i];
        return r->flags & REC_EXTERNAL || kind_of(r) != kind_of(wanted)
                   ? NULL
                   : jpy_stock_record(s, i, d);
    }
    const char *alias = jpy_stock_alias(wanted->name);
    if (!alias)
        return jf_scope_tag(ffi->scope, kind_of(wanted), wanted->name, n);
    const jf_Symbol *sym = jf_scope_find(ffi->scope, alias, n - 1);
    bool fits = sym && sym->kind == JF_SYM_TYPEDEF &&
                sym->type->kind == (uint8_t)kind_of(wanted);
    return fits ? sym->type : NULL;
}

static jf_Type *record_included(PyObject *ffis, const StockRecord *wanted,
                                unsigned depth, jf_Diag *d)
{
    if (depth > 100) {
        jf_diag_set(d, JF_NOT_FOUND,
                    "recursion overflow in ffi.include() "
                    "delegations");
        return NULL;
    }
    for (Py_ssize_t i = 0; ffis && i < PyTuple_GET_SIZE(ffis); i++) {
        FFIObject *ffi = (FFIObject *)PyTuple_GET_ITEM(ffis, i);
        jf_Type *t = record_in(ffi, wanted, d);
        if (!t && d->status == JF_OK && ffi->stock)
            t = record_included(ffi->stock->ffis, wanted, depth + 1, d);
        if (t || d->status != JF_OK)
            return t;
    }
    return NULL;
}

static jf_Type *record_external(Stock *s, const StockRecord *r, jf_Diag *d)
{
    const char *word = r->flags & REC_UNION ? "union" : "struct";
    jf_Type *t = record_included(s->ffis, r, 0, d);
    if (!t) {
        jf_diag_set(d, JF_NOT_FOUND,
                    "'%s %s' should come from ffi.include() but was not found",
                    word, r->name);
        return NULL;
    }
    if (!(r->flags & REC_OPAQUE) &&
        !(t->u.rec->flags & (JF_R_COMPLETE | JF_R_LAZY))) {
        jf_diag_set(
            d, JF_UNSUPPORTED,
            "'%s %s' is opaque in the ffi.include(), but no longer in the "
            "ffi doing the include (workaround: don't use ffi.include() but "
            "duplicate the declarations of everything using %s %s)",
            word, r->name, word, r->name);
        return NULL;
    }
    jf_Group *g = jf_scope_group(s->ffi->scope);
    if (t->group != g && !jf_group_need(g, t->group))
        return jpy_stock_no_memory(d);
    return t;
}

jf_Type *jpy_stock_record(Stock *s, intptr_t i, jf_Diag *d)
{
    jf_Universe *u = s->ffi->st->universe;
    if (i == RECORD_FILE) {
        jf_Type *file = jf_type_file(u);
        return file ? file : jpy_stock_no_memory(d);
    }
    if (s->records[i])
        return s->records[i];
    const StockRecord *r = &s->context.records[i];
    if (!(r->flags & REC_UNION) && strcmp(r->name, "_IO_FILE") == 0)
        return jpy_stock_record(s, RECORD_FILE, d);
    jf_Type *t;
    if (r->flags & REC_EXTERNAL) {
        t = record_external(s, r, d);
    } else {
        const char *alias = jpy_stock_alias(r->name);
        jf_Group *g = jf_scope_group(s->ffi->scope);
        bool is_tag = r->name[0] != '$'; /* else no text can name it */
        t = is_tag ? jf_scope_make_tag(s->ffi->scope, kind_of(r), r->name,
                                       strlen(r->name))
                   : jf_type_record(g, kind_of(r), alias ? NULL : r->name,
                                    strlen(r->name));
        if (!t)
            return jpy_stock_no_memory(d);
        t->u.rec->alias =
            alias ? jf_arena_strndup(&g->arena, alias, strlen(alias)) : NULL;
        if (alias && !t->u.rec->alias)
            return jpy_stock_no_memory(d);
        if (!(r->flags & REC_OPAQUE))
            t->u.rec->flags |= JF_R_LAZY;
    }
    s->records[i] = t;
    return t;
}

/* --- words --------------------------------------------------------------- */

static jf_Type *no_function(const jf_Type *fn, jf_Diag *d)
{
    jf_Buf b = JF_BUF_INIT;
    jf_type_print(fn, "", 0, &b, NULL);
    jf_diag_set(d, b.failed ? JF_NOMEM : JF_NOT_FOUND,
                "the type '%s' is a function type, not a pointer-to-function type",
                b.failed || !b.p ? "?" : b.p);
    jf_buf_free(&b);
    return NULL;
}

/* The type of word `i` where a function cannot stand; borrowed. */
static jf_Type *value_type(Stock *s, intptr_t i, jf_Diag *d)
{
    jf_Type *t = jpy_stock_type(s, i, d);
    return t && t->kind == JF_FUNC ? no_function(t, d) : t;
}

/* Types that a function can neither be given nor give back, in cffi's words. */
static bool by_value(const jf_Type *t, bool is_result, jf_Diag *d)
{
    if (jf_is_record(t) && t->u.rec->flags & JF_R_BUSY) {
        jf_diag_set(
            d, JF_TOO_DEEP,
            "type-building recursion too deep or infinite.  This is known to "
            "occur e.g. in ``struct s { void(*callable)(struct s); }''");
        return false;
    }
    bool opaque =
        jf_is_record(t) && !(t->u.rec->flags & (JF_R_COMPLETE | JF_R_LAZY));
    bool array = t->kind == JF_ARRAY;
    if (!opaque && !array && (is_result || t->kind != JF_VOID))
        return true;
    jf_Buf b = JF_BUF_INIT;
    jf_type_print(t, "", JF_PRINT_CFFI, &b, NULL);
    jf_diag_set(d, b.failed ? JF_NOMEM : JF_BAD_TYPE,
                !is_result
                    ? "a parameter cannot be of ctype '%s': its size is not known"
                : opaque ? "result type '%s' is opaque"
                         : "invalid result type: '%s'",
                b.failed || !b.p ? "?" : b.p);
    jf_buf_free(&b);
    return false;
}

static jf_Type *function(Stock *s, intptr_t i, jf_Diag *d)
{
    jf_Type *few[16], **params = few, *fn = NULL;
    jf_Type *result = value_type(s, word_arg(s->words[i]), d);
    if (!result || !by_value(result, true, d))
        return NULL;
    uint32_t n = 0, done = 0;
    while (word_op(s->words[i + 1 + (intptr_t)n]) != OP_FUNCTION_END)
        n++;
    if (n > JF_COUNT(few) && !(params = jf_alloc(n * sizeof *params)))
        return jpy_stock_no_memory(d);
    while (done < n && (params[done] = value_type(s, i + 1 + (intptr_t)done, d)) &&
           by_value(params[done], false, d))
        done++;
    bool variadic = word_arg(s->words[i + 1 + (intptr_t)n]) & 1;
    if (done == n && !(fn = jf_type_func(s->ffi->st->universe, result, params, n,
                                         variadic ? JF_T_VARIADIC : 0)))
        jpy_stock_no_memory(d);
    if (params != few)
        jf_free(params);
    return fn;
}

/* A new reference. */
static jf_Type *make(Stock *s, intptr_t i, jf_Diag *d)
{
    jf_Universe *u = s->ffi->st->universe;
    intptr_t arg = word_arg(s->words[i]);
    jf_Type *t = NULL, *to;
    switch (word_op(s->words[i])) {
    case OP_PRIMITIVE:
        return jpy_stock_prim(u, arg, d);
    case OP_RECORD:
        t = jpy_stock_record(s, arg, d);
        return t ? jf_type_ref(t) : NULL;
    case OP_ENUM:
        t = jpy_stock_enum(s, arg, d);
        return t ? jf_type_ref(t) : NULL;
    case OP_FUNCTION:
        return function(s, i, d);
    case OP_NOOP:
        t = jpy_stock_type(s, arg, d);
        return t ? jf_type_ref(t) : NULL;
    case OP_POINTER:
        to = jpy_stock_type(s, arg, d);
        t = to ? jf_type_pointer(u, to, 0) : NULL;
        break;
    default: /* arrays; context.c lets nothing else pass */
        to = value_type(s, arg, d);
        t = to ? jf_type_array(u, to,
                               word_op(s->words[i]) == OP_ARRAY ? s->words[i + 1]
                                                                : JF_UNKNOWN,
                               0)
               : NULL;
        break;
    }
    return t || !to ? t : jpy_stock_no_memory(d);
}

jf_Type *jpy_stock_type(Stock *s, intptr_t i, jf_Diag *d)
{
    if (s->types[i])
        return s->types[i];
    if (s->depth > DEEPEST) {
        jf_diag_set(d, JF_TOO_DEEP, "a type is nested too deeply");
        return NULL;
    }
    s->depth++;
    s->types[i] = make(s, i, d);
    s->depth--;
    return s->types[i];
}

/* --- ctypes -------------------------------------------------------------- */

CTypeObject *jpy_stock_ctype(Stock *s, intptr_t i)
{
    State *st = s->ffi->st;
    jf_Diag d = JF_DIAG_INIT;
    jf_Type *t = jpy_stock_type(s, i, &d);
    if (!t)
        return (CTypeObject *)jpy_raise_status(st, &d);
    if (t->kind != JF_FUNC)
        return jpy_ctype(st, t);
    return jpy_ctype_steal(st, jf_type_pointer(st->universe, t, 0));
}

CTypeObject *jpy_stock_slot(Stock *s, intptr_t i)
{
    Word *slot = &s->context.types[i];
    if (!(*slot & 1))
        return (CTypeObject *)*slot;
    State *st = s->ffi->st;
    jf_Diag d = JF_DIAG_INIT;
    jf_Type *t = value_type(s, i, &d);
    if (!t)
        return (CTypeObject *)jpy_raise_status(st, &d);
    CTypeObject *ct = jpy_ctype(st, t);
    if (ct)
        *slot = (Word)ct; /* the module keeps the reference for ever */
    return ct;
}
