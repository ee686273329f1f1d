# SPDX-License-Identifier: MIT
"""C spelled by the generator: declarators, names, literals.

A TYPE is what FFI._declared() says about a type (src/python/ffi_describe.c): its
"c" is a declaration with "{}" where the declared name goes.
"""

import re

# Spellings whose size and sign every compiler agrees about with us.
PLAIN_SIGNED = {"signed char", "short", "int", "long", "long long"}
PLAIN_UNSIGNED = {"unsigned char", "unsigned short", "unsigned int", "unsigned",
                  "unsigned long", "unsigned long long"}


def declare(type_, name):
    """`name` declared with the type: "int (*name)(char)"."""
    return type_["c"].replace("{}", name).strip()


def spell(type_):
    """The type alone, as in a cast."""
    return re.sub(r" +$", "", type_["c"].replace("{}", ""))


def declare_pointer(type_, name):
    """`name` declared as a pointer to the type."""
    if type_["kind"] in ("array", "function"):
        return declare(type_, "(*%s)" % name)
    return declare(type_, "*" + name)


def unqualified(type_):
    """The type without const and volatile of its own, for a local variable."""
    if type_["kind"] in ("pointer", "fnptr", "array", "function"):
        # Qualifiers of a pointer stand behind its star: "*const {}".
        c = re.sub(r"(\*\s*)(?:(?:const|volatile|restrict|__restrict)\s*)+\{\}",
                   r"\1{}", type_["c"])
    else:
        c = re.sub(r"\b(?:const|volatile|_Atomic)\b\s*", "", type_["c"])
    return dict(type_, c=c)


def speakable(type_):
    """The type, or where C has no way to write it (a pointer to an array of unknown
    length, whose typedef is not known here) one that converts to every pointer."""
    if type_["kind"] == "pointer" and "[]" in type_["c"]:
        return dict(type_, c="jiffi_any {}")
    return type_


def parameters(types, prefix="x"):
    """"int x0, char *x1", or "void"."""
    return ", ".join(declare(t, "%s%d" % (prefix, i))
                     for i, t in enumerate(types)) or "void"


def identifier(name):
    """`name` as a part of an identifier: "struct foo" is "struct_foo"."""
    return re.sub(r"\W", "_", name.replace("*", "p_"), flags=re.ASCII)


_ESCAPES = {ord('"'): '\\"', ord("\\"): "\\\\", ord("\n"): "\\n", ord("\t"): "\\t"}


def literal(text):
    """A string literal of C with the UTF-8 bytes of `text` (or bytes)."""
    data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    out = []
    for i, byte in enumerate(data):
        if byte in _ESCAPES:
            out.append(_ESCAPES[byte])
        elif byte == ord("?") and i and data[i - 1] == ord("?"):
            out.append("\\?")  # no trigraphs
        elif 32 <= byte < 127:
            out.append(chr(byte))
        else:
            out.append("\\%03o" % byte)
    return '"%s"' % "".join(out)


def pieces(text, limit=400):
    """`text` as str that are short enough for literals, one or more per line."""
    for line in text.splitlines(True):
        for start in range(0, len(line), limit):
            yield line[start:start + limit]


def sort_key(name):
    """Sorts names as strcmp() does."""
    return name.encode("utf-8")
