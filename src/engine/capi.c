/* SPDX-License-Identifier: MIT
 *
 * The C API of <jiffi.h>: thin functions over the rooms below. This file turns
 * names into types and keeps what a session owns; it decides nothing else.
 */
#include "jiffi.h"

#include <string.h>

#include "core/layout/layout.h"
#include "core/parse/parse.h"
#include "engine/engine.h"
#include "os/os.h"

JF_STATIC_ASSERT((int)JIFFI_SYSTEM == (int)JF_SYSTEM, "one list of statuses");

struct jiffi_Library {
    jf_OsLib *os; /* owned */
    jiffi_Library *next;
};

struct jiffi_Function {
    void *address;
    jf_Call *call; /* owned */
    jf_Type *type; /* a reference */
    jiffi_Function *next;
};

struct jiffi_Callback {
    jf_Callback *cb; /* owned */
    jf_Type *type;   /* a reference */
    jiffi_Handler handler;
    void *context;
    uint32_t *offsets; /* owned; one per argument */
    jiffi_Callback *next;
};

struct jiffi_Session {
    jf_Universe *universe;    /* owned */
    jf_Scope *scope;          /* owned */
    jiffi_Library *libraries; /* owned lists */
    jiffi_Function *functions;
    jiffi_Callback *callbacks;
    jf_Diag diag; /* of the last failure */
    jf_Buf text;  /* its printed form */
};

/* --- sessions ---------------------------------------------------------------- */

jiffi_Session *jiffi_open(void)
{
    jiffi_Session *s = jf_calloc(sizeof *s);
    if (!s)
        return NULL;
    s->universe = jf_engine_universe(NULL);
    s->scope = s->universe ? jf_scope_new(s->universe) : NULL;
    if (!s->scope) {
        jf_universe_free(s->universe);
        jf_free(s);
        return NULL;
    }
    return s;
}

static void function_free(jiffi_Session *s, jiffi_Function *f)
{
    jf_call_free(f->call);
    jf_type_unref(s->universe, f->type);
    jf_free(f);
}

static void callback_free(jiffi_Session *s, jiffi_Callback *cb)
{
    if (cb->cb)
        jf_callback_free(cb->cb);
    jf_type_unref(s->universe, cb->type);
    jf_free(cb->offsets);
    jf_free(cb);
}

void jiffi_close(jiffi_Session *s)
{
    if (!s)
        return;
    while (s->functions) {
        jiffi_Function *f = s->functions;
        s->functions = f->next;
        function_free(s, f);
    }
    while (s->callbacks) {
        jiffi_Callback *cb = s->callbacks;
        s->callbacks = cb->next;
        callback_free(s, cb);
    }
    while (s->libraries) {
        jiffi_Library *lib = s->libraries;
        s->libraries = lib->next;
        jf_os_lib_close(lib->os, NULL);
        jf_free(lib);
    }
    jf_scope_free(s->scope);
    jf_universe_free(s->universe);
    jf_diag_clear(&s->diag);
    jf_buf_free(&s->text);
    jf_free(s);
}

/* Forget the last failure and hand out the place for the next one. */
static jf_Diag *fresh(jiffi_Session *s)
{
    jf_diag_clear(&s->diag);
    s->text.n = 0;
    s->text.failed = false;
    return &s->diag;
}

/* Remember that `status` happened (memory may have been too short to say so)
 * and print it, so that jiffi_error() need not allocate. */
static jiffi_Status done(jiffi_Session *s, jf_Status status)
{
    if (status != JF_OK) {
        s->diag.status = status;
        jf_diag_print(&s->diag, &s->text);
    }
    return (jiffi_Status)status;
}

const char *jiffi_error(const jiffi_Session *s)
{
    if (s->diag.status == JF_OK)
        return "";
    return s->text.failed || !s->text.n ? "out of memory" : s->text.p;
}

jiffi_Status jiffi_error_status(const jiffi_Session *s)
{
    return (jiffi_Status)s->diag.status;
}

jiffi_Status jiffi_cdef_file(jiffi_Session *s, const char *text, const char *file)
{
    jf_CdefOptions o = {.file = file, .terminated = true};
    return done(s, jf_cdef(s->scope, text, strlen(text), &o, fresh(s)));
}

jiffi_Status jiffi_cdef(jiffi_Session *s, const char *text)
{
    return jiffi_cdef_file(s, text, NULL);
}

/* --- types and constants -------------------------------------------------------- */

static jf_Status type_named(jiffi_Session *s, const char *text, jf_Type **t)
{
    return jf_parse_type(s->scope, text, strlen(text), t, NULL, &s->diag);
}

static jf_Status type_laid_out(jiffi_Session *s, const char *text, jf_Type **t)
{
    jf_Status st = type_named(s, text, t);
    if (st != JF_OK)
        return st;
    st = jf_layout(s->universe->target, *t, &s->diag);
    if (st != JF_OK)
        jf_type_unref(s->universe, *t);
    return st;
}

jiffi_Status jiffi_sizeof(jiffi_Session *s, const char *type, uint64_t *size,
                          uint32_t *align)
{
    jf_Type *t;
    fresh(s);
    jf_Status st = type_laid_out(s, type, &t);
    if (st != JF_OK)
        return done(s, st);
    if (size)
        *size = t->size;
    if (align)
        *align = t->align;
    jf_type_unref(s->universe, t);
    return JIFFI_OK;
}

jiffi_Status jiffi_offsetof(jiffi_Session *s, const char *type, const char *member,
                            uint64_t *offset)
{
    jf_Type *t;
    fresh(s);
    jf_Status st = type_laid_out(s, type, &t);
    if (st != JF_OK)
        return done(s, st);
    if (!jf_is_record(t))
        st = jf_diag_set(&s->diag, JF_SEMANTIC,
                         "'%s' is no struct or union and has no member '%s'", type,
                         member);
    else if (!jf_type_field(t, member, strlen(member), offset))
        st = jf_diag_set(&s->diag, JF_NOT_FOUND, "'%s' has no member '%s'", type,
                         member);
    jf_type_unref(s->universe, t);
    return done(s, st);
}

/* The symbol of that name, or NULL with a diagnostic that suggests another. */
static const jf_Symbol *symbol_named(jiffi_Session *s, const char *name)
{
    size_t n = strlen(name);
    const jf_Symbol *sym = jf_scope_find(s->scope, name, n);
    if (sym)
        return sym;
    jf_diag_set(&s->diag, JF_NOT_FOUND, "'%s' is not declared", name);
    const char *near = jf_scope_suggest(s->scope, name, n);
    if (near)
        jf_diag_hint(&s->diag, "did you mean '%s'?", near);
    return NULL;
}

jiffi_Status jiffi_constant(jiffi_Session *s, const char *name, int64_t *value)
{
    fresh(s);
    const jf_Symbol *sym = symbol_named(s, name);
    if (!sym)
        return done(s, JF_NOT_FOUND);
    if (sym->kind != JF_SYM_CONSTANT || (sym->flags & JF_S_DOTS))
        return done(s, jf_diag_set(&s->diag, JF_SEMANTIC,
                                   "'%s' is no integer constant", name));
    *value = sym->value;
    return JIFFI_OK;
}

/* --- libraries -------------------------------------------------------------------- */

jiffi_Library *jiffi_library(jiffi_Session *s, const char *name)
{
    jf_Diag *d = fresh(s);
    jiffi_Library *lib = jf_calloc(sizeof *lib);
    jf_Status st = lib ? jf_os_lib_open(name, 0, &lib->os, d) : JF_NOMEM;
    if (st != JF_OK) {
        jf_free(lib);
        done(s, st);
        return NULL;
    }
    lib->next = s->libraries;
    s->libraries = lib;
    return lib;
}

void *jiffi_symbol(jiffi_Session *s, jiffi_Library *lib, const char *name)
{
    jf_Diag *d = fresh(s);
    if (!lib) {
        done(s, jf_diag_set(d, JF_NOT_FOUND,
                            "no library was given to look '%s' up in", name));
        return NULL;
    }
    void *p = jf_os_lib_symbol(lib->os, name, d);
    if (!p)
        done(s, JF_NOT_FOUND);
    return p;
}

/* --- calls ------------------------------------------------------------------------- */

static jiffi_Function *function_new(jiffi_Session *s, jf_Type *type,
                                    jf_Type *const *extra, uint32_t n_extra,
                                    void *address)
{
    jiffi_Function *f = jf_calloc(sizeof *f);
    jf_Status st =
        f ? jf_call_new(s->universe, type, extra, n_extra, &f->call, &s->diag)
          : JF_NOMEM;
    if (st != JF_OK) {
        jf_free(f);
        done(s, st);
        return NULL;
    }
    f->address = address;
    f->type = jf_type_ref(type);
    f->next = s->functions;
    s->functions = f;
    return f;
}

/* A declared function and its address; *type is borrowed. */
static void *function_address(jiffi_Session *s, jiffi_Library *lib,
                              const char *name, jf_Type **type)
{
    fresh(s);
    const jf_Symbol *sym = symbol_named(s, name);
    if (!sym) {
        done(s, JF_NOT_FOUND);
        return NULL;
    }
    if (sym->kind != JF_SYM_FUNCTION) {
        done(s, jf_diag_set(&s->diag, JF_SEMANTIC, "'%s' is no function", name));
        return NULL;
    }
    *type = sym->type;
    return jiffi_symbol(s, lib, sym->link);
}

jiffi_Function *jiffi_function(jiffi_Session *s, jiffi_Library *lib,
                               const char *name)
{
    jf_Type *type;
    void *p = function_address(s, lib, name, &type);
    return p ? function_new(s, type, NULL, 0, p) : NULL;
}

/* Parse "int; double" into `types` (references); JF_OK or the failure. */
static jf_Status extra_types(jiffi_Session *s, const char *text, jf_Type **types,
                             uint32_t max, uint32_t *n)
{
    for (*n = 0; *text;) {
        size_t len = strcspn(text, ";");
        if (*n == max)
            return jf_diag_set(&s->diag, JF_UNSUPPORTED,
                               "more than %u variadic arguments", max);
        jf_Status st =
            jf_parse_type(s->scope, text, len, &types[*n], NULL, &s->diag);
        if (st != JF_OK)
            return st;
        ++*n;
        text += len + (text[len] == ';');
    }
    return JF_OK;
}

jiffi_Function *jiffi_function_variadic(jiffi_Session *s, jiffi_Library *lib,
                                        const char *name, const char *extra)
{
    enum { MAX_EXTRA = 64 };
    jf_Type *type, *types[MAX_EXTRA];
    uint32_t n = 0;
    jiffi_Function *f = NULL;
    void *p = function_address(s, lib, name, &type);
    if (!p)
        return NULL;
    jf_Status st = extra_types(s, extra, types, MAX_EXTRA, &n);
    if (st == JF_OK && !(type->flags & JF_T_VARIADIC))
        st = jf_diag_set(&s->diag, JF_SEMANTIC, "'%s' is not variadic", name);
    if (st == JF_OK)
        f = function_new(s, type, types, n, p);
    else
        done(s, st);
    while (n)
        jf_type_unref(s->universe, types[--n]);
    return f;
}

/* A function type from text, "int(int)" or "int(*)(int)"; a new reference. */
static jf_Status function_type(jiffi_Session *s, const char *text, jf_Type **type)
{
    jf_Status st = type_named(s, text, type);
    if (st != JF_OK)
        return st;
    jf_Type *t = *type;
    if (t->kind == JF_PTR && t->to->kind == JF_FUNC) {
        *type = jf_type_ref(t->to);
        jf_type_unref(s->universe, t);
    } else if (t->kind != JF_FUNC) {
        jf_type_unref(s->universe, t);
        return jf_diag_set(&s->diag, JF_SEMANTIC, "'%s' is no function type", text);
    }
    return JF_OK;
}

jiffi_Function *jiffi_function_at(jiffi_Session *s, const char *type, void *address)
{
    jf_Type *t;
    fresh(s);
    jf_Status st = function_type(s, type, &t);
    if (st != JF_OK) {
        done(s, st);
        return NULL;
    }
    jiffi_Function *f = function_new(s, t, NULL, 0, address);
    jf_type_unref(s->universe, t);
    return f;
}

size_t jiffi_slots(const jiffi_Function *f)
{
    return jf_call_plan(f->call)->slots_size;
}

size_t jiffi_slot(const jiffi_Function *f, uint32_t i)
{
    return jf_call_plan(f->call)->args[i].slot;
}

uint32_t jiffi_arguments(const jiffi_Function *f)
{
    return jf_call_plan(f->call)->n_args;
}

size_t jiffi_result(const jiffi_Function *f)
{
    return (size_t)jf_call_plan(f->call)->result.size;
}

void jiffi_call(const jiffi_Function *f, void *slots, void *result)
{
    jf_call(f->call, f->address, slots, result);
}

/* --- callbacks ------------------------------------------------------------------------ */

static void callback_run(void *context, const jf_Plan *plan, void *slots, void *ret)
{
    jiffi_Callback *cb = context;
    (void)plan;
    cb->handler(cb->context, cb->offsets, slots, ret);
}

static jf_Status callback_fill(jiffi_Session *s, jiffi_Callback *cb)
{
    const jf_Plan *plan;
    jf_Status st = jf_plan_of(s->universe, cb->type, &plan, &s->diag);
    if (st != JF_OK)
        return st;
    cb->offsets = jf_calloc((plan->n_args + 1) * sizeof *cb->offsets);
    if (!cb->offsets)
        return JF_NOMEM;
    for (uint32_t i = 0; i < plan->n_args; i++)
        cb->offsets[i] = plan->args[i].slot;
    return jf_callback_new(s->universe, cb->type, callback_run, cb, &cb->cb,
                           &s->diag);
}

jiffi_Callback *jiffi_callback(jiffi_Session *s, const char *type,
                               jiffi_Handler handler, void *context)
{
    jf_Type *t;
    fresh(s);
    jf_Status st = function_type(s, type, &t);
    if (st != JF_OK) {
        done(s, st);
        return NULL;
    }
    jiffi_Callback *cb = jf_calloc(sizeof *cb);
    if (!cb) {
        jf_type_unref(s->universe, t);
        done(s, JF_NOMEM);
        return NULL;
    }
    cb->type = t;
    cb->handler = handler;
    cb->context = context;
    st = callback_fill(s, cb);
    if (st != JF_OK) {
        callback_free(s, cb);
        done(s, st);
        return NULL;
    }
    cb->next = s->callbacks;
    s->callbacks = cb;
    return cb;
}

void *jiffi_callback_address(const jiffi_Callback *cb)
{
    return jf_callback_address(cb->cb);
}

void jiffi_callback_free(jiffi_Session *s, jiffi_Callback *cb)
{
    jiffi_Callback **p = &s->callbacks;
    while (*p && *p != cb)
        p = &(*p)->next;
    if (!*p)
        return;
    *p = cb->next;
    callback_free(s, cb);
}

/* --- what is active -------------------------------------------------------------------- */

const char *jiffi_mode(const char **why)
{
    jf_Features f;
    jf_features(&f);
    if (why)
        *why = f.why_not;
    return f.calls;
}

const char *jiffi_version(void)
{
    return JF_VERSION;
}
