# SPDX-License-Identifier: MIT
"""pytest plugin: every outcome at once to a file, so that a crash loses none.

Also refuses to run when `cffi` or `_cffi_backend` is not the shim's, or when
what stands behind it is not jiffi.
"""

import json
import os

import pytest

SHIM = os.path.dirname(os.path.abspath(__file__))


def ours():
    import _cffi_backend
    import cffi
    for module in (cffi, _cffi_backend):
        if not os.path.abspath(module.__file__).startswith(SHIM + os.sep):
            return "%s is %s, not the shim's" % (module.__name__, module.__file__)
    if not any(c.__module__.split(".")[0] == "jiffi" for c in cffi.FFI.__mro__):
        return "cffi.FFI is %r, not jiffi's" % (cffi.FFI,)
    return None


def pytest_sessionstart(session):
    wrong = ours()
    if wrong:
        pytest.exit("conformance: " + wrong, returncode=9)


def write(**row):
    with open(os.environ["JF_CONFORMANCE_LOG"], "a") as f:
        f.write(json.dumps(row) + "\n")


def pytest_runtest_logstart(nodeid, location):
    write(id=nodeid, outcome="started")


def pytest_collectreport(report):
    if report.failed:
        write(id=report.nodeid, outcome="failed", text=str(report.longrepr)[-800:])


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        text = ""
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            text = crash.message if crash else str(report.longrepr)
        write(id=report.nodeid, outcome=report.outcome, when=report.when, text=text[-800:])
