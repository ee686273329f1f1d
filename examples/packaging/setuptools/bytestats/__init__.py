# SPDX-License-Identifier: MIT
"""How often each byte occurs, and how much that says."""

from ._native import ffi, lib


class ByteStats:
    """Counts of the bytes that were added."""

    def __init__(self, data=b""):
        self._stats = ffi.new("struct bytestats *")
        self.add(data)

    def add(self, data):
        view = ffi.from_buffer(data)
        lib.bytestats_add(self._stats, view, len(view))

    def __len__(self):
        return self._stats.total

    def __getitem__(self, value):
        if not 0 <= value < lib.BYTESTATS_VALUES:
            raise IndexError("a byte is 0 to %d, not %r" % (lib.BYTESTATS_VALUES - 1, value))
        return self._stats.count[value]

    def entropy(self):
        """Bits per byte."""
        return lib.bytestats_entropy(self._stats)
