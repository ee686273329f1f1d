# SPDX-License-Identifier: MIT
"""cffi by jiffi. The package itself comes with jiffi; this file becomes it."""

from _cffi_backend import _dropin_path as _path
from importlib.machinery import SourceFileLoader as _Loader

# From here on everything is as if the package had been found over there:
# submodules are looked up in its directory, its code runs in this module.
__path__ = [_path + "/cffi"]
__file__ = _path + "/cffi/__init__.py"
__spec__.submodule_search_locations = __path__
__spec__.origin = __file__
exec(_Loader("cffi", __file__).get_code("cffi"))
