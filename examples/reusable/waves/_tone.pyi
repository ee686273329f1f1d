# SPDX-License-Identifier: MIT
from typing import Protocol

from jiffi import FFI, CData

from ._types import Types

ffi: FFI

class Tone(Types, Protocol):
    def wave_tone(self, out: CData, hertz: float, volume: float, /) -> int: ...

lib: Tone
