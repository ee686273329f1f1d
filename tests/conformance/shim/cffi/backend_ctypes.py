# SPDX-License-Identifier: MIT
"""A name to pass as FFI(backend=...), which jiffi takes and does not use."""


class CTypesBackend:
    pass
