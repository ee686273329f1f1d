/* SPDX-License-Identifier: MIT
 *
 * jiffi for C programs: read C declarations, open libraries, call functions
 * and be called back, with the types known only at run time.
 *
 *     jiffi_Session *s = jiffi_open();
 *     jiffi_cdef(s, "double pow(double, double);");
 *     jiffi_Function *f = jiffi_function(s, jiffi_library(s, "m"), "pow");
 *     double slots[2] = {2.0, 10.0}, result;
 *     jiffi_call(f, slots, &result);
 *
 * Failure. Functions that return a pointer return NULL, functions that return
 * int return a jiffi_Status other than JIFFI_OK; jiffi_error() then has the
 * text. A failed call leaves the session as it was.
 *
 * Ownership. Everything comes from a session and is freed with it; pointers
 * given out are borrowed from the session unless a free function is named.
 *
 * Threads. A session is used by one thread at a time. jiffi_call() and the
 * code behind a callback's address may run on any thread at any time.
 */
#ifndef JIFFI_H
#define JIFFI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define JIFFI_API
#else
#define JIFFI_API __attribute__((visibility("default")))
#endif

typedef enum jiffi_Status {
    JIFFI_OK = 0,
    JIFFI_NOMEM,       /* memory is out */
    JIFFI_SYNTAX,      /* the text is not C */
    JIFFI_SEMANTIC,    /* the text contradicts itself or what is known */
    JIFFI_UNSUPPORTED, /* meaningful, but not on this target or in this mode */
    JIFFI_NOT_FOUND,   /* no such symbol, type, member or constant */
    JIFFI_INCOMPLETE,  /* a type whose size is not known was needed */
    JIFFI_SYSTEM       /* the system said no: a library cannot be loaded, ... */
} jiffi_Status;

typedef struct jiffi_Session jiffi_Session;
typedef struct jiffi_Library jiffi_Library;
typedef struct jiffi_Function jiffi_Function;
typedef struct jiffi_Callback jiffi_Callback;

/* --- sessions ---------------------------------------------------------------- */

/* A new session. NULL when memory is out, or on a CPU and system that jiffi
 * does not know: then jiffi_mode() gives "none" and the reason. */
JIFFI_API jiffi_Session *jiffi_open(void);
/* Frees the session with its functions and callbacks and closes its libraries.
 * NULL is fine. */
JIFFI_API void jiffi_close(jiffi_Session *s);

/* What the last failed call on this session had to say: "file:line:column:
 * message", the line and a caret where there is a text; "" if nothing failed.
 * Borrowed until the next call on the session. */
JIFFI_API const char *jiffi_error(const jiffi_Session *s);
JIFFI_API jiffi_Status jiffi_error_status(const jiffi_Session *s);

/* Read C declarations; all of them or none. `file` names the text in messages
 * and may be NULL. `text` ends at a NUL. */
JIFFI_API jiffi_Status jiffi_cdef_file(jiffi_Session *s, const char *text,
                                       const char *file);
JIFFI_API jiffi_Status jiffi_cdef(jiffi_Session *s, const char *text);

/* --- types and constants -------------------------------------------------------- */

/* Bytes and alignment of a type written in C ("struct stat", "int[4]"). Either
 * pointer may be NULL. */
JIFFI_API jiffi_Status jiffi_sizeof(jiffi_Session *s, const char *type,
                                    uint64_t *size, uint32_t *align);
/* Offset in bytes of a member, anonymous members looked into. */
JIFFI_API jiffi_Status jiffi_offsetof(jiffi_Session *s, const char *type,
                                      const char *member, uint64_t *offset);
/* An enumerator, a #define or a static const of integer type. */
JIFFI_API jiffi_Status jiffi_constant(jiffi_Session *s, const char *name,
                                      int64_t *value);

/* --- libraries -------------------------------------------------------------------- */

/* Open by name ("m", "sqlite3"), by path, or NULL for the running program. */
JIFFI_API jiffi_Library *jiffi_library(jiffi_Session *s, const char *name);
/* The address of any symbol; variables are read and written through it. */
JIFFI_API void *jiffi_symbol(jiffi_Session *s, jiffi_Library *lib, const char *name);

/* --- calls ------------------------------------------------------------------------- */

/* A declared function, bound to the library and ready to be called. */
JIFFI_API jiffi_Function *jiffi_function(jiffi_Session *s, jiffi_Library *lib,
                                         const char *name);
/* A declared variadic function with the types of its further arguments, as
 * they are after C's promotions, separated by ';': "int; double". */
JIFFI_API jiffi_Function *jiffi_function_variadic(jiffi_Session *s,
                                                  jiffi_Library *lib,
                                                  const char *name,
                                                  const char *extra);
/* Any address called as `type`: "int(int, int)". */
JIFFI_API jiffi_Function *jiffi_function_at(jiffi_Session *s, const char *type,
                                            void *address);

/* The slots block: argument i stands at jiffi_slot(f, i) bytes from its start,
 * in its own C type. Scalars of up to 8 bytes take 8 bytes each, in order. */
JIFFI_API size_t jiffi_slots(const jiffi_Function *f);          /* bytes */
JIFFI_API size_t jiffi_slot(const jiffi_Function *f, uint32_t i); /* offset */
JIFFI_API uint32_t jiffi_arguments(const jiffi_Function *f);    /* count */
JIFFI_API size_t jiffi_result(const jiffi_Function *f);         /* bytes */

/* Call. `slots` is 16-aligned when an argument is; `result` has room for
 * jiffi_result(f) bytes and may be NULL for void. */
JIFFI_API void jiffi_call(const jiffi_Function *f, void *slots, void *result);

/* --- callbacks ------------------------------------------------------------------------ */

/* C called: argument i is at `slots + offsets[i]`; write the result to
 * `result`. Runs on whatever thread C calls from. */
typedef void (*jiffi_Handler)(void *context, const uint32_t *offsets, void *slots,
                              void *result);

JIFFI_API jiffi_Callback *jiffi_callback(jiffi_Session *s, const char *type,
                                         jiffi_Handler handler, void *context);
/* The function pointer to give to C. */
JIFFI_API void *jiffi_callback_address(const jiffi_Callback *cb);
/* Before the session ends; C must not call it any more. NULL is fine. */
JIFFI_API void jiffi_callback_free(jiffi_Session *s, jiffi_Callback *cb);

/* --- what is active -------------------------------------------------------------------- */

/* "code" when calls run through machine code made for them, "libffi" when not,
 * "none" where there can be no calls; *why (may be NULL) then says why not. Both
 * static. */
JIFFI_API const char *jiffi_mode(const char **why);
JIFFI_API const char *jiffi_version(void);

#ifdef __cplusplus
}
#endif

#endif
