/* SPDX-License-Identifier: MIT
 *
 * The symbols of a generated module as a source of its library. Functions are
 * builtins over the module's own wrappers; what comes from an included module is
 * that module's.
 */
#include "python/checked.h"
#include "python/modgen.h"

#include <string.h>

#include "python/ffi.h"

static ModGen *gen_of(LibSource *src)
{
    return (ModGen *)((char *)src - offsetof(ModGen, source));
}

/* --- errors --------------------------------------------------------------------------- */

static void *absent(ModGen *g, const jf_Symbol *sym)
{
    PyErr_Format(PyExc_AttributeError,
                 "library '%s' has no function, constant or global variable named "
                 "'%s': it was not declared when the module was compiled",
                 g->lib_name, sym->name);
    return NULL;
}

static void *mismatch(ModGen *g, const jf_Symbol *sym)
{
    PyErr_Format(PyExc_AttributeError,
                 "library '%s': '%s' is declared as something else than what the "
                 "module has under this name: generate the module again",
                 g->lib_name, sym->name);
    return NULL;
}

/* --- included modules -------------------------------------------------------------------- */

/* What the first included library that has it calls `name`; through `how`: NULL for
 * the attribute, or the name of a method of the FFI. New reference. */
static PyObject *from_included(ModGen *g, FFIObject *ffi, const jf_Symbol *sym,
                               const char *how)
{
    PyObject *libs = g->entry ? PyTuple_GET_ITEM(g->entry, ENTRY_INCLUDED) : NULL;
    for (Py_ssize_t i = 0; libs && i < PyTuple_GET_SIZE(libs); i++) {
        PyObject *lib = PyTuple_GET_ITEM(libs, i), *o;
        if (lib == Py_None || i >= PyList_GET_SIZE(ffi->included))
            continue;
        o = how ? PyObject_CallMethod(PyList_GET_ITEM(ffi->included, i), how, "Os",
                                      lib, sym->name)
                : PyObject_GetAttrString(lib, sym->name);
        if (o || !PyErr_ExceptionMatches(PyExc_AttributeError))
            return o;
        PyErr_Clear();
    }
    return absent(g, sym);
}

static ModGen *included_gen(FFIObject *ffi, Py_ssize_t i)
{
    return jpy_modgen_of((FFIObject *)PyList_GET_ITEM(ffi->included, i));
}

/* The row of a symbol, own or of an included module; NULL without an exception. */
static const jiffi_symbol *row_of(const ModGen *g, const char *name)
{
    const jiffi_symbol *s = jpy_modgen_symbol(g->m, name);
    if (s || !g->entry)
        return s;
    FFIObject *ffi = (FFIObject *)PyTuple_GET_ITEM(g->entry, ENTRY_FFI);
    for (Py_ssize_t i = 0; !s && i < PyList_GET_SIZE(ffi->included); i++) {
        const ModGen *other = included_gen(ffi, i);
        s = other ? row_of(other, name) : NULL;
    }
    return s;
}

/* --- the source ------------------------------------------------------------------------------ */

static bool is_constant(LibSource *src, const jf_Symbol *sym)
{
    const jiffi_symbol *s = row_of(gen_of(src), sym->name);
    if (s)
        return s->kind == JIFFI_INTEGER || s->kind == JIFFI_VALUE;
    return sym->quals & JF_Q_CONST && sym->type->kind != JF_ARRAY;
}

static Fetch fetch(LibSource *src, const jf_Symbol *sym)
{
    const jiffi_symbol *s = jpy_modgen_symbol(gen_of(src)->m, sym->name);
    return s && s->kind == JIFFI_VARIABLE ? s->address : NULL;
}

static void *variable_address(LibSource *src, FFIObject *ffi, const jf_Symbol *sym)
{
    ModGen *g = gen_of(src);
    const jiffi_symbol *s = jpy_modgen_symbol(g->m, sym->name);
    if (s && s->kind != JIFFI_VARIABLE)
        return mismatch(g, sym);
    if (s) {
        void *p = s->address();
        return p ? p : mismatch(g, sym);
    }
    PyObject *o = from_included(g, ffi, sym, "addressof");
    CDataObject *cd = o ? jpy_ffi_cdata(ffi->st, o) : NULL;
    void *p = cd ? cd->data : NULL;
    Py_XDECREF(o);
    return p || PyErr_Occurred() ? p : mismatch(g, sym);
}

/* The pointer to an extern "Python" function: C's way in. */
static PyObject *extern_pointer(State *st, const jf_Symbol *sym,
                                const jiffi_symbol *s)
{
    jf_Type *t = jf_type_pointer(st->universe, sym->type, 0);
    CTypeObject *ct = t ? jpy_ctype_steal(st, t) : NULL;
    if (!ct)
        return t ? NULL : PyErr_NoMemory();
    PyObject *o = jpy_cdata(ct, (char *)(uintptr_t)s->direct);
    Py_DECREF((PyObject *)ct);
    return o;
}

static bool fits_flags(const jf_Type *fn, int flags)
{
    uint32_t n = fn->u.func->n_params;
    if (fn->flags & JF_T_VARIADIC)
        return false;
    return flags == METH_FASTCALL || (flags == METH_O && n == 1) ||
           (flags == METH_NOARGS && n == 0);
}

/* The builtin over the module's wrapper. The ctypes that go into the module's own
 * array are kept by the function. */
static PyObject *ready(ModGen *g, FFIObject *ffi, const jf_Symbol *sym,
                       const jiffi_symbol *s)
{
    if (!fits_flags(sym->type, s->flags))
        return mismatch(g, sym);
    void *direct = (void *)(uintptr_t)s->direct;
    /* A wrapper checks nothing: what it calls is called with checks. */
    bool throws = (sym->flags & JF_S_MAY_THROW) != 0;
    bool can = direct && jpy_checked_can_call(sym->type);
    bool anew = can && (ffi->checked || throws);
    if (throws && !can) {
        PyErr_Format(PyExc_NotImplementedError,
                     "%s() is declared may_throw, but has types that only the "
                     "module's compiled wrapper can pass, which catches nothing; "
                     "declare it noexcept",
                     sym->name);
        return NULL;
    }
    PyObject *f = jpy_function_ready(ffi, g->source.keeper, sym, direct,
                                     anew ? NULL : s->wrapper, s->flags);
    CDataObject *cd = f ? (CDataObject *)jpy_function_cdata(ffi->st, f) : NULL;
    unsigned char *way = jpy_modgen_way(g->m, (size_t)(s - g->m->symbols));
    if (f && way && jpy_function_info(cd)->ready) {
        jpy_function_info(cd)->way = way;
        *way = JIFFI_UNDECIDED;
    }
    if (!f || !s->types)
        return f;
    for (Py_ssize_t i = -1; i < (Py_ssize_t)sym->type->u.func->n_params; i++) {
        CTypeObject *ct = jpy_function_ctype(cd, i);
        if (!ct) {
            Py_DECREF(f);
            return NULL;
        }
        s->types[i + 1] = ct;
        Py_DECREF((PyObject *)ct);
    }
    return f;
}

/* cffi refuses functions with a `typedef double... t` that is no double or float. */
static int refuse_open(FFIObject *ffi, const jf_Type *fn)
{
    const jf_Oracle *o = ffi->oracle;
    const jf_FuncInfo *f = fn->u.func;
    for (uint32_t i = 0; i <= f->n_params; i++) {
        const jf_Type *t = i ? f->params[i - 1] : fn->to;
        jf_GivenType given = {0, 0};
        if (t->kind != JF_STRUCT || !(t->u.rec->flags & JF_R_DOTS_FLOAT) ||
            !o->type(o->ctx, t->u.rec->alias, &given))
            continue;
        PyErr_SetString(
            ffi->st->ffi_error,
            given.cls == 'f'
                ? "primitive floating-point type is 'long double', not supported "
                  "for now with the syntax 'typedef double... xxx;'"
                : "primitive floating-point type with an unexpected size (or not a "
                  "float type at all)");
        return -1;
    }
    return 0;
}

static PyObject *function(LibSource *src, FFIObject *ffi, const jf_Symbol *sym)
{
    ModGen *g = gen_of(src);
    const jiffi_symbol *s = jpy_modgen_symbol(g->m, sym->name);
    if (!s)
        return from_included(g, ffi, sym, NULL);
    if (s->kind == JIFFI_EXTERN_PYTHON)
        return extern_pointer(ffi->st, sym, s);
    if (s->kind != JIFFI_FUNCTION)
        return mismatch(g, sym);
    if (ffi->st->cffi && refuse_open(ffi, sym->type) < 0)
        return NULL;
    if (s->wrapper)
        return ready(g, ffi, sym, s);
    return jpy_function(ffi, src->keeper, sym, (void *)(uintptr_t)s->direct);
}

/* --- constants ---------------------------------------------------------------------------- */

static PyObject *disagrees(State *st, const char *name, unsigned long long bits,
                           bool negative)
{
    char got[64];
    if (negative || !bits)
        PyOS_snprintf(got, sizeof got, "%lld", (long long)bits);
    else
        PyOS_snprintf(got, sizeof got, "%llu (0x%llx)", bits, bits);
    PyErr_Format(st->ffi_error,
                 "the C compiler says '%.200s' is equal to %s, but the cdef "
                 "disagrees",
                 name, got);
    return NULL;
}

static PyObject *integer(State *st, const jf_Symbol *sym, const jiffi_symbol *s)
{
    unsigned long long bits = 0;
    bool negative = s->integer(&bits) != 0;
    /* To cffi enumerators are the compiler's, whatever the declaration counts. */
    bool checked = !(st->cffi && sym->flags & JF_S_ENUMERATOR);
    if (checked && sym->kind == JF_SYM_CONSTANT && !(sym->flags & JF_S_DOTS)) {
        bool below = !(sym->flags & JF_S_UNSIGNED) && sym->value < 0;
        if (sym->flags & JF_S_DISAGREES || below != negative ||
            (unsigned long long)sym->value != bits)
            return disagrees(st, sym->name, bits, negative);
    }
    return negative ? PyLong_FromLongLong((long long)bits)
                    : PyLong_FromUnsignedLongLong(bits);
}

/* Any other constant: the module writes it into memory of ours. */
static PyObject *value(ModGen *g, State *st, const jf_Symbol *sym,
                       const jiffi_symbol *s)
{
    if (sym->kind != JF_SYM_VARIABLE && sym->kind != JF_SYM_CONSTANT)
        return mismatch(g, sym);
    CTypeObject *ct = jpy_ctype(st, sym->type);
    if (!ct)
        return NULL;
    Py_ssize_t size = jpy_ctype_size(ct);
    if (size < 0 && st->cffi && PyErr_ExceptionMatches(PyExc_ValueError))
        PyErr_Format(st->ffi_error,
                     "constant '%s' is of type '%s', whose size is not known",
                     sym->name, jpy_cname(ct));
    char *mem = size < 0 ? NULL : PyMem_Calloc(1, (size_t)size + 16);
    PyObject *o = NULL;
    if (mem) {
        s->value(mem);
        o = jf_is_record(sym->type) || ct->code == V_ARRAY
                ? jpy_cdata_copy(ct, mem)
                : jpy_to_object(ct, mem, NULL);
    } else if (size >= 0) {
        PyErr_NoMemory();
    }
    PyMem_Free(mem);
    Py_DECREF((PyObject *)ct);
    return o;
}

static PyObject *constant(LibSource *src, FFIObject *ffi, const jf_Symbol *sym)
{
    ModGen *g = gen_of(src);
    const jiffi_symbol *s = jpy_modgen_symbol(g->m, sym->name);
    if (!s) {
        bool known = sym->kind != JF_SYM_VARIABLE && !(sym->flags & JF_S_DOTS);
        return known ? jpy_declared_constant(ffi->st, sym)
                     : from_included(g, ffi, sym, NULL);
    }
    if (s->kind == JIFFI_INTEGER)
        return integer(ffi->st, sym, s);
    if (s->kind == JIFFI_VALUE)
        return value(g, ffi->st, sym, s);
    return mismatch(g, sym);
}

void jpy_modgen_source(ModGen *g)
{
    g->source = (LibSource){.name = g->lib_name,
                            .address = variable_address,
                            .function = function,
                            .constant = constant,
                            .is_constant = is_constant,
                            .fetch = fetch};
}
