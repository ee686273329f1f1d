/* SPDX-License-Identifier: MIT
 *
 * The operands of ffi.map() together: whether they have one length, whether what is
 * written is read elsewhere; and the two words that say what an operand means,
 * each() and same().
 */
#include <string.h>

#include "python/map.h"

/* --- all of them -------------------------------------------------------------------- */

/* "argument 2 ('b')": how messages call operand `i`; new str. */
static PyObject *operand_name(const MapRun *r, uint32_t i)
{
    if (i == r->n_params)
        return PyUnicode_FromString("out");
    FunctionInfo *f = jpy_function_info(r->fn);
    const char *name = NULL;
    size_t n = f ? jpy_signature_param(f->def.ml_doc, i, &name) : 0;
    PyObject *text = n ? PyUnicode_FromStringAndSize(name, (Py_ssize_t)n) : NULL;
    if (!text) {
        PyErr_Clear();
        return PyUnicode_FromFormat("argument %u", (unsigned)i + 1);
    }
    PyObject *all =
        PyUnicode_FromFormat("argument %u ('%U')", (unsigned)i + 1, text);
    Py_DECREF(text);
    return all;
}

static int lengths_differ(const MapRun *r, uint32_t a, uint32_t b)
{
    PyObject *x = operand_name(r, a), *y = operand_name(r, b);
    if (x && y)
        PyErr_Format(PyExc_ValueError, "%U has %zd items, %U has %zd", x,
                     r->ops[a].n, y, r->ops[b].n);
    Py_XDECREF(x);
    Py_XDECREF(y);
    return -1;
}

static bool is_array(const MapOperand *o)
{
    return o->n >= 0 && (o->owner || o->view.obj);
}

int jpy_map_length(MapRun *r)
{
    int first = -1;
    for (uint32_t i = 0; i <= r->n_params; i++) {
        if (!is_array(&r->ops[i]))
            continue;
        if (first >= 0 && r->ops[i].n != r->ops[first].n)
            return lengths_differ(r, (uint32_t)first, i);
        if (first < 0)
            first = (int)i;
    }
    if (first < 0) {
        PyErr_SetString(
            PyExc_ValueError,
            "ffi.map(): nothing says how often: no operand is an array, "
            "and neither is out");
        return -1;
    }
    r->n = r->ops[first].n;
    return 0;
}

/* Bytes that an operand spans. */
static void span(const MapOperand *o, const char **low, const char **high)
{
    Py_ssize_t last = (o->n - 1) * o->step;
    *low = o->data + (last < 0 ? last : 0);
    *high = o->data + (last < 0 ? 0 : last) + o->size;
}

/* May item i of one be item j of the other, i != j, or only a part of it? */
static bool overlap(const MapOperand *a, const MapOperand *b)
{
    const char *a_low, *a_high, *b_low, *b_high;
    span(a, &a_low, &a_high);
    span(b, &b_low, &b_high);
    if (a_high <= b_low || b_high <= a_low)
        return false;
    if (a->step != b->step)
        return a->n > 1 || a->data != b->data || a->size != b->size;
    if (a->data == b->data && a->size == b->size)
        return false; /* the very same items */
    Py_ssize_t step = a->step < 0 ? -a->step : a->step;
    if (step == 0)
        return true;
    Py_ssize_t d = (b->data - a->data) % step;
    d += d < 0 ? step : 0;
    return d < a->size || d + b->size > step; /* else: columns of one table */
}

int jpy_map_overlap(MapRun *r)
{
    for (uint32_t i = 0; i <= r->n_params && r->n; i++) {
        for (uint32_t k = 0; k <= r->n_params; k++) {
            const MapOperand *a = &r->ops[i], *b = &r->ops[k];
            if (k == i || !a->written || !is_array(a) || !is_array(b) ||
                !overlap(a, b))
                continue;
            PyObject *x = operand_name(r, i), *y = operand_name(r, k);
            if (x && y)
                PyErr_Format(
                    PyExc_ValueError,
                    "%U, which is written to, and %U share memory in part; "
                    "only the very same array can be both",
                    x, y);
            Py_XDECREF(x);
            Py_XDECREF(y);
            return -1;
        }
    }
    return 0;
}

/* --- each(), same() ----------------------------------------------------------------- */

static PyObject *wrap(PyTypeObject *type, PyObject *value)
{
    MapWrapper *w = PyObject_New(MapWrapper, type);
    if (w)
        w->value = Py_NewRef(value);
    return (PyObject *)w;
}

PyObject *jpy_map_each(PyObject *module, PyObject *value)
{
    return wrap(jpy_state(module)->map_each_type, value);
}

PyObject *jpy_map_same(PyObject *module, PyObject *value)
{
    return wrap(jpy_state(module)->map_same_type, value);
}

static void wrapper_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_DECREF(((MapWrapper *)self)->value);
    PyObject_Free(self);
    Py_DECREF((PyObject *)type);
}

static PyObject *wrapper_repr(PyObject *self)
{
    const char *dot = strrchr(Py_TYPE(self)->tp_name, '.');
    return PyUnicode_FromFormat("%s(%R)", dot && dot[1] == 'E' ? "each" : "same",
                                ((MapWrapper *)self)->value);
}

static PyType_Slot wrapper_slots[] = {
    {Py_tp_dealloc, wrapper_dealloc}, {Py_tp_repr, wrapper_repr}, {0, NULL}};
static PyType_Spec each_spec = {"jiffi.Each", sizeof(MapWrapper), 0,
                                Py_TPFLAGS_DEFAULT | JPY_TPFLAGS_NO_NEW,
                                wrapper_slots};
static PyType_Spec same_spec = {"jiffi.Same", sizeof(MapWrapper), 0,
                                Py_TPFLAGS_DEFAULT | JPY_TPFLAGS_NO_NEW,
                                wrapper_slots};

#define DOC_each                                                               \
    "each(array, /)\n--\n\n"                                                   \
    "For FFI.map(): pass array[0], array[1], ... along the first dimension;\n" \
    "to a pointer parameter their addresses, which may be rows."
#define DOC_same                                                            \
    "same(value, /)\n--\n\n"                                                \
    "For FFI.map(): pass value at every call, converted as for one call;\n" \
    "an array as the address of its first item."

static PyMethodDef functions[] = {{"each", jpy_map_each, METH_O, DOC_each},
                                  {"same", jpy_map_same, METH_O, DOC_same},
                                  {NULL, NULL, 0, NULL}};

int jpy_init_map(State *st, PyObject *module)
{
    const struct {
        PyTypeObject **type;
        PyType_Spec *spec;
    } all[] = {{&st->map_type, &jpy_map_spec},
               {&st->map_each_type, &each_spec},
               {&st->map_same_type, &same_spec}};
    for (size_t i = 0; i < JF_COUNT(all); i++) {
        *all[i].type = (PyTypeObject *)PyType_FromSpec(all[i].spec);
        if (!*all[i].type)
            return -1;
        jpy_type_no_new(*all[i].type);
    }
    return st->cffi ? 0 : PyModule_AddFunctions(module, functions);
}
