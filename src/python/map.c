/* SPDX-License-Identifier: MIT
 *
 * ffi.map(function, *operands, ...): what it was given, where the results go, and
 * what is said when it does not come to its end. See map.h.
 */
#include "python/map.h"

#include <string.h>

#include "python/ffi.h"

typedef struct Options {
    PyObject *out, *progress;
    Py_ssize_t threads, chunk; /* chunk 0: not given */
    int stop;
} Options;

/* --- what it was given ------------------------------------------------------------ */

static int count_option(const char *name, PyObject *value, Py_ssize_t *v)
{
    if (jpy_ffi_ssize(value, v) < 0)
        return -1;
    if (*v >= 1)
        return 0;
    PyErr_Format(PyExc_ValueError, "ffi.map(): %s must be 1 or more, not %R", name,
                 value);
    return -1;
}

static int option(Options *o, PyObject *name, PyObject *value)
{
    if (PyUnicode_CompareWithASCIIString(name, "out") == 0) {
        o->out = value == Py_None ? NULL : value;
    } else if (PyUnicode_CompareWithASCIIString(name, "threads") == 0) {
        return count_option("threads", value, &o->threads);
    } else if (PyUnicode_CompareWithASCIIString(name, "stop") == 0) {
        o->stop = PyObject_IsTrue(value);
        return o->stop < 0 ? -1 : 0;
    } else if (PyUnicode_CompareWithASCIIString(name, "chunk") == 0) {
        return value == Py_None ? 0 : count_option("chunk", value, &o->chunk);
    } else if (PyUnicode_CompareWithASCIIString(name, "progress") == 0) {
        o->progress = value == Py_None ? NULL : value;
        if (o->progress && !PyCallable_Check(value)) {
            PyErr_Format(PyExc_TypeError,
                         "ffi.map(): progress must be callable, not %.200s",
                         Py_TYPE(value)->tp_name);
            return -1;
        }
    } else {
        PyErr_Format(PyExc_TypeError,
                     "ffi.map() got an unexpected keyword argument '%U'", name);
        return -1;
    }
    return 0;
}

/* The function, if it is one that can be run over arrays; borrowed. */
static CDataObject *function_of(State *st, PyObject *o, Py_ssize_t given, bool stop)
{
    CDataObject *fn = jpy_ffi_cdata(st, o);
    if (!fn || !CType_IsFunction(fn->ctype)) {
        PyErr_Format(PyExc_TypeError,
                     "ffi.map() takes a C function (of a library, or a pointer to "
                     "one), not %.200s",
                     Py_TYPE(o)->tp_name);
        return NULL;
    }
    const jf_Type *t = jpy_function_type(fn);
    uint32_t n = t->u.func->n_params;
    if (t->flags & JF_T_VARIADIC)
        PyErr_Format(PyExc_TypeError,
                     "ffi.map(): a function with '...' cannot be run over arrays: "
                     "'%s'",
                     jpy_cname(fn->ctype));
    else if ((Py_ssize_t)n != given)
        jpy_arity_error(fn, given);
    else if (n > MAP_MAX_PARAMS)
        PyErr_Format(PyExc_TypeError,
                     "ffi.map(): functions of more than %d parameters are not "
                     "supported; this has %u",
                     (int)MAP_MAX_PARAMS, (unsigned)n);
    else if (stop && !jf_is_integral(t->to) && t->to->kind != JF_PTR)
        PyErr_Format(
            PyExc_TypeError,
            "ffi.map(): stop=True needs a function that returns an integer "
            "or a pointer, not '%s'",
            jpy_cname(fn->ctype));
    else if (!fn->data)
        jpy_null_error(fn);
    else
        return fn;
    return NULL;
}

/* --- results ------------------------------------------------------------------------ */

/* A new array of r->n results, as if it had been given. */
static int make_out(MapRun *r)
{
    CTypeObject *item = jpy_function_ctype(r->fn, -1);
    CTypeObject *array = item ? jpy_array_of(item, JF_UNKNOWN) : NULL;
    PyObject *n = array ? PyLong_FromSsize_t(r->n) : NULL;
    r->out = n ? jpy_new(array, n) : NULL;
    Py_XDECREF(n);
    if (r->out) {
        MapOperand *o = &r->ops[r->n_params];
        o->data = ((CDataObject *)r->out)->data;
        o->n = r->n;
        o->size = o->step = array->item_size;
    }
    Py_XDECREF((PyObject *)array);
    Py_XDECREF((PyObject *)item);
    return r->out ? 0 : -1;
}

/* Operands, results, loop. */
static int fill(MapRun *r, PyObject *const *operands, PyObject *out)
{
    const jf_Type *t = jpy_function_type(r->fn);
    char *cell = r->cells;
    for (uint32_t i = 0; i < r->n_params; i++) {
        if (jpy_map_operand(r, i, operands[i], cell) < 0)
            return -1;
        uint64_t size = t->u.func->params[i]->size;
        cell += size == JF_UNKNOWN ? 16 : (size_t)(size + 31) & ~(size_t)15;
    }
    bool is_void = t->to->kind == JF_VOID;
    if (is_void && out) {
        PyErr_Format(PyExc_TypeError,
                     "ffi.map(): out is for results, and '%s' has none",
                     jpy_cname(r->fn->ctype));
        return -1;
    }
    if (out) {
        r->out = Py_NewRef(out);
        if (jpy_map_out(r, out) < 0)
            return -1;
    }
    if (jpy_map_length(r) < 0 || jpy_map_overlap(r) < 0)
        return -1;
    if (!is_void && !out && make_out(r) < 0)
        return -1;
    return jpy_map_prepare(r);
}

/* jiffi.MapError for the item that stopped the run; it has the results so far. */
static PyObject *raise_stopped(MapRun *r, Py_ssize_t index)
{
    CTypeObject *ct = jpy_function_ctype(r->fn, -1);
    const MapOperand *o = &r->ops[r->n_params];
    PyObject *code = ct ? jpy_to_object(ct, o->data + index * o->step, NULL) : NULL;
    PyObject *module = code ? PyImport_ImportModule("jiffi._map") : NULL;
    PyObject *cls = module ? PyObject_GetAttrString(module, "MapError") : NULL;
    FunctionInfo *f = jpy_function_info(r->fn);
    PyObject *e = cls ? PyObject_CallFunction(cls, "snOO",
                                              f ? f->def.ml_name : "the function",
                                              index, code, r->out)
                      : NULL;
    if (e)
        PyErr_SetObject(cls, e);
    Py_XDECREF(e);
    Py_XDECREF(cls);
    Py_XDECREF(module);
    Py_XDECREF(code);
    Py_XDECREF((PyObject *)ct);
    return NULL;
}

/* jiffi._map.drive(run, threads, chunk, progress): threads and progress are Python's
 * business. Returns how many items were done before the first that stopped it. */
static int drive(MapRun *r, const Options *o, Py_ssize_t *done)
{
    PyObject *module = PyImport_ImportModule("jiffi._map");
    PyObject *n = module ? PyObject_CallMethod(module, "drive", "OnnO",
                                               (PyObject *)r, o->threads, o->chunk,
                                               o->progress ? o->progress : Py_None)
                         : NULL;
    Py_XDECREF(module);
    if (!n)
        return -1;
    *done = PyLong_AsSsize_t(n);
    Py_DECREF(n);
    return *done == -1 && PyErr_Occurred() ? -1 : 0;
}

static PyObject *run(MapRun *r, PyObject *const *operands, const Options *o)
{
    Py_ssize_t done = 0;
    if (fill(r, operands, o->out) < 0)
        return NULL;
    bool simple = o->threads == 1 && !o->chunk && !o->progress;
    if ((simple ? jpy_map_all(r, &done) : drive(r, o, &done)) < 0)
        return NULL;
    if (done < r->n)
        return raise_stopped(r, done);
    return Py_NewRef(r->out ? r->out : Py_None);
}

FFI_FAST(map)
{
    State *st = ((FFIObject *)self)->st;
    Options o = {.threads = 1};
    Py_ssize_t n = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    for (Py_ssize_t i = 0; i < n; i++)
        if (option(&o, PyTuple_GET_ITEM(kwnames, i), args[nargs + i]) < 0)
            return NULL;
    if (nargs < 1) {
        PyErr_SetString(PyExc_TypeError,
                        "map() missing required argument 'function' (pos 1)");
        return NULL;
    }
    CDataObject *fn = function_of(st, args[0], nargs - 1, o.stop);
    MapRun *r = fn ? jpy_map_new(st, fn) : NULL;
    if (!r)
        return NULL;
    r->stop = (uint8_t)o.stop;
    PyObject *result = run(r, args + 1, &o);
    jpy_map_close(r);
    Py_DECREF((PyObject *)r);
    return result;
}
