# SPDX-License-Identifier: MIT
"""The least cost of turning one string into another."""

from ._native import ffi, lib


def _letters(text):
    return ffi.new("uint32_t[]", [ord(letter) for letter in text])


def distance(a, b, insert=1, delete=1, replace=1):
    """How many insertions, deletions and replacements, each times its cost."""
    cost = ffi.new("unsigned[]", lib.EDIT_KINDS)
    cost[lib.EDIT_INSERT], cost[lib.EDIT_DELETE] = insert, delete
    cost[lib.EDIT_REPLACE] = replace
    found = lib.edit_distance(_letters(a), len(a), _letters(b), len(b), cost)
    if found == int(ffi.cast("size_t", -1)):
        raise MemoryError("no room for a row of %d numbers" % (len(b) + 1))
    return found
