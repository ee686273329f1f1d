# SPDX-License-Identifier: MIT
"""A package's own tests, out of its source release, on stock cffi and on jiffi.

Only the directories that the table names are unpacked, so that what is tested is
the installed package. The outcome of every single test has to be the same.
"""

import collections
import glob
import os
import shutil
import subprocess
import tarfile
import tempfile
import xml.etree.ElementTree


def fetch(installed, row, version, to):
    """Unpack the tests; the directory, or None and the reason."""
    if not row.tests.paths:
        os.mkdir(os.path.join(to, "source"))
        return os.path.join(to, "source"), None
    name = row.dist
    done = subprocess.run(
        [installed.python, "-m", "pip", "--disable-pip-version-check", "-q", "download",
         "--no-deps", "--no-binary", name, "-d", to, "%s==%s" % (name, version)],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    archives = glob.glob(os.path.join(to, "*.tar.gz"))
    if done.returncode or not archives:
        return None, (done.stdout.strip().splitlines() or ["no source release"])[-1]
    with tarfile.open(archives[0]) as tar:
        members = [m for m in tar.getmembers() if wanted(m.name, row.tests.paths)]
        if hasattr(tarfile, "data_filter"):
            tar.extractall(to, members, filter="data")
        else:
            tar.extractall(to, members)
    return archives[0][:-len(".tar.gz")], None


def wanted(name, paths):
    inner = name.partition("/")[2]
    return any(inner == p or inner.startswith(p + "/") for p in paths)


def outcomes(installed, side, row, source):
    """{test: outcome}, the words of the last line"""
    work = os.path.join(os.path.dirname(source), side)
    shutil.copytree(source, work, symlinks=True)
    report = os.path.join(work, "report.xml")
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=",
             "--junitxml", report, "-o", "junit_family=xunit1"]
    done = installed.run(words + [*row.tests.words, *row.tests.paths[:1]], side, row,
                         timeout=900, cwd=work)
    found = {}
    if os.path.exists(report):
        for case in xml.etree.ElementTree.parse(report).iter("testcase"):
            kinds = {c.tag for c in case} & {"failure", "error", "skipped"}
            name = "%s::%s" % (case.get("classname"), case.get("name"))
            found[name] = max(kinds, default="passed")
    return found, (done.stdout.strip() or done.stderr.strip() or "nothing").splitlines()[-1]


def compare(installed, row, version, result):
    to = tempfile.mkdtemp(prefix="client-")
    if row.tests.pip:
        subprocess.call([installed.python, "-m", "pip", "--disable-pip-version-check",
                         "install", "-q", *row.tests.pip])
    try:
        source, why = fetch(installed, row, version, to)
        if source is None:
            result["tests"] = "not run: " + why[:80]
            return
        stock, stock_says = outcomes(installed, "stock", row, source)
        jiffi, jiffi_says = outcomes(installed, "jiffi", row, source)
    finally:
        shutil.rmtree(to, ignore_errors=True)
    different = sorted(t for t in stock.keys() | jiffi.keys() if stock.get(t) != jiffi.get(t))
    counts = collections.Counter(jiffi.values())
    result["tests"] = ", ".join("%d %s" % (counts[k], k) for k in (
        "passed", "failure", "error", "skipped") if counts[k]) or "none ran"
    result["tests"] += ": " + ("%d DIFFER" % len(different) if different else "same")
    result["tests_differ"] = bool(different) or not counts["passed"]
    result["notes"] += ["%s: stock %s, jiffi %s" % (t, stock.get(t), jiffi.get(t))
                        for t in different[:12]]
    if result["tests_differ"]:
        result["notes"] += ["stock's last line: " + stock_says,
                            "jiffi's last line: " + jiffi_says]
