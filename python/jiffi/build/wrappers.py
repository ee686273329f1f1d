# SPDX-License-Identifier: MIT
"""The C functions of a generated module: one wrapper per function, and the small
functions behind variables and constants.

A wrapper unboxes its arguments with the helpers of module_abi.h, calls, boxes the
result. It never takes the address of the user's name: that may be a macro.
"""

from .spelling import (PLAIN_SIGNED, PLAIN_UNSIGNED, declare, declare_pointer,
                       parameters, speakable, spell, unqualified)

# Names that wrappers use for themselves.
_LOCALS = {"self", "args", "n", "bits", "number", "p", "temps", "state", "result",
           "object", "unused", "arg", "value", "out", "cells"}


class Unsupported(Exception):
    """Something that was declared cannot stand in a compiled module."""


def _integer_like(t):
    """Goes by jiffi_get_int: at most 8 bytes, no char, no bool."""
    return t["kind"] == "enum" or (t["kind"] == "int" and (t["size"] or 0) <= 8)


def _double_like(t):
    return t["kind"] == "float" and t["size"] is not None and t["size"] <= 8


def _points_to_bytes(t):
    return t["kind"] == "pointer" and t["to"]["kind"] in ("char", "int") and t[
        "to"]["size"] == 1


def _is_signed(t):
    """A C expression, constant for the compiler."""
    c = spell(unqualified(t))
    if c in PLAIN_SIGNED:
        return "1"
    if c in PLAIN_UNSIGNED:
        return "0"
    return "JIFFI_IS_SIGNED(%s)" % c


def needs_ctype(t):
    """Whether converting a value of the type takes jiffi's ctype object."""
    return not (_integer_like(t) or _double_like(t) or t["kind"] == "void")


# --- arguments and results ---------------------------------------------------------


def _unbox(name, i, t, argument, on_error):
    """Lines that set x<i> from the Python object `argument`."""
    c = spell(unqualified(t))
    ctype = "jiffi_t_%s[%d]" % (name, i + 1)
    if _integer_like(t):
        return ["if (jiffi_get_int(self, %d, %s, sizeof(%s), %s, &bits) < 0)" % (
                    i, argument, c, _is_signed(t)),
                "    %s;" % on_error,
                "x%d = (%s)bits;" % (i, c)]
    if _double_like(t):
        return ["if (jiffi_get_double(self, %d, %s, &number) < 0)" % (i, argument),
                "    %s;" % on_error,
                "x%d = (%s)number;" % (i, c)]
    if t["kind"] in ("pointer", "fnptr"):
        convert = "jiffi_get_text" if _points_to_bytes(t) else "jiffi_api->to_pointer"
        return ["if (%s(self, %d, %s, %s, &p, &temps) < 0)" % (
                    convert, i, argument, ctype),
                "    %s;" % on_error,
                "x%d = (%s)p;" % (i, c)]
    convert = ["if (jiffi_api->to_value(self, %d, %s, %s, &x%d) < 0)" % (
                   i, argument, ctype, i),
               "    %s;" % on_error]
    if t["kind"] == "bool":
        return ["if (%s == Py_True || %s == Py_False)" % (argument, argument),
                "    x%d = %s == Py_True;" % (i, argument),
                "else " + convert[0], convert[1]]
    return convert


def _box(name, t, value="result"):
    """An expression: a new reference to the Python object of a result."""
    kind = t["kind"]
    if kind == "bool":
        return "PyBool_FromLong(%s)" % value
    if _integer_like(t):
        signed = _is_signed(t)
        as_signed = "jiffi_from_signed((long long)%s)" % value
        as_unsigned = "jiffi_from_unsigned((unsigned long long)%s)" % value
        if signed in "01":
            return as_signed if signed == "1" else as_unsigned
        return "%s ? %s\n        : %s" % (signed, as_signed, as_unsigned)
    if _double_like(t):
        return "PyFloat_FromDouble((double)%s)" % value
    if kind in ("pointer", "fnptr"):
        return "jiffi_api->from_pointer(jiffi_t_%s[0], (void *)%s)" % (name, value)
    return "jiffi_api->from_value(jiffi_t_%s[0], &%s)" % (name, value)


# --- functions -----------------------------------------------------------------------


def _prefix(symbol):
    """Of the names of parameters: the function itself may be called "x0"."""
    return "y" if symbol["name"].startswith("x") else "x"


def _direct(symbol):
    """A C function that calls the user's, for C and for calls by jiffi itself."""
    name, result = symbol["name"], symbol["result"]
    prefix = _prefix(symbol)
    call = "%s(%s)" % (name, ", ".join(
        "%s%d" % (prefix, i) for i in range(len(symbol["params"]))))
    head = "jiffi_d_%s(%s)" % (name, parameters(symbol["params"], prefix))
    return ["static %s" % declare(unqualified(result), head),
            "{",
            "    %s%s;" % ("" if result["kind"] == "void" else "return ", call),
            "}"]


def _head(symbol, single):
    """The wrapper's first line, and how it names argument i."""
    name = symbol["name"]
    if single:
        return "jiffi_f_%s(PyObject *self, PyObject *arg)" % name, "arg"
    return ("jiffi_f_%s(PyObject *self, PyObject *const *args, Py_ssize_t n)" % name,
            "args[%d]")


def _locals(symbol):
    params = symbol["params"]
    lines = [declare(unqualified(t), "x%d" % i) + ";" for i, t in enumerate(params)]
    if any(map(_integer_like, params)):
        lines.append("unsigned long long bits;")
    if any(map(_double_like, params)):
        lines.append("double number;")
    if _has_pointers(symbol):
        lines += ["void *p;", "jiffi_temps *temps = NULL;", "PyObject *object = NULL;"]
    return lines


def _has_pointers(symbol):
    return any(t["kind"] in ("pointer", "fnptr") for t in symbol["params"])


def _call(symbol, gil):
    """The call and the boxing of its result."""
    name, result = symbol["name"], symbol["result"]
    enter, leave = (("jiffi_hold", "jiffi_held") if gil == "hold" else
                    ("jiffi_release", "jiffi_take"))
    # A local variable hides a function of its name.
    hidden = name in _LOCALS or (name[:1] == "x" and name[1:].isdigit())
    call = "%s%s(%s)" % ("jiffi_d_" if hidden else "", name, ", ".join(
        "x%d" % i for i in range(len(symbol["params"]))))
    if result["kind"] != "void":
        call = "%s = %s" % (declare(unqualified(result), "result"), call)
    lines = ["jiffi_state state = %s();" % enter, call + ";", "%s(state);" % leave]
    give = "object = " if _has_pointers(symbol) else "return "
    if result["kind"] == "void":
        return lines + ["Py_INCREF(Py_None);", give + "Py_None;"]
    return lines + [give + _box(name, result) + ";"]


def _wrapper(symbol, gil, single):
    """`single`: METH_O; else METH_FASTCALL."""
    head, argument = _head(symbol, single)
    pointers = _has_pointers(symbol)
    count = len(symbol["params"])
    body = _locals(symbol)
    if count == 0:
        body += ["(void)args;"]
    if not single:
        body += ["if (n != %d)" % count,
                 "    return jiffi_api->bad_count(self, n);"]
    for i, t in enumerate(symbol["params"]):
        body += _unbox(symbol["name"], i, t,
                       argument if single else argument % i,
                       "goto done" if pointers else "return NULL")
    call = _call(symbol, gil)
    if pointers:
        # A block: C++ lets no goto jump over the initialisations.
        body += ["{"] + ["    " + line for line in call] + ["}"]
        text = ["    " + line for line in body]
        text += ["done:", "    if (temps)", "        jiffi_api->free_temps(temps);",
                 "    return object;"]
    else:
        text = ["    " + line for line in body + call]
    return ["static PyObject *" + head, "{"] + text + ["}"]


def _variadic_check(symbol):
    """Does the compiler agree with the type of what jiffi calls by itself?"""
    name = symbol["name"]
    params = ", ".join(declare(t, "") for t in symbol["params"])
    pointer = declare(unqualified(symbol["result"]), "(*f)(%s, ...)" % params)
    return ["JIFFI_UNUSED static void jiffi_check_%s(void)" % name, "{",
            "    %s = %s;" % (pointer, name), "    (void)f;", "}"]


def _row(name, kind, flags="0", wrapper="NULL", types="NULL", direct="NULL",
         address="NULL", integer="NULL", value="NULL", extern="NULL"):
    """A row of the table of symbols, in the order of jiffi_symbol."""
    return [
        '{"%s", %s, {0, 0, 0}, %s,' % (name, kind, flags),
        " %s, %s, %s," % (wrapper, types, direct),
        " %s, %s, %s, %s}," % (address, integer, value, extern)]


def _as_direct(function):
    return "JIFFI_CAST(void (*)(void), %s)" % function


def function(symbol, gil, uniform=False):
    """(lines of C, row of the symbol table) of a function. METH_NOARGS is for nobody:
    the interpreter has no quick way to call it. `uniform`: METH_O neither, so that
    the wrong number of arguments is always our error."""
    symbol = dict(symbol, result=speakable(symbol["result"]),
                  params=[speakable(t) for t in symbol["params"]])
    name, params = symbol["name"], symbol["params"]
    if symbol["variadic"]:
        return _variadic_check(symbol), _row(
            name, "JIFFI_FUNCTION", "METH_FASTCALL", direct=_as_direct(name))
    lines = _direct(symbol) + [""]
    types = "NULL"
    if any(map(needs_ctype, params + [symbol["result"]])):
        types = "jiffi_t_%s" % name
        lines += ["static void *%s[%d];" % (types, len(params) + 1)]
    single = len(params) == 1 and not uniform
    lines += _wrapper(symbol, gil, single)
    wrapper = "jiffi_f_%s" % name
    flags = "METH_O"
    if not single:
        flags, wrapper = "METH_FASTCALL", "JIFFI_FAST(%s)" % wrapper
    return lines, _row(name, "JIFFI_FUNCTION", flags, wrapper, types,
                       _as_direct("jiffi_d_" + name))


# --- extern "Python" -------------------------------------------------------------------


def _store_cell(i, t):
    """The argument, or its address where that does not fit."""
    by_address = ["p = &x%d;" % i, "memcpy(&cells[%d], &p, sizeof p);" % i]
    by_value = ["memcpy(&cells[%d], &x%d, sizeof x%d);" % (i, i, i)]
    if t["kind"] == "record" or (t["size"] or 0) > 8:
        return by_address
    if t["size"] is not None:
        return by_value
    return ["p = &x%d;" % i,
            "memcpy(&cells[%d], sizeof x%d > 8 ? (void *)&p : (void *)&x%d,"
            % (i, i, i), "       sizeof x%d > 8 ? sizeof p : sizeof x%d);" % (i, i)]


def extern_python(symbol, exported):
    """The C function that calls Python. `exported`: the library is there for it."""
    name, result, params = symbol["name"], symbol["result"], symbol["params"]
    if symbol["variadic"]:
        raise Unsupported('%s(): a function with "..." cannot be extern "Python"'
                          % name)
    void = result["kind"] == "void"
    size = "0" if void else "sizeof(%s)" % spell(unqualified(result))
    cells = "%d" % max(len(params), 1)
    if not void and (result["size"] is None or result["size"] > 8):
        cells = "(%s + 7) / 8 > %s ? (%s + 7) / 8 : %s" % (size, cells, size, cells)
    storage = "static " if symbol["python"] == "Python" else (
        "JIFFI_EXPORT " if exported else "")
    stored = [line for i, t in enumerate(params) for line in _store_cell(i, t)]
    lines = ['static jiffi_extern_python jiffi_p_%s = {"%s", %s, NULL, NULL};'
             % (name, name, size),
             storage + declare(unqualified(result), "%s(%s)" % (
                 name, parameters(params))), "{",
             "    unsigned long long cells[%s];" % cells]
    if any(line.startswith("p = ") for line in stored):
        lines.append("    void *p;")
    if not void:
        lines.append("    %s;" % declare(unqualified(result), "result"))
    lines += ["    " + line for line in stored]
    lines.append("    jiffi_call_python(&jiffi_p_%s, cells);" % name)
    if not void:
        lines += ["    memcpy(&result, cells, sizeof result);", "    return result;"]
    return lines + ["}"], _row(name, "JIFFI_EXTERN_PYTHON", direct=_as_direct(name),
                               extern="&jiffi_p_%s" % name)


# --- variables and constants --------------------------------------------------------------


def is_const(t):
    """Whether the thing itself cannot be written to (not what it points to)."""
    return t["kind"] != "array" and unqualified(t)["c"].count("const") < t[
        "c"].count("const")


def _is_open(t):
    """Is a length of this array left to the compiler?"""
    return t["kind"] == "array" and (t["length"] is None or _is_open(t["to"]))


def variable(symbol):
    """What is const is a constant, as in cffi: it may be a macro in the header."""
    if is_const(symbol["type"]):
        return constant(symbol)
    name, t = symbol["name"], symbol["type"]
    if _is_open(t):  # the items' type is checked
        check = None
        if t["to"]["kind"] != "array":
            check = "%s = %s;" % (declare_pointer(t["to"], "p"), name)
    else:
        check = "%s = &%s;" % (declare_pointer(t, "p"), name)
    lines = ["static void *jiffi_a_%s(void)" % name, "{"]
    if check:
        lines += ["    " + check, "    return (void *)p;"]
    else:
        lines += ["    return (void *)&%s;" % name]
    return lines + ["}"], _row(name, "JIFFI_VARIABLE", address="jiffi_a_%s" % name)


def integer(symbol):
    name = symbol["name"]
    lines = ["static int jiffi_i_%s(unsigned long long *bits)" % name, "{",
             "    *bits = JIFFI_BITS(%s);" % name,
             "    return JIFFI_IS_NEGATIVE(%s);" % name, "}"]
    return lines, _row(name, "JIFFI_INTEGER", integer="jiffi_i_%s" % name)


def value(symbol):
    name = symbol["name"]
    lines = ["static void jiffi_v_%s(void *out)" % name, "{",
             "    %s = %s;" % (declare(symbol["type"], "value"), name),
             "    memcpy(out, &value, sizeof value);", "}"]
    return lines, _row(name, "JIFFI_VALUE", value="jiffi_v_%s" % name)


def constant(symbol):
    if symbol["type"]["kind"] in ("int", "bool", "enum"):
        return integer(symbol)
    return value(symbol)
