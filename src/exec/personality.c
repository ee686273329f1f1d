/* SPDX-License-Identifier: MIT
 *
 * What the unwinder asks at frames of ours while it looks for who catches: frames
 * that catch everything, and frames that end the process with a message. A forced
 * unwind (pthread_exit, cancellation) is no exception and always passes.
 * Rules: Itanium C++ ABI, "Exception Handling", 1.3 and 1.6.
 *
 * The unwinder is found through whoever calls us: a process may have several, and
 * jiffi links with none.
 */
#include "exec/cxx.h"
#include "exec/inner.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unwind.h>

typedef struct _Unwind_Context Context;

/* What of an unwinder is used; NULL where it has not got it. */
typedef struct Unwinder {
    struct Unwinder *next;
    const void *site; /* where the unwinder calls us from */
    uintptr_t (*get_ip)(Context *);
    uintptr_t (*get_cfa)(Context *);
    void (*set_ip)(Context *, uintptr_t);
    void (*set_gr)(Context *, int, uintptr_t);
    int (*backtrace)(_Unwind_Trace_Fn, void *);
    void *(*enclosing)(void *);
} Unwinder;

/* One node for each place that calls us, three or four in all; never freed. */
static _Atomic(Unwinder *) unwinders;

static void *symbol(jf_OsLib *lib, const char *name)
{
    return lib ? jf_os_lib_symbol(lib, name, NULL) : NULL;
}

static bool unwinder_fill(Unwinder *u, jf_OsLib *lib)
{
    u->get_ip = (uintptr_t(*)(Context *))(uintptr_t)symbol(lib, "_Unwind_GetIP");
    u->get_cfa = (uintptr_t(*)(Context *))(uintptr_t)symbol(lib, "_Unwind_GetCFA");
    u->set_ip =
        (void (*)(Context *, uintptr_t))(uintptr_t)symbol(lib, "_Unwind_SetIP");
    u->set_gr = (void (*)(Context *, int, uintptr_t))(uintptr_t)symbol(
        lib, "_Unwind_SetGR");
    u->backtrace = (int (*)(_Unwind_Trace_Fn, void *))(uintptr_t)symbol(
        lib, "_Unwind_Backtrace");
    u->enclosing =
        (void *(*)(void *))(uintptr_t)symbol(lib, "_Unwind_FindEnclosingFunction");
    return u->get_ip && u->set_ip && u->set_gr;
}

/* The unwinder whose code `site` is. `spare` is filled where memory is out. */
static const Unwinder *unwinder_at(const void *site, Unwinder *spare)
{
    Unwinder *first = atomic_load_explicit(&unwinders, memory_order_acquire);
    for (Unwinder *u = first; u; u = u->next)
        if (u->site == site)
            return u;
    Unwinder *u = jf_calloc(sizeof *u);
    Unwinder *to = u ? u : spare;
    jf_OsLib *lib = jf_os_lib_of(site);
    bool found = unwinder_fill(to, lib);
    if (!found) /* its names are hidden: one that is laid out alike, most likely */
        found = unwinder_fill(to, exec_unwind_library());
    if (lib && found)
        jf_os_lib_leave(lib);
    jf_os_lib_close(lib, NULL);
    if (!found) {
        jf_free(u);
        return NULL;
    }
    to->site = site;
    if (u) {
        u->next = first;
        while (!atomic_compare_exchange_weak_explicit(
            &unwinders, &u->next, u, memory_order_acq_rel, memory_order_acquire))
            ;
    }
    return to;
}

/* --- frames that catch ------------------------------------------------------------ */

_Unwind_Reason_Code exec_personality_catches(int version, _Unwind_Action actions,
                                             _Unwind_Exception_Class class,
                                             struct _Unwind_Exception *e,
                                             Context *context)
{
    (void)class;
    if (version != 1)
        return _URC_FATAL_PHASE1_ERROR;
    if (actions & _UA_FORCE_UNWIND)
        return _URC_CONTINUE_UNWIND;
    Unwinder spare = {0};
    const Unwinder *u = unwinder_at(__builtin_return_address(0), &spare);
    uintptr_t landing = u ? exec_landing(u->get_ip(context)) : 0;
    if (!landing) /* a helper threw, which is no call that catches */
        return _URC_CONTINUE_UNWIND;
    if (actions & _UA_SEARCH_PHASE)
        return _URC_HANDLER_FOUND;
    if (!(actions & _UA_HANDLER_FRAME))
        return _URC_CONTINUE_UNWIND;
    u->set_gr(context, 0, (uintptr_t)e);
    u->set_ip(context, landing);
    return _URC_INSTALL_CONTEXT;
}

/* --- frames that end the process ---------------------------------------------------- */

/* The walk from the innermost frame to the one that called C. */
typedef struct Walk {
    const Unwinder *u;
    uintptr_t stop;  /* its ip */
    uintptr_t below; /* ip in the frame before */
    int frames;
} Walk;

static _Unwind_Reason_Code walk_step(Context *context, void *user)
{
    enum { DEEPEST = 100000 };
    Walk *w = user;
    uintptr_t ip = w->u->get_ip(context);
    if (ip == w->stop || ++w->frames > DEEPEST)
        return _URC_END_OF_STACK;
    w->below = ip;
    return _URC_NO_REASON;
}

/* Where the function begins that the frame `context` called; NULL: unknown. */
static const void *callee_of(const Unwinder *u, Context *context)
{
    Walk w = {u, u->get_ip(context), 0, 0};
    if (!u->backtrace || !u->enclosing)
        return NULL;
    u->backtrace(walk_step, &w);
    return w.below ? u->enclosing((void *)(w.below - 1)) : NULL;
}

/* "f() of libfoo.so" */
static void function_name(const void *fn, char *out, size_t room)
{
    jf_OsPlace p = {0};
    if (!fn || !jf_os_place(fn, &p) || !p.library) {
        snprintf(out, room, fn ? "the function at %p" : "a function", fn);
        return;
    }
    const char *slash = strrchr(p.library, '/');
    const char *library = slash ? slash + 1 : p.library;
    if (!p.symbol || p.start != fn) {
        snprintf(out, room, "the function at offset 0x%zx of %s",
                 (size_t)((const char *)fn - (const char *)p.base), library);
        return;
    }
    char *plain =
        strncmp(p.symbol, "_Z", 2) ? NULL : jf_cxx_demangle(NULL, p.symbol);
    const char *text = plain ? plain : p.symbol;
    const char *call = strchr(text, '(') ? "" : "()";
    snprintf(out, room, "%.400s%s of %s", text, call, library);
    jf_free(plain);
}

static void report(const void *fn, struct _Unwind_Exception *e)
{
    char who[512], what[1024];
    function_name(fn, who, sizeof who);
    jf_cxx_describe(e, what, sizeof what);
    fflush(stdout);
    fprintf(stderr,
            "jiffi: %s came out of %s, which is not declared may_throw: nobody may "
            "catch it there, the process ends\n",
            what, who);
    fflush(stderr);
}

static _Unwind_Reason_Code named(int version, _Unwind_Action actions,
                                 struct _Unwind_Exception *e, Context *context,
                                 const void *site, bool guard)
{
    if (version != 1)
        return _URC_FATAL_PHASE1_ERROR;
    if (actions & _UA_FORCE_UNWIND || !(actions & _UA_SEARCH_PHASE))
        return _URC_CONTINUE_UNWIND;
    Unwinder spare = {0};
    const Unwinder *u = unwinder_at(site, &spare);
    const void *fn = NULL;
    if (u && guard && u->get_cfa)
        fn = exec_guard_target(u->get_cfa(context));
    else if (u && !guard)
        fn = callee_of(u, context);
    report(fn, e);
    return _URC_FATAL_PHASE1_ERROR;
}

_Unwind_Reason_Code exec_personality_names(int version, _Unwind_Action actions,
                                           _Unwind_Exception_Class class,
                                           struct _Unwind_Exception *e,
                                           Context *context)
{
    (void)class;
    return named(version, actions, e, context, __builtin_return_address(0), false);
}

_Unwind_Reason_Code exec_personality_guard(int version, _Unwind_Action actions,
                                           _Unwind_Exception_Class class,
                                           struct _Unwind_Exception *e,
                                           Context *context)
{
    (void)class;
    return named(version, actions, e, context, __builtin_return_address(0), true);
}

/* --- the doors ------------------------------------------------------------------------ */

void *exec_personality(jf_Throws throws)
{
    if (throws == JF_CAUGHT)
        return (void *)(uintptr_t)exec_personality_catches;
    return throws == JF_NAMED ? (void *)(uintptr_t)exec_personality_names : NULL;
}

void *jf_exec_catch(void (*f)(void *), void *arg, const void *target)
{
    return exec_guard_catches(f, arg, target);
}

void jf_exec_name(void (*f)(void *), void *arg, const void *target)
{
    exec_guard_names(f, arg, target);
}

const char *jf_exec_no_catch(void)
{
    if (!exec_can_guard())
        return "C++ exceptions cannot be caught on this CPU and system";
    if (jf_exec_enabled() && !exec_unwind_library())
        return "C++ exceptions cannot be caught: no unwinder was found "
               "(libgcc_s.so.1)";
    return NULL;
}
