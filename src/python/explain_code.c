/* SPDX-License-Identifier: MIT
 *
 * The machine code of a call with a word on what its figures mean: functions that are
 * called, objects that are compared with, variables of the thread. Only what the figure
 * itself says: an address that is a function's first byte, an offset that is errno's.
 */
#include "python/explain.h"

#include "python/call_recipe.h"
#include "python/pending.h"

#include <string.h>

enum { COMMENT = 120 };

/* --- addresses --------------------------------------------------------------------- */

/* What jiffi's own functions do: they have no names that the loader knows. */
static const char *own_function(uint64_t at)
{
    const struct {
        uintptr_t at;
        const char *what;
    } rows[] = {
        {(uintptr_t)jpy_argument, "convert an unusual argument"},
        {(uintptr_t)jpy_sized_argument, "convert an array and its length"},
        {(uintptr_t)jpy_sized_mismatch, "raise: two arrays of different lengths"},
        {(uintptr_t)jpy_ndarray_items, "where a NumPy array's items are"},
        {(uintptr_t)jpy_temps_free, "free what conversions made"},
        {(uintptr_t)jpy_null_error, "raise: the function is gone"},
        {(uintptr_t)jpy_arity_error, "raise: the wrong number of arguments"},
        {(uintptr_t)jpy_result, "make an object of the result in memory"},
        {(uintptr_t)jpy_bool, "make a bool"},
        {(uintptr_t)jpy_gil_let_go, "let go of the GIL"},
        {(uintptr_t)jpy_gil_take, "take the GIL back"},
        {(uintptr_t)jpy_call_failed, "raise what a callback left"},
        {(uintptr_t)jf_os_errno_restore, "errno = ffi.errno"},
        {(uintptr_t)jf_os_errno_save, "ffi.errno = errno"},
    };
    for (size_t k = 0; k < JF_COUNT(rows); k++)
        if (rows[k].at == at)
            return rows[k].what;
    return jpy_recipe_helper((uintptr_t)at);
}

/* The exported thing that begins at `at`, or NULL. */
static const char *exported(uint64_t at)
{
    jf_OsPlace place;
    const void *p = (const void *)(uintptr_t)at;
    if (!p || !jf_os_place(p, &place) || !place.symbol || place.start != p)
        return NULL;
    return place.symbol;
}

static void callee(const Explained *what, const jf_Line *l, char *out)
{
    const char *own = l->value ? own_function(l->value) : NULL;
    const char *name = l->value ? exported(l->value) : NULL;
    if (!l->value || (what->target && (uintptr_t)what->target == l->value))
        PyOS_snprintf(out, COMMENT, "call the C function");
    else if (own)
        PyOS_snprintf(out, COMMENT, "%s", own);
    else if (name)
        PyOS_snprintf(out, COMMENT, "%s%s", name, l->is_tail ? ", and return" : "");
    else
        PyOS_snprintf(out, COMMENT, "a function of jiffi's");
}

/* A type of the signature whose record is at `at`. */
static const jf_Type *own_type(const jf_Type *fn, uint64_t at)
{
    for (uint32_t i = 0; i <= fn->u.func->n_params; i++) {
        const jf_Type *t = i ? fn->u.func->params[i - 1] : fn->to;
        if ((uintptr_t)t == at || (uintptr_t)t->canon == at)
            return t;
    }
    return NULL;
}

/* A class of jiffi's that is at `at`. */
static const char *own_class(State *st, uint64_t at)
{
    const PyTypeObject *classes[] = {st->cdata_type, st->cdata_own_type,
                                     st->cdata_ext_type, st->ndarray_type};
    static const char *const names[] = {"class of cdata", "class of cdata that own",
                                        "class of cdata that hold others",
                                        "numpy.ndarray"};
    for (size_t k = 0; k < JF_COUNT(classes); k++)
        if (at && (uintptr_t)classes[k] == at)
            return names[k];
    return NULL;
}

static void constant(const Explained *what, const jf_Line *l, char *out)
{
    const char *name = l->value > 4096 ? exported(l->value) : NULL;
    const char *own = own_class(what->st, l->value);
    const jf_Type *t = own_type(what->fn, l->value);
    if (own) {
        PyOS_snprintf(out, COMMENT, "%s", own);
    } else if (t) {
        jf_Buf b = JF_BUF_INIT;
        jf_type_print(t, "", 0, &b, NULL);
        PyOS_snprintf(out, COMMENT, "ctype '%s'", b.failed ? "?" : b.p);
        jf_buf_free(&b);
    } else if (l->value == (uintptr_t)&jpy_held) {
        PyOS_snprintf(out, COMMENT, "which call keeps the GIL");
    } else if (name && !own_function(l->value)) {
        PyOS_snprintf(out, COMMENT, "%s",
                      strcmp(name, "_Py_NoneStruct") ? name : "None");
    }
}

/* --- the thread's ------------------------------------------------------------------ */

static void of_thread(const jf_Line *l, char *out)
{
    int32_t error, saved, at;
    const char *name = NULL;
    if (jf_os_errno_offsets(&error, &saved)) {
        name = (int32_t)l->value == error   ? "errno"
               : (int32_t)l->value == saved ? "ffi.errno"
                                            : NULL;
    }
    if (!name && jpy_gil_slot(&at) && (int32_t)l->value == at)
        name = "the thread state put aside";
    if (!name && jpy_pending_slot(&at) && (int32_t)l->value == at)
        name = "what a callback left";
    if (name)
        PyOS_snprintf(out, COMMENT, "%s%s", l->writes ? "write " : "", name);
}

/* --- lines ------------------------------------------------------------------------- */

typedef struct Lines {
    const Explained *what;
    const char *code;
    PyObject *list; /* NULL after an exception */
} Lines;

static void add_line(void *ctx, const jf_Line *l)
{
    Lines *lines = ctx;
    char comment[COMMENT] = "";
    if (!lines->list)
        return;
    if (l->kind == JF_LINE_CALL)
        callee(lines->what, l, comment);
    else if (l->kind == JF_LINE_CONST)
        constant(lines->what, l, comment);
    else if (l->kind == JF_LINE_THREAD)
        of_thread(l, comment);
    PyObject *row =
        Py_BuildValue("Iy#ss", (unsigned)l->offset, lines->code + l->offset,
                      (Py_ssize_t)l->size, l->text, comment);
    if (!row || PyList_Append(lines->list, row) < 0)
        Py_CLEAR(lines->list);
    Py_XDECREF(row);
}

PyObject *jpy_explain_lines(const void *code, size_t n, const Explained *what)
{
    Lines lines = {what, code, PyList_New(0)};
    if (lines.list)
        jf_disasm(code, n, add_line, &lines);
    return lines.list;
}
