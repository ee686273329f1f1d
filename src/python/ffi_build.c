/* SPDX-License-Identifier: MIT
 *
 * The methods of FFI that make modules with a C compiler. All of them are
 * written in Python, in the package jiffi.build, which is imported when the
 * first of them is called: `import jiffi` alone stays cheap. The function of the
 * same name there gets the FFI before the arguments. inline() has a module of its
 * own, which needs nothing else where the cache has the answer; so has struct_from(),
 * which is here because it is in Python too.
 */
#include "python/ffi.h"
#include "python/pickle.h"

static const char PACKAGE[] = "jiffi.build";

/* module.name(self, *args, **kwargs) */
static PyObject *delegate(PyObject *self, const char *module, const char *name,
                          PyObject *args, PyObject *kwargs)
{
    PyObject *imported = PyImport_ImportModule(module);
    PyObject *function = imported ? PyObject_GetAttrString(imported, name) : NULL;
    Py_XDECREF(imported);
    if (!function)
        return NULL;
    Py_ssize_t n = PyTuple_GET_SIZE(args);
    PyObject *all = PyTuple_New(n + 1), *result = NULL;
    if (all) {
        PyTuple_SET_ITEM(all, 0, Py_NewRef(self));
        for (Py_ssize_t i = 0; i < n; i++)
            PyTuple_SET_ITEM(all, i + 1, Py_NewRef(PyTuple_GET_ITEM(args, i)));
        result = PyObject_Call(function, all, kwargs);
        Py_DECREF(all);
    }
    Py_DECREF(function);
    return result;
}

FFI_PLAIN(compile)
{
    return delegate(self, PACKAGE, "compile", args, kwargs);
}

FFI_PLAIN(distutils_extension)
{
    return delegate(self, PACKAGE, "distutils_extension", args, kwargs);
}

FFI_PLAIN(embedding_api)
{
    return delegate(self, PACKAGE, "embedding_api", args, kwargs);
}

FFI_PLAIN(embedding_init_code)
{
    return delegate(self, PACKAGE, "embedding_init_code", args, kwargs);
}

FFI_PLAIN(emit_c_code)
{
    return delegate(self, PACKAGE, "emit_c_code", args, kwargs);
}

FFI_PLAIN(emit_python_code)
{
    return delegate(self, PACKAGE, "emit_python_code", args, kwargs);
}

/* What is in jiffi's own flavour only: types of the two never meet. */
static PyObject *delegate_own(PyObject *self, const char *module, const char *name,
                              PyObject *args, PyObject *kwargs)
{
    if (((FFIObject *)self)->st->cffi)
        return PyErr_Format(PyExc_NotImplementedError,
                            "ffi.%s() is for jiffi.FFI, not for cffi's", name);
    return delegate(self, module, name, args, kwargs);
}

FFI_PLAIN(aio)
{
    return delegate_own(self, "jiffi._aio", "aio", args, kwargs);
}

FFI_PLAIN(check)
{
    return delegate_own(self, "jiffi._check", "check", args, kwargs);
}

FFI_PLAIN(batch)
{
    return delegate_own(self, "jiffi._batch", "batch", args, kwargs);
}

FFI_PLAIN(explain)
{
    return delegate_own(self, "jiffi._explain", "explain", args, kwargs);
}

FFI_PLAIN(fuse)
{
    return delegate_own(self, "jiffi._fuse", "fuse", args, kwargs);
}

FFI_PLAIN(fused_program)
{
    return delegate_own(self, "jiffi._fuse", "fused_program", args, kwargs);
}

FFI_PLAIN(where)
{
    return delegate_own(self, "jiffi._fuse", "ffi_where", args, kwargs);
}

FFI_PLAIN(inline)
{
    return delegate(self, "jiffi._inline", "inline", args, kwargs);
}

FFI_PLAIN(low_level_callable)
{
    return delegate(self, "jiffi._adapters", "low_level_callable", args, kwargs);
}

FFI_PLAIN(set_source)
{
    return delegate(self, PACKAGE, "set_source", args, kwargs);
}

FFI_PLAIN(set_source_pkgconfig)
{
    return delegate(self, PACKAGE, "set_source_pkgconfig", args, kwargs);
}

FFI_PLAIN(stream)
{
    return delegate_own(self, "jiffi._stream", "stream", args, kwargs);
}

FFI_PLAIN(struct_from)
{
    return delegate(self, "jiffi._dtype", "struct_from", args, kwargs);
}

FFI_PLAIN(to_ctypes)
{
    return delegate(self, "jiffi._adapters", "to_ctypes", args, kwargs);
}

FFI_PLAIN(verify)
{
    return delegate(self, PACKAGE, "verify", args, kwargs);
}

/* --- what the package asks for ------------------------------------------------ */

/* ffi._included(): the FFIs given to include(). */
PyObject *jpy_ffi__included(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PySequence_List(((FFIObject *)self)->included);
}

/* ffi._texts(): every cdef so far as (text, packed, pack, override, gil), and the
 * FFI's own policy: what a cache goes by. */
PyObject *jpy_ffi__texts(PyObject *self, PyObject *unused)
{
    (void)unused;
    FFIObject *ffi = (FFIObject *)self;
    PyObject *texts = ffi->texts ? PySequence_Tuple(ffi->texts) : PyTuple_New(0);
    return texts ? Py_BuildValue("Ni", texts, (int)ffi->gil) : NULL;
}

/* Keep the old scope, which libraries opened from it may still read, in an FFI that
 * nobody sees, and go on with `fresh`. Takes over `fresh`, in any case. */
static int change_scope(FFIObject *ffi, jf_Scope *fresh)
{
    if (!ffi->build && !(ffi->build = PyList_New(0))) {
        jf_scope_free(fresh);
        return -1;
    }
    FFIObject *keeper = (FFIObject *)PyObject_CallNoArgs((PyObject *)Py_TYPE(ffi));
    int bad = !keeper || PyList_Append(ffi->build, (PyObject *)keeper) < 0;
    if (bad) {
        jf_scope_free(fresh);
    } else {
        jf_scope_free(keeper->scope);
        keeper->scope = ffi->scope;
        ffi->scope = fresh;
        if (ffi->origin)
            jpy_origin_own(ffi);
    }
    Py_XDECREF((PyObject *)keeper);
    return bad ? -1 : 0;
}

/* ffi._adopt(other): `other`, the FFI of a module made from all that is declared
 * here, takes the place of these declarations: they become included ones, and the
 * types are those of the module, with what the compiler knows of them. */
PyObject *jpy_ffi__adopt(PyObject *self, PyObject *arg)
{
    FFIObject *ffi = (FFIObject *)self, *other = (FFIObject *)arg;
    if (!PyObject_TypeCheck(arg, ffi->st->ffi_type) || other->st != ffi->st)
        return jpy_ffi_bad_type("FFI object", arg);
    jf_Scope *fresh = jf_scope_new(ffi->st->universe);
    if (!fresh)
        return PyErr_NoMemory();
    if (ffi->st->cffi)
        jf_scope_be_strict(fresh);
    jf_Diag d = JF_DIAG_INIT;
    if (jf_scope_include(fresh, other->scope, &d) != JF_OK) {
        jf_scope_free(fresh);
        return jpy_raise_status(ffi->st, &d);
    }
    PyObject *list = ffi->included;
    if (PyList_SetSlice(list, 0, PyList_GET_SIZE(list), NULL) < 0 ||
        PyList_Append(list, arg) < 0) {
        jf_scope_free(fresh);
        return NULL;
    }
    if (change_scope(ffi, fresh) < 0)
        return NULL;
    PyDict_Clear(ffi->types);
    ffi->oracle = other->oracle; /* def_extern() goes by it */
    if (ffi->texts &&
        PyList_SetSlice(ffi->texts, 0, PyList_GET_SIZE(ffi->texts), NULL) < 0)
        return NULL;
    if (jpy_origin_adopt(ffi, other) < 0)
        return NULL;
    Py_RETURN_NONE;
}
