/* SPDX-License-Identifier: MIT
 *
 * The methods of FFI that make modules with a C compiler. All of them are
 * written in Python, in the package jiffi.build, which is imported when the
 * first of them is called: `import jiffi` alone stays cheap. The function of the
 * same name there gets the FFI before the arguments.
 */
#include "python/ffi.h"

/* jiffi.build.<name>(self, *args, **kwargs) */
static PyObject *delegate(PyObject *self, const char *name, PyObject *args,
                          PyObject *kwargs)
{
    PyObject *package = PyImport_ImportModule("jiffi.build");
    PyObject *function = package ? PyObject_GetAttrString(package, name) : NULL;
    Py_XDECREF(package);
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
    return delegate(self, "compile", args, kwargs);
}

FFI_PLAIN(distutils_extension)
{
    return delegate(self, "distutils_extension", args, kwargs);
}

FFI_PLAIN(embedding_api)
{
    return delegate(self, "embedding_api", args, kwargs);
}

FFI_PLAIN(embedding_init_code)
{
    return delegate(self, "embedding_init_code", args, kwargs);
}

FFI_PLAIN(emit_c_code)
{
    return delegate(self, "emit_c_code", args, kwargs);
}

FFI_PLAIN(emit_python_code)
{
    return delegate(self, "emit_python_code", args, kwargs);
}

FFI_PLAIN(inline)
{
    return delegate(self, "inline", args, kwargs);
}

FFI_PLAIN(set_source)
{
    return delegate(self, "set_source", args, kwargs);
}

FFI_PLAIN(set_source_pkgconfig)
{
    return delegate(self, "set_source_pkgconfig", args, kwargs);
}

FFI_PLAIN(verify)
{
    return delegate(self, "verify", args, kwargs);
}
