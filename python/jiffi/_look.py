# SPDX-License-Identifier: MIT
"""`jiffi explain` and `jiffi features`: the command line of looking inside."""

import importlib
import os
import sys

EXPLAIN = """\
jiffi explain m "double pow(double, double)"     a library and a declaration
jiffi explain package.module:lib.pow             something in a module
"""


class Mistake(Exception):
    """What the user got wrong, as a sentence."""


# --- a library and a declaration ---------------------------------------------------


def declared(library, text, gil):
    """(ffi, functions) for `text` in the library of that name; "-" is the program."""
    from jiffi import FFI, CDefError, FFIError
    ffi = FFI()
    text = text.strip()
    try:
        ffi.cdef(text if text.endswith((";", "}")) else text + ";",
                 **({"gil": gil} if gil else {}))
        lib = ffi.dlopen(None if library == "-" else library)
    except (CDefError, FFIError, OSError) as e:
        raise Mistake(str(e)) from None
    functions = []
    for name in dir(lib):
        if name.startswith("__"):
            continue
        try:
            value = getattr(lib, name)
        except AttributeError as e:
            raise Mistake(str(e)) from None
        if callable(value):
            functions.append(value)
    if not functions:
        raise Mistake("%r declares no function" % text)
    return ffi, functions


# --- something in a module ---------------------------------------------------------


def load(name):
    try:
        return importlib.import_module(name)
    except ImportError as e:
        missing = getattr(e, "name", None)
        if isinstance(e, ModuleNotFoundError) and missing and (
                name + ".").startswith(missing + "."):
            return None
        raise Mistake("cannot import %s: %s" % (name, e)) from None


def split(path):
    """(module, words behind it) of "package.module:lib.f" or "package.module.lib.f"."""
    if ":" in path:
        name, _, rest = path.partition(":")
        module = load(name) if name else None
        if module is None:
            raise Mistake("there is no module %r" % name)
        return module, rest.split(".")
    words = path.split(".")
    for n in range(len(words) - 1, 0, -1):
        module = load(".".join(words[:n]))
        if module is not None:
            return module, words[n:]
    raise Mistake("%r is nothing in a module: there is no module %r; a library takes a "
                  "declaration too" % (path, words[0]))


def found(path):
    """What stands at the path."""
    value, words = split(path)
    at = value.__name__
    for word in words:
        if not hasattr(value, word):
            raise Mistake("%s has no %r" % (at, word))
        value = getattr(value, word)
        at += "." + word
    return value


# --- the commands ------------------------------------------------------------------


def run_explain(args, parser):
    from jiffi import FFI
    from ._explain import explain
    sys.path.insert(0, os.getcwd())  # the console script has its own directory there
    try:
        if args.declaration is not None:
            ffi, functions = declared(args.what, args.declaration, args.gil)
        elif args.gil:
            parser.error("--gil needs a declaration: what is in a module has its own")
        else:
            ffi, functions = FFI(), [found(args.what)]
        text = "\n".join(explain(ffi, f, code=args.code) for f in functions)
    except Mistake as e:
        parser.exit(1, "%s: %s\n" % (parser.prog, e))
    except TypeError as e:
        parser.exit(1, "%s: %s\n" % (parser.prog, e))
    sys.stdout.write(text)


def run_features(args, parser):
    from ._features import features
    print(features())


def add_look_commands(commands):
    """To the sub-commands of `jiffi`."""
    import argparse
    explain = commands.add_parser(
        "explain", help="how calls of a function are made", epilog=EXPLAIN,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    explain.add_argument("what", help="a library, as for dlopen(), or package.module:lib.f")
    explain.add_argument("declaration", nargs="?", help="with a library: in C")
    explain.add_argument("--gil", choices=("auto", "hold", "release"),
                         help="as for cdef()")
    explain.add_argument("--no-code", dest="code", action="store_false",
                         help="without the machine code")
    explain.set_defaults(run=run_explain, parser=explain)
    features = commands.add_parser(
        "features", help="which modes are active here, and why not the others")
    features.set_defaults(run=run_features, parser=features)
