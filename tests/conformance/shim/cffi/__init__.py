# SPDX-License-Identifier: MIT
"""The names under which cffi's own tests look for what they test.

Everything is jiffi's; nothing is adapted on the way. The one addition is
`set_source`, which the tests of out-of-line modules call before they compile:
see recompiler.py.
"""

import jiffi
from jiffi import (CDefError, FFIError, PkgConfigError, VerificationError,
                   VerificationMissing)

from . import recompiler


class FFI(jiffi.FFI):
    def set_source(self, module_name, source, **kwds):
        recompiler.remember(self, module_name)


import _cffi_backend  # noqa: E402

__version__ = _cffi_backend.__version__
__version_info__ = tuple(int(x) for x in __version__.split(".")[:3])
__all__ = ["FFI", "CDefError", "FFIError", "PkgConfigError", "VerificationError",
           "VerificationMissing"]
