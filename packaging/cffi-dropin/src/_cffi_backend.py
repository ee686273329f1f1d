# SPDX-License-Identifier: MIT
"""_cffi_backend by jiffi: runs the loader that comes with jiffi, which puts the
extension in this module's place."""

from importlib.machinery import PathFinder, SourceFileLoader


def _find():
    spec = PathFinder.find_spec("jiffi")
    if spec is None:
        from importlib.util import find_spec  # editable installations
        spec = find_spec("jiffi")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("the package jiffi, which this distribution named cffi "
                          "stands on, is not installed: pip install jiffi",
                          name="jiffi")
    return list(spec.submodule_search_locations)[0]


__file__ = _find() + "/dropin/path/_cffi_backend.py"
exec(SourceFileLoader("_cffi_backend", __file__).get_code("_cffi_backend"))
