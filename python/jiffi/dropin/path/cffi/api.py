# SPDX-License-Identifier: MIT
"""`cffi.FFI`: the extension's in-line FFI class, and what only Python needs."""

import _cffi_backend


class FFI(_cffi_backend._InlineFFI):
    """Declares C and calls it: ffi.cdef(), then ffi.dlopen(), ffi.set_source(), ...

    `backend` is taken for compatibility; there is only one.
    """

    _backend = _cffi_backend

    def __init__(self, backend=None):
        super().__init__(backend)
        self._libraries = []

    def dlopen(self, name, flags=0):
        """The library `name` (a file name, None for the program itself, or a handle
        as `void *`). It stays loaded as long as this FFI."""
        lib = super().dlopen(name, flags)
        self._libraries.append(lib)
        return lib
