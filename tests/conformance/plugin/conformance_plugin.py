# SPDX-License-Identifier: MIT
"""pytest plugin: every outcome at once to a file, so that a crash loses none.

Also refuses to run, before and after, when `cffi` or `_cffi_backend` is not
jiffi's: then nothing was tested.
"""

import json
import os
import sys

import pytest


def wrong():
    """Why what would be tested is not jiffi; None when it is."""
    import _cffi_backend
    import cffi
    for module in (cffi, _cffi_backend):
        if getattr(module, "__jiffi__", None) is not True:
            return "%s is %s, not jiffi's" % (module.__name__, module.__file__)
    build = os.path.realpath(os.environ["JF_CONFORMANCE_BUILD"])
    file = os.path.realpath(_cffi_backend.__file__)
    if not file.startswith(build + os.sep):
        return "_cffi_backend is %s, which is not of the build %s" % (file, build)
    if not issubclass(cffi.FFI, _cffi_backend._InlineFFI):
        return "cffi.FFI is %r, not jiffi's" % (cffi.FFI,)
    return None


def pytest_sessionstart(session):
    why = wrong()
    if why:
        pytest.exit("conformance: " + why, returncode=9)


def pytest_sessionfinish(session, exitstatus):
    modules = [sys.modules.get(n) for n in ("cffi", "_cffi_backend")]
    if not all(getattr(m, "__jiffi__", None) for m in modules) or wrong():
        pytest.exit("conformance: at the end of the tests, cffi was another module "
                    "than at the beginning", returncode=9)


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
        write(id=report.nodeid, outcome=report.outcome, when=report.when,
              text=text[-800:])
