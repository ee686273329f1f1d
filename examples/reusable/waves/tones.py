# SPDX-License-Identifier: MIT
from __future__ import annotations

import array

from ._blocks import Block
from ._errors import check
from ._tone import lib


def tone(hertz: float, seconds: float = 1.0, rate: float = 48000.0,
         volume: float = 1.0) -> array.array[float]:
    """A sine."""
    samples = array.array("d", bytes(8 * round(seconds * rate)))
    check(lib.wave_tone(Block(samples, rate).pointer, hertz, volume))
    return samples
