# SPDX-License-Identifier: MIT
"""A Python buffer of doubles as a `struct wave_block *`, without a copy."""

from __future__ import annotations

import array
from typing import Any

from ._types import ffi


class Block:
    """`pointer` is good as long as the block is: it holds on to the samples."""

    def __init__(self, samples: array.array[float], rate: float) -> None:
        self._samples = ffi.from_buffer("double[]", samples, require_writable=True)
        self.pointer: Any = ffi.new("struct wave_block *")
        self.pointer.samples = self._samples
        self.pointer.count = len(self._samples)
        self.pointer.rate = rate
