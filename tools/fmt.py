#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""clang-format over the C files: `tools/fmt.py [--check] PROGRAM`.

Headers are laid out by hand (tables of X-macros, comments in columns) and are
left alone.
"""

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DIRS = ("src", "tests/unit", "tests/fuzz", "examples", "bench/peers")


def files():
    for top in DIRS:
        for here, _, names in os.walk(os.path.join(ROOT, top)):
            for n in sorted(names):
                if n.endswith(".c"):
                    yield os.path.relpath(os.path.join(here, n), ROOT)


def main(argv):
    check = "--check" in argv
    program = [a for a in argv if not a.startswith("--")][0]
    flags = ["--dry-run", "-Werror"] if check else ["-i"]
    wrong = []
    for path in files():
        done = subprocess.run([program, *flags, path], cwd=ROOT, text=True,
                              stderr=subprocess.PIPE)
        if done.returncode:
            wrong.append((path, (done.stderr.splitlines() or [""])[0]))
    for path, first in wrong:
        print("format: %s (%s); `make fmt` repairs it" % (path, first))
    print("format: %d files not as .clang-format wants them" % len(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
