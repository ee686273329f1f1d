# SPDX-License-Identifier: MIT
"""The names of cffi's extension that its in-line tests import; all jiffi's."""

import os

import jiffi
from jiffi import FFI  # noqa: F401

CData = jiffi.FFI.CData
CType = jiffi.FFI.CType
buffer = jiffi.FFI.buffer
globals().update((k, v) for k, v in vars(jiffi.FFI).items() if k.startswith("RTLD_"))

# The suite compares this with its own version: it is that of the suite under way.
__version__ = os.environ.get("JF_CONFORMANCE_VERSION", "0.0.0")
