/* SPDX-License-Identifier: MIT
 *
 * What dlopen() finds, as a source of libraries: addresses by name, constants as
 * they are declared.
 */
#include "python/call.h"
#include "python/checked.h"

#include <string.h>

typedef struct DlSource {
    LibSource base;
    State *st;
    jf_OsLib *lib; /* owned */
} DlSource;

/* --- the source ------------------------------------------------------------------ */

static void not_integer(const jf_Symbol *sym)
{
    PyErr_Format(PyExc_NotImplementedError,
                 "non-integer constant '%s' cannot be accessed from a dlopen() "
                 "library",
                 sym->name);
}

static void *dl_address(LibSource *src, FFIObject *ffi, const jf_Symbol *sym)
{
    (void)ffi;
    bool is_variable = sym->kind == JF_SYM_VARIABLE;
    if (is_variable && sym->flags & JF_S_STATIC) {
        not_integer(sym);
        return NULL;
    }
    jf_Diag d = JF_DIAG_INIT;
    void *p = jf_os_lib_symbol(((DlSource *)src)->lib, sym->link, &d);
    if (!p)
        PyErr_Format(PyExc_AttributeError, "%s '%s' not found in library '%s': %s",
                     is_variable ? "variable" : "function/symbol", sym->link,
                     src->name, d.hint ? d.hint : "no address");
    jf_diag_clear(&d);
    return p;
}

static PyObject *dl_function(LibSource *src, FFIObject *ffi, const jf_Symbol *sym)
{
    void *address = dl_address(src, ffi, sym);
    if (!address)
        return NULL;
    State *st = ffi->st;
    /* What it returns may lie in the library: a static string. */
    src->escaped |= jpy_type_has_pointers(sym->type->to);
    if (!st->cffi)
        return jpy_function(ffi, src->keeper, sym, address);
    /* cffi's are plain function pointers; they keep nothing alive. */
    jf_Type *pointer = jf_type_pointer(st->universe, sym->type, 0);
    if (!pointer)
        return PyErr_NoMemory();
    CTypeObject *ct = jpy_ctype_steal(st, pointer);
    PyObject *fn = ct ? jpy_cdata(ct, address) : NULL;
    Py_XDECREF((PyObject *)ct);
    src->escaped = true;
    return fn;
}

PyObject *jpy_declared_constant(State *st, const jf_Symbol *sym)
{
    switch (sym->kind) {
    case JF_SYM_FLOAT:
        return PyFloat_FromDouble(sym->number);
    case JF_SYM_STRING:
        return PyBytes_FromStringAndSize(sym->text, (Py_ssize_t)sym->text_size);
    default:
        break;
    }
    if (sym->flags & JF_S_DOTS) {
        PyErr_Format(
            sym->flags & JF_S_ENUMERATOR ? st->verification_missing
                                         : PyExc_NotImplementedError,
            "constant '%s' has no value in its declaration: only a C compiler "
            "could tell",
            sym->name);
        return NULL;
    }
    return sym->flags & JF_S_UNSIGNED
               ? PyLong_FromUnsignedLongLong((unsigned long long)sym->value)
               : PyLong_FromLongLong(sym->value);
}

static PyObject *dl_constant(LibSource *src, FFIObject *ffi, const jf_Symbol *sym)
{
    (void)src;
    if (ffi->st->cffi &&
        (sym->kind == JF_SYM_FLOAT || sym->kind == JF_SYM_STRING ||
         (sym->flags & (JF_S_STATIC | JF_S_DOTS)) == (JF_S_STATIC | JF_S_DOTS))) {
        not_integer(sym);
        return NULL;
    }
    return jpy_declared_constant(ffi->st, sym);
}

static int dl_close(LibSource *src)
{
    DlSource *dl = (DlSource *)src;
    State *st = dl->st;
    jf_OsLib *lib = dl->lib;
    Py_CLEAR(src->given);
    /* The user closes at his own risk, but a library that is merely dropped stays
     * loaded while somebody may call into it. */
    if (src->escaped && Py_REFCNT(src->keeper) == 0)
        jf_os_lib_leave(lib);
    jf_free(dl);
    jf_Diag d = JF_DIAG_INIT;
    jf_proof_forget(); /* other code may come to lie at its addresses */
    if (jf_os_lib_close(lib, &d) == JF_OK)
        return 0;
    jpy_raise_status(st, &d);
    return -1;
}

/* --- opening ------------------------------------------------------------------------ */

/* A handle that the user has: `void *`. */
static jf_OsLib *adopt(State *st, CDataObject *cd)
{
    jf_OsLib *lib = NULL;
    jf_Diag d = JF_DIAG_INIT;
    if (cd->ctype != st->void_p)
        PyErr_Format(PyExc_TypeError,
                     "dlopen() argument must be a str, a path, None or a "
                     "'void *' handle, not cdata '%s'",
                     jpy_cname(cd->ctype));
    else if (!cd->data)
        PyErr_SetString(PyExc_RuntimeError, "cannot call dlopen(NULL)");
    else if (jf_os_lib_adopt(cd->data, &lib, &d) != JF_OK)
        jpy_raise_status(st, &d);
    return lib;
}

static jf_OsLib *open_named(State *st, PyObject *name, int flags)
{
    PyObject *path = NULL;
    if (name != Py_None && !PyUnicode_FSConverter(name, &path))
        return NULL;
    jf_OsLib *lib = NULL;
    jf_Diag d = JF_DIAG_INIT;
    jf_Status s;
    Py_BEGIN_ALLOW_THREADS s =
        jf_os_lib_open(path ? PyBytes_AS_STRING(path) : NULL, flags, &lib, &d);
    Py_END_ALLOW_THREADS if (s == JF_NOMEM) jpy_raise_status(st, &d);
    else if (s != JF_OK) jpy_raise(PyExc_OSError, &d);
    Py_XDECREF(path);
    return lib;
}

jf_OsLib *jpy_dl_open(State *st, PyObject *name, int flags)
{
    return CData_Check(st, name) ? adopt(st, (CDataObject *)name)
                                 : open_named(st, name, flags);
}

/* The name by which another process finds the library: a path from here would mean
 * another file where the current directory is another. */
static PyObject *given(PyObject *name)
{
    PyObject *text = NULL;
    if (name == Py_None)
        return Py_NewRef(Py_None);
    if (!PyUnicode_FSDecoder(name, &text))
        return NULL;
    Py_ssize_t n = PyUnicode_GET_LENGTH(text);
    if (n && PyUnicode_READ_CHAR(text, 0) != '/' &&
        PyUnicode_FindChar(text, '/', 0, n, 1) >= 0) {
        PyObject *path = PyImport_ImportModule("os.path");
        PyObject *full =
            path ? PyObject_CallMethod(path, "abspath", "O", text) : NULL;
        Py_XDECREF(path);
        Py_DECREF(text);
        text = full;
    }
    return text;
}

LibSource *jpy_dl_source(State *st, PyObject *name, int flags)
{
    jf_OsLib *lib = jpy_dl_open(st, name, flags);
    if (!lib)
        return NULL;
    DlSource *dl = jf_calloc(sizeof *dl);
    if (!dl) {
        jf_os_lib_close(lib, NULL);
        return (LibSource *)PyErr_NoMemory();
    }
    const char *found = jf_os_lib_name(lib);
    dl->base = (LibSource){.name = found && *found ? found : "<None>",
                           .address = dl_address,
                           .function = dl_function,
                           .constant = dl_constant,
                           .close = dl_close};
    dl->st = st;
    dl->lib = lib;
    dl->base.flags = flags;
    if (st->cffi || CData_Check(st, name) || (dl->base.given = given(name)) != NULL)
        return &dl->base;
    dl_close(&dl->base);
    return NULL;
}

PyObject *jpy_dlopen(FFIObject *ffi, PyObject *name, int flags, uint8_t gil,
                     bool may_throw)
{
    LibSource *src = jpy_dl_source(ffi->st, name, flags);
    PyObject *lib = src ? jpy_lib_module(ffi, src) : NULL;
    if (lib) {
        Handle *h = (Handle *)jpy_lib_handle(lib);
        h->gil = gil;
        h->may_throw = may_throw;
    }
    return lib;
}
