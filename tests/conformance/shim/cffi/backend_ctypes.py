# SPDX-License-Identifier: MIT
"""A name for FFI(backend=...): jiffi takes a module there and does not use it."""


class CTypesBackend:
    def __new__(cls):
        import _cffi_backend
        return _cffi_backend
