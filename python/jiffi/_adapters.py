# SPDX-License-Identifier: MIT
"""C functions for SciPy and numba: ffi.low_level_callable() and ffi.to_ctypes().

What is made here keeps the function, and with it its library, alive. SciPy and ctypes
are imported when they are asked for.
"""


def low_level_callable(ffi, function, user_data=None):
    """scipy.LowLevelCallable of a C function: see the documentation string of FFI."""
    capsule = ffi.capsule(function)
    try:
        from scipy import LowLevelCallable
    except ImportError:
        raise ImportError("ffi.low_level_callable() needs SciPy, which is not "
                          "installed") from None
    if isinstance(user_data, ffi.CData):
        user_data = ffi._data_capsule(user_data)
    return LowLevelCallable(capsule, user_data)


def to_ctypes(ffi, function):
    """The function as one of ctypes, with its types."""
    address = ffi.address(function)
    import ctypes

    ctype = ffi.typeof(function)
    name = getattr(function, "__name__", ctype.cname)
    if ctype.ellipsis:
        raise TypeError("to_ctypes(): '%s' takes any number of arguments (...)" % name)
    result = None if ctype.result.kind == "void" else _type(ctypes, ffi, ctype.result, name)
    params = [_type(ctypes, ffi, t, name) for t in ctype.args]
    made = ctypes.CFUNCTYPE(result, *params)(address)
    made.__name__ = name
    made._jiffi_function = function  # keeps it alive
    return made


def _type(ctypes, ffi, t, name):
    """The type of ctypes that is passed as `t` is."""
    if t.kind == "pointer":
        if t.item.kind == "primitive" and t.item.cname not in ("char", "FILE"):
            return ctypes.POINTER(_type(ctypes, ffi, t.item, name))
        return ctypes.c_void_p
    if t.kind == "function":
        return ctypes.c_void_p
    found = None
    if t.kind == "enum":
        signed = int(ffi.cast(t, -1)) < 0
        found = "c_%sint%d" % ("" if signed else "u", 8 * ffi.sizeof(t))
    elif t.kind == "primitive":
        found = _PRIMITIVES.get(t.cname) or _integer(ffi, t)
    if found is None:
        raise TypeError("to_ctypes(): '%s' passes a value of type '%s', which ctypes has "
                        "no plain type for" % (name, t.cname))
    return getattr(ctypes, found)


# Those that are no integers, and those that ctypes gives Python another object for.
_PRIMITIVES = {"float": "c_float", "double": "c_double", "long double": "c_longdouble",
               "_Bool": "c_bool", "char": "c_char", "wchar_t": "c_wchar"}


def _integer(ffi, t):
    """c_int32 for int; None of what is no integer."""
    value = ffi.cast(t, -1)
    try:
        wrapped = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    size = ffi.sizeof(t)
    if "complex" in t.cname.lower() or size not in (1, 2, 4, 8):
        return None
    return "c_%sint%d" % ("" if wrapped < 0 else "u", 8 * size)
