#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every CPython >= 3.9 of this machine that can build extensions.

Prints one line per version, `3.12.1 /path/to/python`; looks at pyenv's versions
and at python3.N on PATH. One per major.minor: the newest patch, with threads
that are free in a class of their own.
"""

import glob
import os
import shutil
import subprocess
import sys

PROBE = """
import os, platform, sys, sysconfig
print(platform.python_implementation(), "%d.%d.%d" % sys.version_info[:3],
      int(os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))),
      int(bool(sysconfig.get_config_var("Py_GIL_DISABLED"))),
      os.path.realpath(sys.executable))
import venv, ensurepip
"""


def candidates():
    pyenv = shutil.which("pyenv") or os.path.expanduser("~/.pyenv/bin/pyenv")
    if os.path.exists(pyenv):
        root = subprocess.run([pyenv, "root"], text=True, stdout=subprocess.PIPE).stdout.strip()
        bare = subprocess.run([pyenv, "versions", "--bare"], text=True,
                              stdout=subprocess.PIPE).stdout.split()
        for version in bare:
            yield from glob.glob(os.path.join(root, "versions", version, "bin", "python3"))
    for minor in range(9, 20):
        for suffix in ("", "t"):
            found = shutil.which("python3.%d%s" % (minor, suffix))
            if found:
                yield found
    for found in (sys.executable, "/usr/bin/python3"):
        if os.path.exists(found):
            yield found


def find():
    """[(version, path, free_threaded)], one per minor, and why others are not."""
    best, skipped = {}, []
    for path in candidates():
        done = subprocess.run([path, "-c", PROBE], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
        words = done.stdout.split()
        if len(words) != 5:
            continue  # a pyenv shim without a version behind it
        name, version, headers, free, real = words
        number = tuple(int(x) for x in version.split("."))
        if name != "CPython" or number < (3, 9):
            continue
        if headers == "0" or done.returncode:
            lacks = "no Python.h" if headers == "0" else "no venv module"
            skipped.append("%s %s: %s" % (version, path, lacks))
            continue
        key = (number[:2], free)
        if key not in best or number > best[key][0]:
            best[key] = (number, version, real, free == "1")
    return [best[k][1:] for k in sorted(best)], skipped


def main():
    found, skipped = find()
    for version, path, free in found:
        print(version + ("t" if free else ""), path)
    for line in skipped:
        print("skipped:", line, file=sys.stderr)


if __name__ == "__main__":
    main()
