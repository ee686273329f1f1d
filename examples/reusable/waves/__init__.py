# SPDX-License-Identifier: MIT
"""Tones and filters.

    with Filter(1000.0) as low_pass:
        samples = tone(440.0, seconds=0.1)
        low_pass.run(samples)
"""

from ._errors import FrequencyError, Stopped, WaveError
from .filters import Filter
from .tones import tone

__all__ = ["Filter", "FrequencyError", "Stopped", "WaveError", "tone"]
