/* SPDX-License-Identifier: MIT
 *
 * What the files of generated modules share. The tables of a module are static
 * data of its shared object, which is never unloaded; what is kept about it here
 * lives as long, because types may.
 *
 *   modgen.c         import: checking, declaring, registering
 *   modgen_oracle.c  the tables as answers to the parser's questions
 *   modgen_lib.c     the tables as a source of a library
 *   modgen_extern.c  extern "Python"
 *   modgen_exports.c what the module's wrappers call
 *   verify.c         a module for an FFI that is there already
 */
#ifndef JF_PYTHON_MODGEN_H
#define JF_PYTHON_MODGEN_H

#include "python/call.h"

#define JIFFI_MODULE_ABI_ONLY
#include "python/module_abi.h"

typedef struct ModGen {
    jf_Oracle oracle; /* FFIObject.oracle of the module's FFI points here */
    LibSource source;
    struct ModGen *next; /* every module this process has seen */
    const jiffi_module *m;
    State *st;       /* who has loaded it; borrowed; NULL: nobody now */
    PyObject *entry; /* borrowed from st->modules; NULL when that is gone:
                              (ffi, lib, libraries of the included modules,
                              dict of extern "Python" name -> callback) */
    char *lib_name;  /* "pkg.mod.lib" */
    unsigned hint;   /* member asked for last */
} ModGen;

enum { ENTRY_FFI, ENTRY_LIB, ENTRY_INCLUDED, ENTRY_EXTERNS, ENTRY_SIZE };

/* The module an FFI comes from; NULL: none. */
ModGen *jpy_modgen_of(const FFIObject *ffi);
/* Who has loaded a module; NULL: nobody. */
State *jpy_modgen_state(const jiffi_module *m);
/* Name of the module that has this extern "Python" function; "?". */
const char *jpy_modgen_owner(const jiffi_extern_python *x);

/* --- modgen_oracle.c ------------------------------------------------------------- */

/* 0, or -1 with an ImportError that says which table is wrong and where. */
int jpy_modgen_check(const jiffi_module *m);
void jpy_modgen_oracle(ModGen *g);
/* NULL if there is none of this name. */
const jiffi_symbol *jpy_modgen_symbol(const jiffi_module *m, const char *name);

/* --- modgen_lib.c ---------------------------------------------------------------- */

void jpy_modgen_source(ModGen *g);

/* --- modgen_exports.c -------------------------------------------------------------- */

/* Does it look for exceptions that callbacks leave? */
static inline bool jpy_modgen_looks(const jiffi_module *m)
{
    return m->size >= offsetof(jiffi_module, callback_errors) +
                          sizeof m->callback_errors;
}
/* Where the wrapper of symbol `i` looks how to call; NULL: it does not look. */
static inline unsigned char *jpy_modgen_way(const jiffi_module *m, size_t i)
{
    bool has = m->size >= offsetof(jiffi_module, ways) + sizeof m->ways;
    return has && m->ways ? &m->ways[i] : NULL;
}
const struct jiffi_exports *jpy_modgen_exports(const jiffi_module *m);

/* --- modgen_extern.c --------------------------------------------------------------- */

void jpy_modgen_call_python(jiffi_extern_python *x, void *cells);

/* --- verify.c ------------------------------------------------------------------------ */

/* The module is to answer for `ffi`: compare, fill in. 0, or -1 with an exception. */
int jpy_verify_take(FFIObject *ffi, ModGen *g);

#endif
