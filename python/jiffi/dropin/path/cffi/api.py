# SPDX-License-Identifier: MIT
"""`cffi.FFI`: the extension's in-line FFI class, and what only Python needs."""

import _cffi_backend


class FFI(_cffi_backend._InlineFFI):
    """Declares C and calls it: ffi.cdef(), then ffi.dlopen(), ffi.set_source(), ...

    `backend` is taken for compatibility; there is only one.
    """

    _backend = _cffi_backend
