# SPDX-License-Identifier: MIT
"""`jiffi gen`, and setuptools' keywords jiffi_modules= and cffi_modules=."""

import glob
import os
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

import pytest

import jiffi

PACKAGE = str(Path(jiffi.__file__).parent.parent)

SCRIPT = """
    from jiffi import FFI

    ffibuilder = FFI()
    ffibuilder.cdef("int square(int n);")
    ffibuilder.set_source("squared._squared",
                          "static int square(int n) { return n * n; }")
    something_else = 42

    if __name__ == "__main__":
        raise SystemExit("run as a program")
"""

FUNCTION = """
    import os
    assert os.path.isabs(__file__) and __name__ == "jiffi.gen_src"

    def ffibuilder():
        from helper import SOURCE  # stands beside the script
        from jiffi import FFI
        ffi = FFI()
        ffi.cdef("int square(int n);")
        ffi.set_source("squared._squared", SOURCE)
        return ffi
"""


def run(*args, cwd=None, stdin="", ok=True):
    env = dict(os.environ, PYTHONPATH=PACKAGE)
    done = subprocess.run([sys.executable, "-m", "jiffi", *map(str, args)], cwd=cwd,
                          env=env, input=stdin, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    assert (done.returncode == 0) is ok, done.stderr
    return done.stdout if ok else done.stderr


def script(directory, text, name="build_it.py"):
    path = directory / name
    path.write_text(textwrap.dedent(text))
    return path


def test_exec_python(tmp_path):
    path = script(tmp_path, SCRIPT)
    run("gen", "exec-python", path, tmp_path / "out.c")
    text = (tmp_path / "out.c").read_text()
    assert "PyInit__squared(void)" in text and "return n * n;" in text
    assert run("gen", "exec-python", path, "-") == text
    assert run("gen", "exec-python", "-", "-", stdin=textwrap.dedent(SCRIPT)) == text


def test_function_and_neighbours(tmp_path):
    script(tmp_path, "SOURCE = 'static int square(int n) { return n * n; }'", "helper.py")
    path = script(tmp_path, FUNCTION)
    assert "PyInit__squared" in run("gen", "exec-python", path, "-", cwd="/")


def test_read_sources(tmp_path):
    (tmp_path / "a.cdef").write_text("int square(int n);")
    (tmp_path / "a.c").write_text("static int square(int n) { return n * n; }")
    text = run("gen", "read-sources", "squared._squared", tmp_path / "a.cdef",
               tmp_path / "a.c", "-")
    assert text == run("gen", "exec-python", script(tmp_path, SCRIPT), "-")
    assert text == run("gen", "read-sources", "squared._squared", "-", tmp_path / "a.c",
                       "-", stdin="int square(int n);")


@pytest.mark.parametrize("args, words", [
    ([], "a command is required"),
    (["gen"], "a subcommand is required: exec-python or read-sources"),
    (["gen", "exec-python", "no_such_file.py", "-"], "no_such_file.py"),
    (["gen", "exec-python", "--ffi-var", "absent", "build_it.py", "-"], "'absent'"),
    (["gen", "exec-python", "--ffi-var", "something_else", "build_it.py", "-"],
     "not an instance of jiffi.FFI"),
    (["gen", "read-sources", "m", "-", "-", "-"],
     "are the same file and should not be"),
    (["gen", "read-sources", "m", "build_it.py", "build_it.py", "-"],
     "are the same file and should not be"),
    (["gen", "read-sources", "not a name", "-", "build_it.py", "-"], "'not a name'"),
])
def test_gen_errors(tmp_path, args, words):
    script(tmp_path, SCRIPT)
    assert words in run(*args, cwd=str(tmp_path), ok=False)


def test_gen_names_the_file(tmp_path):
    """A mistake in the declarations is one of their file, not of ours."""
    (tmp_path / "a.cdef").write_text("int f(int);\nint g(sizet n);\n")
    (tmp_path / "a.c").write_text("")
    said = run("gen", "read-sources", "m", "a.cdef", "a.c", "out.c", cwd=str(tmp_path),
               ok=False)
    assert "error: a.cdef:2:7: unknown type name 'sizet'" in said
    assert "Traceback" not in said and not (tmp_path / "out.c").exists()


# --- setuptools ------------------------------------------------------------------------

SETUP = """
    import sys
    sys.path.insert(0, {package!r})
    from setuptools import setup, Distribution
    from jiffi import setuptools_ext

    class Dist(Distribution):
        # As the entry points of an installed jiffi do it.
        jiffi_modules = cffi_modules = None
        def finalize_options(self):
            super().finalize_options()
            if {keyword!r} == "jiffi_modules":
                setuptools_ext.jiffi_modules(self, "jiffi_modules", {value!r})
            else:
                setuptools_ext._stock_handler = lambda: False
                setuptools_ext.cffi_modules(self, "cffi_modules", {value!r})

    setup(name="project", version="1", packages=["squared"], distclass=Dist, {more})
"""


def project(directory, value="build_it.py:ffibuilder", build=SCRIPT,
            keyword="jiffi_modules", more=""):
    pytest.importorskip("setuptools")
    (directory / "squared").mkdir()
    (directory / "squared" / "__init__.py").write_text("")
    script(directory, build.replace("jiffi.gen_src", "__cffi__"))
    script(directory, SETUP.format(package=PACKAGE, keyword=keyword, value=value,
                                   more=more), "setup.py")


def setup_py(directory, *args, ok=True):
    env = dict(os.environ, PYTHONPATH=PACKAGE, CFLAGS="-O0")
    done = subprocess.run([sys.executable, "setup.py", *args], cwd=str(directory),
                          env=env, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert (done.returncode == 0) is ok, done.stdout
    return done.stdout


def try_it(directory, code="from squared._squared import lib; print(lib.square(7))"):
    env = dict(os.environ, PYTHONPATH=os.pathsep.join([str(directory), PACKAGE]))
    return subprocess.run([sys.executable, "-c", code], env=env, text=True, check=True,
                          stdout=subprocess.PIPE).stdout


@pytest.mark.parametrize("keyword, suffix", [
    ("jiffi_modules", sysconfig.get_config_var("EXT_SUFFIX")),
    ("cffi_modules", ".abi3.so")])
def test_build_ext(tmp_path, keyword, suffix):
    project(tmp_path, keyword=keyword)
    setup_py(tmp_path, "build")
    (lib,) = glob.glob(str(tmp_path / "build" / "lib*"))
    assert sorted(os.listdir(os.path.join(lib, "squared"))) == [
        "__init__.py", "_squared" + suffix]
    assert try_it(lib) == "49\n"


def test_inplace_and_list(tmp_path):
    project(tmp_path, value=["build_it.py:ffibuilder"])
    setup_py(tmp_path, "build_ext", "-i")
    assert try_it(tmp_path) == "49\n"


def test_py_module(tmp_path):
    project(tmp_path, build="""
        from jiffi import FFI
        def ffibuilder():
            ffi = FFI()
            ffi.cdef("int abs(int);")
            ffi.set_source("squared._abs", None)
            return ffi
    """)
    code = "from squared._abs import ffi; print(ffi.dlopen(None).abs(-5))"
    setup_py(tmp_path, "build")
    (lib,) = glob.glob(str(tmp_path / "build" / "lib*"))
    assert try_it(lib, code) == "5\n"
    setup_py(tmp_path, "build_ext", "-i")
    assert try_it(tmp_path, code) == "5\n"
    setup_py(tmp_path, "sdist")


def test_pre_run_hook(tmp_path):
    project(tmp_path, more="cmdclass={'build_ext': hooked}")
    path = tmp_path / "setup.py"
    path.write_text(textwrap.dedent("""
        from setuptools.command.build_ext import build_ext
        class hooked(build_ext):
            def pre_run(self, ext, ffi):
                assert ext.name == "squared._squared"
                ext.define_macros.append(("square", "not_square"))
                print("HOOK", type(ffi).__name__)
    """) + path.read_text())
    assert "HOOK FFI" in setup_py(tmp_path, "build_ext", "-i")


@pytest.mark.parametrize("value, words", [
    (5, "not iterable"),
    ([5], "must be a str or a list of str, not 'int'"),
    ("build_it.py", "must be of the form 'path/build.py:ffi_variable'"),
    ("build_it:ffibuilder",
     "does not name an existing file (rewrite jiffi_modules to ['build_it.py:ffib"),
    ("absent.py:ffibuilder", "'absent.py' does not name an existing file"),
    ("build_it.py:absent", "object 'absent' not found in module"),
    ("build_it.py:something_else", "is not an FFI instance (got 'int')"),
    ("build_it.py:FFI", "the set_source() method was not called"),
])
def test_setup_errors(tmp_path, value, words):
    project(tmp_path, value=value)
    assert words in setup_py(tmp_path, "build", ok=False)


@pytest.mark.parametrize("others, stock", [
    ([], False), (["jiffi.setuptools_ext:cffi_modules"], False),
    (["jiffi.setuptools_ext:cffi_modules", "cffi.setuptools_ext:cffi_modules"], True)])
def test_stock_cffi_is_left_to_itself(monkeypatch, others, stock):
    from importlib import metadata

    from jiffi import setuptools_ext
    points = [metadata.EntryPoint("cffi_modules", value, "distutils.setup_keywords")
              for value in others]

    class Points(dict):
        if sys.version_info >= (3, 10):
            def select(self, **kwds):
                return points

    monkeypatch.setattr(metadata, "entry_points",
                        lambda: Points({"distutils.setup_keywords": points}))
    assert setuptools_ext._stock_handler() is stock
