/* SPDX-License-Identifier: MIT
 *
 * The tables of a module that cffi compiled are checked once, when it is imported,
 * so that everything behind this file may index them without looking: a module
 * that is damaged or made to hurt is an ImportError that names the entry. What
 * cannot be checked is how long a table really is.
 */
#include <string.h>

#include "python/cffi/stock.h"

enum { DEEPEST = 1000, MOST_ALIGN = 1 << 20, MOST_BITS = 64 };

/* What a word of the types is, one byte each. */
enum {
    W_TYPE = 1,     /* a type begins here */
    W_FUNCTION = 2, /* ... a function's */
    W_BUSY = 4,     /* on the way from here */
    W_DONE = 8      /* no cycle from here */
};

typedef struct Check {
    const char *module;
    const StockContext *c;
    const Word *words;
    uint8_t *marks; /* W_*, one per word */
} Check;

static int fail(const Check *k, const char *table, int i, const char *what)
{
    PyErr_Format(PyExc_ImportError,
                 "the cffi extension module '%.200s' is damaged: %s entry %d %s",
                 k->module, table, i, what);
    return -1;
}

static int fail_named(const Check *k, const char *table, int i, const char *name,
                      const char *what)
{
    PyErr_Format(PyExc_ImportError,
                 "the cffi extension module '%.200s' is damaged: %s entry %d "
                 "('%.100s') %s",
                 k->module, table, i, name, what);
    return -1;
}

/* --- types --------------------------------------------------------------- */

static bool is_type(const Check *k, intptr_t i)
{
    return i >= 0 && i < k->c->n_types && k->marks[i] & W_TYPE;
}

/* Where each type begins: behind an ARRAY stands its length, behind a FUNCTION its
 * parameters and its end. */
static int mark_types(const Check *k)
{
    int n = k->c->n_types;
    bool inside = false;
    for (int i = 0; i < n; i++) {
        unsigned op = word_op(k->words[i]);
        if (op == OP_FUNCTION_END) {
            if (!inside)
                return fail(k, "types", i, "ends a function that was not begun");
            if (word_arg(k->words[i]) & ~(intptr_t)3)
                return fail(k, "types", i, "has a calling convention not known");
            inside = false;
            continue;
        }
        if (op == OP_FUNCTION && inside)
            return fail(k, "types", i, "is a function inside of a function");
        k->marks[i] = W_TYPE;
        if (op == OP_FUNCTION) {
            k->marks[i] |= W_FUNCTION;
            inside = true;
        } else if (op == OP_ARRAY) {
            if (inside || i + 1 >= n)
                return fail(k, "types", i, "is an array without a length");
            if (k->words[i + 1] > PY_SSIZE_T_MAX)
                return fail(k, "types", i, "is an array of a length out of range");
            i++;
        }
    }
    return inside ? fail(k, "types", n - 1, "leaves a function without its end")
                  : 0;
}

static int check_word(const Check *k, int i)
{
    const StockContext *c = k->c;
    intptr_t arg = word_arg(k->words[i]);
    switch (word_op(k->words[i])) {
    case OP_PRIMITIVE:
        return arg >= PRIM_LONG_DOUBLE && arg < PRIM_COUNT
                   ? 0
                   : fail(k, "types", i, "is a primitive type not known");
    case OP_RECORD:
        return arg >= RECORD_FILE && arg < c->n_records
                   ? 0
                   : fail(k, "types", i, "names a struct that is not there");
    case OP_ENUM:
        return arg >= 0 && arg < c->n_enums
                   ? 0
                   : fail(k, "types", i, "names an enum that is not there");
    case OP_POINTER:
    case OP_ARRAY:
    case OP_OPEN_ARRAY:
    case OP_FUNCTION:
    case OP_NOOP:
        return is_type(k, arg)
                   ? 0
                   : fail(k, "types", i, "names a type that is not there");
    default:
        return fail(k, "types", i, "has an operation not known");
    }
}

/* Types lead on to types until a name; they may not lead back. */
static int walk(const Check *k, intptr_t i, unsigned depth)
{
    uint8_t *mark = &k->marks[i];
    if (*mark & W_DONE)
        return 0;
    if (*mark & W_BUSY)
        return fail(k, "types", (int)i, "contains itself without a struct between");
    if (depth > DEEPEST)
        return fail(k, "types", (int)i, "is nested too deeply");
    *mark |= W_BUSY;
    int bad = 0;
    switch (word_op(k->words[i])) {
    case OP_POINTER:
    case OP_ARRAY:
    case OP_OPEN_ARRAY:
    case OP_NOOP:
        bad = walk(k, word_arg(k->words[i]), depth + 1);
        break;
    case OP_FUNCTION:
        bad = walk(k, word_arg(k->words[i]), depth + 1);
        for (intptr_t p = i + 1; !bad && k->marks[p] & W_TYPE; p++)
            bad = walk(k, p, depth + 1);
        break;
    default:
        break;
    }
    *mark = (uint8_t)((*mark & ~W_BUSY) | W_DONE);
    return bad;
}

static int check_types(const Check *k)
{
    if (mark_types(k) < 0)
        return -1;
    for (int i = 0; i < k->c->n_types; i++)
        if (k->marks[i] & W_TYPE && check_word(k, i) < 0)
            return -1;
    for (int i = 0; i < k->c->n_types; i++)
        if (k->marks[i] & W_TYPE && walk(k, i, 0) < 0)
            return -1;
    return 0;
}

/* --- names --------------------------------------------------------------- */

/* Tables are searched by halving: names are there, and each behind the last. */
static int check_name(const Check *k, const char *table, int i, const char *name,
                      const char *last)
{
    if (!name || !*name)
        return fail(k, table, i, "has no name");
    if (last && strcmp(last, name) >= 0)
        return fail_named(k, table, i, name, "is out of order");
    return 0;
}

static int check_globals(const Check *k)
{
    const StockContext *c = k->c;
    for (int i = 0; i < c->n_globals; i++) {
        const StockGlobal *g = &c->globals[i];
        if (check_name(k, "globals", i, g->name, i ? g[-1].name : NULL) < 0)
            return -1;
        intptr_t arg = word_arg(g->op);
        bool typed = is_type(k, arg), address = g->address != NULL;
        switch (word_op(g->op)) {
        case OP_BUILTIN_V:
        case OP_BUILTIN_N:
        case OP_BUILTIN_O:
            typed = typed && k->marks[arg] & W_FUNCTION;
            break;
        case OP_CONSTANT_INT:
        case OP_ENUM:
            typed = true;
            break;
        case OP_CONSTANT:
        case OP_VARIABLE_F:
        case OP_EXTERN_PYTHON:
            break;
        case OP_VARIABLE:
        case OP_DL_FUNCTION:
        case OP_DL_CONSTANT:
            address = true; /* NULL: looked up in a library */
            break;
        default:
            return fail_named(k, "globals", i, g->name,
                              "has an operation not known");
        }
        if (!typed)
            return fail_named(k, "globals", i, g->name,
                              "names a type that is not there");
        if (!address)
            return fail_named(k, "globals", i, g->name, "has no address");
    }
    return 0;
}

/* --- structs, enums, typedefs -------------------------------------------- */

static bool is_slot(const Check *k, int i, unsigned op, int n)
{
    return is_type(k, i) && word_op(k->words[i]) == op &&
           word_arg(k->words[i]) == n;
}

static int check_field(const Check *k, int i, const StockRecord *r, int f)
{
    const StockField *field = &k->c->fields[f];
    const char *what = NULL;
    unsigned op = word_op(field->op);
    if (!field->name)
        what = "has a member without a name";
    else if (op != OP_NOOP && op != OP_BITFIELD)
        what = "has a member with an operation not known";
    else if (!is_type(k, word_arg(field->op)))
        what = "has a member whose type is not there";
    else if (op == OP_BITFIELD && field->size > MOST_BITS)
        what = "has a bit-field of a width out of range";
    else if (op == OP_NOOP && field->size != (size_t)-1 &&
             field->size > PY_SSIZE_T_MAX)
        what = "has a member of a size out of range";
    else if (field->offset != (size_t)-1 && field->offset > PY_SSIZE_T_MAX)
        what = "has a member at an offset out of range";
    return what ? fail_named(k, "struct_unions", i, r->name, what) : 0;
}

static int check_record(const Check *k, int i)
{
    const StockRecord *r = &k->c->records[i];
    const char *what = NULL;
    bool is_file = is_slot(k, r->type_index, OP_RECORD, RECORD_FILE);
    bool bare = r->flags & (REC_EXTERNAL | REC_OPAQUE);
    if (!is_slot(k, r->type_index, OP_RECORD, i) && !is_file)
        what = "is not at its place in the types";
    else if (r->flags & ~31)
        what = "has flags not known";
    else if (bare ? r->n_fields > 0 : r->n_fields < 0 || r->n_fields > STOCK_MANY)
        what = "has a number of members out of range";
    else if (!bare &&
             (r->first_field < 0 || r->first_field > INT_MAX - STOCK_MANY ||
              (r->n_fields && !k->c->fields)))
        what = "has members that are not there";
    else if (r->size > PY_SSIZE_T_MAX && r->size < (size_t)-2)
        what = "has a size out of range";
    else if (r->align > MOST_ALIGN || (r->align > 0 && r->align & (r->align - 1)) ||
             r->align == 0)
        what = "has an alignment out of range";
    if (what)
        return fail_named(k, "struct_unions", i, r->name, what);
    for (int f = 0; !bare && f < r->n_fields; f++)
        if (check_field(k, i, r, r->first_field + f) < 0)
            return -1;
    return 0;
}

static int check_records(const Check *k)
{
    const StockRecord *r = k->c->records;
    for (int i = 0; i < k->c->n_records; i++)
        if (check_name(k, "struct_unions", i, r[i].name, i ? r[i - 1].name : NULL) <
                0 ||
            check_record(k, i) < 0)
            return -1;
    return 0;
}

static int check_enums(const Check *k)
{
    const StockEnum *e = k->c->enums;
    for (int i = 0; i < k->c->n_enums; i++) {
        if (check_name(k, "enums", i, e[i].name, i ? e[i - 1].name : NULL) < 0)
            return -1;
        if (!is_slot(k, e[i].type_index, OP_ENUM, i))
            return fail_named(k, "enums", i, e[i].name,
                              "is not at its place in the types");
        if (e[i].prim < PRIM_LONG_DOUBLE || e[i].prim >= PRIM_COUNT)
            return fail_named(k, "enums", i, e[i].name,
                              "is of a primitive type not known");
        if (!e[i].items)
            return fail_named(k, "enums", i, e[i].name, "has no enumerators");
    }
    return 0;
}

static int check_typenames(const Check *k)
{
    const StockTypename *t = k->c->typenames;
    for (int i = 0; i < k->c->n_typenames; i++) {
        if (check_name(k, "typenames", i, t[i].name, i ? t[i - 1].name : NULL) < 0)
            return -1;
        if (!is_type(k, t[i].type_index))
            return fail_named(k, "typenames", i, t[i].name,
                              "names a type that is not there");
    }
    return 0;
}

static int check_counts(const Check *k)
{
    const StockContext *c = k->c;
    const struct {
        const char *table;
        const void *at;
        int n;
    } all[] = {{"types", c->types, c->n_types},
               {"globals", c->globals, c->n_globals},
               {"struct_unions", c->records, c->n_records},
               {"enums", c->enums, c->n_enums},
               {"typenames", c->typenames, c->n_typenames}};
    for (size_t i = 0; i < JF_COUNT(all); i++) {
        if (all[i].n >= 0 && all[i].n <= STOCK_MANY && (all[i].at || !all[i].n))
            continue;
        PyErr_Format(PyExc_ImportError,
                     "the cffi extension module '%.200s' is damaged: its table of "
                     "%s says that it has %d entries%s",
                     k->module, all[i].table, all[i].n,
                     all[i].at ? "" : ", and is not there");
        return -1;
    }
    return 0;
}

int jpy_stock_check(const char *module, const StockContext *c, const Word *words)
{
    Check k = {module, c, words, NULL};
    if (check_counts(&k) < 0)
        return -1;
    k.marks = jf_calloc((size_t)c->n_types + 1);
    if (!k.marks) {
        PyErr_NoMemory();
        return -1;
    }
    int bad = check_types(&k) < 0 || check_globals(&k) < 0 ||
              check_records(&k) < 0 || check_enums(&k) < 0 ||
              check_typenames(&k) < 0;
    jf_free(k.marks);
    return bad ? -1 : 0;
}
