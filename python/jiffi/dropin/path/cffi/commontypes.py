# SPDX-License-Identifier: MIT
"""The typedefs that every cdef knows without declaring them."""

import _cffi_backend

# {name: what it stands for}; the extension reads them without this table.
COMMON_TYPES = {"FILE": "struct _IO_FILE", "bool": "_Bool"}

if hasattr(_cffi_backend, "_get_common_types"):
    _cffi_backend._get_common_types(COMMON_TYPES)
