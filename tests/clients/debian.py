# SPDX-License-Identifier: MIT
"""Debian's packages with modules that stock cffi compiled, unpacked (not installed)
and loaded on jiffi, then on Debian's own cffi, by Debian's Python.

Every name of lib is fetched and every type of ffi looked at (inspect_module.py);
both sides have to say the same about all of them.
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PYTHON = "/usr/bin/python3"
PACKAGES = """python3-aiortc python3-argon2 python3-bcrypt python3-blurhash python3-cmarkgfm
python3-cryptography python3-isospec python3-jack-client python3-librtmp python3-milksnake
python3-nacl python3-notmuch2 python3-olm python3-persistent python3-ppmd
python3-psycopg2cffi python3-pycares python3-pygit2 python3-pylibsrtp python3-reflink
python3-rpy2 python3-snimpy python3-soundfile python3-ssdeep
python3-suitesparse-graphblas python3-tpm2-pytss python3-xattr python3-xcffib
python3-xeddsa python3-zlmdb python3-zmq python3-zstandard""".split()
MANY = 40  # more libraries than this are not fetched for one package
FORM = "%-30s %-14s %-38s %6s %-10s %6s"


def quiet(words, **more):
    return subprocess.run(words, text=True, errors="replace", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **more)


def unpack(package, store):
    """Download and unpack a package once; its version, or None and why."""
    there = glob.glob(os.path.join(store, package + "_*.deb"))
    if not there:
        done = quiet(["apt-get", "download", "-q", package], cwd=store)
        there = glob.glob(os.path.join(store, package + "_*.deb"))
        if not there:
            return None, (done.stdout.strip().splitlines() or ["not found"])[-1][:80]
        quiet(["dpkg", "-x", there[0], os.path.join(store, "root")])
        quiet(["dpkg", "-x", there[0], os.path.join(store, "of", package)])
    return os.path.basename(there[0]).split("_")[1].replace("%3a", ":"), None


def libraries(package, store):
    """Unpack what the package's modules link against and this machine lacks."""
    text = quiet(["apt-cache", "depends", "--recurse", "--no-recommends", "--no-suggests",
                  "--no-conflicts", "--no-breaks", "--no-replaces", "--no-enhances",
                  package]).stdout
    names = sorted({w for w in re.findall(r"^(lib[-a-z0-9.+]+)$", text, re.M)})
    lacking = [n for n in names if subprocess.call(
        ["dpkg", "-s", n], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)]
    for name in lacking if len(lacking) <= MANY else ():
        unpack(name, store)


def modules(package, store):
    """The compiled cffi modules of a package."""
    for path in sorted(glob.glob(os.path.join(store, "of", package, "**", "*.so"),
                                 recursive=True)):
        with open(path, "rb") as f:
            if b"_cffi_backend" in f.read():
                yield path


def look(path, side, build, libs):
    env = dict(os.environ, LD_LIBRARY_PATH=os.pathsep.join(libs), PYTHONFAULTHANDLER="1")
    env.pop("PYTHONPATH", None)
    if side == "jiffi":
        python = os.path.join(build, "python")
        env["PYTHONPATH"] = os.pathsep.join(
            [os.path.join(python, "jiffi", "dropin", "path"), python])
    try:
        done = subprocess.run([PYTHON, os.path.join(HERE, "inspect_module.py"), path],
                              env=env, text=True, errors="replace", timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except subprocess.TimeoutExpired:
        return None, "no end in 120 s"
    if done.returncode:
        words = (done.stderr.strip().splitlines() or ["exit %d" % done.returncode])[-1]
        return None, "signal %d" % -done.returncode if done.returncode < 0 else words
    answer = json.loads(done.stdout)
    if answer["ours"] != (side == "jiffi"):
        return None, "this ran on another cffi"
    return answer, None


def one_module(path, shown, version, build, libs):
    """True: the same on both; False; None: not on stock either."""
    name = os.path.basename(path).replace(".cpython-311-x86_64-linux-gnu", "")
    stock, why = look(path, "stock", build, libs)
    if stock is None:
        print(FORM % (shown, version, name, "", "not tried", ""))
        print("    stock: " + why)
        return None
    jiffi, why = look(path, "jiffi", build, libs)
    if jiffi is None:
        print(FORM % (shown, version, name, len(stock["lines"]), "FAILED", ""))
        print("    " + why, flush=True)
        return False
    different = [(a, b) for a, b in zip(stock["lines"], jiffi["lines"]) if a != b]
    same = not different and len(stock["lines"]) == len(jiffi["lines"])
    print(FORM % (shown, version, name, len(stock["lines"]),
                  "same" if same else "%d DIFFER" % max(1, len(different)),
                  "%.2f" % (jiffi["seconds"] / stock["seconds"])), flush=True)
    for a, b in different[:5]:
        print("    stock  %s\n    jiffi  %s" % (a[:300], b[:300]))
    return same


def main(build, names):
    if not shutil.which("apt-get") or not os.path.exists(PYTHON):
        print("clients: no Debian here; its modules were not tried")
        return 0
    if quiet([PYTHON, "-c", "import _cffi_backend"]).returncode:
        print("clients: python3-cffi-backend is not installed, nothing to compare with")
        return 0
    store = os.path.join(ROOT, "build", "clients-debian")
    quiet([PYTHON, "-m", "compileall", "-q", os.path.join(build, "python", "jiffi")])
    for part in ("root", "of"):
        os.makedirs(os.path.join(store, part), exist_ok=True)
    print(FORM % ("package", "version", "module", "names", "jiffi", "time"))
    results = []
    for package in [p for p in PACKAGES if not names or p in names]:
        version, why = unpack(package, store)
        if version is None:
            print(FORM % (package, "-", "", "", "not there", ""))
            print("    " + why)
            continue
        found = list(modules(package, store))
        if found:
            libraries(package, store)
        libs = [d for d in glob.glob(os.path.join(store, "root", "usr", "lib", "*-linux-*"))]
        libs += glob.glob(os.path.join(store, "root", "usr", "lib", "*-linux-*", "*/"))
        for path in found:
            results.append(one_module(path, package, version, build, libs))
        if not found:
            print(FORM % (package, version, "(none: ABI mode)", "", "-", ""))
    print("%d modules the same on both, %d not, %d not tried" % (
        results.count(True), results.count(False), results.count(None)))
    return 1 if False in results or True not in results else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
