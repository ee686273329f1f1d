# SPDX-License-Identifier: MIT
"""From a C file to a shared library.

Two ways lead there. setuptools' build_ext is cffi's way and knows every keyword
and every setting (setup.cfg, CFLAGS...); where setuptools is not installed the
compiler that Python itself was built with is called directly, with what
sysconfig says about it. direct.py has the second.
"""

import os
import subprocess
import sys

from . import direct


class BuildFailure(Exception):
    """The compiler, or the linker, or that there is none. The text has
    everything they said."""


def have_setuptools():
    try:
        import setuptools  # noqa: F401
        from setuptools.command.build_ext import build_ext  # noqa: F401
    except Exception:  # broken installations raise all sorts of things
        return False
    return True


def extension_class():
    """setuptools' Extension, or distutils' where Python still has it."""
    try:
        from setuptools import Extension
    except Exception:
        try:
            from distutils.extension import Extension
        except ImportError:
            raise ImportError("distutils_extension() needs setuptools, which is not "
                              "installed; ffi.compile() does without") from None
    return Extension


def system_target(target):
    """"name.*" with the ending that shared libraries have on this system."""
    if not target.endswith(".*"):
        return target
    ending = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
    return target[:-2] + ending


def compile_extension(module_name, c_file, kwds, tmpdir=".", target="*", verbose=0,
                      debug=None, embedding=False):
    """Compile `c_file` (relative to `tmpdir`) and the sources that `kwds` names.

    `kwds` are those of setuptools' Extension. Returns the absolute path of the
    result; raises BuildFailure.
    """
    kwds = dict(kwds)
    sources = [c_file] + [os.path.normpath(s) for s in kwds.pop("sources", ())]
    if debug is None:
        debug = sys.flags.debug
    if verbose:
        print("%s %r" % ("the current directory is" if tmpdir == "." else
                         "setting the current directory to",
                         os.path.abspath(tmpdir)))
    way = _with_setuptools if have_setuptools() else _directly
    path = way(module_name, sources, kwds, tmpdir, target, verbose, debug, embedding)
    return os.path.abspath(path)


# --- directly -------------------------------------------------------------------


def _directly(module_name, sources, kwds, tmpdir, target, verbose, debug, embedding):
    limited = kwds.pop("py_limited_api", False)
    if target == "*":
        target = module_name.replace(".", os.sep) + direct.module_suffix(limited)
    output = os.path.join(os.path.abspath(tmpdir), system_target(target))
    os.makedirs(os.path.dirname(output), exist_ok=True)
    try:
        direct.build(sources, output, kwds, cwd=tmpdir, debug=debug,
                     verbose=verbose, dynamic_library=embedding)
    except direct.Failure as e:
        raise BuildFailure(str(e)) from None
    return output


# --- with setuptools --------------------------------------------------------------


def _spawn(verbose):
    """A replacement of a compiler's spawn(), or call() where setuptools has that:
    what the command prints is kept for the exception, and shown as well."""
    from distutils.errors import DistutilsExecError

    class CommandFailed(DistutilsExecError, OSError):
        """What callers of spawn() and those of call() take for a failed command."""

    def spawn(command, **kwargs):
        command = [os.fspath(word) for word in command]
        if verbose:
            print(" ".join(command))
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, env=kwargs.get("env"))
        except OSError as e:
            raise CommandFailed("cannot run the compiler %r: %s" % (
                command[0], e.strerror or e)) from None
        output = done.stdout.decode(errors="replace")
        if done.returncode != 0:
            raise CommandFailed("command %r failed with exit code %d\n%s" % (
                command[0], done.returncode, output))
        if output:
            sys.stderr.write(output)

    return spawn


def _build_ext_class(target, verbose, embedding):
    from setuptools.command.build_ext import build_ext

    class jiffi_build_ext(build_ext):
        """build_ext whose result has the name we want."""

        def get_ext_filename(self, fullname):
            if target == "*":
                return super().get_ext_filename(fullname)
            return system_target(target)

        def build_extensions(self):
            self.compiler.spawn = self.compiler.call = _spawn(verbose)
            if embedding and sys.platform == "darwin":
                # A bundle cannot be linked to programs.
                self.compiler.linker_so = [
                    "-dynamiclib" if word == "-bundle" else word
                    for word in self.compiler.linker_so]
            super().build_extensions()

    return jiffi_build_ext


def _quiet_log(verbose):
    """Let distutils' log say as much as `verbose`; returns how to undo it."""
    try:
        from distutils import log
        old = log.set_threshold(0) or 0
        log.set_verbosity(verbose)
        return lambda: log.set_threshold(old)
    except (ImportError, AttributeError):
        return lambda: None


def _run_build_ext(ext, target, verbose, debug, embedding):
    from setuptools import Distribution
    from distutils.errors import CompileError, LinkError

    dist = Distribution({
        "ext_modules": [ext],
        "cmdclass": {"build_ext": _build_ext_class(target, verbose, embedding)}})
    dist.parse_config_files()
    options = dist.get_option_dict("build_ext")
    for key, value in (("debug", debug), ("force", True), ("build_lib", "."),
                       ("build_temp", "."), ("inplace", False)):
        options[key] = ("jiffi", value)
    restore = _quiet_log(verbose)
    try:
        dist.run_command("build_ext")
        outputs = dist.get_command_obj("build_ext").get_outputs()
    except (CompileError, LinkError) as e:
        raise BuildFailure("%s: %s" % (type(e).__name__, e)) from None
    finally:
        restore()
    return outputs[0]


def _with_setuptools(module_name, sources, kwds, tmpdir, target, verbose, debug,
                     embedding):
    from setuptools import Extension

    ext = Extension(name=module_name, sources=sources, **kwds)
    environ = dict(os.environ)
    cwd = os.getcwd()
    os.chdir(tmpdir)  # relative paths in `kwds` are meant from there
    try:
        return os.path.abspath(
            _run_build_ext(ext, target, verbose, debug, embedding))
    finally:
        os.chdir(cwd)
        for key, value in environ.items():  # distutils makes some longer and longer
            if os.environ.get(key) != value:
                os.environ[key] = value
