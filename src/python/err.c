/* SPDX-License-Identifier: MIT
 *
 * The core's diagnostics as Python exceptions, and the exception classes of the
 * package: cffi's names, unrelated to each other, all direct heirs of Exception.
 */
#include <string.h>

#include "python/jpy.h"

/* An instance of `exc` that says where: attributes file, line, column, those
 * that are known (CDefError has them all, as None, on the class). */
static PyObject *located(PyObject *exc, PyObject *text, PyObject *file, jf_Pos pos)
{
    PyObject *e = PyObject_CallFunctionObjArgs(exc, text, NULL);
    const struct {
        const char *name;
        uint32_t value;
    } numbers[] = {{"line", pos.line}, {"column", pos.column}};
    bool ok = e && (!file || PyObject_SetAttrString(e, "file", file) == 0);
    for (size_t i = 0; ok && i < JF_COUNT(numbers); i++) {
        if (numbers[i].value == 0)
            continue;
        PyObject *v = PyLong_FromUnsignedLong(numbers[i].value);
        ok = v && PyObject_SetAttrString(e, numbers[i].name, v) == 0;
        Py_XDECREF(v);
    }
    if (!ok)
        Py_CLEAR(e);
    return e;
}

/* cffi's words for where something went wrong: text that is no C is shown, other
 * mistakes have file and line, those in the name of a type only the message. */
static void print_as_cffi(const jf_Diag *d, jf_Buf *out)
{
    bool is_type = d->file && strcmp(d->file, "<type>") == 0;
    const char *file = is_type ? "<cdef source string>" : d->file;
    const char *source = d->source ? d->source : "";
    while (*source == ' ' || *source == '\t')
        source++;
    size_t n = strlen(source);
    while (n && strchr(" \t\r\n", source[n - 1]))
        n--;
    if (!file || !d->pos.line || (is_type && d->status != JF_SYNTAX)) {
        jf_buf_text(out, d->message ? d->message : "out of memory");
        return;
    }
    if (d->status == JF_SYNTAX && strcmp(file, "<cdef source string>") == 0) {
        jf_buf_text(out, "cannot parse \"");
        jf_buf_put(out, source, n);
        jf_buf_text(out, "\"\n");
    } else if (d->status == JF_SYNTAX) {
        jf_buf_text(out, "parse error\n");
    }
    jf_buf_printf(out, "%s:%u:", file, d->pos.line);
    if (d->status == JF_SYNTAX)
        jf_buf_printf(out, "%u:", d->pos.column);
    jf_buf_printf(out, " %s", d->message);
    if (d->status == JF_SYNTAX && d->hint)
        jf_buf_printf(out, "\n%s", d->hint);
}

static PyObject *raise_diag(PyObject *exc, jf_Diag *d,
                            void (*print)(const jf_Diag *, jf_Buf *))
{
    jf_Buf text = JF_BUF_INIT;
    print(d, &text);
    jf_Status status = d->status;
    jf_Pos pos = d->pos;
    PyObject *file =
        d->file
            ? PyUnicode_DecodeUTF8(d->file, (Py_ssize_t)strlen(d->file), "replace")
            : NULL;
    jf_diag_clear(d);
    if (status == JF_NOMEM || text.failed || !text.p) {
        jf_buf_free(&text);
        Py_XDECREF(file);
        return PyErr_NoMemory();
    }
    size_t n = text.n;
    while (n && text.p[n - 1] == '\n')
        n--;
    PyObject *s = PyUnicode_DecodeUTF8(text.p, (Py_ssize_t)n, "replace");
    jf_buf_free(&text);
    PyObject *e = s ? located(exc, s, file, pos) : NULL;
    if (e)
        PyErr_SetObject(exc, e);
    Py_XDECREF(e);
    Py_XDECREF(s);
    Py_XDECREF(file);
    return NULL;
}

PyObject *jpy_raise(PyObject *exc, jf_Diag *d)
{
    return raise_diag(exc, d, jf_diag_print);
}

PyObject *jpy_raise_status(State *st, jf_Diag *d)
{
    if (st->cffi && (d->status == JF_SYNTAX || d->status == JF_SEMANTIC))
        return raise_diag(st->cdef_error, d, print_as_cffi);
    switch (d->status) {
    case JF_NOMEM:
        jf_diag_clear(d);
        return PyErr_NoMemory();
    case JF_SYNTAX:
    case JF_SEMANTIC:
        return jpy_raise(st->cdef_error, d);
    case JF_UNSUPPORTED:
        return jpy_raise(PyExc_NotImplementedError, d);
    case JF_SYSTEM:
        return jpy_raise(PyExc_OSError, d);
    case JF_BAD_VALUE:
        return jpy_raise(PyExc_ValueError, d);
    case JF_BAD_TYPE:
        return jpy_raise(PyExc_TypeError, d);
    case JF_TOO_DEEP:
        return jpy_raise(PyExc_RecursionError, d);
    case JF_NOT_FOUND:
    case JF_INCOMPLETE:
        return jpy_raise(st->ffi_error, d);
    case JF_OK:
        break;
    }
    jf_diag_clear(d);
    PyErr_SetString(PyExc_SystemError, "an operation failed without saying why");
    return NULL;
}

/* --- the classes ---------------------------------------------------------- */

/* As a class statement would make them, at a tenth of its cost, but without weak
 * references, as Python's own: bases that add a word to what they inherit could not
 * be combined from 3.12 on. */
static int error_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return ((PyTypeObject *)PyExc_Exception)->tp_traverse(self, visit, arg);
}

static int error_clear(PyObject *self)
{
    return ((PyTypeObject *)PyExc_Exception)->tp_clear(self);
}

/* `bases`: a tuple; NULL: Exception. */
static PyObject *error_class(const State *st, const char *name, const char *doc,
                             PyObject *bases)
{
    PyType_Slot slots[] = {
        {Py_tp_doc, (void *)(uintptr_t)doc},
        {Py_tp_traverse, error_traverse},
        {Py_tp_clear, error_clear},
        {0, NULL},
    };
    PyType_Spec spec = {
        .name = jpy_flavour_name(st, name),
        .basicsize = sizeof(PyBaseExceptionObject),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
        .slots = slots,
    };
    PyObject *all = bases ? Py_NewRef(bases) : PyTuple_Pack(1, PyExc_Exception);
    PyObject *type = all ? PyType_FromSpecWithBases(&spec, all) : NULL;
    Py_XDECREF(all);
    return type;
}

/* What cffi's compiled FFI objects raise is `ffi.error`, and a type string that
 * is no C a CDefError from one sort of FFI and an ffi.error from the other. */
static int backend_error(State *st)
{
    PyObject *bases = PyTuple_Pack(1, st->ffi_error);
    PyObject *error = bases
                          ? error_class(st, "ffi.error",
                                        "What an FFI object of cffi raises.", bases)
                          : NULL;
    Py_XDECREF(bases);
    if (!error)
        return -1;
    Py_SETREF(st->ffi_error, error);
    return 0;
}

int jpy_init_errors(State *st, PyObject *module)
{
    struct Row {
        const char *name, *full, *doc;
        PyObject **place;
    } rows[] = {
        {"FFIError", "jiffi.FFIError",
         "A declaration or a type that cannot be used so.", &st->ffi_error},
        {"CDefError", "jiffi.CDefError",
         "C text that could not be read; the message shows the place.",
         &st->cdef_error},
        {"VerificationError", "jiffi.VerificationError",
         "A C compiler refused or contradicted the declarations.",
         &st->verification_error},
        {"VerificationMissing", "jiffi.VerificationMissing",
         "Something declared with `...` is only known to a C compiler.",
         &st->verification_missing},
        {"PkgConfigError", "jiffi.PkgConfigError", "pkg-config failed.",
         &st->pkgconfig_error},
    };
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        *rows[i].place = error_class(st, rows[i].full, rows[i].doc, NULL);
        if (!*rows[i].place ||
            PyModule_AddObjectRef(module, rows[i].name, *rows[i].place) < 0)
            return -1;
    }
    if (st->cffi && backend_error(st) < 0)
        return -1;
    /* cffi raises CDefError in one of its two parsers and FFIError in the other,
     * and for redeclarations: what is raised here is both. */
    PyObject *bases = PyTuple_Pack(2, st->cdef_error, st->ffi_error);
    PyObject *both =
        bases ? error_class(st, "jiffi.DeclarationError",
                            "C text that could not be read: a CDefError and an "
                            "FFIError.\n\nfile, line and column say where (None if "
                            "unknown); the message shows it.",
                            bases)
              : NULL;
    Py_XDECREF(bases);
    if (!both)
        return -1;
    Py_SETREF(st->cdef_error, both);
    if (PyModule_AddObjectRef(module, "DeclarationError", both) < 0)
        return -1;
    static const char *const places[] = {"file", "line", "column"};
    for (size_t i = 0; i < JF_COUNT(places); i++) {
        if (PyObject_SetAttrString(st->cdef_error, places[i], Py_None) < 0)
            return -1;
    }
    return 0;
}
