/* SPDX-License-Identifier: MIT
 *
 * The import of a module that cffi compiled. Its PyInit function hands over an
 * array of four words (name, version, room for the exports, tables) and gets the
 * module. Such a module lives as long as the process: so do its FFI and what its
 * tables point to.
 */
#include <string.h>

#include "python/cffi/stock.h"

enum {
    VERSION_FIRST = 0x2601,
    VERSION_CHAR16 = 0x2801, /* from here on modules have 28 exports */
    VERSION_LAST = 0x28ff
};

static const char known_version[] = "2.1.1"; /* cffi's, that we go by */

int jpy_stock_version(const char *module, Py_ssize_t version, bool is_python)
{
    if (version >= VERSION_FIRST && version <= VERSION_LAST)
        return 0;
    if (is_python)
        PyErr_Format(
            PyExc_ImportError,
            "cffi out-of-line Python module '%.200s' has unknown version %p",
            module, (void *)version);
    else
        PyErr_Format(
            PyExc_ImportError,
            "cffi extension module '%.200s' uses an unknown version tag %p. "
            "This module might need a more recent version of cffi than the "
            "one currently installed, which is %s",
            module, (void *)version, known_version);
    return -1;
}

/* --- the words of the types ---------------------------------------------- */

/* Tables that were used before hold objects where they held words: what they were
 * is kept here. */
typedef struct Known {
    struct Known *next;
    const StockContext *context;
    Word *words;
    State *st; /* whose objects stand in the table */
} Known;

static Known *known; /* under the interpreter's lock; never freed */

/* A copy of the words as the compiler wrote them; jf_alloc'ed. */
static Word *words_of(State *st, const char *name, const StockContext *c)
{
    Known *k = known;
    while (k && k->context != c)
        k = k->next;
    if (k && k->st != st) {
        PyErr_Format(PyExc_ImportError,
                     "module '%.200s' is in use by another interpreter of this "
                     "process: only one can have it",
                     name);
        return NULL;
    }
    /* A number that makes no sense is refused before the copy is looked at. */
    bool sane = c->types && c->n_types > 0 && c->n_types <= STOCK_MANY;
    size_t bytes = ((size_t)(sane ? c->n_types : 0) + 1) * sizeof(Word);
    Word *copy = jf_calloc(bytes);
    if (copy && sane)
        memcpy(copy, k ? k->words : c->types, bytes - sizeof(Word));
    if (!copy)
        PyErr_NoMemory();
    return copy;
}

static int remember(State *st, const StockContext *c, const Word *words)
{
    for (Known *k = known; k; k = k->next)
        if (k->context == c)
            return 0;
    size_t bytes = ((size_t)c->n_types + 1) * sizeof(Word);
    Known *k = jf_calloc(sizeof *k);
    Word *copy = k ? jf_alloc(bytes) : NULL;
    if (!copy) {
        jf_free(k);
        PyErr_NoMemory();
        return -1;
    }
    memcpy(copy, words, bytes);
    *k = (Known){known, c, copy, st};
    known = k;
    return 0;
}

/* --- what it includes ---------------------------------------------------- */

static int include_one(State *st, const char *module, const char *name,
                       PyObject **ffi, PyObject **lib)
{
    PyObject *m = PyImport_ImportModule(name);
    *ffi = m ? PyObject_GetAttrString(m, "ffi") : NULL;
    *lib = *ffi ? PyObject_GetAttrString(m, "lib") : NULL;
    Py_XDECREF(m);
    if (*lib && jpy_is_compiled_ffi(st, *ffi) && jpy_is_cffi_lib(st, *lib))
        return 0;
    PyObject *cause = jpy_exception_take();
    PyErr_Format(PyExc_ImportError,
                 "while loading %.200s: failed to import ffi, lib from %.200s",
                 module, name);
    if (cause) {
        PyObject *e = jpy_exception_take();
        PyException_SetCause(e, cause);
        jpy_exception_give(e);
    }
    Py_CLEAR(*ffi);
    Py_CLEAR(*lib);
    return -1;
}

static int include_all(Stock *s, const char *module, const char *const *names)
{
    Py_ssize_t n = 0;
    while (names && names[n])
        n++;
    if (!n)
        return 0;
    s->ffis = PyTuple_New(n);
    s->libs = PyTuple_New(n);
    for (Py_ssize_t i = 0; s->ffis && s->libs && i < n; i++) {
        PyObject *ffi, *lib;
        if (include_one(s->ffi->st, module, names[i], &ffi, &lib) < 0)
            break;
        PyTuple_SET_ITEM(s->ffis, i, ffi);
        PyTuple_SET_ITEM(s->libs, i, lib);
        if (i == n - 1)
            return 0;
    }
    Py_CLEAR(s->ffis);
    Py_CLEAR(s->libs);
    return -1;
}

/* --- the module ---------------------------------------------------------- */

static FFIObject *make_ffi(State *st, const char *name, const StockContext *c)
{
    Word *words = words_of(st, name, c);
    if (!words || jpy_stock_check(name, c, words) < 0 ||
        remember(st, c, words) < 0) {
        jf_free(words);
        return NULL;
    }
    FFIObject *ffi = jpy_compiled_ffi(st);
    if (!ffi) {
        jf_free(words);
        return NULL;
    }
    ffi->stock->filled = true;
    if (jpy_stock_adopt(ffi->stock, c, words) == 0 &&
        include_all(ffi->stock, name, c->includes) == 0)
        return ffi;
    Py_DECREF((PyObject *)ffi);
    return NULL;
}

static PyObject *make_lib(FFIObject *ffi, const char *name)
{
    LibSource *src = jf_calloc(sizeof *src); /* as long as the module: for ever */
    if (!src)
        return PyErr_NoMemory();
    src->name = name;
    PyObject *lib = jpy_cffi_lib_new(ffi, src);
    if (!lib)
        jf_free(src);
    return lib;
}

/* An old-fashioned module object: its PyInit function may give back no other. The
 * definition lives as long as the module. */
static PyObject *make_module(const char *name)
{
    PyModuleDef *def = PyMem_Calloc(1, sizeof *def);
    if (!def)
        return PyErr_NoMemory();
    PyModuleDef start = {PyModuleDef_HEAD_INIT, .m_name = name, .m_size = -1};
    *def = start;
    return PyModule_Create(def);
}

static int publish(PyObject *m, const char *name, PyObject *ffi, PyObject *lib)
{
    PyObject *modules = PyImport_GetModuleDict();
    PyObject *full = PyUnicode_FromFormat("%s.lib", name);
    int bad = !full || PyModule_AddObjectRef(m, "ffi", ffi) < 0 ||
              PyModule_AddObjectRef(m, "lib", lib) < 0 ||
              PyDict_SetItem(modules, full, lib) < 0 ||
              PyDict_SetItemString(modules, name, m) < 0;
    Py_XDECREF(full);
    return bad ? -1 : 0;
}

PyObject *jpy_stock_load(PyObject *module, PyObject *address)
{
    State *st = jpy_state(module);
    void **raw = PyLong_AsVoidPtr(address);
    if (!raw) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError,
                            "the address of a module's description "
                            "is NULL");
        return NULL;
    }
    const char *name = raw[0];
    Py_ssize_t version = (Py_ssize_t)(intptr_t)raw[1];
    const StockContext *c = raw[3];
    if (!name || !raw[2] || !c) {
        PyErr_SetString(PyExc_ImportError,
                        "a cffi extension module says nothing of itself");
        return NULL;
    }
    if (jpy_stock_version(name, version, false) < 0)
        return NULL;
    FFIObject *ffi = make_ffi(st, name, c);
    PyObject *lib = ffi ? make_lib(ffi, name) : NULL;
    PyObject *m = lib ? make_module(name) : NULL;
    if (m && publish(m, name, (PyObject *)ffi, lib) < 0)
        Py_CLEAR(m);
    if (m) {
        size_t n = version >= VERSION_CHAR16 ? EXPORT_COUNT
                   : c->flags & 1            ? 26
                                             : 25;
        memcpy(raw[2], jpy_stock_exports, n * sizeof(void *));
        Py_INCREF((PyObject *)ffi); /* its tables are used for ever */
        jf_os_lib_keep(c);
    }
    Py_XDECREF(lib);
    Py_XDECREF((PyObject *)ffi);
    return m;
}
