# SPDX-License-Identifier: MIT
"""The module of module_sample.c, compiled and imported once per choice of macros.

It is written by hand as the generator writes its modules, so that what happens at
run time is tested without the generator.
"""

import atexit
import functools
import importlib.machinery
import importlib.util
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
HEADERS = HERE.parent.parent / "src" / "python"


def path(*flags, optimize="-O0"):
    """Path of the shared object, compiled with these flags once."""
    return build(flags, optimize)


@functools.lru_cache(maxsize=None)
def build(flags, optimize):
    where = tempfile.mkdtemp(prefix="jiffi-module-")
    atexit.register(shutil.rmtree, where, True)
    out = pathlib.Path(where) / ("sample" + importlib.machinery.EXTENSION_SUFFIXES[0])
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    compiler = shutil.which(compiler) or "cc"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-pthread", optimize, "-Wall", "-Wextra", "-Wno-cast-function-type",
         "-Wno-unused",
         "-I", str(HEADERS), "-isystem", sysconfig.get_path("include"), *flags,
         str(HERE / "module_sample.c"), "-o", str(out)],
        check=True,
    )  # fmt: skip
    return out


def load(*flags, name="sample", optimize="-O0"):
    """Import it, from a shared object of its own for each choice of flags."""
    spec = importlib.util.spec_from_file_location(name, path(*flags, optimize=optimize))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.lru_cache(maxsize=None)
def sample():
    """The correct one, in sys.modules as `sample`."""
    module = load()
    sys.modules["sample"] = module
    return module
