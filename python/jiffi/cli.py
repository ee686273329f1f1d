# SPDX-License-Identifier: MIT
"""The command line. `jiffi explain` and `jiffi features` are in _look.py; `jiffi gen`
writes the C of a module, for build systems:

    jiffi gen exec-python [--ffi-var NAME] PYFILE OUTPUT
    jiffi gen read-sources MODNAME CDEF CSRC OUTPUT

The arguments are those of cffi-gen-src; `-` is standard input or output.
"""

import argparse
import io
import os
import sys

from ._look import add_look_commands

# What a script sees as its __name__: neither "__main__", so that its own
# compile() does not run, nor a module that could be imported.
SCRIPT_NAME = "jiffi.gen_src"


def ffi_classes():
    """What may be an FFI: jiffi's, and that of a cffi which was imported."""
    from jiffi import FFI
    cffi = sys.modules.get("cffi")
    return (FFI,) if cffi is None else (FFI, cffi.FFI)


def find_ffi(text, filename, variable, ffi_class=None, script_name=SCRIPT_NAME):
    """Run the script `text` and return the FFI that it binds to `variable`, or
    that a function of this name returns."""
    filename = os.path.abspath(filename)
    names = {"__name__": script_name, "__file__": filename}
    path = sys.path[:]
    sys.path.insert(0, os.path.dirname(filename))
    try:
        exec(compile(text, filename, "exec"), names, names)
        if variable not in names:
            raise NameError("Expected to find the FFI object with the name %r, but it "
                            "was not found." % (variable,))
        ffi, classes = names[variable], ffi_class or ffi_classes()
        if not isinstance(ffi, classes) and callable(ffi):
            ffi = ffi()
        if not isinstance(ffi, classes):
            module = ffi_class.__module__ if ffi_class else "jiffi"
            raise TypeError("Found an object with the name %r but it was not an "
                            "instance of %s.FFI" % (variable, module))
        return ffi
    finally:
        sys.path[:] = path


def ffi_from_sources(module_name, cdef, source, ffi_class=None):
    if ffi_class is None:
        from jiffi import FFI as ffi_class
    ffi = ffi_class()
    ffi.cdef(cdef)
    ffi.set_source(module_name, source)
    return ffi


def c_text(ffi):
    """What emit_c_code() writes."""
    out = io.StringIO()
    ffi.emit_c_code(out)
    return out.getvalue()


def write(output, text):
    if output == "-":
        sys.stdout.write(text)
        return
    with open(output, "w", encoding="utf-8") as f:
        f.write(text)


def _same_file(a, b):
    if a is b:
        return True
    try:
        return os.path.samefile(a.name, b.name)
    except OSError:
        return False


def _exec_python(args, parser):
    with args.pyfile as f:
        ffi = find_ffi(f.read(), f.name, args.ffi_var, args.ffi_class,
                       args.script_name)
    write(args.output, c_text(ffi))


def _read_sources(args, parser):
    if _same_file(args.cdef, args.csrc):
        parser.error("cdef and csrc are the same file and should not be")
    with args.csrc, args.cdef:
        source = args.csrc.read()
        cdef = args.cdef.read()
    from jiffi import CDefError, FFIError
    try:
        text = c_text(ffi_from_sources(args.module_name, cdef, source,
                                       args.ffi_class))
    except (CDefError, FFIError, ValueError) as e:
        # The user's mistake, in a file that has a name: no traceback of ours.
        parser.exit(1, "%s: error: %s\n" % (parser.prog, str(e).replace(
            "<cdef source string>", args.cdef.name)))
    write(args.output, text)


def _no_mode(args, parser):
    parser.error("a subcommand is required: exec-python or read-sources")


def add_gen_commands(parser, ffi_class=None, script_name=SCRIPT_NAME):
    """The two ways to name what is to be generated, as sub-commands."""
    parser.set_defaults(ffi_class=ffi_class, script_name=script_name, run=_no_mode)
    commands = parser.add_subparsers(dest="mode", metavar="MODE")
    text_file = argparse.FileType("r", encoding="utf-8")

    script = commands.add_parser(
        "exec-python", help="run a Python script that makes an FFI object")
    script.add_argument(
        "--ffi-var", default="ffibuilder", metavar="NAME",
        help="name of the FFI object, or of a function that returns it "
             "(default: ffibuilder)")
    script.add_argument("pyfile", type=text_file, help="the script")
    script.add_argument("output", help="where the C source goes")
    script.set_defaults(run=_exec_python)

    files = commands.add_parser(
        "read-sources", help="read the declarations and the C source from two files")
    files.add_argument("module_name", help="name of the module, with its packages")
    files.add_argument("cdef", type=text_file, help="the declarations, as for cdef()")
    files.add_argument("csrc", type=text_file, help="the source, as for set_source()")
    files.add_argument("output", help="where the C source goes")
    files.set_defaults(run=_read_sources)


def _advise(argv):
    """The rest of the line is the program's: argparse would look into it."""
    from ._advise import main as advise
    advise(argv)
    return 0


def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["advise"]:
        return _advise(argv[1:])
    parser = argparse.ArgumentParser(
        prog="jiffi", description="Call C from Python.")
    commands = parser.add_subparsers(metavar="COMMAND")
    gen = commands.add_parser("gen", help="write the C source of a module")
    parser.set_defaults(parser=parser, run=lambda args, _: parser.error(
        "a command is required: " + ", ".join(commands.choices)))
    gen.set_defaults(parser=gen)
    add_gen_commands(gen)
    add_look_commands(commands)
    commands.add_parser("advise", add_help=False, help="run a program and say which C "
                        "functions should keep the GIL")
    args = parser.parse_args(argv)
    args.run(args, args.parser)
    return 0
