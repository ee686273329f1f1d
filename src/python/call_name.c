/* SPDX-License-Identifier: MIT
 *
 * What gdb and perf call the code of calls and callbacks. Code is shared by all
 * functions of a signature, so its name is made of theirs, as they come to use it:
 *
 *   jiffi:int(int, int)             function pointers alone
 *   jiffi:add(int, int)             one function
 *   jiffi:add/sub(int, int)         two
 *   jiffi:add/sub/mul/...(int, int) more than three: it stays so, whoever comes
 *
 * and a star stands among them for function pointers.
 *
 * Looked at when a function is called first, never later.
 */
#include "python/call.h"

#include <string.h>

enum { NAMES_MOST = 3 };

/* "(int, char *)" */
static void print_params(const jf_Type *fn, jf_Buf *out)
{
    jf_buf_text(out, "(");
    for (uint32_t i = 0; i < fn->u.func->n_params; i++) {
        jf_buf_text(out, i ? ", " : "");
        jf_type_print(fn->u.func->params[i], "", 0, out, NULL);
    }
    jf_buf_text(out, fn->flags & JF_T_VARIADIC ? ", ...)" : ")");
}

/* Is `name` one of "add/sub"? */
static bool is_among(const char *names, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = names; at;
         at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL)
        if (strncmp(at, name, n) == 0 && (at[n] == '/' || at[n] == '\0'))
            return true;
    return false;
}

static void rename_code(jf_Code *code, const jf_Type *fn, const char *names)
{
    jf_Buf out = JF_BUF_INIT;
    jf_buf_printf(&out, "jiffi:%s", names);
    print_params(fn, &out);
    if (!out.failed)
        jf_code_rename(code, out.p);
    jf_buf_free(&out);
}

/* Memory running out costs the name. */
static void add_name(HostCode *c, const jf_Type *fn, const char *name)
{
    jf_Buf names = JF_BUF_INIT;
    if (c->names)
        jf_buf_printf(&names, "%s/%s", c->names, name);
    else
        jf_buf_text(&names, name);
    if (names.failed) {
        jf_buf_free(&names);
        return;
    }
    jf_free(c->names);
    c->names = names.p;
    rename_code(c->code, fn, c->names);
}

void jpy_code_join(HostCode *c, const jf_Type *fn, const char *name)
{
    if (!c->code || c->n_names > NAMES_MOST || (!name && c->has_pointers))
        return;
    if (!name) {
        c->has_pointers = 1;
        if (c->n_names)
            add_name(c, fn, "*");
        return;
    }
    if (c->n_names && is_among(c->names, name))
        return;
    add_name(c, fn, c->n_names == NAMES_MOST ? "..." : name);
    if (c->n_names++ == 0 && c->has_pointers)
        add_name(c, fn, "*");
}

void jpy_code_call(jf_Code *code, const jf_Type *fn, const char *name)
{
    rename_code(code, fn, name);
}

/* --- callbacks ------------------------------------------------------------------- */

/* The name of a function or of a method's; borrowed, NULL: it has none. */
static PyObject *name_of(PyObject *callable)
{
    if (PyMethod_Check(callable))
        callable = PyMethod_GET_FUNCTION(callable);
    return PyFunction_Check(callable) ? ((PyFunctionObject *)callable)->func_name
                                      : NULL;
}

void jpy_callback_called(const jf_Callback *cb, const CTypeObject *ct,
                         PyObject *callable)
{
    if (!jf_can_compile())
        return;
    PyObject *name = callable ? name_of(callable) : NULL;
    const char *text = name ? PyUnicode_AsUTF8(name) : "callback";
    if (!text) { /* lone surrogates */
        PyErr_Clear();
        text = "callback";
    }
    jf_Buf out = JF_BUF_INIT;
    jf_buf_printf(&out, "jiffi:%s", text);
    print_params(ct->type->to, &out);
    if (!out.failed)
        jf_callback_name(cb, out.p);
    jf_buf_free(&out);
}
