/* SPDX-License-Identifier: MIT
 *
 * C++ exceptions read without C++: what was thrown, its type and the types it is
 * derived from, what() and the text of a type's name. And one type of exception
 * that is thrown from here, which carries something of the host's through C++.
 *
 * By the Itanium C++ ABI: "Exception Handling" 2.2.1 (what stands before a thrown
 * object), C++ ABI 2.9.5 (records of types), 2.5 (virtual tables); libstdc++ and
 * libc++abi agree on all of it.
 */
#ifndef JF_EXEC_CXX_H
#define JF_EXEC_CXX_H

#include "core/base/mem.h"

/* What stands in an exception, as long as that lives. */
typedef struct jf_CxxThrown {
    const void *type; /* std::type_info; NULL: not a C++ exception */
    void *object;     /* what was thrown */
    char language[9]; /* the eight letters of its class, "GNUCC++" */
} jf_CxxThrown;

/* A type that the object is, as `catch` would see it. */
typedef struct jf_CxxBase {
    const char *name; /* mangled, as type_info has it */
    const void *type;
    void *at;         /* the part of the object that is one */
} jf_CxxBase;

enum { JF_CXX_BASES = 64 };

/* `exception`: a struct _Unwind_Exception *. */
void jf_cxx_read(const void *exception, jf_CxxThrown *t);
/* The same of what a std::exception_ptr, or a nested exception, points at. */
void jf_cxx_read_object(void *object, jf_CxxThrown *t);

/* The type itself first, then its public bases, nearest first; at most `room`.
 * The count. A pointer, a number, a class without bases: one. */
uint32_t jf_cxx_bases(const void *type, void *object, jf_CxxBase *out,
                      uint32_t room);

/* std::exception's what(), if it is one; else NULL. Lives as long as the object. */
const char *jf_cxx_what(const jf_CxxBase *bases, uint32_t n);

/* "ns::error" from "N2ns5errorE"; jf_alloc'ed; NULL: memory is out, or no C++
 * library of the process can tell. `near`: an exception whose library is asked
 * first, or NULL. */
char *jf_cxx_demangle(const void *near, const char *name);

/* The exception is the caller's until the second: in between the process counts it
 * as caught. */
void jf_cxx_begin(void *exception);
void jf_cxx_end(void *exception);

/* "C++ exception std::runtime_error: 'boom'", cut to `room`. */
void jf_cxx_describe(const void *exception, char *out, size_t room);

/* --- thrown from here ------------------------------------------------------------ */

/* Is there a C++ library in this process that can throw? */
bool jf_cxx_can_throw(void);
/* Throw an exception, derived from std::exception, whose what() is `text` (jf_alloc'ed)
 * and which carries `payload`; `drop(payload)` is called when it is destroyed, by
 * whichever thread. Takes both over and does not return, if it can throw. */
void jf_cxx_throw(void *payload, char *text, void (*drop)(void *payload));
/* The payload, if the exception is one of those; borrowed. */
void *jf_cxx_payload(const jf_CxxThrown *t);

#endif
