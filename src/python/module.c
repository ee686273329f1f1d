/* SPDX-License-Identifier: MIT
 *
 * The extension module jiffi._jiffi: multi-phase initialisation, one State per
 * interpreter. The package's __init__.py gives its names to users. The other
 * module in the same shared object is cffi/flavour.c; both start and end here.
 */
#include "python/checked.h"
#include "python/cxx.h"
#include "python/held.h"
#include "python/pickle.h"

void jpy_state_unref(State *st)
{
    if (--st->refs)
        return;
    jpy_modgen_forget(st, true);
    while (st->free_temps)
        jpy_temp_drop(st);
    jpy_views_drop(st);
    jpy_handles_free(st);
    jpy_observed_free(st);
    /* A group still alive belongs to an FFI that the collector takes later;
     * then the universe has to stay for it. */
    if (st->universe->n_groups)
        return;
    jpy_checked_free(st);
    jf_universe_free(st->universe);
    PyMem_Free(st);
}

static int init_common(State *st, PyObject *module)
{
    struct Row {
        jf_Prim prim;
        CTypeObject **place;
    } rows[] = {{JF_P_INT, &st->type_int}, {JF_P_CHAR, NULL}, {JF_P_VOID, NULL}};
    CTypeObject *made[3];
    for (size_t i = 0; i < JF_COUNT(rows); i++) {
        made[i] = jpy_ctype(st, jf_type_prim(st->universe, rows[i].prim));
        if (!made[i])
            return -1;
    }
    st->type_int = made[0];
    st->char_p = jpy_pointer_to(made[1]);
    st->char_array = jpy_array_of(made[1], JF_UNKNOWN);
    st->void_p = jpy_pointer_to(made[2]);
    Py_DECREF(made[1]);
    Py_DECREF(made[2]);
    if (!st->char_p || !st->char_array || !st->void_p)
        return -1;
    st->null = jpy_cdata(st->void_p, NULL);
    return st->null ? PyModule_AddObjectRef(module, "NULL", st->null) : -1;
}

int jpy_module_exec(PyObject *module, bool cffi)
{
    State *st = PyMem_Calloc(1, sizeof *st);
    if (!st) {
        PyErr_NoMemory();
        return -1;
    }
    jf_UniverseHooks hooks = {
        .drop_code = jpy_drop_host_code, .drop_group = jpy_drop_group, .ctx = st};
    st->universe = jf_engine_universe(&hooks);
    if (!st->universe) {
        PyMem_Free(st);
        if (jf_engine_unknown())
            PyErr_SetString(PyExc_ImportError, jf_engine_unknown());
        else
            PyErr_NoMemory();
        return -1;
    }
    st->refs = 1;
    st->cffi = cffi;
    *(State **)PyModule_GetState(module) = st;
    if (jpy_init_errors(st, module) < 0 || jpy_init_ctype(st, module) < 0 ||
        jpy_init_cdata(st, module) < 0 || init_common(st, module) < 0 ||
        jpy_init_pickle(st, module) < 0 || jpy_init_ffi(st, module) < 0 ||
        jpy_init_lib(st, module) < 0 || jpy_init_call(st, module) < 0 ||
        jpy_init_held(st, module) < 0 || jpy_init_observe(st, module) < 0 ||
        jpy_init_cxx(st, module) < 0 || jpy_init_callback(st, module) < 0 ||
        jpy_init_modgen(st, module) < 0 || jpy_init_verify(st, module) < 0 ||
        jpy_init_map(st, module) < 0 || jpy_init_fuse(st, module) < 0 ||
        jpy_init_batch_run(st, module) < 0 || jpy_init_check(st, module) < 0)
        return -1;
    return 0;
}

/* Every object the state owns, for the two walks below. */
static PyObject **state_object(State *st, size_t i)
{
    PyObject **all[] = {(PyObject **)&st->ctype_type,
                        (PyObject **)&st->cfield_type,
                        (PyObject **)&st->cdata_type,
                        (PyObject **)&st->cdata_own_type,
                        (PyObject **)&st->cdata_ext_type,
                        (PyObject **)&st->cdata_iter_type,
                        (PyObject **)&st->buffer_type,
                        (PyObject **)&st->view_type,
                        (PyObject **)&st->ffi_type,
                        (PyObject **)&st->lib_type,
                        (PyObject **)&st->function_type,
                        (PyObject **)&st->handle_type,
                        (PyObject **)&st->callback_type,
                        (PyObject **)&st->cffi_ffi_type,
                        (PyObject **)&st->cffi_lib_type,
                        (PyObject **)&st->cffi_glob_type,
                        (PyObject **)&st->clibrary_type,
                        &st->backend,
                        &st->ffi_error,
                        &st->cdef_error,
                        &st->verification_error,
                        &st->verification_missing,
                        &st->pkgconfig_error,
                        (PyObject **)&st->void_p,
                        (PyObject **)&st->char_p,
                        (PyObject **)&st->char_array,
                        (PyObject **)&st->type_int,
                        &st->null,
                        &st->modules,
                        (PyObject **)&st->ndarray_type,
                        (PyObject **)&st->tensor_type,
                        (PyObject **)&st->ufunc_type,
                        (PyObject **)&st->origin_type,
                        (PyObject **)&st->map_type,
                        (PyObject **)&st->check_type,
                        (PyObject **)&st->finaliser_type,
                        (PyObject **)&st->fused_type,
                        (PyObject **)&st->pin_type,
                        (PyObject **)&st->traced_type,
                        (PyObject **)&st->gil_type,
                        &st->held_error,
                        &st->cxx_error,
                        (PyObject **)&st->map_each_type,
                        (PyObject **)&st->map_same_type};
    return i < JF_COUNT(all) ? all[i] : NULL;
}

int jpy_module_traverse(PyObject *module, visitproc visit, void *arg)
{
    State *st = jpy_state(module);
    for (size_t i = 0; st && state_object(st, i); i++)
        Py_VISIT(*state_object(st, i));
    if (st && jpy_checked_traverse(st, visit, arg))
        return -1;
    /* A plain cdata is no container to the collector, so what the last
     * reference to `null` keeps alive is visited from here. */
    if (st && st->null && Py_REFCNT(st->null) == 1) {
        Py_VISIT(Py_TYPE(st->null));
        Py_VISIT(((CDataObject *)st->null)->ctype);
    }
    return 0;
}

int jpy_module_clear(PyObject *module)
{
    State *st = jpy_state(module);
    if (!st)
        return 0;
    /* Only values: the types break their cycles with the module themselves,
     * and code that still runs may ask for them. */
    jpy_modgen_forget(st, false);
    jpy_autos_drop(st);
    Py_CLEAR(st->modules);
    Py_CLEAR(st->null);
    Py_CLEAR(st->void_p);
    Py_CLEAR(st->char_p);
    Py_CLEAR(st->char_array);
    Py_CLEAR(st->type_int);
    return 0;
}

void jpy_module_free(void *module)
{
    State *st = jpy_state(module);
    if (!st)
        return;
    jpy_module_clear(module);
    jpy_checked_clear(st);
    for (size_t i = 0; state_object(st, i); i++)
        Py_CLEAR(*state_object(st, i));
    *(State **)PyModule_GetState(module) = NULL;
    jpy_state_unref(st);
}

static int module_exec(PyObject *module)
{
    return jpy_module_exec(module, false);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
    JPY_MODULE_SLOTS{0, NULL},
};

static PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "jiffi._jiffi",
    .m_doc = "C types, C data and C functions without a compiler.",
    .m_size = sizeof(State *),
    .m_slots = module_slots,
    .m_traverse = jpy_module_traverse,
    .m_clear = jpy_module_clear,
    .m_free = jpy_module_free,
};

PyMODINIT_FUNC PyInit__jiffi(void)
{
    return PyModuleDef_Init(&module_def);
}
