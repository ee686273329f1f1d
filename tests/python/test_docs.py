# SPDX-License-Identifier: MIT
"""Every Python example of the documentation runs, in its order, page by page."""

import errno
import importlib.util
import pathlib
import re

import pytest

import jiffi

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ["README.md", "docs/guide.md"]


def blocks(page):
    text = (ROOT / page).read_text()
    for match in re.finditer(r"^```python\n(.*?)^```", text, re.M | re.S):
        yield text.count("\n", 0, match.start()) + 1, match.group(1)


@pytest.mark.parametrize("page", PAGES)
def test_examples(page, capfd, tmp_path, monkeypatch):
    # Where compile() puts modules, and import finds them.
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("JIFFI_CACHE", str(tmp_path / "cache"))
    names = {"jiffi": jiffi, "errno": errno}
    found = list(blocks(page))
    assert found, "no example on " + page
    for line, source in found:
        if "np." in source and not importlib.util.find_spec("numpy"):
            continue
        code = compile("\n" * line + source, str(ROOT / page), "exec")
        exec(code, names)
