# SPDX-License-Identifier: MIT
"""Numbers in the tables of modules that cffi compiled: operations, primitive types.

A word of a table is `operation | argument << 8`.
"""


class CffiOp:
    """One word of the table of types."""

    def __init__(self, op, arg):
        self.op = op
        self.arg = arg

    def __str__(self):
        return "(%s %s)" % (CLASS_NAME.get(self.op, self.op), self.arg)

    def as_python_bytes(self):
        """The word as the four bytes, big-endian, of an out-of-line ABI module,
        escaped for a bytes literal."""
        if self.op is None:
            if not str(self.arg).isdigit():
                raise ValueError("a length that is not known: %r" % (self.arg,))
            word = int(self.arg)
        else:
            word = self.op | self.arg << 8
        if not 0 <= word < 1 << 31:
            raise OverflowError("%r does not fit the table" % (self.arg,))
        return "".join("\\x%02X" % b for b in word.to_bytes(4, "big"))


_OPERATIONS = ("PRIMITIVE", "POINTER", "ARRAY", "OPEN_ARRAY", "STRUCT_UNION", "ENUM",
               "FUNCTION", "FUNCTION_END", "NOOP", "BITFIELD", "TYPENAME",
               "CPYTHON_BLTN_V", "CPYTHON_BLTN_N", "CPYTHON_BLTN_O", "CONSTANT",
               "CONSTANT_INT", "GLOBAL_VAR", "DLOPEN_FUNC", "DLOPEN_CONST",
               "GLOBAL_VAR_F", "EXTERN_PYTHON")

# OP_PRIMITIVE = 1, OP_POINTER = 3, and so on: the odd numbers.
for _i, _name in enumerate(_OPERATIONS):
    globals()["OP_" + _name] = 2 * _i + 1

CLASS_NAME = {2 * i + 1: name for i, name in enumerate(_OPERATIONS)}

# The order is that of their numbers.
_PRIMITIVES = (
    ("VOID", "void"), ("BOOL", "_Bool"), ("CHAR", "char"), ("SCHAR", "signed char"),
    ("UCHAR", "unsigned char"), ("SHORT", "short"), ("USHORT", "unsigned short"),
    ("INT", "int"), ("UINT", "unsigned int"), ("LONG", "long"),
    ("ULONG", "unsigned long"), ("LONGLONG", "long long"),
    ("ULONGLONG", "unsigned long long"), ("FLOAT", "float"), ("DOUBLE", "double"),
    ("LONGDOUBLE", "long double"), ("WCHAR", "wchar_t"), ("INT8", "int8_t"),
    ("UINT8", "uint8_t"), ("INT16", "int16_t"), ("UINT16", "uint16_t"),
    ("INT32", "int32_t"), ("UINT32", "uint32_t"), ("INT64", "int64_t"),
    ("UINT64", "uint64_t"), ("INTPTR", "intptr_t"), ("UINTPTR", "uintptr_t"),
    ("PTRDIFF", "ptrdiff_t"), ("SIZE", "size_t"), ("SSIZE", "ssize_t"),
    ("INT_LEAST8", "int_least8_t"), ("UINT_LEAST8", "uint_least8_t"),
    ("INT_LEAST16", "int_least16_t"), ("UINT_LEAST16", "uint_least16_t"),
    ("INT_LEAST32", "int_least32_t"), ("UINT_LEAST32", "uint_least32_t"),
    ("INT_LEAST64", "int_least64_t"), ("UINT_LEAST64", "uint_least64_t"),
    ("INT_FAST8", "int_fast8_t"), ("UINT_FAST8", "uint_fast8_t"),
    ("INT_FAST16", "int_fast16_t"), ("UINT_FAST16", "uint_fast16_t"),
    ("INT_FAST32", "int_fast32_t"), ("UINT_FAST32", "uint_fast32_t"),
    ("INT_FAST64", "int_fast64_t"), ("UINT_FAST64", "uint_fast64_t"),
    ("INTMAX", "intmax_t"), ("UINTMAX", "uintmax_t"),
    ("FLOATCOMPLEX", "_cffi_float_complex_t"),
    ("DOUBLECOMPLEX", "_cffi_double_complex_t"),
    ("CHAR16", "char16_t"), ("CHAR32", "char32_t"))

for _i, (_name, _) in enumerate(_PRIMITIVES):
    globals()["PRIM_" + _name] = _i
_NUM_PRIM = len(_PRIMITIVES)
_UNKNOWN_PRIM, _UNKNOWN_FLOAT_PRIM, _UNKNOWN_LONG_DOUBLE = -1, -2, -3
_IO_FILE_STRUCT = -1

PRIMITIVE_TO_INDEX = {name: i for i, (_, name) in enumerate(_PRIMITIVES) if i}

# Flags of a struct or union.
F_UNION, F_CHECK_FIELDS, F_PACKED, F_EXTERNAL, F_OPAQUE = 1, 2, 4, 8, 16

# "struct": a table of {name: value} as code around cffi looks them up.
G_FLAGS = {b"_CFFI_F_" + _name.encode(): globals()["F_" + _name]
           for _name in ("UNION", "CHECK_FIELDS", "PACKED", "EXTERNAL", "OPAQUE")}
