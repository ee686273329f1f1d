/* SPDX-License-Identifier: MIT
 *
 * What help() and inspect.signature() read: the signature line that CPython takes
 * apart ("add(a, b, /)\n--\n\n"), then the C declaration. Rules of that line:
 * Objects/typeobject.c, "__text_signature__": it has to start with the name, and
 * what stands in the parentheses has to be Python.
 */
#include "python/call.h"

#include <string.h>

/* Keywords of Python that are no keywords of C. */
static const char *const keywords[] = {
    "False",  "None",   "True",  "and",  "as",     "assert",   "async",   "await",
    "class",  "def",    "del",   "elif", "except", "exec",     "finally", "from",
    "global", "import", "in",    "is",   "lambda", "nonlocal", "not",     "or",
    "pass",   "print",  "raise", "try",  "with",   "yield"};

static bool is_python_name(const char *s)
{
    for (size_t i = 0; i < JF_COUNT(keywords); i++)
        if (!strcmp(keywords[i], s))
            return false;
    for (; *s; s++)
        if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
              (*s >= '0' && *s <= '9') || *s == '_'))
            return false;
    return true;
}

static const char *param_name(const jf_Symbol *sym, uint32_t i)
{
    return sym->params ? sym->params[i] : NULL;
}

static void python_line(const jf_Symbol *sym, jf_Buf *out)
{
    const jf_Type *fn = sym->type;
    uint32_t n = fn->u.func->n_params;
    jf_buf_printf(out, "%s(", sym->name);
    for (uint32_t i = 0; i < n; i++) {
        const char *name = param_name(sym, i);
        if (!name)
            jf_buf_printf(out, "p%u, ", (unsigned)i);
        else
            jf_buf_printf(out, "%s%s, ", name, is_python_name(name) ? "" : "_");
    }
    bool variadic = fn->flags & JF_T_VARIADIC;
    jf_buf_text(out, n ? "/" : "");
    jf_buf_text(out, variadic ? n ? ", *args" : "*args" : "");
    jf_buf_text(out, ")\n--\n\n");
}

static void c_line(const jf_Symbol *sym, jf_Buf *out)
{
    const jf_Type *fn = sym->type;
    uint32_t n = fn->u.func->n_params;
    jf_Buf inner = JF_BUF_INIT;
    jf_buf_printf(&inner, "%s(", sym->name);
    for (uint32_t i = 0; i < n; i++) {
        const char *name = param_name(sym, i);
        jf_buf_text(&inner, i ? ", " : "");
        jf_type_print(fn->u.func->params[i], name ? name : "", JF_PRINT_QUALS,
                      &inner, NULL);
    }
    if (fn->flags & JF_T_VARIADIC)
        jf_buf_text(&inner, n ? ", ..." : "...");
    else if (!n)
        jf_buf_text(&inner, "void");
    jf_buf_text(&inner, ")");
    if (inner.failed)
        out->failed = true;
    else
        jf_type_print(fn->to, inner.p, JF_PRINT_QUALS, out, NULL);
    jf_buf_free(&inner);
}

/* "int add(int, int);", and where it is from, in cffi's words. */
static void cffi_lines(const jf_Symbol *sym, const char *library, jf_Buf *out)
{
    jf_Buf inner = JF_BUF_INIT;
    jf_buf_printf(&inner, "%s(", sym->name);
    for (uint32_t i = 0; i < sym->type->u.func->n_params; i++) {
        jf_buf_text(&inner, i ? ", " : "");
        jf_type_print(sym->type->u.func->params[i], "", 0, &inner, NULL);
    }
    jf_buf_text(&inner, sym->type->flags & JF_T_VARIADIC ? ", ...)" : ")");
    if (inner.failed)
        out->failed = true;
    else
        jf_type_print(sym->type->to, inner.p, 0, out, NULL);
    jf_buf_free(&inner);
    size_t n = library ? strlen(library) : 0;
    bool is_lib = n > 4 && strcmp(library + n - 4, ".lib") == 0;
    jf_buf_text(out, ";");
    if (library)
        jf_buf_printf(out, "\n\nCFFI C function from %s%s", library,
                      is_lib ? "" : ".lib");
}

char *jpy_signature(const State *st, const jf_Symbol *sym, const char *library,
                    const char **doc)
{
    jf_Buf out = JF_BUF_INIT;
    jf_buf_put(&out, sym->name, strlen(sym->name) + 1);
    size_t at = out.n;
    if (st->cffi) {
        cffi_lines(sym, library, &out);
    } else {
        python_line(sym, &out);
        c_line(sym, &out);
        if (library)
            jf_buf_printf(&out, "\n\nC function of library %s", library);
    }
    if (out.failed) {
        jf_buf_free(&out);
        return NULL;
    }
    *doc = out.p + at;
    return out.p;
}

size_t jpy_signature_param(const char *doc, uint32_t i, const char **name)
{
    const char *s = strchr(doc, '(');
    if (!s || !strstr(doc, ")\n--\n"))
        return 0; /* no such line in cffi's flavour */
    for (s++; i; i--) {
        s = strchr(s, ',');
        if (!s)
            return 0;
        s += 2;
    }
    *name = s;
    return strcspn(s, ",)\n");
}
