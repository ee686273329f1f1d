# SPDX-License-Identifier: MIT
"""FFI.check(): what C's ways of saying "failed" become as exceptions.

The extension makes the call and looks at the result (check.c); this file says what a
condition may be, and is asked again when one has been met. A call that succeeds does
not come here.
"""

import os

from . import _jiffi

# In the order of check.c's When.
_WHENS = ("negative", "nonzero", "zero", "minus one", "null", "errno")
_PREDICATE, _IN = len(_WHENS), len(_WHENS) + 1


class CallError(_jiffi.FFIError):
    """A C function said that it failed.

    code      what it returned: an int, a float or a pointer cdata
    function  its name, a str
    """

    def __init__(self, text, code=None, function=None):
        super().__init__(text, code, function)
        self.code = code
        self.function = function

    def __str__(self):
        return str(self.args[0])

    def __reduce__(self):  # pointers stay where they are
        code = self.code if isinstance(self.code, (int, float, bytes, str)) else None
        return type(self), (self.args[0], code, self.function)


def _name(function):
    return getattr(function, "__name__", None) or repr(function)


def _function_type(ffi, function):
    """The function's ctype, of kind 'function'; TypeError for what is none."""
    try:
        ctype = ffi.typeof(function)
    except TypeError:
        ctype = None
    if ctype is not None and ctype.kind == "pointer" and ctype.item.kind == "function":
        ctype = ctype.item
    if ctype is None or isinstance(function, str) or ctype.kind != "function":
        raise TypeError("ffi.check(): a function of C is expected, not %r" % (function,))
    return ctype


def _impossible(function, condition, wants, ctype):
    return TypeError(
        "ffi.check(%s): '%s' is for functions that return %s, this one returns '%s'"
        % (_name(function), condition, wants, ctype.cname)
    )


def _is_number(ctype):
    return ctype.kind in ("primitive", "enum")


def _is_signed(ffi, ctype):
    if ctype.cname in ("_Bool", "bool"):
        return False
    try:
        return int(ffi.cast(ctype, -1)) < 0
    except TypeError:  # complex
        return False


def _condition(ffi, function, result, fails):
    """(when, test) for check.c."""
    if isinstance(fails, str):
        if fails not in _WHENS:
            raise ValueError(
                "ffi.check(%s): no condition %r; there are %s, predicates, and "
                "containers of values"
                % (_name(function), fails, ", ".join(repr(w) for w in _WHENS))
            )
        if fails == "null":
            possible, wants = result.kind == "pointer", "a pointer"
        elif fails == "errno":
            possible, wants = True, ""
        elif fails == "minus one":
            possible = result.kind == "pointer" or _is_number(result)
            wants = "a number or a pointer"
        elif fails == "negative":
            possible = _is_number(result) and _is_signed(ffi, result)
            wants = "a signed number"
        else:
            possible, wants = _is_number(result), "a number"
        if not possible:
            raise _impossible(function, fails, wants, result)
        return _WHENS.index(fails), None
    if result.kind == "void":
        raise _impossible(function, fails, "a value", result)
    if callable(fails):
        return _PREDICATE, fails
    if hasattr(type(fails), "__contains__"):
        return _IN, fails
    raise TypeError(
        "ffi.check(%s): the condition is a str, a predicate or a container of values, "
        "not %s" % (_name(function), type(fails).__name__)
    )


class _Rule:
    """What one checked function does when its condition has been met."""

    def __init__(self, ffi, function, ctype, options):
        self.ffi = ffi
        self.name = _name(function)
        self.ctype = ctype
        self.options = options  # of check(), for pickle
        self.errno = options["errno"] is not None or options["fails"] == "errno"
        self.message = options["message"]
        self.error = options["error"]
        if self.error is not None and not callable(self.error):
            raise TypeError(
                "ffi.check(%s): error= is an exception class or a callable, not %s"
                % (self.name, type(self.error).__name__)
            )
        if self.message is not None:
            self.ask = self._asker(self.message)

    def _asker(self, message):
        """message= as a function of (result, args); TypeError if it is none."""
        try:
            ctype = _function_type(self.ffi, message)
        except TypeError:
            if callable(message):
                return lambda result, args: message(result, *args)
            raise TypeError(
                "ffi.check(%s): message= is a function of C or of Python, not %s"
                % (self.name, type(message).__name__)
            ) from None
        if not ctype.args:
            return lambda result, args: message()
        if len(ctype.args) == 1:
            wants = ctype.args[0]
            if _is_number(wants):
                return lambda result, args: message(result)
            for i, given in enumerate(self.ctype.args):
                if given is wants:  # sqlite3_errmsg(db)
                    return lambda result, args: message(args[i])
        raise TypeError(
            "ffi.check(%s): message=%s() would have to take the result, nothing, or an "
            "argument of the same type as one of %s()"
            % (self.name, _name(message), self.name)
        )

    def _text(self, said):
        """What a message function returned, as str; None for NULL."""
        if isinstance(said, self.ffi.CData):
            if said == self.ffi.NULL:
                return None
            said = self.ffi.string(said)
        if isinstance(said, bytes):
            said = said.decode("utf-8", "backslashreplace")
        return None if said is None else str(said)

    def failed(self, checked, result, errno, args):
        said = None
        if self.message is not None:
            said = self._text(self.ask(errno if self.errno else result, args))
        elif self.errno:
            said = os.strerror(errno) if errno else "errno is 0"
        code = errno if self.errno else result
        if said is None:
            text = "%s() failed: it returned %s" % (self.name, _shown(result))
        elif self.errno:
            text = "%s() failed: %s" % (self.name, said)
        else:
            text = "%s() failed: %s: %s" % (self.name, _shown(result), said)
        raise self._exception(code, text)

    def _exception(self, code, text):
        if self.error is None:
            if not self.errno:
                return CallError(text, code, self.name)
            e = OSError(code, text)  # which makes FileNotFoundError and the like
            e.function = self.name
            return e
        if isinstance(self.error, type) and issubclass(self.error, CallError):
            return self.error(text, code, self.name)
        e = self.error(code, text)
        if not isinstance(e, BaseException):
            raise TypeError(
                "ffi.check(%s): error= returned %r, which is no exception"
                % (self.name, e)
            )
        return e


def _shown(result):
    return "%d" % result if isinstance(result, int) else str(result)


def _rebuild(ffi, function, options):
    return check(ffi, function, **options)


def reduce(checked):
    rule = checked._rule
    options = {k: v for k, v in rule.options.items() if v is not None}
    return _rebuild, (rule.ffi, checked.__wrapped__, options)


def check(ffi, function, fails=None, *, errno=None, message=None, error=None):
    """See FFI.check()."""
    if isinstance(function, type) or not callable(function):
        raise TypeError("ffi.check(): a function of C is expected, not %r" % (function,))
    ctype = _function_type(ffi, function)
    if errno is not None and errno is not True and errno is not False:
        if fails is not None:
            raise TypeError(
                "ffi.check(%s): the condition is given twice, fails=%r and errno=%r"
                % (_name(function), fails, errno)
            )
        fails, errno = errno, True
    errno = True if errno else None
    fails = "negative" if fails is None else fails
    when, test = _condition(ffi, function, ctype.result, fails)
    options = dict(fails=fails, errno=errno, message=message, error=error)
    rule = _Rule(ffi, function, ctype, options)
    names = {
        "__name__": rule.name,
        "__qualname__": getattr(function, "__qualname__", rule.name),
        "__module__": getattr(function, "__module__", None),
        "__doc__": getattr(function, "__doc__", None),
        "_rule": rule,
    }
    text = getattr(function, "__text_signature__", None)
    if text:
        names["__text_signature__"] = text
    return _jiffi._check(function, when, test, rule.failed, names)
