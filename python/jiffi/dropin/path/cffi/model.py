# SPDX-License-Identifier: MIT
"""The names of cffi's own model of C types that code outside of it looks at.

jiffi's types live in its extension. Of stock cffi's model there is the table of
primitive types; the classes are here by name and say so when they are used.
"""

_KINDS = {
    "c": ("char", "wchar_t", "char16_t", "char32_t"),
    "f": ("float", "double", "long double"),
    "j": ("_cffi_float_complex_t", "_cffi_double_complex_t"),
}


def _primitives():
    from .cffi_opcode import PRIMITIVE_TO_INDEX
    kinds = {name: kind for kind, names in _KINDS.items() for name in names}
    return {name: kinds.get(name, "i") for name in PRIMITIVE_TO_INDEX}


class BaseTypeByIdentity:
    """What stands in for a class of cffi's model of types."""

    def __init__(self, *args, **kwds):
        raise NotImplementedError(
            "cffi.model.%s: jiffi keeps C types in its extension and has no model of "
            "them in Python; ffi.typeof() gives its types" % type(self).__name__)


class BaseType(BaseTypeByIdentity):
    pass


class BasePrimitiveType(BaseType):
    pass


class PrimitiveType(BasePrimitiveType):
    # {name: "i" integer, "c" character, "f" floating, "j" complex}
    ALL_PRIMITIVE_TYPES = _primitives()


class UnknownIntegerType(BasePrimitiveType):
    pass


class UnknownFloatType(BasePrimitiveType):
    pass


class VoidType(BaseType):
    pass


class BaseFunctionType(BaseType):
    pass


class RawFunctionType(BaseFunctionType):
    pass


class FunctionPtrType(BaseFunctionType):
    pass


class PointerType(BaseType):
    pass


class ConstPointerType(PointerType):
    pass


class NamedPointerType(PointerType):
    pass


class ArrayType(BaseType):
    pass


class StructOrUnionOrEnum(BaseTypeByIdentity):
    pass


class StructOrUnion(StructOrUnionOrEnum):
    pass


class StructType(StructOrUnion):
    pass


class UnionType(StructOrUnion):
    pass


class EnumType(StructOrUnionOrEnum):
    pass
