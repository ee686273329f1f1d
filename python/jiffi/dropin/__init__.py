# SPDX-License-Identifier: MIT
"""jiffi under the names `cffi` and `_cffi_backend`.

    python -m jiffi.dropin script.py arguments
    python -m jiffi.dropin -m module arguments

    import jiffi.dropin             # at the top of a program,
    jiffi.dropin.install()          # before anything imports cffi

    PYTHONPATH=$(python -c "import jiffi.dropin; print(jiffi.dropin.path())")

Code written for cffi then runs on jiffi, and so do modules that cffi compiled.
Where the two behave differently, cffi's way wins in there; a program may use the
names `jiffi` and `cffi` side by side, but their types and objects never meet.
"""

import os
import sys

__all__ = ["install", "path"]

NAMES = ("cffi", "_cffi_backend")


def path():
    """The directory that, first on sys.path or PYTHONPATH, makes `import cffi` and
    `import _cffi_backend` be jiffi."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "path")


def install(children=False):
    """From here on, `cffi` and `_cffi_backend` are jiffi.

    With `children`, Python processes started from this one as well: the directory
    goes to the front of PYTHONPATH in os.environ. Raises ImportError when another
    cffi was imported already, because what was made with it would not fit.
    """
    directory = path()
    for name in NAMES:
        refuse_other(name, directory)
    if sys.path[:1] != [directory]:
        sys.path[:] = [directory] + [p for p in sys.path if p != directory]
    if children:
        old = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        os.environ["PYTHONPATH"] = os.pathsep.join(
            [directory] + [p for p in old if p and p != directory])
    # Both now: whatever happens to sys.path later, they stay.
    import _cffi_backend  # noqa: F401
    import cffi  # noqa: F401


def refuse_other(name, directory):
    """ImportError unless `name` is not imported, or is ours."""
    module = sys.modules.get(name)
    if module is None or getattr(module, "__jiffi__", None):
        return
    raise ImportError(
        "jiffi.dropin.install(): %r was imported before, from %s; call install() (or "
        "put %s first on PYTHONPATH) before anything imports it"
        % (name, getattr(module, "__file__", None) or "inside the interpreter",
           directory), name=name)
