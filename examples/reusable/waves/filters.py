# SPDX-License-Identifier: MIT
from __future__ import annotations

import array
from types import TracebackType
from typing import Any, Callable

from ._blocks import Block
from ._errors import check
from ._filter import ffi, lib


class Filter:
    """A low pass; close it, or leave its `with` block, when it is done.

    One that is forgotten is closed with its last reference.
    """

    def __init__(self, hertz: float) -> None:
        out = ffi.new("wave_filter **")
        check(lib.wave_filter_new(hertz, out))
        # From here on the pointer owns the filter: no path can lose it.
        self._filter: Any = ffi.gc(out[0], lib.wave_filter_free)

    def close(self) -> None:
        """Free the filter now; closing twice is no mistake."""
        if self._filter is not None:
            ffi.release(self._filter)
            self._filter = None

    def __enter__(self) -> Filter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def run(self, samples: array.array[float], rate: float = 48000.0,
            watch: Callable[[int], Any] | None = None, step: int = 4096) -> None:
        """Filter in place.

        `watch` is called with the number of samples done, for every `step` of
        them. False from it ends the run with Stopped, an exception in it ends the
        run and comes out here.
        """
        if self._filter is None:
            raise ValueError("the filter is closed")
        block = Block(samples, rate)
        if watch is None:
            check(lib.wave_filter_run(self._filter, block.pointer))
            return
        watcher = _Watcher(watch)
        handle = ffi.new_handle(watcher)
        status = lib.wave_filter_watched(self._filter, block.pointer, step, lib.waves_watch,
                                         handle)
        if watcher.error is not None:
            raise watcher.error
        check(status)


class _Watcher:
    """What travels through C as `void *user`."""

    def __init__(self, watch: Callable[[int], Any]) -> None:
        self.watch = watch
        self.error: BaseException | None = None


# C's frames cannot be unwound by a Python exception: it is kept in the watcher, C is
# told to stop, and run() raises it once C has returned.
@ffi.def_extern()
def waves_watch(user: Any, done: int) -> int:
    watcher = ffi.from_handle(user)
    try:
        return lib.WAVE_STOPPED if watcher.watch(done) is False else lib.WAVE_OK
    except BaseException as error:
        watcher.error = error
        return lib.WAVE_STOPPED
