# SPDX-License-Identifier: MIT
"""The C functions of a generated module: one wrapper per function, and the small
functions behind variables and constants.

A wrapper unboxes its arguments with the helpers of module_abi.h, calls, boxes the
result. It never takes the address of the user's name: that may be a macro. Most
functions have two: the one that Python calls takes arguments of the plainest kinds,
and leaves all others, good or bad, to the second.
"""

from .spelling import (PLAIN_SIGNED, PLAIN_UNSIGNED, declare, declare_pointer,
                       parameters, speakable, spell, unqualified)

# Names that wrappers use for themselves.
_LOCALS = {"self", "args", "n", "bits", "number", "p", "temps", "state", "result",
           "object", "unused", "arg", "value", "out", "cells", "thread", "way"}


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


def _plain(name, i, t, argument):
    """(type of x<i>, condition, argument of the call): the condition is true, and x<i>
    set, if the Python object `argument` is of the plainest kind. None: there is none.
    """
    c = spell(unqualified(t))
    ctype = "jiffi_t_%s[%d]" % (name, i + 1)
    if _integer_like(t):
        return ("unsigned long long x%d", "jiffi_plain_int(%s, sizeof(%s), %s, &x%d)" % (
            argument, c, _is_signed(t), i), "(%s)x%d" % (c, i))
    if _double_like(t):
        return ("double x%d", "jiffi_plain_double(%s, &x%d)" % (argument, i),
                "(%s)x%d" % (c, i))
    if t["kind"] == "bool":
        return ("int x%d", "jiffi_plain_bool(%s, &x%d)" % (argument, i),
                "(%s)x%d" % (c, i))
    if t["kind"] in ("pointer", "fnptr"):
        kind = "text" if _points_to_bytes(t) else "cdata"
        return ("void *x%d", "jiffi_plain_%s(%s, %s, &x%d)" % (kind, argument, ctype, i),
                "(%s)x%d" % (c, i))
    if t["kind"] == "record":
        return ("void *x%d", "jiffi_plain_record(%s, %s, &x%d)" % (argument, ctype, i),
                "v%d" % i)
    return None


def _box(name, t, value="result", way="from"):
    """An expression: a new reference to the Python object of a result. `way`: "box" where
    everything is known that jiffi tells modules, else "from"."""
    kind = t["kind"]
    if kind == "bool":
        return "PyBool_FromLong(%s)" % value
    if _integer_like(t):
        signed = _is_signed(t)
        as_signed = "jiffi_%s_signed((long long)%s)" % (way, value)
        as_unsigned = "jiffi_%s_unsigned((unsigned long long)%s)" % (way, value)
        if signed in "01":
            return as_signed if signed == "1" else as_unsigned
        return "%s ? %s\n        : %s" % (signed, as_signed, as_unsigned)
    if _double_like(t):
        function = "jiffi_box_double" if way == "box" else "PyFloat_FromDouble"
        return "%s((double)%s)" % (function, value)
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


def _head(symbol, single, which="f"):
    """The wrapper's first line, and how it names argument i."""
    name = "jiffi_%s_%s" % (which, symbol["name"])
    if single:
        return name + "(PyObject *self, PyObject *arg)", "arg"
    return name + "(PyObject *self, PyObject *const *args, Py_ssize_t n)", "args[%d]"


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


def _spoken(symbol):
    """What a wrapper calls: a local variable hides a function of its name."""
    name = symbol["name"]
    hidden = name in _LOCALS or (name[:1] in ("x", "v") and name[1:].isdigit())
    return "jiffi_d_" + name if hidden else name


def _called(symbol, function, arguments):
    """The call itself: a line."""
    call = "%s(%s);" % (function, ", ".join(arguments))
    if symbol["result"]["kind"] != "void":
        call = "%s = %s" % (declare(unqualified(symbol["result"]), "result"), call)
    return call


def _give(symbol, way, give="return "):
    """The boxing of the result."""
    if symbol["result"]["kind"] == "void":
        return ["Py_INCREF(Py_None);", give + "Py_None;"]
    return [give + _box(symbol["name"], symbol["result"], way=way) + ";"]


def _call(symbol, way, function):
    """The call and the boxing of its result."""
    call = _called(symbol, function, ["x%d" % i for i in range(len(symbol["params"]))])
    give, fail = (("object = ", "goto done") if _has_pointers(symbol) else
                  ("return ", "return NULL"))
    return ["jiffi_state state = jiffi_begin_call(self, &%s);" % way, call,
            "if (jiffi_end_call(state) < 0)", "    %s;" % fail] + _give(
        symbol, "from", give)


def _plain_wrapper(symbol, way, single):
    """The wrapper that Python calls, above the one that takes everything; None if
    some argument has no plain kind."""
    head, argument = _head(symbol, single)
    plain = [_plain(symbol["name"], i, t, argument if single else argument % i)
             for i, t in enumerate(symbol["params"])]
    if None in plain:
        return None
    tests = [] if single else ["n == %d" % len(plain)]
    tests += ["way"]
    tests += [condition for _, condition, _ in plain]
    lines = [kind % i + ";" for i, (kind, _, _) in enumerate(plain)]
    lines += ["const unsigned way = %s;" % way]
    lines += ["if (!(%s))" % " &&\n          ".join(tests),
              "    return jiffi_s_%s(self, %s);" % (
                  symbol["name"], "arg" if single else "args, n")]
    for i, t in enumerate(symbol["params"]):
        if t["kind"] == "record":
            lines += [declare(unqualified(t), "v%d" % i) + ";",
                      "memcpy((void *)&v%d, x%d, sizeof v%d);" % (i, i, i)]
    lines += ["PyThreadState *thread = jiffi_go(self, way);",
              _called(symbol, _spoken(symbol), [given for _, _, given in plain]),
              "if (jiffi_back(way, thread))", "    return NULL;"]
    lines += _give(symbol, "box")
    return ["static PyObject *" + head, "{"] + ["    " + line for line in lines] + ["}"]


def _wrapper(symbol, way, single, second):
    """The wrapper that takes everything. `single`: METH_O; else METH_FASTCALL.
    `second`: it stands behind a plain one."""
    head, argument = _head(symbol, single, "s" if second else "f")
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
    # What the user wrote as a macro is not repeated.
    call = _call(symbol, way,
                 "jiffi_d_" + symbol["name"] if second else _spoken(symbol))
    if pointers:
        # A block: C++ lets no goto jump over the initialisations.
        body += ["{"] + ["    " + line for line in call] + ["}"]
        text = ["    " + line for line in body]
        text += ["done:", "    if (temps)", "        jiffi_api->free_temps(temps);",
                 "    return object;"]
    else:
        text = ["    " + line for line in body + call]
    return ["static %sPyObject *" % ("JIFFI_COLD " if second else "") + head,
            "{"] + text + ["}"]


def _variadic_check(symbol):
    """Does the compiler agree with the type of what jiffi calls by itself?"""
    name = symbol["name"]
    params = ", ".join(declare(t, "") for t in symbol["params"])
    pointer = declare(unqualified(symbol["result"]), "(*f)(%s, ...)" % params)
    return ["JIFFI_UNUSED static void jiffi_check_%s(void)" % name, "{",
            "    %s = %s;" % (pointer, name), "    (void)f;", "}"]


def _row(name, kind, flags="0", wrapper="NULL", types="NULL", direct="NULL",
         address="NULL", integer="NULL", value="NULL", extern="NULL", gil=0):
    """A row of the table of symbols, in the order of jiffi_symbol."""
    return [
        '{"%s", %s, {%d, 0, 0}, %s,' % (name, kind, gil, flags),
        " %s, %s, %s," % (wrapper, types, direct),
        " %s, %s, %s, %s}," % (address, integer, value, extern)]


def _as_direct(function):
    return "JIFFI_CAST(void (*)(void), %s)" % function


def function(symbol, way, gil=0, uniform=False):
    """(lines of C, row of the symbol table) of a function. `way`: the lvalue that
    says how it is called. `gil`: jf_Gil for the row. METH_NOARGS is for nobody: the
    interpreter has no quick way to call it. `uniform`: METH_O neither, so that
    the wrong number of arguments is always our error."""
    symbol = dict(symbol, result=speakable(symbol["result"]),
                  params=[speakable(t) for t in symbol["params"]])
    name, params = symbol["name"], symbol["params"]
    if symbol["variadic"]:
        return _variadic_check(symbol), _row(
            name, "JIFFI_FUNCTION", "METH_FASTCALL", direct=_as_direct(name), gil=gil)
    lines = _direct(symbol) + [""]
    types = "NULL"
    if any(map(needs_ctype, params + [symbol["result"]])):
        types = "jiffi_t_%s" % name
        lines += ["static void *%s[%d];" % (types, len(params) + 1)]
    single = len(params) == 1 and not uniform
    plain = _plain_wrapper(symbol, way, single)
    lines += _wrapper(symbol, way, single, plain is not None)
    if plain:
        lines += [""] + plain
    wrapper = "jiffi_f_%s" % name
    flags = "METH_O"
    if not single:
        flags, wrapper = "METH_FASTCALL", "JIFFI_FAST(%s)" % wrapper
    return lines, _row(name, "JIFFI_FUNCTION", flags, wrapper, types,
                       _as_direct("jiffi_d_" + name), gil=gil)


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
