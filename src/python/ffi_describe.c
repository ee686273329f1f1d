/* SPDX-License-Identifier: MIT
 *
 * FFI._declared(): all that was declared, as plain Python data, for the generator
 * in jiffi.build. Types are spelled as C that the user's header understands: tags,
 * names of typedefs; what was declared with `...` by its typedef. The shape of the
 * data is the contract with the generator and stands below.
 */
#include "python/ffi.h"

/*
 * _declared() -> {"texts": [...], "gil": str, "symbols": [SYMBOL...],
 *                 "records": [RECORD...], "enums": [ENUM...],
 *                 "lengths": [(name, dim, expr)...], "typedefs": [(name, cls)...]}
 *
 * texts     every successful cdef of its own: (text, packed, pack, override, gil),
 *           gil one of the words below
 * gil       of the FFI: "default", "release", "hold" or "auto"
 * SYMBOL    {"name", "kind", "included", "line", "flags", "link", ...}
 *             kind     "typedef" "function" "variable" "constant" "float" "string"
 *             flags    frozenset of "dots" (its value, length or type is the
 *                      compiler's to know), "static", "extern", "macro",
 *                      "enumerator"
 *             type     TYPE: of the variable, constant, what the typedef stands for;
 *                      not in "string"
 *           function:  result TYPE, params [TYPE...], names [str or None...],
 *                      variadic bool, oldstyle bool (declared `f()`), stdcall bool,
 *                      gil, python None, "Python" or "Python+C"
 *           constant:  value int (None where it has dots); float: value float;
 *                      string: value bytes
 * TYPE      {"c": spelling with "{}" in the declarator's place and all qualifiers,
 *            "kind", "size", "signed", "open"}
 *             kind     "void" "bool" "int" "char" "float" "longdouble" "complex"
 *                      "valist" "enum" "pointer" "fnptr" "array" "vector" "record"
 *                      "function"
 *             size     bytes on this host, None where unknown; of an open record or
 *                      type None
 *             signed   of "int", "char", "enum"
 *             open     None; "int", "float" (typedef int... t), "type"
 *                      (typedef ... t): then kind is "record" ("type"), "int" or
 *                      "float", and size None
 *             partial  of "record", "enum": declared with `...`
 *             to       of "pointer", "array": TYPE
 *             length   of "array": int, or None for [] and [...]
 * RECORD    {"name": its name for the tables ("struct foo", "foo_t", "*foo_p",
 *            "struct foo.a"), "type": C spelling of it or None, "expr": an lvalue of
 *            its type that may stand in sizeof and offsetof-like arithmetic,
 *            "partial", "opaque", "packed", "pack", "line", "union",
 *            "members": [MEMBER...]}; included ones are left out
 * MEMBER    {"path": "a" (relative to the record; members of anonymous members are
 *            the record's own), "bits": int or None, "flexible": bool, "type": TYPE,
 *            "dims": [int or None...] of an array declared with [...], else None}
 * ENUM      {"name": "enum e", "e_t" or None, "partial": bool,
 *            "items": [names...]}
 * lengths   [...]: its name for the tables ("v", "t", "struct foo.a"), the dimension,
 *           a C expression of that array (for sizeof(x) / sizeof((x)[0]))
 * typedefs  typedef int... t and float... t: (name, "int" or "float"); enums whose
 *           integer type is asked for: ("enum e", "enum")
 */
