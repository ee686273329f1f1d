/* SPDX-License-Identifier: MIT
 *
 * Inner header of what reads and throws C++ exceptions.
 */
#ifndef JF_EXEC_CXX_INNER_H
#define JF_EXEC_CXX_INNER_H

#include "exec/cxx.h"

#include <unwind.h>

/* First seven of the eight letters of exception_class; the last is 0, or 1 for a
 * second owner of the object. */
#define CLASS_GNU 0x474e5543432b2bu  /* "GNUCC++" */
#define CLASS_LLVM 0x434c4e47432b2bu /* "CLNGC++" */

/* The name of a std::type_info, as typeid().name() gives it. */
const char *exec_type_name(const void *type);
/* A symbol of the first C++ library that the process has loaded; NULL: none. */
void *exec_cxx_door(const char *name);

#endif
