/* SPDX-License-Identifier: MIT
 *
 * The half of pickling that needs to see into objects: origins of declarations, the
 * bytes behind a cdata and whether another process can use them, the name under
 * which a function was found. jiffi._pickle, which is imported when the first of our
 * objects is pickled, asks these functions and decides.
 */
#include <string.h>

#include "python/call.h"
#include "python/checked.h"
#include "python/export.h"
#include "python/ffi.h"
#include "python/pickle.h"

static const char PACKAGE[] = "jiffi._pickle";

/* --- origins -------------------------------------------------------------- */

static void unlink_origin(Origin *o)
{
    if (o->prev)
        o->prev->next = o->next;
    else if (o->st->origins == o)
        o->st->origins = o->next;
    if (o->next)
        o->next->prev = o->prev;
    o->prev = o->next = NULL;
    o->ffi = NULL;
}

Origin *jpy_origin_new(FFIObject *ffi)
{
    State *st = ffi->st;
    Origin *o = (Origin *)st->origin_type->tp_alloc(st->origin_type, 0);
    if (!o)
        return NULL;
    o->st = st;
    st->refs++;
    if (!(o->rows = PyList_New(0))) {
        Py_DECREF(o);
        return NULL;
    }
    o->ffi = ffi;
    o->next = st->origins;
    if (o->next)
        o->next->prev = o;
    st->origins = o;
    return o;
}

void jpy_origin_leave(FFIObject *ffi)
{
    Origin *o = ffi->origin;
    if (!o)
        return;
    o->gil = ffi->gil;
    o->callback_errors = ffi->callback_errors;
    unlink_origin(o);
    ffi->origin = NULL;
    Py_DECREF((PyObject *)o);
}

static void origin_dealloc(PyObject *self)
{
    Origin *o = (Origin *)self;
    PyTypeObject *type = Py_TYPE(self);
    State *st = o->st;
    if (o->ffi)
        unlink_origin(o);
    Py_XDECREF(o->rows);
    Py_XDECREF(o->module);
    type->tp_free(self);
    Py_DECREF(type);
    jpy_state_unref(st);
}

void jpy_origin_own(FFIObject *ffi)
{
    jf_Group *g = jf_scope_group(ffi->scope);
    JF_ASSERT(!g->host);
    g->host = Py_NewRef((PyObject *)ffi->origin);
}

void jpy_drop_group(void *ctx, void *host)
{
    (void)ctx;
    Py_XDECREF((PyObject *)host);
}

int jpy_origin_add(FFIObject *ffi, PyObject *row)
{
    if (!ffi->origin)
        return 0;
    if (PyTuple_CheckExact(row))
        return PyList_Append(ffi->origin->rows, row);
    Origin *other = ((FFIObject *)row)->origin;
    return other ? PyList_Append(ffi->origin->rows, (PyObject *)other) : 0;
}

int jpy_origin_adopt(FFIObject *ffi, FFIObject *other)
{
    if (!ffi->origin)
        return 0;
    PyObject *rows = ffi->origin->rows;
    if (PyList_SetSlice(rows, 0, PyList_GET_SIZE(rows), NULL) < 0)
        return -1;
    return jpy_origin_add(ffi, (PyObject *)other);
}

int jpy_origin_module(FFIObject *ffi, const char *name)
{
    if (!ffi->origin || ffi->origin->module)
        return 0;
    ffi->origin->module = PyUnicode_FromString(name);
    return ffi->origin->module ? 0 : -1;
}

/* None when the FFI is gone. Its memory may be about to be freed by somebody who
 * runs Python code before that: then nobody counts references any more. */
static PyObject *live_ffi(const Origin *o)
{
    PyObject *ffi = (PyObject *)o->ffi;
    return Py_NewRef(ffi && Py_REFCNT(ffi) > 0 ? ffi : Py_None);
}

static PyObject *get_ffi(PyObject *self, void *closure)
{
    (void)closure;
    return live_ffi((Origin *)self);
}

static PyObject *get_rows(PyObject *self, void *closure)
{
    (void)closure;
    return PyList_AsTuple(((Origin *)self)->rows);
}

static PyObject *get_module(PyObject *self, void *closure)
{
    (void)closure;
    PyObject *module = ((Origin *)self)->module;
    return Py_NewRef(module ? module : Py_None);
}

/* "auto", or, with callback_errors=, "auto print". */
static PyObject *get_gil(PyObject *self, void *closure)
{
    (void)closure;
    static const char *const errors[] = {[ERRORS_DEFAULT] = "",
                                         [ERRORS_RAISE] = " raise",
                                         [ERRORS_PRINT] = " print"};
    static const char *const words[] = {"default", "release", "hold", "auto"};
    const Origin *o = (Origin *)self;
    uint8_t gil = o->ffi ? o->ffi->gil : o->gil;
    uint8_t e = o->ffi ? o->ffi->callback_errors : o->callback_errors;
    return PyUnicode_FromFormat("%s%s",
                                words[gil <= JF_GIL_AUTO ? gil : JF_GIL_DEFAULT],
                                errors[e < JF_COUNT(errors) ? e : ERRORS_DEFAULT]);
}

static PyMethodDef origin_methods[] = {
    {"__reduce__", jpy_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef origin_getset[] = {
    {"ffi", get_ffi, NULL, NULL, NULL},       {"rows", get_rows, NULL, NULL, NULL},
    {"module", get_module, NULL, NULL, NULL}, {"gil", get_gil, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef origin_members[] = {
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot origin_slots[] = {
    {Py_tp_dealloc, origin_dealloc},
    {Py_tp_methods, origin_methods},
    {Py_tp_getset, origin_getset},
    {Py_tp_members, origin_members},
    {0, NULL},
};

static PyType_Spec origin_spec = {
    .name = "jiffi._Origin",
    .basicsize = sizeof(Origin),
    .flags = Py_TPFLAGS_DEFAULT | JPY_TPFLAGS_NO_NEW,
    .slots = origin_slots,
};

/* --- methods of the classes ----------------------------------------------- */

PyObject *jpy_reduce(PyObject *self, PyObject *unused)
{
    (void)unused;
    PyObject *package = PyImport_ImportModule(PACKAGE);
    PyObject *r =
        package ? PyObject_CallMethod(package, "reduce", "O", self) : NULL;
    Py_XDECREF(package);
    return r;
}

PyObject *jpy_copy_same(PyObject *self, PyObject *unused)
{
    (void)unused;
    return Py_NewRef(self);
}

PyObject *jpy_lib_reduce(PyObject *self, PyObject *protocol)
{
    (void)protocol;
    PyObject *package = PyImport_ImportModule(PACKAGE);
    PyObject *r =
        package ? PyObject_CallMethod(package, "reduce_library", "O", self) : NULL;
    Py_XDECREF(package);
    return r;
}

/* --- types ---------------------------------------------------------------- */

/* Origins of the structs, unions and enums that `t` names, each once. 0 or -1. */
static int add_origins(PyObject *list, const jf_Type *t)
{
    while (t->kind == JF_PTR || t->kind == JF_ARRAY || t->kind == JF_VECTOR)
        t = t->to;
    if (t->kind == JF_FUNC) {
        if (Py_EnterRecursiveCall(" in a type"))
            return -1;
        int bad = add_origins(list, t->to);
        for (uint32_t i = 0; bad == 0 && i < t->u.func->n_params; i++)
            bad = add_origins(list, t->u.func->params[i]);
        Py_LeaveRecursiveCall();
        return bad;
    }
    PyObject *o = t->group ? t->group->host : NULL;
    int has = o ? PySequence_Contains(list, o) : 1;
    return has ? has < 0 ? -1 : 0 : PyList_Append(list, o);
}

/* _pickle_origins(FFI, ctype or Handle) -> [Origin...] */
static PyObject *pickle_origins(PyObject *module, PyObject *o)
{
    State *st = jpy_state(module);
    PyObject *list = PyList_New(0), *one = NULL;
    int bad = list ? 0 : -1;
    if (PyObject_TypeCheck(o, st->ffi_type))
        one = (PyObject *)((FFIObject *)o)->origin;
    else if (Py_IS_TYPE(o, st->handle_type))
        one = ((Handle *)o)->origin;
    else if (CType_Check(st, o) && bad == 0)
        bad = add_origins(list, ((CTypeObject *)o)->type);
    if (one && bad == 0)
        bad = PyList_Append(list, one);
    if (bad)
        Py_CLEAR(list);
    return list;
}

/* _pickle_ffis() -> [every FFI that is alive] */
static PyObject *pickle_ffis(PyObject *module, PyObject *unused)
{
    (void)unused;
    PyObject *list = PyList_New(0);
    for (Origin *o = jpy_state(module)->origins; list && o; o = o->next) {
        PyObject *ffi = live_ffi(o);
        if (ffi != Py_None && PyList_Append(list, ffi) < 0)
            Py_CLEAR(list);
        Py_DECREF(ffi);
    }
    return list;
}

/* --- values --------------------------------------------------------------- */

/* Put `step` before the path of a member; steals `rest`. */
static PyObject *path_join(PyObject *step, PyObject *rest)
{
    PyObject *all = NULL;
    if (step && rest) {
        bool index =
            PyUnicode_GET_LENGTH(rest) && PyUnicode_READ_CHAR(rest, 0) == '[';
        bool last = !PyUnicode_GET_LENGTH(rest);
        all = PyUnicode_FromFormat("%U%s%U", step, index || last ? "" : ".", rest);
    }
    Py_XDECREF(step);
    Py_XDECREF(rest);
    return all;
}

static PyObject *find_pointer(CTypeObject *ct, const char *data, Py_ssize_t bytes);

static PyObject *find_in_items(CTypeObject *ct, const char *data, Py_ssize_t n)
{
    CTypeObject *item = jpy_item(ct);
    if (!item || V_IS_PRIM(item->code) || jpy_layout(item) < 0 || item->size <= 0)
        return NULL;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *path = find_pointer(item, data + i * item->size, item->size);
        if (path)
            return path_join(PyUnicode_FromFormat("[%zd]", i), path);
        if (PyErr_Occurred())
            break;
    }
    return NULL;
}

static PyObject *find_in_record(CTypeObject *ct, const char *data, Py_ssize_t bytes)
{
    FieldTable *t = jpy_fields(ct);
    for (uint32_t i = 0; t && i < t->n; i++) {
        FieldInfo *f = &t->items[i];
        if (V_IS_PRIM(f->code) || f->bits >= 0)
            continue;
        CTypeObject *member = jpy_field_type(ct->st, f);
        if (!member)
            return NULL;
        PyObject *path = find_pointer(member, data + f->offset, bytes - f->offset);
        if (path)
            return path_join(Py_NewRef(f->name), path);
        if (PyErr_Occurred())
            return NULL;
    }
    return NULL;
}

/* The path to an address in the value ("next", "a[3].p", "" of itself) that is not
 * NULL. NULL, perhaps with an exception: there is none. */
static PyObject *find_pointer(CTypeObject *ct, const char *data, Py_ssize_t bytes)
{
    static const char zero[64];
    Py_ssize_t n = 0;
    PyObject *path = NULL;
    if (V_IS_PRIM(ct->code) || jpy_layout(ct) < 0 ||
        Py_EnterRecursiveCall(" in a value"))
        return NULL;
    switch (ct->code) {
    case V_ARRAY:
        n = ct->length >= 0     ? ct->length
            : ct->item_size > 0 ? bytes / ct->item_size
                                : 0;
        path = find_in_items(ct, data, n);
        break;
    case V_RECORD:
        path = find_in_record(ct, data, bytes);
        break;
    default: /* an address, a va_list */
        n = ct->size > 0 && ct->size <= (Py_ssize_t)sizeof zero ? ct->size : 0;
        if (memcmp(data, zero, (size_t)n) != 0)
            path = PyUnicode_FromString("");
    }
    Py_LeaveRecursiveCall();
    return path;
}

/* What cdata without a value of its own are called. */
static const char *ext_word(const CDataExt *x)
{
    switch ((ExtKind)x->ext) {
    case EXT_GC:
        return "gc";
    case EXT_HANDLE:
        return "handle";
    case EXT_BUFFER:
        return "buffer";
    case EXT_CALLBACK:
        return "callback";
    case EXT_FUNCTION:
        return "function";
    default:
        return NULL;
    }
}

/* (kind, bytes, path) of `n` bytes at cd->data, whose type is `ct`. */
static PyObject *parts(const char *kind, CDataObject *cd, CTypeObject *ct,
                       Py_ssize_t n)
{
    PyObject *path = find_pointer(ct, cd->data, n);
    if (!path && PyErr_Occurred())
        return NULL;
    if (path)
        return Py_BuildValue("sON", kind, Py_None, path);
    return Py_BuildValue("sy#O", kind, cd->data, n, Py_None);
}

/* _pickle_cdata(cdata) -> (kind, bytes or None, path or None)
 *
 * kind   "value": a number, struct or array; "own": the pointer that ffi.new()
 *        gave, bytes of what it owns; "null", "pointer", "released"; "gc", "handle",
 *        "buffer", "callback", "function"
 * path   to an address among the bytes that is not NULL: then bytes is None */
static PyObject *pickle_cdata(PyObject *module, PyObject *arg)
{
    State *st = jpy_state(module);
    if (!CData_Check(st, arg))
        return jpy_ffi_bad_type("cdata", arg);
    CDataObject *cd = (CDataObject *)arg;
    CTypeObject *ct = cd->ctype;
    if (jpy_is_checked(cd)) {
        if (jpy_allocation(cd)->state != AS_ALIVE)
            return Py_BuildValue("sOO", "released", Py_None, Py_None);
        if (jpy_checked_keeper(cd)) /* that of ffi.gc(), from_buffer(), alloc() */
            return pickle_cdata(module, (PyObject *)jpy_checked_keeper(cd));
    }
    bool is_ext = Py_IS_TYPE(arg, st->cdata_ext_type);
    const char *word = is_ext ? ext_word((CDataExt *)cd) : NULL;
    if (word)
        return Py_BuildValue("sOO", word, Py_None, Py_None);
    if (jpy_layout(ct) < 0)
        return NULL;
    if (is_ext && ((CDataExt *)cd)->ext == EXT_ALLOC && !((CDataExt *)cd)->owner)
        return Py_BuildValue("sOO", "released", Py_None, Py_None);
    if (jpy_is_owning_pointer(cd) ||
        (jpy_is_checked(cd) && jpy_checked_is_owning_pointer(cd))) {
        CTypeObject *item = jpy_item(ct);
        return item ? parts("own", cd, item, jpy_owned_bytes(cd)) : NULL;
    }
    Py_ssize_t n = jpy_known_size(cd);
    if (ct->code == V_POINTER || ct->code == V_NONE || n < 0)
        return Py_BuildValue("sOO", cd->data ? "pointer" : "null", Py_None,
                             Py_None);
    return parts("value", cd, ct, n);
}

/* A struct with more behind it than its type says: p[0] of a pointer that owns it. */
static PyObject *longer_record(CTypeObject *ct, const Py_buffer *b)
{
    CTypeObject *pointer = jpy_pointer_to(ct);
    CDataObject *cd = pointer ? jpy_cdata_inline(pointer, b->len, b->len, 0) : NULL;
    Py_XDECREF((PyObject *)pointer);
    if (!cd)
        return NULL;
    memcpy(cd->data, b->buf, (size_t)b->len);
    PyObject *o = jpy_owned_record(cd);
    Py_DECREF(cd);
    return o;
}

static PyObject *bad_bytes(CTypeObject *ct, Py_ssize_t got)
{
    PyErr_Format(PyExc_ValueError,
                 "%zd bytes were pickled for a ctype '%s' of another size: was it "
                 "written on another platform?",
                 got, jpy_cname(ct));
    return NULL;
}

static PyObject *restore(CTypeObject *ct, bool own, const Py_buffer *b)
{
    if (jpy_layout(ct) < 0)
        return NULL;
    Py_ssize_t n = b->len, room = n, length = n, size = ct->size;
    bool flexible =
        ct->type->kind == JF_STRUCT && (ct->type->u.rec->flags & JF_R_FLEX);
    if (own) {
        if (!ct->is_data_ptr)
            return bad_bytes(ct, n);
        size = ct->item_size;
        const jf_Type *to = ct->type->to;
        flexible = to->kind == JF_STRUCT && (to->u.rec->flags & JF_R_FLEX);
        room = V_IS_CHAR(ct->item_code) ? 2 * n : n; /* as jpy_new has it */
    } else if (CType_IsOpen(ct)) {
        if (ct->item_size < 0 || (ct->item_size ? n % ct->item_size : n) != 0)
            return bad_bytes(ct, n);
        length = ct->item_size ? n / ct->item_size : 0;
        size = n;
    } else if (ct->code == V_POINTER || ct->code == V_NONE) {
        return bad_bytes(ct, n);
    }
    if (size < 0 || (flexible ? n < size : n != size))
        return bad_bytes(ct, n);
    if (!own && n > size)
        return longer_record(ct, b);
    CDataObject *cd = jpy_cdata_inline(ct, room, length, room != n);
    if (cd)
        memcpy(cd->data, b->buf, (size_t)n);
    return (PyObject *)cd;
}

/* _pickle_restore(ctype, own, bytes) -> cdata */
static PyObject *pickle_restore(PyObject *module, PyObject *args)
{
    CTypeObject *ct;
    int own;
    Py_buffer b;
    if (!PyArg_ParseTuple(args, "O!py*:_pickle_restore",
                          jpy_state(module)->ctype_type, &ct, &own, &b))
        return NULL;
    PyObject *o = restore(ct, own, &b);
    PyBuffer_Release(&b);
    return o;
}

/* --- functions and libraries ---------------------------------------------- */

/* [(length, array, unit)...] by names of parameters. */
static PyObject *sized_pairs(const FunctionInfo *f)
{
    PyObject *list = PyList_New(0);
    const Sized *s = f->sized;
    for (uint32_t i = 0; list && s && i < f->fn->u.func->n_params; i++) {
        const SizedParam *p = &s->params[i];
        if (p->length < 0)
            continue;
        PyObject *a = jpy_sized_param_name(s, i);
        PyObject *n = jpy_sized_param_name(s, (uint32_t)p->length);
        PyObject *row = a && n ? Py_BuildValue("OOI", n, a, p->unit) : NULL;
        Py_XDECREF(a);
        Py_XDECREF(n);
        if (!row || PyList_Append(list, row) < 0)
            Py_CLEAR(list);
        Py_XDECREF(row);
    }
    return list;
}

/* _pickle_function(cdata) -> (Handle or None, name, sized, base)
 *
 * sized  [(length, array, bytes of what is counted)...] of one from ffi.sized()
 * base   the function that ffi.sized() got, or None */
static PyObject *pickle_function(PyObject *module, PyObject *arg)
{
    State *st = jpy_state(module);
    FunctionInfo *f =
        CData_Check(st, arg) ? jpy_function_info((CDataObject *)arg) : NULL;
    if (!f)
        return jpy_ffi_bad_type("function of a library", arg);
    PyObject *sized = sized_pairs(f);
    if (!sized)
        return NULL;
    PyObject *base = f->sized ? ((CDataExt *)arg)->extra : NULL;
    return Py_BuildValue("OsNO", f->handle ? (PyObject *)f->handle : Py_None,
                         f->def.ml_name, sized, base ? base : Py_None);
}

/* What dlopen() was given, None where another process cannot give it: a tuple of str
 * or None (the program itself), flags and a jf_Gil, with 8 for may_throw. Static sources: the word "module". */
static PyObject *source_key(const Handle *h)
{
    if (!h->src)
        return PyUnicode_FromString("closed");
    if (!h->src->close)
        return PyUnicode_FromString("module");
    if (!h->src->given)
        Py_RETURN_NONE;
    return Py_BuildValue("Oii", h->src->given, h->src->flags,
                         (int)h->gil | (h->may_throw ? 8 : 0));
}

/* _pickle_library(Handle or library) -> (Handle, key, library or None, name) */
static PyObject *pickle_library(PyObject *module, PyObject *arg)
{
    State *st = jpy_state(module);
    PyObject *found = Py_IS_TYPE(arg, st->handle_type) ? arg
                      : jpy_is_lib(st, arg)            ? jpy_lib_handle(arg)
                                                       : NULL;
    if (!found)
        return jpy_ffi_bad_type("library", arg);
    Handle *h = (Handle *)found;
    return Py_BuildValue("ONOs", h, source_key(h), h->module ? h->module : Py_None,
                         h->name);
}

/* _pickle_libs(ffi) -> [libraries that are alive] */
static PyObject *pickle_libs(PyObject *module, PyObject *arg)
{
    if (!PyObject_TypeCheck(arg, jpy_state(module)->ffi_type))
        return jpy_ffi_bad_type("FFI", arg);
    PyObject *refs = ((FFIObject *)arg)->libs, *list = PyList_New(0);
    for (Py_ssize_t i = 0; list && i < PyList_GET_SIZE(refs); i++) {
        PyObject *lib = jpy_weakref_get(PyList_GET_ITEM(refs, i));
        if (lib && PyList_Append(list, lib) < 0)
            Py_CLEAR(list);
        Py_XDECREF(lib);
    }
    return list;
}

/* _pickle_keep(ffi, library): the FFI keeps what unpickling has opened. */
static PyObject *pickle_keep(PyObject *module, PyObject *args)
{
    FFIObject *ffi;
    PyObject *lib;
    if (!PyArg_ParseTuple(args, "O!O:_pickle_keep", jpy_state(module)->ffi_type,
                          &ffi, &lib))
        return NULL;
    if (!ffi->build && !(ffi->build = PyList_New(0)))
        return NULL;
    if (PyList_Append(ffi->build, lib) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* --- start ---------------------------------------------------------------- */

static PyMethodDef functions[] = {
    {"_pickle_origins", pickle_origins, METH_O, NULL},
    {"_pickle_ffis", pickle_ffis, METH_NOARGS, NULL},
    {"_pickle_cdata", pickle_cdata, METH_O, NULL},
    {"_pickle_restore", pickle_restore, METH_VARARGS, NULL},
    {"_pickle_function", pickle_function, METH_O, NULL},
    {"_pickle_library", pickle_library, METH_O, NULL},
    {"_pickle_libs", pickle_libs, METH_O, NULL},
    {"_pickle_keep", pickle_keep, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL}};

int jpy_init_pickle(State *st, PyObject *module)
{
    st->origin_type = (PyTypeObject *)PyType_FromSpec(&origin_spec);
    if (!st->origin_type)
        return -1;
    jpy_type_no_new(st->origin_type);
    return PyModule_AddFunctions(module, functions);
}
