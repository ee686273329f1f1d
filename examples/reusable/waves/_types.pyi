# SPDX-License-Identifier: MIT
from typing import Protocol

from jiffi import FFI, CData

ffi: FFI

class Types(Protocol):
    WAVE_OK: int
    WAVE_NO_MEMORY: int
    WAVE_BAD_FREQUENCY: int
    WAVE_STOPPED: int
    def wave_message(self, status: int, /) -> CData: ...

lib: Types
