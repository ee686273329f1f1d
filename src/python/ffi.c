/* SPDX-License-Identifier: MIT
 *
 * The FFI type: what has been declared, the types by their spelling, and the
 * doors to libraries and callbacks. Behaviour, error classes and where it
 * matters the words of errors follow cffi's in-line FFI class.
 */
#include <string.h>

#include "python/cffi/stock.h"
#include "python/ffi.h"
#include "python/ffi_doc.h"
#include "python/pickle.h"

enum { TYPES_CACHED = 4096 }; /* spellings kept before the cache starts anew */

/* --- reading arguments ---------------------------------------------------- */

static int args_bad_count(const ArgSpec *spec, Py_ssize_t total, Py_ssize_t given)
{
    const char *s = total == 1 ? "" : "s";
    PyErr_Format(PyExc_TypeError, "%s() takes at most %zd argument%s (%zd given)",
                 spec->function, total, s, given);
    return -1;
}

static int args_keyword(const ArgSpec *spec, PyObject *name, PyObject *value,
                        PyObject **out)
{
    for (int i = 0; spec->names[i]; i++) {
        if (PyUnicode_CompareWithASCIIString(name, spec->names[i]) != 0)
            continue;
        if (out[i]) {
            PyErr_Format(PyExc_TypeError,
                         "%s() got multiple values for argument '%s'",
                         spec->function, spec->names[i]);
            return -1;
        }
        out[i] = value;
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'",
                 spec->function, name);
    return -1;
}

int jpy_ffi_args(const ArgSpec *spec, PyObject *const *args, Py_ssize_t nargs,
                 PyObject *kwnames, PyObject **out)
{
    Py_ssize_t total = 0;
    while (spec->names[total])
        total++;
    if (nargs > total)
        return args_bad_count(spec, total, nargs);
    for (Py_ssize_t i = 0; i < total; i++)
        out[i] = i < nargs ? args[i] : NULL;
    Py_ssize_t n = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        if (args_keyword(spec, PyTuple_GET_ITEM(kwnames, i), args[nargs + i], out) <
            0)
            return -1;
    }
    for (int i = 0; i < spec->required; i++) {
        if (!out[i]) {
            PyErr_Format(PyExc_TypeError,
                         "%s() missing required argument '%s' (pos %d)",
                         spec->function, spec->names[i], i + 1);
            return -1;
        }
    }
    return 0;
}

int jpy_ffi_ssize(PyObject *o, Py_ssize_t *v)
{
    if (!o)
        return 0;
    *v = PyNumber_AsSsize_t(o, PyExc_OverflowError);
    return *v == -1 && PyErr_Occurred() ? -1 : 0;
}

int jpy_ffi_int(PyObject *o, int *v)
{
    if (!o)
        return 0;
    long l = PyLong_AsLong(o);
    if (l == -1 && PyErr_Occurred())
        return -1;
    if (l < INT_MIN || l > INT_MAX) {
        PyErr_Format(PyExc_OverflowError, "%R does not fit an int", o);
        return -1;
    }
    *v = (int)l;
    return 0;
}

void *jpy_ffi_bad_type(const char *expected, PyObject *got)
{
    PyErr_Format(PyExc_TypeError, "expected a %s, got '%.200s'", expected,
                 Py_TYPE(got)->tp_name);
    return NULL;
}

CDataObject *jpy_ffi_cdata(State *st, PyObject *o)
{
    if (CData_Check(st, o))
        return (CDataObject *)o;
    return (CDataObject *)jpy_function_cdata(st, o);
}

/* --- type strings --------------------------------------------------------- */

static CTypeObject *refuse_function(FFIObject *ffi, PyObject *text)
{
    PyErr_Format(ffi->st->cdef_error,
                 "the type '%U' is a function type, not a pointer-to-function type",
                 text);
    return NULL;
}

/* A spelling of the cache: a ctype, or a 1-tuple of the pointer to it where the
 * spelling named a function. */
static CTypeObject *cached_type(FFIObject *ffi, PyObject *text, PyObject *hit,
                                int allow_func)
{
    if (PyTuple_CheckExact(hit)) {
        if (!allow_func && ffi->stock)
            return jpy_stock_function(ffi, (CTypeObject *)PyTuple_GET_ITEM(hit, 0));
        if (!allow_func)
            return refuse_function(ffi, text);
        hit = PyTuple_GET_ITEM(hit, 0);
    }
    Py_INCREF(hit);
    return (CTypeObject *)hit;
}

/* A type string that cannot be read is a CDefError, whatever the cause, but
 * for memory and for what this build cannot do. */
static void *raise_type_error(State *st, jf_Diag *d)
{
    if (d->status == JF_NOMEM || d->status == JF_UNSUPPORTED ||
        (st->cffi && d->status != JF_NOT_FOUND && d->status != JF_INCOMPLETE))
        return jpy_raise_status(st, d);
    return jpy_raise(st->cdef_error, d);
}

/* An enum with `...` and no compiler that told its values: cffi has no type yet. */
static bool is_unknown_enum(const jf_Type *t)
{
    return t->kind == JF_ENUM && t->u.en->flags & JF_R_PARTIAL && !t->group->oracle;
}

static PyObject *parse_entry(FFIObject *ffi, PyObject *text)
{
    if (ffi->stock)
        return jpy_stock_parse(ffi->stock, text);
    State *st = ffi->st;
    Py_ssize_t n;
    const char *s = PyUnicode_AsUTF8AndSize(text, &n);
    if (!s)
        return NULL;
    jf_Type *t = NULL;
    jf_Diag d = JF_DIAG_INIT;
    if (jf_parse_type(ffi->scope, s, (size_t)n, &t, NULL, &d) != JF_OK)
        return raise_type_error(st, &d);
    if (st->cffi && is_unknown_enum(t)) {
        PyErr_SetObject(st->verification_missing, text);
        jf_type_unref(st->universe, t);
        return NULL;
    }
    if (t->kind != JF_FUNC)
        return (PyObject *)jpy_ctype_steal(st, t);
    jf_Type *ptr = jf_type_pointer(st->universe, t, 0);
    jf_type_unref(st->universe, t);
    if (!ptr)
        return PyErr_NoMemory();
    PyObject *ct = (PyObject *)jpy_ctype_steal(st, ptr);
    if (!ct)
        return NULL;
    PyObject *entry = PyTuple_Pack(1, ct);
    Py_DECREF(ct);
    return entry;
}

static CTypeObject *type_from_text(FFIObject *ffi, PyObject *text, int allow_func)
{
    PyObject *hit = PyDict_GetItemWithError(ffi->types, text);
    if (hit)
        return cached_type(ffi, text, hit, allow_func);
    if (PyErr_Occurred())
        return NULL;
    PyObject *entry = parse_entry(ffi, text);
    if (!entry)
        return NULL;
    /* Programs that make spellings ("char[%d]") must not fill the memory. */
    if (PyDict_GET_SIZE(ffi->types) >= TYPES_CACHED)
        PyDict_Clear(ffi->types);
    CTypeObject *ct = NULL;
    if (PyDict_SetItem(ffi->types, text, entry) == 0)
        ct = cached_type(ffi, text, entry, allow_func);
    Py_DECREF(entry);
    return ct;
}

CTypeObject *jpy_ffi_type(FFIObject *ffi, PyObject *o, int allow_func)
{
    if (PyUnicode_Check(o))
        return type_from_text(ffi, o, allow_func);
    if (CType_Check(ffi->st, o)) {
        Py_INCREF(o);
        return (CTypeObject *)o;
    }
    return jpy_ffi_bad_type("string or ctype object", o);
}

CTypeObject *jpy_ffi_type_of(FFIObject *ffi, PyObject *o)
{
    if (PyUnicode_Check(o))
        return type_from_text(ffi, o, 0);
    if (CType_Check(ffi->st, o)) {
        Py_INCREF(o);
        return (CTypeObject *)o;
    }
    CDataObject *cd = jpy_ffi_cdata(ffi->st, o);
    if (!cd)
        return jpy_ffi_bad_type("string, ctype object or cdata object", o);
    Py_INCREF(cd->ctype);
    return cd->ctype;
}

/* --- cdef, include -------------------------------------------------------- */

int jpy_ffi_read_gil(PyObject *o, uint8_t *gil)
{
    static const struct {
        const char *word;
        uint8_t gil;
    } choices[] = {
        {"release", JF_GIL_RELEASE}, {"hold", JF_GIL_HOLD}, {"auto", JF_GIL_AUTO}};
    if (!o || o == Py_None)
        return 0;
    for (size_t i = 0; PyUnicode_Check(o) && i < JF_COUNT(choices); i++) {
        if (PyUnicode_CompareWithASCIIString(o, choices[i].word) == 0) {
            *gil = choices[i].gil;
            return 0;
        }
    }
    PyErr_Format(PyExc_ValueError,
                 "gil must be 'release', 'hold' or 'auto', not %R", o);
    return -1;
}

static const char *const errors_words[] = {
    [ERRORS_RAISE] = "raise",
    [ERRORS_PRINT] = "print",
    [ERRORS_CONTINUE] = "continue",
    [ERRORS_THROW] = "throw",
};

PyObject *jpy_ffi_errors_word(uint8_t errors)
{
    if (errors == ERRORS_DEFAULT)
        Py_RETURN_NONE;
    return PyUnicode_FromString(errors_words[errors]);
}

int jpy_ffi_read_errors(PyObject *o, bool one, uint8_t *errors)
{
    uint8_t last = one ? ERRORS_THROW : ERRORS_PRINT;
    if (!o || o == Py_None)
        return 0;
    for (uint8_t i = ERRORS_RAISE; PyUnicode_Check(o) && i <= last; i++) {
        if (PyUnicode_CompareWithASCIIString(o, errors_words[i]) == 0) {
            *errors = i;
            return 0;
        }
    }
    PyErr_Format(
        PyExc_ValueError, "%s must be %s, not %R",
        one ? "errors" : "callback_errors",
        one ? "'raise', 'print', 'continue' or 'throw'" : "'raise' or 'print'", o);
    return -1;
}

/* packed= and pack=, cffi's rules: exclusive; a bool; a power of two. */
static int read_pack(PyObject *packed, PyObject *pack, jf_CdefOptions *options)
{
    int is_packed = packed ? PyObject_IsTrue(packed) : 0;
    int has_pack = pack ? PyObject_IsTrue(pack) : 0;
    if (is_packed < 0 || has_pack < 0)
        return -1;
    if (is_packed) {
        int one = PyObject_RichCompareBool(packed, Py_True, Py_EQ);
        if (one < 0)
            return -1;
        if (!one) {
            PyErr_SetString(PyExc_ValueError,
                            "'packed' should be False or True; use "
                            "'pack' to give another value");
            return -1;
        }
        if (has_pack) {
            PyErr_SetString(PyExc_ValueError,
                            "cannot give both 'pack' and 'packed'");
            return -1;
        }
        options->packed = true;
        return 0;
    }
    if (!has_pack)
        return 0;
    long v = PyLong_AsLong(pack);
    if (v == -1 && PyErr_Occurred())
        return -1;
    if (v < 0 || v > 0x8000 || (v & (v - 1))) {
        PyErr_Format(PyExc_ValueError, "'pack' must be a power of two, not %R",
                     pack);
        return -1;
    }
    options->pack = (uint16_t)v;
    return 0;
}

/* The variables that one cdef declared without `extern` or `static`. */
typedef struct Unmarked {
    uint32_t from; /* first declaration of this cdef */
    int status;    /* -1 once a warning became an exception */
} Unmarked;

static bool warn_unmarked(void *ctx, const jf_Symbol *sym)
{
    Unmarked *w = ctx;
    if (sym->kind != JF_SYM_VARIABLE || sym->order < w->from ||
        (sym->flags & (JF_S_EXTERN | JF_S_STATIC)))
        return true;
    if ((sym->quals & JF_Q_CONST) && sym->type->kind != JF_ARRAY)
        return true;
    w->status = PyErr_WarnFormat(PyExc_UserWarning, 1,
                                 "Global variable '%s' in cdef(): for consistency "
                                 "with C it should have a storage class specifier "
                                 "(usually 'extern')",
                                 sym->name);
    return w->status == 0;
}

/* For the generator of modules: what _declared() gives as "texts". */
static int keep_text(FFIObject *ffi, PyObject *text, const jf_CdefOptions *o)
{
    static const char *const gil[] = {
        "default",        "release",           "hold",
        "auto",           "default may_throw", "release may_throw",
        "hold may_throw", "auto may_throw"};
    if (!ffi->texts && !(ffi->texts = PyList_New(0)))
        return -1;
    PyObject *row = Py_BuildValue("OOiOs", text, o->packed ? Py_True : Py_False,
                                  (int)o->pack, o->override_ ? Py_True : Py_False,
                                  gil[o->gil + (o->may_throw ? 4 : 0)]);
    int bad = row ? PyList_Append(ffi->texts, row) : -1;
    if (bad == 0)
        bad = jpy_origin_add(ffi, row);
    Py_XDECREF(row);
    return bad;
}

static int ffi_declare(FFIObject *ffi, PyObject *source,
                       const jf_CdefOptions *options)
{
    Py_ssize_t n;
    const char *text = PyUnicode_AsUTF8AndSize(source, &n);
    if (!text)
        return -1;
    Unmarked w = {jf_scope_size(ffi->scope), 0};
    jf_Diag d = JF_DIAG_INIT;
    if (jf_cdef(ffi->scope, text, (size_t)n, options, &d) != JF_OK) {
        jpy_raise_status(ffi->st, &d);
        return -1;
    }
    PyDict_Clear(ffi->types);
    if (keep_text(ffi, source, options) < 0 || jpy_libs_refresh(ffi) < 0)
        return -1;
    jf_scope_each(ffi->scope, warn_unmarked, &w);
    return w.status;
}

PyObject *jpy_ffi_cdef(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames)
{
    static const ArgSpec spec = {
        "cdef",
        {"csource", "override", "packed", "pack", "gil", "may_throw", NULL},
        1};
    FFIObject *ffi = (FFIObject *)self;
    PyObject *a[6];
    if (nargs > 4)
        return args_bad_count(&spec, 4, nargs), NULL;
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0)
        return NULL;
    if (!PyUnicode_Check(a[0])) {
        PyErr_Format(PyExc_TypeError,
                     "cdef() argument must be a string, not '%.200s'",
                     Py_TYPE(a[0])->tp_name);
        return NULL;
    }
    jf_CdefOptions options = {.file = "<cdef source string>", .line = 1};
    options.terminated = true;
    options.gil = ffi->gil;
    int override = a[1] ? PyObject_IsTrue(a[1]) : 0;
    if (override < 0 || read_pack(a[2], a[3], &options) < 0 ||
        jpy_ffi_read_gil(a[4], &options.gil) < 0)
        return NULL;
    int throws = a[5] ? PyObject_IsTrue(a[5]) : ffi->may_throw;
    if (throws < 0)
        return NULL;
    options.may_throw = throws;
    options.override_ = override;
    if (ffi_declare(ffi, a[0], &options) < 0)
        return NULL;
    Py_RETURN_NONE;
}

int jpy_ffi_declare(FFIObject *ffi, const char *text)
{
    jf_CdefOptions options = {.gil = ffi->gil, .terminated = true};
    PyObject *source = PyUnicode_FromString(text);
    int bad = source ? ffi_declare(ffi, source, &options) : -1;
    Py_XDECREF(source);
    return bad;
}

PyObject *jpy_ffi_include(PyObject *self, PyObject *arg)
{
    FFIObject *ffi = (FFIObject *)self;
    if (!PyObject_TypeCheck(arg, ffi->stock ? ffi->st->cffi_ffi_type
                                            : ffi->st->ffi_type)) {
        PyErr_Format(PyExc_TypeError,
                     "ffi.include() expects an argument that is also of type "
                     "jiffi.FFI, not '%.200s'",
                     Py_TYPE(arg)->tp_name);
        return NULL;
    }
    if (arg == self) {
        PyErr_SetString(PyExc_ValueError, "self.include(self)");
        return NULL;
    }
    FFIObject *other = (FFIObject *)arg;
    jf_Diag d = JF_DIAG_INIT;
    if (PyList_Append(ffi->included, arg) < 0)
        return NULL;
    if (jf_scope_include(ffi->scope, other->scope, &d) != JF_OK) {
        Py_ssize_t n = PyList_GET_SIZE(ffi->included);
        PyObject *type, *value, *tb;
        jpy_raise_status(ffi->st, &d);
        PyErr_Fetch(&type, &value, &tb);
        PyList_SetSlice(ffi->included, n - 1, n, NULL);
        PyErr_Restore(type, value, tb);
        return NULL;
    }
    PyDict_Clear(ffi->types);
    if (jpy_origin_add(ffi, arg) < 0 || jpy_libs_refresh(ffi) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* --- libraries and callbacks ---------------------------------------------- */

PyObject *jpy_ffi_dlopen(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames)
{
    static const ArgSpec spec = {
        "dlopen", {"name", "flags", "gil", "may_throw", NULL}, 1};
    PyObject *a[4];
    int flags = 0;
    uint8_t gil = JF_GIL_DEFAULT;
    if (nargs > 2)
        return args_bad_count(&spec, 2, nargs), NULL;
    if (jpy_ffi_args(&spec, args, nargs, kwnames, a) < 0 ||
        jpy_ffi_int(a[1], &flags) < 0 || jpy_ffi_read_gil(a[2], &gil) < 0)
        return NULL;
    int throws = a[3] ? PyObject_IsTrue(a[3]) : 0;
    if (throws < 0)
        return NULL;
    return jpy_dlopen((FFIObject *)self, a[0], flags, gil, throws);
}

PyObject *jpy_ffi_dlclose(PyObject *self, PyObject *arg)
{
    FFIObject *ffi = (FFIObject *)self;
    if (!jpy_is_lib(ffi->st, arg))
        return jpy_ffi_bad_type("library from ffi.dlopen()", arg);
    if (jpy_dlclose(ffi, arg) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* lifetime=: "forever" is a reference that nobody gives back. 0, or -1 with an
 * exception. */
static int keep_callback(PyObject *cd, PyObject *lifetime)
{
    if (PyUnicode_Check(lifetime)) {
        if (PyUnicode_CompareWithASCIIString(lifetime, "forever") == 0) {
            Py_INCREF(cd);
            return 0;
        }
        PyErr_Format(PyExc_ValueError,
                     "lifetime is None, \"forever\" or an object, not %R",
                     lifetime);
        return -1;
    }
    PyObject *module = PyImport_ImportModule("jiffi._lifetimes");
    PyObject *r =
        module ? PyObject_CallMethod(module, "keep", "OO", cd, lifetime) : NULL;
    Py_XDECREF(module);
    Py_XDECREF(r);
    return r ? 0 : -1;
}

static PyObject *make_callback(FFIObject *ffi, CTypeObject *ct, PyObject *callable,
                               PyObject *error, PyObject *onerror, PyObject *errors,
                               PyObject *lifetime)
{
    uint8_t how = ffi->callback_errors;
    if (jpy_ffi_read_errors(errors, true, &how) < 0)
        return NULL;
    if (!PyCallable_Check(callable)) {
        PyErr_Format(PyExc_TypeError,
                     "the 'python_callable' argument is not callable");
        return NULL;
    }
    if (onerror && onerror != Py_None && !PyCallable_Check(onerror)) {
        PyErr_Format(PyExc_TypeError,
                     "expected a callable object for 'onerror', not %.200s",
                     Py_TYPE(onerror)->tp_name);
        return NULL;
    }
    PyObject *cd = jpy_callback(ct, callable, error ? error : Py_None,
                                onerror ? onerror : Py_None, how);
    if (cd && lifetime && lifetime != Py_None && keep_callback(cd, lifetime) < 0)
        Py_CLEAR(cd);
    return cd;
}

/* What a callback without a function returns: `self` is (ffi, ctype, error, onerror,
 * errors, lifetime). */
static PyObject *callback_decorate(PyObject *self, PyObject *callable)
{
    return make_callback((FFIObject *)PyTuple_GET_ITEM(self, 0),
                         (CTypeObject *)PyTuple_GET_ITEM(self, 1), callable,
                         PyTuple_GET_ITEM(self, 2), PyTuple_GET_ITEM(self, 3),
                         PyTuple_GET_ITEM(self, 4), PyTuple_GET_ITEM(self, 5));
}

static PyMethodDef callback_decorator = {"callback_decorator", callback_decorate,
                                         METH_O, DOC_callback_decorator};

PyObject *jpy_ffi_callback(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                           PyObject *kwnames)
{
    static const ArgSpec ours = {"callback",
                                 {"cdecl", "python_callable", "error", "onerror",
                                  "errors", "lifetime", NULL},
                                 1};
    static const ArgSpec theirs = {
        "callback", {"cdecl", "python_callable", "error", "onerror", NULL}, 1};
    FFIObject *ffi = (FFIObject *)self;
    PyObject *a[6] = {NULL}, *result = NULL;
    uint8_t how;
    if (jpy_ffi_args(ffi->st->cffi ? &theirs : &ours, args, nargs, kwnames, a) <
            0 ||
        jpy_ffi_read_errors(a[4], true, &how) < 0)
        return NULL;
    CTypeObject *ct = jpy_ffi_type(ffi, a[0], 1);
    if (!ct)
        return NULL;
    if (ct->type->kind != JF_PTR || ct->type->to->kind != JF_FUNC) {
        PyErr_Format(PyExc_TypeError, "expected a function ctype, got '%U'",
                     jpy_ctype_name(ct));
    } else if (a[1] && a[1] != Py_None) {
        result = make_callback(ffi, ct, a[1], a[2], a[3], a[4], a[5]);
    } else {
        PyObject *bound =
            PyTuple_Pack(6, self, ct, a[2] ? a[2] : Py_None, a[3] ? a[3] : Py_None,
                         a[4] ? a[4] : Py_None, a[5] ? a[5] : Py_None);
        if (bound)
            result = PyCFunction_New(&callback_decorator, bound);
        Py_XDECREF(bound);
    }
    Py_DECREF(ct);
    return result;
}
