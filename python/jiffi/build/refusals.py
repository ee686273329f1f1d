# SPDX-License-Identifier: MIT
"""What cffi's generator refuses and jiffi's does not, for modules of a cffi.FFI.

Programs may count on it, and cffi's tests do; the words are cffi's. The functions
look at what `ffi._declared()` gives.
"""

MAX_LENGTH = 2 ** 31 - 1  # of an array in the tables of an out-of-line ABI module


def _item(t):
    while t["kind"] == "array":
        t = t["to"]
    return t


def _opaque(t):
    """A struct or union that was never given members."""
    return (t["kind"] == "record" and t["size"] is None and not t["partial"]
            and not t["open"])


def _check_members(record, undefined):
    for member in record["members"]:
        t = _item(member["type"])
        if _opaque(t) and t["c"].replace("{}", "").strip() in undefined:
            raise TypeError("%s: field '%s.%s' is of an opaque type (not declared in "
                            "cdef())" % (record["name"], record["name"].split()[-1],
                                         member["path"]))


def _unspeakable(t):
    """Does the type go by way of a struct or union that has no name? A pointer's
    typedef names the one right behind it, as cffi sees it."""
    while t["kind"] == "pointer" and "to" in t:
        if t["to"]["kind"] == "record" and "__typeof__" not in t["c"]:
            return False
        t = t["to"]
    return t["kind"] == "record" and "__typeof__" in t["c"]


def _check_enums(enums, errors):
    seen = set()
    for enum in enums:
        for name in enum["items"]:
            if name in seen:
                raise errors.VerificationError("duplicate declaration of const '%s'"
                                               % name)
            seen.add(name)


def _check_names(symbol, errors):
    for place, types in [("argument of " + symbol["name"], symbol["params"]),
                         ("result of " + symbol["name"], [symbol["result"]])]:
        for t in filter(_unspeakable, types):
            raise errors.VerificationError(
                "cannot generate '%s' in %s: unknown type name" % (
                    t["c"].replace("{}", "").strip(), place))


def refuse_c(declared, errors):
    """For a module that a C compiler makes; `errors` has the exception classes."""
    _check_enums(declared["enums"], errors)
    for text in declared["texts"]:
        if text[2] and text[2] > 1:
            raise NotImplementedError(
                "structs declared with 'pack=%d'; only 0 or 1 are supported in API "
                "mode (try to use \"...;\", which does not require a 'pack' "
                "declaration)" % text[2])
    undefined = {r["name"] for r in declared["records"] if r["opaque"]}
    for record in declared["records"]:
        _check_members(record, undefined)
    for symbol in declared["symbols"]:
        if symbol["kind"] != "function" or symbol["included"]:
            continue
        _check_names(symbol, errors)
        result = symbol["result"]
        spelled = result["c"].replace("{}", "").strip()
        if result["open"] == "type" or (_opaque(result) and spelled in undefined):
            raise TypeError("function %s: %r is used as result type, but is opaque"
                            % (symbol["name"], spelled))


def refuse_py(declared, errors):
    """For a module in ABI mode; `errors` has the exception classes."""
    for enum in declared["enums"]:
        if enum["partial"]:
            raise errors.VerificationMissing(
                "%s: the '{...}' declaration has no '...' in ABI mode: its values are "
                "not known" % enum["name"])
    for symbol in declared["symbols"]:
        t = symbol.get("type")
        while t and t["kind"] == "array":
            if (t["length"] or 0) > MAX_LENGTH:
                raise OverflowError("%s: the array length %d is too large for the ABI "
                                    "mode" % (symbol["name"], t["length"]))
            t = t["to"]
