# SPDX-License-Identifier: MIT
"""Running the C compiler through setuptools, and two small services around it."""

import os
import sys

from .error import VerificationError

__all__ = ["LIST_OF_FILE_NAMES", "compile", "flatten", "get_extension",
           "maybe_relative_path"]

# Keywords of Extension whose values are names of files, relative to the caller's.
LIST_OF_FILE_NAMES = ["sources", "include_dirs", "library_dirs", "extra_objects",
                      "depends"]


def get_extension(srcfilename, modname, sources=(), **kwds):
    """The Extension of a module whose generated C is in `srcfilename`."""
    from setuptools import Extension
    return Extension(name=modname,
                     sources=[srcfilename] + [os.path.normpath(s) for s in sources],
                     **kwds)


def compile(tmpdir, ext, compiler_verbose=0, debug=None):
    """Build the Extension `ext` in `tmpdir`; the absolute path of what came out.

    VerificationError when the compiler or the linker refuses.
    """
    before = dict(os.environ)
    try:
        return os.path.abspath(_build(tmpdir, ext, compiler_verbose, debug))
    finally:
        # build_ext appends to variables of the environment each time.
        for name, value in before.items():
            if os.environ.get(name) != value:
                os.environ[name] = value


def _build(tmpdir, ext, verbose, debug):
    import setuptools  # noqa: F401  (puts its distutils in place)
    from distutils.errors import CompileError, LinkError
    from setuptools.dist import Distribution
    dist = Distribution({"ext_modules": [ext]})
    dist.parse_config_files()
    options = dist.get_option_dict("build_ext")
    options["debug"] = (__name__, sys.flags.debug if debug is None else debug)
    options["force"] = (__name__, True)
    options["build_lib"] = (__name__, tmpdir)
    options["build_temp"] = (__name__, tmpdir)
    restore = _quiet(verbose)
    try:
        dist.run_command("build_ext")
        [output] = dist.get_command_obj("build_ext").get_outputs()
        return output
    except (CompileError, LinkError) as e:
        raise VerificationError("%s: %s" % (type(e).__name__, e))
    finally:
        restore()


def _quiet(verbose):
    """Set how much distutils says; a function that sets it back."""
    from distutils import log
    if hasattr(log, "set_threshold"):
        old = log.set_threshold(log.WARN) if hasattr(log, "WARN") else None
        if hasattr(log, "set_verbosity"):
            log.set_verbosity(verbose)
        return lambda: old is not None and log.set_threshold(old)
    return lambda: None


def maybe_relative_path(path):
    """`path` relative to the current directory if it lies below it, else as it is."""
    if not os.path.isabs(path):
        return path
    below, rest = path, []
    while True:
        parent, name = os.path.split(below)
        if parent == below or not parent:
            return path
        rest.insert(0, name)
        try:
            if os.path.samefile(parent, os.curdir):
                return os.path.join(*rest)
        except OSError:
            pass
        below = parent


def flatten(x):
    """A text that is the same exactly for equal keywords: part of a file's name."""
    if isinstance(x, str):
        return "%ds%s" % (len(x), x)
    if isinstance(x, dict):
        return "%dd" % len(x) + "".join(flatten(k) + flatten(x[k]) for k in sorted(x))
    if isinstance(x, (list, tuple)):
        return "%dl" % len(x) + "".join(map(flatten, x))
    if isinstance(x, int):
        return "%di" % x
    raise TypeError("the keywords to verify() contains unsupported object %r" % (x,))
