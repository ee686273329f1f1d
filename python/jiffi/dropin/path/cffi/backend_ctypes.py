# SPDX-License-Identifier: MIT
"""A name for FFI(backend=CTypesBackend()). jiffi has one back end, and that is it."""


class CTypesBackend:
    def __new__(cls):
        import _cffi_backend
        return _cffi_backend
