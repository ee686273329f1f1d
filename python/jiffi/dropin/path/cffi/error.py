# SPDX-License-Identifier: MIT
"""The exceptions; they are made by the extension, which raises them."""

from _cffi_backend import (CDefError, FFIError, PkgConfigError, VerificationError,
                           VerificationMissing)

__all__ = ["CDefError", "FFIError", "PkgConfigError", "VerificationError",
           "VerificationMissing"]
