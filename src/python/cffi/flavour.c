/* SPDX-License-Identifier: MIT
 *
 * The second face of the extension: the same shared object, imported under the
 * name `_cffi_backend`, is a module of its own with a State of its own in which
 * `cffi` is true. Its objects are the same structs and code under the names that
 * cffi gives them; where the two behave differently, the code there asks
 * st->cffi.
 *
 * To load it from beside jiffi._jiffi:
 *     ExtensionFileLoader("_cffi_backend", jiffi._jiffi.__file__)
 */
#include <string.h>

#include "python/cffi/backend.h"
#include "python/cffi/stock.h"

/* The version of cffi whose behaviour this is. */
static const char version[] = "2.1.1";

static const struct Renamed {
    const char *ours, *theirs;
} renamed[] = {
    {"jiffi.CData", "_cffi_backend._CDataBase"},
    {"jiffi.CDataIterator", "_cffi_backend.__CData_iterator"},
    {"jiffi.CType", "_cffi_backend.CType"},
    {"jiffi.CField", "_cffi_backend.CField"},
    {"jiffi.buffer", "_cffi_backend.buffer"},
    {"jiffi.FFI", "_cffi_backend._InlineFFI"},
    {"jiffi.Library", "_cffi_backend.Lib"},
    {"jiffi._Handle", "_cffi_backend._Handle"},
    {"jiffi._Callback", "_cffi_backend._Callback"},
    {"jiffi._FunctionInfo", "_cffi_backend._FunctionInfo"},
    {"jiffi.FFIError", "cffi.FFIError"},
    {"jiffi.CDefError", "cffi.CDefError"},
    {"jiffi.VerificationError", "cffi.VerificationError"},
    {"jiffi.VerificationMissing", "cffi.VerificationMissing"},
    {"jiffi.PkgConfigError", "cffi.PkgConfigError"},
    /* what is raised when a cdef fails: users see cffi's name */
    {"jiffi.DeclarationError", "cffi.CDefError"},
};

const char *jpy_flavour_name(const State *st, const char *name)
{
    if (!st->cffi)
        return name;
    for (size_t i = 0; i < JF_COUNT(renamed); i++) {
        if (strcmp(renamed[i].ours, name) == 0)
            return renamed[i].theirs;
    }
    return name;
}

PyTypeObject *jpy_type(State *st, PyObject *module, PyType_Spec *spec,
                       PyObject *bases)
{
    PyType_Spec s = *spec;
    s.name = jpy_flavour_name(st, spec->name);
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &s, bases);
}

static int backend_exec(PyObject *module)
{
    if (jpy_module_exec(module, true) < 0 ||
        jpy_init_stock(jpy_state(module), module) < 0)
        return -1;
    State *st = jpy_state(module);
    PyObject *name = PyUnicode_FromString("<cdata>"); /* of every cdata */
    int bad =
        name ? PyDict_SetItemString(st->cdata_type->tp_dict, "__name__", name) : -1;
    Py_XDECREF(name);
    PyType_Modified(st->cdata_type);
    if (bad < 0 || jpy_init_backend(st, module) < 0)
        return -1;
    return PyModule_AddStringConstant(module, "__version__", version);
}

static PyModuleDef_Slot backend_slots[] = {
    {Py_mod_exec, backend_exec},
    JPY_MODULE_SLOTS{0, NULL},
};

static PyModuleDef backend_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_cffi_backend",
    .m_doc = "What cffi and the modules it compiled build on, by jiffi.",
    .m_size = sizeof(State *),
    .m_slots = backend_slots,
    .m_traverse = jpy_module_traverse,
    .m_clear = jpy_module_clear,
    .m_free = jpy_module_free,
};

PyMODINIT_FUNC PyInit__cffi_backend(void)
{
    return PyModuleDef_Init(&backend_def);
}
