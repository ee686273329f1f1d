# SPDX-License-Identifier: MIT
"""Status codes become exceptions here, and nowhere else."""

from ._types import ffi, lib


class WaveError(Exception):
    """The C library refused; `status` is its code."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class FrequencyError(WaveError, ValueError):
    """A frequency that cannot be had at this rate."""


class Stopped(WaveError):
    """The watcher said no."""


_CLASSES = {lib.WAVE_BAD_FREQUENCY: FrequencyError, lib.WAVE_STOPPED: Stopped}


def check(status: int) -> None:
    """Return if all went well, raise what belongs to `status` if not."""
    if status == lib.WAVE_OK:
        return
    if status == lib.WAVE_NO_MEMORY:
        raise MemoryError
    message = ffi.string(lib.wave_message(status)).decode()
    raise _CLASSES.get(status, WaveError)(status, message)
