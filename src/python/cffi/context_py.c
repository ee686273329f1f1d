/* SPDX-License-Identifier: MIT
 *
 * FFI(module_name, _version, _types, ...) of modules that are Python text, written
 * by cffi for libraries opened at run time. The tables are the same as those of
 * compiled modules, as bytes: numbers of four bytes, big end first, then a name.
 * They are unpacked into the same structures, and checked as those are.
 */
#include <string.h>

#include "python/cffi/stock.h"

/* An integer constant's value stands behind the table of globals. */
typedef struct Value {
    unsigned long long value;
    int how; /* 1: not above zero */
} Value;

static int read_value(StockConstant *c)
{
    const Value *v = (const Value *)(c->context->globals + c->context->n_globals);
    c->value = v[c->index].value;
    return v[c->index].how;
}

/* What is left of one row. */
typedef struct Row {
    const char *p;
    Py_ssize_t n;
} Row;

typedef struct Unpack {
    const char *module;
    Stock *s;
    StockContext c;
    Word *words;
} Unpack;

static int damaged(const Unpack *u, const char *table, Py_ssize_t i,
                   const char *what)
{
    PyErr_Format(
        PyExc_ImportError,
        "the cffi out-of-line Python module '%.200s' is damaged: %s entry %zd "
        "%s",
        u->module, table, i, what);
    return -1;
}

/* False: `o` is no bytes. */
static bool row_of(PyObject *o, Row *r)
{
    if (!PyBytes_Check(o))
        return false;
    r->p = PyBytes_AS_STRING(o);
    r->n = PyBytes_GET_SIZE(o);
    return true;
}

static bool read_number(Row *r, int *v)
{
    if (r->n < 4)
        return false;
    const unsigned char *p = (const unsigned char *)r->p;
    *v = (int)((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
               p[3]);
    r->p += 4;
    r->n -= 4;
    return true;
}

/* A number as a word keeps its sign: above the op stands a signed argument. */
static bool read_word(Row *r, Word *w)
{
    int v;
    if (!read_number(r, &v))
        return false;
    *w = (Word)(intptr_t)v;
    return true;
}

/* Text up to a NUL; bytes objects end with one. */
static bool read_name(Row *r, const char **name)
{
    *name = r->p;
    size_t n = strlen(r->p);
    Py_ssize_t skip = (Py_ssize_t)n + 1;
    if (skip > r->n)
        skip = r->n;
    r->p += skip;
    r->n -= skip;
    return true;
}

static void *room(Unpack *u, int slot, size_t bytes)
{
    void *p = jf_calloc(bytes ? bytes : 1);
    if (!p)
        PyErr_NoMemory();
    jf_free(u->s->owned[slot]);
    u->s->owned[slot] = p;
    return p;
}

/* --- one table each ------------------------------------------------------ */

static int unpack_types(Unpack *u, const char *bytes, Py_ssize_t n)
{
    Row r = {bytes, n};
    u->c.n_types = (int)(n / 4);
    Word *types = room(u, 0, ((size_t)u->c.n_types + 1) * sizeof(Word));
    u->words = types ? jf_calloc(((size_t)u->c.n_types + 1) * sizeof(Word)) : NULL;
    if (!u->words) {
        PyErr_NoMemory();
        return -1;
    }
    for (int i = 0; i < u->c.n_types; i++)
        read_word(&r, &types[i]);
    memcpy(u->words, types, (size_t)u->c.n_types * sizeof(Word));
    u->c.types = types;
    return 0;
}

static int unpack_globals(Unpack *u, PyObject *tuple)
{
    Py_ssize_t n = PyTuple_GET_SIZE(tuple) / 2;
    StockGlobal *g = room(u, 1, (size_t)n * (sizeof *g + sizeof(Value)));
    if (!g)
        return -1;
    Value *values = (Value *)(g + n);
    for (Py_ssize_t i = 0; i < n; i++) {
        Row r;
        if (!row_of(PyTuple_GET_ITEM(tuple, 2 * i), &r) || !read_word(&r, &g[i].op))
            return damaged(u, "globals", i, "is too short");
        read_name(&r, &g[i].name);
        unsigned op = word_op(g[i].op);
        if (op != OP_CONSTANT_INT && op != OP_ENUM) {
            if (op != OP_VARIABLE && op != OP_DL_FUNCTION && op != OP_DL_CONSTANT)
                return damaged(u, "globals", i, "has an operation not known");
            continue;
        }
        PyObject *o = PyTuple_GET_ITEM(tuple, 2 * i + 1);
        values[i].how = PyObject_RichCompareBool(o, Py_False, Py_LE);
        values[i].value = PyLong_AsUnsignedLongLongMask(o);
        if (PyErr_Occurred())
            return -1;
        g[i].address = (void *)(uintptr_t)read_value;
    }
    u->c.globals = g;
    u->c.n_globals = (int)n;
    return 0;
}

static int unpack_record(Unpack *u, PyObject *row, StockRecord *r, StockField *f)
{
    Row line;
    if (!row_of(PyTuple_GET_ITEM(row, 0), &line) ||
        !read_number(&line, &r->type_index) || !read_number(&line, &r->flags))
        return -1;
    read_name(&line, &r->name);
    bool bare = r->flags & (REC_OPAQUE | REC_EXTERNAL);
    Py_ssize_t n = PyTuple_GET_SIZE(row) - 1;
    r->size = bare ? (size_t)-1 : (size_t)-2;
    r->align = bare ? -1 : -2;
    r->n_fields = (int)n;
    r->first_field = bare ? -1 : (int)(f - u->c.fields);
    for (Py_ssize_t i = 0; i < n; i++, f++) {
        int bits = 0;
        if (!row_of(PyTuple_GET_ITEM(row, i + 1), &line) ||
            !read_word(&line, &f->op))
            return -1;
        f->offset = (size_t)-1;
        f->size = (size_t)-1;
        if (word_op(f->op) != OP_NOOP) {
            if (!read_number(&line, &bits) || bits < 0)
                return -1;
            f->size = (size_t)bits;
        }
        read_name(&line, &f->name);
    }
    return 0;
}

static int unpack_records(Unpack *u, PyObject *tuple)
{
    Py_ssize_t n = PyTuple_GET_SIZE(tuple), fields = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *row = PyTuple_GET_ITEM(tuple, i);
        if (!PyTuple_Check(row) || !PyTuple_GET_SIZE(row))
            return damaged(u, "struct_unions", i, "is no tuple");
        fields += PyTuple_GET_SIZE(row) - 1;
    }
    StockRecord *r = room(u, 2, (size_t)n * sizeof *r);
    StockField *f = r ? room(u, 3, (size_t)(fields + 1) * sizeof *f) : NULL;
    if (!f)
        return -1;
    u->c.fields = f;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *row = PyTuple_GET_ITEM(tuple, i);
        if (unpack_record(u, row, &r[i], f) < 0)
            return damaged(u, "struct_unions", i, "is too short");
        f += PyTuple_GET_SIZE(row) - 1;
    }
    u->c.records = r;
    u->c.n_records = (int)n;
    return 0;
}

static int unpack_enums(Unpack *u, PyObject *tuple)
{
    Py_ssize_t n = PyTuple_GET_SIZE(tuple);
    StockEnum *e = room(u, 4, (size_t)n * sizeof *e);
    if (!e)
        return -1;
    for (Py_ssize_t i = 0; i < n; i++) {
        Row r;
        if (!row_of(PyTuple_GET_ITEM(tuple, i), &r) ||
            !read_number(&r, &e[i].type_index) || !read_number(&r, &e[i].prim))
            return damaged(u, "enums", i, "is too short");
        read_name(&r, &e[i].name);
        read_name(&r, &e[i].items);
    }
    u->c.enums = e;
    u->c.n_enums = (int)n;
    return 0;
}

static int unpack_typenames(Unpack *u, PyObject *tuple)
{
    Py_ssize_t n = PyTuple_GET_SIZE(tuple);
    StockTypename *t = room(u, 5, (size_t)n * sizeof *t);
    if (!t)
        return -1;
    for (Py_ssize_t i = 0; i < n; i++) {
        Row r;
        if (!row_of(PyTuple_GET_ITEM(tuple, i), &r) ||
            !read_number(&r, &t[i].type_index))
            return damaged(u, "typenames", i, "is too short");
        read_name(&r, &t[i].name);
    }
    u->c.typenames = t;
    u->c.n_typenames = (int)n;
    return 0;
}

/* --- FFI.__init__ -------------------------------------------------------- */

static int include(Stock *s, PyObject *ffis, const char *module)
{
    Py_ssize_t n = PyTuple_GET_SIZE(ffis);
    PyObject *libs = PyTuple_New(n);
    for (Py_ssize_t i = 0; libs && i < n; i++) {
        if (!jpy_is_compiled_ffi(s->ffi->st, PyTuple_GET_ITEM(ffis, i))) {
            PyErr_Format(PyExc_ImportError,
                         "the cffi out-of-line Python module '%.200s' includes a "
                         "%.200s, which is no FFI of a module",
                         module, Py_TYPE(PyTuple_GET_ITEM(ffis, i))->tp_name);
            Py_CLEAR(libs);
            break;
        }
        PyTuple_SET_ITEM(libs, i, Py_NewRef(Py_None));
    }
    if (!libs)
        return -1;
    s->ffis = Py_NewRef(ffis);
    s->libs = libs;
    return 0;
}

int jpy_stock_init(Stock *s, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"module_name", "_version",       "_types",
                            "_globals",    "_struct_unions", "_enums",
                            "_typenames",  "_includes",      NULL};
    const char *module = "?", *types = NULL;
    Py_ssize_t version = -1, n_types = 0;
    PyObject *globals = NULL, *records = NULL, *enums = NULL, *typenames = NULL,
             *includes = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|sny#O!O!O!O!O!:FFI", names,
                                     &module, &version, &types, &n_types,
                                     &PyTuple_Type, &globals, &PyTuple_Type,
                                     &records, &PyTuple_Type, &enums, &PyTuple_Type,
                                     &typenames, &PyTuple_Type, &includes))
        return -1;
    if (s->filled) {
        PyErr_SetString(PyExc_ValueError,
                        "cannot call FFI.__init__() more than once");
        return -1;
    }
    s->filled = true;
    if (version == -1 && n_types == 0)
        return 0;
    if (jpy_stock_version(module, version, true) < 0)
        return -1;
    Unpack u = {.module = module, .s = s};
    s->keep = PyTuple_Pack(2, args, kwargs ? kwargs : Py_None);
    if (!s->keep || unpack_types(&u, types, n_types) < 0 ||
        (globals && unpack_globals(&u, globals) < 0) ||
        (records && unpack_records(&u, records) < 0) ||
        (enums && unpack_enums(&u, enums) < 0) ||
        (typenames && unpack_typenames(&u, typenames) < 0) ||
        jpy_stock_check(module, &u.c, u.words) < 0 ||
        (includes && include(s, includes, module) < 0)) {
        jf_free(u.words);
        return -1;
    }
    return jpy_stock_adopt(s, &u.c, u.words);
}
