/* SPDX-License-Identifier: MIT
 *
 * Import of modules that jiffi generated: `_load_module` for those that a C
 * compiler made, `_load_texts` for those that are Python. Both read the
 * declarations again; the first has the compiler's tables to answer from.
 *
 * A module is loaded once: importing it again, under whatever name, gives the same
 * FFI and library, because the wrappers keep ctypes in static memory. For the same
 * reason one interpreter at a time can have it.
 */
#include "python/modgen.h"

#include <string.h>

#include "python/cffi/stock.h"
#include "python/pickle.h"

/* --- an FFI over texts ------------------------------------------------------------------ */

static bool is_ffi(State *st, PyObject *o)
{
    return PyObject_TypeCheck(o, st->ffi_type) ||
           (st->cffi && jpy_is_compiled_ffi(st, o));
}

static FFIObject *new_ffi(State *st)
{
    if (st->cffi)
        return jpy_compiled_ffi(st);
    return (FFIObject *)PyObject_CallNoArgs((PyObject *)st->ffi_type);
}

static int take_in(FFIObject *ffi, FFIObject *other)
{
    jf_Diag d = JF_DIAG_INIT;
    if (PyList_Append(ffi->included, (PyObject *)other) < 0)
        return -1;
    if ((!other->stock || jpy_stock_declare(other->stock, &d) == JF_OK) &&
        jf_scope_include(ffi->scope, other->scope, &d) == JF_OK)
        return 0;
    jpy_raise_status(ffi->st, &d);
    return -1;
}

/* A new FFI that knows what `names` (a sequence of str) declare. */
static FFIObject *ffi_with(State *st, PyObject *names, uint8_t gil)
{
    FFIObject *ffi = new_ffi(st);
    PyObject *list =
        ffi ? PySequence_Fast(names, "includes: not a sequence") : NULL;
    Py_ssize_t n = list ? PySequence_Fast_GET_SIZE(list) : 0, i = 0;
    for (; i < n; i++) {
        PyObject *name = PySequence_Fast_GET_ITEM(list, i);
        if (!PyUnicode_Check(name)) {
            PyErr_Format(PyExc_TypeError,
                         "an included module's name must be str, not %.200s",
                         Py_TYPE(name)->tp_name);
            break;
        }
        PyObject *module = PyImport_Import(name);
        PyObject *other = module ? PyObject_GetAttrString(module, "ffi") : NULL;
        int bad = -1;
        if (other && !is_ffi(st, other))
            PyErr_Format(
                PyExc_ImportError,
                "included module '%S': its 'ffi' is a %.200s and no %.200s", name,
                Py_TYPE(other)->tp_name, Py_TYPE(ffi)->tp_name);
        else if (other)
            bad = take_in(ffi, (FFIObject *)other);
        Py_XDECREF(module);
        Py_XDECREF(other);
        if (bad)
            break;
    }
    Py_XDECREF(list);
    if (!list || i < n) {
        Py_XDECREF((PyObject *)ffi);
        return NULL;
    }
    if (gil == JF_GIL_HOLD || gil == JF_GIL_AUTO)
        ffi->gil = gil;
    return ffi;
}

static int declare(FFIObject *ffi, const char *text, size_t n,
                   const jf_CdefOptions *options)
{
    jf_Diag d = JF_DIAG_INIT;
    if (jf_cdef(ffi->scope, text, n, options, &d) == JF_OK)
        return 0;
    jpy_raise_status(ffi->st, &d);
    return -1;
}

/* jiffi_text.gil: a jf_Gil, and cdef(may_throw=True). */
enum { TEXT_GIL = 7, TEXT_THROWS = 8 };

/* One text of a module: its pieces joined. */
static int declare_pieces(FFIObject *ffi, const char *const *lines,
                          jf_CdefOptions *options)
{
    if (lines[0] && !lines[1])
        return declare(ffi, lines[0], strlen(lines[0]), options);
    jf_Buf text = JF_BUF_INIT;
    for (; *lines; lines++)
        jf_buf_text(&text, *lines);
    int bad = -1;
    if (text.failed)
        PyErr_NoMemory();
    else
        bad = declare(ffi, text.p ? text.p : "", text.n, options);
    jf_buf_free(&text);
    return bad;
}

/* --- modules that a compiler made ----------------------------------------------------------- */

static ModGen *all; /* guarded by the GIL: see the note at the top */

static ModGen *gen_for(const jiffi_module *m)
{
    ModGen *g = all;
    while (g && g->m != m)
        g = g->next;
    if (g || !(g = jf_calloc(sizeof *g)))
        return g ? g : (ModGen *)PyErr_NoMemory();
    g->m = m;
    g->next = all;
    all = g;
    jpy_modgen_oracle(g);
    return g;
}

const char *jpy_modgen_owner(const jiffi_extern_python *x)
{
    for (ModGen *g = all; g; g = g->next)
        for (unsigned i = 0; g->st && i < g->m->n_symbols; i++)
            if (g->m->symbols[i].extern_python == x)
                return g->m->name;
    return "?";
}

static void forget(ModGen *g)
{
    g->entry = NULL;
    for (unsigned i = 0; i < g->m->n_symbols; i++)
        if (g->m->symbols[i].kind == JIFFI_EXTERN_PYTHON)
            g->m->symbols[i].extern_python->target = NULL;
}

void jpy_modgen_forget(State *st, bool gone)
{
    for (ModGen *g = all; g; g = g->next) {
        if (g->st != st)
            continue;
        forget(g);
        if (gone)
            g->st = NULL;
    }
}

/* Python is gone, whatever became of its objects; it may come again. */
static bool asked_for_the_end;

State *jpy_modgen_state(const jiffi_module *m)
{
    ModGen *g = all;
    while (g && g->m != m)
        g = g->next;
    return g ? g->st : NULL;
}

static void forget_all(void)
{
    asked_for_the_end = false;
    for (ModGen *g = all; g; g = g->next) {
        if (g->st)
            forget(g);
        g->st = NULL;
    }
}

/* Can this jiffi read the module at all? */
static int check_version(const jiffi_module *m)
{
    const char *name = m->name ? m->name : "?";
    const char *by = m->generator ? m->generator : "?";
    if (m->abi == JIFFI_MODULE_ABI &&
        m->size >= offsetof(jiffi_module, callback_errors) && m->name && m->exports)
        return 0;
    if (m->abi == JIFFI_MODULE_ABI)
        PyErr_Format(
            PyExc_ImportError,
            "module '%.200s' (generated by jiffi %.50s) is incomplete: its "
            "description has %u bytes instead of %zu",
            name, by, m->size, sizeof *m);
    else
        PyErr_Format(
            PyExc_ImportError,
            "module '%.200s' was generated by jiffi %.50s for interface %u, "
            "this is jiffi %s with interface %d: %s",
            name, by, m->abi, JF_VERSION, JIFFI_MODULE_ABI,
            m->abi > JIFFI_MODULE_ABI
                ? "a newer jiffi is needed"
                : "generate and compile it again with this one");
    return -1;
}

static PyObject *include_names(const jiffi_module *m)
{
    PyObject *names = PyList_New(0);
    for (size_t i = 0; names && m->includes && m->includes[i]; i++) {
        PyObject *name = PyUnicode_FromString(m->includes[i]);
        if (!name || PyList_Append(names, name) < 0)
            Py_CLEAR(names);
        Py_XDECREF(name);
    }
    return names;
}

/* The `lib` of every included module; None for those without. */
static PyObject *include_libs(PyObject *names)
{
    Py_ssize_t n = PyList_GET_SIZE(names);
    PyObject *libs = PyTuple_New(n);
    for (Py_ssize_t i = 0; libs && i < n; i++) {
        PyObject *module = PyImport_Import(PyList_GET_ITEM(names, i));
        PyObject *lib = module ? PyObject_GetAttrString(module, "lib") : NULL;
        if (!lib && module && PyErr_ExceptionMatches(PyExc_AttributeError)) {
            PyErr_Clear();
            lib = Py_NewRef(Py_None);
        }
        Py_XDECREF(module);
        if (lib)
            PyTuple_SET_ITEM(libs, i, lib);
        else
            Py_CLEAR(libs);
    }
    return libs;
}

static FFIObject *module_ffi(State *st, ModGen *g, PyObject *names)
{
    const jiffi_module *m = g->m;
    FFIObject *ffi = ffi_with(st, names, (uint8_t)m->gil);
    if (!ffi)
        return NULL;
    if (jpy_modgen_looks(m) && m->callback_errors <= ERRORS_PRINT)
        ffi->callback_errors = (uint8_t)m->callback_errors;
    ffi->oracle = &g->oracle;
    for (unsigned i = 0; i < m->n_texts; i++) {
        const jiffi_text *t = &m->texts[i];
        jf_CdefOptions options = {.file = m->name,
                                  .line = 1,
                                  .override_ = t->override_,
                                  .pack = (uint16_t)t->pack,
                                  .packed = t->packed,
                                  .gil = t->gil & TEXT_GIL,
                                  .may_throw = (t->gil & TEXT_THROWS) != 0,
                                  .terminated = true,
                                  .oracle = &g->oracle};
        if (declare_pieces(ffi, t->lines, &options) < 0) {
            Py_DECREF((PyObject *)ffi);
            return NULL;
        }
    }
    for (unsigned i = 0; i < m->n_symbols; i++) {
        const jiffi_symbol *s = &m->symbols[i];
        if (s->kind == JIFFI_FUNCTION && s->reserved[0] > JF_GIL_DEFAULT &&
            s->reserved[0] <= JF_GIL_AUTO)
            jf_scope_set_gil(ffi->scope, s->name, strlen(s->name),
                             (jf_Gil)s->reserved[0]);
    }
    return ffi;
}

/* In cffi's flavour the Lib looks for included things itself. */
static int give_libs(State *st, FFIObject *ffi, PyObject *libs)
{
    Stock *s = ffi->stock;
    Py_ssize_t n = PyTuple_GET_SIZE(libs);
    if (!st->cffi || !n)
        return 0;
    PyObject *own = PyTuple_New(n), *ffis = PyList_AsTuple(ffi->included);
    for (Py_ssize_t i = 0; own && i < n; i++) {
        PyObject *lib = PyTuple_GET_ITEM(libs, i);
        PyTuple_SET_ITEM(own, i,
                         Py_NewRef(jpy_is_cffi_lib(st, lib) ? lib : Py_None));
    }
    s->libs = own;
    s->ffis = ffis;
    return own && ffis ? 0 : -1;
}

static PyObject *make_lib(State *st, FFIObject *ffi, ModGen *g, PyObject *libs)
{
    if (!st->verifying && give_libs(st, ffi, libs) < 0)
        return NULL;
    return st->cffi && !st->verifying ? jpy_cffi_lib_new(ffi, &g->source)
                                      : jpy_lib_new(ffi, &g->source);
}

/* ffi, lib and what belongs to them; owned by st->modules. */
static PyObject *make_entry(State *st, ModGen *g)
{
    PyObject *names = include_names(g->m);
    FFIObject *ffi = NULL;
    if (names && st->verifying) {
        if (jpy_verify_take(st->verifying, g) == 0)
            ffi = (FFIObject *)Py_NewRef((PyObject *)st->verifying);
    } else if (names) {
        ffi = module_ffi(st, g, names);
    }
    PyObject *libs = ffi ? include_libs(names) : NULL;
    PyObject *externs = libs ? PyDict_New() : NULL;
    PyObject *lib = externs ? make_lib(st, ffi, g, libs) : NULL;
    PyObject *entry = NULL;
    if (lib)
        entry = PyTuple_Pack(ENTRY_SIZE, (PyObject *)ffi, lib, libs, externs);
    if (entry && PyList_Append(st->modules, entry) < 0)
        Py_CLEAR(entry);
    Py_XDECREF(lib);
    Py_XDECREF(externs);
    Py_XDECREF(libs);
    Py_XDECREF((PyObject *)ffi);
    Py_XDECREF(names);
    Py_XDECREF(entry); /* the list's */
    return entry;
}

/* The module's record, loaded into `st`; NULL with an exception. */
static ModGen *load(State *st, const jiffi_module *m, const char *name)
{
    if (check_version(m) < 0)
        return NULL;
    ModGen *g = gen_for(m);
    bool loaded = g && g->st == st && g->entry;
    if (loaded && st->verifying &&
        (FFIObject *)PyTuple_GET_ITEM(g->entry, ENTRY_FFI) != st->verifying) {
        PyErr_Format(PyExc_ImportError,
                     "module '%.200s' was loaded for another FFI: its functions "
                     "have the types of that",
                     m->name);
        return NULL;
    }
    if (!g || loaded)
        return g;
    if (g->st && g->st != st) {
        PyErr_Format(PyExc_ImportError,
                     "module '%.200s' is in use by another interpreter of this "
                     "process: only one at a time can have it",
                     m->name);
        return NULL;
    }
    if (jpy_modgen_check(m) < 0)
        return NULL;
    jf_Buf lib_name = JF_BUF_INIT; /* cffi's Lib has the module's name */
    jf_buf_printf(&lib_name, "%s%s", name, st->cffi ? "" : ".lib");
    if (lib_name.failed) {
        jf_buf_free(&lib_name);
        return (ModGen *)PyErr_NoMemory();
    }
    jf_free(g->lib_name);
    g->lib_name = lib_name.p;
    /* An import never unloads it; a library that embeds Python may have been opened
     * by dlopen() and be closed while types and functions point into it. */
    jf_os_lib_keep(m);
    *m->exports = jpy_modgen_exports(m);
    jpy_modgen_source(g);
    PyObject *entry = make_entry(st, g);
    if (!entry)
        return NULL;
    if (!st->verifying &&
        jpy_origin_module((FFIObject *)PyTuple_GET_ITEM(entry, ENTRY_FFI), name) <
            0)
        return NULL;
    g->st = st;
    g->entry = entry;
    if (!asked_for_the_end)
        asked_for_the_end = Py_AtExit(forget_all) == 0;
    return g;
}

/* module.ffi, module.lib, sys.modules["module.lib"]. */
static int publish(PyObject *entry, PyObject *module, const char *name)
{
    PyObject *lib = PyTuple_GET_ITEM(entry, ENTRY_LIB);
    PyObject *full = PyUnicode_FromFormat("%s.lib", name);
    int bad = !full || PyDict_SetItem(PyImport_GetModuleDict(), full, lib) < 0;
    Py_XDECREF(full);
    if (bad || module == Py_None)
        return bad ? -1 : 0;
    if (PyObject_SetAttrString(module, "ffi", PyTuple_GET_ITEM(entry, ENTRY_FFI)) <
        0)
        return -1;
    return PyObject_SetAttrString(module, "lib", lib);
}

static PyObject *load_module(PyObject *self, PyObject *args)
{
    PyObject *capsule, *module = Py_None;
    if (!PyArg_ParseTuple(args, "O|O:_load_module", &capsule, &module))
        return NULL;
    if (!PyCapsule_IsValid(capsule, "jiffi.module")) {
        PyErr_Format(
            PyExc_TypeError,
            "_load_module() needs a capsule 'jiffi.module' from a generated "
            "module, not %.200s",
            Py_TYPE(capsule)->tp_name);
        return NULL;
    }
    const jiffi_module *m = PyCapsule_GetPointer(capsule, "jiffi.module");
    const char *name = NULL;
    if (module != Py_None && !(name = PyModule_GetName(module)))
        return NULL;
    if (!name)
        name = m->name ? m->name : "?";
    ModGen *g = load(jpy_state(self), m, name);
    if (!g)
        return NULL;
    PyObject *entry = Py_NewRef(g->entry), *both = NULL;
    if (publish(entry, module, name) == 0)
        both = PyTuple_GetSlice(entry, ENTRY_FFI, ENTRY_LIB + 1);
    Py_DECREF(entry);
    return both;
}

/* --- modules that are Python -------------------------------------------------------------------- */

/* Row `i` of texts: (text, packed, pack, override, gil). */
static int declare_row(FFIObject *ffi, PyObject *row, const char *name)
{
    const char *text;
    Py_ssize_t n;
    int packed, override;
    unsigned pack;
    PyObject *tuple = PySequence_Tuple(row);
    if (!tuple)
        return -1;
    int gil = 0, bad = -1;
    if (PyArg_ParseTuple(tuple,
                         "s#pIpi;a row of texts is (text, packed, pack, "
                         "override, gil)",
                         &text, &n, &packed, &pack, &override, &gil)) {
        jf_CdefOptions options = {.file = name,
                                  .line = 1,
                                  .override_ = override,
                                  .packed = packed,
                                  .pack = (uint16_t)pack,
                                  .gil = (uint8_t)gil & TEXT_GIL,
                                  .may_throw = (gil & TEXT_THROWS) != 0,
                                  .terminated = true};
        bad = declare(ffi, text, (size_t)n, &options);
    }
    Py_DECREF(tuple);
    return bad;
}

static PyObject *load_texts(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"name", "texts",     "includes",        "gil",
                            "abi",  "generator", "callback_errors", NULL};
    const char *name, *generator = "?";
    PyObject *texts, *includes = NULL;
    int gil = JF_GIL_RELEASE, abi = JIFFI_MODULE_ABI, errors = ERRORS_DEFAULT;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "sO|Oiisi:_load_texts", names,
                                     &name, &texts, &includes, &gil, &abi,
                                     &generator, &errors))
        return NULL;
    if (abi != JIFFI_MODULE_ABI) {
        PyErr_Format(
            PyExc_ImportError,
            "module '%.200s' was generated by jiffi %.50s for interface %d, "
            "this is jiffi %s with interface %d",
            name, generator, abi, JF_VERSION, JIFFI_MODULE_ABI);
        return NULL;
    }
    PyObject *none = PyTuple_New(0);
    FFIObject *ffi =
        none ? ffi_with(jpy_state(self), includes ? includes : none, (uint8_t)gil)
             : NULL;
    Py_XDECREF(none);
    if (ffi && errors > ERRORS_DEFAULT && errors <= ERRORS_PRINT)
        ffi->callback_errors = (uint8_t)errors;
    PyObject *rows = ffi ? PySequence_Fast(texts, "texts: not a sequence") : NULL;
    Py_ssize_t n = rows ? PySequence_Fast_GET_SIZE(rows) : -1, i = 0;
    while (i < n && declare_row(ffi, PySequence_Fast_GET_ITEM(rows, i), name) == 0)
        i++;
    Py_XDECREF(rows);
    if (i != n || jpy_origin_module(ffi, name) < 0)
        Py_CLEAR(ffi);
    return (PyObject *)ffi;
}

static PyMethodDef functions[] = {
    {"_load_module", load_module, METH_VARARGS,
     "_load_module(capsule, module=None) -> (ffi, lib)\n\nWhat a module that jiffi "
     "generated and a C compiler made calls when it is imported."},
    {"_load_texts", (PyCFunction)(void (*)(void))load_texts,
     METH_VARARGS | METH_KEYWORDS,
     "_load_texts(name, texts, includes=(), gil=1, abi=1, generator='?', "
     "callback_errors=0) -> "
     "FFI\n\nWhat a generated module without C calls: `texts` is a sequence of "
     "(text, packed, pack, override, gil), `includes` names modules."},
    {NULL, NULL, 0, NULL}};

int jpy_init_modgen(State *st, PyObject *module)
{
    st->modules = PyList_New(0);
    return st->modules ? PyModule_AddFunctions(module, functions) : -1;
}
