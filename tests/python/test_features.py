# SPDX-License-Identifier: MIT
"""jiffi.features(): what is on, and a sentence for what is not."""

import json
import os
import subprocess
import sys

import pytest

import jiffi
from jiffi._features import TITLES

PLACE = os.path.dirname(os.path.dirname(jiffi.__file__))


def elsewhere(code, **env):
    """What `code` prints in a fresh process."""
    done = subprocess.run([sys.executable, "-c", code], text=True, check=True,
                          env=dict(os.environ, PYTHONPATH=PLACE, **env),
                          stdout=subprocess.PIPE)
    return done.stdout


def features_elsewhere(**env):
    return json.loads(elsewhere(
        "import json, jiffi; f = jiffi.features(); print(json.dumps([f, f.why]))", **env))


def test_everything_has_a_value_or_a_reason():
    found = jiffi.features()
    assert set(found) == set(TITLES) | {"why_not"}
    for key in TITLES:
        value, why = found[key], found.why.get(key)
        assert isinstance(value, str) or value is None
        if value is None:
            assert why and why[-1] == "." and len(why) > 15, key


def test_old_keys():
    found = jiffi.features()
    assert found["target"]
    assert found["calls"] in ("code", "libffi", "none")
    assert (found["why_not"] is None) == (found["calls"] == "code")
    assert type(found["libffi"]) is str or found["libffi"] is None


def test_table_fits_a_terminal():
    lines = str(jiffi.features()).splitlines()
    assert len(lines) >= len(TITLES)
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["jiffi", jiffi.__version__]


def test_without_code():
    found, why = features_elsewhere(JIFFI_JIT="off")
    for key in ("errno", "gdb", "perf"):
        assert found[key] is None
        assert "JIFFI_JIT" in why[key]
    assert found["calls"] != "code" and "JIFFI_JIT" in why["calls"]


@pytest.mark.parametrize("env, key, on", [
    ({"JIFFI_PERF": "1"}, "perf", True),
    ({"JIFFI_PERF": ""}, "perf", False),
    ({"JIFFI_CHECKED": "1"}, "checked", True),
    ({"JIFFI_CHECKED": "0"}, "checked", False),
])
def test_switches(env, key, on):
    found, why = features_elsewhere(**env)
    if key == "perf" and found["calls"] != "code":
        on = False
    assert (found[key] is not None) == on
    assert (key in why) != on


def test_libraries_are_seen_when_they_come():
    """NumPy and C++ are there once they are loaded."""
    pytest.importorskip("numpy")
    out = elsewhere("import jiffi; a = jiffi.features()['numpy']; import numpy;"
                    "print(a, jiffi.features()['numpy'], sep='|')")
    before, after = out.strip().split("|")
    assert before == "None" and after.startswith("NumPy ")


def test_command():
    out = subprocess.run([sys.executable, "-m", "jiffi", "features"], text=True, check=True,
                         stdout=subprocess.PIPE, env=dict(os.environ, PYTHONPATH=PLACE))
    assert [line for line in out.stdout.splitlines() if line.startswith("calls")]
    assert jiffi.features()["target"] in out.stdout
