# SPDX-License-Identifier: MIT
"""Keywords of set_source() as pkg-config gives them."""

import subprocess
import sys

from jiffi.build import pkgconfig as _own
from .error import PkgConfigError

__all__ = ["call", "flags_from_pkgconfig", "merge_flags"]

merge_flags = _own.merge_flags


def call(libname, flag, encoding=sys.getfilesystemencoding()):
    """What `pkg-config FLAG LIBNAME` prints."""
    return _own.run(libname, flag, PkgConfigError, encoding, subprocess.Popen)


def flags_from_pkgconfig(libs):
    """{keyword of set_source: list} for the packages named ("foo", "bar >= 1.8")."""
    # `call` by name: programs put another function there.
    return _own.flags_from_pkgconfig(libs, PkgConfigError,
                                     lambda package, flag, error: call(package, flag))
