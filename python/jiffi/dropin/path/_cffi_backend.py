# SPDX-License-Identifier: MIT
"""Loads jiffi's extension under its other name, and makes way for it.

The same shared object that is `jiffi._jiffi` also exports `PyInit__cffi_backend`,
a module with a state of its own. This file stands where the import system looks;
the module it leaves in sys.modules is the extension.
"""

import sys


def _find_jiffi(name, path=None, target=None):
    """Last on sys.meta_path: `import jiffi` works, from the package this directory
    belongs to, even where only this directory is on the path."""
    if name != "jiffi":
        return None
    from importlib.util import spec_from_file_location
    return spec_from_file_location(name, _package() + "/__init__.py")


_find_jiffi.find_spec = _find_jiffi  # a class would be slower to make


def _here():
    from os.path import abspath, dirname
    return dirname(abspath(__file__))


def _package():
    from os.path import dirname
    return dirname(dirname(_here()))


def _extension_file(package):
    """The shared object: beside the package this directory belongs to, or where
    `import jiffi` finds it (editable installations)."""
    from os.path import exists
    from _frozen_importlib_external import EXTENSION_SUFFIXES
    for suffix in EXTENSION_SUFFIXES:
        file = package + "/_jiffi" + suffix
        if exists(file):
            return file
    try:
        from jiffi import _jiffi
    except ImportError as e:
        raise ImportError("no extension of jiffi for this Python in %s: %s"
                          % (package, e), name="_cffi_backend") from None
    return _jiffi.__file__


def _load():
    from _frozen_importlib import ModuleSpec, module_from_spec
    from _frozen_importlib_external import ExtensionFileLoader
    origin = _extension_file(_package())
    loader = ExtensionFileLoader("_cffi_backend", origin)
    spec = ModuleSpec("_cffi_backend", loader, origin=origin)
    spec._set_fileattr = True
    module = module_from_spec(spec)
    module.__jiffi__ = True
    module._dropin_path = _here()
    # In place before it runs: what it imports may import it.
    sys.modules["_cffi_backend"] = module
    loader.exec_module(module)
    sys.meta_path.append(_find_jiffi)


_load()
