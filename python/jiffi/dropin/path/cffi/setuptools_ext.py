# SPDX-License-Identifier: MIT
"""setuptools' keyword `cffi_modules=`; jiffi.setuptools_ext does the work."""

import sys
import sysconfig

from jiffi import setuptools_ext as _own

__all__ = ["add_cffi_module", "cffi_modules"]


def add_cffi_module(dist, mod_spec):
    """One item of the keyword's list: "path/build.py:name of the FFI"."""
    from .api import FFI
    _own.add_module(dist, mod_spec, "cffi_modules", abi3=True, ffi_classes=(FFI,))


def cffi_modules(dist, attr, value):
    assert attr == "cffi_modules"
    for spec in [value] if isinstance(value, str) else value:
        add_cffi_module(dist, spec)


def _set_py_limited_api(Extension, kwds):
    """Choose `py_limited_api` in the keywords of an Extension unless they say it."""
    from . import recompiler
    if ("py_limited_api" not in kwds and recompiler.USE_LIMITED_API
            and not hasattr(sys, "gettotalrefcount")):
        import setuptools
        major = setuptools.__version__.partition(".")[0]
        # "development" and the like are newer than 26, where this began
        if not major.isdigit() or int(major) >= 26:
            kwds["py_limited_api"] = True
    if sysconfig.get_config_var("Py_GIL_DISABLED") and sys.version_info < (3, 15):
        kwds["py_limited_api"] = False
    return kwds
