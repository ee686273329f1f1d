# SPDX-License-Identifier: MIT
"""An engine of stock cffi's verifier by name; jiffi's verifier needs none."""


class VCPythonEngine:
    def __init__(self, *args, **kwds):
        raise NotImplementedError(
            "cffi.vengine_cpy.VCPythonEngine: jiffi's ffi.verify() has no such engine")
