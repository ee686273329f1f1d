# SPDX-License-Identifier: MIT
"""python -m jiffi.dropin script.py ... | -m module ... | -c code ...

Runs a program as `python` would, with jiffi under the names cffi and
_cffi_backend, in the processes it starts as well.
"""

import os
import sys

from jiffi import dropin

USAGE = """usage: python -m jiffi.dropin script.py [arguments]
       python -m jiffi.dropin -m module [arguments]
       python -m jiffi.dropin -c code [arguments]
       python -m jiffi.dropin --path"""


def main():
    arguments = sys.argv[1:]
    if arguments == ["--path"]:
        print(dropin.path())
        return
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        sys.exit(0 if arguments else 2)
    option = arguments[0] if arguments[0] in ("-m", "-c") else None
    if option and len(arguments) < 2:
        sys.exit("python -m jiffi.dropin: argument expected for the %s option\n%s"
                 % (option, USAGE))
    if arguments[0].startswith("-") and not option:
        sys.exit("python -m jiffi.dropin: unknown option %s\n%s"
                 % (arguments[0], USAGE))
    # What stands first is the current directory, put there by `python -m`; a
    # script has its own directory there instead.
    here = sys.path.pop(0) if sys.path else ""
    dropin.install(children=True)
    import runpy
    if option == "-m":
        sys.path.insert(0, here)
        sys.argv[:] = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif option == "-c":
        sys.path.insert(0, "")
        sys.argv[:] = ["-c"] + arguments[2:]
        run_code(arguments[1])
    else:
        sys.path.insert(0, os.path.dirname(os.path.abspath(arguments[0])))
        sys.argv[:] = arguments
        runpy.run_path(arguments[0], run_name="__main__")


def run_code(text):
    """The program given after -c, in the module __main__ itself, so that what it
    defines is where pickle and multiprocessing look for it."""
    module = type(sys)("__main__")
    sys.modules["__main__"] = module
    module.__dict__["__builtins__"] = __builtins__
    exec(compile(text, "<string>", "exec"), module.__dict__)


if __name__ == "__main__":
    main()
