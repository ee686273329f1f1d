# SPDX-License-Identifier: MIT
"""Where cffi's tests run: the environment, the sources, one file at a time.

The suite is fetched when it is run and never kept in the tree. It runs in an
environment in which no cffi is installed but packaging/cffi-dropin, over jiffi
as it was built: some tests start Python with PYTHONPATH blanked, so a directory
on a path is not enough.
"""

import collections
import glob
import json
import os
import shutil
import subprocess
import sys
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TIMEOUT = 1800


def output_of(*command, **kwds):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True,
                          **kwds).stdout.strip()


def environment(build, base=None):
    """The Python of an environment with pytest and cffi-dropin over `build`; one
    environment for each build directory."""
    venv = os.path.join("build", "venv-conformance-" + build.replace(os.sep, "-"))
    subprocess.check_call(["tools/venv.sh", venv, base or sys.executable,
                           "requirements/conformance.txt"], cwd=ROOT)
    python = os.path.join(ROOT, venv, "bin", "python")
    packages = output_of(python, "-c",
                         "import sysconfig; print(sysconfig.get_path('purelib'))")
    with open(os.path.join(packages, "jiffi-of-the-build.pth"), "w") as f:
        f.write(os.path.join(ROOT, build, "python") + "\n")
    source = os.path.join(ROOT, "packaging", "cffi-dropin")
    stamp = os.path.join(ROOT, venv, ".done-cffi-dropin")
    files = [p for p in glob.glob(source + "/**", recursive=True) if os.path.isfile(p)]
    newest = max(map(os.path.getmtime, files))
    if not os.path.exists(stamp) or os.path.getmtime(stamp) < newest:
        install_dropin(python, source, os.path.join(ROOT, venv, "cffi-dropin"))
        with open(stamp, "w"):
            pass
    return python


def install_dropin(python, source, copy):
    """From a copy: setuptools writes beside what it builds."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(source, copy)
    subprocess.check_call([python, "-m", "pip", "--disable-pip-version-check", "-q",
                           "install", "--no-build-isolation", "--no-deps",
                           "--force-reinstall", copy])


def fetch(python, to):
    """Download and unpack the newest source release; the directory."""
    subprocess.check_call([python, "-m", "pip", "--disable-pip-version-check", "-q",
                           "download", "--no-binary", "cffi", "--no-deps",
                           "--no-build-isolation", "-d", to, "cffi"])
    archive = glob.glob(os.path.join(to, "cffi-*.tar.gz"))[0]
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):
            tar.extractall(to, filter="data")
        else:
            tar.extractall(to)
    return archive[:-len(".tar.gz")]


def copy_tests(source, to):
    """The tests alone, without the package they were written for: a copy, because
    they write beside themselves, and because nothing of stock cffi's own source
    may be importable."""
    shutil.copytree(os.path.join(source, "testing"), os.path.join(to, "testing"))
    os.makedirs(os.path.join(to, "src", "c"))
    shutil.copy(os.path.join(source, "src", "c", "test_c.py"),
                os.path.join(to, "src", "c"))
    os.mkdir(os.path.join(to, "cwd"))  # holds no pyproject.toml
    return to


def all_files(suite):
    """Names of the files with tests, relative to the suite."""
    files = glob.glob(os.path.join(suite, "testing", "*", "test_*.py"))
    return ["src/c/test_c.py"] + sorted(os.path.relpath(p, suite) for p in files)


def read_log(path):
    """{test: (outcome, text)}; a test that began and did not end is "started"."""
    outcomes = collections.OrderedDict()
    if os.path.exists(path):
        with open(path) as f:
            for line in f:
                row = json.loads(line)
                before = outcomes.get(row["id"], ("", ""))
                if before[0] != "failed":
                    outcomes[row["id"]] = (row["outcome"], row.get("text", ""))
    return outcomes


class Unusable(Exception):
    """Nothing can be said about jiffi: it is not what was under test."""


def run_file(python, suite, name, build, select=None, show=False):
    """{test: (outcome, text)} of one file, names relative to the suite. After a
    crash the rest goes on without the culprit."""
    log = os.path.join(suite, "log")
    if os.path.exists(log):
        os.remove(log)
    env = dict(os.environ, JF_CONFORMANCE_LOG=log,
               JF_CONFORMANCE_BUILD=os.path.join(ROOT, build),
               PYTHONPATH=os.path.join(HERE, "plugin"))
    # First: embedding tests start whatever Python the PATH has.
    env["PATH"] = os.path.dirname(python) + os.pathsep + env["PATH"]
    culprits, output = {}, ""
    for _ in range(40):
        command = [python, "-m", "pytest", "-q", "-p", "conformance_plugin",
                   "-p", "no:cacheprovider", "-p", "no:randomly", "--tb=short",
                   "--rootdir", suite, os.path.join(suite, name)]
        command += ["-k", select] if select else []
        for test in list(read_log(log)) if culprits else []:
            command += ["--deselect", test]
        try:
            done = subprocess.run(command, cwd=os.path.join(suite, "cwd"), env=env,
                                  timeout=TIMEOUT, text=True, errors="replace",
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            code, output = done.returncode, done.stdout
        except subprocess.TimeoutExpired as e:
            code, output = "no end within %d s" % TIMEOUT, str(e.stdout or "")
        if show:
            print(output)
        if code == 9:
            raise Unusable(output.strip().splitlines()[-1])
        begun = [k for k, v in read_log(log).items()
                 if v[0] == "started" and k not in culprits]
        if code in (0, 1, 2, 5) or not begun:
            break
        culprits[begun[-1]] = ("crashed", "the process ended with %s" % code)
    outcomes = read_log(log)
    outcomes.update(culprits)
    if not outcomes:
        print(output[-2000:])
    return collections.OrderedDict((k[k.find(name):], v) for k, v in outcomes.items()
                                   if v[0] != "started")
