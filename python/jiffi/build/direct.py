# SPDX-License-Identifier: MIT
"""Calling the C compiler that Python was built with, without setuptools.

sysconfig knows its name and flags; CC, CXX, CFLAGS, CPPFLAGS, LDFLAGS and
LDSHARED in the environment have the meaning they have for setuptools.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile

_CXX_ENDINGS = (".cpp", ".cc", ".cxx", ".c++", ".C")
_KEYWORDS = {
    "include_dirs", "define_macros", "undef_macros", "library_dirs", "libraries",
    "runtime_library_dirs", "extra_objects", "extra_compile_args",
    "extra_link_args", "language"}
# Of no meaning here: about other systems, or about when to build.
_IGNORED = {"depends", "export_symbols", "swig_opts", "optional"}


class Failure(Exception):
    """What the compiler printed, or that it could not be run."""


def module_suffix(limited=False):
    """What the file name of an extension module ends in."""
    if limited:
        return ".abi3.so" if sys.platform != "win32" else ".pyd"
    return sysconfig.get_config_var("EXT_SUFFIX") or ".so"


def _words(name, default=""):
    return shlex.split(sysconfig.get_config_var(name) or default)


def _from_environ(name):
    return shlex.split(os.environ.get(name, ""))


def is_cxx(source):
    return source.endswith(_CXX_ENDINGS)


class Toolchain:
    """The commands, as lists of words: cc, cxx to compile, ld and ldxx to link."""

    def __init__(self):
        flags = _words("CFLAGS") + _from_environ("CPPFLAGS")
        flags += _from_environ("CFLAGS") + _words("CCSHARED", "-fPIC")
        cc = _words("CC", "cc")
        cxx = _words("CXX", "c++")
        link = _words("LDSHARED", "cc -shared")
        if os.environ.get("CC"):
            own = _from_environ("CC")
            if link[:len(cc)] == cc:
                link = own + link[len(cc):]
            cc = own
        if os.environ.get("CXX"):
            cxx = _from_environ("CXX")
        if os.environ.get("LDSHARED"):
            link = _from_environ("LDSHARED")
        self.cc = cc + flags
        self.cxx = cxx + [f for f in flags if f != "-Wstrict-prototypes"]
        end = _from_environ("CFLAGS") + _from_environ("LDFLAGS")
        self.ld = link + end
        self.ldxx = cxx[:1] + link[1:] + end

    def program(self, cxx=False):
        """Full path of the compiler, None if it is not to be found."""
        return shutil.which((self.cxx if cxx else self.cc)[0])


def include_dirs():
    """Where Python.h is."""
    dirs = [sysconfig.get_path("include"), sysconfig.get_path("platinclude")]
    return list(dict.fromkeys(d for d in dirs if d))


def _define(macro):
    name, value = (macro if len(macro) == 2 else (macro[0], None))
    return "-D%s" % name if value is None else "-D%s=%s" % (name, value)


def compile_flags(kwds, debug=False):
    flags = ["-g"] if debug else []
    flags += [_define(m) for m in kwds.get("define_macros") or ()]
    flags += ["-U" + name for name in kwds.get("undef_macros") or ()]
    flags += ["-I" + os.fspath(d) for d in kwds.get("include_dirs") or ()]
    return flags + ["-I" + d for d in include_dirs()]


def link_flags(kwds):
    flags = [os.fspath(o) for o in kwds.get("extra_objects") or ()]
    flags += ["-L" + os.fspath(d) for d in kwds.get("library_dirs") or ()]
    flags += ["-Wl,-rpath," + os.fspath(d)
              for d in kwds.get("runtime_library_dirs") or ()]
    flags += ["-l" + name for name in kwds.get("libraries") or ()]
    return flags + list(kwds.get("extra_link_args") or ())


def run(command, cwd, verbose):
    """Run it; Failure with all that it printed. Warnings go to stderr."""
    if verbose:
        print(" ".join(command))
    try:
        done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    except OSError as e:
        raise Failure("CompileError: cannot run the compiler %r: %s" % (
            command[0], e.strerror or e)) from None
    output = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        what = "CompileError" if "-c" in command else "LinkError"
        raise Failure("%s: command %r failed with exit code %d\n%s" % (
            what, command[0], done.returncode, output))
    if output:
        sys.stderr.write(output)


def build(sources, output, kwds, cwd=".", debug=False, verbose=0,
          dynamic_library=False, toolchain=None):
    """Compile `sources` and link them to the shared library `output`."""
    unknown = set(kwds) - _KEYWORDS - _IGNORED
    if unknown:
        raise Failure("set_source(): unknown keyword %s; without setuptools these "
                      "are known: %s" % (", ".join(sorted(unknown)),
                                         ", ".join(sorted(_KEYWORDS))))
    tools = toolchain or Toolchain()
    all_cxx = kwds.get("language") == "c++"
    flags = compile_flags(kwds, debug)
    extra = list(kwds.get("extra_compile_args") or ())
    objects = tempfile.mkdtemp(prefix="jiffi-")
    try:
        made = []
        for i, source in enumerate(sources):
            made.append(os.path.join(objects, "%d.o" % i))
            run((tools.cxx if all_cxx or is_cxx(source) else tools.cc) + flags +
                ["-c", source, "-o", made[-1]] + extra, cwd, verbose)
        cxx = all_cxx or any(map(is_cxx, sources))
        link = tools.ldxx if cxx else tools.ld
        if dynamic_library and sys.platform == "darwin":
            link = ["-dynamiclib" if w == "-bundle" else w for w in link]
        run(link + made + link_flags(kwds) + ["-o", output], cwd, verbose)
    finally:
        shutil.rmtree(objects, ignore_errors=True)
