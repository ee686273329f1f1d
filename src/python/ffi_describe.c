/* SPDX-License-Identifier: MIT
 *
 * FFI._declared(): all that was declared, as plain Python data, for the generator
 * in jiffi.build. Types are spelled as C that the user's header understands: tags,
 * names of typedefs; what was declared with `...` by its typedef. The shape of the
 * data is the contract with the generator and stands below.
 */
#include <string.h>

#include "python/describe.h"

/*
 * _declared() -> {"texts": [...], "gil": str, "symbols": [SYMBOL...],
 *                 "records": [RECORD...], "enums": [ENUM...],
 *                 "lengths": [(name, dim, expr)...], "typedefs": [(name, cls)...]}
 *
 * texts     every successful cdef of its own: (text, packed, pack, override, gil),
 *           gil one of the words below
 * gil       of the FFI: "default", "release", "hold" or "auto"
 * SYMBOL    {"name", "kind", "included", "line", "flags", "link", ...}
 *             kind     "typedef" "function" "variable" "constant" "float" "string"
 *             flags    frozenset of "dots" (its value, length or type is the
 *                      compiler's to know), "static", "extern", "macro",
 *                      "enumerator"
 *             type     TYPE: of the variable, constant, what the typedef stands for;
 *                      not in "string"
 *           function:  result TYPE, params [TYPE...], names [str or None...],
 *                      variadic bool, oldstyle bool (declared `f()`), stdcall bool,
 *                      gil, python None, "Python" or "Python+C"
 *           constant:  value int (None where it has dots); float: value float;
 *                      string: value bytes
 * TYPE      {"c": spelling with "{}" in the declarator's place and all qualifiers,
 *            "kind", "size", "signed", "open"}
 *             kind     "void" "bool" "int" "char" "float" "longdouble" "complex"
 *                      "valist" "enum" "pointer" "fnptr" "array" "vector" "record"
 *                      "function"
 *             size     bytes on this host, None where unknown; of an open record or
 *                      type None; of a partial enum a guess
 *             signed   of "int", "char", "enum"
 *             open     None; "int", "float" (typedef int... t), "type"
 *                      (typedef ... t): then kind is "record" ("type"), "int" or
 *                      "float", and size None
 *             partial  of "record", "enum": declared with `...`
 *             to       of "pointer", "array": TYPE
 *             length   of "array": int, or None for [] and [...]
 * RECORD    {"name": its name for the tables ("struct foo", "foo_t", "*foo_p",
 *            "struct foo.a"), "type": C spelling of it or None, "expr": an lvalue of
 *            its type that may stand in sizeof and offsetof-like arithmetic,
 *            "partial", "opaque", "packed", "pack", "line", "union",
 *            "members": [MEMBER...]}; included ones are left out
 * MEMBER    {"path": "a" (relative to the record; members of anonymous members are
 *            the record's own), "bits": int or None, "flexible": bool, "type": TYPE,
 *            "dims": [int or None...] of an array declared with [...], else None}
 * ENUM      {"name": "enum e", "e_t" or None, "partial": bool,
 *            "items": [names...]}
 * lengths   [...]: its name for the tables ("v", "t", "struct foo.a"), the dimension,
 *           a C expression of that array (for sizeof(x) / sizeof((x)[0]))
 * typedefs  typedef int... t and float... t: (name, "int" or "float"); enums whose
 *           integer type is asked for: ("enum e", "enum")
 */

/* --- small change ------------------------------------------------------------- */

int jpy_describe_put(PyObject *dict, const char *key, PyObject *value)
{
    int bad = value ? PyDict_SetItemString(dict, key, value) : -1;
    Py_XDECREF(value);
    return bad;
}

int jpy_describe_add(PyObject *list, PyObject *value)
{
    int bad = value ? PyList_Append(list, value) : -1;
    Py_XDECREF(value);
    return bad;
}

PyObject *jpy_describe_word(const char *text)
{
    if (!text)
        Py_RETURN_NONE;
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

PyObject *jpy_describe_buf(jf_Buf *b)
{
    PyObject *s = b->failed
                      ? PyErr_NoMemory()
                      : PyUnicode_DecodeUTF8(b->p, (Py_ssize_t)b->n, "replace");
    jf_buf_free(b);
    return s;
}

static PyObject *gil_word(uint8_t gil)
{
    static const char *const words[] = {"default", "release", "hold", "auto"};
    return PyUnicode_FromString(words[gil <= JF_GIL_AUTO ? gil : JF_GIL_DEFAULT]);
}

/* --- types ------------------------------------------------------------------------ */

static void put_quals(jf_Buf *b, unsigned quals)
{
    jf_buf_printf(b, "%s%s%s", quals & JF_Q_CONST ? "const " : "",
                  quals & JF_Q_VOLATILE ? "volatile " : "",
                  quals & JF_Q_RESTRICT ? "__restrict " : "");
}

static bool is_word(char c)
{
    return c == '_' || (c >= '0' && c <= '9') ||
           ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* With "{}" where the declarator goes; `quals` are those of the thing itself. */
static PyObject *spelling(const jf_Type *t, unsigned quals)
{
    jf_Buf all = JF_BUF_INIT, inner = JF_BUF_INIT, out = JF_BUF_INIT;
    bool pointer = t->kind == JF_PTR;
    size_t place = 0;
    if (pointer)
        put_quals(&inner, quals);
    else if (t->kind != JF_ARRAY)
        put_quals(&out, quals);
    jf_buf_text(&inner, "{}");
    if (!inner.failed)
        jf_type_print(t, inner.p, JF_PRINT_QUALS | JF_PRINT_HEADER, &all, &place);
    if (!inner.failed && !all.failed) {
        jf_buf_put(&out, all.p, place);
        if (place && is_word(all.p[place - 1]))
            jf_buf_text(&out, " ");
        jf_buf_text(&out, all.p + place);
    }
    out.failed = out.failed || all.failed || inner.failed;
    jf_buf_free(&all);
    jf_buf_free(&inner);
    return jpy_describe_buf(&out);
}

static const char *kind_word(const jf_Type *t)
{
    switch ((jf_Kind)t->kind) { /* LONG: one word per kind */
    case JF_VOID:
        return "void";
    case JF_BOOL:
        return "bool";
    case JF_INT:
        return "int";
    case JF_CHAR:
        return "char";
    case JF_FLOAT:
        return t->prim == JF_P_LDOUBLE || t->prim == JF_P_FLOAT64X ||
                       t->prim == JF_P_FLOAT128
                   ? "longdouble"
                   : "float";
    case JF_COMPLEX:
        return "complex";
    case JF_VALIST:
        return "valist";
    case JF_ENUM:
        return "enum";
    case JF_PTR:
        return t->to->kind == JF_FUNC ? "fnptr" : "pointer";
    case JF_ARRAY:
        return "array";
    case JF_VECTOR:
        return "vector";
    case JF_FUNC:
        return "function";
    case JF_STRUCT:
    case JF_UNION:
        break;
    }
    return t->u.rec->flags & JF_R_DOTS_INT     ? "int"
           : t->u.rec->flags & JF_R_DOTS_FLOAT ? "float"
                                               : "record";
}

static const char *open_word(const jf_Type *t)
{
    unsigned flags = jf_is_record(t) ? t->u.rec->flags : 0;
    return flags & JF_R_DOTS_INT      ? "int"
           : flags & JF_R_DOTS_FLOAT  ? "float"
           : flags & JF_R_OPAQUE_DOTS ? "type"
                                      : NULL;
}

static bool is_partial(const jf_Type *t)
{
    if (t->kind == JF_ENUM)
        return t->u.en->flags & JF_R_PARTIAL;
    return jf_is_record(t) && t->u.rec->flags & JF_R_PARTIAL;
}

static PyObject *size_of(State *st, jf_Type *t)
{
    jf_Diag d = JF_DIAG_INIT;
    bool known = t->kind != JF_VOID && t->kind != JF_FUNC &&
                 jf_layout(st->universe->target, t, &d) == JF_OK;
    jf_diag_clear(&d);
    if (!known)
        Py_RETURN_NONE;
    return PyLong_FromUnsignedLongLong(t->size);
}

static PyObject *length_of(const jf_Type *t)
{
    if (t->length == JF_UNKNOWN)
        Py_RETURN_NONE;
    return PyLong_FromUnsignedLongLong(t->length);
}

static PyObject *flag(bool on)
{
    return PyBool_FromLong(on);
}

PyObject *jpy_describe_type(State *st, jf_Type *t, unsigned quals)
{
    PyObject *d = PyDict_New();
    if (!d)
        return NULL;
    int bad = jpy_describe_put(d, "c", spelling(t, quals)) < 0 ||
              jpy_describe_put(d, "kind", PyUnicode_FromString(kind_word(t))) < 0 ||
              jpy_describe_put(d, "size", size_of(st, t)) < 0 ||
              jpy_describe_put(d, "signed", flag(t->flags & JF_T_SIGNED)) < 0 ||
              jpy_describe_put(d, "open", jpy_describe_word(open_word(t))) < 0 ||
              jpy_describe_put(d, "partial", flag(is_partial(t))) < 0;
    if (!bad && (t->kind == JF_PTR || t->kind == JF_ARRAY)) {
        bad = Py_EnterRecursiveCall(" in a type");
        if (!bad) {
            bad = jpy_describe_put(d, "to", jpy_describe_type(st, t->to, t->quals));
            Py_LeaveRecursiveCall();
        }
    }
    if (!bad && t->kind == JF_ARRAY)
        bad = jpy_describe_put(d, "length", length_of(t));
    if (bad)
        Py_CLEAR(d);
    return d;
}

/* A parameter. Where va_list is an array, a pointer to it is what became of it. */
static PyObject *param_type(State *st, jf_Type *t)
{
    if (t->kind == JF_PTR && t->to->kind == JF_VALIST && !t->quals &&
        st->universe->target->abi == JF_ABI_SYSV)
        t = t->to;
    return jpy_describe_type(st, t, 0);
}

/* --- symbols ------------------------------------------------------------------------ */

static PyObject *flag_words(const jf_Symbol *sym)
{
    static const struct {
        unsigned flags;
        const char *word;
    } rows[] = {
        {JF_S_DOTS | JF_S_DOTS_TYPE | JF_S_DOTS_INT | JF_S_DOTS_FLOAT |
             JF_S_DOTS_POINTER,
         "dots"},
        {JF_S_STATIC, "static"},
        {JF_S_EXTERN, "extern"},
        {JF_S_MACRO, "macro"},
        {JF_S_ENUMERATOR, "enumerator"},
    };
    PyObject *words = PyList_New(0), *set = NULL;
    int bad = words ? 0 : -1;
    for (size_t i = 0; !bad && i < JF_COUNT(rows); i++)
        if (sym->flags & rows[i].flags)
            bad = jpy_describe_add(words, PyUnicode_FromString(rows[i].word));
    if (!bad)
        set = PyFrozenSet_New(words);
    Py_XDECREF(words);
    return set;
}

static PyObject *params_of(State *st, const jf_Symbol *sym)
{
    const jf_FuncInfo *f = sym->type->u.func;
    PyObject *list = PyList_New(0);
    for (uint32_t i = 0; list && i < f->n_params; i++)
        if (jpy_describe_add(list, param_type(st, f->params[i])) < 0)
            Py_CLEAR(list);
    return list;
}

static PyObject *names_of(const jf_Symbol *sym)
{
    PyObject *list = PyList_New(0);
    for (uint32_t i = 0; list && i < sym->type->u.func->n_params; i++) {
        const char *name = sym->params ? sym->params[i] : NULL;
        if (jpy_describe_add(list, jpy_describe_word(name)) < 0)
            Py_CLEAR(list);
    }
    return list;
}

static int put_function(State *st, PyObject *d, const jf_Symbol *sym)
{
    jf_Type *t = sym->type;
    const char *python = sym->flags & JF_S_EXTERN_PYTHON     ? "Python"
                         : sym->flags & JF_S_EXTERN_PYTHON_C ? "Python+C"
                                                             : NULL;
    if (jpy_describe_put(d, "result", jpy_describe_type(st, t->to, 0)) < 0 ||
        jpy_describe_put(d, "params", params_of(st, sym)) < 0 ||
        jpy_describe_put(d, "names", names_of(sym)) < 0 ||
        jpy_describe_put(d, "variadic", flag(t->flags & JF_T_VARIADIC)) < 0 ||
        jpy_describe_put(d, "oldstyle", flag(t->flags & JF_T_OLDSTYLE)) < 0 ||
        jpy_describe_put(d, "stdcall", flag(t->flags & JF_T_STDCALL)) < 0 ||
        jpy_describe_put(d, "gil", gil_word(sym->gil)) < 0)
        return -1;
    return jpy_describe_put(d, "python", jpy_describe_word(python));
}

static PyObject *value_of(const jf_Symbol *sym)
{
    if (sym->kind == JF_SYM_FLOAT)
        return PyFloat_FromDouble(sym->number);
    if (sym->kind == JF_SYM_STRING)
        return PyBytes_FromStringAndSize(sym->text, (Py_ssize_t)sym->text_size);
    if (sym->flags & JF_S_DOTS)
        Py_RETURN_NONE;
    return sym->flags & JF_S_UNSIGNED
               ? PyLong_FromUnsignedLongLong((uint64_t)sym->value)
               : PyLong_FromLongLong(sym->value);
}

static PyObject *symbol(State *st, const jf_Symbol *sym)
{
    static const char *const kinds[] = {"typedef",  "function", "variable",
                                        "constant", "float",    "string"};
    PyObject *d = PyDict_New();
    if (!d)
        return NULL;
    int bad =
        jpy_describe_put(d, "name", jpy_describe_word(sym->name)) < 0 ||
        jpy_describe_put(d, "kind", PyUnicode_FromString(kinds[sym->kind])) < 0 ||
        jpy_describe_put(d, "included", flag(sym->flags & JF_S_INCLUDED)) < 0 ||
        jpy_describe_put(d, "line", PyLong_FromUnsignedLong(sym->line)) < 0 ||
        jpy_describe_put(d, "flags", flag_words(sym)) < 0 ||
        jpy_describe_put(d, "link", jpy_describe_word(sym->link)) < 0;
    if (!bad && sym->type)
        bad = jpy_describe_put(d, "type",
                               jpy_describe_type(st, sym->type, sym->quals));
    if (!bad && sym->kind == JF_SYM_FUNCTION)
        bad = put_function(st, d, sym);
    if (!bad && sym->kind >= JF_SYM_CONSTANT)
        bad = jpy_describe_put(d, "value", value_of(sym));
    if (bad)
        Py_CLEAR(d);
    return d;
}

static bool visit_symbol(void *ctx, const jf_Symbol *sym)
{
    Describe *x = ctx;
    x->bad = jpy_describe_add(x->symbols, symbol(x->ffi->st, sym)) < 0 ||
             jpy_describe_symbol_lengths(x, sym) < 0;
    if (!x->bad && sym->flags & (JF_S_DOTS_INT | JF_S_DOTS_FLOAT) &&
        !(sym->flags & JF_S_INCLUDED))
        x->bad =
            jpy_describe_add(
                x->typedefs,
                Py_BuildValue("ss", sym->name,
                              sym->flags & JF_S_DOTS_INT ? "int" : "float")) < 0;
    return !x->bad;
}

/* --- all of it ------------------------------------------------------------------------ */

PyObject *jpy_ffi__declared(PyObject *self, PyObject *unused)
{
    (void)unused;
    FFIObject *ffi = (FFIObject *)self;
    Describe x = {.ffi = ffi};
    PyObject *all = PyDict_New(), *texts = NULL;
    x.symbols = PyList_New(0);
    x.records = PyList_New(0);
    x.enums = PyList_New(0);
    x.lengths = PyList_New(0);
    x.typedefs = PyList_New(0);
    x.bad =
        !all || !x.symbols || !x.records || !x.enums || !x.lengths || !x.typedefs;
    if (!x.bad)
        texts = ffi->texts ? PySequence_List(ffi->texts) : PyList_New(0);
    if (!x.bad)
        jf_scope_each(ffi->scope, visit_symbol, &x);
    if (!x.bad)
        jpy_describe_records(&x);
    const struct {
        const char *key;
        PyObject *value; /* owned */
    } rows[] = {{"texts", texts},
                {"symbols", x.symbols},
                {"records", x.records},
                {"enums", x.enums},
                {"lengths", x.lengths},
                {"typedefs", x.typedefs},
                {"gil", gil_word(ffi->gil)},
                {"callback_errors", jpy_ffi_errors_word(ffi->callback_errors)}};
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        if (x.bad || !rows[i].value ||
            PyDict_SetItemString(all, rows[i].key, rows[i].value) < 0)
            x.bad = true;
        Py_XDECREF(rows[i].value);
    }
    if (x.bad)
        Py_CLEAR(all);
    return all;
}
