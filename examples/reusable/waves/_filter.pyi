# SPDX-License-Identifier: MIT
from typing import Protocol

from jiffi import FFI, CData

from ._types import Types

ffi: FFI

class Filters(Types, Protocol):
    waves_watch: CData
    def wave_filter_new(self, hertz: float, out: CData, /) -> int: ...
    def wave_filter_free(self, filter: CData, /) -> None: ...
    def wave_filter_run(self, filter: CData, block: CData, /) -> int: ...
    def wave_filter_watched(
        self, filter: CData, block: CData, step: int, watch: CData, user: CData, /
    ) -> int: ...

lib: Filters
