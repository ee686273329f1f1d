/* SPDX-License-Identifier: MIT
 *
 * The words of checked mode: where in Python something happened, the exceptions and
 * warnings that say so, and the report of what is alive.
 */
#include "python/checked.h"

#include <stdarg.h>

/* --- sites ------------------------------------------------------------------------ */

void jpy_site_here(Site *s)
{
    jpy_site_clear(s);
    s->code = jpy_frame_site(&s->place);
}

void jpy_site_clear(Site *s)
{
    Py_CLEAR(s->code);
}

bool jpy_same_line(const Site *a, const Site *b)
{
    return a->code && a->code == b->code &&
           jpy_site_line((PyCodeObject *)a->code, a->place) ==
               jpy_site_line((PyCodeObject *)b->code, b->place);
}

PyObject *jpy_site_text(const Site *s)
{
    if (!s->code)
        return PyUnicode_FromString("an unknown place");
    PyCodeObject *code = (PyCodeObject *)s->code;
    return PyUnicode_FromFormat("%U:%d in %U", code->co_filename,
                                jpy_site_line(code, s->place), jpy_code_name(code));
}

/* "'int[3]' (12 bytes)" */
static PyObject *block_name(const Allocation *a)
{
    if (a->size < 0)
        return PyUnicode_FromFormat("'%s'", jpy_cname(a->ctype));
    if (CType_IsOpen(a->ctype) && a->ctype->item_size > 0)
        return PyUnicode_FromFormat("'%s' of %zd items (%zd bytes)",
                                    jpy_cname(a->ctype),
                                    a->size / a->ctype->item_size, a->size);
    return PyUnicode_FromFormat("'%s' (%zd bytes)", jpy_cname(a->ctype), a->size);
}

static const char *birth(const Allocation *a)
{
    switch ((AllocKind)a->kind) {
    case AK_BUFFER:
        return "taken from a buffer";
    case AK_GC:
        return "put under ffi.gc()";
    case AK_FOREIGN:
        return "given by C";
    default:
        return "allocated";
    }
}

PyObject *jpy_story(const Allocation *a)
{
    PyObject *name = block_name(a);
    PyObject *made = name ? jpy_site_text(&a->made) : NULL;
    PyObject *text = NULL;
    if (made && a->state == AS_ALIVE) {
        text = PyUnicode_FromFormat("; %U was %s at %U", name, birth(a), made);
    } else if (made) {
        PyObject *end = jpy_site_text(&a->ended);
        if (end)
            text = PyUnicode_FromFormat(
                "; %U was %s at %U and %s at %U", name, birth(a), made,
                a->state == AS_RELEASED ? "released" : "freed", end);
        Py_XDECREF(end);
    }
    Py_XDECREF(name);
    Py_XDECREF(made);
    return text;
}

static PyObject *text_and_story(const Allocation *a, const char *format,
                                va_list args)
{
    PyObject *text = PyUnicode_FromFormatV(format, args);
    PyObject *story = text && a ? jpy_story(a) : NULL;
    if (text && a)
        Py_SETREF(text, story ? PyUnicode_Concat(text, story) : NULL);
    Py_XDECREF(story);
    return text;
}

/* --- raising ---------------------------------------------------------------------- */

PyObject *jpy_checked_raise(PyObject *type, const Allocation *a, const char *format,
                            ...)
{
    va_list args;
    va_start(args, format);
    PyObject *text = text_and_story(a, format, args);
    va_end(args);
    if (text)
        PyErr_SetObject(type, text);
    Py_XDECREF(text);
    return NULL;
}

static int warn(const Allocation *a, const char *format, va_list args)
{
    PyObject *class_ = a->st->checked->warning;
    PyObject *text = class_ ? text_and_story(a, format, args) : NULL;
    if (!text)
        return class_ ? -1 : 0; /* at the end of Python there is nobody to tell */
    int bad = PyErr_WarnFormat(class_, 1, "%U", text);
    Py_DECREF(text);
    return bad;
}

int jpy_checked_warn(const Allocation *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int bad = warn(a, format, args);
    va_end(args);
    return bad;
}

/* Memory ends in destructors: what a filter makes of a warning there is printed. */
void jpy_checked_tell(const Allocation *a, const char *format, ...)
{
    JpyError saved = jpy_error_take();
    va_list args;
    va_start(args, format);
    if (Py_IsInitialized() && warn(a, format, args) < 0)
        PyErr_WriteUnraisable(NULL);
    va_end(args);
    jpy_error_put(saved);
}

/* --- the classes ------------------------------------------------------------------ */

static PyObject *make_class(const char *name, const char *doc, PyObject *base,
                            PyObject *second)
{
    PyObject *bases =
        second ? PyTuple_Pack(2, base, second) : PyTuple_Pack(1, base);
    PyObject *c = bases ? PyErr_NewExceptionWithDoc(name, doc, bases, NULL) : NULL;
    Py_XDECREF(bases);
    return c;
}

int jpy_init_checked_errors(State *st, Checked *ck)
{
    ck->error = make_class("jiffi.CheckError",
                           "A mistake with memory that a checked FFI found.",
                           st->ffi_error, NULL);
    if (!ck->error)
        return -1;
    ck->bounds =
        make_class("jiffi.BoundsError",
                   "An access beyond the memory that a pointer points into.",
                   ck->error, PyExc_IndexError);
    ck->use_after_free =
        make_class("jiffi.UseAfterFree",
                   "Memory was used that is freed or released.", ck->error, NULL);
    ck->constant = make_class("jiffi.ConstError", "A write to something const.",
                              ck->error, PyExc_TypeError);
    ck->warning = make_class(
        "jiffi.CheckWarning",
        "A mistake with memory that a checked FFI found where nothing can "
        "be raised, or that need not be one.",
        PyExc_RuntimeWarning, NULL);
    return ck->bounds && ck->use_after_free && ck->constant && ck->warning ? 0 : -1;
}

static const struct Name {
    const char *name;
    size_t place;
} names[] = {
    {"CheckError", offsetof(Checked, error)},
    {"BoundsError", offsetof(Checked, bounds)},
    {"UseAfterFree", offsetof(Checked, use_after_free)},
    {"ConstError", offsetof(Checked, constant)},
    {"CheckWarning", offsetof(Checked, warning)},
};

PyObject *jpy_checked_name(PyObject *module, PyObject *name)
{
    State *st = jpy_state(module);
    if (jpy_checked_ready(st) < 0)
        return NULL;
    for (size_t i = 0; PyUnicode_Check(name) && i < JF_COUNT(names); i++) {
        if (PyUnicode_CompareWithASCIIString(name, names[i].name) == 0)
            return Py_NewRef(*(PyObject **)((char *)st->checked + names[i].place));
    }
    PyErr_SetObject(PyExc_AttributeError, name);
    return NULL;
}

/* --- the report ------------------------------------------------------------------- */

/* (number, type, bytes, where) */
static PyObject *row(const Allocation *a)
{
    PyObject *site = jpy_site_text(&a->made);
    PyObject *r = site ? Py_BuildValue("Ksns", (unsigned long long)a->number,
                                       jpy_cname(a->ctype), a->size, "")
                       : NULL;
    if (r) {
        Py_DECREF(PyTuple_GET_ITEM(r, 3));
        PyTuple_SET_ITEM(r, 3, Py_NewRef(site));
    }
    Py_XDECREF(site);
    return r;
}

/* The alive ones below `a`, as rows. The registry does not change meanwhile: making
 * str and tuples runs no code of others. */
static int rows_below(const Allocation *a, PyObject *list, Py_ssize_t *bytes)
{
    if (!a)
        return 0;
    if (rows_below(a->left, list, bytes) < 0)
        return -1;
    if (a->state == AS_ALIVE && a->kind != AK_BUFFER) {
        PyObject *r = row(a);
        int bad = r ? PyList_Append(list, r) : -1;
        Py_XDECREF(r);
        if (bad)
            return -1;
        *bytes += a->size;
    }
    return rows_below(a->right, list, bytes);
}

PyObject *jpy_checked_report(PyObject *module, PyObject *unused)
{
    (void)unused;
    State *st = jpy_state(module);
    if (jpy_checked_ready(st) < 0)
        return NULL;
    const Checked *ck = st->checked;
    PyObject *list = PyList_New(0);
    Py_ssize_t bytes = 0;
    if (!list || rows_below(ck->root, list, &bytes) < 0 || PyList_Sort(list) < 0) {
        Py_XDECREF(list);
        return NULL;
    }
    return Py_BuildValue("{sNsnsKsKsnsn}", "alive", list, "bytes", bytes, "made",
                         (unsigned long long)ck->made, "freed",
                         (unsigned long long)ck->freed, "quarantined",
                         (Py_ssize_t)ck->n_quarantined, "quarantined_bytes",
                         (Py_ssize_t)ck->quarantined);
}
