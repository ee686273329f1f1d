#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check the architecture: who includes whom, file sizes, stray #ifs, headers.

The rules are the tables of docs/architecture.md, read from there. Prints one
line per breach, `file:line: sentence`, and exits with 1 if there is any.

    tools/layers.py              all checks
    tools/layers.py --no-headers without compiling headers
"""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import sysconfig

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MAX_LINES = 800
SOURCE_DIRS = ("src", "include")
INCLUDE = re.compile(r'\s*#\s*include\s*"([^"]+)"')
SYSTEM_INCLUDE = re.compile(r"\s*#\s*include\s*<([^>]+)>")
CONDITIONAL = re.compile(r"\s*#\s*(if|ifdef|ifndef|elif|elifdef|elifndef)\b(.*)")


def tables(path):
    """The Markdown tables of a file: {heading: [row of cells]}."""
    found, heading = {}, ""
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.startswith("#"):
                heading = line.strip("# \n")
            elif line.startswith("|"):
                cells = [c.strip() for c in line.strip().strip("|").split("|")]
                if not set("".join(cells)) <= set("-: "):
                    found.setdefault(heading, []).append(cells)
    return {h: rows[1:] for h, rows in found.items()}


class Room:
    def __init__(self, name, pattern, may):
        self.name = name
        self.pattern = pattern.strip("`")
        self.may = set() if may in ("–", "-", "") else {m.strip() for m in may.split(",")}

    def holds(self, path):
        if self.pattern.endswith("/"):
            return path.startswith(self.pattern)
        return fnmatch.fnmatch(path, self.pattern)


class Checker:
    def __init__(self, root):
        self.root = root
        self.breaches = []
        doc = tables(os.path.join(root, "docs", "architecture.md"))
        self.rooms = [Room(r[0], r[1], r[3]) for r in doc["Rooms"]]
        self.by_name = {r.name: r for r in self.rooms}
        place = next(h for h in doc if h.startswith("Where platform"))
        self.conditional_ok = [r[0].strip("`") for r in doc[place]]
        self.files = sorted(self.find_files())
        self.text = {}
        for f in self.files:
            with open(os.path.join(root, f), encoding="utf-8") as handle:
                self.text[f] = handle.read().splitlines()

    def say(self, path, line, sentence):
        self.breaches.append("%s:%d: %s" % (path, line, sentence))

    def find_files(self):
        for top in SOURCE_DIRS:
            for here, _, names in os.walk(os.path.join(self.root, top)):
                for n in names:
                    if n.endswith((".c", ".h")):
                        yield os.path.relpath(os.path.join(here, n), self.root)

    def room_of(self, path):
        return next((r for r in self.rooms if r.holds(path)), None)

    def resolve(self, path, name):
        """The file of this tree that `#include "name"` means, or None."""
        for base in ("src", "include", os.path.dirname(path)):
            candidate = os.path.normpath(os.path.join(base, name))
            if candidate in self.text:
                return candidate
        return None

    # --- the checks ---------------------------------------------------------

    def check_table(self):
        """Every room named exists, and the table itself has no cycle."""
        state = {}

        def visit(name, trail):
            if name not in self.by_name:
                self.say("docs/architecture.md", 1, "no room is called %r" % name)
                return
            if state.get(name) == "open":
                circle = trail[trail.index(name):] + [name]
                self.say("docs/architecture.md", 1,
                         "the table has a cycle: " + " -> ".join(circle))
                return
            if state.get(name) == "done":
                return
            state[name] = "open"
            for other in sorted(self.by_name[name].may):
                visit(other, trail + [name])
            state[name] = "done"

        for room in self.rooms:
            visit(room.name, [])

    def check_includes(self):
        self.edges = {f: [] for f in self.files}
        for f in self.files:
            mine = self.room_of(f)
            if mine is None:
                self.say(f, 1, "belongs to no room of docs/architecture.md")
                continue
            for number, line in enumerate(self.text[f], 1):
                self.check_include(f, mine, number, line)

    def check_include(self, f, mine, number, line):
        system = SYSTEM_INCLUDE.match(line)
        if system and system.group(1) == "Python.h" and mine.name != "python":
            self.say(f, number, "Python.h outside the room python")
        match = INCLUDE.match(line)
        if not match:
            return
        target = self.resolve(f, match.group(1))
        if target is None:
            if match.group(1) != "jf_config.h":
                self.say(f, number, "%r is no header of this tree; system headers "
                         "are written <...>" % match.group(1))
            return
        self.edges[f].append(target)
        theirs = self.room_of(target)
        if theirs is None or theirs is mine or theirs.name in mine.may:
            return
        # The halves of arch share arch.h and their private headers.
        if mine.name.startswith("arch") and theirs.name == "arch":
            return
        self.say(f, number, "room %s may not include %s of room %s (it may: %s)" % (
            mine.name, target, theirs.name, ", ".join(sorted(mine.may)) or "nothing"))

    def check_cycles(self):
        state = {}

        def visit(f, trail):
            if state.get(f) == "open":
                circle = trail[trail.index(f):] + [f]
                self.say(f, 1, "include cycle: " + " -> ".join(circle))
                return
            if state.get(f) == "done":
                return
            state[f] = "open"
            for g in self.edges.get(f, ()):
                visit(g, trail + [f])
            state[f] = "done"

        for f in self.files:
            visit(f, [])

    def check_sizes(self):
        for f in self.files:
            n = len(self.text[f])
            if n > MAX_LINES:
                self.say(f, n, "%d lines; at most %d are allowed" % (n, MAX_LINES))

    def check_conditionals(self):
        for f in self.files:
            if any(f.startswith(p) if p.endswith("/") else f == p
                   for p in self.conditional_ok):
                continue
            guard_seen = False
            for number, line in enumerate(self.text[f], 1):
                match = CONDITIONAL.match(line)
                if not match:
                    continue
                word, rest = match.group(1), match.group(2).strip()
                if f.endswith(".h") and not guard_seen and word == "ifndef" \
                        and rest.endswith("_H"):
                    guard_seen = True
                    continue
                self.say(f, number, "#%s %s outside the files made for it" % (word, rest))

    def check_headers(self):
        cc = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
        if not cc:
            print("layers: no C compiler, headers not compiled")
            return
        python_h = sysconfig.get_path("include")
        have_python = os.path.exists(os.path.join(python_h, "Python.h"))
        for f in self.files:
            if not f.endswith(".h") or f == "include/jiffi.h":
                continue
            flags = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
                     "-Wno-unused-function", "-Isrc", "-Iinclude"]
            if f.startswith("src/python/"):
                if not have_python:
                    continue
                flags += ["-isystem", python_h]
            self.compile(cc.split() + flags + ["-x", "c"], f, "alone as C11")
        if "include/jiffi.h" in self.text:
            strict = ["-pedantic", "-Wall", "-Wextra", "-Werror"]
            self.compile(cc.split() + ["-std=c11", "-x", "c"] + strict,
                         "include/jiffi.h", "alone as strict C11")
            cxx = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")
            if cxx:
                self.compile(cxx.split() + ["-std=c++11", "-x", "c++"] + strict,
                             "include/jiffi.h", "alone as strict C++11")
            else:
                print("layers: no C++ compiler, jiffi.h not compiled as C++11")

    def compile(self, command, header, how):
        # Included from a file of its own, so that "#pragma once in main file"
        # and unused-function warnings do not differ from real use.
        source = '#include "%s"\n' % os.path.join(self.root, header)
        done = subprocess.run(command + ["-fsyntax-only", "-"], input=source, text=True,
                              cwd=self.root, stderr=subprocess.PIPE)
        if done.returncode:
            first = next((x for x in done.stderr.splitlines() if "error" in x),
                         done.stderr.strip()[:200])
            self.say(header, 1, "does not compile %s: %s" % (how, first))


def main(argv):
    checker = Checker(ROOT)
    checker.check_table()
    checker.check_includes()
    checker.check_cycles()
    checker.check_sizes()
    checker.check_conditionals()
    if "--no-headers" not in argv:
        checker.check_headers()
    for line in checker.breaches:
        print(line)
    print("layers: %d files, %d rooms, %d breach%s" % (
        len(checker.files), len(checker.rooms), len(checker.breaches),
        "" if len(checker.breaches) == 1 else "es"))
    return 1 if checker.breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
