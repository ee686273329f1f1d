/* SPDX-License-Identifier: MIT
 *
 * ffi._explain(): what is known of one function, as a dict for _explain.py, which makes
 * text of it. The code is made as the first call would make it; nothing is called.
 */
#include "python/explain.h"

#include "python/callback.h"
#include "python/ffi.h"
#include "python/fuse.h"

#include <string.h>

/* --- small things ----------------------------------------------------------------- */

int jpy_explain_put(PyObject *dict, const char *key, PyObject *value)
{
    int bad = value ? PyDict_SetItemString(dict, key, value) : -1;
    Py_XDECREF(value);
    return bad;
}

static PyObject *buf_text(jf_Buf *b)
{
    PyObject *s = b->failed ? PyErr_NoMemory()
                            : PyUnicode_FromStringAndSize(b->p, (Py_ssize_t)b->n);
    jf_buf_free(b);
    return s;
}

static PyObject *type_text(const jf_Type *t, const char *inner)
{
    jf_Buf b = JF_BUF_INIT;
    jf_type_print(t, inner, JF_PRINT_QUALS, &b, NULL);
    return buf_text(&b);
}

static PyObject *text_or_none(const char *s)
{
    return s ? PyUnicode_DecodeFSDefault(s) : Py_NewRef(Py_None);
}

/* --- the plan --------------------------------------------------------------------- */

static PyObject *where(const jf_Plan *p, const jf_PlanValue *v, bool result)
{
    jf_Buf b = JF_BUF_INIT;
    jf_plan_where(p, v, result, &b);
    return buf_text(&b);
}

/* The name of parameter `i`, or None. */
static PyObject *param_name(const FunctionInfo *f, uint32_t i)
{
    const char *name = NULL;
    size_t n = f ? jpy_signature_param(f->sized ? f->sized->names : f->def.ml_doc,
                                       i, &name)
                 : 0;
    return n ? PyUnicode_FromStringAndSize(name, (Py_ssize_t)n)
             : Py_NewRef(Py_None);
}

/* "args": [(name, type, where), ...], "result": (type, where); or "no_plan": why. */
static int put_plan(State *st, jf_Type *fn, const FunctionInfo *f, PyObject *out)
{
    jf_Diag d = JF_DIAG_INIT;
    const jf_Plan *plan;
    if (jf_plan_of(st->universe, fn, &plan, &d) != JF_OK) {
        int bad = jpy_explain_put(out, "no_plan", text_or_none(d.message));
        jf_diag_clear(&d);
        return bad;
    }
    PyObject *args = PyList_New(0);
    for (uint32_t i = 0; args && i < plan->n_args; i++) {
        PyObject *row = Py_BuildValue("NNN", param_name(f, i),
                                      type_text(fn->u.func->params[i], ""),
                                      where(plan, &plan->args[i], false));
        if (!row || PyList_Append(args, row) < 0)
            Py_CLEAR(args);
        Py_XDECREF(row);
    }
    PyObject *result = Py_BuildValue("NN", type_text(fn->to, ""),
                                     where(plan, &plan->result, true));
    int bad = jpy_explain_put(out, "args", args) < 0;
    return jpy_explain_put(out, "result", result) < 0 || bad ? -1 : 0;
}

/* --- where it is ------------------------------------------------------------------ */

static int put_address(const void *address, PyObject *out)
{
    jf_OsPlace place;
    if (jpy_explain_put(out, "address", PyLong_FromVoidPtr((void *)address)) < 0)
        return -1;
    if (!address || !jf_os_place(address, &place))
        return 0;
    Py_ssize_t offset = (const char *)address -
                        (const char *)(place.symbol ? place.start : place.base);
    return jpy_explain_put(out, "library", text_or_none(place.library)) < 0 ||
                   jpy_explain_put(out, "symbol", text_or_none(place.symbol)) < 0 ||
                   jpy_explain_put(out, "offset", PyLong_FromSsize_t(offset)) < 0
               ? -1
               : 0;
}

/* --- the policy ------------------------------------------------------------------- */

static const char *gil_word(uint8_t gil)
{
    return gil == JF_GIL_HOLD ? "hold" : gil == JF_GIL_AUTO ? "auto" : "release";
}

/* "declared", "policy" (bits as names), "proof": (proved, reason, instructions,
 * functions, uses_tls). */
static int put_policy(FunctionInfo *f, PyObject *out)
{
    jf_Proof p;
    uint8_t policy = jpy_policy(f);
    jpy_proved(f, &p);
    PyObject *bits = Py_BuildValue(
        "{sNsNsNsNsNsN}", "hold", PyBool_FromLong(policy & POLICY_HOLD), "proved",
        PyBool_FromLong(policy & POLICY_PROVED), "no_errno",
        PyBool_FromLong(policy & POLICY_NO_ERRNO), "throws",
        PyBool_FromLong(policy & POLICY_THROWS), "observed",
        PyBool_FromLong(policy & POLICY_OBSERVED), "checked",
        PyBool_FromLong(policy & POLICY_CHECKED));
    PyObject *proof = Py_BuildValue("NsIIN", PyBool_FromLong(p.proved), p.reason,
                                    (unsigned)p.instructions, (unsigned)p.functions,
                                    PyBool_FromLong(p.uses_tls));
    int bad = jpy_explain_put(out, "policy", bits) < 0;
    bad |= jpy_explain_put(out, "proof", proof) < 0;
    bad |= jpy_explain_put(out, "declared",
                           PyUnicode_FromString(gil_word(f->gil))) < 0;
    return bad ? -1 : 0;
}

/* --- the code --------------------------------------------------------------------- */

static int put_code(const jf_Code *code, const Explained *what, PyObject *out)
{
    PyObject *lines =
        jpy_explain_lines(jf_code_entry(code), jf_code_size(code), what);
    return jpy_explain_put(out, "lines", lines) < 0 ||
                   jpy_explain_put(out, "entry",
                                   PyLong_FromVoidPtr(jf_code_entry(code))) < 0 ||
                   jpy_explain_put(out, "size",
                                   PyLong_FromSize_t(jf_code_size(code))) < 0 ||
                   jpy_explain_put(out, "code_name",
                                   PyUnicode_FromString(jf_code_name(code))) < 0
               ? -1
               : 0;
}

/* "way": how a call is made, and "why" where it is not machine code. */
static int put_way(const char *way, const char *why, PyObject *out)
{
    return jpy_explain_put(out, "way", PyUnicode_FromString(way)) < 0 ||
                   jpy_explain_put(out, "why", text_or_none(why)) < 0
               ? -1
               : 0;
}

static int put_calls(CDataObject *fn, FunctionInfo *f, const jf_Type *type,
                     PyObject *out)
{
    State *st = fn->ctype->st;
    Explained what = {st, type, fn->data};
    jf_Features features;
    jf_features(&features);
    const char *slow = features.why_not ? "libffi" : "memory";
    if (!fn->data)
        return put_way("closed", "its library is closed, or it is NULL", out);
    if (f && f->sized && f->sized->code)
        return put_way("code", NULL, out) < 0 ||
                       put_code(f->sized->code, &what, out)
                   ? -1
                   : 0;
    if (f && f->ready)
        return put_way("wrapper", NULL, out);
    if (type->flags & JF_T_VARIADIC)
        return put_way(slow,
                       features.why_not
                           ? features.why_not
                           : "with '...' it is made for each list of types that is "
                             "passed",
                       out);
    HostCode *code = jpy_function_code(fn);
    if (!code)
        return -1;
    if (code->code)
        return put_way("code", NULL, out) < 0 ||
                       put_code(code->code, &what, out) < 0
                   ? -1
                   : 0;
    return put_way(
        slow,
        features.why_not                      ? features.why_not
        : f && jpy_policy(f) & POLICY_CHECKED ? "calls are checked"
        : f && jpy_policy(f) & POLICY_OBSERVED
            ? "calls are counted and timed"
            : "this signature is passed through memory: it is too large "
              "for code of its own, or has types that code does not pass",
        out);
}

/* --- callbacks and fused functions ------------------------------------------------ */

static int put_callback(CDataObject *cd, PyObject *out)
{
    CDataExt *x = (CDataExt *)cd;
    Callback *c = (Callback *)x->owner;
    static const char *const errors[] = {[ERRORS_DEFAULT] = "raise",
                                         [ERRORS_RAISE] = "raise",
                                         [ERRORS_PRINT] = "print",
                                         [ERRORS_CONTINUE] = "continue"};
    PyObject *error =
        c->size ? jpy_to_object((CTypeObject *)PyTuple_GET_ITEM(c->ctypes, 0),
                                c->error, NULL)
                : Py_NewRef(Py_None);
    int bad = jpy_explain_put(out, "error", error) < 0;
    bad |=
        jpy_explain_put(out, "errors", PyUnicode_FromString(errors[c->errors])) < 0;
    bad |= jpy_explain_put(out, "onerror",
                           Py_NewRef(c->onerror ? c->onerror : Py_None)) < 0;
    bad |= jpy_explain_put(out, "callable",
                           Py_NewRef(c->callable ? c->callable : Py_None)) < 0;
    jf_Features features;
    jf_features(&features);
    bad |= put_way(features.callbacks, features.why_not, out) < 0;
    return bad ? -1 : 0;
}

static int put_fused(const Fused *fused, const jf_Type *type, PyObject *out)
{
    const jf_Program *p = jf_fused_program(fused->fused);
    Explained what = {fused->st, type, NULL};
    const jf_Code *code = jf_fused_code(fused->fused);
    jf_Buf b = JF_BUF_INIT;
    jf_program_print(p, &b);
    PyObject *inner = PyDict_New();
    if (!inner)
        return -1;
    int bad = jpy_explain_put(out, "program", buf_text(&b)) < 0;
    bad |= jpy_explain_put(inner, "why",
                           text_or_none(jf_fused_why_not(fused->fused))) < 0;
    bad |= code && put_code(code, &what, inner) < 0;
    return jpy_explain_put(out, "fused", inner) < 0 || bad ? -1 : 0;
}

/* --- the whole -------------------------------------------------------------------- */

static const char *kind_of(CDataObject *fn, const FunctionInfo *f)
{
    if (f)
        return jpy_fused(fn) ? "fused" : f->sized ? "sized" : "function";
    bool is_ext = Py_IS_TYPE((PyObject *)fn, fn->ctype->st->cdata_ext_type);
    return is_ext && ((CDataExt *)fn)->ext == EXT_CALLBACK ? "callback" : "pointer";
}

static int put_all(CDataObject *fn, PyObject *out)
{
    FunctionInfo *f = jpy_function_info(fn);
    jf_Type *type = jpy_function_type(fn);
    const char *kind = kind_of(fn, f), *name = f ? f->def.ml_name : "";
    int bad = jpy_explain_put(out, "kind", PyUnicode_FromString(kind)) < 0;
    bad |= jpy_explain_put(out, "name", PyUnicode_FromString(name)) < 0;
    bad |= jpy_explain_put(out, "declaration", type_text(type, name)) < 0;
    bad |= jpy_explain_put(out, "decoder", text_or_none(jf_disasm_version())) < 0;
    bad |= jpy_explain_put(out, "no_lines", text_or_none(jf_disasm_why_not())) < 0;
    if (f)
        bad |= jpy_explain_put(out, "doc", text_or_none(f->def.ml_doc)) < 0;
    if (f && f->handle)
        bad |= jpy_explain_put(out, "from",
                               text_or_none(jpy_handle_name(f->handle))) < 0;
    if (bad || put_plan(fn->ctype->st, type, f, out) < 0 ||
        put_address(fn->data, out) < 0 || (f && put_policy(f, out) < 0))
        return -1;
    if (jpy_fused(fn) && put_fused(jpy_fused(fn), type, out) < 0)
        return -1;
    if (strcmp(kind, "callback") == 0)
        return put_callback(fn, out);
    return put_calls(fn, f, type, out);
}

PyObject *jpy_ffi__explain(PyObject *self, PyObject *arg)
{
    State *st = ((FFIObject *)self)->st;
    PyObject *fn = jpy_function_cdata(st, arg);
    if (!fn)
        fn = arg;
    bool is_cdata = PyObject_TypeCheck(fn, st->cdata_type);
    const jf_Type *t = is_cdata ? ((CDataObject *)fn)->ctype->type : NULL;
    if (!t || t->kind != JF_PTR || t->to->kind != JF_FUNC)
        return PyErr_Format(PyExc_TypeError,
                            "explain() takes a function of a library, a function "
                            "pointer, a callback or a fused function, not %R",
                            arg);
    PyObject *out = PyDict_New();
    if (out && put_all((CDataObject *)fn, out) < 0)
        Py_CLEAR(out);
    return out;
}
