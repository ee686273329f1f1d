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

    @property
    def _windows_unicode(self):
        """What set_unicode() was told; None before."""
        if "TCHAR" not in self.list_types()[0]:
            return None
        return self.typeof("TCHAR") is self.typeof("wchar_t")

    def _apply_windows_unicode(self, kwds):
        from jiffi.build.source import add_unicode_flags
        add_unicode_flags(self, kwds)

    def _apply_embedding_fix(self, kwds):
        from jiffi.build.source import add_embedding_flags
        add_embedding_flags(kwds)
