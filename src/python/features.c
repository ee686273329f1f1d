/* SPDX-License-Identifier: MIT
 *
 * _features(): which ways of doing things this process has, in figures and sentences for
 * _features.py. Beside jf_features(), which says how calls are made.
 */
#include "python/explain.h"

#include "python/ffi.h"
#include "python/pending.h"

static int put_text(PyObject *out, const char *key, const char *text)
{
    return jpy_explain_put(out, key,
                           text ? PyUnicode_FromString(text) : Py_NewRef(Py_None));
}

static int put_bool(PyObject *out, const char *key, bool value)
{
    return jpy_explain_put(out, key, PyBool_FromLong(value));
}

/* Emitted code reaches variables of the thread only at a fixed distance from the thread
 * pointer: which of them are. */
static int put_thread(PyObject *out)
{
    int32_t at, other;
    return put_bool(out, "errno", jf_os_errno_offsets(&at, &other)) < 0 ||
                   put_bool(out, "gil_slot", jpy_gil_slot(&at)) < 0 ||
                   put_bool(out, "pending_slot", jpy_pending_slot(&at)) < 0
               ? -1
               : 0;
}

static int put_code(PyObject *out)
{
    jf_ExecStats s;
    jf_exec_stats(&s);
    PyObject *code = Py_BuildValue(
        "{snsnsnsnsn}", "blocks", (Py_ssize_t)s.blocks, "bytes",
        (Py_ssize_t)s.code_bytes, "mapped", (Py_ssize_t)s.mapped_bytes, "regions",
        (Py_ssize_t)s.regions, "callbacks", (Py_ssize_t)s.stubs);
    return jpy_explain_put(out, "code", code);
}

PyObject *jpy_features_more(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    uintptr_t zero;
    unsigned shift;
    PyObject *out = PyDict_New();
    if (out && (put_text(out, "decoder", jf_disasm_version()) < 0 ||
                put_text(out, "disasm_why_not", jf_disasm_why_not()) < 0 ||
                put_text(out, "proof_why_not", jf_proof_why_not()) < 0 ||
                put_text(out, "catch_why_not", jf_exec_no_catch()) < 0 ||
                put_bool(out, "cxx_throw", jf_cxx_can_throw()) < 0 ||
                put_bool(out, "small_ints", jpy_small_ints(&zero, &shift)) < 0 ||
                put_thread(out) < 0 || put_code(out) < 0))
        Py_CLEAR(out);
    return out;
}
