# SPDX-License-Identifier: MIT
"""An engine of stock cffi's verifier by name; jiffi's verifier needs none."""


class VGenericEngine:
    def __init__(self, *args, **kwds):
        raise NotImplementedError(
            "cffi.vengine_gen.VGenericEngine: jiffi's ffi.verify() has no such engine")
