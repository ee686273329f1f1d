# SPDX-License-Identifier: MIT
"""The part of the old module `imp` that code around cffi takes from here."""

import importlib.machinery
import importlib.util
import sys

__all__ = ["PY_SOURCE", "PY_COMPILED", "C_EXTENSION", "find_module", "get_suffixes",
           "load_dynamic"]

PY_SOURCE, PY_COMPILED, C_EXTENSION = 1, 2, 3


def get_suffixes():
    """[(suffix, mode, kind)] of the files that can be imported."""
    kinds = ((importlib.machinery.EXTENSION_SUFFIXES, "rb", C_EXTENSION),
             (importlib.machinery.SOURCE_SUFFIXES, "r", PY_SOURCE),
             (importlib.machinery.BYTECODE_SUFFIXES, "rb", PY_COMPILED))
    return [(s, mode, kind) for suffixes, mode, kind in kinds for s in suffixes]


def find_module(name, path=None):
    """(None, file or directory of the module, None)."""
    spec = importlib.machinery.PathFinder.find_spec(name, path)
    if spec is None:
        raise ImportError("no module named %r" % (name,), name=name)
    places = spec.submodule_search_locations
    return None, list(places)[0] if places else spec.origin, None


def load_dynamic(name, path, file=None):
    """Import the extension module in the file `path` under the name `name`."""
    loader = importlib.machinery.ExtensionFileLoader(name, path)
    spec = importlib.machinery.ModuleSpec(name, loader, origin=path)
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        if before is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = before
        raise
    # A module may put another object in its own place.
    return sys.modules.get(name, module)
