# SPDX-License-Identifier: MIT
"""Imported by tests for its table of primitive type names."""

PRIMITIVE_TO_INDEX = {name: i for i, name in enumerate((
    "void", "_Bool", "char", "signed char", "unsigned char", "short",
    "unsigned short", "int", "unsigned int", "long", "unsigned long", "long long",
    "unsigned long long", "float", "double", "long double", "wchar_t", "int8_t",
    "uint8_t", "int16_t", "uint16_t", "int32_t", "uint32_t", "int64_t", "uint64_t",
    "intptr_t", "uintptr_t", "ptrdiff_t", "size_t", "ssize_t", "int_least8_t",
    "uint_least8_t", "int_least16_t", "uint_least16_t", "int_least32_t",
    "uint_least32_t", "int_least64_t", "uint_least64_t", "int_fast8_t",
    "uint_fast8_t", "int_fast16_t", "uint_fast16_t", "int_fast32_t",
    "uint_fast32_t", "int_fast64_t", "uint_fast64_t", "intmax_t", "uintmax_t",
    "float _Complex", "double _Complex", "char16_t", "char32_t"))}
