# SPDX-License-Identifier: MIT
"""Every Python example of the documentation runs, in its order, page by page.

C and C++ that begins with a comment of its file's name is compiled where it stands:
"/* shop.c */" becomes libshop.so in the directory where the examples run.
"""

import errno
import importlib.util
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest

import jiffi

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ["README.md", "docs/guide.md", "docs/errors.md", "docs/lifetimes.md",
         "docs/threads.md"]
BLOCK = re.compile(r"^```(python|c|cpp)\n(.*?)^```", re.M | re.S)
FILE = re.compile(r"(?:/\*|//) (\w+\.(?:c|cpp))\b")


def blocks(page):
    """(line, language, text) of every block that a reader would run."""
    text = (ROOT / page).read_text()
    for match in BLOCK.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1), match.group(2)


def compile_library(source, directory):
    """What a block of C says: ./libNAME.so of the file that it names."""
    named = FILE.match(source)
    if not named:
        return
    path = directory / named.group(1)
    path.write_text(source)
    variable, usual = ("CXX", "c++") if path.suffix == ".cpp" else ("CC", "cc")
    command = shlex.split(os.environ.get(variable) or usual)
    if not shutil.which(command[0]):
        pytest.skip("no " + usual)
    subprocess.run([*command, "-g", "-O1", "-fPIC", "-shared", "-pthread", str(path), "-o",
                    str(directory / ("lib%s.so" % path.stem))], check=True)


@pytest.mark.parametrize("page", PAGES)
def test_examples(page, capfd, tmp_path, monkeypatch):
    # Where compile() puts modules, and import finds them.
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("JIFFI_CACHE", str(tmp_path / "cache"))
    # A child runs elsewhere than where a relative PYTHONPATH was meant.
    monkeypatch.setenv("PYTHONPATH", str(pathlib.Path(jiffi.__file__).resolve().parents[1]))
    names = {"jiffi": jiffi, "errno": errno}
    ran = 0
    for line, language, source in blocks(page):
        if language != "python":
            compile_library(source, tmp_path)
            continue
        ran += 1
        if "np." in source and not importlib.util.find_spec("numpy"):
            continue
        code = compile("\n" * line + source, str(ROOT / page), "exec")
        exec(code, names)
    assert ran, "no example on " + page
